/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * RUDI (UEC 3.5.7): packets that stand alone. Each is repeated by its source until its response
 * arrives; the target keeps no state. Private to pds/.
 *
 *              post_rudi              first packet          last packet      all responses
 *   message  ------------> queue ....................... -------------> sent ----------> done()
 *   packet                             out <------> repeat
 *                                          time-out
 */
#ifndef UET_PDS_RUDI_H
#define UET_PDS_RUDI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/timer.h"
#include "pds/pds.h"

struct uet_pkt;

/* A message that is not finished. */
struct uet_rudi_msg {
	struct uet_list link;	/* in queue or sent */
	struct uet_pds_msg *msg;
	struct uet_addr dst;
	uint64_t heard;		/* ns: last sign of life, or when an answer became due */
	uint64_t round_at;	/* ns: last round that counts in silent */
	uint64_t refused_at;	/* ns: first "port unreachable" since heard; 0 none */
	uint32_t out;		/* packets without response */
	uint8_t silent;		/* rounds of time-outs since heard */
	bool unreach;		/* "host unreachable" since heard */
};

/* A packet that was sent and has no response. */
struct uet_rudi_txd {
	struct uet_list link;	/* in out or repeat */
	struct uet_rudi_txd *hash_next;
	struct uet_rudi_msg *rm;
	uint64_t due;		/* ns: when it is repeated */
	uint32_t id;
	uint32_t index;		/* in its message */
	uint16_t batch;		/* that it last went into */
	uint8_t retries;	/* time-outs */
	uint8_t nacks;		/* refusals */
	bool refused;		/* due ends the pause after one */
};

struct uet_rudi {
	struct uet_pool msgs, txds;
	struct uet_list queue;	/* messages with packets that were never sent */
	struct uet_list sent;	/* the other ones */
	struct uet_list out;	/* packets that wait for their response or their time */
	struct uet_list repeat;	/* packets to be repeated now */
	struct uet_rudi_txd **buckets;	/* by id & bucket_mask */
	uint32_t bucket_mask;
	uint32_t next_id;
	uint64_t stuck_at;	/* ns: since when our own NIC takes nothing; 0: it does */
	uint8_t stuck;		/* rounds of the timer since then */
	struct uet_timer timer;
};

/* Prepare for cfg.max_rudi packets. Returns 0 or -ENOMEM (then uet_rudi_destroy). */
int uet_rudi_create(struct uet_pds *pds);

/* Free everything. */
void uet_rudi_destroy(struct uet_pds *pds);

/* The timer of struct uet_rudi. @arg is the struct uet_pds. */
void uet_rudi_timer(struct uet_timer *timer, void *arg, uint64_t now);

/* True when a packet waits to be sent. */
bool uet_rudi_ready(const struct uet_pds *pds);

/* Send what is ready. */
void uet_rudi_pump(struct uet_pds *pds);

/* uet_pds_stop for a message that may be one of these. */
bool uet_rudi_stop(struct uet_pds *pds, struct uet_pds_msg *msg, bool last);

/* The NIC reports that packets to @dst met error @err (ECONNREFUSED, or no route). */
void uet_rudi_report(struct uet_pds *pds, const struct uet_addr *dst, int err);

/* A RUDI request, a response, or a NACK of a request (NT = 1) arrived. */
void uet_rudi_rx_request(struct uet_pds *pds, const struct uet_pds_hdr *h,
			 const struct uet_pkt *pkt);
void uet_rudi_rx_response(struct uet_pds *pds, const struct uet_pds_hdr *h,
			  const struct uet_pkt *pkt);
void uet_rudi_rx_nack(struct uet_pds *pds, const struct uet_pds_hdr *h,
		      const struct uet_pkt *pkt);

#endif /* UET_PDS_RUDI_H */
