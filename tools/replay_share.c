/* SPDX-License-Identifier: MIT */
/*
 * Replay, shares: see replay_share.h.
 *
 * A block is gone through in stretches in which nothing changes: they end where a range of any kind
 * does, and where a place of the block does.
 */
#include "replay_share.h"

#include <stdlib.h>
#include <string.h>

#include "room.h"

/* Fewer bytes say nothing of a share. */
enum { SEEN_PAGES_MIN = 16, BITS = 64 };

/* ---- ranges ---- */

static void range_add(struct replay_ranges *ranges, uint64_t begin, uint64_t end, uint32_t blocks)
{
	ranges->all = room_grow(ranges->all, &ranges->capacity, ranges->count + 1,
				sizeof(*ranges->all));
	ranges->all[ranges->count++] = (struct replay_range){ begin, end, blocks, 0 };
}

static int ranges_compare(const void *a, const void *b)
{
	const struct replay_range *left = a, *right = b;

	return left->begin < right->begin ? -1 : left->begin > right->begin;
}

/* Put them in order, and together where they touch. */
static void ranges_join(struct replay_ranges *ranges)
{
	size_t kept = 0;

	if (ranges->count > 1)
		qsort(ranges->all, ranges->count, sizeof(*ranges->all), ranges_compare);
	for (size_t i = 1; i < ranges->count; i++) {
		struct replay_range *last = &ranges->all[kept], *next = &ranges->all[i];
		if (next->begin > last->end)
			ranges->all[++kept] = *next;
		else if (next->end > last->end)
			last->end = next->end;
	}
	ranges->count = ranges->count > 0 ? kept + 1 : 0;
}

/* The first range that ends behind `address`. */
static size_t range_find(const struct replay_ranges *ranges, uint64_t address)
{
	size_t low = 0, high = ranges->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (ranges->all[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The range with the address, or NULL. `*stop` comes down to where that changes. */
static struct replay_range *range_at(const struct replay_ranges *ranges, uint64_t address,
				     uint64_t *stop)
{
	size_t index = range_find(ranges, address);

	if (index == ranges->count)
		return NULL;
	struct replay_range *range = &ranges->all[index];
	bool is_in = range->begin <= address;
	uint64_t edge = is_in ? range->end : range->begin;
	if (edge < *stop)
		*stop = edge;
	return is_in ? range : NULL;
}

static void range_remove(struct replay_ranges *ranges, uint64_t begin, uint64_t end)
{
	size_t first = range_find(ranges, begin), last = first;

	while (last < ranges->count && ranges->all[last].begin < end)
		last++;
	if (first == last)
		return;
	uint64_t from = ranges->all[first].begin, to = ranges->all[last - 1].end;
	size_t left = (size_t)(from < begin) + (size_t)(to > end), count = ranges->count;
	/* One may become two. */
	if (left > last - first)
		range_add(ranges, 0, 0, 0);
	memmove(&ranges->all[first + left], &ranges->all[last],
		(count - last) * sizeof(*ranges->all));
	ranges->count = first + left + count - last;
	if (from < begin)
		ranges->all[first++] = (struct replay_range){ .begin = from, .end = begin };
	if (to > end)
		ranges->all[first] = (struct replay_range){ .begin = end, .end = to };
}

/* ---- what changes between samples, and at one ---- */

void replay_share_pages(struct replay_share *share, const struct trace_event *event)
{
	range_remove(&share->stale, event->address, event->address + event->bytes);
	if (event->pages == TRACE_PAGES_MOVE)
		range_remove(&share->stale, event->old_address, event->old_address + event->bytes);
}

/* Where a block begins, or ends. */
struct replay_edge {
	uint64_t address;
	int step; /* blocks more */
};

static int edges_compare(const void *a, const void *b)
{
	const struct replay_edge *left = a, *right = b;

	return left->address < right->address ? -1 : left->address > right->address;
}

/* What is resident and not stale. */
static void fresh_find(struct replay_share *share)
{
	share->fresh.count = 0;
	for (size_t i = 0; i < share->resident.count; i++) {
		uint64_t end = share->resident.all[i].end, stop;
		for (uint64_t at = share->resident.all[i].begin; at < end; at = stop) {
			stop = end;
			if (range_at(&share->stale, at, &stop) == NULL)
				range_add(&share->fresh, at, stop, 0);
		}
	}
}

/* How many blocks lie where, of those that came since the sample before. */
static void covered_find(struct replay_share *share, const struct replay_large *large,
			 size_t count)
{
	size_t edges = 0;
	uint32_t blocks = 0;

	share->covered.count = 0;
	share->edges = room_grow(share->edges, &share->edge_capacity, 2 * count + 1,
				 sizeof(*share->edges));
	for (size_t i = 0; i < count; i++) {
		uint64_t begin = large[i].address, end = begin + large[i].bytes;
		if (large[i].is_old)
			continue;
		share->edges[edges++] = (struct replay_edge){ begin, 1 };
		share->edges[edges++] = (struct replay_edge){ end, -1 };
	}
	if (edges > 1)
		qsort(share->edges, edges, sizeof(*share->edges), edges_compare);
	for (size_t i = 0; i + 1 < edges; i++) {
		blocks += (uint32_t)share->edges[i].step;
		if (blocks > 0 && share->edges[i].address < share->edges[i + 1].address)
			range_add(&share->covered, share->edges[i].address,
				  share->edges[i + 1].address, blocks);
	}
}

void replay_share_end(struct replay_share *share)
{
	struct replay_ranges before = share->stale;

	share->stale = share->resident;
	share->resident = before;
}

void replay_share_finish(struct replay_share *share)
{
	free(share->resident.all);
	free(share->stale.all);
	free(share->fresh.all);
	free(share->covered.all);
	free(share->edges);
	free(share->parts);
	*share = (struct replay_share){ 0 };
}

/* ---- shares ---- */

static double seen_share(const struct replay_seen *seen)
{
	/* Given back and written again, a page counts more than once. */
	return seen->written_bytes < seen->bytes
		       ? (double)seen->written_bytes / (double)seen->bytes
		       : 1;
}

static void seen_add(struct replay_seen *seen, uint64_t bytes, uint64_t written_bytes)
{
	seen->bytes += bytes;
	seen->written_bytes += written_bytes;
}

static unsigned class_of(uint64_t bytes)
{
	return 63 - (unsigned)__builtin_clzll(bytes | 1);
}

static double share_of(const struct replay_share *share, uint64_t bytes, unsigned place)
{
	unsigned class = class_of(bytes);
	const struct replay_seen *nearest[] = {
		&share->seen[class][place], &share->seen_classes[class], &share->seen_all,
	};

	for (size_t i = 0; i < sizeof(nearest) / sizeof(nearest[0]); i++)
		if (nearest[i]->bytes >= SEEN_PAGES_MIN * share->page_bytes)
			return seen_share(nearest[i]);
	return 1;
}

/* ---- blocks ---- */

/* A stretch of a block in which nothing changes. */
struct stretch {
	uint64_t begin, end;
	unsigned place;
	bool is_resident, is_stale;
	struct replay_range *covered; /* by blocks that came since the sample before, or NULL */
};

/* Where the page ends that the block begins in. */
static uint64_t page_second(const struct replay_share *share, const struct replay_large *large)
{
	return (large->address | (share->page_bytes - 1)) + 1;
}

static struct stretch stretch_at(const struct replay_share *share, const struct replay_large *large,
				 uint64_t address)
{
	/* A page, or more where it has too many. */
	uint64_t pages = large->bytes / REPLAY_SHARE_PLACES / share->page_bytes + 1;
	uint64_t step = pages * share->page_bytes;
	uint64_t place = (address - large->address) / step;
	struct stretch stretch = {
		.begin = address,
		.end = large->address + (place + 1) * step,
		.place = (unsigned)place,
	};

	if (stretch.end > large->address + large->bytes)
		stretch.end = large->address + large->bytes;
	uint64_t second = page_second(share, large);
	if (address < second && stretch.end > second)
		stretch.end = second;
	stretch.is_resident = range_at(&share->resident, address, &stretch.end) != NULL;
	stretch.is_stale = range_at(&share->stale, address, &stretch.end) != NULL;
	stretch.covered = range_at(&share->covered, address, &stretch.end);
	return stretch;
}

static void part_add(struct replay_share *share, uint64_t from, uint64_t to)
{
	if (share->part_count > 0 && share->parts[share->part_count - 1].to == from) {
		share->parts[share->part_count - 1].to = to;
		return;
	}
	share->parts = room_grow(share->parts, &share->part_capacity, share->part_count + 1,
				 sizeof(*share->parts));
	share->parts[share->part_count++] = (struct replay_part){ from, to };
}

/*
 * Where in its first and last page a part was written nobody knows: half of each is taken off, so
 * that it has as many pages in a block that lies otherwise to them.
 */
static void parts_trim(struct replay_share *share, const struct replay_large *large)
{
	uint64_t half = share->page_bytes / 2;

	for (size_t i = 0; i < share->part_count; i++) {
		struct replay_part *part = &share->parts[i];
		bool is_first = part->from == 0, is_last = part->to == large->bytes;
		if (part->to - part->from <= 2 * half) {
			part->from = is_first ? 0 : (part->from + part->to) / 2;
			part->to = is_last ? part->to : part->from + 1;
			continue;
		}
		part->from += is_first ? 0 : half;
		part->to -= is_last ? 0 : half - 1;
	}
}

/* Learn from fresh bytes of a block. Pages at its edges are others' as well. */
static void stretch_learn(struct replay_share *share, const struct replay_large *large,
			  const struct stretch *stretch, bool is_new)
{
	uint64_t begin = page_second(share, large), end = large->address + large->bytes;
	unsigned class = class_of(large->bytes);

	begin = stretch->begin > begin ? stretch->begin : begin;
	end &= ~(share->page_bytes - 1);
	end = stretch->end < end ? stretch->end : end;
	if (begin >= end)
		return;
	uint64_t bytes = is_new ? end - begin : 0, written = stretch->is_resident ? end - begin : 0;
	seen_add(&share->seen[class][stretch->place], bytes, written);
	seen_add(&share->seen_classes[class], bytes, written);
	seen_add(&share->seen_all, bytes, written);
}

/* Of blocks that nothing is seen of. Who asks for one writes to its start. */
static double stretch_share(const struct replay_share *share, const struct replay_large *large,
			    const struct stretch *stretch)
{
	return stretch->begin < page_second(share, large)
		       ? 1 : share_of(share, large->bytes, stretch->place);
}

/* Learn from the blocks that came since the sample before. */
static void new_learn(struct replay_share *share, const struct replay_large *large)
{
	uint64_t end = large->address + large->bytes;
	struct stretch stretch;

	for (uint64_t at = large->address; at < end; at = stretch.end) {
		stretch = stretch_at(share, large, at);
		if (!stretch.is_stale && stretch.covered != NULL && stretch.covered->blocks == 1)
			stretch_learn(share, large, &stretch, true);
	}
}

void replay_share_begin(struct replay_share *share, const struct trace_sample *sample,
			const struct replay_large *large, size_t count)
{
	covered_find(share, large, count);
	share->resident.count = 0;
	for (size_t i = 0; i < sample->run_count; i++)
		range_add(&share->resident, sample->runs[i].address,
			  sample->runs[i].address + sample->runs[i].bytes, 0);
	ranges_join(&share->resident);
	fresh_find(share);
	/* Before anything is decided. */
	for (size_t i = 0; i < count; i++)
		if (!large[i].is_old && !large[i].is_gone)
			new_learn(share, &large[i]);
}

/* The 64ths of the covered range that the stretch has part in. */
static uint64_t stretch_bits(const struct stretch *stretch)
{
	const struct replay_range *covered = stretch->covered;
	uint64_t step = (covered->end - covered->begin) / BITS + 1;
	uint64_t first = (stretch->begin - covered->begin) / step;
	uint64_t last = (stretch->end - 1 - covered->begin) / step;

	return UINT64_MAX >> (BITS - 1 - (last - first)) << first;
}

/*
 * Did a block that came since the sample before write here? As likely as others did; but if nobody
 * was there before, and of those that came since nobody else did, then this one.
 */
static bool stretch_is_written(const struct replay_share *share, const struct replay_large *large,
			       const struct stretch *stretch)
{
	const struct replay_range *covered = stretch->covered;
	bool is_last = covered != NULL && covered->blocks == 1 &&
		       (stretch_bits(stretch) & ~covered->written) != 0;

	if (!stretch->is_resident)
		return false;
	return (is_last && !stretch->is_stale) ||
	       (double)large->draw < stretch_share(share, large, stretch);
}

void replay_share_new(struct replay_share *share, const struct replay_large *large)
{
	uint64_t end = large->address + large->bytes;
	struct stretch stretch;

	share->part_count = 0;
	for (uint64_t at = large->address; at < end; at = stretch.end) {
		stretch = stretch_at(share, large, at);
		if (stretch_is_written(share, large, &stretch)) {
			part_add(share, at - large->address, stretch.end - large->address);
			if (stretch.covered != NULL)
				stretch.covered->written |= stretch_bits(&stretch);
		}
		/* Ranges end where blocks do. */
		if (stretch.covered != NULL && stretch.end == stretch.covered->end)
			stretch.covered->blocks--;
	}
	parts_trim(share, large);
}

void replay_share_unseen(struct replay_share *share, const struct replay_large *large)
{
	uint64_t end = large->address + large->bytes;
	struct stretch stretch;

	share->part_count = 0;
	for (uint64_t at = large->address; at < end; at = stretch.end) {
		stretch = stretch_at(share, large, at);
		if ((double)large->draw < stretch_share(share, large, &stretch))
			part_add(share, at - large->address, stretch.end - large->address);
	}
	parts_trim(share, large);
}

void replay_share_old(struct replay_share *share, const struct replay_large *large)
{
	uint64_t end = large->address + large->bytes, stop;

	share->part_count = 0;
	for (uint64_t at = large->address; at < end; at = stop) {
		stop = end;
		if (range_at(&share->fresh, at, &stop) == NULL)
			continue;
		struct stretch stretch = stretch_at(share, large, at);
		stop = stretch.end;
		stretch_learn(share, large, &stretch, false);
		part_add(share, at - large->address, stop - large->address);
	}
	parts_trim(share, large);
}
