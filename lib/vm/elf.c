/* SPDX-License-Identifier: MIT */
/*
 * ELF files: the header, the program headers and the interpreter's path (System V ABI, "Object
 * Files"), with the checks of Linux and no others (fs/binfmt_elf.c load_elf_binary(),
 * load_elf_phdrs()): it asks neither for the class nor for the byte order nor for the version, and
 * what is behind the end of a short file reads as zeros.
 */
#include "vm/elf.h"

#include <errno.h>
#include <string.h>

enum {
	HEADER_BYTES = 64,            /* Elf64_Ehdr */
	SEGMENT_BYTES = 56,           /* Elf64_Phdr */
	TABLE_BYTES_MAX = 65536,
	MACHINE_X86_64 = 62,
	PATH_BYTES_MAX = 4096,        /* PATH_MAX */
	/* Where members are in the header, and in a program header. */
	AT_TYPE = 16, AT_MACHINE = 18, AT_ENTRY = 24, AT_TABLE = 32, AT_SEGMENT_BYTES = 54,
	AT_SEGMENT_COUNT = 56,
	AT_FLAGS = 4, AT_OFFSET = 8, AT_ADDRESS = 16, AT_FILE_BYTES = 32, AT_MEMORY_BYTES = 40,
	AT_ALIGNMENT = 48,
};

static uint64_t number_get(const uint8_t *bytes, unsigned count)
{
	uint64_t number = 0;
	for (unsigned i = 0; i < count; i++)
		number |= (uint64_t)bytes[i] << 8 * i;
	return number;
}

/* What is wrong and where; always false. */
static bool refuse(struct vm_elf_refusal *out, int error, uint64_t offset, uint64_t found,
		   const char *expected)
{
	out->error = error;
	out->offset = offset;
	out->found = found;
	out->expected = expected;
	return false;
}

/* The first 64 bytes; zeros behind the end of the file. */
static bool header_check(const uint8_t header[HEADER_BYTES], bool is_interpreter,
			 struct vm_elf_refusal *out)
{
	static const uint8_t magic[] = { 0x7f, 'E', 'L', 'F' };
	int error = is_interpreter ? ELIBBAD : ENOEXEC;
	uint64_t type = number_get(header + AT_TYPE, 2);
	uint64_t machine = number_get(header + AT_MACHINE, 2);
	uint64_t segment_bytes = number_get(header + AT_SEGMENT_BYTES, 2);
	uint64_t count = number_get(header + AT_SEGMENT_COUNT, 2);
	for (unsigned i = 0; i < sizeof(magic); i++)
		if (header[i] != magic[i])
			return refuse(out, error, i, header[i],
				      "the bytes 7f 45 4c 46, an ELF file");
	/* An interpreter's type is looked at when it is too late. */
	if (!is_interpreter && type != ELF_TYPE_EXEC && type != ELF_TYPE_DYN)
		return refuse(out, error, AT_TYPE, type, "the type 2 or 3, a program");
	if (machine != MACHINE_X86_64)
		return refuse(out, error, AT_MACHINE, machine, "the machine 62, x86-64");
	if (segment_bytes != SEGMENT_BYTES)
		return refuse(out, error, AT_SEGMENT_BYTES, segment_bytes,
			      "program headers of 56 bytes");
	if (count == 0 || count * SEGMENT_BYTES > TABLE_BYTES_MAX)
		return refuse(out, error, AT_SEGMENT_COUNT, count, "1 to 1170 program headers");
	return true;
}

bool elf_open(struct elf *elf, const void *bytes, size_t byte_count, bool is_interpreter,
	      struct vm_elf_refusal *out)
{
	uint8_t header[HEADER_BYTES] = { 0 };
	memcpy(header, bytes, byte_count < HEADER_BYTES ? byte_count : HEADER_BYTES);
	*out = (struct vm_elf_refusal){ .is_interpreter = is_interpreter };
	if (is_interpreter && byte_count < HEADER_BYTES)
		return refuse(out, EIO, byte_count, 0, "a header of 64 bytes");
	if (!header_check(header, is_interpreter, out))
		return false;
	*elf = (struct elf){
		.bytes = bytes,
		.byte_count = byte_count,
		.type = (unsigned)number_get(header + AT_TYPE, 2),
		.entry = number_get(header + AT_ENTRY, 8),
		.table_offset = number_get(header + AT_TABLE, 8),
		.segment_count = (unsigned)number_get(header + AT_SEGMENT_COUNT, 2),
	};
	uint64_t table_bytes = (uint64_t)elf->segment_count * SEGMENT_BYTES;
	if (elf->table_offset > byte_count || table_bytes > byte_count - elf->table_offset)
		return refuse(out, is_interpreter ? ELIBBAD : ENOEXEC, AT_TABLE,
			      elf->table_offset, "program headers that end inside the file");
	return true;
}

void elf_segment_get(const struct elf *elf, unsigned index, struct elf_segment *out)
{
	const uint8_t *at = elf->bytes + elf->table_offset + (size_t)index * SEGMENT_BYTES;
	*out = (struct elf_segment){
		.type = (uint32_t)number_get(at, 4),
		.flags = (uint32_t)number_get(at + AT_FLAGS, 4),
		.offset = number_get(at + AT_OFFSET, 8),
		.address = number_get(at + AT_ADDRESS, 8),
		.file_bytes = number_get(at + AT_FILE_BYTES, 8),
		.memory_bytes = number_get(at + AT_MEMORY_BYTES, 8),
		.alignment = number_get(at + AT_ALIGNMENT, 8),
	};
}

bool vm_elf_check(const void *bytes, size_t byte_count, bool is_interpreter,
		  struct vm_elf_refusal *out)
{
	struct elf elf;
	return elf_open(&elf, bytes, byte_count, is_interpreter, out);
}

/* Where the program header says it: the errors of the path it names. */
static bool path_check(const struct elf *elf, unsigned index, const struct elf_segment *segment,
		       struct vm_elf_refusal *out)
{
	uint64_t header = elf->table_offset + (uint64_t)index * SEGMENT_BYTES;
	if (segment->file_bytes < 2 || segment->file_bytes > PATH_BYTES_MAX)
		return refuse(out, ENOEXEC, header + AT_FILE_BYTES, segment->file_bytes,
			      "an interpreter's path of 2 to 4096 bytes");
	if (segment->offset > INT64_MAX)
		return refuse(out, EINVAL, header + AT_OFFSET, segment->offset,
			      "an offset below 2^63");
	if (segment->offset > elf->byte_count ||
	    segment->file_bytes > elf->byte_count - segment->offset)
		return refuse(out, EIO, header + AT_OFFSET, segment->offset,
			      "an interpreter's path that ends inside the file");
	uint64_t last = segment->offset + segment->file_bytes - 1;
	if (elf->bytes[last] != '\0')
		return refuse(out, ENOEXEC, last, elf->bytes[last],
			      "a NUL at the end of the interpreter's path");
	return true;
}

bool vm_elf_interpreter(const void *bytes, size_t byte_count, const char **out_path,
			struct vm_elf_refusal *out)
{
	struct elf elf;
	*out_path = NULL;
	if (!elf_open(&elf, bytes, byte_count, false, out))
		return false;
	for (unsigned i = 0; i < elf.segment_count; i++) {
		struct elf_segment segment;
		elf_segment_get(&elf, i, &segment);
		if (segment.type != ELF_SEGMENT_INTERP)
			continue;
		if (!path_check(&elf, i, &segment, out))
			return false;
		*out_path = (const char *)elf.bytes + segment.offset;
		break;
	}
	return true;
}
