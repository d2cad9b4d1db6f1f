#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Runs test_hmem_rma with the stub of the CUDA driver library, or with that of this host when
# UET_TEST_CUDA=real.
set -euo pipefail
: "${UET_BUILDDIR:?run this through make check-system}"
# shellcheck source=test/env.sh
. "$(dirname "$0")/../env.sh"

if [ "${UET_TEST_CUDA:-stub}" != real ]; then
	LD_LIBRARY_PATH=$UET_BUILDDIR/test/stub/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
	export LD_LIBRARY_PATH
fi
exec "$UET_BUILDDIR/test/system/test_hmem_rma" "$@"
