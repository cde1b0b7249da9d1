/* SPDX-License-Identifier: MIT */
/*
 * The kernel as a back end, from the inside: what starting the helper, telling it and looking at it
 * share. False is failure everywhere, with kernel->message.
 */
#ifndef ALLOT_TOOLS_VM_KERNEL_INSIDE_H
#define ALLOT_TOOLS_VM_KERNEL_INSIDE_H

#include "vm_kernel.h"

enum {
	FILE_TEXT_BYTES = 1 << 16,
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

/* Say why something failed; always false. */
bool fails(struct vm_kernel *kernel, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- talking ---- */

bool tell(struct vm_kernel *kernel, int process, const struct wire_request *request);
bool hear(struct vm_kernel *kernel, int process, struct wire_answer *answer);
/* Both. */
bool ask(struct vm_kernel *kernel, int process, const struct wire_request *request,
	 struct wire_answer *answer);

/* Have it make a system call; what that gives, or -errno, is in *out_result. */
bool call(struct vm_kernel *kernel, int process, long number, const uint64_t arguments[6],
	  int64_t *out_result);

/* Touch all of the helper's own until nothing more comes of it, and leave those faults out. */
bool calibrate(struct vm_kernel *kernel, int process);

/* The helper's own pages are not to leave when room is short: their faults are not the script's. */
bool own_lock(struct vm_kernel *kernel, int process);

/* ---- reading /proc ---- */

/* Has the process ended, whether or not somebody waits for it? */
bool is_gone(pid_t pid);

bool proc_open(struct vm_kernel *kernel, int process);
void proc_close(struct vm_kernel *kernel, int process);

/* All of a file of /proc from its start; NUL-terminated. */
bool text_read(struct vm_kernel *kernel, int fd, char text[FILE_TEXT_BYTES]);

bool faults_read(struct vm_kernel *kernel, int process, uint64_t *out_minor, uint64_t *out_major);
bool status_read(struct vm_kernel *kernel, int process, struct vm_seen *seen);

/* Entries of pagemap. */
bool entries_read(struct vm_kernel *kernel, int process, uint64_t address, size_t count,
		  uint64_t *entries);

/* The next line of maps; NULL at the end. */
const char *area_read(const char *line, struct vm_area_seen *out);

#endif
