/* SPDX-License-Identifier: MIT */
/*
 * The model as a back end of scripts: steps become calls of allot/vm.h.
 */
#include "vm_model.h"

#include <errno.h>

#include "vm_exec.h"
enum {
	/* What a fork of the helper costs its group beside tables (Linux 6.18): 128 pages of its
	   own, which are locked, 4 of kernel stack, and 4 of the kernel's records. The same where
	   nobody watches, so that a script comes to the same there. */
	FORK_OWN_PAGES = 136,
};

const struct vm_furniture vm_furniture_plain[] = {
	{ .start = 0x400000, .end = 0x401000 },
	{ .start = 0x7ffffffde000, .end = 0x7ffffffff000 },
};
const size_t vm_furniture_plain_count = 2;

static bool furnish(struct vm_space *space, const struct vm_furniture *furniture)
{
	if (!vm_space_furnish(space, furniture->start, furniture->end))
		return false;
	uint64_t count = (furniture->end - furniture->start) / SCRIPT_PAGE_BYTES;
	for (uint64_t i = 0; i < count; i++) {
		bool is_present = furniture->is_present != NULL ? furniture->is_present[i]
								: i == count - 1;
		if (is_present && !vm_space_furnish_page(space, furniture->start +
								i * SCRIPT_PAGE_BYTES))
			return false;
	}
	return true;
}

static bool files_open(struct vm_model *model, const struct script *script)
{
	for (int i = 0; i < script->file_count; i++) {
		const struct script_file *file = &script->files[i];
		model->files[i] = vm_file_open(model->machine,
					       file->is_memory ? VM_FILE_SHARED : VM_FILE_DISK,
					       (uint64_t)file->pages * SCRIPT_PAGE_BYTES);
		if (model->files[i] == NULL)
			return false;
	}
	return true;
}

bool vm_model_open(struct vm_model *model, const struct script *script,
		   const struct vm_config *config, const struct vm_furniture *furniture,
		   size_t furniture_count)
{
	struct vm_config settled = *config;
	if (script->frames > 0)
		settled.frame_count = (uint64_t)script->frames;
	*model = (struct vm_model){ .machine = vm_machine_create(&settled) };
	if (model->machine == NULL)
		return false;
	model->spaces[0] = vm_space_create(model->machine);
	bool is_made = model->spaces[0] != NULL && files_open(model, script);
	for (size_t i = 0; is_made && i < furniture_count; i++)
		is_made = furnish(model->spaces[0], &furniture[i]);
	if (!is_made) {
		vm_model_close(model);
		return false;
	}
	model->is_limited = script->is_limited;
	const struct vm_shortage_settings shortage = { .panic_on_oom = script->panics };
	if ((script->is_limited && !vm_group_create(model->machine)) ||
	    (script->frames > 0 && !vm_shortage_on(model->machine, &shortage))) {
		vm_model_close(model);
		return false;
	}
	struct vm_counters counters;
	vm_counters_get(model->spaces[0], &counters);
	model->tables_own = vm_counters_tables(&counters);
	return true;
}

void vm_model_close(struct vm_model *model)
{
	vm_machine_destroy(model->machine);
	model->machine = NULL;
}

uint64_t vm_model_break(const struct vm_model *model, int process)
{
	return model->spaces[process] != NULL ? vm_space_break(model->spaces[process]) : 0;
}

/* ---- steps ---- */

static struct vm_result map_apply(struct vm_model *model, struct vm_space *space,
				  const struct vm_step *step)
{
	struct vm_map_request request = {
		.address = step->to,
		.bytes = step->new_bytes,
		.protection = step->protection,
		.flags = step->flags,
		.file = step->file >= 0 ? model->files[step->file] : NULL,
		.offset = step->offset,
	};
	return vm_map(space, &request);
}

static struct vm_result call_apply(struct vm_model *model, struct vm_space *space,
				   const struct vm_step *step)
{
	switch (step->verb) {
	case VERB_MAP:
		return map_apply(model, space, step);
	case VERB_UNMAP:
		return vm_unmap(space, step->address, step->bytes);
	case VERB_PROTECT:
		return vm_protect(space, step->address, step->bytes, step->protection);
	case VERB_REMAP:
		return vm_remap(space, step->address, step->bytes, step->new_bytes, step->flags,
				step->to);
	case VERB_ADVISE:
		return vm_advise(space, step->address, step->bytes,
				 (enum vm_advice)step->advice);
	case VERB_LOCK:
		return vm_lock(space, step->address, step->bytes, step->flags != 0);
	case VERB_UNLOCK:
		return vm_unlock(space, step->address, step->bytes);
	case VERB_BREAK:
		return vm_break(space, step->to);
	case VERB_LIMIT:
		return vm_group_limit(model->machine, step->new_bytes != 0
							      ? step->new_bytes / SCRIPT_PAGE_BYTES
							      : VM_GROUP_UNLIMITED);
	case VERB_SWAP:
		return (struct vm_result){
			.error = vm_swap_on(model->machine, step->new_bytes / SCRIPT_PAGE_BYTES)
					 ? 0
					 : EBUSY,
		};
	case VERB_SWAPPINESS:
		vm_group_swappiness(model->machine, (unsigned)step->number);
		return (struct vm_result){ 0 };
	case VERB_ADJUST:
		vm_space_oom_adjust(space, (int)step->number);
		return (struct vm_result){ 0 };
	case VERB_DROP:
		vm_file_drop(model->machine, model->files[step->file]);
		return (struct vm_result){ 0 };
	default:
		return (struct vm_result){ 0 };
	}
}

/* Page by page, until one cannot be had. */
static void touch_apply(struct vm_space *space, const struct vm_step *step,
			enum vm_kind kind, struct vm_outcome *outcome)
{
	uint64_t stride = SCRIPT_PAGE_BYTES, bytes = 1, count = step->touches;
	uint64_t state = step->order.seed;
	if (step->verb == VERB_STORE_BYTES) {
		bytes = step->bytes;
		count = 1;
	}
	for (uint64_t i = 0; i < count; i++) {
		uint64_t page = wire_page(&step->order, i, &state);
		struct vm_touched touched =
			vm_touch(space, step->address + page * stride, bytes, kind);
		if (touched.signal != VM_SIGNAL_NONE) {
			outcome->signal = touched.signal;
			break;
		}
		outcome->done++;
	}
	/* To the kernel's own accesses a signal is an error, unless something was done before. */
	if (step->verb != VERB_KERNEL_LOAD && step->verb != VERB_KERNEL_STORE)
		return;
	if (outcome->signal != VM_SIGNAL_NONE && outcome->done == 0)
		outcome->error = EFAULT;
	outcome->signal = VM_SIGNAL_NONE;
}

static bool exec_apply(struct vm_model *model, const struct vm_step *step,
		       struct vm_outcome *outcome)
{
	bool is_killed;
	if (!vm_exec_model(model->machine, model->spaces[step->process], step, outcome,
			   &is_killed))
		return false;
	model->is_program[step->process] |= outcome->error == 0;
	if (is_killed) {
		vm_space_exit(model->spaces[step->process]);
		model->spaces[step->process] = NULL;
	}
	return true;
}

static bool step_apply(struct vm_model *model, struct vm_space *space, const struct vm_step *step,
		       struct vm_outcome *outcome)
{
	if (step->verb == VERB_FORK) {
		struct vm_space *child = vm_space_fork(space);
		model->spaces[step->child] = child;
		if (child != NULL && model->is_limited)
			vm_space_charge(child, FORK_OWN_PAGES);
		return child != NULL || vm_space_is_killed(space);
	}
	if (step->verb == VERB_EXIT) {
		vm_space_exit(space);
		model->spaces[step->process] = NULL;
		return true;
	}
	if (step->verb == VERB_EXEC)
		return exec_apply(model, step, outcome);
	if (script_verb_is_access(step->verb)) {
		enum vm_kind kind = VM_STORE;
		if (step->verb == VERB_LOAD || step->verb == VERB_KERNEL_LOAD)
			kind = VM_LOAD;
		else if (step->verb == VERB_FETCH)
			kind = VM_FETCH;
		touch_apply(space, step, kind, outcome);
		return true;
	}
	struct vm_result result = call_apply(model, space, step);
	outcome->error = result.error;
	outcome->value = result.value;
	return true;
}

bool vm_model_apply(struct vm_model *model, const struct vm_step *step, struct vm_outcome *outcome)
{
	struct vm_space *space = model->spaces[step->process];
	*outcome = (struct vm_outcome){ 0 };
	if (space == NULL)
		return false;
	if (model->is_limited)
		vm_group_count(model->machine);
	if (!step_apply(model, space, step, outcome))
		return false;
	for (int i = 0; i < SCRIPT_PROCESSES_MAX; i++) {
		space = model->spaces[i];
		model->is_killed[i] = space != NULL && vm_space_is_killed(space);
		if (!model->is_killed[i])
			continue;
		vm_space_exit(space);
		model->spaces[i] = NULL;
	}
	if (model->is_killed[step->process])
		*outcome = (struct vm_outcome){ .signal = VM_SIGNAL_KILLED };
	return true;
}

/* ---- looking ---- */

static bool page_look(const struct vm_model *model, const struct vm_space *space, uint64_t address,
		      struct vm_seen *seen)
{
	struct vm_page_view view;
	vm_page_get(space, address, &view);
	struct vm_page_seen page = {
		.state = (uint8_t)(view.state == VM_PAGE_SHARED ? VM_PAGE_FILE : view.state),
		.is_exclusive = view.is_exclusive,
		.frame = view.frame,
	};
	bool is_zero = view.state == VM_PAGE_ZERO || view.state == VM_PAGE_HUGE_ZERO;
	seen->zero += is_zero;
	seen->huge += view.is_huge;
	if (is_zero && model->hides_frames)
		page.state = VM_PAGE_ANON;
	if (model->hides_frames || is_zero)
		page.frame = 0;
	return vm_seen_page_add(seen, &page);
}

static bool area_look(const struct vm_model *model, const struct vm_space *space,
		      const struct vm_area_view *view, struct vm_seen *seen)
{
	struct vm_area_seen area = {
		.start = view->start,
		.end = view->end,
		.offset = view->offset,
		.protection = view->flags & (VM_AREA_READ | VM_AREA_WRITE | VM_AREA_EXEC),
		.is_shared = view->flags & VM_AREA_SHARED,
	};
	if (!vm_seen_area_add(seen, &area))
		return false;
	for (uint64_t at = view->start; at < view->end; at += SCRIPT_PAGE_BYTES)
		if (!page_look(model, space, at, seen))
			return false;
	return true;
}

bool vm_model_look(struct vm_model *model, int process, struct vm_seen *seen)
{
	const struct vm_space *space = model->spaces[process];
	struct vm_counters counters;
	struct vm_area_view view;
	vm_counters_get(space, &counters);
	vm_seen_clear(seen);
	seen->minor = counters.minor_faults;
	seen->major = counters.major_faults;
	seen->anon = counters.rss_anon;
	seen->file = counters.rss_file;
	seen->shared = counters.rss_shared;
	seen->tables = vm_counters_tables(&counters) -
		       (model->is_program[process] ? 0 : model->tables_own);
	seen->locked = counters.locked;
	seen->swap = counters.swapped;
	seen->total = counters.total;
	for (uint64_t at = 0; vm_area_next(space, at, &view); at = view.end)
		if (!(view.flags & VM_AREA_FURNITURE) && !area_look(model, space, &view, seen))
			return false;
	return true;
}
