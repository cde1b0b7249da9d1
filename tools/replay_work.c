/* SPDX-License-Identifier: MIT */
/*
 * Replay, the work: a process a row, which plays its rounds and leaves the row in shared memory.
 */
#include "replay_work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "notice.h"

static const char name[] = "replay";

enum {
	ROUNDS_MAX = 64,
	LINE_BYTES = 128,
	ROUNDING_MOST = 2, /* what a strategy may need for each byte requested */
};

/* Bytes that can be had without others having to give way; UINT64_MAX when that is not known. */
static uint64_t available_bytes(void)
{
	char line[LINE_BYTES];
	unsigned long long kilobytes = UINT64_MAX / 1024;
	FILE *file = fopen("/proc/meminfo", "re");

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "MemAvailable: %llu", &kilobytes) == 1)
			break;
	if (file != NULL)
		fclose(file);
	return kilobytes * 1024;
}

/*
 * The rounds that bound what the program's writes can make of a row. Everything is only written
 * where there is room for it, for programs ask for far more than they use.
 */
static void bounds_replay(struct replay_row *row, const struct replay_work *work,
			  const struct replay_round *chosen)
{
	struct replay_round none = { .status = "" }, all = { .status = "" };
	uint64_t most_bytes = ROUNDING_MOST * work->survey->live_bytes_peak * work->jobs;

	if (work->payload != REPLAY_PAYLOAD_NONE)
		replay_round_play(&none, work, row, REPLAY_PAYLOAD_NONE);
	if (work->payload != REPLAY_PAYLOAD_ALL && most_bytes < available_bytes())
		replay_round_play(&all, work, row, REPLAY_PAYLOAD_ALL);
	replay_figures_bound(row, chosen, work->payload == REPLAY_PAYLOAD_NONE ? chosen : &none,
			     work->payload == REPLAY_PAYLOAD_ALL ? chosen : &all);
	replay_round_finish(&none);
	replay_round_finish(&all);
}

/* In a process of its own: all rounds of a row. */
static void row_replay(struct replay_row *row, const struct replay_work *work)
{
	struct replay_round rounds[ROUNDS_MAX];
	size_t count = 0, wanted = work->rounds < ROUNDS_MAX ? work->rounds : ROUNDS_MAX;

	/* A model gives the same each time. */
	if (row->kind == REPLAY_ROW_MODEL)
		wanted = 1;
	do
		replay_round_play(&rounds[count++], work, row, work->payload);
	while (count < wanted && strcmp(rounds[count - 1].status, "ok") == 0);
	replay_figures(row, work, rounds, count);
	if (row->kind == REPLAY_ROW_ALLOT || row->kind == REPLAY_ROW_LIBRARY)
		bounds_replay(row, work, &rounds[0]);
	for (size_t i = 0; i < count; i++)
		replay_round_finish(&rounds[i]);
}

/* Take the rows of other shards out of the run. */
static void shard_keep(struct replay_work *work)
{
	struct replay_run *run = work->run;
	size_t kept = 0;

	for (size_t i = 0; i < run->row_count; i++) {
		if (work->shard_count == 0 ||
		    run->rows[i]->index % work->shard_count == work->shard - 1)
			run->rows[kept++] = run->rows[i];
		else
			free(run->rows[i]);
	}
	run->row_count = kept;
}

struct job {
	pid_t process;            /* 0: not begun, or done */
	struct replay_row *shared;
};

static bool job_start(struct job *job, const struct replay_row *row,
		      const struct replay_work *work)
{
	job->shared = mmap(NULL, sizeof(*row), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			   -1, 0);
	if (job->shared == MAP_FAILED)
		return false;
	memcpy(job->shared, row, sizeof(*row));
	snprintf(job->shared->status, sizeof(job->shared->status), "ended without a word");
	fflush(NULL);
	job->process = fork();
	if (job->process == 0) {
		row_replay(job->shared, work);
		_exit(0);
	}
	return job->process > 0;
}

static void progress_show(const struct replay_run *run, size_t done)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (done < run->row_count)
		fprintf(stderr, "\rreplayed %zu of %zu ", done, run->row_count);
	else
		fputs("\r\033[K", stderr);
}

/* Wait for any job and take its row over. */
static bool job_wait(struct job *jobs, struct replay_run *run)
{
	pid_t process;
	int status;

	while ((process = waitpid(-1, &status, 0)) < 0 && errno == EINTR)
		;
	if (process < 0)
		return false;
	for (size_t i = 0; i < run->row_count; i++) {
		if (jobs[i].process != process)
			continue;
		memcpy(run->rows[i], jobs[i].shared, sizeof(*run->rows[i]));
		munmap(jobs[i].shared, sizeof(*run->rows[i]));
		jobs[i].process = 0;
		return true;
	}
	return true;
}

static bool jobs_run(struct replay_work *work, struct job *jobs)
{
	struct replay_run *run = work->run;
	size_t begun = 0, running = 0, done = 0;

	while (done < run->row_count) {
		progress_show(run, done);
		if (begun < run->row_count && run->rows[begun]->kind == REPLAY_ROW_RECORDING) {
			replay_figures_recorded(run->rows[begun++], work->survey);
			done++;
		} else if (begun < run->row_count && running < work->jobs) {
			if (!job_start(&jobs[begun], run->rows[begun], work))
				return false;
			begun++;
			running++;
		} else {
			if (!job_wait(jobs, run))
				return false;
			running--;
			done++;
		}
	}
	progress_show(run, done);
	return true;
}

/* The row without an allocator is no row of the table but what all of them contain. */
static void loop_take(struct replay_run *run)
{
	if (run->row_count == 0 || run->rows[run->row_count - 1]->kind != REPLAY_ROW_LOOP)
		return;
	struct replay_row *row = run->rows[--run->row_count];
	const struct replay_value *cpu = &row->values[REPLAY_CPU_NS];
	if (cpu->is_known && run->operations > 0)
		run->loop_ns_per_operation = cpu->value / (double)run->operations;
	free(row);
}

bool replay_work(struct replay_work *work)
{
	shard_keep(work);
	struct job *jobs = calloc(work->run->row_count + 1, sizeof(*jobs));
	bool is_done = jobs != NULL && jobs_run(work, jobs);
	if (!is_done)
		notice_write(name, "no process for a row: %s", strerror(errno));
	free(jobs);
	loop_take(work->run);
	return is_done;
}
