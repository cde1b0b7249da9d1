/* SPDX-License-Identifier: MIT */
/*
 * Text input: lines of a file that may be compressed. See text_input.h.
 */
#include "trace/text_input.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "trace/forms.h"

enum {
	STORED_BYTES = 64 * 1024,
	LINE_BYTES_MAX = 1 << 20,
	GZIP_WINDOW = 15 + 32, /* zlib's largest window, and it looks for gzip's or its own head */
};

enum compression { PLAIN, GZIP, ZSTD };

struct text_input {
	int descriptor;
	uint64_t offset;      /* of the file, read so far */
	enum compression compression;
	z_stream gzip;
	ZSTD_DCtx *zstd;
	unsigned char stored[STORED_BYTES];
	size_t stored_next, stored_count;
	char *plain;          /* expanded, not given out yet */
	size_t next, count, capacity;
	bool is_at_end, is_whole;
	const char *damage;
};

static enum compression compression_of(const unsigned char *head, size_t bytes)
{
	if (bytes >= 4 && memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0)
		return ZSTD;
	if (bytes >= 2 && memcmp(head, "\x1f\x8b", 2) == 0)
		return GZIP;
	return PLAIN;
}

struct text_input *text_input_open(int descriptor)
{
	struct text_input *input = calloc(1, sizeof(*input));

	if (input == NULL)
		return NULL;
	input->descriptor = descriptor;
	input->is_whole = true;
	input->stored_count = file_read(descriptor, input->stored, STORED_BYTES, 0);
	input->offset = input->stored_count;
	input->compression = compression_of(input->stored, input->stored_count);
	bool is_ready = true;
	if (input->compression == GZIP)
		is_ready = inflateInit2(&input->gzip, GZIP_WINDOW) == Z_OK;
	if (input->compression == ZSTD)
		is_ready = (input->zstd = ZSTD_createDCtx()) != NULL;
	if (is_ready)
		return input;
	free(input);
	return NULL;
}

void text_input_close(struct text_input *input)
{
	if (input == NULL)
		return;
	if (input->compression == GZIP)
		inflateEnd(&input->gzip);
	ZSTD_freeDCtx(input->zstd);
	free(input->plain);
	free(input);
}

/* ---- expanding ---------------------------------------------------------------------------- */

static void fail(struct text_input *input, const char *damage)
{
	input->damage = damage;
	input->is_at_end = true;
}

static void gzip_expand(struct text_input *input, char *out, size_t room, size_t *out_count)
{
	z_stream *gzip = &input->gzip;

	gzip->next_in = input->stored + input->stored_next;
	gzip->avail_in = (uInt)(input->stored_count - input->stored_next);
	gzip->next_out = (Bytef *)out;
	gzip->avail_out = (uInt)room;
	int status = inflate(gzip, Z_NO_FLUSH);
	*out_count = room - gzip->avail_out;
	input->stored_next = input->stored_count - gzip->avail_in;
	input->is_whole = status == Z_STREAM_END;
	if (status == Z_STREAM_END)
		inflateReset(gzip);
	else if (status != Z_OK && status != Z_BUF_ERROR)
		fail(input, "the compressed data is damaged");
}

static void zstd_expand(struct text_input *input, char *out, size_t room, size_t *out_count)
{
	ZSTD_inBuffer from = {input->stored, input->stored_count, input->stored_next};
	ZSTD_outBuffer to = {out, room, 0};
	size_t status = ZSTD_decompressStream(input->zstd, &to, &from);

	*out_count = to.pos;
	input->stored_next = from.pos;
	input->is_whole = status == 0;
	if (ZSTD_isError(status))
		fail(input, "the compressed data is damaged");
}

static void plain_take(struct text_input *input, char *out, size_t room, size_t *out_count)
{
	size_t count = input->stored_count - input->stored_next;

	*out_count = count < room ? count : room;
	memcpy(out, input->stored + input->stored_next, *out_count);
	input->stored_next += *out_count;
}

/* Expand more behind what is there. False at the end. */
static bool more_read(struct text_input *input)
{
	size_t got = 0;

	while (got == 0 && !input->is_at_end) {
		if (input->stored_next == input->stored_count) {
			input->stored_next = 0;
			input->stored_count = file_read(input->descriptor, input->stored,
							STORED_BYTES, input->offset);
			input->offset += input->stored_count;
		}
		if (input->stored_count == 0) {
			fail(input, input->is_whole ? NULL : "the compressed data is cut off");
			break;
		}
		char *out = input->plain + input->count;
		size_t room = input->capacity - input->count;
		if (input->compression == GZIP)
			gzip_expand(input, out, room, &got);
		else if (input->compression == ZSTD)
			zstd_expand(input, out, room, &got);
		else
			plain_take(input, out, room, &got);
	}
	input->count += got;
	return got > 0;
}

/* Make room behind what is there: by moving it, or by growing. False: a line is too long. */
static bool room_make(struct text_input *input)
{
	if (input->next > 0) {
		memmove(input->plain, input->plain + input->next, input->count - input->next);
		input->count -= input->next;
		input->next = 0;
	}
	if (input->count < input->capacity)
		return true;
	size_t capacity = input->capacity == 0 ? STORED_BYTES : input->capacity * 2;
	if (capacity > LINE_BYTES_MAX)
		return false;
	char *grown = realloc(input->plain, capacity + 1);
	if (grown == NULL)
		return false;
	input->plain = grown;
	input->capacity = capacity;
	return true;
}

char *text_input_line(struct text_input *input)
{
	size_t searched = 0;

	for (;;) {
		char *line = input->plain + input->next;
		size_t left = input->count - input->next;
		char *end = left > searched ? memchr(line + searched, '\n', left - searched) : NULL;
		if (end == NULL) {
			searched = left;
			if (room_make(input) && more_read(input))
				continue;
			if (left == 0)
				return NULL;
			/* The last line has no end, or it is cut. */
			end = input->plain + input->count;
			line = input->plain + input->next;
			input->next = input->count;
		} else {
			input->next += (size_t)(end - line) + 1;
		}
		*end = '\0';
		if (end > line && end[-1] == '\r')
			end[-1] = '\0';
		return line;
	}
}

const char *text_input_damage(const struct text_input *input)
{
	return input->damage;
}

size_t text_input_head(int descriptor, char *out, size_t bytes)
{
	struct text_input *input = text_input_open(descriptor);
	size_t count = 0;

	if (input == NULL)
		return 0;
	if (room_make(input) && more_read(input))
		count = input->count < bytes ? input->count : bytes;
	if (count > 0)
		memcpy(out, input->plain, count);
	text_input_close(input);
	return count;
}
