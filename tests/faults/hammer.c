/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hammer.c - load for the fault campaigns.
 *
 *   hammer write SOCKET FILE SEED THREADS [LIMIT]
 *       signs and sends claims over THREADS connections, eight in flight each, until the
 *       connection is lost or LIMIT claims were acknowledged; appends the id of every
 *       acknowledged claim to FILE, one hex a line, only after its acknowledgement.
 *       Exit 0; the last line of output is `acknowledged N refused M`.
 *   hammer check SOCKET FILE
 *       asks for every id in FILE: bytes and signature must be there and agree.
 *       Exit 0 if all are, 1 with the missing ids otherwise.
 */
#include "config.h"
#include "core/claim.h"
#include "core/client.h"
#include "core/clock.h"
#include "core/sign.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IN_FLIGHT	8
#define ID_LINE		(STEME_ID_HEX + 1)

static const char *socket_path;
static FILE *acks;
static pthread_mutex_t ack_mu = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint64_t acked, refused;
static uint64_t limit = UINT64_MAX;
static unsigned seed;

static void
note_ack(const struct steme_id *id)
{
	char hex[STEME_ID_HEX + 1];

	steme_id_hex(hex, id);
	pthread_mutex_lock(&ack_mu);
	fprintf(acks, "%s\n", hex);
	fflush(acks);
	pthread_mutex_unlock(&ack_mu);
	atomic_fetch_add(&acked, 1);
}

static int
make_claim(struct steme_claim *c, const struct steme_key *key, unsigned thread,
    uint64_t i)
{
	char concept[64], value[96];

	snprintf(concept, sizeof(concept), "load/t%u/c%llu", thread,
	    (unsigned long long)(i % 50));
	snprintf(value, sizeof(value), "seed %u thread %u claim %llu", seed, thread,
	    (unsigned long long)i);
	c->o.kind = STEME_ASSERTION;
	c->o.concept = steme_str_from(concept);
	c->o.predicate = STEME_LIT("p");
	c->o.type = STEME_TEXT;
	c->o.value = steme_str_from(value);
	return steme_claim_sign(c, key, NULL, steme_wall_us(&steme_clock_system),
	    NULL);
}

static int
submit(struct steme_client *c, const struct steme_key *key, unsigned thread,
    uint64_t i)
{
	struct steme_claim claim;
	struct steme_buf b = { 0 };
	uint64_t req;
	int err;

	steme_claim_init(&claim);
	err = make_claim(&claim, key, thread, i);
	if (err == STEME_OK) {
		steme_msg_put_puts(&b, 1);
		steme_msg_put_item(&b, (struct steme_str){
		    (const char *)claim.bytes.data, claim.bytes.len },
		    &claim.sig);
		err = steme_client_submit(c, STEME_MSG_PUT, b.data, b.len, &req);
	}
	steme_buf_fini(&b);
	steme_claim_fini(&claim);
	return err;
}

static int
take_answer(struct steme_client *c)
{
	struct steme_answer a;
	struct steme_msg_put_result res;
	struct steme_rd r;
	int err = steme_client_next(c, 30000, &a);

	if (err != STEME_OK)
		return err;
	if (a.err != STEME_OK) {
		atomic_fetch_add(&refused, 1);
		return STEME_OK;
	}
	r = steme_rd_from(a.data, a.len);
	if (steme_msg_next_result(&r, &res) != STEME_OK)
		return STEME_EPROTO;
	if (res.err == STEME_OK)
		note_ack(&res.id);
	else
		atomic_fetch_add(&refused, 1);
	return STEME_OK;
}

static void *
run_writer(void *arg)
{
	unsigned thread = (unsigned)(uintptr_t)arg;
	struct steme_client *c = NULL;
	struct steme_key key;
	uint64_t i = 0, answered = 0;

	steme_key_generate(&key);
	if (steme_client_open(&c, socket_path, STEME_ROLE_WRITER, NULL) != STEME_OK)
		return NULL;
	while (atomic_load(&acked) < limit) {
		while (i - answered < IN_FLIGHT)
			if (submit(c, &key, thread, i++) != STEME_OK)
				goto out;
		if (take_answer(c) != STEME_OK)
			break;
		answered++;
	}
out:
	steme_client_close(c);
	return NULL;
}

static int
do_write(const char *file, unsigned threads)
{
	pthread_t t[64];

	if ((acks = fopen(file, "ae")) == NULL || threads == 0 || threads > 64)
		return 64;
	for (unsigned i = 0; i < threads; i++)
		if (pthread_create(&t[i], NULL, run_writer,
		    (void *)(uintptr_t)i) != 0)
			return 71;
	for (unsigned i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	fclose(acks);
	printf("acknowledged %llu refused %llu\n",
	    (unsigned long long)atomic_load(&acked),
	    (unsigned long long)atomic_load(&refused));
	return 0;
}

/* The object is there, hashes to its id and is signed by its author. */
static int
check_one(struct steme_client *c, const struct steme_id *id)
{
	struct steme_buf bytes = { 0 }, sig = { 0 };
	struct steme_object o;
	struct steme_id h;
	struct steme_sig s;
	int err;

	err = steme_client_object(c, STEME_WANT_BYTES, id, &bytes, NULL);
	if (err == STEME_OK)
		err = steme_client_object(c, STEME_WANT_SIG, id, &sig, NULL);
	if (err == STEME_OK && sig.len == STEME_SIG_LEN) {
		h = steme_hash(bytes.data, bytes.len);
		memcpy(s.b, sig.data, STEME_SIG_LEN);
		err = !steme_id_eq(&h, id) ? STEME_ECORRUPT :
		    steme_object_parse(&o, bytes.data, bytes.len, NULL);
		if (err == STEME_OK)
			err = steme_verify(&s, &o.agent, bytes.data, bytes.len);
	} else if (err == STEME_OK) {
		err = STEME_ECORRUPT;
	}
	steme_buf_fini(&bytes);
	steme_buf_fini(&sig);
	return err;
}

static int
do_check(const char *file)
{
	struct steme_client *c;
	struct steme_why why = { { 0 } };
	struct steme_id id;
	char line[ID_LINE + 2];
	uint64_t n = 0, bad = 0;
	FILE *f = fopen(file, "re");
	int err;

	if (f == NULL)
		return 66;
	if (steme_client_open(&c, socket_path, STEME_ROLE_READER, &why) !=
	    STEME_OK) {
		fprintf(stderr, "%s\n", why.text);
		fclose(f);
		return 69;
	}
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strlen(line) != ID_LINE ||
		    steme_id_parse(&id, line, STEME_ID_HEX) != STEME_OK)
			continue;	/* cut when hammer itself was killed */
		n++;
		if ((err = check_one(c, &id)) != STEME_OK) {
			bad++;
			printf("lost: %.64s: %s\n", line, steme_strerror(err));
		}
	}
	steme_client_close(c);
	fclose(f);
	printf("checked %llu lost %llu\n", (unsigned long long)n,
	    (unsigned long long)bad);
	return bad == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	if (argc < 4 || steme_sign_init() != STEME_OK) {
		fputs("usage: hammer write SOCKET FILE SEED THREADS [LIMIT]\n"
		    "       hammer check SOCKET FILE\n", stderr);
		return 64;
	}
	socket_path = argv[2];
	if (strcmp(argv[1], "check") == 0)
		return do_check(argv[3]);
	if (strcmp(argv[1], "write") != 0 || argc < 6)
		return 64;
	seed = (unsigned)strtoul(argv[4], NULL, 10);
	if (argc > 6)
		limit = strtoull(argv[6], NULL, 10);
	return do_write(argv[3], (unsigned)strtoul(argv[5], NULL, 10));
}
