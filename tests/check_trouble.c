/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_trouble.c - storage that fails: the lines that operators look for, the counts, writes
 * that wait too long, compactions, and old answers meanwhile.
 */
#include "config.h"
#include "core/index_log.h"
#include "core/util.h"
#include "tests/lossy.h"
#include "tests/service_util.h"

/* A store over an index that fails as told, and its storage.log. */
static struct place P;
static struct lossy *L;
static struct steme_store *S;
static struct steme_key ann;
static struct steme_index_ops ops;
static char log_path[128];
static atomic_int fail_get;
static atomic_ulong pending;
static atomic_uint timed[STEME_NTIMED];

static int
get(struct steme_index *ix, const struct steme_snapshot *snap, const void *key,
    size_t klen, uint8_t **val, size_t *vlen)
{
	*val = NULL;
	return atomic_load(&fail_get) != 0 ? atomic_load(&fail_get) :
	    lossy_ops.get(ix, snap, key, klen, val, vlen);
}

static int
iter_open(struct steme_index *ix, const struct steme_snapshot *snap, const void *from,
    size_t fromlen, const void *to, size_t tolen, bool backwards, struct steme_iter *it)
{
	return atomic_load(&fail_get) != 0 ? atomic_load(&fail_get) :
	    lossy_ops.iter_open(ix, snap, from, fromlen, to, tolen, backwards, it);
}

static int
stats(struct steme_index *ix, struct steme_index_stats *out)
{
	int err = lossy_ops.stats(ix, out);

	out->pending_compaction_bytes = atomic_load(&pending);
	return err;
}

static void
on_time(void *arg, enum steme_timed what, int64_t us)
{
	(void)arg;
	ck_assert_int_ge(us, 0);
	atomic_fetch_add(&timed[what], 1);
}

static void
setup(void)
{
	place_make(&P, false, true);
	key_of(&ann, 1);
	L = lossy_new();
	ops = lossy_ops;
	ops.get = get;
	ops.iter_open = iter_open;
	ops.stats = stats;
	L->base.ops = &ops;
	P.o.index = &L->base;
	P.o.kv_dir = NULL;
	P.o.on_time = on_time;
	P.o.lock_timeout_ms = 20;
	P.o.compact_trigger = 1000;
	atomic_store(&fail_get, 0);
	atomic_store(&pending, 0);
	for (int i = 0; i < STEME_NTIMED; i++)
		atomic_store(&timed[i], 0);
	S = place_open(&P);
	steme_log_set_level(STEME_INFO);
	snprintf(log_path, sizeof(log_path), "%s/storage.log", P.dir);
	ck_assert_int_eq(steme_log_storage_open(log_path), STEME_OK);
}

static void
teardown(void)
{
	L->fail = 0;
	atomic_store(&fail_get, 0);
	steme_store_close(S);
	L->base.ops->close(&L->base);
	place_remove(&P);
}

/* How many lines of storage.log have the text in their message. */
static unsigned
lines(const char *text)
{
	char line[4096];
	unsigned n = 0;
	FILE *f = fopen(log_path, "r");

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		struct json_object *o = json_tokener_parse(line), *m;

		ck_assert(json_object_object_get_ex(o, "message", &m));
		n += strstr(json_object_get_string(m), text) != NULL;
		json_object_put(o);
	}
	fclose(f);
	return n;
}

static int
put(const char *value)
{
	struct made m = make_claim(&ann, "a/b", "p", value, T0 - 5);
	int err = write_one(S, &m, NULL);

	made_free(&m);
	return err;
}

static struct steme_store_stats
stats_now(void)
{
	struct steme_store_stats st;

	steme_store_stats(S, &st);
	return st;
}

START_TEST(an_index_that_cannot_be_written_is_told_in_two_lines_and_counted)
{
	ck_assert_int_eq(put("1"), STEME_OK);
	ck_assert_uint_eq(stats_now().puts, 1);
	ck_assert_uint_eq(stats_now().put_errors, 0);
	ck_assert_uint_eq(atomic_load(&timed[STEME_TIMED_PUT]), 1);
	ck_assert_uint_eq(atomic_load(&timed[STEME_TIMED_SYNC]), 1);
	ck_assert_uint_eq(atomic_load(&timed[STEME_TIMED_LOCK]), 1);
	L->fail = STEME_EIO;
	ck_assert_int_eq(put("2"), STEME_EIO);
	ck_assert_uint_eq(lines("Error: StorageError: storage error: Failed to write to KV "
	    "store: Index update failed: "), 1);
	ck_assert_uint_eq(lines("Error: Custom { kind: Other, error: \"Input/output "
	    "error\" }"), 1);
	/* writes have stopped: each further one is an error */
	ck_assert_int_ne(put("3"), STEME_OK);
	ck_assert_uint_eq(stats_now().puts, 3);
	ck_assert_uint_eq(stats_now().put_errors, 2);
}
END_TEST

START_TEST(a_full_disk_is_told_by_its_name)
{
	L->fail = STEME_ENOSPC;
	ck_assert_int_eq(put("1"), STEME_ENOSPC);
	ck_assert_uint_ge(lines("Error: Custom { kind: Other, error: \"IO error: No space "
	    "left on device\" }"), 1);
	ck_assert_uint_eq(lines("storage error: writes are refused"), 1);
	ck_assert_uint_eq(stats_now().put_errors, 1);
}
END_TEST

START_TEST(a_log_that_cannot_be_synced_is_told_and_counted)
{
	ck_assert_int_eq(put("1"), STEME_OK);
	faultio_fail(P.fio, FIO_DATASYNC | FIO_SYNC, 1, EIO, 0, false);
	ck_assert_int_ne(put("2"), STEME_OK);
	ck_assert_uint_eq(lines("Error: StorageError: storage error: Failed to write to "
	    "WAL: "), 1);
	ck_assert_uint_eq(lines("writes have stopped"), 1);
	ck_assert_uint_eq(stats_now().put_errors, 1);
	faultio_fail(P.fio, 0, 0, 0, 0, false);
}
END_TEST

/* The time is the file system's delay, so it is slow on any machine. */
START_TEST(a_slow_sync_is_told_once_in_a_while)
{
	steme_store_close(S);
	P.o.clock = NULL;
	S = place_open(&P);
	ck_assert_int_eq(put("1"), STEME_OK);
	faultio_delay(P.fio, FIO_DATASYNC | FIO_SYNC, 110000);
	ck_assert_int_eq(put("2"), STEME_OK);
	ck_assert_int_eq(put("3"), STEME_OK);
	faultio_delay(P.fio, FIO_ALL, 0);
	ck_assert_uint_eq(lines("slow fsync: the log took "), 1);
}
END_TEST

START_TEST(an_index_that_cannot_be_read_is_told_counted_and_told_again)
{
	static const struct { int err; const char *what, *raw; } cases[] = {
		{ STEME_EIO, "index error: predicate index lookup failed",
		    "Error: Custom { kind: Other, error: \"Input/output error\" }" },
		{ STEME_ECORRUPT, "index error: index checksum mismatch",
		    "Error: Corruption: block checksum mismatch" },
	};
	struct steme_lens_ctx ctx;
	struct steme_cands c;
	uint64_t gets;

	ck_assert_int_eq(put("1"), STEME_OK);
	ctx_open(S, &ctx);
	gets = stats_now().gets;
	atomic_store(&fail_get, cases[_i].err);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(steme_store_collect(S, &ctx, STEME_LIT("a/b"),
		    STEME_LIT("p"), false, &c), cases[_i].err);
	steme_world_put(ctx.world);
	/* once, not with every read; but every read counts */
	ck_assert_uint_eq(lines(cases[_i].what), 1);
	ck_assert_uint_eq(lines(cases[_i].raw), 1);
	ck_assert_uint_eq(stats_now().gets, gets + 3);
	ck_assert_uint_eq(stats_now().get_errors, 3);
	ck_assert(stats_now().index_error);
	steme_store_tick(S);
	__atomic_fetch_add(&P.clock.mono, INT64_C(61000000), __ATOMIC_RELAXED);
	steme_store_tick(S);
	ck_assert_uint_eq(lines("index error: the index still cannot be read"), 1);
}
END_TEST

/* ---- writes that wait ---- */

static atomic_bool held, let_go;

static void
hold(void *arg)
{
	(void)arg;
	atomic_store(&held, true);
	while (!atomic_load(&let_go))
		usleep(1000);
}

struct waiting {
	struct made m;
	struct steme_put p;
	struct steme_write w;
	atomic_bool done;
};

static void
waiting_done(struct steme_write *w)
{
	struct waiting *x = w->arg;

	atomic_store(&x->done, true);
}

static void
send(struct waiting *x, const char *value)
{
	memset(x, 0, sizeof(*x));
	x->m = make_claim(&ann, "a/b", "p", value, T0 - 5);
	x->p = put_of(&x->m);
	x->w = (struct steme_write){ .puts = &x->p, .n = 1, .hand_in = true,
	    .done = waiting_done, .arg = x };
	steme_store_write(S, &x->w, false);
}

START_TEST(a_write_that_nobody_takes_in_time_is_refused_and_nothing_stored)
{
	struct waiting x[3];

	/* the first is on its way into the index, the second in the log, the third waits */
	L->before_write = hold;
	send(&x[0], "1");
	while (!atomic_load(&held))
		usleep(1000);
	send(&x[1], "2");
	while (atomic_load(&timed[STEME_TIMED_LOCK]) < 2)
		usleep(1000);
	send(&x[2], "3");
	usleep(30000);
	/* the store's clock stands still: it is not late yet */
	ck_assert(!atomic_load(&x[2].done));
	__atomic_fetch_add(&P.clock.mono, 20000, __ATOMIC_RELAXED);
	while (!atomic_load(&x[2].done))
		usleep(1000);
	ck_assert_int_eq(x[2].w.err, STEME_ETIMEOUT);
	ck_assert_ptr_nonnull(strstr(x[2].w.why.text, "lock_timeout_ms"));
	/* who waits in vain waits longest */
	ck_assert_uint_eq(atomic_load(&timed[STEME_TIMED_LOCK]), 3);
	ck_assert(!atomic_load(&x[0].done) && !atomic_load(&x[1].done));
	atomic_store(&let_go, true);
	while (!atomic_load(&x[0].done) || !atomic_load(&x[1].done))
		usleep(1000);
	ck_assert_int_eq(x[0].w.err, STEME_OK);
	ck_assert_int_eq(x[1].w.err, STEME_OK);
	ck_assert(!has(S, &x[2].m.id));
	while (lines("Error: Failed to acquire write lock within timeout") == 0)
		usleep(1000);
	ck_assert_uint_eq(lines("Error: TimeoutError: storage error: lock timeout: "), 1);
	ck_assert_uint_eq(stats_now().lock_timeouts, 1);
	/* and the queue goes on */
	ck_assert_int_eq(put("4"), STEME_OK);
	for (int i = 0; i < 3; i++)
		made_free(&x[i].m);
}
END_TEST

/* ---- compaction ---- */

static unsigned steps;

static bool
five_steps(void *arg, unsigned permille)
{
	(void)arg;
	ck_assert_uint_le(permille, 1000);
	return ++steps <= 5;
}

START_TEST(a_compaction_is_told_can_be_ended_and_needs_a_reason)
{
	struct steme_why why;

	ck_assert_int_eq(steme_store_compact(S, false, NULL, NULL, &why), STEME_OK);
	ck_assert_uint_eq(stats_now().compactions, 0);
	ck_assert_int_eq(steme_store_compact(S, true, NULL, NULL, &why), STEME_OK);
	ck_assert_uint_eq(stats_now().compactions, 1);
	ck_assert_uint_eq(atomic_load(&timed[STEME_TIMED_COMPACTION]), 1);
	ck_assert_uint_eq(lines("compaction started (forced)"), 1);
	ck_assert_uint_eq(lines("compaction: 20 of 41 key ranges done"), 1);
	ck_assert_uint_eq(lines("compaction complete in "), 1);
	ck_assert_int_eq(steme_store_compact(S, true, five_steps, NULL, &why),
	    STEME_ECANCELED);
	ck_assert_uint_eq(steps, 6);
	atomic_store(&pending, 1);
	ck_assert_int_eq(steme_store_compact(S, false, NULL, NULL, &why), STEME_OK);
	ck_assert_uint_eq(lines("compaction started (asked for)"), 1);
}
END_TEST

START_TEST(a_compaction_that_fails_is_told_as_operators_look_for_it)
{
	struct steme_why why;

	L->fail = STEME_EIO;
	ck_assert_int_eq(steme_store_compact(S, true, NULL, NULL, &why), STEME_EIO);
	ck_assert_uint_eq(lines("Error: StorageError: storage error: LSM tree compaction "
	    "failed: "), 1);
	ck_assert_uint_eq(stats_now().compaction_errors, 1);
}
END_TEST

START_TEST(a_compaction_begins_by_itself_above_the_trigger)
{
	__atomic_fetch_add(&P.clock.mono, INT64_C(11000000), __ATOMIC_RELAXED);
	atomic_store(&pending, 999);
	steme_store_tick(S);
	ck_assert_uint_eq(lines("compaction started"), 0);
	__atomic_fetch_add(&P.clock.mono, INT64_C(11000000), __ATOMIC_RELAXED);
	atomic_store(&pending, 1000);
	steme_store_tick(S);
	while (stats_now().compacting)
		usleep(1000);
	ck_assert_uint_eq(lines("compaction started (compaction_trigger_mb)"), 1);
	ck_assert_uint_eq(stats_now().compactions, 1);
}
END_TEST

/* ---- LevelDB's LOG ---- */

static struct steme_index_event last;
static char last_text[64];
static unsigned told;

static void
tell(void *arg, const struct steme_index_event *e)
{
	(void)arg;
	told++;
	last = *e;
	snprintf(last_text, sizeof(last_text), "%s", e->text);
}

static void
append(const char *path, const char *mode, const char *text)
{
	FILE *f = fopen(path, mode);

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

START_TEST(compactions_are_read_off_leveldbs_log)
{
	struct steme_index_log log = {0};
	char path[128], old[128];

	snprintf(path, sizeof(path), "%s/LOG", P.dir);
	snprintf(old, sizeof(old), "%s/LOG.old", P.dir);
	steme_index_log_follow(&log, P.dir, tell, NULL);	/* there is none */
	append(path, "w", "2026/11/21-07:49:17.411169 140225015686848 Level-0 table #5: started\n"
	    "2026/11/21-07:49:17.500000 140225015686848 Compacting 4@0 + 1@1 files\n"
	    "no head at all\n2026/11/21-07:49:18.7");
	steme_index_log_follow(&log, P.dir, tell, NULL);
	ck_assert_uint_eq(told, 0);
	append(path, "a", "50001 7f8a1c Compacted 4@0 + 1@1 files => 12345 bytes\n");
	steme_index_log_follow(&log, P.dir, tell, NULL);
	ck_assert_uint_eq(told, 1);
	ck_assert(last.err == STEME_OK && last.us == 1250001 && last.bytes == 12345);
	append(path, "a", "2026/11/21-07:49:19.000000 1 Compacting 1@1 + 1@2 files\n"
	    "2026/11/21-07:49:19.500000 1 Compaction error: IO error: No space left on device\n");
	steme_index_log_follow(&log, P.dir, tell, NULL);
	ck_assert(told == 2 && last.err == STEME_ENOSPC && last.us == 500000);
	ck_assert_str_eq(last_text, "IO error: No space left on device");
	/* a memtable that cannot be written has no other line than that of its table */
	append(path, "a", "2026/11/21-07:49:20.000000 1 Level-0 table #14: 4019025 bytes OK\n"
	    "2026/11/21-07:49:20.000000 1 Level-0 table #16: 0 bytes IO error: kv/000016.ldb: "
	    "Input/output error\n");
	steme_index_log_follow(&log, P.dir, tell, NULL);
	ck_assert(told == 3 && last.err == STEME_EIO);
	ck_assert_str_eq(last_text, "IO error: kv/000016.ldb: Input/output error");
	/* the database was opened anew: the file begins again */
	ck_assert_int_eq(rename(path, old), 0);
	append(path, "w", "2026/11/21-08:00:00.000000 1 Compacted 1@0 + 0@1 files => 7 bytes\n");
	steme_index_log_follow(&log, P.dir, tell, NULL);
	ck_assert(told == 4 && last.bytes == 7 && last.us == 0);
	steme_index_log_follow(&log, P.dir, tell, NULL);
	ck_assert_uint_eq(told, 4);
	steme_index_log_close(&log);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("trouble");
	TCase *t = tcase_create("storage");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, an_index_that_cannot_be_written_is_told_in_two_lines_and_counted);
	tcase_add_test(t, a_full_disk_is_told_by_its_name);
	tcase_add_test(t, a_log_that_cannot_be_synced_is_told_and_counted);
	tcase_add_test(t, a_slow_sync_is_told_once_in_a_while);
	tcase_add_loop_test(t, an_index_that_cannot_be_read_is_told_counted_and_told_again,
	    0, 2);
	tcase_add_test(t, a_write_that_nobody_takes_in_time_is_refused_and_nothing_stored);
	tcase_add_test(t, a_compaction_is_told_can_be_ended_and_needs_a_reason);
	tcase_add_test(t, a_compaction_that_fails_is_told_as_operators_look_for_it);
	tcase_add_test(t, a_compaction_begins_by_itself_above_the_trigger);
	tcase_add_test(t, compactions_are_read_off_leveldbs_log);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
