/* SPDX-License-Identifier: MIT */
/*
 * Shapes of stack frames. Compiled several times, UNWIND_CALLS being the name of what it defines.
 * See unwind_calls.h.
 */
#include "unwind_calls.h"

#include <alloca.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#define NAME_OF(x) #x
#define NAME(x) NAME_OF(x)
/* clang makes no clones. */
#ifdef __clang__
#define KEPT __attribute__((noinline))
#else
#define KEPT __attribute__((noinline, noclone))
#endif

/* Keeps calls from being the last thing a function does, and arrays from being left out. */
static KEPT int used(const void *p, int result)
{
	__asm__ volatile("" : : "r"(p) : "memory");
	return result + 1;
}

static KEPT int plain(unwind_next *next, void *argument)
{
	return used(argument, next(argument));
}

static KEPT int large(unwind_next *next, void *argument)
{
	char array[20000];
	memset(array, 1, sizeof(array));
	return used(array, next(argument));
}

static KEPT int variable(unwind_next *next, void *argument)
{
	char *array = alloca(unwind_variable_bytes);
	return used(array, next(argument));
}

static KEPT int aligned(unwind_next *next, void *argument)
{
	_Alignas(128) char array[256];
	memset(array, 1, sizeof(array));
	return used(array, next(argument));
}

/* What makes gcc keep the caller's stack pointer in the frame. */
static KEPT int aligned_variable(unwind_next *next, void *argument)
{
	_Alignas(64) char array[64];
	char *more = alloca(unwind_variable_bytes);
	memset(array, 1, sizeof(array));
	return used(array, used(more, next(argument)));
}

static KEPT int many(int count, ...)
{
	va_list arguments;
	va_start(arguments, count);
	unwind_next *next = va_arg(arguments, unwind_next *);
	void *argument = va_arg(arguments, void *);
	int result = next(argument);
	for (int i = 0; i < count; i++)
		result += va_arg(arguments, int);
	va_end(arguments);
	return used(argument, result);
}

static KEPT int arguments_on_stack(unwind_next *next, void *argument)
{
	return used(argument, many(9, next, argument, 1, 2, 3, 4, 5, 6, 7, 8, 9));
}

/* Needs all registers that are kept for the caller. */
static KEPT int registers(unwind_next *next, void *argument)
{
	int a = used(argument, 1), b = used(argument, a), c = used(argument, b);
	int d = used(argument, c), e = used(argument, d), f = used(argument, e);
	int g = next(argument);
	return a * b + c * d + e * f + g + used(argument, a ^ b ^ c ^ d ^ e ^ f);
}

/* Left by a jump once, before it is left in order. */
static KEPT int jumped(unwind_next *next, void *argument)
{
	jmp_buf jump;
	volatile int result = 0;
	if (setjmp(jump) == 0) {
		result = next(argument);
		longjmp(jump, 1);
	}
	return used(argument, result);
}

static KEPT int recurse(int depth, unwind_next *next, void *argument)
{
	if (depth == 0)
		return next(argument);
	return used(&depth, recurse(depth - 1, next, argument));
}

const struct unwind_calls UNWIND_CALLS = {
	.name = NAME(UNWIND_CALLS),
	.shapes = {
		plain, large, variable, aligned, aligned_variable, arguments_on_stack, registers,
		jumped,
	},
	.recurse = recurse,
};
