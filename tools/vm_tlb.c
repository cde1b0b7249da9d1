/* SPDX-License-Identifier: MIT */
/*
 * allot vm tlb: the shape of TLBs, how far they reach, and what accesses leave in their sets.
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

enum {
	SETS_SHOWN = 16,
	CELL = 12,
	MARGIN = 24,
	UNIT_GAP = 44,
	LABEL_MIDDLE = 200,
	WORDS_BYTES = 96,
};

/* ---- units ---- */

static const char *sizes_text(const struct vm_geometry *g, unsigned sizes)
{
	static char text[WORDS_BYTES];
	size_t used = 0;

	for (unsigned size = 0; size < g->size_count; size++)
		if (sizes >> size & 1)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
						 used > 0 ? ", " : "",
						 vm_bytes_text(vm_geometry_page_bytes(g, size)));
	return text;
}

static const char *kinds_text(unsigned kinds)
{
	bool has_data = kinds >> VM_LOAD & 1, has_code = kinds >> VM_FETCH & 1;

	return has_data && has_code ? "all" : has_data ? "data" : "code";
}

/* Memory that a unit can know at once, in its smallest and its largest pages. */
static uint64_t reach_bytes(const struct vm_geometry *g, const struct vm_tlb_unit *unit,
			    bool is_largest)
{
	unsigned found = 0;

	for (unsigned size = g->size_count; size-- > 0;) {
		if (!(unit->sizes >> size & 1))
			continue;
		found = size;
		if (is_largest)
			break;
	}
	return unit->entries * vm_geometry_page_bytes(g, found);
}

static void units_write(const struct vm_tlb *tlb, const struct vm_tlb_conf *conf)
{
	const struct vm_tlb_unit *unit;

	printf("%s; %s\n\n", conf->geometry->name,
	       conf->asid_count == 0 ? "a switch of address spaces flushes"
				     : "address spaces have identifiers");
	printf("  %-8s%4s%9s%6s%6s  %-7s%-6s%-22s%s\n", "unit", "rank", "entries", "ways", "sets",
	       "policy", "for", "pages of", "reach (exact)");
	for (unsigned i = 0; (unit = vm_tlb_unit(tlb, i)) != NULL; i++) {
		uint64_t least = reach_bytes(conf->geometry, unit, false);
		uint64_t most = reach_bytes(conf->geometry, unit, true);

		printf("  %-8s%4u%9" PRIu32 "%6" PRIu32 "%6" PRIu32 "  %-7s%-6s%-22s%s", unit->name,
		       unit->rank, unit->entries, unit->ways, vm_tlb_sets(tlb, i),
		       vm_tlb_policy_name(unit->policy), kinds_text(unit->kinds),
		       sizes_text(conf->geometry, unit->sizes), vm_bytes_text(least));
		if (most != least)
			printf(" to %s", vm_bytes_text(most));
		putchar('\n');
	}
}

/* ---- accesses ---- */

/* One operand: an access or a switch. */
struct step {
	bool is_switch;
	enum vm_kind kind;
	uint64_t number;
};

static bool step_parse(const char *text, struct step *step)
{
	*step = (struct step){.is_switch = text[0] == '@',
			      .kind = text[0] == '+' ? VM_STORE : VM_LOAD};
	return vm_number_parse(text + (text[0] == '@' || text[0] == '+'), &step->number);
}

static uint64_t misses_of(const struct vm_tlb_statistics *all, unsigned rank)
{
	uint64_t sum = 0;

	for (unsigned kind = 0; kind < VM_MODIFY; kind++)
		sum += all->misses[rank][kind];
	return sum;
}

/* What an access was, by what it added to the counters. */
static void step_text(const struct vm_tlb_statistics *before, const struct vm_tlb_statistics *after,
		      char text[WORDS_BYTES])
{
	unsigned missed = 0;

	while (missed < VM_TLB_RANKS_MAX && misses_of(after, missed) > misses_of(before, missed))
		missed++;
	if (after->faults > before->faults)
		snprintf(text, WORDS_BYTES, "page fault");
	else if (after->walks > before->walks)
		snprintf(text, WORDS_BYTES, "miss, page walk");
	else
		snprintf(text, WORDS_BYTES, "hit in rank %u%s", missed + 1,
			 after->dirty_walks > before->dirty_walks ? ", dirty bit set by a walk"
								  : "");
	if (after->evictions > before->evictions)
		snprintf(text + strlen(text), WORDS_BYTES - strlen(text), ", %" PRIu64 " evicted",
			 after->evictions - before->evictions);
}

static void step_run(struct vm_tlb *tlb, const char *operand, struct json *json)
{
	struct vm_tlb_statistics before, after;
	char text[WORDS_BYTES];
	struct step step;

	step_parse(operand, &step);
	vm_tlb_statistics(tlb, &before);
	if (step.is_switch)
		vm_tlb_switch(tlb, step.number);
	else
		vm_tlb_access(tlb, step.number, 1, step.kind);
	vm_tlb_statistics(tlb, &after);
	if (step.is_switch)
		snprintf(text, sizeof(text), "address space %" PRIu64 ", %" PRIu64 " flushed",
			 step.number, after.flushed_entries - before.flushed_entries);
	else
		step_text(&before, &after, text);
	if (json == NULL) {
		printf("  %-20s%-40s exact\n", operand, text);
		return;
	}
	json_open(json, NULL, '{');
	json_text(json, "operand", operand);
	json_text(json, "result", text);
	json_close(json, '{');
}

/* ---- sets ---- */

static unsigned set_used(const struct vm_tlb *tlb, unsigned unit, uint32_t set)
{
	struct vm_tlb_entry entry;
	unsigned used = 0;

	for (uint32_t way = 0; way < vm_tlb_unit(tlb, unit)->ways; way++) {
		vm_tlb_entry_get(tlb, unit, set, way, &entry);
		used += entry.is_valid;
	}
	return used;
}

static void set_write(const struct vm_tlb *tlb, unsigned unit, uint32_t set)
{
	struct vm_tlb_entry entry;

	printf("  %-8sset %-5" PRIu32, vm_tlb_unit(tlb, unit)->name, set);
	for (uint32_t way = 0; way < vm_tlb_unit(tlb, unit)->ways; way++) {
		vm_tlb_entry_get(tlb, unit, set, way, &entry);
		if (entry.is_valid)
			printf(" [vpn 0x%" PRIx64 " asid %" PRIu32 "%s]", entry.vpn, entry.asid,
			       entry.is_dirty ? " dirty" : "");
	}
	putchar('\n');
}

/* The sets with something in them, the first ones of each unit. */
static void sets_write(const struct vm_tlb *tlb)
{
	for (unsigned unit = 0; vm_tlb_unit(tlb, unit) != NULL; unit++) {
		unsigned shown = 0, left_out = 0;

		for (uint32_t set = 0; set < vm_tlb_sets(tlb, unit); set++) {
			if (set_used(tlb, unit, set) == 0)
				continue;
			if (shown < SETS_SHOWN) {
				set_write(tlb, unit, set);
				shown++;
			} else {
				left_out++;
			}
		}
		if (left_out > 0)
			printf("  %-8sand %u sets more\n", vm_tlb_unit(tlb, unit)->name, left_out);
	}
}

static bool picture_draw(const char *path, const struct vm_tlb *tlb)
{
	double width = 0, height = MARGIN, y = MARGIN + UNIT_GAP;
	struct svg svg;

	for (unsigned i = 0; vm_tlb_unit(tlb, i) != NULL; i++) {
		double own = vm_tlb_sets(tlb, i) * CELL;

		width = own > width ? own : width;
		height += vm_tlb_unit(tlb, i)->ways * CELL + UNIT_GAP;
	}
	width = (width < 400 ? 400 : width) + 2 * MARGIN;
	if (!svg_open(&svg, path, (int)width, (int)height + MARGIN, "What is in the sets of TLBs"))
		return false;
	for (unsigned i = 0; vm_tlb_unit(tlb, i) != NULL; i++) {
		const struct vm_tlb_unit *unit = vm_tlb_unit(tlb, i);
		struct vm_tlb_entry entry;

		svg_words(&svg, LABEL_MIDDLE, y - 8, SVG_INK, false,
			  "%s: %u sets from left to right, %u ways from top to bottom", unit->name,
			  vm_tlb_sets(tlb, i), unit->ways);
		for (uint32_t set = 0; set < vm_tlb_sets(tlb, i); set++)
			for (uint32_t way = 0; way < unit->ways; way++) {
				vm_tlb_entry_get(tlb, i, set, way, &entry);
				svg_box(&svg, MARGIN + set * CELL, y + way * CELL, CELL - 2,
					CELL - 2,
					!entry.is_valid ? SVG_PALE
					: entry.asid == VM_TLB_GLOBAL ? SVG_INK
					: SVG_FIRST + entry.asid % 5, entry.is_valid);
			}
		y += unit->ways * CELL + UNIT_GAP;
	}
	return svg_close(&svg);
}

/* ---- the command line ---- */

static void units_json(struct json *json, const struct vm_tlb *tlb, const struct vm_tlb_conf *conf)
{
	const struct vm_tlb_unit *unit;

	json_open(json, "units", '[');
	for (unsigned i = 0; (unit = vm_tlb_unit(tlb, i)) != NULL; i++) {
		json_open(json, NULL, '{');
		json_text(json, "name", unit->name);
		json_number(json, "rank", unit->rank);
		json_number(json, "entries", unit->entries);
		json_number(json, "ways", unit->ways);
		json_number(json, "sets", vm_tlb_sets(tlb, i));
		json_text(json, "policy", vm_tlb_policy_name(unit->policy));
		json_text(json, "for", kinds_text(unit->kinds));
		json_number(json, "reach_bytes", (int64_t)reach_bytes(conf->geometry, unit, false));
		json_close(json, '{');
	}
	json_close(json, '[');
}

static void all_json(struct argument_scan *scan, struct vm_tlb *tlb,
		     const struct vm_tlb_conf *conf)
{
	struct json json = {.out = stdout};

	json_open(&json, NULL, '{');
	json_text(&json, "schema", "allot.vm.tlb/1");
	json_text(&json, "label", "exact");
	json_text(&json, "machine", conf->geometry->name);
	units_json(&json, tlb, conf);
	json_open(&json, "steps", '[');
	for (int i = scan->index; i < scan->argc; i++)
		step_run(tlb, scan->argv[i], &json);
	json_close(&json, '[');
	json_close(&json, '{');
}

int vm_tlb_main(int argc, char **argv)
{
	const struct vm_geometry *geometry = NULL;
	const struct command_option *option;
	const char *spec = "skylake", *picture = NULL;
	uint64_t asids[VM_LIST_MAX];
	size_t asid_lists = 0;
	struct argument_scan scan;
	struct vm_tlb_conf conf;
	struct vm_flat flat;
	struct vm_tlb tlb;
	struct step step;
	bool is_json = false;

	argument_init(&scan, &command_vm_tlb, argc, argv);
	while ((option = argument_next(&scan)) != NULL) {
		if (strcmp(option->name, "tlb") == 0)
			spec = scan.value;
		else if (strcmp(option->name, "machine") == 0)
			geometry = vm_machine_require(&scan, scan.value);
		else if (strcmp(option->name, "asids") == 0)
			vm_list_parse(&scan, "asids", scan.value, 0, VM_TLB_ASIDS_MAX, asids,
				      &asid_lists);
		else if (strcmp(option->name, "svg") == 0)
			picture = scan.value;
		else
			is_json = true;
	}
	if (scan.status != ARGUMENT_GO_ON || !vm_tlb_parse(&scan, spec, geometry, &conf))
		return scan.status;
	for (int i = scan.index; i < argc; i++)
		if (!step_parse(argv[i], &step))
			return argument_refuse(&scan, NULL, "'%s' is no access: ADDRESS, +ADDRESS "
					       "or @SPACE", argv[i]);
	flat.geometry = conf.geometry;
	conf.context = &flat;
	if (asid_lists > 0)
		conf.asid_count = (uint32_t)asids[0];
	size_t bytes = vm_tlb_bytes(&conf);
	vm_tlb_init(&tlb, vm_memory(bytes), bytes, &conf, NULL, 0);
	if (is_json) {
		all_json(&scan, &tlb, &conf);
	} else {
		units_write(&tlb, &conf);
		if (scan.index < argc)
			putchar('\n');
		for (int i = scan.index; i < argc; i++)
			step_run(&tlb, argv[i], NULL);
		if (scan.index < argc)
			puts("\n  what is in the sets, the most recently used first (exact)");
		sets_write(&tlb);
	}
	if (picture != NULL && !picture_draw(picture, &tlb)) {
		notice_write(scan.command->name, "%s: %s", picture, strerror(errno));
		return STATUS_FAILURE;
	}
	if (!is_json)
		notice_next(scan.command->next);
	return STATUS_OK;
}
