/* SPDX-License-Identifier: MIT */
/*
 * ELF files: their headers, read out of bytes nobody vouches for.
 */
#ifndef VM_ELF_H
#define VM_ELF_H

#include <allot/vm.h>

enum {
	ELF_TYPE_EXEC = 2,      /* ET_EXEC: at the addresses it says */
	ELF_TYPE_DYN = 3,       /* ET_DYN: anywhere */
	ELF_SEGMENT_LOAD = 1,   /* PT_LOAD */
	ELF_SEGMENT_INTERP = 3, /* PT_INTERP */
	ELF_SEGMENT_STACK = 0x6474e551, /* PT_GNU_STACK */
	ELF_FLAG_EXEC = 1,      /* PF_X */
	ELF_FLAG_WRITE = 2,     /* PF_W */
	ELF_FLAG_READ = 4,      /* PF_R */
};

/* A file whose headers are all there. */
struct elf {
	const uint8_t *bytes;    /* the caller's */
	uint64_t byte_count;
	unsigned type;           /* any: e_type */
	uint64_t entry;          /* e_entry */
	uint64_t table_offset;   /* e_phoff */
	unsigned segment_count;  /* e_phnum, at least 1 */
};

/* A program header. Nothing in it is checked. */
struct elf_segment {
	uint32_t type, flags;    /* of ELF_FLAG_... */
	uint64_t offset;         /* into the file */
	uint64_t address;
	uint64_t file_bytes, memory_bytes;
	uint64_t alignment;
};

/* Read the header. False with *out when execve(2) would refuse the file, with that error. */
bool elf_open(struct elf *elf, const void *bytes, size_t byte_count, bool is_interpreter,
	      struct vm_elf_refusal *out);

/* The `index`-th program header; index < segment_count. */
void elf_segment_get(const struct elf *elf, unsigned index, struct elf_segment *out);

#endif
