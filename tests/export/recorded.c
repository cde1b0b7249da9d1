/* SPDX-License-Identifier: MIT */
/*
 * A program that writes a raw trace of itself: its own modules, stacks of functions whose names
 * are known, and allocations drawn at random. It keeps books in the plainest way, and prints what
 * an export must say: a line "name value" each.
 *
 * usage: recorded TRACE [EVENTS]
 */
#include <inttypes.h>
#include <link.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain.h"
#include "random.h"
#include "raw_trace.h"

enum {
	EVENTS = 20000,
	BLOCKS_MAX = 300,
	THREADS = 2,
	NS_A_STEP = 2000000,
	PATH_BYTES = 4096,
	ADDRESS_STEP = 1 << 23,
	SPIKE_AFTER = 601,    /* allocations */
	SPIKE_BYTES = 2000000,
	ALIGN_MAX = 6,
	TAG_BYTES = 8,        /* as in the header of the trace */
	PAGE_BYTES = 4096,
	OFFSET = 64,          /* of blocks in their pages, so that tags are on the same page */
};

struct book {
	struct raw_block blocks[BLOCKS_MAX];
	uint64_t allocations, allocated_bytes, resizes, frees, aligned;
	uint64_t live_bytes, live_blocks;
	uint64_t peak_bytes, peak_blocks, peak_slack, peak_of_chain, peak_of_none;
	uint64_t peak_pages, peak_pinned; /* no page has two blocks on it */
	uint64_t ticks;
};

/* ---- where we are ------------------------------------------------------------------------- */

static inline __attribute__((always_inline)) void helper(struct chain *chain)
{
	shape_enter(chain);
	__asm__ volatile("");
}

__attribute__((noinline)) static void outer(struct chain *chain)
{
	chain_note(chain, __builtin_return_address(0));
	helper(chain);
	__asm__ volatile("");
}

static jmp_buf back;

__attribute__((noinline, noreturn)) static void leap(struct chain *chain)
{
	chain_note(chain, __builtin_return_address(0));
	longjmp(back, 1);
}

/* Its last instruction is a call, so that where that returns to is outside of it. */
__attribute__((noinline, noreturn)) static void leaver(struct chain *chain)
{
	leap(chain);
}

/* Frames of the chain; the innermost one's number. */
static uint32_t frames_write(struct raw_trace *raw, const struct chain *chain)
{
	for (uint32_t i = 0; i < chain->count; i++)
		raw_trace_frame(raw, 0, i + 1, i, chain->addresses[i]);
	return (uint32_t)chain->count;
}

static void build_id_find(struct raw_module *module, const char *notes, size_t bytes)
{
	for (size_t at = 0; at + sizeof(ElfW(Nhdr)) <= bytes;) {
		const ElfW(Nhdr) *note = (const void *)(notes + at);
		const char *name = (const char *)(note + 1);
		size_t name_bytes = (note->n_namesz + 3) & ~UINT32_C(3);

		if (note->n_type == NT_GNU_BUILD_ID && strcmp(name, "GNU") == 0 &&
		    note->n_descsz <= sizeof(module->build_id)) {
			memcpy(module->build_id, name + name_bytes, note->n_descsz);
			module->build_id_bytes = note->n_descsz;
		}
		at += sizeof(*note) + name_bytes + ((note->n_descsz + 3) & ~UINT32_C(3));
	}
}

static int module_write(struct dl_phdr_info *info, size_t size, void *context)
{
	struct raw_module module = { .begin = UINT64_MAX, .bias = info->dlpi_addr };
	char path[PATH_BYTES] = "";

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uint64_t begin = info->dlpi_addr + part->p_vaddr;

		if (part->p_type == PT_NOTE)
			build_id_find(&module, (const char *)begin, part->p_memsz);
		if (part->p_type == PT_LOAD && begin < module.begin)
			module.begin = begin;
		if (part->p_type == PT_LOAD && begin + part->p_memsz > module.end)
			module.end = begin + part->p_memsz;
	}
	if (info->dlpi_name[0] != '\0')
		snprintf(path, sizeof(path), "%s", info->dlpi_name);
	else if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
		return 1;
	raw_trace_module(context, 0, 0, &module, path);
	return 0;
}

/* ---- what happens ------------------------------------------------------------------------- */

static void peak_note(struct book *book, uint32_t chain_stack)
{
	if (book->live_bytes <= book->peak_bytes)
		return;
	book->peak_bytes = book->live_bytes;
	book->peak_blocks = book->peak_slack = book->peak_of_chain = 0;
	book->peak_of_none = book->peak_pages = book->peak_pinned = 0;
	for (int i = 0; i < BLOCKS_MAX; i++) {
		const struct raw_block *block = &book->blocks[i];

		if (block->address == 0)
			continue;
		book->peak_blocks++;
		book->peak_slack += block->usable_bytes - block->bytes;
		uint64_t begin = block->address - (block->place == TRACE_IN_BLOCK ? TAG_BYTES : 0);
		uint64_t end = block->address + block->usable_bytes;
		uint64_t pages = (end - 1) / PAGE_BYTES - begin / PAGE_BYTES + 1;
		book->peak_pages += pages;
		book->peak_pinned += pages * PAGE_BYTES - (end - begin);
		if (block->stack == chain_stack)
			book->peak_of_chain += block->bytes;
		if (block->stack == 0)
			book->peak_of_none += block->bytes;
	}
}

/* One of: none, the chain, the leaver, whose frame comes behind the chain's. */
static uint32_t stack_draw(struct random_source *random, uint32_t chain_stack)
{
	uint64_t number = random_below(random, 6);

	return number < 2 ? 0 : number < 3 ? chain_stack + 1 : chain_stack;
}

static struct raw_block block_draw(struct random_source *random, int slot, uint32_t chain_stack)
{
	uint64_t bytes = random_below(random, 20) == 0 ? random_below(random, 200000)
						       : random_below(random, 600);
	bool is_aligned = random_below(random, 10) == 0;

	return (struct raw_block){
		.address = UINT64_C(0x7f0000000000) + (uint64_t)(slot + 1) * ADDRESS_STEP + OFFSET,
		.bytes = bytes,
		.usable_bytes = bytes + random_between(random, 1, 16),
		.stack = stack_draw(random, chain_stack),
		.place = random_below(random, 2) == 0 ? TRACE_IN_SLAB : TRACE_IN_BLOCK,
		.call = is_aligned ? TRACE_ALIGNED : TRACE_MALLOC,
		.align_log2 = is_aligned ? ALIGN_MAX : 4,
	};
}

static void block_come(struct book *book, struct raw_block block, int slot)
{
	book->blocks[slot] = block;
	book->allocations++;
	book->allocated_bytes += block.bytes;
	book->aligned += block.align_log2 > 4;
	book->live_bytes += block.bytes;
	book->live_blocks++;
}

static void block_go(struct book *book, int slot)
{
	book->live_bytes -= book->blocks[slot].bytes;
	book->live_blocks--;
	book->blocks[slot].address = 0;
}

static void event_draw(struct book *book, struct raw_trace *raw, struct random_source *random,
		       uint32_t chain_stack)
{
	int slot = (int)random_below(random, BLOCKS_MAX);
	uint32_t thread = (uint32_t)random_below(random, THREADS);
	uint64_t address = book->blocks[slot].address;
	struct raw_block block = block_draw(random, slot, chain_stack);

	book->ticks += random_between(random, 1000, NS_A_STEP);
	/* Once, early, much more than ever again: a peak that could get lost. */
	if (address == 0 && book->allocations == SPIKE_AFTER) {
		block.bytes = SPIKE_BYTES;
		block.usable_bytes = SPIKE_BYTES + 1;
	}
	if (address == 0) {
		raw_trace_allocate(raw, thread, book->ticks, &block);
		block_come(book, block, slot);
	} else if (random_below(random, 3) == 0) {
		raw_trace_resize(raw, thread, book->ticks, address, &block);
		block_go(book, slot);
		block_come(book, block, slot);
		book->resizes++;
	} else {
		raw_trace_free(raw, thread, book->ticks, address);
		block_go(book, slot);
		book->frees++;
	}
	peak_note(book, chain_stack);
}

static void sample_write(struct book *book, struct raw_trace *raw)
{
	const struct trace_run runs[] = {
		{ UINT64_C(0x7f0000000000), 1 << 22, TRACE_USE_HEAP },
		{ UINT64_C(0x7f1000000000), 1 << 14, TRACE_USE_METADATA },
	};
	struct trace_sample sample = {
		.resident_bytes = 9 << 20, .resident_bytes_peak = 11 << 20, .minor_faults = 1234,
		.runs = runs, .run_count = 2, .has_runs = true,
	};

	raw_trace_sample(raw, 0, book->ticks, &sample);
}

static void tell(const struct book *book)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{ "allocations", book->allocations }, { "allocated_bytes", book->allocated_bytes },
		{ "resizes", book->resizes }, { "frees", book->frees },
		{ "aligned", book->aligned }, { "live_bytes", book->live_bytes },
		{ "live_blocks", book->live_blocks }, { "peak_bytes", book->peak_bytes },
		{ "peak_blocks", book->peak_blocks }, { "peak_slack", book->peak_slack },
		{ "peak_of_chain", book->peak_of_chain }, { "peak_of_none", book->peak_of_none },
		{ "peak_pages", book->peak_pages },
		{ "peak_pinned", book->peak_pinned },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		printf("%s %" PRIu64 "\n", rows[i].name, rows[i].value);
}

int main(int argc, char **argv)
{
	struct raw_trace *raw = raw_trace_create();
	struct random_source random = { 5 };
	struct chain chain = { .count = 0 }, leaving = { .count = 0 };
	struct book book = { .ticks = 0 };
	int events = argc > 2 ? atoi(argv[2]) : EVENTS;

	outer(&chain);
	if (setjmp(back) == 0)
		leaver(&leaving);
	dl_iterate_phdr(module_write, raw);
	uint32_t stack = frames_write(raw, &chain);
	raw_trace_frame(raw, 0, stack + 1, 0, leaving.addresses[0]);
	/* Older than the recording: nobody knows what it was. */
	raw_trace_free(raw, 0, 1, 0x10000);
	for (int i = 0; i < events; i++) {
		event_draw(&book, raw, &random, stack);
		if (i % 500 == 0)
			sample_write(&book, raw);
	}
	raw_trace_mark(raw, 0, book.ticks, "half a \"mark\"");
	tell(&book);
	bool is_written = argc > 1 && raw_trace_write(raw, argv[1]);
	raw_trace_destroy(raw);
	return is_written ? 0 : 1;
}
