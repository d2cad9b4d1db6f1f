/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A shared receive context as owner, against a peer that is nothing but callbacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rdma/fi_ext.h>

#include "ofi/ep.h"
#include "ofi/peer.h"

/* As much of a context as exporting it needs. */
struct srx {
	struct uet_domain domain;
	struct uet_ep ep;
	struct uet_fep fep;
	struct uet_peers peers;
	struct fid *fid;	/* exported */
	int released;
};

static void on_rx_done(void *upper, struct uet_ses_rx *rx, const struct uet_ses_rx_result *res)
{
	struct srx *s = upper;

	s->released += res->released;
	uet_ses_rx_put(s->ep.rxq, rx);
}

static const struct uet_ses_upper_ops upper_ops = { .rx_done = on_rx_done };

static int export(struct srx *s, struct fid **fid, uint64_t flags)
{
	struct fi_fid_export arg = { .fid = fid, .flags = flags, .context = s };

	return uet_peer_export_srx(&s->ep, &s->peers, &arg);
}

static int setup(void **state)
{
	struct uet_ses_rxq_cfg cfg = { .max_rx = 4, .max_unexpected = 1 };
	struct srx *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	uet_lock_init(&s->fep.lock, true);
	uet_list_init(&s->peers.list);
	s->ep.domain = &s->domain;
	s->ep.fep = &s->fep;
	assert_int_equal(uet_ses_rxq_create(&cfg, &upper_ops, s, &s->ep.rxq), 0);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct srx *s = *state;

	assert_false(uet_ref_busy(&s->ep.ref));
	uet_ses_rxq_destroy(s->ep.rxq);
	uet_lock_destroy(&s->fep.lock);
	free(s);
	return 0;
}

#if !UET_HAVE_PEER

static void refused(void **state)
{
	struct fid *fid;

	assert_int_equal(export(*state, &fid, 0), -FI_ENOSYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

#include <rdma/providers/fi_peer.h>

/* ---- the peer ---- */

static struct {
	struct fi_peer_rx_entry *started, *discarded;
	bool tagged;
	bool frees;		/* inside these calls */
	fi_addr_t addr;		/* of who is unknown */
	int asked, driven;
} peer;

static struct fid_peer_srx *peer_fid(struct srx *s)
{
	return uet_container_of(s->fid, struct fid_peer_srx, ep_fid.fid);
}

static void maybe_free(struct fi_peer_rx_entry *rx)
{
	if (peer.frees)
		rx->srx->owner_ops->free_entry(rx);
}

static int start_msg(struct fi_peer_rx_entry *rx)
{
	peer.started = rx;
	peer.tagged = false;
	maybe_free(rx);
	return 0;
}

static int start_tag(struct fi_peer_rx_entry *rx)
{
	start_msg(rx);
	peer.tagged = true;
	return 0;
}

static int discard(struct fi_peer_rx_entry *rx)
{
	peer.discarded = rx;
	maybe_free(rx);
	return 0;
}

static fi_addr_t get_addr(struct fi_peer_rx_entry *rx)
{
	(void)rx;
	peer.asked++;
	return peer.addr;
}

static struct fi_ops_srx_peer peer_ops = {
	.size = sizeof(peer_ops),
	.start_msg = start_msg, .start_tag = start_tag,
	.discard_msg = discard, .discard_tag = discard,
};

static int setup_peer(void **state)
{
	struct srx *s;

	setup(state);
	s = *state;
	memset(&peer, 0, sizeof(peer));
	assert_int_equal(export(s, &s->fid, 0), 0);
	peer_fid(s)->peer_ops = &peer_ops;
	return 0;
}

static int teardown_peer(void **state)
{
	struct srx *s = *state;

	assert_int_equal(fi_close(s->fid), 0);
	assert_true(uet_list_empty(&s->peers.list));
	assert_int_equal(s->peers.driven, 0);
	return teardown(state);
}

/* As the application posts: with the lock held. */
static void post(struct srx *s, uint8_t queue, uint64_t tag, void *buf, size_t len)
{
	struct uet_ses_rx *rx = uet_ses_rx_get(s->ep.rxq);

	assert_non_null(rx);
	rx->queue = queue;
	rx->tag = tag;
	rx->iov_cnt = 1;
	rx->iov[0] = (struct iovec){ .iov_base = buf, .iov_len = len };
	rx->len = len;
	rx->context = buf;
	uet_lock(&s->fep.lock);
	uet_ses_recv(s->ep.rxq, rx, 0);
	uet_unlock(&s->fep.lock);
}

static int get_tag(struct srx *s, uint64_t tag, struct fi_peer_rx_entry **rx)
{
	struct fi_peer_match_attr attr = { .addr = FI_ADDR_UNSPEC, .msg_size = 5, .tag = tag };

	return peer_fid(s)->owner_ops->get_tag(peer_fid(s), &attr, rx);
}

static void queued(struct srx *s, uint64_t tag, struct fi_peer_rx_entry **rx)
{
	assert_int_equal(get_tag(s, tag, rx), -FI_ENOENT);
	(*rx)->flags |= FI_REMOTE_CQ_DATA;
	(*rx)->cq_data = 77;
	assert_int_equal(peer_fid(s)->owner_ops->queue_tag(*rx), 0);
}

/* ---- cases ---- */

static void refusals(void **state)
{
	struct srx *s = *state;
	struct fid *fid;

	assert_int_equal(export(s, NULL, 0), -FI_EINVAL);
	assert_int_equal(export(s, &fid, FI_PEER), -FI_EINVAL);
	s->domain.auto_progress = true;
	assert_int_equal(export(s, &fid, 0), -FI_EOPNOTSUPP);
	s->domain.auto_progress = false;
	s->ep.caps = FI_HMEM;
	assert_int_equal(export(s, &fid, 0), -FI_EOPNOTSUPP);
}

/* A receive is there: the entry tells all of it. */
static void expected(void **state)
{
	struct fi_peer_match_attr attr = { .addr = 3, .msg_size = 6 };
	struct fi_peer_rx_entry *rx;
	struct srx *s = *state;
	char buf[2][8];

	post(s, UET_SES_TAGGED, 9, buf[0], 8);
	post(s, UET_SES_UNTAGGED, 0, buf[1], 7);
	assert_int_equal(get_tag(s, 9, &rx), 0);
	assert_ptr_equal(rx->srx, peer_fid(s));
	assert_int_equal(rx->tag, 9);
	assert_int_equal(rx->msg_size, 5);
	assert_int_equal(rx->flags, FI_RECV | FI_TAGGED | FI_COMPLETION);
	assert_int_equal(rx->count, 1);
	assert_ptr_equal(rx->iov[0].iov_base, buf[0]);
	assert_int_equal(rx->iov[0].iov_len, 8);
	assert_null(rx->desc[0]);
	assert_ptr_equal(rx->context, buf[0]);
	assert_int_equal(fi_close(s->fid), -FI_EBUSY);
	rx->srx->owner_ops->free_entry(rx);
	assert_int_equal(peer_fid(s)->owner_ops->get_msg(peer_fid(s), &attr, &rx), 0);
	assert_int_equal(rx->flags, FI_RECV | FI_MSG | FI_COMPLETION);
	assert_int_equal(rx->addr, 3);
	assert_int_equal(rx->iov[0].iov_len, 7);
	rx->srx->owner_ops->free_entry(rx);
}

/* With selective completion only receives that ask for an entry get one. */
static void selective(void **state)
{
	struct uet_ep first = { .rx_selective = true };
	struct fi_peer_rx_entry *rx;
	struct srx *s = *state;
	char buf[8];

	s->fep.ep = &first;
	post(s, UET_SES_TAGGED, 9, buf, 8);
	assert_int_equal(get_tag(s, 9, &rx), 0);
	assert_int_equal(rx->flags, FI_RECV | FI_TAGGED);
	rx->srx->owner_ops->free_entry(rx);
}

/* The receive comes later, and the callbacks from inside the call that posts it. */
static void unexpected(void **state)
{
	struct fi_peer_rx_entry *rx, *other;
	struct srx *s = *state;
	char buf[2][8];

	/* max_unexpected of the queue is 1: it does not count these. */
	queued(s, 1, &rx);
	queued(s, 2, &other);
	peer.frees = true;
	post(s, UET_SES_TAGGED, 2, buf[0], 8);
	assert_ptr_equal(peer.started, other);
	assert_true(peer.tagged);
	peer.frees = false;
	post(s, UET_SES_TAGGED, 1, buf[1], 8);
	assert_ptr_equal(peer.started, rx);
	assert_ptr_equal(rx->context, buf[1]);
	assert_int_equal(rx->flags, FI_RECV | FI_TAGGED | FI_COMPLETION | FI_REMOTE_CQ_DATA);
	rx->srx->owner_ops->free_entry(rx);
	/* Its endpoint is closed: the entry comes back unused. */
	queued(s, 3, &rx);
	rx->srx->owner_ops->free_entry(rx);
}

/* Whether the peer frees a discarded entry or not. */
static void discards(void **state)
{
	struct uet_ses_rx pattern = { .queue = UET_SES_TAGGED, .ignore = ~0ull };
	struct uet_ses_rx_result res;
	struct fi_peer_rx_entry *rx;
	struct srx *s = *state;
	int i, ret;

	for (i = 0; i < 2; i++) {
		queued(s, 1, &rx);
		peer.frees = i;
		uet_lock(&s->fep.lock);
		ret = uet_ses_peek(s->ep.rxq, &pattern, UET_SES_PEEK_DISCARD, &res, NULL);
		uet_unlock(&s->fep.lock);
		assert_int_equal(ret, 0);
		assert_ptr_equal(peer.discarded, rx);
		assert_int_equal(res.data, 77);
		assert_int_equal(res.len, 5);
	}
}

/* ---- driving ---- */

static ssize_t drive(struct fid_cq *cq, void *buf, size_t count)
{
	struct srx *s = cq->fid.context;
	struct fi_peer_rx_entry *rx;

	assert_null(buf);
	assert_int_equal(count, 0);
	peer.driven++;
	/* Callbacks must not wait for the lock that is held. */
	if (get_tag(s, 4, &rx) == 0)
		rx->srx->owner_ops->free_entry(rx);
	else
		assert_int_equal(rx->srx->owner_ops->queue_tag(rx), 0);
	if (peer.driven == 1)
		peer_fid(s)->owner_ops->foreach_unspec_addr(peer_fid(s), get_addr);
	return -FI_EAGAIN;
}

static void drives(void **state)
{
	struct srx *s = *state;
	struct fi_ops_cq ops = { .size = sizeof(ops), .read = drive };
	struct fid_cq cq = { .fid = { .fclass = FI_CLASS_CQ, .context = s }, .ops = &ops };
	struct fid other = { .fclass = FI_CLASS_AV };
	struct fi_peer_rx_entry *rx;
	char buf[8];

	peer.addr = FI_ADDR_UNSPEC;
	peer.frees = true;
	assert_int_equal(uet_peers_next(&s->peers, UET_TIME_NEVER), UET_TIME_NEVER);
	assert_int_equal(fi_import_fid(s->fid, &other, 0), -FI_EINVAL);
	assert_int_equal(fi_import_fid(s->fid, &cq.fid, 1), -FI_EINVAL);
	assert_int_equal(fi_import_fid(s->fid, &cq.fid, 0), 0);
	assert_int_equal(fi_import_fid(s->fid, &cq.fid, 0), -FI_EALREADY);
	assert_true(uet_peers_next(&s->peers, UET_TIME_NEVER) < UET_TIME_NEVER);
	assert_int_equal(uet_peers_next(&s->peers, 5), 5);
	uet_lock(&s->fep.lock);
	uet_peers_drive(&s->peers);
	uet_unlock(&s->fep.lock);
	assert_int_equal(peer.driven, 1);
	post(s, UET_SES_TAGGED, 4, buf, 8);
	assert_non_null(peer.started);
	assert_int_equal(peer.asked, 1);
	queued(s, 6, &rx);
	/* New addresses while somebody else has the lock: looked at with the next drive. */
	uet_lock(&s->fep.lock);
	peer_fid(s)->owner_ops->foreach_unspec_addr(peer_fid(s), get_addr);
	uet_unlock(&s->fep.lock);
	assert_int_equal(peer.asked, 1);
	post(s, UET_SES_TAGGED, 4, buf, 8);
	uet_lock(&s->fep.lock);
	uet_peers_drive(&s->peers);
	uet_unlock(&s->fep.lock);
	assert_int_equal(peer.driven, 2);
	assert_int_equal(peer.asked, 2);
	/* And at once while nobody has it. */
	peer_fid(s)->owner_ops->foreach_unspec_addr(peer_fid(s), get_addr);
	assert_int_equal(peer.asked, 3);
	rx->srx->owner_ops->free_entry(rx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(expected, setup_peer, teardown_peer),
		cmocka_unit_test_setup_teardown(selective, setup_peer, teardown_peer),
		cmocka_unit_test_setup_teardown(unexpected, setup_peer, teardown_peer),
		cmocka_unit_test_setup_teardown(discards, setup_peer, teardown_peer),
		cmocka_unit_test_setup_teardown(drives, setup_peer, teardown_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
