# SPDX-License-Identifier: MIT
"""
Rounds: every workload under every allocator, interleaved.

A workload runs once under the C library's malloc, for the output to compare with and to know how
long it takes. Then come the rounds, one run of each workload under each allocator in each, the
order turning by one from round to round, so that what disturbs the machine disturbs all of them.
An allocator that fails in a workload is not tried in it again; the others go on.

Not here: what the figures mean (summary.py).
"""

import collections
import os
import statistics
import subprocess
import time

from contenders import FLOOR, REFERENCE, Contender
from run import Failure, Run
from terminal import progress

# A run may take this many times as long as under the C library, and these many seconds.
LIMIT_TIMES = 20
LIMIT_S_MIN = 10


class Cell:
    """What is known of one workload under one allocator."""

    def __init__(self):
        self.runs = []      # figures of each round
        self.word = ""      # what went wrong, in one word, or empty
        self.note = ""      # the same in a few more
        self.is_over = False  # no further run: it takes its time, or ends badly

    @property
    def is_ok(self):
        return bool(self.runs) and not self.word

    def fail(self, word, note, is_over=True):
        self.word, self.note, self.is_over = word, note, is_over

    def values(self, metric):
        return [run[metric] for run in self.runs if metric in run]

    def median(self, metric):
        """The median over the rounds, or None where there is no such figure."""
        values = self.values(metric)
        return statistics.median(values) if values else None

    def spread(self, metric):
        """Largest less smallest, by the median; None when a single run says nothing of it."""
        values = self.values(metric)
        if len(values) < 2:
            return None
        middle = statistics.median(values)
        return (max(values) - min(values)) / middle if middle else 0.0


class Reference:
    """A workload as it is under the C library."""

    def __init__(self, figures, same, may_fail):
        self.same = same
        self.status = figures["status"] if may_fail else 0
        self.is_steady = True
        self.limit_s = max(LIMIT_S_MIN, LIMIT_TIMES * figures["wall_s"])


class Comparison:
    """All of it: what runs, and what is known so far."""

    def __init__(self, arguments, workloads, contenders, remarks):
        self.arguments = arguments
        self.workloads = workloads
        self.contenders = contenders
        self.remarks = remarks
        self.references = {}                        # by workload's name
        self.cells = collections.defaultdict(Cell)  # by the names of workload and contender
        self.left_out = {}                          # workload's name: why
        self.is_interrupted = False
        is_wanted = not arguments.only or FLOOR in arguments.only.split(",")
        if is_wanted and any(workload.has_floor for workload in workloads):
            self.contenders = contenders + [Contender(FLOOR)]

    def cell(self, workload, contender):
        return self.cells[workload.name, contender.name]

    def contenders_of(self, workload):
        """Who takes part in a row."""
        return [one for one in self.contenders if workload.has_floor or not one.is_floor]

    def has_failed(self):
        return any(cell.word for cell in self.cells.values())

    # ---- running

    def leave_out(self, workload, why):
        self.left_out[workload.name] = why
        self.workloads.remove(workload)

    def prepare(self, root):
        """Make the inputs, below the folder `root`."""
        for index, workload in enumerate(list(self.workloads)):
            why = workload.missing()
            if why:
                self.leave_out(workload, why)
                continue
            progress(f"preparing {workload.name}")
            folder = os.path.join(root, str(index))
            os.mkdir(folder)
            workload.settle(folder, self.arguments.scale)
            try:
                workload.prepare()
            except (subprocess.SubprocessError, OSError) as error:
                self.leave_out(workload, f"its input could not be made: {error}")

    def references_take(self):
        """Run each under the C library; one that fails there is left out."""
        reference = Contender(REFERENCE)
        for workload in list(self.workloads):
            progress(f"{workload.name} under {REFERENCE}, for its output")
            try:
                run = Run(workload, reference, self.arguments.launcher, self.arguments.timeout)
                figures, same = run.measure(None if workload.may_fail else 0)
                is_steady = not workload.may_fail or run.measure(figures["status"])[1] == same
            except Failure as failure:
                hint = " (see --timeout)" if failure.word == "hangs" else ""
                self.leave_out(workload, f"fails under {REFERENCE}: {failure}{hint}")
                continue
            self.references[workload.name] = Reference(figures, same, workload.may_fail)
            self.references[workload.name].is_steady = is_steady

    def cell_run(self, workload, contender):
        """One more round of a cell."""
        cell = self.cell(workload, contender)
        if cell.is_over:
            return
        reference = self.references[workload.name]
        limit_s = min(self.arguments.timeout, reference.limit_s)
        try:
            run = Run(workload, contender, self.arguments.launcher, limit_s)
            figures, same = run.measure(reference.status)
        except Failure as failure:
            cell.fail(failure.word, str(failure))
            return
        cell.runs.append(figures)
        if same != reference.same and not cell.word:
            cell.fail("differs", f"its output differs from that under {REFERENCE}", is_over=False)

    def rounds_run(self):
        start_s, done = time.monotonic(), 0
        total = self.arguments.rounds * sum(len(self.contenders_of(workload))
                                            for workload in self.workloads)
        for turn in range(self.arguments.rounds):
            for workload in self.workloads:
                chosen = self.contenders_of(workload)
                shift = turn % len(chosen)
                for contender in chosen[shift:] + chosen[:shift]:
                    left_s = (time.monotonic() - start_s) / done * (total - done) if done else 0
                    progress(f"round {turn + 1} of {self.arguments.rounds}: {workload.name} under "
                             f"{contender.name} ({100 * done // total} %, {left_s:.0f} s to go)")
                    self.cell_run(workload, contender)
                    done += 1

    def outputs_settle(self):
        """What differs under the C library itself says nothing about an allocator."""
        for workload in self.workloads:
            reference = self.references.get(workload.name)
            is_steady = reference is None or reference.is_steady
            if is_steady and self.cells[workload.name, REFERENCE].word != "differs":
                continue
            self.remarks.append(f"{workload.name}: its output differs from run to run, and is "
                                "not compared")
            for contender in self.contenders:
                if self.cell(workload, contender).word == "differs":
                    self.cell(workload, contender).fail("", "", is_over=False)

    def run(self, root):
        """Everything, until it is done or the user has seen enough."""
        try:
            self.prepare(root)
            self.references_take()
            self.rounds_run()
        except KeyboardInterrupt:
            self.is_interrupted = True
        progress("")
        self.outputs_settle()
