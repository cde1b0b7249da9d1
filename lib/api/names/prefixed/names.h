/* SPDX-License-Identifier: MIT */
/*
 * Names of the malloc family in the static library: prefixed, so that nothing is replaced.
 */
#ifndef NAMES_H
#define NAMES_H

#define API(name) allot_##name
#define API_EXPORT

/* Who calls, and whether its calls are to be written down: see api/record.h. */
#define CALLER thread_caller
#define IS_RECORDED() process_is_recorded()

#endif
