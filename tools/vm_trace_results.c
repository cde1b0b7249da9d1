/* SPDX-License-Identifier: MIT */
/*
 * What came of a trace: counts, misses, the curve of faults, the working set; as text, as JSON, and
 * as a picture.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "notice.h"
#include "svg.h"
#include "vm_shared.h"
#include "vm_trace.h"

enum {
	ROWS_MAX = 32,
	PICTURE_WIDTH = 640,
	PICTURE_HEIGHT = 400,
	PICTURE_MARGIN = 50,
};

/* What misses are counted by: instructions, or accesses where there are none. */
struct base {
	uint64_t count;
	const char *name;
};

static struct base base_of(const struct vm_tlb_statistics *all)
{
	uint64_t fetches = all->accesses[VM_FETCH];
	uint64_t sum = fetches + all->accesses[VM_LOAD] + all->accesses[VM_STORE];

	if (fetches > 0)
		return (struct base){fetches, "instructions"};
	return (struct base){sum, "accesses"};
}

static double per_thousand(uint64_t count, struct base base)
{
	return base.count == 0 ? 0 : 1000.0 * (double)count / (double)base.count;
}

static void counts_write(const struct vm_tlb_statistics *all)
{
	printf("accesses%27s\n", "exact");
	for (unsigned kind = 0; kind < VM_KIND_COUNT; kind++)
		printf("  %-10s%16" PRIu64 "%s\n", vm_kind_names[kind], all->accesses[kind],
		       kind == VM_MODIFY ? "  (among the loads and stores)" : "");
	printf("  %-10s%16" PRIu64 "  (of more than one page)\n", "crossing", all->straddles);
}

static void tlb_write(const struct trace_run *run, const struct vm_tlb_statistics *all)
{
	struct base base = base_of(all);

	printf("\nTLB misses%25s for these TLBs:", "exact");
	for (unsigned i = 0; vm_tlb_unit(&run->tlb, i) != NULL; i++)
		printf(" %s %ux%u", vm_tlb_unit(&run->tlb, i)->name,
		       vm_tlb_unit(&run->tlb, i)->entries, vm_tlb_unit(&run->tlb, i)->ways);
	printf("\n  %-10s%16s%16s%16s%16s\n", "", "loads", "stores", "fetches", "per 1000");
	printf("  %-10s%16s%16s%16s%16s\n", "", "", "", "", base.name);
	for (unsigned rank = 0; rank < VM_TLB_RANKS_MAX; rank++) {
		const uint64_t *misses = all->misses[rank];
		uint64_t sum = misses[VM_LOAD] + misses[VM_STORE] + misses[VM_FETCH];
		bool is_there = false;

		for (unsigned i = 0; vm_tlb_unit(&run->tlb, i) != NULL; i++)
			is_there |= vm_tlb_unit(&run->tlb, i)->rank == rank + 1;
		if (is_there)
			printf("  rank %-5u%16" PRIu64 "%16" PRIu64 "%16" PRIu64 "%16.3f\n",
			       rank + 1, misses[VM_LOAD], misses[VM_STORE], misses[VM_FETCH],
			       per_thousand(sum, base));
	}
	printf("  %-10s%16" PRIu64 "\n", "walks", all->walks);
}

/* A row of the curve. */
struct row {
	uint32_t frames;
	uint64_t lru, opt, fifo;
};

static uint64_t fifo_faults(const struct trace_run *run, uint32_t frames)
{
	struct vm_policy_conf conf = {.kind = VM_POLICY_FIFO, .frames = frames};
	struct vm_policy policy;
	size_t bytes = vm_policy_bytes(&conf);
	void *memory = vm_memory(bytes);

	vm_policy_init(&policy, memory, bytes, &conf, NULL, 0);
	for (size_t i = 0; i < run->change_count; i++)
		vm_policy_access(&policy, run->changes[i], false, 0, NULL);
	uint64_t faults = vm_policy_faults(&policy);
	free(memory);
	return faults;
}

/* Faults for 1, 2, 4 ... frames and for as many as there are pages. */
static size_t rows_make(const struct trace_run *run, struct row rows[ROWS_MAX], bool *has_all)
{
	uint32_t pages = vm_curve_pages(&run->curve);
	size_t count = 0;
	uint64_t *opt = NULL;

	*has_all = run->change_count <= TRACE_CHANGES_MAX && pages > 0;
	if (*has_all) {
		uint64_t *next = vm_memory(run->change_count * sizeof(*next));
		void *scratch = vm_memory(vm_next_use_bytes(run->change_count));

		opt = vm_memory((pages + 1) * sizeof(*opt));
		vm_next_use(run->changes, run->change_count, next, scratch);
		free(scratch);
		scratch = vm_memory(vm_opt_curve_bytes(run->change_count));
		vm_opt_curve(run->changes, next, run->change_count, opt, pages, scratch);
		free(scratch);
		free(next);
	}
	for (uint32_t frames = 1; pages > 0 && count < ROWS_MAX; frames *= 2) {
		bool is_last = frames >= pages;

		frames = is_last ? pages : frames;
		rows[count++] = (struct row){
			.frames = frames,
			.lru = vm_curve_faults(&run->curve, frames),
			.opt = *has_all ? opt[frames] : 0,
			.fifo = *has_all ? fifo_faults(run, frames) : 0,
		};
		if (is_last)
			break;
	}
	free(opt);
	return count;
}

static void curve_write(const struct row *rows, size_t count, bool has_all)
{
	printf("\nfaults by frames%19s\n  %-10s%16s%16s%16s\n", "exact", "frames", "lru", "opt",
	       "fifo");
	for (size_t i = 0; i < count; i++) {
		printf("  %-10" PRIu32 "%16" PRIu64, rows[i].frames, rows[i].lru);
		if (has_all)
			printf("%16" PRIu64 "%16" PRIu64 "\n", rows[i].opt, rows[i].fifo);
		else
			printf("%16s%16s\n", "n/a", "n/a");
	}
	if (!has_all)
		printf("  n/a: opt and fifo are computed for up to %d changes of page\n",
		       TRACE_CHANGES_MAX);
}

static void working_write(const struct trace_run *run)
{
	struct vm_working_view view;

	vm_working_view(&run->working, &view);
	double mean = view.accesses == 0 ? 0 : (double)view.page_sum / (double)view.accesses;
	printf("\nworking set of the last %" PRIu64 " accesses, pages%4s\n", run->tau, "exact");
	printf("  %-10s%16.1f\n  %-10s%16" PRIu32 "\n  %-10s%16" PRIu32 "\n", "mean", mean,
	       "largest", view.pages_max, "at the end", view.pages);
	printf("  footprint of an interval: largest %" PRIu32 ", last %" PRIu32 ", of %" PRIu64
	       " intervals\n", view.footprint_max, view.footprint, view.intervals);
}

static bool picture_draw(const char *path, const struct row *rows, size_t count, bool has_all)
{
	double width = PICTURE_WIDTH - 2 * PICTURE_MARGIN, top = PICTURE_MARGIN;
	double bottom = PICTURE_HEIGHT - PICTURE_MARGIN, height = bottom - top;
	static const char *const names[] = {"lru", "opt", "fifo"};
	struct svg svg;

	if (!svg_open(&svg, path, PICTURE_WIDTH, PICTURE_HEIGHT, "Faults against frames"))
		return false;
	svg_line(&svg, PICTURE_MARGIN, bottom, PICTURE_MARGIN + width, bottom, SVG_INK);
	svg_line(&svg, PICTURE_MARGIN, top, PICTURE_MARGIN, bottom, SVG_INK);
	svg_words(&svg, PICTURE_WIDTH / 2.0, PICTURE_HEIGHT - 12, SVG_INK, false,
		  "frames (exact)");
	svg_words(&svg, PICTURE_MARGIN + 60, top - 10, SVG_INK, false, "faults, to %" PRIu64,
		  count > 0 ? rows[0].lru : 0);
	for (size_t i = 0; i < count && count > 1; i += count > 10 ? 2 : 1)
		svg_words(&svg, PICTURE_MARGIN + width * (double)i / (double)(count - 1),
			  bottom + 16, SVG_INK, false, "%" PRIu32, rows[i].frames);
	for (unsigned line = 0; line < (has_all ? 3u : 1u) && count > 1; line++) {
		double points[2 * ROWS_MAX];

		for (size_t i = 0; i < count; i++) {
			uint64_t faults[] = {rows[i].lru, rows[i].opt, rows[i].fifo};

			points[2 * i] = PICTURE_MARGIN + width * (double)i / (double)(count - 1);
			points[2 * i + 1] = bottom - height * (double)faults[line] /
							     (double)(rows[0].lru + 1);
		}
		svg_path(&svg, points, count, SVG_FIRST + line);
		svg_words(&svg, PICTURE_MARGIN + width - 30, top + 18.0 * line, SVG_FIRST + line,
			  false, "%s", names[line]);
	}
	return svg_close(&svg);
}

static void misses_json(struct json *json, const struct trace_run *run,
			const struct vm_tlb_statistics *all)
{
	json_open(json, "misses", '[');
	for (unsigned rank = 0; rank < VM_TLB_RANKS_MAX; rank++) {
		json_open(json, NULL, '{');
		json_number(json, "rank", rank + 1);
		for (unsigned kind = 0; kind < VM_MODIFY; kind++)
			json_number(json, vm_kind_names[kind], (int64_t)all->misses[rank][kind]);
		json_close(json, '{');
	}
	json_close(json, '[');
	json_number(json, "walks", (int64_t)all->walks);
	(void)run;
}

static void all_json(const struct trace_run *run, const struct vm_tlb_statistics *all,
		     const struct row *rows, size_t row_count, bool has_all)
{
	struct json json = {.out = stdout};

	json_open(&json, NULL, '{');
	json_text(&json, "schema", "allot.vm.trace/1");
	json_text(&json, "label", "exact");
	json_text(&json, "trace", run->path);
	json_bool(&json, "is_damaged", run->is_damaged);
	json_number(&json, "page_bytes", run->geometry->page_bytes);
	json_open(&json, "accesses", '{');
	for (unsigned kind = 0; kind < VM_KIND_COUNT; kind++)
		json_number(&json, vm_kind_names[kind], (int64_t)all->accesses[kind]);
	json_close(&json, '{');
	json_number(&json, "no_addresses", (int64_t)run->faults);
	if (run->has_tlb)
		misses_json(&json, run, all);
	if (run->has_curve) {
		json_open(&json, "curve", '[');
		for (size_t i = 0; i < row_count; i++) {
			json_open(&json, NULL, '{');
			json_number(&json, "frames", rows[i].frames);
			json_number(&json, "lru", (int64_t)rows[i].lru);
			if (has_all) {
				json_number(&json, "opt", (int64_t)rows[i].opt);
				json_number(&json, "fifo", (int64_t)rows[i].fifo);
			}
			json_close(&json, '{');
		}
		json_close(&json, '[');
	}
	if (run->tau > 0) {
		struct vm_working_view view;

		vm_working_view(&run->working, &view);
		json_open(&json, "working_set", '{');
		json_number(&json, "tau", (int64_t)run->tau);
		json_number(&json, "page_sum", (int64_t)view.page_sum);
		json_number(&json, "pages_max", view.pages_max);
		json_number(&json, "footprint_max", view.footprint_max);
		json_close(&json, '{');
	}
	json_close(&json, '{');
}

/* Say what system call failed on which file. */
int vm_trace_file_failed(const struct trace_run *run, const char *path)
{
	notice_write(run->command, "%s: %s", path, strerror(errno));
	return STATUS_FAILURE;
}

int vm_trace_results_write(struct trace_run *run, bool is_json, const char *picture)
{
	struct vm_tlb_statistics all;
	struct row rows[ROWS_MAX];
	size_t row_count = 0;
	bool has_all = false;

	vm_tlb_statistics(&run->tlb, &all);
	if (run->has_curve)
		row_count = rows_make(run, rows, &has_all);
	if (is_json) {
		all_json(run, &all, rows, row_count, has_all);
	} else {
		counts_write(&all);
		if (run->faults > 0)
			printf("  %-10s%16" PRIu64 "  (no addresses of %s)\n", "refused",
			       run->faults, run->geometry->name);
		if (run->has_tlb)
			tlb_write(run, &all);
		if (run->has_curve)
			curve_write(rows, row_count, has_all);
		if (run->tau > 0)
			working_write(run);
	}
	if (picture != NULL && !picture_draw(picture, rows, row_count, has_all))
		return vm_trace_file_failed(run, picture);
	return run->is_damaged ? STATUS_DAMAGED : STATUS_OK;
}
