/* SPDX-License-Identifier: MIT */
/*
 * Memory cgroups and zram. See vm_pressure.h.
 *
 * Files are those of the first version of cgroups where its memory controller is mounted, else of
 * the second, which has no swappiness of its own.
 */
#include "vm_pressure.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PAGE_BYTES = 4096,
	TEXT_BYTES = 8192,
	SWAP_HEADER_BYTE = 1024,   /* version, last page, bad pages */
	SWAP_MAGIC_BYTES = 10,
	REMOVE_TRIES = 1000,
	REMOVE_WAIT_NS = 5000000,
};

static const char root_first[] = "/sys/fs/cgroup/memory";
static const char root_second[] = "/sys/fs/cgroup";
static const char zram_control[] = "/sys/class/zram-control";

/* ---- files ---- */

/* 0 or an errno. */
static int text_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	ssize_t length = write(fd, text, strlen(text));
	int error = length < 0 ? errno : 0;
	close(fd);
	return error;
}

static bool text_read(const char *path, char text[TEXT_BYTES])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd >= 0 ? read(fd, text, TEXT_BYTES - 1) : -1;
	if (fd >= 0)
		close(fd);
	text[length > 0 ? length : 0] = '\0';
	return length >= 0;
}

static bool exists(const char *folder, const char *name)
{
	char path[2 * PRESSURE_PATH_BYTES];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return access(path, F_OK) == 0;
}

static bool is_first(void)
{
	return exists(root_first, "memory.limit_in_bytes");
}

static int group_write(const struct vm_pressure *pressure, const char *name, const char *text)
{
	char path[2 * PRESSURE_PATH_BYTES];
	snprintf(path, sizeof(path), "%s/%s", pressure->made.folder, name);
	return text_write(path, text);
}

/* ---- is it possible? ---- */

/* Generations, where a kernel has them and uses them. */
static bool has_generations(void)
{
	char text[TEXT_BYTES];
	return text_read("/sys/kernel/mm/lru_gen/enabled", text) && strtoul(text, NULL, 0) != 0;
}

static const char *reason_find(bool needs_swap, bool needs_swappiness)
{
	char text[TEXT_BYTES];
	if (geteuid() != 0)
		return "it takes root";
	if (has_generations())
		return "the kernel uses MGLRU, which the model has not";
	if (!is_first() && !(text_read("/sys/fs/cgroup/cgroup.subtree_control", text) &&
			     strstr(text, "memory") != NULL))
		return "there is no memory controller of cgroups";
	if (needs_swappiness && !is_first())
		return "the second version of cgroups has no swappiness";
	if (needs_swap && !exists(zram_control, "hot_add"))
		return "there is no zram";
	return NULL;
}

bool vm_pressure_possible(bool needs_swap, bool needs_swappiness, char *reason,
			  size_t reason_bytes)
{
	const char *found = reason_find(needs_swap, needs_swappiness);
	if (found != NULL)
		snprintf(reason, reason_bytes, "%s", found);
	return found == NULL;
}

bool vm_pressure_has_swap(void)
{
	char text[TEXT_BYTES];
	/* The first line names the columns. */
	return text_read("/proc/swaps", text) && strstr(text, "\n/") != NULL;
}

/* ---- the janitor ---- */

static void nap(void)
{
	const struct timespec while_waiting = {.tv_nsec = REMOVE_WAIT_NS};
	nanosleep(&while_waiting, NULL);
}

static bool things_make(struct pressure_made *made, bool needs_swap)
{
	char text[TEXT_BYTES], path[PRESSURE_PATH_BYTES];
	snprintf(made->folder, sizeof(made->folder), "%s/allot-vm-%d",
		 is_first() ? root_first : root_second, (int)getpid());
	if (mkdir(made->folder, 0755) < 0) {
		snprintf(made->message, sizeof(made->message), "a cgroup: %s", strerror(errno));
		return false;
	}
	if (!needs_swap)
		return true;
	/* Reading it adds a device. */
	snprintf(path, sizeof(path), "%s/hot_add", zram_control);
	if (!text_read(path, text)) {
		snprintf(made->message, sizeof(made->message), "zram: %s", strerror(errno));
		rmdir(made->folder);
		return false;
	}
	made->zram = atoi(text);
	return true;
}

static void processes_kill(const char *folder)
{
	char path[2 * PRESSURE_PATH_BYTES], text[TEXT_BYTES];
	snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	if (!text_read(path, text))
		return;
	for (char *at = text, *end; *at != '\0'; at = end + (*end == '\n')) {
		long pid = strtol(at, &end, 10);
		if (end == at)
			break;
		if (pid > 1)
			kill((pid_t)pid, SIGKILL);
	}
}

static void things_remove(const struct pressure_made *made)
{
	char path[PRESSURE_PATH_BYTES], number[32];
	for (int i = 0; i < REMOVE_TRIES; i++) {
		processes_kill(made->folder);
		if (rmdir(made->folder) == 0 || errno == ENOENT)
			break;
		nap();
	}
	if (made->zram < 0)
		return;
	snprintf(path, sizeof(path), "/dev/zram%d", made->zram);
	swapoff(path);
	snprintf(number, sizeof(number), "%d", made->zram);
	snprintf(path, sizeof(path), "%s/hot_remove", zram_control);
	for (int i = 0; i < REMOVE_TRIES && text_write(path, number) == EBUSY; i++)
		nap();
}

/* Make what is asked for, say so, and remove it when nobody is at the other end any more. */
static void janitor_run(int line, bool needs_swap)
{
	struct pressure_made made = {.zram = -1};
	char byte;
	/* What is sent to the terminal's processes is not for it. */
	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	made.is_made = things_make(&made, needs_swap);
	(void)!write(line, &made, sizeof(made));
	while (made.is_made && read(line, &byte, 1) < 0 && errno == EINTR)
		;
	if (made.is_made)
		things_remove(&made);
	_exit(0);
}

bool vm_pressure_open(struct vm_pressure *pressure, bool needs_swap)
{
	int ends[2];
	*pressure = (struct vm_pressure){.line = -1};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		snprintf(pressure->message, sizeof(pressure->message), "socketpair: %s",
			 strerror(errno));
		return false;
	}
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		janitor_run(ends[1], needs_swap);
	}
	close(ends[1]);
	pressure->line = ends[0];
	pressure->janitor = pid;
	if (pid < 0 || recv(ends[0], &pressure->made, sizeof(pressure->made), MSG_WAITALL) !=
			       (ssize_t)sizeof(pressure->made))
		snprintf(pressure->made.message, sizeof(pressure->made.message), "fork: %s",
			 strerror(errno));
	if (pressure->made.is_made)
		return true;
	memcpy(pressure->message, pressure->made.message, sizeof(pressure->message));
	vm_pressure_close(pressure);
	return false;
}

void vm_pressure_close(struct vm_pressure *pressure)
{
	if (pressure->janitor == 0)
		return;
	close(pressure->line);
	if (pressure->janitor > 0)
		waitpid(pressure->janitor, NULL, 0);
	pressure->janitor = 0;
}

/* ---- doing ---- */

bool vm_pressure_join(struct vm_pressure *pressure, pid_t pid)
{
	char text[32];
	snprintf(text, sizeof(text), "%d", (int)pid);
	int error = group_write(pressure, "cgroup.procs", text);
	if (error != 0)
		snprintf(pressure->message, sizeof(pressure->message), "cgroup.procs: %s",
			 strerror(error));
	return error == 0;
}

int vm_pressure_limit(struct vm_pressure *pressure, uint64_t pages)
{
	char text[32];
	snprintf(text, sizeof(text), "%" PRIu64, pages * PAGE_BYTES);
	if (is_first())
		return group_write(pressure, "memory.limit_in_bytes", pages != 0 ? text : "-1");
	return group_write(pressure, "memory.max", pages != 0 ? text : "max");
}

int vm_pressure_swappiness(struct vm_pressure *pressure, int64_t swappiness)
{
	char text[32];
	snprintf(text, sizeof(text), "%" PRId64, swappiness);
	return group_write(pressure, "memory.swappiness", text);
}

int vm_pressure_adjust(pid_t pid, int64_t adjust)
{
	char path[64], text[32];
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	snprintf(text, sizeof(text), "%" PRId64, adjust);
	return text_write(path, text);
}

/* What mkswap(8) writes: the header is in the first page. */
static int header_write(const char *device, uint64_t pages)
{
	char page[PAGE_BYTES] = {0};
	const uint32_t header[3] = {1, (uint32_t)pages, 0};
	memcpy(page + SWAP_HEADER_BYTE, header, sizeof(header));
	memcpy(page + PAGE_BYTES - SWAP_MAGIC_BYTES, "SWAPSPACE2", SWAP_MAGIC_BYTES);
	int fd = open(device, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	int error = pwrite(fd, page, sizeof(page), 0) == (ssize_t)sizeof(page) ? 0 : EIO;
	if (fsync(fd) < 0)
		error = errno;
	close(fd);
	return error;
}

int vm_pressure_swap(struct vm_pressure *pressure, uint64_t pages)
{
	char path[PRESSURE_PATH_BYTES], text[32];
	snprintf(path, sizeof(path), "/sys/block/zram%d/disksize", pressure->made.zram);
	snprintf(text, sizeof(text), "%" PRIu64, (pages + 1) * PAGE_BYTES);
	int error = text_write(path, text);
	snprintf(path, sizeof(path), "/dev/zram%d", pressure->made.zram);
	if (error == 0)
		error = header_write(path, pages);
	/* Before any other swap there may be. */
	if (error == 0 && swapon(path, SWAP_FLAG_PREFER | SWAP_FLAG_PRIO_MASK) < 0)
		error = errno;
	return error;
}

void vm_pressure_count(const struct vm_pressure *pressure)
{
	char path[2 * PRESSURE_PATH_BYTES], text[TEXT_BYTES];
	snprintf(path, sizeof(path), "%s/memory.stat", pressure->made.folder);
	text_read(path, text);
}

uint64_t vm_pressure_kills(const struct vm_pressure *pressure)
{
	static const char word[] = "oom_kill ";
	char path[2 * PRESSURE_PATH_BYTES], text[TEXT_BYTES];
	snprintf(path, sizeof(path), "%s/%s", pressure->made.folder,
		 is_first() ? "memory.oom_control" : "memory.events");
	if (!text_read(path, text))
		return 0;
	const char *at = strstr(text, word);
	return at != NULL ? strtoull(at + strlen(word), NULL, 10) : 0;
}
