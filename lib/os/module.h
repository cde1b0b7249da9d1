/* SPDX-License-Identifier: MIT */
/*
 * Modules of code: which file that the loader mapped holds an address, and where in it is said how
 * to unwind.
 *
 * Asked in malloc and in signal handlers. glibc answers without a lock since 2.35
 * (_dl_find_object). Before that dl_iterate_phdr() is asked, which takes a lock that the loader
 * holds while it changes its list. It is recursive, so a malloc of the loader itself gets through,
 * and another thread waits for the loader only: hence whoever asks must hold no lock that a malloc
 * in the loader may need.
 */
#ifndef OS_MODULE_H
#define OS_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct os_module {
	uintptr_t begin, end;           /* of all its segments */
	uintptr_t unwind_header;        /* its PT_GNU_EH_FRAME; 0: it has none */
	uintptr_t read_begin, read_end; /* the segment around the header, readable */
	uintptr_t identity;             /* of the loader's record of it */
	uintptr_t bias;                 /* addresses less those in its file */
	const char *path;               /* "": the program; the loader's, while it is loaded */
};

/* The module that holds an address. False: none does. Never allocates. */
bool os_module_find(uintptr_t address, struct os_module *out_module);

/* The bytes that identify its file, at most `capacity`; 0: it has none, or they are not found. */
size_t os_module_build_id(const struct os_module *module, unsigned char *out, size_t capacity);

/* An address in the dynamic loader; 0: there is none. */
uintptr_t os_loader_address(void);

#endif
