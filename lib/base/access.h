/* SPDX-License-Identifier: MIT */
/*
 * Access to the words a heap keeps in its own pages: tags, links, bitmaps and state bytes.
 *
 * Every strategy reads and writes such words only through these functions. A normal build makes
 * them plain loads and stores. A build with ALLOT_OBSERVED defined also reports each access to
 * access_observe(), which that build's program supplies: this is how a model of memory learns
 * which cache lines and pages a strategy touches, exactly and not by guess.
 *
 * Words are read and written whole (relaxed atomics, which cost nothing): the owner of a block may
 * read its tag while a neighbour's release changes the bit about that neighbour.
 */
#ifndef BASE_ACCESS_H
#define BASE_ACCESS_H

#include <stddef.h>
#include <stdint.h>

enum access_kind { ACCESS_LOAD, ACCESS_STORE };

#ifdef ALLOT_OBSERVED
void access_observe(const void *address, size_t bytes, enum access_kind kind);
#else
static inline void access_observe(const void *address, size_t bytes, enum access_kind kind)
{
	(void)address, (void)bytes, (void)kind;
}
#endif

static inline uint64_t word_load(const uint64_t *word)
{
	access_observe(word, sizeof(*word), ACCESS_LOAD);
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void word_store(uint64_t *word, uint64_t value)
{
	access_observe(word, sizeof(*word), ACCESS_STORE);
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline uint8_t byte_load(const uint8_t *byte)
{
	access_observe(byte, sizeof(*byte), ACCESS_LOAD);
	return *byte;
}

static inline void byte_store(uint8_t *byte, uint8_t value)
{
	access_observe(byte, sizeof(*byte), ACCESS_STORE);
	*byte = value;
}

/* A pointer kept in heap pages; `link` is any object pointer's address. */
static inline void *link_load(void *const *link)
{
	access_observe(link, sizeof(*link), ACCESS_LOAD);
	return *link;
}

static inline void link_store(void **link, void *value)
{
	access_observe(link, sizeof(*link), ACCESS_STORE);
	*link = value;
}

#endif
