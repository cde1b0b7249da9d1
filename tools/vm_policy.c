/* SPDX-License-Identifier: MIT */
/*
 * allot vm policy: page replacement on a string of pages, as a table and step by step.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "notice.h"
#include "svg.h"
#include "vm_shared.h"
#include "word.h"

enum {
	NAME_COLUMNS = 8,
	CELL_COLUMNS = 8,
	BAR_COLUMNS = 40,
	PICTURE_WIDTH = 640,
	PICTURE_HEIGHT = 400,
	PICTURE_MARGIN = 50,
	PICTURE_FRAMES_MAX = 64,
};

/* A string of pages, and what is asked about it. */
struct question {
	uint64_t *pages, *next;
	bool *is_store;
	size_t length;
	uint64_t frames[VM_LIST_MAX];
	size_t frames_count;
	unsigned policies[VM_POLICY_COUNT];
	size_t policy_count;
	uint64_t seed;
};

static void policy_make(struct vm_policy *policy, unsigned kind, uint64_t frames, uint64_t seed)
{
	struct vm_policy_conf conf = {
		.kind = (enum vm_policy_kind)kind, .frames = (uint32_t)frames, .seed = seed};
	size_t bytes = vm_policy_bytes(&conf);

	vm_policy_init(policy, vm_memory(bytes), bytes, &conf, NULL, 0);
}

struct counts {
	uint64_t faults, writebacks;
};

static struct counts policy_run(const struct question *q, unsigned kind, uint64_t frames)
{
	struct vm_policy policy;

	policy_make(&policy, kind, frames, q->seed);
	for (size_t i = 0; i < q->length; i++)
		vm_policy_access(&policy, q->pages[i], q->is_store[i], q->next[i], NULL);
	struct counts counts = {vm_policy_faults(&policy), vm_policy_writebacks(&policy)};
	free(policy.state);
	return counts;
}

/* ---- step by step ---- */

static void frames_write(const struct vm_policy *policy, uint64_t frames)
{
	for (uint32_t i = 0; i < frames; i++) {
		struct vm_policy_frame frame;
		char cell[CELL_COLUMNS * 4];

		vm_policy_frame(policy, i, &frame);
		if (frame.page == VM_NO_PAGE)
			snprintf(cell, sizeof(cell), "-");
		else
			snprintf(cell, sizeof(cell), "%s%" PRIu64 "%s%s%s",
				 vm_policy_hand(policy) == i ? ">" : "", frame.page,
				 frame.is_dirty ? "+" : "", frame.is_referenced ? "*" : "",
				 frame.is_active ? "^" : "");
		printf("%-*s", CELL_COLUMNS, cell);
	}
}

static void explain(const struct question *q, unsigned kind, uint64_t frames)
{
	struct vm_policy policy;
	uint64_t faults = 0;

	printf("\n%s, %" PRIu64 " frames, exact  (> hand or next to leave, + dirty, "
	       "* referenced, ^ active)\n", vm_policy_name(kind), frames);
	policy_make(&policy, kind, frames, q->seed);
	for (size_t i = 0; i < q->length; i++) {
		struct vm_policy_step step;

		vm_policy_access(&policy, q->pages[i], q->is_store[i], q->next[i], &step);
		faults += step.is_fault;
		printf("  %4zu  page %-6" PRIu64, i + 1, q->pages[i]);
		frames_write(&policy, frames);
		if (!step.is_fault)
			puts("hit");
		else if (step.is_eviction)
			printf("fault %" PRIu64 ", %" PRIu64 " leaves%s\n", faults, step.victim,
			       step.is_writeback ? " and is written back" : "");
		else
			printf("fault %" PRIu64 "\n", faults);
	}
	free(policy.state);
}

/* ---- the table ---- */

/* Where a policy faults more often though it has more frames. */
static void anomaly_write(const struct question *q, unsigned kind)
{
	for (size_t i = 1; i < q->frames_count; i++) {
		uint64_t few = policy_run(q, kind, q->frames[i - 1]).faults;
		uint64_t many = policy_run(q, kind, q->frames[i]).faults;

		if (q->frames[i] > q->frames[i - 1] && many > few)
			printf("\n%s: %" PRIu64 " frames fault more often than %" PRIu64
			       " (%" PRIu64 " > %" PRIu64 "): Belady's anomaly\n",
			       vm_policy_name(kind), q->frames[i], q->frames[i - 1], many, few);
	}
}

static void table_write(const struct question *q)
{
	printf("faults of %zu accesses (exact)\n\n  %-*s", q->length, NAME_COLUMNS, "frames");
	for (size_t i = 0; i < q->frames_count; i++)
		printf("%6" PRIu64 "  %-*s", q->frames[i], BAR_COLUMNS / (int)q->frames_count, "");
	putchar('\n');
	for (size_t p = 0; p < q->policy_count; p++) {
		printf("  %-*s", NAME_COLUMNS, vm_policy_name(q->policies[p]));
		for (size_t i = 0; i < q->frames_count; i++) {
			struct counts counts = policy_run(q, q->policies[p], q->frames[i]);
			int columns = BAR_COLUMNS / (int)q->frames_count;
			int bar = (int)(counts.faults * (uint64_t)columns / q->length);

			printf("%6" PRIu64 "  ", counts.faults);
			for (int c = 0; c < columns; c++)
				putchar(c < bar ? '#' : ' ');
		}
		putchar('\n');
	}
	for (size_t p = 0; p < q->policy_count; p++)
		anomaly_write(q, q->policies[p]);
}

static void table_json(const struct question *q)
{
	struct json json = {.out = stdout};

	json_open(&json, NULL, '{');
	json_text(&json, "schema", "allot.vm.policy/1");
	json_text(&json, "label", "exact");
	json_number(&json, "accesses", (int64_t)q->length);
	json_open(&json, "runs", '[');
	for (size_t p = 0; p < q->policy_count; p++)
		for (size_t i = 0; i < q->frames_count; i++) {
			struct counts counts = policy_run(q, q->policies[p], q->frames[i]);

			json_open(&json, NULL, '{');
			json_text(&json, "policy", vm_policy_name(q->policies[p]));
			json_number(&json, "frames", (int64_t)q->frames[i]);
			json_number(&json, "faults", (int64_t)counts.faults);
			json_number(&json, "writebacks", (int64_t)counts.writebacks);
			json_close(&json, '{');
		}
	json_close(&json, '[');
	json_close(&json, '{');
}

/* ---- the picture ---- */

/* Numbers at some places of the axes. */
static void ticks_draw(struct svg *svg, uint64_t frames_max, size_t length)
{
	double width = PICTURE_WIDTH - 2 * PICTURE_MARGIN;
	double height = PICTURE_HEIGHT - 2 * PICTURE_MARGIN;
	uint64_t step = (frames_max + 15) / 16;

	for (uint64_t frames = 1; frames <= frames_max; frames += step)
		svg_words(svg, PICTURE_MARGIN + width * (double)(frames - 1) /
						(double)(frames_max - 1),
			  PICTURE_HEIGHT - PICTURE_MARGIN + 16, SVG_INK, false, "%" PRIu64, frames);
	for (unsigned quarter = 0; quarter <= 4; quarter++)
		svg_words(svg, PICTURE_MARGIN / 2.0,
			  PICTURE_HEIGHT - PICTURE_MARGIN - height * quarter / 4.0 + 4, SVG_INK,
			  false, "%.4g", (double)length * quarter / 4);
}

static void axes_draw(struct svg *svg, uint64_t frames_max, size_t length)
{
	double bottom = PICTURE_HEIGHT - PICTURE_MARGIN, right = PICTURE_WIDTH - PICTURE_MARGIN;

	svg_line(svg, PICTURE_MARGIN, bottom, right, bottom, SVG_INK);
	svg_line(svg, PICTURE_MARGIN, PICTURE_MARGIN, PICTURE_MARGIN, bottom, SVG_INK);
	svg_words(svg, (PICTURE_MARGIN + right) / 2, PICTURE_HEIGHT - 12, SVG_INK, false,
		  "frames (exact)");
	svg_words(svg, PICTURE_MARGIN, PICTURE_MARGIN - 10, SVG_INK, false, "faults");
	ticks_draw(svg, frames_max, length);
}

static bool picture_draw(const char *path, const struct question *q)
{
	double width = PICTURE_WIDTH - 2 * PICTURE_MARGIN;
	double height = PICTURE_HEIGHT - 2 * PICTURE_MARGIN;
	uint64_t most = 2;
	struct svg svg;

	/* Until OPT needs no more. */
	while (most < PICTURE_FRAMES_MAX && policy_run(q, VM_POLICY_OPT, most).faults >
						    policy_run(q, VM_POLICY_OPT, most + 1).faults)
		most++;
	most++;
	if (!svg_open(&svg, path, PICTURE_WIDTH, PICTURE_HEIGHT, "Faults against frames"))
		return false;
	axes_draw(&svg, most, q->length);
	for (size_t p = 0; p < q->policy_count; p++) {
		double points[2 * PICTURE_FRAMES_MAX + 2];
		enum svg_ink ink = SVG_FIRST + p % 5;

		for (uint64_t frames = 1; frames <= most; frames++) {
			uint64_t faults = policy_run(q, q->policies[p], frames).faults;

			points[2 * frames - 2] = PICTURE_MARGIN + width * (double)(frames - 1) /
								  (double)(most - 1);
			points[2 * frames - 1] = PICTURE_HEIGHT - PICTURE_MARGIN -
						 height * (double)faults / (double)q->length;
		}
		svg_path(&svg, points, most, ink);
		svg_words(&svg, PICTURE_WIDTH - PICTURE_MARGIN - 30,
			  PICTURE_MARGIN + 18.0 * (double)p, ink, false, "%s",
			  vm_policy_name(q->policies[p]));
	}
	return svg_close(&svg);
}

/* ---- the command line ---- */

static bool policies_parse(struct argument_scan *scan, const char *text, struct question *q)
{
	q->policy_count = 0;
	while (*text != '\0') {
		size_t length = strcspn(text, ",");
		char name[WORD_BYTES_MAX];
		struct word_match match;
		unsigned kind = 0;

		snprintf(name, sizeof(name), "%.*s", (int)length, text);
		word_match_init(&match, name);
		while (kind < VM_POLICY_COUNT && strcmp(name, vm_policy_name(kind)) != 0)
			word_match_offer(&match, vm_policy_name(kind++));
		if (kind == VM_POLICY_COUNT || q->policy_count == VM_POLICY_COUNT) {
			argument_refuse(scan, match.nearest[0] != '\0' ? match.nearest : NULL,
					"no policy '%s'", name);
			return false;
		}
		q->policies[q->policy_count++] = kind;
		text += length + (text[length] == ',');
	}
	return true;
}

static bool pages_parse(struct argument_scan *scan, struct question *q)
{
	q->length = (size_t)(scan->argc - scan->index);
	q->pages = vm_memory(q->length * sizeof(*q->pages));
	q->next = vm_memory(q->length * sizeof(*q->next));
	q->is_store = vm_memory(q->length * sizeof(*q->is_store));
	for (size_t i = 0; i < q->length; i++) {
		const char *text = scan->argv[scan->index + (int)i];

		q->is_store[i] = text[0] == '+';
		if (!vm_number_parse(text + q->is_store[i], &q->pages[i]) ||
		    q->pages[i] == VM_NO_PAGE) {
			argument_refuse(scan, NULL, "'%s' is no page: a number", text);
			return false;
		}
	}
	if (q->length == 0) {
		argument_refuse(scan, NULL, "no pages");
		return false;
	}
	vm_next_use(q->pages, q->length, q->next, vm_memory(vm_next_use_bytes(q->length)));
	return true;
}

int vm_policy_main(int argc, char **argv)
{
	struct question q = {
		.frames = {3, 4},
		.frames_count = 2,
		.policies = {VM_POLICY_FIFO, VM_POLICY_LRU, VM_POLICY_OPT, VM_POLICY_CLOCK},
		.policy_count = 4,
	};
	bool is_json = false, is_explained = false;
	const struct command_option *option;
	const char *picture = NULL;
	struct argument_scan scan;

	argument_init(&scan, &command_vm_policy, argc, argv);
	while ((option = argument_next(&scan)) != NULL) {
		if (strcmp(option->name, "frames") == 0)
			vm_list_parse(&scan, "frames", scan.value, 1, 1 << 20, q.frames,
				      &q.frames_count);
		else if (strcmp(option->name, "policy") == 0)
			policies_parse(&scan, scan.value, &q);
		else if (strcmp(option->name, "seed") == 0 &&
			 !vm_number_parse(scan.value, &q.seed))
			argument_refuse(&scan, NULL, "--seed: '%s' is no number", scan.value);
		else if (strcmp(option->name, "svg") == 0)
			picture = scan.value;
		else if (strcmp(option->name, "explain") == 0)
			is_explained = true;
		else if (strcmp(option->name, "json") == 0)
			is_json = true;
	}
	if (scan.status != ARGUMENT_GO_ON || !pages_parse(&scan, &q))
		return scan.status;
	if (is_json)
		table_json(&q);
	else
		table_write(&q);
	for (size_t p = 0; p < q.policy_count && is_explained && !is_json; p++)
		for (size_t i = 0; i < q.frames_count; i++)
			explain(&q, q.policies[p], q.frames[i]);
	if (picture != NULL && !picture_draw(picture, &q)) {
		notice_write(scan.command->name, "%s: %s", picture, strerror(errno));
		return STATUS_FAILURE;
	}
	if (!is_json)
		notice_next(scan.command->next);
	return STATUS_OK;
}
