/* SPDX-License-Identifier: MIT */
/*
 * Corpus: what the fuzzer found worth keeping, replayed on every strategy with every policy, with
 * any compiler. An input that once broke something stays here.
 */
#include "corpus.h"
#include "fuzz.h"

enum { TIMEOUT_S = 300 };

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
	corpus_visit(replay);
}

Test(corpus, no_input_is_too_short)
{
	static const uint8_t bytes[16];
	char message[SHADOW_MESSAGE_BYTES];
	for (size_t count = 0; count <= sizeof(bytes); count++)
		cr_expect(fuzz_run(bytes, count, NULL, message), "%zu bytes: %s", count, message);
}
