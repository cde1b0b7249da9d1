/* SPDX-License-Identifier: MIT */
/*
 * Scripts of memory operations: one operation a line, for the model, for the kernel, or for both.
 *
 *     file F 64p                         a file on disk, all of it in the page cache
 *     memory M 64p                       memory that can be shared: memfd_create(2)
 *     map A 64p rw private               mmap: anonymous, or of a file: map B 4p r shared F+2p
 *         at X fixed X noreplace populate locked noreserve stack growsdown    and so on
 *     unmap A 3..10                      a range: pages of a region; without, all of it
 *     protect A 0..5 r                   r w x in any order, or none
 *     remap A 0..3 8p move as B          mremap: also `to X`, `keep` the old range empty
 *     advise A dontneed                  madvise
 *     lock A 0..3 onfault, unlock A
 *     brk +4p                            the region `heap` begins where the break did
 *     r A 0..63, w A, x A 0              load, store, fetch one byte of each page
 *     w8 A 4092                          store 8 bytes at that byte
 *     kernel-w A, kernel-r A             have the kernel store to it, or load from it
 *     r A back, w A 0..9 random 500 7    from the end; 500 pages of it at random, by the seed 7
 *     fork c                             a child; `c: w A` is what it does; `c: exit`
 *     exec FILE 3p                       a program in its place, one argument of 3 pages; what
 *                                        a process that is one can do is `exit`
 *     expect min=64 anon=+64 areas=1     what the operation before came to
 *     limit 8192p, limit none            what all processes may have: a memory cgroup
 *     swap 65536p, swappiness 100        swap (zram); how readily it is used
 *     adjust 500                         oom_score_adj
 *     frames 4096p, frames 4096p panic   the machine has so many: for the model alone
 *     drop F                             a file on disk leaves the page cache
 *     expect min=64 anon=+64 areas=1     what the operation before came to; swap=64 killed=c
 *
 * X is a region and pages: A, A+3p, A-3p. The regions `null`, `hole` and `top` are where no program
 * can have memory. A child knows its parent's regions.
 */
#ifndef ALLOT_TOOLS_VM_SCRIPT_H
#define ALLOT_TOOLS_VM_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SCRIPT_REGIONS_MAX = 256,
	SCRIPT_FILES_MAX = 8,
	SCRIPT_PROCESSES_MAX = 8,
	SCRIPT_EXPECTS_MAX = 12,
	SCRIPT_NAME_BYTES = 16,
	SCRIPT_LINE_BYTES = 160,
	SCRIPT_PAGE_BYTES = 4096,
};

enum script_verb {
	VERB_FILE,
	VERB_MEMORY,
	VERB_MAP,
	VERB_UNMAP,
	VERB_PROTECT,
	VERB_REMAP,
	VERB_ADVISE,
	VERB_LOCK,
	VERB_UNLOCK,
	VERB_BREAK,
	VERB_LOAD,
	VERB_STORE,
	VERB_FETCH,
	VERB_STORE_BYTES,
	VERB_KERNEL_STORE,
	VERB_KERNEL_LOAD,
	VERB_FORK,
	VERB_EXIT,
	VERB_EXEC,
	VERB_FRAMES,
	VERB_LIMIT,
	VERB_SWAP,
	VERB_SWAPPINESS,
	VERB_ADJUST,
	VERB_DROP,
	VERB_EXPECT,
	VERB_COUNT,
};

/* Regions every script has. */
enum script_region {
	REGION_HEAP,
	REGION_NULL,
	REGION_HOLE, /* between the halves of the address space */
	REGION_TOP,  /* the kernel's */
	REGION_FIRST_NAMED,
};

enum {
	REGION_NONE = -1,
};

/* What `expect` can ask about. */
enum expect_key {
	EXPECT_MIN,
	EXPECT_MAJ,
	EXPECT_ANON,
	EXPECT_FILE,
	EXPECT_SHARED,
	EXPECT_TABLES,
	EXPECT_LOCKED,
	EXPECT_TOTAL,
	EXPECT_AREAS,
	EXPECT_ZERO,
	EXPECT_HUGE,
	EXPECT_COPIED, /* anonymous pages that are in another frame than before */
	EXPECT_SIGNAL,
	EXPECT_ERROR,
	EXPECT_SWAP,
	EXPECT_KSWAPD, /* pages it freed */
	EXPECT_DIRECT, /* pages freed by those who wanted one */
	EXPECT_KILLED, /* a process: its index, or -1 */
	EXPECT_COUNT,
};

struct script_expect {
	enum expect_key key;
	int64_t value; /* of EXPECT_SIGNAL an enum vm_signal, of EXPECT_ERROR an errno */
};

/* One line. What a verb has no use for is zero. */
struct script_op {
	int line;
	char text[SCRIPT_LINE_BYTES];
	enum script_verb verb;
	int process;
	int region;              /* operated on or made, or REGION_NONE */
	int64_t first, count;    /* pages of it; count 0 with is_whole */
	bool is_whole;
	int64_t pages;           /* of what is made; of brk: change */
	unsigned protection;     /* enum vm_protection */
	unsigned flags;          /* enum vm_map_flag or vm_remap_flag; of lock: on fault */
	int file;                /* index, or -1 */
	int64_t file_page;
	int to_region;           /* of `at`, `fixed`, `to`; or REGION_NONE */
	int64_t to_page;
	int made_region;         /* of `as`, or REGION_NONE */
	int advice;              /* enum vm_advice */
	int child;
	int64_t byte;            /* of w8 */
	char path[SCRIPT_LINE_BYTES]; /* of exec */
	int64_t number;          /* of swappiness and adjust; of random: how many */
	uint64_t seed;           /* of random */
	bool is_backward;
	struct script_expect expects[SCRIPT_EXPECTS_MAX];
	size_t expect_count;
};

struct script_file {
	char name[SCRIPT_NAME_BYTES];
	bool is_memory;
	int64_t pages;
};

struct script {
	const char *path;    /* for messages */
	struct script_op *ops;
	size_t op_count;
	char regions[SCRIPT_REGIONS_MAX][SCRIPT_NAME_BYTES];
	int region_count;
	struct script_file files[SCRIPT_FILES_MAX];
	int file_count;
	char processes[SCRIPT_PROCESSES_MAX][SCRIPT_NAME_BYTES];
	int process_count;
	bool is_program[SCRIPT_PROCESSES_MAX]; /* an `exec` of it has been read */
	bool has_program;    /* an `exec` has been read */
	bool is_limited;     /* its processes are in a group: it has a limit, or swap */
	bool has_swap;
	int64_t frames;      /* of its machine, which is short of them; 0: there are plenty */
	bool panics;         /* rather than kill */
	char message[2 * SCRIPT_LINE_BYTES]; /* what is wrong with it, when it is */
};

/* Read a script from `text`. False with script->message; finish it in any case. */
bool script_parse(struct script *script, const char *path, const char *text);

/* The same, leaving out lines that are wrong. */
void script_parse_leniently(struct script *script, const char *path, const char *text);

void script_finish(struct script *script);

/* The whole of a file, NUL-terminated, to be freed; NULL with errno. */
char *script_read(const char *path);

/* Names of errors as scripts have them: ENOMEM, or a number as text. */
const char *script_error_name(int error);

/* The words after `advise`; NULL behind the last. Their index is the enum vm_advice. */
const char *script_advice_name(int advice);

const char *script_expect_name(enum expect_key key);

#endif
