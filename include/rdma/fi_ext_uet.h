/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Extensions of the uet provider (Ultra Ethernet Transport). Programs that use nothing but
 * libfabric's own interfaces do not need this header.
 */
#ifndef FI_EXT_UET_H
#define FI_EXT_UET_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * fi_info.addr_format of struct fi_uet_addr. libfabric has assigned no value of its own to
 * UET; provider-specific values have the upper bit set, and the rest spells "UET". Ask for it
 * in the hints; without, addresses are struct sockaddr_in and struct sockaddr_in6.
 */
#define FI_ADDR_UET		0x80554554u

/* fi_ep_attr.protocol and .protocol_version. The upper bit is set for the same reason. */
#define FI_PROTO_UET		0x80554554u
#define FI_PROTO_UET_VERSION	1

/* UDP destination port that the Ultra Ethernet specification uses. */
#define FI_UET_PORT		4793

/*
 * Address of a UET endpoint, every field big-endian. Fields without their "valid" flag are
 * derived: PIDonFEP = (port - 4793) mod 4096, resource index = 1, initiator = port.
 */
struct fi_uet_addr {
	uint8_t version;		/* 0 */
	uint8_t flags;			/* FI_UET_ADDR_* */
	uint8_t caps;			/* FI_UET_CAP_*: profiles of the endpoint */
	uint8_t reserved;		/* 0 */
	uint16_t pid_on_fep;		/* low 12 bits */
	uint16_t resource_index;	/* low 12 bits: the first one */
	uint16_t num_indices;		/* low 12 bits: how many from there on */
	uint16_t port;			/* UDP port; 0 = 4793 */
	uint32_t initiator;		/* id that the endpoint puts into its requests */
	uint8_t fa[16];			/* IPv6, or IPv4 in the first four bytes and zeros */
};

#define FI_UET_ADDR_CAPS_VALID		0x01
#define FI_UET_ADDR_FA_VALID		0x02
#define FI_UET_ADDR_PID_VALID		0x04
#define FI_UET_ADDR_RI_VALID		0x08
#define FI_UET_ADDR_INITIATOR_VALID	0x10
#define FI_UET_ADDR_ABSOLUTE		0x20	/* client/server; without: parallel job */
#define FI_UET_ADDR_IPV6		0x40	/* fa holds an IPv6 address */
#define FI_UET_ADDR_MTU_ONLY		0x80	/* takes messages of one packet only */

#define FI_UET_CAP_AI_BASE	0x01
#define FI_UET_CAP_AI_FULL	0x02
#define FI_UET_CAP_HPC		0x04
#define FI_UET_CAP_SMALL	0x80	/* understands the small non-matching header */

/*
 * Authorization key (fi_domain_attr.auth_key, fi_ep_attr.auth_key; auth_key_size 4): the JobID
 * in host byte order, 1 to 0xffffff. Without a key FI_UET_JOB_ID holds.
 */
struct fi_uet_auth_key {
	uint32_t job_id;
};

/*
 * Flags of fi_mr_reg(3) and its relatives, for domains with FI_MR_PROV_KEY: what the key tells
 * those who use it (UEC 1.0 Table 2-13).
 *   FI_UET_MR_IDEMPOTENT  it does no harm when a read or write of the region happens twice, so
 *                         initiators that need no order may do without delivery contexts
 *                         (RUDI). No counters can be bound to such a region.
 *   FI_UET_MR_OPTIMIZED   one of the 4096 short keys of the domain, which fit the small header
 */
#define FI_UET_MR_IDEMPOTENT	(1ull << 60)
#define FI_UET_MR_OPTIMIZED	(1ull << 61)

/*
 * fi_cq_err_entry.prov_errno:
 *   0                  no code from the network, err says it all
 *   1 .. 63            return code of a UET response (UEC 1.0 Table 3-19)
 *   0x100 + 0 .. 255   code of a packet delivery NACK (UEC 1.0 Table 3-58)
 *   0x200 + errno      found out on this side: a time-out, an unreachable or restarted peer
 * fi_cq_strerror puts each into words.
 */
#define FI_UET_ERR_NACK		0x100
#define FI_UET_ERR_LOCAL	0x200

#ifdef __cplusplus
}
#endif

#endif /* FI_EXT_UET_H */
