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

static void label_write(const struct vm_after *after, const char *before)
{
	char label[AFTER_LABEL_BYTES];
	vm_after_label(after, label, sizeof(label));
	printf("%s%s\n", before, label);
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
		bool agrees = reports_agree(texts[0], texts[1], message, sizeof(message));
		label_write(after, "# ");
		fputs(texts[0], stdout);
		if (agrees)
			puts("# exact: the model has the same, line by line");
		fflush(stdout);
		if (agrees)
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

static void physical_write(const struct vm_after *after, uint64_t address)
{
	struct vm_page_view page;
	uint64_t physical;
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
}

/* Nothing is shown unless all of them are addresses. */
static int physicals_write(const struct vm_after *after, int count, char **words)
{
	uint64_t address;
	for (int i = 0; i < count; i++)
		if (!vm_after_address(after, words[i], &address))
			return STATUS_USAGE;
	label_write(after, "");
	for (int i = 0; i < count; i++) {
		vm_after_address(after, words[i], &address);
		physical_write(after, address);
	}
	return STATUS_OK;
}

/* ---- the commands ---- */

static int view_write(const struct vm_after *after, int count, char **words)
{
	if (count > 0)
		return physicals_write(after, count, words);
	if (after->has_kernel)
		return both_compare(after);
	if (after->is_json) {
		report_json(stdout, after);
		return STATUS_OK;
	}
	label_write(after, "# ");
	model_write(stdout, after);
	return STATUS_OK;
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
	if (after.is_json && (after.has_kernel || scan.index < argc - 1))
		return argument_refuse(&scan, NULL, "--json is of all of the model's");
	if (scan.index < argc - 1 && after.has_kernel)
		return argument_refuse(&scan, NULL, "--kernel shows all pages, not single ones");
	if (vm_after_play(&after, argv[scan.index], &status))
		status = view_write(&after, argc - scan.index - 1, argv + scan.index + 1);
	vm_after_finish(&after);
	if (status == STATUS_OK && !after.is_json)
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
