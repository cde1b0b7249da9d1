/* SPDX-License-Identifier: MIT */
/*
 * Children: see child.h.
 *
 * Output goes to memory files rather than pipes: a child can then write any amount without
 * somebody reading along, and waiting is one poll on its process descriptor.
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const strategy_names[STRATEGY_COUNT] = {
	"segregated", "implicit", "explicit", "simple", "buddy",
};
const char *const source_names[SOURCE_COUNT] = {"mmap", "sbrk"};

const char *heap_strategy(size_t heap)
{
	return strategy_names[heap < BARE_HEAP_COUNT ? heap / SOURCE_COUNT :
						       heap - BARE_HEAP_COUNT];
}

const char *heap_source(size_t heap)
{
	return source_names[heap % SOURCE_COUNT];
}

const char *heap_conf(size_t heap, const char *more)
{
	static char text[256];
	snprintf(text, sizeof text, "strategy:%s,source:%s,front:%s%s%s", heap_strategy(heap),
		 heap_source(heap), heap < BARE_HEAP_COUNT ? "off" : "on",
		 more == NULL ? "" : ",", more == NULL ? "" : more);
	return text;
}

static void give_up(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	abort();
}

static const char *setting(const char *name)
{
	const char *value = getenv(name);
	if (value == NULL || value[0] == 0) {
		fprintf(stderr, "%s is not set: run the tests with `meson test`\n", name);
		abort();
	}
	return value;
}

const char *library_path(void)
{
	return setting("ALLOT_TEST_LIBRARY");
}

const char *program_path(const char *name)
{
	static char path[4096];
	snprintf(path, sizeof path, "%s/%s", setting("ALLOT_TEST_PROGRAMS"), name);
	return path;
}

size_t heap_of_few(size_t i)
{
	return i < STRATEGY_COUNT ? i * SOURCE_COUNT + i % SOURCE_COUNT
				  : BARE_HEAP_COUNT + i - STRATEGY_COUNT;
}

bool is_long_run(void)
{
	const char *value = getenv("ALLOT_TEST_LONG");
	return value != NULL && value[0] != 0 && strcmp(value, "0") != 0;
}

/* Runs in the child; only what is safe after fork, as the runner may have threads. */
static void become(const struct command *command, int output, int errors)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int null = open("/dev/null", O_RDONLY);
	if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(errors, 2) < 0)
		_exit(125);
	if (command->directory != NULL && chdir(command->directory) != 0)
		_exit(125);
	unsetenv("ALLOT_CONF");
	unsetenv("LD_PRELOAD");
	if (command->conf != NULL)
		setenv("ALLOT_CONF", command->conf, 1);
	if (command->is_preloaded)
		setenv("LD_PRELOAD", library_path(), 1);
	for (size_t i = 0; command->environment != NULL && command->environment[i] != NULL; i++)
		putenv((char *)(uintptr_t)command->environment[i]);
	if (command->user_id != 0 &&
	    (setgroups(0, NULL) != 0 || setgid(command->user_id) != 0 ||
	     setuid(command->user_id) != 0))
		_exit(125);
	execvp(command->arguments[0], (char *const *)(uintptr_t)command->arguments);
	dprintf(2, "%s: %s\n", command->arguments[0], strerror(errno));
	_exit(127);
}

/* Everything in a memory file, with a zero byte after it. */
static char *slurp(int file, size_t *out_bytes)
{
	struct stat status;
	if (fstat(file, &status) != 0)
		give_up("fstat");
	size_t bytes = (size_t)status.st_size;
	char *text = malloc(bytes + 1);
	if (text == NULL)
		give_up("malloc");
	size_t done = 0;
	while (done < bytes) {
		ssize_t got = pread(file, text + done, bytes - done, (off_t)done);
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	text[done] = 0;
	*out_bytes = done;
	close(file);
	return text;
}

struct outcome child_run(const struct command *command)
{
	struct outcome outcome = {0};
	int output = memfd_create("output", MFD_CLOEXEC);
	int errors = memfd_create("errors", MFD_CLOEXEC);
	if (output < 0 || errors < 0)
		give_up("memfd_create");

	pid_t child = fork();
	if (child < 0)
		give_up("fork");
	if (child == 0)
		become(command, output, errors);
	setpgid(child, child);

	int descriptor = pidfd_open(child, 0);
	if (descriptor < 0)
		give_up("pidfd_open");
	struct pollfd ended = {.fd = descriptor, .events = POLLIN};
	int ready;
	do {
		ready = poll(&ended, 1, (int)command->timeout_s * 1000);
	} while (ready < 0 && errno == EINTR);
	outcome.is_timed_out = ready == 0;
	close(descriptor);
	/* The group outlives its leader when a program forks: nobody may stay behind. */
	kill(-child, SIGKILL);
	while (waitpid(child, &outcome.status, 0) < 0 && errno == EINTR)
		;
	outcome.output = slurp(output, &outcome.output_bytes);
	outcome.errors = slurp(errors, &outcome.errors_bytes);
	return outcome;
}

void outcome_finish(struct outcome *outcome)
{
	free(outcome->output);
	free(outcome->errors);
}

bool outcome_exited(const struct outcome *outcome, int status)
{
	return !outcome->is_timed_out && WIFEXITED(outcome->status) &&
	       WEXITSTATUS(outcome->status) == status;
}

bool outcome_killed(const struct outcome *outcome, int signal)
{
	return !outcome->is_timed_out && WIFSIGNALED(outcome->status) &&
	       WTERMSIG(outcome->status) == signal;
}

const char *outcome_text(const struct outcome *outcome)
{
	static char text[64];
	if (outcome->is_timed_out)
		return "timed out";
	if (WIFSIGNALED(outcome->status))
		snprintf(text, sizeof text, "signal %d", WTERMSIG(outcome->status));
	else
		snprintf(text, sizeof text, "exit %d", WEXITSTATUS(outcome->status));
	return text;
}

bool text_matches(const char *text, const char *expression)
{
	regex_t compiled;
	int problem = regcomp(&compiled, expression, REG_EXTENDED | REG_NOSUB | REG_NEWLINE);
	if (problem != 0) {
		char why[128];
		regerror(problem, &compiled, why, sizeof why);
		fprintf(stderr, "%s: %s\n", expression, why);
		abort();
	}
	bool is_match = regexec(&compiled, text, 0, NULL, 0) == 0;
	regfree(&compiled);
	return is_match;
}

size_t text_lines(const char *text)
{
	size_t lines = 0;
	for (; *text != 0; text++)
		lines += *text == '\n' || text[1] == 0;
	return lines;
}
