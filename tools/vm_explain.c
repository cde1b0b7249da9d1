/* SPDX-License-Identifier: MIT */
/*
 * allot vm explain: one access after a script, step by step.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notice.h"
#include "vm_after.h"
#include "vm_shared.h"
#include "word.h"

struct explain {
	struct vm_after after;
	struct vm_tlb_conf tlb;
	bool has_tlb;
	uint64_t address;
	enum vm_kind kind;
};

/* Tables of x86-64, from the last level up. */
static const char *const level_names[VM_LEVELS_MAX] = { "PTE", "PMD", "PUD", "P4D", "PGD" };

static const char *level_name(const struct vm_geometry *geometry, unsigned step)
{
	bool is_top = step == 0;
	return is_top ? "PGD" : level_names[geometry->level_count - 1u - step];
}

/* ---- address and TLBs ---- */

static void split_write(const struct vm_geometry *geometry, const struct vm_split *split)
{
	printf("  split     VPN %#" PRIx64 ", VPO %#" PRIx64 "; index", split->vpn, split->vpo);
	for (unsigned i = 0; i < geometry->level_count; i++)
		printf("%s %s %" PRIu32, i > 0 ? "," : "", level_name(geometry, i),
		       split->indices[i]);
	putchar('\n');
}

static int tlb_write(struct explain *explain)
{
	struct vm_tlb tlb;
	struct vm_flat flat = { .geometry = explain->tlb.geometry };
	char message[VM_MESSAGE_BYTES];
	explain->tlb.translate = vm_flat_translate;
	explain->tlb.context = &flat;
	size_t bytes = vm_tlb_bytes(&explain->tlb);
	void *memory = vm_memory(bytes > 0 ? bytes : 1);
	if (!vm_tlb_init(&tlb, memory, bytes, &explain->tlb, message, sizeof(message))) {
		notice_write(explain->after.name, "%s", message);
		free(memory);
		return STATUS_USAGE;
	}
	const struct vm_tlb_unit *unit;
	for (unsigned i = 0; (unit = vm_tlb_unit(&tlb, i)) != NULL; i++) {
		struct vm_tlb_look look;
		unsigned size = 0;
		while (!(unit->sizes >> size & 1))
			size++;
		if (!(unit->kinds >> explain->kind & 1))
			continue;
		vm_tlb_look(&tlb, i, explain->address, size, &look);
		printf("  TLB       %s: set (TLBI) %" PRIu32 ", tag (TLBT) %#" PRIx64
		       ", for pages of %s\n", unit->name, look.set, look.tag,
		       vm_bytes_text(vm_geometry_page_bytes(explain->tlb.geometry, size)));
	}
	free(memory);
	return STATUS_OK;
}

/* ---- tables ---- */

static void bits_write(uint64_t entry)
{
	static const struct {
		uint64_t bit;
		const char *name;
	} bits[] = {
		{ UINT64_C(1) << 0, "present" },  { UINT64_C(1) << 1, "write" },
		{ UINT64_C(1) << 2, "user" },     { UINT64_C(1) << 5, "accessed" },
		{ UINT64_C(1) << 6, "dirty" },    { UINT64_C(1) << 7, "huge" },
		{ UINT64_C(1) << 8, "no-access" }, { UINT64_C(1) << 57, "guard" },
		{ UINT64_C(1) << 63, "no-exec" },
	};
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if (entry & bits[i].bit)
			printf(" %s", bits[i].name);
}

static void levels_write(const struct vm_geometry *geometry, const struct vm_walk *walk)
{
	for (unsigned i = 0; i < walk->level_count; i++) {
		const struct vm_walk_level *level = &walk->levels[i];
		printf("  %s       entry %" PRIu32 " of the table in frame %#" PRIx64 ": ",
		       level_name(geometry, i), level->index, level->table);
		if (level->entry == 0) {
			puts("empty, the walk ends");
			continue;
		}
		printf("%#" PRIx64 ":", level->entry);
		bits_write(level->entry);
		putchar('\n');
	}
}

/* ---- what comes of it ---- */

static void area_write(const struct vm_walk *walk)
{
	const struct vm_area_view *area = &walk->area;
	if (!walk->has_area) {
		puts("  area      none here");
		return;
	}
	printf("  area      %" PRIx64 "-%" PRIx64 " %c%c%c%c%s%s\n", area->start, area->end,
	       area->flags & VM_AREA_READ ? 'r' : '-', area->flags & VM_AREA_WRITE ? 'w' : '-',
	       area->flags & VM_AREA_EXEC ? 'x' : '-', area->flags & VM_AREA_SHARED ? 's' : 'p',
	       area->file != NULL ? ", of a file or shared memory" : ", anonymous",
	       walk->grows_area ? ", which would grow down to the address" : "");
}

static void error_write(unsigned error)
{
	printf("  fault     page fault, error code %#x: %s, %s, %s mode\n", error,
	       error & VM_ERROR_PRESENT ? "page present but not for this" : "no page present",
	       error & VM_ERROR_FETCH ? "fetch" : error & VM_ERROR_WRITE ? "write" : "read",
	       error & VM_ERROR_USER ? "user" : "kernel");
}

static const char *signal_meaning(enum vm_signal signal)
{
	static const char *const meanings[] = {
		[VM_SIGNAL_NONE] = "",
		[VM_SIGSEGV_MAPERR] = "SIGSEGV, code SEGV_MAPERR: no area there, or a guard",
		[VM_SIGSEGV_ACCERR] = "SIGSEGV, code SEGV_ACCERR: there, but it forbids this",
		[VM_SIGSEGV_KERNEL] = "SIGSEGV, code SI_KERNEL: general protection, no address",
		[VM_SIGBUS_ADRERR] = "SIGBUS, code BUS_ADRERR: behind the end of the file",
		[VM_SIGBUS_MEMORY] = "no memory is left",
	};
	return meanings[signal];
}

static void end_write(const struct vm_walk *walk)
{
	if (walk->is_granted) {
		printf("  allowed   by hardware alone; physical address %#" PRIx64 "\n",
		       walk->physical);
		return;
	}
	if (walk->is_address) {
		error_write(walk->error);
		area_write(walk);
	}
	if (walk->is_served)
		printf("  kernel    %s: %s\n", vm_reason_name(walk->reason),
		       vm_reason_meaning(walk->reason));
	if (walk->signal != VM_SIGNAL_NONE)
		printf("  signal    %s\n", signal_meaning(walk->signal));
	else
		puts("  then      the instruction is restarted, and goes through");
}

/* ---- JSON ---- */

static void levels_json(struct json *json, const struct vm_geometry *geometry,
			const struct vm_walk *walk)
{
	json_open(json, "levels", '[');
	for (unsigned i = 0; i < walk->level_count; i++) {
		json_open(json, NULL, '{');
		json_text(json, "name", level_name(geometry, i));
		json_hex(json, "table_frame", walk->levels[i].table);
		json_number(json, "index", walk->levels[i].index);
		json_hex(json, "entry", walk->levels[i].entry);
		json_close(json, '{');
	}
	json_close(json, '[');
}

static void end_json(struct json *json, const struct vm_walk *walk)
{
	json_bool(json, "is_fault", walk->is_address && !walk->is_granted);
	if (walk->is_granted)
		json_hex(json, "physical", walk->physical);
	else if (walk->is_address)
		json_hex(json, "error", walk->error);
	json_bool(json, "has_area", walk->has_area);
	json_text(json, "reason", walk->is_served ? vm_reason_name(walk->reason) : NULL);
	json_text(json, "signal", vm_signal_name(walk->signal));
}

static void explain_json(const struct explain *explain, const struct vm_walk *walk)
{
	struct json json = { .out = stdout };
	vm_after_json(&explain->after, &json);
	json_text(&json, "kind", vm_kind_names[explain->kind]);
	json_hex(&json, "address", explain->address);
	json_bool(&json, "is_address", walk->is_address);
	if (walk->is_address) {
		json_hex(&json, "vpn", walk->split.vpn);
		json_hex(&json, "vpo", walk->split.vpo);
		levels_json(&json, vm_geometry_get(0), walk);
	}
	end_json(&json, walk);
	json_close(&json, '{');
}

/* ---- the explanation ---- */

static int explain_write(struct explain *explain)
{
	struct vm_walk walk;
	char label[AFTER_LABEL_BYTES];
	const struct vm_geometry *geometry = vm_geometry_get(0);
	int status = STATUS_OK;
	vm_walk(vm_after_space(&explain->after), explain->address, explain->kind, &walk);
	if (explain->after.is_json) {
		explain_json(explain, &walk);
		return STATUS_OK;
	}
	vm_after_label(&explain->after, label, sizeof(label));
	printf("%s\na %s at %#" PRIx64 "\n", label, vm_kind_names[explain->kind],
	       explain->address);
	if (walk.is_address) {
		split_write(geometry, &walk.split);
		if (explain->has_tlb)
			status = tlb_write(explain);
		levels_write(geometry, &walk);
	}
	end_write(&walk);
	return status;
}

/* ---- the command ---- */

static bool kind_read(struct argument_scan *scan, const char *text, enum vm_kind *out)
{
	struct word_match match;
	word_match_init(&match, text);
	for (int i = 0; i < VM_MODIFY; i++) {
		*out = (enum vm_kind)i;
		if (strcmp(vm_kind_names[i], text) == 0)
			return true;
		word_match_offer(&match, vm_kind_names[i]);
	}
	argument_refuse(scan, match.nearest[0] != '\0' ? match.nearest : NULL,
			"'%s' is no access: load, store or fetch", text);
	return false;
}

int vm_explain_main(int argc, char **argv)
{
	static struct explain explain; /* too large for a stack */
	struct argument_scan scan;
	const struct command_option *option;
	int status;
	explain.after.command = &command_vm_explain;
	argument_init(&scan, &command_vm_explain, argc, argv);
	while ((option = argument_next(&scan)) != NULL) {
		if (strcmp(option->name, "tlb") == 0)
			explain.has_tlb = vm_tlb_parse(&scan, scan.value, NULL, &explain.tlb);
		else
			vm_after_option(&explain.after, &scan, option->name);
	}
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	int count = argc - scan.index;
	if (count < 2 || count > 3)
		return argument_refuse(&scan, NULL, "a script, an address and perhaps a kind, "
				       "not %d operands", count);
	if (explain.has_tlb && explain.after.is_json)
		return argument_refuse(&scan, NULL, "--tlb is said in words: no --json with it");
	char **words = argv + scan.index;
	if (count == 3 && !kind_read(&scan, words[2], &explain.kind))
		return scan.status;
	if (vm_after_play(&explain.after, words[0], &status))
		status = vm_after_address(&explain.after, words[1], &explain.address)
				 ? explain_write(&explain)
				 : STATUS_USAGE;
	vm_after_finish(&explain.after);
	if (status == STATUS_OK && !explain.after.is_json)
		notice_next(command_vm_explain.next);
	return status;
}
