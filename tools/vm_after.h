/* SPDX-License-Identifier: MIT */
/*
 * The machine after a script, for those who look at it: views, explanations, pictures.
 *
 * Options they share: --at LINE stops after that line, --process NAME chooses whose memory is
 * looked at, --profile, --off and --json are those of `allot vm run`.
 */
#ifndef ALLOT_TOOLS_VM_AFTER_H
#define ALLOT_TOOLS_VM_AFTER_H

#include <limits.h>

#include "argument.h"
#include "json.h"
#include "vm_config.h"
#include "vm_play.h"
#include "vm_kernel_report.h"

enum {
	AFTER_LABEL_BYTES = 512,
};

struct vm_after {
	const struct command *command; /* that looks */
	const char *name;          /* its own, for messages */
	struct vm_config config;
	struct vm_profile profile; /* measured, when the kernel plays too */
	const char *process_name;  /* NULL: main */
	bool is_of_machine;        /* all of it is looked at, and no process */
	int line_last;             /* 0: all of the script */
	bool has_kernel;           /* play on the running kernel as well */
	bool is_json;
	char helper_path[PATH_MAX];
	struct script script;
	char *text;
	struct vm_play play;
	struct vm_kernel kernel;
	struct kernel_base base;     /* what the helper has before the script */
	int process;
	bool (*each)(void *context); /* called after each operation; false: no memory. Or NULL */
	void *context;
};

/* Take one of the shared options; false: it is none of them, or the scan ends with a mistake. */
bool vm_after_option(struct vm_after *after, struct argument_scan *scan, const char *option);

/*
 * Play the script at `path`. False when that is said and *out_status is to be exited with; finish
 * it in any case.
 */
bool vm_after_play(struct vm_after *after, const char *path, int *out_status);
void vm_after_finish(struct vm_after *after);

/*
 * Where the figures of what is looked at are from, and of what they are: "exact: model of
 * linux-6.18, process main after line 4 of FILE". Text in a format of the kernel's gets it as a
 * comment, behind "# ", in its first line.
 */
void vm_after_label(const struct vm_after *after, char *out, size_t bytes);

/* Begin the JSON object of the command: schema, label, and what is looked at. */
void vm_after_json(const struct vm_after *after, struct json *json);

/* The address space that is looked at. */
const struct vm_space *vm_after_space(const struct vm_after *after);

/* An address as a number, or in a region of the script: A, A+3p, A+3p+12, heap+8. False, said. */
bool vm_after_address(const struct vm_after *after, const char *word, uint64_t *out_address);

#endif
