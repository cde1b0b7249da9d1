# SPDX-License-Identifier: MIT
"""
Terminal: what is said beside the results, and how wide a line may be.

Results go to standard output, everything here to standard error.
"""

import os
import shutil
import sys

STATUS_FAILED = 1
STATUS_USAGE = 2
STATUS_INTERRUPTED = 130
COLUMNS_PROGRESS_MAX = 100


def note(text):
    """A line in the name of the command."""
    progress("")
    print(f"allot: bench: {text}", file=sys.stderr)


def die(text):
    """Leave with a message about how the command was called, or what it lacks."""
    note(text)
    sys.exit(STATUS_USAGE)


def columns():
    """Columns a table may take, or None when nobody looks at it on a terminal."""
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS", "").isdigit():
        return None
    return shutil.get_terminal_size().columns


def progress(text):
    """A line that overwrites itself, on a terminal only; an empty one takes it away."""
    if sys.stderr.isatty():
        width = min(COLUMNS_PROGRESS_MAX, shutil.get_terminal_size().columns - 1)
        print("\r\033[K" + text[:width], end="", file=sys.stderr, flush=True)
