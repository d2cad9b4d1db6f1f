/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The endpoint: a FEP, what is bound to it, and the defaults of its operations. Scalable
 * endpoints, their contexts and shared receive contexts are such objects too (fid class):
 *
 *   FI_CLASS_EP		has a FEP, and a receive queue of its own unless it is bound to a
 *			shared receive context
 *   FI_CLASS_SEP		has a FEP with many receive queues, carries no data by itself
 *   FI_CLASS_TX_CTX	uses the FEP of its SEP
 *   FI_CLASS_RX_CTX	the same, with a receive queue behind resource index 1 + index
 *   FI_CLASS_SRX_CTX	has a receive queue, and a lock in place of a FEP
 */
#ifndef UET_OFI_EP_H
#define UET_OFI_EP_H

#include "ofi/fep.h"
#include "ofi/ofi.h"

/* FI_OPT_MIN_MULTI_RECV unless the application sets it: bytes. */
#define UET_MIN_MULTI_RECV 64

#define UET_EP_CNTRS 8		/* counters bound to one endpoint, all kinds together */

struct uet_ep_cntr {
	struct uet_cntr *cntr;
	uint64_t flags;		/* FI_SEND, FI_RECV, FI_READ, FI_WRITE, FI_REMOTE_* */
};

struct uet_sep;
struct uet_srx;
struct uet_stx;
struct uet_work;

/* The operations of an endpoint, without regard to FI_TRIGGER. */
struct uet_ep_tables {
	struct fi_ops_msg *msg;
	struct fi_ops_tagged *tagged;
	struct fi_ops_rma *rma;
	struct fi_ops_atomic *atomic;
};

struct uet_ep {
	struct fid_ep fid;
	uet_ref ref;			/* regions, contexts, users of an SRX, aliases */
	struct uet_ep *base;		/* what it is an alias of; else itself */
	struct uet_list aliases;	/* base: alias_link of each */
	struct uet_list alias_link;
	struct uet_work *work;		/* it exists for this deferred operation only, or NULL */
	struct uet_ep_tables tables;
	struct uet_domain *domain;
	struct uet_fep *fep;		/* SRX: one that only lends its lock */
	struct uet_ses_rxq *rxq;	/* of its receives; NULL: it has none (yet) */
	struct uet_srx *srx;		/* that it receives from, or is; or NULL */
	struct uet_stx *stx;		/* that is bound to it, or NULL */
	struct uet_sep *sep;		/* context of this one, or NULL */
	uint16_t index;			/* of a context */
	struct uet_list link;		/* srx->eps or sep->closed */
	struct fi_info *info;
	uint32_t addr_format;
	bool enabled;
	bool closed;			/* a context: operations under way end unseen */
	bool tx_enabled, rx_enabled;	/* and operations of this direction can be posted */
	bool tx_selective, rx_selective; /* CQ bound with FI_SELECTIVE_COMPLETION */
	enum uet_pds_mode mode;		/* of sends: ROD when msg_order asks for order, UUD */
	bool key_flags;			/* keys are providers': their bits mean something */
	uint64_t caps;
	uint64_t tx_op_flags, rx_op_flags;
	size_t inject_size;
	size_t max_msg_size;		/* of sends */
	size_t min_multi_recv;		/* FI_OPT_MIN_MULTI_RECV */
	struct uet_av *av;
	struct uet_cq *tx_cq, *rx_cq;
	struct uet_eq *eq;
	struct uet_ep_cntr cntrs[UET_EP_CNTRS + 1];	/* one more for deferred work */
	uint32_t cntr_cnt;
	struct uet_list claims;		/* base: struct uet_claim, set aside by FI_CLAIM */
};

/*
 * An alias shares everything with its base but the default operation flags. It is a copy,
 * renewed when the base changes; operations belong to the base, so that they outlive it.
 */

/*
 * FI_ALIAS, fi_endpoint(3). Returns 0, -FI_EINVAL (flags), -FI_ENOMEM, or -FI_ENOSYS for objects
 * that only stand behind endpoints.
 */
int uet_ep_alias(struct uet_ep *ep, const struct fi_alias *arg);

/* The base @ep has changed (bound, enabled, an option set): tell its aliases. */
void uet_ep_sync_aliases(struct uet_ep *ep);

/*
 * Work was posted from the application's side that is due at @when (uet_fep_next): wake threads
 * that sleep for this endpoint and would come too late. To be called without the lock.
 */
void uet_ep_kick(struct uet_ep *ep, uint64_t when);

/* Drive, with the lock held, the FEPs from which receives of @ep are filled. */
void uet_ep_progress_locked(struct uet_ep *ep);

/* ---- ep.c: what all kinds of endpoint share ---- */

/*
 * Make an object of class @fclass with the attributes of @info (copied), FEP @fep (or NULL, to
 * be set) and empty tables but for those of its class. NULL when out of memory.
 */
struct uet_ep *uet_ep_create(struct uet_domain *domain, const struct fi_info *info, size_t fclass,
			     struct fi_ops *ops, void *context, size_t size);

/* Free @ep, made by uet_ep_create, and drop its references to what was bound. */
void uet_ep_free(struct uet_ep *ep);

/* Drop the references to queues, counters, AV and EQ that were bound: nothing is told any more. */
void uet_ep_unbind(struct uet_ep *ep);

/* fi_ops.bind and fi_ops.control of endpoints and contexts: fi_endpoint(3). */
int uet_ep_bind(struct fid *fid, struct fid *bfid, uint64_t flags);
int uet_ep_control(struct fid *fid, int command, void *arg);

/* Undo fi_enable: operations are refused, receives are forgotten. No effect if not enabled. */
void uet_ep_disable(struct uet_ep *ep);

/* Create ep->rxq with the limits of ep->info; @upper is told of what no message ended. */
int uet_ep_create_rxq(struct uet_ep *ep, struct uet_fep *upper);

/* ---- sep.c ---- */

/* fi_ops_ep.tx_ctx and .rx_ctx: fi_endpoint(3). */
int uet_sep_tx_ctx(struct fid_ep *fid, int index, struct fi_tx_attr *attr, struct fid_ep **out,
		   void *context);
int uet_sep_rx_ctx(struct fid_ep *fid, int index, struct fi_rx_attr *attr, struct fid_ep **out,
		   void *context);

/* Find the AV for context @ep, which is being enabled. Returns 0 or -FI_ENOAV. */
int uet_sep_lend_av(struct uet_ep *ep);

/*
 * With the FEP's lock held: who is told what peers do at @resource_index of @ep, a FEP's ep.
 * That is @ep itself but for a scalable endpoint; NULL: that receive context is not open.
 */
struct uet_ep *uet_sep_rx_at(struct uet_ep *ep, uint16_t resource_index);

/* ---- srx.c, stx.c ---- */

/* Bind @ep to the context @fid. Returns 0 or -FI_EINVAL (not asked for, other domain, twice). */
int uet_srx_bind(struct uet_ep *ep, struct fid *fid);
int uet_stx_bind(struct uet_ep *ep, struct fid *fid);

/* Drop the reference that binding took. */
void uet_srx_unbind(struct uet_ep *ep);
void uet_stx_unbind(struct uet_ep *ep);

/*
 * Let messages to @ep, whose FEP runs, be received from its SRX, or no longer. Returns 0 or
 * -FI_EINVAL (an endpoint with another AV is there).
 */
int uet_srx_join(struct uet_ep *ep);
void uet_srx_leave(struct uet_ep *ep);

/* As uet_ep_kick, for every endpoint of @srx. */
void uet_srx_kick(struct uet_srx *srx, uint64_t when);

/* Drive the FEPs of all endpoints of @srx, with the common lock held. */
void uet_srx_progress_locked(struct uet_srx *srx);

/* uet_fep_call_locked for all of them. */
uint64_t uet_srx_call_locked(struct uet_srx *srx);

/* ---- epattr.c ---- */

extern struct fi_ops_ep uet_ep_ops;
extern struct fi_ops_cm uet_ep_cm_ops;

/* FI_GETOPSFLAG and FI_SETOPSFLAG: fi_endpoint(3). */
int uet_ep_opsflag(struct uet_ep *ep, int command, uint64_t *flags);

/* ---- transfer.c: what msg.c, tagged.c, rma.c and atomic.c share ---- */

/* In uet_ses_tx.flags: the bits of the completion entry. */
#define UET_TX_ENTRY (FI_MSG | FI_TAGGED | FI_RMA | FI_ATOMIC | FI_SEND | FI_READ | FI_WRITE)
/* The same: an operation that the application thinks is done (no success entry, lingers). */
#define UET_TX_DETACHED	FI_INJECT_COMPLETE
/* The same: one of several pieces; context is the struct uet_pieces. */
#define UET_TX_PIECE	FI_MORE

/* A send as the application described it. */
struct uet_send_args {
	const struct iovec *iov;
	void **desc;		/* one per fragment, or NULL */
	size_t count;
	fi_addr_t dest;
	uint64_t tag;
	uint64_t data;
	uint64_t flags;		/* effective operation flags; FI_TAGGED or FI_MSG added */
	void *context;
	bool silent;		/* an inject call: no success completion */
};

/* A receive as the application described it. */
struct uet_recv_args {
	const struct iovec *iov;
	void **desc;		/* one per fragment, or NULL */
	size_t count;
	fi_addr_t src;
	uint64_t tag;
	uint64_t ignore;
	uint64_t flags;		/* as above; FI_MULTI_RECV: one fragment */
	void *context;
};

/*
 * Start a send. Returns 0, -FI_EAGAIN, -FI_EINVAL (destination, iov count), -FI_EMSGSIZE,
 * -FI_EBADFLAGS, -FI_EOPBADSTATE (not enabled). fi_msg(3), fi_tagged(3).
 */
ssize_t uet_ep_send(struct uet_ep *ep, const struct uet_send_args *args);

/* Post a receive, or look for a message (FI_PEEK, FI_CLAIM, FI_DISCARD). Errors as above. */
ssize_t uet_ep_recv(struct uet_ep *ep, const struct uet_recv_args *args);

/*
 * Tail of every call that posts: the FEP's lock is held, and given back. @ret is the outcome of
 * the call: drives the FEP when it says -FI_EAGAIN, lets go of what FI_MORE held back when it
 * failed, wakes whom it concerns otherwise. Returns @ret.
 */
ssize_t uet_ep_posted(struct uet_ep *ep, ssize_t ret);

/* Is a success entry wanted for an operation with @flags (@silent: an inject call)? */
bool uet_ep_wants_entry(const struct uet_ep *ep, uint64_t flags, bool silent);

/* Count a completion of @kind (FI_SEND, FI_REMOTE_WRITE ...) in the counters bound for it. */
void uet_ep_count(struct uet_ep *ep, uint64_t kind, bool ok);

/*
 * An operation that the application started is over: counters, and an entry in the transmit
 * queue if it is @wanted or @err (negative errno, with @prov_errno as from the SES, or 0) is set.
 */
void uet_ep_report_tx(struct uet_ep *ep, const struct uet_cq_event *event, bool wanted, int err,
		      uint32_t prov_errno);

/*
 * Put @event, which came from @source, into the receive queue: as an error if FI_SOURCE_ERR
 * says so. Fills in its src_addr.
 */
void uet_ep_report_rx(struct uet_ep *ep, const struct uet_ses_source *source,
		      struct uet_cq_event *event);

/* Drop messages that were claimed and never received. */
void uet_ep_drop_claims(struct uet_ep *ep);

/* Completion callbacks of the SES. @upper is the FEP; tx->owner and rx->owner the endpoint. */
extern const struct uet_ses_upper_ops uet_ep_ses_ops;

extern struct fi_ops_msg uet_msg_ops;
extern struct fi_ops_rma uet_rma_ops;
extern struct fi_ops_atomic uet_atomic_ops;
extern struct fi_ops_tagged uet_tagged_ops;

#endif /* UET_OFI_EP_H */
