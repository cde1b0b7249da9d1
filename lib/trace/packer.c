/* SPDX-License-Identifier: MIT */
/*
 * Packer: from the raw file of a process to a packed one, while the process runs.
 *
 * A step takes the slots that were full when it began, in their order, so that no stream's slot
 * comes before an earlier one of the same. A process that outlives us is told to stop first, for
 * without a reader its file would grow for ever; what its threads have begun is copied.
 *
 * Each stream has a chunk that fills; there are only so many at a time, and who was idle longest
 * gives its own up. A chunk is written when it is full, or has been waiting for long: what a
 * recorder that is killed has not written is a few seconds of events. Frames come before the chunks
 * that name them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <allot/trace_file.h>

#include "base/compiler.h"
#include "trace/dictionary.h"
#include "trace/packed_write.h"
#include "trace/forms.h"
#include "trace/packing.h"
#include "trace/raw_decode.h"
#include "trace/raw_slots.h"

enum { HEAD_WORDS = sizeof(struct raw_slot) / sizeof(uint64_t) };

/* A slot to be taken. */
struct taken {
	uint64_t order;
	uint32_t slot;
};

struct trace_packer {
	int raw_descriptor;
	unsigned char *raw; /* the file, as far as it is mapped */
	size_t raw_bytes;
	struct packing packing;
	char command[RAW_TEXT_BYTES];
	struct taken *taken; /* full slots, in their order */
	size_t taken_capacity;
	_Alignas(struct raw_slot) uint64_t copy[RAW_SLOT_BYTES / sizeof(uint64_t)];
};

static struct raw_header *header_of(const struct trace_packer *packer)
{
	return (struct raw_header *)(void *)packer->raw;
}

static struct raw_slot *slot_of(const struct trace_packer *packer, uint32_t slot)
{
	return (struct raw_slot *)(void *)(packer->raw + RAW_HEADER_BYTES +
					   (size_t)slot * RAW_SLOT_BYTES);
}

/* ---- opening ------------------------------------------------------------------------------ */

/* Map what the file has grown to. False: it cannot be, and what was mapped still is. */
static bool raw_map(struct trace_packer *packer)
{
	struct stat status;

	if (fstat(packer->raw_descriptor, &status) != 0)
		return false;
	size_t bytes = (size_t)status.st_size;
	if (bytes < RAW_HEADER_BYTES)
		return false;
	if (bytes == packer->raw_bytes)
		return true;
	void *mapped = packer->raw == NULL ?
			       mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
				    packer->raw_descriptor, 0) :
			       mremap(packer->raw, packer->raw_bytes, bytes, MREMAP_MAYMOVE);
	if (mapped == MAP_FAILED)
		return false;
	packer->raw = mapped;
	packer->raw_bytes = bytes;
	return true;
}

static bool raw_open(struct trace_packer *packer, const char *path, char *message,
		     size_t message_bytes)
{
	packer->raw_descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (packer->raw_descriptor < 0) {
		snprintf(message, message_bytes, "%s: %s", path, strerror(errno));
		return false;
	}
	if (!raw_map(packer) || header_of(packer)->magic != RAW_MAGIC) {
		snprintf(message, message_bytes, "%s: no raw trace", path);
		return false;
	}
	if (header_of(packer)->version != RAW_VERSION) {
		snprintf(message, message_bytes, "%s: a raw trace of version %u; this is for %u",
			 path, header_of(packer)->version, RAW_VERSION);
		return false;
	}
	return true;
}

struct trace_packer *trace_packer_open(const char *raw_path, const char *output_path,
				       bool is_overwritten, char *message, size_t message_bytes)
{
	struct trace_packer *packer = calloc(1, sizeof(*packer));

	if (packer == NULL) {
		snprintf(message, message_bytes, "%s: out of memory", raw_path);
		return NULL;
	}
	bool is_raw = raw_open(packer, raw_path, message, message_bytes);
	if (!is_raw || !packing_open(&packer->packing, output_path, is_overwritten,
				     header_of(packer), message, message_bytes)) {
		/* Nobody will read what it writes. Another output may be tried where one exists. */
		if (is_raw && errno != EEXIST)
			raw_reader_leave(header_of(packer));
		if (packer->raw != NULL)
			munmap(packer->raw, packer->raw_bytes);
		if (packer->raw_descriptor >= 0)
			close(packer->raw_descriptor);
		free(packer);
		return NULL;
	}
	arguments_join(packer->command, header_of(packer)->command, sizeof(packer->command));
	atomic_store(&header_of(packer)->reader_process, (uint32_t)getpid());
	return packer;
}

/* Wake who waits for an empty slot. */
static void slots_announce(struct raw_header *header)
{
	atomic_fetch_add(&header->slots_wanted, 1);
	syscall(SYS_futex, &header->slots_wanted, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

void trace_packer_info(const struct trace_packer *packer, struct trace_raw_info *out)
{
	const struct raw_header *header = header_of(packer);

	*out = (struct trace_raw_info){
		.process = header->process,
		.parent = header->parent,
		.start_ticks = header->start_ticks,
		.is_ended = atomic_load(&header->is_ended) != 0,
		.command = packer->command,
	};
}

void trace_packer_replace(struct trace_packer *packer)
{
	atomic_store(&header_of(packer)->is_ended, 1);
}

void trace_packer_close(struct trace_packer *packer)
{
	if (packer == NULL)
		return;
	/* Whether or not it was found to live. */
	raw_reader_leave(header_of(packer));
	atomic_store(&header_of(packer)->reader_process, 0);
	slots_announce(header_of(packer));
	packing_close(&packer->packing);
	munmap(packer->raw, packer->raw_bytes);
	close(packer->raw_descriptor);
	free(packer->taken);
	free(packer);
}

/* ---- slots -------------------------------------------------------------------------------- */

static int taken_compare(const void *a, const void *b)
{
	const struct taken *left = a, *right = b;
	return (left->order > right->order) - (left->order < right->order);
}

/*
 * Slots that are full; at the end, those that are being filled as well. A slot that was taken after
 * the scan began is left for the next, for an earlier one of its stream may have been passed by:
 * the order is noted before the file's length, so that all slots before it are mapped.
 */
static size_t slots_scan(struct trace_packer *packer, bool is_end)
{
	uint64_t order_end = atomic_load(&header_of(packer)->slot_order);
	raw_map(packer);
	uint32_t slots = atomic_load(&header_of(packer)->slot_count);
	size_t count = 0, mapped = (packer->raw_bytes - RAW_HEADER_BYTES) / RAW_SLOT_BYTES;

	for (uint32_t i = 0; i < slots && i < mapped; i++) {
		struct raw_slot *slot = slot_of(packer, i);
		uint32_t state = atomic_load_explicit(&slot->state, memory_order_acquire);
		if (state != RAW_SLOT_FULL && !(is_end && state == RAW_SLOT_FILLING))
			continue;
		if (!is_end && slot->order >= order_end)
			continue;
		/* Without memory for all, none: their order matters. */
		if (!array_reserve(&packer->taken, &packer->taken_capacity, count,
				   sizeof(*packer->taken)))
			return 0;
		packer->taken[count++] = (struct taken){.order = slot->order, .slot = i};
	}
	if (count > 0)
		qsort(packer->taken, count, sizeof(*packer->taken), taken_compare);
	return count;
}

/* Zeros, but for the state: what is not zero counts as a record. */
static void slot_empty(struct raw_slot *slot)
{
	size_t skipped = offsetof(struct raw_slot, stream);

	memset((unsigned char *)slot + skipped, 0, RAW_SLOT_BYTES - skipped);
	atomic_store_explicit(&slot->state, RAW_SLOT_FREE, memory_order_release);
}

static size_t slots_take(struct trace_packer *packer)
{
	size_t count = slots_scan(packer, false), bytes = 0;

	for (size_t i = 0; i < count; i++) {
		struct raw_slot *slot = slot_of(packer, packer->taken[i].slot);
		bytes += packing_slot(&packer->packing, slot, RAW_SLOT_BYTES);
		slot_empty(slot);
	}
	if (count > 0)
		slots_announce(header_of(packer));
	return bytes;
}

size_t trace_packer_step(struct trace_packer *packer)
{
	size_t bytes = slots_take(packer);
	packing_note(&packer->packing, header_of(packer));
	return bytes;
}

/*
 * The last look. A slot that is being filled is not ours to empty if its process lives, so it is
 * packed as far as it was written, from a copy.
 */
static void slots_take_last(struct trace_packer *packer)
{
	size_t count = slots_scan(packer, true);

	for (size_t i = 0; i < count; i++) {
		const struct raw_slot *slot = slot_of(packer, packer->taken[i].slot);
		raw_slot_copy(slot, packer->copy, 0, ARRAY_LEN(packer->copy));
		/* Its head was written before its first record. */
		if (packer->copy[HEAD_WORDS] != 0)
			packing_slot(&packer->packing, (const void *)packer->copy,
				     RAW_SLOT_BYTES);
	}
}

void trace_packer_finish(struct trace_packer *packer, struct trace_packed *out)
{
	/* First, for what is written from now on nobody reads. */
	if (raw_is_written(header_of(packer), packer->raw_descriptor))
		raw_reader_leave(header_of(packer));
	while (slots_take(packer) > 0)
		continue;
	slots_take_last(packer);
	packing_finish(&packer->packing, header_of(packer), out);
}

/* ---- of a process that has ended ---------------------------------------------------------- */

bool trace_pack(const char *raw_path, const char *output_path, bool is_overwritten,
		struct trace_packed *out, char *message, size_t message_bytes)
{
	struct packing packing;
	struct raw_header *header = calloc(1, sizeof(*header));
	int descriptor = open(raw_path, O_RDONLY | O_CLOEXEC);
	bool is_packed = false;

	if (descriptor < 0)
		snprintf(message, message_bytes, "%s: %s", raw_path, strerror(errno));
	else if (header == NULL ||
		 file_read(descriptor, header, sizeof(*header), 0) < sizeof(*header) ||
		 header->magic != RAW_MAGIC || header->version != RAW_VERSION)
		snprintf(message, message_bytes, "%s: no raw trace of version %u", raw_path,
			 RAW_VERSION);
	else if (packing_open(&packing, output_path, is_overwritten, header, message,
			      message_bytes)) {
		is_packed = packing_file(&packing, descriptor);
		if (is_packed)
			packing_finish(&packing, header, out);
		else
			snprintf(message, message_bytes, "%s: out of memory", raw_path);
		packing_close(&packing);
	}
	if (descriptor >= 0)
		close(descriptor);
	free(header);
	return is_packed;
}
