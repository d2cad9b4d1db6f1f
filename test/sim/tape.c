/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The bytes that messages consist of: random ones, the same again and again, by mapping one
 * piece of memory many times. So they stay in the processor's cache however long messages are.
 * The piece is a prime number of pages, lest misplaced packets look right.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/sim.h"

#define PIECE_PAGES 251u

static int map_pieces(uint8_t *base, size_t piece, size_t cnt)
{
	int fd = memfd_create("uet-sim-tape", MFD_CLOEXEC);
	int ret = 0;
	size_t i;

	if (fd < 0 || ftruncate(fd, (off_t)piece))
		ret = -errno;
	for (i = 0; !ret && i < cnt; i++)
		if (mmap(base + i * piece, piece, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			 fd, 0) == MAP_FAILED)
			ret = -errno;
	if (fd >= 0)
		close(fd);
	return ret;
}

int uet_sim_tape_create(struct uet_sim *sim, size_t len)
{
	size_t piece = PIECE_PAGES * (size_t)sysconf(_SC_PAGESIZE), cnt = len / piece + 1, i;
	uint64_t *words;
	int ret;

	words = mmap(NULL, cnt * piece, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		     0);
	if (words == MAP_FAILED)
		return -errno;
	sim->tape = (uint8_t *)words;
	sim->tape_len = cnt * piece;
	ret = map_pieces(sim->tape, piece, cnt);
	for (i = 0; !ret && i < piece / sizeof(*words); i++)
		words[i] = uet_rand_u64(&sim->rand);
	return ret;
}

void uet_sim_tape_destroy(struct uet_sim *sim)
{
	if (sim->tape)
		munmap(sim->tape, sim->tape_len);
}
