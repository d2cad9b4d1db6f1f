/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The way of a message through the core (SES, PDS, CMS) of two endpoints, for callgrind to count
 * its instructions: fixed seeds, virtual time, and a queue in memory for a network.
 * check-instructions.sh runs it and explains the figures.
 *
 * Functions called gate_... switch the counting (--toggle-collect): on where the program calls
 * into the core, off again where the core calls its NIC or the floor above. Counting begins
 * anew at each call of mark_begin and ends with mark_end, which writes a profile; the line
 * printed then tells what that profile is about:
 *
 *     NAME UNITS LESS      name, messages or packets in it; the profile to subtract first, or -
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perf/mem.h"
#include "ses/ses.h"

#define MTU		4096u		/* payload of a packet */
#define WINDOW		64u		/* messages posted at a time */
#define QUEUE		1024u		/* packets on their way in one direction */
#define SHORT_PKTS	64u		/* packets of a long message ... */
#define LONG_PKTS	320u		/* ... and of a longer one */
#define LONG_BYTES	(LONG_PKTS * MTU)
#define STEP		(10 * UET_NSEC_PER_USEC)	/* between two looks at the network */

#if defined(__clang__)
#define NEVER_INLINE	__attribute__((noinline))
#else
#define NEVER_INLINE	__attribute__((noipa))
#endif

struct side {
	struct uet_nic nic;	/* first */
	struct side *peer;
	struct uet_ses *ses;
	struct uet_pds *pds;
	struct uet_ses_rxq *rxq;
	uint32_t sent, received;	/* messages that have ended */
	uint32_t in, taken;		/* packets that came, and of these, those taken */
	struct uet_nic_rx pkts[QUEUE];
	uint8_t data[QUEUE][MTU + 256];
};

/* What is measured. */
struct plan {
	const char *name;
	uint8_t mode;		/* enum uet_pds_mode */
	uint8_t cc;		/* enum uet_cms_algorithm */
	uint8_t opcode;		/* UET_OP_TAGGED_SEND or UET_OP_WRITE */
	bool late;		/* sends: receives are posted when all has arrived */
};

static struct side sides[2];
static uint8_t from[LONG_BYTES], to[LONG_BYTES];
static uint64_t now;

static const struct iovec to_iov = { to, sizeof(to) };
static const struct uet_ses_region region = {
	.iov = &to_iov, .iov_cnt = 1, .len = sizeof(to), .key = 1,
	.access = UET_SES_REMOTE_READ | UET_SES_REMOTE_WRITE,
};

/* ---- below and above the core: not counted ---- */

static NEVER_INLINE int gate_nic_tx(struct uet_nic *nic, const struct uet_nic_tx *pkts, int n)
{
	struct side *s = ((struct side *)nic)->peer;
	int i, j;

	for (i = 0; i < n; i++) {
		uint32_t at = s->in++ % QUEUE, len = 0;

		for (j = 0; j < pkts[i].iov_cnt; j++) {
			mem_copy((char *)s->data[at] + len, pkts[i].iov[j].iov_base,
				 pkts[i].iov[j].iov_len);
			len += (uint32_t)pkts[i].iov[j].iov_len;
		}
		s->pkts[at] = (struct uet_nic_rx){
			.data = s->data[at], .len = len, .src = nic->addr,
			.tos = pkts[i].tc == UET_NIC_DATA ? UET_ECN_ECT0 : 0,
		};
	}
	if (s->in - s->taken > QUEUE)
		abort();
	return n;
}

static NEVER_INLINE void gate_tx_done(void *upper, struct uet_ses_tx *tx, int err,
				      uint32_t prov_errno)
{
	struct side *s = upper;

	(void)tx;
	(void)prov_errno;
	if (err)
		abort();
	s->sent++;
}

static NEVER_INLINE void gate_rx_done(void *upper, struct uet_ses_rx *rx,
				      const struct uet_ses_rx_result *res)
{
	struct side *s = upper;

	(void)rx;
	if (res->err)
		abort();
	s->received++;
}

static NEVER_INLINE const struct uet_ses_region *gate_region(void *upper, uint64_t key,
							     uint16_t resource_index)
{
	(void)upper;
	(void)resource_index;
	return key == region.key ? &region : NULL;
}

static void tx_done(void *upper, struct uet_ses_tx *tx, int err, uint32_t prov_errno)
{
	gate_tx_done(upper, tx, err, prov_errno);
	uet_ses_tx_put(((struct side *)upper)->ses, tx);
}

static void rx_done(void *upper, struct uet_ses_rx *rx, const struct uet_ses_rx_result *res)
{
	gate_rx_done(upper, rx, res);
	uet_ses_rx_put(((struct side *)upper)->rxq, rx);
}

static const struct uet_nic_ops nic_ops = { .tx = gate_nic_tx };
static const struct uet_ses_upper_ops ses_ops = {
	.tx_done = tx_done, .rx_done = rx_done, .region = gate_region,
};

/* ---- calls into the core: counted ---- */

/* @p; what is called for it is called, not jumped to, so that callgrind sees the way back. */
static inline void *same(void *p)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}

static NEVER_INLINE struct uet_ses_tx *gate_tx_get(struct side *s)
{
	return same(uet_ses_tx_get(s->ses));
}

static NEVER_INLINE void gate_send(struct side *s, struct uet_ses_tx *tx)
{
	if (uet_ses_send(s->ses, tx, now))
		abort();
}

static NEVER_INLINE struct uet_ses_rx *gate_rx_get(struct side *s)
{
	return same(uet_ses_rx_get(s->rxq));
}

static NEVER_INLINE void gate_recv(struct side *s, struct uet_ses_rx *rx)
{
	uet_ses_recv(s->rxq, rx, now);
	same(NULL);
}

/* A round of progress with @n packets, as the owner of an endpoint makes it. */
static NEVER_INLINE void gate_round(struct side *s, const struct uet_nic_rx *pkts, int n)
{
	if (n)
		uet_pds_rx(s->pds, pkts, n, now);
	uet_ses_progress(s->ses, now);
	uet_pds_progress(s->pds, now, n == 0);
	same(NULL);
}

static NEVER_INLINE void mark_begin(void)
{
	same(NULL);
}

static NEVER_INLINE void mark_end(void)
{
	same(NULL);
}

/* ---- endpoints ---- */

/* As endpoints have it when nobody sets anything; see ofi/config.c and ofi/cc.c. */
static struct uet_ses_cfg config(const struct plan *plan, uint32_t seed)
{
	struct uet_ses_cfg cfg = {
		.pds = {
			.max_pdc = 4096, .mp_range = 1024, .max_stored = 65536, .max_rudi = 64,
			.ack_trigger = 16 << 10, .ack_min_add = 1 << 10,
			.nack_retx_time = UET_NSEC_PER_MSEC, .nack_retx_max = 8 * UET_NSEC_PER_MSEC,
			.peer_timeout = 60 * UET_NSEC_PER_SEC,
			.refused_timeout = 3 * UET_NSEC_PER_SEC,
			.idle_close = UET_NSEC_PER_SEC, .target_idle = 10 * UET_NSEC_PER_SEC,
			.linger = 2 * UET_NSEC_PER_SEC, .seed = seed,
			.cms = {
				.mtu = MTU, .charge_min = 768, .window_init = 256 << 10,
				.window_max = 1 << 20, .rto_min = 5 * UET_NSEC_PER_MSEC,
				.rto_max = UET_NSEC_PER_SEC, .algorithm = plan->cc,
			},
		},
		.job_id = 1, .resource_index = 1, .initiator = seed, .payload_mtu = MTU,
		.max_tx = 1024, .inject_size = 4096, .defer_size = 64 << 10, .rndv_eager = 8192,
		.retry_time = UET_NSEC_PER_MSEC, .retry_max = 100 * UET_NSEC_PER_MSEC,
	};

	if (plan->cc) {
		cfg.pds.cms.charge_min = 0;
		cfg.pds.cms.mtu = MTU + UET_SES_STD_LEN + UET_PDS_REQ_LEN + UET_CMS_EXTRA;
		cfg.pds.cms.target_floor = 20 * UET_NSEC_PER_USEC;
		cfg.pds.cms.base_floor = 100 * UET_NSEC_PER_USEC;
		cfg.pds.cms.link_rate = 100000000000ull;
	}
	return cfg;
}

static void side_open(struct side *s, const struct plan *plan, uint32_t seed)
{
	static const struct uet_ses_rxq_cfg rxq = {
		.max_rx = 4096, .max_unexpected = 1024, .max_unexpected_bytes = 1 << 20,
	};
	struct uet_ses_cfg cfg = config(plan, seed);

	memset(s, 0, sizeof(*s));
	s->nic = (struct uet_nic){ .ops = &nic_ops, .mtu = MTU + 256, .paths = 1 };
	s->nic.addr = (struct uet_addr){ .ip = { 10, 0, 0, (uint8_t)seed }, .port = UET_UDP_PORT,
					 .family = AF_INET };
	if (uet_ses_create(&cfg, &s->nic, &ses_ops, s, now, &s->ses) ||
	    uet_ses_rxq_create(&rxq, &ses_ops, s, &s->rxq) ||
	    uet_ses_rxq_attach(s->ses, 1, s->rxq))
		abort();
	s->pds = uet_ses_pds(s->ses);
}

static void side_close(struct side *s)
{
	uet_ses_destroy(s->ses);
	uet_ses_rxq_destroy(s->rxq);
}

/* One look of @s at the network. True if there was something. */
static bool look(struct side *s)
{
	uint32_t at = s->taken % QUEUE, n = s->in - s->taken;

	if (n > WINDOW)
		n = WINDOW;
	if (n > QUEUE - at)
		n = QUEUE - at;
	s->taken += n;
	gate_round(s, s->pkts + at, (int)n);
	return n;
}

/* Until the sender knows that all has arrived, and nobody has anything more to say. */
static void settle(void)
{
	bool busy;

	do {
		busy = look(&sides[0]);
		now += STEP;
		busy |= look(&sides[1]);
		now += STEP;
	} while (busy || !uet_ses_idle(sides[0].ses) || uet_pds_pending(sides[1].pds));
}

/* ---- what is measured ---- */

static void post_recv(uint64_t tag, size_t len)
{
	struct uet_ses_rx *rx = gate_rx_get(&sides[1]);

	rx->queue = UET_SES_TAGGED;
	rx->tag = tag;
	rx->len = len;
	rx->iov_cnt = 1;
	rx->iov[0] = (struct iovec){ to, len };
	gate_recv(&sides[1], rx);
}

static void post(const struct plan *plan, uint64_t tag, size_t len)
{
	struct uet_ses_tx *tx;

	if (plan->opcode == UET_OP_TAGGED_SEND && !plan->late)
		post_recv(tag, len);
	tx = gate_tx_get(&sides[0]);
	tx->dest.addr = sides[1].nic.addr;
	tx->dest.resource_index = 1;
	tx->dest.relative = true;
	tx->opcode = plan->opcode;
	tx->mode = plan->mode;
	tx->tag = tag;
	tx->key = region.key;
	tx->len = len;
	tx->iov_cnt = 1;
	tx->iov[0] = (struct iovec){ from, len };
	gate_send(&sides[0], tx);
}

/* @rounds times @burst messages of @len bytes, each time all at once. */
static void repeat(const struct plan *plan, uint32_t rounds, uint32_t burst, size_t len)
{
	uint32_t i, j, before = sides[0].sent;

	for (i = 0; i < rounds; i++) {
		for (j = 0; j < burst; j++)
			post(plan, j, len);
		settle();
		for (j = 0; plan->late && j < burst; j++)
			post_recv(j, len);
	}
	if (sides[0].sent - before != rounds * burst)
		abort();
}

/* Count @rounds times @burst messages; @kind and the plan give the profile its name. */
static void count(const struct plan *plan, const char *kind, uint32_t rounds, uint32_t burst,
		  size_t len)
{
	repeat(plan, 4, burst, len);
	mark_begin();
	repeat(plan, rounds, burst, len);
	mark_end();
	printf("%s-%s", kind, plan->name);
}

static void measure(const struct plan *plan)
{
	const char *kind = plan->opcode == UET_OP_WRITE ? "write" : "tagged";
	char text[32];

	side_open(&sides[0], plan, 1);
	side_open(&sides[1], plan, 2);
	sides[0].peer = &sides[1];
	sides[1].peer = &sides[0];
	count(plan, plan->late ? "unexpected" : kind, 16, WINDOW, 64);
	printf(" %u -\n", 16 * WINDOW);
	if (plan->late)
		goto close;
	snprintf(text, sizeof(text), "%s-lone", kind);
	count(plan, text, 64, 1, 64);
	printf(" 64 -\n");
	snprintf(text, sizeof(text), ".%s", kind);
	count(plan, text, 4, 1, SHORT_PKTS * MTU);
	printf(" 0 -\n");
	snprintf(text, sizeof(text), "%s-packet", kind);
	count(plan, text, 4, 1, LONG_PKTS * MTU);
	printf(" %u .%s-%s\n", 4 * (LONG_PKTS - SHORT_PKTS), kind, plan->name);
close:
	side_close(&sides[0]);
	side_close(&sides[1]);
}

/* What counts are good for comparing with: those of the same name. */
static void print_compiler(void)
{
#if defined(__clang__)
	printf("clang-%d", __clang_major__);
#else
	printf("gcc-%d", __GNUC__);
#endif
#if defined(__x86_64__)
	printf("-x86_64");
#endif
#if !defined(__OPTIMIZE__)
	printf("-unoptimized");
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	printf("-sanitized");
#endif
	printf("\n");
}

int main(void)
{
	static const struct plan plans[] = {
		{ "rud-none", UET_MODE_RUD, UET_CMS_NONE, UET_OP_TAGGED_SEND, false },
		{ "rod-none", UET_MODE_ROD, UET_CMS_NONE, UET_OP_TAGGED_SEND, false },
		{ "rud-nscc", UET_MODE_RUD, UET_CMS_NSCC, UET_OP_TAGGED_SEND, false },
		{ "rod-nscc", UET_MODE_ROD, UET_CMS_NSCC, UET_OP_TAGGED_SEND, false },
		{ "rud-none", UET_MODE_RUD, UET_CMS_NONE, UET_OP_WRITE, false },
		{ "rod-none", UET_MODE_ROD, UET_CMS_NONE, UET_OP_WRITE, false },
		{ "rud-nscc", UET_MODE_RUD, UET_CMS_NSCC, UET_OP_WRITE, false },
		{ "rod-nscc", UET_MODE_ROD, UET_CMS_NSCC, UET_OP_WRITE, false },
		{ "rud-none", UET_MODE_RUD, UET_CMS_NONE, UET_OP_TAGGED_SEND, true },
		{ "rod-nscc", UET_MODE_ROD, UET_CMS_NSCC, UET_OP_TAGGED_SEND, true },
	};
	size_t i;

	print_compiler();
	for (i = 0; i < UET_ARRAY_SIZE(plans); i++)
		measure(&plans[i]);
	return 0;
}
