# etc/: configuration, sample data, loaders.

sysconf_stemedbdir = $(sysconfdir)/stemedb
dist_sysconf_stemedb_DATA = %D%/api.toml

# Units lie below the prefix; make unitdir=/etc/systemd/system install puts them elsewhere.
unitdir = $(prefix)/lib/systemd/system
nodist_unit_DATA = %D%/systemd/stemedb-api.service
EXTRA_DIST += %D%/systemd/stemedb-api.service.in
CLEANFILES += %D%/systemd/stemedb-api.service
%D%/systemd/stemedb-api.service: %D%/systemd/stemedb-api.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D%/systemd && \
	    sed 's,[@]bindir[@],$(bindir),g' $(srcdir)/%D%/systemd/stemedb-api.service.in >$@-t && mv -f $@-t $@

# Backup and compression of the log: scripts, their units and timers.
dist_pkglibexec_SCRIPTS = %D%/archive/stemedb-backup %D%/archive/stemedb-log-archiver
dist_unit_DATA = %D%/systemd/stemedb-backup.timer %D%/systemd/stemedb-log-archiver.timer
archive_units = %D%/systemd/stemedb-backup.service %D%/systemd/stemedb-log-archiver.service
nodist_unit_DATA += $(archive_units)
EXTRA_DIST += %D%/systemd/stemedb-backup.service.in %D%/systemd/stemedb-log-archiver.service.in
CLEANFILES += $(archive_units)
$(archive_units): %D%/systemd/%.service: %D%/systemd/%.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D%/systemd && \
	    sed 's,[@]bindir[@],$(bindir),g; s,[@]pkglibexecdir[@],$(pkglibexecdir),g' \
	    $(srcdir)/%D%/systemd/$*.service.in >$@-t && mv -f $@-t $@

examplesdir = $(docdir)/examples
examplesinglenodedir = $(examplesdir)/single-node
dist_examplesinglenode_DATA = %D%/examples/single-node/api.toml
examplethreenodesdir = $(examplesdir)/three-nodes
dist_examplethreenodes_DATA = %D%/examples/three-nodes/api-node1.toml
dist_examplethreenodes_DATA += %D%/examples/three-nodes/api-node2.toml
dist_examplethreenodes_DATA += %D%/examples/three-nodes/api-node3.toml
examplelaptopdir = $(examplesdir)/laptop
dist_examplelaptop_DATA = %D%/examples/laptop/api.toml %D%/examples/laptop/stemedb-api.service
dist_examples_DATA = %D%/examples/README.md %D%/logrotate .env.example
dist_examples_DATA += %D%/examples/nginx-upstream.conf %D%/examples/envoy.yaml

EXTRA_DIST += %D%/sample/README.md %D%/sample/countries.ndjson \
	%D%/sample/countries.js %D%/sample/readers.js %D%/sample/regenerate \
	%D%/sample/sources.tsv %D%/sample/licenses
EXTRA_DIST += %D%/data/README.md %D%/data/caniuse-mdn.tsv %D%/data/caniuse.js \
	%D%/data/fetch.sh %D%/data/load-caniuse %D%/data/load-mdn \
	%D%/data/mdn.js %D%/data/web.js

# Monitoring: rules, dashboards, examples; the units are copied by hand.
monitoringdir = $(pkgdatadir)/monitoring
dist_monitoring_DATA = %D%/monitoring/prometheus.yml \
	%D%/monitoring/alertmanager.yml \
	%D%/monitoring/stemedb-disk-metrics.service \
	%D%/monitoring/stemedb-disk-metrics.timer
rulesdir = $(monitoringdir)/rules
dist_rules_DATA = %D%/monitoring/rules/api.yml %D%/monitoring/rules/performance.yml \
	%D%/monitoring/rules/recording.yml %D%/monitoring/rules/replication.yml \
	%D%/monitoring/rules/storage.yml %D%/monitoring/rules/wal.yml
dashboardsdir = $(monitoringdir)/dashboards
dist_dashboards_DATA = %D%/monitoring/dashboards/stemedb-api.json \
	%D%/monitoring/dashboards/stemedb-cluster.json \
	%D%/monitoring/dashboards/stemedb-queries.json \
	%D%/monitoring/dashboards/stemedb-storage.json \
	%D%/monitoring/dashboards/stemedb-wal.json
dist_pkglibexec_SCRIPTS += %D%/monitoring/stemedb-disk-metrics
