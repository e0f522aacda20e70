/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring.c - key files of one folder, loaded once and looked at again when they
 * change.  Secrets leave this file only in a caller's struct steme_key.
 */
#include "config.h"
#include "core/keyring.h"

#include "core/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME_LEN	128
#define RACY_S		2	/* a folder changed this lately may change unseen */

/* Which file it was: another one by the same name is loaded again. */
struct mark {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

struct entry {
	struct entry *next;
	char name[NAME_LEN + 1];
	struct steme_key key;
	struct mark key_mark;
	struct steme_profile profile;
	struct mark profile_mark;	/* all zero: there is no file */
};

struct steme_keyring {
	pthread_mutex_t mu;		/* leaf */
	struct entry *entries;		/* (mu) never removed before close */
	struct timespec scanned;	/* (mu) mtime of dir when last looked through */
	int dirfd;
	char dir[PATH_MAX];
};

static int
fail_errno(struct steme_why *why, const char *what, const char *dir, const char *name,
    const char *suffix)
{
	int e = errno;

	return steme_fail(why, steme_err_from_errno(e), "cannot %s %.200s/%s%s: %s",
	    what, dir, name, suffix, strerror(e));
}

int
steme_keyring_open(struct steme_keyring **out, const char *dir, struct steme_why *why)
{
	struct steme_keyring *k;
	struct stat st;
	int err = STEME_ENOMEM;

	*out = NULL;
	if ((k = calloc(1, sizeof(*k))) == NULL)
		return STEME_ENOMEM;
	k->dirfd = -1;
	MUST(pthread_mutex_init(&k->mu, NULL));
	if ((err = steme_sign_init()) != STEME_OK)
		goto out;
	err = STEME_EINVAL;
	if (strlen(dir) >= sizeof(k->dir)) {
		steme_fail(why, err, "the path of the keys folder is too long");
		goto out;
	}
	strcpy(k->dir, dir);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
		err = fail_errno(why, "make", dir, "", "");
		goto out;
	}
	if ((k->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC)) < 0) {
		if (errno == ELOOP || errno == ENOTDIR)
			steme_fail(why, err, "%.300s is not a folder: keys are kept "
			    "in a real one, not behind a symbolic link", dir);
		else
			err = fail_errno(why, "open", dir, "", "");
		goto out;
	}
	if (fstat(k->dirfd, &st) < 0) {
		err = fail_errno(why, "examine", dir, "", "");
		goto out;
	}
	if ((st.st_mode & 022) != 0) {
		err = steme_fail(why, STEME_EPERM, "the keys folder %.200s has mode "
		    "%04o: others could change keys there; correct it with: "
		    "chmod 700 %.200s", dir, (unsigned)(st.st_mode & 07777), dir);
		goto out;
	}
	*out = k;
	k = NULL;
	err = STEME_OK;
out:
	steme_keyring_close(k);
	return err;
}

void
steme_keyring_close(struct steme_keyring *k)
{
	struct entry *e, *next;

	if (k == NULL)
		return;
	for (e = k->entries; e != NULL; e = next) {
		next = e->next;
		sodium_memzero(e, sizeof(*e));
		free(e);
	}
	if (k->dirfd >= 0)
		close(k->dirfd);
	MUST(pthread_mutex_destroy(&k->mu));
	free(k);
}

static int
check_name(const char *name, struct steme_why *why)
{
	static const char ok[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789._-";
	size_t n = strnlen(name, NAME_LEN + 1);

	if (n >= 1 && n <= NAME_LEN && name[0] != '.' && strspn(name, ok) == n)
		return STEME_OK;
	return steme_fail(why, STEME_EINVAL, "'%.128s' is no name for a key: 1 to %d "
	    "letters, digits, '.', '_' or '-', not beginning with a dot", name,
	    NAME_LEN);
}

static struct mark
mark_of(const struct stat *st)
{
	struct mark m;

	memset(&m, 0, sizeof(m));
	m.dev = st->st_dev;
	m.ino = st->st_ino;
	m.size = st->st_size;
	m.mtime = st->st_mtim;
	m.ctime = st->st_ctim;
	return m;
}

static bool
mark_eq(const struct mark *a, const struct mark *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	    a->mtime.tv_sec == b->mtime.tv_sec &&
	    a->mtime.tv_nsec == b->mtime.tv_nsec &&
	    a->ctime.tv_sec == b->ctime.tv_sec &&
	    a->ctime.tv_nsec == b->ctime.tv_nsec;
}

static void
file_name(char out[NAME_LEN + 8], const char *name, const char *suffix)
{
	snprintf(out, NAME_LEN + 8, "%.*s%s", NAME_LEN, name, suffix);
}

/* The mark of a file now; all zero if there is none. */
static int
look(const struct steme_keyring *k, const char *name, const char *suffix,
    struct mark *m, struct steme_why *why)
{
	char file[NAME_LEN + 8];
	struct stat st;

	memset(m, 0, sizeof(*m));
	file_name(file, name, suffix);
	if (fstatat(k->dirfd, file, &st, AT_SYMLINK_NOFOLLOW) == 0)
		*m = mark_of(&st);
	else if (errno != ENOENT)
		return fail_errno(why, "examine", k->dir, file, "");
	return STEME_OK;
}

/*
 * A whole small file, never through a link.  bad_mode: permission bits that are
 * refused.  STEME_ENOTFOUND if there is none.
 */
static int
read_file(const struct steme_keyring *k, const char *file, mode_t bad_mode,
    char *buf, size_t size, size_t *len, struct mark *m, struct steme_why *why)
{
	struct stat st;
	ssize_t n = 0;
	int fd, err;

	*len = 0;
	/* O_NONBLOCK: a FIFO by that name must not hang us */
	if ((fd = openat(k->dirfd, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC)) < 0) {
		if (errno == ELOOP)
			return steme_fail(why, STEME_EPERM, "%.200s/%s is a symbolic "
			    "link: put the file itself there", k->dir, file);
		return fail_errno(why, "open", k->dir, file, "");
	}
	if (fstat(fd, &st) < 0) {
		err = fail_errno(why, "examine", k->dir, file, "");
	} else if (!S_ISREG(st.st_mode)) {
		err = steme_fail(why, STEME_EINVAL, "%.200s/%s is no regular file",
		    k->dir, file);
	} else if ((st.st_mode & bad_mode) != 0) {
		err = steme_fail(why, STEME_EPERM, "%.120s/%s has mode %04o: others "
		    "may use it; correct it with: chmod 600 %.120s/%s", k->dir, file,
		    (unsigned)(st.st_mode & 07777), k->dir, file);
	} else {
		err = STEME_OK;
		*m = mark_of(&st);
		while (*len < size && (n = read(fd, buf + *len, size - *len)) > 0)
			*len += (size_t)n;
		if (n < 0)
			err = fail_errno(why, "read", k->dir, file, "");
		else if (*len == size)
			err = steme_fail(why, STEME_EINVAL, "%.200s/%s is too long",
			    k->dir, file);
	}
	close(fd);
	return err;
}

static int
read_key(const struct steme_keyring *k, const char *name, struct steme_key *key,
    struct mark *m, struct steme_why *why)
{
	char file[NAME_LEN + 8], buf[16384];
	struct steme_why sub = { "" };
	size_t len;
	int err;

	file_name(file, name, ".pem");
	err = read_file(k, file, 077, buf, sizeof(buf), &len, m, why);
	if (err == STEME_OK &&
	    (err = steme_key_parse(key, buf, len, &sub)) != STEME_OK)
		err = steme_fail(why, err, "%.120s/%s %.200s", k->dir, file,
		    sub.text);
	sodium_memzero(buf, len);
	return err;
}

static int
read_profile(const struct steme_keyring *k, const char *name,
    struct steme_profile *p, struct mark *m, struct steme_why *why)
{
	char file[NAME_LEN + 8], buf[STEME_PROFILE_MAX + 2];
	struct steme_why sub = { "" };
	size_t len;
	int err;

	file_name(file, name, ".json");
	err = read_file(k, file, 022, buf, sizeof(buf), &len, m, why);
	if (err == STEME_ENOTFOUND) {
		steme_profile_default(p);
		memset(m, 0, sizeof(*m));
		return STEME_OK;
	}
	if (err == STEME_OK &&
	    (err = steme_profile_parse(p, buf, len, &sub)) != STEME_OK)
		err = steme_fail(why, STEME_EINVAL, "%.120s/%s: %.300s", k->dir, file,
		    sub.text);
	return err;
}

static struct entry *
find_locked(struct steme_keyring *k, const char *name)
{
	struct entry *e;

	for (e = k->entries; e != NULL; e = e->next)
		if (strcmp(e->name, name) == 0)
			break;
	return e;
}

/* Takes up what was read; the newest reading stands. */
static int
keep(struct steme_keyring *k, const char *name, const struct steme_key *key,
    const struct mark *key_mark, const struct steme_profile *profile,
    const struct mark *profile_mark)
{
	struct entry *fresh = calloc(1, sizeof(*fresh)), *e;

	MUST(pthread_mutex_lock(&k->mu));
	e = find_locked(k, name);
	if (e == NULL && fresh != NULL) {
		e = fresh;
		fresh = NULL;
		strcpy(e->name, name);
		e->next = k->entries;
		k->entries = e;
	}
	if (e != NULL) {
		e->key = *key;
		e->key_mark = *key_mark;
		e->profile = *profile;
		e->profile_mark = *profile_mark;
	}
	MUST(pthread_mutex_unlock(&k->mu));
	free(fresh);
	return e == NULL ? STEME_ENOMEM : STEME_OK;
}

/* Reads key and profile and keeps them. */
static int
load(struct steme_keyring *k, const char *name, struct steme_key *key,
    struct steme_profile *profile, struct steme_why *why)
{
	struct mark key_mark, profile_mark;
	int err;

	if ((err = read_key(k, name, key, &key_mark, why)) != STEME_OK ||
	    (err = read_profile(k, name, profile, &profile_mark, why)) !=
	    STEME_OK ||
	    (err = keep(k, name, key, &key_mark, profile, &profile_mark)) !=
	    STEME_OK)
		steme_key_wipe(key);
	return err;
}

/* What is in memory, if the files are still those. */
static bool
take_kept(struct steme_keyring *k, const char *name, const struct mark *key_mark,
    const struct mark *profile_mark, struct steme_key *key,
    struct steme_profile *profile)
{
	struct entry *e;
	bool ok;

	MUST(pthread_mutex_lock(&k->mu));
	e = find_locked(k, name);
	ok = e != NULL && mark_eq(&e->key_mark, key_mark) &&
	    mark_eq(&e->profile_mark, profile_mark);
	if (ok) {
		*key = e->key;
		*profile = e->profile;
	}
	MUST(pthread_mutex_unlock(&k->mu));
	return ok;
}

/* Makes a key file; somebody else may be first, then theirs is the key. */
static int
make(struct steme_keyring *k, const char *name, struct steme_why *why)
{
	char path[PATH_MAX + NAME_LEN + 8], hex[STEME_ID_HEX + 1];
	struct steme_key key;
	int err;

	snprintf(path, sizeof(path), "%s/%s.pem", k->dir, name);
	steme_key_generate(&key);
	err = steme_key_save(&key, path, why);
	if (err == STEME_OK) {
		steme_id_hex(hex, &key.agent);
		steme_log(STEME_INFO, "made signing key %s, agent %s", name, hex);
	}
	steme_key_wipe(&key);
	return err == STEME_EEXIST ? STEME_OK : err;
}

int
steme_keyring_get(struct steme_keyring *k, const char *name, bool create,
    struct steme_key *key, struct steme_profile *profile, struct steme_why *why)
{
	static const struct mark none;
	struct mark key_mark, profile_mark;
	struct steme_profile p;
	int err;

	if ((err = check_name(name, why)) != STEME_OK ||
	    (err = look(k, name, ".pem", &key_mark, why)) != STEME_OK ||
	    (err = look(k, name, ".json", &profile_mark, why)) != STEME_OK)
		return err;
	if (mark_eq(&key_mark, &none)) {
		if (!create)
			return steme_fail(why, STEME_ENOTFOUND, "there is no key "
			    "%s.pem in %.250s", name, k->dir);
		if ((err = make(k, name, why)) != STEME_OK)
			return err;
	} else if (take_kept(k, name, &key_mark, &profile_mark, key, &p)) {
		goto found;
	}
	if ((err = load(k, name, key, &p, why)) != STEME_OK)
		return err;
found:
	if (profile != NULL)
		*profile = p;
	return STEME_OK;
}

int
steme_keyring_uid(struct steme_keyring *k, uid_t uid, struct steme_key *key,
    struct steme_profile *profile, struct steme_why *why)
{
	char name[32];

	if (uid == (uid_t)-1)
		return steme_fail(why, STEME_EINVAL, "no uid");
	snprintf(name, sizeof(name), "uid-%lu", (unsigned long)uid);
	return steme_keyring_get(k, name, true, key, profile, why);
}

/* All of data to a new file, down to the disk. */
static int
write_new(const struct steme_keyring *k, const char *tmp, const uint8_t *data,
    size_t len, struct steme_why *why)
{
	ssize_t n = 0;
	int fd, err = STEME_OK;

	if ((fd = openat(k->dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0600)) < 0)
		return fail_errno(why, "make", k->dir, tmp, "");
	for (size_t at = 0; at < len && err == STEME_OK; at += (size_t)n) {
		n = write(fd, data + at, len - at);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n < 0)
			err = fail_errno(why, "write", k->dir, tmp, "");
	}
	if (err == STEME_OK && fsync(fd) < 0)
		err = fail_errno(why, "sync", k->dir, tmp, "");
	if (close(fd) < 0 && err == STEME_OK)
		err = fail_errno(why, "close", k->dir, tmp, "");
	return err;
}

int
steme_keyring_set_profile(struct steme_keyring *k, const char *name,
    const struct steme_profile *p, struct steme_why *why)
{
	char file[NAME_LEN + 8], tmp[64];
	struct steme_buf b = { 0 };
	uint64_t r;
	int err;

	if ((err = check_name(name, why)) != STEME_OK ||
	    (err = steme_profile_format(&b, p, why)) != STEME_OK)
		goto out;
	randombytes_buf(&r, sizeof(r));
	snprintf(tmp, sizeof(tmp), ".profile-%016llx.tmp", (unsigned long long)r);
	file_name(file, name, ".json");
	if ((err = write_new(k, tmp, b.data, b.len, why)) == STEME_OK &&
	    /* crash here: the old profile stands, a temporary file is left */
	    renameat(k->dirfd, tmp, k->dirfd, file) < 0)
		err = fail_errno(why, "put in place", k->dir, file, "");
	if (err != STEME_OK) {
		unlinkat(k->dirfd, tmp, 0);
		goto out;
	}
	/* crash here: the old profile or the new one, never a mix */
	if (fsync(k->dirfd) < 0)
		err = fail_errno(why, "sync", k->dir, "", "");
out:
	steme_buf_fini(&b);
	return err;
}

/* Loads every key of the folder that is not in memory yet. */
static void
scan(struct steme_keyring *k)
{
	struct steme_profile profile;
	struct steme_key key;
	struct steme_why why;
	struct dirent *d;
	size_t n;
	DIR *dir;
	int fd;

	if ((fd = openat(k->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return;
	if ((dir = fdopendir(fd)) == NULL) {
		close(fd);
		return;
	}
	while ((d = readdir(dir)) != NULL) {
		n = strlen(d->d_name);
		if (n <= 4 || strcmp(d->d_name + n - 4, ".pem") != 0)
			continue;
		d->d_name[n - 4] = '\0';
		if (check_name(d->d_name, NULL) != STEME_OK)
			continue;
		if (steme_keyring_get(k, d->d_name, false, &key, &profile,
		    &why) == STEME_OK)
			steme_key_wipe(&key);
		else
			steme_log(STEME_WARN, "a key is passed over: %s", why.text);
	}
	closedir(dir);
}

static const char *
name_locked(struct steme_keyring *k, const struct steme_id *agent)
{
	for (struct entry *e = k->entries; e != NULL; e = e->next)
		if (steme_id_eq(&e->key.agent, agent))
			return e->name;
	return NULL;
}

/* Has the folder changed since it was looked through?  Notes that it will be. */
static bool
is_changed_locked(struct steme_keyring *k)
{
	struct timespec now;
	struct stat st;

	if (fstat(k->dirfd, &st) < 0)
		return false;
	clock_gettime(CLOCK_REALTIME, &now);
	if (k->scanned.tv_sec == st.st_mtim.tv_sec &&
	    k->scanned.tv_nsec == st.st_mtim.tv_nsec)
		return false;
	/* two changes within one tick of the clock look like one: look again later */
	if (now.tv_sec - st.st_mtim.tv_sec > RACY_S)
		k->scanned = st.st_mtim;
	return true;
}

const char *
steme_keyring_name_of(struct steme_keyring *k, const struct steme_id *agent)
{
	const char *name;
	bool changed;

	MUST(pthread_mutex_lock(&k->mu));
	name = name_locked(k, agent);
	changed = name == NULL && is_changed_locked(k);
	MUST(pthread_mutex_unlock(&k->mu));
	if (!changed)
		return name;
	scan(k);
	MUST(pthread_mutex_lock(&k->mu));
	name = name_locked(k, agent);
	MUST(pthread_mutex_unlock(&k->mu));
	return name;
}
