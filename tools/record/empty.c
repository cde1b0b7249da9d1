/* SPDX-License-Identifier: MIT */
/* Nothing: stands for an object that gcc links into every program with its sanitizer. */
typedef int nothing;
