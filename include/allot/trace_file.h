/* SPDX-License-Identifier: MIT */
/*
 * allot/trace_file: writing trace files: packing what a process records, and other forms.
 *
 * A recorded process writes a raw file (trace:FILE in ALLOT_CONF). A packer follows it while the
 * process runs, or takes it afterwards, and writes the packed form: about half a byte an event,
 * in chunks that can be read each by itself, with an index at the end. allot/trace.h reads both.
 *
 * Functions are for one thread at a time for each packer. Nothing here prints; failures come as one
 * line in `message`, of at most 512 bytes.
 */
#ifndef ALLOT_TRACE_FILE_H
#define ALLOT_TRACE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* ---- packing ------------------------------------------------------------------------------ */

struct trace_packer;

/* What a packed file's events take, by what is said of them. */
struct trace_column {
	const char *name;
	uint64_t plain_bytes;  /* before compression */
	uint64_t stored_bytes; /* in the file */
};

enum { TRACE_COLUMNS_MAX = 16 };

struct trace_packed {
	uint64_t event_count;
	uint64_t file_bytes;
	uint64_t lost_events;   /* at least so many could not be written, here or by the process */
	const char *lost_why;   /* the first reason, or "" */
	int output_error;       /* errno of writing the file, or 0 */
	bool is_complete;       /* the process's end was seen */
	size_t column_count;
	struct trace_column columns[TRACE_COLUMNS_MAX];
	uint64_t other_bytes;   /* of the file: frames, modules, heads, index */
};

/* What a raw file says of its process, before anything is packed. */
struct trace_raw_info {
	uint32_t process, parent;
	uint64_t start_ticks; /* of the machine's clock, when the recording began */
	bool is_ended;      /* in order, or the process became another program */
	const char *command; /* valid while the packer is open; arguments separated by blanks */
};

/*
 * Follow the raw file at `raw_path`, which a process may be writing, into the new file
 * `output_path`. From then on the process empties its memory only as fast as this takes it.
 * An existing output is an error, unless `is_overwritten`. NULL with a message: the raw file is
 * none, or the output cannot be made; then nothing was changed.
 */
struct trace_packer *trace_packer_open(const char *raw_path, const char *output_path,
				       bool is_overwritten, char *message, size_t message_bytes);
void trace_packer_info(const struct trace_packer *packer, struct trace_raw_info *out);

/*
 * Pack what the process has ready, and hand the room back to it. How many bytes of raw records that
 * was: with 0, wait a little before the next call. An output that cannot be written (a full disk)
 * is no failure: the process goes on, and what is lost is counted.
 */
size_t trace_packer_step(struct trace_packer *packer);

/* The process became another program, which is an end that it cannot tell of itself. */
void trace_packer_replace(struct trace_packer *packer);

/*
 * The process has ended, however: take the rest, write the index, and say what became of it. The
 * raw file stays the caller's to remove. A process that has not ended records no more from here on,
 * which counts as a loss.
 */
void trace_packer_finish(struct trace_packer *packer, struct trace_packed *out);

/* Give everything back; what was not finished is readable as far as it was written. The process, if
 * it lives, records no more: without a reader its file would grow for ever. */
void trace_packer_close(struct trace_packer *packer);

/*
 * Pack the raw file at `raw_path`, of a process that has ended. The raw file is only read. False
 * with a message. Damage is skipped, and counted as lost.
 */
bool trace_pack(const char *raw_path, const char *output_path, bool is_overwritten,
		struct trace_packed *out, char *message, size_t message_bytes);

/* ---- following ---------------------------------------------------------------------------- */

struct trace;

enum trace_follow_how {
	/* Give its room back to the process: nothing of what was read stays in the file. */
	TRACE_FOLLOW_EMPTY,
	/* Only read. What another reader takes first is missing. */
	TRACE_FOLLOW_WATCH,
};

struct trace_follow_state {
	uint32_t process;
	uint32_t reader;         /* another process that empties the file; 0: none */
	bool is_ended;           /* the process said that it ended */
	uint64_t missed_slots;   /* taken by another reader, before or since this one began */
	uint64_t skipped_events; /* allocations and frees left out because this one fell behind */
	uint64_t lost_events;    /* that the process could not write */
	const char *lost_why;    /* why, or "" */
	uint64_t waiting_bytes;  /* of raw records, that were there at the last step */
	uint64_t now;            /* ns since the recording began, at the last step */
};

/*
 * Follow the raw file at `path` while its process writes it. The trace is read as any other, but
 * trace_next() returns TRACE_WAIT where nothing more is there yet: then, after a while, call
 * trace_follow_step() and go on. Frames, modules and threads become more with every event; a stack
 * may be known before its frames are, for a moment. There is no rewinding.
 *
 * TRACE_FOLLOW_EMPTY: the process waits for a reader that does not keep up; so as not to hold it up
 * for long, most events are only counted then (skipped_events). NULL with a message: it is no raw
 * trace, or another process empties it already.
 */
struct trace *trace_follow(const char *path, enum trace_follow_how how, char *message,
			   size_t message_bytes);

/* Look what the process has written since. `is_end`: it has ended, and the rest is what is there:
 * trace_next() will return TRACE_END. */
void trace_follow_step(struct trace *trace, bool is_end);

/* Of a trace that is followed. */
void trace_follow_state_get(const struct trace *trace, struct trace_follow_state *out);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
