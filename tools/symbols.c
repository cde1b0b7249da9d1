/* SPDX-License-Identifier: MIT */
/*
 * Symbols: a table of the addresses looked up so far, and the files they were looked up in.
 *
 * Frames at one address, of which a trie of stacks has many, share its entry. Texts are kept in
 * one table, so those who write them out need not look for equal ones.
 */
#include "symbols.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notice.h"
#include "room.h"
#include "symbols_demangle.h"
#include "symbols_file.h"
#include "text_table.h"

enum {
	SLOTS_MIN = 1024,
};

/* A file of code. */
struct code_file {
	bool is_tried;
	struct symbols_file *file; /* NULL: not tried, or not to be used */
};

struct symbols {
	struct trace *trace;
	struct symbols_options options;
	bool has_complained;     /* of some file */
	struct text_table texts;
	struct code_file *files; /* by the trace's modules */
	size_t file_count;
	struct symbols_place *places;
	size_t place_count, place_room;
	uint32_t *slots;         /* number of a place + 1, by address; 0: empty */
	size_t slot_count;
	uint32_t *place_of;      /* number of a place + 1, by frame; 0: not asked for yet */
	size_t frame_count;
};

struct symbols *symbols_open(struct trace *trace, const struct symbols_options *options)
{
	struct symbols *symbols = room_take(1, sizeof(*symbols));

	symbols->trace = trace;
	symbols->options = *options;
	symbols->file_count = trace_module_count(trace);
	symbols->files = room_take(symbols->file_count, sizeof(*symbols->files));
	symbols->frame_count = trace_frame_count(trace);
	symbols->place_of = room_take(symbols->frame_count, sizeof(*symbols->place_of));
	symbols->slot_count = SLOTS_MIN;
	symbols->slots = room_take(SLOTS_MIN, sizeof(*symbols->slots));
	if (!options->has_debuginfod)
		unsetenv("DEBUGINFOD_URLS");
	else if (getenv("DEBUGINFOD_URLS") == NULL && options->command != NULL)
		notice_write(options->command, "DEBUGINFOD_URLS names no server to ask");
	return symbols;
}

void symbols_close(struct symbols *symbols)
{
	for (size_t i = 0; i < symbols->file_count; i++)
		symbols_file_close(symbols->files[i].file);
	for (size_t i = 0; i < symbols->place_count; i++)
		free(symbols->places[i].functions);
	text_table_finish(&symbols->texts);
	free(symbols->files);
	free(symbols->places);
	free(symbols->slots);
	free(symbols->place_of);
	free(symbols);
}

/* The array anew, with zeros behind; the one before is given back. */
static void *array_extend(void *array, size_t count, size_t larger, size_t bytes)
{
	void *extended = room_take(larger, bytes);

	if (count > 0)
		memcpy(extended, array, count * bytes);
	free(array);
	return extended;
}

void symbols_grow(struct symbols *symbols)
{
	size_t files = trace_module_count(symbols->trace);
	size_t frames = trace_frame_count(symbols->trace);

	if (files > symbols->file_count) {
		symbols->files = array_extend(symbols->files, symbols->file_count, files,
					      sizeof(*symbols->files));
		symbols->file_count = files;
	}
	if (frames > symbols->frame_count) {
		symbols->place_of = array_extend(symbols->place_of, symbols->frame_count,
						 frames, sizeof(*symbols->place_of));
		symbols->frame_count = frames;
	}
}

const char *symbols_path(const struct symbols *symbols, const char *path)
{
	const char *slash = strrchr(path, '/');

	return symbols->options.has_no_folders && slash != NULL ? slash + 1 : path;
}

/* ---- files -------------------------------------------------------------------------------- */

/* What the kernel maps has no file: "[vdso]". */
static bool is_kernels(const char *path)
{
	return path[0] == '[' || strstr(path, "linux-vdso") != NULL ||
	       strstr(path, "linux-gate") != NULL;
}

static void file_complain(struct symbols *symbols, const char *path,
			  enum symbols_file_state state)
{
	static const char *const texts[] = {
		[SYMBOLS_FILE_GONE] = "is gone",
		[SYMBOLS_FILE_OTHER] = "is not the file that was recorded: its build id differs",
		[SYMBOLS_FILE_DAMAGED] = "cannot be read as a file of code",
	};

	if (symbols->options.command == NULL || is_kernels(path))
		return;
	if (state == SYMBOLS_FILE_NO_READER && !symbols->has_complained)
		notice_write(symbols->options.command,
			     "this build of allot reads no symbols (libdw): functions are shown "
			     "as file+address");
	else if (state != SYMBOLS_FILE_NO_READER)
		notice_write(symbols->options.command,
			     "%s %s; its functions are shown as file+address",
			     symbols_path(symbols, path), texts[state]);
	symbols->has_complained = true;
}

static struct symbols_file *file_take(struct symbols *symbols, size_t module)
{
	struct code_file *file = &symbols->files[module];
	enum symbols_file_state state;

	if (!file->is_tried) {
		const struct trace_module *told = trace_module_get(symbols->trace, module);

		file->is_tried = true;
		file->file = symbols_file_open(told, &state);
		if (file->file == NULL)
			file_complain(symbols, told->path, state);
	}
	return file->file;
}

/*
 * The file `address` lies in; SIZE_MAX: none. A frame has no time, so where one file lay in the
 * place of another, the one that stayed longer is taken.
 */
static size_t module_find(const struct symbols *symbols, uint64_t address)
{
	size_t found = SIZE_MAX;
	uint64_t found_time = 0;

	for (size_t i = 0; i < trace_module_count(symbols->trace); i++) {
		const struct trace_module *module = trace_module_get(symbols->trace, i);
		uint64_t time = module->time_end - module->time_begin;

		if (address < module->begin || address >= module->end)
			continue;
		if (found == SIZE_MAX || time > found_time) {
			found = i;
			found_time = time;
		}
	}
	return found;
}

/* ---- places ------------------------------------------------------------------------------- */

static const char *name_keep(struct symbols *symbols, const char *name)
{
	char *demangled = symbols_demangle(name);
	const char *kept = text_table_keep(&symbols->texts, demangled != NULL ? demangled : name);

	free(demangled);
	return kept;
}

/* Make the place's functions from what its file says; false: it says nothing. */
static bool place_look(struct symbols *symbols, struct symbols_place *place)
{
	struct symbols_file_place found[SYMBOLS_FILE_DEPTH_MAX];
	struct symbols_file *file = file_take(symbols, place->module);
	size_t count = file != NULL ? symbols_file_look(file, place->address, found) : 0;

	if (count == 0)
		return false;
	place->functions = room_take(count, sizeof(*place->functions));
	place->function_count = count;
	place->is_named = true;
	for (size_t i = 0; i < count; i++) {
		const char *path = found[i].file != NULL ? found[i].file : "";
		const char *name = found[i].name != NULL ? found[i].name : "??";

		place->functions[i] = (struct symbol){
			.function = name_keep(symbols, name),
			.file = text_table_keep(&symbols->texts, symbols_path(symbols, path)),
			.line = found[i].line,
		};
	}
	return true;
}

/* The only function of `place` is `name`. */
static void place_call(struct symbols *symbols, struct symbols_place *place, const char *name)
{
	place->functions = room_take(1, sizeof(*place->functions));
	place->function_count = 1;
	place->functions[0].function = name_keep(symbols, name);
	place->functions[0].file = text_table_keep(&symbols->texts, "");
}

/* Where nothing is known of a place, its address is its name. */
static void place_call_address(struct symbols *symbols, struct symbols_place *place)
{
	const struct trace_module *module = NULL;
	const char *path;
	char *name;

	if (place->module != SIZE_MAX)
		module = trace_module_get(symbols->trace, place->module);
	if (module == NULL) {
		name = room_print("0x%" PRIx64, place->address);
	} else {
		path = strrchr(module->path, '/');
		path = path != NULL ? path + 1 : module->path;
		name = room_print("%s+0x%" PRIx64, path, place->address - module->bias);
	}
	place_call(symbols, place, name);
	free(name);
}

static void line_make(struct symbols *symbols, struct symbols_place *place)
{
	const struct symbol *symbol = &place->functions[0];
	char *line;

	if (symbol->file[0] == '\0')
		return;
	if (symbol->line > 0)
		line = room_print("%s:%" PRIu32, symbol->file, symbol->line);
	else
		line = room_print("%s", symbol->file);
	place->line = text_table_keep(&symbols->texts, line);
	free(line);
}

static struct symbols_place *place_add(struct symbols *symbols, uint64_t address)
{
	symbols->places = room_grow(symbols->places, &symbols->place_room,
				    symbols->place_count + 1, sizeof(*symbols->places));
	struct symbols_place *place = &symbols->places[symbols->place_count];

	place->number = (uint32_t)symbols->place_count++;
	place->address = address;
	place->module = module_find(symbols, address);
	return place;
}

/* The slot of the place at `address`, or the empty one where it belongs. */
static uint32_t *slot_find(const struct symbols *symbols, uint64_t address)
{
	size_t i = address * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (symbols->slot_count - 1);

	while (symbols->slots[i] != 0 && symbols->places[symbols->slots[i] - 1].address != address)
		i = (i + 1) & (symbols->slot_count - 1);
	return &symbols->slots[i];
}

static void slots_grow(struct symbols *symbols)
{
	uint32_t *slots = symbols->slots;
	size_t slot_count = symbols->slot_count;

	if (2 * (symbols->place_count + 1) < slot_count)
		return;
	symbols->slot_count *= 2;
	symbols->slots = room_take(symbols->slot_count, sizeof(*slots));
	for (size_t i = 0; i < slot_count; i++)
		if (slots[i] != 0)
			*slot_find(symbols, symbols->places[slots[i] - 1].address) = slots[i];
	free(slots);
}

/* The number of the place at `address`, which is looked up if it is new. */
static uint32_t place_at(struct symbols *symbols, uint64_t address)
{
	slots_grow(symbols);

	uint32_t *slot = slot_find(symbols, address);
	if (*slot == 0) {
		struct symbols_place *place = place_add(symbols, address);

		if (place->module == SIZE_MAX || !place_look(symbols, place))
			place_call_address(symbols, place);
		line_make(symbols, place);
		*slot = place->number + 1;
	}
	return *slot - 1;
}

/*
 * A place for a frame whose name came with the trace. It is the frame's alone: functions that were
 * put into others may come as frames at one address.
 */
static uint32_t place_told(struct symbols *symbols, uint64_t address, const char *name)
{
	struct symbols_place *place = place_add(symbols, address);

	place->is_named = true;
	place_call(symbols, place, name);
	return place->number;
}

const struct symbols_place *symbols_place(struct symbols *symbols, uint32_t frame)
{
	if (frame >= symbols->frame_count)
		frame = 0;

	uint32_t *number = &symbols->place_of[frame];
	if (*number == 0) {
		const struct trace_frame *told = trace_frame_get(symbols->trace, frame);
		const char *name = frame == 0 ? SYMBOLS_NO_STACK
					      : trace_frame_symbol(symbols->trace, frame);
		/* Of a call only the address behind it is known. */
		uint64_t address = told != NULL && told->address > 0 ? told->address - 1 : 0;

		*number = 1 + (name != NULL ? place_told(symbols, address, name)
					    : place_at(symbols, address));
	}
	return &symbols->places[*number - 1];
}

uint32_t symbols_caller(const struct symbols *symbols, uint32_t frame)
{
	if (frame == 0 || frame >= symbols->frame_count)
		return 0;
	uint32_t parent = trace_frame_get(symbols->trace, frame)->parent;
	/* Callers have smaller numbers; a damaged trace may have circles. */
	return parent < frame ? parent : 0;
}

const char *symbols_function(struct symbols *symbols, uint32_t frame, const char **out_line)
{
	const struct symbols_place *place = symbols_place(symbols, frame);

	if (out_line != NULL)
		*out_line = place->line;
	return place->functions[0].function;
}

const char *symbols_module(struct symbols *symbols, uint32_t frame)
{
	size_t module = symbols_place(symbols, frame)->module;

	if (module == SIZE_MAX)
		return "";
	return symbols_path(symbols, trace_module_get(symbols->trace, module)->path);
}
