/* SPDX-License-Identifier: MIT */
/*
 * Recording: what a program compiled by `allot vm cc` calls at its accesses.
 *
 * Each thread collects accesses in a buffer of its own and writes it as one block of the binary
 * form when it is full, when the thread ends, and at exit those of all threads. The file is opened
 * by the first that writes. A child of a fork begins with empty buffers and a file of its own.
 *
 * A signal handler that interrupts the collecting is not recorded: a flag says that the buffer is
 * in use. Blocks are whole in the file, as each is one write under a lock.
 *
 * The hooks are those of gcc's thread sanitizer, whose names are given (gcc/sanitizer.def).
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <allot/vm.h>

enum { PATH_BYTES = 4096 };

/* The accesses of a thread. */
struct buffer {
	struct vm_access accesses[VM_TRACE_BLOCK_ACCESSES];
	uint32_t count;
	uint32_t thread;
	bool is_busy;
	bool is_unused;        /* its thread has ended */
	struct buffer *next;
	uint8_t block[VM_TRACE_BLOCK_BYTES_MAX];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static struct buffer *buffers;
static uint32_t thread_count;
static int file = -1;
static pid_t first_pid;
static bool is_broken; /* the file could not be written: said once */
static __thread struct buffer *own __attribute__((tls_model("initial-exec")));

/* ---- the file ---- */

static void complain(const char *path)
{
	if (!is_broken)
		dprintf(STDERR_FILENO, "allot: recording: %s: %m\n", path);
	is_broken = true;
}

static void file_open(void)
{
	uint8_t header[VM_TRACE_HEADER_BYTES];
	char path[PATH_BYTES];
	const char *name = getenv("ALLOT_VM_TRACE");

	if (name == NULL || name[0] == '\0')
		name = "allot.vmt";
	if (getpid() == first_pid)
		snprintf(path, sizeof(path), "%s", name);
	else
		snprintf(path, sizeof(path), "%s.%d", name, (int)getpid());
	file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	vm_trace_header_write(header);
	if (file < 0 || write(file, header, sizeof(header)) != sizeof(header))
		complain(path);
}

/* With the lock held. */
static void buffer_write(struct buffer *buffer)
{
	/* What cannot be written is let go of: there must be room for more. */
	if (is_broken)
		buffer->count = 0;
	if (buffer->count == 0)
		return;
	if (file < 0)
		file_open();
	size_t bytes = vm_trace_block_write(buffer->accesses, buffer->count, buffer->thread,
					    buffer->block);
	for (size_t done = 0; done < bytes && !is_broken;) {
		ssize_t written = write(file, buffer->block + done, bytes - done);

		if (written <= 0)
			complain("the trace");
		else
			done += (size_t)written;
	}
	buffer->count = 0;
}

static void buffer_flush(struct buffer *buffer)
{
	pthread_mutex_lock(&lock);
	buffer_write(buffer);
	pthread_mutex_unlock(&lock);
}

/* ---- threads, fork, exit ---- */

static void thread_end(void *buffer)
{
	struct buffer *ended = buffer;

	ended->is_busy = true;
	buffer_flush(ended);
	own = NULL;
	ended->is_unused = true;
}

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

static void in_child(void)
{
	for (struct buffer *buffer = buffers; buffer != NULL; buffer = buffer->next) {
		buffer->count = 0;
		buffer->is_unused = buffer != own;
	}
	file = -1; /* close-on-exec; the parent's */
	pthread_mutex_unlock(&lock);
}

static void begin(void)
{
	first_pid = getpid();
	pthread_key_create(&key, thread_end);
	pthread_atfork(before_fork, after_fork, in_child);
}

__attribute__((destructor)) static void end(void)
{
	pthread_mutex_lock(&lock);
	for (struct buffer *buffer = buffers; buffer != NULL; buffer = buffer->next)
		if (!buffer->is_busy || buffer == own)
			buffer_write(buffer);
	pthread_mutex_unlock(&lock);
}

/* A buffer for this thread; NULL when there is no memory. */
static struct buffer *buffer_take(void)
{
	struct buffer *buffer;

	pthread_once(&once, begin);
	pthread_mutex_lock(&lock);
	for (buffer = buffers; buffer != NULL && !buffer->is_unused;)
		buffer = buffer->next;
	if (buffer == NULL) {
		buffer = mmap(NULL, sizeof(*buffer), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (buffer == MAP_FAILED) {
			pthread_mutex_unlock(&lock);
			return NULL;
		}
		buffer->next = buffers;
		buffers = buffer;
	}
	buffer->is_unused = false;
	buffer->is_busy = false;
	buffer->thread = thread_count++;
	pthread_mutex_unlock(&lock);
	own = buffer;
	pthread_setspecific(key, buffer);
	return buffer;
}

/* ---- an access ---- */

static __attribute__((noinline, cold)) void access_slowly(uint64_t va, uint32_t bytes,
							   enum vm_kind kind)
{
	struct buffer *buffer = own != NULL ? own : buffer_take();

	if (buffer == NULL || buffer->is_busy)
		return;
	buffer->is_busy = true;
	if (buffer->count == VM_TRACE_BLOCK_ACCESSES)
		buffer_flush(buffer);
	buffer->accesses[buffer->count++] = (struct vm_access){va, bytes, kind};
	buffer->is_busy = false;
}

static inline __attribute__((always_inline)) void access_record(const volatile void *p,
								 uint32_t bytes, enum vm_kind kind)
{
	struct buffer *buffer = own;

	if (__builtin_expect(buffer == NULL || buffer->is_busy ||
			     buffer->count == VM_TRACE_BLOCK_ACCESSES, 0)) {
		access_slowly((uint64_t)(uintptr_t)p, bytes, kind);
		return;
	}
	/* The count last: a handler in between records over the same place, which is then ours. */
	buffer->accesses[buffer->count] =
		(struct vm_access){(uint64_t)(uintptr_t)p, bytes, kind};
	__asm__ volatile("" : : : "memory");
	buffer->count++;
}

static void range_record(const volatile void *p, size_t bytes, enum vm_kind kind)
{
	enum { PIECE_BYTES = 1 << 30 };

	while (bytes > PIECE_BYTES) {
		access_record(p, PIECE_BYTES, kind);
		p = (const volatile char *)p + PIECE_BYTES;
		bytes -= PIECE_BYTES;
	}
	if (bytes > 0)
		access_record(p, (uint32_t)bytes, kind);
}

/* ---- the hooks ---- */

#define HOOK __attribute__((visibility("default")))

#define ACCESS(bytes)                                                                             \
	HOOK void __tsan_read##bytes(void *p);                                                    \
	HOOK void __tsan_read##bytes(void *p) { access_record(p, bytes, VM_LOAD); }               \
	HOOK void __tsan_write##bytes(void *p);                                                   \
	HOOK void __tsan_write##bytes(void *p) { access_record(p, bytes, VM_STORE); }             \
	HOOK void __tsan_unaligned_read##bytes(void *p);                                          \
	HOOK void __tsan_unaligned_read##bytes(void *p) { access_record(p, bytes, VM_LOAD); }     \
	HOOK void __tsan_unaligned_write##bytes(void *p);                                         \
	HOOK void __tsan_unaligned_write##bytes(void *p) { access_record(p, bytes, VM_STORE); }   \
	HOOK void __tsan_volatile_read##bytes(void *p);                                           \
	HOOK void __tsan_volatile_read##bytes(void *p) { access_record(p, bytes, VM_LOAD); }      \
	HOOK void __tsan_volatile_write##bytes(void *p);                                          \
	HOOK void __tsan_volatile_write##bytes(void *p) { access_record(p, bytes, VM_STORE); }

ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

HOOK void __tsan_init(void);
HOOK void __tsan_init(void)
{
}

HOOK void __tsan_func_entry(void *caller);
HOOK void __tsan_func_entry(void *caller)
{
	(void)caller;
}

HOOK void __tsan_func_exit(void);
HOOK void __tsan_func_exit(void)
{
}

HOOK void __tsan_read_range(void *p, unsigned long bytes);
HOOK void __tsan_read_range(void *p, unsigned long bytes)
{
	range_record(p, bytes, VM_LOAD);
}

HOOK void __tsan_write_range(void *p, unsigned long bytes);
HOOK void __tsan_write_range(void *p, unsigned long bytes)
{
	range_record(p, bytes, VM_STORE);
}

HOOK void __tsan_vptr_update(void **p, void *value);
HOOK void __tsan_vptr_update(void **p, void *value)
{
	(void)value;
	access_record(p, sizeof(*p), VM_STORE);
}

HOOK void __tsan_vptr_read(void **p);
HOOK void __tsan_vptr_read(void **p)
{
	access_record(p, sizeof(*p), VM_LOAD);
}

/* Atomic operations are made here, and strong whatever order was asked for. */
#define MODIFY(bits, type, name, operation)                                                       \
	HOOK type __tsan_atomic##bits##_##name(volatile type *p, type value, int order);          \
	HOOK type __tsan_atomic##bits##_##name(volatile type *p, type value, int order)           \
	{                                                                                         \
		(void)order;                                                                      \
		access_record(p, bits / 8, VM_MODIFY);                                            \
		return operation(p, value, __ATOMIC_SEQ_CST);                                     \
	}

#define COMPARE(bits, type, name)                                                                 \
	HOOK int __tsan_atomic##bits##_compare_exchange_##name(                                   \
		volatile type *p, type *expected, type wanted, int order, int failure_order);     \
	HOOK int __tsan_atomic##bits##_compare_exchange_##name(                                   \
		volatile type *p, type *expected, type wanted, int order, int failure_order)      \
	{                                                                                         \
		(void)order;                                                                      \
		(void)failure_order;                                                              \
		access_record(p, bits / 8, VM_MODIFY);                                            \
		return __atomic_compare_exchange_n(p, expected, wanted, 0, __ATOMIC_SEQ_CST,      \
						   __ATOMIC_SEQ_CST);                             \
	}

#define ATOMIC(bits, type)                                                                        \
	HOOK type __tsan_atomic##bits##_load(const volatile type *p, int order);                  \
	HOOK type __tsan_atomic##bits##_load(const volatile type *p, int order)                   \
	{                                                                                         \
		(void)order;                                                                      \
		access_record(p, bits / 8, VM_LOAD);                                              \
		return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                      \
	}                                                                                         \
	HOOK void __tsan_atomic##bits##_store(volatile type *p, type value, int order);           \
	HOOK void __tsan_atomic##bits##_store(volatile type *p, type value, int order)            \
	{                                                                                         \
		(void)order;                                                                      \
		access_record(p, bits / 8, VM_STORE);                                             \
		__atomic_store_n(p, value, __ATOMIC_SEQ_CST);                                     \
	}                                                                                         \
	MODIFY(bits, type, exchange, __atomic_exchange_n)                                         \
	MODIFY(bits, type, fetch_add, __atomic_fetch_add)                                         \
	MODIFY(bits, type, fetch_sub, __atomic_fetch_sub)                                         \
	MODIFY(bits, type, fetch_and, __atomic_fetch_and)                                         \
	MODIFY(bits, type, fetch_or, __atomic_fetch_or)                                           \
	MODIFY(bits, type, fetch_xor, __atomic_fetch_xor)                                         \
	MODIFY(bits, type, fetch_nand, __atomic_fetch_nand)                                       \
	COMPARE(bits, type, strong)                                                               \
	COMPARE(bits, type, weak)

ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

HOOK void __tsan_atomic_thread_fence(int order);
HOOK void __tsan_atomic_thread_fence(int order)
{
	(void)order;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

HOOK void __tsan_atomic_signal_fence(int order);
HOOK void __tsan_atomic_signal_fence(int order)
{
	(void)order;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* ---- functions that access memory for the program ---- */

/* The linker calls these instead of the C library's, and gives the real ones this name. */
#define REAL(result, name, ...)                                                                   \
	result __real_##name(__VA_ARGS__);                                                        \
	result __wrap_##name(__VA_ARGS__);                                                        \
	result __wrap_##name(__VA_ARGS__)

REAL(void *, memcpy, void *to, const void *from, size_t bytes)
{
	range_record(from, bytes, VM_LOAD);
	range_record(to, bytes, VM_STORE);
	return __real_memcpy(to, from, bytes);
}

REAL(void *, memmove, void *to, const void *from, size_t bytes)
{
	range_record(from, bytes, VM_LOAD);
	range_record(to, bytes, VM_STORE);
	return __real_memmove(to, from, bytes);
}

REAL(void *, mempcpy, void *to, const void *from, size_t bytes)
{
	range_record(from, bytes, VM_LOAD);
	range_record(to, bytes, VM_STORE);
	return __real_mempcpy(to, from, bytes);
}

REAL(void *, memset, void *to, int byte, size_t bytes)
{
	range_record(to, bytes, VM_STORE);
	return __real_memset(to, byte, bytes);
}

REAL(int, memcmp, const void *a, const void *b, size_t bytes)
{
	const unsigned char *left = a, *right = b;
	size_t same = 0;

	while (same < bytes && left[same] == right[same])
		same++;
	range_record(a, same < bytes ? same + 1 : bytes, VM_LOAD);
	range_record(b, same < bytes ? same + 1 : bytes, VM_LOAD);
	return __real_memcmp(a, b, bytes);
}

REAL(void *, memchr, const void *p, int byte, size_t bytes)
{
	const char *found = __real_memchr(p, byte, bytes);

	range_record(p, found != NULL ? (size_t)(found - (const char *)p) + 1 : bytes, VM_LOAD);
	return (void *)(uintptr_t)found;
}

size_t __real_strlen(const char *text);
size_t __wrap_strlen(const char *text);
size_t __wrap_strlen(const char *text)
{
	size_t length = __real_strlen(text);

	range_record(text, length + 1, VM_LOAD);
	return length;
}

REAL(size_t, strnlen, const char *text, size_t most)
{
	size_t length = __real_strnlen(text, most);

	range_record(text, length < most ? length + 1 : most, VM_LOAD);
	return length;
}

REAL(char *, strcpy, char *to, const char *from)
{
	size_t bytes = __real_strlen(from) + 1;

	range_record(from, bytes, VM_LOAD);
	range_record(to, bytes, VM_STORE);
	return __real_strcpy(to, from);
}

REAL(char *, stpcpy, char *to, const char *from)
{
	size_t bytes = __real_strlen(from) + 1;

	range_record(from, bytes, VM_LOAD);
	range_record(to, bytes, VM_STORE);
	return __real_stpcpy(to, from);
}

REAL(char *, strncpy, char *to, const char *from, size_t bytes)
{
	size_t length = __real_strnlen(from, bytes);

	range_record(from, length < bytes ? length + 1 : bytes, VM_LOAD);
	range_record(to, bytes, VM_STORE);
	return __real_strncpy(to, from, bytes);
}

REAL(char *, strcat, char *to, const char *from)
{
	size_t before = __real_strlen(to), bytes = __real_strlen(from) + 1;

	range_record(to, before + 1, VM_LOAD);
	range_record(from, bytes, VM_LOAD);
	range_record(to + before, bytes, VM_STORE);
	return __real_strcat(to, from);
}

REAL(char *, strncat, char *to, const char *from, size_t most)
{
	size_t before = __real_strlen(to), length = __real_strnlen(from, most);

	range_record(to, before + 1, VM_LOAD);
	range_record(from, length < most ? length + 1 : most, VM_LOAD);
	range_record(to + before, length + 1, VM_STORE);
	return __real_strncat(to, from, most);
}

static void compare_record(const char *a, const char *b, size_t most)
{
	size_t same = 0;

	while (same < most && a[same] == b[same] && a[same] != '\0')
		same++;
	range_record(a, same < most ? same + 1 : most, VM_LOAD);
	range_record(b, same < most ? same + 1 : most, VM_LOAD);
}

REAL(int, strcmp, const char *a, const char *b)
{
	compare_record(a, b, SIZE_MAX);
	return __real_strcmp(a, b);
}

REAL(int, strncmp, const char *a, const char *b, size_t most)
{
	compare_record(a, b, most);
	return __real_strncmp(a, b, most);
}

REAL(char *, strchr, const char *text, int c)
{
	char *found = __real_strchr(text, c);

	range_record(text, found != NULL ? (size_t)(found - text) + 1 : __real_strlen(text) + 1,
		     VM_LOAD);
	return found;
}

REAL(char *, strrchr, const char *text, int c)
{
	range_record(text, __real_strlen(text) + 1, VM_LOAD);
	return __real_strrchr(text, c);
}

REAL(char *, strdup, const char *text)
{
	char *copy = __real_strdup(text);
	size_t bytes = __real_strlen(text) + 1;

	range_record(text, bytes, VM_LOAD);
	if (copy != NULL)
		range_record(copy, bytes, VM_STORE);
	return copy;
}
