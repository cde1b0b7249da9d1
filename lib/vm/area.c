/* SPDX-License-Identifier: MIT */
/*
 * Areas: an AVL tree (Adelson-Velsky and Landis 1962) threaded by a list, with the largest hole
 * of each subtree kept in its top, so that the highest hole of a size is found in one descent.
 */
#include "vm/area.h"

#include "base/bits.h"

/* ---- what a node knows of its subtree ---- */

uint64_t area_start_gap(const struct area_set *set, const struct area *area)
{
	if (!(area->flags & VM_AREA_GROWSDOWN))
		return area->start;
	return area->start > set->gap_bytes ? area->start - set->gap_bytes : 0;
}

static uint64_t end_before(const struct area *area)
{
	return area->previous != NULL ? area->previous->end : 0;
}

static uint64_t hole_of(const struct area *area)
{
	return area->start - end_before(area);
}

static int height_of(const struct area *area)
{
	return area != NULL ? area->height : 0;
}

static uint64_t count_of(const struct area *area)
{
	return area != NULL ? area->count : 0;
}

static uint64_t hole_max_of(const struct area *area)
{
	return area != NULL ? area->hole_max : 0;
}

static void node_update(struct area *area)
{
	int left = height_of(area->left), right = height_of(area->right);
	area->height = 1 + (left > right ? left : right);
	area->count = 1 + count_of(area->left) + count_of(area->right);
	area->hole_max = size_max(area->hole,
				  size_max(hole_max_of(area->left), hole_max_of(area->right)));
}

/* The hole below `area` may have changed: tell those above it. */
static void hole_update(struct area *area)
{
	if (area == NULL)
		return;
	area->hole = hole_of(area);
	for (struct area *at = area; at != NULL; at = at->parent)
		node_update(at);
}

/* ---- balance ---- */

/* Put `child` where `area` hangs. */
static void parent_relink(struct area_set *set, struct area *area, struct area *child)
{
	struct area *parent = area->parent;
	if (parent == NULL)
		set->root = child;
	else if (parent->left == area)
		parent->left = child;
	else
		parent->right = child;
	if (child != NULL)
		child->parent = parent;
}

/* Turn `area` down to the left, its right child up; returns that. */
static struct area *rotate_left(struct area_set *set, struct area *area)
{
	struct area *up = area->right;
	parent_relink(set, area, up);
	area->right = up->left;
	if (area->right != NULL)
		area->right->parent = area;
	up->left = area;
	area->parent = up;
	node_update(area);
	node_update(up);
	return up;
}

static struct area *rotate_right(struct area_set *set, struct area *area)
{
	struct area *up = area->left;
	parent_relink(set, area, up);
	area->left = up->right;
	if (area->left != NULL)
		area->left->parent = area;
	up->right = area;
	area->parent = up;
	node_update(area);
	node_update(up);
	return up;
}

/* From `area` to the root: heights of two children differ by one at most. */
static void rebalance(struct area_set *set, struct area *area)
{
	while (area != NULL) {
		node_update(area);
		int lean = height_of(area->left) - height_of(area->right);
		if (lean > 1) {
			if (height_of(area->left->left) < height_of(area->left->right))
				rotate_left(set, area->left);
			area = rotate_right(set, area);
		} else if (lean < -1) {
			if (height_of(area->right->right) < height_of(area->right->left))
				rotate_right(set, area->right);
			area = rotate_left(set, area);
		}
		area = area->parent;
	}
}

/* ---- entering and taking out ---- */

static void list_link(struct area_set *set, struct area *area, struct area *previous,
		      struct area *next)
{
	area->previous = previous;
	area->next = next;
	if (previous != NULL)
		previous->next = area;
	else
		set->first = area;
	if (next != NULL)
		next->previous = area;
	else
		set->last = area;
}

void area_insert(struct area_set *set, struct area *area)
{
	struct area *parent = NULL, *previous = NULL, *next = NULL;
	struct area **link = &set->root;
	while (*link != NULL) {
		parent = *link;
		if (area->start < parent->start) {
			next = parent;
			link = &parent->left;
		} else {
			previous = parent;
			link = &parent->right;
		}
	}
	assert(previous == NULL || previous->end <= area->start);
	assert(next == NULL || area->end <= next->start);
	list_link(set, area, previous, next);
	area->parent = parent;
	area->left = area->right = NULL;
	*link = area;
	area->hole = hole_of(area);
	rebalance(set, area);
	hole_update(next);
	if (!(area->flags & VM_AREA_FURNITURE))
		set->count++;
}

/* Make `heir`, which is taken from below, stand where `area` stands. */
static void replace(struct area_set *set, struct area *area, struct area *heir)
{
	parent_relink(set, area, heir);
	heir->left = area->left;
	heir->right = area->right;
	if (heir->left != NULL)
		heir->left->parent = heir;
	if (heir->right != NULL)
		heir->right->parent = heir;
}

void area_remove(struct area_set *set, struct area *area)
{
	struct area *start;
	if (area->left == NULL || area->right == NULL) {
		start = area->parent;
		parent_relink(set, area, area->left != NULL ? area->left : area->right);
	} else {
		/* The next area is the leftmost of the right subtree: it has no left child. */
		struct area *heir = area->next;
		start = heir->parent == area ? heir : heir->parent;
		parent_relink(set, heir, heir->right);
		replace(set, area, heir);
	}
	rebalance(set, start);
	if (area->previous != NULL)
		area->previous->next = area->next;
	else
		set->first = area->next;
	if (area->next != NULL)
		area->next->previous = area->previous;
	else
		set->last = area->previous;
	hole_update(area->next);
	if (set->found == area)
		set->found = NULL;
	if (!(area->flags & VM_AREA_FURNITURE))
		set->count--;
}

void area_resize(struct area *area, uint64_t start, uint64_t end, uint64_t offset)
{
	assert(start < end);
	area->start = start;
	area->end = end;
	area->offset = offset;
	hole_update(area);
	hole_update(area->next);
}

/* ---- finding ---- */

struct area *area_look(const struct area_set *set, uint64_t address)
{
	struct area *best = NULL;
	for (struct area *at = set->root; at != NULL;) {
		if (at->end > address) {
			best = at;
			at = at->left;
		} else {
			at = at->right;
		}
	}
	return best;
}

struct area *area_find(struct area_set *set, uint64_t address)
{
	struct area *best = NULL;
	set->searches++;
	if (set->found != NULL && set->found->start <= address && address < set->found->end) {
		set->cache_hits++;
		return set->found;
	}
	uint64_t before = 0; /* areas that end at or below the address */
	for (struct area *at = set->root; at != NULL;) {
		set->tree_steps++;
		if (at->end > address) {
			best = at;
			if (at->start <= address) {
				before += count_of(at->left);
				break;
			}
			at = at->left;
		} else {
			before += 1 + count_of(at->left);
			at = at->right;
		}
	}
	set->list_steps += before + (best != NULL);
	if (best != NULL)
		set->found = best;
	return best;
}

struct area *area_before(const struct area_set *set, const struct area *next)
{
	return next != NULL ? next->previous : set->last;
}

/* ---- holes ---- */

/* Do `bytes` fit in [start, end) cut to [low, high)? Then their top is *out_top. */
static bool hole_fits(uint64_t start, uint64_t end, uint64_t bytes, uint64_t low, uint64_t high,
		      uint64_t *out_top)
{
	start = size_max(start, low);
	end = size_min(end, high);
	if (end < start || end - start < bytes)
		return false;
	*out_top = end;
	return true;
}

/* In the subtree of `area`, from the right. Holes that begin at `high` or above are left out. */
static bool highest_below(const struct area *area, uint64_t bytes, uint64_t low, uint64_t high,
			  uint64_t *out_top)
{
	while (area != NULL && area->hole_max >= bytes) {
		uint64_t start = end_before(area);
		if (start < high && highest_below(area->right, bytes, low, high, out_top))
			return true;
		if (hole_fits(start, area->start, bytes, low, high, out_top))
			return true;
		area = area->left;
	}
	return false;
}

bool area_hole_highest(const struct area_set *set, uint64_t bytes, uint64_t low, uint64_t high,
		       uint64_t *out_top)
{
	uint64_t last_end = set->last != NULL ? set->last->end : 0;
	return hole_fits(last_end, UINT64_MAX, bytes, low, high, out_top) ||
	       highest_below(set->root, bytes, low, high, out_top);
}

bool area_hole_lowest(const struct area_set *set, uint64_t bytes, uint64_t low, uint64_t high,
		      uint64_t *out_top)
{
	uint64_t start = 0, top;
	for (const struct area *area = set->first;; area = area->next) {
		uint64_t end = area != NULL ? area->start : UINT64_MAX;
		if (hole_fits(start, end, bytes, low, high, &top)) {
			*out_top = size_max(start, low) + bytes;
			return true;
		}
		if (area == NULL)
			return false;
		start = area->end;
	}
}

/* ---- checking ---- */

static bool subtree_check(const struct area *area, const struct area **next, const char **why)
{
	if (area == NULL)
		return true;
	int lean = height_of(area->left) - height_of(area->right);
	if (!subtree_check(area->left, next, why))
		return false;
	*why = "the tree of areas is not in the order of their list";
	if (area != *next)
		return false;
	*next = area->next;
	*why = "the tree of areas leans";
	if (lean < -1 || lean > 1)
		return false;
	*why = "a hole between areas is not what the tree says";
	if (area->hole != hole_of(area) ||
	    area->hole_max != size_max(area->hole, size_max(hole_max_of(area->left),
							    hole_max_of(area->right))))
		return false;
	*why = "the tree of areas is miscounted";
	if (area->count != 1 + count_of(area->left) + count_of(area->right))
		return false;
	*why = "a child in the tree of areas has another parent";
	if ((area->left != NULL && area->left->parent != area) ||
	    (area->right != NULL && area->right->parent != area))
		return false;
	return subtree_check(area->right, next, why);
}

bool area_set_check(const struct area_set *set, const char **why)
{
	const struct area *previous = NULL;
	uint64_t count = 0;
	for (const struct area *area = set->first; area != NULL; area = area->next) {
		*why = "areas overlap, or are not in order";
		if (area->start >= area->end || area->previous != previous ||
		    (previous != NULL && previous->end > area->start))
			return false;
		count += !(area->flags & VM_AREA_FURNITURE);
		previous = area;
	}
	*why = "areas are miscounted";
	if (previous != set->last || count != set->count)
		return false;
	const struct area *next = set->first;
	if (!subtree_check(set->root, &next, why))
		return false;
	*why = "an area is not in the tree";
	return next == NULL;
}
