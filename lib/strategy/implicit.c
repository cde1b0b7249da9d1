/* SPDX-License-Identifier: MIT */
/*
 * Implicit list: no list at all. The tags themselves, block after block, are what is searched.
 *
 * Finding. First fit walks from the start of the heap, next fit from where the last search ended,
 * best fit over everything (or until a block fits exactly). The walk meets live blocks too: that
 * is the price of having no list.
 *
 * What makes it as fast as that can be: the walk takes notes, so that it need not look again
 * where it knows that nothing is. The heap is divided into at most CARDS cards of equal size; a
 * card notes where the first block in it starts and a size that no free block starting in it
 * exceeds. A walk skips cards whose note is below the need; a card it walked through in vain gets
 * its note corrected, a block freed in a card raises it. Cards double in size when the heap
 * outgrows them. Besides, for each size class a floor says below which card there is nothing.
 * What is found is what a full walk would have found.
 *
 * Places. A region's bytes are numbered on from those of the older regions, which neither grow nor
 * shrink any more, so that a place is a number in the order of the walk.
 *
 * Coalescing. Immediate: a freed block is merged with both neighbours by boundary tags. Deferred:
 * a freed block is marked and nothing else; the walk merges forward what it meets, and a search
 * that found nothing merges everything and is made again before the heap grows.
 *
 * Work. Allocate: O(cards) + O(blocks in the cards that might have something), O(blocks of the
 * heap) at worst. Free: O(1), and the floors it lowers.
 */
#include "strategy/tagged.h"

enum {
	EXACT_BYTES_MAX = 1024,
	EXACT_SHIFT = 10,
	EXACT_CLASSES = EXACT_BYTES_MAX / ALIGN_BYTES,
	CLASSES = EXACT_CLASSES + 36 - EXACT_SHIFT,
	CARDS = 2048,
	CARD_SHIFT_MIN = 10,
	NO_START = 0,
};

struct implicit {
	struct strategy_core core;
	unsigned card_shift; /* log2 of a card's bytes */
	uint32_t card_count; /* in use: those the heap reaches into */
	uint32_t largest[CARDS]; /* no free block that starts in the card has more units of 16 */
	uint32_t first[CARDS];   /* 1 + the first start in the card, in units of 16, or NO_START */
	uint32_t floors[CLASSES]; /* no free block of the class starts in a card below; ascending */
	struct block *rover;      /* a block's start: where next fit goes on; NULL: at the bottom */
};

ALLOT_INLINE struct implicit *of_core(const struct strategy_core *core)
{
	return (struct implicit *)(uintptr_t)core;
}

/* ---- places ---- */

/* The number of a block's first byte, in the order of the walk. */
ALLOT_INLINE size_t place_of(const struct implicit *m, const struct block *block)
{
	const struct region *region = m->core.source->first;
	size_t older_bytes = 0;
	while (unlikely((uintptr_t)block - region->base >= region->bytes)) {
		older_bytes += region->bytes;
		region = region->next;
	}
	return older_bytes + ((uintptr_t)block - region->base);
}

/* The block at a place, and its region. */
static struct block *block_at(const struct implicit *m, size_t place, struct region **out_region)
{
	struct region *region = m->core.source->first;
	while (unlikely(place >= region->bytes)) {
		place -= region->bytes;
		region = region->next;
	}
	*out_region = region;
	return (struct block *)(region->base + place);
}

ALLOT_INLINE uint32_t card_of(const struct implicit *m, size_t place)
{
	return (uint32_t)(place >> m->card_shift);
}

static size_t card_place(const struct implicit *m, uint32_t card)
{
	return (size_t)card << m->card_shift;
}

/* A place within its card, as noted in first[]. */
ALLOT_INLINE uint32_t start_of(const struct implicit *m, size_t place)
{
	return (uint32_t)((place & (card_place(m, 1) - 1)) / ALIGN_BYTES) + 1;
}

/* ---- notes ---- */

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

/* A free block of `bytes` starts in `card`. */
ALLOT_INLINE void floors_lower(struct implicit *m, uint32_t card, size_t bytes)
{
	for (int c = (int)class_of(bytes); c >= 0 && m->floors[c] > card; c--)
		m->floors[c] = card;
}

/* Nothing of `need` bytes starts below `card`. */
ALLOT_INLINE void floors_raise(struct implicit *m, uint32_t card, size_t need)
{
	unsigned c = class_of(need);
	if (class_bytes_min(c) < need)
		c++;
	for (; c < CLASSES && m->floors[c] < card; c++)
		m->floors[c] = card;
}

/* The heap has outgrown its cards: make each two into one. */
static void cards_double(struct implicit *m)
{
	uint32_t upper = (uint32_t)(card_place(m, 1) / ALIGN_BYTES);
	for (uint32_t i = 0; i < CARDS / 2; i++) {
		uint32_t a = 2 * i, b = a + 1;
		uint32_t second = m->first[b] == NO_START ? NO_START : m->first[b] + upper;
		m->largest[i] = m->largest[a] > m->largest[b] ? m->largest[a] : m->largest[b];
		m->first[i] = m->first[a] != NO_START ? m->first[a] : second;
	}
	for (uint32_t i = CARDS / 2; i < CARDS; i++)
		m->largest[i] = m->first[i] = 0;
	for (unsigned c = 0; c < CLASSES; c++)
		m->floors[c] /= 2;
	m->card_shift++;
}

/* The card of a place, which may be one the heap never reached before. */
ALLOT_INLINE uint32_t card_reach(struct implicit *m, size_t place)
{
	while (unlikely(card_of(m, place) >= CARDS))
		cards_double(m);
	uint32_t card = card_of(m, place);
	if (unlikely(card >= m->card_count))
		m->card_count = card + 1;
	return card;
}

static void index_started(struct strategy_core *core, struct block *block)
{
	struct implicit *m = of_core(core);
	size_t place = place_of(m, block);
	uint32_t card = card_reach(m, place);
	uint32_t start = start_of(m, place);
	if (m->first[card] == NO_START || m->first[card] > start)
		m->first[card] = start;
}

ALLOT_INLINE void index_insert(struct strategy_core *core, struct block *block, size_t bytes)
{
	struct implicit *m = of_core(core);
	index_started(core, block);
	uint32_t card = card_of(m, place_of(m, block));
	uint32_t units = (uint32_t)(bytes / ALIGN_BYTES);
	if (m->largest[card] < units)
		m->largest[card] = units;
	floors_lower(m, card, bytes);
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

/*
 * The place of the first block at or behind `block`, which is at `place` and may be the end tag of
 * its region: then the next region goes on 16 bytes further. SIZE_MAX at the end of the heap.
 */
static size_t place_of_block_from(const struct implicit *m, const struct block *block, size_t place)
{
	const struct region *region = m->core.source->first;
	if (likely(tag_size(block_tag(block)) != 0))
		return place;
	while ((uintptr_t)block - region->base >= region->bytes)
		region = region->next;
	do {
		region = region->next;
	} while (region != NULL && region->bytes == 0);
	return region == NULL ? SIZE_MAX : place + REGION_OVERHEAD_BYTES;
}

static void index_absorbed(struct strategy_core *core, struct block *gone, struct block *into,
			   struct block *after)
{
	struct implicit *m = of_core(core);
	size_t place = place_of(m, gone);
	uint32_t card = card_reach(m, place);
	if (m->first[card] == start_of(m, place)) {
		size_t next = place + (size_t)((char *)after - (char *)gone);
		next = place_of_block_from(m, after, next);
		bool is_here = next >> m->card_shift == card;
		m->first[card] = is_here ? start_of(m, next) : NO_START;
	}
	if (m->rover == gone)
		m->rover = into;
}

struct visit_free {
	struct strategy_core *core;
	size_t bytes_min;
	free_block_visit *visit;
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
			     free_block_visit *visit, size_t *released)
{
	struct visit_free v = {core, bytes_min, visit, released};
	blocks_walk(core, visit_if_free, &v);
}

static const struct tagged_index index = {
	.insert = index_insert,
	.remove = index_remove,
	.is_intact = index_is_intact,
	.started = index_started,
	.absorbed = index_absorbed,
	.visit_free = index_visit_free,
};

/* ---- walking ---- */

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
		tagged_absorbed(core, &index, next, block, block_after(block, bytes));
		next = block_after(block, bytes);
		next_tag = block_tag(next);
	}
	block_set_free(core, block, bytes, tag & TAG_PREV_IS_USED);
	tagged_insert(core, &index, block, bytes, size_min(dirty_bytes, bytes));
	return block_tag(block);
}

/* The size of the free block at `block`, merged forward if that was deferred; 0 if it is used. */
ALLOT_INLINE size_t walk_free_bytes(struct strategy_core *core, struct block *block, uint64_t tag)
{
	if (likely(tag & TAG_IS_USED))
		return 0;
	if (core->policy.coalesce == COALESCE_DEFERRED &&
	    !(block_tag(block_after(block, tag_size(tag))) & TAG_IS_USED))
		tag = merge_forward(core, block, tag);
	return tag_size(tag);
}

/* What a search is after, and the best it has seen. */
struct search {
	size_t need;
	bool wants_best;
	struct block *found;
	size_t found_bytes;
};

/* Look at a free block. Returns true when the search is over. */
ALLOT_INLINE bool search_try(struct search *search, struct block *block, size_t bytes)
{
	if (bytes < search->need || bytes >= search->found_bytes)
		return false;
	search->found = block;
	search->found_bytes = bytes;
	return !search->wants_best || bytes == search->need;
}

/*
 * Walk a card from its block at `place` on, and correct its note if the walk began at its start
 * and saw all of it. Returns true when the search is over, be it by a fault.
 */
static bool card_walk(struct implicit *m, uint32_t card, size_t place, bool from_start,
		      struct search *search)
{
	struct region *region;
	struct block *block = block_at(m, place, &region);
	size_t card_end = card_place(m, card + 1);
	size_t largest_bytes = 0;
	while (place < card_end) {
		struct block *end = region_end_block(region);
		if (block == end) { /* the next region goes on where this one ends */
			place += REGION_OVERHEAD_BYTES;
			do {
				region = region->next;
			} while (region != NULL && region->bytes == 0);
			if (region == NULL)
				break;
			block = region_first_block(region);
			continue;
		}
		uint64_t tag = block_tag(block);
		if (unlikely(tag_size(tag) < BLOCK_BYTES_MIN ||
			     (uintptr_t)end - (uintptr_t)block < tag_size(tag)))
			return block_broken(&m->core, block), true;
		size_t bytes = walk_free_bytes(&m->core, block, tag);
		if (unlikely(bytes != 0)) {
			largest_bytes = size_max(largest_bytes, bytes);
			if (search_try(search, block, bytes))
				return true;
		}
		size_t step = size_max(bytes, tag_size(tag));
		block = block_after(block, step);
		place += step;
	}
	if (from_start)
		m->largest[card] = (uint32_t)(largest_bytes / ALIGN_BYTES);
	return false;
}

/* Search the cards [card, end). Returns true when the search is over; *card is where. */
static bool cards_search(struct implicit *m, uint32_t *card, uint32_t end, struct search *search)
{
	uint32_t units = (uint32_t)(search->need / ALIGN_BYTES);
	for (; *card < end; ++*card) {
		if (likely(m->largest[*card] < units))
			continue;
		if (m->first[*card] == NO_START) {
			m->largest[*card] = 0;
			continue;
		}
		size_t place = card_place(m, *card) +
			       (size_t)(m->first[*card] - 1) * ALIGN_BYTES + REGION_PAD_BYTES;
		if (card_walk(m, *card, place, true, search))
			return true;
	}
	return false;
}

/* ---- the fits ---- */

static struct block *search_result(const struct implicit *m, const struct search *search)
{
	return m->core.fault.kind == FAULT_NONE ? search->found : NULL;
}

/* First and best fit: from the lowest card that can have something. */
static struct block *find_from_floor(struct implicit *m, size_t need, bool wants_best)
{
	struct search search = {need, wants_best, NULL, SIZE_MAX};
	uint32_t card = m->floors[class_of(need)];
	cards_search(m, &card, m->card_count, &search);
	if (search.found != NULL)
		card = card_of(m, place_of(m, search.found));
	/* Of a best fit it is known only that nothing at all was seen. */
	if (m->core.fault.kind == FAULT_NONE && (!wants_best || search.found == NULL))
		floors_raise(m, card, need);
	return search_result(m, &search);
}

static struct block *find_next(struct implicit *m, size_t need)
{
	struct search search = {need, false, NULL, SIZE_MAX};
	if (m->rover == NULL)
		return m->rover = find_from_floor(m, need, false);
	size_t place = place_of(m, m->rover);
	uint32_t card = card_of(m, place);
	bool is_over = card_walk(m, card, place, false, &search);
	card++;
	if (!is_over)
		is_over = cards_search(m, &card, m->card_count, &search);
	/* Around the corner: from the lowest place where anything can be. */
	struct block *found = is_over ? search_result(m, &search) :
					find_from_floor(m, need, false);
	if (found != NULL)
		m->rover = found;
	return found;
}

static struct block *implicit_find(struct implicit *m, size_t need)
{
	if (m->core.policy.fit == FIT_NEXT)
		return find_next(m, need);
	return find_from_floor(m, need, m->core.policy.fit == FIT_BEST);
}

/* Merge everything, by a walk through all cards that finds nothing large enough. */
static void implicit_merge_all(struct implicit *m)
{
	struct search search = {SIZE_MAX, false, NULL, SIZE_MAX};
	for (uint32_t card = 0; card < m->card_count; card++) {
		size_t start = m->first[card];
		if (start != NO_START)
			card_walk(m, card, card_place(m, card) + (start - 1) * ALIGN_BYTES +
						   REGION_PAD_BYTES,
				  true, &search);
	}
}

/*
 * The block to place `need` bytes in. A miss is when deferred merging is due: notes know single
 * blocks only, so a run of free neighbours that would do may have been skipped.
 */
static struct block *implicit_obtain(struct implicit *m, size_t need)
{
	struct block *block = implicit_find(m, need);
	if (block == NULL && m->core.policy.coalesce == COALESCE_DEFERRED &&
	    m->core.fault.kind == FAULT_NONE) {
		implicit_merge_all(m);
		block = implicit_find(m, need);
	}
	if (block != NULL || m->core.fault.kind != FAULT_NONE)
		return block;
	return tagged_grow(&m->core, &index, need);
}

/* ---- the strategy ---- */

static void *implicit_allocate(void *state, size_t bytes, size_t align)
{
	struct implicit *m = state;
	size_t need = block_bytes_for(bytes);
	struct block *block = implicit_obtain(m, tagged_aligned_need(need, align));
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
					  size_t bytes, size_t room_bytes)
{
	return tagged_resize(state, &index, region, p, bytes, room_bytes);
}

static bool implicit_describe(void *state, struct region *region, void *p, struct block_info *out)
{
	return block_describe(state, region, p, out);
}

static size_t implicit_trim(void *state, size_t keep_bytes, size_t most_bytes)
{
	struct implicit *m = state;
	if (m->core.policy.coalesce == COALESCE_DEFERRED)
		implicit_merge_all(m);
	return tagged_trim(&m->core, &index, keep_bytes, most_bytes);
}

static bool implicit_walk(void *state, block_visit *visit, void *context)
{
	return blocks_walk(state, visit, context);
}

/* ---- checking ---- */

struct note_check {
	struct implicit *m;
	struct text *message;
	uint32_t next_card;  /* cards below it have been compared */
	bool rover_is_start;
};

static bool note_fails(struct note_check *check, const char *what, const struct block *block)
{
	text_format(check->message, "%s at block %p", what, (const void *)block);
	return false;
}

static bool note_visit(const struct block_info *info, void *context)
{
	struct note_check *check = context;
	struct implicit *m = check->m;
	struct block *block = block_of_payload((void *)info->payload);
	size_t place = place_of(m, block);
	uint32_t card = card_of(m, place);
	if (card >= m->card_count)
		return note_fails(check, "no card", block);
	for (; check->next_card < card; check->next_card++) {
		if (m->first[check->next_card] != NO_START)
			return note_fails(check, "card notes a start it does not have before",
					  block);
	}
	if (check->next_card == card) {
		check->next_card++;
		if (m->first[card] != start_of(m, place))
			return note_fails(check, "card notes another first start", block);
	}
	if (info->state == BLOCK_FREE && m->largest[card] < info->block_bytes / ALIGN_BYTES)
		return note_fails(check, "free block larger than its card notes", block);
	for (unsigned c = 0; info->state == BLOCK_FREE && c < CLASSES; c++) {
		if (class_bytes_min(c) <= info->block_bytes && card < m->floors[c])
			return note_fails(check, "free block below the floor of its size", block);
	}
	check->rover_is_start |= m->rover == block;
	return true;
}

static bool notes_check(struct implicit *m, struct text *message)
{
	struct note_check check = {.m = m, .message = message, .rover_is_start = m->rover == NULL};
	if (!blocks_walk(&m->core, note_visit, &check))
		return false;
	for (unsigned c = 1; c < CLASSES; c++) {
		if (m->floors[c] < m->floors[c - 1]) {
			text_format(message, "floor of class %u is below the one before",
				    (size_t)c);
			return false;
		}
	}
	if (!check.rover_is_start)
		text_string(message, "the rover is not at a block's start");
	return check.rover_is_start;
}

static bool implicit_check(void *state, struct text *message)
{
	struct implicit *m = state;
	size_t free_blocks;
	bool free_neighbours = m->core.policy.coalesce == COALESCE_DEFERRED;
	return blocks_check(&m->core, free_neighbours, &free_blocks, message) &&
	       notes_check(m, message);
}

static void implicit_init(void *state)
{
	struct implicit *m = state;
	m->card_shift = CARD_SHIFT_MIN;
}

static_assert(sizeof(struct implicit) <= STRATEGY_STATE_BYTES_MAX, "state fits its storage");

const struct strategy strategy_implicit = {
	.name = "implicit",
	.summary = "implicit list: walks every block of the heap by its tag",
	.bound = "allocate O(blocks), most skipped by notes; free O(1)",
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
	.size = block_size,
	.trim = implicit_trim,
	.walk = implicit_walk,
	.check = implicit_check,
};
