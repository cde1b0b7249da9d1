/* SPDX-License-Identifier: MIT */
/*
 * What only the preloaded library does, once the dynamic loader is ready: find out who would have
 * served without us, and whether we serve at all.
 *
 * A program with an allocator of its own (its symbols come before ours), or one that runs under a
 * sanitizer, is not ours to serve: the library is dormant then. What reaches us all the same goes
 * to the next allocator; blocks we gave out before are still freed here.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "api/process.h"
#include "base/message.h"

/* Of a sanitizer's runtime. Weak: the loader looks for them, and a miss costs no memory. */
void __asan_init(void) __attribute__((weak));
void __tsan_init(void) __attribute__((weak));

static void find_next_allocator(struct next_allocator *next)
{
	next->malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
	next->realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
	next->memalign = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "memalign");
	next->usable_size = (size_t(*)(void *))dlsym(RTLD_NEXT, "malloc_usable_size");
	/* Last: who sees it set may use the others. */
	next->free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
}

static bool is_complete(const struct next_allocator *next)
{
	return next->malloc != NULL && next->realloc != NULL && next->memalign != NULL &&
	       next->usable_size != NULL && next->free != NULL;
}

/* Why we should not serve, or NULL. */
static const char *reason_to_sleep(void)
{
	if (dlsym(RTLD_DEFAULT, "malloc") != (void *)malloc)
		return "dormant: the program has its own malloc";
	if (__asan_init != NULL || __tsan_init != NULL)
		return "dormant: the program runs under a sanitizer";
	return NULL;
}

__attribute__((constructor)) static void preload_begin(void)
{
	if (!process_prepare())
		return;
	find_next_allocator(&process.next);
	const char *reason = reason_to_sleep();
	if (reason == NULL || !is_complete(&process.next))
		return;
	process_sleep();
	if (process.options.verbose)
		message_string(reason);
}
