/* SPDX-License-Identifier: MIT */
/*
 * Replacement: the books' strings have the books' counts, every policy does what a plain second
 * implementation does, and OPT is never worse than any.
 */
#include <allot/vm.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "long_run.h"
#include "random.h"

enum { LENGTH_MAX = 2000, FRAMES_MAX = 12, MESSAGE_BYTES = 200 };

struct string {
	const char *name;
	unsigned char pages[24];
	size_t length;
};

static const struct string belady = {"Belady", {1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5}, 12};
static const struct string silberschatz = {
	"Silberschatz", {7, 0, 1, 2, 0, 3, 0, 4, 2, 3, 0, 3, 2, 1, 2, 0, 1, 7, 0, 1}, 20};
static const struct string ostep = {"OSTEP", {0, 1, 2, 0, 1, 3, 0, 3, 1, 2, 1}, 11};

/* Faults of a string of pages; `next` is NULL for all but OPT. */
static uint64_t faults_of(enum vm_policy_kind kind, uint32_t frames, const uint64_t *pages,
			  const uint64_t *next, size_t length)
{
	struct vm_policy_conf conf = {.kind = kind, .frames = frames, .seed = 7};
	struct vm_policy policy;
	size_t bytes = vm_policy_bytes(&conf);
	void *memory = malloc(bytes);
	cr_assert(vm_policy_init(&policy, memory, bytes, &conf, NULL, 0));
	for (size_t i = 0; i < length; i++)
		vm_policy_access(&policy, pages[i], false, next == NULL ? 0 : next[i], NULL);
	uint64_t faults = vm_policy_faults(&policy);
	free(memory);
	return faults;
}

static void next_use(const uint64_t *pages, size_t length, uint64_t *next)
{
	void *memory = malloc(vm_next_use_bytes(length));
	vm_next_use(pages, length, next, memory);
	free(memory);
}

static uint64_t book_faults(enum vm_policy_kind kind, uint32_t frames, const struct string *string)
{
	uint64_t pages[24], next[24];
	for (size_t i = 0; i < string->length; i++)
		pages[i] = string->pages[i];
	next_use(pages, string->length, next);
	return faults_of(kind, frames, pages, next, string->length);
}

Test(policy, the_strings_of_the_books_have_their_counts)
{
	static const struct {
		const struct string *string;
		enum vm_policy_kind kind;
		uint64_t with_3, with_4;
	} rows[] = {
		{&belady, VM_POLICY_FIFO, 9, 10},
		{&belady, VM_POLICY_LRU, 10, 8},
		{&belady, VM_POLICY_OPT, 7, 6},
		{&belady, VM_POLICY_CLOCK, 9, 10},
		{&silberschatz, VM_POLICY_FIFO, 15, 10},
		{&silberschatz, VM_POLICY_LRU, 12, 8},
		{&silberschatz, VM_POLICY_OPT, 9, 8},
		{&silberschatz, VM_POLICY_CLOCK, 14, 9},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *name = vm_policy_name(rows[i].kind);
		cr_expect_eq(book_faults(rows[i].kind, 3, rows[i].string), rows[i].with_3,
			     "%s, %s, 3 frames", rows[i].string->name, name);
		cr_expect_eq(book_faults(rows[i].kind, 4, rows[i].string), rows[i].with_4,
			     "%s, %s, 4 frames", rows[i].string->name, name);
	}
	cr_expect_eq(book_faults(VM_POLICY_FIFO, 3, &ostep), 7);
	cr_expect_eq(book_faults(VM_POLICY_LRU, 3, &ostep), 5);
	cr_expect_eq(book_faults(VM_POLICY_OPT, 3, &ostep), 5);
}

/* ---- a second implementation, by search ---- */

struct plain_frame {
	uint64_t page, came, used, next_use;
	unsigned history;
	bool is_full, is_referenced, is_active;
	uint64_t listed; /* when it came to the head of its list */
};

struct plain {
	struct plain_frame frames[FRAMES_MAX];
	enum vm_policy_kind kind;
	uint32_t count, used, hand;
	uint64_t clock, faults;
	struct random_source random;
};

static uint32_t plain_least(const struct plain *p, uint64_t (*key)(const struct plain_frame *))
{
	uint32_t least = 0;
	for (uint32_t i = 1; i < p->count; i++)
		if (key(&p->frames[i]) < key(&p->frames[least]))
			least = i;
	return least;
}

static uint64_t key_came(const struct plain_frame *f)
{
	return f->came;
}

static uint64_t key_used(const struct plain_frame *f)
{
	return f->used;
}

static uint64_t key_aged(const struct plain_frame *f)
{
	return f->history + (f->is_referenced ? 256 : 0);
}

static uint64_t key_counted(const struct plain_frame *f)
{
	return f->history + f->is_referenced;
}

static uint64_t key_needed(const struct plain_frame *f)
{
	return ~f->next_use;
}

/* The tail of the inactive list. */
static uint64_t key_inactive(const struct plain_frame *f)
{
	return f->is_active ? UINT64_MAX : f->listed;
}

static uint32_t plain_clock(struct plain *p)
{
	for (;; p->hand = (p->hand + 1) % p->count) {
		if (!p->frames[p->hand].is_referenced)
			break;
		p->frames[p->hand].is_referenced = false;
	}
	uint32_t victim = p->hand;
	p->hand = (p->hand + 1) % p->count;
	return victim;
}

static uint32_t plain_victim(struct plain *p)
{
	switch (p->kind) {
	case VM_POLICY_FIFO:
		return plain_least(p, key_came);
	case VM_POLICY_LRU:
		return plain_least(p, key_used);
	case VM_POLICY_CLOCK:
		return plain_clock(p);
	case VM_POLICY_AGING:
		return plain_least(p, key_aged);
	case VM_POLICY_NFU:
		return plain_least(p, key_counted);
	case VM_POLICY_OPT:
		return plain_least(p, key_needed);
	case VM_POLICY_TWO:
		return plain_least(p, key_inactive);
	default:
		return (uint32_t)random_below(&p->random, p->count);
	}
}

static void plain_activate(struct plain *p, struct plain_frame *frame)
{
	if (frame->is_active) {
		frame->is_referenced = true;
		return;
	}
	frame->is_active = true;
	frame->listed = ++p->clock;
	for (;;) {
		uint32_t active = 0;
		struct plain_frame *tail = NULL;
		for (uint32_t i = 0; i < p->count; i++) {
			struct plain_frame *f = &p->frames[i];
			active += f->is_full && f->is_active;
			if (f->is_full && f->is_active && (!tail || f->listed < tail->listed))
				tail = f;
		}
		if (active <= p->count / 2)
			return;
		tail->is_active = tail->is_referenced;
		tail->is_referenced = false;
		tail->listed = ++p->clock;
	}
}

static bool plain_access(struct plain *p, uint64_t page, uint64_t next, uint64_t number)
{
	uint32_t at = 0;
	while (at < p->count && !(p->frames[at].is_full && p->frames[at].page == page))
		at++;
	bool is_fault = at == p->count;
	if (is_fault) {
		at = p->used < p->count ? p->used++ : plain_victim(p);
		p->frames[at] = (struct plain_frame){
			.page = page, .came = ++p->clock, .is_full = true, .listed = p->clock};
		p->faults++;
	} else if (p->kind == VM_POLICY_TWO) {
		plain_activate(p, &p->frames[at]);
	}
	p->frames[at].used = ++p->clock;
	p->frames[at].next_use = next;
	if (p->kind != VM_POLICY_TWO)
		p->frames[at].is_referenced = true;
	bool has_period = p->kind == VM_POLICY_AGING || p->kind == VM_POLICY_NFU;
	for (uint32_t i = 0; i < p->count && has_period && number % VM_POLICY_TICK == 0; i++) {
		struct plain_frame *f = &p->frames[i];
		f->history = p->kind == VM_POLICY_AGING
				     ? f->history / 2 + (f->is_referenced ? 128 : 0)
				     : f->history + f->is_referenced;
		f->is_referenced = false;
	}
	return is_fault;
}

static size_t string_draw(struct random_source *random, uint64_t *pages)
{
	size_t length = random_between(random, 1, LENGTH_MAX);
	size_t universe = random_between(random, 1, 40);
	for (size_t i = 0; i < length; i++)
		pages[i] = random_below(random, 3) && i > 3 ? pages[i - 1 - random_below(random, 3)]
							    : random_below(random, universe);
	return length;
}

static void compare(enum vm_policy_kind kind, uint32_t frames, uint64_t seed,
		    const uint64_t *pages, const uint64_t *next, size_t length)
{
	struct vm_policy_conf conf = {.kind = kind, .frames = frames, .seed = seed};
	struct plain plain = {.kind = kind, .count = frames, .random = {seed}};
	struct vm_policy policy;
	char memory[8192] __attribute__((aligned(8)));
	cr_assert(vm_policy_init(&policy, memory, sizeof(memory), &conf, NULL, 0));
	for (size_t i = 0; i < length; i++) {
		struct vm_policy_step step;
		struct vm_policy_frame frame;
		vm_policy_access(&policy, pages[i], false, next[i], &step);
		bool is_fault = plain_access(&plain, pages[i], next[i], i + 1);
		cr_assert_eq(step.is_fault, is_fault, "seed %lu, %s, %u frames, access %zu", seed,
			     vm_policy_name(kind), frames, i);
		vm_policy_frame(&policy, step.frame, &frame);
		cr_assert_eq(frame.page, pages[i]);
	}
	cr_assert_eq(vm_policy_faults(&policy), plain.faults);
}

Test(policy, every_policy_is_what_a_plain_one_is, .timeout = 300)
{
	static uint64_t pages[LENGTH_MAX], next[LENGTH_MAX];
	uint64_t first = test_seed();
	unsigned runs = is_long_run() ? 2000 : 60;
	fprintf(stderr, "policy: seeds %lu to %lu\n", first, first + runs - 1);
	for (uint64_t seed = first; seed < first + runs; seed++) {
		struct random_source random = {seed};
		size_t length = string_draw(&random, pages);
		next_use(pages, length, next);
		for (unsigned kind = 0; kind < VM_POLICY_COUNT; kind++)
			for (uint32_t frames = 1; frames <= FRAMES_MAX; frames++)
				compare((enum vm_policy_kind)kind, frames, seed, pages, next,
					length);
	}
}

Test(policy, opt_is_never_worse_and_stacks_never_lose_by_a_frame, .timeout = 300)
{
	static uint64_t pages[LENGTH_MAX], next[LENGTH_MAX];
	uint64_t first = test_seed();
	for (uint64_t seed = first; seed < first + 60; seed++) {
		struct random_source random = {seed};
		size_t length = string_draw(&random, pages);
		uint64_t before[VM_POLICY_COUNT];
		next_use(pages, length, next);
		memset(before, 0xff, sizeof(before));
		for (uint32_t frames = 1; frames <= FRAMES_MAX; frames++) {
			uint64_t best = faults_of(VM_POLICY_OPT, frames, pages, next, length);
			for (unsigned kind = 0; kind < VM_POLICY_COUNT; kind++) {
				uint64_t faults = faults_of((enum vm_policy_kind)kind, frames,
							    pages, next, length);
				bool is_stack = kind == VM_POLICY_LRU || kind == VM_POLICY_OPT;
				cr_assert_leq(best, faults, "seed %lu, %s", seed,
					      vm_policy_name(kind));
				cr_assert(!is_stack || faults <= before[kind],
					  "seed %lu, %s, %u frames", seed, vm_policy_name(kind),
					  frames);
				before[kind] = faults;
			}
		}
	}
}

Test(policy, a_step_tells_what_happened)
{
	struct vm_policy_conf conf = {.kind = VM_POLICY_CLOCK, .frames = 2};
	char memory[1024] __attribute__((aligned(8)));
	struct vm_policy policy;
	struct vm_policy_step step;
	struct vm_policy_frame frame;
	cr_assert(vm_policy_init(&policy, memory, sizeof(memory), &conf, NULL, 0));
	vm_policy_access(&policy, 10, true, 0, &step);
	cr_expect(step.is_fault && !step.is_eviction && step.frame == 0);
	vm_policy_access(&policy, 11, false, 0, &step);
	vm_policy_access(&policy, 10, false, 0, &step);
	cr_expect_not(step.is_fault);
	cr_expect_eq(vm_policy_hand(&policy), 0);
	vm_policy_access(&policy, 12, false, 0, &step);
	cr_expect(step.is_eviction && step.is_writeback && step.victim == 10);
	cr_expect_eq(vm_policy_hand(&policy), 1);
	vm_policy_frame(&policy, 1, &frame);
	cr_expect(frame.page == 11 && !frame.is_referenced);
	vm_policy_access(&policy, 13, false, 0, &step);
	cr_expect(step.victim == 11 && !step.is_writeback);
	cr_expect_eq(vm_policy_writebacks(&policy), 1);
}

Test(policy, impossible_ones_are_refused_with_the_reason)
{
	struct vm_policy_conf conf = {.kind = VM_POLICY_FIFO, .frames = 0};
	struct vm_policy policy;
	char memory[64] __attribute__((aligned(8))), message[MESSAGE_BYTES] = "";
	cr_expect_not(vm_policy_init(&policy, memory, 64, &conf, message, sizeof(message)));
	cr_expect_not_null(strstr(message, "frames, not 0"), "%s", message);
	conf.frames = 3;
	cr_expect_not(vm_policy_init(&policy, memory, 64, &conf, message, sizeof(message)));
	cr_expect_not_null(strstr(message, "64 bytes of memory"), "%s", message);
	cr_expect_null(vm_policy_name(VM_POLICY_COUNT));
}
