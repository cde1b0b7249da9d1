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
	const char *built;     /* seen from the directory of this program, in a build */
	const char *moved;     /* the same in an installation, wherever it is */
	const char *installed; /* where the installation was configured to be */
};

static const struct location location_library = {
	.name = LIBRARY_NAME,
	.built = "../lib/" LIBRARY_NAME,
	.moved = "../" ALLOT_LIBDIR_NAME "/" LIBRARY_NAME,
	.installed = ALLOT_LIBDIR "/" LIBRARY_NAME,
};

/* The build has a folder of that name for each of its own; an installation has only the one. */
static const struct location location_bench = {
	.name = "bench/__main__.py",
	.built = "../bench/compare/__main__.py",
	.moved = "../" ALLOT_LIBEXECDIR_NAME "/allot/bench/__main__.py",
	.installed = ALLOT_LIBEXECDIR "/allot/bench/__main__.py",
};

bool own_path(char path[PATH_MAX])
{
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (length <= 0)
		return false;
	path[length] = '\0';
	return true;
}

/* Store the path of the file at `place`, seen from this program; false when it is not there. */
static bool place_try(const char *place, char path[PATH_MAX])
{
	char own[PATH_MAX];
	char seen[2 * PATH_MAX];

	if (!own_path(own))
		return false;
	*strrchr(own, '/') = '\0';
	snprintf(seen, sizeof(seen), "%s/%s", own, place);
	return access(seen, R_OK) == 0 && realpath(seen, path) != NULL;
}

/* Store the path of one of our files; false with the reason when it is nowhere. */
static bool file_locate(const struct location *location, char path[PATH_MAX], char *message,
			size_t message_bytes)
{
	if (place_try(location->built, path) || place_try(location->moved, path))
		return true;
	if (access(location->installed, R_OK) != 0) {
		snprintf(message, message_bytes, "no %s beside allot, nor %s", location->name,
			 location->installed);
		return false;
	}
	snprintf(path, PATH_MAX, "%s", location->installed);
	return true;
}

bool library_locate(char path[PATH_MAX], char *message, size_t message_bytes)
{
	if (!file_locate(&location_library, path, message, message_bytes))
		return false;
	/* LD_PRELOAD separates its entries with both, and has no way to quote them. */
	if (strpbrk(path, " :") != NULL) {
		snprintf(message, message_bytes,
			 "%s: LD_PRELOAD cannot carry a path with a blank or a colon", path);
		return false;
	}
	return true;
}

bool bench_locate(char path[PATH_MAX], char *message, size_t message_bytes)
{
	if (!file_locate(&location_bench, path, message, message_bytes))
		return false;
	/* Python takes the folder, and finds the other modules there. */
	*strrchr(path, '/') = '\0';
	return true;
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
