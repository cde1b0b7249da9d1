/* SPDX-License-Identifier: MIT */
/*
 * Merge: one stream of events of the streams of a source. See merge.h.
 */
#include "trace/merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

/* How long a thread waits, by the clock of the recording. */
enum {
	/* A thread may lose its processor inside realloc, or write on without a look at the clock;
	 * what it frees may be allocated by one that waits itself. */
	WAIT_NS = 100 * 1000 * 1000,
	PREFETCH_RECORDS = 12,
};

/* A thread's stream as it is merged. */
struct merge_lane {
	struct trace_stream *stream; /* NULL: not open yet, or at its end */
	struct trace_record *records; /* of TRACE_BATCH */
	size_t next, count;
	uint64_t head;     /* time of the next record, or less before it is read */
	uint64_t awaited;  /* waiting: for this address */
	bool is_until_live; /* to be handed out; else to be given back */
	uint64_t deadline; /* waiting: until this time */
	bool is_begun;
};

/* ---- the heap of lanes that may go on ----------------------------------------------------- */

static bool lane_before(const struct merge *merge, uint32_t a, uint32_t b)
{
	uint64_t a_head = merge->lanes[a].head, b_head = merge->lanes[b].head;
	return a_head < b_head || (a_head == b_head && a < b);
}

static void ready_push(struct merge *merge, uint32_t lane)
{
	size_t i = merge->ready_count++;

	for (; i > 0 && lane_before(merge, lane, merge->ready[(i - 1) / 2]); i = (i - 1) / 2)
		merge->ready[i] = merge->ready[(i - 1) / 2];
	merge->ready[i] = lane;
}

static uint32_t ready_pop(struct merge *merge)
{
	uint32_t first = merge->ready[0], last = merge->ready[--merge->ready_count];
	size_t i = 0;

	for (size_t child; (child = 2 * i + 1) < merge->ready_count; i = child) {
		if (child + 1 < merge->ready_count &&
		    lane_before(merge, merge->ready[child + 1], merge->ready[child]))
			child++;
		if (!lane_before(merge, merge->ready[child], last))
			break;
		merge->ready[i] = merge->ready[child];
	}
	merge->ready[i] = last;
	return first;
}

/* Make `lane` the current one, which may go on as far as the next one's head. */
static void lane_enter(struct merge *merge, struct merge_lane *lane)
{
	merge->current = lane;
	merge->limit_time = UINT64_MAX;
	merge->limit_lane = UINT32_MAX;
	if (merge->ready_count > 0) {
		merge->limit_lane = merge->ready[0];
		merge->limit_time = merge->lanes[merge->ready[0]].head;
	}
	if (merge->deadline < merge->limit_time) {
		merge->limit_time = merge->deadline;
		merge->limit_lane = UINT32_MAX;
	}
}

static uint32_t lane_index(const struct merge *merge, const struct merge_lane *lane)
{
	return (uint32_t)(lane - merge->lanes);
}

static void lane_leave(struct merge *merge)
{
	ready_push(merge, lane_index(merge, merge->current));
	merge->current = NULL;
}

/* ---- waiting ------------------------------------------------------------------------------ */

static uint64_t units_of(const struct merge *merge, uint64_t ns)
{
	return (uint64_t)(((unsigned __int128)ns << 32) / merge->source->ns_per_unit);
}

static void deadline_update(struct merge *merge)
{
	merge->deadline = UINT64_MAX;
	for (size_t i = 0; i < merge->waiting_count; i++) {
		uint64_t deadline = merge->lanes[merge->waiting[i]].deadline;
		if (deadline < merge->deadline)
			merge->deadline = deadline;
	}
}

/* Until when `lane` waits: at least until its clock moved, for its head happened before that. */
static uint64_t lane_patience(const struct merge *merge, const struct merge_lane *lane)
{
	uint64_t patience = lane->head + units_of(merge, WAIT_NS);

	for (size_t i = lane->next + 1; i < lane->count; i++)
		if (lane->records[i].time > lane->head)
			return lane->records[i].time > patience ? lane->records[i].time : patience;
	return patience;
}

/* Put the current lane aside until `address` is live, or no longer so. */
static ALLOT_COLD void lane_wait(struct merge *merge, uint64_t address, bool is_until_live)
{
	struct merge_lane *lane = merge->current;

	lane->awaited = address;
	lane->is_until_live = is_until_live;
	lane->deadline = lane_patience(merge, lane);
	merge->waiting[merge->waiting_count++] = lane_index(merge, lane);
	merge->current = NULL;
	deadline_update(merge);
}

static uint32_t waiting_take(struct merge *merge, size_t place)
{
	uint32_t index = merge->waiting[place];

	merge->waiting[place] = merge->waiting[--merge->waiting_count];
	deadline_update(merge);
	return index;
}

/* `address` became live, or no longer so: who waited for that may go on. */
static void waiting_wake(struct merge *merge, uint64_t address, bool is_live)
{
	for (size_t i = 0; i < merge->waiting_count;) {
		struct merge_lane *lane = &merge->lanes[merge->waiting[i]];
		if (lane->awaited != address || lane->is_until_live != is_live) {
			i++;
			continue;
		}
		ready_push(merge, waiting_take(merge, i));
		merge->repaired++;
	}
}

/* After an event: does it let others go on? They come first then, being earlier. */
static ALLOT_COLD void waiting_look(struct merge *merge, const struct trace_event *event)
{
	size_t count = merge->waiting_count;

	if (event->kind == TRACE_FREE)
		waiting_wake(merge, event->block.address, false);
	else if (event->kind == TRACE_ALLOCATE || event->kind == TRACE_RESIZE)
		waiting_wake(merge, event->block.address, true);
	if (event->kind == TRACE_RESIZE && event->old.address != event->block.address)
		waiting_wake(merge, event->old.address, false);
	if (merge->waiting_count < count && merge->current != NULL)
		lane_leave(merge);
}

/* The lane that waits the shortest. */
static struct merge_lane *waiting_first(struct merge *merge)
{
	size_t first = 0;

	for (size_t i = 1; i < merge->waiting_count; i++) {
		struct merge_lane *a = &merge->lanes[merge->waiting[i]];
		struct merge_lane *b = &merge->lanes[merge->waiting[first]];
		if (a->deadline < b->deadline || (a->deadline == b->deadline && a < b))
			first = i;
	}
	return &merge->lanes[waiting_take(merge, first)];
}

/* ---- lanes -------------------------------------------------------------------------------- */

static void lane_close(struct merge_lane *lane)
{
	if (lane->stream != NULL)
		lane->stream->source->form->stream_close(lane->stream);
	free(lane->records);
	lane->stream = NULL;
	lane->records = NULL;
}

static void lane_open(struct merge *merge, struct merge_lane *lane)
{
	const struct trace_source_form *form = merge->source->form;

	lane->is_begun = true;
	lane->records = malloc(TRACE_BATCH * sizeof(*lane->records));
	if (lane->records != NULL)
		lane->stream = form->stream_open(merge->source, lane_index(merge, lane));
}

/* Make room for `count` elements and one. */
static bool array_grow(void *array, size_t count, size_t element_bytes)
{
	void **elements = array;
	void *grown = reallocarray(*elements, count + 1, element_bytes);

	if (grown != NULL)
		*elements = grown;
	return grown != NULL;
}

/* Read the next batch of the current lane. */
static enum trace_status lane_fill(struct merge *merge)
{
	struct merge_lane *lane = merge->current;

	if (!lane->is_begun)
		lane_open(merge, lane);
	if (lane->stream == NULL)
		return TRACE_FAILED;
	lane->next = lane->count = 0;
	enum trace_status status = merge->source->form->stream_read(lane->stream, lane->records,
								    &lane->count);
	if (status == TRACE_OK) {
		lane->head = lane->records[0].time;
		size_t near = lane->count < PREFETCH_RECORDS ? lane->count : PREFETCH_RECORDS;
		for (size_t i = 0; i < near; i++)
			live_prefetch(&merge->events.live, lane->records[i].address);
	} else if (status == TRACE_END) {
		lane_close(lane);
		merge->current = NULL;
	} else if (status == TRACE_WAIT) {
		/* What comes is later, so the others may go on until then. */
		if (lane->head < merge->source->horizon)
			lane->head = merge->source->horizon;
	}
	return status;
}

bool merge_grow(struct merge *merge)
{
	struct trace_source *source = merge->source;
	size_t count = source->stream_count;

	if (merge->current != NULL)
		lane_leave(merge);
	merge->events.ns_per_unit = source->ns_per_unit;
	if (!array_grow(&merge->lanes, count, sizeof(*merge->lanes)) ||
	    !array_grow(&merge->ready, count, sizeof(*merge->ready)) ||
	    !array_grow(&merge->waiting, count, sizeof(*merge->waiting)))
		return false;
	for (; merge->lane_count < count; merge->lane_count++) {
		size_t i = merge->lane_count;
		memset(&merge->lanes[i], 0, sizeof(merge->lanes[i]));
		merge->lanes[i].head = source->form->stream_start(source, i);
		ready_push(merge, (uint32_t)i);
	}
	return true;
}

bool merge_init(struct merge *merge, struct trace_source *source)
{
	memset(merge, 0, sizeof(*merge));
	merge->source = source;
	merge->deadline = UINT64_MAX;
	if (events_init(&merge->events, source->ns_per_unit) && merge_grow(merge))
		return true;
	merge_finish(merge);
	return false;
}

void merge_finish(struct merge *merge)
{
	if (merge->lanes != NULL)
		for (size_t i = 0; i < merge->lane_count; i++)
			lane_close(&merge->lanes[i]);
	free(merge->lanes);
	free(merge->ready);
	free(merge->waiting);
	events_finish(&merge->events);
	memset(merge, 0, sizeof(*merge));
}

/* ---- choosing ----------------------------------------------------------------------------- */

/* May the current lane go on? Its next record must be read. */
static inline bool lane_is_first(const struct merge *merge, const struct merge_lane *lane)
{
	return lane->head < merge->limit_time ||
	       (lane->head == merge->limit_time &&
		lane_index(merge, lane) <= merge->limit_lane);
}

/*
 * Choose the lane that goes on. False: there is none. `*out_is_forced`: it waited in vain.
 */
static bool lane_choose(struct merge *merge, bool *out_is_forced)
{
	*out_is_forced = merge->waiting_count > 0 &&
			 (merge->ready_count == 0 ||
			  merge->lanes[merge->ready[0]].head > merge->deadline);
	if (*out_is_forced)
		lane_enter(merge, waiting_first(merge));
	else if (merge->ready_count > 0)
		lane_enter(merge, &merge->lanes[ready_pop(merge)]);
	else
		return false;
	return true;
}

/* The current lane's next record did not happen: let it wait, or make that so. */
static ALLOT_COLD enum event_verdict lane_resolve(struct merge *merge,
						  const struct trace_record *record,
						  enum event_verdict verdict, bool is_forced,
						  struct trace_event *out)
{
	bool is_alone = merge->ready_count == 0 && merge->waiting_count == 0;

	if (verdict == EVENT_NO_MEMORY)
		return verdict;
	if (!is_forced && !is_alone && !merge->is_hasty) {
		lane_wait(merge, record->kind == TRACE_RESIZE && verdict == EVENT_NOT_YET ?
					 record->old_address : record->address,
			  verdict == EVENT_NOT_YET);
		return verdict;
	}
	if (verdict == EVENT_NOT_YET)
		verdict = event_make(&merge->events, record, out, true);
	if (verdict == EVENT_IMPOSSIBLE) {
		event_make_free(&merge->events, record->address, out);
		merge->repaired++;
		verdict = EVENT_INSERTED;
	}
	return verdict;
}

/* The current lane's next record, if it happens now. */
static inline enum event_verdict lane_step(struct merge *merge, struct merge_lane *lane,
					   bool is_forced, struct trace_event *out)
{
	const struct trace_record *record = &lane->records[lane->next];

	if (lane->count - lane->next > PREFETCH_RECORDS)
		live_prefetch(&merge->events.live, record[PREFETCH_RECORDS].address);
	out->thread = record->thread;
	enum event_verdict verdict = event_make(&merge->events, record, out, false);
	if (unlikely(verdict != EVENT_HAPPENED))
		verdict = lane_resolve(merge, record, verdict, is_forced, out);
	if (likely(verdict == EVENT_HAPPENED) && ++lane->next < lane->count)
		lane->head = record[1].time;
	return verdict;
}

enum trace_status merge_next(struct merge *merge, struct trace_event *out)
{
	for (;;) {
		bool is_forced = false;
		if (merge->current == NULL && !lane_choose(merge, &is_forced))
			return TRACE_END;
		struct merge_lane *lane = merge->current;
		if (lane->next == lane->count) {
			enum trace_status status = lane_fill(merge);
			if (status == TRACE_END)
				continue;
			if (unlikely(status == TRACE_WAIT)) {
				bool is_first = lane_is_first(merge, lane);
				lane_leave(merge);
				if (is_first || is_forced)
					return status;
				continue;
			}
			if (status != TRACE_OK)
				return status;
		}
		if (unlikely(!lane_is_first(merge, lane)) && !is_forced) {
			lane_leave(merge);
			continue;
		}
		enum event_verdict verdict = lane_step(merge, lane, is_forced, out);
		if (unlikely(verdict == EVENT_NO_MEMORY))
			return TRACE_FAILED;
		if (verdict == EVENT_HAPPENED || verdict == EVENT_INSERTED) {
			if (unlikely(merge->waiting_count > 0))
				waiting_look(merge, out);
			return TRACE_OK;
		}
	}
}
