/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ofi/cc.h"
#include "ofi/config.h"

static const struct uet_port loopback = { .rank = UET_PORT_LOOPBACK };
static const struct uet_port ethernet = {
	.rank = UET_PORT_PHYSICAL, .speed = 25000000000,
};

static struct uet_cms_cfg configure(const char *cc, const struct uet_port *port)
{
	struct uet_cms_cfg cms;

	if (cc)
		setenv("FI_UET_CC", cc, 1);
	uet_config_read();
	unsetenv("FI_UET_CC");
	cms = uet_config.pds.cms;
	uet_cc_configure(&cms, port, 4096);
	return cms;
}

static void the_link_decides(void **state)
{
	(void)state;
	assert_int_equal(configure(NULL, &loopback).algorithm, UET_CMS_NONE);
	assert_int_equal(configure(NULL, &ethernet).algorithm, UET_CMS_NSCC);
	assert_int_equal(configure(NULL, NULL).algorithm, UET_CMS_NSCC);
}

static void the_user_decides(void **state)
{
	(void)state;
	assert_int_equal(configure("nscc", &loopback).algorithm, UET_CMS_NSCC);
	assert_int_equal(configure("none", &ethernet).algorithm, UET_CMS_NONE);
	assert_int_equal(configure("rccc", &loopback).algorithm, UET_CMS_RCCC);
	assert_int_equal(configure("both", &loopback).algorithm, UET_CMS_NSCC | UET_CMS_RCCC);
	assert_int_equal(configure("", &ethernet).algorithm, UET_CMS_NSCC);
	assert_int_equal(configure("tcp", &loopback).algorithm, UET_CMS_NONE);
	assert_int_equal(configure("NSCC ", &loopback).algorithm, UET_CMS_NONE);
}

static void sizes_and_rates(void **state)
{
	struct uet_cms_cfg cms = configure("none", &ethernet);

	(void)state;
	assert_int_equal(cms.mtu, 4096);
	assert_int_equal(cms.charge_min, 768);
	cms = configure("nscc", &ethernet);
	assert_int_equal(cms.mtu, 4096 + 12 + 44 + 48);
	assert_int_equal(cms.charge_min, 0);
	assert_int_equal(configure("rccc", &ethernet).mtu, 4096 + 16 + 44 + 48);
	assert_int_equal(cms.link_rate, 25000000000);
	assert_true(cms.target_floor > 0 && cms.base_floor >= cms.target_floor);
	setenv("FI_UET_BASE_RTT", "12", 1);
	cms = configure("nscc", &ethernet);
	unsetenv("FI_UET_BASE_RTT");
	assert_int_equal(cms.base_rtt, 12000);
	assert_int_equal(cms.base_floor, 0);
	setenv("FI_UET_LINK_SPEED", "40000", 1);
	assert_int_equal(configure("nscc", &ethernet).link_rate, 40000000000);
	unsetenv("FI_UET_LINK_SPEED");
	assert_int_equal(configure("nscc", &loopback).link_rate, 100000000000);
	assert_int_equal(configure("nscc", NULL).link_rate, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_link_decides),
		cmocka_unit_test(the_user_decides),
		cmocka_unit_test(sizes_and_rates),
	};
	int ret = cmocka_run_group_tests(tests, NULL, NULL);

	uet_config_free();
	return ret;
}
