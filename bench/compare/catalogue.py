# SPDX-License-Identifier: MIT
"""
Catalogue: every workload there is, and those the user means.
"""

import difflib
import os
import shutil
import subprocess

import elf
import synthetic
from compilers import Clang, Gcc, Gxx
from interpreters import Lua, Node, Perl, Python, Ruby
from places import program_find
from programs import Ghostscript, Git, Jq, Redis, Sqlite, Xmllint, Z3
from terminal import die, note
from workload import Workload

PROGRAMS = (Python, Perl, Ruby, Lua, Node, Sqlite, Redis, Gcc, Gxx, Clang, Git, Ghostscript, Z3,
            Jq, Xmllint)
FAMILIES = (*synthetic.FAMILIES, "program")


class UserCommand(Workload):
    """A program of the user's own, in the user's surroundings. It reads nothing."""

    family = "command"
    may_fail = True

    def __init__(self, words):
        self.words = words
        self.name = os.path.basename(words[0])
        self.about = " ".join(words)

    def command(self):
        return self.words

    def directory(self):
        return os.getcwd()

    def environment(self):
        return dict(os.environ)

    def remark(self):
        """Why no allocator takes effect in it, or None."""
        try:
            is_static = elf.Elf(shutil.which(self.words[0])).is_static()
        except (elf.Unreadable, OSError):
            return None
        return (f"{self.name} is statically linked: no allocator takes effect" if is_static
                else None)


def workloads_all(arguments):
    """(every workload, remarks about those that cannot be listed)"""
    found, remarks = [], []
    program = program_find(synthetic.PROGRAM, arguments.workload_program)
    if program is None:
        remarks.append(f"micro, own: the program {synthetic.PROGRAM} is missing here")
    else:
        try:
            found = synthetic.synthetic_list(program)
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            remarks.append(f"micro, own: {program} does not list its workloads: {error}")
    return found + [kind() for kind in PROGRAMS], remarks


def chosen_by_word(everything, word, remarks):
    """The workloads one word of the user stands for; otherwise the end."""
    chosen = [one for one in everything if word in (one.name, one.family)]
    if chosen:
        return chosen
    if word in FAMILIES:
        die(remarks[0])
    words = [one.name for one in everything] + list(FAMILIES)
    nearest = difflib.get_close_matches(word, words, 3)
    meant = " or ".join(f"'{name}'" for name in nearest)
    die(f"no workload '{word}' " + (f"(did you mean {meant}?)" if nearest else
                                    "(see allot bench --list)"))
    return []


def workloads_choose(arguments):
    """What is to run, in the order of the catalogue: (workloads, remarks)."""
    if arguments.command:
        if not shutil.which(arguments.command[0]):
            die(f"no program '{arguments.command[0]}'")
        own = UserCommand(arguments.command)
        return [own], [own.remark()] if own.remark() else []
    everything, remarks = workloads_all(arguments)
    if not arguments.workloads:
        return everything, remarks
    wanted = []
    for word in arguments.workloads:
        wanted += chosen_by_word(everything, word, remarks)
    return [one for one in everything if one in wanted], []


def workloads_list(arguments):
    """Say what there is: name, family, threads, about."""
    chosen, remarks = workloads_choose(arguments)
    width = max(len(one.name) for one in chosen)
    for one in chosen:
        why = one.missing()
        threads = f" ({one.threads} threads)" if one.threads > 1 else ""
        print(f"{one.name:{width}}  {one.family:7}  {one.about}{threads}"
              + (f" ({why})" if why else ""))
    for line in remarks:
        note(line)
