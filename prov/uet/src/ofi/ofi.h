/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The libfabric face: objects behind the fids, and how they hang together.
 *
 *   fabric --- domain --- endpoint --- CQ, counter, AV, EQ (bound)
 *                 \------ MR, AV, CQ, counter, poll set, shared contexts
 *                  \----- scalable endpoint --- transmit and receive contexts
 *
 * References: every object counts those that point to it (ref); fi_close answers -FI_EBUSY
 * while the count is not zero.
 *
 * Locks, in the order in which they may be taken:
 *   wait set or poll set -> prepare_lock of a wait object -> a domain's list of FEPs ->
 *   progress set lock -> run_lock of triggers -> FEP lock ->
 *   { AV lock | CQ lock | EQ lock | domain lock | lock of triggers | other locks of a wait
 *     object }
 * The last group is a leaf: nothing is taken inside. A FEP's lock protects its NIC, PDS and
 * SES. For FI_THREAD_DOMAIN with manual progress the locks of FEPs, AVs, CQs and the
 * domain are switched off.
 */
#ifndef UET_OFI_OFI_H
#define UET_OFI_OFI_H

#include <config.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rdma/fabric.h>
#include <rdma/fi_atomic.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_collective.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>
#include <rdma/fi_tagged.h>
#include <rdma/fi_trigger.h>
#include <rdma/providers/fi_log.h>
#include <rdma/providers/fi_prov.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/util.h"
#include "nic/discover.h"
#include "nic/nic.h"
#include "ofi/config.h"
#include "ofi/progress.h"
#include "ofi/trigger.h"
#include "ses/ses.h"

#define UET_PROV_NAME	"uet"
#define UET_FABRIC_NAME	"UET"

extern struct fi_provider uet_prov;

/* A mutex that can be switched off at creation (threading level), or be another's. */
struct uet_lock {
	pthread_mutex_t own;
	pthread_mutex_t *mutex;		/* own, another lock's, or NULL: switched off */
};

/* Prepare @l; with @on false, lock and unlock do nothing. */
static inline void uet_lock_init(struct uet_lock *l, bool on)
{
	pthread_mutex_init(&l->own, NULL);
	l->mutex = on ? &l->own : NULL;
}

/* @l, which nobody holds, is the same lock as @other from now on; @other lives longer. */
static inline void uet_lock_share(struct uet_lock *l, const struct uet_lock *other)
{
	l->mutex = other->mutex;
}

static inline void uet_lock_destroy(struct uet_lock *l)
{
	pthread_mutex_destroy(&l->own);
}

static inline void uet_lock(struct uet_lock *l)
{
	if (l->mutex)
		pthread_mutex_lock(l->mutex);
}

/* Returns true if the lock was taken. */
static inline bool uet_trylock(struct uet_lock *l)
{
	return !l->mutex || pthread_mutex_trylock(l->mutex) == 0;
}

static inline void uet_unlock(struct uet_lock *l)
{
	if (l->mutex)
		pthread_mutex_unlock(l->mutex);
}

typedef atomic_uint uet_ref;

static inline void uet_ref_get(uet_ref *ref)
{
	atomic_fetch_add_explicit(ref, 1, memory_order_relaxed);
}

static inline void uet_ref_put(uet_ref *ref)
{
	atomic_fetch_sub_explicit(ref, 1, memory_order_release);
}

static inline bool uet_ref_busy(uet_ref *ref)
{
	return atomic_load_explicit(ref, memory_order_acquire) != 0;
}

struct uet_fabric {
	struct fid_fabric fid;
	uet_ref ref;
};

struct uet_eq;
struct uet_fep;
struct uet_mr_map;

struct uet_domain {
	struct fid_domain fid;
	struct uet_fabric *fabric;
	uet_ref ref;
	char name[IF_NAMESIZE];		/* the interface */
	struct uet_port *ports;		/* its addresses when the domain was opened, best first */
	size_t port_cnt;
	struct fi_info *info;		/* what the domain was opened with */
	bool locked;			/* endpoint and CQ locks are real */
	bool auto_progress;
	uint32_t job_id;
	int mr_mode;			/* as agreed */
	struct uet_eq *eq;		/* bound for asynchronous events, or NULL */
	struct uet_lock feps_lock;	/* protects: */
	struct uet_list feps;		/* those that run */
	struct uet_list region_cntrs;	/* struct uet_region_cntr: counters bound to regions */
	struct uet_lock lock;		/* protects what follows */
	struct uet_mr_map *mrs;
	struct uet_progress_thread *thread; /* FI_PROGRESS_AUTO, started with the first endpoint */
	struct uet_triggers triggers;
};

/* The full name of an endpoint: what any of the address formats can say. */
struct uet_name {
	struct uet_addr addr;
	uint32_t initiator;
	uint16_t pid_on_fep;
	uint16_t resource_index;
	uint16_t num_indices;
	bool relative;
	uint8_t caps;			/* FI_UET_CAP_*; 0: not told */
};

/* ---- addresses (addr.c) ---- */

/*
 * Read an application's address in @format (FI_SOCKADDR, _IN, _IN6, FI_ADDR_STR, FI_ADDR_UET;
 * FI_FORMAT_UNSPEC or FI_SOCKADDR: by its family). For sockaddr forms PID, RI and initiator
 * follow from the port (design decision D2). Returns 0 or -FI_EINVAL (all-zero address, bad
 * text, bad family, port 0, too short).
 */
int uet_name_read(struct uet_name *name, uint32_t format, const void *addr, size_t len);

/*
 * As uet_name_read, for an address of this host: port 0 ("any") is allowed.
 */
int uet_name_read_local(struct uet_name *name, uint32_t format, const void *addr, size_t len);

/*
 * Write @name in @format: at most *@len bytes to @buf, and the full length to *@len. Returns 0,
 * -FI_ETOOSMALL, or -FI_EINVAL when the format cannot express it.
 */
int uet_name_write(const struct uet_name *name, uint32_t format, void *buf, size_t *len);

/* Bytes of an address in @format for family @family; FI_ADDR_STR: longest text. */
size_t uet_name_size(uint32_t format, uint32_t family);

/* The name that an endpoint with UDP address @addr has (D2). */
void uet_name_from_addr(struct uet_name *name, const struct uet_addr *addr);

/* ---- getinfo (info.c, hints.c) ---- */

/* struct fi_provider.getinfo: fi_getinfo(3). */
int uet_getinfo(uint32_t version, const char *node, const char *service, uint64_t flags,
		const struct fi_info *hints, struct fi_info **info);

/*
 * Check an application's edited @info against what the provider offers for @ep type, before an
 * endpoint or domain is made of it. Returns 0, or -FI_EINVAL/-FI_ENOSYS with a log line naming
 * the attribute.
 */
int uet_info_check(uint32_t version, const struct fi_info *info);

/* ---- mtu.c ---- */

/*
 * Payload MTU (UEC 3.4.1.11: 1024, 2048, 4096 or 8192) for a path that carries UET packets of
 * @packet bytes: the largest that fits with every header, and not above @wanted unless that is
 * 0. Never below 1024.
 */
uint32_t uet_payload_mtu(uint32_t packet, uint32_t wanted);

/* ---- fabric.c ---- */

/* struct fi_provider.fabric: fi_fabric(3). */
int uet_fabric_open(struct fi_fabric_attr *attr, struct fid_fabric **fabric, void *context);

/* API version that the application asked for when it opened @fabric. */
static inline uint32_t uet_fabric_api(const struct uet_fabric *fabric)
{
	return fabric->fid.api_version;
}

/* ---- domain.c ---- */

/* fi_ops_fabric.domain: fi_domain(3). */
int uet_domain_open(struct fid_fabric *fabric, struct fi_info *info, struct fid_domain **domain,
		    void *context);

/*
 * The JobID in an authorization key (uint32_t in host order, UEC 3.4.7.1), or @fallback when
 * there is no key of that size.
 */
uint32_t uet_job_id(const uint8_t *auth_key, size_t size, uint32_t fallback);

/* ---- ep.c ---- */

/* fi_ops_domain.endpoint: fi_endpoint(3). */
int uet_ep_open(struct fid_domain *domain, struct fi_info *info, struct fid_ep **ep,
		void *context);

/* ---- sep.c, srx.c, stx.c ---- */

/* fi_ops_domain.scalable_ep, .srx_ctx and .stx_ctx: fi_endpoint(3). */
int uet_sep_open(struct fid_domain *domain, struct fi_info *info, struct fid_ep **sep,
		 void *context);
int uet_srx_open(struct fid_domain *domain, struct fi_rx_attr *attr, struct fid_ep **srx,
		 void *context);
int uet_stx_open(struct fid_domain *domain, struct fi_tx_attr *attr, struct fid_stx **stx,
		 void *context);

/* ---- cq.c ---- */

struct uet_cq;

/* A completion, in the widest format. */
struct uet_cq_event {
	void *op_context;
	uint64_t flags;
	size_t len;
	void *buf;
	uint64_t data;
	uint64_t tag;
	fi_addr_t src_addr;
};

/* fi_ops_domain.cq_open: fi_cq(3). */
int uet_cq_open(struct fid_domain *domain, struct fi_cq_attr *attr, struct fid_cq **cq,
		void *context);

/* Queue a completion; the ring grows as needed. Wakes a waiting reader. */
void uet_cq_write(struct uet_cq *cq, const struct uet_cq_event *event);

/*
 * Queue an error completion: @err is a positive fi_errno, @prov_errno positive. @err_data of
 * @err_data_size bytes is copied.
 */
void uet_cq_write_error(struct uet_cq *cq, const struct uet_cq_event *event, size_t olen, int err,
			uint32_t prov_errno, const void *err_data, size_t err_data_size);

/* Attach or detach a FEP: reading the queue then drives it. Take no FEP lock before. */
int uet_cq_add_fep(struct uet_cq *cq, struct uet_fep *fep);
void uet_cq_del_fep(struct uet_cq *cq, struct uet_fep *fep);

/* The progress set and wait object of @cq, for fi_trywait and poll sets. */
struct uet_progress_set *uet_cq_progress(struct uet_cq *cq);
struct uet_wait *uet_cq_wait(struct uet_cq *cq);

/* True if something can be read. */
bool uet_cq_ready(struct uet_cq *cq);

/* Reference count of @cq. */
uet_ref *uet_cq_ref(struct uet_cq *cq);

/* The domain that the CQ belongs to. */
struct uet_domain *uet_cq_domain(const struct uet_cq *cq);

/* ---- cntr.c ---- */

struct uet_cntr;

/* fi_ops_domain.cntr_open: fi_cntr(3). */
int uet_cntr_open(struct fid_domain *domain, struct fi_cntr_attr *attr, struct fid_cntr **cntr,
		  void *context);

/* One more success (@ok) or failure. Wakes waiters. */
void uet_cntr_inc(struct uet_cntr *cntr, bool ok);

int uet_cntr_add_fep(struct uet_cntr *cntr, struct uet_fep *fep);
void uet_cntr_del_fep(struct uet_cntr *cntr, struct uet_fep *fep);
/*
 * Let @cntr drive every FEP of its domain until it closes. With automatic progress nothing
 * happens: they are driven. Returns 0, -FI_ENOMEM or -errno.
 */
int uet_cntr_watch_all(struct uet_cntr *cntr);

struct uet_progress_set *uet_cntr_progress(struct uet_cntr *cntr);
struct uet_wait *uet_cntr_wait_obj(struct uet_cntr *cntr);
uet_ref *uet_cntr_ref(struct uet_cntr *cntr);

/* The domain that the counter belongs to. */
struct uet_domain *uet_cntr_domain(const struct uet_cntr *cntr);

/* Its fid, the operations that wait for it, and its value now (with @errors: plus errors). */
struct fid_cntr *uet_cntr_fid(struct uet_cntr *cntr);
struct uet_trigger_queue *uet_cntr_triggers(struct uet_cntr *cntr);
uint64_t uet_cntr_level(struct uet_cntr *cntr, bool errors);

/* ---- eq.c ---- */

/* fi_ops_fabric.eq_open: fi_eq(3). */
int uet_eq_open(struct fid_fabric *fabric, struct fi_eq_attr *attr, struct fid_eq **eq,
		void *context);

/* Queue an event of @len bytes. Returns 0 or -FI_ENOMEM. */
int uet_eq_put(struct uet_eq *eq, uint32_t event, const void *entry, size_t len);

/* Queue an error event; @err and @prov_errno positive. Returns 0 or -FI_ENOMEM. */
int uet_eq_put_error(struct uet_eq *eq, fid_t fid, void *context, uint64_t data, int err,
		     int prov_errno);

struct uet_wait *uet_eq_wait(struct uet_eq *eq);
bool uet_eq_ready(struct uet_eq *eq);
uet_ref *uet_eq_ref(struct uet_eq *eq);

/* ---- av.c ---- */

struct uet_av;

/* fi_ops_domain.av_open: fi_av(3). */
int uet_av_open(struct fid_domain *domain, struct fi_av_attr *attr, struct fid_av **av,
		void *context);

/* Destination of @addr. Returns 0 or -FI_EINVAL (no such entry). */
int uet_av_dest(struct uet_av *av, fi_addr_t addr, struct uet_ses_dest *dest);

/* How messages from @addr identify themselves, for directed receives. 0 or -FI_EINVAL. */
int uet_av_source(struct uet_av *av, fi_addr_t addr, struct uet_ses_source *source);

/* Index of the entry that sends as @source; FI_ADDR_NOTAVAIL if none. */
fi_addr_t uet_av_find(struct uet_av *av, const struct uet_ses_source *source);

uet_ref *uet_av_ref(struct uet_av *av);

/* The domain that the AV belongs to. */
struct uet_domain *uet_av_domain(const struct uet_av *av);

/* ---- mr.c, mrmap.c ---- */

extern struct fi_ops_mr uet_mr_ops;

/*
 * Copy functions for the memory of the region of @domain whose fi_mr_desc(3) is @desc, in @mem;
 * NULL: ordinary memory. Returns 0, or -FI_EINVAL if it is not such a region.
 */
int uet_mr_desc_mem(const struct uet_domain *domain, void *desc, const struct uet_ses_mem **mem);

/* Table of a domain's regions, by key; NULL when out of memory. */
struct uet_mr_map *uet_mr_map_create(void);

/* Free @map, which is empty. */
void uet_mr_map_destroy(struct uet_mr_map *map);

/* fi_control commands on a domain that concern raw keys: fi_mr(3). */
int uet_mr_control(struct uet_domain *domain, int command, void *arg);

/* ---- poll.c ---- */

/* fi_ops_fabric.wait_open and .trywait, fi_ops_domain.poll_open: fi_poll(3). */
int uet_waitset_open(struct fid_fabric *fabric, struct fi_wait_attr *attr, struct fid_wait **set);
int uet_trywait(struct fid_fabric *fabric, struct fid **fids, int count);
int uet_poll_open(struct fid_domain *domain, struct fi_poll_attr *attr, struct fid_poll **set);

/* Attach a CQ's, counter's or EQ's wait object to wait set @set (FI_WAIT_SET), or detach. */
int uet_waitset_add(struct fid_wait *set, struct uet_wait *wait);
void uet_waitset_del(struct fid_wait *set, struct uet_wait *wait);

/* ---- nicattr.c ---- */

/*
 * Build info->nic for @port (NULL for loopback and other interfaces without hardware is the
 * caller's choice). Freed by fi_freeinfo. Returns NULL when out of memory.
 */
struct fid_nic *uet_nic_fid(const struct uet_port *port);

#endif /* UET_OFI_OFI_H */
