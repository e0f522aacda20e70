# api/: stemedb-api, the HTTP sidecar.  Links libsteme_base only.

sbin_PROGRAMS += stemedb-api
stemedb_api_CPPFLAGS = $(AM_CPPFLAGS) $(MHD_CFLAGS) $(SODIUM_CFLAGS) $(JSONC_CFLAGS) $(SYSTEMD_CFLAGS) $(GNUTLS_CFLAGS)
stemedb_api_LDADD = $(BASE_LIBS) $(MHD_LIBS) $(ZLIB_LIBS) $(SYSTEMD_LIBS) $(GNUTLS_LIBS)
stemedb_api_SOURCES = %D%/main.c %D%/api.h %D%/server.c %D%/listen.c %D%/route.c %D%/reply.c
stemedb_api_SOURCES += %D%/access.c %D%/hot.c
# guards: metrics, request log, limits, breakers, slow requests, audit
stemedb_api_SOURCES += %D%/note.h %D%/guard.h %D%/guard.c %D%/reqlog.c
stemedb_api_SOURCES += %D%/guard_callers.c %D%/limits.c %D%/limits.h
stemedb_api_SOURCES += %D%/breaker.c %D%/breaker.h %D%/slowlog.c %D%/slowlog.h
stemedb_api_SOURCES += %D%/audit.c %D%/audit.h %D%/h_guard.c
stemedb_api_SOURCES += %D%/meter.c %D%/meter.h %D%/hotpaths.c %D%/hotpaths.h
stemedb_api_SOURCES += %D%/browse.h %D%/args.c %D%/h_browse.c %D%/h_batch.c
stemedb_api_SOURCES += %D%/watch.c %D%/watch.h %D%/h_feed.c
stemedb_api_SOURCES += %D%/h_query.c %D%/h_assert.c %D%/h_bulk.c %D%/bulk_groups.c %D%/bulk.h %D%/h_health.c

# Files within the program (api/files.h).
API_FILES = %D%/ui/index.html %D%/ui/style.css %D%/ui/icon.svg
API_FILES += %D%/ui/app.js %D%/ui/api.js %D%/ui/dom.js %D%/ui/links.js %D%/ui/show.js
API_FILES += %D%/ui/search.js %D%/ui/list.js %D%/ui/concept.js %D%/ui/predicate.js
API_FILES += %D%/ui/timeline.js %D%/ui/values.js %D%/ui/claim.js %D%/ui/verify.js
API_FILES += %D%/ui/blake2b.js %D%/ui/feed.js %D%/ui/lists.js %D%/ui/store.js
API_FILES += %D%/ui/cluster.js
API_FILES += %D%/openapi.json
stemedb_api_SOURCES += %D%/files.c %D%/files.h
nodist_stemedb_api_SOURCES = %D%/files_data.c
EXTRA_DIST += %D%/embed.sh $(API_FILES)
CLEANFILES += %D%/files_data.c
%D%/files_data.c: $(API_FILES) %D%/embed.sh
	$(AM_V_GEN)$(MKDIR_P) %D%
	$(AM_V_at)(cd $(srcdir) && $(SHELL) %D%/embed.sh $(API_FILES)) >$@-t && mv -f $@-t $@
stemedb_api_SOURCES += %D%/auth.c %D%/auth.h %D%/settings.c %D%/settings.h %D%/h_apikey.c
stemedb_api_SOURCES += %D%/tls.c %D%/tls.h
# administration, cluster
stemedb_api_SOURCES += %D%/admin.h %D%/h_admin.c %D%/h_cluster.c
