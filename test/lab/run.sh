#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Runs the lab tests, test/lab/test_*.sh; arguments pick some (test_x or x). Exit status 0 of a
# test is a pass, 77 a skip (the last line of output says why), anything else a failure. What
# each of them checks is shown line by line. `make check-lab` calls this with UET_BUILDDIR set.
# Logs are in UET_BUILDDIR/logs/lab.
set -uo pipefail
: "${UET_BUILDDIR:?run this through make check-lab}"
here=$(cd "$(dirname "$0")" && pwd)
logs=$UET_BUILDDIR/logs/lab
mkdir -p "$logs"

if [ $# -eq 0 ]; then
	set -- "$here"/test_*.sh
fi
passed=0 failed=0 skipped=0
for name in "$@"; do
	name=test_$(basename "${name%.sh}" | sed 's/^test_//')
	start=$SECONDS
	printf '%s\n' "$name"
	bash "$here/$name.sh" 2>&1 </dev/null | tee "$logs/$name.log" | sed -u 's/^/    /'
	rc=${PIPESTATUS[0]}
	case $rc in
	0)	passed=$((passed + 1)) what=PASS ;;
	77)	skipped=$((skipped + 1)) what=SKIP ;;
	*)	failed=$((failed + 1)) what=FAIL ;;
	esac
	printf '%s: %s (%d s)\n' $what "$name" $((SECONDS - start))
done
printf '\nLAB TESTS: %d passed, %d failed, %d skipped\n' $passed $failed $skipped
[ $failed -eq 0 ] && [ $((passed + skipped)) -gt 0 ]
