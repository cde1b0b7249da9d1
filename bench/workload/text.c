/* SPDX-License-Identifier: MIT */
/*
 * Text: every string is a block of its own, as are the arrays of words and the entries of tables.
 * Some documents stay for a while, as strings; everything else goes with its step.
 */
#include "text.h"

#include "crew.h"
#include "heap.h"

#include <string.h>

enum {
	VOCABULARY_COUNT = 5000, /* different words */
	WORD_LENGTH_MIN = 2,
	WORD_LENGTH_MAX = 14,
	WORD_COUNT_MAX = 2000,   /* in a document */
	KEPT_COUNT = 100,        /* documents that stay */
	ROOM_FIRST = 16,         /* of whatever doubles */
};

/* A string that is appended to. */
struct text {
	char *bytes; /* ends with '\0' once there is something */
	size_t length;
	size_t room;
};

/* An array of strings, all owned. */
struct words {
	char **strings;
	size_t count;
	size_t room;
};

/* How often a word occurs. */
struct entry {
	struct entry *next; /* in its bucket */
	uint64_t hash;
	size_t count;
	char word[];
};

struct counts {
	struct entry **buckets;
	size_t bucket_count; /* a power of two, or 0 */
	size_t entry_count;
};

static void text_append(struct text *text, const char *bytes, size_t length)
{
	if (text->length + length + 1 > text->room) {
		size_t room = text->room == 0 ? ROOM_FIRST : text->room;
		while (room < text->length + length + 1)
			room *= 2;
		text->bytes = heap_resize(text->bytes, room);
		text->room = room;
	}
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
	text->bytes[text->length] = '\0';
}

/* A string of its own, of `length` characters from `bytes`. */
static char *string_make(const char *bytes, size_t length)
{
	char *string = heap_take(length + 1);
	memcpy(string, bytes, length);
	string[length] = '\0';
	return string;
}

/* Add a string, which then is owned. */
static void words_add(struct words *words, char *string)
{
	if (words->count == words->room) {
		words->room = words->room == 0 ? ROOM_FIRST : words->room * 2;
		words->strings = heap_resize(words->strings, words->room * sizeof(char *));
	}
	words->strings[words->count++] = string;
}

static void words_finish(struct words *words)
{
	for (size_t i = 0; i < words->count; i++)
		heap_give(words->strings[i]);
	heap_give(words->strings);
}

/* Words that do not exist, short ones more often than long ones. */
static void vocabulary_init(struct words *vocabulary, struct chance *chance)
{
	char word[WORD_LENGTH_MAX];
	*vocabulary = (struct words){0};
	for (size_t i = 0; i < VOCABULARY_COUNT; i++) {
		size_t spread = 1 + chance_below(chance, WORD_LENGTH_MAX - WORD_LENGTH_MIN + 1);
		size_t length = WORD_LENGTH_MIN + chance_below(chance, spread);
		for (size_t letter = 0; letter < length; letter++)
			word[letter] = (char)('a' + chance_below(chance, 26));
		words_add(vocabulary, string_make(word, length));
	}
}

/* A document: words of the vocabulary, the first ones more often, with blanks between. */
static struct text document_make(const struct words *vocabulary, struct chance *chance)
{
	struct text text = {0};
	size_t count = 1 + chance_below(chance, WORD_COUNT_MAX);
	for (size_t i = 0; i < count; i++) {
		size_t limit = 1 + chance_below(chance, vocabulary->count);
		const char *word = vocabulary->strings[chance_below(chance, limit)];
		if (i > 0)
			text_append(&text, " ", 1);
		text_append(&text, word, strlen(word));
	}
	return text;
}

static struct words document_split(const struct text *text)
{
	struct words words = {0};
	const char *start = text->bytes;
	for (;;) {
		const char *end = strchr(start, ' ');
		if (end == NULL)
			break;
		words_add(&words, string_make(start, (size_t)(end - start)));
		start = end + 1;
	}
	words_add(&words, string_make(start, strlen(start)));
	return words;
}

static uint64_t string_hash(const char *string)
{
	uint64_t hash = 0xCBF29CE484222325ULL; /* FNV-1a */
	for (; *string != '\0'; string++)
		hash = (hash ^ (unsigned char)*string) * 0x100000001B3ULL;
	return hash;
}

/* Twice as many buckets, into which all entries move. */
static void counts_grow(struct counts *counts)
{
	size_t bucket_count = counts->bucket_count == 0 ? ROOM_FIRST : counts->bucket_count * 2;
	struct entry **buckets = heap_take_zeroed(bucket_count, sizeof(struct entry *));
	for (size_t i = 0; i < counts->bucket_count; i++) {
		struct entry *next;
		for (struct entry *entry = counts->buckets[i]; entry != NULL; entry = next) {
			struct entry **bucket = &buckets[entry->hash & (bucket_count - 1)];
			next = entry->next;
			entry->next = *bucket;
			*bucket = entry;
		}
	}
	heap_give(counts->buckets);
	counts->buckets = buckets;
	counts->bucket_count = bucket_count;
}

static void counts_add(struct counts *counts, const char *word)
{
	if (counts->entry_count == counts->bucket_count)
		counts_grow(counts);
	uint64_t hash = string_hash(word);
	struct entry **bucket = &counts->buckets[hash & (counts->bucket_count - 1)];
	for (struct entry *entry = *bucket; entry != NULL; entry = entry->next) {
		if (entry->hash == hash && strcmp(entry->word, word) == 0) {
			entry->count++;
			return;
		}
	}
	size_t word_bytes = strlen(word) + 1;
	struct entry *entry = heap_take(sizeof(*entry) + word_bytes);
	*entry = (struct entry){*bucket, hash, 1};
	memcpy(entry->word, word, word_bytes);
	*bucket = entry;
	counts->entry_count++;
}

/* Free the table; returns a number made of what was counted, in whatever order. */
static uint64_t counts_finish(struct counts *counts)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < counts->bucket_count; i++) {
		struct entry *next;
		for (struct entry *entry = counts->buckets[i]; entry != NULL; entry = next) {
			next = entry->next;
			sum += entry->hash * entry->count;
			heap_give(entry);
		}
	}
	heap_give(counts->buckets);
	return sum;
}

/* The words backwards, with commas between: a string of the right size. */
static char *words_join(const struct words *words)
{
	struct text text = {0};
	for (size_t i = words->count; i > 0; i--) {
		const char *word = words->strings[i - 1];
		text_append(&text, word, strlen(word));
		text_append(&text, ",", i > 1);
	}
	return heap_resize(text.bytes, text.length + 1);
}

/* All that happens to a document. The result is what is left of it. */
static char *document_run(const struct words *vocabulary, struct worker *worker)
{
	struct counts counts = {0};
	struct text text = document_make(vocabulary, &worker->chance);
	struct words words = document_split(&text);
	heap_give(text.bytes);
	for (size_t i = 0; i < words.count; i++)
		counts_add(&counts, words.strings[i]);
	char *joined = words_join(&words);
	worker->checksum += counts_finish(&counts);
	words_finish(&words);
	return joined;
}

static void text_work(struct worker *worker)
{
	struct words vocabulary;
	char *kept[KEPT_COUNT] = {NULL};
	size_t step_count = run_step_count(worker->run);
	vocabulary_init(&vocabulary, &worker->chance);
	for (size_t step = 0; step < step_count; step++) {
		char **place = &kept[chance_below(&worker->chance, KEPT_COUNT)];
		char *joined = document_run(&vocabulary, worker);
		if (*place != NULL) {
			worker->checksum = worker->checksum * 31 + string_hash(*place);
			heap_give(*place);
		}
		*place = joined;
	}
	for (size_t i = 0; i < KEPT_COUNT; i++)
		if (kept[i] != NULL)
			heap_give(kept[i]);
	words_finish(&vocabulary);
}

void text_run(struct run *run)
{
	crew_run(run, text_work);
}
