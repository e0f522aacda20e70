#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A real Prometheus and a real node_exporter beside a real server: every metric that
# rules and dashboards read is there, and alerts come and go with their faults.  The
# rules are a copy whose durations are divided by 60.
. "${srcdir:-.}/tests/e2e/lib.sh"
. "${srcdir:-.}/tests/e2e/http.sh"
export PYTHONDONTWRITEBYTECODE=1
MON=$TOP/etc/monitoring
pids=()
finish () {
	local status=$?
	[ ${#pids[@]} = 0 ] || { kill "${pids[@]}"; wait "${pids[@]}"; } 2>/dev/null
	( exit "$status" )
	cleanup
}
trap finish EXIT
for need in prometheus prometheus-node-exporter; do
	command -v $need >/dev/null || { echo "$need is missing: apt-get install prometheus prometheus-node-exporter"; exit 1; }
done

# The disk under the log can be made to fail.
export BADSYNC=$T/badsync
${CC:-cc} -shared -fPIC -o "$T/badsync.so" "$TOP/tests/faults/badsync.c" -ldl || exit 1
up_failing () { LD_PRELOAD=$T/badsync.so up_bare; }
up_failing || { echo "cannot start"; exit 1; }

# --- the disks: made-up ones, for a machine may have no disk that knows SMART
mkdir -p "$T"/sys/block/sda/device "$T/bin" "$T/text" "$T/rules"
echo 0x0 >"$T/sys/block/sda/device/ioerr_cnt"
echo 0 >"$T/pending"
cat >"$T/bin/smartctl" <<END
#!/bin/sh
echo "197 Current_Pending_Sector 0x0032 100 100 000 Old_age Always - \$(cat "$T/pending")"
echo "Media and Data Integrity Errors: 0"
END
chmod +x "$T/bin/smartctl"
disk () { PATH=$T/bin:$PATH "$MON/stemedb-disk-metrics" --sysfs "$T/sys" --kmsg /dev/null "$T/text/disk.prom"; }
ok "disk errors are counted for node_exporter" disk

N=$(STEME_TEST_PORT=$((P + 1)) free_port)
prometheus-node-exporter --web.listen-address="127.0.0.1:$N" --collector.textfile.directory="$T/text" >"$T/node.log" 2>&1 &
pids+=($!)

# --- Prometheus
python3 - "$MON/rules" "$T/rules" <<'END'
import glob, os, re, sys
def less(m):
    n = int(m.group(2))
    return m.group(1) + {"m": "%ds" % n, "h": "%dm" % n, "d": "%dm" % (24 * n)}[m.group(3)]
for name in glob.glob(sys.argv[1] + "/*.yml"):
    text = re.sub(r"(\bfor: |\[|offset )(\d+)([mhd])\b", less, open(name).read())
    open(os.path.join(sys.argv[2], os.path.basename(name)), "w").write(text)
END
Q=$(STEME_TEST_PORT=$((N + 1)) free_port)
cat >"$T/prometheus.yml" <<END
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ["$T/rules/*.yml"]
scrape_configs:
  - { job_name: stemedb, static_configs: [ { targets: ["127.0.0.1:$P"] } ] }
  - { job_name: node, static_configs: [ { targets: ["127.0.0.1:$N"] } ] }
END
prometheus --config.file="$T/prometheus.yml" --storage.tsdb.path="$T/tsdb" \
    --web.listen-address="127.0.0.1:$Q" --log.level=warn >"$T/prometheus.log" 2>&1 &
pids+=($!)
prom () { curl -sS --max-time 5 "http://127.0.0.1:$Q/api/v1/$1"; }

# until SECONDS COMMAND...: tries once a half second
until_true () {
	local end=$((SECONDS + $1))
	shift
	while ! "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.5
	done
} 2>/dev/null

firing () { prom alerts | jq -e --arg a "$1" 'any(.data.alerts[]; .labels.alertname == $a and .state == "firing")' >/dev/null; }
quiet () { prom alerts | jq -e --arg a "$1" 'all(.data.alerts[]; .labels.alertname != $a or .state != "firing")' >/dev/null; }
fires () { ok "$1 fires" until_true 60 firing "$1" || prom alerts | jq -c '.data.alerts[].labels'; }
clears () { ok "$1 clears" until_true 60 quiet "$1"; }

up_targets () { prom targets | jq -e '[.data.activeTargets[] | select(.health == "up")] | length == 2' >/dev/null; }
ok "Prometheus scrapes both" until_true 60 up_targets || cat "$T/prometheus.log"

# --- every metric is there
curl -sS "http://127.0.0.1:$P/metrics" "http://127.0.0.1:$N/metrics" >"$T/metrics"
cat >"$T/walk.py" <<'END'
import os, re, sys
mon, seen_file = sys.argv[1:3]
sys.path.insert(0, mon + "/../../tests/monitoring")
import exprs
seen = {re.split("[{ ]", l)[0] for l in open(seen_file) if not l.startswith("#")}
recorded = {n for n, r in exprs.rules(mon + "/rules") if "record" in r}
used = set()
for _, r in exprs.rules(mon + "/rules"):
    used |= exprs.metrics(r["expr"])
for _, d in exprs.dashboards(mon + "/dashboards"):
    for p in exprs.panels(d):
        for t in p.get("targets", []):
            used |= exprs.metrics(exprs.plain(t["expr"]))
used -= recorded | {"up"}
# made by the mount, by a network card, by a disk: where there is one
if set(os.listdir("/sys/class/net")) <= {"lo"}:
    used.discard("node_network_speed_bytes")
if not [l for l in open("/proc/diskstats") if not re.search(" (loop|ram|zram)", l)]:
    used -= {m for m in used if m.startswith("node_disk_io_time")}
used.discard("stemedb_fuse_requests_total")
missing = used - seen
print("%d metrics" % len(used))
if missing or len(used) < 60:
    sys.exit("missing: " + ", ".join(sorted(missing)))
END
ok "every metric of rules and dashboards is there on a fresh server" python3 "$T/walk.py" "$MON" "$T/metrics"
grep -v '^stemedb_wal_fsync_errors_total' "$T/metrics" >"$T/fewer"
not_ok "a missing one would be noticed" python3 "$T/walk.py" "$MON" "$T/fewer"

evaluated () { prom rules | jq -e 'all(.data.groups[].rules[]; .health == "ok")' >/dev/null; }
ok "Prometheus can evaluate every rule" until_true 30 evaluated || prom rules | jq -c '.data.groups[].rules[] | select(.health != "ok") | [.name, .lastError]'
is "as many as there are in the files" "$(cat "$MON"/rules/*.yml | grep -cE '^ +- (alert|record):')" \
    bash -c "curl -s 'http://127.0.0.1:$Q/api/v1/rules' | jq '[.data.groups[].rules[]] | length'"

# --- the daemon dies under load
load () {
	local n=0
	while [ -e "$T/loading" ]; do
		n=$((n + 1))
		curl -s -o /dev/null --max-time 10 "$U/v1/query?concept_path=load/$n"
		sleep 0.03
	done
}
: >"$T/loading"
load &
pids+=($!)
for a in HighAPIErrorRate EndpointErrorRateHigh StemeDBDaemonDown StemeDBUnreachable NewErrorTypeDetected CircuitBreakerTripped DiskPendingSectors; do
	ok "$a is quiet at first" quiet "$a"
done
kill -9 "$(cut -d' ' -f1 "$D/run/stemefs.pid")"
fires StemeDBDaemonDown
fires HighAPIErrorRate
fires EndpointErrorRateHigh
fires NewErrorTypeDetected
is "of the route that fails" /v1/query bash -c \
    "curl -s 'http://127.0.0.1:$Q/api/v1/alerts' | jq -r '[.data.alerts[] | select(.labels.alertname == \"EndpointErrorRateHigh\") | .labels.path] | unique[]'"
ok "the cure: it is started again" up_failing
pid=$(cut -d' ' -f1 "$D/run/stemefs.pid")
for a in StemeDBDaemonDown HighAPIErrorRate EndpointErrorRateHigh; do clears "$a"; done
rm "$T/loading"

# --- an operator trips a breaker
ok "a breaker is tripped" curl -fsS -d '{"agent_id":"noisy","reason":"test"}' "$U/v1/admin/circuit-breaker/trip"
fires CircuitBreakerTripped
ok "and reset" curl -fsS -d '{"agent_id":"noisy"}' "$U/v1/admin/circuit-breaker/reset"
clears CircuitBreakerTripped

# --- a disk gets old
echo 8 >"$T/pending"
ok "sectors are pending" disk
fires DiskPendingSectors
echo 0 >"$T/pending"
ok "and were replaced" disk
clears DiskPendingSectors

# --- the disk refuses a sync: the daemon ends at once, its next start tells of it
answers "a write while the disk works" 201 -d '{"concept_path":"m/a","predicate":"p","object":1}' "$U/v1/assert"
: >"$BADSYNC"
answers "one that did not reach the disk is not acknowledged" 500 -d '{"concept_path":"m/a","predicate":"p","object":2}' "$U/v1/assert"
ended () { ! kill -0 "$pid"; }
ok "the daemon ends" until_true 30 ended
rm "$BADSYNC"
ok "it is started again" up_bare
failed_syncs () { get /metrics | awk '$1 == "stemedb_wal_fsync_errors_total" { print $2 }'; }
is "the new process counts what the old one met" 1 failed_syncs
fires WALFsyncFailure
clears WALFsyncFailure

# --- nothing answers
ok "the sidecar and the daemon are stopped" down
fires StemeDBUnreachable
done_testing
