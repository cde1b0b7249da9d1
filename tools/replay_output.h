/* SPDX-License-Identifier: MIT */
/*
 * Replay, output: a run as a table, as markdown and as JSON, and runs joined from JSON.
 */
#ifndef ALLOT_TOOLS_REPLAY_OUTPUT_H
#define ALLOT_TOOLS_REPLAY_OUTPUT_H

#include <stdio.h>

#include "replay_row.h"

struct json;

#define REPLAY_SCHEMA "allot.replay/1"

/* The table for a terminal, with notes below it; or in markdown. */
void replay_table_write(FILE *out, const struct replay_run *run, bool is_markdown);

/* The object "allot.replay/1", with "what_if" as allot.report/1 has it. */
void replay_json_write(FILE *out, const struct replay_run *run);

/*
 * The block "vm" of allot.report/1, of a row whose lab is known.
 */
void replay_json_lab_write(struct json *json, const struct replay_run *run,
			   const struct replay_row *row);
/* The row whose lab the run shows: of the recorded configuration, else strategy, else the first. */
const struct replay_row *replay_lab_row(const struct replay_run *run);

/*
 * Add the rows of a file that replay_json_write() wrote. The first file gives everything else.
 * False, with a line in `message`, when it cannot be read, is of another trace, or has a row that
 * is there already with other figures.
 */
bool replay_merge(struct replay_run *run, const char *path, char *message, size_t message_bytes);

/* Put rows in the order they were planned in. */
void replay_run_sort(struct replay_run *run);

#endif
