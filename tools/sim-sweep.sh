#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# tools/sim-sweep.sh [-j N] [-b BUILD] [-s SCENARIO] FIRST COUNT [KEY=VALUE ...]
#
# Runs seeds FIRST .. FIRST + COUNT - 1 of a scenario (random faults unless -s) with --check, N at
# a time, with the program of folder BUILD (build). Prints what each failure says and the
# command that repeats it. Exit status 1 if any seed failed.
set -euo pipefail
usage() { sed -n '4,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }

here=$(cd "$(dirname "$0")/.." && pwd)
jobs=$(nproc) build=build scenario=$here/test/sim/scenarios/random.scn
while getopts j:b:s: option; do
	case $option in
	j) jobs=$OPTARG ;;
	b) build=$OPTARG ;;
	s) scenario=$OPTARG ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[[ $# -ge 2 && $1 =~ ^[0-9]+$ && $2 =~ ^[0-9]+$ ]] || usage
first=$1 count=$2
shift 2
sim=$build/test/sim/uet_sim
[[ -x $sim ]] || { echo "tools/sim-sweep.sh: $sim is not there: build it first" >&2; exit 2; }

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# One process per seed: a crash of one costs one.
# shellcheck disable=SC2016
seq "$first" $((first + count - 1)) | xargs -P "$jobs" -I{} sh -c '
	out=$1 sim=$2 scenario=$3 seed=$4
	shift 4
	"$sim" --quiet --check --scenario "$scenario" --seed "$seed" "$@" \
		>"$out/$seed" 2>&1 && { rm "$out/$seed"; exit 0; }
	echo "exit status $? of: $sim --check --scenario $scenario --seed $seed $*" >>"$out/$seed"
' sh "$out" "$sim" "$scenario" {} "$@"

failed=$(find "$out" -type f | wc -l)
find "$out" -type f -printf '%f\n' | sort -n | head -n 20 | while read -r seed; do
	printf -- '---- seed %s\n' "$seed"
	cat "$out/$seed"
done
printf '%d seeds from %d: %d failed\n' "$count" "$first" "$failed"
((failed == 0))
