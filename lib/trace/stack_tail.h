/* SPDX-License-Identifier: MIT */
/*
 * Stack tails: the innermost few frames of stacks, known by their words.
 *
 * From one malloc to the next only a few of the innermost frames differ, and those there are come
 * again: the same function, called at the same place of the stack by the same callers. A tail is a
 * state, the words that a walk read from there, and the state of the memo at which it ended. If
 * these words are what they were, and the memo's state is there, then so is the frame's number: no
 * rule is followed, no frame looked up. Exact as the memo is (stack_memo.h), for the same reason.
 *
 * The words are return addresses, and where frame pointers matter, those as well. Tails are kept
 * by a hash of their state, one for each value. What has one is not put into the memo, so that the
 * memo stays what other tails end at.
 */
#ifndef TRACE_STACK_TAIL_H
#define TRACE_STACK_TAIL_H

#include "trace/stack_memo.h"

enum {
	STACK_TAILS_LOG2 = 9,
	STACK_TAILS = 1 << STACK_TAILS_LOG2,
	TAIL_STEPS = 4,
	TAIL_ALIGN = 64, /* a cache line */
};

/* Two cache lines, the second for frame pointers. Zeros are none. */
struct stack_tail {
	_Alignas(TAIL_ALIGN) uintptr_t pc;
	uintptr_t sp;
	uintptr_t values[TAIL_STEPS];    /* return addresses; the last one repeated */
	uint16_t at[TAIL_STEPS];         /* where they are, in words above sp */
	uint32_t parent : 24;            /* frame of the memo's state */
	uint32_t state : 8;              /* its index */
	uint32_t frame : 31;             /* of the whole stack */
	uint32_t uses_fp : 1;            /* what follows counts */
	uintptr_t fp, memo_fp;           /* of the state; of the memo's */
	uintptr_t fp_values[TAIL_STEPS]; /* saved frame pointers, the last one repeated */
	uint16_t fp_at[TAIL_STEPS];
};

/* The tail that a state's would be. */
ALLOT_INLINE struct stack_tail *tail_place(struct stack_tail *tails, const struct registers *state)
{
	enum { HASH_BITS = 64 };
	uint64_t hash = (state->pc ^ state->sp << 24) * UINT64_C(0x9E3779B97F4A7C15);
	return &tails[hash >> (HASH_BITS - STACK_TAILS_LOG2)];
}

/* 0: all that is known of frame pointers is as it was. */
READS_STACK ALLOT_INLINE uintptr_t tail_fp_difference(const struct stack_tail *tail,
						      const struct stack_memo *memo,
						      const struct registers *state)
{
	uintptr_t difference = (tail->fp ^ state->fp) | (tail->memo_fp ^ memo->fp[tail->state]);
	for (unsigned i = 0; i < TAIL_STEPS; i++)
		difference |= stack_word(state->sp + tail->fp_at[i] * sizeof(uintptr_t)) ^
			      tail->fp_values[i];
	return difference;
}

/* The number of the stack from `state`, 0: it is not that tail's. Memo and state are at home. */
READS_STACK ALLOT_INLINE uint32_t tail_frame(const struct stack_tail *tail,
					     const struct stack_memo *memo,
					     const struct registers *state)
{
	unsigned k = tail->state;
	uintptr_t sp = state->sp, difference = 0;
	if (tail->pc != state->pc || tail->sp != sp || k >= memo->count ||
	    memo->frame[k] != tail->parent ||
	    memo->sp[k] != sp + (tail->at[TAIL_STEPS - 1] + (uintptr_t)1) * sizeof(uintptr_t))
		return 0;
	for (unsigned i = 0; i < TAIL_STEPS; i++)
		difference |= stack_word(sp + tail->at[i] * sizeof(uintptr_t)) ^ tail->values[i];
	if (tail->uses_fp)
		difference |= tail_fp_difference(tail, memo, state);
	if (unlikely(difference != 0 || memo_verify(memo, k + 1, sp) != k + 1))
		return 0;
	return tail->frame;
}

/* Note where frame pointers were saved on the way, and what they were. */
static inline void tail_keep_fp(struct stack_tail *tail, const struct stack_memo *memo, unsigned k,
				const struct walk_step *steps, unsigned count)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < count; i++) {
		bool is_last = i + 1 == count;
		/* Whether the memo's state is the same was found by its fp only if that matters. */
		if (steps[i].fp_at == 0 || (is_last && !memo->needs_fp[k]))
			continue;
		tail->fp_at[kept] =
			(uint16_t)((steps[i].fp_at - steps[0].state.sp) / sizeof(uintptr_t));
		tail->fp_values[kept++] = is_last ? memo->fp[k] : steps[i + 1].state.fp;
	}
	for (unsigned i = kept; i < TAIL_STEPS; i++) {
		tail->fp_at[i] = kept == 0 ? tail->at[0] : tail->fp_at[kept - 1];
		tail->fp_values[i] = kept == 0 ? tail->values[0] : tail->fp_values[kept - 1];
	}
	tail->fp = steps[0].state.fp;
	tail->memo_fp = memo->fp[k];
}

/*
 * Keep the tail of `count` steps, TAIL_STEPS at most, that ended at state `k` of the memo and came
 * to `frame`. False: it is none that can be kept.
 */
static inline bool tail_keep(struct stack_tail *tail, const struct stack_memo *memo, unsigned k,
			     const struct walk_step *steps, unsigned count, uint32_t frame)
{
	uintptr_t sp = steps[0].state.sp;
	uintptr_t last_at = (memo->sp[k] - sp) / sizeof(uintptr_t) - 1;
	bool uses_fp = memo->needs_fp[k], is_stored = false;
	for (unsigned i = 0; i < count; i++) {
		uses_fp |= steps[i].uses_fp;
		is_stored |= steps[i].sp_at != 0;
	}
	if (is_stored || last_at > UINT16_MAX || memo->frame[k] >> 24 != 0)
		return false;
	for (unsigned i = 0; i < TAIL_STEPS; i++) {
		bool is_last = i + 1 >= count;
		const struct registers *caller = &steps[is_last ? 0 : i + 1].state;
		tail->values[i] = is_last ? memo->pc[k] : caller->pc;
		tail->at[i] = (uint16_t)(is_last ? last_at
						 : (caller->sp - sp) / sizeof(uintptr_t) - 1);
	}
	tail->uses_fp = uses_fp;
	if (uses_fp)
		tail_keep_fp(tail, memo, k, steps, count);
	tail->pc = steps[0].state.pc;
	tail->sp = sp;
	tail->parent = memo->frame[k];
	tail->state = k;
	tail->frame = frame;
	return true;
}

#endif
