/* SPDX-License-Identifier: MIT */
/*
 * Finding a function's description and taking it apart. See cfi.h.
 */
#include "trace/cfi.h"

#include <string.h>

/* Encodings of addresses (Linux Standard Base, "DWARF Extensions"). */
enum {
	ENCODING_OMIT = 0xFF,
	ENCODING_FORMAT = 0x0F,
	ENCODING_BASE = 0x70,
	ENCODING_PC_RELATIVE = 0x10,
	ENCODING_DATA_RELATIVE = 0x30,
	FORMAT_ADDRESS = 0x00,
	FORMAT_UNSIGNED = 0x01,
	FORMAT_UNSIGNED_2 = 0x02,
	FORMAT_UNSIGNED_4 = 0x03,
	FORMAT_UNSIGNED_8 = 0x04,
	FORMAT_SIGNED = 0x09,
	FORMAT_SIGNED_2 = 0x0A,
	FORMAT_SIGNED_4 = 0x0B,
	FORMAT_SIGNED_8 = 0x0C,
	/* The table that linkers make: pairs of 32-bit distances from the header. */
	ENCODING_TABLE = ENCODING_DATA_RELATIVE | FORMAT_SIGNED_4,
};

uint64_t cfi_fixed(struct cfi_bytes *bytes, size_t size)
{
	uint64_t value = 0;
	if ((size_t)(bytes->end - bytes->at) < size) {
		bytes->is_short = true;
		bytes->at = bytes->end;
		return 0;
	}
	memcpy(&value, bytes->at, size);
	bytes->at += size;
	return value;
}

uint8_t cfi_byte(struct cfi_bytes *bytes)
{
	return (uint8_t)cfi_fixed(bytes, 1);
}

void cfi_skip(struct cfi_bytes *bytes, uint64_t count)
{
	if ((uint64_t)(bytes->end - bytes->at) < count) {
		bytes->is_short = true;
		count = (uint64_t)(bytes->end - bytes->at);
	}
	bytes->at += count;
}

enum { LEB_BITS = 7, LEB_MORE = 0x80, LEB_SIGN = 0x40, WORD_BITS = 64 };

/* Both kinds of number; `*out_bits` is how many bits it had, `*out_last` its last byte. */
static uint64_t leb_read(struct cfi_bytes *bytes, unsigned *out_bits, uint8_t *out_last)
{
	uint64_t value = 0;
	unsigned bits = 0;
	uint8_t byte;
	do {
		byte = cfi_byte(bytes);
		if (bits < WORD_BITS)
			value |= (uint64_t)(byte & (LEB_MORE - 1)) << bits;
		bits += LEB_BITS;
	} while ((byte & LEB_MORE) != 0);
	*out_bits = bits;
	*out_last = byte;
	return value;
}

uint64_t cfi_unsigned(struct cfi_bytes *bytes)
{
	unsigned bits;
	uint8_t last;
	return leb_read(bytes, &bits, &last);
}

int64_t cfi_signed(struct cfi_bytes *bytes)
{
	unsigned bits;
	uint8_t last;
	uint64_t value = leb_read(bytes, &bits, &last);
	if (bits < WORD_BITS && (last & LEB_SIGN) != 0)
		value |= ~UINT64_C(0) << bits;
	return (int64_t)value;
}

static uintptr_t format_read(struct cfi_bytes *bytes, uint8_t format)
{
	switch (format) {
	case FORMAT_ADDRESS:
	case FORMAT_UNSIGNED_8:
	case FORMAT_SIGNED_8:
		return cfi_fixed(bytes, 8);
	case FORMAT_UNSIGNED_4:
		return cfi_fixed(bytes, 4);
	case FORMAT_SIGNED_4:
		return (uintptr_t)(int32_t)cfi_fixed(bytes, 4);
	case FORMAT_UNSIGNED_2:
		return cfi_fixed(bytes, 2);
	case FORMAT_SIGNED_2:
		return (uintptr_t)(int16_t)cfi_fixed(bytes, 2);
	case FORMAT_UNSIGNED:
		return cfi_unsigned(bytes);
	case FORMAT_SIGNED:
		return (uintptr_t)cfi_signed(bytes);
	default:
		bytes->is_short = true;
		return 0;
	}
}

uintptr_t cfi_address(struct cfi_bytes *bytes, uint8_t encoding, uintptr_t data_base)
{
	uintptr_t here = (uintptr_t)bytes->at;
	if (encoding == ENCODING_OMIT)
		return 0;
	uintptr_t value = format_read(bytes, encoding & ENCODING_FORMAT);
	switch (encoding & ENCODING_BASE) {
	case ENCODING_PC_RELATIVE:
		return value + here;
	case ENCODING_DATA_RELATIVE:
		return value + data_base;
	default:
		return value;
	}
}

/* The next entry of .eh_frame, without its length: false at the end. */
static bool entry_read(struct cfi_bytes *section, struct cfi_bytes *out_entry)
{
	const uint32_t length_is_64 = UINT32_MAX;
	uint64_t length = cfi_fixed(section, 4);
	if (length == length_is_64)
		length = cfi_fixed(section, 8);
	*out_entry = (struct cfi_bytes){section->at, section->at, false};
	cfi_skip(section, length);
	out_entry->end = section->at;
	return length != 0 && !section->is_short;
}

/* What the letters of a CIE say, in their order; data for them follows if the first is 'z'. */
static bool augmentation_read(struct cfi_bytes *entry, const char *letters, size_t letter_count,
			      struct cfi_function *out)
{
	out->encoding = FORMAT_ADDRESS;
	out->has_augmentation = letter_count > 0 && letters[0] == 'z';
	if (!out->has_augmentation)
		return letter_count == 0;
	uint64_t length = cfi_unsigned(entry);
	struct cfi_bytes data = {entry->at, entry->at, false};
	cfi_skip(entry, length);
	data.end = entry->at;
	for (size_t i = 1; i < letter_count; i++) {
		switch (letters[i]) {
		case 'R':
			out->encoding = cfi_byte(&data);
			break;
		case 'P':
			cfi_address(&data, cfi_byte(&data), 0);
			break;
		case 'L':
			cfi_byte(&data);
			break;
		case 'S':
			out->is_signal = true;
			break;
		case 'B':
		case 'G':
			break;
		default:
			/* Nothing after it can be read; programs can, whose place is told. */
			return !data.is_short;
		}
	}
	return !data.is_short;
}

/* A CIE, behind its id. */
static bool common_read(struct cfi_bytes entry, struct cfi_function *out)
{
	enum { VERSION_1 = 1, VERSION_3 = 3, VERSION_4 = 4 };
	uint8_t version = cfi_byte(&entry);
	const char *letters = (const char *)entry.at;
	size_t letter_count = 0;
	while (cfi_byte(&entry) != 0)
		letter_count++;
	if (version == VERSION_4 &&
	    (cfi_byte(&entry) != sizeof(uintptr_t) || cfi_byte(&entry) != 0))
		return false;
	if (version != VERSION_1 && version != VERSION_3 && version != VERSION_4)
		return false;
	out->code_align = cfi_unsigned(&entry);
	out->data_align = cfi_signed(&entry);
	uint64_t return_register = version == VERSION_1 ? cfi_byte(&entry) : cfi_unsigned(&entry);
	if (return_register != CFI_RETURN ||
	    !augmentation_read(&entry, letters, letter_count, out))
		return false;
	out->start = entry;
	return !entry.is_short;
}

/* An FDE, and the CIE it names. False: it is neither, or is not understood. */
static bool function_read(const struct os_module *module, struct cfi_bytes entry,
			  struct cfi_function *out)
{
	uintptr_t here = (uintptr_t)entry.at;
	uint64_t distance = cfi_fixed(&entry, 4);
	struct cfi_bytes common;
	*out = (struct cfi_function){0};
	if (distance == 0 || here - distance < module->read_begin || here - distance > here)
		return false;
	struct cfi_bytes section = {(const uint8_t *)(here - distance),
				    (const uint8_t *)module->read_end, false};
	if (!entry_read(&section, &common) || cfi_fixed(&common, 4) != 0 ||
	    !common_read(common, out))
		return false;
	out->begin = cfi_address(&entry, out->encoding, 0);
	out->end = out->begin + format_read(&entry, out->encoding & ENCODING_FORMAT);
	if (out->has_augmentation)
		cfi_skip(&entry, cfi_unsigned(&entry));
	out->program = entry;
	return !entry.is_short;
}

static bool function_read_at(const struct os_module *module, uintptr_t at,
			     struct cfi_function *out)
{
	struct cfi_bytes section = {(const uint8_t *)at, (const uint8_t *)module->read_end, false};
	struct cfi_bytes entry;
	return at >= module->read_begin && at < module->read_end && entry_read(&section, &entry) &&
	       function_read(module, entry, out);
}

/* Where the last function that begins at or before `address` is described; 0: nowhere. */
static uintptr_t table_search(const struct os_module *module, const uint8_t *table, size_t count,
			      uintptr_t address)
{
	struct pair { int32_t begin, description; } pair;
	int64_t target = (int64_t)(address - module->unwind_header);
	size_t low = 0;
	while (low < count) {
		size_t middle = low + (count - low) / 2;
		memcpy(&pair, table + middle * sizeof(pair), sizeof(pair));
		if (pair.begin <= target)
			low = middle + 1;
		else
			count = middle;
	}
	if (low == 0)
		return 0;
	memcpy(&pair, table + (low - 1) * sizeof(pair), sizeof(pair));
	return module->unwind_header + (uintptr_t)(intptr_t)pair.description;
}

/* Without a table: all of them, one after the other. */
static bool function_scan(const struct os_module *module, uintptr_t section_begin,
			  uintptr_t address, struct cfi_function *out)
{
	struct cfi_bytes section = {(const uint8_t *)section_begin,
				    (const uint8_t *)module->read_end, false};
	struct cfi_bytes entry;
	if (section_begin < module->read_begin || section_begin >= module->read_end)
		return false;
	while (entry_read(&section, &entry)) {
		if (function_read(module, entry, out) && address >= out->begin &&
		    address < out->end)
			return true;
	}
	return false;
}

bool cfi_function_find(const struct os_module *module, uintptr_t address,
		       struct cfi_function *out_function)
{
	enum { TABLE_VERSION = 1, PAIR_BYTES = 8 };
	if (module->unwind_header == 0)
		return false;
	struct cfi_bytes header = {(const uint8_t *)module->unwind_header,
				   (const uint8_t *)module->read_end, false};
	if (cfi_byte(&header) != TABLE_VERSION)
		return false;
	uint8_t section_encoding = cfi_byte(&header);
	uint8_t count_encoding = cfi_byte(&header);
	uint8_t table_encoding = cfi_byte(&header);
	uintptr_t section = cfi_address(&header, section_encoding, module->unwind_header);
	uintptr_t count = cfi_address(&header, count_encoding, module->unwind_header);
	if (table_encoding != ENCODING_TABLE || count == 0 || header.is_short)
		return function_scan(module, section, address, out_function);
	if (count > (size_t)(header.end - header.at) / PAIR_BYTES)
		return false;
	uintptr_t at = table_search(module, header.at, count, address);
	return at != 0 && function_read_at(module, at, out_function) &&
	       address >= out_function->begin && address < out_function->end;
}
