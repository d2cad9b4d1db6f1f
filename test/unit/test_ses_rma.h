/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Regions with guard bytes around every segment, and RMA operations of one fragment.
 */
#ifndef TEST_SES_RMA_H
#define TEST_SES_RMA_H

#include "test_ses_stub.h"

#define GUARD	64
#define KEY	0x1000000000007ull
#define ROOM	20000

/* A region of up to three segments; the bytes between them must never change. */
struct mr {
	struct uet_ses_region region;
	struct iovec iov[3];
	uint8_t *memory;
	size_t size;
	uint8_t *before;	/* image of memory */
};

/* Segments of the given lengths (0: none). */
static inline struct mr *mr_new(uint64_t key, uint8_t access, size_t a, size_t b, size_t c)
{
	size_t len[3] = { a, b, c }, at = GUARD;
	struct mr *mr = calloc(1, sizeof(*mr));
	int i;

	mr->size = a + b + c + 4 * GUARD + 48;
	mr->memory = aligned_alloc(64, (mr->size + 63) / 64 * 64);
	mr->before = malloc(mr->size);
	fill_pattern(mr->memory, mr->size, 77);
	for (i = 0; i < 3; i++) {
		if (len[i] == 0)
			continue;
		mr->iov[mr->region.iov_cnt].iov_base = mr->memory + at;
		mr->iov[mr->region.iov_cnt++].iov_len = len[i];
		mr->region.len += len[i];
		at += (len[i] + 15) / 16 * 16 + GUARD;
	}
	mr->region.iov = mr->iov;
	mr->region.key = key;
	mr->region.access = access;
	memcpy(mr->before, mr->memory, mr->size);
	return mr;
}

static inline void mr_free(struct mr *mr)
{
	free(mr->memory);
	free(mr->before);
	free(mr);
}

/* Copy the region's bytes [off, off + n) out of @image, which is mr->memory or mr->before. */
static inline void mr_read(const struct mr *mr, const uint8_t *image, uint64_t off, size_t n,
			   uint8_t *out)
{
	size_t i, k;

	for (i = 0, k = 0; i < mr->region.iov_cnt; i++) {
		size_t at = (size_t)((uint8_t *)mr->iov[i].iov_base - mr->memory), j;

		for (j = 0; j < mr->iov[i].iov_len; j++, k++)
			if (k >= off && k < off + n)
				out[k - off] = image[at + j];
	}
}

/* Nothing but the region's bytes [off, off + n) has changed since the last call. */
static inline void mr_check(struct mr *mr, uint64_t off, size_t n)
{
	size_t i, k, at = 0;
	bool *may = calloc(mr->size, sizeof(*may));

	for (i = 0, k = 0; i < mr->region.iov_cnt; i++) {
		size_t j;

		at = (size_t)((uint8_t *)mr->iov[i].iov_base - mr->memory);
		for (j = 0; j < mr->iov[i].iov_len; j++, k++)
			may[at + j] = k >= off && k < off + n;
	}
	for (i = 0; i < mr->size; i++)
		if (!may[i])
			assert_int_equal(mr->memory[i], mr->before[i]);
	memcpy(mr->before, mr->memory, mr->size);
	free(may);
}

/* Start an operation on the region @key of @to. */
static inline struct uet_ses_tx *side_rma(struct side *s, const struct side *to, uint8_t mode,
					  uint8_t opcode, uint64_t key, uint64_t offset, void *buf,
					  size_t len)
{
	struct uet_ses_tx *tx = uet_ses_tx_get(s->ses);

	assert_non_null(tx);
	tx->dest.addr = to->addr;
	tx->dest.pid_on_fep = 0x123;
	tx->dest.resource_index = 1;
	tx->dest.relative = true;
	tx->opcode = opcode;
	tx->mode = mode;
	tx->key = key;
	tx->offset = offset;
	tx->len = len;
	tx->iov_cnt = len ? 2 : 0;
	tx->iov[0].iov_base = buf;
	tx->iov[0].iov_len = len / 3;
	tx->iov[1].iov_base = (uint8_t *)buf + len / 3;
	tx->iov[1].iov_len = len - len / 3;
	tx->context = tx;
	return tx;
}

static inline void side_start(struct side *s, struct uet_ses_tx *tx)
{
	assert_int_equal(uet_ses_send(s->ses, tx, 0), 0);
}

/* A packet of a hand-made RMA request. */
static inline struct uet_ses_req rma_part(uint8_t opcode, uint16_t id, uint32_t length,
					  uint32_t off, uint32_t n, uint64_t at)
{
	struct uet_ses_req req = stub_part(opcode, id, length, off, n);

	req.match_bits = KEY;
	req.buffer_offset = at;
	return req;
}

/* The answer to a read with data inside. */
static inline struct uet_ses_resp answer_data(const struct uet_pds_answer *a, const uint8_t **data)
{
	struct uet_ses_resp resp;
	int n = uet_ses_resp_unpack(&resp, a->next_hdr, a->ses, a->len);

	assert_int_equal(a->nack, 0);
	assert_true(n > 0);
	assert_int_equal(resp.opcode, UET_RESP_W_DATA);
	assert_int_equal(resp.return_code, UET_RC_OK);
	assert_int_equal(resp.payload_length, a->len - n);
	assert_true(a->gtd_del);
	assert_true(a->complete);
	*data = a->ses + n;
	return resp;
}

#endif /* TEST_SES_RMA_H */
