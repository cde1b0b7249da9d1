/* SPDX-License-Identifier: MIT */
/*
 * allot vm trace: what TLBs, frames and working sets make of the accesses of a program.
 *
 * A trace is read in pieces and never held as a whole. Only OPT and FIFO, which need the changes of
 * page again, keep those, as long as they are not too many.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "notice.h"
#include "svg.h"
#include "vm_shared.h"

enum {
	INPUT_BYTES = 1 << 20,
	ACCESSES = 1 << 14,
	PAGES_FIRST = 1 << 12,
	CHANGES_MAX = 1 << 18, /* of page, that are kept for OPT and FIFO */
	ROWS_MAX = 32,
	PICTURE_WIDTH = 640,
	PICTURE_HEIGHT = 400,
	PICTURE_MARGIN = 50,
};

static_assert((int)ACCESSES >= (int)VM_TRACE_BLOCK_ACCESSES, "a block fits");

/* A run over a trace. */
struct run {
	const char *path;
	const char *command;
	const struct vm_geometry *geometry;
	struct vm_tlb tlb;
	struct vm_flat flat;
	struct vm_curve curve;
	struct vm_working working;
	uint32_t curve_room, working_room; /* pages */
	uint64_t page, repeat_count;       /* accesses to one page that are not accounted for yet */
	uint64_t *changes;                 /* pages, one for each change */
	size_t change_count;
	uint64_t faults;                   /* no addresses of the machine */
	uint64_t tau;
	FILE *written;
	struct vm_access pending[VM_TRACE_BLOCK_ACCESSES];
	size_t pending_count;
	bool has_tlb, has_curve, is_damaged;
};

/* ---- pages ---- */

static void curve_add(struct run *run)
{
	while (!vm_curve_add(&run->curve, run->page, run->repeat_count)) {
		void *old = run->curve.state;

		run->curve_room *= 2;
		vm_curve_move(&run->curve, vm_memory(vm_curve_bytes(run->curve_room)),
			      run->curve_room);
		free(old);
	}
	if (run->change_count < CHANGES_MAX)
		run->changes[run->change_count] = run->page;
	run->change_count++;
}

static void working_add(struct run *run)
{
	while (!vm_working_add(&run->working, run->page, run->repeat_count)) {
		void *old = run->working.state;

		run->working_room *= 2;
		vm_working_move(&run->working, vm_memory(vm_working_bytes(run->working_room)),
				run->working_room);
		free(old);
	}
}

static void repeats_account(struct run *run)
{
	if (run->repeat_count == 0)
		return;
	if (run->has_curve)
		curve_add(run);
	if (run->tau > 0)
		working_add(run);
	run->repeat_count = 0;
}

static void page_use(struct run *run, uint64_t page)
{
	if (page != run->page) {
		repeats_account(run);
		run->page = page;
	}
	run->repeat_count++;
}

static void pages_use(struct run *run, const struct vm_access *accesses, size_t count)
{
	unsigned shift = run->geometry->page_shift;

	for (size_t i = 0; i < count; i++) {
		uint64_t last = (accesses[i].va + accesses[i].bytes - 1) >> shift;

		for (uint64_t page = accesses[i].va >> shift; page <= last; page++)
			page_use(run, page);
	}
}

/* ---- reading ---- */

static void block_write(struct run *run)
{
	static uint8_t block[VM_TRACE_BLOCK_BYTES_MAX];

	if (run->pending_count == 0)
		return;
	size_t bytes = vm_trace_block_write(run->pending, run->pending_count, 0, block);
	fwrite(block, 1, bytes, run->written);
	run->pending_count = 0;
}

static void accesses_take(struct run *run, const struct vm_access *accesses, size_t count)
{
	run->faults += vm_tlb_run(&run->tlb, accesses, count);
	if (run->has_curve || run->tau > 0)
		pages_use(run, accesses, count);
	for (size_t i = 0; i < count && run->written != NULL; i++) {
		run->pending[run->pending_count++] = accesses[i];
		if (run->pending_count == VM_TRACE_BLOCK_ACCESSES)
			block_write(run);
	}
}

static void damage_write(struct run *run, const char *unit, uint64_t where, const char *expected)
{
	run->is_damaged = true;
	notice_write(run->command, "%s: %s %" PRIu64 ": expected %s; used up to there", run->path,
		     unit, where, expected);
}

/* More input behind the `held` bytes there are. False at the end. */
static bool input_more(FILE *file, char *input, size_t *held)
{
	size_t got = fread(input + *held, 1, INPUT_BYTES - *held, file);

	*held += got;
	return got > 0;
}

static void lackey_read(struct run *run, FILE *file)
{
	static struct vm_access accesses[ACCESSES];
	char *input = vm_memory(INPUT_BYTES);
	struct vm_lackey reader = {0};
	enum vm_trace_end end = VM_TRACE_MORE;
	size_t held = 0, begin = 0, used, count;
	bool is_more = true;

	while (is_more && end != VM_TRACE_DAMAGED) {
		memmove(input, input + begin, held - begin);
		held -= begin;
		begin = 0;
		is_more = input_more(file, input, &held);
		do {
			end = vm_lackey_read(&reader, input + begin, held - begin, !is_more,
					     accesses, ACCESSES, &used, &count);
			begin += used;
			accesses_take(run, accesses, count);
		} while (end == VM_TRACE_FULL);
	}
	if (end == VM_TRACE_DAMAGED)
		damage_write(run, "line", reader.lines + 1, reader.expected);
	free(input);
}

static void binary_read(struct run *run, FILE *file)
{
	static struct vm_access accesses[ACCESSES];
	char *input = vm_memory(INPUT_BYTES);
	size_t held = 0, begin = VM_TRACE_HEADER_BYTES;
	uint64_t offset = 0;
	struct vm_trace_block block = {.expected = NULL};
	enum vm_trace_end end = VM_TRACE_MORE;
	bool is_more = input_more(file, input, &held);

	if (!vm_trace_header_check((uint8_t *)input, held, &block.expected)) {
		damage_write(run, "byte", 0, block.expected);
		free(input);
		return;
	}
	while (end != VM_TRACE_DAMAGED) {
		end = vm_trace_block_read((uint8_t *)input + begin, held - begin, accesses, &block);
		if (end == VM_TRACE_FULL) {
			accesses_take(run, accesses, block.count);
			begin += block.bytes;
		} else if (end == VM_TRACE_MORE) {
			if (!is_more)
				break;
			memmove(input, input + begin, held - begin);
			offset += begin;
			held -= begin;
			begin = 0;
			is_more = input_more(file, input, &held);
		}
	}
	if (end == VM_TRACE_DAMAGED)
		damage_write(run, "byte", offset + begin, block.expected);
	else if (held > begin)
		damage_write(run, "byte", offset + held, "the rest of a block");
	free(input);
}

/* ---- results ---- */

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

static void tlb_write(const struct run *run, const struct vm_tlb_statistics *all)
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

static uint64_t fifo_faults(const struct run *run, uint32_t frames)
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
static size_t rows_make(const struct run *run, struct row rows[ROWS_MAX], bool *has_all)
{
	uint32_t pages = vm_curve_pages(&run->curve);
	size_t count = 0;
	uint64_t *opt = NULL;

	*has_all = run->change_count <= CHANGES_MAX && pages > 0;
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
		       CHANGES_MAX);
}

static void working_write(const struct run *run)
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

static void misses_json(struct json *json, const struct run *run,
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

static void all_json(const struct run *run, const struct vm_tlb_statistics *all,
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

/* ---- the command line ---- */

/* What was asked for. */
struct wish {
	const char *lackey, *binary, *tlb, *picture, *written;
	uint64_t page_bytes, tau;
	enum vm_tlb_counting counting;
	bool has_curve, is_json;
};

static const struct vm_geometry *page_machine(struct argument_scan *scan, uint64_t page_bytes)
{
	static const struct vm_geometry large = {
		.name = "x86-64 of 2 MiB pages",
		.page_bytes = 2 << 20,
		.page_shift = 21,
		.va_bits = 48,
		.pa_bits = 52,
		.level_count = 3,
		.bits = {9, 9, 9},
		.pte_bytes = 8,
		.size_count = 1,
		.is_canonical = true,
	};

	switch (page_bytes) {
	case 4 << 10:
		return vm_geometry_find("x86-64");
	case 16 << 10:
		return vm_geometry_find("aarch64-16k");
	case 64 << 10:
		return vm_geometry_find("aarch64-64k");
	case 2 << 20:
		return &large;
	default:
		argument_refuse(scan, NULL, "--page: 4k, 16k, 64k or 2m, not %" PRIu64, page_bytes);
		return NULL;
	}
}

static void option_take(struct argument_scan *scan, const char *name, struct wish *wish)
{
	if (strcmp(name, "lackey") == 0)
		wish->lackey = scan->value;
	else if (strcmp(name, "bin") == 0)
		wish->binary = scan->value;
	else if (strcmp(name, "tlb") == 0)
		wish->tlb = scan->value;
	else if (strcmp(name, "svg") == 0)
		wish->picture = scan->value;
	else if (strcmp(name, "write") == 0)
		wish->written = scan->value;
	else if (strcmp(name, "curve") == 0)
		wish->has_curve = true;
	else if (strcmp(name, "json") == 0)
		wish->is_json = true;
	else if (strcmp(name, "count") == 0 && strcmp(scan->value, "references") == 0)
		wish->counting = VM_TLB_COUNT_REFERENCES;
	else if (strcmp(name, "count") == 0 && strcmp(scan->value, "pages") != 0)
		argument_refuse(scan, NULL, "--count: pages or references, not '%s'", scan->value);
	else if ((strcmp(name, "page") == 0 && !vm_number_parse(scan->value, &wish->page_bytes)) ||
		 (strcmp(name, "tau") == 0 &&
		  (!vm_number_parse(scan->value, &wish->tau) || wish->tau == 0)))
		argument_refuse(scan, NULL, "--%s: '%s' is no number above 0", name, scan->value);
}

static bool run_make(struct argument_scan *scan, const struct wish *wish, struct run *run)
{
	struct vm_tlb_conf conf;

	*run = (struct run){
		.command = scan->command->name,
		.path = wish->lackey != NULL ? wish->lackey : wish->binary,
		.has_tlb = wish->tlb != NULL || !wish->has_curve,
		.has_curve = wish->has_curve || wish->picture != NULL,
		.tau = wish->tau,
		.page = VM_NO_PAGE,
		.curve_room = PAGES_FIRST,
		.working_room = PAGES_FIRST,
	};
	run->geometry = page_machine(scan, wish->page_bytes);
	if (run->geometry == NULL ||
	    !vm_tlb_parse(scan, wish->tlb != NULL ? wish->tlb : "skylake", run->geometry, &conf))
		return false;
	run->flat.geometry = run->geometry;
	conf.context = &run->flat;
	conf.counting = wish->counting;
	size_t bytes = vm_tlb_bytes(&conf);
	vm_tlb_init(&run->tlb, vm_memory(bytes), bytes, &conf, NULL, 0);
	vm_curve_init(&run->curve, vm_memory(vm_curve_bytes(PAGES_FIRST)), PAGES_FIRST);
	run->changes = vm_memory(CHANGES_MAX * sizeof(*run->changes));
	if (run->tau > 0)
		vm_working_init(&run->working, vm_memory(vm_working_bytes(PAGES_FIRST)),
				PAGES_FIRST, run->tau);
	return true;
}

/* Say what system call failed on which file. */
static int file_failed(const struct run *run, const char *path)
{
	notice_write(run->command, "%s: %s", path, strerror(errno));
	return STATUS_FAILURE;
}

static int trace_read(struct run *run, const struct wish *wish)
{
	bool is_standard = strcmp(run->path, "-") == 0;
	FILE *file = is_standard ? stdin : fopen(run->path, "re");
	uint8_t header[VM_TRACE_HEADER_BYTES];

	if (file == NULL)
		return file_failed(run, run->path);
	if (wish->written != NULL) {
		run->written = fopen(wish->written, "we");
		if (run->written == NULL)
			return file_failed(run, wish->written);
		vm_trace_header_write(header);
		fwrite(header, 1, sizeof(header), run->written);
	}
	if (wish->lackey != NULL)
		lackey_read(run, file);
	else
		binary_read(run, file);
	if (ferror(file))
		return file_failed(run, run->path);
	repeats_account(run);
	if (run->written != NULL) {
		block_write(run);
		if (fclose(run->written) != 0)
			return file_failed(run, wish->written);
	}
	return STATUS_OK;
}

static int results_write(struct run *run, const struct wish *wish)
{
	struct vm_tlb_statistics all;
	struct row rows[ROWS_MAX];
	size_t row_count = 0;
	bool has_all = false;

	vm_tlb_statistics(&run->tlb, &all);
	if (run->has_curve)
		row_count = rows_make(run, rows, &has_all);
	if (wish->is_json) {
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
	if (wish->picture != NULL && !picture_draw(wish->picture, rows, row_count, has_all))
		return file_failed(run, wish->picture);
	return run->is_damaged ? STATUS_DAMAGED : STATUS_OK;
}

int vm_trace_main(int argc, char **argv)
{
	struct wish wish = {.page_bytes = 4096};
	const struct command_option *option;
	struct argument_scan scan;
	static struct run run;

	argument_init(&scan, &command_vm_trace, argc, argv);
	while ((option = argument_next(&scan)) != NULL)
		option_take(&scan, option->name, &wish);
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	if (scan.index < argc)
		return argument_refuse(&scan, NULL, "'%s' is one word too many", argv[scan.index]);
	if ((wish.lackey == NULL) == (wish.binary == NULL))
		return argument_refuse(&scan, NULL, "one trace: --lackey FILE or --bin FILE");
	if (!run_make(&scan, &wish, &run))
		return scan.status;
	int status = trace_read(&run, &wish);
	if (status == STATUS_OK)
		status = results_write(&run, &wish);
	if (!wish.is_json && status != STATUS_FAILURE)
		notice_next(scan.command->next);
	return status;
}
