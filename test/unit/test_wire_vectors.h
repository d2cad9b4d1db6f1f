/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The wire vectors in test/data, for test_wire_*.c: loading, access to fields that fails
 * the test when a field is missing, and a check that no field was left unlooked at.
 */
#ifndef TEST_WIRE_VECTORS_H
#define TEST_WIRE_VECTORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#ifndef UET_TEST_DATA_DIR
#define UET_TEST_DATA_DIR "test/data"
#endif

#define VEC_MAX_LEN 256

struct vec {
	const char *name;
	json_t *fields;		/* those not yet looked at */
	uint8_t bytes[VEC_MAX_LEN];
	size_t len;
};

/* Decode hex digits into @out; returns the number of bytes. */
static inline size_t vec_unhex(const char *hex, uint8_t *out)
{
	size_t n = 0;

	for (; *hex; hex += 2) {
		unsigned int byte;

		assert_true(n < VEC_MAX_LEN);
		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		out[n++] = (uint8_t)byte;
	}
	return n;
}

/* Load the array of vectors in file @name. */
static inline json_t *vec_load(const char *name)
{
	const char *dir = getenv("UET_TEST_DATA");
	json_error_t err;
	char path[1024];
	json_t *all;

	snprintf(path, sizeof(path), "%s/%s", dir ? dir : UET_TEST_DATA_DIR, name);
	all = json_load_file(path, JSON_REJECT_DUPLICATES, &err);
	if (!all)
		fail_msg("%s:%d: %s", path, err.line, err.text);
	assert_true(json_array_size(all) > 0);
	return all;
}

/* Start on entry @i of @all. */
static inline void vec_open(struct vec *v, const json_t *all, size_t i)
{
	const json_t *entry = json_array_get(all, i);

	v->name = json_string_value(json_object_get(entry, "name"));
	v->len = vec_unhex(json_string_value(json_object_get(entry, "hex")), v->bytes);
	v->fields = json_copy(json_object_get(entry, "fields"));
	assert_non_null(v->name);
	assert_non_null(v->fields);
}

/* Finish: every field must have been taken. */
static inline void vec_close(struct vec *v)
{
	const char *key;
	json_t *val;

	json_object_foreach(v->fields, key, val)
		fail_msg("%s: field %s was not checked", v->name, key);
	json_decref(v->fields);
}

static inline bool vec_has(const struct vec *v, const char *key)
{
	return json_object_get(v->fields, key) != NULL;
}

/* Take text field @key into @buf. */
static inline void vec_str(struct vec *v, const char *key, char *buf, size_t len)
{
	const char *s = json_string_value(json_object_get(v->fields, key));

	if (!s)
		fail_msg("%s: no text field %s", v->name, key);
	snprintf(buf, len, "%s", s ? s : "");
	json_object_del(v->fields, key);
}

/* Take field @key: an integer, or text like "0x10" or "-3". Must fit 64 bits. */
static inline uint64_t vec_num(struct vec *v, const char *key)
{
	const json_t *val = json_object_get(v->fields, key);
	uint64_t n;

	if (json_is_integer(val)) {
		n = (uint64_t)json_integer_value(val);
	} else {
		const char *s = json_string_value(val);
		char *end;

		if (!s)
			fail_msg("%s: no number field %s", v->name, key);
		n = s[0] == '-' ? (uint64_t)strtoll(s, &end, 0) : strtoull(s, &end, 0);
		if (*end)
			fail_msg("%s: field %s is no number", v->name, key);
	}
	json_object_del(v->fields, key);
	return n;
}

/* As vec_num; 0 when the vector has no such field. */
static inline uint64_t vec_opt(struct vec *v, const char *key)
{
	return vec_has(v, key) ? vec_num(v, key) : 0;
}

/* Take field @key, a hex number of up to 128 bits, into @out, big-endian. */
static inline void vec_num128(struct vec *v, const char *key, uint8_t out[16])
{
	char text[48], padded[33];
	const char *s;
	size_t n;

	vec_str(v, key, text, sizeof(text));
	assert_memory_equal(text, "0x", 2);
	s = text + 2;
	n = strlen(s);
	assert_true(n <= 32);
	memset(padded, '0', sizeof(padded));
	memcpy(padded + 32 - n, s, n + 1);
	assert_int_equal(vec_unhex(padded, out), 16);
}

/* Fail unless field @key exists and equals @got. */
#define VEC_CHECK(v, key, got)							\
	do {									\
		uint64_t want_ = vec_num(v, key), got_ = (uint64_t)(got);	\
		if (want_ != got_)						\
			fail_msg("%s: %s is 0x%jx, expected 0x%jx", (v)->name, key,	\
				 (uintmax_t)got_, (uintmax_t)want_);		\
	} while (0)

/* Fail unless member @m of two structs is equal; @who names the case. */
#define EQ(who, a, b, m)							\
	do {									\
		if ((a)->m != (b)->m)						\
			fail_msg("%s: " #m " is 0x%jx, expected 0x%jx", who,	\
				 (uintmax_t)(a)->m, (uintmax_t)(b)->m);		\
	} while (0)

/*
 * Copy of @len bytes that ends where its memory ends, so that sanitizers and valgrind see
 * any access beyond. @base receives what to free.
 */
static inline uint8_t *vec_exact(const uint8_t *bytes, size_t len, void **base)
{
	/* Without bytes: the end of a one-byte block. */
	uint8_t *p = malloc(len ? len : 1);

	assert_non_null(p);
	*base = p;
	if (len == 0)
		return p + 1;
	memcpy(p, bytes, len);
	return p;
}

#endif /* TEST_WIRE_VECTORS_H */
