/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object_tool.c - our side of object-openssl.sh: keys, ids and signatures of
 * files, so that a script can set them against openssl and b2sum.
 *
 *   keygen KEYFILE            writes a new key
 *   pub KEYFILE               prints its public key as PEM
 *   agent KEYFILE             prints its public key as hex
 *   id FILE                   prints the BLAKE2b-256
 *   sign KEYFILE FILE         prints the raw signature
 *   verify AGENT SIGFILE FILE checks one
 *   prove INDEX FILE          of the ids in FILE (hex, one a line): JSON proof
 *
 * Exit status 0; 1 with the reason on stderr.
 */
#include "config.h"
#include "core/buf.h"
#include "core/merkle.h"
#include "core/object.h"
#include "core/sign.h"

#include <stdio.h>
#include <stdlib.h>

static struct steme_why why;

static int
fatal(const char *what)
{
	fprintf(stderr, "object_tool: %s\n", what);
	return 1;
}

static int
read_file(const char *path, struct steme_buf *b)
{
	FILE *f = fopen(path, "rb");
	uint8_t *p;

	if (f == NULL)
		return fatal("cannot open a file");
	while ((p = steme_buf_reserve(b, 65536)) != NULL) {
		size_t n = fread(p, 1, 65536, f);

		b->len += n;
		if (n == 0)
			break;
	}
	fclose(f);
	return p == NULL ? fatal("file too large") : 0;
}

static int
with_key(const char *what, const char *path)
{
	char text[STEME_KEY_PEM_MAX];
	struct steme_key k;

	if (strcmp(what, "keygen") == 0) {
		steme_key_generate(&k);
		return steme_key_save(&k, path, &why) == STEME_OK ? 0 :
		    fatal(why.text);
	}
	if (steme_key_load(&k, path, &why) != STEME_OK)
		return fatal(why.text);
	if (strcmp(what, "pub") == 0) {
		steme_agent_pem(text, &k.agent);
		fputs(text, stdout);
	} else {
		steme_id_hex(text, &k.agent);
		puts(text);
	}
	return 0;
}

static int
sign_file(const char *keyfile, const char *path)
{
	struct steme_buf b = { 0 };
	struct steme_key k;
	struct steme_sig sig;

	if (steme_key_load(&k, keyfile, &why) != STEME_OK)
		return fatal(why.text);
	if (read_file(path, &b) != 0)
		return 1;
	steme_sign(&sig, &k, b.data, b.len);
	fwrite(sig.b, 1, sizeof(sig.b), stdout);
	steme_buf_fini(&b);
	return 0;
}

static int
verify_file(const char *agent, const char *sigfile, const char *path)
{
	struct steme_buf b = { 0 }, s = { 0 };
	struct steme_id id;
	struct steme_sig sig;
	int err;

	if (steme_id_parse(&id, agent, strlen(agent)) != STEME_OK)
		return fatal("AGENT must be 64 hex digits");
	if (read_file(path, &b) != 0 || read_file(sigfile, &s) != 0)
		return 1;
	if (s.len != STEME_SIG_LEN)
		return fatal("a signature has 64 bytes");
	memcpy(sig.b, s.data, sizeof(sig.b));
	err = steme_verify(&sig, &id, b.data, b.len);
	steme_buf_fini(&b);
	steme_buf_fini(&s);
	return err == STEME_OK ? 0 : fatal("the signature does not verify");
}

static int
prove(const char *index, const char *path)
{
	static struct steme_id ids[STEME_BATCH_MAX];
	struct steme_buf b = { 0 };
	struct steme_proof p;
	char hex[STEME_ID_HEX + 1];
	size_t n = 0;

	if (read_file(path, &b) != 0)
		return 1;
	for (; n < STEME_BATCH_MAX && (n + 1) * 65 <= b.len; n++)
		if (steme_id_parse(&ids[n], (char *)b.data + n * 65, 64) != 0)
			return fatal("no id");
	steme_buf_fini(&b);
	if (steme_merkle_prove(ids, n, strtoul(index, NULL, 10), &p) != 0)
		return fatal("no such batch");
	printf("{\"index\":%u,\"count\":%u,\"path\":[", p.index, p.count);
	for (unsigned i = 0; i < p.n; i++) {
		steme_id_hex(hex, &p.path[i]);
		printf("%s\"%s\"", i == 0 ? "" : ",", hex);
	}
	puts("]}");
	return 0;
}

static int
print_id(const char *path)
{
	struct steme_buf b = { 0 };
	char hex[STEME_ID_HEX + 1];
	struct steme_id id;

	if (read_file(path, &b) != 0)
		return 1;
	id = steme_hash(b.data, b.len);
	steme_buf_fini(&b);
	steme_id_hex(hex, &id);
	puts(hex);
	return 0;
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (steme_sign_init() != STEME_OK)
		return fatal("libsodium does not start");
	if (argc == 3 && strcmp(what, "id") == 0)
		return print_id(argv[2]);
	if (argc == 3 && (strcmp(what, "keygen") == 0 ||
	    strcmp(what, "pub") == 0 || strcmp(what, "agent") == 0))
		return with_key(what, argv[2]);
	if (argc == 4 && strcmp(what, "sign") == 0)
		return sign_file(argv[2], argv[3]);
	if (argc == 5 && strcmp(what, "verify") == 0)
		return verify_file(argv[2], argv[3], argv[4]);
	if (argc == 4 && strcmp(what, "prove") == 0)
		return prove(argv[2], argv[3]);
	return fatal("usage: keygen|pub|agent|id|sign|verify|prove ARGS");
}
