#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Real traffic over loopback, recorded and checked field by field against the wire format by
# a decoder and a model that share nothing with the provider. Keeps the capture of a run that
# failed in UET_BUILDDIR/logs/capture.
# time limit: 150
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)

# fi_pingpong server and client, one size after the other: the workload of pingpong_run.
# Arguments: ADDRESS FIRST_PORT SIZE ...
if [ "${1:-}" = --pingpong ]; then
	# shellcheck source=test/env.sh
	. "$here/../env.sh"
	address=$2 port=$3 rc=0
	shift 3
	six=()
	[ "$address" != ::1 ] || six=(-6)
	for size in "$@"; do
		control=$(python3 -c 'import socket; s = socket.socket(); s.bind(("", 0))
print(s.getsockname()[1])')
		options=(-p uet -e rdm ${six[@]+"${six[@]}"} -S "$size" -I 20 -c)
		FI_UET_PORT=$port uet_foreign fi_pingpong "${options[@]}" -B "$control" >/dev/null &
		server=$!
		hex=$(printf ':%04X 0*:0000 0A' "$control")
		until grep -q "$hex" /proc/net/tcp /proc/net/tcp6 || ! kill -0 $server; do :; done
		FI_UET_PORT=$port uet_foreign fi_pingpong "${options[@]}" -P "$control" "$address" \
			>/dev/null || rc=$?
		wait $server || rc=$?
		port=$((port + 8))
	done
	exit $rc
fi

: "${UET_BUILDDIR:?run this through make check-system}"
# shellcheck source=test/env.sh
. "$here/../env.sh"
if ! command -v python3 >/dev/null; then
	echo "SKIP: no python3 here: packets were neither recorded nor checked"
	exit 77
fi
export PYTHONDONTWRITEBYTECODE=1
keep=$UET_BUILDDIR/logs/capture
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
unset FI_UET_PORT FI_UET_MTU FI_UET_JOB_ID FI_UET_DSCP_DATA FI_UET_DSCP_CONTROL UET_JOB_ID
export FI_PROVIDER=uet FI_UET_IFACE=lo

# A range of 256 UDP ports that nobody uses.
free_ports() {
	python3 - <<'PY'
import random
used = set()
for name in ("/proc/net/udp", "/proc/net/udp6"):
    try:
        with open(name) as file:
            used |= {int(line.split()[1].rpartition(":")[2], 16) for line in list(file)[1:]}
    except OSError:
        pass
while True:
    low = random.randrange(9984, 32512, 256)
    if not used & set(range(low, low + 256)):
        print(low)
        break
PY
}

# capture FILE COMMAND ...: records the command's traffic on ports $low to $low + 255.
capture() {
	local file=$1
	shift
	python3 "$here/capture_uet.py" -o "$file" -p "$low-$((low + 255))" \
		-t $((60 * UET_TIME_SCALE)) -- "$@"
}

# record NAME COMMAND ...: captures; ends the test where that is impossible. Returns 1 if the
# command failed or packets are missing in the record.
record() {
	local name=$1 rc=0
	shift
	capture "$work/$name.pcap" "$@" >"$work/$name.out" 2>&1 || rc=$?
	case $rc in
	0)	return 0 ;;
	77)	echo "NOTHING WAS CHECKED ON THE WIRE:"
		echo "SKIP: $(tail -n 1 "$work/$name.out")"
		exit 77 ;;
	75)	echo "$name: the kernel dropped recorded packets: $(tail -n 1 "$work/$name.out")"
		return 75 ;;
	76)	echo "$name: this kernel cannot describe large sends to a packet socket"
		return 76 ;;
	esac
	tail -n 20 "$work/$name.out"
	echo "not ok: $name: the traffic itself failed with status $rc"
	failed=$((failed + 1))
	return 1
}

# check NAME OPTIONS ...: one verdict.
check() {
	local name=$1 rc=0
	shift
	echo "$name: $(tail -n 1 "$work/$name.out")"
	python3 "$here/check_uet.py" --base "$low" "$@" "$work/$name.pcap" || rc=$?
	[ $rc -ne 0 ] || return 0
	mkdir -p "$keep"
	cp "$work/$name".* "$keep"
	echo "not ok: $name (capture: $keep/$name.pcap)"
	failed=$((failed + 1))
}

# traffic NAME "CASES" "FEWER CASES" CHECK_OPTIONS ...: wire_traffic, recorded and checked.
# No cases: all of them.
traffic() {
	local name=$1 cases=$2 fewer=$3 rc=0
	shift 3
	rm -f "$work/$name".*
	low=$(free_ports)
	# shellcheck disable=SC2086
	WIRE_LOG=$work/$name.log WIRE_PORT=$low record "$name" \
		"$UET_BUILDDIR/test/system/wire_traffic" $cases || rc=$?
	if [ $rc -eq 75 ] && [ "$cases" != "$fewer" ]; then
		echo "$name: again, with less load"
		traffic "$name" "$fewer" "$fewer" "$@"
		return
	fi
	if [ $rc -eq 76 ] && [ "${FI_UET_GSO:-1}" != 0 ]; then
		FI_UET_GSO=0 FI_UET_GRO=0 traffic "$name" "$cases" "$fewer" "$@"
		return
	fi
	if [ $rc -eq 75 ] || [ $rc -eq 76 ]; then
		echo "not ok: $name: nothing could be recorded"
		failed=$((failed + 1))
	fi
	[ $rc -ne 0 ] || check "$name" --log "$work/$name.log" "$@"
}

pingpong_run() {
	local name=$1 address=$2 rc=0
	shift 2
	command -v fi_pingpong >/dev/null || return 0
	rm -f "$work/$name".*
	low=$(free_ports)
	record "$name" bash "$here/test_capture.sh" --pingpong "$address" "$low" "$@" || rc=$?
	if [ $rc -eq 75 ] || [ $rc -eq 76 ]; then
		FI_UET_GSO=0 FI_UET_GRO=0 record "$name" bash "$here/test_capture.sh" --pingpong \
			"$address" "$low" 64 || return
		rc=0
	fi
	[ $rc -ne 0 ] || check "$name"
}

python3 "$here/decode_uet.py" --self-test "$UET_TEST_DATA" || exit 1

few="mix/rud/ipv4 both/rod/ipv6 unexpected/rud/ipv4 truncated/rod/ipv4 foreign/rud/ipv6"
traffic defaults "" "$few" --closed --need \
	RUD_REQ,ROD_REQ,ACK_CC,CP/CLOSE_CMD,CP/CLEAR_CMD

# One packet per send, small packets, and everything configurable on the wire configured.
FI_UET_GSO=0 FI_UET_GRO=0 FI_UET_MTU=1024 FI_UET_JOB_ID=1193046 FI_UET_DSCP_DATA=10 \
	FI_UET_DSCP_CONTROL=20 traffic single "$few big/rud/ipv4 big/rod/ipv6" "$few" \
	--closed --mtu 1024 --dscp-data 10 --dscp-control 20

# A receive buffer that is far too small: packets are lost, and must come again.
FI_UET_MTU=1024 FI_UET_RCVBUF=4096 traffic lossy "big/rud/ipv4 big/rod/ipv4 many/rod/ipv6" \
	"many/rod/ipv6" --mtu 1024 --retx

pingpong_run pingpong-ipv4 127.0.0.1 1 8191 8192 8193 100000
pingpong_run pingpong-ipv6 ::1 0 8192 20000

[ $failed -eq 0 ] || exit 1
echo "every packet was as the specification has it"
