/* SPDX-License-Identifier: MIT */
/*
 * What both programs that replay need. See replay_helper.h.
 */
#include "replay_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAPS_BYTES = 1 << 18 };

void *helper_memory(size_t bytes)
{
	static const char message[] = "allot replay: no memory for the tables of a helper\n";
	void *p = mmap(NULL, bytes > 0 ? bytes : 1, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p != MAP_FAILED)
		return p;
	if (write(STDERR_FILENO, message, sizeof(message) - 1) < 0)
		_exit(HELPER_STATUS_FAILED);
	_exit(HELPER_STATUS_FAILED);
}

size_t helper_read(void *to, size_t bytes)
{
	size_t length = 0;

	while (length < bytes) {
		ssize_t got = read(STDIN_FILENO, (char *)to + length, bytes - length);
		if (got == 0 || (got < 0 && errno != EINTR))
			break;
		length += got > 0 ? (size_t)got : 0;
	}
	return length;
}

bool helper_write(const void *from, size_t bytes)
{
	while (bytes > 0) {
		ssize_t written = write(STDOUT_FILENO, from, bytes);
		if (written < 0 && errno != EINTR)
			return false;
		from = (const char *)from + (written > 0 ? written : 0);
		bytes -= written > 0 ? (size_t)written : 0;
	}
	return true;
}

/* The whole list, whose end is missing where it is too long: that is the stack. */
static const char *maps_read(void)
{
	static char text[MAPS_BYTES];
	int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t got;

	while (file >= 0 && length < sizeof(text) - 1 &&
	       (got = read(file, text + length, sizeof(text) - 1 - length)) > 0)
		length += (size_t)got;
	if (file >= 0)
		close(file);
	text[length] = '\0';
	return text;
}

void helper_mappings_visit(void (*visit)(const struct helper_mapping *mapping, void *context),
			   void *context)
{
	for (const char *line = maps_read(); *line != '\0';) {
		size_t line_bytes = strcspn(line, "\n");
		struct helper_mapping mapping = {
			.is_file = memchr(line, '/', line_bytes) != NULL,
			.is_named = memchr(line, '[', line_bytes) != NULL,
		};
		char *rest;
		mapping.begin = strtoul(line, &rest, 16);
		mapping.end = *rest == '-' ? strtoul(rest + 1, &rest, 16) : 0;
		if (mapping.end > mapping.begin && rest[0] == ' ') {
			mapping.is_readable = rest[1] == 'r';
			mapping.is_writable = mapping.is_readable && rest[2] == 'w';
			mapping.is_private = mapping.is_readable && rest[4] == 'p';
			visit(&mapping, context);
		}
		line += line_bytes;
		line += *line == '\n';
	}
}
