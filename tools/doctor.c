/* SPDX-License-Identifier: MIT */
/*
 * allot doctor: is the preload effective, and who resolves what.
 *
 * Both forms make a trial run (trial.c): with a command, of that; without one, of this program
 * itself, which then says whether preloading works here at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "argument.h"
#include "help.h"
#include "json.h"
#include "locate.h"
#include "notice.h"
#include "survey.h"
#include "trial.h"

static const char name[] = "doctor";
static const char schema[] = "allot.doctor/1";

enum {
	LABEL_COLUMNS = 26,
	WORDS_BYTES = 8192,
};

/* What is reported: one trial, of a program or of ourselves. */
struct diagnosis {
	const struct trial *trial;
	const char *library; /* NULL when it was not found */
	bool is_self;
};

static void verdict_write(const struct diagnosis *diagnosis)
{
	bool is_effective = diagnosis->trial->is_effective;
	bool has_colour = notice_has_colour(stdout);

	printf("%s%s%s: %s\n", !has_colour ? "" : is_effective ? "\033[32m" : "\033[31m",
	       is_effective ? "effective" : "not effective", has_colour ? "\033[0m" : "",
	       diagnosis->is_self && is_effective ? "preloading works here"
						  : diagnosis->trial->reason);
}

static void row_write(const char *label, const char *text)
{
	printf("  %-*s", LABEL_COLUMNS, label);
	if (strlen(label) >= LABEL_COLUMNS)
		printf("\n  %*s", LABEL_COLUMNS, "");
	help_wrap(stdout, text, LABEL_COLUMNS + 2, LABEL_COLUMNS + 2);
}

static void survey_write(void)
{
	struct survey_item item;

	puts("\nsystem");
	for (int i = 0; survey_look(i, &item); i++) {
		row_write(item.name, item.value);
		if (item.warning[0] != '\0')
			row_write("  warning", item.warning);
	}
}

/* A list of words being composed, of which a long tail is cut. */
struct words {
	char text[WORDS_BYTES];
	size_t length;
};

static void words_add(struct words *words, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void words_add(struct words *words, const char *format, ...)
{
	va_list arguments;

	if (words->length > 0 && words->length + 2 < sizeof(words->text)) {
		strcpy(words->text + words->length, ", ");
		words->length += 2;
	}
	va_start(arguments, format);
	int length = vsnprintf(words->text + words->length, sizeof(words->text) - words->length,
			       format, arguments);
	va_end(arguments);
	if (length > 0 && (size_t)length < sizeof(words->text) - words->length)
		words->length += (size_t)length;
}

/* One function: who got allot's, who got another's. Returns false when nobody asked for it. */
static bool member_write(const struct binding_list *list, const struct family_member *member)
{
	struct words ours = { .length = 0 }, others = { .length = 0 };

	for (size_t i = 0; i < list->count; i++) {
		const struct binding *binding = &list->items[i];

		if (binding->member != member)
			continue;
		if (binding->is_allot)
			words_add(&ours, "%s", binding_base(binding->object));
		else
			words_add(&others, "%s%s (from %s)",
				  others.length == 0 ? "elsewhere: " : "",
				  binding_base(binding->object), binding_base(binding->provider));
	}
	if (ours.length > 0)
		row_write(member->name, ours.text);
	if (others.length > 0)
		row_write(ours.length > 0 ? "" : member->name, others.text);
	return ours.length + others.length > 0;
}

static void bindings_write(const struct binding_list *list)
{
	struct words unused = { .length = 0 };
	size_t unused_operators = 0;

	puts("\nwho gets allot's");
	for (size_t i = 0; i < family_count; i++) {
		if (member_write(list, &family[i]))
			continue;
		if (family_is_operator(&family[i]))
			unused_operators++;
		else
			words_add(&unused, "%s", family[i].name);
	}
	if (unused_operators > 0)
		words_add(&unused, "%zu operators of C++", unused_operators);
	if (unused.length > 0) {
		puts("\nnobody asks for");
		printf("  ");
		help_wrap(stdout, unused.text, 2, 2);
	}
}

static void status_write(const struct trial *trial)
{
	char text[64];

	if (WIFSIGNALED(trial->wait_status))
		snprintf(text, sizeof(text), "ended by signal %d", WTERMSIG(trial->wait_status));
	else
		snprintf(text, sizeof(text), "%d", WEXITSTATUS(trial->wait_status));
	row_write("exit status", text);
}

static void trial_write(const struct trial *trial)
{
	struct words unserved = { .length = 0 };

	row_write("program", trial_program(trial));
	if (!trial->has_run)
		return;
	status_write(trial);
	printf("  %-*s%zu, %zu of them without allot\n", LABEL_COLUMNS, "programs started",
	       trial->program_count, trial->unserved_count);
	for (size_t i = 0; i < TRIAL_UNSERVED_MAX && trial->unserved[i] != NULL; i++)
		words_add(&unserved, "%s", trial->unserved[i]);
	if (unserved.length > 0)
		row_write("without allot", unserved.text);
	if (trial->is_own_operator)
		row_write("note", "some operators of C++ come from elsewhere; they take their "
				  "memory from allot when they call malloc");
	bindings_write(&trial->bindings);
}

static void text_write(const struct diagnosis *diagnosis)
{
	verdict_write(diagnosis);
	putchar('\n');
	row_write("library", diagnosis->library != NULL ? diagnosis->library : "not found");
	if (diagnosis->is_self)
		survey_write();
	else
		trial_write(diagnosis->trial);
}

static void json_survey(struct json *json)
{
	struct survey_item item;

	json_open(json, "system", '[');
	for (int i = 0; survey_look(i, &item); i++) {
		json_open(json, NULL, '{');
		json_text(json, "name", item.name);
		json_text(json, "value", item.value);
		json_text(json, "warning", item.warning[0] != '\0' ? item.warning : NULL);
		json_close(json, '{');
	}
	json_close(json, '[');
}

static void json_member(struct json *json, const struct binding_list *list,
			const struct family_member *member)
{
	json_open(json, NULL, '{');
	json_text(json, "symbol", member->symbol);
	json_text(json, "name", member->name);
	json_open(json, "allot", '[');
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].member == member && list->items[i].is_allot)
			json_text(json, NULL, list->items[i].object);
	json_close(json, '[');
	json_open(json, "elsewhere", '[');
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].member != member || list->items[i].is_allot)
			continue;
		json_open(json, NULL, '{');
		json_text(json, "object", list->items[i].object);
		json_text(json, "provider", list->items[i].provider);
		json_close(json, '{');
	}
	json_close(json, '[');
	json_close(json, '{');
}

static void json_trial(struct json *json, const struct trial *trial)
{
	json_text(json, "program", trial_program(trial));
	json_bool(json, "has_run", trial->has_run);
	if (trial->has_run && WIFEXITED(trial->wait_status))
		json_number(json, "exit_status", WEXITSTATUS(trial->wait_status));
	if (trial->has_run && WIFSIGNALED(trial->wait_status))
		json_number(json, "signal", WTERMSIG(trial->wait_status));
	json_number(json, "programs_started", (int64_t)trial->program_count);
	json_number(json, "programs_without_allot", (int64_t)trial->unserved_count);
	json_open(json, "without_allot", '[');
	for (size_t i = 0; i < TRIAL_UNSERVED_MAX && trial->unserved[i] != NULL; i++)
		json_text(json, NULL, trial->unserved[i]);
	json_close(json, '[');
	json_open(json, "functions", '[');
	for (size_t i = 0; i < family_count; i++)
		json_member(json, &trial->bindings, &family[i]);
	json_close(json, '[');
}

static void json_write(const struct diagnosis *diagnosis)
{
	struct json json = { .out = stdout };

	json_open(&json, NULL, '{');
	json_text(&json, "schema", schema);
	json_bool(&json, "effective", diagnosis->trial->is_effective);
	json_text(&json, "reason", diagnosis->trial->reason);
	json_text(&json, "library", diagnosis->library);
	if (diagnosis->is_self)
		json_survey(&json);
	else
		json_trial(&json, diagnosis->trial);
	json_close(&json, '{');
}

/* Make the trial run of `words`, or of this program when there are none. */
static bool trial_make(struct trial *trial, struct program *program, const char *library,
		       char **words)
{
	static char option[] = "--version";
	char self[PATH_MAX] = "";
	char *self_words[] = { self, option, NULL };

	if (words[0] != NULL)
		return trial_run(trial, program, library, words, STDERR_FILENO);

	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 || nowhere < 0 ||
	    program_find(program, self) != PROGRAM_FOUND) {
		notice_write(name, "cannot run %s: %s", self, strerror(errno));
		return false;
	}
	bool is_made = trial_run(trial, program, library, self_words, nowhere);
	close(nowhere);
	return is_made;
}

/* What helps on: a program to look at, the system when that failed, or how to read the report. */
static const char *next_choose(const struct diagnosis *diagnosis)
{
	if (!diagnosis->trial->is_effective)
		return diagnosis->is_self ? "allot help doctor" : "allot doctor";
	return diagnosis->is_self ? "allot doctor COMMAND" : command_doctor.next;
}

int doctor_main(int argc, char **argv)
{
	struct argument_scan scan;
	const struct command_option *option;
	struct program program = { .path = "" };
	struct trial trial = { .is_effective = false };
	char library[PATH_MAX];
	bool is_json = false;

	argument_init(&scan, &command_doctor, argc, argv);
	while ((option = argument_next(&scan)) != NULL)
		is_json = true;
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;

	char **words = argv + scan.index;
	if (words[0] != NULL && program_require(&program, name, words[0]) != PROGRAM_FOUND)
		return STATUS_USAGE;

	struct diagnosis diagnosis = { .trial = &trial, .is_self = words[0] == NULL };
	if (library_locate(library, trial.reason, sizeof(trial.reason))) {
		diagnosis.library = library;
		if (!trial_make(&trial, &program, library, words))
			return STATUS_FAILURE;
	}
	if (is_json) {
		json_write(&diagnosis);
	} else {
		text_write(&diagnosis);
		notice_next(next_choose(&diagnosis));
	}
	trial_finish(&trial);
	return trial.is_effective ? STATUS_OK : STATUS_FAILURE;
}
