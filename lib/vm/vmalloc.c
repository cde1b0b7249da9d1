/* SPDX-License-Identifier: MIT */
/*
 * Memory of the kernel that is contiguous in addresses only (mm/vmalloc.c in Linux), and what all
 * memory of the kernel shares: where it is, what is short, and proving it.
 *
 * The kernel has one set of tables for its half of every address space; here it is a space of
 * which only the tables are used. They are made on demand and kept, as Linux keeps them.
 */
#include "vm/kernel_memory.h"

#include "base/compiler.h"
#include "base/text.h"
#include "vm/page_table.h"

/* Documentation/arch/x86/x86_64/mm.rst. */
static const struct {
	const char *geometry;
	uint64_t direct_start, vmalloc_start, vmalloc_end;
} layouts[] = {
	{"x86-64", 0xffff888000000000, 0xffffc90000000000, 0xffffe90000000000},
	{"x86-64-la57", 0xff11000000000000, 0xffa0000000000000, 0xffd2000000000000},
};

enum {
	GUARD_PAGES = 1,
	LAYOUT_NONE = -1,
};

static int layout_find(const struct vm_geometry *geometry)
{
	for (size_t i = 0; i < ARRAY_LEN(layouts); i++) {
		if (string_equal(geometry->name, layouts[i].geometry))
			return (int)i;
	}
	return LAYOUT_NONE;
}

struct kernel_memory *kernel_memory_of(struct vm_machine *machine)
{
	int layout = layout_find(machine->geometry);
	if (machine->kernel != NULL || layout == LAYOUT_NONE)
		return machine->kernel;
	struct kernel_memory *memory = pool_take(&machine->pool, sizeof(*memory));
	if (memory == NULL)
		return NULL;
	memory->direct_start = layouts[layout].direct_start;
	memory->vmalloc_start = layouts[layout].vmalloc_start;
	memory->vmalloc_end = layouts[layout].vmalloc_end;
	memory->tables.machine = machine;
	if (!table_root_make(&memory->tables)) {
		pool_give(&machine->pool, memory, sizeof(*memory));
		return NULL;
	}
	machine->kernel = memory;
	return memory;
}

uint32_t kernel_frame_take(struct vm_machine *machine, unsigned order, enum frame_use use)
{
	uint32_t head = frame_take(&machine->frames, order, use);
	struct vm_slab_cache *cache = machine->kernel->caches;
	uint64_t frames = 0;
	if (head != FRAME_NONE)
		return head;
	for (; cache != NULL; cache = cache->next)
		frames += vm_slab_cache_shrink(cache);
	return frames > 0 ? frame_take(&machine->frames, order, use) : FRAME_NONE;
}

/* ---- areas ---- */

/* Unmap the first `pages` of [start, ...) and give their frames back. */
static void pages_free(struct vm_machine *machine, uint64_t start, uint64_t pages)
{
	for (uint64_t i = 0; i < pages; i++) {
		uint64_t address = start + i * machine->geometry->page_bytes;
		uint64_t *entry = table_entry(&machine->kernel->tables, address, 0, false);
		frame_give(&machine->frames, entry_frame(*entry));
		*entry = 0;
	}
	machine->kernel->vmalloc_count -= pages;
}

static bool page_map(struct vm_machine *machine, uint64_t address)
{
	uint64_t *entry = table_entry(&machine->kernel->tables, address, 0, true);
	uint32_t frame = entry != NULL ? kernel_frame_take(machine, 0, FRAME_VMALLOC) : FRAME_NONE;
	if (frame == FRAME_NONE)
		return false;
	*entry = entry_make(frame, ENTRY_PRESENT | ENTRY_WRITE | ENTRY_ACCESSED | ENTRY_DIRTY |
			    ENTRY_NO_EXEC);
	machine->kernel->vmalloc_count++;
	return true;
}

/* The lowest hole for so many pages and their guard; *out_link is where the area belongs. */
static bool hole_find(struct vm_machine *machine, uint64_t pages, uint64_t *out_start,
		      struct vmalloc_area ***out_link)
{
	struct kernel_memory *memory = machine->kernel;
	const uint64_t page_bytes = machine->geometry->page_bytes;
	uint64_t start = memory->vmalloc_start;
	struct vmalloc_area **link = &memory->areas;
	for (; *link != NULL; link = &(*link)->next) {
		if (((*link)->start - start) / page_bytes >= pages + GUARD_PAGES)
			break;
		start = (*link)->start + ((*link)->pages + GUARD_PAGES) * page_bytes;
	}
	uint64_t end = *link != NULL ? (*link)->start : memory->vmalloc_end;
	*out_start = start;
	*out_link = link;
	return (end - start) / page_bytes >= pages + GUARD_PAGES;
}

uint64_t vm_vmalloc(struct vm_machine *machine, uint64_t bytes)
{
	const uint64_t page_bytes = machine->geometry->page_bytes;
	uint64_t pages = bytes / page_bytes + (bytes % page_bytes != 0), start, mapped = 0;
	struct vmalloc_area **link;
	if (kernel_memory_of(machine) == NULL || pages == 0 || pages > machine->frames.count ||
	    !hole_find(machine, pages, &start, &link))
		return 0;
	struct vmalloc_area *area = pool_take(&machine->pool, sizeof(*area));
	if (area == NULL)
		return 0;
	while (mapped < pages && page_map(machine, start + mapped * page_bytes))
		mapped++;
	if (mapped < pages) {
		pages_free(machine, start, mapped);
		pool_give(&machine->pool, area, sizeof(*area));
		return 0;
	}
	*area = (struct vmalloc_area){.next = *link, .start = start, .pages = pages};
	*link = area;
	return start;
}

bool vm_vfree(struct vm_machine *machine, uint64_t address)
{
	struct vmalloc_area **link = machine->kernel != NULL ? &machine->kernel->areas : NULL;
	while (link != NULL && *link != NULL && (*link)->start != address)
		link = &(*link)->next;
	if (link == NULL || *link == NULL)
		return false;
	struct vmalloc_area *area = *link;
	*link = area->next;
	pages_free(machine, area->start, area->pages);
	pool_give(&machine->pool, area, sizeof(*area));
	return true;
}

bool vm_vmalloc_next(const struct vm_machine *machine, uint64_t address,
		     struct vm_vmalloc_view *out)
{
	const struct vmalloc_area *area = machine->kernel != NULL ? machine->kernel->areas : NULL;
	while (area != NULL && area->start < address)
		area = area->next;
	if (area == NULL)
		return false;
	*out = (struct vm_vmalloc_view){.address = area->start, .pages = area->pages};
	return true;
}

/* ---- what there is to see ---- */

uint64_t vm_kernel_frame(const struct vm_machine *machine, uint64_t address)
{
	struct kernel_memory *memory = machine->kernel;
	if (memory == NULL || address < memory->direct_start)
		return FRAME_NONE;
	if (address >= memory->vmalloc_start && address < memory->vmalloc_end) {
		const uint64_t *entry = table_entry(&memory->tables, address, 0, false);
		return entry != NULL ? entry_frame(*entry) : FRAME_NONE;
	}
	uint64_t number = (address - memory->direct_start) / machine->geometry->page_bytes;
	if (number >= machine->frames.count)
		return FRAME_NONE;
	const struct frame *frame = frame_at(&machine->frames, number);
	return frame->use == FRAME_SLAB || frame->use == FRAME_KERNEL ? number : FRAME_NONE;
}

void vm_kernel_memory_get(const struct vm_machine *machine, struct vm_kernel_memory *out)
{
	*out = (struct vm_kernel_memory){0};
	const struct kernel_memory *memory = machine->kernel;
	if (memory == NULL)
		return;
	for (const struct vm_slab_cache *cache = memory->caches; cache != NULL; cache = cache->next)
		for (size_t list = 0; list < SLAB_LISTS; list++)
			out->slabs += cache->counts[list] << cache->layout.order;
	out->pages = memory->page_count;
	out->vmalloc = memory->vmalloc_count;
	for (unsigned level = 0; level + 1 < machine->geometry->level_count; level++)
		out->tables += memory->tables.counters.tables[level];
}

/* ---- checking ---- */

static bool slab_check(const struct vm_machine *machine, const struct slab *slab,
		       enum slab_list list, const char **why)
{
	const struct vm_slab_cache *cache = slab->cache;
	const struct frame *head = frame_at(&machine->frames, slab->head);
	uint32_t lent = 0, chained = 0;
	*why = "a slab's frames are not its own";
	if (head->use != FRAME_SLAB || head->slab != slab || head->order != cache->layout.order)
		return false;
	for (uint32_t i = 0; i < cache->layout.objects; i++)
		lent += slab->links[i] == OBJECT_LENT;
	for (uint16_t i = slab->free; i != OBJECT_END; i = slab->links[i]) {
		*why = "a lent object is on the chain of free ones";
		if (i >= cache->layout.objects || chained == cache->layout.objects)
			return false;
		chained++;
	}
	*why = "a slab's objects are miscounted";
	if (lent != slab->lent || lent + chained != cache->layout.objects)
		return false;
	*why = "a slab is not on the list its count says";
	return list == (lent == 0 ? SLAB_EMPTY :
			lent == cache->layout.objects ? SLAB_FULL : SLAB_PARTIAL);
}

static bool cache_check(const struct vm_slab_cache *cache, const char **why)
{
	uint64_t lent = 0;
	for (enum slab_list list = 0; list < SLAB_LISTS; list++) {
		uint64_t count = 0;
		const struct slab *slab = cache->lists[list];
		for (; slab != NULL; slab = slab->next) {
			if (!slab_check(cache->machine, slab, list, why))
				return false;
			lent += slab->lent;
			count++;
		}
		*why = "a list of slabs is miscounted";
		if (count != cache->counts[list])
			return false;
	}
	*why = "a cache's lent objects are miscounted";
	return lent == cache->lent;
}

static bool areas_check(struct vm_machine *machine, const char **why)
{
	struct kernel_memory *memory = machine->kernel;
	const uint64_t page_bytes = machine->geometry->page_bytes;
	uint64_t end = memory->vmalloc_start, pages = 0;
	for (const struct vmalloc_area *area = memory->areas; area != NULL; area = area->next) {
		*why = "areas of vmalloc overlap";
		if (area->start < end)
			return false;
		*why = "a page of vmalloc is not mapped to a frame of its own";
		for (uint64_t i = 0; i < area->pages; i++) {
			uint64_t number = vm_kernel_frame(machine, area->start + i * page_bytes);
			if (number == FRAME_NONE ||
			    frame_at(&machine->frames, number)->use != FRAME_VMALLOC)
				return false;
		}
		*why = "a guard page of vmalloc is mapped";
		end = area->start + (area->pages + GUARD_PAGES) * page_bytes;
		if (vm_kernel_frame(machine, end - page_bytes) != FRAME_NONE)
			return false;
		pages += area->pages;
	}
	*why = "pages of vmalloc are miscounted";
	return pages == memory->vmalloc_count;
}

/* Frames lent to the kernel against the books. */
static bool frames_counted(const struct vm_machine *machine, const char **why)
{
	uint64_t uses[FRAME_USES] = {0};
	struct vm_kernel_memory memory;
	for (uint64_t i = 1; i < machine->frames.count;) {
		const struct frame *head = frame_at(&machine->frames, i);
		uint64_t size = (uint64_t)1 << head->order;
		uses[head->use] += size;
		i += size;
	}
	vm_kernel_memory_get(machine, &memory);
	*why = "frames are lent to the kernel that it does not have";
	return uses[FRAME_SLAB] == memory.slabs && uses[FRAME_KERNEL] == memory.pages &&
	       uses[FRAME_VMALLOC] == memory.vmalloc;
}

bool kernel_memory_check(struct vm_machine *machine, const char **why)
{
	const struct vm_slab_cache *cache = NULL;
	while ((cache = vm_slab_cache_next(machine, cache)) != NULL) {
		if (!cache_check(cache, why))
			return false;
	}
	return machine->kernel == NULL ||
	       (areas_check(machine, why) && frames_counted(machine, why));
}
