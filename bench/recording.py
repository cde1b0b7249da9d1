#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What recording costs: a program under allot, recorded in three ways, and under heaptrack.

The program is an interpreter with its own allocator switched off (PYTHONMALLOC=malloc) that reads
and writes JSON, the densest stream of small requests a real program makes. Rounds are interleaved;
a figure is the median over the rounds with the distance between the least and the most. What an
event costs is the time beyond that of the same program unrecorded, by the count of events: for
heaptrack beyond glibc's malloc, which it records.

Usage: recording.py ALLOT LIBRARY [--rounds N] [--turns N] [--json]
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

WORKLOAD = """
import json, sys
records = [{"id": i, "name": "record-%d" % i, "tags": [str(k) for k in range(5)], "size": i / 3}
           for i in range(5000)]
text = json.dumps(records)
for turn in range(int(sys.argv[1])):
    json.dumps(json.loads(text))
"""


def arguments_read():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("allot", help="the allot command")
    parser.add_argument("library", help="liballot.so")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turns", type=int, default=60, help="of the workload")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


class Way:
    """One way to run the program."""

    def __init__(self, name, prefix, environment, base):
        self.name, self.prefix, self.environment, self.base = name, prefix, environment, base
        self.seconds, self.events, self.bytes = [], 0, 0

    def run(self, program, folder):
        output = os.path.join(folder, "trace")
        prefix = [word.replace("OUTPUT", output) for word in self.prefix]
        start = time.monotonic()
        done = subprocess.run(prefix + program, env={**os.environ, **self.environment},
                              capture_output=True, text=True, check=False)
        self.seconds.append(time.monotonic() - start)
        if done.returncode != 0:
            sys.exit("recording: %s: status %d\n%s" % (self.name, done.returncode, done.stderr))
        found = re.search(r"(\d+) events, (\d+) bytes", done.stderr)
        if found:
            self.events, self.bytes = int(found[1]), int(found[2])
        for name in os.listdir(folder):
            if not found:
                self.bytes = max(self.bytes, os.path.getsize(os.path.join(folder, name)))
            os.remove(os.path.join(folder, name))


def ways_make(allot, library):
    ways = [Way("glibc", [], {}, None), Way("allot", [], {"LD_PRELOAD": library}, None)]
    for name, options in (("record --depth 0", ["--depth", "0"]),
                          ("record --sample 512k", ["--sample", "512k"]), ("record", [])):
        prefix = [allot, "record", "-f", "-o", "OUTPUT", *options, "--"]
        ways.append(Way(name, prefix, {}, "allot"))
    if shutil.which("heaptrack"):
        ways.append(Way("heaptrack", ["heaptrack", "-o", "OUTPUT"], {}, "glibc"))
    else:
        print("heaptrack is not installed: it is left out", file=sys.stderr)
    return ways


def figures_make(ways):
    medians = {way.name: statistics.median(way.seconds) for way in ways}
    events = max(way.events for way in ways)
    figures = []
    for way in ways:
        figure = {"name": way.name, "seconds": medians[way.name],
                  "spread": max(way.seconds) - min(way.seconds)}
        if way.base:
            beyond = medians[way.name] - medians[way.base]
            figure |= {"times": medians[way.name] / medians[way.base],
                       "ns_an_event": beyond * 1e9 / events, "bytes_an_event": way.bytes / events}
        figures.append(figure)
    return figures, events


def table_write(figures, events, rounds):
    print("%d events; medians of %d rounds, spread is the most less the least (measured)\n"
          % (events, rounds))
    print("%-22s %9s %8s %8s %12s %14s" %
          ("", "seconds", "spread", "times", "ns an event", "bytes an event"))
    for figure in figures:
        line = "%-22s %9.2f %8.2f" % (figure["name"], figure["seconds"], figure["spread"])
        if "times" in figure:
            line += " %8.2f %12.1f %14.2f" % (figure["times"], figure["ns_an_event"],
                                             figure["bytes_an_event"])
        print(line)


def main():
    options = arguments_read()
    os.environ |= {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"}
    os.environ.pop("ALLOT_CONF", None)
    ways = ways_make(options.allot, options.library)
    with tempfile.TemporaryDirectory() as folder, \
            tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        # In a file: heaptrack cannot read arguments of several lines back. By the interpreter
        # itself, where python3 is a script that chooses one.
        script.write(WORKLOAD)
        script.flush()
        program = [sys.executable, script.name, str(options.turns)]
        for turn in range(options.rounds):
            for way in ways[turn % len(ways):] + ways[:turn % len(ways)]:
                way.run(program, folder)
    figures, events = figures_make(ways)
    if options.json:
        json.dump({"schema": "allot.recording/1", "events": events, "rows": figures}, sys.stdout)
    else:
        table_write(figures, events, options.rounds)


main()
