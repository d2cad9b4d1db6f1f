#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Runs the system tests: every test/system/test_*.sh, and every program made from a
# test/system/test_*.c that no script of the same name drives. Exit status 0 is a pass, 77 a
# skip (the last line of output says why), anything else a failure. `make check-system` calls
# this with UET_BUILDDIR set; arguments pick tests by name (test_x or x). Logs are in
# UET_BUILDDIR/logs/system.
set -uo pipefail
: "${UET_BUILDDIR:?run this through make check-system}"
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/env.sh
. "$here/../env.sh"

logs=$UET_BUILDDIR/logs/system
mkdir -p "$logs"

# Seconds for one test; a script with a line "# time limit: N" sets its own.
limit_of() {
	local own
	own=$(sed -n 's/^# time limit: \([0-9][0-9]*\)$/\1/p' "$1" | head -n 1)
	echo $((${own:-120} * UET_TIME_SCALE))
}

# Names of all tests, one per line.
all_tests() {
	local f
	for f in "$here"/test_*.sh "$here"/test_*.c; do
		[ -e "$f" ] || continue
		f=${f##*/}
		echo "${f%.*}"
	done | sort -u
}

# run_one NAME: prints one line, returns the test's status.
run_one() {
	local name=$1 command limit rc=0 start=$SECONDS log=$logs/$1.log
	if [ -e "$here/$name.sh" ]; then
		command=(bash "$here/$name.sh")
		limit=$(limit_of "$here/$name.sh")
	else
		command=("$UET_BUILDDIR/test/system/$name")
		limit=$(limit_of /dev/null)
	fi
	timeout -k 10 "$limit" "${command[@]}" >"$log" 2>&1 </dev/null || rc=$?
	case $rc in
	0)	printf 'PASS: %s (%d s)\n' "$name" $((SECONDS - start)) ;;
	77)	printf 'SKIP: %s: %s\n' "$name" "$(tail -n 1 "$log")" ;;
	124)	printf 'FAIL: %s: stopped after %d s\n' "$name" "$limit" ;;
	*)	printf 'FAIL: %s: exit status %d\n' "$name" $rc ;;
	esac
	return $rc
}

passed=0 failed=() skipped=0
if [ $# -eq 0 ]; then
	# shellcheck disable=SC2046
	set -- $(all_tests)
fi
for name in "$@"; do
	name=test_${name#test_}
	run_one "$name"
	case $? in
	0)	passed=$((passed + 1)) ;;
	77)	skipped=$((skipped + 1)) ;;
	*)	failed+=("$name") ;;
	esac
done
for name in ${failed[@]+"${failed[@]}"}; do
	printf '\n==== %s\n' "$logs/$name.log"
	tail -n 20 "$logs/$name.log"
done
printf '\nSYSTEM TESTS: %d passed, %d failed, %d skipped\n' \
	$passed ${#failed[@]} $skipped
[ $((passed + skipped + ${#failed[@]})) -gt 0 ] || echo "there are no system tests"
[ ${#failed[@]} -eq 0 ] && [ $((passed + skipped)) -gt 0 ]
