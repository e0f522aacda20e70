# core/: libsteme_base.a may be linked by every program;
# libsteme_store.a (log, index, lenses, store, service) only by stemefs,
# steme-offline and tests.  One block per module.

noinst_LIBRARIES += libsteme_base.a libsteme_store.a

libsteme_base_a_CPPFLAGS = $(STEME_CPPFLAGS) $(SODIUM_CFLAGS) $(JSONC_CFLAGS) $(ZLIB_CFLAGS)
libsteme_base_a_SOURCES =
libsteme_store_a_CPPFLAGS = $(STEME_CPPFLAGS) $(SODIUM_CFLAGS) $(JSONC_CFLAGS) $(ZLIB_CFLAGS)
libsteme_store_a_SOURCES =

# What a program that uses the libraries links with.
# (conf_toml.cc and LevelDB are C++: libstdc++ by name, so that C links.)
BASE_LIBS = libsteme_base.a $(SODIUM_LIBS) $(JSONC_LIBS) -lm -lstdc++
STORE_LIBS = libsteme_store.a $(BASE_LIBS) $(LEVELDB_LIBS) $(ZLIB_LIBS)

# --- base: errors, buffers, cursors, time, log lines
libsteme_base_a_SOURCES += %D%/err.c %D%/err.h %D%/buf.c %D%/buf.h
libsteme_base_a_SOURCES += %D%/rd.h %D%/wr.h %D%/util.h
libsteme_base_a_SOURCES += %D%/clock.c %D%/clock.h %D%/log.c %D%/log.h
libsteme_base_a_SOURCES += %D%/cond.c %D%/cond.h

# --- base: objects, hashing, keys
libsteme_base_a_SOURCES += %D%/str.h %D%/hash.c %D%/hash.h
libsteme_base_a_SOURCES += %D%/htab.c %D%/htab.h
libsteme_base_a_SOURCES += %D%/timefmt.c %D%/timefmt.h
libsteme_base_a_SOURCES += %D%/number.c %D%/number.h
libsteme_base_a_SOURCES += %D%/path.c %D%/path.h %D%/spelling.c %D%/spelling.h
libsteme_base_a_SOURCES += %D%/object.c %D%/object.h %D%/object_write.c
libsteme_base_a_SOURCES += %D%/object_fields.c %D%/object_fields.h
libsteme_base_a_SOURCES += %D%/merkle.c %D%/merkle.h
libsteme_base_a_SOURCES += %D%/sign.c %D%/sign.h
libsteme_base_a_SOURCES += %D%/keyring.c %D%/keyring_profile.c %D%/keyring.h


# --- base: JSON form of objects
libsteme_base_a_SOURCES += %D%/jsonin.c %D%/jsonin.h %D%/jo.c %D%/jo.h
libsteme_base_a_SOURCES += %D%/apikey.c %D%/apikey.h
libsteme_base_a_SOURCES += %D%/claim.c %D%/claim.h %D%/claim_impl.h
libsteme_base_a_SOURCES += %D%/claim_json.c %D%/claim_json.h
libsteme_base_a_SOURCES += %D%/claim_members.c %D%/claim_tsv.c
libsteme_base_a_SOURCES += %D%/claim_flat.c


# --- base: configuration, instance folders

libsteme_base_a_SOURCES += %D%/instance.c %D%/instance.h
libsteme_base_a_SOURCES += %D%/mountinfo.c %D%/mountinfo.h
libsteme_base_a_SOURCES += %D%/conf.c %D%/conf.h %D%/conf_toml.cc


# --- base: metrics

libsteme_base_a_SOURCES += %D%/metrics.c %D%/metrics.h %D%/metrics_impl.h
libsteme_base_a_SOURCES += %D%/metrics_text.c %D%/metrics_process.c


# --- base: wire frames, messages, clients

libsteme_base_a_SOURCES += %D%/lens_names.c %D%/lens_names.h
libsteme_base_a_SOURCES += %D%/wire.c %D%/wire.h
libsteme_base_a_SOURCES += %D%/msg.c %D%/msg_read.c %D%/msg.h %D%/msg_impl.h
libsteme_base_a_SOURCES += %D%/view_query.c %D%/view_query.h
libsteme_base_a_SOURCES += %D%/client.c %D%/client_calls.c %D%/client.h
libsteme_base_a_SOURCES += %D%/client_sock.c %D%/client_sock.h
libsteme_base_a_SOURCES += %D%/client_async.c %D%/client_async_io.c
libsteme_base_a_SOURCES += %D%/client_async.h %D%/client_async_impl.h


# --- store: io, segments, log
libsteme_store_a_SOURCES += %D%/gate.c %D%/gate.h %D%/setting.c %D%/setting.h
libsteme_store_a_SOURCES += %D%/service_set.c
libsteme_store_a_SOURCES += %D%/trouble.c %D%/compact.c
libsteme_store_a_SOURCES += %D%/crc.c %D%/crc.h %D%/io.c %D%/io.h
libsteme_store_a_SOURCES += %D%/segments.h %D%/segments_local.c %D%/segments_local.h
libsteme_store_a_SOURCES += %D%/segments_lock.c %D%/segments_write.c
libsteme_store_a_SOURCES += %D%/segments_move.c %D%/wal_repair.c %D%/wal_repair.h
libsteme_store_a_SOURCES += %D%/gzread.c %D%/gzread.h
libsteme_store_a_SOURCES += %D%/wal.c %D%/wal.h %D%/walrec.c %D%/walrec.h
libsteme_store_a_SOURCES += %D%/wal_impl.h %D%/wal_open.c
libsteme_store_a_SOURCES += %D%/wal_read.h %D%/wal_scan.c %D%/wal_set.c %D%/wal_window.c


# --- store: index, keys
libsteme_store_a_SOURCES += %D%/index.h %D%/index_impl.h %D%/index_batch.c
libsteme_store_a_SOURCES += %D%/index_mem.c %D%/index_leveldb.c %D%/index_leveldb.h
libsteme_store_a_SOURCES += %D%/index_leveldb_read.c
libsteme_store_a_SOURCES += %D%/index_files.c %D%/index_files.h
libsteme_store_a_SOURCES += %D%/index_log.c %D%/index_log.h
libsteme_store_a_SOURCES += %D%/key.c %D%/key_value.c %D%/key.h
# (change counters: the sidecar reads them too)
libsteme_base_a_SOURCES += %D%/changes.c %D%/changes.h


# --- store: lenses
libsteme_base_a_SOURCES += %D%/record.c %D%/record.h %D%/wal_type.h
libsteme_store_a_SOURCES += %D%/fixed.c %D%/fixed.h
libsteme_store_a_SOURCES += %D%/world.c %D%/world.h %D%/world_impl.h
libsteme_store_a_SOURCES += %D%/world_globals.c %D%/world_set.c
libsteme_store_a_SOURCES += %D%/world_settings.c %D%/world_names.c %D%/world_trust.c
libsteme_store_a_SOURCES += %D%/lens.c %D%/lens.h %D%/lens_impl.h
libsteme_store_a_SOURCES += %D%/lens_filter.c %D%/lens_voices.c
libsteme_store_a_SOURCES += %D%/lens_recency.c %D%/lens_confidence.c
libsteme_store_a_SOURCES += %D%/lens_consensus.c %D%/lens_votes.c
libsteme_store_a_SOURCES += %D%/lens_authority.c %D%/lens_layered.c
libsteme_store_a_SOURCES += %D%/lens_skeptic.c %D%/lens_constraints.c


# --- store: store, replay, rebuild, verify
libsteme_store_a_SOURCES += %D%/store.c %D%/store.h %D%/store_impl.h %D%/gen.c
libsteme_store_a_SOURCES += %D%/intake.c %D%/queue.c %D%/stage.c
libsteme_store_a_SOURCES += %D%/commit.c %D%/commit_impl.h %D%/publish.c
libsteme_store_a_SOURCES += %D%/apply.c %D%/apply.h %D%/known.c
libsteme_store_a_SOURCES += %D%/feed.c %D%/kvdir.c %D%/replay.c %D%/rebuild.c
libsteme_store_a_SOURCES += %D%/meta.c %D%/standing.c %D%/rebuild_online.c
libsteme_store_a_SOURCES += %D%/read.c %D%/repair.c %D%/repair.h
libsteme_store_a_SOURCES += %D%/lists.c %D%/walk.c
libsteme_store_a_SOURCES += %D%/collect.c %D%/found.c %D%/found.h
libsteme_store_a_SOURCES += %D%/sets.c %D%/sets.h
libsteme_store_a_SOURCES += %D%/check.c %D%/check.h %D%/check_impl.h
libsteme_store_a_SOURCES += %D%/check_index.c %D%/check_sigs.c


# --- store: views, service
libsteme_store_a_SOURCES += %D%/service.c %D%/service.h %D%/service_impl.h
libsteme_store_a_SOURCES += %D%/service_write.c %D%/service_read.c %D%/service_metrics.c
libsteme_store_a_SOURCES += %D%/service_work.c %D%/service_feed.c %D%/service_status.c

libsteme_store_a_SOURCES += %D%/view.c %D%/view.h %D%/view_cache.c %D%/view_cache.h
libsteme_store_a_SOURCES += %D%/render.c %D%/render.h %D%/render_file.c
libsteme_store_a_SOURCES += %D%/render_json.c %D%/render_query.c
libsteme_store_a_SOURCES += %D%/render_cursor.c %D%/render_history.c
libsteme_store_a_SOURCES += %D%/render_diff.c %D%/render_object.c
libsteme_store_a_SOURCES += %D%/render_browse.c %D%/render_near.c
libsteme_store_a_SOURCES += %D%/render_page.c %D%/render_sources.c
libsteme_store_a_SOURCES += %D%/render_agents.c %D%/render_origin.c

