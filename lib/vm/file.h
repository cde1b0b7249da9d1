/* SPDX-License-Identifier: MIT */
/*
 * Files: the pages of a file or of shared memory, as the page cache holds them.
 */
#ifndef VM_FILE_H
#define VM_FILE_H

#include "vm/group.h"

/* Shared memory without a name, of `pages` pages. NULL without memory. */
struct vm_file *file_make_shared(struct vm_machine *machine, uint64_t pages);

/* The frame of a page that is in memory, or FRAME_NONE. */
uint32_t file_frame(const struct vm_file *file, uint64_t page);

/*
 * The same; shared memory makes the page, a file on disk reads it, for the group of `space`.
 * FRAME_NONE without a frame; page < size_pages.
 */
uint32_t file_frame_make(struct vm_space *space, struct vm_file *file, uint64_t page);

/* A page of a file on disk leaves for reclaim: its evict. */
enum reclaim_outcome file_page_out(struct group *group, uint32_t frame, uint64_t shadow);

/* Forget a page of shared memory that nobody maps. */
void file_forget(struct vm_machine *machine, struct vm_file *file, uint64_t page);

/* One area less maps it. */
void file_release(struct vm_machine *machine, struct vm_file *file);

#endif
