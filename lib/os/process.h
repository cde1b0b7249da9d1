/* SPDX-License-Identifier: MIT */
/*
 * What the kernel tells about this process: its start-up vectors, its memory counters, and the
 * content of small files. Usable before the C library has run its own initialisation, which is
 * when the first malloc of a process comes.
 */
#ifndef OS_PROCESS_H
#define OS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The value of `name` in the environment the process was started with, or NULL. Read from the
 * stack the kernel laid out: getenv() works only once the C library has set `environ`.
 */
const char *os_environment(const char *name);

/*
 * Where the kernel laid out the program's arguments: the top of the first thread's stack. 0 where
 * the C library does not say.
 */
uintptr_t os_stack_top(void);

/* Must the environment be distrusted (setuid and the like: AT_SECURE)? */
bool os_is_secure(void);

/* 64 bits that another process cannot guess, from AT_RANDOM; the clock when that is missing. */
uint64_t os_random_seed(void);

/* Read at most `capacity` bytes of a file. Returns the count, 0 when it cannot be read. */
size_t os_file_read(const char *path, char *buffer, size_t capacity);

/* Append `bytes` to a file, made with mode 0666 if missing. False on any failure. */
bool os_file_append(const char *path, const char *chars, size_t bytes);

/*
 * Keep a second descriptor of standard error, closed on exec, for what is written after the
 * program may have closed it (coreutils do, at exit). Returns it, or standard error itself.
 */
int os_error_keep(void);

/* Write to a descriptor, whole or until it fails. */
void os_write(int file, const char *chars, size_t bytes);

int os_process_id(void);
/* Is there a process of this number? Also one that ended and was not waited for. */
bool os_process_exists(int process);

/*
 * The name the program was executed by, without its folder, as its first thread's is: of a link the
 * link's, of a script the script's. Else its file's; "" when unknown. Ended by a 0.
 */
void os_program_name(char *name, size_t capacity);
/* The program's file, "" when unknown; the folder it runs in; each ended by a 0. */
void os_program_path(char *path, size_t capacity);
void os_folder_path(char *path, size_t capacity);

/* The calling thread's name. */
enum { OS_THREAD_NAME_BYTES = 16 };
void os_thread_name(char name[OS_THREAD_NAME_BYTES]);

/* Sleep until another process wakes who waits for the word, if it is `seen`; `ns` at most. */
void os_shared_wait(const void *word, uint32_t seen, long ns);

/* Block all signals of the calling thread; what was blocked before, for giving it back. */
uint64_t os_signals_block(void);
void os_signals_restore(uint64_t blocked);

/* Since 1970, in ns. */
uint64_t os_unix_ns(void);

/* The kernel's own figures for this process. */
struct os_counters {
	size_t resident_bytes;       /* VmRSS */
	size_t resident_bytes_peak;  /* VmHWM */
	size_t page_faults_minor;
	size_t page_faults_major;
};

/* Read them from /proc and getrusage; fields that cannot be read are 0. */
void os_counters_read(struct os_counters *out);

/* Only what can be had without reading files: all but resident_bytes. */
void os_usage_read(struct os_counters *out);

/* How many pages of a range are resident, by mincore; 0 when the kernel does not say. */
size_t os_resident_pages(uintptr_t base, size_t bytes);

#endif
