/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The kernel stamps packets with the wall clock (SO_TIMESTAMPNS), which may be set, ahead or back;
 * the transport reckons with the monotonic one. Both are read together whenever packets are:
 *
 *     reads of both clocks   |        |        |  wall clock set  |        |
 *     offset                 o        o        o        :         o'       o'
 *     stamps that are used        yes      yes          :    no  ^     yes: since the last read
 *                                                                  that found another offset
 */
#ifndef UET_NIC_STAMP_H
#define UET_NIC_STAMP_H

#include <stdint.h>

struct uet_stamps {
	int64_t offset;		/* wall clock less monotonic one, ns */
	uint64_t since;		/* monotonic, ns: the offset has held from here ... */
	uint64_t now;		/* ... to here; 0: never read */
};

/*
 * The wall clock said @wall, and after that the monotonic one @now, ns. A pause between the two
 * makes stamps later, never earlier: what is reckoned from them is no shorter than it was.
 */
void uet_stamps_read(struct uet_stamps *s, uint64_t wall, uint64_t now);

/* Monotonic time of stamp @wall, of a packet read before the last uet_stamps_read; 0: unknown. */
uint64_t uet_stamps_when(const struct uet_stamps *s, uint64_t wall);

#endif /* UET_NIC_STAMP_H */
