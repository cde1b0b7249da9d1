#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write a source of the library with one line of it, or of a header it includes, replaced.

A mutant is a fault put in on purpose, to see that the tests find it. The headers of the library
are written out in place, so that the mutated one is used whatever the include path says.

When the line is not found exactly once, the library has changed and the mutant must follow. Then
the source is written without a fault, but with a constructor that says so and ends the program:
the mutant's test fails, and the build of everything else goes on.
"""
import argparse
import pathlib
import re

INCLUDE = re.compile(r'#include "([^"]+\.h)"$')


STALE = """
#include <stdio.h>
#include <stdlib.h>
__attribute__((constructor)) static void mutant_is_stale(void)
{
	fputs("%s\\n", stderr);
	exit(99);
}
"""


class Stale(Exception):
    """The line is not there once."""


class Mutation:
    """Replace the one line that reads `line`; with `after`, the first one behind that line."""

    def __init__(self, path, line, replacement, after):
        self.path = path
        self.line = line
        self.replacement = replacement
        self.after = after
        self.times = 0

    def apply(self, text):
        lines = text.split("\n")
        stripped = [line.strip() for line in lines]
        begin, end = 0, len(lines)
        if self.after is not None:
            if stripped.count(self.after) != 1:
                raise Stale(f"{self.path}: {stripped.count(self.after)} lines read '{self.after}'")
            begin = stripped.index(self.after)
            end = stripped.index(self.line, begin) + 1 if self.line in stripped[begin:] else begin
        found = [i for i in range(begin, end) if stripped[i] == self.line]
        if len(found) != 1:
            raise Stale(f"{self.path}: {len(found)} lines read '{self.line}', not one")
        lines[found[0]] = self.replacement
        self.times += 1
        return "\n".join(lines)


def expand(library, path, mutation, seen):
    """The text of `path` with the library's headers in place of their includes, once each."""
    text = (library / path).read_text()
    if path == mutation.path:
        text = mutation.apply(text)
    out = [f'#line 1 "{library / path}"']
    for number, line in enumerate(text.split("\n"), 1):
        match = INCLUDE.match(line)
        header = match and match.group(1)
        if not header or not (library / header).exists():
            out.append(line)
        elif header not in seen:
            seen.add(header)
            out += expand(library, header, mutation, seen)
            out.append(f'#line {number + 1} "{library / path}"')
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", type=pathlib.Path, required=True, help="its folder")
    parser.add_argument("--source", required=True, help="the .c to write")
    parser.add_argument("--file", required=True, help="where the line is: the .c or a header")
    parser.add_argument("--line", required=True, help="what it reads, without indentation")
    parser.add_argument("--with", dest="replacement", required=True, help="what it shall read")
    parser.add_argument("--after", help="a line that is there once, before it")
    parser.add_argument("--output", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    mutation = Mutation(arguments.file, arguments.line, arguments.replacement, arguments.after)
    try:
        lines = expand(arguments.library, arguments.source, mutation, set())
        if mutation.times != 1:
            raise Stale(f"{arguments.source} does not include {arguments.file}")
        text = "\n".join(lines) + "\n"
    except Stale as stale:
        reason = f"the mutant must follow the library: {stale}"
        text = (arguments.library / arguments.source).read_text()
        text += STALE % reason.replace("\\", "\\\\").replace('"', '\\"')
    arguments.output.write_text(text)


main()
