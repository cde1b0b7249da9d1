/* SPDX-License-Identifier: MIT */
/*
 * The report as JSON, part by part: what report_write_json() is made of.
 */
#ifndef ALLOT_TOOLS_REPORT_JSON_H
#define ALLOT_TOOLS_REPORT_JSON_H

#include "json.h"
#include "report.h"

/* The block "trace". */
void report_json_trace(struct json *json, const char *key, const struct report *report);

/* The block "compare", of a report that has another. */
void report_json_compare(struct json *json, const struct report *report);
/* Its members by themselves, stacks by their names alone: allot.diff/1. */
void report_json_comparison(struct json *json, const struct report *a, const struct report *b,
			    const struct report_comparison *comparison);

/* The block "advice". */
void report_json_advice(struct json *json, const struct report *report);

/* In report_json_views.c: the blocks that come from moments. */
void report_json_pages(struct json *json, const struct report *report);
void report_json_inspector(struct json *json, const struct report *report);
void report_json_pins(struct json *json, const struct report *report);
void report_json_free_space(struct json *json, const struct report *report);

/* In report_json_counts.c: those that come from counting. */
void report_json_classes(struct json *json, const struct report *report);
void report_json_lifetimes(struct json *json, const struct report *report);
void report_json_threads(struct json *json, const struct report *report);
void report_json_stacks(struct json *json, const struct report *report);
/* Frames that the other blocks have spoken of: the last block. */
void report_json_frames(struct json *json, const struct report *report);

/* The number of a stack in "frames". */
void report_json_stack(struct json *json, const char *key, const struct report *report,
		       uint32_t stack);

#endif
