/* SPDX-License-Identifier: MIT */
/*
 * The operation `exec` on the running kernel. The process is traced, and stopped for good before
 * the new program's first instruction.
 */
#ifndef ALLOT_TOOLS_VM_KERNEL_EXEC_H
#define ALLOT_TOOLS_VM_KERNEL_EXEC_H

#include "vm_kernel.h"

/* False with kernel->message when it cannot be tried. */
bool vm_kernel_exec(struct vm_kernel *kernel, const struct vm_step *step,
		    struct vm_outcome *outcome);

/* End a process that has executed a program, which is not told to end itself. */
bool vm_kernel_program_end(struct vm_kernel *kernel, int process);

#endif
