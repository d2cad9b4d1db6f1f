/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A software FEP (design decision D1): one socket, with the PDS and SES that run over it, and
 * one lock around all of it. An endpoint has a FEP of its own; the contexts of a scalable
 * endpoint and the aliases of an endpoint (FI_ALIAS) share one. FEPs whose endpoints share a
 * receive context have one lock in common.
 */
#ifndef UET_OFI_FEP_H
#define UET_OFI_FEP_H

#include "base/pool.h"
#include "ofi/burst.h"
#include "ofi/ofi.h"

struct uet_fep {
	struct uet_domain *domain;
	struct uet_list link;		/* domain->feps, under domain->feps_lock, while it runs */
	struct uet_lock lock;		/* protects nic, ses and everything below them */
	struct uet_nic *nic;
	struct uet_ses *ses;		/* exists while it runs */
	struct uet_ep *ep;		/* told what peers do here; set before it runs */
	struct uet_peers *peers;	/* of the shared receive context (peer.h), or NULL */
	struct uet_pds *pds;		/* ses's */
	struct uet_name name;
	uint32_t payload_mtu;		/* bytes per packet */
	struct uet_list stages;		/* hmem.c: copies of device memory */
	size_t staged;			/* bytes in them */
	uint32_t detached;		/* sends reported complete but not yet acknowledged */
	uint8_t fill;			/* nic->fill that the PDS knows */
	uint8_t rounds;			/* progress rounds since acknowledgements were sent */
	struct uet_burst burst;		/* posts since the last progress */
	uint64_t stats_from;		/* ns: started at */
	uint64_t stats_at;		/* ns: next block of statistics in the log; 0: none */
	uint64_t trigger_round;		/* when it was last full; under the triggers' run_lock */
	/* RMA in several pieces (rma.h). */
	struct uet_pool pieces;
	struct uet_pool copies;		/* payloads of those that were injected */
	struct uet_list unsent;		/* struct uet_pieces of which some have not started */
	bool unsent_due;		/* looking at them again may help */
};

/*
 * Open the socket that @info asks for on @domain, so that the FEP's name is final. Returns 0 and
 * the object in @fep, -FI_ENOMEM, -FI_EADDRNOTAVAIL, -FI_EADDRINUSE or another -errno, logged.
 */
int uet_fep_open(struct uet_domain *domain, const struct fi_info *info, struct uet_fep **fep);

/*
 * Bring PDS and SES to life: @info tells the number of operations outstanding per transmit
 * context, that of contexts, and the authorization key, @inject_size the largest copied
 * payload. Returns 0, -FI_ENOMEM or -FI_EINVAL.
 */
int uet_fep_start(struct uet_fep *fep, const struct fi_info *info, size_t inject_size);

/*
 * Undo uet_fep_start: wait for what was reported sent (FI_UET_LINGER), tell the peers, forget
 * the rest. The caller has taken it out of every progress set.
 */
void uet_fep_stop(struct uet_fep *fep);

/* Close the socket and free @fep, which does not run. */
void uet_fep_close(struct uet_fep *fep);

/* Drive @fep once: receive, time-outs, repetitions, acknowledgements. Takes its lock. */
void uet_fep_progress(struct uet_fep *fep);

/* As above, with the lock held. Returns the number of packets received (or a negative errno). */
int uet_fep_progress_locked(struct uet_fep *fep);

/*
 * An operation of @len bytes for @dest with @flags (fi_* ones of its call) was posted: hand it to
 * the NIC unless more is likely to follow (FI_MORE, burst.h). With the lock held; @now as in the
 * call that posted it.
 */
void uet_fep_posted(struct uet_fep *fep, fi_addr_t dest, size_t len, uint64_t flags,
		    uint64_t now);

/*
 * A receive was posted: if it has to call for its message (a deferred one), do so now. With the
 * lock held. Returns when @fep must be driven because of that, or UET_TIME_NEVER.
 */
uint64_t uet_fep_call_locked(struct uet_fep *fep);

/*
 * Drive @fep until it has nothing left to do now, acknowledgements sent included, and return
 * the time (ns) of its next time-out: UET_TIME_NEVER if none, 0 if it is still busy. While
 * the device takes no packets that is the time to try again.
 */
uint64_t uet_fep_settle(struct uet_fep *fep);

/* Descriptor that polls readable when packets wait; -1 if there is none. */
int uet_fep_fd(struct uet_fep *fep);

/*
 * When @fep, whose lock is held, must be driven again: time in ns, 0 for at once, UET_TIME_NEVER
 * for not until something arrives.
 */
uint64_t uet_fep_next(const struct uet_fep *fep);

/* ---- feps.c: all FEPs of a domain that run. Their locks and its are not held before. ---- */

/* A counter of what peers do to a region. Driving any FEP of the domain may move it. */
struct uet_region_cntr {
	struct uet_list link;		/* domain->region_cntrs */
	struct uet_cntr *cntr;
	uint64_t flags;			/* FI_REMOTE_READ, FI_REMOTE_WRITE */
};

/* @fep runs from now on. Returns 0, or what uet_cntr_add_fep returns, with no effect. */
int uet_feps_join(struct uet_fep *fep);

/*
 * @fep is about to stop: nothing drives it any more. domain->feps_lock is held, until its SES is
 * no more.
 */
void uet_feps_leave(struct uet_fep *fep);

/*
 * @region is about to vanish: no FEP of @domain touches its memory any more after this call.
 * New requests no longer find it.
 */
void uet_feps_region_gone(struct uet_domain *domain, const struct uet_ses_region *region);

/*
 * Reading or waiting for @rc->cntr drives the FEPs of @domain from now on. Returns 0, or what
 * uet_cntr_add_fep returns, with no effect.
 */
int uet_feps_watch(struct uet_domain *domain, struct uet_region_cntr *rc);
void uet_feps_unwatch(struct uet_domain *domain, struct uet_region_cntr *rc);

#endif /* UET_OFI_FEP_H */
