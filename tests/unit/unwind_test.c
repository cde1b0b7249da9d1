/* SPDX-License-Identifier: MIT */
/*
 * Call stacks: frame by frame what the C library's backtrace() says, however stacks come to be.
 */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <ucontext.h>

#include "unwind_fixture.h"

enum { STACK_BYTES = 256 << 10 };

extern int unwind_throw(int depth, int (*next)(void *), void *argument);

/* ---- how functions call ---- */

Test(unwind, every_shape_of_frame_compiled_in_every_way)
{
	struct subject subject = subject_make(UNWIND_DEPTH_MAX);
	for (size_t way = 0; way < ARRAY_LEN(ways); way++) {
		for (size_t i = 0; i < UNWIND_SHAPES; i++) {
			ways[way]->shapes[i](check, &subject);
			cr_assert_not(subject.is_wrong, "%s, shape %zu", ways[way]->name, i);
		}
	}
	checks_end(&subject, ARRAY_LEN(ways) * UNWIND_SHAPES);
	cr_assert_eq(subject.cut, 0);
}

Test(unwind, random_trees_of_calls)
{
	struct subject subject = subject_make(UNWIND_DEPTH_MAX);
	trees_grow(&subject, 60, 40000, SEED);
	checks_end(&subject, 5000);
	cr_assert_eq(subject.cut, 0);
}

Test(unwind, random_trees_deeper_than_the_limit)
{
	struct subject subject = subject_make(24);
	trees_grow(&subject, 80, 40000, SEED);
	checks_end(&subject, 5000);
	cr_assert_gt(subject.cut, 100);
}

struct recursion {
	struct subject *subject;
	const struct unwind_calls *way;
	int depth;
};

/* Checks at every level, down and up again. */
static int recurse_checked(void *argument)
{
	struct recursion *recursion = argument;
	check(recursion->subject);
	if (recursion->depth-- > 0)
		recursion->way->shapes[0](recurse_checked, recursion);
	check(recursion->subject);
	return 1;
}

Test(unwind, recursion_deeper_than_the_limit_keeps_half_of_it_at_least)
{
	for (size_t way = 0; way < ARRAY_LEN(ways); way++) {
		struct subject subject = subject_make(64);
		struct recursion recursion = {&subject, ways[way], 300};
		recurse_checked(&recursion);
		cr_assert_not(subject.is_wrong);
		cr_assert_gt(subject.cut, 300);
		cr_assert_eq(subject.frames_most, 64);
		cr_assert_lt(subject.unwind->frames.count, 300 * 16, "frames are few");
	}
}

Test(unwind, a_limit_of_one_frame_is_the_caller)
{
	struct subject subject = subject_make(1);
	ways[2]->recurse(10, check, &subject);
	ways[3]->recurse(10, check, &subject);
	cr_assert_not(subject.is_wrong);
	cr_assert_eq(subject.frames_most, 1);
	cr_assert_eq(unwind_here(subject.unwind, subject.thread, 0), 0);
}

/*
 * Two callers whose frames coincide, word for word where rules look but for the return addresses:
 * nothing of the innermost frames tells them apart.
 */
static __attribute__((noinline)) int inner(struct subject *subject)
{
	return check(subject) + 1;
}

static __attribute__((noinline)) int middle(struct subject *subject)
{
	return inner(subject) + 1;
}

static __attribute__((noinline)) int first_caller(struct subject *subject)
{
	return middle(subject) + 2;
}

static __attribute__((noinline)) int second_caller(struct subject *subject)
{
	return middle(subject) + 3;
}

Test(unwind, callers_whose_frames_coincide_are_told_apart)
{
	struct subject subject = subject_make(UNWIND_DEPTH_MAX);
	for (int i = 0; i < 100; i++)
		(i % 3 == 0 ? first_caller : second_caller)(&subject);
	checks_end(&subject, 100);
}

/* ---- through other code ---- */

static struct subject *compared;

static int compare_checked(const void *a, const void *b)
{
	check(compared);
	return *(const int *)a - *(const int *)b;
}

Test(unwind, callbacks_of_the_c_library)
{
	struct subject subject = subject_make(UNWIND_DEPTH_MAX);
	int numbers[20];
	for (int i = 0; i < 20; i++)
		numbers[i] = i * 7 % 20;
	compared = &subject;
	qsort(numbers, ARRAY_LEN(numbers), sizeof(numbers[0]), compare_checked);
	checks_end(&subject, 40);
}

Test(unwind, exceptions_on_their_way)
{
	struct subject subject = subject_make(UNWIND_DEPTH_MAX);
	for (int depth = 0; depth < 20; depth++)
		unwind_throw(depth, check, &subject);
	checks_end(&subject, 20);
}

static void *module_open(const char *variable, struct subject *subject)
{
	const char *path = getenv(variable);
	cr_assert_not_null(path, "%s", variable);
	void *module = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
	cr_assert_not_null(module, "%s", dlerror());
	subject->thread->is_suspicious = true; /* as it is when the loader allocates */
	return module;
}

Test(unwind, the_first_call_of_a_function_that_is_bound_lazily)
{
	struct subject subject = subject_make(UNWIND_DEPTH_MAX);
	void *module = module_open("ALLOT_TEST_MODULE_A", &subject);
	*(unwind_next **)dlsym(module, "module_chooser") = check;
	*(struct subject **)dlsym(module, "module_chooser_argument") = &subject;
	int (*call_lazy)(void) = (int (*)(void))dlsym(module, "module_call_lazy");
	unsigned before = subject.checks;
	call_lazy();
	cr_assert_eq(subject.checks, before + 1, "it was chosen now");
	call_lazy();
	checks_end(&subject, 1);
}

typedef int module_call(unwind_next *next, void *argument);

Test(unwind, modules_that_lie_where_others_lay)
{
	struct subject subject = subject_make(UNWIND_DEPTH_MAX);
	uintptr_t places[2] = {0};
	for (int i = 0; i < 6; i++) {
		void *module = module_open(i % 2 == 0 ? "ALLOT_TEST_MODULE_A"
						      : "ALLOT_TEST_MODULE_B", &subject);
		module_call *call = (module_call *)dlsym(module, "module_call");
		call(check, &subject);
		places[i % 2] = (uintptr_t)call;
		cr_assert_not(subject.is_wrong, "round %d", i);
		dlclose(module);
	}
	checks_end(&subject, 6);
	cr_assert_eq(places[0], places[1], "they have to, or this tests nothing");
}

/* ---- other stacks ---- */

static struct subject *signalled;

static void handler_check(int number)
{
	(void)number;
	check(signalled);
	ways[2]->recurse(5, check, signalled);
}

static int signal_raise(void *argument)
{
	check(argument);
	raise(SIGUSR1);
	return check(argument);
}

static void signals_check(int flags)
{
	struct subject subject = subject_make(UNWIND_DEPTH_MAX);
	struct sigaction action = {.sa_handler = handler_check, .sa_flags = flags};
	stack_t stack = {.ss_sp = memory(STACK_BYTES), .ss_size = STACK_BYTES};
	signalled = &subject;
	sigaltstack(&stack, NULL);
	sigaction(SIGUSR1, &action, NULL);
	for (int depth = 0; depth < 10; depth++)
		ways[depth % 7]->recurse(depth, signal_raise, &subject);
	checks_end(&subject, 40);
	cr_assert_eq(subject.interrupted, 20, "each check in a handler has one");
}

Test(unwind, signal_handlers)
{
	signals_check(0);
}

Test(unwind, signal_handlers_on_their_own_stack)
{
	signals_check(SA_ONSTACK);
}

/* A handler that interrupts a walk gets nothing, and one that jumps away leaves no harm. */
Test(unwind, a_walk_that_was_interrupted)
{
	struct subject subject = subject_make(UNWIND_DEPTH_MAX);
	check(&subject);
	char inside = 0;
	subject.thread->busy_sp = (uintptr_t)&inside + STACK_BYTES;
	cr_assert_eq(unwind_here(subject.unwind, subject.thread, UNWIND_DEPTH_MAX), 0);
	subject.thread->busy_sp = (uintptr_t)&inside - STACK_BYTES / 64;
	subject.thread->range.home_low = subject.thread->busy_sp;
	check(&subject);
	checks_end(&subject, 2);
	cr_assert_eq(subject.thread->busy_sp, 0);
}

static ucontext_t main_context, other_context;
static struct subject *switched;

static void coroutine(void)
{
	for (int i = 0;; i++) {
		ways[i % 7]->recurse(i % 20, check, switched);
		swapcontext(&other_context, &main_context);
	}
}

Test(unwind, coroutines_whose_stacks_come_and_go)
{
	struct subject subject = subject_make(UNWIND_DEPTH_MAX);
	switched = &subject;
	for (int i = 0; i < 20; i++) {
		void *stack = memory(STACK_BYTES);
		getcontext(&other_context);
		other_context.uc_stack = (stack_t){.ss_sp = stack, .ss_size = STACK_BYTES};
		makecontext(&other_context, coroutine, 0);
		for (int k = 0; k < 20; k++) {
			ways[k % 7]->recurse(k, check, &subject);
			swapcontext(&main_context, &other_context);
		}
		munmap(stack, STACK_BYTES);
	}
	checks_end(&subject, 800);
}

/* ---- threads ---- */

enum { THREADS = 4 };

static void *thread_run(void *argument)
{
	struct subject *subject = argument;
	struct tree tree = {subject, {(uintptr_t)argument}, 0, 40, 8000};
	while (tree.calls > 0)
		tree_grow(&tree);
	return NULL;
}

Test(unwind, threads_share_frames)
{
	struct subject subjects[THREADS];
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++) {
		subjects[i] = subject_make(UNWIND_DEPTH_MAX);
		subjects[i].unwind = subjects[0].unwind;
		cr_assert_eq(pthread_create(&threads[i], NULL, thread_run, &subjects[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < THREADS; i++)
		checks_end(&subjects[i], 1000);
}
