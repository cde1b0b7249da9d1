/* SPDX-License-Identifier: MIT */
/*
 * Random scripts, and shrinking one that fails.
 */
#ifndef ALLOT_TOOLS_VM_RANDOM_H
#define ALLOT_TOOLS_VM_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A script of `operations` operations, the same for the same seed; to be freed. NULL: no memory. */
char *script_random(uint64_t seed, size_t operations);

/* Does a script still fail as the one that is being shrunk does? */
typedef bool script_fails(const char *text, void *context);

/*
 * Leave out lines of `text` as long as it fails; the result is to be freed. Lines that lose what
 * they need are left out when it is parsed leniently, as `fails` is to do. NULL: no memory.
 */
char *script_shrink(const char *text, script_fails *fails, void *context);

#endif
