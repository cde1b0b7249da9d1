/* SPDX-License-Identifier: MIT */
/*
 * The operation `exec` on the running kernel: see vm_kernel_exec.h.
 *
 * The helper is traced from before its execve(2) (ptrace(2), PTRACE_O_TRACEEXEC): the kernel stops
 * it when the new program is there and nothing of it has run. What the exec itself faulted in is
 * then all there is. It either stops so, or answers with an error, or is ended by a signal.
 */
#include "vm_kernel_exec.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	WAITS_MAX = 20000,
	WAIT_NS = 500000,
	STAT_BREAK_FIELD = 47, /* start_brk in /proc/PID/stat: proc_pid_stat(5) */
	STAT_BYTES = 4096,
};

static bool fails(struct vm_kernel *kernel, const char *what)
{
	snprintf(kernel->message, sizeof(kernel->message), "%s: %s", what, strerror(errno));
	return false;
}

/* What a process is seen to do next. */
enum event {
	EVENT_NONE,    /* nothing in time */
	EVENT_EXEC,    /* stopped, with a new program */
	EVENT_STOPPED, /* because we wanted it */
	EVENT_ENDED,
	EVENT_ANSWERED,
};

/* What a stop is for; a signal is sent on, and nothing else has happened. */
static enum event stop_read(pid_t pid, int status)
{
	if (status >> 16 == PTRACE_EVENT_EXEC)
		return EVENT_EXEC;
	if (status >> 16 == PTRACE_EVENT_STOP)
		return EVENT_STOPPED;
	ptrace(PTRACE_CONT, pid, NULL, WSTOPSIG(status));
	return EVENT_NONE;
}

/* Wait for the process to stop or end, or, with `answer`, for it to say something. */
static enum event event_await(struct vm_kernel *kernel, int process, struct wire_answer *answer)
{
	pid_t pid = kernel->processes[process].pid;
	for (int i = 0; i < WAITS_MAX; i++) {
		const struct timespec pause = { .tv_nsec = WAIT_NS };
		int status;
		if (waitpid(pid, &status, WNOHANG | __WALL) == pid) {
			enum event event = WIFSTOPPED(status) ? stop_read(pid, status)
							      : EVENT_ENDED;
			if (event != EVENT_NONE)
				return event;
			continue;
		}
		if (answer != NULL && recv(kernel->channels[process], answer, sizeof(*answer),
					   MSG_DONTWAIT) == (ssize_t)sizeof(*answer))
			return EVENT_ANSWERED;
		nanosleep(&pause, NULL);
	}
	errno = ETIMEDOUT;
	return EVENT_NONE;
}

/* start_brk, which is shown to who may trace the process. */
static bool break_read(struct vm_kernel *kernel, int process, uint64_t *out_break)
{
	char text[STAT_BYTES];
	ssize_t length = pread(kernel->processes[process].stat_fd, text, sizeof(text) - 1, 0);
	text[length > 0 ? length : 0] = '\0';
	const char *at = strrchr(text, ')');
	/* Behind the name in parentheses comes field 3. */
	for (int field = 2; at != NULL && field < STAT_BREAK_FIELD; field++)
		at = strchr(at + 1, ' ');
	if (at == NULL)
		return fails(kernel, "/proc/PID/stat is not understood");
	*out_break = strtoull(at, NULL, 10);
	return true;
}

/* Where the program begins, and its stack pointer. */
static bool registers_read(pid_t pid, struct vm_outcome *outcome)
{
#if defined(__x86_64__)
	struct user_regs_struct registers;
	if (ptrace(PTRACE_GETREGS, pid, NULL, &registers) < 0)
		return false;
	outcome->value = registers.rip;
	outcome->stack = registers.rsp;
	return true;
#else
	/* There is no helper that could have come here. */
	(void)pid;
	(void)outcome;
	errno = ENOSYS;
	return false;
#endif
}

/* The new program is there: where it begins, and its memory's files in /proc. */
static bool program_note(struct vm_kernel *kernel, int process, struct vm_outcome *outcome)
{
	struct kernel_process *p = &kernel->processes[process];
	if (!registers_read(p->pid, outcome))
		return fails(kernel, "registers of a program");
	p->is_program = true;
	return vm_kernel_reopen(kernel, process) &&
	       break_read(kernel, process, &outcome->break_start);
}

/* The exec failed, and the helper goes on. */
static bool helper_release(struct vm_kernel *kernel, int process)
{
	pid_t pid = kernel->processes[process].pid;
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 ||
	    event_await(kernel, process, NULL) != EVENT_STOPPED ||
	    ptrace(PTRACE_DETACH, pid, NULL, NULL) < 0)
		return fails(kernel, "the helper cannot be let go");
	return true;
}

bool vm_kernel_exec(struct vm_kernel *kernel, const struct vm_step *step,
		    struct vm_outcome *outcome)
{
	struct wire_request request = { .kind = WIRE_EXEC, .number = step->new_bytes };
	struct wire_answer answer;
	int process = step->process;
	snprintf(request.path, sizeof(request.path), "%s", step->path);
	if (ptrace(PTRACE_SEIZE, kernel->processes[process].pid, NULL,
		   PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) < 0)
		return fails(kernel, "the helper cannot be traced");
	if (send(kernel->channels[process], &request, sizeof(request), MSG_NOSIGNAL) !=
	    (ssize_t)sizeof(request))
		return fails(kernel, "the helper does not listen");
	switch (event_await(kernel, process, &answer)) {
	case EVENT_EXEC:
		return program_note(kernel, process, outcome);
	case EVENT_ANSWERED:
		outcome->error = (int)-answer.result;
		return helper_release(kernel, process);
	case EVENT_ENDED:
		outcome->signal = VM_SIGSEGV_KERNEL;
		return vm_kernel_reap(kernel, process);
	default:
		return fails(kernel, "an exec does not end");
	}
}

bool vm_kernel_program_end(struct vm_kernel *kernel, int process)
{
	kill(kernel->processes[process].pid, SIGKILL);
	if (event_await(kernel, process, NULL) != EVENT_ENDED)
		return fails(kernel, "a program does not end");
	return vm_kernel_reap(kernel, process);
}
