/* SPDX-License-Identifier: MIT */
/*
 * Demangling, for a build without libiberty: names stay as they are.
 */
#include "symbols_demangle.h"

#include <stddef.h>

char *symbols_demangle(const char *mangled)
{
	(void)mangled;
	return NULL;
}
