/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef UET_NIC_DROPS_H
#define UET_NIC_DROPS_H

#include "nic/nic.h"

/*
 * Datagrams that the kernel has dropped because the receive buffer of @nic's socket was full
 * (SO_MEMINFO of getsockopt(2)), merged packets counting as one; 0 for devices that are no
 * socket. A system call: not for each packet.
 */
uint64_t uet_nic_drops(struct uet_nic *nic);

#endif /* UET_NIC_DROPS_H */
