/* SPDX-License-Identifier: MIT */
/*
 * Imports: other people's traces are read as far as they tell.
 */
#include <allot/trace.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace_file.h"

enum { MESSAGE_BYTES = 512, TEXT_BYTES = 256 };

/* The trace of a text. */
static struct trace *trace_of_text(const char *text)
{
	return trace_of_bytes(text, strlen(text));
}

/* An event as a word or two. */
static const char *event_text(const struct trace_event *event)
{
	static char text[TEXT_BYTES];
	static const char *const kinds[] = {"a", "f", "r", "fail", "pages", "sample", "mark"};

	snprintf(text, sizeof(text), "%s%s %llu%s%s", event->kind <= TRACE_RESIZE &&
		 event->is_unknown ? "unknown " : "", kinds[event->kind],
		 (unsigned long long)event->block.bytes, event->block.stack != 0 ? " by " : "",
		 event->block.stack != 0 ? "stack" : "");
	return text;
}

/* The trace says this, event by event. */
static void says(struct trace *trace, const char *const *wanted)
{
	struct trace_event event;
	enum trace_status status;
	size_t i = 0;

	while ((status = trace_next(trace, &event)) == TRACE_OK) {
		if (event.kind == TRACE_SAMPLE)
			continue;
		cr_assert_not_null(wanted[i], "one event more: %s", event_text(&event));
		cr_expect_str_eq(event_text(&event), wanted[i], "event %zu: %s", i,
				 event_text(&event));
		i++;
	}
	cr_expect_eq(status, TRACE_END, "%s", trace_message(trace));
	cr_expect_null(wanted[i], "missing: %s", wanted[i]);
}

Test(import, traces_of_the_malloc_lab)
{
	struct trace *trace = trace_of_text("20000\n2\n6\n1\na 0 512\na 1 128\nr 0 640\n"
					    "f 1\nf 0\nf 7\n");
	cr_expect_str_eq(trace_info_get(trace)->format, "rep");
	cr_expect_not(trace_info_get(trace)->has_addresses);
	cr_expect_eq(trace_info_get(trace)->event_count, 6);
	says(trace, (const char *const[]){"a 512", "a 128", "r 640", "f 128", "f 640",
					  "unknown f 0", NULL});
	cr_expect_eq(trace_rewind(trace), TRACE_OK);
	says(trace, (const char *const[]){"a 512", "a 128", "r 640", "f 128", "f 640",
					  "unknown f 0", NULL});
	trace_close(trace);
}

Test(import, traces_of_mtrace)
{
	struct trace *trace = trace_of_text(
		"= Start\n"
		"@ ./a.out:(main+0x1e)[0x4005be] + 0x804a378 0x14\n"
		"@ ./a.out:[0x4005cf] + 0x804a390 0x20\n"
		"@ ./a.out:(main+0x1e)[0x4005be] < 0x804a378\n"
		"@ ./a.out:(main+0x1e)[0x4005be] > 0x804a400 0x64\n"
		"- 0x804a390\n"
		"@ ./a.out:(main+0x1e)[0x4005be] - 0x804a400\n"
		"= End\n");
	cr_expect_str_eq(trace_info_get(trace)->format, "mtrace");
	cr_expect(trace_info_get(trace)->has_addresses);
	cr_expect_eq(trace_frame_count(trace), 3);
	cr_expect_eq(trace_frame_get(trace, 1)->address, 0x4005be);
	says(trace, (const char *const[]){"a 20 by stack", "a 32 by stack", "r 100 by stack",
					  "f 32 by stack", "f 100 by stack", NULL});
	trace_close(trace);
}

static const char heaptrack_text[] =
	"v 10400 3\nX ./program with words\nI 1000 5e298d\n"
	"s 8 /usr/bin/ls\ns 4 main\ns 6 main.c\ns 4 make\n"
	"i 401136 1 2 3 10\ni 401150 1 4\nt 1 0\nt 2 1\n"
	"a 1d8 2\n+ 0\nc a\n+ 0\na 20 1\n+ 1\nR 40\n- 0\n- 0\n- 1\n";

Test(import, traces_of_heaptrack)
{
	struct trace *trace = trace_of_text(heaptrack_text);
	cr_expect_str_eq(trace_info_get(trace)->format, "heaptrack");
	cr_expect_str_eq(trace_info_get(trace)->command, "./program with words");
	cr_expect_eq(trace_info_get(trace)->end_time, 10000000);
	cr_expect_eq(trace_frame_count(trace), 3);
	cr_expect_eq(trace_frame_get(trace, 2)->parent, 1);
	cr_expect_str_eq(trace_frame_symbol(trace, 2), "make");
	cr_expect_str_eq(trace_frame_symbol(trace, 1), "main");
	says(trace, (const char *const[]){"a 472 by stack", "a 472 by stack", "a 32 by stack",
					  "f 472 by stack", "f 472 by stack", "f 32 by stack",
					  NULL});
	trace_close(trace);
}

/* A gzip and a zstd of heaptrack_text, in one block that is not compressed. */
Test(import, compressed_traces)
{
	static const char *const tools[] = {"gzip -c", "zstd -qc"};
	for (size_t i = 0; i < 2; i++) {
		char command[TEXT_BYTES], path[TRACE_PATH_BYTES];
		unsigned char bytes[4096];
		trace_path_make(path, ".text");
		FILE *file = fopen(path, "w");
		fputs(heaptrack_text, file);
		fclose(file);
		snprintf(command, sizeof(command), "%s %.90s 2>/dev/null; rm -f %.90s", tools[i],
			 path, path);
		FILE *tool = popen(command, "r");
		size_t count = fread(bytes, 1, sizeof(bytes), tool);
		pclose(tool);
		if (count == 0)
			continue; /* the tool is not there */
		struct trace *trace = trace_of_bytes(bytes, count);
		cr_expect_eq(trace_info_get(trace)->event_count, 7);
		trace_close(trace);
		/* Cut off, it is used as far as it goes. */
		struct trace_event event;
		enum trace_status status;
		char message[MESSAGE_BYTES];
		bool is_told = false;
		trace = trace_try_bytes(bytes, count - 12, message, sizeof(message));
		if (trace == NULL)
			continue;
		while ((status = trace_next(trace, &event)) != TRACE_END)
			is_told |= status == TRACE_DAMAGED;
		cr_expect(is_told, "%s", tools[i]);
		trace_close(trace);
	}
}

Test(import, lines_that_cannot_be_read_are_named)
{
	struct trace *trace = trace_of_text("1\n1\n3\n1\na 0 10\nx 1 2\na 1 20\nf 0\n");
	struct trace_event event;
	cr_expect_eq(trace_next(trace, &event), TRACE_OK);
	cr_expect_eq(trace_next(trace, &event), TRACE_DAMAGED);
	cr_expect_str_eq(trace_message(trace), "line 6 cannot be read: it is skipped");
	cr_expect_eq(trace_next(trace, &event), TRACE_OK);
	cr_expect_eq(trace_next(trace, &event), TRACE_OK);
	cr_expect_eq(trace_next(trace, &event), TRACE_END);
	trace_close(trace);
}
