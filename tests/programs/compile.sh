# SPDX-License-Identifier: MIT
# The compilers at -O2: the objects have to be the same to the byte.
. "$SCRIPTS/common.sh"
need gcc g++ sha256sum
cat >heavy.cc <<'EOF'
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>
#include <functional>
#include <unordered_map>
#include <variant>
#ifdef FULL
#include <iostream>
#include <regex>
#include <sstream>
#endif
template <int N> struct fib { enum : unsigned long { value = fib<N - 1>::value + fib<N - 2>::value }; };
template <> struct fib<0> { enum : unsigned long { value = 0 }; };
template <> struct fib<1> { enum : unsigned long { value = 1 }; };
template <typename... T> struct list {};
template <int N, typename... T> struct make : make<N - 1, std::tuple<T...>, T...> {};
template <typename... T> struct make<0, T...> { using type = list<T...>; };
#define KIND(n) \
	struct kind##n { std::string name; std::vector<std::shared_ptr<kind##n>> more; int value = n; }; \
	int use##n(const std::map<std::string, kind##n> &all) \
	{ \
		std::vector<kind##n> rows; \
		for (const auto &pair : all) rows.push_back(pair.second); \
		std::sort(rows.begin(), rows.end(), [](const kind##n &a, const kind##n &b) { \
			return std::tie(a.name, a.value) < std::tie(b.name, b.value); }); \
		return rows.empty() ? n : rows.front().value; \
	}
KIND(1)
KIND(2) KIND(3)
unsigned long sums[] = {fib<90>::value, sizeof(make<8, int>::type)};
std::variant<int, std::string> pick(bool b) { if (b) return 1; return "two"; }
#ifdef FULL
KIND(4) KIND(5) KIND(6) KIND(7)
bool find(const std::string &s) { return std::regex_search(s, std::regex("a+(b|c)*d")); }
#endif
EOF
cat >plain.c <<'EOF'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct node { struct node *left, *right; char key[24]; };
static struct node *insert(struct node *n, const char *key)
{
	if (n == NULL) { n = calloc(1, sizeof *n); strncpy(n->key, key, 23); return n; }
	int order = strcmp(key, n->key);
	if (order < 0) n->left = insert(n->left, key);
	else if (order > 0) n->right = insert(n->right, key);
	return n;
}
static unsigned long sum(const struct node *n) { return n ? sum(n->left) * 31 + sum(n->right) * 17 + strlen(n->key) : 1; }
int main(void)
{
	struct node *root = NULL;
	char key[24];
	for (unsigned i = 0, x = 1; i < 5000; i++, x = x * 1664525u + 1013904223u) {
		snprintf(key, sizeof key, "%u", x >> (i % 9));
		root = insert(root, key);
	}
	printf("%lu\n", sum(root));
	return 0;
}
EOF
gcc -O2 -g -ffile-prefix-map="$PWD"=. -c plain.c -o plain.o
gcc plain.o -o plain
./plain
g++ -std=c++17 -O2 -w $(pick -DSMALL -DFULL) -c heavy.cc -o heavy.o
sha256sum plain.o heavy.o
nm -C --defined-only heavy.o | wc -l
