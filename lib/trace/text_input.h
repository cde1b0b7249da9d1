/* SPDX-License-Identifier: MIT */
/*
 * Text input: lines of a file that may be compressed with gzip or zstd.
 */
#ifndef TRACE_TEXT_INPUT_H
#define TRACE_TEXT_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text_input;

/* From the file's start; the descriptor stays the caller's. NULL: out of memory. */
struct text_input *text_input_open(int descriptor);
void text_input_close(struct text_input *input);

/*
 * The next line, without its end, ended by a 0; valid until the next call. NULL at the end.
 * A line beyond 1 MiB is cut.
 */
char *text_input_line(struct text_input *input);

/* What was wrong with the compression, or NULL; after the end. */
const char *text_input_damage(const struct text_input *input);

/* The file's first bytes, expanded; how many. */
size_t text_input_head(int descriptor, char *out, size_t bytes);

#endif
