/* SPDX-License-Identifier: MIT */
/*
 * Arguments: a walk over argv with the command's table beside it.
 */
#include "argument.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "help.h"
#include "notice.h"
#include "word.h"

enum {
	MESSAGE_BYTES = 1024,
	HINT_BYTES = 64,
};

void argument_init(struct argument_scan *scan, const struct command *command, int argc, char **argv)
{
	*scan = (struct argument_scan){
		.command = command,
		.argc = argc,
		.argv = argv,
		.index = 1,
		.status = ARGUMENT_GO_ON,
	};
}

int argument_refuse(struct argument_scan *scan, const char *meant, const char *format, ...)
{
	const struct command *command = scan->command;
	char text[MESSAGE_BYTES];
	va_list arguments;

	scan->status = command->usage_status;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (meant != NULL) {
		notice_write(command->name, "%s (did you mean '%s'?)", text, meant);
		return scan->status;
	}
	notice_write(command->name, "%s", text);

	/* A wrapper is often called by scripts that read its standard error. */
	if (!command->is_wrapper || isatty(STDERR_FILENO)) {
		char hint[HINT_BYTES];

		snprintf(hint, sizeof(hint), "allot help%s%s", command->name != NULL ? " " : "",
			 command->name != NULL ? command->name : "");
		notice_next(hint);
	}
	return scan->status;
}

static const struct command_option *option_find(const struct command *command, const char *name,
						size_t length)
{
	for (const struct command_option *option = command->options; option->name != NULL; option++)
		if (strncmp(option->name, name, length) == 0 && option->name[length] == '\0')
			return option;
	return NULL;
}

/* The option whose short form is `letter`. */
static const struct command_option *letter_find(const struct command *command, char letter)
{
	for (const struct command_option *option = command->options; option->name != NULL; option++)
		if (option->letter != '\0' && option->letter == letter)
			return option;
	return NULL;
}

/* Refuse `word`, which is no option, naming the nearest one. */
static void option_refuse(struct argument_scan *scan, const char *word, size_t length)
{
	char name[WORD_BYTES_MAX];
	char meant[WORD_BYTES_MAX + 2];
	struct word_match match;

	snprintf(name, sizeof(name), "%.*s", (int)length, word);
	word_match_init(&match, name + strspn(name, "-"));
	for (const struct command_option *option = scan->command->options; option->name != NULL;
	     option++)
		word_match_offer(&match, option->name);
	snprintf(meant, sizeof(meant), "--%s", match.nearest);
	argument_refuse(scan, match.nearest[0] != '\0' ? meant : NULL, "no option '%s'", name);
}

/* Settle the value of `option`, given the "=..." part of its word or NULL. */
static bool value_take(struct argument_scan *scan, const struct command_option *option,
		       const char *assigned)
{
	if (option->value == NULL) {
		if (assigned != NULL)
			argument_refuse(scan, NULL, "option '--%s' takes no value", option->name);
		return assigned == NULL;
	}
	scan->value = assigned;
	if (assigned == NULL && !option->is_value_optional) {
		if (scan->index >= scan->argc) {
			argument_refuse(scan, NULL, "option '--%s' needs a value: --%s %s",
					option->name, option->name, option->value);
			return false;
		}
		scan->value = scan->argv[scan->index++];
	}
	if (scan->value != NULL && scan->value[0] == '\0') {
		argument_refuse(scan, NULL, "option '--%s' has an empty value", option->name);
		return false;
	}
	return true;
}

const struct command_option *argument_next(struct argument_scan *scan)
{
	scan->value = NULL;
	if (scan->status != ARGUMENT_GO_ON || scan->index >= scan->argc)
		return NULL;

	const char *word = scan->argv[scan->index];
	if (word[0] != '-' || word[1] == '\0')
		return NULL;
	scan->index++;
	if (strcmp(word, "--") == 0)
		return NULL;
	if (strcmp(word, "-h") == 0)
		word = "--help";

	size_t length = strcspn(word, "=");
	const char *assigned = word[length] == '=' ? word + length + 1 : NULL;
	const struct command_option *option = NULL;

	if (strncmp(word, "--", 2) == 0)
		option = option_find(scan->command, word + 2, length - 2);
	else if (word[2] == '\0')
		option = letter_find(scan->command, word[1]);
	if (option == NULL) {
		option_refuse(scan, word, length);
		return NULL;
	}
	if (!value_take(scan, option, assigned))
		return NULL;
	/* `allot --help COMMAND` is the main program's own affair. */
	if (strcmp(option->name, "help") == 0 && scan->command->name != NULL) {
		help_write(stdout, scan->command);
		scan->status = STATUS_OK;
		return NULL;
	}
	return option;
}
