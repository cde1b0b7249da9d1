/* SPDX-License-Identifier: MIT */
/*
 * Traces: accesses as text of valgrind's lackey, and as few bytes.
 *
 * The text has one line for an access, its address in hex and its bytes in decimal:
 *
 *	I  04001090,3	fetch
 *	 L 1ffefff8a0,8	load		 S ... store		 M ... load and store
 *
 * The binary form begins with "allotvm" and a zero, then its version, 1, in 8 bytes, low byte
 * first, as all numbers here are. Blocks follow, each a header of 16 bytes and a payload:
 *
 *	0   2 bytes   0x6276           4   4 bytes   bytes of the payload
 *	2   2 bytes   accesses, > 0    8   4 bytes   thread
 *	                              12   4 bytes   checksum of bytes 2 to 11 and the payload
 *
 * (sum_add() computes it: words of 8 bytes, then single ones, each mixed in by a multiplication.)
 * In the payload an access is one byte, then what that asks for:
 *
 *	bits 0-1  kind, as enum vm_kind
 *	a fetch:  bits 2-5  bytes - 1, 15: the bytes follow as a number
 *	          bit 6     0: where the last fetch ended, 1: the distance from there follows
 *	others:   bits 2-3  the base it is near to
 *	          bits 4-6  log2 of its bytes, 7: the bytes follow as a number
 *	          bit 7     0: at the base, 1: the distance from there follows
 *
 * Four bases stand where recent accesses ended; for a store, where the access began if that was a
 * load, as what is loaded is often stored back. An access moves the base it is near to, unless it
 * is far from that, more than 1 KiB: then it moves the one that stands first in turn. Numbers are
 * of seven bits a byte, the low ones first, bit 7 saying that another byte follows; distances have
 * their sign in bit 0. All begins at 0 in each block, so that a block is read without the others.
 */
#include <allot/vm.h>

#include <string.h>

#include "base/bits.h"
#include "base/compiler.h"

/* ---- the text ---- */

enum {
	LINE_BYTES_MAX = 32,     /* of an access, with its newline */
	ADDRESS_DIGITS_MAX = 16,
	COUNT_DIGITS_MAX = 9,
	LINE_PREFIX = 3,         /* characters before the address */
};

static const char lackey_expected[] =
	"an access such as ' L 1ffefff8a0,8' ('I ', ' L', ' S' or ' M', hex address, bytes)";
static const char lackey_cut[] = "the end of this line";

/* The value of a hex digit, or 16. */
ALLOT_INLINE unsigned digit_value(unsigned char c)
{
	unsigned decimal = c - (unsigned)'0';
	unsigned letter = (c | 0x20u) - (unsigned)'a';
	return decimal < 10 ? decimal : letter < 6 ? letter + 10 : 16;
}

/* The kind a line begins with, or VM_KIND_COUNT. */
ALLOT_INLINE unsigned line_kind(const char *line)
{
	if (line[0] == 'I')
		return line[1] == ' ' && line[2] == ' ' ? VM_FETCH : VM_KIND_COUNT;
	if (line[0] != ' ' || line[2] != ' ')
		return VM_KIND_COUNT;
	switch (line[1]) {
	case 'L':
		return VM_LOAD;
	case 'S':
		return VM_STORE;
	case 'M':
		return VM_MODIFY;
	default:
		return VM_KIND_COUNT;
	}
}

/* Parse a line that has LINE_BYTES_MAX readable bytes. Returns its bytes, 0 if it is wrong. */
ALLOT_INLINE size_t line_parse(const char *line, struct vm_access *out)
{
	unsigned kind = line_kind(line);
	const char *p = line + LINE_PREFIX;
	uint64_t va = 0;
	uint32_t bytes = 0;
	unsigned digit;
	if (unlikely(kind == VM_KIND_COUNT))
		return 0;
	for (; (digit = digit_value((unsigned char)*p)) < 16; p++) {
		if (unlikely(p - line >= LINE_PREFIX + ADDRESS_DIGITS_MAX))
			return 0;
		va = va << 4 | digit;
	}
	if (unlikely(p == line + LINE_PREFIX || *p != ','))
		return 0;
	const char *count = ++p;
	for (; (digit = (unsigned char)*p - (unsigned)'0') < 10; p++) {
		if (unlikely(p - count >= COUNT_DIGITS_MAX))
			return 0;
		bytes = bytes * 10 + digit;
	}
	if (unlikely(bytes == 0 || *p != '\n'))
		return 0;
	*out = (struct vm_access){.va = va, .bytes = bytes, .kind = kind};
	return (size_t)(p + 1 - line);
}
static_assert(LINE_PREFIX + ADDRESS_DIGITS_MAX + 1 + COUNT_DIGITS_MAX + 1 <= LINE_BYTES_MAX,
	      "no character beyond is looked at");

/* As line_parse(), of a line that may be shorter than that, with its newline. */
static ALLOT_OUTLINE size_t line_parse_last(const char *line, size_t count, struct vm_access *out)
{
	char padded[LINE_BYTES_MAX] = {0};
	memcpy(padded, line, size_min(count, LINE_BYTES_MAX));
	return line_parse(padded, out);
}

/* valgrind's own lines, "==1234== words" or "--1234-- words", and empty ones. */
static bool is_remark(const char *line, size_t count)
{
	return line[0] == '\n' || (count >= 2 && (line[0] == '=' || line[0] == '-') &&
				   line[0] == line[1]);
}

enum vm_trace_end vm_lackey_read(struct vm_lackey *reader, const char *text, size_t text_bytes,
				 bool is_last, struct vm_access *accesses, size_t capacity,
				 size_t *out_used, size_t *out_count)
{
	size_t used = 0, count = 0;
	enum vm_trace_end end = VM_TRACE_MORE;
	while (used < text_bytes) {
		const char *line = text + used;
		size_t left = text_bytes - used;
		size_t bytes = 0;
		if (count == capacity) {
			end = VM_TRACE_FULL;
			break;
		}
		if (likely(left >= LINE_BYTES_MAX))
			bytes = line_parse(line, &accesses[count]);
		if (likely(bytes > 0)) {
			used += bytes;
			count++;
			reader->lines++;
			continue;
		}
		const char *newline = memchr(line, '\n', left);
		if (newline == NULL) {
			bool is_hopeless = left >= LINE_BYTES_MAX && !is_remark(line, left);
			if (!is_last && !is_hopeless)
				break;
			reader->expected = is_hopeless ? lackey_expected : lackey_cut;
			end = VM_TRACE_DAMAGED;
			break;
		}
		size_t line_bytes = (size_t)(newline + 1 - line);
		if (left < LINE_BYTES_MAX)
			bytes = line_parse_last(line, line_bytes, &accesses[count]);
		if (bytes == 0 && !is_remark(line, line_bytes)) {
			reader->expected = lackey_expected;
			end = VM_TRACE_DAMAGED;
			break;
		}
		count += bytes > 0;
		used += line_bytes;
		reader->lines++;
	}
	*out_used = used;
	*out_count = count;
	return end;
}

/* ---- the binary form ---- */

enum {
	VERSION = 1,
	MAGIC_BYTES = 8,
	BLOCK_MAGIC = 0x6276,
	BLOCK_HEADER_BYTES = 16,
	KIND_MASK = 3,
	FETCH_SIZE_SHIFT = 2,
	FETCH_SIZE_MASK = 15,
	FETCH_JUMP = 1 << 6,
	FETCH_UNUSED = 1 << 7,
	BASE_SHIFT = 2,
	BASE_MASK = VM_TRACE_BASES - 1,
	SIZE_SHIFT = 4,
	SIZE_MASK = 7,
	AWAY = 1 << 7,
	NUMBER_BITS = 7,
	NUMBER_MORE = 1 << 7,
	NUMBER_BYTES_MAX = 10,
	FAR_BYTES = 1 << 10,
};

static const char magic[MAGIC_BYTES] = "allotvm";

/* Where the access of a base began and ended. */
struct base {
	uint64_t begin, end;
	bool is_load;
};

/* What writer and reader of a block both know. */
struct bases {
	uint64_t fetch;  /* where the last one ended */
	struct base data[VM_TRACE_BASES];
	unsigned turn;   /* the base an access far from all of them moves */
};

static void number_put(uint8_t **at, uint64_t value)
{
	for (; value >= NUMBER_MORE; value >>= NUMBER_BITS)
		*(*at)++ = (uint8_t)(value | NUMBER_MORE);
	*(*at)++ = (uint8_t)value;
}

/* False: there is no whole number before `end`. */
static bool number_take(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < NUMBER_BYTES_MAX && *at < end; i++) {
		uint8_t byte = *(*at)++;
		value |= (uint64_t)(byte & (NUMBER_MORE - 1)) << (i * NUMBER_BITS);
		if (byte & NUMBER_MORE)
			continue;
		*out = value;
		return true;
	}
	return false;
}

/* A distance with its sign in bit 0, and back. */
static uint64_t distance_fold(uint64_t distance)
{
	return distance << 1 ^ (uint64_t)((int64_t)distance >> 63);
}

static uint64_t distance_unfold(uint64_t folded)
{
	return folded >> 1 ^ (0 - (folded & 1));
}

static uint64_t distance_length(uint64_t distance)
{
	return (int64_t)distance < 0 ? 0 - distance : distance;
}

/* Where an access of `kind` is expected by a base. */
static uint64_t base_expects(const struct base *base, unsigned kind)
{
	return kind == VM_STORE && base->is_load ? base->begin : base->end;
}

static void base_move(struct bases *bases, unsigned base, uint64_t distance,
		      const struct vm_access *access)
{
	if (distance_length(distance) > FAR_BYTES) {
		base = bases->turn;
		bases->turn = (bases->turn + 1) % VM_TRACE_BASES;
	}
	bases->data[base] = (struct base){
		access->va, access->va + access->bytes, access->kind == VM_LOAD};
}

static unsigned base_nearest(const struct bases *bases, uint64_t va, unsigned kind)
{
	uint64_t least = distance_length(va - base_expects(&bases->data[0], kind));
	unsigned nearest = 0;
	for (unsigned i = 1; i < VM_TRACE_BASES; i++) {
		uint64_t length = distance_length(va - base_expects(&bases->data[i], kind));
		nearest = length < least ? i : nearest;
		least = length < least ? length : least;
	}
	return nearest;
}

static void fetch_put(struct bases *bases, uint8_t **at, uint64_t va, uint32_t bytes)
{
	unsigned size = bytes - 1 < FETCH_SIZE_MASK ? bytes - 1 : FETCH_SIZE_MASK;
	uint64_t distance = va - bases->fetch;
	*(*at)++ = (uint8_t)(VM_FETCH | size << FETCH_SIZE_SHIFT |
			     (distance != 0 ? FETCH_JUMP : 0));
	if (size == FETCH_SIZE_MASK)
		number_put(at, bytes);
	if (distance != 0)
		number_put(at, distance_fold(distance));
	bases->fetch = va + bytes;
}

static void data_put(struct bases *bases, uint8_t **at, const struct vm_access *access)
{
	bool is_short = is_pow2(access->bytes) && log2_floor(access->bytes) < SIZE_MASK;
	unsigned size = is_short ? log2_floor(access->bytes) : SIZE_MASK;
	unsigned base = base_nearest(bases, access->va, access->kind);
	uint64_t distance = access->va - base_expects(&bases->data[base], access->kind);
	*(*at)++ = (uint8_t)(access->kind | base << BASE_SHIFT | size << SIZE_SHIFT |
			     (distance != 0 ? AWAY : 0));
	if (!is_short)
		number_put(at, access->bytes);
	if (distance != 0)
		number_put(at, distance_fold(distance));
	base_move(bases, base, distance, access);
}

static void u16_put(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

static void u32_put(uint8_t *at, uint32_t value)
{
	u16_put(at, value);
	u16_put(at + 2, value >> 16);
}

static uint32_t u16_get(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 8;
}

static uint32_t u32_get(const uint8_t *at)
{
	return u16_get(at) | u16_get(at + 2) << 16;
}

/* A sum that changes with every byte and its place. */
static uint32_t sum_add(uint32_t sum, const uint8_t *bytes, size_t count)
{
	uint64_t state = (uint32_t)(sum + 1);
	uint64_t word;
	for (; count >= sizeof(word); bytes += sizeof(word), count -= sizeof(word)) {
		word = u32_get(bytes) | (uint64_t)u32_get(bytes + 4) << 32;
		state = (state ^ word) * 0x9E3779B97F4A7C15u;
		state ^= state >> 32;
	}
	for (; count > 0; count--)
		state = (state ^ *bytes++) * 0x100000001B3u;
	return (uint32_t)(state ^ state >> 32);
}

static uint32_t block_sum(const uint8_t *block, size_t payload_bytes)
{
	enum { FIRST = 2, END = 12 };
	return sum_add(sum_add(0, block + FIRST, END - FIRST), block + BLOCK_HEADER_BYTES,
		       payload_bytes);
}

void vm_trace_header_write(uint8_t header[VM_TRACE_HEADER_BYTES])
{
	memset(header, 0, VM_TRACE_HEADER_BYTES);
	memcpy(header, magic, MAGIC_BYTES);
	header[MAGIC_BYTES] = VERSION;
}

bool vm_trace_header_check(const uint8_t *bytes, size_t count, const char **out_expected)
{
	uint8_t header[VM_TRACE_HEADER_BYTES];
	vm_trace_header_write(header);
	if (count < VM_TRACE_HEADER_BYTES || memcmp(bytes, magic, MAGIC_BYTES) != 0)
		*out_expected = "a trace that begins with 'allotvm'";
	else if (memcmp(bytes, header, VM_TRACE_HEADER_BYTES) != 0)
		*out_expected = "version 1 of the form";
	else
		return true;
	return false;
}

size_t vm_trace_block_write(const struct vm_access *accesses, size_t count, uint32_t thread,
			    uint8_t *out)
{
	struct bases bases = {0};
	uint8_t *at = out + BLOCK_HEADER_BYTES;
	assert(count > 0 && count <= VM_TRACE_BLOCK_ACCESSES);
	for (size_t i = 0; i < count; i++) {
		struct vm_access access = accesses[i];
		access.bytes += access.bytes == 0;
		if (access.kind == VM_FETCH)
			fetch_put(&bases, &at, access.va, access.bytes);
		else
			data_put(&bases, &at, &access);
	}
	size_t payload_bytes = (size_t)(at - out) - BLOCK_HEADER_BYTES;
	u16_put(out, BLOCK_MAGIC);
	u16_put(out + 2, (uint32_t)count);
	u32_put(out + 4, (uint32_t)payload_bytes);
	u32_put(out + 8, thread);
	u32_put(out + 12, block_sum(out, payload_bytes));
	return BLOCK_HEADER_BYTES + payload_bytes;
}

/* The bytes of an access, as a number behind its first byte. */
static bool size_take(const uint8_t **at, const uint8_t *end, uint32_t *out)
{
	uint64_t bytes;
	if (!number_take(at, end, &bytes) || bytes == 0 || bytes > UINT32_MAX)
		return false;
	*out = (uint32_t)bytes;
	return true;
}

static bool fetch_take(struct bases *bases, unsigned first, const uint8_t **at, const uint8_t *end,
		       struct vm_access *out)
{
	unsigned size = first >> FETCH_SIZE_SHIFT & FETCH_SIZE_MASK;
	uint64_t folded = 0;
	out->kind = VM_FETCH;
	out->bytes = size + 1;
	if (first & FETCH_UNUSED)
		return false;
	if (size == FETCH_SIZE_MASK && !size_take(at, end, &out->bytes))
		return false;
	if ((first & FETCH_JUMP) && !number_take(at, end, &folded))
		return false;
	out->va = bases->fetch + distance_unfold(folded);
	bases->fetch = out->va + out->bytes;
	return true;
}

static bool data_take(struct bases *bases, unsigned first, const uint8_t **at, const uint8_t *end,
		      struct vm_access *out)
{
	unsigned size = first >> SIZE_SHIFT & SIZE_MASK;
	unsigned base = first >> BASE_SHIFT & BASE_MASK;
	uint64_t folded = 0;
	out->kind = first & KIND_MASK;
	out->bytes = (uint32_t)1 << size;
	if (size == SIZE_MASK && !size_take(at, end, &out->bytes))
		return false;
	if ((first & AWAY) && !number_take(at, end, &folded))
		return false;
	out->va = base_expects(&bases->data[base], out->kind) + distance_unfold(folded);
	base_move(bases, base, distance_unfold(folded), out);
	return true;
}

static bool payload_read(const uint8_t *at, const uint8_t *end, struct vm_access *accesses,
			 uint32_t count)
{
	struct bases bases = {0};
	for (uint32_t i = 0; i < count; i++) {
		if (at >= end)
			return false;
		unsigned first = *at++;
		bool is_whole = (first & KIND_MASK) == VM_FETCH
					? fetch_take(&bases, first, &at, end, &accesses[i])
					: data_take(&bases, first, &at, end, &accesses[i]);
		if (!is_whole)
			return false;
	}
	return at == end;
}

enum vm_trace_end vm_trace_block_read(const uint8_t *bytes, size_t count,
				      struct vm_access *accesses, struct vm_trace_block *out)
{
	*out = (struct vm_trace_block){0};
	if (count < BLOCK_HEADER_BYTES)
		return VM_TRACE_MORE;
	size_t payload_bytes = u32_get(bytes + 4);
	uint32_t access_count = u16_get(bytes + 2);
	if (u16_get(bytes) != BLOCK_MAGIC || access_count == 0 ||
	    access_count > VM_TRACE_BLOCK_ACCESSES ||
	    payload_bytes > VM_TRACE_BLOCK_BYTES_MAX - BLOCK_HEADER_BYTES) {
		out->expected = "the beginning of a block";
		return VM_TRACE_DAMAGED;
	}
	if (count - BLOCK_HEADER_BYTES < payload_bytes)
		return VM_TRACE_MORE;
	if (u32_get(bytes + 12) != block_sum(bytes, payload_bytes)) {
		out->expected = "a block as its checksum says";
		return VM_TRACE_DAMAGED;
	}
	const uint8_t *payload = bytes + BLOCK_HEADER_BYTES;
	if (!payload_read(payload, payload + payload_bytes, accesses, access_count)) {
		out->expected = "as many accesses as the block's header says";
		return VM_TRACE_DAMAGED;
	}
	out->thread = u32_get(bytes + 8);
	out->count = access_count;
	out->bytes = BLOCK_HEADER_BYTES + payload_bytes;
	return VM_TRACE_FULL;
}
