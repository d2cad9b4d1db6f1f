/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Latency and bandwidth of libfabric providers and of bare UDP, side by side: two processes on
 * one host, the contenders taking turns, the same buffers and message counts for all. Reports
 * the median over the rounds and the range.
 *
 *   uet_compare [-p uet,net,tcp;ofi_rxm,raw] [-a 127.0.0.1] [-r ROUNDS] [-s SIZE,SIZE...]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_tagged.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define MAX_CONTENDERS 8
#define MAX_SIZES 16
#define MAX_ROUNDS 101
#define WINDOW 64
#define TAG_DATA 1
#define TAG_ACK 2
#define RAW_SEGMENT 8192
#define RAW_BURST 57344		/* 7 segments: what one GSO send may carry */
#define RUN_SECONDS 60		/* a contender that takes longer is given up */

struct options {
	char *contenders[MAX_CONTENDERS];
	int contender_cnt;
	size_t sizes[MAX_SIZES];
	int size_cnt;
	int rounds;
	const char *address;
};

struct sample {
	double usec;		/* one way */
	double mbytes;		/* MB/s; 0 = not measured */
};

/* One end of a libfabric pair. */
struct end {
	struct fi_info *info;
	struct fid_fabric *fabric;
	struct fid_domain *domain;
	struct fid_cq *cq;
	struct fid_av *av;
	struct fid_ep *ep;
	fi_addr_t peer;
	char *buf;
	uint64_t sent, received;	/* completions seen */
};

static double now_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int iterations(size_t size)
{
	return size <= 4096 ? 10000 : size <= 65536 ? 2000 : 400;
}

static int windows(size_t size)
{
	return size <= 4096 ? 200 : size <= 65536 ? 60 : 8;
}

static void die(const char *what, long ret)
{
	fprintf(stderr, "uet_compare: %s: %s\n", what, fi_strerror((int)(ret < 0 ? -ret : ret)));
	_exit(1);
}

/* ---- libfabric ---- */

static void drain(struct end *e)
{
	struct fi_cq_tagged_entry entry[16];
	ssize_t n = fi_cq_read(e->cq, entry, 16);
	ssize_t i;

	if (n == -FI_EAGAIN)
		return;
	if (n < 0)
		die("fi_cq_read", n);
	for (i = 0; i < n; i++) {
		if (entry[i].flags & FI_RECV)
			e->received++;
		else
			e->sent++;
	}
}

static void post_recv(struct end *e, size_t size, uint64_t tag)
{
	ssize_t ret;

	while ((ret = fi_trecv(e->ep, e->buf, size, NULL, FI_ADDR_UNSPEC, tag, 0, NULL)) ==
	       -FI_EAGAIN)
		drain(e);
	if (ret)
		die("fi_trecv", ret);
}

/* Returns the number of completions that will follow (0 for an inject). */
static int post_send(struct end *e, size_t size, uint64_t tag)
{
	bool inject = size <= e->info->tx_attr->inject_size;
	ssize_t ret;

	for (;;) {
		ret = inject ? fi_tinject(e->ep, e->buf, size, e->peer, tag) :
			       fi_tsend(e->ep, e->buf, size, NULL, e->peer, tag, NULL);
		if (ret != -FI_EAGAIN)
			break;
		drain(e);
	}
	if (ret)
		die("fi_tsend", ret);
	return inject ? 0 : 1;
}

static void wait_for(struct end *e, uint64_t sent, uint64_t received)
{
	while (e->sent < sent || e->received < received)
		drain(e);
}

static double fabric_latency(struct end *e, size_t size, bool client)
{
	int i, n = iterations(size);
	uint64_t sent = e->sent, received = e->received;
	double start = 0;

	for (i = -n / 10; i < n; i++) {
		if (i == 0)
			start = now_usec();
		post_recv(e, size, TAG_DATA);
		if (client)
			sent += (uint64_t)post_send(e, size, TAG_DATA);
		wait_for(e, client ? sent : e->sent, ++received);
		if (!client)
			sent += (uint64_t)post_send(e, size, TAG_DATA);
	}
	wait_for(e, sent, received);
	return (now_usec() - start) / n / 2;
}

static double fabric_bandwidth(struct end *e, size_t size, bool client)
{
	int i, w, n = windows(size);
	uint64_t sent = e->sent, received = e->received;
	double start = 0;

	for (w = -1; w < n; w++) {
		if (w == 0)
			start = now_usec();
		for (i = 0; i < WINDOW; i++) {
			if (client)
				sent += (uint64_t)post_send(e, size, TAG_DATA);
			else
				post_recv(e, size, TAG_DATA);
		}
		if (client)
			post_recv(e, 4, TAG_ACK);
		received += client ? 1 : WINDOW;
		wait_for(e, sent, received);
		if (!client)
			sent += (uint64_t)post_send(e, 4, TAG_ACK);
	}
	wait_for(e, sent, received);
	return (double)size * WINDOW * n / (now_usec() - start);
}

static struct fi_info *find_info(const char *provider, const char *address)
{
	struct fi_info *hints = fi_allocinfo();
	struct fi_info *info;
	int ret;

	if (!hints)
		die("fi_allocinfo", FI_ENOMEM);
	hints->ep_attr->type = FI_EP_RDM;
	hints->caps = FI_TAGGED;
	hints->mode = FI_CONTEXT;
	hints->addr_format = FI_SOCKADDR_IN;
	hints->domain_attr->threading = FI_THREAD_DOMAIN;
	hints->domain_attr->data_progress = FI_PROGRESS_MANUAL;
	hints->domain_attr->mr_mode = 0;
	hints->fabric_attr->prov_name = strdup(provider);
	ret = fi_getinfo(FI_VERSION(1, 9), address, NULL, FI_SOURCE, hints, &info);
	if (ret)
		die("fi_getinfo", ret);
	fi_freeinfo(hints);
	return info;
}

static void open_end(struct end *e, const char *provider, const char *address, size_t size)
{
	struct fi_cq_attr cq_attr = { .format = FI_CQ_FORMAT_TAGGED, .size = 4096 };
	struct fi_av_attr av_attr = { .type = FI_AV_UNSPEC };
	int ret;

	e->info = find_info(provider, address);
	av_attr.type = e->info->domain_attr->av_type;
	ret = fi_fabric(e->info->fabric_attr, &e->fabric, NULL);
	if (!ret)
		ret = fi_domain(e->fabric, e->info, &e->domain, NULL);
	if (!ret)
		ret = fi_cq_open(e->domain, &cq_attr, &e->cq, NULL);
	if (!ret)
		ret = fi_av_open(e->domain, &av_attr, &e->av, NULL);
	if (!ret)
		ret = fi_endpoint(e->domain, e->info, &e->ep, NULL);
	if (!ret)
		ret = fi_ep_bind(e->ep, &e->cq->fid, FI_TRANSMIT | FI_RECV);
	if (!ret)
		ret = fi_ep_bind(e->ep, &e->av->fid, 0);
	if (!ret)
		ret = fi_enable(e->ep);
	if (ret)
		die("opening an endpoint", ret);
	e->buf = aligned_alloc(4096, (size + 8191) / 4096 * 4096);
	if (!e->buf)
		die("buffer", FI_ENOMEM);
	memset(e->buf, 1, size + 4096);
}

static void swap_names(struct end *e, int sock)
{
	char name[128];
	size_t len = sizeof(name);
	int ret = fi_getname(&e->ep->fid, name, &len);

	if (ret)
		die("fi_getname", ret);
	if (write(sock, name, sizeof(name)) != sizeof(name) ||
	    read(sock, name, sizeof(name)) != sizeof(name))
		die("exchanging names", errno);
	if (fi_av_insert(e->av, name, 1, &e->peer, 0, NULL) != 1)
		die("fi_av_insert", FI_EINVAL);
}

static void close_end(struct end *e)
{
	fi_close(&e->ep->fid);
	fi_close(&e->av->fid);
	fi_close(&e->cq->fid);
	fi_close(&e->domain->fid);
	fi_close(&e->fabric->fid);
	fi_freeinfo(e->info);
	free(e->buf);
}

static struct sample run_fabric(const char *provider, const char *address, size_t size,
				bool client, int sock)
{
	struct sample s;
	struct end e = { 0 };

	open_end(&e, provider, address, size);
	swap_names(&e, sock);
	s.usec = fabric_latency(&e, size, client);
	s.mbytes = fabric_bandwidth(&e, size, client);
	close_end(&e);
	return s;
}

/* ---- bare UDP: the limit ---- */

static int open_raw(const char *address, int sock)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int on = 1, room = 4 << 20;

	inet_pton(AF_INET, address, &sin.sin_addr);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)))
		die("UDP socket", errno);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
	getsockname(fd, (struct sockaddr *)&sin, &len);
	if (write(sock, &sin, sizeof(sin)) != sizeof(sin) ||
	    read(sock, &sin, sizeof(sin)) != sizeof(sin) ||
	    connect(fd, (struct sockaddr *)&sin, sizeof(sin)))
		die("UDP connect", errno);
	return fd;
}

static size_t raw_recv(int fd, char *buf)
{
	ssize_t n;

	while ((n = recv(fd, buf, 65536, 0)) < 0)
		if (errno != EAGAIN)
			die("recv", errno);
	return (size_t)n;
}

static void raw_send(int fd, const char *buf, size_t len)
{
	while (send(fd, buf, len, 0) < 0)
		if (errno != EAGAIN && errno != ENOBUFS)
			die("send", errno);
}

static double raw_latency(int fd, char *buf, size_t size, bool client)
{
	int i, n = iterations(size);
	double start = 0;

	for (i = -n / 10; i < n; i++) {
		if (i == 0)
			start = now_usec();
		if (client)
			raw_send(fd, buf, size);
		raw_recv(fd, buf);
		if (!client)
			raw_send(fd, buf, size);
	}
	return (now_usec() - start) / n / 2;
}

/* Bursts of GSO segments with a reply every few, so that the receive buffer never overflows. */
static double raw_bandwidth(int fd, char *buf, bool client)
{
	const int burst_cnt = 8, n = 400;
	int i, b, segment = RAW_SEGMENT;
	size_t got;
	double start;

	setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	start = now_usec();
	for (i = 0; i < n; i++) {
		for (b = 0; client && b < burst_cnt; b++)
			raw_send(fd, buf, RAW_BURST);
		for (got = 0; !client && got < (size_t)burst_cnt * RAW_BURST;)
			got += raw_recv(fd, buf);
		if (client)
			raw_recv(fd, buf);
		else
			raw_send(fd, buf, 1);
	}
	return (double)RAW_BURST * burst_cnt * n / (now_usec() - start);
}

static struct sample run_raw(const char *address, size_t size, bool client, int sock)
{
	struct sample s = { 0 };
	char *buf = calloc(1, 65536 + size);
	int fd = open_raw(address, sock);

	if (!buf)
		die("buffer", FI_ENOMEM);
	if (size <= RAW_BURST)
		s.usec = raw_latency(fd, buf, size, client);
	else
		s.mbytes = raw_bandwidth(fd, buf, client);
	close(fd);
	free(buf);
	return s;
}

/* ---- a pair of processes ---- */

static void pin(bool client)
{
	cpu_set_t all, one;
	int cpu, seen = 0;

	if (sched_getaffinity(0, sizeof(all), &all) || CPU_COUNT(&all) < 2)
		return;
	CPU_ZERO(&one);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all) && seen++ == (client ? 0 : 1))
			CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

static void child(const char *contender, const char *address, size_t size, bool client, int sock,
		  int result)
{
	struct sample s;

	alarm(RUN_SECONDS);
	pin(client);
	if (!strcmp(contender, "raw"))
		s = run_raw(address, size, client, sock);
	else
		s = run_fabric(contender, address, size, client, sock);
	if (client && write(result, &s, sizeof(s)) != sizeof(s))
		_exit(1);
	_exit(0);
}

static int run_pair(const char *contender, const char *address, size_t size, struct sample *s)
{
	int sock[2], result[2], status, i, failed = 0;
	pid_t pid[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sock) || pipe(result))
		die("socketpair", errno);
	for (i = 0; i < 2; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			close(sock[!i]);
			child(contender, address, size, i == 0, sock[i], result[1]);
		}
	}
	close(sock[0]);
	close(sock[1]);
	close(result[1]);
	if (read(result[0], s, sizeof(*s)) != sizeof(*s))
		failed = 1;
	close(result[0]);
	for (i = 0; i < 2; i++) {
		if (failed)
			kill(pid[i], SIGKILL);
		waitpid(pid[i], &status, 0);
	}
	return failed;
}

/* ---- results ---- */

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_figure(double *v, int n)
{
	char text[64];

	if (!n || v[n / 2] == 0) {
		printf("  %-24s", "-");
		return;
	}
	qsort(v, (size_t)n, sizeof(*v), compare_double);
	snprintf(text, sizeof(text), "%.2f [%.2f-%.2f]", v[n / 2], v[0], v[n - 1]);
	printf("  %-24s", text);
}

static struct sample samples[MAX_CONTENDERS][MAX_SIZES][MAX_ROUNDS];
static int sample_cnt[MAX_CONTENDERS][MAX_SIZES];

static void print_table(const struct options *o)
{
	double v[MAX_ROUNDS];
	int c, i, r, n;

	printf("%-14s %10s  %-24s  %-24s\n", "contender", "bytes", "one-way us [range]",
	       "MB/s [range]");
	for (i = 0; i < o->size_cnt; i++) {
		for (c = 0; c < o->contender_cnt; c++) {
			n = sample_cnt[c][i];
			printf("%-14s %10zu", o->contenders[c], o->sizes[i]);
			for (r = 0; r < n; r++)
				v[r] = samples[c][i][r].usec;
			print_figure(v, n);
			for (r = 0; r < n; r++)
				v[r] = samples[c][i][r].mbytes;
			print_figure(v, n);
			printf("%s\n", n ? "" : " not available");
		}
	}
}

static void measure(const struct options *o)
{
	int c, i, r;
	struct sample s;

	for (r = 0; r < o->rounds; r++)
		for (i = 0; i < o->size_cnt; i++)
			for (c = 0; c < o->contender_cnt; c++)
				if (!run_pair(o->contenders[c], o->address, o->sizes[i], &s))
					samples[c][i][sample_cnt[c][i]++] = s;
}

static void parse_list(char *text, struct options *o, bool sizes)
{
	char *save, *word;

	for (word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		if (sizes && o->size_cnt < MAX_SIZES)
			o->sizes[o->size_cnt++] = strtoul(word, NULL, 0);
		else if (!sizes && o->contender_cnt < MAX_CONTENDERS)
			o->contenders[o->contender_cnt++] = word;
	}
}

int main(int argc, char **argv)
{
	static char contenders[] = "uet,net,tcp;ofi_rxm,raw";
	static char sizes[] = "64,1048576";
	struct options o = { .rounds = 5, .address = "127.0.0.1" };
	int opt;

	while ((opt = getopt(argc, argv, "p:s:r:a:")) != -1) {
		switch (opt) {
		case 'p':
			parse_list(optarg, &o, false);
			break;
		case 's':
			parse_list(optarg, &o, true);
			break;
		case 'r':
			o.rounds = atoi(optarg);
			break;
		case 'a':
			o.address = optarg;
			break;
		default:
			fprintf(stderr, "usage: %s [-p CONTENDERS] [-s SIZES] [-r ROUNDS] [-a ADDRESS]\n",
				argv[0]);
			return 2;
		}
	}
	if (o.rounds < 1 || o.rounds > MAX_ROUNDS) {
		fprintf(stderr, "uet_compare: -r takes 1 to %d\n", MAX_ROUNDS);
		return 2;
	}
	if (!o.contender_cnt)
		parse_list(contenders, &o, false);
	if (!o.size_cnt)
		parse_list(sizes, &o, true);
	setvbuf(stdout, NULL, _IOLBF, 0);
	measure(&o);
	print_table(&o);
	return 0;
}
