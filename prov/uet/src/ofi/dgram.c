/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "ofi/dgram.h"

#include <inttypes.h>

#include "ofi/info.h"

/* Nothing that needs an answer of the peer. */
#define DGRAM_CAPS (FI_MSG | FI_SEND | FI_RECV | FI_MULTI_RECV | FI_DIRECTED_RECV | FI_SOURCE | \
		    FI_SOURCE_ERR | FI_LOCAL_COMM | FI_REMOTE_COMM | FI_SHARED_AV)
#define DGRAM_TX_OP_FLAGS (FI_INJECT | FI_COMPLETION | FI_INJECT_COMPLETE | FI_TRANSMIT_COMPLETE)

static bool lacks(const char *what, uint64_t asked, uint64_t offered)
{
	if (!(asked & ~offered))
		return false;
	FI_INFO(&uet_prov, FI_LOG_CORE, "%s: 0x%" PRIx64 " asked, which datagram endpoints lack\n",
		what, asked & ~offered);
	return true;
}

static bool exceeds(const char *what, size_t asked, size_t offered)
{
	if (asked <= offered)
		return false;
	FI_INFO(&uet_prov, FI_LOG_CORE, "%s: %zu asked, at most %zu offered by datagram "
		"endpoints\n", what, asked, offered);
	return true;
}

static bool many(const char *what, size_t asked)
{
	return asked != FI_SHARED_CONTEXT && exceeds(what, asked, 1);
}

static bool ep_fits(const struct fi_ep_attr *ep, const struct uet_port *port)
{
	if (!ep)
		return true;
	if (many("ep_attr->tx_ctx_cnt", ep->tx_ctx_cnt) ||
	    many("ep_attr->rx_ctx_cnt", ep->rx_ctx_cnt))
		return false;
	return !port ||
	       !exceeds("ep_attr->max_msg_size", ep->max_msg_size, uet_port_payload(port));
}

bool uet_dgram_fits(const struct fi_info *hints, const struct uet_port *port)
{
	const struct fi_tx_attr *tx;
	const struct fi_rx_attr *rx;

	if (!hints)
		return true;
	tx = hints->tx_attr;
	rx = hints->rx_attr;
	if (lacks("caps", hints->caps, DGRAM_CAPS))
		return false;
	if (tx && (lacks("tx_attr->caps", tx->caps, DGRAM_CAPS) ||
		   lacks("tx_attr->op_flags", tx->op_flags, DGRAM_TX_OP_FLAGS) ||
		   lacks("tx_attr->msg_order", tx->msg_order, 0)))
		return false;
	if (rx && (lacks("rx_attr->caps", rx->caps, DGRAM_CAPS) ||
		   lacks("rx_attr->msg_order", rx->msg_order, 0)))
		return false;
	return ep_fits(hints->ep_attr, port);
}

void uet_dgram_narrow(struct fi_info *info, const struct uet_port *port)
{
	info->caps &= DGRAM_CAPS;
	info->tx_attr->caps &= DGRAM_CAPS;
	info->tx_attr->op_flags &= DGRAM_TX_OP_FLAGS;
	info->tx_attr->msg_order = 0;
	info->tx_attr->rma_iov_limit = 0;
	info->rx_attr->caps &= DGRAM_CAPS;
	info->rx_attr->msg_order = 0;
	info->ep_attr->type = FI_EP_DGRAM;
	info->ep_attr->max_msg_size = uet_port_payload(port);
	info->ep_attr->max_order_raw_size = 0;
	info->ep_attr->max_order_war_size = 0;
	info->ep_attr->max_order_waw_size = 0;
}
