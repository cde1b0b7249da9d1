#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does a file hold allot.report/1? Prints what does not; status 1 then.

usage: report_schema.py FILE
"""
import base64
import json
import sys

TEXT, NUMBER, BOOL = (str,), (int, float), (bool,)
TEXT_NULL, NUMBER_NULL = (str, type(None)), (int, float, type(None))
TERMS = ("requested rounding tags pinned_free reclaimable_free metadata recorder "
         "untouched").split()
LABELS = ("exact", "measured", "bounds", "estimate", "n/a")

TRACE = dict.fromkeys("file format command conf strategy host kernel version".split(), TEXT) | \
    dict.fromkeys("process parent start_unix_ns duration_ns events allocations frees resizes "
                  "failures threads frames depth page_bytes bytes_per_event samples "
                  "unknown_frees".split(), NUMBER) | \
    dict.fromkeys("sample_bytes file_bytes lost_events lost_time_ns repaired".split(),
                  NUMBER_NULL) | \
    {"is_complete": BOOL, "damaged": [TEXT]}
METRIC = {"key": TEXT, "name": TEXT, "value": NUMBER_NULL, "unit": TEXT, "label": TEXT,
          "formula": TEXT}
REPORT = {
    "schema": TEXT, "allot": TEXT, "trace": TRACE,
    "verdict": {"sentence": TEXT, "cards": [METRIC | {"view": TEXT, "spark": [NUMBER]}]},
    "ledger": {
        "terms": [{"key": TEXT, "name": TEXT, "meaning": TEXT, "label": TEXT, "sign": NUMBER}],
        "time_ns": [NUMBER],
        "series": {key: [NUMBER_NULL] for key in TERMS + [
            "resident", "sum", "mapped", "process_resident", "live_blocks"]},
        "peak_index": NUMBER, "worst_index": NUMBER, "end_index": NUMBER,
        "largest_difference_bytes": NUMBER_NULL},
    "metrics": [METRIC | {"source": TEXT}],
    "moments": [{"key": TEXT, "name": TEXT, "time_ns": NUMBER}],
    "pages": {"label": TEXT, "time_ns": [NUMBER], "row_address": [TEXT], "row_bytes": NUMBER,
              "breaks": [NUMBER], "cells": TEXT, "legend": {"101": TEXT}},
    "inspector": {"moment": TEXT, "pages": [{
        "address": TEXT, "use": TEXT, "live_bytes": NUMBER, "free_bytes": NUMBER, "reason": TEXT,
        "blocks": [{"offset": NUMBER, "block_bytes": NUMBER, "state": TEXT}]}]},
    "pins": {"label": TEXT, "moment": TEXT, "pinned_free_bytes": NUMBER, "rows": [
        dict.fromkeys("stack live_bytes objects pages exclusive_pages pinned_bytes median_age_ns "
                      "returns_bytes".split(), NUMBER) | {"leverage": NUMBER_NULL}],
        "cumulative": [NUMBER],
        "occupancy": [dict.fromkeys("from to pages free_bytes".split(), NUMBER)]},
    "classes": [dict.fromkeys("bytes_from bytes_to allocations allocated_bytes rounding_bytes "
                              "live_peak_bytes live_peak_blocks".split(), NUMBER)],
    "free_space": {"label": TEXT, "time_ns": [NUMBER], "request_bytes": [NUMBER],
                   "unusable": TEXT, "largest_bytes": [NUMBER], "free_bytes": [NUMBER]},
    "lifetimes": {"label": TEXT, "bytes_from": [NUMBER], "ns_from": [NUMBER],
                  "counts": [[NUMBER]], "survival": [{"age_ns": NUMBER, "share": NUMBER}],
                  "temporary": NUMBER, "interleaving": [{
                      "stack_a": NUMBER, "stack_b": NUMBER, "pages": NUMBER,
                      "ratio": NUMBER_NULL}]},
    "threads": [{"thread": NUMBER, "name": TEXT, "allocations": NUMBER, "frees": NUMBER,
                 "frees_of_others": NUMBER, "live_bytes_peak": NUMBER}],
    "frames": [{"parent": NUMBER, "function": TEXT, "module": TEXT, "line": TEXT_NULL}],
    "stacks": {"metrics": [{"key": TEXT, "name": TEXT, "moment": TEXT_NULL}],
               "rows": [{"frame": NUMBER, "values": [NUMBER]}]},
    "advice": [{"rank": NUMBER, "title": TEXT, "observation": TEXT, "view": TEXT, "action": TEXT,
                "conf": TEXT_NULL, "risk": TEXT_NULL}],
    "definitions": [{"name": TEXT, "formula": TEXT, "source": TEXT}],
}

# What need not be there.
CURVE = {"frames": [NUMBER], "faults": [NUMBER]}
VM = {"row": TEXT, "payload": TEXT, "curve": CURVE,
      "policies": [{"name": TEXT, "frames": NUMBER, "faults": NUMBER}],
      "label": dict.fromkeys("curve policies tlb working_set".split(), TEXT),
      "tlb": [{"name": TEXT, "entries": NUMBER, "reach_bytes": NUMBER, "miss_share": NUMBER}],
      "working_set": {"tau": [NUMBER], "pages": [NUMBER]}} | dict.fromkeys(
          "heap_accesses payload_accesses changes pages peak_pages half_faults "
          "whole_faults".split(), NUMBER)
SIDES = {"a": NUMBER, "b": NUMBER, "difference": NUMBER}
COMPARE = {"a": TRACE, "b": TRACE, "moment": TEXT, "ledger": [SIDES | {"key": TEXT, "label": TEXT}],
           "metrics": [SIDES | {"key": TEXT, "unit": TEXT, "label": TEXT}],
           "stacks": [SIDES | {"frame": NUMBER_NULL}]}


def check(where, value, form):
    """Yield what of `value` is not of that form; members that the form does not name may be."""
    if isinstance(form, dict):
        if not isinstance(value, dict):
            yield f"{where} is no object"
            return
        for key, inner in form.items():
            if key not in value:
                yield f"{where}.{key} is missing"
            else:
                yield from check(f"{where}.{key}", value[key], inner)
    elif isinstance(form, list):
        if not isinstance(value, list):
            yield f"{where} is no array"
            return
        for index, item in enumerate(value):
            yield from check(f"{where}[{index}]", item, form[0])
    elif not isinstance(value, form) or (isinstance(value, bool) and form != BOOL):
        yield f"{where} is {value!r}"


def check_sense(report):
    """Yield what cannot be, though of the right form."""
    ledger = report["ledger"]
    count = len(ledger["time_ns"])
    for key, series in ledger["series"].items():
        if len(series) != count or count > 1000:
            yield f"ledger.series.{key} has {len(series)} values for {count} times"
    for index, resident in enumerate(ledger["series"]["resident"]):
        signed = [(-1 if key == "untouched" else 1, ledger["series"][key][index])
                  for key in TERMS]
        if resident is not None and sum(sign * value for sign, value in signed) != resident:
            yield f"ledger: the terms do not sum at {index}"
    if [term["key"] for term in ledger["terms"]] != TERMS:
        yield "ledger.terms are others"
    for item in report["metrics"] + report["verdict"]["cards"] + ledger["terms"]:
        if item["label"].split(" ")[0] not in LABELS:
            yield f"{item['key']} is labelled {item['label']}"
    frames = len(report["frames"])
    used = [row["frame"] for row in report["stacks"]["rows"]] + \
        [row["stack"] for row in report["pins"]["rows"]] + \
        [frame["parent"] for frame in report["frames"]]
    if any(frame >= frames for frame in used):
        yield "a frame is not there"
    for row in (report.get("compare") or {}).get("stacks", []):
        if row["frame"] is None and not isinstance(row.get("stack"), str):
            yield "a stack of B alone has no name"
        if row["frame"] is not None and not 0 < row["frame"] < frames:
            yield "a stack of both has no frame"
    pages = report["pages"]
    if len(base64.b64decode(pages["cells"])) != len(pages["time_ns"]) * len(pages["row_address"]):
        yield "pages.cells has another size"
    space = report["free_space"]
    shares = base64.b64decode(space["unusable"])
    if len(shares) != len(space["time_ns"]) * len(space["request_bytes"]) or \
            any(share > 200 for share in shares):
        yield "free_space.unusable is not what it says"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        report = json.load(file)
    form = dict(REPORT)
    if report.get("compare") is not None:
        form["compare"] = COMPARE
    if "curve" in (report.get("vm") or {}):
        form["vm"] = VM
    faults = list(check("report", report, form)) or list(check_sense(report))
    if report.get("schema") != "allot.report/1":
        faults.append("another schema")
    print("\n".join(faults[:20]))
    return 1 if faults else 0


sys.exit(main())
