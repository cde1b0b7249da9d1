/* SPDX-License-Identifier: MIT */
/*
 * Pressure on the kernel's side: a memory cgroup for the processes of a script, and swap in zram.
 *
 * Both are made and removed by a process of our own, the janitor, which waits for us to end: what
 * was made goes also when we are killed. Takes root.
 */
#ifndef ALLOT_TOOLS_VM_PRESSURE_H
#define ALLOT_TOOLS_VM_PRESSURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	PRESSURE_PATH_BYTES = 256,
	PRESSURE_MESSAGE_BYTES = 256,
};

/* What the janitor made; the same on both sides. */
struct pressure_made {
	bool is_made;
	int zram;                            /* number of the device, or -1 */
	char folder[PRESSURE_PATH_BYTES];    /* of the cgroup */
	char message[PRESSURE_MESSAGE_BYTES];
};

struct vm_pressure {
	pid_t janitor;                       /* 0: nothing is made */
	int line;                            /* to it; it ends when this is closed */
	struct pressure_made made;
	char message[PRESSURE_MESSAGE_BYTES];
};

/* Can it be had here? False with a reason of a few words. */
bool vm_pressure_possible(bool needs_swap, bool needs_swappiness, char *reason,
			  size_t reason_bytes);

/* Has the machine swap? Then what is advised to leave does, which the model without has not. */
bool vm_pressure_has_swap(void);

/* A cgroup without a limit, and a device for swap if asked for. False with pressure->message. */
bool vm_pressure_open(struct vm_pressure *pressure, bool needs_swap);

/* Kill what is in the cgroup, and remove it and the device. */
void vm_pressure_close(struct vm_pressure *pressure);

/* Put a process into the cgroup; its pages of before stay where they are charged. */
bool vm_pressure_join(struct vm_pressure *pressure, pid_t pid);

/* Each gives 0 or an errno. `pages` 0 is no limit. */
int vm_pressure_limit(struct vm_pressure *pressure, uint64_t pages);
int vm_pressure_swap(struct vm_pressure *pressure, uint64_t pages);
int vm_pressure_swappiness(struct vm_pressure *pressure, int64_t swappiness);
int vm_pressure_adjust(pid_t pid, int64_t adjust);

/* Have the kernel add up its counts, by which reclaim decides: it does that every two seconds. */
void vm_pressure_count(const struct vm_pressure *pressure);

/* Processes the killer has chosen so far. */
uint64_t vm_pressure_kills(const struct vm_pressure *pressure);

#endif
