/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the tests of address vectors share. */
#ifndef TEST_OFI_AV_H
#define TEST_OFI_AV_H

#include <arpa/inet.h>

#include "test_ofi_objects.h"

static inline struct fid_av *open_av(struct fake *f, uint64_t flags)
{
	struct fi_av_attr attr = { .type = FI_AV_TABLE, .flags = flags };
	struct fid_av *av;

	assert_int_equal(fi_av_open(fake_domain(f), &attr, &av, f), 0);
	return av;
}

static inline void close_av(struct fid_av *av)
{
	assert_int_equal(fi_close(&av->fid), 0);
}

static inline struct sockaddr_in in_addr(uint32_t ip, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(ip),
	};
}

static inline fi_addr_t insert(struct fid_av *av, uint32_t ip, uint16_t port)
{
	struct sockaddr_in sin = in_addr(ip, port);
	fi_addr_t addr;

	assert_int_equal(fi_av_insert(av, &sin, 1, &addr, 0, NULL), 1);
	return addr;
}

static inline int remove_addr(struct fid_av *av, fi_addr_t addr)
{
	return fi_av_remove(av, &addr, 1, 0);
}

/* Entry @addr is @ip:@port. */
static inline void check_lookup(struct fid_av *av, fi_addr_t addr, uint32_t ip, uint16_t port)
{
	struct sockaddr_in want = in_addr(ip, port), got;
	size_t len = sizeof(got);

	memset(&got, 0xee, sizeof(got));
	assert_int_equal(fi_av_lookup(av, addr, &got, &len), 0);
	assert_int_equal(len, sizeof(got));
	assert_memory_equal(&got, &want, sizeof(got));
}

static inline struct uet_ses_source source_of(uint32_t ip, uint32_t initiator)
{
	struct uet_ses_source source = { .initiator = initiator };

	source.host.family = AF_INET;
	ip = htonl(ip);
	memcpy(source.host.ip, &ip, sizeof(ip));
	return source;
}

static inline fi_addr_t find(struct fid_av *av, uint32_t ip, uint32_t initiator)
{
	struct uet_ses_source source = source_of(ip, initiator);

	return uet_av_find((struct uet_av *)av, &source);
}

#endif /* TEST_OFI_AV_H */
