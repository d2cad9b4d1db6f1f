/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Address vectors, fi_av(3). FI_AV_MAP and FI_AV_TABLE are the same: an fi_addr_t is an index.
 * With rx_ctx_bits its highest bits name a receive context of the peer (fi_rx_addr).
 */
#include "ofi/av.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rdma/fi_ext_uet.h>

#include "ofi/attr.h"
#include "ofi/avshare.h"
#include "ofi/avtable.h"
#include "ofi/stubs.h"

#define AV_MAX_RX_CTX_BITS 16

struct uet_av {
	struct fid_av fid;
	struct uet_domain *domain;
	uet_ref ref;
	uint32_t format;		/* of addresses, FI_SOCKADDR ... */
	int family;			/* of addresses; AF_UNSPEC: not known */
	int rx_ctx_bits;
	bool async;			/* FI_EVENT */
	bool user_ids;			/* FI_AV_USER_ID: none until fi_av_set_user_id */
	struct uet_eq *eq;
	struct uet_lock lock;		/* protects table */
	struct uet_avtable table;	/* read through table_of */
	struct uet_avshare *share;	/* named: what table mirrors; else NULL */
};

/* The table as it is now; the lock is held. */
static struct uet_avtable *table_of(struct uet_av *av)
{
	if (uet_unlikely(av->share))
		uet_avshare_sync(av->share, &av->table);
	return &av->table;
}

static uint64_t index_of(const struct uet_av *av, fi_addr_t addr)
{
	return addr & UINT64_MAX >> av->rx_ctx_bits;
}

static uint16_t rx_ctx_of(const struct uet_av *av, fi_addr_t addr)
{
	return av->rx_ctx_bits ? (uint16_t)(addr >> (64 - av->rx_ctx_bits)) : 0;
}

/* Copy the name of @addr. Returns 0 or -FI_EINVAL. */
static int get_name(struct uet_av *av, fi_addr_t addr, struct uet_name *name)
{
	const struct uet_av_entry *entry;

	uet_lock(&av->lock);
	entry = uet_avtable_get(table_of(av), index_of(av, addr));
	if (entry)
		*name = entry->name;
	uet_unlock(&av->lock);
	return entry ? 0 : -FI_EINVAL;
}

int uet_av_dest(struct uet_av *av, fi_addr_t addr, struct uet_ses_dest *dest)
{
	struct uet_name name;

	if (get_name(av, addr, &name))
		return -FI_EINVAL;
	dest->addr = name.addr;
	dest->pid_on_fep = name.pid_on_fep;
	dest->resource_index = (uint16_t)(name.resource_index + rx_ctx_of(av, addr));
	dest->relative = name.relative;
	dest->small = name.caps & FI_UET_CAP_SMALL;
	return 0;
}

int uet_av_source(struct uet_av *av, fi_addr_t addr, struct uet_ses_source *source)
{
	struct uet_name name;

	if (get_name(av, addr, &name))
		return -FI_EINVAL;
	source->host = name.addr;
	source->host.port = 0;
	source->initiator = name.initiator;
	return 0;
}

fi_addr_t uet_av_find(struct uet_av *av, const struct uet_ses_source *source)
{
	const struct uet_av_entry *entry;
	fi_addr_t addr = FI_ADDR_NOTAVAIL;

	uet_lock(&av->lock);
	entry = uet_avtable_find(table_of(av), &source->host, source->initiator);
	if (entry)
		addr = entry->user_id;
	uet_unlock(&av->lock);
	return addr;
}

struct uet_domain *uet_av_domain(const struct uet_av *av)
{
	return av->domain;
}

uet_ref *uet_av_ref(struct uet_av *av)
{
	return &av->ref;
}

int uet_av_family(const struct uet_av *av)
{
	return av->family;
}

bool uet_av_is_async(const struct uet_av *av)
{
	return av->async;
}

/* ---- insertion ---- */

int uet_av_insert_begin(struct uet_av_insert *ins, struct uet_av *av, uint64_t count,
			fi_addr_t *fi_addr, uint64_t flags, void *context)
{
	bool sync_err = flags & FI_SYNC_ERR;

	if (flags & ~(FI_MORE | FI_SYNC_ERR | FI_AV_USER_ID))
		return -FI_EBADFLAGS;
	if (sync_err && (av->async || !context))
		return -FI_EBADFLAGS;
	if (flags & FI_AV_USER_ID && (!fi_addr || av->user_ids))
		return -FI_EINVAL;
	if (count > INT_MAX)
		return -FI_EINVAL;
	if (av->share && uet_avshare_read_only(av->share))
		return -FI_EINVAL;
	if (av->async && !av->eq)
		return -FI_ENOEQ;
	*ins = (struct uet_av_insert){
		.av = av,
		.fi_addr = fi_addr,
		.errors = sync_err ? context : NULL,
		.context = context,
		.user_id = flags & FI_AV_USER_ID,
	};
	return 0;
}

/* Enter @name; its index, or UET_AV_NONE without memory. */
static uint32_t enter(struct uet_av *av, const struct uet_name *name, const fi_addr_t *user_id)
{
	struct uet_av_entry *entry;
	uint32_t index;
	bool fresh;

	uet_lock(&av->lock);
	if (av->share)
		index = uet_avshare_insert(av->share, &av->table, name, &fresh);
	else
		index = uet_avtable_insert(&av->table, name, &fresh);
	if (index != UET_AV_NONE) {
		entry = uet_avtable_get(&av->table, index);
		if (user_id)
			entry->user_id = *user_id;
		else if (fresh && av->user_ids)
			entry->user_id = FI_ADDR_NOTAVAIL;
	}
	uet_unlock(&av->lock);
	return index;
}

/*
 * A scope id means something on its own host only. A peer with a link-local address is on the
 * link of this domain, whatever number its own host gives that link.
 */
static void use_own_zone(const struct uet_domain *domain, struct uet_addr *addr)
{
	struct in6_addr in6;

	memcpy(&in6, addr->ip, sizeof(in6));
	if (addr->family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&in6) && domain->port_cnt)
		addr->zone = domain->ports[0].index;
}

void uet_av_insert_name(struct uet_av_insert *ins, const struct uet_name *name, int err)
{
	struct uet_name own;
	fi_addr_t *slot = ins->fi_addr ? &ins->fi_addr[ins->next] : NULL;
	uint32_t index = UET_AV_NONE;
	struct uet_av *av = ins->av;
	int ret;

	/* An address of the other family could not be sent to. */
	if (name && av->family && name->addr.family != (uint32_t)av->family) {
		name = NULL;
		err = FI_EINVAL;
	}
	if (name) {
		own = *name;
		use_own_zone(av->domain, &own.addr);
		index = enter(av, &own, ins->user_id ? slot : NULL);
		err = index == UET_AV_NONE ? FI_ENOMEM : 0;
	}
	if (slot)
		*slot = err ? FI_ADDR_NOTAVAIL : index;
	if (ins->errors)
		ins->errors[ins->next] = err;
	if (!err) {
		ins->done++;
	} else if (av->async) {
		ret = uet_eq_put_error(av->eq, &av->fid.fid, ins->context, ins->next, err, 0);
		if (ret)
			ins->ret = ret;
	}
	ins->next++;
}

int uet_av_insert_end(struct uet_av_insert *ins)
{
	struct uet_av *av = ins->av;
	const struct fi_eq_entry entry = {
		.fid = &av->fid.fid,
		.context = ins->context,
		.data = (uint64_t)ins->done,
	};
	int ret;

	if (!av->async)
		return ins->done;
	ret = uet_eq_put(av->eq, FI_AV_COMPLETE, &entry, sizeof(entry));
	return ins->ret ? ins->ret : ret;
}

static int av_insert(struct fid_av *fid, const void *addr, size_t count, fi_addr_t *fi_addr,
		     uint64_t flags, void *context)
{
	struct uet_av *av = uet_container_of(fid, struct uet_av, fid);
	size_t size = uet_name_size(av->format, av->family ? (uint32_t)av->family : AF_INET);
	struct uet_av_insert ins;
	struct uet_name name;
	const char *one;
	size_t i;
	int ret;

	if (count && !addr)
		return -FI_EINVAL;
	ret = uet_av_insert_begin(&ins, av, count, fi_addr, flags, context);
	if (ret)
		return ret;
	for (i = 0; i < count; i++) {
		/* Strings come as an array of pointers. */
		if (av->format == FI_ADDR_STR) {
			one = ((const char *const *)addr)[i];
			ret = uet_name_read(&name, av->format, one, one ? strlen(one) + 1 : 0);
		} else {
			ret = uet_name_read(&name, av->format, (const char *)addr + i * size,
					    size);
		}
		uet_av_insert_name(&ins, ret ? NULL : &name, -ret);
	}
	return uet_av_insert_end(&ins);
}

/* ---- the other calls ---- */

static bool remove_one(struct uet_av *av, fi_addr_t addr)
{
	bool found;

	uet_lock(&av->lock);
	if (av->share) {
		found = uet_avshare_remove(av->share, &av->table, addr);
	} else {
		found = uet_avtable_get(&av->table, addr);
		if (found)
			uet_avtable_remove(&av->table, (uint32_t)addr);
	}
	uet_unlock(&av->lock);
	return found;
}

static int av_remove(struct fid_av *fid, fi_addr_t *fi_addr, size_t count, uint64_t flags)
{
	struct uet_av *av = uet_container_of(fid, struct uet_av, fid);
	int ret = 0;
	size_t i;

	if (flags || (count && !fi_addr))
		return -FI_EINVAL;
	for (i = 0; i < count; i++)
		if (!remove_one(av, fi_addr[i]))
			ret = -FI_EINVAL;
	return ret;
}

static int av_lookup(struct fid_av *fid, fi_addr_t fi_addr, void *addr, size_t *addrlen)
{
	struct uet_av *av = uet_container_of(fid, struct uet_av, fid);
	struct uet_name name;
	int ret;

	if (!addrlen || (*addrlen && !addr) || get_name(av, fi_addr, &name))
		return -FI_EINVAL;
	ret = uet_name_write(&name, av->format, addr, addrlen);
	/* Cut off is fine here: the needed length tells. */
	return ret == -FI_ETOOSMALL ? 0 : ret;
}

static const char *av_straddr(struct fid_av *fid, const void *addr, char *buf, size_t *len)
{
	struct uet_av *av = uet_container_of(fid, struct uet_av, fid);
	char text[UET_NAME_STRLEN] = "invalid address";
	size_t size = uet_name_size(av->format, av->family ? (uint32_t)av->family : AF_INET);
	struct uet_name name;
	size_t room;

	if (av->format == FI_ADDR_STR && addr)
		size = strlen(addr) + 1;
	room = sizeof(text);
	if (!uet_name_read_local(&name, av->format, addr, size))
		uet_name_write(&name, FI_ADDR_STR, text, &room);
	room = *len;
	*len = strlen(text) + 1;
	if (room)
		snprintf(buf, room, "%s", text);
	return buf;
}

#ifdef HAVE_STRUCT_FI_OPS_AV_SET_USER_ID
static int av_set_user_id(struct fid_av *fid, fi_addr_t fi_addr, fi_addr_t user_id,
			  uint64_t flags)
{
	struct uet_av *av = uet_container_of(fid, struct uet_av, fid);
	struct uet_av_entry *entry;

	if (flags || !av->user_ids)
		return -FI_EINVAL;
	uet_lock(&av->lock);
	entry = uet_avtable_get(table_of(av), fi_addr);
	if (entry)
		entry->user_id = user_id;
	uet_unlock(&av->lock);
	return entry ? 0 : -FI_EINVAL;
}
#endif

#ifdef HAVE_STRUCT_FI_OPS_AV_LOOKUP2
static int av_lookup2(struct fid_av *fid, fi_addr_t fi_addr, void *buf, size_t *len,
		      uint64_t flags, struct fid_xpu_ctx *ctx)
{
	return flags || ctx ? -FI_EINVAL : av_lookup(fid, fi_addr, buf, len);
}
#endif

static int av_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
	struct uet_av *av = uet_container_of(fid, struct uet_av, fid.fid);

	if (bfid->fclass != FI_CLASS_EQ || flags || av->eq)
		return -FI_EINVAL;
	av->eq = (struct uet_eq *)bfid;
	uet_ref_get(uet_eq_ref(av->eq));
	return 0;
}

static int av_close(struct fid *fid)
{
	struct uet_av *av = uet_container_of(fid, struct uet_av, fid.fid);

	if (uet_ref_busy(&av->ref))
		return -FI_EBUSY;
	if (av->eq)
		uet_ref_put(uet_eq_ref(av->eq));
	uet_avshare_close(av->share);
	uet_avtable_destroy(&av->table);
	uet_lock_destroy(&av->lock);
	uet_ref_put(&av->domain->ref);
	free(av);
	return 0;
}

static struct fi_ops av_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = av_close,
	.bind = av_bind,
	.control = uet_no_control,
	.ops_open = uet_no_ops_open,
	.tostr = uet_no_tostr,
	.ops_set = uet_no_ops_set,
};

/* The calls for authorization keys stay empty: libfabric's wrappers look before they call. */
static struct fi_ops_av av_ops = {
	.size = sizeof(struct fi_ops_av),
	.insert = av_insert,
	.insertsvc = uet_av_insertsvc,
	.insertsym = uet_av_insertsym,
	.remove = av_remove,
	.lookup = av_lookup,
	.straddr = av_straddr,
	.av_set = uet_no_av_set,
#ifdef HAVE_STRUCT_FI_OPS_AV_SET_USER_ID
	.set_user_id = av_set_user_id,
#endif
#ifdef HAVE_STRUCT_FI_OPS_AV_LOOKUP2
	.lookup2 = av_lookup2,
#endif
};

/* The family that addresses of @info have. */
static int info_family(const struct fi_info *info)
{
	struct uet_name name;

	if (info->addr_format == FI_SOCKADDR_IN)
		return AF_INET;
	if (info->addr_format == FI_SOCKADDR_IN6)
		return AF_INET6;
	if (!info->src_addr || uet_name_read_local(&name, info->addr_format, info->src_addr,
						   info->src_addrlen))
		return AF_UNSPEC;
	return (int)name.addr.family;
}

static int check_attr(const struct fi_av_attr *attr)
{
	if (!attr || attr->flags & ~(FI_EVENT | FI_SYMMETRIC | FI_AV_USER_ID | FI_READ))
		return -FI_EINVAL;
	/* Only a named vector can be there already. */
	if ((attr->flags & FI_READ) && !attr->name)
		return -FI_EINVAL;
	if (attr->type != FI_AV_UNSPEC && attr->type != FI_AV_MAP && attr->type != FI_AV_TABLE)
		return -FI_EINVAL;
	if (attr->rx_ctx_bits < 0 || attr->rx_ctx_bits > AV_MAX_RX_CTX_BITS)
		return -FI_EINVAL;
	return 0;
}

static int open_share(struct uet_av *av, struct fi_av_attr *attr)
{
	void *map;
	int ret;

	if (!attr->name)
		return 0;
	ret = uet_avshare_open(av->domain->name, attr->name, attr->flags & FI_READ, attr->count,
			       &av->share, &map);
	if (!ret)
		attr->map_addr = map;
	return ret;
}

int uet_av_open(struct fid_domain *domain, struct fi_av_attr *attr, struct fid_av **out,
		void *context)
{
	struct uet_av *av;
	int ret;

	ret = check_attr(attr);
	if (ret)
		return ret;
	av = calloc(1, sizeof(*av));
	if (!av)
		return -FI_ENOMEM;
	if (uet_avtable_init(&av->table)) {
		free(av);
		return -FI_ENOMEM;
	}
	av->domain = uet_container_of(domain, struct uet_domain, fid);
	ret = open_share(av, attr);
	if (ret) {
		uet_avtable_destroy(&av->table);
		free(av);
		return ret;
	}
	uet_ref_get(&av->domain->ref);
	uet_lock_init(&av->lock, av->domain->locked);
	av->format = av->domain->info->addr_format;
	av->family = info_family(av->domain->info);
	av->rx_ctx_bits = attr->rx_ctx_bits;
	av->async = attr->flags & FI_EVENT;
#ifdef HAVE_STRUCT_FI_OPS_AV_SET_USER_ID
	/* Without that call the flag could only hide who sent. */
	av->user_ids = attr->flags & FI_AV_USER_ID;
#endif
	if (attr->type == FI_AV_UNSPEC)
		attr->type = FI_AV_TABLE;
	av->fid.fid.fclass = FI_CLASS_AV;
	av->fid.fid.context = context;
	av->fid.fid.ops = &av_fid_ops;
	av->fid.ops = &av_ops;
	*out = &av->fid;
	return 0;
}
