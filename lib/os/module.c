/* SPDX-License-Identifier: MIT */
/*
 * Asking the loader for modules. See module.h.
 */
#include "os/module.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/bits.h"
#include "base/compiler.h"

/* The program header of the segment that holds `address`, or NULL. */
static const ElfW(Phdr) *segment_find(const ElfW(Phdr) *headers, size_t count, uintptr_t bias,
				      uintptr_t address)
{
	for (size_t i = 0; i < count; i++) {
		if (headers[i].p_type == PT_LOAD &&
		    address - bias - headers[i].p_vaddr < headers[i].p_filesz)
			return &headers[i];
	}
	return NULL;
}

static const ElfW(Phdr) *header_of_type(const ElfW(Phdr) *headers, size_t count, uint32_t type)
{
	for (size_t i = 0; i < count; i++) {
		if (headers[i].p_type == type)
			return &headers[i];
	}
	return NULL;
}

/* What may be read around the unwind header: its segment. */
static void bounds_set(struct os_module *module, const ElfW(Phdr) *headers, size_t count,
		       uintptr_t bias)
{
	const ElfW(Phdr) *segment = segment_find(headers, count, bias, module->unwind_header);
	if (segment == NULL || (segment->p_flags & PF_R) == 0) {
		module->unwind_header = 0;
		return;
	}
	module->read_begin = bias + segment->p_vaddr;
	module->read_end = module->read_begin + segment->p_filesz;
}

/* By glibc's dl_iterate_phdr(). */
struct search {
	uintptr_t address;
	struct os_module *module;
};

static int search_visit(struct dl_phdr_info *info, size_t bytes, void *context)
{
	struct search *search = context;
	struct os_module *module = search->module;
	const ElfW(Phdr) *unwind;
	uintptr_t begin = UINTPTR_MAX, end = 0;
	(void)bytes;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		uintptr_t from = info->dlpi_addr + header->p_vaddr;
		if (header->p_type != PT_LOAD)
			continue;
		begin = from < begin ? from : begin;
		end = from + header->p_memsz > end ? from + header->p_memsz : end;
	}
	if (search->address < begin || search->address >= end)
		return 0;
	*module = (struct os_module){.begin = begin, .end = end,
				     .identity = (uintptr_t)info->dlpi_phdr,
				     .bias = info->dlpi_addr,
				     .path = info->dlpi_name};
	unwind = header_of_type(info->dlpi_phdr, info->dlpi_phnum, PT_GNU_EH_FRAME);
	if (unwind != NULL) {
		module->unwind_header = info->dlpi_addr + unwind->p_vaddr;
		bounds_set(module, info->dlpi_phdr, info->dlpi_phnum, info->dlpi_addr);
	}
	return 1;
}

static bool search_list(uintptr_t address, struct os_module *out_module)
{
	struct search search = {address, out_module};
	return dl_iterate_phdr(search_visit, &search) != 0;
}

#if defined(DLFO_STRUCT_HAS_EH_DBASE)

/* Not every C library that this may run with has it. */
extern __typeof__(_dl_find_object) _dl_find_object __attribute__((weak));

/*
 * Of a program with holes between its segments the loader names the segment that holds the address,
 * which begins with no ELF header: the kernel knows the program's. Nobody knows those of a library
 * that is made so; what its linker wrote is believed then.
 */
static void bounds_of_program(struct os_module *module)
{
	const ElfW(Phdr) *headers = (const ElfW(Phdr) *)getauxval(AT_PHDR);
	size_t count = getauxval(AT_PHNUM);
	uintptr_t bias = ((const struct link_map *)module->identity)->l_addr;
	module->read_begin = 0;
	module->read_end = INTPTR_MAX;
	if (headers != NULL && segment_find(headers, count, bias, module->unwind_header) != NULL)
		bounds_set(module, headers, count, bias);
}

/* By the ELF header, which the first segment begins with, as nearly everybody's does. */
static void bounds_find(struct os_module *module)
{
	const ElfW(Ehdr) *elf = (const ElfW(Ehdr) *)module->begin;
	if (memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0) {
		bounds_of_program(module);
		return;
	}
	const ElfW(Phdr) *headers = (const ElfW(Phdr) *)(module->begin + elf->e_phoff);
	const ElfW(Phdr) *first = header_of_type(headers, elf->e_phnum, PT_LOAD);
	if (first == NULL)
		module->unwind_header = 0;
	else
		bounds_set(module, headers, elf->e_phnum,
			   module->begin - (first->p_vaddr & ~(first->p_align - 1)));
}

bool os_module_find(uintptr_t address, struct os_module *out_module)
{
	struct dl_find_object found;
	if (&_dl_find_object == NULL)
		return search_list(address, out_module);
	if (_dl_find_object((void *)address, &found) != 0)
		return false;
	*out_module = (struct os_module){
		.begin = (uintptr_t)found.dlfo_map_start,
		.end = (uintptr_t)found.dlfo_map_end,
		.unwind_header = (uintptr_t)found.dlfo_eh_frame,
		.identity = (uintptr_t)found.dlfo_link_map,
		.bias = found.dlfo_link_map->l_addr,
		.path = found.dlfo_link_map->l_name,
	};
	if (out_module->unwind_header != 0)
		bounds_find(out_module);
	return true;
}

#else

bool os_module_find(uintptr_t address, struct os_module *out_module)
{
	return search_list(address, out_module);
}

#endif

/* The note that identifies a file, among the notes of one segment. */
static size_t note_find(const char *notes, size_t bytes, unsigned char *out, size_t capacity)
{
	enum { NOTE_ALIGN = 4 };
	while (bytes >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *note = (const void *)notes;
		size_t name_bytes = align_up(note->n_namesz, NOTE_ALIGN);
		size_t whole = sizeof(*note) + name_bytes + align_up(note->n_descsz, NOTE_ALIGN);
		const char *name = (const char *)(note + 1);
		if (whole > bytes)
			return 0;
		if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == sizeof("GNU") &&
		    memcmp(name, "GNU", sizeof("GNU")) == 0 && note->n_descsz <= capacity) {
			memcpy(out, name + name_bytes, note->n_descsz);
			return note->n_descsz;
		}
		notes += whole;
		bytes -= whole;
	}
	return 0;
}

size_t os_module_build_id(const struct os_module *module, unsigned char *out, size_t capacity)
{
	const ElfW(Ehdr) *elf = (const ElfW(Ehdr) *)module->begin;
	size_t found = 0;
	if (memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0)
		return 0;
	const ElfW(Phdr) *headers = (const ElfW(Phdr) *)(module->begin + elf->e_phoff);
	for (size_t i = 0; i < elf->e_phnum && found == 0; i++) {
		if (headers[i].p_type == PT_NOTE)
			found = note_find((const char *)module->bias + headers[i].p_vaddr,
					  headers[i].p_memsz, out, capacity);
	}
	return found;
}

uintptr_t os_loader_address(void)
{
	return getauxval(AT_BASE);
}
