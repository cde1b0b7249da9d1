#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The rules of the sources that a program can check. Prints TAP, a line a rule.

Usage: tidy.py ROOT [ARCHIVE...]

The include rules are those of the table in lib/README.md ("| folder | may include | must never |"):
whoever changes the layers changes the table, and this test follows. The archives are the
libraries' objects, in which mutable state is looked for.
"""
import pathlib
import re
import subprocess
import sys

COLUMNS_MAX = 100
TAB_COLUMNS = 8
TOP_LEVEL = {"README.md", "meson.build", "LICENSE", "include", "lib", "tools", "bench", "tests"}
SOURCE_FOLDERS = ("include", "lib", "tools", "bench", "tests")
C_SUFFIXES = {".c", ".h", ".cc"}
TEXT_SUFFIXES = C_SUFFIXES | {".py", ".sh", ".bash", ".def", ".build", ".js", ".css", ""}
# Command lines of scripts are as long as they are.
NARROW_SUFFIXES = C_SUFFIXES | {".py", ".def", ".build", ".js", ".css"}
# Layers that may be called when there is no heap yet, or a broken one.
BELOW_API = ("base", "os", "pages", "strategy", "front", "vm")
NEVER_CALLED = ("malloc", "calloc", "realloc", "free", "printf", "fprintf", "snprintf", "puts",
                "strdup", "fopen", "exit", "pthread_mutex_lock", "pthread_once", "dlsym")
# Mutable state that is no state: what stands for none, and is never written to.
CONSTANT_STATE = {"region_none", "thread_heap_none"}
# Deliberately wrong sources, for the test of this test.
FIXTURE = pathlib.PurePath("tests/tidy/fixture")


# ---- sources ----

def sources(root, suffixes, folders=SOURCE_FOLDERS):
    """Paths of sources relative to `root`."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            relative = path.relative_to(root)
            if FIXTURE in relative.parents or not path.is_file():
                continue
            if path.suffix in suffixes and "corpus" not in relative.parts:
                yield relative


def without_comments(text):
    """The code alone, every comment and string replaced by blanks, lines kept."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


# ---- the table of layers ----

def table_read(readme):
    """{folder: [words of "may include"]} from the table of layers."""
    rules = {}
    inside = False
    for line in readme.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells == ["folder", "may include", "must never"]:
            inside = True
        elif inside and not line.startswith("|"):
            break
        elif inside and not set(cells[0]) <= set("-: "):
            for folder in cells[0].split(","):
                rules[folder.strip()] = [word.strip() for word in cells[1].split(",")]
    return rules


def is_allowed(include, folder, words):
    """May a file in `folder` (lib/os) include this path, relative to lib or to the root?"""
    own = folder.removeprefix("lib/")
    for word in [own] + words:
        if word == "all of lib" and not include.startswith("include/"):
            return True
        if include == word or include.startswith(word + "/"):
            return True
    return False


def resolve(root, path, include):
    """What an include means: a path below lib, or one below the root; None: not the library's."""
    beside = path.parent / include
    if (root / beside).exists():
        return beside.as_posix().removeprefix("lib/")
    if (root / "include" / include).exists():
        return "include/" + include
    if include == "names.h": # one of two, chosen by the build
        return "api/names/names.h"
    return include if (root / "lib" / include).exists() else None


def check_includes(root):
    """Includes that point up. Yields a line each."""
    rules = table_read(root / "lib" / "README.md")
    if not rules:
        yield "lib/README.md has no table of layers"
    for path in sources(root, C_SUFFIXES):
        folder = next((f for f in rules if path.as_posix().startswith(f + "/")), None)
        text = (root / path).read_text()
        for number, line in enumerate(text.splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
            if not match:
                continue
            if match.group(2).endswith(".c"):
                yield f"{path}:{number}: includes {match.group(2)}: no .c is included"
            if folder is None:
                continue
            include = resolve(root, path, match.group(2))
            if include is None:
                if folder.startswith("lib/") and match.group(1) == '"':
                    yield f"{path}:{number}: {match.group(2)} is nowhere in the library"
            elif not is_allowed(include, folder, rules[folder]):
                yield f"{path}:{number}: {folder} may not include {include}"


def check_folders(root):
    """Folders of lib the table does not know."""
    rules = table_read(root / "lib" / "README.md")
    for path in sorted((root / "lib").iterdir()):
        if path.is_dir() and f"lib/{path.name}" not in rules:
            yield f"lib/{path.name} is not in the table of layers"


# ---- what layers must never do ----

def matches(root, folders, pattern):
    """Lines of code that match, as messages."""
    for path in sources(root, C_SUFFIXES, folders):
        code = without_comments((root / path).read_text())
        for number, line in enumerate(code.splitlines(), 1):
            found = re.search(pattern, line)
            if found and not line.lstrip().startswith("#include"):
                yield f"{path}:{number}: {found.group().strip()}"


def check_calls(root):
    names = "|".join(NEVER_CALLED)
    yield from matches(root, [f"lib/{layer}" for layer in BELOW_API],
                       rf"(?<![\w>.])({names})\s*\(")


def check_system_calls(root):
    for found in matches(root, ["lib/pages", "lib/strategy", "lib/front", "lib/api", "lib/vm"],
                         r"\bkernel_call\s*\(|\bSYS_\w+|"
                         r"(?<![\w>.])(mmap|munmap|sbrk|syscall)\s*\("):
        # The machine's memory, which comes from nowhere else.
        if not found.startswith("lib/vm/memory.c:"):
            yield found


def check_locks(root):
    yield from matches(root, ["lib/strategy"], r"\block_\w+\s*\(|\bthread_\w+\s*\(")


def check_named_strategies(root):
    names = re.findall(r"^STRATEGY\((\w+)\)", (root / "lib/strategy/strategies.def").read_text(),
                       re.M)
    yield from matches(root, ["lib/front", "lib/pages"], rf"\bstrategy_({'|'.join(names)})\b")


def symbols_list(archive):
    return subprocess.run(["nm", "--format=sysv", str(archive)], capture_output=True, text=True,
                          check=True).stdout


def check_state(symbols):
    """Symbols in writable sections of objects below the api."""
    layer = None
    for line in symbols.splitlines():
        # A thin archive names objects by their paths.
        member = re.match(r"Symbols from .*\[(?:.*/)?([a-z]+)_[^/]*\.o\]:", line)
        if member:
            layer = member.group(1)
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 7 or layer not in BELOW_API:
            continue
        name, section = cells[0], cells[6]
        is_writable = re.match(r"\.(data|bss|tdata|tbss)(?!\.rel\.ro)", section) or \
            section == "*COM*"
        if is_writable and name.split(".")[0] not in CONSTANT_STATE:
            yield f"lib/{layer}: {name} in {section}"


# ---- what all sources have ----

def check_heads(root):
    for path in sources(root, TEXT_SUFFIXES):
        lines = (root / path).read_text().splitlines()
        if lines and lines[0].startswith("#!"):
            lines = lines[1:]
        if not lines or "SPDX-License-Identifier: MIT" not in lines[0]:
            yield f"{path}: no SPDX line first"
        elif path.suffix in C_SUFFIXES and not (len(lines) > 1 and lines[1].startswith("/*")):
            yield f"{path}: no header comment"


def check_columns(root):
    for path in sources(root, NARROW_SUFFIXES):
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            columns = len(line.expandtabs(TAB_COLUMNS))
            if columns > COLUMNS_MAX:
                yield f"{path}:{number}: {columns} columns"
            if line != line.rstrip():
                yield f"{path}:{number}: blanks at the end"


def check_leftovers(root):
    words = "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"))
    for path in sources(root, TEXT_SUFFIXES):
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            if re.search(rf"\b({words})\b", line):
                yield f"{path}:{number}: {line.strip()}"


def check_top_level(root):
    for path in sorted(root.iterdir()):
        if path.name not in TOP_LEVEL and not path.name.startswith((".", "build")):
            yield f"{path.name} does not belong at the top level"


# ---- the test of the test ----

WRONG_INCLUDES = {
    "lib/base/upward.h:5: lib/base may not include os/map.h",
    "lib/os/sideways.c:7: includes source.c: no .c is included",
    "lib/strategy/beside.c:8: lib/strategy may not include os/map.h",
    "lib/strategy/beside.c:9: lib/strategy may not include pages/owners.h",
    "tools/inside.c:6: tools may not include base/bits.h",
}


def check_fixture(root):
    """The includes of the fixture that are wrong are found, and no others."""
    found = set(check_includes(root / FIXTURE))
    for line in sorted(WRONG_INCLUDES - found):
        yield f"not found: {line}"
    for line in sorted(found - WRONG_INCLUDES):
        yield f"found without reason: {line}"


STATE_OF_FRONT = ("counter             |0000000000000000|   b  |            OBJECT|"
                  "0000000000000008|     |.bss\n")


def check_state_found():
    """State below the api is found in both kinds of archive, state of the api is none."""
    for member in ("front_heap.c.o", "/somewhere/liballot_core.a.p/front_heap.c.o"):
        if not list(check_state(f"Symbols from lib.a[{member}]:\n{STATE_OF_FRONT}")):
            yield f"not found: state of {member}"
    if list(check_state(f"Symbols from lib.a[api_process.c.o]:\n{STATE_OF_FRONT}")):
        yield "found without reason: state of the api"


def main():
    root = pathlib.Path(sys.argv[1])
    claims = [
        ("includes point down", check_includes(root)),
        ("an include that points up would be found", check_fixture(root)),
        ("every folder of lib is a layer", check_folders(root)),
        ("nothing below the api allocates or prints", check_calls(root)),
        ("system calls are made in base and os alone", check_system_calls(root)),
        ("no strategy takes a lock or knows a thread", check_locks(root)),
        ("no strategy is named by those who use them all", check_named_strategies(root)),
        ("every source begins with SPDX and a comment", check_heads(root)),
        ("lines have 100 columns at most and no blanks at their end", check_columns(root)),
        ("nothing is left to be done", check_leftovers(root)),
        ("the top level holds what belongs there", check_top_level(root)),
    ]
    if len(sys.argv) > 2:
        claims.append(("there is no state outside the api",
                       check_state("".join(map(symbols_list, sys.argv[2:])))))
        claims.append(("state outside the api would be found", check_state_found()))
    print(f"1..{len(claims)}")
    for number, (claim, against) in enumerate(claims, 1):
        lines = list(against)
        print(f"{'not ' if lines else ''}ok {number} - {claim}")
        for line in lines:
            print(f"# {line}")


main()
