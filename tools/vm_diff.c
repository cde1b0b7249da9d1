/* SPDX-License-Identifier: MIT */
/*
 * allot vm diff: scripts on the kernel and on the model.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "locate.h"
#include "notice.h"
#include "vm_config.h"
#include "vm_play.h"
#include "vm_random.h"

static const char name[] = "vm diff";

enum {
	OPERATIONS = 200,
	OPERATIONS_MAX = 100000,
	ATTEMPTS = 3,
	ATTEMPTS_LIMITED = 6, /* of scripts with limits: see play_repeatedly() */
	ATTEMPTS_MAX = 12, /* with those that are known to have been disturbed */
	CHECK_BYTES = 256,
	MESSAGE_BYTES = 1024,
};

struct diff {
	struct vm_config config;
	struct vm_profile profile;      /* measured, unless one was named */
	char helper_path[PATH_MAX];
	uint64_t seed, random_count;
	size_t operations_each;
	bool is_json, shows_figures;
	uint64_t of_model;              /* scripts that are for the model alone */
	uint64_t skipped;               /* scripts that cannot be had here */
	char reason[CHECK_BYTES];       /* of the last one */
	uint64_t scripts, operations;   /* played */
	uint64_t mismatches, disturbed; /* scripts */
	bool has_failed;                /* the helper could not be used */
	bool hides_frames;              /* we may not see frame numbers */
	char message[MESSAGE_BYTES];    /* about the last script that differs */
	char first[MESSAGE_BYTES];      /* about the first */
};

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* ---- one script ---- */

static size_t size_least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* By how much the figure at `offset` changed. */
static int64_t figure_change(const struct vm_seen *now, const struct vm_seen *before,
			     size_t offset)
{
	uint64_t a, b;
	memcpy(&a, (const char *)now + offset, sizeof(a));
	memcpy(&b, (const char *)before + offset, sizeof(b));
	return (int64_t)(a - b);
}

/* Play all of it, a row an operation: the kernel's figures and the model's. */
static enum play_result figures_play(struct vm_play *play)
{
	static const struct {
		const char *name;
		size_t offset; /* of the figure in struct vm_seen */
	} columns[] = {
		{ "major", offsetof(struct vm_seen, major) },
		{ "minor", offsetof(struct vm_seen, minor) },
		{ "anon", offsetof(struct vm_seen, anon) },
		{ "file", offsetof(struct vm_seen, file) },
		{ "swap", offsetof(struct vm_seen, swap) },
	};
	enum play_result at = PLAY_GOES_ON;
	printf("%-34s", play->script->path + strlen(play->script->path) -
				size_least(strlen(play->script->path), 33));
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		printf(" %15s", columns[i].name);
	puts("   kernel / model");
	while (at == PLAY_GOES_ON) {
		const struct script_op *last = play->op;
		at = vm_play_next(play);
		if (play->op == last || play->op == NULL || play->is_skipped)
			continue;
		int process = play->op->process;
		printf("%-34s", play->op->text);
		for (size_t i = 0; i < ARRAY_LEN(columns); i++)
			printf(" %7" PRId64 " %7" PRId64,
			       figure_change(&play->kernel_seen[process],
					     &play->kernel_before[process], columns[i].offset),
			       figure_change(&play->seen[process], &play->before[process],
					     columns[i].offset));
		putchar('\n');
	}
	return at;
}

/* Play it once; true when the two agree all the way and the model is sound. */
static bool play_once(struct diff *diff, const struct script *script)
{
	static struct vm_play play; /* both are too large for a stack */
	static struct vm_kernel kernel;
	char broken[CHECK_BYTES];
	bool is_open = vm_play_open(&play, script, &diff->config, &kernel, diff->helper_path);
	enum play_result result = PLAY_FAILED;
	if (is_open && diff->shows_figures)
		result = figures_play(&play);
	else if (is_open)
		result = vm_play_all(&play);
	diff->operations += play.operations;
	diff->has_failed |= result == PLAY_FAILED;
	diff->hides_frames = kernel.hides_frames;
	snprintf(diff->message, sizeof(diff->message), "%s", play.message);
	if (result == PLAY_END && !vm_check(play.model.machine, broken, sizeof(broken))) {
		result = PLAY_MISMATCH;
		snprintf(diff->message, sizeof(diff->message), "%s: the model is unsound: %s",
			 script->path, broken);
	}
	vm_play_close(&play);
	return result == PLAY_END;
}

/* Huge pages that khugepaged has put together so far, of any process. */
static uint64_t collapses_read(void)
{
	char *text = script_read("/sys/kernel/mm/transparent_hugepage/khugepaged/"
				 "pages_collapsed");
	uint64_t collapses = text != NULL ? strtoull(text, NULL, 10) : 0;
	free(text);
	return collapses;
}

/*
 * The same script again while it differs; true when it agrees once. It does not count that it
 * differed while khugepaged, which nobody can tell when to come, made a huge page somewhere. Every
 * two seconds the kernel also adds up the counts reclaim goes by; if that is during an operation
 * of a script with limits, other pages leave.
 */
static bool play_repeatedly(struct diff *diff, const struct script *script)
{
	int attempts = 0, attempts_max = script->is_limited ? ATTEMPTS_LIMITED : ATTEMPTS;
	for (int i = 0; i < ATTEMPTS_MAX && attempts < attempts_max; i++) {
		uint64_t collapses = collapses_read();
		if (play_once(diff, script)) {
			diff->disturbed += i > 0;
			return true;
		}
		if (diff->has_failed)
			return false;
		attempts += collapses_read() == collapses;
	}
	return false;
}

static bool script_differs(const char *text, void *context)
{
	struct diff *diff = context;
	struct diff trial = *diff;
	struct script script;
	script_parse_leniently(&script, "random", text);
	bool differs = !play_repeatedly(&trial, &script) && !trial.has_failed;
	script_finish(&script);
	if (differs)
		memcpy(diff->message, trial.message, sizeof(diff->message));
	return differs;
}

/* Count it, and say what differs. */
static void mismatch_note(struct diff *diff)
{
	diff->mismatches++;
	if (diff->first[0] == '\0')
		memcpy(diff->first, diff->message, sizeof(diff->first));
	if (!diff->is_json)
		printf("differs: %s\n", diff->message);
}

/* ---- all scripts ---- */

/* Are pages advised to leave, for which there would have to be no swap? */
static bool needs_no_swap(const struct script *script)
{
	for (size_t i = 0; i < script->op_count; i++)
		if (script->ops[i].verb == VERB_ADVISE &&
		    script->ops[i].advice == VM_ADVISE_PAGEOUT)
			return true;
	return false;
}

/* Can the script be had here? False with diff->reason. */
static bool is_possible(struct diff *diff, const struct script *script)
{
	bool needs_swappiness = false;
	if (!script->is_limited && needs_no_swap(script) && vm_pressure_has_swap()) {
		snprintf(diff->reason, sizeof(diff->reason), "the machine has swap");
		return false;
	}
	if (!script->is_limited)
		return true;
	for (size_t i = 0; i < script->op_count; i++)
		needs_swappiness |= script->ops[i].verb == VERB_SWAPPINESS;
	return vm_pressure_possible(script->has_swap, needs_swappiness, diff->reason,
				    sizeof(diff->reason));
}

static bool is_left_out(struct diff *diff, const struct script *script)
{
	if (script->frames > 0) {
		diff->of_model++;
		return true;
	}
	bool is_skipped = !is_possible(diff, script);
	diff->skipped += is_skipped;
	return is_skipped;
}

static int files_play(struct diff *diff, int count, char **paths)
{
	for (int i = 0; i < count; i++) {
		struct script script;
		char *text;
		int status = STATUS_OK;
		if (vm_script_load(&script, &text, paths[i], name, &status) &&
		    !is_left_out(diff, &script)) {
			diff->scripts++;
			if (!play_repeatedly(diff, &script) && !diff->has_failed)
				mismatch_note(diff);
		}
		script_finish(&script);
		free(text);
		if (status != STATUS_OK || diff->has_failed)
			return diff->has_failed ? STATUS_FAILURE : status;
	}
	return STATUS_OK;
}

/* Shrink a random script that differs, and show what is left of it. */
static void shrink_write(struct diff *diff, uint64_t seed, const char *text)
{
	char *shrunk = script_shrink(text, script_differs, diff);
	mismatch_note(diff);
	if (!diff->is_json && shrunk != NULL)
		printf("seed %" PRIu64 ", shrunk to:\n%s", seed, shrunk);
	free(shrunk);
}

static int random_play(struct diff *diff)
{
	for (uint64_t i = 0; i < diff->random_count; i++) {
		uint64_t seed = diff->seed + i;
		struct script script;
		char *text = script_random(seed, diff->operations_each);
		if (text == NULL || !script_parse(&script, "random", text)) {
			notice_write(name, "seed %" PRIu64 ": %s", seed,
				     text == NULL ? "no memory" : script.message);
			free(text);
			return STATUS_FAILURE;
		}
		diff->scripts++;
		if (!play_repeatedly(diff, &script) && !diff->has_failed)
			shrink_write(diff, seed, text);
		script_finish(&script);
		free(text);
		if (diff->has_failed)
			return STATUS_FAILURE;
	}
	return STATUS_OK;
}

/* ---- results ---- */

static void result_write(const struct diff *diff)
{
	if (diff->random_count > 0)
		printf("seeds %" PRIu64 " to %" PRIu64 "\n", diff->seed,
		       diff->seed + diff->random_count - 1);
	printf("%" PRIu64 " scripts, %" PRIu64 " operations: %" PRIu64 " mismatches between the "
	       "kernel (measured) and the model (exact); %" PRIu64 " scripts were disturbed and "
	       "played again\n", diff->scripts, diff->operations, diff->mismatches,
	       diff->disturbed);
	if (diff->of_model > 0)
		printf("%" PRIu64 " scripts skipped, of machines with few frames: only the model "
		       "has those\n", diff->of_model);
	if (diff->skipped > 0)
		printf("%" PRIu64 " scripts skipped: %s\n", diff->skipped, diff->reason);
	if (diff->hides_frames)
		puts("n/a: which pages are the zero page, and which were copied; it takes root");
}

static void result_write_json(const struct diff *diff)
{
	struct json json = { .out = stdout };
	json_open(&json, NULL, '{');
	json_text(&json, "schema", "allot.vm.diff/1");
	json_text(&json, "kernel", "measured");
	json_text(&json, "model", "exact");
	json_text(&json, "profile", diff->config.profile->name);
	json_number(&json, "seed", (int64_t)diff->seed);
	json_number(&json, "random_scripts", (int64_t)diff->random_count);
	json_number(&json, "scripts", (int64_t)diff->scripts);
	json_number(&json, "operations", (int64_t)diff->operations);
	json_number(&json, "mismatches", (int64_t)diff->mismatches);
	json_number(&json, "disturbed", (int64_t)diff->disturbed);
	json_number(&json, "of_model", (int64_t)diff->of_model);
	json_number(&json, "skipped", (int64_t)diff->skipped);
	json_text(&json, "skipped_because", diff->skipped > 0 ? diff->reason : NULL);
	json_bool(&json, "sees_frames", !diff->hides_frames);
	json_text(&json, "first", diff->first[0] != '\0' ? diff->first : NULL);
	json_close(&json, '{');
}

/* ---- the command ---- */

static bool random_read(struct argument_scan *scan, struct diff *diff)
{
	char *end;
	errno = 0;
	diff->seed = strtoull(scan->value, &end, 0);
	bool is_right = end != scan->value && *end == ',' && scan->value[0] != '-';
	const char *count = end + 1;
	if (is_right)
		diff->random_count = strtoull(count, &end, 10);
	is_right = is_right && end != count && *end == '\0' && errno == 0 && *count != '-';
	if (!is_right)
		argument_refuse(scan, NULL,
				"--random needs a seed and a number as 1,1000, not '%s'",
				scan->value);
	return is_right;
}

static bool operations_read(struct argument_scan *scan, struct diff *diff)
{
	char *end;
	unsigned long long number = strtoull(scan->value, &end, 10);
	bool is_right = *end == '\0' && number > 0 && number <= OPERATIONS_MAX;
	diff->operations_each = number;
	if (!is_right)
		argument_refuse(scan, NULL, "--operations needs a number from 1 to %d, not '%s'",
				OPERATIONS_MAX, scan->value);
	return is_right;
}

static bool option_take(struct argument_scan *scan, const char *option, struct diff *diff)
{
	if (strcmp(option, "random") == 0)
		return random_read(scan, diff);
	if (strcmp(option, "operations") == 0)
		return operations_read(scan, diff);
	if (strcmp(option, "off") == 0)
		return vm_rule_switch_off(scan, &diff->config);
	if (strcmp(option, "profile") == 0)
		return vm_profile_choose(scan, &diff->config);
	if (strcmp(option, "figures") == 0)
		diff->shows_figures = true;
	else
		diff->is_json = true;
	return true;
}

/* Find the helper, and measure the profile unless one was named. */
static bool diff_prepare(struct diff *diff)
{
	char message[MESSAGE_BYTES];
	if (!vm_helper_locate(diff->helper_path, message, sizeof(message))) {
		notice_write(name, "%s", message);
		return false;
	}
	if (diff->config.profile != NULL)
		return true;
	diff->config.profile = &diff->profile;
	if (vm_probe(&diff->profile, diff->helper_path, message, sizeof(message)))
		return true;
	notice_write(name, "the running kernel cannot be measured: %s", message);
	return false;
}

int vm_diff_main(int argc, char **argv)
{
	static struct diff diff; /* too large for a stack */
	struct argument_scan scan;
	const struct command_option *option;
	diff.operations_each = OPERATIONS;
	argument_init(&scan, &command_vm_diff, argc, argv);
	while ((option = argument_next(&scan)) != NULL)
		option_take(&scan, option->name, &diff);
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	if (scan.index == argc && diff.random_count == 0)
		return argument_refuse(&scan, NULL, "no script, and no --random");
	if (!diff_prepare(&diff))
		return STATUS_FAILURE;
	int status = files_play(&diff, argc - scan.index, argv + scan.index);
	if (status == STATUS_OK)
		status = random_play(&diff);
	if (diff.has_failed)
		notice_write(name, "%s", diff.message);
	if (status != STATUS_OK)
		return status;
	if (diff.is_json) {
		result_write_json(&diff);
	} else {
		result_write(&diff);
		notice_next(command_vm_diff.next);
	}
	return diff.mismatches == 0 ? STATUS_OK : STATUS_FAILURE;
}
