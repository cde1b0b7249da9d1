/* SPDX-License-Identifier: MIT */
/*
 * A library to load and unload: it allocates when it comes, when it goes, and in between, and it
 * has storage of its own in every thread.
 */
#include <stdlib.h>
#include <string.h>

void *plugin_allocate(size_t bytes);
char *plugin_duplicate(const char *text);
void *plugin_allocator(void);
void plugin_release(void *block);

static void *own;
static __thread char storage[3000];

__attribute__((constructor)) static void come(void)
{
	own = malloc(2000);
	memset(own, 1, 2000);
}

__attribute__((destructor)) static void go(void)
{
	free(own);
	free(malloc(100));
}

void *plugin_allocate(size_t bytes)
{
	storage[bytes % sizeof storage]++;
	return malloc(bytes);
}

char *plugin_duplicate(const char *text)
{
	return strdup(text);
}

/* Which malloc this library calls. */
void *plugin_allocator(void)
{
	return (void *)malloc;
}

void plugin_release(void *block)
{
	free(block);
}
