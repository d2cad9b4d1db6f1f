/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * SES alone: an implementation of pds/pds.h that sends nothing by itself. Tests pull packets
 * out of posted messages, hand packets in, and decide how each message ends. "struct side" is
 * one SES with a log of what it reported.
 *
 * Include once per test program, which links ses, wire and base, but not pds.
 */
#ifndef TEST_SES_STUB_H
#define TEST_SES_STUB_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rand.h"
#include "ses/ses.h"

#define STUB_PDCS	16
#define STUB_LOG	4096
#define STUB_WINDOW	64
#define STUB_AWAITS	16
#define MS		UET_NSEC_PER_MSEC

struct uet_pdc {
	struct uet_pds *pds;
	struct uet_addr peer;
	uint8_t mode;
	bool used;
	bool closing;			/* as if drained: new messages open another */
	void *upper;
};

struct uet_pds {
	const struct uet_pds_upper_ops *ops;
	void *upper;
	struct uet_list msgs;		/* posted, oldest first */
	struct uet_pdc pdc[STUB_PDCS];
	int refuse;			/* so many posts get -EAGAIN */
	int done_in_post;		/* so many posts end with -EIO inside */
	bool pump_in_stop;		/* all that is queued leaves while a message is stopped */
	int refuse_return;		/* so many posts in the return direction get -EAGAIN */
	uint32_t posts, returns, rudis, uuds;
	uint32_t psn;			/* of the next message posted */
	uint32_t rx_psn;		/* of the next packet handed in */
	struct {			/* messages that await, and what they have got */
		const struct uet_pds_msg *msg;
		uint64_t answered[16];
	} awaits[STUB_AWAITS];
	struct {			/* the last datagram */
		uint8_t next_hdr;
		size_t len;
		uint8_t data[UET_PDS_SES_MAX + 8192];
	} uud;
};

int uet_pds_create(const struct uet_pds_cfg *cfg, struct uet_nic *nic,
		   const struct uet_pds_upper_ops *ops, void *upper, uint64_t now,
		   struct uet_pds **pds)
{
	(void)cfg;
	(void)nic;
	(void)now;
	*pds = calloc(1, sizeof(**pds));
	(*pds)->ops = ops;
	(*pds)->upper = upper;
	uet_list_init(&(*pds)->msgs);
	return 0;
}

void uet_pds_destroy(struct uet_pds *pds)
{
	free(pds);
}

static struct uet_pdc *stub_pdc(struct uet_pds *pds, const struct uet_addr *peer, uint8_t mode)
{
	struct uet_pdc *unused = NULL;
	int i;

	for (i = 0; i < STUB_PDCS; i++) {
		struct uet_pdc *pdc = &pds->pdc[i];

		if (!pdc->used)
			unused = pdc;
		else if (pdc->mode == mode && !pdc->closing && uet_addr_equal(&pdc->peer, peer))
			return pdc;
	}
	assert_non_null(unused);
	unused->used = true;
	unused->closing = false;
	unused->pds = pds;
	unused->peer = *peer;
	unused->mode = mode;
	return unused;
}

static void stub_post(struct uet_pds *pds, struct uet_pds_msg *msg)
{
	int i = 0;

	msg->next = 0;
	msg->completed = 0;
	msg->psn0 = pds->psn;
	pds->psn += msg->pkt_cnt;
	if (!msg->awaits)
		return;
	while (i < STUB_AWAITS && pds->awaits[i].msg)
		i++;
	assert_true(i < STUB_AWAITS && msg->pkt_cnt <= 16 * 64);
	memset(&pds->awaits[i], 0, sizeof(pds->awaits[i]));
	pds->awaits[i].msg = msg;
}

int uet_pds_post(struct uet_pds *pds, const struct uet_addr *dst, enum uet_pds_mode mode,
		 struct uet_pds_msg *msg, uint64_t now)
{
	(void)now;
	if (pds->refuse > 0) {
		pds->refuse--;
		return -EAGAIN;
	}
	msg->pdc = stub_pdc(pds, dst, mode);
	stub_post(pds, msg);
	pds->posts++;
	if (pds->done_in_post > 0) {
		pds->done_in_post--;
		pds->ops->done(pds->upper, msg, -EIO, 0);
		return 0;
	}
	uet_list_add_tail(&pds->msgs, &msg->link);
	return 0;
}

int uet_pds_post_return(struct uet_pds *pds, struct uet_pdc *pdc, struct uet_pds_msg *msg,
			uint64_t now)
{
	(void)now;
	if (pds->refuse_return > 0) {
		pds->refuse_return--;
		return -EAGAIN;
	}
	assert_true(pdc->used);
	msg->pdc = pdc;
	stub_post(pds, msg);
	pds->returns++;
	uet_list_add_tail(&pds->msgs, &msg->link);
	return 0;
}

int uet_pds_post_rudi(struct uet_pds *pds, const struct uet_addr *dst, struct uet_pds_msg *msg,
		      uint64_t now)
{
	(void)dst;
	(void)now;
	assert_false(msg->awaits);
	msg->pdc = NULL;
	stub_post(pds, msg);
	pds->rudis++;
	uet_list_add_tail(&pds->msgs, &msg->link);
	return 0;
}

int uet_pds_send_uud(struct uet_pds *pds, const struct uet_addr *dst, uint8_t next_hdr,
		     const uint8_t *ses, size_t ses_len, const struct iovec *iov, uint8_t iov_cnt,
		     uint64_t now)
{
	int i;

	(void)dst;
	(void)now;
	if (pds->refuse > 0) {
		pds->refuse--;
		return -EAGAIN;
	}
	pds->uuds++;
	pds->uud.next_hdr = next_hdr;
	pds->uud.len = ses_len;
	memcpy(pds->uud.data, ses, ses_len);
	for (i = 0; i < iov_cnt; i++) {
		memcpy(pds->uud.data + pds->uud.len, iov[i].iov_base, iov[i].iov_len);
		pds->uud.len += iov[i].iov_len;
	}
	return 0;
}

void uet_pds_answered(struct uet_pds *pds, struct uet_pds_msg *msg, uint32_t index)
{
	int i = 0;

	while (i < STUB_AWAITS && pds->awaits[i].msg != msg)
		i++;
	assert_true(i < STUB_AWAITS && index < msg->pkt_cnt);
	if (pds->awaits[i].answered[index / 64] >> index % 64 & 1)
		return;
	pds->awaits[i].answered[index / 64] |= 1ull << index % 64;
	msg->completed++;
}

bool uet_pds_stop(struct uet_pds *pds, struct uet_pds_msg *msg, bool last)
{
	struct uet_list *pos;

	if (msg->next == 0 && !last) {
		uet_list_del(&msg->link);
		return true;
	}
	msg->pkt_cnt = msg->next + (last ? 1 : 0);
	if (last && pds->pump_in_stop)
		uet_list_for_each(pos, &pds->msgs) {
			struct uet_pds_msg *m = uet_list_entry(pos, struct uet_pds_msg, link);

			m->next = m->pkt_cnt;
		}
	return false;
}

void **uet_pdc_upper(struct uet_pdc *pdc)
{
	return &pdc->upper;
}

bool uet_pdc_is_open(const struct uet_pdc *pdc)
{
	return pdc->used && !pdc->closing;
}

uint8_t uet_pdc_mode(const struct uet_pdc *pdc)
{
	return pdc->mode;
}

const struct uet_addr *uet_pdc_peer(const struct uet_pdc *pdc)
{
	return &pdc->peer;
}

struct uet_pds_msg *uet_pdc_msg_at(struct uet_pdc *pdc, uint32_t psn, uint32_t *index)
{
	struct uet_list *pos;

	uet_list_for_each(pos, &pdc->pds->msgs) {
		struct uet_pds_msg *msg = uet_list_entry(pos, struct uet_pds_msg, link);

		*index = psn - msg->psn0;
		if (msg->pdc == pdc && *index < msg->next)
			return msg;
	}
	return NULL;
}

/* A packet as it would travel, and what it belongs to. */
struct stub_pkt {
	struct uet_pds_msg *msg;
	uint32_t index;
	uint8_t next_hdr;
	uint8_t mode;
	bool eom, lazy;
	size_t len;
	struct uet_ses_req req;		/* parsed again */
	struct uet_ses_resp resp;	/* instead, in the return direction */
	uint32_t psn;
	size_t hdr_len;
	uint8_t data[UET_PDS_SES_MAX + 8192];
};

/* Ask for packet @index of @msg and flatten it. */
static inline void stub_fill(struct uet_pds *pds, struct uet_pds_msg *msg, uint32_t index,
			     struct stub_pkt *out)
{
	uint8_t ses[UET_PDS_SES_MAX];
	struct uet_pds_fill fill = { .ses = ses };
	uint32_t sum = 0;
	int i, n;

	pds->ops->fill(pds->upper, msg, index, &fill);
	assert_true(fill.iov_cnt <= UET_PDS_IOV);
	out->msg = msg;
	out->index = index;
	out->mode = msg->pdc ? msg->pdc->mode : UET_MODE_RUDI;
	out->psn = msg->psn0 + index;
	out->next_hdr = fill.next_hdr;
	out->eom = fill.eom;
	out->lazy = fill.lazy;
	out->hdr_len = fill.ses_len;
	out->len = fill.ses_len;
	memcpy(out->data, ses, fill.ses_len);
	for (i = 0; i < fill.iov_cnt; i++) {
		assert_true(fill.iov[i].iov_len > 0);
		memcpy(out->data + out->len, fill.iov[i].iov_base, fill.iov[i].iov_len);
		out->len += fill.iov[i].iov_len;
		sum += (uint32_t)fill.iov[i].iov_len;
	}
	assert_int_equal(sum, fill.payload_len);
	if (fill.next_hdr > UET_HDR_RESPONSE)
		n = uet_ses_resp_unpack(&out->resp, out->next_hdr, out->data, out->len);
	else
		n = uet_ses_req_unpack(&out->req, out->next_hdr, out->data, out->len);
	assert_int_equal(n, fill.ses_len);
}

/* The next packet of @msg to leave for the first time. */
static inline void stub_next(struct uet_pds *pds, struct uet_pds_msg *msg, struct stub_pkt *out)
{
	assert_true(msg->next < msg->pkt_cnt);
	stub_fill(pds, msg, msg->next++, out);
}

/* Report an explicit response; counts the packet as completed when SES takes it. */
static inline bool stub_respond(struct uet_pds *pds, struct uet_pds_msg *msg, uint32_t index,
				uint8_t next_hdr, const uint8_t *ses, size_t len)
{
	if (!pds->ops->response(pds->upper, msg, index, next_hdr, ses, len))
		return false;
	if (msg->awaits)
		uet_pds_answered(pds, msg, index);
	else
		msg->completed++;
	return true;
}

static inline bool stub_respond_rc(struct uet_pds *pds, struct uet_pds_msg *msg, uint32_t index,
				   uint8_t opcode, uint8_t rc)
{
	struct uet_ses_resp resp = {
		.format = UET_HDR_RESPONSE, .opcode = opcode, .return_code = rc,
	};
	uint8_t buf[UET_SES_RESP_DATA_LEN];

	return stub_respond(pds, msg, index, UET_HDR_RESPONSE, buf,
			    uet_ses_resp_pack(&resp, buf));
}

static inline void stub_done(struct uet_pds *pds, struct uet_pds_msg *msg, int err, uint8_t nack)
{
	int i;

	for (i = 0; i < STUB_AWAITS; i++)
		if (pds->awaits[i].msg == msg)
			pds->awaits[i].msg = NULL;
	uet_list_del(&msg->link);
	pds->ops->done(pds->upper, msg, err, nack);
}

/* One SES and what it told. */
struct side {
	struct uet_ses *ses;
	struct uet_ses_rxq *rxq;
	struct uet_pds *pds;
	struct uet_addr addr;
	struct stub_pkt *win;		/* packets that left and are not accepted yet */
	uint32_t win_cnt;
	bool borrowed;			/* rxq belongs to another side */
	int tx_cnt, rx_cnt, rma_cnt;
	const struct uet_ses_region *region[4];	/* found by their keys */
	struct {
		const struct uet_ses_region *region;
		struct uet_ses_rma_event event;
	} rma[STUB_LOG];
	struct {
		struct uet_ses_tx *tx;
		void *context;
		int err;
		uint32_t prov_errno;
	} tx[STUB_LOG];
	struct {
		struct uet_ses_rx *rx;
		void *context;
		struct uet_ses_rx_result res;
	} rx[STUB_LOG];
	void *rx_at[STUB_LOG];		/* first fragment of the receive */
	bool rx_multi[STUB_LOG];	/* it was a multi-receive buffer as a whole */
};

static inline void side_tx_done(void *upper, struct uet_ses_tx *tx, int err, uint32_t prov_errno)
{
	struct side *s = upper;

	assert_true(s->tx_cnt < STUB_LOG);
	s->tx[s->tx_cnt].tx = tx;
	s->tx[s->tx_cnt].context = tx->context;
	s->tx[s->tx_cnt].err = err;
	s->tx[s->tx_cnt].prov_errno = prov_errno;
	s->tx_cnt++;
	uet_ses_tx_put(s->ses, tx);
}

static inline void side_rx_done(void *upper, struct uet_ses_rx *rx,
				const struct uet_ses_rx_result *res)
{
	struct side *s = upper;

	assert_true(s->rx_cnt < STUB_LOG);
	s->rx[s->rx_cnt].rx = rx;
	s->rx[s->rx_cnt].context = rx->context;
	s->rx[s->rx_cnt].res = *res;
	s->rx_at[s->rx_cnt] = rx->iov_cnt ? rx->iov[0].iov_base : NULL;
	s->rx_multi[s->rx_cnt] = rx->multi;
	s->rx_cnt++;
	uet_ses_rx_put(s->rxq, rx);
}

static inline const struct uet_ses_region *side_region(void *upper, uint64_t key,
						       uint16_t resource_index)
{
	struct side *s = upper;
	size_t i;

	(void)resource_index;
	for (i = 0; i < UET_ARRAY_SIZE(s->region); i++)
		if (s->region[i] && s->region[i]->key == key)
			return s->region[i];
	return NULL;
}

static inline void side_rma_done(void *upper, const struct uet_ses_region *region,
				 const struct uet_ses_rma_event *event)
{
	struct side *s = upper;

	assert_true(s->rma_cnt < STUB_LOG);
	s->rma[s->rma_cnt].region = region;
	s->rma[s->rma_cnt].event = *event;
	s->rma_cnt++;
}

static const struct uet_ses_upper_ops side_ops = {
	.tx_done = side_tx_done,
	.rx_done = side_rx_done,
	.region = side_region,
	.rma_done = side_rma_done,
};

static inline struct uet_addr stub_addr(uint8_t host, uint32_t port)
{
	struct uet_addr a = { .ip = { 127, 0, 0, host }, .port = port, .family = AF_INET };

	return a;
}

static inline struct uet_ses_cfg stub_cfg(void)
{
	struct uet_ses_cfg cfg = {
		.job_id = 0x0a0b0c,
		.pid_on_fep = 0x123,
		.resource_index = 1,
		.initiator = 0x4793,
		.payload_mtu = 1024,
		.max_tx = 256,
		.inject_size = 256,
		.retry_time = 50 * MS,
		.retry_max = 300 * MS,
	};

	return cfg;
}

static inline struct uet_ses_rxq_cfg stub_rxq_cfg(void)
{
	struct uet_ses_rxq_cfg cfg = {
		.max_rx = 256,
		.max_unexpected = 64,
		.max_unexpected_bytes = 1 << 20,
	};

	return cfg;
}

static inline struct side *side_without_rxq(const struct uet_ses_cfg *cfg, uint8_t host)
{
	struct side *s = calloc(1, sizeof(*s));

	s->addr = stub_addr(host, 4793);
	s->win = calloc(STUB_WINDOW, sizeof(*s->win));
	assert_int_equal(uet_ses_create(cfg, NULL, &side_ops, s, 0, &s->ses), 0);
	s->pds = uet_ses_pds(s->ses);
	return s;
}

static inline struct side *side_new_rxq(const struct uet_ses_cfg *cfg,
					const struct uet_ses_rxq_cfg *rxq, uint8_t host)
{
	struct side *s = side_without_rxq(cfg, host);

	assert_int_equal(uet_ses_rxq_create(rxq, &side_ops, s, &s->rxq), 0);
	assert_int_equal(uet_ses_rxq_attach(s->ses, cfg->resource_index, s->rxq), 0);
	return s;
}

/* A side that shares the receive queue of @owner, which is freed after it. */
static inline struct side *side_new_shared(const struct uet_ses_cfg *cfg, struct side *owner,
					   uint8_t host)
{
	struct side *s = side_without_rxq(cfg, host);

	s->rxq = owner->rxq;
	s->borrowed = true;
	assert_int_equal(uet_ses_rxq_attach(s->ses, cfg->resource_index, s->rxq), 0);
	return s;
}

/* A side with the receive queue of stub_rxq_cfg(). */
static inline struct side *side_new(const struct uet_ses_cfg *cfg, uint8_t host)
{
	struct uet_ses_rxq_cfg rxq = stub_rxq_cfg();

	return side_new_rxq(cfg, &rxq, host);
}

static inline void side_free(struct side *s)
{
	uet_ses_destroy(s->ses);
	if (!s->borrowed)
		uet_ses_rxq_destroy(s->rxq);
	free(s->win);
	free(s);
}

/* Start a send of one fragment with the destination of stub_cfg(). */
static inline struct uet_ses_tx *side_send(struct side *s, const struct uet_addr *to, uint8_t mode,
					   uint8_t opcode, uint64_t tag, const void *buf,
					   size_t len)
{
	struct uet_ses_tx *tx = uet_ses_tx_get(s->ses);

	assert_non_null(tx);
	tx->dest.addr = *to;
	tx->dest.pid_on_fep = 0x123;
	tx->dest.resource_index = 1;
	tx->dest.relative = true;
	tx->opcode = opcode;
	tx->mode = mode;
	tx->tag = tag;
	tx->len = len;
	tx->iov_cnt = len ? 1 : 0;
	tx->iov[0].iov_base = (void *)(uintptr_t)buf;
	tx->iov[0].iov_len = len;
	tx->context = tx;
	assert_int_equal(uet_ses_send(s->ses, tx, 0), 0);
	return tx;
}

/* Post a receive of one fragment. */
static inline struct uet_ses_rx *side_recv(struct side *s, uint8_t queue, uint64_t tag,
					   uint64_t ignore, void *buf, size_t len, void *context)
{
	struct uet_ses_rx *rx = uet_ses_rx_get(s->rxq);

	assert_non_null(rx);
	rx->queue = queue;
	rx->tag = tag;
	rx->ignore = ignore;
	rx->len = len;
	rx->iov_cnt = len ? 1 : 0;
	rx->iov[0].iov_base = buf;
	rx->iov[0].iov_len = len;
	rx->context = context;
	uet_ses_recv(s->rxq, rx, 0);
	return rx;
}

/* Hand in a packet that came from @src; returns the answer. */
static inline struct uet_pds_answer side_rx(struct side *s, const struct uet_addr *src,
					    uint8_t mode, uint8_t next_hdr, const uint8_t *data,
					    size_t len)
{
	struct uet_pds_answer answer = { 0 };
	uint8_t *exact = malloc(len ? len : 1);	/* so that reading beyond it is seen */
	struct uet_pds_rx rx = {
		.pdc = mode < UET_MODE_RUDI ? stub_pdc(s->pds, src, mode) : NULL,
		.src = src,
		.psn = s->pds->rx_psn,
		.mode = mode,
		.next_hdr = next_hdr,
		.data = exact,
		.len = len,
	};

	memcpy(exact, data, len);
	s->pds->ops->rx(s->pds->upper, &rx, &answer);
	free(exact);
	if (mode != UET_MODE_RUDI)
		assert_int_equal(answer.data_len, 0);
	return answer;
}

/* As side_rx, for a hand-made header and payload. */
static inline struct uet_pds_answer side_req(struct side *s, const struct uet_addr *src,
					     uint8_t mode, const struct uet_ses_req *req,
					     const void *payload, size_t len)
{
	uint8_t buf[UET_SES_REQ_MAX_LEN + 16384];
	size_t n = uet_ses_req_pack(req, buf);

	assert_true(n > 0);
	if (len)
		memcpy(buf + n, payload, len);
	return side_rx(s, src, mode, req->format, buf, n + len);
}

static inline void side_pdc_gone(struct side *s, const struct uet_addr *src, uint8_t mode, int err)
{
	struct uet_pdc *pdc = stub_pdc(s->pds, src, mode);

	s->pds->ops->pdc_gone(s->pds->upper, pdc, err);
	assert_null(pdc->upper);
	pdc->used = false;
}

static inline struct uet_ses_resp answer_resp(const struct uet_pds_answer *a)
{
	struct uet_ses_resp resp;

	assert_int_equal(a->nack, 0);
	assert_int_equal(a->next_hdr, UET_HDR_RESPONSE);
	assert_int_equal(uet_ses_resp_unpack(&resp, a->next_hdr, a->ses, a->len),
			 UET_SES_RESP_LEN);
	return resp;
}

/* @a is evaluated more than once. */
#define assert_answer(a, op, rc) \
	do { \
		struct uet_ses_resp r_ = answer_resp(&(a)); \
		assert_int_equal(r_.opcode, op); \
		assert_int_equal(r_.return_code, rc); \
		assert_int_equal((a).gtd_del, (op) == UET_RESP_RESPONSE); \
		assert_int_equal((a).complete, (op) != UET_RESP_NO_RESPONSE); \
	} while (0)

#define assert_refused(a, rc)	assert_answer(a, UET_RESP_RESPONSE, rc)
#define assert_nack(a, code) \
	do { \
		assert_int_equal((a).nack, code); \
		assert_int_equal((a).len, 0); \
	} while (0)

/* A valid first-and-only packet header for stub_cfg(); tests bend it. */
static inline struct uet_ses_req stub_req(uint8_t opcode, uint16_t id, uint32_t length)
{
	struct uet_ses_req req = {
		.format = UET_HDR_REQUEST_STD,
		.opcode = opcode,
		.rel = true,
		.som = true,
		.eom = true,
		.message_id = id,
		.job_id = 0x0a0b0c,
		.pid_on_fep = 0x123,
		.resource_index = 1,
		.initiator = 0x4793,
		.request_length = length,
	};

	return req;
}

/* The header of the packet at @off with @n payload bytes of a message of @length bytes. */
static inline struct uet_ses_req stub_part(uint8_t opcode, uint16_t id, uint32_t length,
					   uint32_t off, uint32_t n)
{
	struct uet_ses_req req = stub_req(opcode, id, length);

	req.som = off == 0;
	req.eom = off + n == length;
	if (off) {
		req.payload_length = (uint16_t)n;
		req.message_offset = off;
	}
	return req;
}

static inline void fill_pattern(uint8_t *buf, size_t len, uint32_t seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		buf[i] = (uint8_t)((i * 31 + seed * 7 + (i >> 8)) & 0xff);
}

/* Put packets of the posted messages of @a into its window of @window packets. */
static inline void stub_refill(struct side *a, uint32_t window)
{
	struct uet_list *pos;

	uet_list_for_each(pos, &a->pds->msgs) {
		struct uet_pds_msg *msg = uet_list_entry(pos, struct uet_pds_msg, link);

		while (a->win_cnt < window && msg->next < msg->pkt_cnt)
			stub_next(a->pds, msg, &a->win[a->win_cnt++]);
	}
}

static inline void stub_finish(struct side *a)
{
	struct uet_list *pos, *tmp;

	uet_list_for_each_safe(pos, tmp, &a->pds->msgs) {
		struct uet_pds_msg *msg = uet_list_entry(pos, struct uet_pds_msg, link);

		if (msg->completed == msg->pkt_cnt)
			stub_done(a->pds, msg, 0, 0);
	}
}

/*
 * Carry everything from @a to @b in random order within a window of @window packets (1: in
 * order), answers back, refused packets again, until nothing is left or more than @max_nacks
 * packets were refused. Returns the number of refusals.
 */
static inline uint32_t stub_pump(struct side *a, struct side *b, uint32_t window,
				 uint32_t max_nacks, struct uet_rand *rnd)
{
	uint8_t resp[UET_PDS_ANSWER_MAX + 8192];
	uint32_t nacks = 0, k;

	assert_true(window <= STUB_WINDOW);
	for (stub_refill(a, window); a->win_cnt > 0 && nacks <= max_nacks;
	     stub_refill(a, window)) {
		struct uet_pds_answer ans;
		struct stub_pkt *p;

		k = window == 1 ? 0 : uet_rand_u32(rnd) % a->win_cnt;
		p = &a->win[k];
		b->pds->rx_psn = p->psn;
		ans = side_rx(b, &a->addr, p->mode, p->next_hdr, p->data, p->len);
		if (ans.nack) {
			nacks++;
			continue;
		}
		memcpy(resp, ans.ses, ans.len);
		if (ans.data_len)
			memcpy(resp + ans.len, ans.data, ans.data_len);
		if (!stub_respond(a->pds, p->msg, p->index, ans.next_hdr, resp,
				  ans.len + ans.data_len) &&
		    !p->msg->awaits)
			p->msg->completed++;
		a->win[k] = a->win[--a->win_cnt];
		stub_finish(a);
	}
	return nacks;
}

/* Carry everything both ways, data of the return direction included. */
static inline void stub_carry(struct side *a, struct side *b, uint32_t window,
			      struct uet_rand *rnd)
{
	do {
		stub_pump(a, b, window, 1000, rnd);
		stub_pump(b, a, window, 1000, rnd);
		stub_finish(a);
		stub_refill(a, window);
	} while (a->win_cnt > 0);
}

#endif /* TEST_SES_STUB_H */
