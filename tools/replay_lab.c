/* SPDX-License-Identifier: MIT */
/*
 * Replay, the VM lab: the string of accesses, fed to analysers one page after the other.
 *
 * Accesses to one page in a row are taken together, which no analyser can tell from one by one.
 * Memory: the curve and the working sets grow with the different pages; of the string itself only
 * the first REPLAY_LAB_CHANGES_MAX changes of page are kept, and only when those are all of them
 * are policies run that need the string again. It is the system's own, for malloc could move the
 * break under the heap.
 */
#include "replay_lab.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <allot/vm_translation.h>

enum {
	PAGES_FIRST = 1 << 12,
	TLBS_MAX = 8,
	WINDOW_FIRST = 100,
	WINDOW_STEP = 10,
};

struct processor {
	struct vm_tlb tlb;
	const char *name;
};

struct lab {
	struct vm_curve curve;
	struct vm_working workings[REPLAY_LAB_WINDOWS];
	struct processor processors[TLBS_MAX];
	size_t processor_count;
	struct vm_flat flat;
	uint32_t room;               /* pages */
	uint64_t page, repeat_count; /* accesses to one page that are not accounted for yet */
	uint64_t *changes;
	uint64_t change_count;
	uint64_t heap_accesses, payload_accesses;
	uint64_t page_bytes;
	bool is_on, is_short;        /* short of memory: nothing more is analysed */
};

static struct lab lab;

void *replay_lab_map(uint64_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory != MAP_FAILED ? memory : NULL;
}

void replay_lab_unmap(void *memory, uint64_t bytes)
{
	if (memory != NULL)
		munmap(memory, bytes);
}

/* ---- beginning ---- */

static bool processor_add(const char *name)
{
	struct vm_tlb_conf conf = { .translate = vm_flat_translate, .context = &lab.flat };

	if (!vm_tlb_preset(name, &conf) || conf.geometry != lab.flat.geometry ||
	    lab.processor_count == TLBS_MAX)
		return true;
	size_t bytes = vm_tlb_bytes(&conf);
	void *memory = replay_lab_map(bytes);
	struct processor *processor = &lab.processors[lab.processor_count];
	if (memory == NULL || !vm_tlb_init(&processor->tlb, memory, bytes, &conf, NULL, 0))
		return false;
	processor->name = name;
	lab.processor_count++;
	return true;
}

static bool windows_begin(void)
{
	uint64_t tau = WINDOW_FIRST;

	for (size_t i = 0; i < REPLAY_LAB_WINDOWS; i++, tau *= WINDOW_STEP) {
		void *memory = replay_lab_map(vm_working_bytes(lab.room));
		if (memory == NULL)
			return false;
		vm_working_init(&lab.workings[i], memory, lab.room, tau);
	}
	return true;
}

bool replay_lab_begin(uint64_t page_bytes)
{
	lab.room = PAGES_FIRST;
	lab.page = VM_NO_PAGE;
	lab.page_bytes = page_bytes;
	lab.flat.geometry = vm_geometry_get(0);
	lab.changes = replay_lab_map(REPLAY_LAB_CHANGES_MAX * sizeof(*lab.changes));
	void *memory = replay_lab_map(vm_curve_bytes(lab.room));
	if (lab.changes == NULL || memory == NULL)
		return false;
	vm_curve_init(&lab.curve, memory, lab.room);
	for (size_t i = 0; vm_tlb_preset_name(i) != NULL; i++)
		if (!processor_add(vm_tlb_preset_name(i)))
			return false;
	lab.is_on = windows_begin();
	return lab.is_on;
}

/* ---- the string ---- */

/* Room for twice as many pages. */
static bool room_grow(void)
{
	uint32_t room = 2 * lab.room;
	void *memory = replay_lab_map(vm_curve_bytes(room)), *old = lab.curve.state;

	if (memory == NULL)
		return false;
	vm_curve_move(&lab.curve, memory, room);
	replay_lab_unmap(old, vm_curve_bytes(lab.room));
	for (size_t i = 0; i < REPLAY_LAB_WINDOWS; i++) {
		memory = replay_lab_map(vm_working_bytes(room));
		old = lab.workings[i].state;
		if (memory == NULL)
			return false;
		vm_working_move(&lab.workings[i], memory, room);
		replay_lab_unmap(old, vm_working_bytes(lab.room));
	}
	lab.room = room;
	return true;
}

static void repeats_account(void)
{
	if (lab.repeat_count == 0 || lab.is_short)
		return;
	while (!vm_curve_add(&lab.curve, lab.page, lab.repeat_count))
		if (!room_grow()) {
			lab.is_short = true;
			return;
		}
	/* No window holds more pages than there are. */
	for (size_t i = 0; i < REPLAY_LAB_WINDOWS; i++)
		vm_working_add(&lab.workings[i], lab.page, lab.repeat_count);
	if (lab.change_count < REPLAY_LAB_CHANGES_MAX)
		lab.changes[lab.change_count] = lab.page;
	lab.change_count++;
	lab.repeat_count = 0;
}

void replay_lab_access(uint64_t address, uint64_t bytes, bool is_store, bool is_payload)
{
	if (!lab.is_on)
		return;
	uint64_t first = address / lab.page_bytes, last = (address + bytes - 1) / lab.page_bytes;
	for (size_t i = 0; i < lab.processor_count; i++)
		vm_tlb_access(&lab.processors[i].tlb, address, bytes,
			      is_store ? VM_STORE : VM_LOAD);
	*(is_payload ? &lab.payload_accesses : &lab.heap_accesses) += last - first + 1;
	for (uint64_t page = first; page <= last; page++) {
		if (page != lab.page) {
			repeats_account();
			lab.page = page;
		}
		lab.repeat_count++;
	}
}

void replay_lab_invalidate(void *context, uint64_t space, uint64_t address, uint64_t bytes)
{
	const uint64_t *own = context;

	for (size_t i = 0; space == *own && i < lab.processor_count; i++)
		vm_tlb_flush_range(&lab.processors[i].tlb, 0, address, bytes);
}

/* ---- the end ---- */

static uint64_t lru_faults(uint64_t frames)
{
	return vm_curve_faults(&lab.curve, frames < UINT32_MAX ? (uint32_t)frames : UINT32_MAX);
}

/*
 * Points of the curve: half and all of the peak's pages, and from 1 to all pages in steps of one
 * ratio, or of 1 where that is more.
 */
static void curve_take(struct replay_lab *out)
{
	uint64_t frames = 0, marks[] = { (out->peak_pages + 1) / 2, out->peak_pages };
	size_t mark = 0, left = REPLAY_LAB_CURVE - 2;
	double ratio = 1;

	/* The least ratio of so many steps, found by bisection: this has no logarithm to link. */
	for (double low = 1, high = 2; high - low > 1e-6; ratio = high) {
		double middle = (low + high) / 2, reach = 1;
		for (size_t i = 1; i < left; i++)
			reach = reach * middle > reach + 1 ? reach * middle : reach + 1;
		if (reach >= (double)out->pages)
			high = middle;
		else
			low = middle;
	}
	for (double reach = 1; frames < out->pages && out->curve_count < REPLAY_LAB_CURVE;) {
		uint64_t next = reach < (double)out->pages ? (uint64_t)reach : out->pages;
		while (mark < 2 && marks[mark] <= frames)
			mark++;
		bool is_mark = mark < 2 && marks[mark] < next;
		frames = is_mark ? marks[mark] : next;
		out->curve[out->curve_count++] =
			(struct replay_lab_point){ frames, lru_faults(frames) };
		if (!is_mark)
			reach = reach * ratio > reach + 1 ? reach * ratio : reach + 1;
	}
}

/* Units of one rank for base pages and data, as one. */
static void processor_take(struct replay_lab *out, const struct processor *processor)
{
	struct vm_tlb_statistics all;
	const struct vm_tlb_unit *unit;

	vm_tlb_statistics(&processor->tlb, &all);
	for (unsigned i = 0; (unit = vm_tlb_unit(&processor->tlb, i)) != NULL; i++) {
		const uint64_t *misses = all.misses[unit->rank - 1];
		if ((unit->sizes & 1) == 0 || (unit->kinds & 1 << VM_LOAD) == 0 ||
		    out->tlb_count == REPLAY_LAB_TLBS)
			continue;
		struct replay_lab_tlb *tlb = &out->tlbs[out->tlb_count++];
		*tlb = (struct replay_lab_tlb){
			.entries = unit->entries,
			.reach_bytes = unit->entries * lab.page_bytes,
			.accesses = all.accesses[VM_LOAD] + all.accesses[VM_STORE],
			.misses = misses[VM_LOAD] + misses[VM_STORE],
		};
		snprintf(tlb->name, sizeof(tlb->name), "%s %s", processor->name, unit->name);
	}
}

static void windows_take(struct replay_lab *out)
{
	struct vm_working_view view;
	uint64_t tau = WINDOW_FIRST;

	for (size_t i = 0; i < REPLAY_LAB_WINDOWS; i++, tau *= WINDOW_STEP) {
		vm_working_view(&lab.workings[i], &view);
		if (view.accesses == 0 || (i > 0 && tau / WINDOW_STEP >= view.accesses))
			break;
		out->windows[out->window_count++] = (struct replay_lab_window){
			tau, (double)view.page_sum / (double)view.accesses
		};
	}
}

bool replay_lab_end(struct replay_lab *out, uint64_t peak_pages)
{
	*out = (struct replay_lab){ .is_known = 0 };
	if (!lab.is_on)
		return true;
	repeats_account();
	lab.is_on = false;
	if (lab.is_short)
		return false;
	out->heap_accesses = lab.heap_accesses;
	out->payload_accesses = lab.payload_accesses;
	out->changes = lab.change_count;
	out->pages = vm_curve_pages(&lab.curve);
	out->peak_pages = peak_pages;
	out->half_faults = lru_faults((peak_pages + 1) / 2);
	out->whole_faults = lru_faults(peak_pages);
	curve_take(out);
	for (size_t i = 0; i < lab.processor_count; i++)
		processor_take(out, &lab.processors[i]);
	windows_take(out);
	bool is_whole = lab.change_count <= REPLAY_LAB_CHANGES_MAX;
	out->is_known = replay_lab_policies(out, is_whole ? lab.changes : NULL, lab.change_count,
					    lru_faults);
	return out->is_known;
}
