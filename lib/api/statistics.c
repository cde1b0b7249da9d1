/* SPDX-License-Identifier: MIT */
/*
 * Statistics. See statistics.h.
 *
 * Every figure is labelled: exact (counted by the heap), measured (told by the kernel) or n/a.
 * Peaks of the heap's own figures exist only when the books were kept from the first call
 * (stats: in the options); they are exact for one thread, and with several at most the size of
 * one call too low or high.
 */
#include "api/statistics.h"

#include "api/process.h"
#include "base/message.h"
#include "os/process.h"

/* ---- by walking ---- */

static bool statistics_visit(const struct block_info *block, bool is_mapping, void *context)
{
	struct allot_statistics *s = context;
	if (block->state != BLOCK_LIVE) {
		s->free_bytes += block->block_bytes;
		s->free_blocks++;
		s->largest_free_bytes = size_max(s->largest_free_bytes, block->block_bytes);
		return true;
	}
	s->live_blocks++;
	s->requested_bytes += block->requested_bytes;
	s->rounding_bytes += block->usable_bytes - block->requested_bytes;
	s->tag_bytes += block->tag_bytes;
	if (is_mapping) {
		s->own_mapping_blocks++;
		s->own_mapping_bytes += block->block_bytes;
	}
	return true;
}

void statistics_read(struct heap *heap, struct allot_statistics *out)
{
	struct heap_totals totals;
	*out = (struct allot_statistics){0};
	heap_walk(heap, statistics_visit, out);
	heap_totals(heap, &totals);
	out->mapped_bytes = totals.mapped_bytes + out->own_mapping_bytes;
	out->mapped_bytes_peak = size_max(out->mapped_bytes,
					  size_max(totals.mapped_bytes_peak,
						   atomic_load(&heap->books.mapped.peak)));
	out->metadata_bytes = size_minus(out->mapped_bytes, out->requested_bytes +
								    out->rounding_bytes +
								    out->tag_bytes +
								    out->free_bytes);
	out->splits = totals.splits;
	out->merges = totals.merges;
	out->source_calls = totals.source_calls;
}

/* ---- the report ---- */

enum {
	REPORT_BYTES_MAX = 8192,
	NAME_WIDTH = 26,
	FIGURE_WIDTH = 16,
	RATIO_DIGITS = 3,
};

/* A figure of the report. */
struct figure {
	const char *name;    /* in the text */
	const char *key;     /* in JSON */
	size_t now;
	size_t peak;
	bool has_peak;
	const char *label;   /* exact or measured */
};

struct report {
	struct heap *heap;
	struct allot_statistics s;
	struct os_counters kernel;
	bool has_books;
	struct text text;
};

static void text_pad(struct text *text, size_t length, size_t width)
{
	for (; length < width; length++)
		text_char(text, ' ');
}

/* A number right-aligned. */
static void text_figure(struct text *text, size_t n)
{
	char chars[24];
	struct text figure;
	text_init(&figure, chars, sizeof(chars));
	text_decimal(&figure, n);
	text_pad(text, figure.length, FIGURE_WIDTH);
	text_string(text, chars);
}

static size_t peak_of(const struct book_entry *entry, size_t now)
{
	return size_max(atomic_load(&entry->peak), now);
}

enum { FIGURES_MAX = 24 };

static size_t report_figures(const struct report *r, struct figure *figures)
{
	const struct heap_books *books = &r->heap->books;
	const struct allot_statistics *s = &r->s;
	bool peaks = r->has_books;
	/* Only the books know how much of a block was asked for, where the front end gave it. */
	const char *of_requests = peaks || !r->heap->front.is_on ? "exact" :
				  "estimate (in slabs and caches as if all was requested)";
	const struct figure all[] = {
		{"requested", "requested_bytes", s->requested_bytes,
		 peak_of(&books->requested, s->requested_bytes), peaks, of_requests},
		{"rounding", "rounding_bytes", s->rounding_bytes,
		 peak_of(&books->rounding, s->rounding_bytes), peaks, of_requests},
		{"tags", "tag_bytes", s->tag_bytes, peak_of(&books->tags, s->tag_bytes), peaks,
		 "exact"},
		{"free", "free_bytes", s->free_bytes, peak_of(&books->free, s->free_bytes), peaks,
		 "exact"},
		{"metadata", "metadata_bytes", s->metadata_bytes, 0, false, "exact"},
		{"mapped", "mapped_bytes", s->mapped_bytes,
		 peaks ? peak_of(&books->mapped, s->mapped_bytes) : s->mapped_bytes_peak, true,
		 "exact"},
		{"resident (whole process)", "resident_bytes", r->kernel.resident_bytes,
		 r->kernel.resident_bytes_peak, true, "measured"},
		{"live blocks", "live_blocks", s->live_blocks,
		 peak_of(&books->blocks, s->live_blocks), peaks, "exact"},
		{"free blocks", "free_blocks", s->free_blocks, 0, false, "exact"},
		{"largest free block", "largest_free_bytes", s->largest_free_bytes, 0, false,
		 "exact"},
		{"own mappings", "own_mappings", s->own_mapping_blocks, 0, false, "exact"},
		{"in own mappings", "own_mapping_bytes", s->own_mapping_bytes, 0, false, "exact"},
		{"splits", "splits", s->splits, 0, false, "exact"},
		{"merges", "merges", s->merges, 0, false, "exact"},
		{"source calls", "source_calls", s->source_calls, 0, false, "exact"},
		{"page faults, minor", "page_faults_minor", r->kernel.page_faults_minor, 0, false,
		 "measured"},
		{"page faults, major", "page_faults_major", r->kernel.page_faults_major, 0, false,
		 "measured"},
	};
	const struct figure calls[] = {
		{"allocations", "allocations", atomic_load(&books->allocations), 0, false, "exact"},
		{"frees", "frees", atomic_load(&books->frees), 0, false, "exact"},
		{"resizes", "resizes", atomic_load(&books->resizes), 0, false, "exact"},
		{"resizes that moved", "resizes_moved", atomic_load(&books->resizes_moved), 0,
		 false, "exact"},
		{"requests refused", "failures", atomic_load(&books->failures), 0, false, "exact"},
	};
	size_t count = 0;
	static_assert(ARRAY_LEN(all) + ARRAY_LEN(calls) <= FIGURES_MAX, "figures fit");
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		figures[count++] = all[i];
	for (size_t i = 0; peaks && i < ARRAY_LEN(calls); i++)
		figures[count++] = calls[i];
	return count;
}

/* U = peak requested / peak mapped (CSAPP 9.9.3: peak utilisation). */
static void text_utilisation(struct report *r, struct text *text)
{
	const struct heap_books *books = &r->heap->books;
	text_ratio(text, peak_of(&books->requested, r->s.requested_bytes),
		   peak_of(&books->mapped, r->s.mapped_bytes), RATIO_DIGITS);
}

static void text_program(struct text *text)
{
	char name[64];
	size_t length = os_file_read("/proc/self/comm", name, sizeof(name));
	for (size_t i = 0; i < length && name[i] != '\n'; i++) {
		bool is_plain = name[i] >= ' ' && name[i] != '"' && name[i] != '\\';
		text_char(text, is_plain ? name[i] : '?');
	}
}

static const char *front_word(const struct report *r)
{
	return r->heap->front.is_on ? "on" : "off";
}

static void report_text(struct report *r)
{
	struct text *text = &r->text;
	struct figure figures[FIGURES_MAX];
	size_t count = report_figures(r, figures);
	text_string(text, "allot: statistics of ");
	text_program(text);
	text_format(text, " (process %u), strategy %s, source %s, front %s\n",
		    (size_t)os_process_id(), r->heap->config.arena.strategy->name,
		    r->heap->first->source.type->name, front_word(r));
	text_pad(text, 0, NAME_WIDTH + FIGURE_WIDTH - 3);
	text_string(text, "now");
	text_pad(text, 0, FIGURE_WIDTH - 4);
	text_string(text, "peak\n");
	for (size_t i = 0; i < count; i++) {
		const struct figure *f = &figures[i];
		size_t begin = text->length;
		text_string(text, f->name);
		text_pad(text, text->length - begin, NAME_WIDTH);
		text_figure(text, f->now);
		if (f->has_peak)
			text_figure(text, f->peak);
		else
			text_pad(text, 0, FIGURE_WIDTH);
		text_format(text, "  %s\n", f->label);
	}
	if (!r->has_books)
		return;
	text_string(text, "U = peak requested / peak mapped = ");
	text_utilisation(r, text);
	text_string(text, "  exact\n");
}

static void report_json(struct report *r)
{
	struct text *text = &r->text;
	struct figure figures[FIGURES_MAX];
	size_t count = report_figures(r, figures);
	text_string(text, "{\"schema\": \"allot.statistics/1\", \"program\": \"");
	text_program(text);
	text_format(text, "\", \"process\": %u, \"strategy\": \"%s\", \"source\": \"%s\", "
		    "\"front\": \"%s\"",
		    (size_t)os_process_id(), r->heap->config.arena.strategy->name,
		    r->heap->first->source.type->name, front_word(r));
	for (size_t i = 0; i < count; i++) {
		const struct figure *f = &figures[i];
		text_format(text, ", \"%s\": {\"now\": %u", f->key, f->now);
		if (f->has_peak)
			text_format(text, ", \"peak\": %u", f->peak);
		text_format(text, ", \"label\": \"%s\"}", f->label);
	}
	if (r->has_books) {
		text_string(text, ", \"utilisation\": {\"now\": ");
		text_utilisation(r, text);
		text_string(text, ", \"label\": \"exact\"}");
	}
	text_string(text, "}\n");
}

void statistics_print(struct heap *heap, int file, const char *path, bool as_json)
{
	char chars[REPORT_BYTES_MAX];
	struct report r = {
		.heap = heap,
		.has_books = heap->config.watch & WATCH_BOOKS,
	};
	os_counters_read(&r.kernel);
	statistics_read(heap, &r.s);
	text_init(&r.text, chars, sizeof(chars));
	if (as_json)
		report_json(&r);
	else
		report_text(&r);
	if (path == NULL) {
		os_write(file, chars, r.text.length);
	} else if (!os_file_append(path, chars, r.text.length)) {
		char line_chars[512];
		struct text line;
		text_init(&line, line_chars, sizeof(line_chars));
		text_format(&line, "stats: cannot write to '%s'", path);
		message_write(&line);
	}
}

void process_report_statistics(void)
{
	const struct options *options = &process.options;
	if (!process_prepare() || options->stats[0] == '\0')
		return;
	const char *path = string_equal(options->stats, "stderr") ? NULL : options->stats;
	statistics_print(&process.heap, process.error_file, path, options->stats_are_json);
}
