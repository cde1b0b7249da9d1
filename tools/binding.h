/* SPDX-License-Identifier: MIT */
/*
 * Bindings: which object got its malloc from which, out of the dynamic linker's own report.
 *
 * glibc's linker, told LD_DEBUG=bindings, writes a line for every symbol it resolves. One file of
 * them holds everything a process did, which may be several programs when it called execve(2);
 * a binding_reader gives them one after another, reduced to the malloc family.
 */
#ifndef ALLOT_TOOLS_BINDING_H
#define ALLOT_TOOLS_BINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A function of the malloc family. */
struct family_member {
	const char *symbol; /* as it stands in an object file */
	const char *name;   /* as it is written in a program */
};

extern const struct family_member family[];
extern const size_t family_count;

/* Is this one of the C++ operators, which may be served through malloc by another library. */
bool family_is_operator(const struct family_member *member);

/* `object` calls `member`, and gets the one of `provider`. */
struct binding {
	const struct family_member *member;
	char *object;
	char *provider;
	bool is_allot;     /* the provider is liballot.so */
};

/* The bindings of one program, each once; those liballot.so itself needs are left out. */
struct binding_list {
	char *program;     /* its name as it was started; NULL if it never got control */
	struct binding *items;
	size_t count;
	size_t capacity;
};

struct binding_reader {
	FILE *file;          /* the caller's */
	char *line;
	size_t line_bytes;
	bool is_line_unread; /* `line` belongs to the next program */
};

void binding_reader_init(struct binding_reader *reader, FILE *file);
void binding_reader_finish(struct binding_reader *reader);

/* Read the next program into `out_list`, to be given to binding_list_finish(). False at the end. */
bool binding_reader_next(struct binding_reader *reader, struct binding_list *out_list);

void binding_list_finish(struct binding_list *list);

/* Did any object get a function from allot? */
bool binding_list_is_served(const struct binding_list *list);

/* The part of a path after its last slash. */
const char *binding_base(const char *path);

#endif
