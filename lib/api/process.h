/* SPDX-License-Identifier: MIT */
/*
 * The process heap: the one heap that the malloc family serves, and all global state there is.
 *
 * It must be usable from the first malloc of a process, which the dynamic loader makes before
 * any constructor has run, and from any thread and signal handler after that. So everything
 * begins as zeros, is set up on the first call that takes the long way, and stays.
 */
#ifndef API_PROCESS_H
#define API_PROCESS_H

#include <pthread.h>
#include <stdatomic.h>

#include "api/options.h"
#include "front/heap.h"

/* Functions of the allocator that would have served the program without us. */
struct next_allocator {
	void *(*malloc)(size_t bytes);
	void *(*realloc)(void *block, size_t bytes);
	void (*free)(void *block);
	void *(*memalign)(size_t align, size_t bytes);
	size_t (*usable_size)(void *block);
};

/* Are the calls of a process written down? */
enum recording { RECORDED_UNKNOWN, RECORDED_NOT, RECORDED };

struct process {
	struct heap heap;
	struct options options;
	struct next_allocator next; /* set by the shared library's constructor */
	pthread_key_t thread_key;   /* tells of the ends of threads, if there is a front end */
	/* Every call is written down (record.h), or it is not known yet whether it must be. */
	_Atomic unsigned char recording; /* enum recording */
	bool is_dormant;            /* the program has an allocator of its own: pass on to next */
	int error_file;             /* standard error as it was at start, if statistics go there */
	uintptr_t break_at_start;   /* where the C library's own heap would begin */
};

extern struct process process;

/* What the calling thread keeps of the heap: nothing at first, so that it takes the long way. */
extern __thread struct heap_caller thread_caller __attribute__((tls_model("initial-exec")));

/* Of a recorded process: `thread_caller` stays as it is at first, so that every call is seen. */
extern __thread struct heap_caller thread_recorded __attribute__((tls_model("initial-exec")));

/*
 * The process heap is ready when this returns true. False only in a signal handler that
 * interrupted its very set-up.
 */
bool process_prepare(void);

/* Are the calls of this process written down? */
ALLOT_INLINE bool process_is_recorded(void)
{
	unsigned char recording =
		atomic_load_explicit(&process.recording, memory_order_acquire);
	return unlikely(recording != RECORDED_NOT) && process_prepare() &&
	       process.recording == RECORDED;
}

/* The calling thread's own. */
static inline struct heap_caller *process_caller(void)
{
	return unlikely(process.recording == RECORDED) ? &thread_recorded : &thread_caller;
}

/* From here on pass every request on; blocks we gave out are still ours to free. */
void process_sleep(void);

/* Long ways of malloc and free, for the process. errno is ENOMEM after a NULL. */
void *process_allocate(size_t bytes, size_t align, bool must_be_zero);
void process_free(void *p, const char *call);
/* realloc() with a block and any size. */
void *process_resize(void *p, size_t bytes);

/* Print statistics if they were asked for; at exit. */
void process_report_statistics(void);

/* A line about a configuration or decision, on standard error. */
void process_say(const struct text *line);

/* ---- foreign.c ---- */

/*
 * Free a pointer that is not ours: to the next allocator if that is whose it is, else a fault.
 */
void foreign_free(void *p, const char *call);
/* Is `p` a block of the C library's own heap, as far as that can be seen? */
bool foreign_is_libc_block(const void *p);

/* ---- fork.c ---- */

void fork_prepare(void);
void fork_parent(void);
void fork_child(void);

#endif
