# SPDX-License-Identifier: MIT
# Everyday tools: sorting, packing, text, each a process of its own and some with threads.
. "$SCRIPTS/common.sh"
need awk sort tar xz gzip jq bash find sha256sum
lines=$(pick 50000 1000000)
awk -v n="$lines" 'BEGIN { for (i = 0; i < n; i++) printf "%d %s %d\n", i * 7919 % n, substr("abcdefghijklmnopqrstuvwxyz", i % 26 + 1), i * i % 1009 }' >numbers
sort -n --parallel=2 numbers | sha256sum
sort -k2,2 -k3,3n -u --buffer-size=2M numbers | sha256sum
awk '{ sum[$2] += $3; count[$1 % 1000]++ } END { for (k in sum) print k, sum[k]; print length(count) }' numbers | sort | sha256sum
mkdir folder
for i in 1 2 3 4 5 6 7 8 9; do head -n $((i * 100)) numbers >folder/$i; done
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - folder | xz -T2 -2 --block-size=100KiB | xz -dT2 | sha256sum
gzip -9nc numbers | gzip -dc | sha256sum
awk 'NR <= 5000 { printf "{\"id\": %d, \"text\": \"%s\", \"list\": [%d, %d]}\n", $1, $2, $3, NR }' numbers |
	jq -s 'map(select(.list[0] % 3 == 0)) | sort_by(.id) | {count: length, sum: (map(.list[1]) | add), texts: (map(.text) | unique | length)}'
bash -c 'declare -A table; for ((i = 0; i < 3000; i++)); do table[key$((i * 7 % 3000))]="value $i"; done; echo ${#table[@]} ${table[key77]}; s=; for ((i = 0; i < 2000; i++)); do s+="$i "; done; echo ${#s} ${s: -10}'
find folder -type f -newermt '2000-01-01' -size +1k -printf '%p %s\n' | sort
sed -E 's/([a-z]+) ([0-9]+)/\2 \1/; y/abc/ABC/' numbers | grep -cE '7.*A|9 xyz'
