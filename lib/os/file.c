/* SPDX-License-Identifier: MIT */
/*
 * Files that memory is shared with. See file.h.
 */
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/mman.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/bits.h"
#include "base/kernel_call.h"
#include "os/map.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

enum {
	DESCRIPTOR_MIN = 500, /* where programs that count on the lowest free numbers do not look */
	ZEROS_BYTES = 4096,
};

/* The descriptor, moved out of the way. */
static int descriptor_move(long descriptor)
{
	long kept = kernel_call(SYS_fcntl, descriptor, F_DUPFD_CLOEXEC, DESCRIPTOR_MIN, 0, 0, 0);
	if (kernel_call_failed(kept))
		return (int)descriptor;
	kernel_call(SYS_close, descriptor, 0, 0, 0, 0, 0);
	return (int)kept;
}

static bool file_identify(int descriptor, uint64_t *device, uint64_t *node)
{
	struct stat status;
	if (descriptor < 0 ||
	    kernel_call_failed(kernel_call(SYS_fstat, descriptor, (long)&status, 0, 0, 0, 0)))
		return false;
	*device = status.st_dev;
	*node = status.st_ino;
	return true;
}

enum os_creation os_file_create(struct os_file *file, const char *path)
{
	*file = (struct os_file){.descriptor = -1};
	if (strlen(path) >= sizeof(file->path))
		return OS_CREATION_FAILED;
	long descriptor = kernel_call(SYS_openat, AT_FDCWD, (long)path,
				      O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, 0, 0);
	if (kernel_call_failed(descriptor))
		return descriptor == -EEXIST ? OS_CREATION_EXISTS : OS_CREATION_FAILED;
	file->descriptor = descriptor_move(descriptor);
	strcpy(file->path, path);
	file_identify(file->descriptor, &file->device, &file->node);
	return OS_CREATED;
}

static bool file_is_same(const struct os_file *file, int descriptor)
{
	uint64_t device, node;
	return file_identify(descriptor, &device, &node) && device == file->device &&
	       node == file->node;
}

bool os_file_reach(struct os_file *file)
{
	if (file_is_same(file, file->descriptor))
		return true;
	long descriptor = kernel_call(SYS_openat, AT_FDCWD, (long)file->path, O_RDWR | O_CLOEXEC,
				      0, 0, 0);
	if (kernel_call_failed(descriptor))
		return false;
	if (!file_is_same(file, (int)descriptor)) {
		kernel_call(SYS_close, descriptor, 0, 0, 0, 0, 0);
		return false;
	}
	file->descriptor = descriptor_move(descriptor);
	return true;
}

void os_file_close(struct os_file *file)
{
	if (file_is_same(file, file->descriptor))
		kernel_call(SYS_close, file->descriptor, 0, 0, 0, 0, 0);
	file->descriptor = -1;
}

void os_file_discard(struct os_file *file)
{
	os_file_close(file);
	kernel_call(SYS_unlinkat, AT_FDCWD, (long)file->path, 0, 0, 0, 0);
}

/* A file system that cannot set room aside: zeros do. */
static bool file_fill(int descriptor, uint64_t offset, size_t bytes)
{
	static const char zeros[ZEROS_BYTES];
	while (bytes > 0) {
		long count = kernel_call(SYS_pwrite64, descriptor, (long)zeros,
					 (long)size_min(bytes, sizeof(zeros)), (long)offset, 0, 0);
		if (count <= 0)
			return false;
		offset += (uint64_t)count;
		bytes -= (size_t)count;
	}
	return true;
}

enum os_room os_file_reserve(struct os_file *file, uint64_t offset, size_t bytes)
{
	struct rlimit limit;
	/* Beyond it a signal would end the program. */
	if (kernel_call(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, (long)&limit, 0, 0) == 0 &&
	    limit.rlim_cur != RLIM_INFINITY && offset + bytes > limit.rlim_cur)
		return OS_ROOM_LIMITED;
	long result = kernel_call(SYS_fallocate, file->descriptor, 0, (long)offset, (long)bytes, 0,
				  0);
	if (result == 0)
		return OS_ROOM_MADE;
	bool is_unknown = result == -EOPNOTSUPP || result == -ENOSYS;
	return is_unknown && file_fill(file->descriptor, offset, bytes) ? OS_ROOM_MADE :
									  OS_ROOM_NONE;
}

void os_file_truncate(struct os_file *file, uint64_t bytes)
{
	kernel_call(SYS_ftruncate, file->descriptor, (long)bytes, 0, 0, 0, 0);
}

void *os_file_map(struct os_file *file, uint64_t offset, size_t bytes)
{
	long result = kernel_call(SYS_mmap, 0, (long)bytes, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_POPULATE, file->descriptor, (long)offset);
	if (kernel_call_failed(result))
		return NULL;
	/* A child of a fork has no use for it. */
	kernel_call(SYS_madvise, result, (long)bytes, MADV_DONTFORK, 0, 0, 0);
	return (void *)result;
}

void *os_map_wiped(size_t bytes)
{
	long result = kernel_call(SYS_mmap, 0, (long)bytes, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (kernel_call_failed(result))
		return NULL;
	if (kernel_call(SYS_madvise, result, (long)bytes, MADV_WIPEONFORK, 0, 0, 0) == 0)
		return (void *)result;
	os_unmap((uintptr_t)result, bytes);
	return NULL;
}
