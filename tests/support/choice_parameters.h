/* SPDX-License-Identifier: MIT */
/*
 * Choices as parameters of a test: numbers, for choice_get().
 */
#ifndef SUPPORT_CHOICE_PARAMETERS_H
#define SUPPORT_CHOICE_PARAMETERS_H

#include <criterion/parameterized.h>

#include "choice.h"

enum { CHOICES_MAX = 256 };

static inline struct criterion_test_params every_choice(void)
{
	static size_t indices[CHOICES_MAX];
	struct choice choice;
	size_t count = 0;
	for (; count < CHOICES_MAX && choice_get(count, &choice); count++)
		indices[count] = count;
	return cr_make_param_array(size_t, indices, count);
}

#endif
