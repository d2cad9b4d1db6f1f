/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Wait sets and fi_trywait: no wake-up lost, none for nothing. */
#include "test_ofi_objects.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Libfabric 2 calls wait sets deprecated. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static struct fid_wait *open_set(struct fake *f)
{
	struct fi_wait_attr attr = { .wait_obj = FI_WAIT_FD };
	struct fid_wait *set;

	assert_int_equal(fi_wait_open(fake_fabric(f), &attr, &set), 0);
	return set;
}

static struct fid_cq *open_cq(struct fake *f, enum fi_wait_obj obj, struct fid_wait *set)
{
	struct fi_cq_attr attr = {
		.format = FI_CQ_FORMAT_CONTEXT, .wait_obj = obj, .wait_set = set,
	};
	struct fid_cq *cq;

	assert_int_equal(fi_cq_open(fake_domain(f), &attr, &cq, NULL), 0);
	return cq;
}

static struct fid_cntr *open_cntr(struct fake *f, enum fi_wait_obj obj, struct fid_wait *set)
{
	struct fi_cntr_attr attr = { .wait_obj = obj, .wait_set = set };
	struct fid_cntr *cntr;

	assert_int_equal(fi_cntr_open(fake_domain(f), &attr, &cntr, NULL), 0);
	return cntr;
}

static struct fid_eq *open_eq(struct fake *f, enum fi_wait_obj obj, struct fid_wait *set)
{
	struct fi_eq_attr attr = { .flags = FI_WRITE, .wait_obj = obj, .wait_set = set };
	struct fid_eq *eq;

	assert_int_equal(fi_eq_open(fake_fabric(f), &attr, &eq, NULL), 0);
	return eq;
}

static void close_fid(struct fid *fid)
{
	assert_int_equal(fi_close(fid), 0);
}

static void write_cq(struct fid_cq *cq)
{
	const struct uet_cq_event event = { .op_context = cq };

	uet_cq_write((struct uet_cq *)cq, &event);
}

static int get_fd(struct fid *fid)
{
	int fd = -1;

	assert_int_equal(fi_control(fid, FI_GETWAIT, &fd), 0);
	return fd;
}

static bool readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

static int trywait(struct fake *f, struct fid *fid)
{
	return fi_trywait(fake_fabric(f), &fid, 1);
}

static void test_open(void **state)
{
	static const struct {
		struct fi_wait_attr attr;
		int ret;
	} cases[] = {
		{ { .wait_obj = FI_WAIT_UNSPEC }, 0 },
		{ { .wait_obj = FI_WAIT_FD }, 0 },
		{ { .wait_obj = FI_WAIT_MUTEX_COND }, 0 },
		{ { .wait_obj = FI_WAIT_YIELD }, 0 },
		{ { .wait_obj = FI_WAIT_NONE }, -FI_EINVAL },
		{ { .wait_obj = FI_WAIT_SET }, -FI_EINVAL },
		{ { .wait_obj = 99 }, -FI_ENOSYS },
		{ { .wait_obj = FI_WAIT_FD, .flags = 1 }, -FI_EINVAL },
	};
	struct fake *f = *state;
	struct fi_wait_attr attr;
	struct fid_wait *set;
	struct fid_cq *cq;
	size_t i;

	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		attr = cases[i].attr;
		assert_int_equal(fi_wait_open(fake_fabric(f), &attr, &set), cases[i].ret);
		if (cases[i].ret)
			continue;
		assert_int_equal(set->fid.fclass, FI_CLASS_WAIT);
		assert_int_equal(fi_control(&set->fid, FI_ENABLE, NULL), -FI_ENOSYS);
		cq = open_cq(f, FI_WAIT_SET, set);
		assert_int_equal(fi_close(&set->fid), -FI_EBUSY);
		close_fid(&cq->fid);
		close_fid(&set->fid);
	}
	assert_int_equal(fi_wait_open(fake_fabric(f), NULL, &set), -FI_EINVAL);
}

static void test_set(void **state)
{
	struct fid_wait *set = open_set(*state);
	struct fid_cntr *cntr = open_cntr(*state, FI_WAIT_SET, set);
	struct fid_cq *cq = open_cq(*state, FI_WAIT_SET, set);
	struct fid_eq *eq = open_eq(*state, FI_WAIT_SET, set);
	struct fi_eq_entry event = { 0 };
	struct fi_cq_entry entry;
	uint32_t code;

	assert_int_equal(fi_wait(set, 0), -FI_ETIMEDOUT);
	assert_int_equal(fi_wait(set, 1), -FI_ETIMEDOUT);
	write_cq(cq);
	assert_int_equal(fi_wait(set, -1), 0);
	assert_int_equal(fi_wait(set, -1), 0);
	assert_int_equal(fi_cq_read(cq, &entry, 1), 1);
	assert_int_equal(fi_wait(set, 1), -FI_ETIMEDOUT);
	/* A counter's news is told once. */
	uet_cntr_inc((struct uet_cntr *)cntr, false);
	assert_int_equal(fi_wait(set, -1), 0);
	assert_int_equal(fi_wait(set, 1), -FI_ETIMEDOUT);
	fi_eq_write(eq, 1, &event, sizeof(event), 0);
	assert_int_equal(fi_wait(set, -1), 0);
	assert_int_equal(fi_eq_read(eq, &code, &event, sizeof(event), 0), sizeof(event));
	assert_int_equal(fi_wait(set, 1), -FI_ETIMEDOUT);
	assert_int_equal(fi_cq_signal(cq), 0);
	assert_int_equal(fi_wait(set, -1), 0);
	assert_int_equal(fi_wait(set, 1), -FI_ETIMEDOUT);
	/* A member that is gone wakes nobody. */
	close_fid(&cq->fid);
	close_fid(&cntr->fid);
	assert_int_equal(fi_wait(set, 1), -FI_ETIMEDOUT);
	close_fid(&eq->fid);
	close_fid(&set->fid);
}

struct pong {
	struct fid_wait *set;
	struct fid_cq *in[2], *out;
	int rounds;
};

static void *pong_main(void *arg)
{
	struct pong *p = arg;
	struct fi_cq_entry entry;
	int n;

	for (n = 0; n < p->rounds; n++) {
		if (fi_wait(p->set, -1))
			return (void *)(uintptr_t)"wait";
		if (fi_cq_read(p->in[n % 2], &entry, 1) != 1)
			return (void *)(uintptr_t)"woken for nothing";
		write_cq(p->out);
	}
	return NULL;
}

static void test_set_between_threads(void **state)
{
	struct fi_cq_entry entry;
	struct pong p = { .rounds = 3000 };
	pthread_t thread;
	int n;

	p.set = open_set(*state);
	p.in[0] = open_cq(*state, FI_WAIT_SET, p.set);
	p.in[1] = open_cq(*state, FI_WAIT_SET, p.set);
	p.out = open_cq(*state, FI_WAIT_FD, NULL);
	thread = start(pong_main, &p);
	for (n = 0; n < p.rounds; n++) {
		write_cq(p.in[n % 2]);
		assert_int_equal(fi_cq_sread(p.out, &entry, 1, NULL, -1), 1);
	}
	join(thread);
	close_fid(&p.in[0]->fid);
	close_fid(&p.in[1]->fid);
	close_fid(&p.out->fid);
	close_fid(&p.set->fid);
}

static void test_trywait_classes(void **state)
{
	struct fake *f = *state;
	struct fid_cntr *cntr = open_cntr(f, FI_WAIT_FD, NULL);
	struct fid_cq *cq = open_cq(f, FI_WAIT_FD, NULL);
	struct fid_cq *none = open_cq(f, FI_WAIT_NONE, NULL);
	struct fid_eq *eq = open_eq(f, FI_WAIT_FD, NULL);
	struct fid_wait *set = open_set(f);
	struct fid_cq *member = open_cq(f, FI_WAIT_SET, set);
	struct fid *fids[] = { &cntr->fid, &cq->fid, &eq->fid, &set->fid };
	struct fi_eq_entry event = { 0 };
	struct fi_cq_entry entry;
	uint32_t code;
	size_t i;

	assert_int_equal(fi_trywait(fake_fabric(f), fids, 4), 0);
	for (i = 0; i < 4; i++)
		assert_false(readable(get_fd(fids[i])));
	/* News in any of them, in any place. */
	uet_cntr_inc((struct uet_cntr *)cntr, true);
	assert_true(readable(get_fd(&cntr->fid)));
	assert_int_equal(fi_trywait(fake_fabric(f), fids, 4), -FI_EAGAIN);
	assert_int_equal(fi_trywait(fake_fabric(f), fids, 4), 0);
	write_cq(cq);
	assert_true(readable(get_fd(&cq->fid)));
	assert_int_equal(fi_trywait(fake_fabric(f), fids, 4), -FI_EAGAIN);
	assert_int_equal(fi_cq_read(cq, &entry, 1), 1);
	assert_int_equal(fi_trywait(fake_fabric(f), fids, 4), 0);
	fi_eq_write(eq, 1, &event, sizeof(event), 0);
	assert_true(readable(get_fd(&eq->fid)));
	assert_int_equal(fi_trywait(fake_fabric(f), fids, 4), -FI_EAGAIN);
	assert_int_equal(fi_eq_read(eq, &code, &event, sizeof(event), 0), sizeof(event));
	assert_int_equal(fi_trywait(fake_fabric(f), fids, 4), 0);
	write_cq(member);
	assert_true(readable(get_fd(&set->fid)));
	assert_int_equal(fi_trywait(fake_fabric(f), fids, 4), -FI_EAGAIN);
	assert_int_equal(fi_cq_read(member, &entry, 1), 1);
	assert_int_equal(fi_trywait(fake_fabric(f), fids, 4), 0);
	/* A signal is told once. */
	fi_cq_signal(cq);
	assert_true(readable(get_fd(&cq->fid)));
	assert_int_equal(trywait(f, &cq->fid), -FI_EAGAIN);
	assert_int_equal(trywait(f, &cq->fid), 0);
	assert_false(readable(get_fd(&cq->fid)));

	assert_int_equal(trywait(f, &none->fid), -FI_EINVAL);
	assert_int_equal(trywait(f, &f->domain.fid.fid), -FI_EINVAL);
	assert_int_equal(fi_trywait(fake_fabric(f), NULL, 0), 0);
	assert_int_equal(fi_trywait(fake_fabric(f), NULL, 1), -FI_EINVAL);
	assert_int_equal(fi_trywait(fake_fabric(f), fids, -1), -FI_EINVAL);
	close_fid(&cntr->fid);
	close_fid(&cq->fid);
	close_fid(&none->fid);
	close_fid(&eq->fid);
	close_fid(&member->fid);
	close_fid(&set->fid);
}

/* An endpoint whose "network" is an eventfd: each packet read becomes a completion. */
static void receive(struct fake_ep *fake)
{
	uint64_t packets;

	if (read(fake->fd, &packets, sizeof(packets)) < 0)
		return;
	while (packets--)
		write_cq(fake->arg);
}

struct traffic {
	struct fid_cq *cq;		/* written to directly, or */
	int net;			/* through the network */
	int count;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	int taken;			/* events that the reader has read */
};

/* Events one at a time: the next when the last was read, by both ways in turn. */
static void *send_events(void *arg)
{
	struct traffic *t = arg;
	uint64_t one = 1;
	int n;

	for (n = 0; n < t->count; n++) {
		if (n % 2)
			write_cq(t->cq);
		else if (write(t->net, &one, sizeof(one)) < 0)
			return (void *)(uintptr_t)"write";
		pthread_mutex_lock(&t->lock);
		while (t->taken == n)
			pthread_cond_wait(&t->cond, &t->lock);
		pthread_mutex_unlock(&t->lock);
	}
	return NULL;
}

static void taken(struct traffic *t)
{
	pthread_mutex_lock(&t->lock);
	t->taken++;
	pthread_cond_signal(&t->cond);
	pthread_mutex_unlock(&t->lock);
}

/*
 * The loop of fi_trywait(3) with one event at a time: never more wake-ups than events, never
 * more refusals than events, and when all is read the descriptor is quiet.
 */
static void test_wakeups_counted(void **state)
{
	struct traffic t = {
		.count = 2000, .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER,
	};
	struct fake *f = *state;
	int wakeups = 0, refusals = 0;
	struct fi_cq_entry entry;
	struct pollfd pfd = { .events = POLLIN };
	pthread_t thread;

	t.net = f->ep.fd = eventfd(0, EFD_NONBLOCK);
	t.cq = f->ep.arg = open_cq(f, FI_WAIT_FD, NULL);
	f->ep.drive = receive;
	assert_int_equal(uet_cq_add_fep((struct uet_cq *)t.cq, &f->ep.fep), 0);
	pfd.fd = get_fd(&t.cq->fid);
	assert_int_equal(trywait(f, &t.cq->fid), 0);
	thread = start(send_events, &t);
	while (t.taken < t.count) {
		if (fi_cq_read(t.cq, &entry, 1) == 1) {
			taken(&t);
			continue;
		}
		if (trywait(f, &t.cq->fid)) {
			refusals++;
			continue;
		}
		assert_int_equal(poll(&pfd, 1, -1), 1);
		wakeups++;
	}
	join(thread);
	assert_true(wakeups <= t.count);
	assert_true(refusals <= t.count);
	assert_true(wakeups + refusals > 0);
	assert_int_equal(trywait(f, &t.cq->fid), 0);
	assert_false(readable(pfd.fd));
	uet_cq_del_fep((struct uet_cq *)t.cq, &f->ep.fep);
	close_fid(&t.cq->fid);
	close(t.net);
}

/* A time-out of an endpoint makes the descriptor readable; handled, it is quiet again. */
static void test_timer(void **state)
{
	struct fake *f = *state;
	struct fid_cq *cq = open_cq(f, FI_WAIT_FD, NULL);
	struct pollfd pfd = { .fd = get_fd(&cq->fid), .events = POLLIN };

	assert_int_equal(uet_cq_add_fep((struct uet_cq *)cq, &f->ep.fep), 0);
	assert_int_equal(trywait(f, &cq->fid), 0);
	assert_false(readable(pfd.fd));
	f->ep.next = uet_clock_ns() + UET_NSEC_PER_MSEC;
	assert_int_equal(trywait(f, &cq->fid), 0);
	assert_int_equal(poll(&pfd, 1, -1), 1);
	f->ep.next = UET_TIME_NEVER;
	assert_int_equal(trywait(f, &cq->fid), 0);
	assert_false(readable(pfd.fd));
	uet_cq_del_fep((struct uet_cq *)cq, &f->ep.fep);
	close_fid(&cq->fid);
}

static void test_deadline(void **state)
{
	uint64_t now = uet_clock_ns();

	(void)state;
	assert_int_equal(uet_deadline(-1), UET_TIME_NEVER);
	assert_int_equal(uet_deadline_left(UET_TIME_NEVER), -1);
	assert_int_equal(uet_deadline_left(now), 0);
	assert_true(uet_deadline(1000) >= now + 1000 * UET_NSEC_PER_MSEC);
	assert_true(uet_deadline_left(now + 3600 * UET_NSEC_PER_SEC) <= 3600 * 1000);
	assert_true(uet_deadline_left(now + 3600 * UET_NSEC_PER_SEC) > 3000 * 1000);
	assert_int_equal(uet_deadline_left(UET_TIME_NEVER - 1), INT32_MAX);
}

/* A queue that gets an entry while somebody gets ready to sleep. */
struct racer {
	struct uet_wait *wait;
	int looks;
	bool told;			/* the writer has come to uet_wait_notify, too */
};

static bool nothing(void *arg)
{
	(void)arg;
	return false;
}

/* Empty at the first look; an entry is queued right after it. */
static bool racing(void *arg)
{
	struct racer *r = arg;

	if (r->looks++)
		return true;
	if (r->told)
		uet_wait_notify(r->wait);
	return false;
}

/* One thread sleeps. Another one gets ready to, finds an entry, and leaves it there. */
static void test_trywait_beside_sleeper(void **state)
{
	struct uet_progress_set set;
	struct uet_wait wait;
	struct racer r;
	int told;

	(void)state;
	for (told = 0; told < 2; told++) {
		r = (struct racer){ .wait = &wait, .told = told };
		assert_int_equal(uet_wait_init(&wait, FI_WAIT_FD), 0);
		uet_progress_init(&set, &wait);
		assert_int_equal(uet_wait_prepare(&wait, &set, nothing, NULL), 0);
		assert_int_equal(uet_wait_prepare(&wait, &set, racing, &r), -FI_EAGAIN);
		if (!told)
			uet_wait_notify(&wait);
		assert_true(readable(wait.epfd));
		/* The sleeper finds nothing: it can sleep again. */
		assert_int_equal(uet_wait_prepare(&wait, &set, nothing, NULL), 0);
		assert_false(readable(wait.epfd));
		uet_progress_destroy(&set);
		uet_wait_destroy(&wait);
	}
}

/* Work in the future wakes only who would come too late for it. */
static void test_expect(void **state)
{
	struct fake *f = *state;
	struct uet_progress_set set;
	uint64_t later = uet_clock_ns() + 3600 * UET_NSEC_PER_SEC;
	struct uet_wait wait;

	assert_int_equal(uet_wait_init(&wait, FI_WAIT_FD), 0);
	uet_progress_init(&set, &wait);
	assert_int_equal(uet_progress_add(&set, &f->ep.fep), 0);
	/* Nobody sleeps. */
	uet_wait_expect(&wait, 0);
	assert_false(readable(wait.epfd));
	f->ep.next = later;
	assert_int_equal(uet_wait_prepare(&wait, &set, nothing, NULL), 0);
	uet_wait_expect(&wait, UET_TIME_NEVER);
	uet_wait_expect(&wait, later + 1);
	uet_wait_expect(&wait, later);
	assert_false(readable(wait.epfd));
	uet_wait_expect(&wait, later - 1);
	assert_true(readable(wait.epfd));
	f->ep.next = UET_TIME_NEVER;
	assert_int_equal(uet_wait_prepare(&wait, &set, nothing, NULL), 0);
	uet_wait_expect(&wait, UET_TIME_NEVER);
	assert_false(readable(wait.epfd));
	uet_wait_expect(&wait, later);
	assert_true(readable(wait.epfd));
	uet_progress_del(&set, &f->ep.fep);
	uet_progress_destroy(&set);
	uet_wait_destroy(&wait);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_open),
		FAKE_TEST(test_set),
		FAKE_TEST(test_set_between_threads),
		FAKE_TEST(test_trywait_classes),
		FAKE_TEST(test_wakeups_counted),
		FAKE_TEST(test_timer),
		FAKE_TEST(test_deadline),
		FAKE_TEST(test_trywait_beside_sleeper),
		FAKE_TEST(test_expect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
