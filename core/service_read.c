/* SPDX-License-Identifier: Apache-2.0 */
/* service_read.c - questions: views, objects, lists, METRICS. */
#include "config.h"
#include "core/service_impl.h"
#include "core/path.h"

#include <stdlib.h>
#include <string.h>

#define INLINE_LIMIT	1000		/* results of a query in the asker's thread */

/*
 * Everything that may look at many concepts, or read files, goes to a worker: one
 * concept's views and single objects are answered at once.
 */
bool
steme_svc_read_is_long(const struct steme_request *r)
{
	struct steme_rd rd = steme_rd_from(r->payload, r->len);
	struct steme_query q;

	switch (r->type) {
	case STEME_MSG_QUERY:
		return steme_msg_get_query(&q, &rd) == STEME_OK &&
		    (q.prefix.p != NULL || q.limit > INLINE_LIMIT);
	case STEME_MSG_OBJECT:
		return r->len > 0 && r->payload[0] >= STEME_WANT_PROOF;
	default:
		return true;
	}
}

/* ---- queries ---- */

static int
query(struct steme_service *s, struct steme_request *r, struct steme_buf *b,
    struct steme_why *why)
{
	struct steme_rd rd = steme_rd_from(r->payload, r->len);
	struct steme_query q;

	if (steme_msg_get_query(&q, &rd) != STEME_OK || !steme_rd_done(&rd))
		return STEME_EPROTO;
	return r->type == STEME_MSG_QUERY ?
	    steme_json_query(s->o.views, &q, b, why) :
	    steme_json_history(s->o.views, &q, b, why);
}

static int
diff(struct steme_service *s, struct steme_request *r, struct steme_buf *b,
    struct steme_why *why)
{
	struct steme_query q1, q2;

	if (steme_msg_get_diff(&q1, &q2, r->payload, r->len) != STEME_OK)
		return STEME_EPROTO;
	return steme_json_diff(s->o.views, &q1, &q2, b, why);
}

/* ---- lists ---- */

/* The path that a scheme form stands for, kept in out; other text stays as it is. */
static int
resolve(struct steme_str *s, enum steme_msg type, char out[STEME_CONCEPT_MAX + 1],
    struct steme_why *why)
{
	bool prefix = type == STEME_MSG_CONCEPTS;
	struct steme_why w = { "" };
	enum steme_class c;
	int err;

	if (s->n == 0 || memmem(s->p, s->n, "://", 3) == NULL)
		return STEME_OK;
	err = prefix ? steme_prefix_from_scheme(*s, out, &w) :
	    steme_concept_from_scheme(*s, out, &c, &w);
	if (err != STEME_OK)
		return steme_fail(why, STEME_EINVAL, "%s: %s", prefix ? "prefix" :
		    type == STEME_MSG_CHILDREN ? "parent" : "concept", w.text);
	*s = steme_str_from(out);
	return STEME_OK;
}

static const char *
name_of(void *keyring, const struct steme_id *agent)
{
	return steme_keyring_name_of(keyring, agent);
}

/* About 10 ms for one concept, a quarter of a second for a page. */
static const struct steme_count_bounds count_most = { 10000, 250000 };

static int
list(struct steme_service *s, struct steme_request *r, struct steme_buf *b,
    struct steme_why *why)
{
	char path[STEME_CONCEPT_MAX + 1];
	struct steme_msg_list m;
	int err;

	if (steme_msg_get_list(&m, r->payload, r->len) != STEME_OK)
		return STEME_EPROTO;
	if (r->type == STEME_MSG_SOURCES)
		return steme_json_sources(s->o.store, m.text, m.after, m.limit, b, why);
	if (r->type == STEME_MSG_AGENTS)
		return steme_json_agents(s->o.store, s->o.keyring == NULL ? NULL :
		    name_of, s->o.keyring, m.after, m.limit, b, why);
	err = resolve(&m.text, (enum steme_msg)r->type, path, why);
	if (err != STEME_OK)
		return err;
	switch (r->type) {
	case STEME_MSG_CHILDREN:
		return m.counts ? steme_json_children_counted(s->o.store, m.text,
		    m.after_lsn, m.limit, count_most, b, why) :
		    steme_json_children(s->o.store, m.text, m.after_lsn, m.limit, b, why);
	case STEME_MSG_CONCEPTS:
		return m.counts ? steme_json_concepts_counted(s->o.store, m.text,
		    m.after, m.limit, count_most, b, why) :
		    steme_json_concepts(s->o.store, m.text, m.after, m.limit, b, why);
	default:
		return steme_json_neighbours(s->o.store, m.text, m.limit, b);
	}
}

static int
impact(struct steme_service *s, struct steme_request *r, struct steme_buf *b,
    struct steme_why *why)
{
	struct steme_msg_impact m;

	if (steme_msg_get_impact(&m, r->payload, r->len) != STEME_OK)
		return STEME_EPROTO;
	return steme_json_impact(s->o.store, m.source, m.lens, m.limit, b, why);
}

/* ---- objects ---- */

static int
raw_object(struct steme_service *s, const struct steme_id *id, bool sig,
    struct steme_buf *b, struct steme_why *why)
{
	char hex[STEME_ID_HEX + 1];
	struct steme_record rec;
	uint8_t *backing = NULL;
	int err = steme_store_get(s->o.store, id, &rec, &backing);

	steme_id_hex(hex, id);
	if (err == STEME_ENOTFOUND)
		return steme_fail(why, err, "no object %s is stored here", hex);
	if (err != STEME_OK)
		return err;
	if (!sig)
		steme_buf_put(b, rec.bytes.p, rec.bytes.n);
	else if (rec.sigkind == STEME_SIG_OWN)
		steme_buf_put(b, rec.sig.b, STEME_SIG_LEN);
	else
		err = steme_fail(why, STEME_ENOTFOUND, "the object has no signature of "
		    "its own: a batch covers it (ask for its proof)");
	free(backing);
	return err;
}

static int
object(struct steme_service *s, struct steme_request *r, struct steme_buf *b,
    struct steme_why *why)
{
	enum steme_object_want want;
	struct steme_id id;

	if (steme_msg_get_object(&want, &id, r->payload, r->len) != STEME_OK)
		return STEME_EPROTO;
	switch (want) {
	case STEME_WANT_PROOF:
		return steme_json_proof(s->o.store, &id, b, why);
	case STEME_WANT_JSON:
		return steme_json_object(s->o.store, &id, b, why);
	case STEME_WANT_ORIGIN:
		return steme_json_origin(s->o.store, &id, b, why);
	default:
		return raw_object(s, &id, want == STEME_WANT_SIG, b, why);
	}
}

static int
metrics(struct steme_service *s, struct steme_request *r, struct steme_buf *b)
{
	if (r->len != 0)
		return STEME_EPROTO;
	if (s->o.metrics != NULL)
		steme_metrics_write(s->o.metrics, b);
	return STEME_OK;
}

void
steme_svc_read(struct steme_service *s, struct steme_request *r)
{
	struct steme_why why = { "" };
	struct steme_buf b;
	int err;

	steme_buf_init(&b, ANSWER_MAX);
	switch (r->type) {
	case STEME_MSG_QUERY:
	case STEME_MSG_HISTORY:
		err = query(s, r, &b, &why);
		break;
	case STEME_MSG_DIFF:
		err = diff(s, r, &b, &why);
		break;
	case STEME_MSG_OBJECT:
		err = object(s, r, &b, &why);
		break;
	case STEME_MSG_IMPACT:
		err = impact(s, r, &b, &why);
		break;
	case STEME_MSG_STORAGE:
		err = steme_svc_storage(s, r, &b);
		break;
	case STEME_MSG_INDEX:
		err = steme_svc_index(s, r, &b);
		break;
	case STEME_MSG_STATUS:
		err = steme_svc_status(s, r, &b);
		break;
	case STEME_MSG_METRICS:
		err = metrics(s, r, &b);
		break;
	default:
		err = list(s, r, &b, &why);
		break;
	}
	if (err == STEME_OK || steme_buf_err(&b) != STEME_OK) {
		steme_svc_end_buf(s, r, &b);
		return;
	}
	steme_buf_fini(&b);
	if (err == STEME_EPROTO && why.text[0] == '\0')
		steme_fail(&why, err, "malformed %s", steme_msg_name(r->type));
	steme_svc_why(s, r, err, &why);
}
