/* SPDX-License-Identifier: MIT */
/*
 * Frame rules: how to get from a return address to the caller's frame, in one word.
 *
 * What compilers say of a function's stack frame (cfi.h) takes a microsecond to read, and a few
 * nanoseconds to follow: nearly always the caller's stack pointer is the own one, or the frame
 * pointer, plus a constant; the return address lies below it, and the caller's frame pointer, if
 * it was saved, a few words further down. That is a rule. Rules are made once for each address and
 * kept in a hash table, which is lock-free: its entries go from empty to a key to a key with a
 * rule, and a key is never replaced. When half full, another of twice the size takes its place and
 * is filled as rules are asked for; the one before stays, as somebody may be reading it.
 *
 * A rule counts only in the epoch it was made in. The epoch is over when a module was found to lie
 * where another one was (module_list.h).
 */
#ifndef TRACE_FRAME_RULE_H
#define TRACE_FRAME_RULE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "trace/module_list.h"

enum rule_kind {
	RULE_NONE,   /* nothing is known: the stack ends here, for all one can say */
	RULE_SP,     /* caller's sp = sp + offset */
	RULE_FP,     /* caller's sp = fp + offset */
	RULE_STORED, /* caller's sp = word at fp + offset, caller's fp = word at fp (realigned) */
	RULE_FULL,   /* needs all registers: signals, hand-written code */
	RULE_END,    /* the outermost frame, by its own account */
};

/*
 * Rule words: bits 0..15 the epoch; 16..18 the kind; 21..31 where the caller's
 * frame pointer was saved, in words from the caller's sp, 0: it was not; 32..63 the offset.
 */
enum {
	RULE_EPOCH_MASK = 0xFFFF,
	RULE_KIND_SHIFT = 16,
	RULE_KIND_MASK = 7,
	RULE_SAVED_SHIFT = 21,
	RULE_SAVED_MAX = 1 << 10, /* less than that many words below */
	RULE_OFFSET_SHIFT = 32,
};

static inline enum rule_kind rule_kind(uint64_t rule)
{
	return (enum rule_kind)(rule >> RULE_KIND_SHIFT & RULE_KIND_MASK);
}

static inline uintptr_t rule_offset(uint64_t rule)
{
	return (uintptr_t)((int64_t)rule >> RULE_OFFSET_SHIFT);
}

/* Words from the caller's sp, negative; 0: not saved. */
static inline intptr_t rule_saved(uint64_t rule)
{
	return (int32_t)rule >> RULE_SAVED_SHIFT;
}

/* A rule without epoch. */
static inline uint64_t rule_word(enum rule_kind kind, int32_t offset, int saved)
{
	return (uint64_t)(uint32_t)offset << RULE_OFFSET_SHIFT |
	       (uint32_t)saved << RULE_SAVED_SHIFT | (uint64_t)kind << RULE_KIND_SHIFT;
}

/* The rule of code that says nothing of its frames: it may be keeping frame pointers. */
static inline uint64_t rule_frame_pointer(void)
{
	enum { WORD_BYTES = sizeof(uintptr_t) };
	return rule_word(RULE_FP, 2 * WORD_BYTES, -2);
}

struct rule_entry {
	_Atomic uint64_t key; /* the address, 0: free */
	_Atomic uint64_t rule; /* 0: not there yet */
};

struct rule_slots {
	unsigned shift; /* 64 - log2 of how many */
	uint32_t mask;
	_Atomic uint32_t count;
	struct rule_entry entries[];
};

struct rule_table {
	_Atomic(struct rule_slots *) slots;
	_Atomic uint32_t is_growing;
	_Atomic uint32_t epoch; /* from 1 on */
	struct module_list modules;
};

/* `table` is zeroed memory. */
void rule_table_init(struct rule_table *table);
void rule_table_fork_child(struct rule_table *table);

/* See unwind_visit_memory(). */
bool rule_table_visit_memory(const struct rule_table *table,
			     bool (*visit)(uintptr_t base, size_t bytes, void *context),
			     void *context);

/* Look whether modules were replaced; if so, there is a new epoch. A few microseconds. */
void rule_table_check(struct rule_table *table);

/* Make the rule of an address, and keep it if its module is known. */
uint64_t rule_add(struct rule_table *table, uintptr_t address);

static inline uint64_t rule_hash(uintptr_t address)
{
	return address * UINT64_C(0x9E3779B97F4A7C15);
}

/*
 * The rule of the instruction at `address`, any byte of it. For callers that is the one before the
 * return address, which may already belong to another function. Fast path: it is there.
 */
ALLOT_INLINE uint64_t rule_get(struct rule_table *table, uintptr_t address, uint32_t epoch)
{
	struct rule_slots *slots = atomic_load_explicit(&table->slots, memory_order_acquire);
	if (unlikely(slots == NULL))
		return rule_add(table, address);
	uint32_t i = (uint32_t)(rule_hash(address) >> slots->shift);
	for (;;) {
		struct rule_entry *entry = &slots->entries[i];
		uint64_t key = atomic_load_explicit(&entry->key, memory_order_relaxed);
		if (likely(key == address)) {
			uint64_t rule = atomic_load_explicit(&entry->rule, memory_order_relaxed);
			if (likely((rule & RULE_EPOCH_MASK) == (epoch & RULE_EPOCH_MASK)))
				return rule;
			return rule_add(table, address);
		}
		if (unlikely(key == 0))
			return rule_add(table, address);
		i = (i + 1) & slots->mask;
	}
}

/*
 * Made by another file for each architecture: the rule of an address without epoch.
 * `module` is NULL for code that belongs to none.
 */
uint64_t rule_make(const struct os_module *module, uintptr_t address);

struct registers;
/*
 * The state of the caller of `frame`, whose pc is one that rule_make() answered RULE_FULL for,
 * found by walking from here with all registers. Returns false when that fails. The new pc is one
 * more than an address within the calling instruction, or within the interrupted one.
 */
bool rule_step_full(const struct registers *frame, struct registers *out_caller);

#endif
