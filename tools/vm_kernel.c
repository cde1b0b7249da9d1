/* SPDX-License-Identifier: MIT */
/*
 * The kernel as a back end: starting the helper, and telling it what to do. What comes of it is
 * looked at in vm_kernel_look.c; what it is told of a script is in vm_kernel_apply.c.
 *
 * Everything is counted from outside, so that counting costs the helper nothing. Its own memory is
 * touched before the first operation, and again in parent and child after a fork; what faults that
 * takes is found by asking before and after, and subtracted. The vdso is unmapped, so that mappings
 * begin at the top on every kernel, and the break is moved away from the program.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm_kernel_inside.h"

enum {
	BREAK_GAP_BYTES = 1 << 20,
	STACK_LIMIT_BYTES = 8 << 20,
	CALIBRATIONS_MAX = 20,
	LISTEN_MS = 50, /* before it is looked whether who is to answer is alive */
};

bool fails(struct vm_kernel *kernel, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(kernel->message, sizeof(kernel->message), format, arguments);
	va_end(arguments);
	return false;
}

/* ---- talking ---- */

bool tell(struct vm_kernel *kernel, int process, const struct wire_request *request)
{
	ssize_t sent = send(kernel->channels[process], request, sizeof(*request), MSG_NOSIGNAL);
	return sent == (ssize_t)sizeof(*request) || fails(kernel, "the helper does not listen");
}

/* The other ends of all channels are held by all processes: nothing is closed when one ends. */
bool hear(struct vm_kernel *kernel, int process, struct wire_answer *answer)
{
	ssize_t length;
	struct pollfd poll_fd = { .fd = kernel->channels[process], .events = POLLIN };
	while (kernel->processes[process].pid != 0 && poll(&poll_fd, 1, LISTEN_MS) == 0)
		if (is_gone(kernel->processes[process].pid))
			return fails(kernel, "the helper has ended");
	do
		length = recv(kernel->channels[process], answer, sizeof(*answer), 0);
	while (length < 0 && errno == EINTR);
	return length == (ssize_t)sizeof(*answer) || fails(kernel, "the helper does not answer");
}

bool ask(struct vm_kernel *kernel, int process, const struct wire_request *request,
		struct wire_answer *answer)
{
	return tell(kernel, process, request) && hear(kernel, process, answer);
}

bool call(struct vm_kernel *kernel, int process, long number, const uint64_t arguments[6],
		 int64_t *out_result)
{
	struct wire_request request = { .kind = WIRE_CALL, .number = (uint64_t)number };
	struct wire_answer answer;
	memcpy(request.arguments, arguments, sizeof(request.arguments));
	if (!ask(kernel, process, &request, &answer))
		return false;
	*out_result = answer.result;
	return true;
}

static bool prefault(struct vm_kernel *kernel, int process)
{
	struct wire_request request = { .kind = WIRE_PREFAULT };
	struct wire_answer answer;
	memcpy(request.ranges, kernel->own, sizeof(request.ranges));
	return ask(kernel, process, &request, &answer);
}

/* ---- files ---- */

/* All pages of it in the cache, one by one so that they are single pages there, and clean. */
static int disk_file_make(uint64_t pages)
{
	static const char zeros[SCRIPT_PAGE_BYTES];
	const char *folder = getenv("TMPDIR");
	char path[4096];
	snprintf(path, sizeof(path), "%s/allot-vm-XXXXXX", folder != NULL ? folder : "/var/tmp");
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -1;
	unlink(path);
	for (uint64_t i = 0; i < pages; i++) {
		if (write(fd, zeros, sizeof(zeros)) != (ssize_t)sizeof(zeros)) {
			close(fd);
			return -1;
		}
	}
	fsync(fd);
	return fd;
}

static bool files_make(struct vm_kernel *kernel, const struct script *script)
{
	for (int i = 0; i < script->file_count; i++) {
		const struct script_file *file = &script->files[i];
		uint64_t pages = (uint64_t)file->pages;
		int fd = file->is_memory ? memfd_create("allot-vm", MFD_CLOEXEC)
					 : disk_file_make(pages);
		if (fd < 0)
			return fails(kernel, "file %s: %s", file->name, strerror(errno));
		kernel->files[kernel->file_count++] = fd;
		if (file->is_memory && ftruncate(fd, (off_t)(pages * SCRIPT_PAGE_BYTES)) < 0)
			return fails(kernel, "file %s: %s", file->name, strerror(errno));
	}
	return true;
}

/* ---- starting ---- */

static bool channels_make(struct vm_kernel *kernel)
{
	for (int i = 0; i < SCRIPT_PROCESSES_MAX; i++) {
		int pair[2];
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
			return fails(kernel, "socketpair: %s", strerror(errno));
		kernel->channels[i] = pair[0];
		kernel->ends[i] = pair[1];
	}
	return true;
}

/* In the child of our fork: descriptors where the helper looks for them, then the helper. */
static void helper_become(const struct vm_kernel *kernel, const char *path)
{
	char name[] = "allot-vm-helper";
	char *argv[] = { name, NULL }, *environment[] = { NULL };
	const struct rlimit stack = { STACK_LIMIT_BYTES, RLIM_INFINITY };
	cpu_set_t one;
	for (int i = 0; i < SCRIPT_PROCESSES_MAX; i++)
		dup2(kernel->ends[i], WIRE_CHANNEL_FIRST + i);
	for (int i = 0; i < kernel->file_count; i++)
		dup2(kernel->files[i], WIRE_FILE_FIRST + i);
	int zero = open("/dev/zero", O_RDONLY), sink = memfd_create("sink", 0);
	dup2(zero, WIRE_ZERO);
	dup2(sink, WIRE_SINK);
	setrlimit(RLIMIT_STACK, &stack);
	/* Pages wait in lists of a processor; on one all the time, none is missed there. */
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu() >= 0 ? (size_t)sched_getcpu() : 0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	execve(path, argv, environment);
	_exit(127);
}

static bool helper_start(struct vm_kernel *kernel, const char *path)
{
	struct wire_request nothing = { .kind = WIRE_NOTHING };
	struct wire_answer answer;
	pid_t pid = fork();
	if (pid < 0)
		return fails(kernel, "fork: %s", strerror(errno));
	if (pid == 0)
		helper_become(kernel, path);
	kernel->processes[0].pid = kernel->main_pid = pid;
	for (int i = 0; i < SCRIPT_PROCESSES_MAX; i++) {
		close(kernel->ends[i]);
		kernel->ends[i] = -1;
	}
	if (!ask(kernel, 0, &nothing, &answer))
		return fails(kernel, "%s cannot be started", path);
	return proc_open(kernel, 0);
}

/* ---- furnishing ---- */

/* Unmap what the kernel put among the mappings: a vdso, where there is one. */
static bool vdso_unmap(struct vm_kernel *kernel)
{
	char text[FILE_TEXT_BYTES];
	struct vm_area_seen area;
	if (!text_read(kernel, kernel->processes[0].maps_fd, text))
		return false;
	const char *next;
	for (const char *line = text; (next = area_read(line, &area)) != NULL; line = next) {
		const char *name = strstr(line, "[v");
		int64_t result;
		if (name == NULL || name > next || area.start >= user_end)
			continue;
		uint64_t arguments[6] = { area.start, area.end - area.start };
		if (!call(kernel, 0, SYS_munmap, arguments, &result))
			return false;
	}
	return true;
}

bool vm_kernel_break(struct vm_kernel *kernel, int process, uint64_t *out_break)
{
	uint64_t arguments[6] = { 0 };
	int64_t result;
	if (!call(kernel, process, SYS_brk, arguments, &result))
		return false;
	*out_break = (uint64_t)result;
	return true;
}

/* Move the break away from the program, by growing it and unmapping what that gave. */
static bool break_move(struct vm_kernel *kernel)
{
	uint64_t page = SCRIPT_PAGE_BYTES, now;
	int64_t result;
	if (!vm_kernel_break(kernel, 0, &now))
		return false;
	now = (now + page - 1) / page * page;
	uint64_t grow[6] = { now + BREAK_GAP_BYTES };
	uint64_t unmap[6] = { now, BREAK_GAP_BYTES };
	kernel->break_start = now + BREAK_GAP_BYTES;
	return call(kernel, 0, SYS_brk, grow, &result) &&
	       call(kernel, 0, SYS_munmap, unmap, &result);
}

/* Note what the helper has: every area there is now. */
static bool own_note(struct vm_kernel *kernel)
{
	char text[FILE_TEXT_BYTES];
	struct vm_area_seen area;
	kernel->own_count = 0;
	if (!text_read(kernel, kernel->processes[0].maps_fd, text))
		return false;
	for (const char *at = text; (at = area_read(at, &area)) != NULL;) {
		if (area.start >= user_end)
			continue;
		if (kernel->own_count == WIRE_RANGES_MAX)
			return fails(kernel, "the helper has too many areas");
		kernel->own[kernel->own_count++] = (struct wire_range){
			.start = area.start,
			.end = area.end,
			.is_writable = area.protection & VM_PROT_WRITE,
		};
	}
	return true;
}

/* Which of the helper's pages are present: the model's tables are where the kernel's are. */
static bool furniture_note(struct vm_kernel *kernel)
{
	size_t count = 0, used = 0;
	for (size_t i = 0; i < kernel->own_count; i++)
		count += (kernel->own[i].end - kernel->own[i].start) / SCRIPT_PAGE_BYTES;
	kernel->is_present = calloc(count, sizeof(*kernel->is_present));
	if (kernel->is_present == NULL)
		return fails(kernel, "no memory");
	for (size_t i = 0; i < kernel->own_count; i++) {
		const struct wire_range *own = &kernel->own[i];
		kernel->furniture[i] = (struct vm_furniture){ own->start, own->end,
							      kernel->is_present + used };
		for (uint64_t at = own->start; at < own->end; at += SCRIPT_PAGE_BYTES) {
			uint64_t entry;
			if (!entries_read(kernel, 0, at, 1, &entry))
				return false;
			kernel->is_present[used++] = entry & PAGEMAP_PRESENT;
		}
	}
	return true;
}

/* Two loads tell the frames of the zero page and of the huge one. */
static bool zeros_find(struct vm_kernel *kernel)
{
	uint64_t bytes = 2 * huge_bytes, entry;
	uint64_t map[6] = { 0, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0 };
	struct wire_request touch = { .kind = WIRE_TOUCH };
	struct wire_answer answer;
	int64_t address, result;
	if (!call(kernel, 0, SYS_mmap, map, &address))
		return false;
	uint64_t start = (uint64_t)address, middle = (start + huge_bytes) & ~(huge_bytes - 1);
	uint64_t advise[6] = { start, bytes, MADV_NOHUGEPAGE };
	uint64_t unmap[6] = { start, bytes };
	for (int is_huge = 0; is_huge < 2; is_huge++) {
		touch.arguments[0] = is_huge ? middle : start;
		touch.arguments[1] = 1;
		touch.arguments[4] = WIRE_LOAD;
		advise[2] = is_huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE;
		if (!call(kernel, 0, SYS_madvise, advise, &result) ||
		    !ask(kernel, 0, &touch, &answer) ||
		    !entries_read(kernel, 0, touch.arguments[0], 1, &entry))
			return false;
		uint64_t frame = entry & PAGEMAP_FRAME;
		if (is_huge)
			kernel->huge_zero_frame = frame == kernel->zero_frame ? 0 : frame;
		else
			kernel->zero_frame = frame;
	}
	kernel->hides_frames = kernel->zero_frame == 0;
	return call(kernel, 0, SYS_munmap, unmap, &result);
}

/* Touch all of the helper's own until nothing more comes of it, and leave those faults out. */
bool calibrate(struct vm_kernel *kernel, int process)
{
	struct kernel_process *p = &kernel->processes[process];
	struct wire_request nothing = { .kind = WIRE_NOTHING };
	struct wire_answer answer;
	uint64_t minor, major, minor_last = 0;
	for (int i = 0; i < CALIBRATIONS_MAX; i++) {
		if (!prefault(kernel, process) || !ask(kernel, process, &nothing, &answer) ||
		    !faults_read(kernel, process, &minor, &major))
			return false;
		if (i > 0 && minor == minor_last) {
			p->minor_own = minor;
			p->major_own = major;
			return true;
		}
		minor_last = minor;
	}
	return fails(kernel, "an empty operation takes faults");
}

bool own_lock(struct vm_kernel *kernel, int process)
{
	for (size_t i = 0; kernel->is_limited && i < kernel->own_count; i++) {
		uint64_t arguments[6] = { kernel->own[i].start,
					  kernel->own[i].end - kernel->own[i].start };
		int64_t result;
		if (!call(kernel, process, SYS_mlock, arguments, &result))
			return false;
		if (result < 0)
			return fails(kernel, "mlock: %s", strerror((int)-result));
	}
	return true;
}

static bool furnish(struct vm_kernel *kernel)
{
	return vdso_unmap(kernel) && break_move(kernel) && zeros_find(kernel) &&
	       own_note(kernel) && prefault(kernel, 0) && own_note(kernel) &&
	       own_lock(kernel, 0) && calibrate(kernel, 0) && furniture_note(kernel) &&
	       status_read(kernel, 0, &kernel->base);
}

/* The helper's own memory is charged elsewhere, before. */
static bool group_make(struct vm_kernel *kernel, bool has_swap)
{
	if (!kernel->is_limited)
		return true;
	if (vm_pressure_open(&kernel->pressure, has_swap) &&
	    vm_pressure_join(&kernel->pressure, kernel->main_pid))
		return true;
	return fails(kernel, "%s", kernel->pressure.message);
}

bool vm_kernel_open(struct vm_kernel *kernel, const struct script *script, const char *helper_path)
{
	*kernel = (struct vm_kernel){ .is_limited = script->is_limited };
	for (int i = 0; i < SCRIPT_PROCESSES_MAX; i++)
		kernel->channels[i] = kernel->ends[i] = -1;
	for (size_t i = 0; i < script->op_count; i++)
		kernel->scans_huge |= script->ops[i].verb == VERB_ADVISE &&
				      script->ops[i].advice == VM_ADVISE_HUGEPAGE;
	if (files_make(kernel, script) && channels_make(kernel) &&
	    helper_start(kernel, helper_path) && furnish(kernel) &&
	    group_make(kernel, script->has_swap))
		return true;
	vm_kernel_close(kernel);
	return false;
}

void vm_kernel_close(struct vm_kernel *kernel)
{
	for (int i = SCRIPT_PROCESSES_MAX - 1; i >= 0; i--) {
		if (kernel->processes[i].pid == 0)
			continue;
		pid_t pid = kernel->processes[i].pid;
		kill(pid, SIGKILL);
		proc_close(kernel, i);
		if (i != 0 && kernel->processes[i].is_program)
			waitpid(pid, NULL, __WALL);
	}
	if (kernel->main_pid != 0)
		waitpid(kernel->main_pid, NULL, 0);
	vm_pressure_close(&kernel->pressure);
	for (int i = 0; i < SCRIPT_PROCESSES_MAX; i++) {
		if (kernel->channels[i] >= 0)
			close(kernel->channels[i]);
		if (kernel->ends[i] >= 0)
			close(kernel->ends[i]);
	}
	for (int i = 0; i < kernel->file_count; i++)
		close(kernel->files[i]);
	free(kernel->is_present);
	kernel->is_present = NULL;
}
