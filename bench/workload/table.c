/* SPDX-License-Identifier: MIT */
/*
 * The table: names, threads, and how many steps take about a second under the C library.
 */
#include "table.h"

#include "aligned.h"
#include "arrays.h"
#include "batch.h"
#include "bignum.h"
#include "bulk.h"
#include "false_sharing.h"
#include "forks.h"
#include "growth.h"
#include "large.h"
#include "logic.h"
#include "messages.h"
#include "mixed.h"
#include "nbody.h"
#include "pair.h"
#include "producer.h"
#include "replace.h"
#include "server.h"
#include "short_threads.h"
#include "single_calls.h"
#include "stress.h"
#include "text.h"
#include "thread_churn.h"
#include "tree.h"
#include "zeroed.h"

#include <string.h>

enum {
	NAME_BYTES_MAX = 64, /* longer names are near to none */
};

/* By family: name, family, threads, their step, bytes, steps, what runs it, what it is. */
static const struct workload workloads[] = {
	{"pair-16", FAMILY_MICRO, 1, 1, 16, 100000000, pair_run,
	 "allocate 16 bytes, free them at once"},
	{"pair-64", FAMILY_MICRO, 1, 1, 64, 100000000, pair_run,
	 "allocate 64 bytes, free them at once"},
	{"pair-200", FAMILY_MICRO, 1, 1, 200, 100000000, pair_run,
	 "allocate 200 bytes, free them at once"},
	{"pair-1000", FAMILY_MICRO, 1, 1, 1000, 100000000, pair_run,
	 "allocate 1000 bytes, free them at once"},
	{"pair-2000", FAMILY_MICRO, 1, 1, 2000, 50000000, pair_run,
	 "allocate 2000 bytes, free them at once"},
	{"pair-4000", FAMILY_MICRO, 1, 1, 4000, 50000000, pair_run,
	 "allocate 4000 bytes, free them at once"},
	{"batch-fifo-64", FAMILY_MICRO, 1, 1, 64, 450000, batch_fifo_run,
	 "200 blocks of 64 bytes, freed in the order of allocation"},
	{"batch-fifo-1000", FAMILY_MICRO, 1, 1, 1000, 35000, batch_fifo_run,
	 "200 blocks of 1000 bytes, freed in the order of allocation"},
	{"batch-fifo-4000", FAMILY_MICRO, 1, 1, 4000, 4500, batch_fifo_run,
	 "200 blocks of 4000 bytes, freed in the order of allocation"},
	{"batch-fifo", FAMILY_MICRO, 1, 1, 0, 350000, batch_fifo_run,
	 "200 blocks of mixed sizes, freed in the order of allocation"},
	{"batch-lifo", FAMILY_MICRO, 1, 1, 0, 350000, batch_lifo_run,
	 "200 blocks of mixed sizes, freed in reverse"},
	{"batch-random", FAMILY_MICRO, 1, 1, 0, 320000, batch_random_run,
	 "200 blocks of mixed sizes, freed in random order"},
	{"calloc", FAMILY_MICRO, 1, 1, 0, 250000, zeroed_run,
	 "calloc of 16 bytes to 32 KiB, mostly small, in batches"},
	{"realloc-growth", FAMILY_MICRO, 1, 1, 0, 4500, growth_run,
	 "eight arrays grow in turn, a record a realloc"},
	{"aligned", FAMILY_MICRO, 1, 1, 0, 80000, aligned_run,
	 "posix_memalign of 32 to 4096, replaced at random"},
	{"producer-consumer", FAMILY_MICRO, 2, 2, 0, 40000, producer_run,
	 "one thread allocates, another frees, a bounded queue between"},
	{"thread-churn", FAMILY_MICRO, 1, 0, 0, 20000, thread_churn_run,
	 "short threads, one after the other; each leaves blocks to be freed by another"},
	{"false-sharing-active", FAMILY_MICRO, 2, 1, 0, 1750000, false_sharing_active_run,
	 "threads write to small objects which each allocates for itself"},
	{"false-sharing-passive", FAMILY_MICRO, 2, 1, 0, 9000, false_sharing_passive_run,
	 "threads write to small objects which one allocates for all, then free and allocate"},
	{"fork", FAMILY_MICRO, 1, 0, 0, 300, forks_run,
	 "children of a process with a heap allocate, free and exit"},
	{"latency", FAMILY_MICRO, 1, 1, 0, 2400000, single_calls_run,
	 "times of single calls in a heap of about 50 MiB"},
	{"replace", FAMILY_OWN, 1, 1, 0, 6000000, replace_run,
	 "random replacement in a table of small blocks"},
	{"replace-threads", FAMILY_OWN, 2, 1, 0, 3000000, replace_run,
	 "random replacement of small blocks, each thread in a table of its own"},
	{"mixed", FAMILY_OWN, 2, 1, 0, 1000000, mixed_run,
	 "16 bytes to 256 KiB, brief and lasting, in a table that threads share"},
	{"large", FAMILY_OWN, 1, 1, 0, 7000, large_run,
	 "64 KiB to 16 MiB, replaced at random, every page touched"},
	{"bulk", FAMILY_OWN, 1, 1, 0, 600000, bulk_run,
	 "600,000 small objects, walked and freed in random order, three times"},
	{"arrays", FAMILY_OWN, 1, 1, 0, 15, arrays_run,
	 "vectors that double in turn, to tens of MiB"},
	{"server", FAMILY_OWN, 2, 1, 0, 65000, server_run,
	 "connections with their objects, handed from thread to thread"},
	{"producer-consumer-asymmetric", FAMILY_OWN, 2, 2, 0, 32000, messages_run,
	 "requests of many small blocks one way, replies of few large ones back"},
	{"threads", FAMILY_OWN, 2, 2, 0, 12000, short_threads_run,
	 "many short threads, two at a time, each with a small heap"},
	{"stress", FAMILY_OWN, 2, 1, 0, 170, stress_run,
	 "sizes by a power law, exchanged between threads that end and others that start"},
	{"bignum", FAMILY_OWN, 1, 1, 0, 420, bignum_run,
	 "big numbers factored, every result of a calculation in a block of its own"},
	{"logic", FAMILY_OWN, 1, 1, 0, 4000, logic_run,
	 "sums of products made smaller, in sets of cubes that grow and go"},
	{"nbody", FAMILY_OWN, 1, 1, 0, 14, nbody_run,
	 "gravity by an octree that is built anew for every step of time"},
	{"tree", FAMILY_OWN, 1, 1, 0, 230000, tree_run,
	 "a search tree of strings, in and out, whose lengths drift"},
	{"text", FAMILY_OWN, 1, 1, 0, 6500, text_run,
	 "strings appended to, split, counted in a hash table and joined"},
};

static const size_t workload_count = sizeof(workloads) / sizeof(workloads[0]);

const struct workload *table_get(size_t index)
{
	return index < workload_count ? &workloads[index] : NULL;
}

const struct workload *table_find(const char *name)
{
	for (size_t i = 0; i < workload_count; i++)
		if (strcmp(workloads[i].name, name) == 0)
			return &workloads[i];
	return NULL;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many letters must be put in, left out or replaced to make `to` of `from`. */
static size_t name_distance(const char *from, const char *to)
{
	size_t row[NAME_BYTES_MAX];
	size_t to_length = strlen(to);
	for (size_t j = 0; j <= to_length; j++)
		row[j] = j;
	for (size_t i = 1; from[i - 1] != '\0'; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= to_length; j++) {
			size_t replaced = diagonal + (from[i - 1] != to[j - 1]);
			diagonal = row[j];
			row[j] = smaller(replaced, smaller(row[j], row[j - 1]) + 1);
		}
	}
	return row[to_length];
}

size_t table_nearest(const char *name, const char **out_names, size_t count)
{
	size_t found = 0;
	size_t nearest = SIZE_MAX;
	if (strlen(name) >= NAME_BYTES_MAX)
		return 0;
	for (size_t i = 0; i < workload_count; i++) {
		size_t distance = name_distance(name, workloads[i].name);
		if (distance < nearest) {
			nearest = distance;
			found = 0;
		}
		if (distance == nearest && found < count)
			out_names[found++] = workloads[i].name;
	}
	return found;
}
