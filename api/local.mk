# api/: stemedb-api, the HTTP sidecar.  Links libsteme_base only.

sbin_PROGRAMS += stemedb-api
stemedb_api_CPPFLAGS = $(STEME_CPPFLAGS) $(MHD_CFLAGS) $(SODIUM_CFLAGS) $(JSONC_CFLAGS) $(SYSTEMD_CFLAGS) $(GNUTLS_CFLAGS)
stemedb_api_LDADD = $(BASE_LIBS) $(MHD_LIBS) $(ZLIB_LIBS) $(SYSTEMD_LIBS) $(GNUTLS_LIBS)
stemedb_api_SOURCES = %D%/main.c %D%/listen.c %D%/tls.c %D%/tls.h $(API_HANDLERS)
# All that needs no socket: tests/fuzz/fuzz_http.c runs it, too.
API_HANDLERS = %D%/api.h %D%/server.c %D%/route.c %D%/reply.c
API_HANDLERS += %D%/access.c %D%/hot.c
# guards: metrics, request log, limits, breakers, slow requests, audit
API_HANDLERS += %D%/note.h %D%/guard.h %D%/guard.c %D%/reqlog.c
API_HANDLERS += %D%/guard_callers.c %D%/limits.c %D%/limits.h
API_HANDLERS += %D%/breaker.c %D%/breaker.h %D%/slowlog.c %D%/slowlog.h
API_HANDLERS += %D%/audit.c %D%/audit.h %D%/h_guard.c
API_HANDLERS += %D%/meter.c %D%/meter.h %D%/hotpaths.c %D%/hotpaths.h
API_HANDLERS += %D%/browse.h %D%/args.c %D%/h_browse.c %D%/h_batch.c
API_HANDLERS += %D%/watch.c %D%/watch.h %D%/watch_impl.h %D%/watch_ring.c
API_HANDLERS += %D%/feed.c %D%/h_feed.c
API_HANDLERS += %D%/h_query.c %D%/h_assert.c %D%/h_bulk.c %D%/bulk_groups.c %D%/bulk.h %D%/h_health.c

# Files within the program (api/files.h).
API_FILES = %D%/ui/index.html %D%/ui/style.css %D%/ui/icon.svg
API_FILES += %D%/ui/app.js %D%/ui/api.js %D%/ui/dom.js %D%/ui/links.js %D%/ui/show.js
API_FILES += %D%/ui/search.js %D%/ui/list.js %D%/ui/concept.js %D%/ui/predicate.js
API_FILES += %D%/ui/timeline.js %D%/ui/values.js %D%/ui/claim.js %D%/ui/verify.js
API_FILES += %D%/ui/blake2b.js %D%/ui/feed.js %D%/ui/lists.js %D%/ui/store.js
API_FILES += %D%/ui/cluster.js
API_FILES += %D%/openapi.json
API_HANDLERS += %D%/files.c %D%/files.h
nodist_stemedb_api_SOURCES = %D%/files_data.c
EXTRA_DIST += %D%/embed.sh $(API_FILES)
CLEANFILES += %D%/files_data.c
%D%/files_data.c: $(API_FILES) %D%/embed.sh
	$(AM_V_GEN)$(MKDIR_P) %D%
	$(AM_V_at)(cd $(srcdir) && $(SHELL) %D%/embed.sh $(API_FILES)) >$@-t && mv -f $@-t $@
API_HANDLERS += %D%/auth.c %D%/auth.h %D%/settings.c %D%/settings.h %D%/h_apikey.c
# administration, cluster
API_HANDLERS += %D%/admin.h %D%/h_admin.c %D%/h_cluster.c
