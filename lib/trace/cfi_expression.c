/* SPDX-License-Identifier: MIT */
/*
 * Expressions: a little machine with a stack. See cfi.h.
 *
 * All that DWARF 5 has but for calls, other address spaces, types and objects in pieces, which
 * have no meaning in call frame information.
 */
#include "base/registers.h"
#include "os/map.h"
#include "trace/cfi.h"

enum {
	ADDRESS = 0x03,
	DEREFERENCE = 0x06,
	CONSTANT_1 = 0x08, /* unsigned, signed, then of 2, 4, 8 bytes */
	CONSTANT_8_SIGNED = 0x0F,
	CONSTANT_UNSIGNED = 0x10,
	CONSTANT_SIGNED = 0x11,
	DUPLICATE = 0x12,
	DROP = 0x13,
	OVER = 0x14,
	PICK = 0x15,
	SWAP = 0x16,
	ROTATE = 0x17,
	ABSOLUTE = 0x19,
	AND = 0x1A,
	DIVIDE = 0x1B,
	MINUS = 0x1C,
	MODULO = 0x1D,
	MULTIPLY = 0x1E,
	NEGATE = 0x1F,
	NOT = 0x20,
	OR = 0x21,
	PLUS = 0x22,
	PLUS_CONSTANT = 0x23,
	SHIFT_LEFT = 0x24,
	SHIFT_RIGHT = 0x25,
	SHIFT_RIGHT_SIGNED = 0x26,
	XOR = 0x27,
	BRANCH = 0x28,
	EQUAL = 0x29,
	GREATER_EQUAL = 0x2A,
	GREATER = 0x2B,
	LESS_EQUAL = 0x2C,
	LESS = 0x2D,
	NOT_EQUAL = 0x2E,
	SKIP = 0x2F,
	LITERAL_0 = 0x30,
	LITERAL_31 = 0x4F,
	BASED_0 = 0x70,
	BASED_31 = 0x8F,
	BASED_EXTENDED = 0x92,
	DEREFERENCE_SIZE = 0x94,
	NOP = 0x96,
};

enum {
	DEPTH_MAX = 32,
	STEPS_MAX = 1000, /* branches may go back */
	LENGTH_MAX = 4096,
};

struct machine {
	struct cfi_bytes code;
	const uint8_t *begin;
	const uintptr_t *registers;
	uint32_t known;
	uintptr_t stack[DEPTH_MAX];
	unsigned depth;
	bool is_wrong;
};

READS_STACK bool cfi_word(uintptr_t address, uintptr_t *out_word)
{
	/* The word, which may lie across two aligned ones. */
	enum { WORD_BYTES = sizeof(uintptr_t) };
	uintptr_t first = address & ~(uintptr_t)(WORD_BYTES - 1);
	uintptr_t last = (address + WORD_BYTES - 1) & ~(uintptr_t)(WORD_BYTES - 1);
	if (last < first || !os_is_readable((const void *)first) ||
	    (last != first && !os_is_readable((const void *)last)))
		return false;
	/* Not by memcpy(), which the address sanitizer has its own of. */
	uintptr_t word = 0;
	for (unsigned i = WORD_BYTES; i-- > 0;)
		word = word << 8 | ((const volatile unsigned char *)address)[i];
	*out_word = word;
	return true;
}

static void push(struct machine *machine, uintptr_t value)
{
	if (machine->depth == DEPTH_MAX)
		machine->is_wrong = true;
	else
		machine->stack[machine->depth++] = value;
}

static uintptr_t pop(struct machine *machine)
{
	if (machine->depth == 0) {
		machine->is_wrong = true;
		return 0;
	}
	return machine->stack[--machine->depth];
}

/* A copy of the one `below` others. */
static void pick(struct machine *machine, unsigned below)
{
	if (below >= machine->depth)
		machine->is_wrong = true;
	else
		push(machine, machine->stack[machine->depth - 1 - below]);
}

static void push_based(struct machine *machine, uint64_t number)
{
	int64_t offset = cfi_signed(&machine->code);
	if (number >= CFI_REGISTERS || (machine->known >> number & 1) == 0)
		machine->is_wrong = true;
	else
		push(machine, machine->registers[number] + (uintptr_t)offset);
}

static void dereference(struct machine *machine, unsigned bytes)
{
	uintptr_t word = 0;
	machine->is_wrong |= !cfi_word(pop(machine), &word) || bytes > sizeof(word) || bytes == 0;
	if (bytes < sizeof(word))
		word &= ((uintptr_t)1 << bytes * 8) - 1;
	push(machine, word);
}

static void branch(struct machine *machine, bool is_taken)
{
	int64_t distance = (int16_t)cfi_fixed(&machine->code, 2);
	if (!is_taken)
		return;
	if (distance < machine->begin - machine->code.at ||
	    distance > machine->code.end - machine->code.at)
		machine->is_wrong = true;
	else
		machine->code.at += distance;
}

static uintptr_t shifted(uint8_t code, uintptr_t a, uintptr_t count)
{
	enum { WORD_BITS = 64 };
	if (code == SHIFT_RIGHT_SIGNED)
		return (uintptr_t)((intptr_t)a >> (count < WORD_BITS ? count : WORD_BITS - 1));
	if (count >= WORD_BITS)
		return 0;
	return code == SHIFT_LEFT ? a << count : a >> count;
}

/* Of two operands, `b` on top. */
static uintptr_t binary(struct machine *machine, uint8_t code, uintptr_t a, uintptr_t b)
{
	switch (code) {
	case AND: return a & b;
	case OR: return a | b;
	case XOR: return a ^ b;
	case PLUS: return a + b;
	case MINUS: return a - b;
	case MULTIPLY: return a * b;
	case EQUAL: return a == b;
	case NOT_EQUAL: return a != b;
	case LESS: return (intptr_t)a < (intptr_t)b;
	case LESS_EQUAL: return (intptr_t)a <= (intptr_t)b;
	case GREATER: return (intptr_t)a > (intptr_t)b;
	case GREATER_EQUAL: return (intptr_t)a >= (intptr_t)b;
	case SHIFT_LEFT:
	case SHIFT_RIGHT:
	case SHIFT_RIGHT_SIGNED: return shifted(code, a, b);
	case DIVIDE:
	case MODULO:
		/* The quotient of the least number by -1 is not one. */
		if (b == 0 || b == UINTPTR_MAX)
			break;
		return code == MODULO ? a % b : (uintptr_t)((intptr_t)a / (intptr_t)b);
	default:
		break;
	}
	machine->is_wrong = true;
	return 0;
}

static void rotate(struct machine *machine)
{
	uintptr_t first = pop(machine), second = pop(machine), third = pop(machine);
	push(machine, first);
	push(machine, third);
	push(machine, second);
}

/* What works on the stack alone. */
static void instruction_stack(struct machine *machine, uint8_t code)
{
	uintptr_t top;
	switch (code) {
	case NOP: return;
	case DUPLICATE: pick(machine, 0); return;
	case DROP: pop(machine); return;
	case OVER: pick(machine, 1); return;
	case PICK: pick(machine, cfi_byte(&machine->code)); return;
	case ROTATE: rotate(machine); return;
	case SWAP:
		top = pop(machine);
		pick(machine, 0);
		if (machine->depth >= 2)
			machine->stack[machine->depth - 2] = top;
		return;
	case ABSOLUTE:
		top = pop(machine);
		push(machine, (intptr_t)top < 0 ? -top : top);
		return;
	case NEGATE: push(machine, -pop(machine)); return;
	case NOT: push(machine, ~pop(machine)); return;
	case PLUS_CONSTANT:
		push(machine, pop(machine) + cfi_unsigned(&machine->code));
		return;
	default:
		top = pop(machine);
		push(machine, binary(machine, code, pop(machine), top));
	}
}

static void constant(struct machine *machine, uint8_t code)
{
	enum { WORD_BITS = 64 };
	unsigned size = 1u << ((code - CONSTANT_1) >> 1);
	unsigned unused = WORD_BITS - size * 8;
	uint64_t value = cfi_fixed(&machine->code, size) << unused;
	bool is_signed = ((code - CONSTANT_1) & 1) != 0;
	push(machine, is_signed ? (uintptr_t)((int64_t)value >> unused) : value >> unused);
}

static void instruction_run(struct machine *machine, uint8_t code)
{
	if (code >= LITERAL_0 && code <= LITERAL_31)
		push(machine, code - LITERAL_0);
	else if (code >= BASED_0 && code <= BASED_31)
		push_based(machine, code - BASED_0);
	else if (code >= CONSTANT_1 && code <= CONSTANT_8_SIGNED)
		constant(machine, code);
	else if (code == BASED_EXTENDED)
		push_based(machine, cfi_unsigned(&machine->code));
	else if (code == CONSTANT_UNSIGNED)
		push(machine, cfi_unsigned(&machine->code));
	else if (code == CONSTANT_SIGNED)
		push(machine, (uintptr_t)cfi_signed(&machine->code));
	else if (code == ADDRESS)
		push(machine, cfi_fixed(&machine->code, sizeof(uintptr_t)));
	else if (code == DEREFERENCE)
		dereference(machine, sizeof(uintptr_t));
	else if (code == DEREFERENCE_SIZE)
		dereference(machine, cfi_byte(&machine->code));
	else if (code == SKIP)
		branch(machine, true);
	else if (code == BRANCH)
		branch(machine, pop(machine) != 0);
	else
		instruction_stack(machine, code);
}

bool cfi_evaluate(uintptr_t expression, const uintptr_t *registers, uint32_t known, bool has_start,
		  uintptr_t start, uintptr_t *out_value)
{
	struct machine machine;
	/* Its length was read before, inside the segment. */
	struct cfi_bytes length = {(const uint8_t *)expression,
				   (const uint8_t *)expression + LENGTH_MAX, false};
	uint64_t count = cfi_unsigned(&length);
	if (count > LENGTH_MAX)
		return false;
	machine.code = (struct cfi_bytes){length.at, length.at + count, false};
	machine.begin = length.at;
	machine.registers = registers;
	machine.known = known;
	machine.depth = 0;
	machine.is_wrong = false;
	if (has_start)
		push(&machine, start);
	for (unsigned steps = 0; machine.code.at < machine.code.end; steps++) {
		if (machine.is_wrong || steps == STEPS_MAX)
			return false;
		instruction_run(&machine, cfi_byte(&machine.code));
	}
	if (machine.is_wrong || machine.code.is_short || machine.depth == 0)
		return false;
	*out_value = machine.stack[machine.depth - 1];
	return true;
}
