/* SPDX-License-Identifier: MIT */
/*
 * Sets of a TLB: finding an entry, what of a set is used last, who leaves it.
 *
 * All of it is in line: an access is made of these.
 */
#ifndef VM_TLB_SET_H
#define VM_TLB_SET_H

#include "vm/tlb.h"

#include <string.h>

#include "base/bits.h"

/* ---- in a set ---- */

/* The high bit of each mark that equals those of `wanted`, and of some that do not: see below. */
ALLOT_INLINE uint64_t marks_equal(uint64_t marks, uint64_t wanted)
{
	uint64_t different = marks ^ wanted;
	return (different - MARK_LOW_BITS) & ~different & MARK_HIGH_BITS;
}

/* Of the ways from `first` on that are marked, the one that has the key, or `ways`. */
ALLOT_INLINE uint32_t marked_find(const struct unit *unit, uint32_t set, uint64_t key,
				  uint32_t first, uint64_t equal)
{
	const struct slot *slots = set_slots(unit, set);
	for (; equal != 0; equal &= equal - 1) {
		uint32_t way = first + (uint32_t)__builtin_ctzll(equal) / MARK_BITS;
		if (likely(way < unit->ways && slots[way].key == key))
			return way;
	}
	return unit->ways;
}

/*
 * The way that has the key, whose mark fills `wanted`, or `ways`. A mark found equal above another
 * that is may be a borrow of that one: the keys decide.
 */
ALLOT_INLINE uint32_t marks_find(const struct unit *unit, uint32_t set, uint64_t key,
				 uint64_t wanted)
{
	const uint64_t *words = unit->sets_kept[set].marks.words;
	uint64_t equal = marks_equal(words[0], wanted);
	if (equal != 0) {
		uint32_t way = marked_find(unit, set, key, 0, equal);
		if (likely(way < unit->ways))
			return way;
	}
	if (unit->ways <= MARKS)
		return unit->ways;
	return marked_find(unit, set, key, MARKS, marks_equal(words[1], wanted));
}

/* The way that has the key, or `ways`. */
ALLOT_INLINE uint32_t set_find(const struct unit *unit, uint32_t set, uint64_t key)
{
	const struct slot *slots = set_slots(unit, set);
	uint32_t way = 0;
	if (likely(unit->ways <= WORD_WAYS_MAX))
		return marks_find(unit, set, key, mark_of(key) * MARK_LOW_BITS);
	while (way < unit->ways && slots[way].key != key)
		way++;
	return way;
}

/* Point every node on the path to `way` the other way. A set bit: the victim is on the right. */
static inline void tree_touch(uint64_t *tree, uint32_t ways, uint32_t way)
{
	uint32_t node = 1;
	for (uint32_t half = ways / 2; half > 0; half /= 2) {
		bool is_right = (way & half) != 0;
		if (is_right)
			*tree &= ~((uint64_t)1 << node);
		else
			*tree |= (uint64_t)1 << node;
		node = node * 2 + is_right;
	}
}

static inline uint32_t tree_victim(uint64_t tree, uint32_t ways)
{
	uint32_t node = 1, way = 0;
	for (uint32_t half = ways / 2; half > 0; half /= 2) {
		bool is_right = tree >> node & 1;
		way += is_right ? half : 0;
		node = node * 2 + is_right;
	}
	return way;
}

/* Put `slot` in front, what stood before `way` one place back. */
static inline void slots_rotate(struct slot *slots, uint32_t way, struct slot slot)
{
	memmove(slots + 1, slots, way * sizeof(*slots));
	slots[0] = slot;
}

/* The entry in `way` was used. */
ALLOT_INLINE void unit_touch(struct unit *unit, uint32_t set, uint32_t way)
{
	struct slot *slots = set_slots(unit, set);
	if (unit->keeping == KEEP_TREE) {
		tree_touch(&unit->sets_kept[set].word, unit->ways, way);
		return;
	}
	if (unit->conf.policy != VM_TLB_LRU)
		return;
	if (unit->keeping == KEEP_WORD)
		unit->sets_kept[set].word = word_touch(unit->sets_kept[set].word, way);
	else
		slots_rotate(slots, way, slots[way]);
}

/* An invalid way, the last one where entries move, or `ways`. */
static inline uint32_t hole_find(const struct unit *unit, const struct slot *slots)
{
	for (uint32_t i = 0; i < unit->ways; i++) {
		uint32_t way = unit->keeping == KEEP_MOVING ? unit->ways - 1 - i : i;
		if (!(slots[way].key & KEY_VALID))
			return way;
	}
	return unit->ways;
}

ALLOT_INLINE uint32_t victim_find(struct vm_tlb_state *s, const struct unit *unit, uint32_t set)
{
	switch (unit->keeping) {
	case KEEP_TREE:
		return tree_victim(unit->sets_kept[set].word, unit->ways);
	case KEEP_WORD:
		return word_place(unit->sets_kept[set].word, unit->ways - 1);
	case KEEP_MOVING:
		return unit->ways - 1;
	default:
		return (uint32_t)(random_step(&s->random) % unit->ways);
	}
}

ALLOT_INLINE void unit_insert(struct vm_tlb_state *s, struct unit *unit, uint32_t set,
			      struct slot slot)
{
	struct slot *slots = set_slots(unit, set);
	uint32_t way = unit->ways;
	if (unlikely(unit->used < unit->conf.entries))
		way = hole_find(unit, slots);
	if (unlikely(way < unit->ways)) {
		unit->used++;
	} else {
		way = victim_find(s, unit, set);
		s->statistics.evictions++;
	}
	if (unit->keeping == KEEP_MOVING) {
		slots_rotate(slots, way, slot);
		return;
	}
	slot_put(unit, set, way, slot);
	if (unit->keeping == KEEP_WORD)
		unit->sets_kept[set].word = word_touch(unit->sets_kept[set].word, way);
	else if (unit->keeping == KEEP_TREE)
		tree_touch(&unit->sets_kept[set].word, unit->ways, way);
}

/* ---- in a unit ---- */

/* Where an entry was found. */
struct place {
	struct unit *unit;
	uint32_t set;
	uint32_t way;
};

ALLOT_INLINE bool unit_find(const struct vm_tlb_state *s, struct unit *unit, uint64_t owner,
			    uint64_t va, struct place *out)
{
	unsigned sizes = unit->conf.sizes & s->sizes_seen;
	for (unsigned size = 0; sizes != 0; sizes >>= 1, size++) {
		if (!(sizes & 1))
			continue;
		uint64_t vpn = page_of(s, va, size);
		uint32_t set = (uint32_t)vpn & (unit->sets - 1);
		uint32_t way = set_find(unit, set, key_make(vpn, owner, size));
		if (way == unit->ways && s->has_global)
			way = set_find(unit, set, key_make(vpn, KEY_GLOBAL, size));
		if (way == unit->ways)
			continue;
		*out = (struct place){unit, set, way};
		return true;
	}
	return false;
}

ALLOT_INLINE struct slot *place_slot(const struct place *place)
{
	return set_slots(place->unit, place->set) + place->way;
}

static inline void slot_invalidate(struct vm_tlb_state *s, struct unit *unit, struct slot *slot)
{
	slot->key = 0;
	slot->data = 0;
	unit->used--;
	s->statistics.flushed_entries++;
}

/* The last byte of the page that holds `va`. */
ALLOT_INLINE uint64_t page_last(const struct vm_tlb_state *s, uint64_t va)
{
	uint64_t bytes = s->conf.geometry->page_bytes;
	return likely(!s->is_divided) ? va | s->page_mask : va - va % bytes + bytes - 1;
}

#endif
