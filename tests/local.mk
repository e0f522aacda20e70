# tests/: check_<subject> programs, end-to-end scripts in e2e/, fuzz targets in fuzz/,
# benchmarks in bench/.  What is listed here needs no more than its source: flags and
# libraries are those of all.

AM_CPPFLAGS = $(STEME_CPPFLAGS) $(CHECK_CFLAGS) $(SODIUM_CFLAGS) $(JSONC_CFLAGS) \
	-DSRCDIR='"$(abs_top_srcdir)"'
LDADD = libsteme_test.a $(STORE_LIBS) $(CHECK_LIBS)

# What several tests share.
check_LIBRARIES = libsteme_test.a
libsteme_test_a_SOURCES = %D%/runner.h %D%/faultio.c %D%/faultio_disk.c
libsteme_test_a_SOURCES += %D%/faultio.h %D%/faultio_impl.h %D%/random.h
libsteme_test_a_SOURCES += %D%/lens_case.c %D%/lens_case_read.c
libsteme_test_a_SOURCES += %D%/lens_case.h %D%/lens_case_impl.h %D%/index_kinds.h
libsteme_test_a_SOURCES += %D%/wal_util.h %D%/store_util.h %D%/remove_tree.h %D%/store_fixture.h %D%/lossy.h %D%/view_fixture.h
libsteme_test_a_SOURCES += %D%/view_util.h
libsteme_test_a_SOURCES += %D%/service_util.h %D%/ctl_util.h %D%/fake_daemon.h
libsteme_test_a_SOURCES += %D%/claim_util.h %D%/key_util.h %D%/world_util.h
libsteme_test_a_SOURCES += %D%/msg_util.h $(CTL_FILES)

# Programs, all of which make check runs.
UNIT_TESTS =
# Those of them whose threads matter: ./check tsan runs these.
THREAD_CHECKS =
# Scripts, all of which make check runs.
SCRIPT_TESTS =
# Programs that scripts run.
check_PROGRAMS += $(UNIT_TESTS) $(TEST_TOOLS)
TEST_TOOLS =
TESTS += $(UNIT_TESTS) $(SCRIPT_TESTS)
dist_check_SCRIPTS = $(SCRIPT_TESTS)

# --- base
UNIT_TESTS += check_conf check_metrics check_cond
THREAD_CHECKS += check_metrics check_cond
check_conf_SOURCES = %D%/check_conf.c
check_metrics_SOURCES = %D%/check_metrics.c
check_cond_SOURCES = %D%/check_cond.c

# --- objects
UNIT_TESTS += check_object check_object_write check_claim check_claim_sign
UNIT_TESTS += check_claim_flat check_number check_apikey check_time check_path
UNIT_TESTS += check_merkle check_sign check_keyring
THREAD_CHECKS += check_keyring
check_object_SOURCES = %D%/check_object.c
check_object_write_SOURCES = %D%/check_object_write.c
check_claim_SOURCES = %D%/check_claim.c
check_claim_sign_SOURCES = %D%/check_claim_sign.c
check_claim_flat_SOURCES = %D%/check_claim_flat.c
check_number_SOURCES = %D%/check_number.c
check_apikey_SOURCES = %D%/check_apikey.c
check_time_SOURCES = %D%/check_time.c
check_path_SOURCES = %D%/check_path.c
check_merkle_SOURCES = %D%/check_merkle.c
check_sign_SOURCES = %D%/check_sign.c
check_keyring_SOURCES = %D%/check_keyring.c
# Keys, ids and signatures against openssl and b2sum.
TEST_TOOLS += object_tool
object_tool_SOURCES = %D%/object_tool.c
SCRIPT_TESTS += %D%/object-openssl.sh
EXTRA_DIST += %D%/valgrind.supp
EXTRA_DIST += %D%/vectors/objects.json %D%/vectors/make-objects.py

# --- log
UNIT_TESTS += check_segments check_walrec check_wal check_wal_files
UNIT_TESTS += check_wal_damage check_wal_faults
check_segments_SOURCES = %D%/check_segments.c
check_walrec_SOURCES = %D%/check_walrec.c
check_wal_SOURCES = %D%/check_wal.c
check_wal_files_SOURCES = %D%/check_wal_files.c
check_wal_damage_SOURCES = %D%/check_wal_damage.c
check_wal_faults_SOURCES = %D%/check_wal_faults.c

# --- index
UNIT_TESTS += check_index check_index_leveldb check_key check_key_parse
UNIT_TESTS += check_changes
THREAD_CHECKS += check_index check_changes
check_index_SOURCES = %D%/check_index.c
check_index_leveldb_SOURCES = %D%/check_index_leveldb.c
check_key_SOURCES = %D%/check_key.c
check_key_parse_SOURCES = %D%/check_key_parse.c
check_changes_SOURCES = %D%/check_changes.c

# --- lenses
UNIT_TESTS += check_record check_fixed check_lens check_world
UNIT_TESTS += check_world_random check_lens_memory
THREAD_CHECKS += check_world
check_record_SOURCES = %D%/check_record.c
check_fixed_SOURCES = %D%/check_fixed.c
check_lens_SOURCES = %D%/check_lens.c
check_world_SOURCES = %D%/check_world.c
check_world_random_SOURCES = %D%/check_world_random.c
check_lens_memory_SOURCES = %D%/check_lens_memory.c
check_lens_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc -Wl,--wrap=calloc \
	-Wl,--wrap=realloc
TEST_TOOLS += lens_eval
lens_eval_SOURCES = %D%/lens_eval.c
SCRIPT_TESTS += %D%/lens_reference.sh %D%/lens_integers.sh
EXTRA_DIST += %D%/lens_reference.py %D%/lens_rules.py
EXTRA_DIST += %D%/lens_cases.py %D%/vectors/lenses.json

# --- store
UNIT_TESTS += check_store check_store_read check_store_reopen check_browse
UNIT_TESTS += check_store_crash check_store_pipe check_known
UNIT_TESTS += check_store_threads check_replay check_rebuild check_verify
UNIT_TESTS += check_repair check_sets check_kept
THREAD_CHECKS += check_store_pipe check_store_threads check_sets check_kept
check_store_SOURCES = %D%/check_store.c
check_store_read_SOURCES = %D%/check_store_read.c
check_store_reopen_SOURCES = %D%/check_store_reopen.c
check_browse_SOURCES = %D%/check_browse.c
check_store_crash_SOURCES = %D%/check_store_crash.c
check_store_pipe_SOURCES = %D%/check_store_pipe.c
check_known_SOURCES = %D%/check_known.c
check_known_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=calloc
check_store_threads_SOURCES = %D%/check_store_threads.c
check_replay_SOURCES = %D%/check_replay.c
check_rebuild_SOURCES = %D%/check_rebuild.c
check_verify_SOURCES = %D%/check_verify.c
check_repair_SOURCES = %D%/check_repair.c
check_sets_SOURCES = %D%/check_sets.c
check_kept_SOURCES = %D%/check_kept.c

# --- views
UNIT_TESTS += check_render check_render_lists check_view check_view_pages
THREAD_CHECKS += check_view
check_render_SOURCES = %D%/check_render.c
check_render_lists_SOURCES = %D%/check_render_lists.c
check_view_SOURCES = %D%/check_view.c
check_view_pages_SOURCES = %D%/check_view_pages.c

# --- wire, service
UNIT_TESTS += check_wire check_msg check_msg_write check_service
UNIT_TESTS += check_service_write check_admin check_trouble
THREAD_CHECKS += check_service check_service_write check_trouble
check_wire_SOURCES = %D%/check_wire.c
check_msg_SOURCES = %D%/check_msg.c
check_msg_write_SOURCES = %D%/check_msg_write.c
check_service_SOURCES = %D%/check_service.c
check_service_write_SOURCES = %D%/check_service_write.c
check_admin_SOURCES = %D%/check_admin.c
check_trouble_SOURCES = %D%/check_trouble.c

# --- control socket, clients
UNIT_TESTS += check_ctl check_ctl_load check_ctl_end check_client check_client_async
THREAD_CHECKS += check_ctl check_ctl_load check_ctl_end check_client check_client_async
check_ctl_SOURCES = %D%/check_ctl.c
check_ctl_load_SOURCES = %D%/check_ctl_load.c
check_ctl_end_SOURCES = %D%/check_ctl_end.c
check_client_SOURCES = %D%/check_client.c
check_client_async_SOURCES = %D%/check_client_async.c

# --- mount
UNIT_TESTS += check_node check_memory
THREAD_CHECKS += check_node
check_node_SOURCES = %D%/check_node.c fs/node.c fs/node_stale.c fs/node.h
check_memory_SOURCES = %D%/check_memory.c fs/memory.c fs/memory.h
UNIT_TESTS += check_watchdog
check_watchdog_SOURCES = %D%/check_watchdog.c fs/watchdog.c fs/watchdog.h
SCRIPT_TESTS += %D%/e2e/t-mount-tree.sh %D%/e2e/t-mount-tools.sh
SCRIPT_TESTS += %D%/e2e/t-mount-users.sh %D%/e2e/t-faults.sh

# --- command
UNIT_TESTS += check_cli check_log check_journal
check_cli_SOURCES = %D%/check_cli.c cli/out.c cli/jv.c cli/nfc.c
check_cli_SOURCES += cli/import_lines.c
check_log_SOURCES = %D%/check_log.c
check_journal_SOURCES = %D%/check_journal.c cli/journal_line.c
check_journal_SOURCES += cli/journal_time.c cli/jv.c cli/out.c
SCRIPT_TESTS += %D%/e2e/t-cli-run.sh %D%/e2e/t-cli-write.sh
SCRIPT_TESTS += %D%/e2e/t-cli-import.sh %D%/e2e/t-cli-journal.sh
SCRIPT_TESTS += %D%/e2e/t-cli-service.sh %D%/e2e/t-cli-completion.sh %D%/man.sh
SCRIPT_TESTS += %D%/e2e/t-cli-repair.sh %D%/e2e/t-archive.sh %D%/e2e/t-proxy.sh

# --- sidecar
UNIT_TESTS += check_guard check_guard_trail
check_guard_SOURCES = %D%/check_guard.c api/limits.c api/breaker.c
check_guard_trail_SOURCES = %D%/check_guard_trail.c api/slowlog.c api/audit.c
check_guard_trail_SOURCES += api/hotpaths.c
SCRIPT_TESTS += %D%/e2e/t-api-endpoints.sh %D%/e2e/t-api-bulk.sh
SCRIPT_TESTS += %D%/e2e/t-api-callers.sh %D%/e2e/t-api-outage.sh
SCRIPT_TESTS += %D%/e2e/t-api-slow.sh %D%/e2e/t-api-hostile.sh
SCRIPT_TESTS += %D%/e2e/t-api-metrics.sh %D%/e2e/t-api-hot.sh
SCRIPT_TESTS += %D%/e2e/t-api-logs.sh
SCRIPT_TESTS += %D%/e2e/t-api-limits.sh %D%/e2e/t-api-breakers.sh
SCRIPT_TESTS += %D%/e2e/t-api-browse.sh %D%/e2e/t-api-kinds.sh
SCRIPT_TESTS += %D%/e2e/t-api-feed.sh %D%/e2e/t-api-openapi.sh
SCRIPT_TESTS += %D%/e2e/t-api-access.sh %D%/e2e/t-api-tls.sh %D%/e2e/t-clients.sh
EXTRA_DIST += %D%/e2e/feeds.py %D%/e2e/openapi.py
EXTRA_DIST += %D%/hostile/run.py %D%/hostile/raw.py %D%/hostile/bodies.tsv
EXTRA_DIST += %D%/hostile/headers.tsv %D%/hostile/params.tsv

# --- the page
SCRIPT_TESTS += %D%/e2e/t-ui.sh
EXTRA_DIST += %D%/e2e/browser.py %D%/e2e/ui.py

# --- what operators set, see and do
SCRIPT_TESTS += %D%/e2e/t-admin-gate.sh %D%/e2e/t-admin-storage.sh
SCRIPT_TESTS += %D%/e2e/t-api-admin.sh %D%/runbooks.sh
SCRIPT_TESTS += %D%/monitoring.sh %D%/e2e/t-monitoring-live.sh
EXTRA_DIST += %D%/runbooks-list.sh %D%/e2e/wire.py
EXTRA_DIST += %D%/monitoring/alerts.py %D%/monitoring/dashboards.py
EXTRA_DIST += %D%/monitoring/exprs.py %D%/faults/badsync.c

# --- layering, sample data, what every script sources
SCRIPT_TESTS += %D%/layering.sh %D%/data.sh %D%/conf.sh
EXTRA_DIST += %D%/result.sh %D%/e2e/lib.sh %D%/e2e/http.sh

# --- faults
TEST_TOOLS += hammer
hammer_SOURCES = %D%/faults/hammer.c
dist_check_SCRIPTS += %D%/faults/kill-rounds.sh

# --- fuzz targets: ./check fuzz runs these.
FUZZ_TARGETS = fuzz_wal fuzz_journal fuzz_jv fuzz_apikey fuzz_object
FUZZ_TARGETS += fuzz_claim_json fuzz_claim_tsv fuzz_pem fuzz_number fuzz_cursor
FUZZ_TARGETS += fuzz_profile fuzz_key fuzz_msg fuzz_frame fuzz_service
FUZZ_TARGETS += fuzz_record fuzz_http
EXTRA_DIST += %D%/fuzz/corpus %D%/fuzz/fuzz_claim.h %D%/fuzz/fuzz_msg.h
EXTRA_DIST += %D%/fuzz/fake_http.h
WITH_FUZZER = $(AM_LDFLAGS) -fsanitize=fuzzer
if FUZZERS
noinst_PROGRAMS += $(FUZZ_TARGETS)
fuzz_wal_SOURCES = %D%/fuzz/fuzz_wal.c
fuzz_wal_LDFLAGS = $(WITH_FUZZER)
fuzz_journal_SOURCES = %D%/fuzz/fuzz_journal.c cli/journal_line.c
fuzz_journal_SOURCES += cli/journal_time.c cli/jv.c cli/out.c
fuzz_journal_LDFLAGS = $(WITH_FUZZER)
fuzz_jv_SOURCES = %D%/fuzz/fuzz_jv.c cli/jv.c cli/out.c
fuzz_jv_LDFLAGS = $(WITH_FUZZER)
fuzz_apikey_SOURCES = %D%/fuzz/fuzz_apikey.c
fuzz_apikey_LDFLAGS = $(WITH_FUZZER)
fuzz_object_SOURCES = %D%/fuzz/fuzz_object.c
fuzz_object_LDFLAGS = $(WITH_FUZZER)
fuzz_claim_json_SOURCES = %D%/fuzz/fuzz_claim_json.c
fuzz_claim_json_LDFLAGS = $(WITH_FUZZER)
fuzz_claim_tsv_SOURCES = %D%/fuzz/fuzz_claim_tsv.c
fuzz_claim_tsv_LDFLAGS = $(WITH_FUZZER)
fuzz_pem_SOURCES = %D%/fuzz/fuzz_pem.c
fuzz_pem_LDFLAGS = $(WITH_FUZZER)
fuzz_number_SOURCES = %D%/fuzz/fuzz_number.c
fuzz_number_LDFLAGS = $(WITH_FUZZER)
fuzz_cursor_SOURCES = %D%/fuzz/fuzz_cursor.c
fuzz_cursor_LDFLAGS = $(WITH_FUZZER)
fuzz_profile_SOURCES = %D%/fuzz/fuzz_profile.c
fuzz_profile_LDFLAGS = $(WITH_FUZZER)
fuzz_key_SOURCES = %D%/fuzz/fuzz_key.c
fuzz_key_LDFLAGS = $(WITH_FUZZER)
fuzz_msg_SOURCES = %D%/fuzz/fuzz_msg.c
fuzz_msg_LDFLAGS = $(WITH_FUZZER)
fuzz_frame_SOURCES = %D%/fuzz/fuzz_frame.c fs/ctl_frames.c fs/ctl_frames.h
fuzz_frame_LDFLAGS = $(WITH_FUZZER)
fuzz_service_SOURCES = %D%/fuzz/fuzz_service.c
fuzz_service_LDFLAGS = $(WITH_FUZZER)
fuzz_record_SOURCES = %D%/fuzz/fuzz_record.c
fuzz_record_LDFLAGS = $(WITH_FUZZER)
# the sidecar's handlers under requests from memory
fuzz_http_SOURCES = %D%/fuzz/fuzz_http.c %D%/fuzz/fake_http.c $(API_HANDLERS)
nodist_fuzz_http_SOURCES = api/files_data.c
fuzz_http_CPPFLAGS = $(stemedb_api_CPPFLAGS)
fuzz_http_LDFLAGS = $(WITH_FUZZER) -Wl,--wrap=api_is_local
fuzz_http_LDADD = $(BASE_LIBS) $(ZLIB_LIBS)
endif

# --- make bench
BENCH_TOOLS = bench_write bench_query bench_files bench_rows
EXTRA_PROGRAMS += $(BENCH_TOOLS)
CLEANFILES += $(BENCH_TOOLS)
bench_write_SOURCES = %D%/bench/bench_write.c
bench_query_SOURCES = %D%/bench/bench_query.c
bench_files_SOURCES = %D%/bench/bench_files.c
bench_rows_SOURCES = %D%/bench/bench_rows.c
BENCH_HTTP_TOOLS = bench_bare_http bench_conns
EXTRA_PROGRAMS += $(BENCH_HTTP_TOOLS)
CLEANFILES += $(BENCH_HTTP_TOOLS)
bench_bare_http_SOURCES = %D%/bench/bench_bare_http.c
bench_bare_http_CPPFLAGS = $(AM_CPPFLAGS) $(MHD_CFLAGS)
bench_bare_http_LDADD = $(MHD_LIBS)
bench_conns_SOURCES = %D%/bench/bench_conns.c
bench_conns_LDADD =
EXTRA_DIST += %D%/bench/bench.sh %D%/bench/lib.sh %D%/bench/data.sh
EXTRA_DIST += %D%/bench/part-write.sh %D%/bench/part-query.sh
EXTRA_DIST += %D%/bench/part-http.sh
EXTRA_DIST += %D%/bench/part-mount.sh %D%/bench/part-store.sh
EXTRA_DIST += %D%/bench/claims.sql %D%/bench/insert.pgbench
# Beside PostgreSQL, ext4 and a bare file; BENCH="import query" make bench: some parts.
.PHONY: bench
bench: all
	$(MAKE) $(AM_MAKEFLAGS) $(BENCH_TOOLS) $(BENCH_HTTP_TOOLS)
	@STEME_BUILD='$(abs_top_builddir)' bash '$(top_srcdir)/tests/bench/bench.sh'

# Of one module each, by hand.
MODULE_BENCHES = bench_wal bench_lens bench_view bench_index bench_object
MODULE_BENCHES += bench_wire bench_store bench_hot
EXTRA_PROGRAMS += $(MODULE_BENCHES)
CLEANFILES += $(MODULE_BENCHES)
bench_wal_SOURCES = %D%/bench/bench_wal.c
bench_lens_SOURCES = %D%/bench/bench_lens.c
bench_view_SOURCES = %D%/bench/bench_view.c
bench_index_SOURCES = %D%/bench/bench_index.c
bench_object_SOURCES = %D%/bench/bench_object.c
bench_wire_SOURCES = %D%/bench/bench_wire.c
bench_store_SOURCES = %D%/bench/bench_store.c
bench_hot_SOURCES = %D%/bench/bench_hot.c
