/* SPDX-License-Identifier: MIT */
/*
 * Group: the processes that are followed, and the program they come from if it was started here.
 *
 * A program started here records into a private folder (spool.h), as do its children and what they
 * become; all of them are followed, and one is looked at. A process that was there before is one,
 * and only watched where another reads its recording already or keeps it.
 */
#ifndef ALLOT_TOOLS_TOP_GROUP_H
#define ALLOT_TOOLS_TOP_GROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "top.h"

enum { TOP_PROCESSES_MAX = 256 };

/* Start with zeros. */
struct top_group {
	char folder[PATH_MAX];   /* "": none was made */
	pid_t child;             /* started here; 0: none */
	int child_status;        /* as wait(2) has it */
	bool child_has_ended;
	uint64_t ended_ns;       /* when that was seen */
	struct top_process *all[TOP_PROCESSES_MAX];
	size_t count, chosen;
	bool is_chosen;          /* by hand */
};

struct top_child_options {
	char **words;
	const char *conf;
	const char *log;         /* file for its output, or NULL */
	bool is_forced;          /* overwrite it */
	bool is_silent;          /* the terminal is ours: output is dropped without a log, and there
				    is no input; else it goes to standard error */
};

/*
 * Find the recording of `process` and begin to watch it. False with one line in `message`, which
 * says what to do instead.
 */
bool top_group_watch(struct top_group *group, pid_t process, char *message,
		     size_t message_bytes);

/* Start a program. STATUS_OK, or the status to exit with; it was said why. */
int top_group_start(struct top_group *group, const struct top_child_options *options);

/* Look for new files and take what was written, for about `limit_ns`; how many events. */
size_t top_group_step(struct top_group *group, uint64_t limit_ns);

/* The process that is looked at; NULL: there is none yet. */
struct top_process *top_group_chosen(const struct top_group *group);

/* Look at the next one. */
void top_group_next(struct top_group *group);

/* Has all that there was been read, and will nothing more come? */
bool top_group_is_over(const struct top_group *group);

/* End the program, if it was started here and still runs; its status, or STATUS_OK. */
int top_group_end(struct top_group *group);

#endif
