/* SPDX-License-Identifier: MIT */
/*
 * The plan of a replay, and rows that are written and read back: shards and what joins them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "replay_output.h"
#include "replay_plan.h"

static const struct trace_info info = {
	.format = "allot raw",
	.conf = "strategy:explicit,front:off,trace:x",
	.strategy = "explicit",
};

static bool plan(struct replay_run *run, const struct replay_request *request, char *message,
		 char *meant)
{
	return replay_plan(run, request, &info, message, REPLAY_TEXT_BYTES, meant);
}

static size_t rows_named(const struct replay_run *run, const char *name)
{
	size_t count = 0;
	for (size_t i = 0; i < run->row_count; i++)
		count += strcmp(run->rows[i]->name, name) == 0;
	return count;
}

Test(replay_plan, without_words_it_is_the_recorded_the_default_each_strategy_and_glibc)
{
	struct replay_run run = { .row_count = 0 };
	struct replay_request request = { .strategies = NULL };
	char message[REPLAY_TEXT_BYTES], meant[REPLAY_TEXT_BYTES];

	cr_assert(plan(&run, &request, message, meant));
	cr_expect_eq(rows_named(&run, "as it ran"), 1);
	cr_expect_eq(rows_named(&run, "recorded"), 1);
	cr_expect_eq(rows_named(&run, "default"), 1);
	cr_expect_eq(rows_named(&run, "buddy"), 1);
	cr_expect_eq(rows_named(&run, "glibc"), 1);
	cr_expect_str_eq(run.rows[1]->conf, "strategy:explicit,front:off");
	cr_expect(run.rows[1]->is_recorded);
	/* It was recorded by itself: that is no second row. */
	cr_expect_eq(rows_named(&run, "explicit"), 0);
	replay_run_finish(&run);
}

Test(replay_plan, all_is_every_policy_once)
{
	struct replay_run run = { .row_count = 0 };
	struct replay_request request = { .strategies = "all", .is_on_model = true };
	char message[REPLAY_TEXT_BYTES], meant[REPLAY_TEXT_BYTES];

	cr_assert(plan(&run, &request, message, meant));
	cr_expect_eq(rows_named(&run, "implicit"), 1);
	cr_expect_eq(rows_named(&run, "implicit best"), 1);
	cr_expect_eq(rows_named(&run, "default"), 0, "a front end is not on the model");
	for (size_t i = 0; i < run.row_count; i++)
		for (size_t k = 0; k < i; k++)
			cr_expect(strcmp(run.rows[i]->conf, run.rows[k]->conf) != 0 ||
					  run.rows[k]->kind != run.rows[i]->kind,
				  "%s twice", run.rows[i]->conf);
	replay_run_finish(&run);
}

Test(replay_plan, a_wrong_word_is_named_with_the_nearest)
{
	struct replay_run run = { .row_count = 0 };
	struct replay_request request = { .strategies = "explicit,budy" };
	char message[REPLAY_TEXT_BYTES], meant[REPLAY_TEXT_BYTES];

	cr_expect_not(plan(&run, &request, message, meant));
	cr_expect_str_eq(message, "no strategy 'budy'");
	cr_expect_str_eq(meant, "buddy");
	replay_run_finish(&run);
}

Test(replay_plan, shards_have_every_row_once)
{
	for (unsigned index = 0; index < 20; index++) {
		unsigned count = 0;
		for (unsigned shard = 1; shard <= 3; shard++)
			count += replay_plan_is_in_shard(index, shard, 3);
		cr_expect_eq(count, 1);
	}
}

/* ---- joining ---- */

static struct replay_run made_run(unsigned index, double peak)
{
	struct replay_run run = { .events = 10, .operations = 9, .rounds = 3 };
	struct replay_row *row = replay_run_add(&run);

	cr_assert_not_null(row);
	snprintf(run.trace, sizeof(run.trace), "a.raw");
	snprintf(run.payload, sizeof(run.payload), "all");
	row->index = index;
	row->kind = REPLAY_ROW_MODEL;
	snprintf(row->name, sizeof(row->name), "row %u", index);
	snprintf(row->status, sizeof(row->status), "ok");
	row->values[REPLAY_PEAK_RSS] = (struct replay_value){
		.value = peak, .is_known = true, .low = 1, .high = 0.1, .has_bounds = true,
	};
	row->by_reason[1][2] = 77;
	row->point_count = 2;
	row->time_ns[1] = 5;
	row->rss_bytes[1] = 4096;
	return run;
}

static void run_file(char *path, unsigned index, double peak)
{
	struct replay_run run = made_run(index, peak);
	int file = mkstemp(path);
	FILE *out = fdopen(file, "w");

	cr_assert_not_null(out);
	replay_json_write(out, &run);
	fclose(out);
	replay_run_finish(&run);
}

Test(replay_merge, rows_come_back_as_they_were_and_in_order)
{
	char first[] = "/tmp/replay-XXXXXX", second[] = "/tmp/replay-XXXXXX";
	struct replay_run run = { .row_count = 0 };
	char message[REPLAY_TEXT_BYTES];

	run_file(first, 4, 1e9 / 3);
	run_file(second, 1, 2);
	cr_assert(replay_merge(&run, first, message, sizeof(message)), "%s", message);
	cr_assert(replay_merge(&run, second, message, sizeof(message)), "%s", message);
	replay_run_sort(&run);
	cr_assert_eq(run.row_count, 2);
	cr_expect_str_eq(run.rows[0]->name, "row 1");
	cr_expect_eq(run.rows[1]->values[REPLAY_PEAK_RSS].value, 1e9 / 3);
	cr_expect_eq(run.rows[1]->values[REPLAY_PEAK_RSS].high, 0.1);
	cr_expect_eq(run.rows[1]->by_reason[1][2], 77);
	cr_expect_eq(run.rows[1]->rss_bytes[1], 4096);
	cr_expect_eq(run.rows[1]->kind, REPLAY_ROW_MODEL);
	cr_expect_eq(run.operations, 9);
	/* The same row twice is a mistake. */
	cr_expect_not(replay_merge(&run, second, message, sizeof(message)));
	cr_expect(strstr(message, "row 1") != NULL, "%s", message);
	replay_run_finish(&run);
	unlink(first);
	unlink(second);
}

Test(replay_merge, what_is_no_replay_is_refused)
{
	char path[] = "/tmp/replay-XXXXXX";
	struct replay_run run = { .row_count = 0 };
	char message[REPLAY_TEXT_BYTES];
	int file = mkstemp(path);

	cr_assert(write(file, "{\"schema\": \"other/1\"}\n", 21) == 21);
	close(file);
	cr_expect_not(replay_merge(&run, path, message, sizeof(message)));
	cr_expect(strstr(message, "other/1") != NULL, "%s", message);
	cr_expect_not(replay_merge(&run, "/nowhere", message, sizeof(message)));
	unlink(path);
}
