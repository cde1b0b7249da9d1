# SPDX-License-Identifier: MIT
"""
Run: one start of a workload under one allocator, and what came of it.

It is started through allot-measure, which is small and static: what it says of peak memory is the
program's. The program leads a group of its own, and the whole group is ended when it takes too
long, or when the user does not want to wait.
"""

import os
import signal
import subprocess
import time

FIGURES = ("wall_s", "user_s", "system_s", "peak_rss_kib", "minor_faults", "major_faults",
           "status")
STATUS_SIGNAL_BASE = 128
SAID_MAX = 100  # columns of what a program says


class Failure(Exception):
    """Why a run gave no figures: in one word for a table, and in a few more."""

    def __init__(self, word, text):
        super().__init__(text)
        self.word = word


def figures_parse(text):
    """The launcher's line of name=value words, in our units."""
    raw = dict(word.split("=", 1) for word in text.strip().splitlines()[-1].split())
    assert all(name in raw for name in FIGURES), "another launcher's line"
    user_s, system_s = float(raw["user_s"]), float(raw["system_s"])
    return {"wall_s": float(raw["wall_s"]),
            "cpu_s": user_s + system_s, "user_s": user_s, "system_s": system_s,
            "peak_rss_bytes": int(raw["peak_rss_kib"]) * 1024,
            "page_faults": int(raw["minor_faults"]) + int(raw["major_faults"]),
            "status": int(raw["status"])}


def status_failure(status, said):
    """An exit status as the launcher gives it."""
    try:
        name = signal.Signals(status - STATUS_SIGNAL_BASE).name
    except ValueError:
        return Failure(f"status {status}", f"exit status {status}{said}")
    return Failure("crashes", f"killed by {name}{said}")


def group_kill(process):
    """End a run and everything it started. It leads a group of its own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


class Run:
    """One start. `folder` takes its output; `limit_s` is how long it may take."""

    def __init__(self, workload, contender, launcher, limit_s):
        self.workload = workload
        self.contender = contender
        self.launcher = launcher
        self.limit_s = limit_s
        self.figures_path = os.path.join(workload.folder, "run.figures")
        self.output_path = os.path.join(workload.folder, "run.out")
        self.error_path = os.path.join(workload.folder, "run.err")

    def start(self):
        workload = self.workload
        for name in ("run.figures", *workload.outputs):
            path = os.path.join(workload.folder, name)
            if os.path.exists(path):
                os.unlink(path)
        words = workload.command_floor() if self.contender.is_floor else workload.command()
        environment = self.contender.environment(workload.environment(), workload.has_own_malloc)
        with open(self.output_path, "wb") as output, open(self.error_path, "wb") as error:
            return subprocess.Popen([self.launcher, "-o", self.figures_path, "--", *words],
                                    cwd=workload.directory(), env=environment,
                                    stdin=subprocess.DEVNULL, stdout=output, stderr=error,
                                    start_new_session=True)

    def said(self):
        """The first line the program wrote on standard error, behind a colon."""
        with open(self.error_path, encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file if line.strip()]
        return f": {lines[0][:SAID_MAX]}" if lines else ""

    def wait(self, process):
        """Give the program its work, wait for its end; returns what drive() gave."""
        driven, trouble = None, None
        start_s = time.monotonic()
        limit_s = self.limit_s
        try:
            driven = self.workload.drive(process, limit_s)
        except (subprocess.SubprocessError, OSError, RuntimeError) as error:
            trouble = str(error)
            limit_s = min(limit_s, time.monotonic() - start_s + 1)
        try:
            process.wait(max(0, limit_s - (time.monotonic() - start_s)))
        except subprocess.TimeoutExpired:
            group_kill(process)
            raise Failure("hangs", (trouble or f"hangs: not done after {limit_s:.3g} s")
                          + self.said()) from None
        if trouble and process.returncode == 0:
            raise Failure("fails", trouble + self.said())
        return driven

    def measure(self, status_expected=0):
        """(figures, what must be the same every time). Raises Failure."""
        process = self.start()
        try:
            driven = self.wait(process)
        finally:
            group_kill(process)
        if not os.path.exists(self.figures_path):
            raise status_failure(process.returncode, self.said())
        with open(self.figures_path, encoding="utf-8") as file:
            figures = figures_parse(file.read())
        status = figures["status"]
        if status != status_expected and (status_expected is not None
                                          or status > STATUS_SIGNAL_BASE):
            raise status_failure(status, self.said())
        with open(self.error_path, encoding="utf-8", errors="replace") as file:
            if "cannot be preloaded" in file.read():
                raise Failure("unloaded", "the library cannot be preloaded")
        try:
            same, more = self.workload.read(self.output_path, driven)
        except (OSError, ValueError) as error:
            raise Failure("fails", str(error)) from None
        return {**figures, **more}, same
