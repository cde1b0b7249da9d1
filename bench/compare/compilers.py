# SPDX-License-Identifier: MIT
"""
Compilers: one generated source each, compiled to assembler, which must come out the same.
"""

import textwrap

from workload import Program


class Compiler(Program):
    """A compiler of C, the workload's name."""

    about = "-O2 on a generated C file"
    outputs = ("work.s",)

    def prepare(self):
        parts = ["struct node { struct node *next; int key; double weight; char name[24]; };"]
        for i in range(self.count(160)):
            a, b, c = (self.random.randint(1, 97) for _ in range(3))
            parts.append(textwrap.dedent(f"""
                static int step{i}(struct node *n, int k)
                {{
                    int sum = {a};
                    for (int j = 0; j < k; j++) {{
                        switch ((n->key + j) % 5) {{
                        case 0: sum += j * {b}; break;
                        case 1: sum ^= n->key << (j & 7); break;
                        case 2: n->weight = n->weight * 0.5 + sum; break;
                        case 3: if (n->next) n = n->next; else sum -= {c}; break;
                        default: n->name[j & 15] = (char)(sum + j);
                        }}
                    }}
                    return sum;
                }}
                int call{i}(struct node *n) {{ return step{i}(n, {a}) + step{i}(n->next, {c}); }}
                """))
        self.write("work.c", "\n".join(parts))

    def command(self):
        return [self.name, "-O2", "-S", "-o", "work.s", "work.c"]


class Gcc(Compiler):
    name = "gcc"
    needs = ("gcc",)


class Clang(Compiler):
    name = "clang"
    needs = ("clang",)


class Gxx(Program):
    name = "g++"
    needs = ("g++",)
    about = "-O2 on a generated file full of templates"
    outputs = ("work.s",)

    def prepare(self):
        parts = ["#include <algorithm>", "#include <map>", "#include <string>",
                 "#include <tuple>", "#include <vector>",
                 "template <int n> struct chain { chain<n - 1> rest; int at[n % 7 + 1];",
                 "  template <class f> int fold(f g) const { return g(at[0]) + rest.fold(g); } };",
                 "template <> struct chain<0> {",
                 "  template <class f> int fold(f) const { return 0; } };"]
        for i in range(self.count(5)):
            depth = self.random.randint(20, 60)
            parts.append(textwrap.dedent(f"""
                struct key{i} {{ int a, b; bool operator<(const key{i} &o) const
                    {{ return std::tie(a, b) < std::tie(o.a, o.b); }} }};
                int use{i}(int n)
                {{
                    std::map<key{i}, std::vector<std::tuple<int, std::string, chain<{i % 5}>>>> m;
                    for (int j = 0; j < n; j++)
                        m[key{i}{{j % 7, j}}].emplace_back(j, std::string(j % 9, 'x'),
                                                         chain<{i % 5}>());
                    chain<{depth}> c{{}};
                    int sum = c.fold([n](int x) {{ return x * n + {i}; }});
                    std::vector<key{i}> keys;
                    for (auto &e : m)
                        keys.push_back(e.first);
                    std::sort(keys.begin(), keys.end(), [](auto &p, auto &q) {{ return q < p; }});
                    return sum + (int)keys.size();
                }}
                """))
        self.write("work.cc", "\n".join(parts))

    def command(self):
        return ["g++", "-std=c++17", "-O2", "-S", "-o", "work.s", "work.cc"]
