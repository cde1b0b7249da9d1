/* SPDX-License-Identifier: MIT */
/*
 * Configuration: the library's own table of keys, as the tools look at it.
 */
#ifndef ALLOT_TOOLS_CONF_H
#define ALLOT_TOOLS_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include <allot/allot.h>

/* The file read before ALLOT_CONF. */
#define CONF_FILE "/etc/allot.conf"

/*
 * The text of CONF_FILE, to be freed; NULL with errno when it cannot be read, ENOENT when there is
 * none. What is beyond 64 KiB is left out.
 */
char *conf_file_read(void);

/* The row of `key`, or NULL. */
const struct allot_option *conf_option(const char *key);

/* "word", "size", ...: the name of a type of values. */
const char *conf_type_name(enum allot_option_type type);

/*
 * Step through the values of a key that has words or true and false: each call stores the next
 * one in `out_word` and returns the position after it. Start with NULL; NULL is the end.
 */
const char *conf_value_next(const struct allot_option *option, const char *position, char *out_word,
			    size_t word_bytes);

#endif
