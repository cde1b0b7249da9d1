/* SPDX-License-Identifier: MIT */
/*
 * Packing: slots of a raw file, in their order, as a packed file. What trace/packer.c does between
 * the two files.
 */
#ifndef TRACE_PACKING_H
#define TRACE_PACKING_H

#include <allot/trace_file.h>

#include "trace/packed_write.h"
#include "trace/raw_decode.h"

/* A stream that was seen. */
struct packing_stream {
	uint32_t stream;
	struct raw_decoder *decoder;
	struct pack *pack; /* the chunk being filled, or NULL */
	uint64_t turn;     /* when it was last added to */
	uint64_t begun_ns; /* when the chunk was */
};

struct packing {
	struct packed_writer writer;
	int descriptor;
	uint64_t start_ticks;
	struct packing_stream *streams; /* by number */
	size_t stream_count, stream_capacity;
	size_t pack_count;
	uint64_t turn;
	uint64_t noted_ns;              /* when the state was last written */
	struct raw_listener listener;
	struct column frames;           /* not written yet */
	uint32_t last_frame, last_parent;
	uint64_t last_address;
	uint64_t note_offset;           /* of the chunk that is written again when writes fail */
	uint64_t lost_units;            /* since the start: the first of what was lost, or 0 */
	uint64_t damaged_slots;
	const char *lost_why;           /* the first reason, or "" */
	struct trace_record records[TRACE_BATCH];
};

/* Make the output and write what the header says. False with a message: nothing was made. */
bool packing_open(struct packing *packing, const char *path, bool is_overwritten,
		  const struct raw_header *header, char *message, size_t message_bytes);
void packing_close(struct packing *packing);

/* Pack a slot. How many bytes of it were used. */
size_t packing_slot(struct packing *packing, const struct raw_slot *slot, size_t bytes);

/* Write what has been waiting for long. Now and then. */
void packing_note(struct packing *packing, struct raw_header *header);

/* Pack all slots of a raw file. False: out of memory. */
bool packing_file(struct packing *packing, int raw_descriptor);

/* Write the rest and the index. */
void packing_finish(struct packing *packing, struct raw_header *header, struct trace_packed *out);

/* In trace/packing_info.c. What the header says, at the start of the file. */
void packing_info_write(struct packing *packing, const struct raw_header *header);
/* How far the recording is, and what it lacks. */
void packing_state_write(struct packing *packing, struct raw_header *header);
/* Events are missing from there on, in units since the start. */
void packing_lost_from(struct packing *packing, uint64_t units);
uint64_t packing_lost_events(const struct packing *packing, struct raw_header *header);

/* Arguments each ended by a 0, with blanks between, into `out` of the same size, ended by a 0. */
void arguments_join(char *out, const char *arguments, size_t bytes);

#endif
