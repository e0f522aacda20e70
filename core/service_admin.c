/* SPDX-License-Identifier: Apache-2.0 */
/* service_admin.c - SET: settings by the operator's key; STORAGE and INDEX: numbers. */
#include "config.h"
#include "core/gate.h"
#include "core/jsonin.h"
#include "core/service_impl.h"
#include "core/setting.h"
#include "core/timefmt.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

/* ---- SET ---- */

/* A JSON scalar as a value; slices point into j. */
static int
scalar(struct steme_json *j, struct steme_str text, struct steme_setting *v,
    struct steme_why *why)
{
	int err = steme_json_parse(j, text.p, text.n, 1, why);

	if (err != STEME_OK)
		return err;
	switch (json_object_get_type(j->root)) {
	case json_type_boolean:
		v->type = STEME_BOOLEAN;
		v->value = json_object_get_boolean(j->root) ? STEME_LIT("true") :
		    STEME_LIT("false");
		return STEME_OK;
	case json_type_string:
		v->type = STEME_TEXT;
		v->value.p = json_object_get_string(j->root);
		v->value.n = (size_t)json_object_get_string_len(j->root);
		return STEME_OK;
	case json_type_int:
	case json_type_double:
		v->type = STEME_NUMBER;
		v->value = j->number[0];
		return STEME_OK;
	default:
		return steme_fail(why, STEME_EINVAL, "a setting is a string, a number, "
		    "true or false");
	}
}

static int
set_value(struct steme_service *s, const struct steme_msg_set *m,
    const struct steme_setting *v, struct steme_put *out, struct steme_why *why)
{
	struct steme_key op;
	int err = steme_keyring_get(s->o.keyring, "operator", false, &op, NULL, why);

	if (err != STEME_OK)
		return err;
	/* one at a time: each takes back what it found */
	MUST(pthread_mutex_lock(&s->set_mu));
	err = steme_setting_put(s->o.store, &op, steme_wall_us(s->o.clock), m->concept,
	    m->predicate, v, out, why);
	MUST(pthread_mutex_unlock(&s->set_mu));
	steme_key_wipe(&op);
	return err;
}

static int
set(struct steme_service *s, struct steme_request *r, struct steme_put *out,
    struct steme_why *why)
{
	const size_t n = strlen(STEME_SYSTEM_PREFIX);
	struct steme_json j = {0};
	struct steme_setting v;
	struct steme_msg_set m;
	int err = STEME_OK;

	if (steme_msg_get_set(&m, r->payload, r->len) != STEME_OK)
		return steme_fail(why, STEME_EPROTO, "malformed SET");
	if (m.concept.n <= n || memcmp(m.concept.p, STEME_SYSTEM_PREFIX, n) != 0)
		return steme_fail(why, STEME_EINVAL, "settings lie below "
		    STEME_SYSTEM_PREFIX "; claims go by PUT or ASSERT");
	if (s->o.keyring == NULL)
		return steme_fail(why, STEME_EAUTH, "this daemon keeps no keys: the "
		    "operator has to sign the setting");
	if (m.value.n > 0) {
		err = scalar(&j, m.value, &v, why);
		if (err == STEME_OK)
			err = steme_gate_check(m.concept, m.predicate, v.type, v.value,
			    why);
	}
	if (err == STEME_OK)
		err = set_value(s, &m, m.value.n > 0 ? &v : NULL, out, why);
	steme_json_fini(&j);
	return err;
}

void
steme_svc_set(struct steme_service *s, struct steme_request *r)
{
	struct steme_msg_put_result m = { .why = STEME_LIT("") };
	struct steme_why why = { "" };
	struct steme_buf b = {0};
	struct steme_put put;
	int err = set(s, r, &put, &why);

	if (err != STEME_OK) {
		steme_svc_why(s, r, err, &why);
		return;
	}
	m.status = (uint8_t)put.status;
	m.lsn = put.lsn;
	m.id = put.id;
	steme_msg_put_result(&b, &m);
	steme_svc_end_buf(s, r, &b);
}

/* ---- STORAGE, INDEX ---- */

static void
put_number(struct steme_buf *b, const char *name, uint64_t v)
{
	steme_buf_printf(b, "\"%s\":%" PRIu64 ",", name, v);
}

int
steme_svc_storage(struct steme_service *s, struct steme_request *r, struct steme_buf *b)
{
	struct steme_store_stats st;
	struct steme_views_stats views;

	if (r->len != 0)
		return STEME_EPROTO;
	steme_store_stats(s->o.store, &st);
	steme_views_stats(s->o.views, &views);
	steme_buf_putc(b, '{');
	put_number(b, "sst_file_count", st.index.files);
	put_number(b, "total_bytes", st.index.bytes + st.wal.bytes);
	put_number(b, "index_bytes", st.index.bytes);
	put_number(b, "pending_compaction_bytes", st.index.pending_compaction_bytes);
	put_number(b, "wal_bytes", st.wal.bytes);
	put_number(b, "wal_segments", st.wal.segments);
	put_number(b, "wal_missing_segment_records", st.lost_segment_records);
	put_number(b, "memory_bytes", st.index.memory);
	put_number(b, "cache_bytes", views.bytes);
	put_number(b, "cache_limit_bytes", views.limit);
	put_number(b, "disk_free_bytes", st.disk_free);
	put_number(b, "disk_total_bytes", st.disk_total);
	steme_buf_printf(b, "\"write_amplification\":%.3f}\n",
	    steme_svc_write_amplification(&st));
	return STEME_OK;
}

static void
put_entries(struct steme_buf *b, const struct steme_counts *c)
{
	steme_buf_puts(b, "\"entries\":{");
	put_number(b, "predicate", c->predicates);
	put_number(b, "concept", c->concepts);
	put_number(b, "object", c->objects);
	put_number(b, "assertion", c->assertions);
	put_number(b, "vote", c->votes);
	put_number(b, "retraction", c->retractions);
	put_number(b, "global", c->globals);
	put_number(b, "batch", c->batches);
	b->len--;			/* the last comma */
	steme_buf_puts(b, "},");
}

int
steme_svc_index(struct steme_service *s, struct steme_request *r, struct steme_buf *b)
{
	char t[STEME_TIME_LEN + 1];
	struct steme_store_stats st;

	if (r->len != 0)
		return STEME_EPROTO;
	steme_store_stats(s->o.store, &st);
	steme_time_format(t, st.last_rebuild_us < 0 ? 0 : st.last_rebuild_us);
	steme_buf_printf(b, "{\"status\":\"%s\",", st.rebuilding ? "rebuilding" :
	    st.index_error ? "error" : "ready");
	/* whole seconds: "2026-11-21T02:00:00" and no more of it */
	steme_buf_printf(b, "\"last_rebuild\":\"%.19sZ\",", t);
	steme_buf_printf(b, "\"progress\":%.3f,",
	    st.rebuilding ? st.rebuild_permille / 1000.0 : 1.0);
	put_entries(b, &st.counts);
	steme_buf_printf(b, "\"full_rebuild\":%s,\"error\":",
	    st.full_rebuild ? "true" : "false");
	if (st.index_error || st.rebuild_error[0] != '\0')
		steme_svc_put_string(b, st.index_error ? "index error: part of it cannot "
		    "be read; rebuild it" : st.rebuild_error);
	else
		steme_buf_puts(b, "null");
	steme_buf_puts(b, "}\n");
	return STEME_OK;
}
