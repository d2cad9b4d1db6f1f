#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The rules of CONTRIBUTING.md that a script can see. Prints each offence; exit status 1 if any.
set -euo pipefail
export LC_ALL=C
shopt -s nullglob
cd "$(dirname "$0")/.."

src=prov/uet/src
bad=0
offence() { printf '%s\n' "$*"; bad=1; }

# Floors that files of floor $1 may include.
allowed() {
	case $1 in
	base) echo base ;;
	wire) echo 'base|wire' ;;
	nic | tss | cms) echo "base|wire|$1" ;;
	pds) echo 'base|wire|nic|tss|cms|pds' ;;
	ses) echo 'base|wire|nic|tss|cms|pds|ses' ;;
	ofi) echo 'base|wire|nic|tss|cms|pds|ses|ofi' ;;
	esac
}

for dir in "$src"/*/; do
	floor=$(basename "$dir")
	ok=$(allowed "$floor")
	[[ -n $ok ]] || { offence "$dir: an unknown floor"; continue; }
	while read -r line; do
		offence "$line  <- points up the floors"
	done < <(grep -nE '^#include "[a-z]+/' "$dir"*.[ch] | grep -vE "#include \"($ok)/")
	[[ $floor == ofi ]] && continue
	while read -r line; do
		offence "$line  <- only ofi/ knows libfabric"
	done < <(grep -nE '^#include [<"]rdma/' "$dir"*.[ch])
	[[ $floor == nic || $floor == base ]] && continue
	while read -r line; do
		offence "$line  <- only nic/ and base/clock make system calls"
	done < <(grep -nE '^#include <(sys/socket|sys/epoll|sys/eventfd|poll|unistd|pthread|time)\.h>' \
		"$dir"*.[ch])
done

files=("$src"/*/*.[ch] include/rdma/*.h test/unit/*.[ch] test/sim/*.[ch]
	test/system/*.[ch] test/lab/*.[ch] test/perf/*.[ch] fabtests/benchmarks/*.[ch])
for f in "${files[@]}"; do
	head -n 1 "$f" | grep -q '^/\* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only \*/$' ||
		offence "$f:1: the licence line is missing"
	while read -r line; do
		offence "$f:$line: longer than 100 columns"
	done < <(expand -t 8 "$f" | awk 'length > 100 { print NR }')
	while read -r line; do
		offence "$f:$line: white space at the end of the line"
	done < <(grep -nE '[[:space:]]+$' "$f" | cut -d: -f1)
done
for f in "$src"/*/*.[ch] fabtests/benchmarks/*.[ch]; do
	lines=$(wc -l <"$f")
	((lines <= 800)) || offence "$f: $lines lines, more than 800"
done
while read -r line; do
	offence "$line  <- leftover"
done < <(grep -nE '\b(TODO|FIXME|XXX|HACK)\b' "${files[@]}")

exit $bad
