/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the NCCL plugin aws-ofi-nccl asks for, as its source has it, and what it does with the
 * answer: it drops what differs from the first candidate, and makes a device of all the rest.
 */
#include "test_ofi_cuda.h"

#include <stdlib.h>

#include "ofi/info.h"
#include "test_ofi_fake.h"

#define V(minor) FI_VERSION(1, minor)

static int set_up(void **state)
{
	(void)state;
	fake_cuda_reset();
	uet_config.hmem_cuda = true;
	return 0;
}

/* ---- its hints ---- */

static struct fi_info *common(void)
{
	struct fi_info *h = fi_allocinfo();

	assert_non_null(h);
	h->mode = FI_CONTEXT | FI_CONTEXT2;
	h->ep_attr->type = FI_EP_RDM;
	h->domain_attr->mr_key_size = 2;
	h->domain_attr->control_progress = FI_PROGRESS_UNSPEC;
	h->domain_attr->data_progress = FI_PROGRESS_UNSPEC;
	h->domain_attr->mr_mode = FI_MR_LOCAL | FI_MR_ENDPOINT | FI_MR_VIRT_ADDR |
				  FI_MR_ALLOCATED | FI_MR_PROV_KEY;
	return h;
}

static struct fi_info *sendrecv(bool gdr, bool flush)
{
	struct fi_info *h = common();

	h->caps = FI_LOCAL_COMM | FI_REMOTE_COMM | FI_TAGGED | FI_MSG;
	if (gdr) {
		h->caps |= FI_HMEM;
		h->domain_attr->mr_mode |= FI_MR_HMEM;
	}
	if (flush)
		h->caps |= FI_RMA | FI_READ;
	h->domain_attr->threading = FI_THREAD_SAFE;
	h->tx_attr->msg_order = FI_ORDER_SAS;
	h->rx_attr->msg_order = FI_ORDER_SAS;
	return h;
}

static struct fi_info *rdma(void)
{
	struct fi_info *h = common();

	h->caps = FI_MSG | FI_RMA | FI_HMEM | FI_LOCAL_COMM | FI_REMOTE_COMM;
	h->domain_attr->mr_mode |= FI_MR_HMEM;
	h->domain_attr->threading = FI_THREAD_COMPLETION;
	h->domain_attr->cq_data_size = 4;
	return h;
}

/* ---- what it does with the answer ---- */

static bool matches(const struct fi_info *a, const struct fi_info *b)
{
	return a->caps == b->caps && a->mode == b->mode && a->addr_format == b->addr_format &&
	       a->ep_attr->type == b->ep_attr->type &&
	       a->ep_attr->protocol == b->ep_attr->protocol &&
	       a->ep_attr->protocol_version == b->ep_attr->protocol_version &&
	       strcmp(a->fabric_attr->name, b->fabric_attr->name) == 0;
}

/* Names of the devices that it makes of @info. */
static void devices(const struct fi_info *info, char *buf, size_t len)
{
	const struct fi_info *i;
	size_t used = 0;

	buf[0] = 0;
	for (i = info; i && used < len; i = i->next)
		if (matches(info, i))
			used += (size_t)snprintf(buf + used, len - used, "%s ",
						 i->domain_attr->name);
}

static void check_answer(uint32_t version, struct fi_info *hints, int mr_mode)
{
	struct fi_info *info;
	char text[256];

	assert_int_equal(uet_getinfo(version, NULL, NULL, 0, hints, &info), 0);
	/* One per NIC: neither loopback nor docker0 nor what is down, and nothing twice. */
	devices(info, text, sizeof(text));
	assert_string_equal(text, "eth0 eth1 ");
	assert_int_equal(hints->caps & ~info->caps, 0);
	assert_int_equal(info->domain_attr->mr_mode, mr_mode);
	assert_int_equal(info->domain_attr->threading, hints->domain_attr->threading);
	assert_true(info->domain_attr->mr_key_size >= hints->domain_attr->mr_key_size);
	assert_true(info->domain_attr->cq_data_size >= 4);
	/* 32 tag bits at least, counted from the highest one that is set. */
	assert_true(info->ep_attr->mem_tag_format >> 32);
	assert_int_equal(info->tx_attr->msg_order & hints->tx_attr->msg_order,
			 hints->tx_attr->msg_order);
	assert_non_null(info->nic);
	assert_non_null(info->nic->link_attr);
	assert_string_equal(info->nic->device_attr->name, "eth0");
	fi_freeinfo(info);
	fi_freeinfo(hints);
}

static void refuses(uint32_t version, struct fi_info *hints)
{
	struct fi_info *info;

	assert_int_equal(uet_getinfo(version, NULL, NULL, 0, hints, &info), -FI_ENODATA);
	assert_null(info);
	fi_freeinfo(hints);
}

/* Its tries on a host without a GPU, in their order; the last one is served. */
static void sendrecv_host(void **state)
{
	(void)state;
	fake_cuda.no_library = true;
	refuses(V(20), sendrecv(true, true));
	refuses(V(18), sendrecv(true, false));
	refuses(V(6), sendrecv(true, true));
	check_answer(V(6), sendrecv(false, false), 0);
	assert_int_equal(fake_cuda.opened, 1);
}

static void sendrecv_device(void **state)
{
	(void)state;
	check_answer(V(20), sendrecv(true, false), FI_MR_HMEM);
	check_answer(V(18), sendrecv(true, false), FI_MR_HMEM);
	check_answer(V(6), sendrecv(true, false), FI_MR_HMEM);
	check_answer(V(6), sendrecv(true, true), FI_MR_HMEM);
	check_answer(V(18), sendrecv(true, true), FI_MR_HMEM);
	assert_int_equal(fake_cuda.opened, 1);
}

static void rdma_device(void **state)
{
	(void)state;
	check_answer(V(20), rdma(), FI_MR_HMEM);
	check_answer(V(18), rdma(), FI_MR_HMEM);
}

/* FI_HMEM comes back wherever it was asked for, and brings both directions. */
static void hmem_shown(void **state)
{
	struct fi_info *hints = fi_allocinfo(), *info;
	int where;

	(void)state;
	for (where = 0; where < 3; where++) {
		hints->caps = where == 0 ? FI_HMEM : 0;
		hints->tx_attr->caps = where == 1 ? FI_HMEM : 0;
		hints->rx_attr->caps = where == 2 ? FI_HMEM : 0;
		assert_int_equal(uet_getinfo(V(17), NULL, NULL, 0, hints, &info), 0);
		assert_true(info->caps & FI_HMEM);
		assert_int_equal(info->tx_attr->caps & (FI_HMEM | FI_SEND), FI_HMEM | FI_SEND);
		assert_int_equal(info->rx_attr->caps & (FI_HMEM | FI_RECV), FI_HMEM | FI_RECV);
		fi_freeinfo(info);
	}
	fi_freeinfo(hints);
}

/* Where loopback is all that there is, or all that is asked for, it has to do. */
static void loopback(void **state)
{
	struct fi_info *hints = sendrecv(false, false), *info;
	char text[256];

	(void)state;
	hints->domain_attr->name = strdup("lo");
	assert_int_equal(uet_getinfo(V(6), NULL, NULL, 0, hints, &info), 0);
	devices(info, text, sizeof(text));
	assert_string_equal(text, "lo ");
	fi_freeinfo(info);
	fi_freeinfo(hints);
}

static void rdma_without_device(void **state)
{
	(void)state;
	fake_cuda.devices = 0;
	refuses(V(20), rdma());
	refuses(V(18), rdma());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(sendrecv_host, set_up),
		cmocka_unit_test_setup(sendrecv_device, set_up),
		cmocka_unit_test_setup(rdma_device, set_up),
		cmocka_unit_test_setup(hmem_shown, set_up),
		cmocka_unit_test_setup(loopback, set_up),
		cmocka_unit_test_setup(rdma_without_device, set_up),
	};

	fake_host();
	uet_config_read();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
