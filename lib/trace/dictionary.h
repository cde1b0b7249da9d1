/* SPDX-License-Identifier: MIT */
/*
 * Dictionary: what a trace knows beside its events: info, frames, modules, threads.
 *
 * Built while a file is opened, by whatever form it has, and only read after that. Numbers in a
 * damaged file are bounded by what the file holds, so that one wrong number costs no memory: frames
 * are collected first and numbered when all are known (dictionary_finish).
 */
#ifndef TRACE_DICTIONARY_H
#define TRACE_DICTIONARY_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <allot/trace.h>

#include "trace/record.h"

enum { DICTIONARY_MESSAGES = 16 };

/* A frame as it was found, before its number is believed. */
struct dictionary_found {
	uint32_t frame, parent;
	uint64_t address;
};

struct trace_dictionary {
	struct trace_info info;
	struct trace_frame *frames;
	const char **symbols; /* of frames, or NULL */
	size_t frame_count, frame_capacity; /* capacity: of one that grows */
	struct trace_module *modules;
	size_t module_count, module_capacity;
	/* Threads' own numbers, ascending: the place in here is what readers are told. */
	uint32_t *threads;
	const char **thread_names;
	size_t thread_count, thread_capacity;
	struct dictionary_found *found;
	size_t found_count, found_capacity;
	char **strings; /* owned */
	size_t string_count, string_capacity;
	/* What was wrong, for the reader to tell first. */
	char messages[DICTIONARY_MESSAGES][TRACE_LINE_BYTES];
	size_t message_count;
};

/* NULL when out of memory. All strings of the info are "". */
struct trace_dictionary *dictionary_create(void);
void dictionary_destroy(struct trace_dictionary *dictionary);

/* A copy that lives as long as the dictionary; "" when out of memory. */
const char *dictionary_string(struct trace_dictionary *dictionary, const char *text, size_t bytes);
/* The same of arguments each ended by a 0, with blanks between. */
const char *dictionary_arguments(struct trace_dictionary *dictionary, const char *text,
				 size_t bytes);

/* The rest return false when out of memory. */
bool dictionary_frame_add(struct trace_dictionary *dictionary, uint32_t frame, uint32_t parent,
			  uint64_t address);
bool dictionary_thread_add(struct trace_dictionary *dictionary, uint32_t thread);
/* `name` is copied; thread is added if it is new. */
bool dictionary_thread_name(struct trace_dictionary *dictionary, uint32_t thread, const char *name,
			    size_t bytes);
/* `module.path` is copied. A module that is gone ends the one that was there. */
bool dictionary_module_add(struct trace_dictionary *dictionary, const struct trace_module *module,
			   bool is_gone);
/* Times of modules, so far in units, as nanoseconds. */
void dictionary_modules_time(struct trace_dictionary *dictionary, uint64_t ns_per_unit);
/* A frame whose number is to be believed, of a trace that still grows. */
bool dictionary_frame_put(struct trace_dictionary *dictionary, uint32_t frame, uint32_t parent,
			  uint64_t address);
/* Number the frames that were found. */
bool dictionary_finish(struct trace_dictionary *dictionary);

/* What readers are told as the number of `thread`; the number of threads if it is unknown. */
size_t dictionary_thread_rank(const struct trace_dictionary *dictionary, uint32_t thread);

/* Keep a line for the reader; after the last there is room for, they are counted. */
void dictionary_message(struct trace_dictionary *dictionary, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Make room for one more of `count` elements in `*array`. False: out of memory, nothing changed. */
bool array_reserve(void *array, size_t *capacity, size_t count, size_t element_bytes);

#endif
