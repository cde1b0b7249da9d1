/* SPDX-License-Identifier: MIT */
/*
 * Exports to pprof: profile.proto, a sample for each stack of each thread, and one for what the
 * stack pins, over all threads: pages are not kept by threads.
 *
 * The message is written piece by piece, as its fields may come in any order: samples with the
 * locations they need, then functions, mappings and last the texts. Names are in the profile, so
 * its readers need not have the program. Field numbers are those of profile.proto.
 */
#include "export.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "protobuf.h"
#include "room.h"
#include "text_table.h"

enum { /* Profile */
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE = 2,
	PROFILE_MAPPING = 3,
	PROFILE_LOCATION = 4,
	PROFILE_FUNCTION = 5,
	PROFILE_STRING = 6,
	PROFILE_TIME = 9,
	PROFILE_DURATION = 10,
	PROFILE_PERIOD_TYPE = 11,
	PROFILE_PERIOD = 12,
	PROFILE_COMMENT = 13,
	PROFILE_DEFAULT_TYPE = 14,
};

enum { TYPE_NAME = 1, TYPE_UNIT = 2 };
enum { SAMPLE_LOCATIONS = 1, SAMPLE_VALUES = 2, SAMPLE_LABEL = 3 };
enum { LABEL_KEY = 1, LABEL_TEXT = 2 };
enum {
	MAPPING_ID = 1, MAPPING_START = 2, MAPPING_LIMIT = 3, MAPPING_FILE = 5, MAPPING_BUILD = 6,
	MAPPING_HAS_FUNCTIONS = 7, MAPPING_HAS_FILES = 8, MAPPING_HAS_LINES = 9,
	MAPPING_HAS_INLINED = 10,
};
enum { LOCATION_ID = 1, LOCATION_MAPPING = 2, LOCATION_ADDRESS = 3, LOCATION_LINE = 4 };
enum { LINE_FUNCTION = 1, LINE_NUMBER = 2 };
enum { FUNCTION_ID = 1, FUNCTION_NAME = 2, FUNCTION_SYSTEM_NAME = 3, FUNCTION_FILE = 4 };

enum { HEX_BYTES = 2 };

struct pprof {
	struct export *export;
	size_t metric_count;         /* without pins where the trace does not tell them */
	struct protobuf profile, inner, innermost;
	struct text_table texts;     /* texts[0] is "" */
	struct text_table functions; /* "name\nfile", for their numbers */
	unsigned char *is_written;   /* locations, by place */
	size_t is_written_room;
	uint64_t *locations;         /* of the sample at hand */
	size_t location_room;
};

static uint64_t text_number(struct pprof *pprof, const char *text)
{
	return text_table_add(&pprof->texts, text);
}

static void type_write(struct pprof *pprof, unsigned field, const char *name, const char *unit)
{
	protobuf_number(&pprof->inner, TYPE_NAME, text_number(pprof, name));
	protobuf_number(&pprof->inner, TYPE_UNIT, text_number(pprof, unit));
	protobuf_message(&pprof->profile, field, &pprof->inner);
}

/* The number of a function, from 1 on, which is written when it is new. */
static uint64_t function_number(struct pprof *pprof, const struct symbol *symbol)
{
	size_t known = pprof->functions.count;
	char *key = room_print("%s\n%s", symbol->function, symbol->file);
	uint64_t number = (uint64_t)text_table_add(&pprof->functions, key) + 1;
	struct protobuf function = { .count = 0 };

	free(key);
	if (number > known) {
		protobuf_number(&function, FUNCTION_ID, number);
		protobuf_number(&function, FUNCTION_NAME, text_number(pprof, symbol->function));
		protobuf_number(&function, FUNCTION_SYSTEM_NAME,
				text_number(pprof, symbol->function));
		protobuf_number(&function, FUNCTION_FILE, text_number(pprof, symbol->file));
		protobuf_message(&pprof->profile, PROFILE_FUNCTION, &function);
		free(function.bytes);
	}
	return number;
}

/* The number of the location of `frame`, from 1 on, which is written when it is new. */
static uint64_t location_number(struct pprof *pprof, uint32_t frame)
{
	const struct symbols_place *place = symbols_place(pprof->export->symbols, frame);
	uint64_t number = (uint64_t)place->number + 1;

	pprof->is_written = room_grow(pprof->is_written, &pprof->is_written_room, number, 1);
	if (pprof->is_written[place->number])
		return number;
	pprof->is_written[place->number] = 1;
	protobuf_number(&pprof->inner, LOCATION_ID, number);
	if (place->module != SIZE_MAX)
		protobuf_number(&pprof->inner, LOCATION_MAPPING, place->module + 1);
	protobuf_number(&pprof->inner, LOCATION_ADDRESS, place->address);
	for (size_t i = 0; i < place->function_count; i++) {
		protobuf_number(&pprof->innermost, LINE_FUNCTION,
				function_number(pprof, &place->functions[i]));
		protobuf_number(&pprof->innermost, LINE_NUMBER, place->functions[i].line);
		protobuf_message(&pprof->inner, LOCATION_LINE, &pprof->innermost);
	}
	protobuf_message(&pprof->profile, PROFILE_LOCATION, &pprof->inner);
	return number;
}

/* Fill `locations` with those of a stack, innermost first; how many. */
static size_t locations_fill(struct pprof *pprof, uint32_t stack)
{
	size_t count = 0;

	do {
		pprof->locations = room_grow(pprof->locations, &pprof->location_room, count + 1,
					     sizeof(*pprof->locations));
		pprof->locations[count++] = location_number(pprof, stack);
		stack = symbols_caller(pprof->export->symbols, stack);
	} while (stack != 0);
	return count;
}

static void sample_write(struct pprof *pprof, const struct stack_row *row)
{
	uint64_t values[METRIC_COUNT];
	char thread[EXPORT_THREAD_BYTES];
	size_t depth = locations_fill(pprof, row->stack);

	for (size_t i = 0; i < pprof->metric_count; i++)
		values[i] = stack_metric_value(row, (enum stack_metric)i);
	protobuf_numbers(&pprof->inner, SAMPLE_LOCATIONS, pprof->locations, depth);
	protobuf_numbers(&pprof->inner, SAMPLE_VALUES, values, pprof->metric_count);
	const char *name = export_thread(pprof->export, row->thread, thread);
	if (name[0] != '\0') {
		protobuf_number(&pprof->innermost, LABEL_KEY, text_number(pprof, "thread"));
		protobuf_number(&pprof->innermost, LABEL_TEXT, text_number(pprof, name));
		protobuf_message(&pprof->inner, SAMPLE_LABEL, &pprof->innermost);
	}
	protobuf_message(&pprof->profile, PROFILE_SAMPLE, &pprof->inner);
}

static void mapping_write(struct pprof *pprof, size_t index)
{
	const struct trace_module *module = trace_module_get(pprof->export->trace, index);
	char build[HEX_BYTES * sizeof(module->build_id) + 1] = "";
	struct protobuf *inner = &pprof->inner;

	for (size_t i = 0; i < module->build_id_bytes && i < sizeof(module->build_id); i++)
		snprintf(build + HEX_BYTES * i, HEX_BYTES + 1, "%02x", module->build_id[i]);
	protobuf_number(inner, MAPPING_ID, index + 1);
	protobuf_number(inner, MAPPING_START, module->begin);
	protobuf_number(inner, MAPPING_LIMIT, module->end);
	protobuf_number(inner, MAPPING_FILE,
			text_number(pprof, symbols_path(pprof->export->symbols, module->path)));
	protobuf_number(inner, MAPPING_BUILD, text_number(pprof, build));
	for (unsigned field = MAPPING_HAS_FUNCTIONS; field <= MAPPING_HAS_INLINED; field++)
		protobuf_number(inner, field, 1);
	protobuf_message(&pprof->profile, PROFILE_MAPPING, inner);
}

static void comment_write(struct pprof *pprof, const char *label, const char *text)
{
	char *comment = room_print("%s: %s", label, text);
	uint64_t number = text_number(pprof, comment);

	protobuf_number(&pprof->profile, PROFILE_COMMENT, number);
	free(comment);
}

static void head_write(struct pprof *pprof)
{
	const struct trace_info *info = trace_info_get(pprof->export->trace);

	for (size_t i = 0; i < pprof->metric_count; i++)
		type_write(pprof, PROFILE_SAMPLE_TYPE, stack_metrics[i].name,
			   stack_metrics[i].unit);
	type_write(pprof, PROFILE_PERIOD_TYPE, "space", "bytes");
	protobuf_number(&pprof->profile, PROFILE_PERIOD,
			info->sample_bytes > 0 ? info->sample_bytes : 1);
	protobuf_number(&pprof->profile, PROFILE_DEFAULT_TYPE,
			text_number(pprof, pprof->export->metric));
	protobuf_number(&pprof->profile, PROFILE_TIME, info->start_unix_ns);
	protobuf_number(&pprof->profile, PROFILE_DURATION, info->end_time);
	comment_write(pprof, "command", info->command);
	comment_write(pprof, "strategy", info->strategy);
	if (pprof->export->pins_label != NULL)
		comment_write(pprof, "pinned_space and exclusive_pages",
			      pprof->export->pins_label);
}

bool export_pprof(struct export *export)
{
	struct pprof pprof = { .export = export };
	struct stack_totals totals;

	if (!export_totals(export, true, &totals))
		return false;
	pprof.metric_count = export->pins_label != NULL ? METRIC_COUNT : METRIC_PINNED_SPACE;
	text_number(&pprof, "");
	head_write(&pprof);
	for (size_t i = 0; i < totals.row_count; i++)
		sample_write(&pprof, &totals.rows[i]);
	for (size_t i = 0; i < trace_module_count(export->trace); i++)
		mapping_write(&pprof, i);
	for (size_t i = 0; i < pprof.texts.count; i++)
		protobuf_text(&pprof.profile, PROFILE_STRING, pprof.texts.texts[i]);
	fwrite(pprof.profile.bytes, 1, pprof.profile.count, export->out);

	stack_totals_finish(&totals);
	text_table_finish(&pprof.texts);
	text_table_finish(&pprof.functions);
	free(pprof.profile.bytes);
	free(pprof.inner.bytes);
	free(pprof.innermost.bytes);
	free(pprof.is_written);
	free(pprof.locations);
	return true;
}
