/* SPDX-License-Identifier: MIT */
/* A flag cleared and a size forged, so that free would merge backwards. */
#include "misuse.h"

int main(void)
{
	char *low;
	char *high;
	neighbours(200, &low, &high);
	about(high);
	size_t *tag = (size_t *)(void *)(high - sizeof(size_t));
	size_t *footer = tag - 1;
	*footer = 64;
	for (size_t flag = 1; flag <= 8; flag *= 2) {
		if (*tag & flag) {
			*tag &= ~flag;
			break;
		}
	}
	free(high);
	return carry_on();
}
