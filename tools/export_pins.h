/* SPDX-License-Identifier: MIT */
/*
 * Pins for exports: rows that say which stacks' live blocks keep which pages.
 */
#ifndef ALLOT_TOOLS_EXPORT_PINS_H
#define ALLOT_TOOLS_EXPORT_PINS_H

#include "export.h"
#include "stack_totals.h"

/* A row of all threads. */
#define EXPORT_NO_THREAD UINT32_MAX

/* Can pins be made out of this trace: does it tell where blocks lie? */
bool export_pins_can(const struct export *export);

/*
 * Read the trace again and add a row to `totals`, which are settled, for each stack that keeps
 * pages at their moment; `*out_label` says how far the figures are to be trusted. False when it
 * cannot be read.
 */
bool export_pins_add(struct export *export, struct stack_totals *totals, const char **out_label);

#endif
