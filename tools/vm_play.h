/* SPDX-License-Identifier: MIT */
/*
 * Playing a script: operation by operation on the model, and beside it on the kernel, comparing
 * the two after each.
 */
#ifndef ALLOT_TOOLS_VM_PLAY_H
#define ALLOT_TOOLS_VM_PLAY_H

#include "vm_kernel.h"
#include "vm_model.h"
#include "vm_state.h"

enum play_result {
	PLAY_GOES_ON,
	PLAY_END,        /* no operation is left */
	PLAY_MISMATCH,   /* kernel and model differ, or an expectation fails: see message */
	PLAY_FAILED,     /* the helper or memory failed: see message */
};

struct vm_play {
	const struct script *script;
	struct vm_model model;
	struct vm_kernel *kernel;   /* NULL: the model alone */
	struct vm_places places;
	size_t next;                /* operation to play */
	size_t operations;          /* played so far, expectations and skipped ones not counted */
	const struct script_op *op; /* the last one played */
	bool is_skipped;            /* it needs a region that is nowhere */
	struct vm_outcome outcome;
	struct vm_seen seen[SCRIPT_PROCESSES_MAX];         /* the model's, after it */
	struct vm_seen before[SCRIPT_PROCESSES_MAX];       /* and before */
	struct vm_seen kernel_seen[SCRIPT_PROCESSES_MAX];
	struct vm_seen kernel_before[SCRIPT_PROCESSES_MAX];
	struct vm_counters counters_before, counters;      /* of the process of the operation */
	struct vm_shortage_view shortage_before, shortage; /* of the model's machine */
	int killed;                 /* a process killed for want of memory in it, or -1 */
	bool compares_frames;       /* also whether a page was copied or kept */
	char message[768];
};

/*
 * Start the model by `config`, and the helper at `helper_path` unless that is NULL. False with
 * play->message; finish it in any case.
 */
bool vm_play_open(struct vm_play *play, const struct script *script,
		  const struct vm_config *config, struct vm_kernel *kernel,
		  const char *helper_path);
void vm_play_close(struct vm_play *play);

/* Play one operation. */
enum play_result vm_play_next(struct vm_play *play);

/* Play what is left. */
enum play_result vm_play_all(struct vm_play *play);

/* What the operation changed, by an expectation's key. */
int64_t vm_play_value(const struct vm_play *play, enum expect_key key);

#endif
