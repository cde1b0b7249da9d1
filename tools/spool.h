/* SPDX-License-Identifier: MIT */
/*
 * Spool: the private folder through which a program that is started here tells what it does.
 *
 * It lies in memory (/dev/shm) where there is room: what passes through it is written by the
 * program and read by us, and a few megabytes of it exist at a time.
 */
#ifndef ALLOT_TOOLS_SPOOL_H
#define ALLOT_TOOLS_SPOOL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Make the folder, and remove those that ended starters of ours have left. False with errno;
 * `folder` is what was tried.
 */
bool spool_make(char folder[PATH_MAX]);

/* Remove it with all that is in it. */
void spool_remove(const char *folder);

/*
 * Set our environment so that a program that is run records into the folder, with the options
 * `conf` beside that. False with a message.
 */
bool spool_environment(const char *folder, const char *conf, char *message,
		       size_t message_bytes);

/* The process of a raw file, by its name: "PROGRAM.PID.raw", perhaps with a number behind; 0: it
 * is none. */
pid_t spool_process(const char *name);

/* How long "PROGRAM.PID" is in the name of a raw file. */
size_t spool_name_length(const char *name);

/* Has the process ended? One whose parent did not look yet has; one whose first thread ended while
 * others go on has not. */
bool process_has_ended(pid_t process);

/* Does the process have the file of that path mapped? False where that cannot be seen. */
bool process_has_mapped(pid_t process, const char *file);

#endif
