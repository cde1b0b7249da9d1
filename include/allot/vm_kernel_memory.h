/* SPDX-License-Identifier: MIT */
/*
 * allot/vm: memory of the kernel itself, on a machine's frames: slab caches, kmalloc, vmalloc.
 *
 * Addresses are those x86-64 Linux has them at without randomisation: what lies in frames one
 * behind another is in the direct map, what is only virtually so in the range of vmalloc. A
 * machine of another geometry has no memory of this kind. Left out: colouring of slabs (gone from
 * Linux with mm/slab.c in 6.8), lists and sheaves of a processor, huge pages in vmalloc.
 */
#ifndef ALLOT_VM_KERNEL_MEMORY_H
#define ALLOT_VM_KERNEL_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <allot/vm_machine.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* ---- slab caches -------------------------------------------------------------------------- */

enum {
	VM_SLAB_CACHE_NAME_BYTES = 32,
};

/* How objects lie in a slab. */
struct vm_slab_cache_layout {
	unsigned order;     /* a slab is 2^order pages */
	uint32_t objects;   /* in one */
};

/*
 * The layout for objects of `object_bytes`, padding included, on a machine of that many
 * processors: mm/slub.c calculate_order(). False: no slab is large enough, or the size is 0.
 */
bool vm_slab_cache_layout_get(uint32_t object_bytes, uint32_t page_bytes, unsigned processors,
			 struct vm_slab_cache_layout *out);

/* Objects of one size, in slabs that are full, partly used, or empty. The machine owns it. */
struct vm_slab_cache;

/*
 * A cache for objects of `object_bytes` at multiples of `align_bytes`, 0 or a power of two. The
 * first VM_SLAB_CACHE_NAME_BYTES - 1 bytes of the name are kept. NULL when no slab is large enough,
 * the machine has no kernel addresses, or there is no memory. mm/slab_common.c
 * kmem_cache_create(). Slabs are as on a machine of one processor.
 */
struct vm_slab_cache *vm_slab_cache_create(struct vm_machine *machine, const char *name,
				 uint32_t object_bytes, uint32_t align_bytes);

/* False while objects are lent: then nothing is changed. */
bool vm_slab_cache_destroy(struct vm_slab_cache *cache);

/*
 * Borrow an object: of a partly used slab, else of an empty one, else of a new one. Its address,
 * or 0: no frames, not even when every cache gives its empty slabs back.
 */
uint64_t vm_slab_cache_take(struct vm_slab_cache *cache);

/* Give it back; an emptied slab is kept. False: no object of this cache that is lent. */
bool vm_slab_cache_give(struct vm_slab_cache *cache, uint64_t address);

/* Give empty slabs back to the buddies; how many frames that were. */
uint64_t vm_slab_cache_shrink(struct vm_slab_cache *cache);

/* What there is of a cache: a line of /proc/slabinfo. */
struct vm_slab_cache_view {
	const char *name;
	uint32_t object_bytes;      /* padding included */
	struct vm_slab_cache_layout layout;
	uint64_t objects_lent;
	uint64_t full, partial, empty; /* slabs */
};

void vm_slab_cache_get(const struct vm_slab_cache *cache, struct vm_slab_cache_view *out);

/* The cache made before `cache`, or with NULL the last one made; NULL at the end. */
struct vm_slab_cache *vm_slab_cache_next(const struct vm_machine *machine,
					 const struct vm_slab_cache *cache);

/* ---- kmalloc and vmalloc ------------------------------------------------------------------ */

/* 2^order frames one behind another, or 0: mm/page_alloc.c alloc_pages(). */
uint64_t vm_kernel_pages(struct vm_machine *machine, unsigned order);

/*
 * Memory that is contiguous in frames too: from the caches of 8 to 8,192 bytes, which are powers
 * of two and 96 and 192, else whole pages of the next order. 0 when there is none, or for 0
 * bytes. mm/slub.c kmalloc().
 */
uint64_t vm_kmalloc(struct vm_machine *machine, uint64_t bytes);

/* Give back what vm_kmalloc() or vm_kernel_pages() lent. False: nothing of theirs begins there. */
bool vm_kfree(struct vm_machine *machine, uint64_t address);

/*
 * Memory that is contiguous in addresses only: single frames, mapped at the lowest hole of the
 * range, with a page behind it that stays unmapped. Page tables are made and stay. 0 when frames
 * or addresses are out, or for 0 bytes. mm/vmalloc.c.
 */
uint64_t vm_vmalloc(struct vm_machine *machine, uint64_t bytes);
bool vm_vfree(struct vm_machine *machine, uint64_t address);

/* An area of vmalloc: a line of /proc/vmallocinfo. */
struct vm_vmalloc_view {
	uint64_t address;
	uint64_t pages; /* mapped ones, the guard not counted */
};

/* The first area at or above `address`; false when there is none. */
bool vm_vmalloc_next(const struct vm_machine *machine, uint64_t address,
		     struct vm_vmalloc_view *out);

/* The frame behind an address of the kernel's, 0 when none is lent to it there. */
uint64_t vm_kernel_frame(const struct vm_machine *machine, uint64_t address);

/* All of it, in frames. */
struct vm_kernel_memory {
	uint64_t slabs;          /* of caches, empty slabs included: Slab of /proc/meminfo */
	uint64_t pages;          /* lent whole */
	uint64_t vmalloc;        /* mapped in areas: VmallocUsed */
	uint64_t tables;         /* that map them, without the top one */
};
void vm_kernel_memory_get(const struct vm_machine *machine, struct vm_kernel_memory *out);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
