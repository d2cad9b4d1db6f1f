/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Life of an endpoint: open (its socket is bound at once, so that its name is final), bind,
 * enable (PDS and SES come to life), progress, close (lingers for what was reported sent).
 */
#include "ofi/ep.h"

#include <poll.h>
#include <stdlib.h>

#include "nic/udp.h"
#include "ofi/stubs.h"

#define EP_RX_BATCH 64
/* Acknowledgements wait for an idle poll, but not longer than this many busy ones. */
#define EP_MAX_ROUNDS 4
/* Settling ends after this many rounds, however busy the peers are. */
#define EP_SETTLE_ROUNDS 64
/* Pause while the device takes no packets: nothing tells when it does again. */
#define EP_TX_PAUSE (1 * UET_NSEC_PER_MSEC)

int uet_ep_progress_locked(struct uet_ep *ep)
{
	struct uet_nic_rx pkts[EP_RX_BATCH];
	uint64_t now = uet_clock_ns();
	int n = ep->nic->ops->rx(ep->nic, pkts, EP_RX_BATCH);

	if (n > 0) {
		uet_pds_rx(ep->pds, pkts, n, now);
		ep->rounds++;
	}
	uet_ses_progress(ep->ses, now);
	/* With automatic progress the application need not come back: nothing is put off. */
	if (n > 0 && ep->rounds < EP_MAX_ROUNDS && !ep->domain->auto_progress) {
		uet_pds_progress(ep->pds, now, false);
		return n;
	}
	ep->rounds = 0;
	uet_pds_progress(ep->pds, now, true);
	return n;
}

void uet_ep_progress(struct uet_ep *ep)
{
	/* Whoever holds the lock is making progress already. */
	if (!uet_trylock(&ep->lock))
		return;
	uet_ep_progress_locked(ep);
	uet_unlock(&ep->lock);
}

uint64_t uet_ep_next(const struct uet_ep *ep)
{
	if (uet_pds_pending(ep->pds))
		return 0;
	return uet_min_u64(uet_pds_next(ep->pds), uet_ses_next(ep->ses));
}

/* Returns whether @ep came to rest, and in @next when it has to be driven again. */
static bool settle_once(struct uet_ep *ep, uint64_t *next)
{
	int n = uet_ep_progress_locked(ep);
	uint64_t now = uet_clock_ns();

	*next = uet_ep_next(ep);
	if (n <= 0 && *next > now)
		return true;
	/* Packets that nobody reads yet must not be mistaken for rest. */
	if (n > 0)
		*next = 0;
	else if (uet_pds_pending(ep->pds))
		*next = now + EP_TX_PAUSE;
	return false;
}

uint64_t uet_ep_settle(struct uet_ep *ep)
{
	uint64_t next = 0;
	int i;

	uet_lock(&ep->lock);
	for (i = 0; i < EP_SETTLE_ROUNDS && !settle_once(ep, &next); i++)
		;
	uet_unlock(&ep->lock);
	return next;
}

int uet_ep_fd(struct uet_ep *ep)
{
	return ep->nic->ops->fd(ep->nic);
}

void uet_ep_kick(struct uet_ep *ep, uint64_t when)
{
	uint32_t i;

	if (ep->tx_cq)
		uet_wait_expect(uet_cq_wait(ep->tx_cq), when);
	if (ep->rx_cq && ep->rx_cq != ep->tx_cq)
		uet_wait_expect(uet_cq_wait(ep->rx_cq), when);
	for (i = 0; i < ep->cntr_cnt; i++)
		uet_wait_expect(uet_cntr_wait_obj(ep->cntrs[i].cntr), when);
	if (ep->domain->thread)
		uet_wait_expect(uet_progress_thread_set(ep->domain->thread)->wait, when);
}

/* ---- binding ---- */

static int bind_cq(struct uet_ep *ep, struct uet_cq *cq, uint64_t flags)
{
	bool selective = flags & FI_SELECTIVE_COMPLETION;

	if (uet_cq_domain(cq) != ep->domain)
		return -FI_EINVAL;
	if (flags & ~(FI_TRANSMIT | FI_RECV | FI_SELECTIVE_COMPLETION))
		return -FI_EBADFLAGS;
	if (!(flags & (FI_TRANSMIT | FI_RECV)))
		return -FI_EINVAL;
	if (((flags & FI_TRANSMIT) && ep->tx_cq) || ((flags & FI_RECV) && ep->rx_cq))
		return -FI_EINVAL;
	if (flags & FI_TRANSMIT) {
		ep->tx_cq = cq;
		ep->tx_selective = selective;
		uet_ref_get(uet_cq_ref(cq));
	}
	if (flags & FI_RECV) {
		ep->rx_cq = cq;
		ep->rx_selective = selective;
		uet_ref_get(uet_cq_ref(cq));
	}
	return 0;
}

static int bind_cntr(struct uet_ep *ep, struct uet_cntr *cntr, uint64_t flags)
{
	const uint64_t kinds = FI_SEND | FI_RECV | FI_READ | FI_WRITE | FI_REMOTE_READ |
			       FI_REMOTE_WRITE;

	if (uet_cntr_domain(cntr) != ep->domain)
		return -FI_EINVAL;
	if (!(flags & kinds) || (flags & ~kinds))
		return -FI_EBADFLAGS;
	if (ep->cntr_cnt == UET_EP_CNTRS)
		return -FI_ENOSPC;
	ep->cntrs[ep->cntr_cnt++] = (struct uet_ep_cntr){ .cntr = cntr, .flags = flags };
	uet_ref_get(uet_cntr_ref(cntr));
	return 0;
}

static int bind_av(struct uet_ep *ep, struct uet_av *av)
{
	if (ep->av || uet_av_domain(av) != ep->domain)
		return -FI_EINVAL;
	ep->av = av;
	uet_ref_get(uet_av_ref(av));
	return 0;
}

static int bind_eq(struct uet_ep *ep, struct uet_eq *eq)
{
	if (ep->eq)
		return -FI_EINVAL;
	ep->eq = eq;
	uet_ref_get(uet_eq_ref(eq));
	return 0;
}

/* Every object begins with its fid, so the fid's address is the object's. */
static int ep_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
	struct uet_ep *ep = uet_container_of(fid, struct uet_ep, fid.fid);

	if (ep->enabled)
		return -FI_EOPBADSTATE;
	switch (bfid->fclass) {
	case FI_CLASS_CQ:
		return bind_cq(ep, (struct uet_cq *)bfid, flags);
	case FI_CLASS_CNTR:
		return bind_cntr(ep, (struct uet_cntr *)bfid, flags);
	case FI_CLASS_AV:
		return bind_av(ep, (struct uet_av *)bfid);
	case FI_CLASS_EQ:
		return bind_eq(ep, (struct uet_eq *)bfid);
	default:
		return -FI_EINVAL;
	}
}

/* ---- enabling ---- */

static bool has_cntr(const struct uet_ep *ep, uint64_t flag)
{
	uint32_t i;

	for (i = 0; i < ep->cntr_cnt; i++)
		if (ep->cntrs[i].flags & flag)
			return true;
	return false;
}

static int check_bound(const struct uet_ep *ep)
{
	if (!ep->av)
		return -FI_ENOAV;
	if ((ep->caps & FI_SEND) && !ep->tx_cq && !has_cntr(ep, FI_SEND))
		return -FI_ENOCQ;
	if ((ep->caps & FI_RECV) && !ep->rx_cq && !has_cntr(ep, FI_RECV))
		return -FI_ENOCQ;
	return 0;
}

static int create_ses(struct uet_ep *ep)
{
	struct uet_ses_cfg cfg = {
		.pds = uet_config.pds,
		.job_id = uet_job_id(ep->info->ep_attr->auth_key,
				     ep->info->ep_attr->auth_key_size, ep->domain->job_id),
		.pid_on_fep = ep->name.pid_on_fep,
		.resource_index = ep->name.resource_index,
		.initiator = ep->name.initiator,
		.payload_mtu = ep->payload_mtu,
		.max_tx = (uint32_t)ep->info->tx_attr->size,
		.max_rx = (uint32_t)ep->info->rx_attr->size,
		.inject_size = (uint32_t)ep->inject_size,
		.max_unexpected = (uint32_t)uet_config.max_unexpected,
		.max_unexpected_bytes = uet_config.max_unexpected_bytes,
		.retry_time = 1 * UET_NSEC_PER_MSEC,
		.retry_max = 100 * UET_NSEC_PER_MSEC,
	};
	uint64_t now = uet_clock_ns();
	int ret;

	cfg.pds.seed = now ^ (uint64_t)ep->nic->addr.port << 48 ^ (uintptr_t)ep;
	cfg.pds.cms.mtu = ep->payload_mtu;
	ret = uet_ses_create(&cfg, ep->nic, &uet_ep_ses_ops, ep, now, &ep->ses);
	if (!ret)
		ep->pds = uet_ses_pds(ep->ses);
	return ret;
}

static void leave_sets(struct uet_ep *ep)
{
	uint32_t i;

	if (ep->tx_cq)
		uet_cq_del_ep(ep->tx_cq, ep);
	if (ep->rx_cq)
		uet_cq_del_ep(ep->rx_cq, ep);
	for (i = 0; i < ep->cntr_cnt; i++)
		uet_cntr_del_ep(ep->cntrs[i].cntr, ep);
	if (ep->domain->thread)
		uet_progress_del(uet_progress_thread_set(ep->domain->thread), ep);
}

static int join_thread(struct uet_ep *ep)
{
	struct uet_domain *domain = ep->domain;
	int ret = 0;

	if (!domain->auto_progress)
		return 0;
	uet_lock(&domain->lock);
	if (!domain->thread)
		ret = uet_progress_thread_start(&domain->thread);
	uet_unlock(&domain->lock);
	return ret ? ret : uet_progress_add(uet_progress_thread_set(domain->thread), ep);
}

static int join_sets(struct uet_ep *ep)
{
	uint32_t i;
	int ret = 0;

	if (ep->tx_cq)
		ret = uet_cq_add_ep(ep->tx_cq, ep);
	if (!ret && ep->rx_cq)
		ret = uet_cq_add_ep(ep->rx_cq, ep);
	for (i = 0; !ret && i < ep->cntr_cnt; i++)
		ret = uet_cntr_add_ep(ep->cntrs[i].cntr, ep);
	if (!ret)
		ret = join_thread(ep);
	return ret;
}

static int ep_enable(struct uet_ep *ep)
{
	int ret;

	if (ep->enabled)
		return 0;
	ret = check_bound(ep);
	if (!ret)
		ret = create_ses(ep);
	if (ret)
		return ret;
	ret = join_sets(ep);
	if (ret) {
		leave_sets(ep);
		uet_ses_destroy(ep->ses);
		ep->ses = NULL;
		return ret;
	}
	ep->enabled = true;
	return 0;
}

static int ep_control(struct fid *fid, int command, void *arg)
{
	struct uet_ep *ep = uet_container_of(fid, struct uet_ep, fid.fid);

	switch (command) {
	case FI_ENABLE:
		return ep_enable(ep);
	case FI_GETOPSFLAG:
	case FI_SETOPSFLAG:
		return arg ? uet_ep_opsflag(ep, command, arg) : -FI_EINVAL;
	default:
		return -FI_ENOSYS;
	}
}

/* ---- closing ---- */

static int wait_ms(uint64_t now, uint64_t until)
{
	uint64_t ms = until > now ? (until - now) / UET_NSEC_PER_MSEC + 1 : 0;

	return (int)uet_min_u64(ms, 1000);
}

/* Keep going until what was reported sent is acknowledged, or FI_UET_LINGER is over. */
static void linger(struct uet_ep *ep)
{
	uint64_t now = uet_clock_ns();
	uint64_t end = now + uet_config.linger;
	struct pollfd pfd = { .fd = uet_ep_fd(ep), .events = POLLIN };
	uint64_t next = uet_ep_settle(ep);

	while (ep->detached && now < end) {
		poll(&pfd, 1, wait_ms(now, uet_min_u64(next, end)));
		next = uet_ep_settle(ep);
		now = uet_clock_ns();
	}
	if (ep->detached)
		FI_WARN(&uet_prov, FI_LOG_EP_CTRL,
			"closed with %u sends unanswered after FI_UET_LINGER = %llu ms\n",
			ep->detached,
			(unsigned long long)(uet_config.linger / UET_NSEC_PER_MSEC));
}

static void say_goodbye(struct uet_ep *ep)
{
	linger(ep);
	uet_lock(&ep->lock);
	uet_ep_drop_claims(ep);
	uet_pds_close(ep->pds, uet_clock_ns());
	uet_pds_flush(ep->pds);
	uet_unlock(&ep->lock);
}

static void unbind_all(struct uet_ep *ep)
{
	uint32_t i;

	if (ep->tx_cq)
		uet_ref_put(uet_cq_ref(ep->tx_cq));
	if (ep->rx_cq)
		uet_ref_put(uet_cq_ref(ep->rx_cq));
	for (i = 0; i < ep->cntr_cnt; i++)
		uet_ref_put(uet_cntr_ref(ep->cntrs[i].cntr));
	if (ep->av)
		uet_ref_put(uet_av_ref(ep->av));
	if (ep->eq)
		uet_ref_put(uet_eq_ref(ep->eq));
}

static int ep_close(struct fid *fid)
{
	struct uet_ep *ep = uet_container_of(fid, struct uet_ep, fid.fid);

	if (uet_ref_busy(&ep->ref))
		return -FI_EBUSY;
	if (ep->enabled) {
		leave_sets(ep);
		say_goodbye(ep);
		uet_ses_destroy(ep->ses);
	}
	ep->nic->ops->close(ep->nic);
	unbind_all(ep);
	uet_lock_destroy(&ep->lock);
	fi_freeinfo(ep->info);
	uet_ref_put(&ep->domain->ref);
	free(ep);
	return 0;
}

/* ---- opening ---- */

static struct fi_ops ep_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = ep_close,
	.bind = ep_bind,
	.control = ep_control,
	.ops_open = uet_no_ops_open,
	.tostr = uet_no_tostr,
	.ops_set = uet_no_ops_set,
};

static const struct uet_port *find_port(const struct uet_domain *domain,
					const struct uet_addr *addr)
{
	size_t i;

	for (i = 0; i < domain->port_cnt; i++)
		if (uet_addr_same_host(&domain->ports[i].addr, addr))
			return &domain->ports[i];
	return NULL;
}

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

static int open_nic(struct uet_ep *ep)
{
	struct uet_udp_cfg cfg = {
		.first_port = uet_config.port,
		.sndbuf = (uint32_t)uet_config.sndbuf,
		.rcvbuf = (uint32_t)uet_config.rcvbuf,
		.dscp_data = data_dscp(ep->info),
		.dscp_control = (uint8_t)uet_config.dscp_control,
		.ecn = true,
		.gso = uet_config.gso,
		.gro = uet_config.gro,
	};
	const struct uet_port *port;
	char text[UET_ADDR_STRLEN];
	int ret;

	ret = local_addr(ep->domain, ep->info, &cfg.addr);
	if (ret)
		return ret;
	port = find_port(ep->domain, &cfg.addr);
	if (!port) {
		FI_WARN(&uet_prov, FI_LOG_EP_CTRL, "%s is not an address of interface %s\n",
			uet_addr_str(&cfg.addr, text, sizeof(text)), ep->domain->name);
		return -FI_EADDRNOTAVAIL;
	}
	cfg.if_mtu = port->mtu;
	ret = uet_udp_open(&cfg, &ep->nic);
	if (ret)
		FI_WARN(&uet_prov, FI_LOG_EP_CTRL, "cannot open a socket on %s: %s\n",
			uet_addr_str(&cfg.addr, text, sizeof(text)), fi_strerror(-ret));
	return ret;
}

static void ep_attrs(struct uet_ep *ep)
{
	struct fi_info *info = ep->info;

	/* Applications may edit an info and leave a size 0: the default. */
	if (!info->tx_attr->size)
		info->tx_attr->size = uet_config.tx_size;
	if (!info->rx_attr->size)
		info->rx_attr->size = uet_config.rx_size;
	ep->caps = info->caps | info->tx_attr->caps | info->rx_attr->caps;
	ep->tx_op_flags = info->tx_attr->op_flags;
	ep->rx_op_flags = info->rx_attr->op_flags;
	ep->inject_size = info->tx_attr->inject_size;
	ep->mode = info->tx_attr->msg_order ? UET_MODE_ROD : UET_MODE_RUD;
	ep->addr_format = info->addr_format;
	ep->payload_mtu = uet_payload_mtu(ep->nic->mtu, uet_config.mtu);
	uet_name_from_addr(&ep->name, &ep->nic->addr);
}

int uet_ep_open(struct fid_domain *domain_fid, struct fi_info *info, struct fid_ep **out,
		void *context)
{
	struct uet_domain *domain = uet_container_of(domain_fid, struct uet_domain, fid);
	struct uet_ep *ep;
	int ret;

	ret = uet_info_check(uet_fabric_api(domain->fabric), info);
	if (ret)
		return ret;
	ep = calloc(1, sizeof(*ep));
	if (!ep)
		return -FI_ENOMEM;
	ep->domain = domain;
	ep->info = fi_dupinfo(info);
	ret = ep->info ? open_nic(ep) : -FI_ENOMEM;
	if (ret) {
		fi_freeinfo(ep->info);
		free(ep);
		return ret;
	}
	ep_attrs(ep);
	uet_lock_init(&ep->lock, domain->locked);
	uet_list_init(&ep->claims);
	ep->fid = (struct fid_ep){
		.fid = { .fclass = FI_CLASS_EP, .context = context, .ops = &ep_fid_ops },
		.ops = &uet_ep_ops,
		.cm = &uet_ep_cm_ops,
		.msg = &uet_msg_ops,
		.rma = &uet_no_rma_ops,
		.tagged = &uet_tagged_ops,
		.atomic = &uet_no_atomic_ops,
		.collective = &uet_no_collective_ops,
	};
	uet_ref_get(&domain->ref);
	*out = &ep->fid;
	return 0;
}
