/* SPDX-License-Identifier: Apache-2.0 */
/* check_conf.c - configuration files, environment, folders and pid files. */
#include "config.h"
#include "core/conf.h"
#include "core/instance.h"
#include "tests/remove_tree.h"

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];
static char path[128];
static char warned[1024];

static void
setup(void)
{
	strcpy(dir, "/tmp/check_conf.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/api.toml", dir);
	warned[0] = '\0';
}

static void
teardown(void)
{
	remove_tree(dir);
}

static void
on_warn(void *arg, const char *text)
{
	(void)arg;
	snprintf(warned, sizeof(warned), "%s", text);
}

static int
load(struct steme_conf *c, const char *text, struct steme_why *why)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	return steme_conf_load(c, path, true, on_warn, NULL, why);
}

START_TEST(an_absent_file_gives_the_defaults)
{
	struct steme_conf c;
	struct steme_why why;

	ck_assert_int_eq(steme_conf_load(&c, path, false, NULL, NULL, &why), 0);
	ck_assert_int_eq(c.port, 18180);
	ck_assert_int_eq(c.cache_size_mb, 1024);
	ck_assert_int_eq(c.group_commit_max_wait_ms, 0);
	ck_assert_uint_eq(c.bind.n, 2);
	ck_assert_str_eq(c.bind.v[1], "::1");
	ck_assert(c.mount_writable);
	ck_assert_int_eq(steme_conf_load(&c, path, true, NULL, NULL, &why),
	    STEME_ENOTFOUND);
}
END_TEST

START_TEST(a_file_sets_every_type_of_value)
{
	struct steme_conf c;
	struct steme_why why = {{0}};

	ck_assert_msg(load(&c, "[api]\nport = 1234 # inline\nbind = [\"0.0.0.0\"]\n"
	    "trust_loopback = false\n[lens]\nunknown_trust = 0.25\n"
	    "[node]\nname = \"n1\"\n", &why) == 0, "%s", why.text);
	ck_assert_int_eq(c.port, 1234);
	ck_assert_uint_eq(c.bind.n, 1);
	ck_assert_str_eq(c.bind.v[0], "0.0.0.0");
	ck_assert(!c.trust_loopback);
	ck_assert_str_eq(c.unknown_trust, "0.25");
	ck_assert_str_eq(c.node_name, "n1");
	ck_assert_str_eq(warned, "");
}
END_TEST

START_TEST(every_table_of_operators_is_known)
{
	struct steme_conf c;
	struct steme_why why = {{0}};

	ck_assert_msg(load(&c, "[cluster]\nrpc_timeout_ms = 10000\n"
	    "max_replication_lag_seconds = 30\n[wal]\ngroup_commit_max_wait_ms = 10\n"
	    "group_commit_max_bytes = 1048576\n[api]\nrequest_timeout_seconds = 60\n"
	    "[logging]\nlevel = \"debug\"\n[slo]\ntarget_availability = 0.999  # 99.9%\n"
	    "error_budget_burn_rate_alert = 0.1\n[resilience]\n"
	    "enable_circuit_breaker = false\nfailure_threshold = 6\ntimeout_ms = 5001\n"
	    "reset_timeout_ms = 30001\n[fallback]\nenable_cache_fallback = false\n"
	    "max_stale_seconds = 301\n[storage]\nlock_timeout_ms = 10000\n"
	    "enable_auto_compaction = false\ncompaction_trigger_mb = 1025\n", &why) == 0,
	    "%s", why.text);
	ck_assert_str_eq(warned, "");
	ck_assert_int_eq(c.rpc_timeout_ms, 10000);
	ck_assert_int_eq(c.max_replication_lag_seconds, 30);
	ck_assert_str_eq(c.target_availability, "0.999");
	ck_assert(!c.circuit_breaker);
	ck_assert_int_eq(c.failure_threshold, 6);
	ck_assert_int_eq(c.guard_timeout_ms, 5001);
	ck_assert_int_eq(c.reset_timeout_ms, 30001);
	ck_assert(!c.cache_fallback);
	ck_assert_int_eq(c.max_stale_seconds, 301);
	ck_assert_int_eq(c.lock_timeout_ms, 10000);
	ck_assert(!c.auto_compaction);
	ck_assert_int_eq(c.compaction_trigger_mb, 1025);
}
END_TEST

START_TEST(a_certificate_without_its_key_and_a_share_over_one_are_refused)
{
	struct steme_conf c;
	struct steme_why why = {{0}};

	ck_assert_int_eq(load(&c, "[api]\ncert = \"x\"\n", &why), STEME_EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "api.key is missing"));
	ck_assert_int_eq(load(&c, "[slo]\ntarget_availability = 99.9\n", &why),
	    STEME_EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "from 0 to 1"));
}
END_TEST

START_TEST(an_unknown_key_warns_with_its_line_and_a_bad_one_is_refused)
{
	struct steme_conf c;
	struct steme_why why = {{0}};

	ck_assert_int_eq(load(&c, "[api]\n\nprot = 1\n", &why), 0);
	ck_assert_ptr_nonnull(strstr(warned, "line 3"));
	ck_assert_ptr_nonnull(strstr(warned, "api.prot"));
	ck_assert_int_eq(load(&c, "[api]\nport = 99999\n", &why), STEME_EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "line 2"));
	ck_assert_ptr_nonnull(strstr(why.text, "65535"));
	ck_assert_int_eq(load(&c, "[api]\nport = \"x\"\n", &why), STEME_EINVAL);
	ck_assert_int_eq(load(&c, "[api\n", &why), STEME_EINVAL);
	ck_assert_int_eq(load(&c, "[api]\n[api]\n", &why), STEME_EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "line 2"));
	ck_assert_int_eq(load(&c, "[logging]\nlevel=\"loud\"\n", &why),
	    STEME_EINVAL);
}
END_TEST

START_TEST(the_environment_stands_over_the_file)
{
	struct steme_conf c;
	struct steme_why why = {{0}};

	setenv("STEMEDB_CACHE_SIZE_MB", "2048", 1);
	ck_assert_int_eq(load(&c, "[storage]\ncache_size_mb = 5\n", &why), 0);
	ck_assert_int_eq(c.cache_size_mb, 2048);
	setenv("STEMEDB_CACHE_SIZE_MB", "many", 1);
	ck_assert_int_eq(load(&c, "", &why), STEME_EINVAL);
	unsetenv("STEMEDB_CACHE_SIZE_MB");
}
END_TEST

START_TEST(a_share_is_a_plain_decimal)
{
	static const char *const bad[] = { "5", "-1", "1.5", "\"0x1\"", "\"nan\"", "nan",
		"\".5\"", "\"1.\"", "\"\"", "\"0.5 \"", "true" };
	static const char *const good[] = { "0", "1", "0.999", "1e-5", "\"0.25\"" };
	struct steme_why why = {{0}};
	struct steme_conf c;
	char text[64];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), "[slo]\ntarget_availability = %s\n", bad[i]);
		ck_assert_msg(load(&c, text, &why) == STEME_EINVAL, "%s", text);
		snprintf(text, sizeof(text), "[lens]\nunknown_trust = %s\n", bad[i]);
		ck_assert_msg(load(&c, text, &why) == STEME_EINVAL, "%s", text);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		snprintf(text, sizeof(text), "[slo]\ntarget_availability = %s\n", good[i]);
		ck_assert_msg(load(&c, text, &why) == STEME_OK, "%s", why.text);
	}
}
END_TEST

START_TEST(a_bad_variable_of_the_environment_is_named)
{
	struct steme_why why = {{0}};
	struct steme_conf c;

	setenv("STEMEDB_PORT", "0", 1);
	ck_assert_int_eq(load(&c, "", &why), STEME_EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "STEMEDB_PORT"));
	ck_assert_ptr_nonnull(strstr(why.text, "65535"));
	unsetenv("STEMEDB_PORT");
}
END_TEST

START_TEST(an_instance_has_its_paths_below_its_folder)
{
	struct steme_instance in;
	struct steme_why why = {{0}};
	char lng[200];

	ck_assert_int_eq(steme_instance_init(&in, "/tmp/x//", &why), 0);
	ck_assert_str_eq(in.socket, "/tmp/x/run/control.sock");
	ck_assert_str_eq(in.conf, "/tmp/x/api.toml");
	ck_assert_int_eq(steme_instance_init(&in, STEME_DEFAULT_DIR, &why), 0);
	ck_assert_str_eq(in.conf, STEME_DEFAULT_CONF);
	memset(lng, 'a', sizeof(lng));
	lng[0] = '/';
	lng[92] = '\0';
	ck_assert_int_eq(steme_instance_init(&in, lng, &why), STEME_ETOOBIG);
	ck_assert_ptr_nonnull(strstr(why.text, "107"));
	lng[90] = '\0';
	ck_assert_int_eq(steme_instance_init(&in, lng, &why), 0);
}
END_TEST

START_TEST(a_mount_point_neither_hides_the_folder_nor_lies_where_the_daemon_works)
{
	static const char *const bad[] = { "/", "/srv", "/srv/x", "/srv/x/wal",
	    "/srv/x/kv/m", "/srv/x/keys", "/srv/x/run", "/srv/x/log/a/b" };
	static const char *const good[] = { "/srv/x/mnt", "/srv/x/wall", "/srv/xy",
	    "/srv/y", "/mnt" };
	struct steme_instance in;
	struct steme_why why = {{0}};

	ck_assert_int_eq(steme_instance_init(&in, "/srv/x", &why), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(steme_instance_mount(&in, bad[i], &why) ==
		    STEME_EINVAL, "%s", bad[i]);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(steme_instance_mount(&in, good[i], &why) == STEME_OK,
		    "%s: %s", good[i], why.text);
}
END_TEST

START_TEST(a_recorded_process_is_known_by_its_start_time)
{
	struct steme_instance in;
	struct steme_why why = {{0}};
	struct steme_pid p;

	ck_assert_int_eq(steme_instance_init(&in, dir, &why), 0);
	ck_assert_int_eq(steme_instance_make(&in, &why), 0);
	ck_assert_int_eq(steme_pid_read(&in, "t", &p), STEME_ENOTFOUND);
	ck_assert_int_eq(steme_pid_write(&in, "t", &why), 0);
	ck_assert_int_eq(steme_pid_read(&in, "t", &p), 0);
	ck_assert_int_eq(p.pid, getpid());
	p.start++;
	ck_assert(!steme_pid_alive(&p));
	steme_pid_remove(&in, "t");
	ck_assert_int_eq(steme_pid_read(&in, "t", &p), STEME_ENOTFOUND);
}
END_TEST

static void *
rest(void *arg)
{
	for (;;)
		pause();
	return arg;
}

/* A process that records itself as "t", and whose first thread ends before its second. */
static pid_t
headless(const struct steme_instance *in)
{
	struct steme_why why;
	pthread_t t;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);	/* with a test that failed */
	if (steme_pid_write(in, "t", &why) != STEME_OK ||
	    pthread_create(&t, NULL, rest, NULL) != 0)
		_exit(1);
	pthread_exit(NULL);
}

/* A zombie; false: it is none yet. */
static bool
is_zombie(pid_t pid)
{
	char name[64], text[256] = "";
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
	ck_assert_ptr_nonnull(f = fopen(name, "r"));
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), f));
	fclose(f);
	return strstr(text, ") Z ") != NULL;
}

START_TEST(a_process_runs_until_its_last_thread_has_ended)
{
	struct steme_instance in;
	struct steme_why why = {{0}};
	struct steme_pid p;
	pid_t pid;

	ck_assert_int_eq(steme_instance_init(&in, dir, &why), 0);
	ck_assert_int_eq(steme_instance_make(&in, &why), 0);
	pid = headless(&in);
	while (!is_zombie(pid))
		usleep(1000);
	ck_assert_int_eq(steme_pid_read(&in, "t", &p), STEME_OK);
	ck_assert_int_eq(p.pid, pid);
	kill(pid, SIGKILL);
	while (steme_pid_alive(&p))	/* nobody waits for it: it stays a zombie */
		usleep(1000);
	ck_assert(is_zombie(pid));
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert(!steme_pid_alive(&p));
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("conf");
	TCase *t = tcase_create("conf");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_absent_file_gives_the_defaults);
	tcase_add_test(t, a_file_sets_every_type_of_value);
	tcase_add_test(t, an_unknown_key_warns_with_its_line_and_a_bad_one_is_refused);
	tcase_add_test(t, every_table_of_operators_is_known);
	tcase_add_test(t, a_certificate_without_its_key_and_a_share_over_one_are_refused);
	tcase_add_test(t, the_environment_stands_over_the_file);
	tcase_add_test(t, a_share_is_a_plain_decimal);
	tcase_add_test(t, a_bad_variable_of_the_environment_is_named);
	tcase_add_test(t, an_instance_has_its_paths_below_its_folder);
	tcase_add_test(t, a_mount_point_neither_hides_the_folder_nor_lies_where_the_daemon_works);
	tcase_add_test(t, a_recorded_process_is_known_by_its_start_time);
	tcase_add_test(t, a_process_runs_until_its_last_thread_has_ended);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
