/* SPDX-License-Identifier: MIT */
/*
 * Calls a second of every strategy and policy, with other allocators beside them.
 *
 * A search for free memory costs what there is to search through, so rows run on a scene (scene.h):
 * a heap with N live blocks, and holes between them.
 *
 *   replace       free one block of N at random, allocate one of a random size
 *   pair          allocate and free one size at once
 *   batch-fifo    allocate many blocks of mixed sizes, free them in the same order
 *   batch-lifo    ... in reverse
 *   batch-random  ... in random order
 *   growth        let eight blocks grow in turn by half, from 16 bytes to 64 KiB
 *   threads       batches from two threads at once on one heap
 *
 * Preparing a scene is not timed. A policy that exceeds the budget for it is not run at that N or
 * above, and its rows say so. A scene is kept until another is wanted, because one row's function
 * is called several times.
 *
 * Nothing here knows a strategy by name.
 */
#include "binding.h"
#include "peers.h"
#include "scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BATCH_COUNT = 1000,      /* blocks in a batch */
	GROWTH_COUNT = 8,        /* blocks that grow in turn, in each other's way */
	GROWTH_BYTES_FIRST = 16,
	GROWTH_BYTES_LAST = 64 * 1024,
	THREADS_BATCH_COUNT = 64,
	SMALL_SCENE_COUNT = 100, /* live blocks where their number is not the question */
	ROW_COUNT_MAX = ALLOCATOR_COUNT_MAX * 32,
};

/* ---- rows --------------------------------------------------------------------------------- */

/* A random order of a batch. Written once, before anything runs. */
static uint32_t batch_order[BATCH_COUNT];

/* One row: an allocator and how large a scene. limit_count is shared by an allocator's rows. */
struct row {
	struct stage *stage;
	const struct allocator *allocator;
	size_t *limit_count; /* live blocks this allocator was too slow for; 0: none yet */
	size_t live_count;
	size_t bytes;        /* of a block, for `pair` */
};

/* The program's choices. */
struct choice {
	double budget_s;
	size_t live_count_max;
	bool is_list;
};

/* Before each run of a row: have its scene on the stage, or the reason why not in `why`. */
static void row_setup(const struct state *state, void *user)
{
	struct row *row = user;
	struct stage *stage = row->stage;
	(void)state;
	stage->why[0] = '\0';
	if (scene_is(stage, row->allocator, row->live_count))
		return;
	scene_clear(stage);
	if (row->allocator->missing[0] != '\0') {
		snprintf(stage->why, SCENE_WHY_BYTES, "%s", row->allocator->missing);
	} else if (*row->limit_count != 0 && row->live_count >= *row->limit_count) {
		snprintf(stage->why, SCENE_WHY_BYTES, "too slow: %zu live blocks took over %g s",
			 *row->limit_count, stage->budget_s);
	} else {
		scene_prepare(stage, row->allocator, row->live_count);
		if (stage->is_too_slow)
			*row->limit_count = row->live_count;
	}
}

/* True when the row can run. Otherwise it is skipped: return. */
static bool row_begin(struct state *state, const struct row *row)
{
	if (row->stage->why[0] == '\0')
		return true;
	state_skip(state, row->stage->why);
	return false;
}

/* What follows the loop: how many calls were made. */
static void row_end(struct state *state, int64_t calls_per_iteration)
{
	state_set_items(state, state_iterations(state) * calls_per_iteration);
}

/* The ledger of the scene as it was prepared, where the allocator keeps one. */
static void ledger_end(struct state *state, const struct stage *stage)
{
	const struct allot_statistics *statistics = &stage->statistics;
	if (stage->allocator->statistics == NULL || statistics->mapped_bytes == 0)
		return;
	double used_share = (double)statistics->requested_bytes / (double)statistics->mapped_bytes;
	state_set_counter(state, "U%", 100 * used_share, STATE_COUNTER_MEAN);
	state_set_counter(state, "holes", (double)statistics->free_blocks, STATE_COUNTER_MEAN);
}

/* ---- what is measured --------------------------------------------------------------------- */

static void replace_run(struct state *state, void *user)
{
	const struct row *row = user;
	struct stage *stage = row->stage;
	struct chance chance = {SCENE_SEED + 2};
	if (!row_begin(state, row))
		return;
	const struct allocator *allocator = stage->allocator;
	while (state_keep_running(state))
		if (!scene_replace(stage, allocator, &chance)) {
			state_skip(state, "no memory");
			return;
		}
	row_end(state, 2);
	ledger_end(state, stage);
}

static void pair_run(struct state *state, void *user)
{
	const struct row *row = user;
	struct stage *stage = row->stage;
	if (!row_begin(state, row))
		return;
	const struct allocator *allocator = stage->allocator;
	while (state_keep_running(state))
		allocator->free(stage->heap, block_take(allocator, stage->heap, row->bytes));
	row_end(state, 2);
}

/* One iteration is a batch. `order_of` says which block is freed at step `i`. */
static inline void batch_run(struct state *state, const struct row *row,
			     size_t (*order_of)(size_t i))
{
	struct stage *stage = row->stage;
	void *batch[BATCH_COUNT];
	if (!row_begin(state, row))
		return;
	const struct allocator *allocator = stage->allocator;
	while (state_keep_running(state)) {
		for (size_t i = 0; i < BATCH_COUNT; i++)
			batch[i] = block_take(allocator, stage->heap, stage->sizes[i]);
		for (size_t i = 0; i < BATCH_COUNT; i++)
			allocator->free(stage->heap, batch[order_of(i)]);
	}
	row_end(state, 2 * BATCH_COUNT);
}

static inline size_t order_fifo(size_t i)
{
	return i;
}

static inline size_t order_lifo(size_t i)
{
	return BATCH_COUNT - 1 - i;
}

static inline size_t order_random(size_t i)
{
	return batch_order[i];
}

static void batch_fifo_run(struct state *state, void *user)
{
	batch_run(state, user, order_fifo);
}

static void batch_lifo_run(struct state *state, void *user)
{
	batch_run(state, user, order_lifo);
}

static void batch_random_run(struct state *state, void *user)
{
	batch_run(state, user, order_random);
}

/* One iteration is all eight blocks from nothing to full size, and their end. */
static void growth_run(struct state *state, void *user)
{
	const struct row *row = user;
	struct stage *stage = row->stage;
	int64_t calls = 0;
	if (!row_begin(state, row))
		return;
	const struct allocator *allocator = stage->allocator;
	while (state_keep_running(state)) {
		void *blocks[GROWTH_COUNT] = {NULL};
		calls = 0;
		for (size_t bytes = GROWTH_BYTES_FIRST; bytes <= GROWTH_BYTES_LAST;
		     bytes += bytes / 2)
			for (size_t i = 0; i < GROWTH_COUNT; i++, calls++) {
				void *block = allocator->resize(stage->heap, blocks[i], bytes);
				if (block == NULL)
					continue;
				((volatile unsigned char *)block)[bytes - 1] = 1;
				blocks[i] = block;
			}
		for (size_t i = 0; i < GROWTH_COUNT; i++, calls++)
			allocator->free(stage->heap, blocks[i]);
	}
	row_end(state, calls);
}

/* One iteration is a small batch of this thread's, on the heap all threads share. */
static void threads_run(struct state *state, void *user)
{
	const struct row *row = user;
	struct stage *stage = row->stage;
	void *batch[THREADS_BATCH_COUNT];
	if (!row_begin(state, row))
		return;
	const struct allocator *allocator = stage->allocator;
	while (state_keep_running(state)) {
		for (size_t i = 0; i < THREADS_BATCH_COUNT; i++)
			batch[i] = block_take(allocator, stage->heap, stage->sizes[i]);
		for (size_t i = 0; i < THREADS_BATCH_COUNT; i++)
			allocator->free(stage->heap, batch[i]);
	}
	row_end(state, 2 * THREADS_BATCH_COUNT);
}

/* ---- the table ---------------------------------------------------------------------------- */

/* All rows and what they share. Too large for a stack. */
struct table {
	struct allocator_list allocators;
	size_t limit_counts[ALLOCATOR_COUNT_MAX];
	struct row rows[ROW_COUNT_MAX];
	size_t row_count;
	struct stage stage;
};

static const size_t live_counts[] = {100, 1000, 10000, 100000, 1000000};
static const size_t pair_bytes[] = {16, 64, 256, 1024, 4096, 65536};

/* Register one row, "what/allocator", with its scene. Returns NULL when the table is full. */
static struct bench *row_add(struct table *table, const char *what, bench_function *function,
			     size_t allocator_index, size_t live_count)
{
	char name[ALLOCATOR_NAME_BYTES + 32];
	if (table->row_count == ROW_COUNT_MAX)
		return NULL;
	struct row *row = &table->rows[table->row_count++];
	row->stage = &table->stage;
	row->allocator = &table->allocators.all[allocator_index];
	row->limit_count = &table->limit_counts[allocator_index];
	row->live_count = live_count;
	snprintf(name, sizeof(name), "%s/%s", what, row->allocator->name);
	struct bench *bench = bench_register(name, function, row);
	bench_set_fixture(bench, row_setup, NULL);
	return bench;
}

/* Give the row an argument that is seen in its name. */
static void row_tag(struct bench *bench, const char *name, size_t value)
{
	bench_add_argument(bench, (int64_t)value);
	bench_name_arguments(bench, &name, 1);
}

static bool replace_add(struct table *table, size_t live_count)
{
	for (size_t a = 0; a < table->allocators.count; a++) {
		struct bench *bench = row_add(table, "replace", replace_run, a, live_count);
		if (bench == NULL)
			return false;
		row_tag(bench, "live", live_count);
	}
	return true;
}

static bool pair_add(struct table *table, size_t bytes)
{
	for (size_t a = 0; a < table->allocators.count; a++) {
		struct bench *bench = row_add(table, "pair", pair_run, a, SMALL_SCENE_COUNT);
		if (bench == NULL)
			return false;
		table->rows[table->row_count - 1].bytes = bytes;
		row_tag(bench, "bytes", bytes);
	}
	return true;
}

static bool simple_add(struct table *table, const char *what, bench_function *function)
{
	for (size_t a = 0; a < table->allocators.count; a++)
		if (row_add(table, what, function, a, SMALL_SCENE_COUNT) == NULL)
			return false;
	return true;
}

/* With one thread and two: the policies make no difference to a lock, so defaults only. */
static bool threads_add(struct table *table)
{
	for (size_t a = 0; a < table->allocators.count; a++) {
		if (!table->allocators.all[a].is_default)
			continue;
		struct bench *bench =
			row_add(table, "threads", threads_run, a, SMALL_SCENE_COUNT);
		if (bench == NULL)
			return false;
		bench_set_clock(bench, BENCH_CLOCK_REAL);
		bench_add_threads(bench, 1);
		bench_add_threads(bench, 2);
	}
	return true;
}

/* Register every row; what is compared stands together. */
static bool table_fill(struct table *table)
{
	for (size_t i = 0; i < sizeof(live_counts) / sizeof(live_counts[0]); i++)
		if (live_counts[i] <= table->stage.live_count_max &&
		    !replace_add(table, live_counts[i]))
			return false;
	for (size_t i = 0; i < sizeof(pair_bytes) / sizeof(pair_bytes[0]); i++)
		if (!pair_add(table, pair_bytes[i]))
			return false;
	return simple_add(table, "batch-fifo", batch_fifo_run) &&
	       simple_add(table, "batch-lifo", batch_lifo_run) &&
	       simple_add(table, "batch-random", batch_random_run) &&
	       simple_add(table, "growth", growth_run) && threads_add(table);
}

/* ---- the command line --------------------------------------------------------------------- */

static void help_print(void)
{
	puts("usage: strategies [OPTION]... [--benchmark_OPTION]...\n"
	     "\n"
	     "Calls a second of allot's strategies and of other allocators: see bench/README.md.\n"
	     "\n"
	     "  --with NAME=LIB     compare with this library, too; may be repeated.\n"
	     "                      jemalloc is always there, --with jemalloc=LIB moves it\n"
	     "  --live-max COUNT    no scene with more live blocks (default 1000000)\n"
	     "  --budget SECONDS    of the processor for preparing one scene (default 5)\n"
	     "  --list              print each allocator's name and configuration, and leave\n"
	     "  --help              print this, and leave\n"
	     "\n"
	     "  --benchmark_filter=REGEX      rows to run, such as '^replace/.*live:1000$'\n"
	     "  --benchmark_min_time=SECONDS  for each row (default here 0.1)\n"
	     "  --benchmark_repetitions=COUNT, --benchmark_format=console|json|csv,\n"
	     "  --benchmark_out=FILE, --benchmark_counters_tabular=true, ...");
}

/* Stop with a message about the command line. */
static void usage_fail(const char *text, const char *word)
{
	fprintf(stderr, "strategies: %s: '%s' (--help lists the options)\n", text, word);
	exit(2);
}

/* Add NAME=LIB to the list. */
static void with_add(struct allocator_list *list, const char *word)
{
	char name[ALLOCATOR_NAME_BYTES];
	const char *equals = strchr(word, '=');
	if (equals == NULL || equals == word || equals[1] == '\0' ||
	    (size_t)(equals - word) >= sizeof(name))
		usage_fail("--with wants NAME=LIB", word);
	memcpy(name, word, (size_t)(equals - word));
	name[equals - word] = '\0';
	if (!allocator_list_add_library(list, name, equals + 1))
		usage_fail("too many allocators", word);
}

/* A positive number, or the end of the program. */
static double number_of(const char *option, const char *word)
{
	char *end;
	errno = 0;
	double value = strtod(word, &end);
	if (errno != 0 || end == word || *end != '\0' || !(value > 0) || value > 1e9)
		usage_fail(option, word);
	return value;
}

/*
 * Take our options out of argv, with their values; the library's stay. A value follows its option
 * as the next word. Returns the new argc.
 */
static int options_take(int argc, char **argv, struct choice *choice, struct allocator_list *peers)
{
	int kept = 1;
	bool has_jemalloc = false;
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		if (strcmp(argv[i], "--with") == 0) {
			with_add(peers, value);
			has_jemalloc |= strncmp(value, "jemalloc=", strlen("jemalloc=")) == 0;
			i++;
		} else if (strcmp(argv[i], "--live-max") == 0) {
			choice->live_count_max = (size_t)number_of("--live-max", value);
			if (choice->live_count_max < SMALL_SCENE_COUNT)
				usage_fail("--live-max is below the smallest scene", value);
			i++;
		} else if (strcmp(argv[i], "--budget") == 0) {
			choice->budget_s = number_of("--budget", value);
			i++;
		} else if (strcmp(argv[i], "--list") == 0) {
			choice->is_list = true;
		} else {
			argv[kept++] = argv[i];
		}
	}
	if (!has_jemalloc)
		with_add(peers, "jemalloc=libjemalloc.so.2");
	return kept;
}

/* Our allocators first, then the C library's, then the peers. */
static bool allocators_join(struct allocator_list *all, const struct allocator_list *peers)
{
	if (!allocator_list_add_strategies(all) || !allocator_list_add_process(all) ||
	    !allocator_list_add_libc(all) || all->count + peers->count > ALLOCATOR_COUNT_MAX)
		return false;
	memcpy(&all->all[all->count], peers->all, peers->count * sizeof(peers->all[0]));
	all->count += peers->count;
	return true;
}

static void allocators_print(const struct allocator_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		printf("%s\t%s%s%s\n", list->all[i].name, list->all[i].conf,
		       list->all[i].missing[0] != '\0' ? "not available: " : "",
		       list->all[i].missing);
}

/* Run the table with the library's words, and a shorter minimal time unless they say otherwise. */
static int table_run(struct table *table, int argc, char **argv)
{
	static char min_time[] = "--benchmark_min_time=0.1";
	char **words = calloc((size_t)argc + 2, sizeof(*words));
	if (words == NULL || !table_fill(table)) {
		fprintf(stderr, "strategies: %s\n", words ? "too many rows" : "no memory");
		free(words);
		return 1;
	}
	words[0] = argv[0];
	words[1] = min_time;
	memcpy(&words[2], &argv[1], (size_t)argc * sizeof(*words));
	bench_add_context("allot", allot_version());
	int status = bench_main(argc + 1, words, help_print);
	free(words);
	return status;
}

int main(int argc, char **argv)
{
	static struct table table;
	static struct allocator_list peers;
	struct choice choice = {5, live_counts[sizeof(live_counts) / sizeof(live_counts[0]) - 1],
				false};
	allocator_room_make(argv);
	argc = options_take(argc, argv, &choice, &peers);
	if (!allocators_join(&table.allocators, &peers)) {
		fprintf(stderr, "strategies: more than %d allocators\n", ALLOCATOR_COUNT_MAX);
		return 1;
	}
	if (choice.is_list) {
		allocators_print(&table.allocators);
		return 0;
	}
	struct chance chance = {SCENE_SEED};
	order_shuffle(batch_order, BATCH_COUNT, &chance);
	if (!stage_open(&table.stage, choice.live_count_max, choice.budget_s)) {
		fprintf(stderr, "strategies: no memory\n");
		return 1;
	}
	int status = table_run(&table, argc, argv);
	stage_close(&table.stage);
	return status;
}
