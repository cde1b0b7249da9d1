/* SPDX-License-Identifier: MIT */
/*
 * An ordinary program that does a known amount of work, for claims about options and statistics.
 *
 * It leaves LIVE blocks of LIVE_BYTES alive and has freed as many of FREED_BYTES; stdio is not
 * used, so nothing else allocates on its behalf.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIVE = 1000, LIVE_BYTES = 100, FREED = 2000, FREED_BYTES = 300, LARGE_BYTES = 3000000 };

static void *live[LIVE];
static void *freed[FREED];

int main(void)
{
	for (size_t i = 0; i < LIVE; i++) {
		live[i] = malloc(LIVE_BYTES);
		memset(live[i], 1, LIVE_BYTES);
	}
	for (size_t i = 0; i < FREED; i++)
		freed[i] = malloc(FREED_BYTES);
	for (size_t i = 0; i < FREED; i++)
		free(freed[i]);
	void *large = calloc(1, LARGE_BYTES);
	if (large == NULL)
		return 1;
	return write(1, "done\n", 5) == 5 ? 0 : 1;
}
