/* SPDX-License-Identifier: MIT */
/*
 * allot vm translate: addresses taken apart and translated, in the order and words of the books.
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
	PAGES_MAX = VM_LIST_MAX,
	FIELDS_MAX = VM_LEVELS_MAX + 1,
	NAME_COLUMNS = 16,
	VALUE_COLUMNS = 14,
	PICTURE_WIDTH = 760,
	PICTURE_HEIGHT = 330,
	PICTURE_MARGIN = 20,
	PIECE_BYTES = 64,
};

/* A page there is, with all rights. */
struct mapping {
	uint64_t vpn, ppn;
};

/* The machine that translates. */
struct machine {
	const struct vm_geometry *geometry;
	enum vm_kind kind;
	struct mapping pages[PAGES_MAX];
	size_t page_count;
	struct vm_book book;
	struct vm_tlb tlb;        /* the book's or of --tlb */
	bool has_book, has_tlb, has_pages;
};

/* What happened to one address. */
struct answer {
	uint64_t va;
	struct vm_split split;
	struct vm_tlb_look looks[VM_TLB_UNITS_MAX]; /* before the access */
	struct vm_translation found;
	uint64_t pa;
	struct vm_cache_look cached;
	bool is_address, is_fault, is_hit; /* is_hit: some TLB knew the page */
};

/* Names of the levels of tables, by how many there are. */
static const char *const level_names[VM_LEVELS_MAX][VM_LEVELS_MAX] = {
	{"PTE"}, {"PGD", "PTE"}, {"PGD", "PMD", "PTE"}, {"PGD", "PUD", "PMD", "PTE"},
	{"PGD", "P4D", "PUD", "PMD", "PTE"},
};

/* ---- translating ---- */

static bool pages_translate(void *context, uint64_t va, enum vm_kind kind, bool is_user,
			    struct vm_translation *out)
{
	const struct machine *machine = context;
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

static void answer_find(struct machine *machine, uint64_t va, struct answer *answer)
{
	*answer = (struct answer){.va = va};
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

/* ---- words ---- */

static void row_write(const char *name, const char *format, uint64_t value)
{
	char text[PIECE_BYTES];

	snprintf(text, sizeof(text), format, value);
	printf("  %-*s%-*s%s\n", NAME_COLUMNS, name, VALUE_COLUMNS, text, "exact");
}

static void word_write(const char *name, const char *word)
{
	printf("  %-*s%-*s%s\n", NAME_COLUMNS, name, VALUE_COLUMNS, word, "exact");
}

/* The lowest `count` bits of `value`, as digits. */
static void bits_write(uint64_t value, unsigned count)
{
	while (count-- > 0)
		putchar('0' + (int)(value >> count & 1));
}

/* A field of an address as it is drawn. */
struct field {
	const char *name;
	unsigned bits;
	uint64_t value;
};

static size_t fields_of(const struct machine *machine, const struct answer *answer,
			struct field fields[FIELDS_MAX])
{
	const struct vm_geometry *g = machine->geometry;
	size_t count = 0;

	for (unsigned i = 0; i < g->level_count; i++)
		fields[count++] = (struct field){
			g->level_count == 1 ? "VPN" : level_names[g->level_count - 1][i],
			g->bits[i], answer->split.indices[i]};
	fields[count++] = (struct field){"VPO", g->page_shift, answer->split.vpo};
	return count;
}

static void fields_write(const struct field *fields, size_t count)
{
	fputs("  ", stdout);
	for (size_t i = 0; i < count; i++)
		printf("%-*s ", (int)fields[i].bits, fields[i].name);
	fputs("\n  ", stdout);
	for (size_t i = 0; i < count; i++) {
		bits_write(fields[i].value, fields[i].bits);
		putchar(i + 1 < count ? '|' : '\n');
	}
}

static void split_write(const struct machine *machine, const struct answer *answer)
{
	const struct vm_geometry *g = machine->geometry;
	struct field fields[FIELDS_MAX];

	if (g->page_shift == 0) {
		printf("  %" PRIu64 " = %" PRIu64 " x %" PRIu32 " + %" PRIu64 "\n", answer->va,
		       answer->split.vpn, g->page_bytes, answer->split.vpo);
	} else {
		size_t count = fields_of(machine, answer, fields);
		fields_write(fields, count);
	}
	row_write("VPN", "0x%" PRIX64, answer->split.vpn);
	row_write("VPO", "0x%" PRIX64, answer->split.vpo);
	for (unsigned i = 0; i < g->level_count && g->level_count > 1; i++) {
		char name[PIECE_BYTES];

		snprintf(name, sizeof(name), "%s index", level_names[g->level_count - 1][i]);
		row_write(name, "%" PRIu64, answer->split.indices[i]);
	}
}

static void looks_write(const struct machine *machine, const struct answer *answer)
{
	for (unsigned i = 0; machine->has_tlb && vm_tlb_unit(&machine->tlb, i) != NULL; i++) {
		const struct vm_tlb_unit *unit = vm_tlb_unit(&machine->tlb, i);
		char name[PIECE_BYTES];

		if (!(unit->kinds >> machine->kind & 1) || !(unit->sizes & 1))
			continue;
		snprintf(name, sizeof(name), "%s index", unit->name);
		row_write(name, "0x%" PRIX64, answer->looks[i].set);
		snprintf(name, sizeof(name), "%s tag", unit->name);
		row_write(name, "0x%" PRIX64, answer->looks[i].tag);
		snprintf(name, sizeof(name), "%s hit?", unit->name);
		word_write(name, answer->looks[i].is_hit ? "yes" : "no");
		if (answer->looks[i].is_hit)
			break;
	}
}

/* "not present, load, user". */
static const char *error_text(const struct machine *machine, unsigned error)
{
	static char text[PIECE_BYTES * 2];

	snprintf(text, sizeof(text), "%s, %s, %s",
		 error & VM_ERROR_LIMIT ? "beyond the table"
		 : error & VM_ERROR_PRESENT ? "no right to" : "not present",
		 vm_kind_names[machine->kind], error & VM_ERROR_USER ? "user" : "supervisor");
	return text;
}

static void pa_write(const struct machine *machine, const struct answer *answer)
{
	row_write("PPN", "0x%" PRIX64, answer->found.ppn);
	row_write("PPO", "0x%" PRIX64, answer->split.vpo);
	row_write("PA", "0x%" PRIX64, answer->pa);
	if (machine->geometry->page_shift == 0)
		row_write("PA in decimal", "%" PRIu64, answer->pa);
	if (!machine->has_book)
		return;
	row_write("cache offset", "0x%" PRIX64, answer->cached.offset);
	row_write("cache index", "0x%" PRIX64, answer->cached.index);
	row_write("cache tag", "0x%" PRIX64, answer->cached.tag);
	word_write("cache hit?", answer->cached.is_hit ? "yes" : "no");
	if (answer->cached.is_hit)
		row_write("byte", "0x%02" PRIX64, answer->cached.byte);
	else
		printf("  %-*s%-*s%s\n", NAME_COLUMNS, "byte", VALUE_COLUMNS, "-",
		       "n/a (the book does not show memory)");
}

static void answer_write(const struct machine *machine, const struct answer *answer)
{
	printf("\n0x%" PRIX64 "\n", answer->va);
	if (!answer->is_address) {
		printf("  no address of %s: %u bits%s\n", machine->geometry->name,
		       machine->geometry->va_bits,
		       machine->geometry->is_canonical ? ", the ones above like the highest" : "");
		return;
	}
	split_write(machine, answer);
	looks_write(machine, answer);
	if (!machine->has_pages) {
		printf("  %-*s%-*s%s\n", NAME_COLUMNS, "PA", VALUE_COLUMNS, "-",
		       "n/a (no page tables: see --map)");
		return;
	}
	if (!answer->is_hit)
		row_write("entries read", "%" PRIu64, answer->found.reads);
	word_write("page fault?", answer->is_fault ? "yes" : "no");
	if (answer->is_fault)
		printf("  %-*s0x%-*x%s (%s)\n", NAME_COLUMNS, "error code", VALUE_COLUMNS - 2,
		       answer->found.error, "exact", error_text(machine, answer->found.error));
	else
		pa_write(machine, answer);
}

/* ---- JSON ---- */

static void number_json(struct json *json, const char *key, uint64_t value)
{
	char text[PIECE_BYTES];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	json_text(json, key, text);
}

static void looks_json(struct json *json, const struct machine *machine,
		       const struct answer *answer)
{
	json_open(json, "tlb", '[');
	for (unsigned i = 0; machine->has_tlb && vm_tlb_unit(&machine->tlb, i) != NULL; i++) {
		if (!(vm_tlb_unit(&machine->tlb, i)->kinds >> machine->kind & 1))
			continue;
		json_open(json, NULL, '{');
		json_text(json, "name", vm_tlb_unit(&machine->tlb, i)->name);
		number_json(json, "index", answer->looks[i].set);
		number_json(json, "tag", answer->looks[i].tag);
		json_bool(json, "is_hit", answer->looks[i].is_hit);
		json_close(json, '{');
	}
	json_close(json, '[');
}

static void answer_json(struct json *json, const struct machine *machine,
			const struct answer *answer)
{
	json_open(json, NULL, '{');
	number_json(json, "va", answer->va);
	json_bool(json, "is_address", answer->is_address);
	if (answer->is_address) {
		number_json(json, "vpn", answer->split.vpn);
		number_json(json, "vpo", answer->split.vpo);
		json_open(json, "indices", '[');
		for (unsigned i = 0; i < machine->geometry->level_count; i++)
			json_number(json, NULL, answer->split.indices[i]);
		json_close(json, '[');
		looks_json(json, machine, answer);
	}
	if (answer->is_address && machine->has_pages) {
		json_bool(json, "is_fault", answer->is_fault);
		if (answer->is_fault)
			number_json(json, "error", answer->found.error);
		else
			number_json(json, "pa", answer->pa);
	}
	if (answer->is_address && machine->has_book && !answer->is_fault) {
		json_open(json, "cache", '{');
		number_json(json, "offset", answer->cached.offset);
		number_json(json, "index", answer->cached.index);
		number_json(json, "tag", answer->cached.tag);
		json_bool(json, "is_hit", answer->cached.is_hit);
		if (answer->cached.is_hit)
			number_json(json, "byte", answer->cached.byte);
		json_close(json, '{');
	}
	json_close(json, '{');
}

/* ---- the picture ---- */

/* A row of boxes, as wide as their bits. */
static void boxes_draw(struct svg *svg, double y, const struct field *fields, size_t count)
{
	double x = PICTURE_MARGIN, width = PICTURE_WIDTH - 2 * PICTURE_MARGIN, bits = 0;

	for (size_t i = 0; i < count; i++)
		bits += fields[i].bits;
	for (size_t i = 0; i < count; i++) {
		double own = width * fields[i].bits / bits;

		svg_box(svg, x, y, own, 34, SVG_FIRST + i % 5, true);
		svg_words(svg, x + own / 2, y + 15, SVG_INK, false, "%s, %u", fields[i].name,
			  fields[i].bits);
		svg_words(svg, x + own / 2, y + 30, SVG_INK, true, "0x%" PRIX64, fields[i].value);
		x += own;
	}
}

/* The tables of the walk, each with the entry that is read. */
static void walk_draw(struct svg *svg, const struct machine *machine, const struct answer *answer)
{
	const struct vm_geometry *g = machine->geometry;
	double step = (PICTURE_WIDTH - 2.0 * PICTURE_MARGIN) / (g->level_count + 1);

	for (unsigned i = 0; i <= g->level_count; i++) {
		double x = PICTURE_MARGIN + step * i + 10;
		bool is_frame = i == g->level_count;

		svg_box(svg, x, 120, step - 40, 100, is_frame ? SVG_INK : SVG_PALE, false);
		if (is_frame) {
			if (machine->has_pages && !answer->is_fault)
				svg_words(svg, x + step / 2 - 20, 175, SVG_INK, true, "0x%" PRIX64,
					  answer->found.ppn);
			else
				svg_words(svg, x + step / 2 - 20, 175, SVG_INK, false, "%s",
					  answer->is_fault ? "page fault" : "?");
			svg_words(svg, x + step / 2 - 20, 112, SVG_INK, false, "frame");
			continue;
		}
		svg_box(svg, x, 155, step - 40, 24, SVG_FIRST + i % 5, true);
		svg_words(svg, x + step / 2 - 20, 172, SVG_INK, true, "[%" PRIu32 "]",
			  answer->split.indices[i]);
		svg_words(svg, x + step / 2 - 20, 112, SVG_INK, false, "%s",
			  level_names[g->level_count - 1][i]);
		svg_line(svg, x + step - 40, 167, x + step, 167, SVG_INK);
	}
}

static bool picture_draw(const char *path, const struct machine *machine,
			 const struct answer *answer)
{
	struct field fields[FIELDS_MAX];
	struct svg svg;

	if (!svg_open(&svg, path, PICTURE_WIDTH, PICTURE_HEIGHT, "An address and its way"))
		return false;
	svg_words(&svg, PICTURE_WIDTH / 2.0, 26, SVG_INK, false, "%s: 0x%" PRIX64,
		  machine->geometry->name, answer->va);
	if (answer->is_address) {
		size_t count = fields_of(machine, answer, fields);

		/* By division there are no bits: quotient and remainder as they are. */
		for (size_t i = 0; i < count && machine->geometry->page_shift == 0; i++)
			fields[i].bits = 8;
		boxes_draw(&svg, 44, fields, count);
		walk_draw(&svg, machine, answer);
	}
	if (machine->has_pages && answer->is_address && !answer->is_fault) {
		struct field pa[] = {{"PPN", machine->geometry->pa_bits, answer->found.ppn},
				     {"PPO", machine->geometry->page_shift, answer->split.vpo}};

		pa[0].bits -= pa[1].bits;
		if (pa[1].bits == 0)
			pa[0].bits = pa[1].bits = 8;
		boxes_draw(&svg, 250, pa, 2);
		svg_words(&svg, PICTURE_WIDTH / 2.0, 310, SVG_INK, false, "PA 0x%" PRIX64,
			  answer->pa);
	}
	return svg_close(&svg);
}

/* ---- the command line ---- */

static bool pages_parse(struct argument_scan *scan, const char *text, struct machine *machine)
{
	char piece[PIECE_BYTES], *equals;

	machine->has_pages = true;
	while (*text != '\0') {
		struct mapping *page = &machine->pages[machine->page_count++];
		size_t length = strcspn(text, ",");

		if (machine->page_count > PAGES_MAX) {
			argument_refuse(scan, NULL, "--map: more than %d pages", PAGES_MAX);
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
static bool machine_make(struct argument_scan *scan, struct machine *machine, const char *tlb)
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

static int addresses_run(struct argument_scan *scan, struct machine *machine, bool is_json,
			 const char *picture)
{
	struct json json = {.out = stdout};
	struct answer answer;

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
			answer_json(&json, machine, &answer);
		else
			answer_write(machine, &answer);
		if (picture != NULL && i == scan->index &&
		    !picture_draw(picture, machine, &answer)) {
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
	struct machine machine = {.geometry = vm_geometry_find("x86-64")};
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
