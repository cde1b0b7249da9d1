/* SPDX-License-Identifier: MIT */
/*
 * Comparing: names of stacks as keys, sorted, and rows of one name added up.
 */
#include "report_compare.h"

#include <stdlib.h>
#include <string.h>

#include "report_names.h"

enum {
	KEY_BYTES = 8192,
};

static int name_compare(const void *a, const void *b)
{
	const struct report_stack_pair *first = a, *second = b;

	return strcmp(first->name, second->name);
}

static uint64_t change_of(const struct report_stack_pair *pair)
{
	return pair->a > pair->b ? pair->a - pair->b : pair->b - pair->a;
}

static int change_compare(const void *a, const void *b)
{
	const struct report_stack_pair *first = a, *second = b;

	if (change_of(first) != change_of(second))
		return change_of(first) > change_of(second) ? -1 : 1;
	if (first->a != second->a)
		return first->a > second->a ? -1 : 1;
	return strcmp(first->name, second->name);
}

/* Rows of one report, as A's or as B's. */
static bool rows_add(struct report_comparison *out, const struct report *report, bool is_b)
{
	const struct report_pins *pins = &report->shown->pins;
	char key[KEY_BYTES];

	for (size_t i = 0; i < pins->row_count; i++) {
		struct report_stack_pair *pair = &out->stacks[out->stack_count];

		report_names_stack(report->names, pins->rows[i].stack, key, sizeof(key));
		pair->name = strdup(key);
		if (pair->name == NULL)
			return false;
		pair->a = is_b ? 0 : pins->rows[i].live_bytes;
		pair->b = is_b ? pins->rows[i].live_bytes : 0;
		pair->frame = is_b ? 0 : pins->rows[i].stack;
		out->stack_count++;
	}
	return true;
}

/* Rows of one name become one, with the first frame that A has for it. */
static void rows_join(struct report_comparison *out)
{
	size_t kept = 0;

	for (size_t i = 0; i < out->stack_count;) {
		struct report_stack_pair pair = out->stacks[i++];

		while (i < out->stack_count && strcmp(out->stacks[i].name, pair.name) == 0) {
			pair.a += out->stacks[i].a;
			pair.b += out->stacks[i].b;
			if (pair.frame == 0)
				pair.frame = out->stacks[i].frame;
			free(out->stacks[i++].name);
		}
		out->change_count += pair.a != pair.b;
		out->stacks[kept++] = pair;
	}
	out->stack_count = kept;
}

bool report_compare(struct report_comparison *out, const struct report *a, const struct report *b)
{
	size_t rows = a->shown->pins.row_count + b->shown->pins.row_count;

	*out = (struct report_comparison){ .stack_count = 0 };
	out->stacks = calloc(rows + 1, sizeof(*out->stacks));
	if (out->stacks == NULL || !rows_add(out, a, false) || !rows_add(out, b, true))
		return false;
	qsort(out->stacks, out->stack_count, sizeof(*out->stacks), name_compare);
	rows_join(out);
	qsort(out->stacks, out->stack_count, sizeof(*out->stacks), change_compare);
	return true;
}

void report_compare_free(struct report_comparison *comparison)
{
	for (size_t i = 0; i < comparison->stack_count; i++)
		free(comparison->stacks[i].name);
	free(comparison->stacks);
	*comparison = (struct report_comparison){ .stack_count = 0 };
}

uint64_t report_compare_term(const struct report *report, int term)
{
	const struct report_point *point = &report->shown->point;

	return term < REPORT_TERMS ? point->terms[term] : point->resident_bytes;
}

bool report_compare_metric(const struct report *a, const struct report *b, size_t index,
			   double *out_difference)
{
	if (!a->metrics[index].is_known || !b->metrics[index].is_known)
		return false;
	*out_difference = b->metrics[index].value - a->metrics[index].value;
	return true;
}
