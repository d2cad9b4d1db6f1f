/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Hints against offer. Each check returns 0, or -FI_ENODATA after saying why; consumers were
 * written against these very rules (fi_getinfo(3), fi_domain(3), fi_endpoint(3)).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <rdma/fi_ext_uet.h>

#include "ofi/hmem.h"
#include "ofi/info.h"

#define NO -FI_ENODATA

/* ---- comparing ---- */

static int check_bits(const char *what, uint64_t asked, uint64_t offered, enum fi_type type)
{
	uint64_t missing = asked & ~offered;
	char text[512], have[512];

	if (!missing)
		return 0;
	FI_INFO(&uet_prov, FI_LOG_CORE, "%s: asked for 0x%" PRIx64 " [%s], which is not in the "
		"offer 0x%" PRIx64 " [%s]\n", what, missing,
		fi_tostr_r(text, sizeof(text), &missing, type), offered,
		fi_tostr_r(have, sizeof(have), &offered, type));
	return NO;
}

static int check_size(const char *what, uint64_t asked, uint64_t offered)
{
	if (asked <= offered)
		return 0;
	FI_INFO(&uet_prov, FI_LOG_CORE, "%s: %" PRIu64 " asked, at most %" PRIu64 " offered\n",
		what, asked, offered);
	return NO;
}

static int check_value(const char *what, uint64_t asked, uint64_t offered)
{
	if (!asked || asked == offered)
		return 0;
	FI_INFO(&uet_prov, FI_LOG_CORE, "%s: 0x%" PRIx64 " asked, 0x%" PRIx64 " offered\n", what,
		asked, offered);
	return NO;
}

static int check_name(const char *what, const char *asked, const char *offered)
{
	if (!asked || strcmp(asked, offered) == 0)
		return 0;
	FI_INFO(&uet_prov, FI_LOG_CORE, "%s: %s asked, %s offered\n", what, asked, offered);
	return NO;
}

/* ---- capabilities ---- */

#define ONE_SIDED (FI_RMA | FI_ATOMIC)
#define RMA_DIRECTIONS (FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE)
#define MSG_DIRECTIONS (FI_SEND | FI_RECV)

/* Directions that @caps need and do not name. */
static uint64_t directions_for(uint64_t caps)
{
	uint64_t msg = caps & uet_offer.primary & ~ONE_SIDED;
	uint64_t more = 0;

	/* These alone say nothing of what is done: messages, if nothing else does. */
	if (!(caps & ONE_SIDED))
		msg |= caps & (FI_NAMED_RX_CTX | FI_HMEM);
	if (msg && !(caps & MSG_DIRECTIONS))
		more |= MSG_DIRECTIONS;
	if ((caps & ONE_SIDED) && !(caps & RMA_DIRECTIONS))
		more |= RMA_DIRECTIONS;
	return more;
}

/* Capabilities of the answer when @asked are in the hints; 0: nothing asked. */
static uint64_t caps_for(uint64_t asked)
{
	const struct uet_offer *o = &uet_offer;
	uint64_t secondary = o->secondary;
	uint64_t caps;

	if (!asked)
		return o->primary | o->direction | o->secondary;
	caps = asked & (o->primary | o->direction | o->on_request);
	if (caps & FI_SOURCE_ERR)
		caps |= FI_SOURCE;
	if (!(caps & ONE_SIDED))
		secondary &= ~FI_RMA_EVENT;
	return caps | directions_for(caps) | secondary | (asked & o->secondary);
}

static uint64_t all_caps(void)
{
	return uet_offer.primary | uet_offer.direction | uet_offer.secondary |
	       uet_offer.on_request;
}

/*
 * Capabilities of one side: those of the endpoint that concern it, unless fewer are asked.
 * @dirs: the directions of this side.
 */
static uint64_t side_caps(uint64_t caps, uint64_t of_side, uint64_t dirs, uint64_t asked)
{
	uint64_t side = caps & of_side;

	/* Bits of the other side are a habit from old versions of the API. */
	if (asked & side & uet_offer.primary)
		side &= asked | (asked & dirs ? 0 : dirs);
	if (!(side & (FI_MSG | FI_TAGGED | FI_DIRECTED_RECV | FI_NAMED_RX_CTX | FI_HMEM)))
		side &= ~MSG_DIRECTIONS;
	if (!(side & ONE_SIDED))
		side &= ~RMA_DIRECTIONS;
	if (!(side & dirs & MSG_DIRECTIONS))
		side &= ~(uint64_t)(FI_MSG | FI_TAGGED | FI_DIRECTED_RECV);
	if (!(side & dirs & RMA_DIRECTIONS))
		side &= ~(uint64_t)(ONE_SIDED | FI_RMA_EVENT);
	return side & dirs ? side : 0;
}

/* Capabilities of the answer to @hints: what one direction alone asks for counts too. */
static uint64_t wanted_caps(const struct fi_info *hints)
{
	uint64_t extra = 0;

	if (hints->caps)
		return caps_for(hints->caps);
	if (hints->rx_attr)
		extra = hints->rx_attr->caps & uet_offer.on_request;
	if (hints->tx_attr)
		extra |= hints->tx_attr->caps & FI_HMEM;
	if (extra & FI_SOURCE_ERR)
		extra |= FI_SOURCE;
	return caps_for(0) | extra;
}

/* Device memory is on offer only where there is some; who does not ask is spared the search. */
static int check_hmem(const struct fi_info *hints)
{
	uint64_t asked = hints->caps;

	if (hints->tx_attr)
		asked |= hints->tx_attr->caps;
	if (hints->rx_attr)
		asked |= hints->rx_attr->caps;
	if (!(asked & FI_HMEM) || uet_hmem_usable())
		return 0;
	uet_refuse("caps", "FI_HMEM asked, which cannot be offered: %s\n", uet_hmem_why());
	return NO;
}

static int check_caps(const struct fi_info *hints)
{
	uint64_t caps = hints->caps ? caps_for(hints->caps) : all_caps();
	uint64_t asked;
	int ret;

	ret = check_bits("caps", hints->caps, all_caps(), FI_TYPE_CAPS);
	if (!ret && hints->tx_attr) {
		asked = hints->tx_attr->caps;
		ret = check_bits("tx_attr->caps", asked, caps, FI_TYPE_CAPS);
	}
	if (!ret && hints->rx_attr) {
		asked = hints->rx_attr->caps;
		ret = check_bits("rx_attr->caps", asked, caps, FI_TYPE_CAPS);
	}
	return ret ? ret : check_hmem(hints);
}

/* ---- transfers ---- */

static int check_order(const char *what, uint64_t asked)
{
	return check_bits(what, asked, uet_offer.order_held, FI_TYPE_MSG_ORDER);
}

/* Labels by name, or one of the 64 code points. */
static int check_tclass(const char *what, uint32_t asked)
{
	bool label = asked >= FI_TC_LABEL && asked <= FI_TC_NETWORK_CTRL;
	bool dscp = asked >= FI_TC_DSCP && asked <= FI_TC_DSCP + 63;

	if (!asked || label || dscp)
		return 0;
	FI_INFO(&uet_prov, FI_LOG_CORE, "%s: 0x%x asked, labels and DSCP values offered\n", what,
		asked);
	return NO;
}

int uet_hints_check_tx(const struct fi_tx_attr *tx)
{
	const struct uet_offer *o = &uet_offer;

	if (!tx)
		return 0;
	if (check_bits("tx_attr->op_flags", tx->op_flags, o->tx_op_flags, FI_TYPE_OP_FLAGS) ||
	    check_order("tx_attr->msg_order", tx->msg_order) ||
	    check_bits("tx_attr->comp_order", tx->comp_order, 0, FI_TYPE_MSG_ORDER) ||
	    check_size("tx_attr->inject_size", tx->inject_size, uet_config.inject_size) ||
	    check_size("tx_attr->size", tx->size, o->tx_size) ||
	    check_size("tx_attr->iov_limit", tx->iov_limit, o->iov_limit) ||
	    check_size("tx_attr->rma_iov_limit", tx->rma_iov_limit, o->rma_iov_limit) ||
	    check_tclass("tx_attr->tclass", tx->tclass))
		return NO;
	return 0;
}

int uet_hints_check_rx(const struct fi_rx_attr *rx)
{
	const struct uet_offer *o = &uet_offer;

	if (!rx)
		return 0;
	if (check_bits("rx_attr->op_flags", rx->op_flags, o->rx_op_flags, FI_TYPE_OP_FLAGS) ||
	    check_order("rx_attr->msg_order", rx->msg_order) ||
	    check_bits("rx_attr->comp_order", rx->comp_order, 0, FI_TYPE_MSG_ORDER) ||
	    check_size("rx_attr->size", rx->size, o->rx_size) ||
	    check_size("rx_attr->iov_limit", rx->iov_limit, o->iov_limit))
		return NO;
	return 0;
}

static int check_auth_key(const char *what, const uint8_t *key, size_t size)
{
	uint32_t job_id;

	if (!size)
		return 0;
	if (size != uet_offer.auth_key_size || !key) {
		FI_INFO(&uet_prov, FI_LOG_CORE, "%s_size: %zu asked, %zu offered\n", what, size,
			uet_offer.auth_key_size);
		return NO;
	}
	memcpy(&job_id, key, sizeof(job_id));
	if (job_id >= 1 && job_id <= UET_JOB_ID_MAX)
		return 0;
	FI_INFO(&uet_prov, FI_LOG_CORE, "%s: JobID 0x%x asked, 1 to 0x%x offered\n", what, job_id,
		UET_JOB_ID_MAX);
	return NO;
}

static int check_ep_type(enum fi_ep_type type)
{
	char text[64];

	if (type == FI_EP_UNSPEC || type == FI_EP_RDM || type == FI_EP_DGRAM)
		return 0;
	FI_INFO(&uet_prov, FI_LOG_CORE, "ep_attr->type: %s asked, FI_EP_RDM and FI_EP_DGRAM "
		"offered\n",
		fi_tostr_r(text, sizeof(text), &type, FI_TYPE_EP_TYPE));
	return NO;
}

static int check_contexts(const char *what, size_t asked)
{
	return asked == FI_SHARED_CONTEXT ? 0 : check_size(what, asked, uet_offer.ep_ctx_cnt);
}

/* Order between accesses to the same bytes; nobody who only sends messages is asked for it. */
static int check_order_sizes(const struct fi_info *hints)
{
	const struct fi_ep_attr *ep = hints->ep_attr;
	size_t max = uet_offer.max_msg_size;

	if (!ep || (hints->caps && !(hints->caps & ONE_SIDED)))
		return 0;
	if (check_size("ep_attr->max_order_raw_size", ep->max_order_raw_size, max) ||
	    check_size("ep_attr->max_order_war_size", ep->max_order_war_size, max) ||
	    check_size("ep_attr->max_order_waw_size", ep->max_order_waw_size, max))
		return NO;
	return 0;
}

static int check_ep(const struct fi_ep_attr *ep, uint32_t version)
{
	if (!ep)
		return 0;
	if (check_ep_type(ep->type) ||
	    check_value("ep_attr->protocol", ep->protocol, FI_PROTO_UET) ||
	    check_size("ep_attr->protocol_version", ep->protocol_version,
		       FI_PROTO_UET_VERSION) ||
	    check_size("ep_attr->max_msg_size", ep->max_msg_size, uet_offer.max_msg_size) ||
	    check_contexts("ep_attr->tx_ctx_cnt", ep->tx_ctx_cnt) ||
	    check_contexts("ep_attr->rx_ctx_cnt", ep->rx_ctx_cnt))
		return NO;
	if (FI_VERSION_LT(version, FI_VERSION(1, 5)))
		return 0;
	return check_auth_key("ep_attr->auth_key", ep->auth_key, ep->auth_key_size);
}

/* ---- the domain ---- */

static int check_enum(const char *what, int asked, int last)
{
	if (asked >= 0 && asked <= last)
		return 0;
	FI_INFO(&uet_prov, FI_LOG_CORE, "%s: %d asked, 0 to %d offered\n", what, asked, last);
	return NO;
}

static int check_progress(const struct fi_domain_attr *d)
{
	int last_control = FI_PROGRESS_MANUAL;

#if HAVE_DECL_FI_PROGRESS_CONTROL_UNIFIED
	last_control = FI_PROGRESS_CONTROL_UNIFIED;
#endif
	if (check_enum("domain_attr->control_progress", d->control_progress, last_control) ||
	    check_enum("domain_attr->data_progress", d->data_progress, FI_PROGRESS_MANUAL))
		return NO;
	return 0;
}

/* Members that came with version 1.5 of the API: older callers leave them undefined. */
static int check_domain_1_5(const struct fi_domain_attr *d)
{
	const struct uet_offer *o = &uet_offer;

	if (check_size("domain_attr->cntr_cnt", d->cntr_cnt, o->cntr_cnt) ||
	    check_size("domain_attr->mr_iov_limit", d->mr_iov_limit, o->mr_iov_limit) ||
	    check_size("domain_attr->mr_cnt", d->mr_cnt, o->mr_cnt) ||
	    check_size("domain_attr->max_err_data", d->max_err_data, o->max_err_data) ||
	    check_bits("domain_attr->caps", d->caps, o->domain_caps, FI_TYPE_CAPS) ||
	    check_auth_key("domain_attr->auth_key", d->auth_key, d->auth_key_size))
		return NO;
	return 0;
}

/* Members of libfabric 1.20 and 2: an application built for less does not have them. */
static int check_domain_2(const struct fi_domain_attr *d, uint32_t version)
{
#ifdef HAVE_STRUCT_FI_DOMAIN_ATTR_MAX_EP_AUTH_KEY
	if (FI_VERSION_GE(version, FI_VERSION(1, 20)) &&
	    check_size("domain_attr->max_ep_auth_key", d->max_ep_auth_key, 1))
		return NO;
#endif
#ifdef HAVE_STRUCT_FI_DOMAIN_ATTR_MAX_GROUP_ID
	if (FI_VERSION_GE(version, FI_VERSION(2, 0)) &&
	    check_size("domain_attr->max_group_id", d->max_group_id, 0))
		return NO;
#endif
#ifdef HAVE_STRUCT_FI_DOMAIN_ATTR_MAX_XPU_CTX_CNT
	if (FI_VERSION_GE(version, FI_VERSION(2, 6)) &&
	    check_size("domain_attr->max_xpu_ctx_cnt", d->max_xpu_ctx_cnt, 0))
		return NO;
#endif
	(void)d;
	(void)version;
	return 0;
}

static int refuse_mr_mode(int mode)
{
	uet_refuse("domain_attr->mr_mode", "0x%x asked, but FI_MR_BASIC and FI_MR_SCALABLE go "
		   "alone, and nothing else goes before API 1.5\n", (unsigned int)mode);
	return NO;
}

static int check_mr_mode(int mode, uint32_t version)
{
	const int old = UET_MR_BASIC | UET_MR_SCALABLE;

	if (mode == 0 || mode == UET_MR_BASIC || mode == UET_MR_SCALABLE)
		return 0;
	/* Of bits that say "I can do this", we need none. */
	if (FI_VERSION_LT(version, FI_VERSION(1, 5)) || (mode & old))
		return refuse_mr_mode(mode);
	return 0;
}

static int check_domain(const struct fi_domain_attr *d, uint32_t version)
{
	if (!d)
		return 0;
	if (check_enum("domain_attr->threading", d->threading, UET_THREAD_LAST) ||
	    check_enum("domain_attr->resource_mgmt", d->resource_mgmt, FI_RM_ENABLED) ||
	    check_enum("domain_attr->av_type", d->av_type, FI_AV_TABLE) ||
	    check_progress(d) || check_mr_mode(d->mr_mode, version) ||
	    check_size("domain_attr->cq_data_size", d->cq_data_size, uet_offer.cq_data_size) ||
	    check_tclass("domain_attr->tclass", d->tclass))
		return NO;
	if (FI_VERSION_GE(version, FI_VERSION(1, 5)) && check_domain_1_5(d))
		return NO;
	return check_domain_2(d, version);
}

/* ---- fabric and addresses ---- */

static int check_fabric(const struct fi_fabric_attr *f)
{
	if (!f)
		return 0;
	if (check_name("fabric_attr->name", f->name, UET_FABRIC_NAME) ||
	    check_size("fabric_attr->prov_version", f->prov_version, uet_prov.version) ||
	    check_size("fabric_attr->api_version", f->api_version, uet_prov.fi_version))
		return NO;
	return 0;
}

/* Family that @format insists on, AF_UNSPEC if it takes any, -1 if the format is unknown. */
static int family_of(uint32_t format)
{
	switch (format) {
	case FI_SOCKADDR_IN:
		return AF_INET;
	case FI_SOCKADDR_IN6:
		return AF_INET6;
	case FI_FORMAT_UNSPEC:
	case FI_SOCKADDR:
#if HAVE_DECL_FI_SOCKADDR_IP
	case FI_SOCKADDR_IP:
#endif
	case FI_ADDR_STR:
	case FI_ADDR_UET:
		return AF_UNSPEC;
	default:
		return -1;
	}
}

static int check_format(uint32_t format)
{
	char text[64];

	if (family_of(format) >= 0)
		return 0;
	FI_INFO(&uet_prov, FI_LOG_CORE, "addr_format: 0x%x (%s) asked; FI_SOCKADDR, _IN, _IN6, "
		"FI_ADDR_STR and FI_ADDR_UET offered\n", format,
		fi_tostr_r(text, sizeof(text), &format, FI_TYPE_ADDR_FORMAT));
	return NO;
}

int uet_hints_check(uint32_t version, const struct fi_info *hints)
{
	if (!hints)
		return 0;
	if (check_ep(hints->ep_attr, version) || check_caps(hints) || check_order_sizes(hints) ||
	    check_format(hints->addr_format) || uet_hints_check_tx(hints->tx_attr) ||
	    uet_hints_check_rx(hints->rx_attr) || check_domain(hints->domain_attr, version) ||
	    check_fabric(hints->fabric_attr))
		return NO;
	return 0;
}

bool uet_hints_check_port(const struct fi_info *hints, const struct uet_port *port)
{
	int family;

	if (!hints)
		return true;
	family = family_of(hints->addr_format);
	if (family && (uint32_t)family != port->addr.family)
		return false;
	if (hints->addr_format == FI_ADDR_UET && port->addr.zone)
		return false;
	if (hints->domain_attr && hints->domain_attr->name &&
	    strcmp(hints->domain_attr->name, port->name))
		return false;
	return !hints->tx_attr || hints->tx_attr->inject_size <= uet_inject_limit(port);
}

/* ---- the answer ---- */

size_t uet_hints_mr_modes(uint32_t version, const struct fi_info *hints,
			  int modes[UET_MR_CHOICES])
{
	int mode = hints && hints->domain_attr ? hints->domain_attr->mr_mode : 0;

	if (mode == UET_MR_BASIC || mode == UET_MR_SCALABLE) {
		modes[0] = mode;
		return 1;
	}
	if (FI_VERSION_LT(version, FI_VERSION(1, 5))) {
		modes[0] = UET_MR_BASIC;
		return 1;
	}
	/* Looking descriptors up is faster than asking the driver about every buffer. */
	modes[0] = hints && hints->caps & FI_HMEM ? mode & FI_MR_HMEM : 0;
	modes[1] = (mode & UET_MR_VIRT) == UET_MR_VIRT ? UET_MR_VIRT : FI_MR_PROV_KEY;
	modes[1] |= modes[0];
	/* Who offers all kinds of registration would take two answers for two NICs. */
	if (mode & FI_MR_LOCAL && mode & FI_MR_ENDPOINT)
		return 1;
	return mode & FI_MR_PROV_KEY ? 2 : 1;
}

static size_t or_size(size_t asked, size_t otherwise)
{
	return asked ? asked : otherwise;
}

static void fill_tx(struct fi_tx_attr *tx, uint64_t caps, const struct fi_tx_attr *asked,
		    const struct uet_port *port)
{
	static const struct fi_tx_attr nothing;
	const struct uet_offer *o = &uet_offer;

	if (!asked)
		asked = &nothing;
	tx->caps = side_caps(caps, o->tx_caps, FI_SEND | FI_READ | FI_WRITE, asked->caps);
	tx->op_flags = asked->op_flags ? asked->op_flags : o->tx_op_default;
	tx->msg_order = asked->msg_order;
	tx->inject_size = or_size(asked->inject_size, uet_inject_limit(port));
	tx->size = or_size(asked->size, uet_config.tx_size);
	tx->iov_limit = or_size(asked->iov_limit, o->iov_limit);
	tx->rma_iov_limit = or_size(asked->rma_iov_limit, 1);
	tx->tclass = asked->tclass;
}

static void fill_rx(struct fi_rx_attr *rx, uint64_t caps, const struct fi_rx_attr *asked)
{
	static const struct fi_rx_attr nothing;
	const struct uet_offer *o = &uet_offer;

	if (!asked)
		asked = &nothing;
	rx->caps = side_caps(caps, o->rx_caps, FI_RECV | FI_REMOTE_READ | FI_REMOTE_WRITE,
			     asked->caps);
	rx->op_flags = asked->op_flags;
	rx->msg_order = asked->msg_order;
	rx->size = or_size(asked->size, uet_config.rx_size);
	rx->iov_limit = or_size(asked->iov_limit, o->iov_limit);
}

static int copy_key(uint8_t **key, size_t *size, const uint8_t *asked, size_t asked_size)
{
	if (!asked || !asked_size)
		return 0;
	*key = malloc(asked_size);
	if (!*key)
		return -FI_ENOMEM;
	memcpy(*key, asked, asked_size);
	*size = asked_size;
	return 0;
}

static int fill_ep(struct fi_ep_attr *ep, const struct fi_ep_attr *asked, uint64_t caps)
{
	const size_t order = caps & ONE_SIDED ? uet_offer.max_msg_size : 0;
	static const struct fi_ep_attr nothing;

	if (!asked)
		asked = &nothing;
	ep->type = FI_EP_RDM;
	ep->protocol = FI_PROTO_UET;
	ep->protocol_version = FI_PROTO_UET_VERSION;
	ep->max_msg_size = uet_offer.max_msg_size;
	ep->max_order_raw_size = order ? or_size(asked->max_order_raw_size, order) : 0;
	ep->max_order_war_size = order ? or_size(asked->max_order_war_size, order) : 0;
	ep->max_order_waw_size = order ? or_size(asked->max_order_waw_size, order) : 0;
	ep->mem_tag_format = asked->mem_tag_format ? asked->mem_tag_format : UET_TAG_FORMAT;
	ep->tx_ctx_cnt = or_size(asked->tx_ctx_cnt, 1);
	ep->rx_ctx_cnt = or_size(asked->rx_ctx_cnt, 1);
	return copy_key(&ep->auth_key, &ep->auth_key_size, asked->auth_key,
			asked->auth_key_size);
}

static void fill_domain_limits(struct fi_domain_attr *d)
{
	const struct uet_offer *o = &uet_offer;

	d->mr_key_size = o->mr_key_size;
	d->cq_data_size = o->cq_data_size;
	d->cq_cnt = o->cq_cnt;
	d->ep_cnt = o->ep_cnt;
	d->tx_ctx_cnt = o->ep_cnt;
	d->rx_ctx_cnt = o->ep_cnt;
	d->max_ep_tx_ctx = o->ep_ctx_cnt;
	d->max_ep_rx_ctx = o->ep_ctx_cnt;
	d->max_ep_stx_ctx = o->ep_cnt;
	d->max_ep_srx_ctx = o->ep_cnt;
	d->cntr_cnt = o->cntr_cnt;
	d->mr_iov_limit = o->mr_iov_limit;
	d->mr_cnt = o->mr_cnt;
	d->max_err_data = o->max_err_data;
	d->caps = o->domain_caps;
#ifdef HAVE_STRUCT_FI_DOMAIN_ATTR_MAX_EP_AUTH_KEY
	d->max_ep_auth_key = 1;
#endif
#ifdef HAVE_STRUCT_FI_DOMAIN_ATTR_MAX_CNTR_VALUE
	d->max_cntr_value = UINT64_MAX;
#endif
#ifdef HAVE_STRUCT_FI_DOMAIN_ATTR_MAX_ERR_CNTR_VALUE
	d->max_err_cntr_value = UINT64_MAX;
#endif
}

static int fill_domain(struct fi_domain_attr *d, const struct fi_domain_attr *asked)
{
	static const struct fi_domain_attr nothing;

	if (!asked)
		asked = &nothing;
	fill_domain_limits(d);
	d->threading = asked->threading ? asked->threading : FI_THREAD_SAFE;
	d->control_progress = asked->control_progress ? asked->control_progress :
							FI_PROGRESS_MANUAL;
	d->data_progress = asked->data_progress ? asked->data_progress : FI_PROGRESS_MANUAL;
	d->resource_mgmt = FI_RM_ENABLED;
	d->av_type = asked->av_type ? asked->av_type : FI_AV_TABLE;
	d->tclass = asked->tclass;
	return copy_key(&d->auth_key, &d->auth_key_size, asked->auth_key,
			asked->auth_key_size);
}

/*
 * Who can leave room in front of messages is told that it is wanted, and that none is needed
 * (msg_prefix_size 0): consumers that insist on the mode run all the same.
 */
static uint64_t prefix_mode(const struct fi_info *asked)
{
	uint64_t mode = asked->mode;

	if (asked->tx_attr && asked->rx_attr)
		mode |= asked->tx_attr->mode & asked->rx_attr->mode;
	return mode & FI_MSG_PREFIX;
}

int uet_hints_apply(struct fi_info *info, const struct fi_info *hints,
		    const struct uet_port *port)
{
	static const struct fi_info nothing;
	const struct fi_info *asked = hints ? hints : &nothing;
	int ret;

	info->caps = wanted_caps(asked);
	info->mode = prefix_mode(asked);
	info->tx_attr->mode = info->mode;
	info->rx_attr->mode = info->mode;
	fill_tx(info->tx_attr, info->caps, asked->tx_attr, port);
	fill_rx(info->rx_attr, info->caps, asked->rx_attr);
	/* Who asks for nothing is shown what there is; who asks gets what he asked for. */
	if (!hints) {
		info->tx_attr->msg_order = uet_offer.order_held;
		info->rx_attr->msg_order = uet_offer.order_held;
	}
	ret = fill_ep(info->ep_attr, asked->ep_attr, info->caps);
	return ret ? ret : fill_domain(info->domain_attr, asked->domain_attr);
}
