/* SPDX-License-Identifier: MIT */
/*
 * A memory group: what the processes of a machine may have of it together (mm/memcontrol.c).
 *
 * Pages and page tables that a process gets are charged; when the limit is reached, pages have to
 * leave, to swap or, of files, to where they are from; when none can, a process is killed. What was
 * there before the group is not charged. Memory shared by name or by fork, huge pages and the
 * pages of files that were cached before are not reclaimed.
 */
#ifndef VM_GROUP_H
#define VM_GROUP_H

#include "vm/machine.h"
#include "vm/reclaim.h"
#include "vm/swap.h"

/* What is known of a frame beside the machine's own record of it. */
struct page_home {
	uint64_t place;        /* address it was mapped at when it came; of a file: its page */
	struct vm_file *file;  /* NULL: a process's own */
	uint32_t slot;         /* of the swap cache, or SWAP_NONE */
	bool is_charged;
	bool is_dirty;         /* not what is in its slot */
	bool is_ahead;         /* was read with another one, and not used yet */
};

struct group {
	struct vm_machine *machine;
	struct reclaim reclaim;
	struct swap swap;
	bool has_swap;
	struct page_home *homes;    /* of every frame */
	uint64_t limit;             /* pages; VM_GROUP_UNLIMITED */
	uint64_t usage, usage_max;  /* charged, stock included */
	uint64_t stock;             /* charged by one processor and not used yet */
	uint64_t kills;
	struct shortage *shortage;  /* of the machine itself: NULL, it has to do with its frames */
	uint64_t record_bytes;      /* charged for the kernel's records of pages of files */
	uint32_t pinned;            /* a frame in use just now: it stays */
};

enum {
	GROUP_RETRIES = 16,    /* MAX_RECLAIM_RETRIES: reclaims in vain before one is killed */
};

/*
 * Somebody has to go, for `charging` to get a page, the group being at its limit, or the machine
 * itself being short: false when nobody can.
 */
bool group_kill(struct group *group, struct vm_space *charging, bool is_machine);

/* Charge a page to the group of a space: false when it cannot be had, or the space is killed. */
bool group_charge(struct vm_space *space);

/* A frame of a process's own for `address`; FRAME_NONE as above. It is on no list yet. */
uint32_t group_frame_take(struct vm_space *space, uint64_t address, enum frame_use use);

/* The frame is mapped now: it waits for its list. `is_locked`: it is not to leave. */
void group_frame_list(struct vm_space *space, uint32_t frame, bool is_locked);

/* A frame is about to be given back, or its table to be freed. */
void group_forget(struct vm_machine *machine, uint32_t frame);

/* The kernel keeps a record of 64 pages of a file more, for good. False as group_charge(). */
bool group_record(struct vm_space *space);

/* A frame was used by other means than its entries. */
void group_mark(struct vm_machine *machine, uint32_t frame);

/* Pages of [start, end) that nobody else maps are advised to leave, or, with `is_cold`, to be the
 * next to. */
void group_advise(struct vm_space *space, uint64_t start, uint64_t end, bool is_cold);

/* Pages of [start, end) may not leave, or may again. */
void group_lock(struct vm_space *space, uint64_t start, uint64_t end, bool is_locked);

/* The frame stays for now, and no longer with FRAME_NONE. */
static inline void group_pin(struct vm_machine *machine, uint32_t frame)
{
	if (machine->group != NULL)
		machine->group->pinned = frame;
}

/* Everything of a killed space goes but its top table. */
void group_space_empty(struct vm_space *space);

void group_finish(struct vm_machine *machine);

/* Walk lists and books; false with the reason in `why`. */
bool group_check(const struct vm_machine *machine, const char **why);

#endif
