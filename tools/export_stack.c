/* SPDX-License-Identifier: MIT */
/*
 * Stacks as texts: frames are known from the innermost on, so they are gathered first.
 */
#include "export_stack.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "room.h"

void export_stack_finish(struct export_stack *stack)
{
	free(stack->text);
	free(stack->frames);
}

/* Append a function to the `used` bytes of the text; how many there are then. */
static size_t name_append(struct export_stack *stack, size_t used, const char *name)
{
	size_t length = strlen(name);

	stack->text = room_grow(stack->text, &stack->text_room, used + length + 2, 1);
	if (used > 0)
		stack->text[used++] = ';';
	for (size_t i = 0; i < length; i++) {
		char c = name[i];

		stack->text[used++] = (char)(c == ';' ? ':' : c == '\n' ? ' ' : c);
	}
	return used;
}

const char *export_stack_text(struct export_stack *stack, uint32_t frame)
{
	size_t count = 0, used = 0;

	do {
		stack->frames = room_grow(stack->frames, &stack->frame_room, count + 1,
					  sizeof(*stack->frames));
		stack->frames[count++] = frame;
		frame = symbols_caller(stack->export->symbols, frame);
	} while (frame != 0);
	while (count > 0) {
		const struct symbols_place *place =
			symbols_place(stack->export->symbols, stack->frames[--count]);

		for (size_t i = place->function_count; i > 0; i--)
			used = name_append(stack, used, place->functions[i - 1].function);
	}
	stack->text[used] = '\0';
	return stack->text;
}

char *export_place_text(struct export *export, const struct symbols_place *place, size_t function)
{
	const struct symbol *symbol = &place->functions[function];

	if (symbol->file[0] != '\0')
		return room_print("0x%" PRIX64 ": %s (%s:%" PRIu32 ")", place->address,
				  symbol->function, symbol->file, symbol->line);
	if (place->module == SIZE_MAX)
		return room_print("0x%" PRIX64 ": %s", place->address, symbol->function);
	return room_print("0x%" PRIX64 ": %s (in %s)", place->address, symbol->function,
			  symbols_path(export->symbols,
				       trace_module_get(export->trace, place->module)->path));
}
