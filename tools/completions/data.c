/* SPDX-License-Identifier: MIT */
/*
 * Completion for bash: the words of the tables as shell functions, then the file named on the
 * command line, which holds the logic.
 *
 * usage: allot-completion allot.bash > allot
 */
#include <stdio.h>
#include <string.h>

#include <allot/allot.h>

#include "command.h"
#include "conf.h"

enum {
	VALUE_BYTES = 64,
};

static void commands_write(void)
{
	puts("# The commands.\n_allot_commands()\n{\n\techo \\");
	for (size_t i = 0; commands[i] != NULL; i++)
		printf("\t\t%s%s\n", commands[i]->name, commands[i + 1] != NULL ? " \\" : "");
	puts("}\n");
}

static void subcommands_write(void)
{
	puts("# The subcommands of command $1.\n_allot_subcommands()\n{\n\tcase $1 in");
	for (size_t i = 0; commands[i] != NULL; i++) {
		if (commands[i]->subcommands == NULL)
			continue;
		printf("\t%s)\n\t\techo '", commands[i]->name);
		for (size_t j = 0; commands[i]->subcommands[j] != NULL; j++)
			printf("%s%s", j > 0 ? " " : "",
			       command_own_name(commands[i]->subcommands[j]));
		puts("' ;;");
	}
	puts("\tesac\n}\n");
}

static void wrappers_write(void)
{
	puts("# Are the operands of command $1 another command line?\n_allot_is_wrapper()\n{\n"
	     "\tcase $1 in");
	for (size_t i = 0; commands[i] != NULL; i++)
		if (commands[i]->is_wrapper)
			printf("\t%s)\n\t\treturn 0 ;;\n", commands[i]->name);
	puts("\tesac\n\treturn 1\n}\n");
}

static void operands_write(void)
{
	puts("# Does command $1 list operands to choose from?\n"
	     "_allot_is_chooser()\n{\n\tcase $1 in");
	for (size_t i = 0; commands[i] != NULL; i++)
		if (commands[i]->operands_option != NULL)
			printf("\t%s)\n\t\treturn 0 ;;\n", commands[i]->name);
	puts("\tesac\n\treturn 1\n}\n");
	puts("# Those operands, by name and by family.\n"
	     "_allot_operands()\n{\n\tcase $1 in");
	for (size_t i = 0; commands[i] != NULL; i++)
		if (commands[i]->operands_option != NULL)
			printf("\t%s)\n\t\t\"${words[0]}\" %s --%s 2>/dev/null |\n"
			       "\t\t\tawk '{ print $1; print $2 }' | sort -u ;;\n",
			       commands[i]->name, commands[i]->name,
			       commands[i]->operands_option);
	puts("\tesac\n}\n");
}

static void command_write(const char *name, const struct command *command)
{
	printf("\t%s)\n\t\techo '", name);
	for (const struct command_option *option = command->options; option->name != NULL;
	     option++) {
		printf("%s--%s%s", option == command->options ? "" : " ", option->name,
		       option->is_value_optional ? "=" : "");
		if (option->letter != '\0')
			printf(" -%c", option->letter);
	}
	puts("' ;;");
}

static void options_write(void)
{
	puts("# The options of command $1; a value that may be left out needs the \"=\".\n"
	     "_allot_options()\n{\n\tcase $1 in");
	command_write("''", &command_allot);
	for (size_t i = 0; commands[i] != NULL; i++) {
		command_write(commands[i]->name, commands[i]);
		for (size_t j = 0; commands[i]->subcommands != NULL &&
				   commands[i]->subcommands[j] != NULL; j++) {
			char quoted[VALUE_BYTES];

			snprintf(quoted, sizeof(quoted), "'%s'", commands[i]->subcommands[j]->name);
			command_write(quoted, commands[i]->subcommands[j]);
		}
	}
	puts("\tesac\n}\n");
}

/* What the completion calls the values of an option. */
static const char *value_kind(const struct command_option *option)
{
	static const struct {
		const char *value;
		const char *kind;
	} kinds[] = {
		{ "FILE", "file" },
		{ "KEY:VALUE,...", "pairs" },
		{ "NAME=LIB", "named-file" },
		{ "NAME=OPTIONS", "named-pairs" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(option->value, kinds[i].value) == 0)
			return kinds[i].kind;
	return option->conf_key != NULL ? option->conf_key : "other";
}

static void command_kinds_write(const struct command *command)
{
	for (const struct command_option *option = command->options; option->name != NULL;
	     option++) {
		if (option->value == NULL)
			continue;
		printf("\t'%s--%s'", command->name, option->name);
		if (option->letter != '\0')
			printf(" | '%s-%c'", command->name, option->letter);
		printf(")\n\t\techo %s ;;\n", value_kind(option));
	}
	for (size_t i = 0; command->subcommands != NULL && command->subcommands[i] != NULL; i++)
		command_kinds_write(command->subcommands[i]);
}

static void value_kinds_write(void)
{
	puts("# What the value of option $2 of command $1 is: the key of the configuration whose\n"
	     "# values it takes, pairs of keys and values, a file, one of these behind NAME=, or\n"
	     "# something other; nothing when it takes none.\n"
	     "_allot_value_kind()\n{\n\tcase $1$2 in");
	for (size_t i = 0; commands[i] != NULL; i++)
		command_kinds_write(commands[i]);
	puts("\tesac\n}\n");
}

static void keys_write(void)
{
	size_t count;
	const struct allot_option *options = allot_options(&count);

	puts("# The keys of the configuration.\n_allot_keys()\n{\n\techo \\");
	for (size_t i = 0; i < count; i++)
		printf("\t\t%s%s\n", options[i].key, i + 1 < count ? " \\" : "");
	puts("}\n");
}

static void values_write(void)
{
	size_t count;
	const struct allot_option *options = allot_options(&count);
	char value[VALUE_BYTES];

	puts("# The values of key $1, where they are words.\n_allot_values()\n{\n\tcase $1 in");
	for (size_t i = 0; i < count; i++) {
		const char *position = conf_value_next(&options[i], NULL, value, sizeof(value));

		if (position == NULL)
			continue;
		printf("\t%s)\n\t\techo '%s", options[i].key, value);
		while ((position = conf_value_next(&options[i], position, value, sizeof(value))) !=
		       NULL)
			printf(" %s", value);
		puts("' ;;");
	}
	puts("\tesac\n}\n");
}

int main(int argc, char **argv)
{
	FILE *logic = argc == 2 ? fopen(argv[1], "re") : NULL;
	int byte;

	if (logic == NULL)
		return STATUS_USAGE;
	puts("# Completion of allot(1) for bash. Generated from the tables of allot: do not edit.");
	putchar('\n');
	commands_write();
	subcommands_write();
	wrappers_write();
	operands_write();
	options_write();
	value_kinds_write();
	keys_write();
	values_write();
	while ((byte = getc(logic)) != EOF)
		putchar(byte);
	fclose(logic);
	return fflush(stdout) == 0 ? STATUS_OK : STATUS_FAILURE;
}
