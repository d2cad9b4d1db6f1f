/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "ofi/avshare.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC		0x7665637461747565ull
#define LAYOUT		1u		/* of what follows; another number is another vector */
#define CAPACITY	(1u << 20)	/* entries, unless more are asked for */
#define MAX_CAPACITY	(1u << 26)
#define HEAD_SIZE	4096u
#define MAX_REFS	(1u << 30)
#define CHUNK		1024u		/* entries for which memory is reserved at a time */

/* Bytes of the file whose locks mean something. */
#define BYTE_PRESENT	0	/* shared by all who have it; exclusive: being made */
#define BYTE_WRITE	1

struct head {
	uint64_t magic;
	uint32_t layout;
	uint32_t capacity;		/* entries */
	_Atomic uint64_t version;	/* changes with every change */
	_Atomic uint32_t high;		/* entries from here on were never used */
	_Atomic uint32_t busy;		/* a writer is at it, or died in the middle */
};

struct entry {
	uint8_t ip[16];
	uint32_t zone;
	uint32_t port;
	uint32_t initiator;
	uint16_t pid_on_fep;
	uint16_t resource_index;
	uint16_t num_indices;
	uint8_t ipv6;
	uint8_t relative;
	uint8_t caps;
	uint8_t unused;
	_Atomic uint32_t refs;		/* 0: free */
};

struct uet_avshare {
	int fd;
	bool read_only;
	bool creator;
	uint32_t capacity;
	uint32_t reserved;		/* entries whose memory exists, as far as is known here */
	uint64_t seen;			/* version of the mirror */
	struct head *head;
	uint64_t *map;
	struct entry *entries;
	size_t size;			/* of the mapping */
	char path[NAME_MAX + 1];
};

static size_t map_offset(void)
{
	return HEAD_SIZE;
}

static size_t entries_offset(uint32_t capacity)
{
	return HEAD_SIZE + (size_t)capacity * sizeof(uint64_t);
}

static size_t size_of(uint32_t capacity)
{
	return entries_offset(capacity) + (size_t)capacity * sizeof(struct entry);
}

/* ---- locks ---- */

static int set_lock(int fd, int command, short type, off_t byte)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
	int ret;

	do {
		ret = fcntl(fd, command, &lock);
	} while (ret && errno == EINTR);
	return ret ? -errno : 0;
}

/* True if somebody else has @fd's vector open. */
static bool is_alive(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* ---- opening ---- */

/* A name of the file system for a name of any bytes. */
static int make_path(char path[NAME_MAX + 1], const char *domain, const char *name)
{
	size_t used = (size_t)snprintf(path, NAME_MAX + 1, "/uet-av-%u-%s-",
				       (unsigned int)geteuid(), domain);

	if (!*name)
		return -FI_EINVAL;
	for (; *name; name++) {
		if (used + 3 > NAME_MAX)
			return -FI_EINVAL;
		if (isalnum((unsigned char)*name) || *name == '_' || *name == '-')
			used += (size_t)snprintf(path + used, 2, "%c", *name);
		else
			used += (size_t)snprintf(path + used, 4, "%%%02X",
						 (unsigned char)*name);
	}
	return 0;
}

static int map_memory(struct uet_avshare *share, uint32_t capacity)
{
	int prot = share->read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	char *base;

	share->size = size_of(capacity);
	base = mmap(NULL, share->size, prot, MAP_SHARED, share->fd, 0);
	if (base == MAP_FAILED)
		return -errno;
	share->capacity = capacity;
	share->head = (struct head *)base;
	share->map = (uint64_t *)(base + map_offset());
	share->entries = (struct entry *)(base + entries_offset(capacity));
	return 0;
}

/* Make a new vector of the file, which is ours alone. */
static int init_memory(struct uet_avshare *share, size_t count)
{
	uint32_t capacity = (uint32_t)uet_max_u64(count, CAPACITY);
	int ret;

	if (count > MAX_CAPACITY)
		return -FI_EINVAL;
	capacity = (capacity + CHUNK - 1) & ~(CHUNK - 1);
	if (ftruncate(share->fd, 0) || ftruncate(share->fd, (off_t)size_of(capacity)))
		return -errno;
	ret = -posix_fallocate(share->fd, 0, HEAD_SIZE);
	if (!ret)
		ret = map_memory(share, capacity);
	if (ret)
		return ret;
	share->head->layout = LAYOUT;
	share->head->capacity = capacity;
	share->head->magic = MAGIC;
	share->creator = true;
	return 0;
}

/* Map a vector that others made, if it is one. */
static int find_memory(struct uet_avshare *share)
{
	struct stat st;
	struct head head;
	ssize_t n = pread(share->fd, &head, sizeof(head), 0);

	if (n != sizeof(head) || fstat(share->fd, &st))
		return -FI_EINVAL;
	if (head.magic != MAGIC || head.layout != LAYOUT || head.capacity < CHUNK ||
	    head.capacity > MAX_CAPACITY || (uint64_t)st.st_size != size_of(head.capacity))
		return -FI_EINVAL;
	return map_memory(share, head.capacity);
}

/* The name leads to the open file still: nobody took it away meanwhile. */
static bool is_current(const struct uet_avshare *share)
{
	struct stat st;

	return fstat(share->fd, &st) == 0 && st.st_nlink > 0;
}

static int attach_writer(struct uet_avshare *share, size_t count)
{
	int ret = set_lock(share->fd, F_OFD_SETLK, F_WRLCK, BYTE_PRESENT);

	if (ret == 0 && is_current(share)) {
		ret = init_memory(share, count);
		return ret ? ret : set_lock(share->fd, F_OFD_SETLK, F_RDLCK, BYTE_PRESENT);
	}
	if (ret && ret != -EAGAIN && ret != -EACCES)
		return ret;
	/* Waits at most for somebody who makes it at this moment. */
	ret = set_lock(share->fd, F_OFD_SETLKW, F_RDLCK, BYTE_PRESENT);
	if (ret)
		return ret;
	return is_current(share) ? find_memory(share) : -FI_EAGAIN;
}

static int attach_reader(struct uet_avshare *share)
{
	int ret;

	if (!is_alive(share->fd))
		return -FI_ENOENT;
	ret = set_lock(share->fd, F_OFD_SETLKW, F_RDLCK, BYTE_PRESENT);
	if (ret)
		return ret;
	return is_current(share) ? find_memory(share) : -FI_EAGAIN;
}

static int attach(struct uet_avshare *share, size_t count)
{
	int flags = share->read_only ? O_RDONLY : O_RDWR | O_CREAT;
	struct stat st;

	share->fd = shm_open(share->path, flags, S_IRUSR | S_IWUSR);
	if (share->fd < 0)
		return -errno;
	/* What another user put there under our name is not ours. */
	if (fstat(share->fd, &st) || st.st_uid != geteuid())
		return -FI_EACCES;
	return share->read_only ? attach_reader(share) : attach_writer(share, count);
}

static void detach(struct uet_avshare *share)
{
	if (share->head)
		munmap(share->head, share->size);
	if (share->fd >= 0)
		close(share->fd);
	share->head = NULL;
	share->fd = -1;
}

int uet_avshare_open(const char *domain, const char *name, bool read_only, size_t count,
		     struct uet_avshare **out, void **map)
{
	struct uet_avshare *share = calloc(1, sizeof(*share));
	int ret;

	if (!share)
		return -FI_ENOMEM;
	share->fd = -1;
	share->read_only = read_only;
	ret = make_path(share->path, domain, name);
	if (ret)
		goto free_share;
	do {
		detach(share);
		ret = attach(share, count);
	} while (ret == -FI_EAGAIN);
	if (ret) {
		detach(share);
		goto free_share;
	}
	*out = share;
	*map = share->map;
	return 0;

free_share:
	free(share);
	return ret;
}

void uet_avshare_close(struct uet_avshare *share)
{
	if (!share)
		return;
	if (share->creator && is_current(share))
		shm_unlink(share->path);
	detach(share);
	free(share);
}

bool uet_avshare_read_only(const struct uet_avshare *share)
{
	return share->read_only;
}

/* ---- entries ---- */

static void pack(struct entry *e, const struct uet_name *name)
{
	memcpy(e->ip, name->addr.ip, sizeof(e->ip));
	e->zone = name->addr.zone;
	e->port = name->addr.port;
	e->initiator = name->initiator;
	e->pid_on_fep = name->pid_on_fep;
	e->resource_index = name->resource_index;
	e->num_indices = name->num_indices;
	e->ipv6 = name->addr.family == AF_INET6;
	e->relative = name->relative;
	e->caps = name->caps;
}

/* Copy entry @index out; false if it is free or makes no sense. */
static bool unpack(const struct uet_avshare *share, uint32_t index, struct uet_name *name,
		   uint32_t *refs)
{
	const struct entry *e = &share->entries[index];

	*refs = atomic_load_explicit(&e->refs, memory_order_acquire);
	if (!*refs)
		return false;
	/* So that it can be counted up. */
	*refs = (uint32_t)uet_min_u64(*refs, MAX_REFS);
	*name = (struct uet_name){
		.addr = {
			.zone = e->zone,
			.port = e->port,
			.family = e->ipv6 ? AF_INET6 : AF_INET,
		},
		.pid_on_fep = e->pid_on_fep,
		.resource_index = e->resource_index,
		.num_indices = e->num_indices,
		.initiator = e->initiator,
		.relative = e->relative != 0,
		.caps = e->caps,
	};
	memcpy(name->addr.ip, e->ip, sizeof(name->addr.ip));
	return name->addr.port > 0 && name->addr.port <= UINT16_MAX &&
	       name->pid_on_fep >> 12 == 0 && name->resource_index >> 12 == 0 &&
	       name->num_indices >> 12 == 0;
}

/* Make the mirror's entry @index what the vector has there. Returns false without memory. */
static bool mirror_one(struct uet_avshare *share, struct uet_avtable *t, uint32_t index)
{
	struct uet_name name;
	uint32_t refs;

	if (unpack(share, index, &name, &refs))
		return uet_avtable_place(t, index, &name, refs);
	uet_avtable_clear(t, index);
	return true;
}

static void mirror_all(struct uet_avshare *share, struct uet_avtable *t)
{
	uint64_t version = atomic_load_explicit(&share->head->version, memory_order_acquire);
	uint32_t high = atomic_load(&share->head->high);
	bool whole = true;
	uint32_t i;

	high = (uint32_t)uet_min_u64(high, share->capacity);
	for (i = 0; i < high; i++)
		whole = mirror_one(share, t, i) && whole;
	/* Without memory for all of it the next look tries again. */
	if (whole)
		share->seen = version;
}

void uet_avshare_sync(struct uet_avshare *share, struct uet_avtable *t)
{
	uint64_t version = atomic_load_explicit(&share->head->version, memory_order_acquire);

	if (uet_likely(version == share->seen))
		return;
	if (set_lock(share->fd, F_OFD_SETLKW, F_RDLCK, BYTE_WRITE))
		return;
	mirror_all(share, t);
	set_lock(share->fd, F_OFD_SETLK, F_UNLCK, BYTE_WRITE);
}

/* ---- changes ---- */

static bool begin_change(struct uet_avshare *share, struct uet_avtable *t)
{
	if (share->read_only || set_lock(share->fd, F_OFD_SETLKW, F_WRLCK, BYTE_WRITE))
		return false;
	/* Somebody died here: whatever he did, all shall look. */
	if (atomic_load(&share->head->busy))
		atomic_fetch_add(&share->head->version, 1);
	if (atomic_load(&share->head->version) != share->seen)
		mirror_all(share, t);
	atomic_store(&share->head->busy, 1);
	return true;
}

static void end_change(struct uet_avshare *share)
{
	uint64_t before = atomic_fetch_add(&share->head->version, 1);

	/* This one is in the mirror already, if all before it are. */
	if (share->seen == before)
		share->seen = before + 1;
	atomic_store(&share->head->busy, 0);
	set_lock(share->fd, F_OFD_SETLK, F_UNLCK, BYTE_WRITE);
}

/* Memory for entry @index, whose first use this may be: writing to a hole could kill us. */
static bool reserve(struct uet_avshare *share, uint32_t index)
{
	uint32_t first = index & ~(CHUNK - 1);
	off_t map = (off_t)(map_offset() + first * sizeof(uint64_t));
	off_t entries = (off_t)(entries_offset(share->capacity) + first * sizeof(struct entry));

	if (index < share->reserved)
		return true;
	if (index >= share->capacity ||
	    posix_fallocate(share->fd, map, CHUNK * sizeof(uint64_t)) ||
	    posix_fallocate(share->fd, entries, CHUNK * sizeof(struct entry)))
		return false;
	share->reserved = first + CHUNK;
	return true;
}

static void publish(struct uet_avshare *share, const struct uet_avtable *t, uint32_t index,
		    bool fresh)
{
	const struct uet_av_entry *entry = uet_avtable_get(t, index);
	struct entry *e = &share->entries[index];

	if (fresh)
		pack(e, &entry->name);
	atomic_store_explicit(&e->refs, entry ? entry->refs : 0, memory_order_release);
	share->map[index] = entry ? index : FI_ADDR_NOTAVAIL;
	if (index >= atomic_load(&share->head->high))
		atomic_store(&share->head->high, index + 1);
}

uint32_t uet_avshare_insert(struct uet_avshare *share, struct uet_avtable *t,
			    const struct uet_name *name, bool *fresh)
{
	uint32_t index;

	if (!begin_change(share, t))
		return UET_AV_NONE;
	index = uet_avtable_insert(t, name, fresh);
	if (index != UET_AV_NONE && !reserve(share, index)) {
		uet_avtable_remove(t, index);
		index = UET_AV_NONE;
	}
	if (index != UET_AV_NONE)
		publish(share, t, index, *fresh);
	end_change(share);
	return index;
}

bool uet_avshare_remove(struct uet_avshare *share, struct uet_avtable *t, uint64_t index)
{
	bool found;

	if (!begin_change(share, t))
		return false;
	found = uet_avtable_get(t, index) && index < share->capacity;
	if (found) {
		uet_avtable_remove(t, (uint32_t)index);
		publish(share, t, (uint32_t)index, false);
	}
	end_change(share);
	return found;
}
