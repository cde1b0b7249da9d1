/* SPDX-License-Identifier: MIT */
/*
 * Bytes as traces and machines, for a fuzzer that invents bytes.
 *
 *     byte 0, modulo 5
 *     0   the rest is lackey's text: read whole and in pieces, it must be the same
 *     1   the rest is a block of the binary form, as it is
 *     2   the rest is the payload of a block whose header and checksum are right; the first two
 *         bytes of it are the number of accesses: what can be read must be written and read again
 *     3   the rest is accesses of 8 bytes: what is written must be read
 *     4   the rest is a machine: when it is possible, addresses are taken apart and put together
 */
#ifndef FUZZ_VM_FUZZ_H
#define FUZZ_VM_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Carry out what `bytes` say. False, with a line in *out_message, when something was wrong. */
bool vm_fuzz_run(const uint8_t *bytes, size_t count, const char **out_message);

#endif
