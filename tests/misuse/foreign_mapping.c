/* SPDX-License-Identifier: MIT */
/* An address in a mapping the program made itself. */
#include "misuse.h"

#include <sys/mman.h>

int main(void)
{
	char *pages = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	about(pages + 4096);
	free(pages + 4096);
	munmap(pages, 65536);
	return carry_on();
}
