/* SPDX-License-Identifier: MIT */
/*
 * Compressed output. One of two is chosen by the build: with zlib, or without, where nothing is
 * compressed; readers of gzip take both.
 */
#ifndef ALLOT_TOOLS_OUTPUT_GZIP_H
#define ALLOT_TOOLS_OUTPUT_GZIP_H

#include <stdio.h>

/* A stream that compresses what is written to it into `fd`, which it closes. NULL: no memory. */
FILE *output_gzip(int fd);

/* "", or ".gz" where this build compresses. */
const char *output_gzip_suffix(void);

#endif
