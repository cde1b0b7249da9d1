/* SPDX-License-Identifier: MIT */
/*
 * Figures of memory as tools print them: the lines of free and sar, from what /proc/meminfo says
 * or from a machine's frames.
 */
#include "vm/group.h"

enum {
	SHARE_WHOLE = 10000, /* 100 per cent in hundredths */
	SCALE_FACTOR = 10,   /* watermark_scale_factor as it is unless set */
};

/* a - b, or 0. */
static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* ---- free ---- */

static void line_fill(const struct vm_meminfo *info, struct vm_free_line *out)
{
	*out = (struct vm_free_line){
		.total = info->total,
		.free = info->free,
		.shared = info->shared,
		.cache = info->buffers + info->cached + info->reclaimable,
		/* In a container it can be the host's. */
		.available = info->available > info->total ? info->free : info->available,
	};
}

void vm_free_line_new(const struct vm_meminfo *info, struct vm_free_line *out)
{
	line_fill(info, out);
	out->used = less(info->total, out->available);
}

void vm_free_line_old(const struct vm_meminfo *info, struct vm_free_line *out)
{
	line_fill(info, out);
	uint64_t rest = out->free + out->cache;
	out->used = info->total >= rest ? info->total - rest : less(info->total, info->free);
}

/* ---- sar ---- */

static uint64_t share(uint64_t part, uint64_t whole)
{
	return whole != 0 ? (part * SHARE_WHOLE + whole / 2) / whole : 0;
}

void vm_sar_line_get(const struct vm_meminfo *info, struct vm_sar_line *out)
{
	uint64_t rest = info->free + info->buffers + info->cached + info->slab;
	*out = (struct vm_sar_line){
		.free = info->free,
		.available = info->available,
		.used = less(info->total, rest),
		.buffers = info->buffers,
		.cached = info->cached,
		.commit = info->committed,
		.commit_share = share(info->committed, info->total + info->swap_total),
		.active = info->active,
		.inactive = info->inactive,
		.dirty = info->dirty,
		.anonymous = info->anonymous,
		.slab = info->slab,
		.stacks = info->stacks,
		.tables = info->tables,
		.vmalloc_used = info->vmalloc_used,
	};
	out->used_share = share(out->used, info->total);
}

/* ---- a machine ---- */

void vm_memory_uses_get(const struct vm_machine *machine, struct vm_memory_uses *out)
{
	const struct frames *frames = &machine->frames;
	*out = (struct vm_memory_uses){.reserved = 1};
	for (uint64_t i = 1; i < frames->count;) {
		const struct frame *frame = frame_at(frames, i);
		uint64_t step = frame->use == FRAME_FREE ? (uint64_t)1 << frame->order : 1;
		switch (frame->use) {
		case FRAME_TABLE:
			out->tables++;
			break;
		case FRAME_ANON:
			out->anonymous++;
			break;
		case FRAME_FILE:
			out->file++;
			break;
		case FRAME_SHARED:
			out->shared++;
			break;
		case FRAME_SLAB:
		case FRAME_KERNEL:
		case FRAME_VMALLOC:
			out->kernel++;
			break;
		case FRAME_ZERO:
		case FRAME_FURNITURE:
			out->reserved++;
			break;
		default:
			break;
		}
		i += step;
	}
}

/* What has been promised, in pages: mm/util.c, Committed_AS. */
static uint64_t committed_pages(const struct vm_machine *machine)
{
	uint64_t bytes = 0, pages = 0;
	for (const struct vm_space *space = machine->spaces; space != NULL; space = space->next)
		for (const struct area *area = space->areas.first; area != NULL; area = area->next)
			if (area->flags & VM_AREA_ACCOUNT)
				bytes += area->end - area->start;
	/* Memory behind shared anonymous areas is promised whole, a memfd's as it is made. */
	for (const struct vm_file *file = machine->files; file != NULL; file = file->next) {
		if (file->kind != VM_FILE_SHARED)
			continue;
		for (uint64_t i = 0; i < file->size_pages; i++)
			pages += file->is_nameless || file->frames[i] != FRAME_NONE;
	}
	return pages + bytes / machine->geometry->page_bytes;
}

void vm_meminfo_get(const struct vm_machine *machine, struct vm_meminfo *out)
{
	const uint64_t page_kib = machine->geometry->page_bytes / 1024;
	const uint64_t managed = machine->frames.count - 1;
	const uint64_t min_free_kib = vm_min_free_kib(managed, machine->geometry->page_bytes);
	const struct vm_zone zone = {.managed_pages = managed};
	const struct vm_zone_settings settings = {
		.min_free_kib = min_free_kib,
		.watermark_scale_factor = SCALE_FACTOR,
		.page_bytes = machine->geometry->page_bytes,
	};
	struct vm_watermarks marks;
	struct vm_memory_uses uses;
	struct vm_kernel_memory kernel;
	vm_zone_watermarks(&zone, 1, &settings, &marks);
	vm_memory_uses_get(machine, &uses);
	vm_kernel_memory_get(machine, &kernel);
	const struct vm_available_input available = {
		.free = machine->frames.free_count,
		.reserve = vm_zone_reserve_total(managed, marks.high, NULL, 0),
		.low = marks.low,
		.file = uses.file,
	};
	struct vm_group_view group;
	vm_group_get(machine, &group);
	*out = (struct vm_meminfo){
		.total = managed * page_kib,
		.swap_total = group.swap_total * page_kib,
		.swap_free = (group.swap_total - group.swap_used) * page_kib,
		.active = (group.active_anon + group.active_file) * page_kib,
		.inactive = (group.inactive_anon + group.inactive_file) * page_kib,
		.free = machine->frames.free_count * page_kib,
		.available = vm_available_pages(&available) * page_kib,
		.cached = (uses.file + uses.shared) * page_kib,
		.shared = uses.shared * page_kib,
		.committed = committed_pages(machine) * page_kib,
		.anonymous = uses.anonymous * page_kib,
		.slab = kernel.slabs * page_kib,
		.tables = uses.tables * page_kib,
		.vmalloc_used = kernel.vmalloc * page_kib,
	};
}
