/* SPDX-License-Identifier: MIT */
/*
 * allot vm probe: what is particular to the running kernel, each found by a few operations.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "locate.h"
#include "notice.h"
#include "vm_config.h"
#include "vm_exec.h"
#include "vm_kernel.h"
#include "vm_profile.h"

static const char name[] = "vm probe";

enum {
	MESSAGE_BYTES = 512,
	STACK_GAP_PAGES = 256,       /* unless the kernel's command line says otherwise */
	STACK_LIMIT_BYTES = 8 << 20, /* what the helper is given */
	LOWEST_ADDRESS = 4096,
	AREAS_MAX = 65530,
};

/* Where a trial ends: what the last operation came to, and what memory looks like then. */
struct trial {
	struct vm_kernel kernel;
	struct vm_seen seen;
	struct vm_outcome outcome;
	struct vm_places places;
	char *message;
	size_t message_bytes;
	const char *helper_path;
};

static bool trial_play(struct trial *trial, const struct script *script)
{
	uint64_t break_now = trial->kernel.break_start;
	vm_places_init(&trial->places, break_now);
	for (size_t i = 0; i < script->op_count; i++) {
		struct vm_step step;
		const struct script_op *op = &script->ops[i];
		if (op->verb == VERB_FILE || op->verb == VERB_MEMORY ||
		    !vm_step_make(&step, op, &trial->places, break_now))
			continue;
		if (!vm_kernel_apply(&trial->kernel, &step, &trial->outcome))
			return false;
		vm_places_update(&trial->places, op, &trial->outcome);
	}
	return vm_kernel_look(&trial->kernel, 0, &trial->seen);
}

/* Play a script on the kernel alone. False with the reason in trial->message. */
static bool trial_run(struct trial *trial, const char *text)
{
	struct script script;
	bool is_done = false;
	const char *why = script.message;
	if (script_parse(&script, "probe", text)) {
		why = trial->kernel.message;
		if (vm_kernel_open(&trial->kernel, &script, trial->helper_path)) {
			is_done = trial_play(trial, &script);
			vm_kernel_close(&trial->kernel);
		}
	}
	if (!is_done)
		snprintf(trial->message, trial->message_bytes, "%s", why);
	script_finish(&script);
	return is_done;
}

/* The word in brackets of a file such as .../transparent_hugepage/enabled. */
static enum vm_huge_policy huge_policy_read(void)
{
	char *text = script_read("/sys/kernel/mm/transparent_hugepage/enabled");
	enum vm_huge_policy policy = VM_HUGE_NEVER;
	if (text != NULL && strstr(text, "[madvise]") != NULL)
		policy = VM_HUGE_ADVISED;
	else if (text != NULL && strstr(text, "[always]") != NULL)
		policy = VM_HUGE_ALWAYS;
	free(text);
	return policy;
}

static uint64_t number_read(const char *path, uint64_t otherwise)
{
	char *text = script_read(path);
	uint64_t number = text != NULL ? strtoull(text, NULL, 10) : otherwise;
	free(text);
	return number;
}

/* ---- trials ---- */

static bool probe_around(struct trial *trial, struct vm_profile *out)
{
	if (!trial_run(trial, "file F 512p\nmap A 512p r private F\nr A 0\n"))
		return false;
	out->fault_around_pages = (uint32_t)trial->seen.file;
	/* The first page of the file's last one alone. */
	if (!trial_run(trial, "file F 8p\nmap Z 1p none private\n"
			      "map A 9p r private F+7p\nr A 1\n"))
		return false;
	out->last_page_needs_table = trial->seen.file == 0;
	return true;
}

static bool probe_huge(struct trial *trial, struct vm_profile *out)
{
	static const uint64_t huge_bytes = UINT64_C(2) << 20;
	out->huge = huge_policy_read();
	if (!trial_run(trial, "map Z 1p none private\nmap A 512p rw private\nadvise A hugepage\n"))
		return false;
	out->places_huge = trial->seen.areas[0].start % huge_bytes == 0;
	if (!trial_run(trial, "map A 1024p rw private\nadvise A hugepage\nr A 511..512\n"))
		return false;
	out->has_huge_zero_page = trial->seen.anon == 0 && trial->seen.zero > 2;
	if (!trial_run(trial, "map A 4p rw private\nmap B 4p rw private stack\n"))
		return false;
	out->stack_flag_is_small = trial->seen.area_count == 2;
	return true;
}

static bool probe_areas(struct trial *trial, struct vm_profile *out)
{
	if (!trial_run(trial, "map A 1024p rw private\nw A 511..512\nadvise A dontneed\n"
			      "map B 4p r private\nw B\n"))
		return false;
	/* An aligned 2 MiB lies somewhere in it: its table went, or did not. */
	uint64_t tables_after = trial->seen.tables;
	if (!trial_run(trial, "map A 1024p rw private\nw A 511..512\nmap B 4p r private\nw B\n"))
		return false;
	out->reclaims_tables = tables_after < trial->seen.tables;
	if (!trial_run(trial, "map A 2p rw private\nprotect A 0 r\nmap B 8p none private\n"
			      "remap A 0..1 2p to B as C\n"))
		return false;
	out->remaps_many = trial->outcome.error == 0;
	/* An untouched area is beside one with anonymous memory, which then becomes like it. */
	if (!trial_run(trial, "map A 4p rw private\nadvise A 0..1 random\nw A 2..3\n"
			      "advise A 2..3 random\n"))
		return false;
	out->merges_faulted = trial->seen.area_count == 1;
	return true;
}

/* Not by operations, which would take a memory cgroup: by the version it was first seen in. */
static bool counts_late(void)
{
	struct utsname names;
	unsigned version = 0, patch = 0;
	if (uname(&names) < 0 || sscanf(names.release, "%u.%u", &version, &patch) != 2)
		return true;
	return version > 6 || (version == 6 && patch >= 18);
}

bool vm_probe(struct vm_profile *out, const char *helper_path, char *message,
	      size_t message_bytes)
{
	static struct trial trial; /* too large for a stack */
	struct vm_profile found = {
		.name = "measured",
		.counts_late = counts_late(),
		.stack_gap_pages = STACK_GAP_PAGES,
		.stack_limit_bytes = STACK_LIMIT_BYTES,
		.lowest_address = number_read("/proc/sys/vm/mmap_min_addr", LOWEST_ADDRESS),
		.area_count_max = (uint32_t)number_read("/proc/sys/vm/max_map_count", AREAS_MAX),
	};
	trial.message = message;
	trial.message_bytes = message_bytes;
	trial.helper_path = helper_path;
	bool is_done = probe_around(&trial, &found) && probe_huge(&trial, &found) &&
		       probe_areas(&trial, &found);
	if (is_done && !vm_exec_probe(&found)) {
		snprintf(message, message_bytes, "/proc/self is not understood");
		is_done = false;
	}
	vm_seen_finish(&trial.seen);
	if (is_done)
		*out = found;
	return is_done;
}

/* ---- the command ---- */

int vm_probe_main(int argc, char **argv)
{
	struct argument_scan scan;
	struct vm_profile profile;
	char helper_path[PATH_MAX], message[MESSAGE_BYTES + PATH_MAX];
	argument_init(&scan, &command_vm_probe, argc, argv);
	argument_next(&scan);
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	if (scan.index < argc)
		return argument_refuse(&scan, NULL, "'%s' is one word too many", argv[scan.index]);
	if (!vm_helper_locate(helper_path, message, sizeof(message)) ||
	    !vm_probe(&profile, helper_path, message, sizeof(message))) {
		notice_write(name, "%s", message);
		return STATUS_FAILURE;
	}
	profile_write(&profile, stdout);
	return STATUS_OK;
}
