/* SPDX-License-Identifier: MIT */
/*
 * A chain of calls with known names: main, outer, helper (put into outer by the compiler),
 * shape_enter and shape::draw, the last two in C++.
 */
#ifndef EXPORT_CHAIN_H
#define EXPORT_CHAIN_H

#include <stddef.h>
#include <stdint.h>

/* Where calls return to, the outermost first. */
struct chain {
	uint64_t addresses[8];
	size_t count;
};

#ifdef __cplusplus
extern "C" {
#endif

void chain_note(struct chain *chain, void *address);

/* Note where it returns to, and have shape::draw() do the same. */
void shape_enter(struct chain *chain);

#ifdef __cplusplus
}
#endif

#endif
