/* SPDX-License-Identifier: MIT */
/*
 * Tests between a beginning and an end with claims of its own. Criterion takes down what fails in a
 * .fini, and counts the test as passed all the same; so the end is part of the test's body here.
 */
#ifndef SUPPORT_FIXTURE_H
#define SUPPORT_FIXTURE_H

#include <criterion/criterion.h>

enum { FIXTURE_TIMEOUT_S = 60 };

/*
 * As Test(suite, name): calls begin(), the body that follows, and end(). An assertion that fails
 * leaves out the rest; its process ends with it. So does one that lasts too long.
 */
#define TEST_BETWEEN(suite, name, begin, end)                                                     \
	static void suite##_##name##_body(void);                                                  \
	Test(suite, name, .timeout = FIXTURE_TIMEOUT_S)                                           \
	{                                                                                         \
		begin();                                                                          \
		suite##_##name##_body();                                                          \
		end();                                                                            \
	}                                                                                         \
	static void suite##_##name##_body(void)

#endif
