/* SPDX-License-Identifier: MIT */
/*
 * Operations with their addresses, and growing records of what is seen.
 */
#include "vm_state.h"

#include <stdlib.h>

void vm_seen_clear(struct vm_seen *seen)
{
	struct vm_seen kept = *seen;
	*seen = (struct vm_seen){
		.areas = kept.areas,
		.area_capacity = kept.area_capacity,
		.pages = kept.pages,
		.page_capacity = kept.page_capacity,
	};
}

/* Room for one element more in an array of `count`. */
static bool room_make(void **array, size_t element_bytes, size_t count, size_t *capacity)
{
	if (count < *capacity)
		return true;
	size_t wanted = *capacity == 0 ? 64 : 2 * *capacity;
	void *larger = realloc(*array, wanted * element_bytes);
	if (larger == NULL)
		return false;
	*array = larger;
	*capacity = wanted;
	return true;
}

bool vm_seen_area_add(struct vm_seen *seen, const struct vm_area_seen *area)
{
	void *array = seen->areas;
	bool has_room = room_make(&array, sizeof(*area), seen->area_count, &seen->area_capacity);
	seen->areas = array;
	if (has_room)
		seen->areas[seen->area_count++] = *area;
	return has_room;
}

bool vm_seen_page_add(struct vm_seen *seen, const struct vm_page_seen *page)
{
	void *array = seen->pages;
	bool has_room = room_make(&array, sizeof(*page), seen->page_count, &seen->page_capacity);
	seen->pages = array;
	if (has_room)
		seen->pages[seen->page_count++] = *page;
	return has_room;
}

void vm_seen_finish(struct vm_seen *seen)
{
	free(seen->areas);
	free(seen->pages);
	*seen = (struct vm_seen){ 0 };
}

/* ---- places ---- */

void vm_places_init(struct vm_places *places, uint64_t break_start)
{
	static const uint64_t hole = UINT64_C(0x800000000000);
	static const uint64_t top = UINT64_C(0xffff800000000000);
	*places = (struct vm_places){ 0 };
	for (int i = 0; i < REGION_FIRST_NAMED; i++) {
		places->is_known[i] = true;
		places->pages[i] = 1;
	}
	places->start[REGION_HEAP] = break_start;
	places->start[REGION_NULL] = 0;
	places->start[REGION_HOLE] = hole;
	places->start[REGION_TOP] = top;
}

bool script_verb_is_access(enum script_verb verb)
{
	return verb == VERB_LOAD || verb == VERB_STORE || verb == VERB_FETCH ||
	       verb == VERB_STORE_BYTES || verb == VERB_KERNEL_LOAD || verb == VERB_KERNEL_STORE;
}

static uint64_t place_of(const struct vm_places *places, int region, int64_t page)
{
	return places->start[region] + (uint64_t)page * SCRIPT_PAGE_BYTES;
}

bool vm_step_make(struct vm_step *step, const struct script_op *op, const struct vm_places *places,
		  uint64_t break_now)
{
	bool uses_region = op->region != REGION_NONE && op->verb != VERB_MAP;
	if ((uses_region && !places->is_known[op->region]) ||
	    (op->to_region != REGION_NONE && !places->is_known[op->to_region]))
		return false;
	*step = (struct vm_step){
		.verb = op->verb,
		.process = op->process,
		.child = op->child,
		.protection = op->protection,
		.flags = op->flags,
		.file = op->file,
		.offset = (uint64_t)op->file_page * SCRIPT_PAGE_BYTES,
		.advice = op->advice,
		.path = op->path,
		.new_bytes = (uint64_t)op->pages * SCRIPT_PAGE_BYTES,
		.number = op->number,
	};
	if (uses_region) {
		uint64_t pages = op->is_whole ? places->pages[op->region] : (uint64_t)op->count;
		step->address = place_of(places, op->region, op->first);
		step->bytes = pages * SCRIPT_PAGE_BYTES;
	}
	step->order = (struct wire_order){
		.pages = step->bytes / SCRIPT_PAGE_BYTES,
		.seed = op->seed,
		.is_random = script_verb_is_access(op->verb) && op->number > 0,
		.is_backward = op->is_backward,
	};
	step->touches = step->order.is_random ? (uint64_t)op->number : step->order.pages;
	if (op->to_region != REGION_NONE)
		step->to = place_of(places, op->to_region, op->to_page);
	if (op->verb == VERB_STORE_BYTES) {
		step->address += (uint64_t)op->byte;
		step->bytes = sizeof(uint64_t);
	}
	/* Below the heap is the helper's own. */
	if (op->verb == VERB_BREAK)
		step->to = break_now + step->new_bytes;
	if (op->verb == VERB_BREAK && step->to < places->start[REGION_HEAP])
		step->to = places->start[REGION_HEAP];
	return true;
}

void vm_places_update(struct vm_places *places, const struct script_op *op,
		      const struct vm_outcome *outcome)
{
	int made = op->verb == VERB_MAP ? op->region : op->made_region;
	if (made == REGION_NONE || outcome->error != 0)
		return;
	places->is_known[made] = true;
	places->start[made] = outcome->value;
	places->pages[made] = (uint64_t)op->pages;
}
