/* SPDX-License-Identifier: MIT */
/*
 * allot list: the strategies and the keys of the configuration, as the library knows them.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <allot/allot.h>

#include "argument.h"
#include "conf.h"
#include "help.h"
#include "json.h"
#include "notice.h"

enum {
	NAME_COLUMNS = 14,
	LABEL_COLUMNS = 12,
	VALUE_COLUMN = 2 + NAME_COLUMNS + LABEL_COLUMNS,
	VALUE_BYTES = 64,
	SIZE_BYTES = 48,
	UNIT_STEP = 1024,
};

/* `bytes` in the largest unit, and in full where that is not exact. */
static const char *size_text(char text[SIZE_BYTES], size_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	size_t unit = 0, unit_bytes = 1;

	if (bytes == SIZE_MAX)
		return "no limit";
	for (; bytes / unit_bytes >= UNIT_STEP; unit_bytes *= UNIT_STEP)
		unit++;
	if (bytes % unit_bytes == 0)
		snprintf(text, SIZE_BYTES, "%zu %s", bytes / unit_bytes, units[unit]);
	else
		snprintf(text, SIZE_BYTES, "%zu B (%.1f %s)", bytes,
			 (double)bytes / (double)unit_bytes, units[unit]);
	return text;
}

static void label_write(const char *label)
{
	printf("%*s%-*s", NAME_COLUMNS + 2, "", LABEL_COLUMNS, label);
}

static void words_write(const char *label, const char *const *words)
{
	if (words == NULL || words[0] == NULL)
		return;
	label_write(label);
	for (size_t i = 0; words[i] != NULL; i++)
		printf("%s%s", i > 0 ? ", " : "", words[i]);
	putchar('\n');
}

static void size_write(const char *label, size_t bytes)
{
	char text[SIZE_BYTES];

	label_write(label);
	puts(size_text(text, bytes));
}

static void strategy_write(const struct allot_strategy *strategy)
{
	printf("  %-*s", NAME_COLUMNS, strategy->name);
	help_wrap(stdout, strategy->summary, NAME_COLUMNS + 2, NAME_COLUMNS + 2);
	label_write("work");
	help_wrap(stdout, strategy->bound, VALUE_COLUMN, VALUE_COLUMN);
	words_write("fit", strategy->fits);
	words_write("order", strategy->orders);
	words_write("coalesce", strategy->coalescings);
	size_write("block from", strategy->block_bytes_min);
	size_write("region from", strategy->region_bytes_min);
	size_write("request to", strategy->request_bytes_max);
}

static void option_write(const struct allot_option *option)
{
	char value[VALUE_BYTES];
	const char *position = NULL;
	const char *separator = "";

	printf("  %-*s", NAME_COLUMNS, option->key);
	if (strlen(option->key) >= NAME_COLUMNS)
		printf("\n  %*s", NAME_COLUMNS, "");
	help_wrap(stdout, option->help, NAME_COLUMNS + 2, NAME_COLUMNS + 2);
	label_write(conf_type_name(option->type));
	while ((position = conf_value_next(option, position, value, sizeof(value))) != NULL) {
		printf("%s%s", separator, value);
		separator = ", ";
	}
	if (separator[0] == '\0')
		fputs(option->values, stdout);
	printf("\n");
	label_write("default");
	puts(option->default_value[0] != '\0' ? option->default_value : "none");
}

static void text_write(void)
{
	struct allot_strategy strategy;
	size_t count;
	const struct allot_option *options = allot_options(&count);

	puts("strategies, the default first");
	for (size_t i = 0; allot_strategy_get(i, &strategy); i++)
		strategy_write(&strategy);
	puts("\nkeys of ALLOT_CONF and " CONF_FILE ", written key:value,key:value");
	for (size_t i = 0; i < count; i++)
		option_write(&options[i]);
}

static void json_words(struct json *json, const char *key, const char *const *words)
{
	json_open(json, key, '[');
	for (size_t i = 0; words != NULL && words[i] != NULL; i++)
		json_text(json, NULL, words[i]);
	json_close(json, '[');
}

/* Sizes beyond what JSON readers keep exact mean no limit. */
static void json_size(struct json *json, const char *key, size_t bytes)
{
	static const uint64_t exact_max = UINT64_C(1) << 53;

	if (bytes > exact_max)
		json_text(json, key, NULL);
	else
		json_number(json, key, (int64_t)bytes);
}

static void json_strategy(struct json *json, const struct allot_strategy *strategy, bool is_default)
{
	json_open(json, NULL, '{');
	json_text(json, "name", strategy->name);
	json_bool(json, "default", is_default);
	json_text(json, "summary", strategy->summary);
	json_text(json, "bound", strategy->bound);
	json_words(json, "fit", strategy->fits);
	json_words(json, "order", strategy->orders);
	json_words(json, "coalesce", strategy->coalescings);
	json_size(json, "block_bytes_min", strategy->block_bytes_min);
	json_size(json, "region_bytes_min", strategy->region_bytes_min);
	json_size(json, "request_bytes_max", strategy->request_bytes_max);
	json_close(json, '{');
}

static void json_option(struct json *json, const struct allot_option *option)
{
	char value[VALUE_BYTES];
	const char *position = NULL;

	json_open(json, NULL, '{');
	json_text(json, "key", option->key);
	json_text(json, "type", conf_type_name(option->type));
	json_open(json, "values", '[');
	while ((position = conf_value_next(option, position, value, sizeof(value))) != NULL)
		json_text(json, NULL, value);
	json_close(json, '[');
	json_text(json, "default", option->default_value);
	json_text(json, "help", option->help);
	json_bool(json, "is_heap_option", option->is_heap_option);
	json_close(json, '{');
}

static void json_write(void)
{
	struct json json = { .out = stdout };
	struct allot_strategy strategy;
	size_t count;
	const struct allot_option *options = allot_options(&count);

	json_open(&json, NULL, '{');
	json_text(&json, "schema", "allot.list/1");
	json_text(&json, "version", allot_version());
	json_open(&json, "strategies", '[');
	for (size_t i = 0; allot_strategy_get(i, &strategy); i++)
		json_strategy(&json, &strategy, i == 0);
	json_close(&json, '[');
	json_open(&json, "options", '[');
	for (size_t i = 0; i < count; i++)
		json_option(&json, &options[i]);
	json_close(&json, '[');
	json_close(&json, '{');
}

int list_main(int argc, char **argv)
{
	struct argument_scan scan;
	const struct command_option *option;
	bool is_json = false;

	argument_init(&scan, &command_list, argc, argv);
	while ((option = argument_next(&scan)) != NULL)
		is_json = true;
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	if (scan.index < argc)
		return argument_refuse(&scan, NULL, "'%s' is one word too many", argv[scan.index]);

	if (is_json) {
		json_write();
	} else {
		text_write();
		notice_next(command_list.next);
	}
	return STATUS_OK;
}
