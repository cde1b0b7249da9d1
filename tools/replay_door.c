/* SPDX-License-Identifier: MIT */
/*
 * Replay on the model, the door: where the heap reaches for pages, and for words in them.
 *
 * A heap compiled with ALLOT_OBSERVED leaves three things to the program that links it: reporting
 * an access, the one function for system calls, and, as the linker wraps them, moving the break,
 * copying, clearing, mapping memory for books and the clock. Their prototypes are those of
 * lib/base/access.h, lib/base/kernel_call.h and lib/os; they stand here because a tool sees no
 * header of lib.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "replay_model.h"

void access_observe(const void *address, size_t bytes, int kind);
long kernel_call(long number, long a, long b, long c, long d, long e, long f);
void *os_map(size_t bytes);
uint32_t os_clock_ms(void);

/* What --wrap of the linker makes of the names. */
void *__wrap_os_map(size_t bytes);
uint32_t __wrap_os_clock_ms(void);
void *__wrap_sbrk(intptr_t bytes);
void *__wrap_memset(void *to, int byte, size_t bytes);
void *__wrap_memcpy(void *to, const void *from, size_t bytes);
void *__real_os_map(size_t bytes);
void *__real_sbrk(intptr_t bytes);
void *__real_memset(void *to, int byte, size_t bytes);
void *__real_memcpy(void *to, const void *from, size_t bytes);

/* The pages of books are not on the machine. */
static bool is_for_books;

void access_observe(const void *address, size_t bytes, int kind)
{
	enum { STORE = 1 }; /* ACCESS_STORE */

	if (mirror.is_inside)
		mirror_access((uint64_t)address, bytes, kind == STORE);
}

/* The mirror's work for a call, without its own accesses and faults. */
static void call_mirror(long number, const long arguments[6], long result)
{
	uint64_t before = mirror.is_verified ? kernel_faults() : 0;
	uint64_t flushed = mirror.own_faults;

	mirror.is_inside = false;
	mirror_call(number, arguments, result);
	mirror.is_inside = true;
	if (mirror.is_verified)
		mirror.own_faults = flushed + kernel_faults() - before;
}

long kernel_call(long number, long a, long b, long c, long d, long e, long f)
{
	const long arguments[6] = {a, b, c, d, e, f};
	int saved_errno = errno;

	/* Accesses before the call come before it. */
	if (mirror.is_inside && mirror.log_count > 0)
		mirror_flush();
	long result = syscall(number, a, b, c, d, e, f);
	if (result == -1)
		result = -errno;
	errno = saved_errno;
	if (mirror.is_inside && !is_for_books && (result >= 0 || result < -4095))
		call_mirror(number, arguments, result);
	return result;
}

void *__wrap_os_map(size_t bytes)
{
	is_for_books = true;
	void *base = __real_os_map(bytes);
	is_for_books = false;
	if (base != NULL && mirror.is_inside)
		mirror_metadata_add((uint64_t)base, bytes);
	return base;
}

/* The recording's clock: how fast we are makes no difference to what the heap gives back. */
uint32_t __wrap_os_clock_ms(void)
{
	return mirror.clock_ms;
}

void *__wrap_sbrk(intptr_t bytes)
{
	char *before = __real_sbrk(bytes);

	if (mirror.is_inside && bytes != 0 && before != (void *)-1) {
		mirror.is_inside = false;
		mirror_break((uint64_t)before + (uint64_t)bytes);
		mirror.is_inside = true;
	}
	return before;
}

/* Only what lies in pages of the heap: the rest is variables of the library. */
static bool is_of_heap(uint64_t address)
{
	struct vm_area_view area;

	return vm_area_next(mirror.spaces[REPLAY_SPACE_NONE], address, &area) &&
	       area.start <= address;
}

static void range_observe(const void *address, size_t bytes, bool is_store)
{
	mirror.is_inside = false;
	bool is_seen = is_of_heap((uint64_t)address);
	mirror.is_inside = true;
	if (is_seen)
		mirror_access((uint64_t)address, bytes, is_store);
}

void *__wrap_memset(void *to, int byte, size_t bytes)
{
	if (mirror.is_inside)
		range_observe(to, bytes, true);
	return __real_memset(to, byte, bytes);
}

void *__wrap_memcpy(void *to, const void *from, size_t bytes)
{
	if (mirror.is_inside) {
		range_observe(from, bytes, false);
		range_observe(to, bytes, true);
	}
	return __real_memcpy(to, from, bytes);
}
