/* SPDX-License-Identifier: MIT */
/*
 * allot/vm: execve(2). What the kernel makes of an ELF file, and why it refuses one.
 *
 * Programs are 64-bit and of x86-64, as System V's ABI has them ("Object Files", "Program Loading
 * and Dynamic Linking"); rules are those of Linux 6.18 without randomised addresses, mostly of
 * fs/binfmt_elf.c. Files are given as bytes and as pages; nothing is opened here.
 */
#ifndef ALLOT_VM_EXEC_H
#define ALLOT_VM_EXEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <allot/vm_machine.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* An ELF file. Its bytes are the caller's, and are looked at during the call only. */
struct vm_program {
	const void *bytes;     /* all of it; NULL: there is none */
	size_t byte_count;
	struct vm_file *file;  /* the same file in the page cache: vm_file_open() */
};

/* Why a file is refused. */
struct vm_elf_refusal {
	int error;             /* what execve(2) gives: ENOEXEC, ELIBBAD, EIO, ENOENT */
	bool is_interpreter;   /* it is the interpreter's file that is wrong */
	uint64_t offset;       /* into that file, of what is wrong; its size where it is cut */
	uint64_t found;        /* the number that is there */
	const char *expected;  /* what was expected there: a noun without a full stop */
};

/*
 * Is this a file that execve(2) takes? It looks at the header and at where the program headers
 * are; what they say may still end the process, in vm_space_exec(). False with *out.
 */
bool vm_elf_check(const void *bytes, size_t byte_count, bool is_interpreter,
		  struct vm_elf_refusal *out);

/*
 * The path of the interpreter (PT_INTERP), inside `bytes`, of a file that vm_elf_check() takes;
 * *out_path is NULL when it names none. False with *out when what it names is no path.
 */
bool vm_elf_interpreter(const void *bytes, size_t byte_count, const char **out_path,
			struct vm_elf_refusal *out);

/* What execve(2) is asked for. Strings count with the NUL that ends them. */
struct vm_exec_request {
	struct vm_program program;
	struct vm_program interpreter;  /* of the path vm_elf_interpreter() gives, if any */
	uint64_t name_bytes;            /* of the program's path */
	uint64_t string_bytes;          /* of all arguments and all of the environment */
	uint64_t argument_count;
	uint64_t environment_count;
};

/* What it comes to. */
struct vm_exec_result {
	int error;             /* 0: the new program is there */
	bool is_killed;        /* with an error: it was too late to go back, and the process is
				  ended by SIGSEGV; the space is empty and to be given to
				  vm_space_exit() */
	uint64_t entry;        /* address of its first instruction: the interpreter's, if any */
	uint64_t stack;        /* the stack pointer there */
	uint64_t break_start;
};

/*
 * Replace the space by what a program has before its first instruction. Faults are those of the
 * kernel's own stores: arguments, and the rest of the page where data ends. A refused file leaves
 * the space as it is but for its faults, with *out_refusal, which may be NULL.
 */
struct vm_exec_result vm_space_exec(struct vm_space *space, const struct vm_exec_request *request,
				    struct vm_elf_refusal *out_refusal);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
