#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# check-instructions.sh [--record] [BUILD]
#
# Counts with callgrind the instructions that the core (SES, PDS, CMS) of two endpoints needs per
# message and per packet, both sides together, without system calls; runs test/perf/instructions
# of BUILD (build, or $UET_BUILDDIR). Fails where a figure is more than 2 % above the one in
# instructions.txt beside this script. --record writes them there.
#
#   tagged, write          a message of 64 bytes: sending, receiving, its part of the ACK; 64 at a time
#   tagged-lone, ...       the same alone: with an ACK, and polls, of its own
#   unexpected             tagged, but receives are posted when the messages are there
#   tagged-packet, ...     each further packet of a long message; its bytes are not counted
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
recorded=$here/instructions.txt
known=gcc-12-x86_64
usage() { sed -n '4,14s/^# \{0,1\}//p' "$0" >&2; exit 2; }

record=0
if [[ ${1:-} == --record ]]; then record=1; shift; fi
if [[ ${1:-} == -* || $# -gt 1 ]]; then usage; fi
program=${1:-${UET_BUILDDIR:-build}}/test/perf/instructions

skip() {
	echo "SKIP: the instructions were not counted: $1"
	echo "# SKIP: 1"
	exit 0
}
command -v valgrind >/dev/null || skip "valgrind is not installed"
compiler=$("$program" | head -n 1)
[[ $compiler == "$known" ]] || skip "built with $compiler, and the figures are for $known"

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
if ! LD_BIND_NOW=1 valgrind --tool=callgrind --callgrind-out-file="$out/profile" \
	--toggle-collect='gate_*' --zero-before=mark_begin --dump-before=mark_end \
	"$program" >"$out/names" 2>"$out/log"; then
	cat "$out/log" >&2
	exit 1
fi

# "NAME INSTRUCTIONS", from the n-th line of names and the n-th profile.
figures() {
	local name units less n=0 total
	declare -A totals
	while read -r name units less; do
		n=$((n + 1))
		total=$(awk '/^summary:/ { print $2; exit }' "$out/profile.$n")
		totals[$name]=$total
		if [[ $less != - ]]; then total=$((total - ${totals[$less]})); fi
		if ((units)); then echo "$name $((total / units))"; fi
	done < <(tail -n +2 "$out/names")
}
figures >"$out/figures"

if ((record)); then
	{ echo "# Instructions in the core: see check-instructions.sh, which compares and writes them."
	  echo "# $known, -O2"
	  cat "$out/figures"; } >"$recorded"
	echo "recorded in $recorded:"
	cat "$out/figures"
	exit 0
fi

awk '
	NR == FNR { if ($1 != "#") was[$1] = $2; next }
	FNR == 1 { printf "%-24s %9s %9s %8s\n", "instructions", "now", "recorded", "bar" }
	{
		bar = $1 ~ /lone|unexp/ ? 0 : $1 ~ /packet/ ? 350 : 600
		printf "%-24s %9d %9s %8s", $1, $2, $1 in was ? was[$1] : "-", bar ? bar : "-"
		if (!($1 in was) || $2 > was[$1] * 1.02) {
			printf "   TOO MANY"
			bad = 1
		} else if ($2 < was[$1] * 0.98) {
			printf "   fewer"
			fewer = 1
		}
		printf "\n"
	}
	END {
		if (fewer)
			print "fewer than before: keep it so with test/perf/check-instructions.sh --record"
		if (bad)
			print "the core has become slower. See where with callgrind_annotate, or if it " \
			      "must be so, record the new figures with --record and say why"
		print bad ? "# FAIL: 1" : "# PASS: 1"
		exit bad
	}' "$recorded" "$out/figures"
