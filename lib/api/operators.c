/* SPDX-License-Identifier: MIT */
/*
 * operator new and delete of C++17, by their mangled names, without the C++ library. Shared
 * library only.
 *
 * The way that succeeds is ours; failing is C++'s business (new.delete in the standard): call the
 * new handler again and again, and throw std::bad_alloc when there is none. For that the C++
 * runtime's own operator is called, which a program that could catch the exception has loaded; it
 * asks malloc, ours, once more. It is looked up before main so that nothing is looked up when
 * memory is short, and once more then in case the runtime was loaded later. Compiled with
 * -fexceptions, so that the exception passes through here.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/message.h"
#include "names.h"

/* Of every C++ runtime. Weak: where there is none, looking for its operators would cost memory. */
void __cxa_throw(void) __attribute__((weak));

/* std::nothrow_t and std::align_val_t, as the ABI passes them. */
typedef const void *nothrow;
typedef size_t alignment;

void *_Znwm(size_t bytes);
void *_Znam(size_t bytes);
void *_ZnwmRKSt9nothrow_t(size_t bytes, nothrow tag);
void *_ZnamRKSt9nothrow_t(size_t bytes, nothrow tag);
void *_ZnwmSt11align_val_t(size_t bytes, alignment align);
void *_ZnamSt11align_val_t(size_t bytes, alignment align);
void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t bytes, alignment align, nothrow tag);
void *_ZnamSt11align_val_tRKSt9nothrow_t(size_t bytes, alignment align, nothrow tag);

/* The runtime's operators, for when ours fail. */
static struct {
	void *(*plain)(size_t bytes);
	void *(*plain_nothrow)(size_t bytes, nothrow tag);
	void *(*aligned)(size_t bytes, alignment align);
	void *(*aligned_nothrow)(size_t bytes, alignment align, nothrow tag);
} runtime;

static void runtime_find_in(void *scope)
{
	runtime.plain = (void *(*)(size_t))dlsym(scope, "_Znwm");
	runtime.plain_nothrow = (void *(*)(size_t, nothrow))dlsym(scope, "_ZnwmRKSt9nothrow_t");
	runtime.aligned = (void *(*)(size_t, alignment))dlsym(scope, "_ZnwmSt11align_val_t");
	runtime.aligned_nothrow = (void *(*)(size_t, alignment, nothrow))dlsym(
		scope, "_ZnwmSt11align_val_tRKSt9nothrow_t");
}

/* Behind us in the global scope, or loaded with a library that a C program opened. */
static void runtime_find(void)
{
	static const char *const names[] = {"libstdc++.so.6", "libc++.so.1", "libc++abi.so.1"};
	runtime_find_in(RTLD_NEXT);
	for (size_t i = 0; runtime.plain == NULL && i < ARRAY_LEN(names); i++) {
		void *library = dlopen(names[i], RTLD_LAZY | RTLD_NOLOAD);
		if (library != NULL)
			runtime_find_in(library);
	}
}

__attribute__((constructor)) static void operators_begin(void)
{
	if (__cxa_throw != NULL)
		runtime_find_in(RTLD_NEXT);
}

static _Noreturn void nobody_throws(void)
{
	message_string("operator new: out of memory, and no C++ runtime to throw bad_alloc");
	message_abort();
}

static ALLOT_COLD void *fail_plain(size_t bytes)
{
	if (runtime.plain == NULL)
		runtime_find();
	if (runtime.plain == NULL)
		nobody_throws();
	return runtime.plain(bytes);
}

static ALLOT_COLD void *fail_plain_nothrow(size_t bytes, nothrow tag)
{
	if (runtime.plain_nothrow == NULL)
		runtime_find();
	return runtime.plain_nothrow == NULL ? NULL : runtime.plain_nothrow(bytes, tag);
}

static ALLOT_COLD void *fail_aligned(size_t bytes, alignment align)
{
	if (runtime.aligned == NULL)
		runtime_find();
	if (runtime.aligned == NULL)
		nobody_throws();
	return runtime.aligned(bytes, align);
}

static ALLOT_COLD void *fail_aligned_nothrow(size_t bytes, alignment align, nothrow tag)
{
	if (runtime.aligned_nothrow == NULL)
		runtime_find();
	return runtime.aligned_nothrow == NULL ? NULL :
						 runtime.aligned_nothrow(bytes, align, tag);
}

API_EXPORT void *_Znwm(size_t bytes)
{
	void *p = malloc(bytes);
	return likely(p != NULL) ? p : fail_plain(bytes);
}

API_EXPORT void *_Znam(size_t bytes)
{
	return _Znwm(bytes);
}

API_EXPORT void *_ZnwmRKSt9nothrow_t(size_t bytes, nothrow tag)
{
	void *p = malloc(bytes);
	return likely(p != NULL) ? p : fail_plain_nothrow(bytes, tag);
}

API_EXPORT void *_ZnamRKSt9nothrow_t(size_t bytes, nothrow tag)
{
	return _ZnwmRKSt9nothrow_t(bytes, tag);
}

API_EXPORT void *_ZnwmSt11align_val_t(size_t bytes, alignment align)
{
	void *p = aligned_alloc(align, bytes);
	return likely(p != NULL) ? p : fail_aligned(bytes, align);
}

API_EXPORT void *_ZnamSt11align_val_t(size_t bytes, alignment align)
{
	return _ZnwmSt11align_val_t(bytes, align);
}

API_EXPORT void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t bytes, alignment align, nothrow tag)
{
	void *p = aligned_alloc(align, bytes);
	return likely(p != NULL) ? p : fail_aligned_nothrow(bytes, align, tag);
}

API_EXPORT void *_ZnamSt11align_val_tRKSt9nothrow_t(size_t bytes, alignment align, nothrow tag)
{
	return _ZnwmSt11align_val_tRKSt9nothrow_t(bytes, align, tag);
}

/* Every delete is free(): the heap knows size and alignment. */
#define OPERATOR_DELETE(name, ...)            \
	void name(void *block, ##__VA_ARGS__); \
	API_EXPORT void name(void *block, ##__VA_ARGS__)

OPERATOR_DELETE(_ZdlPv)
{
	free(block);
}

OPERATOR_DELETE(_ZdaPv)
{
	free(block);
}

OPERATOR_DELETE(_ZdlPvm, size_t bytes)
{
	(void)bytes;
	free(block);
}

OPERATOR_DELETE(_ZdaPvm, size_t bytes)
{
	(void)bytes;
	free(block);
}

OPERATOR_DELETE(_ZdlPvRKSt9nothrow_t, nothrow tag)
{
	(void)tag;
	free(block);
}

OPERATOR_DELETE(_ZdaPvRKSt9nothrow_t, nothrow tag)
{
	(void)tag;
	free(block);
}

OPERATOR_DELETE(_ZdlPvSt11align_val_t, alignment align)
{
	(void)align;
	free(block);
}

OPERATOR_DELETE(_ZdaPvSt11align_val_t, alignment align)
{
	(void)align;
	free(block);
}

OPERATOR_DELETE(_ZdlPvmSt11align_val_t, size_t bytes, alignment align)
{
	(void)bytes, (void)align;
	free(block);
}

OPERATOR_DELETE(_ZdaPvmSt11align_val_t, size_t bytes, alignment align)
{
	(void)bytes, (void)align;
	free(block);
}

OPERATOR_DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, alignment align, nothrow tag)
{
	(void)align, (void)tag;
	free(block);
}

OPERATOR_DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, alignment align, nothrow tag)
{
	(void)align, (void)tag;
	free(block);
}
