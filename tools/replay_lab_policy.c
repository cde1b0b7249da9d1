/* SPDX-License-Identifier: MIT */
/*
 * Replay, the VM lab: replacement policies, each with some numbers of frames.
 *
 * An access to the page that was accessed last is a fault for none of them and changes nothing that
 * they go by, so the changes of page are all they need.
 */
#include "replay_lab.h"

#include <stdio.h>

#include <allot/vm_translation.h>

enum { EIGHTHS = 8 };

/* Steps of OPT's search for a victim, at most, for one number of frames: about a second. */
#define OPT_STEPS_MAX UINT64_C(1000000000)

/* Of the most pages that were resident. */
static const unsigned eighths[REPLAY_LAB_STEPS] = { 1, 2, 4, 6, 8 };

static const enum vm_policy_kind kinds[REPLAY_LAB_KINDS] = {
	VM_POLICY_LRU, VM_POLICY_CLOCK, VM_POLICY_FIFO, VM_POLICY_OPT,
};

static const char *const names[REPLAY_LAB_KINDS] = { "LRU", "CLOCK", "FIFO", "OPT" };

/* What is given to every run. */
struct string {
	const uint64_t *changes, *next;
	uint64_t count;
};

static bool policy_run(enum vm_policy_kind kind, uint32_t frames, const struct string *string,
		       uint64_t *out_faults)
{
	struct vm_policy_conf conf = { .kind = kind, .frames = frames };
	struct vm_policy policy;
	size_t bytes = vm_policy_bytes(&conf);
	void *memory = replay_lab_map(bytes);

	if (memory == NULL || !vm_policy_init(&policy, memory, bytes, &conf, NULL, 0))
		return false;
	for (uint64_t i = 0; i < string->count; i++)
		vm_policy_access(&policy, string->changes[i], false, string->next[i], NULL);
	*out_faults = vm_policy_faults(&policy);
	replay_lab_unmap(memory, bytes);
	return true;
}

static bool kind_run(struct replay_lab *out, size_t kind, const struct string *string,
		     uint64_t (*lru_faults)(uint64_t frames))
{
	uint64_t before = 0;

	for (size_t i = 0; i < REPLAY_LAB_STEPS; i++) {
		uint64_t frames = out->peak_pages * eighths[i] / EIGHTHS, faults = 0;
		if (frames == before || frames > VM_FRAMES_MAX)
			continue;
		before = frames;
		/* OPT looks at all frames for each fault, and has no more of them than LRU. */
		if (kinds[kind] == VM_POLICY_OPT &&
		    lru_faults(frames) > OPT_STEPS_MAX / frames)
			continue;
		if (kinds[kind] == VM_POLICY_LRU)
			faults = lru_faults(frames);
		else if (!policy_run(kinds[kind], (uint32_t)frames, string, &faults))
			return false;
		struct replay_lab_policy *policy = &out->policies[out->policy_count++];
		*policy = (struct replay_lab_policy){ .frames = frames, .faults = faults };
		snprintf(policy->name, sizeof(policy->name), "%s", names[kind]);
	}
	return true;
}

bool replay_lab_policies(struct replay_lab *out, const uint64_t *changes, uint64_t count,
			 uint64_t (*lru_faults)(uint64_t frames))
{
	uint64_t next_bytes = (count + 1) * sizeof(uint64_t);
	struct string string = { .changes = changes, .count = count };
	bool is_done = true;

	if (changes == NULL)
		return kind_run(out, 0, &string, lru_faults);
	uint64_t *next = replay_lab_map(next_bytes);
	void *scratch = replay_lab_map(vm_next_use_bytes(count));
	if (next == NULL || scratch == NULL)
		return false;
	vm_next_use(changes, count, next, scratch);
	replay_lab_unmap(scratch, vm_next_use_bytes(count));
	string.next = next;
	for (size_t kind = 0; kind < REPLAY_LAB_KINDS && is_done; kind++)
		is_done = kind_run(out, kind, &string, lru_faults);
	replay_lab_unmap(next, next_bytes);
	return is_done;
}
