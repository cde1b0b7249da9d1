/* SPDX-License-Identifier: MIT */
/*
 * Corpus: what the fuzzer found worth keeping, replayed on every strategy with every policy, with
 * any compiler. An input that once broke something stays here.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

enum { INPUT_BYTES_MAX = 1 << 16, PATH_BYTES = 4096, TIMEOUT_S = 300 };

static size_t input_read(const char *folder, const char *name, uint8_t *bytes)
{
	char path[PATH_BYTES];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "rb");
	cr_assert_not_null(file, "%s", path);
	size_t count = fread(bytes, 1, INPUT_BYTES_MAX, file);
	fclose(file);
	return count;
}

static void replay(const char *name, const uint8_t *bytes, size_t count)
{
	char message[SHADOW_MESSAGE_BYTES], conf[256];
	struct choice choice;
	for (size_t i = 0; choice_get(i, &choice); i++)
		cr_expect(fuzz_run(bytes, count, &choice, message), "%s, %s: %s", name,
			  choice_conf(&choice, NULL, conf, sizeof(conf)), message);
}

Test(corpus, every_input_is_right_on_every_strategy, .timeout = TIMEOUT_S)
{
	static uint8_t bytes[INPUT_BYTES_MAX];
	const char *folder = getenv("ALLOT_TEST_CORPUS");
	cr_assert_not_null(folder, "ALLOT_TEST_CORPUS names the folder of inputs");
	DIR *inputs = opendir(folder);
	cr_assert_not_null(inputs, "%s", folder);
	size_t count = 0;
	for (struct dirent *entry; (entry = readdir(inputs)) != NULL;) {
		if (entry->d_name[0] == '.')
			continue;
		replay(entry->d_name, bytes, input_read(folder, entry->d_name, bytes));
		count++;
	}
	closedir(inputs);
	cr_assert(count > 0, "%s is empty", folder);
}

Test(corpus, no_input_is_too_short)
{
	static const uint8_t bytes[16];
	char message[SHADOW_MESSAGE_BYTES];
	for (size_t count = 0; count <= sizeof(bytes); count++)
		cr_expect(fuzz_run(bytes, count, NULL, message), "%zu bytes: %s", count, message);
}
