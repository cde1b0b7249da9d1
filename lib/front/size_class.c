/* SPDX-License-Identifier: MIT */
/*
 * The size classes. See size_class.h.
 */
#include "front/size_class.h"

#include "front/slab.h"

/*
 * A full slab is used again when a quarter of it is free, or this many objects: a thread's heap
 * looks for objects no more often than once in so many, whatever it frees and allocates.
 */
enum { WAKE_SHARE = 4, WAKE_OBJECTS_MAX = 32 };

#define CAPACITY(bytes) (SLAB_USABLE_BYTES / (bytes))
#define WAKE(bytes)                                                                               \
	(CAPACITY(bytes) / WAKE_SHARE < WAKE_OBJECTS_MAX ? CAPACITY(bytes) / WAKE_SHARE :         \
							   WAKE_OBJECTS_MAX)
/* UINT64_MAX / bytes is floor(2^64 / bytes), but less by one for a power of two. */
#define IS_POW2(bytes) (((bytes) & ((bytes) - 1)) == 0)
#define MAGIC(bytes) (UINT64_MAX / (bytes) + 1 + IS_POW2(bytes))
#define END(bytes) (CAPACITY(bytes) * (MAGIC(bytes) * (bytes)))
#define CLASS(bytes) {(bytes), CAPACITY(bytes), WAKE(bytes), MAGIC(bytes), END(bytes)}
#define CLASSES_4(bytes, step)                                                                    \
	CLASS(bytes), CLASS((bytes) + (step)), CLASS((bytes) + 2 * (step)),                       \
		CLASS((bytes) + 3 * (step))

const struct size_class size_classes[SMALL_CLASSES] = {
	CLASSES_4(16, 16),  CLASSES_4(80, 16),	CLASSES_4(144, 16), CLASSES_4(208, 16),
	CLASSES_4(288, 32), CLASSES_4(416, 32), CLASSES_4(576, 64), CLASSES_4(832, 64),
};
