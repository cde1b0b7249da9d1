/* SPDX-License-Identifier: MIT */
/*
 * Walking stacks. See unwind.h.
 */
#include "trace/unwind.h"

#include <stddef.h>
#include <string.h>

#include "base/bits.h"
#include "os/module.h"

enum {
	WORD_BYTES = sizeof(uintptr_t),
	/* Where there is no code on any system, and where user space ends. */
	CODE_FIRST = 1 << 12,
};
#define CODE_END ((uintptr_t)1 << 47)

void unwind_init(struct unwind *unwind, uintptr_t own_begin, uintptr_t own_end,
		 void (*frame_new)(uint32_t frame, uint32_t parent, uintptr_t address,
				   void *context),
		 void *context)
{
	struct os_module loader;
	unwind->own_begin = own_begin;
	unwind->own_end = own_end;
	if (os_module_find(os_loader_address(), &loader)) {
		unwind->loader_begin = loader.begin;
		unwind->loader_end = loader.end;
	}
	rule_table_init(&unwind->rules);
	unwind->frames.frame_new = frame_new;
	unwind->frames.context = context;
}

void unwind_fork_child(struct unwind *unwind)
{
	rule_table_fork_child(&unwind->rules);
	frame_table_fork_child(&unwind->frames);
}

void unwind_announce_all(struct unwind *unwind)
{
	frame_announce_all(&unwind->frames);
}

/* ---- the memo ---- */

/* Take away the outermost `count` states: the stack is cut there now. */
static void memo_cut(struct unwind *unwind, struct unwind_thread *thread, unsigned count)
{
	struct stack_memo *memo = &thread->memo;
	uint32_t frame = 0;
	unsigned words = 0;
	for (unsigned k = count; k < memo->count; k++) {
		frame = frame_number(&unwind->frames, frame, code_address(memo->pc[k]),
				     thread->epoch);
		memo->sp[k - count] = memo->sp[k];
		memo->pc[k - count] = memo->pc[k];
		memo->fp[k - count] = memo->fp[k];
		memo->needs_fp[k - count] = memo->needs_fp[k];
		memo->frame[k - count] = frame;
	}
	for (unsigned i = 0; i < memo->word_count; i++) {
		if (memo->words[i].state < count)
			continue;
		memo->words[words] = memo->words[i];
		memo->words[words++].state -= count;
	}
	memo->word_count = words;
	memo->count -= count;
	memo->is_cut = true;
}

/* ---- from a frame to the next ---- */

/* A walk from a state: the steps that were new, and the states of the memo they ended at. */
struct walk {
	unsigned count;   /* steps */
	unsigned known;   /* states; 0: it went to the end */
	unsigned barrier; /* steps, up to the last one that needed all registers */
	bool is_cut;      /* it did not come to an end */
};

/* Is a word at `at` on the stack above `sp`, where it can be read? */
ALLOT_INLINE bool is_on_stack(struct unwind_thread *thread, uintptr_t sp, uintptr_t at)
{
	return at >= sp && is_aligned(at, WORD_BYTES) && at < UINTPTR_MAX - WORD_BYTES &&
	       (likely(at + WORD_BYTES <= thread->range.high) ||
		stack_range_reach(&thread->range, at + WORD_BYTES));
}

/* The caller's sp where a function that aligned its stack stored it; 0: it is not there. */
READS_STACK static ALLOT_OUTLINE uintptr_t sp_stored(struct unwind_thread *thread, uint64_t rule,
						     struct walk_step *step)
{
	uintptr_t fp = step->state.fp, at = fp + rule_offset(rule);
	if (!is_on_stack(thread, step->state.sp, fp) || !is_on_stack(thread, step->state.sp, at))
		return 0;
	step->sp_at = at;
	step->fp_at = fp;
	return stack_word(at);
}

/*
 * With all registers. The caller may be on another stack: a signal's handler has been on its own.
 * It is not to be gone on for ever, so the number of steps is limited by who calls.
 */
static ALLOT_COLD bool step_full(struct unwind_thread *thread, struct registers *state)
{
	struct registers caller;
	if (!rule_step_full(state, &caller))
		return false;
	if (caller.sp <= state->sp || !stack_range_reach(&thread->range, caller.sp))
		stack_range_enter(&thread->range, caller.sp);
	*state = caller;
	return true;
}

ALLOT_INLINE bool is_code(uintptr_t pc)
{
	return pc - CODE_FIRST < CODE_END - CODE_FIRST;
}

/* From step->state to the caller's state. False: the stack ends here, or cannot be followed. */
READS_STACK ALLOT_INLINE bool step_take(struct unwind_thread *thread, uint64_t rule,
					struct walk_step *step, struct registers *state)
{
	enum rule_kind kind = rule_kind(rule);
	uintptr_t sp = step->state.sp, caller_sp, at;
	step->fp_at = 0;
	step->sp_at = 0;
	step->uses_fp = kind != RULE_SP;
	if (likely(kind == RULE_SP))
		caller_sp = sp + rule_offset(rule);
	else if (kind == RULE_FP)
		caller_sp = step->state.fp + rule_offset(rule);
	else if (kind == RULE_STORED)
		caller_sp = sp_stored(thread, rule, step);
	else
		return false;
	/* What a call pushed lies below, and above all that the function has. */
	if (unlikely(!is_on_stack(thread, sp, caller_sp - WORD_BYTES)))
		return false;
	if (rule_saved(rule) != 0) {
		at = caller_sp + (uintptr_t)rule_saved(rule) * WORD_BYTES;
		if (unlikely(at < sp || at >= caller_sp))
			return false;
		step->fp_at = at;
	}
	state->pc = stack_word(caller_sp - WORD_BYTES);
	state->sp = caller_sp;
	if (step->fp_at != 0)
		state->fp = stack_word(step->fp_at);
	return likely(is_code(code_address(state->pc)));
}

/* Is it the recorder's, or the loader's? */
ALLOT_INLINE bool is_within(uintptr_t pc, uintptr_t begin, uintptr_t end)
{
	uintptr_t address = code_address(pc) - 1;
	return address - begin < end - begin;
}

ALLOT_INLINE uint64_t rule_of(struct unwind *unwind, struct unwind_thread *thread, uintptr_t pc)
{
	return rule_get(&unwind->rules, code_address(pc) - 1, thread->epoch);
}

/* From the recorder's frames to the one that called it. False: there is none. */
READS_STACK ALLOT_INLINE bool own_leave(struct unwind *unwind, struct unwind_thread *thread,
					struct registers *state)
{
	struct walk_step step;
	while (is_within(state->pc, unwind->own_begin, unwind->own_end)) {
		step.state = *state;
		if (!step_take(thread, rule_of(unwind, thread, state->pc), &step, state))
			return false;
	}
	return true;
}

/* Go on to a frame that is among the outermost `known` ones of the memo, or to the end. */
READS_STACK ALLOT_INLINE struct walk walk_take(struct unwind *unwind, struct unwind_thread *thread,
					       struct registers state, unsigned depth,
					       unsigned known)
{
	const struct stack_memo *memo = &thread->memo;
	const uintptr_t sp = state.sp;
	struct walk walk = {0};
	for (;;) {
		while (known > 0 && memo->sp[known - 1] < state.sp)
			known--;
		if (known > 0 && memo_has(memo, known, &state)) {
			unsigned verified = memo_verify(memo, known, sp);
			walk.known = verified;
			if (likely(verified == known))
				return walk;
			/* Those further out are as they were; the way there is to be found. */
			known = verified;
		}
		if (walk.count == depth) {
			walk.is_cut = true;
			walk.known = 0;
			return walk;
		}
		struct walk_step *step = &thread->steps[walk.count++];
		step->state = state;
		uint64_t rule = rule_of(unwind, thread, state.pc);
		if (likely(step_take(thread, rule, step, &state)))
			continue;
		walk.known = 0;
		if (rule_kind(rule) != RULE_FULL || !step_full(thread, &state))
			return walk;
		walk.barrier = walk.count;
	}
}

/* ---- from frames to a number ---- */

/* Make room below the states that a walk ended at; of its steps the innermost ones may be left. */
static void memo_fit(struct unwind *unwind, struct unwind_thread *thread, struct walk *walk,
		     unsigned depth)
{
	struct stack_memo *memo = &thread->memo;
	unsigned kept = depth - depth / 4, total = walk->known + walk->count;
	memo_shorten(memo, walk->known);
	if (walk->known == 0)
		memo->is_cut = walk->is_cut;
	if (total <= depth && !(walk->known == 0 && walk->is_cut))
		return;
	unsigned surplus = total - kept;
	if (surplus < walk->known) {
		memo_cut(unwind, thread, surplus);
		return;
	}
	memo_shorten(memo, 0);
	memo->is_cut = true;
	walk->known = 0;
	walk->count = kept;
}

/* The number of the `i`th step's frame; of the one after it, it is `frame`. */
ALLOT_INLINE uint32_t step_frame(struct unwind *unwind, struct unwind_thread *thread, unsigned i,
				 uint32_t frame)
{
	return frame_number(&unwind->frames, frame, code_address(thread->steps[i].state.pc),
			    thread->epoch);
}

/* Put the steps of a walk into the memo; the number of the innermost one. */
static uint32_t memo_extend(struct unwind *unwind, struct unwind_thread *thread,
			    const struct walk *walk)
{
	struct stack_memo *memo = &thread->memo;
	uint32_t frame = memo->count == 0 ? 0 : memo->frame[memo->count - 1];
	bool is_refused = false;
	for (unsigned i = walk->count; i-- > 0;) {
		uint32_t caller = frame;
		frame = step_frame(unwind, thread, i, caller);
		is_refused |= frame == caller;
		memo_add(memo, &thread->steps[i], frame);
	}
	memo->is_home = thread->range.is_home;
	/* There may be memory for these frames the next time. */
	if (unlikely(is_refused))
		memo_shorten(memo, 0);
	/* Frames that were got to with all registers depend on more than the memo knows. */
	if (unlikely(walk->barrier != 0))
		memo_shorten(memo, memo->count - (unsigned)size_min(walk->barrier, memo->count));
	return frame;
}

/* The number of a short way to the memo, kept as a tail; 0: it cannot be. */
static uint32_t tail_take(struct unwind *unwind, struct unwind_thread *thread,
			  const struct walk *walk)
{
	unsigned k = walk->known - 1;
	uint32_t frame = thread->memo.frame[k];
	struct stack_tail *tail = tail_place(thread->tails, &thread->steps[0].state);
	for (unsigned i = walk->count; i-- > 0;) {
		uint32_t caller = frame;
		frame = step_frame(unwind, thread, i, caller);
		if (unlikely(frame == caller))
			return 0;
	}
	return tail_keep(tail, &thread->memo, k, thread->steps, walk->count, frame) ? frame : 0;
}

/* How many states of the memo a walk from `sp` may look at: it may be of another stack. */
ALLOT_INLINE unsigned memo_begin(struct unwind_thread *thread, uintptr_t sp)
{
	const struct stack_memo *memo = &thread->memo;
	if (likely(thread->range.is_home && memo->is_home))
		return memo->count;
	/* Pages of stacks that are nobody's home may be gone. */
	if (memo->count == 0 || thread->range.is_home || memo->is_home || memo->sp[0] <= sp ||
	    !stack_range_reach(&thread->range, memo->sp[0]))
		return 0;
	return memo->count;
}

/* The number of the stack from `state` by walking it. */
READS_STACK static ALLOT_OUTLINE uint32_t stack_walk(struct unwind *unwind,
						     struct unwind_thread *thread, unsigned depth,
						     const struct registers *state)
{
	struct stack_memo *memo = &thread->memo;
	unsigned known = memo_begin(thread, state->sp);
	struct walk walk = walk_take(unwind, thread, *state, depth, known);
	unsigned total = walk.known + walk.count;
	/* So short that what was cut off would be of use. */
	if (walk.known != 0 && memo->is_cut && total < depth / 2) {
		walk = walk_take(unwind, thread, *state, depth, 0);
		total = walk.count;
	}
	if (walk.known != 0 && total <= depth) {
		uint32_t frame = 0;
		if (walk.count == 0)
			return memo->frame[walk.known - 1];
		if (walk.count <= TAIL_STEPS && walk.barrier == 0 && memo->is_home)
			frame = tail_take(unwind, thread, &walk);
		if (frame != 0)
			return frame;
		memo_shorten(memo, walk.known);
	} else {
		memo_fit(unwind, thread, &walk, depth);
	}
	return memo_extend(unwind, thread, &walk);
}

/* The loader allocated since: does all that is known still hold? */
static ALLOT_COLD void thread_renew(struct unwind *unwind, struct unwind_thread *thread)
{
	if (thread->is_suspicious) {
		thread->is_suspicious = false;
		rule_table_check(&unwind->rules);
	}
	uint32_t epoch = atomic_load(&unwind->rules.epoch);
	if (epoch == thread->epoch)
		return;
	thread->epoch = epoch;
	memo_shorten(&thread->memo, 0);
	memset(thread->tails, 0, sizeof(thread->tails));
}

/* The number of the stack from `state`, the recorder's frames being left. */
READS_STACK ALLOT_INLINE uint32_t stack_take(struct unwind *unwind, struct unwind_thread *thread,
					     unsigned depth, const struct registers *state)
{
	uint32_t frame = 0;
	if (likely(thread->range.is_home && thread->memo.is_home))
		frame = tail_frame(tail_place(thread->tails, state), &thread->memo, state);
	if (likely(frame != 0))
		return frame;
	frame = stack_walk(unwind, thread, depth, state);
	/* On the way a module was found where another one had been: some rules were of that one. */
	if (unlikely(atomic_load_explicit(&unwind->rules.epoch, memory_order_relaxed) !=
		     thread->epoch)) {
		thread_renew(unwind, thread);
		stack_range_enter(&thread->range, state->sp);
		frame = stack_walk(unwind, thread, depth, state);
	}
	return frame;
}

/* ---- beginning and end ---- */

/*
 * False: a walk is under way, and a signal's handler interrupted it. But if that walk's frame is
 * below the one that asks, it was left by a jump.
 */
ALLOT_INLINE bool thread_take(struct unwind_thread *thread, uintptr_t sp)
{
	uintptr_t busy_sp = *(volatile uintptr_t *)&thread->busy_sp;
	if (unlikely(busy_sp != 0)) {
		const struct stack_range *range = &thread->range;
		if (busy_sp < range->home_low || sp <= busy_sp || sp >= range->home_high)
			return false;
		memo_shorten(&thread->memo, 0);
	}
	*(volatile uintptr_t *)&thread->busy_sp = sp;
	atomic_signal_fence(memory_order_seq_cst);
	return true;
}

READS_STACK uint32_t unwind_frame(struct unwind *unwind, struct unwind_thread *thread,
				  unsigned depth, uintptr_t pc, uintptr_t sp, uintptr_t fp)
{
	struct registers state = {pc, sp, fp};
	uint32_t frame = 0;
	if (depth > UNWIND_DEPTH_MAX)
		depth = UNWIND_DEPTH_MAX;
	if (depth == 0 || !thread_take(thread, sp))
		return 0;
	if (unlikely(thread->is_suspicious ||
		     thread->epoch != atomic_load_explicit(&unwind->rules.epoch,
							   memory_order_relaxed)))
		thread_renew(unwind, thread);
	stack_range_enter(&thread->range, sp);
	if (own_leave(unwind, thread, &state)) {
		if (unlikely(is_within(state.pc, unwind->loader_begin, unwind->loader_end)))
			thread->is_suspicious = true;
		frame = stack_take(unwind, thread, depth, &state);
	}
	atomic_signal_fence(memory_order_seq_cst);
	*(volatile uintptr_t *)&thread->busy_sp = 0;
	return frame;
}

void unwind_thread_renew(struct unwind_thread *thread)
{
	thread->busy_sp = 0;
	thread->is_suspicious = false;
	thread->range = (struct stack_range){0};
	/* No epoch is 0, so that memo and tails are given up before the next stack. */
	thread->epoch = 0;
}

bool unwind_visit_memory(const struct unwind *unwind,
			 bool (*visit)(uintptr_t base, size_t bytes, void *context), void *context)
{
	return visit((uintptr_t)unwind, sizeof(*unwind), context) &&
	       rule_table_visit_memory(&unwind->rules, visit, context) &&
	       frame_table_visit_memory(&unwind->frames, visit, context);
}
