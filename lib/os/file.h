/* SPDX-License-Identifier: MIT */
/*
 * Files that memory is shared with.
 *
 * The program around us may close descriptors it does not know, change its root, or run into a
 * limit: so a descriptor is kept high up, where few look, is checked before each use, and is
 * opened again by its path when it is not ours any more. errno is never touched.
 */
#ifndef OS_FILE_H
#define OS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OS_PATH_BYTES_MAX = 512 };

struct os_file {
	int descriptor;
	uint64_t device, node;        /* which file it must be */
	char path[OS_PATH_BYTES_MAX]; /* absolute */
};

/* Why a file did not grow. */
enum os_room {
	OS_ROOM_MADE,
	OS_ROOM_NONE,    /* the disk is full, or the file cannot be written */
	OS_ROOM_LIMITED, /* RLIMIT_FSIZE */
};

enum os_creation {
	OS_CREATED,
	OS_CREATION_EXISTS, /* there is a file of that name */
	OS_CREATION_FAILED,
};

/* Make a new file, which must not exist yet. */
enum os_creation os_file_create(struct os_file *file, const char *path);
/* Is the descriptor still the file's, or can it be opened again? */
bool os_file_reach(struct os_file *file);
void os_file_close(struct os_file *file);
/* Close it, and remove its name. */
void os_file_discard(struct os_file *file);

/*
 * Have room on the disk for [offset, offset + bytes), which reads as zeros where it is new: memory
 * shared with a file must not meet a full disk when it is written (SIGBUS).
 */
enum os_room os_file_reserve(struct os_file *file, uint64_t offset, size_t bytes);
/* Cut the file off. */
void os_file_truncate(struct os_file *file, uint64_t bytes);

/*
 * Memory shared with part of the file, which must be there; children of forks do not have it.
 * NULL: no room in the address space.
 */
void *os_file_map(struct os_file *file, uint64_t offset, size_t bytes);

/*
 * Memory that reads as zeros in the child of every fork. It is charged to nothing until touched.
 * NULL: no address space, or the kernel has no such memory (Linux before 4.14).
 */
void *os_map_wiped(size_t bytes);

#endif
