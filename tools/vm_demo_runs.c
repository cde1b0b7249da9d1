/* SPDX-License-Identifier: MIT */
/*
 * Demonstrations that no script can show: TLBs, policies, machines of other kinds, the kernel's
 * own memory.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "vm_demo.h"
#include "vm_shared.h"

enum {
	TEXT_BYTES = 32,
};

/* ---- map-100mb ---- */

/* Write the areas there are; returns how many. */
static uint64_t areas_write(const char *title, const struct vm_space *space)
{
	struct vm_area_view view;
	uint64_t count = 0;
	printf("  %s\n", title);
	for (uint64_t at = 0; vm_area_next(space, at, &view); at = view.end) {
		if (view.flags & VM_AREA_FURNITURE)
			continue;
		printf("    %" PRIx64 "-%" PRIx64 " rw-p  %s\n", view.start, view.end,
		       vm_bytes_text(view.end - view.start));
		count++;
	}
	return count;
}

static bool map_show(const char *profile, const char *pages, uint64_t areas)
{
	static struct vm_play play; /* too large for a stack */
	struct script script;
	char text[SCRIPT_LINE_BYTES];
	snprintf(text, sizeof(text), "map B 4p rw private\nw B\nmap A %s rw private\n", pages);
	bool is_shown = demo_script_open(text, profile, &play, &script);
	if (is_shown) {
		printf("exact: model of %s, %s pages\n", profile, pages);
		vm_play_next(&play);
		vm_play_next(&play);
		areas_write("before", play.model.spaces[0]);
		vm_play_next(&play);
		is_shown = demo_expect("areas after it", areas_write("after", play.model.spaces[0]),
				       areas);
		vm_play_close(&play);
	}
	script_finish(&script);
	return is_shown;
}

bool demo_map_100mb(void)
{
	return map_show("linux-5.10", "25600p", 1) && map_show("linux-6.18", "25600p", 2) &&
	       map_show("linux-6.18", "25601p", 1);
}

/* ---- tlb-switch ---- */

enum {
	SWITCH_SPACES = 2,
	SWITCH_PAGES = 32,
	SWITCH_TURNS = 8,
};

/* Each space touches its pages in turn; how many walks that takes. False without memory. */
static bool turns_count(uint32_t asid_count, struct vm_tlb_statistics *out)
{
	struct vm_machine *machine = vm_machine_create(NULL);
	struct vm_space *spaces[SWITCH_SPACES];
	struct vm_processor processor;
	struct vm_tlb_conf conf = { 0 };
	uint64_t start[SWITCH_SPACES];
	if (machine == NULL || !vm_tlb_preset("skylake", &conf))
		return false;
	conf.asid_count = asid_count;
	conf.translate = vm_processor_translate;
	conf.context = &processor;
	size_t bytes = vm_tlb_bytes(&conf);
	void *memory = vm_memory(bytes);
	bool is_made = vm_tlb_init(&processor.tlb, memory, bytes, &conf, NULL, 0);
	vm_machine_watch(machine, vm_processor_invalidate, &processor);
	for (int i = 0; is_made && i < SWITCH_SPACES; i++) {
		struct vm_map_request request = { .bytes = SWITCH_PAGES * SCRIPT_PAGE_BYTES,
						  .protection = VM_PROT_READ | VM_PROT_WRITE,
						  .flags = VM_MAP_POPULATE };
		spaces[i] = vm_space_create(machine);
		is_made = spaces[i] != NULL;
		if (is_made)
			start[i] = vm_map(spaces[i], &request).value;
	}
	for (int turn = 0; is_made && turn < SWITCH_TURNS * SWITCH_SPACES; turn++) {
		int i = turn % SWITCH_SPACES;
		vm_processor_switch(&processor, spaces[i]);
		for (uint64_t page = 0; page < SWITCH_PAGES; page++)
			vm_processor_touch(&processor, start[i] + page * SCRIPT_PAGE_BYTES, 1,
					   VM_STORE);
	}
	vm_tlb_statistics(&processor.tlb, out);
	free(memory);
	vm_machine_destroy(machine);
	return is_made;
}

bool demo_tlb_switch(void)
{
	struct vm_tlb_statistics flushing, keeping;
	if (!turns_count(0, &flushing) || !turns_count(6, &keeping))
		return false;
	printf("exact: %d processes, %d pages each, %d turns each; TLBs of skylake, %" PRIu64
	       " accesses\n", SWITCH_SPACES, SWITCH_PAGES, SWITCH_TURNS,
	       flushing.accesses[VM_STORE]);
	printf("%-34s %8s %8s %8s\n", "", "switches", "flushed", "walks");
	printf("%-34s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n", "every switch flushes",
	       flushing.switches, flushing.flushed_entries, flushing.walks);
	printf("%-34s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n",
	       "entries carry 1 of 6 identifiers", keeping.switches, keeping.flushed_entries,
	       keeping.walks);
	return demo_expect("walks with flushes", flushing.walks, flushing.accesses[VM_STORE]) &&
	       demo_expect("walks without", keeping.walks, SWITCH_SPACES * SWITCH_PAGES);
}

/* ---- belady ---- */

static uint64_t faults_count(enum vm_policy_kind kind, uint32_t frames)
{
	static const uint64_t pages[] = { 1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5 };
	enum {
		COUNT = sizeof(pages) / sizeof(pages[0]),
	};
	struct vm_policy_conf conf = { .kind = kind, .frames = frames };
	struct vm_policy policy;
	size_t bytes = vm_policy_bytes(&conf);
	void *memory = vm_memory(bytes);
	vm_policy_init(&policy, memory, bytes, &conf, NULL, 0);
	for (size_t i = 0; i < COUNT; i++) {
		size_t next = i + 1;
		while (next < COUNT && pages[next] != pages[i])
			next++;
		vm_policy_access(&policy, pages[i], false, next < COUNT ? next : VM_NO_NEXT_USE,
				 NULL);
	}
	uint64_t faults = vm_policy_faults(&policy);
	free(memory);
	return faults;
}

bool demo_belady(void)
{
	static const enum vm_policy_kind kinds[] = { VM_POLICY_FIFO, VM_POLICY_LRU,
						     VM_POLICY_CLOCK, VM_POLICY_OPT };
	printf("exact: faults on the pages 1 2 3 4 1 2 5 1 2 3 4 5\n%-8s %9s %9s\n", "policy",
	       "3 frames", "4 frames");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		printf("%-8s %9" PRIu64 " %9" PRIu64 "\n", vm_policy_name(kinds[i]),
		       faults_count(kinds[i], 3), faults_count(kinds[i], 4));
	return demo_expect("FIFO with 3 frames", faults_count(VM_POLICY_FIFO, 3), 9) &&
	       demo_expect("FIFO with 4 frames", faults_count(VM_POLICY_FIFO, 4), 10);
}

/* ---- vmalloc ---- */

enum {
	KERNEL_FRAMES = 4096,
	LARGE_BYTES = 64 << 10,
	LARGE_PAGES = LARGE_BYTES / SCRIPT_PAGE_BYTES,
	SHOWN_PAGES = 4,
};

/* Lend every frame by itself and take every second one back: no two are free side by side. */
static void memory_fragment(struct vm_machine *machine)
{
	static uint64_t pages[KERNEL_FRAMES];
	size_t count = 0;
	while (count < KERNEL_FRAMES && (pages[count] = vm_kernel_pages(machine, 0)) != 0)
		count++;
	for (size_t i = 0; i < count; i++)
		if (pages[i] / SCRIPT_PAGE_BYTES % 2 == 0)
			vm_kfree(machine, pages[i]);
}

static void kernel_row(const struct vm_machine *machine, const char *operation, uint64_t address)
{
	struct vm_memory memory;
	struct vm_kernel_memory kernel;
	char text[TEXT_BYTES] = "no memory";
	vm_memory_get(machine, &memory);
	vm_kernel_memory_get(machine, &kernel);
	if (address != 0)
		snprintf(text, sizeof(text), "%#" PRIx64, address);
	printf("%-24s %-18s %12" PRIu64 " %15" PRIu64 " %7" PRIu64 "\n", operation, text,
	       memory.free_frames, memory.free_frames - memory.free_blocks[0], kernel.tables);
}

/* Frames behind the first pages; how many pages have their predecessor's neighbour. */
static uint64_t frames_write(const struct vm_machine *machine, uint64_t address)
{
	uint64_t neighbours = 0, before = 0;
	for (uint64_t i = 0; i < LARGE_PAGES; i++) {
		uint64_t at = address + i * SCRIPT_PAGE_BYTES;
		uint64_t frame = vm_kernel_frame(machine, at);
		if (i < SHOWN_PAGES)
			printf("  page %" PRIu64 " at %#" PRIx64 " is in frame %#" PRIx64 "\n",
			       i, at, frame);
		neighbours += i > 0 && frame == before + 1;
		before = frame;
	}
	printf("  and so on, %d pages\n", LARGE_PAGES);
	return neighbours;
}

bool demo_vmalloc(void)
{
	const struct vm_config config = { .frame_count = KERNEL_FRAMES };
	struct vm_machine *machine = vm_machine_create(&config);
	struct vm_kernel_memory kernel;
	if (machine == NULL)
		return demo_expect("machines", 0, 1);
	printf("exact: model of a machine of %d frames of 4 KiB\n%-24s %-18s %12s %15s %7s\n",
	       KERNEL_FRAMES, "operation", "address", "free frames", "with neighbours", "tables");
	memory_fragment(machine);
	uint64_t contiguous = vm_kmalloc(machine, LARGE_BYTES);
	kernel_row(machine, "kmalloc of 64 KiB", contiguous);
	uint64_t mapped = vm_vmalloc(machine, LARGE_BYTES);
	kernel_row(machine, "vmalloc of 64 KiB", mapped);
	uint64_t neighbours = mapped != 0 ? frames_write(machine, mapped) : 0;
	vm_vfree(machine, mapped);
	kernel_row(machine, "vfree", mapped);
	vm_kernel_memory_get(machine, &kernel);
	bool is_as_said = demo_expect("kmalloc in pieces of memory", contiguous, 0) &&
			  demo_expect("vmalloc that fails", mapped == 0, 0) &&
			  demo_expect("frames side by side", neighbours, 0) &&
			  demo_expect("tables that stay", kernel.tables, 3);
	vm_machine_destroy(machine);
	return is_as_said;
}

/* ---- notes100 ---- */

bool demo_notes100(void)
{
	struct vm_linear_entry entries[5] = { { 0 } };
	struct vm_linear table = { .geometry = vm_geometry_find("notes100"), .ptbr = entries,
				   .ptlr = 5 };
	static const uint64_t addresses[] = { 42, 150, 299, 300, 499, 500 };
	for (uint64_t i = 0; i < 3; i++)
		entries[i] = (struct vm_linear_entry){ .ppn = 5 + i, .is_valid = true,
						       .rights = VM_RIGHT_READ | VM_RIGHT_WRITE |
								 VM_RIGHT_USER };
	uint64_t first = 0;
	puts("exact: pages of 100 bytes, a table of 5 entries, of which 0 to 2 are at 5 to 7");
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct vm_translation out = { 0 };
		struct vm_split split;
		uint64_t va = addresses[i];
		vm_split(table.geometry, va, &split);
		printf("  VA %3" PRIu64 " = page %" PRIu64 " byte %2" PRIu64 "  ->  ", va,
		       split.vpn, split.vpo);
		bool is_there = vm_linear_translate(&table, va, VM_LOAD, true, &out);
		uint64_t pa = vm_join(table.geometry, out.ppn, split.vpo);
		if (i == 0)
			first = pa;
		if (is_there)
			printf("PA %" PRIu64 "\n", pa);
		else if (out.error & VM_ERROR_LIMIT)
			puts("fault: beyond the length of the table (PTLR)");
		else
			puts("fault: the entry is not valid");
	}
	return demo_expect("where byte 42 is", first, 542);
}
