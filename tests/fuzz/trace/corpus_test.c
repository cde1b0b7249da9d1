/* SPDX-License-Identifier: MIT */
/*
 * Corpus: what the fuzzer found worth keeping, replayed with any compiler, whole and cut.
 */
#include "corpus.h"
#include "fuzz.h"

enum { CUT_BYTES_MAX = 40 };

static void replay(const char *name, const uint8_t *bytes, size_t count)
{
	const char *message = "";
	for (size_t i = count > CUT_BYTES_MAX ? count - CUT_BYTES_MAX : 0; i <= count; i++)
		cr_expect(trace_fuzz_run(bytes, i, &message), "%s, %zu bytes: %s", name, i,
			  message);
}

Test(corpus, every_input_is_read_or_refused)
{
	corpus_visit(replay);
}
