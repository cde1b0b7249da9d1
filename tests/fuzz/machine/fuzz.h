/* SPDX-License-Identifier: MIT */
/*
 * Bytes as what the memory machine is told from outside, for a fuzzer that invents bytes.
 *
 *     byte 0, modulo 3
 *     0   the rest is a script: read, and played on the model; sizes are made smaller, and
 *         programs are not executed
 *     1   the rest is an ELF file, which is executed with itself for an interpreter
 *     2   the rest is a profile: one that can be read is written, and read again
 *
 * The input lies right before a page that nobody may touch: reading on ends the test.
 */
#ifndef FUZZ_MACHINE_FUZZ_H
#define FUZZ_MACHINE_FUZZ_H

#include "input.h"

enum {
	MACHINE_FUZZ_BYTES_MAX = 1 << 16,
};

#endif
