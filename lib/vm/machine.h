/* SPDX-License-Identifier: MIT */
/*
 * A machine and its address spaces, as the modules of this folder see them.
 */
#ifndef VM_MACHINE_H
#define VM_MACHINE_H

#include <allot/vm.h>

#include "base/bits.h"
#include "vm/area.h"
#include "vm/frame.h"
#include "vm/pool.h"

/* A file: its pages in memory, by their number in it. */
struct vm_file {
	struct vm_file *next;      /* of the machine */
	enum vm_file_kind kind;
	uint64_t size_pages;
	uint32_t *frames;          /* FRAME_NONE where there is none yet */
	uint64_t *shadows;         /* NULL, or what reclaim noted of pages: see file.c */
	uint64_t area_count;       /* areas that map it */
	bool is_nameless;          /* behind shared anonymous memory: goes with its last area */
};

struct vm_machine {
	struct pool pool;
	const struct vm_geometry *geometry;
	struct vm_profile profile;
	struct vm_layout layout;
	bool is_off[VM_RULE_COUNT];
	struct frames frames;
	struct vm_space *spaces;
	struct vm_file *files;
	uint32_t anon_last;        /* anonymous memories numbered so far */
	uint64_t space_last;       /* spaces numbered so far */
	vm_invalidate *invalidate; /* told of entries that grant less, or NULL */
	void *invalidate_context;
	uint32_t zero_frame;
	uint32_t huge_zero;        /* head of the huge zero page; FRAME_NONE before its first use */
	unsigned level_shift[VM_LEVELS_MAX + 1]; /* log2 of the bytes an entry of a level covers */
	struct kernel_memory *kernel; /* the kernel's own; NULL before its first use */
	struct group *group;       /* what its processes may have; NULL: all there is */
	uint64_t huge_bytes;       /* what an entry of level 1 maps; 0: huge pages are too large */
};

struct vm_space {
	struct vm_machine *machine;
	struct vm_space *next;
	uint64_t number;           /* from 1, never given twice */
	struct area_set areas;
	uint32_t root;             /* frame of the top table: CR3 */
	uint32_t reserve;          /* tables kept for splitting huge pages, linked by frame.next */
	uint64_t break_start, break_end;
	uint64_t locked_stray;     /* pages counted as locked that are not: see remap.c */
	uint64_t charged_own;      /* to its group, for what is in no table */
	int oom_adjust;            /* oom_score_adj */
	struct vm_space *forked_by; /* who is making it; NULL once it is made */
	bool is_killed;            /* by the killer: only vm_space_exit() is left */
	struct vm_counters counters; /* minor_faults and areas are filled in when read */
};

/* Unmap everything, and count anew; faults are counted on, as they are the process's. */
void space_renew(struct vm_space *space);

static inline bool rule(const struct vm_space *space, enum vm_rule which)
{
	return !space->machine->is_off[which];
}

/* Entries for [start, end) grant less than they did, or map something else. */
static inline void entries_changed(const struct vm_space *space, uint64_t start, uint64_t end)
{
	const struct vm_machine *machine = space->machine;
	if (machine->invalidate != NULL && start < end)
		machine->invalidate(machine->invalidate_context, space->number, start, end - start);
}

static inline uint64_t page_bytes(const struct vm_space *space)
{
	return space->machine->geometry->page_bytes;
}

/* Bits of the index into the tables of a level, the last of which is 0. */
static inline unsigned level_bits(const struct vm_machine *machine, unsigned level)
{
	return machine->geometry->bits[machine->geometry->level_count - 1 - level];
}

static inline uint64_t pages_of(const struct vm_space *space, uint64_t bytes)
{
	return bytes >> space->machine->geometry->page_shift;
}

static inline struct vm_result result_of(uint64_t value)
{
	return (struct vm_result){.value = value};
}

static inline struct vm_result result_error(int error)
{
	return (struct vm_result){.error = error};
}

#endif
