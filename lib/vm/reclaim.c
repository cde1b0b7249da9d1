/* SPDX-License-Identifier: MIT */
/*
 * Reclaim. See reclaim.h.
 *
 * The arithmetic is the kernel's: where it divides integers, so do we, for with lists of a few
 * thousand pages the rounding decides how many rounds it takes, and so how many pages are looked
 * at before one leaves.
 */
#include "vm/reclaim.h"

#include <stddef.h>

/* Noted of pages that were advised to leave: of them the kernel asks whether they would have stayed
 * in the whole machine, which they would. */
#define SHADOW_RECENT (UINT64_MAX - 1)

enum {
	PRIORITY_FIRST = 12,      /* DEF_PRIORITY: 1/4096 of each list */
	PAGES_PER_GB_SHIFT = 18,  /* of 4 KiB */
	RATIO_PER_GB = 10,        /* the ratio of the lists is the root of so much a gigabyte */
	COST_SHARE = 4,           /* costs above a quarter of all pages fade by half */
};

/* One reclaim. mm/vmscan.c struct scan_control. */
struct scan {
	const struct reclaim_request *request;
	uint64_t wanted, reclaimed;
	int priority;
	uint64_t cost[RECLAIM_KINDS];
	bool may_deactivate[RECLAIM_KINDS];
	bool must_deactivate;     /* both lists, whatever their lengths */
	bool has_skipped;         /* an active list, which could have been looked at */
	bool trims_cache;         /* files alone: they have plenty that is not used again */
	bool spares_cache;        /* processes alone: files have hardly anything left */
};

bool reclaim_init(struct reclaim *reclaim, uint32_t count, const struct reclaim_owner *owner)
{
	*reclaim = (struct reclaim){
		.owner = *owner,
		.swappiness = 60,
		.rules = {true, true, true, true, true},
	};
	return lru_init(&reclaim->lru, count);
}

void reclaim_finish(struct reclaim *reclaim)
{
	lru_finish(&reclaim->lru);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static enum lru_list inactive_of(enum reclaim_kind kind)
{
	return kind == RECLAIM_ANON ? LRU_INACTIVE_ANON : LRU_INACTIVE_FILE;
}

static enum lru_list active_of(enum reclaim_kind kind)
{
	return kind == RECLAIM_ANON ? LRU_ACTIVE_ANON : LRU_ACTIVE_FILE;
}

static enum reclaim_kind kind_of(enum lru_list list)
{
	return list < LRU_INACTIVE_FILE ? RECLAIM_ANON : RECLAIM_FILE;
}

static bool is_active_list(enum lru_list list)
{
	return list == LRU_ACTIVE_ANON || list == LRU_ACTIVE_FILE;
}

/* ---- counts ---- */

void reclaim_count(struct reclaim *reclaim)
{
	for (int list = 0; list < LRU_LISTS; list++)
		reclaim->lengths_known[list] = reclaim->lru.lengths[list];
	for (int kind = 0; kind < RECLAIM_KINDS; kind++)
		reclaim->activations_known[kind] = reclaim->activations[kind];
}

/* Lengths as they are known; with the rule off, as they are. */
static const uint64_t *lengths_of(const struct reclaim *reclaim)
{
	return reclaim->rules.counts_late ? reclaim->lengths_known : reclaim->lru.lengths;
}

static const uint64_t *activations_of(const struct reclaim *reclaim)
{
	return reclaim->rules.counts_late ? reclaim->activations_known : reclaim->activations;
}

/* ---- pages that come ---- */

void reclaim_add(struct reclaim *reclaim, uint32_t page, bool is_file)
{
	lru_add(&reclaim->lru, page, is_file, false);
}

/* Would it have stayed if the pages that are active now had not? mm/workingset.c */
static bool was_needed(const struct reclaim *reclaim, bool is_file, uint64_t since)
{
	const uint64_t *lengths = lengths_of(reclaim);
	uint64_t size = lengths[LRU_ACTIVE_FILE];
	if (!is_file)
		size += lengths[LRU_INACTIVE_FILE];
	if (reclaim->owner.can_swap(reclaim->owner.context)) {
		size += lengths[LRU_ACTIVE_ANON];
		if (is_file)
			size += lengths[LRU_INACTIVE_ANON];
	}
	return since <= size;
}

static void cost_note(struct reclaim *reclaim, enum reclaim_kind kind, uint64_t written,
		      uint64_t kept)
{
	uint64_t pages = 0;
	reclaim->cost[kind] += written * RECLAIM_CLUSTER + kept;
	for (int list = LRU_INACTIVE_ANON; list <= LRU_ACTIVE_FILE; list++)
		pages += lengths_of(reclaim)[list];
	if (reclaim->cost[RECLAIM_ANON] + reclaim->cost[RECLAIM_FILE] > pages / COST_SHARE) {
		reclaim->cost[RECLAIM_ANON] /= 2;
		reclaim->cost[RECLAIM_FILE] /= 2;
	}
}

void reclaim_refault(struct reclaim *reclaim, uint32_t page, bool is_file, uint64_t shadow)
{
	bool was_workingset = shadow & 1;
	bool is_recent = (shadow | 1) == (SHADOW_RECENT | 1);
	bool is_active = reclaim->rules.activates_refaulted &&
			 (is_recent ||
			  was_needed(reclaim, is_file, reclaim->age - (shadow >> 1)));
	reclaim->refaulted++;
	lru_add(&reclaim->lru, page, is_file, is_active);
	if (!is_active)
		return;
	reclaim->age++;
	reclaim->activations[is_file ? RECLAIM_FILE : RECLAIM_ANON]++;
	if (was_workingset) {
		reclaim->lru.pages[page].is_workingset = true;
		cost_note(reclaim, is_file ? RECLAIM_FILE : RECLAIM_ANON, 1, 0);
	}
}

/* ---- looking at pages ---- */

/* mm/vmscan.c inactive_is_low(): one to one below a gigabyte. */
static bool inactive_is_low(const struct reclaim *reclaim, enum reclaim_kind kind)
{
	uint64_t inactive = lengths_of(reclaim)[inactive_of(kind)];
	uint64_t active = lengths_of(reclaim)[active_of(kind)];
	uint64_t gigabytes = (inactive + active) >> PAGES_PER_GB_SHIFT, ratio = 1;
	while (gigabytes != 0 && (ratio + 1) * (ratio + 1) <= RATIO_PER_GB * gigabytes)
		ratio++;
	return inactive * ratio < active;
}

/* The isolated pages go back, those that became active growing the age. */
static void put_back(struct reclaim *reclaim, uint32_t page, bool is_locked)
{
	lru_put_back(&reclaim->lru, page, is_locked);
	reclaim->age += !is_locked && reclaim->lru.pages[page].is_active;
}

static void active_shrink(struct reclaim *reclaim, uint32_t count, enum lru_list list)
{
	uint32_t pages[RECLAIM_CLUSTER];
	uint64_t rotated = 0;
	lru_drain(&reclaim->lru);
	count = lru_isolate(&reclaim->lru, list, count, pages);
	for (uint32_t i = 0; i < count; i++) {
		struct lru_page *page = &reclaim->lru.pages[pages[i]];
		struct reclaim_seen seen = {0};
		reclaim->owner.look(reclaim->owner.context, pages[i], &seen);
		if (seen.accessed > 0 && seen.is_code && page->is_file) {
			rotated++;
		} else {
			page->is_active = false;
			page->is_workingset = true;
			reclaim->deactivated++;
		}
		put_back(reclaim, pages[i], seen.is_locked);
	}
	cost_note(reclaim, kind_of(list), 0, rotated);
}

enum verdict {
	VERDICT_LEAVE,
	VERDICT_KEEP,
	VERDICT_ACTIVATE,
};

/* mm/vmscan.c folio_check_references() */
static enum verdict judge(const struct reclaim *reclaim, struct lru_page *page,
			  const struct reclaim_seen *seen)
{
	bool was_referenced = page->is_referenced;
	page->is_referenced = false;
	if (seen->accessed == 0 || !reclaim->rules.looks_twice)
		return VERDICT_LEAVE;
	page->is_referenced = true;
	if (!reclaim->rules.activates)
		return VERDICT_KEEP;
	if (was_referenced || seen->accessed > 1 || (seen->is_code && page->is_file))
		return VERDICT_ACTIVATE;
	return VERDICT_KEEP;
}

static uint64_t inactive_shrink(struct reclaim *reclaim, uint32_t count, enum lru_list list,
				struct reclaim_work *work)
{
	uint32_t pages[RECLAIM_CLUSTER];
	uint64_t gone = 0, written = 0;
	lru_drain(&reclaim->lru);
	count = lru_isolate(&reclaim->lru, list, count, pages);
	work->scanned += count;
	for (uint32_t i = 0; i < count; i++) {
		struct lru_page *page = &reclaim->lru.pages[pages[i]];
		struct reclaim_seen seen = {0};
		enum reclaim_outcome outcome = RECLAIM_KEPT;
		reclaim->owner.look(reclaim->owner.context, pages[i], &seen);
		enum verdict verdict = seen.is_locked ? VERDICT_KEEP : judge(reclaim, page, &seen);
		if (verdict == VERDICT_LEAVE)
			outcome = reclaim->owner.evict(reclaim->owner.context, pages[i],
						       reclaim->age << 1 | page->is_workingset);
		if (outcome == RECLAIM_GONE || outcome == RECLAIM_WRITTEN) {
			gone++;
			written += outcome == RECLAIM_WRITTEN;
			reclaim->age++;
			continue;
		}
		if (verdict == VERDICT_ACTIVATE || outcome == RECLAIM_STAYS) {
			page->is_active = true;
			reclaim->activated++;
		}
		put_back(reclaim, pages[i], seen.is_locked);
	}
	work->stolen += gone;
	if (count > 0)
		cost_note(reclaim, kind_of(list), written, count - gone);
	return gone;
}

void reclaim_advise(struct reclaim *reclaim, uint32_t number, bool is_cold)
{
	struct lru_page *page = &reclaim->lru.pages[number];
	enum reclaim_outcome outcome = RECLAIM_KEPT;
	/* One that is inactive already stays where it is, unused from now on. */
	if (is_cold && !page->is_active) {
		page->is_referenced = false;
		return;
	}
	if (!lru_take(&reclaim->lru, number))
		return;
	page->is_referenced = false;
	if (is_cold) {
		page->is_active = false;
	} else {
		page->is_workingset |= page->is_active;
		outcome = reclaim->owner.evict(reclaim->owner.context, number,
					       SHADOW_RECENT | page->is_workingset);
	}
	if (outcome == RECLAIM_GONE || outcome == RECLAIM_WRITTEN)
		reclaim->age++;
	else
		put_back(reclaim, number, false);
}

/* ---- how much is looked at ---- */

/* mm/vmscan.c prepare_scan_control() */
static void scan_prepare(const struct reclaim *reclaim, struct scan *scan)
{
	for (int kind = 0; kind < RECLAIM_KINDS; kind++) {
		scan->cost[kind] = reclaim->cost[kind];
		scan->may_deactivate[kind] =
			scan->must_deactivate ||
			activations_of(reclaim)[kind] != reclaim->activations_seen[kind] ||
			inactive_is_low(reclaim, (enum reclaim_kind)kind);
		scan->may_deactivate[kind] &= reclaim->rules.deactivates;
	}
	scan->trims_cache = lengths_of(reclaim)[LRU_INACTIVE_FILE] >> scan->priority != 0 &&
			    !scan->may_deactivate[RECLAIM_FILE];
	uint64_t files = lengths_of(reclaim)[LRU_ACTIVE_FILE] +
			 lengths_of(reclaim)[LRU_INACTIVE_FILE];
	scan->spares_cache = scan->request->who != RECLAIM_GROUP &&
			     files + scan->request->free <= scan->request->high &&
			     !scan->may_deactivate[RECLAIM_ANON] &&
			     lengths_of(reclaim)[LRU_INACTIVE_ANON] >> scan->priority != 0;
}

/* Pages of each list to look at: mm/vmscan.c get_scan_count(). */
static void counts_get(const struct reclaim *reclaim, const struct scan *scan,
		       uint64_t counts[LRU_LISTS])
{
	bool can_swap = reclaim->owner.can_swap(reclaim->owner.context);
	bool is_group = scan->request->who == RECLAIM_GROUP;
	bool is_last = scan->priority == 0 && reclaim->swappiness != 0;
	bool anon_only = can_swap && !is_last && scan->spares_cache;
	bool files_only = !can_swap || (is_group && reclaim->swappiness == 0) ||
			  (!is_last && !anon_only && scan->trims_cache);
	uint64_t all = scan->cost[RECLAIM_ANON] + scan->cost[RECLAIM_FILE];
	uint64_t anon_cost = all + scan->cost[RECLAIM_ANON];
	uint64_t file_cost = all + scan->cost[RECLAIM_FILE];
	uint64_t share[RECLAIM_KINDS] = {
		reclaim->swappiness * (anon_cost + file_cost + 1) / (anon_cost + 1),
		(RECLAIM_SWAPPINESS_MAX - reclaim->swappiness) * (anon_cost + file_cost + 1) /
			(file_cost + 1),
	};
	for (int list = LRU_INACTIVE_ANON; list <= LRU_ACTIVE_FILE; list++) {
		enum reclaim_kind kind = kind_of((enum lru_list)list);
		uint64_t count = reclaim->lru.lengths[list] >> scan->priority;
		if (files_only)
			count = kind == RECLAIM_FILE ? count : 0;
		else if (anon_only)
			count = kind == RECLAIM_ANON ? count : 0;
		else if (!is_last)
			count = count * share[kind] / (share[RECLAIM_ANON] + share[RECLAIM_FILE]);
		counts[list] = count;
	}
}

static uint64_t list_shrink(struct reclaim *reclaim, struct scan *scan, uint32_t count,
			    enum lru_list list)
{
	if (!is_active_list(list))
		return inactive_shrink(reclaim, count, list, &reclaim->work[scan->request->who]);
	if (scan->may_deactivate[kind_of(list)])
		active_shrink(reclaim, count, list);
	else
		scan->has_skipped = true;
	return 0;
}

/*
 * Enough have left: of the kind of which less remains to be looked at nothing more is, and of the
 * other one as large a part as of this one has been.
 */
static bool counts_balance(const uint64_t targets[LRU_LISTS], uint64_t counts[LRU_LISTS])
{
	uint64_t anon = counts[LRU_INACTIVE_ANON] + counts[LRU_ACTIVE_ANON];
	uint64_t file = counts[LRU_INACTIVE_FILE] + counts[LRU_ACTIVE_FILE];
	if (anon == 0 || file == 0)
		return false;
	enum reclaim_kind less = file > anon ? RECLAIM_ANON : RECLAIM_FILE;
	enum reclaim_kind more = file > anon ? RECLAIM_FILE : RECLAIM_ANON;
	uint64_t target = targets[inactive_of(less)] + targets[active_of(less)] + 1;
	uint64_t left = smaller(anon, file) * 100 / target;
	const enum lru_list lists[] = {inactive_of(more), active_of(more)};
	counts[inactive_of(less)] = counts[active_of(less)] = 0;
	for (int i = 0; i < 2; i++) {
		uint64_t looked = targets[lists[i]] - counts[lists[i]];
		uint64_t wanted = targets[lists[i]] * (100 - left) / 100;
		counts[lists[i]] = wanted - smaller(wanted, looked);
	}
	return true;
}

/* mm/vmscan.c shrink_lruvec() */
static void lists_shrink(struct reclaim *reclaim, struct scan *scan)
{
	uint64_t targets[LRU_LISTS], counts[LRU_LISTS], gone = 0;
	/* So that all lists age alike, the first round of the machine's goes on to its end. */
	bool is_whole = scan->request->who == RECLAIM_DIRECT && scan->priority == PRIORITY_FIRST;
	counts_get(reclaim, scan, counts);
	for (int i = LRU_INACTIVE_ANON; i <= LRU_ACTIVE_FILE; i++)
		targets[i] = counts[i];
	while (counts[LRU_INACTIVE_ANON] + counts[LRU_ACTIVE_FILE] + counts[LRU_INACTIVE_FILE]) {
		for (int list = LRU_INACTIVE_ANON; list <= LRU_ACTIVE_FILE; list++) {
			uint32_t count = (uint32_t)smaller(counts[list], RECLAIM_CLUSTER);
			if (count == 0)
				continue;
			counts[list] -= count;
			gone += list_shrink(reclaim, scan, count, (enum lru_list)list);
		}
		if (gone >= scan->wanted && !is_whole && !counts_balance(targets, counts))
			break;
	}
	scan->reclaimed += gone;
	if (inactive_is_low(reclaim, RECLAIM_ANON) && reclaim->rules.deactivates)
		active_shrink(reclaim, RECLAIM_CLUSTER, LRU_ACTIVE_ANON);
}

static void rounds_run(struct reclaim *reclaim, struct scan *scan)
{
	for (scan->priority = PRIORITY_FIRST; scan->priority >= 0; scan->priority--) {
		scan_prepare(reclaim, scan);
		lists_shrink(reclaim, scan);
		if (scan->reclaimed >= scan->wanted)
			break;
	}
	for (int kind = 0; kind < RECLAIM_KINDS; kind++)
		reclaim->activations_seen[kind] = activations_of(reclaim)[kind];
}

uint64_t reclaim_run(struct reclaim *reclaim, const struct reclaim_request *request)
{
	struct scan scan = {
		.request = request,
		.wanted = request->wanted > RECLAIM_CLUSTER ? request->wanted : RECLAIM_CLUSTER,
	};
	rounds_run(reclaim, &scan);
	/* Once more when nothing came of it: the kernel takes all groups then, of which we have
	   one. */
	if (scan.reclaimed == 0)
		rounds_run(reclaim, &scan);
	if (scan.reclaimed == 0 && scan.has_skipped) {
		scan.must_deactivate = true;
		rounds_run(reclaim, &scan);
	}
	return scan.reclaimed;
}
