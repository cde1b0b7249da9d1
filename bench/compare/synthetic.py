# SPDX-License-Identifier: MIT
"""
Synthetic workloads: what the program allot-workload can do.

It lists its workloads itself, measures its own time, and prints a checksum of what it computed, so
that nothing about them is written down here. Families: `micro`, one way of calling malloc and free
each; `own`, small programs of ours.
"""

import subprocess

from workload import Workload

PROGRAM = "allot-workload"
FAMILIES = ("micro", "own")
METRICS = ("seconds", "operations", "p50_ns", "p99_ns", "p9999_ns", "max_ns")


class Synthetic(Workload):
    """One workload of the program."""

    time_metric = "seconds"

    def __init__(self, program, name, family, threads, about):
        self.program = program
        self.name = name
        self.family = family
        self.threads = threads
        self.about = about
        self.has_floor = family == "micro"

    def command(self):
        return [self.program, "--scale", f"{self.scale:g}", self.name]

    def command_floor(self):
        return [self.program, "--scale", f"{self.scale:g}", "--floor", self.name]

    def read(self, output_path, driven):
        with open(output_path, encoding="utf-8", errors="replace") as file:
            said = dict(line.split(None, 1) for line in file if len(line.split(None, 1)) == 2)
        if "checksum" not in said or "seconds" not in said:
            raise ValueError("it prints no checksum, or no seconds")
        return said["checksum"].strip(), {name: float(said[name]) for name in METRICS
                                          if name in said}


def synthetic_list(program):
    """The workloads of the program at this path."""
    listing = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
    found = []
    for line in listing.stdout.splitlines():
        name, family, threads, about = line.split("\t")
        found.append(Synthetic(program, name, family, int(threads), about))
    return found
