#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real programs, recorded: their ledgers are the kernel's figures, and replays come to the same.

Of every trace with some calls in it: the ledger's sum is what the kernel says is resident, at every
sample; nothing was lost; a replay as recorded has the same bytes live at each moment and the same
peak; and what the model says a strategy takes bounds what it took. Prints TAP.

Usage: programs_test.py ALLOT

A program runs with the default configuration and under one strategy of the five without the front
end, by turns; with ALLOT_TEST_LONG=1 under every one.
"""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

TIMEOUT_S = 300
CALLS_MIN = 2000         # a trace with fewer says nothing
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
PEAK_SHARE = 0.02        # how far a replay's peak may be off: so much, or
PEAK_PAGES = 8           # so many pages of a small heap
STRATEGIES = ["implicit", "explicit", "segregated", "buddy", "simple"]

SOURCE = "#include <string.h>\n" + "".join(
    f"int f{i}(int a) {{ int s = 0; for (int i = 0; i < a; i++) {{ s += i * {i} ^ (s >> 3);"
    f" if (s % 7 == {i % 7}) s -= (int)strlen(\"x\"); }} return s; }}\n" for i in range(80))
PAGE = ("%!PS\n/Times-Roman findfont 12 scalefont setfont\n1 1 8 { pop 1 1 50 { 14 mul 20 exch "
        "moveto (The quick brown fox) show } for showpage } for\n")
TREE = "<a>" + "".join(f"<b id='{i}'>text {i}<c/></b>" for i in range(20000)) + "</a>"
RECORDS = json.dumps([{"id": i, "name": f"record-{i}", "tags": ["x"] * (i % 9)}
                      for i in range(8000)])
PYTHON = """
import json
kept = {}
for turn in range(3):
    for i in range(0, 600, 1 if turn == 0 else 3):
        kept[str(i)] = {"text": "ab" * (i * 7919 % 400), "tags": ["t%d" % k for k in range(i % 9)]}
    kept = json.loads(json.dumps(kept))
"""
SQL = ("create table t(a, b); with recursive c(x) as (select 1 union all select x + 1 from c where "
       "x < 20000) insert into t select x, hex(randomblob(20)) from c; create index i on t(b); "
       "select count(*) from t group by a % 7;")

HOLES = "".join(f"(declare-const p{i} Int) (assert (and (> p{i} 0) (< p{i} 7)))\n"
                for i in range(7)) + \
    "(assert (distinct " + " ".join(f"p{i}" for i in range(7)) + "))\n(check-sat)\n"

# In the folder of the inputs.
PROGRAMS = [
    ["/usr/bin/python3", "-c", PYTHON],
    ["perl", "-e", 'my %h; for (1..30000) { $h{$_ % 7000} = "x" x ($_ % 300) }'],
    ["ruby", "-e", 'h = {}; 30000.times { |i| h[i % 4000] = "a" * (i % 200) }'],
    ["lua5.4", "-e", "local t = {} for i = 1, 60000 do t[i % 5000] = {i, tostring(i)} end"],
    ["sqlite3", ":memory:", SQL],
    ["z3", "holes.smt2"],
    ["jq", "-c", "map(.tags | length) | add", "records.json"],
    ["xmllint", "--noout", "tree.xml"],
    ["gs", "-q", "-dNOPAUSE", "-dBATCH", "-sDEVICE=ppmraw", "-r50", "-o", "/dev/null", "page.ps"],
    ["gcc", "-O1", "-c", "-o", "source.o", "source.c"],
    ["node", "-e", "const a = []; for (let i = 0; i < 50000; i++) a[i % 1000] = {i};"],
]


def run(words, conf=""):
    environment = {**os.environ, "PYTHONMALLOC": "malloc"}
    environment.pop("ALLOT_CONF", None)
    if conf:
        environment["ALLOT_CONF"] = conf
    done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
                          stdin=subprocess.DEVNULL, env=environment)
    assert done.returncode == 0, f"{words}: status {done.returncode}: {done.stderr}"
    return done.stdout


def figures(*words):
    return json.loads(run([*words, "--json"]))


def replay_rows(trace, *words):
    rows = figures(allot, "replay", "--rounds", "1", *words, trace)["what_if"]["rows"]
    return rows[0]["values"], rows[1]


def ledger_check(report):
    assert report["ledger"]["largest_difference_bytes"] == 0, "the ledger's sum is not the kernel's"
    faults = {key: report["trace"][key]
              for key in ("lost_events", "unknown_frees", "repaired", "stray_blocks", "damaged")}
    assert not any(faults.values()), f"the trace lacks something: {faults}"
    assert report["trace"]["is_complete"], "the trace has no end"


def replay_check(trace):
    """As it ran, and as recorded."""
    ran, row = replay_rows(trace, "--strategy", "recorded")
    ran, again = (values["peak_rss_at_samples_bytes"] for values in (ran, row["values"]))
    assert row["is_live_exact"], "other bytes are live in the replay"
    assert abs(again - ran) <= max(PEAK_SHARE * ran, PEAK_PAGES * PAGE_BYTES), \
        f"the peak was {ran}, and {again} when replayed"


def bounds_check(trace, strategy):
    """What the model says of a strategy, and what it takes on memory."""
    _, model = replay_rows(trace, "--on", "model", "--strategy", strategy)
    _, memory = replay_rows(trace, "--strategy", strategy)
    for key in ("peak_rss_bytes", "minor_faults"):
        low, high = model["bounds"][key]
        value = memory["values"][key]
        assert low <= value <= high, f"{key}: {value} is not within {low} to {high}"


def program_check(words, conf, strategy, folder):
    trace = os.path.join(folder, "trace")
    for old in glob.glob(trace + "*"):
        os.remove(old)
    run([allot, "record", "-f", "-o", trace, "--", *words], conf)
    count = 0
    for path in glob.glob(trace + "*"):
        report = figures(allot, "report", path)
        if report["trace"]["events"] < CALLS_MIN:
            continue
        count += 1
        ledger_check(report)
        replay_check(path)
        if strategy:
            bounds_check(path, strategy)
    assert count > 0, "no trace has calls in it"


def plan():
    """Programs and the strategies they run under; "": the default."""
    for index, words in enumerate(PROGRAMS):
        strategies = [STRATEGIES[index % len(STRATEGIES)]]
        if os.environ.get("ALLOT_TEST_LONG") == "1":
            strategies = STRATEGIES
        for strategy in ["", *strategies]:
            yield words, strategy


def inputs_write(folder):
    for name, text in {"source.c": SOURCE, "page.ps": PAGE, "tree.xml": TREE,
                       "records.json": RECORDS, "holes.smt2": HOLES}.items():
        with open(os.path.join(folder, name), "w", encoding="ascii") as file:
            file.write(text)


def main():
    tests = list(plan())
    print("TAP version 13")
    print(f"1..{len(tests)}")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        inputs_write(folder)
        for number, (words, strategy) in enumerate(tests, 1):
            name = f"{os.path.basename(words[0])} under {strategy or 'the default'}"
            if shutil.which(words[0]) is None:
                print(f"ok {number} - {name} # SKIP not installed")
                continue
            conf = f"front:off,strategy:{strategy}" if strategy else ""
            try:
                program_check(words, conf, strategy, folder)
                print(f"ok {number} - {name}", flush=True)
            except (AssertionError, KeyError, subprocess.TimeoutExpired) as error:
                print(f"not ok {number} - {name}")
                print("# " + str(error).replace("\n", "\n# "), flush=True)


allot = os.path.realpath(sys.argv[1])
main()
