#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Runs one unit test: run-one.sh PROGRAM. Sets the tests' environment and a time limit.
# UET_TEST_WRAPPER is put in front of the program (tools/test.sh: valgrind).
: "${UET_BUILDDIR:?run this through make check}"
# shellcheck source=test/env.sh
. "$(dirname "$0")/env.sh"
limit=$((120 * UET_TIME_SCALE))
# shellcheck disable=SC2086
timeout -k 5 "$limit" $UET_TEST_WRAPPER "$@"
rc=$?
[ $rc -ne 124 ] || echo "TIME LIMIT: $1 was stopped after $limit s"
exit $rc
