#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# tools/demo.sh   installs what is missing, builds into build/, and shows the provider at work:
#                 the NICs it finds, a ping-pong sweep, an MPI job, and a table beside tcp.
#
# All traffic stays on the loopback interface. Logs in build/logs.
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname "$0")/lib.sh"

logs=build/logs
mkdir -p $logs
begun=$SECONDS

title() { printf '\n== %s\n' "$*"; }

# run LOG HINT COMMAND...: a quiet step with a dot every few seconds; shows its log if it fails.
run() {
	local log=$logs/$1.log hint=$2 beat rc=0
	shift 2
	while sleep 3; do printf .; done &
	beat=$!
	"$@" >"$log" 2>&1 </dev/null || rc=$?
	kill $beat 2>/dev/null
	wait $beat 2>/dev/null || true
	((rc == 0)) && { printf ' done\n'; return 0; }
	printf ' failed\n'
	tail -n 20 "$log" >&2
	uet_die "this step failed (log: $log)" "$hint"
}

port=$((20000 + RANDOM % 10000))

pingpong() {
	local server rc=0
	timeout 120 fi_pingpong -p uet -e rdm -B $port -I 200 -S all >$logs/demo-server.log 2>&1 &
	server=$!
	for _ in $(seq 100); do
		ss -Hltn "sport = :$port" | grep -q . && break
		sleep 0.1
	done
	timeout 120 fi_pingpong -p uet -e rdm -P $port -I 200 -S all 127.0.0.1 || rc=$?
	wait $server || rc=$?
	return $rc
}

mpi_job() {
	timeout 150 mpirun --allow-run-as-root --oversubscribe -n 4 \
		--mca pml cm --mca mtl ofi --mca mtl_ofi_provider_include uet \
		--mca oob_tcp_if_include lo --mca btl ^openib \
		build/test/system/mpi_basic
}

title "1. What this needs"
uet_install build
uet_say "all there"

title "2. Build (into build/)"
printf 'configure and make '
run demo-build "Look for the first error in $logs/demo-build.log." uet_build build
printf 'the MPI program    '
run demo-mpi-build "Is mpicc there? Debian: apt-get install libopenmpi-dev." \
	make -C build test/system/mpi_basic
export FI_PROVIDER_PATH=$uet_top/build/.libs IPATH_NO_BACKTRACE=1

title "3. fi_info -p uet: every NIC and port of this machine"
fi_info -p uet || uet_die "fi_info does not find the provider" \
	"Run: FI_PROVIDER_PATH=$FI_PROVIDER_PATH FI_LOG_LEVEL=info fi_info -p uet"

# Only loopback from here on.
export FI_PROVIDER=uet FI_UET_IFACE=lo

title "4. fi_pingpong over UET, 1 byte to 1 MiB, two processes"
pingpong 2>$logs/demo-pingpong.log | awk '$1 ~ /^bytes/ || $1 !~ /[2-9]m/' || {
	cat $logs/demo-pingpong.log $logs/demo-server.log >&2
	uet_die "the ping-pong failed" "See above; FI_LOG_LEVEL=info tells more."
}

title "5. Open MPI on 4 ranks over UET: ring with checksums, allreduce, all-to-all"
mpi_job 2>$logs/demo-mpi.log || {
	tail -n 30 $logs/demo-mpi.log >&2
	uet_die "the MPI job failed" "Run it by hand with --mca mtl_base_verbose 100."
}

title "6. Beside tcp and bare UDP, in turns (median of 5 rounds; MB = 10^6 bytes)"
unset FI_PROVIDER
build/fabtests/benchmarks/uet_compare -r 5 2>$logs/demo-compare.log || {
	cat $logs/demo-compare.log >&2
	uet_die "the comparison failed" "Run build/fabtests/benchmarks/uet_compare by hand."
}

printf '\nThat took %d min %02d s. Next: README.md, "Use it", and tools/test.sh.\n' \
	$(((SECONDS - begun) / 60)) $(((SECONDS - begun) % 60))
