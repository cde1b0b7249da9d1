# SPDX-License-Identifier: MIT
"""
Record: a comparison as JSON, every run and what it ran on.
"""

import os
import platform
import re
import subprocess

import contenders
from summary import METRICS

SCHEMA = "allot.bench/1"
THP_FOLDER = "/sys/kernel/mm/transparent_hugepage"


def first_match(path, pattern):
    """The first group of a pattern in a file, or None."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            match = re.search(pattern, file.read(), re.M)
    except OSError:
        return None
    return match[1].strip() if match else None


def words_said(command):
    """What a command prints, or None."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def package_version(path):
    """Package and version that a file belongs to, on Debian and its children, or None."""
    owner = words_said(["dpkg-query", "--search", "*/" + os.path.basename(path)])
    if not owner:
        return None
    package = owner.splitlines()[0].rpartition(": ")[0].split(",")[0]
    return words_said(["dpkg-query", "--show", "--showformat=${Package} ${Version}", package])


def environment():
    """What the figures depend on beside the programs."""
    return {"kernel": platform.release(), "machine": platform.machine(),
            "system": first_match("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)'),
            "processor": first_match("/proc/cpuinfo", r"^model name\s*: (.*)"),
            "processors": os.cpu_count(), "processors_usable": len(os.sched_getaffinity(0)),
            "memory_kib": int(first_match("/proc/meminfo", r"^MemTotal:\s*(\d+)") or 0),
            "thp_enabled": first_match(f"{THP_FOLDER}/enabled", r"\[(\w+)\]"),
            "thp_defrag": first_match(f"{THP_FOLDER}/defrag", r"\[([\w+]+)\]"),
            "overcommit": first_match("/proc/sys/vm/overcommit_memory", r"(\d+)"),
            "load": os.getloadavg(), "python": platform.python_version()}


def allocator_record(contender, arguments):
    """Who a contender is."""
    if contender.is_allot:
        version = arguments.program and words_said([arguments.program, "--version"])
    elif contender.library:
        version = package_version(contender.library)
    else:
        version = os.confstr("CS_GNU_LIBC_VERSION")
    return {"name": contender.name, "conf": contender.conf, "version": version,
            "library": contender.library and os.path.realpath(contender.library)}


def cell_record(comparison, summary, workload, contender):
    cell = comparison.cell(workload, contender)
    record = {"workload": workload.name, "allocator": contender.name,
              "state": cell.word or ("ok" if cell.runs else "not run"), "note": cell.note,
              "runs": cell.runs}
    if cell.runs:
        names = [name for name in cell.runs[0] if name != "status"]
        record["median"] = {name: cell.median(name) for name in names}
        record["spread"] = {name: cell.spread(name) for name in names}
        record["ratio"] = {what: summary.ratio(workload, contender, what) for what in METRICS}
    return record


def means_record(summary, family):
    return {"family": family or "all",
            "workloads": [workload.name for workload in summary.common(family)],
            "of": len(summary.of_family(family)),
            "means": [{"allocator": one.name,
                       "to_best": {what: summary.mean(one, what, family) for what in METRICS},
                       "to_" + contenders.BASELINE: {
                           what: summary.mean_to_baseline(one, what, family) for what in METRICS}}
                      for one in summary.contenders]}


def make(comparison, summary, words):
    """All of it, of objects that json can write. `words` are those of the command line."""
    arguments = comparison.arguments
    return {"schema": SCHEMA, "label": "measured",
            "command": ["allot", "bench", *words], "environment": environment(),
            "rounds": arguments.rounds, "scale": arguments.scale,
            "is_interrupted": comparison.is_interrupted,
            "allocators": [allocator_record(one, arguments) for one in comparison.contenders],
            "workloads": [{"name": one.name, "family": one.family, "threads": one.threads,
                           "about": one.about, "time": summary.metric(one, "time")}
                          for one in comparison.workloads],
            "left_out": comparison.left_out, "remarks": comparison.remarks,
            "cells": [cell_record(comparison, summary, workload, contender)
                      for workload in comparison.workloads
                      for contender in comparison.contenders_of(workload)],
            "geometric_means": [means_record(summary, family)
                                for family in summary.families + [None]],
            "verdicts": {one.name: summary.verdict(one) for one in summary.passing
                         if one.is_allot}}
