# SPDX-License-Identifier: MIT
# Python's own tests, from the package of its test suite: every test's result, without the times.
. "$SCRIPTS/common.sh"
need python3
python3 -c 'import test.test_dict' 2>/dev/null || {
	version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
	echo "needs the package libpython$version-testsuite"
	exit 77
}
# Each module's summary is enough where threads make the order of lines a matter of luck.
summary() {
	for module in "$@"; do
		python3 -m unittest -v "test.$module" >log 2>&1 || true
		grep -E '^(Ran |OK|FAILED)' log | sed "s/ in [0-9.]*s//; s/^/$module: /"
	done
}
each() {
	for module in "$@"; do
		python3 -m unittest -v "test.$module" >log 2>&1 || true
		grep -E '\.\.\. (ok|FAIL|ERROR|skipped|expected)|^(Ran |OK|FAILED)' log |
			sed 's/ in [0-9.]*s//'
	done
}
each test_dict test_list
summary test_json
if [ "$SIZE" = full ]; then
	each test_set test_string
	summary test_threading test_subprocess
fi
