/* SPDX-License-Identifier: MIT */
/*
 * Swap slots. See swap.h.
 */
#include "vm/swap.h"

#include "base/bits.h"
#include "vm/memory.h"

bool swap_init(struct swap *swap, uint64_t count)
{
	assert(count >= 2);
	*swap = (struct swap){.count = count, .free_count = count - 1, .next = 1};
	swap->uses = memory_take(count * sizeof(swap->uses[0]));
	swap->frames = memory_take(count * sizeof(swap->frames[0]));
	swap->shadows = memory_take(count * sizeof(swap->shadows[0]));
	if (swap->uses != NULL && swap->frames != NULL && swap->shadows != NULL)
		return true;
	swap_finish(swap);
	return false;
}

void swap_finish(struct swap *swap)
{
	if (swap->uses != NULL)
		memory_give(swap->uses, swap->count * sizeof(swap->uses[0]));
	if (swap->frames != NULL)
		memory_give(swap->frames, swap->count * sizeof(swap->frames[0]));
	if (swap->shadows != NULL)
		memory_give(swap->shadows, swap->count * sizeof(swap->shadows[0]));
	*swap = (struct swap){0};
}

uint64_t swap_take(struct swap *swap)
{
	if (swap->free_count == 0)
		return SWAP_NONE;
	while (swap->uses[swap->next] != 0)
		swap->next = swap->next + 1 < swap->count ? swap->next + 1 : 1;
	swap->uses[swap->next] = 1;
	swap->free_count--;
	return swap->next;
}

bool swap_share(struct swap *swap, uint64_t slot)
{
	assert(slot > 0 && slot < swap->count && swap->uses[slot] > 0);
	if (swap->uses[slot] == SWAP_USES_MAX)
		return false;
	swap->uses[slot]++;
	return true;
}

bool swap_give(struct swap *swap, uint64_t slot)
{
	assert(slot > 0 && slot < swap->count && swap->uses[slot] > 0);
	if (--swap->uses[slot] > 0)
		return false;
	swap->free_count++;
	return true;
}

void swap_window(const struct swap *swap, uint64_t slot, unsigned cluster, uint64_t *out_first,
		 uint64_t *out_end)
{
	uint64_t first = slot >> cluster << cluster;
	uint64_t end = first + ((uint64_t)1 << cluster);
	*out_first = first == 0 ? 1 : first;
	*out_end = end < swap->count ? end : swap->count;
}

bool swap_check(const struct swap *swap, const char **why)
{
	uint64_t free_count = 0;
	*why = "the header of swap is lent";
	if (swap->uses[0] != 0)
		return false;
	for (uint64_t i = 1; i < swap->count; i++)
		free_count += swap->uses[i] == 0;
	*why = "free swap slots are miscounted";
	return free_count == swap->free_count;
}
