/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assert.c - @assert: one write, one claim, signed for the uid that wrote it; and
 * mkdir, which makes a concept that lives until it has an assertion.
 *
 * The rule of a write: one WRITE at offset 0, at most 4,095 bytes, ending in a newline.
 * Shells cut long writes into pieces, so anything else could store half a value.  A
 * refused WRITE is the one, too: some programs go on with the rest of what they have.
 */
#include "fs/fs.h"
#include "core/claim.h"
#include "core/log.h"
#include "core/path.h"
#include "fs/errmap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OVERFLOW_UID	65534	/* uids of other user namespaces appear as this */

/* ---- @assert ---- */

void
fs_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
    struct fuse_file_info *fi)
{
	struct steme_fs *fs = fs_of(req);
	struct fs_node *dir = fs_nodes_get(fs->nodes, parent), *n = NULL;
	struct fuse_entry_param e;
	struct fs_what w = { .kind = FS_CLAIM, .as_of_us = INT64_MAX };
	struct fs_inval oldest;
	int rc = EPERM;

	(void)mode;
	fs_count(req, "create");
	if (dir == NULL) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	if (dir->kind != FS_ASSERT)
		goto out;
	rc = strlen(name) > STEME_SEGMENT_MAX ? ENAMETOOLONG : EINVAL;
	if (steme_segment_check(steme_str_from(name), NULL) != STEME_OK)
		goto out;
	rc = ENOMEM;
	n = fs_nodes_anonymous(fs->nodes, dir, steme_str_from(name));
	if (n == NULL)
		goto out;
	w.uid = fuse_req_ctx(req)->uid;
	w.mtime_us = steme_wall_us(fs->o.clock);
	fs_nodes_settle(fs->nodes, n, &w);
	if (fs_nodes_looked_up(fs->nodes, n, &oldest))
		fs_notify_forget(fs->notify, &oldest);
	memset(&e, 0, sizeof(e));
	e.ino = n->id;
	e.generation = 1;
	e.attr_timeout = FS_FOREVER;
	fs_attr(fs, n, &e.attr);
	fi->direct_io = 1;		/* each write(2) comes whole, as one WRITE */
	rc = 0;
	if (fuse_reply_create(req, &e, fi) != 0)
		fs_unlookup(fs, &e);
out:
	if (rc != 0)
		fuse_reply_err(req, rc);
	fs_nodes_put(fs->nodes, n);
	fs_nodes_put(fs->nodes, dir);
}

/* A claim under way: answered by the committer. */
struct pending_write {
	struct steme_write w;
	struct steme_put put;
	struct steme_claim claim;
	struct steme_fs *fs;
	fuse_req_t req;
	size_t size;
};

static void
write_done(struct steme_write *w)
{
	struct pending_write *pw = w->arg;
	int err = w->err != STEME_OK ? w->err : pw->put.err;

	if (err == STEME_OK) {
		fuse_reply_write(pw->req, pw->size);
	} else {
		steme_log(STEME_WARN, "@assert refused: %s",
		    w->err != STEME_OK ? w->why.text : pw->put.why.text);
		fuse_reply_err(pw->req, fs_errno(err));
	}
	fs_write_end(pw->fs);
	steme_claim_fini(&pw->claim);
	free(pw);
}

/* The claim that `value` written to @assert/NAME means, not signed yet. */
static int
claim_from_write(struct steme_claim *c, const struct fs_node *n,
    struct steme_str value, struct steme_why *why)
{
	struct steme_str concept = fs_concept_of(n), pred = { n->name, n->nname };
	int err;

	if (pred.n > 5 && memcmp(pred.p + pred.n - 5, ".json", 5) == 0) {
		pred.n -= 5;
		err = steme_claim_from_json(c, value.p, value.n, STEME_ASSERTION,
		    why);
		if (err != STEME_OK)
			return err;
		if (!steme_str_eq(c->o.concept, concept) ||
		    !steme_str_eq(c->o.predicate, pred))
			return steme_fail(why, STEME_EINVAL, "the JSON names "
			    "another concept or predicate than the file");
		return STEME_OK;
	}
	if (!steme_utf8_valid(value))
		return steme_fail(why, STEME_EUTF8, "the value is not UTF-8");
	c->o.kind = STEME_ASSERTION;
	c->o.concept = concept;
	c->o.predicate = pred;
	c->o.value = value;
	c->o.type = steme_value_guess(value);
	c->o.lifecycle = STEME_APPROVED;
	return STEME_OK;
}

static int
check_write(struct steme_fs *fs, struct fs_node *n, uid_t uid, const char *buf,
    size_t size, off_t off)
{
	if (n->kind != FS_CLAIM)
		return EPERM;
	if (uid == OVERFLOW_UID)
		return EACCES;	/* whoever that is: nobody to sign for */
	if (n->uid != uid)
		return EPERM;	/* a set-uid program may hold the descriptor */
	return fs_nodes_take_write(fs->nodes, n, size > FS_ASSERT_MAX ? EFBIG :
	    off != 0 || size == 0 || buf[size - 1] != '\n' ? EINVAL : 0);
}

static int
sign_write(struct steme_fs *fs, struct pending_write *pw, const struct fs_node *n,
    const char *buf, struct steme_why *why)
{
	struct steme_str value = { buf, pw->size - 1 };
	struct steme_profile profile;
	struct steme_key key;
	int err = claim_from_write(&pw->claim, n, value, why);

	if (err != STEME_OK || pw->claim.is_signed)
		return err;
	err = steme_keyring_uid(fs->o.keyring, n->uid, &key, &profile, why);
	if (err != STEME_OK)
		return err == STEME_ENOTFOUND ? STEME_EPERM : err;
	err = steme_claim_sign(&pw->claim, &key, &profile,
	    steme_wall_us(fs->o.clock), why);
	steme_key_wipe(&key);
	return err;
}

void
fs_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	struct steme_fs *fs = fs_of(req);
	struct fs_node *n = fs_nodes_get(fs->nodes, ino);
	struct pending_write *pw = NULL;
	struct steme_why why = { { 0 } };
	int rc, err;

	(void)fi;
	fs_count(req, "write");
	if (n == NULL) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	if ((rc = check_write(fs, n, fuse_req_ctx(req)->uid, buf, size, off)) != 0)
		goto out;
	rc = ENOMEM;
	if ((pw = calloc(1, sizeof(*pw))) == NULL)
		goto out;
	pw->fs = fs;
	pw->req = req;
	pw->size = size;
	steme_claim_init(&pw->claim);
	if ((err = sign_write(fs, pw, n, buf, &why)) != STEME_OK) {
		steme_log(STEME_INFO, "@assert/%s refused: %s", n->name, why.text);
		steme_claim_fini(&pw->claim);
		free(pw);
		rc = fs_errno(err);
		goto out;
	}
	pw->put.bytes = (struct steme_str){ (const char *)pw->claim.bytes.data,
	    pw->claim.bytes.len };
	pw->put.sigkind = STEME_SIG_OWN;
	pw->put.sig = pw->claim.sig;
	pw->w.puts = &pw->put;
	pw->w.n = 1;
	pw->w.hand_in = true;
	pw->w.done = write_done;
	pw->w.arg = pw;
	rc = 0;
	fs_write_begin(fs);
	steme_store_write(fs->o.store, &pw->w, false);
out:
	if (rc != 0)
		fuse_reply_err(req, rc);
	fs_nodes_put(fs->nodes, n);
}

/* ---- mkdir ---- */

struct fs_pending {
	pthread_mutex_t mu;		/* leaf */
	struct pending_dir {
		uint64_t nr;		/* ascending: the place in a listing */
		char *path;
		uid_t uid;
	} *v;				/* (mu) */
	size_t n, cap;			/* (mu) */
	uint64_t last_nr;		/* (mu) */
};

int
fs_pending_new(struct fs_pending **out)
{
	struct fs_pending *p = calloc(1, sizeof(*p));

	*out = p;
	if (p == NULL)
		return STEME_ENOMEM;
	pthread_mutex_init(&p->mu, NULL);
	return STEME_OK;
}

void
fs_pending_free(struct fs_pending *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].path);
	free(p->v);
	pthread_mutex_destroy(&p->mu);
	free(p);
}

static size_t
find_pending_locked(struct fs_pending *p, struct steme_str concept)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (steme_str_eq(steme_str_from(p->v[i].path), concept))
			break;
	return i;
}

bool
fs_pending_has(struct fs_pending *p, struct steme_str concept)
{
	bool has;

	pthread_mutex_lock(&p->mu);
	has = find_pending_locked(p, concept) < p->n;
	pthread_mutex_unlock(&p->mu);
	return has;
}

uint64_t
fs_pending_child(struct fs_pending *p, struct steme_str parent, uint64_t after,
    char name[STEME_SEGMENT_MAX + 1])
{
	uint64_t nr = 0;

	pthread_mutex_lock(&p->mu);
	for (size_t i = 0; i < p->n && nr == 0; i++) {
		struct steme_str path = steme_str_from(p->v[i].path);

		if (p->v[i].nr <= after ||
		    !steme_str_eq(steme_concept_parent(path), parent))
			continue;
		snprintf(name, STEME_SEGMENT_MAX + 1, "%.*s",
		    STEME_STR(steme_concept_leaf(path)));
		nr = p->v[i].nr;
	}
	pthread_mutex_unlock(&p->mu);
	return nr;
}

static void
remove_locked(struct fs_pending *p, size_t i)
{
	free(p->v[i].path);
	p->n--;
	memmove(&p->v[i], &p->v[i + 1], (p->n - i) * sizeof(*p->v));
}

/* Those that have assertions by now need no place here. */
static void
drop_used(struct steme_fs *fs)
{
	struct fs_pending *p = fs->pending;
	char path[STEME_CONCEPT_MAX + 1];
	struct steme_name found;
	bool more = true;
	size_t i = 0;

	while (more) {
		pthread_mutex_lock(&p->mu);
		if ((more = i < p->n))
			snprintf(path, sizeof(path), "%s", p->v[i].path);
		pthread_mutex_unlock(&p->mu);
		if (!more || steme_store_name(fs->o.store, steme_str_from(path),
		    UINT64_MAX, &found) != STEME_OK) {
			i++;
			continue;
		}
		pthread_mutex_lock(&p->mu);
		if (i < p->n && strcmp(p->v[i].path, path) == 0)
			remove_locked(p, i);
		pthread_mutex_unlock(&p->mu);
	}
}

static int
add_pending(struct fs_pending *p, const char *path, uid_t uid)
{
	size_t mine = 0;
	int rc = ENOMEM;

	pthread_mutex_lock(&p->mu);
	for (size_t i = 0; i < p->n; i++)
		mine += p->v[i].uid == uid;
	if (mine >= FS_PENDING_MAX) {
		rc = EDQUOT;
		goto out;
	}
	if (p->n == p->cap) {
		size_t cap = p->cap == 0 ? 16 : p->cap * 2;
		struct pending_dir *v = realloc(p->v, cap * sizeof(*v));

		if (v == NULL)
			goto out;
		p->v = v;
		p->cap = cap;
	}
	if ((p->v[p->n].path = strdup(path)) == NULL)
		goto out;
	p->v[p->n].nr = ++p->last_nr;
	p->v[p->n++].uid = uid;
	rc = 0;
out:
	pthread_mutex_unlock(&p->mu);
	return rc;
}

void
fs_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct steme_fs *fs = fs_of(req);
	struct fs_node *dir = fs_nodes_get(fs->nodes, parent);
	char path[STEME_CONCEPT_MAX + STEME_SEGMENT_MAX + 2];
	struct fuse_entry_param e;
	struct steme_str up;
	int rc = EPERM, err;

	(void)mode;
	fs_count(req, "mkdir");
	if (dir == NULL) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	if (dir->kind != FS_CONCEPT || dir->as_of_us != INT64_MAX ||
	    !fs->o.writable)
		goto out;
	up = fs_concept_of(dir);
	snprintf(path, sizeof(path), "%.*s%s%s", STEME_STR(up),
	    up.n > 0 ? "/" : "", name);
	rc = strlen(name) > STEME_SEGMENT_MAX ? ENAMETOOLONG : EINVAL;
	if (steme_segment_check(steme_str_from(name), NULL) != STEME_OK ||
	    steme_concept_check(steme_str_from(path), NULL) != STEME_OK)
		goto out;
	rc = EEXIST;
	if (fs_lookup(fs, dir, steme_str_from(name), &e) == STEME_OK) {
		fs_unlookup(fs, &e);
		goto out;
	}
	rc = add_pending(fs->pending, path, fuse_req_ctx(req)->uid);
	if (rc == EDQUOT) {
		drop_used(fs);
		rc = add_pending(fs->pending, path, fuse_req_ctx(req)->uid);
	}
	if (rc != 0)
		goto out;
	if ((err = fs_lookup(fs, dir, steme_str_from(name), &e)) != STEME_OK)
		rc = fs_errno(err);
	else if (fuse_reply_entry(req, &e) != 0)
		fs_unlookup(fs, &e);
out:
	if (rc != 0)
		fuse_reply_err(req, rc);
	fs_nodes_put(fs->nodes, dir);
}

/* Only a concept that mkdir made and nobody used yet can go. */
void
fs_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct steme_fs *fs = fs_of(req);
	struct fs_node *dir = fs_nodes_get(fs->nodes, parent);
	char path[STEME_CONCEPT_MAX + STEME_SEGMENT_MAX + 2];
	struct steme_name found;
	struct steme_str up;
	int rc = EPERM;
	size_t i;

	fs_count(req, "rmdir");
	if (dir == NULL) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	if (dir->kind != FS_CONCEPT || dir->as_of_us != INT64_MAX)
		goto out;
	up = fs_concept_of(dir);
	snprintf(path, sizeof(path), "%.*s%s%s", STEME_STR(up),
	    up.n > 0 ? "/" : "", name);
	/* @recency and the like, what has claims, and other names of that */
	if (name[0] == '@' || steme_store_name(fs->o.store, steme_str_from(path),
	    UINT64_MAX, &found) == STEME_OK ||
	    fs_has_assertions(fs, steme_str_from(path)))
		goto out;
	pthread_mutex_lock(&fs->pending->mu);
	i = find_pending_locked(fs->pending, steme_str_from(path));
	rc = i < fs->pending->n ? 0 : ENOENT;
	for (size_t k = 0; k < fs->pending->n && rc == 0; k++)
		if (steme_str_eq(steme_concept_parent(
		    steme_str_from(fs->pending->v[k].path)), steme_str_from(path)))
			rc = ENOTEMPTY;
	if (rc == 0)
		remove_locked(fs->pending, i);
	pthread_mutex_unlock(&fs->pending->mu);
out:
	fuse_reply_err(req, rc);
	fs_nodes_put(fs->nodes, dir);
}
