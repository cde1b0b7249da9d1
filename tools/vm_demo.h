/* SPDX-License-Identifier: MIT */
/*
 * Demonstrations: small experiments with a few sentences each, and what notes and textbooks say
 * beside what the kernel does.
 *
 * One is a script with expectations, played on the model; or a function, where no script can show
 * it. What its words claim in figures is what its expectations, or demo_expect(), ask for, so that
 * words which are no longer true are a failure.
 */
#ifndef ALLOT_TOOLS_VM_DEMO_H
#define ALLOT_TOOLS_VM_DEMO_H

#include "vm_play.h"

struct demo {
	const char *name;
	const char *summary;
	const char *script;   /* NULL: `run` alone */
	bool (*run)(void);    /* after the script, or NULL; false when it failed, and said so */
	const char *shows;    /* what is seen */
	const char *notes;    /* what notes say, or NULL */
	const char *kernel;   /* and what the kernel does, or NULL */
};

/* All of them; the last one's name is NULL. */
extern const struct demo demos[];

/* Is a figure what the words say it is? False, said. */
bool demo_expect(const char *what, uint64_t is, uint64_t should_be);

/* Begin a script by a profile's rules. False, said; finish the script in any case. */
bool demo_script_open(const char *text, const char *profile, struct vm_play *play,
		      struct script *script);

bool demo_tlb_switch(void);
bool demo_belady(void);
bool demo_vmalloc(void);
bool demo_notes100(void);
bool demo_map_100mb(void);

#endif
