/* SPDX-License-Identifier: MIT */
/*
 * Figures: what we say beside what the kernel says, as a table or as JSON.
 */
#ifndef ALLOT_TOOLS_VM_FIGURES_H
#define ALLOT_TOOLS_VM_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json.h"

enum {
	FIGURES_MAX = 1024,
	FIGURE_WORD_BYTES = 40,
};

/* One figure. Ours is exact, for the inputs given; the kernel's is measured. */
struct figure {
	char of[FIGURE_WORD_BYTES];    /* a zone, a process... */
	char name[FIGURE_WORD_BYTES];
	const char *unit;
	int64_t ours, kernels;
	bool has_kernels;
	bool may_differ;               /* somebody can have set it to something else */
};

struct figures {
	struct figure all[FIGURES_MAX];
	size_t count;
};

/* Add one; what is beyond FIGURES_MAX is left out. */
void figures_add(struct figures *figures, const struct figure *figure);

void figures_write(const struct figures *figures);
void figures_write_json(const struct figures *figures, struct json *json, const char *key);

/* How many of them differ from the kernel's. */
size_t figures_differ(const struct figures *figures);

#endif
