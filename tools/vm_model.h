/* SPDX-License-Identifier: MIT */
/*
 * The model as a back end of scripts.
 */
#ifndef ALLOT_TOOLS_VM_MODEL_H
#define ALLOT_TOOLS_VM_MODEL_H

#include "vm_state.h"

struct vm_model {
	struct vm_machine *machine;
	struct vm_space *spaces[SCRIPT_PROCESSES_MAX]; /* NULL: not forked yet, or gone */
	struct vm_file *files[SCRIPT_FILES_MAX];
	uint64_t tables_own;                           /* of the furniture, in pages */
	bool is_program[SCRIPT_PROCESSES_MAX];         /* exec has taken the furniture away */
	bool is_killed[SCRIPT_PROCESSES_MAX];          /* by the step before */
	bool is_limited;   /* its processes are in a group */
	bool hides_frames; /* the kernel does too: zero pages look like others */
};

/* A range that is in every process from the start, and pages of it that are present. */
struct vm_furniture {
	uint64_t start, end;
	const bool *is_present; /* of each page; NULL: the last one */
};

/* A machine with one process. False without memory. */
bool vm_model_open(struct vm_model *model, const struct script *script,
		   const struct vm_config *config, const struct vm_furniture *furniture,
		   size_t furniture_count);
void vm_model_close(struct vm_model *model);

/* False when the process is not there, or there is no memory. */
bool vm_model_apply(struct vm_model *model, const struct vm_step *step,
		    struct vm_outcome *outcome);

/* False without memory. */
bool vm_model_look(struct vm_model *model, int process, struct vm_seen *seen);

uint64_t vm_model_break(const struct vm_model *model, int process);

/* What a process that nobody watches has: a page of program, a page of stack. */
extern const struct vm_furniture vm_furniture_plain[];
extern const size_t vm_furniture_plain_count;

#endif
