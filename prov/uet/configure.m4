dnl SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
dnl
dnl Checks that the uet provider needs. Used by the configure.ac of this project, and by
dnl libfabric's own when this folder is dropped into its tree (see Makefile.include).

dnl UET_CHECK_LIBFABRIC_API
dnl
dnl What the headers of the libfabric found by $CPPFLAGS declare beyond 1.17. Structures and
dnl enumerators only: macros such as FI_XPU are for #ifdef.
AC_DEFUN([UET_CHECK_LIBFABRIC_API], [
	AC_CHECK_MEMBERS([
		struct fi_cq_err_entry.src_addr,
		struct fi_domain_attr.max_ep_auth_key,
		struct fi_domain_attr.max_group_id,
		struct fi_domain_attr.max_cntr_value,
		struct fi_domain_attr.max_err_cntr_value,
		struct fi_domain_attr.max_xpu_ctx_cnt,
		struct fi_domain_attr.progress,
		struct fi_ep_attr.xpu_ctx,
		struct fi_cq_attr.xpu_ctx,
		struct fi_cntr_attr.xpu_ctx,
		struct fi_mr_attr.dmabuf,
		struct fi_mr_attr.hmem_data,
		struct fi_mr_attr.page_size,
		struct fi_mr_attr.base_mr,
		struct fi_mr_attr.sub_mr_cnt,
		struct fi_ops_av.insert_auth_key,
		struct fi_ops_av.lookup_auth_key,
		struct fi_ops_av.set_user_id,
		struct fi_ops_av.lookup2,
		struct fi_ops_domain.xpu_ctx,
		struct fi_ops_ep.export_xpu,
		struct fi_ops_cq.export_xpu,
		struct fi_ops_cntr.export_xpu], [], [], [_UET_LIBFABRIC_INCLUDES])
	AC_CHECK_HEADERS([rdma/providers/fi_peer.h], [], [], [_UET_LIBFABRIC_INCLUDES])
	AC_CHECK_MEMBERS([
		struct fi_peer_match_attr.msg_size,
		struct fi_ops_srx_owner.foreach_unspec_addr], [], [], [_UET_LIBFABRIC_INCLUDES
#ifdef HAVE_RDMA_PROVIDERS_FI_PEER_H
#include <rdma/providers/fi_peer.h>
#endif
])
	AC_CHECK_DECLS([
		FI_SOCKADDR_IP,
		FI_THREAD_FID,
		FI_THREAD_ENDPOINT,
		FI_PROGRESS_CONTROL_UNIFIED,
		FI_CNTR_EVENTS_BYTES,
		FI_GET_FD,
		FI_GET_MR_XPU_DESC,
		FI_FLOAT16,
		FI_BFLOAT16,
		FI_FLOAT8_E4M3,
		FI_FLOAT8_E5M2,
		FI_DIFF,
		FI_ENOMR,
		FI_EFIREWALLADDR,
		FI_OPT_CUDA_API_PERMITTED,
		FI_OPT_SHARED_MEMORY_PERMITTED,
		FI_OPT_MAX_MSG_SIZE,
		FI_OPT_MAX_TAGGED_SIZE,
		FI_OPT_MAX_RMA_SIZE,
		FI_OPT_MAX_ATOMIC_SIZE,
		FI_OPT_INJECT_MSG_SIZE,
		FI_OPT_INJECT_TAGGED_SIZE,
		FI_OPT_INJECT_RMA_SIZE,
		FI_OPT_INJECT_ATOMIC_SIZE], [], [], [_UET_LIBFABRIC_INCLUDES])
])

m4_define([_UET_LIBFABRIC_INCLUDES], [[
#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>
]])

dnl UET_OPTIONAL_LIB(name, VARIABLE, pkg-config module)
dnl
dnl --with-NAME=no leaves the library out, =yes insists on it. Sets uet_NAME_result, the
dnl summary's text. Nothing links with it as long as no code uses it.
AC_DEFUN([UET_OPTIONAL_LIB], [
	AS_IF([test "$with_$1" = no], [uet_$1_result="left out (--without-$1)"],
		[PKG_CHECK_MODULES([$2], [$3],
			[uet_$1_result="found, `$PKG_CONFIG --modversion m4_bpatsubst([$3], [ .*], [])`; not used yet"],
			[AS_IF([test "$with_$1" != auto],
				[AC_MSG_ERROR([--with-$1: pkg-config does not find $3])])
			 uet_$1_result="not found; not used yet"])])
])

dnl _UET_ON(feature): a shell test for --enable-FEATURE.
m4_define([_UET_ON], [test "${enable_$1:-no}" != no])

dnl UET_COMPILER_FLAGS
dnl
dnl Sets uet_CFLAGS and uet_LDFLAGS: warnings, hardening, sanitizers.
AC_DEFUN([UET_COMPILER_FLAGS], [
	uet_CFLAGS="-std=gnu11 -pthread -fvisibility=hidden"
	uet_CFLAGS="$uet_CFLAGS -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes"
	AS_IF([_UET_ON([werror])], [uet_CFLAGS="$uet_CFLAGS -Werror"])
	uet_LDFLAGS="-pthread"
	uet_plugin_LDFLAGS="-Wl,-z,nodelete -Wl,-z,relro -Wl,-z,now"
	uet_sanitize=
	AS_IF([_UET_ON([asan])], [
		uet_sanitize="-fsanitize=address,undefined -fno-sanitize-recover=all"],
	      [_UET_ON([tsan])], [uet_sanitize="-fsanitize=thread"])
	AS_IF([test -n "$uet_sanitize"], [
		uet_CFLAGS="$uet_CFLAGS $uet_sanitize"
		uet_LDFLAGS="$uet_LDFLAGS $uet_sanitize"
		_UET_CHECK_SANITIZER
	], [
		dnl A sanitizer's symbols come from the program; without one nothing may be open.
		uet_plugin_LDFLAGS="$uet_plugin_LDFLAGS -Wl,-z,defs"
		uet_CFLAGS="$uet_CFLAGS -fstack-protector-strong"
		AC_COMPILE_IFELSE([AC_LANG_SOURCE([[
#if !defined(__OPTIMIZE__) || defined(_FORTIFY_SOURCE)
#error not wanted
#endif
]])], [uet_CFLAGS="$uet_CFLAGS -D_FORTIFY_SOURCE=2"])
	])
	AC_SUBST([uet_CFLAGS])
	AC_SUBST([uet_LDFLAGS])
	AC_SUBST([uet_plugin_LDFLAGS])
	AC_SUBST([uet_sanitize])
])

AC_DEFUN([_UET_CHECK_SANITIZER], [
	AC_MSG_CHECKING([whether $CC can do $uet_sanitize])
	uet_save_CFLAGS=$CFLAGS
	CFLAGS="$CFLAGS $uet_sanitize"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AC_MSG_RESULT([yes])],
		[AC_MSG_RESULT([no])
		 AC_MSG_ERROR([the sanitizer's run-time library is missing
(Debian: gcc brings its own; clang needs libclang-rt-14-dev)])])
	CFLAGS=$uet_save_CFLAGS
])

dnl FI_UET_CONFIGURE(if possible, if not)
dnl
dnl What libfabric's FI_PROVIDER_SETUP([uet]) calls. uet is a plugin there too: naming it in
dnl libfabric's own tables would need changes outside this folder.
AC_DEFUN([FI_UET_CONFIGURE], [
	uet_happy=0
	AS_IF([test "$enable_uet" = no], [],
	      [test "$uet_dl" != 1], [AC_MSG_NOTICE([uet is built as a plugin only: --enable-uet=dl])],
	      [AC_CHECK_HEADER([hwloc.h], [
		AC_CHECK_LIB([hwloc], [hwloc_topology_init], [
			AC_SUBST([HWLOC_LIBS], [-lhwloc])
			uet_happy=1])])])
	AS_IF([test $uet_happy = 1], [
		uet_save_CPPFLAGS=$CPPFLAGS
		CPPFLAGS="$CPPFLAGS -I$srcdir/include"
		UET_CHECK_LIBFABRIC_API
		CPPFLAGS=$uet_save_CPPFLAGS
		UET_COMPILER_FLAGS
		$1], [$2])
])
