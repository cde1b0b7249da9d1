/* SPDX-License-Identifier: MIT */
/*
 * Making a report small: by zlib.
 */
#include "report_pack.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

bool report_pack(const char *bytes, size_t count, unsigned char **out_packed, size_t *out_count)
{
	if (count > ULONG_MAX / 2) {
		*out_packed = NULL;
		return true;
	}
	uLongf packed_count = compressBound(count);
	unsigned char *packed = malloc(packed_count);

	if (packed == NULL)
		return false;
	if (compress2(packed, &packed_count, (const Bytef *)bytes, count,
		      Z_BEST_COMPRESSION) != Z_OK) {
		free(packed);
		return false;
	}
	*out_packed = packed;
	*out_count = packed_count;
	return true;
}
