/* SPDX-License-Identifier: MIT */
/*
 * The tree of a massif snapshot: who allocated what is live, innermost functions first.
 */
#ifndef ALLOT_TOOLS_MASSIF_TREE_H
#define ALLOT_TOOLS_MASSIF_TREE_H

#include "export.h"
#include "stack_totals.h"

/* Write the lines of the tree of what is live at the totals' moment. */
void massif_tree_write(struct export *export, const struct stack_totals *totals);

#endif
