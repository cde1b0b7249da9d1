/* SPDX-License-Identifier: MIT */
/*
 * Fork: a child made at any moment has a heap that works; see fork.c.
 */
#include "runs.h"

RUNS(every_strategy, fork, child_has_a_heap_while_threads_allocate, "fork", "threads_inside_malloc")
RUNS(every_strategy, fork, child_may_start_threads_and_fork,
     "fork", "child_starts_threads_and_forks")
RUNS(every_strategy, fork, several_threads_fork_at_once, "fork", "several_threads_fork")
RUNS(every_strategy, fork, handlers_of_the_program_may_allocate, "fork", "handlers_may_allocate")
RUNS(every_strategy, fork, handler_that_interrupted_malloc_may_fork,
     "fork", "handler_interrupts_malloc")
RUNS(every_strategy, fork, handler_that_interrupted_fork_may_fork,
     "fork", "handler_interrupts_fork")
RUNS(every_strategy, fork, stdio_in_other_threads_does_not_hang_it, "fork", "stdio_holds_its_locks")
RUNS(every_strategy, fork, vfork_spawn_and_system_work, "fork", "other_ways_to_a_child")
RUNS(every_strategy, fork, child_without_handlers_may_ask, "fork", "raw_fork_may_ask")
