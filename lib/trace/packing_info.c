/* SPDX-License-Identifier: MIT */
/*
 * Packing, what is said of the recording: once, and its state now and then.
 *
 * A disk that is full has no room to say so. Therefore the first state, at the start of the file,
 * says nothing and is as long as any: when chunks can be written no more it is written again.
 */
#include <string.h>
#include <sys/utsname.h>

#include "base/compiler.h"
#include "trace/forms.h"
#include "trace/packing.h"

void arguments_join(char *out, const char *arguments, size_t bytes)
{
	size_t length = bytes;

	while (length > 0 && arguments[length - 1] == '\0')
		length--;
	for (size_t i = 0; i < length; i++)
		out[i] = arguments[i] == '\0' ? ' ' : arguments[i];
	out[length < bytes ? length : bytes - 1] = '\0';
}

static bool field_text(struct column *content, unsigned which, const char *text, size_t bytes)
{
	return field_put(content, which, text, strnlen(text, bytes));
}

static bool info_numbers(struct column *content, const struct raw_header *header)
{
	const uint64_t numbers[] = {
		[PACKED_INFO_PROCESS] = header->process,
		[PACKED_INFO_PARENT] = header->parent,
		[PACKED_INFO_PARENT_UNITS] = header->parent_ticks >> RAW_TIME_SHIFT,
		[PACKED_INFO_START_TICKS] = header->start_ticks,
		[PACKED_INFO_START_NS] = header->start_ns,
		[PACKED_INFO_START_UNIX_NS] = header->start_unix_ns,
		[PACKED_INFO_PAGE_BYTES] = header->page_bytes,
		[PACKED_INFO_DEPTH] = header->depth,
		[PACKED_INFO_SAMPLE_BYTES] = header->sample_bytes,
		[PACKED_INFO_TAG_BYTES] = header->tag_bytes,
		[PACKED_INFO_HAS_FRONT] = header->has_front,
	};
	bool is_made = true;

	for (unsigned i = PACKED_INFO_PROCESS; i < ARRAY_LEN(numbers) && is_made; i++)
		is_made = field_number(content, i, numbers[i]);
	return is_made;
}

static void info_put(struct packing *packing, const struct raw_header *header)
{
	struct column content = {0};
	struct utsname system;
	char command[RAW_TEXT_BYTES];

	arguments_join(command, header->command, sizeof(command));
	bool is_made = info_numbers(&content, header) &&
		       field_text(&content, PACKED_INFO_STRATEGY, header->strategy,
				  sizeof(header->strategy)) &&
		       field_text(&content, PACKED_INFO_VERSION, header->library_version,
				  sizeof(header->library_version)) &&
		       field_text(&content, PACKED_INFO_COMMAND, command, sizeof(command)) &&
		       field_text(&content, PACKED_INFO_CONF, header->conf, sizeof(header->conf));
	if (is_made && uname(&system) == 0)
		is_made = field_text(&content, PACKED_INFO_HOST, system.nodename,
				     sizeof(system.nodename)) &&
			  field_text(&content, PACKED_INFO_KERNEL, system.release,
				     sizeof(system.release));
	if (is_made)
		packed_write(&packing->writer, PACKED_INFO, &content);
	column_finish(&content);
}

uint64_t packing_lost_events(const struct packing *packing, struct raw_header *header)
{
	uint64_t lost = atomic_load(&header->lost_events) + packing->writer.lost_events +
			packing->damaged_slots;

	return lost == 0 && atomic_load(&header->lost) != RAW_LOST_NOTHING ? 1 : lost;
}

void packing_lost_from(struct packing *packing, uint64_t units)
{
	units += units == 0;
	if (packing->lost_units == 0 || units < packing->lost_units)
		packing->lost_units = units;
}

/* A number in as much room as any number takes. */
static bool field_room(struct column *content, unsigned which, uint64_t number)
{
	unsigned char bytes[VARINT_BYTES_MAX] = {0};
	struct column value = {.bytes = bytes, .capacity = sizeof(bytes)};

	column_varint(&value, number);
	return field_put(content, which, bytes, sizeof(bytes));
}

static bool state_make(struct column *content, struct packing *packing, struct raw_header *header)
{
	uint64_t lost_units = raw_lost_units(header), lost = packing_lost_events(packing, header);

	if (lost_units != 0)
		packing_lost_from(packing, lost_units);
	return field_room(content, PACKED_STATE_LAST_TICKS, atomic_load(&header->last_ticks)) &&
	       field_room(content, PACKED_STATE_LAST_NS, atomic_load(&header->last_ns)) &&
	       field_room(content, PACKED_STATE_IS_ENDED, atomic_load(&header->is_ended)) &&
	       field_room(content, PACKED_STATE_LOST_EVENTS, lost) &&
	       field_room(content, PACKED_STATE_LOST_UNITS, packing->lost_units);
}

void packing_state_write(struct packing *packing, struct raw_header *header)
{
	struct column content = {0};
	bool is_made = state_make(&content, packing, header);

	if (is_made && !packed_write(&packing->writer, PACKED_STATE, &content) &&
	    packing->note_offset != 0)
		packed_write_again(&packing->writer, packing->note_offset, PACKED_STATE, &content);
	column_finish(&content);
}

/* Room for a state to be written when there is no more. Its clock has not run yet. */
static void note_reserve(struct packing *packing)
{
	static const unsigned fields[] = {PACKED_STATE_LAST_TICKS, PACKED_STATE_LAST_NS,
					  PACKED_STATE_IS_ENDED, PACKED_STATE_LOST_EVENTS,
					  PACKED_STATE_LOST_UNITS};
	struct column content = {0};
	uint64_t offset = packing->writer.offset;
	bool is_made = true;

	for (size_t i = 0; i < ARRAY_LEN(fields) && is_made; i++)
		is_made = field_room(&content, fields[i], 0);
	if (is_made && packed_write(&packing->writer, PACKED_STATE, &content))
		packing->note_offset = offset;
	column_finish(&content);
}

void packing_info_write(struct packing *packing, const struct raw_header *header)
{
	info_put(packing, header);
	note_reserve(packing);
}
