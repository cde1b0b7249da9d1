/* SPDX-License-Identifier: MIT */
/*
 * Raw slots: the file of a process that still writes it, mapped, and slots taken out of it.
 *
 * Whoever empties slots is the file's one reader, and gives every slot back that it has copied.
 * Others only look: then a slot may be emptied and written anew while it is copied, which shows by
 * its order. All that is said here about who may touch what when is raw.h's.
 */
#ifndef TRACE_RAW_SLOTS_H
#define TRACE_RAW_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/raw.h"

struct raw_slots {
	int descriptor;
	unsigned char *raw; /* the file, as far as it is mapped */
	size_t bytes;
	bool is_reader;     /* slots are emptied and handed back */
};

/* Map the file. False with a message: it is no raw trace, or has a reader already. */
bool raw_slots_open(struct raw_slots *slots, const char *path, bool is_reader, char *message,
		    size_t message_bytes);
void raw_slots_close(struct raw_slots *slots);

/* Map what the file has grown by. */
void raw_slots_grow(struct raw_slots *slots);

/* How many slots there are. */
uint32_t raw_slots_count(const struct raw_slots *slots);

struct raw_header *raw_slots_header(const struct raw_slots *slots);
struct raw_slot *raw_slots_get(const struct raw_slots *slots, uint32_t index);

/* The process that empties the file, not this one; 0: none, or it is gone. */
uint32_t raw_slots_other_reader(const struct raw_slots *slots);

/*
 * Copy words [from, end) of a slot, so that a record whose first word is there is whole. In this
 * order: what is behind a word that was 0 may have been written since.
 */
void raw_slot_copy(const struct raw_slot *slot, uint64_t *out, size_t from, size_t end);

/* Make a slot that was read empty, and let the process have it. Only for the reader. */
void raw_slots_give(struct raw_slots *slots, uint32_t index);

/*
 * Does the process of the header still have the file of `descriptor` mapped, so that it may write?
 * Where that cannot be seen, it may.
 */
bool raw_is_written(const struct raw_header *header, int descriptor);

/* The reader will take no more: the process stops, instead of writing for nobody. */
void raw_reader_leave(struct raw_header *header);

/* Wake those who wait for an empty slot. */
void raw_slots_announce(struct raw_slots *slots);

#endif
