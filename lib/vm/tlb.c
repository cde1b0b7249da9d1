/* SPDX-License-Identifier: MIT */
/*
 * TLBs at work: an access, and a miss.
 *
 * An access asks rank after rank. The first that knows the page moves it in front (by its policy)
 * and tells the ranks before it; if none knows, the page tables are walked and all are told. Then
 * the filter of the rank-1 unit is set to the page, for it is now the one used last in its set:
 * using it once more would change no order, no tree and no random number.
 *
 * The accessed bit is the walk's affair: a page that stays in a TLB is not seen to be used. The
 * dirty bit needs a walk of its own when a page that was entered clean is first stored to.
 *
 * What a filter says is true as long as sets, address space and mode stay as they are: whoever
 * changes these otherwise than by an access empties the filters (tlb_flush.c).
 */
#include "vm/tlb_set.h"

/* ---- the filter ---- */

/* The page of an entry with `data` is the one used last in `set` of `unit`. */
ALLOT_INLINE void filter_put(const struct vm_tlb_state *s, const struct unit *unit, uint32_t set,
			     uint64_t data, uint64_t page)
{
	uint64_t *pages = unit->filter + (size_t)set * VM_KIND_COUNT;
	const uint64_t *denied = s->denied[data & DATA_ALLOWED_MASK];
	/* One by one, as compilers leave so short a loop a loop. */
	pages[VM_LOAD] = page | denied[VM_LOAD];
	pages[VM_STORE] = page | denied[VM_STORE];
	pages[VM_FETCH] = page | denied[VM_FETCH];
	pages[VM_MODIFY] = page | denied[VM_MODIFY];
}

/* The same of any `slot`, which holds `va`: large pages and divided ones have no filter. */
ALLOT_INLINE void filter_set(struct vm_tlb *tlb, const struct vm_tlb_state *s,
			     const struct unit *unit, uint32_t set, struct slot slot, uint64_t va)
{
	bool is_base = (slot.key & KEY_SIZE_MASK << KEY_SIZE_SHIFT) == 0 && !s->is_divided;
	filter_put(s, unit, set, slot.data,
		   likely(is_base) ? va >> tlb->page_shift : FILTER_EMPTY);
}

/* ---- an access ---- */

/* Forget what every unit knows of the page at `va`. */
static void page_drop(struct vm_tlb *tlb, uint64_t va)
{
	struct vm_tlb_state *s = tlb->state;
	struct place place;
	for (uint32_t i = 0; i < s->conf.unit_count; i++)
		while (unit_find(s, &s->units[i], s->own, va, &place))
			slot_invalidate(s, place.unit, place_slot(&place));
	filters_empty(tlb);
}

ALLOT_INLINE struct slot slot_make(struct vm_tlb_state *s, uint64_t va,
				   const struct vm_translation *found)
{
	uint64_t owner = found->is_global ? KEY_GLOBAL : s->own;
	entry_seen(s, found->size, found->is_global);
	return (struct slot){
		.key = key_make(page_of(s, va, found->size), owner, found->size),
		.data = found->ppn << DATA_PPN_SHIFT | (found->is_dirty ? DATA_DIRTY : 0u) |
			(found->rights & DATA_RIGHTS_MASK),
	};
}

/* Enter `slot`, which holds `va`, in the first `count` units of a route that take its size. */
ALLOT_INLINE void route_fill(struct vm_tlb *tlb, const struct route *route, unsigned count,
			     struct slot slot, uint64_t va)
{
	struct vm_tlb_state *s = tlb->state;
	unsigned size = slot.key >> KEY_SIZE_SHIFT & KEY_SIZE_MASK;
	for (unsigned i = 0; i < count; i++) {
		struct unit *unit = route->units[i];
		if (!(unit->conf.sizes >> size & 1))
			continue;
		uint32_t set = (uint32_t)(slot.key >> KEY_VPN_SHIFT) & (unit->sets - 1);
		unit_insert(s, unit, set, slot);
		if (unit->filter != NULL)
			filter_set(tlb, s, unit, set, slot, va);
	}
}

/* Ask the page tables. False on a fault, which leaves no unit with anything of that page. */
ALLOT_INLINE bool walk(struct vm_tlb *tlb, uint64_t va, enum vm_kind kind,
		       struct vm_translation *found)
{
	struct vm_tlb_state *s = tlb->state;
	*found = (struct vm_translation){0};
	bool is_there = s->conf.translate(s->conf.context, va, kind, s->is_user, found);
	s->statistics.walk_reads += found->reads;
	if (is_there)
		return true;
	s->statistics.faults++;
	tlb->fault = *found;
	return false;
}

/* An entry was found that grants less than is needed: it may be out of date. */
static ALLOT_OUTLINE bool access_again(struct vm_tlb *tlb, const struct route *route,
				       uint64_t va, enum vm_kind kind)
{
	struct vm_tlb_state *s = tlb->state;
	struct vm_translation found;
	s->statistics.right_walks++;
	page_drop(tlb, va & s->va_mask);
	if (!walk(tlb, va, kind, &found))
		return false;
	route_fill(tlb, route, route->count, slot_make(s, va & s->va_mask, &found), va);
	return true;
}

/* The first store to a page that was entered clean. */
static ALLOT_OUTLINE bool dirty_set(struct vm_tlb *tlb, uint64_t va, enum vm_kind kind)
{
	struct vm_tlb_state *s = tlb->state;
	struct vm_translation found;
	struct place place;
	s->statistics.dirty_walks++;
	if (!walk(tlb, va, kind, &found)) {
		page_drop(tlb, va & s->va_mask);
		return false;
	}
	for (uint32_t i = 0; i < s->conf.unit_count; i++)
		if (unit_find(s, &s->units[i], s->own, va & s->va_mask, &place))
			place_slot(&place)->data |= DATA_DIRTY;
	return true;
}

/* The entry at `place`, the first unit of whose rank is number `before` of the route, is used. */
static bool hit(struct vm_tlb *tlb, const struct route *route, unsigned before,
		      struct place place, uint64_t va, enum vm_kind kind)
{
	struct vm_tlb_state *s = tlb->state;
	struct slot slot = *place_slot(&place);
	if (unlikely(!(s->allowed[slot.data & DATA_ALLOWED_MASK] >> kind & 1))) {
		unsigned needed = vm_rights_needed(kind, s->is_user);
		if ((slot.data & needed) != needed)
			return access_again(tlb, route, va, kind);
		if (!dirty_set(tlb, va, kind))
			return false;
		slot.data |= DATA_DIRTY;
	}
	unit_touch(place.unit, place.set, place.way);
	if (place.unit->filter != NULL)
		filter_set(tlb, s, place.unit, place.set, slot, va);
	route_fill(tlb, route, before, slot, va);
	return true;
}

ALLOT_INLINE bool is_address(const struct vm_tlb_state *s, uint64_t va)
{
	return likely((va & ~s->low_mask) == 0) ||
	       (s->conf.geometry->is_canonical && (va | s->low_mask) == UINT64_MAX);
}

static ALLOT_COLD bool access_nowhere(struct vm_tlb *tlb, uint64_t va, enum vm_kind kind)
{
	struct vm_translation found;
	tlb->state->statistics.walks++;
	if (!walk(tlb, va, kind, &found))
		return false;
	tlb->state->statistics.faults++;
	tlb->fault = (struct vm_translation){.error = VM_ERROR_LIMIT};
	return false;
}

/* An access to bytes of one page. */
ALLOT_INLINE bool access_page(struct vm_tlb *tlb, uint64_t va, enum vm_kind kind)
{
	struct vm_tlb_state *s = tlb->state;
	const struct route *route = &s->routes[kind];
	struct vm_translation found;
	struct place place;
	if (unlikely(!is_address(s, va)))
		return access_nowhere(tlb, va, kind);
	for (unsigned i = 0; i < route->count;) {
		unsigned first = i;
		uint8_t rank = route->units[i]->conf.rank;
		for (; i < route->count && route->units[i]->conf.rank == rank; i++)
			if (unit_find(s, route->units[i], s->own, va & s->va_mask,
				      &place))
				return hit(tlb, route, first, place, va, kind);
		s->statistics.misses[rank - 1][kind]++;
	}
	s->statistics.walks++;
	if (!walk(tlb, va, kind, &found))
		return false;
	route_fill(tlb, route, route->count, slot_make(s, va & s->va_mask, &found), va);
	return true;
}

/* ---- references to more than one page ---- */

static bool access_pages(struct vm_tlb *tlb, uint64_t va, uint64_t last, enum vm_kind kind)
{
	struct vm_tlb_state *s = tlb->state;
	for (;;) {
		s->statistics.accesses[kind]++;
		if (!access_page(tlb, va, kind))
			return false;
		if (page_last(s, va) >= last)
			return true;
		va = page_last(s, va) + 1;
	}
}

/* Does some unit of this rank know the page? If not, those that take its size are told. */
static bool rank_use(struct vm_tlb *tlb, const struct route *route, unsigned first, unsigned end,
		     uint64_t va, const struct vm_translation *found)
{
	struct vm_tlb_state *s = tlb->state;
	struct slot slot = slot_make(s, va & s->va_mask, found);
	struct route rank = {.count = 0};
	for (unsigned i = first; i < end; i++) {
		struct place place;
		rank.units[rank.count++] = route->units[i];
		if (!unit_find(s, route->units[i], s->own, va & s->va_mask, &place))
			continue;
		slot_put(place.unit, place.set, place.way, slot);
		unit_touch(place.unit, place.set, place.way);
		if (place.unit->filter != NULL)
			filter_set(tlb, s, place.unit, place.set, slot, va);
		return true;
	}
	route_fill(tlb, &rank, rank.count, slot, va);
	return false;
}

/*
 * One reference to several pages counted as one: a rank is asked for all of its pages, and the
 * next one for all of them again if any was not known. The page tables are asked first, as what
 * is entered for one page may put out another of them.
 */
static bool access_reference(struct vm_tlb *tlb, uint64_t va, uint64_t last, enum vm_kind kind)
{
	struct vm_tlb_state *s = tlb->state;
	const struct route *route = &s->routes[kind];
	struct vm_translation found;
	uint64_t walk_reads = s->statistics.walk_reads;
	s->statistics.accesses[kind]++;
	for (unsigned i = 0, end; i < route->count; i = end) {
		uint8_t rank = route->units[i]->conf.rank;
		bool is_known = true;
		s->statistics.walk_reads = walk_reads; /* no walk so far */
		for (end = i; end < route->count && route->units[end]->conf.rank == rank;)
			end++;
		for (uint64_t at = va;; at = page_last(s, at) + 1) {
			if (!walk(tlb, at, kind, &found))
				return false;
			is_known &= rank_use(tlb, route, i, end, at, &found);
			if (page_last(s, at) >= last)
				break;
		}
		if (is_known) {
			s->statistics.walk_reads = walk_reads;
			return true;
		}
		s->statistics.misses[rank - 1][kind]++;
	}
	s->statistics.walks++;
	return true;
}

static ALLOT_OUTLINE bool access_anyhow(struct vm_tlb *tlb, uint64_t va, uint64_t last,
					enum vm_kind kind)
{
	struct vm_tlb_state *s = tlb->state;
	if (unlikely(s->routes[kind].count == 0)) {
		s->statistics.accesses[kind]++;
		return true;
	}
	if (likely(last >= va && last <= page_last(s, va))) {
		s->statistics.accesses[kind]++;
		return access_page(tlb, va, kind);
	}
	if (last < va)
		last = UINT64_MAX; /* nothing goes round the end of the addresses */
	s->statistics.straddles++;
	return s->conf.counting == VM_TLB_COUNT_REFERENCES
		       ? access_reference(tlb, va, last, kind)
		       : access_pages(tlb, va, last, kind);
}

/* ---- the short cut: base pages in units that keep their order in words ---- */

/* Enter `slot`, whose mark is `mark`, in one of these units. */
ALLOT_INLINE void cut_insert(struct vm_tlb_state *s, struct unit *unit, uint32_t set,
			     struct slot slot, uint8_t mark)
{
	struct set *kept = &unit->sets_kept[set];
	uint64_t word = kept->word;
	uint32_t way = word_place(word, unit->ways - 1);
	if (unlikely(unit->used < unit->conf.entries)) {
		unit_insert(s, unit, set, slot);
		return;
	}
	s->statistics.evictions++;
	set_slots(unit, set)[way] = slot;
	kept->marks.bytes[way ^ MARK_FLIP] = mark;
	kept->word = (word << PLACE_BITS & unit->word_mask) | way;
}

/* Enter `slot` in the units of the first `count` ranks. */
ALLOT_INLINE void cut_fill(struct vm_tlb *tlb, const struct route *route, unsigned count,
			   struct slot slot, uint64_t va, uint8_t mark)
{
	struct vm_tlb_state *s = tlb->state;
	struct unit *unit = route->cut[0];
	uint32_t vpn = (uint32_t)(slot.key >> KEY_VPN_SHIFT);
	uint32_t set = vpn & (unit->sets - 1);
	for (unsigned i = 1; i < count; i++)
		cut_insert(s, route->cut[i], vpn & (route->cut[i]->sets - 1), slot, mark);
	cut_insert(s, unit, set, slot, mark);
	filter_put(s, unit, set, slot.data, va >> tlb->page_shift);
}

/* An access to a page of which its unit of rank 1 knows nothing. */
ALLOT_INLINE bool cut_miss(struct vm_tlb *tlb, const struct route *route, uint64_t va, uint64_t key,
			   uint64_t wanted, enum vm_kind kind)
{
	struct vm_tlb_state *s = tlb->state;
	uint64_t vpn = va >> tlb->page_shift;
	struct vm_translation found;
	tlb->accesses[kind]++;
	s->statistics.misses[0][kind]++;
	for (unsigned i = 1; i < route->cut_count; i++) {
		struct unit *unit = route->cut[i];
		uint32_t set = (uint32_t)vpn & (unit->sets - 1);
		uint32_t way = marks_find(unit, set, key, wanted);
		if (way == unit->ways) {
			s->statistics.misses[unit->conf.rank - 1][kind]++;
			continue;
		}
		struct slot slot = set_slots(unit, set)[way];
		if (unlikely(!(s->allowed[slot.data & DATA_ALLOWED_MASK] >> kind & 1)))
			return hit(tlb, route, route->cut_before[i],
				   (struct place){unit, set, way}, va, kind);
		unit->sets_kept[set].word = word_touch(unit->sets_kept[set].word, way);
		cut_fill(tlb, route, i, slot, va, (uint8_t)wanted);
		return true;
	}
	s->statistics.walks++;
	if (unlikely(!walk(tlb, va, kind, &found)))
		return false;
	struct slot slot = slot_make(s, va, &found);
	if (likely(slot.key == key))
		cut_fill(tlb, route, route->cut_count, slot, va, (uint8_t)wanted);
	else
		route_fill(tlb, route, route->count, slot, va);
	return true;
}

/*
 * What is not the filter's is mostly a hit in the same unit's sets, or a miss of base pages: these
 * come first, with as little as they need. All the rest is for access_anyhow().
 */
bool vm_tlb_access_slowly(struct vm_tlb *tlb, uint64_t va, uint64_t bytes, enum vm_kind kind)
{
	struct vm_tlb_state *s = tlb->state;
	const struct route *route = &s->routes[kind];
	uint64_t last = va + (bytes > 0 ? bytes - 1 : 0);
	uint64_t vpn = va >> tlb->page_shift;
	if (unlikely(route->cut_count == 0 || last >> tlb->page_shift != vpn ||
		     (va & ~s->low_mask) != 0))
		return access_anyhow(tlb, va, last, kind);
	struct unit *unit = route->cut[0];
	uint32_t set = (uint32_t)vpn & (unit->sets - 1);
	uint64_t key = key_make(vpn, s->own, 0);
	uint64_t wanted = mark_of(key) * MARK_LOW_BITS;
	uint32_t way = marks_find(unit, set, key, wanted);
	if (way == unit->ways) {
		bool has_only_these = s->sizes_seen <= 1 && !s->has_global;
		return likely(has_only_these) ? cut_miss(tlb, route, va, key, wanted, kind)
					      : access_anyhow(tlb, va, last, kind);
	}
	uint64_t data = set_slots(unit, set)[way].data;
	if (unlikely(!(s->allowed[data & DATA_ALLOWED_MASK] >> kind & 1)))
		return access_anyhow(tlb, va, last, kind);
	unit->sets_kept[set].word = word_touch(unit->sets_kept[set].word, way);
	filter_put(s, unit, set, data, vpn);
	tlb->accesses[kind]++;
	return true;
}

size_t vm_tlb_run(struct vm_tlb *tlb, const struct vm_access *accesses, size_t count)
{
	size_t fault_count = 0;
	for (size_t i = 0; i < count; i++)
		if (unlikely(!vm_tlb_access(tlb, accesses[i].va, accesses[i].bytes,
					    (enum vm_kind)accesses[i].kind)))
			fault_count++;
	return fault_count;
}
