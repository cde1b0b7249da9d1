/* SPDX-License-Identifier: MIT */
/*
 * Is this program built with a sanitizer? Some tests are impossible there, and say so.
 */
#ifndef SUPPORT_SANITIZER_H
#define SUPPORT_SANITIZER_H

#include <stdbool.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SUPPORT_IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer)
#define SUPPORT_IS_SANITIZED true
#endif
#endif
#ifndef SUPPORT_IS_SANITIZED
#define SUPPORT_IS_SANITIZED false
#endif

/* With a shadow memory, that is: not with the undefined behaviour sanitizer alone. */
static inline bool is_sanitized(void)
{
	return SUPPORT_IS_SANITIZED;
}

#endif
