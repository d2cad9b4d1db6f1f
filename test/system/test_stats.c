/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Statistics of rdma/fi_ext_uet.h, through fi_open_ops and in the log: they tell of what happened,
 * and both sides tell the same story.
 */
#include "sys.h"

#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include <rdma/fi_ext_uet.h>

#define MSGS	50
#define LEN	3000
#define BIG	(4u << 20)

static struct fi_uet_stats_ops *open_ops(struct fid *fid)
{
	void *ops = NULL;

	expect_ok(fi_open_ops(fid, FI_UET_STATS_OPS, 0, &ops, NULL));
	expect(ops, "functions");
	return ops;
}

static struct fi_uet_stats read_stats(struct fid *fid)
{
	struct fi_uet_stats st;

	expect_ok(open_ops(fid)->read(fid, &st, sizeof(st)));
	return st;
}

static uint64_t sum(const uint64_t *v, size_t cnt)
{
	uint64_t total = 0;

	while (cnt--)
		total += v[cnt];
	return total;
}

/* What holds at any time. */
static void check_consistent(const struct fi_uet_stats *st)
{
	expect_eq(st->endpoints, 1);
	expect_eq(sum(st->tx_nack_code, FI_UET_STATS_NACKS), st->tx_nacks);
	expect(sum(st->rx_nack_code, FI_UET_STATS_NACKS) <= st->rx_nacks, "NACKs with a code");
	expect(st->retx <= st->tx_data, "no more repetitions than packets");
	expect(st->retx <= st->retx_timeout + st->retx_sack + st->retx_nack + st->retx_goback +
		   st->retx_trim, "a cause for every repetition");
	expect(st->tx_acked <= st->tx_data - st->retx, "no answers to what was not sent");
	expect(sum(st->rtt, FI_UET_STATS_RTTS) <= st->rx_acks, "a sample needs an ACK");
	expect(st->tx_slow_acks <= st->tx_acks && st->rx_slow_acks <= st->rx_acks, "ACKs, too");
	expect(st->tx_sacks <= st->tx_acks && st->rx_sacks <= st->rx_acks, "SACKs are ACKs");
	expect(st->tx_op_bytes + st->rma_bytes <= st->tx_bytes + st->rx_bytes, "bytes moved");
	expect_eq(st->drop_malformed + st->drop_unsupported + st->drop_truncated, 0);
}

/* @pdc is one that goes to or comes from the endpoint @name of this host. */
static bool is_to(const struct fi_uet_pdc_stats *pdc, const uint8_t *name)
{
	struct sockaddr_in sin;

	memcpy(&sin, name, sizeof(sin));
	return pdc->peer.port == sin.sin_port &&
	       memcmp(pdc->peer.fa, &sin.sin_addr, sizeof(sin.sin_addr)) == 0;
}

/* The PDC that @initiator opened between @e and @name, in @mode. */
static struct fi_uet_pdc_stats find_pdc(struct sys_ep *e, const uint8_t *name, int initiator,
					int mode)
{
	struct fi_uet_pdc_stats pdc[8];
	struct sockaddr_in own;
	ssize_t i, n;

	n = open_ops(&e->ep->fid)->read_pdcs(&e->ep->fid, pdc, sizeof(pdc[0]), 8);
	expect(n > 0 && n <= 8, "a few PDCs, not %zd", n);
	memcpy(&own, e->name, sizeof(own));
	for (i = 0; i < n; i++) {
		expect_eq(pdc[i].port, ntohs(own.sin_port));
		if (is_to(&pdc[i], name) && pdc[i].initiator == initiator && pdc[i].mode == mode)
			return pdc[i];
	}
	sys_fail(__FILE__, __LINE__, "no PDC of that kind among %zd", n);
}

/* The endpoint has had no other PDC than @pdc. */
static void check_same(const struct fi_uet_stats *st, const struct fi_uet_pdc_stats *pdc)
{
	unsigned int i;

	expect_eq(pdc->retx_timeout, st->retx_timeout);
	expect_eq(pdc->retx_sack, st->retx_sack);
	expect_eq(pdc->retx_nack, st->retx_nack);
	expect_eq(pdc->retx_goback, st->retx_goback);
	expect_eq(pdc->retx_trim, st->retx_trim);
	expect_eq(pdc->retx_needless, st->retx_needless);
	expect_eq(pdc->rx_duplicates, st->rx_duplicates);
	expect_eq(pdc->tx_sacks, st->tx_sacks);
	/* Of these some do not find out which PDC they are for, or come before there is one. */
	expect(pdc->rx_sacks <= st->rx_sacks, "SACKs");
	expect(pdc->rx_nacks <= st->rx_nacks && pdc->tx_nacks <= st->tx_nacks, "NACKs");
	expect_eq(sum(pdc->tx_nack_code, FI_UET_STATS_NACKS), pdc->tx_nacks);
	for (i = 0; i < FI_UET_STATS_NACKS; i++)
		expect_eq(pdc->rx_nack_code[i], st->rx_nack_code[i]);
	for (i = 0; i < FI_UET_STATS_RTTS; i++)
		expect_eq(pdc->rtt[i], st->rtt[i]);
}

/* ---- messages ---- */

static void send_all(struct sys_ep *e, size_t len)
{
	struct sys_op *op = calloc(MSGS, sizeof(*op));
	uint8_t *buf = sys_alloc(len);
	unsigned int i;

	sys_fill(buf, len, 1);
	for (i = 0; i < MSGS; i++)
		sys_tsend(e, e->peer[0], buf, len, i, &op[i]);
	for (i = 0; i < MSGS; i++)
		sys_wait_ok(e, &op[i]);
	free(buf);
	free(op);
}

static void recv_all(struct sys *s, struct sys_ep *e, size_t len)
{
	struct sys_op *op = calloc(MSGS, sizeof(*op));
	uint8_t *buf = sys_alloc(len * MSGS);
	unsigned int i;

	for (i = 0; i < MSGS; i++)
		sys_trecv(e, FI_ADDR_UNSPEC, buf + i * len, len, i, 0, &op[i]);
	sys_barrier(s, e);
	for (i = 0; i < MSGS; i++) {
		sys_wait_ok(e, &op[i]);
		sys_verify(buf + i * len, len, 1);
	}
	free(buf);
	free(op);
}

static void check_sender(struct sys_ep *e, const uint8_t *peer, int mode)
{
	struct fi_uet_stats st = read_stats(&e->ep->fid);
	struct fi_uet_pdc_stats pdc = find_pdc(e, peer, 1, mode);

	check_consistent(&st);
	expect_eq(st.tx_ops, MSGS);
	expect_eq(st.tx_op_bytes, MSGS * LEN);
	expect_eq(st.rx_msgs, 0);
	expect(st.tx_data >= MSGS, "a packet for each message, not %llu",
	       (unsigned long long)st.tx_data);
	/* All is done: each packet was answered once. */
	expect_eq(st.tx_acked, st.tx_data - st.retx);
	expect(st.tx_bytes > MSGS * LEN, "headers count too");
	expect(sum(st.rtt, FI_UET_STATS_RTTS) > 0, "a round trip");
	expect_eq(st.pdc_opened, 1);
	expect_eq(pdc.phase, FI_UET_PDC_OPEN);
	expect_eq(pdc.tx_packets, st.tx_data);
	expect_eq(pdc.retx, st.retx);
	expect_eq(pdc.tx_psn - pdc.start_psn, st.tx_acked);
	check_same(&st, &pdc);
	expect_eq(pdc.tx_flight + pdc.tx_unsent + pdc.tx_refused + pdc.inflight, 0);
	expect(pdc.tx_bytes > MSGS * LEN && pdc.tx_bytes <= st.tx_bytes, "bytes of the PDC");
	expect(pdc.cwnd > 0 && pdc.srtt > 0, "a window and a round trip");
}

static void check_receiver(struct sys_ep *e, const uint8_t *peer, int mode,
			   const struct fi_uet_pdc_stats *other)
{
	struct fi_uet_stats st = read_stats(&e->ep->fid);
	struct fi_uet_pdc_stats pdc = find_pdc(e, peer, 0, mode);

	check_consistent(&st);
	expect_eq(st.rx_msgs, MSGS);
	expect_eq(st.rx_msg_bytes, MSGS * LEN);
	expect_eq(st.tx_ops, 0);
	expect_eq(st.pdc_accepted, 1);
	expect_eq(pdc.id, other->peer_id);
	expect_eq(pdc.peer_id, other->id);
	expect_eq(pdc.start_psn, other->start_psn);
	expect_eq(pdc.rx_psn, other->tx_psn);
	expect_eq(pdc.rx_packets, other->tx_packets - other->retx);
	expect(pdc.rx_bytes <= other->tx_bytes, "no more bytes than were sent");
}

/* Process 1 sends, both look at what they counted. @arg: struct sys_opts. */
static void counters(struct sys *s, const void *arg)
{
	const struct sys_opts *opts = arg;
	int mode = opts->msg_order ? FI_UET_PDC_ROD : FI_UET_PDC_RUD;
	uint8_t peer[SYS_NAME_MAX] = { 0 };
	struct fi_uet_pdc_stats pdc;
	struct sys_ep e;

	sys_open(&e, opts);
	sys_connect(s, &e);
	sys_tell(s, !s->rank, e.name, sizeof(e.name));
	sys_hear(s, !s->rank, peer, sizeof(peer), &e);
	if (s->rank == 1) {
		sys_barrier(s, &e);
		send_all(&e, LEN);
		check_sender(&e, peer, mode);
		pdc = find_pdc(&e, peer, 1, mode);
		sys_tell(s, 0, &pdc, sizeof(pdc));
		/* Not driven, it does not close the PDC that the peer looks at. */
		sys_barrier(s, NULL);
	} else {
		recv_all(s, &e, LEN);
		sys_hear(s, 1, &pdc, sizeof(pdc), &e);
		check_receiver(&e, peer, mode, &pdc);
		sys_barrier(s, &e);
	}
	sys_close(&e);
}

/* A socket with next to no room: packets are lost, and the counters say so. */
static void losses(struct sys *s, const void *arg)
{
	const struct sys_opts *opts = arg;
	int mode = opts->msg_order ? FI_UET_PDC_ROD : FI_UET_PDC_RUD;
	uint8_t peer[SYS_NAME_MAX] = { 0 };
	struct fi_uet_pdc_stats pdc;
	struct fi_uet_stats st, other;
	struct sys_op op = { 0 };
	uint8_t *buf = sys_alloc(BIG);
	struct sys_ep e;

	setenv("FI_UET_RCVBUF", "4096", 1);
	sys_open(&e, arg);
	sys_connect(s, &e);
	sys_tell(s, !s->rank, e.name, sizeof(e.name));
	sys_hear(s, !s->rank, peer, sizeof(peer), &e);
	if (s->rank == 0)
		sys_trecv(&e, FI_ADDR_UNSPEC, buf, BIG, 1, 0, &op);
	sys_barrier(s, &e);
	if (s->rank == 1) {
		sys_fill(buf, BIG, 2);
		sys_tsend(&e, e.peer[0], buf, BIG, 1, &op);
	}
	sys_wait_ok(&e, &op);
	if (s->rank == 0)
		sys_verify(buf, BIG, 2);
	sys_barrier(s, &e);
	st = read_stats(&e.ep->fid);
	pdc = find_pdc(&e, peer, s->rank, mode);
	check_consistent(&st);
	check_same(&st, &pdc);
	sys_tell(s, !s->rank, &st, sizeof(st));
	sys_hear(s, !s->rank, &other, sizeof(other), NULL);
	if (s->rank == 1) {
		expect(st.retx > 0, "packets repeated");
		expect_eq(pdc.retx, st.retx);
		expect(st.retx_needless <= st.retx, "needless ones are repetitions");
		expect_eq(st.tx_acked, st.tx_data - st.retx);
		expect(other.rx_data < st.tx_data, "fewer packets arrived than were sent");
		expect(other.drop_socket > 0, "the receiver's socket was full");
		expect(other.tx_slow_acks > 0, "it asked to slow down");
	}
	sys_barrier(s, &e);
	sys_close(&e);
	free(buf);
}

/* ---- who answers ---- */

static void objects(struct sys *s, const void *arg)
{
	struct fi_uet_stats of_ep, of_domain, of_alias;
	struct fi_uet_stats_ops *ops;
	struct sys_op send = { 0 }, recv = { 0 };
	struct fid_ep *second, *alias = NULL;
	uint64_t in = 0, out = 7;
	struct sys_ep e;
	void *none;

	(void)s;
	sys_open(&e, arg);
	e.peer[0] = sys_insert(&e, e.name);
	sys_trecv(&e, FI_ADDR_UNSPEC, &in, 8, 1, 0, &recv);
	sys_tsend(&e, e.peer[0], &out, 8, 1, &send);
	sys_wait_ok(&e, &send);
	sys_wait_ok(&e, &recv);
	expect_ok(fi_ep_alias(e.ep, &alias, FI_TRANSMIT));
	/* Nothing moves between these. */
	of_ep = read_stats(&e.ep->fid);
	of_alias = read_stats(&alias->fid);
	of_domain = read_stats(&e.domain->fid);
	check_consistent(&of_ep);
	expect_eq(of_ep.tx_ops, 1);
	expect_eq(of_ep.rx_msgs, 1);
	expect(memcmp(&of_ep, &of_alias, sizeof(of_ep)) == 0, "an alias tells of its endpoint");
	expect(memcmp(&of_ep, &of_domain, sizeof(of_ep)) == 0, "so does a domain, of its only one");
	expect_ok(fi_close(&alias->fid));
	expect_ok(fi_endpoint(e.domain, e.info, &second, NULL));
	ops = open_ops(&second->fid);
	expect_ret(ops->read(&second->fid, &of_ep, sizeof(of_ep)), -FI_EOPBADSTATE);
	expect_eq(read_stats(&e.domain->fid).endpoints, 1);
	expect_ok(fi_close(&second->fid));
	expect_ret(fi_open_ops(&e.ep->fid, FI_UET_STATS_OPS, 1, &none, NULL), -FI_EBADFLAGS);
	expect(strcmp(ops->nack_name(0x0d), "ROD_OOO") == 0, "the name of code 0x0d");
	sys_close(&e);
}

/* A context tells of the whole scalable endpoint. */
static void contexts(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .caps = FI_SOURCE };
	struct fi_uet_stats st;
	struct fid_ep *sep, *tx;
	struct sys_ep e;

	(void)s;
	(void)arg;
	sys_open_objects(&e, &opts);
	e.info->ep_attr->tx_ctx_cnt = 2;
	expect_ok(fi_scalable_ep(e.domain, e.info, &sep, NULL));
	expect_ok(fi_tx_context(sep, 1, NULL, &tx, NULL));
	st = read_stats(&sep->fid);
	check_consistent(&st);
	st = read_stats(&tx->fid);
	check_consistent(&st);
	expect_ok(fi_close(&tx->fid));
	expect_ok(fi_close(&sep->fid));
	sys_close(&e);
}

/* ---- the log ---- */

struct capture {
	FILE *file;
	int saved;
	char text[32768];
};

static void capture_begin(struct capture *c)
{
	c->file = tmpfile();
	expect(c->file, "a temporary file");
	fflush(stderr);
	c->saved = dup(STDERR_FILENO);
	dup2(fileno(c->file), STDERR_FILENO);
}

static const char *capture_look(struct capture *c)
{
	ssize_t n = pread(fileno(c->file), c->text, sizeof(c->text) - 1, 0);

	c->text[n > 0 ? n : 0] = '\0';
	return c->text;
}

static void capture_end(struct capture *c)
{
	fflush(stderr);
	dup2(c->saved, STDERR_FILENO);
	close(c->saved);
	capture_look(c);
	fclose(c->file);
}

static unsigned int count(const char *text, const char *what)
{
	unsigned int n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

/* "endpoint 127.0.0.1:PORT after" */
static unsigned int blocks(const char *text, const uint8_t *name)
{
	struct sockaddr_in sin;
	char line[64];

	memcpy(&sin, name, sizeof(sin));
	snprintf(line, sizeof(line), "endpoint 127.0.0.1:%u after ", ntohs(sin.sin_port));
	return count(text, line);
}

#define CLOSED 3

/* One block for each endpoint that closes, whatever the log level. */
static void log_at_exit(struct sys *s, const void *arg)
{
	struct sys_op send = { 0 }, recv = { 0 };
	uint64_t in = 0, out = 7;
	uint8_t name[CLOSED][SYS_NAME_MAX];
	struct sys_ep e[CLOSED];
	struct capture c;
	unsigned int i;

	(void)s;
	unsetenv("FI_LOG_LEVEL");
	setenv("FI_UET_STATS", "exit", 1);
	for (i = 0; i < CLOSED; i++) {
		sys_open(&e[i], arg);
		memcpy(name[i], e[i].name, SYS_NAME_MAX);
	}
	e[0].peer[0] = sys_insert(&e[0], e[0].name);
	sys_trecv(&e[0], FI_ADDR_UNSPEC, &in, 8, 1, 0, &recv);
	sys_tsend(&e[0], e[0].peer[0], &out, 8, 1, &send);
	sys_wait_ok(&e[0], &send);
	sys_wait_ok(&e[0], &recv);
	capture_begin(&c);
	for (i = 0; i < CLOSED; i++)
		sys_close(&e[i]);
	capture_end(&c);
	for (i = 0; i < CLOSED; i++)
		expect_eq(blocks(c.text, name[i]), 1);
	expect_eq(count(c.text, "operations: 1 done (8 bytes), 1 messages received (8 bytes)"), 1);
	expect_eq(count(c.text, "operations: 0 done"), CLOSED - 1);
	expect(count(c.text, "PDC to 127.0.0.1:") >= 1, "the PDC to itself");
}

/* A number of seconds: again and again. */
static void log_by_time(struct sys *s, const void *arg)
{
	uint8_t name[SYS_NAME_MAX];
	struct sys_ep e;
	struct capture c;

	(void)s;
	unsetenv("FI_LOG_LEVEL");
	setenv("FI_UET_STATS", "1", 1);
	sys_open(&e, arg);
	memcpy(name, e.name, sizeof(name));
	capture_begin(&c);
	while (blocks(capture_look(&c), name) < 2)
		sys_drive(&e, 50);
	sys_close(&e);
	capture_end(&c);
	expect(blocks(c.text, name) >= 3, "a last block at the end");
}

/* Nobody asked. */
static void log_off(struct sys *s, const void *arg)
{
	struct sys_ep e;
	struct capture c;

	(void)s;
	unsetenv("FI_UET_STATS");
	sys_open(&e, arg);
	capture_begin(&c);
	sys_close(&e);
	capture_end(&c);
	expect_eq(count(c.text, "statistics"), 0);
}

int main(int argc, char **argv)
{
	static const struct sys_opts rud = { .caps = FI_SOURCE };
	static const struct sys_opts rod = { .msg_order = FI_ORDER_SAS };

	sys_begin(argc, argv);
	if (!sys_is_uet()) {
		puts("these statistics are uet's own");
		return 77;
	}
	sys_case("counters, unordered", 2, counters, &rud);
	sys_case("counters, ordered", 2, counters, &rod);
	sys_case("losses, unordered", 2, losses, &rud);
	sys_case("losses, ordered", 2, losses, &rod);
	setenv("FI_UET_CC", "nscc", 1);
	sys_case("losses, congestion control", 2, losses, &rud);
	unsetenv("FI_UET_CC");
	sys_case("endpoint, alias, domain", 1, objects, &rud);
	sys_case("contexts of a scalable endpoint", 1, contexts, NULL);
	sys_case("log at exit", 1, log_at_exit, &rud);
	sys_case("log by time", 1, log_by_time, &rud);
	sys_case("no log", 1, log_off, &rud);
	return sys_end();
}
