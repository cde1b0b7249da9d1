/* SPDX-License-Identifier: MIT */
/*
 * Manual pages: written from the table of commands and the library's table of keys.
 *
 * usage: allot-man allot | COMMAND | COMMAND-SUBCOMMAND | conf > PAGE
 */
#include <stdio.h>
#include <string.h>

#include <allot/allot.h>

#include "command.h"
#include "conf.h"

enum {
	VALUE_BYTES = 64,
};

/* Write words so that roff takes none of them for a request or an escape. */
static void words_write(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else if (*text == '\'')
			fputs("\\(aq", stdout);
		else
			putchar(*text);
	}
}

static void line_write(const char *text)
{
	words_write(text);
	putchar('\n');
}

/* A sentence of our table, which leaves out its capital and its full stop. */
static void sentence_write(const char *text)
{
	if (text[0] >= 'a' && text[0] <= 'z') {
		char first[] = { (char)(text[0] - 'a' + 'A'), '\0' };

		words_write(first);
		text++;
	}
	words_write(text);
	puts(".");
}

static void title_write(const char *title, int section)
{
	printf(".\\\" Generated from the tables of allot; do not edit.\n");
	printf(".TH \"%s\" \"%d\" \"\" \"allot %s\" \"%s\"\n", title, section, allot_version(),
	       section == 1 ? "User commands" : "File formats");
	/* No hyphenation and no filling out of lines: names stay as they are typed. */
	puts(".nh\n.ad l");
}

static void values_write(const struct allot_option *conf)
{
	char value[VALUE_BYTES];
	const char *position = NULL;
	const char *separator = "One of ";

	while ((position = conf_value_next(conf, position, value, sizeof(value))) != NULL) {
		fputs(separator, stdout);
		printf("\\fB%s\\fR", value);
		separator = ", ";
	}
	if (strcmp(separator, ", ") == 0)
		puts(".");
}

static void default_write(const struct allot_option *conf)
{
	if (conf->default_value == NULL || conf->default_value[0] == '\0')
		return;
	fputs("The default is \\fB", stdout);
	words_write(conf->default_value);
	puts("\\fR.");
}

static void options_write(const struct command *command)
{
	const struct command_option *option = command->options;

	puts(".SH OPTIONS");
	for (; option->name != NULL; option++) {
		fputs(".TP\n", stdout);
		if (option->letter != '\0')
			printf("\\fB\\-%c\\fR, ", option->letter);
		fputs("\\fB\\-\\-", stdout);
		words_write(option->name);
		fputs("\\fR", stdout);
		if (option->value != NULL)
			printf(option->is_value_optional ? "[=\\fI%s\\fR]" : " \\fI%s\\fR",
			       option->value);
		putchar('\n');
		sentence_write(option->help);
		if (option->conf_key != NULL && option->conf_value == NULL &&
		    conf_option(option->conf_key) != NULL) {
			values_write(conf_option(option->conf_key));
			default_write(conf_option(option->conf_key));
		}
	}
}

static void commands_write(void)
{
	puts(".SH COMMANDS");
	for (size_t i = 0; commands[i] != NULL; i++) {
		printf(".TP\n.B %s\n", commands[i]->name);
		sentence_write(commands[i]->summary);
		if (commands[i] != &command_help)
			printf("See\n.BR allot\\-%s (1).\n", commands[i]->name);
	}
}

/* The name of a command's page: "allot-vm-tlb". Lives until the next call. */
static const char *page_name(const struct command *command)
{
	static char name[VALUE_BYTES];

	snprintf(name, sizeof(name), "allot-%s", command->name);
	for (char *p = name; *p != '\0'; p++)
		if (*p == ' ')
			*p = '-';
	return name;
}

static void subcommands_write(const struct command *command)
{
	puts(".SH SUBCOMMANDS");
	for (size_t i = 0; command->subcommands[i] != NULL; i++) {
		printf(".TP\n.B %s\n", command_own_name(command->subcommands[i]));
		sentence_write(command->subcommands[i]->summary);
		fputs("See\n.BR ", stdout);
		words_write(page_name(command->subcommands[i]));
		puts(" (1).");
	}
}

static void notes_write(const char *title, const struct command_note *notes)
{
	printf(".SH %s\n", title);
	for (const struct command_note *note = notes; note->term != NULL; note++) {
		fputs(".TP\n\\fB", stdout);
		words_write(note->term);
		puts("\\fR");
		sentence_write(note->meaning);
	}
}

static void environment_write(void)
{
	puts(".SH ENVIRONMENT\n.TP\n.B ALLOT_CONF\nThe configuration, as in\n"
	     ".BR allot.conf (5).\n.TP\n.B LD_PRELOAD\nThe libraries to preload; see\n"
	     ".BR ld.so (8).\n.TP\n.B NO_COLOR\nSet to anything but nothing: no colours.");
}

/* The other pages but `own`, the name of this one's command or "conf". */
static void see_also_write(const char *own)
{
	puts(".SH SEE ALSO");
	if (strcmp(own, "allot") != 0)
		puts(".BR allot (1),");
	for (size_t i = 0; commands[i] != NULL; i++)
		if (strcmp(commands[i]->name, own) != 0 && commands[i] != &command_help)
			printf(".BR allot\\-%s (1),\n", commands[i]->name);
	if (strcmp(own, "conf") != 0)
		puts(".BR allot.conf (5),");
	puts(".BR malloc (3),\n.BR ld.so (8)");
}

static void command_write(const struct command *command)
{
	const char *separator = command->name != NULL ? "-" : "";
	const char *name = command->name != NULL ? command->name : "";
	char title[VALUE_BYTES];

	snprintf(title, sizeof(title), "ALLOT%s%s", separator, name);
	for (char *p = title; *p != '\0'; p++) {
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
		else if (*p == ' ')
			*p = '-';
	}
	title_write(title, 1);
	fputs(".SH NAME\n", stdout);
	words_write(command->name != NULL ? page_name(command) : "allot");
	fputs(" \\- ", stdout);
	line_write(command->summary);
	printf(".SH SYNOPSIS\n\\fBallot%s%s\\fR [\\fIOPTION\\fR...]%s",
	       command->name != NULL ? " " : "", name, command->operands[0] != '\0' ? " " : "");
	line_write(command->operands);
	puts(".SH DESCRIPTION");
	for (size_t i = 0; command->paragraphs[i] != NULL; i++) {
		if (i > 0)
			puts(".PP");
		line_write(command->paragraphs[i]);
	}
	if (command->name == NULL)
		commands_write();
	if (command->subcommands != NULL)
		subcommands_write(command);
	options_write(command);
	notes_write("EXIT STATUS", command->statuses);
	notes_write("EXAMPLES", command->examples);
	environment_write();
	see_also_write(command->name != NULL ? command->name : "allot");
}

static void conf_write(void)
{
	size_t count;
	const struct allot_option *options = allot_options(&count);

	title_write("ALLOT.CONF", 5);
	puts(".SH NAME\nallot.conf \\- configuration of the allot heap");
	puts(".SH SYNOPSIS\n.B " CONF_FILE "\n.br\n"
	     "\\fBALLOT_CONF=\\fR\\(dq\\fIkey\\fR:\\fIvalue\\fR,\\fIkey\\fR:\\fIvalue\\fR\\(dq");
	puts(".SH DESCRIPTION\n"
	     "A configuration is a list of keys and values. It is read once, when a program "
	     "starts, from these places, a later one winning over an earlier one:");
	puts(".IP 1. 3\nthe defaults below;\n"
	     ".IP 2. 3\nthe string\n.B allot_conf\nthat the program itself may define;\n"
	     ".IP 3. 3\n.IR " CONF_FILE " ;");
	puts(".IP 4. 3\nthe environment variable\n.BR ALLOT_CONF ,\nwhich\n.BR allot\\-run (1)\n"
	     "composes.");
	puts(".PP\nIn the file, pairs may also stand on lines of their own, and a line that begins "
	     "with # is a comment.");
	puts(".PP\nA wrong key or value is reported once on standard error, with the nearest right "
	     "one, and otherwise ignored. A program that runs with more rights than its caller "
	     "ignores the environment.");
	puts(".PP\nA size is a number of bytes, or one followed by\n.BR k ,\n.B m\nor\n.BR g ,\n"
	     "for 1024, 1024\\(S2 and 1024\\(S3 bytes.");
	puts(".SH KEYS");
	for (size_t i = 0; i < count; i++) {
		fputs(".TP\n\\fB", stdout);
		words_write(options[i].key);
		fputs("\\fR:\\fI", stdout);
		words_write(options[i].type == ALLOT_OPTION_WORD ? "WORD" : options[i].values);
		puts("\\fR");
		line_write(options[i].help);
		if (options[i].type == ALLOT_OPTION_WORD)
			values_write(&options[i]);
		default_write(&options[i]);
	}
	puts(".SH EXAMPLES\n.EX\n" CONF_FILE ":\n    strategy:segregated,trim_threshold:4m\n.EE");
	see_also_write("conf");
}

int main(int argc, char **argv)
{
	const char *page = argc == 2 ? argv[1] : "";
	const struct command *command = command_find(page);

	/* "vm-tlb": a subcommand's page. */
	for (size_t i = 0; commands[i] != NULL && command == NULL; i++) {
		size_t length = strlen(commands[i]->name);

		if (strncmp(page, commands[i]->name, length) == 0 && page[length] == '-')
			command = subcommand_find(commands[i], page + length + 1);
	}
	if (strcmp(page, "conf") == 0)
		conf_write();
	else if (strcmp(page, "allot") == 0)
		command_write(&command_allot);
	else if (command != NULL)
		command_write(command);
	else
		return STATUS_USAGE;
	return fflush(stdout) == 0 ? STATUS_OK : STATUS_FAILURE;
}
