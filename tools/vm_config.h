/* SPDX-License-Identifier: MIT */
/*
 * What the subcommands of allot vm that have a machine share.
 */
#ifndef ALLOT_TOOLS_VM_CONFIG_H
#define ALLOT_TOOLS_VM_CONFIG_H

#include <allot/vm.h>

#include "argument.h"
#include "vm_script.h"

/* Switch off the rule that --off names. False when the scan ends with a mistake. */
bool vm_rule_switch_off(struct argument_scan *scan, struct vm_config *config);

/* The profile that --profile names. False when the scan ends with a mistake. */
bool vm_profile_choose(struct argument_scan *scan, struct vm_config *config);

/* Read a script and parse it; what is wrong is said in the name of `command`, with the status to
 * exit with in *out_status. Free *out_text and finish the script afterwards. */
bool vm_script_load(struct script *script, char **out_text, const char *path,
		    const char *command, int *out_status);

/*
 * Measure what is particular to the running kernel: its profile. False with the reason in
 * `message`.
 */
bool vm_probe(struct vm_profile *out, const char *helper_path, char *message,
	      size_t message_bytes);

#endif
