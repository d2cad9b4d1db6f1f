/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * RMA and atomics at their source. A call of the application names local memory and segments
 * of the target's regions; UET's requests name one place each. So a call becomes one uet_ses_tx
 * per segment, and one completion:
 *
 *   rma.c, atomic.c:  the call -> struct uet_rma_op
 *   iov.c:            lengths and parts of local memory
 *   post.c:           checked, cut into pieces, started
 *   pieces.c:         what several pieces have in common
 *   amo.c:            operations and types of libfabric in UET's codes
 */
#ifndef UET_OFI_RMA_H
#define UET_OFI_RMA_H

#include "ofi/ep.h"

#define UET_RMA_SEGS	8	/* segments of one call (rma_iov_limit) */

/* Bytes at the target. */
struct uet_rma_seg {
	uint64_t addr;
	uint64_t key;
	size_t len;
};

struct uet_rma_op {
	uint8_t opcode;			/* UET_OP_WRITE, _READ, _ATOMIC or _FETCHING_ATOMIC */
	bool silent;			/* an inject call: no success completion */
	uint8_t iov_cnt;
	uint8_t seg_cnt;
	struct iovec iov[UET_SES_IOV];	/* as for struct uet_ses_tx */
	void **desc;			/* descriptors of iov, compare values and results, */
	void **compare_desc;		/* one each, or NULL */
	void **result_desc;
	struct uet_rma_seg seg[UET_RMA_SEGS];
	size_t len;			/* sum of the segments */
	fi_addr_t dest;
	uint64_t data;
	uint64_t flags;			/* effective operation flags */
	void *context;
	struct uet_ses_amo amo;		/* atomics: code, type, compare values and results */
};

/* ---- iov.c ---- */

/*
 * Sum of @iov in *@len. Returns 0, -FI_EINVAL (more than UET_SES_IOV, no memory where there
 * should be), or -FI_EMSGSIZE (more than UET_SES_MAX_MSG bytes).
 */
int uet_iov_len(const struct iovec *iov, size_t cnt, size_t *len);

/*
 * Describe bytes [@off, @off + @len) of @iov, which holds them, in @out, which has room for
 * @cnt fragments. Returns the number written.
 */
uint8_t uet_iov_cut(const struct iovec *iov, uint8_t cnt, size_t off, size_t len,
		    struct iovec *out);

/* ---- post.c ---- */

/*
 * Start @op, whose iov, segments and operands agree in length; what of it is device memory is
 * replaced. Returns 0; -FI_EAGAIN without
 * any effect; -FI_EOPBADSTATE (not enabled), -FI_EOPNOTSUPP (capability not asked for),
 * -FI_EBADFLAGS, -FI_EMSGSIZE (inject size), -FI_EINVAL (destination); or an error of
 * uet_hmem_stage.
 */
ssize_t uet_rma_post(struct uet_ep *ep, struct uet_rma_op *op);

/* ---- pieces.c ---- */

struct uet_pieces {
	struct uet_list link;		/* fep->unsent while some have not started */
	struct uet_ep *ep;
	struct uet_cq_event event;
	bool wanted;			/* success gives an entry */
	bool last_waits;		/* the last piece tells the target that all is there */
	uint8_t cnt;
	uint8_t started;
	uint8_t open;			/* started and not done */
	int err;			/* the first that failed */
	uint32_t prov_errno;
	void *stage;			/* what of the operation is in staging, ofi/hmem.h */
	void *copy;			/* what was injected, or NULL */
	struct uet_ses_tx *tx[UET_RMA_SEGS];
};

/* Prepare @fep for operations in pieces, of which at most @inject_size bytes are injected. */
void uet_pieces_init(struct uet_fep *fep, size_t inject_size);

/* Forget all of them. */
void uet_pieces_destroy(struct uet_fep *fep);

/*
 * Take an object with @cnt (2 to UET_RMA_SEGS) descriptors, marked as its pieces. NULL: not now.
 * The FEP's lock is held here and below.
 */
struct uet_pieces *uet_pieces_get(struct uet_fep *fep, uint8_t cnt);

/*
 * Copy the payload of @op, and its compare values, which are to be injected: @op names the copy
 * from now on, because pieces may start when the call has returned. Returns 0 or -FI_EAGAIN.
 */
int uet_pieces_copy(struct uet_fep *fep, struct uet_pieces *p, struct uet_rma_op *op);

/* Give all of it back; nothing was started. */
void uet_pieces_put(struct uet_fep *fep, struct uet_pieces *p);

/* Start the pieces. Returns 0, or -EAGAIN and nothing happened. */
int uet_pieces_start(struct uet_fep *fep, struct uet_pieces *p, uint64_t now);

/* From tx_done: the piece @tx is done. Returns true if it was the last: the operation is over. */
bool uet_pieces_done(struct uet_fep *fep, struct uet_ses_tx *tx, int err, uint32_t prov_errno);

/* Pieces of operations of @ep that wait never start: their memory is the application's again. */
void uet_pieces_abandon(struct uet_fep *fep, const struct uet_ep *ep);

/* Start pieces that had to wait. Due when fep->unsent_due. */
void uet_pieces_progress(struct uet_fep *fep, uint64_t now);

/* A descriptor came back: waiting pieces may have their chance. */
static inline void uet_pieces_wake(struct uet_fep *fep)
{
	if (uet_unlikely(!uet_list_empty(&fep->unsent)))
		fep->unsent_due = true;
}

/* Would an operation of @ep with @flags, started now, overtake pieces that it must not overtake? */
static inline bool uet_pieces_block(const struct uet_ep *ep, uint64_t flags)
{
	return uet_unlikely(!uet_list_empty(&ep->fep->unsent)) &&
	       (ep->mode == UET_MODE_ROD || (flags & FI_FENCE));
}

/* ---- amo.c ---- */

enum uet_atomic_kind {
	UET_ATOMIC_BASE,	/* fi_atomic */
	UET_ATOMIC_FETCH,	/* fi_fetch_atomic */
	UET_ATOMIC_COMPARE,	/* fi_compare_atomic */
};

/*
 * Fill in code, type and size of @amo. Returns 0, or -FI_EOPNOTSUPP if @op (enum fi_op) and
 * @type (enum fi_datatype), which may be any numbers, do not go together in such a call.
 */
int uet_amo_describe(enum uet_atomic_kind kind, int type, int op, struct uet_ses_amo *amo);

/* Most elements of @size bytes in one such call with packets of @payload_mtu bytes payload. */
size_t uet_amo_count(enum uet_atomic_kind kind, size_t size, uint32_t payload_mtu);

/* fi_ops_domain.query_atomic: fi_atomic(3). */
int uet_query_atomic(struct fid_domain *domain, enum fi_datatype type, enum fi_op op,
		     struct fi_atomic_attr *attr, uint64_t flags);

#endif /* UET_OFI_RMA_H */
