/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Guests: messages that reach a receive queue by other ways than a SES (those of a peer provider,
 * fi_peer(3)). They are matched like all others, in the order of their arrival among them; their
 * payload and their completion are the business of the floor above. All functions run under the
 * lock of the queue.
 *
 *   new -- match: a receive ----------------------------> taken -- end
 *    `--- none: queue -- start (a receive was posted) ----'
 *                 |  `-- drop (the application discarded it)
 *                 `----- end (its sender's transport is gone)
 */
#ifndef UET_SES_GUEST_H
#define UET_SES_GUEST_H

#include "ses/ses.h"

struct uet_ses_guest;

struct uet_ses_guest_msg {
	uint8_t queue;			/* enum uet_ses_queue */
	uint64_t tag;
	size_t len;			/* bytes */
	struct uet_ses_source source;	/* host.family 0: not known, for no directed receive */
};

struct uet_ses_guest_ops {
	/*
	 * @rx, just posted, is for the queued guest of @owner, which may end it inside. @rx (its
	 * fragments, context, flags) stays valid until then.
	 */
	void (*start)(void *owner, struct uet_ses_rx *rx);

	/* The application discarded the guest of @owner; it is gone. */
	void (*drop)(void *owner);
};

/* A new guest of @rxq, described by @msg. NULL when out of memory. */
struct uet_ses_guest *uet_ses_guest_new(struct uet_ses_rxq *rxq,
					const struct uet_ses_guest_msg *msg,
					const struct uet_ses_guest_ops *ops, void *owner);

/* The posted receive that takes the new @guest, taken off its queue; NULL: none. */
struct uet_ses_rx *uet_ses_guest_match(struct uet_ses_guest *guest);

/*
 * @guest, for which there was no receive, is the latest unexpected message. @has_data and @data:
 * what a peek tells of its header data.
 */
void uet_ses_guest_queue(struct uet_ses_guest *guest, bool has_data, uint64_t data);

/* The sender of the queued @guest is known now: a directed receive may start it, inside. */
void uet_ses_guest_known(struct uet_ses_guest *guest, const struct uet_ses_source *source);

/*
 * @guest is over, in whatever state: the receive that it has taken is given back without a
 * report (but rx_done tells of the release of a multi-receive buffer), a claim will fail.
 */
void uet_ses_guest_end(struct uet_ses_guest *guest);

/* ---- for the other files of ses/ ---- */

struct uet_ses_in;

/* Give the queued or claimed guest @in the receive @rx. */
void uet_ses_guest_start(struct uet_ses_in *in, struct uet_ses_rx *rx);

/* Drop the queued or claimed guest @in. */
void uet_ses_guest_discard(struct uet_ses_in *in);

/* Bytes of a guest: what rxq->guest_pool holds. */
size_t uet_ses_guest_size(void);

#endif /* UET_SES_GUEST_H */
