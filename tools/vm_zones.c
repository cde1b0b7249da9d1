/* SPDX-License-Identifier: MIT */
/*
 * allot vm watermarks and allot vm buddyinfo: zones, and free blocks by their order.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "vm_shared.h"
#include "vm_source.h"

enum {
	HUGE_BYTES = 1 << 21,
	RATIO_DEFAULT = 10,      /* watermark_scale_factor */
	SCALE_MAX = 3000,        /* the kernel takes no more */
	MIN_FREE_MAX_KIB = 1 << 30,
};

/* ---- watermarks ---- */

/* Zones with the settings that their watermarks follow from. */
struct zones_input {
	struct proc_zones zones;
	struct vm_zone_settings settings;
	uint64_t ratios[VM_NODE_ZONES_MAX];
	bool has_min_free;
};

static void zone_of(char *out, size_t bytes, const struct proc_zone *zone)
{
	snprintf(out, bytes, "node %u, zone %s", zone->zone.node, zone->name);
}

static void marks_add(const struct zones_input *input, bool has_kernels, struct figures *figures)
{
	struct vm_zone zones[PROC_ZONES_MAX];
	struct vm_watermarks marks[PROC_ZONES_MAX];
	for (size_t i = 0; i < input->zones.count; i++)
		zones[i] = input->zones.all[i].zone;
	vm_zone_watermarks(zones, input->zones.count, &input->settings, marks);
	for (size_t i = 0; i < input->zones.count; i++) {
		const struct proc_zone *zone = &input->zones.all[i];
		const struct {
			const char *name;
			uint64_t ours, kernels;
		} rows[] = {
			{ "min", marks[i].min, zone->marks.min },
			{ "low", marks[i].low, zone->marks.low },
			{ "high", marks[i].high, zone->marks.high },
			{ "promo", marks[i].promo, zone->marks.promo },
		};
		for (size_t row = 0; row < 4 && zone->zone.managed_pages != 0; row++) {
			struct figure figure = {
				.unit = "pages",
				.ours = (int64_t)rows[row].ours,
				.kernels = (int64_t)rows[row].kernels,
				.has_kernels = has_kernels && rows[row].kernels != 0,
			};
			zone_of(figure.of, sizeof(figure.of), zone);
			snprintf(figure.name, sizeof(figure.name), "%s", rows[row].name);
			figures_add(figures, &figure);
		}
	}
}

/* What each zone keeps from requests for each higher one; of empty ones kernels differ. */
static void reserves_add(const struct zones_input *input, struct figures *figures)
{
	const struct proc_zones *all = &input->zones;
	for (size_t i = 0; i < all->count; i++) {
		const struct proc_zone *zone = &all->all[i];
		uint64_t managed[VM_NODE_ZONES_MAX] = { 0 }, reserves[VM_NODE_ZONES_MAX];
		size_t first = i - zone->index;
		for (size_t each = 0; each < VM_NODE_ZONES_MAX && first + each < all->count &&
		     all->all[first + each].index == each; each++)
			managed[each] = all->all[first + each].zone.managed_pages;
		vm_zone_reserves(managed, zone->reserve_count, zone->index,
				 input->ratios[zone->index], reserves);
		for (size_t each = zone->index + 1;
		     each < zone->reserve_count && zone->zone.managed_pages != 0; each++) {
			if (managed[each] == 0)
				continue;
			struct figure figure = {
				.unit = "pages",
				.ours = (int64_t)reserves[each],
				.kernels = (int64_t)zone->reserves[each],
				.has_kernels = true,
			};
			zone_of(figure.of, sizeof(figure.of), zone);
			snprintf(figure.name, sizeof(figure.name), "protection[%zu]", each);
			figures_add(figures, &figure);
		}
	}
}

/* What min_free_kbytes would be without anyone setting it. */
static uint64_t min_free_suggested(const struct zones_input *input, bool has_huge)
{
	uint64_t usable = 0, huge = 0;
	size_t populated = 0;
	for (size_t i = 0; i < input->zones.count; i++) {
		const struct proc_zone *zone = &input->zones.all[i];
		uint64_t managed = zone->zone.managed_pages;
		if (managed == 0 || zone->zone.is_extra)
			continue;
		populated++;
		usable += managed > zone->marks.high ? managed - zone->marks.high : 0;
	}
	uint32_t page_bytes = input->settings.page_bytes;
	uint64_t plain = vm_min_free_kib(usable, page_bytes);
	if (has_huge)
		huge = vm_min_free_huge_kib(populated, HUGE_BYTES / page_bytes, usable, page_bytes);
	return plain > huge ? plain : huge;
}

/* Are there huge pages: "never" is not the one in brackets. */
static bool has_huge_pages(void)
{
	char *text = script_read("/sys/kernel/mm/transparent_hugepage/enabled");
	bool has_huge = text != NULL && strstr(text, "[never]") == NULL;
	free(text);
	return has_huge;
}

static bool input_read(struct vm_proc *proc, struct zones_input *out)
{
	int64_t min_free, scale;
	size_t count;
	if (!proc_zones_read(proc, &out->zones) ||
	    !proc_number_read(proc, "sys/vm/min_free_kbytes", &min_free) ||
	    !proc_number_read(proc, "sys/vm/watermark_scale_factor", &scale) ||
	    !proc_numbers_read(proc, "sys/vm/lowmem_reserve_ratio", out->ratios, VM_NODE_ZONES_MAX,
			       &count))
		return false;
	out->settings.min_free_kib = (uint64_t)min_free;
	out->settings.watermark_scale_factor = (uint64_t)scale;
	return true;
}

/* "NAME=PAGES" as a zone. */
static bool zone_parse(struct argument_scan *scan, const char *text, struct proc_zones *out)
{
	const char *equals = strchr(text, '=');
	struct proc_zone zone = { .index = out->count };
	if (out->count == VM_NODE_ZONES_MAX) {
		argument_refuse(scan, NULL, "more than %d zones", VM_NODE_ZONES_MAX);
		return false;
	}
	if (equals == NULL || equals == text || equals - text >= PROC_NAME_BYTES ||
	    !vm_number_parse(equals + 1, &zone.zone.managed_pages) ||
	    zone.zone.managed_pages >> 48 != 0) {
		argument_refuse(scan, NULL, "'%s' is no zone: NAME=PAGES", text);
		return false;
	}
	snprintf(zone.name, sizeof(zone.name), "%.*s", (int)(equals - text), text);
	zone.zone.is_extra = strcmp(zone.name, "Movable") == 0 ||
			     strcmp(zone.name, "HighMem") == 0;
	out->all[out->count++] = zone;
	return true;
}

static int watermarks_show(struct vm_source *source, struct zones_input *input)
{
	static struct figures figures; /* too large for a stack */
	struct json json = { .out = stdout };
	bool is_live = source->is_kernel && strcmp(source->proc.root, "/proc") == 0;
	if (source->is_kernel && !input_read(&source->proc, input))
		return vm_source_fail(source);
	uint64_t suggested = min_free_suggested(input, is_live ? has_huge_pages() : true);
	if (!source->is_kernel && !input->has_min_free)
		input->settings.min_free_kib = suggested;
	figures_add(&figures, &(struct figure){
		.of = "memory", .name = "min_free_kbytes", .unit = "KiB",
		.ours = (int64_t)suggested, .kernels = (int64_t)input->settings.min_free_kib,
		.has_kernels = source->is_kernel, .may_differ = true,
	});
	marks_add(input, source->is_kernel, &figures);
	if (source->is_kernel)
		reserves_add(input, &figures);
	if (source->is_json) {
		json_open(&json, NULL, '{');
		json_text(&json, "schema", "allot.vm.watermarks/1");
		json_number(&json, "min_free_kib", (int64_t)input->settings.min_free_kib);
		figures_write_json(&figures, &json, "figures");
		json_close(&json, '{');
	} else {
		figures_write(&figures);
	}
	return vm_source_status(source, &figures);
}

int vm_watermarks_main(int argc, char **argv)
{
	static struct vm_source source; /* too large for a stack */
	static struct zones_input input;
	struct argument_scan scan;
	const struct command_option *option;
	uint64_t list[VM_LIST_MAX];
	size_t count;
	input.settings.watermark_scale_factor = RATIO_DEFAULT;
	input.settings.page_bytes = (uint32_t)sysconf(_SC_PAGESIZE);
	argument_init(&scan, &command_vm_watermarks, argc, argv);
	while ((option = argument_next(&scan)) != NULL) {
		if (vm_source_option(&source, option, &scan))
			continue;
		bool is_scale = strcmp(option->name, "scale") == 0;
		if (!vm_list_parse(&scan, option->name, scan.value, 1,
				   is_scale ? SCALE_MAX : MIN_FREE_MAX_KIB, list, &count))
			break;
		if (is_scale) {
			input.settings.watermark_scale_factor = list[0];
		} else {
			input.settings.min_free_kib = list[0];
			input.has_min_free = true;
		}
	}
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	source.command = scan.command;
	if (source.is_kernel && scan.index < argc)
		return argument_refuse(&scan, NULL, "'%s' and --from-kernel: one of them",
				       argv[scan.index]);
	if (!source.is_kernel && scan.index == argc)
		return argument_refuse(&scan, NULL, "zones as NAME=PAGES, or --from-kernel");
	for (int i = scan.index; i < argc; i++) {
		if (!zone_parse(&scan, argv[i], &input.zones))
			return scan.status;
	}
	return watermarks_show(&source, &input);
}

/* ---- buddyinfo ---- */

/* Free blocks of a zone. */
struct blocks {
	unsigned node;
	char name[PROC_NAME_BYTES];
	uint64_t free[VM_ORDERS];
};

static void blocks_text(const struct blocks *blocks)
{
	printf("Node %u, zone %8s ", blocks->node, blocks->name);
	for (unsigned order = 0; order < VM_ORDERS; order++)
		printf("%6" PRIu64 " ", blocks->free[order]);
	putchar('\n');
}

/* In thousandths, as the kernel's debugfs has them but with a point. */
static void indices_text(const struct blocks *blocks)
{
	printf("%-22s ", "  too small for order");
	for (unsigned order = 0; order < VM_ORDERS; order++)
		printf(" %5.3f ", (double)vm_unusable_index(blocks->free, order) / 1000);
	printf("\n%-22s ", "  fragmentation index");
	for (unsigned order = 0; order < VM_ORDERS; order++)
		printf("%6.3f ", (double)vm_fragmentation_index(blocks->free, order) / 1000);
	putchar('\n');
}

static void blocks_json(struct json *json, const struct blocks *blocks)
{
	json_open(json, NULL, '{');
	json_number(json, "node", blocks->node);
	json_text(json, "zone", blocks->name);
	json_open(json, "free_blocks", '[');
	for (unsigned order = 0; order < VM_ORDERS; order++)
		json_number(json, NULL, (int64_t)blocks->free[order]);
	json_close(json, '[');
	json_open(json, "unusable_thousandths", '[');
	for (unsigned order = 0; order < VM_ORDERS; order++)
		json_number(json, NULL, (int64_t)vm_unusable_index(blocks->free, order));
	json_close(json, '[');
	json_open(json, "fragmentation_thousandths", '[');
	for (unsigned order = 0; order < VM_ORDERS; order++)
		json_number(json, NULL, vm_fragmentation_index(blocks->free, order));
	json_close(json, '[');
	json_close(json, '{');
}

/* Zones of the kernel's text; SIZE_MAX: a line is none. */
static size_t blocks_parse(char *text, struct blocks *out)
{
	size_t count = 0;
	char *rest = NULL;
	for (char *line = strtok_r(text, "\n", &rest); line != NULL && count < PROC_ZONES_MAX;
	     line = strtok_r(NULL, "\n", &rest)) {
		int used = 0;
		struct blocks blocks = { 0 };
		if (sscanf(line, "Node %u, zone %15s%n", &blocks.node, blocks.name, &used) != 2)
			return SIZE_MAX;
		char *at = line + used, *end;
		for (unsigned order = 0; order < VM_ORDERS; order++, at = end) {
			blocks.free[order] = strtoull(at, &end, 10);
			if (end == at)
				return SIZE_MAX;
		}
		out[count++] = blocks;
	}
	return count > 0 ? count : SIZE_MAX;
}

static size_t blocks_get(struct vm_source *source, struct blocks *out)
{
	struct vm_memory memory;
	if (!source->is_kernel) {
		vm_memory_get(source->play.model.machine, &memory);
		out[0] = (struct blocks){ .name = "Normal" };
		memcpy(out[0].free, memory.free_blocks, sizeof(out[0].free));
		return 1;
	}
	char path[PROC_MESSAGE_BYTES / 2];
	snprintf(path, sizeof(path), "%s/buddyinfo", source->proc.root);
	char *text = script_read(path);
	size_t count = text != NULL ? blocks_parse(text, out) : SIZE_MAX;
	if (count == SIZE_MAX)
		snprintf(source->proc.message, sizeof(source->proc.message), "%s: %s", path,
			 text != NULL ? "expected lines Node N, zone NAME and 11 numbers" :
			 "cannot be read");
	free(text);
	return count;
}

static int buddyinfo_show(struct vm_source *source)
{
	static struct blocks blocks[PROC_ZONES_MAX]; /* too large for a stack */
	struct json json = { .out = stdout };
	size_t count = blocks_get(source, blocks);
	if (count == SIZE_MAX)
		return vm_source_fail(source);
	if (source->is_json) {
		json_open(&json, NULL, '{');
		json_text(&json, "schema", "allot.vm.buddyinfo/1");
		json_text(&json, "label", vm_source_label(source));
		json_open(&json, "zones", '[');
	} else {
		printf("# %s%s\n", vm_source_label(source),
		       source->is_explained && source->is_kernel ? "; indices: exact" : "");
	}
	for (size_t i = 0; i < count; i++) {
		if (source->is_json)
			blocks_json(&json, &blocks[i]);
		else
			blocks_text(&blocks[i]);
		if (!source->is_json && source->is_explained)
			indices_text(&blocks[i]);
	}
	if (source->is_json) {
		json_close(&json, '[');
		json_close(&json, '{');
	}
	return vm_source_status(source, NULL);
}

int vm_buddyinfo_main(int argc, char **argv)
{
	return vm_source_main(&command_vm_buddyinfo, argc, argv, buddyinfo_show);
}
