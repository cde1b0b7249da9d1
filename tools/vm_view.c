/* SPDX-License-Identifier: MIT */
/*
 * allot vm maps, smaps, status, pagemap: the machine after a script, as /proc would show it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "notice.h"
#include "vm_kernel_report.h"
#include "vm_report.h"

enum {
	MESSAGE_BYTES = 1024,
};

/* ---- beside the kernel ---- */

static bool kernel_write(FILE *out, const struct vm_after *after)
{
	const char *view = command_own_name(after->command);
	const struct vm_kernel *kernel = &after->kernel;
	if (strcmp(view, "status") == 0)
		return kernel_report_status(out, kernel, after->process, &after->base);
	if (strcmp(view, "pagemap") == 0)
		return kernel_report_pagemap(out, kernel, after->process);
	return kernel_report_areas(out, kernel, after->process, view);
}

static void model_write(FILE *out, const struct vm_after *after)
{
	const char *view = command_own_name(after->command);
	if (strcmp(view, "maps") == 0)
		report_maps(out, after);
	else if (strcmp(view, "smaps") == 0)
		report_smaps(out, after);
	else if (strcmp(view, "status") == 0)
		report_status(out, after);
	else
		report_pagemap(out, after);
}

/* Show the kernel's text, and say where ours is another. */
static int both_compare(const struct vm_after *after)
{
	char *texts[2] = { NULL, NULL }, message[MESSAGE_BYTES];
	size_t bytes[2];
	FILE *kernel = open_memstream(&texts[0], &bytes[0]);
	FILE *model = open_memstream(&texts[1], &bytes[1]);
	bool is_read = kernel != NULL && model != NULL && kernel_write(kernel, after);
	if (is_read)
		model_write(model, after);
	int error = errno, status = STATUS_FAILURE;
	if (kernel != NULL)
		fclose(kernel);
	if (model != NULL)
		fclose(model);
	if (is_read) {
		fputs(texts[0], stdout);
		fflush(stdout);
		if (reports_agree(texts[0], texts[1], message, sizeof(message)))
			status = STATUS_OK;
		else
			notice_write(after->name, "%s: %s", after->script.path, message);
	} else {
		notice_write(after->name, "/proc of the helper: %s", strerror(error));
	}
	free(texts[0]);
	free(texts[1]);
	return status;
}

/* ---- one address ---- */

static int physical_write(const struct vm_after *after, const char *word)
{
	struct vm_page_view page;
	uint64_t address, physical;
	if (!vm_after_address(after, word, &address))
		return STATUS_USAGE;
	vm_page_get(vm_after_space(after), address, &page);
	uint64_t entry = vm_pagemap_entry(&page);
	printf("virtual %#" PRIx64 "  entry %016" PRIx64 "  ", address, entry);
	if (vm_pagemap_physical(vm_after_space(after), address, entry, &physical))
		printf("physical %#" PRIx64, physical);
	else
		printf("no physical address: bit 63 is clear");
	printf(" ");
	report_pagemap_words(stdout, entry);
	putchar('\n');
	return STATUS_OK;
}

/* ---- the commands ---- */

static int view_write(const struct vm_after *after, int count, char **words)
{
	int status = STATUS_OK;
	if (count == 0 && after->has_kernel)
		return both_compare(after);
	if (count == 0)
		model_write(stdout, after);
	for (int i = 0; i < count && status == STATUS_OK; i++)
		status = physical_write(after, words[i]);
	return status;
}

static int view_main(const struct command *command, int argc, char **argv)
{
	static struct vm_after after; /* too large for a stack */
	struct argument_scan scan;
	const struct command_option *option;
	int status;
	bool takes_addresses = command == &command_vm_pagemap;
	after.command = command;
	argument_init(&scan, command, argc, argv);
	while ((option = argument_next(&scan)) != NULL)
		vm_after_option(&after, &scan, option->name);
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	if (scan.index == argc || (scan.index < argc - 1 && !takes_addresses))
		return argument_refuse(&scan, NULL, "one script, not %d", argc - scan.index);
	if (scan.index < argc - 1 && after.has_kernel)
		return argument_refuse(&scan, NULL, "--kernel shows all pages, not single ones");
	if (vm_after_play(&after, argv[scan.index], &status))
		status = view_write(&after, argc - scan.index - 1, argv + scan.index + 1);
	vm_after_finish(&after);
	if (status == STATUS_OK)
		notice_next(command->next);
	return status;
}

int vm_maps_main(int argc, char **argv)
{
	return view_main(&command_vm_maps, argc, argv);
}

int vm_smaps_main(int argc, char **argv)
{
	return view_main(&command_vm_smaps, argc, argv);
}

int vm_status_main(int argc, char **argv)
{
	return view_main(&command_vm_status, argc, argv);
}

int vm_pagemap_main(int argc, char **argv)
{
	return view_main(&command_vm_pagemap, argc, argv);
}
