/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The test as a peer of a real PDS, packet by packet: as initiator (raw_init, raw_open) or as
 * target (raw_init_target). PSNs are given relative to Start_PSN. Include once per program.
 */
#ifndef UET_TEST_PDS_RAW_H
#define UET_TEST_PDS_RAW_H

#include "pds_sim.h"

/* ---- speaking for an end without a PDS ---- */

/* Take the oldest packet that arrived at end @i; false if none. @ses may be NULL. */
static inline bool sim_take(struct sim *s, int i, struct uet_pds_hdr *h, uint8_t *ses,
			    size_t *len)
{
	struct sim_end *e = &s->end[i];
	struct sim_pkt *p = e->inbox;
	int n;

	if (!p)
		return false;
	e->inbox = p->next;
	if (!e->inbox)
		e->inbox_tail = &e->inbox;
	n = uet_pds_unpack(h, p->data, p->len);
	assert_true(n > 0);
	if (len)
		*len = p->len - (uint32_t)n;
	if (ses)
		memcpy(ses, p->data + n, p->len - (uint32_t)n);
	free(p);
	return true;
}

/* Drop everything that arrived at end @i. */
static inline void sim_drain(struct sim *s, int i)
{
	struct uet_pds_hdr h;

	while (sim_take(s, i, &h, NULL, NULL))
		;
}

/* Send bytes from address @src to end @to with @tos, and let them arrive. */
static inline void sim_inject(struct sim *s, const struct uet_addr *src, int to,
			      const void *data, uint32_t len, uint8_t tos)
{
	struct uet_nic_rx rx;
	void *copy = malloc(len ? len : 1);	/* so that a sanitizer sees its end */

	memcpy(copy, data, len);
	rx = (struct uet_nic_rx){ .data = copy, .len = len, .src = *src, .tos = tos,
				  .when = s->waits ? s->now - s->waits : 0 };
	uet_pds_rx(s->end[to].pds, &rx, 1, s->now);
	free(copy);
}

/* Send header @h and a request or response part from end @from to end @to. */
static inline void sim_speak(struct sim *s, int from, int to, const struct uet_pds_hdr *h,
			     const void *ses, uint32_t len)
{
	uint8_t buf[4096];
	size_t n = uet_pds_pack(h, buf);

	assert_true(n > 0 && n + len <= sizeof(buf));
	if (len)
		memcpy(buf + n, ses, len);
	sim_inject(s, &s->end[from].nic.addr, to, buf, (uint32_t)n + len, 0);
}

/* The stub's header of packet @index of @m, and its payload. Returns the length. */
static inline uint32_t sim_ses(const struct sim_msg *m, uint32_t index, uint8_t *buf)
{
	uet_put_be32(buf, SIM_MAGIC);
	uet_put_be32(buf + 4, m->id);
	uet_put_be32(buf + 8, index);
	uet_put_be32(buf + 12, m->plen);
	uet_put_be32(buf + 16, m->cnt);
	memcpy(buf + SIM_SES, m->buf + (size_t)index * m->plen, sim_plen(m));
	return SIM_SES + sim_plen(m);
}

/* The test as one side of a PDC whose other side is real. */
struct raw {
	struct sim *s;
	int me, other;
	uint8_t mode;
	uint16_t id, peer_id;
	uint32_t start;
	uint16_t tpdcid;	/* the test's, when it plays the target */
};

static const uint8_t raw_ok[12] = { 0, 1 };	/* default response */

/* Let the real side speak, and what it says arrive. */
static inline void raw_turn(struct raw *r)
{
	uet_pds_progress(r->s->end[r->other].pds, r->s->now, true);
	sim_run_for(r->s, r->s->delay + 2 * SIM_GRID);
}

/* Two ends: 0 is the test, 1 is real; nothing sent yet. The test plays the initiator. */
static inline void raw_init(struct raw *r, struct sim *s, uint8_t mode,
			    const struct uet_pds_cfg *cfg)
{
	struct uet_pds_cfg def = sim_cfg();

	sim_init(s, 1);
	sim_add(s, NULL);
	sim_add(s, cfg ? cfg : &def);
	*r = (struct raw){ .s = s, .me = 0, .other = 1, .mode = mode, .id = 0x101,
			   .start = 0xfffffff0u };
}

/* Send packet @index of @m at Start_PSN + @at with @flags and CLEAR = Start_PSN + @clear. */
static inline void raw_request(struct raw *r, const struct sim_msg *m, uint32_t index,
			       int32_t at, uint8_t flags, int32_t clear)
{
	uint8_t buf[4096];
	struct uet_pds_hdr h = {
		.type = r->mode == UET_MODE_ROD ? UET_PDS_ROD_REQ : UET_PDS_RUD_REQ,
		.next_hdr = UET_HDR_REQUEST_STD,
		.flags = flags,
		.psn = r->start + (uint32_t)at,
		.offset = (int16_t)(clear - at),
		.spdcid = r->id,
		.dpdcid = r->peer_id,
	};

	if (!r->peer_id) {
		h.flags |= UET_PDS_F_SYN;
		h.psn_offset = (uint16_t)at;
	}
	sim_speak(r->s, r->me, r->other, &h, buf, sim_ses(m, index, buf));
}

/* Send a control packet. */
static inline void raw_ctl(struct raw *r, uint8_t ctl, uint8_t flags, uint32_t psn,
			   uint32_t payload)
{
	struct uet_pds_hdr h = {
		.type = UET_PDS_CP, .ctl_type = ctl, .flags = flags, .psn = psn,
		.spdcid = r->id, .dpdcid = r->peer_id, .payload = payload,
		.probe_opaque = 0xbeef,
	};

	sim_speak(r->s, r->me, r->other, &h, NULL, 0);
}

/* Take the next packet of the real side; fails the test if there is none. */
static inline struct uet_pds_hdr raw_take(struct raw *r, uint8_t *ses)
{
	struct uet_pds_hdr h;

	if (!sim_take(r->s, r->me, &h, ses, NULL))
		fail_msg("no packet came");
	return h;
}

static inline bool raw_silent(struct raw *r)
{
	return r->s->end[r->me].inbox == NULL;
}

/* Open a PDC with one plain message and take its ACK. */
static inline void raw_open(struct raw *r)
{
	struct sim_msg *m = sim_msg(r->s, r->me, r->other, r->mode, 1, 10);
	struct uet_pds_hdr h;

	raw_request(r, m, 0, 0, UET_PDS_F_AR, -1);
	raw_turn(r);
	h = raw_take(r, NULL);
	assert_int_equal(h.type, UET_PDS_ACK_CC);
	assert_int_equal(h.psn, r->start);
	assert_int_equal(h.dpdcid, r->id);
	assert_int_not_equal(h.spdcid, 0);
	assert_true(raw_silent(r));
	r->peer_id = h.spdcid;
}

/* Two ends: 0 is the test, 1 is real. The test plays the target of what end 1 posts. */
static inline void raw_init_target(struct raw *r, struct sim *s, uint8_t mode,
				   const struct uet_pds_cfg *cfg)
{
	raw_init(r, s, mode, cfg);
	r->tpdcid = 0x202;
}

/* Drop ACK_REQs that have come, which long silence causes; returns how many. */
static inline uint32_t raw_hush(struct raw *r)
{
	struct uet_pds_hdr h;
	uint32_t n = 0;

	for (; !raw_silent(r); n++) {
		const struct sim_pkt *p = r->s->end[r->me].inbox;

		assert_true(uet_pds_unpack(&h, p->data, p->len) > 0);
		if (h.type != UET_PDS_CP || h.ctl_type != UET_CTL_ACK_REQ)
			break;
		raw_take(r, NULL);
	}
	return n;
}

/*
 * Take the next request as target, and what was asked before it; learns the initiator's
 * identifiers from the first.
 */
static inline struct uet_pds_hdr raw_take_request(struct raw *r)
{
	struct uet_pds_hdr h;

	raw_hush(r);
	h = raw_take(r, NULL);
	assert_true(uet_pds_is_request(h.type));
	if (h.flags & UET_PDS_F_SYN) {
		r->peer_id = h.spdcid;
		r->start = uet_pds_start_psn(&h);
	}
	r->id = r->tpdcid;
	assert_int_equal(h.spdcid, r->peer_id);
	return h;
}

/* ACK as target: CACK and ACK_PSN relative to Start_PSN. */
static inline void raw_ack_with(struct raw *r, int32_t cack, int32_t ack, uint8_t flags,
				const uint8_t *ses, uint32_t len, uint8_t mpr, uint64_t sack)
{
	struct uet_pds_hdr h = {
		.type = UET_PDS_ACK_CC, .next_hdr = len ? UET_HDR_RESPONSE : UET_HDR_NONE,
		.flags = flags, .psn = r->start + (uint32_t)cack,
		.offset = (int16_t)(ack - cack), .spdcid = r->tpdcid, .dpdcid = r->peer_id,
		.mpr = mpr, .sack_psn_offset = 1, .sack_bitmap = sack,
	};

	sim_speak(r->s, r->me, r->other, &h, ses, len);
}

static inline void raw_ack(struct raw *r, int32_t cack, int32_t ack)
{
	raw_ack_with(r, cack, ack, 0, raw_ok, sizeof(raw_ok), 8, 0);
}

/* NACK as target. */
static inline void raw_nack(struct raw *r, uint8_t code, int32_t at, uint32_t payload,
			    bool pdc)
{
	struct uet_pds_hdr h = {
		.type = UET_PDS_NACK, .nack_code = code, .psn = r->start + (uint32_t)at,
		.spdcid = pdc ? r->tpdcid : 0, .dpdcid = r->peer_id, .payload = payload,
	};

	sim_speak(r->s, r->me, r->other, &h, NULL, 0);
}

#endif /* UET_TEST_PDS_RAW_H */
