/* SPDX-License-Identifier: MIT */
/*
 * The operation `exec`: files of programs read for the model, and refused where they are damaged.
 */
#ifndef ALLOT_TOOLS_VM_EXEC_H
#define ALLOT_TOOLS_VM_EXEC_H

#include "vm_state.h"

/*
 * Can every file be executed that the script does, unless what follows expects an error? False
 * with script->message: the line, the file, the offset in it, and what was expected there.
 */
bool vm_exec_check(struct script *script);

/*
 * Carry out an exec on the model. False when there is no memory. Where it ends the process, the
 * outcome has its signal, and *out_is_killed is set: the space is to be given back.
 */
bool vm_exec_model(struct vm_machine *machine, struct vm_space *space, const struct vm_step *step,
		   struct vm_outcome *outcome, bool *out_is_killed);

/* What exec depends on in the running kernel: pages of the vdso, size of the auxiliary vector. */
bool vm_exec_probe(struct vm_profile *out);

#endif
