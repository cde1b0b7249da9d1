/* SPDX-License-Identifier: MIT */
/*
 * Modules that rules were made from, to find out that one is not what it was.
 *
 * Nobody tells when a module is unloaded. But before another one comes to lie in its place, the
 * loader allocates memory, and whoever records that has the list checked afterwards. Replaced
 * means: another record of the loader's, other bounds, or another *print*, a hash over the
 * beginning of what it says about unwinding. Two modules that are equal in all that have the same
 * rules as well, but for what differs further on than that.
 */
#ifndef TRACE_MODULE_LIST_H
#define TRACE_MODULE_LIST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "os/module.h"

enum { MODULES_MAX = 1024 };

struct module_note {
	struct os_module module;
	uint64_t print;
};

/* Zeroed memory is an empty one. */
struct module_list {
	_Atomic uint32_t is_taken; /* who finds it so does without, for it may be the same thread */
	uint32_t count;
	struct module_note notes[MODULES_MAX];
};

enum module_change {
	MODULE_KNOWN,    /* it is in the list, perhaps since now */
	MODULE_REPLACED, /* the same, but another one was there before */
	MODULE_UNKNOWN,  /* it could not be entered */
};

enum module_change module_note(struct module_list *list, const struct os_module *module);

/* Was one of them replaced or taken away? It is forgotten then. */
bool module_list_check(struct module_list *list);

/* In the child of a fork. */
void module_list_fork_child(struct module_list *list);

#endif
