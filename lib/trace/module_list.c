/* SPDX-License-Identifier: MIT */
/*
 * The list of modules. See module_list.h.
 */
#include "trace/module_list.h"

#include <stddef.h>
#include <string.h>

#include "base/bits.h"

/* Bytes that are hashed, beginning with the header; .eh_frame usually follows it. */
enum { PRINT_BYTES = 2048 };

static uint64_t module_print(const struct os_module *module)
{
	uint64_t print = 0;
	if (module->unwind_header == 0)
		return 0;
	size_t bytes = size_min(PRINT_BYTES, module->read_end - module->unwind_header);
	const unsigned char *at = (const unsigned char *)module->unwind_header;
	for (size_t i = 0; i + sizeof(print) <= bytes; i += sizeof(print)) {
		uint64_t word;
		memcpy(&word, at + i, sizeof(word));
		print = (print ^ word) * UINT64_C(0x9E3779B97F4A7C15);
		print ^= print >> 29;
	}
	return print;
}

static bool note_is(const struct module_note *note, const struct os_module *module)
{
	return note->module.begin == module->begin && note->module.end == module->end &&
	       note->module.identity == module->identity &&
	       note->module.unwind_header == module->unwind_header &&
	       note->print == module_print(module);
}

static bool note_overlaps(const struct module_note *note, const struct os_module *module)
{
	return note->module.begin < module->end && module->begin < note->module.end;
}

static bool list_take(struct module_list *list)
{
	return atomic_exchange_explicit(&list->is_taken, 1, memory_order_acquire) == 0;
}

static void list_give(struct module_list *list)
{
	atomic_store_explicit(&list->is_taken, 0, memory_order_release);
}

static void note_remove(struct module_list *list, uint32_t index)
{
	list->notes[index] = list->notes[--list->count];
}

static enum module_change note_enter(struct module_list *list, const struct os_module *module)
{
	enum module_change change = MODULE_KNOWN;
	for (uint32_t i = 0; i < list->count; i++) {
		if (!note_overlaps(&list->notes[i], module))
			continue;
		if (note_is(&list->notes[i], module))
			return MODULE_KNOWN;
		note_remove(list, i--);
		change = MODULE_REPLACED;
	}
	if (list->count == MODULES_MAX)
		return change == MODULE_REPLACED ? change : MODULE_UNKNOWN;
	list->notes[list->count++] = (struct module_note){*module, module_print(module)};
	return change;
}

enum module_change module_note(struct module_list *list, const struct os_module *module)
{
	if (!list_take(list))
		return MODULE_UNKNOWN;
	enum module_change change = note_enter(list, module);
	list_give(list);
	return change;
}

bool module_list_check(struct module_list *list)
{
	bool is_changed = false;
	if (!list_take(list))
		return false;
	for (uint32_t i = 0; i < list->count; i++) {
		struct os_module now;
		if (os_module_find(list->notes[i].module.begin, &now) &&
		    note_is(&list->notes[i], &now))
			continue;
		note_remove(list, i--);
		is_changed = true;
	}
	list_give(list);
	return is_changed;
}

void module_list_fork_child(struct module_list *list)
{
	list_give(list);
}
