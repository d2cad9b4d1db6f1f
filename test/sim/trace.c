/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packets of chosen links as a pcapng file (draft-ietf-opsawg-pcapng): one section, an
 * interface per link named after it, times in ns, whole frames with valid checksums.
 */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "sim/net_priv.h"

#define ETH	14u
#define IP	20u
#define UDP	8u
#define HEADERS	(ETH + IP + UDP)
#define ICMP	(8u + IP + UDP)		/* port unreachable, with what it quotes */

enum { PROTO_ICMP = 1, PROTO_UDP = 17 };

/* ---- frames ---- */

static uint32_t sum16(uint32_t sum, const uint8_t *p, uint32_t len)
{
	for (; len > 1; p += 2, len -= 2)
		sum += uet_get_be16(p);
	if (len)
		sum += (uint32_t)*p << 8;
	return (sum & 0xffff) + (sum >> 16);
}

static uint16_t checksum(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* The Ethernet address of a host: a local one that ends with its IPv4 address. */
static void put_mac(uint8_t *b, uint32_t host)
{
	uet_put_be16(b, 0x0200);
	uet_put_be32(b + 2, uet_sim_host_ip(host));
}

static void put_ip(uint8_t *b, uint8_t tos, uint8_t proto, uint32_t src, uint32_t dst,
		   uint32_t payload)
{
	memset(b, 0, IP);
	b[0] = 0x45;
	b[1] = tos;
	uet_put_be16(b + 2, (uint16_t)(IP + payload));
	b[6] = 0x40;		/* do not fragment */
	b[8] = 64;		/* TTL */
	b[9] = proto;
	uet_put_be32(b + 12, uet_sim_host_ip(src));
	uet_put_be32(b + 16, uet_sim_host_ip(dst));
	uet_put_be16(b + 10, checksum(sum16(0, b, IP)));
}

static void put_udp(uint8_t *b, const struct uet_sim_pkt *p, uint32_t len)
{
	uet_put_be16(b, p->sport);
	uet_put_be16(b + 2, p->dport);
	uet_put_be16(b + 4, (uint16_t)(UDP + len));
	uet_put_be16(b + 6, 0);
}

static uint16_t udp_checksum(const uint8_t *ip, const struct uet_sim_pkt *p)
{
	uint32_t sum = PROTO_UDP + UDP + p->len;
	uint16_t c;

	sum = sum16(sum, ip + 12, 8);
	sum = sum16(sum, ip + IP, UDP);
	c = checksum(sum16(sum, p->data, p->len));
	return c ? c : 0xffff;
}

/* Write the headers of @p, all of it in case of a report. Returns their length. */
static uint32_t headers(uint8_t *b, const struct uet_sim_pkt *p)
{
	uint8_t *ip = b + ETH, *l4 = ip + IP;

	put_mac(b, p->dst);
	put_mac(b + 6, p->src);
	uet_put_be16(b + 12, 0x0800);
	if (!p->err) {
		put_ip(ip, p->tos, PROTO_UDP, p->src, p->dst, UDP + p->len);
		put_udp(l4, p, p->len);
		uet_put_be16(l4 + 6, udp_checksum(ip, p));
		return HEADERS;
	}
	put_ip(ip, p->tos, PROTO_ICMP, p->src, p->dst, ICMP);
	memset(l4, 0, 8);
	l4[0] = 3;		/* destination ... */
	l4[1] = 3;		/* ... port unreachable */
	put_ip(l4 + 8, 0, PROTO_UDP, p->dst, p->src, UDP);
	put_udp(l4 + 8 + IP, p, 0);
	uet_put_be16(l4 + 2, checksum(sum16(0, l4, ICMP)));
	return ETH + IP + ICMP;
}

/* ---- blocks ---- */

static void put(struct uet_sim_net *net, const void *p, size_t len)
{
	if (len && fwrite(p, len, 1, net->trace) != 1 && !net->trace_err)
		net->trace_err = errno ? -errno : -EIO;
}

static void put_words(struct uet_sim_net *net, const uint32_t *w, int n)
{
	put(net, w, (size_t)n * sizeof(*w));
}

static void put_padding(struct uet_sim_net *net, uint32_t len)
{
	put(net, "\0\0\0", -len & 3);
}

static void put_section(struct uet_sim_net *net)
{
	const uint32_t w[] = { 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, UINT32_MAX, UINT32_MAX, 28 };

	put_words(net, w, UET_ARRAY_SIZE(w));
}

static void put_interface(struct uet_sim_net *net, uint32_t link)
{
	char name[64];
	uint32_t len, total;

	uet_sim_net_link_name(net, link, name, sizeof(name));
	len = (uint32_t)strlen(name);
	total = 16 + 4 + ((len + 3) & ~3u) + 8 + 4 + 4;
	put_words(net, (uint32_t[]){ 1, total, 1 /* Ethernet */, 0, 2 | len << 16 }, 5);
	put(net, name, len);
	put_padding(net, len);
	/* if_tsresol 9: ns; end of options */
	put_words(net, (uint32_t[]){ 9 | 1 << 16, 9, 0, total }, 4);
}

void uet_sim_trace_packet(struct uet_sim_net *net, const struct uet_sim_link *l,
			  const struct uet_sim_pkt *p, uint64_t time)
{
	uint8_t head[HEADERS + ICMP];
	uint32_t hlen = headers(head, p), dlen = p->err ? 0 : p->len;
	uint32_t len = hlen + dlen, total = 32 + ((len + 3) & ~3u);
	uint64_t ns = time / PSEC;

	put_words(net, (uint32_t[]){ 6, total, l->trace_id, (uint32_t)(ns >> 32), (uint32_t)ns,
				     len, len }, 7);
	put(net, head, hlen);
	put(net, p->data, dlen);
	put_padding(net, len);
	put_words(net, &total, 1);
}

/* ---- begin and end ---- */

static void trace_link(struct uet_sim_net *net, uint32_t link, bool traced)
{
	struct uet_sim_link *l = &net->links[link];

	uet_sim_link_settle(net, l);
	l->traced = traced;
	l->odd = l->traced || l->faulty;
	if (traced)
		uet_sim_link_follow(net, link);
}

static int end_trace(struct uet_sim_net *net)
{
	uint32_t i;
	int ret;

	if (!net->trace)
		return 0;
	for (i = 0; i < net->shape.links; i++)
		if (net->links[i].traced)
			trace_link(net, i, false);
	ret = net->trace_err;
	if (fclose(net->trace) && !ret)
		ret = -errno;
	net->trace = NULL;
	net->trace_err = 0;
	return ret;
}

int uet_sim_net_trace(struct uet_sim_net *net, const char *file, const uint32_t *links,
		      uint32_t cnt)
{
	int ret = end_trace(net);
	uint32_t i;

	if (ret || !file)
		return ret;
	for (i = 0; i < cnt; i++)
		if (links[i] >= net->shape.links)
			return -EINVAL;
	net->trace = fopen(file, "wb");
	if (!net->trace)
		return -errno;
	put_section(net);
	for (i = 0; i < cnt; i++) {
		net->links[links[i]].trace_id = i;
		trace_link(net, links[i], true);
		put_interface(net, links[i]);
	}
	return 0;
}
