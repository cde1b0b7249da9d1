/* SPDX-License-Identifier: MIT */
/*
 * Set-up of the process heap, and its long ways. See process.h.
 */
#include "api/process.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "allot/allot.h"
#include "api/record.h"
#include "api/fault.h"
#include "base/memcheck.h"
#include "base/message.h"
#include "os/brk.h"
#include "os/map.h"
#include "os/process.h"

enum { CONF_BYTES_MAX = 4096 };

#define CONF_FILE "/etc/allot.conf"

struct process process;
__thread struct heap_caller thread_caller = {NULL, &thread_heap_none};
__thread struct heap_caller thread_recorded = {NULL, &thread_heap_none};

/* Storage of the first arena: there before any memory can be asked for. */
static union {
	struct arena arena;
	unsigned char bytes[sizeof(struct arena) + STRATEGY_STATE_BYTES_MAX];
} first_arena;

enum { UNPREPARED, PREPARING, PREPARED };
static _Atomic int stage;
static _Atomic uintptr_t preparer; /* the thread that is PREPARING */

void process_say(const struct text *line)
{
	message_write(line);
}

/* ---- threads ---- */

/* Its thread heap has ended; what its last destructors do is done as if in passing. */
static __thread bool thread_is_ending __attribute__((tls_model("initial-exec")));

/* At a thread's end, some time among the destructors of its other thread-specific data. */
static void thread_end(void *unused)
{
	struct heap_caller caller = *process_caller();
	(void)unused;
	thread_is_ending = true;
	*process_caller() = (struct heap_caller){NULL, &thread_heap_none};
	if (caller.small != &thread_heap_none)
		thread_heap_end(&caller);
	if (process.recording == RECORDED)
		record_thread_end();
}

static void thread_join(void)
{
	struct thread_heap *small = thread_heap_begin(&process.heap);
	if (small == NULL)
		return;
	process_caller()->small = small;
	/* It may allocate, which works from here on. Without it the thread's end is not noticed. */
	pthread_setspecific(process.thread_key, small);
}

void process_sleep(void)
{
	struct heap_caller caller = *process_caller();
	*process_caller() = (struct heap_caller){NULL, &thread_heap_none};
	process.is_dormant = true;
	process.recording = RECORDED_NOT;
	if (caller.small == &thread_heap_none)
		return;
	pthread_setspecific(process.thread_key, NULL);
	thread_heap_end(&caller);
}

/*
 * Who calls: the thread with a heap for its small objects, or, where it has none any more, with
 * one for this call in *passing.
 */
static struct heap_caller *caller_begin(struct heap_caller *passing)
{
	struct heap_caller *own = process_caller();
	if (!process.heap.front.is_on || likely(own->small != &thread_heap_none))
		return own;
	if (!thread_is_ending && !process.is_dormant) {
		thread_join();
		return own;
	}
	*passing = (struct heap_caller){NULL, thread_heap_begin(&process.heap)};
	if (passing->small == NULL)
		passing->small = &thread_heap_none;
	return passing;
}

static void caller_end(struct heap_caller *caller)
{
	if (unlikely(caller != process_caller()) && caller->small != &thread_heap_none)
		thread_heap_end(caller);
}

/* ---- configuration ---- */

static void conf_read(const char *conf, size_t length, const char *from, bool *is_right)
{
	char chars[512];
	struct text message;
	text_init(&message, chars, sizeof(chars));
	text_format(&message, "%s: ", from);
	if (options_read(&process.options, conf, length, false, &message))
		return;
	process_say(&message);
	*is_right = false;
}

/* Built-in < allot_conf of the program < the file < the environment, unless that is distrusted. */
static void configure(void)
{
	char file[CONF_BYTES_MAX];
	char chars[256];
	struct text message;
	bool is_right = true;
	options_init(&process.options);
	if (&allot_conf != NULL && allot_conf != NULL)
		conf_read(allot_conf, strlen(allot_conf), "allot_conf", &is_right);
	size_t length = os_file_read(CONF_FILE, file, sizeof(file));
	if (length > 0)
		conf_read(file, length, CONF_FILE, &is_right);
	const char *environment = os_is_secure() ? NULL : os_environment("ALLOT_CONF");
	if (environment != NULL)
		conf_read(environment, strlen(environment), "ALLOT_CONF", &is_right);
	text_init(&message, chars, sizeof(chars));
	if (!options_settle(&process.options, &message)) {
		process_say(&message);
		is_right = false;
	}
	if (!is_right && process.options.abort_conf) {
		message_string("wrong options are fatal (abort_conf:true)");
		message_abort();
	}
	if (process.options.help)
		options_help(process_say);
}

static void report(const struct heap_fault *fault, void *context)
{
	(void)context;
	fault_print(fault);
	if (process.options.on_error == ON_ERROR_ABORT)
		message_abort();
}

/* Where the address space is short, arenas side by side would use it up. */
static size_t arena_count_max(void)
{
	enum { ADDRESS_BYTES_AN_ARENA = 64 << 20 };
	size_t affordable = size_max(os_address_space_limit() / ADDRESS_BYTES_AN_ARENA, 1);
	return size_min(process.options.arenas, affordable);
}

static void prepare(void)
{
	const struct options *options = &process.options;
	configure();
	/* Whether there are any depends on the moment; a replay is to find what was recorded. */
	if (options->trace[0] != '\0')
		process.options.has_huge_pages = false;
	process.break_at_start = os_break();
	if (string_equal(options->stats, "stderr"))
		process.error_file = os_error_keep();
	unsigned watch = options->stats[0] != '\0' ? WATCH_BOOKS : 0;
	if (options->check)
		watch |= WATCH_CHECK;
	if (memcheck_is_running())
		watch |= WATCH_MEMCHECK;
	struct heap_config config = {
		.arena = {
			.strategy = options->strategy,
			.policy = options->policy,
			.source = options->source == SOURCE_SBRK ? ARENA_SBRK : ARENA_MMAP,
			.key = os_random_seed(),
		},
		.arena_count_max = arena_count_max(),
		.mmap_threshold_bytes = options->mmap_threshold_bytes,
		.trim_threshold_bytes = options->trim_threshold_bytes,
		.watch = watch,
		.has_front = options->has_front,
		.has_huge_pages = options->has_huge_pages,
		.report = report,
		.moved = options->trace[0] != '\0' ? record_moved : NULL,
		.pages_changed = options->trace[0] != '\0' ? record_pages : NULL,
	};
	if (!heap_init(&process.heap, &config, &first_arena.arena)) {
		message_string("no memory for the first tables of the heap");
		message_abort();
	}
	bool is_traced = options->trace[0] != '\0';
	if ((process.heap.front.is_on || is_traced) &&
	    pthread_key_create(&process.thread_key, thread_end) != 0) {
		message_string("no key left for the ends of threads");
		message_abort();
	}
	process.recording = is_traced && record_begin() ? RECORDED : RECORDED_NOT;
}

ALLOT_COLD static bool prepare_once(void)
{
	int expected = UNPREPARED;
	if (atomic_compare_exchange_strong(&stage, &expected, PREPARING)) {
		atomic_store(&preparer, thread_self());
		prepare();
		atomic_store(&stage, PREPARED);
		return true;
	}
	if (atomic_load(&preparer) == thread_self() && atomic_load(&stage) == PREPARING)
		return false;
	while (atomic_load(&stage) != PREPARED)
		os_yield();
	return true;
}

bool process_prepare(void)
{
	return likely(atomic_load_explicit(&stage, memory_order_acquire) == PREPARED) ||
	       prepare_once();
}

/* ---- the long ways ---- */

static void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

static void *allocate_next(size_t bytes, size_t align, bool must_be_zero)
{
	void *p = align <= ALIGN_BYTES ? process.next.malloc(bytes) :
					 process.next.memalign(align, bytes);
	if (p != NULL && must_be_zero)
		memset(p, 0, bytes);
	return p;
}

ALLOT_OUTLINE void *process_allocate(size_t bytes, size_t align, bool must_be_zero)
{
	if (bytes > PTRDIFF_MAX || !process_prepare())
		return no_memory();
	if (unlikely(process.is_dormant))
		return allocate_next(bytes, align, must_be_zero);
	struct heap_caller passing;
	struct heap_caller *caller = caller_begin(&passing);
	void *p = heap_allocate_slow(&process.heap, caller, bytes, align, must_be_zero);
	caller_end(caller);
	return p != NULL ? p : no_memory();
}

ALLOT_OUTLINE void process_free(void *p, const char *call)
{
	if (p == NULL || !process_prepare())
		return;
	if (unlikely(!heap_owns(&process.heap, p))) {
		foreign_free(p, call);
		return;
	}
	struct heap_caller passing;
	struct heap_caller *caller = caller_begin(&passing);
	heap_free_slow(&process.heap, caller, p, call);
	caller_end(caller);
}

/* A block of another allocator becomes one of ours, if its size can be known. */
static void *resize_foreign(void *p, size_t bytes)
{
	if (process.is_dormant)
		return process.next.realloc(p, bytes);
	if (!foreign_is_libc_block(p)) {
		foreign_free(p, "realloc");
		return no_memory();
	}
	size_t old_bytes = process.next.usable_size(p);
	void *moved = process_allocate(bytes, ALIGN_BYTES, false);
	if (moved == NULL)
		return NULL;
	memcpy(moved, p, size_min(old_bytes, bytes));
	foreign_free(p, "realloc");
	return moved;
}

void *process_resize(void *p, size_t bytes)
{
	if (p == NULL)
		return process_allocate(bytes, ALIGN_BYTES, false);
	if (bytes > PTRDIFF_MAX || !process_prepare())
		return no_memory();
	if (!heap_owns(&process.heap, p))
		return resize_foreign(p, bytes);
	struct heap_caller passing;
	struct heap_caller *caller = caller_begin(&passing);
	void *resized = heap_resize(&process.heap, caller, p, bytes);
	caller_end(caller);
	return resized != NULL ? resized : no_memory();
}

/*
 * After the program's own exit handlers: the end of the trace, the last figures. Code that few need
 * at an end lies far from here (layout.ld), so it is asked here whether it is needed.
 */
__attribute__((destructor)) static void process_end(void)
{
	if (process_is_recorded())
		record_end();
	if (process.options.stats[0] != '\0')
		process_report_statistics();
}
