/* SPDX-License-Identifier: MIT */
/*
 * allot/vm: memory under pressure. A machine's processes in a memory group with a limit, as a
 * memory cgroup has them: pages leave for swap and come back by major faults, and when none can
 * leave a process is killed.
 *
 * Rules of Linux 6.18 without MGLRU, with the first version of memory cgroups; swap is zram, which
 * reads and writes at once. Not modelled: shared memory and huge pages do not leave, changed pages
 * of files do not either, and no other group or processor takes part.
 */
#ifndef ALLOT_VM_GROUP_H
#define ALLOT_VM_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include <allot/vm_machine.h>
#include <allot/vm_memory.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

#define VM_GROUP_UNLIMITED UINT64_MAX

enum {
	VM_SWAPPINESS_MAX = 200,
	VM_SWAPPINESS_DEFAULT = 60,
};

/*
 * Put all spaces of a machine, and those to come, in a group without a limit. What they have now
 * is not charged to it. False when there is one already, or the system has no memory.
 */
bool vm_group_create(struct vm_machine *machine);

/*
 * Set the limit, in pages: memory.limit_in_bytes. Pages leave until the rest fits; EBUSY, and the
 * old limit, when they cannot. The machine has a group.
 */
struct vm_result vm_group_limit(struct vm_machine *machine, uint64_t pages);

/*
 * Swap of so many pages, at least 1, one of which holds its header as on disk. False when there is
 * swap already, or the system has no memory. The machine has a group.
 */
bool vm_swap_on(struct vm_machine *machine, uint64_t pages);

/* How readily processes' pages leave rather than those of files: 0, never, to 200, only. */
void vm_group_swappiness(struct vm_machine *machine, unsigned swappiness);

/*
 * Add up the counts of all processors, by which some of reclaim's decisions go: what the kernel
 * does every two seconds, and when memory.stat is read.
 */
void vm_group_count(struct vm_machine *machine);

/*
 * Charge a process's group for pages that are in none of its tables, such as its kernel stack; they
 * are given back at its end. False: it was killed, or nobody could be.
 */
bool vm_space_charge(struct vm_space *space, uint64_t pages);

/* oom_score_adj of a process, -1000 to 1000; children inherit it. */
void vm_space_oom_adjust(struct vm_space *space, int adjust);

/* Has the killer chosen it? Then its memory is gone, or will be by vm_space_exit(), the only call
 * that may be made for it. */
bool vm_space_is_killed(const struct vm_space *space);

/* Drop what is cached of a file on disk and not mapped: posix_fadvise(2), POSIX_FADV_DONTNEED. The
 * next faults read it in, page by page, and are major ones. */
void vm_file_drop(struct vm_machine *machine, struct vm_file *file);

/* A group as it is: memory.stat and its neighbours. Pages; all 0 without a group. */
struct vm_group_view {
	uint64_t limit, usage, usage_max;
	uint64_t swap_total, swap_used;
	uint64_t inactive_anon, active_anon, inactive_file, active_file, unevictable;
	uint64_t scanned, stolen;         /* pgscan, pgsteal */
	uint64_t activated, deactivated;  /* pgactivate by looks, pgdeactivate */
	uint64_t refaulted;               /* workingset_refault, of both kinds */
	uint64_t kills;                   /* oom_kill */
};
void vm_group_get(const struct vm_machine *machine, struct vm_group_view *out);

/* ---- a machine short of memory ------------------------------------------------------------ */

/* What a machine does when its own frames run short; zeros are what Linux has unless it is set. */
struct vm_shortage_settings {
	uint64_t min_free_kib;     /* min_free_kbytes; 0: by the amount of memory */
	uint64_t kswapd_every;     /* pages taken, while kswapd is awake, for 32 it frees; 0: 16 */
	unsigned panic_on_oom;     /* 1 or 2: stop rather than kill */
	bool kills_allocating;     /* oom_kill_allocating_task */
};

/*
 * From now on the machine reclaims: as one zone with watermarks, kswapd below the low one, who
 * asks for pages below the lowest one, and the killer, or a panic, when nothing can leave; without,
 * who asks fails when the last frame is lent. Puts all spaces in a group if there is none; limits
 * and swap are as for that. How fast kswapd is beside the processes is said, not known: figures of
 * it are an estimate. False when the system has no memory. mm/page_alloc.c, mm/vmscan.c.
 */
bool vm_shortage_on(struct vm_machine *machine, const struct vm_shortage_settings *settings);

/* What came of it: /proc/vmstat. All 0 before vm_shortage_on(). */
struct vm_shortage_view {
	struct vm_watermarks marks;               /* pages */
	bool is_awake;                            /* kswapd */
	bool has_panicked;                        /* nobody gets a page any more */
	uint64_t wakes, stalls;                   /* pageoutrun; allocstall */
	uint64_t scanned_kswapd, stolen_kswapd;   /* pgscan_kswapd, pgsteal_kswapd */
	uint64_t scanned_direct, stolen_direct;
};
void vm_shortage_get(const struct vm_machine *machine, struct vm_shortage_view *out);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
