/* SPDX-License-Identifier: MIT */
/*
 * Corpus: what the fuzzer found worth keeping, replayed with any compiler, whole and cut.
 */
#include "corpus.h"
#include "fuzz.h"

enum { CUTS = 16 };

_Static_assert((int)CORPUS_INPUT_BYTES_MAX <= (int)MACHINE_FUZZ_BYTES_MAX, "none is too long");

static void replay(const char *name, const uint8_t *bytes, size_t count)
{
	const char *message = "";
	for (size_t i = 0; i <= CUTS; i++)
		cr_expect(input_run(bytes, count * i / CUTS, &message), "%s, %zu of %d: %s",
			  name, i, CUTS, message);
}

Test(corpus, every_input_is_played_or_refused, .timeout = 300)
{
	corpus_visit(replay);
}
