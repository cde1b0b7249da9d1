/* SPDX-License-Identifier: MIT */
/*
 * Following: the raw files that a recorded program and its children make in a private folder, each
 * packed into a file of its own while its process runs.
 */
#ifndef ALLOT_TOOLS_RECORD_FOLLOW_H
#define ALLOT_TOOLS_RECORD_FOLLOW_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <allot/trace_file.h>

enum { FOLLOW_MESSAGE_BYTES = 1024 };

/* A raw file, and what becomes of it. */
struct follow_file {
	char name[NAME_MAX + 1];     /* in the folder */
	char output[PATH_MAX];
	struct trace_packer *packer; /* NULL: not begun, or done */
	pid_t process;
	uint64_t start_ticks;        /* of its recording, as the file says; 0: not known */
	bool is_done, is_refused;    /* refused: it could not be packed */
	bool is_running;             /* its process was when we stopped looking */
	struct trace_packed packed;
};

struct follow {
	char folder[PATH_MAX];       /* of raw files */
	char prefix[PATH_MAX];       /* of outputs: "allot", or what -o says */
	struct follow_file *files;
	size_t count, capacity;
};

/* Make the folder. False with a message. */
bool follow_begin(struct follow *follow, const char *prefix, char *message, size_t message_bytes);

/* Look for new files and pack what is ready; how many bytes that was. */
size_t follow_step(struct follow *follow);

/* Finish the files whose process has ended; with `is_all` all of them. */
void follow_finish(struct follow *follow, bool is_all);

/* Is there a file that is not finished? */
bool follow_is_open(const struct follow *follow);

/*
 * How many processes still write a file. Those of another namespace, whose numbers are not ours, do
 * not count.
 */
size_t follow_count_running(const struct follow *follow);

/* Remove the folder and give everything back. */
void follow_end(struct follow *follow);

#endif
