#!/bin/sh
# SPDX-License-Identifier: MIT
# check.sh MODEL FAULT: check a model with one fault seeded, NONE for none. Prints spin's findings.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
spin -a "-DFAULT_$2" "$1"
cc -O2 -w -DSAFETY -o pan pan.c
./pan -m100000
