/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The floor above a PDS of pds_sim.h: it checks each delivery and completion, serves reads, and
 * sends their data back. Part of pds_sim.h, which alone includes it.
 */
#ifndef UET_TEST_PDS_SIM_UPPER_H
#define UET_TEST_PDS_SIM_UPPER_H

/* Payload bytes of each packet of @m. */
static inline uint32_t sim_plen(const struct sim_msg *m)
{
	return m->read ? 0 : m->plen;
}

static inline void sim_fill(void *upper, struct uet_pds_msg *msg, uint32_t index,
			    struct uet_pds_fill *f)
{
	struct sim_msg *m = uet_container_of(msg, struct sim_msg, m);
	uint32_t plen = sim_plen(m), half = plen / 2;

	(void)upper;
	assert_true(index < msg->pkt_cnt);
	assert_false(m->finished);
	uet_put_be32(f->ses, SIM_MAGIC);
	uet_put_be32(f->ses + 4, m->id);
	uet_put_be32(f->ses + 8, index);
	uet_put_be32(f->ses + 12, m->plen);
	uet_put_be32(f->ses + 16, msg->pkt_cnt);
	f->ses_len = SIM_SES;
	f->next_hdr = m->parent ? UET_HDR_RESPONSE_DATA : UET_HDR_REQUEST_STD;
	f->eom = index + 1 == msg->pkt_cnt;
	f->lazy = m->lazy;
	f->payload_len = plen;
	f->iov_cnt = 0;
	if (plen) {
		uint8_t *at = m->buf + (size_t)index * m->plen;

		f->iov[f->iov_cnt++] = (struct iovec){ at, half };
		f->iov[f->iov_cnt++] = (struct iovec){ at + half, plen - half };
	}
}

/* A RUDI response brought what packet @index of @m reads. */
static inline void sim_check_data(struct sim_msg *m, uint32_t index, const uint8_t *ses,
				  size_t len)
{
	uint32_t i;

	assert_int_equal(len, 12 + m->plen);
	for (i = 0; i < m->plen; i++)
		assert_int_equal(ses[12 + i], sim_byte(m->id, index, i));
	m->data[index]++;
	assert_int_equal(m->data[index], 1);
}

static inline bool sim_response(void *upper, struct uet_pds_msg *msg, uint32_t index,
				uint8_t next_hdr, const uint8_t *ses, size_t len)
{
	struct sim_msg *m = uet_container_of(msg, struct sim_msg, m);

	(void)upper;
	assert_true(index < m->cnt);
	if (m->mode == UET_MODE_RUDI && m->read && next_hdr == UET_HDR_RESPONSE_DATA) {
		sim_check_data(m, index, ses, len);
		return true;
	}
	assert_int_equal(next_hdr, UET_HDR_RESPONSE);
	assert_int_equal(len, 12);
	if (ses[0] == 3)
		return !m->read && (!m->noresp_last || index + 1 != msg->pkt_cnt);
	if (ses[0] == 0) {
		assert_false(m->gtd);	/* a default must not hide the real answer */
		return !m->read;
	}
	assert_true(m->gtd);
	assert_int_equal(uet_get_be16(ses + 2), m->id & 0xffff);
	assert_int_equal(uet_get_be32(ses + 8), index);
	m->resp[index]++;
	assert_int_equal(m->resp[index], 1);
	return true;
}

static inline void sim_done(void *upper, struct uet_pds_msg *msg, int err, uint8_t nack)
{
	struct sim_msg *m = uet_container_of(msg, struct sim_msg, m);
	struct sim_end *e = upper;
	struct sim *s = e->sim;
	uint32_t i, lives = UINT32_MAX;

	assert_int_equal(e->index, m->from);
	assert_false(m->finished);
	m->finished = true;
	m->err = err;
	m->nack = nack;
	m->done_at = s->now;
	if (!err) {
		for (i = 0; i < msg->pkt_cnt; i++) {
			if (s->end[m->to].pds)
				assert_true(s->lax || m->mode == UET_MODE_RUDI ?
					    m->seen[i] >= 1 : m->seen[i] == 1);
			lives &= m->lives[i];
			if (m->gtd)
				assert_int_equal(m->resp[i], 1);
			else if (m->read)
				assert_int_equal(m->data[i], 1);
		}
		if (s->end[m->to].pds && m->mode != UET_MODE_RUDI)
			assert_int_not_equal(lives, 0);
	}
	free(m->buf);
	m->buf = NULL;
	s->open--;
	if (s->on_done)
		s->on_done(s, m);
}

static inline void sim_check_order(struct sim_end *e, const struct uet_pds_rx *rx,
				   const struct sim_msg *m, uint32_t index)
{
	uint64_t at = (uint64_t)m->id << 32 | (index + 1);

	if (rx->mode != UET_MODE_ROD || e->sim->lax)
		return;
	assert_true(at > e->rod_last[m->from]);
	if (index > 0)
		assert_true(at == e->rod_last[m->from] + 1);
	e->rod_last[m->from] = at;
}

static inline struct sim_msg *sim_msg(struct sim *s, int from, int to, uint8_t mode,
				      uint32_t cnt, uint32_t plen);

/* Send the data that packet @index of @m reads. */
static inline bool sim_serve(struct sim *s, struct sim_end *e, const struct uet_pds_rx *rx,
			     struct sim_msg *m, uint32_t index)
{
	struct sim_msg *back = sim_msg(s, e->index, m->from, m->mode, 1, m->plen);

	back->parent = m;
	back->part = index;
	back->posted = uet_pds_post_return(e->pds, rx->pdc, &back->m, s->now) == 0;
	back->finished = !back->posted;
	s->open += back->posted;
	return back->posted;
}

/* Return packet @m arrived. */
static inline void sim_take_data(struct sim_end *e, const struct uet_pds_rx *rx,
				 struct sim_msg *m)
{
	struct sim_msg *p = m->parent;
	uint32_t index = UINT32_MAX;

	if (rx->mode == UET_MODE_ROD && !e->sim->lax) {
		assert_true(m->id > e->rod_back[m->from]);
		e->rod_back[m->from] = m->id;
	}
	/* A life that ended may have asked for it. */
	if (p->finished && e->sim->lax)
		return;
	assert_false(p->finished);
	if (!e->sim->lax || p->m.pdc == rx->pdc) {
		assert_ptr_equal(uet_pdc_msg_at(rx->pdc, p->m.psn0 + m->part, &index), &p->m);
		assert_int_equal(index, m->part);
	}
	p->data[m->part]++;
	uet_pds_answered(e->pds, &p->m, m->part);
	assert_null(uet_pdc_msg_at(rx->pdc, p->m.psn0 + m->part, &index));
	uet_pds_answered(e->pds, &p->m, m->part);	/* no effect */
}

/* A packet without PDC arrived. */
static inline void sim_rx_alone(struct sim_end *e, const struct uet_pds_rx *rx,
				struct sim_msg *m, uint32_t index,
				struct uet_pds_answer *answer)
{
	uint32_t i;

	m->seen[index] = 1;
	e->rx_cnt++;
	if (rx->mode == UET_MODE_UUD)
		return;
	assert_int_equal(rx->psn, m->m.psn0 + index);
	answer->len = 12;
	answer->ses[0] = m->gtd ? 1 : 0;
	answer->ses[1] = m->gtd ? 5 : 1;
	uet_put_be16(answer->ses + 2, (uint16_t)m->id);
	uet_put_be32(answer->ses + 8, m->gtd ? index : 0);
	if (!m->read || m->gtd)
		return;
	answer->next_hdr = UET_HDR_RESPONSE_DATA;
	for (i = 0; i < m->plen; i++)
		e->scratch[i] = sim_byte(m->id, index, i);
	answer->data = e->scratch;
	answer->data_len = m->plen;
}

static inline void sim_rx(void *upper, const struct uet_pds_rx *rx, struct uet_pds_answer *answer)
{
	struct sim_end *e = upper;
	struct sim *s = e->sim;
	struct sim_msg *m;
	uint32_t id, index, i, plen;

	assert_true(rx->len >= SIM_SES);
	assert_int_equal(uet_get_be32(rx->data), SIM_MAGIC);
	id = uet_get_be32(rx->data + 4);
	index = uet_get_be32(rx->data + 8);
	assert_true(id < s->msg_cnt);
	m = s->msgs[id];
	assert_int_equal(m->to, e->index);
	assert_true(index < m->cnt);
	assert_int_equal(rx->mode, m->mode);
	plen = sim_plen(m);
	assert_int_equal(rx->len, SIM_SES + plen);
	for (i = 0; i < plen; i++)
		assert_int_equal(rx->data[SIM_SES + i], sim_byte(id, index, i));
	if (m->parent)
		assert_int_equal(rx->next_hdr, UET_HDR_RESPONSE_DATA);
	answer->next_hdr = UET_HDR_RESPONSE;
	if (e->nack_left || sim_chance(s, e->nack_ppm)) {
		if (e->nack_left)
			e->nack_left--;
		answer->nack = e->nack_code;
		return;
	}
	if (!rx->pdc) {
		sim_rx_alone(e, rx, m, index, answer);
		return;
	}
	if (m->read && !m->gtd && !sim_serve(s, e, rx, m, index)) {
		answer->nack = UET_NACK_NO_RESOURCE;
		return;
	}
	m->seen[index]++;
	m->lives[index] |= 1u << e->life % 32;
	e->rx_cnt++;
	if (!s->lax)
		assert_int_equal(m->seen[index], 1);
	if (m->parent)
		sim_take_data(e, rx, m);
	else
		sim_check_order(e, rx, m, index);
	answer->len = 12;
	answer->ses[0] = m->gtd ? 1 : m->noresp_last ? 3 : 0;
	answer->ses[1] = m->gtd ? 5 : 1;
	uet_put_be16(answer->ses + 2, (uint16_t)id);
	uet_put_be24(answer->ses + 5, 0x42);
	uet_put_be32(answer->ses + 8, m->gtd ? index : 0);
	answer->gtd_del = m->gtd;
	answer->complete = m->lazy && index + 1 == m->cnt;
}

static inline void sim_gone(void *upper, struct uet_pdc *pdc, int err)
{
	struct sim_end *e = upper;

	assert_non_null(uet_pdc_peer(pdc));
	e->gone++;
	e->gone_err = err;
}

static inline bool sim_needed(void *upper, const struct uet_pdc *pdc)
{
	const struct sim_end *e = upper;

	assert_true(uet_pdc_is_open(pdc));
	return e->needed;
}

static const struct uet_pds_upper_ops sim_upper_ops = {
	.fill = sim_fill, .response = sim_response, .done = sim_done, .rx = sim_rx,
	.pdc_gone = sim_gone, .needed = sim_needed,
};

#endif /* UET_TEST_PDS_SIM_UPPER_H */
