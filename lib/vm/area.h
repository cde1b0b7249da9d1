/* SPDX-License-Identifier: MIT */
/*
 * Areas: the ranges of an address space that are mapped, kept three ways: a sorted list, a
 * balanced tree over it, and the last one found.
 */
#ifndef VM_AREA_H
#define VM_AREA_H

#include <allot/vm.h>

#include "vm/pool.h"

/* [start, end), all of one kind. Every node of the tree knows the largest hole of its subtree. */
struct area {
	uint64_t start, end;
	uint64_t offset;        /* pages into the file; of private memory without one, where it was
				   mapped first, in pages: what merging goes by (vm_pgoff) */
	uint32_t flags;         /* of enum vm_area_flag */
	uint32_t anon;          /* its anonymous memory (anon_vma), 0 before the first page of it */
	bool is_inherited;      /* that one has ancestors: the area was copied by a fork */
	bool is_guarded;        /* it may have guards, which a fork is to copy */
	uint64_t ahead_address; /* of the last page that came back from swap by the cache */
	uint32_t ahead_pages;   /* read with it */
	uint32_t ahead_hits;    /* of those, used since */
	bool ahead_is_set;      /* there was one */
	struct vm_file *file;
	struct area *previous, *next;
	struct area *parent, *left, *right;
	uint64_t hole;          /* bytes free below it */
	uint64_t hole_max;      /* the largest of these in its subtree */
	uint64_t count;         /* areas in its subtree, itself included */
	int height;
};

struct area_set {
	struct area *first, *last;
	struct area *root;
	struct area *found;     /* what the last search gave, or NULL */
	uint64_t count;         /* furniture not counted */
	uint64_t gap_bytes;     /* kept free below areas that grow down */
	uint64_t searches, cache_hits, tree_steps, list_steps;
};

/* The first area that ends above `address`, or NULL. Counts its steps, and a list's for it. */
struct area *area_find(struct area_set *set, uint64_t address);

/* The same without counting, for those who only look. */
struct area *area_look(const struct area_set *set, uint64_t address);

/* The area before the place of `next`, which may be NULL. */
struct area *area_before(const struct area_set *set, const struct area *next);

/* Enter an area that overlaps none, or take one out. */
void area_insert(struct area_set *set, struct area *area);
void area_remove(struct area_set *set, struct area *area);

/* Move an area's edges; it stays between its neighbours. */
void area_resize(struct area *area, uint64_t start, uint64_t end, uint64_t offset);

/* Where it begins for others: an area that grows down keeps a gap below it. */
uint64_t area_start_gap(const struct area_set *set, const struct area *area);

/* The top of the highest hole in [low, high) that `bytes` fit in; false when there is none. */
bool area_hole_highest(const struct area_set *set, uint64_t bytes, uint64_t low, uint64_t high,
		       uint64_t *out_top);

/* The end of the lowest such hole's first `bytes`, by walking the list. */
bool area_hole_lowest(const struct area_set *set, uint64_t bytes, uint64_t low, uint64_t high,
		      uint64_t *out_top);

/* Is list, tree and every hole as it should be? False with the reason in `why`. */
bool area_set_check(const struct area_set *set, const char **why);

#endif
