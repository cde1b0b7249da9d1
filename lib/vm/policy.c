/* SPDX-License-Identifier: MIT */
/*
 * Replacement: which page leaves when all frames are taken, as the textbooks have it.
 *
 * A policy is a row of four functions: what a hit does, what a page that comes does, which frame is
 * taken, what the end of a period does. Empty frames are taken first, in order, by every policy.
 *
 * FIFO and CLOCK need no list: as frames are filled in order, the hand that goes round them meets
 * the oldest page first.
 */
#include <allot/vm.h>

#include <string.h>

#include "base/compiler.h"
#include "base/text.h"
#include "vm/page_index.h"

enum {
	AGE_NEWEST = 1 << 7, /* of eight bits of history */
};

struct frame {
	uint64_t page;
	uint64_t next_use; /* OPT */
	uint32_t previous; /* in a list: nearer to the head, VM_NO_FRAME at the head */
	uint32_t next;
	uint32_t age;
	bool is_referenced;
	bool is_dirty;
	bool is_active;
};

/* Frames from the one used last (head) to the one used first. */
struct list {
	uint32_t head, tail;
	uint32_t count;
};

struct vm_policy_state {
	struct vm_policy_conf conf;
	struct page_index index; /* the frame of a page */
	struct frame *frames;
	struct list inactive;    /* LRU: all of them */
	struct list active;
	uint64_t accesses, faults, writebacks, random;
	uint32_t used;
	uint32_t hand;
};

/* ---- lists ---- */

static void list_push(struct vm_policy_state *s, struct list *list, uint32_t frame)
{
	struct frame *f = &s->frames[frame];
	f->previous = VM_NO_FRAME;
	f->next = list->head;
	if (list->head != VM_NO_FRAME)
		s->frames[list->head].previous = frame;
	else
		list->tail = frame;
	list->head = frame;
	list->count++;
}

static void list_remove(struct vm_policy_state *s, struct list *list, uint32_t frame)
{
	struct frame *f = &s->frames[frame];
	if (f->previous != VM_NO_FRAME)
		s->frames[f->previous].next = f->next;
	else
		list->head = f->next;
	if (f->next != VM_NO_FRAME)
		s->frames[f->next].previous = f->previous;
	else
		list->tail = f->previous;
	list->count--;
}

/* ---- the policies ---- */

static void nothing(struct vm_policy_state *s, uint32_t frame)
{
	(void)s;
	(void)frame;
}

static void no_period(struct vm_policy_state *s)
{
	(void)s;
}

static uint32_t hand_victim(struct vm_policy_state *s)
{
	uint32_t victim = s->hand;
	s->hand = (s->hand + 1) % s->conf.frames;
	return victim;
}

static void lru_hit(struct vm_policy_state *s, uint32_t frame)
{
	list_remove(s, &s->inactive, frame);
	list_push(s, &s->inactive, frame);
}

static void lru_come(struct vm_policy_state *s, uint32_t frame)
{
	list_push(s, &s->inactive, frame);
}

static uint32_t lru_victim(struct vm_policy_state *s)
{
	uint32_t victim = s->inactive.tail;
	list_remove(s, &s->inactive, victim);
	return victim;
}

static void reference(struct vm_policy_state *s, uint32_t frame)
{
	s->frames[frame].is_referenced = true;
}

static uint32_t clock_victim(struct vm_policy_state *s)
{
	while (s->frames[s->hand].is_referenced) {
		s->frames[s->hand].is_referenced = false;
		s->hand = (s->hand + 1) % s->conf.frames;
	}
	return hand_victim(s);
}

static void aging_period(struct vm_policy_state *s)
{
	for (uint32_t i = 0; i < s->used; i++) {
		struct frame *f = &s->frames[i];
		f->age = f->age >> 1 | (f->is_referenced ? AGE_NEWEST : 0u);
		f->is_referenced = false;
	}
}

/* The referenced bit is the history of the period under way, newer than all of `age`. */
static uint32_t aging_victim(struct vm_policy_state *s)
{
	uint32_t victim = 0, least = UINT32_MAX;
	for (uint32_t i = 0; i < s->conf.frames; i++) {
		const struct frame *f = &s->frames[i];
		uint32_t history = f->age | (f->is_referenced ? AGE_NEWEST << 1 : 0u);
		if (history >= least)
			continue;
		least = history;
		victim = i;
	}
	return victim;
}

static void nfu_period(struct vm_policy_state *s)
{
	for (uint32_t i = 0; i < s->used; i++) {
		s->frames[i].age += s->frames[i].is_referenced;
		s->frames[i].is_referenced = false;
	}
}

static uint32_t nfu_victim(struct vm_policy_state *s)
{
	uint32_t victim = 0, least = UINT32_MAX;
	for (uint32_t i = 0; i < s->conf.frames; i++) {
		uint32_t count = s->frames[i].age + s->frames[i].is_referenced;
		if (count >= least)
			continue;
		least = count;
		victim = i;
	}
	return victim;
}

static uint32_t opt_victim(struct vm_policy_state *s)
{
	uint32_t victim = 0;
	for (uint32_t i = 1; i < s->conf.frames; i++)
		if (s->frames[i].next_use > s->frames[victim].next_use)
			victim = i;
	return victim;
}

/* Splitmix64 from the seed, a number for each victim. */
static uint32_t random_victim(struct vm_policy_state *s)
{
	uint64_t z = s->random += 0x9E3779B97F4A7C15u;
	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return (uint32_t)((z ^ z >> 31) % s->conf.frames);
}

/* The active list may have half of the frames; its oldest page that was not used goes back. */
static void two_balance(struct vm_policy_state *s)
{
	while (s->active.count > s->conf.frames / 2) {
		uint32_t oldest = s->active.tail;
		struct frame *f = &s->frames[oldest];
		list_remove(s, &s->active, oldest);
		f->is_active = f->is_referenced;
		f->is_referenced = false;
		list_push(s, f->is_active ? &s->active : &s->inactive, oldest);
	}
}

static void two_hit(struct vm_policy_state *s, uint32_t frame)
{
	struct frame *f = &s->frames[frame];
	if (f->is_active) {
		f->is_referenced = true;
		return;
	}
	list_remove(s, &s->inactive, frame);
	f->is_active = true;
	list_push(s, &s->active, frame);
	two_balance(s);
}

struct rules {
	const char *name;
	void (*hit)(struct vm_policy_state *s, uint32_t frame);
	void (*come)(struct vm_policy_state *s, uint32_t frame);
	uint32_t (*victim)(struct vm_policy_state *s);
	void (*period)(struct vm_policy_state *s);
};

static const struct rules rules[] = {
	[VM_POLICY_FIFO] = {"fifo", nothing, nothing, hand_victim, no_period},
	[VM_POLICY_LRU] = {"lru", lru_hit, lru_come, lru_victim, no_period},
	[VM_POLICY_CLOCK] = {"clock", reference, reference, clock_victim, no_period},
	[VM_POLICY_AGING] = {"aging", reference, reference, aging_victim, aging_period},
	[VM_POLICY_NFU] = {"nfu", reference, reference, nfu_victim, nfu_period},
	[VM_POLICY_OPT] = {"opt", nothing, nothing, opt_victim, no_period},
	[VM_POLICY_RANDOM] = {"random", nothing, nothing, random_victim, no_period},
	[VM_POLICY_TWO] = {"two", two_hit, lru_come, lru_victim, no_period},
};
static_assert(ARRAY_LEN(rules) == VM_POLICY_COUNT, "every policy has its rules");

const char *vm_policy_name(unsigned kind)
{
	return kind < ARRAY_LEN(rules) ? rules[kind].name : NULL;
}

/* ---- an access ---- */

size_t vm_policy_bytes(const struct vm_policy_conf *conf)
{
	if (conf->frames == 0 || conf->frames > VM_FRAMES_MAX)
		return 0;
	return sizeof(struct vm_policy_state) + conf->frames * sizeof(struct frame) +
	       page_index_bytes(conf->frames);
}

bool vm_policy_init(struct vm_policy *policy, void *memory, size_t memory_bytes,
		    const struct vm_policy_conf *conf, char *message, size_t message_bytes)
{
	struct text why;
	text_init(&why, message, message == NULL ? 0 : message_bytes);
	if (conf->kind >= VM_POLICY_COUNT) {
		text_format(&why, "no policy of number %u", (size_t)conf->kind);
		return false;
	}
	size_t bytes = vm_policy_bytes(conf);
	if (bytes == 0) {
		text_format(&why, "1 to %u frames, not %u", (size_t)VM_FRAMES_MAX,
			    (size_t)conf->frames);
		return false;
	}
	if (memory_bytes < bytes) {
		text_format(&why, "%u bytes of memory, %u needed", memory_bytes, bytes);
		return false;
	}
	struct vm_policy_state *s = policy->state = memory;
	memset(s, 0, sizeof(*s));
	s->conf = *conf;
	s->conf.tick = conf->tick == 0 ? VM_POLICY_TICK : conf->tick;
	s->random = conf->seed;
	s->inactive = s->active = (struct list){VM_NO_FRAME, VM_NO_FRAME, 0};
	s->frames = (struct frame *)(s + 1);
	memset(s->frames, 0, conf->frames * sizeof(*s->frames));
	for (uint32_t i = 0; i < conf->frames; i++)
		s->frames[i].page = VM_NO_PAGE;
	page_index_init(&s->index, s->frames + conf->frames, conf->frames);
	return true;
}

/* A frame for a page that comes. */
static uint32_t frame_take(struct vm_policy_state *s, struct vm_policy_step *step)
{
	if (s->used < s->conf.frames)
		return s->used++;
	uint32_t frame = rules[s->conf.kind].victim(s);
	struct frame *f = &s->frames[frame];
	step->is_eviction = true;
	step->is_writeback = f->is_dirty;
	step->victim = f->page;
	s->writebacks += f->is_dirty;
	page_index_remove(&s->index, f->page);
	return frame;
}

static void fault(struct vm_policy_state *s, uint64_t page, struct vm_policy_step *step)
{
	s->faults++;
	step->is_fault = true;
	step->frame = frame_take(s, step);
	s->frames[step->frame] = (struct frame){.page = page};
	page_index_put(&s->index, page_index_place(&s->index, page), page, step->frame);
	rules[s->conf.kind].come(s, step->frame);
}

void vm_policy_access(struct vm_policy *policy, uint64_t page, bool is_store, uint64_t next_use,
		      struct vm_policy_step *step)
{
	struct vm_policy_state *s = policy->state;
	struct vm_policy_step own = {.victim = VM_NO_PAGE};
	assert(page != VM_NO_PAGE);
	uint32_t place = page_index_place(&s->index, page);
	if (page_index_has(&s->index, place)) {
		own.frame = s->index.values[place];
		rules[s->conf.kind].hit(s, own.frame);
	} else {
		fault(s, page, &own);
	}
	s->frames[own.frame].next_use = next_use;
	s->frames[own.frame].is_dirty |= is_store;
	if (++s->accesses % s->conf.tick == 0)
		rules[s->conf.kind].period(s);
	if (step != NULL)
		*step = own;
}

/* ---- looking ---- */

uint64_t vm_policy_faults(const struct vm_policy *policy)
{
	return policy->state->faults;
}

uint64_t vm_policy_writebacks(const struct vm_policy *policy)
{
	return policy->state->writebacks;
}

void vm_policy_frame(const struct vm_policy *policy, uint32_t frame, struct vm_policy_frame *out)
{
	const struct frame *f = &policy->state->frames[frame];
	*out = (struct vm_policy_frame){
		.page = f->page,
		.is_referenced = f->is_referenced,
		.is_dirty = f->is_dirty,
		.is_active = f->is_active,
		.age = f->age,
	};
}

uint32_t vm_policy_hand(const struct vm_policy *policy)
{
	const struct vm_policy_state *s = policy->state;
	bool has_hand = s->conf.kind == VM_POLICY_FIFO || s->conf.kind == VM_POLICY_CLOCK;
	return has_hand ? s->hand : VM_NO_FRAME;
}
