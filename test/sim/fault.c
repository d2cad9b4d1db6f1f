/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What goes wrong, and when: the scenario's lines, and faults at random times.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "sim/ep.h"

static uint64_t when(struct uet_sim *sim)
{
	const struct uet_sim_trouble *t = &sim->sc.trouble;

	return t->from + uet_sim_below(sim, t->until > t->from ? t->until - t->from : 1);
}

static void draw_flap(struct uet_sim *sim, struct uet_sim_fault *f)
{
	uint32_t link = (uint32_t)uet_sim_below(sim, uet_sim_net_links(sim->net));

	f->kind = UET_SIM_LINK_DOWN;
	uet_sim_net_link_name(sim->net, link, f->link, sizeof(f->link));
	/* Half of the time both directions. */
	if (uet_sim_below(sim, 2))
		*strchr(f->link, '>') = '-';
	f->value = 1 + uet_sim_below(sim, sim->sc.trouble.flap_max);
}

static void draw(struct uet_sim *sim)
{
	const struct uet_sim_trouble *t = &sim->sc.trouble;
	uint32_t i;

	for (i = 0; i < t->flaps + t->pauses + t->crashes; i++) {
		struct uet_sim_fault *f = &sim->faults[sim->fault_cnt++];

		f->time = when(sim);
		if (i < t->flaps) {
			draw_flap(sim, f);
			continue;
		}
		f->kind = i < t->flaps + t->pauses ? UET_SIM_PAUSE : UET_SIM_CRASH;
		f->host = (uint32_t)uet_sim_below(sim, sim->sc.net.hosts);
		if (f->kind == UET_SIM_PAUSE)
			f->value = 1 + uet_sim_below(sim, t->pause_max);
		else if (t->restart_max)
			f->value = 1 + uet_sim_below(sim, t->restart_max);
	}
}

/* Does @f, of a link or an endpoint, keep a host from its peers, and for how long? */
static uint64_t outage(const struct uet_sim_fault *f)
{
	bool hosts = f->link[0] == 'h' || strstr(f->link, ">h") || strstr(f->link, "-h");

	if (f->kind == UET_SIM_PAUSE)
		return f->value;
	if (f->kind == UET_SIM_LINK_DOWN && hosts)
		return f->value ? f->value : UET_TIME_NEVER;
	return 0;
}

/* The link @name, or with '-' in it (@back) that of the other direction. */
static int64_t find_link(const struct uet_sim *sim, const char *name, bool back)
{
	char buf[2 * UET_SIM_NAME];
	const char *dash = strchr(name, '-');

	if (!dash)
		return back ? -1 : uet_sim_net_link_find(sim->net, name);
	if (back)
		snprintf(buf, sizeof(buf), "%s>%.*s", dash + 1, (int)(dash - name), name);
	else
		snprintf(buf, sizeof(buf), "%.*s>%s", (int)(dash - name), name, dash + 1);
	return uet_sim_net_link_find(sim->net, buf);
}

static bool possible(const struct uet_sim *sim, const struct uet_sim_fault *f)
{
	if (f->kind == UET_SIM_PAUSE || f->kind == UET_SIM_CRASH)
		return f->host < sim->sc.net.hosts;
	return find_link(sim, f->link, false) >= 0;
}

int uet_sim_faults_plan(struct uet_sim *sim, char *why, size_t len)
{
	const struct uet_sim_trouble *t = &sim->sc.trouble;
	uint64_t most = (uint64_t)sim->sc.fault_cnt + t->flaps + t->pauses + t->crashes;
	uint32_t i;

	sim->faults = calloc(most + 1, sizeof(sim->faults[0]));
	if (!sim->faults)
		return -ENOMEM;
	memcpy(sim->faults, sim->sc.faults, sim->sc.fault_cnt * sizeof(sim->faults[0]));
	sim->fault_cnt = sim->sc.fault_cnt;
	draw(sim);
	for (i = 0; i < sim->fault_cnt; i++) {
		const struct uet_sim_fault *f = &sim->faults[i];

		if (!possible(sim, f)) {
			snprintf(why, len, "a fault of %s %s: not in this network",
				 f->link[0] ? "link" : "a host", f->link);
			return -EINVAL;
		}
		sim->outage = uet_max_u64(sim->outage, outage(f));
		uet_sim_due(sim, f->time, UET_SIM_DUE_FAULT, i);
	}
	/* Silence of that length is taken for death, wherever it comes from. */
	sim->failures_expected = sim->outage > sim->sc.ses.pds.peer_timeout / 2;
	return 0;
}

static void set_links(struct uet_sim *sim, const struct uet_sim_fault *f, bool up)
{
	int64_t link = find_link(sim, f->link, false), back = find_link(sim, f->link, true);

	uet_sim_net_link_set(sim->net, (uint32_t)link, up, sim->sc.notice);
	if (back >= 0)
		uet_sim_net_link_set(sim->net, (uint32_t)back, up, sim->sc.notice);
}

static void set_rates(struct uet_sim *sim, const struct uet_sim_fault *f)
{
	int64_t link = find_link(sim, f->link, false), back = find_link(sim, f->link, true);

	if (uet_sim_net_link_rate(sim->net, (uint32_t)link, f->value))
		uet_sim_complain(sim, "%s cannot have that rate", f->link);
	if (back >= 0)
		uet_sim_net_link_rate(sim->net, (uint32_t)back, f->value);
}

void uet_sim_fault(struct uet_sim *sim, uint32_t index)
{
	struct uet_sim_fault *f = &sim->faults[index];
	struct uet_sim_ep *ep = &sim->eps[f->host];

	switch (f->kind) {
	case UET_SIM_LINK_DOWN:
	case UET_SIM_LINK_UP:
		set_links(sim, f, f->kind == UET_SIM_LINK_UP);
		break;
	case UET_SIM_LINK_RATE:
		set_rates(sim, f);
		return;
	case UET_SIM_PAUSE:
		uet_sim_ep_pause(ep, f->value);
		return;
	case UET_SIM_CRASH:
		/* Who is dead cannot die, and is not raised by this one. */
		if (!ep->ses)
			return;
		uet_sim_ep_crash(ep);
		if (!f->value)
			uet_sim_flow_ep_gone(ep);
		break;
	}
	if (f->value)
		uet_sim_due(sim, f->time + f->value, UET_SIM_DUE_FAULT_END, index);
}

void uet_sim_fault_end(struct uet_sim *sim, uint32_t index)
{
	struct uet_sim_fault *f = &sim->faults[index];

	if (f->kind == UET_SIM_LINK_DOWN)
		set_links(sim, f, true);
	else if (uet_sim_ep_restart(&sim->eps[f->host]))
		uet_sim_complain(sim, "host %u could not be restarted", f->host);
}
