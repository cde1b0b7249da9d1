/* SPDX-License-Identifier: MIT */
/*
 * Following raw files. See record_follow.h.
 */
#include "record_follow.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "notice.h"
#include "spool.h"

static const char command[] = "record";

enum { NAMES_MAX = 1000 }; /* numbers that are tried behind a name that is taken */

/* ---- the folder --------------------------------------------------------------------------- */

bool follow_begin(struct follow *follow, const char *prefix, char *message, size_t message_bytes)
{
	memset(follow, 0, sizeof(*follow));
	snprintf(follow->prefix, sizeof(follow->prefix), "%s", prefix);
	if (spool_make(follow->folder))
		return true;
	snprintf(message, message_bytes, "%s: %s", follow->folder, strerror(errno));
	return false;
}

static void raw_path(const struct follow *follow, const struct follow_file *file,
		     char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%.3000s/%s", follow->folder, file->name);
}

void follow_end(struct follow *follow)
{
	for (size_t i = 0; i < follow->count; i++)
		trace_packer_close(follow->files[i].packer);
	spool_remove(follow->folder);
	free(follow->files);
	memset(follow, 0, sizeof(*follow));
}

/* ---- files -------------------------------------------------------------------------------- */

/* Is there a file of that name? What is done has lost its name, and another may have it. */
static bool is_known(const struct follow *follow, const char *name)
{
	for (size_t i = follow->count; i-- > 0;) {
		const struct follow_file *file = &follow->files[i];
		if ((!file->is_done || file->is_refused) && strcmp(file->name, name) == 0)
			return true;
	}
	return false;
}

static void file_add(struct follow *follow, const char *name)
{
	if (follow->count == follow->capacity) {
		size_t capacity = follow->capacity * 2 + 8;
		void *grown = reallocarray(follow->files, capacity, sizeof(*follow->files));
		if (grown == NULL)
			return;
		follow->files = grown;
		follow->capacity = capacity;
	}
	struct follow_file *file = &follow->files[follow->count++];
	memset(file, 0, sizeof(*file));
	snprintf(file->name, sizeof(file->name), "%s", name);
	file->process = spool_process(name);
}

static void folder_look(struct follow *follow)
{
	DIR *folder = opendir(follow->folder);

	if (folder == NULL)
		return;
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
		if (entry->d_name[0] != '.' && !is_known(follow, entry->d_name))
			file_add(follow, entry->d_name);
	closedir(folder);
}

/* What the file says of itself: names can be cut off, and numbers are used again. */
static void file_identify(struct follow_file *file)
{
	struct trace_raw_info info;

	trace_packer_info(file->packer, &info);
	file->process = (pid_t)info.process;
	file->start_ticks = info.start_ticks;
}

/* Begin to pack a file, once it has its header. */
static void file_begin(struct follow *follow, struct follow_file *file, bool is_last_chance)
{
	char path[PATH_MAX], message[FOLLOW_MESSAGE_BYTES] = "";
	int length = (int)spool_name_length(file->name);
	bool is_output_refused = false;

	raw_path(follow, file, path);
	for (int i = 1; i < NAMES_MAX && file->packer == NULL; i++) {
		char number[16] = "";
		if (i > 1)
			snprintf(number, sizeof(number), ".%d", i);
		snprintf(file->output, sizeof(file->output), "%.3000s.%.*s%s.trace",
			 follow->prefix, length, file->name, number);
		if (access(file->output, F_OK) == 0)
			continue;
		file->packer = trace_packer_open(path, file->output, false, message,
						 sizeof(message));
		if (file->packer != NULL || access(file->output, F_OK) == 0)
			continue;
		/* The message names what is at fault. A raw file may only lack its header yet. */
		is_output_refused = strncmp(message, file->output, strlen(file->output)) == 0;
		break;
	}
	if (file->packer != NULL)
		file_identify(file);
	if (file->packer != NULL || (!is_last_chance && !is_output_refused))
		return;
	file->is_done = file->is_refused = true;
	notice_write(command, "%s", message);
}

/* ---- processes ---------------------------------------------------------------------------- */

/* Did the process of `file` become another program, which has a file of its own? A folder lists
 * its files in any order. */
static bool is_replaced(const struct follow *follow, const struct follow_file *file)
{
	for (size_t i = 0; i < follow->count && file->start_ticks > 0; i++)
		if (follow->files[i].process == file->process &&
		    follow->files[i].start_ticks > file->start_ticks)
			return true;
	return false;
}

static bool file_has_ended(const struct follow *follow, const struct follow_file *file)
{
	return process_has_ended(file->process) || is_replaced(follow, file);
}

/* ---- packing ------------------------------------------------------------------------------ */

size_t follow_step(struct follow *follow)
{
	size_t bytes = 0;

	folder_look(follow);
	for (size_t i = 0; i < follow->count; i++) {
		struct follow_file *file = &follow->files[i];
		if (!file->is_done && file->packer == NULL)
			file_begin(follow, file, false);
		if (file->packer != NULL)
			bytes += trace_packer_step(file->packer);
	}
	return bytes;
}

void follow_finish(struct follow *follow, bool is_all)
{
	for (size_t i = 0; i < follow->count; i++) {
		struct follow_file *file = &follow->files[i];
		if (file->is_done)
			continue;
		bool has_ended = file_has_ended(follow, file);
		if (!has_ended && !is_all)
			continue;
		if (file->packer == NULL)
			file_begin(follow, file, true);
		if (file->packer == NULL)
			continue;
		if (is_replaced(follow, file))
			trace_packer_replace(file->packer);
		trace_packer_finish(file->packer, &file->packed);
		trace_packer_close(file->packer);
		file->packer = NULL;
		file->is_done = true;
		file->is_running = !has_ended;
		char path[PATH_MAX];
		raw_path(follow, file, path);
		unlink(path);
	}
}

bool follow_is_open(const struct follow *follow)
{
	for (size_t i = 0; i < follow->count; i++)
		if (!follow->files[i].is_done)
			return true;
	return false;
}

size_t follow_count_running(const struct follow *follow)
{
	size_t count = 0;
	char path[PATH_MAX];

	for (size_t i = 0; i < follow->count; i++) {
		const struct follow_file *file = &follow->files[i];
		if (file->packer == NULL)
			continue;
		raw_path(follow, file, path);
		count += process_has_mapped(file->process, path);
	}
	return count;
}
