/* SPDX-License-Identifier: MIT */
/*
 * Stack memo: the frames of a thread's stack as they were when it was last walked.
 *
 * States, from the outermost to the innermost: state k is that of a function which was called from
 * state k-1. Its return address stands in the word below sp[k]; that is how the walk came to it
 * from a frame further in. Where it goes from there is determined by the state and by the words
 * that are read on the way. So a walk that comes to a state of the memo may end if the words of
 * all states further out are what they were. The states further in need not be on the stack
 * any more.
 *
 * A frame pointer is part of a state only where a rule further out uses it. Most code does
 * not, and where it was saved need not be compared then.
 */
#ifndef TRACE_STACK_MEMO_H
#define TRACE_STACK_MEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/registers.h"

enum { MEMO_STATES = 256 };

/* Zeroed memory is an empty one. */
struct stack_memo {
	unsigned count;
	unsigned word_count;
	bool is_cut;  /* the outermost one has a caller */
	bool is_home; /* they are on the thread's own stack */
	uintptr_t sp[MEMO_STATES];
	uintptr_t pc[MEMO_STATES];
	uintptr_t fp[MEMO_STATES];
	uint32_t frame[MEMO_STATES];
	bool needs_fp[MEMO_STATES]; /* fp[k] decides what lies further out */
	/* Words that states depend on, beside the return addresses; by state, outermost first. */
	struct memo_word {
		uintptr_t at;
		uintptr_t value;
		uint32_t state; /* the one that came of it */
	} words[2 * MEMO_STATES];
};

/* A state that was walked through, and what was read to get to the caller's. */
struct walk_step {
	struct registers state;
	uintptr_t fp_at; /* where the caller's fp was saved, 0: not */
	uintptr_t sp_at; /* where the caller's sp was stored, 0: it was computed */
	bool uses_fp;
};

/* A word of the stack, which can be read. */
ALLOT_INLINE uintptr_t stack_word(uintptr_t at)
{
	return *(const volatile uintptr_t *)at;
}

/* What the return address of a state is now, beside what it was: 0 if it is the same. */
ALLOT_INLINE uintptr_t memo_difference(const struct stack_memo *memo, unsigned k)
{
	return stack_word(memo->sp[k] - sizeof(uintptr_t)) ^ memo->pc[k];
}

/*
 * How many of the outermost `count` states a walk may end at: those whose callers are as they
 * were. `sp` is the innermost stack pointer; nothing below is read.
 */
READS_STACK ALLOT_INLINE unsigned memo_verify(const struct stack_memo *memo, unsigned count,
					      uintptr_t sp)
{
	unsigned k = 0;
	for (; k + 4 <= count; k += 4) {
		uintptr_t difference = memo_difference(memo, k) | memo_difference(memo, k + 1) |
				       memo_difference(memo, k + 2) | memo_difference(memo, k + 3);
		if (unlikely(difference != 0))
			break;
	}
	while (k < count && memo_difference(memo, k) == 0)
		k++;
	for (unsigned i = 0; i < memo->word_count && memo->words[i].state + 1 < k; i++) {
		const struct memo_word *word = &memo->words[i];
		/* The state itself may be met again: whoever does compares its registers. */
		if (word->at < sp || stack_word(word->at) != word->value)
			return word->state + 1;
	}
	return k;
}

/* Is it the innermost of `count` states? */
ALLOT_INLINE bool memo_has(const struct stack_memo *memo, unsigned count,
			   const struct registers *state)
{
	return memo->sp[count - 1] == state->sp && memo->pc[count - 1] == state->pc &&
	       (memo->fp[count - 1] == state->fp || !memo->needs_fp[count - 1]);
}

/* Leave the outermost `count` states. How their innermost one was got to is to be told anew. */
static inline void memo_shorten(struct stack_memo *memo, unsigned count)
{
	memo->count = count;
	while (memo->word_count > 0 && memo->words[memo->word_count - 1].state + 1 >= count)
		memo->word_count--;
}

static inline void memo_word_add(struct stack_memo *memo, uintptr_t at, uintptr_t value,
				 unsigned state)
{
	memo->words[memo->word_count++] = (struct memo_word){at, value, state};
}

/* Put a state below the innermost one. */
ALLOT_INLINE void memo_add(struct stack_memo *memo, const struct walk_step *step, uint32_t frame)
{
	unsigned k = memo->count++;
	bool is_fp_needed_further = k > 0 && memo->needs_fp[k - 1];
	memo->sp[k] = step->state.sp;
	memo->pc[k] = step->state.pc;
	memo->fp[k] = step->state.fp;
	memo->frame[k] = frame;
	memo->needs_fp[k] = step->uses_fp || (step->fp_at == 0 && is_fp_needed_further);
	if (step->fp_at != 0 && is_fp_needed_further)
		memo_word_add(memo, step->fp_at, memo->fp[k - 1], k - 1);
	if (unlikely(step->sp_at != 0 && k > 0))
		memo_word_add(memo, step->sp_at, memo->sp[k - 1], k - 1);
}

#endif
