/* SPDX-License-Identifier: MIT */
/*
 * The property run from the command line.
 *
 *     property --strategy S [--fit F] [--order O] [--coalesce C] [--source mmap|sbrk|buffer]
 *              [--conf K:V,...] [--operations N] [--seed S] [--heap small|big]
 *
 * Exit status 0: every property held; 1: one did not, and a line says which, with the command
 * that shows it again; 2: usage.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "property.h"

enum { STATUS_FAILED = 1, STATUS_USAGE = 2 };

static int usage(const char *program)
{
	fprintf(stderr,
		"usage: %s --strategy S [--fit F] [--order O] [--coalesce C]\n"
		"       [--source mmap|sbrk|buffer] [--conf K:V,...] [--operations N] [--seed S]\n"
		"       [--heap small|big]\n",
		program);
	return STATUS_USAGE;
}

static bool option_set(struct property_options *options, const char *name, const char *value)
{
	const struct {
		const char *name;
		const char **text;
	} texts[] = {
		{"--strategy", &options->choice.strategy}, {"--fit", &options->choice.fit},
		{"--order", &options->choice.order}, {"--coalesce", &options->choice.coalesce},
		{"--source", &options->source}, {"--conf", &options->extra},
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(name, texts[i].name) == 0) {
			*texts[i].text = value;
			return true;
		}
	}
	if (strcmp(name, "--heap") == 0) {
		options->is_big = strcmp(value, "big") == 0;
		return options->is_big || strcmp(value, "small") == 0;
	}
	char *end;
	unsigned long long number = strtoull(value, &end, 0);
	if (*value == '\0' || *end != '\0')
		return false;
	if (strcmp(name, "--operations") == 0)
		options->operations = number;
	else if (strcmp(name, "--seed") == 0)
		options->seed = number;
	else
		return false;
	return true;
}

static void print_command(char **arguments)
{
	for (size_t i = 0; arguments[i] != NULL; i++)
		printf("%s%s", i > 0 ? " " : "", arguments[i]);
}

int main(int count, char **arguments)
{
	struct property_options options = {.source = "mmap", .operations = 10000, .seed = 1};
	struct property_result result;
	for (int i = 1; i < count; i += 2) {
		if (i + 1 == count || !option_set(&options, arguments[i], arguments[i + 1]))
			return usage(arguments[0]);
	}
	if (options.choice.strategy == NULL)
		return usage(arguments[0]);
	/* Said first: a run that dies must be able to be had again. */
	print_command(arguments);
	printf(": seed %llu\n", (unsigned long long)options.seed);
	fflush(stdout);
	bool is_right = property_run(&options, &result);
	if (!is_right) {
		printf("property: FAILED: %s\n", result.message);
		return STATUS_FAILED;
	}
	printf("property: %llu operations in %.2f s, %.0f a second, at most %zu KiB live, "
	       "%zu KiB mapped\n",
	       (unsigned long long)options.operations, result.seconds,
	       (double)options.operations / (result.seconds > 0 ? result.seconds : 1e-9),
	       result.live_bytes_peak >> 10, result.mapped_bytes_peak >> 10);
	return 0;
}
