/* SPDX-License-Identifier: MIT */
/*
 * Benchmarks of trace files: events a second packed and read, bytes an event, by column.
 *
 *	json       python3 that reads and writes JSON, all its memory by malloc
 *	threads    four threads that allocate, free and hand blocks to each other at random
 *
 *	pack       a raw file into a packed one
 *	read       a packed file: decoding, merging threads, the table of what is live
 *	raw        the same of the raw file
 *
 * Each program is run once with the library of this build preloaded and recording (without stacks,
 * unless ALLOT_BENCH_DEPTH names how many frames); ALLOT_BENCH_RAW=FILE benchmarks a raw file of
 * your own instead. Counters of `pack`: bytes an event in the file, and of it by columns.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <allot/trace.h>
#include <allot/trace_file.h>

#include "binding.h"

enum { PATH_BYTES = 256, COMMAND_BYTES = 2048, MESSAGE_BYTES = 512, PROGRAMS = 2 };

static const char json_program[] =
	"import json\n"
	"tags=range(5)\n"
	"d=[{'id':j,'name':'n%d'%j,'tags':[str(k) for k in tags],'v':j/3} for j in range(5000)]\n"
	"s=json.dumps(d)\n"
	"for i in range(12): json.dumps(json.loads(s))\n";

/* A program's files. */
struct recording {
	const char *name;
	char raw[PATH_BYTES], packed[PATH_BYTES];
	bool is_made;
};

static struct recording recordings[PROGRAMS] = {{.name = "json"}, {.name = "threads"}};
static char folder[PATH_BYTES] = "/tmp/allot-bench-XXXXXX";

static void recordings_remove(void)
{
	for (size_t i = 0; i < PROGRAMS; i++) {
		if (getenv("ALLOT_BENCH_RAW") == NULL)
			unlink(recordings[i].raw);
		unlink(recordings[i].packed);
	}
	rmdir(folder);
}

/* Run `program` recorded into the raw file. */
static void record(struct recording *recording, const char *program)
{
	const char *library = getenv("ALLOT_BENCH_LIBRARY"), *depth = getenv("ALLOT_BENCH_DEPTH");
	char command[COMMAND_BYTES];

	snprintf(recording->raw, PATH_BYTES, "%.200s/%s.raw", folder, recording->name);
	snprintf(command, sizeof(command),
		 "PYTHONMALLOC=malloc ALLOT_CONF=trace:%s,trace_depth:%s LD_PRELOAD=%s %s "
		 ">/dev/null", recording->raw, depth != NULL ? depth : "0",
		 library != NULL ? library : "liballot.so.1", program);
	recording->is_made = system(command) == 0 && access(recording->raw, R_OK) == 0;
}

static void recordings_make(void)
{
	const char *own = getenv("ALLOT_BENCH_RAW"), *workload = getenv("ALLOT_BENCH_WORKLOAD");
	char program[COMMAND_BYTES];

	if (mkdtemp(folder) == NULL)
		return;
	for (size_t i = 0; i < PROGRAMS; i++)
		snprintf(recordings[i].packed, PATH_BYTES, "%.200s/%s.trace", folder,
			 recordings[i].name);
	if (own != NULL) {
		snprintf(recordings[0].raw, PATH_BYTES, "%s", own);
		recordings[0].is_made = true;
		return;
	}
	/* What a shim of python would exec is not what is recorded first. */
	snprintf(program, sizeof(program),
		 "\"$(python3 -c 'import sys; print(sys.executable)')\" -c \"%s\"", json_program);
	record(&recordings[0], program);
	snprintf(program, sizeof(program), "%s --threads 4 --scale 0.1 stress",
		 workload != NULL ? workload : "allot-workload");
	record(&recordings[1], program);
}

/* ---- what is measured --------------------------------------------------------------------- */

static void pack_run(struct state *state, void *user)
{
	struct recording *recording = user;
	char message[MESSAGE_BYTES] = "it was not recorded";
	struct trace_packed packed = {.event_count = 1};
	bool is_packed = recording->is_made;

	if (!is_packed) {
		state_skip(state, message);
		return;
	}
	while (state_keep_running(state))
		is_packed = is_packed && trace_pack(recording->raw, recording->packed, true,
						    &packed, message, sizeof(message));
	double events = (double)packed.event_count;
	state_set_items(state, state_iterations(state) * (int64_t)packed.event_count);
	state_set_counter(state, "bytes_an_event", (double)packed.file_bytes / events,
			  STATE_COUNTER_MEAN);
	for (size_t i = 0; i < packed.column_count; i++)
		if (packed.columns[i].stored_bytes > 0)
			state_set_counter(state, packed.columns[i].name,
					  (double)packed.columns[i].stored_bytes / events,
					  STATE_COUNTER_MEAN);
}

static void file_read_run(struct state *state, const char *path)
{
	char message[MESSAGE_BYTES];
	struct trace *trace = trace_open(path, message, sizeof(message));
	struct trace_event event;
	int64_t events = 0;

	if (trace == NULL) {
		state_skip(state, message);
		return;
	}
	while (state_keep_running(state)) {
		while (trace_next(trace, &event) != TRACE_END)
			events++;
		trace_rewind(trace);
	}
	state_set_items(state, events);
	trace_close(trace);
}

static void read_run(struct state *state, void *user)
{
	struct recording *recording = user;
	char message[MESSAGE_BYTES];
	struct trace_packed packed;

	if (recording->is_made && access(recording->packed, R_OK) != 0)
		trace_pack(recording->raw, recording->packed, true, &packed, message,
			   sizeof(message));
	file_read_run(state, recording->packed);
}

static void raw_run(struct state *state, void *user)
{
	file_read_run(state, ((struct recording *)user)->raw);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		bench_function *run;
	} rows[] = {{"pack", pack_run}, {"read", read_run}, {"raw", raw_run}};

	recordings_make();
	for (size_t i = 0; i < PROGRAMS; i++)
		for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
			char name[PATH_BYTES];
			snprintf(name, sizeof(name), "%s/%s", recordings[i].name, rows[k].name);
			bench_set_unit(bench_register(name, rows[k].run, &recordings[i]),
				       BENCH_UNIT_MS);
		}
	int status = bench_main(argc, argv, NULL);
	recordings_remove();
	return status;
}
