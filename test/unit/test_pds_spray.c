/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Packets over several paths. */
#include "pds/spray.h"
#include "pds_sim.h"

#define PATHS	8u

static void start(struct sim *s, uint64_t seed, uint8_t paths)
{
	struct uet_pds_cfg cfg = sim_cfg();

	sim_init(s, seed);
	s->paths = paths;
	sim_add(s, &cfg);
	sim_add(s, &cfg);
}

/* Open the PDC, so that no SYN is needed any more, and forget what was counted. */
static void open_pdc(struct sim *s, uint8_t mode)
{
	sim_post(s, 0, 1, mode, 1, 10);
	assert_true(sim_run_done(s, 1 * MSEC));
	memset(s->path_data, 0, sizeof(s->path_data));
}

static uint64_t repeats(const struct sim *s)
{
	const struct uet_pds_stats *st = sim_stats(s, 0);

	return st->retx_rto + st->retx_sack + st->retx_nack + st->retx_goback;
}

static void rud_uses_all_paths(void **state)
{
	static const uint8_t counts[] = { 2, 3, 8, 16, 63, 64 };
	struct sim s;
	size_t k;
	uint8_t i;

	(void)state;
	for (k = 0; k < UET_ARRAY_SIZE(counts); k++) {
		start(&s, k, counts[k]);
		open_pdc(&s, UET_MODE_RUD);
		sim_post(&s, 0, 1, UET_MODE_RUD, 2000, 100);
		assert_true(sim_run_done(&s, 100 * MSEC));
		for (i = 0; i < counts[k]; i++)
			assert_in_range(s.path_data[i], 1000 / counts[k], 4000 / counts[k]);
		assert_int_equal(repeats(&s), 0);
		sim_free(&s);
	}
}

/* arg[0]: packets seen that must stay on path 0. */
static enum sim_verdict on_path_0(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	(void)from;
	(void)to;
	if (uet_pds_is_request(h->type) && !(h->flags & UET_PDS_F_SYN))
		return SIM_PASS;
	s->arg[0]++;
	assert_int_equal(s->path, 0);
	return SIM_PASS;
}

static void syn_and_control_packets_use_the_own_port(void **state)
{
	struct sim s;

	(void)state;
	start(&s, 1, PATHS);
	s.filter = on_path_0;
	sim_post(&s, 0, 1, UET_MODE_RUD, 300, 100);
	sim_read(&s, 0, 1, UET_MODE_RUD, 40, 100);
	sim_post(&s, 0, 1, UET_MODE_ROD, 300, 100);
	assert_true(sim_run_done(&s, 10 * SEC));
	sim_run_for(&s, 20 * SEC);
	assert_true(s.arg[0] > 40);
	assert_int_equal(sim_stats(&s, 0)->pdc_closed, 2);
	sim_free(&s);
}

/* arg[0]: bit n: what end n sends from its own port to that of the peer vanishes. arg[1]: count. */
static enum sim_verdict own_port_is_dead(struct sim *s, int from, int to,
					 const struct uet_pds_hdr *h)
{
	(void)h;
	if (s->path || s->port != s->end[to].nic.addr.port || !(s->arg[0] >> from & 1))
		return SIM_PASS;
	s->arg[1]++;
	return SIM_DROP;
}

/* Whatever the network does to packets from the own ports, PDCs open, work, and close. */
static void dead_own_port_stops_nothing(void **state)
{
	static const uint8_t modes[] = { UET_MODE_RUD, UET_MODE_ROD, UET_MODE_RUDI };
	uint64_t k, failed;
	struct sim s;

	(void)state;
	for (k = 0; k < 18; k++) {
		start(&s, k, k % 2 ? PATHS : 2);
		s.filter = own_port_is_dead;
		s.arg[0] = 1 + (int64_t)(k / 6);
		sim_post(&s, 0, 1, modes[k % 3], 1, 100);
		assert_true(sim_run_done(&s, 1 * SEC));
		assert_true(s.arg[1] > 0);
		sim_post(&s, 0, 1, modes[k % 3], 100, 100);
		if (modes[k % 3] != UET_MODE_RUDI) {
			sim_read(&s, 0, 1, modes[k % 3], 20, 100);
			sim_post(&s, 0, 1, modes[k % 3], 20, 100)->gtd = true;
		}
		assert_true(sim_run_done(&s, 5 * SEC));
		failed = sim_stats(&s, 0)->pdc_failed + sim_stats(&s, 1)->pdc_failed;
		assert_int_equal(failed, 0);
		/* The peer was not taken for two. */
		if (modes[k % 3] != UET_MODE_RUDI) {
			assert_int_equal(sim_stats(&s, 0)->pdc_opened, 1);
			assert_int_equal(sim_stats(&s, 1)->pdc_accepted, 1);
		}
		sim_run_for(&s, 20 * SEC);
		assert_int_equal(sim_pdcs(&s, 0) + sim_pdcs(&s, 1), 0);
		sim_free(&s);
	}
}

/* The first SYN is late, and finds the PDC that its repetition has opened from another port. */
static enum sim_verdict first_syn_late(struct sim *s, int from, int to,
				       const struct uet_pds_hdr *h)
{
	(void)from;
	(void)to;
	if (!uet_pds_is_request(h->type) || !(h->flags & UET_PDS_F_SYN))
		return SIM_PASS;
	if (h->flags & UET_PDS_F_RETX) {
		assert_int_not_equal(s->path, 0);
		return SIM_PASS;
	}
	s->arg[0]++;
	return SIM_LATE;
}

static void late_syn_finds_its_pdc(void **state)
{
	struct sim s;
	uint64_t k;

	(void)state;
	for (k = 0; k < 6; k++) {
		start(&s, k, PATHS);
		s.filter = first_syn_late;
		s.late = 30 * MSEC;
		sim_post(&s, 0, 1, k % 2 ? UET_MODE_RUD : UET_MODE_ROD, k < 4 ? 3 : 1, 100);
		assert_true(sim_run_done(&s, 1 * SEC));
		/* Delivered once, before or after the PDC was closed. */
		sim_run_for(&s, 20 * SEC);
		assert_true(s.arg[0] > 0);
		assert_int_equal(sim_stats(&s, 1)->pdc_accepted, 1);
		sim_free(&s);
	}
}

/* A target whose PDC a repeated SYN has opened sends to the peer's own port once it knows that. */
static void target_learns_the_own_port(void **state)
{
	struct sim s;

	(void)state;
	start(&s, 3, PATHS);
	s.filter = own_port_is_dead;
	s.arg[0] = 1;
	sim_post(&s, 0, 1, UET_MODE_RUD, 1, 100);
	assert_true(sim_run_done(&s, 1 * SEC));
	assert_true(sim_pdc(&s, 1)->strayed);
	assert_int_not_equal(sim_pdc(&s, 1)->dst.port, s.end[0].nic.addr.port);
	s.filter = NULL;
	sim_read(&s, 0, 1, UET_MODE_RUD, 20, 100);
	assert_true(sim_run_done(&s, 1 * SEC));
	assert_false(sim_pdc(&s, 1)->strayed);
	assert_int_equal(sim_pdc(&s, 1)->dst.port, s.end[0].nic.addr.port);
	sim_free(&s);
}

/* arg[0]: requests with SYN so far. */
static enum sim_verdict count_syn(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	(void)from;
	(void)to;
	s->arg[0] += uet_pds_is_request(h->type) && (h->flags & UET_PDS_F_SYN);
	return SIM_PASS;
}

/* What takes one path because its target is not known yet is not a whole window. */
static void opening_burst_is_short(void **state)
{
	struct sim s;
	uint8_t paths;

	(void)state;
	for (paths = 1; paths <= 2; paths++) {
		start(&s, paths, paths);
		s.filter = count_syn;
		sim_post(&s, 0, 1, UET_MODE_RUD, 60, 100);
		assert_true(sim_run_done(&s, 1 * SEC));
		if (paths == 1)
			assert_true(s.arg[0] > 40);
		else
			assert_int_equal(s.arg[0], 16);
		sim_free(&s);
	}
}

/* Paths of very different length reorder a lot, which is no loss. */
static void skew_is_no_loss(void **state)
{
	static const uint64_t skew[] = { 1 * USEC, 2 * USEC, 5 * USEC };
	struct sim s;
	size_t k;

	(void)state;
	for (k = 0; k < UET_ARRAY_SIZE(skew); k++) {
		start(&s, k, PATHS);
		s.path_delay = skew[k];
		open_pdc(&s, UET_MODE_RUD);
		sim_post(&s, 0, 1, UET_MODE_RUD, 1500, 100);
		sim_post(&s, 1, 0, UET_MODE_RUD, 500, 900);
		assert_true(sim_run_done(&s, 100 * MSEC));
		assert_int_equal(repeats(&s), 0);
		assert_int_equal(sim_stats(&s, 1)->rx_duplicate, 0);
		sim_free(&s);
	}
}

/* Drop the requests whose number is in a set. arg[0]: count so far, arg[1]: set. */
static enum sim_verdict drop_nth(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	(void)from;
	(void)to;
	if (!uet_pds_is_request(h->type))
		return SIM_PASS;
	return s->arg[0]++ < 63 && s->arg[1] >> (s->arg[0] - 1) & 1 ? SIM_DROP : SIM_PASS;
}

/* Also what no later packet on its path could overtake is found without a time-out. */
static void losses_are_found_per_path(void **state)
{
	static const int64_t sets[] = { 1 << 5, 0x7 << 4, 0x155 << 3, 1, 0x3ff, 1ll << 62 };
	static const uint8_t counts[] = { 2, 8, 64 };
	size_t i, k;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(sets) * UET_ARRAY_SIZE(counts); i++) {
		struct sim s;

		k = i / UET_ARRAY_SIZE(sets);
		start(&s, i, counts[k]);
		s.path_delay = 2 * USEC / counts[k];
		open_pdc(&s, UET_MODE_RUD);
		s.filter = drop_nth;
		s.arg[1] = sets[i % UET_ARRAY_SIZE(sets)];
		sim_post(&s, 0, 1, UET_MODE_RUD, 70, 500);
		assert_true(sim_run_done(&s, 4 * MSEC));
		assert_int_equal(sim_stats(&s, 0)->retx_rto, 0);
		assert_int_equal(repeats(&s), __builtin_popcountll((uint64_t)s.arg[1]));
		sim_free(&s);
	}
}

/* arg[0]: paths that a repetition took, arg[1]: those that its first try took, by PSN % 64. */
static enum sim_verdict see_repeats(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	(void)from;
	(void)to;
	if (!uet_pds_is_request(h->type))
		return SIM_PASS;
	if (h->flags & UET_PDS_F_RETX) {
		assert_int_not_equal(s->path, s->arg[1]);
		s->arg[0]++;
		return SIM_PASS;
	}
	s->arg[1] = s->path;
	return SIM_DROP;
}

static void repetition_takes_another_path(void **state)
{
	struct sim s;
	int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		start(&s, (uint64_t)i, 3);
		open_pdc(&s, UET_MODE_RUD);
		s.filter = see_repeats;
		sim_post(&s, 0, 1, UET_MODE_RUD, 1, 500);
		assert_true(sim_run_done(&s, 20 * MSEC));
		assert_int_equal(s.arg[0], 1);
		sim_free(&s);
	}
}

/* One of eight paths dies under way: its packets go elsewhere, and soon hardly any are lost. */
static void dead_path_is_left(void **state)
{
	struct sim s;
	uint64_t dead;

	(void)state;
	start(&s, 3, PATHS);
	open_pdc(&s, UET_MODE_RUD);
	sim_post(&s, 0, 1, UET_MODE_RUD, 30000, 900);
	sim_run_for(&s, 200 * USEC);
	s.path_dead = 1 << 3;
	sim_run_for(&s, 2 * MSEC);
	dead = s.path_data[3];
	assert_true(s.open > 0);
	memset(s.path_data, 0, sizeof(s.path_data));
	assert_true(sim_run_done(&s, 100 * MSEC));
	assert_true(dead > 0);
	assert_true(s.path_data[2] > 1000);
	assert_in_range(s.path_data[3], 0, s.path_data[2] / 50);
	assert_int_equal(sim_stats(&s, 0)->retx_rto, 0);
	sim_free(&s);
}

/* arg[0]: paths whose ports ACKs go to. Control packets go to the peer's own. */
static enum sim_verdict acks_to_port(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	const struct sim_end *peer = &s->end[to];

	(void)from;
	if (uet_pds_is_ack(h->type) && peer->pds)
		s->arg[0] |= 1ll << ((s->port - peer->nic.addr.port) / SIM_PORT_STEP);
	if (h->type == UET_PDS_CP)
		assert_int_equal(s->port, peer->nic.addr.port);
	return SIM_PASS;
}

static void acks_return_to_the_port(void **state)
{
	struct sim s;

	(void)state;
	start(&s, 4, PATHS);
	open_pdc(&s, UET_MODE_RUD);
	s.filter = acks_to_port;
	sim_post(&s, 0, 1, UET_MODE_RUD, 1000, 2000);
	assert_true(sim_run_done(&s, 100 * MSEC));
	assert_in_range(__builtin_popcountll((uint64_t)s.arg[0]), 4, 8);
	sim_free(&s);
}

/* arg[0], arg[1]: paths of the last packet and that before, arg[2]: ACKs that took the latter. */
static enum sim_verdict acks_to_path(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	const struct sim_end *peer = &s->end[to];

	(void)from;
	if (uet_pds_is_request(h->type)) {
		s->arg[1] = s->arg[0];
		s->arg[0] = s->path;
	}
	if (uet_pds_is_ack(h->type))
		s->arg[2] += (s->port - peer->nic.addr.port) / SIM_PORT_STEP == s->arg[1];
	return SIM_PASS;
}

/* Otherwise a path whose ACKs are all lost would be one that never showed a mark. */
static void acks_return_to_the_path_before(void **state)
{
	struct sim s;
	int i;

	(void)state;
	start(&s, 4, PATHS);
	open_pdc(&s, UET_MODE_RUD);
	sim_post(&s, 0, 1, UET_MODE_RUD, 1, 100);
	assert_true(sim_run_done(&s, 100 * MSEC));
	s.filter = acks_to_path;
	for (i = 0; i < 50; i++) {
		s.arg[2] = 0;
		sim_post(&s, 0, 1, UET_MODE_RUD, 1, 100);
		assert_true(sim_run_done(&s, 100 * MSEC));
		assert_true(i == 0 || s.arg[2] == 1);
	}
	sim_free(&s);
}

/* With FI_UET_STRICT_PORT a port is nothing but entropy. */
static void strict_port_is_kept(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim s;

	(void)state;
	sim_init(&s, 1);
	s.paths = PATHS;
	sim_add(&s, &cfg);
	cfg.strict_port = true;
	sim_add(&s, &cfg);
	s.filter = acks_to_port;
	sim_post(&s, 0, 1, UET_MODE_RUD, 1000, 2000);
	assert_true(sim_run_done(&s, 100 * MSEC));
	assert_int_equal(s.arg[0], 1);
	sim_free(&s);
}

/* ---- ROD ---- */

/* arg[0]: path of the last ROD packet, arg[1]: changes of it. */
static enum sim_verdict see_path(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	(void)from;
	(void)to;
	if (h->type != UET_PDS_ROD_REQ)
		return SIM_PASS;
	s->arg[1] += s->arg[0] != s->path;
	s->arg[0] = s->path;
	return SIM_PASS;
}

static void rod_keeps_its_path(void **state)
{
	struct sim s;
	uint64_t used = 0;
	int i;

	(void)state;
	start(&s, 5, PATHS);
	s.path_delay = 7 * USEC;
	open_pdc(&s, UET_MODE_ROD);
	s.filter = see_path;
	for (i = 0; i < 30; i++) {
		/* A burst takes one path; the next one may take another. */
		s.arg[1] = 0;
		sim_post(&s, 0, 1, UET_MODE_ROD, 400, 500);
		assert_true(sim_run_done(&s, 100 * MSEC));
		assert_in_range(s.arg[1], 0, 1);
		used |= 1ull << s.arg[0];
	}
	assert_int_equal(repeats(&s), 0);
	assert_true(__builtin_popcountll(used) >= 4);
	sim_free(&s);
}

static void rod_leaves_a_dead_path(void **state)
{
	struct sim s;

	(void)state;
	start(&s, 6, PATHS);
	open_pdc(&s, UET_MODE_ROD);
	s.filter = see_path;
	sim_post(&s, 0, 1, UET_MODE_ROD, 5000, 500);
	sim_run_for(&s, 100 * USEC);
	assert_true(s.open > 0);
	s.path_dead = 1ull << s.arg[0];
	s.arg[1] = 0;
	/* After one time-out it flows again. */
	assert_true(sim_run_done(&s, 100 * MSEC));
	assert_int_equal(s.arg[1], 1);
	assert_true(sim_stats(&s, 0)->retx_rto > 0);
	sim_free(&s);
}

/* The path of the first request dies with it. */
static enum sim_verdict kill_path(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	(void)from;
	(void)to;
	if (h->type == UET_PDS_ROD_REQ && !s->path_dead)
		s->path_dead = 1ull << s->path;
	return SIM_PASS;
}

/* Questions take other paths, so a lone packet never has to wait for an RTO. */
static void rod_leaves_a_path_that_loses_twice(void **state)
{
	struct sim s;

	(void)state;
	start(&s, 6, PATHS);
	open_pdc(&s, UET_MODE_ROD);
	s.filter = kill_path;
	sim_post(&s, 0, 1, UET_MODE_ROD, 1, 500);
	assert_true(sim_run_done(&s, 4 * MSEC));
	assert_int_equal(sim_stats(&s, 0)->retx_nack, 2);
	assert_int_equal(sim_stats(&s, 0)->retx_rto, 0);
	sim_free(&s);
}

/* Marks and nothing else for ten round trips: it moves, without overtaking itself. */
static void rod_leaves_a_bad_path(void **state)
{
	struct sim s;

	(void)state;
	start(&s, 7, PATHS);
	s.path_delay = 3 * USEC;
	open_pdc(&s, UET_MODE_ROD);
	s.filter = see_path;
	sim_post(&s, 0, 1, UET_MODE_ROD, 30000, 500);
	sim_run_for(&s, 100 * USEC);
	assert_true(s.open > 0);
	s.path_marks = 1ull << s.arg[0];
	s.arg[1] = 0;
	assert_true(sim_run_done(&s, 1 * SEC));
	assert_int_equal(s.arg[1], 1);
	assert_int_equal(repeats(&s), 0);
	sim_free(&s);
}

/* arg[0]: path of the last packet sent for the first time, arg[1]: changes; arg[2]: other ones. */
static enum sim_verdict see_news(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	if (h->flags & UET_PDS_F_RETX) {
		s->arg[2] += s->arg[0] != s->path;
		return SIM_PASS;
	}
	return see_path(s, from, to, h);
}

/* A time-out that was too early: what is new goes on behind what is still on its way. */
static void rod_returns_to_its_path(void **state)
{
	struct sim s;

	(void)state;
	start(&s, 8, PATHS);
	open_pdc(&s, UET_MODE_ROD);
	s.filter = see_news;
	sim_post(&s, 0, 1, UET_MODE_ROD, 5000, 500);
	sim_run_for(&s, 100 * USEC);
	assert_true(s.open > 0);
	s.arg[1] = 0;
	/* It finds more than it can answer at once. */
	s.end[1].asleep = s.now + 5 * MSEC + 10 * USEC;
	s.end[1].cost = USEC;
	assert_true(sim_run_done(&s, 100 * MSEC));
	assert_true(s.arg[2] > 0);
	assert_int_equal(s.arg[1], 0);
	assert_int_equal(sim_stats(&s, 0)->retx_goback, 0);
	sim_free(&s);
}

#define COURSE 3000u

/* What end 0 has sent by ROD: the path of each packet's last copy, and whether it is known here. */
static struct {
	uint32_t start, next, una;
	uint8_t path[COURSE];
	bool here[COURSE];
} course;

static void take_ack(const struct uet_pds_hdr *h)
{
	uint32_t base = uet_pds_sack_base(h) - course.start, i;

	for (i = 0; i < course.next; i++)
		if ((int32_t)(h->psn - course.start - i) >= 0)
			course.here[i] = true;
	for (i = 0; i < 64; i++)
		if (h->sack_bitmap >> i & 1 && base + i < course.next)
			course.here[base + i] = true;
	while (course.una < course.next && course.here[course.una])
		course.una++;
}

/* None may overtake another on another path. arg[0]: packets; arg[1]: last path, arg[2]: changes */
static enum sim_verdict in_line(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	uint32_t at = h->psn - course.start, i;

	(void)to;
	if (from == 1 && (h->type == UET_PDS_ACK || h->type == UET_PDS_ACK_CC))
		take_ack(h);
	if (h->type != UET_PDS_ROD_REQ)
		return SIM_PASS;
	assert_in_range(at, 0, COURSE - 1);
	for (i = course.una; i < at; i++)
		assert_true(course.here[i] || course.path[i] == s->path);
	course.path[at] = s->path;
	course.next = uet_max_u64(course.next, at + 1);
	s->arg[0]++;
	s->arg[2] += s->arg[1] != s->path;
	s->arg[1] = s->path;
	return SIM_PASS;
}

/* The target keeps what is ahead of a loss, falls asleep, and paths die: all goes on in line. */
static void rod_stays_in_line(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	int64_t changes = 0;
	uint64_t seed;
	struct sim s;

	(void)state;
	cfg.max_ahead = 1 << 20;
	for (seed = 240; seed < 300; seed++) {
		sim_init(&s, seed);
		s.paths = PATHS;
		sim_add(&s, &cfg);
		sim_add(&s, &cfg);
		open_pdc(&s, UET_MODE_ROD);
		memset(&course, 0, sizeof(course));
		course.start = sim_pdc(&s, 0)->tx_next;
		s.filter = in_line;
		s.drop_ppm = 50000;
		sim_post(&s, 0, 1, UET_MODE_ROD, COURSE, 500);
		while (s.open && s.now < 60 * SEC) {
			sim_run_for(&s, uet_rand_u32(&s.rand) % (10 * MSEC));
			if (uet_rand_u32(&s.rand) % 2)
				s.end[1].asleep = s.now + uet_rand_u32(&s.rand) % (20 * MSEC);
			s.path_dead = uet_rand_u32(&s.rand) % 4 ? 0 : 1ull << s.arg[1];
		}
		assert_int_equal(s.open, 0);
		changes += s.arg[2];
		sim_free(&s);
	}
	assert_true(changes > 300);
}

/* ---- runs ---- */

/* arg[0]: path of the last request, arg[1]: changes. */
static enum sim_verdict see_runs(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	(void)from;
	(void)to;
	if (h->type != UET_PDS_RUD_REQ)
		return SIM_PASS;
	s->arg[1] += s->arg[0] != s->path;
	s->arg[0] = s->path;
	return SIM_PASS;
}

static void runs_share_a_path(void **state)
{
	int64_t changes[2];
	struct sim s;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		start(&s, 8, PATHS);
		s.end[0].nic.merges = i;
		open_pdc(&s, UET_MODE_RUD);
		s.filter = see_runs;
		sim_post(&s, 0, 1, UET_MODE_RUD, 2000, 1000);
		assert_true(sim_run_done(&s, 100 * MSEC));
		changes[i] = s.arg[1];
		assert_int_equal(repeats(&s), 0);
		sim_free(&s);
	}
	assert_true(changes[0] > 1500);
	assert_in_range(changes[1], 30, 500);
}

/* ---- feedback ---- */

static struct uet_cms_paths *paths_of(struct sim *s)
{
	return &sim_pdc(s, 0)->ccc->spray->paths;
}

static void marks_are_remembered(void **state)
{
	struct sim s;
	uint64_t first;

	(void)state;
	start(&s, 9, PATHS);
	open_pdc(&s, UET_MODE_RUD);
	s.path_marks = 1 << 5;
	sim_post(&s, 0, 1, UET_MODE_RUD, 8000, 500);
	assert_true(sim_run_done(&s, 1 * SEC));
	first = s.path_data[5];
	assert_in_range(first, 1, s.path_data[4] / 2);
	sim_free(&s);
}

/* A target that sleeps is not the fault of all paths. */
static void pause_is_forgiven(void **state)
{
	struct sim s;
	uint8_t i;

	(void)state;
	start(&s, 10, PATHS);
	open_pdc(&s, UET_MODE_RUD);
	sim_post(&s, 0, 1, UET_MODE_RUD, 30, 500);
	s.end[1].asleep = s.now + 5 * MSEC + 10 * USEC;
	assert_true(sim_run_done(&s, 50 * MSEC));
	for (i = 0; i < PATHS; i++)
		assert_int_equal(paths_of(&s)->skip[i], 0);
	sim_free(&s);
}

static void recovery_begins_at_the_threshold(void **state)
{
	struct uet_pdc *pdc;
	uint32_t cwnd, mtu, limit;
	struct sim s;

	(void)state;
	start(&s, 11, PATHS);
	open_pdc(&s, UET_MODE_RUD);
	sim_post(&s, 0, 1, UET_MODE_RUD, 500, 500);
	pdc = sim_pdc(&s, 0);
	cwnd = uet_cms_cwnd(&pdc->ccc->cms);
	mtu = pdc->ccc->cms.cfg->mtu;
	limit = (3 * cwnd / 2 + mtu - 1) / mtu;
	assert_true(pdc->tx_next - pdc->tx_cack - 1 > cwnd / mtu);
	assert_int_equal(uet_spray_recover(pdc, limit - 1), 0);
	assert_int_equal(uet_spray_recover(pdc, UINT16_MAX), 0);
	assert_int_equal(uet_spray_recover(pdc, limit), cwnd / mtu);
	/* Once per window. */
	assert_int_equal(uet_spray_recover(pdc, limit), 0);
	assert_true(sim_run_done(&s, 50 * MSEC));
	sim_free(&s);
}

/* So much out of order that it must be a loss: what is missing from the CACK on goes again. */
static void much_out_of_order_is_a_loss(void **state)
{
	struct uet_pdc *pdc;
	struct sim s;

	(void)state;
	start(&s, 12, PATHS);
	open_pdc(&s, UET_MODE_RUD);
	sim_post(&s, 0, 1, UET_MODE_RUD, 50, 500);
	pdc = sim_pdc(&s, 0);
	assert_int_equal(pdc->flight_cnt, 50);
	uet_loss_ooo(s.end[0].pds, pdc, 1);
	assert_int_equal(pdc->retx_cnt, 0);
	uet_loss_ooo(s.end[0].pds, pdc, 2000);
	assert_int_equal(pdc->retx_cnt, 32);
	assert_int_equal(sim_stats(&s, 0)->retx_sack, pdc->retx_cnt);
	assert_true(sim_run_done(&s, 50 * MSEC));
	sim_free(&s);
}

/* One path costs no memory, and no thought. */
static void single_path_has_no_state(void **state)
{
	struct sim s;

	(void)state;
	start(&s, 13, 1);
	open_pdc(&s, UET_MODE_RUD);
	sim_post(&s, 0, 1, UET_MODE_RUD, 50, 500);
	assert_null(sim_pdc(&s, 0)->ccc->spray);
	assert_null(sim_pdc(&s, 0)->lanes);
	assert_true(sim_run_done(&s, 50 * MSEC));
	sim_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rud_uses_all_paths),
		cmocka_unit_test(syn_and_control_packets_use_the_own_port),
		cmocka_unit_test(dead_own_port_stops_nothing),
		cmocka_unit_test(late_syn_finds_its_pdc),
		cmocka_unit_test(target_learns_the_own_port),
		cmocka_unit_test(opening_burst_is_short),
		cmocka_unit_test(skew_is_no_loss),
		cmocka_unit_test(losses_are_found_per_path),
		cmocka_unit_test(repetition_takes_another_path),
		cmocka_unit_test(dead_path_is_left),
		cmocka_unit_test(acks_return_to_the_port),
		cmocka_unit_test(acks_return_to_the_path_before),
		cmocka_unit_test(strict_port_is_kept),
		cmocka_unit_test(rod_keeps_its_path),
		cmocka_unit_test(rod_leaves_a_dead_path),
		cmocka_unit_test(rod_leaves_a_path_that_loses_twice),
		cmocka_unit_test(rod_leaves_a_bad_path),
		cmocka_unit_test(rod_returns_to_its_path),
		cmocka_unit_test(rod_stays_in_line),
		cmocka_unit_test(runs_share_a_path),
		cmocka_unit_test(marks_are_remembered),
		cmocka_unit_test(pause_is_forgiven),
		cmocka_unit_test(recovery_begins_at_the_threshold),
		cmocka_unit_test(much_out_of_order_is_a_loss),
		cmocka_unit_test(single_path_has_no_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
