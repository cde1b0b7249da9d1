/* SPDX-License-Identifier: MIT */
/*
 * allot run: become another program, with the library preloaded and configured.
 *
 * Words given on the command line are checked before anything runs. What the environment already
 * holds is left to the library, which reports a mistake there once in the program itself.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <allot/allot.h>

#include "argument.h"
#include "conf.h"
#include "locate.h"
#include "notice.h"
#include "program.h"

static const char name[] = "run";

enum {
	CONF_BYTES = 8192,
	MESSAGE_BYTES = 2 * PATH_MAX,
};

/* A configuration that grows. */
struct conf_text {
	char text[CONF_BYTES];
	size_t length;
};

/* Append a comma, where there is text before, and `piece`; false when it does not fit. */
static bool conf_append(struct conf_text *conf, const char *piece)
{
	size_t room = sizeof(conf->text) - conf->length;
	int length = snprintf(conf->text + conf->length, room, "%s%s", conf->length > 0 ? "," : "",
			      piece);

	if (length < 0 || (size_t)length >= room)
		return false;
	conf->length += (size_t)length;
	return true;
}

static int conf_refuse(struct argument_scan *scan)
{
	return argument_refuse(scan, NULL, "the configuration exceeds %d characters", CONF_BYTES);
}

/* Take the value of one option into the part of the configuration it belongs to. */
static bool option_take(struct argument_scan *scan, const struct command_option *option,
			struct conf_text *general, struct conf_text *specific)
{
	const char *value = scan->value != NULL ? scan->value : option->conf_value;
	char pair[CONF_BYTES];
	bool is_taken;

	if (option->conf_key == NULL) {
		is_taken = conf_append(general, value);
	} else if (strchr(value, ',') != NULL) {
		argument_refuse(scan, NULL, "--%s %s: a value cannot hold a comma", option->name,
				value);
		return false;
	} else {
		snprintf(pair, sizeof(pair), "%s:%s", option->conf_key, value);
		is_taken = conf_append(specific, pair);
	}
	if (!is_taken)
		conf_refuse(scan);
	return is_taken;
}

/*
 * Is `conf`, from the command line, right? Whether a strategy has the policy asked for depends on
 * what is configured already, so they are looked at together, unless that has mistakes of its own.
 */
static bool conf_check(const char *conf, char *message, size_t message_bytes)
{
	const char *environment = getenv("ALLOT_CONF");
	char *file = conf_file_read();
	char *base = NULL, *whole = NULL;
	bool is_right = true;

	if (asprintf(&base, "%s\n%s", file != NULL ? file : "",
		     environment != NULL ? environment : "") < 0)
		base = NULL;
	bool has_base = base != NULL && allot_conf_check(base, message, message_bytes);
	if (asprintf(&whole, "%s\n%s", has_base ? base : "", conf) >= 0) {
		is_right = allot_conf_check(whole, message, message_bytes);
		free(whole);
	}
	free(base);
	free(file);
	return is_right;
}

/* Set ALLOT_CONF to what it holds, then `conf`. */
static bool conf_export(const char *conf)
{
	const char *before = getenv("ALLOT_CONF");
	char *whole;

	if (conf[0] == '\0')
		return true;
	if (before == NULL || before[0] == '\0')
		return setenv("ALLOT_CONF", conf, 1) == 0;
	if (asprintf(&whole, "%s,%s", before, conf) < 0)
		return false;
	bool is_set = setenv("ALLOT_CONF", whole, 1) == 0;
	free(whole);
	return is_set;
}

int run_main(int argc, char **argv)
{
	struct argument_scan scan;
	const struct command_option *option;
	struct conf_text conf = { .length = 0 }, specific = { .length = 0 };
	struct program program;
	char library[PATH_MAX];
	char message[MESSAGE_BYTES];

	argument_init(&scan, &command_run, argc, argv);
	while ((option = argument_next(&scan)) != NULL)
		if (!option_take(&scan, option, &conf, &specific))
			return scan.status;
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	if (specific.length > 0 && !conf_append(&conf, specific.text))
		return conf_refuse(&scan);
	if (!conf_check(conf.text, message, sizeof(message)))
		return argument_refuse(&scan, NULL, "%s", message);
	if (scan.index >= argc)
		return argument_refuse(&scan, NULL, "no program to run");

	char **words = argv + scan.index;
	switch (program_require(&program, name, words[0])) {
	case PROGRAM_NOT_FOUND:
		return STATUS_NOT_FOUND;
	case PROGRAM_NOT_EXECUTABLE:
		return STATUS_NOT_EXECUTABLE;
	case PROGRAM_FOUND:
		break;
	}
	if (!library_locate(library, message, sizeof(message))) {
		notice_write(name, "%s", message);
		return STATUS_WRAPPER;
	}

	const char *obstacle = program_obstacle(&program);
	if (obstacle != NULL)
		notice_write(name, "%s %s: it runs without allot", program.path, obstacle);
	if (!library_preload(library) || !conf_export(conf.text)) {
		notice_write(name, "setting the environment: %s", strerror(errno));
		return STATUS_WRAPPER;
	}
	execvp(words[0], words);
	notice_write(name, "%s: %s", program.path, strerror(errno));
	return errno == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
}
