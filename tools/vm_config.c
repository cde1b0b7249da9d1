/* SPDX-License-Identifier: MIT */
/*
 * What subcommands of allot vm are told of a machine, and scripts as they are read for them.
 */
#include "vm_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "help.h"
#include "notice.h"
#include "vm_exec.h"
#include "vm_profile.h"
#include "word.h"

/* ---- options ---- */

bool vm_rule_switch_off(struct argument_scan *scan, struct vm_config *config)
{
	struct word_match match;
	word_match_init(&match, scan->value);
	for (int i = 0; i < VM_RULE_COUNT; i++) {
		const char *name = vm_rule_name((enum vm_rule)i);
		if (strcmp(name, scan->value) == 0) {
			config->is_off[i] = true;
			return true;
		}
		word_match_offer(&match, name);
	}
	argument_refuse(scan, match.nearest[0] != '\0' ? match.nearest : NULL, "no rule '%s'",
			scan->value);
	return false;
}

/* A profile's file, which lives as long as the program. */
static bool profile_load(struct argument_scan *scan, struct vm_config *config)
{
	static struct profile_read read;
	char *text = script_read(scan->value);
	if (text == NULL) {
		argument_refuse(scan, NULL, "%s: %s", scan->value, strerror(errno));
		return false;
	}
	bool is_right = profile_parse(&read, text);
	if (!is_right) {
		notice_write(scan->command->name, "%s: at byte %zu expected %s", scan->value,
			     read.offset, read.expected);
		scan->status = STATUS_DAMAGED;
	}
	free(text);
	config->profile = &read.profile;
	return is_right;
}

bool vm_profile_choose(struct argument_scan *scan, struct vm_config *config)
{
	struct word_match match;
	word_match_init(&match, scan->value);
	config->profile = vm_profile_find(scan->value);
	if (config->profile != NULL)
		return true;
	if (strchr(scan->value, '/') != NULL || strchr(scan->value, '.') != NULL)
		return profile_load(scan, config);
	for (size_t i = 0; vm_profile_at(i) != NULL; i++)
		word_match_offer(&match, vm_profile_at(i)->name);
	argument_refuse(scan, match.nearest[0] != '\0' ? match.nearest : NULL,
			"no profile '%s'; the first of those there are is '%s'", scan->value,
			vm_profile_at(0)->name);
	return false;
}

/* ---- scripts ---- */

bool vm_script_load(struct script *script, char **out_text, const char *path,
		    const char *command, int *out_status)
{
	*script = (struct script){ 0 };
	*out_text = script_read(path);
	if (*out_text == NULL) {
		notice_write(command, "%s: %s", path, strerror(errno));
		*out_status = STATUS_USAGE;
		return false;
	}
	if (script_parse(script, path, *out_text) && vm_exec_check(script))
		return true;
	notice_write(command, "%s", script->message);
	*out_status = STATUS_DAMAGED;
	return false;
}
