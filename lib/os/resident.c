/* SPDX-License-Identifier: MIT */
/*
 * Resident pages. See resident.h.
 */
#include "os/resident.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "base/bits.h"
#include "base/compiler.h"
#include "base/kernel_call.h"
#include "os/map.h"
#include "os/process.h"

/* include/uapi/linux/fs.h of Linux 6.7, which headers of today's systems may not have. */
struct page_region {
	uint64_t start, end, categories;
};

struct scan_arguments {
	uint64_t size, flags, start, end, walk_end, regions, region_count, pages_max;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

enum {
	PAGE_PRESENT = 1 << 3,
	PAGE_SWAPPED = 1 << 4,
	PAGE_ZERO = 1 << 5,
	REGIONS_A_CALL = 64,
	ENTRIES_A_CALL = 256,
	ENTRY_BYTES = 8,
};

#define SCAN_CALL _IOWR('f', 16, struct scan_arguments)
#define ENTRY_PRESENT (UINT64_C(1) << 63)
#define ENTRY_SWAPPED (UINT64_C(1) << 62)

static long scan(const struct os_resident *resident, uintptr_t base, uintptr_t end,
		 struct page_region *regions, size_t count, uintptr_t *out_end)
{
	struct scan_arguments arguments = {
		.size = sizeof(arguments),
		.start = base,
		.end = end,
		.regions = (uintptr_t)regions,
		.region_count = count,
		.category_anyof_mask = PAGE_PRESENT | PAGE_SWAPPED,
		.return_mask = PAGE_PRESENT | PAGE_SWAPPED | PAGE_ZERO,
	};
	long found = kernel_call(SYS_ioctl, resident->descriptor, (long)SCAN_CALL,
				 (long)&arguments, 0, 0, 0);
	*out_end = arguments.walk_end;
	return found;
}

bool os_resident_open(struct os_resident *resident)
{
	struct page_region region;
	uintptr_t end;
	long file = kernel_call(SYS_openat, AT_FDCWD, (long)"/proc/self/pagemap",
				O_RDONLY | O_CLOEXEC, 0, 0, 0);
	if (kernel_call_failed(file))
		return false;
	resident->descriptor = (int)file;
	resident->has_scan = scan(resident, 0, 0, &region, 1, &end) == 0;
	return true;
}

void os_resident_close(struct os_resident *resident)
{
	kernel_call(SYS_close, resident->descriptor, 0, 0, 0, 0, 0);
}

/* One more run, or more of the last one. False: there is no room. */
static bool run_add(struct os_resident_run *runs, size_t *count, size_t capacity, uintptr_t base,
		    size_t bytes)
{
	struct os_resident_run *last = *count == 0 ? NULL : &runs[*count - 1];
	if (last != NULL && last->base + last->bytes == base) {
		last->bytes += bytes;
		return true;
	}
	if (*count == capacity)
		return false;
	runs[(*count)++] = (struct os_resident_run){base, bytes};
	return true;
}

static size_t scan_runs(struct os_resident *resident, uintptr_t *base, uintptr_t end,
			struct os_resident_run *runs, size_t capacity, size_t *swapped_bytes)
{
	struct page_region regions[REGIONS_A_CALL];
	size_t count = 0;
	while (*base < end) {
		uintptr_t walked;
		long found = scan(resident, *base, end, regions, ARRAY_LEN(regions), &walked);
		if (kernel_call_failed(found))
			walked = end, found = 0;
		for (long i = 0; i < found; i++) {
			size_t bytes = regions[i].end - regions[i].start;
			if (regions[i].categories & PAGE_SWAPPED)
				*swapped_bytes += bytes;
			if ((regions[i].categories & (PAGE_PRESENT | PAGE_ZERO)) != PAGE_PRESENT)
				continue;
			if (!run_add(runs, &count, capacity, regions[i].start, bytes)) {
				*base = regions[i].start;
				return count;
			}
		}
		*base = walked;
	}
	return count;
}

static size_t read_runs(struct os_resident *resident, uintptr_t *base, uintptr_t end,
			struct os_resident_run *runs, size_t capacity, size_t *swapped_bytes)
{
	uint64_t entries[ENTRIES_A_CALL];
	size_t page_bytes = os_page_bytes();
	size_t count = 0;
	while (*base < end) {
		size_t pages = size_min((end - *base) / page_bytes, ARRAY_LEN(entries));
		long got = kernel_call(SYS_pread64, resident->descriptor, (long)entries,
				       (long)(pages * ENTRY_BYTES),
				       (long)(*base / page_bytes * ENTRY_BYTES), 0, 0);
		if (got < ENTRY_BYTES) {
			*base = end;
			break;
		}
		for (size_t i = 0; i < (size_t)got / ENTRY_BYTES; i++, *base += page_bytes) {
			if (entries[i] & ENTRY_SWAPPED)
				*swapped_bytes += page_bytes;
			if ((entries[i] & ENTRY_PRESENT) &&
			    !run_add(runs, &count, capacity, *base, page_bytes))
				return count;
		}
	}
	return count;
}

size_t os_resident_scan(struct os_resident *resident, uintptr_t *base, uintptr_t end,
			struct os_resident_run *runs, size_t capacity, size_t *swapped_bytes)
{
	return resident->has_scan ? scan_runs(resident, base, end, runs, capacity, swapped_bytes) :
				    read_runs(resident, base, end, runs, capacity, swapped_bytes);
}

size_t os_resident_bytes(void)
{
	char line[128];
	size_t length = os_file_read("/proc/self/statm", line, sizeof(line) - 1);
	size_t pages = 0;
	line[length] = '\0';
	const char *at = line;
	while (*at >= '0' && *at <= '9')
		at++;
	while (*at == ' ')
		at++;
	for (; *at >= '0' && *at <= '9'; at++)
		pages = pages * 10 + (size_t)(*at - '0');
	return pages * os_page_bytes();
}
