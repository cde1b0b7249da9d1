/* SPDX-License-Identifier: MIT */
/*
 * Where the figures of memory are from: the running kernel, a copy of its /proc, or the model's
 * machine at the end of a script.
 */
#ifndef ALLOT_TOOLS_VM_SOURCE_H
#define ALLOT_TOOLS_VM_SOURCE_H

#include "argument.h"
#include "vm_figures.h"
#include "vm_play.h"
#include "vm_proc.h"

struct vm_source {
	const struct command *command;
	bool is_kernel, is_json, is_explained;
	struct vm_proc proc;       /* of the kernel */
	char *text;                /* of the script */
	struct script script;
	struct vm_play play;
};

/*
 * Take --from-kernel[=DIR], --json and --explain; false: it is another option, and the command's.
 */
bool vm_source_option(struct vm_source *source, const struct command_option *option,
		      const struct argument_scan *scan);

/* Play the script, unless it is the kernel. ARGUMENT_GO_ON, or a status to exit with. */
int vm_source_open(struct vm_source *source, struct argument_scan *scan);
void vm_source_close(struct vm_source *source);

/* A command that has no other options and shows what the source says; the status to exit with. */
int vm_source_main(const struct command *command, int argc, char **argv,
		   int (*show)(struct vm_source *source));

/* Say what could not be read; STATUS_DAMAGED. */
int vm_source_fail(struct vm_source *source);

/* "measured" or "exact": what the figures that nothing is computed from are. */
const char *vm_source_label(const struct vm_source *source);

/* The end of a command that wrote `figures` (or NULL): what differs is a failure. */
int vm_source_status(const struct vm_source *source, const struct figures *figures);

#endif
