# cli/: the command `steme`, and `steme-offline`, which alone here links the store.

bin_PROGRAMS += steme
steme_CPPFLAGS = $(STEME_CPPFLAGS) $(SODIUM_CFLAGS) $(JSONC_CFLAGS)
steme_LDADD = $(BASE_LIBS)
steme_SOURCES = %D%/main.c %D%/cli.h %D%/opts.c %D%/conn.c
steme_SOURCES += %D%/out.c %D%/out.h %D%/jv.c %D%/jv.h %D%/nfc.c %D%/nfc.h
steme_SOURCES += %D%/proc.c %D%/proc.h %D%/mounts.c %D%/mounts.h
steme_SOURCES += %D%/http.c %D%/http.h %D%/site.c %D%/site.h
steme_SOURCES += %D%/up.c %D%/up.h %D%/down.c %D%/run.c %D%/status.c %D%/doctor.c
steme_SOURCES += %D%/names.c %D%/names.h %D%/query.c %D%/query.h %D%/diff.c
steme_SOURCES += %D%/show.c %D%/log.c
steme_SOURCES += %D%/signer.c %D%/signer.h %D%/keys.c %D%/apikey.c
steme_SOURCES += %D%/write.c %D%/writing.c %D%/writing.h
steme_SOURCES += %D%/import.c %D%/import.h %D%/import_agents.c
steme_SOURCES += %D%/import_lines.c %D%/import_send.c
steme_SOURCES += %D%/journal.c %D%/journal.h %D%/journal_line.c
steme_SOURCES += %D%/journal_time.c %D%/journal_files.c
steme_SOURCES += %D%/verify.c %D%/report.c %D%/report.h

pkglibexec_PROGRAMS += steme-offline
steme_offline_CPPFLAGS = $(STEME_CPPFLAGS) $(SODIUM_CFLAGS) $(JSONC_CFLAGS)
steme_offline_LDADD = $(STORE_LIBS)
steme_offline_SOURCES = %D%/offline.c %D%/out.c %D%/out.h %D%/report.c %D%/report.h

bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = %D%/completion/steme

# journalctl with the members of our lines lifted, for those who put it into their PATH.
journalwrapdir = $(pkglibexecdir)/bin
dist_journalwrap_SCRIPTS = %D%/journalctl
