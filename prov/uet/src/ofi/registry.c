/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "ofi/registry.h"

#include <stdlib.h>
#include <string.h>

/* In the order of opening. */
static struct fid **objects;
static size_t count, room;
static bool forked;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int grow(void)
{
	size_t want = room ? 2 * room : 16;
	struct fid **more = realloc(objects, want * sizeof(*more));

	if (!more)
		return -FI_ENOMEM;
	objects = more;
	room = want;
	return 0;
}

int uet_registry_add(struct fid *fid)
{
	int ret = 0;

	pthread_mutex_lock(&lock);
	if (count == room)
		ret = grow();
	if (!ret)
		objects[count++] = fid;
	pthread_mutex_unlock(&lock);
	return ret;
}

void uet_registry_del(struct fid *fid)
{
	size_t i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < count && objects[i] != fid; i++)
		;
	if (i < count) {
		count--;
		memmove(&objects[i], &objects[i + 1], (count - i) * sizeof(*objects));
	}
	if (!count) {
		free(objects);
		objects = NULL;
		room = 0;
	}
	pthread_mutex_unlock(&lock);
}

static const char *domain_name(struct fid *fid)
{
	return uet_container_of(fid, struct uet_domain, fid.fid)->name;
}

/* First object of @fclass, named @name if it is a domain. The lock is held. */
static struct fid *find(size_t fclass, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (objects[i]->fclass != fclass)
			continue;
		if (!name || strcmp(domain_name(objects[i]), name) == 0)
			return objects[i];
	}
	return NULL;
}

struct fid_fabric *uet_registry_fabric(void)
{
	struct fid *fid;

	pthread_mutex_lock(&lock);
	fid = find(FI_CLASS_FABRIC, NULL);
	pthread_mutex_unlock(&lock);
	return fid ? uet_container_of(fid, struct fid_fabric, fid) : NULL;
}

struct fid_domain *uet_registry_domain(const char *name)
{
	struct fid *fid;

	pthread_mutex_lock(&lock);
	fid = find(FI_CLASS_DOMAIN, name);
	pthread_mutex_unlock(&lock);
	return fid ? uet_container_of(fid, struct fid_domain, fid) : NULL;
}

bool uet_registry_domain_name(const struct fid_domain *domain, char name[IF_NAMESIZE])
{
	bool found = false;
	size_t i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < count && !found; i++) {
		found = objects[i] == &domain->fid && objects[i]->fclass == FI_CLASS_DOMAIN;
		if (found)
			memcpy(name, domain_name(objects[i]), IF_NAMESIZE);
	}
	pthread_mutex_unlock(&lock);
	return found;
}

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void after_fork_parent(void)
{
	pthread_mutex_unlock(&lock);
}

static void after_fork_child(void)
{
	forked = forked || count;
	pthread_mutex_unlock(&lock);
}

void uet_registry_watch_fork(void)
{
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

bool uet_registry_forked(void)
{
	bool ret;

	pthread_mutex_lock(&lock);
	ret = forked;
	pthread_mutex_unlock(&lock);
	return ret;
}
