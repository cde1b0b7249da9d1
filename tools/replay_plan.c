/* SPDX-License-Identifier: MIT */
/*
 * Replay, the plan: from words to configurations.
 *
 * Without a word: how it was recorded, the default, each strategy by itself, and glibc. A strategy
 * named stands for itself, with front:off, as the textbooks have it; "all" for every strategy with
 * every policy it can be given. Two rows never have the same configuration on the same heap.
 */
#include "replay_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <allot/allot.h>

#include "conf.h"
#include "word.h"

static const char word_recorded[] = "recorded";
static const char word_default[] = "default";
static const char word_glibc[] = "glibc";
static const char word_all[] = "all";
static const char front_off[] = "front:off";

struct plan {
	struct replay_run *run;
	const struct replay_request *request;
	const struct trace_info *info;
	bool is_out_of_memory;
};

/* Keys that say what a heap does, not what it writes or records. */
static bool key_matters(const char *key, size_t length)
{
	static const char *const keys[] = {
		"strategy", "front", "fit", "order", "coalesce", "source", "mmap_threshold",
		"trim_threshold", "arenas", "huge_pages", "realloc_zero", "purge_delay_ms",
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strlen(keys[i]) == length && strncmp(keys[i], key, length) == 0)
			return true;
	return false;
}

/* Copy the pairs of `conf` that matter, but those that say what is so anyway. */
static void conf_reduce(char out[REPLAY_CONF_BYTES], const char *conf)
{
	size_t used = 0;

	out[0] = '\0';
	while (*conf != '\0') {
		size_t length = strcspn(conf, ",\n"), key = strcspn(conf, ":");
		bool is_default = (length == 8 && strncmp(conf, "front:on", 8) == 0) ||
				  (length == 14 && strncmp(conf, "huge_pages:off", 14) == 0) ||
				  (length == 19 && strncmp(conf, "strategy:segregated", 19) == 0);
		if (key < length && key_matters(conf, key) && !is_default &&
		    used + length + 2 < REPLAY_CONF_BYTES)
			used += (size_t)sprintf(out + used, "%s%.*s", used > 0 ? "," : "",
						(int)length, conf);
		conf += length + (conf[length] != '\0');
	}
}

/* The value of `key` in `conf`, or `otherwise`. */
static void conf_value(char *out, size_t out_bytes, const char *conf, const char *key,
		       const char *otherwise)
{
	size_t key_bytes = strlen(key);

	snprintf(out, out_bytes, "%s", otherwise);
	for (; *conf != '\0'; conf += strcspn(conf, ",") + (strchr(conf, ',') != NULL))
		if (strncmp(conf, key, key_bytes) == 0 && conf[key_bytes] == ':')
			snprintf(out, out_bytes, "%.*s",
				 (int)(strcspn(conf, ",") - key_bytes - 1), conf + key_bytes + 1);
}

static struct replay_row *row_add(struct plan *plan, enum replay_row_kind kind, const char *name)
{
	struct replay_row *row = replay_run_add(plan->run);

	if (row == NULL) {
		plan->is_out_of_memory = true;
		return NULL;
	}
	row->kind = kind;
	snprintf(row->name, sizeof(row->name), "%s", name);
	return row;
}

/* A heap of ours, unless there is a row of it. */
static void heap_add(struct plan *plan, const char *name, const char *conf, bool is_recorded)
{
	enum replay_row_kind kind =
		plan->request->is_on_model ? REPLAY_ROW_MODEL : REPLAY_ROW_ALLOT;
	char reduced[REPLAY_CONF_BYTES], first[REPLAY_NAME_BYTES];
	struct allot_strategy strategy;

	conf_reduce(reduced, conf);
	conf_value(first, sizeof(first), reduced, "front", "on");
	if (kind == REPLAY_ROW_MODEL && strcmp(first, "off") != 0) {
		/* What is asked of the model is asked of a strategy; a recording is what it is. */
		if (is_recorded || strlen(reduced) + sizeof(front_off) + 1 > sizeof(reduced))
			return;
		snprintf(reduced + strlen(reduced), sizeof(reduced) - strlen(reduced), "%s%s",
			 reduced[0] != '\0' ? "," : "", front_off);
	}
	for (size_t i = 0; i < plan->run->row_count; i++)
		if (plan->run->rows[i]->kind == kind &&
		    strcmp(plan->run->rows[i]->conf, reduced) == 0)
			return;
	snprintf(first, sizeof(first), "%s", allot_strategy_get(0, &strategy) ? strategy.name : "");
	struct replay_row *row = row_add(plan, kind, name);
	if (row == NULL)
		return;
	row->is_recorded = is_recorded;
	snprintf(row->conf, sizeof(row->conf), "%s", reduced);
	conf_value(row->strategy, sizeof(row->strategy), reduced, "strategy", first);
}

static bool is_of_allot(const struct plan *plan)
{
	return strncmp(plan->info->format, "allot", strlen("allot")) == 0;
}

static void recorded_add(struct plan *plan)
{
	if (is_of_allot(plan))
		heap_add(plan, word_recorded, plan->info->conf, true);
}

static void library_add(struct plan *plan, const char *name, const char *path)
{
	struct replay_row *row = row_add(plan, REPLAY_ROW_LIBRARY, name);

	if (row != NULL)
		snprintf(row->library, sizeof(row->library), "%s", path);
}

/* A word of a list: NULL stands for no choice, and is there once. */
static size_t words_count(const char *const *words)
{
	size_t count = 0;

	while (words[count] != NULL)
		count++;
	return count > 0 ? count : 1;
}

static void policy_append(char *conf, char *name, const char *key, const char *const *words,
			  size_t index)
{
	if (words[0] == NULL || index == 0)
		return;
	sprintf(conf + strlen(conf), ",%s:%s", key, words[index]);
	sprintf(name + strlen(name), " %s", words[index]);
}

/* The strategy by itself, with each of its policies when `is_every`. */
static void strategy_add(struct plan *plan, const struct allot_strategy *strategy, bool is_every)
{
	size_t fits = is_every ? words_count(strategy->fits) : 1;
	size_t orders = is_every ? words_count(strategy->orders) : 1;
	size_t coalescings = is_every ? words_count(strategy->coalescings) : 1;

	for (size_t i = 0; i < fits * orders * coalescings; i++) {
		char conf[REPLAY_TEXT_BYTES], name[REPLAY_TEXT_BYTES];
		snprintf(conf, sizeof(conf), "strategy:%s,%s", strategy->name, front_off);
		snprintf(name, sizeof(name), "%s", strategy->name);
		policy_append(conf, name, "fit", strategy->fits, i % fits);
		policy_append(conf, name, "order", strategy->orders, i / fits % orders);
		policy_append(conf, name, "coalesce", strategy->coalescings, i / fits / orders);
		heap_add(plan, name, conf, false);
	}
}

static bool strategy_find(const char *word, struct allot_strategy *out)
{
	for (size_t i = 0; allot_strategy_get(i, out); i++)
		if (strcmp(out->name, word) == 0)
			return true;
	return false;
}

static void strategies_add(struct plan *plan, bool is_every)
{
	struct allot_strategy strategy;

	for (size_t i = 0; allot_strategy_get(i, &strategy); i++)
		strategy_add(plan, &strategy, is_every);
}

static void everything_add(struct plan *plan, bool is_every)
{
	recorded_add(plan);
	if (!plan->request->is_on_model)
		heap_add(plan, word_default, "", false);
	strategies_add(plan, is_every);
	if (!plan->request->is_on_model)
		library_add(plan, word_glibc, "");
}

static void word_near(const char *word, char meant[REPLAY_TEXT_BYTES])
{
	struct word_match match;
	struct allot_strategy strategy;

	word_match_init(&match, word);
	for (size_t i = 0; allot_strategy_get(i, &strategy); i++)
		word_match_offer(&match, strategy.name);
	word_match_offer(&match, word_all);
	word_match_offer(&match, word_recorded);
	word_match_offer(&match, word_default);
	word_match_offer(&match, word_glibc);
	snprintf(meant, REPLAY_TEXT_BYTES, "%s", match.nearest);
}

static bool word_add(struct plan *plan, const char *word)
{
	struct allot_strategy strategy;

	if (strcmp(word, word_all) == 0)
		everything_add(plan, true);
	else if (strcmp(word, word_recorded) == 0)
		recorded_add(plan);
	else if (strcmp(word, word_default) == 0)
		heap_add(plan, word_default, "", false);
	else if (strcmp(word, word_glibc) == 0)
		library_add(plan, word_glibc, "");
	else if (strategy_find(word, &strategy))
		strategy_add(plan, &strategy, false);
	else
		return false;
	return true;
}

static bool words_add(struct plan *plan, const char *list, char *message, size_t message_bytes,
		      char meant[REPLAY_TEXT_BYTES])
{
	char word[WORD_BYTES_MAX];

	while (*list != '\0') {
		size_t length = strcspn(list, ",");
		snprintf(word, sizeof(word), "%.*s", (int)length, list);
		if (!word_add(plan, word)) {
			snprintf(message, message_bytes, "no strategy '%s'", word);
			word_near(word, meant);
			return false;
		}
		list += length + (list[length] != '\0');
	}
	return true;
}

static bool confs_add(struct plan *plan, char *message, size_t message_bytes)
{
	for (size_t i = 0; i < plan->request->conf_count; i++) {
		const char *conf = plan->request->confs[i];
		if (!allot_conf_check(conf, message, message_bytes))
			return false;
		heap_add(plan, conf, conf, false);
	}
	return true;
}

static bool libraries_add(struct plan *plan, char *message, size_t message_bytes)
{
	for (size_t i = 0; i < plan->request->library_count; i++) {
		const char *word = plan->request->libraries[i], *path = strchr(word, '=');
		char name[REPLAY_NAME_BYTES], whole[PATH_MAX];
		if (path == NULL || path == word) {
			snprintf(message, message_bytes, "--with %s: NAME=LIB is wanted", word);
			return false;
		}
		snprintf(name, sizeof(name), "%.*s", (int)(path - word), word);
		if (realpath(path + 1, whole) == NULL || strpbrk(whole, " :") != NULL) {
			snprintf(message, message_bytes, "--with %s: no library there that "
				 "LD_PRELOAD can name", word);
			return false;
		}
		library_add(plan, name, whole);
	}
	return true;
}

bool replay_plan(struct replay_run *run, const struct replay_request *request,
		 const struct trace_info *info, char *message, size_t message_bytes,
		 char meant[REPLAY_TEXT_BYTES])
{
	struct plan plan = { .run = run, .request = request, .info = info };

	meant[0] = '\0';
	if (is_of_allot(&plan))
		row_add(&plan, REPLAY_ROW_RECORDING, "as it ran");
	if (request->strategies != NULL) {
		if (!words_add(&plan, request->strategies, message, message_bytes, meant))
			return false;
	} else if (request->conf_count + request->library_count == 0) {
		everything_add(&plan, false);
	} else {
		recorded_add(&plan);
	}
	if (!confs_add(&plan, message, message_bytes) ||
	    !libraries_add(&plan, message, message_bytes))
		return false;
	if (!request->is_on_model)
		row_add(&plan, REPLAY_ROW_LOOP, "no allocator");
	if (plan.is_out_of_memory)
		snprintf(message, message_bytes, "no memory");
	return !plan.is_out_of_memory;
}

bool replay_plan_is_in_shard(unsigned index, unsigned number, unsigned count)
{
	return count == 0 || index % count == number - 1;
}
