#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Makes ./configure from a fresh clone.
set -e
cd "$(dirname "$0")"
for tool in autoreconf automake libtoolize pkg-config; do
	command -v $tool >/dev/null || {
		echo "$tool is missing (Debian: apt-get install autoconf automake libtool pkg-config)" >&2
		exit 1
	}
done
mkdir -p m4 build-aux
exec autoreconf --install --warnings=all
