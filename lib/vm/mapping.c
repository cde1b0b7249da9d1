/* SPDX-License-Identifier: MIT */
/*
 * Mappings. See mapping.h.
 */
#include "vm/mapping.h"

#include "vm/page_table.h"

/* A search for the entries of one frame. */
struct search {
	uint32_t frame;
	uint32_t wanted, found; /* entries */
	void (*visit)(void *context, const struct mapping *mapping);
	void *context;
};

static void entry_try(struct search *search, struct vm_space *space, const struct area *area,
		      uint64_t address)
{
	uint64_t *entry = table_entry(space, address, 0, false);
	if (entry == NULL || !entry_is_mapped(*entry) || entry_frame(*entry) != search->frame)
		return;
	const struct mapping mapping = {space, area, address, entry};
	search->found++;
	search->visit(search->context, &mapping);
}

static void place_try(struct search *search, struct vm_space *space, uint64_t address)
{
	const struct area *area = area_look(&space->areas, address);
	if (area != NULL && area->start <= address)
		entry_try(search, space, area, address);
}

static void file_try(struct search *search, struct vm_space *space, const struct page_home *home)
{
	for (const struct area *area = space->areas.first; area != NULL; area = area->next) {
		uint64_t pages = pages_of(space, area->end - area->start);
		if (area->file == home->file && home->place >= area->offset &&
		    home->place - area->offset < pages)
			entry_try(search, space, area, area->start +
				  (home->place - area->offset) * page_bytes(space));
	}
}

/* Every table of the space but at `known`; the place is noted when it is found. */
static void space_search(struct search *search, struct vm_space *space, struct page_home *home,
			 uint64_t known)
{
	for (const struct area *area = space->areas.first; area != NULL; area = area->next) {
		struct slot slot;
		for (uint64_t at = area->start; slot_next(space, at, area->end, &slot);
		     at = slot.end) {
			uint64_t count = pages_of(space, slot.end - slot.start);
			for (uint64_t i = 0; slot.entries != NULL && i < count; i++) {
				uint64_t address = slot.start + i * page_bytes(space);
				if (!entry_is_mapped(slot.entries[i]) || address == known ||
				    entry_frame(slot.entries[i]) != search->frame)
					continue;
				home->place = address;
				entry_try(search, space, area, address);
			}
		}
	}
}

void mappings_visit(struct group *group, uint32_t frame,
		    void (*visit)(void *context, const struct mapping *mapping), void *context)
{
	struct page_home *home = &group->homes[frame];
	struct search search = {
		.frame = frame,
		.wanted = frame_at(&group->machine->frames, frame)->maps,
		.visit = visit,
		.context = context,
	};
	uint64_t known = home->place;
	for (struct vm_space *space = group->machine->spaces; space != NULL; space = space->next) {
		if (home->file != NULL)
			file_try(&search, space, home);
		else
			place_try(&search, space, known);
	}
	if (home->file != NULL)
		return;
	for (struct vm_space *space = group->machine->spaces;
	     space != NULL && search.found < search.wanted; space = space->next)
		space_search(&search, space, home, known);
}
