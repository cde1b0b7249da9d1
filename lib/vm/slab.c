/* SPDX-License-Identifier: MIT */
/*
 * Slab caches (Bonwick 1994): a slab is a block of frames cut into objects of one size. Partly used
 * slabs are used first, so that others can become empty; empty ones are kept until frames are
 * short or somebody asks.
 *
 * The free objects of a slab are a chain through an array beside it, the last one given back
 * first. Linux has the chain in the objects, and the lists are those of mm/slab.c; how many objects
 * a slab has is what mm/slub.c, which took its place, decides.
 */
#include "vm/kernel_memory.h"

#include <string.h>

#include "base/bits.h"
#include "base/compiler.h"
#include "base/text.h"

enum {
	ORDER_COSTLY = 3,         /* slub_max_order: above, blocks are hard to get */
	OBJECTS_MAX = 32767,      /* a count has 15 bits */
	LEFTOVER_BEST = 16,       /* a sixteenth of a slab may be left over, */
	LEFTOVER_WORST = 2,       /* or an eighth, or a quarter */
	OBJECTS_PER_PROCESSOR = 4,
	PROCESSORS = 1,           /* of a machine */
	ALIGN_MIN = 8,            /* a link fits */
	OBJECT_BYTES_MAX = 4 << 20,
};

/* ---- layout ---- */

static unsigned order_of(uint64_t bytes, uint32_t page_bytes)
{
	unsigned order = 0;
	while (((uint64_t)page_bytes << order) < bytes)
		order++;
	return order;
}

/* The first order from `order` on that leaves at most one part in `fraction` over. */
static unsigned order_with(uint32_t object_bytes, uint32_t page_bytes, unsigned order,
			   unsigned fraction)
{
	for (; order <= ORDER_COSTLY; order++) {
		uint64_t bytes = (uint64_t)page_bytes << order;
		if (bytes % object_bytes <= bytes / fraction)
			break;
	}
	return order;
}

/* Enough objects that the processors seldom need another slab, unless that is too large. */
static unsigned order_least(uint32_t object_bytes, uint32_t page_bytes, unsigned processors)
{
	uint64_t wanted = OBJECTS_PER_PROCESSOR * (uint64_t)(log2_floor(processors) + 2);
	uint64_t most = ((uint64_t)page_bytes << ORDER_COSTLY) / object_bytes;
	most = most == 0 ? 1 : most;
	return order_of((wanted < most ? wanted : most) * object_bytes, page_bytes);
}

bool vm_slab_cache_layout_get(uint32_t object_bytes, uint32_t page_bytes, unsigned processors,
			 struct vm_slab_cache_layout *out)
{
	if (object_bytes == 0 || processors == 0)
		return false;
	unsigned least = order_least(object_bytes, page_bytes, processors);
	unsigned order = ORDER_COSTLY + 1;
	for (unsigned fraction = LEFTOVER_BEST; fraction >= LEFTOVER_WORST; fraction /= 2) {
		order = order_with(object_bytes, page_bytes, least, fraction);
		if (order <= ORDER_COSTLY)
			break;
	}
	if (order > ORDER_COSTLY)
		order = order_of(object_bytes, page_bytes);
	uint64_t objects = ((uint64_t)page_bytes << order) / object_bytes;
	if (order > ORDER_MAX || objects > OBJECTS_MAX)
		return false;
	*out = (struct vm_slab_cache_layout){.order = order, .objects = (uint32_t)objects};
	return true;
}

/* ---- lists ---- */

static enum slab_list list_of(const struct slab *slab)
{
	if (slab->lent == 0)
		return SLAB_EMPTY;
	return slab->lent == slab->cache->layout.objects ? SLAB_FULL : SLAB_PARTIAL;
}

static void list_insert(struct slab *slab, enum slab_list list)
{
	struct vm_slab_cache *cache = slab->cache;
	slab->previous = NULL;
	slab->next = cache->lists[list];
	if (slab->next != NULL)
		slab->next->previous = slab;
	cache->lists[list] = slab;
	cache->counts[list]++;
}

static void list_remove(struct slab *slab, enum slab_list list)
{
	if (slab->previous != NULL)
		slab->previous->next = slab->next;
	else
		slab->cache->lists[list] = slab->next;
	if (slab->next != NULL)
		slab->next->previous = slab->previous;
	slab->cache->counts[list]--;
}

/* ---- slabs ---- */

static size_t record_bytes(const struct vm_slab_cache *cache)
{
	return sizeof(struct slab) + cache->layout.objects * sizeof(uint16_t);
}

static struct slab *slab_make(struct vm_slab_cache *cache)
{
	struct vm_machine *machine = cache->machine;
	struct slab *slab = pool_take(&machine->pool, record_bytes(cache));
	if (slab == NULL)
		return NULL;
	slab->head = kernel_frame_take(machine, cache->layout.order, FRAME_SLAB);
	if (slab->head == FRAME_NONE) {
		pool_give(&machine->pool, slab, record_bytes(cache));
		return NULL;
	}
	slab->cache = cache;
	for (uint32_t i = 0; i + 1 < cache->layout.objects; i++)
		slab->links[i] = (uint16_t)(i + 1);
	slab->links[cache->layout.objects - 1] = OBJECT_END;
	frame_at(&machine->frames, slab->head)->slab = slab;
	list_insert(slab, SLAB_EMPTY);
	return slab;
}

static void slab_free(struct slab *slab)
{
	struct vm_slab_cache *cache = slab->cache;
	struct vm_machine *machine = cache->machine;
	list_remove(slab, SLAB_EMPTY);
	frame_give(&machine->frames, slab->head);
	pool_give(&machine->pool, slab, record_bytes(cache));
}

/* ---- caches ---- */

struct vm_slab_cache *vm_slab_cache_create(struct vm_machine *machine, const char *name,
				 uint32_t object_bytes, uint32_t align_bytes)
{
	struct kernel_memory *memory = kernel_memory_of(machine);
	struct vm_slab_cache_layout layout;
	uint32_t align = align_bytes < ALIGN_MIN ? ALIGN_MIN : align_bytes;
	if (memory == NULL || !is_pow2(align) || object_bytes > OBJECT_BYTES_MAX)
		return NULL;
	object_bytes = (uint32_t)align_up(object_bytes, align);
	if (!vm_slab_cache_layout_get(object_bytes, machine->geometry->page_bytes, PROCESSORS,
				      &layout))
		return NULL;
	struct vm_slab_cache *cache = pool_take(&machine->pool, sizeof(*cache));
	if (cache == NULL)
		return NULL;
	*cache = (struct vm_slab_cache){
		.next = memory->caches,
		.machine = machine,
		.object_bytes = object_bytes,
		.layout = layout,
	};
	for (size_t i = 0; i + 1 < VM_SLAB_CACHE_NAME_BYTES && name[i] != '\0'; i++)
		cache->name[i] = name[i];
	memory->caches = cache;
	return cache;
}

bool vm_slab_cache_destroy(struct vm_slab_cache *cache)
{
	struct kernel_memory *memory = cache->machine->kernel;
	if (cache->lent != 0)
		return false;
	vm_slab_cache_shrink(cache);
	struct vm_slab_cache **link = &memory->caches;
	while (*link != cache)
		link = &(*link)->next;
	*link = cache->next;
	for (size_t i = 0; i < KMALLOC_CLASSES; i++) {
		if (memory->kmalloc[i] == cache)
			memory->kmalloc[i] = NULL;
	}
	pool_give(&cache->machine->pool, cache, sizeof(*cache));
	return true;
}

static uint64_t slab_address(const struct slab *slab)
{
	const struct vm_machine *machine = slab->cache->machine;
	return machine->kernel->direct_start +
	       (uint64_t)slab->head * machine->geometry->page_bytes;
}

uint64_t vm_slab_cache_take(struct vm_slab_cache *cache)
{
	struct slab *slab = cache->lists[SLAB_PARTIAL];
	if (slab == NULL)
		slab = cache->lists[SLAB_EMPTY];
	if (slab == NULL)
		slab = slab_make(cache);
	if (slab == NULL)
		return 0;
	enum slab_list before = list_of(slab);
	uint16_t object = slab->free;
	slab->free = slab->links[object];
	slab->links[object] = OBJECT_LENT;
	slab->lent++;
	cache->lent++;
	if (list_of(slab) != before) {
		list_remove(slab, before);
		list_insert(slab, list_of(slab));
	}
	return slab_address(slab) + (uint64_t)object * cache->object_bytes;
}

/* The slab that an address lies in, or NULL. */
static struct slab *slab_at(const struct vm_machine *machine, uint64_t address)
{
	const struct kernel_memory *memory = machine->kernel;
	if (memory == NULL || address < memory->direct_start)
		return NULL;
	uint64_t number = (address - memory->direct_start) / machine->geometry->page_bytes;
	if (number >= machine->frames.count ||
	    frame_at(&machine->frames, number)->use != FRAME_SLAB)
		return NULL;
	return frame_head(&machine->frames, number)->slab;
}

bool vm_slab_cache_give(struct vm_slab_cache *cache, uint64_t address)
{
	struct slab *slab = slab_at(cache->machine, address);
	if (slab == NULL || slab->cache != cache)
		return false;
	uint64_t offset = address - slab_address(slab), object = offset / cache->object_bytes;
	if (offset % cache->object_bytes != 0 || object >= cache->layout.objects ||
	    slab->links[object] != OBJECT_LENT)
		return false;
	enum slab_list before = list_of(slab);
	slab->links[object] = slab->free;
	slab->free = (uint16_t)object;
	slab->lent--;
	cache->lent--;
	if (list_of(slab) != before) {
		list_remove(slab, before);
		list_insert(slab, list_of(slab));
	}
	return true;
}

uint64_t vm_slab_cache_shrink(struct vm_slab_cache *cache)
{
	uint64_t frames = 0;
	while (cache->lists[SLAB_EMPTY] != NULL) {
		slab_free(cache->lists[SLAB_EMPTY]);
		frames += (uint64_t)1 << cache->layout.order;
	}
	return frames;
}

void vm_slab_cache_get(const struct vm_slab_cache *cache, struct vm_slab_cache_view *out)
{
	*out = (struct vm_slab_cache_view){
		.name = cache->name,
		.object_bytes = cache->object_bytes,
		.layout = cache->layout,
		.objects_lent = cache->lent,
		.full = cache->counts[SLAB_FULL],
		.partial = cache->counts[SLAB_PARTIAL],
		.empty = cache->counts[SLAB_EMPTY],
	};
}

struct vm_slab_cache *vm_slab_cache_next(const struct vm_machine *machine,
					 const struct vm_slab_cache *cache)
{
	if (cache != NULL)
		return cache->next;
	return machine->kernel != NULL ? machine->kernel->caches : NULL;
}

/* ---- kmalloc ---- */

static const struct {
	const char *name;
	uint32_t bytes;
} classes[KMALLOC_CLASSES] = {
	{"kmalloc-8", 8}, {"kmalloc-16", 16}, {"kmalloc-32", 32}, {"kmalloc-64", 64},
	{"kmalloc-96", 96}, {"kmalloc-128", 128}, {"kmalloc-192", 192}, {"kmalloc-256", 256},
	{"kmalloc-512", 512}, {"kmalloc-1k", 1024}, {"kmalloc-2k", 2048}, {"kmalloc-4k", 4096},
	{"kmalloc-8k", 8192},
};

uint64_t vm_kernel_pages(struct vm_machine *machine, unsigned order)
{
	struct kernel_memory *memory = kernel_memory_of(machine);
	if (memory == NULL || order > ORDER_MAX)
		return 0;
	uint32_t head = kernel_frame_take(machine, order, FRAME_KERNEL);
	if (head == FRAME_NONE)
		return 0;
	memory->page_count += (uint64_t)1 << order;
	return memory->direct_start + (uint64_t)head * machine->geometry->page_bytes;
}

uint64_t vm_kmalloc(struct vm_machine *machine, uint64_t bytes)
{
	const uint64_t page_bytes = machine->geometry->page_bytes;
	struct kernel_memory *memory = kernel_memory_of(machine);
	size_t class = 0;
	if (memory == NULL || bytes == 0 || bytes > page_bytes << ORDER_MAX)
		return 0;
	if (bytes > classes[KMALLOC_CLASSES - 1].bytes)
		return vm_kernel_pages(machine, order_of(bytes, (uint32_t)page_bytes));
	while (classes[class].bytes < bytes)
		class++;
	if (memory->kmalloc[class] == NULL)
		memory->kmalloc[class] = vm_slab_cache_create(machine, classes[class].name,
							 classes[class].bytes, 0);
	return memory->kmalloc[class] != NULL ? vm_slab_cache_take(memory->kmalloc[class]) : 0;
}

bool vm_kfree(struct vm_machine *machine, uint64_t address)
{
	struct kernel_memory *memory = machine->kernel;
	const uint64_t page_bytes = machine->geometry->page_bytes;
	struct slab *slab = slab_at(machine, address);
	if (slab != NULL)
		return vm_slab_cache_give(slab->cache, address);
	if (memory == NULL || address < memory->direct_start || address % page_bytes != 0)
		return false;
	uint64_t number = (address - memory->direct_start) / page_bytes;
	if (number >= machine->frames.count)
		return false;
	const struct frame *frame = frame_at(&machine->frames, number);
	if (frame->use != FRAME_KERNEL || frame->head != number)
		return false;
	memory->page_count -= (uint64_t)1 << frame->order;
	frame_give(&machine->frames, (uint32_t)number);
	return true;
}
