/* SPDX-License-Identifier: MIT */
/*
 * Replay, a round: a helper is started and fed.
 *
 * This process decodes the trace while the helper replays what it got before; between them is a
 * pipe of some batches, so that neither needs memory for more. The helper answers when its input
 * has ended. When it takes too long it is killed by an alarm, and the pipe breaks.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "replay_work.h"

enum {
	PIPE_BYTES = 1 << 20,
	DEFAULT_CONF_BYTES = REPLAY_CONF_BYTES + 128,
};

extern char **environ;

/* The helper an alarm ends, and whether it did. */
static volatile pid_t helper_running;
static volatile sig_atomic_t is_late;

static void alarm_ring(int signal_number)
{
	(void)signal_number;
	is_late = 1;
	if (helper_running > 0)
		kill(helper_running, SIGKILL);
}

static void alarm_set(double seconds)
{
	struct itimerval timer = { .it_value.tv_sec = (time_t)seconds };
	struct sigaction action = { .sa_handler = alarm_ring };

	timer.it_value.tv_usec = (suseconds_t)((seconds - (double)timer.it_value.tv_sec) * 1e6);
	sigaction(SIGALRM, &action, NULL);
	is_late = 0;
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* The allocator is chosen by the environment, from which the user's own choice is taken. */
static bool environment_set(const struct replay_work *work, const struct replay_row *row)
{
	char conf[DEFAULT_CONF_BYTES];

	unsetenv("LD_PRELOAD");
	unsetenv("ALLOT_CONF");
	if (row->kind == REPLAY_ROW_LIBRARY)
		return row->library[0] == '\0' || setenv("LD_PRELOAD", row->library, 1) == 0;
	if (row->kind != REPLAY_ROW_ALLOT)
		return true;
	/*
	 * Said in full, for /etc/allot.conf may say otherwise. Huge pages are had or not by the
	 * moment, and were not while the program was recorded.
	 */
	snprintf(conf, sizeof(conf), "strategy:%s,front:on,huge_pages:off%s%s", row->strategy,
		 row->conf[0] != '\0' ? "," : "", row->conf);
	return setenv("LD_PRELOAD", work->library, 1) == 0 && setenv("ALLOT_CONF", conf, 1) == 0;
}

/* A helper with both ends of its pipes. */
struct helper {
	pid_t process;
	int input, output; /* ours of each */
};

static bool helper_start(struct helper *helper, const char *path)
{
	int input[2], output[2];
	char *words[] = { (char *)path, NULL };
	posix_spawn_file_actions_t actions;

	if (pipe2(input, O_CLOEXEC) != 0)
		return false;
	if (pipe2(output, O_CLOEXEC) != 0) {
		close(input[0]);
		close(input[1]);
		return false;
	}
	fcntl(input[1], F_SETPIPE_SZ, PIPE_BYTES);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
	int error = posix_spawn(&helper->process, path, &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(input[0]);
	close(output[1]);
	helper->input = input[1];
	helper->output = output[0];
	errno = error;
	return error == 0;
}

static bool write_all(int file, const void *from, size_t bytes)
{
	while (bytes > 0) {
		ssize_t written = write(file, from, bytes);
		if (written < 0 && (errno != EINTR || is_late))
			return false;
		from = (const char *)from + (written > 0 ? written : 0);
		bytes -= written > 0 ? (size_t)written : 0;
	}
	return true;
}

static bool read_all(int file, void *to, size_t bytes)
{
	while (bytes > 0) {
		ssize_t got = read(file, to, bytes);
		if (got == 0 || (got < 0 && errno != EINTR))
			return false;
		to = (char *)to + (got > 0 ? got : 0);
		bytes -= got > 0 ? (size_t)got : 0;
	}
	return true;
}

static bool records_give(void *context, const struct replay_record *records, size_t count)
{
	const struct helper *helper = context;

	return write_all(helper->input, records, count * sizeof(*records));
}

static bool head_give(const struct helper *helper, const struct replay_work *work,
		      const struct replay_row *row, const struct replay_compiler *compiler)
{
	bool is_calling = row->kind != REPLAY_ROW_LOOP;
	struct replay_head head = {
		.magic = REPLAY_MAGIC,
		.version = REPLAY_VERSION,
		.payload = is_calling ? compiler->payload : REPLAY_PAYLOAD_NONE,
		.thread_count = is_calling ? work->survey->thread_count : 1,
		.is_empty = !is_calling,
		.is_verified = work->is_verified,
		.has_lab = work->has_lab,
		.slot_count = work->survey->slot_count + 1,
		.sample_count = replay_compiler_moments_max(compiler),
	};

	snprintf(head.conf, sizeof(head.conf), "%s", row->conf);
	snprintf(head.tlb, sizeof(head.tlb), "%s", work->run->tlb);
	return write_all(helper->input, &head, sizeof(head));
}

/* Feed the helper the whole trace. What cannot be read of it was said by the first pass. */
static void trace_feed(struct trace *trace, struct replay_compiler *compiler)
{
	struct trace_event event;

	for (;;) {
		enum trace_status status = trace_next(trace, &event);
		if (status == TRACE_DAMAGED)
			continue;
		if (status != TRACE_OK) {
			replay_compiler_end(compiler);
			return;
		}
		if (!replay_compiler_event(compiler, &event))
			return;
	}
}

static void outcome_take(struct replay_round *round, const struct helper *helper)
{
	struct replay_outcome *outcome = &round->outcome;

	if (!read_all(helper->output, outcome, sizeof(*outcome)) ||
	    outcome->magic != REPLAY_MAGIC)
		return;
	if (outcome->message[0] != '\0') {
		snprintf(round->status, sizeof(round->status), "%.*s", REPLAY_TEXT_BYTES - 1,
			 outcome->message);
		return;
	}
	round->samples = calloc(outcome->sample_count + 1, sizeof(*round->samples));
	if (round->samples != NULL &&
	    read_all(helper->output, round->samples,
		     outcome->sample_count * sizeof(*round->samples)))
		snprintf(round->status, sizeof(round->status), "ok");
}

/* Wait for the helper's end; say why there is no answer when there is none. */
static void helper_end(struct replay_round *round, const struct helper *helper, double limit_s)
{
	int status = 0;

	close(helper->output);
	while (waitpid(helper->process, &status, 0) < 0 && errno == EINTR)
		;
	helper_running = 0;
	if (round->status[0] != '\0')
		return;
	if (is_late)
		snprintf(round->status, sizeof(round->status), "took more than %g s", limit_s);
	else if (WIFSIGNALED(status))
		snprintf(round->status, sizeof(round->status), "ended by signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(round->status, sizeof(round->status), "ended with status %d",
			 WEXITSTATUS(status));
}

static void helper_feed(struct replay_round *round, struct helper *helper, struct trace *trace,
			struct replay_compiler *compiler, const struct replay_work *work,
			const struct replay_row *row)
{
	helper_running = helper->process;
	alarm_set(work->limit_s);
	if (head_give(helper, work, row, compiler))
		trace_feed(trace, compiler);
	close(helper->input);
	outcome_take(round, helper);
	helper_end(round, helper, work->limit_s);
	setitimer(ITIMER_REAL, &(struct itimerval){ .it_value.tv_sec = 0 }, NULL);
	round->moments = compiler->moments;
	compiler->moments = NULL;
	if (round->outcome.sample_count > compiler->moment_count)
		round->outcome.sample_count = compiler->moment_count;
	round->unresolved = compiler->unresolved;
}

void replay_round_play(struct replay_round *round, const struct replay_work *work,
		       const struct replay_row *row, enum replay_payload payload)
{
	char message[REPLAY_TEXT_BYTES];
	struct helper helper;
	struct replay_compiler compiler = { .records = NULL };

	*round = (struct replay_round){ .samples = NULL };
	signal(SIGPIPE, SIG_IGN);
	struct trace *trace = trace_open(work->run->trace, message, sizeof(message));
	if (trace == NULL) {
		snprintf(round->status, sizeof(round->status), "%s", message);
		return;
	}
	uint64_t page_bytes = trace_info_get(trace)->page_bytes;
	if (page_bytes == 0)
		page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	if (!replay_compiler_init(&compiler, work->survey, payload, page_bytes, records_give,
				  &helper))
		snprintf(round->status, sizeof(round->status), "no memory");
	else if (!environment_set(work, row) || !helper_start(&helper, work->helper))
		snprintf(round->status, sizeof(round->status), "the helper did not start: %s",
			 strerror(errno));
	else
		helper_feed(round, &helper, trace, &compiler, work, row);
	replay_compiler_finish(&compiler);
	trace_close(trace);
}

void replay_round_finish(struct replay_round *round)
{
	free(round->samples);
	free(round->moments);
	*round = (struct replay_round){ .samples = NULL };
}
