/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Random operations of all kinds between random pairs: each host has `outstanding` lanes, each
 * lane is a chain of `count` operations. mixed.h tells of the memory that they work on.
 */
#include "base/util.h"
#include "sim/mixed.h"
#include "sim/workload.h"

/* Small ones are as likely as any; few fill more than some packets. */
static uint32_t draw_bytes(struct uet_sim *sim, uint64_t most)
{
	uint64_t room = most;

	switch (uet_sim_below(sim, 8)) {
	case 0:
		room = 8;
		break;
	case 1:
	case 2:
	case 3:
		room = 1024;
		break;
	case 4:
	case 5:
		room = 16384;
		break;
	default:
		break;
	}
	return (uint32_t)uet_sim_below(sim, uet_min_u64(room, most) + 1);
}

static void draw(struct uet_sim *sim, struct uet_sim_flow *f)
{
	const struct uet_sim_work *w = &sim->sc.work;
	bool small;

	f->op = (uint8_t)uet_sim_below(sim, UET_SIM_OPS);
	small = f->op == UET_SIM_WRITE || f->op == UET_SIM_READ;
	f->bytes = draw_bytes(sim, small ? UET_SIM_SLOT - UET_SIM_CELL : w->size_max);
	if (f->op == UET_SIM_SUM || f->op == UET_SIM_FETCH)
		f->bytes = sizeof(uint64_t);
	f->mode = UET_MODE_RUD;
	if (f->op == UET_SIM_STREAM || uet_sim_below(sim, 4) == 0)
		f->mode = UET_MODE_ROD;
	if (uet_sim_below(sim, 3) == 0)
		f->late = uet_sim_below(sim, w->late_max + 1);
	f->gap = uet_sim_below(sim, w->gap_max + 1);
}

int uet_sim_plan_mixed(struct uet_sim *sim)
{
	const struct uet_sim_work *w = &sim->sc.work;
	uint32_t n = sim->sc.net.hosts, lanes = n * w->outstanding, id;
	int ret = uet_sim_flows_make(sim, (uint64_t)lanes * w->count);

	for (id = 0; !ret && id < sim->flow_cnt; id++) {
		struct uet_sim_flow *f = &sim->flows[id];
		uint32_t src = id % lanes / w->outstanding;

		uet_sim_flow_between(sim, id, src,
				     (src + 1 + (uint32_t)uet_sim_below(sim, n - 1)) % n);
		f->lane = id % w->outstanding;
		draw(sim, f);
		if (id + lanes < sim->flow_cnt)
			uet_sim_flow_chain(sim, id, id + lanes, false);
	}
	return ret;
}
