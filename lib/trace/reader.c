/* SPDX-License-Identifier: MIT */
/*
 * Reader: include/allot/trace.h, on whatever form the file has.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <allot/trace_file.h>

#include "base/compiler.h"
#include "trace/dictionary.h"
#include "trace/forms.h"
#include "trace/import.h"
#include "trace/merge.h"
#include "trace/raw_live.h"
#include "trace/text_input.h"

struct trace {
	struct trace_source *source;
	struct merge merge;
	size_t told_count; /* messages of the dictionary that the caller had */
	uint64_t stop_time; /* events from there on are not told */
	const char *message;
	bool is_short; /* no memory to look further */
};

/* The first that takes the file for its own has it. */
static form_open *const forms[] = {
	packed_file_open,
	raw_file_open,
};

size_t file_read(int descriptor, void *out, size_t bytes, uint64_t offset)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t got = pread(descriptor, (char *)out + done, bytes - done,
				    (off_t)(offset + done));
		if (got == 0 || (got < 0 && errno != EINTR))
			break;
		done += got > 0 ? (size_t)got : 0;
	}
	return done;
}

uint64_t clock_rate(uint64_t start_ticks, uint64_t start_ns, uint64_t last_ticks, uint64_t last_ns)
{
	enum { UNIT_TICKS = 64, NS_PER_TICK_MAX = 1000000 };
	uint64_t rate = 0;

	if (last_ticks > start_ticks && last_ns > start_ns)
		rate = (uint64_t)(((unsigned __int128)(last_ns - start_ns) << 32) * UNIT_TICKS /
				  (last_ticks - start_ticks));
	/* What was never measured, or cannot be: ticks are taken for nanoseconds. */
	if (rate == 0 || rate >> 32 > (uint64_t)UNIT_TICKS * NS_PER_TICK_MAX)
		rate = (uint64_t)UNIT_TICKS << 32;
	return rate;
}

/* ---- opening ------------------------------------------------------------------------------ */

static const struct import_form *const imports[] = {
	&import_mtrace,
	&import_heaptrack,
	&import_rep,
};

static struct trace_source *source_open(struct form_file *file)
{
	struct stat status;
	char head[FORM_HEAD_BYTES];

	if (fstat(file->descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
		snprintf(file->message, TRACE_LINE_BYTES, "%s: not a file%s", file->path,
			 S_ISFIFO(status.st_mode) ?
				 "; a trace is read more than once" : "");
		return NULL;
	}
	file->bytes = (uint64_t)status.st_size;
	file->head = head;
	file->head_bytes = file_read(file->descriptor, head, sizeof(head), 0);
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct trace_source *source = forms[i](file);
		if (source != NULL || file->message[0] != '\0')
			return source;
	}
	file->head_bytes = text_input_head(file->descriptor, head, sizeof(head));
	for (size_t i = 0; i < ARRAY_LEN(imports); i++) {
		struct trace_source *source = import_open(file, imports[i]);
		if (source != NULL || file->message[0] != '\0')
			return source;
	}
	snprintf(file->message, TRACE_LINE_BYTES, file->bytes == 0 ?
		 "%s: empty" : "%s: no trace: neither allot's, nor .rep, mtrace or heaptrack",
		 file->path);
	return NULL;
}

static struct trace *trace_of(struct trace_source *source)
{
	struct trace *trace = calloc(1, sizeof(*trace));

	if (trace == NULL)
		return NULL;
	struct trace_info *info = &source->dictionary->info;

	trace->message = "";
	trace->source = source;
	trace->stop_time = info->lost_time != 0 ? info->lost_time : UINT64_MAX;
	if (info->end_time > trace->stop_time)
		info->end_time = trace->stop_time;
	/* Whoever knows when knows that. */
	if (info->lost_time != 0 && info->lost_events == 0)
		info->lost_events = 1;
	if (merge_init(&trace->merge, source))
		return trace;
	free(trace);
	return NULL;
}

static struct trace *trace_create(struct form_file *file)
{
	struct trace_source *source = source_open(file);

	if (source == NULL)
		return NULL;
	/* From here on the source has the descriptor. */
	file->descriptor = -1;
	struct trace *trace = trace_of(source);
	if (trace != NULL)
		return trace;
	source->form->close(source);
	snprintf(file->message, TRACE_LINE_BYTES, "%s: out of memory", file->path);
	return NULL;
}

struct trace *trace_open(const char *path, char *message, size_t message_bytes)
{
	char line[TRACE_LINE_BYTES] = "";
	struct form_file file = {.path = path, .message = line};
	struct trace *trace = NULL;

	file.descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file.descriptor < 0)
		snprintf(line, sizeof(line), "%s: %s", path, strerror(errno));
	else
		trace = trace_create(&file);
	if (trace == NULL) {
		if (file.descriptor >= 0)
			close(file.descriptor);
		if (message_bytes > 0)
			snprintf(message, message_bytes, "%s", line);
	}
	return trace;
}

void trace_close(struct trace *trace)
{
	if (trace == NULL)
		return;
	merge_finish(&trace->merge);
	trace->source->form->close(trace->source);
	free(trace);
}

/* ---- following ---------------------------------------------------------------------------- */

struct trace *trace_follow(const char *path, enum trace_follow_how how, char *message,
			   size_t message_bytes)
{
	char line[TRACE_LINE_BYTES] = "";
	struct trace_source *source = raw_live_open(path, how == TRACE_FOLLOW_EMPTY, line,
						    sizeof(line));
	struct trace *trace = source != NULL ? trace_of(source) : NULL;

	if (source != NULL && trace == NULL)
		source->form->close(source);
	if (trace == NULL && message_bytes > 0)
		snprintf(message, message_bytes, "%s", line);
	return trace;
}

void trace_follow_step(struct trace *trace, bool is_end)
{
	if (!raw_live_is(trace->source))
		return;
	trace->is_short = !raw_live_step(trace->source, is_end) || !merge_grow(&trace->merge);
	trace->merge.is_hasty = raw_live_has_gaps(trace->source);
}

void trace_follow_state_get(const struct trace *trace, struct trace_follow_state *out)
{
	memset(out, 0, sizeof(*out));
	out->lost_why = "";
	if (raw_live_is(trace->source))
		raw_live_state(trace->source, out);
}

/* ---- reading ------------------------------------------------------------------------------ */

/* What was found wrong while the file was opened, a line at a time. */
static ALLOT_COLD enum trace_status message_tell(struct trace *trace)
{
	trace->message = trace->source->dictionary->messages[trace->told_count++];
	return TRACE_DAMAGED;
}

static ALLOT_COLD enum trace_status trace_end(struct trace *trace, enum trace_status status)
{
	struct trace_info *info = &trace->source->dictionary->info;

	switch (status) {
	case TRACE_END:
		/* Before its first record a file has no stream that could wait. */
		if (raw_live_is(trace->source) && !raw_live_is_ended(trace->source))
			return TRACE_WAIT;
		if (info->end_time < trace->merge.events.time)
			info->end_time = trace->merge.events.time;
		break;
	case TRACE_DAMAGED:
		trace->message = trace->source->message;
		break;
	case TRACE_WAIT:
		if (!trace->is_short)
			break;
		status = TRACE_FAILED;
		/* fall through */
	default:
		trace->message = "out of memory";
	}
	return status;
}

enum trace_status trace_next(struct trace *trace, struct trace_event *out)
{
	const struct trace_dictionary *dictionary = trace->source->dictionary;

	if (unlikely(trace->told_count < dictionary->message_count) &&
	    trace->told_count < DICTIONARY_MESSAGES)
		return message_tell(trace);
	enum trace_status status = merge_next(&trace->merge, out);
	if (unlikely(status != TRACE_OK))
		return trace_end(trace, status);
	return likely(out->time < trace->stop_time) ? TRACE_OK : TRACE_END;
}

const char *trace_message(const struct trace *trace)
{
	return trace->message;
}

enum trace_status trace_rewind(struct trace *trace)
{
	if (raw_live_is(trace->source)) {
		trace->message = "a trace that is followed cannot begin again";
		return TRACE_FAILED;
	}
	merge_finish(&trace->merge);
	trace->told_count = 0;
	trace->message = "";
	if (merge_init(&trace->merge, trace->source))
		return TRACE_OK;
	trace->message = "out of memory";
	return TRACE_FAILED;
}

/* ---- what is known ------------------------------------------------------------------------ */

const struct trace_info *trace_info_get(const struct trace *trace)
{
	trace->source->dictionary->info.repaired = trace->merge.repaired;
	return &trace->source->dictionary->info;
}

size_t trace_frame_count(const struct trace *trace)
{
	return trace->source->dictionary->frame_count;
}

const struct trace_frame *trace_frame_get(const struct trace *trace, uint32_t frame)
{
	const struct trace_dictionary *dictionary = trace->source->dictionary;
	return frame < dictionary->frame_count ? &dictionary->frames[frame] : NULL;
}

size_t trace_module_count(const struct trace *trace)
{
	return trace->source->dictionary->module_count;
}

const struct trace_module *trace_module_get(const struct trace *trace, size_t index)
{
	const struct trace_dictionary *dictionary = trace->source->dictionary;
	return index < dictionary->module_count ? &dictionary->modules[index] : NULL;
}

const char *trace_frame_symbol(const struct trace *trace, uint32_t frame)
{
	const struct trace_dictionary *dictionary = trace->source->dictionary;
	return dictionary->symbols != NULL && frame < dictionary->frame_count ?
		       dictionary->symbols[frame] : NULL;
}

size_t trace_thread_count(const struct trace *trace)
{
	return trace->source->dictionary->thread_count;
}

const char *trace_thread_name(const struct trace *trace, uint32_t thread)
{
	const struct trace_dictionary *dictionary = trace->source->dictionary;
	return thread < dictionary->thread_count ? dictionary->thread_names[thread] : "";
}
