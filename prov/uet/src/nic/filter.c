/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The interface filter: "eth*,10.0.0.0/8" admits what one of the words names,
 * "^docker0,fd00::/8" everything else.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>

#include "base/log.h"
#include "nic/discover_priv.h"

#define GLOB_LEN	64	/* longest word, with the final NUL */

struct word {
	uint32_t family;	/* of a subnet; 0 = a glob */
	uint8_t ip[16];
	uint8_t prefix_len;
	char glob[GLOB_LEN];
};

struct uet_filter {
	bool exclude;
	size_t count;
	struct word words[];
};

static bool parse_prefix_len(const char *text, long max, uint8_t *len)
{
	char *end;
	long v;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	v = strtol(text, &end, 10);
	if (errno || *end || v > max)
		return false;
	*len = (uint8_t)v;
	return true;
}

static const char *parse_subnet(struct word *w, char *text, char *slash)
{
	*slash = '\0';
	if (inet_pton(AF_INET, text, w->ip) == 1)
		w->family = AF_INET;
	else if (inet_pton(AF_INET6, text, w->ip) == 1)
		w->family = AF_INET6;
	else
		return "not an IP address before '/'";
	if (!parse_prefix_len(slash + 1, w->family == AF_INET ? 32 : 128, &w->prefix_len))
		return "not a prefix length after '/'";
	return NULL;
}

static const char *parse_glob(struct word *w, const char *text)
{
	const char *open = strrchr(text, '[');
	const char *p;

	for (p = text; *p; p++)
		if (isspace((unsigned char)*p) || *p == '^')
			return *p == '^' ? "'^' may stand only at the start of the whole list" :
					   "an interface name has no spaces";
	if (inet_pton(AF_INET, text, w->ip) == 1 || inet_pton(AF_INET6, text, w->ip) == 1)
		return "an address needs a prefix length, like 192.0.2.1/32";
	if (open && !strchr(open, ']'))
		return "'[' without ']'";
	if (!strpbrk(text, "*?[") && strlen(text) >= IF_NAMESIZE)
		return "too long for an interface name";
	memcpy(w->glob, text, strlen(text) + 1);
	return NULL;
}

/* Parse the @len bytes at @text; returns NULL or what is wrong with them. */
static const char *parse_word(struct word *w, const char *text, size_t len)
{
	char buf[GLOB_LEN];
	char *slash;

	if (!len)
		return "empty";
	if (len >= sizeof(buf))
		return "too long";
	memcpy(buf, text, len);
	buf[len] = '\0';
	slash = strchr(buf, '/');
	return slash ? parse_subnet(w, buf, slash) : parse_glob(w, buf);
}

static size_t count_words(const char *text)
{
	size_t n = 1;

	for (; *text; text++)
		n += *text == ',';
	return n;
}

int uet_filter_parse(const char *text, struct uet_filter **filter)
{
	const char *all = text, *wrong;
	struct uet_filter *f;
	size_t i, len, n;

	n = text && *text ? count_words(text) : 0;
	f = calloc(1, sizeof(*f) + n * sizeof(f->words[0]));
	if (!f)
		return -ENOMEM;
	f->count = n;
	if (n && *text == '^') {
		f->exclude = true;
		text++;
	}
	for (i = 0; i < n; i++) {
		len = strcspn(text, ",");
		wrong = parse_word(&f->words[i], text, len);
		if (wrong) {
			uet_warn("bad word '%.*s' in interface filter '%s': %s", (int)len, text,
				 all, wrong);
			uet_filter_free(f);
			return -EINVAL;
		}
		text += len + 1;
	}
	*filter = f;
	return 0;
}

static bool in_subnet(const struct word *w, const struct uet_addr *addr)
{
	unsigned int bytes = w->prefix_len / 8, bits = w->prefix_len % 8;

	if (addr->family != w->family || memcmp(addr->ip, w->ip, bytes))
		return false;
	return !bits || (addr->ip[bytes] ^ w->ip[bytes]) >> (8 - bits) == 0;
}

bool uet_filter_admits(const struct uet_filter *filter, const char *name,
		       const struct uet_addr *addr)
{
	const struct word *w;
	size_t i;

	for (i = 0; i < filter->count; i++) {
		w = &filter->words[i];
		if (w->family ? in_subnet(w, addr) : !fnmatch(w->glob, name, 0))
			return !filter->exclude;
	}
	return filter->exclude || !filter->count;
}

void uet_filter_free(struct uet_filter *filter)
{
	free(filter);
}
