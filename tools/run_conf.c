/* SPDX-License-Identifier: MIT */
/*
 * The configuration of a program that is run. See run_conf.h.
 */
#include "run_conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <allot/allot.h>

#include "conf.h"

bool conf_append(struct conf_text *conf, const char *piece)
{
	size_t room = sizeof(conf->text) - conf->length;
	int length = snprintf(conf->text + conf->length, room, "%s%s", conf->length > 0 ? "," : "",
			      piece);

	if (length < 0 || (size_t)length >= room)
		return false;
	conf->length += (size_t)length;
	return true;
}

int conf_refuse(struct argument_scan *scan)
{
	return argument_refuse(scan, NULL, "the configuration exceeds %d characters", CONF_BYTES);
}

bool conf_option_take(struct argument_scan *scan, const struct command_option *option,
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
 * Whether a strategy has the policy asked for depends on what is configured already, so they are
 * looked at together, unless that has mistakes of its own.
 */
bool conf_check(const char *conf, char *message, size_t message_bytes)
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

bool conf_export(const char *conf)
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
