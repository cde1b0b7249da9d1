/* SPDX-License-Identifier: MIT */
/*
 * Room: the C library's, checked.
 */
#include "room.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "notice.h"

enum { ITEMS_MIN = 64 };

static void *taken(void *memory)
{
	if (memory == NULL) {
		notice_write(NULL, "out of memory");
		exit(STATUS_FAILURE);
	}
	return memory;
}

void *room_take(size_t count, size_t item_bytes)
{
	return taken(calloc(count > 0 ? count : 1, item_bytes));
}

void *room_grow(void *items, size_t *room, size_t count, size_t item_bytes)
{
	size_t wanted = *room < ITEMS_MIN ? ITEMS_MIN : *room;

	if (count <= *room)
		return items;
	while (wanted < count)
		wanted = wanted > SIZE_MAX / 2 ? count : 2 * wanted;
	items = taken(reallocarray(items, wanted, item_bytes));
	memset((char *)items + *room * item_bytes, 0, (wanted - *room) * item_bytes);
	*room = wanted;
	return items;
}

char *room_text(const char *text, size_t length)
{
	return taken(strndup(text, length));
}

char *room_print(const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	int length = vasprintf(&text, format, arguments);
	va_end(arguments);
	return taken(length < 0 ? NULL : text);
}
