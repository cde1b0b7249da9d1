/* SPDX-License-Identifier: MIT */
/*
 * Benchmarks of the memory machine: accesses a second, with everything counted, and bytes a second
 * of traces. Items are accesses, or lines of text.
 *
 * Patterns of accesses, a third of them stores, on a two-level TLB of 64x4 and 1536x12 entries and
 * page tables of four levels:
 *
 *	sequential   8 bytes after 8 bytes
 *	16-pages     anywhere in 16 pages
 *	mixed        85 % sequential, 10 % in 1,000 pages, 5 % anywhere in 256 MiB
 *	mixed-pages  the same, but for the 85 % anywhere in 16 pages
 *	60-pages     hits of the first rank, hardly ever the page of the time before
 *	1500-pages   hits of the second
 *	walks        anywhere in 256 MiB
 *
 * The same accesses on an address space of a machine, all of whose pages are there: `processor`,
 * through such a TLB on the machine's own tables, and `touch`, which walks them each time.
 *
 * Beside the TLB of the library, on the same accesses: `plain`, two arrays of sets searched and
 * moved as cachegrind searches and moves its sets, counting misses and nothing else: no page
 * tables, rights, address spaces, dirty bits. And `cachegrind` itself, with caches that are these
 * TLBs, on this program making the same accesses (`--touch`): what it takes more than with none.
 *
 * Another simulator that is driven by traces can be named: ALLOT_BENCH_SIMULATOR is a command that
 * reads, from its standard input, Dinero's text, a line an access: "0 ADDRESS" for a load, "1
 * ADDRESS" for a store, in hexadecimal. What it takes more than for a text of no line counts:
 *
 *	ALLOT_BENCH_SIMULATOR='dineroIV -informat d -l1-dsize 256k -l1-dbsize 4k -l1-dassoc 4
 *	-l2-usize 6m -l2-ubsize 4k -l2-uassoc 12' (Debian has no such package)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "binding.h"
#include "chance.h"
#include "vm_radix.h"

enum {
	ACCESSES = 1 << 18,
	PAGE_SHIFT = 12,
	RANDOM_PAGES = 1 << 16, /* 256 MiB */
	TEXT_BYTES = 1 << 24,
	LINE_BYTES = 40,
	TOUCH_ROUNDS = 40,
	SIMULATOR_ROUNDS = 4,
	COMMAND_BYTES = 4096,
	SEED = 20231,
	SPACE_START = 1 << 24,
};

enum pattern {
	SEQUENTIAL, PAGES_16, MIXED, MIXED_PAGES, PAGES_60, PAGES_1500, WALKS, PATTERN_COUNT,
};

static const char *const pattern_names[PATTERN_COUNT] = {
	"sequential", "16-pages", "mixed", "mixed-pages", "60-pages", "1500-pages", "walks",
};

/* The accesses of a pattern, and what goes through them. */
struct ride {
	enum pattern pattern;
	struct vm_access *accesses;
	struct radix radix;
	struct vm_tlb tlb;
	void *memory;
};

/* ---- patterns ---- */

static uint64_t page_draw(struct chance *chance, uint64_t first, size_t pages)
{
	return (first + chance_below(chance, pages)) << PAGE_SHIFT |
	       chance_below(chance, 510) * 8;
}

static uint64_t va_draw(struct chance *chance, enum pattern pattern, uint64_t *next)
{
	size_t percent = chance_below(chance, 100);
	switch (pattern) {
	case PAGES_16:
		return page_draw(chance, 0x1000, 16);
	case PAGES_60:
		return page_draw(chance, 0x1000, 60);
	case PAGES_1500:
		return page_draw(chance, 0x1000, 1500);
	case WALKS:
		return page_draw(chance, 0x100000, RANDOM_PAGES);
	case MIXED:
	case MIXED_PAGES:
		if (percent >= 95)
			return page_draw(chance, 0x100000, RANDOM_PAGES);
		if (percent >= 85)
			return page_draw(chance, 0x8000, 1000);
		if (pattern == MIXED_PAGES)
			return page_draw(chance, 0x1000, 16);
		break;
	default:
		break;
	}
	return *next += 8;
}

static bool ride_open(struct ride *ride, enum pattern pattern)
{
	struct chance chance = {SEED};
	uint64_t next = 0x10000000;
	ride->pattern = pattern;
	ride->accesses = calloc(ACCESSES, sizeof(*ride->accesses));
	for (size_t i = 0; ride->accesses != NULL && i < ACCESSES; i++)
		ride->accesses[i] = (struct vm_access){
			.va = va_draw(&chance, pattern, &next), .bytes = 8,
			.kind = chance_below(&chance, 3) == 0 ? VM_STORE : VM_LOAD};
	return ride->accesses != NULL && radix_open(&ride->radix);
}

static bool tlb_open(struct ride *ride, struct vm_tlb *tlb, vm_translate *translate, void *context)
{
	struct vm_tlb_conf conf = {
		.geometry = vm_geometry_find("x86-64"),
		.units = {{"L1", 64, 4, 1, VM_TLB_LRU, 1, 0xF},
			  {"L2", 1536, 12, 2, VM_TLB_LRU, 1, 0xF}},
		.unit_count = 2,
		.translate = translate,
		.context = context,
	};
	size_t bytes = vm_tlb_bytes(&conf);
	ride->memory = malloc(bytes);
	return ride->memory != NULL &&
	       vm_tlb_init(tlb, ride->memory, bytes, &conf, NULL, 0);
}

/* ---- ours ---- */

static void tlb_bench(struct state *state, void *user)
{
	struct ride *ride = user;
	struct vm_tlb_statistics all;
	if (!tlb_open(ride, &ride->tlb, radix_translate, &ride->radix)) {
		state_skip(state, "no memory");
		return;
	}
	vm_tlb_run(&ride->tlb, ride->accesses, ACCESSES); /* page tables are made */
	while (state_keep_running(state))
		vm_tlb_run(&ride->tlb, ride->accesses, ACCESSES);
	vm_tlb_statistics(&ride->tlb, &all);
	double total = (double)(all.accesses[VM_LOAD] + all.accesses[VM_STORE]);
	state_set_items(state, state_iterations(state) * ACCESSES);
	state_set_counter(state, "L1%", 100 * (double)(all.misses[0][VM_LOAD] +
						      all.misses[0][VM_STORE]) / total,
			  STATE_COUNTER_SUM);
	state_set_counter(state, "walk%", 100 * (double)all.walks / total, STATE_COUNTER_SUM);
	free(ride->memory);
}

/* ---- a machine ---- */

/* A space with memory wherever a pattern goes. */
static struct vm_space *space_open(struct vm_machine *machine)
{
	struct vm_space *space = machine != NULL ? vm_space_create(machine) : NULL;
	const struct vm_map_request request = {
		.address = SPACE_START,
		.bytes = ((uint64_t)0x110000 << PAGE_SHIFT) - SPACE_START,
		.protection = VM_PROT_READ | VM_PROT_WRITE,
		.flags = VM_MAP_FIXED | VM_MAP_NORESERVE,
	};
	return space != NULL && vm_map(space, &request).error == 0 ? space : NULL;
}

static void machine_bench(struct state *state, struct ride *ride, bool has_tlb)
{
	struct vm_machine *machine = vm_machine_create(NULL);
	struct vm_space *space = space_open(machine);
	struct vm_processor processor = {.space = space};
	const struct vm_access *accesses = ride->accesses;
	if (space == NULL ||
	    !tlb_open(ride, &processor.tlb, vm_processor_translate, &processor)) {
		state_skip(state, "no memory");
		return;
	}
	vm_machine_watch(machine, vm_processor_invalidate, &processor);
	vm_processor_switch(&processor, space);
	for (size_t i = 0; i < ACCESSES; i++)
		vm_touch(space, accesses[i].va, accesses[i].bytes, VM_STORE);
	while (state_keep_running(state))
		for (size_t i = 0; i < ACCESSES; i++) {
			const struct vm_access *at = &accesses[i];
			if (has_tlb)
				vm_processor_touch(&processor, at->va, at->bytes, at->kind);
			else
				vm_touch(space, at->va, at->bytes, at->kind);
		}
	state_set_items(state, state_iterations(state) * ACCESSES);
	vm_machine_destroy(machine);
	free(ride->memory);
}

static void processor_bench(struct state *state, void *user)
{
	machine_bench(state, user, true);
}

static void touch_bench(struct state *state, void *user)
{
	machine_bench(state, user, false);
}

/* ---- the plain one ---- */

struct plain {
	uint64_t tags[128][12];
	unsigned sets, ways;
	uint64_t misses;
};

/* Search the set from the most recently used on, and move what is found to the front. */
static bool plain_use(struct plain *plain, uint64_t page)
{
	uint64_t *tags = plain->tags[page & (plain->sets - 1)];
	if (tags[0] == page)
		return true;
	unsigned way = 1;
	while (way < plain->ways && tags[way] != page)
		way++;
	bool is_hit = way < plain->ways;
	plain->misses += !is_hit;
	for (way = is_hit ? way : plain->ways - 1; way > 0; way--)
		tags[way] = tags[way - 1];
	tags[0] = page;
	return is_hit;
}

static void plain_bench(struct state *state, void *user)
{
	struct ride *ride = user;
	static struct plain first, second;
	first = (struct plain){.sets = 16, .ways = 4};
	second = (struct plain){.sets = 128, .ways = 12};
	while (state_keep_running(state)) {
		for (size_t i = 0; i < ACCESSES; i++) {
			uint64_t va = ride->accesses[i].va;
			uint64_t last = (va + ride->accesses[i].bytes - 1) >> PAGE_SHIFT;
			for (uint64_t page = va >> PAGE_SHIFT; page <= last; page++)
				if (!plain_use(&first, page))
					plain_use(&second, page);
		}
	}
	state_use(&first);
	state_use(&second);
	state_set_items(state, state_iterations(state) * ACCESSES);
}

/* ---- cachegrind ---- */

static const char *own_name;

/* Make the accesses of a pattern, in memory of this program. */
static int touch(const char *name, int rounds)
{
	struct ride ride;
	size_t bytes = (size_t)0x110000 << PAGE_SHIFT;
	enum pattern pattern = 0;
	while (pattern < PATTERN_COUNT && strcmp(pattern_names[pattern], name) != 0)
		pattern++;
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pattern == PATTERN_COUNT || memory == MAP_FAILED || !ride_open(&ride, pattern))
		return 1;
	for (int round = 0; round < rounds; round++)
		for (size_t i = 0; i < ACCESSES; i++) {
			volatile uint64_t *cell = (void *)(memory + ride.accesses[i].va);
			if (ride.accesses[i].kind == VM_STORE)
				*cell = i;
			else
				(void)*cell;
		}
	return 0;
}

static double cachegrind_seconds(enum pattern pattern, int rounds)
{
	char command[COMMAND_BYTES];
	struct timespec begin, end;
	snprintf(command, sizeof(command),
		 "valgrind -q --tool=cachegrind --cache-sim=yes --cachegrind-out-file=/dev/null "
		 "--D1=262144,4,4096 --LL=6291456,12,4096 '%s' --touch %s %d >/dev/null 2>&1",
		 own_name, pattern_names[pattern], rounds);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	if (system(command) != 0)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &end);
	return (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) * 1e-9;
}

static void cachegrind_bench(struct state *state, void *user)
{
	const struct ride *ride = user;
	double none = cachegrind_seconds(ride->pattern, 0);
	while (none >= 0 && state_keep_running(state)) {
		double all = cachegrind_seconds(ride->pattern, TOUCH_ROUNDS);
		state_set_iteration_time(state, all > none ? all - none : 1e-9);
	}
	if (none < 0)
		state_skip(state, "needs valgrind");
	state_set_items(state, state_iterations(state) * ACCESSES * TOUCH_ROUNDS);
}

/* ---- a simulator that is named ---- */

/* The accesses as it reads them, to be freed; NULL without memory. */
static char *simulator_text(const struct ride *ride, size_t *out_bytes)
{
	char *lines = NULL;
	FILE *out = open_memstream(&lines, out_bytes);
	for (size_t i = 0; out != NULL && i < ACCESSES; i++)
		fprintf(out, "%d %lx\n", ride->accesses[i].kind == VM_STORE,
			(unsigned long)ride->accesses[i].va);
	return out != NULL && fclose(out) == 0 ? lines : NULL;
}

/* Seconds it takes for `rounds` times the lines; negative when it fails. */
static double simulator_seconds(const char *command, const char *lines, size_t bytes, int rounds)
{
	struct timespec begin, end;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	FILE *pipe = popen(command, "w");
	for (int round = 0; pipe != NULL && round < rounds; round++)
		fwrite(lines, 1, bytes, pipe);
	if (pipe == NULL || pclose(pipe) != 0)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &end);
	return (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) * 1e-9;
}

static void simulator_bench(struct state *state, void *user)
{
	char command[COMMAND_BYTES];
	const struct ride *ride = user;
	const char *named = getenv("ALLOT_BENCH_SIMULATOR");
	if (named == NULL) {
		state_skip(state, "ALLOT_BENCH_SIMULATOR names none");
		return;
	}
	size_t bytes;
	char *lines = simulator_text(ride, &bytes);
	snprintf(command, sizeof(command), "%s >/dev/null", named);
	double none = lines != NULL ? simulator_seconds(command, lines, bytes, 0) : -1;
	while (none >= 0 && state_keep_running(state)) {
		double all = simulator_seconds(command, lines, bytes, SIMULATOR_ROUNDS);
		state_set_iteration_time(state, all > none ? all - none : 1e-9);
	}
	if (none < 0)
		state_skip(state, "the simulator fails");
	state_set_items(state, state_iterations(state) * ACCESSES * SIMULATOR_ROUNDS);
	free(lines);
}

/* ---- traces ---- */

static char *text;
static size_t text_bytes;
static int64_t line_count;

/* Lines as lackey writes them of a program. */
static bool text_open(void)
{
	struct chance chance = {SEED};
	uint64_t code = 0x4001000, data = 0x1ffefff000;
	text = malloc(TEXT_BYTES);
	while (text != NULL && text_bytes + LINE_BYTES < TEXT_BYTES) {
		unsigned kind = (unsigned)chance_below(&chance, 10);
		uint64_t va = data + 8 * chance_below(&chance, 1000);
		if (kind < 7)
			va = code += chance_below(&chance, 8);
		text_bytes += (size_t)snprintf(text + text_bytes, LINE_BYTES, "%s %08lx,%d\n",
					       kind < 7 ? "I " : kind < 9 ? " L" : " S", va,
					       kind < 7 ? 4 : 8);
		line_count++;
	}
	return text != NULL;
}

static void lackey_bench(struct state *state, void *user)
{
	static struct vm_access accesses[VM_TRACE_BLOCK_ACCESSES];
	(void)user;
	while (state_keep_running(state)) {
		struct vm_lackey reader = {.lines = 0};
		size_t from = 0, used, count;
		while (vm_lackey_read(&reader, text + from, text_bytes - from, true, accesses,
				      VM_TRACE_BLOCK_ACCESSES, &used, &count) == VM_TRACE_FULL)
			from += used;
	}
	state_set_items(state, state_iterations(state) * line_count);
	state_set_bytes(state, state_iterations(state) * (int64_t)text_bytes);
}

static void write_bench(struct state *state, void *user)
{
	struct ride *ride = user;
	static uint8_t block[VM_TRACE_BLOCK_BYTES_MAX];
	size_t bytes = 0;
	while (state_keep_running(state)) {
		bytes = 0;
		for (size_t i = 0; i < ACCESSES; i += VM_TRACE_BLOCK_ACCESSES)
			bytes += vm_trace_block_write(ride->accesses + i, VM_TRACE_BLOCK_ACCESSES,
						      0, block);
	}
	state_set_items(state, state_iterations(state) * ACCESSES);
	state_set_counter(state, "bytes/access", (double)bytes / ACCESSES, STATE_COUNTER_SUM);
}

static void read_bench(struct state *state, void *user)
{
	struct ride *ride = user;
	static uint8_t block[VM_TRACE_BLOCK_BYTES_MAX];
	static struct vm_access accesses[VM_TRACE_BLOCK_ACCESSES];
	struct vm_trace_block out;
	size_t bytes = vm_trace_block_write(ride->accesses, VM_TRACE_BLOCK_ACCESSES, 0, block);
	while (state_keep_running(state))
		vm_trace_block_read(block, bytes, accesses, &out);
	state_set_items(state, state_iterations(state) * VM_TRACE_BLOCK_ACCESSES);
}

/* A change of page at every access, among as many pages as the pattern has. */
static void curve_bench(struct state *state, void *user)
{
	struct ride *ride = user;
	struct vm_curve curve;
	void *memory = malloc(vm_curve_bytes(1 << 18));
	if (memory == NULL) {
		state_skip(state, "no memory");
		return;
	}
	vm_curve_init(&curve, memory, 1 << 18);
	while (state_keep_running(state))
		for (size_t i = 0; i < ACCESSES; i++)
			vm_curve_add(&curve, ride->accesses[i].va >> PAGE_SHIFT, 1);
	state_set_items(state, state_iterations(state) * ACCESSES);
	free(memory);
}

int main(int argc, char **argv)
{
	static struct ride rides[PATTERN_COUNT];
	if (argc == 4 && strcmp(argv[1], "--touch") == 0)
		return touch(argv[2], atoi(argv[3]));
	own_name = argv[0];
	for (unsigned i = 0; i < PATTERN_COUNT; i++) {
		char name[64];
		if (!ride_open(&rides[i], (enum pattern)i))
			return 1;
		snprintf(name, sizeof(name), "tlb/%s", pattern_names[i]);
		bench_register(name, tlb_bench, &rides[i]);
		snprintf(name, sizeof(name), "processor/%s", pattern_names[i]);
		bench_register(name, processor_bench, &rides[i]);
		snprintf(name, sizeof(name), "touch/%s", pattern_names[i]);
		bench_register(name, touch_bench, &rides[i]);
		snprintf(name, sizeof(name), "plain/%s", pattern_names[i]);
		bench_register(name, plain_bench, &rides[i]);
		snprintf(name, sizeof(name), "cachegrind/%s", pattern_names[i]);
		struct bench *bench = bench_register(name, cachegrind_bench, &rides[i]);
		bench_set_clock(bench, BENCH_CLOCK_MANUAL);
		bench_set_iterations(bench, 1);
		snprintf(name, sizeof(name), "simulator/%s", pattern_names[i]);
		bench = bench_register(name, simulator_bench, &rides[i]);
		bench_set_clock(bench, BENCH_CLOCK_MANUAL);
		bench_set_iterations(bench, 1);
		snprintf(name, sizeof(name), "curve/%s", pattern_names[i]);
		bench_register(name, curve_bench, &rides[i]);
	}
	if (!text_open())
		return 1;
	bench_register("lackey", lackey_bench, NULL);
	bench_register("trace-write/mixed", write_bench, &rides[MIXED]);
	bench_register("trace-read/mixed", read_bench, &rides[MIXED]);
	return bench_main(argc, argv, NULL);
}
