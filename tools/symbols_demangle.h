/* SPDX-License-Identifier: MIT */
/*
 * Demangling: the names of C++, Rust and D as they stand in the source.
 *
 * By libiberty, which is binutils' own; a build without it shows names as linkers see them.
 */
#ifndef ALLOT_TOOLS_SYMBOLS_DEMANGLE_H
#define ALLOT_TOOLS_SYMBOLS_DEMANGLE_H

/* The name behind `mangled`, which the caller frees; NULL when it is not mangled. */
char *symbols_demangle(const char *mangled);

#endif
