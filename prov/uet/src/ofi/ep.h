/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The endpoint: a FEP, what is bound to it, and the defaults of its operations.
 */
#ifndef UET_OFI_EP_H
#define UET_OFI_EP_H

#include "ofi/fep.h"
#include "ofi/ofi.h"

#define UET_EP_CNTRS 8		/* counters bound to one endpoint, all kinds together */

struct uet_ep_cntr {
	struct uet_cntr *cntr;
	uint64_t flags;		/* FI_SEND, FI_RECV, FI_READ, FI_WRITE, FI_REMOTE_* */
};

struct uet_ep {
	struct fid_ep fid;
	uet_ref ref;			/* regions bound to it */
	struct uet_domain *domain;
	struct uet_fep *fep;
	struct fi_info *info;
	uint32_t addr_format;
	bool enabled;
	bool tx_selective, rx_selective; /* CQ bound with FI_SELECTIVE_COMPLETION */
	enum uet_pds_mode mode;		/* of sends: ROD when msg_order asks for order */
	uint64_t caps;
	uint64_t tx_op_flags, rx_op_flags;
	size_t inject_size;
	struct uet_av *av;
	struct uet_cq *tx_cq, *rx_cq;
	struct uet_eq *eq;
	struct uet_ep_cntr cntrs[UET_EP_CNTRS];
	uint32_t cntr_cnt;
	struct uet_list claims;		/* struct uet_claim: messages set aside by FI_CLAIM */
};

/*
 * Work was posted from the application's side that is due at @when (uet_fep_next): wake threads
 * that sleep for this endpoint and would come too late. To be called without the lock.
 */
void uet_ep_kick(struct uet_ep *ep, uint64_t when);

/* ---- epattr.c ---- */

extern struct fi_ops_ep uet_ep_ops;
extern struct fi_ops_cm uet_ep_cm_ops;

/* FI_GETOPSFLAG and FI_SETOPSFLAG: fi_endpoint(3). */
int uet_ep_opsflag(struct uet_ep *ep, int command, uint64_t *flags);

/* ---- transfer.c: what msg.c and tagged.c share ---- */

/* A send as the application described it. */
struct uet_send_args {
	const struct iovec *iov;
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
	size_t count;
	fi_addr_t src;
	uint64_t tag;
	uint64_t ignore;
	uint64_t flags;		/* as above */
	void *context;
};

/*
 * Start a send. Returns 0, -FI_EAGAIN, -FI_EINVAL (destination, iov count), -FI_EMSGSIZE,
 * -FI_EBADFLAGS, -FI_EOPBADSTATE (not enabled). fi_msg(3), fi_tagged(3).
 */
ssize_t uet_ep_send(struct uet_ep *ep, const struct uet_send_args *args);

/* Post a receive, or look for a message (FI_PEEK, FI_CLAIM, FI_DISCARD). Errors as above. */
ssize_t uet_ep_recv(struct uet_ep *ep, const struct uet_recv_args *args);

/* Drop messages that were claimed and never received. */
void uet_ep_drop_claims(struct uet_ep *ep);

/* Completion callbacks of the SES. @upper is the FEP; tx->owner and rx->owner the endpoint. */
extern const struct uet_ses_upper_ops uet_ep_ses_ops;

extern struct fi_ops_msg uet_msg_ops;
extern struct fi_ops_tagged uet_tagged_ops;

#endif /* UET_OFI_EP_H */
