/* SPDX-License-Identifier: MIT */
/*
 * Implicit list: no list at all. The tags themselves, block after block, are what is searched.
 *
 * Finding. First fit walks from the start of the heap, next fit from where the last search ended,
 * best fit over everything (or until a block fits exactly). The walk meets live blocks too: that
 * is the price of having no list.
 *
 * What makes it as fast as that can be: a walk that found nothing is not repeated. For each size
 * class the heap remembers an address below which no free block of that size lies (`floors`); a
 * search starts there instead of at the bottom, and finds what a full walk would have found. A
 * freed block lowers the floors of the sizes it can serve. Floors rise with size, so that both
 * raising and lowering touch only the entries that change.
 *
 * Coalescing. Immediate: a freed block is merged with both neighbours by boundary tags. Deferred:
 * a freed block is marked and nothing else; the walk merges forward what it meets.
 *
 * Work. Allocate: O(blocks) between the floor and the place found, O(blocks of the heap) at
 * worst. Free: O(1) and the floors it lowers.
 */
#include "strategy/tagged.h"

enum {
	EXACT_BYTES_MAX = 1024,
	EXACT_SHIFT = 10,
	EXACT_CLASSES = EXACT_BYTES_MAX / ALIGN_BYTES,
	CLASSES = EXACT_CLASSES + 36 - EXACT_SHIFT,
};

struct implicit {
	struct strategy_core core;
	/*
	 * floors[c]: no free block of class_bytes_min(c) or more starts below it. A block's start
	 * or an end tag, NULL for the bottom. Never decreases with c.
	 */
	struct block *floors[CLASSES];
	struct block *rover; /* where next fit goes on; a block's start, NULL for the bottom */
};

ALLOT_INLINE struct implicit *of_core(const struct strategy_core *core)
{
	return (struct implicit *)(uintptr_t)core;
}

/* The largest class whose least size is not above `bytes`. */
ALLOT_INLINE unsigned class_of(size_t bytes)
{
	if (likely(bytes < EXACT_BYTES_MAX))
		return (unsigned)(bytes / ALIGN_BYTES);
	return EXACT_CLASSES + log2_floor(bytes) - EXACT_SHIFT;
}

ALLOT_INLINE size_t class_bytes_min(unsigned class)
{
	if (class < EXACT_CLASSES)
		return (size_t)class * ALIGN_BYTES;
	return (size_t)1 << (class - EXACT_CLASSES + EXACT_SHIFT);
}

/* A free block of `bytes` is at `block`: nobody's floor may be above it. */
ALLOT_INLINE void floors_lower(struct implicit *m, struct block *block, size_t bytes)
{
	for (int c = (int)class_of(bytes); c >= 0 && m->floors[c] > block; c--)
		m->floors[c] = block;
}

/* A search for `need` bytes found nothing below `block`. */
ALLOT_INLINE void floors_raise(struct implicit *m, struct block *block, size_t need)
{
	unsigned c = class_of(need);
	if (class_bytes_min(c) < need)
		c++;
	for (; c < CLASSES && m->floors[c] < block; c++)
		m->floors[c] = block;
}

ALLOT_INLINE void index_insert(struct strategy_core *core, struct block *block, size_t bytes)
{
	floors_lower(of_core(core), block, bytes);
}

ALLOT_INLINE void index_remove(struct strategy_core *core, struct block *block, size_t bytes)
{
	(void)core, (void)block, (void)bytes;
}

ALLOT_INLINE bool index_is_intact(const struct strategy_core *core, const struct block *block)
{
	(void)core, (void)block;
	return true;
}

static void index_absorbed(struct strategy_core *core, struct block *gone, struct block *into)
{
	struct implicit *m = of_core(core);
	for (unsigned c = 0; c < CLASSES; c++)
		m->floors[c] = m->floors[c] == gone ? into : m->floors[c];
	if (m->rover == gone)
		m->rover = into;
}

struct visit_free {
	struct strategy_core *core;
	size_t bytes_min;
	void (*visit)(struct strategy_core *core, struct block *block, size_t bytes,
		      size_t *released);
	size_t *released;
};

static bool visit_if_free(const struct block_info *info, void *context)
{
	struct visit_free *v = context;
	if (info->state == BLOCK_FREE && info->block_bytes >= v->bytes_min)
		v->visit(v->core, block_of_payload((void *)info->payload), info->block_bytes,
			 v->released);
	return true;
}

static void index_visit_free(struct strategy_core *core, size_t bytes_min,
			     void (*visit)(struct strategy_core *core, struct block *block,
					   size_t bytes, size_t *released),
			     size_t *released)
{
	struct visit_free v = {core, bytes_min, visit, released};
	blocks_walk(core, visit_if_free, &v);
}

static const struct tagged_index index = {
	.insert = index_insert,
	.remove = index_remove,
	.is_intact = index_is_intact,
	.absorbed = index_absorbed,
	.visit_free = index_visit_free,
};

/* ---- walking ---- */

/* Where a walk is: the next block to look at, and where the region ends. */
struct walk {
	struct region *region;
	struct block *block;
	struct block *end;
};

static void walk_enter(struct walk *walk, struct region *region, struct block *block)
{
	walk->region = region;
	walk->block = block;
	walk->end = region == NULL ? NULL : region_end_block(region);
}

/* Go on in the next region that has memory; NULL block at the end of the heap. */
static void walk_next_region(struct walk *walk)
{
	struct region *region = walk->region->next;
	while (region != NULL && region->bytes == 0)
		region = region->next;
	walk_enter(walk, region, region == NULL ? NULL : region_first_block(region));
}

/* Begin at `block`, or at the bottom if that is NULL. */
static bool walk_begin(struct strategy_core *core, struct walk *walk, struct block *block)
{
	struct region *region = core->source->first;
	if (region == NULL)
		return false;
	if (block != NULL) {
		while ((uintptr_t)block - region->base >= region->bytes)
			region = region->next;
		walk_enter(walk, region, block);
	} else if (region->bytes == 0) {
		walk->region = region;
		walk_next_region(walk);
	} else {
		walk_enter(walk, region, region_first_block(region));
	}
	return walk->block != NULL;
}

/* Merge the free blocks behind a free one into it: deferred coalescing on the way. */
static uint64_t merge_forward(struct strategy_core *core, struct block *block, uint64_t tag)
{
	size_t bytes = tag_size(tag);
	size_t dirty_bytes = tagged_remove(core, &index, block, bytes);
	struct block *next = block_after(block, bytes);
	uint64_t next_tag = block_tag(next);
	while (!(next_tag & TAG_IS_USED) && tag_is_sound(core, next, next_tag)) {
		dirty_bytes += tagged_remove(core, &index, next, tag_size(next_tag));
		bytes += tag_size(next_tag);
		tagged_absorbed(core, &index, next, block);
		next = block_after(block, bytes);
		next_tag = block_tag(next);
	}
	block_set_free(core, block, bytes, tag & TAG_PREV_IS_USED);
	tagged_insert(core, &index, block, bytes, size_min(dirty_bytes, bytes));
	return block_tag(block);
}

/* The free block at `block`, merged forward if merging was deferred; its size, 0 if it is used. */
ALLOT_INLINE size_t walk_free_bytes(struct strategy_core *core, struct block *block, uint64_t tag)
{
	if (likely(tag & TAG_IS_USED))
		return 0;
	if (core->policy.coalesce == COALESCE_DEFERRED &&
	    !(block_tag(block_after(block, tag_size(tag))) & TAG_IS_USED))
		tag = merge_forward(core, block, tag);
	return tag_size(tag);
}

/*
 * Walk from walk->block to the first free block of `need` bytes or the end of the heap. Returns
 * it or NULL; walk->block is where the walk ended. A broken tag ends the walk with a fault.
 */
static struct block *walk_first(struct strategy_core *core, struct walk *walk, size_t need)
{
	for (;;) {
		struct block *block = walk->block;
		struct block *end = walk->end;
		while (block < end) {
			uint64_t tag = block_tag(block);
			if (unlikely(tag_size(tag) < BLOCK_BYTES_MIN ||
				     (uintptr_t)end - (uintptr_t)block < tag_size(tag)))
				return block_broken(core, block), NULL;
			size_t bytes = walk_free_bytes(core, block, tag);
			if (unlikely(bytes >= need)) {
				walk->block = block;
				return block;
			}
			block = block_after(block, size_max(bytes, tag_size(tag)));
		}
		walk->block = end;
		struct walk next = *walk;
		walk_next_region(&next);
		if (next.block == NULL)
			return NULL;
		*walk = next;
	}
}

/* ---- the fits ---- */

static bool is_whole(const struct implicit *m)
{
	return m->core.fault.kind == FAULT_NONE;
}

static struct block *find_first(struct implicit *m, size_t need)
{
	struct walk walk;
	if (!walk_begin(&m->core, &walk, m->floors[class_of(need)]))
		return NULL;
	struct block *found = walk_first(&m->core, &walk, need);
	if (is_whole(m))
		floors_raise(m, walk.block, need);
	return found;
}

static struct block *find_next(struct implicit *m, size_t need)
{
	struct walk walk;
	struct block *floor = m->floors[class_of(need)];
	struct block *found = NULL;
	if (m->rover > floor && walk_begin(&m->core, &walk, m->rover))
		found = walk_first(&m->core, &walk, need);
	/* Around the corner: from the lowest place where anything can be. */
	if (found == NULL && is_whole(m))
		found = find_first(m, need);
	if (found != NULL)
		m->rover = found;
	return found;
}

static struct block *find_best(struct implicit *m, size_t need)
{
	struct walk walk;
	struct block *best = NULL;
	struct block *found;
	size_t best_bytes = SIZE_MAX;
	if (!walk_begin(&m->core, &walk, m->floors[class_of(need)]))
		return NULL;
	while ((found = walk_first(&m->core, &walk, need)) != NULL) {
		size_t bytes = tag_size(block_tag(found));
		if (best == NULL)
			floors_raise(m, found, need);
		if (bytes < best_bytes) {
			best = found;
			best_bytes = bytes;
		}
		if (bytes == need)
			break;
		walk.block = block_after(found, bytes);
	}
	if (best == NULL && is_whole(m))
		floors_raise(m, walk.block, need);
	return is_whole(m) ? best : NULL;
}

static struct block *implicit_find(struct implicit *m, size_t need)
{
	switch (m->core.policy.fit) {
	case FIT_NEXT:
		return find_next(m, need);
	case FIT_BEST:
		return find_best(m, need);
	default:
		return find_first(m, need);
	}
}

/* ---- the strategy ---- */

static void *implicit_allocate(void *state, size_t bytes, size_t align)
{
	struct implicit *m = state;
	size_t need = block_bytes_for(bytes);
	size_t search = tagged_aligned_need(need, align);
	struct block *block = implicit_find(m, search);
	if (block == NULL && m->core.fault.kind == FAULT_NONE)
		block = tagged_grow(&m->core, &index, search);
	if (block == NULL)
		return NULL;
	uint64_t tag = block_tag(block);
	if (unlikely(!tag_is_sound(&m->core, block, tag)))
		return block_broken(&m->core, block), NULL;
	if (likely(align <= ALIGN_BYTES))
		return tagged_take(&m->core, &index, block, tag, need, bytes);
	return tagged_take_aligned(&m->core, &index, block, tag, need, bytes, align);
}

static bool implicit_free(void *state, struct region *region, void *p)
{
	struct implicit *m = state;
	uint64_t tag;
	struct block *block = block_verify_live(&m->core, region, p, &tag);
	if (unlikely(block == NULL))
		return false;
	if (m->core.policy.coalesce == COALESCE_DEFERRED)
		return tagged_release_unmerged(&m->core, &index, block, tag);
	return tagged_release(&m->core, &index, block, tag);
}

static enum resize_result implicit_resize(void *state, struct region *region, void *p,
					  size_t bytes)
{
	return tagged_resize(state, &index, region, p, bytes);
}

static bool implicit_describe(void *state, struct region *region, void *p, struct block_info *out)
{
	return block_describe(state, region, p, out);
}

/* Merge everything, by one walk that can find nothing large enough. */
static void implicit_merge_all(struct implicit *m)
{
	struct walk walk;
	if (m->core.policy.coalesce == COALESCE_DEFERRED && walk_begin(&m->core, &walk, NULL))
		walk_first(&m->core, &walk, SIZE_MAX);
}

static size_t implicit_trim(void *state, size_t keep_bytes)
{
	struct implicit *m = state;
	implicit_merge_all(m);
	return tagged_trim(&m->core, &index, keep_bytes);
}

static bool implicit_walk(void *state, block_visit *visit, void *context)
{
	return blocks_walk(state, visit, context);
}

struct floor_check {
	struct implicit *m;
	struct text *message;
	size_t starts; /* floors and rover found at a block's start */
};

static bool floor_visit(const struct block_info *info, void *context)
{
	struct floor_check *check = context;
	struct block *block = block_of_payload((void *)info->payload);
	for (unsigned c = 0; c < CLASSES; c++) {
		struct block *floor = check->m->floors[c];
		check->starts += floor == block;
		if (info->state == BLOCK_FREE && class_bytes_min(c) <= info->block_bytes &&
		    block < floor) {
			text_format(check->message, "free block %p below the floor of its size",
				    (void *)block);
			return false;
		}
	}
	check->starts += check->m->rover == block;
	return true;
}

/* Every floor and the rover must be NULL, a block's start or an end tag. */
static bool floors_check(struct implicit *m, struct text *message)
{
	struct floor_check check = {.m = m, .message = message};
	size_t expected = m->rover != NULL;
	if (!blocks_walk(&m->core, floor_visit, &check))
		return false;
	for (unsigned c = 0; c < CLASSES; c++) {
		expected += m->floors[c] != NULL;
		if (c > 0 && m->floors[c] < m->floors[c - 1]) {
			text_format(message, "floor of class %u is below the one before",
				    (size_t)c);
			return false;
		}
		for (struct region *r = m->core.source->first; r != NULL; r = r->next)
			check.starts += r->bytes > 0 && m->floors[c] == region_end_block(r);
	}
	for (struct region *r = m->core.source->first; r != NULL; r = r->next)
		check.starts += r->bytes > 0 && m->rover == region_end_block(r);
	if (check.starts != expected)
		text_string(message, "a floor or the rover is not at a block's start");
	return check.starts == expected;
}

static bool implicit_check(void *state, struct text *message)
{
	struct implicit *m = state;
	size_t free_blocks;
	bool free_neighbours = m->core.policy.coalesce == COALESCE_DEFERRED;
	return blocks_check(&m->core, free_neighbours, &free_blocks, message) &&
	       floors_check(m, message);
}

static void implicit_init(void *state)
{
	(void)state;
}

static_assert(sizeof(struct implicit) <= STRATEGY_STATE_BYTES_MAX, "state fits its storage");

const struct strategy strategy_implicit = {
	.name = "implicit",
	.summary = "implicit list: walks every block of the heap by its tag",
	.bound = "allocate O(blocks), free O(1)",
	.fits = HAS_FIT_FIRST | HAS_FIT_NEXT | HAS_FIT_BEST,
	.coalescings = HAS_COALESCE_IMMEDIATE | HAS_COALESCE_DEFERRED,
	.default_policy = {FIT_FIRST, ORDER_LIFO, COALESCE_IMMEDIATE},
	.state_bytes = sizeof(struct implicit),
	.block_bytes_min = BLOCK_BYTES_MIN,
	.request_bytes_max = BLOCK_BYTES_MAX - BLOCK_BYTES_MIN,
	.align_bytes_max = (size_t)1 << 30,
	.init = implicit_init,
	.allocate = implicit_allocate,
	.free = implicit_free,
	.resize = implicit_resize,
	.describe = implicit_describe,
	.trim = implicit_trim,
	.walk = implicit_walk,
	.check = implicit_check,
};
