/* SPDX-License-Identifier: MIT */
/*
 * Bytes as operations on a heap, for a fuzzer that invents bytes.
 *
 *     byte 0     which strategy with which policies (support/choice.h), modulo their number
 *     byte 1     where its memory comes from: mmap, sbrk, a buffer, mmap with low thresholds
 *     then four bytes an operation:
 *     byte 0     bits 0..2 what to do, bits 3..7 the slot
 *     byte 1, 2  a size, low byte first
 *     byte 3     bits 0..3 log2 of alignment / 16, or the count of zeroed elements;
 *                bits 4..5 twice how far the size is shifted; bit 6 one slot of the upper half;
 *                bit 7 with bit 3: a size nobody has
 *
 * Every input means something, so that no effort of the fuzzer is lost.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "choice.h"
#include "shadow.h"

/*
 * Carry out what `bytes` say, checking the heap after each operation. With `choice`, that is used
 * whatever byte 0 says. False, with a line in `message`, when something was wrong.
 */
bool fuzz_run(const uint8_t *bytes, size_t count, const struct choice *choice,
	      char message[SHADOW_MESSAGE_BYTES]);

#endif
