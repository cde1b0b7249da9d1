/* SPDX-License-Identifier: MIT */
/*
 * allot run: become another program, with the library preloaded and configured.
 *
 * Words given on the command line are checked before anything runs. What the environment already
 * holds is left to the library, which reports a mistake there once in the program itself.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "argument.h"
#include "locate.h"
#include "notice.h"
#include "program.h"
#include "run_conf.h"

static const char name[] = "run";

enum {
	MESSAGE_BYTES = 2 * PATH_MAX,
};

int run_main(int argc, char **argv)
{
	struct argument_scan scan;
	const struct command_option *option;
	struct conf_text conf = { .length = 0 }, specific = { .length = 0 };
	struct program program;
	char library[PATH_MAX];
	char message[MESSAGE_BYTES];

	argument_init(&scan, &command_run, argc, argv);
	while ((option = argument_next(&scan)) != NULL)
		if (!conf_option_take(&scan, option, &conf, &specific))
			return scan.status;
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	if (specific.length > 0 && !conf_append(&conf, specific.text))
		return conf_refuse(&scan);
	if (!conf_check(conf.text, message, sizeof(message)))
		return argument_refuse(&scan, NULL, "%s", message);
	if (scan.index >= argc)
		return argument_refuse(&scan, NULL, "no program to run");

	char **words = argv + scan.index;
	switch (program_require(&program, name, words[0])) {
	case PROGRAM_NOT_FOUND:
		return STATUS_NOT_FOUND;
	case PROGRAM_NOT_EXECUTABLE:
		return STATUS_NOT_EXECUTABLE;
	case PROGRAM_FOUND:
		break;
	}
	if (!library_locate(library, message, sizeof(message))) {
		notice_write(name, "%s", message);
		return STATUS_WRAPPER;
	}

	const char *obstacle = program_obstacle(&program);
	if (obstacle != NULL)
		notice_write(name, "%s %s: it runs without allot", program.path, obstacle);
	if (!library_preload(library) || !conf_export(conf.text)) {
		notice_write(name, "setting the environment: %s", strerror(errno));
		return STATUS_WRAPPER;
	}
	execvp(words[0], words);
	notice_write(name, "%s: %s", program.path, strerror(errno));
	return errno == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
}
