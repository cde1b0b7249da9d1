/* SPDX-License-Identifier: MIT */
/*
 * Traces as temporary files, and what differs between events. See trace_file.h.
 */
#include "trace_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "raw_trace.h"

enum { MESSAGE_BYTES = 512, THREADS_BESIDE = 1000 };

void trace_path_make(char out_path[TRACE_PATH_BYTES], const char *end)
{
	const char *folder = getenv("TMPDIR");
	static unsigned counter;

	snprintf(out_path, TRACE_PATH_BYTES, "%s/allot-test-%d-%u%s",
		 folder != NULL && folder[0] != '\0' ? folder : "/tmp", (int)getpid(), counter++,
		 end);
}

unsigned char *trace_file_take(const char *path, size_t *out_count)
{
	FILE *file = fopen(path, "rb");
	struct stat status;
	unsigned char *bytes = NULL;

	if (file != NULL && fstat(fileno(file), &status) == 0)
		bytes = malloc((size_t)status.st_size + 1);
	if (bytes == NULL ||
	    fread(bytes, 1, (size_t)status.st_size, file) != (size_t)status.st_size) {
		perror(path);
		abort();
	}
	fclose(file);
	unlink(path);
	*out_count = (size_t)status.st_size;
	return bytes;
}

struct trace *trace_try_bytes(const void *bytes, size_t count, char *message,
			      size_t message_bytes)
{
	char path[TRACE_PATH_BYTES];

	trace_path_make(path, ".trace");
	FILE *file = fopen(path, "wb");
	if (file == NULL || fwrite(bytes, 1, count, file) != count || fclose(file) != 0) {
		perror(path);
		abort();
	}
	struct trace *trace = trace_open(path, message, message_bytes);
	unlink(path);
	return trace;
}

struct trace *trace_of_bytes(const void *bytes, size_t count)
{
	char message[MESSAGE_BYTES] = "";
	struct trace *trace = trace_try_bytes(bytes, count, message, sizeof(message));

	if (trace == NULL) {
		fprintf(stderr, "%s\n", message);
		abort();
	}
	return trace;
}

struct trace *trace_of_raw(const struct raw_trace *raw)
{
	size_t count;
	const void *bytes = raw_trace_bytes(raw, &count);

	return trace_of_bytes(bytes, count);
}

static bool is_same_block(const struct trace_block *a, const struct trace_block *b)
{
	return a->address == b->address && a->bytes == b->bytes &&
	       a->usable_bytes == b->usable_bytes && a->stack == b->stack &&
	       a->place == b->place && a->call == b->call && a->align_log2 == b->align_log2;
}

const char *event_difference(const struct trace_event *event, const struct trace_event *drawn,
			     uint32_t streams)
{
	uint32_t thread = drawn->thread < THREADS_BESIDE ?
				  drawn->thread : streams + drawn->thread - THREADS_BESIDE;

	if (event->kind != drawn->kind)
		return "another kind";
	if (event->thread != thread)
		return "another thread";
	switch (event->kind) {
	case TRACE_ALLOCATE:
	case TRACE_FREE:
		return is_same_block(&event->block, &drawn->block) ? NULL : "another block";
	case TRACE_RESIZE:
		return !is_same_block(&event->block, &drawn->block) ? "another block" :
		       !is_same_block(&event->old, &drawn->old) ? "another old block" : NULL;
	case TRACE_FAIL:
		return event->block.bytes == drawn->block.bytes ? NULL : "other bytes";
	case TRACE_PAGES:
		return event->pages == drawn->pages && event->use == drawn->use &&
		       event->address == drawn->address && event->bytes == drawn->bytes &&
		       event->old_address == drawn->old_address ? NULL : "other pages";
	default:
		return NULL;
	}
}

static const char *sample_unequal(const struct trace_sample *a, const struct trace_sample *b)
{
	if (a->resident_bytes != b->resident_bytes ||
	    a->resident_bytes_peak != b->resident_bytes_peak ||
	    a->minor_faults != b->minor_faults || a->major_faults != b->major_faults ||
	    a->swapped_bytes != b->swapped_bytes || a->has_runs != b->has_runs)
		return "other figures";
	if (memcmp(a->heap_resident_bytes, b->heap_resident_bytes,
		   sizeof(a->heap_resident_bytes)) != 0)
		return "other sums";
	if (a->run_count != b->run_count)
		return "another number of runs";
	for (size_t i = 0; i < a->run_count; i++)
		if (a->runs[i].address != b->runs[i].address ||
		    a->runs[i].bytes != b->runs[i].bytes || a->runs[i].use != b->runs[i].use)
			return "other runs";
	return NULL;
}

const char *event_unequal(const struct trace_event *a, const struct trace_event *b)
{
	if (a->kind != b->kind)
		return "another kind";
	if (a->time != b->time)
		return "another time";
	if (a->thread != b->thread)
		return "another thread";
	if (a->number != b->number)
		return "another number";
	if (a->kind <= TRACE_RESIZE && a->is_unknown != b->is_unknown)
		return "otherwise known";
	if (a->kind <= TRACE_RESIZE && (a->block.time != b->block.time ||
					a->block.thread != b->block.thread))
		return "a block of another time or thread";
	switch (a->kind) {
	case TRACE_SAMPLE:
		return sample_unequal(a->sample, b->sample);
	case TRACE_MARK:
		return strcmp(a->text, b->text) == 0 ? NULL : "another text";
	default:
		return is_same_block(&a->block, &b->block) || a->kind > TRACE_RESIZE ?
			       NULL : "another block";
	}
}
