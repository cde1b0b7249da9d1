// SPDX-License-Identifier: MIT
/*
 * C++: what the operators new and delete must do, tried on the running heap.
 *
 * All twenty replaceable forms are called by name. Failure is the interesting part: the handler
 * is called until it gives up, then bad_alloc is thrown through the library's frames, and the
 * nothrow forms return a null pointer instead.
 */
#include "claim.h"

#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <map>
#include <new>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <vector>

namespace {

// More than any heap has, yet no number the compiler can refuse.
volatile size_t impossible_bytes = static_cast<size_t>(PTRDIFF_MAX) - 4096;

enum { GENEROUS_CALLS = 3 };
int handler_calls;

void handler_gives_up_at_last()
{
	if (++handler_calls == GENEROUS_CALLS)
		std::set_new_handler(nullptr);
}

struct handler_error : std::bad_alloc {};

void handler_throws()
{
	handler_calls++;
	throw handler_error();
}

void handler_raises_the_limit()
{
	handler_calls++;
	struct rlimit limit;
	getrlimit(RLIMIT_AS, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_AS, &limit);
}

struct form {
	const char *name;
	void *(*allocate)(size_t bytes);
	void (*release)(void *block, size_t bytes);
	size_t alignment;
	bool is_nothrow;
};

constexpr std::align_val_t WIDE{128};

const form forms[] = {
	{"new", [](size_t n) { return ::operator new(n); },
	 [](void *p, size_t) { ::operator delete(p); }, 16, false},
	{"new, sized delete", [](size_t n) { return ::operator new(n); },
	 [](void *p, size_t n) { ::operator delete(p, n); }, 16, false},
	{"new[]", [](size_t n) { return ::operator new[](n); },
	 [](void *p, size_t) { ::operator delete[](p); }, 16, false},
	{"new[], sized delete[]", [](size_t n) { return ::operator new[](n); },
	 [](void *p, size_t n) { ::operator delete[](p, n); }, 16, false},
	{"new(nothrow)", [](size_t n) { return ::operator new(n, std::nothrow); },
	 [](void *p, size_t) { ::operator delete(p, std::nothrow); }, 16, true},
	{"new[](nothrow)", [](size_t n) { return ::operator new[](n, std::nothrow); },
	 [](void *p, size_t) { ::operator delete[](p, std::nothrow); }, 16, true},
	{"new(align)", [](size_t n) { return ::operator new(n, WIDE); },
	 [](void *p, size_t) { ::operator delete(p, WIDE); }, 128, false},
	{"new(align), sized delete", [](size_t n) { return ::operator new(n, WIDE); },
	 [](void *p, size_t n) { ::operator delete(p, n, WIDE); }, 128, false},
	{"new[](align)", [](size_t n) { return ::operator new[](n, WIDE); },
	 [](void *p, size_t) { ::operator delete[](p, WIDE); }, 128, false},
	{"new[](align), sized delete[]", [](size_t n) { return ::operator new[](n, WIDE); },
	 [](void *p, size_t n) { ::operator delete[](p, n, WIDE); }, 128, false},
	{"new(align, nothrow)", [](size_t n) { return ::operator new(n, WIDE, std::nothrow); },
	 [](void *p, size_t) { ::operator delete(p, WIDE, std::nothrow); }, 128, true},
	{"new[](align, nothrow)", [](size_t n) { return ::operator new[](n, WIDE, std::nothrow); },
	 [](void *p, size_t) { ::operator delete[](p, WIDE, std::nothrow); }, 128, true},
};

void every_form_serves(const form &way)
{
	for (size_t bytes = 0; bytes < 300000; bytes = bytes < 600 ? bytes + 1 : bytes * 2 + 1) {
		void *block = way.allocate(bytes);
		void *other = way.allocate(bytes);
		CLAIM(block != nullptr && other != nullptr && block != other,
		      "%s of %zu bytes gave no block of its own", way.name, bytes);
		CLAIM(reinterpret_cast<uintptr_t>(block) % way.alignment == 0,
		      "%s of %zu bytes gave %p", way.name, bytes, block);
		CLAIM(malloc_usable_size(block) >= bytes,
		      "%s of %zu bytes has %zu usable", way.name,
		      bytes, malloc_usable_size(block));
		pattern_fill(block, bytes, 1);
		pattern_fill(other, bytes, 2);
		CLAIM(pattern_holds(block, bytes, 1), "%s: blocks overlap", way.name);
		way.release(block, bytes);
		way.release(other, bytes);
	}
	way.release(nullptr, 0);
}

// The automatic object shows that the stack is unwound.
bool throws_bad_alloc(const form &way, bool *out_was_unwound)
{
	struct witness {
		bool *flag;
		~witness() { *flag = true; }
	};
	try {
		witness local{out_was_unwound};
		void *block = way.allocate(impossible_bytes);
		return block != nullptr;
	} catch (const std::bad_alloc &) {
		return true;
	}
}

void failure_calls_the_handler_then_throws(const form &way)
{
	handler_calls = 0;
	std::set_new_handler(handler_gives_up_at_last);
	bool was_unwound = false;
	bool has_thrown = throws_bad_alloc(way, &was_unwound);
	std::set_new_handler(nullptr);
	CLAIM(handler_calls == GENEROUS_CALLS, "%s called the handler %d times, not %d", way.name,
	      handler_calls, GENEROUS_CALLS);
	CLAIM(has_thrown == !way.is_nothrow, "%s %s on failure", way.name,
	      has_thrown ? "threw" : "did not throw");
	CLAIM(was_unwound, "%s did not unwind the stack", way.name);

	has_thrown = throws_bad_alloc(way, &was_unwound);
	CLAIM(has_thrown == !way.is_nothrow, "%s without a handler %s on failure", way.name,
	      has_thrown ? "threw" : "did not throw");
}

void what_the_handler_throws_arrives(const form &way)
{
	handler_calls = 0;
	bool has_arrived = false;
	std::set_new_handler(handler_throws);
	try {
		void *block = way.allocate(impossible_bytes);
		CLAIM(way.is_nothrow && block == nullptr,
		      "%s lost the handler's exception", way.name);
	} catch (const handler_error &) {
		has_arrived = true;
	}
	std::set_new_handler(nullptr);
	CLAIM(has_arrived == !way.is_nothrow, "%s: the handler's exception %s", way.name,
	      has_arrived ? "came out of nothrow" : "did not arrive");
	CLAIM(handler_calls == 1, "%s called the throwing handler %d times",
	      way.name, handler_calls);
}

// A handler that finds memory makes the very same call succeed.
void the_call_succeeds_once_the_handler_helped(const form &way)
{
	enum : size_t { BYTES = size_t{1} << 30 };
	struct rlimit saved;
	getrlimit(RLIMIT_AS, &saved);
	struct rlimit tight = saved;
	tight.rlim_cur = size_t{512} << 20;
	setrlimit(RLIMIT_AS, &tight);
	handler_calls = 0;
	std::set_new_handler(handler_raises_the_limit);
	void *block = nullptr;
	try {
		block = way.allocate(BYTES);
	} catch (const std::bad_alloc &) {
	}
	std::set_new_handler(nullptr);
	setrlimit(RLIMIT_AS, &saved);
	CLAIM(block != nullptr, "%s failed although the handler helped", way.name);
	CLAIM(handler_calls == 1, "%s called the helping handler %d times",
	      way.name, handler_calls);
	way.release(block, BYTES);
}

void expressions_throw_as_the_language_says()
{
	volatile size_t count = SIZE_MAX / 4;
	bool has_thrown = false;
	try {
		long *numbers = new long[count];
		delete[] numbers;
	} catch (const std::bad_alloc &) {
		has_thrown = true;
	}
	CLAIM(has_thrown, "new long[huge] did not throw");

	// A constructor that throws gives the memory back by the matching delete.
	struct thrower {
		char bytes[1000];
		thrower() { throw std::runtime_error("no"); }
	};
	struct mallinfo2 before = mallinfo2();
	for (int i = 0; i < 2000; i++) {
		try {
			delete new thrower();
		} catch (const std::runtime_error &) {
		}
	}
	struct mallinfo2 after = mallinfo2();
	CLAIM(after.uordblks < before.uordblks + 500000, "objects not made were not freed");
}

void containers_work()
{
	std::map<std::string, std::vector<int>> table;
	for (int i = 0; i < 20000; i++)
		table["key " + std::to_string(i % 1000)].push_back(i);
	size_t count = 0;
	for (const auto &row : table)
		count += row.second.size();
	CLAIM(count == 20000, "a map of vectors holds %zu numbers", count);

	std::vector<std::thread> threads;
	for (int t = 0; t < 4; t++) {
		threads.emplace_back([] {
			for (int i = 0; i < 2000; i++) {
				try {
					std::vector<char> big(impossible_bytes);
				} catch (const std::exception &) {
				}
				std::string text(static_cast<size_t>(i), 'x');
			}
		});
	}
	for (auto &thread : threads)
		thread.join();
}

} // namespace

int main()
{
	for (const form &way : forms) {
		every_form_serves(way);
		failure_calls_the_handler_then_throws(way);
		what_the_handler_throws_arrives(way);
		the_call_succeeds_once_the_handler_helped(way);
	}
	expressions_throw_as_the_language_says();
	containers_work();
	return claims_end();
}
