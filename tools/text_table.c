/* SPDX-License-Identifier: MIT */
/*
 * Text table: a hash table of open addressing over an array of texts.
 */
#include "text_table.h"

#include <stdlib.h>
#include <string.h>

#include "room.h"

enum {
	SLOTS_MIN = 256,
	FILL_MAX_PERCENT = 60,
};

/* FNV-1a, 64 bits: its offset basis and prime. */
static uint64_t text_hash(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 32;
}

/* The slot that holds `text`, or the empty one where it belongs. */
static uint32_t *slot_find(const struct text_table *table, const char *text)
{
	size_t i = text_hash(text) & (table->slot_count - 1);

	while (table->slots[i] != 0 && strcmp(table->texts[table->slots[i] - 1], text) != 0)
		i = (i + 1) & (table->slot_count - 1);
	return &table->slots[i];
}

static void slots_grow(struct text_table *table)
{
	if ((table->count + 1) * 100 < table->slot_count * FILL_MAX_PERCENT)
		return;
	free(table->slots);
	table->slot_count = table->slot_count == 0 ? SLOTS_MIN : 2 * table->slot_count;
	table->slots = room_take(table->slot_count, sizeof(*table->slots));
	for (size_t i = 0; i < table->count; i++)
		*slot_find(table, table->texts[i]) = (uint32_t)i + 1;
}

uint32_t text_table_add(struct text_table *table, const char *text)
{
	slots_grow(table);

	uint32_t *slot = slot_find(table, text);
	if (*slot == 0) {
		table->texts = room_grow(table->texts, &table->text_room, table->count + 1,
					 sizeof(*table->texts));
		table->texts[table->count] = room_text(text, strlen(text));
		*slot = (uint32_t)++table->count;
	}
	return *slot - 1;
}

const char *text_table_keep(struct text_table *table, const char *text)
{
	uint32_t number = text_table_add(table, text);

	return table->texts[number];
}

void text_table_finish(struct text_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->texts[i]);
	free(table->texts);
	free(table->slots);
}
