/* SPDX-License-Identifier: MIT */
/*
 * Programs: a search along PATH, the "#!" line of scripts, and the head of an ELF file.
 */
#include "program.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "notice.h"

enum {
	/* The kernel reads this much of a script to find its interpreter. */
	SCRIPT_HEAD_BYTES = 256,
	/* Scripts run by scripts: the kernel's own limit. */
	SCRIPT_DEPTH_MAX = 5,
};

/* Where execvp(3) looks when PATH is not set. */
static const char path_default[] = "/bin:/usr/bin";

/* Step through PATH: copy the directory at `position`, return the next position or NULL. */
static const char *path_next(const char *position, char *out_directory, size_t directory_bytes)
{
	size_t length = strcspn(position, ":");

	/* An empty entry is the current directory. */
	if (length == 0)
		snprintf(out_directory, directory_bytes, ".");
	else
		snprintf(out_directory, directory_bytes, "%.*s", (int)length, position);
	return position[length] == ':' ? position + length + 1 : NULL;
}

static const char *path_first(void)
{
	const char *path = getenv("PATH");

	return path != NULL ? path : path_default;
}

static enum program_search file_check(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0)
		return errno == EACCES ? PROGRAM_NOT_EXECUTABLE : PROGRAM_NOT_FOUND;
	if (!S_ISREG(status.st_mode) || access(path, X_OK) != 0)
		return PROGRAM_NOT_EXECUTABLE;
	return PROGRAM_FOUND;
}

/* Resolve `name` into `path`; the best thing found along PATH counts. */
static enum program_search path_search(char path[PATH_MAX], const char *name)
{
	enum program_search best = PROGRAM_NOT_FOUND;
	char directory[PATH_MAX];

	if (name[0] == '\0')
		return PROGRAM_NOT_FOUND;
	if (strchr(name, '/') != NULL) {
		if (snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX)
			return PROGRAM_NOT_FOUND;
		return file_check(path);
	}
	for (const char *position = path_first(); position != NULL && best != PROGRAM_FOUND;) {
		position = path_next(position, directory, sizeof(directory));
		if (snprintf(path, PATH_MAX, "%s/%s", directory, name) >= PATH_MAX)
			continue;
		enum program_search search = file_check(path);
		if (search != PROGRAM_NOT_FOUND)
			best = search;
	}
	return best;
}

/* Will the kernel give the file more rights than we have, so that the linker distrusts us? */
static bool file_is_privileged(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0)
		return false;
	if ((status.st_mode & S_ISUID) != 0 && status.st_uid != getuid())
		return true;
	if ((status.st_mode & S_ISGID) != 0 && status.st_gid != getgid())
		return true;
	return getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0;
}

/* Read the interpreter named by the "#!" line in `head`; false when there is none. */
static bool script_interpreter(const char *head, char path[PATH_MAX])
{
	if (strncmp(head, "#!", 2) != 0)
		return false;
	head += 2;
	head += strspn(head, " \t");

	int length = (int)strcspn(head, " \t\n");
	const char *rest = head + length + strspn(head + length, " \t");
	snprintf(path, PATH_MAX, "%.*s", length, head);

	/* "#!/usr/bin/env NAME": env only looks NAME up. */
	const char *base = strrchr(path, '/');
	if (base != NULL && strcmp(base, "/env") == 0 && rest[0] != '-') {
		char name[SCRIPT_HEAD_BYTES];
		char found[PATH_MAX];

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(rest, " \t\n"), rest);
		if (strchr(name, '=') == NULL && path_search(found, name) == PROGRAM_FOUND)
			memcpy(path, found, sizeof(found));
	}
	return path[0] != '\0';
}

/* Look for the dynamic linker in the program headers of our own kind of ELF file. */
static void elf_read(struct program *program, int file, const ElfW(Ehdr) *header)
{
	program->kind = PROGRAM_STATIC;
	for (unsigned int i = 0; i < header->e_phnum; i++) {
		ElfW(Phdr) segment;
		off_t offset = (off_t)(header->e_phoff + i * header->e_phentsize);

		if (pread(file, &segment, sizeof(segment), offset) != sizeof(segment))
			return;
		if (segment.p_type != PT_INTERP || segment.p_filesz >= sizeof(program->linker))
			continue;
		if (pread(file, program->linker, segment.p_filesz, (off_t)segment.p_offset) !=
		    (ssize_t)segment.p_filesz)
			return;
		program->linker[segment.p_filesz] = '\0';
		program->kind = PROGRAM_DYNAMIC;
		return;
	}
}

/* Is the header one of a program that this process's libraries could be loaded into? */
static bool elf_is_ours(const ElfW(Ehdr) *header)
{
	static const unsigned char class_ours = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
	ElfW(Ehdr) own = { 0 };
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	bool is_read = file >= 0 && read(file, &own, sizeof(own)) == sizeof(own);

	if (file >= 0)
		close(file);
	return header->e_ident[EI_CLASS] == class_ours &&
	       (!is_read || header->e_machine == own.e_machine);
}

/* Fill in what `program->path` is; returns true when it is a script, now replaced. */
static bool program_read(struct program *program)
{
	union {
		char text[SCRIPT_HEAD_BYTES + 1];
		ElfW(Ehdr) elf;
	} head = { .text = "" };
	bool is_script = false;
	int file = open(program->path, O_RDONLY | O_CLOEXEC);

	program->kind = PROGRAM_UNKNOWN;
	program->linker[0] = '\0';
	program->is_privileged = file_is_privileged(program->path);
	if (file < 0)
		return false;
	ssize_t length = read(file, head.text, SCRIPT_HEAD_BYTES);
	if (length >= (ssize_t)sizeof(head.elf) && memcmp(head.text, ELFMAG, SELFMAG) == 0) {
		program->kind = PROGRAM_FOREIGN;
		if (elf_is_ours(&head.elf))
			elf_read(program, file, &head.elf);
	} else if (length > 0) {
		is_script = script_interpreter(head.text, program->path);
	}
	close(file);
	return is_script;
}

enum program_search program_find(struct program *program, const char *name)
{
	enum program_search search = path_search(program->path, name);

	if (search != PROGRAM_FOUND)
		return search;
	for (int depth = 0; program_read(program) && depth < SCRIPT_DEPTH_MAX; depth++)
		;
	return PROGRAM_FOUND;
}

/* Offer every program on PATH to `match`. */
static void path_offer(struct word_match *match)
{
	char directory_path[PATH_MAX];
	const struct dirent *entry;

	for (const char *position = path_first(); position != NULL;) {
		position = path_next(position, directory_path, sizeof(directory_path));
		DIR *directory = opendir(directory_path);
		if (directory == NULL)
			continue;
		while ((entry = readdir(directory)) != NULL)
			if (faccessat(dirfd(directory), entry->d_name, X_OK, 0) == 0 &&
			    entry->d_name[0] != '.')
				word_match_offer(match, entry->d_name);
		closedir(directory);
	}
}

/* Say that `name` was not found, naming the nearest program that would be. */
static void missing_report(const char *command, const char *name)
{
	struct word_match match;

	if (strchr(name, '/') != NULL) {
		notice_write(command, "no program '%s'", name);
		return;
	}
	word_match_init(&match, name);
	path_offer(&match);
	if (match.nearest[0] != '\0')
		notice_write(command, "no program '%s' on PATH (did you mean '%s'?)", name,
			      match.nearest);
	else
		notice_write(command, "no program '%s' on PATH", name);
}

enum program_search program_require(struct program *program, const char *command, const char *name)
{
	enum program_search search = program_find(program, name);

	if (search == PROGRAM_NOT_FOUND)
		missing_report(command, name);
	else if (search == PROGRAM_NOT_EXECUTABLE)
		notice_write(command, "%s: not executable", name);
	return search;
}

const char *program_obstacle(const struct program *program)
{
	if (program->is_privileged)
		return "runs with more rights than its caller, so the linker ignores LD_PRELOAD";
	switch (program->kind) {
	case PROGRAM_STATIC:
		return "is statically linked, so nothing can be preloaded";
	case PROGRAM_FOREIGN:
		return "is built for another machine or word size than liballot.so";
	case PROGRAM_DYNAMIC:
	case PROGRAM_UNKNOWN:
		break;
	}
	return NULL;
}
