/* SPDX-License-Identifier: MIT */
/*
 * Replay, the work: rows are replayed, each in a process of its own, some at a time.
 */
#ifndef ALLOT_TOOLS_REPLAY_WORK_H
#define ALLOT_TOOLS_REPLAY_WORK_H

#include "replay_compile.h"
#include "replay_row.h"

struct replay_work {
	struct replay_run *run;
	const struct replay_survey *survey;
	enum replay_payload payload;
	unsigned rounds, jobs;
	double limit_s;              /* of one round of one row */
	bool is_verified;            /* model: compare with the kernel at every sample */
	bool has_lab;                /* model: analyse the accesses */
	unsigned shard, shard_count; /* 0: all rows */
	char library[PATH_MAX];      /* liballot.so */
	char helper[PATH_MAX];       /* of the machine that all rows are replayed on */
};

/*
 * Replay every row of the shard; the others are taken out of the run. Progress goes to standard
 * error when that is a terminal. False: the system gives no processes, said on standard error.
 */
bool replay_work(struct replay_work *work);

/* One round of a row, by the process that calls it: what the helper said, with its samples. */
struct replay_round {
	struct replay_outcome outcome;
	struct replay_sample *samples;    /* outcome.sample_count of them, to be freed */
	struct replay_moment *moments;    /* as many, to be freed */
	uint64_t unresolved;
	char status[REPLAY_TEXT_BYTES];   /* "ok", or what went wrong */
};
void replay_round_play(struct replay_round *round, const struct replay_work *work,
		       const struct replay_row *row, enum replay_payload payload);
void replay_round_finish(struct replay_round *round);

/* Draw the row's figures from its rounds. */
void replay_figures(struct replay_row *row, const struct replay_work *work,
		    const struct replay_round *rounds, size_t count);
/*
 * On memory: between which bounds they lie, by rounds that wrote nothing and all of the payload.
 * One that is not ok says nothing of its side: least is 0 then, and most all that was mapped.
 */
void replay_figures_bound(struct replay_row *row, const struct replay_round *chosen,
			  const struct replay_round *none, const struct replay_round *all);
/* Those of the recording itself. */
void replay_figures_recorded(struct replay_row *row, const struct replay_survey *survey);

#endif
