/* SPDX-License-Identifier: MIT */
/*
 * Import: other people's traces, which are lines of text, as a source of one stream.
 *
 * Opening goes through all lines once, for names and stacks; reading goes through them again. What
 * a line means is the form's business. Lines that cannot be read are told one by one, the first
 * few.
 */
#ifndef TRACE_IMPORT_H
#define TRACE_IMPORT_H

#include "trace/dictionary.h"
#include "trace/forms.h"
#include "trace/record.h"

/* What a line was. */
enum import_line {
	IMPORT_NOTHING,
	IMPORT_RECORD,
	IMPORT_WRONG, /* it cannot be read */
	IMPORT_MEMORY, /* there is no memory for it */
};

/* What a form knows while it goes through the lines; its own fields follow. */
struct import_state {
	struct trace_dictionary *dictionary;
	bool is_first_pass;    /* only then frames and names go to the dictionary */
	uint64_t time;         /* of the record, in ns; without times, the records so far */
	struct trace_sample sample;
};

struct import_form {
	const char *name;
	bool (*recognise)(const char *head, size_t bytes);
	/* A state for one pass, of this many bytes, zeroed; what it holds is given back. */
	size_t state_bytes;
	enum import_line (*line)(struct import_state *state, char *line, struct trace_record *out);
	void (*finish)(struct import_state *state);
	bool has_addresses, has_times;
};

/* A source, if the file is of this form; see form_open. */
struct trace_source *import_open(const struct form_file *file, const struct import_form *form);

extern const struct import_form import_rep, import_mtrace, import_heaptrack;

/* Read a number of `base` at *text, skip it and blanks behind it. False: there is none. */
bool import_number(char **text, unsigned base, uint64_t *out);

#endif
