/* SPDX-License-Identifier: MIT */
/*
 * allot vm trace: what TLBs, frames and working sets make of the accesses of a program. Options
 * and reading; vm_trace_results.c writes what came of it.
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

#include "notice.h"
#include "vm_shared.h"
#include "vm_trace.h"

enum {
	INPUT_BYTES = 1 << 20,
	ACCESSES = 1 << 14,
	PAGES_FIRST = 1 << 12,
};

static_assert((int)ACCESSES >= (int)VM_TRACE_BLOCK_ACCESSES, "a block fits");

/* ---- pages ---- */

static void curve_add(struct trace_run *run)
{
	while (!vm_curve_add(&run->curve, run->page, run->repeat_count)) {
		void *old = run->curve.state;

		run->curve_room *= 2;
		vm_curve_move(&run->curve, vm_memory(vm_curve_bytes(run->curve_room)),
			      run->curve_room);
		free(old);
	}
	if (run->change_count < TRACE_CHANGES_MAX)
		run->changes[run->change_count] = run->page;
	run->change_count++;
}

static void working_add(struct trace_run *run)
{
	while (!vm_working_add(&run->working, run->page, run->repeat_count)) {
		void *old = run->working.state;

		run->working_room *= 2;
		vm_working_move(&run->working, vm_memory(vm_working_bytes(run->working_room)),
				run->working_room);
		free(old);
	}
}

static void repeats_account(struct trace_run *run)
{
	if (run->repeat_count == 0)
		return;
	if (run->has_curve)
		curve_add(run);
	if (run->tau > 0)
		working_add(run);
	run->repeat_count = 0;
}

static void page_use(struct trace_run *run, uint64_t page)
{
	if (page != run->page) {
		repeats_account(run);
		run->page = page;
	}
	run->repeat_count++;
}

static void pages_use(struct trace_run *run, const struct vm_access *accesses, size_t count)
{
	unsigned shift = run->geometry->page_shift;

	for (size_t i = 0; i < count; i++) {
		uint64_t last = (accesses[i].va + accesses[i].bytes - 1) >> shift;

		for (uint64_t page = accesses[i].va >> shift; page <= last; page++)
			page_use(run, page);
	}
}

/* ---- reading ---- */

static void block_write(struct trace_run *run)
{
	static uint8_t block[VM_TRACE_BLOCK_BYTES_MAX];

	if (run->pending_count == 0)
		return;
	size_t bytes = vm_trace_block_write(run->pending, run->pending_count, 0, block);
	fwrite(block, 1, bytes, run->written);
	run->pending_count = 0;
}

static void accesses_take(struct trace_run *run, const struct vm_access *accesses, size_t count)
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

static void damage_write(struct trace_run *run, const char *unit, uint64_t where,
			 const char *expected)
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

static void lackey_read(struct trace_run *run, FILE *file)
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

static void binary_read(struct trace_run *run, FILE *file)
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

static bool run_make(struct argument_scan *scan, const struct wish *wish, struct trace_run *run)
{
	struct vm_tlb_conf conf;

	*run = (struct trace_run){
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
	run->changes = vm_memory(TRACE_CHANGES_MAX * sizeof(*run->changes));
	if (run->tau > 0)
		vm_working_init(&run->working, vm_memory(vm_working_bytes(PAGES_FIRST)),
				PAGES_FIRST, run->tau);
	return true;
}

static int trace_read(struct trace_run *run, const struct wish *wish)
{
	bool is_standard = strcmp(run->path, "-") == 0;
	FILE *file = is_standard ? stdin : fopen(run->path, "re");
	uint8_t header[VM_TRACE_HEADER_BYTES];

	if (file == NULL)
		return vm_trace_file_failed(run, run->path);
	if (wish->written != NULL) {
		run->written = fopen(wish->written, "we");
		if (run->written == NULL)
			return vm_trace_file_failed(run, wish->written);
		vm_trace_header_write(header);
		fwrite(header, 1, sizeof(header), run->written);
	}
	if (wish->lackey != NULL)
		lackey_read(run, file);
	else
		binary_read(run, file);
	if (ferror(file))
		return vm_trace_file_failed(run, run->path);
	repeats_account(run);
	if (run->written != NULL) {
		block_write(run);
		if (fclose(run->written) != 0)
			return vm_trace_file_failed(run, wish->written);
	}
	return STATUS_OK;
}

int vm_trace_main(int argc, char **argv)
{
	struct wish wish = {.page_bytes = 4096};
	const struct command_option *option;
	struct argument_scan scan;
	static struct trace_run run;

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
		status = vm_trace_results_write(&run, wish.is_json, wish.picture);
	if (!wish.is_json && status != STATUS_FAILURE)
		notice_next(scan.command->next);
	return status;
}
