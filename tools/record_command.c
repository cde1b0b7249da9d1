/* SPDX-License-Identifier: MIT */
/*
 * allot record: run a program with its heap's events recorded, and pack them beside it.
 *
 * The program writes raw files into a private folder, one a process and a program it becomes; we
 * pack each into a file of its own while it runs, pass signals on, and end as it does.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <allot/trace_file.h>

#include "argument.h"
#include "notice.h"
#include "program.h"
#include "record_follow.h"
#include "run_conf.h"
#include "spool.h"

static const char name[] = "record";

enum {
	MESSAGE_BYTES = 2 * PATH_MAX,
	LINES_MAX = 16,             /* files that get a line of their own */
	LOOK_NS = 5 * 1000 * 1000,  /* between looks, while nothing happens */
	STATUS_SIGNAL = 128,
	LOOKS_A_FINISH = 20,        /* looks from one search for ended processes to the next */
};

/* What the command line asks for. */
struct wish {
	const char *output; /* -o, or NULL */
	const char *convert;
	bool is_overwritten;
	bool has_columns;
	struct conf_text general, specific;
};

/* ---- signals ------------------------------------------------------------------------------ */

/*
 * The program that runs: what ends us is passed on to it, and ends us when it has ended. Then what
 * it left in the background is none of ours to end, only to follow no more.
 */
static volatile sig_atomic_t child, has_ended, is_enough;

static void signal_pass_on(int signal, siginfo_t *from, void *context)
{
	(void)context;
	int error = errno;
	/* What a terminal sends, the whole group has had. */
	if (has_ended)
		is_enough = signal != SIGUSR1 && signal != SIGUSR2;
	else if (child > 0 && from->si_code != SI_KERNEL)
		kill(child, signal);
	errno = error;
}

static void signals_take(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
	struct sigaction action = {.sa_sigaction = signal_pass_on,
				   .sa_flags = SA_SIGINFO | SA_RESTART};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct sigaction before;
		sigaction(signals[i], NULL, &before);
		/* What is ignored, as by nohup, stays so, here and in the program. */
		if (before.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	}
}

/* ---- what became of it -------------------------------------------------------------------- */

static void columns_write(const struct trace_packed *packed)
{
	double events = packed->event_count > 0 ? (double)packed->event_count : 1;

	printf("%-26s %14s %14s %12s\n", "column", "plain bytes", "stored bytes", "an event");
	for (size_t i = 0; i < packed->column_count; i++)
		printf("%-26s %14llu %14llu %12.4f\n", packed->columns[i].name,
		       (unsigned long long)packed->columns[i].plain_bytes,
		       (unsigned long long)packed->columns[i].stored_bytes,
		       (double)packed->columns[i].stored_bytes / events);
	printf("%-26s %14s %14llu %12.4f\n", "frames, modules, index", "",
	       (unsigned long long)packed->other_bytes, (double)packed->other_bytes / events);
}

/* One line about a file. */
static void packed_write(const char *output, const struct trace_packed *packed, bool is_running)
{
	char lost[256] = "";

	if (packed->lost_events > 0 || packed->output_error != 0)
		snprintf(lost, sizeof(lost), "; at least %llu LOST: %.150s",
			 (unsigned long long)packed->lost_events, packed->lost_why);
	notice_write(name, "%s: %llu events, %llu bytes, %.3f bytes an event%s%s", output,
		     (unsigned long long)packed->event_count,
		     (unsigned long long)packed->file_bytes,
		     packed->event_count == 0 ? 0.0 :
		     (double)packed->file_bytes / (double)packed->event_count,
		     is_running ? "; its process still runs, and is not recorded any more" : "",
		     lost);
}

/* The file of the program itself: of its process, what it became last; or NULL. */
static struct follow_file *main_file(const struct follow *follow)
{
	struct follow_file *last = NULL;

	for (size_t i = 0; i < follow->count; i++) {
		struct follow_file *file = &follow->files[i];
		if (file->process == child && file->is_done && !file->is_refused &&
		    (last == NULL || file->start_ticks > last->start_ticks))
			last = file;
	}
	return last;
}

/* Give the program's file the name that was asked for. */
static void main_rename(struct follow_file *file, const struct wish *wish)
{
	if (file == NULL || wish->output == NULL)
		return;
	bool is_renamed = wish->is_overwritten ?
		rename(file->output, wish->output) == 0 :
		link(file->output, wish->output) == 0 && unlink(file->output) == 0;
	if (is_renamed)
		snprintf(file->output, sizeof(file->output), "%s", wish->output);
	else
		notice_write(name, "%s: %s; the trace is %s", wish->output, strerror(errno),
			     file->output);
}

static void results_write(const struct follow *follow, const struct wish *wish)
{
	struct follow_file *file = main_file(follow);
	const struct follow_file *first = NULL;
	size_t shown = 0, count = 0;
	char next[MESSAGE_BYTES];

	main_rename(file, wish);
	for (size_t i = 0; i < follow->count; i++) {
		const struct follow_file *each = &follow->files[i];
		if (each->is_refused)
			continue;
		if (count++ == 0)
			first = each;
		if (each != file && shown + 1 >= LINES_MAX)
			continue;
		packed_write(each->output, &each->packed, each->is_running);
		shown++;
	}
	if (count > shown)
		notice_write(name, "and %zu traces more beside them", count - shown);
	if (count == 0 && follow->count == 0) {
		notice_write(name, "nothing was recorded: the program did not load the library");
		return;
	}
	/* What was refused was said. */
	if (count == 0)
		return;
	if (wish->has_columns && file != NULL)
		columns_write(&file->packed);
	snprintf(next, sizeof(next), "allot report %s",
		 file != NULL ? file->output : first->output);
	notice_next(next);
}

/* ---- running ------------------------------------------------------------------------------ */

/* Follow the program until it ends; its status as wait(2) has it. */
static int program_follow(struct follow *follow)
{
	struct timespec pause = {.tv_nsec = LOOK_NS};
	unsigned looks = 0;
	int status = 0;

	for (;;) {
		pid_t ended = waitpid(child, &status, WNOHANG);
		size_t bytes = follow_step(follow);
		if (ended == child || (ended < 0 && errno != EINTR))
			return status;
		if (++looks % LOOKS_A_FINISH == 0)
			follow_finish(follow, false);
		if (bytes == 0)
			nanosleep(&pause, NULL);
	}
}

static void background_say(size_t count)
{
	notice_write(name, "the program has ended; %zu process%s of it run%s in the background and "
		     "%s recorded on: Ctrl-C ends the recording alone", count,
		     count == 1 ? "" : "es", count == 1 ? "s" : "", count == 1 ? "is" : "are");
}

/*
 * Follow what runs on in the background, as daemons do, until that has ended too, or somebody has
 * enough. A process that becomes another program writes to no file for a moment.
 */
static void background_follow(struct follow *follow)
{
	enum { LOOKS_QUIET = 2 };
	struct timespec pause = {.tv_nsec = LOOK_NS};
	bool is_said = false;

	has_ended = true;
	for (unsigned looks = 0, quiet = 0; !is_enough; looks++) {
		size_t bytes = follow_step(follow);
		if (looks % LOOKS_A_FINISH == 0) {
			follow_finish(follow, false);
			size_t running = follow_count_running(follow);
			quiet = running > 0 ? 0 : quiet + 1;
			if (!follow_is_open(follow) || quiet == LOOKS_QUIET)
				return;
			if (running > 0 && !is_said)
				background_say(running);
			is_said |= running > 0;
		}
		if (bytes == 0)
			nanosleep(&pause, NULL);
	}
}

static int program_run(struct follow *follow, const struct wish *wish, char **words)
{
	int status;

	signals_take();
	pid_t process = fork();
	if (process < 0) {
		notice_write(name, "%s", strerror(errno));
		return STATUS_WRAPPER;
	}
	if (process == 0) {
		execvp(words[0], words);
		notice_write(name, "%s: %s", words[0], strerror(errno));
		_exit(errno == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE);
	}
	child = process;
	/* A limit on files is a full disk to us. */
	signal(SIGXFSZ, SIG_IGN);
	/* Who reads our messages may go; what we made is put in order all the same. */
	signal(SIGPIPE, SIG_IGN);
	status = program_follow(follow);
	background_follow(follow);
	follow_step(follow);
	follow_finish(follow, true);
	results_write(follow, wish);
	return WIFSIGNALED(status) ? STATUS_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Can files be made where the output is to be? False: it was said why not. */
static bool output_check(const struct wish *wish)
{
	char folder[PATH_MAX];
	const char *output = wish->output != NULL ? wish->output : "allot";
	const char *slash = strrchr(output, '/');

	snprintf(folder, sizeof(folder), "%.*s", slash == NULL ? 1 : (int)(slash - output + 1),
		 slash == NULL ? "." : output);
	if (access(folder, W_OK | X_OK) == 0)
		return true;
	notice_write(name, "no trace can be made in %s: %s; name another place with -o", folder,
		     strerror(errno));
	return false;
}

/* Record the program; the status to exit with. */
static int program_record(const struct wish *wish, const char *conf, char **words)
{
	char message[MESSAGE_BYTES], prefix[PATH_MAX] = "allot";
	struct follow follow;
	struct program program;

	switch (program_require(&program, name, words[0])) {
	case PROGRAM_NOT_FOUND:
		return STATUS_NOT_FOUND;
	case PROGRAM_NOT_EXECUTABLE:
		return STATUS_NOT_EXECUTABLE;
	case PROGRAM_FOUND:
		break;
	}
	if (!output_check(wish))
		return STATUS_WRAPPER;
	const char *obstacle = program_obstacle(&program);
	if (obstacle != NULL)
		notice_write(name, "%s %s: it is not recorded", program.path, obstacle);
	if (wish->output != NULL)
		snprintf(prefix, sizeof(prefix), "%s", wish->output);
	if (!follow_begin(&follow, prefix, message, sizeof(message))) {
		notice_write(name, "%s", message);
		return STATUS_WRAPPER;
	}
	int status = STATUS_WRAPPER;
	if (spool_environment(follow.folder, conf, message, sizeof(message)))
		status = program_run(&follow, wish, words);
	else
		notice_write(name, "%s", message);
	follow_end(&follow);
	return status;
}

/* ---- the command -------------------------------------------------------------------------- */

static int raw_convert(struct argument_scan *scan, const struct wish *wish)
{
	char message[MESSAGE_BYTES], next[MESSAGE_BYTES];
	struct trace_packed packed;

	if (wish->output == NULL)
		return argument_refuse(scan, "--output FILE", "--convert needs an output");
	if (!trace_pack(wish->convert, wish->output, wish->is_overwritten, &packed, message,
			sizeof(message))) {
		notice_write(name, "%s", message);
		return STATUS_FAILURE;
	}
	packed_write(wish->output, &packed, false);
	if (wish->has_columns)
		columns_write(&packed);
	snprintf(next, sizeof(next), "allot report %s", wish->output);
	notice_next(next);
	return packed.output_error != 0 ? STATUS_FAILURE :
	       packed.lost_events != 0 ? STATUS_DAMAGED : STATUS_OK;
}

static bool wish_take(struct argument_scan *scan, const struct command_option *option,
		      struct wish *wish)
{
	if (strcmp(option->name, "output") == 0)
		wish->output = scan->value;
	else if (strcmp(option->name, "convert") == 0)
		wish->convert = scan->value;
	else if (strcmp(option->name, "force") == 0)
		wish->is_overwritten = true;
	else if (strcmp(option->name, "columns") == 0)
		wish->has_columns = true;
	else
		return conf_option_take(scan, option, &wish->general, &wish->specific);
	return true;
}

int record_main(int argc, char **argv)
{
	struct argument_scan scan;
	const struct command_option *option;
	static struct wish wish;
	char message[MESSAGE_BYTES];

	argument_init(&scan, &command_record, argc, argv);
	while ((option = argument_next(&scan)) != NULL)
		if (!wish_take(&scan, option, &wish))
			return scan.status;
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	if (wish.output != NULL && !wish.is_overwritten && access(wish.output, F_OK) == 0)
		return argument_refuse(&scan, "-f", "%s exists and is not overwritten",
				       wish.output);
	if (wish.convert != NULL)
		return raw_convert(&scan, &wish);
	if (wish.specific.length > 0 && !conf_append(&wish.general, wish.specific.text))
		return conf_refuse(&scan);
	if (!conf_check(wish.general.text, message, sizeof(message)))
		return argument_refuse(&scan, NULL, "%s", message);
	if (scan.index >= argc)
		return argument_refuse(&scan, NULL, "no program to record");
	return program_record(&wish, wish.general.text, argv + scan.index);
}
