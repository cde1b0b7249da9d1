/* SPDX-License-Identifier: MIT */
/*
 * Replay on the model, the mirror: what the heap does to real pages, done on the machine.
 *
 * Accesses come in great number and mostly to pages that every space has: those are filtered out by
 * a small table, and only the TLB is told. Accesses wait in a log until a system call comes, whose
 * order to them matters, or a call of the heap is over.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "replay_model.h"

struct mirror mirror;

enum {
	/* More than any machine this will run on has: a free frame takes four bytes. */
	FRAMES_MIN = 1 << 20,
	FRAMES_MAX = 1 << 26,
};
#define MAP_END UINT64_C(0x7ffff7fff000) /* a page boundary of the program's half */

uint64_t kernel_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)usage.ru_minflt + (uint64_t)usage.ru_majflt;
}

static void fail(const char *what, uint64_t address, int error)
{
	if (mirror.message[0] == '\0')
		snprintf(mirror.message, sizeof(mirror.message), "the machine: %s at %#llx: %s",
			 what, (unsigned long long)address,
			 error != 0 ? strerror(error) : "refused");
}

/* ---- making it ---- */

static uint64_t frames_wanted(void)
{
	long pages = sysconf(_SC_PHYS_PAGES);
	uint64_t frames = pages > 0 ? 2 * (uint64_t)pages : FRAMES_MIN;

	return frames < FRAMES_MIN ? FRAMES_MIN : frames > FRAMES_MAX ? FRAMES_MAX : frames;
}

static bool tlb_init(const struct replay_head *head)
{
	struct vm_tlb_conf conf = {
		.translate = vm_processor_translate,
		.context = &mirror.processor,
	};

	if (!vm_tlb_preset(head->tlb, &conf))
		return false;
	size_t bytes = vm_tlb_bytes(&conf);
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);
	return memory != MAP_FAILED &&
	       vm_tlb_init(&mirror.processor.tlb, memory, bytes, &conf, mirror.message,
			   sizeof(mirror.message));
}

/* Table entries that are no more: our TLBs forget them. */
static void invalidate(void *context, uint64_t space, uint64_t address, uint64_t bytes)
{
	uint64_t own = vm_space_number(mirror.processor.space);

	vm_processor_invalidate(context, space, address, bytes);
	replay_lab_invalidate(&own, space, address, bytes);
}

bool mirror_init(const struct replay_head *head)
{
	struct vm_profile profile = *vm_profile_at(0);
	struct vm_config config = {
		.profile = &profile,
		.frame_count = frames_wanted(),
		/* Where mappings go is always told; where the break begins is not. */
		.layout = { .map_end = MAP_END, .break_start = (uint64_t)sbrk(0) },
	};

	profile.huge = VM_HUGE_NEVER;
	mirror.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	mirror.is_verified = head->is_verified;
	mirror.machine = vm_machine_create(&config);
	for (int i = 0; mirror.machine != NULL && i < REPLAY_SPACES; i++)
		mirror.spaces[i] = vm_space_create(mirror.machine);
	if (mirror.machine == NULL || mirror.spaces[REPLAY_SPACES - 1] == NULL ||
	    !tlb_init(head)) {
		fail("no memory for it, or no such TLB", 0, 0);
		return false;
	}
	vm_machine_watch(mirror.machine, invalidate, &mirror.processor);
	vm_processor_switch(&mirror.processor, mirror.spaces[REPLAY_SPACE_CHOSEN]);
	if (head->has_lab && !replay_lab_begin(mirror.page_bytes)) {
		fail("no memory for the lab", 0, 0);
		return false;
	}
	return true;
}

/* ---- accesses ---- */

static void touched_check(struct vm_touched touched)
{
	if (touched.signal == VM_SIGNAL_NONE)
		return;
	mirror.stray++;
	fail(vm_signal_name(touched.signal), touched.address, 0);
}

/* Is the page there in all spaces, and written to if this is a store? It is known from now on. */
static bool page_is_known(uint64_t page, bool is_store)
{
	uint64_t *known = &mirror.known[page & (MIRROR_KNOWN_PAGES - 1)];

	if ((*known - 1) >> 1 == page && *known != 0 && (((*known - 1) & 1) != 0 || !is_store))
		return true;
	*known = (page << 1 | is_store) + 1;
	return false;
}

static void access_carry_out(const struct mirror_access *access)
{
	enum vm_kind kind = access->is_store ? VM_STORE : VM_LOAD;
	uint64_t first = access->address / mirror.page_bytes;
	uint64_t last = (access->address + access->bytes - 1) / mirror.page_bytes;
	bool is_known = true;

	touched_check(vm_processor_touch(&mirror.processor, access->address, access->bytes, kind));
	replay_lab_access(access->address, access->bytes, access->is_store, false);
	for (uint64_t page = first; page <= last; page++)
		is_known = page_is_known(page, access->is_store) && is_known;
	if (is_known)
		return;
	touched_check(vm_touch(mirror.spaces[REPLAY_SPACE_NONE], access->address, access->bytes,
			       kind));
	touched_check(vm_touch(mirror.spaces[REPLAY_SPACE_ALL], access->address, access->bytes,
			       kind));
}

void mirror_flush(void)
{
	bool was_inside = mirror.is_inside;
	uint64_t before = mirror.is_verified && was_inside ? kernel_faults() : 0;

	mirror.is_inside = false;
	for (size_t i = 0; i < mirror.log_count; i++)
		access_carry_out(&mirror.log[i]);
	mirror.log_count = 0;
	if (mirror.is_verified && was_inside)
		mirror.own_faults += kernel_faults() - before;
	mirror.is_inside = was_inside;
}

void mirror_access(uint64_t address, uint64_t bytes, bool is_store)
{
	/* The strategy's own state, or of a copy what is not in the heap at all. */
	if (bytes == 0 || address - mirror.state.base < mirror.state.bytes)
		return;
	if (mirror.log_count == MIRROR_LOG_ACCESSES)
		mirror_flush();
	mirror.log[mirror.log_count++] = (struct mirror_access){address, bytes, is_store};
}

void mirror_payload(enum replay_space space, uint64_t address, uint64_t bytes)
{
	if (bytes == 0)
		return;
	if (space != REPLAY_SPACE_CHOSEN) {
		touched_check(vm_touch(mirror.spaces[space], address, bytes, VM_STORE));
		return;
	}
	touched_check(vm_processor_touch(&mirror.processor, address, bytes, VM_STORE));
	replay_lab_access(address, bytes, true, true);
}

/* ---- system calls ---- */

static struct vm_result space_map(struct vm_space *space, const long *arguments, uint64_t address)
{
	struct vm_map_request request = {
		.address = address,
		.bytes = (uint64_t)arguments[1],
		.flags = VM_MAP_FIXED,
	};
	int protection = (int)arguments[2], flags = (int)arguments[3];

	request.protection = (protection & PROT_READ ? VM_PROT_READ : 0) |
			     (protection & PROT_WRITE ? VM_PROT_WRITE : 0);
	request.flags |= flags & MAP_NORESERVE ? VM_MAP_NORESERVE : 0;
	return vm_map(space, &request);
}

static struct vm_result space_advise(struct vm_space *space, const long *arguments)
{
	static const struct {
		long real;
		enum vm_advice advice;
	} advices[] = {
		{ MADV_DONTNEED, VM_ADVISE_DONTNEED }, { MADV_FREE, VM_ADVISE_FREE },
		{ MADV_HUGEPAGE, VM_ADVISE_HUGEPAGE }, { MADV_NOHUGEPAGE, VM_ADVISE_NOHUGEPAGE },
	};

	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		if (advices[i].real == arguments[2])
			return vm_advise(space, (uint64_t)arguments[0], (uint64_t)arguments[1],
					 advices[i].advice);
	return (struct vm_result){0};
}

static struct vm_result space_remap(struct vm_space *space, const long *arguments, uint64_t result)
{
	uint64_t from = (uint64_t)arguments[0];
	unsigned flags = result == from ? 0 : VM_REMAP_MAYMOVE | VM_REMAP_FIXED;

	return vm_remap(space, from, (uint64_t)arguments[1], (uint64_t)arguments[2], flags, result);
}

static void metadata_remove(uint64_t base)
{
	for (size_t i = 0; i < mirror.metadata_count; i++)
		if (mirror.metadata[i].base == base) {
			mirror.metadata[i] = mirror.metadata[--mirror.metadata_count];
			return;
		}
}

static struct vm_result space_call(struct vm_space *space, long number, const long *arguments,
				   long result)
{
	switch (number) {
	case SYS_mmap:
		return space_map(space, arguments, (uint64_t)result);
	case SYS_munmap:
		return vm_unmap(space, (uint64_t)arguments[0], (uint64_t)arguments[1]);
	case SYS_madvise:
		return space_advise(space, arguments);
	case SYS_mremap:
		return space_remap(space, arguments, (uint64_t)result);
	default:
		return (struct vm_result){0};
	}
}

void mirror_call(long number, const long arguments[6], long result)
{
	mirror_flush();
	memset(mirror.known, 0, sizeof(mirror.known));
	if (number == SYS_munmap)
		metadata_remove((uint64_t)arguments[0]);
	for (int i = 0; i < REPLAY_SPACES; i++) {
		struct vm_result got = space_call(mirror.spaces[i], number, arguments, result);
		if (got.error != 0)
			fail("a system call", (uint64_t)arguments[0], got.error);
	}
}

void mirror_break(uint64_t to)
{
	mirror_flush();
	memset(mirror.known, 0, sizeof(mirror.known));
	for (int i = 0; i < REPLAY_SPACES; i++)
		if (vm_break(mirror.spaces[i], to).value != to)
			fail("brk", to, 0);
}

void mirror_metadata_add(uint64_t base, uint64_t bytes)
{
	if (mirror.metadata_count == MIRROR_METADATA_MAX)
		fail("too many tables of the heap", base, 0);
	else
		mirror.metadata[mirror.metadata_count++] = (struct mirror_range){base, bytes};
	/* So that faults of the heap's pages are all that the kernel counts. */
	if (mirror.is_verified) {
		uint64_t before = kernel_faults();
		madvise((void *)base, bytes, MADV_POPULATE_WRITE);
		mirror.own_faults += kernel_faults() - before;
	}
}

/* ---- looking ---- */

uint64_t mirror_resident_bytes(enum replay_space space)
{
	struct vm_counters counters;

	vm_counters_get(mirror.spaces[space], &counters);
	return counters.rss_anon * mirror.page_bytes;
}

enum { MINCORE_PAGES = 1 << 16 };

uint64_t mirror_metadata_bytes(void)
{
	static unsigned char resident[MINCORE_PAGES];
	uint64_t pages = 0;

	for (size_t i = 0; i < mirror.metadata_count; i++) {
		const struct mirror_range *range = &mirror.metadata[i];
		uint64_t count = (range->bytes + mirror.page_bytes - 1) / mirror.page_bytes;
		if (count > MINCORE_PAGES ||
		    mincore((void *)range->base, range->bytes, resident) != 0)
			continue;
		for (uint64_t k = 0; k < count; k++)
			pages += resident[k] & 1;
	}
	return pages * mirror.page_bytes;
}

static void piece_compare(uint64_t start, uint64_t pages, struct replay_outcome *outcome)
{
	static unsigned char resident[MINCORE_PAGES];
	struct vm_page_view page;

	if (mincore((void *)start, pages * mirror.page_bytes, resident) != 0) {
		fail("mincore", start, 0);
		return;
	}
	for (uint64_t i = 0; i < pages; i++) {
		vm_page_get(mirror.spaces[REPLAY_SPACE_NONE], start + i * mirror.page_bytes, &page);
		outcome->pages_compared++;
		outcome->pages_different += (resident[i] & 1) != (page.state != VM_PAGE_NONE);
	}
}

void mirror_compare(struct replay_outcome *outcome)
{
	struct vm_area_view area = { .end = 0 };

	while (vm_area_next(mirror.spaces[REPLAY_SPACE_NONE], area.end, &area)) {
		if ((area.flags & VM_AREA_WRITE) == 0)
			continue;
		for (uint64_t at = area.start; at < area.end;) {
			uint64_t pages = (area.end - at) / mirror.page_bytes;
			pages = pages < MINCORE_PAGES ? pages : MINCORE_PAGES;
			piece_compare(at, pages, outcome);
			at += pages * mirror.page_bytes;
		}
	}
}
