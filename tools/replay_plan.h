/* SPDX-License-Identifier: MIT */
/*
 * Replay, the plan: which configurations a trace is replayed on, a row each.
 */
#ifndef ALLOT_TOOLS_REPLAY_PLAN_H
#define ALLOT_TOOLS_REPLAY_PLAN_H

#include <allot/trace.h>

#include "replay_row.h"

enum { REPLAY_WORDS_MAX = 64 };

/* What the command line asks for. Strings are its own. */
struct replay_request {
	const char *strategies;             /* "all", a list, or NULL */
	const char *confs[REPLAY_WORDS_MAX];
	size_t conf_count;
	const char *libraries[REPLAY_WORDS_MAX]; /* NAME=LIB */
	size_t library_count;
	bool is_on_model;
};

/*
 * Add the rows. The same request on the same trace always gives the same, in the same order.
 * False, with one line in `message` and what was probably meant in `meant`, when a word is wrong.
 */
bool replay_plan(struct replay_run *run, const struct replay_request *request,
		 const struct trace_info *info, char *message, size_t message_bytes,
		 char meant[REPLAY_TEXT_BYTES]);

/* Does row `index` belong to shard `number` of `count`, numbers from 1 on? */
bool replay_plan_is_in_shard(unsigned index, unsigned number, unsigned count);

#endif
