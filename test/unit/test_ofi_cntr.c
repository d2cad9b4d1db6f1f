/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Counters: values, waiting, errors, progress. */
#include "test_ofi_objects.h"

#include <poll.h>
#include <sched.h>

static const enum fi_wait_obj wait_objs[] = {
	FI_WAIT_NONE, FI_WAIT_UNSPEC, FI_WAIT_FD, FI_WAIT_MUTEX_COND, FI_WAIT_YIELD,
	FI_WAIT_POLLFD,
};

static struct fid_cntr *open_cntr(struct fake *f, enum fi_wait_obj wait)
{
	struct fi_cntr_attr attr = { .wait_obj = wait };
	struct fid_cntr *cntr;

	assert_int_equal(fi_cntr_open(fake_domain(f), &attr, &cntr, f), 0);
	return cntr;
}

static void close_cntr(struct fid_cntr *cntr)
{
	assert_int_equal(fi_close(&cntr->fid), 0);
}

static struct uet_cntr *cntr_of(struct fid_cntr *cntr)
{
	return (struct uet_cntr *)cntr;
}

static void test_open(void **state)
{
	static const struct {
		struct fi_cntr_attr attr;
		int ret;
	} cases[] = {
		{ { .wait_obj = FI_WAIT_NONE }, 0 },
		{ { .wait_obj = FI_WAIT_FD }, 0 },
		{ { .wait_obj = FI_WAIT_SET }, -FI_EINVAL },
		{ { .wait_obj = 99 }, -FI_ENOSYS },
		{ { .events = 1 }, -FI_ENOSYS },
		{ { .flags = FI_SEND }, -FI_EINVAL },
	};
	struct fake *f = *state;
	struct fi_cntr_attr attr;
	enum fi_wait_obj obj;
	struct fid_cntr *cntr;
	size_t i;

	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		attr = cases[i].attr;
		assert_int_equal(fi_cntr_open(fake_domain(f), &attr, &cntr, f), cases[i].ret);
		if (cases[i].ret)
			continue;
		assert_int_equal(cntr->fid.fclass, FI_CLASS_CNTR);
		assert_ptr_equal(cntr->fid.context, f);
		assert_int_equal(fi_control(&cntr->fid, FI_GETWAITOBJ, &obj), 0);
		assert_int_equal(obj, attr.wait_obj);
		assert_int_equal(fi_control(&cntr->fid, FI_ENABLE, NULL), -FI_ENOSYS);
		uet_ref_get(uet_cntr_ref(cntr_of(cntr)));
		assert_int_equal(fi_close(&cntr->fid), -FI_EBUSY);
		uet_ref_put(uet_cntr_ref(cntr_of(cntr)));
		close_cntr(cntr);
	}
	assert_int_equal(fi_cntr_open(fake_domain(f), NULL, &cntr, NULL), -FI_EINVAL);
}

static void test_values(void **state)
{
	struct fid_cntr *cntr = open_cntr(*state, FI_WAIT_NONE);

	assert_int_equal(fi_cntr_read(cntr), 0);
	assert_int_equal(fi_cntr_readerr(cntr), 0);
	assert_int_equal(fi_cntr_set(cntr, UINT64_MAX - 1), 0);
	assert_int_equal(fi_cntr_seterr(cntr, 1ull << 40), 0);
	assert_int_equal(fi_cntr_add(cntr, 1), 0);
	assert_int_equal(fi_cntr_adderr(cntr, 5), 0);
	assert_int_equal(fi_cntr_read(cntr), UINT64_MAX);
	assert_int_equal(fi_cntr_readerr(cntr), (1ull << 40) + 5);
	uet_cntr_inc(cntr_of(cntr), true);
	uet_cntr_inc(cntr_of(cntr), false);
	assert_int_equal(fi_cntr_read(cntr), 0);
	assert_int_equal(fi_cntr_readerr(cntr), (1ull << 40) + 6);
	close_cntr(cntr);
}

static void count_once(struct fake_ep *fake)
{
	uet_cntr_inc(fake->arg, true);
}

static void test_progress(void **state)
{
	struct fid_cntr *cntr = open_cntr(*state, FI_WAIT_NONE);
	struct fake *f = *state;

	assert_int_equal(uet_cntr_add_fep(cntr_of(cntr), &f->ep.fep), 0);
	f->ep.drive = count_once;
	f->ep.arg = cntr;
	assert_int_equal(fi_cntr_read(cntr), 1);
	assert_int_equal(fi_cntr_readerr(cntr), 0);
	assert_int_equal(fi_cntr_read(cntr), 3);
	/* Waiting drives too, also without a wait object. */
	assert_int_equal(fi_cntr_wait(cntr, 50, -1), 0);
	assert_true(f->ep.driven >= 50);
	uet_cntr_del_fep(cntr_of(cntr), &f->ep.fep);
	close_cntr(cntr);
}

static void test_wait_results(void **state)
{
	struct fid_cntr *cntr;
	size_t i;

	for (i = 0; i < UET_ARRAY_SIZE(wait_objs); i++) {
		cntr = open_cntr(*state, wait_objs[i]);
		assert_int_equal(fi_cntr_wait(cntr, 0, -1), 0);
		assert_int_equal(fi_cntr_wait(cntr, 1, 0), -FI_ETIMEDOUT);
		assert_int_equal(fi_cntr_wait(cntr, 1, 1), -FI_ETIMEDOUT);
		/* Unlike queues: an interruption is no result. */
		uet_wait_signal(uet_cntr_wait_obj(cntr_of(cntr)));
		assert_int_equal(fi_cntr_wait(cntr, 1, 1), -FI_ETIMEDOUT);
		fi_cntr_set(cntr, 7);
		assert_int_equal(fi_cntr_wait(cntr, 7, -1), 0);
		/* Only a change of the error value counts. */
		fi_cntr_seterr(cntr, 1);
		assert_int_equal(fi_cntr_wait(cntr, 8, 1), -FI_ETIMEDOUT);
		close_cntr(cntr);
	}
}

struct counting {
	struct fid_cntr *cntr;
	pthread_barrier_t barrier;
	uint64_t n;
	bool ok;
};

static void *count(void *arg)
{
	struct counting *c = arg;
	uint64_t i;

	pthread_barrier_wait(&c->barrier);
	for (i = 0; i < c->n; i++)
		uet_cntr_inc(cntr_of(c->cntr), c->ok);
	return NULL;
}

static void test_wait_for_thread(void **state)
{
	struct counting c;
	pthread_t thread;
	size_t i, round;

	for (i = 0; i < UET_ARRAY_SIZE(wait_objs); i++) {
		c = (struct counting){ .cntr = open_cntr(*state, wait_objs[i]), .n = 100 };
		pthread_barrier_init(&c.barrier, NULL, 2);
		for (round = 1; round <= 20; round++) {
			c.ok = true;
			thread = start(count, &c);
			pthread_barrier_wait(&c.barrier);
			assert_int_equal(fi_cntr_wait(c.cntr, 100 * round, -1), 0);
			join(thread);
		}
		assert_int_equal(fi_cntr_read(c.cntr), 2000);
		close_cntr(c.cntr);
		pthread_barrier_destroy(&c.barrier);
	}
}

struct waiting {
	struct fid_cntr *cntr;
	uint64_t threshold;
};

static void *wait_for_error(void *arg)
{
	struct waiting *w = arg;

	return fi_cntr_wait(w->cntr, w->threshold, -1) == -FI_EAVAIL ? NULL :
	       (void *)(uintptr_t)"not -FI_EAVAIL";
}

/* An error ends every wait. It comes when all sleep, however long that takes to happen. */
static void test_error_wakes(void **state)
{
	struct fid_cntr *cntr = open_cntr(*state, FI_WAIT_FD);
	struct waiting w = { .cntr = cntr, .threshold = 1000000 };
	pthread_t thread[3];
	size_t i;

	for (i = 0; i < 3; i++)
		thread[i] = start(wait_for_error, &w);
	while (atomic_load(&uet_cntr_wait_obj(cntr_of(cntr))->sleepers) < 3)
		sched_yield();
	uet_cntr_inc(cntr_of(cntr), false);
	for (i = 0; i < 3; i++)
		join(thread[i]);
	assert_int_equal(fi_cntr_readerr(cntr), 1);
	close_cntr(cntr);
}

#define STEPS 3000
#define PATIENCE_MS 20000	/* only a lost wake-up takes so long */

struct climber {
	struct fid_cntr *cntr;
	uint64_t first, last, step;
	atomic_uint_fast64_t *seen;	/* may be NULL */
};

static void *climb(void *arg)
{
	struct climber *c = arg;
	uint64_t i;

	for (i = c->first; i <= c->last; i += c->step) {
		if (fi_cntr_wait(c->cntr, i, PATIENCE_MS))
			return (void *)(uintptr_t)"not woken";
		if (c->seen)
			atomic_store(c->seen, i);
	}
	return NULL;
}

/* Who sleeps for more must not swallow the wake-up of who sleeps for less. */
static void test_different_thresholds(void **state)
{
	struct fid_cntr *cntr = open_cntr(*state, FI_WAIT_FD);
	atomic_uint_fast64_t seen = 0;
	struct climber c[] = {
		{ cntr, STEPS, STEPS, 1, NULL },
		{ cntr, 1, STEPS, 1, &seen },
		{ cntr, 100, STEPS, 100, NULL },
	};
	pthread_t thread[UET_ARRAY_SIZE(c)];
	uint64_t i;
	size_t t;

	for (t = 0; t < UET_ARRAY_SIZE(c); t++)
		thread[t] = start(climb, &c[t]);
	for (i = 1; i <= STEPS; i++) {
		fi_cntr_add(cntr, 1);
		/* The first one that is stuck gives up, which ends the test. */
		while (atomic_load(&seen) < i)
			if (i < STEPS && pthread_tryjoin_np(thread[1], NULL) == 0)
				fail_msg("stuck at %llu", (unsigned long long)i);
			else
				sched_yield();
	}
	for (t = 0; t < UET_ARRAY_SIZE(c); t++)
		join(thread[t]);
	close_cntr(cntr);
}

struct poller {
	struct fake *fake;
	struct fid_cntr *cntr;
	atomic_uint_fast64_t seen;
	atomic_bool stuck;
};

/* Sleeps on the counter's descriptor, as fi_poll(3) tells, until it sees the last step. */
static void *poll_steps(void *arg)
{
	struct poller *p = arg;
	struct fid *fid = &p->cntr->fid;
	struct pollfd pfd = { .events = POLLIN };
	uint64_t value = 0;

	if (fi_control(fid, FI_GETWAIT, &pfd.fd))
		return (void *)(uintptr_t)"no descriptor";
	while (value < STEPS) {
		value = fi_cntr_read(p->cntr);
		atomic_store(&p->seen, value);
		if (value < STEPS && fi_trywait(fake_fabric(p->fake), &fid, 1) == 0 &&
		    poll(&pfd, 1, PATIENCE_MS) != 1) {
			atomic_store(&p->stuck, true);
			return (void *)(uintptr_t)"the descriptor did not become readable";
		}
	}
	return NULL;
}

/* As climb, for the same struct. */
static void *sleep_steps(void *arg)
{
	struct poller *p = arg;
	struct climber c = { p->cntr, 1, STEPS, 1, &p->seen };
	void *failure = climb(&c);

	atomic_store(&p->stuck, failure != NULL);
	return failure;
}

/* One thread sleeps in fi_cntr_wait, another on the descriptor: both are woken each time. */
static void test_sleeper_and_poller(void **state)
{
	struct fid_cntr *cntr = open_cntr(*state, FI_WAIT_FD);
	struct poller s = { *state, cntr, 0, false }, p = s;
	pthread_t sleeper = start(sleep_steps, &s), poller = start(poll_steps, &p);
	uint64_t i;

	for (i = 1; i <= STEPS; i++) {
		fi_cntr_add(cntr, 1);
		/* One that is stuck gives up, and tells when joined. */
		while ((atomic_load(&s.seen) < i || atomic_load(&p.seen) < i) &&
		       !atomic_load(&s.stuck) && !atomic_load(&p.stuck))
			sched_yield();
	}
	join(sleeper);
	join(poller);
	close_cntr(cntr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_open),
		FAKE_TEST(test_values),
		FAKE_TEST(test_progress),
		FAKE_TEST(test_wait_results),
		FAKE_TEST(test_wait_for_thread),
		FAKE_TEST(test_error_wakes),
		FAKE_TEST(test_different_thresholds),
		FAKE_TEST(test_sleeper_and_poller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
