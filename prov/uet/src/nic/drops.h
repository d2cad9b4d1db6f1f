/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef UET_NIC_DROPS_H
#define UET_NIC_DROPS_H

#include "nic/nic.h"

/* Packets that found no room at @nic (ops->drops); 0 for devices that cannot tell. */
static inline uint64_t uet_nic_drops(struct uet_nic *nic)
{
	return nic->ops->drops ? nic->ops->drops(nic) : 0;
}

/*
 * Datagrams that the kernel has dropped because the receive buffer of socket @fd was full
 * (SO_MEMINFO of getsockopt(2)), merged packets counting as one; 0 if @fd is no socket. A system
 * call: not for each packet.
 */
uint64_t uet_socket_drops(int fd);

/*
 * Percent, 0 .. 100, of the receive buffer of socket @fd that is in use; 0 if @fd is no socket. A
 * system call, too.
 */
uint8_t uet_socket_fill(int fd);

#endif /* UET_NIC_DROPS_H */
