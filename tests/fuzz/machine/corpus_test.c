/* SPDX-License-Identifier: MIT */
/*
 * Corpus: what the fuzzer found worth keeping, replayed with any compiler, whole and cut.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

enum {
	PATH_BYTES = 4096,
	CUTS = 16,
};

Test(corpus, every_input_is_played_or_refused, .timeout = 300)
{
	static uint8_t bytes[MACHINE_FUZZ_BYTES_MAX];
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
		for (size_t i = 0; i <= CUTS; i++)
			cr_expect(machine_fuzz_run(bytes, length * i / CUTS, &message),
				  "%s, %zu of %d: %s", entry->d_name, i, CUTS, message);
		count++;
	}
	closedir(inputs);
	cr_assert(count > 0, "%s is empty", folder);
}
