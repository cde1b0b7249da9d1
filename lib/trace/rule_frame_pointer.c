/* SPDX-License-Identifier: MIT */
/*
 * Rules for architectures whose call frame information is not read here: frame pointers, which
 * compilers keep there unless told otherwise (aarch64: the frame record at x29 is the caller's x29
 * and the return address). See frame_rule.h.
 */
#include "base/registers.h"
#include "trace/frame_rule.h"

uint64_t rule_make(const struct os_module *module, uintptr_t address)
{
	(void)module;
	(void)address;
	return rule_frame_pointer();
}

bool rule_step_full(const struct registers *frame, struct registers *out_caller)
{
	(void)frame;
	(void)out_caller;
	return false;
}
