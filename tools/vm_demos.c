/* SPDX-License-Identifier: MIT */
/*
 * The demonstrations, in words. A new one is a row here and, where no script can show it, a
 * function: see vm_demo.h.
 */
#include "vm_demo.h"

const struct demo demos[] = {
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
		.run = demo_tlb_switch,
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
		.run = demo_belady,
		.shows = "FIFO takes 9 faults with 3 frames and 10 with 4. LRU and OPT cannot do "
			 "that: what they keep in 3 frames they also keep in 4.",
		.notes = "LRU is what replaces pages.",
		.kernel = "exact LRU would need every access to be seen. Linux approximates it by "
			  "lists and the accessed bits of table entries.",
	},
	{
		.name = "vmalloc",
		.summary = "why the kernel has memory that is contiguous in addresses only",
		.run = demo_vmalloc,
		.shows = "Half of memory is free, and no two free frames are neighbours. kmalloc "
			 "needs 16 in a row and has none; vmalloc takes 16 from anywhere and maps "
			 "them side by side, with 3 page tables, which stay when it is given back.",
		.notes = "the kernel always tries contiguous memory first; where it finds none it "
			 "uses vmalloc.",
		.kernel = "the caller says which. Of kmalloc's memory the physical address is "
			  "known and no table is needed, for all of memory is mapped. vmalloc "
			  "costs tables, TLB entries, and a page behind each area that stays "
			  "unmapped. kvmalloc is for who does not care: the first, then the "
			  "second.",
	},
	{
		.name = "oom",
		.summary = "who is killed when memory is used up, and who was told not to be",
		.script = "limit 8192p\nfork b\nfork c\nmap A 4608p rw private\n"
			  "b: map B 1536p rw private\nc: map C 3072p rw private\n"
			  "w A\nb: adjust 500\nb: w B\nexpect killed=none\n"
			  "c: w C\nexpect killed=b\n"
			  "c: map E 1536p rw private\nc: w E\nexpect killed=main\n",
		.shows = "In 32 MiB the process b, of 6 MiB, is killed for what c writes, and not "
			 "main with its 18 MiB: an oom_score_adj of 500 counts as half the limit "
			 "on top. Then main is killed, the largest, and not c, which asks.",
		.notes = "the killer chooses a process that has much memory, again and again until "
			 "there is enough; servers set vm.panic_on_oom to 1 so as not to lose one "
			 "unseen.",
		.kernel = "badness is resident pages, swap and tables, and a thousandth of all "
			  "memory for each point of oom_score_adj; with -1000 a process is never "
			  "chosen. panic_on_oom of 1 is about the whole machine: in a group with a "
			  "limit there is a kill all the same, unless it is 2.",
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
		.run = demo_notes100,
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
		.run = demo_map_100mb,
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
	{ .name = NULL },
};
