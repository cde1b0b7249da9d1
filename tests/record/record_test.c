/* SPDX-License-Identifier: MIT */
/*
 * Recording: what a program logged of its own calls is in its trace, whatever becomes of it.
 *
 * The program (recorded.c) runs under the library with trace:FILE; then the trace is read and its
 * log looked for in it, call by call, with sizes and addresses. What the C library asked for
 * in between is in the trace as well, so each thread's log must be a subsequence.
 */
#include <allot/trace.h>

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "recorded.h"

enum { LOGS = 4, TRACES_MAX = 8, PATH_BYTES = 256, TIMEOUT_S = 60 };

/* A folder for one test, and the traces in it. */
struct place {
	char folder[64];
	char log[PATH_BYTES];
	char traces[TRACES_MAX][PATH_BYTES * 2]; /* by name */
	size_t trace_count;
};

static void place_make(struct place *place)
{
	char folder[] = "/tmp/allot-record-XXXXXX";
	cr_assert_not_null(mkdtemp(folder));
	*place = (struct place){.trace_count = 0};
	strcpy(place->folder, folder);
	snprintf(place->log, sizeof(place->log), "%s/log", folder);
}

static int trace_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void place_read(struct place *place)
{
	DIR *folder = opendir(place->folder);
	struct dirent *entry;
	cr_assert_not_null(folder);
	place->trace_count = 0;
	while ((entry = readdir(folder)) != NULL) {
		if (strstr(entry->d_name, ".raw") == NULL)
			continue;
		cr_assert_lt(place->trace_count, TRACES_MAX, "more traces than expected");
		char path[PATH_BYTES * 2];
		int length = snprintf(path, sizeof(path), "%s/%s", place->folder, entry->d_name);
		cr_assert_lt(length, (int)sizeof(path));
		strcpy(place->traces[place->trace_count++], path);
	}
	closedir(folder);
	qsort(place->traces, place->trace_count, sizeof(place->traces[0]), trace_compare);
}

static void place_remove(struct place *place)
{
	for (size_t i = 0; i < place->trace_count; i++)
		unlink(place->traces[i]);
	unlink(place->log);
	rmdir(place->folder);
}

/* Run the program by the name `path`. */
static struct outcome program_run_as(struct place *place, const char *path, const char *mode,
				     const char *count, const char *conf)
{
	char whole[PATH_BYTES * 2];
	snprintf(whole, sizeof(whole), "trace:%s/%%e.%%p.raw%s%s", place->folder,
		 conf != NULL ? "," : "", conf != NULL ? conf : "");
	struct outcome outcome = child_run(&(struct command){
		.arguments = (const char *[]){path, place->log, mode, count, "7", NULL},
		.conf = whole,
		.is_preloaded = true,
		.timeout_s = TIMEOUT_S,
	});
	place_read(place);
	return outcome;
}

static struct outcome program_run(struct place *place, const char *mode, const char *count,
				  const char *conf)
{
	return program_run_as(place, program_path("recorded"), mode, count, conf);
}

/* ---- comparing ---- */

struct log {
	const struct logged *entries;
	size_t count;
};

static void logs_read(const struct place *place, struct log out[LOGS])
{
	int file = open(place->log, O_RDONLY);
	cr_assert_geq(file, 0);
	char *memory = mmap(NULL, (size_t)LOG_BYTES * LOGS, PROT_READ, MAP_SHARED, file, 0);
	cr_assert_neq(memory, MAP_FAILED);
	close(file);
	for (size_t i = 0; i < LOGS; i++) {
		char *one = memory + i * LOG_BYTES;
		out[i] = (struct log){(const struct logged *)(one + LOG_HEADER_BYTES),
				      *(const size_t *)one};
	}
}

/* Is this what was logged? */
static bool event_is(const struct trace_event *event, const struct logged *logged)
{
	static const uint8_t calls[] = {
		[LOGGED_MALLOC] = TRACE_MALLOC,
		[LOGGED_CALLOC] = TRACE_CALLOC,
		[LOGGED_REALLOC] = TRACE_REALLOC,
		[LOGGED_ALIGNED] = TRACE_ALIGNED,
	};
	if (logged->kind == LOGGED_FREE)
		return event->kind == TRACE_FREE && event->block.address == logged->old;
	if (logged->address == 0)
		return event->kind == TRACE_FAIL && event->block.bytes == logged->bytes;
	if (event->kind != (logged->kind == LOGGED_RESIZE ? TRACE_RESIZE : TRACE_ALLOCATE))
		return false;
	if (logged->kind == LOGGED_RESIZE && event->old.address != logged->old)
		return false;
	if (logged->kind != LOGGED_RESIZE && event->block.call != calls[logged->kind])
		return false;
	return event->block.address == logged->address && event->block.bytes == logged->bytes &&
	       event->block.usable_bytes == logged->usable_bytes;
}

/* What a trace came to. */
struct reading {
	size_t matched[LOGS];  /* of each log, in the thread that has most of it */
	uint64_t unknown, live_bytes, inherited, samples, modules_gone;
	uint64_t live_bytes_peak, sampled_bytes_peak; /* ever, and at a sample */
	bool has_names;
	struct trace_info info; /* its words are gone with the trace */
};

enum { THREADS_MAX = 4096 };

static void live_count(const struct trace_event *event, struct reading *out)
{
	bool is_known = !event->is_unknown;
	if (event->kind == TRACE_ALLOCATE || event->kind == TRACE_RESIZE)
		out->live_bytes += event->block.bytes;
	if (event->kind == TRACE_RESIZE && is_known)
		out->live_bytes -= event->old.bytes;
	if (event->kind == TRACE_FREE && is_known)
		out->live_bytes -= event->block.bytes;
	if (out->live_bytes > out->live_bytes_peak)
		out->live_bytes_peak = out->live_bytes;
	if (event->kind != TRACE_SAMPLE)
		return;
	out->samples++;
	if (out->live_bytes > out->sampled_bytes_peak)
		out->sampled_bytes_peak = out->live_bytes;
}

static void trace_compare_logs(const char *path, const struct log logs[LOGS], struct reading *out)
{
	static size_t at[THREADS_MAX][LOGS];
	char message[256];
	struct trace_event event;
	enum trace_status status;
	struct trace *trace = trace_open(path, message, sizeof(message));
	cr_assert_not_null(trace, "%s: %s", path, message);
	memset(at, 0, sizeof(at));
	*out = (struct reading){0};
	while ((status = trace_next(trace, &event)) == TRACE_OK) {
		cr_assert_lt(event.thread, THREADS_MAX);
		live_count(&event, out);
		if (event.kind == TRACE_FREE || event.kind == TRACE_RESIZE)
			out->unknown += event.is_unknown;
		if (event.kind == TRACE_ALLOCATE)
			out->inherited += event.block.call == TRACE_INHERITED;
		for (size_t i = 0; i < LOGS; i++) {
			size_t *next = &at[event.thread][i];
			if (*next < logs[i].count && event_is(&event, &logs[i].entries[*next]))
				++*next;
			out->matched[i] = *next > out->matched[i] ? *next : out->matched[i];
		}
	}
	cr_expect_eq(status, TRACE_END, "%s: %s", path, trace_message(trace));
	out->info = *trace_info_get(trace);
	for (size_t i = 0; i < trace_thread_count(trace); i++)
		out->has_names |= strcmp(trace_thread_name(trace, (uint32_t)i), "worker") == 0;
	trace_close(trace);
}

static void expect_whole(const struct reading *reading, const struct log logs[LOGS], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		cr_expect_gt(logs[i].count, 0);
		cr_expect_eq(reading->matched[i], logs[i].count, "log %zu: %zu of %zu calls", i,
			     reading->matched[i], logs[i].count);
	}
	cr_expect_eq(reading->unknown, 0);
	cr_expect_eq(reading->info.lost_events, 0);
}

/* Run it, expect one trace with the first `count` logs in it. */
static void expect_recorded(const char *mode, const char *calls, const char *conf, size_t count,
			    struct reading *out)
{
	struct place place;
	struct log logs[LOGS];
	place_make(&place);
	struct outcome outcome = program_run(&place, mode, calls, conf);
	cr_expect_str_empty(outcome.errors);
	cr_assert_eq(place.trace_count, 1, "%zu traces", place.trace_count);
	logs_read(&place, logs);
	trace_compare_logs(place.traces[0], logs, out);
	expect_whole(out, logs, count);
	place_remove(&place);
	outcome_finish(&outcome);
}

/* ---- tests ---- */

Test(record, every_call_is_there)
{
	struct reading reading;
	expect_recorded("calls", "20000", NULL, 1, &reading);
	cr_expect_eq(reading.info.repaired, 0);
	cr_expect(reading.info.is_complete);
	cr_expect_geq(reading.samples, 1);
}

Test(record, what_is_built_is_sampled_before_it_is_taken_down)
{
	struct reading reading;
	expect_recorded("built", "40000", NULL, 1, &reading);
	cr_expect_geq(reading.sampled_bytes_peak, reading.live_bytes_peak / 100 * 98,
		      "%" PRIu64 " of %" PRIu64 " live bytes at a sample",
		      reading.sampled_bytes_peak, reading.live_bytes_peak);
}

Test(record, every_strategy_is_recorded)
{
	for (size_t i = 0; i < HEAP_COUNT; i++) {
		struct reading reading;
		expect_recorded("calls", "3000", heap_conf(i, NULL), 1, &reading);
		cr_expect_eq(reading.info.repaired, 0, "%s", heap_conf(i, NULL));
	}
}

Test(record, threads_free_each_others_blocks)
{
	struct reading reading;
	expect_recorded("threads", "10000", NULL, LOGS, &reading);
	cr_expect(reading.has_names);
}

Test(record, short_threads_share_their_slots)
{
	struct reading reading;
	expect_recorded("churn", "1000", NULL, 0, &reading);
	cr_expect_geq(reading.info.event_count, 20000);
	/* A slot of 64 KiB each would be 64 MiB. */
	cr_expect_lt(reading.info.file_bytes, 8 << 20);
}

Test(record, nothing_is_lost_when_the_program_is_killed)
{
	struct reading reading;
	expect_recorded("killed", "5000", NULL, 1, &reading);
	cr_expect_not(reading.info.is_complete);
}

Test(record, nothing_is_lost_when_the_program_leaves_at_once)
{
	struct reading reading;
	expect_recorded("exit", "5000", NULL, 1, &reading);
}

Test(record, closed_descriptors_do_no_harm)
{
	struct reading reading;
	expect_recorded("closed", "100000", NULL, 1, &reading);
}

Test(record, handlers_may_allocate)
{
	struct reading reading;
	expect_recorded("handler", "100000", NULL, 1, &reading);
}

Test(record, libraries_come_and_go)
{
	struct reading reading;
	expect_recorded("code", "2000", NULL, 1, &reading);
}

/* The program runs on, and the trace says what it lacks. */
Test(record, a_limit_of_the_file_ends_the_recording_alone)
{
	struct place place;
	struct log logs[LOGS];
	struct reading reading;
	place_make(&place);
	struct outcome outcome = program_run(&place, "limited", "200000", NULL);
	cr_expect(outcome_exited(&outcome, 0), "%s", outcome_text(&outcome));
	logs_read(&place, logs);
	trace_compare_logs(place.traces[0], logs, &reading);
	cr_expect_gt(reading.info.lost_events, 0);
	cr_expect_gt(reading.matched[0], 1000);
	cr_expect_lt(reading.matched[0], logs[0].count);
	place_remove(&place);
	outcome_finish(&outcome);
}

/* Of two traces, which is the child's? */
static size_t child_index(const struct place *place, const struct log logs[LOGS])
{
	struct reading reading;
	trace_compare_logs(place->traces[0], logs, &reading);
	return reading.info.parent != 0 ? 0 : 1;
}

Test(record, a_forked_child_has_a_trace_of_its_own)
{
	struct place place;
	struct log logs[LOGS];
	struct reading reading;
	place_make(&place);
	struct outcome outcome = program_run(&place, "fork", "5000", NULL);
	cr_expect(outcome_exited(&outcome, 0), "%s", outcome_text(&outcome));
	cr_assert_eq(place.trace_count, 2);
	logs_read(&place, logs);
	size_t child = child_index(&place, logs);
	trace_compare_logs(place.traces[1 - child], logs, &reading);
	expect_whole(&reading, logs, 1);
	uint32_t process = reading.info.process;
	trace_compare_logs(place.traces[child], logs, &reading);
	cr_expect_eq(reading.info.parent, process);
	cr_expect_eq(reading.matched[1], logs[1].count);
	cr_expect_gt(reading.inherited, 100);
	/* What it inherited is known. */
	cr_expect_eq(reading.unknown, 0);
	place_remove(&place);
	outcome_finish(&outcome);
}

/* Such a child is not recorded; its parent's trace is as if it were not there. */
Test(record, a_child_without_handlers_does_no_harm)
{
	struct reading reading;
	expect_recorded("bare", "5000", NULL, 1, &reading);
}

Test(record, the_next_program_has_a_trace_of_its_own)
{
	struct place place;
	struct log logs[LOGS];
	struct reading reading;
	place_make(&place);
	struct outcome outcome = program_run(&place, "exec", "5000", NULL);
	cr_expect(outcome_exited(&outcome, 0), "%s", outcome_text(&outcome));
	cr_assert_eq(place.trace_count, 2);
	logs_read(&place, logs);
	/* The second name is the first with a number behind it. */
	trace_compare_logs(place.traces[1], logs, &reading);
	expect_whole(&reading, logs, 1);
	place_remove(&place);
	outcome_finish(&outcome);
}

/* Many programs are links to one file, which does not tell what was called. */
Test(record, a_trace_is_named_as_the_program_was_called)
{
	struct place place;
	char path[PATH_BYTES];
	place_make(&place);
	snprintf(path, sizeof(path), "%s/called", place.folder);
	cr_assert_eq(symlink(program_path("recorded"), path), 0);
	struct outcome outcome = program_run_as(&place, path, "calls", "100", NULL);
	cr_expect(outcome_exited(&outcome, 0), "%s", outcome_text(&outcome));
	cr_assert_eq(place.trace_count, 1);
	cr_expect_not_null(strstr(place.traces[0], "/called."), "%s", place.traces[0]);
	unlink(path);
	place_remove(&place);
	outcome_finish(&outcome);
}

Test(record, an_existing_file_is_left_alone)
{
	struct place place;
	char taken[PATH_BYTES], conf[PATH_BYTES + 16];
	place_make(&place);
	snprintf(taken, sizeof(taken), "%s/mine.raw", place.folder);
	int file = open(taken, O_WRONLY | O_CREAT, 0600);
	cr_assert_eq(write(file, "mine", 4), 4);
	close(file);
	snprintf(conf, sizeof(conf), "trace:%s", taken);
	struct outcome outcome = program_run(&place, "calls", "100", conf);
	struct stat status;
	cr_expect_eq(place.trace_count, 2);
	cr_expect_eq(stat(taken, &status), 0);
	cr_expect_eq(status.st_size, 4);
	place_remove(&place);
	outcome_finish(&outcome);
}

Test(record, a_file_that_cannot_be_made_is_named)
{
	struct outcome outcome = child_run(&(struct command){
		.arguments = (const char *[]){"/bin/true", NULL},
		.conf = "trace:/nowhere/at/all.raw",
		.is_preloaded = true,
		.timeout_s = TIMEOUT_S,
	});
	cr_expect(outcome_exited(&outcome, 0));
	cr_expect(text_matches(outcome.errors, "'/nowhere/at/all.raw'.*nothing is recorded"), "%s",
		  outcome.errors);
	outcome_finish(&outcome);
}
