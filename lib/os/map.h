/* SPDX-License-Identifier: MIT */
/*
 * Address space and pages from the kernel.
 *
 * A range is *reserved* (nothing else will be placed there, no access, not charged to the commit
 * limit), *committed* (readable and writable, charged, resident once touched) or gone. Pages can
 * be *released*: still committed, but their content is dropped and they stop being resident.
 *
 * Addresses and sizes are multiples of the page size unless said otherwise. Every call can fail,
 * and every caller must go on when it does: errno is never touched.
 *
 * Committing is done by mapping over the reservation rather than by mprotect, because sandboxes
 * (seccomp filters of OpenSSH before 8.1, for one) forbid the latter more often than the former.
 */
#ifndef OS_MAP_H
#define OS_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The page size in bytes, from the kernel's auxiliary vector; 4096 when that is unreadable. */
size_t os_page_bytes(void);

/* New zeroed memory anywhere, or NULL. */
void *os_map(size_t bytes);

/* New zeroed memory at a multiple of `align`, a power of two of at least a page, or NULL. */
void *os_map_aligned(size_t bytes, size_t align);

/* Reserved address space at a multiple of `align`, or NULL. */
void *os_reserve_aligned(size_t bytes, size_t align);

/*
 * Reserved address space that reads as zeros, or NULL. The kernel charges no more for it than for
 * any other (mm/mmap.c, accountable_mapping()), and backs it with its one page of zeros.
 */
void *os_reserve_readable(size_t bytes);
/* Commit part of such space, while others may read it. False: it is as it was. */
bool os_commit_readable(uintptr_t base, size_t bytes);

/* Make a reserved range usable; it reads as zero. False when the system refuses. */
bool os_commit(uintptr_t base, size_t bytes);

/* Make a committed range reserved again, dropping its content. False: it stays as it was. */
bool os_decommit(uintptr_t base, size_t bytes);

/* Drop the content of committed pages; they read as zero afterwards. False: nothing was dropped. */
bool os_release(uintptr_t base, size_t bytes);

/*
 * Make committed pages resident, as writing to each would. False: some may not be (before Linux
 * 5.14, or there is no memory left); nothing else has changed.
 */
bool os_populate(uintptr_t base, size_t bytes);

/*
 * Ask for huge pages where none was touched yet, or, not wanted, that the kernel makes none of what
 * is there. False: it has none to give. What is resident stays as it is.
 */
bool os_advise_huge(uintptr_t base, size_t bytes, bool is_wanted);

/* Remove a range from the address space. False: it is still there (no room for one more area). */
bool os_unmap(uintptr_t base, size_t bytes);

/*
 * Grow or shrink a mapping, moving it if `may_move` and it must. Returns the new base, or 0 when
 * it is as it was.
 */
uintptr_t os_remap(uintptr_t base, size_t old_bytes, size_t new_bytes, bool may_move);

/*
 * Move a mapping over another one of the same size, which is gone then. False when both are as
 * they were.
 */
bool os_remap_to(uintptr_t base, size_t bytes, uintptr_t target);

/*
 * Can eight bytes at `p` (a multiple of 8) be read? The kernel is asked to read a signal mask
 * from there for an operation that does not exist: EFAULT says no, EINVAL yes.
 */
bool os_is_readable(const void *p);

/* The address space limit of the process (RLIMIT_AS), SIZE_MAX when there is none. */
size_t os_address_space_limit(void);

#endif
