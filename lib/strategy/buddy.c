/* SPDX-License-Identifier: MIT */
/*
 * Binary buddies: blocks of 2^k bytes at multiples of 2^k, cut in halves and merged in pairs
 * (Knowlton 1965; Knuth, The Art of Computer Programming 1, 2.5 R and S).
 *
 * A chunk of 4 MiB is the whole; 2 MiB is the largest block. Blocks carry no tag: what is known
 * of them stands in a table of one byte for each 32 bytes at the start of the chunk. So a request
 * for 64 bytes costs 64 bytes, and 2 more in the table. The table describes itself as well; the
 * bytes that would do so hold nothing.
 *
 * Codes in the table, at the entry of a block's first 32 bytes:
 *     0          no block starts here
 *     1..33      a live block of 32 bytes, 0..32 of them not asked for
 *     64 + k     a live block of order k > 5; the entries behind hold the bytes not asked for,
 *                six bits each, as 192..255, lowest first
 *     128 + k    a free block of order k
 * An entry is a start only if its code says so, so interior pointers and double frees are found
 * without doubt, and no write through a block reaches what is known of it.
 *
 * Finding. A list for each order and a mask of those not empty: the lowest set bit from the
 * wanted order on, then halving down. The partner of a block is its address with bit k flipped.
 *
 * Coalescing. Immediate: a freed block is merged with its partner while that is free, up to the
 * largest order. Deferred: freed blocks are left as they are until a request finds nothing; then
 * all pairs are merged, from the smallest order up.
 *
 * Work. Allocate and free: O(orders), 17 at most, and a constant for the mask. A deferred merge
 * is O(free blocks).
 */
#include "base/access.h"
#include "base/compiler.h"
#include "strategy/chunk.h"

enum {
	ORDER_MIN = 5,
	ORDER_TOP = CHUNK_SHIFT - 1,
	ORDERS = ORDER_TOP + 1,
	UNIT_BYTES = 1 << ORDER_MIN,
	TABLE_ENTRIES = CHUNK_BYTES / UNIT_BYTES,
	TABLE_BYTES = TABLE_ENTRIES, /* a byte an entry */
	TABLE_ORDER = CHUNK_SHIFT - ORDER_MIN,
	PAGES_ORDER_MIN = 16, /* free blocks from here on count their dirty bytes */
	CODE_NONE = 0,
	CODE_LIVE_UNIT = 1, /* + slack */
	CODE_LIVE_UNIT_LAST = CODE_LIVE_UNIT + UNIT_BYTES,
	CODE_LIVE = 64,  /* + order */
	CODE_FREE = 128, /* + order */
	CODE_SLACK = 192, /* + six bits */
	SLACK_BITS = 6,
};

static_assert(1 << TABLE_ORDER == TABLE_BYTES, "the table is a block of its own order");

/* What a free block holds. */
struct node {
	struct node *next;
	struct node *previous;
	uint64_t dirty_bytes; /* from PAGES_ORDER_MIN on: about how much of it is resident */
};

struct buddy {
	struct strategy_core core;
	uint64_t free_orders; /* bit k: lists[k] is not empty */
	struct node *lists[ORDERS];
};

/* ---- the table ---- */

ALLOT_INLINE uint8_t *entry_of(uintptr_t address)
{
	uintptr_t chunk = chunk_base(address);
	return (uint8_t *)chunk + ((address - chunk) >> ORDER_MIN);
}

ALLOT_INLINE bool code_is_free(uint8_t code)
{
	return code >= CODE_FREE && code < CODE_SLACK;
}

ALLOT_INLINE bool code_is_live(uint8_t code)
{
	return (code >= CODE_LIVE_UNIT && code <= CODE_LIVE_UNIT_LAST) ||
	       (code > CODE_LIVE + ORDER_MIN && code <= CODE_LIVE + ORDER_TOP);
}

/* The order of a live block by its code. */
ALLOT_INLINE unsigned code_order(uint8_t code)
{
	return code <= CODE_LIVE_UNIT_LAST ? ORDER_MIN : code & (CODE_LIVE - 1);
}

/*
 * How many entries behind the first hold the slack of a live block, which takes order + 1 bits;
 * but order 6 has one such entry only (see buddy_order()).
 */
ALLOT_INLINE unsigned slack_entries(unsigned order)
{
	if (order <= ORDER_MIN + 1)
		return order - ORDER_MIN;
	return order / SLACK_BITS + 1;
}

ALLOT_INLINE void entry_set_live(uint8_t *entry, unsigned order, size_t requested)
{
	size_t slack = ((size_t)1 << order) - requested;
	if (order == ORDER_MIN) {
		byte_store(entry, (uint8_t)(CODE_LIVE_UNIT + slack));
		return;
	}
	byte_store(entry, (uint8_t)(CODE_LIVE + order));
	for (unsigned i = 1; i <= slack_entries(order); i++) {
		byte_store(entry + i, (uint8_t)(CODE_SLACK + (slack & ((1 << SLACK_BITS) - 1))));
		slack >>= SLACK_BITS;
	}
}

ALLOT_INLINE void entry_clear_live(uint8_t *entry, unsigned order)
{
	byte_store(entry, CODE_NONE);
	for (unsigned i = 1; i <= slack_entries(order); i++)
		byte_store(entry + i, CODE_NONE);
}

static size_t entry_slack(const uint8_t *entry)
{
	uint8_t code = byte_load(entry);
	unsigned order = code_order(code);
	size_t slack = 0;
	if (order == ORDER_MIN)
		return (size_t)code - CODE_LIVE_UNIT;
	for (unsigned i = slack_entries(order); i > 0; i--)
		slack = slack << SLACK_BITS | (size_t)(byte_load(entry + i) - CODE_SLACK);
	return slack;
}

/* ---- free lists ---- */

ALLOT_INLINE void list_insert(struct buddy *b, uintptr_t address, unsigned order,
			      size_t dirty_bytes)
{
	struct node *node = (struct node *)address;
	struct node *first = b->lists[order];
	link_store((void **)&node->next, first);
	link_store((void **)&node->previous, NULL);
	if (first != NULL)
		link_store((void **)&first->previous, node);
	b->lists[order] = node;
	b->free_orders |= (uint64_t)1 << order;
	byte_store(entry_of(address), (uint8_t)(CODE_FREE + order));
	if (unlikely(order >= PAGES_ORDER_MIN)) {
		word_store(&node->dirty_bytes, dirty_bytes);
		b->core.dirty_bytes += dirty_bytes;
		b->core.idle_bytes += (size_t)1 << order;
	}
}

/* Take a free block off its list; returns its dirty bytes. The caller writes its entry. */
ALLOT_INLINE size_t list_remove(struct buddy *b, struct node *node, unsigned order)
{
	struct node *next = link_load((void *const *)&node->next);
	struct node *previous = link_load((void *const *)&node->previous);
	size_t dirty_bytes = (size_t)1 << order;
	if (next != NULL)
		link_store((void **)&next->previous, previous);
	if (previous != NULL)
		link_store((void **)&previous->next, next);
	else
		b->lists[order] = next;
	if (b->lists[order] == NULL)
		b->free_orders &= ~((uint64_t)1 << order);
	if (unlikely(order >= PAGES_ORDER_MIN)) {
		dirty_bytes = word_load(&node->dirty_bytes);
		b->core.dirty_bytes = size_minus(b->core.dirty_bytes, dirty_bytes);
		b->core.idle_bytes = size_minus(b->core.idle_bytes, (size_t)1 << order);
	}
	return dirty_bytes;
}

/* Is there a free block of this order at `address`? By the table: links are not believed here. */
static bool is_free_block(const struct buddy *b, uintptr_t address, unsigned order)
{
	const struct region *region = b->core.source->first;
	while (region != NULL && !region_has(region, address))
		region = region->next;
	return region != NULL && is_aligned(address, (size_t)1 << order) &&
	       byte_load(entry_of(address)) == CODE_FREE + order;
}

/* Do the links of a free block lead to free blocks that lead back? */
ALLOT_INLINE bool node_is_intact(const struct buddy *b, const struct node *node, unsigned order)
{
	const struct node *next = link_load((void *const *)&node->next);
	const struct node *previous = link_load((void *const *)&node->previous);
	if (next != NULL && (!is_free_block(b, (uintptr_t)next, order) ||
			     link_load((void *const *)&next->previous) != node))
		return false;
	if (previous == NULL)
		return b->lists[order] == node;
	return is_free_block(b, (uintptr_t)previous, order) &&
	       link_load((void *const *)&previous->next) == node;
}

static bool node_broken(struct buddy *b, const struct node *node, unsigned order)
{
	return core_fault(&b->core, FAULT_BROKEN_TAG, (uintptr_t)node, (uintptr_t)node,
			  (size_t)1 << order);
}

/* ---- merging and splitting ---- */

/* Enter a free block that is on no list, merged with its partners as far as they are free. */
static bool merge_and_insert(struct buddy *b, uintptr_t address, unsigned order,
			     size_t dirty_bytes)
{
	while (order < ORDER_TOP) {
		uintptr_t partner = address ^ (uintptr_t)1 << order;
		uint8_t *entry = entry_of(partner);
		if (byte_load(entry) != CODE_FREE + order)
			break;
		struct node *node = (struct node *)partner;
		if (unlikely(!node_is_intact(b, node, order))) {
			list_insert(b, address, order, dirty_bytes);
			return node_broken(b, node, order);
		}
		dirty_bytes += list_remove(b, node, order);
		byte_store(entry, CODE_NONE);
		byte_store(entry_of(address), CODE_NONE);
		address &= ~((uintptr_t)1 << order);
		order++;
		b->core.merges++;
	}
	list_insert(b, address, order, dirty_bytes);
	return true;
}

/* Halve a block down to `order`, entering the upper halves. */
ALLOT_INLINE void split_down(struct buddy *b, uintptr_t address, unsigned from, unsigned order,
			     size_t dirty_bytes)
{
	while (from > order) {
		from--;
		size_t half = (size_t)1 << from;
		b->core.splits++;
		list_insert(b, address + half, from, size_min(half, size_minus(dirty_bytes, half)));
	}
}

/* Merge all pairs of free partners, from the smallest order up. */
static void merge_all(struct buddy *b)
{
	for (unsigned order = ORDER_MIN; order < ORDER_TOP; order++) {
		struct node *node = b->lists[order];
		while (node != NULL) {
			struct node *next = link_load((void *const *)&node->next);
			uintptr_t address = (uintptr_t)node;
			struct node *partner = (struct node *)(address ^ (uintptr_t)1 << order);
			if (byte_load(entry_of((uintptr_t)partner)) == CODE_FREE + order) {
				if (next == partner)
					next = link_load((void *const *)&partner->next);
				if (!node_is_intact(b, node, order) ||
				    !node_is_intact(b, partner, order)) {
					node_broken(b, node, order);
					return;
				}
				size_t dirty_bytes = list_remove(b, node, order);
				dirty_bytes += list_remove(b, partner, order);
				byte_store(entry_of(address), CODE_NONE);
				byte_store(entry_of((uintptr_t)partner), CODE_NONE);
				b->core.merges++;
				list_insert(b, address & ~((uintptr_t)1 << order), order + 1,
					    dirty_bytes);
			}
			node = next;
		}
	}
}

/* ---- chunks ---- */

/* A fresh chunk: its table is a block in use at its start; what is behind it is free. */
static void chunk_add(struct buddy *b, uintptr_t chunk)
{
	for (unsigned order = TABLE_ORDER; order <= ORDER_TOP; order++)
		list_insert(b, chunk + ((uintptr_t)1 << order), order, 0);
}

static bool chunk_is_free(uintptr_t chunk)
{
	for (unsigned order = TABLE_ORDER; order <= ORDER_TOP; order++) {
		if (byte_load(entry_of(chunk + ((uintptr_t)1 << order))) != CODE_FREE + order)
			return false;
	}
	return true;
}

static bool buddy_grow(struct buddy *b)
{
	struct span span;
	if (!source_grow(b->core.source, CHUNK_BYTES, &span))
		return false;
	for (uintptr_t chunk = span.base; chunk < span.base + span.bytes; chunk += CHUNK_BYTES)
		chunk_add(b, chunk);
	return true;
}

/* ---- the strategy ---- */

ALLOT_INLINE unsigned order_for(size_t bytes)
{
	return bytes <= UNIT_BYTES ? ORDER_MIN : log2_ceil(bytes);
}

/* The order for a request: a block lies at a multiple of its size, so that sees to `align`. */
ALLOT_INLINE unsigned buddy_order(size_t bytes, size_t align)
{
	if (likely(align <= ALIGN_BYTES))
		return order_for(bytes);
	unsigned order = order_for(size_max(bytes, align));
	/* All 64 bytes of order 6 as slack do not fit its one entry. */
	return bytes == 0 && order == ORDER_MIN + 1 ? order + 1 : order;
}

static ALLOT_OUTLINE bool buddy_make_room(struct buddy *b, unsigned order)
{
	if (b->core.policy.coalesce == COALESCE_DEFERRED) {
		merge_all(b);
		if (b->free_orders >> order != 0)
			return true;
	}
	return buddy_grow(b);
}

static void *buddy_allocate(void *state, size_t bytes, size_t align)
{
	struct buddy *b = state;
	unsigned order = buddy_order(bytes, align);
	if (unlikely(b->free_orders >> order == 0) && !buddy_make_room(b, order))
		return NULL;
	unsigned from = lowest_bit(b->free_orders >> order) + order;
	struct node *node = b->lists[from];
	if (unlikely(!node_is_intact(b, node, from))) {
		b->lists[from] = NULL;
		b->free_orders &= ~((uint64_t)1 << from);
		return node_broken(b, node, from), NULL;
	}
	size_t dirty_bytes = list_remove(b, node, from);
	split_down(b, (uintptr_t)node, from, order, dirty_bytes);
	entry_set_live(entry_of((uintptr_t)node), order, bytes);
	return node;
}

/* The block `address` lies in: the nearest start at or before it that is large enough. */
static bool block_containing(uintptr_t address, uintptr_t *out_start, unsigned *out_order)
{
	for (unsigned order = ORDER_MIN; order <= ORDER_TOP; order++) {
		uintptr_t start = align_down(address, (size_t)1 << order);
		uint8_t code = byte_load(entry_of(start));
		if (start - chunk_base(start) < TABLE_BYTES)
			return false;
		if (code_is_live(code) || code_is_free(code)) {
			bool is_live = code_is_live(code);
			*out_start = start;
			*out_order = is_live ? code_order(code) : (unsigned)code - CODE_FREE;
			return true;
		}
	}
	return false;
}

static ALLOT_COLD bool buddy_accuse(struct buddy *b, struct region *region, uintptr_t address)
{
	uintptr_t start = 0;
	unsigned order = 0;
	if (!region_has(region, address))
		return core_fault(&b->core, FAULT_FOREIGN, address, 0, 0);
	bool is_known = block_containing(address, &start, &order);
	size_t bytes = is_known ? (size_t)1 << order : 0;
	enum fault_kind kind = FAULT_INTERIOR;
	if (!is_aligned(address, ALIGN_BYTES))
		kind = FAULT_MISALIGNED;
	else if (is_known && code_is_free(byte_load(entry_of(start))))
		kind = FAULT_DOUBLE_FREE;
	return core_fault(&b->core, kind, address, start, bytes);
}

/* The entry of the live block at `p`, or NULL. */
ALLOT_INLINE uint8_t *buddy_find(const struct region *region, const void *p)
{
	uintptr_t address = (uintptr_t)p;
	uint8_t *entry = entry_of(address);
	if (unlikely(!region_has(region, address) || !is_aligned(address, UNIT_BYTES) ||
		     address - chunk_base(address) < TABLE_BYTES ||
		     !code_is_live(byte_load(entry))))
		return NULL;
	return entry;
}

/* The same, with a fault when there is none. */
ALLOT_INLINE uint8_t *buddy_verify(struct buddy *b, struct region *region, const void *p)
{
	uint8_t *entry = buddy_find(region, p);
	if (unlikely(entry == NULL))
		buddy_accuse(b, region, (uintptr_t)p);
	return entry;
}

static bool buddy_free(void *state, struct region *region, void *p)
{
	struct buddy *b = state;
	uint8_t *entry = buddy_verify(b, region, p);
	if (unlikely(entry == NULL))
		return false;
	unsigned order = code_order(byte_load(entry));
	entry_clear_live(entry, order);
	if (b->core.policy.coalesce == COALESCE_DEFERRED) {
		list_insert(b, (uintptr_t)p, order, (size_t)1 << order);
		return true;
	}
	return merge_and_insert(b, (uintptr_t)p, order, (size_t)1 << order);
}

/* Can the block at `address` grow to `order` where it is? */
static bool can_absorb(const struct buddy *b, uintptr_t address, unsigned from, unsigned order)
{
	if (!is_aligned(address, (size_t)1 << order))
		return false;
	for (; from < order; from++) {
		uintptr_t partner = address ^ (uintptr_t)1 << from;
		if (byte_load(entry_of(partner)) != CODE_FREE + from ||
		    !node_is_intact(b, (struct node *)partner, from))
			return false;
	}
	return true;
}

static enum resize_result buddy_resize(void *state, struct region *region, void *p, size_t bytes,
				       size_t room_bytes)
{
	(void)room_bytes; /* powers of two have room enough, mostly */
	struct buddy *b = state;
	uintptr_t address = (uintptr_t)p;
	uint8_t *entry = buddy_verify(b, region, p);
	if (entry == NULL)
		return RESIZE_FAULT;
	unsigned from = code_order(byte_load(entry));
	unsigned order = bytes > (size_t)1 << ORDER_TOP ? ORDERS : order_for(bytes);
	if (order > ORDER_TOP || (order > from && !can_absorb(b, address, from, order)))
		return RESIZE_MUST_MOVE;
	entry_clear_live(entry, from);
	for (unsigned k = from; k < order; k++) {
		uintptr_t partner = address ^ (uintptr_t)1 << k;
		list_remove(b, (struct node *)partner, k);
		byte_store(entry_of(partner), CODE_NONE);
		b->core.merges++;
	}
	split_down(b, address, from, order, (size_t)1 << from);
	entry_set_live(entry, order, bytes);
	return RESIZE_DONE;
}

static void block_read(uintptr_t address, uint8_t code, struct block_info *out)
{
	bool is_live = code_is_live(code);
	unsigned order = is_live ? code_order(code) : (unsigned)(code - CODE_FREE);
	size_t bytes = (size_t)1 << order;
	*out = (struct block_info){
		.payload = address,
		.block_bytes = bytes,
		.state = is_live ? BLOCK_LIVE : BLOCK_FREE,
	};
	if (is_live) {
		out->usable_bytes = bytes;
		out->requested_bytes = bytes - entry_slack(entry_of(address));
	}
}

static bool buddy_describe(void *state, struct region *region, void *p, struct block_info *out)
{
	uint8_t *entry = buddy_find(region, p);
	(void)state;
	if (entry == NULL)
		return false;
	block_read((uintptr_t)p, byte_load(entry), out);
	return true;
}

/* Give whole free chunks at the end back. */
static size_t trim_tail(struct buddy *b, size_t keep_bytes, size_t most_bytes)
{
	struct region *last = b->core.source->last;
	size_t released = 0;
	if (last == NULL || keep_bytes >= CHUNK_BYTES)
		return 0;
	while (last->bytes >= CHUNK_BYTES && released < most_bytes) {
		uintptr_t chunk = last->base + last->bytes - CHUNK_BYTES;
		if (!chunk_is_free(chunk))
			break;
		for (unsigned order = TABLE_ORDER; order <= ORDER_TOP; order++)
			list_remove(b, (struct node *)(chunk + ((uintptr_t)1 << order)), order);
		if (source_shrink(b->core.source, last, CHUNK_BYTES) == 0) {
			chunk_add(b, chunk);
			break;
		}
		released += CHUNK_BYTES;
	}
	return released;
}

static size_t buddy_trim(void *state, size_t keep_bytes, size_t most_bytes)
{
	struct buddy *b = state;
	merge_all(b);
	size_t released = trim_tail(b, keep_bytes, most_bytes);
	for (unsigned order = PAGES_ORDER_MIN; order <= ORDER_TOP; order++) {
		for (struct node *node = b->lists[order]; node != NULL;
		     node = link_load((void *const *)&node->next)) {
			uintptr_t begin = (uintptr_t)node;
			size_t dirty_bytes = word_load(&node->dirty_bytes);
			if (dirty_bytes == 0 || released >= most_bytes ||
			    source_release(b->core.source, begin + sizeof(*node),
					   begin + ((uintptr_t)1 << order)) == 0)
				continue;
			released += dirty_bytes;
			word_store(&node->dirty_bytes, 0);
			b->core.dirty_bytes = size_minus(b->core.dirty_bytes, dirty_bytes);
		}
	}
	if (released < most_bytes)
		b->core.dirty_bytes = 0;
	return released;
}

static bool chunk_walk(uintptr_t chunk, block_visit *visit, void *context)
{
	uintptr_t address = chunk + TABLE_BYTES;
	while (address < chunk + CHUNK_BYTES) {
		struct block_info info;
		uint8_t code = byte_load(entry_of(address));
		if (!code_is_live(code) && !code_is_free(code))
			return false;
		block_read(address, code, &info);
		if (!visit(&info, context))
			return false;
		address += info.block_bytes;
	}
	return true;
}

static bool buddy_walk(void *state, block_visit *visit, void *context)
{
	struct buddy *b = state;
	for (struct region *r = b->core.source->first; r != NULL; r = r->next) {
		for (uintptr_t chunk = r->base; chunk < r->base + r->bytes; chunk += CHUNK_BYTES) {
			if (!chunk_walk(chunk, visit, context))
				return false;
		}
	}
	return true;
}

/* ---- checking ---- */

static bool check_fails(struct text *message, const char *what, uintptr_t address)
{
	text_format(message, "%s at %p", what, (void *)address);
	return false;
}

/* Check one block's entries; *out_bytes is its size. */
static bool check_block(const struct buddy *b, uintptr_t address, size_t *out_bytes,
			size_t *free_blocks, struct text *message)
{
	uint8_t *entry = entry_of(address);
	uint8_t code = byte_load(entry);
	bool is_free = code_is_free(code);
	if (!is_free && !code_is_live(code))
		return check_fails(message, "no block starts", address);
	unsigned order = is_free ? (unsigned)(code - CODE_FREE) : code_order(code);
	size_t bytes = (size_t)1 << order;
	size_t slack_count = is_free ? 0 : slack_entries(order);
	if (order < ORDER_MIN || order > ORDER_TOP || !is_aligned(address, bytes))
		return check_fails(message, "block of an impossible order", address);
	for (size_t i = 1; i < bytes / UNIT_BYTES; i++) {
		bool is_slack = byte_load(entry + i) >= CODE_SLACK;
		if (i <= slack_count ? !is_slack : byte_load(entry + i) != CODE_NONE)
			return check_fails(message, "stray table entry", address + i * UNIT_BYTES);
	}
	if (!is_free && entry_slack(entry) > bytes)
		return check_fails(message, "more slack than block", address);
	bool may_pair = b->core.policy.coalesce == COALESCE_DEFERRED || order == ORDER_TOP;
	if (is_free && !may_pair &&
	    byte_load(entry_of(address ^ (uintptr_t)bytes)) == CODE_FREE + order)
		return check_fails(message, "free partners not merged", address);
	*free_blocks += is_free;
	*out_bytes = bytes;
	return true;
}

static bool lists_check(const struct buddy *b, size_t free_blocks, struct text *message)
{
	for (unsigned order = 0; order < ORDERS; order++) {
		const struct node *previous = NULL;
		if ((b->lists[order] != NULL) != (b->free_orders >> order & 1)) {
			text_format(message, "mask is wrong about order %u", (size_t)order);
			return false;
		}
		for (const struct node *node = b->lists[order]; node != NULL; node = node->next) {
			if (!is_free_block(b, (uintptr_t)node, order) ||
			    node->previous != previous)
				return check_fails(message, "broken list", (uintptr_t)node);
			if (free_blocks-- == 0)
				return check_fails(message, "list too long", (uintptr_t)node);
			previous = node;
		}
	}
	if (free_blocks != 0)
		text_format(message, "%u free blocks on no list", free_blocks);
	return free_blocks == 0;
}

static bool buddy_check(void *state, struct text *message)
{
	struct buddy *b = state;
	size_t free_blocks = 0;
	for (struct region *r = b->core.source->first; r != NULL; r = r->next) {
		uintptr_t address = r->base;
		while (address < r->base + r->bytes) {
			size_t bytes = 0;
			if (address == chunk_base(address))
				address += TABLE_BYTES;
			if (!check_block(b, address, &bytes, &free_blocks, message))
				return false;
			address += bytes;
		}
	}
	return lists_check(b, free_blocks, message);
}

static void buddy_init(void *state)
{
	(void)state;
}

static_assert(sizeof(struct buddy) <= STRATEGY_STATE_BYTES_MAX, "state fits its storage");

const struct strategy strategy_buddy = {
	.name = "buddy",
	.summary = "binary buddies: powers of two, halved and merged in pairs, no tags in blocks",
	.bound = "O(orders), 17 at most",
	.coalescings = HAS_COALESCE_IMMEDIATE | HAS_COALESCE_DEFERRED,
	.default_policy = {FIT_FIRST, ORDER_LIFO, COALESCE_IMMEDIATE},
	.state_bytes = sizeof(struct buddy),
	.unit_bytes = CHUNK_BYTES,
	.block_bytes_min = UNIT_BYTES,
	.request_bytes_max = (size_t)1 << ORDER_TOP,
	.align_bytes_max = (size_t)1 << ORDER_TOP,
	.init = buddy_init,
	.allocate = buddy_allocate,
	.free = buddy_free,
	.resize = buddy_resize,
	.describe = buddy_describe,
	.trim = buddy_trim,
	.walk = buddy_walk,
	.check = buddy_check,
};
