/* SPDX-License-Identifier: MIT */
/*
 * TLBs told of something: another address space, another mode, pages that are no longer what they
 * were. All of these empty the filters.
 *
 * An address space has an identifier as long as there are enough of them; the one assigned longest
 * ago is taken from its space, whose entries go.
 */
#include "vm/tlb_set.h"

enum { PAGES_ONE_BY_ONE = 32 };

/* ---- the filter ---- */

void filters_empty(struct vm_tlb *tlb)
{
	const struct vm_tlb_state *s = tlb->state;
	for (uint32_t i = 0; i < s->conf.unit_count; i++)
		for (uint32_t j = 0; s->units[i].filter != NULL &&
				     j < s->units[i].sets * VM_KIND_COUNT; j++)
			s->units[i].filter[j] = FILTER_EMPTY;
}

/* What each entry allows without a walk, in this mode. */
static void allowed_compute(struct vm_tlb_state *s)
{
	for (unsigned data = 0; data <= DATA_ALLOWED_MASK; data++) {
		s->allowed[data] = 0;
		for (enum vm_kind kind = VM_LOAD; kind < VM_KIND_COUNT; kind++) {
			bool is_allowed = data_allows(data, vm_rights_needed(kind, s->is_user),
						      kind_stores(kind));
			s->allowed[data] |= (uint8_t)((unsigned)is_allowed << kind);
			s->denied[data][kind] = is_allowed ? 0 : FILTER_EMPTY;
		}
	}
}

void tlb_begin(struct vm_tlb *tlb)
{
	allowed_compute(tlb->state);
	filters_empty(tlb);
}

/* ---- entries of an address space ---- */

/* Invalidate the entries whose key has `value` under `mask`. */
static void keys_flush(struct vm_tlb *tlb, uint64_t mask, uint64_t value)
{
	struct vm_tlb_state *s = tlb->state;
	for (uint32_t i = 0; i < s->conf.unit_count; i++) {
		struct unit *unit = &s->units[i];
		for (uint32_t j = 0; j < unit->conf.entries && unit->used > 0; j++)
			if ((unit->slots[j].key & mask) == value)
				slot_invalidate(s, unit, &unit->slots[j]);
	}
	filters_empty(tlb);
}

static void asid_flush(struct vm_tlb *tlb, uint32_t asid)
{
	keys_flush(tlb, (uint64_t)KEY_ASID_MASK << KEY_ASID_SHIFT | KEY_VALID,
		   (uint64_t)asid << KEY_ASID_SHIFT | KEY_VALID);
}

/* The identifier of `space` in *out; false when it has none. */
static bool asid_find(const struct vm_tlb_state *s, uint64_t space, uint32_t *out)
{
	for (uint32_t asid = 0; asid < s->spaces_used; asid++) {
		if (s->spaces[asid] != space)
			continue;
		*out = asid;
		return true;
	}
	return false;
}

static uint32_t asid_assign(struct vm_tlb *tlb, uint64_t space)
{
	struct vm_tlb_state *s = tlb->state;
	uint32_t asid = s->spaces_next;
	if (asid < s->spaces_used)
		asid_flush(tlb, asid);
	else
		s->spaces_used++;
	s->spaces[asid] = space;
	s->spaces_next = (asid + 1) % (s->conf.asid_count > 0 ? s->conf.asid_count : 1);
	return asid;
}

/* ---- switches ---- */

void vm_tlb_switch(struct vm_tlb *tlb, uint64_t space)
{
	struct vm_tlb_state *s = tlb->state;
	uint32_t asid;
	if (space == s->space)
		return;
	s->statistics.switches++;
	if (!asid_find(s, space, &asid))
		asid = asid_assign(tlb, space);
	s->space = space;
	s->own = (uint64_t)asid << KEY_ASID_SHIFT | KEY_VALID;
	filters_empty(tlb);
}

void vm_tlb_set_user(struct vm_tlb *tlb, bool is_user)
{
	if (tlb->state->is_user == is_user)
		return;
	tlb->state->is_user = is_user;
	allowed_compute(tlb->state);
	filters_empty(tlb);
}

/* ---- invalidation ---- */

void vm_tlb_flush(struct vm_tlb *tlb)
{
	keys_flush(tlb, KEY_VALID, KEY_VALID);
}

void vm_tlb_flush_space(struct vm_tlb *tlb, uint64_t space)
{
	uint32_t asid;
	if (asid_find(tlb->state, space, &asid))
		asid_flush(tlb, asid);
}

/* Does an entry of this key hold a page of [first, last]? */
static bool key_overlaps(const struct vm_tlb_state *s, uint64_t key, uint64_t first, uint64_t last)
{
	unsigned size = key >> KEY_SIZE_SHIFT & KEY_SIZE_MASK;
	uint64_t vpn = key >> KEY_VPN_SHIFT;
	return vpn >= page_of(s, first, size) && vpn <= page_of(s, last, size);
}

/* The same page after page, which for a few of them is less work than looking at all entries. */
static void pages_flush(struct vm_tlb *tlb, uint64_t owner, uint64_t first, uint64_t last)
{
	struct vm_tlb_state *s = tlb->state;
	struct place place;
	for (uint64_t at = first;; at = page_last(s, at) + 1) {
		for (uint32_t i = 0; i < s->conf.unit_count; i++)
			while (unit_find(s, &s->units[i], owner, at, &place))
				slot_invalidate(s, place.unit, place_slot(&place));
		if (page_last(s, at) >= last)
			break;
	}
	filters_empty(tlb);
}

void vm_tlb_flush_range(struct vm_tlb *tlb, uint64_t space, uint64_t va, uint64_t bytes)
{
	struct vm_tlb_state *s = tlb->state;
	uint32_t asid = VM_TLB_GLOBAL; /* no entry of its own: the global ones alone */
	if (bytes == 0)
		return;
	asid_find(s, space, &asid);
	uint64_t first = va & s->va_mask;
	uint64_t last = bytes - 1 > s->va_mask - first ? s->va_mask : first + bytes - 1;
	if (page_of(s, last, 0) - page_of(s, first, 0) < PAGES_ONE_BY_ONE) {
		pages_flush(tlb, (uint64_t)asid << KEY_ASID_SHIFT | KEY_VALID, first, last);
		return;
	}
	for (uint32_t i = 0; i < s->conf.unit_count; i++) {
		struct unit *unit = &s->units[i];
		for (uint32_t j = 0; j < unit->conf.entries; j++) {
			uint64_t key = unit->slots[j].key;
			uint64_t owner = key >> KEY_ASID_SHIFT & KEY_ASID_MASK;
			if ((key & KEY_VALID) && (owner == asid || owner == VM_TLB_GLOBAL) &&
			    key_overlaps(s, key, first, last))
				slot_invalidate(s, unit, &unit->slots[j]);
		}
	}
	filters_empty(tlb);
}
