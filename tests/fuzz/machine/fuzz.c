/* SPDX-License-Identifier: MIT */
/*
 * What the fuzzer's bytes are carried out as. See fuzz.h.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <allot/vm.h>

#include "vm_play.h"
#include "vm_profile.h"

enum {
	MODES = 3,
	PAGE = 4096,
	PAGES_MAX = 50,       /* of a region */
	PAGES_MAX_HUGE = 600, /* where there is advice about huge pages: room for one */
	FILE_PAGES_MAX = 40,
	OPERATIONS_MAX = 40,
	FRAMES = 4096,
	CHECK_BYTES = 256,
};

static char broken[CHECK_BYTES];

static bool fail(const char **out_message, const char *message)
{
	*out_message = message;
	return false;
}

/* The input in memory that ends where it does. */
static uint8_t *edge_copy(const uint8_t *bytes, size_t count)
{
	static uint8_t *room;
	if (room == NULL) {
		room = mmap(NULL, MACHINE_FUZZ_BYTES_MAX + PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (room == MAP_FAILED || mprotect(room + MACHINE_FUZZ_BYTES_MAX, PAGE, PROT_NONE))
			abort();
	}
	uint8_t *copy = room + MACHINE_FUZZ_BYTES_MAX - count;
	return memcpy(copy, bytes, count);
}

static bool is_sound(struct vm_machine *machine, const char **out_message)
{
	return vm_check(machine, broken, sizeof(broken)) || fail(out_message, broken);
}

/* ---- scripts ---- */

static bool is_about_huge(const struct script *script)
{
	for (size_t i = 0; i < script->op_count; i++)
		if (script->ops[i].verb == VERB_ADVISE &&
		    script->ops[i].advice == VM_ADVISE_HUGEPAGE)
			return true;
	return false;
}

/* What takes time or looks at the system is left out. */
static void script_tame(struct script *script)
{
	size_t kept = 0;
	int64_t most = is_about_huge(script) ? PAGES_MAX_HUGE : PAGES_MAX;
	for (int i = 0; i < script->file_count; i++)
		if (script->files[i].pages > FILE_PAGES_MAX)
			script->files[i].pages = FILE_PAGES_MAX;
	for (size_t i = 0; i < script->op_count && kept < OPERATIONS_MAX; i++) {
		struct script_op *op = &script->ops[i];
		op->pages %= most;
		op->count %= most;
		op->first %= most;
		op->to_page %= most;
		if (op->verb != VERB_EXEC)
			script->ops[kept++] = *op;
	}
	script->op_count = kept < script->op_count ? kept : script->op_count;
}

static bool script_play(const struct script *script, const char **out_message)
{
	static struct vm_play play; /* too large for a stack */
	struct vm_config config = { .frame_count = FRAMES };
	bool is_right = true;
	if (vm_play_open(&play, script, &config, NULL, NULL)) {
		enum play_result result;
		do
			result = vm_play_next(&play);
		while (result == PLAY_GOES_ON || result == PLAY_MISMATCH);
		is_right = is_sound(play.model.machine, out_message);
	}
	vm_play_close(&play);
	return is_right;
}

/* Each line that was read, alone with those before it, is read the same again. */
static bool script_again(const struct script *script, const char **out_message)
{
	struct script second;
	char *text = calloc(script->op_count + 1, SCRIPT_LINE_BYTES + 1);
	bool is_same = text != NULL;
	for (size_t i = 0, used = 0; is_same && i < script->op_count; i++)
		used += (size_t)sprintf(text + used, "%s\n", script->ops[i].text);
	is_same = is_same && script_parse(&second, "again", text) &&
		  second.op_count == script->op_count;
	for (size_t i = 0; is_same && i < script->op_count; i++) {
		struct script_op a = script->ops[i], b = second.ops[i];
		a.line = b.line = 0;
		is_same = memcmp(&a, &b, sizeof(a)) == 0;
	}
	if (text != NULL)
		script_finish(&second);
	free(text);
	return is_same || fail(out_message, "a script reads otherwise without its remarks");
}

static bool script_run(const uint8_t *bytes, size_t count, const char **out_message)
{
	struct script script;
	size_t lines = 1;
	char *text = calloc(count + 1, 1);
	if (text == NULL)
		return true;
	memcpy(text, bytes, count);
	for (size_t i = 0; text[i] != '\0'; i++)
		lines += text[i] == '\n';
	bool is_read = script_parse(&script, "fuzz", text), is_right = true;
	int line = 0;
	if (!is_read && (sscanf(script.message, "fuzz:%d: ", &line) != 1 || line < 1 ||
			 (size_t)line > lines))
		is_right = fail(out_message, "a script is refused without its line");
	if (is_read)
		is_right = script_again(&script, out_message);
	script_finish(&script);
	script_parse_leniently(&script, "fuzz", text);
	script_tame(&script);
	is_right = is_right && script_play(&script, out_message);
	script_finish(&script);
	free(text);
	return is_right;
}

/* ---- programs ---- */

/* What the file promises about a new space. */
static bool program_check(struct vm_space *space, const struct vm_exec_result *result,
			  const char **out_message)
{
	struct vm_counters counters;
	struct vm_page_view page;
	vm_counters_get(space, &counters);
	if (result->is_killed || result->error != 0)
		return true;
	vm_page_get(space, result->stack, &page);
	if (result->stack % 16 != 0 || page.state != VM_PAGE_ANON)
		return fail(out_message, "a stack pointer where nothing was stored");
	return counters.rss_file == 0 ||
	       fail(out_message, "pages of files that nobody has read");
}

static bool program_run(const uint8_t *bytes, size_t count, const char **out_message)
{
	struct vm_config config = { .frame_count = FRAMES };
	struct vm_elf_refusal refusal = { .error = 0 };
	struct vm_machine *machine = vm_machine_create(&config);
	struct vm_space *space = vm_space_create(machine);
	struct vm_program program = { bytes, count, vm_file_open(machine, VM_FILE_DISK, count) };
	struct vm_exec_request request = { program, program, 10, 20, 2, 1 };
	const char *path;
	if (vm_elf_interpreter(bytes, count, &path, &refusal) && path != NULL &&
	    (path < (const char *)bytes || strlen(path) >= count))
		return fail(out_message, "a path that is not inside its file");
	struct vm_exec_result result = vm_space_exec(space, &request, &refusal);
	bool is_right = is_sound(machine, out_message) &&
			program_check(space, &result, out_message);
	if (is_right && result.error != 0 && !result.is_killed &&
	    (refusal.expected == NULL || refusal.error != result.error))
		is_right = fail(out_message, "a program is refused without a reason");
	vm_space_exit(space);
	is_right = is_right && is_sound(machine, out_message);
	vm_machine_destroy(machine);
	return is_right;
}

/* ---- profiles ---- */

/* Machines of the profile do what scripts do, soundly. */
static bool profile_play(const struct vm_profile *profile, const char **out_message)
{
	static const char text[] = "file F 20p\nmap A 520p rw private\nadvise A hugepage\nw A\n"
				   "map B 20p r private F\nr B 3\nfork c\nc: w A 1\n"
				   "advise A dontneed\nmap S 2p rw private growsdown at A-40p\n"
				   "w S-3p\nw S 0\n";
	static struct vm_play play; /* too large for a stack */
	struct vm_config config = { .frame_count = FRAMES, .profile = profile };
	struct script script;
	script_parse_leniently(&script, "profile", text);
	bool is_right = true;
	if (vm_play_open(&play, &script, &config, NULL, NULL)) {
		vm_play_all(&play);
		is_right = is_sound(play.model.machine, out_message);
	}
	vm_play_close(&play);
	script_finish(&script);
	return is_right;
}

static bool profiles_equal(struct vm_profile a, struct vm_profile b)
{
	bool is_same = strcmp(a.name, b.name) == 0;
	a.name = b.name = NULL;
	return is_same && memcmp(&a, &b, sizeof(a)) == 0;
}

static bool profile_run(const uint8_t *bytes, size_t count, const char **out_message)
{
	struct profile_read first, second;
	char *text = calloc(count + 1, 1), *written = NULL;
	size_t written_bytes;
	memcpy(text, bytes, count);
	bool is_read = profile_parse(&first, text), is_right = true;
	if (!is_read && (first.expected[0] == '\0' || first.offset > strlen(text)))
		is_right = fail(out_message, "a profile is refused without its place");
	free(text);
	if (!is_read)
		return is_right;
	FILE *out = open_memstream(&written, &written_bytes);
	profile_write(&first.profile, out);
	fclose(out);
	if (!profile_parse(&second, written) || !profiles_equal(first.profile, second.profile))
		is_right = fail(out_message, "a profile that was written reads otherwise");
	free(written);
	return is_right && profile_play(&first.profile, out_message);
}

bool input_run(const uint8_t *bytes, size_t count, const char **out_message)
{
	if (count == 0 || count > MACHINE_FUZZ_BYTES_MAX)
		return true;
	const uint8_t *copy = edge_copy(bytes + 1, count - 1);
	switch (bytes[0] % MODES) {
	case 0:
		return script_run(copy, count - 1, out_message);
	case 1:
		return program_run(copy, count - 1, out_message);
	default:
		return profile_run(copy, count - 1, out_message);
	}
}
