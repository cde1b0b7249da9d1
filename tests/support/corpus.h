/* SPDX-License-Identifier: MIT */
/*
 * A corpus: a folder of inputs that a fuzzer found worth keeping, which the environment names.
 */
#ifndef SUPPORT_CORPUS_H
#define SUPPORT_CORPUS_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { CORPUS_INPUT_BYTES_MAX = 1 << 16, CORPUS_PATH_BYTES = 4096 };

static inline size_t corpus_read(const char *folder, const char *name, uint8_t *bytes)
{
	char path[CORPUS_PATH_BYTES];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "rb");
	cr_assert_not_null(file, "%s", path);
	size_t count = fread(bytes, 1, CORPUS_INPUT_BYTES_MAX, file);
	fclose(file);
	return count;
}

/* Visit every input of the folder that ALLOT_TEST_CORPUS names. There must be one. */
static inline void corpus_visit(void (*visit)(const char *name, const uint8_t *bytes, size_t count))
{
	static uint8_t bytes[CORPUS_INPUT_BYTES_MAX];
	const char *folder = getenv("ALLOT_TEST_CORPUS");
	cr_assert_not_null(folder, "ALLOT_TEST_CORPUS names the folder of inputs");
	DIR *inputs = opendir(folder);
	cr_assert_not_null(inputs, "%s", folder);
	size_t count = 0;
	for (struct dirent *entry; (entry = readdir(inputs)) != NULL;) {
		if (entry->d_name[0] == '.')
			continue;
		visit(entry->d_name, bytes, corpus_read(folder, entry->d_name, bytes));
		count++;
	}
	closedir(inputs);
	cr_assert(count > 0, "%s is empty", folder);
}

#endif
