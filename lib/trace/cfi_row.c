/* SPDX-License-Identifier: MIT */
/*
 * Running a function's program up to an address. See cfi.h.
 *
 * A program is a table of rows in the form of differences: DW_CFA_advance_loc goes to the next
 * row, everything else changes the one it is at.
 */
#include "trace/cfi.h"

enum {
	/* The two highest bits, with an operand in the others. */
	HIGH_MASK = 0xC0,
	ADVANCE = 0x40,
	OFFSET = 0x80,
	RESTORE = 0xC0,
	/* The others. */
	NOP = 0x00,
	SET_LOCATION = 0x01,
	ADVANCE_1 = 0x02,
	ADVANCE_2 = 0x03,
	ADVANCE_4 = 0x04,
	OFFSET_EXTENDED = 0x05,
	RESTORE_EXTENDED = 0x06,
	UNDEFINED = 0x07,
	SAME_VALUE = 0x08,
	REGISTER = 0x09,
	REMEMBER_STATE = 0x0A,
	RESTORE_STATE = 0x0B,
	DEFINE_CFA = 0x0C,
	DEFINE_CFA_REGISTER = 0x0D,
	DEFINE_CFA_OFFSET = 0x0E,
	DEFINE_CFA_EXPRESSION = 0x0F,
	EXPRESSION = 0x10,
	OFFSET_EXTENDED_SIGNED = 0x11,
	DEFINE_CFA_SIGNED = 0x12,
	DEFINE_CFA_OFFSET_SIGNED = 0x13,
	VALUE_OFFSET = 0x14,
	VALUE_OFFSET_SIGNED = 0x15,
	VALUE_EXPRESSION = 0x16,
	GNU_ARGUMENTS = 0x2E,
	GNU_NEGATIVE_OFFSET = 0x2F,
};

/* Compilers nest one or two. */
enum { REMEMBERED_MAX = 6 };

struct run {
	const struct cfi_function *function;
	uintptr_t location; /* of the row being made */
	uintptr_t address;  /* whose row is wanted */
	struct cfi_row row;
	struct cfi_row initial; /* after the part that all functions of a CIE share */
	struct cfi_row remembered[REMEMBERED_MAX];
	unsigned remembered_count;
	bool is_wrong;
};

static void rule_set(struct run *run, uint64_t number, enum cfi_how how, int64_t value)
{
	/* Vector and other registers are of no interest. */
	if (number >= CFI_REGISTERS)
		return;
	run->row.how[number] = (uint8_t)how;
	run->row.value[number] = value;
}

static void rule_restore(struct run *run, uint64_t number)
{
	if (number < CFI_REGISTERS)
		rule_set(run, number, (enum cfi_how)run->initial.how[number],
			 run->initial.value[number]);
}

static void cfa_set(struct run *run, uint64_t number, int64_t offset)
{
	run->is_wrong |= number >= CFI_REGISTERS;
	run->row.cfa_register = (uint8_t)number;
	run->row.cfa_offset = offset;
	run->row.cfa_expression = 0;
}

/* Where an expression's length stands; it is skipped. */
static uintptr_t expression_at(struct cfi_bytes *program)
{
	uintptr_t at = (uintptr_t)program->at;
	cfi_skip(program, cfi_unsigned(program));
	return at;
}

static void state_remember(struct run *run)
{
	if (run->remembered_count == REMEMBERED_MAX)
		run->is_wrong = true;
	else
		run->remembered[run->remembered_count++] = run->row;
}

static void state_restore(struct run *run)
{
	if (run->remembered_count == 0)
		run->is_wrong = true;
	else
		run->row = run->remembered[--run->remembered_count];
}

static int64_t offset_unsigned(const struct run *run, struct cfi_bytes *program)
{
	return (int64_t)cfi_unsigned(program) * run->function->data_align;
}

static int64_t offset_signed(const struct run *run, struct cfi_bytes *program)
{
	return cfi_signed(program) * run->function->data_align;
}

/* What changes how the CFA is found. False: it is none of these. */
static bool instruction_cfa(struct run *run, uint8_t code, struct cfi_bytes *program)
{
	uint64_t number;
	switch (code) {
	case DEFINE_CFA:
		number = cfi_unsigned(program);
		cfa_set(run, number, (int64_t)cfi_unsigned(program));
		return true;
	case DEFINE_CFA_SIGNED:
		number = cfi_unsigned(program);
		cfa_set(run, number, offset_signed(run, program));
		return true;
	case DEFINE_CFA_REGISTER:
		cfa_set(run, cfi_unsigned(program), run->row.cfa_offset);
		return true;
	case DEFINE_CFA_OFFSET:
		cfa_set(run, run->row.cfa_register, (int64_t)cfi_unsigned(program));
		return true;
	case DEFINE_CFA_OFFSET_SIGNED:
		cfa_set(run, run->row.cfa_register, offset_signed(run, program));
		return true;
	case DEFINE_CFA_EXPRESSION:
		run->row.cfa_expression = expression_at(program);
		return true;
	default:
		return false;
	}
}

/* What changes where a register is. False: it is none of these. */
static bool instruction_register(struct run *run, uint8_t code, struct cfi_bytes *program)
{
	uint64_t number;
	if (code < OFFSET_EXTENDED || (code > VALUE_EXPRESSION && code != GNU_NEGATIVE_OFFSET))
		return false;
	number = cfi_unsigned(program);
	switch (code) {
	case OFFSET_EXTENDED:
		rule_set(run, number, CFI_OFFSET, offset_unsigned(run, program));
		return true;
	case OFFSET_EXTENDED_SIGNED:
		rule_set(run, number, CFI_OFFSET, offset_signed(run, program));
		return true;
	case GNU_NEGATIVE_OFFSET:
		rule_set(run, number, CFI_OFFSET, -offset_unsigned(run, program));
		return true;
	case VALUE_OFFSET:
		rule_set(run, number, CFI_OFFSET_VALUE, offset_unsigned(run, program));
		return true;
	case VALUE_OFFSET_SIGNED:
		rule_set(run, number, CFI_OFFSET_VALUE, offset_signed(run, program));
		return true;
	case REGISTER:
		rule_set(run, number, CFI_REGISTER, (int64_t)cfi_unsigned(program));
		return true;
	case EXPRESSION:
		rule_set(run, number, CFI_EXPRESSION, (int64_t)expression_at(program));
		return true;
	case VALUE_EXPRESSION:
		rule_set(run, number, CFI_EXPRESSION_VALUE, (int64_t)expression_at(program));
		return true;
	case UNDEFINED:
		rule_set(run, number, CFI_UNDEFINED, 0);
		return true;
	case SAME_VALUE:
		rule_set(run, number, CFI_SAME, 0);
		return true;
	case RESTORE_EXTENDED:
		rule_restore(run, number);
		return true;
	default:
		return false;
	}
}

/* What goes to another row, or says nothing of this one. False: it is none of these. */
static bool instruction_row(struct run *run, uint8_t code, struct cfi_bytes *program)
{
	switch (code) {
	case NOP:
		return true;
	case SET_LOCATION:
		run->location = cfi_address(program, run->function->encoding, 0);
		return true;
	case ADVANCE_1:
	case ADVANCE_2:
	case ADVANCE_4:
		run->location += cfi_fixed(program, (size_t)1 << (code - ADVANCE_1)) *
				 run->function->code_align;
		return true;
	case REMEMBER_STATE:
		state_remember(run);
		return true;
	case RESTORE_STATE:
		state_restore(run);
		return true;
	case GNU_ARGUMENTS:
		cfi_unsigned(program);
		return true;
	default:
		return false;
	}
}

static void instruction_run(struct run *run, struct cfi_bytes *program)
{
	uint8_t code = cfi_byte(program);
	uint8_t operand = code & (uint8_t)~HIGH_MASK;
	switch (code & HIGH_MASK) {
	case ADVANCE:
		run->location += operand * run->function->code_align;
		return;
	case OFFSET:
		rule_set(run, operand, CFI_OFFSET, offset_unsigned(run, program));
		return;
	case RESTORE:
		rule_restore(run, operand);
		return;
	default:
		if (!instruction_row(run, code, program) && !instruction_cfa(run, code, program) &&
		    !instruction_register(run, code, program))
			run->is_wrong = true;
	}
}

/* Instructions, until the row after the one of the address begins. */
static bool program_run(struct run *run, struct cfi_bytes program)
{
	while (program.at < program.end && run->location <= run->address && !run->is_wrong)
		instruction_run(run, &program);
	return !run->is_wrong && !program.is_short;
}

bool cfi_row_make(const struct cfi_function *function, uintptr_t address, struct cfi_row *out_row)
{
	struct run run;
	/* Not the states that are remembered, which are most of it. */
	run.function = function;
	run.location = function->begin;
	run.address = address;
	run.row = (struct cfi_row){.is_signal = function->is_signal, .cfa_register = CFI_RSP};
	run.initial = run.row;
	run.remembered_count = 0;
	run.is_wrong = false;
	if (!program_run(&run, function->start))
		return false;
	run.initial = run.row;
	if (!program_run(&run, function->program))
		return false;
	*out_row = run.row;
	return true;
}
