/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_http.h - libmicrohttpd and the client of the daemon, for handlers that run in one
 * thread without sockets: a request is read from memory, questions to the daemon wait in a
 * row until the test answers them.
 */
#ifndef STEME_FUZZ_FAKE_HTTP_H
#define STEME_FUZZ_FAKE_HTTP_H

#include "api/api.h"

struct fake_pair {
	char *name, *value;		/* value: NULL: `?name` */
	size_t nname, nvalue;
};

struct fake_question {
	struct fake_question *next;
	enum steme_msg type;
	uint8_t *payload;
	size_t len;
	steme_aclient_done *done;
	void *arg;
};

struct MHD_Connection {
	struct fake_pair headers[128], args[256];
	size_t nheaders, nargs;
	struct api_conn conn;
	bool suspended;
	unsigned status;		/* 0: nothing queued */
	struct MHD_Response *response;
};

/* Questions that the handlers have asked, oldest first. */
extern struct fake_question *fake_questions;
/* Takes the text apart, which is changed: "?a=b&c" and "Name: value\n"... */
void fake_args(struct MHD_Connection *c, char *query);
void fake_headers(struct MHD_Connection *c, char *text);
/* Answers the oldest question, and forgets it. */
void fake_answer(const struct steme_reply *rep);
/* Of what was queued: its body (of a stream, its first bytes), or NULL. */
const char *fake_body(const struct MHD_Response *resp, size_t *n);
/* The value of a header of it, or NULL. */
const char *fake_response_header(const struct MHD_Response *resp, const char *name);
/* Gives the reference to the response back. */
void fake_end(struct MHD_Connection *c);

#endif
