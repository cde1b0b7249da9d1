/* SPDX-License-Identifier: MIT */
/*
 * What an operation is with its addresses, what it came to, and what memory looks like after it:
 * the same for the model and for the kernel, so that the two can be compared.
 */
#ifndef ALLOT_TOOLS_VM_STATE_H
#define ALLOT_TOOLS_VM_STATE_H

#include <allot/vm.h>

#include "vm_script.h"
#include "vm_wire.h"

/* An operation as both are told it. */
struct vm_step {
	enum script_verb verb;
	int process;
	int child;             /* of fork */
	uint64_t address;
	uint64_t bytes;        /* of the range; of w8: 8 */
	uint64_t new_bytes;
	uint64_t to;           /* another address, or 0 */
	unsigned protection;
	unsigned flags;
	int file;
	uint64_t offset;
	int advice;
	const char *path;      /* of exec */
	int64_t number;
	struct wire_order order; /* of pages that are accessed */
	uint64_t touches;        /* how many */
};

/* What it came to. */
struct vm_outcome {
	int error;             /* of the system call, or 0 */
	enum vm_signal signal; /* that ended the accesses */
	uint64_t value;        /* of the call */
	uint64_t done;         /* pages accessed */
	uint64_t stack, break_start; /* of exec, whose value is where the program begins */
};

/* One page, as far as the kernel shows it. */
struct vm_page_seen {
	uint8_t state;         /* enum vm_page_state; shared memory is VM_PAGE_FILE here too */
	bool is_exclusive;
	uint64_t frame;        /* 0 when there is none, or it is hidden */
};

struct vm_area_seen {
	uint64_t start, end;
	uint64_t offset;
	unsigned protection;
	bool is_shared;
};

/* A process's memory. Pages unless named otherwise; furniture is left out. */
struct vm_seen {
	uint64_t minor, major;
	uint64_t anon, file, shared;
	uint64_t tables, locked, total, swap;
	struct vm_area_seen *areas;
	size_t area_count, area_capacity;
	struct vm_page_seen *pages; /* of all areas, one after another */
	size_t page_count, page_capacity;
	uint64_t zero, huge;        /* pages that show the zero page; and pieces of huge ones */
};

/* Empty it for another look; false without memory. */
void vm_seen_clear(struct vm_seen *seen);
bool vm_seen_area_add(struct vm_seen *seen, const struct vm_area_seen *area);
bool vm_seen_page_add(struct vm_seen *seen, const struct vm_page_seen *page);
void vm_seen_finish(struct vm_seen *seen);

/* Where regions are, and how long. */
struct vm_places {
	bool is_known[SCRIPT_REGIONS_MAX];
	uint64_t start[SCRIPT_REGIONS_MAX];
	uint64_t pages[SCRIPT_REGIONS_MAX];
};

void vm_places_init(struct vm_places *places, uint64_t break_start);

/* The operation with its addresses; false when a region of it is nowhere. */
bool vm_step_make(struct vm_step *step, const struct script_op *op, const struct vm_places *places,
		  uint64_t break_now);

/* Where the region an operation made is, after it succeeded. */
void vm_places_update(struct vm_places *places, const struct script_op *op,
		      const struct vm_outcome *outcome);

/* Does it make or use memory: all but files, forks, exits and expectations? */
bool script_verb_is_access(enum script_verb verb);

#endif
