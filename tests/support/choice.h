/* SPDX-License-Identifier: MIT */
/*
 * Choices: every strategy with every combination of policies it has, as the library lists them.
 * A strategy added to the library is in every test that loops over these.
 */
#ifndef SUPPORT_CHOICE_H
#define SUPPORT_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

/* A policy is NULL where the strategy has no choice. */
struct choice {
	const char *strategy;
	const char *fit;
	const char *order;
	const char *coalesce;
};

/* The `index`-th choice; false when there are no more. */
bool choice_get(size_t index, struct choice *out);

/* "strategy:S,fit:F,...", followed by ",`extra`" unless that is NULL. Returns `buffer`. */
const char *choice_conf(const struct choice *choice, const char *extra, char *buffer,
			size_t buffer_bytes);

#endif
