/* SPDX-License-Identifier: MIT */
/*
 * Placement: where a mapping goes that may go anywhere.
 */
#ifndef VM_PLACE_H
#define VM_PLACE_H

#include "vm/machine.h"

/* What is to be placed; all in bytes. */
struct place_request {
	uint64_t wish;   /* 0: none */
	uint64_t bytes;
	bool is_anon;    /* private and without a file: may be aligned for huge pages */
	bool has_file;   /* a file on disk: aligned by its offset */
	uint64_t offset; /* into that file */
};

/* The address in *out_address; false when nothing fits. */
bool place_find(const struct vm_space *space, const struct place_request *request,
		uint64_t *out_address);

#endif
