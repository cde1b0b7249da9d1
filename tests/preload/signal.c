/* SPDX-License-Identifier: MIT */
/*
 * Signals: a handler that allocates while it interrupts an allocation.
 *
 * POSIX doesn't ask for it, profilers do it all the same: the heap must neither lock itself up
 * nor lose a byte. The main program allocates at full speed; the handler comes from a timer and
 * from a second thread that sends signals as fast as it can. Blocks cross over in both directions.
 * Argument: timer, thread or alternate (the handler on a stack of its own).
 */
#include "claim.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	HANG_S = 50,
	SECONDS = 1,
	CALLS_MIN = 500, /* of the handler, for the claim to mean something */
	SLOTS = 128,
	PERIOD_NS = 100000,
};

/* Each block opens with its length, the rest is its pattern. */
static _Atomic(uint32_t *) shared[SLOTS];
static atomic_int handler_calls;
static atomic_bool is_over;
static uint32_t handler_state = 77;

static uint32_t *block_make(uint32_t *state)
{
	uint32_t dice = random_next(state);
	uint32_t bytes = 8 + random_next(state) % ((uint32_t)16 << (dice % 12));
	uint32_t *block;
	switch (dice >> 16 & 3) {
	case 0:
		block = calloc(1, bytes);
		break;
	case 1:
		block = realloc(malloc(bytes / 2 + 1), bytes);
		break;
	case 2:
		block = memalign(64, bytes);
		break;
	default:
		block = malloc(bytes);
	}
	if (block == NULL)
		return NULL;
	block[0] = bytes;
	pattern_fill(block + 1, bytes - 4, bytes);
	return block;
}

static void block_free(uint32_t *block)
{
	if (block == NULL)
		return;
	CLAIM(pattern_holds(block + 1, block[0] - 4, block[0]), "a block was overwritten");
	free(block);
}

static void handle(int signal)
{
	(void)signal;
	int saved = errno;
	for (int i = 0; i < 4; i++) {
		size_t slot = random_next(&handler_state) % SLOTS;
		block_free(atomic_exchange(&shared[slot], block_make(&handler_state)));
	}
	CLAIM(malloc_usable_size(NULL) == 0, "a question in a handler went wrong");
	atomic_fetch_add(&handler_calls, 1);
	errno = saved;
}

static void *send_signals(void *target)
{
	sigset_t set;
	sigfillset(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	while (!atomic_load(&is_over)) {
		pthread_kill(*(pthread_t *)target, SIGUSR1);
		struct timespec pause = {0, 20000};
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void timer_begin(void)
{
	timer_t timer;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct itimerspec period = {{0, PERIOD_NS}, {0, PERIOD_NS}};
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 ||
	    timer_settime(timer, 0, &period, NULL) != 0)
		_exit(3);
}

static double seconds_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int count, char **words)
{
	if (count != 2)
		return 2;
	bool has_thread = strcmp(words[1], "thread") == 0;
	bool has_stack = strcmp(words[1], "alternate") == 0;
	alarm(HANG_S);

	static char stack[256 * 1024];
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
	sigaltstack(&alternate, NULL);
	struct sigaction action = {
		.sa_handler = handle,
		.sa_flags = SA_RESTART | (has_stack ? SA_ONSTACK : 0),
	};
	sigaction(SIGUSR1, &action, NULL);
	pthread_t self = pthread_self();
	pthread_t sender;
	if (has_thread) {
		if (pthread_create(&sender, NULL, send_signals, &self) != 0)
			return 3;
	} else {
		timer_begin();
	}

	uint32_t state = 1;
	double end = seconds_now() + SECONDS;
	while (seconds_now() < end) {
		for (int i = 0; i < 200; i++) {
			size_t slot = random_next(&state) % SLOTS;
			uint32_t *block = block_make(&state);
			if (!CLAIM(block != NULL, "no memory"))
				return 1;
			block_free(atomic_exchange(&shared[slot], block));
		}
	}
	atomic_store(&is_over, true);
	if (has_thread)
		pthread_join(sender, NULL);
	signal(SIGUSR1, SIG_IGN);
	for (size_t i = 0; i < SLOTS; i++)
		block_free(atomic_exchange(&shared[i], NULL));
	CLAIM(atomic_load(&handler_calls) >= CALLS_MIN, "the handler ran only %d times",
	      atomic_load(&handler_calls));
	return claims_end();
}
