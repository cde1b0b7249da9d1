#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each unit test of the memory machine fails on code with a fault in it, and says so.

Usage: mutants.py PROGRAM... Prints TAP, a line a mutant. That the same tests pass without the fault
is what they are run for elsewhere.
"""
import os
import subprocess
import sys

TIMEOUT_S = 60


def against(path):
    """What speaks against the mutant being found out, empty if it was."""
    try:
        result = subprocess.run([path, "--jobs=1"], capture_output=True, text=True,
                                timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"ran for more than {TIMEOUT_S} s"
    said = result.stdout + result.stderr
    # A status of 99 says that the mutant has to follow the library.
    if result.returncode == 1 and ("[FAIL]" in said or "CRASH" in said):
        return ""
    return f"status {result.returncode}\n{said}"


def main():
    print(f"1..{len(sys.argv) - 1}")
    for number, path in enumerate(sys.argv[1:], 1):
        lines = against(path)
        name = os.path.basename(path).removeprefix("vm_mutant_").replace("_", " ")
        print(f"{'not ' if lines else ''}ok {number} - found out: {name}")
        for line in lines.splitlines():
            print(f"# {line}")


main()
