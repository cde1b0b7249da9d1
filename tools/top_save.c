/* SPDX-License-Identifier: MIT */
/*
 * Saving what is looked at: see top_save.h.
 */
#include "top_save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "locate.h"
#include "top_json.h"

enum {
	NUMBERS_MAX = 1000, /* that are tried behind a name that is taken */
	NAME_BYTES = 64,
	FILE_MODE = 0644,
};

/* The program that makes a report, and where to. */
static pid_t maker;
static char made_name[NAME_BYTES];

/* A new file; -1 with errno. */
static int file_make(uint32_t process, char *name, size_t name_bytes)
{
	int file = -1;

	for (int i = 1; i < NUMBERS_MAX; i++) {
		if (i == 1)
			snprintf(name, name_bytes, "allot.top.%u.json", process);
		else
			snprintf(name, name_bytes, "allot.top.%u.%d.json", process, i);
		file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
		if (file >= 0 || errno != EEXIST)
			break;
	}
	return file;
}

static void report_make_beside(const char *path, int file)
{
	char program[PATH_MAX];

	maker = own_path(program) ? fork() : -1;
	if (maker != 0)
		return;
	int nothing = open("/dev/null", O_RDWR);
	dup2(nothing, STDIN_FILENO);
	dup2(nothing, STDERR_FILENO);
	dup2(file, STDOUT_FILENO);
	execl(program, program, "report", "--json", path, (char *)NULL);
	_exit(1);
}

void top_save(const struct top_view *view, struct top_process *process, char *note,
	      size_t note_bytes)
{
	char name[NAME_BYTES];

	if (maker > 0) {
		snprintf(note, note_bytes, "%s is still being made", made_name);
		return;
	}
	int file = file_make(process->state.process, name, sizeof(name));
	if (file < 0) {
		snprintf(note, note_bytes, "%s: %s", name, strerror(errno));
		return;
	}
	bool is_whole = process->how == TRACE_FOLLOW_WATCH && process->state.missed_slots == 0 &&
			process->state.reader == 0;
	if (is_whole) {
		snprintf(made_name, sizeof(made_name), "%s", name);
		report_make_beside(process->path, file);
		snprintf(note, note_bytes, "%s is being made: a report of all that was recorded",
			 name);
		close(file);
		return;
	}
	FILE *out = fdopen(file, "w");
	if (out == NULL) {
		close(file);
		return;
	}
	top_json_write(view, process, out, SIZE_MAX, false);
	snprintf(note, note_bytes, fclose(out) == 0 ?
		 "%s is written: the figures at this moment" : "%s could not be written", name);
}

void top_save_look(char *note, size_t note_bytes)
{
	int status;

	if (maker <= 0 || waitpid(maker, &status, WNOHANG) != maker)
		return;
	maker = 0;
	snprintf(note, note_bytes, WIFEXITED(status) && WEXITSTATUS(status) == 0 ?
		 "%s is written: allot report of all that was recorded" :
		 "%s could not be written: allot report failed", made_name);
}
