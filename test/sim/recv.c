/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Receives. That of a message with a tag of its own is bound to its flow. Posted before the
 * message comes it needs no memory: it points to the place of the flow's bytes on the tape, and
 * what arrives is compared, not copied. (Of a message that is here in parts the holes are
 * copied, too: then it needs memory.) Others take whichever message comes; header data tells
 * the flow.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "sim/ep.h"
#include "sim/flow.h"
#include "sim/mixed.h"

#define BOUND 1u	/* uet_ses_rx.flags */

static int put(const struct uet_ses_mem *mem, void *dst, const void *src, size_t n)
{
	struct uet_sim_flow *f = uet_container_of((struct uet_ses_mem *)(uintptr_t)mem,
						  struct uet_sim_flow, mem);

	f->got += n;
	if (f->sim->sc.check && memcmp(dst, src, n)) {
		uet_sim_complain(f->sim, "flow %u: other bytes than were sent", f->id);
		return -EIO;
	}
	return 0;
}

static bool post_bound(struct uet_sim_ep *ep, struct uet_sim_flow *f, struct uet_ses_rx *rx)
{
	uint8_t *at = ep->sim->tape + f->tape;

	free(f->rx_buf);
	f->rx_buf = NULL;
	f->got = 0;
	if (uet_sim_net_now(ep->sim->net) > f->start) {
		f->rx_buf = at = malloc(f->bytes + 1ul);
		if (!at)
			return false;
	} else {
		f->mem.put = put;
		rx->mem = &f->mem;
	}
	rx->flags = BOUND;
	rx->context = f;
	rx->len = f->bytes;
	rx->iov_cnt = f->bytes != 0;
	rx->iov[0] = (struct iovec){ .iov_base = at, .iov_len = f->bytes };
	return true;
}

static bool post_free(struct uet_sim_ep *ep, struct uet_sim_flow *f, struct uet_ses_rx *rx)
{
	size_t room = ep->sim->sc.work.size_max;
	struct uet_sim_recv *r = malloc(sizeof(*r) + room);
	uint32_t place = 0;

	if (!r)
		return false;
	if (f->op == UET_SIM_STREAM && !uet_sim_stream_post(ep, f->src, &place)) {
		free(r);
		return false;
	}
	*r = (struct uet_sim_recv){ .ep = ep, .src = f->src, .op = f->op, .place = place,
				    .next = ep->recvs };
	if (ep->recvs)
		ep->recvs->prev = r;
	ep->recvs = r;
	rx->context = r;
	rx->flags = 0;
	rx->mem = NULL;
	rx->len = room;
	rx->iov_cnt = 1;
	rx->iov[0] = (struct iovec){ .iov_base = r->buf, .iov_len = room };
	return true;
}

static void forget(struct uet_sim_recv *r)
{
	if (r->prev)
		r->prev->next = r->next;
	else
		r->ep->recvs = r->next;
	if (r->next)
		r->next->prev = r->prev;
	free(r);
}

void uet_sim_recv_free_all(struct uet_sim_ep *ep)
{
	while (ep->recvs)
		forget(ep->recvs);
}

static void post(struct uet_sim_ep *ep, struct uet_sim_flow *f)
{
	struct uet_ses_rx *rx = uet_ses_rx_get(ep->rxq);

	if (!rx) {
		uet_sim_complain(ep->sim, "host %u: no more receives than ses.max_rx", ep->index);
		return;
	}
	rx->queue = f->op == UET_SIM_UNTAGGED ? UET_SES_UNTAGGED : UET_SES_TAGGED;
	rx->tag = uet_sim_tag(f);
	rx->directed = f->op == UET_SIM_STREAM;
	rx->source.host = ep->sim->eps[f->src].nic->addr;
	rx->source.initiator = rx->source.host.port;
	rx->source.host.port = 0;
	if (f->op == UET_SIM_TAGGED ? !post_bound(ep, f, rx) : !post_free(ep, f, rx)) {
		uet_ses_rx_put(ep->rxq, rx);
		uet_sim_complain(ep->sim, "no memory");
		return;
	}
	uet_ses_recv(ep->rxq, rx, uet_sim_ep_now(ep));
}

void uet_sim_recv_later(struct uet_sim *sim, const struct uet_sim_flow *f, uint64_t time)
{
	sim->recvs_due++;
	uet_sim_due(sim, time, UET_SIM_DUE_RECV, f->id);
}

void uet_sim_flow_recv(struct uet_sim *sim, uint32_t id)
{
	struct uet_sim_flow *f = &sim->flows[id];
	struct uet_sim_ep *ep = &sim->eps[f->dst];

	if (!ep->ses || f->rx_posted)
		return;
	if (ep->paused_until > uet_sim_net_now(sim->net)) {
		uet_sim_recv_later(sim, f, ep->paused_until);
		return;
	}
	f->rx_posted = true;
	post(ep, f);
	/* It may have to call for its message. */
	if (uet_ses_next(ep->ses) == 0)
		uet_sim_ep_step(ep);
}

/* ---- how they end ---- */

static void check_result(struct uet_sim_ep *ep, struct uet_sim_flow *f,
			 const struct uet_ses_rx_result *res)
{
	struct uet_sim *sim = ep->sim;

	if (f->dst != ep->index || res->len != f->bytes || res->msg_len != f->bytes ||
	    res->tag != uet_sim_tag(f) || (res->has_data && res->data != f->id) ||
	    !uet_addr_same_host(&res->source.host, &sim->eps[f->src].nic->addr))
		uet_sim_complain(sim, "flow %u: arrived with wrong attributes", f->id);
	if (++f->rx_cnt > 1)
		uet_sim_complain(sim, "flow %u: received %u times", f->id, f->rx_cnt);
}

static void end_bound(struct uet_sim_ep *ep, struct uet_sim_flow *f,
		      const struct uet_ses_rx_result *res)
{
	bool compared = !f->rx_buf;

	if (res->err) {
		f->rx_err++;
		if (!uet_sim_excused(ep->sim, f))
			uet_sim_complain(ep->sim, "flow %u: receive failed with error %d, %#x",
					 f->id, res->err, res->rc);
		if (f->state == UET_SIM_QUEUED || f->state == UET_SIM_ACTIVE) {
			f->rx_posted = true;
			post(ep, f);
		}
		return;
	}
	if (f->rx_buf && memcmp(f->rx_buf, uet_sim_bytes(ep->sim, f), f->bytes))
		uet_sim_complain(ep->sim, "flow %u: other bytes than were sent", f->id);
	free(f->rx_buf);
	f->rx_buf = NULL;
	if (compared && f->got != f->bytes)
		uet_sim_complain(ep->sim, "flow %u: %llu of %u bytes were placed", f->id,
				 (unsigned long long)f->got, f->bytes);
	check_result(ep, f, res);
	uet_sim_flow_arrived(f);
}

/* Nobody posts a receive for it any more, whatever became of it. */
static bool is_over(const struct uet_sim_flow *f)
{
	return f->state == UET_SIM_DONE || f->state == UET_SIM_FAILED ||
	       f->state == UET_SIM_ABORTED;
}

static void end_free(struct uet_sim_ep *ep, struct uet_sim_recv *r,
		     const struct uet_ses_rx_result *res)
{
	struct uet_sim *sim = ep->sim;
	struct uet_sim_flow *f = &sim->flows[res->data];

	if (res->err) {
		/* The message is lost; those that follow need the receive. */
		struct uet_sim_flow like = { .op = r->op, .src = r->src };

		if (!sim->crashes && !sim->failures_expected)
			uet_sim_complain(sim, "host %u: receive failed with error %d, %#x",
					 ep->index, res->err, res->rc);
		post(ep, &like);
		return;
	}
	if (!res->has_data || res->data >= sim->flow_cnt || f->op != r->op) {
		uet_sim_complain(sim, "host %u: a message that nobody sent", ep->index);
		return;
	}
	if (memcmp(r->buf, uet_sim_bytes(sim, f), uet_min_u64(f->bytes, res->len)))
		uet_sim_complain(sim, "flow %u: other bytes than were sent", f->id);
	/* A late copy for an earlier life of this host: it has taken the receive of another. */
	if (is_over(f) && f->dst_life != ep->life) {
		struct uet_sim_flow like = { .op = r->op, .src = r->src };

		post(ep, &like);
		return;
	}
	check_result(ep, f, res);
	/* One whose source has died has lost its place in the order. */
	if (f->op == UET_SIM_STREAM && f->state != UET_SIM_ABORTED)
		uet_sim_stream_got(ep, r, f);
	uet_sim_flow_arrived(f);
}

void uet_sim_rx_done(void *upper, struct uet_ses_rx *rx, const struct uet_ses_rx_result *res)
{
	struct uet_sim_ep *ep = upper;
	bool bound = rx->flags == BOUND, cancelled = res->err == -ECANCELED;
	void *context = rx->context;

	uet_ses_rx_put(ep->rxq, rx);
	if (bound) {
		struct uet_sim_flow *f = context;

		f->rx_posted = false;
		if (!cancelled)
			end_bound(ep, f, res);
		return;
	}
	if (!cancelled)
		end_free(ep, context, res);
	forget(context);
}

uint32_t uet_sim_recv_cancel(struct uet_sim *sim)
{
	struct uet_sim_recv *r, *next;
	uint32_t i, left = 0;

	for (i = 0; i < sim->sc.net.hosts; i++)
		for (r = sim->eps[i].recvs; r; r = next) {
			next = r->next;
			left += !uet_ses_cancel(sim->eps[i].rxq, r);
		}
	for (i = 0; i < sim->flow_cnt; i++) {
		struct uet_sim_flow *f = &sim->flows[i];

		if (f->rx_posted && f->op == UET_SIM_TAGGED)
			left += !uet_ses_cancel(sim->eps[f->dst].rxq, f);
	}
	return left;
}
