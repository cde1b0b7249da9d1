/* SPDX-License-Identifier: MIT */
/*
 * TLBs looked at: counters, entries, what an access would find, and whether everything is where it
 * belongs. Nothing changes, but by vm_tlb_entry_put().
 */
#include "vm/tlb.h"

#include "base/bits.h"
#include "base/text.h"

/* ---- looking ---- */

void vm_tlb_statistics(const struct vm_tlb *tlb, struct vm_tlb_statistics *out)
{
	const struct vm_tlb_state *s = tlb->state;
	*out = s->statistics;
	for (unsigned kind = 0; kind < VM_KIND_COUNT; kind++)
		out->accesses[kind] += tlb->accesses[kind];
	out->accesses[VM_LOAD] += out->accesses[VM_MODIFY];
	if (s->conf.counting == VM_TLB_COUNT_PAGES)
		out->accesses[VM_STORE] += out->accesses[VM_MODIFY];
	for (unsigned rank = 0; rank < VM_TLB_RANKS_MAX; rank++)
		out->misses[rank][VM_LOAD] += out->misses[rank][VM_MODIFY];
}

const struct vm_tlb_unit *vm_tlb_unit(const struct vm_tlb *tlb, unsigned unit)
{
	return unit < tlb->state->conf.unit_count ? &tlb->state->units[unit].conf : NULL;
}

uint32_t vm_tlb_sets(const struct vm_tlb *tlb, unsigned unit)
{
	return tlb->state->units[unit].sets;
}

/* A way as it is shown: by age, where there is an order. */
static struct slot *slot_at(const struct vm_tlb *tlb, unsigned unit, uint32_t set, uint32_t way)
{
	const struct unit *u = &tlb->state->units[unit];
	uint32_t place = u->keeping == KEEP_WORD ? word_place(u->sets_kept[set].word, way) : way;
	return u->slots + (size_t)set * u->ways + place;
}

static struct slot *slot_set(const struct vm_tlb *tlb, unsigned unit, uint32_t set)
{
	const struct unit *u = &tlb->state->units[unit];
	return u->slots + (size_t)set * u->ways;
}

static void entry_show(struct slot slot, struct vm_tlb_entry *out)
{
	*out = (struct vm_tlb_entry){
		.vpn = slot.key >> KEY_VPN_SHIFT,
		.ppn = slot.data >> DATA_PPN_SHIFT,
		.asid = slot.key >> KEY_ASID_SHIFT & KEY_ASID_MASK,
		.size = slot.key >> KEY_SIZE_SHIFT & KEY_SIZE_MASK,
		.rights = slot.data & DATA_RIGHTS_MASK,
		.is_dirty = (slot.data & DATA_DIRTY) != 0,
		.is_valid = (slot.key & KEY_VALID) != 0,
	};
}

void vm_tlb_entry_get(const struct vm_tlb *tlb, unsigned unit, uint32_t set, uint32_t way,
		      struct vm_tlb_entry *out)
{
	entry_show(*slot_at(tlb, unit, set, way), out);
}

void vm_tlb_entry_put(struct vm_tlb *tlb, unsigned unit, uint32_t set, uint32_t way,
		      const struct vm_tlb_entry *entry)
{
	struct slot *slot = slot_at(tlb, unit, set, way);
	uint64_t owner = (uint64_t)entry->asid << KEY_ASID_SHIFT;
	assert((entry->vpn & (tlb->state->units[unit].sets - 1)) == set);
	tlb->state->units[unit].used -= (uint32_t)(slot->key & KEY_VALID);
	tlb->state->units[unit].used += entry->is_valid;
	uint32_t place = (uint32_t)(slot - slot_set(tlb, unit, set));
	slot_put(&tlb->state->units[unit], set, place, (struct slot){
		.key = key_make(entry->vpn, owner | entry->is_valid, entry->size),
		.data = entry->ppn << DATA_PPN_SHIFT | (entry->is_dirty ? DATA_DIRTY : 0u) |
			(entry->rights & DATA_RIGHTS_MASK),
	});
	entry_seen(tlb->state, entry->size, entry->asid == VM_TLB_GLOBAL);
	tlb_begin(tlb);
}

void vm_tlb_look(const struct vm_tlb *tlb, unsigned unit, uint64_t va, unsigned size,
		 struct vm_tlb_look *out)
{
	const struct vm_tlb_state *s = tlb->state;
	const struct unit *u = &s->units[unit];
	uint64_t vpn = page_of(s, va & s->va_mask, size);
	*out = (struct vm_tlb_look){
		.set = (uint32_t)vpn & (u->sets - 1),
		.tag = vpn >> u->set_shift,
	};
	for (uint32_t way = 0; way < u->ways; way++) {
		const struct slot *slot = slot_at(tlb, unit, out->set, way);
		if (slot->key != key_make(vpn, s->own, size) &&
		    slot->key != key_make(vpn, KEY_GLOBAL, size))
			continue;
		out->is_hit = true;
		out->way = way;
		entry_show(*slot, &out->entry);
		return;
	}
}

/* ---- checking ---- */

static bool check_slot(const struct vm_tlb_state *s, const struct unit *unit, uint32_t set,
		       uint32_t way, struct text *why)
{
	const struct slot *slots = unit->slots + (size_t)set * unit->ways;
	struct vm_tlb_entry entry;
	entry_show(slots[way], &entry);
	if (!entry.is_valid)
		return true;
	if ((entry.vpn & (unit->sets - 1)) != set) {
		text_format(why, "%s: page %u is in set %u", unit->conf.name, (size_t)entry.vpn,
			    (size_t)set);
		return false;
	}
	if (entry.asid != VM_TLB_GLOBAL && entry.asid >= s->spaces_used) {
		text_format(why, "%s: page %u is of nobody", unit->conf.name, (size_t)entry.vpn);
		return false;
	}
	for (uint32_t i = 0; i < way; i++) {
		if (slots[i].key != slots[way].key)
			continue;
		text_format(why, "%s: page %u is there twice", unit->conf.name,
			    (size_t)entry.vpn);
		return false;
	}
	return true;
}

/* What the filter of `kind` says of a set: that page is known, and needs nothing more. */
static bool check_filter(const struct vm_tlb *tlb, unsigned index, unsigned kind, uint32_t set,
			 struct text *why)
{
	const struct vm_tlb_state *s = tlb->state;
	uint64_t page = tlb->filters[kind].pages[(size_t)set * VM_KIND_COUNT];
	struct vm_tlb_look look;
	if (page == FILTER_EMPTY)
		return true;
	vm_tlb_look(tlb, index, page << tlb->page_shift, 0, &look);
	bool is_first = look.way == 0 || s->units[index].conf.policy != VM_TLB_LRU;
	if (look.is_hit && look.set == set && is_first &&
	    data_allows(slot_at(tlb, index, set, look.way)->data,
			vm_rights_needed((enum vm_kind)kind, s->is_user),
			kind_stores((enum vm_kind)kind)))
		return true;
	text_format(why, "%s: the filter of set %u lets page %u pass", s->units[index].conf.name,
		    (size_t)set, (size_t)page);
	return false;
}

static bool check_unit(const struct vm_tlb *tlb, unsigned index, struct text *why)
{
	const struct unit *unit = &tlb->state->units[index];
	uint32_t used = 0;
	for (uint32_t set = 0; set < unit->sets; set++) {
		for (uint32_t way = 0; way < unit->ways; way++) {
			used += slot_at(tlb, index, set, way)->key & KEY_VALID;
			if (!check_slot(tlb->state, unit, set, way, why))
				return false;
		}
		for (unsigned kind = 0; kind < VM_KIND_COUNT; kind++)
			if (unit->filter != NULL && (unit->conf.kinds >> kind & 1) &&
			    !check_filter(tlb, index, kind, set, why))
				return false;
	}
	if (used != unit->used)
		text_format(why, "%s: %u valid entries, counted %u", unit->conf.name,
			    (size_t)used, (size_t)unit->used);
	return used == unit->used;
}

bool vm_tlb_check(const struct vm_tlb *tlb, char *message, size_t message_bytes)
{
	struct text why;
	text_init(&why, message, message == NULL ? 0 : message_bytes);
	for (uint32_t i = 0; i < tlb->state->conf.unit_count; i++)
		if (!check_unit(tlb, i, &why))
			return false;
	return true;
}
