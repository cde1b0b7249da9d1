#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `allot export` writes is what a recorded program did, as the programs read it that the
forms are for; and functions have their names. Prints TAP.

Usage: export_test.py ALLOT RECORDED RECORDED_STATIC SHAPE [LIBRARY]

The programs write a raw trace of themselves and print what must come out (recorded.c). LIBRARY is
preloaded into a program that is looked at while it runs.
"""
import collections
import csv
import glob
import gzip
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

PROTO = "/usr/share/gocode/src/github.com/google/pprof/proto"
CHAIN = "main;outer;helper;shape_enter;shape::draw(chain*, int)"
LEAVER = "leaver"
NO_STACK = "[no stack]"
TIMEOUT_S = 60

allot, recorded, recorded_static, shape = (os.path.realpath(a) for a in sys.argv[1:5])
liballot = os.path.realpath(sys.argv[5]) if len(sys.argv) > 5 else None
tests = []


def test(function):
    tests.append(function)
    return function


def run(*words, status=0, **options):
    """Standard output and error of a program that must end with `status`."""
    done = subprocess.run(words, capture_output=True, timeout=TIMEOUT_S, check=False, **options)
    err = done.stderr.decode(errors="replace")
    assert done.returncode == status, f"{words}: status {done.returncode}, not {status}: {err}"
    return done.stdout, err


def record(program, folder, **changes):
    """The trace of a copy of `program` in `folder`, and what must come out."""
    copy = folder / pathlib.Path(program).name
    shutil.copy(program, copy)
    library = shutil.copy(shape, folder)
    for change in changes.values():
        change(copy)
        change(pathlib.Path(library))
    out, _ = run(copy, folder / "trace.raw", env={"LD_LIBRARY_PATH": str(folder)})
    rows = (line.split() for line in out.decode().splitlines())
    return folder / "trace.raw", {name: int(value) for name, value in rows}


def export(trace, form, *words, status=0):
    """What is written to standard output, and what is said."""
    return run(allot, "export", trace, "--format", form, "-o", "-", *words, status=status)


def folded(text):
    lines = (line.rsplit(" ", 1) for line in text.decode().splitlines())
    return {stack: int(value) for stack, value in lines}


def expect(got, wanted, what):
    assert got == wanted, f"{what}: {got}, wanted {wanted}"


class Recorded:
    """One recording, shared by the tests that do not change it."""

    def __init__(self, folder):
        self.folder = folder
        self.trace, self.wanted = record(recorded, folder)


def stacks_wanted(one):
    """Bytes that are live at the peak, by stack."""
    chain, none = one.wanted["peak_of_chain"], one.wanted["peak_of_none"]
    return {CHAIN: chain, NO_STACK: none, LEAVER: one.wanted["peak_bytes"] - chain - none}


# ---- names ----

@test
def names_of_a_program_and_its_library(one):
    """Inlined, in a library, mangled; and one that ends in a call."""
    out, err = export(one.trace, "folded")
    expect(folded(out), stacks_wanted(one), "folded")
    expect(err, "", "standard error")


@test
def names_of_a_static_program(one):
    with tempfile.TemporaryDirectory() as name:
        trace, wanted = record(recorded_static, pathlib.Path(name))
        expect(folded(export(trace, "folded")[0])[CHAIN], wanted["peak_of_chain"], "chain")


@test
def names_without_debug_information_are_those_of_the_linker(one):
    with tempfile.TemporaryDirectory() as name:
        trace, _ = record(recorded, pathlib.Path(name),
                          strip=lambda path: run("objcopy", "--strip-debug", path))
        assert CHAIN.replace("helper;", "") in folded(export(trace, "folded")[0])


def debug_split(path):
    """Move the debug information of `path` to a file beside it, and strip `path`."""
    debug = path.with_name(path.name + ".debug")
    run("objcopy", "--only-keep-debug", path, debug)
    run("objcopy", "--strip-all", path)
    run("objcopy", f"--add-gnu-debuglink={debug.name}", path, cwd=path.parent)


@test
def names_from_separate_debug_files(one):
    with tempfile.TemporaryDirectory() as name:
        trace, _ = record(recorded, pathlib.Path(name), strip=debug_split)
        assert CHAIN in folded(export(trace, "folded")[0])
        for debug in glob.glob(name + "/*.debug"):
            os.unlink(debug)
        stacks = folded(export(trace, "folded")[0])
        assert any(re.match(r"recorded\+0x[0-9a-f]+;recorded\+0x[0-9a-f]+;"
                            r"shape_enter;shape::draw", stack) for stack in stacks), stacks


@test
def names_of_another_file_are_not_believed(one):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        trace, _ = record(recorded, folder)
        shutil.copy(recorded_static, folder / "recorded")
        out, err = export(trace, "folded")
        assert re.search(r"^recorded\+0x[0-9a-f]+;recorded\+0x[0-9a-f]+;shape_enter;",
                         out.decode(), re.M), out
        expect(err.count("build id differs"), 1, "said so")
        assert "main" not in out.decode()


@test
def names_of_a_file_that_is_gone(one):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        trace, _ = record(recorded, folder)
        os.unlink(folder / pathlib.Path(shape).name)
        out, err = export(trace, "folded")
        assert re.search(r"^main;outer;helper;libshape.so\+0x[0-9a-f]+;", out.decode(), re.M), out
        expect(err.count("is gone"), 1, "said so")


# ---- forms ----

@test
def pprof_is_read_by_protoc_and_its_sums_are_right(one):
    out, _ = export(one.trace, "pprof")
    text, _ = run("protoc", "-I", PROTO, "--decode", "perftools.profiles.Profile",
                  PROTO + "/profile.proto", input=gzip.decompress(out))
    texts = [json.loads(t) if '\\' not in t else t
             for t in re.findall(r"^string_table: (.*)$", text.decode(), re.M)]
    samples = re.findall(r"^sample \{\n(.*?)^\}", text.decode(), re.M | re.S)
    values = [[int(v) for v in re.findall(r"^  value: (\d+)", s, re.M)] for s in samples]
    types = re.findall(r"^sample_type \{\n  type: (\d+)", text.decode(), re.M)
    wanted = one.wanted
    expect(dict(zip([texts[int(t)] for t in types], map(sum, zip(*values)))), {
        "alloc_objects": wanted["allocations"], "alloc_space": wanted["allocated_bytes"],
        "inuse_objects": wanted["peak_blocks"], "inuse_space": wanted["peak_bytes"],
        "slack_space": wanted["peak_slack"], "pinned_space": wanted["peak_pinned"],
        "exclusive_pages": wanted["peak_pages"]}, "sums")
    default = re.search(r"^default_sample_type: (\d+)", text.decode(), re.M)
    expect(texts[int(default.group(1))], "inuse_space", "default")
    for name in CHAIN.split(";") + ["thread 1", one.trace.parent.name]:
        assert any(name in t for t in texts), name
    locations = set(re.findall(r"^location \{\n  id: (\d+)", text.decode(), re.M))
    used = set(re.findall(r"^  location_id: (\d+)", text.decode(), re.M))
    expect(used, locations, "locations")


@test
def pprof_without_folders(one):
    out, _ = export(one.trace, "pprof", "--strip-paths")
    assert b"/recorded" not in gzip.decompress(out).replace(b"program", b"")


@test
def moments(one):
    wanted = one.wanted
    expect(sum(folded(export(one.trace, "folded", "--at", "end")[0]).values()),
           wanted["live_bytes"], "end")
    expect(sum(folded(export(one.trace, "folded", "--at", "100000s")[0]).values()),
           wanted["live_bytes"], "later than the end")
    series = series_read(one)
    row = series[len(series) // 2]
    expect(sum(folded(export(one.trace, "folded", "--at", row["time_ns"] + "ns")[0]).values()),
           int(row["requested_bytes"]), "in the middle")
    expect(sum(folded(export(one.trace, "folded", "--metric", "alloc_objects")[0]).values()),
           wanted["allocations"], "metric")


@test
def pins_are_estimated_and_measured_at_samples(one):
    out, err = export(one.trace, "folded", "--metric", "exclusive_pages")
    expect(sum(folded(out).values()), one.wanted["peak_pages"], "pages")
    assert "estimate" in err, err
    out, err = export(one.trace, "folded", "--metric", "pinned_space", "--at", "rss")
    assert "measured" in err, err
    assert set(folded(out)) <= {CHAIN, LEAVER, NO_STACK}, out


@test
def heaptrack_reads_what_is_written(one):
    path = one.folder / "trace.heaptrack.gz"
    run(allot, "export", one.trace, "--format", "heaptrack", "-o", path)
    for cost, name in (("allocations", "allocations"), ("peak", "peak_bytes"),
                       ("leaked", "live_bytes")):
        stacks = one.folder / "stacks"
        run("heaptrack_print", "-f", path, "--disable-builtin-suppressions", "-F", stacks,
            "--flamegraph-cost-type", cost)
        lines = stacks.read_text().splitlines()
        expect(sum(int(line.rsplit(" ", 1)[1]) for line in lines), one.wanted[name], cost)
        assert cost != "peak" or "shape::draw(chain*, int)" in stacks.read_text()


@test
def massif_is_read_by_ms_print(one):
    path = one.folder / "trace.massif"
    run(allot, "export", one.trace, "--format", "massif", "-o", path)
    text = run("ms_print", path)[0].decode()
    row = re.search(r"Detailed snapshots: \[(\d+) \(peak\)\]", text)
    line = re.search(rf"^ *{row.group(1)} +[\d,]+ +([\d,]+) +([\d,]+)", text, re.M)
    expect(int(line.group(2).replace(",", "")), one.wanted["peak_bytes"], "peak")
    tree = dict(re.findall(r"^ n\d+: (\d+) 0x[0-9A-F]+: ([^ (]+)", path.read_text(), re.M))
    expect({name: int(count) for count, name in tree.items()}, {
        re.split("[ (]", stack.split(";")[-1])[0]: count
        for stack, count in stacks_wanted(one).items()}, "tree")
    expect(path.read_text().count(NO_STACK), 1, "nodes without a stack")
    heaps = [int(b) for b in re.findall(r"^mem_heap_B=(\d+)", path.read_text(), re.M)]
    expect(heaps[-1], one.wanted["live_bytes"], "end")
    expect(max(heaps), one.wanted["peak_bytes"], "highest")


@test
def dhat_has_all_points(one):
    data = json.loads(export(one.trace, "dhat")[0])
    wanted = one.wanted
    sums = collections.Counter()
    for point in data["pps"]:
        sums.update({key: point[key] for key in ("tb", "tbk", "gb", "eb", "ebk")})
        assert all(0 < frame < len(data["ftbl"]) for frame in point["fs"])
    expect(dict(sums), {"tb": wanted["allocated_bytes"], "tbk": wanted["allocations"],
                        "gb": wanted["peak_bytes"], "eb": wanted["live_bytes"],
                        "ebk": wanted["live_blocks"]}, "sums")
    expect(data["dhatFileVersion"], 2, "version")


@test
def chrome_has_the_peak_and_the_mark(one):
    events = json.loads(export(one.trace, "chrome")[0])["traceEvents"]
    requested = [e["args"]["requested"] for e in events if e["name"] == "live bytes"]
    expect(max(requested), one.wanted["peak_bytes"], "peak")
    expect(requested[-1], one.wanted["live_bytes"], "end")
    expect([e["name"] for e in events if e["ph"] == "i"], ['half a "mark"'], "marks")
    times = [e["ts"] for e in events if e["name"] == "live bytes"]
    expect(times, sorted(times), "times")


METRICS_READ = """
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
print(json.dumps({s.name: s.value for f in parse(sys.stdin.read()) for s in f.samples}))
"""


def metrics_check(one, text):
    """By the parser of Prometheus' own library, which is strict."""
    out, _ = run("/usr/bin/python3", "-c", METRICS_READ, input=text)
    values = json.loads(out)
    wanted = one.wanted
    expect({name: values["allot_" + name] for name in (
        "heap_resident_bytes", "requested_bytes", "peak_requested_bytes", "live_blocks",
        "allocations", "resizes", "frees", "process_resident_bytes", "minor_faults")}, {
            "heap_resident_bytes": (4 << 20) + (16 << 10),
            "requested_bytes": wanted["live_bytes"], "live_blocks": wanted["live_blocks"],
            "peak_requested_bytes": wanted["peak_bytes"], "resizes": wanted["resizes"],
            "allocations": wanted["allocations"] - wanted["resizes"],
            "frees": wanted["frees"] + 1, "process_resident_bytes": 9 << 20,
            "minor_faults": 1234}, "metrics")


@test
def metrics_are_read_by_a_strict_parser(one):
    out, _ = export(one.trace, "openmetrics")
    metrics_check(one, out)
    if shutil.which("promtool"):
        run("promtool", "check", "metrics", input=out)


@test
def metrics_are_served(one):
    with subprocess.Popen([allot, "export", "--serve", "0", one.trace], stdout=subprocess.PIPE,
                          text=True) as server:
        try:
            url = server.stdout.readline().strip()
            assert url.startswith("http://127.0.0.1:"), url
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as reply:
                metrics_check(one, reply.read())
            try:
                urllib.request.urlopen(url.replace("metrics", "secrets"), timeout=TIMEOUT_S)
                assert False, "it should not be there"
            except urllib.error.HTTPError as error:
                expect(error.code, 404, "status")
                error.close()
        finally:
            server.send_signal(signal.SIGTERM)
        expect(server.wait(TIMEOUT_S), 0, "status")


BYTES_HELD = 3000000
HOLDER = f"""
held = bytearray({BYTES_HELD})
print("ready", flush=True)
input()
"""


def metric_get(url, name):
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as reply:
        return int(re.search(rf"^{name} (\d+)$", reply.read().decode(), re.M).group(1))


@test
def metrics_of_a_program_that_runs(one):
    if liballot is None:
        return
    trace = one.folder / "running.raw"
    environment = dict(os.environ, LD_PRELOAD=liballot, ALLOT_CONF=f"trace:{trace}")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(["/usr/bin/python3", "-c", HOLDER], env=environment, **pipes) as program:
        program.stdout.readline()
        with subprocess.Popen([allot, "export", "--serve", "0", trace], **pipes) as server:
            url = server.stdout.readline().strip()
            held = metric_get(url, "allot_requested_bytes")
            complete = metric_get(url, "allot_recording_complete")
            program.communicate("\n", TIMEOUT_S)
            complete_then = metric_get(url, "allot_recording_complete")
            server.terminate()
    assert held > BYTES_HELD, held
    expect((complete, complete_then), (0, 1), "complete")


def series_read(one):
    return list(csv.DictReader(export(one.trace, "csv")[0].decode().splitlines()))


@test
def csv_has_the_peak_and_the_end(one):
    rows = series_read(one)
    requested = [int(row["requested_bytes"]) for row in rows]
    expect(max(requested), one.wanted["peak_bytes"], "peak")
    expect(requested[-1], one.wanted["live_bytes"], "end")
    assert len(rows) <= 2000
    stacks = list(csv.DictReader(export(one.trace, "csv-stacks")[0].decode().splitlines()))
    expect({row["stack"] for row in stacks}, {CHAIN, LEAVER, NO_STACK}, "stacks")
    expect({row["thread"] for row in stacks}, {"thread 0", "thread 1", ""}, "threads")
    expect(sum(int(row["alloc_space"]) for row in stacks), one.wanted["allocated_bytes"], "sum")


@test
def ledgers_sum_up(one):
    rows = list(csv.DictReader(export(one.trace, "csv-ledger")[0].decode().splitlines()))
    expect(len(rows), 40, "samples")
    for row in rows:
        terms = sum(int(row[name + "_bytes"]) for name in (
            "requested", "rounding", "tags", "pinned_free", "reclaimable_free", "metadata",
            "recorder"))
        expect(terms - int(row["untouched_bytes"]), int(row["resident_bytes"]), "sum")
    events = json.loads(export(one.trace, "chrome")[0])["traceEvents"]
    ledgers = [e["args"] for e in events if e["name"] == "ledger"]
    expect([str(l["pinned_free"]) for l in ledgers], [r["pinned_free_bytes"] for r in rows],
           "in both")


@test
def rep_comes_to_the_same_live_bytes(one):
    out, err = export(one.trace, "rep")
    lines = out.decode().splitlines()
    _, ids, count, _ = (int(line) for line in lines[:4])
    live, live_peak = {}, 0
    for line in lines[4:]:
        kind, number, *bytes_asked = line.split()
        assert (kind == "a") == (number not in live), line
        assert int(number) < ids, line
        if kind == "f":
            del live[number]
        else:
            live[number] = int(bytes_asked[0])
        live_peak = max(live_peak, sum(live.values()))
    expect((len(lines) - 4, len(live), sum(live.values()), live_peak), (
        count, one.wanted["live_blocks"], one.wanted["live_bytes"], one.wanted["peak_bytes"]),
           "lines, blocks, bytes, peak")
    assert f"{one.wanted['aligned']} requests" in err, err


# ---- files and mistakes ----

@test
def files_are_not_overwritten(one):
    words = [allot, "export", one.trace, "--format", "csv"]
    run(*words, cwd=one.folder)
    path = one.folder / "trace.csv"
    before = path.read_bytes()
    path.write_text("precious")
    _, err = run(*words, cwd=one.folder, status=1)
    assert "exists" in err and "--force" in err, err
    expect(path.read_text(), "precious", "content")
    _, err = run(*words, "-f", cwd=one.folder)
    expect(path.read_bytes(), before, "content")
    assert "\nnext: " in err, err
    size = one.trace.stat().st_size
    _, err = run(*words, "-f", "-o", one.trace, status=1)
    assert "input" in err
    expect(one.trace.stat().st_size, size, "the trace")


@test
def what_cannot_be_written_whole_is_said_and_does_not_stay(one):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([allot, "export", one.trace, "--format", "csv", "-o", "-"],
                              stdout=full, stderr=subprocess.PIPE, timeout=TIMEOUT_S, check=False)
    expect(done.returncode, 1, "status")
    assert b"No space" in done.stderr, done.stderr
    path = one.folder / "limited.csv"
    run("bash", "-c", f"ulimit -f 1; trap '' XFSZ; exec '{allot}' export '{one.trace}' "
        f"--format csv -o '{path}'", status=1)
    assert not path.exists()


@test
def mistakes_are_named(one):
    for words, wanted in (
            (["--format", "pprov"], "did you mean 'pprof'"),
            ([], "which form?"),
            (["--format", "folded", "--at", "noon"], "noon"),
            (["--format", "folded", "--metric", "inuse_spice"], "did you mean 'inuse_space'"),
            (["--format", "rep", "--at", "end"], "--at is for"),
            (["--format", "rep", "more"], "one word too many"),
            (["--serve", "here"], "is no address"),
            (["--serve", "0", "--format", "rep"], "openmetrics alone")):
        _, err = run(allot, "export", one.trace, *words, status=2)
        assert wanted in err, err


@test
def damaged_traces_are_used_as_far_as_they_go(one):
    path = one.folder / "damaged.raw"
    data = bytearray(one.trace.read_bytes())
    path.write_bytes(data[:len(data) - 70000])
    for form in ("pprof", "folded", "massif", "heaptrack", "dhat", "chrome", "openmetrics", "csv",
                 "csv-ledger", "csv-stacks", "rep"):
        done = subprocess.run([allot, "export", path, "--format", form, "-o", "-"],
                              capture_output=True, timeout=TIMEOUT_S, check=False)
        assert done.returncode in (0, 4), (form, done)
        lines = done.stderr.splitlines()
        assert lines and len(set(lines)) == len(lines), (form, lines)
    path.write_text("nothing of a trace")
    _, err = export(path, "csv", status=1)
    assert "damaged.raw" in err, err


# ---- all of them ----

def main():
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        one = Recorded(pathlib.Path(name))
        print(f"1..{len(tests)}")
        for number, function in enumerate(tests, 1):
            title = function.__name__.replace("_", " ")
            try:
                function(one)
                print(f"ok {number} - {title}", flush=True)
            except Exception as error: # whatever it is, the others are to run
                failed += 1
                print(f"not ok {number} - {title}")
                for line in f"{type(error).__name__}: {error}".splitlines():
                    print("# " + line[:2000], flush=True)
    return 1 if failed else 0


sys.exit(main())
