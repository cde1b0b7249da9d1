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
 * The ways of a set are an array. With LRU and FIFO their order is the order of leaving, the next
 * victim last; with PLRU and random ways are places.
 */
#ifndef VM_TLB_H
#define VM_TLB_H

#include <allot/vm.h>

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

/* In a filter: no page, for none has this number. */
#define FILTER_EMPTY UINT64_MAX

struct slot {
	uint64_t key;
	uint64_t data;
};

struct unit {
	struct vm_tlb_unit conf;
	struct slot *slots;     /* sets x ways */
	uint64_t *trees;        /* PLRU: a word of bits for each set */
	uint32_t ways;
	uint32_t sets;
	uint32_t used;          /* valid entries */
	uint8_t set_shift;      /* log2 sets */
	uint8_t filter_kinds;   /* kinds whose filter speaks of this unit */
};

/* The units that accesses of one kind go through, by rank. */
struct route {
	struct unit *units[VM_TLB_UNITS_MAX];
	unsigned count;
};

struct vm_tlb_state {
	struct vm_tlb_conf conf;
	struct unit units[VM_TLB_UNITS_MAX];
	struct route routes[VM_KIND_COUNT];
	struct vm_tlb_statistics statistics;
	uint64_t random;
	uint64_t va_mask;
	uint64_t own;             /* ASID of the current space, in place in a key, and valid */
	uint64_t space;           /* the current one */
	uint64_t *spaces;         /* which space has each identifier */
	uint32_t spaces_used;     /* identifiers given out so far */
	uint32_t spaces_next;     /* the identifier to be taken next */
	uint8_t shifts[VM_SIZES_MAX];
	uint8_t allowed[DATA_ALLOWED_MASK + 1]; /* kinds that need nothing more, in this mode */
	bool is_user;
	bool is_divided;          /* pages are found by division: there is no filter */
};

static inline uint64_t key_make(uint64_t vpn, uint64_t own, unsigned size)
{
	return vpn << KEY_VPN_SHIFT | own | (uint64_t)size << KEY_SIZE_SHIFT;
}

#define KEY_GLOBAL ((uint64_t)VM_TLB_GLOBAL << KEY_ASID_SHIFT | KEY_VALID)

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

/* Make the filters and the table of rights true for a state that was just laid out. */
void tlb_begin(struct vm_tlb *tlb);

static inline bool kind_stores(enum vm_kind kind)
{
	return kind == VM_STORE || kind == VM_MODIFY;
}

#endif
