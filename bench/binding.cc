/* SPDX-License-Identifier: MIT */
/*
 * Google Benchmark for C, the C++ side: each call of binding.h is one call of the library.
 *
 * Three things are more than that.
 *
 * The loop. State::KeepRunning() is C++ and would have to be called once an iteration. Asking
 * instead for all iterations as one batch starts the clock and leaves the count to the C side,
 * which counts down in line; asking again stops the clock. That is what the library's range-based
 * `for` does, too.
 *
 * The fixture. The library's own hooks are bare function pointers, which cannot carry `user`. A
 * gate does their work: the first thread runs setup while the others wait, the last to leave runs
 * teardown. Runs of one benchmark never overlap, so a gate that is empty again is ready again.
 *
 * Skipped rows. The library prints them as errors; a strategy that is too slow for a row is a
 * result, so the console reporter says "not run" and why.
 *
 * Not here: anything about allocators.
 */
#include "binding.h"

#include <benchmark/benchmark.h>

#include <condition_variable>
#include <iomanip>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <vector>

namespace {

/* Lets a benchmark's threads in after setup, and runs teardown after the last. */
class gate {
public:
	template <class setup_function>
	void enter(int thread_index, int thread_count, setup_function setup)
	{
		std::unique_lock<std::mutex> guard(lock_);
		if (thread_index == 0) {
			setup();
			inside_count_ = thread_count;
			opened_.notify_all();
		}
		opened_.wait(guard, [this] { return inside_count_ > 0; });
	}

	template <class teardown_function>
	void leave(int thread_count, teardown_function teardown)
	{
		std::unique_lock<std::mutex> guard(lock_);
		if (++left_count_ < thread_count)
			return;
		teardown();
		left_count_ = 0;
		inside_count_ = 0;
	}

private:
	std::mutex lock_;
	std::condition_variable opened_;
	int inside_count_ = 0; /* threads let in by this run's setup; 0 while shut */
	int left_count_ = 0;   /* of those, how many are out again */
};

/* The library's own display, but in the console table a skipped row says so. */
class table_reporter : public benchmark::BenchmarkReporter {
public:
	table_reporter()
		: display_(benchmark::CreateDefaultDisplayReporter()),
		  is_console_(dynamic_cast<benchmark::ConsoleReporter *>(display_.get()))
	{
	}

	bool ReportContext(const Context &context) override
	{
		name_width_ = static_cast<int>(context.name_field_width);
		return display_->ReportContext(context);
	}

	void ReportRuns(const std::vector<Run> &runs) override
	{
		if (is_console_ && !runs.empty() && runs[0].error_occurred)
			print_skipped(runs[0]);
		else
			display_->ReportRuns(runs);
	}

	void Finalize() override
	{
		display_->Finalize();
	}

private:
	void print_skipped(const Run &run)
	{
		std::ostream &out = GetOutputStream();
		out << std::left << std::setw(name_width_) << run.benchmark_name();
		out << "  not run: " << run.error_message << std::endl;
	}

	std::unique_ptr<benchmark::BenchmarkReporter> display_;
	bool is_console_;
	int name_width_ = 0; /* columns of the table's first column */
};

benchmark::State &run_of(const struct state *state)
{
	return *static_cast<benchmark::State *>(state->run);
}

benchmark::Counter::Flags counter_flags(enum state_counter kind)
{
	switch (kind) {
	case STATE_COUNTER_MEAN:
		return benchmark::Counter::kAvgThreads;
	case STATE_COUNTER_RATE:
		return benchmark::Counter::kIsRate;
	case STATE_COUNTER_PER_RUN:
		return benchmark::Counter::kAvgIterations;
	case STATE_COUNTER_SUM:
		break;
	}
	return benchmark::Counter::kDefaults;
}

} /* namespace */

/* The C side's handle, and what the library's lambda needs for a run. Lives until exit. */
struct bench {
	benchmark::internal::Benchmark *row;
	bench_function *function;
	void *user;
	void (*setup)(const struct state *state, void *user);
	void (*teardown)(const struct state *state, void *user);
	gate door;
};

namespace {

std::vector<std::unique_ptr<struct bench>> registered;

void bench_run(struct bench *bench, benchmark::State &run)
{
	struct state state = {0, &run};
	bench->door.enter(run.thread_index(), run.threads(), [&] {
		if (bench->setup)
			bench->setup(&state, bench->user);
	});
	bench->function(&state, bench->user);
	bench->door.leave(run.threads(), [&] {
		if (bench->teardown)
			bench->teardown(&state, bench->user);
	});
}

} /* namespace */

struct bench *bench_register(const char *name, bench_function *function, void *user)
{
	registered.emplace_back(new bench());
	struct bench *bench = registered.back().get();
	bench->function = function;
	bench->user = user;
	bench->row = benchmark::RegisterBenchmark(
		name, [bench](benchmark::State &run) { bench_run(bench, run); });
	return bench;
}

void bench_add_argument(struct bench *bench, int64_t value)
{
	bench->row->Arg(value);
}

void bench_add_arguments(struct bench *bench, const int64_t *values, size_t count)
{
	bench->row->Args(std::vector<int64_t>(values, values + count));
}

void bench_add_range(struct bench *bench, int64_t first, int64_t last, int factor)
{
	bench->row->RangeMultiplier(factor)->Range(first, last);
}

void bench_name_arguments(struct bench *bench, const char *const *names,
			      size_t count)
{
	bench->row->ArgNames(std::vector<std::string>(names, names + count));
}

void bench_add_threads(struct bench *bench, int count)
{
	bench->row->Threads(count);
}

void bench_set_clock(struct bench *bench, enum bench_clock clock)
{
	switch (clock) {
	case BENCH_CLOCK_CPU:
		break;
	case BENCH_CLOCK_PROCESS:
		bench->row->MeasureProcessCPUTime();
		break;
	case BENCH_CLOCK_REAL:
		bench->row->UseRealTime();
		break;
	case BENCH_CLOCK_MANUAL:
		bench->row->UseManualTime();
		break;
	}
}

void bench_set_unit(struct bench *bench, enum bench_unit unit)
{
	static const benchmark::TimeUnit units[] = { // in the order of enum bench_unit
		benchmark::kNanosecond,
		benchmark::kMicrosecond,
		benchmark::kMillisecond,
		benchmark::kSecond,
	};
	bench->row->Unit(units[unit]);
}

void bench_set_iterations(struct bench *bench, int64_t count)
{
	bench->row->Iterations(count);
}

void bench_set_min_time(struct bench *bench, double seconds)
{
	bench->row->MinTime(seconds);
}

void bench_set_repetitions(struct bench *bench, int count)
{
	bench->row->Repetitions(count);
}

void bench_set_fixture(struct bench *bench,
			   void (*setup)(const struct state *state, void *user),
			   void (*teardown)(const struct state *state, void *user))
{
	bench->setup = setup;
	bench->teardown = teardown;
}

void bench_add_context(const char *key, const char *value)
{
	benchmark::AddCustomContext(key, value);
}

int bench_main(int argc, char **argv, void (*help)(void))
{
	if (help)
		benchmark::Initialize(&argc, argv, help);
	else
		benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 1;
	table_reporter reporter;
	benchmark::RunSpecifiedBenchmarks(&reporter);
	benchmark::Shutdown();
	return 0;
}

/* A run is one batch of all its iterations, of which this call takes the first. */
bool state_turn(struct state *state)
{
	benchmark::State &run = run_of(state);
	if (!run.KeepRunningBatch(run.max_iterations))
		return false;
	state->left_count = static_cast<uint64_t>(run.max_iterations) - 1;
	return true;
}

void state_pause(struct state *state)
{
	run_of(state).PauseTiming();
}

void state_resume(struct state *state)
{
	run_of(state).ResumeTiming();
}

int64_t state_argument(const struct state *state, size_t index)
{
	return run_of(state).range(index);
}

int64_t state_iterations(const struct state *state)
{
	return run_of(state).iterations();
}

int state_thread_index(const struct state *state)
{
	return run_of(state).thread_index();
}

int state_thread_count(const struct state *state)
{
	return run_of(state).threads();
}

void state_set_items(struct state *state, int64_t count)
{
	run_of(state).SetItemsProcessed(count);
}

void state_set_bytes(struct state *state, int64_t bytes)
{
	run_of(state).SetBytesProcessed(bytes);
}

void state_set_iteration_time(struct state *state, double seconds)
{
	run_of(state).SetIterationTime(seconds);
}

void state_set_counter(struct state *state, const char *name, double value,
		       enum state_counter kind)
{
	run_of(state).counters[name] = benchmark::Counter(value, counter_flags(kind));
}

void state_set_label(struct state *state, const char *text)
{
	run_of(state).SetLabel(text);
}

void state_skip(struct state *state, const char *why)
{
	run_of(state).SkipWithError(why);
}
