/* SPDX-License-Identifier: MIT */
/*
 * Arguments: the options of a command line, one after another, by the command's table.
 *
 * Options end at the first operand or at "--", so that a wrapped command keeps its own. --help
 * and mistakes are dealt with here: the scan then ends with a status to exit with.
 */
#ifndef ALLOT_TOOLS_ARGUMENT_H
#define ALLOT_TOOLS_ARGUMENT_H

#include "command.h"

enum {
	ARGUMENT_GO_ON = -1, /* no status yet: there is work to do */
};

struct argument_scan {
	const struct command *command;
	int argc;
	char **argv;
	int index;         /* of the next argument; of the first operand at the end */
	int status;        /* to exit with, or ARGUMENT_GO_ON */
	const char *value; /* of the option last returned, or NULL */
};

/* Start after argv[0]. The strings stay the caller's and must outlive the scan. */
void argument_init(struct argument_scan *scan, const struct command *command, int argc,
		   char **argv);

/* The next option, or NULL at the end; look at scan->status then. */
const struct command_option *argument_next(struct argument_scan *scan);

/*
 * Say what is wrong with the command line, and end the scan. `meant`, or NULL, is what was probably
 * meant. Returns the status to exit with.
 */
int argument_refuse(struct argument_scan *scan, const char *meant, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
