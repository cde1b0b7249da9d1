/* SPDX-License-Identifier: MIT */
/*
 * Shortage. See shortage.h.
 *
 * kswapd is another process, whose speed a model has to be told: it gets a turn, in which it frees
 * 32 pages or a few more, for every so many pages that are taken while it is awake.
 */
#include "vm/shortage.h"

#include <allot/vm.h>

enum {
	KSWAPD_EVERY = 16,         /* pages taken for a turn of kswapd, which so keeps up */
	SCALE_FACTOR = 10,         /* watermark_scale_factor as it is unless set */
	KIB = 1024,
};

static uint64_t managed_pages(const struct vm_machine *machine)
{
	return machine->frames.count - 1;
}

static uint64_t reclaim_for(struct group *group, enum reclaim_who who)
{
	const struct reclaim_request request = {
		.who = who,
		.wanted = 1,
		.free = group->machine->frames.free_count,
		.high = group->shortage->marks.high,
	};
	return reclaim_run(&group->reclaim, &request);
}

/* A page is going to be taken: does kswapd wake, and is it its turn? */
static void kswapd_tick(struct group *group)
{
	struct shortage *shortage = group->shortage;
	const struct frames *frames = &group->machine->frames;
	if (!shortage->is_awake && frames->free_count <= shortage->marks.low) {
		shortage->is_awake = true;
		shortage->wakes++;
		shortage->ticks = 0;
	}
	if (!shortage->is_awake || ++shortage->ticks < shortage->settings.kswapd_every)
		return;
	shortage->ticks = 0;
	uint64_t freed = reclaim_for(group, RECLAIM_KSWAPD);
	if (freed == 0 || frames->free_count >= shortage->marks.high)
		shortage->is_awake = false;
}

bool shortage_meet(struct vm_space *space)
{
	struct group *group = space->machine->group;
	struct shortage *shortage = group->shortage;
	const struct frames *frames = &space->machine->frames;
	struct vm_space *charging = space->forked_by != NULL ? space->forked_by : space;
	int retries = GROUP_RETRIES;
	if (rule(space, VM_RULE_kswapd))
		kswapd_tick(group);
	while (!charging->is_killed && !shortage->has_panicked &&
	       frames->free_count <= shortage->marks.min) {
		shortage->stalls++;
		if (reclaim_for(group, RECLAIM_DIRECT) > 0 || retries-- > 0)
			continue;
		if (!group_kill(group, charging, true))
			return false;
		retries = GROUP_RETRIES;
	}
	return !charging->is_killed && !shortage->has_panicked;
}

void shortage_settings(const struct group *group, struct vm_oom_settings *out)
{
	const struct vm_shortage_settings *settings = &group->shortage->settings;
	out->is_group = false;
	out->total_pages = managed_pages(group->machine);
	out->panic_on_oom = settings->panic_on_oom;
	out->kills_allocating = settings->kills_allocating;
}

/* ---- making and looking ---- */

bool vm_shortage_on(struct vm_machine *machine, const struct vm_shortage_settings *settings)
{
	const uint32_t bytes = machine->geometry->page_bytes;
	const struct vm_zone zone = {.managed_pages = managed_pages(machine)};
	struct vm_zone_settings zone_settings = {
		.min_free_kib = settings->min_free_kib,
		.watermark_scale_factor = SCALE_FACTOR,
		.page_bytes = bytes,
	};
	if (machine->group == NULL && !vm_group_create(machine))
		return false;
	struct shortage *shortage = machine->group->shortage;
	if (shortage == NULL)
		shortage = pool_take(&machine->pool, sizeof(*shortage));
	if (shortage == NULL)
		return false;
	*shortage = (struct shortage){.settings = *settings};
	if (settings->kswapd_every == 0)
		shortage->settings.kswapd_every = KSWAPD_EVERY;
	if (settings->min_free_kib == 0)
		zone_settings.min_free_kib = vm_min_free_kib(zone.managed_pages, bytes);
	/* No more than half of it may be kept free. */
	zone_settings.min_free_kib = size_min(zone_settings.min_free_kib,
					      zone.managed_pages * (bytes / KIB) / 2);
	vm_zone_watermarks(&zone, 1, &zone_settings, &shortage->marks);
	machine->group->shortage = shortage;
	return true;
}

void vm_shortage_get(const struct vm_machine *machine, struct vm_shortage_view *out)
{
	const struct group *group = machine->group;
	*out = (struct vm_shortage_view){0};
	if (group == NULL || group->shortage == NULL)
		return;
	const struct reclaim_work *work = group->reclaim.work;
	*out = (struct vm_shortage_view){
		.marks = group->shortage->marks,
		.is_awake = group->shortage->is_awake,
		.has_panicked = group->shortage->has_panicked,
		.wakes = group->shortage->wakes,
		.stalls = group->shortage->stalls,
		.scanned_kswapd = work[RECLAIM_KSWAPD].scanned,
		.stolen_kswapd = work[RECLAIM_KSWAPD].stolen,
		.scanned_direct = work[RECLAIM_DIRECT].scanned,
		.stolen_direct = work[RECLAIM_DIRECT].stolen,
	};
}
