/* SPDX-License-Identifier: MIT */
/*
 * Limits: what is left when the system says no.
 *
 * Under each limit the heap is filled until it refuses, which it must do with NULL and ENOMEM.
 * Then blocks are resized, half of them freed and asked for again; in the end the limit is lifted
 * and the heap has to serve as if nothing had been. No byte may be lost and no free may fail.
 *
 * Argument: which limit, see main(). Those that matter to start-up are set before the program
 * starts itself anew. Exit status 77 says on stderr what the claim needs and doesn't have.
 */
#include "claim.h"
#include "resident.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
	MEBIBYTE = 1024 * 1024,
	BLOCKS_MAX = 100000,
	NOBODY = 65534,
	STATUS_SKIPPED = 77,
	HANG_S = 50,
};

static struct {
	unsigned char *block;
	size_t bytes;
} blocks[BLOCKS_MAX];
static size_t block_count;
static uint32_t state = 31337;

static void block_fill(size_t i)
{
	pattern_fill(blocks[i].block, blocks[i].bytes, (uint32_t)i);
}

static void block_check(size_t i, size_t bytes)
{
	CLAIM(pattern_holds(blocks[i].block, bytes, (uint32_t)i),
	      "a block of %zu bytes was overwritten", blocks[i].bytes);
}

static size_t size_next(void)
{
	uint32_t dice = random_next(&state) % 100;
	if (dice < 60)
		return 1 + random_next(&state) % 1000;
	if (dice < 95)
		return 1 + random_next(&state) % 40000;
	return 1 + random_next(&state) % 600000;
}

/* Allocate until refused, or until `bytes_max` are live. Was there a refusal? */
static bool fill_up(size_t bytes_max)
{
	size_t total = 0;
	for (block_count = 0; block_count < BLOCKS_MAX && total < bytes_max; block_count++) {
		size_t bytes = size_next();
		errno = ERRNO_UNTOUCHED;
		unsigned char *block = random_next(&state) % 4 == 0 ? calloc(bytes, 1)
								     : malloc(bytes);
		if (block == NULL) {
			CLAIM(errno == ENOMEM, "refused with errno %d", errno);
			return true;
		}
		blocks[block_count].block = block;
		blocks[block_count].bytes = bytes;
		block_fill(block_count);
		total += bytes;
	}
	return false;
}

static void refusals_do_no_harm(void)
{
	for (size_t i = 0; i < block_count; i += 50) {
		errno = ERRNO_UNTOUCHED;
		void *moved = realloc(blocks[i].block, (size_t)1 << 45);
		CLAIM(moved == NULL && errno == ENOMEM, "realloc to 32 TiB was not refused");
		block_check(i, blocks[i].bytes);
	}
	CLAIM(calloc(1 << 20, 1 << 25) == NULL, "calloc of 32 TiB gave a block");
	CLAIM(memalign(1 << 20, (size_t)1 << 45) == NULL, "memalign of 32 TiB gave a block");
}

static void shrinking_never_fails(void)
{
	for (size_t i = 0; i < block_count; i += 3) {
		size_t bytes = blocks[i].bytes / 2 + 1;
		unsigned char *block = realloc(blocks[i].block, bytes);
		if (!CLAIM(block != NULL, "realloc from %zu down to %zu bytes failed",
			   blocks[i].bytes, bytes))
			continue;
		blocks[i].block = block;
		block_check(i, bytes);
		blocks[i].bytes = bytes;
		block_fill(i);
	}
}

static void what_is_freed_serves_again(void)
{
	size_t wanted = 0;
	size_t served = 0;
	for (size_t i = 0; i < block_count; i += 2) {
		block_check(i, blocks[i].bytes);
		errno = ERRNO_UNTOUCHED;
		free(blocks[i].block);
		CLAIM(errno == ERRNO_UNTOUCHED, "free set errno to %d", errno);
	}
	for (size_t i = 0; i < block_count; i += 2) {
		blocks[i].block = malloc(blocks[i].bytes);
		wanted++;
		if (blocks[i].block == NULL)
			continue;
		served++;
		block_fill(i);
	}
	CLAIM(served >= wanted * 3 / 4, "of %zu blocks freed at the limit %zu were given again",
	      wanted, served);
}

static void free_all(void)
{
	for (size_t i = 0; i < block_count; i++) {
		if (blocks[i].block == NULL)
			continue;
		block_check(i, blocks[i].bytes);
		errno = ERRNO_UNTOUCHED;
		free(blocks[i].block);
		CLAIM(errno == ERRNO_UNTOUCHED, "free set errno to %d", errno);
	}
	block_count = 0;
}

static void heap_is_whole(void)
{
	CLAIM(!fill_up(48 * MEBIBYTE), "the heap refuses although the limit is gone");
	free_all();
	malloc_trim(0);
}

static void live_at_the_limit(void)
{
	refusals_do_no_harm();
	shrinking_never_fails();
	what_is_freed_serves_again();
	free_all();
}

static void limit_set(__rlimit_resource_t resource, size_t bytes)
{
	struct rlimit limit;
	getrlimit(resource, &limit);
	limit.rlim_cur = bytes;
	if (setrlimit(resource, &limit) != 0)
		_exit(3);
}

static void limit_lift(__rlimit_resource_t resource)
{
	struct rlimit limit;
	getrlimit(resource, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(resource, &limit);
}

/* ---- address space and data segment --------------------------------------------------------- */

static void little_address_space(void)
{
	CLAIM(fill_up(64 * MEBIBYTE), "64 MiB of blocks fit into 64 MiB of addresses");
	CLAIM(block_count > 500, "only %zu blocks were served", block_count);
	live_at_the_limit();
	limit_lift(RLIMIT_AS);
	heap_is_whole();
}

/* What ended threads used may stay in heaps of theirs: less is left, but not nothing. */
static void leftover_address_space(void)
{
	CLAIM(fill_up(64 * MEBIBYTE), "64 MiB of blocks fit into 64 MiB of addresses");
	CLAIM(block_count > 100, "only %zu blocks were served", block_count);
	live_at_the_limit();
	limit_lift(RLIMIT_AS);
	heap_is_whole();
}

static void little_data(void)
{
	CLAIM(fill_up(32 * MEBIBYTE), "32 MiB of blocks fit into 32 MiB of data");
	CLAIM(block_count > 250, "only %zu blocks were served", block_count);
	live_at_the_limit();
	limit_lift(RLIMIT_DATA);
	heap_is_whole();
}

/* Threads want heaps of their own when there is hardly room for one. */
static void *thread_life(void *argument)
{
	(void)argument;
	void *mine[500];
	for (size_t i = 0; i < 500; i++)
		mine[i] = malloc(i * 20 + 1);
	for (size_t i = 0; i < 500; i++)
		free(mine[i]);
	return NULL;
}

static void threads_in_little_address_space(void)
{
	pthread_attr_t small;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 256 * 1024);
	for (int round = 0; round < 20; round++) {
		pthread_t threads[10];
		size_t count = 0;
		while (count < 10 &&
		       pthread_create(&threads[count], &small, thread_life, NULL) == 0)
			count++;
		CLAIM(count > 0, "no thread could be started");
		for (size_t i = 0; i < count; i++)
			pthread_join(threads[i], NULL);
	}
	leftover_address_space();
}

/* ---- mappings ------------------------------------------------------------------------------- */

/* ---- more threads than there are thread heaps ----------------------------------------------- */

enum {
	CROWD = 1100, /* with so little address space there are 1,024 thread heaps */
	CROWD_STACK_BYTES = 64 << 10,
	CROWD_OBJECTS = 16 << 10,
	CROWD_BYTES = 32,
};

static pthread_barrier_t crowd_barrier;
static unsigned char *_Atomic crowd_objects[CROWD_OBJECTS];

/* Each frees some of what the first thread made, all while all of them have a heap or none. */
static void *crowd_life(void *argument)
{
	size_t i = (size_t)argument;
	void *own = malloc(CROWD_BYTES);
	pthread_barrier_wait(&crowd_barrier);
	for (size_t n = CROWD_OBJECTS - 1 - i; n < CROWD_OBJECTS; n -= CROWD) {
		free(crowd_objects[n]);
		crowd_objects[n] = NULL;
		void *medium = malloc(12000);
		CLAIM(medium != NULL, "12000 bytes were refused");
		if (medium != NULL)
			memset(medium, 0xA5, 12000);
		free(medium);
		if (n % 3 == 0)
			break;
	}
	pthread_barrier_wait(&crowd_barrier);
	free(own);
	return NULL;
}

static void more_threads_than_thread_heaps(void)
{
	static pthread_t threads[CROWD];
	pthread_attr_t attributes;
	size_t started = 0;
	for (size_t n = 0; n < CROWD_OBJECTS; n++) {
		crowd_objects[n] = malloc(CROWD_BYTES);
		memset(crowd_objects[n], (int)(n % 251), CROWD_BYTES);
	}
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, CROWD_STACK_BYTES);
	pthread_barrier_init(&crowd_barrier, NULL, CROWD + 1);
	for (; started < CROWD; started++) {
		void *number = (void *)started;
		if (pthread_create(&threads[started], &attributes, crowd_life, number) != 0)
			break;
	}
	if (!CLAIM(started == CROWD, "only %zu threads", started))
		_exit(claims_end());
	pthread_barrier_wait(&crowd_barrier);
	pthread_barrier_wait(&crowd_barrier);
	for (size_t i = 0; i < CROWD; i++)
		pthread_join(threads[i], NULL);
	for (size_t n = 0; n < CROWD_OBJECTS; n++) {
		const unsigned char *object = crowd_objects[n];
		for (size_t i = 0; object != NULL && i < CROWD_BYTES; i++)
			CLAIM(object[i] == n % 251, "object %zu was overwritten", n);
		free(crowd_objects[n]);
	}
}

static void no_mappings_left(void)
{
	char text[32] = {0};
	int file = open("/proc/sys/vm/max_map_count", O_RDONLY);
	ssize_t got = read(file, text, sizeof text - 1);
	close(file);
	size_t limit = got > 0 ? strtoul(text, NULL, 10) : 0;
	if (limit == 0 || limit > (1 << 20)) {
		fprintf(stderr, "needs vm.max_map_count of at most 1048576\n");
		_exit(STATUS_SKIPPED);
	}
	fill_up(8 * MEBIBYTE);

	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	size_t reserve_bytes = (limit + 2000) * page_bytes;
	char *reserve = mmap(NULL, reserve_bytes, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (size_t offset = 0; offset < reserve_bytes; offset += 2 * page_bytes) {
		if (mprotect(reserve + offset, page_bytes, PROT_READ) != 0)
			break;
	}
	file = open("/proc/self/exe", O_RDONLY);
	while (mmap(NULL, page_bytes, PROT_READ, MAP_PRIVATE, file, 0) != MAP_FAILED)
		;
	close(file);

	live_at_the_limit();
	/* A source that only extends what it has may go on serving. */
	fill_up(64 * MEBIBYTE);
	live_at_the_limit();
	malloc_trim(0);
	munmap(reserve, reserve_bytes);
	heap_is_whole();
}

/* ---- locked memory -------------------------------------------------------------------------- */

/* As an ordinary user: root may lock all it likes. */
static void little_locked_memory(void)
{
	fill_up(2 * MEBIBYTE);
	if (getuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) != 0)
		_exit(3);
	limit_set(RLIMIT_MEMLOCK, 4 * MEBIBYTE);
	if (mlockall(MCL_FUTURE) != 0) {
		fprintf(stderr, "needs leave to lock 4 MiB: %s\n", strerror(errno));
		_exit(STATUS_SKIPPED);
	}
	live_at_the_limit();
	bool is_refused = fill_up(64 * MEBIBYTE);
	(void)is_refused; /* pages mapped before the lock may be enough for all */
	live_at_the_limit();
	munlockall();
	heap_is_whole();
}

static void all_memory_locked(void)
{
	limit_lift(RLIMIT_MEMLOCK);
	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
		fprintf(stderr, "needs root: mlockall: %s\n", strerror(errno));
		_exit(STATUS_SKIPPED);
	}
	size_t before = resident_bytes();
	CLAIM(!fill_up(48 * MEBIBYTE), "refused with no limit on locked memory");
	size_t after = resident_bytes();
	CLAIM(after < before + 256 * (size_t)MEBIBYTE, "48 MiB of blocks made %zu bytes resident",
	      after - before);
	live_at_the_limit();
	/* Locked pages can't be dropped: what calloc gives must be zero all the same. */
	for (int round = 0; round < 3; round++) {
		unsigned char *block = calloc(1, 3 * MEBIBYTE);
		CLAIM(block[0] == 0 && memcmp(block, block + 1, 3 * MEBIBYTE - 1) == 0,
		      "calloc gave old bytes");
		memset(block, 0xff, 3 * MEBIBYTE);
		free(block);
		malloc_trim(0);
	}
	heap_is_whole();
}

/* ---- a sandbox ------------------------------------------------------------------------------ */

/*
 * What programs that lock themselves in usually still allow. A call that isn't listed kills: the
 * heap has asked the system for all else it wants to know before.
 */
static void sandbox_enter(void)
{
	static const int allowed[] = {
		SYS_mmap,  SYS_munmap, SYS_mremap,     SYS_madvise,     SYS_brk,
		SYS_futex, SYS_write,  SYS_exit_group, SYS_rt_sigreturn,
	};
	enum { COUNT = sizeof allowed / sizeof allowed[0] };
	struct sock_filter filter[COUNT + 3];
	size_t n = 0;
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						   offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < COUNT; i++)
		filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							   (unsigned)allowed[i],
							   (unsigned char)(COUNT - i), 0);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {.len = (unsigned short)n, .filter = filter};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
		fprintf(stderr, "needs leave to filter system calls: %s\n", strerror(errno));
		_exit(STATUS_SKIPPED);
	}
}

static void few_system_calls(void)
{
	sandbox_enter();
	CLAIM(!fill_up(48 * MEBIBYTE), "refused in a sandbox");
	live_at_the_limit();
	for (int round = 0; round < 3; round++) {
		free(calloc(1, 30 * MEBIBYTE));
		free(realloc(malloc(5 * MEBIBYTE), 20 * MEBIBYTE));
		free(memalign(MEBIBYTE, 3 * MEBIBYTE));
		malloc_trim(0);
	}
	heap_is_whole();
}

/* ---- no promise without memory -------------------------------------------------------------- */

static const char overcommit_path[] = "/proc/sys/vm/overcommit_memory";

static bool overcommit_write(char value)
{
	int file = open(overcommit_path, O_WRONLY | O_CLOEXEC);
	bool is_written = file >= 0 && write(file, &value, 1) == 1;
	if (file >= 0)
		close(file);
	return is_written;
}

/*
 * The setting is the whole machine's, so this process does nothing but change it, start the claim
 * anew as its child, and change it back whatever becomes of that.
 */
static void overcommit_around(void)
{
	char before = '0';
	int file = open(overcommit_path, O_RDONLY | O_CLOEXEC);
	ssize_t got = read(file, &before, 1);
	close(file);
	if (got != 1 || before == '2' || !overcommit_write(before)) {
		fprintf(stderr, "needs root, and vm.overcommit_memory other than 2\n");
		_exit(STATUS_SKIPPED);
	}
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	pid_t child = fork();
	if (child == 0) {
		sigprocmask(SIG_UNBLOCK, &all, NULL);
		alarm(10);
		if (!overcommit_write('2'))
			_exit(3);
		execl("/proc/self/exe", "limits", "overcommit_child", (char *)NULL);
		_exit(3);
	}
	int status = 0;
	waitpid(child, &status, 0);
	CLAIM(overcommit_write(before), "vm.overcommit_memory could not be set back");
	CLAIM(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the claim ended with status %x",
	      status);
}

static void no_overcommit(void)
{
	CLAIM(!fill_up(48 * MEBIBYTE), "refused although there is memory");
	live_at_the_limit();
	errno = ERRNO_UNTOUCHED;
	void *block = malloc((size_t)1 << 42);
	CLAIM(block == NULL && errno == ENOMEM, "4 TiB were promised");
	pid_t child = fork();
	if (child == 0) {
		heap_is_whole();
		_exit(claims_end());
	}
	int status = 1;
	waitpid(child, &status, 0);
	CLAIM(child > 0 && status == 0, "fork failed, or its child did");
	heap_is_whole();
}

/* Start the program anew under a limit that stays over exec. */
static void start_under(__rlimit_resource_t resource, size_t bytes, const char *name)
{
	limit_set(resource, bytes);
	execl("/proc/self/exe", "limits", name, (char *)NULL);
	_exit(3);
}

int main(int count, char **words)
{
	if (count != 2)
		return 2;
	const char *name = words[1];
	alarm(HANG_S);
	if (strcmp(name, "address_space") == 0)
		start_under(RLIMIT_AS, 64 * MEBIBYTE, "address_space_again");
	else if (strcmp(name, "address_space_again") == 0)
		little_address_space();
	else if (strcmp(name, "threads") == 0)
		start_under(RLIMIT_AS, 64 * MEBIBYTE, "threads_again");
	else if (strcmp(name, "threads_again") == 0)
		threads_in_little_address_space();
	else if (strcmp(name, "crowd") == 0)
		start_under(RLIMIT_AS, 300 * MEBIBYTE, "crowd_again");
	else if (strcmp(name, "crowd_again") == 0)
		more_threads_than_thread_heaps();
	else if (strcmp(name, "data") == 0)
		start_under(RLIMIT_DATA, 32 * MEBIBYTE, "data_again");
	else if (strcmp(name, "data_again") == 0)
		little_data();
	else if (strcmp(name, "mappings") == 0)
		no_mappings_left();
	else if (strcmp(name, "little_locked") == 0)
		little_locked_memory();
	else if (strcmp(name, "all_locked") == 0)
		all_memory_locked();
	else if (strcmp(name, "sandbox") == 0)
		few_system_calls();
	else if (strcmp(name, "overcommit") == 0)
		overcommit_around();
	else if (strcmp(name, "overcommit_child") == 0)
		no_overcommit();
	else
		return 2;
	return claims_end();
}
