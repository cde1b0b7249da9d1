/* SPDX-License-Identifier: MIT */
/*
 * A C program that loads a C++ library, privately and then for all to see, uses it and unloads
 * it. Argument: the library's path.
 */
#include "claim.h"

#include <dlfcn.h>

static void library_works(const char *path, int flags)
{
	void *library = dlopen(path, RTLD_NOW | flags);
	if (!CLAIM(library != NULL, "dlopen: %s", dlerror()))
		return;
	int (*work)(int) = (int (*)(int))dlsym(library, "plugin_work");
	int (*fail)(size_t) = (int (*)(size_t))dlsym(library, "plugin_fail");
	int (*fail_quietly)(size_t) = (int (*)(size_t))dlsym(library, "plugin_fail_quietly");
	CLAIM(work(1000) == 2890, "the library's containers do not work");
	CLAIM(fail((size_t)PTRDIFF_MAX - 4096) == 1, "operator new did not throw");
	int calls = fail_quietly((size_t)PTRDIFF_MAX - 4096);
	CLAIM(calls == 2, "operator new(nothrow) called the handler %d times, not 2", calls);
	dlclose(library);
}

int main(int count, char **words)
{
	if (count != 2)
		return 2;
	for (int round = 0; round < 3; round++)
		library_works(words[1], RTLD_LOCAL);
	library_works(words[1], RTLD_GLOBAL);
	return claims_end();
}
