/* SPDX-License-Identifier: MIT */
/*
 * allot/vm: translation, TLBs, replacement, curves and traces.
 *
 * What is declared here computes; it never asks the system for memory, never prints and has no
 * state of its own. An object lives in memory its user gives: x_bytes() says how many bytes one
 * needs, x_init() makes it there, and nothing has to be undone. Memory must be aligned as for
 * uint64_t. One object is for one thread at a time.
 *
 * Units are bytes unless a name says pages, entries or bits. Functions that can refuse return
 * false, leave their outputs alone and, where they take a `message`, write one line of at most
 * `message_bytes` - 1 characters that says why; it may be NULL.
 */
#ifndef ALLOT_VM_TRANSLATION_H
#define ALLOT_VM_TRANSLATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* ---- translation: machines and their addresses --------------------------------------------- */

enum {
	VM_LEVELS_MAX = 5, /* of page tables */
	VM_SIZES_MAX = 3,  /* of pages of one machine */
};

/*
 * A machine's addresses. A virtual address is a page number (VPN) over an offset (VPO); the VPN
 * is cut into one index for each level of page tables. Pages that end a walk a level early are
 * larger: size 0 is the base page, size 1 a whole table of them, and so on.
 */
struct vm_geometry {
	const char *name;
	const char *summary;         /* one sentence without a full stop */
	uint32_t page_bytes;         /* of a base page; no power of two: division, one level */
	uint8_t page_shift;          /* log2 page_bytes, 0 where that is none */
	uint8_t va_bits;             /* of a virtual address, at most 64 */
	uint8_t pa_bits;             /* of a physical one */
	uint8_t level_count;         /* 1 (linear) to VM_LEVELS_MAX */
	uint8_t bits[VM_LEVELS_MAX]; /* of each level's index, the first level walked first */
	uint8_t pte_bytes;           /* of a page table entry: 1, 2, 4 or 8 */
	uint8_t size_count;          /* page sizes, 1 to VM_SIZES_MAX */
	bool is_canonical;           /* the bits above va_bits repeat the highest of them */
	uint64_t user_end;           /* first address that is not the program's; 0: all are */
};

/* The machines known by name, in the order they are shown; NULL beyond the last. */
const struct vm_geometry *vm_geometry_get(size_t index);
/* The machine called `name`, or NULL. */
const struct vm_geometry *vm_geometry_find(const char *name);

/* Can there be such a machine? If not, `message` says what is impossible. */
bool vm_geometry_check(const struct vm_geometry *geometry, char *message, size_t message_bytes);

/* Bytes of a page of `size`, an index below size_count. */
uint64_t vm_geometry_page_bytes(const struct vm_geometry *geometry, unsigned size);

/* An address taken apart. */
struct vm_split {
	uint64_t vpn;
	uint64_t vpo;
	uint32_t indices[VM_LEVELS_MAX]; /* into the table of each level, the first one first */
};

/* Take `va` apart. False: it is no address of this machine (too large, or not canonical). */
bool vm_split(const struct vm_geometry *geometry, uint64_t va, struct vm_split *out);

/* The address of byte `offset` of page or frame `number`: PA from PPN and PPO, VA from VPN, VPO. */
uint64_t vm_join(const struct vm_geometry *geometry, uint64_t number, uint64_t offset);

/* Kinds of access. */
enum vm_kind {
	VM_LOAD,
	VM_STORE,
	VM_FETCH,  /* of an instruction */
	VM_MODIFY, /* a load and a store of the same bytes by one instruction */
	VM_KIND_COUNT,
};

/* Rights of a page. */
enum {
	VM_RIGHT_READ = 1 << 0,
	VM_RIGHT_WRITE = 1 << 1,
	VM_RIGHT_EXECUTE = 1 << 2,
	VM_RIGHT_USER = 1 << 3, /* without it: for the supervisor alone */
};

/* The error code of a page fault, bits as in the Intel SDM, volume 3, "Page-Fault Exceptions". */
enum {
	VM_ERROR_PRESENT = 1 << 0, /* there is a page, it grants no such access */
	VM_ERROR_WRITE = 1 << 1,
	VM_ERROR_USER = 1 << 2,
	VM_ERROR_FETCH = 1 << 4,
	VM_ERROR_LIMIT = 1 << 15,  /* ours: beyond the page table's length, or no address at all */
};

/* The rights an access of `kind` needs, as a mask. */
unsigned vm_rights_needed(enum vm_kind kind, bool is_user);

/* What a walk of the page tables found. */
struct vm_translation {
	uint64_t ppn;   /* frame of the page's first byte, counted in base pages */
	uint8_t size;   /* index of the page's size */
	uint8_t rights; /* VM_RIGHT_ mask */
	uint8_t reads;  /* table entries read */
	bool is_global; /* of every address space */
	bool is_dirty;  /* written to since the bit was cleared; true for a walk that stores */
	uint16_t error; /* VM_ERROR_ mask, when the walk ends in a fault */
};

/*
 * Walk the page tables for one access: what a processor does when no TLB knows the page. Sets the
 * accessed bit of the entries on its way, and the dirty bit when `kind` stores. Returns false on
 * a page fault, with `out->error` and `out->reads` set.
 */
typedef bool vm_translate(void *context, uint64_t va, enum vm_kind kind, bool is_user,
			  struct vm_translation *out);

/* Every address is its own physical address, with all rights: for counting without page tables. */
struct vm_flat {
	const struct vm_geometry *geometry;
};
bool vm_flat_translate(void *context, uint64_t va, enum vm_kind kind, bool is_user,
		       struct vm_translation *out);

/* ---- translation: the linear page table of the textbooks ----------------------------------- */

/* An entry of a linear page table. */
struct vm_linear_entry {
	uint64_t ppn;
	uint8_t rights;  /* VM_RIGHT_ mask; without VM_RIGHT_USER the book's SUP bit is set */
	bool is_valid;
	bool is_accessed;
	bool is_dirty;
};

/*
 * A page table as an array: the page table base register points to it, the page table length
 * register says how long it is. Pages beyond that fault without memory being read.
 */
struct vm_linear {
	const struct vm_geometry *geometry;
	struct vm_linear_entry *ptbr; /* the caller's */
	uint64_t ptlr;                /* entries */
};

/* A vm_translate; `context` is a struct vm_linear. */
bool vm_linear_translate(void *context, uint64_t va, enum vm_kind kind, bool is_user,
			 struct vm_translation *out);

/* ---- translation: a cache small enough to draw --------------------------------------------- */

enum { VM_CACHE_LINE_BYTES_MAX = 16 };

struct vm_cache_line {
	uint64_t tag; /* CT */
	bool is_valid;
	uint8_t bytes[VM_CACHE_LINE_BYTES_MAX];
};

/* A direct-mapped cache of physical addresses. */
struct vm_cache {
	uint8_t offset_bits;         /* of CO, at most 4 */
	uint8_t index_bits;          /* of CI */
	struct vm_cache_line *lines; /* the caller's, 2^index_bits */
};

/* A physical address as this cache takes it apart, and what it finds. */
struct vm_cache_look {
	uint64_t offset; /* CO */
	uint64_t index;  /* CI */
	uint64_t tag;    /* CT */
	bool is_hit;
	uint8_t byte;    /* on a hit */
};

void vm_cache_look(const struct vm_cache *cache, uint64_t pa, struct vm_cache_look *out);

/* ---- translation: TLBs --------------------------------------------------------------------- */

enum {
	VM_TLB_UNITS_MAX = 8,
	VM_TLB_RANKS_MAX = 3,
	VM_TLB_NAME_BYTES = 8,
	VM_TLB_VPN_BITS_MAX = 45,     /* of a base page's number */
	VM_TLB_ASIDS_MAX = 4096,      /* address-space identifiers of the hardware */
	VM_TLB_ENTRIES_MAX = 1 << 20, /* of one unit */
	VM_TLB_PLRU_WAYS_MAX = 64,
};

/* Which entry of a set gives way. */
enum vm_tlb_policy {
	VM_TLB_LRU,    /* the one not used for the longest time */
	VM_TLB_PLRU,   /* a binary tree of bits that point away from what was used */
	VM_TLB_FIFO,   /* the one that came first */
	VM_TLB_RANDOM, /* any, by a generator with a seed */
	VM_TLB_POLICY_COUNT,
};

/*
 * One TLB. Units of rank 1 are asked first, those of rank 2 when they do not know, and so on; what
 * a rank finds is entered in the ranks before it, what a walk finds in all. The index into the
 * sets (TLBI) is the low bits of the VPN, the tag (TLBT) is the rest.
 */
struct vm_tlb_unit {
	char name[VM_TLB_NAME_BYTES];
	uint32_t entries;
	uint32_t ways;   /* entries of a set; 0: all of them, fully associative */
	uint8_t rank;    /* from 1 */
	uint8_t policy;  /* enum vm_tlb_policy */
	uint8_t sizes;   /* mask of page sizes, bit 0 for the base page */
	uint8_t kinds;   /* mask of 1 << enum vm_kind; VM_MODIFY goes with VM_STORE */
};

/* What one access is, where it touches two pages or both loads and stores. */
enum vm_tlb_counting {
	VM_TLB_COUNT_PAGES,      /* each page is an access, a modification is a load and a store */
	VM_TLB_COUNT_REFERENCES, /* one reference is one access, a modification a load: as
				    valgrind's cachegrind counts */
};

struct vm_tlb_conf {
	const struct vm_geometry *geometry; /* must outlive the TLB */
	struct vm_tlb_unit units[VM_TLB_UNITS_MAX];
	uint32_t unit_count;
	uint32_t asid_count;     /* identifiers; 0: a switch of address spaces flushes */
	enum vm_tlb_counting counting;
	uint64_t seed;           /* of VM_TLB_RANDOM */
	vm_translate *translate; /* what a miss asks */
	void *context;           /* its first argument */
};

/*
 * Fill in geometry, units and asid_count of a processor known by name; translate and context are
 * left alone. Sizes as their vendors publish them. False when there is no such name.
 */
bool vm_tlb_preset(const char *name, struct vm_tlb_conf *conf);
/* The names of the presets; NULL beyond the last. */
const char *vm_tlb_preset_name(size_t index);
/* "lru", "plru", "fifo", "random"; NULL beyond the last. */
const char *vm_tlb_policy_name(unsigned policy);

/*
 * What happened, since vm_tlb_init(). An access that faults is counted as any other. Under
 * VM_MODIFY stands how many references were modifications; they are also among the loads and, with
 * VM_TLB_COUNT_PAGES, among the stores. Their misses are misses of the load.
 */
struct vm_tlb_statistics {
	uint64_t accesses[VM_KIND_COUNT];
	uint64_t misses[VM_TLB_RANKS_MAX][VM_KIND_COUNT]; /* of each rank, from rank 1 */
	uint64_t straddles;       /* references that touched more than one page */
	uint64_t walks;           /* of the page tables, because no rank knew the page */
	uint64_t dirty_walks;     /* because a page known as clean was stored to */
	uint64_t right_walks;     /* because an entry granted less than was needed */
	uint64_t walk_reads;      /* table entries read by all of these */
	uint64_t faults;
	uint64_t evictions;       /* valid entries that gave way, of all units */
	uint64_t switches;        /* of address spaces */
	uint64_t flushed_entries; /* invalidated by switches and flushes */
};

/*
 * The pages of which the next access of a kind needs no look at the sets, one for each set: its
 * most recently used entry. Using that once more changes no policy's state, so what this filter
 * lets pass is counted exactly.
 */
struct vm_tlb_filter {
	uint64_t *pages; /* of this kind, every VM_KIND_COUNT-th */
	uint64_t mask;   /* sets - 1 */
};

struct vm_tlb_state;

/* TLBs of one processor. The fields are for the functions here. */
struct vm_tlb {
	struct vm_tlb_filter filters[VM_KIND_COUNT];
	uint64_t accesses[VM_KIND_COUNT]; /* through the filter alone */
	unsigned page_shift;
	struct vm_tlb_state *state;
	struct vm_translation fault;      /* of the last access that returned false */
};

/* Bytes of memory for TLBs of this description; 0 when vm_tlb_init() would refuse it. */
size_t vm_tlb_bytes(const struct vm_tlb_conf *conf);

/*
 * Make the TLBs, all entries invalid, in `memory` of at least vm_tlb_bytes(), which the caller
 * keeps as long as `tlb`. The processor is in user mode, in address space 0. Refuses what cannot
 * be: sets that are no power of two, two units of a rank for the same pages, and so on.
 */
bool vm_tlb_init(struct vm_tlb *tlb, void *memory, size_t memory_bytes,
		 const struct vm_tlb_conf *conf, char *message, size_t message_bytes);

/* vm_tlb_access(), where it is not a hit that changes nothing. */
bool vm_tlb_access_slowly(struct vm_tlb *tlb, uint64_t va, uint64_t bytes, enum vm_kind kind);

/*
 * Access `bytes` (at least 1) from `va` on. Kinds that no unit is for are counted and otherwise
 * ignored. Returns false on a page fault, see tlb->fault; pages after the faulting one are not
 * touched then. (Fast path: a shift, a load and a comparison on a hit.)
 */
static inline bool vm_tlb_access(struct vm_tlb *tlb, uint64_t va, uint64_t bytes,
				 enum vm_kind kind)
{
	const struct vm_tlb_filter *filter = &tlb->filters[kind];
	uint64_t page = va >> tlb->page_shift;
	if (__builtin_expect(filter->pages[(page & filter->mask) * VM_KIND_COUNT] == page, 1) &&
	    __builtin_expect((va + bytes - 1) >> tlb->page_shift == page, 1)) {
		tlb->accesses[kind]++;
		return true;
	}
	return vm_tlb_access_slowly(tlb, va, bytes, kind);
}

/* One recorded access. */
struct vm_access {
	uint64_t va;
	uint32_t bytes;
	uint32_t kind; /* enum vm_kind */
};

/* vm_tlb_access() for each of them, in order. Returns how many faulted. */
size_t vm_tlb_run(struct vm_tlb *tlb, const struct vm_access *accesses, size_t count);

/*
 * Go to address space `space`, any number. With identifiers, its entries may still be there; the
 * least recently assigned identifier is taken when all are in use, and its entries are flushed.
 * Global entries stay in any case.
 */
void vm_tlb_switch(struct vm_tlb *tlb, uint64_t space);

/* Enter or leave user mode. */
void vm_tlb_set_user(struct vm_tlb *tlb, bool is_user);

/* Invalidate everything, global entries too. */
void vm_tlb_flush(struct vm_tlb *tlb);
/* Invalidate the entries of an address space that are not global. */
void vm_tlb_flush_space(struct vm_tlb *tlb, uint64_t space);
/* Invalidate what `space`, or all spaces together, know of the pages in [va, va + bytes). */
void vm_tlb_flush_range(struct vm_tlb *tlb, uint64_t space, uint64_t va, uint64_t bytes);

/* Counters so far. */
void vm_tlb_statistics(const struct vm_tlb *tlb, struct vm_tlb_statistics *out);

/* An entry as it can be shown. */
struct vm_tlb_entry {
	uint64_t vpn;    /* in pages of its own size: TLBT over TLBI */
	uint64_t ppn;    /* in base pages */
	uint32_t asid;   /* the hardware's identifier; VM_TLB_GLOBAL for a global entry */
	uint8_t size;
	uint8_t rights;
	bool is_dirty;
	bool is_valid;
};

enum { VM_TLB_GLOBAL = 0xFFFF };

/* Sets of unit number `unit`; its ways are entries / sets. */
uint32_t vm_tlb_sets(const struct vm_tlb *tlb, unsigned unit);
/* The unit as it was asked for, with `ways` filled in. NULL beyond the last. */
const struct vm_tlb_unit *vm_tlb_unit(const struct vm_tlb *tlb, unsigned unit);
/*
 * Entry `way` of a set. With VM_TLB_LRU way 0 is the most recently used, with VM_TLB_FIFO the
 * newest; else ways are places.
 */
void vm_tlb_entry_get(const struct vm_tlb *tlb, unsigned unit, uint32_t set, uint32_t way,
		      struct vm_tlb_entry *out);
/* Put an entry there, valid or not: a state out of a book. Its vpn must belong to the set. */
void vm_tlb_entry_put(struct vm_tlb *tlb, unsigned unit, uint32_t set, uint32_t way,
		      const struct vm_tlb_entry *entry);

/* A look that changes nothing: what a unit knows of an address in the current address space. */
struct vm_tlb_look {
	uint32_t set;   /* TLBI */
	uint64_t tag;   /* TLBT */
	uint32_t way;   /* on a hit */
	bool is_hit;
	struct vm_tlb_entry entry; /* on a hit */
};

/* Look for the page of `size` that holds `va`. */
void vm_tlb_look(const struct vm_tlb *tlb, unsigned unit, uint64_t va, unsigned size,
		 struct vm_tlb_look *out);

/*
 * Prove the invariants: every entry is in its set, none is there twice, none belongs to no
 * address space, the filter says nothing the sets do not. False, with the first broken one.
 */
bool vm_tlb_check(const struct vm_tlb *tlb, char *message, size_t message_bytes);

/* ---- translation: the machine of a book ---------------------------------------------------- */

/*
 * The small memory system of Bryant and O'Hallaron, "Computer Systems: A Programmer's
 * Perspective", section 9.6.4: geometry `csapp`, a TLB of 16 entries in 4 sets, a page table of
 * which 16 entries are given, and a cache of 16 lines of 4 bytes, all with contents.
 */
struct vm_book {
	struct vm_linear table;
	struct vm_cache cache;
	struct vm_tlb tlb;
};

size_t vm_book_bytes(void);
/* Make it in `memory` of vm_book_bytes(), which the caller keeps as long as `book`. */
void vm_book_init(struct vm_book *book, void *memory);

/* ---- replacement: pages in a fixed number of frames ---------------------------------------- */

enum vm_policy_kind {
	VM_POLICY_FIFO,
	VM_POLICY_LRU,
	VM_POLICY_CLOCK,  /* a referenced bit and a hand that clears it */
	VM_POLICY_AGING,  /* eight bits of history for each page, the youngest on the left */
	VM_POLICY_NFU,    /* how many periods a page was used in, never forgotten */
	VM_POLICY_OPT,    /* the page whose next use is farthest away (Belady 1966) */
	VM_POLICY_RANDOM,
	VM_POLICY_TWO,    /* an inactive list that pages come to, an active one for those used
			     again; the active one never has more than half of the frames */
	VM_POLICY_COUNT,
};

/* "fifo", "lru", "clock", "aging", "nfu", "opt", "random", "two"; NULL beyond the last. */
const char *vm_policy_name(unsigned kind);

enum {
	VM_FRAMES_MAX = 1 << 28,
	VM_POLICY_TICK = 4, /* accesses in a period of AGING and NFU, when none is asked for */
};

struct vm_policy_conf {
	enum vm_policy_kind kind;
	uint32_t frames;       /* 1 to VM_FRAMES_MAX */
	uint32_t tick;         /* accesses in a period of AGING and NFU; 0: VM_POLICY_TICK */
	uint64_t seed;         /* of VM_POLICY_RANDOM */
};

struct vm_policy_state;
struct vm_policy {
	struct vm_policy_state *state;
};

#define VM_NO_FRAME UINT32_MAX
#define VM_NO_PAGE UINT64_MAX
#define VM_NO_NEXT_USE UINT64_MAX

/* What an access did. */
struct vm_policy_step {
	bool is_fault;
	bool is_eviction;  /* a page had to leave */
	bool is_writeback; /* and it was dirty */
	uint32_t frame;    /* where the page is now */
	uint64_t victim;   /* the page that left, or VM_NO_PAGE */
};

/* What is in a frame. */
struct vm_policy_frame {
	uint64_t page;      /* or VM_NO_PAGE */
	bool is_referenced; /* CLOCK, AGING, NFU, TWO: since the bit was last cleared */
	bool is_dirty;
	bool is_active;     /* TWO: on the active list */
	uint32_t age;       /* AGING: the history; NFU: the count */
};

size_t vm_policy_bytes(const struct vm_policy_conf *conf);
/* Make it, all frames empty. `memory` as for vm_tlb_init(). */
bool vm_policy_init(struct vm_policy *policy, void *memory, size_t memory_bytes,
		    const struct vm_policy_conf *conf, char *message, size_t message_bytes);

/*
 * Access `page`, any number but VM_NO_PAGE. `next_use` is the position of its next access in the
 * string, VM_NO_NEXT_USE for none; only VM_POLICY_OPT looks at it. `step` may be NULL.
 */
void vm_policy_access(struct vm_policy *policy, uint64_t page, bool is_store, uint64_t next_use,
		      struct vm_policy_step *step);

uint64_t vm_policy_faults(const struct vm_policy *policy);
uint64_t vm_policy_writebacks(const struct vm_policy *policy);
void vm_policy_frame(const struct vm_policy *policy, uint32_t frame, struct vm_policy_frame *out);
/* Where the hand of CLOCK points, or the head of a queue; VM_NO_FRAME where there is none. */
uint32_t vm_policy_hand(const struct vm_policy *policy);

/* ---- replacement: curves and working sets -------------------------------------------------- */

/*
 * The faults of LRU for every number of frames, in one pass (Mattson, Gecsei, Slutz and Traiger
 * 1970): an access faults with fewer frames than its stack distance, the number of different
 * pages accessed since the page was last. O(log pages) for each change of page.
 */
struct vm_curve_state;
struct vm_curve {
	struct vm_curve_state *state;
};

/* Bytes for `pages_max` different pages. */
size_t vm_curve_bytes(uint32_t pages_max);
void vm_curve_init(struct vm_curve *curve, void *memory, uint32_t pages_max);
/*
 * Account for `count` accesses to `page`, one after the other. False, with nothing changed, when
 * it is one page more than there is room for: see vm_curve_move().
 */
bool vm_curve_add(struct vm_curve *curve, uint64_t page, uint64_t count);
/* Go on in `memory` with room for `pages_max`, at least as many as before; the old one is free. */
void vm_curve_move(struct vm_curve *curve, void *memory, uint32_t pages_max);
uint64_t vm_curve_accesses(const struct vm_curve *curve);
/* Different pages: faults that no number of frames avoids. */
uint32_t vm_curve_pages(const struct vm_curve *curve);
/* Faults of LRU with `frames` frames: O(frames), beyond vm_curve_pages() no fewer. */
uint64_t vm_curve_faults(const struct vm_curve *curve, uint32_t frames);

/*
 * In `next[i]` the position of the next access to pages[i] after i, or VM_NO_NEXT_USE. `memory` is
 * vm_next_use_bytes(count) bytes of scratch.
 */
size_t vm_next_use_bytes(size_t count);
void vm_next_use(const uint64_t *pages, size_t count, uint64_t *next, void *memory);

/*
 * The faults of OPT for every number of frames, in one pass over a priority stack (Mattson et al.):
 * faults[f] for f frames, 1 to frames_max; faults[0] is `count`. O(distance) for each access.
 * `memory` is vm_opt_curve_bytes() of scratch.
 */
size_t vm_opt_curve_bytes(size_t count);
void vm_opt_curve(const uint64_t *pages, const uint64_t *next, size_t count, uint64_t *faults,
		  uint32_t frames_max, void *memory);

/*
 * The working set W(t, tau): the pages accessed by the last `tau` accesses (Denning 1968), and the
 * footprint: the pages accessed in each interval of `tau` accesses.
 */
struct vm_working_state;
struct vm_working {
	struct vm_working_state *state;
};

struct vm_working_view {
	uint64_t accesses;
	uint32_t pages;            /* in the working set now */
	uint32_t pages_max;        /* the largest it was */
	uint64_t page_sum;         /* its size after each access, added up: the mean is that by
				      accesses */
	uint32_t interval_pages;   /* footprint of the interval that is under way */
	uint32_t footprint;        /* of the last whole interval */
	uint32_t footprint_max;
	uint64_t intervals;        /* whole ones */
};

size_t vm_working_bytes(uint32_t pages_max);
/* `tau` is at least 1. `memory` as in vm_curve_init(). */
void vm_working_init(struct vm_working *working, void *memory, uint32_t pages_max, uint64_t tau);
/* As vm_curve_add(). */
bool vm_working_add(struct vm_working *working, uint64_t page, uint64_t count);
/* As vm_curve_move(). */
void vm_working_move(struct vm_working *working, void *memory, uint32_t pages_max);
void vm_working_view(const struct vm_working *working, struct vm_working_view *out);

/* ---- traces -------------------------------------------------------------------------------- */

/* How a reader's call ended. */
enum vm_trace_end {
	VM_TRACE_MORE,    /* all there was is used: give more bytes, or there are none */
	VM_TRACE_FULL,    /* no room for more accesses: call again */
	VM_TRACE_DAMAGED, /* what follows is not what it should be: see the reader's `expected` */
};

/* A reader of the text that valgrind --tool=lackey --trace-mem=yes writes. Starts as zeros. */
struct vm_lackey {
	uint64_t lines;       /* read so far, those of other kinds included */
	const char *expected; /* at VM_TRACE_DAMAGED: what line number `lines` + 1 should hold */
};

/*
 * Read whole lines of `text` into `accesses`, at most `capacity`. Lines that valgrind itself
 * writes ("==1234== ...") are passed over. `is_last` says that no text follows: a last line
 * without a newline then counts as damage, unless it is whole. *out_used is how many bytes were
 * used, *out_count how many accesses were stored.
 */
enum vm_trace_end vm_lackey_read(struct vm_lackey *reader, const char *text, size_t text_bytes,
				 bool is_last, struct vm_access *accesses, size_t capacity,
				 size_t *out_used, size_t *out_count);

/*
 * The binary form: a header of VM_TRACE_HEADER_BYTES, then blocks, each with the bytes and the
 * accesses in it, the thread they are of, and a checksum. A block is read without the others.
 * lib/vm/trace.c describes the bytes.
 */
enum {
	VM_TRACE_HEADER_BYTES = 16,
	VM_TRACE_BLOCK_ACCESSES = 4096,                             /* at most, of a block */
	VM_TRACE_BLOCK_BYTES_MAX = 16 + VM_TRACE_BLOCK_ACCESSES * 16, /* of a block */
	VM_TRACE_BASES = 4,
};

void vm_trace_header_write(uint8_t header[VM_TRACE_HEADER_BYTES]);
/* Is that a header of this form? `expected` then says nothing; else what was expected. */
bool vm_trace_header_check(const uint8_t *bytes, size_t count, const char **out_expected);

/*
 * Write one block of at most VM_TRACE_BLOCK_ACCESSES accesses of thread `thread` to `out`, which
 * has VM_TRACE_BLOCK_BYTES_MAX bytes. Returns its bytes. An access of more than 2^32 - 1 bytes
 * does not exist; one of 0 bytes is written as 1.
 */
size_t vm_trace_block_write(const struct vm_access *accesses, size_t count, uint32_t thread,
			    uint8_t *out);

/* One block read. */
struct vm_trace_block {
	uint32_t thread;
	uint32_t count;       /* accesses */
	size_t bytes;         /* of the block */
	const char *expected; /* at VM_TRACE_DAMAGED */
};

/*
 * Read the block at `bytes` into `accesses`, which has room for VM_TRACE_BLOCK_ACCESSES.
 * VM_TRACE_FULL: a block was read. VM_TRACE_MORE: `count` bytes hold no whole block; at the end
 * of a file that is damage, unless `count` is 0.
 */
enum vm_trace_end vm_trace_block_read(const uint8_t *bytes, size_t count,
				      struct vm_access *accesses, struct vm_trace_block *out);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
