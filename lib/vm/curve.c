/* SPDX-License-Identifier: MIT */
/*
 * Curves: the faults of every number of frames at once.
 *
 * LRU. Of each page only its last access counts. Give every access a moment, mark in a bitmap the
 * moments that are a page's last: the stack distance of an access is the number of marks after
 * the page's own, that one included. A Fenwick tree over the words of the bitmap counts them in
 * O(log n). There are twice as many moments as pages; when they are used up, the marks are moved
 * together, which costs as much as there are moments and so O(1) an access.
 *
 * OPT. A stack, too, but ordered by next use: what comes down from the top changes places with
 * whatever will be used later. As no two pages have the same next use, the stack holds these
 * moments and no page.
 *
 * Source: Mattson, Gecsei, Slutz, Traiger, "Evaluation techniques for storage hierarchies", 1970.
 */
#include <allot/vm.h>

#include <string.h>

#include "vm/page_index.h"

enum {
	WORD_BITS = 64,
	WORD_SHIFT = 6,
	MOMENTS_A_PAGE = 2,
};

struct vm_curve_state {
	struct page_index index;  /* the moment of a page's last access */
	uint64_t *marks;          /* a bit for each moment */
	uint32_t *tree;           /* Fenwick: marks in words, from 1 */
	uint32_t *places;         /* place in the index of the page marked at a moment */
	uint64_t *distances;      /* accesses of each stack distance, from 1 */
	uint64_t accesses;
	uint64_t last_page;
	uint32_t pages_max, pages;
	uint32_t moments;         /* there are */
	uint32_t now;             /* the next moment */
};

/* ---- marks ---- */

static void tree_add(struct vm_curve_state *s, uint32_t moment, uint32_t change)
{
	for (uint32_t i = (moment >> WORD_SHIFT) + 1; i <= s->moments >> WORD_SHIFT; i += i & -i)
		s->tree[i] += change;
}

static void mark_set(struct vm_curve_state *s, uint32_t moment)
{
	s->marks[moment >> WORD_SHIFT] |= (uint64_t)1 << moment % WORD_BITS;
	tree_add(s, moment, 1);
}

static void mark_clear(struct vm_curve_state *s, uint32_t moment)
{
	s->marks[moment >> WORD_SHIFT] &= ~((uint64_t)1 << moment % WORD_BITS);
	tree_add(s, moment, UINT32_MAX); /* - 1 */
}

/* Marks at or before `moment`. */
static uint32_t marks_until(const struct vm_curve_state *s, uint32_t moment)
{
	uint64_t word = s->marks[moment >> WORD_SHIFT] << (WORD_BITS - 1 - moment % WORD_BITS);
	uint32_t count = (uint32_t)__builtin_popcountll(word);
	for (uint32_t i = moment >> WORD_SHIFT; i > 0; i -= i & -i)
		count += s->tree[i];
	return count;
}

static bool is_marked(const struct vm_curve_state *s, uint32_t moment)
{
	return s->marks[moment >> WORD_SHIFT] >> moment % WORD_BITS & 1;
}

/* Move all marks together, at the first moments. */
static void marks_compact(struct vm_curve_state *s)
{
	uint32_t kept = 0;
	for (uint32_t moment = 0; moment < s->now; moment++) {
		if (!is_marked(s, moment))
			continue;
		s->places[kept] = s->places[moment];
		s->index.values[s->places[kept]] = kept;
		kept++;
	}
	uint32_t words = s->moments >> WORD_SHIFT;
	memset(s->marks, 0, words * sizeof(*s->marks));
	memset(s->tree, 0, (words + 1) * sizeof(*s->tree));
	s->now = 0;
	while (s->now < kept)
		mark_set(s, s->now++);
}

/* ---- the curve of LRU ---- */

static uint32_t moments_for(uint32_t pages_max)
{
	return (uint32_t)align_up((size_t)pages_max * MOMENTS_A_PAGE + WORD_BITS, WORD_BITS);
}

size_t vm_curve_bytes(uint32_t pages_max)
{
	size_t moments = moments_for(pages_max), words = moments >> WORD_SHIFT;
	return sizeof(struct vm_curve_state) + page_index_bytes(pages_max) +
	       words * sizeof(uint64_t) + (pages_max + (size_t)1) * sizeof(uint64_t) +
	       align_up((words + 1 + moments) * sizeof(uint32_t), sizeof(uint64_t));
}

void vm_curve_init(struct vm_curve *curve, void *memory, uint32_t pages_max)
{
	struct vm_curve_state *s = curve->state = memory;
	memset(memory, 0, vm_curve_bytes(pages_max));
	s->pages_max = pages_max;
	s->moments = moments_for(pages_max);
	s->last_page = VM_NO_PAGE;
	size_t words = s->moments >> WORD_SHIFT;
	s->marks = (uint64_t *)(s + 1);
	s->distances = s->marks + words;
	page_index_init(&s->index, s->distances + pages_max + 1, pages_max);
	s->tree = s->index.values + s->index.mask + 1;
	s->places = s->tree + words + 1;
}

/* The distance of an access to a page that was accessed at `moment`, which is over now. */
static uint32_t distance_take(struct vm_curve_state *s, uint32_t moment)
{
	uint32_t distance = s->pages - marks_until(s, moment) + 1;
	mark_clear(s, moment);
	return distance;
}

bool vm_curve_add(struct vm_curve *curve, uint64_t page, uint64_t count)
{
	struct vm_curve_state *s = curve->state;
	if (count == 0)
		return true;
	if (page == s->last_page) {
		s->accesses += count;
		s->distances[1] += count;
		return true;
	}
	uint32_t place = page_index_place(&s->index, page);
	bool is_new = !page_index_has(&s->index, place);
	if (is_new && s->pages == s->pages_max)
		return false;
	if (s->now == s->moments)
		marks_compact(s);
	if (is_new)
		s->pages++;
	else
		s->distances[distance_take(s, s->index.values[place])]++;
	page_index_put(&s->index, place, page, s->now);
	s->places[s->now] = place;
	mark_set(s, s->now++);
	s->accesses += count;
	if (count > 1)
		s->distances[1] += count - 1;
	s->last_page = page;
	return true;
}

void vm_curve_move(struct vm_curve *curve, void *memory, uint32_t pages_max)
{
	const struct vm_curve_state *old = curve->state;
	assert(pages_max >= old->pages);
	vm_curve_init(curve, memory, pages_max);
	struct vm_curve_state *s = curve->state;
	s->accesses = old->accesses;
	s->last_page = old->last_page;
	memcpy(s->distances, old->distances, (old->pages + (size_t)1) * sizeof(*s->distances));
	for (uint32_t moment = 0; moment < old->now; moment++) {
		if (!is_marked(old, moment))
			continue;
		uint64_t page = old->index.pages[old->places[moment]];
		uint32_t place = page_index_place(&s->index, page);
		page_index_put(&s->index, place, page, s->now);
		s->places[s->now] = place;
		mark_set(s, s->now++);
		s->pages++;
	}
}

uint64_t vm_curve_accesses(const struct vm_curve *curve)
{
	return curve->state->accesses;
}

uint32_t vm_curve_pages(const struct vm_curve *curve)
{
	return curve->state->pages;
}

uint64_t vm_curve_faults(const struct vm_curve *curve, uint32_t frames)
{
	const struct vm_curve_state *s = curve->state;
	uint64_t faults = s->accesses;
	for (uint32_t distance = 1; distance <= frames && distance <= s->pages; distance++)
		faults -= s->distances[distance];
	return faults;
}

/* ---- the curve of OPT ---- */

size_t vm_next_use_bytes(size_t count)
{
	return page_index_bytes(count);
}

void vm_next_use(const uint64_t *pages, size_t count, uint64_t *next, void *memory)
{
	struct page_index index;
	assert(count < UINT32_MAX / 2);
	page_index_init(&index, memory, count);
	for (size_t i = count; i-- > 0;) {
		uint32_t place = page_index_place(&index, pages[i]);
		next[i] = page_index_has(&index, place) ? index.values[place] : VM_NO_NEXT_USE;
		page_index_put(&index, place, pages[i], (uint32_t)i);
	}
}

size_t vm_opt_curve_bytes(size_t count)
{
	return count * sizeof(uint64_t);
}

/*
 * Access number `moment`, whose page will be used at `next_use`. Returns its stack distance, from
 * 1, or 0 for a page that is new.
 */
static size_t opt_step(uint64_t *stack, size_t *depth, uint64_t moment, uint64_t next_use)
{
	uint64_t carried = next_use;
	for (size_t i = 0; i < *depth; i++) {
		uint64_t here = stack[i];
		if (here == moment) {
			stack[i] = carried;
			return i + 1;
		}
		/* The first place is the page's own; below it, the later use sinks. */
		if (i == 0 || here > carried) {
			stack[i] = carried;
			carried = here;
		}
	}
	stack[(*depth)++] = carried;
	return 0;
}

void vm_opt_curve(const uint64_t *pages, const uint64_t *next, size_t count, uint64_t *faults,
		  uint32_t frames_max, void *memory)
{
	size_t depth = 0;
	(void)pages;
	memset(faults, 0, (frames_max + (size_t)1) * sizeof(*faults));
	for (size_t i = 0; i < count; i++) {
		size_t distance = opt_step(memory, &depth, i, next[i]);
		if (distance != 0 && distance <= frames_max)
			faults[distance]++;
	}
	/* From hits at each distance to faults with each number of frames. */
	faults[0] = count;
	for (uint32_t frames = 1; frames <= frames_max; frames++)
		faults[frames] = faults[frames - 1] - faults[frames];
}
