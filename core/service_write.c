/* SPDX-License-Identifier: Apache-2.0 */
/* service_write.c - PUT, BATCH, ASSERT: into the store; PROFILE, KEYS: the keyring. */
#include "config.h"
#include "core/service_impl.h"
#include "core/apikey.h"
#include "core/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Up to these the asker's thread checks signatures (about 60 us each) or signs. */
#define INLINE_PUTS	4
#define INLINE_MEMBERS	32
#define INLINE_BYTES	(64u << 10)

/* A claim of ASSERT: refused here, or the put it became. */
struct item {
	struct steme_claim claim;
	int err;
	struct steme_why why;
	size_t put;
};

/* A write under way.  Object bytes lie in the request's payload or in items. */
struct job {
	struct steme_write w;
	struct steme_service *s;
	struct steme_request *r;
	struct item *items;		/* ASSERT: nitems of them */
	size_t nitems;
	struct steme_put puts[];
};

static uint32_t
count_at(const struct steme_request *r, size_t at)
{
	struct steme_rd rd;

	if (r->len < at + 4)
		return 0;
	rd = steme_rd_from(r->payload + at, 4);
	return (uint32_t)steme_rd_le(&rd, 4);
}

bool
steme_svc_write_is_long(const struct steme_request *r)
{
	if (r->len > INLINE_BYTES)
		return true;
	switch (r->type) {
	case STEME_MSG_PUT:
		return count_at(r, 0) > INLINE_PUTS;
	case STEME_MSG_ASSERT:
		return count_at(r, 5) > INLINE_PUTS;
	default:
		return count_at(r, 4 + (size_t)count_at(r, 0) + STEME_SIG_LEN) >
		    INLINE_MEMBERS;
	}
}

/* ---- the answer ---- */

static void
put_result(struct steme_buf *b, const struct steme_put *p)
{
	struct steme_msg_put_result m = { .err = p->err, .status = (uint8_t)p->status,
	    .lsn = p->lsn, .id = p->id, .why = STEME_LIT("") };

	if (p->err != STEME_OK)
		m.why = steme_str_from(p->why.text[0] == '\0' ?
		    steme_strerror(p->err) : p->why.text);
	steme_msg_put_result(b, &m);
}

static void
put_refusal(struct steme_buf *b, const struct item *it)
{
	struct steme_msg_put_result m = { .err = it->err,
	    .why = steme_str_from(it->why.text) };

	memset(&m.id, 0, sizeof(m.id));
	steme_msg_put_result(b, &m);
}

static void
free_job(struct job *j)
{
	for (size_t i = 0; i < j->nitems; i++)
		steme_claim_fini(&j->items[i].claim);
	free(j->items);
	free(j);
}

/* Sends what is in b as a frame of the answer when it is long enough. */
static void
cut(struct job *j, struct steme_buf *b)
{
	if (b->len < FRAME_CUT || steme_buf_err(b) != STEME_OK)
		return;
	j->r->ops->reply(j->r, STEME_F_MORE, b->data, b->len);
	steme_buf_clear(b);
}

static void
answer(struct job *j)
{
	size_t n = j->items != NULL ? j->nitems : j->w.n;
	struct steme_buf b = {0};

	if (j->w.has_batch)
		put_result(&b, &j->w.batch);
	for (size_t i = 0; i < n; i++) {
		if (j->items == NULL)
			put_result(&b, &j->puts[i]);
		else if (j->items[i].err != STEME_OK)
			put_refusal(&b, &j->items[i]);
		else
			put_result(&b, &j->puts[j->items[i].put]);
		cut(j, &b);
	}
	steme_svc_end_buf(j->s, j->r, &b);
}

static void
done(struct steme_write *w)
{
	struct job *j = w->arg;

	if (w->err != STEME_OK)
		steme_svc_why(j->s, j->r, w->err, &w->why);
	else
		answer(j);
	free_job(j);
}

/* ---- the write ---- */

static struct job *
new_job(struct steme_service *s, struct steme_request *r, size_t n)
{
	struct job *j = malloc(sizeof(*j) + n * sizeof(j->puts[0]));

	if (j == NULL)
		return NULL;
	memset(j, 0, sizeof(*j));
	j->s = s;
	j->r = r;
	j->w.puts = j->puts;
	j->w.hand_in = true;
	j->w.done = done;
	j->w.arg = j;
	return j;
}

/* Sets a put's input and clears its results; the rest is the store's. */
static void
init_put(struct steme_put *p, struct steme_str bytes, enum steme_sigkind kind)
{
	p->bytes = bytes;
	p->sigkind = kind;
	p->verified = false;
	p->err = STEME_OK;
	p->status = 0;
	p->lsn = 0;
	memset(&p->id, 0, sizeof(p->id));
	p->why.text[0] = '\0';
}

static void
submit(struct job *j, bool inline_)
{
	struct steme_store *store = j->s->o.store;

	if (inline_ && steme_svc_may_lead()) {
		steme_svc_queued();
		steme_store_queue(store, &j->w);
	} else {
		steme_store_write(store, &j->w, false);
	}
}

/* The job of a PUT; STEME_EPROTO or STEME_ENOMEM. */
static int
make_puts(struct steme_service *s, struct steme_request *r, struct job **out)
{
	struct steme_msg_put_item it;
	struct steme_rd rd;
	struct job *j;
	uint32_t n;

	if (steme_msg_get_puts(&rd, r->payload, r->len, &n) != STEME_OK)
		return STEME_EPROTO;
	if ((j = new_job(s, r, n)) == NULL)
		return STEME_ENOMEM;
	for (j->w.n = 0; j->w.n < n; j->w.n++) {
		steme_msg_next_put(&rd, &it);
		init_put(&j->puts[j->w.n], it.bytes, STEME_SIG_OWN);
		j->puts[j->w.n].sig = it.sig;
	}
	*out = j;
	return STEME_OK;
}

static int
make_batch(struct steme_service *s, struct steme_request *r, struct job **out)
{
	struct steme_msg_batch m;
	struct steme_str bytes;
	struct job *j;

	if (steme_msg_get_batch(&m, r->payload, r->len) != STEME_OK)
		return STEME_EPROTO;
	if ((j = new_job(s, r, m.nmembers)) == NULL)
		return STEME_ENOMEM;
	init_put(&j->w.batch, m.bytes, STEME_SIG_OWN);
	j->w.batch.sig = m.sig;
	j->w.has_batch = true;
	/* An id is 32 bytes without alignment: the list is used where it lies. */
	j->w.batch_ids = (const struct steme_id *)m.ids;
	j->w.nbatch_ids = m.nids;
	for (j->w.n = 0; j->w.n < m.nmembers; j->w.n++) {
		steme_msg_next_member(&m.members, &bytes);
		init_put(&j->puts[j->w.n], bytes, STEME_SIG_BATCH);
	}
	*out = j;
	return STEME_OK;
}

/* ---- ASSERT ---- */

/* Whose key is meant, by its name in the keyring; and whether the caller may use it. */
static int
acting_key(const struct steme_request *r, uint32_t uid, struct steme_str key,
    char name[129], struct steme_why *why)
{
	uid_t who = uid == UINT32_MAX ? r->caller.uid : (uid_t)uid;

	if (uid == STEME_UID_NAMED) {
		if (r->caller.role < STEME_ROLE_ADMIN)
			return steme_fail(why, STEME_EPERM, "keys are used by name with "
			    "the role admin only, and you have %s",
			    steme_role_name(r->caller.role));
		/* operator.pem and users' keys are not to be had this way */
		if (key.n <= strlen(STEME_APIKEY_SIGNER) || key.n > 128 ||
		    memcmp(key.p, STEME_APIKEY_SIGNER,
		    strlen(STEME_APIKEY_SIGNER)) != 0)
			return steme_fail(why, STEME_EINVAL, "'%.*s' is not the name "
			    "of an API key's signing key, which begins with "
			    STEME_APIKEY_SIGNER, (int)STEME_MIN(key.n, 128), key.p);
		snprintf(name, 129, "%.*s", STEME_STR(key));
		return STEME_OK;
	}
	if (who != r->caller.uid && r->caller.role < STEME_ROLE_ADMIN)
		return steme_fail(why, STEME_EPERM, "the key of user %u is not yours "
		    "(user %u) to use: that needs the role admin", (unsigned)who,
		    (unsigned)r->caller.uid);
	if (who == (uid_t)-1)
		return steme_fail(why, STEME_EINVAL, "no uid");
	snprintf(name, 129, "uid-%u", (unsigned)who);
	return STEME_OK;
}

/* *made: the signature was made here, and need not be checked. */
static int
sign_item(struct steme_service *s, struct item *it, struct steme_str json,
    enum steme_kind kind, const struct steme_key *key,
    const struct steme_profile *profile, bool *made)
{
	struct steme_claim *c = &it->claim;
	int err;

	err = steme_claim_from_json(c, json.p, json.n, kind, &it->why);
	if (err != STEME_OK)
		return err;
	if (c->agent_name[0] != '\0')
		return steme_fail(&it->why, STEME_EINVAL, "agent: names a local key, "
		    "which only `steme import` takes; here the caller's key signs");
	*made = !c->is_signed;
	return *made ? steme_claim_sign(c, key, profile,
	    steme_wall_us(s->o.clock), &it->why) : STEME_OK;
}

static void
sign_items(struct job *j, struct steme_msg_assert *m, const struct steme_key *key,
    const struct steme_profile *profile)
{
	for (size_t i = 0; i < m->n; i++) {
		struct item *it = &j->items[i];
		struct steme_put *p = &j->puts[j->w.n];
		struct steme_str json;
		bool made = false;

		it->err = STEME_OK;
		it->why.text[0] = '\0';
		steme_claim_init(&it->claim);
		j->nitems++;
		steme_msg_next_member(&m->items, &json);
		it->err = sign_item(j->s, it, json, (enum steme_kind)m->kind, key,
		    profile, &made);
		if (it->err != STEME_OK)
			continue;
		init_put(p, it->claim.o.bytes, STEME_SIG_OWN);
		p->sig = it->claim.sig;
		p->verified = made;
		it->put = j->w.n++;
	}
}

static int
make_asserts(struct steme_service *s, struct steme_request *r, struct job **out,
    struct steme_why *why)
{
	struct steme_profile profile;
	struct steme_msg_assert m;
	struct steme_key key;
	struct job *j = NULL;
	char name[129];
	int err;

	if (s->o.keyring == NULL)
		return steme_fail(why, STEME_EAUTH, "this daemon keeps no keys: sign "
		    "the claims yourself");
	if (steme_msg_get_assert(&m, r->payload, r->len) != STEME_OK)
		return steme_fail(why, STEME_EPROTO, "malformed ASSERT");
	if ((err = acting_key(r, m.uid, m.key, name, why)) != STEME_OK ||
	    (err = steme_keyring_get(s->o.keyring, name, true, &key, &profile,
	    why)) != STEME_OK)
		return err;
	err = steme_fail(why, STEME_ENOMEM, "out of memory");
	if ((j = new_job(s, r, m.n)) == NULL ||
	    (j->items = malloc(m.n * sizeof(*j->items))) == NULL)
		goto out;
	sign_items(j, &m, &key, &profile);
	*out = j;
	j = NULL;
	err = STEME_OK;
out:
	steme_key_wipe(&key);
	if (j != NULL)
		free_job(j);
	return err;
}

void
steme_svc_write(struct steme_service *s, struct steme_request *r, bool inline_)
{
	struct steme_why why = { "" };
	struct job *j = NULL;
	int err;

	if (r->type == STEME_MSG_PUT)
		err = make_puts(s, r, &j);
	else if (r->type == STEME_MSG_BATCH)
		err = make_batch(s, r, &j);
	else
		err = make_asserts(s, r, &j, &why);
	if (err == STEME_EPROTO && why.text[0] == '\0')
		steme_fail(&why, err, "malformed %s", steme_msg_name(r->type));
	if (err != STEME_OK) {
		steme_svc_why(s, r, err, &why);
	} else if (j->w.n == 0 && !j->w.has_batch) {
		answer(j);		/* every claim was refused here */
		free_job(j);
	} else {
		submit(j, inline_);
	}
}

/* ---- PROFILE, KEYS ---- */

static int
profile(struct steme_service *s, struct steme_request *r, struct steme_buf *b,
    struct steme_why *why)
{
	struct steme_msg_profile m;
	struct steme_profile p;
	struct steme_key key;
	char name[129];
	int err;

	if (s->o.keyring == NULL)
		return steme_fail(why, STEME_EAUTH, "this daemon keeps no keys");
	if (steme_msg_get_profile(&m, r->payload, r->len) != STEME_OK)
		return steme_fail(why, STEME_EPROTO, "malformed PROFILE");
	if ((err = acting_key(r, m.uid, m.key, name, why)) != STEME_OK)
		return err;
	if (m.set) {
		p.class_ = m.class_;
		p.confidence = m.confidence;
		memcpy(p.source, m.source.p, m.source.n);
		p.source[m.source.n] = '\0';
		err = steme_keyring_set_profile(s->o.keyring, name, &p, why);
	}
	if (err == STEME_OK)
		err = steme_keyring_get(s->o.keyring, name, true, &key, &p, why);
	if (err != STEME_OK)
		return err;
	if (m.uid == UINT32_MAX)
		m.uid = (uint32_t)r->caller.uid;
	m.class_ = p.class_;
	m.confidence = p.confidence;
	m.source = steme_str_from(p.source);
	m.agent = key.agent;
	steme_key_wipe(&key);
	steme_msg_put_profile(b, &m);
	return STEME_OK;
}

void
steme_svc_profile(struct steme_service *s, struct steme_request *r)
{
	struct steme_why why = { "" };
	struct steme_buf b = {0};
	int err = profile(s, r, &b, &why);

	if (err == STEME_OK)
		steme_svc_end_buf(s, r, &b);
	else
		steme_svc_why(s, r, err, &why);
}

void
steme_svc_keys(struct steme_service *s, struct steme_request *r)
{
	struct steme_buf b = {0};
	char hex[STEME_ID_HEX + 1];
	const char *name, *comma = "";
	const uint8_t *ids;
	struct steme_id id;
	uint32_t n;

	if (steme_msg_get_ids(&ids, &n, r->payload, r->len) != STEME_OK) {
		steme_svc_error(s, r, STEME_EPROTO, "malformed KEYS");
		return;
	}
	steme_buf_puts(&b, "{\"keys\":[");
	for (uint32_t i = 0; i < n && s->o.keyring != NULL; i++) {
		memcpy(id.b, ids + (size_t)i * STEME_ID_LEN, STEME_ID_LEN);
		if ((name = steme_keyring_name_of(s->o.keyring, &id)) == NULL)
			continue;
		/* Names of keys have no byte that JSON would escape (keyring.h). */
		steme_id_hex(hex, &id);
		steme_buf_printf(&b, "%s{\"agent\":\"%s\",\"name\":\"%s\"}", comma, hex,
		    name);
		comma = ",";
	}
	steme_buf_puts(&b, "]}\n");
	steme_svc_end_buf(s, r, &b);
}
