/* SPDX-License-Identifier: MIT */
/*
 * Start-up and end: calls before main, while libraries come and go, and after main.
 *
 * Argument: the path of plugin.so, which is loaded and unloaded, used from threads, and loaded
 * once with a scope of its own (RTLD_DEEPBIND): its blocks are then the C library's, and freeing
 * them here must work, for the program cannot know.
 */
#include "claim.h"

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { EARLY_BLOCKS = 50 };

static char *early[3][EARLY_BLOCKS];
static const char *plugin_path;

static void early_fill(int stage)
{
	for (size_t i = 0; i < EARLY_BLOCKS; i++) {
		size_t bytes = i * i * 40 + 1;
		early[stage][i] = i % 2 == 0 ? malloc(bytes) : calloc(bytes, 1);
		pattern_fill(early[stage][i], bytes, (uint32_t)i);
		free(malloc(bytes * 2));
	}
}

static void early_check(int stage)
{
	for (size_t i = 0; i < EARLY_BLOCKS; i++) {
		size_t bytes = i * i * 40 + 1;
		early[stage][i] = realloc(early[stage][i], bytes + 100);
		CLAIM(pattern_holds(early[stage][i], bytes, (uint32_t)i),
		      "a block of stage %d was overwritten", stage);
		free(early[stage][i]);
	}
}

/* Runs before the constructors of every library. */
static void before_constructors(void)
{
	early_fill(0);
}

__attribute__((section(".preinit_array"), used)) static void (*preinit)(void) =
	before_constructors;

__attribute__((constructor(101))) static void first_constructor(void)
{
	early_fill(1);
}

__attribute__((constructor)) static void last_constructor(void)
{
	early_fill(2);
}

/* What the ends do cannot change the exit status but by a death. */
static void *kept_to_the_end;

__attribute__((destructor(101))) static void last_destructor(void)
{
	free(kept_to_the_end);
	char *block = strdup("after everything");
	if (block == NULL || strcmp(block, "after everything") != 0)
		abort();
	free(block);
}

static void at_exit(void)
{
	free(calloc(1, 100000));
	kept_to_the_end = malloc(100);
}

/* ---- libraries ------------------------------------------------------------------------------ */

/* The functions of plugin.c. */
struct plugin {
	void *library;
	void *(*allocate)(size_t bytes);
	char *(*duplicate)(const char *text);
	void *(*allocator)(void);
	void (*release)(void *block);
};

static bool plugin_open(struct plugin *plugin, int flags)
{
	plugin->library = dlopen(plugin_path, RTLD_NOW | flags);
	if (!CLAIM(plugin->library != NULL, "dlopen: %s", dlerror()))
		return false;
	plugin->allocate = (void *(*)(size_t))dlsym(plugin->library, "plugin_allocate");
	plugin->duplicate = (char *(*)(const char *))dlsym(plugin->library, "plugin_duplicate");
	plugin->allocator = (void *(*)(void))dlsym(plugin->library, "plugin_allocator");
	plugin->release = (void (*)(void *))dlsym(plugin->library, "plugin_release");
	return true;
}

static void libraries_come_and_go(void)
{
	for (int i = 0; i < 200; i++) {
		struct plugin plugin;
		if (!plugin_open(&plugin, i % 2 == 0 ? RTLD_LOCAL : RTLD_GLOBAL))
			return;
		char *text = plugin.duplicate("text");
		dlclose(plugin.library);
		CLAIM(strcmp(text, "text") == 0, "a block died with the library that made it");
		free(text);
	}
}

static void *look_up_names(void *argument)
{
	(void)argument;
	for (int i = 0; i < 300; i++) {
		CLAIM(dlsym(RTLD_DEFAULT, "printf") != NULL, "printf was not found");
		CLAIM(dlsym(RTLD_DEFAULT, "no_such_name_at_all") == NULL, "a name was found");
		CLAIM(dlerror() != NULL, "dlerror has no text");
		free(malloc((size_t)i * 10));
		if (i % 50 == 0) {
			struct plugin plugin;
			if (plugin_open(&plugin, RTLD_LOCAL)) {
				plugin.release(plugin.allocate(1000));
				dlclose(plugin.library);
			}
		}
	}
	return NULL;
}

static void threads_look_up_names(void)
{
	pthread_t threads[4];
	for (size_t i = 0; i < 4; i++) {
		if (pthread_create(&threads[i], NULL, look_up_names, NULL) != 0)
			_exit(3);
	}
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

/* ---- a library with libc's own malloc ------------------------------------------------------- */

static struct plugin deep;

static void deep_blocks_are_freed(void)
{
	static const size_t sizes[] = {1, 24, 100, 1000, 5000, 100000, 200000, 5000000};
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
			char *block = deep.allocate(sizes[i]);
			if (!CLAIM(block != NULL, "the library has no memory"))
				return;
			pattern_fill(block, sizes[i], 4);
			errno = ERRNO_UNTOUCHED;
			free(block);
			CLAIM(errno == ERRNO_UNTOUCHED, "free of libc's block set errno to %d",
			      errno);
			block = deep.allocate(sizes[i]);
			pattern_fill(block, sizes[i], 5);
			block = realloc(block, sizes[i] * 2 + 50);
			CLAIM(block != NULL && pattern_holds(block, sizes[i], 5),
			      "realloc of libc's block of %zu bytes lost contents", sizes[i]);
			free(block);
			block = deep.allocate(sizes[i]);
			CLAIM(realloc(block, 0) == NULL, "realloc(p, 0) of libc's gave a block");
		}
		char *text = deep.duplicate("text");
		CLAIM(strcmp(text, "text") == 0, "the library's text is wrong");
		free(text);
	}
}

static void *deep_from_thread(void *argument)
{
	(void)argument;
	deep_blocks_are_freed();
	return NULL;
}

static void blocks_of_libc_are_handed_on(void)
{
	if (!plugin_open(&deep, RTLD_LOCAL | RTLD_DEEPBIND))
		return;
	CLAIM(getenv("LD_PRELOAD") == NULL || deep.allocator() != (void *)malloc,
	      "RTLD_DEEPBIND had no effect: the claim means nothing");
	deep_blocks_are_freed();
	/* libc serves its second thread from an arena away from the break. */
	pthread_t threads[2];
	for (size_t i = 0; i < 2; i++) {
		if (pthread_create(&threads[i], NULL, deep_from_thread, NULL) != 0)
			_exit(3);
	}
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

int main(int count, char **words)
{
	if (count != 3)
		return 2;
	plugin_path = words[2];
	if (strcmp(words[1], "calls") == 0) {
		atexit(at_exit);
		for (int stage = 0; stage < 3; stage++)
			early_check(stage);
		libraries_come_and_go();
		threads_look_up_names();
		libraries_come_and_go();
	} else {
		blocks_of_libc_are_handed_on();
	}
	return claims_end();
}
