#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The benchmark programs do what they say: each test of uet_bench and uet_raw ends well, on one
# host and against a server, its table, CSV and JSON agree, and arguments that make no sense are
# refused with a line about them. tools/bench.sh puts runs together, and its pictures are drawn.
# No figure is judged.
# time limit: 240
set -uo pipefail
: "${UET_BUILDDIR:?run this through make check-system}"
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/env.sh
. "$here/../env.sh"

bench=$UET_BUILDDIR/fabtests/benchmarks/uet_bench
raw=$UET_BUILDDIR/fabtests/benchmarks/uet_raw
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill $server 2>/dev/null; rm -rf "$work"' EXIT
failed=0

fail() {
	echo "not ok: $*"
	failed=$((failed + 1))
}

# check NAME ROUNDS CONTENDERS: the files of a run. Every figure is there, and all files agree.
check() {
	python3 - "$work/$1" "$2" "$3" <<'PY' || fail "$1: the results, see above"
import csv
import json
import sys
prefix, rounds, contenders = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(",")
results = json.load(open(prefix + ".json"))["results"]
rows = list(csv.DictReader(open(prefix + ".csv")))
if not results or len(rows) != len(results):
    sys.exit("%d results as JSON, %d as CSV" % (len(results), len(rows)))
for j, c in zip(results, rows):
    what = "%s of %s, %d bytes" % (j["test"], j["contender"], j["bytes"])
    if j["state"] != "ok" or len(j["samples"]) != rounds or None in j["samples"]:
        sys.exit("%s: %s" % (what, j))
    if not all(v >= 0 for v in j["samples"]) or "memory" not in j["test"] and 0 in j["samples"]:
        sys.exit("%s: %s" % (what, j["samples"]))
    if not min(j["samples"]) == j["min"] <= j["median"] <= j["max"] == max(j["samples"]):
        sys.exit("%s: %s" % (what, j))
    for key in ("test", "contender", "unit", "better"):
        if c[key] != j[key]:
            sys.exit("%s: %s is %s as CSV" % (what, key, c[key]))
    for key in ("bytes", "count", "median", "min", "max"):
        if float(c[key]) != j[key]:
            sys.exit("%s: %s is %s as CSV" % (what, key, c[key]))
missing = set(contenders) - {j["contender"] for j in results}
if missing:
    sys.exit("nothing of %s" % ", ".join(missing))
PY
}

# run NAME ROUNDS CONTENDERS PROGRAM OPTIONS...
run() {
	local name=$1 rounds=$2 contenders=$3 start=$SECONDS
	shift 3
	if ! "$@" -r "$rounds" -d 5 --limit $((40 * UET_TIME_SCALE)) --csv "$work/$name.csv" \
		--json "$work/$name.json" >"$work/$name" 2>&1; then
		cat "$work/$name"
		fail "$name: a bad end"
		return
	fi
	check "$name" "$rounds" "$contenders"
	[ "$(wc -l <"$work/$name")" -eq "$(wc -l <"$work/$name.csv")" ] ||
		fail "$name: the table has not as many lines as the CSV"
	echo "$name: $(($(wc -l <"$work/$name") - 1)) figures, $((SECONDS - start)) s"
}

# refused STATUS TEXT COMMAND...: ends so, with one line of text or two that has that in it.
refused() {
	local status=$1 text=$2 rc=0
	shift 2
	timeout $((20 * UET_TIME_SCALE)) "$@" >"$work/refused" 2>&1 || rc=$?
	[ $rc -eq "$status" ] || fail "${*##*/}: status $rc, not $status"
	grep -qF -- "$text" "$work/refused" || fail "${*##*/}: $(head -n 2 "$work/refused")"
}

bad_arguments() {
	local program
	for program in "$bench" "$raw"; do
		refused 2 'no such test: nonsense' "$program" -t nonsense
		refused 2 'no list of sizes: 12x' "$program" -s 12x
		refused 2 'sizes are from 1 byte' "$program" -s 0
		refused 2 'no list of counts: -1' "$program" -c -1
		refused 2 '--rounds takes a number' "$program" -r 0
		refused 2 '--duration takes a number' "$program" -d 99999999999999999999
		refused 2 '--window takes a number' "$program" -w 4096
		refused 2 '--port takes a number' "$program" --port 65536
		refused 2 'no IP address: localhost' "$program" -a localhost
		refused 2 'no option: more' "$program" more
		refused 2 '--help' "$program" --nonsense
		refused 2 'exclude each other' "$program" --server --connect 127.0.0.1
		refused 2 'needs an --address' "$program" --server
		refused 0 'usage:' "$program" --help
	done
	refused 2 "no provider's name" "$bench" -p ../etc
	refused 2 'incast-rate takes -c 1 to 64' "$bench" -t incast-rate -c 65
	refused 1 'not available' "$bench" -p nonsense -t connect -r 1
	refused 1 'not available' "$bench" -p uet -a 192.0.2.1 -t connect -r 1
	refused 1 'nothing/there: No such file' "$raw" -t rate -r 1 -d 1 --json nothing/there
	refused 1 'cannot serve' "$raw" --server -a 192.0.2.1
}

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# One side served by another process, as if on another host. What is not a request is refused,
# and does not end the server.
against_server() {
	local port
	port=$(free_port)
	"$bench" --server -a 127.0.0.1 --port "$port" >"$work/server" 2>&1 &
	server=$!
	run remote 1 uet,raw "$bench" --connect 127.0.0.1 --port "$port" -p uet,raw \
		-t tagged-lat,write-bw,incast-rate,connect -s 64 -c 2
	python3 -c 'import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(bytes(4096))' "$port"
	run stranger 1 uet "$bench" --connect 127.0.0.1 --port "$port" -p uet -t msg-lat -s 64
	grep -q 'stranger' "$work/server" || fail "the server has nothing to say about a stranger"
	kill $server
	wait $server 2>/dev/null
	server=
}

# script NAME CONTENDERS OPTIONS...: tools/bench.sh; its JSON has ratios to the last contender.
script() {
	local name=$1 contenders=$2 start=$SECONDS
	shift 2
	if ! bash "$UET_SRCDIR/tools/bench.sh" --build "$UET_BUILDDIR" -r 2 -d 5 \
		--csv "$work/$name.csv" --json "$work/$name.json" "$@" >"$work/$name" 2>&1; then
		cat "$work/$name"
		fail "$name: a bad end"
		return
	fi
	python3 - "$work/$name" "$contenders" <<'PY' || fail "$name: the results, see above"
import csv
import json
import sys
prefix, contenders = sys.argv[1], sys.argv[2].split(",")
results = json.load(open(prefix + ".json"))["results"]
if len(list(csv.DictReader(open(prefix + ".csv")))) != len(results):
    sys.exit("not as many rows in the CSV as in the JSON")
for r in results:
    if r["samples"] != 2 or not r["min"] <= r["median"] <= r["max"]:
        sys.exit(str(r))
    if r["contender"] != "uet" and not r["ratio_min"] <= r["ratio"] <= r["ratio_max"]:
        sys.exit("no ratio: %s" % r)
if {r["contender"] for r in results} != set(contenders):
    sys.exit("contenders: %s" % {r["contender"] for r in results})
PY
	echo "$name: $((SECONDS - start)) s"
}

pictures() {
	local plot=$UET_SRCDIR/tools/bench-plot.py
	if ! /usr/bin/python3 -c 'import matplotlib' 2>/dev/null; then
		echo "no pictures: matplotlib is not installed"
		return
	fi
	MPLCONFIGDIR=$work /usr/bin/python3 "$plot" "$work/loopback.csv" -o "$work/x.png" \
		>/dev/null || fail "bench-plot.py"
	[ "$(head -c 4 "$work/x.png" | tr -d '\211')" = PNG ] || fail "bench-plot.py: no picture"
	refused 1 'is no CSV' /usr/bin/python3 "$plot" "$work/loopback.json"
}

bad_arguments
run one-host 1 uet "$bench" -p uet -s 64,20000 -c 2
run turns 2 uet,raw "$bench" -p uet,raw -t tagged-lat,tagged-bw,tagged-rate -s 8,100000
run raw 1 raw "$raw"
against_server
script loopback uet,raw -p uet,raw -t tagged-lat,tagged-bw -s 64,4k
if [ "$(id -u)" -eq 0 ] && unshare --net --mount --pid --fork true 2>/dev/null; then
	script veth uet,raw -p uet,raw -t tagged-lat -s 64 --veth 1500
fi
if mpirun --version 2>/dev/null | grep -q 'Open MPI'; then
	script mpi uet,ompi-tcp --mpi
fi
pictures
refused 2 'takes a number' bash "$UET_SRCDIR/tools/bench.sh" -r none
refused 2 'no such test' bash "$UET_SRCDIR/tools/bench.sh" --build "$UET_BUILDDIR" -t nonsense
refused 1 'none of these' bash "$UET_SRCDIR/tools/bench.sh" --build "$UET_BUILDDIR" -p nonsense
[ $failed -eq 0 ] || exit 1
