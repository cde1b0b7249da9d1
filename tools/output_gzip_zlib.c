/* SPDX-License-Identifier: MIT */
/*
 * Compressed output by zlib, behind a stream of the C library.
 */
#include "output_gzip.h"

#include <errno.h>
#include <zlib.h>

static ssize_t compressed_write(void *cookie, const char *bytes, size_t count)
{
	errno = 0;
	return gzwrite(cookie, bytes, (unsigned)count) == (int)count ? (ssize_t)count : 0;
}

static int compressed_close(void *cookie)
{
	return gzclose(cookie) == Z_OK ? 0 : EOF;
}

FILE *output_gzip(int fd)
{
	static const cookie_io_functions_t functions = {
		.write = compressed_write,
		.close = compressed_close,
	};
	gzFile compressed = gzdopen(fd, "wb");
	FILE *file = compressed != NULL ? fopencookie(compressed, "w", functions) : NULL;

	if (compressed != NULL && file == NULL)
		gzclose(compressed);
	return file;
}

const char *output_gzip_suffix(void)
{
	return ".gz";
}
