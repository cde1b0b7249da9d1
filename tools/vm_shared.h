/* SPDX-License-Identifier: MIT */
/*
 * What the subcommands of `allot vm` share: numbers, machines and TLBs as they are typed.
 */
#ifndef ALLOT_TOOLS_VM_SHARED_H
#define ALLOT_TOOLS_VM_SHARED_H

#include <allot/vm.h>

#include "argument.h"

enum {
	VM_MESSAGE_BYTES = 256,
	VM_LIST_MAX = 64, /* numbers of one list */
};

/* A number, decimal or hex with 0x, and k, m or g for 2^10, 2^20, 2^30. False: it is none. */
bool vm_number_parse(const char *text, uint64_t *out);

/* "3,4": a list of numbers from `least` to `most`. False: refused, as the value of `option`. */
bool vm_list_parse(struct argument_scan *scan, const char *option, const char *text, uint64_t least,
		   uint64_t most, uint64_t list[VM_LIST_MAX], size_t *out_count);

/* The machine of this name; NULL: refused. */
const struct vm_geometry *vm_machine_require(struct argument_scan *scan, const char *name);

/*
 * TLBs as they are typed: the name of a preset, or units separated by commas,
 *
 *	[NAME=]ENTRIESxWAYS[:lru|plru|fifo|random][:4k+2m][:d|i|di]
 *
 * WAYS may be "full". A digit in NAME is the rank; without a name units are of ranks 1, 2, 3. With
 * `geometry` the units are of that machine, else of the preset's or of x86-64. False: refused.
 */
bool vm_tlb_parse(struct argument_scan *scan, const char *text, const struct vm_geometry *geometry,
		  struct vm_tlb_conf *conf);

/* Memory that is there until the program ends: exits when there is none. */
void *vm_memory(size_t bytes);

/* "4 KiB", "1.5 MiB"... in one of a few buffers, the oldest being used again. */
const char *vm_bytes_text(uint64_t bytes);

/* "load", "store", "fetch", "modify". */
extern const char *const vm_kind_names[VM_KIND_COUNT];

#endif
