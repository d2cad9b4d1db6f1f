#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# tools/fabtests.sh --bin DIR [options]   runs libfabric's own test suite against a build
#
#   --bin DIR     where runfabtests.sh and the fi_* programs are (1.17 or 2.x)
#   --lib DIR     that libfabric's library, if not the system's (default: DIR/../lib if there)
#   --build DIR   the build folder, made with the same libfabric series (default: build)
#   -t SET        quick, standard, unit, functional, short, threaded, multinode, complex,
#                 verify, all (default: quick); several with commas
#   -T SECONDS    limit for one test (default: 120)
#   -e PATTERN    leave out tests that match; several with commas
#   -p PROVIDER   default: uet
#
# The suite runs in network and process namespaces of its own: its clean-up kills every process
# whose name begins with fi_, and its ports are fixed. That takes root; exit status 77 without.
# Prints counts, the failing rows with the ends of their logs, and the rows that did not run
# though they want no FI_EP_MSG. Exit status 0: none failed. What to expect: fabtests/README.md.
set -euo pipefail
caller=$PWD
# shellcheck source=tools/lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
	sed -n '4,18s/^# \{0,1\}//p' "$uet_top/tools/fabtests.sh" >&2
	exit 2
}

# folder WHAT DIR: its absolute name.
folder() {
	(cd "$caller" && cd "$2" && pwd) 2>/dev/null || uet_die "$1: there is no folder $2"
}

bin='' lib='' build=$uet_top/build tests=quick limit=120 excludes='' prov=uet
while (($#)); do
	(($# > 1)) || usage
	case $1 in
	--bin)   bin=$(folder --bin "$2") ;;
	--lib)   lib=$(folder --lib "$2") ;;
	--build) build=$(folder --build "$2") ;;
	-t) tests=$2 ;;
	-T) limit=$2 ;;
	-e) excludes=$2 ;;
	-p) prov=$2 ;;
	*)  usage ;;
	esac
	shift 2
done
[[ -n $bin ]] || usage
[[ -x $bin/runfabtests.sh ]] || uet_die "there is no runfabtests.sh in $bin" \
	"Build the fabtests of a libfabric release and name the folder of its programs."
[[ -e $build/.libs/libuet-fi.so ]] || uet_die "there is no .libs/libuet-fi.so in $build" \
	"Build the project there first, with --with-libfabric=DIR for a libfabric of your own."
if [[ -z $lib && -e $bin/../lib/libfabric.so ]]; then lib=$(cd "$bin/../lib" && pwd); fi

if ((EUID)) || ! unshare -n -p -f --mount-proc true 2>/dev/null; then
	uet_say "SKIP: fabtests need network and process namespaces of their own, which take root"
	exit 77
fi

work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir "$work/fabtests"
# The runner finds excluded tests and the lists of fi_ubertest by the name of the provider.
ln -s "$uet_top/fabtests/test_configs" "$work/fabtests/test_configs"
export FI_PROVIDER_PATH=$build/.libs FI_PROVIDER=$prov IPATH_NO_BACKTRACE=1
export PATH=$bin:$PATH
[[ -z $lib ]] || export LD_LIBRARY_PATH=$lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}

isolated() {
	(cd "$work" && unshare -n -p -f --kill-child --mount-proc \
		bash -c 'ip link set lo up && exec "$@"' -- "$@")
}

isolated fi_info -p "$prov" >"$work/info" 2>&1 || uet_die \
	"libfabric does not find $prov: $(tail -n 1 "$work/info")" \
	"Was $build made with the libfabric series of $bin? See fi_info --version and configure."

log=$build/logs/fabtests-${tests//,/-}.log
mkdir -p "$build/logs"
uet_say "$(isolated fi_info --version | sed -n 's/^libfabric: /libfabric /p'), set $tests, log $log"
begun=$SECONDS rc=0
# -k: fi_ubertest, which never frees its buffers of 6 MB, runs each combination in a child.
isolated "$bin/runfabtests.sh" -p "$bin" -t "$tests" -k -vv -T "$limit" \
	${excludes:+-e "$excludes"} -s 127.0.0.1 -c 127.0.0.1 "$prov" >"$log" 2>&1 </dev/null || rc=$?

# One line per row: result, seconds, name; the row's output goes into a file of its own.
awk -v dir="$work" '
	/^- name: / { n++; sub(/^- name: */, ""); name = $0; next }
	n && /^  result: / { sub(/^  result: */, ""); result = $0; next }
	n && /^  time: / { print n "\t" result "\t" $2 "\t" name; next }
	n && /^    / { print substr($0, 5) > (dir "/row." n) }' "$log" >"$work/rows"

count() { awk -F '\t' -v what="^$1" '$2 ~ what { n++ } END { print n + 0 }' "$work/rows"; }

# rows RESULT: "number seconds name" of the rows with that result.
rows() { awk -F '\t' -v what="^$1" '$2 ~ what { print $1 "\t" $3 "\t" $4 "\t" $2 }' "$work/rows"; }

# Rows that ask for an endpoint type which a connectionless transport has not.
of_msg='(fi_msg|fi_cm_data)([ _]|$)|-e msg'
is_of_msg() { [[ $1 =~ $of_msg && $1 != fi_msg_inject* ]]; }

total=$(wc -l <"$work/rows")
((total)) || {
	tail -n 20 "$log"
	uet_die "the runner ran nothing, see $log"
}
while IFS=$'\t' read -r number seconds name result; do
	printf 'FAILED: %s (%s s) %s\n' "$name" "$seconds" "${result#Fail}"
	[[ ! -e $work/row.$number ]] || tail -n 12 "$work/row.$number" | sed 's/^/  | /'
done < <(rows Fail)
connected=0
while IFS=$'\t' read -r number seconds name result; do
	if is_of_msg "$name"; then
		connected=$((connected + 1))
	else
		printf 'not run: %s: %s\n' "$name" \
			"$(tail -n 1 "$work/row.$number" 2>/dev/null || true)"
	fi
done < <(rows Notrun)
while IFS=$'\t' read -r _ _ name result; do
	printf '%s %s\n' "$name" "${result#Pass }"
done < <(rows 'Pass .')
printf 'took %d min %02d s\n' $(((SECONDS - begun) / 60)) $(((SECONDS - begun) % 60))
printf '%d of %d rows passed, %d failed, %d not run (%d of them want FI_EP_MSG), %d excluded\n' \
	"$(count Pass)" "$total" "$(count Fail)" "$(count Notrun)" $connected "$(count Excluded)"
(($(count Fail) == 0 && rc == 0))
