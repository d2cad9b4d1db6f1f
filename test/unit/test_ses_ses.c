/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Creation, destruction with work outstanding. */
#include "test_ses_stub.h"

static void bad_configurations(void **state)
{
	struct uet_ses_cfg cfg;
	struct uet_ses *ses;
	int i;

	(void)state;
	for (i = 0; i < 7; i++) {
		cfg = stub_cfg();
		if (i == 0)
			cfg.job_id = 1 << 24;
		else if (i == 1)
			cfg.pid_on_fep = 1 << 12;
		else if (i == 2)
			cfg.resource_index = 1 << 12;
		else if (i == 3)
			cfg.payload_mtu = 1500;
		else if (i == 4)
			cfg.max_tx = 0;
		else if (i == 5)
			cfg.retry_time = 0;
		else
			cfg.payload_mtu = 0;
		assert_int_equal(uet_ses_create(&cfg, NULL, &side_ops, NULL, 0, &ses), -EINVAL);
	}
}

/* Nothing leaks and nobody is called; the leak checkers watch. */
static void destroy_busy(void **state)
{
	static uint8_t buf[8192];
	struct uet_ses_cfg cfg = stub_cfg();
	struct side *s = side_new(&cfg, 1);
	struct uet_addr to = stub_addr(9, 4793);
	struct uet_ses_rx pattern = { .queue = UET_SES_TAGGED, .ignore = ~0ull };
	struct uet_ses_rx_result res;
	struct uet_ses_unex *claim;
	struct uet_ses_req req;

	(void)state;
	side_send(s, &to, UET_MODE_RUD, UET_OP_SEND, 0, buf, 100);
	side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, 10, NULL);
	req = stub_part(UET_OP_TAGGED_SEND, 5, 8000, 0, 1000);
	side_req(s, &to, UET_MODE_RUD, &req, buf, 1000);
	req = stub_req(UET_OP_TAGGED_SEND, 6, 500);
	side_req(s, &to, UET_MODE_RUD, &req, buf, 500);
	assert_int_equal(uet_ses_peek(s->rxq, &pattern, UET_SES_PEEK_CLAIM, &res, &claim), 0);
	side_free(s);
	uet_ses_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_configurations),
		cmocka_unit_test(destroy_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
