/* SPDX-License-Identifier: MIT */
/*
 * Call stacks of the recorded program, cheap enough to be taken at every malloc.
 *
 * A stack is walked from the innermost frame outwards by rules (frame_rule.h), and becomes a
 * number (frame_table.h). The frames of a thread's stack before this one are kept (its *memo*):
 * most are still there. Where the words on the stack that led from frame to frame are what they
 * were, from the outermost frame inwards, so are the frames; comparing them takes half a
 * nanosecond each. The walk ends as soon as it comes to one of these in the same state. That is
 * exact, not a guess: the next frame is determined by the state (return address, stack pointer,
 * frame pointer if a rule further out uses it) and by the words that are compared.
 *
 * A stack that is deeper than the limit is cut at its outer end, and then as if the frame where it
 * is cut were the outermost. To keep what is known of it while calls come and go, the cut is not
 * moved with each of them: it has between half of the limit and all of it, and so has for a while
 * a stack that was cut a moment ago.
 *
 * Never allocates but pages, waits for no lock (see os/module.h), works from the first malloc of a
 * process on, in every thread and on every stack. A signal handler that interrupts a walk of its
 * thread gets no stack. Nothing that a program does to its stack makes it fault: what is read was
 * found readable (stack_range.h). A frame of code without call frame information (compiled at run
 * time) is left by its frame pointer, if that leads up the stack. Other architectures than x86-64:
 * by frame pointers only.
 */
#ifndef TRACE_UNWIND_H
#define TRACE_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/registers.h"
#include "trace/frame_rule.h"
#include "trace/frame_table.h"
#include "trace/stack_memo.h"
#include "trace/stack_range.h"
#include "trace/stack_tail.h"

enum { UNWIND_DEPTH_MAX = MEMO_STATES };

/* Of a process. Zeroed memory that unwind_init() was called for; it is large. */
struct unwind {
	uintptr_t own_begin, own_end;
	uintptr_t loader_begin, loader_end;
	struct rule_table rules;
	struct frame_table frames;
};

/*
 * Of a thread: zeroed memory at a multiple of TAIL_ALIGN is ready, 96 KiB, of which what is used
 * is touched. For another thread see unwind_thread_renew().
 */
struct unwind_thread {
	uintptr_t busy_sp;  /* a walk is under way, from there; 0: none */
	uint32_t epoch;     /* that the memo is of */
	bool is_suspicious; /* the loader was at work: modules may have been replaced */
	struct stack_range range;
	struct stack_memo memo;
	struct stack_tail tails[STACK_TAILS];
	struct walk_step steps[UNWIND_DEPTH_MAX];
};

/*
 * Make `unwind`, zeroed memory, ready. Code in [own_begin, own_end) is the recorder: its frames
 * are walked through but are no part of stacks. `frame_new` is told of each frame before its
 * number is returned to anybody; it must not unwind. It may be NULL.
 */
void unwind_init(struct unwind *unwind, uintptr_t own_begin, uintptr_t own_end,
		 void (*frame_new)(uint32_t frame, uint32_t parent, uintptr_t address,
				   void *context),
		 void *context);

/* Another thread goes on with `thread`, of which nothing is known then. */
void unwind_thread_renew(struct unwind_thread *thread);

/*
 * Visit the memory that what was learnt takes, but for tables that were outgrown. Stops and
 * returns false when `visit` does.
 */
bool unwind_visit_memory(const struct unwind *unwind,
			 bool (*visit)(uintptr_t base, size_t bytes, void *context),
			 void *context);

/* In the child of a fork, before anything else; frames keep their numbers. */
void unwind_fork_child(struct unwind *unwind);

/* Announce all frames so far, parents first. */
void unwind_announce_all(struct unwind *unwind);

/*
 * The stack from the registers `pc`, `sp` and `fp` of a function that has not returned: the number
 * of the innermost frame that is not the recorder's, at most `depth` frames deep. 0: there is
 * none, or it cannot be had (inside of a walk, out of memory). An address in a frame is where the
 * call returns to; of a frame that a signal interrupted it is one more than the instruction's, so
 * that one less is within the instruction in either case.
 */
uint32_t unwind_frame(struct unwind *unwind, struct unwind_thread *thread, unsigned depth,
		      uintptr_t pc, uintptr_t sp, uintptr_t fp);

/* The stack from here. */
ALLOT_INLINE uint32_t unwind_here(struct unwind *unwind, struct unwind_thread *thread,
				  unsigned depth)
{
	struct registers here = registers_here();
	/* As if it were a call's, see struct registers' use in rule_step_full(). */
	uint32_t frame = unwind_frame(unwind, thread, depth, here.pc + 1, here.sp, here.fp);
	/* Not a tail call, which would leave the frame it walks through. */
	__asm__ volatile("" : "+r"(frame));
	return frame;
}

#endif
