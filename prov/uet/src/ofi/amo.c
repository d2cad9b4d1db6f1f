/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Atomic operations and datatypes of libfabric in UET's codes (UEC Tables 3-21 and 3-22), and
 * what the provider can do with them. Numbers beyond those that this libfabric defines are
 * refused like combinations that make no sense.
 */
#include "ses/amo.h"

#include "ofi/attr.h"
#include "ofi/rma.h"

static const uint8_t types[] = {
	[FI_INT8] = UET_AMO_INT8,
	[FI_UINT8] = UET_AMO_UINT8,
	[FI_INT16] = UET_AMO_INT16,
	[FI_UINT16] = UET_AMO_UINT16,
	[FI_INT32] = UET_AMO_INT32,
	[FI_UINT32] = UET_AMO_UINT32,
	[FI_INT64] = UET_AMO_INT64,
	[FI_UINT64] = UET_AMO_UINT64,
	[FI_FLOAT] = UET_AMO_FLOAT,
	[FI_DOUBLE] = UET_AMO_DOUBLE,
	[FI_FLOAT_COMPLEX] = UET_AMO_FLOAT_COMPLEX,
	[FI_DOUBLE_COMPLEX] = UET_AMO_DOUBLE_COMPLEX,
	[FI_LONG_DOUBLE] = UET_AMO_LONG_DOUBLE,
	[FI_LONG_DOUBLE_COMPLEX] = UET_AMO_LONG_DOUBLE_COMPLEX,
	[FI_INT128] = UET_AMO_INT128,
	[FI_UINT128] = UET_AMO_UINT128,
#if HAVE_DECL_FI_FLOAT16
	[FI_FLOAT16] = UET_AMO_FP16,
#endif
#if HAVE_DECL_FI_BFLOAT16
	[FI_BFLOAT16] = UET_AMO_BF16,
#endif
#if HAVE_DECL_FI_FLOAT8_E4M3
	[FI_FLOAT8_E4M3] = UET_AMO_FP8_E4M3,
#endif
#if HAVE_DECL_FI_FLOAT8_E5M2
	[FI_FLOAT8_E5M2] = UET_AMO_FP8_E5M2,
#endif
};

static const struct {
	uint8_t code;
	bool base, fetch, compare;	/* calls that may name it: fi_atomic(3) */
} ops[] = {
	[FI_MIN] = { UET_AMO_MIN, true, true, false },
	[FI_MAX] = { UET_AMO_MAX, true, true, false },
	[FI_SUM] = { UET_AMO_SUM, true, true, false },
	[FI_PROD] = { UET_AMO_PROD, true, true, false },
	[FI_LOR] = { UET_AMO_LOR, true, true, false },
	[FI_LAND] = { UET_AMO_LAND, true, true, false },
	[FI_BOR] = { UET_AMO_BOR, true, true, false },
	[FI_BAND] = { UET_AMO_BAND, true, true, false },
	[FI_LXOR] = { UET_AMO_LXOR, true, true, false },
	[FI_BXOR] = { UET_AMO_BXOR, true, true, false },
	[FI_ATOMIC_READ] = { UET_AMO_READ, false, true, false },
	[FI_ATOMIC_WRITE] = { UET_AMO_WRITE, true, true, false },
	[FI_CSWAP] = { UET_AMO_CSWAP, false, false, true },
	[FI_CSWAP_NE] = { UET_AMO_CSWAP_NE, false, false, true },
	[FI_CSWAP_LE] = { UET_AMO_CSWAP_LE, false, false, true },
	[FI_CSWAP_LT] = { UET_AMO_CSWAP_LT, false, false, true },
	[FI_CSWAP_GE] = { UET_AMO_CSWAP_GE, false, false, true },
	[FI_CSWAP_GT] = { UET_AMO_CSWAP_GT, false, false, true },
	[FI_MSWAP] = { UET_AMO_MSWAP, false, false, true },
#if HAVE_DECL_FI_DIFF
	[FI_DIFF] = { UET_AMO_DIFF, true, true, false },
#endif
};

static bool allowed(enum uet_atomic_kind kind, int op)
{
	switch (kind) {
	case UET_ATOMIC_BASE:
		return ops[op].base;
	case UET_ATOMIC_FETCH:
		return ops[op].fetch;
	default:
		return ops[op].compare;
	}
}

int uet_amo_describe(enum uet_atomic_kind kind, int type, int op, struct uet_ses_amo *amo)
{
	if (type < 0 || (size_t)type >= UET_ARRAY_SIZE(types) || op < 0 ||
	    (size_t)op >= UET_ARRAY_SIZE(ops) || !allowed(kind, op))
		return -FI_EOPNOTSUPP;
	amo->op = ops[op].code;
	amo->type = types[type];
	amo->size = (uint8_t)uet_amo_size(amo->type);
	if (!uet_amo_valid(amo->op, amo->type, kind != UET_ATOMIC_BASE,
			   kind == UET_ATOMIC_COMPARE))
		return -FI_EOPNOTSUPP;
	return 0;
}

size_t uet_amo_count(enum uet_atomic_kind kind, size_t size, uint32_t payload_mtu)
{
	return payload_mtu / (kind == UET_ATOMIC_COMPARE ? 2 * size : size);
}

/* Payload of the packets that every endpoint of @domain can send. */
static uint32_t domain_mtu(const struct uet_domain *domain)
{
	uint32_t mtu = UET_MTU_MAX;
	size_t i;

	for (i = 0; i < domain->port_cnt; i++)
		if (uet_port_usable(&domain->ports[i]))
			mtu = (uint32_t)uet_min_u64(mtu, uet_port_payload(&domain->ports[i]));
	return mtu;
}

int uet_query_atomic(struct fid_domain *fid, enum fi_datatype type, enum fi_op op,
		     struct fi_atomic_attr *attr, uint64_t flags)
{
	struct uet_domain *domain = uet_container_of(fid, struct uet_domain, fid);
	enum uet_atomic_kind kind = UET_ATOMIC_BASE;
	struct uet_ses_amo amo;
	int ret;

	if (!attr)
		return -FI_EINVAL;
	if (flags & FI_TAGGED)
		return -FI_EOPNOTSUPP;
	if (flags == FI_FETCH_ATOMIC)
		kind = UET_ATOMIC_FETCH;
	else if (flags == FI_COMPARE_ATOMIC)
		kind = UET_ATOMIC_COMPARE;
	else if (flags)
		return -FI_EINVAL;
	ret = uet_amo_describe(kind, (int)type, (int)op, &amo);
	if (ret)
		return ret;
	attr->size = amo.size;
	attr->count = uet_amo_count(kind, amo.size, domain_mtu(domain));
	return 0;
}
