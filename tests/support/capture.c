/* SPDX-License-Identifier: MIT */
/*
 * Running programs. See capture.h. The time limit is the child's own alarm clock, which survives
 * exec and is SIGALRM to a program that does not know of it.
 */
#include "capture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS_NOT_STARTED = 127, PIECE_BYTES = 4096 };

static void become(const char *const *arguments, unsigned timeout_s, int output)
{
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	close(output);
	alarm(timeout_s);
	execv(arguments[0], (char *const *)(void *)arguments);
	_exit(STATUS_NOT_STARTED);
}

static void read_all(int input, struct capture *out)
{
	ssize_t count;
	do {
		char *more = realloc(out->output, out->output_bytes + PIECE_BYTES + 1);
		if (more == NULL)
			break;
		out->output = more;
		count = read(input, out->output + out->output_bytes, PIECE_BYTES);
		if (count > 0)
			out->output_bytes += (size_t)count;
		out->output[out->output_bytes] = '\0';
	} while (count > 0);
}

bool capture_run(const char *const *arguments, unsigned timeout_s, struct capture *out)
{
	int ends[2];
	*out = (struct capture){0};
	if (pipe(ends) != 0)
		return false;
	pid_t child = fork();
	if (child == 0) {
		close(ends[0]);
		become(arguments, timeout_s, ends[1]);
	}
	close(ends[1]);
	if (child > 0) {
		read_all(ends[0], out);
		waitpid(child, &out->status, 0);
	}
	close(ends[0]);
	out->is_timed_out = WIFSIGNALED(out->status) && WTERMSIG(out->status) == SIGALRM;
	return child > 0 && out->output != NULL && !capture_exited(out, STATUS_NOT_STARTED);
}

void capture_finish(struct capture *capture)
{
	free(capture->output);
	capture->output = NULL;
}

bool capture_exited(const struct capture *capture, int status)
{
	return WIFEXITED(capture->status) && WEXITSTATUS(capture->status) == status;
}

const char *capture_end(const struct capture *capture, char *buffer, size_t buffer_bytes)
{
	if (capture->is_timed_out)
		snprintf(buffer, buffer_bytes, "ran too long");
	else if (WIFSIGNALED(capture->status))
		snprintf(buffer, buffer_bytes, "killed by signal %d", WTERMSIG(capture->status));
	else
		snprintf(buffer, buffer_bytes, "exited with %d", WEXITSTATUS(capture->status));
	return buffer;
}
