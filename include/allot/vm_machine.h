/* SPDX-License-Identifier: MIT */
/*
 * allot/vm: machines. Address spaces, page tables, page faults, fork and their counters, by the
 * rules of the Linux kernel; `allot vm diff` shows them to be equal to the running one's, count for
 * count.
 *
 * A machine is a value: any number may stand side by side, each with its own memory, which is
 * taken from the system with mmap and given back whole by vm_machine_destroy(). Nothing here calls
 * malloc or prints. A machine is for one thread at a time.
 *
 * Addresses are the modelled program's. Lengths are bytes, as system calls take them, unless a
 * name ends in _pages. Calls that stand for a system call give its result, and its error as a
 * positive errno value. Where a rule comes from is said as "mm/mmap.c" for the kernel's source, or
 * "CSAPP 9.8" for Bryant and O'Hallaron, Computer Systems, third edition.
 */
#ifndef ALLOT_VM_MACHINE_H
#define ALLOT_VM_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <allot/vm_translation.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* ---- profiles and rules ------------------------------------------------------------------- */

/* For which areas a fault may make a huge page: /sys/kernel/mm/transparent_hugepage/enabled. */
enum vm_huge_policy {
	VM_HUGE_NEVER,
	VM_HUGE_ADVISED,
	VM_HUGE_ALWAYS,
};

/* In what kernels and their settings differ. */
struct vm_profile {
	const char *name;
	uint32_t fault_around_pages;   /* 1 is none; mm/memory.c */
	enum vm_huge_policy huge;
	bool has_huge_zero_page;       /* .../transparent_hugepage/use_zero_page */
	bool places_huge;              /* multiples of 2 MiB aligned: mm/huge_memory.c, 6.7 */
	bool stack_flag_is_small;      /* MAP_STACK keeps huge pages out: 6.7 */
	bool reclaims_tables;          /* MADV_DONTNEED frees empty tables: mm/pt_reclaim.c, 6.14 */
	bool remaps_many;              /* mremap moves several areas at once: mm/mremap.c, 6.17 */
	bool last_page_needs_table;    /* before pages around the last one of a file are mapped:
					  mm/filemap.c, 6.18 */
	bool counts_late;              /* reclaim goes by counts of up to some seconds ago:
					  mm/vmscan.c, 6.18 */
	bool merges_faulted;           /* an area adopts anonymous memory on merging: mm/vma.c */
	uint32_t aux_count;            /* of the auxiliary vector, its end included: saved_auxv */
	uint32_t vvar_pages;           /* [vvar], [vvar_vclock] and [vdso], which exec maps: */
	uint32_t vclock_pages;         /* arch/x86/entry/vdso/vma.c */
	uint32_t vdso_pages;
	uint32_t stack_gap_pages;      /* kept free below areas that grow down: mm/mmap.c */
	uint64_t stack_limit_bytes;    /* RLIMIT_STACK */
	uint64_t lowest_address;       /* vm.mmap_min_addr */
	uint32_t area_count_max;       /* vm.max_map_count */
};

/* The `index`-th profile, NULL behind the last. The first is the newest kernel's. */
const struct vm_profile *vm_profile_at(size_t index);

/* The profile called `name`, or NULL. */
const struct vm_profile *vm_profile_find(const char *name);

/* The rules that can be switched off, which is of use to tests of the model only. */
enum vm_rule {
#define VM_RULE(name, meaning) VM_RULE_##name,
#include <allot/vm_rules.def>
#undef VM_RULE
	VM_RULE_COUNT,
};

const char *vm_rule_name(enum vm_rule rule);
/* What holds while the rule is on: a clause without a full stop. */
const char *vm_rule_meaning(enum vm_rule rule);

/* ---- machines ----------------------------------------------------------------------------- */

struct vm_machine;
struct vm_space;
struct vm_file;

/* Where things are in a new address space. */
struct vm_layout {
	uint64_t map_end;     /* mappings are placed below this page boundary: mmap_base */
	uint64_t break_start; /* where the heap of brk(2) begins */
};

/* What a machine is to be. All zero is x86-64, the newest profile and 1 GiB of memory. */
struct vm_config {
	const struct vm_geometry *geometry; /* radix tables only; NULL: the first */
	const struct vm_profile *profile;   /* copied; NULL: the first */
	uint64_t frame_count;               /* of physical memory; 0: 262,144 */
	struct vm_layout layout;            /* zeros: those of a program without randomisation */
	bool is_off[VM_RULE_COUNT];         /* rules switched off */
};

/* NULL when the geometry has no tables we can walk, or the system has no memory. */
struct vm_machine *vm_machine_create(const struct vm_config *config);

/* Give back the machine with its spaces and files. NULL is ignored. */
void vm_machine_destroy(struct vm_machine *machine);

/*
 * Prove every invariant of the machine: frames and buddies, counts of mappings against a walk of
 * all tables, resident sets, areas in order and as the tree has them, tables counted and none
 * without an area. False, with one line in `message`, names the first that is broken.
 */
bool vm_check(struct vm_machine *machine, char *message, size_t message_bytes);

/* ---- address spaces ----------------------------------------------------------------------- */

/* An empty address space, or NULL when there is no memory. The machine owns it. */
struct vm_space *vm_space_create(struct vm_machine *machine);

/*
 * Fork (kernel/fork.c dup_mmap, mm/memory.c copy_page_range; CSAPP 9.8.2). NULL when the machine
 * has no memory; what was made is then undone.
 */
struct vm_space *vm_space_fork(struct vm_space *parent);

/* The end of the process: everything is unmapped, and `space` is no more. */
void vm_space_exit(struct vm_space *space);

/*
 * Enter [start, end) as memory that was there before: of the program file, the stack, the kernel.
 * It merges with nothing, is in no count but that of tables, and forks whole. Pages are entered
 * with vm_space_furnish_page(), one at a time. False when it overlaps, or there is no memory.
 */
bool vm_space_furnish(struct vm_space *space, uint64_t start, uint64_t end);
bool vm_space_furnish_page(struct vm_space *space, uint64_t address);

/* The break now, where the next vm_break() begins; and setting it before the first one. */
uint64_t vm_space_break(const struct vm_space *space);

/* ---- files -------------------------------------------------------------------------------- */

enum vm_file_kind {
	VM_FILE_DISK,   /* wholly in the page cache; its file system is told of writes (ext4) */
	VM_FILE_QUIET,  /* the same, but the file system is not told */
	VM_FILE_SHARED, /* memory of tmpfs or memfd, made at the first touch: mm/shmem.c */
};

/*
 * Open a file of `size_bytes`. It lives as long as the machine, and each call is another open
 * file: areas of two do not merge. NULL when there is no memory.
 */
struct vm_file *vm_file_open(struct vm_machine *machine, enum vm_file_kind kind,
			     uint64_t size_bytes);

/* ---- system calls ------------------------------------------------------------------------- */

/* What a system call gives: `value`, or `error`, a positive errno value; 0 is success. */
struct vm_result {
	uint64_t value;
	int error;
};

enum vm_protection {
	VM_PROT_NONE = 0,
	VM_PROT_READ = 1,
	VM_PROT_WRITE = 2,
	VM_PROT_EXEC = 4,
};

enum vm_map_flag {
	VM_MAP_SHARED = 1 << 0,      /* private without it */
	VM_MAP_FIXED = 1 << 1,       /* at that address, whatever is there */
	VM_MAP_NOREPLACE = 1 << 2,   /* at that address, or fail */
	VM_MAP_POPULATE = 1 << 3,
	VM_MAP_LOCKED = 1 << 4,
	VM_MAP_NORESERVE = 1 << 5,
	VM_MAP_STACK = 1 << 6,
	VM_MAP_GROWSDOWN = 1 << 7,
};

/* What mmap(2) is asked for. */
struct vm_map_request {
	uint64_t address;      /* 0: anywhere; else a wish, or with VM_MAP_FIXED an order */
	uint64_t bytes;        /* rounded up to pages */
	unsigned protection;   /* of enum vm_protection */
	unsigned flags;        /* of enum vm_map_flag */
	struct vm_file *file;  /* NULL: anonymous */
	uint64_t offset;       /* into the file, a multiple of the page size */
};

/* mmap(2): mm/mmap.c do_mmap, mm/vma.c. Gives the address. EINVAL, ENOMEM, EEXIST. */
struct vm_result vm_map(struct vm_space *space, const struct vm_map_request *request);

/* munmap(2): mm/vma.c do_vmi_munmap. EINVAL, ENOMEM. */
struct vm_result vm_unmap(struct vm_space *space, uint64_t address, uint64_t bytes);

/* mprotect(2): mm/mprotect.c. ENOMEM at a hole; what lay before it is changed. */
struct vm_result vm_protect(struct vm_space *space, uint64_t address, uint64_t bytes,
			    unsigned protection);

enum vm_remap_flag {
	VM_REMAP_MAYMOVE = 1 << 0,
	VM_REMAP_FIXED = 1 << 1,     /* to `to`; what is there is unmapped */
	VM_REMAP_DONTUNMAP = 1 << 2, /* the old area stays, empty */
};

/* mremap(2): mm/mremap.c. Gives the new address. EINVAL, ENOMEM, EFAULT. */
struct vm_result vm_remap(struct vm_space *space, uint64_t address, uint64_t old_bytes,
			  uint64_t new_bytes, unsigned flags, uint64_t to);

enum vm_advice {
	VM_ADVISE_NORMAL,
	VM_ADVISE_RANDOM,
	VM_ADVISE_SEQUENTIAL,
	VM_ADVISE_WILLNEED,
	VM_ADVISE_DONTNEED,
	VM_ADVISE_FREE,
	VM_ADVISE_COLD,
	VM_ADVISE_PAGEOUT, /* comes to something in a group, see vm_group.h, as COLD does */
	VM_ADVISE_HUGEPAGE,
	VM_ADVISE_NOHUGEPAGE,
	VM_ADVISE_DONTFORK,
	VM_ADVISE_DOFORK,
	VM_ADVISE_WIPEONFORK,
	VM_ADVISE_KEEPONFORK,
	VM_ADVISE_DONTDUMP,
	VM_ADVISE_DODUMP,
	VM_ADVISE_POPULATE_READ,
	VM_ADVISE_POPULATE_WRITE,
	VM_ADVISE_GUARD_INSTALL,
	VM_ADVISE_GUARD_REMOVE,
};

/* madvise(2): mm/madvise.c. EINVAL, ENOMEM, EFAULT. */
struct vm_result vm_advise(struct vm_space *space, uint64_t address, uint64_t bytes,
			   enum vm_advice advice);

/* brk(2): mm/mmap.c. Gives the break after the call, which is the old one when it failed. */
struct vm_result vm_break(struct vm_space *space, uint64_t to);

/* mlock2(2), with `on_fault` its MLOCK_ONFAULT; munlock(2): mm/mlock.c. ENOMEM. */
struct vm_result vm_lock(struct vm_space *space, uint64_t address, uint64_t bytes, bool on_fault);
struct vm_result vm_unlock(struct vm_space *space, uint64_t address, uint64_t bytes);

/* ---- accesses and faults ------------------------------------------------------------------ */

/* How an access ended: si_signo and si_code of arch/x86/mm/fault.c; CSAPP 9.8.4. */
enum vm_signal {
	VM_SIGNAL_NONE,
	VM_SIGSEGV_MAPERR, /* SEGV_MAPERR: no area there, or a guard */
	VM_SIGSEGV_ACCERR, /* SEGV_ACCERR: the area forbids it */
	VM_SIGSEGV_KERNEL, /* SI_KERNEL: no address at all, general protection */
	VM_SIGBUS_ADRERR,  /* BUS_ADRERR: behind the end of the file */
	VM_SIGBUS_MEMORY,  /* the machine has no frame left; where Linux would kill a process */
	VM_SIGNAL_KILLED,  /* the group was out of memory, and it was chosen: see vm_group.h */
};

const char *vm_signal_name(enum vm_signal signal);

/* Why a fault was taken and what became of it. Each is counted in minor or in major faults. */
enum vm_reason {
	VM_REASON_ZERO_READ,     /* first read of an anonymous page: the zero page */
	VM_REASON_DEMAND_ZERO,   /* first write: a frame of zeros */
	VM_REASON_ZERO_WRITE,    /* write to the zero page: a frame of zeros */
	VM_REASON_FILE_READ,     /* page of the cache mapped, with its neighbours */
	VM_REASON_FILE_COPY,     /* first write to a private file page: copied at once */
	VM_REASON_FILE_WRITE,    /* first write to a shared file page */
	VM_REASON_SHARED_READ,   /* page of shared memory mapped */
	VM_REASON_SHARED_WRITE,  /* the same by a write */
	VM_REASON_WRITE_NOTIFY,  /* page was mapped read-only, so that a file system is told */
	VM_REASON_SHARED_UPGRADE,/* page was mapped read-only, and is writable now */
	VM_REASON_COW_COPY,      /* others map it: copied */
	VM_REASON_COW_REUSE,     /* nobody else maps it: made writable */
	VM_REASON_HUGE_ZERO,     /* first read of a huge page */
	VM_REASON_HUGE_DEMAND,   /* first write of a huge page */
	VM_REASON_HUGE_ZERO_WRITE,
	VM_REASON_HUGE_REUSE,
	VM_REASON_SWAP_CACHE,    /* the page of a swap slot was still, or already, in memory */
	VM_REASON_SWAP_IN,       /* read from swap: a major fault */
	VM_REASON_FILE_IN,       /* page of a file read from disk: a major fault */
	VM_REASON_COUNT,
};

/* One word, as counters are printed; and a clause that explains. */
const char *vm_reason_name(enum vm_reason reason);
const char *vm_reason_meaning(enum vm_reason reason);

/* What an access came to. */
struct vm_touched {
	enum vm_signal signal;
	uint64_t address; /* of the byte that could not be had; 0 without a signal */
};

/*
 * Access `bytes` at `address` as one instruction does: every page is had, one after another. A
 * load and store of one instruction (VM_MODIFY) asks as a store does.
 */
struct vm_touched vm_touch(struct vm_space *space, uint64_t address, uint64_t bytes,
			   enum vm_kind kind);

/* ---- what there is to see ----------------------------------------------------------------- */

/* Counters of an address space. Pages unless named otherwise. */
struct vm_counters {
	uint64_t minor_faults;                /* ru_minflt */
	uint64_t major_faults;                /* ru_majflt */
	uint64_t by_reason[VM_REASON_COUNT];  /* sum: minor + major */
	uint64_t rss_anon;                    /* RssAnon of /proc/PID/status */
	uint64_t rss_file;                    /* RssFile */
	uint64_t rss_shared;                  /* RssShmem */
	uint64_t rss_max;                     /* the most their sum has been */
	uint64_t swapped;                     /* VmSwap */
	uint64_t total;                       /* VmSize */
	uint64_t total_max;                   /* VmPeak */
	uint64_t locked;                      /* VmLck */
	uint64_t tables[VM_LEVELS_MAX];       /* by level; VmPTE is all but the top one */
	uint64_t areas;
	uint64_t area_searches;               /* for the area of an address */
	uint64_t area_cache_hits;             /* answered by the last one found */
	uint64_t area_tree_steps;             /* nodes looked at */
	uint64_t area_list_steps;             /* areas a walk of the list would have looked at */
};

/* Counters as they are. Furniture counts in `tables` alone. */
void vm_counters_get(const struct vm_space *space, struct vm_counters *out);

/* Tables below the top one, which is what VmPTE counts, in pages. */
uint64_t vm_counters_tables(const struct vm_counters *counters);

enum vm_area_flag {
	VM_AREA_READ = 1 << 0,
	VM_AREA_WRITE = 1 << 1,
	VM_AREA_EXEC = 1 << 2,
	VM_AREA_SHARED = 1 << 3,
	VM_AREA_GROWSDOWN = 1 << 4,
	VM_AREA_LOCKED = 1 << 5,
	VM_AREA_LOCKED_ON_FAULT = 1 << 6,
	VM_AREA_NORESERVE = 1 << 7,
	VM_AREA_ACCOUNT = 1 << 8,        /* charged to what may be committed */
	VM_AREA_HUGEPAGE = 1 << 9,
	VM_AREA_NOHUGEPAGE = 1 << 10,
	VM_AREA_DONTFORK = 1 << 11,
	VM_AREA_WIPEONFORK = 1 << 12,
	VM_AREA_DONTDUMP = 1 << 13,
	VM_AREA_RANDOM = 1 << 14,
	VM_AREA_SEQUENTIAL = 1 << 15,
	VM_AREA_FURNITURE = 1 << 16,     /* see vm_space_furnish() */
	VM_AREA_GUARDED = 1 << 17,       /* VM_ADVISE_GUARD_INSTALL was used in it */
	VM_AREA_SPECIAL = 1 << 18,       /* the kernel's own, as [vdso]: merges with nothing, and
					    an access ends in VM_SIGBUS_ADRERR, as what would be
					    there is not modelled */
};

/* One area as it is: a line of /proc/PID/maps. */
struct vm_area_view {
	uint64_t start, end;
	uint64_t offset;         /* into the file, bytes; 0 without one, as maps shows it */
	uint32_t flags;          /* of enum vm_area_flag */
	struct vm_file *file;    /* NULL: anonymous; memory shared without a file has one too */
	bool has_anon;           /* it has anonymous memory of its own: an anon_vma */
	bool is_heap;            /* of brk(2), which maps calls [heap] */
};

/* The first area that ends above `address`; false when there is none. */
bool vm_area_next(const struct vm_space *space, uint64_t address, struct vm_area_view *out);

/*
 * What the pages of one area come to, in bytes: its part of /proc/PID/smaps, by the rules of
 * fs/proc/task_mmu.c. Nothing of the zero pages counts. A page is shared when another entry maps
 * it, in whatever process, and dirty when an entry or the file says so.
 */
struct vm_area_sums {
	uint64_t rss;
	uint64_t pss, pss_dirty; /* each page divided by how many map it */
	uint64_t shared_clean, shared_dirty, private_clean, private_dirty;
	uint64_t referenced;     /* its entry has the accessed bit; a kernel also remembers that it
				    locked or populated the page, which shows in a child */
	uint64_t anonymous;
	uint64_t lazy_free;      /* given to MADV_FREE and not written since; kernels count late */
	uint64_t anon_huge;      /* mapped by entries of 2 MiB */
	uint64_t swap, swap_pss; /* in swap; each page divided by how many have its slot */
	uint64_t locked;         /* its pss, if the area is locked */
	bool may_be_huge;        /* a fault could make a huge page in it: THPeligible */
};

/* Add up the area that begins at `start`; false when none does. */
bool vm_area_sums_get(const struct vm_space *space, uint64_t start, struct vm_area_sums *out);

/* Pages of areas by what they are for, as /proc/PID/status divides them; furniture left out. */
struct vm_sizes {
	uint64_t data;  /* private and writable: VmData */
	uint64_t stack; /* growing down: VmStk */
	uint64_t code;  /* executable and not writable: VmExe and VmLib together */
};
void vm_sizes_get(const struct vm_space *space, struct vm_sizes *out);

enum vm_page_state {
	VM_PAGE_NONE,      /* nothing entered */
	VM_PAGE_ZERO,      /* the shared zero page */
	VM_PAGE_HUGE_ZERO, /* a piece of the huge zero page */
	VM_PAGE_ANON,
	VM_PAGE_FILE,      /* of the page cache */
	VM_PAGE_SHARED,    /* of shared memory */
	VM_PAGE_GUARD,     /* a mark that makes every access fail */
	VM_PAGE_FURNITURE,
	VM_PAGE_SWAPPED,   /* in swap, or on its way */
};

const char *vm_page_state_name(enum vm_page_state state);

/* One page as it is: an entry of /proc/PID/pagemap, and the last step of a walk. */
struct vm_page_view {
	enum vm_page_state state;
	bool is_huge;       /* mapped by an entry of 2 MiB */
	bool is_exclusive;  /* no other entry maps it: bit 56 of pagemap, which shows that of the
			       first page for every page of a huge mapping */
	bool is_writable;   /* the entry lets a store through */
	uint64_t frame;     /* number; 0 when there is none */
	uint64_t entry;     /* as x86 has it */
};

void vm_page_get(const struct vm_space *space, uint64_t address, struct vm_page_view *out);

/*
 * Bits of an entry of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst). What lies below
 * them is the frame number with VM_PAGEMAP_PRESENT, and with VM_PAGEMAP_SWAP the number of swap,
 * 0, and above its 5 bits the slot. Without soft-dirty tracking and userfaultfd, the model leaves
 * bits 55 and 57 clear.
 */
#define VM_PAGEMAP_FRAME ((UINT64_C(1) << 55) - 1)
#define VM_PAGEMAP_SOFT_DIRTY (UINT64_C(1) << 55)
#define VM_PAGEMAP_EXCLUSIVE (UINT64_C(1) << 56)
#define VM_PAGEMAP_WRITE_WATCHED (UINT64_C(1) << 57)
#define VM_PAGEMAP_GUARD (UINT64_C(1) << 58)
#define VM_PAGEMAP_FILE (UINT64_C(1) << 61) /* of a file, or shared memory */
#define VM_PAGEMAP_SWAP (UINT64_C(1) << 62)
#define VM_PAGEMAP_PRESENT (UINT64_C(1) << 63)

/* The entry of pagemap for a page as vm_page_get() gives it. */
uint64_t vm_pagemap_entry(const struct vm_page_view *page);

/*
 * The physical address of `address` by its entry of pagemap; false when no page is there, of
 * which the rest of the entry says nothing.
 */
bool vm_pagemap_physical(const struct vm_space *space, uint64_t address, uint64_t entry,
			 uint64_t *out_physical);

/* Free physical memory: frames in all, and blocks by order, as /proc/buddyinfo counts them. */
enum {
	VM_ORDERS = 11,
};
struct vm_memory {
	uint64_t frames, free_frames;
	uint64_t free_blocks[VM_ORDERS];
};
void vm_memory_get(const struct vm_machine *machine, struct vm_memory *out);

/* What a block of frames is lent for. */
enum vm_block_use {
	VM_BLOCK_FREE,
	VM_BLOCK_TABLE,    /* page tables of a process */
	VM_BLOCK_ANON,
	VM_BLOCK_FILE,     /* of the page cache */
	VM_BLOCK_SHARED,   /* of shared memory */
	VM_BLOCK_ZERO,     /* the zero pages */
	VM_BLOCK_PROGRAM,  /* see vm_space_furnish() */
	VM_BLOCK_SLAB,     /* the kernel's own, from here on: of slab caches */
	VM_BLOCK_KERNEL,   /* lent whole */
	VM_BLOCK_VMALLOC,
	VM_BLOCK_USE_COUNT,
};

const char *vm_block_use_name(enum vm_block_use use);

/* One block of the buddies: 2^order frames, free, or as it was lent. */
struct vm_block_view {
	uint64_t frame;    /* the first */
	unsigned order;
	enum vm_block_use use;
};

/* The first block that begins at or above `frame`; false when there is none. */
bool vm_block_next(const struct vm_machine *machine, uint64_t frame, struct vm_block_view *out);

/* ---- one access, step by step ------------------------------------------------------------- */

/* One level of a walk: the entry that is read in one table. */
struct vm_walk_level {
	uint64_t table;   /* frame of the table */
	uint32_t index;   /* of the entry in it */
	uint64_t entry;   /* as x86 has it; 0: nothing below */
};

/* An access as it would go, from its address to its end. */
struct vm_walk {
	bool is_address;          /* canonical; else nothing below is filled in but `signal` */
	struct vm_split split;
	struct vm_walk_level levels[VM_LEVELS_MAX]; /* the table walked first comes first */
	unsigned level_count;     /* entries read: the walk ends where one is empty, or a leaf */
	bool is_mapped;           /* the last one maps a page, accessible or not */
	unsigned size;            /* of that page, an index of the geometry's sizes */
	bool is_granted;          /* the processor lets the access through: no fault */
	uint64_t physical;        /* with is_granted: the address in memory */
	unsigned error;           /* else: error code of the page fault, VM_ERROR_ mask */
	bool has_area;            /* one is at the address, or would grow to it */
	bool grows_area;
	struct vm_area_view area;
	bool is_served;           /* the fault enters or changes a page: */
	enum vm_reason reason;    /* why */
	enum vm_signal signal;    /* how the access ends; a fetch may fail after a served fault */
};

/*
 * Explain an access to one byte by the user's program without changing anything: what
 * vm_touch() would do now, as long as there is memory for it.
 */
void vm_walk(const struct vm_space *space, uint64_t address, enum vm_kind kind,
	     struct vm_walk *out);

/* ---- a TLB on address spaces -------------------------------------------------------------- */

/* Told that table entries for these addresses of a space grant less, or map something else. */
typedef void vm_invalidate(void *context, uint64_t space, uint64_t address, uint64_t bytes);

/* The number of a space: what vm_tlb_switch() and vm_tlb_flush_range() are told. From 1. */
uint64_t vm_space_number(const struct vm_space *space);

/*
 * Have `invalidate` called on unmap, protect, remap, fork, copy on write, the split of huge pages
 * and whatever else takes from an entry what a TLB may have kept; NULL: nobody.
 */
void vm_machine_watch(struct vm_machine *machine, vm_invalidate *invalidate, void *context);

/*
 * A processor: a TLB and the space it is in. To make one: fill in conf->translate with
 * vm_processor_translate and conf->context with the processor, vm_tlb_init() its TLB,
 * vm_machine_watch() with vm_processor_invalidate and the processor, vm_processor_switch().
 */
struct vm_processor {
	struct vm_tlb tlb;
	struct vm_space *space;
};

/* A vm_translate that walks the tables of the processor's space; sets accessed and dirty bits. */
bool vm_processor_translate(void *context, uint64_t va, enum vm_kind kind, bool is_user,
			    struct vm_translation *out);

/* A vm_invalidate; `context` is the processor. */
void vm_processor_invalidate(void *context, uint64_t space, uint64_t address, uint64_t bytes);

/* Go to another space: what is done when a process is scheduled. */
void vm_processor_switch(struct vm_processor *processor, struct vm_space *space);

/* vm_touch() through the TLB: tables are walked only when it does not know the page. */
struct vm_touched vm_processor_touch(struct vm_processor *processor, uint64_t address,
				     uint64_t bytes, enum vm_kind kind);

/*
 * Prove that the TLB is right: besides vm_tlb_check(), that no entry grants more than the table
 * entry it was made from, maps another frame, or is dirty when that is clean. Entries of spaces
 * that are gone are not looked at. False, with the first wrong one.
 */
bool vm_processor_check(const struct vm_processor *processor, char *message,
			size_t message_bytes);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
