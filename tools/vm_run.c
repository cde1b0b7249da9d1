/* SPDX-License-Identifier: MIT */
/*
 * allot vm run: a script on the model, a row an operation.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "notice.h"
#include "vm_config.h"
#include "vm_play.h"

static const char name[] = "vm run";

enum {
	TEXT_COLUMNS = 34,
};

struct run_options {
	struct vm_config config;
	bool explains, is_json;
};

/* What a row shows, in this order. */
static const enum expect_key columns[] = {
	EXPECT_MIN, EXPECT_MAJ, EXPECT_ANON, EXPECT_FILE, EXPECT_SHARED, EXPECT_TABLES,
	EXPECT_AREAS, EXPECT_SWAP, EXPECT_KSWAPD, EXPECT_DIRECT,
};
enum {
	COLUMNS = sizeof(columns) / sizeof(columns[0]),
};

/* Swap, and then who freed pages, come last, where there may be some. */
static size_t column_count(const struct vm_play *play)
{
	if (play->script->frames > 0)
		return COLUMNS;
	return play->script->is_limited ? COLUMNS - 2 : COLUMNS - 3;
}

static const struct vm_profile *profile_of(const struct run_options *options)
{
	return options->config.profile != NULL ? options->config.profile : vm_profile_at(0);
}

/* ---- text ---- */

static void head_write(const struct vm_play *play, const struct run_options *options)
{
	printf("exact: model of %s; changes in pages of 4 KiB, areas as they are\n",
	       profile_of(options)->name);
	printf("%-*s", TEXT_COLUMNS, "operation");
	for (size_t i = 0; i < column_count(play); i++)
		printf(" %7s", script_expect_name(columns[i]));
	putchar('\n');
}

static void reasons_write(const struct vm_play *play)
{
	for (int i = 0; i < VM_REASON_COUNT; i++) {
		uint64_t count = play->counters.by_reason[i] - play->counters_before.by_reason[i];
		if (count != 0)
			printf("    %" PRIu64 " x %s: %s\n", count,
			       vm_reason_name((enum vm_reason)i),
			       vm_reason_meaning((enum vm_reason)i));
	}
}

/* Who was killed in the operation; NULL: nobody. */
static const char *killed_name(const struct vm_play *play)
{
	return play->killed >= 0 ? play->script->processes[play->killed] : NULL;
}

static void row_write(const struct vm_play *play, const struct run_options *options)
{
	const struct script_op *op = play->op;
	bool is_file = op->verb == VERB_FILE || op->verb == VERB_MEMORY ||
		       op->verb == VERB_FRAMES;
	bool is_gone = play->model.spaces[op->process] == NULL;
	printf("%-*s", TEXT_COLUMNS, op->text);
	if (is_gone && play->killed >= 0)
		printf("  killed: %s", killed_name(play));
	if (play->is_skipped || is_gone) {
		if (is_gone && play->outcome.signal != VM_SIGNAL_NONE)
			printf(" ended by %s\n", vm_signal_name(play->outcome.signal));
		else
			puts(is_file || is_gone ? "" : " left out: its region is nowhere");
		return;
	}
	for (size_t i = 0; i < column_count(play); i++)
		printf(" %7" PRId64, vm_play_value(play, columns[i]));
	if (play->outcome.error != 0)
		printf("  %s", script_error_name(play->outcome.error));
	if (play->outcome.signal != VM_SIGNAL_NONE)
		printf("  %s after %" PRIu64 " pages", vm_signal_name(play->outcome.signal),
		       play->outcome.done);
	if (play->killed >= 0)
		printf("  killed: %s", killed_name(play));
	putchar('\n');
	if (options->explains)
		reasons_write(play);
}

/* ---- JSON ---- */

static void json_reasons(struct json *json, const struct vm_play *play)
{
	json_open(json, "faults", '{');
	for (int i = 0; i < VM_REASON_COUNT; i++) {
		uint64_t count = play->counters.by_reason[i] - play->counters_before.by_reason[i];
		if (count != 0)
			json_number(json, vm_reason_name((enum vm_reason)i), (int64_t)count);
	}
	json_close(json, '{');
}

static void json_row(struct json *json, const struct vm_play *play)
{
	const struct script_op *op = play->op;
	json_open(json, NULL, '{');
	json_number(json, "line", op->line);
	json_text(json, "operation", op->text);
	json_text(json, "process", play->script->processes[op->process]);
	json_bool(json, "left_out", play->is_skipped);
	if (play->script->is_limited)
		json_text(json, "killed", killed_name(play));
	if (!play->is_skipped && play->model.spaces[op->process] != NULL) {
		for (size_t i = 0; i < column_count(play); i++)
			json_number(json, script_expect_name(columns[i]),
				    vm_play_value(play, columns[i]));
		json_text(json, "error", script_error_name(play->outcome.error));
		json_text(json, "signal", vm_signal_name(play->outcome.signal));
		json_reasons(json, play);
	}
	json_close(json, '{');
}

/* ---- the run ---- */

static int play_write(struct vm_play *play, const struct run_options *options)
{
	struct json json = { .out = stdout };
	enum play_result result;
	if (options->is_json) {
		json_open(&json, NULL, '{');
		json_text(&json, "schema", "allot.vm.run/1");
		json_text(&json, "label", "exact");
		json_text(&json, "profile", profile_of(options)->name);
		json_open(&json, "operations", '[');
	} else {
		head_write(play, options);
	}
	do {
		const struct script_op *last = play->op;
		result = vm_play_next(play);
		if (play->op == last || play->op == NULL)
			continue;
		if (options->is_json)
			json_row(&json, play);
		else
			row_write(play, options);
	} while (result == PLAY_GOES_ON);
	if (options->is_json) {
		json_close(&json, '[');
		json_text(&json, "failure", result == PLAY_END ? NULL : play->message);
		json_close(&json, '{');
	}
	if (result == PLAY_END)
		return STATUS_OK;
	fflush(stdout);
	notice_write(name, "%s", play->message);
	return STATUS_FAILURE;
}

static int script_run(const char *path, const struct run_options *options)
{
	static struct vm_play play; /* too large for a stack */
	struct script script;
	char *text;
	int status;
	if (!vm_script_load(&script, &text, path, name, &status)) {
		script_finish(&script);
		free(text);
		return status;
	}
	if (vm_play_open(&play, &script, &options->config, NULL, NULL)) {
		status = play_write(&play, options);
	} else {
		notice_write(name, "%s", play.message);
		status = STATUS_FAILURE;
	}
	vm_play_close(&play);
	script_finish(&script);
	free(text);
	return status;
}

static void rules_write(void)
{
	for (int i = 0; i < VM_RULE_COUNT; i++)
		printf("%-24s %s\n", vm_rule_name((enum vm_rule)i),
		       vm_rule_meaning((enum vm_rule)i));
}

int vm_run_main(int argc, char **argv)
{
	struct argument_scan scan;
	const struct command_option *option;
	struct run_options options = { 0 };
	argument_init(&scan, &command_vm_run, argc, argv);
	while ((option = argument_next(&scan)) != NULL) {
		if (strcmp(option->name, "rules") == 0) {
			rules_write();
			return STATUS_OK;
		}
		if (strcmp(option->name, "explain") == 0)
			options.explains = true;
		else if (strcmp(option->name, "json") == 0)
			options.is_json = true;
		else if (strcmp(option->name, "off") == 0)
			vm_rule_switch_off(&scan, &options.config);
		else
			vm_profile_choose(&scan, &options.config);
	}
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	if (scan.index != argc - 1)
		return argument_refuse(&scan, NULL, "one script, not %d", argc - scan.index);
	int status = script_run(argv[scan.index], &options);
	if (status == STATUS_OK && !options.is_json)
		notice_next(command_vm_run.next);
	return status;
}
