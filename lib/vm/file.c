/* SPDX-License-Identifier: MIT */
/*
 * Files: an array of frames each. A file on disk is wholly in the cache, as after it was written
 * and synced, and no fault on it is a major one, until its pages are dropped or reclaimed.
 */
#include "vm/file.h"

#include "vm/mapping.h"
#include "vm/page.h"

enum {
	RECORD_PAGES = 64,        /* XA_CHUNK_SIZE */
	SHADOW_IS = 1 << 0,       /* reclaim noted something of the page, above these two bits */
	SHADOW_RECORDED = 1 << 1, /* a record is kept for it */
};

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
	if (file->shadows != NULL)
		pool_give(&machine->pool, file->shadows,
			  (file->size_pages + RECORD_PAGES - 1) / RECORD_PAGES * RECORD_PAGES *
				  sizeof(*file->shadows));
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

/*
 * What reclaim notes of a file's pages, of 64 of them in one record of the kernel's, is kept from
 * the first one that is read on. False without memory.
 */
static bool record_make(struct vm_space *space, struct vm_file *file, uint64_t page)
{
	struct pool *pool = &space->machine->pool;
	uint64_t count = (file->size_pages + RECORD_PAGES - 1) / RECORD_PAGES * RECORD_PAGES;
	if (file->shadows == NULL)
		file->shadows = pool_take(pool, count * sizeof(*file->shadows));
	if (file->shadows == NULL)
		return false;
	uint64_t *first = &file->shadows[page / RECORD_PAGES * RECORD_PAGES];
	for (int i = 0; i < RECORD_PAGES; i++) {
		if (first[i] != 0)
			return true;
	}
	file->shadows[page] = SHADOW_RECORDED;
	return group_record(space);
}

/* Read a page from disk, charged to who asked for it. */
static uint32_t page_read(struct vm_space *space, struct vm_file *file, uint64_t page)
{
	struct group *group = space->machine->group;
	if (group != NULL && !record_make(space, file, page))
		return FRAME_NONE;
	uint32_t number = group_frame_take(space, page, FRAME_FILE);
	if (number == FRAME_NONE)
		return FRAME_NONE;
	frame_at(&space->machine->frames, number)->is_cached = true;
	if (group == NULL)
		return number;
	group->homes[number].file = file;
	if (file->shadows[page] & SHADOW_IS)
		reclaim_refault(&group->reclaim, number, true, file->shadows[page] >> 2);
	else
		reclaim_add(&group->reclaim, number, true);
	return number;
}

uint32_t file_frame_make(struct vm_space *space, struct vm_file *file, uint64_t page)
{
	assert(page < file->size_pages);
	if (file->frames[page] == FRAME_NONE)
		file->frames[page] = file->kind == VM_FILE_SHARED
					     ? frame_make(space->machine, FRAME_SHARED)
					     : page_read(space, file, page);
	return file->frames[page];
}

void file_forget(struct vm_machine *machine, struct vm_file *file, uint64_t page)
{
	if (file->frames[page] == FRAME_NONE)
		return;
	group_forget(machine, file->frames[page]);
	frame_give(&machine->frames, file->frames[page]);
	file->frames[page] = FRAME_NONE;
}

void vm_file_drop(struct vm_machine *machine, struct vm_file *file)
{
	for (uint64_t page = 0; page < file->size_pages; page++) {
		uint32_t frame = file->frames[page];
		if (file->kind != VM_FILE_SHARED && frame != FRAME_NONE &&
		    frame_at(&machine->frames, frame)->block_maps == 0)
			file_forget(machine, file, page);
	}
}

/* ---- leaving ---- */

static void unmap_one(void *context, const struct mapping *mapping)
{
	struct page_home *home = context;
	home->is_dirty |= (*mapping->entry & ENTRY_DIRTY) != 0;
	entries_changed(mapping->space, mapping->address,
			mapping->address + page_bytes(mapping->space));
	page_leave(mapping->space, mapping->entry);
}

enum reclaim_outcome file_page_out(struct group *group, uint32_t number, uint64_t shadow)
{
	struct vm_machine *machine = group->machine;
	struct page_home *home = &group->homes[number];
	struct vm_file *file = home->file;
	uint64_t page = home->place;
	mappings_visit(group, number, unmap_one, home);
	/* What was changed is written by others, in their own time. */
	if (home->is_dirty)
		return RECLAIM_STAYS;
	file->shadows[page] = shadow << 2 | SHADOW_IS | SHADOW_RECORDED;
	file_forget(machine, file, page);
	return RECLAIM_GONE;
}

void file_release(struct vm_machine *machine, struct vm_file *file)
{
	assert(file->area_count > 0);
	file->area_count--;
	if (file->area_count == 0 && file->is_nameless)
		file_remove(machine, file);
}
