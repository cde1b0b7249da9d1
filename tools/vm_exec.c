/* SPDX-License-Identifier: MIT */
/*
 * The operation `exec`: what of it is the same for a script that is read and one that is played.
 * The helper's and the kernel's part is vm_kernel_exec.c.
 *
 * A program is started as execve(path, {path}, {}), or with one more argument of as many pages as
 * the script says. Files are read whole, so that their pages are in the page cache when the kernel
 * comes to them: no fault of an exec is a major one.
 */
#include "vm_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- files ---- */

/* A file, read whole. */
struct file {
	char *bytes;
	size_t byte_count;
};

/* 0, or the error execve(2) has for a file that cannot be had. */
static int file_read(struct file *file, const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC), error = 0;
	*file = (struct file){ .bytes = NULL };
	if (fd < 0)
		return errno;
	if (fstat(fd, &status) < 0)
		error = errno;
	else if (!S_ISREG(status.st_mode) || access(path, X_OK) < 0)
		error = EACCES;
	else if ((file->bytes = malloc((size_t)status.st_size + 1)) == NULL)
		error = ENOMEM;
	while (error == 0 && file->byte_count < (size_t)status.st_size) {
		ssize_t length = read(fd, file->bytes + file->byte_count,
				      (size_t)status.st_size - file->byte_count);
		if (length < 0 && errno != EINTR)
			error = errno;
		if (length == 0)
			break;
		file->byte_count += length > 0 ? (size_t)length : 0;
	}
	close(fd);
	return error;
}

/* A program and its interpreter. */
struct pair {
	struct file program, interpreter;
	char interpreter_path[PATH_MAX];
	struct vm_elf_refusal refusal;
};

static void pair_finish(struct pair *pair)
{
	free(pair->program.bytes);
	free(pair->interpreter.bytes);
}

static bool unreadable(struct pair *pair, int error, bool is_interpreter)
{
	pair->refusal = (struct vm_elf_refusal){ .error = error, .is_interpreter = is_interpreter };
	return false;
}

/* Read both, and check their headers. False with pair->refusal; finish it in any case. */
static bool pair_read(struct pair *pair, const char *path)
{
	const char *interpreter;
	memset(pair, 0, sizeof(*pair));
	int error = file_read(&pair->program, path);
	if (error != 0)
		return unreadable(pair, error, false);
	const struct file *program = &pair->program;
	if (!vm_elf_check(program->bytes, program->byte_count, false, &pair->refusal) ||
	    !vm_elf_interpreter(program->bytes, program->byte_count, &interpreter, &pair->refusal))
		return false;
	if (interpreter == NULL)
		return true;
	snprintf(pair->interpreter_path, sizeof(pair->interpreter_path), "%s", interpreter);
	/* To the kernel a path of nothing is the current folder. */
	error = interpreter[0] == '\0' ? EACCES
				       : file_read(&pair->interpreter, pair->interpreter_path);
	if (error != 0)
		return unreadable(pair, error, true);
	return vm_elf_check(pair->interpreter.bytes, pair->interpreter.byte_count, true,
			    &pair->refusal);
}

/* ---- scripts ---- */

static bool expects_error(const struct script *script, size_t index)
{
	const struct script_op *next = &script->ops[index + 1];
	if (index + 1 == script->op_count || next->verb != VERB_EXPECT)
		return false;
	for (size_t i = 0; i < next->expect_count; i++)
		if (next->expects[i].key == EXPECT_ERROR)
			return true;
	return false;
}

static void refusal_write(struct script *script, const struct script_op *op,
			  const struct pair *pair)
{
	const struct vm_elf_refusal *refusal = &pair->refusal;
	const char *file = refusal->is_interpreter ? pair->interpreter_path : op->path;
	const char *error = script_error_name(refusal->error);
	if (refusal->expected == NULL)
		snprintf(script->message, sizeof(script->message), "%s:%d: %.160s: %s (%s)",
			 script->path, op->line, file, strerror(refusal->error), error);
	else
		snprintf(script->message, sizeof(script->message),
			 "%s:%d: %.160s: at byte %" PRIu64 " expected %s, not %" PRIu64 " (%s)",
			 script->path, op->line, file, refusal->offset, refusal->expected,
			 refusal->found, error);
}

bool vm_exec_check(struct script *script)
{
	static struct pair pair; /* too large for a stack */
	bool is_right = true;
	for (size_t i = 0; i < script->op_count && is_right; i++) {
		const struct script_op *op = &script->ops[i];
		if (op->verb != VERB_EXEC || expects_error(script, i))
			continue;
		is_right = pair_read(&pair, op->path);
		if (!is_right)
			refusal_write(script, op, &pair);
		pair_finish(&pair);
	}
	return is_right;
}

/* ---- the model ---- */

static bool program_make(struct vm_machine *machine, const struct file *file,
			 struct vm_program *out)
{
	*out = (struct vm_program){ .bytes = file->bytes, .byte_count = file->byte_count };
	if (file->bytes == NULL)
		return true;
	out->file = vm_file_open(machine, VM_FILE_DISK, file->byte_count);
	return out->file != NULL;
}

static void outcome_make(const struct vm_exec_result *result, struct vm_outcome *outcome)
{
	if (result->is_killed)
		outcome->signal = VM_SIGSEGV_KERNEL;
	else
		outcome->error = result->error;
	if (result->error != 0)
		return;
	outcome->value = result->entry;
	outcome->stack = result->stack;
	outcome->break_start = result->break_start;
}

bool vm_exec_model(struct vm_machine *machine, struct vm_space *space, const struct vm_step *step,
		   struct vm_outcome *outcome, bool *out_is_killed)
{
	static struct pair pair; /* too large for a stack */
	uint64_t name_bytes = strlen(step->path) + 1;
	struct vm_exec_request request = {
		.name_bytes = name_bytes,
		.string_bytes = name_bytes + step->new_bytes,
		.argument_count = step->new_bytes != 0 ? 2 : 1,
	};
	*out_is_killed = false;
	bool is_right = pair_read(&pair, step->path);
	if (pair.program.bytes == NULL) {
		outcome->error = pair.refusal.error;
		return outcome->error != ENOMEM;
	}
	/* A file that is refused is refused once more, for what that costs. */
	bool is_done = program_make(machine, &pair.program, &request.program) &&
		       program_make(machine, &pair.interpreter, &request.interpreter);
	if (is_done) {
		struct vm_exec_result result = vm_space_exec(space, &request, NULL);
		outcome_make(&result, outcome);
		*out_is_killed = result.is_killed;
		if (!is_right)
			outcome->error = pair.refusal.error;
	}
	pair_finish(&pair);
	return is_done;
}

/* ---- the running kernel ---- */

/* Entries of our own auxiliary vector, its end included. */
static uint32_t aux_count(void)
{
	uint64_t words[512];
	int fd = open("/proc/self/auxv", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd >= 0 ? read(fd, words, sizeof(words)) : 0;
	if (fd >= 0)
		close(fd);
	for (ssize_t i = 0; i + 1 < length / (ssize_t)sizeof(words[0]); i += 2)
		if (words[i] == 0)
			return (uint32_t)i / 2 + 1;
	return 0;
}

bool vm_exec_probe(struct vm_profile *out)
{
	const struct {
		const char *name;
		uint32_t *pages;
	} parts[] = {
		{ "[vvar]", &out->vvar_pages },
		{ "[vvar_vclock]", &out->vclock_pages },
		{ "[vdso]", &out->vdso_pages },
	};
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "r");
	out->aux_count = aux_count();
	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
		uint64_t start, end;
		if (sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) != 2)
			continue;
		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
			if (strstr(line, parts[i].name) != NULL)
				*parts[i].pages = (uint32_t)((end - start) / SCRIPT_PAGE_BYTES);
	}
	if (maps != NULL)
		fclose(maps);
	return maps != NULL && out->aux_count != 0;
}
