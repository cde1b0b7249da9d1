/* SPDX-License-Identifier: MIT */
/*
 * What both programs that replay need: the pipes to and from `allot replay`, memory of their own,
 * and the list of their mappings, all without asking malloc or moving the break.
 */
#ifndef ALLOT_TOOLS_REPLAY_HELPER_H
#define ALLOT_TOOLS_REPLAY_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HELPER_STATUS_FAILED = 1 };

/* Zeroed memory that is resident at once; the process ends when there is none. */
void *helper_memory(size_t bytes);

/* Read `bytes` from standard input, or up to its end. Returns how many. */
size_t helper_read(void *to, size_t bytes);
/* Write all to standard output. */
bool helper_write(const void *from, size_t bytes);

/* A mapping of this process, as in proc_pid_maps(5). */
struct helper_mapping {
	uintptr_t begin, end;
	bool is_readable, is_writable, is_private;
	bool is_file;  /* of a file */
	bool is_named; /* [stack] and the like */
};

void helper_mappings_visit(void (*visit)(const struct helper_mapping *mapping, void *context),
			   void *context);

#endif
