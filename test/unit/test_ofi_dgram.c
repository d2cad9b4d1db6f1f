/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What datagram endpoints are asked for and offer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ofi/dgram.h"
#include "ofi/info.h"

static const struct uet_port port = {
	.name = "eth0", .mtu = 1500, .up = true, .addr = { .family = AF_INET },
};

static bool fits(const struct fi_info *hints)
{
	return uet_dgram_fits(hints, &port);
}

static void what_fits(void **state)
{
	struct fi_info *hints = fi_allocinfo();

	(void)state;
	assert_true(uet_dgram_fits(NULL, &port));
	assert_true(uet_dgram_fits(NULL, NULL));
	assert_true(fits(hints));
	hints->caps = FI_MSG | FI_SEND | FI_RECV | FI_SOURCE | FI_DIRECTED_RECV | FI_LOCAL_COMM;
	assert_true(fits(hints));
	hints->caps |= FI_TAGGED;
	assert_false(fits(hints));
	hints->caps = FI_RMA;
	assert_false(fits(hints));
	hints->caps = 0;
	hints->tx_attr->caps = FI_ATOMIC;
	assert_false(fits(hints));
	hints->tx_attr->caps = 0;
	hints->rx_attr->caps = FI_TAGGED;
	assert_false(fits(hints));
	hints->rx_attr->caps = 0;
	hints->tx_attr->op_flags = FI_DELIVERY_COMPLETE;
	assert_false(fits(hints));
	hints->tx_attr->op_flags = FI_INJECT | FI_TRANSMIT_COMPLETE;
	assert_true(fits(hints));
	hints->tx_attr->msg_order = FI_ORDER_SAS;
	assert_false(fits(hints));
	hints->tx_attr->msg_order = 0;
	hints->rx_attr->msg_order = FI_ORDER_SAS;
	assert_false(fits(hints));
	fi_freeinfo(hints);
}

static void contexts_and_sizes(void **state)
{
	struct fi_info *hints = fi_allocinfo();

	(void)state;
	hints->ep_attr->tx_ctx_cnt = FI_SHARED_CONTEXT;
	hints->ep_attr->rx_ctx_cnt = FI_SHARED_CONTEXT;
	assert_true(fits(hints));
	hints->ep_attr->tx_ctx_cnt = 2;
	assert_false(fits(hints));
	hints->ep_attr->tx_ctx_cnt = 1;
	hints->ep_attr->rx_ctx_cnt = 2;
	assert_false(fits(hints));
	hints->ep_attr->rx_ctx_cnt = 1;
	hints->ep_attr->max_msg_size = 1024;
	assert_true(fits(hints));
	hints->ep_attr->max_msg_size = 1025;
	assert_false(fits(hints));
	assert_true(uet_dgram_fits(hints, NULL));
	fi_freeinfo(hints);
}

/* What is left of the answer for reliable endpoints can be asked for again. */
static void narrow(void **state)
{
	struct fi_info *info = fi_allocinfo();

	(void)state;
	assert_int_equal(uet_hints_apply(info, NULL, &port), 0);
	uet_dgram_narrow(info, &port);
	assert_int_equal(info->ep_attr->type, FI_EP_DGRAM);
	assert_int_equal(info->ep_attr->max_msg_size, 1024);
	assert_int_equal(info->caps & (FI_MSG | FI_SEND | FI_RECV), FI_MSG | FI_SEND | FI_RECV);
	assert_int_equal(info->caps & (FI_TAGGED | FI_RMA | FI_ATOMIC), 0);
	assert_int_equal(info->tx_attr->caps & ~info->caps, 0);
	assert_int_equal(info->rx_attr->caps & ~info->caps, 0);
	assert_int_equal(info->tx_attr->msg_order, 0);
	assert_int_equal(info->rx_attr->msg_order, 0);
	assert_true(fits(info));
	fi_freeinfo(info);
}

/* FI_MSG_PREFIX is agreed to when the hints have it, and asks for no room. */
static void prefix(void **state)
{
	struct fi_info *hints = fi_allocinfo(), *info = fi_allocinfo();

	(void)state;
	hints->mode = FI_MSG_PREFIX | FI_CONTEXT;
	assert_int_equal(uet_hints_apply(info, hints, &port), 0);
	assert_int_equal(info->mode, FI_MSG_PREFIX);
	assert_int_equal(info->tx_attr->mode, FI_MSG_PREFIX);
	assert_int_equal(info->rx_attr->mode, FI_MSG_PREFIX);
	assert_int_equal(info->ep_attr->msg_prefix_size, 0);
	fi_freeinfo(info);
	info = fi_allocinfo();
	hints->mode = 0;
	hints->tx_attr->mode = FI_MSG_PREFIX;
	assert_int_equal(uet_hints_apply(info, hints, &port), 0);
	assert_int_equal(info->mode, 0);
	assert_int_equal(info->tx_attr->mode, 0);
	fi_freeinfo(info);
	fi_freeinfo(hints);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits),
		cmocka_unit_test(contexts_and_sizes),
		cmocka_unit_test(narrow),
		cmocka_unit_test(prefix),
	};
	int ret;

	uet_config_read();
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	uet_config_free();
	return ret;
}
