#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`allot top`: its figures against what programs know of themselves, and its screen. Prints TAP.

Usage: top_test.py ALLOT LIBRARY WATCHED RECORDED

A claim is a function that yields a line for each thing that is not so.
"""
import collections
import contextlib
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback

from terminal import Terminal

# Absolute, as some are started in other folders.
ALLOT, LIBRARY, WATCHED, RECORDED = map(os.path.abspath, sys.argv[1:5])
CLAIM_SECONDS = 20  # and it has failed; on a busy machine each takes one or two
COUNT, BYTES = 500, 12345
UTF8 = {"LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
TABS = ("stacks", "size classes", "pages", "threads", "faults")
# Of the log of `recorded`, see recorded.h there.
LOG_HEADER_BYTES, LOG_BYTES = 64, 8 << 20
ENTRY = struct.Struct("=i4xQQQQ")
FREE, RESIZE = 4, 5
LARGE_BYTES = 8192  # what only the program itself asks for


def top(*arguments, **options):
    return subprocess.run([ALLOT, "top", *arguments], text=True, capture_output=True,
                          timeout=10, env={**os.environ, **UTF8}, **options)


def looks(output):
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def class_of(look, size):
    for row in look["classes"]:
        if row["bytes_from"] <= size <= row["bytes_to"]:
            return row
    return collections.Counter()


@contextlib.contextmanager
def recorded(folder, seconds=20, **environment):
    """A process of `watched` that is recorded into a file, once it holds what it is to hold."""
    environment = {**os.environ, "LD_PRELOAD": LIBRARY,
                   "ALLOT_CONF": f"trace:{folder}/%p.raw", **environment}
    process = subprocess.Popen([WATCHED, str(seconds), str(COUNT), str(BYTES)], text=True,
                               stdout=subprocess.PIPE, env=environment)
    try:
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def held_is_told(look):
    row = class_of(look, BYTES)
    if look["label"] != "exact":
        yield f"figures are '{look['label']}'"
    for key, value in (("allocations", COUNT), ("live_blocks", COUNT // 2),
                       ("live_bytes", COUNT // 2 * BYTES)):
        if row[key] != value:
            yield f"{key} of blocks of {BYTES} bytes: {row[key]}, not {value}"
    held = [row["own_bytes"] for row in look["functions"] if row["function"] == "main"]
    if not held or held[0] < COUNT // 2 * BYTES:
        yield f"main() holds {held}"
    ledger = look["ledger"]
    terms = sum(ledger[key] for key in ("requested", "rounding", "tags", "pinned_free",
                                        "reclaimable_free", "metadata", "recorder"))
    if terms - ledger["untouched"] != ledger["resident"]:
        yield f"the ledger comes to {terms - ledger['untouched']} of {ledger['resident']}"
    if look["threads"][0]["allocations"] < COUNT:
        yield "the first thread did not allocate them"


# ---- text -----------------------------------------------------------------------------------


def program_is_followed_to_its_end(_):
    result = top("--batch", "0", "--json", "-i", "0.2", "--", WATCHED, "0.5", str(COUNT),
                 str(BYTES))
    if result.returncode != 7:
        yield f"status {result.returncode}, not the program's: {result.stderr}"
    found = looks(result.stdout)
    if len(found) < 2 or not found[-1]["is_ended"]:
        yield f"{len(found)} looks, and the last is not at the end"
        return
    yield from held_is_told(found[-1])
    if not any(look["allocations_per_s"] > 1000 for look in found[1:]):
        yield "no look tells of allocations a second"
    if "ready" not in result.stderr:
        yield "the program's output did not go to standard error"


def program_that_becomes_another_is_followed(_):
    result = top("--batch", "0", "--json", "-i", "0.2", "--", "/bin/sh", "-c",
                 f"exec {WATCHED} 0.3 {COUNT} {BYTES} exec")
    yield from held_is_told(looks(result.stdout)[-1])


def log_entries(path, thread):
    data = pathlib.Path(path).read_bytes()[thread * LOG_BYTES:(thread + 1) * LOG_BYTES]
    count = struct.unpack_from("=Q", data)[0]
    for i in range(count):
        yield ENTRY.unpack_from(data, LOG_HEADER_BYTES + i * ENTRY.size)


def log_sums(path, threads):
    """Allocations by class, and of one thread also what is live, by class."""
    allocations, live, blocks = collections.Counter(), collections.Counter(), {}
    for thread in range(threads):
        for kind, old, address, size, _ in log_entries(path, thread):
            if kind in (FREE, RESIZE) and threads == 1:
                live.subtract([blocks.pop(old, 0)])
            if kind != FREE and address != 0:
                allocations[size] += 1
                blocks[address] = size
                live[size] += 1
    return allocations, live


def figures_are_the_programs(folder, mode, threads):
    log = f"{folder}/{mode}.log"
    result = top("--batch", "0", "--json", "--", RECORDED, log, mode, "12000")
    look = looks(result.stdout)[-1]
    allocations, live = log_sums(log, threads)
    if look["unknown_frees"] != 0 or look["label"] != "exact":
        yield f"{look['unknown_frees']} frees of unknown blocks, figures are {look['label']}"
    for row in look["classes"]:
        if row["bytes_from"] < LARGE_BYTES:
            continue
        within = range(row["bytes_from"], row["bytes_to"] + 1)
        logged = sum(count for size, count in allocations.items() if size in within)
        if row["allocations"] != logged:
            yield f"{within}: {row['allocations']} allocations, {logged} were logged"
        logged = sum(count for size, count in live.items() if size in within)
        if threads == 1 and row["live_blocks"] != logged:
            yield f"{within}: {row['live_blocks']} are live, {logged} were logged"


def figures_of_one_thread_are_the_programs(folder):
    yield from figures_are_the_programs(folder, "calls", 1)


def figures_of_four_threads_are_the_programs(folder):
    yield from figures_are_the_programs(folder, "threads", 4)


def process_that_runs_is_watched(folder):
    with recorded(folder) as process:
        result = top("--once", "--json", "-i", "0.3", str(process.pid))
        if result.returncode != 0 or not looks(result.stdout):
            yield f"status {result.returncode}: {result.stderr}"
            return
        yield from held_is_told(looks(result.stdout)[-1])
        for view, word in (("stacks", "function"), ("classes", "requests of"),
                           ("pages", "a place is"), ("threads", "of others"),
                           ("faults", "minor faults")):
            text = top("--once", "-i", "0.1", "--view", view, str(process.pid)).stdout
            if word not in text or f"top {process.pid}" not in text:
                yield f"view {view} does not say '{word}'"
        before = pathlib.Path(f"{folder}/{process.pid}.raw").read_bytes()[:8]
        if before != b"ALLOTRAW" or process.poll() is not None:
            yield "watching it did harm"


def process_that_ends_is_told(folder):
    with recorded(folder, seconds=0.4) as process:
        result = top("--batch", "0", "--json", "-i", "0.1", str(process.pid))
        found = looks(result.stdout)
        if not found or not found[-1]["is_ended"] or result.returncode != 0:
            yield f"status {result.returncode} after {len(found)} looks: {result.stderr}"


def child_of(process):
    """The first child of a process, once it has become another program."""
    for _ in range(100):
        children = pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()
        if children and "watched" in os.readlink(f"/proc/{children[0]}/exe"):
            return int(children[0])
        time.sleep(0.02)
    raise LookupError("no child")


def second_reader_says_what_it_misses(folder):
    # So many that the first reader has emptied some of the recording before.
    record = subprocess.Popen([ALLOT, "record", "-o", f"{folder}/trace", "--", WATCHED, "20",
                               "40000", "64"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        record.stdout.readline()
        time.sleep(0.1)
        watched = child_of(record.pid)
        look = looks(top("--once", "--json", "-i", "0.2", str(watched)).stdout)[-1]
        if look["reader"] != record.pid or look["missed_slots"] == 0:
            yield f"reader {look['reader']}, {look['missed_slots']} slots missed"
        if not look["label"].startswith("estimate"):
            yield f"figures are {look['label']}"
        text = top("--once", "-i", "0.1", str(watched)).stdout
        if f"process {record.pid} reads the recording too" not in text:
            yield "the screen does not say so"
        os.kill(watched, signal.SIGTERM)
        record.wait(10)
        if not pathlib.Path(folder, "trace").exists():
            yield "the recording was disturbed"
    finally:
        record.kill()
        record.wait()
        record.stdout.close()


def what_cannot_be_watched_is_refused(_):
    own = str(os.getpid())
    for arguments, status, word in (
            ([own], 1, "allot top -- "), (["999999999"], 1, "no process 999999999"),
            (["python"], 125, "is no process's number"), ([], 125, "no process"),
            (["--json", own], 125, "--once"), (["--view", "heap", own], 125, "stacks"),
            (["--once", "--", "/no/such/program"], 127, "no program"),
            (["--interval", "0", own], 125, "seconds")):
        result = top(*arguments)
        lines = result.stderr.splitlines()
        if result.returncode != status or word not in result.stderr or not lines:
            yield f"{arguments}: {result.returncode} and '{result.stderr.strip()}'"
        if result.stdout:
            yield f"{arguments}: something on standard output"


# ---- the screen -----------------------------------------------------------------------------


def tabs_are_drawn(terminal, rows, columns):
    for key, name in enumerate(TABS, 1):
        terminal.key(str(key))
        if not terminal.wait(lambda text, k=key, n=name: f"[{k} {n}]" in text):
            yield f"{columns} x {rows}: no tab {name}"
            return
        lines = terminal.screen.text().split("\n")
        if len(lines) != rows or not lines[0].startswith("allot top ") or "up" not in lines[0]:
            yield f"{columns} x {rows}: {name} has no head: {lines[0]}"
        if "requested" not in lines[1] or "requested" not in lines[3]:
            yield f"{columns} x {rows}: {name} has no ledger"
        tabs = next(row for row, line in enumerate(lines) if f"[{key} {name}]" in line)
        if not lines[tabs + 1].strip() or not lines[tabs + 2].strip():
            yield f"{columns} x {rows}: {name} is empty"
    if terminal.screen.unknown:
        yield f"unknown controls {terminal.screen.unknown}"


def screen_shows_everything_and_takes_keys(folder):
    with recorded(folder) as process:
        terminal = Terminal([ALLOT, "top", "-i", "0.1", str(process.pid)], cwd=folder, **UTF8)
        if not terminal.wait(lambda text: "requested " in text and "[1 stacks]" in text):
            yield "no screen"
            return
        yield from tabs_are_drawn(terminal, 24, 80)
        terminal.resize(40, 120)
        yield from tabs_are_drawn(terminal, 40, 120)
        for keys, claim in (("1o", lambda text: "by own" in text),
                            ("a", lambda text: "by allocations" in text),
                            ("t", lambda text: "by total" in text),
                            (">", lambda text: "thread 0" in text),
                            ("<", lambda text: "thread 0" not in text),
                            ("?", lambda text: "pause the screen" in text),
                            ("?", lambda text: "pause the screen" not in text),
                            (" ", lambda text: "paused" in text),
                            (" ", lambda text: "paused" not in text),
                            ("/zzz\r", lambda text: "/zzz" in text and "B  " not in
                             text.split("own")[-1]),
                            ("\x1b", lambda text: "/zzz" not in text),
                            ("d", lambda text: "json is written" in text)):
            terminal.key(keys)
            if not terminal.wait(claim, 3):
                yield f"key {keys!r} does nothing"
                return
        terminal.resize(10, 30)
        if not terminal.wait(lambda text: "too small" in text):
            yield "a screen that is too small does not say so"
        saved = pathlib.Path(folder, f"allot.top.{process.pid}.json")
        terminal.key("q")
        if terminal.end() != 0 or not terminal.is_restored():
            yield f"status {terminal.status}, restored: {terminal.is_restored()}"
        if not saved.exists() or json.loads(saved.read_text())["schema"] != "allot.report/1":
            yield "d wrote no report"


def plain_terminals_will_do(folder):
    for environment in ({"TERM": "vt100", "LC_ALL": "C"},
                        {**UTF8, "NO_COLOR": "1"}):
        terminal = Terminal([ALLOT, "top", "-i", "0.1", "--", WATCHED, "20", "100", "5000"],
                            **environment)
        if not terminal.wait(lambda text: "requested " in text and "[1 stacks]" in text):
            yield f"{environment}: no screen"
            return
        if environment["LC_ALL"] == "C" and not terminal.screen.text().isascii():
            yield "more than ASCII in a locale of ASCII"
        terminal.key("q")
        if terminal.end() != 128 + signal.SIGTERM or not terminal.is_restored():
            yield f"{environment}: status {terminal.status}"
    terminal = Terminal([ALLOT, "top", "--", WATCHED, "20", "100", "5000"], TERM="no-such")
    if terminal.end() != 125:
        yield f"an unknown terminal: status {terminal.status}"


def signals_restore_the_terminal(folder):
    with recorded(folder) as process:
        for number in (signal.SIGTERM, signal.SIGINT):
            terminal = Terminal([ALLOT, "top", "-i", "0.1", str(process.pid)], **UTF8)
            if not terminal.wait(lambda text: "[1 stacks]" in text):
                yield "no screen"
                return
            os.kill(terminal.process, number)
            if terminal.end() != 128 + number or not terminal.is_restored():
                yield f"{number!r}: status {terminal.status}, {terminal.is_restored()}"


def screen_stays_when_the_program_ends(folder):
    log = f"{folder}/output"
    terminal = Terminal([ALLOT, "top", "-i", "0.1", "--log", log, "--", WATCHED, "0.3",
                         "100", "5000"], **UTF8)
    if not terminal.wait(lambda text: " ended" in text):
        yield "the end is not told"
        return
    terminal.key("q")
    if terminal.end() != 7 or not terminal.is_restored():
        yield f"status {terminal.status}"
    if pathlib.Path(log).read_text() != "ready\n":
        yield "the program's output is not in the file of --log"


CLAIMS = (
    program_is_followed_to_its_end,
    program_that_becomes_another_is_followed,
    figures_of_one_thread_are_the_programs,
    figures_of_four_threads_are_the_programs,
    process_that_runs_is_watched,
    process_that_ends_is_told,
    second_reader_says_what_it_misses,
    what_cannot_be_watched_is_refused,
    screen_shows_everything_and_takes_keys,
    plain_terminals_will_do,
    signals_restore_the_terminal,
    screen_stays_when_the_program_ends,
)


def time_over(_number, _frame):
    raise TimeoutError(f"not done after {CLAIM_SECONDS} s")


def faults_of(claim):
    """What is not so, and then also what stood on the screens. It ends in time whatever hangs."""
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        signal.alarm(CLAIM_SECONDS)
        try:
            faults.extend(claim(folder))
        except Exception:  # figures that are missing are of any type
            faults.append(traceback.format_exc())
        finally:
            signal.alarm(0)
            screens = Terminal.close_all()
    return faults + screens if faults else faults


def main():
    signal.signal(signal.SIGALRM, time_over)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    print(f"1..{len(CLAIMS)}")
    failed = 0
    for number, claim in enumerate(CLAIMS, 1):
        faults = faults_of(claim)
        failed += bool(faults)
        print(f"{'not ' if faults else ''}ok {number} - {claim.__name__.replace('_', ' ')}",
              flush=True)
        for fault in faults:
            print("# " + str(fault).replace("\n", "\n# "), flush=True)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
