/* SPDX-License-Identifier: MIT */
/*
 * Playing: the one loop over a script's operations, and the one comparison.
 *
 * Compared after every operation, in every process: what the call returned or the signal was, the
 * counters of faults, resident sets, tables, locked and mapped pages, each area with its edges,
 * protection and offset, each page with its state and whether it is mapped once. After a store also
 * whether each anonymous page is where it was or has been copied; not in scripts with locks, huge
 * pages, MADV_FREE or MADV_COLD, which leave references behind in the kernel's lists for a while,
 * so that it copies what it could have kept.
 *
 * Scripts with limits are compared within bounds, for the kernel takes decisions there by what its
 * processors have batched: faults, resident sets and swap of each operation within 2 per cent or
 * a few batches; who is killed, areas, tables and locked pages exactly; single pages not.
 */
#include "vm_play.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	PERCENT_ALLOWED = 2,
	PAGES_ALLOWED = 64, /* MEMCG_CHARGE_BATCH, and two of SWAP_CLUSTER_MAX */
};

/* ---- opening ---- */

static bool compares_frames(const struct script *script)
{
	for (size_t i = 0; i < script->op_count; i++) {
		const struct script_op *op = &script->ops[i];
		if (op->verb == VERB_LOCK ||
		    (op->verb == VERB_MAP && op->flags & VM_MAP_LOCKED))
			return false;
		if (op->verb == VERB_ADVISE &&
		    (op->advice == VM_ADVISE_FREE || op->advice == VM_ADVISE_COLD ||
		     op->advice == VM_ADVISE_PAGEOUT || op->advice == VM_ADVISE_HUGEPAGE))
			return false;
	}
	return true;
}

bool vm_play_open(struct vm_play *play, const struct script *script,
		  const struct vm_config *config, struct vm_kernel *kernel,
		  const char *helper_path)
{
	struct vm_config settled = *config;
	const struct vm_furniture *furniture = vm_furniture_plain;
	size_t furniture_count = vm_furniture_plain_count;
	*play = (struct vm_play){ .script = script, .compares_frames = compares_frames(script) };
	if (helper_path != NULL) {
		if (!vm_kernel_open(kernel, script, helper_path)) {
			snprintf(play->message, sizeof(play->message), "%s", kernel->message);
			return false;
		}
		play->kernel = kernel;
		furniture = kernel->furniture;
		furniture_count = kernel->own_count;
		settled.layout.map_end = UINT64_C(0x7ffff7fff000);
		settled.layout.break_start = kernel->break_start;
	}
	if (!vm_model_open(&play->model, script, &settled, furniture, furniture_count) ||
	    !vm_model_look(&play->model, 0, &play->seen[0])) {
		snprintf(play->message, sizeof(play->message), "no memory for the model");
		return false;
	}
	play->model.hides_frames = play->kernel != NULL && kernel->hides_frames;
	if (play->kernel != NULL && !vm_kernel_look(kernel, 0, &play->kernel_seen[0])) {
		snprintf(play->message, sizeof(play->message), "%s", kernel->message);
		return false;
	}
	vm_places_init(&play->places, vm_model_break(&play->model, 0));
	return true;
}

void vm_play_close(struct vm_play *play)
{
	if (play->kernel != NULL)
		vm_kernel_close(play->kernel);
	vm_model_close(&play->model);
	for (int i = 0; i < SCRIPT_PROCESSES_MAX; i++) {
		vm_seen_finish(&play->seen[i]);
		vm_seen_finish(&play->before[i]);
		vm_seen_finish(&play->kernel_seen[i]);
		vm_seen_finish(&play->kernel_before[i]);
	}
}

/* ---- results ---- */

static enum play_result result(struct vm_play *play, enum play_result kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static enum play_result result(struct vm_play *play, enum play_result kind, const char *format, ...)
{
	va_list arguments;
	int used = snprintf(play->message, sizeof(play->message), "%s:%d: %s: ",
			    play->script->path, play->op->line, play->op->text);
	va_start(arguments, format);
	vsnprintf(play->message + used, sizeof(play->message) - (size_t)used, format, arguments);
	va_end(arguments);
	return kind;
}

static enum play_result differs(struct vm_play *play, int process, const char *what,
				uint64_t kernel, uint64_t model)
{
	return result(play, PLAY_MISMATCH, "%s of %s: kernel %" PRIu64 ", model %" PRIu64, what,
		      play->script->processes[process], kernel, model);
}

/* ---- comparing ---- */

static enum play_result outcomes_compare(struct vm_play *play, const struct vm_outcome *kernel)
{
	const struct vm_outcome *model = &play->outcome;
	if (kernel->error != model->error)
		return result(play, PLAY_MISMATCH, "error: kernel %s, model %s",
			      script_error_name(kernel->error), script_error_name(model->error));
	if (kernel->signal != model->signal || kernel->done != model->done)
		return result(play, PLAY_MISMATCH,
			      "kernel %s after %" PRIu64 " pages, model %s after %" PRIu64,
			      vm_signal_name(kernel->signal), kernel->done,
			      vm_signal_name(model->signal), model->done);
	if (kernel->value != model->value)
		return result(play, PLAY_MISMATCH, "address: kernel %#" PRIx64 ", model %#" PRIx64,
			      kernel->value, model->value);
	if (kernel->stack != model->stack)
		return result(play, PLAY_MISMATCH,
			      "stack pointer: kernel %#" PRIx64 ", model %#" PRIx64,
			      kernel->stack, model->stack);
	if (kernel->break_start != model->break_start)
		return result(play, PLAY_MISMATCH, "break: kernel %#" PRIx64 ", model %#" PRIx64,
			      kernel->break_start, model->break_start);
	return PLAY_GOES_ON;
}

static bool is_near(uint64_t kernel, uint64_t model)
{
	uint64_t apart = kernel > model ? kernel - model : model - kernel;
	return apart <= PAGES_ALLOWED || apart * 100 <= kernel * PERCENT_ALLOWED;
}

static enum play_result counters_compare(struct vm_play *play, int process)
{
	const struct vm_seen *k = &play->kernel_seen[process], *m = &play->seen[process];
	const struct vm_seen *k_old = &play->kernel_before[process];
	const struct vm_seen *m_old = &play->before[process];
	bool is_limited = play->script->is_limited;
	const struct {
		const char *name;
		uint64_t kernel, model;
		bool is_bounded; /* in scripts with limits */
	} rows[] = {
		{ "minor faults", k->minor - k_old->minor, m->minor - m_old->minor, true },
		{ "major faults", k->major - k_old->major, m->major - m_old->major, true },
		{ "RssAnon in pages", k->anon, m->anon, true },
		{ "RssFile in pages", k->file, m->file, true },
		{ "RssShmem in pages", k->shared, m->shared, true },
		{ "VmSwap in pages", k->swap, m->swap, true },
		{ "page tables (VmPTE)", k->tables, m->tables, false },
		{ "VmLck in pages", k->locked, m->locked, false },
		{ "VmSize in pages", k->total, m->total, false },
		{ "areas", k->area_count, m->area_count, false },
		{ "pages of areas", k->page_count, m->page_count, false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (is_limited && rows[i].is_bounded ? !is_near(rows[i].kernel, rows[i].model)
						     : rows[i].kernel != rows[i].model)
			return differs(play, process, rows[i].name, rows[i].kernel, rows[i].model);
	if (play->kernel->scans_huge && k->huge != m->huge)
		return differs(play, process, "pages mapped huge", k->huge, m->huge);
	return PLAY_GOES_ON;
}

static enum play_result areas_compare(struct vm_play *play, int process)
{
	const struct vm_seen *k = &play->kernel_seen[process], *m = &play->seen[process];
	for (size_t i = 0; i < k->area_count; i++) {
		const struct vm_area_seen *a = &k->areas[i], *b = &m->areas[i];
		if (a->start == b->start && a->end == b->end && a->offset == b->offset &&
		    a->protection == b->protection && a->is_shared == b->is_shared)
			continue;
		return result(play, PLAY_MISMATCH,
			      "area %zu of %s: kernel %" PRIx64 "-%" PRIx64 " protection %u "
			      "offset %" PRIx64 ", model %" PRIx64 "-%" PRIx64
			      " protection %u offset %" PRIx64,
			      i, play->script->processes[process], a->start, a->end, a->protection,
			      a->offset, b->start, b->end, b->protection, b->offset);
	}
	return PLAY_GOES_ON;
}

/* Where the `index`-th page seen is. */
static uint64_t page_address(const struct vm_seen *seen, size_t index)
{
	for (size_t i = 0; i < seen->area_count; i++) {
		const struct vm_area_seen *area = &seen->areas[i];
		size_t count = (area->end - area->start) / SCRIPT_PAGE_BYTES;
		if (index < count)
			return area->start + index * SCRIPT_PAGE_BYTES;
		index -= count;
	}
	return 0;
}

/* Is the page where it was before the operation? Known where areas have not changed. */
static bool has_moved(const struct vm_seen *now, const struct vm_seen *before, size_t index)
{
	return now->pages[index].frame != before->pages[index].frame;
}

static bool frames_are_comparable(const struct vm_play *play, int process)
{
	const struct vm_seen *m = &play->seen[process], *old = &play->before[process];
	return play->compares_frames && !play->kernel->hides_frames &&
	       script_verb_is_access(play->op->verb) && m->page_count == old->page_count &&
	       m->area_count == old->area_count &&
	       play->kernel_before[process].page_count == m->page_count;
}

static enum play_result pages_compare(struct vm_play *play, int process)
{
	const struct vm_seen *k = &play->kernel_seen[process], *m = &play->seen[process];
	const struct vm_seen *k_old = &play->kernel_before[process];
	const struct vm_seen *m_old = &play->before[process];
	bool compares_moves = frames_are_comparable(play, process);
	for (size_t i = 0; i < k->page_count; i++) {
		const struct vm_page_seen *a = &k->pages[i], *b = &m->pages[i];
		if (a->state != b->state || a->is_exclusive != b->is_exclusive)
			return result(play, PLAY_MISMATCH,
				      "page %" PRIx64 " of %s: kernel %s%s, model %s%s",
				      page_address(k, i), play->script->processes[process],
				      vm_page_state_name((enum vm_page_state)a->state),
				      a->is_exclusive ? " mapped once" : "",
				      vm_page_state_name((enum vm_page_state)b->state),
				      b->is_exclusive ? " mapped once" : "");
		if (compares_moves && a->state == VM_PAGE_ANON &&
		    k_old->pages[i].state == VM_PAGE_ANON &&
		    has_moved(k, k_old, i) != has_moved(m, m_old, i))
			return result(play, PLAY_MISMATCH, "page %" PRIx64 " of %s: kernel %s it, "
				      "model %s", page_address(k, i),
				      play->script->processes[process],
				      has_moved(k, k_old, i) ? "copied" : "kept",
				      has_moved(m, m_old, i) ? "copied" : "kept");
	}
	return PLAY_GOES_ON;
}

static void swap(struct vm_seen *a, struct vm_seen *b)
{
	struct vm_seen kept = *a;
	*a = *b;
	*b = kept;
}

static enum play_result look(struct vm_play *play, int process)
{
	swap(&play->seen[process], &play->before[process]);
	if (!vm_model_look(&play->model, process, &play->seen[process]))
		return result(play, PLAY_FAILED, "no memory");
	if (play->kernel == NULL)
		return PLAY_GOES_ON;
	swap(&play->kernel_seen[process], &play->kernel_before[process]);
	if (!vm_kernel_look(play->kernel, process, &play->kernel_seen[process]))
		return result(play, PLAY_FAILED, "%s", play->kernel->message);
	enum play_result compared = counters_compare(play, process);
	if (compared == PLAY_GOES_ON)
		compared = areas_compare(play, process);
	if (compared != PLAY_GOES_ON || play->script->is_limited)
		return compared;
	return pages_compare(play, process);
}

static enum play_result look_all(struct vm_play *play)
{
	enum play_result compared = PLAY_GOES_ON;
	for (int i = 0; i < SCRIPT_PROCESSES_MAX && compared == PLAY_GOES_ON; i++)
		if (play->model.spaces[i] != NULL)
			compared = look(play, i);
	return compared;
}

/* ---- expectations ---- */

/* Anonymous pages that the operation put into another frame; areas are as they were. */
static int64_t copied_count(const struct vm_seen *now, const struct vm_seen *before)
{
	int64_t count = 0;
	for (size_t i = 0; now->page_count == before->page_count && i < now->page_count; i++)
		count += now->pages[i].state == VM_PAGE_ANON &&
			 before->pages[i].state == VM_PAGE_ANON && has_moved(now, before, i);
	return count;
}

int64_t vm_play_value(const struct vm_play *play, enum expect_key key)
{
	int process = play->op->process;
	const struct vm_seen *now = &play->seen[process], *old = &play->before[process];
	switch (key) {
	case EXPECT_MIN:
		return (int64_t)(now->minor - old->minor);
	case EXPECT_MAJ:
		return (int64_t)(now->major - old->major);
	case EXPECT_ANON:
		return (int64_t)(now->anon - old->anon);
	case EXPECT_FILE:
		return (int64_t)(now->file - old->file);
	case EXPECT_SHARED:
		return (int64_t)(now->shared - old->shared);
	case EXPECT_TABLES:
		return (int64_t)(now->tables - old->tables);
	case EXPECT_LOCKED:
		return (int64_t)(now->locked - old->locked);
	case EXPECT_TOTAL:
		return (int64_t)(now->total - old->total);
	case EXPECT_AREAS:
		return (int64_t)now->area_count;
	case EXPECT_ZERO:
		return (int64_t)now->zero;
	case EXPECT_HUGE:
		return (int64_t)now->huge;
	case EXPECT_COPIED:
		return copied_count(now, old);
	case EXPECT_SIGNAL:
		return (int64_t)play->outcome.signal;
	case EXPECT_ERROR:
		return (int64_t)play->outcome.error;
	case EXPECT_SWAP:
		return (int64_t)(now->swap - old->swap);
	case EXPECT_KSWAPD:
		return (int64_t)(play->shortage.stolen_kswapd -
				 play->shortage_before.stolen_kswapd);
	case EXPECT_DIRECT:
		return (int64_t)(play->shortage.stolen_direct -
				 play->shortage_before.stolen_direct);
	case EXPECT_KILLED:
		return play->killed;
	default:
		return 0;
	}
}

static const char *process_name(const struct vm_play *play, int process)
{
	return process >= 0 ? play->script->processes[process] : "none";
}

static enum play_result expect(struct vm_play *play, const struct script_op *op)
{
	for (size_t i = 0; i < op->expect_count; i++) {
		const struct script_expect *wanted = &op->expects[i];
		int64_t value = vm_play_value(play, wanted->key);
		if (value == wanted->value)
			continue;
		if (wanted->key == EXPECT_SIGNAL)
			return result(play, PLAY_MISMATCH, "line %d expects the signal %s, not %s",
				      op->line, vm_signal_name((enum vm_signal)wanted->value),
				      vm_signal_name((enum vm_signal)value));
		if (wanted->key == EXPECT_ERROR)
			return result(play, PLAY_MISMATCH, "line %d expects the error %s, not %s",
				      op->line, script_error_name((int)wanted->value),
				      script_error_name((int)value));
		if (wanted->key == EXPECT_KILLED)
			return result(play, PLAY_MISMATCH, "line %d expects killed=%s, not %s",
				      op->line, process_name(play, (int)wanted->value),
				      process_name(play, (int)value));
		return result(play, PLAY_MISMATCH, "line %d expects %s=%" PRId64 ", not %" PRId64,
			      op->line, script_expect_name(wanted->key), wanted->value, value);
	}
	return PLAY_GOES_ON;
}

/* ---- one operation ---- */

static void counters_note(struct vm_play *play, int process, struct vm_counters *out)
{
	*out = (struct vm_counters){ 0 };
	if (play->model.spaces[process] != NULL)
		vm_counters_get(play->model.spaces[process], out);
}

static void killed_note(struct vm_play *play)
{
	for (int i = 0; i < SCRIPT_PROCESSES_MAX; i++)
		if (play->model.is_killed[i])
			play->killed = i;
}

static enum play_result killed_compare(struct vm_play *play)
{
	for (int i = 0; i < SCRIPT_PROCESSES_MAX; i++)
		if (play->model.is_killed[i] != play->kernel->processes[i].is_killed)
			return result(play, PLAY_MISMATCH, "%s is killed by the %s alone",
				      play->script->processes[i],
				      play->model.is_killed[i] ? "model" : "kernel");
	return PLAY_GOES_ON;
}

static enum play_result apply(struct vm_play *play, const struct vm_step *step)
{
	struct vm_outcome kernel;
	if (!vm_model_apply(&play->model, step, &play->outcome))
		return result(play, PLAY_FAILED, "the machine has no memory left");
	killed_note(play);
	if (play->kernel == NULL)
		return PLAY_GOES_ON;
	if (!vm_kernel_apply(play->kernel, step, &kernel))
		return result(play, PLAY_FAILED, "%s", play->kernel->message);
	enum play_result compared = outcomes_compare(play, &kernel);
	return compared == PLAY_GOES_ON ? killed_compare(play) : compared;
}

enum play_result vm_play_next(struct vm_play *play)
{
	struct vm_step step;
	if (play->next == play->script->op_count)
		return PLAY_END;
	const struct script_op *op = &play->script->ops[play->next++];
	if (op->verb == VERB_EXPECT)
		return play->op != NULL ? expect(play, op) : PLAY_GOES_ON;
	play->op = op;
	play->outcome = (struct vm_outcome){ 0 };
	play->killed = -1;
	play->is_skipped = op->verb == VERB_FILE || op->verb == VERB_MEMORY ||
			   op->verb == VERB_FRAMES ||
			   play->model.spaces[op->process] == NULL ||
			   !vm_step_make(&step, op, &play->places,
					 vm_model_break(&play->model, op->process));
	counters_note(play, op->process, &play->counters_before);
	vm_shortage_get(play->model.machine, &play->shortage_before);
	if (play->is_skipped)
		return PLAY_GOES_ON;
	play->operations++;
	enum play_result applied = apply(play, &step);
	counters_note(play, op->process, &play->counters);
	vm_shortage_get(play->model.machine, &play->shortage);
	if (applied != PLAY_GOES_ON)
		return applied;
	vm_places_update(&play->places, op, &play->outcome);
	return look_all(play);
}

enum play_result vm_play_all(struct vm_play *play)
{
	enum play_result at;
	do
		at = vm_play_next(play);
	while (at == PLAY_GOES_ON);
	return at;
}
