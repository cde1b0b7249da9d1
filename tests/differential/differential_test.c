/* SPDX-License-Identifier: MIT */
/*
 * Differential: the same operations on the C library's malloc and on every strategy with every
 * policy give the same answers: NULL or not, errno, what a resize kept. Addresses may differ, and
 * so may usable sizes; each heap's shadow judges those by themselves.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "choice.h"
#include "long_run.h"
#include "shadow.h"

enum {
	HEAPS_MAX = 256,
	CONF_BYTES = 256,
	CHECK_OPERATIONS = 1 << 10,
	SMALL_OPERATIONS = 100000,
	BIG_OPERATIONS = 200000,
	LONG_FACTOR = 50,
	LONG_TIMEOUT_S = 3600,
};

/* The heaps side by side; the first is the C library's. */
struct line {
	struct shadow shadows[HEAPS_MAX];
	char names[HEAPS_MAX][CONF_BYTES];
	size_t count;
};

static void line_add(struct line *line, struct allot_heap *heap, const char *name, size_t slots)
{
	cr_assert(shadow_init(&line->shadows[line->count], (struct subject){heap}, slots));
	snprintf(line->names[line->count], CONF_BYTES, "%s", name);
	line->count++;
}

static void line_init(struct line *line, size_t slots, const char *extra)
{
	struct choice choice;
	line->count = 0;
	line_add(line, NULL, "libc", slots);
	for (size_t i = 0; line->count < HEAPS_MAX && choice_get(i, &choice); i++) {
		char conf[CONF_BYTES], why[CONF_BYTES];
		choice_conf(&choice, extra, conf, sizeof(conf));
		struct allot_heap *heap = allot_heap_create(conf, why, sizeof(why));
		cr_assert_not_null(heap, "%s: %s", conf, why);
		line_add(line, heap, conf, slots);
	}
}

static void line_finish(struct line *line)
{
	for (size_t i = 0; i < line->count; i++) {
		struct shadow *shadow = &line->shadows[i];
		cr_expect(shadow_check(shadow) && shadow_compare(shadow) && shadow_empty(shadow),
			  "%s: %s", line->names[i], shadow->message);
		allot_heap_destroy(shadow->subject.heap);
		shadow_finish(shadow);
	}
}

/* One operation everywhere; all must answer as the first does. */
static void line_apply(struct line *line, const struct operation *operation, uint64_t seed)
{
	char what[128];
	const struct answer *first = &line->shadows[0].answer;
	for (size_t i = 0; i < line->count; i++) {
		struct shadow *shadow = &line->shadows[i];
		cr_assert(shadow_apply(shadow, operation), "seed %llu, %s: %s",
			  (unsigned long long)seed, line->names[i], shadow->message);
		const struct answer *answer = &shadow->answer;
		cr_assert(answer->is_null == first->is_null && answer->error == first->error &&
				  answer->digest == first->digest,
			  "seed %llu, operation %llu, %s: libc answers %s, errno %d, content %llx; "
			  "%s answers %s, errno %d, content %llx",
			  (unsigned long long)seed, (unsigned long long)shadow->operations,
			  operation_describe(operation, what, sizeof(what)),
			  first->is_null ? "NULL" : "a block", first->error,
			  (unsigned long long)first->digest, line->names[i],
			  answer->is_null ? "NULL" : "a block", answer->error,
			  (unsigned long long)answer->digest);
	}
}

static void expect_alike(const struct operation_limits *limits, const char *extra,
			 uint64_t operations)
{
	static struct line line;
	struct operation_stream stream;
	uint64_t seed = test_seed();
	fprintf(stderr, "differential: seed %llu\n", (unsigned long long)seed);
	line_init(&line, limits->slot_count, extra);
	stream_init(&stream, limits, seed);
	for (uint64_t done = 0; done < operations; done++) {
		struct operation operation;
		const struct shadow *first = &line.shadows[0];
		stream_next(&stream, shadow_slot_bytes, first, first->live_bytes, &operation);
		line_apply(&line, &operation, seed);
		for (size_t i = 0; done % CHECK_OPERATIONS == 0 && i < line.count; i++)
			cr_assert(shadow_check(&line.shadows[i]), "seed %llu, %s: %s",
				  (unsigned long long)seed, line.names[i],
				  line.shadows[i].message);
	}
	line_finish(&line);
}

static uint64_t scaled(uint64_t operations)
{
	return is_long_run() ? operations * LONG_FACTOR : operations;
}

Test(differential, small_heaps_answer_as_libc_does, .timeout = LONG_TIMEOUT_S)
{
	expect_alike(&limits_small, NULL, scaled(SMALL_OPERATIONS));
}

Test(differential, heaps_of_mappings_answer_as_libc_does, .timeout = LONG_TIMEOUT_S)
{
	expect_alike(&limits_small, "mmap_threshold:8k", scaled(SMALL_OPERATIONS));
}

Test(differential, big_heaps_answer_as_libc_does, .timeout = LONG_TIMEOUT_S)
{
	expect_alike(&limits_big, NULL, scaled(BIG_OPERATIONS));
}
