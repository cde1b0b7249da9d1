/* SPDX-License-Identifier: MIT */
/*
 * allot/vm: physical memory in figures, by the rules of Linux 6.18.
 *
 * Every function is pure: the same inputs give the same figures, which are the running kernel's
 * when the inputs are. A comment names the file of the kernel, or of the tool, the rule is from.
 * Amounts are in pages or in KiB, as their names say.
 */
#ifndef ALLOT_VM_MEMORY_H
#define ALLOT_VM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <allot/vm_machine.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* ---- zones -------------------------------------------------------------------------------- */

enum {
	VM_NODE_ZONES_MAX = 8,
};

/* A zone of physical memory, as /proc/zoneinfo has them. */
struct vm_zone {
	unsigned node;
	bool is_extra;          /* ZONE_MOVABLE or ZONE_HIGHMEM: no data of the kernel's */
	uint64_t managed_pages; /* that the buddies have or have lent */
};

/* Free pages below which something happens. */
struct vm_watermarks {
	uint64_t min;   /* only the kernel's own work takes more; others reclaim themselves */
	uint64_t low;   /* kswapd wakes */
	uint64_t high;  /* kswapd sleeps */
	uint64_t promo; /* pages of slower memory may move here */
};

/* Settings in /proc/sys/vm that zones depend on. */
struct vm_zone_settings {
	uint64_t min_free_kib;           /* min_free_kbytes */
	uint64_t watermark_scale_factor; /* in 1/10,000 of a zone */
	uint32_t page_bytes;
};

/* Watermarks of every zone into `out`: mm/page_alloc.c __setup_per_zone_wmarks(). */
void vm_zone_watermarks(const struct vm_zone *zones, size_t count,
			const struct vm_zone_settings *settings, struct vm_watermarks *out);

/*
 * Pages of zone `index` that are kept from requests which could have been served from each of the
 * higher zones: `protection` in /proc/zoneinfo. `managed` are all zones of one node, empty ones
 * included, `ratio` is the zone's lowmem_reserve_ratio, 0 for none. mm/page_alloc.c
 * setup_per_zone_lowmem_reserve().
 */
void vm_zone_reserves(const uint64_t *managed, size_t count, size_t index, uint64_t ratio,
		      uint64_t *out);

/*
 * What min_free_kbytes is without anyone setting it: mm/page_alloc.c calculate_min_free_kbytes().
 * `usable_pages` are managed ones less those below the high watermark.
 */
uint64_t vm_min_free_kib(uint64_t usable_pages, uint32_t page_bytes);

/*
 * What transparent huge pages raise it to: mm/khugepaged.c set_recommended_min_free_kbytes().
 * `zone_count` are populated zones that are not extra, `huge_pages` is 512 on x86.
 */
uint64_t vm_min_free_huge_kib(size_t zone_count, uint64_t huge_pages, uint64_t usable_pages,
			      uint32_t page_bytes);

/* ---- what can be had ---------------------------------------------------------------------- */

/* What MemAvailable is made of, in pages. */
struct vm_available_input {
	uint64_t free;             /* MemFree */
	uint64_t reserve;          /* of all zones: vm_zone_reserve_total() */
	uint64_t low;              /* sum of the low watermarks, of empty zones too */
	uint64_t file;             /* Active(file) + Inactive(file) */
	uint64_t reclaimable;      /* KReclaimable */
};

/* The part of a zone nobody but the kernel may count on: mm/page_alloc.c, totalreserve_pages. */
uint64_t vm_zone_reserve_total(uint64_t managed, uint64_t high, const uint64_t *reserves,
			       size_t count);

/* MemAvailable, in pages: mm/show_mem.c si_mem_available(). */
uint64_t vm_available_pages(const struct vm_available_input *input);

/* What CommitLimit is made of. */
struct vm_commit_input {
	uint64_t total_pages;        /* MemTotal */
	uint64_t huge_pages;         /* set aside by hugetlb, in small pages: Hugetlb */
	uint64_t swap_pages;         /* SwapTotal */
	uint64_t overcommit_ratio;   /* per cent */
	uint64_t overcommit_kib;     /* counts instead of the ratio unless 0 */
	uint32_t page_bytes;
};

/* CommitLimit, in pages: mm/util.c vm_commit_limit(). */
uint64_t vm_commit_limit_pages(const struct vm_commit_input *input);

/* ---- fragmentation ------------------------------------------------------------------------ */

/*
 * How much of the free memory is in blocks too small for 2^order pages, in thousandths:
 * mm/vmstat.c unusable_free_index(), and /sys/kernel/debug/extfrag.
 */
uint64_t vm_unusable_index(const uint64_t free_blocks[VM_ORDERS], unsigned order);

/*
 * Why 2^order pages cannot be had, in thousandths: towards 0 for want of memory, towards 1,000 for
 * fragmentation; -1,000 when they can be had. mm/vmstat.c __fragmentation_index().
 */
int64_t vm_fragmentation_index(const uint64_t free_blocks[VM_ORDERS], unsigned order);

/* ---- who is killed ------------------------------------------------------------------------ */

enum {
	VM_OOM_ADJUST_NEVER = -1000, /* oom_score_adj of a process that is never chosen */
};

/* A process as the killer sees it, in pages. */
struct vm_oom_input {
	uint64_t rss;      /* RssAnon + RssFile + RssShmem */
	uint64_t swapped;  /* VmSwap */
	uint64_t tables;   /* VmPTE, which counts all levels but the top one */
	int adjust;        /* oom_score_adj, -1000 to 1000 */
	bool is_init;      /* the first process of the system: never chosen */
};

/*
 * How much is gained by killing it, in pages; the process with most is killed first.
 * mm/oom_kill.c oom_badness(). `total_pages` is memory and swap together, or the limit of a
 * memory group. False when the process is never chosen.
 */
bool vm_oom_badness(const struct vm_oom_input *input, uint64_t total_pages, int64_t *out);

/* /proc/PID/oom_score: fs/proc/base.c proc_oom_score(). */
uint64_t vm_oom_score(const struct vm_oom_input *input, uint64_t total_pages);

/* What becomes of a system, or a memory group, that is out of memory. */
enum vm_oom_verdict {
	VM_OOM_KILL,    /* the victim */
	VM_OOM_PANIC,   /* as panic_on_oom says, or because nobody can be killed */
	VM_OOM_FAIL,    /* a group in which nobody can be killed: allocations fail */
};

struct vm_oom_settings {
	uint64_t total_pages;          /* memory and swap, or the limit of the group */
	unsigned panic_on_oom;         /* 0: never; 1: if the system is out of memory; 2: always */
	bool is_group;                 /* only a group's limit is reached */
	bool kills_allocating;         /* oom_kill_allocating_task, which groups do not heed */
	size_t allocating;             /* who asked for memory; `count` of the processes: nobody */
};

/*
 * Who of `processes` is killed, into *out_victim with VM_OOM_KILL: the one of most badness, the
 * last of several. mm/oom_kill.c out_of_memory(), oom_evaluate_task().
 */
enum vm_oom_verdict vm_oom_choose(const struct vm_oom_input *processes, size_t count,
				  const struct vm_oom_settings *settings, size_t *out_victim);

/* ---- free and sar ------------------------------------------------------------------------- */

/* Lines of /proc/meminfo, in KiB. */
struct vm_meminfo {
	uint64_t total, free, available, buffers, cached, reclaimable, shared;
	uint64_t slab, swap_total, swap_free, committed, active, inactive, dirty, anonymous;
	uint64_t stacks, tables, vmalloc_used;
};

/* The line of free(1), in KiB. */
struct vm_free_line {
	uint64_t total, used, free, shared, cache, available;
};

/* procps 4, library/meminfo.c: used is what is not available. */
void vm_free_line_new(const struct vm_meminfo *info, struct vm_free_line *out);

/* procps 3.3, proc/sysinfo.c: used is what is neither free nor in buffers and caches. */
void vm_free_line_old(const struct vm_meminfo *info, struct vm_free_line *out);

/* The line of sar -r ALL, in KiB and in 1/100 of a per cent: sysstat 12, pr_stats.c. */
struct vm_sar_line {
	uint64_t free, available, used, used_share, buffers, cached, commit, commit_share;
	uint64_t active, inactive, dirty, anonymous, slab, stacks, tables, vmalloc_used;
};

void vm_sar_line_get(const struct vm_meminfo *info, struct vm_sar_line *out);

/* ---- a machine's memory ------------------------------------------------------------------- */

/* What the lent frames of a machine are used for, in frames; together with the free ones all. */
struct vm_memory_uses {
	uint64_t reserved;   /* frame 0, the zero pages, and furniture */
	uint64_t tables;
	uint64_t anonymous;
	uint64_t file;       /* of the page cache */
	uint64_t shared;     /* of shared memory */
	uint64_t kernel;     /* the kernel's own: vm_kernel_memory.h */
};
void vm_memory_uses_get(const struct vm_machine *machine, struct vm_memory_uses *out);

/*
 * A machine's memory as /proc/meminfo would show it: one zone, settings as they are unless set.
 * Dirty and stacks, which a machine does not have, are 0, and so are active and inactive without
 * a group; no slab counts as reclaimable.
 */
void vm_meminfo_get(const struct vm_machine *machine, struct vm_meminfo *out);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
