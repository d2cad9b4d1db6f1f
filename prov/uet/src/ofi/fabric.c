/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The fabric: all ports of this host, and what belongs to no port (event queues, wait sets).
 */
#include <stdlib.h>
#include <string.h>

#include "ofi/ofi.h"
#include "ofi/registry.h"
#include "ofi/stubs.h"

static int fabric_close(struct fid *fid)
{
	struct uet_fabric *fabric = uet_container_of(fid, struct uet_fabric, fid.fid);

	if (uet_ref_busy(&fabric->ref))
		return -FI_EBUSY;
	uet_registry_del(fid);
	free(fabric);
	return 0;
}

static struct fi_ops fabric_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = fabric_close,
	.bind = uet_no_bind,
	.control = uet_no_control,
	.ops_open = uet_no_ops_open,
	.tostr = uet_no_tostr,
	.ops_set = uet_no_ops_set,
};

static struct fi_ops_fabric fabric_ops = {
	.size = sizeof(struct fi_ops_fabric),
	.domain = uet_domain_open,
	.passive_ep = uet_no_passive_ep,
	.eq_open = uet_eq_open,
	.wait_open = uet_waitset_open,
	.trywait = uet_trywait,
	.domain2 = uet_no_domain2,
};

int uet_fabric_open(struct fi_fabric_attr *attr, struct fid_fabric **out, void *context)
{
	struct uet_fabric *fabric;
	int ret;

	if (attr->name && strcmp(attr->name, UET_FABRIC_NAME)) {
		FI_INFO(&uet_prov, FI_LOG_FABRIC, "fabric: %s asked, %s offered\n", attr->name,
			UET_FABRIC_NAME);
		return -FI_EINVAL;
	}
	fabric = calloc(1, sizeof(*fabric));
	if (!fabric)
		return -FI_ENOMEM;
	fabric->fid.fid.fclass = FI_CLASS_FABRIC;
	fabric->fid.fid.context = context;
	fabric->fid.fid.ops = &fabric_fid_ops;
	fabric->fid.ops = &fabric_ops;
	fabric->fid.api_version = attr->api_version;
	ret = uet_registry_add(&fabric->fid.fid);
	if (ret) {
		free(fabric);
		return ret;
	}
	*out = &fabric->fid;
	return 0;
}
