/* SPDX-License-Identifier: MIT */
/*
 * Locate: the places our files can be in, and what LD_PRELOAD can carry.
 */
#include "locate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where a file of ours may be. */
struct location {
	const char *name;      /* of the file */
	const char *built;     /* its folder, seen from that of this program, in a build */
	const char *moved;     /* the same in an installation, wherever it is */
	const char *installed; /* where the installation was configured to be */
};

static const struct location location_library = {
	.name = LIBRARY_NAME,
	.built = "../lib",
	.moved = "../" ALLOT_LIBDIR_NAME,
	.installed = ALLOT_LIBDIR,
};

static const struct location location_bench = {
	.name = "__main__.py",
	.built = "../bench/compare",
	.moved = "../" ALLOT_LIBEXECDIR_NAME "/allot/bench",
	.installed = ALLOT_LIBEXECDIR "/allot/bench",
};

static const struct location location_record = {
	.name = "libtsan.a",
	.built = "record",
	.moved = "../" ALLOT_LIBEXECDIR_NAME "/allot/record",
	.installed = ALLOT_LIBEXECDIR "/allot/record",
};

static const struct location location_vm_helper = {
	.name = "allot-vm-helper",
	.built = ".",
	.moved = "../" ALLOT_LIBEXECDIR_NAME "/allot",
	.installed = ALLOT_LIBEXECDIR "/allot",
};

bool own_path(char path[PATH_MAX])
{
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (length <= 0)
		return false;
	path[length] = '\0';
	return true;
}

/*
 * Store in `folder` what `place`, seen from this program, really is; false without `name` in it.
 * A link of that name stays one.
 */
static bool place_try(const char *place, const char *name, char folder[PATH_MAX])
{
	char own[PATH_MAX];
	char seen[2 * PATH_MAX];
	char file[2 * PATH_MAX];

	if (!own_path(own))
		return false;
	*strrchr(own, '/') = '\0';
	snprintf(seen, sizeof(seen), "%s/%s", own, place);
	if (realpath(seen, folder) == NULL)
		return false;
	snprintf(file, sizeof(file), "%s/%s", folder, name);
	return access(file, R_OK) == 0;
}

/* Store the folder one of our files is in; false with the reason when it is nowhere. */
static bool folder_locate(const struct location *location, char folder[PATH_MAX], char *message,
			  size_t message_bytes)
{
	char file[2 * PATH_MAX];

	if (place_try(location->built, location->name, folder) ||
	    place_try(location->moved, location->name, folder))
		return true;
	snprintf(file, sizeof(file), "%s/%s", location->installed, location->name);
	if (access(file, R_OK) != 0) {
		snprintf(message, message_bytes, "no %s in %s beside allot, nor %s", location->name,
			 location->built, file);
		return false;
	}
	snprintf(folder, PATH_MAX, "%s", location->installed);
	return true;
}

bool library_locate(char path[PATH_MAX], char *message, size_t message_bytes)
{
	char folder[PATH_MAX];

	if (!folder_locate(&location_library, folder, message, message_bytes))
		return false;
	if (snprintf(path, PATH_MAX, "%s/%s", folder, LIBRARY_NAME) >= PATH_MAX) {
		snprintf(message, message_bytes, "%s: too long a path", folder);
		return false;
	}
	/* LD_PRELOAD separates its entries with both, and has no way to quote them. */
	if (strpbrk(path, " :") != NULL) {
		snprintf(message, message_bytes,
			 "%s: LD_PRELOAD cannot carry a path with a blank or a colon", path);
		return false;
	}
	return true;
}

bool bench_locate(char folder[PATH_MAX], char *message, size_t message_bytes)
{
	return folder_locate(&location_bench, folder, message, message_bytes);
}

bool record_locate(char folder[PATH_MAX], char *message, size_t message_bytes)
{
	return folder_locate(&location_record, folder, message, message_bytes);
}

/* The path of a helper: the folder it is in, and its name. */
static bool helper_locate(const struct location *location, char path[PATH_MAX], char *message,
			  size_t message_bytes)
{
	char folder[PATH_MAX];

	if (!folder_locate(location, folder, message, message_bytes))
		return false;
	if (snprintf(path, PATH_MAX, "%s/%s", folder, location->name) < PATH_MAX)
		return true;
	snprintf(message, message_bytes, "%s: too long a path", folder);
	return false;
}

bool vm_helper_locate(char path[PATH_MAX], char *message, size_t message_bytes)
{
	return helper_locate(&location_vm_helper, path, message, message_bytes);
}

bool replay_helper_locate(const char *program, char path[PATH_MAX], char *message,
			  size_t message_bytes)
{
	struct location location = location_vm_helper;

	location.name = program;
	return helper_locate(&location, path, message, message_bytes);
}

bool library_preload(const char *library)
{
	const char *before = getenv("LD_PRELOAD");
	char *after;

	if (before == NULL || before[0] == '\0')
		return setenv("LD_PRELOAD", library, 1) == 0;

	/* Already first, as in a program run by a program run by us: once is enough. */
	size_t length = strlen(library);
	if (strncmp(before, library, length) == 0 && strchr(" :", before[length]) != NULL)
		return true;
	if (asprintf(&after, "%s:%s", library, before) < 0)
		return false;
	bool is_set = setenv("LD_PRELOAD", after, 1) == 0;
	free(after);
	return is_set;
}
