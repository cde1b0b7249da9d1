/* SPDX-License-Identifier: MIT */
/*
 * Exports as heaptrack's interpreter writes its data, version 3: events in order, and before each
 * what it is the first to need.
 *
 *   s LENGTH TEXT                        a text, from 1 on
 *   i ADDRESS MODULE [FUNCTION FILE LINE]... a place in code and the functions put into it
 *   t PLACE PARENT                       a frame; its parent is another one, 0: none
 *   a BYTES FRAME                        a kind of allocation, from 0 on
 *   + KIND   - KIND                      one comes, one goes
 *   c MILLISECONDS   R PAGES             the time; what is resident of the process
 *
 * Numbers are hexadecimal. heaptrack's peak is that of the bytes requested, as ours. What it does
 * not know (usable bytes, threads, alignment, places of blocks) is left out.
 */
#include "export.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "room.h"
#include "text_table.h"

enum {
	FORMAT_HEAPTRACK = 0x10400, /* the version of heaptrack that writes this form */
	FORMAT_VERSION = 3,
	NS_PER_MS = 1000000,
	TIME_STEP_MS = 10,          /* how often heaptrack writes the time */
	SLOTS_MIN = 1024,
};

/* A kind of allocation. */
struct kind {
	uint64_t bytes;
	uint32_t stack;
};

struct heaptrack {
	struct export *export;
	FILE *out;
	const struct trace_info *info;
	struct text_table texts;
	uint32_t *place_of, *frame_of; /* numbers from 1 on, by place and by frame; 0: none yet */
	size_t place_room, frame_room;
	uint32_t place_count, frame_count;
	uint32_t *pending;             /* frames on the way to one that has a number */
	size_t pending_room;
	struct kind *kinds;
	size_t kind_count, kind_room;
	uint32_t *slots;               /* index of a kind + 1; 0: empty */
	size_t slot_count;
	uint32_t *kind_of;             /* by a live block's number */
	size_t kind_of_room;
	uint64_t time_ms;
};

/* The number of a text, which is written when it is new; 0 for "". */
static uint32_t text_number(struct heaptrack *heaptrack, const char *text)
{
	size_t known = heaptrack->texts.count;

	if (text[0] == '\0')
		return 0;
	uint32_t number = text_table_add(&heaptrack->texts, text);
	if (number == known)
		fprintf(heaptrack->out, "s %zx %s\n", strlen(text), text);
	return number + 1;
}

static const char *module_path(const struct export *export, const struct symbols_place *place)
{
	if (place->module == SIZE_MAX)
		return "";
	return symbols_path(export->symbols, trace_module_get(export->trace, place->module)->path);
}

static uint32_t place_number(struct heaptrack *heaptrack, uint32_t frame)
{
	const struct symbols_place *place = symbols_place(heaptrack->export->symbols, frame);
	uint32_t texts[3];

	heaptrack->place_of = room_grow(heaptrack->place_of, &heaptrack->place_room,
					(size_t)place->number + 1, sizeof(*heaptrack->place_of));
	if (heaptrack->place_of[place->number] != 0)
		return heaptrack->place_of[place->number];

	/* Texts first: they are lines of their own. */
	texts[0] = text_number(heaptrack, module_path(heaptrack->export, place));
	for (size_t i = 0; place->is_named && i < place->function_count; i++) {
		text_number(heaptrack, place->functions[i].function);
		text_number(heaptrack, place->functions[i].file);
	}
	fprintf(heaptrack->out, "i %" PRIx64 " %" PRIx32, place->address, texts[0]);
	for (size_t i = 0; place->is_named && i < place->function_count; i++) {
		texts[1] = text_number(heaptrack, place->functions[i].function);
		texts[2] = text_number(heaptrack, place->functions[i].file);
		fprintf(heaptrack->out, " %" PRIx32 " %" PRIx32 " %" PRIx32, texts[1], texts[2],
			place->functions[i].line);
	}
	fputc('\n', heaptrack->out);
	return heaptrack->place_of[place->number] = ++heaptrack->place_count;
}

/* The number of a frame; it and the frames around it are written when they are new. */
static uint32_t frame_number(struct heaptrack *heaptrack, uint32_t frame)
{
	uint32_t number = 0;
	size_t count = 0;

	if (frame >= trace_frame_count(heaptrack->export->trace))
		return 0;
	for (; frame != 0; frame = symbols_caller(heaptrack->export->symbols, frame)) {
		heaptrack->frame_of = room_grow(heaptrack->frame_of, &heaptrack->frame_room,
						(size_t)frame + 1, sizeof(*heaptrack->frame_of));
		number = heaptrack->frame_of[frame];
		if (number != 0)
			break;
		heaptrack->pending = room_grow(heaptrack->pending, &heaptrack->pending_room,
					       count + 1, sizeof(*heaptrack->pending));
		heaptrack->pending[count++] = frame;
	}
	while (count > 0) {
		frame = heaptrack->pending[--count];
		uint32_t place = place_number(heaptrack, frame);

		fprintf(heaptrack->out, "t %" PRIx32 " %" PRIx32 "\n", place, number);
		number = heaptrack->frame_of[frame] = ++heaptrack->frame_count;
	}
	return number;
}

/* ---- kinds of allocations ----------------------------------------------------------------- */

static uint32_t *slot_find(const struct heaptrack *heaptrack, const struct kind *kind)
{
	uint64_t hash = (kind->bytes * UINT64_C(0x9e3779b97f4a7c15) ^ kind->stack) *
			UINT64_C(0x9e3779b97f4a7c15);
	size_t i = hash >> 32 & (heaptrack->slot_count - 1);

	for (; heaptrack->slots[i] != 0; i = (i + 1) & (heaptrack->slot_count - 1)) {
		const struct kind *other = &heaptrack->kinds[heaptrack->slots[i] - 1];

		if (other->bytes == kind->bytes && other->stack == kind->stack)
			break;
	}
	return &heaptrack->slots[i];
}

static void slots_grow(struct heaptrack *heaptrack)
{
	if (2 * (heaptrack->kind_count + 1) < heaptrack->slot_count)
		return;
	free(heaptrack->slots);
	heaptrack->slot_count = heaptrack->slot_count == 0 ? SLOTS_MIN : 2 * heaptrack->slot_count;
	heaptrack->slots = room_take(heaptrack->slot_count, sizeof(*heaptrack->slots));
	for (size_t i = 0; i < heaptrack->kind_count; i++)
		*slot_find(heaptrack, &heaptrack->kinds[i]) = (uint32_t)i + 1;
}

static uint32_t kind_find(struct heaptrack *heaptrack, const struct trace_block *block)
{
	struct kind kind = { .bytes = block->bytes, .stack = block->stack };

	slots_grow(heaptrack);
	uint32_t *slot = slot_find(heaptrack, &kind);
	if (*slot == 0) {
		heaptrack->kinds = room_grow(heaptrack->kinds, &heaptrack->kind_room,
					     heaptrack->kind_count + 1, sizeof(kind));
		heaptrack->kinds[heaptrack->kind_count] = kind;
		uint32_t frame = frame_number(heaptrack, block->stack);
		fprintf(heaptrack->out, "a %" PRIx64 " %" PRIx32 "\n", block->bytes, frame);
		*slot = (uint32_t)++heaptrack->kind_count;
	}
	return *slot - 1;
}

/* ---- events ------------------------------------------------------------------------------- */

static void block_come(struct heaptrack *heaptrack, const struct trace_event *event)
{
	uint32_t kind = kind_find(heaptrack, &event->block);

	heaptrack->kind_of = room_grow(heaptrack->kind_of, &heaptrack->kind_of_room,
				       (size_t)event->number + 1, sizeof(*heaptrack->kind_of));
	heaptrack->kind_of[event->number] = kind;
	fprintf(heaptrack->out, "+ %" PRIx32 "\n", kind);
}

static void block_go(struct heaptrack *heaptrack, const struct trace_event *event)
{
	if (!event->is_unknown)
		fprintf(heaptrack->out, "- %" PRIx32 "\n", heaptrack->kind_of[event->number]);
}

static void heaptrack_take(void *context, const struct trace_event *event)
{
	struct heaptrack *heaptrack = context;
	uint64_t ms = event->time / NS_PER_MS;

	if (ms >= heaptrack->time_ms + TIME_STEP_MS) {
		fprintf(heaptrack->out, "c %" PRIx64 "\n", ms);
		heaptrack->time_ms = ms;
	}
	if (event->kind == TRACE_FREE || event->kind == TRACE_RESIZE)
		block_go(heaptrack, event);
	if (event->kind == TRACE_ALLOCATE || event->kind == TRACE_RESIZE)
		block_come(heaptrack, event);
	if (event->kind == TRACE_SAMPLE && heaptrack->info->page_bytes > 0)
		fprintf(heaptrack->out, "R %" PRIx64 "\n",
			event->sample->resident_bytes / heaptrack->info->page_bytes);
}

bool export_heaptrack(struct export *export)
{
	struct heaptrack heaptrack = {
		.export = export, .out = export->out, .info = trace_info_get(export->trace),
	};

	fprintf(export->out, "v %x %x\nX %s\nI %" PRIx32 " 0\n", FORMAT_HEAPTRACK, FORMAT_VERSION,
		heaptrack.info->command, heaptrack.info->page_bytes);
	bool is_read = export_pass(export, heaptrack_take, &heaptrack);
	if (is_read)
		fprintf(export->out, "c %" PRIx64 "\n", heaptrack.info->end_time / NS_PER_MS);
	text_table_finish(&heaptrack.texts);
	free(heaptrack.place_of);
	free(heaptrack.frame_of);
	free(heaptrack.pending);
	free(heaptrack.kinds);
	free(heaptrack.slots);
	free(heaptrack.kind_of);
	return is_read;
}
