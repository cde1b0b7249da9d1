/* SPDX-License-Identifier: MIT */
/*
 * Where the figures of memory are from. See vm_source.h.
 */
#include "vm_source.h"

#include <stdlib.h>
#include <string.h>

#include "notice.h"
#include "vm_config.h"

bool vm_source_option(struct vm_source *source, const struct command_option *option,
		      const struct argument_scan *scan)
{
	if (strcmp(option->name, "json") == 0) {
		source->is_json = true;
	} else if (strcmp(option->name, "explain") == 0) {
		source->is_explained = true;
	} else if (strcmp(option->name, "from-kernel") == 0) {
		source->is_kernel = true;
		source->proc.root = scan->value != NULL ? scan->value : "/proc";
	} else {
		return false;
	}
	return true;
}

int vm_source_open(struct vm_source *source, struct argument_scan *scan)
{
	static const struct vm_config config;
	int operands = scan->argc - scan->index;
	int status;
	source->command = scan->command;
	if (source->is_kernel && operands > 0)
		return argument_refuse(scan, NULL, "'%s' and --from-kernel: one of them",
				       scan->argv[scan->index]);
	if (source->is_kernel)
		return ARGUMENT_GO_ON;
	if (operands != 1)
		return argument_refuse(scan, NULL, "one script, or --from-kernel");
	if (!vm_script_load(&source->script, &source->text, scan->argv[scan->index],
			    scan->command->name, &status))
		return status;
	if (!vm_play_open(&source->play, &source->script, &config, NULL, NULL) ||
	    vm_play_all(&source->play) != PLAY_END) {
		notice_write(scan->command->name, "%s", source->play.message);
		return STATUS_FAILURE;
	}
	return ARGUMENT_GO_ON;
}

void vm_source_close(struct vm_source *source)
{
	if (source->play.script != NULL)
		vm_play_close(&source->play);
	script_finish(&source->script);
	free(source->text);
}

int vm_source_main(const struct command *command, int argc, char **argv,
		   int (*show)(struct vm_source *source))
{
	static struct vm_source source; /* too large for a stack */
	struct argument_scan scan;
	const struct command_option *option;
	argument_init(&scan, command, argc, argv);
	while ((option = argument_next(&scan)) != NULL)
		vm_source_option(&source, option, &scan);
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	int status = vm_source_open(&source, &scan);
	if (status == ARGUMENT_GO_ON)
		status = show(&source);
	vm_source_close(&source);
	return status;
}

int vm_source_fail(struct vm_source *source)
{
	notice_write(source->command->name, "%s", source->proc.message);
	return STATUS_DAMAGED;
}

const char *vm_source_label(const struct vm_source *source)
{
	return source->is_kernel ? "measured" : "exact";
}

int vm_source_status(const struct vm_source *source, const struct figures *figures)
{
	size_t differ = figures != NULL ? figures_differ(figures) : 0;
	if (differ > 0) {
		fflush(stdout);
		notice_write(source->command->name, "%zu of %zu figures differ from the kernel's",
			     differ, figures->count);
		return STATUS_FAILURE;
	}
	if (!source->is_json)
		notice_next(source->command->next);
	return STATUS_OK;
}
