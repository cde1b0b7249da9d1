/* SPDX-License-Identifier: MIT */
/*
 * What became of an address, shown: in the words of the books, as JSON, as a picture.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "svg.h"
#include "vm_translate.h"

enum {
	FIELDS_MAX = VM_LEVELS_MAX + 1,
	NAME_COLUMNS = 16,
	VALUE_COLUMNS = 14,
	PICTURE_WIDTH = 760,
	PICTURE_HEIGHT = 330,
	PICTURE_MARGIN = 20,
	PIECE_BYTES = 64,
};

/* Names of the levels of tables, by how many there are. */
static const char *const level_names[VM_LEVELS_MAX][VM_LEVELS_MAX] = {
	{"PTE"}, {"PGD", "PTE"}, {"PGD", "PMD", "PTE"}, {"PGD", "PUD", "PMD", "PTE"},
	{"PGD", "P4D", "PUD", "PMD", "PTE"},
};

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

static size_t fields_of(const struct vm_translator *machine, const struct vm_answer *answer,
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

static void split_write(const struct vm_translator *machine, const struct vm_answer *answer)
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

static void looks_write(const struct vm_translator *machine, const struct vm_answer *answer)
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
static const char *error_text(const struct vm_translator *machine, unsigned error)
{
	static char text[PIECE_BYTES * 2];

	snprintf(text, sizeof(text), "%s, %s, %s",
		 error & VM_ERROR_LIMIT ? "beyond the table"
		 : error & VM_ERROR_PRESENT ? "no right to" : "not present",
		 vm_kind_names[machine->kind], error & VM_ERROR_USER ? "user" : "supervisor");
	return text;
}

static void pa_write(const struct vm_translator *machine, const struct vm_answer *answer)
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

void vm_answer_write(const struct vm_translator *machine, const struct vm_answer *answer)
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

static void looks_json(struct json *json, const struct vm_translator *machine,
		       const struct vm_answer *answer)
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

void vm_answer_json(struct json *json, const struct vm_translator *machine,
		    const struct vm_answer *answer)
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
static void walk_draw(struct svg *svg, const struct vm_translator *machine,
		      const struct vm_answer *answer)
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

bool vm_answer_draw(const char *path, const struct vm_translator *machine,
		    const struct vm_answer *answer)
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
