/* SPDX-License-Identifier: MIT */
/*
 * The kernel as a back end: what /proc says of a process's memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vm_kernel_inside.h"

enum {
	ENTRIES_MAX = 512,
	KIB_PER_PAGE = 4,
};

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

/* ---- reading /proc ---- */

bool is_gone(pid_t pid)
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

bool proc_open(struct vm_kernel *kernel, int process)
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

void proc_close(struct vm_kernel *kernel, int process)
{
	struct kernel_process *p = &kernel->processes[process];
	close(p->stat_fd);
	close(p->status_fd);
	close(p->maps_fd);
	close(p->pagemap_fd);
	p->pid = 0;
}

bool vm_kernel_reopen(struct vm_kernel *kernel, int process)
{
	pid_t pid = kernel->processes[process].pid;
	proc_close(kernel, process);
	kernel->processes[process].pid = pid;
	return proc_open(kernel, process);
}

/* All of a file of /proc from its start; NUL-terminated. */
bool text_read(struct vm_kernel *kernel, int fd, char text[FILE_TEXT_BYTES])
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

bool faults_read(struct vm_kernel *kernel, int process, uint64_t *out_minor,
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

bool status_read(struct vm_kernel *kernel, int process, struct vm_seen *seen)
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

bool entries_read(struct vm_kernel *kernel, int process, uint64_t address, size_t count,
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
const char *area_read(const char *line, struct vm_area_seen *out)
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

static bool is_furniture(const struct vm_kernel *kernel, int process,
			 const struct vm_area_seen *area)
{
	size_t own_count = kernel->processes[process].is_program ? 0 : kernel->own_count;
	for (size_t i = 0; i < own_count; i++)
		if (area->start >= kernel->own[i].start && area->start < kernel->own[i].end)
			return true;
	return area->start >= user_end;
}

bool vm_kernel_look(struct vm_kernel *kernel, int process, struct vm_seen *seen)
{
	static const struct vm_seen nothing;
	const struct kernel_process *p = &kernel->processes[process];
	const struct vm_seen *base = p->is_program ? &nothing : &kernel->base;
	struct vm_area_seen area;
	char text[FILE_TEXT_BYTES];
	vm_seen_clear(seen);
	if (!faults_read(kernel, process, &seen->minor, &seen->major) ||
	    !status_read(kernel, process, seen) || !text_read(kernel, p->maps_fd, text))
		return false;
	seen->minor -= p->minor_own;
	seen->major -= p->major_own;
	seen->anon -= base->anon;
	seen->file -= base->file;
	seen->shared -= base->shared;
	seen->tables -= base->tables;
	seen->locked -= base->locked;
	seen->total -= base->total;
	for (const char *at = text; (at = area_read(at, &area)) != NULL;) {
		if (is_furniture(kernel, process, &area))
			continue;
		if (!vm_seen_area_add(seen, &area))
			return fails(kernel, "no memory");
		if (!pages_look(kernel, process, &area, seen) ||
		    (kernel->scans_huge && !huge_count(kernel, process, &area, seen)))
			return false;
	}
	return true;
}
