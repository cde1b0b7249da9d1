# SPDX-License-Identifier: MIT
# Git: a history from a stream, repacked by threads, checked, and read back.
. "$SCRIPTS/common.sh"
need git awk sha256sum
git init -q --bare -b main history
awk -v n="$(pick 400 4000)" 'BEGIN {
	for (i = 1; i <= n; i++) {
		when = 1600000000 + i * 60
		printf "commit refs/heads/main\nmark :%d\ncommitter A <a@example.com> %d +0000\ndata 8\ncommit %c\n", i, when, 65 + i % 26
		if (i > 1) printf "from :%d\n", i - 1
		for (f = 0; f < 3; f++) {
			text = ""
			for (l = 0; l < 40; l++) text = text sprintf("line %d of file %d: %d\n", l, f, (l * 131 + f) * (l % 9 == i % 9 ? i : 1))
			printf "M 100644 inline folder%d/file%d\ndata %d\n%s\n", i % 7, (i + f) % 11, length(text), text
		}
	}
}' | git -C history fast-import --quiet
cd history
git -c pack.threads=2 repack -adfq --window=30 --depth=30
git fsck --full --strict 2>&1
git rev-list --objects --all | sort | sha256sum
git cat-file --batch-all-objects --batch-check='%(objectname) %(objecttype) %(objectsize)' | sha256sum
git log --stat --format='%H %s' | sha256sum
git gc --quiet --prune=now
git clone -q --no-local . ../copy
git -C ../copy log -3 --format='%H %ad' --date=iso
git -C ../copy grep -c 'line 1' | sort | head -n 5
git -C ../copy blame folder1/file1 | sha256sum
