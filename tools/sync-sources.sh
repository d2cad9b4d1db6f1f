#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# tools/sync-sources.sh           write the lists of files in the build files from what is on disk
# tools/sync-sources.sh --check   only compare: exit 1 and show the difference if they disagree
set -euo pipefail
export LC_ALL=C
shopt -s nullglob
cd "$(dirname "$0")/.."

check=0
case ${1:-} in
--check) check=1 ;;
'') ;;
*)  sed -n '4,5s/^# //p' "$0" >&2; exit 2 ;;
esac

# ---- what belongs into each list -------------------------------------------------------

exists() { local f; for f in "$@"; do [[ -f $f ]] && printf '%s\n' "$f"; done; return 0; }
programs_in() { exists "$1"/*.c | xargs -r grep -lE '^(int )?main\(' || true; }
programs() { programs_in test/"$1"; }
uses_mpi() { xargs -r grep -l '^#include <mpi\.h>' || true; }
uses_no_mpi() { xargs -r grep -L '^#include <mpi\.h>' || true; }

list() {
	local floor
	case $1 in
	uet_*_files)
		floor=${1#uet_}; floor=${floor%_files}
		exists prov/uet/src/"$floor"/*.c prov/uet/src/"$floor"/*.h ;;
	unit_programs | sim_programs | system_programs | lab_programs | perf_programs)
		programs "${1%_programs}" | uses_no_mpi | sed 's/\.c$//' ;;
	system_mpi_programs)
		programs system | uses_mpi | sed 's/\.c$//' ;;
	bench_programs)
		programs_in fabtests/benchmarks | uses_no_mpi | sed 's/\.c$//' ;;
	bench_mpi_programs)
		programs_in fabtests/benchmarks | uses_mpi | sed 's/\.c$//' ;;
	bench_helpers)
		{ exists fabtests/benchmarks/*.h
		  comm -23 <(exists fabtests/benchmarks/*.c) <(programs_in fabtests/benchmarks); } ;;
	unit_sources | sim_sources | system_sources | lab_sources | perf_sources)
		programs "${1%_sources}" ;;
	unit_helpers | sim_helpers | system_helpers | perf_helpers)
		{ exists test/"${1%_helpers}"/*.h
		  comm -23 <(exists test/"${1%_helpers}"/*.c) <(programs "${1%_helpers}"); } ;;
	public_headers)
		exists include/rdma/*.h ;;
	dist_files)
		exists ./*.md COPYING autogen.sh .clang-format .editorconfig .ci/run \
			man/*.md prov/uet/docs/*.md prov/uet/docs/pictures/* prov/uet/configure.m4 tools/* \
			test/*.md test/*.sh test/*.supp test/data/* test/sim/scenarios/* \
			test/system/*.sh test/system/*.py test/lab/*.sh \
			test/perf/*.sh test/perf/*.txt
		find fabtests -type f 2>/dev/null || true ;;
	*)	echo "tools/sync-sources.sh: nobody knows the list $1" >&2; exit 1 ;;
	esac | sed 's,^\./,,' | sort -u
}

# Variables of item $2 of list $1, beside the list.
# shellcheck disable=SC2016
variables() {
	local prefix=${2//[^[:alnum:]]/_}
	case $1 in
	system_mpi_programs | bench_mpi_programs)
		printf '%s_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)\n' "$prefix"
		printf '%s_LDADD = $(MPI_LIBS)\n' "$prefix" ;;
	bench_programs)
		printf '%s_LDADD = libbench.la $(LIBFABRIC_LIBS) -lm\n' "$prefix" ;;
	esac
}

# ---- writing them ----------------------------------------------------------------------

# Prints file $1 with every list renewed.
renewed() {
	local line name item inside=0 items
	while IFS= read -r line; do
		if [[ $line == '# END '* ]]; then inside=0; fi
		if ((!inside)); then printf '%s\n' "$line"; fi
		if [[ $line == '# BEGIN '* ]]; then
			inside=1
			name=${line#\# BEGIN }
			mapfile -t items < <(list "$name")
			printf '%s =' "$name"
			for item in "${items[@]}"; do printf ' \\\n\t%s' "$item"; done
			printf '\n'
			for item in "${items[@]}"; do variables "$name" "$item"; done
		fi
	done <"$1"
}

rc=0
new=$(mktemp)
trap 'rm -f "$new"' EXIT
for file in Makefile.am prov/uet/Makefile.include test/Makefile.include \
	fabtests/Makefile.include; do
	renewed "$file" >"$new"
	cmp -s "$new" "$file" && continue
	if ((check)); then
		diff -u --label "$file" --label "$file as the files on disk ask for" "$file" "$new" || true
		rc=1
	else
		cat "$new" >"$file"
		echo "$file: lists renewed"
	fi
done
((rc == 0)) || echo "the lists above are out of date: run tools/sync-sources.sh" >&2
exit $rc
