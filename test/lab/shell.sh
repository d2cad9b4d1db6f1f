#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# test/lab/shell.sh HOSTS MTU: an interactive shell in a lab, with its functions at hand.
set -uo pipefail
# shellcheck source=test/lab/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin "$@"
lab_star "$1" "$2"
lab_loss 0
LAB_OPS=3000
export lab_dir lab_count LAB_OPS
# shellcheck disable=SC2046
export -f $(declare -F | awk '$3 ~ /^(lab|uet)_/ { print $3 }')
echo "hosts h1 to h$1 on switch sw; try: ip netns exec h1 fi_info -p uet; lab_loss 10; lab_stress 4"
bash --norc -i
