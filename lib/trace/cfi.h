/* SPDX-License-Identifier: MIT */
/*
 * Call frame information: what compilers say, for each instruction of a function, about where the
 * caller's registers are (DWARF 5, section 6.4, in the form .eh_frame that the Linux Standard
 * Base describes).
 *
 * A *row* says for one address how the canonical frame address is found (the caller's stack
 * pointer before its call's return address was pushed) and for each register where its value for
 * the caller is. The description of a function (FDE) is found by the sorted table that linkers
 * make, or by going through all of them. Its program is run up to the address.
 *
 * All input is taken for possibly damaged: nothing outside the segment is read, and what is not
 * understood is no row. Numbers of registers are those of DWARF for x86-64.
 */
#ifndef TRACE_CFI_H
#define TRACE_CFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/module.h"

enum {
	CFI_RBX = 3,
	CFI_RBP = 6,
	CFI_RSP = 7,
	CFI_RETURN = 16, /* the return address, as if it were a register */
	CFI_REGISTERS = 17,
};

/* How a register's value for the caller is found. */
enum cfi_how {
	CFI_SAME,             /* it still has it, or nothing was said */
	CFI_UNDEFINED,        /* it is lost; of the return address: there is no caller */
	CFI_OFFSET,           /* word at CFA + value */
	CFI_OFFSET_VALUE,     /* CFA + value */
	CFI_REGISTER,         /* in register `value` */
	CFI_EXPRESSION,       /* word at what the expression at address `value` says */
	CFI_EXPRESSION_VALUE, /* what it says */
};

struct cfi_row {
	bool is_signal;           /* the caller was interrupted, it did not call */
	uint8_t cfa_register;     /* CFA = register + offset, if there is no expression */
	int64_t cfa_offset;
	uintptr_t cfa_expression; /* address of its length, 0: none */
	uint8_t how[CFI_REGISTERS];
	int64_t value[CFI_REGISTERS];
};

/* Bytes to read, one after the other. Reading past the end gives 0 and sets `is_short`. */
struct cfi_bytes {
	const uint8_t *at, *end;
	bool is_short;
};

uint8_t cfi_byte(struct cfi_bytes *bytes);
/* An unsigned number of 1, 2, 4 or 8 bytes, and one of as many as it needs. */
uint64_t cfi_fixed(struct cfi_bytes *bytes, size_t size);
uint64_t cfi_unsigned(struct cfi_bytes *bytes);
int64_t cfi_signed(struct cfi_bytes *bytes);
void cfi_skip(struct cfi_bytes *bytes, uint64_t count);

/* A function's description and what it shares with others (CIE), taken apart. */
struct cfi_function {
	uintptr_t begin, end;
	uint64_t code_align;
	int64_t data_align;
	uint8_t encoding; /* of addresses */
	bool has_augmentation;
	bool is_signal;
	struct cfi_bytes start, program; /* of the CIE, of the FDE */
};

/* The description of the function that holds an address. False: there is none. */
bool cfi_function_find(const struct os_module *module, uintptr_t address,
		       struct cfi_function *out_function);
/* Its row for the address. False: its program is not understood. */
bool cfi_row_make(const struct cfi_function *function, uintptr_t address, struct cfi_row *out_row);

/* An address, encoded as `encoding` says, relative to where it stands if that says so. */
uintptr_t cfi_address(struct cfi_bytes *bytes, uint8_t encoding, uintptr_t data_base);

/*
 * The value of an expression (DWARF 5, section 2.5) whose length is at `expression`, with `start`
 * pushed before if `has_start`. Memory is read where the kernel says that it can be. False: it is
 * not understood, or needs a register whose bit in `known` is 0.
 */
bool cfi_evaluate(uintptr_t expression, const uintptr_t *registers, uint32_t known, bool has_start,
		  uintptr_t start, uintptr_t *out_value);
/* A word of memory, if the kernel says that it can be read. */
bool cfi_word(uintptr_t address, uintptr_t *out_word);

#endif
