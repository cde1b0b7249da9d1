# SPDX-License-Identifier: MIT
"""
Instructions of a malloc and its free, allocators side by side.

Time on a shared machine wobbles; the instructions a pair takes do not. Each figure is the
difference of two runs of allot-pair under valgrind's callgrind, by the difference of their counts,
less what the same loop takes with empty functions. So it is what the allocator's two functions
execute, their calls through the linkage table not included, everything done once left out.

Instructions are not time: a cache miss costs a hundred of them. But a path that takes twice the
instructions is seldom the shorter one.
"""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys

import contenders
import table
import terminal
from places import program_find

SCHEMA = "allot.bench.instructions/1"
ORDERS = ("once", "fifo", "lifo")
SIZES = (16, 64, 200, 1000, 4000)
COUNTS = (2000, 8000)
TIMEOUT_S = 300


def sizes_read(text):
    """Block sizes as given by the user."""
    try:
        sizes = [int(word) for word in text.split(",")]
    except ValueError:
        sizes = [0]
    if min(sizes) < 1:
        terminal.die(f"--sizes wants numbers of bytes, not '{text}'")
    return sizes


class Failure(Exception):
    """Why a cell has no figure."""


def instructions_count(pair, environment, order, count, size):
    """Instructions of one whole run."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", pair, order,
               str(count), str(size)]
    try:
        result = subprocess.run(command, env=environment, capture_output=True, text=True,
                                errors="replace", timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as late:
        raise Failure(f"not done after {TIMEOUT_S} s") from late
    if "cannot be preloaded" in result.stderr:
        raise Failure("the library cannot be preloaded")
    match = re.search(r"Collected : (\d+)", result.stderr)
    if result.returncode != 0 or not match:
        own = [line for line in result.stderr.splitlines() if not line.startswith("==")]
        raise Failure(own[-1] if own else f"valgrind ended with status {result.returncode}")
    return int(match[1])


def pair_instructions(pair, environment, order, size):
    """Instructions a pair, the loop included."""
    low, high = (instructions_count(pair, environment, order, count, size) for count in COUNTS)
    return (high - low) / (COUNTS[1] - COUNTS[0])


def cell_measure(pair, contender, order, size, loops):
    """One figure of the table. `loops` keeps what the empty loops take, by order."""
    if order not in loops:
        plain = contenders.Contender("none").environment(os.environ)
        loops[order] = pair_instructions(pair, plain, "none-" + order, size)
    environment = contender.environment(os.environ)
    return pair_instructions(pair, environment, order, size) - loops[order]


def table_measure(arguments, chosen):
    """All figures: {(contender's name, size, order): figure}, and failures by the same keys."""
    figures, failures, loops, given_up = {}, {}, {}, set()
    for contender, size, order in itertools.product(chosen, arguments.sizes, ORDERS):
        key = (contender.name, size, order)
        terminal.progress(f"{contender.name}: {size} bytes, {order}")
        if contender.name in given_up:
            continue
        try:
            figures[key] = cell_measure(arguments.pair, contender, order, size, loops)
        except Failure as failure:
            failures[key] = str(failure)
            # A library that never runs under valgrind would only repeat itself.
            if not any(name == contender.name for name, _, _ in figures):
                given_up.add(contender.name)
    terminal.progress("")
    return figures, failures


def rows_make(arguments, chosen, figures):
    keys = list(itertools.product(arguments.sizes, ORDERS))
    rows = [["instructions a pair"] + [f"{size} {order}" for size, order in keys]]
    for contender in chosen:
        values = [figures.get((contender.name, size, order)) for size, order in keys]
        rows.append([contender.name] + ["-" if v is None else f"{v:.0f}" for v in values])
    return rows


def json_make(chosen, figures, failures, words):
    cells = [{"allocator": name, "bytes": size, "order": order, "instructions": value}
             for (name, size, order), value in figures.items()]
    cells += [{"allocator": name, "bytes": size, "order": order, "failure": why}
              for (name, size, order), why in failures.items()]
    return {"schema": SCHEMA, "label": "measured", "command": ["allot", "bench", *words],
            "allocators": [{"name": c.name, "library": c.library, "conf": c.conf}
                           for c in chosen],
            "cells": cells}


def main(arguments, words):
    """Count, print; returns the exit status."""
    if not shutil.which("valgrind"):
        terminal.die("--instructions needs valgrind (package valgrind)")
    arguments.pair = program_find("allot-pair")
    if arguments.pair is None:
        terminal.die("the program allot-pair is missing from this installation")
    chosen, remarks = contenders.contenders_choose(arguments)
    figures, failures = table_measure(arguments, chosen)
    if arguments.json:
        json.dump(json_make(chosen, figures, failures, words), sys.stdout, indent=1)
        print()
        return terminal.STATUS_FAILED if failures else 0
    as_table = table.as_markdown if arguments.markdown else table.as_text
    print(as_table(rows_make(arguments, chosen, figures), 1, terminal.columns()) + "\n")
    for line in remarks + [f"{name} {size} {order}: {why}"
                           for (name, size, order), why in failures.items()]:
        print(line + ("  " if arguments.markdown else ""))
    return terminal.STATUS_FAILED if failures else 0
