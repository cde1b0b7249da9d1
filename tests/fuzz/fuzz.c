/* SPDX-License-Identifier: MIT */
/*
 * Decoding and carrying out. See fuzz.h.
 */
#include "fuzz.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum {
	HEAD_BYTES = 2,
	OPERATION_BYTES = 4,
	SLOTS = 64,
	SLOT_HALF = 32,
	OPERATIONS_MAX = 4096,
	LIVE_BYTES_MAX = 8 << 20,
	BUFFER_BYTES = 200 << 10, /* and what the strategy needs at least */
	CONF_BYTES = 256,
};

enum memory { MEMORY_MMAP, MEMORY_SBRK, MEMORY_BUFFER, MEMORY_MAPPINGS, MEMORIES };

/* ---- decoding ---- */

static size_t choice_count(void)
{
	struct choice choice;
	size_t count = 0;
	while (choice_get(count, &choice))
		count++;
	return count;
}

static size_t decode_size(const uint8_t *bytes)
{
	size_t size = bytes[1] | (size_t)bytes[2] << 8;
	bool is_impossible = (bytes[3] & 0x88) == 0x88;
	if (is_impossible)
		return bytes[3] & 1 ? SIZE_MAX - size : (size_t)PTRDIFF_MAX + 1 + size;
	return size << (bytes[3] >> 4 & 3) * 2;
}

static void decode(const uint8_t *bytes, const struct shadow *shadow, struct operation *out)
{
	static const enum operation_kind kinds[8] = {
		OPERATION_ALLOCATE, OPERATION_ALLOCATE, OPERATION_ZEROED, OPERATION_ALIGNED,
		OPERATION_RESIZE, OPERATION_RESIZE, OPERATION_FREE, OPERATION_TRIM,
	};
	*out = (struct operation){
		.kind = kinds[bytes[0] & 7],
		.slot = (size_t)(bytes[0] >> 3) + (bytes[3] & 0x40 ? SLOT_HALF : 0),
		.bytes = decode_size(bytes),
		.count = bytes[3] & 15,
		.alignment = (size_t)16 << (bytes[3] & 15),
	};
	bool is_full = shadow->slots[out->slot].payload != NULL;
	if (out->kind == OPERATION_ZEROED && out->count != 0 && !operation_is_impossible(out))
		out->bytes /= out->count;
	if (out->kind <= OPERATION_ALIGNED && is_full)
		out->kind = OPERATION_FREE;
	else if (!operation_is_impossible(out) && out->kind != OPERATION_TRIM &&
		 shadow->live_bytes + out->bytes > LIVE_BYTES_MAX)
		out->kind = OPERATION_FREE;
}

/* ---- the heap ---- */

static size_t buffer_bytes(const struct choice *choice)
{
	struct allot_strategy strategy;
	for (size_t i = 0; allot_strategy_get(i, &strategy); i++) {
		if (strcmp(strategy.name, choice->strategy) == 0)
			return 2 * strategy.region_bytes_min + BUFFER_BYTES;
	}
	return 0;
}

static struct allot_heap *heap_create(const struct choice *choice, enum memory memory,
				      void *buffer, char *message)
{
	static const char *const extras[MEMORIES] = {
		[MEMORY_SBRK] = "source:sbrk",
		[MEMORY_MAPPINGS] = "mmap_threshold:8k,trim_threshold:16k",
	};
	char conf[CONF_BYTES];
	choice_conf(choice, extras[memory], conf, sizeof(conf));
	if (memory == MEMORY_BUFFER)
		return allot_heap_create_in(buffer, buffer_bytes(choice), conf, message,
					    SHADOW_MESSAGE_BYTES);
	return allot_heap_create(conf, message, SHADOW_MESSAGE_BYTES);
}

static void on_fault(const struct allot_fault *fault, void *context)
{
	snprintf(context, SHADOW_MESSAGE_BYTES, "the heap reports a fault of kind %d in %s at %p",
		 (int)fault->kind, fault->call, fault->address);
}

/* ---- the run ---- */

static bool run(struct shadow *shadow, const uint8_t *bytes, size_t count)
{
	size_t operations = 0;
	for (size_t at = 0; at + OPERATION_BYTES <= count && operations < OPERATIONS_MAX;
	     at += OPERATION_BYTES, operations++) {
		struct operation operation;
		decode(bytes + at, shadow, &operation);
		if (!shadow_apply(shadow, &operation) || !shadow_check(shadow))
			return false;
	}
	return shadow_compare(shadow) && shadow_empty(shadow) && shadow_check(shadow) &&
	       shadow_compare(shadow);
}

bool fuzz_run(const uint8_t *bytes, size_t count, const struct choice *choice,
	      char message[SHADOW_MESSAGE_BYTES])
{
	struct choice own;
	struct shadow shadow;
	void *buffer = NULL;
	message[0] = '\0';
	if (count < HEAD_BYTES)
		return true;
	if (choice == NULL) {
		choice_get(bytes[0] % choice_count(), &own);
		choice = &own;
	}
	enum memory memory = bytes[1] % MEMORIES;
	if (memory == MEMORY_BUFFER)
		buffer = mmap(NULL, buffer_bytes(choice), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct allot_heap *heap = heap_create(choice, memory, buffer, message);
	if (heap == NULL || !shadow_init(&shadow, (struct subject){heap}, SLOTS))
		return false;
	shadow.may_refuse = memory == MEMORY_BUFFER;
	allot_heap_on_fault(heap, on_fault, message);
	bool is_right = run(&shadow, bytes + HEAD_BYTES, count - HEAD_BYTES);
	if (!is_right && message[0] == '\0')
		memcpy(message, shadow.message, SHADOW_MESSAGE_BYTES);
	shadow_finish(&shadow);
	allot_heap_destroy(heap);
	if (buffer != NULL)
		munmap(buffer, buffer_bytes(choice));
	return is_right && message[0] == '\0';
}
