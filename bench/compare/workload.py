# SPDX-License-Identifier: MIT
"""
Workload: something to run under every allocator, the same work every time.

A workload prepares its input in a folder of its own, from one seed, and says which command runs it.
The command's standard output, and the files it names, are what must come out the same under every
allocator. `scale` is 1 for about a second under the C library's malloc, less for a quick look.

Not here: starting, measuring, comparing; and the workloads.
"""

import hashlib
import os
import random
import shutil

SEED = 20231


class Workload:
    """One row of a comparison. Subclasses say which."""

    name = ""
    family = ""
    about = ""
    threads = 1
    outputs = ()            # files it writes, beside its standard output
    has_own_malloc = False  # linked with an allocator other than the C library's
    has_floor = False       # can serve itself, to show what no allocator goes below
    may_fail = False        # its exit status is compared with the reference's, and may be any
    time_metric = None      # the figure that is its time, where it is not the user's choice
    variables = {}          # added to its environment
    folder = None
    scale = 1

    def settle(self, folder, scale):
        """Take a folder, and a scale; once, before prepare()."""
        self.folder = folder
        self.scale = scale

    def prepare(self):
        """Write the input. Called once."""

    def command(self):
        """The command's words. It runs in directory()."""
        raise NotImplementedError

    def command_floor(self):
        """The same with a floor, where there is one."""
        raise NotImplementedError

    def directory(self):
        return self.folder

    def environment(self):
        """The variables it is started with, but for those of an allocator."""
        return {"PATH": os.environ.get("PATH", os.defpath), "HOME": self.folder,
                "TMPDIR": self.folder, "LC_ALL": "C", "TZ": "UTC0", **self.variables}

    def drive(self, process, limit_s):
        """
        For servers: give `process` its work while it runs, end it, and return what to hash.
        Raises RuntimeError, or what subprocess raises, when that fails or takes too long.
        """
        return None

    def read(self, output_path, driven):
        """What came out: (what must be the same every time, {further figure: value})."""
        digest = hashlib.sha256()
        for path in [output_path] + [os.path.join(self.folder, name) for name in self.outputs]:
            with open(path, "rb") as file:
                for piece in iter(lambda: file.read(1 << 20), b""):
                    digest.update(piece)
            digest.update(b"\0")
        digest.update(driven or b"")
        return digest.hexdigest(), {}

    def missing(self):
        """Why it cannot run here, or None."""
        return None


class Program(Workload):
    """A real program, installed or not, with generated input."""

    family = "program"
    needs = ()  # programs that must be installed

    def settle(self, folder, scale):
        super().settle(folder, scale)
        self.random = random.Random(SEED)
        self.lexicon = self.lexicon_make()

    def missing(self):
        need = next((need for need in self.needs if not shutil.which(need)), None)
        return f"{need} is not installed" if need else None

    def count(self, full):
        """A number of things for the full workload, at this scale."""
        return max(1, int(full * self.scale))

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def lexicon_make(self):
        """Words of a small language."""
        syllables = ["ba", "ke", "li", "mo", "nu", "ra", "se", "ti", "vo", "zu", "gra", "ple"]
        return ["".join(self.random.choices(syllables, k=self.random.randint(1, 4)))
                for _ in range(800)]

    def words(self, count):
        """Some of them; common ones come often."""
        weights = [1 / (i + 1) for i in range(len(self.lexicon))]
        return self.random.choices(self.lexicon, weights=weights, k=count)
