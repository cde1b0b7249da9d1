/* SPDX-License-Identifier: MIT */
/*
 * ELF images made by hand, field by field, for tests of what reads them.
 */
#ifndef SUPPORT_ELF_IMAGE_H
#define SUPPORT_ELF_IMAGE_H

#include <stdint.h>
#include <string.h>

enum {
	IMAGE_BYTES = 1 << 16,
	IMAGE_TABLE = 64,        /* where the program headers are */
	IMAGE_SEGMENT_BYTES = 56,
	IMAGE_EXEC = 2,          /* e_type */
	IMAGE_DYN = 3,
	IMAGE_LOAD = 1,          /* p_type */
	IMAGE_INTERP = 3,
	IMAGE_STACK = 0x6474e551,
	IMAGE_X = 1, IMAGE_W = 2, IMAGE_R = 4,
};

struct image {
	uint8_t bytes[IMAGE_BYTES];
	size_t byte_count;
	unsigned segment_count;
};

struct image_segment {
	uint32_t type, flags;
	uint64_t offset, address, file_bytes, memory_bytes, alignment;
};

static inline void image_put(struct image *image, size_t at, uint64_t number, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		image->bytes[at + i] = (uint8_t)(number >> 8 * i);
}

static inline void image_init(struct image *image, unsigned type, uint64_t entry)
{
	memset(image, 0, sizeof(*image));
	memcpy(image->bytes, "\177ELF\2\1\1", 7);
	image->byte_count = IMAGE_BYTES;
	image_put(image, 16, type, 2);
	image_put(image, 18, 62, 2);
	image_put(image, 24, entry, 8);
	image_put(image, 32, IMAGE_TABLE, 8);
	image_put(image, 54, IMAGE_SEGMENT_BYTES, 2);
}

static inline void image_add(struct image *image, const struct image_segment *segment)
{
	size_t at = IMAGE_TABLE + image->segment_count * (size_t)IMAGE_SEGMENT_BYTES;
	image_put(image, at, segment->type, 4);
	image_put(image, at + 4, segment->flags, 4);
	image_put(image, at + 8, segment->offset, 8);
	image_put(image, at + 16, segment->address, 8);
	image_put(image, at + 32, segment->file_bytes, 8);
	image_put(image, at + 40, segment->memory_bytes, 8);
	image_put(image, at + 48, segment->alignment, 8);
	image_put(image, 56, ++image->segment_count, 2);
}

#endif
