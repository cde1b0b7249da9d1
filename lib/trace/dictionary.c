/* SPDX-License-Identifier: MIT */
/*
 * Dictionary: what a trace knows beside its events. See dictionary.h.
 */
#include "trace/dictionary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/forms.h"

enum {
	ARRAY_FIRST = 16,
	ARGUMENTS_BYTES = 4096,
	/* Frames that damage took leave holes in the numbers: so many are believed. */
	FRAME_HOLES = 4096,
};

bool array_reserve(void *array, size_t *capacity, size_t count, size_t element_bytes)
{
	void **elements = array;

	if (count < *capacity)
		return true;
	size_t larger = *capacity < ARRAY_FIRST ? ARRAY_FIRST : *capacity * 2;
	void *grown = reallocarray(*elements, larger, element_bytes);
	if (grown == NULL)
		return false;
	*elements = grown;
	*capacity = larger;
	return true;
}

struct trace_dictionary *dictionary_create(void)
{
	struct trace_dictionary *dictionary = calloc(1, sizeof(*dictionary));

	if (dictionary == NULL)
		return NULL;
	struct trace_info *info = &dictionary->info;
	info->format = info->command = info->conf = info->strategy = "";
	info->version = info->host = info->kernel = "";
	info->event_count = UINT64_MAX;
	return dictionary;
}

void dictionary_destroy(struct trace_dictionary *dictionary)
{
	if (dictionary == NULL)
		return;
	for (size_t i = 0; i < dictionary->string_count; i++)
		free(dictionary->strings[i]);
	free(dictionary->strings);
	free(dictionary->frames);
	free(dictionary->symbols);
	free(dictionary->modules);
	free(dictionary->threads);
	free(dictionary->thread_names);
	free(dictionary->found);
	free(dictionary);
}

const char *dictionary_string(struct trace_dictionary *dictionary, const char *text, size_t bytes)
{
	size_t length = strnlen(text, bytes);

	if (length == 0 ||
	    !array_reserve(&dictionary->strings, &dictionary->string_capacity,
			   dictionary->string_count, sizeof(char *)))
		return "";
	char *copy = strndup(text, length);
	if (copy == NULL)
		return "";
	dictionary->strings[dictionary->string_count++] = copy;
	return copy;
}

const char *dictionary_arguments(struct trace_dictionary *dictionary, const char *text,
				 size_t bytes)
{
	char joined[ARGUMENTS_BYTES];
	size_t length = bytes < sizeof(joined) ? bytes : sizeof(joined);

	while (length > 0 && text[length - 1] == '\0')
		length--;
	for (size_t i = 0; i < length; i++)
		joined[i] = text[i] == '\0' ? ' ' : text[i];
	return dictionary_string(dictionary, joined, length);
}

bool dictionary_frame_add(struct trace_dictionary *dictionary, uint32_t frame, uint32_t parent,
			  uint64_t address)
{
	if (!array_reserve(&dictionary->found, &dictionary->found_capacity,
			   dictionary->found_count, sizeof(struct dictionary_found)))
		return false;
	dictionary->found[dictionary->found_count++] = (struct dictionary_found){
		.frame = frame,
		.parent = parent,
		.address = address,
	};
	return true;
}

/* Where `thread` is, or belongs. */
static size_t thread_place(const struct trace_dictionary *dictionary, uint32_t thread)
{
	size_t low = 0, high = dictionary->thread_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (dictionary->threads[middle] < thread)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t dictionary_thread_rank(const struct trace_dictionary *dictionary, uint32_t thread)
{
	size_t place = thread_place(dictionary, thread);

	if (place < dictionary->thread_count && dictionary->threads[place] == thread)
		return place;
	return dictionary->thread_count;
}

bool dictionary_thread_add(struct trace_dictionary *dictionary, uint32_t thread)
{
	size_t place = thread_place(dictionary, thread), count = dictionary->thread_count;
	size_t capacity = dictionary->thread_capacity;

	if (place < count && dictionary->threads[place] == thread)
		return true;
	if (!array_reserve(&dictionary->threads, &capacity, count, sizeof(uint32_t)) ||
	    !array_reserve(&dictionary->thread_names, &dictionary->thread_capacity, count,
			   sizeof(char *)))
		return false;
	memmove(dictionary->threads + place + 1, dictionary->threads + place,
		(count - place) * sizeof(uint32_t));
	memmove(dictionary->thread_names + place + 1, dictionary->thread_names + place,
		(count - place) * sizeof(char *));
	dictionary->threads[place] = thread;
	dictionary->thread_names[place] = "";
	dictionary->thread_count++;
	return true;
}

bool dictionary_thread_name(struct trace_dictionary *dictionary, uint32_t thread, const char *name,
			    size_t bytes)
{
	if (!dictionary_thread_add(dictionary, thread))
		return false;
	if (bytes > 0 && name[0] != '\0')
		dictionary->thread_names[dictionary_thread_rank(dictionary, thread)] =
			dictionary_string(dictionary, name, bytes);
	return true;
}

/* The newest module at `begin` that is still there, or NULL. */
static struct trace_module *module_there(struct trace_dictionary *dictionary, uint64_t begin)
{
	for (size_t i = dictionary->module_count; i-- > 0;) {
		struct trace_module *module = &dictionary->modules[i];
		if (module->begin == begin && module->time_end == UINT64_MAX)
			return module;
	}
	return NULL;
}

bool dictionary_module_add(struct trace_dictionary *dictionary, const struct trace_module *module,
			   bool is_gone)
{
	struct trace_module *before = module_there(dictionary, module->begin);

	if (before != NULL)
		before->time_end = module->time_begin;
	if (is_gone)
		return true;
	if (!array_reserve(&dictionary->modules, &dictionary->module_capacity,
			   dictionary->module_count, sizeof(*module)))
		return false;
	struct trace_module *added = &dictionary->modules[dictionary->module_count++];
	*added = *module;
	added->path = dictionary_string(dictionary, module->path, strlen(module->path));
	added->time_end = UINT64_MAX;
	return true;
}

void dictionary_modules_time(struct trace_dictionary *dictionary, uint64_t ns_per_unit)
{
	for (size_t i = 0; i < dictionary->module_count; i++) {
		struct trace_module *module = &dictionary->modules[i];
		module->time_begin = clock_ns(module->time_begin, ns_per_unit);
		if (module->time_end != UINT64_MAX)
			module->time_end = clock_ns(module->time_end, ns_per_unit);
	}
}

bool dictionary_finish(struct trace_dictionary *dictionary)
{
	size_t limit = dictionary->found_count * 2 + FRAME_HOLES, wrong = 0;
	uint32_t last = 0;

	for (size_t i = 0; i < dictionary->found_count; i++) {
		struct dictionary_found *found = &dictionary->found[i];
		if (found->frame > limit || found->frame == 0 || found->parent >= found->frame)
			wrong++;
		else if (found->frame > last)
			last = found->frame;
	}
	dictionary->frames = calloc((size_t)last + 1, sizeof(struct trace_frame));
	if (dictionary->frames == NULL)
		return false;
	dictionary->frame_count = (size_t)last + 1;
	for (size_t i = 0; i < dictionary->found_count; i++) {
		struct dictionary_found *found = &dictionary->found[i];
		if (found->frame > last || found->parent >= found->frame)
			continue;
		dictionary->frames[found->frame].address = found->address;
		dictionary->frames[found->frame].parent = found->parent;
	}
	free(dictionary->found);
	dictionary->found = NULL;
	dictionary->found_count = dictionary->found_capacity = 0;
	if (wrong > 0)
		dictionary_message(dictionary, "%zu frames of stacks have impossible numbers",
				   wrong);
	return true;
}

bool dictionary_frame_put(struct trace_dictionary *dictionary, uint32_t frame, uint32_t parent,
			  uint64_t address)
{
	if (frame >= dictionary->frame_capacity) {
		size_t capacity = 2 * (size_t)frame + FRAME_HOLES;
		void *grown = reallocarray(dictionary->frames, capacity,
					   sizeof(*dictionary->frames));
		if (grown == NULL)
			return false;
		dictionary->frames = grown;
		memset(dictionary->frames + dictionary->frame_capacity, 0,
		       (capacity - dictionary->frame_capacity) * sizeof(*dictionary->frames));
		dictionary->frame_capacity = capacity;
	}
	if (frame >= dictionary->frame_count)
		dictionary->frame_count = (size_t)frame + 1;
	dictionary->frames[frame] = (struct trace_frame){.address = address, .parent = parent};
	return true;
}

void dictionary_message(struct trace_dictionary *dictionary, const char *format, ...)
{
	size_t index = dictionary->message_count++;
	va_list arguments;

	if (index >= DICTIONARY_MESSAGES) {
		snprintf(dictionary->messages[DICTIONARY_MESSAGES - 1], TRACE_LINE_BYTES,
			 "%zu places more are damaged", index + 2 - DICTIONARY_MESSAGES);
		return;
	}
	va_start(arguments, format);
	vsnprintf(dictionary->messages[index], TRACE_LINE_BYTES, format, arguments);
	va_end(arguments);
}
