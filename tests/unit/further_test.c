/* SPDX-License-Identifier: MIT */
/*
 * A further strategy is one file and one word: this program is linked with a library that has one
 * more, and without another line it is listed, chosen, suggested, and run through the same
 * properties as all others.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "allot/allot.h"
#include "capture.h"
#include "strategy/strategy.h"

extern const struct strategy strategy_bump;

Test(further, strategy_is_listed_last)
{
	struct allot_strategy strategy;
	size_t count = allot_strategy_count();
	cr_assert(allot_strategy_get(count - 1, &strategy));
	cr_assert_str_eq(strategy.name, "bump");
	cr_assert_str_eq(strategy.summary, strategy_bump.summary);
	cr_assert_null(strategy.fits[0], "it has no choice");
	cr_assert_eq(strategies[count - 1], &strategy_bump);
	cr_assert_null(strategies[count]);
}

Test(further, strategy_can_be_chosen)
{
	struct allot_heap *heap = allot_heap_create("strategy:bump", NULL, 0);
	cr_assert_not_null(heap);
	char *p = allot_heap_allocate(heap, 100), *q = allot_heap_allocate(heap, 100);
	allot_heap_free(heap, p);
	char *r = allot_heap_allocate(heap, 100);
	cr_assert(p < q && q < r, "nothing is used again");
	allot_heap_destroy(heap);
}

Test(further, strategy_is_suggested)
{
	char message[256] = "";
	cr_assert_not(allot_conf_check("strategy:bumb", message, sizeof(message)));
	cr_assert_not_null(strstr(message, "did you mean 'bump'?"), "%s", message);
}

Test(further, strategy_has_no_policies_to_choose)
{
	char message[256] = "";
	cr_assert_not(allot_conf_check("strategy:bump,fit:best", message, sizeof(message)));
}

static void expect_property(const char *source)
{
	const char *path = getenv("ALLOT_TEST_PROPERTY_FURTHER");
	const char *arguments[] = {path,	   "--strategy", "bump", "--source", source,
				   "--operations", "5000",	 NULL};
	char end[64];
	struct capture capture;
	cr_assert_not_null(path, "ALLOT_TEST_PROPERTY_FURTHER names the driver");
	cr_assert(capture_run(arguments, 100, &capture), "%s cannot be run", path);
	cr_expect(capture_exited(&capture, 0), "%s\n%s", capture_end(&capture, end, sizeof(end)),
		  capture.output);
	capture_finish(&capture);
}

Test(further, strategy_keeps_every_property)
{
	expect_property("mmap");
	expect_property("sbrk");
	expect_property("buffer");
}
