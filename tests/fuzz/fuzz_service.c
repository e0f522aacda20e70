/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_service.c - messages to a service over a store in memory.  The input is a row of
 * requests: type, flags, length (u16), payload.  Flag 1: as a reader; flag 2: a PUT
 * whose payload is one object, signed here so that it gets past the check; flag 4: the
 * asker goes away at once.
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>

/* There is no test to report to: what must hold ends the process. */
#undef ck_assert_msg
#define ck_assert_msg(expr, ...)	((expr) ? (void)0 : abort())

#define RIG_IN_MEMORY	true
#include "tests/service_util.h"

#define ASKS_MAX	16
#define REOPEN_AT	20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Its folder goes with it. */
static void
end(void)
{
	rig_close(&G);
}

static void
start(void)
{
	static unsigned runs;

	if (runs++ % REOPEN_AT != 0)
		return;
	if (runs > 1)
		rig_close(&G);
	else
		atexit(end);
	rig_open(&G);
	must_claim(G.s, &G.ann, "drug/sema", "dose", "2.4 mg", T0 - 5);
	must_claim(G.s, &G.bob, "drug/sema", "dose", "2.0 mg", T0 - 6);
}

static void
put_signed(struct steme_buf *b, const uint8_t *p, size_t n)
{
	struct steme_sig sig;

	steme_sign(&sig, &G.ann, p, n);
	steme_msg_put_puts(b, 1);
	steme_msg_put_item(b, (struct steme_str){ (const char *)p, n }, &sig);
}

static void
request(struct ask *a, unsigned type, unsigned flags, const uint8_t *p, size_t n)
{
	struct steme_buf b = {0};

	if (flags & 2) {
		type = STEME_MSG_PUT;
		put_signed(&b, p, n);
		p = b.data;
		n = b.len;
	}
	ask_init(a, flags & 1 ? STEME_ROLE_READER : STEME_ROLE_ADMIN, type, p, n);
	steme_buf_fini(&b);
	atomic_store(&a->r.gone, (flags & 4) != 0);
	steme_service_handle(G.svc, &a->r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct steme_rd r = steme_rd_from(data, size);
	struct ask asks[ASKS_MAX];
	unsigned n = 0;

	start();
	while (n < ASKS_MAX && r.n > 0) {
		unsigned type = (unsigned)steme_rd_le(&r, 1);
		unsigned flags = (unsigned)steme_rd_le(&r, 1);
		size_t len;
		const uint8_t *p = steme_rd_bytes(&r, 2, &len);

		if (p == NULL)
			break;
		request(&asks[n++], type, flags, p, len);
	}
	steme_service_turn(G.svc);
	/* A WATCH ends only when nobody wants it any more. */
	for (unsigned i = 0; i < n; i++)
		if (asks[i].r.type == STEME_MSG_WATCH)
			atomic_store(&asks[i].r.gone, true);
	steme_service_kick(G.svc);
	for (unsigned i = 0; i < n; i++) {
		ask_wait(&asks[i]);
		ask_fini(&asks[i]);
	}
	return 0;
}
