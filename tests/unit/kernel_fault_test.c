/* SPDX-License-Identifier: MIT */
/*
 * Every system call made to fail in turn.
 *
 * A scenario takes a heap through its life: made, grown, with large mappings, resized in every
 * direction, aligned, trimmed, emptied, destroyed. It is run with its first system call failing,
 * then its second, and so on until it runs through without meeting the failure. Each time, with
 * each error number: nothing crashes, the heap stays whole, contents survive, refusals are NULL
 * with ENOMEM, and after the destruction the address space is as it was, but for what the kernel
 * itself refused to take back.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "choice.h"
#include "kernel_call_faulty.h"
#include "long_run.h"
#include "sanitizer.h"
#include "shadow.h"

enum {
	SLOTS = 128,
	CONF_BYTES = 256,
	CALLS_MAX = 2000, /* no scenario makes as many */
	TIMEOUT_S = 300,
	BREAK_PADDING_BYTES = 4 << 20, /* a break region begins at a multiple of its unit */
};

static const int errors[] = {ENOMEM, EAGAIN, EINVAL, EPERM, ENOSYS};

/* How many are tried: what follows a failure hardly depends on its number. */
static size_t errors_tried(void)
{
	enum { USUAL_ERRORS = SUPPORT_IS_SANITIZED ? 1 : 2 };
	return is_long_run() ? sizeof(errors) / sizeof(errors[0]) : USUAL_ERRORS;
}

/* What is varied. */
struct scenario {
	char conf[CONF_BYTES];
	struct kernel_faults faults;
	bool is_right;
	char message[SHADOW_MESSAGE_BYTES];
};

static bool scenario_fails(struct scenario *scenario, const char *why)
{
	if (scenario->is_right)
		snprintf(scenario->message, sizeof(scenario->message), "%s", why);
	return scenario->is_right = false;
}

/* ---- the life of a heap ---- */

static bool apply(struct scenario *scenario, struct shadow *shadow, enum operation_kind kind,
		  size_t slot, size_t bytes, size_t alignment)
{
	struct operation operation = {
		.kind = kind, .slot = slot, .bytes = bytes, .count = 1, .alignment = alignment};
	/* What was refused before cannot be resized or freed now: that is done to NULL. */
	if (!shadow_apply(shadow, &operation) || !shadow_check(shadow))
		return scenario_fails(scenario, shadow->message);
	return true;
}

static bool live_small(struct scenario *s, struct shadow *h)
{
	bool ok = true;
	for (size_t i = 0; ok && i < 40; i++)
		ok = apply(s, h, OPERATION_ALLOCATE, i, 24 + i * i * 3, 0);
	for (size_t i = 0; ok && i < 40; i += 2)
		ok = apply(s, h, OPERATION_FREE, i, 0, 0);
	for (size_t i = 40; ok && i < 60; i++)
		ok = apply(s, h, OPERATION_ZEROED, i, 60000 + i, 0);
	return ok;
}

static bool live_large(struct scenario *s, struct shadow *h)
{
	return apply(s, h, OPERATION_ALLOCATE, 60, 300000, 0) &&
	       apply(s, h, OPERATION_ZEROED, 61, 400000, 0) &&
	       apply(s, h, OPERATION_ALIGNED, 62, 200000, 1 << 16) &&
	       apply(s, h, OPERATION_ALIGNED, 63, 1000, 1 << 16) &&
	       apply(s, h, OPERATION_ALIGNED, 64, 100, 4096) &&
	       apply(s, h, OPERATION_ALLOCATE, 65, 900000, 0);
}

static bool live_resized(struct scenario *s, struct shadow *h)
{
	return apply(s, h, OPERATION_RESIZE, 60, 700000, 0) &&
	       apply(s, h, OPERATION_RESIZE, 61, 150000, 0) &&
	       apply(s, h, OPERATION_RESIZE, 60, 1000, 0) && /* into the heap */
	       apply(s, h, OPERATION_RESIZE, 1, 300000, 0) && /* out of it */
	       apply(s, h, OPERATION_RESIZE, 3, 50000, 0) &&
	       apply(s, h, OPERATION_RESIZE, 59, 100000, 0) && /* perhaps the last one */
	       apply(s, h, OPERATION_RESIZE, 65, 1200000, 0) &&
	       apply(s, h, OPERATION_RESIZE, 65, 70000, 0) &&
	       apply(s, h, OPERATION_RESIZE, 5, 0, 0);
}

static bool live_trimmed(struct scenario *s, struct shadow *h)
{
	bool ok = true;
	for (size_t i = 40; ok && i < 62; i++)
		ok = apply(s, h, OPERATION_FREE, i, 0, 0);
	ok = ok && apply(s, h, OPERATION_TRIM, 0, 0, 0);
	for (size_t i = 40; ok && i < 50; i++)
		ok = apply(s, h, OPERATION_ZEROED, i, 30000, 0);
	return ok && apply(s, h, OPERATION_TRIM, 0, 4096, 0);
}

static void live(struct scenario *scenario, struct allot_heap *heap)
{
	struct shadow shadow;
	cr_assert(shadow_init(&shadow, (struct subject){heap}, SLOTS));
	shadow.may_refuse = true;
	bool ok = live_small(scenario, &shadow) && live_large(scenario, &shadow) &&
		  live_resized(scenario, &shadow) && live_trimmed(scenario, &shadow);
	if (ok && !(shadow_compare(&shadow) && shadow_empty(&shadow) && shadow_check(&shadow) &&
		    shadow_compare(&shadow)))
		scenario_fails(scenario, shadow.message);
	shadow_finish(&shadow);
}

static void on_fault(const struct allot_fault *fault, void *context)
{
	char why[128];
	snprintf(why, sizeof(why), "the heap reports a fault of kind %d in %s", (int)fault->kind,
		 fault->call);
	scenario_fails(context, why);
}

static void run(struct scenario *scenario)
{
	char why[128] = "";
	uintptr_t break_before = (uintptr_t)sbrk(0);
	scenario->is_right = true;
	kernel_faults = scenario->faults;
	errno = 0;
	struct allot_heap *heap = allot_heap_create(scenario->conf, why, sizeof(why));
	if (heap != NULL) {
		allot_heap_on_fault(heap, on_fault, scenario);
		live(scenario, heap);
		allot_heap_destroy(heap);
	} else if (errno != ENOMEM || why[0] == '\0') {
		scenario_fails(scenario, "no heap, but not for want of memory, or without a word");
	}
	scenario->faults = kernel_faults;
	kernel_faults = (struct kernel_faults){.number = CALL_ANY};
	uintptr_t break_after = (uintptr_t)sbrk(0);
	size_t break_bytes = break_after > break_before ? break_after - break_before : 0;
	size_t excused_bytes = scenario->faults.unmap_failed_bytes;
	if (scenario->faults.mapped_bytes > excused_bytes) {
		snprintf(why, sizeof(why), "%zu bytes of address space are lost, %zu excused",
			 scenario->faults.mapped_bytes, excused_bytes);
		scenario_fails(scenario, why);
	}
	if (break_bytes > excused_bytes + BREAK_PADDING_BYTES) {
		snprintf(why, sizeof(why), "%zu bytes of program break are lost", break_bytes);
		scenario_fails(scenario, why);
	}
}

/* ---- parameters: every strategy as it is by default, on each source ---- */

enum { SCENARIOS_MAX = 64 };

struct parameter {
	char conf[CONF_BYTES];
};

static struct criterion_test_params every_scenario(void)
{
	static struct parameter parameters[SCENARIOS_MAX];
	static const char *const sources[] = {"mmap", "sbrk"};
	struct allot_strategy strategy;
	size_t count = 0;
	for (size_t i = 0; allot_strategy_get(i, &strategy); i++) {
		for (size_t s = 0; s < 2 && count < SCENARIOS_MAX; s++)
			snprintf(parameters[count++].conf, CONF_BYTES, "strategy:%s,source:%s",
				 strategy.name, sources[s]);
	}
	return cr_make_param_array(struct parameter, parameters, count);
}

/* Run until the failure is not reached any more. Returns how often it was. */
static size_t run_all(const struct parameter *parameter, long number, bool from_then_on, int error)
{
	struct scenario scenario;
	snprintf(scenario.conf, sizeof(scenario.conf), "%s", parameter->conf);
	for (size_t k = 1; k < CALLS_MAX; k++) {
		scenario.faults = (struct kernel_faults){
			.number = number, .fail_at = k, .from_then_on = from_then_on,
			.error = error};
		run(&scenario);
		cr_expect(scenario.is_right, "%s, call %ld, the %zu-th fails%s with errno %d: %s",
			  scenario.conf, number, k, from_then_on ? " and all after it" : "", error,
			  scenario.message);
		if (scenario.faults.failed == 0)
			return k - 1;
	}
	cr_assert(false, "%s makes no end of system calls", scenario.conf);
	return 0;
}

ParameterizedTestParameters(kernel_fault, each_call_may_fail_once)
{
	return every_scenario();
}

ParameterizedTest(struct parameter *parameter, kernel_fault, each_call_may_fail_once,
		  .timeout = TIMEOUT_S)
{
	for (size_t e = 0; e < errors_tried(); e++) {
		size_t times = run_all(parameter, CALL_ANY, false, errors[e]);
		cr_expect(times > 10, "%s makes %zu system calls only", parameter->conf, times);
	}
}

ParameterizedTestParameters(kernel_fault, all_calls_may_fail_from_any_on)
{
	return every_scenario();
}

ParameterizedTest(struct parameter *parameter, kernel_fault, all_calls_may_fail_from_any_on,
		  .timeout = TIMEOUT_S)
{
	run_all(parameter, CALL_ANY, true, ENOMEM);
}

ParameterizedTestParameters(kernel_fault, all_calls_of_a_kind_may_fail_from_any_on)
{
	return every_scenario();
}

ParameterizedTest(struct parameter *parameter, kernel_fault,
		  all_calls_of_a_kind_may_fail_from_any_on, .timeout = TIMEOUT_S)
{
	static const long numbers[] = {SYS_mmap, SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		run_all(parameter, numbers[i], true, ENOMEM);
}

/* A failure without an effect would prove nothing: with all calls failing there is no heap. */
Test(kernel_fault, without_a_system_there_is_no_heap)
{
	struct scenario scenario = {.conf = "strategy:segregated", .is_right = true};
	scenario.faults = (struct kernel_faults){
		.number = CALL_ANY, .fail_at = 1, .from_then_on = true, .error = ENOMEM};
	kernel_faults = scenario.faults;
	cr_expect_null(allot_heap_create(scenario.conf, NULL, 0));
	kernel_faults = (struct kernel_faults){.number = CALL_ANY};
}
