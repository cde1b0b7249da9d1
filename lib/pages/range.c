/* SPDX-License-Identifier: MIT */
/*
 * A heap's address space. See range.h.
 */
#include "pages/range.h"

#include "base/bits.h"
#include "base/compiler.h"
#include "os/brk.h"
#include "os/map.h"

enum { LIMIT_SHARE = 16 };

ALLOT_START bool range_init(struct range *range, size_t bytes, size_t bytes_min, size_t align)
{
	*range = (struct range){0};
	size_t limit = os_address_space_limit();
	while (bytes > limit / LIMIT_SHARE)
		bytes /= 2;
	for (; bytes >= bytes_min; bytes /= 2) {
		uintptr_t base = (uintptr_t)os_reserve_aligned(bytes, align);
		if (base == 0)
			continue;
		range->base = base;
		range->bytes = bytes;
		return true;
	}
	return false;
}

bool range_init_break(struct range *range, size_t bytes, size_t align)
{
	uintptr_t base = align_down(os_break(), align);
	*range = (struct range){0};
	if (base == 0 || base > UINTPTR_MAX - bytes)
		return false;
	range->base = base;
	range->bytes = bytes;
	atomic_store(&range->taken_bytes, bytes);
	return true;
}

void range_finish(struct range *range)
{
	size_t taken = atomic_load(&range->taken_bytes);
	if (range->bytes > taken)
		os_unmap(range->base + taken, range->bytes - taken);
	range->bytes = 0;
}

uintptr_t range_take(struct range *range, size_t bytes, size_t align)
{
	size_t taken = atomic_load_explicit(&range->taken_bytes, memory_order_relaxed);
	size_t begin;
	do {
		begin = align_up(range->base + taken, align) - range->base;
		if (begin > range->bytes || range->bytes - begin < bytes)
			return 0;
	} while (!atomic_compare_exchange_weak(&range->taken_bytes, &taken, begin + bytes));
	return range->base + begin;
}
