/* SPDX-License-Identifier: MIT */
/*
 * Beginning to record: the file's name, its header, and what a forked child begins with. See
 * record.h.
 */
#include "api/record.h"

#include <string.h>

#include "allot/allot.h"
#include "base/bits.h"
#include "base/message.h"
#include "os/map.h"
#include "os/module.h"
#include "os/process.h"

enum {
	STREAMS_MANY = 4096,
	STREAMS_FEW = 64, /* where address space is short */
	NAMES_TRIED_MAX = 10,
	NS_A_SECOND = 1000 * RECORD_NS_A_MS,
};

/* What the child of a fork still knows: of its parent, and how much room there is. */
static uint32_t recorded_process;
static uint64_t recorded_start_ticks;
static struct os_file recorded_file;
static uint32_t streams_max;

/* ---- the name ---- */

static void text_program(struct text *text)
{
	char name[OS_PATH_BYTES_MAX];
	os_program_name(name, sizeof(name));
	text_string(text, *name != '\0' ? name : "program");
}

/* The pattern with its placeholders filled in, absolute. */
static void text_path(struct text *text, const char *pattern)
{
	if (*pattern != '/') {
		char folder[OS_PATH_BYTES_MAX];
		os_folder_path(folder, sizeof(folder));
		text_string(text, folder);
		text_string(text, "/");
	}
	for (const char *c = pattern; *c != '\0'; c++) {
		if (c[0] != '%' || c[1] == '\0' || strchr("pet%", c[1]) == NULL) {
			text_char(text, *c);
			continue;
		}
		c++;
		if (*c == 'p')
			text_decimal(text, (uint64_t)os_process_id());
		else if (*c == 'e')
			text_program(text);
		else if (*c == 't')
			text_decimal(text, os_unix_ns() / NS_A_SECOND);
		else
			text_char(text, '%');
	}
}

/* A file of that name or, where there is one, with the process's number and more behind it. */
static bool file_begin(struct raw_writer *writer, const char *pattern)
{
	char path[OS_PATH_BYTES_MAX];
	struct text text;
	for (unsigned i = 0; i < NAMES_TRIED_MAX; i++) {
		text_init(&text, path, sizeof(path));
		text_path(&text, pattern);
		if (i > 0)
			text_format(&text, ".%u", (unsigned)os_process_id());
		if (i > 1)
			text_format(&text, ".%u", i);
		enum os_creation created = raw_begin(writer, path, os_page_bytes());
		if (created != OS_CREATION_EXISTS)
			return created == OS_CREATED;
	}
	return false;
}

/* ---- the header ---- */

static void header_fill(struct raw_header *header)
{
	const struct options *options = &process.options;
	struct text text;
	header->process = (uint32_t)os_process_id();
	header->start_unix_ns = os_unix_ns();
	header->depth = (uint32_t)options->trace_depth;
	header->sample_bytes = options->trace_sample_bytes;
	header->has_front = process.heap.front.is_on;
	text_init(&text, header->strategy, sizeof(header->strategy));
	text_string(&text, options->strategy->name);
	text_init(&text, header->library_version, sizeof(header->library_version));
	text_string(&text, allot_version());
	text_init(&text, header->conf, sizeof(header->conf));
	options_write(options, &text);
	os_file_read("/proc/self/cmdline", header->command, sizeof(header->command) - 1);
}

/* How many ticks a time of the kernel's clock is: from the two clocks, read twice. */
static uint64_t ticks_of_ns(uint64_t ns)
{
	enum { LOOK_NS = 20000 };
	uint64_t begin_ticks = os_ticks();
	uint64_t begin_ns = os_clock_ns();
	while (os_clock_ns() - begin_ns < LOOK_NS)
		;
	uint64_t ticks = os_ticks() - begin_ticks;
	return ns / (os_clock_ns() - begin_ns) * ticks;
}

/* ---- beginning ---- */

static struct recorder *recorder_create(void)
{
	static const uint32_t sizes[] = {STREAMS_MANY, STREAMS_FEW};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t bytes = sizeof(struct recorder) +
			       sizes[i] * sizeof(struct record_stream);
		struct recorder *made = os_map_wiped(align_up(bytes, os_page_bytes()));
		streams_max = sizes[i];
		if (made != NULL)
			return made;
	}
	return NULL;
}

/* In memory that is zeros, at first and after a fork. */
static bool recorder_begin(struct recorder *r)
{
	if (!file_begin(&r->writer, process.options.trace))
		return false;
	header_fill(r->writer.header);
	r->streams_max = streams_max;
	r->ticks_a_ms = ticks_of_ns(RECORD_NS_A_MS);
	r->interval_ticks = process.options.trace_interval_ms * r->ticks_a_ms;
	recorded_process = r->writer.header->process;
	recorded_file = r->writer.file;
	recorded_start_ticks = r->writer.header->start_ticks;
	return true;
}

/* Without memory for it there are no stacks, which the trace says by its depth. */
static struct unwind *stacks_begin(void)
{
	struct os_module own;
	if (process.options.trace_depth == 0)
		return NULL;
	struct unwind *unwind = os_map(align_up(sizeof(struct unwind), os_page_bytes()));
	if (unwind == NULL) {
		process.options.trace_depth = 0;
		return NULL;
	}
	/* No stack tells of our own code; linked into a program we are part of it. */
	if (!os_module_find((uintptr_t)stacks_begin, &own) || *own.path == '\0')
		own.begin = own.end = 0;
	unwind_init(unwind, own.begin, own.end, record_frame, NULL);
	return unwind;
}

bool record_begin(void)
{
	struct recorder *made = recorder_create();
	if (made == NULL) {
		message_string("trace: no memory to record with");
		return false;
	}
	struct unwind *unwind = stacks_begin();
	if (!recorder_begin(made)) {
		char chars[OS_PATH_BYTES_MAX + 64];
		struct text line;
		text_init(&line, chars, sizeof(chars));
		text_format(&line, "trace: cannot make the file '%s'; nothing is recorded",
			    process.options.trace);
		message_write(&line);
		return false;
	}
	recorder = made;
	record_unwind = unwind;
	return true;
}

/* ---- the child of a fork ---- */

static bool inherit_visit(const struct block_info *block, bool is_mapping, void *context)
{
	struct record_stream *stream = context;
	if (block->state == BLOCK_LIVE)
		record_inherited(stream, block, is_mapping);
	return true;
}

void record_fork_child(void)
{
	if (recorder == NULL)
		return;
	if (record_unwind != NULL)
		unwind_fork_child(record_unwind);
	uint32_t parent = recorded_process;
	uint64_t parent_ticks = os_ticks() - recorded_start_ticks;
	record_thread_renew();
	if (recorder->writer.header != NULL)
		return;
	os_file_close(&recorded_file);
	if (!recorder_begin(recorder)) {
		message_string("trace: a forked child cannot make its file, and is not recorded");
		return;
	}
	recorder->writer.header->parent = parent;
	recorder->writer.header->parent_ticks = parent_ticks;
	struct record_stream *stream = record_stream_begin();
	if (stream == NULL)
		return;
	record_memory(stream);
	if (record_unwind != NULL)
		unwind_announce_all(record_unwind);
	heap_walk(&process.heap, inherit_visit, stream);
	record_stream_end(stream);
}

/* ---- the end ---- */

void record_end(void)
{
	if (recorder == NULL || recorder->writer.header == NULL)
		return;
	struct record_stream *stream = record_stream_begin();
	if (stream != NULL)
		record_sample(stream);
	raw_end(&recorder->writer);
}
