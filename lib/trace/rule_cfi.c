/* SPDX-License-Identifier: MIT */
/*
 * Rules from call frame information, for x86-64. See frame_rule.h.
 *
 * Most rows say what a rule can say. Two kinds do not: those of functions that align their stack,
 * which gcc describes by two expressions that always are the same; and those that need more than
 * stack and frame pointer: a signal's frame, which holds all registers, the loader's entry for
 * lazy binding, whose frame is found by rbx, and what was written by hand. Rows of the last kind
 * are followed with all registers, from the innermost frame on, some microseconds a frame.
 */
#include <string.h>

#include "base/registers.h"
#include "trace/cfi.h"
#include "trace/frame_rule.h"

enum { WORD_BYTES = sizeof(uintptr_t) };

/* ---- rules ---- */

/* Is the expression `DW_OP_breg6 N`, followed by `DW_OP_deref` if `is_deref`? Then N. */
static bool expression_is_based(uintptr_t expression, bool is_deref, int64_t *out_offset)
{
	enum { BASED_RBP = 0x76, DEREFERENCE = 0x06, LENGTH_MAX = 12 };
	struct cfi_bytes bytes = {(const uint8_t *)expression,
				  (const uint8_t *)expression + LENGTH_MAX, false};
	uint64_t length = cfi_unsigned(&bytes);
	if (length > LENGTH_MAX - 1)
		return false;
	bytes.end = bytes.at + length;
	if (cfi_byte(&bytes) != BASED_RBP)
		return false;
	*out_offset = cfi_signed(&bytes);
	if (is_deref && cfi_byte(&bytes) != DEREFERENCE)
		return false;
	return bytes.at == bytes.end && !bytes.is_short;
}

/* The frame of a function that aligned its stack: rbp points at the saved one. */
static uint64_t rule_realigned(const struct cfi_row *row)
{
	int64_t cfa_offset, saved_offset;
	if (row->cfa_expression != 0 && row->how[CFI_RBP] == CFI_EXPRESSION &&
	    expression_is_based(row->cfa_expression, true, &cfa_offset) &&
	    expression_is_based((uintptr_t)row->value[CFI_RBP], false, &saved_offset) &&
	    saved_offset == 0 && cfa_offset == (int32_t)cfa_offset)
		return rule_word(RULE_STORED, (int32_t)cfa_offset, 0);
	return rule_word(RULE_FULL, 0, 0);
}

/* Where rbp was saved, in words from the CFA. False: a rule cannot say it. */
static bool saved_find(const struct cfi_row *row, int *out_saved)
{
	int64_t value = row->value[CFI_RBP];
	*out_saved = 0;
	if (row->how[CFI_RBP] == CFI_SAME || row->how[CFI_RBP] == CFI_UNDEFINED)
		return true;
	if (row->how[CFI_RBP] != CFI_OFFSET || value >= 0 || value % WORD_BYTES != 0 ||
	    -value / WORD_BYTES >= RULE_SAVED_MAX)
		return false;
	*out_saved = (int)(value / WORD_BYTES);
	return true;
}

static uint64_t rule_of_row(const struct cfi_row *row)
{
	int saved;
	if (row->how[CFI_RETURN] == CFI_UNDEFINED)
		return rule_word(RULE_END, 0, 0);
	if (row->is_signal || row->how[CFI_RETURN] != CFI_OFFSET ||
	    row->value[CFI_RETURN] != -WORD_BYTES || row->how[CFI_RSP] != CFI_SAME)
		return rule_word(RULE_FULL, 0, 0);
	if (row->cfa_expression != 0)
		return rule_realigned(row);
	if (!saved_find(row, &saved) || row->cfa_offset != (int32_t)row->cfa_offset)
		return rule_word(RULE_FULL, 0, 0);
	if (row->cfa_register == CFI_RSP)
		return rule_word(RULE_SP, (int32_t)row->cfa_offset, saved);
	if (row->cfa_register == CFI_RBP)
		return rule_word(RULE_FP, (int32_t)row->cfa_offset, saved);
	return rule_word(RULE_FULL, 0, 0);
}

uint64_t rule_make(const struct os_module *module, uintptr_t address)
{
	struct cfi_function function;
	struct cfi_row row;
	if (module == NULL || !cfi_function_find(module, address, &function))
		return rule_frame_pointer();
	if (!cfi_row_make(&function, address, &row))
		return rule_word(RULE_NONE, 0, 0);
	return rule_of_row(&row);
}

/* ---- all registers ---- */

struct all_registers {
	uintptr_t value[CFI_REGISTERS]; /* of CFI_RETURN: the pc, as struct registers has it */
	uint32_t known;                 /* a bit for each */
};

/* Those that functions keep for their callers, and where this one is. */
static inline __attribute__((always_inline)) void registers_all(struct all_registers *out)
{
	enum { R12 = 12 };
	struct registers here = registers_here();
	memset(out, 0, sizeof(*out));
	__asm__ volatile("mov %%rbx, (%0)\n\t"
			 "mov %%r12, (%1)\n\t"
			 "mov %%r13, 8(%1)\n\t"
			 "mov %%r14, 16(%1)\n\t"
			 "mov %%r15, 24(%1)"
			 :
			 : "r"(&out->value[CFI_RBX]), "r"(&out->value[R12])
			 : "memory");
	out->value[CFI_RBP] = here.fp;
	out->value[CFI_RSP] = here.sp;
	out->value[CFI_RETURN] = here.pc + 1;
	out->known = 1u << CFI_RBX | 1u << CFI_RBP | 1u << CFI_RSP | 1u << CFI_RETURN |
		     0xFu << R12;
}

static bool cfa_find(const struct cfi_row *row, const struct all_registers *registers,
		     uintptr_t *out_cfa)
{
	if (row->cfa_expression != 0)
		return cfi_evaluate(row->cfa_expression, registers->value, registers->known, false,
				    0, out_cfa);
	if ((registers->known >> row->cfa_register & 1) == 0)
		return false;
	*out_cfa = registers->value[row->cfa_register] + (uintptr_t)row->cfa_offset;
	return true;
}

/* The caller's value of a register. False: it is not known. */
static bool value_find(const struct cfi_row *row, unsigned number, uintptr_t cfa,
		       const struct all_registers *registers, uintptr_t *out_value)
{
	uintptr_t at;
	int64_t value = row->value[number];
	switch (row->how[number]) {
	case CFI_SAME:
		*out_value = number == CFI_RSP ? cfa : registers->value[number];
		return number == CFI_RSP || (registers->known >> number & 1) != 0;
	case CFI_OFFSET:
		return cfi_word(cfa + (uintptr_t)value, out_value);
	case CFI_OFFSET_VALUE:
		*out_value = cfa + (uintptr_t)value;
		return true;
	case CFI_REGISTER:
		if (value < 0 || value >= CFI_REGISTERS || (registers->known >> value & 1) == 0)
			return false;
		*out_value = registers->value[value];
		return true;
	case CFI_EXPRESSION:
		return cfi_evaluate((uintptr_t)value, registers->value, registers->known, true, cfa,
				    &at) &&
		       cfi_word(at, out_value);
	case CFI_EXPRESSION_VALUE:
		return cfi_evaluate((uintptr_t)value, registers->value, registers->known, true, cfa,
				    out_value);
	default:
		return false;
	}
}

/* The caller by frame pointer, where nothing is said. */
static bool step_frame_pointer(struct all_registers *registers)
{
	uintptr_t fp = registers->value[CFI_RBP], caller_fp, caller_pc;
	if ((registers->known >> CFI_RBP & 1) == 0 || fp < registers->value[CFI_RSP] ||
	    !cfi_word(fp, &caller_fp) || !cfi_word(fp + WORD_BYTES, &caller_pc))
		return false;
	registers->value[CFI_RBP] = caller_fp;
	registers->value[CFI_RSP] = fp + (uintptr_t)2 * WORD_BYTES;
	registers->value[CFI_RETURN] = caller_pc;
	registers->known = 1u << CFI_RBP | 1u << CFI_RSP | 1u << CFI_RETURN;
	return true;
}

/* From a function to its caller. */
static bool step_all(struct all_registers *registers)
{
	struct all_registers caller = {.known = 0};
	struct os_module module;
	struct cfi_function function;
	struct cfi_row row;
	uintptr_t address = registers->value[CFI_RETURN] - 1, cfa;
	if (!os_module_find(address, &module) || !cfi_function_find(&module, address, &function))
		return step_frame_pointer(registers);
	if (!cfi_row_make(&function, address, &row) || !cfa_find(&row, registers, &cfa))
		return false;
	for (unsigned i = 0; i < CFI_REGISTERS; i++) {
		if (value_find(&row, i, cfa, registers, &caller.value[i]))
			caller.known |= 1u << i;
	}
	if ((caller.known >> CFI_RETURN & 1) == 0 || row.how[CFI_RETURN] == CFI_SAME)
		return false;
	/* An interrupted instruction is where it says, not before. */
	if (row.is_signal)
		caller.value[CFI_RETURN]++;
	*registers = caller;
	return true;
}

ALLOT_OUTLINE bool rule_step_full(const struct registers *frame, struct registers *out_caller)
{
	enum { STEPS_MAX = 4096 };
	struct all_registers registers;
	registers_all(&registers);
	for (unsigned i = 0; i < STEPS_MAX; i++) {
		bool is_there = registers.value[CFI_RETURN] == frame->pc &&
				registers.value[CFI_RSP] == frame->sp;
		if (!step_all(&registers))
			return false;
		if (!is_there)
			continue;
		*out_caller = (struct registers){
			.pc = registers.value[CFI_RETURN],
			.sp = registers.value[CFI_RSP],
			.fp = registers.value[CFI_RBP],
		};
		return true;
	}
	return false;
}
