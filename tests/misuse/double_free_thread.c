/* SPDX-License-Identifier: MIT */
/* A block freed by a thread and again by the one that made it. */
#include "misuse.h"

#include <pthread.h>

static void *release(void *block)
{
	free(block);
	return NULL;
}

int main(void)
{
	void *block = malloc(120);
	pthread_t thread;
	about(block);
	if (pthread_create(&thread, NULL, release, block) != 0)
		return 3;
	pthread_join(thread, NULL);
	free(block);
	return carry_on();
}
