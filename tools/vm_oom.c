/* SPDX-License-Identifier: MIT */
/*
 * allot vm oom: who would be killed, by the kernel's formula and by the kernel.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "vm_source.h"

enum {
	KIB = 1024,
	TRIES_MAX = 50,
	WORST = 10, /* processes shown when none is named */
};

/* Read until the score goes with the counters: a process does not stand still meanwhile. */
static bool process_read(struct vm_proc *proc, const char *pid, uint64_t total_pages,
			 struct proc_process *out)
{
	for (int try = 0; try < TRIES_MAX; try++) {
		if (!proc_process_read(proc, pid, out))
			return false;
		if (!out->has_memory || vm_oom_score(&out->oom, total_pages) == out->score)
			return true;
		usleep(1000);
	}
	return true;
}

static void process_add(const char *pid, const struct proc_process *process, uint64_t total_pages,
			struct figures *figures)
{
	struct figure figure = {
		.unit = process->has_memory ? "" : "without memory of its own",
		.ours = process->has_memory ? (int64_t)vm_oom_score(&process->oom, total_pages) : 0,
		.kernels = (int64_t)process->score,
		.has_kernels = true,
	};
	snprintf(figure.of, sizeof(figure.of), "%.20s %.15s", pid, process->name);
	snprintf(figure.name, sizeof(figure.name), "oom_score");
	figures_add(figures, &figure);
}

static int by_score(const void *a, const void *b)
{
	const struct figure *first = a, *second = b;
	return (second->ours > first->ours) - (second->ours < first->ours);
}

/* Every process there is, those with the highest scores first. */
static bool all_add(struct vm_source *source, uint64_t total_pages, struct figures *figures)
{
	DIR *folder = opendir(source->proc.root);
	struct dirent *entry;
	if (folder == NULL) {
		snprintf(source->proc.message, sizeof(source->proc.message), "%s: %s",
			 source->proc.root, strerror(errno));
		return false;
	}
	while ((entry = readdir(folder)) != NULL) {
		struct proc_process process;
		/* One that ended meanwhile is no mistake. */
		if (isdigit((unsigned char)entry->d_name[0]) &&
		    process_read(&source->proc, entry->d_name, total_pages, &process) &&
		    process.has_memory)
			process_add(entry->d_name, &process, total_pages, figures);
	}
	closedir(folder);
	qsort(figures->all, figures->count, sizeof(figures->all[0]), by_score);
	if (figures->count > WORST)
		figures->count = WORST;
	return true;
}

static int oom_show(struct vm_source *source, char **pids, int pid_count)
{
	static struct figures figures; /* too large for a stack */
	struct proc_meminfo meminfo;
	struct json json = { .out = stdout };
	if (!proc_meminfo_read(&source->proc, &meminfo))
		return vm_source_fail(source);
	uint64_t total_kib = meminfo.info.total + meminfo.info.swap_total;
	uint64_t total_pages = total_kib / ((uint64_t)sysconf(_SC_PAGESIZE) / KIB);
	if (pid_count == 0 && !all_add(source, total_pages, &figures))
		return vm_source_fail(source);
	for (int i = 0; i < pid_count; i++) {
		struct proc_process process;
		if (!process_read(&source->proc, pids[i], total_pages, &process))
			return vm_source_fail(source);
		process_add(pids[i], &process, total_pages, &figures);
	}
	if (source->is_json) {
		json_open(&json, NULL, '{');
		json_text(&json, "schema", "allot.vm.oom/1");
		json_number(&json, "total_pages", (int64_t)total_pages);
		figures_write_json(&figures, &json, "processes");
		json_close(&json, '{');
	} else {
		figures_write(&figures);
	}
	return vm_source_status(source, &figures);
}

int vm_oom_main(int argc, char **argv)
{
	static struct vm_source source; /* too large for a stack */
	struct argument_scan scan;
	const struct command_option *option;
	argument_init(&scan, &command_vm_oom, argc, argv);
	source.proc.root = "/proc";
	while ((option = argument_next(&scan)) != NULL)
		vm_source_option(&source, option, &scan);
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	source.command = scan.command;
	for (int i = scan.index; i < argc; i++) {
		if (strspn(argv[i], "0123456789") != strlen(argv[i]) || argv[i][0] == '\0')
			return argument_refuse(&scan, NULL, "'%s' is no process", argv[i]);
	}
	return oom_show(&source, argv + scan.index, argc - scan.index);
}
