/* SPDX-License-Identifier: MIT */
/*
 * Replay, shares: which parts of a large block the program wrote to, as far as samples can tell.
 *
 * A page that was not resident at the sample before, and is now, was written by the block that lay
 * there in between, or by one of several at least. A page that an earlier block had dirtied is
 * resident whatever the program does: nobody can see whether this block wrote to it as well. There
 * the share is taken that blocks of like size were seen to write of fresh pages that they had for
 * themselves, at the same place in them. Of a program that fills its blocks that is all of them; of
 * one that does not, other strategies would look fatter than they are if such pages counted as
 * written.
 */
#ifndef ALLOT_TOOLS_REPLAY_SHARE_H
#define ALLOT_TOOLS_REPLAY_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <allot/trace.h>

enum {
	REPLAY_SHARE_CLASSES = 64, /* sizes between powers of two */
	REPLAY_SHARE_PLACES = 64,  /* stretches of a block */
};

/* A large block: one with pages of its own. */
struct replay_large {
	uint64_t address, bytes;
	uint64_t touched_bytes;  /* of it, as far as records say */
	size_t at;               /* of its REPLAY_TOUCH record that awaits a sample, or SIZE_MAX */
	uint32_t number;
	float draw;              /* of 0 to 1: it is one that wrote where the share is larger */
	bool is_gone;            /* freed, but its record waits */
	bool is_old;             /* it was there at a sample */
};

struct replay_range {
	uint64_t begin, end;
	uint32_t blocks; /* covered: how many, one after another, that are not decided yet */
	uint64_t written; /* covered: which 64ths of it were, by those that are */
};

/* In order, and apart from each other. */
struct replay_ranges {
	struct replay_range *all;
	size_t count, capacity;
};

/* Offsets in a block. */
struct replay_part {
	uint64_t from, to;
};

struct replay_seen {
	uint64_t bytes, written_bytes;
};

struct replay_share {
	uint64_t page_bytes;
	struct replay_ranges resident; /* now */
	struct replay_ranges stale;    /* at the sample before, and not given back since */
	struct replay_ranges fresh;    /* resident and not stale */
	struct replay_ranges covered;  /* where blocks lay that came since */
	struct replay_edge *edges;     /* of those */
	size_t edge_capacity;
	/* Of pages that were fresh. */
	struct replay_seen seen[REPLAY_SHARE_CLASSES][REPLAY_SHARE_PLACES];
	struct replay_seen seen_classes[REPLAY_SHARE_CLASSES], seen_all;
	struct replay_part *parts;     /* written, of the block asked about last */
	size_t part_count, part_capacity;
};

/* The heap's pages change hands. */
void replay_share_pages(struct replay_share *share, const struct trace_event *event);
/* A sample: `large` are the blocks there are, and those that came since the one before and went. */
void replay_share_begin(struct replay_share *share, const struct trace_sample *sample,
			const struct replay_large *large, size_t count);
/* What a block that came since the sample before wrote to, into `parts`. */
void replay_share_new(struct replay_share *share, const struct replay_large *large);
/* What one is likely to have written to that no sample tells of. */
void replay_share_unseen(struct replay_share *share, const struct replay_large *large);
/* What one that was there wrote to since then. */
void replay_share_old(struct replay_share *share, const struct replay_large *large);
/* The sample is done with. */
void replay_share_end(struct replay_share *share);
void replay_share_finish(struct replay_share *share);

#endif
