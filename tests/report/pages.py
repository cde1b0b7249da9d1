# SPDX-License-Identifier: MIT
"""Pages under test: written by the program that is tested, shown by a tab, asked by claims."""
import json
import pathlib
import subprocess
import sys

from sample import report as sample_make

READY = "!!(window.allotReport && allotReport.isReady)"
# Of each view, what must be there: a selector, and how many at least.
VIEWS = {
    "verdict": [(".card", 6), (".card .spark-line", 6), (".piece", 7), ("tbody tr", 2)],
    "ledger": [("path.layer", 8), ("path[data-line]", 3), (".cursor", 2), ("tbody tr", 10)],
    "what_if": [("tbody tr", 7), (".point", 6), (".point.dominated", 2), (".tile", 6),
                (".best", 8), (".spread", 10)],
    "pages": [("canvas.map", 1), (".legend .key", 10), (".break", 1), ("text.address", 6)],
    "inspector": [(".piece-of.free", 1), (".piece-of.tags", 1), (".piece-of.requested", 1),
                  ("tbody tr", 13)],
    "pins": [(".cell", 20), ("tbody tr", 15), ("path.line", 1), ("rect.bar", 20)],
    "classes": [("rect.bar", 40), (".bar-name", 10)],
    "free_space": [("canvas.map", 1), ("#bytes", 1), (".wanted", 1), ("path.line", 2)],
    "lifetimes": [("rect.bin", 100), ("path.line", 1), ("tbody tr", 10)],
    "stacks": [(".cell", 50), ("#metric option", 8), ("tbody tr", 4)],
    "vm": [("path.line", 8), (".dot", 12), ("tbody tr", 3)],
    "compare": [(".bar", 8), ("tbody tr", 30)],
    "advice": [(".advice", 2), (".effect-bar", 4)],
    "provenance": [("dt", 25), ("tbody tr", 2), ("#json", 1), ("details pre", 1)],
}


class Pages:
    """The pages under test: files, and the one tab that shows them."""

    def __init__(self, writer, folder, tab):
        self.writer, self.folder, self.tab = writer, pathlib.Path(folder), tab
        self.small = sample_make(200, 128, 48, 300)
        self.large = sample_make()
        self.large_bytes = self.write("large", self.large)
        self.write("small", self.small)

    def write(self, name, report):
        """Write a page; returns its bytes."""
        text = json.dumps(report, separators=(",", ":"), ensure_ascii=False).encode()
        page = subprocess.run([self.writer, "allot: <a & b>"], input=text, check=True,
                              stdout=subprocess.PIPE).stdout
        (self.folder / f"{name}.html").write_bytes(page)
        return page

    def open(self, name, state=""):
        if not self.tab.open(f"file://{self.folder}/{name}.html#{state}", READY):
            # Each claim would wait as long as this one did.
            print(f"Bail out! {name}.html does not become ready", flush=True)
            sys.exit(1)

    def view(self, name):
        self.tab.run(f"void allotReport.set({{ view: {json.dumps(name)} }})")

    def count(self, selector):
        return self.tab.run(f"document.querySelectorAll('main ' + {json.dumps(selector)}).length")

    def state(self, key):
        return self.tab.run(f"allotReport.state[{json.dumps(key)}]")

    def text(self, selector):
        return self.tab.run(f"(document.querySelector({json.dumps(selector)}) || {{}}).textContent")

    def box(self, selector):
        """Place of an element in the window: left, top, width, height."""
        return self.tab.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({ block: 'center' }); const b = e.getBoundingClientRect();"
            "return [b.left, b.top, b.width, b.height]; })()")

    def press(self, title, button):
        """Press a button of the panel with this title."""
        return self.tab.run(
            "(() => { const panel = [...document.querySelectorAll('.panel')].find((one) =>"
            f"one.querySelector('h2').textContent.startsWith({json.dumps(title)}));"
            "[...panel.querySelectorAll('.actions button')].find((one) =>"
            f"one.textContent === {json.dumps(button)}).click(); }})()")

    def save_catch(self):
        """From now on what would be saved is kept."""
        self.tab.run("void (() => { window.saved = []; allotReport.download = (name, type, content)"
                     " => saved.push({ name, type, content }); })()")


def differ(what, got, wanted):
    if got != wanted:
        yield f"{what}: {got!r}, wanted {wanted!r}"
