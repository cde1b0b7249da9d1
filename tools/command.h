/* SPDX-License-Identifier: MIT */
/*
 * Commands: what `allot` can be asked, and everything that is said about it.
 *
 * The one table, in commands.c, feeds the parser, --help, the manual pages and the shell
 * completion, so none of them can disagree with another. A new command is a row there, a file
 * named after it, and a line in meson.build. An option that merely stands for a key of ALLOT_CONF
 * says so in its row and needs no code.
 */
#ifndef ALLOT_TOOLS_COMMAND_H
#define ALLOT_TOOLS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

/* Exit statuses. Wrappers of a program use the codes of env(1) and timeout(1). */
enum {
	STATUS_OK = 0,
	STATUS_FAILURE = 1,
	STATUS_USAGE = 2,
	STATUS_THRESHOLD = 3,        /* a --fail-on threshold tripped */
	STATUS_DAMAGED = 4,          /* input was damaged, and used up to there */
	STATUS_WRAPPER = 125,        /* allot itself failed, wrong usage included */
	STATUS_NOT_EXECUTABLE = 126,
	STATUS_NOT_FOUND = 127,
};

/* An option, `--name`. Arrays of them end with an empty row. */
struct command_option {
	const char *name;       /* without the dashes */
	char letter;            /* the short form, -o of --output; 0: there is none */
	const char *value;      /* placeholder of its value, or NULL when it takes none */
	bool is_value_optional; /* the value then needs the form --name=VALUE */
	const char *conf_key;   /* key of ALLOT_CONF it stands for, or NULL */
	const char *conf_value; /* what that key gets when no value is given */
	const char *help;       /* one sentence without a full stop */
};

/* A line that explains another: an example or an exit status. */
struct command_note {
	const char *term;
	const char *meaning;
};

struct command {
	const char *name;                     /* NULL for `allot` itself */
	const char *operands;                 /* as the usage line shows them */
	const char *summary;                  /* one sentence without a full stop */
	const char *const *paragraphs;        /* NULL-terminated */
	const struct command_option *options;
	const struct command_note *statuses;
	const struct command_note *examples;
	const char *next;                     /* what to type after it */
	int usage_status;                     /* exit status of a wrong command line */
	bool is_wrapper;                      /* its operands are another command line */
	const char *operands_option;          /* option that lists operands to choose from, or NULL;
						 another command line then follows "--" alone */
	const struct command *const *subcommands; /* NULL-terminated, named "vm tlb"; or NULL */
	int (*run)(int argc, char **argv);    /* argv[0] is the command's name */
};

extern const struct command command_allot;
extern const struct command command_run;
extern const struct command command_record;
extern const struct command command_top;
extern const struct command command_list;
extern const struct command command_doctor;
extern const struct command command_bench;
extern const struct command command_replay;
extern const struct command command_vm;
extern const struct command command_vm_translate;
extern const struct command command_vm_tlb;
extern const struct command command_vm_policy;
extern const struct command command_vm_trace;
extern const struct command command_vm_cc;
extern const struct command command_vm_run;
extern const struct command command_vm_diff;
extern const struct command command_vm_probe;
extern const struct command command_vm_free;
extern const struct command command_vm_sar;
extern const struct command command_vm_buddyinfo;
extern const struct command command_vm_watermarks;
extern const struct command command_vm_oom;
extern const struct command command_vm_slabinfo;
extern const struct command command_vm_kmem;
extern const struct command command_vm_maps;
extern const struct command command_vm_smaps;
extern const struct command command_vm_status;
extern const struct command command_vm_pagemap;
extern const struct command command_vm_explain;
extern const struct command command_vm_tree;
extern const struct command command_vm_strip;
extern const struct command command_vm_timeline;
extern const struct command command_vm_buddies;
extern const struct command command_vm_demo;
extern const struct command command_report;
extern const struct command command_diff;
extern const struct command command_advise;
extern const struct command command_export;
extern const struct command command_help;

/* All but command_allot, NULL-terminated, in the order they are shown. */
extern const struct command *const commands[];

/* The command called `name`, or NULL. */
const struct command *command_find(const char *name);

/* The subcommand of `command` called `name`, without its command's name, or NULL. */
const struct command *subcommand_find(const struct command *command, const char *name);

/* The part of a command's name that is its own: "tlb" of "vm tlb". */
const char *command_own_name(const struct command *command);

/* The command whose name is nearest to the misspelt `name`, or NULL when none is near. */
const struct command *command_nearest(const char *name);
const struct command *subcommand_nearest(const struct command *command, const char *name);

int run_main(int argc, char **argv);
int record_main(int argc, char **argv);
int top_main(int argc, char **argv);
int list_main(int argc, char **argv);
int doctor_main(int argc, char **argv);
int bench_main(int argc, char **argv);
int replay_main(int argc, char **argv);
int vm_main(int argc, char **argv);
int vm_translate_main(int argc, char **argv);
int vm_tlb_main(int argc, char **argv);
int vm_policy_main(int argc, char **argv);
int vm_trace_main(int argc, char **argv);
int vm_cc_main(int argc, char **argv);
int vm_run_main(int argc, char **argv);
int vm_diff_main(int argc, char **argv);
int vm_probe_main(int argc, char **argv);
int vm_free_main(int argc, char **argv);
int vm_sar_main(int argc, char **argv);
int vm_buddyinfo_main(int argc, char **argv);
int vm_watermarks_main(int argc, char **argv);
int vm_oom_main(int argc, char **argv);
int vm_slabinfo_main(int argc, char **argv);
int vm_kmem_main(int argc, char **argv);
int vm_maps_main(int argc, char **argv);
int vm_smaps_main(int argc, char **argv);
int vm_status_main(int argc, char **argv);
int vm_pagemap_main(int argc, char **argv);
int vm_explain_main(int argc, char **argv);
int vm_tree_main(int argc, char **argv);
int vm_strip_main(int argc, char **argv);
int vm_timeline_main(int argc, char **argv);
int vm_buddies_main(int argc, char **argv);
int vm_demo_main(int argc, char **argv);
int report_main(int argc, char **argv);
int diff_main(int argc, char **argv);
int advise_main(int argc, char **argv);
int export_main(int argc, char **argv);
int help_main(int argc, char **argv);

#endif
