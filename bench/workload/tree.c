/* SPDX-License-Identifier: MIT */
/*
 * Tree: a treap. By key it is a search tree, by rank a heap; ranks are random, which keeps it flat.
 *
 * As lengths drift, the holes that old strings leave never fit the new ones well.
 */
#include "tree.h"

#include "crew.h"
#include "heap.h"

#include <string.h>

enum {
	LIVE_COUNT = 50000,
	LENGTH_LEAST = 8,   /* characters of the shortest strings */
	LENGTH_DRIFT = 160, /* by which they have grown at half time */
	LENGTH_SPREAD = 48, /* between the shortest and the longest of a time */
	SERIAL_BYTES = 8,   /* which make a key unlike any other */
};

struct node {
	struct node *left, *right;
	uint64_t rank;   /* not above the parent's */
	const char *key; /* lives as long as the node */
};

/* A new string: random letters, behind them what makes it unique. */
static char *key_make(struct chance *chance, size_t length, uint64_t serial)
{
	char *key = heap_take(length + SERIAL_BYTES + 1);
	for (size_t i = 0; i < length; i++)
		key[i] = (char)('a' + chance_below(chance, 26));
	for (size_t i = 0; i < SERIAL_BYTES; i++, serial >>= 4)
		key[length + i] = (char)('A' + serial % 16);
	key[length + SERIAL_BYTES] = '\0';
	return key;
}

/* Split a tree into those below `key` and the others. */
static void tree_split(struct node *tree, const char *key, struct node **out_below,
		       struct node **out_above)
{
	while (tree != NULL) {
		if (strcmp(tree->key, key) < 0) {
			*out_below = tree;
			out_below = &tree->right;
			tree = tree->right;
		} else {
			*out_above = tree;
			out_above = &tree->left;
			tree = tree->left;
		}
	}
	*out_below = NULL;
	*out_above = NULL;
}

/* One tree of two, of which all of the first is below all of the second. */
static struct node *tree_join(struct node *below, struct node *above)
{
	struct node *tree = NULL;
	struct node **place = &tree;
	while (below != NULL && above != NULL) {
		if (below->rank > above->rank) {
			*place = below;
			place = &below->right;
			below = below->right;
		} else {
			*place = above;
			place = &above->left;
			above = above->left;
		}
	}
	*place = below != NULL ? below : above;
	return tree;
}

/* Put a new node with the key, which must not go before it does, into its place. */
static void tree_insert(struct node **place, const char *key, uint64_t rank)
{
	struct node *node = heap_take(sizeof(*node));
	node->rank = rank;
	node->key = key;
	while (*place != NULL && (*place)->rank >= rank)
		place = strcmp((*place)->key, key) < 0 ? &(*place)->right : &(*place)->left;
	tree_split(*place, key, &node->left, &node->right);
	*place = node;
}

/* Take out the node with the key, which is there. */
static void tree_remove(struct node **place, const char *key)
{
	int order;
	while ((order = strcmp((*place)->key, key)) != 0)
		place = order < 0 ? &(*place)->right : &(*place)->left;
	struct node *node = *place;
	*place = tree_join(node->left, node->right);
	heap_give(node);
}

/* Length of a string that is made at this step of so many. */
static size_t length_draw(struct chance *chance, size_t step, size_t step_count)
{
	size_t half = step_count / 2 + 1;
	size_t way = step < half ? step : 2 * half - step;
	return LENGTH_LEAST + LENGTH_DRIFT * way / half + chance_below(chance, LENGTH_SPREAD);
}

static void tree_work(struct worker *worker)
{
	struct chance *chance = &worker->chance;
	size_t step_count = run_step_count(worker->run);
	struct node *root = NULL;
	char **keys = heap_take_zeroed(LIVE_COUNT, sizeof(*keys));
	for (size_t i = 0; i < LIVE_COUNT + step_count; i++) {
		bool is_first = i < LIVE_COUNT;
		char **key = &keys[is_first ? i : chance_below(chance, LIVE_COUNT)];
		size_t length = length_draw(chance, is_first ? 0 : i - LIVE_COUNT, step_count);
		if (*key != NULL) {
			worker->checksum = worker->checksum * 31 + strlen(*key);
			tree_remove(&root, *key);
			heap_give(*key);
		}
		*key = key_make(chance, length, i);
		tree_insert(&root, *key, chance_next(chance));
	}
	for (size_t i = 0; i < LIVE_COUNT; i++) {
		worker->checksum = worker->checksum * 31 + (unsigned char)keys[i][1];
		tree_remove(&root, keys[i]);
		heap_give(keys[i]);
	}
	heap_give(keys);
}

void tree_run(struct run *run)
{
	crew_run(run, tree_work);
}
