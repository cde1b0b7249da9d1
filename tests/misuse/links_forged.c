/* SPDX-License-Identifier: MIT */
/* A free block's links pointed at a victim, which may not be written nor given out. */
#include "misuse.h"

static _Alignas(16) char victim[512];

int main(void)
{
	enum { BLOCKS = 64 };
	char *blocks[BLOCKS];
	for (size_t i = 0; i < BLOCKS; i++)
		blocks[i] = malloc(200);
	for (size_t i = 1; i < BLOCKS; i += 2)
		free(blocks[i]);
	about(blocks[31]);
	for (size_t i = 1; i < BLOCKS; i += 2) {
		void **links = (void **)(void *)blocks[i];
		for (size_t word = 0; word < 4; word++)
			links[word] = victim + 64;
	}
	for (size_t i = 0; i < 400; i++) {
		char *block = malloc(200);
		if (block >= victim && block < victim + sizeof victim)
			return 5;
	}
	for (size_t i = 0; i < sizeof victim; i++) {
		if (victim[i] != 0)
			return 6;
	}
	return carry_on();
}
