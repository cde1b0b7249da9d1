/* SPDX-License-Identifier: MIT */
/*
 * Calls of a recorded process, written down. See record.h.
 */
#include "api/record.h"

#include <errno.h>

#include "front/heap_parts.h"
#include "base/bits.h"

enum {
	RULES_INTERVAL_MS = 1, /* between two looks at what code is loaded */
	FREEING_COUNT = 64,    /* frees in a row: something is taken down */
};

struct recorder *recorder;
struct unwind *record_unwind;

/* Of the calling thread. In the child of a fork what it points to is zeros. */
static __thread struct record_stream *own_stream __attribute__((tls_model("initial-exec")));
static __thread uint32_t own_number __attribute__((tls_model("initial-exec"))); /* and 1 */
static __thread bool is_ended __attribute__((tls_model("initial-exec")));

/* ---- streams ---- */

/* A stream that nobody writes to, or a new one. */
static struct record_stream *stream_take(void)
{
	uint32_t made = atomic_load(&recorder->streams_made);
	for (uint32_t i = 0; i < made; i++) {
		struct record_stream *stream = &recorder->streams[i];
		bool expected = false;
		if (!atomic_load_explicit(&stream->is_taken, memory_order_relaxed) &&
		    atomic_compare_exchange_strong(&stream->is_taken, &expected, true))
			return stream;
	}
	while (made < recorder->streams_max) {
		if (!atomic_compare_exchange_weak(&recorder->streams_made, &made, made + 1))
			continue;
		struct record_stream *stream = &recorder->streams[made];
		/* Taken before it can be found as a free one: it is zeros, so is_taken is false. */
		bool expected = false;
		if (!atomic_compare_exchange_strong(&stream->is_taken, &expected, true))
			continue;
		raw_thread_begin(&stream->raw, &recorder->writer, made);
		return stream;
	}
	return NULL;
}

ALLOT_COLD struct record_stream *record_stream_begin(void)
{
	if (own_stream != NULL && own_stream->raw.writer != NULL)
		return own_stream;
	if (recorder == NULL || recorder->writer.header == NULL)
		return NULL;
	struct record_stream *stream = stream_take();
	if (stream == NULL) {
		raw_lose(recorder->writer.header, os_ticks() >> RAW_TIME_SHIFT);
		return NULL;
	}
	/* Taken by another thread in between being made and being begun. */
	if (stream->raw.writer == NULL)
		raw_thread_begin(&stream->raw, &recorder->writer,
				 (uint32_t)(stream - recorder->streams));
	unwind_thread_renew(&stream->unwind);
	if (own_number == 0)
		own_number = atomic_fetch_add(&recorder->writer.header->thread_count, 1) + 1;
	record_name(stream, own_number - 1);
	if (is_ended)
		return stream;
	own_stream = stream;
	/* Where there is no front end nobody else asks to be told of the thread's end. */
	if (!process.heap.front.is_on)
		pthread_setspecific(process.thread_key, stream);
	return stream;
}

void record_stream_end(struct record_stream *stream)
{
	if (unlikely(stream != own_stream))
		atomic_store_explicit(&stream->is_taken, false, memory_order_release);
}

/* The thread's stream; in the child of a fork, which has none, and at first, a new one. */
ALLOT_INLINE struct record_stream *stream_own(void)
{
	struct record_stream *stream = own_stream;
	if (likely(stream != NULL && stream->raw.writer != NULL))
		return stream;
	return record_stream_begin();
}

void record_thread_end(void)
{
	struct record_stream *stream = own_stream;
	is_ended = true;
	own_stream = NULL;
	if (stream != NULL && stream->raw.writer != NULL)
		atomic_store_explicit(&stream->is_taken, false, memory_order_release);
}

void record_thread_renew(void)
{
	own_stream = NULL;
	own_number = 0;
}

/* ---- stacks ---- */

void record_frame(uint32_t frame, uint32_t parent, uintptr_t address, void *context)
{
	enum { FRAME_SHIFT = 4, PARENT_SHIFT = 34 };
	struct record_stream *stream = stream_own();
	uint64_t unused;
	(void)context;
	if (stream == NULL)
		return;
	record_module_of(stream, address - 1);
	char *at = raw_claim(&stream->raw, 2 * sizeof(uint64_t), &unused);
	if (at != NULL) {
		raw_put(at, 1, address);
		raw_publish(at, RAW_FRAME | (uint64_t)frame << FRAME_SHIFT |
					(uint64_t)parent << PARENT_SHIFT);
	}
	record_stream_end(stream);
}

/* How many bytes until the next stack: their mean is what was asked for, and nothing keeps time. */
static int64_t sample_draw(struct record_stream *stream)
{
	uint64_t span = 2 * (uint64_t)process.options.trace_sample_bytes;
	stream->random = stream->random * UINT64_C(6364136223846793005) +
			 (stream->random != 0 ? UINT64_C(1442695040888963407) : os_ticks());
	return (int64_t)((stream->random >> 32) % span);
}

/* The stack of who calls, if it is to be taken; 0: none. */
ALLOT_INLINE uint32_t stack_take(struct record_stream *stream, size_t bytes)
{
	if (record_unwind == NULL)
		return 0;
	if (process.options.trace_sample_bytes != 0) {
		stream->bytes_to_stack -= (int64_t)size_min(bytes, INT64_MAX / 2);
		if (likely(stream->bytes_to_stack > 0))
			return 0;
		stream->bytes_to_stack = sample_draw(stream);
	}
	return unwind_here(record_unwind, &stream->unwind, (unsigned)process.options.trace_depth);
}

/* ---- events ---- */

/* Where a block lies and what of it may be used. */
static enum trace_place locate(const void *p, size_t *usable_bytes)
{
	struct heap *heap = &process.heap;
	struct block_info info;
	const struct slab *slab = front_slab(&heap->front, p);
	if (likely(slab != NULL)) {
		*usable_bytes = class_bytes(slab->own.class);
		return TRACE_IN_SLAB;
	}
	if (!heap_describe(heap, p, &info))
		return TRACE_IN_UNKNOWN;
	*usable_bytes = info.usable_bytes;
	if (owners_region(&heap->owners, (uintptr_t)p) == NULL)
		return TRACE_IN_MAPPING;
	recorder->writer.header->tag_bytes = (uint32_t)info.tag_bytes;
	return TRACE_IN_BLOCK;
}

/* What is said of a block in one word. Sizes too large for it get a record of their own, before. */
ALLOT_INLINE uint64_t block_word(struct raw_thread *raw, enum trace_call call,
				 enum trace_place place, size_t bytes, size_t usable_bytes,
				 size_t align)
{
	size_t slack_bytes = size_minus(usable_bytes, bytes);
	uint64_t word = (uint64_t)place << RAW_PLACE_SHIFT | (uint64_t)call << RAW_CALL_SHIFT |
			(uint64_t)lowest_bit(align) << RAW_ALIGN_SHIFT;
	if (likely(bytes < RAW_BYTES_WIDE && slack_bytes <= UINT16_MAX))
		return word | bytes | (uint64_t)slack_bytes << RAW_SLACK_SHIFT;
	raw_write_wide(raw, bytes, usable_bytes);
	return word | RAW_BYTES_WIDE;
}

ALLOT_INLINE uint64_t made_word(struct raw_thread *raw, enum trace_call call, const void *p,
				size_t bytes, size_t align)
{
	size_t usable_bytes = bytes;
	enum trace_place place = locate(p, &usable_bytes);
	return block_word(raw, call, place, bytes, usable_bytes, align);
}

static ALLOT_OUTLINE void write_failure(struct raw_thread *raw, size_t bytes)
{
	uint64_t elapsed = raw_elapsed(raw);
	char *at = raw_claim(raw, 2 * sizeof(uint64_t), &elapsed);
	if (at == NULL)
		return;
	raw_put(at, 1, bytes);
	raw_publish(at, raw_first(RAW_FAIL, 0, elapsed));
}

/* What is due now and then, between two calls. */
static ALLOT_OUTLINE void look_around(struct record_stream *stream)
{
	uint64_t now = os_ticks();
	/* Who takes few stacks may miss that the loader replaced code. */
	if (process.options.trace_sample_bytes != 0 && record_unwind != NULL &&
	    now >= atomic_load_explicit(&recorder->rules_due_ticks, memory_order_relaxed)) {
		rule_table_check(&record_unwind->rules);
		atomic_store_explicit(&recorder->rules_due_ticks,
				      now + RULES_INTERVAL_MS * recorder->ticks_a_ms,
				      memory_order_relaxed);
	}
	if (now >= atomic_load_explicit(&recorder->sample_due_ticks, memory_order_relaxed))
		record_sample(stream);
	/* Who takes down what was built frees small blocks, and no page goes back for long. */
	else if (stream->freeing_count >= FREEING_COUNT && record_sample_early(stream))
		stream->freeing_count = INT32_MIN; /* once is enough */
}

ALLOT_INLINE void stream_look(struct record_stream *stream)
{
	/* As often as a thread that is alone looks at the clock. */
	if (unlikely(((uintptr_t)stream->raw.cursor & (RAW_STAMP_BYTES - 1)) < 16))
		look_around(stream);
}

#define HAS_STACK (UINT64_C(1) << RAW_STACK_SHIFT)

ALLOT_INLINE void write_block(struct raw_thread *raw, const void *p, uint64_t word, uint32_t frame)
{
	uint64_t elapsed = raw_elapsed(raw);
	char *at = raw_claim(raw, (frame != 0 ? 3 : 2) * sizeof(uint64_t), &elapsed);
	if (unlikely(at == NULL))
		return;
	if (frame != 0) {
		raw_put(at, 2, frame);
		word |= HAS_STACK;
	}
	raw_put(at, 1, word);
	raw_publish(at, raw_first(RAW_ALLOCATE, (uintptr_t)p, elapsed));
}

ALLOT_INLINE void *write_made(enum trace_call call, void *p, size_t bytes, size_t align)
{
	struct record_stream *stream = stream_own();
	if (unlikely(stream == NULL))
		return p;
	stream->freeing_count = 0;
	if (likely(p != NULL)) {
		uint32_t frame = stack_take(stream, bytes);
		write_block(&stream->raw, p, made_word(&stream->raw, call, p, bytes, align), frame);
	} else {
		write_failure(&stream->raw, bytes);
	}
	stream_look(stream);
	record_stream_end(stream);
	return p;
}

void record_inherited(struct record_stream *stream, const struct block_info *block,
		      bool is_mapping)
{
	const void *p = (const void *)block->payload;
	bool is_small = front_slab(&process.heap.front, p) != NULL;
	enum trace_place place = is_mapping ? TRACE_IN_MAPPING :
				 is_small   ? TRACE_IN_SLAB :
					      TRACE_IN_BLOCK;
	if (place == TRACE_IN_BLOCK)
		recorder->writer.header->tag_bytes = (uint32_t)block->tag_bytes;
	write_block(&stream->raw, p,
		    block_word(&stream->raw, TRACE_INHERITED, place, block->requested_bytes,
			       block->usable_bytes, ALIGN_BYTES),
		    0);
}

void *record_malloc(size_t bytes)
{
	return write_made(TRACE_MALLOC, recorded_malloc(bytes), bytes, ALIGN_BYTES);
}

void *record_calloc(size_t count, size_t bytes)
{
	return write_made(TRACE_CALLOC, recorded_calloc(count, bytes), count * bytes, ALIGN_BYTES);
}

void *record_aligned(size_t align, size_t bytes)
{
	return write_made(TRACE_ALIGNED, recorded_memalign(align, bytes), bytes,
			  size_max(align, ALIGN_BYTES));
}

/* Is the block one of the heap's, so that a trace knows it? */
static bool is_known(const void *p)
{
	return front_slab(&process.heap.front, p) != NULL || heap_owns(&process.heap, p);
}

static void write_free(const void *p)
{
	struct record_stream *stream = stream_own();
	if (unlikely(stream == NULL))
		return;
	uint64_t elapsed = raw_elapsed(&stream->raw);
	char *at = raw_claim(&stream->raw, sizeof(uint64_t), &elapsed);
	if (likely(at != NULL))
		raw_publish(at, raw_first(RAW_FREE, (uintptr_t)p, elapsed));
	stream->freeing_count++;
	stream_look(stream);
	record_stream_end(stream);
}

void record_free(void *block)
{
	if (block == NULL)
		return;
	if (likely(is_known(block)))
		write_free(block);
	recorded_free(block);
}

/* ---- realloc ---- */

/* Bytes that the realloc() asked for that the calling thread is in; and whether it is written. */
static __thread size_t resizing __attribute__((tls_model("initial-exec")));

enum { WRITTEN_SHIFT = 63 };

static const size_t written = (size_t)1 << WRITTEN_SHIFT;

/* `moment`: when it happened, in units; 0: just now. */
static void write_resized(const void *old, const void *p, uint64_t moment)
{
	size_t bytes = resizing & ~written;
	resizing |= written;
	struct record_stream *stream = stream_own();
	if (unlikely(stream == NULL))
		return;
	struct raw_thread *raw = &stream->raw;
	stream->freeing_count = 0;
	uint32_t frame = stack_take(stream, bytes);
	uint64_t word = made_word(raw, TRACE_REALLOC, p, bytes, ALIGN_BYTES);
	uint64_t elapsed = moment != 0 ? raw_elapsed_until(raw, moment) : raw_elapsed(raw);
	char *at = raw_claim(raw, (frame != 0 ? 4 : 3) * sizeof(uint64_t), &elapsed);
	if (likely(at != NULL)) {
		if (frame != 0)
			raw_put(at, 3, frame);
		raw_put(at, 1, frame != 0 ? word | HAS_STACK : word);
		raw_put(at, 2, (uintptr_t)old);
		raw_publish(at, raw_first(RAW_RESIZE, (uintptr_t)p, elapsed));
	}
	record_stream_end(stream);
}

void record_moved(const void *old, const void *p)
{
	write_resized(old, p, 0);
}

/*
 * Of a block that the trace knows, to more than 0 bytes. One that shrinks where it is gives its end
 * to others before we can say so: what is written is of the moment before.
 */
static void *resize_known(void *block, size_t bytes)
{
	size_t outer = resizing; /* of what a handler interrupted */
	bool is_alone = thread_is_alone();
	size_t old_usable_bytes = 0, usable_bytes = 0;
	uint64_t before = 0;
	if (!is_alone) {
		locate(block, &old_usable_bytes);
		before = os_ticks() >> RAW_TIME_SHIFT;
	}
	resizing = bytes & ~written;
	void *p = recorded_realloc(block, bytes);
	if (p == NULL) {
		write_made(TRACE_REALLOC, NULL, bytes, ALIGN_BYTES);
	} else if ((resizing & written) == 0) {
		if (!is_alone)
			locate(p, &usable_bytes);
		bool has_shrunk = p == block && usable_bytes < old_usable_bytes;
		write_resized(block, p, has_shrunk ? before : 0);
	}
	resizing = outer;
	return p;
}

void *record_realloc(void *block, size_t bytes)
{
	if (block == NULL || !is_known(block))
		return write_made(TRACE_REALLOC, recorded_realloc(block, bytes), bytes,
				  ALIGN_BYTES);
	if (bytes > 0 || process.options.realloc_zero == REALLOC_ZERO_ALLOCATE)
		return resize_known(block, bytes);
	write_free(block);
	return recorded_realloc(block, 0);
}

/* ---- pages ---- */

void record_write_pages(struct record_stream *stream, enum trace_pages_kind kind,
			enum trace_use use, uintptr_t base, size_t bytes, uintptr_t old_base)
{
	enum { KIND_SHIFT = 56, USE_SHIFT = 60 };
	bool is_move = kind == TRACE_PAGES_MOVE;
	uint64_t elapsed = raw_elapsed(&stream->raw);
	char *at = raw_claim(&stream->raw, (is_move ? 3 : 2) * sizeof(uint64_t), &elapsed);
	if (at == NULL)
		return;
	if (is_move)
		raw_put(at, 2, old_base);
	raw_put(at, 1, bytes | (uint64_t)kind << KIND_SHIFT | (uint64_t)use << USE_SHIFT);
	raw_publish(at, raw_first(RAW_PAGES, base, elapsed));
}
