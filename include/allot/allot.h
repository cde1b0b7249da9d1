/* SPDX-License-Identifier: MIT */
/*
 * allot: heaps you can choose and look into.
 *
 * Two ways to use it. Preload liballot.so and the malloc family of the whole program is served by
 * the strategy that ALLOT_CONF names; no header is needed. Or link liballot.a and use what is
 * declared here: heaps as values, each with its own strategy, source of pages and statistics, any
 * number side by side, and the malloc family under the prefix allot_.
 *
 * Units are bytes unless a name ends otherwise. Pointers returned are 16-byte aligned. Every
 * function may be called from any thread; a heap serialises its callers. None may be called with
 * a heap that has been destroyed.
 */
#ifndef ALLOT_ALLOT_H
#define ALLOT_ALLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* ---- heaps as values ---------------------------------------------------------------------- */

/* A heap: a strategy, the source of its pages, a lock and counters. */
struct allot_heap;

/*
 * Create a heap. `conf` is "key:value,key:value" with the heap keys of allot_options() (strategy,
 * fit, order, coalesce, source, mmap_threshold, trim_threshold, check, on_error), or NULL for the
 * defaults. The caller owns the heap until allot_heap_destroy().
 *
 * Returns NULL with errno EINVAL for a wrong key or value, ENOMEM when the system has no memory;
 * then, if `message` is not NULL, one line of at most `message_bytes` - 1 characters says why.
 */
struct allot_heap *allot_heap_create(const char *conf, char *message, size_t message_bytes);

/*
 * Create a heap whose blocks all lie in `buffer`, which the caller keeps alive and does not touch
 * until allot_heap_destroy(). The heap never grows beyond it and gives nothing back to the system.
 * `source` in `conf` is refused. Errors as in allot_heap_create(); ENOMEM when the buffer is too
 * small for the strategy's smallest unit (see struct allot_strategy).
 */
struct allot_heap *allot_heap_create_in(void *buffer, size_t buffer_bytes, const char *conf,
					char *message, size_t message_bytes);

/* Give back everything the heap holds, live blocks included. NULL is ignored. */
void allot_heap_destroy(struct allot_heap *heap);

/*
 * Allocate. Owned by the caller until allot_heap_free() or allot_heap_resize(). A request of 0
 * bytes gets a block of its own. Returns NULL with errno ENOMEM.
 */
void *allot_heap_allocate(struct allot_heap *heap, size_t bytes);

/* As allot_heap_allocate(); every byte of `count` x `bytes` reads as zero. Overflow is ENOMEM. */
void *allot_heap_allocate_zeroed(struct allot_heap *heap, size_t count, size_t bytes);

/* As allot_heap_allocate(), at a multiple of `alignment`. EINVAL when that is no power of two. */
void *allot_heap_allocate_aligned(struct allot_heap *heap, size_t alignment, size_t bytes);

/* Free a block of this heap. NULL is ignored. errno is left alone. */
void allot_heap_free(struct allot_heap *heap, void *block);

/*
 * Change a block's size, in place where that is possible; otherwise it moves and the first
 * min(old, new) bytes move with it. NULL allocates; 0 bytes keep a block of the smallest size.
 * Returns NULL with errno ENOMEM, the old block then being untouched and still owned.
 */
void *allot_heap_resize(struct allot_heap *heap, void *block, size_t bytes);

/* Bytes the caller may use in `block`: at least what was asked for. 0 for NULL. */
size_t allot_heap_usable_bytes(struct allot_heap *heap, const void *block);

/* Give free memory back to the system, keeping `keep_bytes` at the end. Returns bytes given. */
size_t allot_heap_trim(struct allot_heap *heap, size_t keep_bytes);

/* What a block is in a walk. */
enum allot_block_state {
	ALLOT_BLOCK_LIVE,     /* handed out */
	ALLOT_BLOCK_FREE,     /* free, found by the next search */
	ALLOT_BLOCK_DEFERRED, /* freed, kept whole: not merged with its neighbours yet */
};

/* One block as a walk sees it. payload + usable stays inside the block. */
struct allot_block {
	const void *payload;      /* what malloc returned or would return */
	size_t block_bytes;       /* everything the block occupies, tags included */
	size_t usable_bytes;      /* bytes the owner may use; 0 when not live */
	size_t requested_bytes;   /* bytes asked for; 0 when not live */
	size_t tag_bytes;         /* header and footer inside block_bytes */
	enum allot_block_state state;
	bool is_own_mapping;      /* a mapping of its own, outside the strategy */
};

/*
 * Visit every block in address order within each region, then own mappings, with the heap locked:
 * `visit` must not call into this heap. Stops early, returning false, when `visit` returns false.
 */
bool allot_heap_walk(struct allot_heap *heap,
		     bool (*visit)(const struct allot_block *block, void *context), void *context);

/*
 * Prove every invariant of the heap. Returns false, with one line in `message` (may be NULL)
 * naming the first broken one and its address, when the heap is damaged.
 */
bool allot_heap_check(struct allot_heap *heap, char *message, size_t message_bytes);

/* The ledger of a heap at one moment: mapped = requested + rounding + tags + free + metadata. */
struct allot_statistics {
	size_t requested_bytes;    /* asked for by live blocks (exact) */
	size_t rounding_bytes;     /* usable but not asked for, in live blocks (exact) */
	size_t tag_bytes;          /* headers and footers of live blocks (exact) */
	size_t free_bytes;         /* in free and deferred blocks, tags included (exact) */
	size_t metadata_bytes;     /* the strategy's own tables inside its regions (exact) */
	size_t mapped_bytes;       /* readable and writable: regions and own mappings (exact) */
	size_t live_blocks;
	size_t free_blocks;
	size_t largest_free_bytes;
	size_t own_mapping_blocks; /* of live_blocks, those with a mapping of their own */
	size_t own_mapping_bytes;  /* of mapped_bytes, theirs */
	size_t mapped_bytes_peak;
	uint64_t splits;           /* blocks cut in two */
	uint64_t merges;           /* pairs of free neighbours made one */
	uint64_t source_calls;     /* times pages were asked for or given back */
};

/* Fill `out` by walking the heap: O(blocks). */
void allot_heap_statistics(struct allot_heap *heap, struct allot_statistics *out);

/* What the heap found wrong. */
enum allot_fault_kind {
	ALLOT_FAULT_NONE,
	ALLOT_FAULT_DOUBLE_FREE, /* the block is free already */
	ALLOT_FAULT_INTERIOR,    /* not the start of a block, but inside the heap */
	ALLOT_FAULT_MISALIGNED,  /* not a multiple of 16 */
	ALLOT_FAULT_FOREIGN,     /* no heap of ours */
	ALLOT_FAULT_BROKEN_TAG,  /* a header, footer or link does not say what it must */
};

/* A fault as handed to a handler. */
struct allot_fault {
	enum allot_fault_kind kind;
	const char *call;          /* "free", "realloc", ... */
	const void *address;       /* what the caller passed, or the damaged word */
	const void *block;         /* payload of the block it belongs to, or NULL */
	size_t block_bytes;        /* that block's size, or 0 */
	const char *strategy;      /* name, or "mapping" for a mapping of its own */
};

/*
 * Call `handler` on a fault instead of writing a line to stderr and aborting. When it returns, the
 * faulty call has no effect and the heap goes on without the damaged part. NULL restores abort.
 */
void allot_heap_on_fault(struct allot_heap *heap,
			 void (*handler)(const struct allot_fault *fault, void *context),
			 void *context);

/* ---- what can be chosen ------------------------------------------------------------------- */

/* A strategy as `allot list` shows it. Lists of words are NULL-terminated, the default first. */
struct allot_strategy {
	const char *name;
	const char *summary;           /* one line */
	const char *bound;             /* work of allocate and free, as O of what */
	const char *const *fits;       /* empty list: no choice */
	const char *const *orders;
	const char *const *coalescings;
	size_t block_bytes_min;        /* smallest block, tags included */
	size_t region_bytes_min;       /* smallest piece of memory it works on */
	size_t request_bytes_max;      /* larger requests get a mapping of their own */
};

/* The strategies in their listed order; the first is the default. */
size_t allot_strategy_count(void);
bool allot_strategy_get(size_t index, struct allot_strategy *out);

/* Kinds of option values. */
enum allot_option_type {
	ALLOT_OPTION_WORD, /* one of `values` */
	ALLOT_OPTION_SIZE, /* bytes, with an optional k, m or g */
	ALLOT_OPTION_COUNT,
	ALLOT_OPTION_BOOL, /* true or false */
	ALLOT_OPTION_TEXT, /* anything without a comma */
};

/* One key of ALLOT_CONF. */
struct allot_option {
	const char *key;
	enum allot_option_type type;
	const char *values;            /* "a|b|c" for words, else a placeholder such as "SIZE" */
	const char *default_value;
	const char *help;              /* one sentence */
	bool is_heap_option;           /* may be given to allot_heap_create() */
};

/* The table of options; `*out_count` entries. Never fails. */
const struct allot_option *allot_options(size_t *out_count);

/*
 * Check a configuration as ALLOT_CONF would be read. Returns true when every key and value is
 * valid; otherwise writes one line naming the first wrong word and the nearest right one.
 */
bool allot_conf_check(const char *conf, char *message, size_t message_bytes);

/* The version, "1.0.0". */
const char *allot_version(void);

/*
 * A program may define this string to choose its own defaults; ALLOT_CONF and /etc/allot.conf
 * still win. Weak: undefined means none.
 */
extern const char *allot_conf __attribute__((weak));

/* ---- the malloc family of the process heap, in the static library ------------------------- */
/* Each is the function of the C library without the prefix: see malloc(3). */

void *allot_malloc(size_t bytes);
void *allot_calloc(size_t count, size_t bytes);
void *allot_realloc(void *block, size_t bytes);
void *allot_reallocarray(void *block, size_t count, size_t bytes);
void allot_free(void *block);
void allot_cfree(void *block);
void allot_free_sized(void *block, size_t bytes);
void allot_free_aligned_sized(void *block, size_t alignment, size_t bytes);
void *allot_aligned_alloc(size_t alignment, size_t bytes);
void *allot_memalign(size_t alignment, size_t bytes);
int allot_posix_memalign(void **out_block, size_t alignment, size_t bytes);
void *allot_valloc(size_t bytes);
void *allot_pvalloc(size_t bytes);
size_t allot_malloc_usable_size(void *block);
int allot_malloc_trim(size_t keep_bytes);
int allot_malloc_info(int options, FILE *stream);
void allot_malloc_stats(void);
int allot_mallopt(int parameter, int value);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
