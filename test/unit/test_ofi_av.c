/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Address vectors: the calls of fi_av(3). */
#include "test_ofi_av.h"

#include <rdma/fi_ext_uet.h>

static void test_open(void **state)
{
	static const struct {
		struct fi_av_attr attr;
		int ret;
	} cases[] = {
		{ { .type = FI_AV_UNSPEC }, 0 },
		{ { .type = FI_AV_MAP, .count = 1 }, 0 },
		{ { .type = FI_AV_TABLE, .count = 1 << 20 }, 0 },
		{ { .flags = FI_SYMMETRIC }, 0 },
		{ { .flags = FI_AV_USER_ID }, 0 },
		{ { .rx_ctx_bits = 8 }, 0 },
		{ { .name = "nobody has this", .flags = FI_READ }, -FI_ENOENT },
		{ { .name = "" }, -FI_EINVAL },
		{ { .flags = FI_READ }, -FI_EINVAL },
		{ { .flags = FI_SEND }, -FI_EINVAL },
		{ { .type = 77 }, -FI_EINVAL },
		{ { .rx_ctx_bits = -1 }, -FI_EINVAL },
		{ { .rx_ctx_bits = 64 }, -FI_EINVAL },
	};
	struct fake *f = *state;
	struct fi_av_attr attr;
	struct fid_av *av;
	size_t i;

	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		attr = cases[i].attr;
		assert_int_equal(fi_av_open(fake_domain(f), &attr, &av, f), cases[i].ret);
		if (cases[i].ret)
			continue;
		assert_int_not_equal(attr.type, FI_AV_UNSPEC);
		assert_int_equal(av->fid.fclass, FI_CLASS_AV);
		assert_ptr_equal(av->fid.context, f);
		assert_int_equal(fi_control(&av->fid, FI_GETWAIT, &i), -FI_ENOSYS);
		close_av(av);
	}
	assert_int_equal(fi_av_open(fake_domain(f), NULL, &av, f), -FI_EINVAL);
}

static void test_close_busy(void **state)
{
	struct fid_av *av = open_av(*state, 0);

	uet_ref_get(uet_av_ref((struct uet_av *)av));
	assert_int_equal(fi_close(&av->fid), -FI_EBUSY);
	assert_int_equal(insert(av, 0x0a000001, 5000), 0);
	uet_ref_put(uet_av_ref((struct uet_av *)av));
	close_av(av);
}

static void test_indices(void **state)
{
	struct fid_av *av = open_av(*state, 0);
	struct sockaddr_in sin = in_addr(0x0a000001, 99);
	struct uet_ses_source source;
	struct uet_ses_dest dest;
	fi_addr_t i;

	for (i = 0; i < 5000; i++)
		assert_int_equal(insert(av, 0x0a000001, (uint16_t)(i + 100)), i);
	/* The lowest free one first, whatever the order in which they came free. */
	assert_int_equal(remove_addr(av, 4000), 0);
	assert_int_equal(remove_addr(av, 7), 0);
	assert_int_equal(remove_addr(av, 4999), 0);
	assert_int_equal(remove_addr(av, 1023), 0);
	assert_int_equal(insert(av, 1, 1), 7);
	assert_int_equal(insert(av, 1, 2), 1023);
	assert_int_equal(insert(av, 1, 3), 4000);
	assert_int_equal(insert(av, 1, 4), 4999);
	assert_int_equal(insert(av, 1, 5), 5000);
	check_lookup(av, 7, 1, 1);
	check_lookup(av, 8, 0x0a000001, 108);
	assert_int_equal(find(av, 1, 4), 4999);
	assert_int_equal(find(av, 0x0a000001, 107), FI_ADDR_NOTAVAIL);

	assert_int_equal(uet_av_dest((struct uet_av *)av, 8, &dest), 0);
	assert_int_equal(dest.addr.port, 108);
	assert_int_equal(dest.resource_index, 1);
	assert_int_equal(dest.pid_on_fep, (108 - 4793) & 0xfff);
	assert_int_equal(uet_av_source((struct uet_av *)av, 8, &source), 0);
	assert_int_equal(source.host.port, 0);
	assert_int_equal(source.initiator, 108);
	assert_int_equal(uet_av_find((struct uet_av *)av, &source), 8);
	assert_int_equal(uet_av_dest((struct uet_av *)av, 5001, &dest), -FI_EINVAL);
	assert_int_equal(uet_av_dest((struct uet_av *)av, FI_ADDR_UNSPEC, &dest), -FI_EINVAL);
	assert_int_equal(uet_av_source((struct uet_av *)av, 5001, &source), -FI_EINVAL);

	/* Without fi_addr the index follows from the order. */
	assert_int_equal(fi_av_insert(av, &sin, 1, NULL, FI_MORE, NULL), 1);
	check_lookup(av, 5001, 0x0a000001, 99);
	close_av(av);
}

static void test_remove(void **state)
{
	struct fid_av *av = open_av(*state, 0);
	fi_addr_t some[3] = { 0, 77, 1 };

	insert(av, 1, 1);
	insert(av, 1, 2);
	assert_int_equal(fi_av_remove(av, some, 3, FI_MORE), -FI_EINVAL);
	check_lookup(av, 0, 1, 1);
	/* The bad one does not keep the others in. */
	assert_int_equal(fi_av_remove(av, some, 3, 0), -FI_EINVAL);
	assert_int_equal(remove_addr(av, 0), -FI_EINVAL);
	assert_int_equal(remove_addr(av, 1), -FI_EINVAL);
	assert_int_equal(remove_addr(av, FI_ADDR_NOTAVAIL), -FI_EINVAL);
	assert_int_equal(remove_addr(av, 1ull << 32), -FI_EINVAL);
	assert_int_equal(fi_av_remove(av, NULL, 0, 0), 0);
	assert_int_equal(fi_av_remove(av, NULL, 1, 0), -FI_EINVAL);
	assert_int_equal(insert(av, 1, 2), 0);
	close_av(av);
}

static void test_duplicates(void **state)
{
	struct fid_av *av = open_av(*state, 0);

	assert_int_equal(insert(av, 1, 1), 0);
	assert_int_equal(insert(av, 1, 2), 1);
	assert_int_equal(insert(av, 1, 1), 0);
	assert_int_equal(remove_addr(av, 0), 0);
	check_lookup(av, 0, 1, 1);
	assert_int_equal(find(av, 1, 1), 0);
	assert_int_equal(remove_addr(av, 0), 0);
	assert_int_equal(remove_addr(av, 0), -FI_EINVAL);
	assert_int_equal(find(av, 1, 1), FI_ADDR_NOTAVAIL);
	close_av(av);
}

static void test_bad_addresses(void **state)
{
	const struct sockaddr_in addrs[] = {
		in_addr(0x0a000001, 1), in_addr(0, 0), in_addr(0x0a000001, 0),
		in_addr(0x0a000002, 1), in_addr(0, 1), { .sin_family = AF_INET6 },
	};
	static const fi_addr_t want[] = { 0, FI_ADDR_NOTAVAIL, FI_ADDR_NOTAVAIL, 1,
					  FI_ADDR_NOTAVAIL, FI_ADDR_NOTAVAIL };
	struct fid_av *av = open_av(*state, 0);
	fi_addr_t got[6];
	int errors[6];
	size_t i;

	memset(got, 0xee, sizeof(got));
	memset(errors, 0xee, sizeof(errors));
	assert_int_equal(fi_av_insert(av, addrs, 6, got, FI_SYNC_ERR, errors), 2);
	assert_memory_equal(got, want, sizeof(got));
	for (i = 0; i < 6; i++)
		assert_int_equal(errors[i], want[i] == FI_ADDR_NOTAVAIL ? FI_EINVAL : 0);
	assert_int_equal(fi_av_insert(av, &addrs[1], 1, got, 0, NULL), 0);
	assert_int_equal(fi_av_insert(av, &addrs[1], 1, NULL, 0, NULL), 0);
	assert_int_equal(fi_av_insert(av, NULL, 0, NULL, 0, NULL), 0);

	assert_int_equal(fi_av_insert(av, NULL, 1, got, 0, NULL), -FI_EINVAL);
	assert_int_equal(fi_av_insert(av, addrs, 1, got, FI_SEND, NULL), -FI_EBADFLAGS);
	assert_int_equal(fi_av_insert(av, addrs, 1, got, FI_SYNC_ERR, NULL), -FI_EBADFLAGS);
	assert_int_equal(fi_av_insert(av, addrs, 1, NULL, FI_AV_USER_ID, NULL), -FI_EINVAL);
	assert_int_equal(fi_av_insert(av, addrs, (size_t)1 << 40, NULL, 0, NULL), -FI_EINVAL);
	close_av(av);
}

static void test_lookup(void **state)
{
	struct fid_av *av = open_av(*state, 0);
	struct sockaddr_in sin = in_addr(0x0a000001, 5000);
	uint8_t buf[sizeof(sin)];
	size_t len = 6;

	insert(av, 0x0a000001, 5000);
	memset(buf, 0xee, sizeof(buf));
	assert_int_equal(fi_av_lookup(av, 0, buf, &len), 0);
	assert_int_equal(len, sizeof(sin));
	assert_memory_equal(buf, &sin, 6);
	assert_int_equal(buf[6], 0xee);
	len = 0;
	assert_int_equal(fi_av_lookup(av, 0, NULL, &len), 0);
	assert_int_equal(len, sizeof(sin));
	assert_int_equal(fi_av_lookup(av, 1, buf, &len), -FI_EINVAL);
	assert_int_equal(fi_av_lookup(av, 0, NULL, &len), -FI_EINVAL);
	assert_int_equal(fi_av_lookup(av, 0, buf, NULL), -FI_EINVAL);
	close_av(av);
}

static void test_straddr(void **state)
{
	static const char want[] = "fi_sockaddr_in://10.0.0.1:5000";
	struct fid_av *av = open_av(*state, 0);
	struct sockaddr_in sin = in_addr(0x0a000001, 5000), zero = { 0 };
	char buf[64], small[8];
	size_t len = sizeof(buf);

	assert_ptr_equal(fi_av_straddr(av, &sin, buf, &len), buf);
	assert_string_equal(buf, want);
	assert_int_equal(len, sizeof(want));
	len = sizeof(small);
	assert_ptr_equal(fi_av_straddr(av, &sin, small, &len), small);
	assert_string_equal(small, "fi_sock");
	assert_int_equal(len, sizeof(want));
	len = 0;
	assert_null(fi_av_straddr(av, &sin, NULL, &len));
	assert_int_equal(len, sizeof(want));
	len = sizeof(buf);
	fi_av_straddr(av, &zero, buf, &len);
	assert_int_equal(len, strlen(buf) + 1);
	assert_non_null(strstr(buf, "invalid"));
	close_av(av);
}

static void test_formats(void **state)
{
	static const struct {
		uint32_t format;
		const char *text;	/* as inserted with FI_ADDR_STR */
	} cases[] = {
		{ FI_SOCKADDR_IN, "fi_sockaddr_in://192.0.2.1:4793" },
		{ FI_SOCKADDR, "fi_sockaddr_in://192.0.2.1:4793" },
		{ FI_FORMAT_UNSPEC, "fi_sockaddr_in://192.0.2.1:4793" },
		{ FI_SOCKADDR_IN6, "fi_sockaddr_in6://[2001:db8::7]:4800" },
		{ FI_ADDR_UET, "uet://192.0.2.1:4793/7/12/99" },
		{ FI_ADDR_STR, "uet://192.0.2.1:4793/7/12/99?abs" },
	};
	struct fake *f = *state;
	uint8_t one[128], many[3 * 128], back[128];
	const char *strings[3];
	struct uet_name name;
	struct fid_av *av;
	fi_addr_t got[3];
	size_t i, j, len;

	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		f->info.addr_format = cases[i].format;
		assert_int_equal(uet_name_read(&name, FI_ADDR_STR, cases[i].text, 0), 0);
		av = open_av(f, 0);
		for (j = 0; j < 3; j++) {
			len = sizeof(one);
			assert_int_equal(uet_name_write(&name, cases[i].format, one, &len), 0);
			memcpy(&many[j * len], one, len);
			strings[j] = cases[i].text;
			if (cases[i].format != FI_ADDR_STR)
				name.addr.ip[3]++;
			if (name.addr.family == AF_INET6)
				name.addr.ip[15]++;
		}
		assert_int_equal(fi_av_insert(av, cases[i].format == FI_ADDR_STR ?
					      (const void *)strings : many, 3, got, 0, NULL), 3);
		assert_int_equal(got[0], 0);
		for (j = 0; j < 3; j++) {
			size_t room = sizeof(back);

			assert_int_equal(fi_av_lookup(av, got[j], back, &room), 0);
			assert_int_equal(room, len);
			assert_memory_equal(back, cases[i].format == FI_ADDR_STR ?
					    one : &many[j * len], len);
		}
		close_av(av);
	}
}

static void test_one_family(void **state)
{
	struct fake *f = *state;
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(5) };
	struct sockaddr_in own = in_addr(0x7f000001, 0);
	struct fid_av *av;
	fi_addr_t got;

	in6.sin6_addr.s6_addr[15] = 1;
	f->info.addr_format = FI_SOCKADDR;
	f->info.src_addr = &own;
	f->info.src_addrlen = sizeof(own);
	av = open_av(f, 0);
	assert_int_equal(fi_av_insert(av, &in6, 1, &got, 0, NULL), 0);
	assert_int_equal(got, FI_ADDR_NOTAVAIL);
	assert_int_equal(fi_av_insertsvc(av, "fi_sockaddr_in6://[::1]:5", NULL, &got, 0, NULL),
			 -FI_EINVAL);
	assert_int_equal(insert(av, 1, 1), 0);
	close_av(av);
}

static void test_user_id(void **state)
{
	struct fid_av *av = open_av(*state, 0);
	struct sockaddr_in sin[2] = { in_addr(1, 1), in_addr(1, 2) };
	fi_addr_t addr[2] = { 0xabcdef, 77 };

	assert_int_equal(fi_av_insert(av, sin, 2, addr, FI_AV_USER_ID, NULL), 2);
	assert_int_equal(addr[0], 0);
	assert_int_equal(addr[1], 1);
	assert_int_equal(find(av, 1, 1), 0xabcdef);
	assert_int_equal(find(av, 1, 2), 77);
	assert_int_equal(remove_addr(av, 0), 0);
	assert_int_equal(insert(av, 1, 1), 0);
	assert_int_equal(find(av, 1, 1), 0);
	close_av(av);

#ifdef HAVE_STRUCT_FI_OPS_AV_SET_USER_ID
	av = open_av(*state, FI_AV_USER_ID);
	assert_int_equal(insert(av, 1, 1), 0);
	assert_int_equal(find(av, 1, 1), FI_ADDR_NOTAVAIL);
	assert_int_equal(fi_av_set_user_id(av, 0, 1234, 0), 0);
	assert_int_equal(find(av, 1, 1), 1234);
	assert_int_equal(insert(av, 1, 1), 0);
	assert_int_equal(find(av, 1, 1), 1234);
	assert_int_equal(fi_av_set_user_id(av, 1, 1234, 0), -FI_EINVAL);
	assert_int_equal(fi_av_insert(av, sin, 1, addr, FI_AV_USER_ID, NULL), -FI_EINVAL);
	close_av(av);
#endif
}

static void test_rx_contexts(void **state)
{
	struct fi_av_attr attr = { .rx_ctx_bits = 4 };
	struct uet_ses_dest dest;
	struct fid_av *av;

	assert_int_equal(fi_av_open(fake_domain(*state), &attr, &av, NULL), 0);
	insert(av, 1, 1);
	insert(av, 1, 2);
	assert_int_equal(uet_av_dest((struct uet_av *)av, fi_rx_addr(1, 9, 4), &dest), 0);
	assert_int_equal(dest.addr.port, 2);
	assert_int_equal(dest.resource_index, 1 + 9);
	assert_int_equal(uet_av_dest((struct uet_av *)av, fi_rx_addr(2, 9, 4), &dest),
			 -FI_EINVAL);
	close_av(av);
}

/* ---- asynchronous ---- */

static struct fid_eq *open_eq(struct fake *f)
{
	struct fi_eq_attr attr = { .wait_obj = FI_WAIT_NONE };
	struct fid_eq *eq;

	assert_int_equal(fi_eq_open(fake_fabric(f), &attr, &eq, NULL), 0);
	return eq;
}

static void check_complete(struct fid_eq *eq, struct fid_av *av, void *context, uint64_t data)
{
	struct fi_eq_entry entry;
	uint32_t event;

	assert_int_equal(fi_eq_read(eq, &event, &entry, sizeof(entry), 0), sizeof(entry));
	assert_int_equal(event, FI_AV_COMPLETE);
	assert_ptr_equal(entry.fid, &av->fid);
	assert_ptr_equal(entry.context, context);
	assert_int_equal(entry.data, data);
}

static void check_failed(struct fid_eq *eq, struct fid_av *av, void *context, uint64_t index)
{
	struct fi_eq_err_entry entry = { 0 };
	uint32_t event;

	assert_int_equal(fi_eq_read(eq, &event, &entry, sizeof(entry), 0), -FI_EAVAIL);
	assert_int_equal(fi_eq_readerr(eq, &entry, 0), sizeof(entry));
	assert_ptr_equal(entry.fid, &av->fid);
	assert_ptr_equal(entry.context, context);
	assert_int_equal(entry.data, index);
	assert_int_equal(entry.err, FI_EINVAL);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* fi_av_bind, in libfabric 2 */

static void test_async(void **state)
{
	struct fid_eq *eq = open_eq(*state);
	struct fid_av *av = open_av(*state, FI_EVENT);
	struct sockaddr_in sin[3] = { in_addr(1, 1), in_addr(0, 0), in_addr(1, 2) };
	fi_addr_t addr[4];
	int context, errors[3];

	assert_int_equal(fi_av_insert(av, sin, 3, addr, 0, &context), -FI_ENOEQ);
	assert_int_equal(fi_av_bind(av, &av->fid, 0), -FI_EINVAL);
	assert_int_equal(fi_av_bind(av, &eq->fid, FI_SEND), -FI_EINVAL);
	assert_int_equal(fi_av_bind(av, &eq->fid, 0), 0);
	assert_int_equal(fi_av_bind(av, &eq->fid, 0), -FI_EINVAL);
	assert_int_equal(fi_close(&eq->fid), -FI_EBUSY);

	assert_int_equal(fi_av_insert(av, sin, 3, addr, 0, &context), 0);
	check_failed(eq, av, &context, 1);
	check_complete(eq, av, &context, 2);
	assert_int_equal(addr[0], 0);
	assert_int_equal(addr[1], FI_ADDR_NOTAVAIL);
	assert_int_equal(addr[2], 1);
	assert_int_equal(fi_av_insert(av, NULL, 0, NULL, 0, &context), 0);
	check_complete(eq, av, &context, 0);
	assert_int_equal(fi_av_insertsvc(av, "10.0.0.1", "0", addr, 0, &context), 0);
	check_failed(eq, av, &context, 0);
	check_complete(eq, av, &context, 0);
	assert_int_equal(fi_av_insertsym(av, "10.0.0.1", 2, "65535", 2, addr, 0, &context), 0);
	check_failed(eq, av, &context, 1);
	check_failed(eq, av, &context, 3);
	check_complete(eq, av, &context, 2);
	assert_int_equal(fi_av_insert(av, sin, 3, addr, FI_SYNC_ERR, errors), -FI_EBADFLAGS);
	close_av(av);
	assert_int_equal(fi_close(&eq->fid), 0);
}

#pragma GCC diagnostic pop

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_open),
		FAKE_TEST(test_close_busy),
		FAKE_TEST(test_indices),
		FAKE_TEST(test_remove),
		FAKE_TEST(test_duplicates),
		FAKE_TEST(test_bad_addresses),
		FAKE_TEST(test_lookup),
		FAKE_TEST(test_straddr),
		FAKE_TEST(test_formats),
		FAKE_TEST(test_one_family),
		FAKE_TEST(test_user_id),
		FAKE_TEST(test_rx_contexts),
		FAKE_TEST(test_async),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
