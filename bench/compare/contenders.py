# SPDX-License-Identifier: MIT
"""
Contenders: the allocators that are compared, and how a program is started under each.

A contender is a name and an environment. allot's have LD_PRELOAD and ALLOT_CONF, other libraries
LD_PRELOAD, the C library's malloc nothing, or, for a program that brings another allocator along,
the C library itself preloaded. Everything the user names is checked here, before anything runs.

Not here: what is run, and what is measured.
"""

import difflib
import json
import os
import re
import subprocess

import elf
from terminal import die

NAME_PATTERN = re.compile(r"[A-Za-z0-9_.+-]+\Z")

REFERENCE = "glibc"
BASELINE = "jemalloc"
FLOOR = "floor"
CONF_FILE = "/etc/allot.conf"

# Name, library, and the package of Debian that holds it.
PEERS = (
    (BASELINE, "libjemalloc.so.2", "libjemalloc2"),
    ("mimalloc", "libmimalloc.so.2", "libmimalloc2.0"),
    ("tcmalloc", "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"),
    ("tbbmalloc", "libtbbmalloc_proxy.so.2", "libtbbmalloc2"),
)


class Contender:
    """One column of a comparison."""

    def __init__(self, name, library=None, conf=None, is_allot=False):
        self.name = name
        self.library = library  # path to preload, or None for the C library's malloc
        self.conf = conf        # ALLOT_CONF, or None for none
        self.is_allot = is_allot

    @property
    def is_floor(self):
        """No allocator, but what the program of the micro workloads serves itself."""
        return self.name == FLOOR

    @property
    def is_peer(self):
        return not self.is_allot and not self.is_floor

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
    """A library as given by the user, as a path to a malloc; otherwise the end."""
    path = os.path.abspath(text) if "/" in text else library_find(text)
    if path is None or not os.path.isfile(path):
        die(f"no library '{text}'")
    if re.search(r"[\s:]", path):
        die(f"LD_PRELOAD cannot name '{path}': it has a blank or a colon in it")
    try:
        file = elf.Elf(path)
        if not file.is_library():
            die(f"{path} is no shared library")
        if not file.defines("malloc"):
            die(f"{path} is no allocator: it defines no malloc")
    except elf.Unreadable as why:
        die(f"{path} {why}")
    except OSError as error:
        die(f"{path}: {error.strerror}")
    return path


def pair_split(text, what):
    """NAME=VALUE as given by the user."""
    name, equals, value = text.partition("=")
    if not equals or not value or not NAME_PATTERN.match(name):
        die(f"{what} wants NAME=VALUE, not '{text}'")
    return name, value


def conf_check(contender):
    """Leave with allot's own words when it does not accept a configuration."""
    strict = Contender(contender.name, contender.library, contender.conf + ",abort_conf:true")
    result = subprocess.run(["/bin/true"], env=strict.environment(os.environ), check=False,
                            capture_output=True, text=True)
    if result.returncode != 0 or "cannot be preloaded" in result.stderr:
        said = result.stderr.strip().splitlines() or [f"status {result.returncode}"]
        die(f"--conf {contender.name}={contender.conf}: "
            + said[0].removeprefix("allot: ALLOT_CONF: "))


def strategies_list(program):
    """(name, configuration) of each strategy by itself, as `allot list` has them."""
    listing = subprocess.run([program, "list", "--json"], capture_output=True, text=True,
                             check=True)
    return [(strategy["name"], f"strategy:{strategy['name']},front:off")
            for strategy in json.loads(listing.stdout)["strategies"]]


def peers_choose(given):
    """The peers installed and those the user adds or replaces: (contenders, remarks)."""
    chosen, remarks = [], []
    for name, library, package in PEERS:
        path = library_find(library)
        if name in given:
            path = library_resolve(given[name])
        if path is None:
            remarks.append(f"{name}: not installed (package {package}), left out")
        else:
            chosen.append(Contender(name, path))
    known = [peer[0] for peer in PEERS]
    chosen += [Contender(name, library_resolve(path)) for name, path in given.items()
               if name not in known]
    return chosen, remarks


def narrowed(chosen, text):
    """Those of the contenders that --only names."""
    names = [contender.name for contender in chosen] + [FLOOR]
    wanted = text.split(",")
    for name in wanted:
        package = next((row[2] for row in PEERS if row[0] == name), None)
        if name not in names and package:
            die(f"{name} is not installed (package {package})")
        if name not in names:
            nearest = difflib.get_close_matches(name, names, 1)
            die(f"no allocator '{name}' "
                + (f"(did you mean '{nearest[0]}'?)" if nearest else
                   f"(there are {', '.join(names)})"))
    if wanted == [FLOOR]:
        die(f"--only wants an allocator beside the {FLOOR}")
    return [contender for contender in chosen if contender.name in wanted]


def contenders_choose(arguments):
    """
    Who takes part: allot and the C library, the peers, then what the user adds. Returns
    (contenders, remarks).
    """
    pairs = [pair_split(text, "--with") for text in arguments.peers]
    confs = [pair_split(text, "--conf") for text in arguments.conf]
    if arguments.strategies:
        confs += strategies_list(arguments.program)
    taken = ["allot", REFERENCE, FLOOR] + [name for name, _ in pairs + confs]
    for name in taken:
        if taken.count(name) > 1:
            die(f"two allocators are called '{name}'")
    chosen = [Contender("allot", arguments.library, is_allot=True), Contender(REFERENCE)]
    peers, remarks = peers_choose(dict(pairs))
    chosen += peers
    for name, conf in confs:
        if name in [contender.name for contender in chosen]:
            die(f"two allocators are called '{name}'")
        chosen.append(Contender(name, arguments.library, conf, is_allot=True))
        conf_check(chosen[-1])
    if os.path.exists(CONF_FILE):
        remarks.append(f"allot is configured by {CONF_FILE}, too")
    if arguments.only:
        chosen = narrowed(chosen, arguments.only)
        remarks = [line for line in remarks if line.startswith("allot ")]
    return chosen, remarks
