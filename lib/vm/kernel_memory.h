/* SPDX-License-Identifier: MIT */
/*
 * Memory of the kernel itself, as the modules of this folder see it: caches and their slabs, areas
 * of vmalloc. A machine has it from its first use on.
 *
 * Invariants, walked by kernel_memory_check():
 *   - a slab is on the list its count of lent objects says;
 *   - an object is lent or on its slab's chain of free ones, never both;
 *   - areas of vmalloc ascend, with a guard page between them, and every page of one is mapped to
 *     a frame of its own;
 *   - no frame is lent to the kernel that is in none of these.
 */
#ifndef VM_KERNEL_MEMORY_H
#define VM_KERNEL_MEMORY_H

#include "vm/machine.h"

enum {
	KMALLOC_CLASSES = 13,
};

enum slab_list {
	SLAB_FULL,
	SLAB_PARTIAL,
	SLAB_EMPTY,
	SLAB_LISTS,
};

enum {
	OBJECT_LENT = UINT16_MAX,     /* instead of a link */
	OBJECT_END = UINT16_MAX - 1,  /* of the chain of free objects */
};

/* 2^order frames of one cache, cut into objects. */
struct slab {
	struct slab *next, *previous;
	struct vm_slab_cache *cache;
	uint32_t head;         /* its first frame */
	uint16_t lent;         /* objects */
	uint16_t free;         /* first free object; links[free] is the next one */
	uint16_t links[];      /* of each object, or OBJECT_LENT */
};

struct vm_slab_cache {
	struct vm_slab_cache *next;            /* of the machine */
	struct vm_machine *machine;
	char name[VM_SLAB_CACHE_NAME_BYTES];
	uint32_t object_bytes;
	struct vm_slab_cache_layout layout;
	struct slab *lists[SLAB_LISTS];
	uint64_t counts[SLAB_LISTS];      /* slabs on each */
	uint64_t lent;                    /* objects */
};

/* A run of pages in the range of vmalloc; the page behind it is its guard. */
struct vmalloc_area {
	struct vmalloc_area *next; /* above */
	uint64_t start, pages;
};

struct kernel_memory {
	struct vm_slab_cache *caches;                     /* the newest first */
	struct vm_slab_cache *kmalloc[KMALLOC_CLASSES];   /* made when first used */
	struct vmalloc_area *areas;                  /* ascending */
	struct vm_space tables;                      /* that maps them; in no list of spaces */
	uint64_t direct_start;                       /* address of frame 0 */
	uint64_t vmalloc_start, vmalloc_end;
	uint64_t page_count, vmalloc_count;          /* frames lent whole, and to areas */
};

/* The machine's, made at the first call; NULL without memory or addresses for it. */
struct kernel_memory *kernel_memory_of(struct vm_machine *machine);

/* frame_take(), and again when every cache has given its empty slabs back. */
uint32_t kernel_frame_take(struct vm_machine *machine, unsigned order, enum frame_use use);

/* Walk it; false with the reason in `why`. */
bool kernel_memory_check(struct vm_machine *machine, const char **why);

#endif
