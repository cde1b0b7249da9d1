/* SPDX-License-Identifier: MIT */
/*
 * Demangling by libiberty: Rust and C++ by their prefix, then D, which it takes for none of them.
 */
#include "symbols_demangle.h"

#include <stddef.h>
#include <string.h>

#include <libiberty/demangle.h>

char *symbols_demangle(const char *mangled)
{
	char *name = NULL;

	if (strncmp(mangled, "_Z", 2) == 0 || strncmp(mangled, "_R", 2) == 0)
		name = cplus_demangle(mangled, DMGL_PARAMS | DMGL_ANSI | DMGL_AUTO);
	else if (strncmp(mangled, "_D", 2) == 0)
		name = cplus_demangle(mangled, DMGL_PARAMS | DMGL_ANSI | DMGL_DLANG);
	return name;
}
