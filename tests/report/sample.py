#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A made-up report, "allot.report/1", of any size: what the pages of the tests show.

Usage: sample.py POINTS COLUMNS ROWS FRAMES >report.json

A program of three phases: it fills, frees most of what it holds but leaves a little on many pages,
and goes on with another size. The figures agree with each other where a view relies on it: terms
of the ledger sum up, cells say what the inspector says. The same numbers give the same report.
"""
import base64
import json
import math
import random
import sys

SECOND = 10 ** 9
MIB = 1 << 20
DURATION_NS = 42 * SECOND
PAGE_BYTES = 4096
TERMS = [
    ("requested", "requested", "bytes the program asked for and has not freed", "exact", 1),
    ("rounding", "rounding", "bytes added by size classes and alignment", "exact", 1),
    ("tags", "tags", "headers and footers of blocks", "exact", 1),
    ("pinned_free", "pinned free", "free bytes on pages that a live block keeps", "exact", 1),
    ("reclaimable_free", "reclaimable free", "whole free pages that are resident", "exact", 1),
    ("metadata", "metadata", "tables of the allocator", "exact", 1),
    ("recorder", "recorder", "the recorder's own memory", "measured", 1),
    ("untouched", "untouched", "live bytes on pages never written", "measured", -1),
]
FUNCTIONS = ["main", "run", "parse", "load", "table_grow", "index_add", "node_new", "cache_put",
             "buffer_resize", "string_copy", "json_read", "vector_push", "session_open", "flush",
             "query_plan", "row_decode", "arena_take", "map_insert", "log_line", "worker"]
MODULES = ["server", "libc.so.6", "libstdc++.so.6", "libjson.so.1"]
METRICS = ["live_bytes", "total_bytes", "allocations", "temporary", "rounding_bytes",
           "pinned_bytes", "peak_bytes", "end_bytes"]


def packed(cells):
    return base64.b64encode(bytes(cells)).decode()


def times(count, duration=DURATION_NS):
    return [duration * i // max(1, count - 1) for i in range(count)]


def trace_block(points):
    return {
        "file": "allot.server.4711.allot", "format": 1, "command": "server --config demo.ini",
        "conf": "strategy:segregated", "strategy": "segregated", "process": 4711, "parent": 0,
        "host": "example", "kernel": "6.1.0", "start_unix_ns": 1700000000 * SECOND,
        "duration_ns": DURATION_NS, "events": 10_412_907, "allocations": 5_240_111,
        "frees": 5_101_882, "resizes": 70_914, "failures": 0, "threads": 4, "frames": 5000,
        "depth": 24, "sample_bytes": 0, "page_bytes": PAGE_BYTES, "file_bytes": 31_234_567,
        "bytes_per_event": 3.0, "is_complete": True, "lost_events": 0,
        "lost_time_ns": None, "repaired": 0,
        "damaged": [], "samples": points, "unknown_frees": 12,
    }


def shape(x, draw):
    """(requested, pinned, reclaimable) in MiB at x of 0..1: fill, thin out, go on."""
    wave = 1 + 0.03 * math.sin(60 * x) + draw.uniform(-0.01, 0.01)
    if x < 0.4:
        return (8 + 300 * x) * wave, 2 + 12 * x, 3 + 2 * math.sin(30 * x) ** 2
    if x < 0.5:
        left = (0.5 - x) / 0.1
        return (40 + 88 * left) * wave, 6.8 + 47 * (1 - left), 5 + 20 * (1 - left)
    return (40 + 70 * (x - 0.5)) * wave, 53 - 34 * (x - 0.5), 25 * math.exp(-9 * (x - 0.5)) + 2


def ledger_block(points, draw):
    series = {key: [] for key, *_ in TERMS}
    for key in ("resident", "sum", "mapped", "process_resident", "live_blocks"):
        series[key] = []
    for i in range(points):
        requested, pinned, reclaimable = (int(v * MIB) for v in shape(i / max(1, points - 1), draw))
        values = {"requested": requested, "rounding": requested // 16, "tags": requested // 40,
                  "pinned_free": pinned, "reclaimable_free": reclaimable,
                  "metadata": MIB + requested // 90, "recorder": 3 * MIB // 2,
                  "untouched": requested // 50}
        total = sum(values[key] * sign for key, _, _, _, sign in TERMS)
        for key, value in values.items():
            series[key].append(value)
        series["sum"].append(total)
        series["resident"].append(total + draw.randrange(-2, 3) * PAGE_BYTES)
        series["mapped"].append(max(series["mapped"][-1:] + [total + 8 * MIB]))
        series["process_resident"].append(total + 6 * MIB)
        series["live_blocks"].append(requested // 96)
    resident = series["resident"]
    wasted = [p / r for p, r in zip(series["pinned_free"], resident)]
    return {
        "terms": [dict(zip(("key", "name", "meaning", "label", "sign"), t)) for t in TERMS],
        "time_ns": times(points), "series": series, "label": "measured",
        "peak_index": resident.index(max(resident)), "worst_index": wasted.index(max(wasted)),
        "end_index": points - 1,
        "largest_difference_bytes": max(abs(a - b) for a, b in zip(resident, series["sum"])),
    }


def verdict_block(ledger):
    series, peak, worst = ledger["series"], ledger["peak_index"], ledger["worst_index"]
    step = max(1, len(ledger["time_ns"]) // 60)

    def card(key, name, value, unit, formula, view, of, label="exact"):
        return {"key": key, "name": name, "value": value, "unit": unit, "label": label,
                "formula": formula, "view": view, "spark": series[of][::step]}
    resident = series["resident"]
    return {
        "sentence": "Of 117 MiB resident at the worst moment, 51 MiB are free bytes that a few "
                    "live objects keep: row_decode() holds most of them.",
        "cards": [
            card("peak_rss", "peak RSS", resident[peak], "bytes", "max over time of resident",
                 "ledger", "resident", "measured"),
            card("peak_requested", "peak requested", max(series["requested"]), "bytes",
                 "max over time of requested", "ledger", "requested"),
            card("realized", "realized fragmentation",
                 resident[peak] / series["requested"][peak] - 1, "share",
                 "resident / requested - 1, at peak RSS", "ledger", "resident", "measured"),
            card("pinned", "pinned", series["pinned_free"][worst], "bytes",
                 "free bytes on pages with a live block, at the worst moment", "pins",
                 "pinned_free"),
            card("reclaimable", "reclaimable at the end", series["reclaimable_free"][-1], "bytes",
                 "whole free resident pages at the end", "ledger", "reclaimable_free"),
            card("best", "best strategy: buddy", 0.81, "ratio",
                 "peak RSS of the best strategy / of the recorded one", "what_if", "resident",
                 "measured"),
        ],
    }


def what_if_block(ledger, points):
    columns = [
        ("peak_rss_bytes", "peak RSS", "bytes", "estimate", "less"),
        ("mean_rss_bytes", "mean RSS", "bytes", "estimate", "less"),
        ("u", "peak utilization", "share", "exact", "more"),
        ("realized", "realized frag.", "share", "measured", "less"),
        ("internal_share", "internal", "share", "exact", "less"),
        ("pinned_share", "pinned", "share", "exact", "less"),
        ("minor_faults", "minor faults", "count", "measured", "less"),
        ("major_faults", "major faults", "count", "measured", "less"),
        ("tlb_miss_share", "TLB misses", "share", "estimate", "less"),
        ("operations_per_s", "operations/s", "count", "measured", "more"),
        ("p99_ns", "p99", "ns", "measured", "less"),
        ("cpu_ns", "CPU time", "ns", "measured", "less"),
    ]
    resident = ledger["series"]["resident"][::max(1, points // 100)]
    clock = ledger["time_ns"][::max(1, points // 100)]
    rows = []
    for i, (name, memory, speed) in enumerate([
            ("segregated", 1.0, 1.0), ("explicit", 1.03, 0.8), ("implicit", 0.97, 0.11),
            ("buddy", 0.81, 0.72), ("simple", 1.4, 1.25), ("glibc", 1.12, 0.9)]):
        peak = int(max(resident) * memory)
        values = [peak, int(peak * 0.7), 0.85 / memory, 0.16 * memory ** 3, 0.06 * memory,
                  0.3 * memory, int(31000 * memory), 0, 0.012 * memory, int(8e6 * speed),
                  int(410 / speed), int(3.1e9 / speed)]
        keys = [column[0] for column in columns]
        rows.append({
            "name": name, "strategy": name, "conf": f"strategy:{name}", "on": "memory",
            "is_recorded": i == 0, "status": "ok", "values": dict(zip(keys, values)),
            "spread": {"peak_rss_bytes": peak // 200, "operations_per_s": int(2e5 * speed)},
            "bounds": {"peak_rss_bytes": [int(peak * 0.6), int(peak * 1.2)]},
            "time_ns": clock, "rss_bytes": [int(v * memory) for v in resident],
        })
    rows.append({"name": "implicit, first fit", "strategy": "implicit",
                 "conf": "strategy:implicit,fit:first", "on": "model", "is_recorded": False,
                 "status": "gave up after 60 s", "values": {}, "spread": {}, "bounds": {},
                 "time_ns": [], "rss_bytes": []})
    return {"columns": [dict(zip(("key", "name", "unit", "label", "better"), c))
                        for c in columns], "rows": rows}


def cell(x, y, noise):
    """What a page is at x, y of 0..1; `noise` is its own number of 0..1, the same at all times."""
    if y < 0.02:
        return 103
    if y > 0.15 + 2.3 * min(x, 0.4):
        return 105 if x < 0.4 and y > 0.2 + 2.3 * x else 104 if x < 0.4 else 102
    if x < 0.4:
        return 60 + int(40 * noise)
    if x < 0.5:
        return int((0.5 - x) * 600) + int(40 * noise * noise)
    if noise < 0.12:
        return 101 if x < 0.6 + noise else 102
    if y < 0.4:
        return min(100, int(30 + 60 * noise + 40 * (x - 0.5)))
    return int(1 + 40 * noise ** 3)


def pages_block(columns, rows, draw):
    noise = [draw.random() for _ in range(rows)]
    cells = bytearray()
    for j in range(rows):
        for i in range(columns):
            cells.append(cell(i / columns, j / rows, noise[j]))
    bases = [0x55d0c0000000 + j * 16 * PAGE_BYTES if j < rows * 3 // 4
             else 0x7f3a40000000 + (j - rows * 3 // 4) * 16 * PAGE_BYTES for j in range(rows)]
    return {
        "time_ns": times(columns), "row_address": [hex(b) for b in bases],
        "row_bytes": [16 * PAGE_BYTES] * rows, "breaks": [rows * 3 // 4], "cells": packed(cells),
        "label": "exact",
        "legend": {"0-100": "occupancy in per cent", "101": "free, resident", "102": "released",
                   "103": "metadata", "104": "never touched", "105": "not mapped",
                   "106": "swapped"},
    }


def inspector_block(pages, frames, draw):
    result = []
    for n in range(12):
        address = int(pages["row_address"][n * len(pages["row_address"]) // 12], 16)
        blocks, offset, live = [], 0, 0
        while offset < PAGE_BYTES:
            length = min(PAGE_BYTES - offset, 16 * draw.randrange(2, 40 if n else 200))
            # The first page is the one of the text book: a single small object.
            is_live = draw.random() < 0.3 if n else offset == 0
            if n == 0:
                length = 64 if offset == 0 else PAGE_BYTES - 64
            tag = 8 if n else 16
            asked = length - tag - (draw.randrange(0, min(15, length - tag)) if n else 0)
            block = {"offset": offset, "block_bytes": length, "usable_bytes": length - tag,
                     "requested_bytes": asked if is_live else None, "tag_bytes": tag,
                     "state": "live" if is_live else "free",
                     "stack": draw.randrange(1, frames) if is_live else 0, "thread": n % 4,
                     "age_ns": draw.randrange(DURATION_NS) if is_live else None,
                     "call": "malloc" if is_live else None}
            live += asked if is_live else 0
            blocks.append(block)
            offset += length
        result.append({"address": hex(address), "use": "heap", "is_resident": True,
                       "live_bytes": live, "free_bytes": PAGE_BYTES - live,
                       "reason": ["pins most", "typical", "largest waste"][n % 3],
                       "blocks": blocks})
    return {"moment": "worst", "label": "exact", "pages": result}


def pins_block(frames, draw):
    rows = []
    for n in range(40):
        pinned = int(14 * MIB / (n + 1) ** 1.3)
        live = max(48, pinned // draw.randrange(20, 90))
        exclusive = pinned // (PAGE_BYTES * 2)
        rows.append({"stack": draw.randrange(frames // 3, frames), "live_bytes": live,
                     "objects": live // 48 + 1, "pages": pinned // 3000 + 1,
                     "exclusive_pages": exclusive, "pinned_bytes": pinned,
                     "median_age_ns": draw.randrange(SECOND, DURATION_NS),
                     "returns_bytes": exclusive * PAGE_BYTES,
                     "leverage": exclusive * PAGE_BYTES / live})
    total = int(sum(row["pinned_bytes"] for row in rows) * 1.08)
    cumulative, so_far = [], 0
    for row in rows:
        so_far += row["pinned_bytes"]
        cumulative.append(round(so_far / total, 4))
    occupancy = [{"from": p, "to": p + 5, "pages": int(6000 * math.exp(-p / 18)) + 40 * (p == 95),
                  "free_bytes": int(6000 * math.exp(-p / 18) * PAGE_BYTES * (1 - p / 100))}
                 for p in range(0, 100, 5)]
    return {"moment": "worst", "label": "exact", "pinned_free_bytes": total, "rows": rows,
            "cumulative": cumulative, "occupancy": occupancy}


def classes_block(draw):
    result, low = [], 1
    for high in [16 * i for i in range(1, 9)] + [2 ** k * s // 4 for k in range(7, 21)
                                                 for s in (5, 6, 7, 8)]:
        count = int(900_000 * math.exp(-((math.log2(high) - 6) / 2.2) ** 2)) + draw.randrange(40)
        rounding = int(count * (high - low) * 0.45)
        result.append({"bytes_from": low, "bytes_to": high, "allocations": count,
                       "allocated_bytes": count * (high + low) // 2, "rounding_bytes": rounding,
                       "live_peak_bytes": count * high // 30, "live_peak_blocks": count // 30})
        low = high + 1
    return result


def free_space_block(columns, draw):
    sizes = [16 << n for n in range(27)]
    clock, cells = times(columns), bytearray()
    largest = [int(MIB * (0.2 + 6 * abs(math.sin(5 * i / columns)))) for i in range(columns)]
    for size in sizes:
        for i in range(columns):
            share = 1 / (1 + math.exp(-1.4 * (math.log2(size) - math.log2(largest[i]) + 2)))
            cells.append(200 if size > largest[i] else int(200 * share * draw.uniform(0.97, 1)))
    return {"time_ns": clock, "request_bytes": sizes, "unusable": packed(cells),
            "largest_bytes": largest, "free_bytes": [v * 4 for v in largest], "label": "exact"}


def lifetimes_block(frames, draw):
    sizes, ages = [16 << n for n in range(14)], [1000 * 4 ** n for n in range(14)]
    counts = [[int(90000 * math.exp(-(i - 3) ** 2 / 8 - (j - 4) ** 2 / 9)) +
               int(900 * math.exp(-(i - 6) ** 2 / 6 - (j - 11) ** 2 / 4)) for j in range(14)]
              for i in range(14)]
    return {"bytes_from": sizes, "ns_from": ages, "counts": counts, "label": "exact",
            "survival": [{"age_ns": 1000 * 2 ** n, "share": math.exp(-n / 6)} for n in range(26)],
            "temporary": 812_345,
            "interleaving": [{"stack_a": draw.randrange(1, frames), "pages": 900 - 70 * n,
                              "stack_b": draw.randrange(1, frames),
                              "ratio": 10 ** (4 - n / 3)} for n in range(10)]}


def frames_block(count, draw):
    result = [{"parent": 0, "function": "root", "module": None, "line": None}]
    depth = [0]
    for n in range(1, count):
        parent = 0 if n < 3 else draw.randrange(max(0, n - 400), n)
        while depth[parent] > 18:
            parent = result[parent]["parent"]
        name = FUNCTIONS[0] if n == 1 else draw.choice(FUNCTIONS[1:])
        if draw.random() < 0.6 and n > 60:
            name += f"_{draw.randrange(90)}"
        if draw.random() < 0.02:
            name = hex(0x7f0000001000 + n * 64)
        result.append({"parent": parent, "function": name, "module": draw.choice(MODULES),
                       "line": f"{name[:4]}.c:{draw.randrange(10, 900)}"
                       if draw.random() < 0.7 else None})
        depth.append(depth[parent] + 1)
    return result


def stacks_block(frames, draw):
    rows = []
    for frame in range(1, frames):
        if frame % 3 == 0:
            continue
        live = int(draw.paretovariate(0.9) * 300) % (40 * MIB)
        count = live // 64 + 1
        rows.append({"frame": frame, "values": [live, live * 9, count, count // 4, live // 16,
                                                live // draw.randrange(2, 30), live, live // 3]})
    return {"metrics": [{"key": key, "name": key.replace("_", " "), "label": "exact",
                         "moment": "peak" if key == "live_bytes" else None} for key in METRICS],
            "label": "exact", "rows": rows}


def vm_block(points):
    frames = [2 ** n for n in range(4, 17)]
    return {"curve": {"frames": frames,
                      "faults": [int(900_000 / (1 + f / 300) ** 1.4) + 21000 for f in frames]},
            "policies": [{"name": name, "frames": f, "faults": int(k * 900_000 / (1 + f / 300))}
                         for name, k in (("LRU", 1), ("CLOCK", 1.08), ("FIFO", 1.31),
                                         ("OPT", 0.7)) for f in (256, 1024, 4096)],
            "tlb": [{"name": name, "entries": n, "reach_bytes": n * page, "miss_share": share}
                    for name, n, page, share in (("L1 4K", 64, 4096, 0.051),
                                                 ("L2 4K", 1536, 4096, 0.012),
                                                 ("L1 2M", 32, 2 * MIB, 0.0008))],
            "working_set": {"tau": [10 ** n for n in range(2, 8)],
                            "pages": [40, 300, 1900, 7000, 19000, 28000]},
            "faults": {"time_ns": times(points), "minor": [int(900 * abs(math.sin(i / 9)))
                                                           for i in range(points)],
                       "major": [i % 7 == 0 and 3 or 0 for i in range(points)]},
            "label": dict.fromkeys(("curve", "policies", "tlb", "working_set"), "estimate") |
            {"faults": "measured"}}


def compare_block(trace, ledger, stacks, draw):
    peak = ledger["peak_index"]
    entries = []
    for key, *_ in TERMS:
        a = ledger["series"][key][peak]
        b = int(a * draw.uniform(0.6, 1.3))
        entries.append({"key": key, "a": a, "b": b, "difference": b - a})
    rows = []
    for row in stacks["rows"][:400]:
        a = row["values"][0]
        b = int(a * draw.uniform(0.4, 1.7))
        rows.append({"frame": row["frame"], "a": a, "b": b, "difference": b - a})
    rows.append({"frame": None, "stack": "leaf_of_b < caller_in_b < main_of_b", "a": 0,
                 "b": 90 * MIB, "difference": 90 * MIB})
    figures = [{"key": "peak_rss", "name": "peak RSS", "a": 170 * MIB, "b": 138 * MIB,
                "difference": -32 * MIB, "unit": "bytes", "label": "measured"},
               {"key": "pinned_share", "name": "pinned share", "a": 0.3, "b": 0.21,
                "difference": -0.09, "unit": "share", "label": "measured"}]
    return {"other": dict(trace, file="allot.server.4712.allot", strategy="buddy"),
            "metrics": figures,
            "ledger": entries, "stacks": rows, "label": "exact"}


def advice_block():
    return [
        {"rank": 1, "title": "Use the buddy strategy",
         "observation": "Replayed under buddy, the same calls peak at 0.81 of the memory.",
         "view": "what_if", "action": "Run with the configuration below.",
         "conf": "strategy:buddy", "risk": "0.72 of the operations a second",
         "effect": {"metric": "peak RSS", "before": 170 * MIB, "after": 138 * MIB,
                    "unit": "bytes", "label": "measured"}},
        {"rank": 2, "title": "Free the rows of row_decode() earlier",
         "observation": "Objects of 48 bytes from row_decode() keep 3,400 pages.", "view": "pins",
         "action": "Allocate them apart from what is freed, or copy the survivors.",
         "conf": None, "effect": {"metric": "pinned free", "before": 51 * MIB,
                                  "after": 37 * MIB, "unit": "bytes", "label": "bounds"},
         "risk": "a copy for each row"},
    ]


def report(points=1000, columns=2048, rows=512, frames=5000):
    draw = random.Random(points * 7 + columns)
    trace = trace_block(points)
    ledger = ledger_block(points, draw)
    pages = pages_block(columns, rows, draw)
    stacks = stacks_block(frames, draw)
    clock = ledger["time_ns"]
    return {
        "schema": "allot.report/1", "allot": "1.0.0", "trace": trace,
        "verdict": verdict_block(ledger), "ledger": ledger,
        "metrics": [{"key": "u", "name": "peak utilization", "value": 0.86, "unit": "share",
                     "label": "exact", "formula": "max requested / high-water of the heap",
                     "source": "CS:APP 9.9"},
                    {"key": "realized", "name": "realized fragmentation", "value": 0.23,
                     "unit": "share", "label": "measured",
                     "formula": "(resident - requested) / requested at peak RSS",
                     "source": "tcmalloc"}],
        "what_if": what_if_block(ledger, points),
        "moments": [{"key": key, "name": name, "time_ns": clock[ledger[key + "_index"]]}
                    for key, name in (("peak", "peak RSS"), ("worst", "worst fragmentation"),
                                      ("end", "the end"))],
        "pages": pages, "inspector": inspector_block(pages, frames, draw),
        "pins": pins_block(frames, draw), "classes": classes_block(draw),
        "free_space": free_space_block(min(points, 1000), draw),
        "lifetimes": lifetimes_block(frames, draw),
        "threads": [{"thread": n, "name": f"worker {n}", "allocations": 1_310_000 - 9000 * n,
                     "frees": 1_270_000, "frees_of_others": 4000 * n,
                     "live_bytes_peak": 30 * MIB - n * MIB} for n in range(4)],
        "frames": frames_block(frames, draw), "stacks": stacks, "vm": vm_block(min(points, 300)),
        "compare": compare_block(trace, ledger, stacks, draw), "advice": advice_block(),
        "definitions": [{"name": "pinned free", "formula": "sum over pages with a live block of "
                         "their free bytes", "source": "own"},
                        {"name": "peak utilization", "formula": "max over i of P_i / H_k",
                         "source": "CS:APP 9.9"}],
    }


if __name__ == "__main__":
    json.dump(report(*(int(word) for word in sys.argv[1:])), sys.stdout, separators=(",", ":"))
