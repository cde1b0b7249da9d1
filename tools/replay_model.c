/* SPDX-License-Identifier: MIT */
/*
 * Replay on the model: makes the calls of a trace on one heap, with a memory machine beside it.
 *
 * The real pages of the heap see no payload; the machine's spaces see nothing, everything, and
 * what was asked for (replay_model.h). Huge pages are off, here and there. Threads make no
 * difference: a heap as a value has one arena.
 */
#include <allot/allot.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "replay_helper.h"
#include "replay_model.h"

struct slot {
	void *block;
	size_t bytes;
};

struct model_replay {
	struct replay_head head;
	struct allot_heap *heap;
	struct slot *slots;
	struct replay_sample *samples;
	uint64_t sample_count;
	uint64_t live_bytes;
	uint64_t upper;
	uint64_t touch_from; /* where the next REPLAY_TOUCH begins */
	size_t align;
	struct replay_outcome outcome;
};

/* ---- calls of the heap ---- */

static uint64_t call_begin(void)
{
	uint64_t before = mirror.is_verified ? kernel_faults() - mirror.own_faults : 0;

	mirror.is_inside = true;
	return before;
}

static void call_end(struct model_replay *r, uint64_t before)
{
	mirror.is_inside = false;
	if (mirror.is_verified)
		r->outcome.kernel_faults += kernel_faults() - mirror.own_faults - before;
	if (mirror.is_verified) {
		uint64_t own = kernel_faults();
		mirror_flush();
		mirror.own_faults += kernel_faults() - own;
	} else {
		mirror_flush();
	}
}

/* What the program is taken to write when it gets a block: bytes from `from` on. */
static void payload_write(const struct model_replay *r, const struct slot *slot, size_t from)
{
	uint64_t address = (uint64_t)slot->block + from;
	uint64_t bytes = slot->bytes > from ? slot->bytes - from : 0;

	mirror_payload(REPLAY_SPACE_ALL, address, bytes);
	switch ((enum replay_payload)r->head.payload) {
	case REPLAY_PAYLOAD_FIRST:
		mirror_payload(REPLAY_SPACE_CHOSEN, address, from == 0 && bytes > 0);
		break;
	case REPLAY_PAYLOAD_ALL:
		mirror_payload(REPLAY_SPACE_CHOSEN, address, bytes);
		break;
	case REPLAY_PAYLOAD_RECORDED:
		if (slot->bytes < REPLAY_LARGE_BYTES)
			mirror_payload(REPLAY_SPACE_CHOSEN, address, bytes);
		break;
	default:
		break;
	}
}

/* The program has written to it, from where was said up to `end`. */
static void block_touch(struct model_replay *r, const struct slot *slot, size_t end)
{
	size_t from = r->touch_from;

	r->touch_from = 0;
	if (r->head.payload == REPLAY_PAYLOAD_RECORDED && slot->block != NULL && end > from)
		mirror_payload(REPLAY_SPACE_CHOSEN, (uint64_t)slot->block + from, end - from);
}

static void block_enter(struct model_replay *r, struct slot *slot, void *block, size_t bytes)
{
	size_t kept = slot->block != NULL && slot->bytes < bytes ? slot->bytes : 0;

	if (slot->block != NULL && slot->bytes >= bytes)
		kept = bytes;
	r->outcome.operations++;
	if (block == NULL) {
		r->outcome.refused++;
		return;
	}
	r->live_bytes += bytes - slot->bytes;
	*slot = (struct slot){block, bytes};
	payload_write(r, slot, kept);
}

static void *block_allocate(struct model_replay *r, enum replay_operation operation,
			    const struct slot *slot, size_t bytes)
{
	switch (operation) {
	case REPLAY_CALLOC:
		return allot_heap_allocate_zeroed(r->heap, 1, bytes);
	case REPLAY_REALLOC:
		return allot_heap_resize(r->heap, slot->block, bytes);
	case REPLAY_ALIGNED:
		return allot_heap_allocate_aligned(r->heap, r->align, bytes);
	default:
		return allot_heap_allocate(r->heap, bytes);
	}
}

static void block_free(struct model_replay *r, struct slot *slot)
{
	uint64_t before = call_begin();

	allot_heap_free(r->heap, slot->block);
	call_end(r, before);
	r->outcome.operations++;
	r->live_bytes -= slot->bytes;
	*slot = (struct slot){NULL, 0};
}

/* ---- samples ---- */

/* A walk over the heap: runs of free bytes, how much of them is on pages with something else. */
struct free_walk {
	uint64_t begin, end; /* of the run */
	uint64_t pinned_bytes;
};

static void free_run_end(struct free_walk *walk)
{
	uint64_t mask = mirror.page_bytes - 1;
	uint64_t first = (walk->begin + mask) & ~mask, last = walk->end & ~mask;

	walk->pinned_bytes += walk->end - walk->begin;
	if (first < last)
		walk->pinned_bytes -= last - first;
}

static bool free_visit(const struct allot_block *block, void *context)
{
	struct free_walk *walk = context;
	uint64_t begin = (uint64_t)block->payload - (block->tag_bytes > 0 ? sizeof(uint64_t) : 0);

	if (block->state == ALLOT_BLOCK_LIVE)
		return true;
	if (begin != walk->end) {
		free_run_end(walk);
		walk->begin = begin;
	}
	walk->end = begin + block->block_bytes;
	return true;
}

/*
 * Pinned bytes. A walk reads words that nobody read before, so a child does it, whose accesses are
 * neither on the machine nor in our pages; but pages are copied after that, which the kernel
 * counts.
 */
static uint64_t pinned_bytes(const struct model_replay *r)
{
	struct free_walk *walk = mmap(NULL, sizeof(*walk), PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0;

	if (walk == MAP_FAILED)
		return 0;
	pid_t child = fork();
	if (child == 0) {
		allot_heap_walk(r->heap, free_visit, walk);
		free_run_end(walk);
		_exit(0);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	uint64_t bytes = walk->pinned_bytes;
	munmap(walk, sizeof(*walk));
	return bytes;
}

static void peak_books(struct model_replay *r)
{
	uint64_t bytes = 0;

	if (!mirror.is_verified) {
		r->outcome.pinned_bytes_peak = pinned_bytes(r);
		r->outcome.resident_bytes_then = mirror_resident_bytes(REPLAY_SPACE_CHOSEN);
	}
	for (uint64_t i = 0; i < r->head.slot_count; i++)
		if (r->slots[i].block != NULL)
			bytes += allot_heap_usable_bytes(r->heap, r->slots[i].block);
	r->outcome.usable_bytes_peak = bytes;
	r->outcome.live_bytes_peak = r->live_bytes;
}

static void sample_take(struct model_replay *r, bool is_peak)
{
	struct vm_sizes sizes;

	if (r->sample_count == r->head.sample_count)
		return;
	if (mirror.is_verified)
		mirror_compare(&r->outcome);
	if (is_peak)
		peak_books(r);
	struct replay_sample *sample = &r->samples[r->sample_count++];
	uint64_t books = mirror_metadata_bytes();
	sample->live_bytes = r->live_bytes;
	for (int i = 0; i < REPLAY_SPACES; i++) {
		sample->resident_bytes[i] = mirror_resident_bytes((enum replay_space)i) + books;
		if (sample->resident_bytes[i] > r->outcome.resident_bytes_peaks[i])
			r->outcome.resident_bytes_peaks[i] = sample->resident_bytes[i];
	}
	vm_sizes_get(mirror.spaces[REPLAY_SPACE_NONE], &sizes);
	sample->mapped_bytes = sizes.data * mirror.page_bytes;
}

/* ---- the loop ---- */

static void record_replay(struct model_replay *r, struct replay_record record)
{
	struct slot *slot = &r->slots[replay_record_number(record)];
	enum replay_operation operation = replay_record_operation(record);
	size_t bytes = r->upper | record.bytes;
	uint64_t before;

	r->upper = operation == REPLAY_WIDE ? (uint64_t)record.bytes << 32 : 0;
	switch (operation) {
	case REPLAY_FREE:
		block_free(r, slot);
		break;
	case REPLAY_MALLOC:
	case REPLAY_CALLOC:
	case REPLAY_REALLOC:
	case REPLAY_ALIGNED:
		before = call_begin();
		void *block = block_allocate(r, operation, slot, bytes);
		call_end(r, before);
		block_enter(r, slot, block, bytes);
		break;
	case REPLAY_ALIGN:
		r->align = bytes;
		break;
	case REPLAY_TOUCH:
		block_touch(r, slot, bytes < slot->bytes ? bytes : slot->bytes);
		break;
	case REPLAY_FROM:
		r->touch_from = bytes;
		break;
	case REPLAY_CLOCK:
		mirror.clock_ms = record.bytes;
		break;
	case REPLAY_SAMPLE:
		sample_take(r, record.bytes != 0);
		break;
	default:
		break;
	}
}

static void records_replay(struct model_replay *r)
{
	static struct replay_record batch[REPLAY_BATCH_RECORDS];
	size_t length;

	while (mirror.message[0] == '\0' && (length = helper_read(batch, sizeof(batch))) > 0)
		for (size_t i = 0; i < length / sizeof(batch[0]); i++)
			record_replay(r, batch[i]);
}

/* ---- the heap ---- */

/* The keys of `conf` that a heap as a value has: there is no front end, and one arena. */
static void conf_of_heap(char *out, const char *conf)
{
	size_t count;
	const struct allot_option *options = allot_options(&count);

	out[0] = '\0';
	for (; *conf != '\0'; conf += strcspn(conf, ",") + (strchr(conf, ',') != NULL))
		for (size_t i = 0; i < count; i++) {
			size_t key = strlen(options[i].key);
			if (options[i].is_heap_option && strncmp(conf, options[i].key, key) == 0 &&
			    conf[key] == ':')
				sprintf(out + strlen(out), "%s%.*s", out[0] != '\0' ? "," : "",
					(int)strcspn(conf, ","), conf);
		}
}

/* Code and data of ours that are not resident yet would be counted among the heap's faults. */
static void own_populate(const struct helper_mapping *mapping, void *context)
{
	(void)context;
	if (mapping->is_readable)
		madvise((void *)mapping->begin, mapping->end - mapping->begin,
			mapping->is_writable ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
}

/* Go the ways of another heap once, unseen: what the first time alone costs is not the heap's. */
static void heap_rehearse(const char *conf)
{
	enum { BLOCKS = 64, BYTES_STEP = 3000 };
	struct allot_heap *heap = allot_heap_create(conf, NULL, 0);
	void *blocks[BLOCKS];

	if (heap == NULL)
		return;
	for (size_t i = 0; i < BLOCKS; i++)
		blocks[i] = allot_heap_allocate_zeroed(heap, 1, i * BYTES_STEP);
	for (size_t i = 0; i < BLOCKS; i++) {
		void *moved = allot_heap_resize(heap, blocks[i], (BLOCKS - i) * BYTES_STEP);
		allot_heap_free(heap, moved != NULL ? moved : blocks[i]);
	}
	allot_heap_trim(heap, 0);
	allot_heap_destroy(heap);
}

static bool heap_begin(struct model_replay *r)
{
	char conf[REPLAY_CONF_BYTES];
	size_t books = mirror.metadata_count;

	conf_of_heap(conf, r->head.conf);
	heap_rehearse(conf);
	mirror.is_inside = true;
	r->heap = allot_heap_create(conf, mirror.message, sizeof(mirror.message));
	mirror.is_inside = false;
	for (size_t i = books; r->heap != NULL && i < mirror.metadata_count; i++)
		if ((uint64_t)r->heap - mirror.metadata[i].base < mirror.metadata[i].bytes)
			mirror.state = mirror.metadata[i];
	return r->heap != NULL;
}

static void faults_take(struct replay_outcome *outcome)
{
	struct vm_tlb_statistics tlb;
	struct vm_counters counters;

	outcome->metadata_bytes = mirror_metadata_bytes();
	outcome->page_bytes = mirror.page_bytes;
	for (int i = 0; i < REPLAY_SPACES; i++) {
		vm_counters_get(mirror.spaces[i], &counters);
		outcome->minor_faults[i] = counters.minor_faults;
		for (int k = 0; k < VM_REASON_COUNT; k++)
			outcome->by_reason[i][k] = counters.by_reason[k];
		uint64_t peak = counters.rss_max * mirror.page_bytes + mirror_metadata_bytes();
		if (peak > outcome->resident_bytes_peaks[i])
			outcome->resident_bytes_peaks[i] = peak;
	}
	vm_tlb_statistics(&mirror.processor.tlb, &tlb);
	outcome->tlb_accesses = tlb.accesses[VM_LOAD] + tlb.accesses[VM_STORE];
	outcome->tlb_walks = tlb.walks;
}

/* The lab's results, with the most pages that were resident as the program is taken to write. */
static void lab_take(struct replay_outcome *outcome)
{
	struct vm_counters counters;

	vm_counters_get(mirror.spaces[REPLAY_SPACE_CHOSEN], &counters);
	if (!replay_lab_end(&outcome->lab, counters.rss_max))
		snprintf(mirror.message, sizeof(mirror.message), "no memory for the lab");
}

_Static_assert((int)VM_REASON_COUNT <= (int)REPLAY_REASONS_MAX, "there is room for every reason");

int main(void)
{
	static struct model_replay r;

	if (helper_read(&r.head, sizeof(r.head)) != sizeof(r.head) ||
	    r.head.magic != REPLAY_MAGIC || r.head.version != REPLAY_VERSION)
		return HELPER_STATUS_FAILED;
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	r.slots = helper_memory(r.head.slot_count * sizeof(*r.slots));
	r.samples = helper_memory(r.head.sample_count * sizeof(*r.samples));
	if (mirror_init(&r.head)) {
		helper_mappings_visit(own_populate, NULL);
		if (heap_begin(&r))
			records_replay(&r);
	}
	r.outcome.magic = REPLAY_MAGIC;
	if (mirror.message[0] == '\0') {
		mirror_compare(&r.outcome);
		faults_take(&r.outcome);
	}
	if (mirror.message[0] == '\0')
		lab_take(&r.outcome);
	snprintf(r.outcome.message, sizeof(r.outcome.message), "%s", mirror.message);
	r.outcome.sample_count = mirror.message[0] == '\0' ? r.sample_count : 0;
	_exit(helper_write(&r.outcome, sizeof(r.outcome)) &&
			      helper_write(r.samples,
					   r.outcome.sample_count * sizeof(*r.samples))
		      ? 0
		      : HELPER_STATUS_FAILED);
}
