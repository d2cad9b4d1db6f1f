/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Big-endian loads and stores at any alignment. The compiler turns each into one
 * load or store and a byte swap.
 */
#ifndef UET_BASE_BYTES_H
#define UET_BASE_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* Read a 16-bit big-endian value at @p. */
static inline uint16_t uet_get_be16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return be16toh(v);
}

/* Read a 24-bit big-endian value at @p. */
static inline uint32_t uet_get_be24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

/* Read a 32-bit big-endian value at @p. */
static inline uint32_t uet_get_be32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

/* Read a 64-bit big-endian value at @p. */
static inline uint64_t uet_get_be64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}

/* Write @v at @p as 16 bits, big-endian. */
static inline void uet_put_be16(uint8_t *p, uint16_t v)
{
	v = htobe16(v);
	memcpy(p, &v, sizeof(v));
}

/* Write the low 24 bits of @v at @p, big-endian. */
static inline void uet_put_be24(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 16);
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)v;
}

/* Write @v at @p as 32 bits, big-endian. */
static inline void uet_put_be32(uint8_t *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}

/* Write @v at @p as 64 bits, big-endian. */
static inline void uet_put_be64(uint8_t *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof(v));
}

#endif /* UET_BASE_BYTES_H */
