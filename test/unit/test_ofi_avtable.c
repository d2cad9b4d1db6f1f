/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The table of address vectors: against a model, with many entries, with threads. */
#include "test_ofi_av.h"

#include <stdio.h>

#include "base/rand.h"

/* Two names of one sender: the first is the source of its messages, then the other. */
static void test_same_sender(void **state)
{
	struct fid_av *av = open_av(*state, 0);
	char text[64];
	fi_addr_t addr;
	int i;

	for (i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "uet://10.0.0.1:4793/%d/1/9", i);
		assert_int_equal(fi_av_insertsvc(av, text, NULL, &addr, 0, NULL), 1);
		assert_int_equal(addr, i);
	}
	for (i = 0; i < 200; i++) {
		assert_int_equal(find(av, 0x0a000001, 9), i);
		assert_int_equal(remove_addr(av, (fi_addr_t)i), 0);
	}
	assert_int_equal(find(av, 0x0a000001, 9), FI_ADDR_NOTAVAIL);
	close_av(av);
}

/* ---- against a model ---- */

#define MODEL_ADDRS	3000u
#define MODEL_STEPS	100000

struct model {
	int64_t index[MODEL_ADDRS];	/* -1: not in */
	uint32_t refs[MODEL_ADDRS];
	bool used[MODEL_ADDRS];
};

static uint32_t model_ip(uint32_t a)
{
	return 0x0a000000 + a / 50;
}

static uint16_t model_port(uint32_t a)
{
	return (uint16_t)(4793 + a % 50);
}

static void model_insert(struct model *m, struct fid_av *av, uint32_t a)
{
	uint32_t lowest = 0;

	if (m->index[a] < 0) {
		while (m->used[lowest])
			lowest++;
		m->index[a] = lowest;
		m->used[lowest] = true;
	}
	m->refs[a]++;
	assert_int_equal(insert(av, model_ip(a), model_port(a)), m->index[a]);
}

static void model_remove(struct model *m, struct fid_av *av, uint32_t a)
{
	if (m->index[a] < 0)
		return;
	assert_int_equal(remove_addr(av, (fi_addr_t)m->index[a]), 0);
	if (--m->refs[a])
		return;
	m->used[m->index[a]] = false;
	m->index[a] = -1;
}

static void model_check(struct model *m, struct fid_av *av)
{
	fi_addr_t want;
	uint32_t a;
	size_t len;

	for (a = 0; a < MODEL_ADDRS; a++) {
		want = m->index[a] < 0 ? FI_ADDR_NOTAVAIL : (fi_addr_t)m->index[a];
		assert_int_equal(find(av, model_ip(a), model_port(a)), want);
		if (m->index[a] >= 0)
			check_lookup(av, want, model_ip(a), model_port(a));
		if (m->used[a])
			continue;
		len = 0;
		assert_int_equal(fi_av_lookup(av, a, NULL, &len), -FI_EINVAL);
	}
}

static void test_model(void **state)
{
	struct fid_av *av = open_av(*state, 0);
	struct model *m = calloc(1, sizeof(*m));
	uint32_t a, share, i;
	struct uet_rand rnd;

	uet_rand_seed(&rnd, 20260101);
	for (a = 0; a < MODEL_ADDRS; a++)
		m->index[a] = -1;
	for (i = 0; i < MODEL_STEPS; i++) {
		/* Waves: mostly filling, then mostly emptying. */
		share = i / 10000 % 2 ? 30 : 70;
		a = uet_rand_u32(&rnd) % MODEL_ADDRS;
		if (uet_rand_u32(&rnd) % 100 < share)
			model_insert(m, av, a);
		else
			model_remove(m, av, a);
		if (i % 5000 == 0)
			model_check(m, av);
	}
	model_check(m, av);
	free(m);
	close_av(av);
}

/* Many, in one call and one by one, then all out and in again. */
static void test_many(void **state)
{
	const uint32_t count = 100000;
	struct sockaddr_in *sin = calloc(count, sizeof(*sin));
	fi_addr_t *addr = calloc(count, sizeof(*addr));
	struct fid_av *av = open_av(*state, 0);
	uint32_t i;

	for (i = 0; i < count; i++)
		sin[i] = in_addr(0x0a000001 + i, 4793);
	assert_int_equal(fi_av_insert(av, sin, count / 2, addr, 0, NULL), count / 2);
	for (i = count / 2; i < count; i++)
		assert_int_equal(fi_av_insert(av, &sin[i], 1, &addr[i], 0, NULL), 1);
	for (i = 0; i < count; i++) {
		assert_int_equal(addr[i], i);
		assert_int_equal(find(av, 0x0a000001 + i, 4793), i);
	}
	assert_int_equal(fi_av_remove(av, addr, count, 0), 0);
	assert_int_equal(find(av, 0x0a000001, 4793), FI_ADDR_NOTAVAIL);
	assert_int_equal(fi_av_insert(av, sin, count, addr, 0, NULL), count);
	assert_int_equal(addr[count - 1], count - 1);
	free(sin);
	free(addr);
	close_av(av);
}

/* ---- threads ---- */

struct worker {
	struct fid_av *av;
	pthread_barrier_t *barrier;
	uint32_t id;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	struct uet_ses_source source = source_of(0x0b000000 + w->id, 5000);
	struct sockaddr_in sin = in_addr(0x0b000000 + w->id, 5000), got;
	struct uet_ses_dest dest;
	fi_addr_t addr;
	size_t len;
	int i;

	pthread_barrier_wait(w->barrier);
	for (i = 0; i < 3000; i++) {
		len = sizeof(got);
		if (fi_av_insert(w->av, &sin, 1, &addr, 0, NULL) != 1)
			return (void *)(uintptr_t)"insert";
		if (uet_av_find((struct uet_av *)w->av, &source) != addr)
			return (void *)(uintptr_t)"find";
		if (uet_av_dest((struct uet_av *)w->av, addr, &dest) || dest.addr.port != 5000)
			return (void *)(uintptr_t)"dest";
		if (fi_av_lookup(w->av, addr, &got, &len) || memcmp(&got, &sin, sizeof(got)))
			return (void *)(uintptr_t)"lookup";
		if (fi_av_remove(w->av, &addr, 1, 0))
			return (void *)(uintptr_t)"remove";
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct fid_av *av = open_av(*state, 0);
	struct worker worker[4];
	pthread_barrier_t barrier;
	pthread_t thread[4];
	uint32_t i;

	pthread_barrier_init(&barrier, NULL, 4);
	for (i = 0; i < 4; i++) {
		worker[i] = (struct worker){ .av = av, .barrier = &barrier, .id = i };
		thread[i] = start(work, &worker[i]);
	}
	for (i = 0; i < 4; i++)
		join(thread[i]);
	pthread_barrier_destroy(&barrier);
	assert_int_equal(insert(av, 1, 1), 0);
	close_av(av);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_same_sender),
		FAKE_TEST(test_model),
		FAKE_TEST(test_many),
		FAKE_TEST(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
