/* SPDX-License-Identifier: MIT */
/*
 * Random scripts: every operation, with ranges that lie in a region, across its edges, and where
 * it used to be. Mappings are small and placed side by side, so that most have neighbours to merge
 * with. One script in four is about huge pages and has larger ones.
 *
 * Left out, for the kernel gives no exact answer or none in time: MADV_PAGEOUT, which drops pages
 * of files from the cache, and mappings so large that overcommitting decides.
 */
#include "vm_random.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vm_script.h"

enum {
	REGIONS = 12,
	FILE_PAGES = 48,
	SMALL_PAGES = 24,
	MEDIUM_PAGES = 200,
	HUGE_PAGES = 512,
	CHILDREN_MAX = SCRIPT_PROCESSES_MAX - 1,
	BREAK_PAGES = 16,
	HUGE_SCRIPTS = 4, /* one in so many */
	PERCENT = 100,
};

struct generator {
	uint64_t state;
	char *text;
	size_t used, capacity;
	bool has_failed;
	bool is_huge;                     /* the script is about huge pages */
	unsigned pages[REGIONS];          /* of each region, 0: not made yet */
	bool is_alive[SCRIPT_PROCESSES_MAX];
	int process_count;
	int process;                      /* that the line is of */
};

/* splitmix64 (Steele, Lea and Flood 2014): the same numbers everywhere. */
static uint64_t next(struct generator *g)
{
	uint64_t z = g->state += UINT64_C(0x9E3779B97F4A7C15);
	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

static unsigned below(struct generator *g, unsigned bound)
{
	return (unsigned)(next(g) % bound);
}

static bool chance(struct generator *g, unsigned percent)
{
	return below(g, PERCENT) < percent;
}

static void emit(struct generator *g, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void emit(struct generator *g, const char *format, ...)
{
	va_list arguments;
	if (g->used + SCRIPT_LINE_BYTES > g->capacity) {
		size_t wanted = 2 * g->capacity + SCRIPT_LINE_BYTES;
		char *larger = realloc(g->text, wanted);
		g->has_failed |= larger == NULL;
		if (larger == NULL)
			return;
		g->text = larger;
		g->capacity = wanted;
	}
	va_start(arguments, format);
	g->used += (size_t)vsnprintf(g->text + g->used, SCRIPT_LINE_BYTES, format, arguments);
	va_end(arguments);
}

/* ---- pieces of lines ---- */

/* A region that there is; the first is always. */
static unsigned region(struct generator *g)
{
	unsigned index = below(g, REGIONS);
	while (g->pages[index] == 0)
		index = (index + 1) % REGIONS;
	return index;
}

static const char *protection(struct generator *g)
{
	static const char *const words[] = { "rw", "rw", "rw", "rw", "rw", "rw", "r", "r",
					     "none", "rx", "rwx", "w" };
	return words[below(g, sizeof(words) / sizeof(words[0]))];
}

static unsigned size(struct generator *g)
{
	if (g->is_huge && chance(g, 40))
		return HUGE_PAGES * (1 + below(g, 2)) + (chance(g, 40) ? below(g, HUGE_PAGES) : 0);
	return 1 + below(g, chance(g, 15) ? MEDIUM_PAGES : SMALL_PAGES);
}

/* A range of a region, sometimes beyond its edges. */
static void range(struct generator *g)
{
	unsigned index = region(g), pages = g->pages[index];
	if (chance(g, 4)) {
		emit(g, " heap %u..%u", below(g, BREAK_PAGES), BREAK_PAGES + below(g, 4));
		return;
	}
	if (chance(g, 20)) {
		emit(g, " R%u", index);
		return;
	}
	unsigned first = below(g, pages), count = 1 + below(g, pages - first);
	/* Aligned pieces of huge ones, more often than chance would have it. */
	if (pages > HUGE_PAGES && chance(g, 30)) {
		first = first / HUGE_PAGES * HUGE_PAGES;
		count = HUGE_PAGES;
	}
	if (chance(g, 5))
		emit(g, " R%u -%u..%u", index, 1 + below(g, 2), first + count + below(g, 3));
	else
		emit(g, " R%u %u..%u", index, first, first + count - 1);
}

static void place(struct generator *g)
{
	unsigned index = region(g), pages = g->pages[index];
	emit(g, " R%u%+dp", index, (int)below(g, pages + 4) - 2);
}

static void mapping(struct generator *g)
{
	static const char *const flags[] = { "populate", "noreserve", "stack", "locked" };
	unsigned index = below(g, REGIONS), pages = size(g);
	bool is_shared = chance(g, 25), has_file = chance(g, 35);
	emit(g, "map R%u %up %s %s", index, pages, protection(g), is_shared ? "shared" : "private");
	if (has_file)
		emit(g, " %s+%up", chance(g, 60) ? "F" : "M", below(g, FILE_PAGES));
	if (chance(g, 30)) {
		emit(g, " %s", chance(g, 60) ? "fixed" : "at");
		place(g);
	}
	if (chance(g, 12))
		emit(g, " %s", flags[below(g, sizeof(flags) / sizeof(flags[0]))]);
	else if (chance(g, 4) && !is_shared && !has_file)
		emit(g, " growsdown");
	g->pages[index] = pages;
}

static void remapping(struct generator *g)
{
	unsigned from = region(g), to = below(g, REGIONS), pages = g->pages[from];
	unsigned first = chance(g, 40) ? 0 : below(g, pages);
	unsigned count = 1 + below(g, pages - first), wanted = size(g);
	if (chance(g, 40))
		wanted = count;
	emit(g, "remap R%u %u..%u %up", from, first, first + count - 1, wanted);
	if (chance(g, 25)) {
		emit(g, " to");
		place(g);
	} else if (chance(g, 10) && wanted == count) {
		emit(g, " keep");
	} else if (chance(g, 85)) {
		emit(g, " move");
	}
	emit(g, " as R%u", to);
	g->pages[to] = wanted;
}

static void advising(struct generator *g)
{
	static const char *const common[] = {
		"dontneed", "dontneed", "dontneed", "dontneed", "populate-read", "populate-write",
		"dontfork", "dofork", "wipeonfork", "keeponfork", "dontdump", "dodump", "random",
		"sequential", "normal", "willneed", "guard-install", "guard-remove",
	};
	static const char *const huge[] = { "hugepage", "hugepage", "hugepage", "nohugepage",
					    "dontneed", "dontneed", "free", "cold" };
	bool is_huge = g->is_huge && chance(g, 60);
	emit(g, "advise");
	range(g);
	emit(g, " %s", is_huge ? huge[below(g, sizeof(huge) / sizeof(huge[0]))]
			       : common[below(g, sizeof(common) / sizeof(common[0]))]);
}

static void forking(struct generator *g)
{
	if (g->process_count <= CHILDREN_MAX) {
		emit(g, "fork p%d", g->process_count);
		g->is_alive[g->process_count++] = true;
	} else {
		emit(g, "r");
		range(g);
	}
}

/* An operation of one verb on a range. */
static void ranged(struct generator *g, const char *verb, const char *behind)
{
	emit(g, "%s", verb);
	range(g);
	emit(g, "%s", behind);
}

static void protecting(struct generator *g)
{
	emit(g, "protect");
	range(g);
	emit(g, " %s", protection(g));
}

static void storing_bytes(struct generator *g)
{
	unsigned index = region(g);
	emit(g, "w8 R%u %u", index,
	     SCRIPT_PAGE_BYTES * (1 + below(g, g->pages[index])) - 4 * below(g, 3));
}

/* ---- a script ---- */

static void line(struct generator *g)
{
	unsigned roll = below(g, PERCENT);
	g->process = 0;
	if (g->process_count > 1 && chance(g, 40)) {
		int process = (int)below(g, (unsigned)g->process_count);
		g->process = g->is_alive[process] ? process : 0;
	}
	if (g->process != 0)
		emit(g, "p%d: ", g->process);
	if (roll < 17)
		mapping(g);
	else if (roll < 24)
		ranged(g, "unmap", "");
	else if (roll < 34)
		protecting(g);
	else if (roll < 41)
		remapping(g);
	else if (roll < 53)
		advising(g);
	else if (roll < 67)
		ranged(g, "r", "");
	else if (roll < 85)
		ranged(g, "w", "");
	else if (roll < 87)
		ranged(g, "x", "");
	else if (roll < 88)
		storing_bytes(g);
	else if (roll < 90)
		ranged(g, chance(g, 50) ? "kernel-w" : "kernel-r", "");
	else if (roll < 92)
		ranged(g, "lock", chance(g, 30) ? " onfault" : "");
	else if (roll < 94)
		ranged(g, "unlock", "");
	else if (roll < 96)
		emit(g, "brk %+dp", (int)below(g, BREAK_PAGES) - BREAK_PAGES / 3);
	else if (roll < 98 || g->process == 0)
		forking(g);
	else {
		emit(g, "exit");
		g->is_alive[g->process] = false;
	}
	emit(g, "\n");
}

char *script_random(uint64_t seed, size_t operations)
{
	struct generator g = { .state = seed, .process_count = 1, .is_alive = { true } };
	g.is_huge = below(&g, HUGE_SCRIPTS) == 0;
	emit(&g, "file F %dp\nmemory M %dp\n", FILE_PAGES, FILE_PAGES);
	emit(&g, "map R0 %up rw private\n", g.pages[0] = size(&g));
	for (size_t i = 1; i < operations && !g.has_failed; i++)
		line(&g);
	if (g.has_failed) {
		free(g.text);
		return NULL;
	}
	return g.text;
}

/* ---- shrinking ---- */

/* `text` without the lines [first, first + count); NULL: no memory. */
static char *lines_without(const char *text, size_t first, size_t count)
{
	char *left = malloc(strlen(text) + 1);
	size_t used = 0;
	if (left == NULL)
		return NULL;
	for (size_t number = 0; *text != '\0'; number++) {
		size_t length = strcspn(text, "\n");
		length += text[length] == '\n';
		if (number < first || number >= first + count) {
			memcpy(left + used, text, length);
			used += length;
		}
		text += length;
	}
	left[used] = '\0';
	return left;
}

static size_t lines_count(const char *text)
{
	size_t count = 0;
	for (; *text != '\0'; text++)
		count += *text == '\n';
	return count;
}

/* Halves, then quarters, down to single lines: whatever can go, goes. */
char *script_shrink(const char *text, script_fails *fails, void *context)
{
	char *best = strdup(text);
	size_t piece = best != NULL ? lines_count(best) / 2 : 0;
	while (piece > 0) {
		bool has_shrunk = false;
		for (size_t first = 0; first < lines_count(best);) {
			char *left = lines_without(best, first, piece);
			if (left == NULL)
				return best;
			if (fails(left, context)) {
				free(best);
				best = left;
				has_shrunk = true;
			} else {
				free(left);
				first += piece;
			}
		}
		if (piece == 1 && !has_shrunk)
			break;
		piece = piece > 1 ? piece / 2 : 1;
	}
	return best;
}
