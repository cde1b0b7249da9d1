/* SPDX-License-Identifier: MIT */
/*
 * Bindings: parsing lines such as these (each begins with the process id and a tab),
 *
 *     binding file /lib/libc.so.6 [0] to /lib/liballot.so [0]: normal symbol `free' [GLIBC_2.2.5]
 *     transferring control: ls
 *
 * Before anything else of a program the linker looks up the kernel's clock_gettime, and never again
 * after: once control was transferred, that line begins the next program of the process.
 */
#include "binding.h"

#include <stdlib.h>
#include <string.h>

#include "locate.h"

#define FAMILY(symbol, name) { symbol, name },
const struct family_member family[] = {
#include "family.def"
};
#undef FAMILY

const size_t family_count = sizeof(family) / sizeof(family[0]);

static const char binding_mark[] = "\tbinding file ";
static const char control_mark[] = "\ttransferring control: ";
static const char kernel_library[] = "linux-vdso";
static const char kernel_symbol[] = "clock_gettime'";

bool family_is_operator(const struct family_member *member)
{
	return strncmp(member->symbol, "_Z", 2) == 0;
}

const char *binding_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static bool object_is_allot(const char *object)
{
	return strncmp(binding_base(object), LIBRARY_NAME, strlen(LIBRARY_NAME)) == 0;
}

/* End a program for lack of memory: the report would be wrong without any one line. */
static void *memory_require(void *memory)
{
	if (memory == NULL) {
		perror("allot");
		abort();
	}
	return memory;
}

/* Is what follows the mark of a binding the line with which a program begins? */
static bool binding_is_first(const char *object)
{
	return strncmp(object, kernel_library, strlen(kernel_library)) == 0 &&
	       strstr(object, kernel_symbol) != NULL;
}

/* Cut `text` at the first " [", which precedes the namespace; return what follows `after` it. */
static char *object_cut(char *text, const char *after)
{
	char *rest = strstr(text, " [");

	if (rest == NULL)
		return NULL;
	*rest = '\0';
	rest = strstr(rest + 1, after);
	return rest != NULL ? rest + strlen(after) : NULL;
}

static const struct family_member *member_find(const char *symbol)
{
	for (size_t i = 0; i < family_count; i++)
		if (strcmp(family[i].symbol, symbol) == 0)
			return &family[i];
	return NULL;
}

static void list_add(struct binding_list *list, const struct family_member *member,
		     const char *object, const char *provider)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct binding *known = &list->items[i];

		if (known->member == member && strcmp(known->object, object) == 0 &&
		    strcmp(known->provider, provider) == 0)
			return;
	}
	if (list->count == list->capacity) {
		list->capacity = list->capacity > 0 ? 2 * list->capacity : 64;
		list->items = memory_require(
			reallocarray(list->items, list->capacity, sizeof(list->items[0])));
	}
	list->items[list->count++] = (struct binding){
		.member = member,
		.object = memory_require(strdup(object)),
		.provider = memory_require(strdup(provider)),
		.is_allot = object_is_allot(provider),
	};
}

/* Take in what follows the mark of a binding; the text is cut up. */
static void binding_parse(struct binding_list *list, char *object)
{
	char *provider = object_cut(object, "] to ");
	char *symbol = provider != NULL ? object_cut(provider, " symbol `") : NULL;

	if (symbol == NULL)
		return;
	symbol[strcspn(symbol, "'")] = '\0';
	const struct family_member *member = member_find(symbol);
	if (member != NULL && !object_is_allot(object))
		list_add(list, member, object, provider);
}

void binding_reader_init(struct binding_reader *reader, FILE *file)
{
	*reader = (struct binding_reader){ .file = file };
}

void binding_reader_finish(struct binding_reader *reader)
{
	free(reader->line);
}

bool binding_reader_next(struct binding_reader *reader, struct binding_list *out_list)
{
	bool is_empty = true;
	char *found;

	*out_list = (struct binding_list){ .program = NULL };
	while (reader->is_line_unread ||
	       getline(&reader->line, &reader->line_bytes, reader->file) >= 0) {
		reader->is_line_unread = false;
		if ((found = strstr(reader->line, binding_mark)) != NULL) {
			found += strlen(binding_mark);
			if (out_list->program != NULL && binding_is_first(found)) {
				reader->is_line_unread = true;
				return true;
			}
			binding_parse(out_list, found);
		} else if ((found = strstr(reader->line, control_mark)) != NULL &&
			   out_list->program == NULL) {
			found += strlen(control_mark);
			found[strcspn(found, "\n")] = '\0';
			out_list->program = memory_require(strdup(found));
		}
		is_empty = false;
	}
	return !is_empty;
}

void binding_list_finish(struct binding_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].object);
		free(list->items[i].provider);
	}
	free(list->items);
	free(list->program);
	*list = (struct binding_list){ .program = NULL };
}

bool binding_list_is_served(const struct binding_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].is_allot)
			return true;
	return false;
}
