/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Memory regions, fi_mr(3). A region is a list of segments under a 64-bit key, see mrmap.c.
 */
#include "ofi/mr.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <rdma/fi_ext_uet.h>

#include "base/bytes.h"
#include "base/log.h"
#include "ofi/attr.h"
#include "ofi/hmem.h"
#include "ofi/stubs.h"

#define MR_RAW_KEY_SIZE	8u	/* bytes of a raw key: the key, big-endian */

#define MR_ACCESS (FI_SEND | FI_RECV | FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE | \
		   FI_COLLECTIVE)
#define MR_KEY_FLAGS (FI_UET_MR_IDEMPOTENT | FI_UET_MR_OPTIMIZED)

/* Does the agreed mode have @bit? */
static bool mode_has(const struct uet_domain *domain, int bit)
{
	return uet_mr_mode_bits(domain->mr_mode) & bit;
}

/* Enter @mr under its key; provider keys are chosen here. Domain lock held. */
static int enter(struct uet_domain *domain, struct uet_mr *mr, uint64_t flags)
{
	if (mode_has(domain, FI_MR_PROV_KEY))
		return uet_mr_map_add_prov(domain->mrs, mr, flags & FI_UET_MR_OPTIMIZED);
	return uet_mr_map_add(domain->mrs, mr);
}

static void enable(struct uet_mr *mr)
{
	uet_lock(&mr->domain->lock);
	mr->enabled = true;
	uet_unlock(&mr->domain->lock);
	mr->fid.key = mr->region.key;
}

int uet_mr_desc_mem(const struct uet_domain *domain, void *desc, const struct uet_ses_mem **mem)
{
	const struct uet_mr *mr = desc;

	if (mr->fid.fid.fclass != FI_CLASS_MR || mr->domain != domain) {
		uet_info("%p is no descriptor of this domain", desc);
		return -FI_EINVAL;
	}
	*mem = mr->region.mem;
	return 0;
}

/* ---- fi_close, fi_mr_bind, fi_control on a region ---- */

static int mr_close(struct fid *fid)
{
	struct uet_mr *mr = uet_container_of(fid, struct uet_mr, fid.fid);
	struct uet_domain *domain = mr->domain;
	uint32_t i;

	uet_lock(&domain->lock);
	uet_mr_map_del(domain->mrs, mr);
	uet_unlock(&domain->lock);
	uet_feps_region_gone(domain, &mr->region);
	for (i = 0; i < mr->cntr_cnt; i++) {
		uet_feps_unwatch(domain, &mr->cntrs[i]);
		uet_ref_put(uet_cntr_ref(mr->cntrs[i].cntr));
	}
	if (mr->ep)
		uet_ref_put(&mr->ep->ref);
	uet_ref_put(&domain->ref);
	free(mr);
	return 0;
}

static int bind_ep(struct uet_mr *mr, struct uet_ep *ep, uint64_t flags)
{
	if (flags)
		return -FI_EBADFLAGS;
	if (ep->domain != mr->domain || mr->ep)
		return -FI_EINVAL;
	if (mr->enabled)
		return -FI_EOPBADSTATE;
	mr->ep = ep->base;
	uet_ref_get(&mr->ep->ref);
	return 0;
}

/* Legal on an enabled region too, unless FI_MR_RMA_EVENT says that it comes first. */
static int bind_cntr(struct uet_mr *mr, struct uet_cntr *cntr, uint64_t flags)
{
	uint32_t n = mr->cntr_cnt;
	int ret;

	if (!flags || flags & ~(FI_REMOTE_READ | FI_REMOTE_WRITE))
		return -FI_EBADFLAGS;
	if (uet_cntr_domain(cntr) != mr->domain)
		return -FI_EINVAL;
	if (mr->enabled && mode_has(mr->domain, FI_MR_RMA_EVENT))
		return -FI_EOPBADSTATE;
	/* What happens more than once cannot be counted. */
	if (n == UET_MR_CNTRS || mr->region.idempotent)
		return -FI_EINVAL;
	mr->cntrs[n] = (struct uet_region_cntr){ .cntr = cntr, .flags = flags };
	ret = uet_feps_watch(mr->domain, &mr->cntrs[n]);
	if (ret)
		return ret;
	uet_ref_get(uet_cntr_ref(cntr));
	atomic_store_explicit(&mr->cntr_cnt, n + 1, memory_order_release);
	return 0;
}

static int mr_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
	struct uet_mr *mr = uet_container_of(fid, struct uet_mr, fid.fid);

	switch (bfid->fclass) {
	case FI_CLASS_EP:
	case FI_CLASS_SEP:
	case FI_CLASS_RX_CTX:
		return bind_ep(mr, uet_container_of(bfid, struct uet_ep, fid.fid), flags);
	case FI_CLASS_CNTR:
		return bind_cntr(mr, (struct uet_cntr *)bfid, flags);
	default:
		return -FI_EINVAL;
	}
}

static int mr_enable(struct uet_mr *mr)
{
	if (mode_has(mr->domain, FI_MR_ENDPOINT) && !mr->ep)
		return -FI_EOPBADSTATE;
	enable(mr);
	return 0;
}

static int mr_raw_attr(struct uet_mr *mr, struct fi_mr_raw_attr *attr)
{
	size_t room;

	if (!attr || !attr->key_size)
		return -FI_EINVAL;
	room = *attr->key_size;
	*attr->key_size = MR_RAW_KEY_SIZE;
	if (room < MR_RAW_KEY_SIZE)
		return -FI_ETOOSMALL;
	if (!attr->raw_key)
		return -FI_EINVAL;
	if (!mr->enabled)
		return -FI_EOPBADSTATE;
	uet_put_be64(attr->raw_key, mr->region.key);
	if (attr->base_addr)
		*attr->base_addr = mr->region.base;
	return 0;
}

static int mr_control(struct fid *fid, int command, void *arg)
{
	struct uet_mr *mr = uet_container_of(fid, struct uet_mr, fid.fid);

	switch (command) {
	case FI_ENABLE:
		return mr_enable(mr);
	case FI_GET_RAW_MR:
		return mr_raw_attr(mr, arg);
	case FI_REFRESH:
		/* Nothing about the pages is kept. */
		return 0;
	default:
		return -FI_ENOSYS;
	}
}

static struct fi_ops mr_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = mr_close,
	.bind = mr_bind,
	.control = mr_control,
	.ops_open = uet_no_ops_open,
	.tostr = uet_no_tostr,
	.ops_set = uet_no_ops_set,
};

/* ---- registration ---- */

/*
 * Sum of the segments in *@len. A segment may be the whole address space, as (0, UINT64_MAX);
 * none may wrap around, nor may the sum.
 */
static int sum_iov(const struct iovec *iov, size_t count, uint64_t *len)
{
	uint64_t base, seg;
	size_t i;

	*len = 0;
	for (i = 0; i < count; i++) {
		base = (uintptr_t)iov[i].iov_base;
		seg = iov[i].iov_len;
		if (seg && seg - 1 > UINT64_MAX - base)
			return -FI_EINVAL;
		if (seg > UINT64_MAX - *len)
			return -FI_EINVAL;
		*len += seg;
	}
	return 0;
}

static uint64_t reg_flags(const struct uet_domain *domain)
{
	if (domain->info->caps & FI_HMEM)
		return FI_RMA_EVENT | FI_HMEM_DEVICE_ONLY | FI_HMEM_HOST_ALLOC;
	return FI_RMA_EVENT;
}

/* What the manual and the domain's attributes allow; the newest members are checked above. */
static int check_attr(const struct uet_domain *domain, const struct fi_mr_attr *attr,
		      uint64_t flags)
{
	size_t limit = domain->info->domain_attr->mr_iov_limit;

	if (flags & ~(reg_flags(domain) | MR_KEY_FLAGS))
		return -FI_EBADFLAGS;
	/* Keys of the application's choice mean nothing but themselves. */
	if ((flags & MR_KEY_FLAGS) && !mode_has(domain, FI_MR_PROV_KEY))
		return -FI_EINVAL;
	if ((flags & FI_RMA_EVENT) && (flags & FI_UET_MR_IDEMPOTENT))
		return -FI_EINVAL;
	if (!attr->mr_iov || !attr->iov_count || attr->iov_count > uet_max_u64(limit, 1))
		return -FI_EINVAL;
	if (attr->offset || attr->access & ~MR_ACCESS)
		return -FI_EINVAL;
	return 0;
}

/* Live at once, unless something must be bound first. */
static bool live_at_once(const struct uet_domain *domain, uint64_t flags)
{
	if (mode_has(domain, FI_MR_ENDPOINT))
		return false;
	return !(flags & FI_RMA_EVENT && mode_has(domain, FI_MR_RMA_EVENT));
}

/* The only job that may use the region (fi_mr(3), auth_key); 0: any. */
static int region_job(const struct uet_domain *domain, const struct fi_mr_attr *attr,
		      uint32_t *job_id)
{
	*job_id = 0;
	if (FI_VERSION_LT(uet_fabric_api(domain->fabric), FI_VERSION(1, 5)) ||
	    !attr->auth_key_size)
		return 0;
	if (attr->auth_key_size != sizeof(*job_id) || !attr->auth_key)
		return -FI_EINVAL;
	memcpy(job_id, attr->auth_key, sizeof(*job_id));
	return *job_id && *job_id <= UET_JOB_ID_MAX ? 0 : -FI_EINVAL;
}

static uint8_t remote_access(uint64_t access)
{
	uint8_t bits = 0;

	if (access & FI_REMOTE_READ)
		bits |= UET_SES_REMOTE_READ;
	if (access & FI_REMOTE_WRITE)
		bits |= UET_SES_REMOTE_WRITE;
	return bits;
}

static int describe(struct uet_mr *mr, const struct fi_mr_attr *attr, uint64_t flags)
{
	struct uet_ses_region *region = &mr->region;
	int ret;

	memcpy(mr->iov, attr->mr_iov, attr->iov_count * sizeof(mr->iov[0]));
	region->iov = mr->iov;
	region->iov_cnt = attr->iov_count;
	region->key = attr->requested_key;
	region->access = remote_access(attr->access);
	region->idempotent = flags & FI_UET_MR_IDEMPOTENT;
	if (mode_has(mr->domain, FI_MR_VIRT_ADDR))
		region->base = (uintptr_t)mr->iov[0].iov_base;
	ret = sum_iov(mr->iov, region->iov_cnt, &region->len);
	return ret ? ret : region_job(mr->domain, attr, &region->job_id);
}

static int add(struct uet_domain *domain, struct uet_mr *mr, uint64_t flags)
{
	int ret;

	uet_lock(&domain->lock);
	ret = enter(domain, mr, flags);
	uet_unlock(&domain->lock);
	return ret;
}

static int mr_register(struct uet_domain *domain, const struct fi_mr_attr *attr, uint64_t flags,
		       struct fid_mr **out)
{
	const struct uet_ses_mem *mem;
	struct uet_mr *mr;
	int ret;

	ret = check_attr(domain, attr, flags);
	if (!ret)
		ret = uet_hmem_of_region(domain, attr, flags, &mem);
	if (ret)
		return ret;
	mr = calloc(1, sizeof(*mr) + attr->iov_count * sizeof(mr->iov[0]));
	if (!mr)
		return -FI_ENOMEM;
	mr->region.mem = mem;
	mr->domain = domain;
	ret = describe(mr, attr, flags);
	if (!ret)
		ret = add(domain, mr, flags);
	if (ret) {
		free(mr);
		return ret;
	}
	uet_ref_get(&domain->ref);
	mr->fid.fid.fclass = FI_CLASS_MR;
	mr->fid.fid.context = attr->context;
	mr->fid.fid.ops = &mr_fid_ops;
	mr->fid.mem_desc = mr;
	mr->fid.key = FI_KEY_NOTAVAIL;
	if (live_at_once(domain, flags))
		enable(mr);
	*out = &mr->fid;
	return 0;
}

/* fi_ops_mr hang on the domain's fid; any other owner is the application's mistake. */
static struct uet_domain *domain_of(struct fid *fid)
{
	if (fid->fclass != FI_CLASS_DOMAIN)
		return NULL;
	return uet_container_of(fid, struct uet_domain, fid.fid);
}

static int mr_regv(struct fid *fid, const struct iovec *iov, size_t count, uint64_t access,
		   uint64_t offset, uint64_t requested_key, uint64_t flags, struct fid_mr **mr,
		   void *context)
{
	struct uet_domain *domain = domain_of(fid);
	const struct fi_mr_attr attr = {
		.mr_iov = iov,
		.iov_count = count,
		.access = access,
		.offset = offset,
		.requested_key = requested_key,
		.context = context,
	};

	return domain ? mr_register(domain, &attr, flags, mr) : -FI_EINVAL;
}

static int mr_reg(struct fid *fid, const void *buf, size_t len, uint64_t access,
		  uint64_t offset, uint64_t requested_key, uint64_t flags, struct fid_mr **mr,
		  void *context)
{
	const struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };

	return mr_regv(fid, &iov, 1, access, offset, requested_key, flags, mr, context);
}

static int mr_regattr(struct fid *fid, const struct fi_mr_attr *attr, uint64_t flags,
		      struct fid_mr **mr)
{
	struct uet_domain *domain = domain_of(fid);

	if (!domain || !attr)
		return -FI_EINVAL;
#ifdef FI_MR_DMABUF
	/* There is no pointer to copy with: mr_iov is something else then. */
	if (flags & FI_MR_DMABUF)
		return -FI_ENOSYS;
#endif
#ifdef HAVE_STRUCT_FI_MR_ATTR_BASE_MR
	/* Applications of older API versions hand in a shorter structure. */
	if (FI_VERSION_GE(uet_fabric_api(domain->fabric), FI_VERSION(2, 0)) && attr->base_mr)
		return -FI_ENOSYS;
#endif
	return mr_register(domain, attr, flags, mr);
}

struct fi_ops_mr uet_mr_ops = {
	.size = sizeof(struct fi_ops_mr),
	.reg = mr_reg,
	.regv = mr_regv,
	.regattr = mr_regattr,
};

/* ---- raw keys at the initiator ---- */

static int map_raw(const struct fi_mr_map_raw *map)
{
	if (!map || !map->raw_key || !map->key || map->key_size != MR_RAW_KEY_SIZE)
		return -FI_EINVAL;
	*map->key = uet_get_be64(map->raw_key);
	return 0;
}

int uet_mr_control(struct uet_domain *domain, int command, void *arg)
{
	(void)domain;
	switch (command) {
	case FI_MAP_RAW_MR:
		return map_raw(arg);
	case FI_UNMAP_KEY:
		/* Mapping takes no memory. */
		return arg ? 0 : -FI_EINVAL;
	default:
		return -FI_ENOSYS;
	}
}
