#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The lists of sources in the build files name exactly the files that are there.
here=$(dirname "$0")
exec bash "$here/../tools/sync-sources.sh" --check
