/* SPDX-License-Identifier: MIT */
/*
 * Corpus: what the fuzzer found worth keeping, replayed with any compiler, whole and cut by up to
 * INPUT_CUT_BYTES_MAX bytes, which the build says.
 */
#include "corpus.h"
#include "input.h"

static void replay(const char *name, const uint8_t *bytes, size_t count)
{
	const char *message = "";
	size_t least = count > INPUT_CUT_BYTES_MAX ? count - INPUT_CUT_BYTES_MAX : 0;
	for (size_t i = least; i <= count; i++)
		cr_expect(input_run(bytes, i, &message), "%s, %zu bytes: %s", name, i, message);
}

Test(corpus, every_input_is_read_or_refused)
{
	corpus_visit(replay);
}
