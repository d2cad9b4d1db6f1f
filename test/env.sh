# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# shellcheck shell=sh
#
# The environment of every test: source it with UET_BUILDDIR set to the build folder.
#
#   UET_SRCDIR UET_BUILDDIR   source and build folders, absolute
#   UET_SANITIZE              the build's -fsanitize options, empty if none
#   UET_TIME_SCALE            time limits are multiplied by it: 1, more under sanitizers
#   UET_TEST_DATA             test/data
#   FI_PROVIDER_PATH          the freshly built plugin, and no other
#   uet_foreign COMMAND ...   runs a program that was not built here (fi_info, mpirun): in a
#                             sanitizer's build with the run-time library put in front
#   uet_foreign_leaky ...     the same without the search for leaks: Open MPI never frees
#                             some of its own memory

# shellcheck source=/dev/null
. "$UET_BUILDDIR/test/build-env"

: "${UET_TIME_SCALE:=1}"
: "${UET_TEST_WRAPPER:=}"
UET_TEST_DATA=$UET_SRCDIR/test/data
UET_PRELOAD=
# A handler of the old InfiniPath library turns crashes into hangs.
IPATH_NO_BACKTRACE=1
FI_PROVIDER_PATH=$UET_BUILDDIR/.libs

case $UET_LIBFABRIC_LIBDIR in
/usr/lib|/usr/lib/*|/lib|/lib/*) ;;
*)	LD_LIBRARY_PATH=$UET_LIBFABRIC_LIBDIR${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
	PATH=$UET_LIBFABRIC_PREFIX/bin:$PATH
	export LD_LIBRARY_PATH PATH ;;
esac

uet_runtime() {
	case $($UET_CC --version) in
	*clang*) $UET_CC -print-file-name="libclang_rt.$2-$(uname -m).so" ;;
	*)	 $UET_CC -print-file-name="lib$1.so" ;;
	esac
}

case $UET_SANITIZE in
*address*)
	UET_PRELOAD="$(uet_runtime asan asan) $(uet_runtime ubsan ubsan_standalone)"
	[ "$UET_TIME_SCALE" != 1 ] || UET_TIME_SCALE=4
	ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
	LSAN_OPTIONS="suppressions=$UET_SRCDIR/test/lsan.supp:print_suppressions=0${LSAN_OPTIONS:+:$LSAN_OPTIONS}"
	UBSAN_OPTIONS="print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"
	export ASAN_OPTIONS LSAN_OPTIONS UBSAN_OPTIONS ;;
*thread*)
	UET_PRELOAD=$(uet_runtime tsan tsan)
	[ "$UET_TIME_SCALE" != 1 ] || UET_TIME_SCALE=8
	TSAN_OPTIONS="suppressions=$UET_SRCDIR/test/tsan.supp${TSAN_OPTIONS:+:$TSAN_OPTIONS}"
	export TSAN_OPTIONS ;;
esac

export UET_BUILDDIR UET_SRCDIR UET_SANITIZE UET_TIME_SCALE UET_TEST_DATA
export IPATH_NO_BACKTRACE FI_PROVIDER_PATH

uet_foreign() {
	if [ -n "$UET_PRELOAD" ]; then
		env LD_PRELOAD="$UET_PRELOAD" \
			ASAN_OPTIONS="verify_asan_link_order=0:${ASAN_OPTIONS:-}" "$@"
	else
		"$@"
	fi
}

uet_foreign_leaky() {
	uet_foreign env ASAN_OPTIONS="verify_asan_link_order=0:${ASAN_OPTIONS:-}:detect_leaks=0" "$@"
}
