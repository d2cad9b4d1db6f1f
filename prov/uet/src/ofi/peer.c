/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Shared receive contexts as owner for peer providers, fi_peer(3): messages of a peer are guests of
 * the context's receive queue (ses/guest.h).
 *
 * One entry, allocated by get_msg or get_tag and freed by free_entry:
 *
 *   get --- a receive was posted: TAKEN ----------------------------.
 *    `----- none: NEW -- queue: QUEUED -- start_msg, start_tag: TAKEN -- free
 *                   |             |`-- discard_msg, discard_tag: GONE ---'
 *                   `-------------`--------------------------------------'
 *
 * Addresses of a peer's messages are those of the endpoints' address vector: the application
 * gives them to the peer (FI_AV_USER_ID of fi_av_insert).
 *
 * The lock of the context is held whenever a peer is called. Its callbacks come from inside such
 * a call, or from calls of the application on the peer's objects; a thread knows which.
 */
#include "ofi/peer.h"

#include <stdlib.h>
#include <string.h>

#include <rdma/fi_ext.h>

#include "base/pool.h"
#include "ofi/ep.h"
#include "ofi/stubs.h"
#include "ses/guest.h"

/* A peer's CQ has nothing to wake sleepers with: how often they look, ns. */
#define PEER_PAUSE	(100 * 1000ull)

#if UET_HAVE_PEER

#include <rdma/providers/fi_peer.h>

#define PEER_CHUNK	64	/* entries allocated at a time */

enum entry_state { NEW, QUEUED, TAKEN, GONE };

typedef fi_addr_t (*get_addr_fn)(struct fi_peer_rx_entry *entry);

struct uet_peer_srx {
	struct fid_peer_srx fid;
	struct uet_ep *srx;
	struct uet_peers *peers;
	struct uet_list link;		/* peers->list */
	struct uet_list entries;	/* struct peer_entry */
	struct uet_pool pool;		/* of them */
	struct fid_cq *cq;		/* the peer's, to be driven; or NULL */
	struct fi_ops_ep ep_ops;
	_Atomic(get_addr_fn) get_addr;	/* there are new addresses, not looked at yet */
};

struct peer_entry {
	struct fi_peer_rx_entry rx;
	struct uet_peer_srx *peer;
	struct uet_list link;		/* peer->entries */
	struct uet_ses_guest *guest;
	enum entry_state state;
	struct iovec iov[UET_SES_IOV];
	void *desc[UET_SES_IOV];	/* the peer has no regions for our receives: NULL */
};

/* The context whose lock this thread holds while it is inside a peer. */
static _Thread_local const struct uet_ep *inside;

static struct uet_peer_srx *peer_of(struct fid_peer_srx *fid)
{
	return uet_container_of(fid, struct uet_peer_srx, fid);
}

static struct peer_entry *entry_of(struct fi_peer_rx_entry *rx)
{
	return uet_container_of(rx, struct peer_entry, rx);
}

/* Returns whether @srx was locked, and has to be unlocked. */
static bool enter(const struct uet_ep *srx)
{
	if (inside == srx)
		return false;
	uet_lock(&srx->fep->lock);
	return true;
}

static void leave(const struct uet_ep *srx, bool locked)
{
	if (locked)
		uet_unlock(&srx->fep->lock);
}

/* ---- calls into the peer ---- */

static int call(struct peer_entry *e, int (*fn)(struct fi_peer_rx_entry *rx))
{
	const struct uet_ep *outer = inside;
	int ret;

	inside = e->peer->srx;
	ret = fn(&e->rx);
	inside = outer;
	return ret;
}

static void free_entry(struct peer_entry *e)
{
	uet_list_del(&e->link);
	uet_pool_put(&e->peer->pool, e);
}

/* A success entry is written by the peer, which goes by these flags. */
static uint64_t completion_flags(const struct uet_ep *srx, const struct uet_ses_rx *rx)
{
	const struct uet_ep *first = srx->fep->ep;

	return !first || !first->rx_selective ? FI_COMPLETION : rx->flags & FI_COMPLETION;
}

static void take(struct peer_entry *e, const struct uet_ses_rx *rx)
{
	memcpy(e->iov, rx->iov, rx->iov_cnt * sizeof(*rx->iov));
	e->rx.count = rx->iov_cnt;
	e->rx.context = rx->context;
	e->rx.flags |= completion_flags(e->peer->srx, rx);
	e->state = TAKEN;
}

static void on_start(void *owner, struct uet_ses_rx *rx)
{
	struct peer_entry *e = owner;
	struct fi_ops_srx_peer *ops = e->peer->fid.peer_ops;
	int ret;

	take(e, rx);
	/* The entry may be gone afterwards; errors are told in the CQ, by the peer. */
	ret = call(e, e->rx.flags & FI_TAGGED ? ops->start_tag : ops->start_msg);
	if (ret)
		FI_WARN(&uet_prov, FI_LOG_EP_DATA, "a peer did not receive a message: %s\n",
			fi_strerror(-ret));
}

static void on_drop(void *owner)
{
	struct peer_entry *e = owner;
	struct fi_ops_srx_peer *ops = e->peer->fid.peer_ops;

	/* Peers differ in whether they free it themselves: GONE makes that no difference. */
	e->state = GONE;
	call(e, e->rx.flags & FI_TAGGED ? ops->discard_tag : ops->discard_msg);
	free_entry(e);
}

static const struct uet_ses_guest_ops guest_ops = {
	.start = on_start,
	.drop = on_drop,
};

/* ---- addresses ---- */

static void source_of(const struct uet_ep *srx, fi_addr_t addr, struct uet_ses_source *source)
{
	if (addr == FI_ADDR_UNSPEC || !srx->av || uet_av_source(srx->av, addr, source))
		memset(source, 0, sizeof(*source));
}

static void resolve(struct uet_peer_srx *peer, get_addr_fn get_addr)
{
	struct uet_list *pos, *tmp;
	struct uet_ses_source source;

	uet_list_for_each_safe(pos, tmp, &peer->entries) {
		struct peer_entry *e = uet_list_entry(pos, struct peer_entry, link);

		if (e->state != QUEUED || e->rx.addr != FI_ADDR_UNSPEC)
			continue;
		e->rx.addr = get_addr(&e->rx);
		source_of(peer->srx, e->rx.addr, &source);
		uet_ses_guest_known(e->guest, &source);
	}
}

/* ---- what the peer calls ---- */

static struct peer_entry *new_entry(struct uet_peer_srx *peer,
				    const struct fi_peer_match_attr *attr, uint8_t queue)
{
	struct uet_ses_guest_msg msg = { .queue = queue, .tag = attr->tag, .len = attr->msg_size };
	struct peer_entry *e = uet_pool_get(&peer->pool);

	if (!e)
		return NULL;
	memset(e, 0, sizeof(*e));
	source_of(peer->srx, attr->addr, &msg.source);
	e->guest = uet_ses_guest_new(peer->srx->rxq, &msg, &guest_ops, e);
	if (!e->guest) {
		uet_pool_put(&peer->pool, e);
		return NULL;
	}
	e->peer = peer;
	uet_list_add_tail(&peer->entries, &e->link);
	e->rx.srx = &peer->fid;
	e->rx.addr = attr->addr;
	e->rx.msg_size = attr->msg_size;
	e->rx.tag = attr->tag;
	e->rx.flags = FI_RECV | (queue == UET_SES_TAGGED ? FI_TAGGED : FI_MSG);
	e->rx.iov = e->iov;
	e->rx.desc = e->desc;
	return e;
}

static int get(struct fid_peer_srx *fid, const struct fi_peer_match_attr *attr, uint8_t queue,
	       struct fi_peer_rx_entry **out)
{
	struct uet_peer_srx *peer = peer_of(fid);
	bool locked = enter(peer->srx);
	struct uet_ses_rx *rx = NULL;
	struct peer_entry *e;

	e = new_entry(peer, attr, queue);
	if (e) {
		rx = uet_ses_guest_match(e->guest);
		if (rx)
			take(e, rx);
		*out = &e->rx;
	}
	leave(peer->srx, locked);
	if (!e)
		return -FI_ENOMEM;
	return rx ? 0 : -FI_ENOENT;
}

static int owner_get_msg(struct fid_peer_srx *fid, struct fi_peer_match_attr *attr,
			 struct fi_peer_rx_entry **out)
{
	return get(fid, attr, UET_SES_UNTAGGED, out);
}

static int owner_get_tag(struct fid_peer_srx *fid, struct fi_peer_match_attr *attr,
			 struct fi_peer_rx_entry **out)
{
	return get(fid, attr, UET_SES_TAGGED, out);
}

static int owner_queue(struct fi_peer_rx_entry *rx)
{
	struct peer_entry *e = entry_of(rx);
	const struct uet_ep *srx = e->peer->srx;
	bool locked = enter(srx);

	e->state = QUEUED;
	uet_ses_guest_queue(e->guest, rx->flags & FI_REMOTE_CQ_DATA, rx->cq_data);
	leave(srx, locked);
	return 0;
}

static void owner_free_entry(struct fi_peer_rx_entry *rx)
{
	struct peer_entry *e = entry_of(rx);
	const struct uet_ep *srx = e->peer->srx;
	bool locked = enter(srx);

	if (e->state != GONE) {
		uet_ses_guest_end(e->guest);
		free_entry(e);
	}
	leave(srx, locked);
}

/*
 * The caller holds locks of the peer, for which a thread that drives the peer may wait with the
 * lock of the context: no waiting for that here.
 */
static void owner_foreach_unspec_addr(struct fid_peer_srx *fid, get_addr_fn get_addr)
{
	struct uet_peer_srx *peer = peer_of(fid);
	const struct uet_ep *srx = peer->srx;

	if (inside == srx) {
		resolve(peer, get_addr);
	} else if (uet_trylock(&srx->fep->lock)) {
		resolve(peer, get_addr);
		uet_unlock(&srx->fep->lock);
	} else {
		atomic_store(&peer->get_addr, get_addr);
	}
}

static struct fi_ops_srx_owner owner_ops = {
	.size = sizeof(struct fi_ops_srx_owner),
	.get_msg = owner_get_msg,
	.get_tag = owner_get_tag,
	.queue_msg = owner_queue,
	.queue_tag = owner_queue,
	.foreach_unspec_addr = owner_foreach_unspec_addr,
	.free_entry = owner_free_entry,
};

/* ---- progress ---- */

static void drive(struct uet_peer_srx *peer)
{
	const struct uet_ep *outer = inside;
	get_addr_fn get_addr = atomic_exchange(&peer->get_addr, NULL);

	if (get_addr)
		resolve(peer, get_addr);
	inside = peer->srx;
	fi_cq_read(peer->cq, NULL, 0);
	inside = outer;
}

void uet_peers_drive(struct uet_peers *peers)
{
	struct uet_list *pos;

	uet_list_for_each(pos, &peers->list) {
		struct uet_peer_srx *peer = uet_list_entry(pos, struct uet_peer_srx, link);

		if (peer->cq)
			drive(peer);
	}
}

/* ---- the object ---- */

/* Peers answer calls on their endpoints with these. */
static ssize_t peer_cancel(struct fid *fid, void *context)
{
	return fi_cancel(&uet_container_of(fid, struct uet_peer_srx, fid.ep_fid.fid)->srx->fid.fid,
			 context);
}

static int peer_getopt(struct fid *fid, int level, int optname, void *optval, size_t *optlen)
{
	return fi_getopt(&uet_container_of(fid, struct uet_peer_srx, fid.ep_fid.fid)->srx->fid.fid,
			 level, optname, optval, optlen);
}

static int peer_close(struct fid *fid)
{
	struct uet_peer_srx *peer = uet_container_of(fid, struct uet_peer_srx, fid.ep_fid.fid);
	struct uet_ep *srx = peer->srx;
	bool busy;

	uet_lock(&srx->fep->lock);
	busy = !uet_list_empty(&peer->entries);
	if (!busy) {
		uet_list_del(&peer->link);
		peer->peers->driven -= !!peer->cq;
	}
	uet_unlock(&srx->fep->lock);
	if (busy)
		return -FI_EBUSY;
	uet_pool_destroy(&peer->pool);
	free(peer);
	uet_ref_put(&srx->ref);
	return 0;
}

/* fi_import_fid of the peer's CQ: from now on it is driven with the context's endpoints. */
static int peer_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
	struct uet_peer_srx *peer = uet_container_of(fid, struct uet_peer_srx, fid.ep_fid.fid);
	int ret = 0;

	if (bfid->fclass != FI_CLASS_CQ || flags)
		return -FI_EINVAL;
	uet_lock(&peer->srx->fep->lock);
	if (peer->cq) {
		ret = -FI_EALREADY;
	} else {
		peer->cq = uet_container_of(bfid, struct fid_cq, fid);
		peer->peers->driven++;
	}
	uet_unlock(&peer->srx->fep->lock);
	return ret;
}

static struct fi_ops peer_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = peer_close,
	.bind = peer_bind,
	.control = uet_no_control,
	.ops_open = uet_no_ops_open,
	.tostr = uet_no_tostr,
	.ops_set = uet_no_ops_set,
};

static int check(const struct uet_ep *srx, void *arg)
{
	int ret = uet_peer_check(arg);

	if (ret)
		return ret;
	/* The thread would call the peer at the same time as the application does. */
	if (srx->domain->auto_progress) {
		FI_WARN(&uet_prov, FI_LOG_EP_CTRL, "no peer providers with automatic progress\n");
		return -FI_EOPNOTSUPP;
	}
	if (srx->caps & FI_HMEM) {
		FI_WARN(&uet_prov, FI_LOG_EP_CTRL, "no peer providers with FI_HMEM\n");
		return -FI_EOPNOTSUPP;
	}
	return 0;
}

int uet_peer_export_srx(struct uet_ep *srx, struct uet_peers *peers, void *arg)
{
	const struct fi_fid_export *export = arg;
	struct uet_peer_srx *peer;
	int ret;

	ret = check(srx, arg);
	if (ret)
		return ret;
	peer = calloc(1, sizeof(*peer));
	if (!peer)
		return -FI_ENOMEM;
	uet_list_init(&peer->entries);
	uet_pool_init(&peer->pool, sizeof(struct peer_entry), PEER_CHUNK, 0);
	peer->srx = srx;
	peer->peers = peers;
	peer->fid.ep_fid.fid.fclass = FI_CLASS_PEER_SRX;
	peer->fid.ep_fid.fid.context = export->context;
	peer->fid.ep_fid.fid.ops = &peer_fid_ops;
	peer->ep_ops = uet_no_ep_ops;
	peer->ep_ops.cancel = peer_cancel;
	peer->ep_ops.getopt = peer_getopt;
	peer->fid.ep_fid.ops = &peer->ep_ops;
	peer->fid.ep_fid.msg = &uet_no_msg_ops;
	peer->fid.ep_fid.tagged = &uet_no_tagged_ops;
	peer->fid.owner_ops = &owner_ops;
	uet_ref_get(&srx->ref);
	uet_lock(&srx->fep->lock);
	uet_list_add_tail(&peers->list, &peer->link);
	uet_unlock(&srx->fep->lock);
	*export->fid = &peer->fid.ep_fid.fid;
	return 0;
}

#else

void uet_peers_drive(struct uet_peers *peers)
{
	(void)peers;
}

int uet_peer_export_srx(struct uet_ep *srx, struct uet_peers *peers, void *arg)
{
	(void)srx;
	(void)peers;
	return uet_peer_check(arg);
}

#endif

uint64_t uet_peers_next(const struct uet_peers *peers, uint64_t next)
{
	return peers->driven ? uet_min_u64(next, uet_clock_ns() + PEER_PAUSE) : next;
}
