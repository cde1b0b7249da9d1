/* SPDX-License-Identifier: MIT */
/*
 * Exec: what becomes of ELF images made by hand, segment by segment, and why damaged ones are
 * refused. That the kernel makes the same of real programs is shown by tests/vm/exec_test.c.
 */
#include <allot/vm.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "elf_image.h"

#define USER_END UINT64_C(0x7ffffffff000)
#define MAP_END UINT64_C(0x7ffff7fff000)
#define DYN_BASE UINT64_C(0x555555554000)

enum {
	PAGE = 4096,
	AREAS_MAX = 16,
	NAME_BYTES = 10,
	VDSO_PAGES = 8,
	R = VM_AREA_READ, W = VM_AREA_WRITE, X = VM_AREA_EXEC,
};

static struct image image, interpreter;
static struct vm_elf_refusal refusal;

/* A machine, a space with a page in it, and what an exec of the images comes to there. */
struct trial {
	struct vm_machine *machine;
	struct vm_space *space;
	struct vm_exec_result result;
	struct vm_counters counters;
	struct vm_area_view areas[AREAS_MAX];
	size_t area_count;
};

static void trial_run(struct trial *trial, struct vm_exec_request *request)
{
	char message[200];
	struct vm_map_request page = { .bytes = PAGE, .protection = VM_PROT_READ | VM_PROT_WRITE };
	memset(trial, 0, sizeof(*trial));
	trial->machine = vm_machine_create(NULL);
	trial->space = vm_space_create(trial->machine);
	uint64_t at = vm_map(trial->space, &page).value;
	vm_touch(trial->space, at, 1, VM_STORE);
	request->program = (struct vm_program){ image.bytes, image.byte_count, NULL };
	request->program.file = vm_file_open(trial->machine, VM_FILE_DISK, image.byte_count);
	request->interpreter = (struct vm_program){ interpreter.bytes, interpreter.byte_count,
						    NULL };
	request->interpreter.file = vm_file_open(trial->machine, VM_FILE_DISK, IMAGE_BYTES);
	if (interpreter.byte_count == 0)
		request->interpreter.bytes = NULL;
	trial->result = vm_space_exec(trial->space, request, &refusal);
	vm_counters_get(trial->space, &trial->counters);
	for (at = 0; trial->area_count < AREAS_MAX &&
		     vm_area_next(trial->space, at, &trial->areas[trial->area_count]);)
		at = trial->areas[trial->area_count++].end;
	cr_assert(vm_check(trial->machine, message, sizeof(message)), "%s", message);
}

/* Programs with one argument, their own path. */
static void trial_plain(struct trial *trial)
{
	struct vm_exec_request request = { .name_bytes = NAME_BYTES, .string_bytes = NAME_BYTES,
					   .argument_count = 1 };
	trial_run(trial, &request);
}

static void trial_end(struct trial *trial)
{
	vm_machine_destroy(trial->machine);
}

/* Text, and data with zeros behind it to the end of a further page. */
static void two_segments(struct image *out, unsigned type, uint64_t base)
{
	image_init(out, type, base + 0x10);
	image_add(out, &(struct image_segment){ IMAGE_LOAD, IMAGE_R | IMAGE_X, 0, base, 0x1800,
						0x1800, PAGE });
	image_add(out, &(struct image_segment){ IMAGE_LOAD, IMAGE_R | IMAGE_W, 0x2100,
						base + 0x4100, 0x200, 0x2000, PAGE });
}

static void expect_area(const struct trial *trial, size_t index, uint64_t start, uint64_t end,
			uint32_t access, uint64_t offset)
{
	const struct vm_area_view *area = &trial->areas[index];
	cr_assert_lt(index, trial->area_count);
	cr_expect(area->start == start && area->end == end, "area %zu is %lx-%lx, not %lx-%lx",
		  index, area->start, area->end, start, end);
	cr_expect_eq(area->flags & (R | W | X), access, "area %zu: %x", index, area->flags);
	cr_expect_eq(area->offset, offset, "area %zu: offset %lx", index, area->offset);
}

static void expect_killed(int error)
{
	struct trial trial;
	trial_plain(&trial);
	cr_expect(trial.result.is_killed);
	cr_expect_eq(trial.result.error, error, "error %d", trial.result.error);
	vm_space_exit(trial.space);
	trial_end(&trial);
}

Test(exec, a_program_at_its_addresses)
{
	struct trial trial;
	two_segments(&image, IMAGE_EXEC, 0x400000);
	trial_plain(&trial);
	cr_assert_eq(trial.result.error, 0);
	cr_expect_eq(trial.result.entry, 0x400010);
	cr_expect_eq(trial.result.break_start, 0x407000);
	expect_area(&trial, 0, 0x400000, 0x402000, R | X, 0);
	expect_area(&trial, 1, 0x404000, 0x405000, R | W, 0x2000);
	expect_area(&trial, 2, 0x405000, 0x407000, R | W, 0);
	expect_area(&trial, 3, MAP_END - VDSO_PAGES * PAGE, MAP_END - 4 * PAGE, R, 0);
	expect_area(&trial, 4, MAP_END - 4 * PAGE, MAP_END - 2 * PAGE, R, 0);
	expect_area(&trial, 5, MAP_END - 2 * PAGE, MAP_END, R | X, 0);
	expect_area(&trial, 6, USER_END - 33 * PAGE, USER_END, R | W, 0);
	cr_expect_eq(trial.area_count, 7);
	cr_expect_eq(trial.counters.total, 2 + 1 + 2 + VDSO_PAGES + 33);
	trial_end(&trial);
}

Test(exec, faults_are_those_of_the_stack_and_of_the_last_page_of_data)
{
	struct trial trial;
	struct vm_page_view page;
	two_segments(&image, IMAGE_EXEC, 0x400000);
	trial_plain(&trial);
	/* One for the page that was there before. */
	cr_expect_eq(trial.counters.minor_faults, 1 + 2);
	cr_expect_eq(trial.counters.by_reason[VM_REASON_FILE_COPY], 1);
	cr_expect_eq(trial.counters.rss_anon, 2);
	cr_expect_eq(trial.counters.rss_file, 0);
	vm_page_get(trial.space, 0x404000, &page);
	cr_expect_eq(page.state, VM_PAGE_ANON);
	vm_page_get(trial.space, USER_END - PAGE, &page);
	cr_expect_eq(page.state, VM_PAGE_ANON);
	/* Data that ends where its page does needs no zeros. */
	image_put(&image, IMAGE_TABLE + IMAGE_SEGMENT_BYTES + 32, 0xf00, 8);
	trial_end(&trial);
	trial_plain(&trial);
	cr_expect_eq(trial.counters.by_reason[VM_REASON_FILE_COPY], 0);
	trial_end(&trial);
}

Test(exec, the_stack_pointer_is_below_strings_vectors_and_aligned)
{
	struct trial trial;
	two_segments(&image, IMAGE_EXEC, 0x400000);
	trial_plain(&trial);
	/* The path twice below a word; 7 and 16 bytes; 23 entries; count, pointer and two ends. */
	uint64_t at = (USER_END - 8 - 2 * NAME_BYTES) / 16 * 16 - 7 - 16 - 23 * 16 - 4 * 8;
	cr_expect_eq(trial.result.stack, at / 16 * 16, "%lx", trial.result.stack);
	trial_end(&trial);
}

Test(exec, long_arguments_take_pages_of_the_stack)
{
	struct trial trial;
	struct vm_exec_request request = { .name_bytes = NAME_BYTES, .argument_count = 2,
					   .string_bytes = NAME_BYTES + 5 * PAGE };
	two_segments(&image, IMAGE_EXEC, 0x400000);
	trial_run(&trial, &request);
	expect_area(&trial, 6, USER_END - (6 + 32) * PAGE, USER_END, R | W, 0);
	cr_expect_eq(trial.counters.by_reason[VM_REASON_DEMAND_ZERO], 1 + 6);
	trial_end(&trial);
	request.string_bytes = 2 << 20;
	trial_run(&trial, &request);
	cr_expect_eq(trial.result.error, E2BIG);
	cr_expect_not(trial.result.is_killed);
	trial_end(&trial);
}

Test(exec, a_stack_is_executable_if_the_last_header_about_it_says_so)
{
	struct trial trial;
	two_segments(&image, IMAGE_EXEC, 0x400000);
	image_add(&image, &(struct image_segment){ IMAGE_STACK, IMAGE_R | IMAGE_W, 0, 0, 0, 0, 0 });
	image_add(&image, &(struct image_segment){ IMAGE_STACK, IMAGE_X, 0, 0, 0, 0, 0 });
	trial_plain(&trial);
	expect_area(&trial, 6, USER_END - 33 * PAGE, USER_END, R | W | X, 0);
	trial_end(&trial);
}

Test(exec, one_without_an_interpreter_goes_among_the_mappings_and_its_break_elsewhere)
{
	struct trial trial;
	two_segments(&image, IMAGE_DYN, 0);
	trial_plain(&trial);
	cr_expect_eq(trial.result.break_start, DYN_BASE + PAGE);
	cr_expect_eq(trial.result.entry, MAP_END - 7 * PAGE + 0x10);
	expect_area(&trial, 3, MAP_END - 7 * PAGE, MAP_END - 5 * PAGE, R | X, 0);
	trial_end(&trial);
}

static void interpreter_name(const char *path)
{
	size_t bytes = strlen(path) + 1;
	memcpy(image.bytes + 0x1000, path, bytes);
	image_add(&image, &(struct image_segment){ IMAGE_INTERP, IMAGE_R, 0x1000, 0x1000, bytes,
						   bytes, 1 });
}

Test(exec, one_with_an_interpreter_goes_two_thirds_up)
{
	struct trial trial;
	const char *path;
	two_segments(&image, IMAGE_DYN, 0);
	interpreter_name("/lib/ld.so");
	two_segments(&interpreter, IMAGE_DYN, 0);
	cr_assert(vm_elf_interpreter(image.bytes, image.byte_count, &path, &refusal));
	cr_expect_str_eq(path, "/lib/ld.so");
	trial_plain(&trial);
	cr_assert_eq(trial.result.error, 0);
	expect_area(&trial, 0, DYN_BASE, DYN_BASE + 2 * PAGE, R | X, 0);
	cr_expect_eq(trial.result.break_start, DYN_BASE + 7 * PAGE);
	cr_expect_eq(trial.result.entry, MAP_END - 7 * PAGE + 0x10);
	trial_end(&trial);
}

Test(exec, alignment_moves_a_program_down)
{
	struct trial trial;
	two_segments(&image, IMAGE_DYN, 0);
	interpreter_name("/lib/ld.so");
	two_segments(&interpreter, IMAGE_DYN, 0);
	image_put(&image, IMAGE_TABLE + 48, 2 << 20, 8);
	trial_plain(&trial);
	expect_area(&trial, 0, UINT64_C(0x555555400000), UINT64_C(0x555555402000), R | X, 0);
	trial_end(&trial);
}

Test(exec, the_space_before_is_gone_and_faults_are_counted_on)
{
	struct trial trial;
	two_segments(&image, IMAGE_EXEC, 0x400000);
	trial_plain(&trial);
	cr_expect_eq(trial.counters.total_max, trial.counters.total);
	cr_expect_eq(trial.counters.by_reason[VM_REASON_DEMAND_ZERO], 1 + 1);
	struct vm_result grown = vm_break(trial.space, trial.result.break_start + PAGE);
	cr_expect_eq(grown.value, trial.result.break_start + PAGE);
	vm_counters_get(trial.space, &trial.counters);
	cr_expect_eq(trial.counters.areas, 7, "the break grows the zeros");
	trial_end(&trial);
}

Test(exec, what_the_kernel_maps_cannot_be_had)
{
	struct trial trial;
	two_segments(&image, IMAGE_EXEC, 0x400000);
	trial_plain(&trial);
	cr_expect_eq(vm_touch(trial.space, MAP_END - PAGE, 1, VM_LOAD).signal, VM_SIGBUS_ADRERR);
	trial_end(&trial);
}

/* ---- what is wrong ---- */

static void expect_refused(size_t at, uint64_t number, unsigned bytes, int error, uint64_t offset)
{
	struct trial trial;
	two_segments(&image, IMAGE_EXEC, 0x400000);
	image_put(&image, at, number, bytes);
	trial_plain(&trial);
	cr_expect_eq(trial.result.error, error, "%zu: error %d", at, trial.result.error);
	cr_expect_not(trial.result.is_killed);
	cr_expect_eq(refusal.offset, offset, "%zu: byte %lu", at, refusal.offset);
	cr_expect_not_null(refusal.expected);
	cr_expect_eq(trial.area_count, 1, "the space is as it was");
	/* The path was stored before the file was looked at. */
	cr_expect_eq(trial.counters.minor_faults, 1 + 1);
	trial_end(&trial);
}

Test(exec, a_damaged_header_is_refused_and_named)
{
	expect_refused(0, 0x7e, 1, ENOEXEC, 0);
	expect_refused(3, 'G', 1, ENOEXEC, 3);
	expect_refused(16, 1, 2, ENOEXEC, 16);
	expect_refused(18, 40, 2, ENOEXEC, 18);
	expect_refused(54, 57, 2, ENOEXEC, 54);
	expect_refused(56, 0, 2, ENOEXEC, 56);
	expect_refused(56, 1171, 2, ENOEXEC, 56);
	expect_refused(32, IMAGE_BYTES - 100, 8, ENOEXEC, 32);
	expect_refused(32, UINT64_MAX, 8, ENOEXEC, 32);
}

Test(exec, a_file_that_is_cut_is_refused_wherever_it_is)
{
	two_segments(&image, IMAGE_EXEC, 0x400000);
	for (size_t bytes = 0; bytes < IMAGE_TABLE + 2 * IMAGE_SEGMENT_BYTES; bytes++)
		cr_expect_not(vm_elf_check(image.bytes, bytes, false, &refusal), "%zu", bytes);
	cr_expect(vm_elf_check(image.bytes, IMAGE_TABLE + 2 * IMAGE_SEGMENT_BYTES, false,
			       &refusal));
	cr_expect_not(vm_elf_check(image.bytes, 63, true, &refusal));
	cr_expect_eq(refusal.error, EIO);
}

static void expect_path_refused(size_t at, uint64_t number, int error)
{
	const char *path;
	two_segments(&image, IMAGE_DYN, 0);
	interpreter_name("/lib/ld.so");
	image_put(&image, at, number, 8);
	cr_expect_not(vm_elf_interpreter(image.bytes, image.byte_count, &path, &refusal));
	cr_expect_eq(refusal.error, error, "%zu: error %d", at, refusal.error);
}

Test(exec, an_interpreter_that_cannot_be_is_refused)
{
	struct trial trial;
	size_t header = IMAGE_TABLE + 2 * IMAGE_SEGMENT_BYTES;
	expect_path_refused(header + 32, 1, ENOEXEC);
	expect_path_refused(header + 32, 4097, ENOEXEC);
	expect_path_refused(header + 32, 10, ENOEXEC);
	expect_path_refused(header + 8, IMAGE_BYTES - 5, EIO);
	expect_path_refused(header + 8, UINT64_MAX, EINVAL);
	two_segments(&image, IMAGE_DYN, 0);
	interpreter_name("/lib/ld.so");
	memset(&interpreter, 0, sizeof(interpreter));
	trial_plain(&trial);
	cr_expect_eq(trial.result.error, ENOENT);
	trial_end(&trial);
	two_segments(&interpreter, IMAGE_DYN, 0);
	image_put(&interpreter, 18, 3, 2);
	trial_plain(&trial);
	cr_expect_eq(trial.result.error, ELIBBAD);
	cr_expect(refusal.is_interpreter);
	trial_end(&trial);
}

Test(exec, what_is_found_out_too_late_ends_the_process)
{
	size_t text = IMAGE_TABLE, data = IMAGE_TABLE + IMAGE_SEGMENT_BYTES;
	static const struct {
		size_t member;
		uint64_t number;
		int error;
	} wrong[] = {
		{ 8, 1, EINVAL },                /* an offset that is not the address's */
		{ 16, 0x1000, EPERM },           /* below what may be mapped */
		{ 16, USER_END, EINVAL },        /* above the user's */
		{ 40, UINT64_MAX, EINVAL },
		{ 40, 0x100, EINVAL },           /* less memory than file */
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct trial trial;
		two_segments(&image, IMAGE_EXEC, 0x400000);
		image_put(&image, text + wrong[i].member, wrong[i].number, 8);
		trial_plain(&trial);
		cr_expect(trial.result.is_killed, "case %zu", i);
		vm_space_exit(trial.space);
		trial_end(&trial);
	}
	two_segments(&image, IMAGE_EXEC, 0x400000);
	image_put(&image, 24, USER_END, 8);
	expect_killed(EINVAL);
	/* A page of data behind the end of the file cannot be zeroed. */
	two_segments(&image, IMAGE_EXEC, 0x400000);
	image_put(&image, data + 8, IMAGE_BYTES + 0x100, 8);
	expect_killed(EFAULT);
	two_segments(&image, IMAGE_DYN, 0);
	image_put(&image, text, 6, 4);
	image_put(&image, data, 6, 4);
	image_put(&image, 24, 0, 8);
	struct trial trial;
	trial_plain(&trial);
	cr_expect_eq(trial.result.error, 0, "no segment at all is possible");
	trial_end(&trial);
}
