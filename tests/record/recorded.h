/* SPDX-License-Identifier: MIT */
/*
 * The log that recorded.c keeps, for who compares.
 */
#ifndef TESTS_RECORDED_H
#define TESTS_RECORDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LOG_HEADER_BYTES = 64,     /* the count of entries first */
	LOG_BYTES = 8 << 20,       /* of each thread */
};

enum logged_kind {
	LOGGED_MALLOC,
	LOGGED_CALLOC,
	LOGGED_REALLOC, /* of NULL */
	LOGGED_ALIGNED,
	LOGGED_FREE,
	LOGGED_RESIZE,
};

struct logged {
	int kind;
	uintptr_t old;     /* FREE, RESIZE */
	uintptr_t address; /* 0: it failed */
	size_t bytes;
	size_t usable_bytes;
};

#endif
