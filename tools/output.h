/* SPDX-License-Identifier: MIT */
/*
 * Output: the file a command writes its result to.
 *
 * A file that exists is not overwritten unless that was asked for, and one that could not be
 * written whole does not stay. "-" is standard output.
 */
#ifndef ALLOT_TOOLS_OUTPUT_H
#define ALLOT_TOOLS_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

struct output {
	FILE *file;          /* to write to */
	const char *command; /* whose notices are written */
	const char *path;
	bool is_standard;
	bool is_ours;        /* a file of ours, to be removed when it is of no use */
};

struct output_options {
	const char *command;
	const char *path;      /* "-": standard output; must outlive the output */
	const char *input;     /* a file that must not be overwritten in any case, or NULL */
	bool is_forced;        /* overwrite what exists */
	bool is_binary;        /* nothing for a terminal */
	bool is_compressed;    /* as gzip does, if this build can; else as it is */
};

/* False, and said why, when it cannot be opened. */
bool output_open(struct output *output, const struct output_options *options);

/* The end; `is_whole` false: it is of no use. False, and said why, if not all could be written. */
bool output_close(struct output *output, bool is_whole);

#endif
