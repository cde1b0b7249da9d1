/* SPDX-License-Identifier: MIT */
/*
 * Exports: what the shared library shows to the dynamic linker, read with nm and readelf.
 */
#include "runs.h"

#include <stdio.h>
#include <string.h>

static const char *const exported_names[] = {
	"malloc", "calloc", "realloc", "reallocarray", "free", "cfree", "free_sized",
	"free_aligned_sized", "aligned_alloc", "memalign", "posix_memalign", "valloc", "pvalloc",
	"malloc_usable_size", "mallopt", "mallinfo", "mallinfo2", "malloc_info", "malloc_stats",
	"malloc_trim", "__libc_malloc", "__libc_calloc", "__libc_realloc", "__libc_free",
	"__libc_memalign", "__libc_valloc", "__libc_pvalloc", "__posix_memalign",
	/* operators new: plain, array, nothrow, aligned */
	"_Znwm", "_Znam", "_ZnwmRKSt9nothrow_t", "_ZnamRKSt9nothrow_t", "_ZnwmSt11align_val_t",
	"_ZnamSt11align_val_t", "_ZnwmSt11align_val_tRKSt9nothrow_t",
	"_ZnamSt11align_val_tRKSt9nothrow_t",
	/* operators delete: plain, array, nothrow, sized, aligned */
	"_ZdlPv", "_ZdaPv", "_ZdlPvRKSt9nothrow_t", "_ZdaPvRKSt9nothrow_t", "_ZdlPvm", "_ZdaPvm",
	"_ZdlPvSt11align_val_t", "_ZdaPvSt11align_val_t", "_ZdlPvmSt11align_val_t",
	"_ZdaPvmSt11align_val_t", "_ZdlPvSt11align_val_tRKSt9nothrow_t",
	"_ZdaPvSt11align_val_tRKSt9nothrow_t",
};
enum { EXPORTED_COUNT = sizeof exported_names / sizeof exported_names[0] };
_Static_assert(EXPORTED_COUNT == 48, "the contract lists 28 names of C and 20 of C++");

Test(exports, the_library_defines_exactly_the_48_names)
{
	struct outcome outcome = ask((const char *[]){"nm", "-D", "--defined-only",
						      "--format=posix", library_path(), NULL});
	bool is_found[EXPORTED_COUNT] = {0};
	for (char *line = strtok(outcome.output, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		size_t length = strcspn(line, " ");
		line[length] = 0;
		cr_expect(strchr(line, '@') == NULL, "%s has a version", line);
		size_t i = 0;
		while (i < EXPORTED_COUNT && strcmp(exported_names[i], line) != 0)
			i++;
		cr_expect(i < EXPORTED_COUNT, "%s is exported and shouldn't be", line);
		if (i < EXPORTED_COUNT)
			is_found[i] = true;
	}
	for (size_t i = 0; i < EXPORTED_COUNT; i++)
		cr_expect(is_found[i], "%s is not exported", exported_names[i]);
	outcome_finish(&outcome);
}

Test(exports, the_library_needs_nothing_but_libc)
{
	struct outcome outcome = ask((const char *[]){"readelf", "-dW", library_path(), NULL});
	for (char *line = strtok(outcome.output, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		if (strstr(line, "(NEEDED)") != NULL)
			cr_expect(text_matches(line, "\\[(libc\\.so\\.6|ld-linux[^]]*)\\]"), "%s",
				  line);
		if (strstr(line, "(SONAME)") != NULL)
			cr_expect(text_matches(line, "\\[liballot\\.so\\.1\\]"), "%s", line);
		cr_expect(!text_matches(line, "\\((TEXTREL|RPATH|RUNPATH)\\)"), "%s", line);
	}
	outcome_finish(&outcome);
}

Test(exports, the_library_stays_once_loaded)
{
	struct outcome outcome = ask((const char *[]){"readelf", "-dW", library_path(), NULL});
	cr_expect(text_matches(outcome.output, "FLAGS_1.*NODELETE"), "not marked nodelete");
	cr_expect(text_matches(outcome.output, "FLAGS.*STATIC_TLS"),
		  "not marked for static TLS: its TLS is not of the initial-exec model");
	outcome_finish(&outcome);
}

Test(exports, thread_storage_fits_into_64_bytes)
{
	struct outcome outcome = ask((const char *[]){"readelf", "-lW", library_path(), NULL});
	for (char *line = strtok(outcome.output, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		unsigned long memory_bytes;
		if (sscanf(line, " TLS %*s %*s %*s %*s %lx", &memory_bytes) == 1)
			cr_expect(memory_bytes <= 64, "%lu bytes of TLS", memory_bytes);
	}
	outcome_finish(&outcome);
}

Test(exports, the_stack_is_not_executable)
{
	struct outcome outcome = ask((const char *[]){"readelf", "-lW", library_path(), NULL});
	cr_expect(text_matches(outcome.output, "GNU_STACK .* RW "), "%s", outcome.output);
	cr_expect(!text_matches(outcome.output, "LOAD .* RWE "), "%s", outcome.output);
	outcome_finish(&outcome);
}

Test(exports, code_that_is_rarely_called_is_a_mapping_of_its_own)
{
	struct outcome outcome = ask((const char *[]){"readelf", "-lW", library_path(), NULL});
	bool is_alone = text_matches(outcome.output, "^ +[0-9]+ +\\.text\\.rare *$");
	cr_expect(is_alone, "%s", outcome.output);
	outcome_finish(&outcome);
}
