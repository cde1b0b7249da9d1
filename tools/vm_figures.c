/* SPDX-License-Identifier: MIT */
/*
 * Figures: what we say beside what the kernel says. See vm_figures.h.
 */
#include "vm_figures.h"

#include <inttypes.h>
#include <stdio.h>

void figures_add(struct figures *figures, const struct figure *figure)
{
	if (figures->count < FIGURES_MAX)
		figures->all[figures->count++] = *figure;
}

static bool is_equal(const struct figure *figure)
{
	return !figure->has_kernels || figure->ours == figure->kernels;
}

void figures_write(const struct figures *figures)
{
	printf("%-24s %-18s %14s %14s\n", "of", "figure", "ours: exact", "measured");
	for (size_t i = 0; i < figures->count; i++) {
		const struct figure *figure = &figures->all[i];
		printf("%-24s %-18s %14" PRId64, figure->of, figure->name, figure->ours);
		if (figure->has_kernels)
			printf(" %14" PRId64 " %s%s\n", figure->kernels, figure->unit,
			       is_equal(figure) ? "" :
			       figure->may_differ ? "  was set" : "  differs");
		else
			printf(" %14s %s\n", "n/a", figure->unit);
	}
}

void figures_write_json(const struct figures *figures, struct json *json, const char *key)
{
	json_open(json, key, '[');
	for (size_t i = 0; i < figures->count; i++) {
		const struct figure *figure = &figures->all[i];
		json_open(json, NULL, '{');
		json_text(json, "of", figure->of);
		json_text(json, "figure", figure->name);
		json_text(json, "unit", figure->unit);
		json_number(json, "exact", figure->ours);
		if (figure->has_kernels) {
			json_number(json, "measured", figure->kernels);
			json_bool(json, "is_equal", is_equal(figure));
		}
		json_close(json, '{');
	}
	json_close(json, '[');
}

size_t figures_differ(const struct figures *figures)
{
	size_t count = 0;
	for (size_t i = 0; i < figures->count; i++)
		count += !is_equal(&figures->all[i]) && !figures->all[i].may_differ;
	return count;
}
