/* SPDX-License-Identifier: MIT */
/*
 * Replay, the VM lab: what frames, replacement policies, TLBs and working sets make of the accesses
 * of a replay on the model.
 *
 * The string of accesses is that of one row: each word the heap reads or writes, as it does so, and
 * what the program is taken to write to its blocks (enum replay_payload), once, when it gets them.
 * Pages are known by address: one that was given back and taken again is the same page.
 *
 * A result has no pointers: a helper writes it as it is, and a row keeps it.
 */
#ifndef ALLOT_TOOLS_REPLAY_LAB_H
#define ALLOT_TOOLS_REPLAY_LAB_H

#include <stdbool.h>
#include <stdint.h>

enum {
	REPLAY_LAB_CURVE = 50,
	REPLAY_LAB_KINDS = 4,      /* policies, REPLAY_LAB_POLICIES in order */
	REPLAY_LAB_STEPS = 5,      /* numbers of frames a policy is tried with */
	REPLAY_LAB_TLBS = 12,
	REPLAY_LAB_NAME_BYTES = 32,
	REPLAY_LAB_WINDOWS = 7,
	/* Changes of page that are kept for policies which need the string again. */
	REPLAY_LAB_CHANGES_MAX = 1 << 23,
};

/* Faults with so many frames; those that load a page for the first time included. */
struct replay_lab_point {
	uint64_t frames, faults;
};

struct replay_lab_policy {
	char name[REPLAY_LAB_NAME_BYTES];
	uint64_t frames, faults;
};

/* The part of a TLB that is asked in its turn: accesses that neither it nor those before knew. */
struct replay_lab_tlb {
	char name[REPLAY_LAB_NAME_BYTES];
	uint64_t entries, reach_bytes, accesses, misses;
};

struct replay_lab_window {
	uint64_t tau;  /* accesses */
	double pages;  /* in the working set, the mean over all accesses */
};

struct replay_lab {
	uint64_t is_known;
	uint64_t heap_accesses, payload_accesses; /* one for each page an access is to */
	uint64_t changes;                         /* accesses to another page than the last one */
	uint64_t pages;                           /* different ones */
	uint64_t peak_pages;                      /* most that were resident at once */
	uint64_t half_faults, whole_faults;       /* LRU, with half and all of peak_pages */
	uint32_t curve_count, policy_count, tlb_count, window_count;
	struct replay_lab_point curve[REPLAY_LAB_CURVE];
	struct replay_lab_policy policies[REPLAY_LAB_KINDS * REPLAY_LAB_STEPS];
	struct replay_lab_tlb tlbs[REPLAY_LAB_TLBS];
	struct replay_lab_window windows[REPLAY_LAB_WINDOWS];
};

/* ---- in the helper: replay_lab.c and replay_lab_policy.c ---- */

/* Have accesses analysed from here on. False: no memory. */
bool replay_lab_begin(uint64_t page_bytes);
/* An access to `bytes`, at least 1, from `address` on. Nothing before replay_lab_begin(). */
void replay_lab_access(uint64_t address, uint64_t bytes, bool is_store, bool is_payload);
/* A vm_invalidate for the space `context` is the number of (uint64_t *). */
void replay_lab_invalidate(void *context, uint64_t space, uint64_t address, uint64_t bytes);
/* What came of it, with the most pages that were resident at once. False: there was no memory. */
bool replay_lab_end(struct replay_lab *out, uint64_t peak_pages);

/*
 * FIFO, CLOCK and OPT over `count` changes of page; LRU out of the curve, which is `lru_faults`.
 * With no `changes`, LRU alone. Adds to out->policies. False: no memory.
 */
bool replay_lab_policies(struct replay_lab *out, const uint64_t *changes, uint64_t count,
			 uint64_t (*lru_faults)(uint64_t frames));
/* Memory of the system, zeroed, or NULL; nothing of it is the heap's. */
void *replay_lab_map(uint64_t bytes);
void replay_lab_unmap(void *memory, uint64_t bytes);

#endif
