/* SPDX-License-Identifier: MIT */
/*
 * allot vm translate: addresses taken apart and translated, in the order and words of the books.
 * Options and what happens; vm_translate_show.c shows it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "notice.h"
#include "vm_shared.h"
#include "vm_translate.h"

enum {
	PIECE_BYTES = 64,
};

/* ---- translating ---- */

static bool pages_translate(void *context, uint64_t va, enum vm_kind kind, bool is_user,
			    struct vm_translation *out)
{
	const struct vm_translator *machine = context;
	struct vm_flat flat = {machine->geometry};

	if (!vm_flat_translate(&flat, va, kind, is_user, out))
		return false;
	out->reads = machine->geometry->level_count;
	for (size_t i = 0; i < machine->page_count; i++) {
		if (machine->pages[i].vpn != out->ppn)
			continue;
		out->ppn = machine->pages[i].ppn;
		return true;
	}
	out->error = (uint16_t)((is_user ? VM_ERROR_USER : 0) |
				(kind == VM_STORE ? VM_ERROR_WRITE : 0) |
				(kind == VM_FETCH ? VM_ERROR_FETCH : 0));
	return false;
}

static void answer_find(struct vm_translator *machine, uint64_t va, struct vm_answer *answer)
{
	*answer = (struct vm_answer){.va = va};
	answer->is_address = vm_split(machine->geometry, va, &answer->split);
	if (!answer->is_address)
		return;
	for (unsigned i = 0; machine->has_tlb && vm_tlb_unit(&machine->tlb, i) != NULL; i++) {
		if (!(vm_tlb_unit(&machine->tlb, i)->kinds >> machine->kind & 1))
			continue;
		vm_tlb_look(&machine->tlb, i, va, 0, &answer->looks[i]);
		answer->is_hit |= answer->looks[i].is_hit;
	}
	if (!machine->has_pages)
		return;
	vm_translate *translate = machine->has_book ? vm_linear_translate : pages_translate;
	void *context = machine->has_book ? (void *)&machine->book.table : machine;
	/* A TLB that knows the page leaves the page table alone. */
	for (unsigned i = 0; i < VM_TLB_UNITS_MAX; i++)
		if (answer->looks[i].is_hit)
			answer->found.ppn = answer->looks[i].entry.ppn;
	if (!answer->is_hit)
		answer->is_fault = !translate(context, va, machine->kind, true, &answer->found);
	if (machine->has_tlb && !vm_tlb_access(&machine->tlb, va, 1, machine->kind))
		answer->is_fault = true;
	if (answer->is_fault)
		return;
	answer->pa = vm_join(machine->geometry, answer->found.ppn, answer->split.vpo);
	if (machine->has_book)
		vm_cache_look(&machine->book.cache, answer->pa, &answer->cached);
}

/* ---- the command line ---- */

static bool pages_parse(struct argument_scan *scan, const char *text, struct vm_translator *machine)
{
	char piece[PIECE_BYTES], *equals;

	machine->has_pages = true;
	while (*text != '\0') {
		struct vm_mapping *page = &machine->pages[machine->page_count++];
		size_t length = strcspn(text, ",");

		if (machine->page_count > TRANSLATOR_PAGES_MAX) {
			argument_refuse(scan, NULL, "--map: more than %d pages",
					TRANSLATOR_PAGES_MAX);
			return false;
		}
		snprintf(piece, sizeof(piece), "%.*s", (int)length, text);
		equals = strchr(piece, '=');
		if (equals != NULL)
			*equals = '\0';
		if (equals == NULL || !vm_number_parse(piece, &page->vpn) ||
		    !vm_number_parse(equals + 1, &page->ppn)) {
			argument_refuse(scan, NULL, "--map: '%.*s' is no VPN=PPN", (int)length,
					text);
			return false;
		}
		text += length + (text[length] == ',');
	}
	return true;
}

static bool kind_parse(struct argument_scan *scan, const char *text, enum vm_kind *out)
{
	for (enum vm_kind kind = VM_LOAD; kind < VM_MODIFY; kind++) {
		if (strcmp(text, vm_kind_names[kind]) != 0)
			continue;
		*out = kind;
		return true;
	}
	argument_refuse(scan, NULL, "--access: load, store or fetch, not '%s'", text);
	return false;
}

/* Set up pages and TLBs by what was asked for. */
static bool machine_make(struct argument_scan *scan, struct vm_translator *machine, const char *tlb)
{
	struct vm_tlb_conf conf;
	bool is_csapp = strcmp(machine->geometry->name, "csapp") == 0;

	machine->has_book = is_csapp && !machine->has_pages && tlb == NULL;
	if (machine->has_book) {
		vm_book_init(&machine->book, vm_memory(vm_book_bytes()));
		machine->tlb = machine->book.tlb;
		machine->has_pages = machine->has_tlb = true;
		return true;
	}
	/* The notes' picture: 0 to 100 is at 500 to 600, 100 to 200 at 600 to 700. */
	if (!machine->has_pages && strcmp(machine->geometry->name, "notes100") == 0 &&
	    !pages_parse(scan, "0=5,1=6", machine))
		return false;
	if (tlb == NULL)
		return true;
	if (!vm_tlb_parse(scan, tlb, machine->geometry, &conf))
		return false;
	conf.translate = pages_translate;
	conf.context = machine;
	machine->has_tlb = true;
	size_t bytes = vm_tlb_bytes(&conf);
	return vm_tlb_init(&machine->tlb, vm_memory(bytes), bytes, &conf, NULL, 0);
}

static int addresses_run(struct argument_scan *scan, struct vm_translator *machine, bool is_json,
			 const char *picture)
{
	struct json json = {.out = stdout};
	struct vm_answer answer;

	if (is_json) {
		json_open(&json, NULL, '{');
		json_text(&json, "schema", "allot.vm.translate/1");
		json_text(&json, "label", "exact");
		json_text(&json, "machine", machine->geometry->name);
		json_open(&json, "addresses", '[');
	} else {
		printf("%s: %s\n", machine->geometry->name, machine->geometry->summary);
	}
	for (int i = scan->index; i < scan->argc; i++) {
		uint64_t va = 0;

		vm_number_parse(scan->argv[i], &va);
		answer_find(machine, va, &answer);
		if (is_json)
			vm_answer_json(&json, machine, &answer);
		else
			vm_answer_write(machine, &answer);
		if (picture != NULL && i == scan->index &&
		    !vm_answer_draw(picture, machine, &answer)) {
			notice_write(scan->command->name, "%s: %s", picture, strerror(errno));
			return STATUS_FAILURE;
		}
	}
	if (is_json) {
		json_close(&json, '[');
		json_close(&json, '{');
	} else {
		notice_next(scan->command->next);
	}
	return STATUS_OK;
}

int vm_translate_main(int argc, char **argv)
{
	struct vm_translator machine = {.geometry = vm_geometry_find("x86-64")};
	const struct command_option *option;
	const char *tlb = NULL, *picture = NULL;
	struct argument_scan scan;
	bool is_json = false;

	argument_init(&scan, &command_vm_translate, argc, argv);
	while ((option = argument_next(&scan)) != NULL) {
		if (strcmp(option->name, "machine") == 0)
			machine.geometry = vm_machine_require(&scan, scan.value);
		else if (strcmp(option->name, "tlb") == 0)
			tlb = scan.value;
		else if (strcmp(option->name, "map") == 0)
			pages_parse(&scan, scan.value, &machine);
		else if (strcmp(option->name, "access") == 0)
			kind_parse(&scan, scan.value, &machine.kind);
		else if (strcmp(option->name, "svg") == 0)
			picture = scan.value;
		else
			is_json = true;
	}
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	if (scan.index >= argc)
		return argument_refuse(&scan, NULL, "no address to translate");
	for (int i = scan.index; i < argc; i++) {
		uint64_t va;

		if (!vm_number_parse(argv[i], &va))
			return argument_refuse(&scan, NULL, "'%s' is no address: a number such as "
					       "0x3d4 or 980", argv[i]);
	}
	if (!machine_make(&scan, &machine, tlb))
		return scan.status;
	return addresses_run(&scan, &machine, is_json, picture);
}
