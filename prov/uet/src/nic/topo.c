/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How far a NIC is from the calling thread, as hwloc knows the machine.
 */
#include <pthread.h>

#include <hwloc.h>

#include "base/log.h"
#include "nic/discover_priv.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static hwloc_topology_t topology;	/* NULL: hwloc failed */

/* Loaded once and kept: it does not change, and loading takes long. */
static void load(void)
{
	hwloc_topology_t t;

	if (hwloc_topology_init(&t)) {
		uet_info("no hwloc topology: ports are not ordered by locality");
		return;
	}
	/* PCI devices only: looking for GPUs and the like behind them takes longer still. */
	if (hwloc_topology_set_type_filter(t, HWLOC_OBJ_PCI_DEVICE,
					   HWLOC_TYPE_FILTER_KEEP_IMPORTANT) ||
	    hwloc_topology_load(t)) {
		uet_info("no hwloc topology: ports are not ordered by locality");
		hwloc_topology_destroy(t);
		return;
	}
	topology = t;
}

/* The part of the machine that is next to @port; NULL = unknown. */
static hwloc_obj_t home_of(const struct uet_port *port)
{
	hwloc_obj_t obj = NULL;

	if (port->has_pci)
		obj = hwloc_get_pcidev_by_busid(topology, port->pci_domain, port->pci_bus,
						port->pci_device, port->pci_function);
	if (obj)
		return hwloc_get_non_io_ancestor_obj(topology, obj);
	if (port->numa_node < 0)
		return NULL;
	return hwloc_get_numanode_obj_by_os_index(topology, (unsigned int)port->numa_node);
}

void uet_topo_locate(struct uet_port *port)
{
	hwloc_cpuset_t bound;
	hwloc_obj_t home;

	port->near = true;
	if (!port->has_pci && port->numa_node < 0)
		return;
	pthread_once(&once, load);
	if (!topology)
		return;
	home = home_of(port);
	if (!home)
		return;
	if (port->numa_node < 0 && hwloc_bitmap_weight(home->nodeset) == 1)
		port->numa_node = hwloc_bitmap_first(home->nodeset);
	bound = hwloc_bitmap_alloc();
	if (bound && !hwloc_get_cpubind(topology, bound, HWLOC_CPUBIND_THREAD))
		port->near = hwloc_bitmap_intersects(bound, home->cpuset);
	hwloc_bitmap_free(bound);
}
