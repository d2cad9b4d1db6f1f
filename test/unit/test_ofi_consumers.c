/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Hints as programs that use RMA and atomics send them (captured, or read from their source),
 * and what they insist on in the answer. test_ofi_info.c has those that only send messages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rdma/fi_ext_uet.h>

#include "ofi/info.h"
#include "test_ofi_fake.h"

#define V(minor) FI_VERSION(1, minor)
#define VIRT (FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY)
#define RMA_DIRS (FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE)
#define ATOMIC_ORDER (FI_ORDER_ATOMIC_RAR | FI_ORDER_ATOMIC_RAW | FI_ORDER_ATOMIC_WAR | \
		      FI_ORDER_ATOMIC_WAW)

/* What an answer must have for the consumer to run. */
struct consumer {
	const char *name;
	uint32_t version;
	void (*edit)(struct fi_info *hints);
	int mr_modes;		/* bits that any answer may have */
	bool virt;		/* among the answers is one by virtual addresses */
	enum fi_threading threading;	/* that must come back; 0: whatever */
};

/* Its second call: what the first one, without hints, returned is asked for. */
static void mpich_4_0(struct fi_info *h)
{
	struct fi_info *first;

	assert_int_equal(uet_getinfo(0, NULL, NULL, 0, NULL, &first), 0);
	h->caps = first->caps;
	fi_freeinfo(first);
	h->mode = FI_CONTEXT | FI_CONTEXT2 | FI_ASYNC_IOV | FI_RX_CQ_DATA;
	h->tx_attr->op_flags = FI_COMPLETION | FI_DELIVERY_COMPLETE;
	h->tx_attr->msg_order = FI_ORDER_SAS | ATOMIC_ORDER;
	h->rx_attr->op_flags = FI_COMPLETION;
	h->ep_attr->mem_tag_format = 0x007000007fffffff;
	h->domain_attr->threading = FI_THREAD_DOMAIN;
	h->domain_attr->control_progress = FI_PROGRESS_MANUAL;
	h->domain_attr->data_progress = FI_PROGRESS_MANUAL;
	h->domain_attr->resource_mgmt = FI_RM_ENABLED;
	h->domain_attr->av_type = FI_AV_TABLE;
	h->domain_attr->cq_data_size = 4;
	h->domain_attr->mode = 1ull << 53;	/* FI_RESTRICTED_COMP */
}

/* Its third and fourth: the provider's own order, then its mr_mode as version 0.0 saw it. */
static void mpich_4_0_third(struct fi_info *h)
{
	struct fi_info *first;

	mpich_4_0(h);
	assert_int_equal(uet_getinfo(0, NULL, NULL, 0, NULL, &first), 0);
	h->tx_attr->msg_order = first->tx_attr->msg_order;
	h->rx_attr->msg_order = first->rx_attr->msg_order;
	fi_freeinfo(first);
}

static void mpich_4_0_fourth(struct fi_info *h)
{
	mpich_4_0_third(h);
	h->domain_attr->mr_mode = UET_MR_BASIC;
}

static void mpich_main(struct fi_info *h)
{
	mpich_4_0(h);
	h->domain_attr->mr_mode = VIRT | FI_MR_ENDPOINT;
}

static void open_mpi_btl_4(struct fi_info *h)
{
	h->caps = FI_RMA | FI_ATOMIC;
	h->mode = FI_CONTEXT | FI_CONTEXT2;
	h->tx_attr->op_flags = FI_DELIVERY_COMPLETE;
	h->tx_attr->iov_limit = 1;
	h->domain_attr->data_progress = FI_PROGRESS_AUTO;
	h->domain_attr->av_type = FI_AV_MAP;
	h->domain_attr->mr_mode = VIRT;
}

static void open_mpi_btl_5(struct fi_info *h)
{
	open_mpi_btl_4(h);
	h->caps |= FI_MSG;
	h->tx_attr->op_flags |= FI_COMPLETION;
	h->domain_attr->data_progress = FI_PROGRESS_UNSPEC;
	h->domain_attr->mr_mode |= FI_MR_ENDPOINT;
}

static void open_mpi_mtl_5(struct fi_info *h)
{
	h->caps = FI_TAGGED | FI_LOCAL_COMM | FI_REMOTE_COMM | FI_DIRECTED_RECV;
	h->mode = FI_CONTEXT | FI_CONTEXT2;
	h->tx_attr->op_flags = FI_COMPLETION;
	h->rx_attr->op_flags = FI_COMPLETION;
	h->tx_attr->msg_order = FI_ORDER_SAS;
	h->rx_attr->msg_order = FI_ORDER_SAS;
	h->domain_attr->threading = FI_THREAD_SAFE;
	h->domain_attr->resource_mgmt = FI_RM_ENABLED;
	h->domain_attr->av_type = FI_AV_TABLE;
	h->domain_attr->cq_data_size = 4;
	h->domain_attr->mr_mode = VIRT | FI_MR_ENDPOINT | FI_MR_LOCAL;
}

static void nccl_sendrecv(struct fi_info *h)
{
	h->caps = FI_LOCAL_COMM | FI_REMOTE_COMM | FI_TAGGED | FI_MSG | FI_RMA | FI_READ;
	h->mode = FI_CONTEXT | FI_CONTEXT2;
	h->ep_attr->type = FI_EP_RDM;
	h->tx_attr->msg_order = FI_ORDER_SAS;
	h->rx_attr->msg_order = FI_ORDER_SAS;
	h->domain_attr->threading = FI_THREAD_SAFE;
	h->domain_attr->mr_mode = VIRT | FI_MR_LOCAL | FI_MR_ENDPOINT;
	h->domain_attr->mr_key_size = 2;
}

static void nccl_rdma(struct fi_info *h)
{
	h->caps = FI_MSG | FI_RMA | FI_LOCAL_COMM | FI_REMOTE_COMM;
	h->mode = FI_CONTEXT | FI_CONTEXT2;
	h->ep_attr->type = FI_EP_RDM;
	h->domain_attr->threading = FI_THREAD_COMPLETION;
	h->domain_attr->mr_mode = VIRT | FI_MR_LOCAL | FI_MR_ENDPOINT;
	h->domain_attr->mr_key_size = 2;
	h->domain_attr->cq_data_size = 4;
}

static void openshmem(struct fi_info *h, int mr_mode)
{
	h->caps = FI_RMA | FI_ATOMIC | FI_RMA_EVENT;
	h->ep_attr->type = FI_EP_RDM;
	h->tx_attr->op_flags = FI_DELIVERY_COMPLETE;
	h->tx_attr->inject_size = 16;
	h->domain_attr->data_progress = FI_PROGRESS_AUTO;
	h->domain_attr->resource_mgmt = FI_RM_ENABLED;
	h->domain_attr->threading = FI_THREAD_COMPLETION;
	h->domain_attr->mr_mode = mr_mode;
	h->domain_attr->mr_key_size = 1;
	free(h->rx_attr);
	h->rx_attr = NULL;
}

static void openshmem_scalable(struct fi_info *h)
{
	openshmem(h, 0);
}

static void openshmem_basic(struct fi_info *h)
{
	openshmem(h, VIRT);
}

static void openshmem_endpoint(struct fi_info *h)
{
	openshmem(h, VIRT | FI_MR_ENDPOINT);
}

static void mercury(struct fi_info *h)
{
	h->caps = FI_MSG | FI_TAGGED | FI_RMA | FI_DIRECTED_RECV | FI_SOURCE | FI_SOURCE_ERR;
	h->mode = FI_ASYNC_IOV | FI_CONTEXT;
	h->addr_format = FI_SOCKADDR_IN;
	h->ep_attr->protocol = FI_PROTO_UET;
	h->tx_attr->op_flags = FI_INJECT_COMPLETE;
	h->tx_attr->size = 512;
	h->rx_attr->size = 4096;
	h->domain_attr->resource_mgmt = FI_RM_ENABLED;
	h->domain_attr->mr_mode = VIRT | FI_MR_LOCAL | FI_MR_ENDPOINT;
}

static void nixl(struct fi_info *h)
{
	h->caps = FI_MSG | FI_RMA;
	h->mode = FI_CONTEXT;
	h->ep_attr->type = FI_EP_RDM;
	h->domain_attr->threading = FI_THREAD_COMPLETION;
	h->domain_attr->mr_mode = VIRT | FI_MR_LOCAL;
	h->domain_attr->mr_key_size = 2;
}

static const struct consumer consumers[] = {
	{ "MPICH 4.0.2", V(17), mpich_4_0, 0, false, FI_THREAD_DOMAIN },
	{ "MPICH 4.0.2, third try", V(17), mpich_4_0_third, 0, false, FI_THREAD_DOMAIN },
	{ "MPICH 4.0.2, last try", V(17), mpich_4_0_fourth, UET_MR_BASIC, false,
	  FI_THREAD_DOMAIN },
	{ "MPICH main", V(17), mpich_main, VIRT, true, FI_THREAD_DOMAIN },
	{ "Open MPI 4.1.4 BTL", V(5), open_mpi_btl_4, VIRT, true, 0 },
	{ "Open MPI 5 BTL", V(9), open_mpi_btl_5, VIRT, true, 0 },
	{ "Open MPI 5 BTL", V(18), open_mpi_btl_5, VIRT, true, 0 },
	{ "Open MPI 5 MTL", V(9), open_mpi_mtl_5, VIRT, false, FI_THREAD_SAFE },
	{ "aws-ofi-nccl, SENDRECV", V(6), nccl_sendrecv, VIRT, false, FI_THREAD_SAFE },
	{ "aws-ofi-nccl, SENDRECV", V(20), nccl_sendrecv, VIRT, false, FI_THREAD_SAFE },
	{ "aws-ofi-nccl, RDMA without HMEM", V(6), nccl_rdma, VIRT, false, FI_THREAD_COMPLETION },
	{ "aws-ofi-nccl, RDMA without HMEM", V(18), nccl_rdma, VIRT, false, FI_THREAD_COMPLETION },
	{ "OpenSHMEM, scalable", V(9), openshmem_scalable, 0, false, FI_THREAD_COMPLETION },
	{ "OpenSHMEM, basic", V(9), openshmem_basic, VIRT, true, FI_THREAD_COMPLETION },
	{ "OpenSHMEM, endpoint", V(9), openshmem_endpoint, VIRT, true, FI_THREAD_COMPLETION },
	{ "Mercury", V(13), mercury, VIRT, false, 0 },
	{ "NIXL", V(17), nixl, VIRT, true, FI_THREAD_COMPLETION },
};

/* Whatever came back is a good hint. */
static void check_feed_back(const struct consumer *c, const struct fi_info *info)
{
	struct fi_info *copy = fi_dupinfo(info), *again;

	assert_int_equal(uet_info_check(c->version, copy), 0);
	assert_int_equal(uet_getinfo(c->version, NULL, NULL, 0, copy, &again), 0);
	assert_int_equal(again->caps, copy->caps);
	assert_int_equal(again->tx_attr->caps, copy->tx_attr->caps);
	assert_int_equal(again->rx_attr->caps, copy->rx_attr->caps);
	assert_int_equal(again->tx_attr->msg_order, copy->tx_attr->msg_order);
	fi_freeinfo(again);
	fi_freeinfo(copy);
}

static void check_answer(const struct consumer *c, const struct fi_info *hints,
			 const struct fi_info *info)
{
	const struct fi_domain_attr *d = info->domain_attr;
	uint64_t order = hints->tx_attr->msg_order;

	assert_int_equal(info->ep_attr->type, FI_EP_RDM);
	assert_int_equal(info->caps & hints->caps, hints->caps);
	assert_int_equal(info->mode & ~hints->mode, 0);
	assert_int_equal(d->mr_mode & ~c->mr_modes, 0);
	assert_int_equal(info->tx_attr->msg_order & order, order);
	if (c->threading)
		assert_int_equal(d->threading, c->threading);
	if (hints->domain_attr->data_progress)
		assert_int_equal(d->data_progress, hints->domain_attr->data_progress);
	assert_true(d->mr_key_size >= hints->domain_attr->mr_key_size && d->mr_key_size <= 8);
	assert_true(d->cq_data_size >= 4);
	assert_true(info->tx_attr->inject_size >= 16);
	assert_true(info->tx_attr->rma_iov_limit >= 1);
	assert_true(info->ep_attr->max_msg_size >= 1u << 30);
	assert_true(info->src_addrlen <= 64);
	check_feed_back(c, info);
}

static void check_consumer(const struct consumer *c)
{
	struct fi_info *hints = fi_allocinfo(), *info, *i;
	bool virt = false, other = false;
	int ret;

	/* Nobody can ask libfabric for more than it is. */
	if (c->version > uet_prov.fi_version) {
		fi_freeinfo(hints);
		return;
	}
	c->edit(hints);
	ret = uet_getinfo(c->version, NULL, NULL, 0, hints, &info);
	if (ret)
		print_error("%s\n", c->name);
	assert_int_equal(ret, 0);
	for (i = info; i; i = i->next) {
		check_answer(c, hints, i);
		if (i->domain_attr->mr_mode == VIRT)
			virt = true;
		else
			other = true;
	}
	assert_true(other);
	assert_int_equal(virt, c->virt);
	fi_freeinfo(info);
	fi_freeinfo(hints);
}

static void all(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(consumers); i++)
		check_consumer(&consumers[i]);
}

/* How MPICH picks its provider: everything that it can use natively is shown unasked. */
static void mpich_score(void **state)
{
	struct fi_info *info;

	(void)state;
	assert_int_equal(uet_getinfo(0, NULL, NULL, 0, NULL, &info), 0);
	assert_true(info->caps & FI_TAGGED);
	assert_true(info->caps & FI_MSG);
	assert_true(info->caps & FI_RMA);
	assert_true(info->caps & FI_ATOMIC);
	assert_int_equal(info->caps & RMA_DIRS, RMA_DIRS);
	assert_true(info->caps & FI_RMA_EVENT);
	assert_int_equal(info->tx_attr->msg_order & ATOMIC_ORDER, ATOMIC_ORDER);
	assert_true(info->tx_attr->msg_order & FI_ORDER_SAS);
	assert_int_equal(info->domain_attr->mr_mode, UET_MR_BASIC);
	fi_freeinfo(info);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all),
		cmocka_unit_test(mpich_score),
	};

	uet_config_read();
	fake_host();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
