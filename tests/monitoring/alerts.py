#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""alerts.py RULES-FOLDER DOC OUT - writes OUT, tests of every alert for promtool.

Each case names an alert, the series that its expression reads, each with two values:
one that must make it fire and one, mostly the limit itself, that must not.  Tried are:
that it fires once the condition has lasted as long as the rule says, with the labels
given here; that it does not a little earlier; and that it does not with the other values.
Also checked: that every alert has a case; severity, words and names that operators
rely on; that labels used in the words exist; that DOC has a heading for the alert.

A value is a number (a gauge that stays), G(n) (a counter that grows by n a minute), or
a string in promtool's notation.
"""
import glob, json, re, sys
import yaml

folder, doc, out = sys.argv[1:4]
problems = []
rules = {}
for name in sorted(glob.glob(folder + "/*.yml")):
    for group in yaml.safe_load(open(name))["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                if rule["alert"] in rules:
                    problems.append("two rules are called " + rule["alert"])
                rules[rule["alert"]] = rule


def minutes(s):
    return int(s[:-1]) * {"m": 1, "h": 60, "d": 1440}[s[-1]]


def G(step):
    return "0+%gx%%d" % step


def complete(series):
    """Adds the labels that a scrape gives."""
    name, _, rest = series.partition("{")
    job, port = ("node", 9100) if name.startswith("node_") else ("stemedb", 18180)
    labels = rest.rstrip("}").split(",") if rest else []
    keys = [l.split("=")[0] for l in labels]
    labels += ['job="%s"' % job] if "job" not in keys else []
    labels += ['instance="n1:%d"' % port] if "instance" not in keys else []
    return "%s{%s}" % (name, ",".join(labels))


tests, covered = [], {}


def test(alert, series, which, checks):
    """One promtool test: checks are (minute, [labels of what fires])."""
    n = max(m for m, _ in checks) + 1
    values = []
    for s, v in series.items():
        v = v[which] if isinstance(v, tuple) else v
        v = v % n if isinstance(v, str) and "%d" in v else v
        values.append({"series": complete(s), "values": v if isinstance(v, str) else "%.12g+0x%d" % (v, n)})
    tests.append({
        "interval": "1m", "input_series": values,
        "promql_expr_test": [{
            "expr": 'ALERTS{alertname="%s",alertstate="firing"}' % alert, "eval_time": "%dm" % m,
            "exp_samples": [{"labels": "ALERTS{%s}" % ",".join('%s="%s"' % l for l in sorted(f.items())), "value": 1}
                            for f in fires]} for m, fires in checks]})


def case(alert, series, labels="", job="stemedb", instance="n1:18180", at=None):
    """labels: of the alert, besides job, instance (None: it has none) and severity."""
    rule = rules.get(alert)
    if rule is None:
        problems.append("there is no rule " + alert)
        return
    lasts = minutes(rule["for"]) if "for" in rule else 0
    grows = any(isinstance(v, str) for pair in series.values() for v in (pair if isinstance(pair, tuple) else (pair,)))
    at = at or lasts + (7 if grows else 2)	# until the rate's window is full
    want = {"alertname": alert, "alertstate": "firing", "severity": rule["labels"]["severity"]}
    want.update({"job": job} if job else {})
    want.update({"instance": instance} if instance else {})
    want.update(dict(l.split("=") for l in labels.split()))
    covered.setdefault(alert, set()).update(want)
    test(alert, series, 0, ([(lasts - 1, [])] if lasts else []) + [(at, [want])])
    test(alert, series, 1, [(at, [])])


HOST = {"job": "node", "instance": "n1:9100"}
HTTP = 'stemedb_http_requests_total{method="GET",path="%s",status="%s",agent="-"}'
WAL = 'stemedb_wal_fsync_duration_seconds{quantile="0.99"}'

case("StemeDBHighLatency", {'stemedb_query_latency_seconds{quantile="0.99"}': (1.1, 1.0),
                            'stemedb_query_latency_seconds{quantile="0.5"}': 9}, "quantile=0.99")
case("StemeDBQueryTimeouts", {"stemedb_query_timeout_total": (G(1), 7)})
case("StemeDBWriteLatencyHigh", {'stemedb_write_latency_seconds{quantile="0.99"}': (0.21, 0.2)}, "quantile=0.99")
case("StemeDBReplicationLag", {'replication_lag_seconds{node="node2"}': (5.1, 5),
                               'replication_lag_seconds{node="node1"}': 0}, "node=node2 replica=node2")
case("StemeDBMemoryPressure", {"node_memory_MemAvailable_bytes": (9, 10), "node_memory_MemTotal_bytes": 100}, **HOST)
case("MemoryExhaustion", {"node_memory_MemAvailable_bytes": (4, 5), "node_memory_MemTotal_bytes": 100,
                          "node_vmstat_oom_kill": 3}, **HOST)
case("MemoryExhaustion", {"node_memory_MemAvailable_bytes": 50, "node_memory_MemTotal_bytes": 100,
                          "node_vmstat_oom_kill": ("3 4+0x%d", 4)}, at=4, **HOST)

case("ReplicationLagCritical", {'stemedb_replication_lag_seconds{replica="node2"}': (12.5, 10),
                                'stemedb_replication_lag_seconds{replica="node1"}': 0}, "replica=node2")
case("ReplicationLagWarning", {'stemedb_replication_lag_seconds{replica="node2"}': (5.5, 5)}, "replica=node2")
case("MerkleSyncFailures", {"stemedb_merkle_sync_errors_total": (G(7), G(6))})
case("MerkleSyncFailure", {"stemedb_merkle_sync_errors_total": (G(7), G(6))})
three = {'stemedb_up{instance="n%d"}' % n: 1 for n in (1, 2, 3)}
three.update({'stemedb_cluster_members{instance="n%d"}' % n: 3 for n in (1, 2, 3)})
case("ClusterSplitBrain", {**three, 'stemedb_cluster_members_up{instance="n1"}': (2, 3),
     'stemedb_cluster_members_up{instance="n2"}': 3, 'stemedb_cluster_members_up{instance="n3"}': 3}, instance="n1")
# a node that is down is seen by nobody: no split
test("ClusterSplitBrain", {**three, 'stemedb_up{instance="n3"}': 0, 'stemedb_cluster_members_up{instance="n1"}': 2,
     'stemedb_cluster_members_up{instance="n2"}': 2}, 0, [(10, [])])
# nor do nodes on their own, which know of nobody else, make one
test("ClusterSplitBrain", {'%s{instance="n%d"}' % (m, n): 1 for n in (1, 2)
     for m in ("stemedb_up", "stemedb_cluster_members", "stemedb_cluster_members_up")}, 0, [(10, [])])
NET = 'node_network_%s{device="eth0"}'
case("HighNetworkUtilization", {NET % "transmit_bytes_total": (G(6000), G(4800)), NET % "receive_bytes_total": G(1),
     NET % "speed_bytes": 100}, "device=eth0", **HOST)
case("HighNetworkUtilization", {NET % "transmit_bytes_total": G(1), NET % "receive_bytes_total": (G(6000), G(4800)),
     NET % "speed_bytes": 100}, "device=eth0", **HOST)
test("HighNetworkUtilization", {NET % "transmit_bytes_total": G(6000), NET % "receive_bytes_total": G(6000),
     NET % "speed_bytes": -125000}, 0, [(20, [])])

case("WALFsyncSlow", {WAL: (0.11, 0.1)}, "quantile=0.99")
case("WALFsyncDegrading", {WAL: (0.051, 0.05)}, "quantile=0.99")
case("WALFsyncFailure", {"stemedb_wal_fsync_errors_total": ("0 1+0x%d", 1)})
FS = 'node_filesystem_%s_bytes{mountpoint="%s",device="/dev/sdb1"}'
OWN = {"stemedb_storage_disk_total_bytes": 100}
for where in ("/var/lib/stemedb", "/var/lib/stemedb/wal"):
    case("WALDiskNearlyFull", {FS % ("avail", where): (9, 10), FS % ("size", where): 100,
         FS % ("avail", "/"): 1, FS % ("size", "/"): 100}, "device=/dev/sdb1 mountpoint=" + where, **HOST)
case("WALDiskNearlyFull", {"stemedb_storage_disk_free_bytes": (9, 10), **OWN})
DISK = '%s{device="sda"}'
case("DiskQueueDepthHigh", {DISK % "node_disk_io_time_weighted_seconds_total": (G(6060), G(6000))}, "device=sda", **HOST)
case("DiskUtilizationHigh", {DISK % "node_disk_io_time_seconds_total": (G(55), G(54))}, "device=sda", **HOST)
case("DiskIOErrors", {DISK % "node_disk_io_errors_total": (G(7), G(6))}, "device=sda", **HOST)
case("DiskPendingSectors", {DISK % "node_disk_pending_sectors": (1, 0)}, "device=sda", **HOST)
case("DiskMediaErrors", {DISK % "node_disk_media_errors_total": ("5 6+0x%d", 6)}, "device=sda", **HOST)
case("DiskMetricsStale", {"stemedb_disk_metrics_last_run_timestamp_seconds": (0, G(60))},
     job="stemedb", instance="n1:18180", at=25)

for bad in ("500", "503"):
    case("HighAPIErrorRate", {HTTP % ("/v1/query", "200"): (G(94), G(95)), HTTP % ("/v1/query", bad): (G(6), G(5))},
         instance=None)
# one error in a thousand is none of its business, whatever series it is in
test("HighAPIErrorRate", {HTTP % ("/v1/query", "200"): G(999), HTTP % ("/v1/assert", "500"): G(1)}, 0, [(10, [])])
test("HighAPIErrorRate", {HTTP % ("/v1/query", "200"): 10, HTTP % ("/v1/query", "500"): 0}, 0, [(10, [])])
test("HighAPIErrorRate", {HTTP % ("/v1/query", "200"): G(1), HTTP % ("/v1/query", "404"): G(50)}, 0, [(10, [])])
case("EndpointErrorRateHigh", {HTTP % ("/v1/query", "200"): G(1000), HTTP % ("/v1/assert", "201"): (G(94), G(95)),
     HTTP % ("/v1/assert", "503"): (G(6), G(5))}, "path=/v1/assert", instance=None)
TYPE = 'stemedb_error_count_by_type{error_type="StorageError"}'
case("NewErrorTypeDetected", {TYPE: ("0+0x64 3+0x%d", "3+0x%d")}, "error_type=StorageError", at=70)
case("NewErrorTypeDetected", {TYPE: (1, 0)}, "error_type=StorageError")
case("ErrorBudgetExhausted", {HTTP % ("/v1/query", "200"): (G(9985), G(9991)), HTTP % ("/v1/query", "429"): (G(15), G(9))},
     job=None, instance=None)
SLO = {"stemedb_slo_target_availability": 0.999, "stemedb_slo_error_budget_burn_rate_alert": 0.1}
case("ErrorBudgetBurning", {**SLO, HTTP % ("/v1/query", "200"): G(10000), HTTP % ("/v1/query", "500"): (G(31), G(29))},
     instance=None)
test("ErrorBudgetBurning", {**SLO, "stemedb_slo_target_availability": 0.99, HTTP % ("/v1/query", "200"): G(10000),
     HTTP % ("/v1/query", "500"): G(31)}, 0, [(20, [])])
BUCKET = 'stemedb_http_request_duration_seconds_bucket{path="%s",le="%s"}'
case("SlowAPIResponses", {BUCKET % ("/v1/query", "1"): (G(98), G(100)), BUCKET % ("/v1/query", "2"): G(100),
     BUCKET % ("/v1/query", "+Inf"): G(100), BUCKET % ("/v1/feed", "1"): 0, BUCKET % ("/v1/feed", "2"): G(100),
     BUCKET % ("/v1/feed", "+Inf"): G(100)}, "path=/v1/query")
STATE = 'stemedb_circuit_breaker_state{breaker="storage"}'
case("CircuitBreakerTripped", {"stemedb_circuit_breaker_tripped_agents": (2, 0), STATE: 0})
case("CircuitBreakerTripped", {"stemedb_circuit_breaker_tripped_agents": 0, STATE: (1, 0)}, "breaker=storage")
case("StemeDBDaemonDown", {"stemedb_up": (0, 1)})
case("StemeDBUnreachable", {"up": (0, 1), 'up{job="node"}': 0})

OPS = 'stemedb_storage_operation%s_total{operation="%s"}'
for op in ("put", "get"):
    case("HighStorageErrorRate", {OPS % ("s", "put"): G(500), OPS % ("s", "get"): G(500),
                                  OPS % ("_errors", op): (G(11), G(10))})
case("DiskSpaceWarning", {FS % ("avail", "/var/lib/stemedb"): (19, 20), FS % ("size", "/var/lib/stemedb"): 100,
     FS % ("avail", "/"): 1, FS % ("size", "/"): 100}, "device=/dev/sdb1 mountpoint=/var/lib/stemedb", **HOST)
case("StemeDBDiskSpaceLow", {"stemedb_storage_disk_free_bytes": (19, 20), **OWN})
case("StemeDBDiskSpaceLow", {FS % ("avail", "/var/lib/stemedb/wal"): (19, 20), FS % ("size", "/var/lib/stemedb/wal"): 100},
     "device=/dev/sdb1 mountpoint=/var/lib/stemedb/wal", **HOST)
case("StemeDBWritesStopped", {"stemedb_writes_stopped": (1, 0)})
case("StemeDBNodeDrained", {"stemedb_node_drained": (1, 0)})
case("StemeDBLogSegmentsLost", {"stemedb_index_lost_segment_records": (1, 0)})
case("StemeDBLockTimeouts", {"stemedb_lock_timeouts_total": (G(1), 4)})
case("LSMCompactionLag", {"stemedb_lsm_pending_compaction_bytes": (10000000001, 10e9)})
case("LSMCompactionErrors", {"stemedb_lsm_compaction_errors_total": ("0 1+0x%d", 1)})
case("LSMWritesSlowed", {"stemedb_lsm_level0_files": (8, 7)})
case("WriteAmplificationHigh", {"stemedb_storage_write_amplification": (10.5, 10), "stemedb_wal_records_total": G(6600)})
case("WriteAmplificationHigh", {"stemedb_storage_write_amplification": 5731, "stemedb_wal_records_total": (G(6600), G(5400))})

# What operators' runbooks say of rules: duration, severity, summary ("": they do not say).
PROMISED = """
StemeDBHighLatency|5m|warning|Query latency high (p99 >1s)
StemeDBReplicationLag|5m|warning|Replication lag high (>5s)
StemeDBMemoryPressure|5m|warning|Memory available <10%
ReplicationLagCritical|3m|critical|
ReplicationLagWarning|5m|warning|Replica lag exceeds 5 seconds
MerkleSyncFailures|||Frequent Merkle sync failures detected
WALFsyncSlow|10m|warning|
WALFsyncDegrading|15m||WAL fsync p99 latency degrading (>50ms)
DiskQueueDepthHigh|10m||Disk queue depth indicates congestion
HighAPIErrorRate|5m|warning|
EndpointErrorRateHigh|5m||Endpoint {{$labels.path}} has >5% error rate
NewErrorTypeDetected|||New error type detected: {{$labels.error_type}}
ErrorBudgetExhausted|||Monthly error budget exhausted
HighStorageErrorRate|5m|critical|
DiskSpaceWarning|10m||Disk space below 20% on StemeDB partition
LSMCompactionLag|15m||LSM tree compaction falling behind
DiskIOErrors|||Disk I/O errors detected on StemeDB node
MerkleSyncFailure|||
ClusterSplitBrain|||
HighNetworkUtilization|||
WALFsyncFailure|||
DiskUtilizationHigh|||
SlowAPIResponses|||
CircuitBreakerTripped|||
WALDiskNearlyFull|||
MemoryExhaustion|||
StemeDBQueryTimeouts|||
DiskPendingSectors|||
"""
for line in PROMISED.strip().split("\n"):
    name, lasts, severity, summary = line.split("|")
    rule = rules.get(name, {"labels": {}, "annotations": {}})
    for what, want, got in (("for", lasts, rule.get("for")), ("severity", severity, rule["labels"].get("severity")),
                            ("summary", summary, rule["annotations"].get("summary"))):
        if want and want != got or name not in rules:
            problems.append("%s: %s is %r, not %r" % (name, what, got, want))

headings = {re.sub("[^a-z0-9-]", "", l.lstrip("# ").strip().lower().replace(" ", "-"))
            for l in open(doc) if l.startswith("#")}
for name, rule in rules.items():
    notes = rule.get("annotations", {})
    if name not in covered:
        problems.append(name + " has no case here")
        continue
    if rule["labels"].get("severity") not in ("critical", "warning", "info"):
        problems.append(name + ": severity is " + str(rule["labels"].get("severity")))
    for need in ("summary", "description", "runbook_url"):
        if not notes.get(need):
            problems.append("%s has no %s" % (name, need))
    page, _, anchor = notes.get("runbook_url", "").partition("#")
    if page != "doc/monitoring.md" or anchor != name.lower() or anchor not in headings:
        problems.append("%s: %s leads nowhere" % (name, notes.get("runbook_url")))
    for used in re.findall(r"\$labels\.(\w+)", json.dumps(rule)):
        if used not in covered[name]:
            problems.append("%s speaks of a label %s, which it does not have" % (name, used))

json.dump({"rule_files": sorted(glob.glob(folder + "/*.yml")), "evaluation_interval": "1m", "tests": tests},
          open(out, "w"), indent=1)
print("%d alerts, %d tests" % (len(rules), len(tests)))
if problems:
    sys.exit("\n".join(problems))
