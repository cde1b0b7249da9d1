/* SPDX-License-Identifier: MIT */
/*
 * Replay, the clock: allocators are shown the recording's time.
 *
 * Some give pages back when these were free for a while. A replay is faster than the program was,
 * or slower, so by its own clock they would do that at other moments. This program's clock_gettime
 * comes before the C library's, for the preloaded library too: monotonic clocks stand still
 * between two records of the time. An allocator that asks the kernel itself is not reached.
 */
#include <sys/syscall.h>
#include <unistd.h>

#include "replay_memory.h"

static uint64_t shown_ms; /* of the recording */
static struct timespec base;

int replay_clock_real(clockid_t clock, struct timespec *out)
{
	return (int)syscall(SYS_clock_gettime, clock, out);
}

void replay_clock_set(uint32_t ms)
{
	shown_ms = ms;
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *out)
{
	enum { MS_A_SECOND = 1000, NS_A_MS = 1000000, NS_A_SECOND = 1000000000 };

	if (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE &&
	    clock != CLOCK_MONOTONIC_RAW && clock != CLOCK_BOOTTIME)
		return replay_clock_real(clock, out);
	if (base.tv_sec == 0 && replay_clock_real(CLOCK_MONOTONIC, &base) != 0)
		return -1;
	uint64_t ns = (uint64_t)base.tv_nsec + shown_ms % MS_A_SECOND * NS_A_MS;
	out->tv_sec = base.tv_sec + (time_t)(shown_ms / MS_A_SECOND + ns / NS_A_SECOND);
	out->tv_nsec = (long)(ns % NS_A_SECOND);
	return 0;
}
