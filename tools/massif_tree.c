/* SPDX-License-Identifier: MIT */
/*
 * The tree of a massif snapshot: rows are stacks, each with a cursor at the function that is next;
 * rows whose cursors are at the same place make a node, and move on together.
 *
 * What is less than one part in a hundred of everything is not told apart, as massif does.
 */
#include "massif_tree.h"

#include <inttypes.h>
#include <stdlib.h>

#include "export_stack.h"
#include "room.h"

enum {
	SIGNIFICANT_PARTS = 100,
	DEPTH_MAX = 1000, /* stacks of real recordings are far from that */
};

/* A stack on its way outwards. */
struct tree_row {
	uint64_t bytes;
	uint32_t frame;
	uint32_t function; /* of the functions of the frame's place */
	bool is_ended;
	uint64_t key;      /* equal for equal places and functions */
};

/* Rows that share a node. */
struct tree_group {
	size_t first, count;
	uint64_t bytes;
};

struct tree {
	struct export *export;
	uint64_t bytes;
};

static int row_compare(const void *a, const void *b)
{
	const struct tree_row *left = a, *right = b;

	return (left->key > right->key) - (left->key < right->key);
}

/* Most bytes first; equal ones stay in the order of their places. */
static int group_compare(const void *a, const void *b)
{
	const struct tree_group *left = a, *right = b;

	if (left->bytes != right->bytes)
		return left->bytes > right->bytes ? -1 : 1;
	return (left->first > right->first) - (left->first < right->first);
}

static void row_key(const struct tree *tree, struct tree_row *row)
{
	uint64_t place = symbols_place(tree->export->symbols, row->frame)->number;

	row->key = place << 32 | row->function;
}

/* To the function around the one at hand, if there is one. */
static void row_advance(const struct tree *tree, struct tree_row *row)
{
	const struct symbols_place *place = symbols_place(tree->export->symbols, row->frame);

	if (++row->function < place->function_count)
		return;
	row->function = 0;
	row->frame = symbols_caller(tree->export->symbols, row->frame);
	row->is_ended = row->frame == 0;
}

/* The rows that have not ended, in groups; how many. The caller frees them. */
static size_t groups_make(const struct tree *tree, struct tree_row *rows, size_t count,
			  struct tree_group **out_groups)
{
	struct tree_group *groups = NULL;
	size_t group_count = 0, room = 0;

	for (size_t i = 0; i < count; i++)
		row_key(tree, &rows[i]);
	qsort(rows, count, sizeof(*rows), row_compare);
	for (size_t i = 0; i < count; i++) {
		if (rows[i].is_ended)
			continue;
		if (group_count == 0 || rows[i].key != rows[groups[group_count - 1].first].key) {
			groups = room_grow(groups, &room, group_count + 1, sizeof(*groups));
			groups[group_count++] = (struct tree_group){ .first = i };
		}
		groups[group_count - 1].count++;
		groups[group_count - 1].bytes += rows[i].bytes;
	}
	if (group_count > 1)
		qsort(groups, group_count, sizeof(*groups), group_compare);
	*out_groups = groups;
	return group_count;
}

static void node_write(const struct tree *tree, struct tree_row *rows, size_t count, int depth,
		       const char *label);

static void child_write(const struct tree *tree, struct tree_row *rows, size_t count, int depth)
{
	const struct symbols_place *place =
		symbols_place(tree->export->symbols, rows[0].frame);
	char *label = export_place_text(tree->export, place, rows[0].function);

	for (size_t i = 0; i < count; i++)
		row_advance(tree, &rows[i]);
	node_write(tree, rows, count, depth, label);
	free(label);
}

/* A node and all below it; every row is one function further out than the node. */
static void node_write(const struct tree *tree, struct tree_row *rows, size_t count, int depth,
		       const char *label)
{
	FILE *out = tree->export->out;
	struct tree_group *groups;
	size_t group_count = groups_make(tree, rows, count, &groups);
	size_t shown = 0;
	uint64_t bytes = 0, rest = 0;

	for (size_t i = 0; i < count; i++)
		bytes += rows[i].bytes;
	while (shown < group_count && depth < DEPTH_MAX &&
	       groups[shown].bytes * SIGNIFICANT_PARTS >= tree->bytes)
		shown++;
	fprintf(out, "%*sn%zu: %" PRIu64 " %s\n", depth, "",
		shown + (shown < group_count ? 1 : 0), bytes, label);
	for (size_t i = 0; i < shown; i++)
		child_write(tree, rows + groups[i].first, groups[i].count, depth + 1);
	for (size_t i = shown; i < group_count; i++)
		rest += groups[i].bytes;
	if (shown < group_count)
		fprintf(out, "%*sn0: %" PRIu64 " in %zu place%s, all below massif's threshold "
			"(1.00%%)\n", depth + 1, "", rest, group_count - shown,
			group_count - shown == 1 ? "" : "s");
	free(groups);
}

void massif_tree_write(struct export *export, const struct stack_totals *totals)
{
	struct tree tree = { .export = export };
	struct tree_row *rows = room_take(totals->row_count, sizeof(*rows));
	size_t count = 0;

	for (size_t i = 0; i < totals->row_count; i++) {
		const struct stack_row *row = &totals->rows[i];

		if (row->at_moment.bytes == 0)
			continue;
		rows[count++] = (struct tree_row){
			.bytes = row->at_moment.bytes, .frame = row->stack,
		};
		tree.bytes += row->at_moment.bytes;
	}
	node_write(&tree, rows, count, 0,
		   "(heap allocation functions) malloc/new/new[], --alloc-fns, etc.");
	free(rows);
}
