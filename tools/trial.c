/* SPDX-License-Identifier: MIT */
/*
 * Trial: the program runs in a child process whose linker writes one file a process into a
 * directory of its own; the verdict is drawn from those files once it has ended.
 *
 * allot is in effect when some object got its malloc from it and none got a C function of the
 * family elsewhere: a block handed from one allocator to the other is the end of a program.
 * Operators from elsewhere are fine, for they call malloc.
 */
#include "trial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "locate.h"
#include "notice.h"

static const char name[] = "doctor";

/* Prefix of the linker's files; it appends a dot and the process id. */
static const char report_name[] = "bindings";

/* In the child: become the program. */
static void child_exec(const char *library, const char *directory, char **words, int output)
{
	char report[PATH_MAX + sizeof(report_name)];

	snprintf(report, sizeof(report), "%s/%s", directory, report_name);
	dup2(output, STDOUT_FILENO);
	if (library_preload(library) && setenv("LD_DEBUG", "bindings", 1) == 0 &&
	    setenv("LD_DEBUG_OUTPUT", report, 1) == 0 && setenv("LD_BIND_NOW", "1", 1) == 0)
		execvp(words[0], words);
	notice_write(name, "%s: %s", words[0], strerror(errno));
	_exit(STATUS_NOT_FOUND);
}

/* Run the program to its end; returns its process id, or -1. */
static pid_t child_run(const char *library, const char *directory, char **words, int output,
		       int *out_status)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, interrupt, quit;

	/* A server is ended with Ctrl-C: that ends the program, then we report. */
	sigaction(SIGINT, &ignore, &interrupt);
	sigaction(SIGQUIT, &ignore, &quit);
	fflush(NULL);

	pid_t child = fork();
	if (child == 0) {
		sigaction(SIGINT, &interrupt, NULL);
		sigaction(SIGQUIT, &quit, NULL);
		child_exec(library, directory, words, output);
	}
	while (child > 0 && waitpid(child, out_status, 0) < 0 && errno == EINTR)
		;
	sigaction(SIGINT, &interrupt, NULL);
	sigaction(SIGQUIT, &quit, NULL);
	return child;
}

static void program_count(struct trial *trial, const struct binding_list *list)
{
	const char *program = list->program != NULL ? list->program : "(ended while loading)";

	trial->program_count++;
	if (binding_list_is_served(list))
		return;
	trial->unserved_count++;
	for (size_t i = 0; i < TRIAL_UNSERVED_MAX; i++) {
		if (trial->unserved[i] == NULL)
			trial->unserved[i] = strdup(program);
		if (trial->unserved[i] == NULL || strcmp(trial->unserved[i], program) == 0)
			return;
	}
}

/* Read the file of one process; of the first process keep the last program. */
static void report_read(struct trial *trial, FILE *file, bool is_first_process)
{
	struct binding_reader reader;
	struct binding_list list;

	binding_reader_init(&reader, file);
	while (binding_reader_next(&reader, &list)) {
		program_count(trial, &list);
		if (is_first_process) {
			struct binding_list before = trial->bindings;

			trial->bindings = list;
			list = before;
		}
		binding_list_finish(&list);
	}
	binding_reader_finish(&reader);
}

/* Read every file in `directory_path` and remove it, and the directory. */
static void reports_take(struct trial *trial, const char *directory_path, pid_t child)
{
	DIR *directory = opendir(directory_path);
	const struct dirent *entry;

	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		const char *dot = strchr(entry->d_name, '.');
		if (strncmp(entry->d_name, report_name, strlen(report_name)) != 0 || dot == NULL)
			continue;
		int descriptor = openat(dirfd(directory), entry->d_name, O_RDONLY | O_CLOEXEC);
		FILE *file = descriptor >= 0 ? fdopen(descriptor, "r") : NULL;
		if (file != NULL) {
			report_read(trial, file, strtol(dot + 1, NULL, 10) == child);
			fclose(file);
		}
		unlinkat(dirfd(directory), entry->d_name, 0);
	}
	if (directory != NULL)
		closedir(directory);
	rmdir(directory_path);
}

static size_t objects_count(const struct binding_list *list)
{
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++) {
		bool is_new = list->items[i].is_allot;

		for (size_t j = 0; j < i && is_new; j++)
			is_new = !list->items[j].is_allot ||
				 strcmp(list->items[j].object, list->items[i].object) != 0;
		count += is_new;
	}
	return count;
}

/* The first binding of a C function to anything but allot, or NULL. */
static const struct binding *stray_find(const struct binding_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (!list->items[i].is_allot && !family_is_operator(list->items[i].member))
			return &list->items[i];
	return NULL;
}

static void verdict_draw(struct trial *trial)
{
	const struct binding_list *list = &trial->bindings;
	const struct binding *stray = stray_find(list);
	const char *program = trial_program(trial);
	char *reason = trial->reason;

	trial->object_count = objects_count(list);
	if (list->count == 0) {
		snprintf(reason, TRIAL_REASON_BYTES, "the linker%s%s reported no binding at all",
			 trial->program.linker[0] != '\0' ? " " : "", trial->program.linker);
	} else if (stray != NULL && list->program != NULL &&
		   strcmp(stray->provider, list->program) == 0) {
		snprintf(reason, TRIAL_REASON_BYTES,
			 "%s defines its own malloc, which comes before any preloaded one",
			 program);
	} else if (!binding_list_is_served(list)) {
		snprintf(reason, TRIAL_REASON_BYTES, "nothing in %s is bound to allot", program);
	} else if (stray != NULL) {
		snprintf(reason, TRIAL_REASON_BYTES, "%s gets %s from %s", stray->object,
			 stray->member->name, stray->provider);
	} else {
		trial->is_effective = true;
		snprintf(reason, TRIAL_REASON_BYTES, "allot serves %s, %zu %s", program,
			 trial->object_count, trial->object_count == 1 ? "object" : "objects");
	}
	for (size_t i = 0; i < list->count; i++)
		if (trial->is_effective && !list->items[i].is_allot)
			trial->is_own_operator = true;
}

bool trial_run(struct trial *trial, const struct program *program, const char *library,
	       char **words, int output)
{
	const char *temporary = getenv("TMPDIR");
	const char *obstacle = program_obstacle(program);
	char directory[PATH_MAX];

	*trial = (struct trial){ .program = *program };
	if (obstacle != NULL) {
		snprintf(trial->reason, sizeof(trial->reason), "%s %s", program->path, obstacle);
		return true;
	}
	snprintf(directory, sizeof(directory), "%s/allot-doctor-XXXXXX",
		 temporary != NULL && temporary[0] == '/' ? temporary : "/tmp");
	if (mkdtemp(directory) == NULL) {
		notice_write(name, "%s: %s", directory, strerror(errno));
		return false;
	}
	pid_t child = child_run(library, directory, words, output, &trial->wait_status);
	if (child < 0)
		notice_write(name, "fork: %s", strerror(errno));
	reports_take(trial, directory, child);
	trial->has_run = child > 0;
	verdict_draw(trial);
	return trial->has_run;
}

const char *trial_program(const struct trial *trial)
{
	const char *last = trial->bindings.program;

	/* A name without a slash is what was typed: the path found for it says more. */
	return last != NULL && strchr(last, '/') != NULL ? last : trial->program.path;
}

void trial_finish(struct trial *trial)
{
	for (size_t i = 0; i < TRIAL_UNSERVED_MAX; i++)
		free(trial->unserved[i]);
	binding_list_finish(&trial->bindings);
}
