// SPDX-License-Identifier: MIT
/*
 * A C++ library that a C program loads late: libstdc++ then comes after the allocator, and the
 * failure of operator new has to find it all the same.
 */
#include <new>
#include <string>
#include <vector>

extern "C" int plugin_work(int count);
extern "C" int plugin_fail(size_t bytes);
extern "C" int plugin_fail_quietly(size_t bytes);

// The length of a text built of `count` numbers.
extern "C" int plugin_work(int count)
{
	std::vector<std::string> words;
	for (int i = 0; i < count; i++)
		words.push_back(std::to_string(i));
	std::string all;
	for (const std::string &word : words)
		all += word;
	return static_cast<int>(all.size());
}

static int handler_calls;

static void handler()
{
	if (++handler_calls == 2)
		std::set_new_handler(nullptr);
}

// How often the handler was called before the nothrow form gave up; -1 when it gave a block.
extern "C" int plugin_fail_quietly(size_t bytes)
{
	handler_calls = 0;
	std::set_new_handler(handler);
	void *block = ::operator new(bytes, std::nothrow);
	std::set_new_handler(nullptr);
	::operator delete(block);
	return block == nullptr ? handler_calls : -1;
}

// 1 when asking for too much threw, 0 when it gave a block.
extern "C" int plugin_fail(size_t bytes)
{
	try {
		::operator delete(::operator new(bytes));
		return 0;
	} catch (const std::bad_alloc &) {
		return 1;
	}
}
