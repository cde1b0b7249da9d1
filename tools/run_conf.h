/* SPDX-License-Identifier: MIT */
/*
 * The configuration of a program that is run: options of a command line, put together, checked and
 * exported, by `allot run` and `allot record`.
 */
#ifndef ALLOT_TOOLS_RUN_CONF_H
#define ALLOT_TOOLS_RUN_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "argument.h"

enum {
	CONF_BYTES = 8192,
};

/* A configuration that grows. */
struct conf_text {
	char text[CONF_BYTES];
	size_t length;
};

/* Append a comma, where there is text before, and `piece`; false when it does not fit. */
bool conf_append(struct conf_text *conf, const char *piece);

/* Say that it does not fit. Returns the status to exit with. */
int conf_refuse(struct argument_scan *scan);

/*
 * Take the value of one option into the part of the configuration it belongs to: of --conf into
 * `general`, of one that stands for a key into `specific`. False: it was refused.
 */
bool conf_option_take(struct argument_scan *scan, const struct command_option *option,
		      struct conf_text *general, struct conf_text *specific);

/* Is `conf`, from the command line, right, given what the file and the environment say? */
bool conf_check(const char *conf, char *message, size_t message_bytes);

/* Set ALLOT_CONF to what it holds, then `conf`. False with errno. */
bool conf_export(const char *conf);

#endif
