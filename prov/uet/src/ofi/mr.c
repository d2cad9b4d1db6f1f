/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Memory regions, fi_mr(3). A region is a list of segments under a 64-bit key.
 *
 * Keys chosen by the application are taken as they are, all 64 bits. Keys chosen here
 * (FI_MR_PROV_KEY) say so in bit 48 (UEC Table 2-13) and never come again while the domain
 * lives, until 2^48 regions have been registered: a stale key fails.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

/* Without memory for the table HASH_ADD leaves the element out instead of ending the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/bytes.h"
#include "ofi/attr.h"
#include "ofi/ep.h"
#include "ofi/stubs.h"

#define MR_PROV_KEY	(1ull << 48)
#define MR_KEY_MASK	(MR_PROV_KEY - 1)
#define MR_RAW_KEY_SIZE	8u	/* bytes of a raw key: the key, big-endian */
#define MR_CNTRS	2u	/* counters bound to one region */

#define MR_ACCESS (FI_SEND | FI_RECV | FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE | \
		   FI_COLLECTIVE)

struct mr_cntr {
	struct uet_cntr *cntr;
	uint64_t flags;			/* FI_REMOTE_READ, FI_REMOTE_WRITE */
};

struct uet_mr {
	struct fid_mr fid;
	struct uet_domain *domain;
	struct uet_ep *ep;		/* FI_MR_ENDPOINT: the endpoint that it is bound to */
	struct mr_cntr cntrs[MR_CNTRS];
	uint32_t cntr_cnt;
	bool enabled;
	uint64_t key;			/* fid.key shows it when enabled */
	uint64_t access;
	uint64_t len;			/* sum of the segments */
	size_t iov_cnt;
	UT_hash_handle hh;
	struct iovec iov[];
};

struct uet_mr_map {
	struct uet_mr *regions;		/* by key */
	uint64_t next_key;		/* FI_MR_PROV_KEY: where the search begins */
};

struct uet_mr_map *uet_mr_map_create(void)
{
	return calloc(1, sizeof(struct uet_mr_map));
}

void uet_mr_map_destroy(struct uet_mr_map *map)
{
	free(map);
}

/* Does the agreed mode have @bit? */
static bool mode_has(const struct uet_domain *domain, int bit)
{
	return uet_mr_mode_bits(domain->mr_mode) & bit;
}

static struct uet_mr *find(struct uet_mr_map *map, uint64_t key)
{
	struct uet_mr *mr;

	HASH_FIND(hh, map->regions, &key, sizeof(key), mr);
	return mr;
}

static uint64_t choose_key(struct uet_mr_map *map)
{
	uint64_t key;

	do {
		key = MR_PROV_KEY | (map->next_key++ & MR_KEY_MASK);
	} while (find(map, key));
	return key;
}

/* Enter @mr under its key; provider keys are chosen here. Domain lock held. */
static int map_add(struct uet_domain *domain, struct uet_mr *mr)
{
	if (mode_has(domain, FI_MR_PROV_KEY))
		mr->key = choose_key(domain->mrs);
	else if (mr->key == FI_KEY_NOTAVAIL)
		return -FI_EKEYREJECTED;
	else if (find(domain->mrs, mr->key))
		return -FI_ENOKEY;
	HASH_ADD(hh, domain->mrs->regions, key, sizeof(mr->key), mr);
	return mr->hh.tbl ? 0 : -FI_ENOMEM;
}

static void enable(struct uet_mr *mr)
{
	mr->enabled = true;
	mr->fid.key = mr->key;
}

/* ---- fi_close, fi_mr_bind, fi_control on a region ---- */

static int mr_close(struct fid *fid)
{
	struct uet_mr *mr = uet_container_of(fid, struct uet_mr, fid.fid);
	struct uet_domain *domain = mr->domain;
	uint32_t i;

	uet_lock(&domain->lock);
	HASH_DEL(domain->mrs->regions, mr);
	uet_unlock(&domain->lock);
	for (i = 0; i < mr->cntr_cnt; i++)
		uet_ref_put(uet_cntr_ref(mr->cntrs[i].cntr));
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
	mr->ep = ep;
	uet_ref_get(&ep->ref);
	return 0;
}

/* Legal on an enabled region too, unless FI_MR_RMA_EVENT says that it comes first. */
static int bind_cntr(struct uet_mr *mr, struct uet_cntr *cntr, uint64_t flags)
{
	if (!flags || flags & ~(FI_REMOTE_READ | FI_REMOTE_WRITE))
		return -FI_EBADFLAGS;
	if (uet_cntr_domain(cntr) != mr->domain)
		return -FI_EINVAL;
	if (mr->enabled && mode_has(mr->domain, FI_MR_RMA_EVENT))
		return -FI_EOPBADSTATE;
	if (mr->cntr_cnt == MR_CNTRS)
		return -FI_EINVAL;
	mr->cntrs[mr->cntr_cnt++] = (struct mr_cntr){ .cntr = cntr, .flags = flags };
	uet_ref_get(uet_cntr_ref(cntr));
	return 0;
}

static int mr_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
	struct uet_mr *mr = uet_container_of(fid, struct uet_mr, fid.fid);

	switch (bfid->fclass) {
	case FI_CLASS_EP:
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
	uet_put_be64(attr->raw_key, mr->key);
	if (attr->base_addr)
		*attr->base_addr = mode_has(mr->domain, FI_MR_VIRT_ADDR) ?
				   (uintptr_t)mr->iov[0].iov_base : 0;
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

/* What the manual and the domain's attributes allow; the newest members are checked above. */
static int check_attr(const struct uet_domain *domain, const struct fi_mr_attr *attr,
		      uint64_t flags)
{
	size_t limit = domain->info->domain_attr->mr_iov_limit;

	if (flags & ~FI_RMA_EVENT)
		return -FI_EBADFLAGS;
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

static int mr_register(struct uet_domain *domain, const struct fi_mr_attr *attr, uint64_t flags,
		       struct fid_mr **out)
{
	struct uet_mr *mr;
	uint64_t len;
	int ret;

	ret = check_attr(domain, attr, flags);
	if (!ret)
		ret = sum_iov(attr->mr_iov, attr->iov_count, &len);
	if (ret)
		return ret;
	mr = calloc(1, sizeof(*mr) + attr->iov_count * sizeof(mr->iov[0]));
	if (!mr)
		return -FI_ENOMEM;
	memcpy(mr->iov, attr->mr_iov, attr->iov_count * sizeof(mr->iov[0]));
	mr->iov_cnt = attr->iov_count;
	mr->len = len;
	mr->access = attr->access;
	mr->key = attr->requested_key;
	mr->domain = domain;
	uet_lock(&domain->lock);
	ret = map_add(domain, mr);
	uet_unlock(&domain->lock);
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
