/* SPDX-License-Identifier: MIT */
/*
 * Locate: the places a library can be in, and what LD_PRELOAD can carry.
 */
#include "locate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where to look, seen from the directory of this program: in a build, then in an installation. */
static const char *const places[] = { "../lib", "../" ALLOT_LIBDIR_NAME };

/* Where the installation was configured to be. */
static const char installed[] = ALLOT_LIBDIR "/" LIBRARY_NAME;

/* Store the path of the library in `place`; false when it is not there. */
static bool library_try(const char *place, char path[PATH_MAX])
{
	char own[PATH_MAX];
	char directory[2 * PATH_MAX];
	char resolved[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);

	if (length <= 0)
		return false;
	own[length] = '\0';
	*strrchr(own, '/') = '\0';
	snprintf(directory, sizeof(directory), "%s/%s", own, place);
	if (realpath(directory, resolved) == NULL)
		return false;
	return snprintf(path, PATH_MAX, "%s/%s", resolved, LIBRARY_NAME) < PATH_MAX &&
	       access(path, R_OK) == 0;
}

bool library_locate(char path[PATH_MAX], char *message, size_t message_bytes)
{
	bool is_found = false;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && !is_found; i++)
		is_found = library_try(places[i], path);
	if (!is_found) {
		if (access(installed, R_OK) != 0) {
			snprintf(message, message_bytes, "no %s in ../lib beside allot, nor %s",
				 LIBRARY_NAME, installed);
			return false;
		}
		snprintf(path, PATH_MAX, "%s", installed);
	}
	/* LD_PRELOAD separates its entries with both, and has no way to quote them. */
	if (strpbrk(path, " :") != NULL) {
		snprintf(message, message_bytes,
			 "%s: LD_PRELOAD cannot carry a path with a blank or a colon", path);
		return false;
	}
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
