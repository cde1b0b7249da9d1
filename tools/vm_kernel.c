/* SPDX-License-Identifier: MIT */
/*
 * The kernel as a back end: starting the helper, telling it what to do, reading /proc.
 *
 * Everything is counted from outside, so that counting costs the helper nothing. Its own memory is
 * touched before the first operation, and again in parent and child after a fork; what faults that
 * takes is found by asking before and after, and subtracted. The vdso is unmapped, so that mappings
 * begin at the top on every kernel, and the break is moved away from the program.
 */
#include "vm_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	FILE_TEXT_BYTES = 1 << 16,
	BREAK_GAP_BYTES = 1 << 20,
	STACK_LIMIT_BYTES = 8 << 20,
	CALIBRATIONS_MAX = 20,
	ENTRIES_MAX = 512,
	KIB_PER_PAGE = 4,
	EXIT_WAITS_MAX = 2000,
	LISTEN_MS = 50,       /* before it is looked whether who is to answer is alive */
};

static const uint64_t user_end = UINT64_C(0x7ffffffff000);
static const uint64_t huge_bytes = UINT64_C(2) << 20;

/* Bits of an entry of /proc/PID/pagemap. */
#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_SWAPPED (UINT64_C(1) << 62)
#define PAGEMAP_FILE (UINT64_C(1) << 61)
#define PAGEMAP_GUARD (UINT64_C(1) << 58)
#define PAGEMAP_EXCLUSIVE (UINT64_C(1) << 56)
#define PAGEMAP_FRAME ((UINT64_C(1) << 55) - 1)

/* ioctl PAGEMAP_SCAN of Linux 6.7, which older headers lack. */
struct scan_region {
	uint64_t start, end, categories;
};
struct scan_argument {
	uint64_t size, flags, start, end, walk_end, vector, vector_length, pages_max;
	uint64_t category_inverted, category_mask, category_any_mask, return_mask;
};
#define SCAN_IOCTL _IOWR('f', 16, struct scan_argument)
#define SCAN_HUGE (UINT64_C(1) << 6)

static bool fails(struct vm_kernel *kernel, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool fails(struct vm_kernel *kernel, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(kernel->message, sizeof(kernel->message), format, arguments);
	va_end(arguments);
	return false;
}

/* ---- talking ---- */

static bool tell(struct vm_kernel *kernel, int process, const struct wire_request *request)
{
	ssize_t sent = send(kernel->channels[process], request, sizeof(*request), MSG_NOSIGNAL);
	return sent == (ssize_t)sizeof(*request) || fails(kernel, "the helper does not listen");
}

/* Has the process ended, whether or not somebody waits for it? */
static bool is_gone(pid_t pid)
{
	char path[64], text[512];
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
	if (fd >= 0)
		close(fd);
	text[length > 0 ? length : 0] = '\0';
	const char *state = strrchr(text, ')');
	return state == NULL || state[2] == 'Z' || state[2] == 'X';
}

/* The other ends of all channels are held by all processes: nothing is closed when one ends. */
static bool hear(struct vm_kernel *kernel, int process, struct wire_answer *answer)
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

static bool ask(struct vm_kernel *kernel, int process, const struct wire_request *request,
		struct wire_answer *answer)
{
	return tell(kernel, process, request) && hear(kernel, process, answer);
}

static bool call(struct vm_kernel *kernel, int process, long number, const uint64_t arguments[6],
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

/* ---- reading /proc ---- */

static bool proc_open(struct vm_kernel *kernel, int process)
{
	struct kernel_process *p = &kernel->processes[process];
	static const char *const names[] = { "stat", "status", "maps", "pagemap" };
	int *fds[] = { &p->stat_fd, &p->status_fd, &p->maps_fd, &p->pagemap_fd };
	for (size_t i = 0; i < 4; i++) {
		char path[64];
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)p->pid, names[i]);
		*fds[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (*fds[i] < 0)
			return fails(kernel, "%s: %s", path, strerror(errno));
	}
	return true;
}

static void proc_close(struct vm_kernel *kernel, int process)
{
	struct kernel_process *p = &kernel->processes[process];
	close(p->stat_fd);
	close(p->status_fd);
	close(p->maps_fd);
	close(p->pagemap_fd);
	p->pid = 0;
}

/* All of a file of /proc from its start; NUL-terminated. */
static bool text_read(struct vm_kernel *kernel, int fd, char text[FILE_TEXT_BYTES])
{
	size_t used = 0;
	while (used < FILE_TEXT_BYTES - 1) {
		ssize_t length = pread(fd, text + used, FILE_TEXT_BYTES - 1 - used, (off_t)used);
		if (length < 0)
			return fails(kernel, "/proc: %s", strerror(errno));
		if (length == 0)
			break;
		used += (size_t)length;
	}
	text[used] = '\0';
	return true;
}

static bool faults_read(struct vm_kernel *kernel, int process, uint64_t *out_minor,
			uint64_t *out_major)
{
	char text[FILE_TEXT_BYTES];
	if (!text_read(kernel, kernel->processes[process].stat_fd, text))
		return false;
	const char *at = strrchr(text, ')');
	/* state ppid pgrp session tty tpgid flags minflt cminflt majflt */
	if (at == NULL || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %" SCNu64 " %*u %" SCNu64,
				 out_minor, out_major) != 2)
		return fails(kernel, "/proc/PID/stat is not understood");
	return true;
}

/* Pages after `name` in the text of status; 0 when it is not there. */
static uint64_t status_pages(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	return at != NULL ? strtoull(at + strlen(name), NULL, 10) / KIB_PER_PAGE : 0;
}

static bool status_read(struct vm_kernel *kernel, int process, struct vm_seen *seen)
{
	char text[FILE_TEXT_BYTES];
	if (!text_read(kernel, kernel->processes[process].status_fd, text))
		return false;
	seen->anon = status_pages(text, "RssAnon:");
	seen->file = status_pages(text, "RssFile:");
	seen->shared = status_pages(text, "RssShmem:");
	seen->tables = status_pages(text, "VmPTE:");
	seen->locked = status_pages(text, "VmLck:");
	seen->total = status_pages(text, "VmSize:");
	seen->swap = status_pages(text, "VmSwap:");
	return true;
}

/* ---- pages ---- */

static struct vm_page_seen page_of(const struct vm_kernel *kernel, uint64_t entry)
{
	struct vm_page_seen page = { .state = VM_PAGE_NONE };
	uint64_t frame = entry & PAGEMAP_FRAME;
	if (!(entry & PAGEMAP_PRESENT)) {
		if (entry & PAGEMAP_GUARD)
			page.state = VM_PAGE_GUARD;
		else if (entry & PAGEMAP_SWAPPED)
			page.state = VM_PAGE_SWAPPED;
		return page;
	}
	if (!kernel->hides_frames && frame == kernel->zero_frame) {
		page.state = VM_PAGE_ZERO;
		return page;
	}
	if (!kernel->hides_frames && kernel->huge_zero_frame != 0 &&
	    frame / (huge_bytes / SCRIPT_PAGE_BYTES) ==
		    kernel->huge_zero_frame / (huge_bytes / SCRIPT_PAGE_BYTES)) {
		page.state = VM_PAGE_HUGE_ZERO;
		return page;
	}
	page.state = entry & PAGEMAP_FILE ? VM_PAGE_FILE : VM_PAGE_ANON;
	page.is_exclusive = entry & PAGEMAP_EXCLUSIVE;
	page.frame = kernel->hides_frames ? 0 : frame;
	return page;
}

static bool entries_read(struct vm_kernel *kernel, int process, uint64_t address, size_t count,
			 uint64_t *entries)
{
	off_t offset = (off_t)(address / SCRIPT_PAGE_BYTES * sizeof(*entries));
	ssize_t length = pread(kernel->processes[process].pagemap_fd, entries,
			       count * sizeof(*entries), offset);
	return length == (ssize_t)(count * sizeof(*entries)) ||
	       fails(kernel, "/proc/PID/pagemap: %s", length < 0 ? strerror(errno) : "short");
}

static bool pages_look(struct vm_kernel *kernel, int process, const struct vm_area_seen *area,
		       struct vm_seen *seen)
{
	uint64_t entries[ENTRIES_MAX];
	for (uint64_t at = area->start; at < area->end;) {
		uint64_t count = (area->end - at) / SCRIPT_PAGE_BYTES;
		count = count < ENTRIES_MAX ? count : ENTRIES_MAX;
		if (!entries_read(kernel, process, at, count, entries))
			return false;
		for (uint64_t i = 0; i < count; i++) {
			struct vm_page_seen page = page_of(kernel, entries[i]);
			seen->zero += page.state == VM_PAGE_ZERO ||
				      page.state == VM_PAGE_HUGE_ZERO;
			if (!vm_seen_page_add(seen, &page))
				return fails(kernel, "no memory");
		}
		at += count * SCRIPT_PAGE_BYTES;
	}
	return true;
}

/* Pages of the area that are mapped by huge entries. */
static bool huge_count(struct vm_kernel *kernel, int process, const struct vm_area_seen *area,
		       struct vm_seen *seen)
{
	struct scan_region regions[ENTRIES_MAX];
	struct scan_argument argument = {
		.size = sizeof(argument),
		.start = area->start,
		.end = area->end,
		.vector = (uint64_t)(uintptr_t)regions,
		.vector_length = ENTRIES_MAX,
		.category_mask = SCAN_HUGE,
		.return_mask = SCAN_HUGE,
	};
	int count = ioctl(kernel->processes[process].pagemap_fd, SCAN_IOCTL, &argument);
	if (count < 0)
		return fails(kernel, "PAGEMAP_SCAN: %s", strerror(errno));
	for (int i = 0; i < count; i++)
		seen->huge += (regions[i].end - regions[i].start) / SCRIPT_PAGE_BYTES;
	return true;
}

/* ---- areas ---- */

/* The next line of maps; NULL at the end. */
static const char *area_read(const char *line, struct vm_area_seen *out)
{
	char r, w, x, s;
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %c%c%c%c %" SCNx64, &out->start, &out->end, &r,
		   &w, &x, &s, &out->offset) != 7)
		return NULL;
	out->protection = (r == 'r' ? (unsigned)VM_PROT_READ : 0) |
			  (w == 'w' ? (unsigned)VM_PROT_WRITE : 0) |
			  (x == 'x' ? (unsigned)VM_PROT_EXEC : 0);
	out->is_shared = s == 's';
	const char *end = strchr(line, '\n');
	return end != NULL ? end + 1 : line + strlen(line);
}

static bool is_furniture(const struct vm_kernel *kernel, const struct vm_area_seen *area)
{
	for (size_t i = 0; i < kernel->own_count; i++)
		if (area->start >= kernel->own[i].start && area->start < kernel->own[i].end)
			return true;
	return area->start >= user_end;
}

bool vm_kernel_look(struct vm_kernel *kernel, int process, struct vm_seen *seen)
{
	const struct kernel_process *p = &kernel->processes[process];
	struct vm_area_seen area;
	char text[FILE_TEXT_BYTES];
	vm_seen_clear(seen);
	if (!faults_read(kernel, process, &seen->minor, &seen->major) ||
	    !status_read(kernel, process, seen) || !text_read(kernel, p->maps_fd, text))
		return false;
	seen->minor -= p->minor_own;
	seen->major -= p->major_own;
	seen->anon -= kernel->base.anon;
	seen->file -= kernel->base.file;
	seen->shared -= kernel->base.shared;
	seen->tables -= kernel->base.tables;
	seen->locked -= kernel->base.locked;
	seen->total -= kernel->base.total;
	for (const char *at = text; (at = area_read(at, &area)) != NULL;) {
		if (is_furniture(kernel, &area))
			continue;
		if (!vm_seen_area_add(seen, &area))
			return fails(kernel, "no memory");
		if (!pages_look(kernel, process, &area, seen) ||
		    (kernel->scans_huge && !huge_count(kernel, process, &area, seen)))
			return false;
	}
	return true;
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
static bool calibrate(struct vm_kernel *kernel, int process)
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

/* The helper's own pages are not to leave when room is short: their faults are not the script's. */
static bool own_lock(struct vm_kernel *kernel, int process)
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
		kill(kernel->processes[i].pid, SIGKILL);
		proc_close(kernel, i);
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

/* ---- steps ---- */

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

static bool exit_apply(struct vm_kernel *kernel, const struct vm_step *step)
{
	struct wire_request request = { .kind = WIRE_EXIT };
	struct kernel_process *p = &kernel->processes[step->process];
	pid_t pid = p->pid;
	int64_t result;
	if (!tell(kernel, step->process, &request))
		return false;
	int parent = p->parent;
	proc_close(kernel, step->process);
	if (kernel->processes[parent].pid != 0) {
		uint64_t arguments[6] = { (uint64_t)pid };
		return call(kernel, parent, SYS_wait4, arguments, &result);
	}
	/* An orphan: whoever reaps it, it is gone when it can no longer be told from a dead one. */
	return end_wait(pid) || fails(kernel, "a process does not end");
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
