/* SPDX-License-Identifier: MIT */
/*
 * Options: the table of keys, and reading "key:value,key:value" into values.
 *
 * A wrong key or value is left out and described in one line with the nearest right word; the
 * rest is used. Which sources of configuration there are, and their order, is process.c's.
 */
#ifndef API_OPTIONS_H
#define API_OPTIONS_H

#include "base/text.h"
#include "strategy/strategy.h"

enum option_source { SOURCE_MMAP, SOURCE_SBRK };
enum option_error { ON_ERROR_ABORT, ON_ERROR_LOG };
enum option_zero { REALLOC_ZERO_FREE, REALLOC_ZERO_ALLOCATE, REALLOC_ZERO_ABORT };

enum { OPTION_TEXT_BYTES_MAX = 256, OPTION_WORD_BYTES_MAX = 32 };

struct options {
	const struct strategy *strategy;
	struct strategy_policy policy;
	bool has_fit, has_order, has_coalesce; /* were they chosen? */
	bool has_front;
	bool has_huge_pages;
	enum option_source source;
	size_t mmap_threshold_bytes; /* 0: dynamic */
	size_t trim_threshold_bytes; /* 0: the built-in one */
	size_t arenas;
	bool check;
	enum option_error on_error;
	enum option_zero realloc_zero;
	char stats[OPTION_TEXT_BYTES_MAX]; /* "": none */
	bool stats_are_json;
	char trace[OPTION_TEXT_BYTES_MAX]; /* "": none */
	size_t trace_depth;
	size_t trace_sample_bytes; /* 0: the stack of every allocation */
	size_t trace_interval_ms;
	bool abort_conf;
	bool verbose;
	bool help;
};

/* Built-in values. */
void options_init(struct options *options);

/*
 * Read a configuration over what is there. Returns true when all of it was right; otherwise
 * `message` has a line for the first wrong word. `heap_only` refuses keys that belong to the
 * process.
 */
bool options_read(struct options *options, const char *conf, size_t length, bool heap_only,
		  struct text *message);

/*
 * After the last options_read(): give the policies that were not chosen the strategy's default,
 * and refuse those it does not have, as options_read() does.
 */
bool options_settle(struct options *options, struct text *message);

/* The heap's own options as they are in force, "key:value,...", for whoever reads a trace. */
void options_write(const struct options *options, struct text *text);

/* A line for every key: name, type, default, meaning. */
void options_help(void (*print)(const struct text *line));

#endif
