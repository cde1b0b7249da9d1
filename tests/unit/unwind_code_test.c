/* SPDX-License-Identifier: MIT */
/*
 * Call stacks through code that says nothing of its frames, or wrong things: never a fault; the
 * recorder's own frames and the loader's; damaged call frame information; the table of frames.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel_call_faulty.h"
#include "trace/cfi.h"
#include "unwind_fixture.h"

/* ---- code that says nothing of its frames ---- */

/* A function with a frame pointer: rdi(rsi). */
static const unsigned char calling_code[] = {
	0x55,             /* push %rbp */
	0x48, 0x89, 0xe5, /* mov %rsp, %rbp */
	0x48, 0x89, 0xf8, /* mov %rdi, %rax */
	0x48, 0x89, 0xf7, /* mov %rsi, %rdi */
	0xff, 0xd0,       /* call *%rax */
	0x5d,             /* pop %rbp */
	0xc3,             /* ret */
};

static uint32_t recorded;

static __attribute__((noinline)) int record(void *argument)
{
	struct subject *subject = argument;
	recorded = unwind_here(subject->unwind, subject->thread, subject->depth);
	return 1;
}

/* Addresses of the frames from the bottom on. */
static unsigned frames_list(const struct unwind *unwind, uint32_t frame, uintptr_t *out)
{
	if (frame == 0)
		return 0;
	unsigned count = frames_list(unwind, frame_get(&unwind->frames, frame)->parent, out);
	out[count] = frame_get(&unwind->frames, frame)->address;
	return count + 1;
}

Test(unwind_code, code_made_at_run_time_is_left_by_its_frame_pointer)
{
	struct subject subject = subject_make(UNWIND_DEPTH_MAX);
	uintptr_t direct[UNWIND_DEPTH_MAX], through[UNWIND_DEPTH_MAX];
	unsigned char *code = memory(sizeof(calling_code));
	memcpy(code, calling_code, sizeof(calling_code));
	mprotect(code, sizeof(calling_code), PROT_READ | PROT_EXEC);
	unwind_next *volatile call = record;
	call(&subject);
	unsigned direct_count = frames_list(subject.unwind, recorded, direct);
	for (int i = 0; i < 3; i++) {
		((int (*)(unwind_next *, void *))code)(record, &subject);
		unsigned count = frames_list(subject.unwind, recorded, through);
		cr_assert_eq(count, direct_count + 1);
		cr_assert_eq(through[count - 2], (uintptr_t)code + 12, "behind its call");
		cr_assert_arr_eq(through, direct, (count - 3) * sizeof(through[0]));
	}
}

/* ---- the recorder and the loader ---- */

Test(unwind_code, frames_of_the_recorder_are_no_part_of_stacks)
{
	struct subject subject = subject_make(UNWIND_DEPTH_MAX);
	uintptr_t with[UNWIND_DEPTH_MAX], without[UNWIND_DEPTH_MAX];
	unwind_next *volatile call = record;
	call(&subject);
	unsigned count = frames_list(subject.unwind, recorded, with);
	/* Two instructions of record(): the one where it asks, and whatever follows. */
	unwind_init(subject.unwind, with[count - 1] - 16, with[count - 1] + 16, frame_new,
		    &announced);
	call(&subject);
	cr_assert_eq(frames_list(subject.unwind, recorded, without), count - 1);
	cr_assert_arr_eq(without, with, (count - 2) * sizeof(with[0]));
}

Test(unwind_code, an_allocation_of_the_loader_is_followed_by_a_look_at_modules)
{
	struct subject subject = subject_make(UNWIND_DEPTH_MAX);
	check(&subject);
	cr_assert_not(subject.thread->is_suspicious);
	struct registers here = registers_here();
	unwind_frame(subject.unwind, subject.thread, UNWIND_DEPTH_MAX,
		     subject.unwind->loader_begin + 0x5000, here.sp, here.fp);
	cr_assert(subject.thread->is_suspicious);
	check(&subject);
	cr_assert_not(subject.thread->is_suspicious);
	cr_assert_not(subject.is_wrong);
}

Test(unwind_code, the_child_of_a_fork_announces_its_frames_again)
{
	struct subject subject = subject_make(UNWIND_DEPTH_MAX);
	trees_grow(&subject, 20, 500, SEED);
	uint32_t before = announced;
	unwind_fork_child(subject.unwind);
	unwind_announce_all(subject.unwind);
	cr_assert_eq(announced, 2 * before);
	cr_assert_not(is_order_wrong);
}

/* ---- nothing faults ---- */

Test(unwind_code, registers_of_no_meaning)
{
	struct subject subject = subject_make(UNWIND_DEPTH_MAX);
	struct random_source random = {SEED};
	size_t page_bytes = (size_t)getpagesize();
	char *pages = memory(3 * page_bytes);
	mprotect(pages, page_bytes, PROT_NONE);
	mprotect(pages + 2 * page_bytes, page_bytes, PROT_NONE);
	const uintptr_t near[] = {
		(uintptr_t)pages, (uintptr_t)pages + page_bytes, (uintptr_t)pages + 2 * page_bytes,
		(uintptr_t)&random, (uintptr_t)qsort, (uintptr_t)check, 0, UINTPTR_MAX - 64,
	};
	for (size_t i = 0; i < page_bytes / sizeof(uintptr_t); i++)
		((uintptr_t *)(pages + page_bytes))[i] =
			near[random_below(&random, ARRAY_LEN(near))] + random_below(&random, 256);
	for (int i = 0; i < 20000; i++) {
		uintptr_t pc = near[random_below(&random, ARRAY_LEN(near))];
		uintptr_t sp = near[random_below(&random, ARRAY_LEN(near))];
		uintptr_t fp = near[random_below(&random, ARRAY_LEN(near))];
		unwind_frame(subject.unwind, subject.thread, UNWIND_DEPTH_MAX,
			     pc + random_below(&random, 4096), sp + random_below(&random, 4096),
			     fp + random_below(&random, 4096));
	}
	check(&subject);
	cr_assert_not(subject.is_wrong);
}

Test(unwind_code, memory_that_is_refused_costs_frames_at_most)
{
	uintptr_t whole[UNWIND_DEPTH_MAX], frames[UNWIND_DEPTH_MAX];
	unwind_next *volatile call = record;
	for (size_t fail_at = 0; fail_at < 6; fail_at++) {
		struct subject subject = subject_make(UNWIND_DEPTH_MAX);
		kernel_faults.number = SYS_mmap;
		kernel_faults.error = ENOMEM;
		kernel_faults.from_then_on = true;
		kernel_faults.counted = 0;
		kernel_faults.fail_at = fail_at;
		for (int i = 0; i < 3; i++)
			call(&subject);
		unsigned count = frames_list(subject.unwind, recorded, frames);
		kernel_faults.fail_at = 0;
		call(&subject);
		unsigned whole_count = frames_list(subject.unwind, recorded, whole);
		cr_assert_gt(whole_count, 3);
		cr_assert_leq(count, whole_count);
		/* The innermost two are where it was called from and where it asked. */
		cr_assert_arr_eq(whole, frames, (count < 2 ? 0 : count - 2) * sizeof(whole[0]));
		cr_assert(count <= 2 || count == whole_count, "%zu: %u", fail_at, count);
	}
}

/* ---- call frame information ---- */

/*
 * .eh_frame_hdr without a table, and two functions with 64-bit lengths: one of 16 bytes at 0x1000
 * from here, one of 32 bytes behind it.
 */
enum { HEADER_BYTES = 8, SECTION_BYTES = 256, FUNCTION_AT = 0x1000 };

struct image {
	_Alignas(8) unsigned char bytes[HEADER_BYTES + SECTION_BYTES];
	size_t count;
};

static void put(struct image *image, uint64_t value, size_t bytes)
{
	memcpy(image->bytes + image->count, &value, bytes);
	image->count += bytes;
}

/* Begin an entry; its length is put in by entry_end(). */
static size_t entry_begin(struct image *image)
{
	put(image, 0xFFFFFFFF, 4);
	put(image, 0, 8);
	return image->count;
}

static void entry_end(struct image *image, size_t begin)
{
	uint64_t length = image->count - begin;
	memcpy(image->bytes + begin - 8, &length, 8);
}

static void put_function(struct image *image, size_t common, size_t at, size_t bytes, int offset)
{
	size_t begin = entry_begin(image);
	put(image, image->count - common, 4);
	put(image, (uintptr_t)image->bytes + FUNCTION_AT + at, 8);
	put(image, bytes, 8);
	put(image, 0, 1); /* no augmentation data */
	put(image, 0x44, 1); /* DW_CFA_advance_loc 4 */
	put(image, 0x0e, 1); /* DW_CFA_def_cfa_offset */
	put(image, (uint64_t)offset, 1);
	entry_end(image, begin);
}

static struct os_module image_make(struct image *image)
{
	memset(image, 0, sizeof(*image));
	put(image, 0xffff1b01, 4); /* version; encodings: of the section, no count, no table */
	put(image, 4, 4); /* the section is 4 bytes from here */
	size_t common = image->count;
	size_t begin = entry_begin(image);
	put(image, 0, 4);
	put(image, 3, 1);
	put(image, 'z' | 'R' << 8, 3);
	put(image, 1, 1);
	put(image, 0x78, 1); /* -8 */
	put(image, 16, 1);
	put(image, 1, 1);
	put(image, 0, 1);
	put(image, 0x0c | 7 << 8 | 8 << 16, 3);  /* DW_CFA_def_cfa rsp 8 */
	put(image, 0x90 | 1 << 8, 2);            /* DW_CFA_offset rip 1 */
	entry_end(image, begin);
	put_function(image, common, 0, 16, 24);
	put_function(image, common, 16, 32, 48);
	put(image, 0, 4);
	return (struct os_module){
		.begin = (uintptr_t)image->bytes,
		.end = (uintptr_t)image->bytes + 2 * FUNCTION_AT,
		.unwind_header = (uintptr_t)image->bytes,
		.read_begin = (uintptr_t)image->bytes,
		.read_end = (uintptr_t)image->bytes + image->count,
	};
}

Test(unwind_code, information_without_a_table_and_with_long_lengths)
{
	struct image image;
	struct os_module module = image_make(&image);
	struct cfi_function function;
	struct cfi_row row;
	uintptr_t code = module.begin + FUNCTION_AT;
	cr_assert(cfi_function_find(&module, code + 17, &function));
	cr_assert_eq(function.begin, code + 16);
	cr_assert_eq(function.end, code + 48);
	cr_assert(cfi_row_make(&function, code + 19, &row));
	cr_assert_eq(row.cfa_offset, 8);
	cr_assert(cfi_row_make(&function, code + 20, &row));
	cr_assert_eq(row.cfa_offset, 48);
	cr_assert_eq(row.value[CFI_RETURN], -8);
	cr_assert_eq(rule_make(&module, code + 5), rule_word(RULE_SP, 24, 0));
	cr_assert_not(cfi_function_find(&module, code - 1, &function));
	cr_assert_not(cfi_function_find(&module, code + 48, &function));
}

Test(unwind_code, damaged_information_is_no_information)
{
	struct random_source random = {SEED};
	struct image image;
	for (int i = 0; i < 50000; i++) {
		struct os_module module = image_make(&image);
		for (size_t k = random_between(&random, 1, 8); k > 0; k--)
			image.bytes[random_below(&random, image.count)] =
				(unsigned char)random_next(&random);
		/* On a page of its own the end is where the next one begins. */
		rule_make(&module, module.begin + FUNCTION_AT + random_below(&random, 48));
	}
}

Test(unwind_code, expressions)
{
	/* What the linker says of its tables of jumps: rsp + 8 + ((rip & 15) >= 11) << 3. */
	const unsigned char code[] = {11,   0x77, 8,    0x80, 0,    0x3f,
				      0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22};
	uintptr_t registers[CFI_REGISTERS] = {[CFI_RSP] = 1000, [CFI_RETURN] = 0x10 + 10};
	uintptr_t value;
	uint32_t known = 1u << CFI_RSP | 1u << CFI_RETURN;
	cr_assert(cfi_evaluate((uintptr_t)code, registers, known, false, 0, &value));
	cr_assert_eq(value, 1008);
	registers[CFI_RETURN]++;
	cr_assert(cfi_evaluate((uintptr_t)code, registers, known, false, 0, &value));
	cr_assert_eq(value, 1016);
	cr_assert_not(cfi_evaluate((uintptr_t)code, registers, 1u << CFI_RSP, false, 0, &value));
	const unsigned char unreadable[] = {2, 0x31, 0x06}; /* the word at 1 */
	cr_assert_not(cfi_evaluate((uintptr_t)unreadable, registers, known, false, 0, &value));
	const unsigned char endless[] = {3, 0x2f, 0xfd, 0xff};
	cr_assert_not(cfi_evaluate((uintptr_t)endless, registers, known, true, 0, &value));
}

/* ---- the table of frames ---- */

enum { THREADS = 4, FRAMES = 60000 };

static void *frames_add(void *argument)
{
	struct frame_table *table = argument;
	uintptr_t sum = 0;
	for (uint32_t i = 0; i < FRAMES; i++) {
		uint32_t parent = frame_number(table, 0, 1 + i % 100, 1);
		sum += frame_number(table, parent, 1000 + i, 1);
	}
	return (void *)sum;
}

Test(unwind_code, frames_are_found_again_while_their_table_grows)
{
	struct frame_table *table = memory(sizeof(*table));
	pthread_t threads[THREADS];
	void *sums[THREADS];
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, frames_add, table), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], &sums[i]);
	uint32_t count = table->count;
	/* Threads that met a frame at the same moment may each have made it. */
	cr_assert_geq(count, FRAMES + 100);
	cr_assert_leq(count, THREADS * (FRAMES + 100));
	frames_add(table);
	cr_assert_eq(table->count, count, "nothing is new now");
	for (uint32_t i = 0; i < FRAMES; i++) {
		uint32_t parent = frame_number(table, 0, 1 + i % 100, 1);
		const struct frame_node *node =
			frame_get(table, frame_number(table, parent, 1000 + i, 1));
		cr_assert(node->address == 1000 + i && node->parent == parent);
	}
	cr_assert_neq(frame_number(table, 0, 1, 2), frame_number(table, 0, 1, 1), "epochs differ");
}
