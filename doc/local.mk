# doc/

EXTRA_DIST += %D%/wire-protocol.md
EXTRA_DIST += %D%/object-format.md
EXTRA_DIST += %D%/views.md
EXTRA_DIST += %D%/index-keys.md
EXTRA_DIST += %D%/architecture.md
EXTRA_DIST += %D%/locking.md

dist_man_MANS += %D%/man/steme.1 %D%/man/stemefs.8
dist_man_MANS += %D%/man/api.toml.5 %D%/man/stemedb-api.8
EXTRA_DIST += %D%/lenses.md
EXTRA_DIST += %D%/api.md %D%/dependencies.md %D%/mount.md %D%/operations.md
EXTRA_DIST += %D%/testing.md %D%/wal-format.md
EXTRA_DIST += %D%/benchmarks.md
EXTRA_DIST += %D%/page.md %D%/screenshots
EXTRA_DIST += %D%/clients.md
EXTRA_DIST += %D%/monitoring.md
