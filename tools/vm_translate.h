/* SPDX-License-Identifier: MIT */
/*
 * A machine that translates addresses for `allot vm translate`, and what became of one.
 */
#ifndef ALLOT_TOOLS_VM_TRANSLATE_H
#define ALLOT_TOOLS_VM_TRANSLATE_H

#include "json.h"
#include "vm_shared.h"

enum {
	TRANSLATOR_PAGES_MAX = VM_LIST_MAX,
};

/* A page there is, with all rights. */
struct vm_mapping {
	uint64_t vpn, ppn;
};

/* The machine that translates. */
struct vm_translator {
	const struct vm_geometry *geometry;
	enum vm_kind kind;
	struct vm_mapping pages[TRANSLATOR_PAGES_MAX];
	size_t page_count;
	struct vm_book book;
	struct vm_tlb tlb;        /* the book's or of --tlb */
	bool has_book, has_tlb, has_pages;
};

/* What happened to one address. */
struct vm_answer {
	uint64_t va;
	struct vm_split split;
	struct vm_tlb_look looks[VM_TLB_UNITS_MAX]; /* before the access */
	struct vm_translation found;
	uint64_t pa;
	struct vm_cache_look cached;
	bool is_address, is_fault, is_hit; /* is_hit: some TLB knew the page */
};

/* Show an answer: in words, as JSON, and as a picture in a file; false when that is not written. */
void vm_answer_write(const struct vm_translator *machine, const struct vm_answer *answer);
void vm_answer_json(struct json *json, const struct vm_translator *machine,
		    const struct vm_answer *answer);
bool vm_answer_draw(const char *path, const struct vm_translator *machine,
		    const struct vm_answer *answer);

#endif
