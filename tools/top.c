/* SPDX-License-Identifier: MIT */
/*
 * allot top: a heap while its program runs, on a terminal or as text.
 */
#include <errno.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "argument.h"
#include "notice.h"
#include "run_conf.h"
#include "top_group.h"
#include "top_json.h"
#include "top_screen.h"

static const char name[] = "top";

enum {
	MESSAGE_BYTES = 2 * PATH_MAX,
	NS_PER_S = 1000000000,
	STEP_NS = 20 * 1000 * 1000,
	PAUSE_NS = 5 * 1000 * 1000,
	BATCH_ROWS = 32,
	BATCH_COLUMNS = 100,
	SIZE_MAX_ROWS = 1000,
	JSON_ROWS = 50,
	STATUS_SIGNAL = 128,
};

/* What the command line asks for. */
struct wish {
	struct conf_text general, specific;
	const char *log;
	double interval_s;
	long frames;          /* 0: until the program ends */
	bool is_batch, is_json, is_forced, is_ascii;
	struct top_view view;
	pid_t process;        /* 0: a program is started */
};

/* ---- options ------------------------------------------------------------------------------ */

static bool view_take(struct argument_scan *scan, struct wish *wish)
{
	static const char *const names[TOP_TABS] = { "stacks", "classes", "pages", "threads",
						     "faults" };

	for (int i = 0; i < TOP_TABS; i++) {
		if (strcmp(scan->value, names[i]) != 0)
			continue;
		wish->view.tab = (enum top_tab)i;
		return true;
	}
	argument_refuse(scan, "stacks, classes, pages, threads or faults", "'%s' is no view",
			scan->value);
	return false;
}

static bool sort_take(struct argument_scan *scan, struct wish *wish)
{
	static const char *const names[TOP_SORTS] = { "total", "own", "allocations" };

	for (int i = 0; i < TOP_SORTS; i++) {
		if (strcmp(scan->value, names[i]) != 0)
			continue;
		wish->view.sort = (enum top_sort)i;
		return true;
	}
	argument_refuse(scan, "total, own or allocations", "'%s' is nothing to sort by",
			scan->value);
	return false;
}

static bool interval_take(struct argument_scan *scan, struct wish *wish)
{
	char *end;

	wish->interval_s = strtod(scan->value, &end);
	if (end != scan->value && *end == '\0' && wish->interval_s >= 0.05 &&
	    wish->interval_s <= 3600)
		return true;
	argument_refuse(scan, "1", "'%s' is no number of seconds from 0.05 to 3600", scan->value);
	return false;
}

static bool frames_take(struct argument_scan *scan, struct wish *wish)
{
	char *end;

	errno = 0;
	wish->frames = strtol(scan->value, &end, 10);
	wish->is_batch = true;
	if (end != scan->value && *end == '\0' && errno == 0 && wish->frames >= 0)
		return true;
	argument_refuse(scan, "10", "'%s' is no number of frames", scan->value);
	return false;
}

static bool option_take(struct argument_scan *scan, const struct command_option *option,
			struct wish *wish)
{
	if (strcmp(option->name, "view") == 0)
		return view_take(scan, wish);
	if (strcmp(option->name, "sort") == 0)
		return sort_take(scan, wish);
	if (strcmp(option->name, "interval") == 0)
		return interval_take(scan, wish);
	if (strcmp(option->name, "batch") == 0)
		return frames_take(scan, wish);
	if (strcmp(option->name, "filter") == 0)
		snprintf(wish->view.filter, sizeof(wish->view.filter), "%s", scan->value);
	else if (strcmp(option->name, "log") == 0)
		wish->log = scan->value;
	else if (strcmp(option->name, "force") == 0)
		wish->is_forced = true;
	else if (strcmp(option->name, "ascii") == 0)
		wish->is_ascii = true;
	else if (strcmp(option->name, "json") == 0)
		wish->is_json = true;
	else if (strcmp(option->name, "once") == 0)
		wish->is_batch = (wish->frames = 1) != 0;
	else
		return conf_option_take(scan, option, &wish->general, &wish->specific);
	return true;
}

/* What is looked at: a number alone, or a command line behind "--". */
static bool operands_take(struct argument_scan *scan, struct wish *wish)
{
	char **words = scan->argv + scan->index;
	int count = scan->argc - scan->index;
	bool is_command = scan->index > 1 && strcmp(scan->argv[scan->index - 1], "--") == 0;

	if (count == 0) {
		argument_refuse(scan, "allot top -- COMMAND", "no process and no program");
		return false;
	}
	if (is_command)
		return true;
	char *end;
	errno = 0;
	long number = strtol(words[0], &end, 10);
	if (end == words[0] || *end != '\0') {
		argument_refuse(scan, "allot top -- COMMAND",
				"'%s' is no process's number; a program stands behind --",
				words[0]);
		return false;
	}
	if (errno != 0 || number <= 0 || number > INT_MAX || count > 1) {
		argument_refuse(scan, NULL, "'%s' is no process's number",
				count > 1 ? words[1] : words[0]);
		return false;
	}
	if (wish->general.length > 0 || wish->log != NULL) {
		argument_refuse(scan, NULL, "a process that runs already keeps its configuration "
				"and its output");
		return false;
	}
	wish->process = (pid_t)number;
	return true;
}

/* ---- text instead of a screen ------------------------------------------------------------- */

static int environment_size(const char *variable, int otherwise)
{
	const char *text = getenv(variable);
	long size = text != NULL ? strtol(text, NULL, 10) : 0;

	return size >= TOP_ROWS_MIN && size <= SIZE_MAX_ROWS ? (int)size : otherwise;
}

static volatile sig_atomic_t signal_come;

static void signal_note(int signal)
{
	signal_come = signal;
}

static void frame_write(const struct wish *wish, struct top_view *view,
			struct top_process *process, struct top_canvas *canvas, bool is_first)
{
	top_process_rate(process);
	if (wish->is_json) {
		top_json_write(view, process, stdout, JSON_ROWS, true);
	} else {
		top_view_draw(view, process, canvas);
		/* Rows below the last one that is used say nothing. */
		if (!is_first)
			putchar('\n');
		top_canvas_write(canvas, stdout);
	}
	fflush(stdout);
}

/* Frames, until there were as many as asked for, or nothing more will come. */
static bool batch_run(struct top_group *group, struct wish *wish)
{
	struct top_canvas canvas = { .is_ascii = wish->is_ascii };
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	uint64_t interval_ns = (uint64_t)(wish->interval_s * NS_PER_S);
	uint64_t next_ns = top_clock_ns() + interval_ns;
	long frames = 0;

	wish->view.is_batch = true;
	if (!top_canvas_resize(&canvas, environment_size("LINES", BATCH_ROWS),
			       environment_size("COLUMNS", BATCH_COLUMNS)))
		return false;
	while (signal_come == 0 && !ferror(stdout)) {
		size_t events = top_group_step(group, STEP_NS);
		bool is_over = top_group_is_over(group);
		struct top_process *process = top_group_chosen(group);
		if (process != NULL && (is_over || top_clock_ns() >= next_ns)) {
			wish->view.process_count = group->count;
			frame_write(wish, &wish->view, process, &canvas, frames == 0);
			next_ns += interval_ns;
			frames++;
		}
		if (is_over || (wish->frames > 0 && frames >= wish->frames))
			break;
		if (events == 0)
			nanosleep(&pause, NULL);
	}
	top_canvas_free(&canvas);
	return frames > 0;
}

static void batch_signals(void)
{
	struct sigaction action = { .sa_handler = signal_note };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

/* ---- the command -------------------------------------------------------------------------- */

/* Find or start what is looked at. The status to exit with, or ARGUMENT_GO_ON. */
static int group_begin(struct top_group *group, const struct wish *wish, char **words)
{
	char message[MESSAGE_BYTES];

	if (wish->process == 0) {
		const struct top_child_options options = {
			.words = words,
			.conf = wish->general.text,
			.log = wish->log,
			.is_forced = wish->is_forced,
			.is_silent = !wish->is_batch,
		};
		int status = top_group_start(group, &options);
		return status == STATUS_OK ? ARGUMENT_GO_ON : status;
	}
	if (top_group_watch(group, wish->process, message, sizeof(message)))
		return ARGUMENT_GO_ON;
	notice_write(name, "%s", message);
	return STATUS_FAILURE;
}

static int top_run(struct wish *wish, char **words)
{
	char message[MESSAGE_BYTES];
	static struct top_group group;
	bool is_shown = true;
	int signal;

	int status = group_begin(&group, wish, words);
	if (status != ARGUMENT_GO_ON)
		return status;
	if (wish->is_batch) {
		batch_signals();
		is_shown = batch_run(&group, wish);
		signal = signal_come;
	} else {
		if (!top_screen_open(message, sizeof(message))) {
			notice_write(name, "%s: --batch writes text", message);
			top_group_end(&group);
			return wish->process != 0 ? STATUS_FAILURE : STATUS_WRAPPER;
		}
		signal = top_screen_run(&group, &wish->view, wish->interval_s, wish->is_ascii);
	}
	status = top_group_end(&group);
	if (!is_shown && signal == 0)
		notice_write(name, "nothing was recorded: the program did not load the library");
	else if (signal == 0)
		notice_next("allot record -- COMMAND, then allot report: what stays to be read");
	return signal != 0 && status == STATUS_OK ? STATUS_SIGNAL + signal : status;
}

int top_main(int argc, char **argv)
{
	struct argument_scan scan;
	const struct command_option *option;
	static struct wish wish;
	char message[MESSAGE_BYTES];

	wish.interval_s = 1;
	wish.view.thread = TOP_ALL_THREADS;
	argument_init(&scan, &command_top, argc, argv);
	while ((option = argument_next(&scan)) != NULL)
		if (!option_take(&scan, option, &wish))
			return scan.status;
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	if (wish.is_json && !wish.is_batch)
		return argument_refuse(&scan, "--once --json", "--json writes frames of --batch or "
				       "--once");
	if (wish.specific.length > 0 && !conf_append(&wish.general, wish.specific.text))
		return conf_refuse(&scan);
	if (!conf_check(wish.general.text, message, sizeof(message)))
		return argument_refuse(&scan, NULL, "%s", message);
	if (!operands_take(&scan, &wish))
		return scan.status;
	setlocale(LC_CTYPE, "");
	wish.is_ascii = wish.is_ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	wish.view.output = wish.process != 0 ? NULL :
			   wish.log != NULL ? "goes to the file of --log" :
			   "is dropped (--log FILE keeps it)";
	return top_run(&wish, argv + scan.index);
}
