/* SPDX-License-Identifier: MIT */
/*
 * The kernel as a back end: the steps of a script as system calls, accesses and forks of a helper.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vm_kernel_exec.h"
#include "vm_kernel_inside.h"

enum {
	EXIT_WAITS_MAX = 2000,
};

static uint64_t protection_of(unsigned protection)
{
	return (protection & VM_PROT_READ ? PROT_READ : 0) |
	       (protection & VM_PROT_WRITE ? PROT_WRITE : 0) |
	       (protection & VM_PROT_EXEC ? PROT_EXEC : 0);
}

/* The kernel's bits for ours. */
struct flag_pair {
	unsigned ours;
	uint64_t theirs;
};

static uint64_t flags_of(const struct flag_pair *pairs, size_t count, unsigned flags)
{
	uint64_t theirs = 0;
	for (size_t i = 0; i < count; i++)
		if (flags & pairs[i].ours)
			theirs |= pairs[i].theirs;
	return theirs;
}

static bool map_apply(struct vm_kernel *kernel, const struct vm_step *step, int64_t *out_result)
{
	static const struct flag_pair pairs[] = {
		{ VM_MAP_FIXED, MAP_FIXED },         { VM_MAP_NOREPLACE, MAP_FIXED_NOREPLACE },
		{ VM_MAP_POPULATE, MAP_POPULATE },   { VM_MAP_LOCKED, MAP_LOCKED },
		{ VM_MAP_NORESERVE, MAP_NORESERVE }, { VM_MAP_STACK, MAP_STACK },
		{ VM_MAP_GROWSDOWN, MAP_GROWSDOWN },
	};
	uint64_t flags = flags_of(pairs, sizeof(pairs) / sizeof(pairs[0]), step->flags);
	flags |= step->flags & VM_MAP_SHARED ? MAP_SHARED : MAP_PRIVATE;
	flags |= step->file < 0 ? MAP_ANONYMOUS : 0;
	uint64_t fd = step->file < 0 ? (uint64_t)-1 : (uint64_t)(WIRE_FILE_FIRST + step->file);
	uint64_t arguments[6] = { step->to, step->new_bytes, protection_of(step->protection),
				  flags, fd, step->offset };
	return call(kernel, step->process, SYS_mmap, arguments, out_result);
}

static bool remap_apply(struct vm_kernel *kernel, const struct vm_step *step, int64_t *out_result)
{
	static const struct flag_pair pairs[] = {
		{ VM_REMAP_MAYMOVE, MREMAP_MAYMOVE },
		{ VM_REMAP_FIXED, MREMAP_FIXED },
		{ VM_REMAP_DONTUNMAP, MREMAP_DONTUNMAP },
	};
	uint64_t arguments[6] = { step->address, step->bytes, step->new_bytes,
				  flags_of(pairs, sizeof(pairs) / sizeof(pairs[0]), step->flags),
				  step->to };
	return call(kernel, step->process, SYS_mremap, arguments, out_result);
}

static uint64_t advice_of(int advice)
{
	enum {
		GUARD_INSTALL = 102, /* Linux 6.13; older headers lack them */
		GUARD_REMOVE = 103,
	};
	static const uint64_t table[] = {
		[VM_ADVISE_NORMAL] = MADV_NORMAL,
		[VM_ADVISE_RANDOM] = MADV_RANDOM,
		[VM_ADVISE_SEQUENTIAL] = MADV_SEQUENTIAL,
		[VM_ADVISE_WILLNEED] = MADV_WILLNEED,
		[VM_ADVISE_DONTNEED] = MADV_DONTNEED,
		[VM_ADVISE_FREE] = MADV_FREE,
		[VM_ADVISE_COLD] = MADV_COLD,
		[VM_ADVISE_PAGEOUT] = MADV_PAGEOUT,
		[VM_ADVISE_HUGEPAGE] = MADV_HUGEPAGE,
		[VM_ADVISE_NOHUGEPAGE] = MADV_NOHUGEPAGE,
		[VM_ADVISE_DONTFORK] = MADV_DONTFORK,
		[VM_ADVISE_DOFORK] = MADV_DOFORK,
		[VM_ADVISE_WIPEONFORK] = MADV_WIPEONFORK,
		[VM_ADVISE_KEEPONFORK] = MADV_KEEPONFORK,
		[VM_ADVISE_DONTDUMP] = MADV_DONTDUMP,
		[VM_ADVISE_DODUMP] = MADV_DODUMP,
		[VM_ADVISE_POPULATE_READ] = MADV_POPULATE_READ,
		[VM_ADVISE_POPULATE_WRITE] = MADV_POPULATE_WRITE,
		[VM_ADVISE_GUARD_INSTALL] = GUARD_INSTALL,
		[VM_ADVISE_GUARD_REMOVE] = GUARD_REMOVE,
	};
	return table[advice];
}

/* A system call on the range of the step. */
static bool range_apply(struct vm_kernel *kernel, const struct vm_step *step, int64_t *out_result)
{
	uint64_t arguments[6] = { step->address, step->bytes };
	long number = 0;
	switch (step->verb) {
	case VERB_UNMAP:
		number = SYS_munmap;
		break;
	case VERB_PROTECT:
		number = SYS_mprotect;
		arguments[2] = protection_of(step->protection);
		break;
	case VERB_ADVISE:
		number = SYS_madvise;
		arguments[2] = advice_of(step->advice);
		break;
	case VERB_LOCK:
		number = SYS_mlock2;
		arguments[2] = step->flags != 0 ? MLOCK_ONFAULT : 0;
		break;
	case VERB_UNLOCK:
		number = SYS_munlock;
		break;
	default:
		number = SYS_brk;
		arguments[0] = step->to;
		break;
	}
	return call(kernel, step->process, number, arguments, out_result);
}

static bool call_apply(struct vm_kernel *kernel, const struct vm_step *step,
		       struct vm_outcome *outcome)
{
	int64_t result;
	bool is_done = step->verb == VERB_MAP	  ? map_apply(kernel, step, &result)
		       : step->verb == VERB_REMAP ? remap_apply(kernel, step, &result)
						  : range_apply(kernel, step, &result);
	if (!is_done)
		return false;
	if (result < 0 && result > -4096)
		outcome->error = (int)-result;
	else
		outcome->value = (uint64_t)result;
	return true;
}

static enum vm_signal signal_of(const struct wire_answer *answer)
{
	if (answer->signal == 0)
		return VM_SIGNAL_NONE;
	if (answer->signal == SIGBUS)
		return VM_SIGBUS_ADRERR;
	if (answer->code == SI_KERNEL)
		return VM_SIGSEGV_KERNEL;
	return answer->code == SEGV_ACCERR ? VM_SIGSEGV_ACCERR : VM_SIGSEGV_MAPERR;
}

static bool touch_apply(struct vm_kernel *kernel, const struct vm_step *step,
			struct vm_outcome *outcome)
{
	struct wire_request request = { .kind = WIRE_TOUCH };
	struct wire_answer answer;
	bool is_bytes = step->verb == VERB_STORE_BYTES;
	request.arguments[0] = step->address;
	request.arguments[1] = is_bytes ? 1 : step->touches;
	request.order = step->order;
	request.arguments[2] = SCRIPT_PAGE_BYTES;
	request.arguments[3] = is_bytes ? step->bytes : 1;
	request.arguments[4] = step->verb == VERB_LOAD	  ? WIRE_LOAD
			       : step->verb == VERB_FETCH ? WIRE_FETCH
							  : WIRE_STORE;
	if (!ask(kernel, step->process, &request, &answer))
		return false;
	outcome->signal = signal_of(&answer);
	outcome->done = (uint64_t)answer.result;
	return true;
}

/* read(2) of zeros into the range, or write(2) of it into memory. */
static bool kernel_touch_apply(struct vm_kernel *kernel, const struct vm_step *step,
			       struct vm_outcome *outcome)
{
	bool is_store = step->verb == VERB_KERNEL_STORE;
	uint64_t arguments[6] = { is_store ? WIRE_ZERO : WIRE_SINK, step->address, step->bytes };
	int64_t result;
	if (!call(kernel, step->process, is_store ? SYS_read : SYS_pwrite64, arguments, &result))
		return false;
	if (result < 0)
		outcome->error = (int)-result;
	else
		outcome->done = (uint64_t)result / SCRIPT_PAGE_BYTES;
	return true;
}

/* After a fork both have to have their own memory again; what faults that takes is not counted. */
static bool fork_apply(struct vm_kernel *kernel, const struct vm_step *step)
{
	struct wire_request request = { .kind = WIRE_FORK, .number = (uint64_t)step->child };
	struct wire_answer answer, child_answer;
	struct kernel_process *parent = &kernel->processes[step->process];
	struct kernel_process *child = &kernel->processes[step->child];
	uint64_t minor_own = parent->minor_own, major_own = parent->major_own, minor, major;
	if (!faults_read(kernel, step->process, &minor, &major) ||
	    !ask(kernel, step->process, &request, &answer))
		return false;
	if (answer.result < 0)
		return fails(kernel, "fork: %s", strerror((int)-answer.result));
	*child = (struct kernel_process){ .pid = (pid_t)answer.result, .parent = step->process };
	if (!hear(kernel, step->child, &child_answer) || !proc_open(kernel, step->child) ||
	    !own_lock(kernel, step->child) || !calibrate(kernel, step->child) ||
	    !calibrate(kernel, step->process))
		return false;
	parent->minor_own += minor_own - minor;
	parent->major_own += major_own - major;
	return true;
}

static bool end_wait(pid_t pid)
{
	const struct timespec while_waiting = { .tv_nsec = 1000000 };
	for (int i = 0; i < EXIT_WAITS_MAX; i++) {
		if (is_gone(pid))
			return true;
		nanosleep(&while_waiting, NULL);
	}
	return false;
}

bool vm_kernel_reap(struct vm_kernel *kernel, int process)
{
	struct kernel_process *p = &kernel->processes[process];
	pid_t pid = p->pid;
	int64_t result;
	int parent = p->parent;
	proc_close(kernel, process);
	if (kernel->processes[parent].pid != 0 && !kernel->processes[parent].is_program) {
		uint64_t arguments[6] = { (uint64_t)pid };
		return call(kernel, parent, SYS_wait4, arguments, &result);
	}
	/* An orphan: whoever reaps it, it is gone when it can no longer be told from a dead one. */
	return end_wait(pid) || fails(kernel, "a process does not end");
}

static bool exit_apply(struct vm_kernel *kernel, const struct vm_step *step)
{
	struct wire_request request = { .kind = WIRE_EXIT };
	if (kernel->processes[step->process].is_program)
		return vm_kernel_program_end(kernel, step->process);
	return tell(kernel, step->process, &request) && vm_kernel_reap(kernel, step->process);
}

/* ---- pressure ---- */

static bool pressure_apply(struct vm_kernel *kernel, const struct vm_step *step,
			   struct vm_outcome *outcome)
{
	uint64_t pages = step->new_bytes / SCRIPT_PAGE_BYTES;
	switch (step->verb) {
	case VERB_LIMIT:
		outcome->error = vm_pressure_limit(&kernel->pressure, pages);
		break;
	case VERB_SWAP:
		outcome->error = vm_pressure_swap(&kernel->pressure, pages);
		break;
	case VERB_SWAPPINESS:
		outcome->error = vm_pressure_swappiness(&kernel->pressure, step->number);
		break;
	case VERB_ADJUST:
		outcome->error = vm_pressure_adjust(kernel->processes[step->process].pid,
						    step->number);
		break;
	default:
		outcome->error = posix_fadvise(kernel->files[step->file], 0, 0,
					       POSIX_FADV_DONTNEED);
		break;
	}
	return true;
}

/* Who was killed in this step, once they have ended. */
static bool killed_note(struct vm_kernel *kernel)
{
	const struct timespec while_waiting = { .tv_nsec = 1000000 };
	for (int i = 0; i < SCRIPT_PROCESSES_MAX; i++)
		kernel->processes[i].is_killed = false;
	uint64_t kills = vm_pressure_kills(&kernel->pressure);
	for (int wait = 0; kernel->kills < kills && wait < EXIT_WAITS_MAX; wait++) {
		for (int i = 0; i < SCRIPT_PROCESSES_MAX; i++) {
			struct kernel_process *p = &kernel->processes[i];
			if (p->pid == 0 || !is_gone(p->pid))
				continue;
			proc_close(kernel, i);
			p->is_killed = true;
			kernel->kills++;
		}
		nanosleep(&while_waiting, NULL);
		kills = vm_pressure_kills(&kernel->pressure);
	}
	return kernel->kills == kills || fails(kernel, "a killed process does not end");
}

/* ---- one step ---- */

static bool step_apply(struct vm_kernel *kernel, const struct vm_step *step,
		       struct vm_outcome *outcome)
{
	switch (step->verb) {
	case VERB_LIMIT:
	case VERB_SWAP:
	case VERB_SWAPPINESS:
	case VERB_ADJUST:
	case VERB_DROP:
		return pressure_apply(kernel, step, outcome);
	case VERB_FORK:
		return fork_apply(kernel, step);
	case VERB_EXIT:
		return exit_apply(kernel, step);
	case VERB_EXEC:
		return vm_kernel_exec(kernel, step, outcome);
	case VERB_KERNEL_LOAD:
	case VERB_KERNEL_STORE:
		return kernel_touch_apply(kernel, step, outcome);
	default:
		return script_verb_is_access(step->verb) ? touch_apply(kernel, step, outcome)
							 : call_apply(kernel, step, outcome);
	}
}

bool vm_kernel_apply(struct vm_kernel *kernel, const struct vm_step *step,
		     struct vm_outcome *outcome)
{
	*outcome = (struct vm_outcome){ 0 };
	if (kernel->processes[step->process].pid == 0)
		return fails(kernel, "no such process");
	if (kernel->is_limited)
		vm_pressure_count(&kernel->pressure);
	bool is_done = step_apply(kernel, step, outcome);
	if (!kernel->is_limited)
		return is_done;
	/* Who does not answer may have been killed. */
	if (!killed_note(kernel))
		return false;
	if (!kernel->processes[step->process].is_killed)
		return is_done;
	*outcome = (struct vm_outcome){ .signal = VM_SIGNAL_KILLED };
	return true;
}
