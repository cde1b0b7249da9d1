/* SPDX-License-Identifier: MIT */
/*
 * allot vm free and allot vm sar: memory in the lines of two tools, and what the kernel derives,
 * derived again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "vm_source.h"

enum {
	KIB = 1024,
	TRIES_MAX = 100, /* of reading what does not change meanwhile */
	PERCENT = 100,
};

/* ---- what the kernel derives ---- */

/* Inputs of one moment, and the settings they go with. */
struct moment {
	struct proc_meminfo meminfo;
	struct proc_zones zones;
	uint64_t ratios[VM_NODE_ZONES_MAX];
	struct vm_zone_settings settings;
	int64_t overcommit_ratio, overcommit_kib;
	uint64_t reserve, low; /* of all zones, pages */
	uint64_t page_kib;
};

static bool settings_read(struct vm_proc *proc, struct moment *moment)
{
	int64_t min_free, scale;
	size_t count;
	memset(moment->ratios, 0, sizeof(moment->ratios));
	if (!proc_number_read(proc, "sys/vm/min_free_kbytes", &min_free) ||
	    !proc_number_read(proc, "sys/vm/watermark_scale_factor", &scale) ||
	    !proc_number_read(proc, "sys/vm/overcommit_ratio", &moment->overcommit_ratio) ||
	    !proc_number_read(proc, "sys/vm/overcommit_kbytes", &moment->overcommit_kib) ||
	    !proc_numbers_read(proc, "sys/vm/lowmem_reserve_ratio", moment->ratios,
			       VM_NODE_ZONES_MAX, &count))
		return false;
	moment->settings = (struct vm_zone_settings){
		.min_free_kib = (uint64_t)min_free,
		.watermark_scale_factor = (uint64_t)scale,
		.page_bytes = (uint32_t)sysconf(_SC_PAGESIZE),
	};
	moment->page_kib = moment->settings.page_bytes / KIB;
	return true;
}

/* The reserve and the low watermarks of all zones, by our formulas. */
static void zones_sum(struct moment *moment)
{
	struct vm_zone zones[PROC_ZONES_MAX];
	struct vm_watermarks marks[PROC_ZONES_MAX];
	const struct proc_zones *all = &moment->zones;
	moment->reserve = moment->low = 0;
	for (size_t i = 0; i < all->count; i++)
		zones[i] = all->all[i].zone;
	vm_zone_watermarks(zones, all->count, &moment->settings, marks);
	for (size_t i = 0; i < all->count; i++) {
		const struct proc_zone *zone = &all->all[i];
		uint64_t managed[VM_NODE_ZONES_MAX], reserves[VM_NODE_ZONES_MAX];
		size_t first = i - zone->index, count = 0;
		while (first + count < all->count && count < VM_NODE_ZONES_MAX &&
		       all->all[first + count].index == count) {
			managed[count] = zones[first + count].managed_pages;
			count++;
		}
		/* An empty Movable zone has a low watermark too, and the kernel adds it up. */
		moment->low += marks[i].low + zone->boost;
		if (zone->zone.managed_pages == 0)
			continue;
		vm_zone_reserves(managed, count, zone->index, moment->ratios[zone->index],
				 reserves);
		moment->reserve += vm_zone_reserve_total(zone->zone.managed_pages, marks[i].high,
							 reserves, count);
	}
}

static uint64_t available_kib(const struct moment *moment)
{
	const struct vm_available_input input = {
		.free = moment->meminfo.info.free / moment->page_kib,
		.reserve = moment->reserve,
		.low = moment->low,
		.file = moment->meminfo.file / moment->page_kib,
		.reclaimable = moment->meminfo.kernel_reclaimable / moment->page_kib,
	};
	return vm_available_pages(&input) * moment->page_kib;
}

/*
 * Read until the kernel's own sum is of the lines beside it: it looks at the counters once for the
 * lines and again for the sum, and others allocate meanwhile.
 */
static bool moment_read(struct vm_proc *proc, struct moment *out, int *out_tries)
{
	if (!settings_read(proc, out))
		return false;
	for (*out_tries = 1; ; ++*out_tries) {
		if (!proc_zones_read(proc, &out->zones) || !proc_meminfo_read(proc, &out->meminfo))
			return false;
		zones_sum(out);
		if (available_kib(out) == out->meminfo.info.available || *out_tries == TRIES_MAX)
			return true;
		usleep(1000);
	}
}

static void derived_add(const struct moment *moment, struct figures *figures)
{
	const struct vm_meminfo *info = &moment->meminfo.info;
	const struct vm_commit_input commit = {
		.total_pages = info->total / moment->page_kib,
		.huge_pages = moment->meminfo.hugetlb / moment->page_kib,
		.swap_pages = info->swap_total / moment->page_kib,
		.overcommit_ratio = (uint64_t)moment->overcommit_ratio,
		.overcommit_kib = (uint64_t)moment->overcommit_kib,
		.page_bytes = moment->settings.page_bytes,
	};
	figures_add(figures, &(struct figure){
		.of = "memory", .name = "MemAvailable", .unit = "KiB", .has_kernels = true,
		.ours = (int64_t)available_kib(moment), .kernels = (int64_t)info->available,
	});
	figures_add(figures, &(struct figure){
		.of = "memory", .name = "CommitLimit", .unit = "KiB", .has_kernels = true,
		.ours = (int64_t)(vm_commit_limit_pages(&commit) * moment->page_kib),
		.kernels = (int64_t)moment->meminfo.commit_limit,
	});
}

/* ---- free ---- */

static void free_line_write(const char *name, const struct vm_free_line *line)
{
	printf("%-16s %11" PRIu64 " %11" PRIu64 " %11" PRIu64 " %11" PRIu64 " %11" PRIu64
	       " %11" PRIu64 "\n",
	       name, line->total, line->used, line->free, line->shared, line->cache,
	       line->available);
}

static void free_line_json(struct json *json, const char *name, const struct vm_free_line *line)
{
	json_open(json, name, '{');
	json_text(json, "label", "exact");
	json_number(json, "total_kib", (int64_t)line->total);
	json_number(json, "used_kib", (int64_t)line->used);
	json_number(json, "free_kib", (int64_t)line->free);
	json_number(json, "shared_kib", (int64_t)line->shared);
	json_number(json, "buff_cache_kib", (int64_t)line->cache);
	json_number(json, "available_kib", (int64_t)line->available);
	json_close(json, '{');
}

static void free_write(const struct vm_source *source, const struct vm_meminfo *info,
		       const struct figures *figures, int tries)
{
	struct vm_free_line newer, older;
	struct json json = { .out = stdout };
	vm_free_line_new(info, &newer);
	vm_free_line_old(info, &older);
	if (source->is_json) {
		json_open(&json, NULL, '{');
		json_text(&json, "schema", "allot.vm.free/1");
		json_text(&json, "inputs", vm_source_label(source));
		free_line_json(&json, "procps_4", &newer);
		free_line_json(&json, "procps_3", &older);
		figures_write_json(figures, &json, "derived");
		json_close(&json, '{');
		return;
	}
	printf("exact, in KiB, from inputs that are %s\n", vm_source_label(source));
	printf("%-16s %11s %11s %11s %11s %11s %11s\n", "", "total", "used", "free", "shared",
	       "buff/cache", "available");
	free_line_write("Mem, procps 4", &newer);
	free_line_write("Mem, procps 3.3", &older);
	printf("%-16s %11" PRIu64 " %11" PRIu64 " %11" PRIu64 "\n", "Swap", info->swap_total,
	       info->swap_total - info->swap_free, info->swap_free);
	if (figures->count == 0)
		return;
	putchar('\n');
	figures_write(figures);
	if (tries > 1)
		printf("read %d times until one moment was caught\n", tries);
}

/* What either command looks at: the kernel's figures or the machine's. */
static bool meminfo_get(struct vm_source *source, struct vm_meminfo *out)
{
	struct proc_meminfo meminfo;
	if (!source->is_kernel) {
		vm_meminfo_get(source->play.model.machine, out);
		return true;
	}
	if (!proc_meminfo_read(&source->proc, &meminfo))
		return false;
	*out = meminfo.info;
	return true;
}

static int free_show(struct vm_source *source)
{
	static struct moment moment;   /* too large for a stack */
	static struct figures figures;
	int tries = 1;
	if (source->is_kernel) {
		if (!moment_read(&source->proc, &moment, &tries))
			return vm_source_fail(source);
		derived_add(&moment, &figures);
	} else if (!meminfo_get(source, &moment.meminfo.info)) {
		return vm_source_fail(source);
	}
	free_write(source, &moment.meminfo.info, &figures, tries);
	return vm_source_status(source, &figures);
}

int vm_free_main(int argc, char **argv)
{
	return vm_source_main(&command_vm_free, argc, argv, free_show);
}

/* ---- sar ---- */

/* A column: of memory, or a share in hundredths of a per cent. */
struct sar_column {
	const char *name;
	uint64_t value;
	bool is_share;
	bool is_kernels; /* a machine of the model has none */
};

static void sar_text(const struct vm_source *source, const struct sar_column *columns, size_t count)
{
	printf("exact, in KiB, from inputs that are %s\n", vm_source_label(source));
	for (size_t i = 0; i < count; i++)
		printf("%9s%c", columns[i].name, i + 1 < count ? ' ' : '\n');
	for (size_t i = 0; i < count; i++) {
		const struct sar_column *column = &columns[i];
		if (column->is_kernels && !source->is_kernel)
			printf("%9s", "n/a");
		else if (column->is_share)
			printf("%6" PRIu64 ".%02" PRIu64, column->value / PERCENT,
			       column->value % PERCENT);
		else
			printf("%9" PRIu64, column->value);
		putchar(i + 1 < count ? ' ' : '\n');
	}
}

static void sar_json(const struct vm_source *source, const struct sar_column *columns, size_t count)
{
	struct json json = { .out = stdout };
	json_open(&json, NULL, '{');
	json_text(&json, "schema", "allot.vm.sar/1");
	json_text(&json, "label", "exact");
	json_text(&json, "inputs", vm_source_label(source));
	json_text(&json, "shares", "hundredths of a per cent");
	for (size_t i = 0; i < count; i++) {
		if (columns[i].is_kernels && !source->is_kernel)
			json_text(&json, columns[i].name, "n/a");
		else
			json_number(&json, columns[i].name, (int64_t)columns[i].value);
	}
	json_close(&json, '{');
}

static int sar_show(struct vm_source *source)
{
	struct vm_meminfo info;
	struct vm_sar_line line;
	if (!meminfo_get(source, &info))
		return vm_source_fail(source);
	vm_sar_line_get(&info, &line);
	const struct sar_column columns[] = {
		{ "kbmemfree", line.free, false, false },
		{ "kbavail", line.available, false, false },
		{ "kbmemused", line.used, false, false },
		{ "%memused", line.used_share, true, false },
		{ "kbbuffers", line.buffers, false, false },
		{ "kbcached", line.cached, false, false },
		{ "kbcommit", line.commit, false, false },
		{ "%commit", line.commit_share, true, false },
		{ "kbactive", line.active, false, true },
		{ "kbinact", line.inactive, false, true },
		{ "kbdirty", line.dirty, false, true },
		{ "kbanonpg", line.anonymous, false, false },
		{ "kbslab", line.slab, false, false },
		{ "kbkstack", line.stacks, false, true },
		{ "kbpgtbl", line.tables, false, false },
		{ "kbvmused", line.vmalloc_used, false, false },
	};
	const size_t count = sizeof(columns) / sizeof(columns[0]);
	if (source->is_json)
		sar_json(source, columns, count);
	else
		sar_text(source, columns, count);
	return vm_source_status(source, NULL);
}

int vm_sar_main(int argc, char **argv)
{
	return vm_source_main(&command_vm_sar, argc, argv, sar_show);
}
