/* SPDX-License-Identifier: MIT */
/*
 * What the fuzzer's bytes are read as: a file of traces, in whatever form they say.
 *
 * A packed file's sums are put right first, so that what is behind them is reached. A raw file is
 * given the header it would need, its first slot being the bytes.
 */
#ifndef FUZZ_TRACE_FUZZ_H
#define FUZZ_TRACE_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Carry the bytes out. False with a message: something that must hold did not. */
bool trace_fuzz_run(const uint8_t *bytes, size_t count, const char **out_message);

#endif
