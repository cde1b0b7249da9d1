/* SPDX-License-Identifier: MIT */
/*
 * Front: what the thread heaps of a heap share. The range of addresses that slabs lie in, the table
 * that says of each 16 KiB of it whether and what slab it is, the memory of the thread heaps, and
 * the slabs that threads left when they ended, by class.
 *
 * Looking up an address takes no lock. The tables grow, and the lists change, under one lock, which
 * nobody waits for while a fork holds it.
 */
#ifndef FRONT_FRONT_H
#define FRONT_FRONT_H

#include "base/lock.h"
#include "base/text.h"
#include "front/slab.h"
#include "pages/own_memory.h"
#include "pages/range.h"

struct heap;

enum { THREAD_HEAP_STRIDE = 4096 }; /* bytes from one thread heap to the next */

/* What the thread heaps of a heap share. */
struct front {
	bool is_on;
	struct range range;
	struct slab *slabs;      /* an entry for each SLAB_BYTES, found by front_entry() */
	size_t slab_mask;        /* bytes of that table less those of an entry */
	_Atomic size_t span;     /* bytes of the range with slabs; grows under the lock */
	struct own_table slab_table;
	struct own_table slack_table; /* a byte for each 16 of the range, if the books are kept */
	bool is_watched;       /* no fast paths */
	struct lock lock;      /* of the lists and of idle and made */
	_Atomic bool is_frozen; /* a fork holds it */
	const _Atomic unsigned *freeze_count; /* not 0: nobody waits for it */
	uint32_t listed[SMALL_CLASSES];
	_Atomic uint32_t listed_counts[SMALL_CLASSES]; /* read without the lock: worth a look? */
	uint32_t idle;         /* thread heaps without a thread, 0: none */
	uint32_t made;         /* numbers given out are 1 to this */
	uint32_t thread_heaps_max;
	bool keeps_slacks;
	struct object *_Atomic pending; /* freed by who could have no thread heap */
	struct own_table thread_heap_table;
};

/*
 * Begin: reserve a range and its table. False, and the front is off, when the address space has
 * no room for it. `range` is where the arenas' sources must take their regions, or, if `is_break`,
 * where the break will be.
 */
bool front_init(struct front *front, bool is_break, bool is_watched, bool keeps_slacks,
		const _Atomic unsigned *freeze_count);
void front_finish(struct front *front);

/* False when a fork holds the lock, or begins to, or a handler interrupted its owner. */
bool front_lock(struct front *front);
void front_unlock(struct front *front);

/* Have entries that can be written for the first `bytes` of the range. */
bool front_extend(struct front *front, size_t bytes);

/* The entry of an address in a table; it is some other address's if this one is out of range. */
ALLOT_INLINE struct slab *slab_entry(struct slab *slabs, size_t slab_mask, const void *p)
{
	static_assert(sizeof(struct slab) == 1 << SLAB_ENTRY_SHIFT, "entries are found by bits");
	uintptr_t offset = (uintptr_t)p >> (SLAB_SHIFT - SLAB_ENTRY_SHIFT) & slab_mask;
	return (struct slab *)(void *)((char *)slabs + offset);
}

static inline struct slab *front_entry(const struct front *front, const void *p)
{
	return slab_entry(front->slabs, front->slab_mask, p);
}

/* The slab an address lies in, NULL when it is in none. */
static inline struct slab *front_slab(const struct front *front, const void *p)
{
	if ((uintptr_t)p - front->range.base >= front->range.bytes)
		return NULL;
	struct slab *slab = front_entry(front, p);
	return slab_state(slab) == SLAB_NONE ? NULL : slab;
}

/* Bytes of an object that nobody asked for; known only if the books are kept, else 0. */
static inline size_t slab_slack(const struct front *front, const void *p)
{
	if (!front->keeps_slacks)
		return 0;
	const uint8_t *slacks = front->slack_table.base;
	return slacks[((uintptr_t)p - front->range.base) / SMALL_STEP_BYTES];
}

static inline void slab_set_slack(const struct front *front, const void *p, size_t slack_bytes)
{
	if (!front->keeps_slacks)
		return;
	uint8_t *slacks = front->slack_table.base;
	slacks[((uintptr_t)p - front->range.base) / SMALL_STEP_BYTES] =
		(uint8_t)size_min(slack_bytes, UINT8_MAX);
}

/* ---- lists of slabs, linked by number; 0 ends them ---- */

/* Where its entry ends in the table, in bytes. */
static inline uint32_t slab_number(const struct front *front, const struct slab *slab)
{
	return (uint32_t)((uintptr_t)(slab + 1) - (uintptr_t)front->slabs);
}

static inline struct slab *slab_numbered(const struct front *front, uint32_t number)
{
	return (struct slab *)(void *)((char *)front->slabs + number) - 1;
}

static inline void slab_list_push(const struct front *front, uint32_t *head, struct slab *slab)
{
	uint32_t number = slab_number(front, slab);
	uint32_t next = *head;
	slab->own.next = next;
	slab->previous = 0;
	if (next != 0)
		slab_numbered(front, next)->previous = number;
	*head = number;
}

static inline void slab_list_remove(const struct front *front, uint32_t *head, struct slab *slab)
{
	uint32_t next = slab->own.next;
	uint32_t previous = slab->previous;
	if (next != 0)
		slab_numbered(front, next)->previous = previous;
	if (previous != 0)
		slab_numbered(front, previous)->own.next = next;
	else
		*head = next;
}

/* The first one, or NULL. */
static inline struct slab *slab_list_pop(const struct front *front, uint32_t *head)
{
	if (*head == 0)
		return NULL;
	struct slab *slab = slab_numbered(front, *head);
	uint32_t next = slab->own.next;
	if (next != 0)
		slab_numbered(front, next)->previous = 0;
	*head = next;
	return slab;
}

/* ---- stacks of slabs: lists that nothing leaves but from the front ---- */

static inline void slab_stack_push(const struct front *front, uint32_t *head, struct slab *slab)
{
	slab->own.next = *head;
	*head = slab_number(front, slab);
}

/* The one pushed last, or NULL. */
static inline struct slab *slab_stack_pop(const struct front *front, uint32_t *head)
{
	if (*head == 0)
		return NULL;
	struct slab *slab = slab_numbered(front, *head);
	*head = slab->own.next;
	return slab;
}

/* ---- looking at slabs ---- */

/* Prove what can be proved of slabs without their owners; false with a line in `message`. */
bool front_check(const struct front *front, struct text *message);

/* Report what is wrong with freeing or resizing `p`, which lies in a slab. */
void slab_report(struct heap *heap, const struct slab *slab, const void *p, const char *call);

#endif
