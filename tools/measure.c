/* SPDX-License-Identifier: MIT */
/*
 * allot-measure: run a program and say what it cost.
 *
 * usage: allot-measure [-o FILE] [--] COMMAND [ARGUMENT...]
 *
 * Appends one line of name=value words to FILE, or writes it to standard error. The exit status is
 * the program's, 128+N when signal N ended it, 125 to 127 as in allot-run(1).
 *
 * Why not time(1): the kernel's high-water mark of a process, ru_maxrss, survives execve(2). A
 * child that a large parent forks starts out with the parent's pages and never shows less than
 * they were. This program is linked statically and allocates nothing, so what a child inherits
 * from it is below the resident set of any program that has a dynamic linker. It shows its own
 * mark as floor_kib: a figure not above it would be ours.
 *
 * peak_rss_kib is the largest of the program and of all its descendants it has waited for, not
 * their sum. The kernel counts pages per processor and adds up in batches, so the figure may be
 * off by a few dozen pages a processor.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum {
	STATUS_FAILED = 125,
	STATUS_NOT_EXECUTABLE = 126,
	STATUS_NOT_FOUND = 127,
	STATUS_SIGNAL_BASE = 128,
	LINE_BYTES = 512,
	MICROSECONDS = 1000000,
};

static double seconds_of(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / MICROSECONDS;
}

static double seconds_between(const struct timespec *start, const struct timespec *end)
{
	return (double)(end->tv_sec - start->tv_sec) +
	       (double)(end->tv_nsec - start->tv_nsec) / 1e9;
}

static int complain(const char *what, int error, int status)
{
	dprintf(STDERR_FILENO, "allot-measure: %s: %s\n", what, strerror(error));
	return status;
}

/* Run the program to its end; returns 0, or the error that kept it from starting. */
static int program_run(char **words, int *out_status, struct rusage *out_usage, double *out_wall)
{
	struct timespec start, end;
	posix_spawnattr_t attributes;
	sigset_t terminal_signals;
	pid_t child;

	/* Ctrl-C is the program's to handle; we wait for it and still report. */
	sigemptyset(&terminal_signals);
	sigaddset(&terminal_signals, SIGINT);
	sigaddset(&terminal_signals, SIGQUIT);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigdefault(&attributes, &terminal_signals);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);

	clock_gettime(CLOCK_MONOTONIC, &start);
	int error = posix_spawnp(&child, words[0], NULL, &attributes, words, environ);
	if (error != 0)
		return error;
	while (wait4(child, out_status, 0, out_usage) < 0 && errno == EINTR)
		;
	clock_gettime(CLOCK_MONOTONIC, &end);
	*out_wall = seconds_between(&start, &end);
	return 0;
}

int main(int argc, char **argv)
{
	const char *file_name = NULL;
	int option, output = STDERR_FILENO, wait_status = 0;
	struct rusage usage, own;
	double wall = 0;
	char line[LINE_BYTES];

	/* "+": options end at the first operand. */
	while ((option = getopt(argc, argv, "+o:")) != -1) {
		if (option != 'o')
			return STATUS_FAILED;
		file_name = optarg;
	}
	if (optind >= argc)
		return complain("usage", EINVAL, STATUS_FAILED);
	if (file_name != NULL)
		output = open(file_name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (output < 0)
		return complain(file_name, errno, STATUS_FAILED);

	int error = program_run(argv + optind, &wait_status, &usage, &wall);
	if (error != 0)
		return complain(argv[optind], error,
				error == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE);
	getrusage(RUSAGE_SELF, &own);

	int status = WIFSIGNALED(wait_status) ? STATUS_SIGNAL_BASE + WTERMSIG(wait_status)
					      : WEXITSTATUS(wait_status);
	int length = snprintf(line, sizeof(line),
			      "wall_s=%.6f user_s=%.6f system_s=%.6f peak_rss_kib=%ld "
			      "floor_kib=%ld minor_faults=%ld major_faults=%ld status=%d\n",
			      wall, seconds_of(usage.ru_utime), seconds_of(usage.ru_stime),
			      usage.ru_maxrss, own.ru_maxrss, usage.ru_minflt, usage.ru_majflt,
			      status);
	if (write(output, line, (size_t)length) != length)
		return complain("writing the figures", errno, STATUS_FAILED);
	return status;
}
