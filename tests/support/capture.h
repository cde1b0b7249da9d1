/* SPDX-License-Identifier: MIT */
/*
 * Capture: run a program and keep what it says.
 */
#ifndef SUPPORT_CAPTURE_H
#define SUPPORT_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>

struct capture {
	int status;         /* as waitpid() tells it */
	bool is_timed_out;
	char *output;       /* standard output and error, NUL-terminated; see capture_finish() */
	size_t output_bytes;
};

/*
 * Run the program `arguments[0]` with `arguments`, NULL-terminated, until it ends or `timeout_s`
 * seconds are over; then it is killed. False when it could not be started.
 */
bool capture_run(const char *const *arguments, unsigned timeout_s, struct capture *out);
void capture_finish(struct capture *capture);

/* Did it end by itself with this status? */
bool capture_exited(const struct capture *capture, int status);

/* "exited with 1", "killed by signal 6", "ran too long". Returns `buffer`. */
const char *capture_end(const struct capture *capture, char *buffer, size_t buffer_bytes);

#endif
