/* SPDX-License-Identifier: MIT */
/*
 * Page tables for benchmarks: a radix tree of four levels, filled on demand, with accessed and
 * dirty bits as a processor sets them. What a TLB's miss has to ask, at a realistic price.
 */
#ifndef ALLOT_BENCH_VM_RADIX_H
#define ALLOT_BENCH_VM_RADIX_H

#include <allot/vm.h>

enum { RADIX_LEVELS = 4, RADIX_BITS = 9, RADIX_ENTRIES = 1 << RADIX_BITS };

struct radix {
	uint64_t *root;
	uint64_t next_frame;
	uint64_t table_count; /* all levels */
	uint64_t page_count;
};

bool radix_open(struct radix *radix);
void radix_close(struct radix *radix);

/* A vm_translate; `context` is a struct radix. A page that is not there is made. */
bool radix_translate(void *context, uint64_t va, enum vm_kind kind, bool is_user,
		     struct vm_translation *out);

#endif
