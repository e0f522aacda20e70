# tests/: a check_<module> program per header, end-to-end scripts in e2e/,
# fuzz targets in fuzz/, benchmarks in bench/.  One block per module.

CHECK_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS) $(SODIUM_CFLAGS) $(JSONC_CFLAGS) \
	-DSRCDIR='"$(abs_top_srcdir)"'
BASE_TEST_LIBS = $(BASE_LIBS) $(CHECK_LIBS)
STORE_TEST_LIBS = $(STORE_LIBS) $(CHECK_LIBS)

# Programs whose threads matter: ./check tsan runs these.
THREAD_CHECKS = check_metrics
# Fuzz targets: ./check fuzz runs these.
FUZZ_TARGETS =

# --- runner

dist_check_SCRIPTS =

EXTRA_DIST += %D%/runner.h

# --- configuration, metrics

check_PROGRAMS += check_conf check_metrics
TESTS += check_conf check_metrics
check_conf_SOURCES = %D%/check_conf.c
check_conf_CPPFLAGS = $(CHECK_CPPFLAGS)
check_conf_LDADD = $(BASE_TEST_LIBS)
check_metrics_SOURCES = %D%/check_metrics.c
check_metrics_CPPFLAGS = $(CHECK_CPPFLAGS)
check_metrics_LDADD = $(BASE_TEST_LIBS)

# --- objects
# Keys, ids and signatures against openssl and b2sum.
EXTRA_PROGRAMS += object_tool
object_tool_SOURCES = %D%/object_tool.c
object_tool_LDADD = $(BASE_LIBS)
TESTS += %D%/object-openssl.sh
EXTRA_DIST += %D%/object-openssl.sh
%D%/object-openssl.log: object_tool$(EXEEXT)
CLEANFILES += object_tool$(EXEEXT)
EXTRA_DIST += %D%/vectors/objects.json %D%/vectors/make-objects.py
check_PROGRAMS += check_object
TESTS += check_object
check_object_SOURCES = %D%/check_object.c
check_object_CPPFLAGS = $(CHECK_CPPFLAGS)
check_object_LDADD = $(BASE_TEST_LIBS)
check_PROGRAMS += check_object_write
TESTS += check_object_write
check_object_write_SOURCES = %D%/check_object_write.c
check_object_write_CPPFLAGS = $(CHECK_CPPFLAGS)
check_object_write_LDADD = $(BASE_TEST_LIBS)
check_PROGRAMS += check_claim
TESTS += check_claim
check_claim_SOURCES = %D%/check_claim.c
check_claim_CPPFLAGS = $(CHECK_CPPFLAGS)
check_claim_LDADD = $(BASE_TEST_LIBS)
check_PROGRAMS += check_number
TESTS += check_number
check_number_SOURCES = %D%/check_number.c
check_number_CPPFLAGS = $(CHECK_CPPFLAGS)
check_number_LDADD = $(BASE_TEST_LIBS)
check_PROGRAMS += check_apikey
TESTS += check_apikey
check_apikey_SOURCES = %D%/check_apikey.c
check_apikey_CPPFLAGS = $(CHECK_CPPFLAGS)
check_apikey_LDADD = $(BASE_TEST_LIBS)
check_PROGRAMS += check_time
TESTS += check_time
check_time_SOURCES = %D%/check_time.c
check_time_CPPFLAGS = $(CHECK_CPPFLAGS)
check_time_LDADD = $(BASE_TEST_LIBS)
check_PROGRAMS += check_path
TESTS += check_path
check_path_SOURCES = %D%/check_path.c
check_path_CPPFLAGS = $(CHECK_CPPFLAGS)
check_path_LDADD = $(BASE_TEST_LIBS)
check_PROGRAMS += check_merkle
TESTS += check_merkle
check_merkle_SOURCES = %D%/check_merkle.c
check_merkle_CPPFLAGS = $(CHECK_CPPFLAGS)
check_merkle_LDADD = $(BASE_TEST_LIBS)
check_PROGRAMS += check_sign
TESTS += check_sign
check_sign_SOURCES = %D%/check_sign.c
check_sign_CPPFLAGS = $(CHECK_CPPFLAGS)
check_sign_LDADD = $(BASE_TEST_LIBS)


# --- keyring
check_PROGRAMS += check_keyring
TESTS += check_keyring
THREAD_CHECKS += check_keyring
check_keyring_SOURCES = %D%/check_keyring.c
check_keyring_CPPFLAGS = $(CHECK_CPPFLAGS)
check_keyring_LDADD = $(BASE_TEST_LIBS)

# --- log
EXTRA_DIST += %D%/wal_util.h
check_PROGRAMS += check_segments
TESTS += check_segments
check_segments_SOURCES = %D%/check_segments.c
check_segments_CPPFLAGS = $(CHECK_CPPFLAGS)
check_segments_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += check_walrec
TESTS += check_walrec
check_walrec_SOURCES = %D%/check_walrec.c
check_walrec_CPPFLAGS = $(CHECK_CPPFLAGS)
check_walrec_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += check_wal
TESTS += check_wal
check_wal_SOURCES = %D%/check_wal.c %D%/faultio.c
check_wal_CPPFLAGS = $(CHECK_CPPFLAGS)
check_wal_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += check_wal_damage
TESTS += check_wal_damage
check_wal_damage_SOURCES = %D%/check_wal_damage.c %D%/faultio.c
check_wal_damage_CPPFLAGS = $(CHECK_CPPFLAGS)
check_wal_damage_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += check_wal_faults
TESTS += check_wal_faults
check_wal_faults_SOURCES = %D%/check_wal_faults.c %D%/faultio.c
check_wal_faults_CPPFLAGS = $(CHECK_CPPFLAGS)
check_wal_faults_LDADD = $(STORE_TEST_LIBS)

EXTRA_DIST += %D%/fuzz/corpus/wal
FUZZ_TARGETS += fuzz_wal
if FUZZERS
noinst_PROGRAMS += fuzz_wal
fuzz_wal_SOURCES = %D%/fuzz/fuzz_wal.c %D%/faultio.c
fuzz_wal_CPPFLAGS = $(CHECK_CPPFLAGS)
fuzz_wal_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_wal_LDADD = $(STORE_TEST_LIBS)
endif


# --- index
EXTRA_DIST += %D%/index_kinds.h
check_PROGRAMS += check_index
TESTS += check_index
check_index_SOURCES = %D%/check_index.c
check_index_CPPFLAGS = $(CHECK_CPPFLAGS)
check_index_LDADD = $(STORE_TEST_LIBS)
THREAD_CHECKS += check_index
check_PROGRAMS += check_index_leveldb
TESTS += check_index_leveldb
check_index_leveldb_SOURCES = %D%/check_index_leveldb.c
check_index_leveldb_CPPFLAGS = $(CHECK_CPPFLAGS)
check_index_leveldb_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += check_key
TESTS += check_key
check_key_SOURCES = %D%/check_key.c
check_key_CPPFLAGS = $(CHECK_CPPFLAGS)
check_key_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += check_changes
TESTS += check_changes
check_changes_SOURCES = %D%/check_changes.c
check_changes_CPPFLAGS = $(CHECK_CPPFLAGS)
check_changes_LDADD = $(BASE_TEST_LIBS)
THREAD_CHECKS += check_changes


# --- lenses
check_PROGRAMS += check_record
TESTS += check_record
check_record_SOURCES = %D%/check_record.c
check_record_CPPFLAGS = $(CHECK_CPPFLAGS)
check_record_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += check_fixed
TESTS += check_fixed
check_fixed_SOURCES = %D%/check_fixed.c
check_fixed_CPPFLAGS = $(CHECK_CPPFLAGS)
check_fixed_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += lens_eval
lens_eval_SOURCES = %D%/lens_eval.c %D%/lens_case.c %D%/lens_case.h
lens_eval_CPPFLAGS = $(CHECK_CPPFLAGS)
lens_eval_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += check_lens
TESTS += check_lens
check_lens_SOURCES = %D%/check_lens.c %D%/lens_case.c %D%/lens_case.h
check_lens_CPPFLAGS = $(CHECK_CPPFLAGS)
check_lens_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += check_world
TESTS += check_world
THREAD_CHECKS += check_world
check_world_SOURCES = %D%/check_world.c
check_world_CPPFLAGS = $(CHECK_CPPFLAGS)
check_world_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += check_lens_memory
TESTS += check_lens_memory
check_lens_memory_SOURCES = %D%/check_lens_memory.c
check_lens_memory_CPPFLAGS = $(CHECK_CPPFLAGS)
check_lens_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc -Wl,--wrap=calloc \
	-Wl,--wrap=realloc
check_lens_memory_LDADD = $(STORE_TEST_LIBS)
TESTS += %D%/lens_reference.sh %D%/lens_integers.sh
EXTRA_DIST += %D%/lens_reference.sh %D%/lens_integers.sh
EXTRA_DIST += %D%/lens_reference.py %D%/vectors/lenses.json


# --- store
EXTRA_DIST += %D%/store_util.h %D%/lossy.h
check_PROGRAMS += check_store
TESTS += check_store
check_store_SOURCES = %D%/check_store.c %D%/faultio.c
check_store_CPPFLAGS = $(CHECK_CPPFLAGS)
check_store_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += check_browse
TESTS += check_browse
check_browse_SOURCES = %D%/check_browse.c %D%/faultio.c
check_browse_CPPFLAGS = $(CHECK_CPPFLAGS)
check_browse_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += check_store_crash
TESTS += check_store_crash
check_store_crash_SOURCES = %D%/check_store_crash.c %D%/faultio.c
check_store_crash_CPPFLAGS = $(CHECK_CPPFLAGS)
check_store_crash_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += check_store_pipe
TESTS += check_store_pipe
THREAD_CHECKS += check_store_pipe
check_store_pipe_SOURCES = %D%/check_store_pipe.c %D%/faultio.c
check_store_pipe_CPPFLAGS = $(CHECK_CPPFLAGS)
check_store_pipe_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += check_store_threads
TESTS += check_store_threads
check_store_threads_SOURCES = %D%/check_store_threads.c %D%/faultio.c
check_store_threads_CPPFLAGS = $(CHECK_CPPFLAGS)
check_store_threads_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += check_replay
TESTS += check_replay
check_replay_SOURCES = %D%/check_replay.c %D%/faultio.c
check_replay_CPPFLAGS = $(CHECK_CPPFLAGS)
check_replay_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += check_rebuild
TESTS += check_rebuild
check_rebuild_SOURCES = %D%/check_rebuild.c %D%/faultio.c
check_rebuild_CPPFLAGS = $(CHECK_CPPFLAGS)
check_rebuild_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += check_verify
TESTS += check_verify
check_verify_SOURCES = %D%/check_verify.c %D%/faultio.c
check_verify_CPPFLAGS = $(CHECK_CPPFLAGS)
check_verify_LDADD = $(STORE_TEST_LIBS)
THREAD_CHECKS += check_store_threads
check_PROGRAMS += check_repair
TESTS += check_repair
check_repair_SOURCES = %D%/check_repair.c %D%/faultio.c
check_repair_CPPFLAGS = $(CHECK_CPPFLAGS)
check_repair_LDADD = $(STORE_TEST_LIBS)


# --- views
check_PROGRAMS += check_render check_view
TESTS += check_render check_view
THREAD_CHECKS += check_view
check_render_SOURCES = %D%/check_render.c %D%/view_fixture.h
check_render_CPPFLAGS = $(CHECK_CPPFLAGS)
check_render_LDADD = $(STORE_TEST_LIBS)
check_view_SOURCES = %D%/check_view.c %D%/view_fixture.h
check_view_CPPFLAGS = $(CHECK_CPPFLAGS)
check_view_LDADD = $(STORE_TEST_LIBS)

# --- wire, service

check_PROGRAMS += check_wire check_msg
TESTS += check_wire check_msg
check_wire_SOURCES = %D%/check_wire.c
check_wire_CPPFLAGS = $(CHECK_CPPFLAGS)
check_wire_LDADD = $(BASE_TEST_LIBS)
check_msg_SOURCES = %D%/check_msg.c
check_msg_CPPFLAGS = $(CHECK_CPPFLAGS)
check_msg_LDADD = $(BASE_TEST_LIBS)

EXTRA_DIST += %D%/service_util.h
check_PROGRAMS += check_service
TESTS += check_service
check_service_SOURCES = %D%/check_service.c %D%/faultio.c
check_service_CPPFLAGS = $(CHECK_CPPFLAGS)
check_service_LDADD = $(STORE_TEST_LIBS)

check_PROGRAMS += check_admin check_trouble
TESTS += check_admin check_trouble
THREAD_CHECKS += check_trouble
check_trouble_SOURCES = %D%/check_trouble.c %D%/faultio.c
check_trouble_CPPFLAGS = $(CHECK_CPPFLAGS)
check_trouble_LDADD = $(STORE_TEST_LIBS)
check_admin_SOURCES = %D%/check_admin.c %D%/faultio.c
check_admin_CPPFLAGS = $(CHECK_CPPFLAGS)
check_admin_LDADD = $(STORE_TEST_LIBS)

EXTRA_DIST += %D%/ctl_util.h %D%/fake_daemon.h
check_PROGRAMS += check_ctl check_ctl_load
TESTS += check_ctl check_ctl_load
check_ctl_load_SOURCES = %D%/check_ctl_load.c %D%/faultio.c $(CTL_FILES)
check_ctl_load_CPPFLAGS = $(CHECK_CPPFLAGS)
check_ctl_load_LDADD = $(STORE_TEST_LIBS)
check_ctl_SOURCES = %D%/check_ctl.c %D%/faultio.c $(CTL_FILES)
check_ctl_CPPFLAGS = $(CHECK_CPPFLAGS)
check_ctl_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += check_client check_client_async
TESTS += check_client check_client_async
check_client_async_SOURCES = %D%/check_client_async.c %D%/faultio.c $(CTL_FILES)
check_client_async_CPPFLAGS = $(CHECK_CPPFLAGS)
check_client_async_LDADD = $(STORE_TEST_LIBS)
check_client_SOURCES = %D%/check_client.c %D%/faultio.c $(CTL_FILES)
check_client_CPPFLAGS = $(CHECK_CPPFLAGS)
check_client_LDADD = $(STORE_TEST_LIBS)
THREAD_CHECKS += check_service check_ctl check_ctl_load
THREAD_CHECKS += check_client check_client_async


# --- mount

check_PROGRAMS += check_node
TESTS += check_node
check_node_SOURCES = %D%/check_node.c fs/node.c fs/node.h
check_node_CPPFLAGS = $(CHECK_CPPFLAGS)
check_node_LDADD = $(BASE_TEST_LIBS)
THREAD_CHECKS += check_node

check_PROGRAMS += check_memory
TESTS += check_memory
check_memory_SOURCES = %D%/check_memory.c fs/memory.c fs/memory.h
check_memory_CPPFLAGS = $(CHECK_CPPFLAGS)
check_memory_LDADD = $(BASE_TEST_LIBS)

MOUNT_TESTS = %D%/e2e/t-mount-tree.sh %D%/e2e/t-mount-tools.sh %D%/e2e/t-mount-users.sh %D%/e2e/t-faults.sh
dist_check_SCRIPTS += $(MOUNT_TESTS)
TESTS += $(MOUNT_TESTS)


# --- command

check_PROGRAMS += check_cli
TESTS += check_cli
check_cli_SOURCES = %D%/check_cli.c cli/out.c cli/jv.c cli/nfc.c cli/import_lines.c
check_cli_CPPFLAGS = $(CHECK_CPPFLAGS)
check_cli_LDADD = $(BASE_TEST_LIBS)

check_PROGRAMS += check_log
TESTS += check_log
check_log_SOURCES = %D%/check_log.c
check_log_CPPFLAGS = $(CHECK_CPPFLAGS) $(JSONC_CFLAGS)
check_log_LDADD = $(BASE_TEST_LIBS)

check_PROGRAMS += check_journal
TESTS += check_journal
check_journal_SOURCES = %D%/check_journal.c cli/journal_line.c cli/journal_time.c
check_journal_SOURCES += cli/jv.c cli/out.c
check_journal_CPPFLAGS = $(CHECK_CPPFLAGS) $(JSONC_CFLAGS)
check_journal_LDADD = $(BASE_TEST_LIBS)

check_PROGRAMS += check_claim_flat
TESTS += check_claim_flat
check_claim_flat_SOURCES = %D%/check_claim_flat.c
check_claim_flat_CPPFLAGS = $(CHECK_CPPFLAGS)
check_claim_flat_LDADD = $(BASE_TEST_LIBS)

CLI_TESTS = %D%/e2e/t-cli-run.sh %D%/e2e/t-cli-write.sh %D%/e2e/t-cli-import.sh
CLI_TESTS += %D%/e2e/t-cli-journal.sh %D%/e2e/t-cli-service.sh
CLI_TESTS += %D%/e2e/t-cli-completion.sh %D%/man.sh %D%/e2e/t-cli-repair.sh
CLI_TESTS += %D%/e2e/t-archive.sh %D%/e2e/t-proxy.sh
dist_check_SCRIPTS += $(CLI_TESTS)
TESTS += $(CLI_TESTS)

EXTRA_DIST += %D%/fuzz/corpus/journal
FUZZ_TARGETS += fuzz_journal
if FUZZERS
noinst_PROGRAMS += fuzz_journal
fuzz_journal_SOURCES = %D%/fuzz/fuzz_journal.c cli/journal_line.c cli/journal_time.c
fuzz_journal_SOURCES += cli/jv.c cli/out.c
fuzz_journal_CPPFLAGS = $(CHECK_CPPFLAGS) $(JSONC_CFLAGS)
fuzz_journal_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_journal_LDADD = $(BASE_LIBS)
endif
EXTRA_DIST += %D%/fuzz/corpus/jv
FUZZ_TARGETS += fuzz_jv
if FUZZERS
noinst_PROGRAMS += fuzz_jv
fuzz_jv_SOURCES = %D%/fuzz/fuzz_jv.c cli/jv.c cli/out.c
fuzz_jv_CPPFLAGS = $(CHECK_CPPFLAGS)
fuzz_jv_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_jv_LDADD = $(BASE_LIBS)
endif

# --- sidecar

API_TESTS = %D%/e2e/t-api-endpoints.sh %D%/e2e/t-api-bulk.sh
API_TESTS += %D%/e2e/t-api-callers.sh %D%/e2e/t-api-outage.sh
API_TESTS += %D%/e2e/t-api-slow.sh %D%/e2e/t-api-hostile.sh
API_TESTS += %D%/e2e/t-api-metrics.sh %D%/e2e/t-api-hot.sh
API_TESTS += %D%/e2e/t-api-limits.sh %D%/e2e/t-api-breakers.sh

# --- the page
API_TESTS += %D%/e2e/t-ui.sh
EXTRA_DIST += %D%/e2e/browser.py %D%/e2e/ui.py

# --- what operators set and see
API_TESTS += %D%/e2e/t-admin-gate.sh %D%/e2e/t-admin-storage.sh
API_TESTS += %D%/e2e/t-api-browse.sh %D%/e2e/t-api-kinds.sh %D%/e2e/t-api-feed.sh
EXTRA_DIST += %D%/e2e/feeds.py
EXTRA_DIST += %D%/hostile/run.py %D%/hostile/raw.py %D%/hostile/bodies.tsv
EXTRA_DIST += %D%/hostile/headers.tsv %D%/hostile/params.tsv
API_TESTS += %D%/e2e/t-api-admin.sh %D%/e2e/t-api-openapi.sh
EXTRA_DIST += %D%/e2e/openapi.py
# the operators' commands, as they stand in their runbooks
API_TESTS += %D%/runbooks.sh
EXTRA_DIST += %D%/runbooks-list.sh
EXTRA_DIST += %D%/e2e/wire.py

API_TESTS += %D%/e2e/t-clients.sh

dist_check_SCRIPTS += $(API_TESTS)
TESTS += $(API_TESTS)
EXTRA_DIST += %D%/e2e/http.sh


# --- monitoring

dist_check_SCRIPTS += %D%/monitoring.sh %D%/e2e/t-monitoring-live.sh
TESTS += %D%/monitoring.sh %D%/e2e/t-monitoring-live.sh
EXTRA_DIST += %D%/monitoring/alerts.py %D%/monitoring/dashboards.py
EXTRA_DIST += %D%/monitoring/exprs.py %D%/faults/badsync.c


# --- layering, scripts

dist_check_SCRIPTS += %D%/layering.sh %D%/data.sh %D%/conf.sh
TESTS += %D%/layering.sh %D%/data.sh %D%/conf.sh
EXTRA_DIST += %D%/e2e/lib.sh

# --- faults

check_PROGRAMS += hammer
hammer_SOURCES = %D%/faults/hammer.c
hammer_CPPFLAGS = $(CHECK_CPPFLAGS)
hammer_LDADD = $(BASE_LIBS)
dist_check_SCRIPTS += %D%/faults/kill-rounds.sh


# --- make bench
BENCH_TOOLS = bench_write bench_query bench_files bench_rows
EXTRA_PROGRAMS += $(BENCH_TOOLS)
CLEANFILES += $(BENCH_TOOLS)
bench_write_SOURCES = %D%/bench/bench_write.c
bench_write_LDADD = $(BASE_LIBS)
bench_query_SOURCES = %D%/bench/bench_query.c
bench_query_LDADD = $(BASE_LIBS)
bench_files_SOURCES = %D%/bench/bench_files.c
bench_files_LDADD = $(BASE_LIBS)
bench_rows_SOURCES = %D%/bench/bench_rows.c
bench_rows_LDADD = $(STORE_LIBS)
BENCH_HTTP_TOOLS = bench_bare_http bench_conns
EXTRA_PROGRAMS += $(BENCH_HTTP_TOOLS)
CLEANFILES += $(BENCH_HTTP_TOOLS)
bench_bare_http_SOURCES = %D%/bench/bench_bare_http.c
bench_bare_http_CPPFLAGS = $(AM_CPPFLAGS) $(MHD_CFLAGS)
bench_bare_http_LDADD = $(MHD_LIBS)
bench_conns_SOURCES = %D%/bench/bench_conns.c
EXTRA_DIST += %D%/bench/bench.sh %D%/bench/lib.sh %D%/bench/data.sh
EXTRA_DIST += %D%/bench/part-write.sh %D%/bench/part-query.sh
EXTRA_DIST += %D%/bench/part-http.sh
EXTRA_DIST += %D%/bench/part-mount.sh %D%/bench/part-store.sh
EXTRA_DIST += %D%/bench/claims.sql %D%/bench/insert.pgbench
# Beside PostgreSQL, ext4 and a bare file; BENCH="import query" make bench: some parts.
.PHONY: bench
bench: all $(BENCH_TOOLS) $(BENCH_HTTP_TOOLS)
	@STEME_BUILD='$(abs_top_builddir)' bash '$(top_srcdir)/tests/bench/bench.sh'

# --- fuzz targets
if FUZZERS
noinst_PROGRAMS += fuzz_object
fuzz_object_SOURCES = %D%/fuzz/fuzz_object.c
fuzz_object_CPPFLAGS = $(CHECK_CPPFLAGS)
fuzz_object_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_object_LDADD = $(BASE_LIBS)
noinst_PROGRAMS += fuzz_claim_json
fuzz_claim_json_SOURCES = %D%/fuzz/fuzz_claim_json.c
fuzz_claim_json_CPPFLAGS = $(CHECK_CPPFLAGS)
fuzz_claim_json_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_claim_json_LDADD = $(BASE_LIBS)
noinst_PROGRAMS += fuzz_claim_tsv
fuzz_claim_tsv_SOURCES = %D%/fuzz/fuzz_claim_tsv.c
fuzz_claim_tsv_CPPFLAGS = $(CHECK_CPPFLAGS)
fuzz_claim_tsv_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_claim_tsv_LDADD = $(BASE_LIBS)
noinst_PROGRAMS += fuzz_pem
fuzz_pem_SOURCES = %D%/fuzz/fuzz_pem.c
fuzz_pem_CPPFLAGS = $(CHECK_CPPFLAGS)
fuzz_pem_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_pem_LDADD = $(BASE_LIBS)
noinst_PROGRAMS += fuzz_number
fuzz_number_SOURCES = %D%/fuzz/fuzz_number.c
fuzz_number_CPPFLAGS = $(CHECK_CPPFLAGS)
fuzz_number_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_number_LDADD = $(BASE_LIBS)
noinst_PROGRAMS += fuzz_apikey
fuzz_apikey_SOURCES = %D%/fuzz/fuzz_apikey.c
fuzz_apikey_CPPFLAGS = $(CHECK_CPPFLAGS)
fuzz_apikey_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_apikey_LDADD = $(BASE_LIBS)
endif
FUZZ_TARGETS += fuzz_apikey
EXTRA_DIST += %D%/fuzz/corpus/apikey
FUZZ_TARGETS += fuzz_object fuzz_claim_json fuzz_claim_tsv fuzz_pem fuzz_number
EXTRA_DIST += %D%/fuzz/fuzz_claim.h
EXTRA_DIST += %D%/fuzz/corpus/object %D%/fuzz/corpus/claim_json
EXTRA_DIST += %D%/fuzz/corpus/claim_tsv %D%/fuzz/corpus/pem
EXTRA_DIST += %D%/fuzz/corpus/number

EXTRA_DIST += %D%/fuzz/corpus/cursor %D%/fuzz/corpus/profile
FUZZ_TARGETS += fuzz_cursor fuzz_profile
if FUZZERS
noinst_PROGRAMS += fuzz_cursor fuzz_profile
fuzz_cursor_SOURCES = %D%/fuzz/fuzz_cursor.c
fuzz_cursor_CPPFLAGS = $(CHECK_CPPFLAGS)
fuzz_cursor_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_cursor_LDADD = libsteme_store.a $(BASE_LIBS)
fuzz_profile_SOURCES = %D%/fuzz/fuzz_profile.c
fuzz_profile_CPPFLAGS = $(CHECK_CPPFLAGS)
fuzz_profile_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_profile_LDADD = $(BASE_LIBS)
endif

EXTRA_DIST += %D%/fuzz/corpus/key
FUZZ_TARGETS += fuzz_key
if FUZZERS
noinst_PROGRAMS += fuzz_key
fuzz_key_SOURCES = %D%/fuzz/fuzz_key.c
fuzz_key_CPPFLAGS = $(CHECK_CPPFLAGS)
fuzz_key_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_key_LDADD = libsteme_store.a $(BASE_LIBS)
endif

EXTRA_DIST += %D%/fuzz/fuzz_msg.h
EXTRA_DIST += %D%/fuzz/corpus/msg %D%/fuzz/corpus/frame %D%/fuzz/corpus/service
FUZZ_TARGETS += fuzz_msg fuzz_frame fuzz_service
if FUZZERS
noinst_PROGRAMS += fuzz_msg fuzz_frame fuzz_service
fuzz_msg_SOURCES = %D%/fuzz/fuzz_msg.c
fuzz_msg_CPPFLAGS = $(CHECK_CPPFLAGS)
fuzz_msg_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_msg_LDADD = $(BASE_LIBS)
fuzz_frame_SOURCES = %D%/fuzz/fuzz_frame.c fs/ctl_frames.c fs/ctl_frames.h
fuzz_frame_CPPFLAGS = $(CHECK_CPPFLAGS)
fuzz_frame_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_frame_LDADD = $(BASE_LIBS)
fuzz_service_SOURCES = %D%/fuzz/fuzz_service.c %D%/faultio.c
fuzz_service_CPPFLAGS = $(CHECK_CPPFLAGS)
fuzz_service_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_service_LDADD = $(STORE_TEST_LIBS)
endif

EXTRA_DIST += %D%/fuzz/corpus/record
FUZZ_TARGETS += fuzz_record
if FUZZERS
noinst_PROGRAMS += fuzz_record
fuzz_record_SOURCES = %D%/fuzz/fuzz_record.c
fuzz_record_CPPFLAGS = $(CHECK_CPPFLAGS)
fuzz_record_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_record_LDADD = libsteme_store.a $(BASE_LIBS)
endif

# --- benchmarks
EXTRA_PROGRAMS += bench_wal
bench_wal_SOURCES = %D%/bench/bench_wal.c
bench_wal_LDADD = $(STORE_LIBS)
CLEANFILES += bench_wal$(EXEEXT)
EXTRA_PROGRAMS += bench_lens
bench_lens_SOURCES = %D%/bench/bench_lens.c
bench_lens_LDADD = $(STORE_LIBS)
CLEANFILES += bench_lens$(EXEEXT)
EXTRA_PROGRAMS += bench_view
bench_view_SOURCES = %D%/bench/bench_view.c %D%/view_fixture.h
bench_view_CPPFLAGS = $(CHECK_CPPFLAGS)
bench_view_LDADD = $(STORE_TEST_LIBS)
CLEANFILES += bench_view$(EXEEXT)
EXTRA_PROGRAMS += bench_index
bench_index_SOURCES = %D%/bench/bench_index.c
bench_index_LDADD = $(STORE_LIBS)
CLEANFILES += bench_index$(EXEEXT)
EXTRA_PROGRAMS += bench_object
bench_object_SOURCES = %D%/bench/bench_object.c
bench_object_LDADD = $(BASE_LIBS)
CLEANFILES += bench_object$(EXEEXT)
EXTRA_PROGRAMS += bench_wire
bench_wire_SOURCES = %D%/bench/bench_wire.c
bench_wire_LDADD = $(BASE_LIBS)
CLEANFILES += bench_wire$(EXEEXT)



EXTRA_PROGRAMS += bench_store
bench_store_SOURCES = %D%/bench/bench_store.c
bench_store_CPPFLAGS = $(CHECK_CPPFLAGS)
bench_store_LDADD = $(STORE_LIBS)
CLEANFILES += bench_store$(EXEEXT)

# Headers that several tests share.
EXTRA_DIST += %D%/faultio.h

# --- guards of the sidecar
check_PROGRAMS += check_guard
TESTS += check_guard
check_guard_SOURCES = %D%/check_guard.c api/limits.c api/breaker.c api/slowlog.c api/audit.c api/hotpaths.c
check_guard_CPPFLAGS = $(CHECK_CPPFLAGS)
check_guard_LDADD = $(BASE_TEST_LIBS)

# --- the sidecar's handlers under requests from memory
FUZZ_TARGETS += fuzz_http
EXTRA_DIST += %D%/fuzz/corpus/http %D%/fuzz/fake_http.h
if FUZZERS
noinst_PROGRAMS += fuzz_http
fuzz_http_SOURCES = %D%/fuzz/fuzz_http.c %D%/fuzz/fake_http.c $(API_HANDLERS)
nodist_fuzz_http_SOURCES = api/files_data.c
fuzz_http_CPPFLAGS = $(stemedb_api_CPPFLAGS)
fuzz_http_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer -Wl,--wrap=api_is_local
fuzz_http_LDADD = $(BASE_LIBS) $(ZLIB_LIBS)
endif
