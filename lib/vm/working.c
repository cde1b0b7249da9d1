/* SPDX-License-Identifier: MIT */
/*
 * Working sets: which pages the last tau accesses were to, and how many each interval touched.
 *
 * The pages of the set are a list by last access. Time moves on by whole runs of accesses to one
 * page; between its beginning and its end pages leave from the tail of the list, each at the
 * moment its last access is tau old. So a run costs as much as pages come and go.
 *
 * A page that left the set was not accessed in the interval under way, which is no longer than
 * tau: the footprint needs no memory of its own.
 *
 * Source: Denning, "The working set model for program behavior", 1968.
 */
#include <allot/vm.h>

#include <string.h>

#include "vm/page_index.h"

enum { NOTHING = 0 }; /* the end of a list; item 0 is not used */

struct item {
	uint64_t page;
	uint64_t last;      /* when it was accessed, from 1 */
	uint32_t newer, older;
};

struct vm_working_state {
	struct page_index index;
	struct item *items;      /* from 1 */
	struct vm_working_view view;
	uint64_t tau;
	uint32_t pages_max;
	uint32_t newest, oldest; /* NOTHING when the set is empty */
	uint32_t spare;          /* unused items, by `older` */
};

size_t vm_working_bytes(uint32_t pages_max)
{
	return sizeof(struct vm_working_state) + (pages_max + (size_t)1) * sizeof(struct item) +
	       page_index_bytes(pages_max);
}

void vm_working_init(struct vm_working *working, void *memory, uint32_t pages_max, uint64_t tau)
{
	struct vm_working_state *s = working->state = memory;
	assert(tau > 0);
	memset(s, 0, sizeof(*s));
	s->tau = tau;
	s->pages_max = pages_max;
	s->items = (struct item *)(s + 1);
	for (uint32_t i = pages_max; i > 0; i--) {
		s->items[i].older = s->spare;
		s->spare = i;
	}
	page_index_init(&s->index, s->items + pages_max + 1, pages_max);
}

/* ---- the list ---- */

static void item_unlink(struct vm_working_state *s, uint32_t item)
{
	struct item *it = &s->items[item];
	if (it->newer != NOTHING)
		s->items[it->newer].older = it->older;
	else
		s->newest = it->older;
	if (it->older != NOTHING)
		s->items[it->older].newer = it->newer;
	else
		s->oldest = it->newer;
}

static void item_link(struct vm_working_state *s, uint32_t item)
{
	struct item *it = &s->items[item];
	it->newer = NOTHING;
	it->older = s->newest;
	if (s->newest != NOTHING)
		s->items[s->newest].newer = item;
	else
		s->oldest = item;
	s->newest = item;
}

/* Let go of the pages whose time is over at `now`, but of `kept` in no case. */
static void expire(struct vm_working_state *s, uint64_t now, uint64_t kept)
{
	while (s->oldest != NOTHING && s->items[s->oldest].last + s->tau <= now &&
	       s->items[s->oldest].page != kept) {
		uint32_t item = s->oldest;
		item_unlink(s, item);
		page_index_remove(&s->index, s->items[item].page);
		s->items[item].older = s->spare;
		s->spare = item;
		s->view.pages--;
	}
}

/* ---- time ---- */

/* Accesses `from` to `until` are to the newest page: add up the sizes of the set. */
static void sum_run(struct vm_working_state *s, uint64_t from, uint64_t until)
{
	while (s->oldest != s->newest && s->items[s->oldest].last + s->tau <= until) {
		uint64_t leaves = s->items[s->oldest].last + s->tau;
		s->view.page_sum += s->view.pages * (leaves - from);
		from = leaves;
		expire(s, leaves, s->items[s->newest].page);
	}
	s->view.page_sum += s->view.pages * (until - from + 1);
}

static void interval_end(struct vm_working_state *s)
{
	s->view.footprint = s->view.interval_pages;
	if (s->view.footprint > s->view.footprint_max)
		s->view.footprint_max = s->view.footprint;
	s->view.intervals++;
	s->view.interval_pages = 0;
}

/* The same accesses in intervals; the page is counted in that of `from` already. */
static void interval_run(struct vm_working_state *s, uint64_t from, uint64_t until)
{
	uint64_t ended = until / s->tau - (from - 1) / s->tau;
	if (ended == 0)
		return;
	interval_end(s);
	if (ended > 1) {
		/* Whole intervals of this page alone. */
		s->view.footprint = 1;
		s->view.intervals += ended - 1;
	}
	s->view.interval_pages = until % s->tau != 0;
}

bool vm_working_add(struct vm_working *working, uint64_t page, uint64_t count)
{
	struct vm_working_state *s = working->state;
	uint64_t from = s->view.accesses + 1, until = s->view.accesses + count;
	uint64_t interval_begin = (from - 1) / s->tau * s->tau + 1;
	if (count == 0)
		return true;
	uint32_t place = page_index_place(&s->index, page);
	uint32_t item = page_index_has(&s->index, place) ? s->index.values[place] : NOTHING;
	bool is_known = item != NOTHING;
	if (is_known) {
		s->view.interval_pages += s->items[item].last < interval_begin;
		item_unlink(s, item);
		item_link(s, item);
		s->items[item].last = until;
		expire(s, from, page);
	} else {
		expire(s, from, VM_NO_PAGE);
		if (s->spare == NOTHING)
			return false;
		item = s->spare;
		s->spare = s->items[item].older;
		s->items[item] = (struct item){.page = page, .last = until};
		item_link(s, item);
		page_index_put(&s->index, page_index_place(&s->index, page), page, item);
		s->view.pages++;
		s->view.interval_pages++;
	}
	if (s->view.pages > s->view.pages_max)
		s->view.pages_max = s->view.pages;
	sum_run(s, from, until);
	interval_run(s, from, until);
	s->view.accesses = until;
	return true;
}

void vm_working_move(struct vm_working *working, void *memory, uint32_t pages_max)
{
	const struct vm_working_state *old = working->state;
	assert(pages_max >= old->view.pages);
	vm_working_init(working, memory, pages_max, old->tau);
	struct vm_working_state *s = working->state;
	s->view = old->view;
	for (uint32_t from = old->oldest; from != NOTHING; from = old->items[from].newer) {
		uint32_t item = s->spare;
		uint64_t page = old->items[from].page;
		s->spare = s->items[item].older;
		s->items[item] = (struct item){.page = page, .last = old->items[from].last};
		item_link(s, item);
		page_index_put(&s->index, page_index_place(&s->index, page), page, item);
	}
}

void vm_working_view(const struct vm_working *working, struct vm_working_view *out)
{
	*out = working->state->view;
}
