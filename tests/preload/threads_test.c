/* SPDX-License-Identifier: MIT */
/*
 * Threads: blocks that change hands, and signal handlers that allocate; see threads.c and signal.c.
 */
#include "runs.h"

EVERY_HEAP(threads, blocks_cross_threads_and_outlive_them, "threads")

EVERY_STRATEGY(signal, handler_of_a_timer_may_allocate, "signal", "timer")
EVERY_STRATEGY(signal, handler_on_its_own_stack_may_allocate, "signal", "alternate")
EVERY_STRATEGY(signal, handler_called_by_a_thread_may_allocate, "signal", "thread")
