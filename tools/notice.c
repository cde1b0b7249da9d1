/* SPDX-License-Identifier: MIT */
/*
 * Notices: one line each, named after the command that speaks.
 */
#include "notice.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void notice_write(const char *command, const char *format, ...)
{
	va_list arguments;

	fputs("allot: ", stderr);
	if (command != NULL)
		fprintf(stderr, "%s: ", command);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

void notice_next(const char *line)
{
	/* Results come first where both streams are one terminal or file. */
	fflush(stdout);
	fprintf(stderr, "next: %s\n", line);
}

bool notice_has_colour(FILE *stream)
{
	const char *no_colour = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");

	if (no_colour != NULL && no_colour[0] != '\0')
		return false;
	if (terminal == NULL || strcmp(terminal, "dumb") == 0)
		return false;
	return isatty(fileno(stream));
}
