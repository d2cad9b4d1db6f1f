#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# tools/bench.sh [options]   uet beside its peers, in one run on this host
#
#   -p LIST       contenders: libfabric providers, raw (bare UDP), ucx, iperf3; those that are
#                 not there are left out
#                 (default: uet,raw,net,tcp,tcp;ofi_rxm,udp;ofi_rxd,ucx,iperf3)
#   -t LIST       tests of uet_bench (default: all; see uet_bench --help)
#   -s LIST       bytes per message, with k and m (default: each test's own)
#   -c LIST       counts of senders, endpoints, peers, addresses (default: each test's own)
#   -r N          rounds (default: 5)
#   -d MS         time that a sample fills, roughly (default: 200)
#   --quick       3 rounds of 50 ms of the tests that matter most
#   --veth MTU    between two network namespaces instead of over loopback; takes root
#   --mpi         Open MPI over uet and over its own tcp instead of all that: ping-pong and
#                 allreduce of 2 ranks over loopback, 8 bytes and 1 MiB
#   --build DIR   the build folder (default: build)
#   --csv FILE    the figures; tools/bench-plot.py draws them
#   --json FILE   the figures, and what they were measured on
#
# In each round every contender has its turn at each test. Printed are the ratios of uet to the
# others, the median over the rounds and the range, then the figures. Exit status 0: all tests of
# uet ended well. "net" is the name of libfabric 1.17's tcp with reliable datagrams.
set -euo pipefail
caller=$PWD self=$(cd "$(dirname "$0")" && pwd)/bench.sh arguments=("$@")
# shellcheck source=tools/lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
	sed -n '4,26s/^# \{0,1\}//p' "$self"
	exit 0
}

# bad WHAT: an argument that makes no sense.
bad() {
	printf 'bench.sh: %s (see --help)\n' "$*" >&2
	exit 2
}

# whole NAME VALUE LEAST MOST
whole() {
	if [[ ! $2 =~ ^[0-9]{1,6}$ ]] || ((10#$2 < $3 || 10#$2 > $4)); then
		bad "$1 takes a number from $3 to $4, not $2"
	fi
}

# absolute NAME FILE: where the caller meant it, in a folder that exists.
absolute() {
	local file=$2
	[[ $file == /* ]] || file=$caller/$file
	[[ -d $(dirname "$file") ]] || bad "$1: there is no folder $(dirname "$file")"
	printf '%s\n' "$file"
}

contenders='uet,raw,net,tcp,tcp;ofi_rxm,udp;ofi_rxd,ucx,iperf3'
tests=all sizes='' counts='' rounds='' msec='' quick=0 mtu='' mpi=0 build=$uet_top/build csv='' json=''
while (($#)); do
	case $1 in
	--quick) quick=1; shift; continue ;;
	--mpi) mpi=1; shift; continue ;;
	-h | --help) usage ;;
	esac
	(($# > 1)) || bad "$1 is no option, or lacks its value"
	case $1 in
	-p) contenders=$2 ;;
	-t) tests=$2 ;;
	-s) sizes=$2 ;;
	-c) counts=$2 ;;
	-r) whole -r "$2" 1 1000; rounds=$2 ;;
	-d) whole -d "$2" 1 10000; msec=$2 ;;
	--veth) whole --veth "$2" 1280 65535; mtu=$2 ;;
	--build) build=$(absolute --build "$2") ;;
	--csv) csv=$(absolute --csv "$2") ;;
	--json) json=$(absolute --json "$2") ;;
	*) bad "$1 is no option" ;;
	esac
	shift 2
done
if ((quick)); then
	[[ $tests != all ]] || tests=tagged-lat,tagged-bw,tagged-rate,write-bw
	: "${rounds:=3}" "${msec:=50}"
fi
: "${rounds:=5}" "${msec:=200}"
((!mpi)) || [[ -z $mtu ]] || bad "--mpi is for loopback, and --veth is not"

programs=$build/fabtests/benchmarks
bench=$programs/uet_bench
[[ -x $bench && -e $build/test/build-env ]] || uet_die "there is no fabtests/benchmarks/uet_bench in $build" \
	"Build the project first (README.md, \"Install\"), or name its build folder with --build."
export UET_BUILDDIR=$build
# shellcheck source=test/env.sh
. test/env.sh

# ---- two hosts in namespaces, or one ----------------------------------------------------

here=127.0.0.1 there=127.0.0.1 device=lo elsewhere=() server=

if [[ -n $mtu && -z ${UET_BENCH_INSIDE:-} ]]; then
	((EUID == 0)) || uet_die "--veth makes network namespaces, which takes root" \
		"Run it as root, or without --veth."
	cd "$caller"
	UET_BENCH_INSIDE=1 exec unshare --net --mount --pid --fork --kill-child --mount-proc \
		bash "$self" "${arguments[@]}"
fi

work=$(mktemp -d)
# shellcheck disable=SC2046
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT

# A second namespace and a cable. Nothing of it is seen outside; it goes when this script ends.
make_veth() {
	mount -t tmpfs bench /run
	mkdir /run/netns
	mount -t sysfs bench /sys	# UCX looks for its devices there
	ip link set lo up
	ip netns add peer
	ip -n peer link set lo up
	ip link add bench0 mtu "$mtu" type veth peer name bench0 mtu "$mtu" netns peer
	ip addr add 10.77.0.1/24 dev bench0
	ip link set bench0 up
	ip -n peer addr add 10.77.0.2/24 dev bench0
	ip -n peer link set bench0 up
	here=10.77.0.1 there=10.77.0.2 device=bench0 elsewhere=(ip netns exec peer)
}

start_server() {
	"${elsewhere[@]}" "$bench" --server -a $there >"$work/server" 2>&1 &
	server=$!
}

if [[ -n $mtu ]]; then
	make_veth
	start_server
fi

# ---- libfabric and raw ------------------------------------------------------------------

# result ROUND WHAT: name of a file in $work for results, which come into the table in their order.
result() { printf '%s/%d-%03d-%s' "$work" "$1" $sequence "$2"; }
sequence=0

# uet_bench_test ROUND TEST CONTENDERS: one sample of each.
uet_bench_test() {
	local out args
	out=$(result "$1" "$2").json
	args=(-r 1 -d "$msec" --limit 20 -t "$2" -p "$3" --json "$out")
	[[ -z $sizes ]] || args+=(-s "$sizes")
	[[ -z $counts ]] || args+=(-c "$counts")
	if [[ -n $server ]]; then args+=(--connect "$there"); else args+=(-a "$here"); fi
	"$bench" "${args[@]}" >"$work/out" 2>&1 || true
	[[ -s $out ]] && return
	cat "$work/out" >&2
	uet_die "uet_bench did not end well"
}

# ---- UCX and iperf3 ---------------------------------------------------------------------

port=$((20000 + RANDOM % 10000))

# dial COMMAND...: a client whose server is being started; tries again while nobody answers.
dial() {
	local i rc
	for ((i = 0; i < 50; i++)); do
		rc=0
		timeout -k 2 30 "$@" >"$work/client" 2>&1 || rc=$?
		# iperf3 tells errors in its JSON, with status 0.
		if ! grep -qiE 'refused|unable to connect' "$work/client"; then break; fi
		sleep 0.1
	done
	if ((!rc)) && ! grep -q '"error":' "$work/client"; then return 0; fi
	uet_say "$1 failed, status $rc: $(grep -iE 'error|warn' "$work/client" | tail -n 1)" >&2
	return 1
}

# Our test's name: "theirs, value's column in their CSV, factor, unit, better, microseconds per
# operation beside the bytes'".
declare -A ucx_tests=(
	[tagged-lat]='tag_lat 4 1 us lower 5'
	[tagged-bw]='tag_bw 6 1.048576 MB/s higher 1'
	[tagged-rate]='tag_bw 8 1e-6 M/s higher 1'
	[write-bw]='ucp_put_bw 6 1.048576 MB/s higher 1'
	[read-bw]='ucp_get 6 1.048576 MB/s higher 5'
	[atomic-rate]='ucp_fadd 8 1e-6 M/s higher 5'
)
declare -A own_sizes=([tagged-lat]='8,64,1k,4k,64k,1m' [tagged-rate]=64 [atomic-rate]=0)

# The sizes of a test, one a line, in bytes.
sizes_of() {
	local list=${own_sizes[$1]:-4k,64k,1m}
	[[ $1 == atomic-rate || -z $sizes ]] || list=$sizes
	tr , '\n' <<<"$list" | sed 's/[kK]$/*1024/; s/[mM]$/*1048576/' | while read -r s; do
		echo $((s))
	done
}

# ucx_one ROUND TEST BYTES
ucx_one() {
	local theirs column factor unit better base n peer len=$3
	read -r theirs column factor unit better base <<<"${ucx_tests[$2]}"
	n=$((msec * 1000 / (base + len / 2000) + 10))
	((len)) || len=8
	port=$((port + 1))
	export UCX_TLS=tcp UCX_NET_DEVICES=$device UCX_LOG_LEVEL=error
	"${elsewhere[@]}" timeout -k 2 40 ucx_perftest -p $port -c $(($(nproc) > 1)) \
		>/dev/null 2>&1 &
	peer=$!
	if dial ucx_perftest $there -p $port -t "$theirs" -s "$len" -n $n -w $((n / 10 + 1)) \
		-O 64 -c 0 -f -v; then
		tail -n 1 "$work/client" | awk -F , -v OFS='\t' -v c="$column" -v f="$factor" \
			-v a="$2 ucx $3 0 $unit $better" '$c > 0 { print a, $c * f }' |
			tr ' ' '\t' >>"$(result "$1" ucx).tsv"
	fi
	kill $peer 2>/dev/null || true
	wait $peer 2>/dev/null || true
}

ucx_test() {
	local size
	[[ -n ${ucx_tests[$2]:-} ]] || return 0
	for size in $(sizes_of "$2"); do ucx_one "$1" "$2" "$size"; done
}

# iperf3_test ROUND TEST: a stream, as the kernel's TCP makes it, for a second at least.
iperf3_test() {
	local size peer
	[[ $2 == tagged-bw ]] || return 0
	for size in $(sizes_of "$2"); do
		port=$((port + 1))
		"${elsewhere[@]}" timeout -k 2 40 iperf3 -s -1 -p $port -B $there >/dev/null 2>&1 &
		peer=$!
		if dial iperf3 -c $there -p $port -J -l "$size" -t $((msec / 1000 + 1)); then
			python3 -c 'import json, sys
end = json.load(open(sys.argv[1]))["end"]
print("tagged-bw", "iperf3", sys.argv[2], 0, "MB/s", "higher",
      end["sum_received"]["bits_per_second"] / 8e6, sep="\t")' \
				"$work/client" "$size" >>"$(result "$1" iperf3).tsv"
		fi
		kill $peer 2>/dev/null || true
		wait $peer 2>/dev/null || true
	done
}

# ---- Open MPI ---------------------------------------------------------------------------

# mpi_one ROUND CONTENDER OPTIONS...: uet_mpi with these options of mpirun.
mpi_one() {
	local round=$1 who=$2
	shift 2
	OMPI_MCA_btl_vader_single_copy_mechanism=none uet_foreign_leaky timeout -k 5 100 mpirun \
		--allow-run-as-root --oversubscribe -n 2 --mca oob_tcp_if_include lo "$@" \
		"$programs/uet_mpi" "$msec" >"$work/out" 2>&1 </dev/null || {
		tail -n 20 "$work/out" >&2
		uet_die "the MPI job over $who failed"
	}
	tr -d '\000' <"$work/out" | awk -v OFS='\t' -v who="$who" \
		'/^mpi-/ { print $1, who, $2, 0, $3, $4, $5 }' >>"$(result "$round" mpi).tsv"
}

mpi_round() {
	FI_PROVIDER=uet FI_UET_IFACE=lo mpi_one "$1" uet --mca pml cm --mca mtl ofi \
		--mca mtl_ofi_provider_include uet \
		-x FI_PROVIDER -x FI_PROVIDER_PATH -x FI_UET_IFACE
	mpi_one "$1" ompi-tcp --mca pml ob1 --mca btl tcp,self --mca btl_tcp_if_include lo
}

mpi_check() {
	mpirun --version 2>/dev/null | grep -q 'Open MPI' || uet_die "--mpi needs Open MPI" \
		"Debian: apt-get install openmpi-bin libopenmpi-dev"
	[[ -x $programs/uet_mpi ]] || make -C "$build" fabtests/benchmarks/uet_mpi \
		>"$work/make" 2>&1 || {
		tail -n 5 "$work/make" >&2
		uet_die "uet_mpi cannot be built" "Debian: apt-get install libopenmpi-dev"
	}
}

# ---- all of it --------------------------------------------------------------------------

declare -A running		# contenders that uet_bench has for a test: what worked the first time

split_contenders() {
	local name ours='' given=()
	others=()
	IFS=, read -ra given <<<"$contenders"
	for name in "${given[@]}"; do
		case $name in
		ucx) ! command -v ucx_perftest >/dev/null || others+=(ucx) ;;
		iperf3) ! command -v iperf3 >/dev/null || others+=(iperf3) ;;
		*) ours+=${ours:+,}$name ;;
		esac
	done
	mine=$(available "${ours:-raw}") || exit 2
	[[ -n $ours ]] || mine=
	[[ -n $mine || ${#others[@]} -gt 0 ]] || uet_die "none of these is here: $contenders" \
		"See fi_info -l, and FI_LOG_LEVEL=info fi_info -p NAME for the reason."
}

# available LIST: those of these providers that are here. Also has uet_bench look at the other
# arguments that it will get: status 2 if they are bad.
available() {
	local args=(-p "$1" -t "$tests" -a "$here") rc=0
	[[ -z $sizes ]] || args+=(-s "$sizes")
	[[ -z $counts ]] || args+=(-c "$counts")
	"$bench" "${args[@]}" --available || rc=$?
	return $((rc == 2 ? 2 : 0))
}

list_tests() {
	if [[ $tests != all ]]; then
		tr , '\n' <<<"$tests"
	else
		"$bench" --help | awk 'table { print $1 } $1 == "test" && $2 == "unit" { table = 1 }'
	fi
}

run_tests() {
	local round=$1 test who
	for test in $(list_tests); do
		who=${running[$test]-$mine}
		[[ -z $who ]] || uet_bench_test "$round" "$test" "$who"
		[[ -z $who || -n ${running[$test]+set} ]] ||
			running[$test]=$(python3 tools/bench-table.py --ok \
				"$(result "$round" "$test").json")
		for who in "${others[@]+"${others[@]}"}"; do "${who}_test" "$round" "$test"; done
		sequence=$((sequence + 1))
	done
}

others=() mine=
if ((mpi)); then
	mpi_check
else
	split_contenders
	uet_say "contenders: ${mine//,/, }${others[*]:+ and ${others[*]}}" >&2
fi
begun=$SECONDS
for ((round = 1; round <= rounds; round++)); do
	sequence=0
	if ((mpi)); then mpi_round $round; else run_tests $round; fi
	uet_say "round $round of $rounds: $((SECONDS - begun)) s" >&2
done
network=loopback
[[ -z $mtu ]] || network="veth, MTU $mtu"
python3 tools/bench-table.py "$work" ${csv:+--csv "$csv"} ${json:+--json "$json"} \
	--note "network=$network" --note "libfabric=$(fi_info --version 2>/dev/null |
		sed -n 's/^libfabric: //p')" --note "rounds=$rounds" --note "milliseconds=$msec"
