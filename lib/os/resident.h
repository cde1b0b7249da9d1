/* SPDX-License-Identifier: MIT */
/*
 * Which pages of this process are resident: /proc/self/pagemap.
 *
 * Linux 6.7 and later name runs of pages by one call (PAGEMAP_SCAN), and tell the kernel's one page
 * of zeros, which a read of an untouched page maps and which is in nobody's RSS, from others. Older
 * ones have an entry to read for each page, and pages of zeros count as resident.
 */
#ifndef OS_RESIDENT_H
#define OS_RESIDENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct os_resident {
	int descriptor;
	bool has_scan; /* zero pages are told apart */
};

struct os_resident_run {
	uintptr_t base;
	size_t bytes;
};

/* False: the kernel does not show it (a sandbox, no /proc). */
bool os_resident_open(struct os_resident *resident);
void os_resident_close(struct os_resident *resident);

/*
 * Runs of resident pages in [*base, end), at most `capacity`, into `runs`; *base moves on to where
 * the next call has to begin, `end` when all was seen. Adds to *swapped_bytes. Returns their count.
 */
size_t os_resident_scan(struct os_resident *resident, uintptr_t *base, uintptr_t end,
			struct os_resident_run *runs, size_t capacity, size_t *swapped_bytes);

/* The resident set of the process by /proc/self/statm, in bytes; 0 when it cannot be read. */
size_t os_resident_bytes(void);

#endif
