/* SPDX-License-Identifier: MIT */
/*
 * Groups: charging, reclaiming when the limit is reached, killing. See group.h.
 *
 * A processor charges 64 pages at a time and lives off them, as long as so many are left; a group
 * at its limit is charged page by page. Page tables that are freed go back to that stock, pages
 * to the group.
 */
#include "vm/group.h"

#include <errno.h>

#include <allot/vm.h>

#include "vm/file.h"
#include "vm/mapping.h"
#include "vm/memory.h"
#include "vm/merge.h"
#include "vm/page.h"
#include "vm/shortage.h"
#include "vm/swapping.h"

enum {
	CHARGE_BATCH = 64,        /* MEMCG_CHARGE_BATCH */
	RECORD_BYTES = 584,       /* a node of the tree of a file's pages, and whose it is */
};

static const struct reclaim_request group_request = {.who = RECLAIM_GROUP, .wanted = 1};

/* ---- what reclaim asks ---- */

struct look {
	struct group *group;
	struct reclaim_seen *out;
};

/* Pages that are accessed in order or at random by advice are taken for used once. */
static void look_one(void *context, const struct mapping *mapping)
{
	const struct look *look = context;
	uint32_t flags = mapping->area->flags;
	bool has_recency = !(flags & (VM_AREA_RANDOM | VM_AREA_SEQUENTIAL)) ||
			   !rule(mapping->space, VM_RULE_reclaim_recency);
	look->out->is_locked |= flags & VM_AREA_LOCKED &&
				rule(mapping->space, VM_RULE_reclaim_spares_locked);
	if (!has_recency)
		return;
	look->out->is_code |= (flags & VM_AREA_EXEC) != 0;
	look->out->accessed += (*mapping->entry & ENTRY_ACCESSED) != 0;
	*mapping->entry &= ~ENTRY_ACCESSED;
}

static void page_look(void *context, uint32_t number, struct reclaim_seen *out)
{
	struct look look = {context, out};
	mappings_visit(context, number, look_one, &look);
}

static enum reclaim_outcome page_evict(void *context, uint32_t number, uint64_t shadow)
{
	struct group *group = context;
	if (group->pinned == number)
		return RECLAIM_KEPT;
	if (group->homes[number].file != NULL)
		return file_page_out(group, number, shadow);
	return swap_out(group, number, shadow);
}

static bool has_room(void *context)
{
	const struct group *group = context;
	return group->has_swap && group->swap.free_count > 0;
}

/* ---- killing ---- */

void group_space_empty(struct vm_space *space)
{
	if (space->machine->group != NULL)
		space->machine->group->usage -= space->charged_own;
	space->charged_own = 0;
	while (space->areas.first != NULL) {
		struct area *area = space->areas.first;
		pages_drop(space, area->start, area->end, DROP_GUARDS);
		space_area_delete(space, area);
	}
	space->counters.total = space->counters.locked = space->locked_stray = 0;
	tables_free(space, 0, space->machine->geometry->user_end, 0, UINT64_MAX);
}

static struct vm_oom_input oom_input(const struct vm_space *space)
{
	const struct vm_counters *counters = &space->counters;
	bool counts_all = rule(space, VM_RULE_oom_counts_all);
	return (struct vm_oom_input){
		.rss = counters->rss_anon + counters->rss_file + counters->rss_shared,
		.swapped = counts_all ? counters->swapped : 0,
		.tables = counts_all ? vm_counters_tables(counters) : 0,
		.adjust = rule(space, VM_RULE_oom_adjust) ? space->oom_adjust : 0,
		/* One that is killed is not killed again, and one that is being made not yet. */
		.is_init = space->is_killed || space->forked_by != NULL,
	};
}

static bool victim_choose(const struct group *group, const struct vm_space *charging,
			  bool is_machine, struct vm_oom_input *inputs, size_t count,
			  struct vm_space **out_victim)
{
	struct vm_space *space = group->machine->spaces;
	struct vm_oom_settings settings = {
		.total_pages = group->limit,
		.is_group = true,
		.allocating = count,
	};
	size_t victim;
	if (is_machine)
		shortage_settings(group, &settings);
	if (group->has_swap && (is_machine || group->reclaim.swappiness != 0))
		settings.total_pages += group->swap.count - 1;
	/* The newest space comes first: the oldest one is looked at first. */
	for (size_t i = count; i-- > 0; space = space->next) {
		inputs[i] = oom_input(space);
		if (space == charging)
			settings.allocating = i;
	}
	enum vm_oom_verdict verdict = vm_oom_choose(inputs, count, &settings, &victim);
	if (is_machine && verdict == VM_OOM_PANIC)
		group->shortage->has_panicked = true;
	if (verdict != VM_OOM_KILL)
		return false;
	space = group->machine->spaces;
	for (size_t i = count - 1; i > victim; i--)
		space = space->next;
	*out_victim = space;
	return true;
}

bool group_kill(struct group *group, struct vm_space *charging, bool is_machine)
{
	struct vm_machine *machine = group->machine;
	struct vm_space *victim;
	size_t count = 0;
	for (struct vm_space *space = machine->spaces; space != NULL; space = space->next)
		count++;
	struct vm_oom_input *inputs = pool_take(&machine->pool, count * sizeof(*inputs));
	if (inputs == NULL)
		return false;
	bool is_chosen = victim_choose(group, charging, is_machine, inputs, count, &victim);
	pool_give(&machine->pool, inputs, count * sizeof(*inputs));
	if (!is_chosen)
		return false;
	victim->is_killed = true;
	group->kills++;
	/* Who is charging is in the middle of it: its memory goes when it has come out. */
	if (victim != charging)
		group_space_empty(victim);
	return true;
}

/* ---- charging ---- */

static bool usage_raise(struct group *group, uint64_t pages)
{
	if (group->usage + pages > group->limit)
		return false;
	group->usage += pages;
	group->usage_max = size_max(group->usage_max, group->usage);
	return true;
}

bool group_charge(struct vm_space *space)
{
	struct group *group = space->machine->group;
	int retries = GROUP_RETRIES;
	/* Whose doing it is: a child that is being made is its parent's. */
	struct vm_space *charging = space->forked_by != NULL ? space->forked_by : space;
	if (charging->is_killed)
		return false;
	if (group->stock > 0) {
		group->stock--;
		return true;
	}
	if (usage_raise(group, CHARGE_BATCH)) {
		group->stock = CHARGE_BATCH - 1;
		return true;
	}
	while (!usage_raise(group, 1)) {
		uint64_t reclaimed = reclaim_run(&group->reclaim, &group_request);
		if (group->usage < group->limit || reclaimed > 0 || retries-- > 0)
			continue;
		if (!group_kill(group, charging, false) || charging->is_killed)
			return false;
		retries = GROUP_RETRIES;
	}
	return true;
}

bool group_record(struct vm_space *space)
{
	struct group *group = space->machine->group;
	if (!rule(space, VM_RULE_charge_records))
		return true;
	group->record_bytes += RECORD_BYTES;
	if (group->record_bytes / page_bytes(space) ==
	    (group->record_bytes - RECORD_BYTES) / page_bytes(space))
		return true;
	return group_charge(space);
}

uint32_t group_frame_take(struct vm_space *space, uint64_t address, enum frame_use use)
{
	struct group *group = space->machine->group;
	bool is_table = use == FRAME_TABLE;
	bool is_free = is_table && !rule(space, VM_RULE_charge_tables);
	if (group == NULL || is_free)
		return frame_take(&space->machine->frames, 0, use);
	if ((group->shortage != NULL && !shortage_meet(space)) || !group_charge(space))
		return FRAME_NONE;
	uint32_t number = frame_take(&space->machine->frames, 0, use);
	if (number == FRAME_NONE) {
		group->stock++;
		return FRAME_NONE;
	}
	group->homes[number] = (struct page_home){.place = address, .is_charged = true};
	return number;
}

void group_frame_list(struct vm_space *space, uint32_t frame, bool is_locked)
{
	struct group *group = space->machine->group;
	if (group == NULL)
		return;
	reclaim_add(&group->reclaim, frame, group->homes[frame].file != NULL);
	if (is_locked && rule(space, VM_RULE_reclaim_spares_locked))
		lru_lock(&group->reclaim.lru, frame, true);
}

void group_forget(struct vm_machine *machine, uint32_t frame)
{
	struct group *group = machine->group;
	if (group == NULL || !group->homes[frame].is_charged)
		return;
	if (group->reclaim.lru.pages[frame].list != LRU_ABSENT)
		lru_remove(&group->reclaim.lru, frame);
	group->homes[frame] = (struct page_home){0};
	if (frame_at(&machine->frames, frame)->use != FRAME_TABLE) {
		group->usage--;
	} else if (++group->stock > CHARGE_BATCH) {
		group->usage -= group->stock;
		group->stock = 0;
	}
}

void group_mark(struct vm_machine *machine, uint32_t frame)
{
	if (machine->group != NULL && lru_mark(&machine->group->reclaim.lru, frame))
		machine->group->reclaim.age++;
}

void group_advise(struct vm_space *space, uint64_t start, uint64_t end, bool is_cold)
{
	struct group *group = space->machine->group;
	struct slot slot;
	if (group == NULL || !rule(space, VM_RULE_advice_reclaims))
		return;
	lru_drain(&group->reclaim.lru);
	for (uint64_t at = start; slot_next(space, at, end, &slot); at = slot.end) {
		uint64_t count = pages_of(space, slot.end - slot.start);
		for (uint64_t i = 0; slot.entries != NULL && i < count; i++) {
			uint64_t *entry = &slot.entries[i];
			if (!entry_is_mapped(*entry) ||
			    frame_at(&space->machine->frames, entry_frame(*entry))->maps != 1)
				continue;
			*entry &= ~ENTRY_ACCESSED;
			reclaim_advise(&group->reclaim, entry_frame(*entry), is_cold);
		}
	}
}

void group_lock(struct vm_space *space, uint64_t start, uint64_t end, bool is_locked)
{
	struct group *group = space->machine->group;
	struct slot slot;
	if (group == NULL || !rule(space, VM_RULE_reclaim_spares_locked))
		return;
	for (uint64_t at = start; slot_next(space, at, end, &slot); at = slot.end) {
		uint64_t count = pages_of(space, slot.end - slot.start);
		for (uint64_t i = 0; slot.entries != NULL && i < count; i++) {
			if (entry_is_mapped(slot.entries[i]))
				lru_lock(&group->reclaim.lru, entry_frame(slot.entries[i]),
					 is_locked);
		}
	}
}

/* ---- making and looking ---- */

bool vm_group_create(struct vm_machine *machine)
{
	const uint64_t count = machine->frames.count;
	struct group *group = machine->group == NULL ? pool_take(&machine->pool, sizeof(*group))
						     : NULL;
	if (group == NULL)
		return false;
	const struct reclaim_owner owner = {
		.context = group,
		.look = page_look,
		.evict = page_evict,
		.can_swap = has_room,
	};
	*group = (struct group){.machine = machine, .limit = VM_GROUP_UNLIMITED};
	group->homes = memory_take(count * sizeof(group->homes[0]));
	if (group->homes == NULL || !reclaim_init(&group->reclaim, (uint32_t)count, &owner)) {
		if (group->homes != NULL)
			memory_give(group->homes, count * sizeof(group->homes[0]));
		pool_give(&machine->pool, group, sizeof(*group));
		return false;
	}
	group->reclaim.rules = (struct reclaim_rules){
		.looks_twice = !machine->is_off[VM_RULE_reclaim_looks],
		.activates = !machine->is_off[VM_RULE_reclaim_activates],
		.activates_refaulted = !machine->is_off[VM_RULE_reclaim_refaults],
		.deactivates = !machine->is_off[VM_RULE_reclaim_deactivates],
		.counts_late = machine->profile.counts_late &&
			       !machine->is_off[VM_RULE_reclaim_counts_late],
	};
	machine->group = group;
	return true;
}

void group_finish(struct vm_machine *machine)
{
	struct group *group = machine->group;
	if (group == NULL)
		return;
	reclaim_finish(&group->reclaim);
	if (group->has_swap)
		swap_finish(&group->swap);
	memory_give(group->homes, machine->frames.count * sizeof(group->homes[0]));
	machine->group = NULL;
}

bool vm_swap_on(struct vm_machine *machine, uint64_t pages)
{
	struct group *group = machine->group;
	if (group->has_swap || pages >= UINT32_MAX)
		return false;
	if (machine->is_off[VM_RULE_swap_out])
		return true;
	group->has_swap = swap_init(&group->swap, pages + 1);
	return group->has_swap;
}

void vm_group_swappiness(struct vm_machine *machine, unsigned swappiness)
{
	assert(swappiness <= VM_SWAPPINESS_MAX);
	if (!machine->is_off[VM_RULE_reclaim_swappiness])
		machine->group->reclaim.swappiness = swappiness;
}

struct vm_result vm_group_limit(struct vm_machine *machine, uint64_t pages)
{
	struct group *group = machine->group;
	bool has_drained = false;
	while (group->usage > pages && !machine->is_off[VM_RULE_limit_reclaims]) {
		if (!has_drained) {
			group->usage -= group->stock;
			group->stock = 0;
			has_drained = true;
		} else if (reclaim_run(&group->reclaim, &group_request) == 0) {
			return result_error(EBUSY);
		}
	}
	group->limit = pages;
	return result_of(0);
}

void vm_group_count(struct vm_machine *machine)
{
	reclaim_count(&machine->group->reclaim);
}

bool vm_space_charge(struct vm_space *space, uint64_t pages)
{
	for (uint64_t i = 0; i < pages; i++) {
		if (!group_charge(space))
			return false;
		space->charged_own++;
	}
	return true;
}

void vm_space_oom_adjust(struct vm_space *space, int adjust)
{
	space->oom_adjust = adjust;
}

bool vm_space_is_killed(const struct vm_space *space)
{
	return space->is_killed;
}

void vm_group_get(const struct vm_machine *machine, struct vm_group_view *out)
{
	const struct group *group = machine->group;
	*out = (struct vm_group_view){0};
	if (group == NULL)
		return;
	const uint64_t *lengths = group->reclaim.lru.lengths;
	*out = (struct vm_group_view){
		.limit = group->limit,
		.usage = group->usage,
		.usage_max = group->usage_max,
		.inactive_anon = lengths[LRU_INACTIVE_ANON],
		.active_anon = lengths[LRU_ACTIVE_ANON],
		.inactive_file = lengths[LRU_INACTIVE_FILE],
		.active_file = lengths[LRU_ACTIVE_FILE],
		.unevictable = lengths[LRU_LOCKED],
		.scanned = group->reclaim.work[RECLAIM_GROUP].scanned,
		.stolen = group->reclaim.work[RECLAIM_GROUP].stolen,
		.activated = group->reclaim.activated,
		.deactivated = group->reclaim.deactivated,
		.refaulted = group->reclaim.refaulted,
		.kills = group->kills,
	};
	if (group->has_swap) {
		out->swap_total = group->swap.count - 1;
		out->swap_used = out->swap_total - group->swap.free_count;
	}
}

bool group_check(const struct vm_machine *machine, const char **why)
{
	const struct group *group = machine->group;
	uint64_t charged = 0;
	if (group == NULL)
		return true;
	charged += group->record_bytes / machine->geometry->page_bytes;
	for (const struct vm_space *space = machine->spaces; space != NULL; space = space->next)
		charged += space->charged_own;
	for (uint64_t i = 0; i < machine->frames.count; i++) {
		charged += group->homes[i].is_charged;
		*why = "a page of a list is not charged";
		if (group->reclaim.lru.pages[i].list != LRU_ABSENT && !group->homes[i].is_charged)
			return false;
	}
	*why = "charged pages are miscounted";
	if (charged + group->stock != group->usage)
		return false;
	return lru_check(&group->reclaim.lru, why) &&
	       (!group->has_swap || swap_check(&group->swap, why));
}
