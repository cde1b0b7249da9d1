/* SPDX-License-Identifier: MIT */
/*
 * allot vm demo: small experiments with a few sentences each, and what notes and textbooks say
 * beside what the kernel does.
 *
 * A demonstration is a script with expectations, played on the model; or a function, where no
 * script can show it. What its words claim in figures is what its expectations ask for.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "argument.h"
#include "help.h"
#include "notice.h"
#include "vm_play.h"
#include "vm_shared.h"
#include "word.h"

static const char name[] = "vm demo";

enum {
	TEXT_COLUMNS = 30,
	WRAP_COLUMNS = 78,
	KIB_PER_PAGE = 4,
};

struct demo {
	const char *name;
	const char *summary;
	const char *script;   /* NULL: `run` alone */
	bool (*run)(void);    /* after the script, or NULL */
	const char *shows;    /* what is seen */
	const char *notes;    /* what notes say, or NULL */
	const char *kernel;   /* and what the kernel does, or NULL */
};

/* ---- words ---- */

static void words_write(const char *title, const char *text)
{
	int column = printf("%s", title);
	int indent = column;
	while (*text != '\0') {
		int length = (int)strcspn(text, " ");
		if (column > indent && column + 1 + length > WRAP_COLUMNS) {
			printf("\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			column += printf(" ");
		}
		column += printf("%.*s", length, text);
		text += length + (text[length] == ' ');
	}
	putchar('\n');
}

/* ---- scripts ---- */

static void row_write(const struct vm_play *play)
{
	const struct script_op *op = play->op;
	printf("%-*s", TEXT_COLUMNS, op->text);
	if (play->is_skipped || play->model.spaces[op->process] == NULL) {
		putchar('\n');
		return;
	}
	int64_t rss = vm_play_value(play, EXPECT_ANON) + vm_play_value(play, EXPECT_FILE) +
		      vm_play_value(play, EXPECT_SHARED);
	printf(" %7" PRId64 " %9" PRId64 " %8" PRId64 " %7" PRId64,
	       vm_play_value(play, EXPECT_MIN), vm_play_value(play, EXPECT_TOTAL) * KIB_PER_PAGE,
	       rss * KIB_PER_PAGE, vm_play_value(play, EXPECT_COPIED));
	const char *before = "   ";
	for (int i = 0; i < VM_REASON_COUNT; i++) {
		uint64_t count = play->counters.by_reason[i] - play->counters_before.by_reason[i];
		if (count == 0)
			continue;
		printf("%s%s", before, vm_reason_name((enum vm_reason)i));
		before = ", ";
	}
	if (play->outcome.signal != VM_SIGNAL_NONE)
		printf("   %s", vm_signal_name(play->outcome.signal));
	putchar('\n');
}

/* Play a script by a profile's rules; false, said, when it does not come to what it expects. */
static bool script_play(const char *text, const char *profile, struct vm_play *play,
			struct script *script)
{
	struct vm_config config = { .profile = vm_profile_find(profile) };
	*script = (struct script){ 0 };
	if (!script_parse(script, name, text)) {
		notice_write(name, "%s", script->message);
		return false;
	}
	if (!vm_play_open(play, script, &config, NULL, NULL)) {
		notice_write(name, "%s", play->message);
		return false;
	}
	return true;
}

static bool script_show(const char *text)
{
	static struct vm_play play; /* too large for a stack */
	struct script script;
	enum play_result result = PLAY_GOES_ON;
	if (!script_play(text, "linux-6.18", &play, &script))
		return false;
	printf("exact: model of linux-6.18\n%-*s %7s %9s %8s %7s   %s\n", TEXT_COLUMNS, "operation",
	       "faults", "size KiB", "RSS KiB", "copied", "why");
	while (result == PLAY_GOES_ON) {
		const struct script_op *last = play.op;
		result = vm_play_next(&play);
		if (play.op != last)
			row_write(&play);
	}
	if (result != PLAY_END)
		notice_write(name, "%s", play.message);
	vm_play_close(&play);
	script_finish(&script);
	return result == PLAY_END;
}

/* ---- map-100mb ---- */

static void areas_write(const char *title, const struct vm_space *space)
{
	struct vm_area_view view;
	printf("  %s\n", title);
	for (uint64_t at = 0; vm_area_next(space, at, &view); at = view.end)
		if (!(view.flags & VM_AREA_FURNITURE))
			printf("    %" PRIx64 "-%" PRIx64 " rw-p  %s\n", view.start, view.end,
			       vm_bytes_text(view.end - view.start));
}

static bool map_show(const char *profile, const char *pages)
{
	static struct vm_play play; /* too large for a stack */
	struct script script;
	char text[SCRIPT_LINE_BYTES];
	snprintf(text, sizeof(text), "map B 4p rw private\nw B\nmap A %s rw private\n", pages);
	bool is_open = script_play(text, profile, &play, &script);
	if (is_open) {
		printf("exact: model of %s, %s pages\n", profile, pages);
		vm_play_next(&play);
		vm_play_next(&play);
		areas_write("before", play.model.spaces[0]);
		vm_play_next(&play);
		areas_write("after", play.model.spaces[0]);
		vm_play_close(&play);
	}
	script_finish(&script);
	return is_open;
}

static bool map_run(void)
{
	return map_show("linux-5.10", "25600p") && map_show("linux-6.18", "25600p") &&
	       map_show("linux-6.18", "25601p");
}

/* ---- tlb-switch ---- */

enum {
	SWITCH_SPACES = 2,
	SWITCH_PAGES = 32,
	SWITCH_TURNS = 8,
};

/* Each space touches its pages in turn; how many walks that takes. False without memory. */
static bool turns_count(uint32_t asid_count, struct vm_tlb_statistics *out)
{
	struct vm_machine *machine = vm_machine_create(NULL);
	struct vm_space *spaces[SWITCH_SPACES];
	struct vm_processor processor;
	struct vm_tlb_conf conf = { 0 };
	uint64_t start[SWITCH_SPACES];
	if (machine == NULL || !vm_tlb_preset("skylake", &conf))
		return false;
	conf.asid_count = asid_count;
	conf.translate = vm_processor_translate;
	conf.context = &processor;
	size_t bytes = vm_tlb_bytes(&conf);
	void *memory = vm_memory(bytes);
	bool is_made = vm_tlb_init(&processor.tlb, memory, bytes, &conf, NULL, 0);
	vm_machine_watch(machine, vm_processor_invalidate, &processor);
	for (int i = 0; is_made && i < SWITCH_SPACES; i++) {
		struct vm_map_request request = { .bytes = SWITCH_PAGES * SCRIPT_PAGE_BYTES,
						  .protection = VM_PROT_READ | VM_PROT_WRITE,
						  .flags = VM_MAP_POPULATE };
		spaces[i] = vm_space_create(machine);
		is_made = spaces[i] != NULL;
		if (is_made)
			start[i] = vm_map(spaces[i], &request).value;
	}
	for (int turn = 0; is_made && turn < SWITCH_TURNS * SWITCH_SPACES; turn++) {
		int i = turn % SWITCH_SPACES;
		vm_processor_switch(&processor, spaces[i]);
		for (uint64_t page = 0; page < SWITCH_PAGES; page++)
			vm_processor_touch(&processor, start[i] + page * SCRIPT_PAGE_BYTES, 1,
					   VM_STORE);
	}
	vm_tlb_statistics(&processor.tlb, out);
	free(memory);
	vm_machine_destroy(machine);
	return is_made;
}

static bool tlb_run(void)
{
	struct vm_tlb_statistics flushing, keeping;
	if (!turns_count(0, &flushing) || !turns_count(6, &keeping))
		return false;
	printf("exact: %d processes, %d pages each, %d turns each; TLBs of skylake, %" PRIu64
	       " accesses\n", SWITCH_SPACES, SWITCH_PAGES, SWITCH_TURNS,
	       flushing.accesses[VM_STORE]);
	printf("%-34s %8s %8s %8s\n", "", "switches", "flushed", "walks");
	printf("%-34s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n", "every switch flushes",
	       flushing.switches, flushing.flushed_entries, flushing.walks);
	printf("%-34s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n",
	       "entries carry 1 of 6 identifiers", keeping.switches, keeping.flushed_entries,
	       keeping.walks);
	return true;
}

/* ---- belady ---- */

static uint64_t faults_count(enum vm_policy_kind kind, uint32_t frames)
{
	static const uint64_t pages[] = { 1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5 };
	enum {
		COUNT = sizeof(pages) / sizeof(pages[0]),
	};
	struct vm_policy_conf conf = { .kind = kind, .frames = frames };
	struct vm_policy policy;
	size_t bytes = vm_policy_bytes(&conf);
	void *memory = vm_memory(bytes);
	vm_policy_init(&policy, memory, bytes, &conf, NULL, 0);
	for (size_t i = 0; i < COUNT; i++) {
		size_t next = i + 1;
		while (next < COUNT && pages[next] != pages[i])
			next++;
		vm_policy_access(&policy, pages[i], false, next < COUNT ? next : VM_NO_NEXT_USE,
				 NULL);
	}
	uint64_t faults = vm_policy_faults(&policy);
	free(memory);
	return faults;
}

static bool belady_run(void)
{
	static const enum vm_policy_kind kinds[] = { VM_POLICY_FIFO, VM_POLICY_LRU,
						     VM_POLICY_CLOCK, VM_POLICY_OPT };
	printf("exact: faults on the pages 1 2 3 4 1 2 5 1 2 3 4 5\n%-8s %9s %9s\n", "policy",
	       "3 frames", "4 frames");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		printf("%-8s %9" PRIu64 " %9" PRIu64 "\n", vm_policy_name(kinds[i]),
		       faults_count(kinds[i], 3), faults_count(kinds[i], 4));
	return true;
}

/* ---- notes100 ---- */

static bool notes_run(void)
{
	struct vm_linear_entry entries[5] = { { 0 } };
	struct vm_linear table = { .geometry = vm_geometry_find("notes100"), .ptbr = entries,
				   .ptlr = 5 };
	static const uint64_t addresses[] = { 42, 150, 299, 300, 499, 500 };
	for (uint64_t i = 0; i < 3; i++)
		entries[i] = (struct vm_linear_entry){ .ppn = 5 + i, .is_valid = true,
						       .rights = VM_RIGHT_READ | VM_RIGHT_WRITE |
								 VM_RIGHT_USER };
	puts("exact: pages of 100 bytes, a table of 5 entries, of which 0 to 2 are at 5 to 7");
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct vm_translation out = { 0 };
		struct vm_split split;
		uint64_t va = addresses[i];
		vm_split(table.geometry, va, &split);
		printf("  VA %3" PRIu64 " = page %" PRIu64 " byte %2" PRIu64 "  ->  ", va,
		       split.vpn, split.vpo);
		if (vm_linear_translate(&table, va, VM_LOAD, true, &out))
			printf("PA %" PRIu64 "\n", vm_join(table.geometry, out.ppn, split.vpo));
		else if (out.error & VM_ERROR_LIMIT)
			puts("fault: beyond the length of the table (PTLR)");
		else
			puts("fault: the entry is not valid");
	}
	return true;
}

/* ---- the table ---- */

static const struct demo demos[] = {
	{
		.name = "fork-cow",
		.summary = "what fork shares, and what a write copies",
		.script = "map A 64p rw private\nw A\nmap S 64p rw shared\nw S\nfork c\n"
			  "expect min=0 anon=0\n"
			  "c: r A\nexpect min=0\nc: w A 0..15\nexpect min=16 copied=16\n"
			  "c: r S\nexpect min=5 shared=64\nc: exit\n"
			  "w A\nexpect min=64 copied=0\n",
		.shows = "Reading what was inherited takes no fault. The child's 16 writes take a "
			 "fault and a copy each. When the child is gone, the parent's writes still "
			 "take 64 faults, but copy nothing: each page has one owner again.",
		.notes = "fork marks every page of both processes read-only and copies the page "
			 "tables as they are.",
		.kernel = "only private pages that a process has written are write-protected and "
			  "have their entries copied. Of the shared area S the child has no entry: "
			  "it takes 5 faults to map its 64 pages again, 16 at most at a time.",
	},
	{
		.name = "zero-page",
		.summary = "memory that was only read costs nothing, yet each page faults twice",
		.script = "map A 64p rw private\nr A\nexpect min=64 anon=0 zero=64\n"
			  "w A\nexpect min=64 anon=64 zero=0\nw A\nexpect min=0\n",
		.shows = "64 pages read are 64 faults and no memory: all show the one zero page. "
			 "Writing them is another 64 faults, and 256 KiB. After that there are "
			 "none.",
		.notes = "on a page fault the kernel picks a victim page, writes it back if it "
			 "is dirty, and puts the new page in its place.",
		.kernel = "a first read maps a page that all processes share; a first write takes "
			  "a free frame. A victim is looked for only when free memory is short.",
	},
	{
		.name = "tlb-switch",
		.summary = "what happens to the TLB when processes take turns",
		.run = tlb_run,
		.shows = "Without identifiers every switch throws the entries away, and each turn "
			 "walks the tables for each of its pages. With them only the first turns "
			 "do.",
		.notes = "an open question: what does the system do to the TLB on a switch?",
		.kernel = "it loads the new table into CR3 with one of 6 identifiers a processor "
			  "keeps in use, and flushes only when the space has lost its own or its "
			  "entries are out of date. Global entries, the kernel's, stay.",
	},
	{
		.name = "belady",
		.summary = "more frames, and FIFO faults more often",
		.run = belady_run,
		.shows = "FIFO takes 9 faults with 3 frames and 10 with 4. LRU and OPT cannot do "
			 "that: what they keep in 3 frames they also keep in 4.",
		.notes = "LRU is what replaces pages.",
		.kernel = "exact LRU would need every access to be seen. Linux approximates it by "
			  "lists and the accessed bits of table entries.",
	},
	{
		.name = "malloc-lazy",
		.summary = "100 MiB are there at once, and cost nothing until they are touched",
		.script = "map A 25600p rw private\nexpect min=0 anon=0 total=25600 tables=0\n"
			  "w A 0..9\nexpect min=10 anon=10 total=0\nr A 100\nexpect min=1 anon=0\n"
			  "unmap A\nexpect min=0 anon=-10\n",
		.shows = "A large malloc is an mmap: the size grows by 102,400 KiB, RSS by "
			 "nothing. "
			 "Ten pages written are ten faults and 40 KiB.",
		.notes = "malloc creates space on disk first and points the table entry at it; is "
			 "memory allocated at once, and has swap to do with it?",
		.kernel = "neither memory, nor swap, nor a table is taken: there is an area, and "
			  "nothing else. It is added to what is committed; swap is used only when "
			  "a "
			  "page that was written has to leave memory.",
	},
	{
		.name = "notes100",
		.summary = "the study notes' machine with pages of 100 bytes",
		.run = notes_run,
		.shows = "Addresses are taken apart by division, for 100 is no power of two. Byte "
			 "42 of page 0 is at 542. From 300 on there is no page.",
		.notes = "the page fault stops the instruction, and the process gets SIGSEGV.",
		.kernel = "a fault is first looked at: where an area allows the access a page is "
			  "entered and the instruction restarted. Only without such an area it is "
			  "SIGSEGV. Pages are of 4096 bytes, and memory is given by whole ones: of "
			  "a "
			  "mapping of 1024 bytes, the other 3072 can be used as well.",
	},
	{
		.name = "map-100mb",
		.summary = "whether 100 MiB merge with the neighbour depends on the kernel",
		.run = map_run,
		.shows = "The old kernel places 100 MiB right below the area that is there, and "
			 "the "
			 "two are one line of maps. The new one places it at a multiple of 2 MiB, "
			 "for huge pages: two lines. One page more is no multiple of 2 MiB, and "
			 "they "
			 "merge again.",
		.notes = "after mapping 100 MB the line of maps that was there has grown "
			 "downwards.",
		.kernel = "so it was before 6.7; since then anonymous multiples of 2 MiB are "
			  "aligned.",
	},
};

enum {
	DEMOS = sizeof(demos) / sizeof(demos[0]),
};

static bool demo_run(const struct demo *demo)
{
	printf("%s: %s\n\n", demo->name, demo->summary);
	if ((demo->script != NULL && !script_show(demo->script)) ||
	    (demo->run != NULL && !demo->run()))
		return false;
	putchar('\n');
	words_write("seen:   ", demo->shows);
	if (demo->notes != NULL)
		words_write("notes:  ", demo->notes);
	if (demo->kernel != NULL)
		words_write("kernel: ", demo->kernel);
	return true;
}

int vm_demo_main(int argc, char **argv)
{
	struct argument_scan scan;
	struct word_match match;
	argument_init(&scan, &command_vm_demo, argc, argv);
	argument_next(&scan);
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	if (scan.index < argc - 1)
		return argument_refuse(&scan, NULL, "one demonstration at a time");
	if (scan.index == argc) {
		for (size_t i = 0; i < DEMOS; i++)
			printf("%-12s %s\n", demos[i].name, demos[i].summary);
		notice_next("allot vm demo fork-cow");
		return STATUS_OK;
	}
	word_match_init(&match, argv[scan.index]);
	for (size_t i = 0; i < DEMOS; i++) {
		if (strcmp(demos[i].name, argv[scan.index]) == 0)
			return demo_run(&demos[i]) ? STATUS_OK : STATUS_FAILURE;
		word_match_offer(&match, demos[i].name);
	}
	return argument_refuse(&scan, match.nearest[0] != '\0' ? match.nearest : NULL,
			       "no demonstration '%s'; `allot vm demo` lists them",
			       argv[scan.index]);
}
