/* SPDX-License-Identifier: Apache-2.0 */
/* changes.c - the shared page set of change counters. */
#include "config.h"
#include "core/changes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* The words in front of the counters; the text of MAGIC is "stemechg" on disk. */
enum { W_MAGIC, W_BOOT, W_HEARTBEAT, W_GLOBAL, W_ANY, W_SLOTS, W_FIRST };
#define MAGIC		0x676863656d657473ull
#define FRESH_US	1000000

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
    "the page set is little-endian and read in place");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2,
    "a lock inside one process is no lock for the other");
_Static_assert((STEME_CHANGES_SLOTS & (STEME_CHANGES_SLOTS - 1)) == 0,
    "slots are picked by a mask");

struct steme_changes {
	_Atomic uint64_t *w;
	size_t bytes;
	uint64_t mask;
	bool writer;
};

static size_t
bytes_of(uint64_t slots)
{
	return (W_FIRST + slots) * sizeof(uint64_t);
}

static uint64_t
load(const struct steme_changes *c, size_t i)
{
	return atomic_load_explicit(&c->w[i], memory_order_acquire);
}

static void
bump(struct steme_changes *c, size_t i)
{
	atomic_fetch_add_explicit(&c->w[i], 1, memory_order_release);
}

/* FNV-1a of the path; readers and writer must agree, so it is part of the format. */
static size_t
slot_of(const struct steme_changes *c, struct steme_str concept)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < concept.n; i++)
		h = (h ^ (uint8_t)concept.p[i]) * 0x100000001b3ull;
	return W_FIRST + (size_t)((h ^ h >> 32) & c->mask);
}

/* Takes fd's pages, or anonymous ones for fd -1; fd stays the caller's. */
static int
map(struct steme_changes **out, int fd, uint64_t slots, bool writer)
{
	struct steme_changes *c = calloc(1, sizeof(*c));
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *p;
	int err;

	if (c == NULL)
		return STEME_ENOMEM;
	c->bytes = bytes_of(slots);
	c->mask = slots - 1;
	c->writer = writer;
	p = mmap(NULL, c->bytes, writer ? PROT_READ | PROT_WRITE : PROT_READ,
	    flags, fd, 0);
	if (p == MAP_FAILED) {
		err = steme_err_from_errno(errno);
		free(c);
		return err;
	}
	c->w = p;
	*out = c;
	return STEME_OK;
}

/* A new number each time, so that counters which begin again at 0 compare unequal. */
static int
random_boot(uint64_t *boot)
{
	do {
		if (getrandom(boot, sizeof(*boot), 0) != (ssize_t)sizeof(*boot))
			return STEME_EIO;
	} while (*boot == 0);
	return STEME_OK;
}

/*
 * The page set of a daemon that was killed still has a heartbeat, for up to a second:
 * stop it before ours begins, or readers who have it mapped and do not know yet
 * would take answers for fresh that miss our first writes.
 */
static int
retire(const char *path)
{
	const uint64_t zero = 0;
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int err = STEME_OK;
	struct stat st;

	if (fd < 0)
		return STEME_OK;	/* absent, as a rule; or no page set of ours */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size >= (off_t)bytes_of(1))
		err = pwrite(fd, &zero, sizeof(zero), W_HEARTBEAT * sizeof(zero)) ==
		    (ssize_t)sizeof(zero) ? STEME_OK : steme_err_from_errno(errno);
	close(fd);
	return err;
}

int
steme_changes_create(struct steme_changes **out, const char *path)
{
	struct steme_changes *c = NULL;
	char tmp[PATH_MAX] = "";
	uint64_t boot;
	int fd = -1, err, n;

	*out = NULL;
	if ((err = random_boot(&boot)) != STEME_OK)
		return err;
	if (path != NULL) {
		if ((err = retire(path)) != STEME_OK)
			return err;
		n = snprintf(tmp, sizeof(tmp), "%s.new", path);
		if (n < 0 || (size_t)n >= sizeof(tmp))
			return STEME_EINVAL;
		unlink(tmp);	/* left by a start that was cut short */
		fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		    0644);
		/* real blocks: a full disk must fail here, not as a SIGBUS later */
		if (fd < 0 || (errno = posix_fallocate(fd, 0,
		    (off_t)bytes_of(STEME_CHANGES_SLOTS))) != 0) {
			err = steme_err_from_errno(errno);
			goto out;
		}
	}
	if ((err = map(&c, fd, STEME_CHANGES_SLOTS, true)) != STEME_OK)
		goto out;
	c->w[W_BOOT] = boot;
	c->w[W_SLOTS] = STEME_CHANGES_SLOTS;
	c->w[W_MAGIC] = MAGIC;
	/*
	 * Only now under its name: who opens it finds it whole.  Who has the old file
	 * mapped sees a heartbeat that no longer moves.
	 */
	if (path != NULL && rename(tmp, path) != 0) {
		err = steme_err_from_errno(errno);
		goto out;
	}
	tmp[0] = '\0';
	*out = c;
	c = NULL;
out:
	steme_changes_close(c);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && tmp[0] != '\0')
		unlink(tmp);
	return err;
}

int
steme_changes_open(struct steme_changes **out, const char *path)
{
	uint64_t head[W_FIRST], slots;
	int fd, err = STEME_EVERSION;
	struct stat st;

	*out = NULL;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return steme_err_from_errno(errno);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    head[W_MAGIC] != MAGIC)
		goto out;
	/* never believe a size that the file has not: reading past it is a SIGBUS */
	slots = head[W_SLOTS];
	if (slots == 0 || slots > 1u << 24 || (slots & (slots - 1)) != 0 ||
	    (uint64_t)st.st_size < bytes_of(slots))
		goto out;
	err = map(out, fd, slots, false);
out:
	close(fd);
	return err;
}

void
steme_changes_close(struct steme_changes *c)
{
	if (c == NULL)
		return;
	/* readers find out at once, not after a second */
	if (c->writer)
		atomic_store_explicit(&c->w[W_HEARTBEAT], 0, memory_order_release);
	munmap(c->w, c->bytes);
	free(c);
}

struct steme_stamp
steme_changes_stamp(const struct steme_changes *c, struct steme_str concept)
{
	return (struct steme_stamp){ load(c, W_BOOT), load(c, W_GLOBAL),
	    load(c, slot_of(c, concept)) };
}

struct steme_stamp
steme_changes_stamp_any(const struct steme_changes *c)
{
	return (struct steme_stamp){ load(c, W_BOOT), load(c, W_GLOBAL),
	    load(c, W_ANY) };
}

bool
steme_changes_fresh(const struct steme_changes *c, int64_t now_mono_us)
{
	int64_t beat = (int64_t)load(c, W_HEARTBEAT);

	/* one from the future was left by an earlier boot of the machine */
	return beat > 0 && beat > now_mono_us - FRESH_US &&
	    beat - FRESH_US < now_mono_us;
}

void
steme_changes_bump(struct steme_changes *c, struct steme_str concept)
{
	bump(c, slot_of(c, concept));
	bump(c, W_ANY);
}

void
steme_changes_bump_any(struct steme_changes *c)
{
	bump(c, W_ANY);
}

void
steme_changes_bump_global(struct steme_changes *c)
{
	bump(c, W_GLOBAL);
	bump(c, W_ANY);
}

void
steme_changes_heartbeat(struct steme_changes *c, int64_t now_mono_us)
{
	atomic_store_explicit(&c->w[W_HEARTBEAT], (uint64_t)now_mono_us,
	    memory_order_release);
}
