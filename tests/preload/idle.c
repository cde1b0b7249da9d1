/* SPDX-License-Identifier: MIT */
/*
 * A program that asks for nothing: what it takes is what starting takes.
 */
int main(void)
{
	return 0;
}
