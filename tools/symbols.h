/* SPDX-License-Identifier: MIT */
/*
 * Symbols: what the frames of a trace are called.
 *
 * Names are looked up when they are asked for, in the files that were loaded while the program was
 * recorded, or in what is kept of them by build id; never in the recorded process. A file that is
 * not the recorded one, by its build id, is not believed: its frames are called "module+0x12",
 * which names the file's own address. So are those of a file that is gone, and an address outside
 * of all files is written in hexadecimal. What could not be used is said once for each file.
 *
 * A frame is the address a call returns to, so the byte before it is looked up. Where the
 * compiler put functions into others, the innermost is the frame's function and the others are to
 * be had with symbols_place().
 *
 * Not here: reading the files (symbols_file.h), names of C++, Rust and D (symbols_demangle.h).
 */
#ifndef ALLOT_TOOLS_SYMBOLS_H
#define ALLOT_TOOLS_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <allot/trace.h>

/* The function of frame 0, which is no frame. */
#define SYMBOLS_NO_STACK "[no stack]"

struct symbols_options {
	const char *command;   /* whose notices are written; NULL: none are */
	bool has_debuginfod;   /* the servers of DEBUGINFOD_URLS may be asked */
	bool has_no_folders;   /* files are named without their folders */
};

/* A function at a place in its source. Texts are "" when unknown; equal texts are one pointer. */
struct symbol {
	const char *function;
	const char *file;
	uint32_t line;         /* 0: unknown */
};

/* What is known of an address in code. */
struct symbols_place {
	uint32_t number;       /* dense, from 0 on; frames at one address have one place */
	uint64_t address;      /* of the call: the byte before where it returns to */
	size_t module;         /* number of its file in the trace; SIZE_MAX: none */
	bool is_named;         /* false: the function is called after its address */
	struct symbol *functions; /* innermost first: each was put into the one after it, and all
				   * but the first are at the line of that call */
	size_t function_count; /* at least 1 */
	const char *line;      /* of the first: "file.c:12"; NULL: unknown */
};

struct symbols;

/* `trace` must outlive the result. Without `has_debuginfod` DEBUGINFOD_URLS is unset. */
struct symbols *symbols_open(struct trace *trace, const struct symbols_options *options);
void symbols_close(struct symbols *symbols);

/* The trace, being followed, has more frames or modules: they may be asked for from here on. */
void symbols_grow(struct symbols *symbols);

/*
 * The function of a frame, never NULL, and where in it: "file.c:12", or NULL when that is unknown.
 * `out_line` may be NULL. Texts live as long as `symbols`.
 */
const char *symbols_function(struct symbols *symbols, uint32_t frame, const char **out_line);

/* The file of code a frame lies in; "" for none. */
const char *symbols_module(struct symbols *symbols, uint32_t frame);

/* All of it. Valid until the next frame is asked for; its texts as long as `symbols`. */
const struct symbols_place *symbols_place(struct symbols *symbols, uint32_t frame);

/* The frame that called `frame`; 0 at the bottom of a stack, and for what is no frame. */
uint32_t symbols_caller(const struct symbols *symbols, uint32_t frame);

/* `path` without its folders, if names are written so; else as it is. */
const char *symbols_path(const struct symbols *symbols, const char *path);

#endif
