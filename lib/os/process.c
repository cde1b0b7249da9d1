/* SPDX-License-Identifier: MIT */
/*
 * The process as the kernel sees it. See process.h.
 */
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/compiler.h"
#include "base/kernel_call.h"
#include "os/file.h"
#include "os/map.h"
#include "os/thread.h"

/*
 * Where the kernel put argc: then argv, NULL, the environment, NULL. Set by glibc's loader before
 * any library code runs. Absent elsewhere, hence weak.
 */
extern void *__libc_stack_end __attribute__((weak));

static char *const *start_environment(void)
{
	if (&__libc_stack_end == NULL || __libc_stack_end == NULL)
		return NULL;
	long *start = __libc_stack_end;
	long argument_count = *start;
	return (char *const *)(start + 1 + argument_count + 1);
}

static const char *environment_find(char *const *environment, const char *name)
{
	size_t length = strlen(name);
	for (; environment != NULL && *environment != NULL; environment++) {
		if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
			return *environment + length + 1;
	}
	return NULL;
}

const char *os_environment(const char *name)
{
	return environment_find(start_environment(), name);
}

uintptr_t os_stack_top(void)
{
	return &__libc_stack_end == NULL ? 0 : (uintptr_t)__libc_stack_end;
}

bool os_is_secure(void)
{
	return getauxval(AT_SECURE) != 0;
}

uint64_t os_random_seed(void)
{
	uint64_t seed;
	const void *random = (const void *)getauxval(AT_RANDOM);
	if (random != NULL) {
		/* The C library uses the first half for its canary and pointer guard. */
		memcpy(&seed, (const char *)random + sizeof(seed), sizeof(seed));
		return seed;
	}
	struct timespec now = {0};
	kernel_call(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0, 0, 0, 0);
	return (uint64_t)now.tv_nsec * 0x9E3779B97F4A7C15u + (uint64_t)now.tv_sec;
}

size_t os_file_read(const char *path, char *buffer, size_t capacity)
{
	size_t length = 0;
	long file = kernel_call(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
	if (kernel_call_failed(file))
		return 0;
	while (length < capacity) {
		long count = kernel_call(SYS_read, file, (long)(buffer + length),
					 (long)(capacity - length), 0, 0, 0);
		if (count <= 0)
			break;
		length += (size_t)count;
	}
	kernel_call(SYS_close, file, 0, 0, 0, 0, 0);
	return length;
}

static bool file_write_whole(long file, const char *chars, size_t bytes)
{
	while (bytes > 0) {
		long count = kernel_call(SYS_write, file, (long)chars, (long)bytes, 0, 0, 0);
		if (count <= 0)
			return false;
		chars += count;
		bytes -= (size_t)count;
	}
	return true;
}

bool os_file_append(const char *path, const char *chars, size_t bytes)
{
	long file = kernel_call(SYS_openat, AT_FDCWD, (long)path,
				O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666, 0, 0);
	if (kernel_call_failed(file))
		return false;
	bool is_written = file_write_whole(file, chars, bytes);
	kernel_call(SYS_close, file, 0, 0, 0, 0, 0);
	return is_written;
}

int os_error_keep(void)
{
	/* High up, where programs that count on the lowest free numbers do not see it. */
	enum { STANDARD_ERROR = 2, KEPT_MIN = 500 };
	long kept = kernel_call(SYS_fcntl, STANDARD_ERROR, F_DUPFD_CLOEXEC, KEPT_MIN, 0, 0, 0);
	return kernel_call_failed(kept) ? STANDARD_ERROR : (int)kept;
}

void os_write(int file, const char *chars, size_t bytes)
{
	file_write_whole(file, chars, bytes);
}

int os_process_id(void)
{
	return (int)kernel_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

bool os_process_exists(int process)
{
	return kernel_call(SYS_kill, process, 0, 0, 0, 0, 0) != -ESRCH;
}

void os_program_name(char *name, size_t capacity)
{
	char file[OS_PATH_BYTES_MAX];
	const char *path = (const char *)getauxval(AT_EXECFN);
	/* What was executed by its descriptor or as /proc/self/exe was called nothing. */
	if (path == NULL || *path == '\0' || strncmp(path, "/dev/fd/", 8) == 0 ||
	    strncmp(path, "/proc/", 6) == 0) {
		os_program_path(file, sizeof(file));
		path = file;
	}
	const char *slash = strrchr(path, '/');
	const char *last = slash != NULL ? slash + 1 : path;
	size_t length = strnlen(last, capacity - 1);
	memcpy(name, last, length);
	name[length] = '\0';
}

void os_program_path(char *path, size_t capacity)
{
	long length = kernel_call(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)path,
				  (long)capacity - 1, 0, 0);
	path[length > 0 ? length : 0] = '\0';
}

void os_folder_path(char *path, size_t capacity)
{
	if (kernel_call(SYS_getcwd, (long)path, (long)capacity, 0, 0, 0, 0) <= 0)
		path[0] = '\0';
}

void os_thread_name(char name[OS_THREAD_NAME_BYTES])
{
	name[0] = '\0';
	kernel_call(SYS_prctl, PR_GET_NAME, (long)name, 0, 0, 0, 0);
	name[OS_THREAD_NAME_BYTES - 1] = '\0';
}

void os_shared_wait(const void *word, uint32_t seen, long ns)
{
	struct timespec timeout = {0, ns};
	kernel_call(SYS_futex, (long)word, FUTEX_WAIT, seen, (long)&timeout, 0, 0);
}

uint64_t os_signals_block(void)
{
	uint64_t all = UINT64_MAX;
	uint64_t before = 0;
	kernel_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&before, sizeof(all), 0, 0);
	return before;
}

void os_signals_restore(uint64_t blocked)
{
	kernel_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&blocked, 0, sizeof(blocked), 0, 0);
}

uint64_t os_unix_ns(void)
{
	enum { NS_A_SECOND = 1000000000 };
	struct timespec now = {0};
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NS_A_SECOND + (uint64_t)now.tv_nsec;
}

uint32_t os_clock_ms(void)
{
	enum { MS_A_SECOND = 1000, NS_A_MS = 1000000 };
	struct timespec now = {0};
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint32_t)(now.tv_sec * MS_A_SECOND + now.tv_nsec / NS_A_MS);
}

void os_yield(void)
{
	kernel_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

/* The number after "`name`:" in a /proc status file, times 1024. */
static size_t status_field_bytes(const char *status, const char *name)
{
	const char *field = strstr(status, name);
	size_t kilobytes = 0;
	if (field == NULL)
		return 0;
	field += strlen(name);
	while (*field == ' ' || *field == '\t')
		field++;
	while (*field >= '0' && *field <= '9')
		kilobytes = kilobytes * 10 + (size_t)(*field++ - '0');
	return kilobytes * 1024;
}

void os_usage_read(struct os_counters *out)
{
	enum { BYTES_A_KIB = 1024 };
	struct rusage usage;
	*out = (struct os_counters){0};
	if (kernel_call(SYS_getrusage, RUSAGE_SELF, (long)&usage, 0, 0, 0, 0) != 0)
		return;
	out->resident_bytes_peak = (size_t)usage.ru_maxrss * BYTES_A_KIB;
	out->page_faults_minor = (size_t)usage.ru_minflt;
	out->page_faults_major = (size_t)usage.ru_majflt;
}

void os_counters_read(struct os_counters *out)
{
	enum { STATUS_BYTES_MAX = 4096 };
	char status[STATUS_BYTES_MAX];
	os_usage_read(out);
	size_t length = os_file_read("/proc/self/status", status, sizeof(status) - 1);
	status[length] = '\0';
	out->resident_bytes = status_field_bytes(status, "VmRSS:");
	out->resident_bytes_peak = status_field_bytes(status, "VmHWM:");
}

size_t os_resident_pages(uintptr_t base, size_t bytes)
{
	enum { PAGES_A_CALL = 1024 };
	unsigned char states[PAGES_A_CALL];
	size_t page_bytes = os_page_bytes();
	size_t resident_pages = 0;
	for (size_t offset = 0; offset < bytes; offset += PAGES_A_CALL * page_bytes) {
		size_t pages = (bytes - offset + page_bytes - 1) / page_bytes;
		if (pages > PAGES_A_CALL)
			pages = PAGES_A_CALL;
		if (kernel_call(SYS_mincore, (long)(base + offset), (long)(pages * page_bytes),
				(long)states, 0, 0, 0) != 0)
			return 0;
		for (size_t i = 0; i < pages; i++)
			resident_pages += states[i] & 1;
	}
	return resident_pages;
}
