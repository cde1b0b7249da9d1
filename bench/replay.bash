#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# How fast a trace is replayed: a Python program that makes and reads JSON is recorded, then replayed
# under the configuration it had, the default, each strategy and glibc, five times each, alone.
#
# usage: replay.bash ALLOT LIBRARY [EVENTS_FACTOR]
set -euo pipefail

allot=$1
library=$2
factor=${3:-10}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

PYTHONMALLOC=malloc LD_PRELOAD=$library ALLOT_CONF=trace:$work/json.raw,trace_depth:0 \
	/usr/bin/python3 -c "
import json
d = [{'a': i, 'b': str(i) * 3, 'c': [i] * 5, 'd': {'x': i * 1.5}} for i in range(20000)]
for k in range($factor):
    json.loads(json.dumps(d))
"
"$allot" replay "$work/json.raw" --rounds 5
