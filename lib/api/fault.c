/* SPDX-License-Identifier: MIT */
/*
 * The line about a fault. See fault.h.
 */
#include "api/fault.h"

#include "base/message.h"

/* What was found, up to the address. */
static void say_kind(struct text *line, const struct heap_fault *fault)
{
	switch (fault->fault.kind) {
	case FAULT_DOUBLE_FREE:
		text_format(line, "double free of %p in %s", (void *)fault->fault.address,
			    fault->call);
		break;
	case FAULT_INTERIOR:
		text_format(line, "interior pointer passed to %s: %p", fault->call,
			    (void *)fault->fault.address);
		break;
	case FAULT_MISALIGNED:
		text_format(line, "misaligned pointer passed to %s: %p", fault->call,
			    (void *)fault->fault.address);
		break;
	case FAULT_FOREIGN:
		text_format(line, "foreign pointer passed to %s: %p", fault->call,
			    (void *)fault->fault.address);
		break;
	default:
		if (fault->fault.address == 0) /* from a check of the whole heap */
			text_format(line, "broken heap: %s", fault->call);
		else
			text_format(line, "broken tag met by %s at %p", fault->call,
				    (void *)fault->fault.address);
	}
}

static void say_block(struct text *line, const struct fault *fault)
{
	if (fault->block != 0 && fault->block_bytes != 0)
		text_format(line, ": block %p of %u bytes", (void *)fault->block,
			    fault->block_bytes);
	else if (fault->block != 0)
		text_format(line, ": block %p", (void *)fault->block);
	else if (fault->kind != FAULT_FOREIGN && fault->address != 0)
		text_string(line, ": in no block");
}

void fault_print(const struct heap_fault *fault)
{
	enum { LINE_BYTES = 320 };
	char chars[LINE_BYTES];
	struct text line;
	text_init(&line, chars, sizeof(chars));
	say_kind(&line, fault);
	say_block(&line, &fault->fault);
	if (fault->strategy == NULL)
		text_string(&line, " (front end)");
	else
		text_format(&line, " (strategy %s)", fault->strategy);
	message_write(&line);
}
