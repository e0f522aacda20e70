/* SPDX-License-Identifier: Apache-2.0 */
/* service_read.c - questions: views, objects, lists, STATUS, METRICS. */
#include "config.h"
#include "core/service_impl.h"
#include "core/path.h"
#include "core/timefmt.h"
#include "core/util.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
resolve(struct steme_str *s, bool prefix, char out[STEME_CONCEPT_MAX + 1],
    struct steme_why *why)
{
	enum steme_class c;
	int err;

	if (s->n == 0 || memmem(s->p, s->n, "://", 3) == NULL)
		return STEME_OK;
	err = prefix ? steme_prefix_from_scheme(*s, out, why) :
	    steme_concept_from_scheme(*s, out, &c, why);
	if (err == STEME_OK)
		*s = steme_str_from(out);
	return err;
}

static const char *
name_of(void *keyring, const struct steme_id *agent)
{
	return steme_keyring_name_of(keyring, agent);
}

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
	err = resolve(&m.text, r->type == STEME_MSG_CONCEPTS, path, why);
	if (err != STEME_OK)
		return err;
	switch (r->type) {
	case STEME_MSG_CHILDREN:
		return (m.counts ? steme_json_children_counted : steme_json_children)(
		    s->o.store, m.text, m.after_lsn, m.limit, b, why);
	case STEME_MSG_CONCEPTS:
		return (m.counts ? steme_json_concepts_counted : steme_json_concepts)(
		    s->o.store, m.text, m.after, m.limit, b, why);
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
	struct steme_record rec;
	uint8_t *backing = NULL;
	int err = steme_store_get(s->o.store, id, &rec, &backing);

	if (err == STEME_ENOTFOUND)
		return steme_fail(why, err, "no such object");
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

/* ---- STATUS ---- */

void
steme_svc_put_string(struct steme_buf *b, const char *text)
{
	struct json_object *o = json_object_new_string(text);
	const char *t = o == NULL ? NULL :
	    json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE);

	steme_buf_puts(b, t == NULL ? "\"\"" : t);
	json_object_put(o);
}

static void
put_text(struct steme_buf *b, const char *name, const char *text)
{
	steme_buf_printf(b, "\"%s\":", name);
	steme_svc_put_string(b, text);
}

static void
put_time(struct steme_buf *b, const char *name, int64_t us)
{
	char t[STEME_TIME_LEN + 1];

	steme_time_format(t, us < 0 ? 0 : us);
	steme_buf_printf(b, ",\"%s\":\"%s\"", name, t);
}

#define U64(b, name, v)	steme_buf_printf((b), "%s\"%s\":%" PRIu64, \
    (b)->data[(b)->len - 1] == '{' ? "" : ",", (name), (uint64_t)(v))

static void
put_who(struct steme_service *s, struct steme_buf *b)
{
	const struct steme_genesis *g = steme_store_genesis(s->o.store);
	struct steme_changes *changes = steme_store_changes(s->o.store);
	char store[33], op[STEME_ID_HEX + 1];

	steme_hex(store, g->store, sizeof(g->store));
	steme_id_hex(op, &g->operator_);
	put_text(b, "version", s->o.version);
	U64(b, "wire_version", STEME_WIRE_VERSION);
	U64(b, "pid", getpid());
	steme_buf_printf(b, ",\"boot\":\"%016" PRIx64 "\"",
	    steme_changes_stamp_any(changes).boot);
	U64(b, "uptime_seconds",
	    (steme_mono_us(s->o.clock) - s->started_us) / 1000000);
	steme_buf_printf(b, ",\"node\":{\"id\":\"%016" PRIx64 "\",",
	    steme_store_node(s->o.store));
	put_text(b, "name", s->o.node_name);
	steme_buf_printf(b, "},\"store\":\"%s\",\"operator\":\"%s\"", store, op);
}

static void
put_counts(struct steme_buf *b, const struct steme_counts *c)
{
	steme_buf_puts(b, ",\"counts\":{");
	U64(b, "objects", c->objects);
	U64(b, "assertions", c->assertions);
	U64(b, "concepts", c->concepts);
	U64(b, "predicates", c->predicates);
	U64(b, "votes", c->votes);
	U64(b, "retractions", c->retractions);
	U64(b, "globals", c->globals);
	U64(b, "batches", c->batches);
	U64(b, "value_bytes", c->value_bytes);
	steme_buf_puts(b, "}");
}

static void
put_wal(struct steme_buf *b, const struct steme_wal_stats *w)
{
	steme_buf_puts(b, ",\"wal\":{");
	U64(b, "segments", w->segments);
	U64(b, "bytes", w->bytes);
	U64(b, "open_segment", w->open_segment);
	U64(b, "first_segment", w->first_segment);
	U64(b, "groups", w->groups);
	U64(b, "records", w->records);
	U64(b, "syncs", w->syncs);
	U64(b, "rotations", w->rotations);
	U64(b, "torn_bytes_cut", w->torn_bytes_cut);
	U64(b, "recovered_records", w->recovered_records);
	U64(b, "relocations", w->relocations);
	U64(b, "sync_errors", w->sync_errors);
	steme_buf_puts(b, "}");
}

static void
put_index(struct steme_buf *b, const struct steme_store_stats *st)
{
	steme_buf_puts(b, ",\"index\":{");
	U64(b, "files", st->index.files);
	U64(b, "bytes", st->index.bytes);
	U64(b, "memory", st->index.memory);
	put_time(b, "created", st->index_created_us);
	put_time(b, "last_rebuild", st->last_rebuild_us);
	steme_buf_printf(b, ",\"rebuilding\":%s", st->rebuilding ? "true" : "false");
	U64(b, "rebuild_permille", st->rebuild_permille);
	U64(b, "lost_segment_records", st->lost_segment_records);
	U64(b, "replayed_records", st->replayed_records);
	U64(b, "applied_gaps", st->applied_gaps);
	steme_buf_puts(b, "}");
}

static void
put_rest(struct steme_service *s, struct steme_buf *b,
    const struct steme_store_stats *st)
{
	struct steme_views_stats v;

	steme_views_stats(s->o.views, &v);
	steme_buf_puts(b, ",\"cache\":{");
	U64(b, "hits", v.hits);
	U64(b, "misses", v.misses);
	U64(b, "evictions", v.evictions);
	U64(b, "bytes", v.bytes);
	U64(b, "limit", v.limit);
	U64(b, "entries", v.entries);
	steme_buf_puts(b, "},\"commits\":{");
	U64(b, "groups", st->commits);
	U64(b, "records", st->commit_records);
	U64(b, "exists", st->exists);
	U64(b, "sync_us_sum", st->sync_us_sum);
	U64(b, "sync_count", st->sync_count);
	steme_buf_puts(b, "}");
}

/* A cap that is none is null. */
static void
put_cap(struct steme_buf *b, const char *name, uint64_t cap)
{
	if (cap != 0)
		U64(b, name, cap);
	else
		steme_buf_printf(b, ",\"%s\":null", name);
}

int
steme_service_status(struct steme_service *s, struct steme_buf *b)
{
	static const char *const states[] = { "ok", "full", "failed" };
	struct steme_store_stats st;

	/* U64 looks at the last byte: there is always one. */
	steme_buf_puts(b, "{");
	if (steme_buf_err(b) != STEME_OK)
		return steme_buf_err(b);
	steme_store_stats(s->o.store, &st);
	put_who(s, b);
	U64(b, "lsn", st.lsn);
	U64(b, "hlc", st.hlc);
	steme_buf_printf(b, ",\"writes\":{\"state\":\"%s\",",
	    (unsigned)st.writes < STEME_NELEM(states) ? states[st.writes] : "failed");
	put_text(b, "reason", st.reason);
	steme_buf_printf(b, ",\"drained\":%s", st.gate.drained ? "true" : "false");
	for (int c = 0; c < STEME_NCAPS; c++)
		put_cap(b, steme_cap_name((enum steme_cap)c), st.gate.cap[c]);
	steme_buf_puts(b, "}");
	put_counts(b, &st.counts);
	put_wal(b, &st.wal);
	put_index(b, &st);
	put_rest(s, b, &st);
	if (s->o.status != NULL)
		s->o.status(s->o.arg, b);
	steme_buf_puts(b, "}\n");
	return STEME_OK;
}

static int
status(struct steme_service *s, struct steme_request *r, struct steme_buf *b)
{
	return r->len != 0 ? STEME_EPROTO : steme_service_status(s, b);
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
		err = status(s, r, &b);
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
