/* SPDX-License-Identifier: Apache-2.0 */
/* fake_http.c - what the handlers ask of libmicrohttpd and of the daemon's client. */
#include "config.h"
#include "tests/fuzz/fake_http.h"
#include "core/util.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define BLOCK	4096

struct MHD_Response {
	unsigned refs;
	char *data;
	size_t len;
	int fd;
	bool owned;
	MHD_ContentReaderCallback read;
	MHD_ContentReaderFreeCallback free;
	void *cls;
	struct { char name[64], value[256]; } headers[32];
	unsigned nheaders;
};

struct fake_question *fake_questions;
static const struct sockaddr_in peer = { .sin_family = AF_INET };

/* ---- requests ---- */

static int
hex(char c)
{
	const char *digits = "0123456789abcdef", *at = c == '\0' ? NULL :
	    strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c);

	return at == NULL ? -1 : (int)(at - digits);
}

/* In place, as libmicrohttpd does it: broken sequences stay as they are. */
static size_t
unescape(char *s)
{
	char *out = s, *in = s;

	for (; *in != '\0'; out++) {
		if (*in == '%' && hex(in[1]) >= 0 && hex(in[2]) >= 0) {
			*out = (char)(hex(in[1]) * 16 + hex(in[2]));
			in += 3;
		} else {
			*out = *in == '+' ? ' ' : *in;
			in++;
		}
	}
	*out = '\0';
	return (size_t)(out - s);
}

void
fake_args(struct MHD_Connection *c, char *query)
{
	char *next, *eq;

	for (; query != NULL && c->nargs < STEME_NELEM(c->args); query = next) {
		struct fake_pair *p = &c->args[c->nargs++];

		if ((next = strchr(query, '&')) != NULL)
			*next++ = '\0';
		if ((eq = strchr(query, '=')) != NULL)
			*eq++ = '\0';
		p->name = query;
		p->nname = unescape(query);
		p->value = eq;
		p->nvalue = eq == NULL ? 0 : unescape(eq);
	}
}

void
fake_headers(struct MHD_Connection *c, char *text)
{
	char *next, *colon;

	for (; text != NULL && c->nheaders < STEME_NELEM(c->headers); text = next) {
		struct fake_pair *p = &c->headers[c->nheaders];

		if ((next = strchr(text, '\n')) != NULL)
			*next++ = '\0';
		if ((colon = strchr(text, ':')) == NULL)
			continue;
		*colon++ = '\0';
		p->name = text;
		p->nname = strlen(text);
		p->value = colon + strspn(colon, " \t");
		p->nvalue = strlen(p->value);
		c->nheaders++;
	}
}

static struct fake_pair *
pairs(struct MHD_Connection *c, enum MHD_ValueKind kind, size_t *n)
{
	*n = kind == MHD_HEADER_KIND ? c->nheaders : c->nargs;
	return kind == MHD_HEADER_KIND ? c->headers : c->args;
}

int
MHD_get_connection_values_n(struct MHD_Connection *c, enum MHD_ValueKind kind,
    MHD_KeyValueIteratorN fn, void *cls)
{
	size_t n;
	struct fake_pair *p = pairs(c, kind, &n);

	for (size_t i = 0; i < n; i++)
		if (fn(cls, kind, p[i].name, p[i].nname, p[i].value,
		    p[i].nvalue) != MHD_YES)
			return (int)i + 1;
	return (int)n;
}

int
MHD_get_connection_values(struct MHD_Connection *c, enum MHD_ValueKind kind,
    MHD_KeyValueIterator fn, void *cls)
{
	size_t n;
	struct fake_pair *p = pairs(c, kind, &n);

	for (size_t i = 0; i < n; i++)
		if (fn(cls, kind, p[i].name, p[i].value) != MHD_YES)
			return (int)i + 1;
	return (int)n;
}

const char *
MHD_lookup_connection_value(struct MHD_Connection *c, enum MHD_ValueKind kind,
    const char *key)
{
	size_t n;
	struct fake_pair *p = pairs(c, kind, &n);

	for (size_t i = 0; i < n; i++)
		if (strcasecmp(p[i].name, key) == 0)
			return p[i].value;
	return NULL;
}

const union MHD_ConnectionInfo *
MHD_get_connection_info(struct MHD_Connection *c, enum MHD_ConnectionInfoType type,
    ...)
{
	static union MHD_ConnectionInfo i;

	if (type == MHD_CONNECTION_INFO_SOCKET_CONTEXT)
		i.socket_context = &c->conn;
	else if (type == MHD_CONNECTION_INFO_CLIENT_ADDRESS)
		i.client_addr = (struct sockaddr *)(uintptr_t)&peer;
	else
		i.connect_fd = -1;
	return &i;
}

void
MHD_suspend_connection(struct MHD_Connection *c)
{
	MUST(c->suspended);
	c->suspended = true;
}

void
MHD_resume_connection(struct MHD_Connection *c)
{
	c->suspended = false;
}

/* ---- responses ---- */

static struct MHD_Response *
response_new(void *data, size_t len)
{
	struct MHD_Response *resp = calloc(1, sizeof(*resp));

	MUST(resp == NULL);
	resp->refs = 1;
	resp->data = data;
	resp->len = len;
	resp->fd = -1;
	return resp;
}

struct MHD_Response *
MHD_create_response_from_buffer(size_t size, void *data, enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *resp = response_new(data, size);

	resp->owned = mode == MHD_RESPMEM_MUST_FREE;
	return resp;
}

struct MHD_Response *
MHD_create_response_from_callback(uint64_t size, size_t block,
    MHD_ContentReaderCallback read, void *cls, MHD_ContentReaderFreeCallback fn)
{
	struct MHD_Response *resp = response_new(NULL, 0);

	(void)size;
	(void)block;
	resp->read = read;
	resp->free = fn;
	resp->cls = cls;
	return resp;
}

struct MHD_Response *
MHD_create_response_from_fd64(uint64_t size, int fd)
{
	struct MHD_Response *resp = response_new(NULL, (size_t)size);

	resp->fd = fd;
	return resp;
}

enum MHD_Result
MHD_add_response_header(struct MHD_Response *resp, const char *name, const char *value)
{
	MUST(resp->nheaders == STEME_NELEM(resp->headers));
	/* no byte of a request gets a header of its own into an answer */
	for (const char *s = value; *s != '\0'; s++)
		MUST((unsigned char)*s < ' ' || (unsigned char)*s > '~');
	snprintf(resp->headers[resp->nheaders].name, 64, "%s", name);
	snprintf(resp->headers[resp->nheaders++].value, 256, "%s", value);
	return MHD_YES;
}

void
MHD_destroy_response(struct MHD_Response *resp)
{
	if (--resp->refs > 0)
		return;
	if (resp->free != NULL)
		resp->free(resp->cls);
	if (resp->fd >= 0)
		close(resp->fd);
	if (resp->owned)
		free(resp->data);
	free(resp);
}

enum MHD_Result
MHD_queue_response(struct MHD_Connection *c, unsigned status, struct MHD_Response *resp)
{
	char block[BLOCK];
	ssize_t n;

	MUST(c->status != 0 || c->suspended);
	c->status = status;
	c->response = resp;
	resp->refs++;
	if (resp->read != NULL) {
		n = resp->read(resp->cls, 0, block, sizeof(block));
		MUST(n > (ssize_t)sizeof(block));
	}
	return MHD_YES;
}

const char *
fake_body(const struct MHD_Response *resp, size_t *n)
{
	*n = resp->len;
	return resp->data;
}

const char *
fake_response_header(const struct MHD_Response *resp, const char *name)
{
	for (unsigned i = 0; i < resp->nheaders; i++)
		if (strcasecmp(resp->headers[i].name, name) == 0)
			return resp->headers[i].value;
	return NULL;
}

void
fake_end(struct MHD_Connection *c)
{
	if (c->response != NULL)
		MHD_destroy_response(c->response);
	c->response = NULL;
}

/* ---- the daemon's client ---- */

bool
steme_aclient_up(const struct steme_aclient *c)
{
	(void)c;
	return true;
}

int
steme_aclient_submit(struct steme_aclient *c, enum steme_msg type, const void *payload,
    size_t len, unsigned flags, unsigned deadline_ms, steme_aclient_done *done, void *arg,
    uint64_t *ticket)
{
	struct fake_question *q = calloc(1, sizeof(*q)), **end = &fake_questions;

	(void)c;
	(void)flags;
	(void)deadline_ms;
	MUST(q == NULL);
	q->type = type;
	q->len = len;
	q->payload = malloc(len + 1);
	MUST(q->payload == NULL);
	if (len > 0)
		memcpy(q->payload, payload, len);
	q->done = done;
	q->arg = arg;
	while (*end != NULL)
		end = &(*end)->next;
	*end = q;
	if (ticket != NULL)
		*ticket = 1;
	return STEME_OK;
}

void
fake_answer(const struct steme_reply *rep)
{
	struct fake_question *q = fake_questions;

	fake_questions = q->next;
	q->done(q->arg, rep);
	free(q->payload);
	free(q);
}

/* ---- connections: listen.c watches their speed ---- */

void
api_conn_step(struct api_conn *k, enum api_step step)
{
	atomic_store(&k->step, step);
}

void
api_conn_moved(struct api_conn *k, size_t n)
{
	atomic_fetch_add(&k->bytes, n);
}
