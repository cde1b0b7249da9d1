/* SPDX-License-Identifier: MIT */
/*
 * Making a report small: not at all, where there is no zlib. The page takes either.
 */
#include "report_pack.h"

bool report_pack(const char *bytes, size_t count, unsigned char **out_packed, size_t *out_count)
{
	(void)bytes;
	(void)count;
	*out_packed = NULL;
	*out_count = 0;
	return true;
}
