/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Life of a FEP: open (its socket is bound at once, so that its name is final), start (PDS and
 * SES come to life), progress, stop (lingers for what was reported sent), close.
 */
#include "ofi/fep.h"

#include <poll.h>
#include <stdlib.h>

#include <rdma/fi_ext_uet.h>

#include "nic/udp.h"
#include "ofi/cc.h"
#include "ofi/hmem.h"
#include "ofi/peer.h"
#include "ofi/rma.h"
#include "ofi/stats.h"

#define FEP_RX_BATCH 64
/* Acknowledgements wait for an idle poll, but not longer than this many busy ones. */
#define FEP_MAX_ROUNDS 4
/* Settling ends after this many rounds, however busy the peers are. */
#define FEP_SETTLE_ROUNDS 64
/* Source ports of an endpoint where the configuration leaves it open. */
#define FEP_PATHS 16
/* Pause while the device takes no packets: nothing tells when it does again. */
#define FEP_TX_PAUSE (1 * UET_NSEC_PER_MSEC)

/* Let ACKs tell how full the device is. */
static void press(struct uet_fep *fep)
{
	fep->fill = fep->nic->fill;
	uet_pds_set_pressure(fep->pds, fep->fill);
}

int uet_fep_progress_locked(struct uet_fep *fep)
{
	struct uet_nic_rx pkts[FEP_RX_BATCH];
	int n = fep->nic->ops->rx(fep->nic, pkts, FEP_RX_BATCH);
	/* Not before: what arrives after a look at the clock, late as we may be, took no time. */
	uint64_t now = uet_clock_ns();

	fep->burst = (struct uet_burst){ 0 };
	if (uet_unlikely(fep->stats_at) && now >= fep->stats_at)
		uet_stats_tick(fep, now);
	if (uet_unlikely(fep->nic->fill > fep->fill))
		press(fep);
	if (n > 0) {
		uet_pds_rx(fep->pds, pkts, n, now);
		fep->rounds++;
	}
	uet_ses_progress(fep->ses, now);
	if (uet_unlikely(fep->unsent_due))
		uet_pieces_progress(fep, now);
	if (uet_unlikely(fep->peers))
		uet_peers_drive(fep->peers);
	/* With automatic progress the application need not come back: nothing is put off. */
	if (n > 0 && fep->rounds < FEP_MAX_ROUNDS && !fep->domain->auto_progress) {
		uet_pds_progress(fep->pds, now, false);
		return n;
	}
	fep->rounds = 0;
	uet_pds_progress(fep->pds, now, true);
	/* Not before the sources of what filled it have heard of it. */
	if (uet_unlikely(fep->nic->fill < fep->fill))
		press(fep);
	return n;
}

void uet_fep_posted(struct uet_fep *fep, fi_addr_t dest, size_t len, uint64_t flags,
		    uint64_t now)
{
	bool ends = uet_burst_ends(&fep->burst, dest, len, now);

	if (flags & FI_MORE)
		return;
	if (ends || !uet_config.burst || fep->domain->auto_progress)
		uet_pds_flush(fep->pds);
}

uint64_t uet_fep_call_locked(struct uet_fep *fep)
{
	if (uet_likely(uet_ses_next(fep->ses) > 0))
		return UET_TIME_NEVER;
	uet_ses_progress(fep->ses, uet_clock_ns());
	uet_pds_flush(fep->pds);
	return uet_fep_next(fep);
}

void uet_fep_progress(struct uet_fep *fep)
{
	/* Whoever holds the lock is making progress already. */
	if (!uet_trylock(&fep->lock))
		return;
	uet_fep_progress_locked(fep);
	uet_unlock(&fep->lock);
	uet_trigger_poll(&fep->domain->triggers);
}

uint64_t uet_fep_next(const struct uet_fep *fep)
{
	uint64_t next;

	if (uet_pds_pending(fep->pds) || fep->unsent_due)
		return 0;
	next = uet_min_u64(uet_pds_next(fep->pds), uet_ses_next(fep->ses));
	return uet_unlikely(fep->stats_at) ? uet_min_u64(next, fep->stats_at) : next;
}

/* Returns whether @fep came to rest, and in @next when it has to be driven again. */
static bool settle_once(struct uet_fep *fep, uint64_t *next)
{
	int n = uet_fep_progress_locked(fep);
	uint64_t now = uet_clock_ns();

	*next = uet_fep_next(fep);
	if (n <= 0 && *next > now)
		return true;
	/* Packets that nobody reads yet must not be mistaken for rest. */
	if (n > 0)
		*next = 0;
	else if (uet_pds_pending(fep->pds))
		*next = now + FEP_TX_PAUSE;
	return false;
}

uint64_t uet_fep_settle(struct uet_fep *fep)
{
	uint64_t next = 0;
	int i;

	uet_lock(&fep->lock);
	for (i = 0; i < FEP_SETTLE_ROUNDS && !settle_once(fep, &next); i++)
		;
	if (uet_unlikely(fep->peers))
		next = uet_peers_next(fep->peers, next);
	uet_unlock(&fep->lock);
	return uet_trigger_poll(&fep->domain->triggers) ? 0 : next;
}

int uet_fep_fd(struct uet_fep *fep)
{
	return fep->nic->ops->fd(fep->nic);
}

static const struct uet_port *find_port(const struct uet_domain *domain,
					const struct uet_addr *addr)
{
	size_t i;

	for (i = 0; i < domain->port_cnt; i++)
		if (uet_addr_same_host(&domain->ports[i].addr, addr))
			return &domain->ports[i];
	return NULL;
}

/* ---- start and stop ---- */

static size_t contexts(size_t cnt)
{
	return cnt == FI_SHARED_CONTEXT || cnt == 0 ? 1 : cnt;
}

static int create_ses(struct uet_fep *fep, const struct fi_info *info, size_t inject_size)
{
	struct uet_ses_cfg cfg = {
		.pds = uet_config.pds,
		.job_id = uet_job_id(info->ep_attr->auth_key,
				     info->ep_attr->auth_key_size, fep->domain->job_id),
		.pid_on_fep = fep->name.pid_on_fep,
		.resource_index = fep->name.resource_index,
		.initiator = fep->name.initiator,
		.payload_mtu = fep->payload_mtu,
		.indices = fep->name.num_indices,
		.max_tx = (uint32_t)(info->tx_attr->size * contexts(info->ep_attr->tx_ctx_cnt)),
		.inject_size = (uint32_t)inject_size,
		.defer_size = uet_config.defer_size,
		.rndv_size = uet_config.rndv_size,
		.rndv_eager = uet_config.rndv_eager,
		.retry_time = 1 * UET_NSEC_PER_MSEC,
		.retry_max = 100 * UET_NSEC_PER_MSEC,
	};
	uint64_t now = uet_clock_ns();
	int ret;

	cfg.pds.seed = now ^ (uint64_t)fep->nic->addr.port << 48 ^ (uintptr_t)fep;
	uet_cc_configure(&cfg.pds.cms, find_port(fep->domain, &fep->nic->addr),
			 fep->payload_mtu);
	ret = uet_ses_create(&cfg, fep->nic, &uet_ep_ses_ops, fep, now, &fep->ses);
	if (ret)
		return ret;
	fep->pds = uet_ses_pds(fep->ses);
	uet_stats_start(fep, now);
	return 0;
}

static void destroy_ses(struct uet_fep *fep)
{
	uet_ses_destroy(fep->ses);
	fep->ses = NULL;
	fep->pds = NULL;
	uet_pieces_destroy(fep);
}

static int wait_ms(uint64_t now, uint64_t until)
{
	uint64_t ms = until > now ? (until - now) / UET_NSEC_PER_MSEC + 1 : 0;

	return (int)uet_min_u64(ms, 1000);
}

/* Other threads may drive @fep until it has left their list. */
static uint32_t count_detached(struct uet_fep *fep)
{
	uint32_t n;

	uet_lock(&fep->lock);
	n = fep->detached;
	uet_unlock(&fep->lock);
	return n;
}

/* Keep going until what was reported sent is acknowledged, or FI_UET_LINGER is over. */
static void linger(struct uet_fep *fep)
{
	uint64_t now = uet_clock_ns();
	uint64_t end = now + uet_config.linger;
	struct pollfd pfd = { .fd = uet_fep_fd(fep), .events = POLLIN };
	uint64_t next = uet_fep_settle(fep);
	uint32_t detached = count_detached(fep);

	while (detached && now < end) {
		poll(&pfd, 1, wait_ms(now, uet_min_u64(next, end)));
		next = uet_fep_settle(fep);
		now = uet_clock_ns();
		detached = count_detached(fep);
	}
	if (detached)
		FI_WARN(&uet_prov, FI_LOG_EP_CTRL,
			"closed with %u sends unanswered after FI_UET_LINGER = %llu ms\n",
			detached,
			(unsigned long long)(uet_config.linger / UET_NSEC_PER_MSEC));
}

int uet_fep_start(struct uet_fep *fep, const struct fi_info *info, size_t inject_size)
{
	int ret = create_ses(fep, info, inject_size);

	uet_pieces_init(fep, inject_size);
	if (!ret)
		ret = uet_feps_join(fep);
	if (ret)
		destroy_ses(fep);
	return ret;
}

void uet_fep_stop(struct uet_fep *fep)
{
	linger(fep);
	/* Regions that its last packets hold must not vanish unnoticed before it is gone. */
	uet_lock(&fep->domain->feps_lock);
	uet_feps_leave(fep);
	uet_lock(&fep->lock);
	uet_stats_stop(fep, uet_clock_ns());
	uet_pds_close(fep->pds, uet_clock_ns());
	uet_pds_flush(fep->pds);
	destroy_ses(fep);
	uet_trigger_forget(fep);
	uet_unlock(&fep->lock);
	uet_unlock(&fep->domain->feps_lock);
	uet_hmem_drop(fep);
}

/* ---- the socket ---- */

/* The local address: the info's, else the domain's first of the wanted family. */
static int local_addr(const struct uet_domain *domain, const struct fi_info *info,
		      struct uet_addr *addr)
{
	struct uet_name name;
	size_t i;
	int ret;

	if (info->src_addr) {
		ret = uet_name_read_local(&name, info->addr_format, info->src_addr,
					  info->src_addrlen);
		*addr = name.addr;
		return ret;
	}
	for (i = 0; i < domain->port_cnt; i++) {
		*addr = domain->ports[i].addr;
		if (info->addr_format == FI_SOCKADDR_IN && addr->family != AF_INET)
			continue;
		if (info->addr_format == FI_SOCKADDR_IN6 && addr->family != AF_INET6)
			continue;
		return 0;
	}
	return -FI_EADDRNOTAVAIL;
}

/* DSCP of data packets: the traffic class that the application asked for (fi_endpoint(3)). */
static uint8_t data_dscp(const struct fi_info *info)
{
	uint32_t tclass = info->tx_attr->tclass;

	if (!tclass)
		tclass = info->domain_attr->tclass;
	switch (tclass) {
	case FI_TC_UNSPEC:
	case FI_TC_BEST_EFFORT:
	case FI_TC_BULK_DATA:
	case FI_TC_SCAVENGER:
		return (uint8_t)uet_config.dscp_data;
	case FI_TC_LOW_LATENCY:
	case FI_TC_DEDICATED_ACCESS:
	case FI_TC_NETWORK_CTRL:
		return (uint8_t)uet_config.dscp_control;
	default:
		return fi_tc_dscp_get(tclass);
	}
}

/* Where packets cannot leave the host there is one way only. */
static uint8_t paths_of(const struct uet_port *port)
{
	if (uet_config.paths)
		return (uint8_t)uet_config.paths;
	return port->rank == UET_PORT_LOOPBACK ? 1 : FEP_PATHS;
}

static int open_nic(struct uet_fep *fep, const struct fi_info *info)
{
	struct uet_udp_cfg cfg = {
		.first_port = uet_config.port,
		.sndbuf = (uint32_t)uet_config.sndbuf,
		.rcvbuf = (uint32_t)uet_config.rcvbuf,
		.dscp_data = data_dscp(info),
		.dscp_control = (uint8_t)uet_config.dscp_control,
		.ecn = true,
		.gso = uet_config.gso,
		.gro = uet_config.gro,
	};
	const struct uet_port *port;
	char text[UET_ADDR_STRLEN];
	int ret;

	ret = local_addr(fep->domain, info, &cfg.addr);
	if (ret)
		return ret;
	port = find_port(fep->domain, &cfg.addr);
	if (!port) {
		FI_WARN(&uet_prov, FI_LOG_EP_CTRL, "%s is not an address of interface %s\n",
			uet_addr_str(&cfg.addr, text, sizeof(text)), fep->domain->name);
		return -FI_EADDRNOTAVAIL;
	}
	cfg.if_mtu = port->mtu;
	cfg.paths = paths_of(port);
	/* What waits here shall not pass for a queue in the network, where that matters. */
	cfg.stamps = uet_cc_algorithm(port) != UET_CMS_NONE;
	ret = uet_udp_open(&cfg, &fep->nic);
	if (ret)
		FI_WARN(&uet_prov, FI_LOG_EP_CTRL, "cannot open a socket on %s: %s\n",
			uet_addr_str(&cfg.addr, text, sizeof(text)), fi_strerror(-ret));
	return ret;
}

int uet_fep_open(struct uet_domain *domain, const struct fi_info *info, struct uet_fep **out)
{
	struct uet_fep *fep = calloc(1, sizeof(*fep));
	int ret;

	if (!fep)
		return -FI_ENOMEM;
	fep->domain = domain;
	ret = open_nic(fep, info);
	if (ret) {
		free(fep);
		return ret;
	}
	uet_list_init(&fep->link);
	uet_list_init(&fep->unsent);
	uet_list_init(&fep->stages);
	uet_lock_init(&fep->lock, domain->locked);
	fep->payload_mtu = uet_payload_mtu(fep->nic->mtu, uet_config.mtu);
	uet_name_from_addr(&fep->name, &fep->nic->addr);
	fep->name.caps = FI_UET_CAP_SMALL;
	*out = fep;
	return 0;
}

void uet_fep_close(struct uet_fep *fep)
{
	fep->nic->ops->close(fep->nic);
	uet_lock_destroy(&fep->lock);
	free(fep);
}
