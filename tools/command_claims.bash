# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by the tests of the `allot` command: claims as lines of the Test Anything Protocol, in a
# folder that goes with the test. Arguments are ALLOT MEASURE; the compiler is in CC.

set -u
# shellcheck disable=SC2034 # who sources this uses them
allot=$(realpath "$1")
# shellcheck disable=SC2034
measure=$(realpath "$2")
unset LD_PRELOAD LD_LIBRARY_PATH ALLOT_CONF NO_COLOR
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
count=0

# result OK NAME DETAIL: one line of the protocol.
result()
{
	count=$((count + 1))
	if [[ $1 == yes ]]; then
		printf 'ok %d - %s\n' "$count" "$2"
	else
		printf 'not ok %d - %s\n' "$count" "$2"
		printf '# %s\n' "${3//$'\n'/$'\n# '}"
	fi
}

# expect NAME STATUS OUT ERR WORDS...: run the words; OUT and ERR are patterns of bash that the
# whole of a stream must match.
expect()
{
	local name=$1 status=$2 out=$3 err=$4 got=0 is_right=no
	shift 4

	"$@" >out 2>err </dev/null || got=$?
	# shellcheck disable=SC2053 # patterns are meant
	[[ $got == "$status" && $(<out) == $out && $(<err) == $err ]] && is_right=yes
	result "$is_right" "$name" "$*: status $got, wanted $status
out: $(head -n 12 out)
err: $(head -n 12 err)"
}

# compile NAME FLAGS...: a program or library of that name from the source on standard input.
compile()
{
	local name=$1
	shift
	${CC:-cc} -x c -o "$name" - "$@" || echo "Bail out! no compiler"
}

json_valid()
{
	"$@" 2>/dev/null </dev/null | python3 -c 'import json, sys; print(json.load(sys.stdin)["schema"])'
}
