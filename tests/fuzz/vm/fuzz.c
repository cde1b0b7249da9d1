/* SPDX-License-Identifier: MIT */
/*
 * Bytes as traces and machines, for a fuzzer that invents bytes.
 *
 *     byte 0, modulo 5
 *     0   the rest is lackey's text: read whole and in pieces, it must be the same
 *     1   the rest is a block of the binary form, as it is
 *     2   the rest is the payload of a block whose header and checksum are right; the first two
 *         bytes of it are the number of accesses: what can be read must be written and read again
 *     3   the rest is accesses of 8 bytes: what is written must be read
 *     4   the rest is a machine: when it is possible, addresses are taken apart and put together
 */
#include "input.h"

#include <string.h>

#include <allot/vm.h>

enum { MODES = 5, ACCESSES = 4096, BYTES_MAX = 1 << 16, HEADER_BYTES = 16 };

static struct vm_access first[ACCESSES], second[ACCESSES];
static uint8_t block[VM_TRACE_BLOCK_BYTES_MAX + HEADER_BYTES];

static bool fail(const char **out_message, const char *message)
{
	*out_message = message;
	return false;
}

static bool same(size_t a_count, size_t b_count)
{
	return a_count == b_count && memcmp(first, second, a_count * sizeof(first[0])) == 0;
}

/* ---- text ---- */

/* Read all of `text`, `piece` bytes more at a time. */
static enum vm_trace_end text_read(const char *text, size_t bytes, size_t piece,
				   struct vm_access *accesses, size_t *out_count, uint64_t *lines)
{
	struct vm_lackey reader = {0};
	enum vm_trace_end end = VM_TRACE_MORE;
	size_t from = 0, until = 0, used, count;
	*out_count = 0;
	do {
		until = bytes - until > piece ? until + piece : bytes;
		end = vm_lackey_read(&reader, text + from, until - from, until == bytes,
				     accesses + *out_count, ACCESSES - *out_count, &used, &count);
		from += used;
		*out_count += count;
	} while (end == VM_TRACE_MORE && until < bytes);
	*lines = reader.lines;
	return end;
}

static bool text_run(const uint8_t *bytes, size_t count, const char **out_message)
{
	const char *text = (const char *)bytes;
	size_t whole, pieces;
	uint64_t whole_lines, pieces_lines;
	enum vm_trace_end end = text_read(text, count, BYTES_MAX, first, &whole, &whole_lines);
	for (size_t piece = 1; piece < 70; piece = piece * 2 + 1) {
		if (text_read(text, count, piece, second, &pieces, &pieces_lines) != end)
			return fail(out_message, "pieces of a text end otherwise");
		if (!same(whole, pieces) || whole_lines != pieces_lines)
			return fail(out_message, "pieces of a text say otherwise");
	}
	return true;
}

/* ---- blocks ---- */

/* The block's checksum, as lib/vm/trace.c describes it. */
static uint32_t sum_of(uint32_t sum, const uint8_t *bytes, size_t count)
{
	uint64_t state = (uint64_t)(uint32_t)(sum + 1);
	size_t i = 0;
	for (; i + 8 <= count; i += 8) {
		uint64_t word = 0;
		for (unsigned b = 0; b < 8; b++)
			word |= (uint64_t)bytes[i + b] << 8 * b;
		state = (state ^ word) * 0x9E3779B97F4A7C15u;
		state ^= state >> 32;
	}
	for (; i < count; i++)
		state = (state ^ bytes[i]) * 0x100000001B3u;
	return (uint32_t)(state ^ state >> 32);
}

static bool again(struct vm_trace_block *read, const char **out_message)
{
	struct vm_trace_block out;
	size_t bytes = vm_trace_block_write(first, read->count, read->thread, block);
	if (vm_trace_block_read(block, bytes, second, &out) != VM_TRACE_FULL ||
	    out.bytes != bytes || out.thread != read->thread)
		return fail(out_message, "a block that was written cannot be read");
	return same(read->count, out.count) || fail(out_message, "a block says otherwise");
}

static bool block_run(const uint8_t *bytes, size_t count, const char **out_message)
{
	struct vm_trace_block read;
	return vm_trace_block_read(bytes, count, first, &read) != VM_TRACE_FULL ||
	       again(&read, out_message);
}

static bool payload_run(const uint8_t *bytes, size_t count, const char **out_message)
{
	struct vm_trace_block read;
	if (count < 2)
		return true;
	uint32_t payload_bytes = (uint32_t)count - 2;
	uint8_t header[HEADER_BYTES] = {0x76, 0x62, bytes[0], bytes[1],
					(uint8_t)payload_bytes, (uint8_t)(payload_bytes >> 8)};
	uint32_t sum = sum_of(sum_of(0, header + 2, 10), bytes + 2, payload_bytes);
	for (unsigned i = 0; i < 4; i++)
		header[12 + i] = (uint8_t)(sum >> 8 * i);
	static uint8_t whole[HEADER_BYTES + BYTES_MAX];
	memcpy(whole, header, sizeof(header));
	memcpy(whole + sizeof(header), bytes + 2, payload_bytes);
	enum vm_trace_end end = vm_trace_block_read(whole, sizeof(header) + payload_bytes, first,
						    &read);
	if (end == VM_TRACE_MORE)
		return fail(out_message, "a whole block is said to be cut");
	if (end == VM_TRACE_DAMAGED && strstr(read.expected, "checksum") != NULL)
		return fail(out_message, "the checksum is not what is described");
	return end == VM_TRACE_DAMAGED || again(&read, out_message);
}

static bool accesses_run(const uint8_t *bytes, size_t count, const char **out_message)
{
	struct vm_trace_block wanted = {.thread = (uint32_t)count};
	for (; count >= 8 && wanted.count < ACCESSES; bytes += 8, count -= 8) {
		uint64_t word;
		memcpy(&word, bytes, sizeof(word));
		struct vm_access *access = &first[wanted.count++];
		access->kind = word & 3;
		access->bytes = (uint32_t)(word >> 2 & 63) + 1;
		access->va = word >> 8 << (word & 8);
	}
	return wanted.count == 0 || again(&wanted, out_message);
}

/* ---- machines ---- */

static bool machine_run(const uint8_t *bytes, size_t count, const char **out_message)
{
	struct vm_geometry g = {.name = "invented"};
	struct vm_split split;
	if (count < 22)
		return true;
	memcpy(&g.page_bytes, bytes, 4);
	g.page_shift = bytes[4];
	g.va_bits = bytes[5];
	g.pa_bits = bytes[6];
	g.level_count = bytes[7];
	memcpy(g.bits, bytes + 8, VM_LEVELS_MAX);
	g.pte_bytes = bytes[13];
	g.size_count = bytes[14];
	g.is_canonical = bytes[15] & 1;
	uint64_t va = 0;
	memcpy(&va, bytes + 16, 6);
	if (!vm_geometry_check(&g, NULL, 0) || !vm_split(&g, va, &split))
		return true;
	return vm_join(&g, split.vpn, split.vpo) == (va & (UINT64_MAX >> (64 - g.va_bits))) ||
	       fail(out_message, "an address is not its parts");
}

bool input_run(const uint8_t *bytes, size_t count, const char **out_message)
{
	if (count == 0 || count > BYTES_MAX)
		return true;
	switch (bytes[0] % MODES) {
	case 0:
		return text_run(bytes + 1, count - 1, out_message);
	case 1:
		return block_run(bytes + 1, count - 1, out_message);
	case 2:
		return payload_run(bytes + 1, count - 1, out_message);
	case 3:
		return accesses_run(bytes + 1, count - 1, out_message);
	default:
		return machine_run(bytes + 1, count - 1, out_message);
	}
}
