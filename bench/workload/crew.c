/* SPDX-License-Identifier: MIT */
/*
 * Crews: starting threads, waiting for them, and adding up.
 */
#include "crew.h"

#include "heap.h"

#include <assert.h>
#include <pthread.h>

/* A thread with what it runs. */
struct member {
	struct worker worker;
	void (*work)(struct worker *worker);
	pthread_t thread;
};

/* A member's thread, from its start to its end. */
static void *member_run(void *argument)
{
	struct member *member = argument;
	member->work(&member->worker);
	member->worker.operation_count += heap_call_count;
	return NULL;
}

void crew_run_shared(struct run *run, unsigned int count, void (*work)(struct worker *),
		     void *shared)
{
	struct member members[CREW_COUNT_MAX];
	assert(count > 0 && count <= CREW_COUNT_MAX);
	for (unsigned int i = 0; i < count; i++)
		members[i] = (struct member){
			.worker = {.run = run,
				   .shared = shared,
				   .index = i,
				   .chance = chance_of(i)},
			.work = work,
		};
	if (count == 1) {
		work(&members[0].worker);
	} else {
		for (unsigned int i = 0; i < count; i++)
			if (pthread_create(&members[i].thread, NULL, member_run, &members[i]) != 0)
				run_fail("no more threads");
		for (unsigned int i = 0; i < count; i++)
			pthread_join(members[i].thread, NULL);
	}
	for (unsigned int i = 0; i < count; i++) {
		run->checksum += members[i].worker.checksum;
		run->operation_count += members[i].worker.operation_count;
	}
}

void crew_run(struct run *run, void (*work)(struct worker *))
{
	crew_run_shared(run, run->thread_count, work, NULL);
}
