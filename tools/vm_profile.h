/* SPDX-License-Identifier: MIT */
/*
 * Profiles of kernels as files: what `allot vm probe` writes, and --profile reads.
 */
#ifndef ALLOT_TOOLS_VM_PROFILE_H
#define ALLOT_TOOLS_VM_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <allot/vm.h>

enum {
	PROFILE_NAME_BYTES = 32,
};

/* A profile that was read; profile.name points to `name`. */
struct profile_read {
	struct vm_profile profile;
	char name[PROFILE_NAME_BYTES];
	size_t offset;           /* of what is wrong, in bytes */
	char expected[80];       /* what was expected there */
};

/* Write it as JSON of the schema allot.vm.profile/1. */
void profile_write(const struct vm_profile *profile, FILE *out);

/*
 * Read what profile_write() wrote, members in any order, each of them once: NUL-terminated text.
 * False with out->offset and out->expected.
 */
bool profile_parse(struct profile_read *out, const char *text);

#endif
