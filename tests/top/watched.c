/* SPDX-License-Identifier: MIT */
/*
 * A program to be watched: what it holds is known, and it goes on for as long as it is told.
 *
 * usage: watched SECONDS COUNT BYTES [exec]
 *
 * After a moment it allocates COUNT blocks of BYTES and frees every other one, prints a line, and
 * then allocates and frees small blocks in two threads. With exec it first becomes itself again.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	SMALL_BYTES = 40,
	SMALL_COUNT = 64,
	PAUSE_NS = 2000000,
	FIRST_PAUSE_NS = 60000000, /* in which it is found with nothing recorded */
	NS_PER_S = 1000000000,
};

static double end_s;

static double clock_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / NS_PER_S;
}

static void *work(void *unused)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	void *blocks[SMALL_COUNT];

	while (clock_s() < end_s) {
		for (int i = 0; i < SMALL_COUNT; i++)
			blocks[i] = malloc(SMALL_BYTES);
		for (int i = 0; i < SMALL_COUNT; i++)
			free(blocks[i]);
		nanosleep(&pause, NULL);
	}
	return unused;
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	if (argc > 4) {
		execl("/proc/self/exe", argv[0], argv[1], argv[2], argv[3], (char *)NULL);
		return 2;
	}
	nanosleep(&(struct timespec){.tv_nsec = FIRST_PAUSE_NS}, NULL);
	long count = strtol(argv[2], NULL, 10);
	size_t bytes = strtoul(argv[3], NULL, 10);
	char **blocks = calloc((size_t)count, sizeof(*blocks));
	pthread_t thread;

	end_s = clock_s() + strtod(argv[1], NULL);
	for (long i = 0; i < count; i++) {
		blocks[i] = malloc(bytes);
		memset(blocks[i], 1, bytes);
	}
	for (long i = 0; i < count; i += 2)
		free(blocks[i]);
	puts("ready");
	fflush(stdout);
	if (pthread_create(&thread, NULL, work, NULL) != 0)
		return 1;
	work(NULL);
	pthread_join(thread, NULL);
	return 7;
}
