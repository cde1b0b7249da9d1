/* SPDX-License-Identifier: MIT */
/*
 * Doing and judging operations. See shadow.h.
 */
#include "shadow.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	ALIGN_BYTES = 16,
	ERRNO_UNTOUCHED = 4242, /* no error has this number */
	WORD_BYTES = sizeof(uint64_t),
	MESSAGE_HEAD_BYTES = 64,
};

static bool fails(struct shadow *shadow, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool fails(struct shadow *shadow, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(shadow->message, sizeof(shadow->message), format, arguments);
	va_end(arguments);
	return false;
}

/* ---- life ---- */

bool shadow_init(struct shadow *shadow, struct subject subject, size_t slot_count)
{
	*shadow = (struct shadow){.subject = subject, .slot_count = slot_count};
	shadow->slots = mmap(NULL, slot_count * sizeof(*shadow->slots), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return shadow->slots != MAP_FAILED;
}

void shadow_finish(struct shadow *shadow)
{
	munmap(shadow->slots, shadow->slot_count * sizeof(*shadow->slots));
}

size_t shadow_slot_bytes(const void *context, size_t slot)
{
	const struct shadow *shadow = context;
	const struct shadow_block *block = &shadow->slots[slot];
	return block->payload == NULL ? SIZE_MAX : block->requested_bytes;
}

/*
 * ---- content ----
 *
 * Looked at a piece at a time: a sanitizer looks at what a call reads as a whole, at the words of a
 * loop one by one.
 */

enum { PIECE_WORDS = 64, PIECE_BYTES = PIECE_WORDS * WORD_BYTES };

/* The content from byte `done` on, a multiple of PIECE_BYTES. */
static void content_piece(uint64_t piece[PIECE_WORDS], size_t done, uint64_t seed)
{
	for (size_t i = 0; i < PIECE_WORDS; i++)
		piece[i] = (seed + done / WORD_BYTES + i) * 0x9E3779B97F4A7C15u;
}

static size_t piece_bytes(size_t done, size_t count)
{
	return count - done < PIECE_BYTES ? count - done : PIECE_BYTES;
}

static void content_fill(unsigned char *bytes, size_t count, uint64_t seed)
{
	uint64_t piece[PIECE_WORDS];
	for (size_t done = 0; done < count; done += PIECE_BYTES) {
		content_piece(piece, done, seed);
		memcpy(bytes + done, piece, piece_bytes(done, count));
	}
}

/* The first wrong byte's index, `count` when all are right. */
static size_t content_verify(const unsigned char *bytes, size_t count, uint64_t seed)
{
	uint64_t piece[PIECE_WORDS];
	for (size_t done = 0; done < count; done += PIECE_BYTES) {
		content_piece(piece, done, seed);
		if (memcmp(bytes + done, piece, piece_bytes(done, count)) == 0)
			continue;
		const unsigned char *wanted = (const unsigned char *)piece;
		while (bytes[done] == wanted[done % PIECE_BYTES])
			done++;
		return done;
	}
	return count;
}

static uint64_t content_digest(const unsigned char *bytes, size_t count)
{
	uint64_t piece[PIECE_WORDS] = {0};
	uint64_t digest = 0xCBF29CE484222325u; /* FNV-1a, of words */
	for (size_t done = 0; done < count; done += PIECE_BYTES) {
		size_t here = piece_bytes(done, count);
		memcpy(piece, bytes + done, here);
		memset((char *)piece + here, 0, PIECE_BYTES - here);
		for (size_t i = 0; i < here; i += WORD_BYTES)
			digest = (digest ^ piece[i / WORD_BYTES]) * 0x100000001B3u;
	}
	return digest;
}

static bool verify_prefix(struct shadow *shadow, const struct shadow_block *block,
			  const unsigned char *bytes, size_t count, const char *when)
{
	size_t wrong = content_verify(bytes, count, block->seed);
	if (wrong == count)
		return true;
	return fails(shadow,
		     "content of block %p (asked %zu, usable %zu) is wrong at byte %zu of %zu %s",
		     (const void *)bytes, block->requested_bytes, block->usable_bytes, wrong,
		     count, when);
}

bool shadow_verify_block(struct shadow *shadow, size_t slot, size_t bytes_max)
{
	const struct shadow_block *block = &shadow->slots[slot];
	if (block->payload == NULL)
		return true;
	size_t usable = subject_usable_bytes(shadow->subject, block->payload);
	if (usable != block->usable_bytes)
		return fails(shadow, "block %p had %zu usable bytes and has %zu now",
			     (void *)block->payload, block->usable_bytes, usable);
	return verify_prefix(shadow, block, block->payload,
			     usable < bytes_max ? usable : bytes_max, "while it lives");
}

/* ---- slots ---- */

static void slot_empty(struct shadow *shadow, struct shadow_block *block)
{
	interval_remove(&shadow->intervals, &block->interval);
	shadow->live_count--;
	shadow->live_bytes -= block->requested_bytes;
	shadow->live_usable_bytes -= block->usable_bytes;
	block->payload = NULL;
}

/* Enter what the subject gave; checks all that can be said of a block as such. */
static bool slot_fill(struct shadow *shadow, struct shadow_block *block, void *payload,
		      size_t requested, size_t alignment)
{
	size_t usable = subject_usable_bytes(shadow->subject, payload);
	uintptr_t address = (uintptr_t)payload;
	if (usable < requested)
		return fails(shadow, "block %p has %zu usable bytes of %zu asked for", payload,
			     usable, requested);
	if (address % alignment != 0)
		return fails(shadow, "block %p is not at a multiple of %zu", payload, alignment);
	*block = (struct shadow_block){
		/* A block without usable bytes would still have an address of its own. */
		.interval = {.begin = address, .end = address + (usable > 0 ? usable : 1)},
		.payload = payload,
		.requested_bytes = requested,
		.usable_bytes = usable,
		.alignment = alignment,
		.seed = shadow->operations << 32,
	};
	const struct interval *other = interval_insert(&shadow->intervals, &block->interval);
	if (other != NULL) {
		block->payload = NULL;
		return fails(shadow, "block %p of %zu usable bytes overlaps block %p of %zu",
			     payload, usable, (void *)other->begin, other->end - other->begin);
	}
	shadow->live_count++;
	shadow->live_bytes += requested;
	shadow->live_usable_bytes += usable;
	content_fill(payload, usable, block->seed);
	return true;
}

/* ---- judging ---- */

static bool judge_errno(struct shadow *shadow, bool is_refused)
{
	int wanted = is_refused ? ENOMEM : ERRNO_UNTOUCHED;
	if (errno == wanted)
		return true;
	if (is_refused)
		return fails(shadow, "errno is %d after a refusal, not ENOMEM", errno);
	return fails(shadow, "errno was changed to %d", errno);
}

/* The largest run of neighbours none of which is live, as a walk meets them. */
struct free_run {
	const char *end; /* where the next block would go on */
	size_t bytes;
	size_t bytes_max;
	bool has_tags;   /* so that neighbours of any size can be merged */
};

static bool free_run_visit(const struct allot_block *block, void *context)
{
	struct free_run *run = context;
	const char *payload = block->payload;
	run->has_tags |= block->tag_bytes > 0;
	if (block->state == ALLOT_BLOCK_LIVE || payload != run->end)
		run->bytes = 0;
	if (block->state != ALLOT_BLOCK_LIVE)
		run->bytes += block->block_bytes;
	if (run->bytes > run->bytes_max)
		run->bytes_max = run->bytes;
	run->end = payload + block->block_bytes;
	return true;
}

/* A refusal is right only if there is no room, where neighbours that are free count as one. */
static bool judge_refusal(struct shadow *shadow, const struct operation *operation)
{
	enum { OVERHEAD_BYTES = 32 };
	struct free_run run = {0};
	if (shadow->subject.heap == NULL || operation->kind != OPERATION_ALLOCATE)
		return true;
	allot_heap_walk(shadow->subject.heap, free_run_visit, &run);
	if (!run.has_tags || run.bytes_max < operation->bytes + OVERHEAD_BYTES)
		return true;
	return fails(shadow, "refused, though %zu bytes side by side are free", run.bytes_max);
}

/* Was the answer NULL when it had to be, and only when it could be? */
static bool judge_null(struct shadow *shadow, const struct operation *operation, bool is_null)
{
	bool must_refuse = operation_is_impossible(operation);
	if (is_null && !must_refuse && !shadow->may_refuse)
		return fails(shadow, "refused");
	if (!is_null && must_refuse)
		return fails(shadow, "served what nobody has");
	return !is_null || must_refuse || judge_refusal(shadow, operation);
}

static bool judge_zero(struct shadow *shadow, const unsigned char *bytes, size_t count)
{
	size_t i = 0;
	if (count == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0))
		return true;
	while (bytes[i] == 0)
		i++;
	return fails(shadow, "byte %zu of %zu of zeroed block %p is %u", i, count,
		     (const void *)bytes, bytes[i]);
}

static bool apply_allocation(struct shadow *shadow, const struct operation *operation)
{
	struct shadow_block *block = &shadow->slots[operation->slot];
	size_t requested = operation->bytes;
	size_t alignment = ALIGN_BYTES;
	void *payload;
	if (operation->kind == OPERATION_ZEROED) {
		payload = subject_allocate_zeroed(shadow->subject, operation->count,
						  operation->bytes);
		requested *= operation->count;
	} else if (operation->kind == OPERATION_ALIGNED) {
		alignment = operation->alignment > ALIGN_BYTES ? operation->alignment : ALIGN_BYTES;
		payload = subject_allocate_aligned(shadow->subject, operation->alignment,
						   operation->bytes);
	} else {
		payload = subject_allocate(shadow->subject, operation->bytes);
	}
	shadow->answer.is_null = payload == NULL;
	if (!judge_errno(shadow, payload == NULL) ||
	    !judge_null(shadow, operation, payload == NULL))
		return false;
	if (payload == NULL)
		return true;
	if (operation->kind == OPERATION_ZEROED && !judge_zero(shadow, payload, requested))
		return false;
	return slot_fill(shadow, block, payload, requested, alignment);
}

static bool apply_resize(struct shadow *shadow, const struct operation *operation)
{
	struct shadow_block *block = &shadow->slots[operation->slot];
	struct shadow_block old = *block;
	unsigned char *payload = subject_resize(shadow->subject, old.payload, operation->bytes);
	shadow->answer.is_null = payload == NULL;
	if (!judge_errno(shadow, payload == NULL) ||
	    !judge_null(shadow, operation, payload == NULL))
		return false;
	if (payload == NULL) {
		if (old.payload != NULL && operation->bytes <= old.usable_bytes)
			return fails(shadow, "a resize to less was refused");
		return shadow_verify_block(shadow, operation->slot, SIZE_MAX);
	}
	if (old.payload == NULL)
		return slot_fill(shadow, block, payload, operation->bytes, ALIGN_BYTES);
	size_t kept = old.usable_bytes < operation->bytes ? old.usable_bytes : operation->bytes;
	size_t asked = old.requested_bytes < operation->bytes ? old.requested_bytes :
								operation->bytes;
	if (!verify_prefix(shadow, &old, payload, kept, "after a resize"))
		return false;
	shadow->answer.digest = content_digest(payload, asked);
	slot_empty(shadow, block);
	return slot_fill(shadow, block, payload, operation->bytes, ALIGN_BYTES);
}

static bool apply_free(struct shadow *shadow, const struct operation *operation)
{
	struct shadow_block *block = &shadow->slots[operation->slot];
	unsigned char *payload = block->payload;
	if (payload != NULL) {
		if (!shadow_verify_block(shadow, operation->slot, SIZE_MAX))
			return false;
		slot_empty(shadow, block);
	}
	subject_free(shadow->subject, payload);
	return judge_errno(shadow, false);
}

static bool apply_trim(struct shadow *shadow, const struct operation *operation)
{
	subject_trim(shadow->subject, operation->bytes);
	return judge_errno(shadow, false);
}

static bool apply_break(const struct operation *operation)
{
	unsigned char *old = sbrk((intptr_t)operation->bytes);
	if (old != (void *)-1)
		memset(old, 0xA5, operation->bytes); /* it is the program's to write to */
	return true;
}

static bool apply(struct shadow *shadow, const struct operation *operation)
{
	switch (operation->kind) {
	case OPERATION_RESIZE:
		return apply_resize(shadow, operation);
	case OPERATION_FREE:
		return apply_free(shadow, operation);
	case OPERATION_TRIM:
		return apply_trim(shadow, operation);
	case OPERATION_BREAK:
		return apply_break(operation);
	default:
		return apply_allocation(shadow, operation);
	}
}

bool shadow_apply(struct shadow *shadow, const struct operation *operation)
{
	char what[128];
	char why[SHADOW_MESSAGE_BYTES];
	int saved_errno = errno;
	shadow->operations++;
	shadow->answer = (struct answer){0};
	errno = ERRNO_UNTOUCHED;
	bool is_right = apply(shadow, operation);
	shadow->answer.error = errno == ERRNO_UNTOUCHED ? 0 : errno;
	errno = saved_errno;
	if (!is_right) {
		operation_describe(operation, what, sizeof(what));
		memcpy(why, shadow->message, sizeof(why));
		fails(shadow, "operation %llu, %s: %.*s", (unsigned long long)shadow->operations,
		      what, SHADOW_MESSAGE_BYTES - (int)sizeof(what) - MESSAGE_HEAD_BYTES, why);
	}
	return is_right;
}

/* ---- the whole heap ---- */

bool shadow_check(struct shadow *shadow)
{
	char why[SHADOW_MESSAGE_BYTES - MESSAGE_HEAD_BYTES] = "";
	if (shadow->subject.heap == NULL ||
	    allot_heap_check(shadow->subject.heap, why, sizeof(why)))
		return true;
	return fails(shadow, "check after operation %llu: %s",
		     (unsigned long long)shadow->operations, why);
}

struct comparison {
	struct shadow *shadow;
	size_t live_count;
	size_t free_count;
	size_t free_bytes;
	size_t tag_bytes;
	size_t block_bytes;
	size_t overstated_bytes;
	bool is_right;
};

static bool compare_fails(struct comparison *c, const struct allot_block *block, const char *what)
{
	fails(c->shadow,
	      "walk after operation %llu: block %p (%zu bytes, %zu usable, %zu asked for) %s",
	      (unsigned long long)c->shadow->operations, block->payload, block->block_bytes,
	      block->usable_bytes, block->requested_bytes, what);
	return c->is_right = false;
}

static bool compare_visit(const struct allot_block *block, void *context)
{
	struct comparison *c = context;
	c->block_bytes += block->block_bytes;
	if (block->state != ALLOT_BLOCK_LIVE) {
		c->free_count++;
		c->free_bytes += block->block_bytes;
		if (block->usable_bytes != 0 || block->requested_bytes != 0)
			return compare_fails(c, block, "is not live but has an owner's bytes");
		return true;
	}
	const struct interval *interval =
		interval_find(c->shadow->intervals, (uintptr_t)block->payload);
	const struct shadow_block *known = (const void *)interval;
	if (known == NULL)
		return compare_fails(c, block, "is live in the walk but was never handed out");
	if (c->shadow->may_refuse && block->is_own_mapping &&
	    block->requested_bytes > known->requested_bytes)
		c->overstated_bytes += block->requested_bytes - known->requested_bytes;
	else if (known->requested_bytes != block->requested_bytes)
		return compare_fails(c, block, "does not know what was asked for");
	if (known->usable_bytes != block->usable_bytes)
		return compare_fails(c, block, "does not know what is usable");
	if (block->usable_bytes + block->tag_bytes > block->block_bytes)
		return compare_fails(c, block, "has more usable bytes than bytes");
	c->live_count++;
	c->tag_bytes += block->tag_bytes;
	return true;
}

static bool compare_figure(struct shadow *shadow, const char *name, size_t found, size_t wanted)
{
	if (found == wanted)
		return true;
	return fails(shadow, "statistics after operation %llu: %s is %zu, not %zu",
		     (unsigned long long)shadow->operations, name, found, wanted);
}

bool shadow_compare(struct shadow *shadow)
{
	struct comparison c = {.shadow = shadow, .is_right = true};
	struct allot_statistics s;
	if (shadow->subject.heap == NULL)
		return true;
	bool is_whole = allot_heap_walk(shadow->subject.heap, compare_visit, &c);
	if (!c.is_right)
		return false;
	if (!is_whole)
		return fails(shadow, "walk after operation %llu stopped by itself",
			     (unsigned long long)shadow->operations);
	allot_heap_statistics(shadow->subject.heap, &s);
	size_t sum = s.requested_bytes + s.rounding_bytes + s.tag_bytes + s.free_bytes;
	size_t requested_bytes = shadow->live_bytes + c.overstated_bytes;
	/* What is in no block is metadata: pads, end tags, tables, headers. All is counted. */
	return compare_figure(shadow, "live blocks in the walk", c.live_count,
			      shadow->live_count) &&
	       compare_figure(shadow, "live blocks", s.live_blocks, shadow->live_count) &&
	       compare_figure(shadow, "requested", s.requested_bytes, requested_bytes) &&
	       compare_figure(shadow, "rounding", s.rounding_bytes,
			      shadow->live_usable_bytes - requested_bytes) &&
	       compare_figure(shadow, "tags", s.tag_bytes, c.tag_bytes) &&
	       compare_figure(shadow, "free", s.free_bytes, c.free_bytes) &&
	       compare_figure(shadow, "free blocks", s.free_blocks, c.free_count) &&
	       compare_figure(shadow, "the sum of its parts", sum + s.metadata_bytes,
			      s.mapped_bytes) &&
	       compare_figure(shadow, "blocks less their parts", c.block_bytes, sum);
}

bool shadow_empty(struct shadow *shadow)
{
	for (size_t slot = 0; slot < shadow->slot_count; slot++) {
		struct operation operation = {.kind = OPERATION_FREE, .slot = slot};
		if (shadow->slots[slot].payload != NULL && !shadow_apply(shadow, &operation))
			return false;
	}
	return true;
}
