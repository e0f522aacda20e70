/* SPDX-License-Identifier: Apache-2.0 */
/* journal_line.c - a log line as journalctl shows it, and its members lifted. */
#include "config.h"
#include "cli/journal.h"
#include "cli/jv.h"
#include "cli/out.h"
#include "core/jsonin.h"
#include "core/timefmt.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEPTH	8		/* of what a log line may nest */

static const char *const levels[8] = {
	"ERROR", "ERROR", "ERROR", "ERROR", "WARN", "INFO", "INFO", "DEBUG"
};

static int
priority_of(struct steme_str level)
{
	char name[8];

	jv_copy(name, sizeof(name), level);
	return strcmp(name, "ERROR") == 0 ? 3 : strcmp(name, "WARN") == 0 ? 4 :
	    strcmp(name, "DEBUG") == 0 ? 7 : 6;
}

void
journal_read(struct journal_line *l, struct steme_str text)
{
	struct steme_str o = jv_root(text.p, text.n);
	char when[STEME_TIME_LEN + 1];
	int64_t us;

	l->text = text;
	l->priority = 6;
	if (o.n == 0 || o.p[0] != '{')
		return;
	l->priority = priority_of(jv_get(o, "level"));
	jv_copy(when, sizeof(when), jv_get(o, "timestamp"));
	if (steme_time_parse_loose(steme_str_from(when), &us) == STEME_OK)
		l->us = us;
}

/*
 * Appends the members of text, if it is a JSON object, each followed by a comma; but not
 * those that are named like the journal's own (PRIORITY, _PID).
 * json-c writes them: whatever stood there, the outcome is JSON.
 */
static bool
put_members(struct steme_buf *b, struct steme_str text)
{
	struct steme_json j;
	struct steme_why why;
	bool is = false;

	if (text.n == 0 || text.p[0] != '{' ||
	    steme_json_parse(&j, text.p, text.n, DEPTH, &why) != STEME_OK)
		return false;
	if (json_object_is_type(j.root, json_type_object)) {
		is = true;
		json_object_object_foreach(j.root, name, v) {
			/* no line passes for what the journal itself says */
			if (name[0] == '_' || (name[0] >= 'A' && name[0] <= 'Z'))
				continue;
			out_json_str(b, steme_str_from(name));
			steme_buf_putc(b, ':');
			steme_buf_puts(b, json_object_to_json_string_ext(v,
			    JSON_C_TO_STRING_PLAIN |
			    JSON_C_TO_STRING_NOSLASHESCAPE));
			steme_buf_putc(b, ',');
		}
	}
	steme_json_fini(&j);
	return is;
}

/* The three members that every line has, for one that is not JSON. */
static void
put_made(struct steme_buf *b, struct steme_str message, int64_t us, int priority)
{
	char when[STEME_TIME_LEN + 1];

	if (us < 0)
		us = 0;
	steme_time_format(when, us);
	steme_buf_printf(b, "\"timestamp\":\"%s\",\"level\":\"%s\",\"message\":", when,
	    levels[priority & 7]);
	out_json_str(b, message);
	steme_buf_putc(b, ',');
}

static void
show_json(struct steme_buf *b, const struct journal_line *l, const char *program,
    const char *host)
{
	steme_buf_putc(b, '{');
	if (!put_members(b, l->text))
		put_made(b, l->text, l->us, l->priority);
	steme_buf_printf(b, "\"__REALTIME_TIMESTAMP\":\"%lld\",\"PRIORITY\":\"%d\","
	    "\"SYSLOG_IDENTIFIER\":", (long long)l->us, l->priority);
	out_json_str(b, steme_str_from(program));
	steme_buf_puts(b, ",\"_HOSTNAME\":");
	out_json_str(b, steme_str_from(host));
	steme_buf_puts(b, ",\"MESSAGE\":");
	out_json_str(b, l->text);
	steme_buf_putc(b, '}');
}

void
journal_show(struct steme_buf *b, const struct journal_line *l,
    enum journal_format f, const char *program, const char *host, bool clean)
{
	time_t s = (time_t)(l->us / 1000000);
	char when[40];
	struct tm tm;

	if (f == JOURNAL_JSON) {
		show_json(b, l, program, host);
	} else {
		localtime_r(&s, &tm);
		strftime(when, sizeof(when), f == JOURNAL_SHORT ? "%b %d %H:%M:%S" :
		    "%Y-%m-%dT%H:%M:%S%z", &tm);
		if (f != JOURNAL_CAT)
			steme_buf_printf(b, "%s %s %s: ", when, host, program);
		if (clean)
			out_clean(b, l->text);
		else
			steme_buf_put(b, l->text.p, l->text.n);
	}
	steme_buf_putc(b, '\n');
}

/* MESSAGE is an array of bytes where it is not text. */
static void
message_text(struct steme_buf *b, struct steme_str v)
{
	struct steme_str at = { 0 }, item;

	if (v.n == 0 || v.p[0] != '[') {
		jv_text(b, v);
		return;
	}
	while (jv_each(v, &at, &item))
		steme_buf_putc(b, (uint8_t)jv_uint(item));
}

void
journal_lift(struct steme_buf *b, struct steme_str object)
{
	struct steme_str o = jv_root(object.p, object.n), text;
	struct steme_str at = { 0 }, name, value;
	struct steme_buf m = { 0 };
	char number[32];
	int64_t us;
	int priority;

	if (o.n < 2 || o.p[0] != '{') {
		steme_buf_put(b, object.p, object.n);
		return;
	}
	message_text(&m, jv_get(o, "MESSAGE"));
	text = (struct steme_str){ m.data == NULL ? "" : (const char *)m.data, m.len };
	steme_buf_putc(b, '{');
	if (!put_members(b, text)) {
		us = strtoll(jv_copy(number, sizeof(number),
		    jv_get(o, "__REALTIME_TIMESTAMP")), NULL, 10);
		jv_copy(number, sizeof(number), jv_get(o, "PRIORITY"));
		priority = number[0] >= '0' && number[0] <= '7' ? number[0] - '0' : 6;
		put_made(b, text, us, priority);
	}
	/* the last comma goes if no member of the journal's follows */
	if (b->len > 0 && b->data[b->len - 1] == ',' &&
	    !jv_members(o, &at, &name, &value))
		b->len--;
	steme_buf_put(b, o.p + 1, o.n - 1);
	steme_buf_fini(&m);
}
