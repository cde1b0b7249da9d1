/* SPDX-License-Identifier: MIT */
/*
 * Names of the malloc family in the static library: prefixed, so that nothing is replaced.
 */
#ifndef NAMES_H
#define NAMES_H

#define API(name) allot_##name
#define API_EXPORT

#endif
