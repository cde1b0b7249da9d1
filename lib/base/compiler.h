/* SPDX-License-Identifier: MIT */
/*
 * What the compiler can be told: branch weights, inlining, containing structs, array lengths.
 */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#include <stddef.h>

#define likely(c) __builtin_expect(!!(c), 1)
#define unlikely(c) __builtin_expect(!!(c), 0)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) ((type *)(void *)((char *)(p) - offsetof(type, member)))

/* The value of `x`, which the compiler is not to take apart, so that it is computed once. */
#define computed_once(x)                                                                          \
	__extension__({                                                                           \
		__typeof__(x) once_ = (x);                                                        \
		__asm__("" : "+r"(once_));                                                        \
		once_;                                                                            \
	})

/*
 * What is at `p`, read once by who compares it, while others may write it. An atomic load gcc keeps
 * apart from the comparison; this one becomes its operand. A word is read whole all the same.
 */
#if defined(__SANITIZE_THREAD__) || defined(__clang__)
#define load_compared(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#else
#define load_compared(p) (*(p))
#endif

/* Always inline: templates whose function arguments are constants, and fast paths. */
#define ALLOT_INLINE static inline __attribute__((always_inline))
/* Never inline, and kept apart from hot code: slow paths. */
#define ALLOT_COLD __attribute__((noinline, cold))
/* Every process runs it when it starts, and never again: kept together (layout.ld). */
#define ALLOT_START __attribute__((section(".text.start")))
/* Kept out of line so that the fast path needs no stack frame for it. */
#define ALLOT_OUTLINE __attribute__((noinline))

#endif
