#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every header compiles alone: nobody has to know what to include before it.

Usage: headers.py ROOT OPTIONS... -- COMPILER... Prints TAP, a line a header.
"""
import pathlib
import subprocess
import sys


def compiles(compiler, options, language, header):
    """What the compiler says against a file of this one header, empty if nothing."""
    # Twice: its guard is tested as well.
    text = f'#include "{header}"\n#include "{header}"\n'
    command = compiler + options + ["-x", language, "-fsyntax-only", "-Wall", "-Wextra",
                                    "-Werror", "-"]
    result = subprocess.run(command, input=text, text=True, capture_output=True)
    return result.stderr if result.returncode != 0 else ""


def claims(root, compiler, options):
    """Pairs of a claim and what speaks against it."""
    for folder in ("include", "lib"):
        for path in sorted((root / folder).rglob("*.h")):
            yield f"{path.relative_to(root)} compiles alone", \
                compiles(compiler, options + ["-std=gnu11", "-D_GNU_SOURCE"], "c", path)
    for path in sorted((root / "include").rglob("*.h")):
        name = path.relative_to(root)
        yield f"{name} is strict C11", \
            compiles(compiler, options + ["-std=c11", "-Wpedantic"], "c", path)
        yield f"{name} is C++11", \
            compiles(compiler, options + ["-std=c++11", "-Wpedantic"], "c++", path)


def main():
    split = sys.argv.index("--")
    root = pathlib.Path(sys.argv[1])
    options = sys.argv[2:split] + [f"-I{root / 'lib'}", f"-I{root / 'include'}"]
    results = list(claims(root, sys.argv[split + 1:], options))
    print(f"1..{len(results)}")
    for number, (claim, against) in enumerate(results, 1):
        print(f"{'not ' if against else ''}ok {number} - {claim}")
        for line in against.splitlines():
            print(f"# {line}")


main()
