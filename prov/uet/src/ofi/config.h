/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The FI_UET_* environment: read once, when libfabric loads the provider.
 */
#ifndef UET_OFI_CONFIG_H
#define UET_OFI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ses/ses.h"

#define UET_PORT	4793	/* the UDP port of UET */
#define UET_JOB_ID_MAX	0xffffffu
#define UET_MTU_MIN	1024u	/* payload bytes per packet */
#define UET_MTU_MAX	8192u
#define UET_QUEUE_MAX	65536	/* most operations outstanding per direction */
#define UET_CC_BY_LINK	0xff	/* no congestion control was named */

struct uet_config {
	char *iface;		/* FI_UET_IFACE: filter, or NULL */
	uint32_t port;		/* FI_UET_PORT: first port tried, 4793 */
	uint32_t job_id;	/* FI_UET_JOB_ID: 1 */
	uint32_t mtu;		/* FI_UET_MTU: payload bytes per packet, 0 = from the path */
	size_t inject_size;	/* FI_UET_INJECT_SIZE */
	size_t sndbuf, rcvbuf;	/* FI_UET_SNDBUF, FI_UET_RCVBUF: bytes */
	bool burst;		/* FI_UET_BURST */
	bool gso, gro;		/* FI_UET_GSO, FI_UET_GRO */
	uint32_t paths;		/* FI_UET_PATHS: source ports of an endpoint, 0 = by interface */
	uint32_t dscp_data;	/* FI_UET_DSCP_DATA */
	uint32_t dscp_control;	/* FI_UET_DSCP_CONTROL */
	bool rudi;		/* FI_UET_RUDI */
	uint8_t cc;		/* FI_UET_CC: enum uet_cms_algorithm, or UET_CC_BY_LINK */
	size_t tx_size, rx_size; /* FI_UET_TX_SIZE, FI_UET_RX_SIZE: operations outstanding */
	size_t max_unexpected;	/* FI_UET_UNEXPECTED_COUNT */
	size_t max_unexpected_bytes; /* FI_UET_UNEXPECTED_BYTES */
	size_t defer_size;	/* FI_UET_DEFER_SIZE */
	size_t rndv_size;	/* FI_UET_RENDEZVOUS_SIZE */
	size_t rndv_eager;	/* FI_UET_RENDEZVOUS_EAGER */
	bool hmem_cuda;		/* FI_UET_HMEM_CUDA */
	size_t hmem_staging;	/* FI_UET_HMEM_STAGING: bytes per endpoint */
	bool stats;		/* FI_UET_STATS: log them when an endpoint closes ... */
	uint64_t stats_period;	/* ... and whenever so many ns have passed; 0: do not */
	uint64_t linger;	/* FI_UET_LINGER, here in ns: fi_close waits so long */
	struct uet_pds_cfg pds;	/* FI_UET_MAX_PDC, FI_UET_WINDOW, FI_UET_RTO, ...; the
				 * endpoint sets pds.seed for itself, and of pds.cms what
				 * depends on its link (uet_cc_configure) */
};

extern struct uet_config uet_config;

/*
 * Define every parameter with libfabric (fi_provider(7), fi_param_define) and read it into
 * uet_config. A value out of range is replaced by the default with a warning that names the
 * variable and its range. UET_JOB_ID is read where FI_UET_JOB_ID is not set. May be called
 * again: the environment is then read anew.
 */
void uet_config_read(void);

/* Free what uet_config_read allocated. */
void uet_config_free(void);

#endif /* UET_OFI_CONFIG_H */
