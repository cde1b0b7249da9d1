/* SPDX-License-Identifier: MIT */
/*
 * Exports as folded stacks, "main;parse;malloc 4096" a line: what flame graphs are drawn from.
 *
 * Functions that the compiler put into others have a place of their own. Stacks that read the
 * same are one line.
 */
#include "export_stack.h"

#include <inttypes.h>
#include <stdlib.h>

#include "export.h"
#include "notice.h"
#include "room.h"
#include "text_table.h"

bool export_folded(struct export *export)
{
	enum stack_metric metric = export_metric(export);
	bool is_pin = metric == METRIC_PINNED_SPACE || metric == METRIC_EXCLUSIVE_PAGES;
	struct text_table lines = { .count = 0 };
	struct export_stack text = { .export = export };
	struct stack_totals totals;
	uint64_t *values = NULL;
	size_t room = 0;

	if (!export_totals(export, is_pin, &totals))
		return false;
	if (is_pin)
		notice_write(export->command, "%s: %s", export->metric,
			     export->pins_label != NULL ? export->pins_label
			     : "the trace does not tell where blocks lay");
	for (size_t i = 0; i < totals.row_count; i++) {
		uint64_t value = stack_metric_value(&totals.rows[i], metric);

		if (value == 0)
			continue;
		uint32_t line = text_table_add(&lines,
					       export_stack_text(&text, totals.rows[i].stack));
		values = room_grow(values, &room, (size_t)line + 1, sizeof(*values));
		values[line] += value;
	}
	for (size_t i = 0; i < lines.count; i++)
		fprintf(export->out, "%s %" PRIu64 "\n", lines.texts[i], values[i]);
	export_stack_finish(&text);
	text_table_finish(&lines);
	stack_totals_finish(&totals);
	free(values);
	return true;
}
