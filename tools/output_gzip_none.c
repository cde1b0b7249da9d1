/* SPDX-License-Identifier: MIT */
/*
 * Compressed output of a build without zlib: as it is.
 */
#include "output_gzip.h"

FILE *output_gzip(int fd)
{
	return fdopen(fd, "w");
}

const char *output_gzip_suffix(void)
{
	return "";
}
