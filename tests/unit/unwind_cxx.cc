/* SPDX-License-Identifier: MIT */
/* A C++ exception, thrown some frames below the one that catches it, for the tests of stacks. */

extern "C" int unwind_throw(int depth, int (*next)(void *), void *argument);

namespace {

struct object {
	int (*next)(void *);
	void *argument;
	/* Called while the exception is on its way, too. */
	~object()
	{
		next(argument);
	}
};

__attribute__((noinline)) int descend(int depth, int (*next)(void *), void *argument)
{
	object guard = {next, argument};
	if (depth == 0)
		throw 1;
	return descend(depth - 1, next, argument) + 1;
}

} // namespace

int unwind_throw(int depth, int (*next)(void *), void *argument)
{
	try {
		return descend(depth, next, argument);
	} catch (int result) {
		return next(argument) + result;
	}
}
