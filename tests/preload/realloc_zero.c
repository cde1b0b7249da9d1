/* SPDX-License-Identifier: MIT */
/* Says what realloc(p, 0) does here: "freed" or "kept". */
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
	void *block = realloc(malloc(100), 0);
	if (block == NULL)
		return write(1, "freed\n", 6) == 6 ? 0 : 1;
	free(block);
	return write(1, "kept\n", 5) == 5 ? 0 : 1;
}
