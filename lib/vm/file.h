/* SPDX-License-Identifier: MIT */
/*
 * Files: the pages of a file or of shared memory, as the page cache holds them.
 */
#ifndef VM_FILE_H
#define VM_FILE_H

#include "vm/machine.h"

/* Shared memory without a name, of `pages` pages. NULL without memory. */
struct vm_file *file_make_shared(struct vm_machine *machine, uint64_t pages);

/* The frame of a page that is in memory, or FRAME_NONE. */
uint32_t file_frame(const struct vm_file *file, uint64_t page);

/* The same; shared memory makes the page. FRAME_NONE without a frame; page < size_pages. */
uint32_t file_frame_make(struct vm_machine *machine, struct vm_file *file, uint64_t page);

/* Forget a page of shared memory that nobody maps. */
void file_forget(struct vm_machine *machine, struct vm_file *file, uint64_t page);

/* One area less maps it. */
void file_release(struct vm_machine *machine, struct vm_file *file);

#endif
