/* SPDX-License-Identifier: MIT */
/*
 * A program with a page and more of data, and zeros behind it. It is linked in several ways and
 * executed, but never run.
 */
enum { DATA = 3000 };

#ifndef ZEROS
#define ZEROS 100
#endif

int data[DATA] = { 1 };
char zeros[ZEROS];

int main(void)
{
	return data[DATA - 1] + zeros[ZEROS - 1];
}
