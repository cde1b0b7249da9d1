/* SPDX-License-Identifier: MIT */
/*
 * Stack totals: what each stack of each thread allocated, and what of it was live at one moment.
 *
 * One pass over the events, also for the moment of the peak, which nobody knows before the end: a
 * row remembers what it had at the last peak when it changes for the first time after it, so that
 * every event costs the same. Memory grows with rows and with live blocks.
 */
#ifndef ALLOT_TOOLS_STACK_TOTALS_H
#define ALLOT_TOOLS_STACK_TOTALS_H

#include <stddef.h>
#include <stdint.h>

#include <allot/trace.h>

enum stack_moment {
	STACK_AT_PEAK, /* most bytes requested, the first such moment */
	STACK_AT_RSS,  /* most of the heap resident, at a sample; the first such one */
	STACK_AT_END,
	STACK_AT_TIME, /* after the last event not later than `moment_time` */
};

/* Live blocks. */
struct stack_live {
	uint64_t block_count;
	uint64_t bytes;          /* requested */
	uint64_t rounding_bytes; /* usable beyond that */
};

/* A stack of a thread. A resize is an allocation by whoever resized, and a free. */
struct stack_row {
	uint32_t stack, thread;
	uint64_t allocation_count;
	uint64_t allocated_bytes;
	uint64_t lifetime_ns;   /* of its blocks, added up; those that lived to the end included */
	struct stack_live now;
	struct stack_live at_moment;
	struct stack_live most; /* when it had most bytes live itself */
	uint64_t pinned_bytes;  /* these two are not counted here: export_pins.h */
	uint64_t exclusive_pages;
	uint64_t changed;       /* number of the event that last changed `now` */
};

/* See stack_totals_init(). */
struct stack_totals {
	enum stack_moment moment;
	uint64_t moment_time;
	struct stack_row *rows;
	size_t row_count, row_room;
	uint32_t *slots;       /* index of a row + 1, by stack and thread; 0: empty */
	size_t slot_count;
	uint32_t *row_of;      /* index of a row, by a live block's number */
	size_t row_of_room;
	uint64_t event_count;  /* so far, from 1 on */
	uint64_t bytes_live;
	uint64_t bytes_peak;   /* most of them */
	uint64_t resident_bytes_peak; /* of the heap, the recorder's left out */
	uint64_t resident_peak_bytes_live; /* then */
	uint64_t kept_event;   /* the event after which rows are to be remembered */
	uint64_t kept_time;    /* when that was */
	uint64_t end_time;
	bool is_kept;          /* that moment is over for good */
};

void stack_totals_init(struct stack_totals *totals, enum stack_moment moment,
		       uint64_t moment_time);
void stack_totals_add(struct stack_totals *totals, const struct trace_event *event);

/* After the last event: `at_moment` and `lifetime_ns` are final. */
void stack_totals_settle(struct stack_totals *totals);

void stack_totals_finish(struct stack_totals *totals);

/* Everything at the moment, added up. */
struct stack_live stack_totals_sum(const struct stack_totals *totals);

#endif
