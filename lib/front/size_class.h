/* SPDX-License-Identifier: MIT */
/*
 * Size classes of small objects: steps of 16 bytes to 256, of 32 to 512, of 64 to 1024.
 *
 * Every size is a multiple of 16, so every object is aligned to that. What rounding wastes is 8
 * bytes of a small object on average and 6 % of a large one at most, about 4 % over the sizes that
 * programs ask for. More classes (16 bytes everywhere) were within 1 % of the same memory, since
 * each class in use keeps a slab of its own partly empty.
 */
#ifndef FRONT_SIZE_CLASS_H
#define FRONT_SIZE_CLASS_H

#include <stddef.h>
#include <stdint.h>

#include "base/bits.h"
#include "base/compiler.h"

enum {
	SMALL_BYTES_MAX = 1024,
	SMALL_STEP_BYTES = 16,
	SMALL_STEPS = SMALL_BYTES_MAX / SMALL_STEP_BYTES + 1,
	SMALL_CLASSES = 32,
};

struct size_class {
	uint16_t bytes;    /* of an object */
	uint16_t capacity; /* objects a slab has room for */
	uint16_t wake;     /* a full slab is used again when so many of them are free */
	/* See slab_has_object(): */
	uint64_t magic;    /* floor(2^64 / bytes) + 1 */
	uint64_t end;      /* of a slab with all its objects */
};

extern const struct size_class size_classes[SMALL_CLASSES];

/* A request in steps, rounded up. */
ALLOT_INLINE size_t small_step(size_t bytes)
{
	return (bytes + SMALL_STEP_BYTES - 1) / SMALL_STEP_BYTES;
}

/* The size of the objects of a class. */
static inline size_t class_bytes(unsigned class)
{
	return size_classes[class].bytes;
}

/* The smallest class for `bytes` <= SMALL_BYTES_MAX; 0 bytes are served as 1. */
static inline unsigned class_for(size_t bytes)
{
	if (bytes <= 256)
		return bytes == 0 ? 0 : (unsigned)((bytes - 1) / 16);
	if (bytes <= 512)
		return 16 + (unsigned)((bytes - 257) / 32);
	return 24 + (unsigned)((bytes - 513) / 64);
}

/*
 * The size of a request whose object has room for `bytes` at a multiple of `align`: of a class
 * whose size is a multiple of it. More than SMALL_BYTES_MAX: there is none.
 */
static inline size_t small_bytes_aligned(size_t bytes, size_t align)
{
	size_t wanted = align_up(size_max(bytes, 1), align);
	while (wanted <= SMALL_BYTES_MAX && !is_aligned(class_bytes(class_for(wanted)), align))
		wanted = align_up(class_bytes(class_for(wanted)) + 1, align);
	return wanted;
}

#endif
