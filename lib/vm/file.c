/* SPDX-License-Identifier: MIT */
/*
 * Files: an array of frames each. A file on disk is wholly in the cache, as after it was written
 * and synced: no fault on it is a major one.
 */
#include "vm/file.h"

static struct vm_file *file_add(struct vm_machine *machine, enum vm_file_kind kind, uint64_t pages)
{
	struct vm_file *file = pool_take(&machine->pool, sizeof(*file));
	if (file == NULL)
		return NULL;
	uint32_t *frames = pool_take(&machine->pool, size_max(pages, 1) * sizeof(*frames));
	if (frames == NULL) {
		pool_give(&machine->pool, file, sizeof(*file));
		return NULL;
	}
	*file = (struct vm_file){
		.next = machine->files,
		.kind = kind,
		.size_pages = pages,
		.frames = frames,
	};
	machine->files = file;
	return file;
}

/* A frame that the file keeps. */
static uint32_t frame_make(struct vm_machine *machine, enum frame_use use)
{
	uint32_t frame = frame_take(&machine->frames, 0, use);
	if (frame != FRAME_NONE)
		frame_at(&machine->frames, frame)->is_cached = true;
	return frame;
}

/* Take a file off the machine's list, and its frames, which nobody maps, back. */
static void file_remove(struct vm_machine *machine, struct vm_file *file)
{
	struct vm_file **link = &machine->files;
	while (*link != file)
		link = &(*link)->next;
	*link = file->next;
	for (uint64_t page = 0; page < file->size_pages; page++)
		file_forget(machine, file, page);
	pool_give(&machine->pool, file->frames,
		  size_max(file->size_pages, 1) * sizeof(*file->frames));
	pool_give(&machine->pool, file, sizeof(*file));
}

struct vm_file *vm_file_open(struct vm_machine *machine, enum vm_file_kind kind,
			     uint64_t size_bytes)
{
	uint64_t page = machine->geometry->page_bytes;
	struct vm_file *file = file_add(machine, kind, (size_bytes + page - 1) / page);
	if (file == NULL || kind == VM_FILE_SHARED)
		return file;
	for (uint64_t i = 0; i < file->size_pages; i++) {
		file->frames[i] = frame_make(machine, FRAME_FILE);
		if (file->frames[i] == FRAME_NONE) {
			file_remove(machine, file);
			return NULL;
		}
	}
	return file;
}

struct vm_file *file_make_shared(struct vm_machine *machine, uint64_t pages)
{
	struct vm_file *file = file_add(machine, VM_FILE_SHARED, pages);
	if (file != NULL)
		file->is_nameless = true;
	return file;
}

uint32_t file_frame(const struct vm_file *file, uint64_t page)
{
	return page < file->size_pages ? file->frames[page] : FRAME_NONE;
}

uint32_t file_frame_make(struct vm_machine *machine, struct vm_file *file, uint64_t page)
{
	assert(page < file->size_pages);
	if (file->frames[page] == FRAME_NONE)
		file->frames[page] = frame_make(machine, FRAME_SHARED);
	return file->frames[page];
}

void file_forget(struct vm_machine *machine, struct vm_file *file, uint64_t page)
{
	if (file->frames[page] == FRAME_NONE)
		return;
	frame_give(&machine->frames, file->frames[page]);
	file->frames[page] = FRAME_NONE;
}

void file_release(struct vm_machine *machine, struct vm_file *file)
{
	assert(file->area_count > 0);
	file->area_count--;
	if (file->area_count == 0 && file->is_nameless)
		file_remove(machine, file);
}
