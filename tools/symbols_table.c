/* SPDX-License-Identifier: MIT */
/*
 * The ELF symbols of a file in the order of their addresses. See symbols_table.h.
 */
#include "symbols_table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "room.h"

enum { LOCALS, GLOBALS, KINDS };

static unsigned char rank_of(const GElf_Sym *symbol)
{
	switch (GELF_ST_BIND(symbol->st_info)) {
	case STB_GLOBAL:
		return 2;
	case STB_WEAK:
		return 1;
	default:
		return 0;
	}
}

static bool is_code_or_data(const GElf_Sym *symbol, const char *name)
{
	int type = GELF_ST_TYPE(symbol->st_info);

	return name != NULL && *name != '\0' && symbol->st_shndx != SHN_UNDEF &&
	       type != STT_SECTION && type != STT_FILE && type != STT_TLS;
}

/* By address; of those at one address the smallest first, then the one with the best binding. */
static int entry_compare(const void *a, const void *b)
{
	const struct symbols_entry *left = a, *right = b;

	if (left->begin != right->begin)
		return left->begin < right->begin ? -1 : 1;
	if (left->size != right->size)
		return left->size < right->size ? -1 : 1;
	return (left->rank < right->rank) - (left->rank > right->rank);
}

void symbols_table_init(struct symbols_table *table, Dwfl_Module *module)
{
	int count = dwfl_module_getsymtab(module);
	int first_global = dwfl_module_getsymtab_first_global(module);

	*table = (struct symbols_table){ .counts = { 0 } };
	for (int i = 1; i < count; i++) {
		GElf_Sym symbol;
		GElf_Addr begin;
		GElf_Word section = 0;
		const char *name = dwfl_module_getsym_info(module, i, &symbol, &begin, &section,
							   NULL, NULL);
		int kind = i < first_global ? LOCALS : GLOBALS;

		if (!is_code_or_data(&symbol, name))
			continue;
		table->all[kind] = room_grow(table->all[kind], &table->rooms[kind],
					     table->counts[kind] + 1, sizeof(**table->all));
		table->all[kind][table->counts[kind]++] = (struct symbols_entry){
			.begin = begin,
			.size = symbol.st_size,
			.name = name,
			.section = section,
			.rank = rank_of(&symbol),
		};
	}
	for (int kind = 0; kind < KINDS; kind++) {
		struct symbols_entry *all = table->all[kind];
		GElf_Addr end_most = 0;

		if (table->counts[kind] > 0)
			qsort(all, table->counts[kind], sizeof(*all), entry_compare);
		for (size_t i = 0; i < table->counts[kind]; i++) {
			if (all[i].begin + all[i].size > end_most)
				end_most = all[i].begin + all[i].size;
			all[i].end_most = end_most;
		}
	}
}

void symbols_table_finish(struct symbols_table *table)
{
	for (int kind = 0; kind < KINDS; kind++)
		free(table->all[kind]);
}

/* How many of the symbols begin at the address or before it. */
static size_t count_until(const struct symbols_table *table, int kind, GElf_Addr address)
{
	size_t low = 0, high = table->counts[kind];

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->all[kind][middle].begin <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The one that begins last of those that cover the address; the smallest where several do. */
static const struct symbols_entry *covering_find(const struct symbols_table *table, int kind,
						 GElf_Addr address)
{
	const struct symbols_entry *all = table->all[kind], *found = NULL;

	for (size_t i = count_until(table, kind, address); i-- > 0;) {
		if (all[i].end_most <= address || (found != NULL && all[i].begin < found->begin))
			break;
		if (address - all[i].begin < all[i].size)
			found = &all[i];
	}
	return found;
}

/* The last one without a size, if nothing ends behind it. */
static const struct symbols_entry *label_find(const struct symbols_table *table, int kind,
					      GElf_Addr address)
{
	const struct symbols_entry *all = table->all[kind];
	size_t count = count_until(table, kind, address);

	for (size_t i = count; i-- > 0 && all[i].begin >= all[count - 1].end_most;)
		if (all[i].size == 0)
			return &all[i];
	return NULL;
}

static bool is_in_section(Dwfl_Module *module, GElf_Addr address, GElf_Word section)
{
	GElf_Addr bias = 0;
	Elf_Scn *of = dwfl_module_address_section(module, &address, &bias);

	return of != NULL && elf_ndxscn(of) == section;
}

const char *symbols_table_find(const struct symbols_table *table, Dwfl_Module *module,
			       GElf_Addr address)
{
	const struct symbols_entry *found = covering_find(table, GLOBALS, address);

	if (found == NULL)
		found = covering_find(table, LOCALS, address);
	for (int kind = GLOBALS; found == NULL && kind >= LOCALS; kind--) {
		found = label_find(table, kind, address);
		if (found != NULL && !is_in_section(module, address, found->section))
			found = NULL;
	}
	return found != NULL ? found->name : NULL;
}
