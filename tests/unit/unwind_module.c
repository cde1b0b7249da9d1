/* SPDX-License-Identifier: MIT */
/*
 * Modules to be loaded by tests of stacks. Compiled twice with frames of different sizes
 * (MODULE_WORDS), but else alike, so that return addresses coincide. Bound lazily: what calls
 * module_lazy() for the first time goes through the loader's entry for that, which
 * calls the function that chooses it.
 */
#include <string.h>

typedef int module_next(void *argument);

int module_call(module_next *next, void *argument);
int module_lazy(void);
int module_call_lazy(void);

/* What the choosing function calls. */
module_next *module_chooser;
void *module_chooser_argument;

int module_call(module_next *next, void *argument)
{
	volatile long words[MODULE_WORDS];
	words[0] = 1;
	words[MODULE_WORDS - 1] = 2;
	return next(argument) + (int)words[0] + (int)words[MODULE_WORDS - 1];
}

static int chosen(void)
{
	return 1;
}

/* clang before 19 does not see that the attribute below uses it. */
static __attribute__((unused)) int (*choose(void))(void)
{
	if (module_chooser != NULL)
		module_chooser(module_chooser_argument);
	return chosen;
}

int module_lazy(void) __attribute__((ifunc("choose")));

int module_call_lazy(void)
{
	return module_lazy() + 1;
}
