/* SPDX-License-Identifier: MIT */
/*
 * Checking: every invariant of a machine, by walking all there is.
 *
 * The walk counts into a shadow: what each frame is mapped by, what each space has resident, which
 * tables there are. Then the books are compared with it.
 */
#include "base/text.h"
#include "vm/group.h"
#include "vm/kernel_memory.h"
#include "vm/memory.h"
#include "vm/page.h"

/* What the walk found. */
struct shadow {
	uint32_t *maps;        /* of each frame, by entries of the last level */
	uint32_t *huge_maps;   /* of each head, by entries of 2 MiB */
	size_t bytes;          /* of both */
	uint64_t swap_uses;    /* entries that name a swap slot, and copies in memory */
};

struct check {
	struct vm_machine *machine;
	struct shadow shadow;
	struct text *message;
};

static bool fails(struct check *check, const char *what, uint64_t where)
{
	text_format(check->message, "%s at %p", what, (void *)where);
	return false;
}

/* ---- one space ---- */

/* What the walk of one space adds up to. */
struct tally {
	uint64_t anon, file, shared, huge, swapped;
	uint64_t tables[VM_LEVELS_MAX];
};

static void tally_frame(struct tally *tally, enum frame_use use, uint64_t pages)
{
	if (use == FRAME_ANON)
		tally->anon += pages;
	else if (use == FRAME_FILE)
		tally->file += pages;
	else if (use == FRAME_SHARED)
		tally->shared += pages;
}

/* A swap entry names a slot that is in use. */
static bool swap_entry_check(struct check *check, uint64_t entry)
{
	const struct group *group = check->machine->group;
	uint64_t slot = entry_slot(entry);
	check->shadow.swap_uses++;
	return entry_is_swapped(entry) && group != NULL && group->has_swap &&
	       slot < group->swap.count && group->swap.uses[slot] > 0;
}

/* All uses of slots are by entries and by copies in memory. */
static bool swap_uses_check(struct check *check, const char **why)
{
	const struct group *group = check->machine->group;
	uint64_t uses = 0;
	*why = "uses of swap slots are miscounted";
	for (uint64_t i = 1; group != NULL && group->has_swap && i < group->swap.count; i++) {
		uint32_t frame = group->swap.frames[i];
		uses += group->swap.uses[i] - (frame != FRAME_NONE);
		if (frame != FRAME_NONE && group->homes[frame].slot != i)
			return false;
	}
	return uses == check->shadow.swap_uses;
}

static bool leaf_check(struct check *check, struct vm_space *space, uint64_t entry, bool is_huge,
		       uint64_t address, struct tally *tally)
{
	const struct area *area = area_look(&space->areas, address);
	uint32_t number = entry_frame(entry);
	if (area == NULL || area->start > address)
		return fails(check, "an entry without an area", address);
	tally->swapped += entry_is_swapped(entry);
	if (!entry_is_mapped(entry))
		return entry == ENTRY_GUARD || swap_entry_check(check, entry) ||
		       fails(check, "an entry of no kind", address);
	if (number == FRAME_NONE || number >= check->machine->frames.count)
		return fails(check, "an entry of no frame", address);
	const struct frame *frame = frame_at(&check->machine->frames, number);
	if (frame->use == FRAME_INNER || frame->use == FRAME_FREE || frame->use == FRAME_TABLE ||
	    frame->use > FRAME_FURNITURE)
		return fails(check, "an entry of a frame that is no page", address);
	if (entry & ENTRY_WRITE && !(area->flags & (VM_AREA_WRITE | VM_AREA_FURNITURE)))
		return fails(check, "an entry lets through what its area forbids", address);
	if (frame->use == FRAME_ZERO && entry & ENTRY_WRITE)
		return fails(check, "the zero page is writable", address);
	tally->huge += is_huge;
	if (frame->use == FRAME_ZERO)
		return true;
	if (is_huge)
		check->shadow.huge_maps[number]++;
	else
		check->shadow.maps[number]++;
	tally_frame(tally, frame->use,
		    is_huge ? pages_of(space, check->machine->huge_bytes) : 1);
	return true;
}

/* The table `frame` of `level`, which begins to map at `base`. */
static bool table_check(struct check *check, struct vm_space *space, uint32_t frame, unsigned level,
			uint64_t base, struct tally *tally)
{
	const uint64_t *table = frame_at(&check->machine->frames, frame)->table;
	size_t count = (size_t)1 << level_bits(check->machine, level);
	tally->tables[level]++;
	for (size_t i = 0; i < count; i++) {
		uint64_t address = base + i * table_span(space, level);
		bool is_leaf = level == 0 || table[i] & ENTRY_HUGE;
		if (table[i] == 0)
			continue;
		if (is_leaf ? !leaf_check(check, space, table[i], level > 0, address, tally)
			    : !table_check(check, space, entry_frame(table[i]), level - 1, address,
					   tally))
			return false;
	}
	return true;
}

static uint64_t reserve_count(const struct vm_space *space)
{
	uint64_t count = 0;
	for (uint32_t frame = space->reserve; frame != FRAME_NONE;
	     frame = frame_at(&space->machine->frames, frame)->next)
		count++;
	return count;
}

static bool books_check(struct check *check, const struct vm_space *space,
			const struct tally *tally)
{
	const struct vm_counters *counters = &space->counters;
	uint64_t reserve = reserve_count(space), pages = 0, locked = 0;
	for (const struct area *area = space->areas.first; area != NULL; area = area->next) {
		if (area->flags & VM_AREA_FURNITURE)
			continue;
		pages += pages_of(space, area->end - area->start);
		if (area->flags & VM_AREA_LOCKED)
			locked += pages_of(space, area->end - area->start);
	}
	if (tally->anon != counters->rss_anon || tally->file != counters->rss_file ||
	    tally->shared != counters->rss_shared)
		return fails(check, "the resident set is miscounted", tally->anon);
	if (tally->swapped != counters->swapped)
		return fails(check, "swapped pages are miscounted", tally->swapped);
	if (pages != counters->total || locked + space->locked_stray != counters->locked)
		return fails(check, "mapped or locked pages are miscounted", pages);
	if (rule(space, VM_RULE_huge_table) && reserve != tally->huge)
		return fails(check, "tables in reserve and huge pages differ", reserve);
	for (unsigned level = 0; level < VM_LEVELS_MAX; level++) {
		uint64_t found = tally->tables[level] + (level == 0 ? reserve : 0);
		if (found != counters->tables[level])
			return fails(check, "tables are miscounted", level);
	}
	return true;
}

static bool space_check(struct check *check, struct vm_space *space)
{
	const char *why;
	struct tally tally = {0};
	if (!area_set_check(&space->areas, &why))
		return fails(check, why, 0);
	return table_check(check, space, space->root, check->machine->geometry->level_count - 1, 0,
			   &tally) &&
	       books_check(check, space, &tally);
}

/* ---- all frames ---- */

static bool frame_books_check(struct check *check)
{
	const struct frames *frames = &check->machine->frames;
	for (uint64_t i = 1; i < frames->count;) {
		const struct frame *head = frame_at(frames, i);
		uint64_t size = (uint64_t)1 << head->order, maps = 0;
		bool is_page = head->use > FRAME_TABLE && head->use <= FRAME_FURNITURE &&
			       head->use != FRAME_ZERO;
		for (uint64_t j = i; is_page && j < i + size; j++) {
			if (check->shadow.maps[j] != frame_at(frames, j)->maps)
				return fails(check, "a frame's mappings are miscounted", j);
			maps += check->shadow.maps[j];
		}
		if (is_page && check->shadow.huge_maps[i] != head->huge_maps)
			return fails(check, "a huge page's mappings are miscounted", i);
		if (is_page && maps + head->huge_maps != head->block_maps)
			return fails(check, "a block's mappings are miscounted", i);
		if (is_page && head->block_maps == 0 && !head->is_cached)
			return fails(check, "a page nobody has", i);
		i += size;
	}
	return true;
}

static bool shadow_init(struct shadow *shadow, uint64_t count)
{
	shadow->bytes = 2 * count * sizeof(uint32_t);
	shadow->maps = memory_take(shadow->bytes);
	if (shadow->maps == NULL)
		return false;
	shadow->huge_maps = shadow->maps + count;
	return true;
}

static bool machine_check(struct check *check)
{
	const char *why;
	if (!frames_check(&check->machine->frames, &why))
		return fails(check, why, 0);
	for (struct vm_space *space = check->machine->spaces; space != NULL; space = space->next) {
		if (!space_check(check, space))
			return false;
	}
	if (!group_check(check->machine, &why) || !swap_uses_check(check, &why) ||
	    !kernel_memory_check(check->machine, &why))
		return fails(check, why, 0);
	return frame_books_check(check);
}

bool vm_check(struct vm_machine *machine, char *message, size_t message_bytes)
{
	struct text text;
	struct check check = {.machine = machine, .message = &text};
	text_init(&text, message, message_bytes);
	if (!shadow_init(&check.shadow, machine->frames.count)) {
		text_string(&text, "no memory for the check");
		return false;
	}
	bool is_whole = machine_check(&check);
	memory_give(check.shadow.maps, check.shadow.bytes);
	return is_whole;
}
