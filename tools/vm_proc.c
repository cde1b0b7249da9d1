/* SPDX-License-Identifier: MIT */
/*
 * What the kernel tells about physical memory. See vm_proc.h.
 */
#include "vm_proc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vm_script.h"

enum {
	PATH_BYTES = 256,
	KIB = 1024,
};

/* The text of a file, to be freed, or NULL with a message. */
static char *text_read(struct vm_proc *proc, const char *file)
{
	char path[PATH_BYTES];
	snprintf(path, sizeof(path), "%s/%s", proc->root, file);
	char *text = script_read(path);
	if (text == NULL)
		snprintf(proc->message, sizeof(proc->message), "%s: %s", path, strerror(errno));
	return text;
}

static bool refuse(struct vm_proc *proc, const char *file, const char *missing)
{
	snprintf(proc->message, sizeof(proc->message), "%s/%s: expected %s", proc->root, file,
		 missing);
	return false;
}

/* The number behind `key` and blanks at the beginning of a line. */
static bool line_number(const char *text, const char *key, uint64_t *out)
{
	size_t length = strlen(key);
	for (const char *line = text; line != NULL && *line != '\0';) {
		if (strncmp(line, key, length) == 0) {
			char *end;
			*out = strtoull(line + length, &end, 10);
			return end != line + length;
		}
		line = strchr(line, '\n');
		if (line != NULL)
			line++;
	}
	return false;
}

bool proc_numbers_read(struct vm_proc *proc, const char *file, uint64_t *out, size_t most,
		       size_t *out_count)
{
	char *text = text_read(proc, file);
	if (text == NULL)
		return false;
	size_t count = 0;
	char *end, *at = text;
	while (count < most) {
		uint64_t value = strtoull(at, &end, 10);
		if (end == at)
			break;
		out[count++] = value;
		at = end;
	}
	free(text);
	*out_count = count;
	return count > 0 || refuse(proc, file, "a number");
}

bool proc_number_read(struct vm_proc *proc, const char *file, int64_t *out)
{
	uint64_t value;
	size_t count;
	/* A minus sign is understood as strtoull() does, and converts back. */
	if (!proc_numbers_read(proc, file, &value, 1, &count))
		return false;
	*out = (int64_t)value;
	return true;
}

/* ---- meminfo ---- */

/* A line of meminfo and where it goes. What older kernels do not have may be missing. */
struct meminfo_line {
	const char *key;
	uint64_t *to;
	bool may_be_missing;
};

static bool meminfo_parse(struct vm_proc *proc, const char *text, struct proc_meminfo *out)
{
	struct vm_meminfo *info = &out->info;
	uint64_t active_file = 0, inactive_file = 0;
	const struct meminfo_line lines[] = {
		{ "MemTotal:", &info->total, false },
		{ "MemFree:", &info->free, false },
		{ "MemAvailable:", &info->available, false },
		{ "Buffers:", &info->buffers, false },
		{ "Cached:", &info->cached, false },
		{ "SReclaimable:", &info->reclaimable, false },
		{ "Shmem:", &info->shared, false },
		{ "Slab:", &info->slab, false },
		{ "SwapTotal:", &info->swap_total, false },
		{ "SwapFree:", &info->swap_free, false },
		{ "Committed_AS:", &info->committed, false },
		{ "Active:", &info->active, false },
		{ "Inactive:", &info->inactive, false },
		{ "Dirty:", &info->dirty, false },
		{ "AnonPages:", &info->anonymous, false },
		{ "KernelStack:", &info->stacks, false },
		{ "PageTables:", &info->tables, false },
		{ "VmallocUsed:", &info->vmalloc_used, false },
		{ "CommitLimit:", &out->commit_limit, false },
		{ "Active(file):", &active_file, false },
		{ "Inactive(file):", &inactive_file, false },
		{ "KReclaimable:", &out->kernel_reclaimable, true },
		{ "Hugetlb:", &out->hugetlb, true },
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char missing[PROC_NAME_BYTES * 4];
		*lines[i].to = 0;
		if (line_number(text, lines[i].key, lines[i].to) || lines[i].may_be_missing)
			continue;
		snprintf(missing, sizeof(missing), "a line %s NUMBER kB", lines[i].key);
		return refuse(proc, "meminfo", missing);
	}
	out->file = active_file + inactive_file;
	if (out->kernel_reclaimable == 0)
		out->kernel_reclaimable = info->reclaimable;
	return true;
}

bool proc_meminfo_read(struct vm_proc *proc, struct proc_meminfo *out)
{
	char *text = text_read(proc, "meminfo");
	if (text == NULL)
		return false;
	bool is_read = meminfo_parse(proc, text, out);
	free(text);
	return is_read;
}

/* ---- zoneinfo ---- */

static void zone_line(struct proc_zone *zone, const char *line)
{
	const struct {
		const char *format;
		uint64_t *to;
	} lines[] = {
		{ " pages free %" SCNu64, &zone->free },
		{ " boost %" SCNu64, &zone->boost },
		{ " min %" SCNu64, &zone->marks.min },
		{ " low %" SCNu64, &zone->marks.low },
		{ " high %" SCNu64, &zone->marks.high },
		{ " promo %" SCNu64, &zone->marks.promo },
		{ " managed %" SCNu64, &zone->zone.managed_pages },
	};
	/* The lists of each processor have a "high:" of their own, which no format matches. */
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (sscanf(line, lines[i].format, lines[i].to) == 1)
			return;
	}
	const char *at = strstr(line, "protection: (");
	if (at == NULL)
		return;
	at = strchr(at, '(') + 1;
	char *end;
	for (zone->reserve_count = 0; zone->reserve_count < VM_NODE_ZONES_MAX; at = end) {
		at += strspn(at, ", ");
		uint64_t value = strtoull(at, &end, 10);
		if (end == at)
			break;
		zone->reserves[zone->reserve_count++] = value;
	}
}

static bool zones_parse(struct vm_proc *proc, char *text, struct proc_zones *out)
{
	struct proc_zone *zone = NULL;
	char *rest = NULL;
	*out = (struct proc_zones){ 0 };
	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		struct proc_zone next = { 0 };
		if (sscanf(line, "Node %u, zone %15s", &next.zone.node, next.name) == 2) {
			if (out->count == PROC_ZONES_MAX)
				return refuse(proc, "zoneinfo", "fewer zones");
			next.zone.is_extra = strcmp(next.name, "Movable") == 0 ||
					     strcmp(next.name, "HighMem") == 0;
			if (zone != NULL && zone->zone.node == next.zone.node)
				next.index = zone->index + 1;
			zone = &out->all[out->count++];
			*zone = next;
		} else if (zone != NULL) {
			zone_line(zone, line);
		}
	}
	for (size_t i = 0; i < out->count; i++) {
		struct proc_zone *each = &out->all[i];
		if (each->reserve_count == 0)
			return refuse(proc, "zoneinfo", "a line protection: (N, ...) in each zone");
		if (each->index >= VM_NODE_ZONES_MAX)
			return refuse(proc, "zoneinfo", "fewer zones in a node");
		/* A zone without pages shows none of these, an old kernel no promo. */
		uint64_t *const marks[] = {
			&each->marks.min, &each->marks.low, &each->marks.high, &each->marks.promo,
		};
		for (size_t mark = 0; mark < sizeof(marks) / sizeof(marks[0]); mark++)
			*marks[mark] -= *marks[mark] != 0 ? each->boost : 0;
	}
	return out->count > 0 || refuse(proc, "zoneinfo", "a line Node N, zone NAME");
}

bool proc_zones_read(struct vm_proc *proc, struct proc_zones *out)
{
	char *text = text_read(proc, "zoneinfo");
	if (text == NULL)
		return false;
	bool is_read = zones_parse(proc, text, out);
	free(text);
	return is_read;
}

/* ---- processes ---- */

static bool process_parse(struct vm_proc *proc, const char *file, const char *text,
			  struct proc_process *out)
{
	uint64_t anon = 0, mapped = 0, shared = 0, swap = 0, tables = 0;
	uint64_t page_kib = (uint64_t)sysconf(_SC_PAGESIZE) / KIB;
	*out = (struct proc_process){ 0 };
	if (sscanf(text, "Name: %16[^\n]", out->name) != 1)
		return refuse(proc, file, "a line Name: NAME");
	out->has_memory = line_number(text, "RssAnon:", &anon) &&
			  line_number(text, "RssFile:", &mapped) &&
			  line_number(text, "RssShmem:", &shared) &&
			  line_number(text, "VmPTE:", &tables);
	line_number(text, "VmSwap:", &swap);
	out->oom.rss = (anon + mapped + shared) / page_kib;
	out->oom.swapped = swap / page_kib;
	out->oom.tables = tables / page_kib;
	return true;
}

/*
 * Is process 1 the system's first, and not that of a container: there a thread of the kernel is
 * process 2.
 */
static bool is_outermost(struct vm_proc *proc)
{
	char *text = text_read(proc, "2/comm");
	bool is = text != NULL && strcmp(text, "kthreadd\n") == 0;
	free(text);
	return is;
}

bool proc_process_read(struct vm_proc *proc, const char *pid, struct proc_process *out)
{
	char file[PATH_BYTES / 2];
	int64_t score, adjust;
	snprintf(file, sizeof(file), "%s/status", pid);
	char *text = text_read(proc, file);
	if (text == NULL)
		return false;
	bool is_read = process_parse(proc, file, text, out);
	free(text);
	if (!is_read)
		return false;
	snprintf(file, sizeof(file), "%s/oom_score_adj", pid);
	if (!proc_number_read(proc, file, &adjust))
		return false;
	snprintf(file, sizeof(file), "%s/oom_score", pid);
	if (!proc_number_read(proc, file, &score))
		return false;
	out->oom.adjust = (int)adjust;
	out->oom.is_init = strcmp(pid, "1") == 0 && is_outermost(proc);
	out->score = (uint64_t)score;
	return true;
}
