/* SPDX-License-Identifier: MIT */
/*
 * Out of memory: how bad each process is, and whom the kernel kills.
 */
#include <allot/vm.h>

enum {
	OOM_SCALE = 1000, /* oom_score_adj of all memory */
};

bool vm_oom_badness(const struct vm_oom_input *input, uint64_t total_pages, int64_t *out)
{
	if (input->is_init || input->adjust == VM_OOM_ADJUST_NEVER)
		return false;
	*out = (int64_t)(input->rss + input->swapped + input->tables) +
	       input->adjust * (int64_t)(total_pages / OOM_SCALE);
	return true;
}

uint64_t vm_oom_score(const struct vm_oom_input *input, uint64_t total_pages)
{
	int64_t badness;
	if (total_pages == 0 || !vm_oom_badness(input, total_pages, &badness))
		return 0;
	return (uint64_t)((OOM_SCALE + badness * OOM_SCALE / (int64_t)total_pages) * 2 / 3);
}

static bool can_kill(const struct vm_oom_input *process)
{
	int64_t badness;
	return vm_oom_badness(process, 0, &badness);
}

enum vm_oom_verdict vm_oom_choose(const struct vm_oom_input *processes, size_t count,
				  const struct vm_oom_settings *settings, size_t *out_victim)
{
	size_t victim = count;
	int64_t most = INT64_MIN, badness;
	if (settings->panic_on_oom == 2 || (settings->panic_on_oom == 1 && !settings->is_group))
		return VM_OOM_PANIC;
	if (settings->kills_allocating && !settings->is_group && settings->allocating < count &&
	    can_kill(&processes[settings->allocating])) {
		*out_victim = settings->allocating;
		return VM_OOM_KILL;
	}
	for (size_t i = 0; i < count; i++) {
		if (vm_oom_badness(&processes[i], settings->total_pages, &badness) &&
		    badness >= most) {
			most = badness;
			victim = i;
		}
	}
	if (victim == count)
		return settings->is_group ? VM_OOM_FAIL : VM_OOM_PANIC;
	*out_victim = victim;
	return VM_OOM_KILL;
}
