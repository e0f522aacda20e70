# etc/: configuration, sample data, loaders.

sysconf_stemedbdir = $(sysconfdir)/stemedb
dist_sysconf_stemedb_DATA = %D%/api.toml

EXTRA_DIST += %D%/sample/README.md %D%/sample/countries.ndjson \
	%D%/sample/countries.js %D%/sample/readers.js %D%/sample/regenerate \
	%D%/sample/sources.tsv %D%/sample/licenses
EXTRA_DIST += %D%/data/README.md %D%/data/caniuse-mdn.tsv %D%/data/caniuse.js \
	%D%/data/fetch.sh %D%/data/load-caniuse %D%/data/load-mdn \
	%D%/data/mdn.js %D%/data/web.js
