#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# tools/test.sh           everything: installs what is missing, builds, runs all tests
# tools/test.sh --quick   only the build with gcc, the unit tests and the system tests
#
# One line per step; logs in build/logs. The last line says how many tests passed, failed and
# were skipped, where a step without tests of its own counts as one. Exit status 0: none failed.
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname "$0")/lib.sh"

quick=0
case ${1:-} in
--quick) quick=1 ;;
'') ;;
*)  sed -n '4,5s/^# //p' "$0" >&2; exit 2 ;;
esac

logs=build/logs
mkdir -p $logs
passed=0 failed=0 skipped=0 begun=$SECONDS

# ---- running one step ------------------------------------------------------------------

# Adds up automake's totals and those of test/{system,lab}/run.sh in log $1: "passed failed skipped".
counts() {
	awk '/^# PASS: /  { p += $3 }
	     /^# (FAIL|XPASS|ERROR): / { f += $3 }
	     /^# SKIP: /  { s += $3 }
	     /^(SYSTEM|LAB) TESTS: / { p += $3; f += $5; s += $7 }
	     END { print p + 0, f + 0, s + 0 }' "$1"
}

# step NAME LOG WHAT-TO-DO COMMAND...: runs a step; a failed one is shown, and counted. Its log
# says how many tests it had. Status 0 if it passed.
step() {
	local name=$1 log=$logs/$2.log hint=$3 start=$SECONDS rc=0 p f s
	shift 3
	printf '%-34s ' "$name"
	uet_quietly 15 "$log" "$@" || rc=$?
	read -r p f s < <(counts "$log")
	if ((rc && f == 0)); then f=1; fi
	if ((!rc && p + f + s == 0)); then p=1; fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	if ((rc == 0)); then
		printf 'ok      %4d s   %d passed, %d skipped\n' $((SECONDS - start)) "$p" "$s"
		return 0
	fi
	printf 'FAILED  %4d s   %d passed, %d failed, %d skipped\n' $((SECONDS - start)) "$p" "$f" "$s"
	printf '  ---- the end of %s\n' "$log"
	tail -n 25 "$log" | sed 's/^/  | /'
	printf '  ---- what to do: %s\n' "$hint"
	return 1
}

# For steps that cannot run because an earlier one failed.
skip() {
	printf '%-34s skipped: %s\n' "$1" "$2"
	skipped=$((skipped + 1))
}

# ---- the steps -------------------------------------------------------------------------

build() {
	uet_build "$@" && make -C "$1" -j"$uet_jobs" check TESTS=
}

unit() {
	local rc=0
	make -C "$1" -j"$uet_jobs" check || rc=$?
	if ((rc)); then show_failed_units "$1"; fi
	return $rc
}

# The logs of the unit tests that failed, so that the end of the step's log tells the cause.
show_failed_units() {
	local trs
	grep -rlE '^:test-result: (FAIL|ERROR)' "$1/test" --include='*.trs' 2>/dev/null |
		while read -r trs; do
			printf '\n==== %s\n' "${trs%.trs}"
			tail -n 20 "${trs%.trs}.log"
		done
}

system() { make -C "$1" check-system; }

simulate() { tools/sim-sweep.sh -b "$1" -j "$uet_jobs" "$2" "$3"; }

under_valgrind() {
	local kinds=definite,indirect,possible
	UET_TIME_SCALE=20 UET_TEST_SHORT=1 UET_TEST_WRAPPER="valgrind --quiet --error-exitcode=99 \
		--leak-check=full --errors-for-leak-kinds=$kinds --show-leak-kinds=$kinds \
		--suppressions=$uet_top/test/valgrind.supp" unit "$1"
}

distcheck() {
	# A folder left behind by an interrupted run is write-protected.
	chmod -R u+w build/libfabric-uet-* 2>/dev/null || true
	rm -rf build/libfabric-uet-*
	make -C build -j"$uet_jobs" distcheck
}

# tested_build NAME FOLDER LOG CONFIGURE-ARGUMENTS...: build, unit tests, system tests.
tested_build() {
	local name=$1 dir=$2 log=$3
	shift 3
	if step "$name: build" "$log-build" \
		"see the first error in $logs/$log-build.log" build "$dir" "$@"; then
		step "$name: unit tests" "$log-unit" \
			"run the failed program under $dir/test/unit by itself" unit "$dir" || true
		step "$name: system tests" "$log-system" \
			"see $dir/logs/system/NAME.log; make -C $dir check-system TESTS_SYSTEM=NAME" \
			system "$dir" || true
	else
		skip "$name: unit tests" "the build failed"
		skip "$name: system tests" "the build failed"
	fi
}

uet_install test
rm -f build/logs/*-{build,unit,system}.log

tested_build "gcc, -Werror" build gcc --enable-werror
step "simulator: 200 known seeds" sim \
	"run the command that it prints; test/README.md says how to find out more" \
	simulate build 1 200 || true
step "instructions of the core" instructions \
	"test/perf/check-instructions.sh says how to find out where they are" \
	make -C build check-instructions || true
if ((!quick)); then
	# Seeds that nobody has run before: the log tells which.
	step "simulator: 300 new seeds" sim-new \
		"run the command that it prints; test/README.md says how to find out more" \
		simulate build "$(date +%s)000" 300 || true
	tested_build "ASan and UBSan" build/asan asan --enable-werror --enable-asan
	step "lab: networks that misbehave" lab \
		"see build/logs/lab/NAME.log; make -C build check-lab TESTS_LAB=NAME" \
		env UET_LAB_SHORT=1 make -C build check-lab || true
	step "TSan: build" tsan-build "see the first error in $logs/tsan-build.log" \
		uet_build build/tsan --enable-werror --enable-tsan &&
		step "TSan: threads through libfabric" tsan-system \
			"see build/tsan/logs/system/test_threads.log" \
			make -C build/tsan check-system TESTS_SYSTEM=threads || true
	step "clang, -Werror: build" clang-build \
		"see the first error in $logs/clang-build.log" \
		build build/clang --enable-werror CC=clang || true
	step "valgrind: unit tests" valgrind \
		"UET_TEST_WRAPPER=valgrind make -C build check" under_valgrind build || true
	step "make distcheck" distcheck \
		"a file is missing from a list (tools/sync-sources.sh), or a rule writes into the source folder" \
		distcheck || true
	step "lists of sources" lists "run tools/sync-sources.sh and commit what it changes" \
		tools/sync-sources.sh --check || true
	step "house rules" rules "mend the lines shown, see CONTRIBUTING.md" tools/check-rules.sh || true
fi

printf '\ntook %d min %02d s, logs in %s\n' $(((SECONDS - begun) / 60)) \
	$(((SECONDS - begun) % 60)) "$logs"
printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
((failed == 0))
