/* SPDX-License-Identifier: MIT */
/*
 * A program that keeps its own log of what it asks of the heap, which a trace of it is compared
 * with. An ordinary program: the log lies in memory shared with a file, so that it outlives any
 * end.
 *
 * usage: recorded LOG MODE [COUNT [SEED]]
 *
 *   calls    COUNT calls of every kind, in one thread
 *   built    COUNT small blocks allocated, then freed
 *   threads  the same in 4 threads, which free each other's blocks; a log each
 *   churn    COUNT threads, one after another
 *   killed   as calls, then SIGKILL
 *   exit     as calls, then _exit()
 *   closed   as calls, every descriptor closed half-way
 *   limited  as calls, after setting RLIMIT_FSIZE to 1 MiB
 *   fork     as calls; a child frees what it inherited, and allocates
 *   bare     as fork, but by clone(2), which runs no handlers
 *   exec     as calls, then the program again
 *   handler  as calls, while a signal handler allocates and frees
 *   code     opens and closes a library between calls
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "recorded.h"

enum { BLOCKS = 500, THREADS = 4, CHURN_CALLS = 20 };

static struct logged *log_entries;
static _Atomic size_t *log_count; /* of a thread: one after another */

/* ---- the log ---- */

static void log_open(const char *path)
{
	size_t bytes = LOG_BYTES * THREADS;
	int file = open(path, O_RDWR | O_CREAT, 0600);
	if (file < 0 || ftruncate(file, (off_t)bytes) != 0)
		abort();
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (memory == MAP_FAILED)
		abort();
	log_count = memory;
	log_entries = (struct logged *)((char *)memory + LOG_HEADER_BYTES);
	close(file);
}

static void log_call(size_t thread, int kind, const void *old, const void *p, size_t bytes)
{
	_Atomic size_t *count = (_Atomic size_t *)((char *)log_count + thread * LOG_BYTES);
	struct logged *entry = (struct logged *)((char *)log_entries + thread * LOG_BYTES) + *count;
	*entry = (struct logged){kind, (uintptr_t)old, (uintptr_t)p, bytes,
				 p == NULL ? 0 : malloc_usable_size((void *)p)};
	++*count;
}

/* ---- calls ---- */

static uint64_t draw(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return *seed >> 33;
}

/* Most are small; now and then one is large, and rarely one is too large for 32 bits. */
static size_t draw_bytes(uint64_t *seed)
{
	uint64_t kind = draw(seed) % 1000;
	if (kind < 900)
		return draw(seed) % 600;
	if (kind < 990)
		return draw(seed) % 60000;
	return kind < 999 ? draw(seed) % 3000000 : (UINT64_C(5) << 30) + draw(seed);
}

static void *make(size_t thread, uint64_t *seed)
{
	size_t bytes = draw_bytes(seed);
	void *p;
	switch (draw(seed) % 6) {
	case 0:
		p = calloc(1, bytes);
		log_call(thread, LOGGED_CALLOC, NULL, p, bytes);
		break;
	case 1:
		p = NULL;
		if (posix_memalign(&p, (size_t)32 << draw(seed) % 9, bytes) != 0)
			p = NULL;
		log_call(thread, LOGGED_ALIGNED, NULL, p, bytes);
		break;
	case 2:
		p = realloc(NULL, bytes);
		log_call(thread, LOGGED_REALLOC, NULL, p, bytes);
		break;
	default:
		p = malloc(bytes);
		log_call(thread, LOGGED_MALLOC, NULL, p, bytes);
		break;
	}
	return p;
}

static void give(size_t thread, void *p)
{
	if (p == NULL)
		return;
	log_call(thread, LOGGED_FREE, p, p, 0);
	free(p);
}

static void *resize(size_t thread, void *p, uint64_t *seed)
{
	size_t bytes = draw_bytes(seed) % (1 << 20) + 1;
	void *moved = realloc(p, bytes);
	if (moved == NULL)
		return p;
	log_call(thread, LOGGED_RESIZE, p, moved, bytes);
	return moved;
}

static void *_Atomic blocks[BLOCKS];

/* `count` calls by one thread, on blocks that all share. */
static void call(size_t thread, size_t count, uint64_t seed)
{
	for (size_t i = 0; i < count; i++) {
		void *_Atomic *block = &blocks[draw(&seed) % BLOCKS];
		void *p = __atomic_exchange_n((void **)block, NULL, __ATOMIC_SEQ_CST);
		if (p == NULL)
			p = make(thread, &seed);
		else if (draw(&seed) % 4 == 0)
			p = resize(thread, p, &seed);
		else
			give(thread, p), p = NULL;
		/* Another thread may have put one there meanwhile. */
		p = __atomic_exchange_n((void **)block, p, __ATOMIC_SEQ_CST);
		give(thread, p);
	}
}

/* ---- threads ---- */

struct work {
	size_t thread, count;
	uint64_t seed;
};

static void *work_run(void *argument)
{
	struct work *work = argument;
	pthread_setname_np(pthread_self(), "worker");
	call(work->thread, work->count, work->seed);
	return NULL;
}

static void threads_run(size_t count, uint64_t seed)
{
	pthread_t threads[THREADS];
	struct work works[THREADS];
	for (size_t i = 0; i < THREADS; i++) {
		works[i] = (struct work){i, count, seed + i};
		pthread_create(&threads[i], NULL, work_run, &works[i]);
	}
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void churn_run(size_t count, uint64_t seed)
{
	for (size_t i = 0; i < count; i++) {
		pthread_t thread;
		struct work work = {0, CHURN_CALLS, seed + i};
		pthread_create(&thread, NULL, work_run, &work);
		pthread_join(thread, NULL);
	}
}

/* ---- children ---- */

static void child_run(size_t count, uint64_t seed)
{
	call(1, count, seed);
	_exit(0);
}

static void fork_run(bool is_bare, size_t count, uint64_t seed)
{
	call(0, count, seed);
	long child = is_bare ? syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : fork();
	if (child == 0)
		child_run(count, seed + 1);
	call(0, count, seed + 2);
	waitpid((pid_t)child, NULL, 0);
}

/* ---- the rest ---- */

static void handle(int signal)
{
	(void)signal;
	free(malloc(40));
}

static void handler_run(size_t count, uint64_t seed)
{
	struct itimerval often = {{0, 200}, {0, 200}};
	struct itimerval never = {{0, 0}, {0, 0}};
	signal(SIGALRM, handle);
	setitimer(ITIMER_REAL, &often, NULL);
	call(0, count, seed);
	setitimer(ITIMER_REAL, &never, NULL);
}

static void code_run(size_t count, uint64_t seed)
{
	call(0, count, seed);
	void *library = dlopen("libm.so.6", RTLD_NOW);
	call(0, count, seed + 1);
	if (library != NULL)
		dlclose(library);
	call(0, count, seed + 2);
}

static void limited_run(size_t count, uint64_t seed)
{
	struct rlimit limit = {1 << 20, 1 << 20};
	setrlimit(RLIMIT_FSIZE, &limit);
	call(0, count, seed);
}

/* Builds something of small blocks and takes it down, too fast for a sample at regular times. */
static void build_run(size_t count)
{
	void **blocks = calloc(count, sizeof(*blocks));
	for (size_t i = 0; i < count; i++) {
		blocks[i] = malloc(100);
		log_call(0, LOGGED_MALLOC, NULL, blocks[i], 100);
	}
	for (size_t i = 0; i < count; i++)
		free(blocks[i]);
	free(blocks);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	const char *mode = argv[2];
	size_t count = argc > 3 ? strtoul(argv[3], NULL, 10) : 1000;
	uint64_t seed = argc > 4 ? strtoul(argv[4], NULL, 10) : 1;
	log_open(argv[1]);
	if (strcmp(mode, "threads") == 0) {
		threads_run(count, seed);
	} else if (strcmp(mode, "built") == 0) {
		build_run(count);
	} else if (strcmp(mode, "churn") == 0) {
		churn_run(count, seed);
	} else if (strcmp(mode, "fork") == 0 || strcmp(mode, "bare") == 0) {
		fork_run(*mode == 'b', count, seed);
	} else if (strcmp(mode, "handler") == 0) {
		handler_run(count, seed);
	} else if (strcmp(mode, "code") == 0) {
		code_run(count, seed);
	} else if (strcmp(mode, "limited") == 0) {
		limited_run(count, seed);
	} else {
		call(0, count, seed);
		if (strcmp(mode, "closed") == 0) {
			for (int file = 3; file < 2048; file++)
				close(file);
			call(0, count, seed + 1);
		}
	}
	if (strcmp(mode, "killed") == 0)
		raise(SIGKILL);
	if (strcmp(mode, "exit") == 0)
		_exit(0);
	if (strcmp(mode, "exec") == 0) {
		*log_count = 0;
		execl("/proc/self/exe", argv[0], argv[1], "calls", argv[3], argv[4], (char *)NULL);
	}
	return 0;
}
