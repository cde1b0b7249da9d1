/* SPDX-License-Identifier: MIT */
/*
 * Lines on standard error, and abort. See message.h.
 */
#include "base/message.h"

#include <stdlib.h>
#include <sys/syscall.h>

#include "base/kernel_call.h"

enum { MESSAGE_BYTES_MAX = 1024, STANDARD_ERROR = 2 };

void message_write(const struct text *text)
{
	char line[MESSAGE_BYTES_MAX];
	struct text out;
	text_init(&out, line, sizeof(line) - 1); /* leaves room for the newline */
	text_string(&out, "allot: ");
	text_bytes(&out, text->chars, text->length);
	line[out.length] = '\n';
	kernel_call(SYS_write, STANDARD_ERROR, (long)line, (long)out.length + 1, 0, 0, 0);
}

void message_string(const char *string)
{
	char chars[MESSAGE_BYTES_MAX];
	struct text text;
	text_init(&text, chars, sizeof(chars));
	text_string(&text, string);
	message_write(&text);
}

_Noreturn void message_abort(void)
{
	abort();
}
