# SPDX-License-Identifier: MIT
"""
allot bench: workloads under allot and other allocators, side by side.

`allot bench` starts this folder with python3, naming its library and itself before the words of the
user. It has checked the options that stand before the first operand, and its table of commands
documents them. Here the words are read once more, and handed to one of two: the rounds of a
comparison, or the instructions of a pair of calls.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import json
import os
import shutil
import signal
import tempfile

import catalogue
import contenders
import instructions
import picture
import record
import terminal
from places import program_find
from report import Report
from rounds import Comparison
from summary import Summary

ROUNDS, ROUNDS_QUICK = 5, 2
SCALE_QUICK = 0.2
TIMEOUT_S = 600


class Parser(argparse.ArgumentParser):
    """Complains as the rest of allot does."""

    def error(self, message):
        terminal.die(message)


def number_above_zero(text, kind):
    try:
        value = kind(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is no number above 0")
    return value


def whole(text):
    return number_above_zero(text, int)


def real(text):
    return number_above_zero(text, float)


def parser_make():
    parser = Parser(prog="allot bench", add_help=False, allow_abbrev=False)
    add = parser.add_argument
    add("workloads", nargs="*")
    add("--with", action="append", default=[], dest="peers")
    add("--conf", action="append", default=[])
    add("--strategies", action="store_true")
    add("--only")
    add("--rounds", type=whole)
    add("--scale", type=real)
    add("--quick", action="store_true")
    add("--time", choices=("cpu", "wall"), default="cpu")
    add("--timeout", type=real, default=TIMEOUT_S)
    add("--details", action="store_true")
    add("--json", action="store_true")
    add("--markdown", action="store_true")
    add("--picture")
    add("--force", action="store_true")
    add("--list", action="store_true")
    add("--instructions", action="store_true")
    add("--sizes", type=instructions.sizes_read, default=instructions.SIZES)
    # For the tests.
    add("--workload-program")
    return parser


def arguments_parse(words):
    """The command line; what follows "--" is another one."""
    cut = words.index("--") if "--" in words else len(words)
    arguments = parser_make().parse_intermixed_args(words[:cut])
    arguments.command = words[cut + 1:]
    if cut < len(words) and not arguments.command:
        terminal.die("no program to run after '--'")
    if arguments.command and arguments.workloads:
        terminal.die("either workloads or a program of your own, not both")
    if arguments.json and arguments.markdown:
        terminal.die("--json and --markdown exclude each other")
    if arguments.rounds is None:
        arguments.rounds = ROUNDS_QUICK if arguments.quick else ROUNDS
    if arguments.scale is None:
        arguments.scale = SCALE_QUICK if arguments.quick else 1
    if arguments.picture:
        picture.check(arguments.picture, arguments.force)
    return arguments


def results_write(arguments, comparison, words):
    """What is known, as asked for."""
    summary = Summary(comparison)
    if arguments.json:
        json.dump(record.make(comparison, summary, words), sys.stdout, indent=1)
        print()
    elif comparison.cells:
        Report(comparison, summary, arguments.markdown).print()
    else:
        for line in Report(comparison, summary, arguments.markdown).note_lines():
            terminal.note(line)
        terminal.note("nothing was measured")
    if arguments.picture and summary.common():
        picture.draw(summary, arguments.picture)
    elif arguments.picture:
        terminal.note("no picture: there is no workload that every allocator passed")


def compare(arguments, words):
    """Run it all; returns the exit status."""
    arguments.launcher = program_find("allot-measure")
    if arguments.launcher is None:
        terminal.die("the program allot-measure is missing from this installation")
    workloads, remarks = catalogue.workloads_choose(arguments)
    chosen, more = contenders.contenders_choose(arguments)
    comparison = Comparison(arguments, workloads, chosen, remarks + more)
    root = tempfile.mkdtemp(prefix="allot-bench-")
    try:
        comparison.run(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    results_write(arguments, comparison, words)
    if comparison.is_interrupted:
        return terminal.STATUS_INTERRUPTED
    is_bad = comparison.has_failed() or not comparison.workloads
    return terminal.STATUS_FAILED if is_bad else 0


def main(library, program, words):
    """`library` and `program` are allot's own: liballot.so, and `allot`."""
    for name in ("LD_PRELOAD", "ALLOT_CONF"):
        os.environ.pop(name, None)
    # Ended from outside, it still ends what it started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    arguments = arguments_parse(words)
    arguments.library, arguments.program = library, program
    if arguments.list:
        catalogue.workloads_list(arguments)
        return 0
    if arguments.instructions:
        return instructions.main(arguments, words)
    return compare(arguments, words)


def start():
    """The exit status of it all, with the results really written."""
    try:
        status = main(sys.argv[1], sys.argv[2], sys.argv[3:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        return terminal.STATUS_INTERRUPTED
    except BrokenPipeError:
        # Nobody reads on, and Python would complain of it once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return terminal.STATUS_FAILED
    except OSError as error:
        terminal.note(f"standard output: {error.strerror}" if error.filename is None else error)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return terminal.STATUS_FAILED
    return status


if __name__ == "__main__":
    sys.exit(start())
