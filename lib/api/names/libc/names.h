/* SPDX-License-Identifier: MIT */
/*
 * Names of the malloc family in the shared library: the C library's own, exported.
 */
#ifndef NAMES_H
#define NAMES_H

#define API(name) name
#define API_EXPORT __attribute__((visibility("default")))

/* Who calls, and whether its calls are to be written down: see api/record.h. */
#define CALLER thread_caller
#define IS_RECORDED() process_is_recorded()

#endif
