# SPDX-License-Identifier: MIT
"""
Contenders: the allocators a script compares, and how a program is started under each.

A contender is a name and an environment. allot's have LD_PRELOAD and ALLOT_CONF, other libraries
LD_PRELOAD, the C library's malloc nothing, or, for a program that brings another allocator along,
the C library itself preloaded.

Also here, because both scripts need it: finding what the build made, and printing tables. Not
here: what is measured.
"""

import argparse
import os
import re
import subprocess
import sys

BENCH_DIR = os.path.dirname(os.path.realpath(__file__))
NAME_PATTERN = re.compile(r"[A-Za-z0-9_.+-]+\Z")


def die(text):
    """Leave with a message about how the script was called."""
    program = os.path.basename(sys.argv[0])
    print(f"{program}: {text}", file=sys.stderr)
    sys.exit(2)


class Contender:
    """One column of a comparison."""

    def __init__(self, name, library=None, conf=None):
        self.name = name
        self.library = library  # path to preload, or None for the C library's malloc
        self.conf = conf        # ALLOT_CONF, or None for none

    def environment(self, base, has_own_malloc=False):
        """
        The variables to start a program with. `has_own_malloc` says that it is linked with an
        allocator; then even the C library's malloc has to be put in front.
        """
        result = {k: v for k, v in base.items() if k not in ("LD_PRELOAD", "ALLOT_CONF")}
        if self.library:
            result["LD_PRELOAD"] = self.library
        elif has_own_malloc:
            result["LD_PRELOAD"] = library_find("libc.so.6") or "libc.so.6"
        if self.conf is not None:
            result["ALLOT_CONF"] = self.conf
        return result


def library_find(name):
    """The path the linker would find for a file name, or None."""
    try:
        listing = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True,
                                 check=False).stdout
    except OSError:
        return None
    found = None
    for line in listing.splitlines():
        match = re.match(r"\s*(\S+) \((.*)\) => (.*)", line)
        if match and match[1] == name:
            # "libc6" alone is the 32-bit one where "libc6,x86-64" is there as well.
            if "," in match[2]:
                return match[3]
            found = found or match[3]
    return found


def library_resolve(text):
    """A library as given by the user, as a path that exists; otherwise the end."""
    path = os.path.abspath(text) if "/" in text else library_find(text)
    if path is None or not os.path.exists(path):
        die(f"no library '{text}'")
    if re.search(r"[\s:]", path):
        die(f"LD_PRELOAD cannot name '{path}': it has a blank or a colon in it")
    return path


def pair_split(text, what):
    """NAME=VALUE as given by the user."""
    name, equals, value = text.partition("=")
    if not equals or not NAME_PATTERN.match(name):
        die(f"{what} wants NAME=VALUE, not '{text}'")
    return name, value


def built_find(relative, given, what):
    """
    A file that the build makes: `given` by the user, or looked for where a build usually is.
    None when there is none; an error when the user named one that does not exist.
    """
    if given:
        path = os.path.abspath(given)
        if not os.path.exists(path):
            die(f"no {what} at '{given}'")
        return path
    roots = [os.environ.get("MESON_BUILD_ROOT"), os.getcwd(), os.path.join(os.getcwd(), "build"),
             os.path.join(BENCH_DIR, "..", "build")]
    for root in filter(None, roots):
        path = os.path.realpath(os.path.join(root, relative))
        if os.path.exists(path):
            return path
    return None


def conf_check(contender):
    """Leave with allot's own words when it does not accept a configuration."""
    strict = Contender(contender.name, contender.library, contender.conf + ",abort_conf:true")
    result = subprocess.run(["/bin/true"], env=strict.environment(os.environ), check=False,
                            capture_output=True, text=True)
    if result.returncode != 0 or "cannot be preloaded" in result.stderr:
        die(f"--conf {contender.name}={contender.conf}: "
            + (result.stderr.strip() or f"status {result.returncode}"))


def options_add(parser):
    """The options that say who takes part."""
    parser.add_argument("--conf", metavar="NAME=CONF", action="append", default=[],
                        help="allot with this ALLOT_CONF as another contender; may be repeated")
    parser.add_argument("--with", metavar="NAME=LIB", action="append", default=[], dest="peers",
                        help="another library to preload; may be repeated")
    parser.add_argument("--lib", metavar="FILE",
                        help="liballot.so (default: that of the build directory)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON instead of a table")
    form.add_argument("--markdown", action="store_true", help="print a markdown table")


def contenders_choose(arguments, defaults):
    """
    Who takes part: the C library, allot's `defaults` (name, conf) and the user's, and the peers;
    jemalloc is one of them where it is installed. Returns (contenders, remarks).
    """
    remarks = []
    chosen = [Contender("glibc")]
    library = built_find("lib/liballot.so", arguments.lib, "liballot.so")
    if library is None:
        die("no liballot.so found: build it, or name it with --lib FILE")
    for name, conf in list(defaults) + [pair_split(text, "--conf") for text in arguments.conf]:
        chosen.append(Contender(name, library_resolve(library), conf))
        if conf:
            conf_check(chosen[-1])
    peers = [pair_split(text, "--with") for text in arguments.peers]
    if "jemalloc" not in [name for name, _ in peers]:
        if library_find("libjemalloc.so.2"):
            peers.insert(0, ("jemalloc", "libjemalloc.so.2"))
        else:
            remarks.append("jemalloc: not installed (libjemalloc2), left out")
    chosen += [Contender(name, library_resolve(path)) for name, path in peers]
    names = [contender.name for contender in chosen]
    for name in names:
        if names.count(name) > 1:
            die(f"two contenders are called '{name}'")
    return chosen, remarks


def progress(text):
    """A line that overwrites itself, on a terminal only."""
    if sys.stderr.isatty():
        width = 78
        print("\r" + text[:width].ljust(width) + "\r", end="", file=sys.stderr, flush=True)


def table_text(rows, left=1):
    """Rows of equal length as aligned text; the first is the head, `left` columns stand left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) if i < left else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def table_markdown(rows, left=1):
    """The same as a markdown table."""
    rule = ["---" if i < left else "---:" for i in range(len(rows[0]))]
    return "\n".join("| " + " | ".join(row) + " |" for row in [rows[0], rule] + rows[1:])


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the description's lines as they are."""
