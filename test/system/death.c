/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the tests about dying processes share.
 */
#include "death.h"

/* Milliseconds until a silent peer, and one whose host says that nobody listens, is dead. */
#define PEER_TIMEOUT	"2000"
#define REFUSED_TIMEOUT	"500"

void death_timeouts(void)
{
	setenv("FI_UET_PEER_TIMEOUT", PEER_TIMEOUT, 1);
	setenv("FI_UET_REFUSED_TIMEOUT", REFUSED_TIMEOUT, 1);
}

void death_expect(const struct sys_op *op)
{
	static const int errs[] = { FI_ETIMEDOUT, FI_ECONNREFUSED, FI_EHOSTUNREACH,
				    FI_ECONNRESET, FI_ECONNABORTED };
	size_t i;

	for (i = 0; i < sizeof(errs) / sizeof(errs[0]); i++)
		if (op->err == errs[i])
			return;
	expect(false, "an error that tells of a dead peer, not %d (%s)", op->err,
	       op->err ? fi_strerror(op->err) : "success");
}

void death_chat(struct sys_ep *e, fi_addr_t peer, bool first, uint64_t tag)
{
	struct sys_op send = { 0 }, recv = { 0 };
	uint64_t in = 0, out = tag * 2;

	sys_trecv(e, peer, &in, 8, tag, 0, &recv);
	if (!first)
		sys_wait_ok(e, &recv);
	sys_tsend(e, peer, &out, 8, tag, &send);
	sys_wait_ok(e, &send);
	sys_wait_ok(e, &recv);
	expect_eq(in, out);
}
