# SPDX-License-Identifier: MIT
"""
Places: where the programs are that this one needs.

It lies in bench/compare of a build directory, or in libexec/allot/bench of an installation, and
looks for the others from there. The library is named by `allot`, which finds it for every command.
"""

import os

HERE = os.path.dirname(os.path.realpath(__file__))

# By name: their folders, seen from here, in a build and in an installation.
PROGRAMS = {
    "allot-measure": ("../../tools", ".."),
    "allot-pair": ("..",),
    "allot-workload": ("../workload", ".."),
}


def program_find(name, given=None):
    """The path of one of them, or None when it is not there."""
    paths = [given] if given else [os.path.join(HERE, folder, name) for folder in PROGRAMS[name]]
    for path in paths:
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return os.path.realpath(path)
    return None
