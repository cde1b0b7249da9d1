/* SPDX-License-Identifier: MIT */
/*
 * allot replay: the calls of a trace once more, on other strategies, allocators and machines.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <allot/vm_translation.h>

#include "argument.h"
#include "locate.h"
#include "notice.h"
#include "replay_output.h"
#include "replay_plan.h"
#include "replay_work.h"
#include "word.h"

static const char name[] = "replay";
static const char default_tlb[] = "skylake";

enum {
	MESSAGE_BYTES = 2 * PATH_MAX,
	ROUNDS_DEFAULT = 3,
	COUNT_MAX = 1000,
	LIMIT_S_DEFAULT = 120,
};

static const char *const payload_words[] = {
	[REPLAY_PAYLOAD_NONE] = "none",
	[REPLAY_PAYLOAD_FIRST] = "first",
	[REPLAY_PAYLOAD_ALL] = "all",
	[REPLAY_PAYLOAD_RECORDED] = "recorded",
};

/* What the command line says. */
struct replay_options {
	struct replay_request request;
	const char *payload;       /* NULL: the best the trace allows */
	const char *tlb;
	unsigned rounds, jobs;
	double limit_s;
	unsigned shard, shard_count;
	bool is_json, is_markdown, is_merge, is_verified, has_lab;
};

/* ---- the command line ---- */

static bool count_take(struct argument_scan *scan, const char *option, unsigned *out_count)
{
	char *rest;
	unsigned long count = strtoul(scan->value, &rest, 10);

	if (*rest != '\0' || count == 0 || count > COUNT_MAX || scan->value[0] == '-') {
		argument_refuse(scan, NULL, "--%s %s: a number from 1 to %d is wanted", option,
				scan->value, COUNT_MAX);
		return false;
	}
	*out_count = (unsigned)count;
	return true;
}

static bool limit_take(struct argument_scan *scan, struct replay_options *options)
{
	char *rest;

	options->limit_s = strtod(scan->value, &rest);
	if (*rest == '\0' && options->limit_s > 0 && options->limit_s < 1e6)
		return true;
	argument_refuse(scan, NULL, "--limit %s: seconds are wanted", scan->value);
	return false;
}

static bool shard_take(struct argument_scan *scan, struct replay_options *options)
{
	int length = 0;

	if (sscanf(scan->value, "%u/%u%n", &options->shard, &options->shard_count, &length) == 2 &&
	    scan->value[length] == '\0' && options->shard > 0 &&
	    options->shard <= options->shard_count)
		return true;
	argument_refuse(scan, NULL, "--shard %s: i/n is wanted, with i from 1 to n", scan->value);
	return false;
}

/* The word of `words` that is `word`, or false with the nearest refused. */
static bool word_take(struct argument_scan *scan, const char *option, const char *const *words,
		      size_t count)
{
	struct word_match match;

	word_match_init(&match, scan->value);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(words[i], scan->value) == 0)
			return true;
		word_match_offer(&match, words[i]);
	}
	argument_refuse(scan, match.nearest[0] != '\0' ? match.nearest : NULL, "no %s '%s'",
			option, scan->value);
	return false;
}

static bool tlb_take(struct argument_scan *scan, struct replay_options *options)
{
	const char *names[REPLAY_WORDS_MAX];
	size_t count = 0;

	/* Of those that fit to the machine, which is the first geometry's. */
	for (size_t i = 0; count < REPLAY_WORDS_MAX && vm_tlb_preset_name(i) != NULL; i++) {
		struct vm_tlb_conf conf;
		if (vm_tlb_preset(vm_tlb_preset_name(i), &conf) &&
		    conf.geometry == vm_geometry_get(0))
			names[count++] = vm_tlb_preset_name(i);
	}
	options->tlb = scan->value;
	return word_take(scan, "TLB", names, count);
}

static bool list_take(struct argument_scan *scan, const char *option, const char **words,
		      size_t *count)
{
	if (*count == REPLAY_WORDS_MAX) {
		argument_refuse(scan, NULL, "--%s: more than %d", option, REPLAY_WORDS_MAX);
		return false;
	}
	words[(*count)++] = scan->value;
	return true;
}

static bool value_take(struct argument_scan *scan, const char *option,
		       struct replay_options *options)
{
	static const char *const machines[] = { "memory", "model" };
	struct replay_request *request = &options->request;

	if (strcmp(option, "strategy") == 0) {
		request->strategies = scan->value;
		return true;
	}
	if (strcmp(option, "conf") == 0)
		return list_take(scan, option, request->confs, &request->conf_count);
	if (strcmp(option, "with") == 0)
		return list_take(scan, option, request->libraries, &request->library_count);
	if (strcmp(option, "on") == 0) {
		request->is_on_model = strcmp(scan->value, "model") == 0;
		return word_take(scan, "machine", machines, 2);
	}
	if (strcmp(option, "payload") == 0) {
		options->payload = scan->value;
		return word_take(scan, option, payload_words, REPLAY_PAYLOADS);
	}
	if (strcmp(option, "tlb") == 0)
		return tlb_take(scan, options);
	if (strcmp(option, "rounds") == 0)
		return count_take(scan, option, &options->rounds);
	if (strcmp(option, "jobs") == 0)
		return count_take(scan, option, &options->jobs);
	if (strcmp(option, "limit") == 0)
		return limit_take(scan, options);
	return shard_take(scan, options);
}

static bool option_take(struct argument_scan *scan, const struct command_option *option,
			struct replay_options *options)
{
	if (option->value != NULL)
		return value_take(scan, option->name, options);
	if (strcmp(option->name, "json") == 0)
		options->is_json = true;
	else if (strcmp(option->name, "markdown") == 0)
		options->is_markdown = true;
	else if (strcmp(option->name, "verify") == 0)
		options->is_verified = true;
	else if (strcmp(option->name, "vm") == 0)
		options->has_lab = true;
	else if (strcmp(option->name, "merge") == 0)
		options->is_merge = true;
	return true;
}

/* ---- the trace ---- */

/* Read the trace once. False when nothing can be replayed, which is said. */
static bool trace_survey(struct trace *trace, struct replay_survey *survey,
			 struct replay_run *run)
{
	struct trace_event event;
	enum trace_status status;
	uint64_t damages = 0;

	while ((status = trace_next(trace, &event)) == TRACE_OK || status == TRACE_DAMAGED) {
		if (status == TRACE_OK)
			replay_survey_event(survey, &event);
		else if (damages++ == 0)
			snprintf(run->damaged, sizeof(run->damaged), "%s", trace_message(trace));
	}
	if (status == TRACE_FAILED && run->damaged[0] == '\0')
		snprintf(run->damaged, sizeof(run->damaged), "%s", trace_message(trace));
	if (run->damaged[0] != '\0')
		notice_write(name, "%s: %s%s", run->trace, run->damaged,
			     damages > 1 ? ", and more" : "");
	if (trace_info_get(trace)->lost_time != 0)
		notice_write(name, "%s: events are missing: it is replayed up to the first of them",
			     run->trace);
	if (survey->is_out_of_memory)
		notice_write(name, "no memory");
	else if (survey->operations == 0)
		notice_write(name, "%s: no calls in it", run->trace);
	else if (survey->slot_count > REPLAY_NUMBER_MAX)
		notice_write(name, "%s: more than %u blocks at once", run->trace,
			     REPLAY_NUMBER_MAX);
	else
		return true;
	return false;
}

static void run_describe(struct replay_run *run, const struct trace_info *info,
			 const struct replay_survey *survey)
{
	snprintf(run->format, sizeof(run->format), "%s", info->format);
	snprintf(run->command, sizeof(run->command), "%s", info->command);
	snprintf(run->strategy, sizeof(run->strategy), "%s", info->strategy);
	run->events = survey->events;
	run->operations = survey->operations;
	run->live_bytes_peak = survey->live_bytes_peak;
	run->threads = survey->thread_count;
	run->samples = survey->samples;
	run->duration_ns = survey->time_end;
	run->unknown_frees = survey->unknown_frees;
}

/* The payload asked for, or the best there is. False: it cannot be had. */
static bool payload_choose(const struct replay_options *options,
			   const struct replay_survey *survey, enum replay_payload *out_payload)
{
	*out_payload = survey->samples_with_runs > 0 ? REPLAY_PAYLOAD_RECORDED
						      : REPLAY_PAYLOAD_ALL;
	for (int i = 0; options->payload != NULL && i < REPLAY_PAYLOADS; i++)
		if (strcmp(options->payload, payload_words[i]) == 0)
			*out_payload = (enum replay_payload)i;
	return *out_payload != REPLAY_PAYLOAD_RECORDED || survey->samples_with_runs > 0;
}

/* ---- the command ---- */

static void run_write(const struct replay_run *run, const struct replay_options *options)
{
	if (options->is_json)
		replay_json_write(stdout, run);
	else
		replay_table_write(stdout, run, options->is_markdown);
}

/* Did every row come to an end? */
static int run_status(const struct replay_run *run)
{
	int status = run->damaged[0] != '\0' ? STATUS_DAMAGED : STATUS_OK;

	for (size_t i = 0; i < run->row_count; i++)
		if (!replay_row_is_ok(run->rows[i]) &&
		    run->rows[i]->kind != REPLAY_ROW_RECORDING)
			status = STATUS_FAILURE;
	return status;
}

static int files_merge(const struct replay_options *options, char **paths)
{
	struct replay_run run = { .row_count = 0 };
	char message[MESSAGE_BYTES];

	for (; *paths != NULL; paths++)
		if (!replay_merge(&run, *paths, message, sizeof(message))) {
			notice_write(name, "%s", message);
			replay_run_finish(&run);
			return STATUS_FAILURE;
		}
	replay_run_sort(&run);
	run_write(&run, options);
	int status = run_status(&run);
	replay_run_finish(&run);
	return status;
}

static bool helper_locate(struct replay_work *work, bool is_on_model)
{
	char message[MESSAGE_BYTES];

	if (library_locate(work->library, message, sizeof(message)) &&
	    replay_helper_locate(is_on_model ? "allot-replay-model" : "allot-replay-memory",
				 work->helper, message, sizeof(message)))
		return true;
	notice_write(name, "%s", message);
	return false;
}

/* With a trace that is open: plan, work, write. */
static int trace_replay(struct argument_scan *scan, const struct replay_options *options,
			struct trace *trace, struct replay_run *run, struct replay_survey *survey)
{
	char message[MESSAGE_BYTES], meant[REPLAY_TEXT_BYTES];
	struct replay_work work = {
		.run = run,
		.survey = survey,
		.rounds = options->rounds,
		.jobs = options->jobs,
		.limit_s = options->limit_s,
		.is_verified = options->is_verified,
		.has_lab = options->has_lab,
		.shard = options->shard,
		.shard_count = options->shard_count,
	};

	if (!replay_plan(run, &options->request, trace_info_get(trace), message, sizeof(message),
			 meant))
		return argument_refuse(scan, meant[0] != '\0' ? meant : NULL, "%s", message);
	if (!trace_survey(trace, survey, run))
		return STATUS_FAILURE;
	run_describe(run, trace_info_get(trace), survey);
	if (!payload_choose(options, survey, &work.payload)) {
		notice_write(name, "%s: no samples with pages, so there is no payload 'recorded': "
			     "--payload none and all give bounds", run->trace);
		return STATUS_FAILURE;
	}
	snprintf(run->payload, sizeof(run->payload), "%s", payload_words[work.payload]);
	snprintf(run->tlb, sizeof(run->tlb), "%s", options->tlb);
	run->rounds = options->rounds;
	run->jobs = options->jobs;
	if (!helper_locate(&work, options->request.is_on_model) || !replay_work(&work))
		return STATUS_FAILURE;
	run_write(run, options);
	return run_status(run);
}

static int path_replay(struct argument_scan *scan, const struct replay_options *options,
		       const char *path)
{
	struct replay_run run = { .row_count = 0 };
	struct replay_survey survey = { .events = 0 };
	char message[MESSAGE_BYTES];

	snprintf(run.trace, sizeof(run.trace), "%s", path);
	struct trace *trace = trace_open(path, message, sizeof(message));
	if (trace == NULL) {
		notice_write(name, "%s", message);
		return STATUS_FAILURE;
	}
	int status = trace_replay(scan, options, trace, &run, &survey);
	trace_close(trace);
	replay_survey_finish(&survey);
	replay_run_finish(&run);
	return status;
}

int replay_main(int argc, char **argv)
{
	struct argument_scan scan;
	const struct command_option *option;
	int operand_count = 0;
	struct replay_options options = {
		.tlb = default_tlb,
		.rounds = ROUNDS_DEFAULT,
		.jobs = 1,
		.limit_s = LIMIT_S_DEFAULT,
	};

	/* Options may stand behind operands as well: the trace is what is named first. */
	argument_init(&scan, &command_replay, argc, argv);
	for (;;) {
		while ((option = argument_next(&scan)) != NULL)
			if (!option_take(&scan, option, &options))
				return scan.status;
		if (scan.status != ARGUMENT_GO_ON)
			return scan.status;
		if (scan.index >= argc)
			break;
		argv[1 + operand_count++] = argv[scan.index++];
	}
	argv[1 + operand_count] = NULL;
	if (operand_count == 0)
		return argument_refuse(&scan, NULL, options.is_merge ? "no file to merge"
								      : "no trace to replay");
	if (!options.is_merge && operand_count > 1)
		return argument_refuse(&scan, NULL, "'%s' is one word too many", argv[2]);
	if (options.is_json && options.is_markdown)
		return argument_refuse(&scan, NULL, "--json and --markdown exclude each other");
	if (options.has_lab && !options.request.is_on_model)
		return argument_refuse(&scan, NULL, "--vm: only the model knows the accesses "
				       "(--on model)");
	int status = options.is_merge ? files_merge(&options, argv + 1)
				      : path_replay(&scan, &options, argv[1]);
	if (!options.is_json && (status == STATUS_OK || status == STATUS_DAMAGED))
		notice_next(command_replay.next);
	return status;
}
