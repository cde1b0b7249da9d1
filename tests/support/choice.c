/* SPDX-License-Identifier: MIT */
/*
 * Enumerating strategies and policies. See choice.h.
 */
#include "choice.h"

#include <stdio.h>

#include "allot/allot.h"

/* How many ways to choose from a list of words: one, of nothing, when it is empty. */
static size_t ways(const char *const *words)
{
	size_t count = 0;
	while (words[count] != NULL)
		count++;
	return count > 0 ? count : 1;
}

bool choice_get(size_t index, struct choice *out)
{
	struct allot_strategy s;
	for (size_t i = 0; allot_strategy_get(i, &s); i++) {
		size_t fits = ways(s.fits), orders = ways(s.orders);
		size_t count = fits * orders * ways(s.coalescings);
		if (index < count) {
			*out = (struct choice){
				.strategy = s.name,
				.fit = s.fits[index % fits],
				.order = s.orders[index / fits % orders],
				.coalesce = s.coalescings[index / fits / orders],
			};
			return true;
		}
		index -= count;
	}
	return false;
}

const char *choice_conf(const struct choice *choice, const char *extra, char *buffer,
			size_t buffer_bytes)
{
	const struct {
		const char *key;
		const char *value;
	} pairs[] = {
		{"strategy:", choice->strategy}, {",fit:", choice->fit}, {",order:", choice->order},
		{",coalesce:", choice->coalesce}, {",", extra},
	};
	size_t length = 0;
	buffer[0] = '\0';
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (pairs[i].value != NULL && length < buffer_bytes)
			length += (size_t)snprintf(buffer + length, buffer_bytes - length, "%s%s",
						   pairs[i].key, pairs[i].value);
	}
	return buffer;
}
