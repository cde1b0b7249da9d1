/* SPDX-License-Identifier: MIT */
/*
 * allot vm demo: one demonstration, played and explained, or the list of them.
 */
#include "vm_demo.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "argument.h"
#include "notice.h"
#include "word.h"

static const char name[] = "vm demo";

enum {
	TEXT_COLUMNS = 30,
	WRAP_COLUMNS = 78,
	KIB_PER_PAGE = 4,
};

/* ---- words ---- */

static void words_write(const char *title, const char *text)
{
	int column = printf("%s", title);
	int indent = column;
	while (*text != '\0') {
		int length = (int)strcspn(text, " ");
		if (column > indent && column + 1 + length > WRAP_COLUMNS) {
			printf("\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			column += printf(" ");
		}
		column += printf("%.*s", length, text);
		text += length + (text[length] == ' ');
	}
	putchar('\n');
}

/* ---- figures ---- */

bool demo_expect(const char *what, uint64_t is, uint64_t should_be)
{
	if (is != should_be)
		notice_write(name, "%s: %" PRIu64 ", not %" PRIu64 " as the words say", what, is,
			     should_be);
	return is == should_be;
}

/* ---- scripts ---- */

static void row_write(const struct vm_play *play)
{
	const struct script_op *op = play->op;
	printf("%-*s", TEXT_COLUMNS, op->text);
	if (play->is_skipped || play->model.spaces[op->process] == NULL) {
		putchar('\n');
		return;
	}
	int64_t rss = vm_play_value(play, EXPECT_ANON) + vm_play_value(play, EXPECT_FILE) +
		      vm_play_value(play, EXPECT_SHARED);
	printf(" %7" PRId64 " %9" PRId64 " %8" PRId64 " %7" PRId64,
	       vm_play_value(play, EXPECT_MIN), vm_play_value(play, EXPECT_TOTAL) * KIB_PER_PAGE,
	       rss * KIB_PER_PAGE, vm_play_value(play, EXPECT_COPIED));
	const char *before = "   ";
	for (int i = 0; i < VM_REASON_COUNT; i++) {
		uint64_t count = play->counters.by_reason[i] - play->counters_before.by_reason[i];
		if (count == 0)
			continue;
		printf("%s%s", before, vm_reason_name((enum vm_reason)i));
		before = ", ";
	}
	if (play->outcome.signal != VM_SIGNAL_NONE)
		printf("   %s", vm_signal_name(play->outcome.signal));
	putchar('\n');
}

bool demo_script_open(const char *text, const char *profile, struct vm_play *play,
		      struct script *script)
{
	struct vm_config config = { .profile = vm_profile_find(profile) };
	*script = (struct script){ 0 };
	if (!script_parse(script, name, text)) {
		notice_write(name, "%s", script->message);
		return false;
	}
	if (!vm_play_open(play, script, &config, NULL, NULL)) {
		notice_write(name, "%s", play->message);
		return false;
	}
	return true;
}

static bool script_show(const char *text)
{
	static struct vm_play play; /* too large for a stack */
	struct script script;
	enum play_result result = PLAY_GOES_ON;
	if (!demo_script_open(text, "linux-6.18", &play, &script)) {
		script_finish(&script);
		return false;
	}
	printf("exact: model of linux-6.18\n%-*s %7s %9s %8s %7s   %s\n", TEXT_COLUMNS, "operation",
	       "faults", "size KiB", "RSS KiB", "copied", "why");
	while (result == PLAY_GOES_ON) {
		const struct script_op *last = play.op;
		result = vm_play_next(&play);
		if (play.op != last)
			row_write(&play);
	}
	if (result != PLAY_END)
		notice_write(name, "%s", play.message);
	vm_play_close(&play);
	script_finish(&script);
	return result == PLAY_END;
}

/* ---- the command ---- */

static bool demo_run(const struct demo *demo)
{
	printf("%s: %s\n\n", demo->name, demo->summary);
	if ((demo->script != NULL && !script_show(demo->script)) ||
	    (demo->run != NULL && !demo->run()))
		return false;
	putchar('\n');
	words_write("seen:   ", demo->shows);
	if (demo->notes != NULL)
		words_write("notes:  ", demo->notes);
	if (demo->kernel != NULL)
		words_write("kernel: ", demo->kernel);
	return true;
}

int vm_demo_main(int argc, char **argv)
{
	struct argument_scan scan;
	struct word_match match;
	argument_init(&scan, &command_vm_demo, argc, argv);
	argument_next(&scan);
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	if (scan.index < argc - 1)
		return argument_refuse(&scan, NULL, "one demonstration at a time");
	if (scan.index == argc) {
		for (size_t i = 0; demos[i].name != NULL; i++)
			printf("%-12s %s\n", demos[i].name, demos[i].summary);
		notice_next("allot vm demo fork-cow");
		return STATUS_OK;
	}
	word_match_init(&match, argv[scan.index]);
	for (size_t i = 0; demos[i].name != NULL; i++) {
		if (strcmp(demos[i].name, argv[scan.index]) == 0)
			return demo_run(&demos[i]) ? STATUS_OK : STATUS_FAILURE;
		word_match_offer(&match, demos[i].name);
	}
	return argument_refuse(&scan, match.nearest[0] != '\0' ? match.nearest : NULL,
			       "no demonstration '%s'; `allot vm demo` lists them",
			       argv[scan.index]);
}
