/* SPDX-License-Identifier: MIT */
/*
 * allot-workload: programs that do little but allocate, for comparing allocators.
 *
 *	allot-workload --list
 *	allot-workload [--scale F] [--threads N] [--floor] NAME
 *
 * The list has a line for each: name, family, threads and a description, with tabs between. A run
 * prints lines of a key and a value: `checksum`, the same for every allocator at the same scale
 * and number of threads; `operations`, calls of the malloc family; `seconds` on the wall; and for
 * times of single calls `p50_ns`, `p99_ns`, `p9999_ns` and `max_ns`. The exit status is 2 for
 * arguments that make no sense, 1 when a run failed.
 */
#include "crew.h"
#include "floor.h"
#include "heap.h"
#include "table.h"
#include "ticks.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	STATUS_USAGE = 2,
	NEAREST_COUNT = 3, /* names offered for one that there is not */
	SCALE_MAX = 10000,
};

/* What the command line asks for. */
struct request {
	double scale;
	unsigned long thread_count; /* 0: the workload's own */
	bool is_floor;
	bool is_list;
	const char *name;
};

static void usage_print(FILE *stream)
{
	fputs("usage: allot-workload --list\n"
	      "       allot-workload [--scale F] [--threads N] [--floor] NAME\n",
	      stream);
}

static void list_print(void)
{
	const struct workload *workload;
	for (size_t i = 0; (workload = table_get(i)) != NULL; i++)
		printf("%s\t%s\t%u\t%s\n", workload->name,
		       workload->family == FAMILY_MICRO ? "micro" : "own", workload->thread_count,
		       workload->description);
}

/* A number above 0 and at most SCALE_MAX, and nothing behind it. */
static bool scale_read(const char *text, double *out_scale)
{
	char *end;
	double scale = strtod(text, &end);
	if (end == text || *end != '\0' || !(scale > 0 && scale <= SCALE_MAX))
		return false;
	*out_scale = scale;
	return true;
}

static bool thread_count_read(const char *text, unsigned long *out_count)
{
	char *end;
	unsigned long count = strtoul(text, &end, 10);
	if (end == text || *end != '\0' || count == 0 || count > CREW_COUNT_MAX)
		return false;
	*out_count = count;
	return true;
}

/* Read the command line; false, with a line on standard error, when it makes no sense. */
static bool request_read(struct request *request, int argc, char **argv)
{
	static const struct option options[] = {
		{"list", no_argument, NULL, 'l'},
		{"scale", required_argument, NULL, 's'},
		{"threads", required_argument, NULL, 't'},
		{"floor", no_argument, NULL, 'f'},
		{NULL, 0, NULL, 0},
	};
	int option;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		bool is_good = true;
		if (option == 'l')
			request->is_list = true;
		else if (option == 'f')
			request->is_floor = true;
		else if (option == 's')
			is_good = scale_read(optarg, &request->scale);
		else if (option == 't')
			is_good = thread_count_read(optarg, &request->thread_count);
		else
			return false;
		if (!is_good) {
			fprintf(stderr, "allot-workload: --%s: no such number: %s\n",
				option == 's' ? "scale" : "threads", optarg);
			return false;
		}
	}
	if (argc - optind != !request->is_list) {
		usage_print(stderr);
		return false;
	}
	request->name = argv[optind];
	return true;
}

/* Say that there is no such workload, and which names are nearest. */
static void name_complain(const char *name)
{
	const char *names[NEAREST_COUNT];
	size_t count = table_nearest(name, names, NEAREST_COUNT);
	fprintf(stderr, "allot-workload: no workload '%s'", name);
	for (size_t i = 0; i < count; i++)
		fprintf(stderr, "%s%s", i == 0 ? "; nearest: " : ", ", names[i]);
	fputc('\n', stderr);
}

/* Fill in what the run is asked for; false, with a line on standard error, when it cannot be. */
static bool run_prepare(struct run *run, const struct request *request)
{
	const struct workload *workload = table_find(request->name);
	if (workload == NULL) {
		name_complain(request->name);
		return false;
	}
	*run = (struct run){.workload = workload,
			    .scale = request->scale,
			    .thread_count = workload->thread_count,
			    .is_floor = request->is_floor};
	if (request->is_floor && workload->family != FAMILY_MICRO) {
		fprintf(stderr, "allot-workload: %s: --floor is for the micro family only\n",
			workload->name);
		return false;
	}
	if (request->thread_count == 0 || request->thread_count == workload->thread_count)
		return true;
	if (workload->thread_step == 0 || request->thread_count % workload->thread_step != 0) {
		fprintf(stderr, "allot-workload: %s: not with %lu threads, only with %s%u\n",
			workload->name, request->thread_count,
			workload->thread_step == 0 ? "" : "multiples of ",
			workload->thread_step == 0 ? workload->thread_count
						   : workload->thread_step);
		return false;
	}
	run->thread_count = (unsigned int)request->thread_count;
	return true;
}

static void run_print(const struct run *run, uint64_t elapsed_ns)
{
	printf("checksum %016" PRIx64 "\n", run->checksum);
	printf("operations %" PRIu64 "\n", run->operation_count);
	printf("seconds %.6f\n", (double)elapsed_ns / 1e9);
	if (!run->latency.is_measured)
		return;
	printf("p50_ns %" PRIu64 "\n", run->latency.p50_ns);
	printf("p99_ns %" PRIu64 "\n", run->latency.p99_ns);
	printf("p9999_ns %" PRIu64 "\n", run->latency.p9999_ns);
	printf("max_ns %" PRIu64 "\n", run->latency.max_ns);
}

int main(int argc, char **argv)
{
	struct request request = {.scale = 1};
	struct run run;
	if (!request_read(&request, argc, argv))
		return STATUS_USAGE;
	if (request.is_list) {
		list_print();
		return EXIT_SUCCESS;
	}
	if (!run_prepare(&run, &request))
		return STATUS_USAGE;
	if (run.is_floor)
		floor_init();
	uint64_t start_ns = clock_ns();
	run.workload->run(&run);
	uint64_t elapsed_ns = clock_ns() - start_ns;
	run.operation_count += heap_call_count;
	run_print(&run, elapsed_ns);
	return EXIT_SUCCESS;
}
