/* SPDX-License-Identifier: MIT */
/*
 * Making a large report small before it goes into the page.
 */
#ifndef ALLOT_TOOLS_REPORT_PACK_H
#define ALLOT_TOOLS_REPORT_PACK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Deflate `count` bytes, in the form of zlib (RFC 1950), into memory the caller frees. True with
 * `*out_packed` NULL when this build does not compress; false when there is no memory.
 */
bool report_pack(const char *bytes, size_t count, unsigned char **out_packed, size_t *out_count);

#endif
