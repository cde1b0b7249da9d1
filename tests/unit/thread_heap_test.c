/* SPDX-License-Identifier: MIT */
/*
 * Thread heaps: small objects in slabs, and what happens to those that another thread frees.
 *
 * Threads are played here by thread heaps side by side, one call at a time, so that each state of
 * a slab is met on purpose. Real threads are in threads.c, all interleavings in tests/model.
 */
#include "front/thread_heap.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "front/heap.h"
#include "kernel_call_faulty.h"

enum {
	MANY = 8000,
	CHURNS = 10000,
	OBJECT_BYTES = 200,
	MEDIUM_BYTES = 3000,
	BATCH = 200,
	SLABS_KEPT = 34, /* spares of both threads, and a current one */
};

static struct heap heap;
static struct arena *first;
static struct heap_caller one, other;
static struct fault last_fault;
static size_t reports;

static void keep_report(const struct heap_fault *fault, void *context)
{
	(void)context;
	last_fault = fault->fault;
	reports++;
}

static void begin(void)
{
	struct heap_config config = {
		.arena = {
			.strategy = strategies[0],
			.policy = strategies[0]->default_policy,
			.source = ARENA_MMAP,
			.key = 12345,
		},
		.arena_count_max = 4,
		.has_front = true,
		.report = keep_report,
	};
	kernel_faults = (struct kernel_faults){.number = CALL_ANY};
	first = aligned_alloc(64, arena_bytes(config.arena.strategy) / 64 * 64 + 64);
	memset(first, 0, arena_bytes(config.arena.strategy));
	memset(&heap, 0, sizeof(heap));
	reports = 0;
	cr_assert(heap_init(&heap, &config, first));
	one = (struct heap_caller){NULL, thread_heap_begin(&heap)};
	other = (struct heap_caller){NULL, thread_heap_begin(&heap)};
	cr_assert_not_null(one.small);
	cr_assert_not_null(other.small);
}

static void end(void)
{
	char chars[128];
	struct text message;
	text_init(&message, chars, sizeof(chars));
	cr_expect(heap_check(&heap, &message), "%s", chars);
	cr_expect_eq(reports, 0, "%zu faults were reported", reports);
	heap_finish(&heap);
	cr_expect_eq(kernel_faults.mapped_bytes, 0, "%zu bytes were not given back",
		     kernel_faults.mapped_bytes);
	free(first);
}

#define THREAD_HEAP_TEST(name) TEST_BETWEEN(thread_heap, name, begin, end)

static void *allocate(struct heap_caller *caller, size_t bytes, size_t align)
{
	void *p = align == ALIGN_BYTES ? thread_heap_try_allocate(caller, bytes) : NULL;
	if (p == NULL)
		p = heap_allocate_slow(&heap, caller, bytes, align, false);
	cr_assert_not_null(p);
	cr_assert_eq((uintptr_t)p % align, 0);
	memset(p, 0x5A, bytes);
	return p;
}

static struct slab *slab_of(const void *p)
{
	return front_slab(&heap.front, p);
}

/* As the api does. */
static void release(struct heap_caller *caller, void *p)
{
	if (thread_heap_try_free(caller, p) ||
	    (caller->small != &thread_heap_none && slab_of(p) == NULL &&
	     thread_heap_cache(caller, p) == CACHE_TOOK))
		return;
	heap_free_slow(&heap, caller, p, "free");
}

static void *objects[MANY];

static void allocate_many(struct heap_caller *caller)
{
	for (size_t i = 0; i < MANY; i++)
		objects[i] = allocate(caller, OBJECT_BYTES, ALIGN_BYTES);
}

/* How many of the slabs that the objects were in are slabs in use still. */
static size_t slabs_in_use(void)
{
	size_t count = 0;
	for (size_t offset = 0; offset < heap.front.span; offset += SLAB_BYTES)
		count += front_slab(&heap.front, (char *)heap.front.range.base + offset) != NULL;
	return count;
}

/* ---- objects ---- */

THREAD_HEAP_TEST(every_size_gets_room_of_its_own)
{
	static unsigned char *blocks[SMALL_BYTES_MAX + 1];
	for (size_t bytes = 0; bytes <= SMALL_BYTES_MAX; bytes++) {
		blocks[bytes] = allocate(&one, bytes, ALIGN_BYTES);
		cr_assert_not_null(slab_of(blocks[bytes]), "%zu bytes are in no slab", bytes);
		cr_assert(heap_usable_bytes(&heap, blocks[bytes]) >= bytes);
		memset(blocks[bytes], (int)(bytes % 251), bytes);
	}
	for (size_t bytes = 0; bytes <= SMALL_BYTES_MAX; bytes++) {
		for (size_t i = 0; i < bytes; i++)
			cr_assert_eq(blocks[bytes][i], bytes % 251, "%zu bytes share room", bytes);
		release(&one, blocks[bytes]);
	}
}

THREAD_HEAP_TEST(classes_waste_little_and_rise)
{
	for (unsigned class = 0; class < SMALL_CLASSES; class++) {
		size_t bytes = class_bytes(class);
		cr_assert_eq(class_for(bytes), class);
		cr_assert_eq(class_for(bytes - 1), class);
		cr_assert(class + 1 == SMALL_CLASSES || class_for(bytes + 1) == class + 1);
	}
	cr_assert_eq(class_bytes(SMALL_CLASSES - 1), SMALL_BYTES_MAX);
}

/* On both sides of the objects; multiples of the size as well as not. */
static void expect_nothing_far_away(const struct slab *slab)
{
	uintptr_t bytes = class_bytes(slab->own.class);
	for (unsigned shift = SLAB_SHIFT; bytes << shift >> 47 == 0; shift++) {
		for (int delta = -1; delta <= 1; delta++) {
			uintptr_t far = (bytes << shift) + (uintptr_t)delta;
			cr_assert(!slab_has_object(slab, (void *)(slab->first + far)));
			cr_assert(!slab_has_object(slab, (void *)(slab->first - far)));
		}
	}
}

/* One product says of any address whether an object begins there. */
THREAD_HEAP_TEST(objects_begin_where_they_were_carved)
{
	for (unsigned class = 0; class < SMALL_CLASSES; class++) {
		size_t bytes = class_bytes(class);
		struct slab slab = {
			.own.class = (uint8_t)class,
			.magic = size_classes[class].magic,
		};
		uint32_t capacity = size_classes[class].capacity;
		char *base = (char *)((uintptr_t)5 << 30);
		slab.first = (uintptr_t)base + (capacity - 1) * bytes;
		for (uint32_t count = 0; count <= capacity; count += 5) {
			slab_set_carved_count(&slab, count);
			cr_assert_eq(slab_carved_count(&slab), count);
			cr_assert_eq(slab_is_carved(&slab), count == capacity);
			for (uint32_t offset = 0; offset < SLAB_BYTES; offset++) {
				uint32_t i = offset / (uint32_t)bytes;
				bool is_object = offset % bytes == 0 && i < capacity &&
						 i >= capacity - count;
				cr_assert_eq(slab_has_object(&slab, base + offset), is_object,
					     "offset %u of %u of %zu", offset, count, bytes);
			}
			expect_nothing_far_away(&slab);
		}
	}
}

THREAD_HEAP_TEST(alignments_are_had_from_classes_that_have_them)
{
	for (size_t align = ALIGN_BYTES; align <= SMALL_BYTES_MAX; align *= 2) {
		for (size_t bytes = 1; bytes <= SMALL_BYTES_MAX; bytes += 37) {
			void *p = allocate(&one, bytes, align);
			cr_assert(heap_usable_bytes(&heap, p) >= bytes);
			release(&one, p);
		}
	}
}

THREAD_HEAP_TEST(resizing_stays_within_a_class)
{
	char *p = allocate(&one, 100, ALIGN_BYTES);
	memset(p, 7, 100);
	cr_assert_eq(heap_resize(&heap, &one, p, 110), p);
	cr_assert_eq(heap_resize(&heap, &one, p, 98), p);
	char *q = heap_resize(&heap, &one, p, 5000);
	cr_assert_neq(q, p);
	cr_assert_null(slab_of(q));
	for (size_t i = 0; i < 98; i++)
		cr_assert_eq(q[i], 7);
	q = heap_resize(&heap, &one, q, 40);
	for (size_t i = 0; i < 40; i++)
		cr_assert_eq(q[i], 7);
	release(&one, q);
}

/* ---- misuse ---- */

static void expect_fault(enum fault_kind kind, void *p, const void *block)
{
	reports = 0;
	release(&one, p);
	cr_assert_eq(reports, 1, "nothing was reported");
	cr_assert_eq(last_fault.kind, kind, "kind %d", (int)last_fault.kind);
	cr_assert_eq(last_fault.block, (uintptr_t)block);
	reports = 0;
}

THREAD_HEAP_TEST(wrong_pointers_are_told)
{
	char *p = allocate(&one, OBJECT_BYTES, ALIGN_BYTES);
	char *q = allocate(&one, OBJECT_BYTES, ALIGN_BYTES);
	expect_fault(FAULT_INTERIOR, p + 16, p);
	expect_fault(FAULT_MISALIGNED, p + 3, p);
	release(&one, p);
	expect_fault(FAULT_DOUBLE_FREE, p, p);
	release(&one, q);
	expect_fault(FAULT_DOUBLE_FREE, p, p);
	/* In another thread's outbox it is free as well. */
	p = allocate(&one, OBJECT_BYTES, ALIGN_BYTES);
	release(&other, p);
	expect_fault(FAULT_DOUBLE_FREE, p, p);
	/* Where no object has been yet. */
	reports = 0;
	release(&one, (char *)slab_of(p)->first - 60 * class_bytes(12));
	cr_assert_eq(reports, 1);
	reports = 0;
}

THREAD_HEAP_TEST(words_that_were_free_objects_may_be_moved_about)
{
	/* What a block held before is anybody's to copy, written or not: it makes nothing free. */
	uintptr_t was_free[2];
	struct object *p = allocate(&one, OBJECT_BYTES, ALIGN_BYTES);
	struct object *q = allocate(&one, OBJECT_BYTES, ALIGN_BYTES);
	void *medium = allocate(&one, MEDIUM_BYTES, ALIGN_BYTES);
	release(&one, q);
	memcpy(was_free, q, sizeof(was_free));
	memcpy(p, was_free, sizeof(was_free));
	memcpy(medium, was_free, sizeof(was_free));
	cr_assert(heap_usable_bytes(&heap, p) >= OBJECT_BYTES);
	cr_assert(heap_usable_bytes(&heap, medium) >= MEDIUM_BYTES);
	release(&one, p);
	release(&one, medium);
	cr_assert_eq(reports, 0, "live blocks were taken for free ones");
}

/* ---- other threads ---- */

THREAD_HEAP_TEST(a_sleeping_owner_keeps_nothing_that_others_freed)
{
	allocate_many(&one);
	cr_assert(slabs_in_use() > 2 * SLABS_KEPT);
	for (size_t i = 0; i < MANY; i++)
		release(&other, objects[i]);
	thread_heap_flush(&other);
	cr_assert(slabs_in_use() <= SLABS_KEPT, "%zu slabs are kept", slabs_in_use());
}

/* Frees begin in another's slab and end in one's own: what was collected comes home. */
THREAD_HEAP_TEST(a_thread_that_only_frees_keeps_nothing)
{
	enum { BELT = 60 };
	for (size_t i = 0; i < MANY; i++) {
		objects[i] = allocate(&one, OBJECT_BYTES, ALIGN_BYTES);
		if (i >= BELT)
			release(&other, objects[i - BELT]);
	}
	cr_assert(slabs_in_use() <= SLABS_KEPT, "%zu slabs are kept", slabs_in_use());
	for (size_t i = MANY - BELT; i < MANY; i++)
		release(&other, objects[i]);
}

THREAD_HEAP_TEST(what_others_free_in_a_slab_of_one_who_only_frees_comes_home)
{
	struct heap_caller third = {NULL, thread_heap_begin(&heap)};
	allocate_many(&one);
	/* Two threads free objects of each slab; who owns it then allocates nothing. */
	for (size_t i = 0; i < MANY; i++)
		release(i % 2 == 0 ? &other : &third, objects[i]);
	thread_heap_flush(&third);
	allocate_many(&one);
	for (size_t i = 0; i < MANY; i++)
		release(&other, objects[i]);
	thread_heap_end(&third);
	cr_assert(slabs_in_use() <= 2 * SLABS_KEPT, "%zu slabs are kept", slabs_in_use());
}

THREAD_HEAP_TEST(what_others_free_in_an_owned_slab_comes_home)
{
	void *p = allocate(&one, OBJECT_BYTES, ALIGN_BYTES);
	void *kept = allocate(&one, OBJECT_BYTES, ALIGN_BYTES);
	struct slab *slab = slab_of(p);
	cr_assert(slab_is_owned_by(slab, one.small));
	release(&other, p);
	thread_heap_flush(&other);
	cr_assert_eq(remote_count(slab->remote), 1);
	cr_assert(slab->remote & REMOTE_QUEUED);
	bool is_back = false;
	for (size_t i = 0; i < MANY && !is_back; i++) {
		objects[i] = allocate(&one, OBJECT_BYTES, ALIGN_BYTES);
		is_back = objects[i] == p;
	}
	cr_assert(is_back);
	cr_assert(!(slab->remote & REMOTE_QUEUED));
	release(&one, kept);
}

THREAD_HEAP_TEST(chains_are_handed_over_whole)
{
	allocate_many(&one);
	/* A slab that its owner holds: half of it is free. */
	struct slab *slab = slab_of(objects[0]);
	for (size_t i = 0; slab_of(objects[i]) == slab; i += 2)
		release(&one, objects[i]);
	cr_assert(slab_is_owned_by(slab, one.small));
	uint32_t freed = 0;
	size_t i = 1;
	for (; slab_of(objects[i]) == slab && freed < OUTBOX_OBJECTS_MAX - 1; i += 2) {
		cr_assert_eq(remote_count(slab->remote), 0, "handed over one by one");
		release(&other, objects[i]);
		freed++;
	}
	thread_heap_flush(&other);
	cr_assert_eq(remote_count(slab->remote), freed);
	/* Home again, and with the rest freed, the slab has no live object and is given back. */
	thread_heap_flush(&one);
	cr_assert_eq(remote_count(slab->remote), 0);
	for (; slab_of(objects[i]) == slab; i += 2)
		release(&one, objects[i]);
	cr_assert(!slab_is_owned_by(slab, one.small));
}

THREAD_HEAP_TEST(a_thread_that_ends_leaves_its_slabs_to_others)
{
	for (size_t i = 0; i < 10; i++)
		objects[i] = allocate(&one, OBJECT_BYTES, ALIGN_BYTES);
	struct slab *slab = slab_of(objects[0]);
	thread_heap_end(&one);
	cr_assert_eq(slab->owner, 0);
	cr_assert(slab->remote & REMOTE_LISTED);
	void *p = allocate(&other, OBJECT_BYTES, ALIGN_BYTES);
	cr_assert_eq(slab_of(p), slab, "it was not adopted");
	cr_assert(slab_is_owned_by(slab, other.small));
	release(&other, p);
	for (size_t i = 0; i < 10; i++)
		release(&other, objects[i]);
	one.small = thread_heap_begin(&heap);
}

THREAD_HEAP_TEST(who_frees_first_in_a_left_slab_owns_it)
{
	for (size_t i = 0; i < 10; i++)
		objects[i] = allocate(&one, OBJECT_BYTES, ALIGN_BYTES);
	struct slab *slab = slab_of(objects[0]);
	thread_heap_end(&one);
	release(&other, objects[3]);
	cr_assert(slab_is_owned_by(slab, other.small));
	for (size_t i = 0; i < 10; i++) {
		if (i != 3)
			release(&other, objects[i]);
	}
	cr_assert(!slab_is_owned_by(slab, other.small), "an empty slab was kept");
	one.small = thread_heap_begin(&heap);
}

THREAD_HEAP_TEST(threads_that_come_and_go_leave_no_growth)
{
	size_t mapped_bytes = 0;
	for (size_t i = 0; i < CHURNS; i++) {
		struct heap_caller thread = {NULL, thread_heap_begin(&heap)};
		for (size_t bytes = 16; bytes < 1000; bytes += 100) {
			void *p = allocate(&thread, bytes, ALIGN_BYTES);
			/* The next thread frees what this one leaves. */
			if (objects[bytes] != NULL)
				release(&thread, objects[bytes]);
			objects[bytes] = p;
		}
		thread_heap_end(&thread);
		if (i == CHURNS / 10)
			mapped_bytes = first->source.mapped_bytes;
	}
	cr_assert_eq(first->source.mapped_bytes, mapped_bytes);
	cr_assert(heap.front.made <= 3, "%u thread heaps were made", heap.front.made);
}

THREAD_HEAP_TEST(who_can_have_no_thread_heap_frees_all_the_same)
{
	struct heap_caller nobody = {NULL, &thread_heap_none};
	void *p = allocate(&one, OBJECT_BYTES, ALIGN_BYTES);
	release(&nobody, p);
	cr_assert_eq(heap.front.pending, p);
	thread_heap_flush(&one);
	cr_assert_null(heap.front.pending);
	p = allocate(&nobody, OBJECT_BYTES, ALIGN_BYTES);
	cr_assert_null(slab_of(p));
	release(&nobody, p);
}

/* ---- medium blocks ---- */

THREAD_HEAP_TEST(a_medium_block_is_kept_for_the_next_request_of_its_size)
{
	void *p = allocate(&one, MEDIUM_BYTES, ALIGN_BYTES);
	release(&one, p);
	cr_assert_null(thread_heap_try_allocate(&one, 2 * MEDIUM_BYTES));
	cr_assert_null(thread_heap_try_allocate(&other, MEDIUM_BYTES));
	cr_assert_eq(thread_heap_try_allocate(&one, MEDIUM_BYTES - 1), p);
	cr_assert_null(thread_heap_try_allocate(&one, MEDIUM_BYTES));
	cr_assert_eq(heap_usable_bytes(&heap, p) >= MEDIUM_BYTES, true);
	/* Whoever frees it keeps it. */
	release(&other, p);
	cr_assert_eq(thread_heap_try_allocate(&other, MEDIUM_BYTES), p);
	release(&other, p);
	cr_assert_eq(heap_usable_bytes(&heap, p), 0);
	thread_heap_flush(&other);
	cr_assert_eq(other.small->cache.capacity_bytes, 0);
	cr_assert_null(thread_heap_try_allocate(&other, MEDIUM_BYTES));
}

THREAD_HEAP_TEST(bins_follow_one_another_without_a_gap)
{
	for (size_t bytes = CACHE_BYTES_MIN; bytes < CACHE_BYTES_END; bytes++) {
		size_t bin = cache_bin_of(bytes);
		cr_assert_lt(bin, CACHE_BINS);
		cr_assert(bytes >= cache_bin_bytes(bin) && bytes < cache_bin_bytes(bin + 1),
			  "%zu bytes are in bin %zu", bytes, bin);
		cr_assert(cache_bin_bytes(bin + 1) - cache_bin_bytes(bin) <= bytes / 16);
	}
}

/* A block serves what is in its bin and not larger, and all of the bin below; nothing else. */
THREAD_HEAP_TEST(a_kept_block_serves_requests_somewhat_smaller)
{
	size_t bin = cache_bin_of(MEDIUM_BYTES);
	for (size_t bytes = cache_bin_bytes(bin - 2); bytes < cache_bin_bytes(bin + 2); bytes++) {
		char *p = allocate(&one, MEDIUM_BYTES, ALIGN_BYTES);
		size_t usable_bytes = heap_usable_bytes(&heap, p);
		release(&one, p);
		bool serves = bytes >= cache_bin_bytes(bin - 1) && bytes <= usable_bytes;
		void *q = thread_heap_try_allocate(&one, bytes);
		cr_assert_eq(q, serves ? p : NULL, "%zu bytes", bytes);
		cr_assert_eq(heap_usable_bytes(&heap, p), serves ? usable_bytes : 0);
		if (q != NULL)
			release(&one, q);
		thread_heap_flush(&one);
	}
}

THREAD_HEAP_TEST(a_kept_block_serves_an_alignment_that_it_has)
{
	enum { PAGE_BYTES = 4096 };
	char *pages = allocate(&one, MEDIUM_BYTES, PAGE_BYTES);
	char *beside = allocate(&one, MEDIUM_BYTES, ALIGN_BYTES);
	cr_assert_neq((uintptr_t)beside % PAGE_BYTES, 0);
	cr_assert_null(thread_heap_take_aligned(&one, MEDIUM_BYTES, PAGE_BYTES));
	release(&one, pages);
	release(&one, beside);
	cr_assert_null(thread_heap_take_aligned(&one, 2 * MEDIUM_BYTES, PAGE_BYTES));
	cr_assert_eq(thread_heap_take_aligned(&one, MEDIUM_BYTES, PAGE_BYTES), pages);
	cr_assert_null(thread_heap_take_aligned(&one, MEDIUM_BYTES, PAGE_BYTES));
	cr_assert_eq(heap_usable_bytes(&heap, beside), 0, "it is free still");
	cr_assert_eq(thread_heap_try_allocate(&one, MEDIUM_BYTES), beside);
	release(&one, pages);
	release(&one, beside);
}

THREAD_HEAP_TEST(what_is_smaller_than_its_alignment_fills_it)
{
	char *before = NULL;
	for (size_t i = 0; i < BATCH; i++) {
		size_t bytes = thread_heap_fill_align(&one, i, 4096);
		cr_assert_eq(bytes, 4096 - TAG_BYTES);
		objects[i] = allocate(&one, bytes, 4096);
		if (i > 0)
			cr_assert_leq(llabs((char *)objects[i] - before), 4096, "they lie apart");
		before = objects[i];
	}
	for (size_t i = 0; i < BATCH; i++)
		release(&one, objects[i]);
	cr_assert_eq(thread_heap_fill_align(&one, 4096, 4096), 4096);
	cr_assert_eq(thread_heap_fill_align(&one, 100, 8192), 100, "more than a page");
	cr_assert_eq(thread_heap_fill_align(&one, 100, 1024), 100, "that is no medium block");
	struct heap_caller nobody = {NULL, &thread_heap_none};
	cr_assert_eq(thread_heap_fill_align(&nobody, 100, 4096), 100, "nobody keeps it");
}

THREAD_HEAP_TEST(a_kept_block_is_not_freed_again)
{
	void *p = allocate(&one, MEDIUM_BYTES, ALIGN_BYTES);
	release(&one, p);
	expect_fault(FAULT_DOUBLE_FREE, p, p);
	cr_assert_null(heap_resize(&heap, &one, p, 2 * MEDIUM_BYTES));
	cr_assert_eq(reports, 1);
	reports = 0;
	cr_assert_eq(thread_heap_try_allocate(&one, MEDIUM_BYTES), p);
	cr_assert_null(thread_heap_try_allocate(&one, MEDIUM_BYTES), "it was kept twice");
	release(&one, p);
}

/* Bytes of the blocks that a thread keeps; that its entries know them is claimed. */
static size_t kept_bytes(const struct heap_caller *caller)
{
	const struct block_cache *cache = &caller->small->cache;
	size_t bytes = 0;
	size_t capacity_bytes = 0;
	for (size_t i = 0; i < CACHE_BINS; i++) {
		const struct cache_bin *bin = &cache->bins[i];
		int count = 0;
		const struct cached_block *block = cache->heads[i];
		for (; block != NULL; block = block->next) {
			cr_assert_eq(cache_bin_of(block->usable_bytes), i);
			count++;
		}
		cr_assert_eq(cache->rooms[i] + count, bin->capacity);
		bytes += (size_t)count * cache_bin_bytes(i);
		capacity_bytes += (size_t)bin->capacity * cache_bin_bytes(i);
	}
	cr_assert_null(cache->heads[CACHE_BINS]);
	cr_assert_eq(capacity_bytes, cache->capacity_bytes);
	return bytes;
}

/* A slab is a medium block of the strategy, with a tag before its lowest object. */
THREAD_HEAP_TEST(an_object_at_the_start_of_a_slab_is_no_block)
{
	/* Blocks as large as a slab have an entry in the cache. */
	void *p = allocate(&other, SLAB_USABLE_BYTES, ALIGN_BYTES);
	release(&other, p);
	cr_assert_eq(allocate(&other, SLAB_USABLE_BYTES, ALIGN_BYTES), p);
	allocate_many(&one);
	for (size_t i = 0; i < MANY; i++) {
		if ((uintptr_t)objects[i] == slab_base(slab_of(objects[i])))
			release(&other, objects[i]);
		else
			release(&one, objects[i]);
	}
	release(&other, p);
	thread_heap_flush(&other);
	thread_heap_flush(&one);
	cr_assert(slabs_in_use() <= 1, "%zu slabs are kept", slabs_in_use());
}

THREAD_HEAP_TEST(a_size_that_fits_needs_no_other_block)
{
	char *p = allocate(&one, 100, ALIGN_BYTES);
	cr_assert(thread_heap_fits(&one, p, 112));
	cr_assert(thread_heap_fits(&one, p, 97));
	cr_assert(!thread_heap_fits(&one, p, 113) && !thread_heap_fits(&one, p, 96));
	cr_assert(!thread_heap_fits(&one, p + 16, 100), "an interior pointer");
	cr_assert(!thread_heap_fits(&other, p, 100), "another thread's slab");
	release(&one, p);
	cr_assert(!thread_heap_fits(&one, p, 100), "a free object");
	p = allocate(&one, MEDIUM_BYTES, ALIGN_BYTES);
	release(&one, p);
	cr_assert(!thread_heap_fits(&one, p, MEDIUM_BYTES), "a block in the cache");
	p = allocate(&one, MEDIUM_BYTES, ALIGN_BYTES);
	size_t usable_bytes = heap_usable_bytes(&heap, p);
	cr_assert(thread_heap_fits(&one, p, usable_bytes));
	cr_assert(thread_heap_fits(&one, p, usable_bytes * 7 / 8 + 1));
	cr_assert(!thread_heap_fits(&one, p, usable_bytes + 1));
	cr_assert(!thread_heap_fits(&one, p, usable_bytes * 3 / 4));
	cr_assert(!thread_heap_fits(&one, p + 16, MEDIUM_BYTES), "an interior pointer");
	release(&one, p);
}

THREAD_HEAP_TEST(what_grows_by_little_gets_room_and_what_is_large_a_mapping)
{
	size_t moves = 0;
	char *p = allocate(&one, MEDIUM_BYTES, ALIGN_BYTES);
	for (size_t bytes = MEDIUM_BYTES; bytes < 2 * MEDIUM_BYTES; bytes += 16) {
		/* So that it cannot grow where it is. */
		void *wall = allocate(&one, MEDIUM_BYTES, ALIGN_BYTES);
		if (!thread_heap_fits(&one, p, bytes)) {
			p = heap_resize(&heap, &one, p, bytes);
			moves++;
		}
		cr_assert(heap_usable_bytes(&heap, p) >= bytes);
		release(&one, wall);
	}
	cr_assert(moves < 15, "it was resized %zu times", moves);
	/* From here on the threshold is 8 MiB. */
	release(&one, allocate(&one, (size_t)8 << 20, ALIGN_BYTES));
	p = heap_resize(&heap, &one, p, (size_t)1 << 20);
	void *wall = allocate(&one, (size_t)1 << 20, ALIGN_BYTES);
	cr_assert_eq(atomic_load(&heap.owners.mapping_count), 0);
	p = heap_resize(&heap, &one, p, (size_t)4 << 20);
	cr_assert_eq(atomic_load(&heap.owners.mapping_count), 1);
	release(&one, wall);
	release(&one, p);
}

THREAD_HEAP_TEST(what_comes_back_in_batches_gets_room)
{
	size_t kept_at_first = 0;
	for (size_t round = 0; round < 10; round++) {
		for (size_t i = 0; i < BATCH; i++)
			objects[i] = allocate(&one, MEDIUM_BYTES, ALIGN_BYTES);
		if (round > 0)
			cr_assert_eq(kept_bytes(&one), 0, "some were not taken first");
		for (size_t i = 0; i < BATCH; i++)
			release(&one, objects[i]);
		if (round == 0)
			kept_at_first = kept_bytes(&one);
	}
	size_t batch_bytes = BATCH * cache_bin_bytes(cache_bin_of(MEDIUM_BYTES));
	cr_assert(kept_at_first < batch_bytes / 4, "%zu are kept at first", kept_at_first);
	cr_assert(kept_bytes(&one) > batch_bytes * 9 / 10, "only %zu are kept", kept_bytes(&one));
}

THREAD_HEAP_TEST(every_medium_size_is_kept)
{
	for (size_t bytes = SMALL_BYTES_MAX + 1; bytes <= 32 << 10; bytes += bytes / 16) {
		release(&one, allocate(&one, bytes, ALIGN_BYTES));
		cr_assert(kept_bytes(&one) > 0, "%zu bytes", bytes);
		thread_heap_flush(&one);
	}
	release(&one, allocate(&one, 32 << 10, ALIGN_BYTES));
	cr_assert(kept_bytes(&one) > 0);
}

THREAD_HEAP_TEST(sizes_that_are_missed_no_more_are_given_back)
{
	release(&one, allocate(&one, MEDIUM_BYTES, ALIGN_BYTES));
	cr_assert(kept_bytes(&one) > 0);
	/* Requests of many other sizes, none of which is kept. */
	for (size_t i = 0; i < 3 * CACHE_AGE_MAX; i++)
		objects[i] = allocate(&one, 2 * MEDIUM_BYTES + i, ALIGN_BYTES);
	cr_assert_eq(kept_bytes(&one), 0);
	for (size_t i = 0; i < 3 * CACHE_AGE_MAX; i++)
		release(&one, objects[i]);
}

THREAD_HEAP_TEST(what_is_kept_is_bounded)
{
	for (size_t bytes = SMALL_BYTES_MAX + 1; bytes <= 32 << 10; bytes += 700) {
		for (size_t round = 0; round < 10; round++) {
			for (size_t i = 0; i < BATCH; i++)
				objects[i] = allocate(&one, bytes, ALIGN_BYTES);
			for (size_t i = 0; i < BATCH; i++)
				release(&one, objects[i]);
			cr_assert(kept_bytes(&one) <= CACHE_BUDGET_BYTES);
		}
	}
}

THREAD_HEAP_TEST(memory_that_was_a_slab_is_no_kept_block)
{
	allocate_many(&one);
	for (size_t i = 0; i < MANY; i++)
		release(&one, objects[i]);
	thread_heap_flush(&one);
	/* The words of free objects lie where medium blocks begin now. */
	for (size_t i = 0; i < 200; i++) {
		objects[i] = heap_allocate_slow(&heap, &one, 1030 + 16 * (i % 13), ALIGN_BYTES,
						false);
		cr_assert_not_null(objects[i]);
		cr_assert(heap_usable_bytes(&heap, objects[i]) > 0);
	}
	for (size_t i = 0; i < 200; i++)
		release(&one, objects[i]);
}

/* ---- handlers ---- */

THREAD_HEAP_TEST(a_handler_that_finds_it_busy_is_served_elsewhere)
{
	void *p = allocate(&one, OBJECT_BYTES, ALIGN_BYTES);
	struct thread_heap *own = one.small;
	caller_enter(&one);
	void *q = allocate(&one, OBJECT_BYTES, ALIGN_BYTES);
	cr_assert_null(slab_of(q));
	release(&one, p);
	release(&one, q);
	cr_assert_eq(own->pending, p);
	expect_fault(FAULT_DOUBLE_FREE, p, p);
	caller_leave(&one, own);
	thread_heap_flush(&one);
	cr_assert_null(own->pending);
}

/* A handler may come at any instruction; these two were between the fast path's first loads. */
THREAD_HEAP_TEST(who_retreats_stays_where_he_was)
{
	struct thread_heap *own = one.small;
	caller_enter(&one);
	cr_assert(caller_is_inside(&one));
	cr_assert(!thread_heap_try_free(&one, objects), "nobody's");
	cr_assert(caller_is_inside(&one), "the gate was opened by who did not close it");
	caller_leave(&one, own);
	cr_assert(!thread_heap_try_free(&one, objects), "nobody's");
	cr_assert_eq(one.small, own);
	struct heap_caller nobody = {NULL, &thread_heap_none};
	cr_assert(!thread_heap_try_free(&nobody, objects));
	cr_assert_eq(nobody.small, &thread_heap_none);
}

THREAD_HEAP_TEST(when_no_slab_can_be_had_the_strategy_serves)
{
	/* The range is used up as far as slabs know. */
	size_t range_bytes = heap.front.range.bytes;
	heap.front.range.bytes = 0;
	void *p = allocate(&one, OBJECT_BYTES, ALIGN_BYTES);
	cr_assert_null(slab_of(p));
	heap.front.range.bytes = range_bytes;
	release(&one, p);
}
