/* SPDX-License-Identifier: MIT */
/*
 * Group: see top_group.h.
 */
#include "top_group.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "notice.h"
#include "program.h"
#include "spool.h"

static const char name[] = "top";

enum {
	MESSAGE_BYTES = 2 * PATH_MAX,
	STATUS_SIGNAL = 128,
	END_LOOKS = 300,               /* before a program that does not end is killed */
	END_LOOK_NS = 10 * 1000 * 1000,
	LOG_MODE = 0644,
};

/* After its program's end, how long a file may still appear. */
static const uint64_t settle_ns = 100 * 1000 * 1000;

/* ---- starting a program ------------------------------------------------------------------- */

/* The file its output goes to; -1 and said why. */
static int log_open(const struct top_child_options *options)
{
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (options->is_forced ? O_TRUNC : O_EXCL);
	int file = open(options->log, flags, LOG_MODE);

	if (file < 0 && errno == EEXIST)
		notice_write(name, "%s exists and is not overwritten without --force",
			     options->log);
	else if (file < 0)
		notice_write(name, "%s: %s", options->log, strerror(errno));
	return file;
}

static void child_become(const struct top_child_options *options, int log)
{
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	int out = log >= 0 ? log : options->is_silent ? nothing : STDERR_FILENO;

	if (options->is_silent)
		dup2(nothing, STDIN_FILENO);
	if (options->is_silent || log >= 0)
		dup2(out, STDERR_FILENO);
	dup2(out, STDOUT_FILENO);
	execvp(options->words[0], options->words);
	notice_write(name, "%s: %s", options->words[0], strerror(errno));
	_exit(errno == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE);
}

static int child_start(struct top_group *group, const struct top_child_options *options)
{
	char message[MESSAGE_BYTES];
	int log = -1;

	if (options->log != NULL && (log = log_open(options)) < 0)
		return STATUS_WRAPPER;
	if (!spool_make(group->folder)) {
		notice_write(name, "%s: %s", group->folder, strerror(errno));
		group->folder[0] = '\0';
		return STATUS_WRAPPER;
	}
	if (!spool_environment(group->folder, options->conf, message, sizeof(message))) {
		notice_write(name, "%s", message);
		return STATUS_WRAPPER;
	}
	pid_t child = fork();
	if (child == 0)
		child_become(options, log);
	if (log >= 0)
		close(log);
	if (child < 0) {
		notice_write(name, "%s", strerror(errno));
		return STATUS_WRAPPER;
	}
	group->child = child;
	return STATUS_OK;
}

int top_group_start(struct top_group *group, const struct top_child_options *options)
{
	struct program program;

	switch (program_require(&program, name, options->words[0])) {
	case PROGRAM_NOT_FOUND:
		return STATUS_NOT_FOUND;
	case PROGRAM_NOT_EXECUTABLE:
		return STATUS_NOT_EXECUTABLE;
	case PROGRAM_FOUND:
		break;
	}
	const char *obstacle = program_obstacle(&program);
	if (obstacle != NULL) {
		notice_write(name, "%s %s: there is nothing to be seen of it", program.path,
			     obstacle);
		return STATUS_WRAPPER;
	}
	int status = child_start(group, options);
	if (status != STATUS_OK && group->folder[0] != '\0')
		spool_remove(group->folder);
	return status;
}

/* ---- files -------------------------------------------------------------------------------- */

static bool is_known(const struct top_group *group, const char *path)
{
	for (size_t i = 0; i < group->count; i++)
		if (strcmp(group->all[i]->path, path) == 0)
			return true;
	return false;
}

static bool process_add(struct top_group *group, const char *path, enum trace_follow_how how,
			char *message, size_t message_bytes)
{
	struct top_process *process = calloc(1, sizeof(*process));

	if (process == NULL || group->count == TOP_PROCESSES_MAX ||
	    !top_process_open(process, path, how, message, message_bytes)) {
		free(process);
		return false;
	}
	group->all[group->count++] = process;
	return true;
}

static void folder_look(struct top_group *group)
{
	char path[PATH_MAX], message[MESSAGE_BYTES];
	DIR *folder = opendir(group->folder);

	if (folder == NULL)
		return;
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		if (spool_process(entry->d_name) == 0)
			continue;
		snprintf(path, sizeof(path), "%.2000s/%.255s", group->folder, entry->d_name);
		/* One that has no header yet will have it at the next look. */
		if (!is_known(group, path))
			process_add(group, path, TRACE_FOLLOW_EMPTY, message, sizeof(message));
	}
	closedir(folder);
}

/* When the process of `index` began with that file; 0: it does not say yet. */
static uint64_t start_of(const struct top_group *group, size_t index)
{
	return group->all[index]->info->start_unix_ns;
}

/* Did the process of `index` become another program, which has a file of its own? */
static bool is_replaced(const struct top_group *group, size_t index)
{
	for (size_t i = 0; i < group->count && start_of(group, index) > 0; i++)
		if (group->all[i]->state.process == group->all[index]->state.process &&
		    start_of(group, i) > start_of(group, index))
			return true;
	return false;
}

/* Give a process back that has been read to its end. */
static void process_remove(struct top_group *group, size_t index)
{
	unlink(group->all[index]->path);
	top_process_close(group->all[index]);
	free(group->all[index]);
	memmove(&group->all[index], &group->all[index + 1],
		(group->count - index - 1) * sizeof(group->all[0]));
	group->count--;
	if (group->chosen > index)
		group->chosen--;
}

/* What is looked at when nobody chose: what the process became last. */
static void choose(struct top_group *group)
{
	const struct top_process *chosen = top_group_chosen(group);
	uint32_t process = group->child > 0 ? (uint32_t)group->child : 0;

	if (chosen == NULL || group->child == 0)
		return;
	if (group->is_chosen)
		process = chosen->state.process;
	for (size_t i = 0; i < group->count; i++)
		if (group->all[i]->state.process == process &&
		    (group->all[group->chosen]->state.process != process ||
		     start_of(group, i) > start_of(group, group->chosen)))
			group->chosen = i;
}

static void ended_remove(struct top_group *group)
{
	for (size_t i = group->count; i-- > 0;)
		if (group->all[i]->is_all_read && i != group->chosen && group->child != 0)
			process_remove(group, i);
}

/* ---- going on ----------------------------------------------------------------------------- */

static void child_look(struct top_group *group)
{
	if (group->child == 0 || group->child_has_ended)
		return;
	if (waitpid(group->child, &group->child_status, WNOHANG) != group->child)
		return;
	group->child_has_ended = true;
	group->ended_ns = top_clock_ns();
}

size_t top_group_step(struct top_group *group, uint64_t limit_ns)
{
	size_t events = 0;

	/* First who has ended, then what they have left. */
	child_look(group);
	if (group->folder[0] != '\0')
		folder_look(group);
	for (size_t i = 0; i < group->count; i++) {
		struct top_process *process = group->all[i];
		/* At first the file does not say whose it is. */
		pid_t whose = (pid_t)process->state.process;
		bool is_end = (whose != 0 && process_has_ended(whose)) ||
			      (whose == 0 && group->child_has_ended) || is_replaced(group, i);
		events += top_process_step(process, is_end, limit_ns / group->count);
	}
	choose(group);
	ended_remove(group);
	return events;
}

struct top_process *top_group_chosen(const struct top_group *group)
{
	return group->chosen < group->count ? group->all[group->chosen] : NULL;
}

void top_group_next(struct top_group *group)
{
	if (group->count == 0)
		return;
	group->chosen = (group->chosen + 1) % group->count;
	group->is_chosen = true;
}

bool top_group_is_over(const struct top_group *group)
{
	for (size_t i = 0; i < group->count; i++)
		if (!group->all[i]->is_all_read)
			return false;
	return group->child == 0 ? group->count > 0 :
	       group->child_has_ended && (group->count > 0 ||
					  top_clock_ns() > group->ended_ns + settle_ns);
}

int top_group_end(struct top_group *group)
{
	const struct timespec pause = { .tv_nsec = END_LOOK_NS };
	int status = STATUS_OK;

	if (group->child != 0 && !group->child_has_ended)
		kill(group->child, SIGTERM);
	/* What it still does is read, so that it does not wait for us. */
	for (int i = 0; group->child != 0 && !group->child_has_ended; i++) {
		if (i == END_LOOKS)
			kill(group->child, SIGKILL);
		top_group_step(group, END_LOOK_NS);
		nanosleep(&pause, NULL);
	}
	if (group->child != 0)
		status = WIFSIGNALED(group->child_status) ?
				 STATUS_SIGNAL + WTERMSIG(group->child_status) :
				 WEXITSTATUS(group->child_status);
	for (size_t i = 0; i < group->count; i++) {
		top_process_close(group->all[i]);
		free(group->all[i]);
	}
	group->count = 0;
	if (group->folder[0] != '\0')
		spool_remove(group->folder);
	group->folder[0] = '\0';
	return status;
}

/* ---- a process that runs already ---------------------------------------------------------- */

/* The command line of a process, for a message; "" when unknown. */
static void command_read(pid_t process, char *text, size_t bytes)
{
	char path[64];

	text[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)process);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return;
	size_t length = fread(text, 1, bytes - 1, file);
	fclose(file);
	while (length > 0 && text[length - 1] == '\0')
		length--;
	text[length] = '\0';
	for (size_t i = 0; i < length; i++)
		if (text[i] == '\0' || text[i] == '\n')
			text[i] = ' ';
}

/* Try the file of a line of /proc/PID/maps: a shared mapping of its beginning. */
static bool line_try(struct top_group *group, pid_t process, const char *line)
{
	char mapped[PATH_MAX], message[MESSAGE_BYTES], access[8];
	unsigned long begin, end, offset;
	int at = 0;

	if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %n", &begin, &end, access, &offset, &at) < 4 ||
	    at == 0 || access[3] != 's' || offset != 0 || line[at] != '/')
		return false;
	/* Else through the process: its folders may be others, the file may have lost its name. */
	snprintf(mapped, sizeof(mapped), "/proc/%d/map_files/%lx-%lx", (int)process, begin, end);
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%.4000s", line + at);
	path[strcspn(path, "\n")] = '\0';
	if (!process_add(group, path, TRACE_FOLLOW_WATCH, message, sizeof(message)) &&
	    !process_add(group, mapped, TRACE_FOLLOW_WATCH, message, sizeof(message)))
		return false;
	const struct top_process *added = group->all[group->count - 1];
	/* In a namespace of its own it has another number there. */
	if (added->state.process == (uint32_t)process || !added->state.is_ended)
		return true;
	top_process_close(group->all[--group->count]);
	free(group->all[group->count]);
	return false;
}

bool top_group_watch(struct top_group *group, pid_t process, char *message,
		     size_t message_bytes)
{
	char path[64], line[PATH_MAX + 256], command[256];
	bool is_found = false;

	if (kill(process, 0) != 0 && errno == ESRCH) {
		snprintf(message, message_bytes, "no process %d", (int)process);
		return false;
	}
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)process);
	FILE *maps = fopen(path, "r");
	if (maps == NULL) {
		snprintf(message, message_bytes, "%s: %s", path, strerror(errno));
		return false;
	}
	while (!is_found && fgets(line, sizeof(line), maps) != NULL)
		is_found = line_try(group, process, line);
	fclose(maps);
	if (is_found)
		return true;
	command_read(process, command, sizeof(command));
	snprintf(message, message_bytes, "process %d was not started with trace:FILE, so there is "
		 "nothing to read; start it so: allot top -- %s", (int)process,
		 command[0] != '\0' ? command : "COMMAND");
	return false;
}
