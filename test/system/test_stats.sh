#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The example of the manual page compiles, and what the statistics tell is true.
set -euo pipefail
: "${UET_BUILDDIR:?run this through make check-system}"
# shellcheck source=test/env.sh
. "$(dirname "$0")/../env.sh"

example=$UET_BUILDDIR/logs/system/stats_example.c
mkdir -p "$(dirname "$example")"
sed -n '/^# STATISTICS/,/^# ERRORS/s/^    //p' "$UET_SRCDIR/man/fi_uet.7.md" >"$example"
grep -q '^int show_statistics' "$example"
# UET_CC is a command with its arguments.
# shellcheck disable=SC2086
$UET_CC -std=c99 -Wall -Wextra -Werror -I"$UET_SRCDIR/include" \
	-I"$UET_LIBFABRIC_PREFIX/include" -c -o /dev/null "$example"

exec "$UET_BUILDDIR/test/system/test_stats" "$@"
