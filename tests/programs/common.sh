# SPDX-License-Identifier: MIT
# Read by every script here. A script runs in an empty folder of its own, with a fixed locale and
# environment, under `sh -eu`; whatever it prints has to be the same in every run. SIZE is small
# or full.

# End with status 77, saying what is missing, unless every tool named is there.
need() {
	for tool in "$@"; do
		command -v "$tool" >/dev/null 2>&1 || { echo "needs $tool"; exit 77; }
	done
}

# The argument for this SIZE: pick SMALL FULL.
pick() {
	case $SIZE in
	small) echo "$1" ;;
	full) echo "$2" ;;
	esac
}
