/* SPDX-License-Identifier: MIT */
/*
 * Replay, the VM lab as JSON, which is the block "vm" of allot.report/1.
 *
 * One label for all of it, as all of it comes from one string of accesses: those of the heap are
 * what it did, those of the program what it is taken to have done.
 */
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "replay_output.h"

enum { LABEL_BYTES = 256 };

static bool is_better(const struct replay_run *run, const struct replay_row *row,
		      const struct replay_row *best)
{
	bool is_strategy = run->strategy[0] != '\0' && strcmp(row->strategy, run->strategy) == 0;

	if (best == NULL || best->is_recorded)
		return best == NULL;
	return row->is_recorded ||
	       (is_strategy && strcmp(best->strategy, run->strategy) != 0);
}

const struct replay_row *replay_lab_row(const struct replay_run *run)
{
	const struct replay_row *best = NULL;

	for (size_t i = 0; i < run->row_count; i++)
		if (replay_row_is_ok(run->rows[i]) && run->rows[i]->lab.is_known &&
		    is_better(run, run->rows[i], best))
			best = run->rows[i];
	return best;
}

static const char *label_make(char label[LABEL_BYTES], const struct replay_run *run)
{
	if (strcmp(run->payload, "none") == 0)
		snprintf(label, LABEL_BYTES, "exact (on the model, the strategy's accesses alone)");
	else
		snprintf(label, LABEL_BYTES, "estimate (exact on the model for the strategy's "
			 "accesses, payload %s)", run->payload);
	return label;
}

static void curve_write(struct json *json, const struct replay_lab *lab)
{
	json_open(json, "curve", '{');
	json_open(json, "frames", '[');
	for (size_t i = 0; i < lab->curve_count; i++)
		json_number(json, NULL, (int64_t)lab->curve[i].frames);
	json_close(json, '[');
	json_open(json, "faults", '[');
	for (size_t i = 0; i < lab->curve_count; i++)
		json_number(json, NULL, (int64_t)lab->curve[i].faults);
	json_close(json, '[');
	json_close(json, '{');
}

static void policies_write(struct json *json, const struct replay_lab *lab)
{
	json_open(json, "policies", '[');
	for (size_t i = 0; i < lab->policy_count; i++) {
		json_open(json, NULL, '{');
		json_text(json, "name", lab->policies[i].name);
		json_number(json, "frames", (int64_t)lab->policies[i].frames);
		json_number(json, "faults", (int64_t)lab->policies[i].faults);
		json_close(json, '{');
	}
	json_close(json, '[');
}

static void tlbs_write(struct json *json, const struct replay_lab *lab)
{
	json_open(json, "tlb", '[');
	for (size_t i = 0; i < lab->tlb_count; i++) {
		const struct replay_lab_tlb *tlb = &lab->tlbs[i];

		json_open(json, NULL, '{');
		json_text(json, "name", tlb->name);
		json_number(json, "entries", (int64_t)tlb->entries);
		json_number(json, "reach_bytes", (int64_t)tlb->reach_bytes);
		json_number(json, "accesses", (int64_t)tlb->accesses);
		json_number(json, "misses", (int64_t)tlb->misses);
		json_real(json, "miss_share", tlb->accesses > 0
			  ? (double)tlb->misses / (double)tlb->accesses : 0);
		json_close(json, '{');
	}
	json_close(json, '[');
}

static void windows_write(struct json *json, const struct replay_lab *lab)
{
	json_open(json, "working_set", '{');
	json_open(json, "tau", '[');
	for (size_t i = 0; i < lab->window_count; i++)
		json_number(json, NULL, (int64_t)lab->windows[i].tau);
	json_close(json, '[');
	json_open(json, "pages", '[');
	for (size_t i = 0; i < lab->window_count; i++)
		json_real(json, NULL, lab->windows[i].pages);
	json_close(json, '[');
	json_close(json, '{');
}

void replay_json_lab_write(struct json *json, const struct replay_run *run,
			   const struct replay_row *row)
{
	const struct replay_lab *lab = &row->lab;
	char label[LABEL_BYTES];

	json_open(json, "vm", '{');
	json_text(json, "row", row->name);
	json_text(json, "payload", run->payload);
	json_text(json, "label", label_make(label, run));
	json_number(json, "heap_accesses", (int64_t)lab->heap_accesses);
	json_number(json, "payload_accesses", (int64_t)lab->payload_accesses);
	json_number(json, "changes", (int64_t)lab->changes);
	json_number(json, "pages", (int64_t)lab->pages);
	json_number(json, "peak_pages", (int64_t)lab->peak_pages);
	json_number(json, "half_faults", (int64_t)lab->half_faults);
	json_number(json, "whole_faults", (int64_t)lab->whole_faults);
	curve_write(json, lab);
	policies_write(json, lab);
	tlbs_write(json, lab);
	windows_write(json, lab);
	json_close(json, '{');
}
