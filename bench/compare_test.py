#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Tests of `allot bench` from the outside, as lines of the Test Anything Protocol.

Usage: compare_test.py ALLOT CRASH HANG, the last two being libraries whose malloc does that

The program of the synthetic workloads is a stand-in written here, which computes nothing and says
the same every time, so that what becomes of its figures is known. Everything else is real, but
small: whether figures are right cannot be tested, only whether they are handled right.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

ALLOT, CRASH, HANG = (os.path.realpath(path) for path in sys.argv[1:4])

# Its floor is twice as fast as what it does with an allocator.
STAND_IN = """#!/bin/sh
case "$1" in
--list)
    printf 'pairs\\tmicro\\t1\\tpairs of calls\\n'
    printf 'trees\\town\\t2\\ttrees\\n'
    exit ;;
esac
seconds=0.5
for word; do
    [ "$word" = --floor ] && seconds=0.25
done
printf 'checksum abc\\noperations 1000\\nseconds %s\\n' "$seconds"
case "$word" in
pairs) printf 'p50_ns 20\\np99_ns 100\\np9999_ns 2500\\nmax_ns 90000\\n' ;;
esac
"""


class Wrong(Exception):
    """Why a test fails."""


def bench(*words, **variables):
    """Run it; returns (status, standard output, standard error)."""
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("COLUMNS", "LD_PRELOAD", "ALLOT_CONF")}
    result = subprocess.run([ALLOT, "bench", *words], capture_output=True, text=True, check=False,
                            env={**environment, **variables}, timeout=100)
    return result.returncode, result.stdout, result.stderr


def want(is_right, what):
    if not is_right:
        raise Wrong(what)


def refused(words, said):
    """It must not run anything, and say so in one line."""
    status, output, error = bench(*words)
    want(status == 2 and output == "", f"{words}: status {status}, {output}")
    want(said in error.splitlines()[0], f"{words}: {error}")
    want(all(line.startswith("next:") for line in error.splitlines()[1:]), f"{words}: {error}")


def cell(record, workload, allocator):
    return next(one for one in record["cells"]
                if (one["workload"], one["allocator"]) == (workload, allocator))


# ---- what is refused before anything runs

def test_a_workload_that_is_none_has_the_nearest_named():
    refused(["sqlit", "--quick"], "no workload 'sqlit' (did you mean 'sqlite3'?)")
    refused(["nothing-like-it"], "no workload 'nothing-like-it' (see allot bench --list)")


def test_a_library_that_is_no_allocator_is_refused():
    refused(["--with", "x=/none.so", "jq"], "no library '/none.so'")
    refused(["--with", "x=libm.so.6", "jq"], "libm.so.6 is no allocator: it defines no malloc")
    refused(["--with", f"x={__file__}", "jq"], "is no shared library")
    refused(["--with", "x", "jq"], "--with wants NAME=VALUE, not 'x'")
    refused(["--with", f"allot={CRASH}", "jq"], "two allocators are called 'allot'")


def test_mistakes_of_the_command_line_are_refused():
    refused(["--conf", "x=strategy:budy", "jq"], "did you mean 'buddy'")
    refused(["--only", "glib", "jq"], "no allocator 'glib' (did you mean 'glibc'?)")
    refused(["--qick"], "no option '--qick' (did you mean '--quick'?)")
    refused(["jq", "--qick"], "--qick")
    refused(["--rounds", "0", "jq"], "'0' is no number above 0")
    refused(["--json", "--markdown"], "--json and --markdown exclude each other")
    refused(["jq", "--", "true"], "not both")
    refused(["--"], "no program to run")
    refused(["--", "./none"], "no program './none'")


def test_without_python_it_says_so():
    status, _, error = bench("--list", PATH="/none")
    want(status == 127 and error.count("\n") == 1 and "python3" in error, f"{status}: {error}")


# ---- what it measures

def test_workloads_are_listed():
    status, output, _ = bench("--list")
    want(status == 0 and output.count(" program ") >= 15, output)
    status, output, _ = bench("micro", "own", "--list", "--workload-program", "stand-in")
    want(status == 0 and [line.split() for line in output.splitlines()] ==
         [["pairs", "micro", "pairs", "of", "calls"],
          ["trees", "own", "trees", "(2", "threads)"]], output)


def test_two_workloads_three_allocators_two_rounds_as_json():
    status, output, error = bench("pairs", "jq", "--only", "allot,glibc,plain,floor",
                                  "--rounds", "2", "--scale", "0.02", "--conf", "plain=front:off",
                                  "--json", "--workload-program", "stand-in")
    want(status == 0, error)
    record = json.loads(output)
    want(record["schema"] == "allot.bench/1", record["schema"])
    want(record["command"][:3] == ["allot", "bench", "pairs"], record["command"])
    want(record["environment"]["kernel"] == os.uname().release, record["environment"])
    want([one["name"] for one in record["allocators"]] == ["allot", "glibc", "plain", "floor"],
         record["allocators"])
    want(all(len(one["runs"]) == 2 and one["state"] == "ok" for one in record["cells"]), output)
    want(len(record["cells"]) == 4 + 3, "the floor has no business in a program")
    pairs = cell(record, "pairs", "allot")
    want(pairs["ratio"]["time"] == 1 and pairs["median"]["p9999_ns"] == 2500, pairs)
    want(cell(record, "pairs", "floor")["ratio"]["time"] == 0.5, cell(record, "pairs", "floor"))
    best = [min(cell(record, "jq", name)["ratio"][what] for name in ("allot", "glibc", "plain"))
            for what in ("time", "peak")]
    want(best == [1, 1], best)
    want([(one["family"], len(one["workloads"])) for one in record["geometric_means"]]
         == [("micro", 1), ("program", 1), ("all", 2)], record["geometric_means"])
    want(record["verdicts"]["allot"]["time_peer"] == "glibc", record["verdicts"])


def test_tables_have_means_latencies_and_a_verdict():
    words = ["micro", "own", "jq", "--only", "allot,glibc,jemalloc,floor", "--rounds", "1",
             "--scale", "0.02", "--workload-program", "stand-in"]
    status, output, error = bench(*words, "--details")
    want(status == 0, error)
    for part in ("20/100/2.5k", "times jemalloc", "allot: time ", "of the best single peer",
                 "0.50/", "all (3)", "medians of 1 round;"):
        want(part in output, f"no '{part}' in\n{output}")
    _, narrow, _ = bench(*words, COLUMNS="50")
    want(all(len(line) <= 50 for line in narrow.splitlines() if "/" in line), narrow)
    _, marked, _ = bench(*words, "--markdown")
    want("| workload | family | allot | glibc | jemalloc | floor | spread |" in marked, marked)


def test_synthetic_workloads_of_the_build():
    status, output, error = bench("micro", "--only", "allot,glibc,floor", "--rounds", "1",
                                  "--scale", "0.002", "--json")
    if "allot-workload is missing" in error:
        return
    record = json.loads(output)
    want(status == 0 and len(record["cells"]) >= 3, error)
    want(all(one["median"]["seconds"] > 0 for one in record["cells"]), output)


def test_an_allocator_that_crashes_or_hangs_stops_nobody():
    status, output, _ = bench("jq", "lua", "--with", f"crash={CRASH}", "--with", f"hang={HANG}",
                              "--only", "glibc,allot,crash,hang", "--rounds", "2", "--scale",
                              "0.01", "--timeout", "2", "--json")
    record = json.loads(output)
    want(status == 1, f"status {status}")
    for workload in ("jq", "lua"):
        states = [cell(record, workload, name)["state"]
                  for name in ("allot", "glibc", "crash", "hang")]
        want(states == ["ok", "ok", "crashes", "hangs"], states)
        want("SIGSEGV" in cell(record, workload, "crash")["note"], "no signal")
        want(len(cell(record, workload, "allot")["runs"]) == 2, "a round is missing")
    want(record["geometric_means"][-1]["workloads"] == ["lua", "jq"], "no means of the others")


def test_a_program_of_the_user():
    words = ["--only", "glibc,allot", "--rounds", "2", "--"]
    status, output, _ = bench(*words, "sh", "-c", "echo x; exit 3")
    want(status == 0 and "sh " in output, f"status {status}: {output}")
    status, output, _ = bench(*words, "sh", "-c", 'echo "$LD_PRELOAD"')
    want(status == 1 and "differs" in output, f"status {status}: {output}")
    status, output, _ = bench(*words, "date", "+%N")
    want(status == 0 and "is not compared" in output, f"status {status}: {output}")


def test_an_interrupt_shows_what_was_measured():
    process = subprocess.Popen([ALLOT, "bench", "--only", "glibc,allot", "--rounds", "1000", "--",
                                "sleep", "0.1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    time.sleep(2.5)
    process.send_signal(signal.SIGINT)
    output, error = process.communicate(timeout=10)
    want(process.returncode == 130, f"status {process.returncode}: {error}")
    want("1.00" in output and "interrupted" in output, output)


def test_a_picture_names_everybody_and_is_not_overwritten():
    words = ["jq", "lua", "--only", "allot,glibc,jemalloc", "--rounds", "1", "--scale", "0.02",
             "--picture", "x.svg"]
    status, _, error = bench(*words)
    want(status == 0 and not error, error)
    texts = "".join(xml.etree.ElementTree.parse("x.svg").getroot().itertext())
    want(all(name in texts for name in ("allot", "glibc", "jemalloc", "time, times the best")),
         texts)
    refused(words, "x.svg exists: --force overwrites it")
    want(bench(*words, "--force")[0] == 0, "--force does not")


def test_instructions_are_counted():
    status, output, error = bench("--instructions", "--sizes", "64", "--only", "allot,glibc",
                                  "--json")
    want(status == 0, error)
    figures = {(one["allocator"], one["order"]): one["instructions"]
               for one in json.loads(output)["cells"]}
    want(len(figures) == 6 and all(0 < figure < 10000 for figure in figures.values()), output)


# ---- all of them

NEEDS = {"test_a_picture_names_everybody_and_is_not_overwritten": "gnuplot",
         "test_instructions_are_counted": "valgrind"}


def main():
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    folder = tempfile.mkdtemp(prefix="allot-bench-test-")
    os.chdir(folder)
    with open("stand-in", "w", encoding="utf-8") as file:
        file.write(STAND_IN)
    os.chmod("stand-in", 0o755)
    print(f"1..{len(tests)}")
    for number, (name, test) in enumerate(tests, 1):
        claim = name.removeprefix("test_").replace("_", " ")
        if name in NEEDS and not shutil.which(NEEDS[name]):
            print(f"ok {number} - {claim} # SKIP {NEEDS[name]} is not installed")
            continue
        try:
            test()
            print(f"ok {number} - {claim}", flush=True)
        except (Wrong, KeyError, StopIteration, ValueError, OSError) as why:
            print(f"not ok {number} - {claim}")
            print("\n".join("# " + line for line in f"{why!r} {why}".splitlines()), flush=True)
    shutil.rmtree(folder)


main()
