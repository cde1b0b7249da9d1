#!/bin/sh
# SPDX-License-Identifier: MIT
# one_object.sh OBJCOPY AR COMPILER... -- OUTPUT ARCHIVE...
# Link archives into one object, make its hidden symbols local, and wrap it as an archive.
set -eu
objcopy=$1
ar=$2
shift 2
compiler=
while [ "$1" != -- ]; do
	compiler="$compiler $1"
	shift
done
output=$2
shift 2
object=${output%.a}.o
rm -f "$output" "$object"
$compiler -r -nostdlib -o "$object" -Wl,--whole-archive "$@" -Wl,--no-whole-archive
"$objcopy" --localize-hidden "$object"
"$ar" rcs "$output" "$object"
