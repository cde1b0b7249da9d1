/* SPDX-License-Identifier: MIT */
/*
 * Locate: where the files of ours are that commands need, and how to preload the library.
 */
#ifndef ALLOT_TOOLS_LOCATE_H
#define ALLOT_TOOLS_LOCATE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define LIBRARY_NAME "liballot.so"

/*
 * Find the library: beside this program, as in a build directory and in an installation that was
 * moved, else where it was configured to be installed. Returns false with the reason in `message`.
 */
bool library_locate(char path[PATH_MAX], char *message, size_t message_bytes);

/* Find the folder of `allot bench` in the same way. Returns false with the reason in `message`. */
bool bench_locate(char folder[PATH_MAX], char *message, size_t message_bytes);

/* Find the folder with what `allot vm cc` links into programs. False with the reason. */
bool record_locate(char folder[PATH_MAX], char *message, size_t message_bytes);

/* Find the helper of `allot vm diff` likewise. False with the reason in `message`. */
bool vm_helper_locate(char path[PATH_MAX], char *message, size_t message_bytes);

/* Find the helper `program` of `allot replay` likewise. False with the reason in `message`. */
bool replay_helper_locate(const char *program, char path[PATH_MAX], char *message,
			  size_t message_bytes);

/* The path of this program. Returns false with errno. */
bool own_path(char path[PATH_MAX]);

/* Put `library` first in LD_PRELOAD. Returns false with errno ENOMEM. */
bool library_preload(const char *library);

#endif
