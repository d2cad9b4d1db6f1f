/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Named address vectors: several openers in one process and in many, and memory gone bad. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rand.h"
#include "ofi/avshare.h"

#define DOMAIN	"lo"
#define MANY	20000
#define PROCS	4
#define EACH	3000

/* An opener: the share and its mirror. */
struct opener {
	struct uet_avshare *share;
	struct uet_avtable table;
	uint64_t *map;
};

static char vector[64];		/* name of the vector */
static char path[128];		/* and of its file */

static int set_up(void **state)
{
	static int n;

	(void)state;
	snprintf(vector, sizeof(vector), "test-%d-%d", (int)getpid(), n++);
	snprintf(path, sizeof(path), "/uet-av-%u-" DOMAIN "-%s", (unsigned int)geteuid(), vector);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	/* Every test leaves nothing behind. */
	return shm_unlink(path) == 0 || errno != ENOENT;
}

static int try_open(struct opener *o, bool read_only)
{
	void *map;
	int ret = uet_avshare_open(DOMAIN, vector, read_only, 0, &o->share, &map);

	if (ret)
		return ret;
	o->map = map;
	return uet_avtable_init(&o->table);
}

static void open_one(struct opener *o, bool read_only)
{
	assert_int_equal(try_open(o, read_only), 0);
}

static void close_one(struct opener *o)
{
	uet_avshare_close(o->share);
	uet_avtable_destroy(&o->table);
}

static struct uet_name name_of(uint32_t n)
{
	struct uet_addr a = { .ip = { 10, 0, 0, 1 }, .port = UET_PORT, .family = AF_INET };
	struct uet_name name;

	memcpy(&a.ip[1], &n, 3);
	uet_name_from_addr(&name, &a);
	return name;
}

static uint32_t insert(struct opener *o, uint32_t n)
{
	struct uet_name name = name_of(n);
	bool fresh;

	return uet_avshare_insert(o->share, &o->table, &name, &fresh);
}

/* @o sees name @n at @index; or nothing there with @n UINT32_MAX. */
static void assert_at(struct opener *o, uint32_t index, uint32_t n)
{
	struct uet_av_entry *entry;
	struct uet_name name = name_of(n);

	uet_avshare_sync(o->share, &o->table);
	entry = uet_avtable_get(&o->table, index);
	if (n == UINT32_MAX) {
		assert_null(entry);
		return;
	}
	assert_non_null(entry);
	assert_true(uet_addr_equal(&entry->name.addr, &name.addr));
	assert_int_equal(entry->name.initiator, name.initiator);
	assert_ptr_equal(uet_avtable_find(&o->table, &name.addr, name.initiator), entry);
	assert_int_equal(o->map[index], index);
}

static void two_openers(void **state)
{
	struct opener a, b, reader;

	(void)state;
	assert_int_equal(try_open(&reader, true), -FI_ENOENT);
	open_one(&a, false);
	open_one(&b, false);
	open_one(&reader, true);
	assert_false(uet_avshare_read_only(a.share));
	assert_true(uet_avshare_read_only(reader.share));
	assert_int_equal(insert(&a, 100), 0);
	assert_int_equal(insert(&b, 101), 1);
	assert_int_equal(insert(&a, 102), 2);
	assert_int_equal(insert(&b, 100), 0);	/* the same one again */
	assert_at(&a, 1, 101);
	assert_at(&b, 2, 102);
	assert_at(&reader, 0, 100);
	assert_at(&reader, 1, 101);
	/* The lowest free index is used again, whoever freed it. */
	assert_true(uet_avshare_remove(b.share, &b.table, 1));
	assert_false(uet_avshare_remove(a.share, &a.table, 1));
	assert_at(&reader, 1, UINT32_MAX);
	assert_int_equal(reader.map[1], FI_ADDR_NOTAVAIL);
	assert_int_equal(insert(&a, 103), 1);
	assert_at(&reader, 1, 103);
	/* Inserted twice, removed twice. */
	assert_true(uet_avshare_remove(a.share, &a.table, 0));
	assert_at(&reader, 0, 100);
	assert_true(uet_avshare_remove(b.share, &b.table, 0));
	assert_at(&reader, 0, UINT32_MAX);
	assert_int_equal(insert(&reader, 5), UET_AV_NONE);
	assert_false(uet_avshare_remove(reader.share, &reader.table, 1));
	assert_false(uet_avshare_remove(a.share, &a.table, 1ull << 40));
	close_one(&b);
	assert_at(&reader, 2, 102);
	close_one(&a);
	assert_at(&reader, 2, 102);
	close_one(&reader);
}

/* The creator takes the name with it; who opens afterwards gets a new vector. */
static void creator_goes(void **state)
{
	struct opener a, b, c, reader;

	(void)state;
	open_one(&a, false);
	open_one(&b, false);
	insert(&a, 7);
	close_one(&a);
	assert_int_equal(try_open(&reader, true), -FI_ENOENT);
	open_one(&c, false);
	assert_at(&c, 0, UINT32_MAX);
	assert_at(&b, 0, 7);
	insert(&c, 8);
	open_one(&reader, true);
	assert_at(&reader, 0, 8);
	/* A late end of the first one's does not concern the second. */
	close_one(&b);
	close_one(&reader);
	open_one(&reader, true);
	close_one(&reader);
	close_one(&c);
}

static void names(void **state)
{
	char longest[NAME_MAX + 1];
	struct uet_avshare *share, *again;
	void *map;

	(void)state;
	assert_int_equal(uet_avshare_open(DOMAIN, "", false, 0, &share, &map), -FI_EINVAL);
	memset(longest, 'x', NAME_MAX);
	longest[NAME_MAX] = 0;
	assert_int_equal(uet_avshare_open(DOMAIN, longest, false, 0, &share, &map), -FI_EINVAL);
	/* Any bytes, and no way out of the directory. */
	assert_int_equal(uet_avshare_open(DOMAIN, "../a b\xff%", false, 0, &share, &map), 0);
	assert_int_equal(uet_avshare_open(DOMAIN, "../a b\xff%", true, 0, &again, &map), 0);
	uet_avshare_close(again);
	assert_int_equal(uet_avshare_open("eth0", "../a b\xff%", true, 0, &again, &map),
			 -FI_ENOENT);
	uet_avshare_close(share);
	assert_int_equal(uet_avshare_open(DOMAIN, vector, false, SIZE_MAX, &share, &map),
			 -FI_EINVAL);
	shm_unlink(path);
	uet_avshare_close(NULL);
}

/* More than one chunk of memory; indices stay dense over removal and insertion. */
static void many(void **state)
{
	struct opener a, reader;
	struct uet_rand rnd;
	uint32_t i;

	(void)state;
	uet_rand_seed(&rnd, 1);
	open_one(&a, false);
	open_one(&reader, true);
	for (i = 0; i < MANY; i++)
		assert_int_equal(insert(&a, i), i);
	for (i = 0; i < 1000; i++) {
		uint32_t index = uet_rand_u32(&rnd) % MANY;

		assert_true(uet_avshare_remove(a.share, &a.table, index));
		assert_int_equal(insert(&a, MANY + i), index);
		if (i % 100 == 0)
			assert_at(&reader, index, MANY + i);
	}
	uet_avshare_sync(reader.share, &reader.table);
	assert_int_equal(reader.table.count, MANY);
	close_one(&reader);
	close_one(&a);
}

/* ---- many processes ---- */

static void insert_in_child(int who)
{
	struct opener o;
	uint32_t i;

	open_one(&o, false);
	for (i = 0; i < EACH; i++) {
		/* Every other name is common to all. */
		uint32_t n = i % 2 ? i : (uint32_t)(who + 1) * 100000 + i;

		if (insert(&o, n) == UET_AV_NONE)
			_exit(1);
	}
	close_one(&o);
	_exit(0);
}

static void processes(void **state)
{
	struct opener a;
	uint32_t i, n, refs = 0;
	int who, status;

	(void)state;
	open_one(&a, false);
	for (who = 0; who < PROCS; who++)
		if (fork() == 0)
			insert_in_child(who);
	for (who = 0; who < PROCS; who++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	uet_avshare_sync(a.share, &a.table);
	n = EACH / 2 * PROCS + EACH / 2;
	assert_int_equal(a.table.count, n);
	for (i = 0; i < n; i++) {
		struct uet_av_entry *entry = uet_avtable_get(&a.table, i);

		assert_non_null(entry);
		refs += entry->refs;
	}
	assert_int_equal(refs, EACH * PROCS);
	close_one(&a);
}

/* Killed processes leave a file: nobody's vector, and a new one for who wants it. */
static void left_behind(void **state)
{
	struct opener a, reader;
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		open_one(&a, false);
		insert(&a, 1);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_int_equal(try_open(&reader, true), -FI_ENOENT);
	open_one(&a, false);
	assert_at(&a, 0, UINT32_MAX);
	open_one(&reader, true);
	close_one(&reader);
	close_one(&a);
}

/* ---- bad memory ---- */

static uint32_t *raw(size_t *len)
{
	int fd = shm_open(path, O_RDWR, 0);
	struct stat st;
	void *base;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	base = mmap(NULL, *len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(base, MAP_FAILED);
	close(fd);
	return base;
}

/* Heads that say something else than the file shows. */
static void bad_heads(void **state)
{
	struct opener a, b;
	uint32_t *base, old;
	size_t len;
	int i;

	(void)state;
	open_one(&a, false);
	base = raw(&len);
	for (i = 0; i < 4; i++) {	/* magic, layout, capacity */
		old = base[i];
		base[i] += 1024;
		assert_int_equal(try_open(&b, false), -FI_EINVAL);
		assert_int_equal(try_open(&b, true), -FI_EINVAL);
		base[i] = old;
	}
	base[3] = 0;
	assert_int_equal(try_open(&b, true), -FI_EINVAL);
	munmap(base, len);
	close_one(&a);
}

/* Entries of nonsense are no entries, and whatever stands there nothing breaks. */
static void bad_entries(void **state)
{
	struct opener a, reader;
	struct uet_rand rnd;
	uint32_t *base;
	size_t len, i;
	int round;

	(void)state;
	uet_rand_seed(&rnd, 7);
	open_one(&a, false);
	open_one(&reader, true);
	for (i = 0; i < 100; i++)
		insert(&a, (uint32_t)i);
	base = raw(&len);
	for (round = 0; round < 300; round++) {
		/* Somewhere in the first entries, or in the variable part of the head. */
		size_t entries = (4096 + ((size_t)1 << 20) * 8) / 4;
		size_t at = round % 10 ? entries + uet_rand_u32(&rnd) % 1500 :
					 4 + uet_rand_u32(&rnd) % 4;

		base[at] = round % 3 ? uet_rand_u32(&rnd) : UINT32_MAX;
		base[4]++;	/* the version: look again */
		base[6] &= 0xffff;
		uet_avshare_sync(reader.share, &reader.table);
		insert(&a, uet_rand_u32(&rnd) % 200);
		uet_avshare_remove(a.share, &a.table, uet_rand_u32(&rnd) % 128);
		uet_avshare_sync(a.share, &a.table);
		uet_avshare_sync(reader.share, &reader.table);
		for (i = 0; i < 65536; i++) {
			struct uet_av_entry *e = uet_avtable_get(&reader.table, i);

			if (e)
				assert_true(e->name.addr.port > 0 &&
					    e->name.addr.port < 65536 &&
					    e->name.resource_index < 4096);
		}
	}
	munmap(base, len);
	close_one(&reader);
	close_one(&a);
}

/* A writer died in the middle: the next change makes everybody look. */
static void half_done(void **state)
{
	struct opener a, b;
	uint32_t *base;
	size_t len;

	(void)state;
	open_one(&a, false);
	open_one(&b, false);
	insert(&a, 1);
	insert(&a, 2);
	assert_at(&b, 1, 2);
	base = raw(&len);
	/* Entry 0 lost its references (the last word), busy stayed, the version did not move. */
	base[(4096 + ((size_t)1 << 20) * 8) / 4 + 10] = 0;
	base[7] = 1;
	assert_int_equal(insert(&b, 3), 0);
	assert_at(&a, 0, 3);
	assert_at(&a, 1, 2);
	assert_int_equal(base[7], 0);
	munmap(base, len);
	close_one(&b);
	close_one(&a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_openers),
		TEST(creator_goes),
		TEST(names),
		TEST(many),
		TEST(processes),
		TEST(left_behind),
		TEST(bad_heads),
		TEST(bad_entries),
		TEST(half_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
