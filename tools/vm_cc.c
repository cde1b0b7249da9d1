/* SPDX-License-Identifier: MIT */
/*
 * allot vm cc: hand over to the compiler, with the options that make a program record its accesses.
 *
 * gcc's thread sanitizer calls a function at every access. The functions of its own library are not
 * linked: ours are in an archive of the same name, in a folder that is searched first. Functions
 * that access memory for the program (memcpy, strlen and so on) are kept as calls, and the linker
 * sends these through ours.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "argument.h"
#include "locate.h"
#include "notice.h"

enum {
	MESSAGE_BYTES = 2 * PATH_MAX,
	WORD_BYTES = 64,
};

static const char *const functions[] = {
#define RECORDED(name) #name,
#include "record/functions.def"
#undef RECORDED
};
enum { FUNCTION_COUNT = sizeof(functions) / sizeof(functions[0]) };

static const char *const options[] = {
	"-fsanitize=thread", "-static-libtsan", "--param", "tsan-instrument-func-entry-exit=0",
	"-g",
};
enum { OPTION_COUNT = sizeof(options) / sizeof(options[0]) };

static char *word_make(const char *format, const char *name)
{
	char *word;

	return asprintf(&word, format, name) < 0 ? NULL : word;
}

/* The command line of the compiler; NULL when there is no memory for it. */
static char **words_make(const char *compiler, const char *folder, int argc, char **argv)
{
	/* The compiler, two folders, two words a function, the end. */
	char **words = calloc((size_t)argc + OPTION_COUNT + 2 * FUNCTION_COUNT + 8,
			      sizeof(*words));
	size_t count = 0;

	if (words == NULL)
		return NULL;
	words[count++] = word_make("%s", compiler);
	for (size_t i = 0; i < OPTION_COUNT; i++)
		words[count++] = word_make("%s", options[i]);
	words[count++] = word_make("-B%s", folder);
	words[count++] = word_make("-L%s", folder);
	for (size_t i = 0; i < FUNCTION_COUNT; i++) {
		words[count++] = word_make("-fno-builtin-%s", functions[i]);
		words[count++] = word_make("-Wl,--wrap=%s", functions[i]);
	}
	for (int i = 1; i < argc; i++)
		words[count++] = argv[i];
	return words;
}

int vm_cc_main(int argc, char **argv)
{
	const char *compiler = getenv("CC");
	char message[MESSAGE_BYTES], folder[PATH_MAX];
	struct argument_scan scan;

	argument_init(&scan, &command_vm_cc, argc, argv);
	if (argc < 2)
		return argument_refuse(&scan, NULL, "nothing to compile");
	/* All other options are the compiler's. */
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		argument_next(&scan);
		return scan.status;
	}
	if (compiler == NULL || compiler[0] == '\0')
		compiler = "gcc";
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "-static") == 0)
			return argument_refuse(&scan, NULL, "-static: gcc refuses it together "
					       "with what records");
	if (!record_locate(folder, message, sizeof(message))) {
		notice_write(scan.command->name, "%s", message);
		return STATUS_NOT_FOUND;
	}
	char **words = words_make(compiler, folder, argc, argv);
	if (words != NULL)
		execvp(compiler, words);
	notice_write(scan.command->name, "%s: %s", compiler, strerror(errno));
	return STATUS_NOT_FOUND;
}
