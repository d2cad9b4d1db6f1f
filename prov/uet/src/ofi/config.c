/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "ofi/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ofi/ofi.h"

#define MS UET_NSEC_PER_MSEC
#define STATS_MAX 86400	/* seconds */

struct uet_config uet_config;

enum param_kind {
	PARAM_U32,
	PARAM_SIZE,
	PARAM_MS,	/* milliseconds outside, uint64_t nanoseconds inside */
	PARAM_US,	/* microseconds outside, uint64_t nanoseconds inside */
	PARAM_MBITS,	/* Mbit/s outside, uint64_t bits per second inside */
};

struct param {
	const char *name;
	enum param_kind kind;
	size_t offset;		/* of the member in struct uet_config */
	uint64_t min, max, def;
	const char *unit;
	const char *help;
};

struct flag {
	const char *name;
	size_t offset;
	bool def;
	const char *help;
};

#define AT(member) offsetof(struct uet_config, member)

static const struct param params[] = {
	{ "port", PARAM_U32, AT(port), 1, 65535, UET_PORT, "UDP port",
	  "First UDP port that an endpoint tries when the application names none. The "
	  "following ones are tried in turn: one per endpoint." },
	{ "job_id", PARAM_U32, AT(job_id), 1, UET_JOB_ID_MAX, 1, "JobID",
	  "Job that endpoints belong to unless the application passes an authorization key. "
	  "Messages of other jobs are refused, so all processes of a job need the same." },
	{ "mtu", PARAM_U32, AT(mtu), 0, UET_MTU_MAX, 0, "bytes",
	  "Payload per packet: 1024, 2048, 4096 or 8192; 0: the largest that fits the "
	  "interface's MTU. A value that does not fit is reduced until it does." },
	{ "inject_size", PARAM_SIZE, AT(inject_size), 0, UET_MTU_MAX, 4096, "bytes",
	  "Largest message that fi_inject and FI_INJECT accept; never more than the payload "
	  "of one packet." },
	{ "sndbuf", PARAM_SIZE, AT(sndbuf), 4096, 1 << 30, 4 << 20, "bytes",
	  "Send buffer of each socket. The kernel grants at most net.core.wmem_max." },
	{ "rcvbuf", PARAM_SIZE, AT(rcvbuf), 4096, 1 << 30, 4 << 20, "bytes",
	  "Receive buffer of each socket. The kernel grants at most net.core.rmem_max; small "
	  "buffers mean lost packets when many peers send at once." },
	{ "paths", PARAM_U32, AT(paths), 0, UET_NIC_PATHS_MAX, 0, "UDP ports",
	  "Source ports of each endpoint, over which unordered packets are spread, so that a "
	  "network that chooses ways by port uses all of them; 0: 1 on loopback interfaces, "
	  "else 16." },
	{ "dscp_data", PARAM_U32, AT(dscp_data), 0, 63, 0, "DSCP",
	  "Differentiated services code point of packets with data." },
	{ "dscp_control", PARAM_U32, AT(dscp_control), 0, 63, 46, "DSCP",
	  "Differentiated services code point of acknowledgements and other control packets." },
	{ "tx_size", PARAM_SIZE, AT(tx_size), 1, UET_QUEUE_MAX, 1024, "operations",
	  "Sends outstanding per endpoint unless the application asks for another number." },
	{ "rx_size", PARAM_SIZE, AT(rx_size), 1, UET_QUEUE_MAX, 4096, "operations",
	  "Receives posted per endpoint unless the application asks for another number." },
	{ "unexpected_count", PARAM_SIZE, AT(max_unexpected), 1, 1 << 24, 65536, "messages",
	  "Messages per endpoint that are kept until a receive is posted for them. Beyond, "
	  "senders are told to repeat." },
	{ "unexpected_bytes", PARAM_SIZE, AT(max_unexpected_bytes), UET_MTU_MAX,
	  1ull << 40, 1 << 30, "bytes",
	  "Memory per endpoint for the contents of such messages." },
	{ "reorder_bytes", PARAM_SIZE, AT(pds.max_ahead), 0, 1ull << 32, 16 << 20, "bytes",
	  "Memory per endpoint for ordered packets that arrive ahead of lost ones, which then "
	  "alone are repeated; 0: none, and all that follows a lost packet is sent again." },
	{ "defer_size", PARAM_SIZE, AT(defer_size), 0, 1ull << 32, 64 << 10, "bytes",
	  "Messages longer than this go as deferrable sends: a receiver that has neither asked "
	  "for one nor room for it keeps its header and calls for it later. 0: none." },
	{ "rendezvous_size", PARAM_SIZE, AT(rndv_size), 0, 1ull << 32, 0, "bytes",
	  "Messages longer than this go as rendezvous sends: all but their first bytes wait at "
	  "the sender, where the receiver reads them once there is a receive. 0: none, because "
	  "sending everything at once is faster over UDP." },
	{ "rendezvous_eager", PARAM_SIZE, AT(rndv_eager), 0, 1 << 20, 8192, "bytes",
	  "First bytes of such a message, which are sent at once." },
	{ "hmem_staging", PARAM_SIZE, AT(hmem_staging), 65536, 1ull << 40, 256 << 20, "bytes",
	  "Host memory per endpoint for copies of device memory on its way to the network. "
	  "Beyond, operations are to be repeated; one that is longer goes alone." },
	{ "linger", PARAM_MS, AT(linger), 0, 3600000, 5000, "ms",
	  "How long fi_close of an endpoint waits for the acknowledgement of what was sent." },
	{ "max_pdc", PARAM_U32, AT(pds.max_pdc), 2, 65535, 4096, "contexts",
	  "Packet delivery contexts per endpoint: roughly the number of peers that it talks "
	  "to at the same time, in both directions." },
	{ "window", PARAM_U32, AT(pds.cms.window_max), UET_MTU_MAX, 1 << 30, 1 << 20, "bytes",
	  "Most unacknowledged bytes towards one peer." },
	{ "base_rtt", PARAM_US, AT(pds.cms.base_rtt), 0, 1000000, 0, "us",
	  "Round-trip time of a full packet on the longest path without queues, for congestion "
	  "control; 0: measure it for each peer." },
	{ "link_speed", PARAM_MBITS, AT(pds.cms.link_rate), 0, 1600000, 0, "Mbit/s",
	  "Speed of the link, for congestion control; 0: what the interface says, or 10000 where "
	  "it says nothing." },
	{ "rto", PARAM_MS, AT(pds.cms.rto_min), 1, 60000, 5, "ms",
	  "Shortest time after which a packet without acknowledgement is sent again." },
	{ "rto_max", PARAM_MS, AT(pds.cms.rto_max), 1, 600000, 1000, "ms",
	  "Longest such time: it doubles with every repetition up to this value." },
	{ "peer_timeout", PARAM_MS, AT(pds.peer_timeout), 1, 86400000, 60000, "ms",
	  "Without a sign of life for so long, a peer is taken for dead, and operations "
	  "towards it fail. A peer that polls rarely needs FI_PROGRESS_AUTO or patience here." },
	{ "refused_timeout", PARAM_MS, AT(pds.refused_timeout), 1, 86400000, 3000, "ms",
	  "The same for a peer whose host answers that nothing listens on its port: covers "
	  "peers that start late." },
};

static const struct flag flags[] = {
	{ "burst", AT(burst), true,
	  "Hold small messages that follow others to the same peer closely, until the "
	  "application looks at a queue or counter or 60000 bytes wait, so that they leave "
	  "together. Without effect on automatic progress." },
	{ "gso", AT(gso), true,
	  "Hand several packets to the kernel in one piece (UDP_SEGMENT) where it can." },
	{ "gro", AT(gro), true,
	  "Take several packets from the kernel in one piece (UDP_GRO) where it can." },
	{ "rudi", AT(rudi), true,
	  "Read and write regions whose key says that repetition does no harm "
	  "(FI_UET_MR_IDEMPOTENT) without packet delivery contexts, where no order is asked." },
	{ "hmem_cuda", AT(hmem_cuda), true,
	  "Offer FI_HMEM for CUDA memory where the driver (libcuda.so.1) finds a device." },
	{ "strict_port", AT(pds.strict_port), false,
	  "Answer to UDP port 4793 instead of the port that a packet came from: for peers "
	  "whose source port carries nothing but entropy, such as UET hardware." },
};

static const struct {
	const char *name;
	uint8_t value;
} ccs[] = {
	{ "none", UET_CMS_NONE },
	{ "nscc", UET_CMS_NSCC },
	{ "rccc", UET_CMS_RCCC },
	{ "both", UET_CMS_NSCC | UET_CMS_RCCC },
};

static const char cc_help[] =
	"Congestion control: none (a window that only losses shrink); nscc, which reacts to delay, "
	"ECN marks and trimmed packets; rccc, which sends what the receiver gives credit for and "
	"needs it at both ends; or both (default: none on loopback, nscc elsewhere)";

static const char iface_help[] =
	"Interfaces to offer: a comma-separated list of names, globs (eth*) and subnets "
	"(192.0.2.0/24, fd00::/8); with a leading ^ all others (default: all)";

static const char stats_help[] =
	"Write counters of each endpoint to the log: exit - when it is closed; a number from 1 to "
	"86400 - then, and whenever so many seconds have passed. Independent of FI_LOG_LEVEL "
	"(default: none)";

/* The rest of the transport's settings: nothing that a user should have to know. */
static void set_fixed(struct uet_pds_cfg *pds)
{
	pds->mp_range = 1024;
	pds->max_stored = 65536;
	pds->max_rudi = 64;
	pds->ack_trigger = 16 << 10;
	pds->ack_min_add = 1 << 10;
	pds->nack_retx_time = 1 * MS;
	pds->nack_retx_max = 8 * MS;
	pds->idle_close = 1000 * MS;
	pds->target_idle = 10000 * MS;
	pds->linger = 2000 * MS;
	pds->cms.window_init = 256 << 10;
	/*
	 * A receiving socket charges every packet, however small, for a buffer of about this size;
	 * a window that counted bytes alone would overrun it with small packets.
	 */
	pds->cms.charge_min = 768;
}

static void store(const struct param *p, uint64_t value)
{
	char *at = (char *)&uet_config + p->offset;

	switch (p->kind) {
	case PARAM_U32:
		*(uint32_t *)at = (uint32_t)value;
		break;
	case PARAM_SIZE:
		*(size_t *)at = value;
		break;
	case PARAM_MS:
		*(uint64_t *)at = value * MS;
		break;
	case PARAM_US:
		*(uint64_t *)at = value * UET_NSEC_PER_USEC;
		break;
	case PARAM_MBITS:
		*(uint64_t *)at = value * 1000000;
		break;
	}
}

/* "FI_UET_TX_SIZE" of "tx_size". */
static void variable(const char *name, char *buf, size_t len)
{
	size_t i;

	snprintf(buf, len, "FI_UET_%s", name);
	for (i = 0; buf[i]; i++)
		if (buf[i] >= 'a' && buf[i] <= 'z')
			buf[i] -= 'a' - 'A';
}

/* Is all of @text one number (as strtol(3) with base 0 reads it)? */
static bool is_number(const char *text)
{
	char *end;

	(void)strtoll(text, &end, 0);
	return end != text && !*end;
}

static void reject(const struct param *p, const char *var, const char *text)
{
	FI_WARN(&uet_prov, FI_LOG_CORE,
		"%s=%s is not a number from %" PRIu64 " to %" PRIu64 " (%s); using %" PRIu64 "\n",
		var, text, p->min, p->max, p->unit, p->def);
}

static void read_param(const struct param *p)
{
	char var[64], text[32];
	const char *env;
	size_t value;

	store(p, p->def);
	if (fi_param_get_size_t(&uet_prov, p->name, &value))
		return;
	variable(p->name, var, sizeof(var));
	/* libfabric takes "64k" for 64 and "all" for 0. */
	env = getenv(var);
	if (env && !is_number(env)) {
		reject(p, var, env);
		return;
	}
	if (value < p->min || value > p->max) {
		snprintf(text, sizeof(text), "%zd", (ssize_t)value);
		reject(p, var, text);
		return;
	}
	store(p, value);
}

static void define_all(void)
{
	const struct param *p;
	const struct flag *f;

	fi_param_define(&uet_prov, "iface", FI_PARAM_STRING, "%s", iface_help);
	fi_param_define(&uet_prov, "cc", FI_PARAM_STRING, "%s", cc_help);
	for (p = params; p < params + UET_ARRAY_SIZE(params); p++)
		fi_param_define(&uet_prov, p->name, FI_PARAM_SIZE_T,
				"%s Unit: %s, range: %" PRIu64 "-%" PRIu64
				" (default: %" PRIu64 ")",
				p->help, p->unit, p->min, p->max, p->def);
	for (f = flags; f < flags + UET_ARRAY_SIZE(flags); f++)
		fi_param_define(&uet_prov, f->name, FI_PARAM_BOOL, "%s (default: %s)",
				f->help, f->def ? "yes" : "no");
	fi_param_define(&uet_prov, "stats", FI_PARAM_STRING, "%s", stats_help);
}

static void read_flag(const struct flag *f)
{
	bool *at = (bool *)((char *)&uet_config + f->offset);
	int value;

	*at = fi_param_get_bool(&uet_prov, f->name, &value) ? f->def : value != 0;
}

static void read_iface(void)
{
	char *value;

	free(uet_config.iface);
	uet_config.iface = NULL;
	if (fi_param_get_str(&uet_prov, "iface", &value) == 0 && *value)
		uet_config.iface = strdup(value);
}

static void read_cc(void)
{
	char *value;
	size_t i;

	uet_config.cc = UET_CC_BY_LINK;
	if (fi_param_get_str(&uet_prov, "cc", &value) || !*value)
		return;
	for (i = 0; i < UET_ARRAY_SIZE(ccs); i++) {
		if (strcmp(value, ccs[i].name) == 0) {
			uet_config.cc = ccs[i].value;
			return;
		}
	}
	FI_WARN(&uet_prov, FI_LOG_CORE,
		"FI_UET_CC=%s is none of none, nscc, rccc, both; choosing by interface\n", value);
}

/* The name that other UET software uses. */
static void read_other_job_id(void)
{
	const char *env = getenv("UET_JOB_ID");
	size_t ignored;
	long long id;

	if (!env || fi_param_get_size_t(&uet_prov, "job_id", &ignored) == 0)
		return;
	id = is_number(env) ? strtoll(env, NULL, 0) : 0;
	if (id >= 1 && id <= UET_JOB_ID_MAX) {
		uet_config.job_id = (uint32_t)id;
		return;
	}
	FI_WARN(&uet_prov, FI_LOG_CORE,
		"UET_JOB_ID=%s is not a number from 1 to %u; using %" PRIu32 "\n", env,
		UET_JOB_ID_MAX, uet_config.job_id);
}

static void read_stats(void)
{
	long long seconds;
	char *value;

	uet_config.stats = false;
	uet_config.stats_period = 0;
	if (fi_param_get_str(&uet_prov, "stats", &value) || !*value)
		return;
	seconds = is_number(value) ? strtoll(value, NULL, 0) : 0;
	if (strcmp(value, "exit") && (seconds < 1 || seconds > STATS_MAX)) {
		FI_WARN(&uet_prov, FI_LOG_CORE, "FI_UET_STATS=%s is neither exit nor a number of "
			"seconds from 1 to %d; writing no statistics\n", value, STATS_MAX);
		return;
	}
	uet_config.stats = true;
	uet_config.stats_period = (uint64_t)seconds * UET_NSEC_PER_SEC;
}

/* What a range alone cannot say. */
static void check_together(void)
{
	struct uet_cms_cfg *cms = &uet_config.pds.cms;
	uint32_t mtu = uet_config.mtu;

	if (mtu && (mtu < UET_MTU_MIN || mtu & (mtu - 1))) {
		FI_WARN(&uet_prov, FI_LOG_CORE, "FI_UET_MTU=%" PRIu32
			" is none of 0, 1024, 2048, 4096 and 8192; using 0\n", mtu);
		uet_config.mtu = 0;
	}
	if (cms->rto_max < cms->rto_min) {
		FI_WARN(&uet_prov, FI_LOG_CORE,
			"FI_UET_RTO_MAX is shorter than FI_UET_RTO; using %" PRIu64 " ms\n",
			(uint64_t)(cms->rto_min / MS));
		cms->rto_max = cms->rto_min;
	}
	if (cms->window_init > cms->window_max)
		cms->window_init = cms->window_max;
}

void uet_config_read(void)
{
	static bool defined;
	size_t i;

	if (!defined)
		define_all();
	defined = true;
	set_fixed(&uet_config.pds);
	read_iface();
	read_cc();
	for (i = 0; i < UET_ARRAY_SIZE(params); i++)
		read_param(&params[i]);
	for (i = 0; i < UET_ARRAY_SIZE(flags); i++)
		read_flag(&flags[i]);
	read_other_job_id();
	read_stats();
	check_together();
}

void uet_config_free(void)
{
	free(uet_config.iface);
	uet_config.iface = NULL;
}
