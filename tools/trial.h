/* SPDX-License-Identifier: MIT */
/*
 * Trial: one run of a program under allot, with the dynamic linker telling what it binds.
 */
#ifndef ALLOT_TOOLS_TRIAL_H
#define ALLOT_TOOLS_TRIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "binding.h"
#include "program.h"

enum {
	TRIAL_REASON_BYTES = 2 * PATH_MAX,
	TRIAL_UNSERVED_MAX = 8, /* names of programs that ran without allot, kept for the report */
};

struct trial {
	struct program program;
	bool is_effective;
	char reason[TRIAL_REASON_BYTES]; /* of the verdict, a clause */
	bool has_run;                    /* not when it was clear beforehand */
	int wait_status;                 /* as of waitpid(2) */
	struct binding_list bindings;    /* of the program the process ended as */
	size_t object_count;             /* objects with a binding to allot */
	size_t program_count;            /* programs seen, those of child processes included */
	size_t unserved_count;           /* of them, without a binding to allot */
	char *unserved[TRIAL_UNSERVED_MAX];
	bool is_own_operator;            /* operators come from elsewhere, malloc from allot */
};

/*
 * Run `words`, with `program` being what program_find() said of words[0]. Standard output goes to
 * `output`, a descriptor. Returns false, having said why, when no trial was possible.
 */
bool trial_run(struct trial *trial, const struct program *program, const char *library,
	       char **words, int output);

/* The program the process ended as, by name or path. */
const char *trial_program(const struct trial *trial);

void trial_finish(struct trial *trial);

#endif
