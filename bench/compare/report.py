# SPDX-License-Identifier: MIT
"""
Report: a comparison as tables, of text or markdown.

Two figures stand in a cell, time and peak memory, as ratios to the best of the row; a word, where
an allocator failed, and the notes below say more. Not here: JSON (record.py), pictures
(picture.py).
"""

import os
import textwrap

import table
import terminal
from contenders import BASELINE
from summary import PEAK, TIME

LATENCIES = ("p50_ns", "p99_ns", "p9999_ns")
THOUSAND, MILLION = 1e3, 1e6
MIB = 2**20
NOTHING = "-"
INDENT = "  "


def ratio_text(value):
    return NOTHING if value is None else f"{value:.2f}" if value < 99.95 else f"{value:.0f}"


def pair_text(time, peak):
    if time is None or peak is None:
        return NOTHING
    return f"{ratio_text(time)}/{ratio_text(peak)}"


def count_text(value):
    """A number in three digits or so."""
    if value is None:
        return NOTHING
    if value >= MILLION:
        return f"{value / MILLION:.3g}M"
    return f"{value / THOUSAND:.3g}k" if value >= THOUSAND else f"{value:.3g}"


def percent_text(value):
    return NOTHING if value is None else f"{100 * value:.0f} %"


class Report:
    """What is printed of one comparison."""

    def __init__(self, comparison, summary, is_markdown):
        self.comparison = comparison
        self.summary = summary
        self.is_markdown = is_markdown
        self.columns_max = None if is_markdown else terminal.columns()
        self.names = [contender.name for contender in comparison.contenders]

    def table_print(self, title, rows, left=1):
        """A table under its title."""
        as_table = table.as_markdown if self.is_markdown else table.as_text
        print(title + "\n")
        print(as_table(rows, left, self.columns_max) + "\n")

    def line_print(self, line):
        """A line of words, which breaks where a terminal ends."""
        if self.is_markdown:
            print(line + "  ")
        else:
            print(line if self.columns_max is None else
                  textwrap.fill(line, self.columns_max, subsequent_indent=INDENT))

    # ---- rows

    def cell_text(self, workload, contender):
        if contender.is_floor and not workload.has_floor:
            return ""
        cell = self.comparison.cell(workload, contender)
        return cell.word or pair_text(self.summary.ratio(workload, contender, TIME),
                                      self.summary.ratio(workload, contender, PEAK))

    def ratio_rows(self):
        rows = [["workload", "family", *self.names, "spread"]]
        for workload in self.comparison.workloads:
            rows.append([workload.name, workload.family,
                         *(self.cell_text(workload, one) for one in self.comparison.contenders),
                         percent_text(self.summary.spread(workload))])
        # What --details and --list say as well goes first where there is no room for it.
        for name in ("family", "spread"):
            if self.columns_max is not None and table.width_of(rows) > self.columns_max:
                rows = table.without(rows, name)
        return rows

    def mean_rows(self, mean):
        """A row a family, and one for all; `mean` says what stands in a cell."""
        families = self.summary.families
        rows = [["workloads", *self.names]]
        for family in families + ([None] if len(families) > 1 else []):
            count, whole = len(self.summary.common(family)), len(self.summary.of_family(family))
            cells = [pair_text(mean(one, TIME, family), mean(one, PEAK, family))
                     for one in self.comparison.contenders]
            of = "" if count == whole else f" of {whole}"
            rows.append([f"{family or 'all'} ({count}{of})", *cells])
        return rows

    def latency_rows(self):
        """One row a workload that tells latencies; empty when none does."""
        rows = []
        for workload in self.comparison.workloads:
            cells = []
            for contender in self.comparison.contenders:
                cell = self.comparison.cell(workload, contender)
                values = [cell.median(metric) for metric in LATENCIES] if cell.is_ok else []
                is_told = values and None not in values
                cells.append("/".join(map(count_text, values)) if is_told else "")
            if any(cells):
                rows.append([workload.name, *(cell or NOTHING for cell in cells)])
        return [["workload", *self.names]] + rows if rows else []

    def detail_rows(self):
        """One row a cell, the figures themselves."""
        rows = [["workload", "allocator", "time s", "spread", "cpu s", "wall s", "peak MiB",
                 "spread", "faults"]]
        for workload in self.comparison.workloads:
            for contender in self.comparison.contenders_of(workload):
                cell = self.comparison.cell(workload, contender)
                head = [workload.name, contender.name]
                if not cell.runs:
                    rows.append(head + [cell.word or NOTHING] + [NOTHING] * 6)
                    continue
                time = self.summary.metric(workload, TIME)
                rows.append(head + [
                    f"{cell.median(time):.3f}", percent_text(cell.spread(time)),
                    f"{cell.median('cpu_s'):.3f}", f"{cell.median('wall_s'):.3f}",
                    f"{cell.median('peak_rss_bytes') / MIB:.1f}",
                    percent_text(cell.spread("peak_rss_bytes")),
                    f"{cell.median('page_faults'):.0f}"])
        return rows

    # ---- lines

    def verdict_lines(self):
        lines = []
        for contender in self.summary.passing:
            said = self.summary.verdict(contender) if contender.is_allot else None
            if said:
                lines.append(
                    f"{contender.name}: time {said['time']:.2f} of the best single peer "
                    f"({said['time_peer']}), peak {said['peak']:.2f} of the leanest "
                    f"({said['peak_peer']}), worst row in time: {said['worst_row']} at "
                    f"{said['worst_ratio']:.2f} of its best peer ({said['worst_peer']})")
        return lines

    def note_lines(self):
        """What went wrong, and what was left out."""
        lines = [f"{name} under {allocator}: {cell.note}"
                 for (name, allocator), cell in self.comparison.cells.items() if cell.word]
        lines += [f"{one.name} passed no workload: the means are those of the others"
                  for one in self.summary.allocators
                  if one not in self.summary.passing and self.summary.passing]
        lines += [f"{name}: {why}, left out" for name, why in self.comparison.left_out.items()]
        return lines + self.comparison.remarks

    def foot_line(self):
        rounds = self.comparison.arguments.rounds
        return ("medians of " + ("up to " if self.comparison.is_interrupted else "")
                + f"{rounds} round{'s' * (rounds > 1)}"
                + (", interrupted" if self.comparison.is_interrupted else "")
                + f"; {os.cpu_count()} processors; scale {self.comparison.arguments.scale:g}; "
                "all figures measured")

    # ---- all of it

    def means_print(self):
        if len(self.comparison.workloads) < 2:
            return
        self.table_print("geometric means, over the workloads that every allocator passed",
                         self.mean_rows(self.summary.mean))
        if self.summary.baseline():
            self.table_print(f"the same as times {BASELINE}",
                             self.mean_rows(self.summary.mean_to_baseline))

    def print(self):
        if self.comparison.arguments.details:
            self.table_print("medians of the figures", self.detail_rows(), 2)
        rows = self.ratio_rows()
        self.table_print("time/peak memory, times the best of each row", rows,
                         2 if "family" in rows[0] else 1)
        if len(self.latency_rows()) > 1:
            self.table_print("latency, ns: p50/p99/p99.99", self.latency_rows())
        self.means_print()
        for line in self.verdict_lines() + self.note_lines() + [self.foot_line()]:
            self.line_print(line)
