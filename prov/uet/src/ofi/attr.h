/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the provider offers: one table, from which fi_getinfo answers and against which hints
 * are compared. A new capability is a new bit here.
 */
#ifndef UET_OFI_ATTR_H
#define UET_OFI_ATTR_H

#include "ofi/ofi.h"

/*
 * Values whose names libfabric 2 deprecates or drops: using a deprecated name prints a warning
 * with every compilation.
 */
#define UET_MR_BASIC	(1 << 0)	/* FI_MR_BASIC */
#define UET_MR_SCALABLE	(1 << 1)	/* FI_MR_SCALABLE */

/* Multi-receive buffers for tagged messages: a capability of libfabric 2. */
#ifdef FI_TAGGED_MULTI_RECV
#define UET_TAGGED_MULTI_RECV FI_TAGGED_MULTI_RECV
#else
#define UET_TAGGED_MULTI_RECV 0ull
#endif

/* FI_THREAD_ENDPOINT, the highest level that any version of libfabric has known. */
#define UET_THREAD_LAST	5

/* Virtual addresses and keys chosen by the provider: what FI_MR_BASIC once meant. */
#define UET_MR_VIRT	(FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY)

/* 64 single-bit fields: any tag, any ignore mask (the name FI_TAG_GENERIC is not public). */
#define UET_TAG_FORMAT	0xaaaaaaaaaaaaaaaaull

/* Room for the longest address as text, with the final NUL. */
#define UET_NAME_STRLEN	128

struct uet_offer {
	/* Capabilities. */
	uint64_t primary;	/* returned when asked, or when nothing is asked */
	uint64_t direction;	/* FI_SEND ...: as primary, filled in when none is given */
	uint64_t secondary;	/* always returned, FI_RMA_EVENT only with FI_RMA or FI_ATOMIC */
	uint64_t on_request;	/* secondary ones that cost something: only when asked */
	uint64_t tx_caps;	/* those of the above that tx_attr->caps may show */
	uint64_t rx_caps;	/* the same for rx_attr->caps */
	uint64_t domain_caps;
	/* Transfers. */
	uint64_t tx_op_flags;
	uint64_t tx_op_default;	/* tx op_flags when none are asked */
	uint64_t rx_op_flags;
	uint64_t order_held;	/* order that ROD keeps */
	size_t max_msg_size;
	size_t iov_limit;
	size_t rma_iov_limit;	/* when asked; 1 otherwise */
	size_t tx_size, rx_size;	/* most operations outstanding that may be asked */
	/* The domain. */
	size_t mr_key_size;
	size_t cq_data_size;
	size_t cq_cnt, ep_cnt, cntr_cnt;
	size_t ep_ctx_cnt;	/* contexts per scalable endpoint, each direction */
	size_t mr_iov_limit, mr_cnt;
	size_t max_err_data;
	size_t auth_key_size;
};

extern const struct uet_offer uet_offer;

/*
 * True if packets with the smallest payload (UET_MTU_MIN bytes) and all headers fit the MTU of
 * @port's interface: without that, it is of no use.
 */
bool uet_port_usable(const struct uet_port *port);

/* Payload, in bytes, of the packets of endpoints on @port. */
uint32_t uet_port_payload(const struct uet_port *port);

/* Largest payload, in bytes, that a send on @port may have with FI_INJECT. */
size_t uet_inject_limit(const struct uet_port *port);

/* The mr_mode bits that @mode, as agreed in fi_getinfo, stands for: FI_MR_BASIC resolved. */
static inline int uet_mr_mode_bits(int mode)
{
	if (mode == UET_MR_BASIC)
		return UET_MR_VIRT;
	return mode == UET_MR_SCALABLE ? 0 : mode;
}

#endif /* UET_OFI_ATTR_H */
