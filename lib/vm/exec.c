/* SPDX-License-Identifier: MIT */
/*
 * Exec: the space of a program before its first instruction (fs/exec.c, fs/binfmt_elf.c; CSAPP
 * 9.8.3), in the kernel's order:
 *
 *     the stack      one page at the top of user addresses, more as the strings need it; then
 *                    128 KiB of room below them, or what its limit leaves
 *     the program    at the addresses it says (ET_EXEC); or by two thirds of the user addresses;
 *                    or, if it is its own interpreter, where a mapping of all of it goes
 *     the interpreter  where a mapping of all of it goes
 *     vvar, vdso     where a mapping of these pages goes
 *     the stack      the auxiliary vector and pointers to the strings are stored
 *
 * A segment is mapped by pages: its file offset and its address are rounded down alike. Where it
 * has more memory than file, the rest of the last page is zeroed, which copies that page, and
 * whole pages of zeros follow, writable whatever the segment says.
 *
 * Headers are checked before anything is given up. What is found out later ends the process.
 */
#include <errno.h>

#include "vm/elf.h"
#include "vm/fault.h"
#include "vm/map.h"
#include "vm/merge.h"
#include "vm/place.h"

enum {
	STACK_ROOM_BYTES = 128 << 10,  /* fs/exec.c setup_arg_pages() */
	STRINGS_BYTES_MAX = 6 << 20,   /* fs/exec.c bprm_stack_limits() */
	STRINGS_BYTES_SURE = 128 << 10,
	WORD_BYTES = 8,
	AUX_BYTES = 16,                /* an entry of the auxiliary vector */
	PLATFORM_BYTES = 7,            /* "x86_64" */
	RANDOM_BYTES = 16,             /* for the program's own use: AT_RANDOM */
	STACK_ALIGN = 16,
};

/* A file on its way into a space. */
struct loading {
	struct vm_space *space;
	struct elf elf;
	struct vm_file *file;
	uint64_t bias;         /* from addresses in the file to those in memory */
	uint64_t end;          /* the highest end of a segment, in memory */
};

static bool is_bad(const struct vm_space *space, uint64_t address)
{
	return address >= space->machine->geometry->user_end;
}

static uint64_t page_start(const struct vm_space *space, uint64_t address)
{
	return address - address % page_bytes(space);
}

/* ---- one segment ---- */

static unsigned protection_of(const struct elf_segment *segment)
{
	return (segment->flags & ELF_FLAG_READ ? (unsigned)VM_PROT_READ : 0) |
	       (segment->flags & ELF_FLAG_WRITE ? (unsigned)VM_PROT_WRITE : 0) |
	       (segment->flags & ELF_FLAG_EXEC ? (unsigned)VM_PROT_EXEC : 0);
}

/*
 * Map the pages of the file (elf_map()). With `total_bytes` there is to be room for all of the
 * file's segments, which is mapped first and given back but for this one. Gives the address.
 */
static struct vm_result pages_map(const struct loading *loading, uint64_t address,
				  const struct elf_segment *segment, unsigned flags,
				  uint64_t total_bytes)
{
	uint64_t page = page_bytes(loading->space);
	uint64_t inside = segment->address % page;
	uint64_t bytes = align_up(segment->file_bytes + inside, page);
	struct vm_map_request request = {
		.address = page_start(loading->space, address),
		.bytes = total_bytes != 0 ? align_up(total_bytes, page) : bytes,
		.protection = protection_of(segment),
		.flags = flags,
		.file = loading->file,
		.offset = segment->offset - inside,
	};
	if (bytes == 0)
		return result_of(request.address);
	if (request.offset + request.bytes < request.offset)
		return result_error(EINVAL);
	if (request.offset > INT64_MAX - request.bytes)
		return result_error(EOVERFLOW);
	struct vm_result mapped = vm_map(loading->space, &request);
	if (mapped.error == 0 && total_bytes != 0)
		vm_unmap(loading->space, mapped.value + bytes, request.bytes - bytes);
	return mapped;
}

/* Zero from `address` to the end of its page (padzero()). */
static bool tail_zero(struct vm_space *space, uint64_t address)
{
	uint64_t inside = address % page_bytes(space);
	return inside == 0 ||
	       vm_touch(space, address, page_bytes(space) - inside, VM_STORE).signal ==
		       VM_SIGNAL_NONE;
}

/* Map a segment and the zeros behind it (elf_load()). Gives the address of its first page. */
static struct vm_result segment_load(const struct loading *loading, uint64_t address,
				     const struct elf_segment *segment, unsigned flags,
				     uint64_t total_bytes)
{
	struct vm_space *space = loading->space;
	uint64_t page = page_bytes(space);
	struct vm_result mapped = result_of(page_start(space, address));
	if (segment->file_bytes != 0)
		mapped = pages_map(loading, address, segment, flags, total_bytes);
	if (mapped.error == 0 && is_bad(space, mapped.value))
		mapped = result_error(EINVAL);
	if (mapped.error != 0 || segment->memory_bytes <= segment->file_bytes)
		return mapped;
	uint64_t start = mapped.value + segment->address % page;
	uint64_t data_end = segment->file_bytes != 0 ? start + segment->file_bytes : mapped.value;
	/* That it cannot be zeroed is of no matter where the program could not write either. */
	if (segment->file_bytes != 0 && !tail_zero(space, data_end) &&
	    segment->flags & ELF_FLAG_WRITE)
		return result_error(EFAULT);
	int error = space_zeros_map(space, align_up(data_end, page),
				    align_up(start + segment->memory_bytes, page),
				    segment->flags & ELF_FLAG_EXEC);
	return error == 0 ? mapped : result_error(error);
}

/* ---- all segments ---- */

/* From the first page to the last byte of all segments (total_mapping_size()). */
static uint64_t total_of(const struct loading *loading)
{
	uint64_t low = UINT64_MAX, high = 0;
	for (unsigned i = 0; i < loading->elf.segment_count; i++) {
		struct elf_segment segment;
		elf_segment_get(&loading->elf, i, &segment);
		if (segment.type != ELF_SEGMENT_LOAD)
			continue;
		low = size_min(low, page_start(loading->space, segment.address));
		high = size_max(high, segment.address + segment.memory_bytes);
	}
	return low == UINT64_MAX ? 0 : high - low;
}

/* The largest alignment that is one, in whole pages (maximum_alignment()). */
static uint64_t alignment_of(const struct loading *loading)
{
	uint64_t alignment = 0;
	for (unsigned i = 0; i < loading->elf.segment_count; i++) {
		struct elf_segment segment;
		elf_segment_get(&loading->elf, i, &segment);
		bool is_power = segment.alignment != 0 &&
				(segment.alignment & (segment.alignment - 1)) == 0;
		if (segment.type == ELF_SEGMENT_LOAD && is_power)
			alignment = size_max(alignment, segment.alignment);
	}
	return align_up(alignment, page_bytes(loading->space));
}

/* Does the segment lie among user addresses, its memory not less than its file? */
static bool segment_fits(const struct vm_space *space, uint64_t address,
			 const struct elf_segment *segment)
{
	uint64_t user_end = space->machine->geometry->user_end;
	return !is_bad(space, address) && segment->file_bytes <= segment->memory_bytes &&
	       segment->memory_bytes <= user_end && user_end - segment->memory_bytes >= address;
}

/*
 * Where a program of type ET_DYN goes, given its first segment, and whether that place is an
 * order. Without an interpreter it is one itself, and goes where the programs it is for are not.
 */
static int bias_find(struct loading *loading, const struct elf_segment *first, bool has_interpreter,
		     uint64_t total, unsigned *out_flags)
{
	struct vm_space *space = loading->space;
	uint64_t alignment = alignment_of(loading), place = 0;
	*out_flags = 0;
	if (has_interpreter) {
		place = space->machine->geometry->user_end / 3 * 2;
	} else if (alignment > page_bytes(space)) {
		/* Mapped once to find a place, which is then rounded down. */
		struct vm_result tried = segment_load(loading, 0, first, 0, total);
		if (tried.error != 0)
			return tried.error;
		vm_unmap(space, tried.value, align_up(total, page_bytes(space)));
		place = tried.value;
	}
	if (place != 0) {
		*out_flags = VM_MAP_NOREPLACE;
		if (alignment != 0)
			place &= ~(alignment - 1);
	}
	loading->bias = page_start(space, place - first->address);
	return 0;
}

/* Map the first segment, which decides where all others are. */
static int first_load(struct loading *loading, const struct elf_segment *segment,
		      bool has_interpreter)
{
	uint64_t total = 0;
	unsigned flags = VM_MAP_NOREPLACE;
	if (loading->elf.type == ELF_TYPE_DYN) {
		total = total_of(loading);
		if (total == 0)
			return EINVAL;
		int error = bias_find(loading, segment, has_interpreter, total, &flags);
		if (error != 0)
			return error;
	}
	uint64_t wanted = loading->bias + segment->address;
	struct vm_result mapped = segment_load(loading, wanted, segment, flags, total);
	if (mapped.error == 0 && loading->elf.type == ELF_TYPE_DYN)
		loading->bias += mapped.value - page_start(loading->space, wanted);
	return mapped.error;
}

static int program_load(struct loading *loading, bool has_interpreter)
{
	bool is_first = true;
	for (unsigned i = 0; i < loading->elf.segment_count; i++) {
		struct elf_segment segment;
		elf_segment_get(&loading->elf, i, &segment);
		if (segment.type != ELF_SEGMENT_LOAD)
			continue;
		int error = is_first ? first_load(loading, &segment, has_interpreter)
				     : segment_load(loading, loading->bias + segment.address,
						    &segment, VM_MAP_FIXED, 0).error;
		if (error != 0)
			return error;
		if (!segment_fits(loading->space, segment.address, &segment))
			return EINVAL;
		loading->end = size_max(loading->end, segment.address + segment.memory_bytes);
		is_first = false;
	}
	loading->end += loading->bias;
	return 0;
}

/* The same for an interpreter (load_elf_interp()); `program_bias` is that of its program. */
static int interpreter_load(struct loading *loading, uint64_t program_bias)
{
	uint64_t total = total_of(loading);
	bool is_dynamic = loading->elf.type == ELF_TYPE_DYN, is_placed = false;
	if ((!is_dynamic && loading->elf.type != ELF_TYPE_EXEC) || total == 0)
		return EINVAL;
	for (unsigned i = 0; i < loading->elf.segment_count; i++) {
		struct elf_segment segment;
		elf_segment_get(&loading->elf, i, &segment);
		if (segment.type != ELF_SEGMENT_LOAD)
			continue;
		bool is_ordered = !is_dynamic || is_placed;
		if (!is_ordered && program_bias != 0)
			loading->bias = -segment.address;
		struct vm_result mapped =
			segment_load(loading, loading->bias + segment.address, &segment,
				     is_ordered ? VM_MAP_FIXED : 0u, total);
		if (mapped.error != 0)
			return mapped.error;
		total = 0;
		if (!is_ordered)
			loading->bias = mapped.value - page_start(loading->space, segment.address);
		is_placed = true;
		if (!segment_fits(loading->space, loading->bias + segment.address, &segment))
			return ENOMEM;
	}
	return 0;
}

/* ---- the stack ---- */

static bool has_exec_stack(const struct elf *elf)
{
	bool is_exec = false;
	for (unsigned i = 0; i < elf->segment_count; i++) {
		struct elf_segment segment;
		elf_segment_get(elf, i, &segment);
		if (segment.type == ELF_SEGMENT_STACK)
			is_exec = segment.flags & ELF_FLAG_EXEC;
	}
	return is_exec;
}

/* Are strings and the pointers to them less than a quarter of the stack's limit? */
static bool strings_fit(const struct vm_space *space, const struct vm_exec_request *request)
{
	uint64_t limit = size_min(space->machine->profile.stack_limit_bytes / 4, STRINGS_BYTES_MAX);
	limit = size_max(limit, STRINGS_BYTES_SURE);
	const uint64_t counts[] = { request->name_bytes, request->string_bytes,
				    request->argument_count, request->environment_count };
	uint64_t used = 0;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		if (counts[i] > limit)
			return false;
		used += i < 2 ? counts[i] : counts[i] * WORD_BYTES;
	}
	return used < limit;
}

/* Strings are stored before a file is looked at: what that takes is counted when it is refused. */
static void strings_count(struct vm_space *space, uint64_t string_bytes)
{
	uint64_t pages = pages_of(space, align_up(string_bytes + WORD_BYTES, page_bytes(space)));
	space->counters.by_reason[VM_REASON_DEMAND_ZERO] += pages;
}

/* Make the area with room for `string_bytes` at its end, which are stored (fs/exec.c). */
static int stack_make(struct vm_space *space, uint64_t string_bytes, bool is_exec,
		      uint64_t *out_strings)
{
	uint64_t end = space->machine->geometry->user_end;
	uint64_t limit = page_start(space, space->machine->profile.stack_limit_bytes);
	*out_strings = end - WORD_BYTES - string_bytes;
	uint64_t stored = page_start(space, *out_strings);
	uint64_t bytes = size_max(end - stored, size_min(limit, end - stored + STACK_ROOM_BYTES));
	struct area_plan plan = {
		.start = end - bytes,
		.end = end,
		.offset = pages_of(space, end - bytes),
		.flags = VM_AREA_READ | VM_AREA_WRITE | VM_AREA_GROWSDOWN | VM_AREA_ACCOUNT |
			 (is_exec ? VM_AREA_EXEC : 0u),
	};
	struct area *area = space_area_add(space, &plan);
	if (area == NULL)
		return ENOMEM;
	books_map(space, pages_of(space, bytes), area->flags);
	return fault_in(space, area, stored, end, true) == VM_SIGNAL_NONE ? 0 : ENOMEM;
}

/* Store what stands below the strings (create_elf_tables()). Gives the stack pointer. */
static struct vm_result stack_fill(struct vm_space *space, const struct vm_exec_request *request,
				   uint64_t strings)
{
	uint64_t words = request->argument_count + 1 + request->environment_count + 1 + 1;
	uint64_t at = strings / STACK_ALIGN * STACK_ALIGN - PLATFORM_BYTES - RANDOM_BYTES;
	at -= (uint64_t)space->machine->profile.aux_count * AUX_BYTES + words * WORD_BYTES;
	at = at / STACK_ALIGN * STACK_ALIGN;
	struct vm_touched touched = vm_touch(space, at, strings - at, VM_STORE);
	return touched.signal == VM_SIGNAL_NONE ? result_of(at) : result_error(EFAULT);
}

/* ---- what the kernel adds ---- */

/* [vvar], [vvar_vclock] and [vdso], one behind the other (arch/x86/entry/vdso/vma.c). */
static int vdso_map(struct vm_space *space)
{
	const struct vm_profile *profile = &space->machine->profile;
	const struct {
		uint64_t pages;
		uint32_t flags;
	} parts[] = {
		{ profile->vvar_pages, VM_AREA_READ | VM_AREA_DONTDUMP },
		{ profile->vclock_pages, VM_AREA_READ | VM_AREA_DONTDUMP },
		{ profile->vdso_pages, VM_AREA_READ | VM_AREA_EXEC },
	};
	struct place_request place = { .bytes = 0 };
	uint64_t at;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		place.bytes += parts[i].pages * page_bytes(space);
	if (place.bytes == 0)
		return 0;
	if (!place_find(space, &place, &at))
		return ENOMEM;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		uint64_t bytes = parts[i].pages * page_bytes(space);
		struct area_plan plan = {
			.start = at,
			.end = at + bytes,
			.offset = pages_of(space, at),
			.flags = parts[i].flags | VM_AREA_SPECIAL,
		};
		if (bytes != 0 && space_area_add(space, &plan) == NULL)
			return ENOMEM;
		books_map(space, parts[i].pages, plan.flags);
		at += bytes;
	}
	return 0;
}

/* ---- exec ---- */

/* The break begins behind the program; behind one that is its own interpreter something is. */
static uint64_t break_of(const struct loading *program, bool has_interpreter)
{
	uint64_t end = program->end;
	if (program->elf.type == ELF_TYPE_DYN && !has_interpreter)
		end = program->space->machine->geometry->user_end / 3 * 2;
	return align_up(end, page_bytes(program->space));
}

/* From here on there is no way back. 0, or the error that ends the process. */
static int space_fill(struct vm_space *space, const struct vm_exec_request *request,
		      struct loading *program, struct loading *interpreter,
		      struct vm_exec_result *out)
{
	bool has_interpreter = interpreter->elf.bytes != NULL;
	uint64_t strings;
	int error = stack_make(space, request->name_bytes + request->string_bytes,
			       has_exec_stack(&program->elf), &strings);
	if (error == 0)
		error = program_load(program, has_interpreter);
	if (error == 0 && has_interpreter)
		error = interpreter_load(interpreter, program->bias);
	if (error != 0)
		return error;
	const struct loading *first = has_interpreter ? interpreter : program;
	out->entry = first->bias + first->elf.entry;
	if (is_bad(space, out->entry))
		return EINVAL;
	error = vdso_map(space);
	if (error != 0)
		return error;
	struct vm_result stack = stack_fill(space, request, strings);
	out->stack = stack.value;
	out->break_start = break_of(program, has_interpreter);
	space->break_start = space->break_end = out->break_start;
	return stack.error;
}

/* Read the headers of both files. */
static bool headers_read(const struct vm_exec_request *request, struct loading *program,
			 struct loading *interpreter, struct vm_elf_refusal *out)
{
	const struct vm_program *from = &request->program, *other = &request->interpreter;
	const char *path;
	if (!elf_open(&program->elf, from->bytes, from->byte_count, false, out) ||
	    !vm_elf_interpreter(from->bytes, from->byte_count, &path, out))
		return false;
	if (path == NULL)
		return true;
	if (other->bytes == NULL) {
		*out = (struct vm_elf_refusal){ .error = ENOENT, .is_interpreter = true,
						.expected = "an interpreter's file" };
		return false;
	}
	return elf_open(&interpreter->elf, other->bytes, other->byte_count, true, out);
}

struct vm_exec_result vm_space_exec(struct vm_space *space, const struct vm_exec_request *request,
				    struct vm_elf_refusal *out_refusal)
{
	struct vm_elf_refusal refusal;
	struct loading program = { .space = space, .file = request->program.file };
	struct loading interpreter = { .space = space, .file = request->interpreter.file };
	struct vm_exec_result result = { .error = 0 };
	if (out_refusal == NULL)
		out_refusal = &refusal;
	if (!strings_fit(space, request)) {
		*out_refusal = (struct vm_elf_refusal){ .error = E2BIG,
							.expected = "shorter arguments" };
		result.error = E2BIG;
		return result;
	}
	if (!headers_read(request, &program, &interpreter, out_refusal)) {
		strings_count(space, request->name_bytes + request->string_bytes);
		result.error = out_refusal->error;
		return result;
	}
	space_renew(space);
	result.error = space_fill(space, request, &program, &interpreter, &result);
	result.is_killed = result.error != 0;
	return result;
}
