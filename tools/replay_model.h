/* SPDX-License-Identifier: MIT */
/*
 * Replay on the model: what the helper's parts share.
 *
 * The heap is the library's own, compiled with ALLOT_OBSERVED: it works on real pages, while each
 * word it reads or writes in them, and each system call it makes for them, is also carried out in
 * three address spaces of a memory machine, which differ in what the program is taken to write.
 * The real pages see what the first of them sees: no payload. So they can be compared.
 */
#ifndef ALLOT_TOOLS_REPLAY_MODEL_H
#define ALLOT_TOOLS_REPLAY_MODEL_H

#include <stdbool.h>

#include <allot/vm_machine.h>

#include "replay_form.h"

enum {
	MIRROR_KNOWN_PAGES = 4096, /* a power of two */
	MIRROR_METADATA_MAX = 4096,
	MIRROR_LOG_ACCESSES = 1 << 16,
};

/* An access that was not carried out in the spaces yet. */
struct mirror_access {
	uint64_t address;
	uint64_t bytes;
	bool is_store;
};

/* Memory the heap has for its own books, which is not on the machine. */
struct mirror_range {
	uint64_t base, bytes;
};

struct mirror {
	struct vm_machine *machine;
	struct vm_space *spaces[REPLAY_SPACES];
	struct vm_processor processor;     /* in the space of the chosen payload */
	uint64_t page_bytes;
	/*
	 * Pages that all spaces have, by number: (page << 1 | written) + 1. Accesses to them change
	 * nothing but the TLB, as long as no system call takes them away.
	 */
	uint64_t known[MIRROR_KNOWN_PAGES];
	struct mirror_range state;         /* the heap's struct: its words are not on the machine */
	struct mirror_range metadata[MIRROR_METADATA_MAX];
	size_t metadata_count;
	struct mirror_access log[MIRROR_LOG_ACCESSES];
	size_t log_count;
	uint32_t clock_ms;                 /* of the recording */
	bool is_inside;                    /* in a call of the heap, not in ours */
	bool is_verified;
	uint64_t own_faults;               /* of the kernel while the mirror worked, if verified */
	uint64_t stray;                    /* accesses to what is not mapped: must be 0 */
	char message[REPLAY_MESSAGE_BYTES]; /* the first thing that went wrong, or empty */
};

extern struct mirror mirror;

/* Faults the kernel has served for this process. */
uint64_t kernel_faults(void);

/* ---- replay_mirror.c ---- */

/* Make the machine. False, with mirror.message, when it cannot be. */
bool mirror_init(const struct replay_head *head);
/* Carry out the accesses in the log. */
void mirror_flush(void);
/* Note an access; any number of bytes. */
void mirror_access(uint64_t address, uint64_t bytes, bool is_store);
/* Write to payload, in one space; outside of calls of the heap. */
void mirror_payload(enum replay_space space, uint64_t address, uint64_t bytes);
/* A system call that succeeded. `arguments` are its own; `result` what it gave. */
void mirror_call(long number, const long arguments[6], long result);
void mirror_break(uint64_t to);
/* The heap took, or gave back, memory for its books. */
void mirror_metadata_add(uint64_t base, uint64_t bytes);
/* Resident bytes of a space, books of the heap left out. */
uint64_t mirror_resident_bytes(enum replay_space space);
/* Resident bytes of those, by mincore(2). */
uint64_t mirror_metadata_bytes(void);
/* Compare the first space with the real pages, page by page. */
void mirror_compare(struct replay_outcome *outcome);

#endif
