/* SPDX-License-Identifier: MIT */
/*
 * Writes the page for the report on standard input to standard output; the title is the argument.
 */
#include <stdio.h>
#include <stdlib.h>

#include "report_html.h"

enum {
	STEP_BYTES = 1 << 20,
};

int main(int argc, char **argv)
{
	char *json = NULL;
	size_t count = 0, got;

	do {
		char *larger = realloc(json, count + STEP_BYTES);

		if (larger == NULL)
			return EXIT_FAILURE;
		json = larger;
		got = fread(json + count, 1, STEP_BYTES, stdin);
		count += got;
	} while (got > 0);
	if (!report_html_write(stdout, json, count, argc > 1 ? argv[1] : "a report")) {
		perror("report_html_write");
		return EXIT_FAILURE;
	}
	free(json);
	return EXIT_SUCCESS;
}
