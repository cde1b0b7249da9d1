/* SPDX-License-Identifier: MIT */
/*
 * The treap: insertion by splitting, removal by joining (Seidel and Aragon 1996). See interval.h.
 */
#include "interval.h"

static uint64_t priority(const struct interval *interval)
{
	uint64_t z = interval->begin * 0x9E3779B97F4A7C15u;
	return (z ^ z >> 32) * 0xD6E8FEB86659FD93u;
}

/* Divide a tree: what begins below `begin`, and the rest. */
static void split(struct interval *tree, uintptr_t begin, struct interval **out_below,
		  struct interval **out_rest)
{
	while (tree != NULL) {
		if (tree->begin < begin) {
			*out_below = tree;
			out_below = &tree->right;
			tree = tree->right;
		} else {
			*out_rest = tree;
			out_rest = &tree->left;
			tree = tree->left;
		}
	}
	*out_below = NULL;
	*out_rest = NULL;
}

/* The tree of two, all of `below` beginning before all of `above`. */
static struct interval *join(struct interval *below, struct interval *above)
{
	struct interval *root = NULL;
	struct interval **link = &root;
	while (below != NULL && above != NULL) {
		if (priority(below) > priority(above)) {
			*link = below;
			link = &below->right;
			below = below->right;
		} else {
			*link = above;
			link = &above->left;
			above = above->left;
		}
	}
	*link = below != NULL ? below : above;
	return root;
}

/* The one of the set that overlaps, looking at the nearest on each side. */
static struct interval *overlapping(struct interval *tree, const struct interval *interval)
{
	while (tree != NULL) {
		if (tree->begin < interval->end && interval->begin < tree->end)
			return tree;
		tree = interval->begin < tree->begin ? tree->left : tree->right;
	}
	return NULL;
}

struct interval *interval_insert(struct interval **root, struct interval *interval)
{
	struct interval *other = overlapping(*root, interval);
	if (other != NULL)
		return other;
	struct interval **link = root;
	while (*link != NULL && priority(*link) > priority(interval))
		link = interval->begin < (*link)->begin ? &(*link)->left : &(*link)->right;
	split(*link, interval->begin, &interval->left, &interval->right);
	*link = interval;
	return NULL;
}

void interval_remove(struct interval **root, struct interval *interval)
{
	struct interval **link = root;
	while (*link != interval)
		link = interval->begin < (*link)->begin ? &(*link)->left : &(*link)->right;
	*link = join(interval->left, interval->right);
}

struct interval *interval_find(struct interval *root, uintptr_t begin)
{
	while (root != NULL && root->begin != begin)
		root = begin < root->begin ? root->left : root->right;
	return root;
}
