/* SPDX-License-Identifier: Apache-2.0 */
/* conn.c - the connection to the daemon, and what failures look like. */
#include "config.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "core/path.h"
#include "core/view_query.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
cli_status(int err)
{
	switch (err) {
	case STEME_OK:
		return EX_OK;
	case STEME_ENOTFOUND:
	case STEME_EGAP:
	case STEME_ECORRUPT:
		return CLI_NO;
	case STEME_EINVAL:
	case STEME_ETOOBIG:
	case STEME_ESIG:
	case STEME_ESKEW:
	case STEME_EUTF8:
		return EX_DATAERR;
	case STEME_EEXIST:
		return EX_CANTCREAT;
	case STEME_ECONN:
		return EX_UNAVAILABLE;
	case STEME_ENOMEM:
		return EX_OSERR;
	case STEME_EIO:
	case STEME_ENOSPC:
		return EX_IOERR;
	case STEME_EBUSY:
	case STEME_EAGAIN:
	case STEME_ETIMEOUT:
	case STEME_EREADONLY:
	case STEME_EDRAINED:
	case STEME_ELIMIT:
	case STEME_ESTALE:
	case STEME_ECANCELED:
		return EX_TEMPFAIL;
	case STEME_EPROTO:
	case STEME_EVERSION:
		return EX_PROTOCOL;
	case STEME_EPERM:
	case STEME_EAUTH:
		return EX_NOPERM;
	default:
		return EX_SOFTWARE;
	}
}

int
cli_fail(struct cli *c, int err)
{
	out_error(c->json, steme_errname(err), cli_status(err),
	    c->why.text[0] != '\0' ? c->why.text : steme_strerror(err));
	return cli_status(err);
}

int
cli_missing(struct cli *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why.text, sizeof(c->why.text), fmt, ap);
	va_end(ap);
	out_error(c->json, steme_errname(STEME_ENOTFOUND), EX_NOINPUT, c->why.text);
	return EX_NOINPUT;
}

int
cli_failf(struct cli *c, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why.text, sizeof(c->why.text), fmt, ap);
	va_end(ap);
	return cli_fail(c, err);
}

void
cli_note(const struct cli *c, const char *fmt, ...)
{
	struct steme_buf b = { 0 };
	char text[STEME_CURSOR_MAX + 256];	/* the longest that is told */
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (c->json) {
		steme_buf_puts(&b, "{\"note\":");
		out_json_str(&b, steme_str_from(text));
		steme_buf_putc(&b, '}');
	} else {
		out_clean(&b, steme_str_from(text));
	}
	steme_buf_putc(&b, '\n');
	if (steme_buf_err(&b) == STEME_OK)
		fwrite(b.data, 1, b.len, stderr);
	steme_buf_fini(&b);
}

static int
connect_within(struct cli *c, int ms)
{
	if (c->client != NULL)
		return STEME_OK;
	c->why.text[0] = '\0';
	return steme_client_open_within(&c->client, c->in.socket, STEME_ROLE_NONE, ms,
	    &c->why);
}

int
cli_try(struct cli *c)
{
	return connect_within(c, CLI_LOOK_MS);
}

int
cli_connect(struct cli *c)
{
	int err = connect_within(c, STEME_CLIENT_TIMEOUT_MS);

	return err == STEME_OK ? EX_OK : cli_fail(c, err);
}

void
cli_disconnect(struct cli *c)
{
	steme_client_close(c->client);
	c->client = NULL;
}

int
cli_print(struct cli *c, const struct steme_buf *b)
{
	if (steme_buf_err(b) != STEME_OK)
		return cli_fail(c, steme_buf_err(b));
	if (fwrite(b->data, 1, b->len, stdout) != b->len)
		return cli_failf(c, STEME_EIO, "cannot write to stdout");
	if (b->len > 0 && b->data[b->len - 1] != '\n')
		putchar('\n');
	return EX_OK;
}

struct steme_str
cli_path(const char *text)
{
	struct steme_str s = steme_str_from(text);

	while (s.n > 1 && s.p[s.n - 1] == '/')
		s.n--;
	return s;
}

bool
cli_concept(struct cli *c, const char *text, char out[STEME_CONCEPT_MAX + 1],
    int *status)
{
	struct steme_str s = cli_path(text);
	enum steme_class class_;
	int err;

	err = steme_concept_from_scheme(s, out, &class_, &c->why);
	if (err != STEME_OK) {
		struct steme_why why = c->why;

		*status = cli_failf(c, err, "the concept '%s' %s",
		    steme_quote(s).s, why.text);
		return false;
	}
	return true;
}

bool
cli_id(struct cli *c, const char *text, struct steme_id *id, int *status)
{
	if (steme_id_parse(id, text, strlen(text)) == STEME_OK)
		return true;
	*status = cli_failf(c, STEME_EINVAL, "'%s' is no id: an id has 64 "
	    "lower-case hex digits (steme log --json and steme history --json "
	    "show them whole)", steme_quote(steme_str_from(text)).s);
	return false;
}

bool
cli_agent(struct cli *c, const char *text, struct steme_id *agent, int *status)
{
	if (steme_id_parse(agent, text, strlen(text)) == STEME_OK)
		return true;
	*status = cli_failf(c, STEME_EINVAL, "'%s' is no agent: an agent has 64 "
	    "lower-case hex digits (steme keys and steme history --json show them)",
	    steme_quote(steme_str_from(text)).s);
	return false;
}
