/* SPDX-License-Identifier: MIT */
/*
 * Fork: a child made at any moment has a heap that works.
 *
 * Argument: which claim to try, see main(). The patterns are those that hang allocators: threads
 * inside malloc at the moment of the fork; a fork from a signal handler that interrupted malloc
 * or fork itself; and the ring of stdio's locks and an allocator's (one thread in getline, one in
 * fflush of everything, one in fork). An alarm in every process turns a hang into a death.
 */
#include "claim.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

enum {
	HANG_S = 60,       /* the whole program */
	CHILD_HANG_S = 20, /* one child */
	INHERITED = 400,
	CHILD_BLOCKS = 200,
};

/* How often it is done: all of that in a long run only. */
static int forks_of(int forks)
{
	enum { USUAL_SHARE = 5 };
	const char *is_long = getenv("ALLOT_TEST_LONG");
	return is_long != NULL && strcmp(is_long, "1") == 0 ? forks : forks / USUAL_SHARE;
}

extern char **environ;

static atomic_bool is_over;
static _Atomic(unsigned char *) inherited[INHERITED];

static size_t inherited_bytes(size_t i)
{
	return 1 + (i * 37) % 3000;
}

static void inherited_make(void)
{
	for (size_t i = 0; i < INHERITED; i++) {
		unsigned char *block = malloc(inherited_bytes(i));
		pattern_fill(block, inherited_bytes(i), (uint32_t)i);
		inherited[i] = block;
	}
}

static void start(pthread_t *thread, void *(*body)(void *))
{
	if (pthread_create(thread, NULL, body, NULL) != 0)
		_exit(3);
}

/* What a child does with its heap: inherited blocks keep their bytes, new ones have their own. */
static int child_life(void)
{
	alarm(CHILD_HANG_S);
	unsigned char *blocks[CHILD_BLOCKS];
	for (size_t i = 0; i < CHILD_BLOCKS; i++) {
		blocks[i] = malloc(i * 29 + 1);
		if (blocks[i] == NULL)
			return 10;
		pattern_fill(blocks[i], i * 29 + 1, (uint32_t)(i + 7));
	}
	for (size_t i = 0; i < INHERITED; i += 2) {
		unsigned char *block = inherited[i];
		if (block == NULL)
			continue;
		if (!pattern_holds(block, inherited_bytes(i), (uint32_t)i))
			return 11;
		free(block);
	}
	for (size_t i = 0; i < CHILD_BLOCKS; i++) {
		if (!pattern_holds(blocks[i], i * 29 + 1, (uint32_t)(i + 7)))
			return 12;
		free(realloc(blocks[i], i * 31 + 500));
	}
	free(calloc(1, 3000000));
	return 0;
}

static void reap(pid_t child, const char *what)
{
	int status = 0;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	CLAIM(WIFEXITED(status), "%s: a child died of signal %d%s", what, WTERMSIG(status),
	      WTERMSIG(status) == SIGALRM ? " (it hung)" : "");
	if (WIFEXITED(status))
		CLAIM(WEXITSTATUS(status) == 0, "%s: a child ended with %d", what,
		      WEXITSTATUS(status));
}

/* ---- other threads are inside malloc -------------------------------------------------------- */

static void *churn(void *argument)
{
	(void)argument;
	enum { SLOTS = 64 };
	unsigned char *blocks[SLOTS] = {0};
	uint32_t state = (uint32_t)(uintptr_t)&blocks | 1;
	while (!atomic_load(&is_over)) {
		size_t slot = random_next(&state) % SLOTS;
		free(blocks[slot]);
		size_t bytes = random_next(&state) % (slot == 0 ? 400000 : 4000) + 1;
		blocks[slot] = slot % 3 == 0 ? calloc(1, bytes) : malloc(bytes);
		blocks[slot][bytes - 1] = 1;
	}
	for (size_t i = 0; i < SLOTS; i++)
		free(blocks[i]);
	return NULL;
}

static void threads_inside_malloc(void)
{
	enum { THREADS = 3, FORKS = 150 };
	pthread_t threads[THREADS];
	for (size_t i = 0; i < THREADS; i++)
		start(&threads[i], churn);
	for (int i = 0; i < forks_of(FORKS); i++) {
		pid_t child = fork();
		if (child == 0)
			_exit(child_life());
		reap(child, "threads inside malloc");
	}
	atomic_store(&is_over, true);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

/* The child has threads of its own, and forks once more. */
static void *grandchild_made(void *argument)
{
	(void)argument;
	pid_t child = fork();
	if (child == 0)
		_exit(child_life());
	reap(child, "grandchild");
	return NULL;
}

static void child_starts_threads_and_forks(void)
{
	enum { THREADS = 2, FORKS = 60 };
	pthread_t threads[THREADS];
	for (size_t i = 0; i < THREADS; i++)
		start(&threads[i], churn);
	for (int i = 0; i < forks_of(FORKS); i++) {
		pid_t child = fork();
		if (child == 0) {
			alarm(CHILD_HANG_S);
			pthread_t more[2];
			start(&more[0], grandchild_made);
			start(&more[1], grandchild_made);
			pthread_join(more[0], NULL);
			pthread_join(more[1], NULL);
			exit(claims_end());
		}
		reap(child, "a child with threads");
	}
	atomic_store(&is_over, true);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

/* Several threads fork at once. */
static void *fork_often(void *argument)
{
	(void)argument;
	for (int i = 0; i < 100; i++) {
		pid_t child = fork();
		if (child == 0)
			_exit(child_life());
		reap(child, "concurrent forks");
		free(malloc(1000));
	}
	return NULL;
}

static void several_threads_fork(void)
{
	pthread_t threads[3];
	for (size_t i = 0; i < 3; i++)
		start(&threads[i], fork_often);
	for (size_t i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

/* Handlers of the program's own allocate too, before and after the allocator's. */
static void *handler_block;

static void handler_prepare(void)
{
	handler_block = malloc(5000);
}

static void handler_done(void)
{
	free(handler_block);
	free(malloc(777));
}

static void handlers_may_allocate(void)
{
	pthread_t thread;
	pthread_atfork(handler_prepare, handler_done, handler_done);
	start(&thread, churn);
	for (int i = 0; i < 100; i++) {
		pid_t child = fork();
		if (child == 0)
			_exit(child_life());
		reap(child, "handlers that allocate");
	}
	atomic_store(&is_over, true);
	pthread_join(thread, NULL);
}

/* ---- a signal handler forks ----------------------------------------------------------------- */

enum { SIGNAL_FORKS = 400, SIGNAL_PERIOD_US = 700 };

static atomic_int signal_forks;
static timer_t signal_timer;

/* One signal, a while from now: each handler orders the next, so the program gets its turns. */
static void timer_arm(void)
{
	struct itimerspec once = {.it_value = {0, SIGNAL_PERIOD_US * 1000}};
	timer_settime(signal_timer, 0, &once, NULL);
}

static void fork_in_handler(int signal)
{
	(void)signal;
	int saved = errno;
	pid_t child = fork();
	if (child == 0)
		_exit(child_life());
	reap(child, "fork in a handler");
	atomic_fetch_add(&signal_forks, 1);
	timer_arm();
	errno = saved;
}

static void timer_start(void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	sigaction(SIGVTALRM, &action, NULL);
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGVTALRM};
	if (timer_create(CLOCK_MONOTONIC, &event, &signal_timer) != 0)
		_exit(3);
	timer_arm();
}

static void handler_interrupts_malloc(void)
{
	uint32_t state = 99;
	void *blocks[32] = {0};
	int forks = forks_of(SIGNAL_FORKS);
	timer_start(fork_in_handler);
	while (atomic_load(&signal_forks) < forks) {
		size_t slot = random_next(&state) % 32;
		free(blocks[slot]);
		blocks[slot] = malloc(random_next(&state) % 5000);
	}
}

static void handler_interrupts_fork(void)
{
	int forks = forks_of(SIGNAL_FORKS);
	timer_start(fork_in_handler);
	while (atomic_load(&signal_forks) < forks) {
		pid_t child = fork();
		if (child == 0) {
			signal(SIGVTALRM, SIG_IGN);
			_exit(child_life());
		}
		reap(child, "an interrupted fork");
	}
}

/* ---- stdio's locks -------------------------------------------------------------------------- */

static void *read_lines(void *argument)
{
	(void)argument;
	FILE *file = tmpfile();
	/* Long lines: their blocks come from the shared heap, under its lock. */
	for (int i = 0; i < 40; i++)
		fprintf(file, "%0*d\n", i * 2500 + 1, i);
	while (!atomic_load(&is_over)) {
		rewind(file);
		char *line = NULL;
		size_t bytes = 0;
		while (getline(&line, &bytes, file) > 0) {
			free(line);
			line = NULL;
			bytes = 0;
		}
		free(line);
	}
	fclose(file);
	return NULL;
}

static void *flush_everything(void *argument)
{
	(void)argument;
	while (!atomic_load(&is_over))
		fflush(NULL);
	return NULL;
}

static void stdio_holds_its_locks(void)
{
	enum { FORKS = 150 };
	pthread_t threads[3];
	start(&threads[0], read_lines);
	start(&threads[1], flush_everything);
	start(&threads[2], churn);
	for (int i = 0; i < forks_of(FORKS); i++) {
		pid_t child = fork();
		if (child == 0)
			_exit(child_life());
		reap(child, "stdio's locks");
	}
	atomic_store(&is_over, true);
	for (size_t i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

/* ---- other ways to a child ------------------------------------------------------------------ */

static void other_ways_to_a_child(void)
{
	pthread_t threads[2];
	for (size_t i = 0; i < 2; i++)
		start(&threads[i], churn);
	for (int i = 0; i < 60; i++) {
		static char name[] = "true";
		char *words[] = {name, NULL};
		pid_t child = vfork();
		if (child == 0) {
			execvp(name, words);
			_exit(127);
		}
		reap(child, "vfork");
		CLAIM(posix_spawnp(&child, name, NULL, NULL, words, environ) == 0,
		      "posix_spawn failed");
		reap(child, "posix_spawn");
		if (i % 6 == 0) {
			int status = system("exit 3");
			CLAIM(WIFEXITED(status) && WEXITSTATUS(status) == 3,
			      "system gave status %x", status);
			FILE *pipe = popen("echo text", "r");
			char text[8] = {0};
			CLAIM(fgets(text, sizeof text, pipe) != NULL && strcmp(text, "text\n") == 0,
			      "popen read '%s'", text);
			pclose(pipe);
		}
	}
	atomic_store(&is_over, true);
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

/* _Fork runs no handlers: of its child only questions may be asked, and they must return. */
static void raw_fork_may_ask(void)
{
	pthread_t thread;
	start(&thread, churn);
	for (int i = 0; i < 100; i++) {
		pid_t child = _Fork();
		if (child == 0) {
			alarm(CHILD_HANG_S);
			size_t bytes = malloc_usable_size(inherited[i % INHERITED]);
			free(NULL);
			_exit(bytes >= inherited_bytes((size_t)i % INHERITED) ? 0 : 13);
		}
		reap(child, "_Fork");
	}
	atomic_store(&is_over, true);
	pthread_join(thread, NULL);
}

/* The parent goes on with all it had. */
static void inherited_is_whole(void)
{
	for (size_t i = 0; i < INHERITED; i++) {
		unsigned char *block = inherited[i];
		CLAIM(pattern_holds(block, inherited_bytes(i), (uint32_t)i),
		      "the parent's block %zu was overwritten", i);
		free(block);
	}
}

int main(int count, char **words)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} claims[] = {
		{"threads_inside_malloc", threads_inside_malloc},
		{"child_starts_threads_and_forks", child_starts_threads_and_forks},
		{"several_threads_fork", several_threads_fork},
		{"handlers_may_allocate", handlers_may_allocate},
		{"handler_interrupts_malloc", handler_interrupts_malloc},
		{"handler_interrupts_fork", handler_interrupts_fork},
		{"stdio_holds_its_locks", stdio_holds_its_locks},
		{"other_ways_to_a_child", other_ways_to_a_child},
		{"raw_fork_may_ask", raw_fork_may_ask},
	};
	alarm(HANG_S);
	for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
		if (count == 2 && strcmp(words[1], claims[i].name) == 0) {
			inherited_make();
			claims[i].run();
			struct sigaction ignore = {.sa_handler = SIG_IGN};
			sigaction(SIGVTALRM, &ignore, NULL);
			inherited_is_whole();
			return claims_end();
		}
	}
	return 2;
}
