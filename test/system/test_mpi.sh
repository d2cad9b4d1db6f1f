#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# An unmodified Open MPI on the provider: mpi_basic on 2 and 4 ranks of this host, over
# loopback only. That uet carried it is seen from the ranks' UDP sockets and from MPI's word.
# time limit: 110
set -uo pipefail
: "${UET_BUILDDIR:?run this through make check-system}"
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/env.sh
. "$here/../env.sh"

if ! command -v mpirun >/dev/null; then
	echo "SKIP: no mpirun here (Debian: apt-get install openmpi-bin libopenmpi-dev)"
	exit 77
fi
if ! mpirun --version 2>/dev/null | grep -q 'Open MPI'; then
	echo "SKIP: this mpirun is not Open MPI's: $(mpirun --version 2>&1 | head -n 1)"
	exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! make -C "$UET_BUILDDIR" test/system/mpi_basic >"$work/make" 2>&1; then
	if ! command -v mpicc >/dev/null; then
		echo "SKIP: no MPI compiler here (Debian: apt-get install libopenmpi-dev)"
		exit 77
	fi
	cat "$work/make"
	echo "mpi_basic cannot be built"
	exit 1
fi
failed=0
FI_PROVIDER=uet
FI_UET_IFACE=lo
OMPI_MCA_btl_vader_single_copy_mechanism=none
OMPI_MCA_rmaps_base_oversubscribe=1
# Ranks that outnumber the cores must not wait for each other by spinning.
OMPI_MCA_mpi_yield_when_idle=1
export FI_PROVIDER FI_UET_IFACE OMPI_MCA_btl_vader_single_copy_mechanism
export OMPI_MCA_rmaps_base_oversubscribe OMPI_MCA_mpi_yield_when_idle

# UDP ports that are open in the range of the run.
open_ports() {
	cat /proc/net/udp /proc/net/udp6 2>/dev/null | awk -v low="$1" -v high="$2" '
		function hex(s,  i, v) {
			for (i = v = 0; i++ < length(s); )
				v = v * 16 + index("0123456789ABCDEF", substr(s, i, 1)) - 1
			return v
		}
		NR > 1 { n = split($2, a, ":"); p = hex(a[n]); if (p >= low && p <= high) k++ }
		END { print k + 0 }'
}

# A range of 64 UDP ports that nobody uses.
free_ports() {
	local low
	while :; do
		low=$((10000 + 64 * (RANDOM % 340)))
		[ "$(open_ports $low $((low + 63)))" -ne 0 ] || break
	done
	echo $low
}

# job RANKS [THREAD_LEVEL]: runs it, watches the sockets meanwhile.
job() {
	local ranks=$1 level=${2:-0} low most=0 now pid rc=0 start=$SECONDS
	low=$(free_ports)
	FI_UET_PORT=$low OMPI_MPI_THREAD_LEVEL=$level \
		uet_foreign_leaky timeout -k 5 $((50 * UET_TIME_SCALE)) mpirun \
		--allow-run-as-root --oversubscribe -n "$ranks" \
		--mca pml cm --mca mtl ofi --mca mtl_ofi_provider_include uet \
		--mca mtl_base_verbose 100 --mca opal_common_ofi_verbose 100 --mca oob_tcp_if_include lo \
		-x FI_PROVIDER -x FI_PROVIDER_PATH -x FI_UET_IFACE -x FI_UET_PORT \
		-x OMPI_MPI_THREAD_LEVEL \
		"$UET_BUILDDIR/test/system/mpi_basic" >"$work/out" 2>&1 </dev/null &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		now=$(open_ports "$low" $((low + 63)))
		[ "$now" -le "$most" ] || most=$now
		sleep 0.1
	done
	wait $pid || rc=$?
	if [ $rc -ne 0 ]; then
		tail -n 30 "$work/out"
		echo "not ok: $ranks ranks: status $rc"
		failed=$((failed + 1))
		return
	fi
	if ! grep -aq "MPI on $ranks ranks: [1-9][0-9]* passed, 0 failed" "$work/out"; then
		tail -n 30 "$work/out"
		echo "not ok: $ranks ranks: no good result was printed"
		failed=$((failed + 1))
	fi
	if [ "$most" -lt "$ranks" ]; then
		echo "not ok: $ranks ranks had $most UET sockets"
		failed=$((failed + 1))
	fi
	if [ "$(grep -ac 'select: init returned success' "$work/out")" -ne "$ranks" ] ||
	   [ "$(grep -a 'mtl:ofi:prov[a-z]*: \(uet\|lo\)$' "$work/out" | sed 's/].*//' | sort -u |
		wc -l)" -ne "$ranks" ]; then
		grep -a 'mtl:ofi\|select:' "$work/out" | head -n 20
		echo "not ok: $ranks ranks: MPI does not say that it uses uet"
		failed=$((failed + 1))
	fi
	echo "$(grep -a 'MPI on' "$work/out"), thread level $level: $most UET sockets, $((SECONDS - start)) s"
}

job 2
job 4
job 4 3		# as after MPI_Init_thread(MPI_THREAD_MULTIPLE)
[ $failed -eq 0 ] || exit 1
