/* SPDX-License-Identifier: MIT */
/*
 * Where a function is: its program counter, stack pointer and frame pointer, for who walks the
 * stack from there on.
 *
 * All three are read in one place, and in an order that is right even when the compiler puts one
 * of the results into the frame pointer's register, which it saved before.
 */
#ifndef BASE_REGISTERS_H
#define BASE_REGISTERS_H

#include <stdint.h>

#include "base/compiler.h"

/* The part of a function's state that its callers' frames are found by. */
struct registers {
	uintptr_t pc; /* an address within the function */
	uintptr_t sp;
	uintptr_t fp; /* rbp; x29 */
};

/*
 * Of functions that read other functions' stack frames, which the address sanitizer takes for
 * accesses out of bounds.
 */
#define READS_STACK __attribute__((no_sanitize("address")))

#if defined(__x86_64__)

/* The registers here. Fast path: three moves. */
ALLOT_INLINE struct registers registers_here(void)
{
	struct registers here;
	__asm__ volatile("mov %%rbp, %2\n\t"
			 "mov %%rsp, %1\n\t"
			 "lea 0(%%rip), %0"
			 : "=r"(here.pc), "=&r"(here.sp), "=&r"(here.fp));
	return here;
}

/* The address in a word that a call left on the stack. */
ALLOT_INLINE uintptr_t code_address(uintptr_t word)
{
	return word;
}

#elif defined(__aarch64__)

ALLOT_INLINE struct registers registers_here(void)
{
	struct registers here;
	__asm__ volatile("mov %2, x29\n\t"
			 "mov %1, sp\n\t"
			 "adr %0, ."
			 : "=r"(here.pc), "=&r"(here.sp), "=&r"(here.fp));
	return here;
}

/* Without the signature that pointer authentication puts above the 48 bits of an address. */
ALLOT_INLINE uintptr_t code_address(uintptr_t word)
{
	return word & (((uintptr_t)1 << 48) - 1);
}

#else
#error "allot knows the registers of x86-64 and aarch64 only"
#endif

#endif
