/* SPDX-License-Identifier: MIT */
/*
 * Help: laid out from the table of commands and the library's table of keys.
 */
#include "help.h"

#include <string.h>

#include "argument.h"
#include "conf.h"
#include "notice.h"

enum {
	LINE_COLUMNS = 80,
	INDENT = 2,
	TERM_COLUMNS = 22,     /* where the meaning of a term starts */
	VALUE_BYTES = 64,
	TEXT_BYTES = 512,
};

void help_wrap(FILE *out, const char *text, int column, int indent)
{
	bool is_line_start = true;

	for (;;) {
		text += strspn(text, " ");
		int length = (int)strcspn(text, " ");
		if (length == 0)
			break;
		if (!is_line_start && column + 1 + length > LINE_COLUMNS) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
			is_line_start = true;
		}
		column += fprintf(out, "%s%.*s", is_line_start ? "" : " ", length, text);
		is_line_start = false;
		text += length;
	}
	fputc('\n', out);
}

/* A term and its meaning in two columns. */
static void row_write(FILE *out, const char *term, const char *meaning)
{
	int column = fprintf(out, "%*s%s", INDENT, "", term);

	if (column + INDENT > TERM_COLUMNS) {
		fputc('\n', out);
		column = 0;
	}
	fprintf(out, "%*s", TERM_COLUMNS - column, "");
	help_wrap(out, meaning, TERM_COLUMNS, TERM_COLUMNS);
}

static void option_write(FILE *out, const struct command_option *option)
{
	const struct allot_option *conf =
		option->conf_key != NULL && option->conf_value == NULL
			? conf_option(option->conf_key) : NULL;
	char term[VALUE_BYTES];
	char meaning[TEXT_BYTES];
	char value[VALUE_BYTES];

	char letter[] = { '-', option->letter, ',', ' ', '\0' };
	snprintf(term, sizeof(term), "%s--%s%s%s%s", option->letter != '\0' ? letter : "",
		 option->name,
		 option->value == NULL ? "" : option->is_value_optional ? "[=" : " ",
		 option->value == NULL ? "" : option->value, option->is_value_optional ? "]" : "");
	size_t used = (size_t)snprintf(meaning, sizeof(meaning), "%s", option->help);

	/* Where the library knows the words, say them. */
	const char *separator = ": ";
	const char *position = NULL;
	while (conf != NULL && used < sizeof(meaning) &&
	       (position = conf_value_next(conf, position, value, sizeof(value))) != NULL) {
		bool is_default = strcmp(value, conf->default_value) == 0;

		used += (size_t)snprintf(meaning + used, sizeof(meaning) - used, "%s%s%s",
					 separator, value, is_default ? " (default)" : "");
		separator = ", ";
	}
	row_write(out, term, meaning);
}

static void notes_write(FILE *out, const char *title, const struct command_note *notes)
{
	fprintf(out, "\n%s\n", title);
	for (const struct command_note *note = notes; note->term != NULL; note++)
		row_write(out, note->term, note->meaning);
}

static void examples_write(FILE *out, const struct command_note *notes)
{
	fputs("\nexamples\n", out);
	for (const struct command_note *note = notes; note->term != NULL; note++) {
		fprintf(out, "%*s%s\n%*s", INDENT, "", note->term, 3 * INDENT, "");
		help_wrap(out, note->meaning, 3 * INDENT, 3 * INDENT);
	}
}

void help_write(FILE *out, const struct command *command)
{
	const char *name = command->name != NULL ? command->name : "";
	const char *blank = command->name != NULL ? " " : "";

	fprintf(out, "usage: allot%s%s [OPTION...]%s%s\n\n", blank, name,
		command->operands[0] != '\0' ? " " : "", command->operands);
	fprintf(out, "allot%s%s: %s.\n", blank, name, command->summary);
	for (size_t i = 0; command->paragraphs[i] != NULL; i++) {
		fputc('\n', out);
		help_wrap(out, command->paragraphs[i], 0, 0);
	}

	if (command->name == NULL) {
		fputs("\ncommands\n", out);
		for (size_t i = 0; commands[i] != NULL; i++)
			row_write(out, commands[i]->name, commands[i]->summary);
	}
	if (command->subcommands != NULL) {
		fputs("\nsubcommands\n", out);
		for (size_t i = 0; command->subcommands[i] != NULL; i++)
			row_write(out, command_own_name(command->subcommands[i]),
				  command->subcommands[i]->summary);
	}
	fputs("\noptions\n", out);
	for (const struct command_option *option = command->options; option->name != NULL; option++)
		option_write(out, option);
	notes_write(out, "exit status", command->statuses);
	examples_write(out, command->examples);
}

int help_main(int argc, char **argv)
{
	struct argument_scan scan;

	argument_init(&scan, &command_help, argc, argv);
	argument_next(&scan);
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;

	int names = scan.argc - scan.index;
	const char *name = names > 0 ? scan.argv[scan.index] : NULL;
	const struct command *command = name == NULL ? &command_allot : command_find(name);
	if (names > 1 && command != NULL && command->subcommands != NULL) {
		const struct command *group = command;

		name = scan.argv[scan.index + 1];
		names--;
		command = subcommand_find(group, name);
		if (command == NULL) {
			const struct command *nearest = subcommand_nearest(group, name);

			return argument_refuse(&scan,
					       nearest != NULL ? command_own_name(nearest) : NULL,
					       "no command '%s %s'", group->name, name);
		}
	}
	if (names > 1)
		return argument_refuse(&scan, NULL, "one command at a time, not '%s' too",
				       scan.argv[scan.argc - 1]);
	if (command == NULL) {
		const struct command *nearest = command_nearest(name);

		return argument_refuse(&scan, nearest != NULL ? nearest->name : NULL,
				       "no command '%s'", name);
	}
	help_write(stdout, command);
	notice_next(command->next);
	return STATUS_OK;
}
