/* SPDX-License-Identifier: MIT */
/*
 * Memory of the kernel: slabs go from list to list, nothing is lent twice, vmalloc does without
 * contiguous frames, and damage is found.
 */
#include "vm/kernel_memory.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "random.h"
#include "vm/page_table.h"

enum {
	PAGE_BYTES = 4096,
	FRAMES = 4096,
	MESSAGE_BYTES = 160,
	OBJECTS_MAX = 600,
	STEPS = 20000,
	CHECKED_EVERY = 50,
	SEED = 20250702,
};

static struct vm_machine *machine_make(uint64_t frames)
{
	const struct vm_config config = {.frame_count = frames};
	struct vm_machine *machine = vm_machine_create(&config);
	cr_assert_not_null(machine);
	return machine;
}

static void expect_whole(struct vm_machine *machine)
{
	char message[MESSAGE_BYTES];
	cr_assert(vm_check(machine, message, sizeof(message)), "%s", message);
}

static void expect_damaged(struct vm_machine *machine, const char *why)
{
	char message[MESSAGE_BYTES];
	cr_assert_not(vm_check(machine, message, sizeof(message)));
	cr_assert(strstr(message, why) != NULL, "%s", message);
}

static uint64_t free_frames(const struct vm_machine *machine)
{
	return machine->frames.free_count;
}

/* ---- layouts ---- */

/* Lines of /proc/slabinfo of Linux 6.18 with two processors: size, objects, pages. */
Test(kernel_memory, slabs_have_as_many_objects_as_the_kernels)
{
	static const uint32_t seen[][3] = {
		{8, 512, 1}, {96, 42, 1}, {192, 21, 1}, {256, 16, 1}, {312, 13, 1}, {416, 19, 2},
		{512, 16, 2}, {1024, 16, 4}, {2048, 16, 8}, {4096, 8, 8}, {8192, 4, 8},
	};
	for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
		struct vm_slab_cache_layout layout;
		cr_assert(vm_slab_cache_layout_get(seen[i][0], PAGE_BYTES, 2, &layout));
		cr_assert_eq(layout.objects, seen[i][1], "%u", seen[i][0]);
		cr_assert_eq(1u << layout.order, seen[i][2], "%u", seen[i][0]);
	}
}

/* Eight objects of 464 bytes fill a page but for 384, more than a sixteenth of it. */
Test(kernel_memory, a_slab_that_would_waste_much_is_larger)
{
	struct vm_slab_cache_layout layout;
	cr_assert(vm_slab_cache_layout_get(464, PAGE_BYTES, 1, &layout));
	cr_assert_eq(layout.order, 1);
	cr_assert_eq(layout.objects, 17);
}

Test(kernel_memory, an_impossible_layout_is_refused)
{
	struct vm_slab_cache_layout layout = {.order = 77};
	cr_assert_not(vm_slab_cache_layout_get(0, PAGE_BYTES, 2, &layout));
	cr_assert_not(vm_slab_cache_layout_get(8 << 20, PAGE_BYTES, 2, &layout));
	cr_assert_not(vm_slab_cache_layout_get(1, PAGE_BYTES * 16, 1, &layout));
	cr_assert_eq(layout.order, 77);
	cr_assert(vm_slab_cache_layout_get(1 << 20, PAGE_BYTES, 2, &layout));
	cr_assert_eq(layout.objects, 1);
}

/* ---- caches ---- */

Test(kernel_memory, slabs_go_from_list_to_list)
{
	struct vm_machine *machine = machine_make(FRAMES);
	struct vm_slab_cache *cache = vm_slab_cache_create(machine, "inode", 600, 0);
	struct vm_slab_cache_view view;
	uint64_t before = free_frames(machine), first = vm_slab_cache_take(cache), second, extra;
	vm_slab_cache_get(cache, &view);
	cr_assert_eq(view.partial, 1);
	for (uint32_t i = 1; i < view.layout.objects; i++)
		second = vm_slab_cache_take(cache);
	extra = vm_slab_cache_take(cache);
	vm_slab_cache_get(cache, &view);
	cr_assert_eq(view.full, 1);
	cr_assert_eq(view.partial, 1);
	cr_assert_eq(view.objects_lent, view.layout.objects + 1);
	/* An empty slab is used again before a new one is made. */
	cr_assert(vm_slab_cache_give(cache, extra));
	cr_assert_eq(vm_slab_cache_take(cache), extra);
	vm_slab_cache_get(cache, &view);
	cr_assert_eq(view.full + view.partial + view.empty, 2);
	/* The slab that has one free is used before the one that is empty. */
	cr_assert(vm_slab_cache_give(cache, second));
	cr_assert(vm_slab_cache_give(cache, extra));
	vm_slab_cache_get(cache, &view);
	cr_assert_eq(view.full, 0);
	cr_assert_eq(view.partial, 1);
	cr_assert_eq(view.empty, 1);
	cr_assert_eq(vm_slab_cache_take(cache), second);
	expect_whole(machine);
	cr_assert_not(vm_slab_cache_destroy(cache));
	cr_assert_eq(vm_slab_cache_shrink(cache), 1u << view.layout.order);
	cr_assert_eq(free_frames(machine), before - (1u << view.layout.order));
	cr_assert(vm_slab_cache_give(cache, first));
	expect_whole(machine);
	vm_machine_destroy(machine);
}

Test(kernel_memory, what_is_not_lent_cannot_be_given_back)
{
	struct vm_machine *machine = machine_make(FRAMES);
	struct vm_slab_cache *cache = vm_slab_cache_create(machine, "a", 96, 0);
	struct vm_slab_cache *other = vm_slab_cache_create(machine, "b", 96, 0);
	uint64_t object = vm_slab_cache_take(cache), foreign = vm_slab_cache_take(other);
	uint64_t pages = vm_kmalloc(machine, 3 * PAGE_BYTES);
	cr_assert_not(vm_slab_cache_give(cache, foreign));
	cr_assert_not(vm_slab_cache_give(cache, object + 8));
	cr_assert_not(vm_slab_cache_give(cache, object + 96));
	cr_assert_not(vm_slab_cache_give(cache, 0));
	cr_assert_not(vm_slab_cache_give(cache, UINT64_MAX));
	cr_assert_not(vm_kfree(machine, pages + PAGE_BYTES));
	cr_assert_not(vm_kfree(machine, pages + 1));
	cr_assert_not(vm_kfree(machine, 1));
	cr_assert(vm_slab_cache_give(cache, object));
	cr_assert_not(vm_slab_cache_give(cache, object));
	cr_assert(vm_kfree(machine, pages));
	cr_assert_not(vm_kfree(machine, pages));
	expect_whole(machine);
	vm_machine_destroy(machine);
}

Test(kernel_memory, kmalloc_rounds_to_its_classes)
{
	struct vm_machine *machine = machine_make(FRAMES);
	struct vm_kernel_memory memory;
	cr_assert_eq(vm_kmalloc(machine, 0), 0);
	cr_assert_neq(vm_kmalloc(machine, 65), 0);
	cr_assert_str_eq(vm_slab_cache_next(machine, NULL)->name, "kmalloc-96");
	cr_assert_neq(vm_kmalloc(machine, 129), 0);
	cr_assert_str_eq(vm_slab_cache_next(machine, NULL)->name, "kmalloc-192");
	cr_assert_neq(vm_kmalloc(machine, 8192), 0);
	cr_assert_str_eq(vm_slab_cache_next(machine, NULL)->name, "kmalloc-8k");
	cr_assert_neq(vm_kmalloc(machine, 8193), 0);
	vm_kernel_memory_get(machine, &memory);
	cr_assert_eq(memory.pages, 4);
	cr_assert_eq(memory.slabs, 1 + 1 + 8);
	cr_assert_eq(vm_kmalloc(machine, (uint64_t)PAGE_BYTES << VM_ORDERS), 0);
	expect_whole(machine);
	vm_machine_destroy(machine);
}

Test(kernel_memory, empty_slabs_go_when_frames_are_short)
{
	struct vm_machine *machine = machine_make(64);
	struct vm_slab_cache *cache = vm_slab_cache_create(machine, "a", 512, 0);
	uint64_t object = vm_slab_cache_take(cache);
	while (vm_kernel_pages(machine, 0) != 0)
		;
	cr_assert(vm_slab_cache_give(cache, object));
	cr_assert_eq(free_frames(machine), 0);
	cr_assert_neq(vm_kernel_pages(machine, 0), 0);
	expect_whole(machine);
	vm_machine_destroy(machine);
}

/* A block is seen as it was lent, and what is left of the larger one it was cut from is free. */
Test(kernel_memory, blocks_are_seen_as_they_were_lent)
{
	struct vm_machine *machine = machine_make(64);
	uint64_t pages = vm_kernel_pages(machine, 3), frame = vm_kernel_frame(machine, pages);
	struct vm_block_view block;
	cr_assert(vm_block_next(machine, frame, &block));
	cr_assert_eq(block.frame, frame);
	cr_assert_eq(block.order, 3);
	cr_assert_eq(block.use, VM_BLOCK_KERNEL);
	cr_assert(vm_block_next(machine, frame + 1, &block));
	cr_assert_eq(block.frame, frame + 8);
	cr_assert_eq(block.use, VM_BLOCK_FREE);
	cr_assert_not(vm_block_next(machine, 64, &block));
	vm_machine_destroy(machine);
}

/* ---- vmalloc ---- */

/* Every second frame is lent: no two are free side by side. */
static void fragment(struct vm_machine *machine)
{
	static uint64_t pages[FRAMES];
	size_t count = 0;
	while ((pages[count] = vm_kernel_pages(machine, 0)) != 0)
		count++;
	for (size_t i = 0; i < count; i++) {
		if (pages[i] / PAGE_BYTES % 2 == 0)
			cr_assert(vm_kfree(machine, pages[i]));
	}
}

Test(kernel_memory, vmalloc_does_without_contiguous_frames)
{
	struct vm_machine *machine = machine_make(FRAMES);
	cr_assert_neq(vm_kmalloc(machine, 8), 0);
	fragment(machine);
	uint64_t before = free_frames(machine);
	cr_assert_gt(before, 1000);
	cr_assert_eq(vm_kmalloc(machine, (uint64_t)PAGE_BYTES << 4), 0);
	uint64_t area = vm_vmalloc(machine, (uint64_t)PAGE_BYTES << 4);
	cr_assert_eq(area, 0xffffc90000000000);
	struct vm_kernel_memory memory;
	vm_kernel_memory_get(machine, &memory);
	cr_assert_eq(memory.vmalloc, 16);
	cr_assert_eq(memory.tables, 3);
	cr_assert_eq(free_frames(machine), before - 16 - 3);
	cr_assert_neq(vm_kernel_frame(machine, area + PAGE_BYTES),
		      vm_kernel_frame(machine, area) + 1);
	expect_whole(machine);
	cr_assert(vm_vfree(machine, area));
	cr_assert_not(vm_vfree(machine, area));
	cr_assert_eq(free_frames(machine), before - 3);
	expect_whole(machine);
	vm_machine_destroy(machine);
}

Test(kernel_memory, areas_are_placed_low_with_a_page_between)
{
	struct vm_machine *machine = machine_make(FRAMES);
	uint64_t a = vm_vmalloc(machine, 1), b = vm_vmalloc(machine, 3 * PAGE_BYTES);
	uint64_t c = vm_vmalloc(machine, PAGE_BYTES);
	struct vm_vmalloc_view view;
	cr_assert_eq(b, a + 2 * PAGE_BYTES);
	cr_assert_eq(c, b + 4 * PAGE_BYTES);
	cr_assert_eq(vm_kernel_frame(machine, a + PAGE_BYTES), 0);
	cr_assert(vm_vfree(machine, b));
	cr_assert_eq(vm_vmalloc(machine, 4 * PAGE_BYTES), c + 2 * PAGE_BYTES);
	cr_assert_eq(vm_vmalloc(machine, 3 * PAGE_BYTES), b);
	cr_assert(vm_vmalloc_next(machine, a + 1, &view));
	cr_assert_eq(view.address, b);
	cr_assert_eq(view.pages, 3);
	expect_whole(machine);
	vm_machine_destroy(machine);
}

Test(kernel_memory, a_vmalloc_that_fails_is_undone)
{
	struct vm_machine *machine = machine_make(64);
	cr_assert_neq(vm_vmalloc(machine, 1), 0);
	uint64_t before = free_frames(machine);
	cr_assert_eq(vm_vmalloc(machine, 61 * PAGE_BYTES), 0);
	cr_assert_eq(vm_vmalloc(machine, UINT64_MAX), 0);
	cr_assert_eq(vm_vmalloc(machine, 0), 0);
	cr_assert_eq(free_frames(machine), before);
	expect_whole(machine);
	vm_machine_destroy(machine);
}

Test(kernel_memory, other_machines_have_none)
{
	const struct vm_config config = {.geometry = vm_geometry_find("aarch64-4k")};
	struct vm_machine *machine = vm_machine_create(&config);
	cr_assert_eq(vm_kmalloc(machine, 64), 0);
	cr_assert_eq(vm_vmalloc(machine, 64), 0);
	cr_assert_not(vm_kfree(machine, 64));
	cr_assert_null(vm_slab_cache_create(machine, "a", 64, 0));
	expect_whole(machine);
	vm_machine_destroy(machine);
}

/* ---- at random ---- */

struct lent {
	uint64_t address, bytes;
	bool is_virtual;
};

/* Nothing lent overlaps anything lent. */
static void expect_apart(const struct lent *lent, size_t count, const struct lent *one)
{
	for (size_t i = 0; i < count; i++)
		cr_assert(one->address >= lent[i].address + lent[i].bytes ||
			  lent[i].address >= one->address + one->bytes);
}

Test(kernel_memory, at_random_nothing_overlaps_and_nothing_is_lost)
{
	struct random_source random = {.state = SEED};
	printf("# seed %d\n", SEED);
	struct vm_machine *machine = machine_make(512);
	static struct lent lent[OBJECTS_MAX];
	size_t count = 0, refused = 0;
	uint64_t whole = free_frames(machine);
	for (int step = 0; step < STEPS; step++) {
		if (count > 0 && (count == OBJECTS_MAX || random_below(&random, 100) < 48)) {
			size_t which = random_below(&random, count);
			cr_assert(lent[which].is_virtual ? vm_vfree(machine, lent[which].address)
							 : vm_kfree(machine, lent[which].address));
			lent[which] = lent[--count];
		} else {
			struct lent one = {.is_virtual = random_below(&random, 4) == 0};
			size_t bytes_max = (size_t)8 << random_below(&random, 14);
			one.bytes = 1 + random_below(&random, bytes_max);
			one.address = one.is_virtual ? vm_vmalloc(machine, one.bytes)
						     : vm_kmalloc(machine, one.bytes);
			if (one.address == 0) {
				refused++;
				continue;
			}
			expect_apart(lent, count, &one);
			lent[count++] = one;
		}
		if (step % CHECKED_EVERY == 0)
			expect_whole(machine);
	}
	cr_assert_gt(refused, 0);
	while (count > 0) {
		count--;
		cr_assert(lent[count].is_virtual ? vm_vfree(machine, lent[count].address)
						 : vm_kfree(machine, lent[count].address));
	}
	while (vm_slab_cache_next(machine, NULL) != NULL)
		cr_assert(vm_slab_cache_destroy(vm_slab_cache_next(machine, NULL)));
	expect_whole(machine);
	/* The top table, which is made first, and those below it stay. */
	struct vm_kernel_memory memory;
	vm_kernel_memory_get(machine, &memory);
	cr_assert_eq(free_frames(machine), whole - 1 - memory.tables);
	vm_machine_destroy(machine);
}

/* ---- damage ---- */

Test(kernel_memory, damage_is_found)
{
	struct vm_machine *machine = machine_make(FRAMES);
	struct vm_slab_cache *cache = vm_slab_cache_create(machine, "a", 512, 0);
	vm_slab_cache_take(cache);
	vm_slab_cache_take(cache);
	uint64_t area = vm_vmalloc(machine, PAGE_BYTES);
	struct slab *slab = cache->lists[SLAB_PARTIAL];
	expect_whole(machine);

	slab->lent++;
	expect_damaged(machine, "objects are miscounted");
	slab->lent--;
	uint16_t first = slab->free;
	slab->free = 0;
	expect_damaged(machine, "a lent object is on the chain");
	slab->free = first;
	cache->counts[SLAB_FULL]++;
	expect_damaged(machine, "a list of slabs is miscounted");
	cache->counts[SLAB_FULL]--;
	cache->lists[SLAB_PARTIAL] = NULL;
	cache->lists[SLAB_FULL] = slab;
	expect_damaged(machine, "not on the list its count says");
	cache->lists[SLAB_FULL] = NULL;
	cache->lists[SLAB_PARTIAL] = slab;
	uint64_t *entry = table_entry(&machine->kernel->tables, area, 0, false);
	entry[1] = entry[0];
	expect_damaged(machine, "a guard page");
	entry[1] = 0;
	frame_take(&machine->frames, 0, FRAME_KERNEL);
	expect_damaged(machine, "frames are lent to the kernel");
	vm_machine_destroy(machine);
}
