/* SPDX-License-Identifier: MIT */
/*
 * What if: the table of `allot replay`, one row a strategy or a configuration, read from its JSON.
 *
 * Nothing is worked out here that the replay did not measure.
 */
#ifndef ALLOT_TOOLS_REPORT_WHAT_IF_H
#define ALLOT_TOOLS_REPORT_WHAT_IF_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include <stdio.h>

struct report_what_if;

/* One row, its texts valid while the table is open; "" when unknown. */
struct report_what_if_row {
	const char *name, *strategy, *conf, *on, *status;
	bool is_recorded; /* of the configuration the trace was recorded with */
	bool is_ok;
};

/* NULL with one line in `message` when the file is no replay. */
struct report_what_if *report_what_if_open(const char *path, char *message, size_t message_bytes);
/* Is it the replay of a trace with so many events? True where it does not say. */
bool report_what_if_is_of(const struct report_what_if *what_if, uint64_t events);

void report_what_if_close(struct report_what_if *what_if);

size_t report_what_if_count(const struct report_what_if *what_if);
void report_what_if_row(const struct report_what_if *what_if, size_t index,
			struct report_what_if_row *out);
/* A figure of a row, and its half spread (0: unknown; may be NULL). False: it has none. */
bool report_what_if_value(const struct report_what_if *what_if, size_t index, const char *key,
			  double *out_value, double *out_spread);

/* Between what it lies, by what the program wrote to its blocks. False: the replay does not say. */
bool report_what_if_bounds(const struct report_what_if *what_if, size_t index, const char *key,
			   double *out_low, double *out_high);

/* The value of the row that replays the recorded configuration, and the least of all on memory. */
bool report_what_if_extremes(const struct report_what_if *what_if, const char *key,
			     double *out_recorded, double *out_least);

/* Write the table as JSON, as it was read: columns and rows, without the VM labs of rows. */
void report_what_if_write(FILE *out, const struct report_what_if *what_if);

/* Did the replay analyse accesses (allot replay --vm)? `what_if` may be NULL. */
bool report_what_if_has_vm(const struct report_what_if *what_if);
/* These are for one that did. Write a member of the VM lab as it was read, or null. */
void report_what_if_vm_write(FILE *out, const struct report_what_if *what_if, const char *key);
/* A member's text, "" when it has none. */
const char *report_what_if_vm_text(const struct report_what_if *what_if, const char *key);
bool report_what_if_vm_number(const struct report_what_if *what_if, const char *key,
			      double *out_value);

/* A TLB, its name "processor part". */
struct report_what_if_tlb {
	const char *name;
	double reach_bytes, miss_share;
};
/* False: there are not so many. */
bool report_what_if_vm_tlb(const struct report_what_if *what_if, size_t index,
			   struct report_what_if_tlb *out);

#endif
