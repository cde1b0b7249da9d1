/* SPDX-License-Identifier: MIT */
/*
 * The ELF symbols of a file in the order of their addresses, so that one is found in a few steps.
 *
 * libdwfl looks through all of them for each address (dwfl_module_addrinfo): in programs with
 * 100,000 symbols and more that took minutes. What is found is what it finds: of the global symbols
 * that cover an address the one that begins last, else of the local ones; where none covers it, the
 * last one without a size before it that lies in the same section behind the end of all others.
 */
#ifndef ALLOT_TOOLS_SYMBOLS_TABLE_H
#define ALLOT_TOOLS_SYMBOLS_TABLE_H

#include <elfutils/libdwfl.h>
#include <stddef.h>

struct symbols_entry {
	GElf_Addr begin, size;
	GElf_Addr end_most; /* of this one and of all before it */
	const char *name;   /* the module's */
	GElf_Word section;
	unsigned char rank; /* of its binding: global, weak, local */
};

/* Local symbols and global ones. */
struct symbols_table {
	struct symbols_entry *all[2];
	size_t counts[2], rooms[2];
};

/* Read the module's symbols. The caller frees them with symbols_table_finish(). */
void symbols_table_init(struct symbols_table *table, Dwfl_Module *module);
void symbols_table_finish(struct symbols_table *table);

/* The name of the symbol an address of the module belongs to, the module's; NULL: there is none. */
const char *symbols_table_find(const struct symbols_table *table, Dwfl_Module *module,
			       GElf_Addr address);

#endif
