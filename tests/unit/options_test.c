/* SPDX-License-Identifier: MIT */
/*
 * Options: right words are read, wrong ones are named with the nearest right one, and policies a
 * strategy does not have are refused.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "allot/allot.h"
#include "api/options.h"
#include "choice.h"

enum { MESSAGE_BYTES = 512 };

static char message[MESSAGE_BYTES];

static struct options read_right(const char *conf)
{
	struct options options;
	struct text text;
	text_init(&text, message, sizeof(message));
	options_init(&options);
	cr_assert(options_read(&options, conf, strlen(conf), false, &text), "%s: %s", conf,
		  message);
	cr_assert(options_settle(&options, &text), "%s: %s", conf, message);
	cr_assert_str_eq(message, "");
	return options;
}

static void expect_wrong(const char *conf, const char *word)
{
	memset(message, 0, sizeof(message));
	cr_expect_not(allot_conf_check(conf, message, sizeof(message)), "%s", conf);
	cr_expect_not_null(strstr(message, word), "'%s' is not in: %s", word, message);
	cr_expect_null(strchr(message, '\n'), "more than one line");
}

/* ---- the table ---- */

Test(options, every_key_has_a_type_values_a_default_and_help)
{
	size_t count;
	const struct allot_option *table = allot_options(&count);
	cr_assert(count > 10);
	for (size_t i = 0; i < count; i++) {
		cr_assert(table[i].key[0] != '\0' && table[i].values[0] != '\0' &&
			  table[i].default_value[0] != '\0' && table[i].help[0] != '\0');
		cr_assert_eq(table[i].help[strlen(table[i].help) - 1], '.');
		for (size_t j = 0; j < i; j++)
			cr_assert_str_neq(table[i].key, table[j].key);
	}
}

Test(options, every_word_of_the_table_is_accepted)
{
	size_t count;
	const struct allot_option *table = allot_options(&count);
	for (size_t i = 0; i < count; i++) {
		if (table[i].type != ALLOT_OPTION_WORD && table[i].type != ALLOT_OPTION_BOOL)
			continue;
		for (const char *word = table[i].values; *word != '\0';) {
			struct options options;
			struct text text;
			char conf[128];
			size_t length = strcspn(word, "|");
			snprintf(conf, sizeof(conf), "%s:%.*s", table[i].key, (int)length, word);
			text_init(&text, message, sizeof(message));
			options_init(&options);
			cr_expect(options_read(&options, conf, strlen(conf), false, &text),
				  "%s: %s", conf, message);
			word += length + (word[length] == '|');
		}
	}
}

Test(options, every_strategy_is_in_the_table)
{
	size_t count;
	struct allot_strategy strategy;
	const struct allot_option *table = allot_options(&count);
	cr_assert_str_eq(table[0].key, "strategy");
	for (size_t i = 0; allot_strategy_get(i, &strategy); i++) {
		cr_assert_not_null(strstr(table[0].values, strategy.name));
		if (i == 0)
			cr_assert_str_eq(table[0].default_value, strategy.name);
	}
}

/* ---- reading ---- */

Test(options, defaults_are_those_of_the_first_strategy)
{
	struct options options = read_right("");
	cr_assert_eq(options.strategy, strategies[0]);
	cr_assert_eq(options.policy.fit, strategies[0]->default_policy.fit);
	cr_assert_eq(options.policy.coalesce, strategies[0]->default_policy.coalesce);
	cr_assert_eq(options.source, SOURCE_MMAP);
	cr_assert_eq(options.mmap_threshold_bytes, 0);
	cr_assert_eq(options.on_error, ON_ERROR_ABORT);
}

Test(options, pairs_are_read_in_order_and_the_last_wins)
{
	struct options options =
		read_right("strategy:buddy,source:sbrk,strategy:implicit,fit:best,fit:next");
	cr_assert_str_eq(options.strategy->name, "implicit");
	cr_assert_eq(options.policy.fit, FIT_NEXT);
	cr_assert_eq(options.source, SOURCE_SBRK);
}

Test(options, blanks_empty_pairs_lines_and_comments_are_allowed)
{
	struct options options =
		read_right(" strategy:implicit , ,\n# strategy:nonsense\n\tfit:best\n,");
	cr_assert_str_eq(options.strategy->name, "implicit");
	cr_assert_eq(options.policy.fit, FIT_BEST);
}

Test(options, sizes_take_a_unit)
{
	static const struct {
		const char *chars;
		size_t bytes;
	} cases[] = {
		{"1", 1}, {"0", 1}, {"4096", 4096}, {"64k", 64 << 10}, {"64K", 64 << 10},
		{"3m", 3 << 20}, {"2g", (size_t)2 << 30},
		{"17179869183g", SIZE_MAX - (1 << 30) + 1},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char conf[64];
		snprintf(conf, sizeof(conf), "mmap_threshold:%s", cases[i].chars);
		cr_assert_eq(read_right(conf).mmap_threshold_bytes, cases[i].bytes, "%s", conf);
	}
}

Test(options, wrong_sizes_are_refused)
{
	static const char *const wrong[] = {
		"", "k", "-1", "1.5m", "12q", "1kk", "0x10", "18446744073709551616",
		"17179869184g", "99999999999999999999g", "1 k",
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char conf[64];
		snprintf(conf, sizeof(conf), "trim_threshold:%s", wrong[i]);
		expect_wrong(conf, "trim_threshold");
	}
}

Test(options, counts_take_no_unit_and_have_bounds)
{
	cr_assert_eq(read_right("arenas:7").arenas, 7);
	expect_wrong("arenas:0", "arenas");
	expect_wrong("arenas:1k", "arenas");
	expect_wrong("arenas:99999999", "arenas");
}

/* ---- wrong words ---- */

Test(options, a_wrong_key_is_named_with_the_nearest)
{
	expect_wrong("stratgy:implicit", "did you mean 'strategy'?");
	expect_wrong("on_eror:log", "did you mean 'on_error'?");
	expect_wrong("mmap_treshold:1m", "did you mean 'mmap_threshold'?");
	expect_wrong("mmap_treshold:1m", "'mmap_treshold'");
}

Test(options, a_wrong_value_is_named_with_the_nearest)
{
	expect_wrong("strategy:implict", "did you mean 'implicit'?");
	expect_wrong("strategy:Segregated", "did you mean 'segregated'?");
	expect_wrong("source:mapp", "did you mean 'mmap'?");
	expect_wrong("fit:frist", "did you mean 'first'?");
	expect_wrong("check:ture", "did you mean 'true'?");
	expect_wrong("strategy:implict", "option strategy");
}

Test(options, a_word_near_to_nothing_gets_the_list)
{
	memset(message, 0, sizeof(message));
	cr_assert_not(allot_conf_check("strategy:zzzzzzzzzzzzzzzz", message, sizeof(message)));
	cr_assert_null(strstr(message, "did you mean"), "%s", message);
	cr_assert_not_null(strstr(message, "implicit"), "%s", message);
}

Test(options, a_key_without_a_value_is_wrong)
{
	expect_wrong("strategy", "strategy");
	expect_wrong("strategy:", "strategy");
	expect_wrong(":implicit", "''");
}

Test(options, the_first_wrong_word_is_told_and_the_rest_is_used)
{
	struct options options;
	struct text text;
	static const char conf[] = "nonsense:1,strategy:buddy,other:2";
	text_init(&text, message, sizeof(message));
	options_init(&options);
	cr_assert_not(options_read(&options, conf, strlen(conf), false, &text));
	cr_assert_str_eq(options.strategy->name, "buddy");
	cr_assert_not_null(strstr(message, "nonsense"));
	cr_assert_null(strstr(message, "other"));
}

Test(options, messages_fit_any_buffer)
{
	for (size_t bytes = 0; bytes < 64; bytes++) {
		memset(message, '#', sizeof(message));
		cr_assert_not(allot_conf_check("strategy:implict", message, bytes));
		cr_assert_eq(message[bytes], '#');
		cr_assert(bytes == 0 || strlen(message) < bytes);
	}
	cr_assert_not(allot_conf_check("strategy:implict", NULL, 0));
}

/* ---- policies ---- */

Test(options, a_policy_the_strategy_has_is_accepted)
{
	struct choice choice;
	for (size_t i = 0; choice_get(i, &choice); i++) {
		char conf[256];
		choice_conf(&choice, NULL, conf, sizeof(conf));
		cr_expect(allot_conf_check(conf, message, sizeof(message)), "%s: %s", conf,
			  message);
	}
}

static bool has_word(const char *const *words, const char *word)
{
	for (; *words != NULL; words++) {
		if (strcmp(*words, word) == 0)
			return true;
	}
	return false;
}

Test(options, a_policy_the_strategy_does_not_have_is_refused)
{
	static const struct {
		const char *key;
		const char *word;
	} policies[] = {
		{"fit", "first"}, {"fit", "next"}, {"fit", "best"}, {"order", "lifo"},
		{"order", "address"}, {"coalesce", "immediate"}, {"coalesce", "deferred"},
	};
	struct allot_strategy s;
	size_t refused = 0;
	for (size_t i = 0; allot_strategy_get(i, &s); i++) {
		for (size_t p = 0; p < sizeof(policies) / sizeof(policies[0]); p++) {
			const char *const *words = policies[p].key[0] == 'f' ? s.fits :
						   policies[p].key[0] == 'o' ? s.orders :
									       s.coalescings;
			char conf[128];
			snprintf(conf, sizeof(conf), "%s:%s,strategy:%s", policies[p].key,
				 policies[p].word, s.name);
			if (has_word(words, policies[p].word)) {
				cr_expect(allot_conf_check(conf, message, sizeof(message)), "%s",
					  conf);
			} else {
				expect_wrong(conf, policies[p].key);
				expect_wrong(conf, s.name);
				refused++;
			}
		}
	}
	cr_assert(refused > 5);
}

/* ---- heaps ---- */

Test(options, a_heap_takes_heap_options_only)
{
	size_t count;
	const struct allot_option *table = allot_options(&count);
	for (size_t i = 0; i < count; i++) {
		char conf[128], why[MESSAGE_BYTES] = "";
		const char *value = table[i].type == ALLOT_OPTION_SIZE	? "1m" :
				    table[i].type == ALLOT_OPTION_COUNT ? "2" :
				    table[i].type == ALLOT_OPTION_TEXT	? "x" :
				    strcmp(table[i].key, "front") == 0	? "off" :
									  NULL;
		if (value != NULL)
			snprintf(conf, sizeof(conf), "%s:%s", table[i].key, value);
		else
			snprintf(conf, sizeof(conf), "%s:%.*s", table[i].key,
				 (int)strcspn(table[i].values, "|"), table[i].values);
		errno = 0;
		struct allot_heap *heap = allot_heap_create(conf, why, sizeof(why));
		cr_expect_eq(heap != NULL, table[i].is_heap_option, "%s: %s", conf, why);
		if (heap == NULL) {
			cr_expect_eq(errno, EINVAL);
			cr_expect_not_null(strstr(why, table[i].key), "%s", why);
		}
		allot_heap_destroy(heap);
	}
}

Test(options, a_heap_has_no_front_end)
{
	char why[MESSAGE_BYTES] = "";
	cr_assert_null(allot_heap_create("front:on", why, sizeof(why)));
	cr_expect_eq(errno, EINVAL);
	cr_expect_not_null(strstr(why, "front"), "%s", why);
}

Test(options, a_heap_with_a_wrong_word_is_not_made)
{
	char why[MESSAGE_BYTES] = "";
	errno = 0;
	cr_assert_null(allot_heap_create("strategy:bud", why, sizeof(why)));
	cr_assert_eq(errno, EINVAL);
	cr_assert_not_null(strstr(why, "buddy"), "%s", why);
	cr_assert_null(allot_heap_create("strategy:simple,fit:best", NULL, 0));
}
