/* SPDX-License-Identifier: MIT */
/*
 * Raw slots of a process that still writes them. See raw_slots.h.
 */
#include "trace/raw_slots.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct raw_header *raw_slots_header(const struct raw_slots *slots)
{
	return (struct raw_header *)(void *)slots->raw;
}

struct raw_slot *raw_slots_get(const struct raw_slots *slots, uint32_t index)
{
	return (struct raw_slot *)(void *)(slots->raw + RAW_HEADER_BYTES +
					   (size_t)index * RAW_SLOT_BYTES);
}

uint32_t raw_slots_count(const struct raw_slots *slots)
{
	uint32_t count = atomic_load(&raw_slots_header(slots)->slot_count);
	size_t mapped = (slots->bytes - RAW_HEADER_BYTES) / RAW_SLOT_BYTES;

	return count < mapped ? count : (uint32_t)mapped;
}

void raw_slots_grow(struct raw_slots *slots)
{
	struct stat status;

	if (fstat(slots->descriptor, &status) != 0)
		return;
	size_t bytes = (size_t)status.st_size;
	if (bytes < RAW_HEADER_BYTES || bytes == slots->bytes)
		return;
	int access = slots->is_reader ? PROT_READ | PROT_WRITE : PROT_READ;
	void *mapped = slots->raw == NULL ?
			       mmap(NULL, bytes, access, MAP_SHARED, slots->descriptor, 0) :
			       mremap(slots->raw, slots->bytes, bytes, MREMAP_MAYMOVE);
	if (mapped == MAP_FAILED)
		return;
	slots->raw = mapped;
	slots->bytes = bytes;
}

/* ---- opening ------------------------------------------------------------------------------ */

uint32_t raw_slots_other_reader(const struct raw_slots *slots)
{
	uint32_t reader = atomic_load(&raw_slots_header(slots)->reader_process);

	if (reader == 0 || reader == (uint32_t)getpid() ||
	    (kill((pid_t)reader, 0) != 0 && errno == ESRCH))
		return 0;
	return reader;
}

/* Become the reader, unless there is one. */
static bool reader_become(struct raw_slots *slots)
{
	struct raw_header *header = raw_slots_header(slots);
	uint32_t reader = atomic_load(&header->reader_process);

	return raw_slots_other_reader(slots) == 0 &&
	       atomic_compare_exchange_strong(&header->reader_process, &reader,
					      (uint32_t)getpid());
}

static bool header_refuse(const struct raw_slots *slots, const char *path, char *message,
			  size_t message_bytes)
{
	if (slots->raw == NULL || raw_slots_header(slots)->magic != RAW_MAGIC)
		snprintf(message, message_bytes, "%s: no raw trace", path);
	else if (raw_slots_header(slots)->version != RAW_VERSION)
		snprintf(message, message_bytes, "%s: a raw trace of version %u; this is for %u",
			 path, raw_slots_header(slots)->version, RAW_VERSION);
	else
		return false;
	return true;
}

bool raw_slots_open(struct raw_slots *slots, const char *path, bool is_reader, char *message,
		    size_t message_bytes)
{
	memset(slots, 0, sizeof(*slots));
	slots->is_reader = is_reader;
	slots->descriptor = open(path, (is_reader ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (slots->descriptor < 0) {
		snprintf(message, message_bytes, "%s: %s", path, strerror(errno));
		return false;
	}
	raw_slots_grow(slots);
	bool is_refused = header_refuse(slots, path, message, message_bytes);
	if (!is_refused && is_reader && !reader_become(slots)) {
		snprintf(message, message_bytes, "%s: process %u reads it already", path,
			 raw_slots_other_reader(slots));
		is_refused = true;
	}
	if (!is_refused)
		return true;
	slots->is_reader = false;
	raw_slots_close(slots);
	return false;
}

void raw_slots_close(struct raw_slots *slots)
{
	if (slots->is_reader && slots->raw != NULL) {
		raw_reader_leave(raw_slots_header(slots));
		atomic_store(&raw_slots_header(slots)->reader_process, 0);
		raw_slots_announce(slots);
	}
	if (slots->raw != NULL)
		munmap(slots->raw, slots->bytes);
	if (slots->descriptor >= 0)
		close(slots->descriptor);
	slots->raw = NULL;
	slots->descriptor = -1;
}

/* ---- leaving ------------------------------------------------------------------------------ */

/* Is the file of `status` among the mappings at `path`? By its number: some file systems show
 * another device there. */
static bool maps_have(const char *path, const struct stat *status)
{
	char line[512];
	unsigned long long inode;
	bool is_found = false;
	FILE *maps = fopen(path, "re");

	/* Of a thread that is gone there is nothing to see; what is hidden may be there. */
	if (maps == NULL)
		return errno != ENOENT && errno != ESRCH;
	while (!is_found && fgets(line, sizeof(line), maps) != NULL)
		is_found = sscanf(line, "%*x-%*x %*s %*x %*s %llu", &inode) == 1 &&
			   inode == status->st_ino;
	fclose(maps);
	return is_found;
}

bool raw_is_written(const struct raw_header *header, int descriptor)
{
	char path[320];
	struct stat status;
	bool is_found = false;

	if (atomic_load(&header->is_ended) != 0 || fstat(descriptor, &status) != 0)
		return false;
	/* By its threads: the first may have ended, and shows nothing then. */
	snprintf(path, sizeof(path), "/proc/%u/task", header->process);
	DIR *tasks = opendir(path);
	if (tasks == NULL)
		return errno != ENOENT && errno != ESRCH;
	for (struct dirent *task; !is_found && (task = readdir(tasks)) != NULL;) {
		if (task->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%u/task/%s/maps", header->process,
			 task->d_name);
		is_found = maps_have(path, &status);
	}
	closedir(tasks);
	return is_found;
}

void raw_reader_leave(struct raw_header *header)
{
	uint32_t nothing = RAW_LOST_NOTHING;

	atomic_compare_exchange_strong(&header->lost, &nothing, (uint32_t)RAW_LOST_READER);
}

/* ---- slots -------------------------------------------------------------------------------- */

void raw_slot_copy(const struct raw_slot *slot, uint64_t *out, size_t from, size_t end)
{
	const uint64_t *words = (const uint64_t *)(const void *)slot;

	for (size_t i = from; i < end; i++)
		out[i] = __atomic_load_n(&words[i], __ATOMIC_ACQUIRE);
}

void raw_slots_give(struct raw_slots *slots, uint32_t index)
{
	struct raw_slot *slot = raw_slots_get(slots, index);
	size_t skipped = offsetof(struct raw_slot, stream);

	memset((unsigned char *)slot + skipped, 0, RAW_SLOT_BYTES - skipped);
	atomic_store_explicit(&slot->state, RAW_SLOT_FREE, memory_order_release);
}

void raw_slots_announce(struct raw_slots *slots)
{
	struct raw_header *header = raw_slots_header(slots);

	atomic_fetch_add(&header->slots_wanted, 1);
	syscall(SYS_futex, &header->slots_wanted, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}
