/* SPDX-License-Identifier: MIT */
/*
 * Corpus: what the fuzzer found worth keeping, replayed with any compiler.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

enum { INPUT_BYTES_MAX = 1 << 16, PATH_BYTES = 4096 };

Test(corpus, every_input_is_read_or_refused)
{
	static uint8_t bytes[INPUT_BYTES_MAX];
	const char *folder = getenv("ALLOT_TEST_CORPUS"), *message = "";
	cr_assert_not_null(folder, "ALLOT_TEST_CORPUS names the folder of inputs");
	DIR *inputs = opendir(folder);
	cr_assert_not_null(inputs, "%s", folder);
	size_t count = 0;
	for (struct dirent *entry; (entry = readdir(inputs)) != NULL;) {
		char path[PATH_BYTES];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		FILE *file = fopen(path, "rb");
		cr_assert_not_null(file, "%s", path);
		size_t length = fread(bytes, 1, sizeof(bytes), file);
		fclose(file);
		/* The longest of its beginnings, too. */
		for (size_t i = length > 40 ? length - 40 : 0; i <= length; i++)
			cr_expect(trace_fuzz_run(bytes, i, &message), "%s, %zu bytes: %s",
				  entry->d_name, i, message);
		count++;
	}
	closedir(inputs);
	cr_assert(count > 0, "%s is empty", folder);
}
