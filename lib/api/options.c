/* SPDX-License-Identifier: MIT */
/*
 * The table of options and its reader. See options.h. The table is public (allot_options()), so
 * that the command's help, manual pages and completion are made from it and cannot differ.
 */
#include "api/options.h"

#include <stddef.h>
#include <string.h>

#include "allot/allot.h"
#include "base/bits.h"
#include "base/compiler.h"

enum {
	ARENAS_DEFAULT = 32, /* made on contention only, so this is a bound, not a number */
	ARENAS_MAX = 1024,
	STRATEGY_WORDS_BYTES_MAX = 128,
};

#define ARENAS_DEFAULT_TEXT "32"

enum {
	TRACE_DEPTH_DEFAULT = 64,
	TRACE_DEPTH_MAX = 250,
	TRACE_INTERVAL_DEFAULT_MS = 50,
};

#define TRACE_DEPTH_DEFAULT_TEXT "64"
#define TRACE_INTERVAL_DEFAULT_TEXT "50"

enum key {
	KEY_STRATEGY,
	KEY_FRONT,
	KEY_FIT,
	KEY_ORDER,
	KEY_COALESCE,
	KEY_SOURCE,
	KEY_MMAP_THRESHOLD,
	KEY_TRIM_THRESHOLD,
	KEY_ARENAS,
	KEY_HUGE_PAGES,
	KEY_CHECK,
	KEY_ON_ERROR,
	KEY_REALLOC_ZERO,
	KEY_STATS,
	KEY_STATS_FORMAT,
	KEY_TRACE,
	KEY_TRACE_DEPTH,
	KEY_TRACE_SAMPLE,
	KEY_TRACE_INTERVAL,
	KEY_ABORT_CONF,
	KEY_VERBOSE,
	KEY_HELP,
	KEYS,
};

#define STRATEGY(name) "|" #name
static const char strategy_words[] =
#include "strategy/strategies.def"
	;
#undef STRATEGY

static const struct allot_option table[KEYS] = {
	[KEY_STRATEGY] = {"strategy", ALLOT_OPTION_WORD, strategy_words + 1, "segregated",
			  "The algorithm that finds, splits and merges blocks.", true},
	[KEY_FRONT] = {"front", ALLOT_OPTION_WORD, "on|off", "on",
		       "Small objects in slabs by thread; off: all sizes go to the strategy.",
		       true},
	[KEY_FIT] = {"fit", ALLOT_OPTION_WORD, "first|next|best", "the strategy's",
		     "Which free block is taken, where the strategy has a choice.", true},
	[KEY_ORDER] = {"order", ALLOT_OPTION_WORD, "lifo|address", "the strategy's",
		       "Where a freed block goes in a list: in front, or by its address.", true},
	[KEY_COALESCE] = {"coalesce", ALLOT_OPTION_WORD, "immediate|deferred", "the strategy's",
			  "When free neighbours are merged: on free, or when a request misses.",
			  true},
	[KEY_SOURCE] = {"source", ALLOT_OPTION_WORD, "mmap|sbrk", "mmap",
			"Where heap pages come from.", true},
	[KEY_MMAP_THRESHOLD] = {"mmap_threshold", ALLOT_OPTION_SIZE, "SIZE", "dynamic from 128k",
				"Requests from this size on get a mapping of their own.", true},
	[KEY_TRIM_THRESHOLD] = {"trim_threshold", ALLOT_OPTION_SIZE, "SIZE",
				"256k",
				"Free pages beyond this many bytes are given back, if that lasts.",
				true},
	[KEY_ARENAS] = {"arenas", ALLOT_OPTION_COUNT, "COUNT", ARENAS_DEFAULT_TEXT,
			"At most this many heaps side by side, made when threads contend.", false},
	[KEY_HUGE_PAGES] = {"huge_pages", ALLOT_OPTION_WORD, "on|off", "on",
			    "Ask for huge pages where a heap with front:on grows beyond 16 MiB, "
			    "and is not recorded.",
			    false},
	[KEY_CHECK] = {"check", ALLOT_OPTION_BOOL, "true|false", "false",
		       "Prove every invariant of the heap after each call (very slow).", true},
	[KEY_ON_ERROR] = {"on_error", ALLOT_OPTION_WORD, "abort|log", "abort",
			  "After a double free, bad pointer or broken tag: end, or go on.", true},
	[KEY_REALLOC_ZERO] = {"realloc_zero", ALLOT_OPTION_WORD, "free|alloc|abort", "free",
			      "What realloc(p, 0) does: free p as glibc does, keep a block, abort.",
			      false},
	[KEY_STATS] = {"stats", ALLOT_OPTION_TEXT, "stderr|FILE", "none",
		       "Print statistics at exit, to standard error or appended to a file.", false},
	[KEY_STATS_FORMAT] = {"stats_format", ALLOT_OPTION_WORD, "text|json", "text",
			      "How statistics are written.", false},
	[KEY_TRACE] = {"trace", ALLOT_OPTION_TEXT, "FILE", "none",
		       "Record what is asked of the heap; %p in FILE is the process, %e the "
		       "program as it was called, %t the time. No file is overwritten: the name "
		       "gets a number more.",
		       false},
	[KEY_TRACE_DEPTH] = {"trace_depth", ALLOT_OPTION_COUNT, "COUNT", TRACE_DEPTH_DEFAULT_TEXT,
			     "Frames that are recorded of a stack; 0: no stacks.", false},
	[KEY_TRACE_SAMPLE] = {"trace_sample", ALLOT_OPTION_SIZE, "SIZE", "0",
			      "Record a stack once in so many allocated bytes; 0: every time.",
			      false},
	[KEY_TRACE_INTERVAL] = {"trace_interval_ms", ALLOT_OPTION_COUNT, "COUNT",
				TRACE_INTERVAL_DEFAULT_TEXT,
				"How often resident pages are looked at, at most.", false},
	[KEY_ABORT_CONF] = {"abort_conf", ALLOT_OPTION_BOOL, "true|false", "false",
			    "Make a wrong option end the process instead of being ignored.", false},
	[KEY_VERBOSE] = {"verbose", ALLOT_OPTION_BOOL, "true|false", "false",
			 "Say on standard error what was decided at start-up.", false},
	[KEY_HELP] = {"help", ALLOT_OPTION_BOOL, "true|false", "false",
		      "Print this table on standard error.", false},
};

const struct allot_option *allot_options(size_t *out_count)
{
	*out_count = KEYS;
	return table;
}

void options_init(struct options *options)
{
	*options = (struct options){
		.strategy = strategies[0],
		.has_front = true,
		.has_huge_pages = true,
		.arenas = ARENAS_DEFAULT,
		.trace_depth = TRACE_DEPTH_DEFAULT,
		.trace_interval_ms = TRACE_INTERVAL_DEFAULT_MS,
	};
}

void options_help(void (*print)(const struct text *line))
{
	static const char *const types[] = {
		[ALLOT_OPTION_WORD] = "word", [ALLOT_OPTION_SIZE] = "size",
		[ALLOT_OPTION_COUNT] = "count", [ALLOT_OPTION_BOOL] = "bool",
		[ALLOT_OPTION_TEXT] = "text",
	};
	for (size_t i = 0; i < KEYS; i++) {
		char chars[512];
		struct text line;
		text_init(&line, chars, sizeof(chars));
		text_format(&line, "%s:%s (%s, default %s) %s", table[i].key, table[i].values,
			    types[table[i].type], table[i].default_value, table[i].help);
		print(&line);
	}
}

/* ---- words ---- */

/* A piece of the configuration. */
struct word {
	const char *chars;
	size_t length;
};

static bool word_is(struct word word, const char *string)
{
	return string_is(word.chars, word.length, string);
}

/* The index of `word` among the alternatives "a|b|c", or -1. */
static int word_index(struct word word, const char *alternatives)
{
	for (int index = 0;; index++) {
		size_t length = strcspn(alternatives, "|");
		if (length == word.length && memcmp(alternatives, word.chars, length) == 0)
			return index;
		if (alternatives[length] == '\0')
			return -1;
		alternatives += length + 1;
	}
}

/* Remembers the candidate nearest to a word. */
struct nearest {
	struct word word;
	size_t distance;
	char name[OPTION_WORD_BYTES_MAX];
};

static void nearest_try(struct nearest *nearest, const char *chars, size_t length)
{
	char name[OPTION_WORD_BYTES_MAX];
	if (length >= sizeof(name))
		return;
	memcpy(name, chars, length);
	name[length] = '\0';
	size_t distance = string_distance(nearest->word.chars, nearest->word.length, name);
	if (distance < nearest->distance) {
		nearest->distance = distance;
		memcpy(nearest->name, name, length + 1);
	}
}

/* ", did you mean 'x'?" when x is near enough to be meant, else what is valid. */
static void suggest(struct nearest *nearest, struct text *message, const char *valid)
{
	if (nearest->distance <= size_max(2, nearest->word.length / 2))
		text_format(message, ", did you mean '%s'? (valid: %s)", nearest->name, valid);
	else
		text_format(message, " (valid: %s)", valid);
}

static bool wrong_value(const struct allot_option *option, struct word value,
			struct text *message)
{
	struct nearest nearest = {.word = value, .distance = SIZE_MAX};
	text_format(message, "option %s: no value '", option->key);
	text_bytes(message, value.chars, value.length);
	text_string(message, "'");
	if (option->type == ALLOT_OPTION_WORD || option->type == ALLOT_OPTION_BOOL) {
		for (const char *v = option->values; *v != '\0';) {
			size_t length = strcspn(v, "|");
			nearest_try(&nearest, v, length);
			v += length + (v[length] == '|');
		}
	}
	suggest(&nearest, message, option->values);
	return false;
}

static bool wrong_key(struct word key, bool heap_only, struct text *message)
{
	struct nearest nearest = {.word = key, .distance = SIZE_MAX};
	char valid_chars[256];
	struct text valid;
	text_init(&valid, valid_chars, sizeof(valid_chars));
	for (size_t i = 0; i < KEYS; i++) {
		if (heap_only && !table[i].is_heap_option)
			continue;
		nearest_try(&nearest, table[i].key, strlen(table[i].key));
		text_string(&valid, valid.length > 0 ? "|" : "");
		text_string(&valid, table[i].key);
	}
	text_string(message, "no option '");
	text_bytes(message, key.chars, key.length);
	text_string(message, "'");
	suggest(&nearest, message, valid_chars);
	return false;
}

/* Digits with an optional k, m or g. */
static bool size_read(struct word value, bool takes_unit, size_t *out)
{
	size_t size = 0;
	size_t i = 0;
	for (; i < value.length && value.chars[i] >= '0' && value.chars[i] <= '9'; i++) {
		if (!size_multiply(size, 10, &size) ||
		    !size_add(size, (size_t)(value.chars[i] - '0'), &size))
			return false;
	}
	if (i == 0)
		return false;
	if (takes_unit && i + 1 == value.length) {
		static const char units[] = "kmgKMG";
		const char *unit = memchr(units, value.chars[i], sizeof(units) - 1);
		if (unit == NULL || !size_multiply(size, (size_t)1 << ((unit - units) % 3 + 1) * 10,
						   &size))
			return false;
		i++;
	}
	*out = size;
	return i == value.length;
}

/* ---- setting ---- */

static bool set_strategy(struct options *options, int index)
{
	options->strategy = strategies[index];
	return true;
}

/* Set a key of type word or bool, `index` being the value's place among its words. */
static bool set_word(struct options *options, enum key key, int index)
{
	bool is_true = index == 0; /* "true|false" */
	bool is_on = index == 0;   /* "on|off" */
	switch (key) {
	case KEY_STRATEGY:
		return set_strategy(options, index);
	case KEY_FIT:
		options->policy.fit = (enum fit)index;
		return options->has_fit = true;
	case KEY_ORDER:
		options->policy.order = (enum order)index;
		return options->has_order = true;
	case KEY_COALESCE:
		options->policy.coalesce = (enum coalesce)index;
		return options->has_coalesce = true;
	case KEY_FRONT:
		options->has_front = is_on;
		break;
	case KEY_HUGE_PAGES:
		options->has_huge_pages = is_on;
		break;
	case KEY_SOURCE:
		options->source = (enum option_source)index;
		break;
	case KEY_ON_ERROR:
		options->on_error = (enum option_error)index;
		break;
	case KEY_REALLOC_ZERO:
		options->realloc_zero = (enum option_zero)index;
		break;
	case KEY_STATS_FORMAT:
		options->stats_are_json = index == 1;
		break;
	case KEY_CHECK:
		options->check = is_true;
		break;
	case KEY_ABORT_CONF:
		options->abort_conf = is_true;
		break;
	case KEY_VERBOSE:
		options->verbose = is_true;
		break;
	case KEY_HELP:
		options->help = is_true;
		break;
	default:
		break;
	}
	return true;
}

static bool set_size(struct options *options, enum key key, size_t size)
{
	switch (key) {
	case KEY_MMAP_THRESHOLD:
		options->mmap_threshold_bytes = size_max(size, 1);
		return true;
	case KEY_TRIM_THRESHOLD:
		options->trim_threshold_bytes = size_max(size, 1);
		return true;
	case KEY_ARENAS:
		options->arenas = size;
		return size >= 1 && size <= ARENAS_MAX;
	case KEY_TRACE_DEPTH:
		options->trace_depth = size;
		return size <= TRACE_DEPTH_MAX;
	case KEY_TRACE_SAMPLE:
		options->trace_sample_bytes = size;
		return true;
	case KEY_TRACE_INTERVAL:
		options->trace_interval_ms = size;
		return size >= 1;
	default:
		return false;
	}
}

static bool set_text(struct options *options, enum key key, struct word value)
{
	char *text = key == KEY_TRACE ? options->trace : options->stats;
	if (value.length == 0 || value.length >= OPTION_TEXT_BYTES_MAX)
		return false;
	memcpy(text, value.chars, value.length);
	text[value.length] = '\0';
	return true;
}

static bool option_set(struct options *options, enum key key, struct word value)
{
	size_t size;
	int index;
	switch (table[key].type) {
	case ALLOT_OPTION_WORD:
	case ALLOT_OPTION_BOOL:
		index = word_index(value, table[key].values);
		return index >= 0 && set_word(options, key, index);
	case ALLOT_OPTION_SIZE:
	case ALLOT_OPTION_COUNT:
		return size_read(value, table[key].type == ALLOT_OPTION_SIZE, &size) &&
		       set_size(options, key, size);
	case ALLOT_OPTION_TEXT:
		return set_text(options, key, value);
	}
	return false;
}

static bool pair_read(struct options *options, struct word pair, bool heap_only,
		      struct text *message)
{
	const char *colon = memchr(pair.chars, ':', pair.length);
	struct word key = {pair.chars, colon == NULL ? pair.length : (size_t)(colon - pair.chars)};
	for (int i = 0; i < KEYS; i++) {
		if (!word_is(key, table[i].key) || (heap_only && !table[i].is_heap_option))
			continue;
		struct word value = {pair.chars + key.length, 0};
		if (colon != NULL)
			value = (struct word){colon + 1, pair.length - key.length - 1};
		if (i == KEY_FRONT && heap_only && word_is(value, "on")) {
			text_string(message, "option front: a heap of its own has no front end "
					     "(valid: off)");
			return false;
		}
		return option_set(options, (enum key)i, value) ||
		       wrong_value(&table[i], value, message);
	}
	return wrong_key(key, heap_only, message);
}

bool options_read(struct options *options, const char *conf, size_t length, bool heap_only,
		  struct text *message)
{
	bool is_right = true;
	char unused_chars[1];
	struct text unused;
	text_init(&unused, unused_chars, sizeof(unused_chars));
	for (const char *end = conf + length; conf < end;) {
		size_t span = 0;
		/* A comment, which a file may have, goes to the end of its line. */
		const char *separators = *conf == '#' ? "\n" : ",\n";
		while (conf + span < end && strchr(separators, conf[span]) == NULL)
			span++;
		struct word pair = {conf, span};
		while (pair.length > 0 && strchr(" \t", *pair.chars) != NULL)
			pair.chars++, pair.length--;
		while (pair.length > 0 && strchr(" \t", pair.chars[pair.length - 1]) != NULL)
			pair.length--;
		/* Only the first wrong word is described. */
		if (pair.length > 0 && *pair.chars != '#' &&
		    !pair_read(options, pair, heap_only, is_right ? message : &unused))
			is_right = false;
		conf += span + 1;
	}
	return is_right;
}

/* ---- policies ---- */

/* Is the chosen policy `value` among `has`? If not, say so. */
static bool policy_settle(const struct options *options, enum key key, unsigned has,
			  unsigned value, struct text *message)
{
	if (has >> value & 1)
		return true;
	text_format(message, "strategy %s has no choice of '%s' like that", options->strategy->name,
		    table[key].key);
	return false;
}

bool options_settle(struct options *options, struct text *message)
{
	const struct strategy *strategy = options->strategy;
	struct strategy_policy *policy = &options->policy;
	const struct strategy_policy *defaults = &strategy->default_policy;
	bool is_right = true;
	if (options->has_fit &&
	    !policy_settle(options, KEY_FIT, strategy->fits, policy->fit, message))
		is_right = options->has_fit = false;
	if (options->has_order &&
	    !policy_settle(options, KEY_ORDER, strategy->orders, policy->order, message))
		is_right = options->has_order = false;
	if (options->has_coalesce && !policy_settle(options, KEY_COALESCE, strategy->coalescings,
						    policy->coalesce, message))
		is_right = options->has_coalesce = false;
	policy->fit = options->has_fit ? policy->fit : defaults->fit;
	policy->order = options->has_order ? policy->order : defaults->order;
	policy->coalesce = options->has_coalesce ? policy->coalesce : defaults->coalesce;
	return is_right;
}

static void write_pair(struct text *text, enum key key, const char *value, size_t length)
{
	text_string(text, text->length > 0 ? "," : "");
	text_string(text, table[key].key);
	text_string(text, ":");
	text_bytes(text, value, length);
}

/* The `index`-th of the words a key may have. */
static void write_word(struct text *text, enum key key, unsigned index)
{
	const char *word = table[key].values;
	for (; index > 0; index--)
		word += strcspn(word, "|") + 1;
	write_pair(text, key, word, strcspn(word, "|"));
}

static void write_size(struct text *text, enum key key, size_t size)
{
	if (size == 0)
		return;
	write_pair(text, key, "", 0);
	text_decimal(text, size);
}

void options_write(const struct options *options, struct text *text)
{
	const struct strategy *strategy = options->strategy;
	write_pair(text, KEY_STRATEGY, strategy->name, strlen(strategy->name));
	write_word(text, KEY_FRONT, options->has_front ? 0 : 1);
	if (strategy->fits != 0)
		write_word(text, KEY_FIT, options->policy.fit);
	if (strategy->orders != 0)
		write_word(text, KEY_ORDER, options->policy.order);
	if (strategy->coalescings != 0)
		write_word(text, KEY_COALESCE, options->policy.coalesce);
	write_word(text, KEY_SOURCE, options->source);
	write_size(text, KEY_MMAP_THRESHOLD, options->mmap_threshold_bytes);
	write_size(text, KEY_TRIM_THRESHOLD, options->trim_threshold_bytes);
	write_size(text, KEY_ARENAS, options->arenas);
	write_word(text, KEY_HUGE_PAGES, options->has_huge_pages ? 0 : 1);
}

bool allot_conf_check(const char *conf, char *message, size_t message_bytes)
{
	struct options options;
	struct text text;
	text_init(&text, message, message_bytes);
	options_init(&options);
	return options_read(&options, conf, strlen(conf), false, &text) &&
	       options_settle(&options, &text);
}
