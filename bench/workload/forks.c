/* SPDX-License-Identifier: MIT */
/*
 * Forks: each page a child writes to is copied by the kernel. An allocator that keeps its notes in
 * few pages, and does little at a fork, has the advantage.
 */
#include "forks.h"

#include "crew.h"
#include "micro.h"
#include "sizes.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	LIVE_COUNT = 100000,  /* blocks of the parent */
	CHILD_COUNT = 400,    /* blocks a child replaces */
	PARENT_COUNT = 100,   /* blocks the parent replaces between two children */
};

/* What a child tells its parent, in memory they share. */
struct note {
	uint64_t checksum;
};

/* Replace `count` blocks at random; returns a sum of those that were freed. */
static MICRO_INLINE uint64_t heap_age(void **blocks, size_t count, struct chance *chance,
				      const bool is_floor)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < count; i++) {
		void **block = &blocks[chance_below(chance, LIVE_COUNT)];
		sum = sum * 31 + micro_read(*block);
		micro_give(is_floor, *block);
		*block = micro_take(is_floor, size_small(chance));
		micro_write(*block, i);
	}
	return sum;
}

/* A child's whole life; it changes what it likes and its parent sees nothing but the note. */
static MICRO_INLINE void child_run(void **blocks, size_t step, struct note *note,
				   const bool is_floor)
{
	pid_t child = fork();
	if (child < 0)
		run_fail("no more processes");
	if (child == 0) {
		struct chance chance = chance_of(step);
		note->checksum = heap_age(blocks, CHILD_COUNT, &chance, is_floor);
		_exit(EXIT_SUCCESS);
	}
	int status = 0;
	if (waitpid(child, &status, 0) != child || status != 0)
		run_fail("a child failed");
}

static MICRO_INLINE void forks_body(struct worker *worker, const bool is_floor)
{
	static void *blocks[LIVE_COUNT];
	size_t step_count = run_step_count(worker->run);
	struct note *note = mmap(NULL, sizeof(*note), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (note == MAP_FAILED)
		run_fail("no memory to share");
	for (size_t i = 0; i < LIVE_COUNT; i++) {
		blocks[i] = micro_take(is_floor, size_small(&worker->chance));
		micro_write(blocks[i], i);
	}
	for (size_t step = 0; step < step_count; step++) {
		child_run(blocks, step, note, is_floor);
		worker->checksum = worker->checksum * 31 + note->checksum;
		worker->checksum += heap_age(blocks, PARENT_COUNT, &worker->chance, is_floor);
	}
	for (size_t i = 0; i < LIVE_COUNT; i++) {
		worker->checksum += micro_read(blocks[i]);
		micro_give(is_floor, blocks[i]);
	}
	munmap(note, sizeof(*note));
	worker->operation_count = 2 * (LIVE_COUNT + step_count * (CHILD_COUNT + PARENT_COUNT));
}

static void forks_libc(struct worker *worker)
{
	forks_body(worker, false);
}

static void forks_floor(struct worker *worker)
{
	forks_body(worker, true);
}

void forks_run(struct run *run)
{
	crew_run(run, run->is_floor ? forks_floor : forks_libc);
}
