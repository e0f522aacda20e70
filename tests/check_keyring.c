/* SPDX-License-Identifier: Apache-2.0 */
/* check_keyring.c - key files, profiles, and what is refused. */
#include "config.h"
#include "core/keyring.h"
#include "core/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

static char top[256], keys[300];
static struct steme_why why;

static void
setup(void)
{
	const char *tmp = getenv("TMPDIR");

	steme_log_set_level(STEME_ERROR);
	ck_assert_int_eq(steme_sign_init(), STEME_OK);
	snprintf(top, sizeof(top), "%.200s/keyring.XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(top));
	snprintf(keys, sizeof(keys), "%s/keys", top);
}

static void
teardown(void)
{
	char cmd[400];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", top);
	ck_assert_int_eq(system(cmd), 0);
}

static const char *
in_keys(const char *name)
{
	static char path[2][700];
	static unsigned turn;

	turn ^= 1;
	snprintf(path[turn], sizeof(path[0]), "%s/%s", keys, name);
	return path[turn];
}

static void
write_text(const char *name, const char *text, mode_t mode)
{
	int fd = open(in_keys(name), O_WRONLY | O_CREAT | O_TRUNC, mode);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(close(fd), 0);
}

static struct steme_keyring *
open_ring(void)
{
	struct steme_keyring *k;

	ck_assert_msg(steme_keyring_open(&k, keys, &why) == STEME_OK, "%s", why.text);
	return k;
}

START_TEST(a_uid_key_is_made_once_and_found_again)
{
	struct steme_keyring *k = open_ring();
	struct steme_key a, b;
	struct steme_profile p;
	struct stat st;

	ck_assert_int_eq(steme_keyring_uid(k, 1000, &a, &p, &why), STEME_OK);
	ck_assert_int_eq(p.class_, STEME_CLASS_NONE);
	ck_assert_int_eq(p.confidence, STEME_ONE);
	ck_assert_str_eq(p.source, "");
	ck_assert_int_eq(stat(keys, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0700);
	ck_assert_int_eq(stat(in_keys("uid-1000.pem"), &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(steme_keyring_uid(k, 1000, &b, NULL, &why), STEME_OK);
	ck_assert_mem_eq(&a, &b, sizeof(a));
	ck_assert_int_eq(steme_keyring_uid(k, 1001, &b, NULL, &why), STEME_OK);
	ck_assert(!steme_id_eq(&a.agent, &b.agent));
	steme_keyring_close(k);
	k = open_ring();
	ck_assert_int_eq(steme_keyring_uid(k, 1000, &b, NULL, &why), STEME_OK);
	ck_assert_mem_eq(&a, &b, sizeof(a));
	steme_keyring_close(k);
}
END_TEST

START_TEST(a_key_that_is_not_there_is_only_made_when_asked)
{
	struct steme_keyring *k = open_ring();
	struct steme_key a;

	ck_assert_int_eq(steme_keyring_get(k, "operator", false, &a, NULL, &why),
	    STEME_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(why.text, "operator.pem"));
	ck_assert_int_eq(steme_keyring_get(k, "operator", true, &a, NULL, &why),
	    STEME_OK);
	ck_assert_int_eq(steme_keyring_get(k, "operator", false, &a, NULL, &why),
	    STEME_OK);
	steme_keyring_close(k);
}
END_TEST

START_TEST(names_that_could_leave_the_folder_are_refused)
{
	static const char *const bad[] = { "", ".", "..", "../x", "a/b", ".hidden",
	    "a b", "a\nb", "\xc3\xa4" };
	struct steme_keyring *k = open_ring();
	char longest[200];
	struct steme_key a;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(steme_keyring_get(k, bad[i], true, &a, NULL,
		    &why), STEME_EINVAL);
	memset(longest, 'a', sizeof(longest));
	longest[129] = '\0';
	ck_assert_int_eq(steme_keyring_get(k, longest, true, &a, NULL, &why),
	    STEME_EINVAL);
	longest[128] = '\0';
	ck_assert_int_eq(steme_keyring_get(k, longest, true, &a, NULL, &why),
	    STEME_OK);
	ck_assert_int_eq(steme_keyring_uid(k, (uid_t)-1, &a, NULL, &why),
	    STEME_EINVAL);
	steme_keyring_close(k);
}
END_TEST

START_TEST(a_key_others_may_read_is_refused_with_the_cure)
{
	struct steme_keyring *k = open_ring();
	struct steme_key a;

	ck_assert_int_eq(steme_keyring_uid(k, 7, &a, NULL, &why), STEME_OK);
	ck_assert_int_eq(chmod(in_keys("uid-7.pem"), 0640), 0);
	ck_assert_int_eq(steme_keyring_uid(k, 7, &a, NULL, &why), STEME_EPERM);
	ck_assert_ptr_nonnull(strstr(why.text, "chmod 600"));
	ck_assert_int_eq(chmod(in_keys("uid-7.pem"), 0600), 0);
	ck_assert_int_eq(steme_keyring_uid(k, 7, &a, NULL, &why), STEME_OK);
	steme_keyring_close(k);
}
END_TEST

START_TEST(symbolic_links_are_not_followed)
{
	struct steme_keyring *k = open_ring(), *k2;
	struct steme_key a;
	char link[400];

	ck_assert_int_eq(steme_keyring_get(k, "real", true, &a, NULL, &why), STEME_OK);
	ck_assert_int_eq(symlink("real.pem", in_keys("fake.pem")), 0);
	ck_assert_int_eq(steme_keyring_get(k, "fake", true, &a, NULL, &why),
	    STEME_EPERM);
	ck_assert_ptr_nonnull(strstr(why.text, "symbolic link"));
	/* a dangling one is not written through, either */
	ck_assert_int_eq(symlink("../elsewhere.pem", in_keys("gone.pem")), 0);
	ck_assert_int_ne(steme_keyring_get(k, "gone", true, &a, NULL, &why),
	    STEME_OK);
	snprintf(link, sizeof(link), "%s/elsewhere.pem", top);
	ck_assert_int_eq(access(link, F_OK), -1);
	/* nor a profile */
	ck_assert_int_eq(symlink("/etc/passwd", in_keys("real.json")), 0);
	ck_assert_int_eq(steme_keyring_get(k, "real", false, &a, NULL, &why),
	    STEME_EPERM);
	/* nor the folder */
	snprintf(link, sizeof(link), "%s/link", top);
	ck_assert_int_eq(symlink(keys, link), 0);
	ck_assert_int_eq(steme_keyring_open(&k2, link, &why), STEME_EINVAL);
	ck_assert_ptr_null(k2);
	steme_keyring_close(k);
}
END_TEST

START_TEST(a_folder_others_may_write_is_refused)
{
	struct steme_keyring *k;

	ck_assert_int_eq(mkdir(keys, 0700), 0);
	ck_assert_int_eq(chmod(keys, 0770), 0);
	ck_assert_int_eq(steme_keyring_open(&k, keys, &why), STEME_EPERM);
	ck_assert_ptr_nonnull(strstr(why.text, "chmod 700"));
	ck_assert_int_eq(rmdir(keys), 0);
	ck_assert_int_eq(mknod(keys, S_IFREG | 0600, 0), 0);
	ck_assert_int_eq(steme_keyring_open(&k, keys, &why), STEME_EINVAL);
}
END_TEST

START_TEST(a_fifo_or_rubbish_is_no_key)
{
	struct steme_keyring *k = open_ring();
	struct steme_key a;

	ck_assert_int_eq(mkfifo(in_keys("pipe.pem"), 0600), 0);
	ck_assert_int_eq(steme_keyring_get(k, "pipe", true, &a, NULL, &why),
	    STEME_EINVAL);
	write_text("junk.pem", "-----BEGIN CERTIFICATE-----\n", 0600);
	ck_assert_int_eq(steme_keyring_get(k, "junk", true, &a, NULL, &why),
	    STEME_EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "junk.pem"));
	write_text("empty.pem", "", 0600);
	ck_assert_int_eq(steme_keyring_get(k, "empty", true, &a, NULL, &why),
	    STEME_EINVAL);
	steme_keyring_close(k);
}
END_TEST

START_TEST(a_profile_that_was_set_is_found_by_all)
{
	struct steme_keyring *k = open_ring(), *k2 = open_ring();
	struct steme_profile p, q;
	struct steme_key a;
	struct stat st;

	steme_profile_default(&p);
	p.class_ = STEME_EXPERT;
	p.confidence = 9500;
	strcpy(p.source, "https://example.org/a \"b\"/\xc3\xa4");
	ck_assert_int_eq(steme_keyring_uid(k, 5, &a, &q, &why), STEME_OK);
	ck_assert_int_eq(steme_keyring_uid(k2, 5, &a, &q, &why), STEME_OK);
	ck_assert_int_eq(steme_keyring_set_profile(k, "uid-5", &p, &why), STEME_OK);
	ck_assert_int_eq(stat(in_keys("uid-5.json"), &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(steme_keyring_uid(i ? k2 : k, 5, &a, &q, &why),
		    STEME_OK);
		ck_assert_int_eq(q.class_, STEME_EXPERT);
		ck_assert_int_eq(q.confidence, 9500);
		ck_assert_str_eq(q.source, p.source);
	}
	/* removed by hand: the defaults again */
	ck_assert_int_eq(unlink(in_keys("uid-5.json")), 0);
	ck_assert_int_eq(steme_keyring_uid(k, 5, &a, &q, &why), STEME_OK);
	ck_assert_int_eq(q.class_, STEME_CLASS_NONE);
	/* a broken one is an error, not a default */
	write_text("uid-5.json", "{\"klass\":\"expert\"}", 0600);
	ck_assert_int_eq(steme_keyring_uid(k, 5, &a, &q, &why), STEME_EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "klass"));
	p.confidence = 10001;
	ck_assert_int_eq(steme_keyring_set_profile(k, "uid-5", &p, &why),
	    STEME_EINVAL);
	steme_keyring_close(k);
	steme_keyring_close(k2);
}
END_TEST

START_TEST(a_replaced_key_counts_at_once_and_a_removed_one_is_gone)
{
	struct steme_keyring *k = open_ring();
	struct steme_key a, b, c;

	ck_assert_int_eq(steme_keyring_get(k, "x", true, &a, NULL, &why), STEME_OK);
	steme_key_generate(&b);
	ck_assert_int_eq(steme_key_save(&b, in_keys("new.pem"), &why), STEME_OK);
	ck_assert_int_eq(rename(in_keys("new.pem"), in_keys("x.pem")), 0);
	ck_assert_int_eq(steme_keyring_get(k, "x", true, &c, NULL, &why), STEME_OK);
	ck_assert_mem_eq(&b, &c, sizeof(b));
	ck_assert_int_eq(unlink(in_keys("x.pem")), 0);
	ck_assert_int_eq(steme_keyring_get(k, "x", false, &c, NULL, &why),
	    STEME_ENOTFOUND);
	steme_keyring_close(k);
}
END_TEST

START_TEST(the_name_of_an_agent_is_found_also_when_the_key_came_later)
{
	struct steme_keyring *k = open_ring();
	struct steme_key a, b, other;
	const char *name;

	steme_key_generate(&a);
	steme_key_generate(&b);
	steme_key_generate(&other);
	ck_assert_int_eq(steme_key_save(&a, in_keys("agent-cia.pem"), &why), STEME_OK);
	ck_assert_str_eq(steme_keyring_name_of(k, &a.agent), "agent-cia");
	ck_assert_ptr_null(steme_keyring_name_of(k, &b.agent));
	ck_assert_int_eq(steme_key_save(&b, in_keys("agent-wfb.pem"), &why), STEME_OK);
	write_text("broken.pem", "x", 0600);
	name = steme_keyring_name_of(k, &b.agent);
	ck_assert_ptr_nonnull(name);
	ck_assert_str_eq(name, "agent-wfb");
	ck_assert_ptr_null(steme_keyring_name_of(k, &other.agent));
	steme_keyring_close(k);
}
END_TEST

START_TEST(profiles_are_parsed_strictly)
{
	static const char *const bad[] = { "", "{", "[]", "1", "{}x", "{\"a\":1}",
	    "{\"class\":\"doctor\"}", "{\"class\":1}", "{\"confidence\":\"1\"}",
	    "{\"confidence\":1.5}", "{\"confidence\":-0.5}",
	    "{\"confidence\":0.12345}", "{\"confidence\":null}",
	    "{\"source\":1}", "{\"source\":\"\"}", "{\"source\":\"a\\nb\"}",
	    "{\"source\":\" a\"}", "{\"source\":\"a\\u0000\"}",
	    "{\"source\":[[[[[[]]]]]]}", "{'class':'expert'}",
	    "{\"class\":\"expert\",}", "{\"source\":\"\xff\"}" };
	const char *none = " {\"class\":null,\"source\":null} \n";
	const char *all = "{\"source\":\"s\",\"confidence\":9.5e-1,"
	    "\"class\":\"clinical\"}";
	struct steme_profile p, before;

	steme_profile_default(&p);
	p.confidence = 1234;
	before = p;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(steme_profile_parse(&p, bad[i], strlen(bad[i]),
		    &why) != STEME_OK, "%s", bad[i]);
		ck_assert_mem_eq(&p, &before, sizeof(p));
	}
	ck_assert_int_eq(steme_profile_parse(&p, "{}\0", 3, &why), STEME_EINVAL);
	ck_assert_int_eq(steme_profile_parse(&p, none, strlen(none), &why), STEME_OK);
	ck_assert_int_eq(p.class_, STEME_CLASS_NONE);
	ck_assert_int_eq(p.confidence, STEME_ONE);
	ck_assert_int_eq(steme_profile_parse(&p, all, strlen(all), &why), STEME_OK);
	ck_assert_int_eq(p.class_, STEME_CLINICAL);
	ck_assert_int_eq(p.confidence, 9500);
	ck_assert_str_eq(p.source, "s");
}
END_TEST

static struct steme_key made[8];

static void *
first_write(void *arg)
{
	struct steme_keyring *k = ((void **)arg)[0];
	size_t i = (size_t)((void **)arg)[1];

	for (int n = 0; n < 50; n++)
		MUST(steme_keyring_uid(k, 42, &made[i], NULL, NULL));
	return NULL;
}

START_TEST(threads_that_write_first_together_get_one_key)
{
	struct steme_keyring *k = open_ring();
	void *args[8][2];
	pthread_t t[8];
	struct dirent *d;
	size_t files = 0;
	DIR *dir;

	for (size_t i = 0; i < 8; i++) {
		args[i][0] = k;
		args[i][1] = (void *)i;
		MUST(pthread_create(&t[i], NULL, first_write, args[i]));
	}
	for (size_t i = 0; i < 8; i++)
		MUST(pthread_join(t[i], NULL));
	for (size_t i = 1; i < 8; i++)
		ck_assert_mem_eq(&made[0], &made[i], sizeof(made[0]));
	ck_assert_ptr_nonnull(dir = opendir(keys));
	while ((d = readdir(dir)) != NULL)
		files += d->d_name[0] != '.' || strlen(d->d_name) > 2;
	closedir(dir);
	ck_assert_uint_eq(files, 1);	/* no temporary file is left */
	steme_keyring_close(k);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("keyring");
	TCase *t = tcase_create("keyring");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_uid_key_is_made_once_and_found_again);
	tcase_add_test(t, a_key_that_is_not_there_is_only_made_when_asked);
	tcase_add_test(t, names_that_could_leave_the_folder_are_refused);
	tcase_add_test(t, a_key_others_may_read_is_refused_with_the_cure);
	tcase_add_test(t, symbolic_links_are_not_followed);
	tcase_add_test(t, a_folder_others_may_write_is_refused);
	tcase_add_test(t, a_fifo_or_rubbish_is_no_key);
	tcase_add_test(t, a_profile_that_was_set_is_found_by_all);
	tcase_add_test(t, a_replaced_key_counts_at_once_and_a_removed_one_is_gone);
	tcase_add_test(t, the_name_of_an_agent_is_found_also_when_the_key_came_later);
	tcase_add_test(t, profiles_are_parsed_strictly);
	tcase_add_test(t, threads_that_write_first_together_get_one_key);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
