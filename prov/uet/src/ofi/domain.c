/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The domain: one NIC port. It owns keys, AVs, counters and CQs; endpoints own their sockets.
 */
#include <stdlib.h>
#include <string.h>

#include "ofi/ofi.h"
#include "ofi/registry.h"
#include "ofi/rma.h"
#include "ofi/stats.h"
#include "ofi/stubs.h"

/* FI_REG_MR under a name of our own: libfabric 2.x warns about the old one. */
#define DOMAIN_BIND_REG_MR (1ull << 59)

static int domain_close(struct fid *fid)
{
	struct uet_domain *domain = uet_container_of(fid, struct uet_domain, fid.fid);

	if (uet_ref_busy(&domain->ref))
		return -FI_EBUSY;
	uet_registry_del(fid);
	uet_progress_thread_stop(domain->thread);
	if (domain->eq)
		uet_ref_put(uet_eq_ref(domain->eq));
	uet_mr_map_destroy(domain->mrs);
	uet_triggers_destroy(&domain->triggers);
	uet_lock_destroy(&domain->feps_lock);
	uet_lock_destroy(&domain->lock);
	uet_ports_free(domain->ports);
	fi_freeinfo(domain->info);
	uet_ref_put(&domain->fabric->ref);
	free(domain);
	return 0;
}

static int domain_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
	struct uet_domain *domain = uet_container_of(fid, struct uet_domain, fid.fid);

	if (bfid->fclass != FI_CLASS_EQ)
		return -FI_EINVAL;
	/* Events about registration: it completes at once, nobody would send them. */
	if (flags & DOMAIN_BIND_REG_MR)
		return -FI_EOPNOTSUPP;
	if (flags)
		return -FI_EBADFLAGS;
	if (domain->eq)
		return -FI_EINVAL;
	domain->eq = (struct uet_eq *)uet_container_of(bfid, struct fid_eq, fid);
	uet_ref_get(uet_eq_ref(domain->eq));
	return 0;
}

static int domain_control(struct fid *fid, int command, void *arg)
{
	struct uet_domain *domain = uet_container_of(fid, struct uet_domain, fid.fid);

	switch (command) {
	case FI_QUEUE_WORK:
	case FI_CANCEL_WORK:
	case FI_FLUSH_WORK:
		return uet_trigger_control(domain, command, arg);
	default:
		return uet_mr_control(domain, command, arg);
	}
}

static struct fi_ops domain_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = domain_close,
	.bind = domain_bind,
	.control = domain_control,
	.ops_open = uet_stats_ops_open,
	.tostr = uet_no_tostr,
	.ops_set = uet_no_ops_set,
};

static struct fi_ops_domain domain_ops = {
	.size = sizeof(struct fi_ops_domain),
	.av_open = uet_av_open,
	.cq_open = uet_cq_open,
	.endpoint = uet_ep_open,
	.scalable_ep = uet_sep_open,
	.cntr_open = uet_cntr_open,
	.poll_open = uet_poll_open,
	.stx_ctx = uet_stx_open,
	.srx_ctx = uet_srx_open,
	.query_atomic = uet_query_atomic,
	.query_collective = uet_no_query_collective,
	.endpoint2 = uet_no_endpoint2,
};

uint32_t uet_job_id(const uint8_t *auth_key, size_t size, uint32_t fallback)
{
	uint32_t key;

	if (size != sizeof(key) || !auth_key)
		return fallback;
	memcpy(&key, auth_key, sizeof(key));
	return key & UET_JOB_ID_MAX;
}

static int domain_init(struct uet_domain *domain, struct uet_fabric *fabric, struct fi_info *info)
{
	const struct fi_domain_attr *attr = info->domain_attr;
	int ret;

	domain->fabric = fabric;
	domain->info = fi_dupinfo(info);
	domain->mrs = uet_mr_map_create();
	if (!domain->info || !domain->mrs)
		return -FI_ENOMEM;
	strncpy(domain->name, attr->name, sizeof(domain->name) - 1);
	ret = uet_ports_discover(domain->name, &domain->ports, &domain->port_cnt);
	if (ret)
		return ret;
	/* The name is read as a pattern there, and no interface is meant by one. */
	if (!domain->port_cnt || strcmp(domain->ports[0].name, attr->name)) {
		FI_WARN(&uet_prov, FI_LOG_DOMAIN, "interface %s has no usable address any more\n",
			domain->name);
		return -FI_ENODEV;
	}
	domain->auto_progress = attr->data_progress == FI_PROGRESS_AUTO ||
				attr->control_progress == FI_PROGRESS_AUTO;
	domain->locked = attr->threading != FI_THREAD_DOMAIN || domain->auto_progress;
	domain->job_id = uet_job_id(attr->auth_key, attr->auth_key_size, uet_config.job_id);
	domain->mr_mode = attr->mr_mode;
	uet_list_init(&domain->feps);
	uet_triggers_init(&domain->triggers);
	uet_list_init(&domain->region_cntrs);
	uet_lock_init(&domain->feps_lock, domain->locked);
	uet_lock_init(&domain->lock, domain->locked);
	return 0;
}

int uet_domain_open(struct fid_fabric *fabric_fid, struct fi_info *info,
		    struct fid_domain **out, void *context)
{
	struct uet_fabric *fabric = uet_container_of(fabric_fid, struct uet_fabric, fid);
	struct uet_domain *domain;
	int ret;

	ret = uet_info_check(uet_fabric_api(fabric), info);
	if (ret)
		return ret;
	domain = calloc(1, sizeof(*domain));
	if (!domain)
		return -FI_ENOMEM;
	ret = domain_init(domain, fabric, info);
	if (ret)
		goto free_domain;
	domain->fid.fid.fclass = FI_CLASS_DOMAIN;
	domain->fid.fid.context = context;
	domain->fid.fid.ops = &domain_fid_ops;
	domain->fid.ops = &domain_ops;
	domain->fid.mr = &uet_mr_ops;
	ret = uet_registry_add(&domain->fid.fid);
	if (ret)
		goto free_domain;
	uet_ref_get(&fabric->ref);
	*out = &domain->fid;
	return 0;

free_domain:
	if (domain->mrs)
		uet_mr_map_destroy(domain->mrs);
	uet_ports_free(domain->ports);
	fi_freeinfo(domain->info);
	free(domain);
	return ret;
}
