/* SPDX-License-Identifier: MIT */
/*
 * The table of rules: adding, growing, a new epoch. See frame_rule.h.
 */
#include "trace/frame_rule.h"

#include <stddef.h>

#include "os/map.h"

enum {
	SLOTS_FIRST_LOG2 = 12,
	SLOTS_LAST_LOG2 = 21, /* 32 MiB: half a million addresses; further ones are made anew */
};

static size_t slots_bytes(unsigned count_log2)
{
	size_t page_bytes = os_page_bytes();
	size_t bytes = sizeof(struct rule_slots) + (sizeof(struct rule_entry) << count_log2);
	return (bytes + page_bytes - 1) & ~(page_bytes - 1);
}

static struct rule_slots *slots_create(unsigned count_log2)
{
	struct rule_slots *slots = os_map(slots_bytes(count_log2));
	if (slots != NULL) {
		slots->shift = 64 - count_log2;
		slots->mask = (UINT32_C(1) << count_log2) - 1;
	}
	return slots;
}

/* Slots with room for one more; NULL: there are none. */
static struct rule_slots *slots_with_room(struct rule_table *table)
{
	struct rule_slots *slots = atomic_load(&table->slots);
	unsigned count_log2 = slots == NULL ? SLOTS_FIRST_LOG2 : 64 - slots->shift + 1;
	if (slots != NULL && atomic_load(&slots->count) <= slots->mask / 2)
		return slots;
	if (count_log2 > SLOTS_LAST_LOG2 || atomic_exchange(&table->is_growing, 1) != 0)
		return NULL;
	if (atomic_load(&table->slots) == slots) {
		struct rule_slots *larger = slots_create(count_log2);
		if (larger != NULL)
			atomic_store(&table->slots, larger);
	}
	struct rule_slots *grown = atomic_load(&table->slots);
	atomic_store(&table->is_growing, 0);
	return grown == slots ? NULL : grown;
}

static void rule_keep(struct rule_table *table, uintptr_t address, uint64_t rule)
{
	struct rule_slots *slots = slots_with_room(table);
	if (slots == NULL)
		return;
	uint32_t i = (uint32_t)(rule_hash(address) >> slots->shift);
	for (uint32_t tries = 0; tries <= slots->mask; tries++) {
		uint64_t key = 0;
		struct rule_entry *entry = &slots->entries[i];
		if (atomic_compare_exchange_strong(&entry->key, &key, address))
			atomic_fetch_add(&slots->count, 1);
		else if (key != address) {
			i = (i + 1) & slots->mask;
			continue;
		}
		atomic_store(&entry->rule, rule);
		return;
	}
}

/* Another epoch; 0 is skipped in the bits that rules have of it, as it stands for no rule. */
static void epoch_end(struct rule_table *table)
{
	uint32_t epoch = atomic_fetch_add(&table->epoch, 1) + 1;
	if ((epoch & RULE_EPOCH_MASK) == 0)
		atomic_fetch_add(&table->epoch, 1);
}

void rule_table_init(struct rule_table *table)
{
	atomic_store(&table->epoch, 1);
}

void rule_table_fork_child(struct rule_table *table)
{
	atomic_store(&table->is_growing, 0);
	module_list_fork_child(&table->modules);
}

void rule_table_check(struct rule_table *table)
{
	if (module_list_check(&table->modules))
		epoch_end(table);
}

ALLOT_COLD uint64_t rule_add(struct rule_table *table, uintptr_t address)
{
	struct os_module module;
	uint32_t epoch = atomic_load(&table->epoch);
	if (!os_module_find(address, &module))
		return rule_make(NULL, address);
	enum module_change change = module_note(&table->modules, &module);
	if (change == MODULE_REPLACED) {
		epoch_end(table);
		epoch = atomic_load(&table->epoch);
	}
	uint64_t rule = rule_make(&module, address) | (epoch & RULE_EPOCH_MASK);
	if (change != MODULE_UNKNOWN)
		rule_keep(table, address, rule);
	return rule;
}

bool rule_table_visit_memory(const struct rule_table *table,
			     bool (*visit)(uintptr_t base, size_t bytes, void *context),
			     void *context)
{
	const struct rule_slots *slots = atomic_load(&table->slots);
	return slots == NULL || visit((uintptr_t)slots, slots_bytes(64 - slots->shift), context);
}
