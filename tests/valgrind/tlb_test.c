/* SPDX-License-Identifier: MIT */
/*
 * TLBs against cachegrind: its caches, with lines as long as pages, are TLBs.
 *
 * A data cache of 262,144 bytes, 4 ways and lines of 4,096 bytes has 64 entries in sets of 4, is
 * indexed by the low bits of the page number and replaces by LRU; its instruction cache likewise,
 * and the last-level cache is asked what these do not know. Lackey says what a program accesses;
 * with that our TLBs must count what cachegrind counts, number by number: references and misses of
 * loads, stores and fetches in both ranks.
 */
#include <allot/vm.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"

enum {
	TIMEOUT_S = 120,
	COMMAND_BYTES = 8192,
	TEXT_BYTES = 1 << 20,
	ACCESSES = 1 << 14,
	FIGURES = 9,
	KINDS_DATA = 1 << VM_LOAD | 1 << VM_STORE | 1 << VM_MODIFY,
	KINDS_CODE = 1 << VM_FETCH,
};

static const char *const programs[] = {"columns", "list", "text"};
enum { PROGRAM_COUNT = sizeof(programs) / sizeof(programs[0]) };

/* Entries and ways of each unit. */
struct geometry {
	const char *machine;
	unsigned page_bytes;
	unsigned data[2], code[2], second[2];
};

static const struct geometry geometries[] = {
	{"x86-64", 4096, {64, 4}, {64, 4}, {1536, 12}},
	{"x86-64", 4096, {16, 16}, {8, 2}, {64, 8}},
	{"x86-64", 4096, {32, 1}, {16, 1}, {256, 2}},
	{"aarch64-64k", 65536, {8, 2}, {4, 4}, {32, 4}},
};
enum { GEOMETRY_COUNT = sizeof(geometries) / sizeof(geometries[0]) };

static const char *const figure_names[FIGURES] = {
	"fetches", "misses of fetches", "second misses of fetches",
	"loads", "stores", "misses of loads", "misses of stores",
	"second misses of loads", "second misses of stores",
};

static void need_valgrind(void)
{
	if (system("valgrind --version >/dev/null 2>&1") != 0)
		cr_skip_test("needs valgrind");
}

/* ---- ours ---- */

static void tlb_make(struct vm_tlb *tlb, const struct geometry *g)
{
	struct vm_flat *flat = malloc(sizeof(*flat));
	struct vm_tlb_conf conf = {
		.geometry = vm_geometry_find(g->machine),
		.units = {
			{"D1", g->data[0], g->data[1], 1, VM_TLB_LRU, 1, KINDS_DATA},
			{"I1", g->code[0], g->code[1], 1, VM_TLB_LRU, 1, KINDS_CODE},
			{"LL", g->second[0], g->second[1], 2, VM_TLB_LRU, 1,
			 KINDS_DATA | KINDS_CODE},
		},
		.unit_count = 3,
		.counting = VM_TLB_COUNT_REFERENCES,
		.translate = vm_flat_translate,
		.context = flat,
	};
	char message[200] = "";
	flat->geometry = conf.geometry;
	size_t bytes = vm_tlb_bytes(&conf);
	cr_assert(vm_tlb_init(tlb, malloc(bytes), bytes, &conf, message, sizeof(message)), "%s",
		  message);
}

static void ours(const struct vm_tlb *tlb, uint64_t figures[FIGURES])
{
	struct vm_tlb_statistics all;
	vm_tlb_statistics(tlb, &all);
	const uint64_t in_order[FIGURES] = {
		all.accesses[VM_FETCH], all.misses[0][VM_FETCH], all.misses[1][VM_FETCH],
		all.accesses[VM_LOAD], all.accesses[VM_STORE],
		all.misses[0][VM_LOAD], all.misses[0][VM_STORE],
		all.misses[1][VM_LOAD], all.misses[1][VM_STORE],
	};
	memcpy(figures, in_order, sizeof(in_order));
	cr_expect_eq(all.faults, 0);
}

/* Run the program under lackey, feeding every TLB. */
static void trace_run(const char *program, struct vm_tlb *tlbs)
{
	static char text[TEXT_BYTES];
	static struct vm_access accesses[ACCESSES];
	char command[COMMAND_BYTES];
	struct vm_lackey reader = {0};
	size_t held = 0, used, count, got;
	snprintf(command, sizeof(command),
		 "valgrind --tool=lackey --trace-mem=yes --log-fd=1 %s %s",
		 program_path("tlb_program"), program);
	FILE *pipe = popen(command, "r");
	cr_assert_not_null(pipe);
	do {
		got = fread(text + held, 1, sizeof(text) - held, pipe);
		held += got;
		enum vm_trace_end end = VM_TRACE_FULL;
		while (end == VM_TRACE_FULL) {
			end = vm_lackey_read(&reader, text, held, got == 0, accesses, ACCESSES,
					     &used, &count);
			cr_assert_neq(end, VM_TRACE_DAMAGED, "line %lu: expected %s",
				      reader.lines + 1, reader.expected);
			for (unsigned g = 0; g < GEOMETRY_COUNT; g++)
				vm_tlb_run(&tlbs[g], accesses, count);
			memmove(text, text + used, held -= used);
		}
	} while (got > 0);
	cr_assert_eq(pclose(pipe), 0);
}

/* ---- cachegrind's ---- */

/* The number behind `label` and, of that line, behind `behind`; commas are no part of it. */
static uint64_t number_after(const char *text, const char *label, const char *behind)
{
	const char *at = strstr(text, label);
	cr_assert_not_null(at, "no '%s' in %s", label, text);
	at = strstr(at, behind);
	cr_assert_not_null(at, "no '%s' behind '%s'", behind, label);
	uint64_t number = 0;
	at += strlen(behind);
	at += strspn(at, " ");
	for (; (*at >= '0' && *at <= '9') || *at == ','; at++)
		if (*at != ',')
			number = number * 10 + (uint64_t)(*at - '0');
	return number;
}

static void cachegrind_run(const char *program, const struct geometry *g,
			   uint64_t figures[FIGURES])
{
	char command[COMMAND_BYTES], said[COMMAND_BYTES] = "";
	snprintf(command, sizeof(command),
		 "valgrind --tool=cachegrind --cache-sim=yes --cachegrind-out-file=/dev/null "
		 "--D1=%u,%u,%u --I1=%u,%u,%u --LL=%u,%u,%u %s %s 2>&1",
		 g->data[0] * g->page_bytes, g->data[1], g->page_bytes,
		 g->code[0] * g->page_bytes, g->code[1], g->page_bytes,
		 g->second[0] * g->page_bytes, g->second[1], g->page_bytes,
		 program_path("tlb_program"), program);
	FILE *pipe = popen(command, "r");
	cr_assert_not_null(pipe);
	said[fread(said, 1, sizeof(said) - 1, pipe)] = '\0';
	cr_assert_eq(pclose(pipe), 0, "%s", said);
	const uint64_t in_order[FIGURES] = {
		number_after(said, "I   refs:", ":"), number_after(said, "I1  misses:", ":"),
		number_after(said, "LLi misses:", ":"), number_after(said, "D   refs:", "("),
		number_after(said, "D   refs:", "+"), number_after(said, "D1  misses:", "("),
		number_after(said, "D1  misses:", "+"), number_after(said, "LLd misses:", "("),
		number_after(said, "LLd misses:", "+"),
	};
	memcpy(figures, in_order, sizeof(in_order));
}

ParameterizedTestParameters(tlb, counts_are_those_of_cachegrind)
{
	static unsigned indices[PROGRAM_COUNT];
	for (unsigned i = 0; i < PROGRAM_COUNT; i++)
		indices[i] = i;
	return cr_make_param_array(unsigned, indices, PROGRAM_COUNT);
}

ParameterizedTest(unsigned *index, tlb, counts_are_those_of_cachegrind, .timeout = TIMEOUT_S)
{
	struct vm_tlb tlbs[GEOMETRY_COUNT];
	const char *program = programs[*index];
	need_valgrind();
	for (unsigned g = 0; g < GEOMETRY_COUNT; g++)
		tlb_make(&tlbs[g], &geometries[g]);
	trace_run(program, tlbs);
	for (unsigned g = 0; g < GEOMETRY_COUNT; g++) {
		uint64_t is[FIGURES], wanted[FIGURES];
		ours(&tlbs[g], is);
		cachegrind_run(program, &geometries[g], wanted);
		fprintf(stderr, "%s, %s %u: %lu loads, %lu and %lu misses\n", program,
			geometries[g].machine, g, is[3], is[5], is[7]);
		for (unsigned i = 0; i < FIGURES; i++)
			cr_expect_eq(is[i], wanted[i], "%s, geometry %u: %lu %s, cachegrind %lu",
				     program, g, is[i], figure_names[i], wanted[i]);
		cr_expect_gt(is[5], 0);
	}
}
