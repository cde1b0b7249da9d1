/* SPDX-License-Identifier: MIT */
/*
 * Intervals: a set of address ranges no two of which overlap. A treap ordered by first byte, its
 * nodes in the caller's structs, its priorities a hash of the address, so that it needs neither
 * memory nor random numbers.
 */
#ifndef SUPPORT_INTERVAL_H
#define SUPPORT_INTERVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct interval {
	uintptr_t begin;
	uintptr_t end; /* first byte behind; above begin */
	struct interval *left;
	struct interval *right;
};

/*
 * Enter `interval`, whose begin and end are set. Returns NULL, or the interval already in the set
 * that it overlaps; then it is not entered.
 */
struct interval *interval_insert(struct interval **root, struct interval *interval);

/* Take `interval`, which is in the set, out. */
void interval_remove(struct interval **root, struct interval *interval);

/* The interval that begins at `begin`, or NULL. */
struct interval *interval_find(struct interval *root, uintptr_t begin);

#endif
