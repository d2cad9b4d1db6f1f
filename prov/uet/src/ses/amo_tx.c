/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Atomics as their initiator: operands into wire form once, when the operation is posted, and
 * the result out of it.
 *
 * The standard forms of UEC 3.4.1 fetch one element of at most 16 bytes; all other fetching
 * atomics travel as UET_OP_VENDOR_ATOMIC, described in docs/wire.md.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "ses/rma.h"

#define VENDOR_TYPE_FIRST 0xe0
#define CPU_COHERENT 0x02	/* semantic control, Table 3-23 */

struct uet_ses_amo *uet_ses_amo_get(struct uet_ses *ses)
{
	struct uet_ses_amo_buf *buf = uet_pool_get(&ses->amo_pool);

	if (!buf)
		return NULL;
	memset(buf, 0, sizeof(*buf));
	return &buf->amo;
}

size_t uet_ses_amo_max(const struct uet_ses *ses, size_t size, bool fetch, bool compare)
{
	(void)fetch;	/* a result is no longer than the operands */
	if (size == 0)
		return 0;
	return ses->cfg.payload_mtu / (compare ? 2 * size : size);
}

/* UET's T = (T & c) ^ i for libfabric's T = (i & c) | (T & ~c), fi_atomic(3). */
static void translate_mask(char *operand, char *compare, size_t n)
{
	size_t k;

	for (k = 0; k < n; k++) {
		operand[k] = (char)(operand[k] & compare[k]);
		compare[k] = (char)~compare[k];
	}
}

/*
 * The element @off bytes into the operands of @tx in wire form, to @operand; its compare value
 * to @compare unless that is NULL.
 */
static void encode_element(struct uet_ses_tx *tx, size_t off, uint8_t *operand, uint8_t *compare)
{
	struct uet_ses_amo *amo = tx->amo;
	struct uet_ses_cursor cur = { 0 };
	char i[UET_AMO_SIZE_MAX], c[UET_AMO_SIZE_MAX];

	uet_ses_iov_read(tx->iov, tx->iov_cnt, &tx->cur, off, i, amo->size);
	if (compare) {
		uet_ses_iov_read(amo->compare, amo->compare_cnt, &cur, off, c, amo->size);
		if (amo->op == UET_AMO_MSWAP)
			translate_mask(i, c, amo->size);
		uet_amo_swap(amo->type, compare, c, 1);
	}
	uet_amo_swap(amo->type, operand, i, 1);
}

void uet_ses_amo_uncopy(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	if (tx->copy && tx->copy != uet_ses_amo_buf(tx)->small)
		uet_pool_put(&ses->operand_pool, tx->copy);
	tx->copy = NULL;
}

/* All elements of @tx, and behind them as many compare values, to tx->copy. */
static void encode_payload(struct uet_ses_tx *tx, bool compare)
{
	uint8_t *wire = tx->copy;
	size_t off;

	if (tx->amo->op == UET_AMO_READ) {
		memset(wire, 0, tx->len);
		return;
	}
	for (off = 0; off < tx->len; off += tx->amo->size)
		encode_element(tx, off, wire + off, compare ? wire + tx->len + off : NULL);
}

int uet_ses_amo_encode(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	struct uet_ses_amo_buf *buf = uet_ses_amo_buf(tx);
	const struct uet_ses_amo *amo = &buf->amo;
	bool compare = uet_amo_is_compare(amo->op), fetch = tx->opcode != UET_OP_ATOMIC;
	bool standard = !fetch || (tx->len == amo->size && tx->len <= sizeof(buf->swap_value) &&
				   amo->type < VENDOR_TYPE_FIRST);
	size_t len = tx->len;

	assert(amo->size > 0 && amo->size == uet_amo_size(amo->type) && len % amo->size == 0);
	assert(len / amo->size <= uet_ses_amo_max(ses, amo->size, fetch, compare));
	assert(fetch || !compare);
	tx->copy = buf->small;
	buf->opcode = standard ? tx->opcode : UET_OP_VENDOR_ATOMIC;
	if (standard && compare) {
		size_t pad = sizeof(buf->swap_value) - len;

		encode_element(tx, 0, buf->swap_value + pad, buf->compare_value + pad);
		buf->request_length = sizeof(buf->swap_value) + sizeof(buf->compare_value);
		return 0;
	}
	buf->wire_len = (uint32_t)(compare ? 2 * len : len);
	buf->request_length = buf->wire_len;
	if (buf->wire_len > sizeof(buf->small))
		tx->copy = uet_pool_get(&ses->operand_pool);
	if (!tx->copy)
		return -EAGAIN;
	encode_payload(tx, compare);
	return 0;
}

uint32_t uet_ses_amo_header(const struct uet_ses_tx *tx, struct uet_ses_req *req)
{
	const struct uet_ses_amo_buf *buf = uet_ses_amo_buf(tx);

	req->opcode = buf->opcode;
	req->eom = true;
	req->request_length = buf->request_length;
	req->atomic_opcode = buf->amo.op;
	req->atomic_datatype = buf->amo.type;
	req->semantic_control = CPU_COHERENT;
	memcpy(req->compare_value, buf->compare_value, sizeof(req->compare_value));
	memcpy(req->swap_value, buf->swap_value, sizeof(req->swap_value));
	return buf->wire_len;
}

bool uet_ses_amo_result(struct uet_ses_tx *tx, const uint8_t *data, size_t n)
{
	struct uet_ses_amo_buf *buf = uet_ses_amo_buf(tx);
	const struct uet_ses_amo *amo = &buf->amo;
	char value[UET_AMO_SIZE_MAX];
	size_t off;

	if (n != tx->len)
		return false;
	for (off = 0; off < n && amo->result_cnt > 0; off += amo->size) {
		uet_amo_swap(amo->type, value, data + off, 1);
		uet_ses_iov_write(amo->result, amo->result_cnt, &buf->cur, off, value, amo->size);
	}
	return true;
}
