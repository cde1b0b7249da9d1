/* SPDX-License-Identifier: MIT */
/*
 * Survey: one function an item, and the list of them.
 */
#include "survey.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <allot/allot.h>

#include "conf.h"

#define LINKER_PRELOAD_FILE "/etc/ld.so.preload"

enum {
	/* Linux's default; a heap that gives pages back in the middle needs mappings. */
	MAP_COUNT_USUAL = 65530,
	OVERCOMMIT_NEVER = 2,
};

/* Read the first line of a file of the kernel's; empty when there is none. */
static void line_read(const char *path, char out_text[SURVEY_TEXT_BYTES])
{
	FILE *file = fopen(path, "re");

	out_text[0] = '\0';
	if (file == NULL)
		return;
	if (fgets(out_text, SURVEY_TEXT_BYTES, file) == NULL)
		out_text[0] = '\0';
	out_text[strcspn(out_text, "\n")] = '\0';
	fclose(file);
}

static void value_set(struct survey_item *item, const char *text)
{
	snprintf(item->value, sizeof(item->value), "%s", text);
}

static void warning_set(struct survey_item *item, const char *text)
{
	snprintf(item->warning, sizeof(item->warning), "%s", text);
}

static void conf_file_look(struct survey_item *item)
{
	char *text = conf_file_read();

	if (text == NULL) {
		value_set(item, errno == ENOENT ? "absent" : "unreadable");
		if (errno != ENOENT)
			warning_set(item, strerror(errno));
		return;
	}
	value_set(item, "present");
	if (allot_conf_check(text, item->warning, sizeof(item->warning)))
		item->warning[0] = '\0';
	free(text);
}

static void conf_environment_look(struct survey_item *item)
{
	const char *conf = getenv("ALLOT_CONF");

	value_set(item, conf != NULL ? conf : "unset");
	if (conf == NULL || allot_conf_check(conf, item->warning, sizeof(item->warning)))
		item->warning[0] = '\0';
}

static void preload_look(struct survey_item *item)
{
	const char *preload = getenv("LD_PRELOAD");

	value_set(item, preload != NULL && preload[0] != '\0' ? preload : "unset");
}

static void preload_file_look(struct survey_item *item)
{
	line_read(LINKER_PRELOAD_FILE, item->value);
	if (item->value[0] == '\0')
		value_set(item, "absent");
}

static void overcommit_look(struct survey_item *item)
{
	line_read("/proc/sys/vm/overcommit_memory", item->value);
	if (atoi(item->value) == OVERCOMMIT_NEVER)
		warning_set(item, "memory counts when it is mapped, not when it is used: "
				  "large heaps may be refused");
}

static void map_count_look(struct survey_item *item)
{
	line_read("/proc/sys/vm/max_map_count", item->value);
	if (item->value[0] != '\0' && atol(item->value) < MAP_COUNT_USUAL)
		warning_set(item, "below Linux's default of 65530: memory may be kept that could "
				  "be given back");
}

/* The file shows every mode, the chosen one in brackets. */
static void huge_pages_look(struct survey_item *item)
{
	char text[SURVEY_TEXT_BYTES];

	line_read("/sys/kernel/mm/transparent_hugepage/enabled", text);
	char *mode = strchr(text, '[');
	if (mode == NULL) {
		value_set(item, "unsupported");
		return;
	}
	mode[strcspn(mode, "]")] = '\0';
	value_set(item, mode + 1);
	if (strcmp(mode + 1, "always") == 0)
		warning_set(item, "a touch of one page may make 2 MiB resident");
}

static void address_space_look(struct survey_item *item)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
		value_set(item, "unlimited");
		return;
	}
	snprintf(item->value, sizeof(item->value), "%llu KiB",
		 (unsigned long long)limit.rlim_cur / 1024);
	warning_set(item, "reserved addresses count, used or not");
}

static void page_look(struct survey_item *item)
{
	snprintf(item->value, sizeof(item->value), "%ld bytes", sysconf(_SC_PAGESIZE));
}

static const struct {
	const char *name;
	void (*look)(struct survey_item *item);
} items[] = {
	{ CONF_FILE, conf_file_look },
	{ "ALLOT_CONF", conf_environment_look },
	{ "LD_PRELOAD", preload_look },
	{ LINKER_PRELOAD_FILE, preload_file_look },
	{ "vm.overcommit_memory", overcommit_look },
	{ "vm.max_map_count", map_count_look },
	{ "transparent huge pages", huge_pages_look },
	{ "address space limit", address_space_look },
	{ "page size", page_look },
};

bool survey_look(int index, struct survey_item *out_item)
{
	if (index < 0 || (size_t)index >= sizeof(items) / sizeof(items[0]))
		return false;
	*out_item = (struct survey_item){ .name = items[index].name };
	items[index].look(out_item);
	if (out_item->value[0] == '\0')
		value_set(out_item, "unknown");
	return true;
}
