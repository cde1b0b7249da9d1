/* SPDX-License-Identifier: MIT */
/*
 * Page tables: a radix tree with the levels of the machine's geometry, in its own frames.
 *
 * Entries have the layout of x86-64 (Intel SDM 3A 4.5), with Linux's use of the bits the processor
 * leaves alone. An entry of level 1 may be a leaf of 2 MiB. Tables are made when a fault needs
 * them and freed when no area can need them.
 */
#ifndef VM_PAGE_TABLE_H
#define VM_PAGE_TABLE_H

#include "vm/machine.h"

#define ENTRY_PRESENT ((uint64_t)1 << 0)
#define ENTRY_WRITE ((uint64_t)1 << 1)
#define ENTRY_USER ((uint64_t)1 << 2)
#define ENTRY_ACCESSED ((uint64_t)1 << 5)
#define ENTRY_DIRTY ((uint64_t)1 << 6)
#define ENTRY_HUGE ((uint64_t)1 << 7)     /* a leaf of level 1: PS */
#define ENTRY_NO_ACCESS ((uint64_t)1 << 8) /* mapped, but not present: PROT_NONE */
#define ENTRY_GUARD ((uint64_t)1 << 57)   /* no page: a mark that makes accesses fail */
#define ENTRY_SWAP ((uint64_t)1 << 58)    /* no page: the number of a swap slot */
#define ENTRY_SWAP_OWN ((uint64_t)1 << 59) /* the page there was of one process */
#define ENTRY_NO_EXEC ((uint64_t)1 << 63)

enum {
	ENTRY_FRAME_SHIFT = 12, /* whatever the page size is: where the frame number stands */
};
#define ENTRY_FRAME_MASK ((((uint64_t)1 << 40) - 1) << ENTRY_FRAME_SHIFT)

/* Does the entry map a page, accessible or not? */
static inline bool entry_is_mapped(uint64_t entry)
{
	return (entry & (ENTRY_PRESENT | ENTRY_NO_ACCESS)) != 0;
}

static inline uint32_t entry_frame(uint64_t entry)
{
	return (uint32_t)((entry & ENTRY_FRAME_MASK) >> ENTRY_FRAME_SHIFT);
}

static inline bool entry_is_swapped(uint64_t entry)
{
	return (entry & ENTRY_SWAP) != 0;
}

static inline uint64_t entry_slot(uint64_t entry)
{
	return (entry & ENTRY_FRAME_MASK) >> ENTRY_FRAME_SHIFT;
}

static inline uint64_t entry_make(uint32_t frame, uint64_t bits)
{
	return (uint64_t)frame << ENTRY_FRAME_SHIFT | bits;
}

/* Bytes one entry of `level` covers. */
uint64_t table_span(const struct vm_space *space, unsigned level);

/* The top table. False without memory. */
bool table_root_make(struct vm_space *space);

/*
 * The entry of `level` for an address. Missing tables above it are made with `makes`; without, or
 * without memory, or when a huge leaf stands in the way, NULL.
 */
uint64_t *table_entry(struct vm_space *space, uint64_t address, unsigned level, bool makes);

/*
 * The entry where the processor's walk for an address ends, empty or a leaf, and its level. NULL
 * above the program's addresses, where the top table has nothing.
 */
uint64_t *table_walk(const struct vm_space *space, uint64_t address, unsigned *out_level);

/* What one last-level table maps, or one huge leaf, as far as it lies in the range asked for. */
struct slot {
	uint64_t start, end;   /* cut to the range */
	uint64_t *upper;       /* entry of level 1; NULL where there is one level */
	uint64_t *entries;     /* entry for `start`, or NULL: `upper` is a huge leaf */
};

/* The first slot in [start, end) that has a table or a huge leaf; false when there is none. */
bool slot_next(struct vm_space *space, uint64_t start, uint64_t end, struct slot *out);

/* Does the slot cover all that its table maps? */
bool slot_is_whole(const struct vm_space *space, const struct slot *slot);

/*
 * Free the tables that [start, end) has entries in and that lie between `floor` and `ceiling`,
 * where no page is mapped (mm/memory.c free_pgd_range).
 */
void tables_free(struct vm_space *space, uint64_t start, uint64_t end, uint64_t floor,
		 uint64_t ceiling);

/* Free the last-level table of a whole slot if it is empty. */
void table_free_empty(struct vm_space *space, const struct slot *slot);

/* Keep a table for the split of a huge page; take it back, or free it. */
bool table_reserve(struct vm_space *space);
uint64_t table_reserve_use(struct vm_space *space);
void table_reserve_drop(struct vm_space *space);

/* Free every table but the top one; nothing is mapped any more. */
void tables_empty(struct vm_space *space);

/* Free every table, the top one as well; nothing is mapped any more. */
void tables_finish(struct vm_space *space);

#endif
