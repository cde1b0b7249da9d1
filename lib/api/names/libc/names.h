/* SPDX-License-Identifier: MIT */
/*
 * Names of the malloc family in the shared library: the C library's own, exported.
 */
#ifndef NAMES_H
#define NAMES_H

#define API(name) name
#define API_EXPORT __attribute__((visibility("default")))

#endif
