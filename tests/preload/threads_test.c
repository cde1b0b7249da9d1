/* SPDX-License-Identifier: MIT */
/*
 * Threads: blocks that change hands, and signal handlers that allocate; see threads.c and signal.c.
 */
#include "runs.h"

RUNS(every_heap_or_strategy, threads, blocks_cross_threads_and_outlive_them, "threads")

RUNS(every_strategy, signal, handler_of_a_timer_may_allocate, "signal", "timer")
RUNS(every_strategy, signal, handler_on_its_own_stack_may_allocate, "signal", "alternate")
RUNS(every_strategy, signal, handler_called_by_a_thread_may_allocate, "signal", "thread")
