/* SPDX-License-Identifier: MIT */
/*
 * Exec on the kernel and on the model: programs linked in every way, those of the system, and
 * damaged files come to the same on both: areas, page states, resident sets, tables, faults, where
 * the program begins, its stack pointer and its break; or the same error, or the same end.
 */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "long_run.h"
#include "random.h"

enum {
	TIMEOUT_S = 120,
	TEXT_BYTES = 1 << 14,
	FILE_BYTES_MAX = 1 << 22,
	TABLE = 64, SEGMENT_BYTES = 56, /* where program headers are */
	DAMAGED = 20,
	DAMAGED_LONG = 500,
	STATUS_OK = 0, STATUS_WRONG = 4,
};

static const char *setting(const char *name)
{
	const char *value = getenv(name);
	cr_assert_not_null(value, "%s is not set: run the tests with `meson test`", name);
	return value;
}

/* Write a file of the test's own, which may be executed; removed by file_remove(). */
static void file_write(char path[PATH_MAX], const void *bytes, size_t count)
{
	snprintf(path, PATH_MAX, "/tmp/allot-vm-exec-XXXXXX");
	int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, bytes, count), (ssize_t)count);
	cr_assert_eq(fchmod(fd, 0755), 0);
	close(fd);
}

/* `allot vm MODE` on a script given as text. */
static void script_run(const char *mode, const char *text, struct capture *out)
{
	char path[PATH_MAX];
	file_write(path, text, strlen(text));
	const char *arguments[] = { setting("ALLOT_TEST_ALLOT"), "vm", mode, path, NULL };
	cr_assert(capture_run(arguments, TIMEOUT_S, out));
	unlink(path);
}

static void expect_equal(const char *text)
{
	struct capture capture;
	script_run("diff", text, &capture);
	cr_expect(capture_exited(&capture, STATUS_OK), "%s%s", text, capture.output);
	capture_finish(&capture);
}

static void expect_said(const char *text, const char *said)
{
	struct capture capture;
	script_run("run", text, &capture);
	cr_expect(capture_exited(&capture, STATUS_WRONG), "%s%s", text, capture.output);
	cr_expect_not_null(strstr(capture.output, said), "wanted '%s' in: %s", said,
			   capture.output);
	capture_finish(&capture);
}

/* Call `visit` with each path of a list with blanks between. */
static size_t each(const char *list, void (*visit)(const char *path))
{
	static char words[TEXT_BYTES];
	size_t count = 0;
	snprintf(words, sizeof(words), "%s", list);
	for (char *path = strtok(words, " "); path != NULL; path = strtok(NULL, " ")) {
		if (access(path, X_OK) != 0)
			continue;
		visit(path);
		count++;
	}
	return count;
}

static void program_check(const char *path)
{
	char text[TEXT_BYTES];
	snprintf(text, sizeof(text), "exec %s\nexpect maj=0 file=0\n", path);
	expect_equal(text);
}

static void program_check_arguments(const char *path)
{
	char text[TEXT_BYTES];
	/* The strings end in the same page as a word and two paths, or just below. */
	snprintf(text, sizeof(text), "fork c\nc: exec %s 1p\nexec %s 7p\n", path, path);
	expect_equal(text);
}

static void program_check_space(const char *path)
{
	char text[TEXT_BYTES];
	snprintf(text, sizeof(text),
		 "file F 8p\nmap A 64p rw private\nw A\nmap B 8p rw shared F\nw B\nlock A 0..3\n"
		 "brk +4p\nw heap 0\nfork c\nw A 0..9\nc: w A 3\nc: exec %s\nexpect locked=0\n"
		 "w A\nc: exit\nfork d\nexec %s\nexit\nd: w A\nd: exec %s\nd: exit\n",
		 path, path, path);
	expect_equal(text);
}

Test(exec, programs_linked_in_every_way, .timeout = TIMEOUT_S)
{
	cr_expect_geq(each(setting("ALLOT_TEST_PROGRAMS"), program_check), 6);
}

Test(exec, arguments_of_several_pages, .timeout = TIMEOUT_S)
{
	each(setting("ALLOT_TEST_PROGRAMS"), program_check_arguments);
}

Test(exec, in_a_child_and_in_a_parent_with_memory_of_their_own, .timeout = TIMEOUT_S)
{
	each(setting("ALLOT_TEST_PROGRAMS"), program_check_space);
}

Test(exec, programs_of_the_system, .timeout = TIMEOUT_S)
{
	cr_expect_geq(each("/bin/true /bin/sh /bin/bash /usr/bin/perl /usr/bin/python3 "
			   "/usr/bin/git /usr/bin/ld /usr/bin/gcc /usr/bin/node /usr/bin/sqlite3 "
			   "/usr/bin/gs /usr/bin/redis-server /usr/bin/passwd /sbin/ldconfig "
			   "/lib64/ld-linux-x86-64.so.2",
			   program_check),
		      3);
}

/* ---- damaged files ---- */

static char *image;
static size_t image_bytes;

/* The first program of the build, to be damaged. */
static void image_read(void)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%.*s", (int)strcspn(setting("ALLOT_TEST_PROGRAMS"), " "),
		 setting("ALLOT_TEST_PROGRAMS"));
	FILE *file = fopen(path, "rb");
	cr_assert_not_null(file, "%s", path);
	image = malloc(FILE_BYTES_MAX);
	image_bytes = fread(image, 1, FILE_BYTES_MAX, file);
	fclose(file);
	cr_assert_gt(image_bytes, TABLE);
}

/* Store `count` bytes of a number, and give what was there. */
static uint64_t image_put(size_t at, uint64_t number, size_t count)
{
	uint64_t before = 0;
	memcpy(&before, image + at, count);
	memcpy(image + at, &number, count);
	return before;
}

static void expect_error(size_t at, uint64_t number, size_t count, const char *error,
			 const char *said)
{
	char path[PATH_MAX], text[TEXT_BYTES];
	uint64_t before = image_put(at, number, count);
	file_write(path, image, image_bytes);
	image_put(at, before, count);
	snprintf(text, sizeof(text), "exec %s\n", path);
	expect_said(text, path);
	expect_said(text, said);
	snprintf(text, sizeof(text),
		 "map A 2p rw private\nw A\nexec %s\nexpect error=%s min=1\nw A\n", path, error);
	expect_equal(text);
	unlink(path);
}

Test(exec, a_damaged_file_is_refused_alike_and_the_damage_is_named, .timeout = TIMEOUT_S)
{
	image_read();
	expect_error(1, 'e', 1, "ENOEXEC", "at byte 1 expected the bytes 7f 45 4c 46");
	expect_error(16, 1, 2, "ENOEXEC", "at byte 16 expected the type 2 or 3");
	expect_error(18, 40, 2, "ENOEXEC", "at byte 18 expected the machine 62, x86-64, not 40");
	expect_error(32, image_bytes - 8, 8, "ENOEXEC", "at byte 32 expected program headers");
	expect_error(54, 32, 2, "ENOEXEC", "at byte 54 expected program headers of 56 bytes");
	expect_error(56, 0, 2, "ENOEXEC", "at byte 56 expected 1 to 1170");
	free(image);
}

Test(exec, a_file_that_is_not_there_is_named)
{
	expect_said("exec /nowhere/at/all\n", ":1: /nowhere/at/all: No such file or directory");
	expect_said("map A 1p r private\nexec /tmp\n", ":2: /tmp: Permission denied");
	expect_said("exec\n", ":1: expected the file of a program");
	expect_said("exec /bin/true 99p\n", "from 0p to 16p");
	expect_equal("exec /nowhere/at/all\nexpect error=ENOENT min=0\nexec /tmp\n"
		     "expect error=EACCES min=0\n");
}

Test(exec, nothing_but_its_end_follows_in_a_process_that_is_a_program)
{
	expect_said("map A 1p rw private\nexec /bin/true\nw A\n", ":3: after `exec`");
	expect_said("fork c\nc: exec /bin/true\nc: fork d\n", ":3: after `exec`");
}

/* A header or a program header with one thing wrong, or two. */
static void image_damage(struct random_source *random, char *out)
{
	static const struct {
		size_t at, bytes;
	} members[] = { { 0, 4 }, { 4, 4 }, { 8, 8 }, { 16, 8 }, { 32, 8 }, { 40, 8 }, { 48, 8 } };
	static const uint64_t steps[] = { 1, 4096, 8192, 100, 0x100000, 0x7fffff000 };
	size_t count = (unsigned char)image[56];
	memcpy(out, image, image_bytes);
	for (size_t i = 0; i <= random_below(random, 2); i++) {
		size_t header = TABLE + SEGMENT_BYTES * random_below(random, count);
		size_t member = random_below(random, 7);
		char *at = out + header + members[member].at;
		uint64_t number = 0, step = steps[random_below(random, 6)];
		if (member < 2)
			step = random_below(random, 8);
		memcpy(&number, at, members[member].bytes);
		number = random_below(random, 2) ? number + step : number - step;
		/* More than there is memory to commit is another matter. */
		if (member != 5 || number < (uint64_t)1 << 32)
			memcpy(at, &number, members[member].bytes);
	}
}

/* The kernel's answer is the model's, whatever it is: an error, an end, or a program. */
static void damaged_check(const char *path)
{
	char text[TEXT_BYTES], error[32] = "";
	struct capture capture;
	snprintf(text, sizeof(text), "exec %s\n", path);
	script_run("run", text, &capture);
	const char *at = strrchr(capture.output, '(');
	if (capture_exited(&capture, STATUS_WRONG) && at != NULL)
		snprintf(error, sizeof(error), "%.*s", (int)strcspn(at + 1, ")"), at + 1);
	capture_finish(&capture);
	if (error[0] != '\0')
		snprintf(text, sizeof(text), "exec %s\nexpect error=%s\n", path, error);
	expect_equal(text);
}

Test(exec, whatever_is_wrong_with_its_segments, .timeout = 1800)
{
	struct random_source random = { test_seed() };
	image_read();
	char *damaged = malloc(image_bytes);
	fprintf(stderr, "exec: seed %llu\n", (unsigned long long)test_seed());
	for (int i = 0; i < (is_long_run() ? DAMAGED_LONG : DAMAGED); i++) {
		char path[PATH_MAX];
		image_damage(&random, damaged);
		file_write(path, damaged, image_bytes);
		damaged_check(path);
		unlink(path);
	}
	free(damaged);
	free(image);
}
