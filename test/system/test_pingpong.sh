#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The system's own fi_pingpong and fi_info with the provider: every size with every byte
# checked, messages and tagged messages, IPv4 and IPv6; what fi_info lists and how.
# time limit: 100
set -uo pipefail
: "${UET_BUILDDIR:?run this through make check-system}"
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/env.sh
. "$here/../env.sh"

for tool in fi_pingpong fi_info; do
	command -v "$tool" >/dev/null && continue
	echo "SKIP: $tool is not installed (Debian: apt-get install libfabric-bin)"
	exit 77
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
	echo "not ok: $*"
	failed=$((failed + 1))
}

# A TCP port of this host that is free now, for fi_pingpong's own control connection.
free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])'
}

listening() {
	local hex
	hex=$(printf ':%04X' "$1")
	cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v p="$hex" \
		'substr($2, length($2) - 4) == p && $4 == "0A" { found = 1 } END { exit !found }'
}

# one NAME ROWS ADDRESS OPTIONS: a server and a client; the client prints ROWS sizes.
one() {
	local name=$1 rows=$2 address=$3 port server rc=0 start=$SECONDS got
	shift 3
	port=$(free_port)
	uet_foreign timeout -k 2 $((30 * UET_TIME_SCALE)) \
		fi_pingpong -p uet -e rdm -B "$port" "$@" >"$work/server" 2>&1 &
	server=$!
	until listening "$port" || ! kill -0 $server 2>/dev/null; do :; done
	uet_foreign timeout -k 2 $((30 * UET_TIME_SCALE)) \
		fi_pingpong -p uet -e rdm -P "$port" "$@" "$address" >"$work/client" 2>&1 || rc=$?
	wait $server || fail "$name: the server ended with status $?: $(tail -n 1 "$work/server")"
	[ $rc -eq 0 ] || fail "$name: the client ended with status $rc: $(tail -n 1 "$work/client")"
	got=$(grep -c '=[0-9]' "$work/client")
	[ "$got" -eq "$rows" ] || fail "$name: $got sizes were run, not $rows"
	echo "$name: $got sizes, $((SECONDS - start)) s"
}

sweep() {
	FI_UET_IFACE=lo
	export FI_UET_IFACE
	one "messages, all sizes" 46 127.0.0.1 -S all -c -I 4
	one "tagged, all sizes" 46 127.0.0.1 -S all -c -I 4 -m tagged
	one "messages, IPv6" 1 ::1 -6 -S 100000 -c -I 50
	one "tagged, IPv6" 1 ::1 -6 -S 0 -c -I 50 -m tagged
	one "without data check" 1 127.0.0.1 -S 1048576 -I 50
	unset FI_UET_IFACE
}

# Interfaces that are up and have an address that endpoints could use.
interfaces() {
	python3 - <<'PY'
import os
import socket
import struct
import fcntl
up = {n for _, n in socket.if_nameindex()
      if int(open("/sys/class/net/%s/flags" % n).read(), 16) & 1}
have = set()
for name in up:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            fcntl.ioctl(s, 0x8915, struct.pack("256s", name.encode()))      # SIOCGIFADDR
            have.add(name)
        except OSError:
            pass
if os.path.exists("/proc/net/if_inet6"):
    for line in open("/proc/net/if_inet6"):
        have.add(line.split()[5])
print("\n".join(sorted(up & have)))
PY
}

# fi_info -v is text for people, but its shape is regular: read all of it.
parse_verbose() {
	python3 - "$work/verbose" <<'PY'
import sys
entries, path = [], []
for line in open(sys.argv[1]):
    if line.strip() == "---":
        continue
    depth = (len(line) - len(line.lstrip())) // 4
    key, colon, value = line.strip().partition(":")
    if not colon:
        sys.exit("cannot be parsed: %r" % line)
    if key == "fi_info" and depth == 0:
        entries.append({})
    path[depth:] = [key]
    entries[-1]["/".join(path[1:])] = value.strip()
if not entries:
    sys.exit("nothing is listed")
for e in entries:
    for key, want in (("fi_fabric_attr/name", "UET"), ("fi_fabric_attr/prov_name", "uet")):
        if e.get(key) != want:
            sys.exit("%s is %r" % (key, e.get(key)))
    for key in ("fi_domain_attr/name", "src_addr", "fi_ep_attr/type", "caps",
                "fi_tx_attr/inject_size", "fi_rx_attr/size"):
        if not e.get(key):
            sys.exit("%s is missing" % key)
    for key in ("fi_ep_attr/max_msg_size", "fi_domain_attr/cq_data_size"):
        if int(e[key]) <= 0:
            sys.exit("%s is %s" % (key, e[key]))
print("fi_info -v: %d entries" % len(entries))
PY
}

info() {
	local name
	uet_foreign fi_info -p uet >"$work/list" 2>&1 || fail "fi_info -p uet: status $?"
	for name in $(interfaces); do
		grep -qx " *domain: $name" "$work/list" || fail "fi_info -p uet does not list $name"
	done
	grep -qx " *domain: lo" "$work/list" || fail "fi_info -p uet does not list lo"
	[ "$(grep '^ *domain:' "$work/list" | tail -n 1 | tr -d ' ')" = domain:lo ] ||
		fail "loopback is not the last one listed"
	uet_foreign fi_info -p uet -v >"$work/verbose" 2>&1 || fail "fi_info -v: status $?"
	parse_verbose || fail "fi_info -p uet -v"
	uet_foreign fi_info -l >"$work/provs" 2>&1 || fail "fi_info -l: status $?"
	grep -q '^uet:' "$work/provs" || fail "fi_info -l does not name uet"
	uet_foreign fi_info -g uet >"$work/env" 2>&1 || fail "fi_info -g uet: status $?"
	for name in IFACE PORT JOB_ID MTU; do
		grep -q "FI_UET_$name" "$work/env" || fail "fi_info -g uet lacks FI_UET_$name"
	done
	FI_PROVIDER=uet uet_foreign fi_info >"$work/only" 2>&1 || fail "fi_info: status $?"
	grep -q '^provider: uet' "$work/only" || fail "FI_PROVIDER=uet fi_info shows nothing"
	if grep '^provider:' "$work/only" | grep -vq '^provider: uet$'; then
		fail "FI_PROVIDER=uet fi_info shows other providers"
	fi
	FI_UET_IFACE=lo uet_foreign fi_info -p uet >"$work/lo" 2>&1
	if grep '^ *domain:' "$work/lo" | grep -vq 'domain: lo$'; then
		fail "FI_UET_IFACE=lo lists other interfaces"
	fi
	echo "fi_info: $(grep -c '^provider: uet' "$work/list") entries on $(
		grep '^ *domain:' "$work/list" | sort -u | wc -l) interfaces"
}

info
sweep
[ $failed -eq 0 ] || exit 1
