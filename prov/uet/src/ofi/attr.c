/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "ofi/attr.h"

#include "ofi/rma.h"
#include "wire/pds.h"
#include "wire/ses.h"

#define UET_IPV4_LEN	20
#define UET_IPV6_LEN	40
#define UET_UDP_LEN	8
#define UET_CRC_LEN	4

/*
 * Every order among reads, writes and sends, and the finer bits for RMA and atomics. ROD
 * requests are executed as they arrive, in order; what a read returns is copied at that moment,
 * so that later writes do not show in it.
 */
#define UET_ORDER_ALL \
	(FI_ORDER_RAR | FI_ORDER_RAW | FI_ORDER_RAS | FI_ORDER_WAR | FI_ORDER_WAW | \
	 FI_ORDER_WAS | FI_ORDER_SAR | FI_ORDER_SAW | FI_ORDER_SAS | \
	 FI_ORDER_RMA_RAR | FI_ORDER_RMA_RAW | FI_ORDER_RMA_WAR | FI_ORDER_RMA_WAW | \
	 FI_ORDER_ATOMIC_RAR | FI_ORDER_ATOMIC_RAW | FI_ORDER_ATOMIC_WAR | FI_ORDER_ATOMIC_WAW)

const struct uet_offer uet_offer = {
	.primary = FI_MSG | FI_TAGGED | FI_RMA | FI_ATOMIC | FI_DIRECTED_RECV | FI_MULTI_RECV,
	.direction = FI_SEND | FI_RECV | FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE,
	.secondary = FI_LOCAL_COMM | FI_REMOTE_COMM | FI_RMA_EVENT | FI_FENCE,
	.on_request = FI_SOURCE | FI_SOURCE_ERR | FI_NAMED_RX_CTX | FI_SHARED_AV |
		      UET_TAGGED_MULTI_RECV | FI_HMEM | FI_TRIGGER,
	.tx_caps = FI_MSG | FI_TAGGED | FI_RMA | FI_ATOMIC | FI_SEND | FI_READ | FI_WRITE |
		   FI_NAMED_RX_CTX | FI_HMEM | FI_FENCE | FI_TRIGGER,
	.rx_caps = FI_MSG | FI_TAGGED | FI_RMA | FI_ATOMIC | FI_RECV | FI_REMOTE_READ |
		   FI_REMOTE_WRITE | FI_DIRECTED_RECV | FI_SOURCE | FI_SOURCE_ERR | FI_RMA_EVENT |
		   FI_MULTI_RECV | UET_TAGGED_MULTI_RECV | FI_HMEM | FI_TRIGGER,
	.domain_caps = FI_LOCAL_COMM | FI_REMOTE_COMM | FI_SHARED_AV,
	.tx_op_flags = FI_INJECT | FI_COMPLETION | FI_INJECT_COMPLETE | FI_TRANSMIT_COMPLETE |
		       FI_DELIVERY_COMPLETE | FI_MATCH_COMPLETE,
	.tx_op_default = FI_TRANSMIT_COMPLETE,
	.rx_op_flags = FI_COMPLETION | FI_MULTI_RECV,
	.order_held = UET_ORDER_ALL,
	.max_msg_size = UET_SES_MAX_MSG,
	.iov_limit = UET_SES_IOV,
	.rma_iov_limit = UET_RMA_SEGS,
	.tx_size = UET_QUEUE_MAX,
	.rx_size = UET_QUEUE_MAX,
	.mr_key_size = sizeof(uint64_t),
	.cq_data_size = sizeof(uint64_t),
	.cq_cnt = 4096,
	.ep_cnt = 4095,
	.cntr_cnt = 4096,
	.ep_ctx_cnt = UET_SES_INDICES,
	.mr_iov_limit = 1,
	.mr_cnt = 65536,
	.max_err_data = UET_NAME_STRLEN,
	.auth_key_size = sizeof(uint32_t),
};

/* Bytes that the interface of @port has for a UET packet: what is left above UDP. */
static uint32_t packet_mtu(const struct uet_port *port)
{
	uint32_t below = UET_UDP_LEN;

	below += port->addr.family == AF_INET ? UET_IPV4_LEN : UET_IPV6_LEN;
	return port->mtu > below ? port->mtu - below : 0;
}

bool uet_port_usable(const struct uet_port *port)
{
	const uint32_t headers = UET_PDS_CC_REQ_LEN + UET_SES_REQ_MAX_LEN + UET_CRC_LEN;

	return packet_mtu(port) >= headers + UET_MTU_MIN;
}

uint32_t uet_port_payload(const struct uet_port *port)
{
	return uet_payload_mtu(packet_mtu(port), uet_config.mtu);
}

size_t uet_inject_limit(const struct uet_port *port)
{
	return uet_min_u64(uet_port_payload(port), uet_config.inject_size);
}
