/* SPDX-License-Identifier: MIT */
/*
 * The `allot` command: finds the command that is meant and hands over to it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <allot/allot.h>

#include "argument.h"
#include "help.h"
#include "notice.h"
#include "program.h"

/* Refuse `name`, which is no command: the nearest one, or `run` for the name of a program. */
static int command_refuse(struct argument_scan *scan, const char *name)
{
	const struct command *nearest = command_nearest(name);
	struct program program;
	char meant[PATH_MAX];

	if (nearest != NULL)
		return argument_refuse(scan, nearest->name, "no command '%s'", name);
	snprintf(meant, sizeof(meant), "allot run %s", name);
	bool is_program = program_find(&program, name) == PROGRAM_FOUND;
	return argument_refuse(scan, is_program ? meant : NULL, "no command '%s'", name);
}

int main(int argc, char **argv)
{
	struct argument_scan scan;
	const struct command_option *option;

	argument_init(&scan, &command_allot, argc, argv);
	option = argument_next(&scan);
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	if (option != NULL && strcmp(option->name, "version") == 0) {
		printf("allot %s\n", allot_version());
		return STATUS_OK;
	}
	/* --help is the command of that name. */
	if (option != NULL)
		return help_main(argc - scan.index + 1, argv + scan.index - 1);
	if (scan.index >= argc) {
		help_write(stderr, &command_allot);
		return STATUS_USAGE;
	}

	const char *name = argv[scan.index];
	const struct command *command = command_find(name);
	if (command == NULL)
		return command_refuse(&scan, name);

	int status = command->run(argc - scan.index, argv + scan.index);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		notice_write(command->name, "standard output: %s", strerror(errno));
		return STATUS_FAILURE;
	}
	return status;
}
