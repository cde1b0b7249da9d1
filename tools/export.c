/* SPDX-License-Identifier: MIT */
/*
 * allot export: a trace in the forms that other programs read.
 *
 * What each form holds is in its own file; here are the options, the name of the file, and what to
 * do with it next.
 */
#include "export.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "argument.h"
#include "notice.h"
#include "output.h"
#include "output_gzip.h"
#include "room.h"
#include "word.h"

enum { MESSAGE_BYTES = 512 };

static const char name[] = "export";

static const struct command_option export_options[] = {
	{ .name = "format", .value = "FORM",
	  .help = "what to write: pprof, folded, massif, heaptrack, dhat, chrome, openmetrics, "
		  "csv, csv-ledger, csv-stacks, or rep" },
	{ .name = "output", .letter = 'o', .value = "FILE",
	  .help = "the file to write, - for standard output; by default named after the trace, "
		  "in the current folder. A name that ends in .gz is compressed" },
	{ .name = "force", .letter = 'f', .help = "overwrite a file that exists" },
	{ .name = "at", .value = "MOMENT",
	  .help = "when what is live is counted (pprof, folded, csv-stacks): peak (default), when "
		  "most bytes were requested; rss, the sample at which most of the heap was "
		  "resident; end; or a time since the start: 1.5s, 20ms, 7us" },
	{ .name = "metric", .value = "NAME",
	  .help = "what folded counts, and pprof shows first: inuse_space (default), "
		  "inuse_objects, alloc_space, alloc_objects, slack_space, pinned_space, or "
		  "exclusive_pages" },
	{ .name = "strip-paths", .help = "name files without their folders" },
	{ .name = "debuginfod",
	  .help = "ask the servers of DEBUGINFOD_URLS for symbols; without this the network is "
		  "not used" },
	{ .name = "serve", .value = "[ADDRESS:]PORT",
	  .help = "write no file but answer HTTP requests for /metrics (openmetrics) until "
		  "interrupted; without ADDRESS only to this machine" },
	{ .name = "help", .help = "show this help" },
	{ .name = NULL },
};

static const struct command_note export_statuses[] = {
	{ "0", "written" },
	{ "1", "the trace cannot be read, or the file not written" },
	{ "2", "wrong usage" },
	{ "4", "the trace was damaged, and used as far as it could be read" },
	{ NULL, NULL },
};

static const struct command_note export_examples[] = {
	{ "allot export app.trace --format pprof", "app.pb.gz, for go tool pprof" },
	{ "allot export app.trace --format folded -o - | flamegraph.pl > app.svg",
	  "a flame graph of what was live at the peak" },
	{ "allot export app.trace --format folded --metric alloc_space --at end -o all.folded",
	  "everything that was allocated, by stack" },
	{ "allot export app.trace --serve 9464", "http://127.0.0.1:9464/metrics" },
	{ NULL, NULL },
};

const struct command command_export = {
	.name = "export",
	.operands = "TRACE",
	.summary = "write a trace in a form that other programs read",
	.paragraphs = (const char *const[]){
		"pprof: profile.proto with alloc_objects, alloc_space, inuse_objects, "
		"inuse_space and slack_space (usable beyond what was requested) of each stack "
		"and thread, and what each stack keeps the heap from giving back: pinned_space, "
		"its share of the free bytes on pages with live blocks, and exclusive_pages, "
		"which hold no one else's. With --at rss these two are measured, else an "
		"estimate: as if every page with a live byte were resident.",
		"folded: a line for each stack, for flame graphs. dhat, massif, heaptrack: the "
		"files of these profilers, for their viewers.",
		"massif's mem_heap_extra_B is rounding, tags, and what else of the heap was "
		"resident at the last sample; its viewers so show what the allocator adds. "
		"heaptrack's peak, like ours, is that of the bytes requested.",
		"chrome: counters and marks, for Perfetto. openmetrics: figures at the end of "
		"the trace, for Prometheus or the textfile collector of node_exporter. csv: the "
		"heap over time; csv-ledger: what its resident bytes are made up of, at "
		"samples; csv-stacks: a row for each stack. rep: the form of the malloc "
		"lab of CS:APP.",
		"Counts and bytes requested are exact; resident bytes and faults are the "
		"kernel's (measured), at the samples. With sampled stacks what has none is "
		"called [no stack].",
		"Functions are found in the files that were recorded, by their build ids, and "
		"in their separate debug files.",
		NULL },
	.options = export_options,
	.statuses = export_statuses,
	.examples = export_examples,
	.next = "allot report TRACE",
	.usage_status = STATUS_USAGE,
	.run = export_main,
};

/* A form. */
struct form {
	const char *name;
	const char *suffix;                   /* of the default file name */
	bool (*write)(struct export *export); /* false: it failed and said why */
	const char *next;                     /* what to do with the file, %s */
	bool is_binary;
	bool is_compressed;                   /* unless a file name says otherwise */
	bool has_moment, has_metric;
};

static const struct form forms[] = {
	{ .name = "pprof", .suffix = ".pb", .write = export_pprof,
	  .next = "go tool pprof -http localhost:8080 %s",
	  .is_binary = true, .is_compressed = true, .has_moment = true, .has_metric = true },
	{ .name = "folded", .suffix = ".folded", .write = export_folded,
	  .next = "flamegraph.pl --colors mem %s > stacks.svg",
	  .has_moment = true, .has_metric = true },
	{ .name = "massif", .suffix = ".massif", .write = export_massif, .next = "ms_print %s" },
	{ .name = "heaptrack", .suffix = ".heaptrack", .write = export_heaptrack,
	  .next = "heaptrack_print %s", .is_compressed = true },
	{ .name = "dhat", .suffix = ".dhat.json", .write = export_dhat,
	  .next = "xdg-open /usr/libexec/valgrind/dh_view.html, and %s in it" },
	{ .name = "chrome", .suffix = ".trace.json", .write = export_chrome,
	  .next = "xdg-open https://ui.perfetto.dev, and %s in it" },
	{ .name = "openmetrics", .suffix = ".prom", .write = export_openmetrics,
	  .next = "promtool check metrics < %s" },
	{ .name = "csv", .suffix = ".csv", .write = export_csv, .next = "column -s, -t %s" },
	{ .name = "csv-ledger", .suffix = ".ledger.csv", .write = export_csv_ledger,
	  .next = "column -s, -t %s" },
	{ .name = "csv-stacks", .suffix = ".stacks.csv", .write = export_csv_stacks,
	  .next = "column -s, -t %s", .has_moment = true },
	{ .name = "rep", .suffix = ".rep", .write = export_rep, .next = "allot replay %s" },
};
enum { FORM_COUNT = sizeof(forms) / sizeof(forms[0]) };

/* What the command line says. */
struct settings {
	const struct form *form;
	const char *path;    /* of the trace */
	const char *output;
	const char *serve;
	const char *metric;
	enum stack_moment moment;
	uint64_t moment_time;
	bool has_moment;
	bool is_forced;
	struct symbols_options symbols;
};

/* ---- the command line --------------------------------------------------------------------- */

static void form_take(struct argument_scan *scan, struct settings *settings)
{
	struct word_match match;

	word_match_init(&match, scan->value);
	for (int i = 0; i < FORM_COUNT; i++) {
		if (strcmp(forms[i].name, scan->value) == 0)
			settings->form = &forms[i];
		word_match_offer(&match, forms[i].name);
	}
	if (settings->form == NULL)
		argument_refuse(scan, match.nearest[0] != '\0' ? match.nearest : NULL,
				"no form '%s'", scan->value);
}

static void metric_take(struct argument_scan *scan, struct settings *settings)
{
	struct word_match match;

	settings->metric = NULL;
	word_match_init(&match, scan->value);
	for (int i = 0; i < METRIC_COUNT; i++) {
		if (strcmp(stack_metrics[i].name, scan->value) == 0)
			settings->metric = stack_metrics[i].name;
		word_match_offer(&match, stack_metrics[i].name);
	}
	if (settings->metric == NULL)
		argument_refuse(scan, match.nearest[0] != '\0' ? match.nearest : NULL,
				"no metric '%s'", scan->value);
}

/* A time with its unit, seconds without one, in nanoseconds; false: it is none. */
static bool time_parse(const char *text, uint64_t *out_ns)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = { { "", 1e9 }, { "s", 1e9 }, { "ms", 1e6 }, { "us", 1e3 }, { "ns", 1 } };
	static const double ns_max = 9e18;
	char *end;
	double value = strtod(text, &end);

	if (end == text || strspn(text, "0123456789.") != (size_t)(end - text))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name) == 0 && value * units[i].ns <= ns_max) {
			*out_ns = (uint64_t)(value * units[i].ns);
			return true;
		}
	}
	return false;
}

static void moment_take(struct argument_scan *scan, struct settings *settings)
{
	settings->has_moment = true;
	if (strcmp(scan->value, "peak") == 0)
		settings->moment = STACK_AT_PEAK;
	else if (strcmp(scan->value, "rss") == 0)
		settings->moment = STACK_AT_RSS;
	else if (strcmp(scan->value, "end") == 0)
		settings->moment = STACK_AT_END;
	else if (time_parse(scan->value, &settings->moment_time))
		settings->moment = STACK_AT_TIME;
	else
		argument_refuse(scan, NULL, "'%s' is no moment: write peak, rss, end, or a time as "
				"1.5s", scan->value);
}

static void option_take(struct argument_scan *scan, const struct command_option *option,
			struct settings *settings)
{
	if (strcmp(option->name, "format") == 0)
		form_take(scan, settings);
	else if (strcmp(option->name, "output") == 0)
		settings->output = scan->value;
	else if (strcmp(option->name, "force") == 0)
		settings->is_forced = true;
	else if (strcmp(option->name, "at") == 0)
		moment_take(scan, settings);
	else if (strcmp(option->name, "metric") == 0)
		metric_take(scan, settings);
	else if (strcmp(option->name, "strip-paths") == 0)
		settings->symbols.has_no_folders = true;
	else if (strcmp(option->name, "debuginfod") == 0)
		settings->symbols.has_debuginfod = true;
	else if (strcmp(option->name, "serve") == 0)
		settings->serve = scan->value;
}

/* Do the options go together? ARGUMENT_GO_ON, or a status to exit with. */
static int settings_check(struct argument_scan *scan, const struct settings *settings)
{
	if (settings->path == NULL)
		return argument_refuse(scan, NULL, "which trace?");
	if (settings->serve != NULL && settings->form != NULL &&
	    settings->form->write != export_openmetrics)
		return argument_refuse(scan, NULL, "--serve is for --format openmetrics alone");
	if (settings->serve != NULL)
		return ARGUMENT_GO_ON;
	if (settings->form == NULL)
		return argument_refuse(scan, NULL, "which form? --format pprof, folded, massif, "
				       "heaptrack, dhat, chrome, openmetrics, csv, csv-ledger, "
				       "csv-stacks, or rep");
	if (settings->has_moment && !settings->form->has_moment)
		return argument_refuse(scan, NULL, "--at is for pprof, folded and csv-stacks, not "
				       "for %s", settings->form->name);
	if (settings->metric != NULL && !settings->form->has_metric)
		return argument_refuse(scan, NULL, "--metric is for folded and pprof, not for %s",
				       settings->form->name);
	return ARGUMENT_GO_ON;
}

/* Options may stand before and behind the trace. */
static int settings_read(struct argument_scan *scan, struct settings *settings)
{
	const struct command_option *option;

	for (;;) {
		while ((option = argument_next(scan)) != NULL)
			option_take(scan, option, settings);
		if (scan->status != ARGUMENT_GO_ON)
			return scan->status;
		if (scan->index >= scan->argc)
			return settings_check(scan, settings);
		if (settings->path != NULL)
			return argument_refuse(scan, NULL, "'%s' is one word too many",
					       scan->argv[scan->index]);
		settings->path = scan->argv[scan->index++];
	}
}

/* ---- writing ------------------------------------------------------------------------------ */

/* The trace's own name without its folder and what says that it is a trace; the form's behind. */
static char *output_name(const struct settings *settings)
{
	static const char *const endings[] = { ".trace", ".allot", ".raw", ".rep", ".gz", ".zst" };
	const struct form *form = settings->form;
	const char *slash = strrchr(settings->path, '/');
	const char *base = slash != NULL ? slash + 1 : settings->path;
	size_t length = strlen(base);

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t ending = strlen(endings[i]);

		if (length > ending && strcmp(base + length - ending, endings[i]) == 0) {
			length -= ending;
			break;
		}
	}
	return room_print("%.*s%s%s", (int)length, base, form->suffix,
			  form->is_compressed ? output_gzip_suffix() : "");
}

static bool is_gzip_name(const char *path)
{
	size_t length = strlen(path);

	return length > 3 && strcmp(path + length - 3, ".gz") == 0;
}

/* What of the trace makes the result less than it seems. */
static void doubts_tell(const struct export *export)
{
	const struct trace_info *info = trace_info_get(export->trace);

	if (info->lost_events > 0)
		notice_write(name, "%s: %" PRIu64 " events or more were lost while it was "
			     "recorded%s", export->path, info->lost_events, info->lost_time != 0
			     ? ": what comes after the first of them is left out" : "");
	if (info->sample_bytes > 0)
		notice_write(name, "%s: stacks were taken once in %" PRIu64
			     " bytes; the rest is under " SYMBOLS_NO_STACK, export->path,
			     info->sample_bytes);
}

static int written_tell(const struct settings *settings, const struct export *export,
			const char *path)
{
	if (strcmp(path, "-") != 0) {
		char *next = room_print(settings->form->next, path);

		notice_write(name, "wrote %s", path);
		notice_next(next);
		free(next);
	}
	return export->is_damaged ? STATUS_DAMAGED : STATUS_OK;
}

static int form_write(const struct settings *settings, struct export *export, const char *path)
{
	const struct form *form = settings->form;
	/* gzip is what readers of profile.proto expect; others go by the name. */
	bool is_compressed = is_gzip_name(path) || (form->is_binary && form->is_compressed);
	struct output output;

	if (is_gzip_name(path) && output_gzip_suffix()[0] == '\0') {
		notice_write(name, "this build cannot compress (zlib): choose a name without .gz");
		return STATUS_FAILURE;
	}
	if (!output_open(&output, &(struct output_options){
		    .command = name, .path = path, .input = export->path,
		    .is_forced = settings->is_forced, .is_binary = form->is_binary,
		    .is_compressed = is_compressed }))
		return STATUS_FAILURE;
	export->out = output.file;
	bool is_whole = form->write(export);
	bool is_written = output_close(&output, is_whole);
	if (!is_whole || !is_written)
		return STATUS_FAILURE;
	doubts_tell(export);
	return written_tell(settings, export, path);
}

static int trace_export(struct settings *settings)
{
	struct export export = {
		.command = name,
		.path = settings->path,
		.moment = settings->moment,
		.moment_time = settings->moment_time,
		.metric = settings->metric != NULL ? settings->metric
						   : stack_metrics[METRIC_INUSE_SPACE].name,
	};
	char message[MESSAGE_BYTES];

	export.trace = trace_open(settings->path, message, sizeof(message));
	if (export.trace == NULL) {
		notice_write(name, "%s", message);
		return STATUS_FAILURE;
	}
	settings->symbols.command = name;
	export.symbols = symbols_open(export.trace, &settings->symbols);
	char *path = settings->output != NULL ? room_print("%s", settings->output)
					      : output_name(settings);
	int status = form_write(settings, &export, path);
	free(path);
	symbols_close(export.symbols);
	trace_close(export.trace);
	return status;
}

int export_main(int argc, char **argv)
{
	struct settings settings = { .moment = STACK_AT_PEAK };
	struct argument_scan scan;

	argument_init(&scan, &command_export, argc, argv);
	int status = settings_read(&scan, &settings);
	if (status != ARGUMENT_GO_ON)
		return status;
	if (settings.serve != NULL)
		return export_serve(name, settings.path, settings.serve);
	return trace_export(&settings);
}
