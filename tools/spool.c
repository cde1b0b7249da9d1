/* SPDX-License-Identifier: MIT */
/*
 * Spool: see spool.h.
 */
#include "spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "locate.h"
#include "run_conf.h"

static const char folder_begin[] = "allot-"; /* our process follows */
static const unsigned long long room_bytes_min = 64ull << 20;

static bool has_room(const char *folder)
{
	struct statvfs status;

	return statvfs(folder, &status) == 0 && access(folder, W_OK) == 0 &&
	       (unsigned long long)status.f_bavail * status.f_frsize >= room_bytes_min;
}

/*
 * Open the folder, and keep others from taking it for one that was left: in another namespace our
 * number is nobody's. -1: somebody has it.
 */
static int open_locked(const char *folder)
{
	int file = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (file < 0 || flock(file, LOCK_EX | LOCK_NB) == 0)
		return file;
	close(file);
	return -1;
}

/* Where it is made: a comma would end its name in ALLOT_CONF, and % begins a placeholder. */
static const char *folder_choose(void)
{
	const char *temporary = getenv("TMPDIR");

	if (has_room("/dev/shm"))
		return "/dev/shm";
	if (temporary != NULL && temporary[0] == '/' && strpbrk(temporary, ",%") == NULL &&
	    access(temporary, W_OK) == 0)
		return temporary;
	return "/tmp";
}

/* Did a starter that is gone leave the folder of that name? */
static bool is_left(int parent, const char *name)
{
	struct stat status;
	char *end;

	if (strncmp(name, folder_begin, sizeof(folder_begin) - 1) != 0)
		return false;
	long process = strtol(name + sizeof(folder_begin) - 1, &end, 10);
	if (process <= 0 || process > INT_MAX || *end != '-' ||
	    kill((pid_t)process, 0) == 0 || errno != ESRCH)
		return false;
	return fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(status.st_mode) && status.st_uid == geteuid();
}

/* Who is killed cannot remove its folder: the next one does. */
static void left_remove(const char *parent)
{
	char folder[PATH_MAX];
	DIR *open = opendir(parent);

	if (open == NULL)
		return;
	for (struct dirent *entry; (entry = readdir(open)) != NULL;) {
		if (!is_left(dirfd(open), entry->d_name))
			continue;
		snprintf(folder, sizeof(folder), "%.3000s/%s", parent, entry->d_name);
		int lock = open_locked(folder);
		if (lock < 0)
			continue;
		spool_remove(folder);
		close(lock);
	}
	closedir(open);
}

bool spool_make(char folder[PATH_MAX])
{
	/* First where room is short. */
	left_remove("/dev/shm");
	const char *parent = folder_choose();
	if (strcmp(parent, "/dev/shm") != 0)
		left_remove(parent);
	snprintf(folder, PATH_MAX, "%.3000s/%s%d-XXXXXX", parent, folder_begin, (int)getpid());
	if (mkdtemp(folder) == NULL)
		return false;
	/* Kept until we end. */
	open_locked(folder);
	return true;
}

void spool_remove(const char *folder)
{
	DIR *open = opendir(folder);

	if (open != NULL) {
		for (struct dirent *entry; (entry = readdir(open)) != NULL;)
			if (entry->d_name[0] != '.')
				unlinkat(dirfd(open), entry->d_name, 0);
		closedir(open);
	}
	rmdir(folder);
}

bool spool_environment(const char *folder, const char *conf, char *message,
		       size_t message_bytes)
{
	char library[PATH_MAX], whole[CONF_BYTES + PATH_MAX];

	if (!library_locate(library, message, message_bytes))
		return false;
	snprintf(whole, sizeof(whole), "%s%strace:%.3000s/%%e.%%p.raw", conf,
		 conf[0] != '\0' ? "," : "", folder);
	if (library_preload(library) && conf_export(whole))
		return true;
	snprintf(message, message_bytes, "setting the environment: %s", strerror(errno));
	return false;
}

/* The last ".raw": the program's name may have one too. NULL: none. */
static const char *name_end(const char *name)
{
	const char *end = NULL;

	for (const char *at = name; (at = strstr(at, ".raw")) != NULL; at++)
		end = at;
	return end;
}

size_t spool_name_length(const char *name)
{
	const char *end = name_end(name);

	return end != NULL ? (size_t)(end - name) : strlen(name);
}

pid_t spool_process(const char *name)
{
	const char *end = name_end(name);
	const char *digits = end;

	while (digits != NULL && digits > name && digits[-1] >= '0' && digits[-1] <= '9')
		digits--;
	return digits == NULL || digits == end ? 0 : (pid_t)strtol(digits, NULL, 10);
}

bool process_has_ended(pid_t process)
{
	char path[64], text[512];

	if (kill(process, 0) != 0 && errno == ESRCH)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)process);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return errno == ENOENT;
	size_t length = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[length] = '\0';
	/* The name is in parentheses and may hold any. */
	const char *behind = strrchr(text, ')');
	char state = 'X';
	long threads = 0;
	if (behind == NULL)
		return false;
	/* The state is the third field, the number of threads the twentieth. */
	sscanf(behind + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
	       "%ld", &state, &threads);
	return state == 'X' || (state == 'Z' && threads <= 1);
}

bool process_has_mapped(pid_t process, const char *file)
{
	char path[64], line[PATH_MAX + 128];
	bool is_found = false;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)process);
	FILE *maps = fopen(path, "r");
	if (maps == NULL)
		return false;
	while (!is_found && fgets(line, sizeof(line), maps) != NULL)
		is_found = strstr(line, file) != NULL;
	fclose(maps);
	return is_found;
}
