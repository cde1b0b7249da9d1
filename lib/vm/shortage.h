/* SPDX-License-Identifier: MIT */
/*
 * Shortage: what a machine does when its own frames run short (mm/page_alloc.c, mm/vmscan.c).
 *
 * It is one zone with watermarks. Below the low one kswapd wakes, and frees pages beside what the
 * processes do until there are as many as the high one says. Who wants a page below the lowest one
 * reclaims by itself, and waits for it; when that is in vain a process is killed, or the machine
 * stops.
 */
#ifndef VM_SHORTAGE_H
#define VM_SHORTAGE_H

#include "vm/group.h"

struct shortage {
	struct vm_watermarks marks;
	struct vm_shortage_settings settings;
	bool is_awake;             /* kswapd */
	bool has_panicked;         /* nobody gets a page any more */
	uint64_t ticks;            /* pages taken since kswapd last had its turn */
	uint64_t wakes, stalls;
};

/* See to it that a page can be taken: false when it cannot, or the space was killed for it. */
bool shortage_meet(struct vm_space *space);

/* What the killer goes by. */
void shortage_settings(const struct group *group, struct vm_oom_settings *out);

#endif
