/* SPDX-License-Identifier: MIT */
/*
 * An input: bytes that a fuzzer invents, and what one of the programs beside this does with them.
 *
 * Each fuzz.c says what the bytes mean; the fuzzer's entry and the replay of its corpus are
 * the same for all.
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Carry out what `bytes` say. False, with a line in *out_message, when something was wrong. */
bool input_run(const uint8_t *bytes, size_t count, const char **out_message);

#endif
