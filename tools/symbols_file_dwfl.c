/* SPDX-License-Identifier: MIT */
/*
 * Symbols of files by libdw: ELF symbols, and DWARF where there is any.
 *
 * Each file has a session of libdwfl to itself, since others may have lain at its addresses
 * before or after it. The file is believed if its build id is the recorded one; failing that
 * libdwfl looks for one that is, in the folders of build ids and at the servers it may ask.
 *
 * DWARF is walked down from the function an address lies in, through whatever covers the address.
 * The functions of a unit are put in order the first time one of them is asked for: looking at all
 * of them again and again took five times as long for 5,000 addresses of libpython. They may lie in
 * namespaces, which cover nothing themselves (Rust).
 */
#include "symbols_file.h"

#include <dwarf.h>
#include <elfutils/libdwelf.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "room.h"
#include "symbols_table.h"

/* A run of code of a function. */
struct function_range {
	Dwarf_Addr begin, end;
	Dwarf_Off die;
};

/* The functions of a unit, by address; a function may have several ranges. */
struct unit {
	Dwarf_Off offset; /* of its DIE */
	struct function_range *ranges;
	size_t count, room;
};

struct symbols_file {
	Dwfl *session;
	Dwfl_Module *module;
	struct symbols_table symbols;
	bool has_symbols; /* they were read */
	struct unit *units;
	size_t unit_count, unit_room;
};

/* Functions that cover an address, outermost first. */
struct function_chain {
	Dwarf_Die dies[SYMBOLS_FILE_DEPTH_MAX];
	size_t count;
};

static char *debug_path; /* NULL: where libdwfl looks by itself */

static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_build_id_find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
	.debuginfo_path = &debug_path,
};

/* What the file at `module->path` is to the recorded one. */
static enum symbols_file_state file_compare(const struct trace_module *module)
{
	enum symbols_file_state state = SYMBOLS_FILE_DAMAGED;
	const void *id = NULL;
	int fd = open(module->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return SYMBOLS_FILE_GONE;
	elf_version(EV_CURRENT);
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (elf != NULL && elf_kind(elf) == ELF_K_ELF) {
		ssize_t id_bytes = dwelf_elf_gnu_build_id(elf, &id);
		bool is_same = module->build_id_bytes == 0 ||
			       (id_bytes == (ssize_t)module->build_id_bytes &&
				memcmp(id, module->build_id, module->build_id_bytes) == 0);

		state = is_same ? SYMBOLS_FILE_READ : SYMBOLS_FILE_OTHER;
	}
	elf_end(elf);
	close(fd);
	return state;
}

/* The module of the session, from the file or by its build id; NULL: neither. */
static Dwfl_Module *module_report(Dwfl *session, const struct trace_module *module, bool is_file)
{
	Dwfl_Module *reported = NULL;
	GElf_Addr bias;

	dwfl_report_begin(session);
	if (is_file) {
		reported = dwfl_report_elf(session, module->path, module->path, -1, module->bias,
					   true);
	} else if (module->build_id_bytes > 0) {
		reported = dwfl_report_module(session, module->path, module->begin, module->end);
		if (reported != NULL)
			dwfl_module_report_build_id(reported, module->build_id,
						    module->build_id_bytes, 0);
	}
	dwfl_report_end(session, NULL, NULL);
	return reported != NULL && dwfl_module_getelf(reported, &bias) != NULL ? reported : NULL;
}

struct symbols_file *symbols_file_open(const struct trace_module *module,
				       enum symbols_file_state *out_state)
{
	enum symbols_file_state state = file_compare(module);
	struct symbols_file *file = calloc(1, sizeof(*file));

	if (file != NULL)
		file->session = dwfl_begin(&callbacks);
	if (file != NULL && file->session != NULL)
		file->module = module_report(file->session, module, state == SYMBOLS_FILE_READ);
	if (file != NULL && file->module != NULL) {
		*out_state = SYMBOLS_FILE_READ;
		return file;
	}
	symbols_file_close(file);
	*out_state = state == SYMBOLS_FILE_READ ? SYMBOLS_FILE_DAMAGED : state;
	return NULL;
}

void symbols_file_close(struct symbols_file *file)
{
	if (file == NULL)
		return;
	if (file->session != NULL)
		dwfl_end(file->session);
	for (size_t i = 0; i < file->unit_count; i++)
		free(file->units[i].ranges);
	free(file->units);
	symbols_table_finish(&file->symbols);
	free(file);
}

static bool holds_functions(int tag)
{
	return tag == DW_TAG_namespace || tag == DW_TAG_module || tag == DW_TAG_structure_type ||
	       tag == DW_TAG_class_type;
}

/* ---- functions ---------------------------------------------------------------------------- */

static void ranges_add(struct unit *unit, Dwarf_Die *die)
{
	Dwarf_Addr base, begin, end;
	ptrdiff_t offset = 0;

	while ((offset = dwarf_ranges(die, offset, &base, &begin, &end)) > 0) {
		unit->ranges = room_grow(unit->ranges, &unit->room, unit->count + 1,
					 sizeof(*unit->ranges));
		unit->ranges[unit->count++] = (struct function_range){
			.begin = begin, .end = end, .die = dwarf_dieoffset(die),
		};
	}
}

/* Add the functions below `parent` that have code. */
static void functions_add(struct unit *unit, Dwarf_Die *parent)
{
	Dwarf_Die child;

	if (dwarf_child(parent, &child) != 0)
		return;
	do {
		int tag = dwarf_tag(&child);

		if (tag == DW_TAG_subprogram)
			ranges_add(unit, &child);
		else if (holds_functions(tag))
			functions_add(unit, &child);
	} while (dwarf_siblingof(&child, &child) == 0);
}

static int range_compare(const void *a, const void *b)
{
	const struct function_range *left = a, *right = b;

	return (left->begin > right->begin) - (left->begin < right->begin);
}

static const struct unit *unit_find(struct symbols_file *file, Dwarf_Die *die)
{
	Dwarf_Off offset = dwarf_dieoffset(die);

	for (size_t i = 0; i < file->unit_count; i++)
		if (file->units[i].offset == offset)
			return &file->units[i];
	file->units = room_grow(file->units, &file->unit_room, file->unit_count + 1,
				sizeof(*file->units));
	struct unit *unit = &file->units[file->unit_count++];
	unit->offset = offset;
	functions_add(unit, die);
	if (unit->count > 0)
		qsort(unit->ranges, unit->count, sizeof(*unit->ranges), range_compare);
	return unit;
}

/* The range that covers `address`, or NULL. */
static const struct function_range *range_find(const struct unit *unit, Dwarf_Addr address)
{
	size_t low = 0, high = unit->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (unit->ranges[middle].begin <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && address < unit->ranges[low - 1].end ? &unit->ranges[low - 1] : NULL;
}

/* Add the functions that were put into `parent` where `address` lies. */
static void inlined_add(struct function_chain *chain, Dwarf_Die *parent, Dwarf_Addr address)
{
	Dwarf_Die child;

	if (dwarf_child(parent, &child) != 0)
		return;
	do {
		int tag = dwarf_tag(&child);

		if ((tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block) ||
		    dwarf_haspc(&child, address) <= 0)
			continue;
		if (chain->count == SYMBOLS_FILE_DEPTH_MAX)
			return;
		if (tag == DW_TAG_inlined_subroutine)
			chain->dies[chain->count++] = child;
		inlined_add(chain, &child, address);
		return;
	} while (dwarf_siblingof(&child, &child) == 0);
}

static void chain_fill(struct symbols_file *file, struct function_chain *chain, Dwarf_Die *unit,
		       Dwarf_Addr address)
{
	const struct function_range *range = range_find(unit_find(file, unit), address);
	Dwarf_Addr bias;
	Dwarf *dwarf = dwfl_module_getdwarf(file->module, &bias);

	if (range == NULL || dwarf_offdie(dwarf, range->die, &chain->dies[0]) == NULL)
		return;
	chain->count = 1;
	inlined_add(chain, &chain->dies[0], address);
}

/* ---- answers ------------------------------------------------------------------------------ */

/* As linkers see it, so that it tells all there is to tell; else as in the source. */
static const char *die_name(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	const char *name = NULL;

	if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute) != NULL ||
	    dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute) != NULL)
		name = dwarf_formstring(&attribute);
	return name != NULL ? name : dwarf_diename(die);
}

/* Where the function `die` was put in, into the place of the function around it. */
static void call_place(Dwarf_Die *unit, Dwarf_Die *die, struct symbols_file_place *out)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;
	Dwarf_Files *files;
	size_t count;

	if (dwarf_attr(die, DW_AT_call_line, &attribute) != NULL &&
	    dwarf_formudata(&attribute, &value) == 0)
		out->line = (uint32_t)value;
	if (dwarf_attr(die, DW_AT_call_file, &attribute) != NULL &&
	    dwarf_formudata(&attribute, &value) == 0 &&
	    dwarf_getsrcfiles(unit, &files, &count) == 0 && value < count)
		out->file = dwarf_filesrc(files, value, NULL, NULL);
}

static const char *symbol_name(struct symbols_file *file, uint64_t address)
{
	if (!file->has_symbols)
		symbols_table_init(&file->symbols, file->module);
	file->has_symbols = true;
	return symbols_table_find(&file->symbols, file->module, address);
}

size_t symbols_file_look(struct symbols_file *file, uint64_t address,
			 struct symbols_file_place out[SYMBOLS_FILE_DEPTH_MAX])
{
	struct function_chain chain = { .count = 0 };
	Dwarf_Addr bias = 0;
	Dwarf_Die *unit = dwfl_module_addrdie(file->module, address, &bias);
	Dwfl_Line *line = dwfl_module_getsrc(file->module, address);
	int number = 0;

	memset(out, 0, SYMBOLS_FILE_DEPTH_MAX * sizeof(*out));
	if (unit != NULL)
		chain_fill(file, &chain, unit, address - bias);
	if (line != NULL)
		out[0].file = dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL);
	out[0].line = (uint32_t)number;
	for (size_t i = 0; i < chain.count; i++) {
		Dwarf_Die *die = &chain.dies[chain.count - 1 - i];

		out[i].name = die_name(die);
		if (i + 1 < chain.count)
			call_place(unit, die, &out[i + 1]);
	}
	if (chain.count > 0 && out[chain.count - 1].name != NULL)
		return chain.count;
	out[0].name = symbol_name(file, address);
	return out[0].name != NULL ? 1 : 0;
}
