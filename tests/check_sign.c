/* SPDX-License-Identifier: Apache-2.0 */
/* check_sign.c - hashes, keys, key files, signatures. */
#include "config.h"
#include "core/buf.h"
#include "core/sign.h"
#include "core/util.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[256], path[300];
static struct steme_why why;

static void
set_up(void)
{
	const char *tmp = getenv("TMPDIR");

	ck_assert_int_eq(steme_sign_init(), STEME_OK);
	snprintf(dir, sizeof(dir), "%s/check_sign.XXXXXX",
	    tmp == NULL ? "/tmp" : tmp);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/key.pem", dir);
	memset(&why, 0, sizeof(why));
}

static void
tear_down(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

static void
put_file(const char *text, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

/* RFC 7693 has no 256-bit example; these are b2sum -l 256's. */
START_TEST(hashes_are_those_of_b2sum)
{
	struct steme_id id = steme_hash("", 0);
	char hex[STEME_ID_HEX + 1];

	steme_id_hex(hex, &id);
	ck_assert_str_eq(hex, "0e5751c026e543b2e8ab2eb06099daa1"
	    "d1e5df47778f7787faab45cdf12fe3a8");
	id = steme_hash("abc", 3);
	steme_id_hex(hex, &id);
	ck_assert_str_eq(hex, "bddd813c634239723171ef3fee98579b"
	    "94964e3bb1cb3e427262c8c068d52319");
	ck_assert(!steme_id_is_zero(&id));
	memset(&id, 0, sizeof(id));
	ck_assert(steme_id_is_zero(&id));
}
END_TEST

START_TEST(hex_is_lower_case_and_complete)
{
	uint8_t all[256], back[256];
	char hex[513];

	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	steme_hex(hex, all, sizeof(all));
	ck_assert_int_eq(steme_unhex(back, 256, hex, 512), STEME_OK);
	ck_assert_mem_eq(all, back, 256);
	ck_assert_int_eq(steme_unhex(back, 256, hex, 511), STEME_EINVAL);
	ck_assert_int_eq(steme_unhex(back, 255, hex, 512), STEME_EINVAL);
	for (int c = 0; c < 256; c++) {
		char two[2] = { 'a', (char)c };
		bool ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');

		ck_assert_int_eq(steme_unhex(back, 1, two, 2),
		    ok ? STEME_OK : STEME_EINVAL);
	}
}
END_TEST

/* RFC 8032 section 7.1, tests 1 and 3. */
START_TEST(signatures_are_those_of_rfc_8032)
{
	static const struct { const char *seed, *pub, *msg, *sig; } t[] = {
		{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
		  "",
		  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
		{ "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
		  "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
		  "af82",
		  "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a" },
	};
	struct steme_key k;
	struct steme_sig sig;
	uint8_t seed[32], msg[8];
	char hex[STEME_SIG_HEX + 1];
	size_t n;

	for (size_t i = 0; i < STEME_NELEM(t); i++) {
		ck_assert_int_eq(steme_unhex(seed, 32, t[i].seed, 64), 0);
		n = strlen(t[i].msg) / 2;
		ck_assert_int_eq(steme_unhex(msg, n, t[i].msg, 2 * n), 0);
		steme_key_from_seed(&k, seed);
		steme_id_hex(hex, &k.agent);
		ck_assert_str_eq(hex, t[i].pub);
		steme_sign(&sig, &k, msg, n);
		steme_hex(hex, sig.b, STEME_SIG_LEN);
		ck_assert_str_eq(hex, t[i].sig);
		ck_assert_int_eq(steme_verify(&sig, &k.agent, msg, n), 0);
	}
}
END_TEST

START_TEST(a_changed_bit_anywhere_fails)
{
	uint8_t msg[100] = { 1, 2, 3 };
	struct steme_key k, other;
	struct steme_sig sig, s;

	steme_key_generate(&k);
	steme_key_generate(&other);
	steme_sign(&sig, &k, msg, sizeof(msg));
	ck_assert_int_eq(steme_verify(&sig, &k.agent, msg, sizeof(msg)), 0);
	ck_assert_int_eq(steme_verify(&sig, &other.agent, msg, sizeof(msg)),
	    STEME_ESIG);
	for (unsigned bit = 0; bit < 512; bit++) {
		s = sig;
		s.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(steme_verify(&s, &k.agent, msg, sizeof(msg)),
		    STEME_ESIG);
	}
	for (unsigned bit = 0; bit < 800; bit++) {
		msg[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(steme_verify(&sig, &k.agent, msg,
		    sizeof(msg)), STEME_ESIG);
		msg[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}
END_TEST

/* With the neutral element as key, (R, 0) would fit every message. */
START_TEST(a_key_of_small_order_signs_nothing)
{
	struct steme_id neutral = { { 1 } };
	struct steme_sig sig = { { 1 } };

	ck_assert_int_eq(steme_verify(&sig, &neutral, "any", 3), STEME_ESIG);
}
END_TEST

START_TEST(a_saved_key_comes_back_with_mode_0600)
{
	struct steme_key k, back;
	struct stat st;

	umask(0);
	steme_key_generate(&k);
	ck_assert_msg(steme_key_save(&k, path, &why) == STEME_OK, "%s",
	    why.text);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_uint_eq(st.st_nlink, 1);
	ck_assert_int_eq(steme_key_load(&back, path, &why), STEME_OK);
	ck_assert_mem_eq(&k, &back, sizeof(k));
	steme_key_wipe(&back);
	for (size_t i = 0; i < sizeof(back); i++)
		ck_assert_int_eq(((uint8_t *)&back)[i], 0);
}
END_TEST

START_TEST(a_key_file_is_never_overwritten)
{
	struct steme_key k, back;

	steme_key_generate(&k);
	ck_assert_int_eq(steme_key_save(&k, path, &why), STEME_OK);
	steme_key_generate(&back);
	ck_assert_int_eq(steme_key_save(&back, path, &why), STEME_EEXIST);
	ck_assert_ptr_nonnull(strstr(why.text, path));
	ck_assert_int_eq(steme_key_load(&back, path, &why), STEME_OK);
	ck_assert_mem_eq(&k, &back, sizeof(k));
	/* No temporary file is left: tear_down's rmdir would fail. */
}
END_TEST

START_TEST(a_missing_folder_or_file_is_told_by_name)
{
	struct steme_key k;
	char deep[400];

	steme_key_generate(&k);
	snprintf(deep, sizeof(deep), "%s/none/key.pem", dir);
	ck_assert_int_eq(steme_key_save(&k, deep, &why), STEME_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(why.text, deep));
	ck_assert_int_eq(steme_key_load(&k, deep, &why), STEME_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(why.text, deep));
	ck_assert_int_eq(steme_key_load(&k, dir, &why), STEME_EINVAL);
}
END_TEST

START_TEST(a_key_that_others_may_read_is_refused)
{
	static const mode_t bad[] = { 0640, 0604, 0610, 0601, 0620, 0602 };
	char pem[STEME_KEY_PEM_MAX];
	struct steme_key k;

	steme_key_generate(&k);
	steme_key_pem(pem, &k);
	for (size_t i = 0; i < STEME_NELEM(bad); i++) {
		put_file(pem, strlen(pem), bad[i]);
		ck_assert_int_eq(steme_key_load(&k, path, &why), STEME_EPERM);
		ck_assert_ptr_nonnull(strstr(why.text, "chmod 600"));
	}
	put_file(pem, strlen(pem), 0400);
	ck_assert_int_eq(steme_key_load(&k, path, &why), STEME_OK);
}
END_TEST

/* RFC 8410 section 10.3: a private key without and with public key. */
#define RFC8410	"-----BEGIN PRIVATE KEY-----\n" \
	"MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n" \
	"-----END PRIVATE KEY-----\n"

START_TEST(the_key_of_rfc_8410_is_read_and_written_alike)
{
	static const char around[] = "my key\r\n"
	    "-----BEGIN PRIVATE KEY-----\r\n"
	    "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK\r\n1bbY8fdp+K06/nwoy/HU++CXqI9E"
	    "dVhC\r\n-----END PRIVATE KEY-----\r\nbye\n";
	struct steme_key k;
	char pem[STEME_KEY_PEM_MAX], pub[128];

	ck_assert_int_eq(steme_key_parse(&k, RFC8410, sizeof(RFC8410) - 1,
	    &why), STEME_OK);
	steme_key_pem(pem, &k);
	ck_assert_str_eq(pem, RFC8410);
	steme_agent_pem(pub, &k.agent);
	ck_assert_str_eq(pub, "-----BEGIN PUBLIC KEY-----\n"
	    "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
	    "-----END PUBLIC KEY-----\n");
	/* CR LF and text around the block. */
	steme_key_wipe(&k);
	ck_assert_int_eq(steme_key_parse(&k, around, sizeof(around) - 1, &why),
	    STEME_OK);
	steme_key_pem(pem, &k);
	ck_assert_str_eq(pem, RFC8410);
}
END_TEST

START_TEST(anything_else_in_a_key_file_is_refused_by_name)
{
	static const struct { const char *pem, *word; } t[] = {
		{ "", "no PEM" },
		{ "hello", "no PEM" },
		{ "-----BEGIN ", "no PEM" },
		{ "-----BEGIN PRIVATE KEY-----", "cut short" },
		{ "-----BEGIN PRIVATE KEY-----\nMC4C\n", "cut short" },
		{ "-----BEGIN ENCRYPTED PRIVATE KEY-----\nx\n", "encrypted" },
		{ "-----BEGIN PUBLIC KEY-----\nx\n", "'PUBLIC KEY'" },
		{ "-----BEGIN RSA PRIVATE KEY-----\nx\n", "RSA" },
		{ "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n", "OPENSSH" },
		{ "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
		  "no plain Ed25519" },
		{ "-----BEGIN PRIVATE KEY-----\nMC4CAQA*BQYD\n"
		  "-----END PRIVATE KEY-----\n", "base64" },
		/* X25519: another OID. */
		{ "-----BEGIN PRIVATE KEY-----\n"
		  "MC4CAQAwBQYDK2VuBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9E"
		  "dVhC\n-----END PRIVATE KEY-----\n", "no plain Ed25519" },
		/* RFC 8410's version 1 with the public key. */
		{ "-----BEGIN PRIVATE KEY-----\n"
		  "MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9E"
		  "dVhCoB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmE"
		  "zf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
		  "-----END PRIVATE KEY-----\n", "no plain Ed25519" },
		{ RFC8410 RFC8410, "more than one" },
	};
	struct steme_key k, before;

	memset(&k, 0x55, sizeof(k));
	before = k;
	for (size_t i = 0; i < STEME_NELEM(t); i++) {
		why.text[0] = '\0';
		ck_assert_int_eq(steme_key_parse(&k, t[i].pem,
		    strlen(t[i].pem), &why), STEME_EINVAL);
		ck_assert_msg(strstr(why.text, t[i].word) != NULL, "%s: %s",
		    t[i].pem, why.text);
		ck_assert_mem_eq(&k, &before, sizeof(k));
	}
	put_file(t[0].pem, 0, 0600);
	ck_assert_int_eq(steme_key_load(&k, path, &why), STEME_EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, path));
}
END_TEST

START_TEST(a_huge_file_is_no_key)
{
	char *huge = malloc(100000);
	struct steme_key k;

	ck_assert_ptr_nonnull(huge);
	memset(huge, 'x', 100000);
	memcpy(huge, RFC8410, sizeof(RFC8410) - 1);
	put_file(huge, 100000, 0600);
	ck_assert_int_eq(steme_key_load(&k, path, &why), STEME_EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "4096"));
	free(huge);
}
END_TEST

START_TEST(a_pipe_by_the_name_of_a_key_does_not_hang)
{
	struct steme_key k;

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(steme_key_load(&k, path, &why), STEME_EINVAL);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("sign");
	TCase *t = tcase_create("keys");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, hashes_are_those_of_b2sum);
	tcase_add_test(t, hex_is_lower_case_and_complete);
	tcase_add_test(t, signatures_are_those_of_rfc_8032);
	tcase_add_test(t, a_changed_bit_anywhere_fails);
	tcase_add_test(t, a_key_of_small_order_signs_nothing);
	tcase_add_test(t, a_saved_key_comes_back_with_mode_0600);
	tcase_add_test(t, a_key_file_is_never_overwritten);
	tcase_add_test(t, a_missing_folder_or_file_is_told_by_name);
	tcase_add_test(t, a_key_that_others_may_read_is_refused);
	tcase_add_test(t, the_key_of_rfc_8410_is_read_and_written_alike);
	tcase_add_test(t, anything_else_in_a_key_file_is_refused_by_name);
	tcase_add_test(t, a_huge_file_is_no_key);
	tcase_add_test(t, a_pipe_by_the_name_of_a_key_does_not_hang);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
