/* SPDX-License-Identifier: MIT */
/*
 * TLBs from the inside: entries, units, the state behind struct vm_tlb.
 *
 * An entry is two words. The key says whose page it is, in one comparison:
 *
 *      63                    19 18              3 2    1  0
 *     |           VPN          |      ASID       | size | valid |
 *
 * where VPN counts pages of the entry's own size and all ones for an ASID stand for every address
 * space. The data says where it is: | PPN | dirty | rights |.
 *
 * The ways of a set are an array of places. In which order they will leave is kept in a word beside
 * them: four bits a place, the newest lowest, which a touch rearranges in a dozen instructions and
 * without a branch. Sets of more than 16 ways have no such word: there the entries themselves are
 * moved, the newest in front. PLRU's word is its tree.
 */
#ifndef VM_TLB_H
#define VM_TLB_H

#include <allot/vm.h>

#include "base/compiler.h"

enum {
	KEY_VALID = 1,
	KEY_SIZE_SHIFT = 1,
	KEY_SIZE_MASK = 3,
	KEY_ASID_SHIFT = 3,
	KEY_ASID_MASK = 0xFFFF,
	KEY_VPN_SHIFT = 19,
	DATA_RIGHTS_MASK = 15,
	DATA_DIRTY = 16,
	DATA_ALLOWED_MASK = DATA_RIGHTS_MASK | DATA_DIRTY,
	DATA_PPN_SHIFT = 5,
};

enum {
	PLACE_BITS = 4,
	PLACE_MASK = 15,
	WORD_WAYS_MAX = 16,
	MARK_BITS = 8,
	MARKS = 64 / MARK_BITS, /* in a word */
	/* Mark 0 is to be the lowest of its word. */
	MARK_FLIP = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? MARKS - 1 : 0,
};

#define MARK_LOW_BITS 0x0101010101010101u
#define MARK_HIGH_BITS 0x8080808080808080u

#define PLACE_LOW_BITS 0x1111111111111111u
#define PLACE_HIGH_BITS 0x8888888888888888u
/* Place 0 is the newest, then 1, and so on; a word has zeros where there are no places. */
#define WORD_START 0xFEDCBA9876543210u

/* How many places are newer than `place`. */
static inline unsigned word_position(uint64_t word, uint32_t place)
{
	/* The lowest four bits that are equal become zero, and borrow from no lower ones; what is
	 * equal above is no place. */
	uint64_t different = word ^ place * PLACE_LOW_BITS;
	uint64_t equal = (different - PLACE_LOW_BITS) & ~different & PLACE_HIGH_BITS;
	return (unsigned)__builtin_ctzll(equal) / PLACE_BITS;
}

/* The place that `position` places are newer than. */
static inline uint32_t word_place(uint64_t word, uint32_t position)
{
	return (uint32_t)(word >> position * PLACE_BITS) & PLACE_MASK;
}

/* The word after `place` has become the newest. */
static inline uint64_t word_touch(uint64_t word, uint32_t place)
{
	unsigned top_bit = word_position(word, place) * PLACE_BITS + PLACE_BITS - 1;
	uint64_t moved = ((uint64_t)2 << top_bit) - 1; /* all bits for the last position */
	return (word & ~moved) | (word << PLACE_BITS & moved) | place;
}

/* In a filter: no page, for none has this number. */
#define FILTER_EMPTY UINT64_MAX

struct slot {
	uint64_t key;
	uint64_t data;
};

/*
 * What is kept of a set beside its entries. A mark is 8 bits made of an entry's key: a look
 * compares the marks of 8 ways at once and then the keys of those whose marks are equal.
 */
struct set {
	uint64_t word;                /* the order, or the tree */
	union {
		uint64_t words[WORD_WAYS_MAX / MARKS];
		uint8_t bytes[WORD_WAYS_MAX];
	} marks;                      /* of ways up to 16; else unused */
};

/* How a unit keeps the order of a set's ways. */
enum keeping {
	KEEP_NOTHING, /* random */
	KEEP_WORD,    /* LRU and FIFO: places in a word, four bits each */
	KEEP_MOVING,  /* LRU and FIFO of more than 16 ways: by moving entries */
	KEEP_TREE,    /* PLRU: the bits of a tree in a word */
};

struct unit {
	struct vm_tlb_unit conf;
	struct slot *slots;     /* sets x ways */
	struct set *sets_kept;
	uint64_t *filter;       /* VM_KIND_COUNT pages a set, or NULL */
	enum keeping keeping;
	uint64_t word_mask;     /* the bits of a word that are places */
	uint32_t ways;
	uint32_t sets;
	uint32_t used;          /* valid entries */
	uint8_t set_shift;      /* log2 sets */
};

/*
 * The units that accesses of one kind go through, by rank. Where each rank has one for base pages
 * that is LRU with a word, these are the short cut; else the short cut has no units.
 */
struct route {
	struct unit *units[VM_TLB_UNITS_MAX];
	unsigned count;
	struct unit *cut[VM_TLB_RANKS_MAX];
	unsigned cut_before[VM_TLB_RANKS_MAX]; /* units of the ranks before that one's */
	unsigned cut_count;
};

struct vm_tlb_state {
	struct vm_tlb_conf conf;
	struct unit units[VM_TLB_UNITS_MAX];
	struct route routes[VM_KIND_COUNT];
	struct vm_tlb_statistics statistics;
	uint64_t random;
	uint64_t va_mask;
	uint64_t page_mask;       /* page_bytes - 1, where that is a mask */
	uint64_t low_mask;        /* addresses that are their own VPN and VPO: no sign to copy */
	uint64_t own;             /* ASID of the current space, in place in a key, and valid */
	uint64_t space;           /* the current one */
	uint64_t *spaces;         /* which space has each identifier */
	uint32_t spaces_used;     /* identifiers given out so far */
	uint32_t spaces_next;     /* the identifier to be taken next */
	uint8_t shifts[VM_SIZES_MAX];
	uint8_t allowed[DATA_ALLOWED_MASK + 1]; /* kinds that need nothing more, in this mode */
	/* The same for filters: zeros for a kind that is allowed, else ones, which make no page. */
	uint64_t denied[DATA_ALLOWED_MASK + 1][VM_KIND_COUNT];
	uint8_t sizes_seen;       /* mask of the page sizes that were ever entered */
	bool has_global;          /* a global entry was ever entered */
	bool is_user;
	bool is_divided;          /* pages are found by division: there is no filter */
};

static inline uint64_t key_make(uint64_t vpn, uint64_t own, unsigned size)
{
	return vpn << KEY_VPN_SHIFT | own | (uint64_t)size << KEY_SIZE_SHIFT;
}

#define KEY_GLOBAL ((uint64_t)VM_TLB_GLOBAL << KEY_ASID_SHIFT | KEY_VALID)

/* The entries of a set. */
ALLOT_INLINE struct slot *set_slots(const struct unit *unit, uint32_t set)
{
	return unit->slots + (size_t)set * unit->ways;
}

ALLOT_INLINE uint64_t mark_of(uint64_t key)
{
	return (uint32_t)((key >> KEY_ASID_SHIFT ^ key >> KEY_VPN_SHIFT) * 0x9E3779B1u) >>
	       (32 - MARK_BITS);
}

/* Store an entry, and its mark. */
ALLOT_INLINE void slot_put(struct unit *unit, uint32_t set, uint32_t way, struct slot slot)
{
	set_slots(unit, set)[way] = slot;
	if (way < WORD_WAYS_MAX)
		unit->sets_kept[set].marks.bytes[way ^ MARK_FLIP] = (uint8_t)mark_of(slot.key);
}

/* The number of the page of `size` that holds an address within va_mask. */
static inline uint64_t page_of(const struct vm_tlb_state *s, uint64_t va, unsigned size)
{
	return __builtin_expect(s->is_divided, 0) ? va / s->conf.geometry->page_bytes
						  : va >> s->shifts[size];
}

/* The next number of splitmix64. */
static inline uint64_t random_step(uint64_t *state)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15u;
	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return z ^ z >> 31;
}

/* May an access of `kind` go on with these rights and this dirty bit, without a walk? */
static inline bool data_allows(uint64_t data, unsigned needed, bool is_store)
{
	return (data & needed) == needed && (!is_store || (data & DATA_DIRTY));
}

/* An entry is made: looks for its size and for global ones are worth their while from now on. */
static inline void entry_seen(struct vm_tlb_state *s, unsigned size, bool is_global)
{
	s->sizes_seen |= (uint8_t)(1u << size);
	s->has_global |= is_global;
}

/* Forget which page each set used last: what was changed was changed behind an access's back. */
void filters_empty(struct vm_tlb *tlb);

/* Make the filters and the table of rights true for a state that was just laid out. */
void tlb_begin(struct vm_tlb *tlb);

static inline bool kind_stores(enum vm_kind kind)
{
	return kind == VM_STORE || kind == VM_MODIFY;
}

#endif
