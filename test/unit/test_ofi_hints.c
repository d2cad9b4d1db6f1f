/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Hints against offer: what matches, and what comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rdma/fi_ext_uet.h>

#include "ofi/info.h"
#include "test_ofi_fake.h"

#define V(minor) FI_VERSION(1, minor)
#define ANY V(17)
#define OK 0
#define NO -FI_ENODATA

enum part { INFO, TX, RX, EP, DOMAIN, FABRIC };

static char *part_of(struct fi_info *info, enum part part)
{
	switch (part) {
	case TX:
		return (char *)info->tx_attr;
	case RX:
		return (char *)info->rx_attr;
	case EP:
		return (char *)info->ep_attr;
	case DOMAIN:
		return (char *)info->domain_attr;
	case FABRIC:
		return (char *)info->fabric_attr;
	default:
		return (char *)info;
	}
}

static void put(struct fi_info *info, enum part part, size_t offset, size_t size, uint64_t value)
{
	char *at = part_of(info, part) + offset;

	if (size == 4) {
		uint32_t v = (uint32_t)value;

		memcpy(at, &v, sizeof(v));
	} else {
		memcpy(at, &value, sizeof(value));
	}
}

static uint64_t get(struct fi_info *info, enum part part, size_t offset, size_t size)
{
	const char *at = part_of(info, part) + offset;
	uint64_t value;
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	if (size == 4)
		return v;
	memcpy(&value, at, sizeof(value));
	return value;
}

#define MEMBER(part, type, m) part, offsetof(struct type, m), sizeof(((struct type *)0)->m)
#define I(m) MEMBER(INFO, fi_info, m)
#define T(m) MEMBER(TX, fi_tx_attr, m)
#define R(m) MEMBER(RX, fi_rx_attr, m)
#define E(m) MEMBER(EP, fi_ep_attr, m)
#define D(m) MEMBER(DOMAIN, fi_domain_attr, m)
#define F(m) MEMBER(FABRIC, fi_fabric_attr, m)

#define COMM (FI_LOCAL_COMM | FI_REMOTE_COMM | FI_FENCE)
#define RMA_DIRS (FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE)
#define TX_ALL (FI_MSG | FI_TAGGED | FI_RMA | FI_ATOMIC | FI_SEND | FI_READ | FI_WRITE | FI_FENCE)
#define RX_SHOWN (FI_MSG | FI_TAGGED | FI_RMA | FI_ATOMIC | FI_RECV | FI_REMOTE_READ | \
		  FI_REMOTE_WRITE | FI_DIRECTED_RECV | FI_RMA_EVENT | FI_MULTI_RECV)

#define ECHO UINT64_MAX		/* the answer has what the hint has */

/* One attribute at a time. @back: what an answer shows, where it is not the hint. */
static const struct single {
	enum part part;
	size_t offset, size;
	uint64_t value;
	uint32_t version;
	int ret;
	uint64_t back;
} singles[] = {
	{ I(caps), FI_MSG, ANY, OK,
	  FI_MSG | FI_SEND | FI_RECV | COMM },
	{ I(caps), FI_TAGGED | FI_DIRECTED_RECV | FI_LOCAL_COMM, ANY, OK,
	  FI_TAGGED | FI_DIRECTED_RECV | FI_SEND | FI_RECV | COMM },
	{ I(caps), FI_MSG | FI_SEND, ANY, OK,
	  FI_MSG | FI_SEND | COMM },
	{ I(caps), FI_MSG | FI_RECV, ANY, OK,
	  FI_MSG | FI_RECV | COMM },
	{ I(caps), FI_MSG | FI_SOURCE, ANY, OK,
	  FI_MSG | FI_SOURCE | FI_SEND | FI_RECV | COMM },
	{ I(caps), FI_MSG | FI_SOURCE_ERR, ANY, OK,
	  FI_MSG | FI_SOURCE | FI_SOURCE_ERR | FI_SEND | FI_RECV | COMM },
	{ I(caps), 0, ANY, OK,
	  TX_ALL | RX_SHOWN | COMM },
	{ I(caps), FI_RMA, ANY, OK, FI_RMA | RMA_DIRS | FI_RMA_EVENT | COMM },
	{ I(caps), FI_ATOMIC, ANY, OK, FI_ATOMIC | RMA_DIRS | FI_RMA_EVENT | COMM },
	{ I(caps), FI_RMA | FI_ATOMIC | FI_WRITE, ANY, OK,
	  FI_RMA | FI_ATOMIC | FI_WRITE | FI_RMA_EVENT | COMM },
	{ I(caps), FI_RMA | FI_REMOTE_READ | FI_REMOTE_WRITE, ANY, OK,
	  FI_RMA | FI_REMOTE_READ | FI_REMOTE_WRITE | FI_RMA_EVENT | COMM },
	{ I(caps), FI_MSG | FI_RMA, ANY, OK,
	  FI_MSG | FI_RMA | FI_SEND | FI_RECV | RMA_DIRS | FI_RMA_EVENT | COMM },
	{ I(caps), FI_MSG | FI_RMA | FI_SEND | FI_READ, ANY, OK,
	  FI_MSG | FI_RMA | FI_SEND | FI_READ | FI_RMA_EVENT | COMM },
	{ I(caps), FI_MSG | FI_RMA | FI_SEND, ANY, OK,
	  FI_MSG | FI_RMA | FI_SEND | RMA_DIRS | FI_RMA_EVENT | COMM },
	{ I(caps), FI_MSG | FI_RMA_EVENT, ANY, OK,
	  FI_MSG | FI_SEND | FI_RECV | FI_RMA_EVENT | COMM },
	{ I(caps), FI_MSG | FI_READ, ANY, OK, FI_MSG | FI_READ | FI_SEND | FI_RECV | COMM },
	{ I(caps), FI_MSG | FI_MULTI_RECV, ANY, OK,
	  FI_MSG | FI_MULTI_RECV | FI_SEND | FI_RECV | COMM },
	{ I(caps), FI_MSG | FI_TRIGGER, ANY, OK,
	  FI_MSG | FI_TRIGGER | FI_SEND | FI_RECV | COMM },
	{ I(caps), FI_MSG | FI_HMEM, ANY, NO, 0 },
	{ I(caps), FI_MSG | FI_NAMED_RX_CTX, ANY, OK,
	  FI_MSG | FI_NAMED_RX_CTX | FI_SEND | FI_RECV | COMM },
	{ I(caps), FI_NAMED_RX_CTX, ANY, OK,
	  FI_NAMED_RX_CTX | FI_SEND | FI_RECV | COMM },
	{ I(caps), FI_NAMED_RX_CTX | FI_SEND, ANY, OK,
	  FI_NAMED_RX_CTX | FI_SEND | COMM },
	{ I(caps), FI_MSG | FI_MULTICAST, ANY, NO, 0 },
	{ I(caps), FI_MSG | FI_COLLECTIVE, ANY, NO, 0 },
	{ I(caps), FI_MSG | FI_SHARED_AV, ANY, OK,
	  FI_MSG | FI_SHARED_AV | FI_SEND | FI_RECV | COMM },
	{ I(caps), FI_MSG | 1, ANY, NO, 0 },
	{ I(mode), ECHO, ANY, OK, FI_MSG_PREFIX },
	{ I(mode), 0, ANY, OK, 0 },
	{ I(addr_format), FI_ADDR_EFA, ANY, NO, 0 },
	{ I(addr_format), FI_SOCKADDR_IB, ANY, NO, 0 },
	{ I(addr_format), 0x80000001, ANY, NO, 0 },

	{ T(caps), FI_MSG, ANY, OK, FI_MSG | FI_SEND },
	{ T(caps), FI_MSG | FI_TAGGED | FI_SEND, ANY, OK, ECHO },
	{ T(caps), FI_MSG | FI_RECV | FI_LOCAL_COMM, ANY, OK, FI_MSG | FI_SEND },
	{ T(caps), 0, ANY, OK, TX_ALL },
	{ T(caps), FI_RECV, ANY, OK, TX_ALL },
	{ T(caps), FI_RMA, ANY, OK, FI_RMA | FI_READ | FI_WRITE },
	{ T(caps), FI_RMA | FI_WRITE, ANY, OK, ECHO },
	{ T(caps), FI_RMA | FI_ATOMIC | FI_READ | FI_WRITE, ANY, OK, ECHO },
	{ T(caps), FI_COLLECTIVE, ANY, NO, 0 },
	{ T(mode), ECHO, ANY, OK, 0 },
	{ T(op_flags), 0, ANY, OK, FI_TRANSMIT_COMPLETE },
	{ T(op_flags), FI_COMPLETION | FI_DELIVERY_COMPLETE, ANY, OK, ECHO },
	{ T(op_flags), FI_INJECT | FI_INJECT_COMPLETE, ANY, OK, ECHO },
	{ T(op_flags), FI_MATCH_COMPLETE, ANY, OK, ECHO },
	{ T(op_flags), FI_COMMIT_COMPLETE, ANY, NO, 0 },
	{ T(op_flags), FI_MULTI_RECV, ANY, NO, 0 },
	{ T(msg_order), FI_ORDER_SAS, ANY, OK, ECHO },
	{ T(msg_order), 0, ANY, OK, 0 },
	{ T(msg_order), 0x1ff, ANY, OK, ECHO },
	{ T(msg_order), FI_ORDER_SAS | FI_ORDER_ATOMIC_RAR | FI_ORDER_ATOMIC_RAW |
	  FI_ORDER_ATOMIC_WAR | FI_ORDER_ATOMIC_WAW, ANY, OK, ECHO },
	{ T(msg_order), 1ull << 16, ANY, NO, 0 },
	{ T(msg_order), 1ull << 40, ANY, NO, 0 },
	{ T(comp_order), 0x1ff, ANY, NO, 0 },
	{ T(comp_order), 1ull << 16, ANY, NO, 0 },
	{ T(inject_size), 0, ANY, OK, 4096 },
	{ T(inject_size), 64, ANY, OK, ECHO },
	{ T(inject_size), 4096, ANY, OK, ECHO },
	{ T(inject_size), 4097, ANY, NO, 0 },
	{ T(size), 0, ANY, OK, 1024 },
	{ T(size), 512, ANY, OK, ECHO },
	{ T(size), 65536, ANY, OK, ECHO },
	{ T(size), 65537, ANY, NO, 0 },
	{ T(iov_limit), 0, ANY, OK, 8 },
	{ T(iov_limit), 1, ANY, OK, ECHO },
	{ T(iov_limit), 8, ANY, OK, ECHO },
	{ T(iov_limit), 9, ANY, NO, 0 },
	{ T(rma_iov_limit), 0, ANY, OK, 1 },
	{ T(rma_iov_limit), 1, ANY, OK, ECHO },
	{ T(rma_iov_limit), 8, ANY, OK, ECHO },
	{ T(rma_iov_limit), 9, ANY, NO, 0 },
	{ T(tclass), FI_TC_BULK_DATA, ANY, OK, ECHO },
	{ T(tclass), FI_TC_NETWORK_CTRL, ANY, OK, ECHO },
	{ T(tclass), FI_TC_NETWORK_CTRL + 1, ANY, NO, 0 },
	{ T(tclass), FI_TC_DSCP | 46, ANY, OK, ECHO },
	{ T(tclass), FI_TC_DSCP | 64, ANY, NO, 0 },
	{ T(tclass), 1, ANY, NO, 0 },

	{ R(caps), FI_TAGGED, ANY, OK, FI_TAGGED | FI_RECV },
	{ R(caps), FI_TAGGED | FI_SOURCE, ANY, OK, FI_TAGGED | FI_RECV | FI_SOURCE },
	{ R(caps), FI_SEND, ANY, OK, RX_SHOWN },
	{ R(caps), FI_SOURCE, ANY, OK, RX_SHOWN | FI_SOURCE },
	{ R(caps), FI_RMA | FI_REMOTE_WRITE, ANY, OK, ECHO },
	{ R(caps), FI_RMA | FI_ATOMIC, ANY, OK,
	  FI_RMA | FI_ATOMIC | FI_REMOTE_READ | FI_REMOTE_WRITE },
	{ R(caps), FI_MSG | FI_MULTI_RECV, ANY, OK, FI_MSG | FI_RECV | FI_MULTI_RECV },
	{ R(op_flags), 0, ANY, OK, 0 },
	{ R(op_flags), FI_COMPLETION, ANY, OK, ECHO },
	{ R(op_flags), FI_MULTI_RECV, ANY, OK, ECHO },
	{ R(op_flags), FI_INJECT, ANY, NO, 0 },
	{ R(msg_order), FI_ORDER_SAS, ANY, OK, ECHO },
	{ R(msg_order), 1ull << 16, ANY, NO, 0 },
	{ R(comp_order), 1, ANY, NO, 0 },
	{ R(total_buffered_recv), 1 << 20, ANY, OK, 0 },
	{ R(size), 0, ANY, OK, 4096 },
	{ R(size), 65536, ANY, OK, ECHO },
	{ R(size), 65537, ANY, NO, 0 },
	{ R(iov_limit), 8, ANY, OK, ECHO },
	{ R(iov_limit), 9, ANY, NO, 0 },

	{ E(type), FI_EP_UNSPEC, ANY, OK, FI_EP_RDM },
	{ E(type), FI_EP_RDM, ANY, OK, FI_EP_RDM },
	{ E(type), FI_EP_MSG, ANY, NO, 0 },
	{ E(type), FI_EP_DGRAM, ANY, OK, FI_EP_RDM },	/* narrowed afterwards */
	{ E(protocol), 0, ANY, OK, FI_PROTO_UET },
	{ E(protocol), FI_PROTO_UET, ANY, OK, FI_PROTO_UET },
	{ E(protocol), FI_PROTO_UDP, ANY, NO, 0 },
	{ E(protocol_version), 1, ANY, OK, 1 },
	{ E(protocol_version), 2, ANY, NO, 0 },
	{ E(max_msg_size), 1, ANY, OK, UINT32_MAX },
	{ E(max_msg_size), UINT32_MAX, ANY, OK, UINT32_MAX },
	{ E(max_msg_size), 1ull << 32, ANY, NO, 0 },
	{ E(max_order_raw_size), 0, ANY, OK, UINT32_MAX },
	{ E(max_order_raw_size), 4096, ANY, OK, ECHO },
	{ E(max_order_raw_size), 1ull << 32, ANY, NO, 0 },
	{ E(max_order_war_size), 0, ANY, OK, UINT32_MAX },
	{ E(max_order_war_size), UINT32_MAX, ANY, OK, ECHO },
	{ E(max_order_war_size), 1ull << 32, ANY, NO, 0 },
	{ E(max_order_waw_size), 0, ANY, OK, UINT32_MAX },
	{ E(max_order_waw_size), 1, ANY, OK, ECHO },
	{ E(max_order_waw_size), 1ull << 32, ANY, NO, 0 },
	{ E(mem_tag_format), 0, ANY, OK, 0xaaaaaaaaaaaaaaaa },
	{ E(mem_tag_format), 0x007000007fffffff, ANY, OK, 0x007000007fffffff },
	{ E(mem_tag_format), 0xaaaaaaaaaaaaaaaa, ANY, OK, 0xaaaaaaaaaaaaaaaa },
	{ E(tx_ctx_cnt), 0, ANY, OK, 1 },
	{ E(tx_ctx_cnt), 1, ANY, OK, 1 },
	{ E(tx_ctx_cnt), 64, ANY, OK, 64 },
	{ E(tx_ctx_cnt), 65, ANY, NO, 0 },
	{ E(tx_ctx_cnt), FI_SHARED_CONTEXT, ANY, OK, ECHO },
	{ E(rx_ctx_cnt), 64, ANY, OK, 64 },
	{ E(rx_ctx_cnt), 65, ANY, NO, 0 },
	{ E(rx_ctx_cnt), FI_SHARED_CONTEXT, ANY, OK, ECHO },

	{ D(threading), FI_THREAD_UNSPEC, ANY, OK, FI_THREAD_SAFE },
	{ D(threading), FI_THREAD_SAFE, ANY, OK, ECHO },
	{ D(threading), 2, ANY, OK, ECHO },
	{ D(threading), FI_THREAD_DOMAIN, ANY, OK, ECHO },
	{ D(threading), FI_THREAD_COMPLETION, ANY, OK, ECHO },
	{ D(threading), UET_THREAD_LAST, ANY, OK, ECHO },
	{ D(threading), UET_THREAD_LAST + 1, ANY, NO, 0 },
	{ D(threading), 0xffffffff, ANY, NO, 0 },
	{ D(control_progress), FI_PROGRESS_UNSPEC, ANY, OK, FI_PROGRESS_MANUAL },
	{ D(control_progress), FI_PROGRESS_AUTO, ANY, OK, ECHO },
	{ D(control_progress), FI_PROGRESS_MANUAL, ANY, OK, ECHO },
	{ D(control_progress), 9, ANY, NO, 0 },
	{ D(data_progress), FI_PROGRESS_UNSPEC, ANY, OK, FI_PROGRESS_MANUAL },
	{ D(data_progress), FI_PROGRESS_AUTO, ANY, OK, ECHO },
	{ D(data_progress), FI_PROGRESS_MANUAL, ANY, OK, ECHO },
	{ D(data_progress), 3, ANY, NO, 0 },
	{ D(resource_mgmt), FI_RM_UNSPEC, ANY, OK, FI_RM_ENABLED },
	{ D(resource_mgmt), FI_RM_DISABLED, ANY, OK, FI_RM_ENABLED },
	{ D(resource_mgmt), FI_RM_ENABLED, ANY, OK, FI_RM_ENABLED },
	{ D(resource_mgmt), 3, ANY, NO, 0 },
	{ D(av_type), FI_AV_UNSPEC, ANY, OK, FI_AV_TABLE },
	{ D(av_type), FI_AV_MAP, ANY, OK, ECHO },
	{ D(av_type), FI_AV_TABLE, ANY, OK, ECHO },
	{ D(av_type), 3, ANY, NO, 0 },
	{ D(mr_key_size), 1, ANY, OK, 8 },
	{ D(mr_key_size), 2, ANY, OK, 8 },
	{ D(cq_data_size), 4, ANY, OK, 8 },
	{ D(cq_data_size), 8, ANY, OK, 8 },
	{ D(cq_data_size), 9, ANY, NO, 0 },
	{ D(cq_cnt), 1 << 20, ANY, OK, 4096 },
	{ D(ep_cnt), 1 << 20, ANY, OK, 4095 },
	{ D(tx_ctx_cnt), 1 << 20, ANY, OK, 4095 },
	{ D(cntr_cnt), 4096, ANY, OK, 4096 },
	{ D(cntr_cnt), 4097, ANY, NO, 0 },
	{ D(cntr_cnt), 4097, V(4), OK, 4096 },
	{ D(mr_iov_limit), 1, ANY, OK, 1 },
	{ D(mr_iov_limit), 2, ANY, NO, 0 },
	{ D(mr_iov_limit), 2, V(4), OK, 1 },
	{ D(mr_cnt), 65536, ANY, OK, 65536 },
	{ D(mr_cnt), 65537, ANY, NO, 0 },
	{ D(mr_cnt), 65537, V(4), OK, 65536 },
	{ D(max_err_data), 128, ANY, OK, 128 },
	{ D(max_err_data), 129, ANY, NO, 0 },
	{ D(caps), FI_LOCAL_COMM, ANY, OK, FI_LOCAL_COMM | FI_REMOTE_COMM | FI_SHARED_AV },
	{ D(caps), FI_SHARED_AV, ANY, OK, FI_LOCAL_COMM | FI_REMOTE_COMM | FI_SHARED_AV },
	{ D(caps), FI_MSG, ANY, NO, 0 },
	{ D(caps), FI_MSG, V(4), OK, FI_LOCAL_COMM | FI_REMOTE_COMM | FI_SHARED_AV },
	{ D(mode), ECHO, ANY, OK, 0 },
	{ D(tclass), FI_TC_LOW_LATENCY, ANY, OK, ECHO },
	{ D(tclass), 0x300, ANY, NO, 0 },

	{ F(prov_version), FI_VERSION(0, 1), ANY, OK, 0 },
	{ F(prov_version), FI_VERSION(0, 2), ANY, NO, 0 },
	{ F(api_version), FI_VERSION(1, 17), ANY, OK, 0 },
	{ F(api_version), FI_VERSION(99, 0), ANY, NO, 0 },
};

static struct uet_port port;

static struct fi_info *answer_to(const struct fi_info *hints)
{
	struct fi_info *info = fi_allocinfo();

	assert_non_null(info);
	assert_int_equal(uet_hints_apply(info, hints, &port), 0);
	return info;
}

static void check_single(const struct single *s)
{
	struct fi_info *hints = fi_allocinfo(), *info;
	uint64_t want = s->back == ECHO ? s->value : s->back;
	int ret;

	put(hints, s->part, s->offset, s->size, s->value);
	ret = uet_hints_check(s->version, hints);
	if (ret != s->ret)
		print_error("case %zu of part %d\n", (size_t)(s - singles), s->part);
	assert_int_equal(ret, s->ret);
	if (!ret && s->part != FABRIC) {
		info = answer_to(hints);
		if (get(info, s->part, s->offset, s->size) != want)
			print_error("case %zu of part %d\n", (size_t)(s - singles), s->part);
		assert_int_equal(get(info, s->part, s->offset, s->size), want);
		fi_freeinfo(info);
	}
	fi_freeinfo(hints);
}

static void single_attributes(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(singles); i++)
		check_single(&singles[i]);
}

/* No side shows a capability without a direction of it, or a direction without its capability. */
static void check_sides(const struct fi_info *info)
{
	const uint64_t msg = FI_MSG | FI_TAGGED, rma = FI_RMA | FI_ATOMIC;
	uint64_t tx = info->tx_attr->caps, rx = info->rx_attr->caps;

	assert_int_equal(tx & ~(TX_ALL & info->caps), 0);
	assert_int_equal(rx & ~((RX_SHOWN | FI_SOURCE | FI_SOURCE_ERR) & info->caps), 0);
	if (!(info->caps & FI_SEND))
		assert_int_equal(tx & msg, 0);
	if (!(info->caps & FI_RECV))
		assert_int_equal(rx & msg, 0);
	assert_int_equal(!(tx & FI_SEND), !(tx & msg));
	assert_int_equal(!(tx & (FI_READ | FI_WRITE)), !(tx & rma));
	assert_int_equal(!(rx & (FI_REMOTE_READ | FI_REMOTE_WRITE)), !(rx & rma));
}

/* Every bit alone is accepted exactly if it is on offer, and comes back. */
static void every_cap(void **state)
{
	static const uint64_t bits[] = {
		FI_MSG, FI_TAGGED, FI_DIRECTED_RECV, FI_RMA, FI_ATOMIC, FI_SEND, FI_RECV, FI_READ,
		FI_WRITE, FI_REMOTE_READ, FI_REMOTE_WRITE, FI_SOURCE, FI_RMA_EVENT,
		FI_REMOTE_COMM, FI_MULTI_RECV,
	};
	const uint64_t all = TX_ALL | RX_SHOWN | COMM | FI_SOURCE | FI_SOURCE_ERR |
			     FI_NAMED_RX_CTX | FI_SHARED_AV | UET_TAGGED_MULTI_RECV | FI_TRIGGER;
	const uint64_t primary = FI_MSG | FI_TAGGED | FI_DIRECTED_RECV | FI_RMA | FI_ATOMIC |
				 FI_MULTI_RECV;
	struct fi_info *hints = fi_allocinfo(), *info;
	uint64_t caps;
	size_t i;
	int bit;

	(void)state;
	for (bit = 0; bit < 64; bit++) {
		hints->caps = 1ull << bit;
		assert_int_equal(uet_hints_check(ANY, hints), (all >> bit & 1) ? OK : NO);
	}
	for (bit = 0; bit < 1 << UET_ARRAY_SIZE(bits); bit++) {
		caps = 0;
		for (i = 0; i < UET_ARRAY_SIZE(bits); i++)
			caps |= bit >> i & 1 ? bits[i] : 0;
		hints->caps = caps;
		assert_int_equal(uet_hints_check(ANY, hints), OK);
		info = answer_to(hints);
		assert_int_equal(info->caps & caps, caps);
		if (caps)
			assert_int_equal(info->caps & primary, caps & primary);
		assert_true(info->caps & FI_LOCAL_COMM);
		if ((caps & primary) && !(caps & FI_DIRECTED_RECV))
			check_sides(info);
		assert_int_equal(uet_hints_check(ANY, info), OK);
		fi_freeinfo(info);
	}
	fi_freeinfo(hints);
}

static int mr_check(uint32_t version, int mode, int *modes, size_t *n)
{
	struct fi_info *hints = fi_allocinfo();
	int ret;

	hints->domain_attr->mr_mode = mode;
	ret = uet_hints_check(version, hints);
	*n = ret ? 0 : uet_hints_mr_modes(version, hints, modes);
	fi_freeinfo(hints);
	return ret;
}

static void mr_modes_before_1_5(void **state)
{
	static const uint32_t versions[] = { 0, FI_VERSION(1, 0), FI_VERSION(1, 4) };
	int modes[UET_MR_CHOICES], mode;
	size_t v, n;

	(void)state;
	for (v = 0; v < UET_ARRAY_SIZE(versions); v++) {
		for (mode = 0; mode < 256; mode++) {
			assert_int_equal(mr_check(versions[v], mode, modes, &n),
					 mode <= 2 ? OK : NO);
			if (mode > 2)
				continue;
			assert_int_equal(n, 1);
			assert_int_equal(modes[0], mode == 2 ? 2 : 1);
		}
		assert_int_equal(uet_hints_mr_modes(versions[v], NULL, modes), 1);
		assert_int_equal(modes[0], 1);
	}
}

/* All combinations of the bits that libfabric has: nothing comes back that was not offered. */
static void mr_modes(void **state)
{
	const int virt = FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;
	static const uint32_t versions[] = { V(5), V(9), V(17) };
	int modes[UET_MR_CHOICES], mode, want;
	size_t v, n, i;
	bool two;

	(void)state;
	for (v = 0; v < UET_ARRAY_SIZE(versions); v++) {
		for (mode = 0; mode < 1 << 12; mode++) {
			want = (mode & 3) && mode != 1 && mode != 2 ? NO : OK;
			assert_int_equal(mr_check(versions[v], mode, modes, &n), want);
			if (want)
				continue;
			two = (mode & FI_MR_PROV_KEY) && mode > 2 &&
			      (mode & (FI_MR_LOCAL | FI_MR_ENDPOINT)) !=
			      (FI_MR_LOCAL | FI_MR_ENDPOINT);
			assert_int_equal(n, two ? 2 : 1);
			for (i = 0; i < n; i++)
				assert_int_equal(modes[i] & ~mode, 0);
			assert_int_equal(modes[0], mode == 1 || mode == 2 ? mode : 0);
			if (n == 2)
				assert_int_equal(modes[1], (mode & virt) == virt ?
								   virt : FI_MR_PROV_KEY);
		}
		assert_int_equal(uet_hints_mr_modes(versions[v], NULL, modes), 1);
		assert_int_equal(modes[0], 0);
	}
	assert_int_equal(uet_mr_mode_bits(UET_MR_BASIC), virt);
	assert_int_equal(uet_mr_mode_bits(UET_MR_SCALABLE), 0);
	assert_int_equal(uet_mr_mode_bits(virt), virt);
	assert_int_equal(uet_mr_mode_bits(0), 0);
}

/* Sizes within which order holds are nothing for who only sends messages. */
static void order_sizes(void **state)
{
	struct fi_info *hints = fi_allocinfo(), *info;

	(void)state;
	hints->caps = FI_MSG;
	hints->ep_attr->max_order_raw_size = 1ull << 32;
	assert_int_equal(uet_hints_check(ANY, hints), OK);
	info = answer_to(hints);
	assert_int_equal(info->ep_attr->max_order_raw_size, 0);
	fi_freeinfo(info);
	hints->caps = FI_MSG | FI_ATOMIC;
	assert_int_equal(uet_hints_check(ANY, hints), NO);
	hints->ep_attr->max_order_raw_size = 7;
	assert_int_equal(uet_hints_check(ANY, hints), OK);
	info = answer_to(hints);
	assert_int_equal(info->ep_attr->max_order_raw_size, 7);
	assert_int_equal(info->ep_attr->max_order_war_size, UINT32_MAX);
	assert_int_equal(info->ep_attr->max_order_waw_size, UINT32_MAX);
	fi_freeinfo(info);
	fi_freeinfo(hints);
}

static void orders(void **state)
{
	struct fi_info *hints = fi_allocinfo(), *info;
	uint64_t order;

	(void)state;
	for (order = 0; order < 0x400; order++) {
		/* Bit 9 of the counter stands for the lowest of the finer bits. */
		uint64_t asked = (order & 0x1ff) | (order & 0x200) << 23;

		hints->tx_attr->msg_order = asked;
		assert_int_equal(uet_hints_check(ANY, hints), OK);
		info = answer_to(hints);
		assert_int_equal(info->tx_attr->msg_order, asked);
		assert_int_equal(info->rx_attr->msg_order, 0);
		fi_freeinfo(info);
	}
	/* Who asks for nothing is shown what ROD keeps. */
	info = answer_to(NULL);
	assert_int_equal(info->tx_attr->msg_order, 0xff000001ff);
	assert_int_equal(info->rx_attr->msg_order, info->tx_attr->msg_order);
	fi_freeinfo(info);
	fi_freeinfo(hints);
}

/* Anything in hints may be NULL. */
static void missing_parts(void **state)
{
	struct fi_tx_attr tx = { .msg_order = FI_ORDER_SAS };
	struct fi_rx_attr rx = { .size = 7 };
	struct fi_ep_attr ep = { .type = FI_EP_RDM };
	struct fi_domain_attr domain = { .threading = FI_THREAD_DOMAIN };
	struct fi_fabric_attr fabric = { .name = (char *)"UET" };
	struct fi_info hints, *info;
	unsigned int mask;

	(void)state;
	for (mask = 0; mask < 32; mask++) {
		hints = (struct fi_info){
			.caps = FI_MSG,
			.tx_attr = mask & 1 ? &tx : NULL,
			.rx_attr = mask & 2 ? &rx : NULL,
			.ep_attr = mask & 4 ? &ep : NULL,
			.domain_attr = mask & 8 ? &domain : NULL,
			.fabric_attr = mask & 16 ? &fabric : NULL,
		};
		assert_int_equal(uet_hints_check(ANY, &hints), OK);
		assert_true(uet_hints_check_port(&hints, &port));
		info = answer_to(&hints);
		assert_int_equal(info->tx_attr->msg_order, mask & 1 ? FI_ORDER_SAS : 0);
		assert_int_equal(info->rx_attr->size, mask & 2 ? 7 : 4096);
		assert_int_equal(info->ep_attr->type, FI_EP_RDM);
		assert_int_equal(info->domain_attr->threading,
				 mask & 8 ? FI_THREAD_DOMAIN : FI_THREAD_SAFE);
		fi_freeinfo(info);
	}
	assert_int_equal(uet_hints_check(ANY, NULL), OK);
	assert_true(uet_hints_check_port(NULL, &port));
}

static void fabric_names(void **state)
{
	static const struct {
		const char *name;
		int ret;
	} cases[] = { { NULL, OK }, { "UET", OK }, { "uet", NO }, { "", NO }, { "UET2", NO } };
	struct fi_fabric_attr fabric = { 0 };
	struct fi_info hints = { .fabric_attr = &fabric };
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		fabric.name = (char *)cases[i].name;
		assert_int_equal(uet_hints_check(ANY, &hints), cases[i].ret);
	}
}

static void auth_keys(void **state)
{
	static const struct {
		uint32_t job;
		size_t size;
		int ret;
	} cases[] = {
		{ 0, 0, OK }, { 1, 4, OK }, { 0xffffff, 4, OK }, { 0, 4, NO },
		{ 0x1000000, 4, NO }, { 0xffffffff, 4, NO }, { 1, 3, NO }, { 1, 8, NO },
		{ 1, SIZE_MAX, NO },
	};
	struct fi_info *hints, *info;
	uint8_t key[8] = { 0 };
	size_t i, side;

	(void)state;
	for (i = 0; i < 2 * UET_ARRAY_SIZE(cases); i++) {
		const size_t c = i / 2;

		side = i & 1;
		hints = fi_allocinfo();
		memcpy(key, &cases[c].job, 4);
		if (side) {
			hints->domain_attr->auth_key = key;
			hints->domain_attr->auth_key_size = cases[c].size;
		} else {
			hints->ep_attr->auth_key = key;
			hints->ep_attr->auth_key_size = cases[c].size;
		}
		assert_int_equal(uet_hints_check(ANY, hints), cases[c].ret);
		/* The members are younger than API 1.5. */
		assert_int_equal(uet_hints_check(V(4), hints), OK);
		if (!cases[c].ret && cases[c].size) {
			uint8_t *got;

			info = answer_to(hints);
			got = side ? info->domain_attr->auth_key : info->ep_attr->auth_key;
			assert_ptr_not_equal(got, key);
			assert_memory_equal(got, key, 4);
			fi_freeinfo(info);
		}
		hints->domain_attr->auth_key = NULL;
		hints->ep_attr->auth_key = NULL;
		fi_freeinfo(hints);
	}
	hints = fi_allocinfo();
	hints->ep_attr->auth_key_size = 4;
	assert_int_equal(uet_hints_check(ANY, hints), NO);
	fi_freeinfo(hints);
}

static void ports(void **state)
{
	static const struct {
		const char *domain;
		uint32_t format;
		size_t inject;
		const char *name, *ip;
		uint32_t zone, mtu;
		bool fits;
	} cases[] = {
		{ NULL, 0, 0, "eth0", "192.0.2.1", 0, 1500, true },
		{ "eth0", 0, 0, "eth0", "192.0.2.1", 0, 1500, true },
		{ "eth1", 0, 0, "eth0", "192.0.2.1", 0, 1500, false },
		{ "eth", 0, 0, "eth0", "192.0.2.1", 0, 1500, false },
		{ "", 0, 0, "eth0", "192.0.2.1", 0, 1500, false },
		{ NULL, FI_SOCKADDR, 0, "eth0", "192.0.2.1", 0, 1500, true },
		{ NULL, FI_SOCKADDR, 0, "eth0", "::1", 0, 1500, true },
		{ NULL, FI_SOCKADDR_IN, 0, "eth0", "192.0.2.1", 0, 1500, true },
		{ NULL, FI_SOCKADDR_IN, 0, "eth0", "::1", 0, 1500, false },
		{ NULL, FI_SOCKADDR_IN6, 0, "eth0", "::1", 0, 1500, true },
		{ NULL, FI_SOCKADDR_IN6, 0, "eth0", "192.0.2.1", 0, 1500, false },
		{ NULL, FI_ADDR_STR, 0, "eth0", "fe80::1", 2, 1500, true },
		{ NULL, FI_ADDR_UET, 0, "eth0", "192.0.2.1", 0, 1500, true },
		{ NULL, FI_ADDR_UET, 0, "eth0", "2001:db8::1", 0, 1500, true },
		{ NULL, FI_ADDR_UET, 0, "eth0", "fe80::1", 2, 1500, false },
		{ NULL, 0, 1024, "eth0", "192.0.2.1", 0, 1500, true },
		{ NULL, 0, 1025, "eth0", "192.0.2.1", 0, 1500, false },
		{ NULL, 0, 4096, "eth0", "192.0.2.1", 0, 9000, true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		struct fi_tx_attr tx = { .inject_size = cases[i].inject };
		struct fi_domain_attr domain = { .name = (char *)cases[i].domain };
		struct fi_info hints = {
			.addr_format = cases[i].format, .tx_attr = &tx, .domain_attr = &domain,
		};
		struct uet_port p = { .mtu = cases[i].mtu, .addr = fake_addr(cases[i].ip) };

		strcpy(p.name, cases[i].name);
		p.addr.zone = cases[i].zone;
		assert_int_equal(uet_hints_check_port(&hints, &p), cases[i].fits);
	}
}

/* Headers of 128 (IPv4) or 148 (IPv6) bytes around the payload. */
static void packet_sizes(void **state)
{
	static const struct {
		const char *ip;
		uint32_t mtu;
		bool usable;
		size_t inject;
	} cases[] = {
		{ "192.0.2.1", 0, false, 0 }, { "192.0.2.1", 28, false, 0 },
		{ "192.0.2.1", 1024 + 127, false, 0 }, { "192.0.2.1", 1024 + 128, true, 1024 },
		{ "::1", 1024 + 147, false, 0 }, { "::1", 1024 + 148, true, 1024 },
		{ "::1", 1280, true, 1024 }, { "192.0.2.1", 1500, true, 1024 },
		{ "192.0.2.1", 2048 + 127, true, 1024 }, { "192.0.2.1", 2048 + 128, true, 2048 },
		{ "192.0.2.1", 9000, true, 4096 }, { "::1", 65536, true, 4096 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		struct uet_port p = { .mtu = cases[i].mtu, .addr = fake_addr(cases[i].ip) };

		assert_int_equal(uet_port_usable(&p), cases[i].usable);
		if (cases[i].usable)
			assert_int_equal(uet_inject_limit(&p), cases[i].inject);
	}
}

/* What every answer has, asked or not. */
static void constants(void **state)
{
	struct fi_info *info = answer_to(NULL);

	(void)state;
	assert_int_equal(info->caps & (FI_SOURCE | FI_SOURCE_ERR), 0);
	assert_int_equal(info->mode, 0);
	assert_int_equal(info->ep_attr->protocol, 0x80554554);
	assert_int_equal(info->ep_attr->max_order_raw_size, UINT32_MAX);
	assert_int_equal(info->ep_attr->auth_key_size, 0);
	assert_null(info->ep_attr->auth_key);
	assert_int_equal(info->domain_attr->mr_key_size, 8);
	assert_int_equal(info->domain_attr->max_ep_tx_ctx, 64);
	assert_int_equal(info->domain_attr->max_ep_rx_ctx, 64);
	assert_int_equal(info->domain_attr->max_ep_stx_ctx, 4095);
	assert_int_equal(info->domain_attr->max_ep_srx_ctx, 4095);
	assert_int_equal(info->domain_attr->resource_mgmt, FI_RM_ENABLED);
	assert_int_equal(uet_hints_check(ANY, info), OK);
	fi_freeinfo(info);
}

static void edited_infos(void **state)
{
	struct fi_info *info = answer_to(NULL);
	struct fi_tx_attr *tx = info->tx_attr;

	(void)state;
	assert_int_equal(uet_info_check(ANY, NULL), -FI_EINVAL);
	assert_int_equal(uet_info_check(ANY, info), -FI_EINVAL);
	info->domain_attr->name = strdup("eth0");
	assert_int_equal(uet_info_check(ANY, info), 0);
	info->ep_attr->type = FI_EP_MSG;
	assert_int_equal(uet_info_check(ANY, info), -FI_ENOSYS);
	info->ep_attr->type = FI_EP_DGRAM;
	assert_int_equal(uet_info_check(ANY, info), -FI_EINVAL);
	info->ep_attr->type = FI_EP_RDM;
	info->tx_attr = NULL;
	assert_int_equal(uet_info_check(ANY, info), -FI_EINVAL);
	info->tx_attr = tx;
	tx->size = 65537;
	assert_int_equal(uet_info_check(ANY, info), -FI_EINVAL);
	tx->size = 1;
	info->caps |= FI_MULTICAST;
	assert_int_equal(uet_info_check(ANY, info), -FI_EINVAL);
	fi_freeinfo(info);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_attributes),
		cmocka_unit_test(every_cap),
		cmocka_unit_test(mr_modes_before_1_5),
		cmocka_unit_test(mr_modes),
		cmocka_unit_test(order_sizes),
		cmocka_unit_test(orders),
		cmocka_unit_test(missing_parts),
		cmocka_unit_test(fabric_names),
		cmocka_unit_test(auth_keys),
		cmocka_unit_test(ports),
		cmocka_unit_test(packet_sizes),
		cmocka_unit_test(constants),
		cmocka_unit_test(edited_infos),
	};

	setenv("FI_UET_HMEM_CUDA", "no", 1);
	uet_config_read();
	port = (struct uet_port){ .name = "eth0", .mtu = 9000, .addr = fake_addr("192.0.2.10") };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
