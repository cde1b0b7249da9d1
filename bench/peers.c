/* SPDX-License-Identifier: MIT */
/*
 * Allocators side by side: heaps of allot through the public header, libraries through dlopen().
 *
 * Loading an allocator beside another has two traps.
 *
 * Taking over: a library loaded into the global scope could serve later callers of malloc. With
 * RTLD_LOCAL its symbols are found through its handle only. That is checked, not believed: malloc
 * found by handle must lie in the library's own file (a library without one would give us the C
 * library's, under a false name), and malloc found by everyone must be where it was before.
 *
 * Room for thread state: jemalloc is built to find its thread's state at a fixed distance from
 * the thread pointer, in an area whose size is fixed when the program starts; loaded later it
 * finds too little left ("cannot allocate memory in static TLS block"). The C library reads from
 * the environment how much to keep, so the program asks and starts itself again.
 *
 * Every call goes through one pointer here, and for libraries through a second, whose price of
 * about a nanosecond all of them pay, the C library included.
 */
#include "peers.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- heaps of allot ----------------------------------------------------------------------- */

static void *strategy_create(const struct allocator *self, char *message, size_t message_bytes)
{
	return allot_heap_create(self->conf, message, message_bytes);
}

static void strategy_destroy(void *heap)
{
	allot_heap_destroy(heap);
}

static void *strategy_allocate(void *heap, size_t bytes)
{
	return allot_heap_allocate(heap, bytes);
}

static void strategy_free(void *heap, void *block)
{
	allot_heap_free(heap, block);
}

static void *strategy_resize(void *heap, void *block, size_t bytes)
{
	return allot_heap_resize(heap, block, bytes);
}

static void strategy_statistics(void *heap, struct allot_statistics *out)
{
	allot_heap_statistics(heap, out);
}

/* The next free place, cleared; NULL when there is none. */
static struct allocator *list_extend(struct allocator_list *list)
{
	if (list->count == ALLOCATOR_COUNT_MAX)
		return NULL;
	struct allocator *allocator = &list->all[list->count++];
	memset(allocator, 0, sizeof(*allocator));
	return allocator;
}

/* Append ".word" to the name and ",key:word" to the configuration. No word, no choice. */
static void policy_append(struct allocator *allocator, const char *key, const char *word)
{
	if (word == NULL)
		return;
	size_t name_bytes = strlen(allocator->name);
	size_t conf_bytes = strlen(allocator->conf);
	snprintf(allocator->name + name_bytes, sizeof(allocator->name) - name_bytes, ".%s", word);
	snprintf(allocator->conf + conf_bytes, sizeof(allocator->conf) - conf_bytes, ",%s:%s", key,
		 word);
}

static bool strategy_add(struct allocator_list *list, const char *strategy, const char *fit,
			 const char *order, const char *coalescing, bool is_default)
{
	struct allocator *allocator = list_extend(list);
	if (allocator == NULL)
		return false;
	allocator->is_private = true;
	allocator->is_default = is_default;
	allocator->create = strategy_create;
	allocator->destroy = strategy_destroy;
	allocator->allocate = strategy_allocate;
	allocator->free = strategy_free;
	allocator->resize = strategy_resize;
	allocator->statistics = strategy_statistics;
	snprintf(allocator->name, sizeof(allocator->name), "%s", strategy);
	snprintf(allocator->conf, sizeof(allocator->conf), "strategy:%s", strategy);
	policy_append(allocator, "fit", fit);
	policy_append(allocator, "order", order);
	policy_append(allocator, "coalesce", coalescing);
	return true;
}

/* A list of words to loop over at least once: an empty one, or none, gives the one word NULL. */
static const char *const *words_or_none(const char *const *words)
{
	static const char *const none[] = {NULL, NULL};
	return words == NULL || words[0] == NULL ? none : words;
}

/* True while a loop over words_or_none() has a word to do. */
static bool words_left(const char *const *first, const char *const *word)
{
	return word == first || *word != NULL;
}

/* Add each combination of a strategy's policies, the defaults first. */
static bool policies_add(struct allocator_list *list, const struct allot_strategy *strategy)
{
	const char *const *fits = words_or_none(strategy->fits);
	const char *const *orders = words_or_none(strategy->orders);
	const char *const *coalescings = words_or_none(strategy->coalescings);
	bool is_default = true;
	for (const char *const *f = fits; words_left(fits, f); f++)
		for (const char *const *o = orders; words_left(orders, o); o++)
			for (const char *const *c = coalescings; words_left(coalescings, c); c++) {
				if (!strategy_add(list, strategy->name, *f, *o, *c, is_default))
					return false;
				is_default = false;
			}
	return true;
}

bool allocator_list_add_strategies(struct allocator_list *list)
{
	struct allot_strategy strategy;
	for (size_t i = 0; i < allot_strategy_count(); i++)
		if (allot_strategy_get(i, &strategy) && !policies_add(list, &strategy))
			return false;
	return true;
}

/* ---- libraries, and allot as one ---------------------------------------------------------- */

/* Their heaps are the library's functions. */
static void *library_create(const struct allocator *self, char *message, size_t message_bytes)
{
	struct allocator_library *library = malloc(sizeof(*library));
	if (library == NULL) {
		snprintf(message, message_bytes, "no memory");
		return NULL;
	}
	*library = self->library;
	return library;
}

static void library_destroy(void *heap)
{
	free(heap);
}

static void *library_allocate(void *heap, size_t bytes)
{
	const struct allocator_library *library = heap;
	return library->allocate(bytes);
}

static void library_free(void *heap, void *block)
{
	const struct allocator_library *library = heap;
	library->free(block);
}

static void *library_resize(void *heap, void *block, size_t bytes)
{
	const struct allocator_library *library = heap;
	return library->resize(block, bytes);
}

static struct allocator *library_extend(struct allocator_list *list, const char *name)
{
	struct allocator *allocator = list_extend(list);
	if (allocator == NULL)
		return NULL;
	allocator->is_default = true;
	allocator->create = library_create;
	allocator->destroy = library_destroy;
	allocator->allocate = library_allocate;
	allocator->free = library_free;
	allocator->resize = library_resize;
	snprintf(allocator->name, sizeof(allocator->name), "%s", name);
	return allocator;
}

bool allocator_list_add_process(struct allocator_list *list)
{
	struct allocator *allocator = library_extend(list, "allot");
	if (allocator == NULL)
		return false;
	allocator->library.allocate = allot_malloc;
	allocator->library.free = allot_free;
	allocator->library.resize = allot_realloc;
	return true;
}

/* The file a function lies in, or "" when that cannot be told. */
static const char *file_of(void *function)
{
	Dl_info info;
	if (function == NULL || dladdr(function, &info) == 0 || info.dli_fname == NULL)
		return "";
	return info.dli_fname;
}

/* The file's name without its folders. */
static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

bool allocator_list_add_libc(struct allocator_list *list)
{
	static const char libc[] = "libc.so";
	struct allocator *allocator = library_extend(list, "glibc");
	if (allocator == NULL)
		return false;
	allocator->library.allocate = malloc;
	allocator->library.free = free;
	allocator->library.resize = realloc;
	const char *file = file_of(dlsym(RTLD_DEFAULT, "malloc"));
	if (strncmp(last_part(file), libc, strlen(libc)) != 0)
		snprintf(allocator->missing, sizeof(allocator->missing),
			 "malloc of this process is not the C library's, but %s's", file);
	return true;
}

/* Find a function of a library in its own file, not in one it depends on. */
static bool function_find(struct allocator *allocator, void *handle, const char *name,
			  void *out_function)
{
	struct link_map *map = NULL;
	void *function = dlsym(handle, name);
	if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 || map == NULL || function == NULL ||
	    strcmp(file_of(function), map->l_name) != 0) {
		snprintf(allocator->missing, sizeof(allocator->missing), "it has no %s of its own",
			 name);
		return false;
	}
	memcpy(out_function, &function, sizeof(function));
	return true;
}

/* Load the library behind `path` and find its functions; otherwise say what is missing. */
static void library_open(struct allocator *allocator, const char *path)
{
	const void *malloc_before = dlsym(RTLD_DEFAULT, "malloc");
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL) {
		snprintf(allocator->missing, sizeof(allocator->missing), "%s", dlerror());
		return;
	}
	if (!function_find(allocator, handle, "malloc", &allocator->library.allocate) ||
	    !function_find(allocator, handle, "free", &allocator->library.free) ||
	    !function_find(allocator, handle, "realloc", &allocator->library.resize))
		return;
	if (dlsym(RTLD_DEFAULT, "malloc") != malloc_before)
		snprintf(allocator->missing, sizeof(allocator->missing),
			 "loading it replaced malloc of this process");
}

bool allocator_list_add_library(struct allocator_list *list, const char *name, const char *path)
{
	struct allocator *allocator = library_extend(list, name);
	if (allocator == NULL)
		return false;
	library_open(allocator, path);
	return true;
}

/* ---- room --------------------------------------------------------------------------------- */

void allocator_room_make(char **argv)
{
	static const char variable[] = "GLIBC_TUNABLES";
	static const char tunable[] = "glibc.rtld.optional_static_tls";
	static const char room_bytes[] = "65536"; /* jemalloc takes 3 KiB, mimalloc less */
	char text[1024];
	const char *before = getenv(variable);
	if (before != NULL && strstr(before, tunable) != NULL)
		return;
	int length = snprintf(text, sizeof(text), "%s%s%s=%s", before ? before : "",
			      before ? ":" : "", tunable, room_bytes);
	if (length < 0 || (size_t)length >= sizeof(text))
		return;
	if (setenv(variable, text, 1) == 0)
		execv("/proc/self/exe", argv);
}
