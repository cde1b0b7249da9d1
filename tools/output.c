/* SPDX-License-Identifier: MIT */
/*
 * Output: opened so that nobody's file is lost, closed so that no error is.
 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "notice.h"
#include "output_gzip.h"

enum { MODE = 0666 };

/* Are these the same file? */
static bool is_same_file(const char *a, const char *b)
{
	struct stat state_a, state_b;

	return stat(a, &state_a) == 0 && stat(b, &state_b) == 0 &&
	       state_a.st_dev == state_b.st_dev && state_a.st_ino == state_b.st_ino;
}

/* A device or a pipe: nothing that would be lost. */
static bool is_special(const char *path)
{
	struct stat state;

	return stat(path, &state) == 0 && !S_ISREG(state.st_mode) && !S_ISDIR(state.st_mode);
}

static int file_open(const struct output_options *options)
{
	bool is_free = options->is_forced || is_special(options->path);
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (is_free ? O_TRUNC : O_EXCL);

	if (options->input != NULL && is_same_file(options->path, options->input)) {
		notice_write(options->command, "%s is the input: choose another file to write",
			     options->path);
		return -1;
	}

	int fd = open(options->path, flags, MODE);
	if (fd < 0 && errno == EEXIST)
		notice_write(options->command,
			     "%s exists: --force overwrites it",
			     options->path);
	else if (fd < 0)
		notice_write(options->command, "%s: %s", options->path, strerror(errno));
	return fd;
}

bool output_open(struct output *output, const struct output_options *options)
{
	*output = (struct output){ .command = options->command, .path = options->path };
	output->is_ours = strcmp(options->path, "-") != 0 && !is_special(options->path);
	output->is_standard = strcmp(options->path, "-") == 0;
	if (output->is_standard && options->is_binary && isatty(STDOUT_FILENO)) {
		notice_write(options->command,
			     "this form is binary and nothing for a terminal: --output FILE");
		return false;
	}

	int fd = output->is_standard ? dup(STDOUT_FILENO) : file_open(options);
	if (fd < 0)
		return false;
	output->file = options->is_compressed ? output_gzip(fd) : fdopen(fd, "w");
	if (output->file == NULL) {
		notice_write(options->command, "out of memory");
		close(fd);
	}
	return output->file != NULL;
}

bool output_close(struct output *output, bool is_whole)
{
	bool is_written = ferror(output->file) == 0;

	if (fclose(output->file) != 0)
		is_written = false;
	if (!is_written)
		notice_write(output->command, "%s: %s",
			     output->is_standard ? "standard output" : output->path,
			     errno != 0 ? strerror(errno) : "cannot be written");
	if (output->is_ours && !(is_written && is_whole))
		unlink(output->path);
	return is_written;
}
