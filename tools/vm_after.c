/* SPDX-License-Identifier: MIT */
/*
 * The machine after a script: options, playing it that far, finding addresses in it.
 */
#include "vm_after.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "locate.h"
#include "notice.h"
#include "word.h"

enum {
	MESSAGE_BYTES = 512,
};

/* ---- options ---- */

static bool line_read(struct vm_after *after, struct argument_scan *scan)
{
	char *end;
	long line = strtol(scan->value, &end, 10);
	if (end == scan->value || *end != '\0' || line < 1 || line > INT_MAX) {
		argument_refuse(scan, NULL, "--at needs the number of a line, not '%s'",
				scan->value);
		return false;
	}
	after->line_last = (int)line;
	return true;
}

bool vm_after_option(struct vm_after *after, struct argument_scan *scan, const char *option)
{
	if (strcmp(option, "at") == 0)
		return line_read(after, scan);
	if (strcmp(option, "off") == 0)
		return vm_rule_switch_off(scan, &after->config);
	if (strcmp(option, "profile") == 0)
		return vm_profile_choose(scan, &after->config);
	if (strcmp(option, "process") == 0)
		after->process_name = scan->value;
	else if (strcmp(option, "kernel") == 0)
		after->has_kernel = true;
	else if (strcmp(option, "json") == 0)
		after->is_json = true;
	else
		return false;
	return true;
}

/* ---- playing ---- */

static bool fails(const struct vm_after *after, const char *message, int status, int *out_status)
{
	notice_write(after->name, "%s", message);
	*out_status = status;
	return false;
}

/* Find the helper, and measure the kernel unless a profile was named. */
static bool kernel_prepare(struct vm_after *after, int *out_status)
{
	char message[MESSAGE_BYTES];
	/* Which pages leave there is not the same line by line, nor twice. */
	if (after->script.is_limited)
		return fails(after, "--kernel is for scripts without limits and swap", STATUS_USAGE,
			     out_status);
	if (!vm_helper_locate(after->helper_path, message, sizeof(message)))
		return fails(after, message, STATUS_FAILURE, out_status);
	if (after->config.profile != NULL)
		return true;
	after->config.profile = &after->profile;
	return vm_probe(&after->profile, after->helper_path, message, sizeof(message)) ||
	       fails(after, message, STATUS_FAILURE, out_status);
}

static bool process_find(struct vm_after *after, int *out_status)
{
	const struct script *script = &after->script;
	struct word_match match;
	if (after->process_name == NULL)
		return true;
	word_match_init(&match, after->process_name);
	for (int i = 0; i < script->process_count; i++) {
		after->process = i;
		if (strcmp(script->processes[i], after->process_name) == 0)
			return true;
		word_match_offer(&match, script->processes[i]);
	}
	bool has_nearest = match.nearest[0] != '\0';
	notice_write(after->name, "%s: no process '%s'%s%s%s", script->path, after->process_name,
		     has_nearest ? " (did you mean '" : "", match.nearest,
		     has_nearest ? "'?)" : "");
	*out_status = STATUS_USAGE;
	return false;
}

static bool has_next(const struct vm_after *after)
{
	const struct script *script = &after->script;
	size_t next = after->play.next;
	return next < script->op_count &&
	       (after->line_last == 0 || script->ops[next].line <= after->line_last);
}

static bool operations_play(struct vm_after *after, int *out_status)
{
	struct vm_kernel *kernel = after->has_kernel ? &after->kernel : NULL;
	if (!vm_play_open(&after->play, &after->script, &after->config, kernel,
			  kernel != NULL ? after->helper_path : NULL))
		return fails(after, after->play.message, STATUS_FAILURE, out_status);
	if (after->has_kernel && !kernel_base_read(&after->kernel, &after->base))
		return fails(after, "/proc of the helper cannot be read", STATUS_FAILURE,
			     out_status);
	while (has_next(after)) {
		const struct script_op *last = after->play.op;
		if (vm_play_next(&after->play) != PLAY_GOES_ON)
			return fails(after, after->play.message, STATUS_FAILURE, out_status);
		if (after->each != NULL && after->play.op != last && !after->each(after->context))
			return fails(after, "no memory", STATUS_FAILURE, out_status);
	}
	return true;
}

bool vm_after_play(struct vm_after *after, const char *path, int *out_status)
{
	after->name = after->command->name;
	if (!vm_script_load(&after->script, &after->text, path, after->name, out_status) ||
	    !process_find(after, out_status) ||
	    (after->has_kernel && !kernel_prepare(after, out_status)) ||
	    !operations_play(after, out_status))
		return false;
	if (after->each != NULL || after->is_of_machine || vm_after_space(after) != NULL)
		return true;
	notice_write(after->name, "%s: process %s is not there then", path,
		     after->script.processes[after->process]);
	*out_status = STATUS_USAGE;
	return false;
}

void vm_after_finish(struct vm_after *after)
{
	vm_play_close(&after->play);
	script_finish(&after->script);
	free(after->text);
}

void vm_after_label(const struct vm_after *after, char *out, size_t bytes)
{
	const struct vm_profile *profile = after->config.profile;
	char line[AFTER_LABEL_BYTES / 8] = "";
	if (after->line_last != 0)
		snprintf(line, sizeof(line), "line %d of ", after->line_last);
	if (after->has_kernel)
		snprintf(out, bytes, "measured: the running kernel");
	else
		snprintf(out, bytes, "exact: model of %s",
			 profile != NULL ? profile->name : vm_profile_at(0)->name);
	size_t used = strlen(out);
	if (after->is_of_machine)
		snprintf(out + used, bytes - used, ", after %s%s", line, after->script.path);
	else
		snprintf(out + used, bytes - used, ", process %s after %s%s",
			 after->script.processes[after->process], line, after->script.path);
}

void vm_after_json(const struct vm_after *after, struct json *json)
{
	const struct vm_profile *profile = after->config.profile;
	char schema[AFTER_LABEL_BYTES / 8];
	snprintf(schema, sizeof(schema), "allot.vm.%s/1", command_own_name(after->command));
	json_open(json, NULL, '{');
	json_text(json, "schema", schema);
	json_text(json, "label", "exact");
	json_text(json, "profile", profile != NULL ? profile->name : vm_profile_at(0)->name);
	json_text(json, "script", after->script.path);
	if (!after->is_of_machine)
		json_text(json, "process", after->script.processes[after->process]);
	if (after->line_last != 0)
		json_number(json, "after_line", after->line_last);
}

const struct vm_space *vm_after_space(const struct vm_after *after)
{
	return after->play.model.spaces[after->process];
}

/* ---- addresses ---- */

/* The region `word` begins with; the nearest one is named when there is none. */
static int region_of(const struct vm_after *after, const char *word, size_t length)
{
	const struct script *script = &after->script;
	struct word_match match;
	char name[SCRIPT_NAME_BYTES] = "";
	memcpy(name, word, length < sizeof(name) ? length : sizeof(name) - 1);
	word_match_init(&match, name);
	for (int i = 0; i < script->region_count; i++) {
		if (strcmp(script->regions[i], name) == 0)
			return i;
		word_match_offer(&match, script->regions[i]);
	}
	bool has_nearest = match.nearest[0] != '\0';
	notice_write(after->name, "'%s' is no address and no region of %s%s%s%s", word,
		     script->path, has_nearest ? " (did you mean '" : "", match.nearest,
		     has_nearest ? "'?)" : "");
	return REGION_NONE;
}

/* "+3p" or "+12", as often as there are; false when something else follows. */
static bool offsets_add(const char *at, uint64_t *address)
{
	while (*at == '+') {
		char *end;
		if (at[1] < '0' || at[1] > '9')
			return false;
		uint64_t number = strtoull(at + 1, &end, 0);
		*address += *end == 'p' ? number * SCRIPT_PAGE_BYTES : number;
		at = *end == 'p' ? end + 1 : end;
	}
	return *at == '\0';
}

static bool address_refuse(const struct vm_after *after, const char *word)
{
	notice_write(after->name, "'%s' is no address: a number, or a region as A, A+3p, A+3p+12",
		     word);
	return false;
}

bool vm_after_address(const struct vm_after *after, const char *word, uint64_t *out_address)
{
	const struct vm_places *places = &after->play.places;
	uint64_t address;
	if (word[0] >= '0' && word[0] <= '9') {
		char *end;
		errno = 0;
		address = strtoull(word, &end, 0);
		if (*end != '\0' || errno != 0)
			return address_refuse(after, word);
		*out_address = address;
		return true;
	}
	size_t length = strcspn(word, "+");
	int region = region_of(after, word, length);
	if (region == REGION_NONE)
		return false;
	if (!places->is_known[region]) {
		notice_write(after->name, "region %.*s is nowhere then", (int)length, word);
		return false;
	}
	address = places->start[region];
	if (!offsets_add(word + length, &address))
		return address_refuse(after, word);
	*out_address = address;
	return true;
}
