# shellcheck shell=bash disable=SC2154,SC2086,SC2034,SC2164,SC2016,SC2012,SC2009,SC2062,SC1078,SC2046,SC2317
# runbooks-list.sh - the commands, by their number in the list of all commands, in an order
# that makes one node's story; sourced by runbooks.sh.
#
# Of all 114 commands that the product has to answer these are missing: 65 and 126, which ask
# for the port between nodes.  Others that speak of several nodes are here, as a node by
# itself answers them.

PRODUCT="1-2 4-12 15-20 26-28 30-31 37 43-54 58-62 65-67 71-77 81 85-87 89-90 92 95-97 106-109 112-116
    118-123 126 130-134 136-138 140-143 147-153 155-157 159 163-177"
MISSING="65 126"

# ---- high-query-latency: tree, replication
run 1 <<<"curl -s http://localhost:18180/metrics | grep replication_lag"
prints '^replication_lag_seconds\{node="[^"]+"\} 0'
run 2 <<<"curl -s http://localhost:18180/metrics | grep query_latency_seconds"
prints '^stemedb_shard_query_latency_seconds\{shard="[0-9]+",quantile="0.99"\} 0?\.?[0-9]'
run 4 <<<'journalctl | grep "index error"'
empty; exits 1
run 5 <<'C'
for node in node1 node2 node3; do
  echo "=== $node ==="
  curl http://$node:18180/metrics | grep replication_lag_seconds
done
C
that "three nodes have a line of their own" [ "$(grep -c '^replication_lag_seconds{' <<<"$OUT")" = 3 ]
run 6 <<<"curl http://localhost:18181/cluster/sync_status | jq '.'"
json '.status == "in_sync"'
run 7 <<<"curl http://localhost:18181/cluster/members | jq '.members[] | select(.replication_lag > 5)'"
empty; exits 0
run 8 <<'C'
curl -X POST http://healthy-node:18181/cluster/sync \
  -H "Content-Type: application/json" \
  -d '{"target_node": "lagging-node-id", "force": true}'
C
json '.status == 404 and (.detail | contains("'"$NAME"'"))'
run 9 <<<"watch -n 5 'curl -s http://lagging-node:18180/metrics | grep replication_lag'"
prints 'replication_lag_seconds'
run 10 <<<'curl http://localhost:18181/cluster/health'
json '.status == "ok" and .healthy_nodes == 1 and .total_nodes == 1'
run 11 <<<'ssh lagging-node "sudo systemctl restart stemedb-api"'
exits 0; that "it is ready" ready
LAGGING_NODE_ID=$(curl -s http://localhost:18181/cluster/members | jq -r '.members[0].id')
export LAGGING_NODE_ID
run 12 <<'C'
watch -n 2 'curl -s http://localhost:18181/cluster/members | jq ".members[] | select(.id==\"$LAGGING_NODE_ID\")"'
C
prints '"UP"'

# ---- hotspots
run 15 <<'C'
for node in node1 node2 node3; do
  echo "=== $node ==="
  curl -s http://$node:18180/metrics | grep stemedb_query_total
done
C
that "each answers for itself" [ "$(grep -c '^stemedb_query_total{node="' <<<"$OUT")" = 3 ]
run 16 <<<"curl http://localhost:18181/cluster/shards | jq '.shards[] | select(.query_rate > 1000)'"
exits 0
run 17 <<<"curl http://localhost:18181/cluster/shards | jq '.'"
json '(.shards | length) == 64 and (.shards[0] | .shard_id == "0" and (.primary | length) > 0)'
for _ in 1 2 3 4 5 6 7 8 9; do curl -s "$U/v1/query?concept_path=load/c9" >/dev/null; done
curl -s "$U/v1/query?concept_path=load/c1" >/dev/null
run 18 <<<"curl http://localhost:18180/metrics | grep concept_path_query_rate | sort -t'=' -k2 -nr | head -5"
that "the hottest stands first" grep -q 'top=.* load/c9$' <(head -1 <<<"$OUT")
run 19 <<'C'
curl -X POST http://localhost:18181/admin/shards/rebalance \
  -H "Content-Type: application/json" \
  -d '{
    "shard_id": "abc123",
    "target_node": "node2-id",
    "reason": "hotspot_mitigation"
  }'
C
json '.status == 404 and (.detail | contains("abc123"))'
unset SHARD_ID
run 20 <<<"curl http://localhost:18181/cluster/shards/\$SHARD_ID | jq '.rebalance_status'"
prints '^"COMPLETE"$'
SHARD_ID=5
run 20 <<<"curl http://localhost:18181/cluster/shards/\$SHARD_ID | jq '.rebalance_status'"
prints '^"COMPLETE"$'

# ---- memory
run 26 <<<"curl http://localhost:18180/metrics | grep -E '(process_resident_memory|stemedb_cache_size)'"
prints '^process_resident_memory_bytes [1-9]'; prints '^stemedb_cache_size_bytes 1073741824$'
run 27 <<<'export STEMEDB_CACHE_SIZE_MB=2048'
exits 0
unset STEMEDB_CACHE_SIZE_MB	# it does not reach the service
run 28 <<'C'
sudo systemctl edit stemedb-api
# Add:
# [Service]
# Environment="STEMEDB_CACHE_SIZE_MB=2048"
C
exits 0
sudo systemctl daemon-reload
run 30 <<<'sudo systemctl restart stemedb-api'
exits 0
run 31 <<<'curl http://localhost:18180/metrics | grep stemedb_cache_size_bytes'
prints '^stemedb_cache_size_bytes 2147483648$'
run 37 <<<'sudo systemctl stop stemedb-api'
exits 0; that "nothing listens" eval '! curl -s http://localhost:18180/healthz'
run 43 <<<'sudo systemctl start stemedb-api'
exits 0; that "it is ready" ready

# ---- index
run 44 <<<'journalctl -u stemedb-api -n 100 | grep -i "index"'
prints '[Ii]ndex'
run 45 <<<'curl http://localhost:18180/metrics | grep stemedb_index_'
prints '^stemedb_index_entries\{index="predicates"\} [1-9]'
run 46 <<<'sudo systemctl restart stemedb-api'
exits 0
run 47 <<<'journalctl -u stemedb-api -f | grep -i "index rebuild"'
prints 'Starting index rebuild from WAL'; prints 'Rebuilt predicate index: [0-9]+ entries'
prints 'Rebuilt concept index: [0-9]+ entries'; prints 'Index rebuild complete in [0-9]+ms'
before=$(curl -s $U/v1/admin/indexes/status | jq -r .last_rebuild)
run 48 <<<'curl -X POST http://localhost:18180/v1/admin/indexes/rebuild'
json '.status == "rebuilding"'
that "it ends" eventually index_ready
run 49 <<<'curl http://localhost:18180/v1/admin/indexes/status'
prints '^\{"status": "ready", "last_rebuild": "20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z"\}$'
that "it is newer" [ "$(jq -r .last_rebuild <<<"$OUT")" \> "$before" ]

# ---- validation
run 50 <<'C'
    curl http://localhost:18180/metrics | grep 'stemedb_query_latency_seconds{quantile="0.99"}'
C
prints '^stemedb_query_latency_seconds\{quantile="0.99"\} '
run 51 <<'C'
    time curl -X POST http://localhost:18180/v1/query \
      -H "Content-Type: application/json" \
      -d '{"concept_path":"test/performance","lens":"recency"}'
C
json '.results == [] and .lens == "recency"'
that "it takes less than a second" grep -q '^real.0m0\.' "$T/err"
run 52 <<<'    curl http://localhost:18180/metrics | grep replication_lag_seconds'
prints '_lag_seconds\{replica="[^"]+"\} 0'
run 53 <<<'    curl http://localhost:18180/metrics | grep stemedb_query_timeout_total'
prints '^stemedb_query_timeout_total 0$'

# ---- high-replication-lag
run 54 <<<'curl -s http://localhost:18180/metrics | grep replication_lag'
prints 'replication_lag_seconds'
run 58 <<<'top -b -n 1 | grep stemedb'
prints 'stemedb-api'
curl -s -d "{\"replica_id\": \"$NAME\"}" $U/v1/admin/cluster/sync >/dev/null
run 59 <<<'journalctl -u stemedb-api | grep -i "merkle sync" | tail -20'
prints 'Merkle sync with '
run 60 <<<"ssh replica \"journalctl -u stemedb-api | grep -i 'sync error' | tail -20\""
prints 'lagging-node-id'
run 61 <<<'curl -s http://localhost:18180/metrics | grep assertions_indexed_total'
prints '^stemedb_assertions_indexed_total 70[0-9][0-9]$'
here=$OUT
run 62 <<<'curl -s http://replica:18180/metrics | grep assertions_indexed_total'
that "both agree" [ "$OUT" = "$here" ]
run 66 <<<'systemctl restart stemedb-api'
exits 0; that "the count is the same" [ "$(curl -s $U/metrics | grep assertions_indexed_total)" = "$here" ]
run 67 <<<'cd /var/lib/stemedb/wal'
exits 0
: >test.dat; : >bench.dat; mkdir 'lost+found'	# others put these there
run 71 <<'C'
curl -X POST http://localhost:18180/v1/admin/rate-limit \
  -H 'Content-Type: application/json' \
  -d '{"max_assertions_per_sec": 1000}'
C
json '.max_assertions_per_sec == 1000'
run 72 <<'C'
curl -X POST http://localhost:18180/v1/admin/cluster/sync \
  -H 'Content-Type: application/json' \
  -d '{"replica_id": "node2", "force": true}'
C
json '.status == 404 and (.detail | contains("node2"))'
run 73 <<<"watch -n 5 'curl -s http://localhost:18180/metrics | grep merkle_sync_progress'"
prints 'merkle_sync_progress'
curl -s -d '{"agent_id": "<replica_agent_id>"}' $U/v1/admin/circuit-breaker/trip >/dev/null
run 74 <<<'curl -s http://localhost:18180/v1/admin/circuit-breakers/tripped | jq'
json '.tripped | map(.agent_id) | index("<replica_agent_id>") != null'
run 75 <<'C'
curl -X POST http://localhost:18180/v1/admin/circuit-breaker/reset \
  -H 'Content-Type: application/json' \
  -d '{"agent_id": "<replica_agent_id>"}'
C
exits 0; that "it leaves the list" eval 'curl -s $U/v1/admin/circuit-breakers/tripped | jq -e ".tripped == []"'
run 76 <<'C'
for rate in 100 500 1000 2000; do
  echo "Testing rate: $rate/sec"
  # Apply rate via API
  curl -X POST http://localhost:18180/v1/admin/rate-limit \
    -d "{\"max_assertions_per_sec\": $rate}"
  sleep 300  # Monitor for 5 minutes
  # Check lag
  curl -s http://localhost:18180/metrics | grep replication_lag
done
C
prints '"max_assertions_per_sec":100,'; prints '"max_assertions_per_sec":2000,'; prints 'replication_lag'

# ---- slow-fsync
run 77 <<<'curl -s http://localhost:18180/metrics | grep wal_fsync_duration_seconds'
for q in 0.5 0.9 0.99; do prints "^stemedb_wal_fsync_duration_seconds\{quantile=\"$q\"\} "; done
run 81 <<<'cd /var/lib/stemedb/wal'
exits 0

# a backup that is under way: copying waits as on a disk that is saturated
shim cp <<<'case "$*" in (*segment.003*) exec /usr/bin/sleep 600 ;; esac; exec /usr/bin/cp "$@"'
systemctl start log-archiver.timer
systemctl start backup.service
at_third () { pgrep -f '^/usr/bin/sleep 600$'; }
eventually at_third
BACKED_UP=$(find /var/backups/stemedb -name 'segment.00[12].wal' | wc -l)
run 85 <<<'systemctl stop backup.service'
exits 0
that "a backup was under way" [ "$BACKED_UP" = 2 ]
that "it runs no more" eval '! systemctl is-active backup.service'
that "it left nothing" [ -z "$(ls -A /var/backups/stemedb)" ]
rm "$S/cp"
systemctl start stemedb-backup.service
eventually eval '! systemctl is-active backup.service'
that "the next one is whole" eval 'ls -d /var/backups/stemedb/stemedb-*Z/keys'
run 86 <<<'systemctl stop log-archiver.timer'
exits 0
that "the timer does not run" eval '! systemctl is-active stemedb-log-archiver.timer'

run 87 <<<"watch -n 5 'curl -s http://localhost:18180/metrics | grep wal_fsync_duration'"
prints 'wal_fsync_duration'
run 89 <<<'curl -X POST http://localhost:18180/v1/admin/node/drain'
json '.status == "draining"'; that "writes are refused" eval \
    '[ "$(curl -s -o /dev/null -w "%{http_code}" -d "{\"concept_path\":\"a\",\"predicate\":\"p\",\"object\":1}" $U/v1/assert)" = 503 ]'
curl -s -X POST $U/v1/admin/node/undrain >/dev/null
run 90 <<'C'
curl -X POST http://localhost:18180/v1/admin/rate-limit \
  -d '{"max_writes_per_sec": 500}'
C
json '.max_writes_per_sec == 500 and .max_assertions_per_sec == 2000'
curl -s -X DELETE $U/v1/admin/rate-limit >/dev/null
run 92 <<<'systemctl stop stemedb-api'
exits 0
run 95 <<<'systemctl start stemedb-api'
exits 0; that "it is ready" ready
sed -i -e 's/^# group_commit_max_wait_ms.*/group_commit_max_wait_ms = 10/' \
    -e 's/^# group_commit_max_bytes.*/group_commit_max_bytes = 1048576  # 1MB batches/' /etc/stemedb/api.toml
run 96 <<<'systemctl restart stemedb-api'
exits 0; that "it is ready" ready
run 97 <<<'curl -s http://localhost:18180/metrics | grep wal_fsync_total'
prints '^stemedb_wal_fsync_total [0-9]'
sed -i -e 's/^group_commit/# &/' /etc/stemedb/api.toml

# ---- high-error-rate
curl -s -X POST $U/v1/admin/node/drain >/dev/null
curl -s -d '{"concept_path":"a","predicate":"p","object":1}' $U/v1/assert >/dev/null
curl -s -X POST $U/v1/admin/node/undrain >/dev/null
run 106 <<'C'
curl -s http://localhost:18180/metrics | \
  grep 'stemedb_http_requests_total.*status="5' | \
  awk '{print $1}' | sort | uniq -c
C
prints '1 stemedb_http_requests_total\{method="POST",path="/v1/assert",status="503"'
run 107 <<'C'
journalctl -u stemedb-api --since "5 min ago" | \
  grep -i "error" | \
  grep -oP 'Error: \K[^:]+' | \
  sort | uniq -c | sort -rn | head -10
C
prints '[0-9]+ AuthenticationError$'
run 108 <<<'top -b -n 1 | grep stemedb-api'
prints 'stemedb-api'
run 109 <<<"ps aux | grep stemedb-api | awk '{print \$4, \$6}'"
prints '^[0-9.]+ [1-9][0-9]{3,}$'
run 112 <<<'curl -s http://localhost:18180/metrics | grep wal_fsync_errors'
prints '^stemedb_wal_fsync_errors_total 0$'
run 113 <<<'curl -s http://localhost:18180/metrics | grep storage_operation_errors'
prints 'operation="put"\} 0$'; prints 'operation="get"\} 0$'
run 114 <<<"curl -s http://localhost:18180/v1/admin/cluster/status | jq '.health'"
json '.status == "ok"'
run 116 <<<'curl -s http://localhost:18180/metrics | grep storage_operation_errors_total'
prints '^stemedb_storage_operation_errors_total\{'
run 118 <<<"ps aux | grep stemedb-api | awk '{print \$6 / 1024 \" MB\"}'"
prints '^[0-9.]+ MB$'
sed -i 's/^# slow_query_ms = .*/slow_query_ms = 1/' /etc/stemedb/api.toml
sed -i 's/^# request_timeout_seconds = .*/request_timeout_seconds = 60/' /etc/stemedb/api.toml
run 120 <<<'systemctl restart stemedb-api'
exits 0; that "it is ready" ready
curl -s "$U/v1/query?prefix=load&limit=10000" >/dev/null
run 119 <<<"curl -s http://localhost:18180/v1/admin/slow-queries | jq '.queries[] | select(.duration_ms > 1000)'"
exits 0
run 121 <<'C'
curl -s http://localhost:18180/v1/admin/slow-queries | jq -r \
  '.queries[] | "\(.subject) \(.predicate) \(.duration_ms)ms"' | \
  sort -k3 -rn | head -10
C
that "each line has three fields, the slowest first" awk 'NF != 3 { exit 1 } NR > 1 && $3 + 0 > last { exit 1 }
    { last = $3 + 0 } END { exit NR == 0 }' "$T/out"
curl -s -d '{"name": "old", "expires_at": 1000000000}' $U/v1/admin/api-keys >/dev/null
curl -s -d '{"name": "young"}' $U/v1/admin/api-keys >/dev/null
run 122 <<'C'
curl -s http://localhost:18180/v1/admin/api-keys | jq \
  '.keys[] | select(.enabled==false or .expires_at < now)'
C
prints '"old"'; prints_not '"young"'; prints_not 'steme_'
curl -s -d '{"text":"'"$(printf 'steme epoch 1\\nname e\\ntime 2026-01-01T00:00:00.000000Z\\nagent %s\\n\\n' \
    8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394)"'","signature":"'"$(printf '%0128d' 3)"'"}' $U/v1/epoch >"$T/sig"
run 123 <<<'journalctl -u stemedb-api --since "5 min ago" | grep "signature verification failed"'
prints 'signature verification failed'
run 130 <<'C'
curl -s http://localhost:18180/metrics | \
  grep 'stemedb_http_requests_total{.*agent=' | \
  awk '{sum[$1]+=$NF} END {for(i in sum) print sum[i], i}' | \
  sort -rn | head -5
C
prints '^[0-9]+ stemedb_http_requests_total\{.*agent="'
run 131 <<'C'
curl -X POST http://localhost:18180/v1/admin/rate-limit \
  -d '{"agent_id": "<agent_id>", "max_requests_per_min": 100}'
C
json '.agents == [{"agent_id": "<agent_id>", "max_requests_per_min": 100}]'
run 132 <<'C'
curl -X POST http://localhost:18180/v1/admin/circuit-breaker/trip \
  -d '{"agent_id": "<agent_id>"}'
C
json '.state == "open"'
sed -i 's/^# *level = .*/level = "debug"/' /etc/stemedb/api.toml
run 133 <<<'systemctl restart stemedb-api'
exits 0; that "trips and limits survive" eval 'curl -s $U/v1/admin/circuit-breakers/tripped | jq -e ".tripped[0].agent_id == \"<agent_id>\"" &&
    curl -s $U/v1/admin/rate-limit | jq -e ".agents | length == 1"'
curl -s -X POST $U/v1/admin/node/drain >/dev/null
curl -s -d '{"concept_path":"a","predicate":"p","object":1}' $U/v1/assert >/dev/null
curl -s -X POST $U/v1/admin/node/undrain >/dev/null
run 134 <<'C'
journalctl -u stemedb-api -f --output=json | \
  jq 'select(.level=="ERROR") | {time: .timestamp, error: .message}'
C
prints '"error": "HTTP 503 POST /v1/assert'; prints '"time": "20'
mkdir /tmp/stemedb-diag 2>/dev/null || mkdir -p /tmp/stemedb-diag
run 136 <<<'cp /etc/stemedb/api.toml /tmp/stemedb-diag/'
exits 0
run 137 <<<'journalctl -u stemedb-api --since "1 hour ago" > /tmp/stemedb-diag/logs.txt'
that "the log is there" grep -q 'is ready' /tmp/stemedb-diag/logs.txt
run 138 <<<'curl -s http://localhost:18180/metrics > /tmp/stemedb-diag/metrics.txt'
that "metrics are there" grep -q '^stemedb_up 1$' /tmp/stemedb-diag/metrics.txt
that "no secret is" eval '! grep -qE "PRIVATE KEY|steme_[0-9a-f]{16}_" /tmp/stemedb-diag/*'
run 140 <<<'hey -z 60s -c 100 -q 50 http://localhost:18180/v1/query'
prints '\[200\].*responses'; prints_not '\[(5[0-9]{2}|429)\].*responses'
run 141 <<<"watch -n 1 'curl -s http://localhost:18180/metrics | grep \"status=\\\"5\"'"
prints 'status="503'

# ---- storage-errors
run 142 <<<'curl -s http://localhost:18180/metrics | grep storage_operation_errors'
prints 'operation="put"\} 0$'
run 147 <<<'cd /var/lib/stemedb/kv'
exits 0
run 148 <<<'du -sh ./*'
prints '\.(ldb|log)$'
run 149 <<<'ls -1 | wc -l'
that "there are fewer than 100 files" [ "$OUT" -lt 100 ]
run 150 <<<'journalctl -u stemedb-api | grep -i "lock.*timeout" | tail -20'
empty
run 151 <<<'curl -s http://localhost:18180/metrics | grep stemedb_storage_put_duration'
prints '^stemedb_storage_put_duration_seconds_count [0-9]'
sync; /usr/bin/sleep 1		# segments of one second have an order
curl -s -d '{"concept_path":"last","predicate":"p","object":1}' $U/v1/assert >/dev/null
run 152 <<<'cd /var/lib/stemedb/wal'
exits 0
before=$(ls segment.*.wal | wc -l)
run 153 <<<'gzip $(ls -t segment.*.wal | tail -n +20)'
exits 0; that "19 are left" [ "$(ls segment.*.wal | wc -l)" = 19 ]
that "there were more" [ "$before" -gt 19 ]
that "nothing is amiss" steme verify
gunzip segment.00[0-5]*.gz	# the other way to make room: move them
mkdir -p /backup/wal-$(date +%Y%m%d)
run 155 <<<'mv segment.00[0-5]*.wal /backup/wal-$(date +%Y%m%d)/'
exits 0; that "five are moved" [ "$(ls /backup/wal-*/segment.*.wal | wc -l)" = 5 ]
that "reads go on" eval 'curl -sf "$U/v1/query?concept_path=load/c7" | jq -e ".results | length > 0"'
that "writes go on" eval 'curl -sf -d "{\"concept_path\":\"moved\",\"predicate\":\"p\",\"object\":1}" $U/v1/assert'
mv /backup/wal-*/segment.*.wal .
run 156 <<'C'
curl -X POST http://localhost:18180/v1/admin/storage/compact \
-H 'Content-Type: application/json' \
-d '{"force": true}'
C
json '.status == "compacting"'
run 157 <<<'journalctl -u stemedb-api -f | grep compaction'
prints 'compaction (started|complete)'
run 159 <<<'systemctl stop stemedb-api'
exits 0; cd /
that "no file is held" eval '! ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q "/var/lib/stemedb/"'
run 163 <<<'systemctl start stemedb-api'
exits 0; that "it is ready" ready

# damage to the index: what the service says of it, and the cure
systemctl restart stemedb-api >/dev/null 2>&1
for f in /var/lib/stemedb/kv/*.ldb; do
	n=$(($(stat -c %s "$f") / 4096 * 3 / 4))	# the index and the end stay
	dd if=/dev/urandom of="$f" bs=4096 count="$n" conv=notrunc status=none
done
for i in $(seq 0 99); do curl -s "$U/v1/query?concept_path=load/c$i" >/dev/null; done
run 143 <<<'journalctl -u stemedb-api --since "5 min ago" | grep -i "storage.*error" | tail -50'
prints 'StorageError: storage: index error: index checksum mismatch'
that "the raw line is beside it" eval 'journalctl -u stemedb-api | grep "Error: Corruption: block checksum mismatch"'
run 4 <<<'journalctl | grep "index error"'
prints 'index error'
run 115 <<'C'
journalctl -u stemedb-api --since "5 min ago" | \
  grep "HTTP.*500" | \
  grep -oP 'agent_id=\K[^ ]+' | \
  sort | uniq -c | sort -rn | head -10
C
prints '^ *[0-9]+ [^ "}]+$'
indexed=$(metric stemedb_assertions_indexed_total)
run 164 <<<'systemctl stop stemedb-api'
exits 0
run 165 <<<'mv /var/lib/stemedb/kv /var/lib/stemedb/kv.corrupted.$(date +%Y%m%d)'
exits 0
run 166 <<'C'
stemedb-api --rebuild-from-wal \
--wal-path /var/lib/stemedb/wal \
--kv-path /var/lib/stemedb/kv
C
exits 0
run 167 <<<'systemctl start stemedb-api'
exits 0; that "it is ready" ready
run 168 <<<'journalctl -u stemedb-api | grep -i "rebuild complete"'
prints 'WAL rebuild complete: [0-9]+ assertions'
run 169 <<<'curl -s http://localhost:18180/metrics | grep assertions_indexed_total'
prints "^stemedb_assertions_indexed_total $indexed\$"
run 170 <<<'curl -s http://localhost:18180/v1/admin/slow-queries | jq'
json '.queries | type == "array"'
run 171 <<<'systemctl stop stemedb-api'
exits 0
sed -i -e 's/^# lock_timeout_ms = .*/lock_timeout_ms = 10000/' /etc/stemedb/api.toml
run 172 <<<'systemctl start stemedb-api'
exits 0; that "it is ready" ready
run 173 <<<'curl -s http://localhost:18180/metrics | grep lock_wait_duration'
prints '^stemedb_lock_wait_duration_seconds_count'
run 174 <<<'systemctl restart stemedb-api'
exits 0; that "it is ready" ready
curl -s -X POST $U/v1/admin/node/drain >/dev/null
curl -s -d '{"concept_path":"a","predicate":"p","object":1}' $U/v1/assert >/dev/null
curl -s -X POST $U/v1/admin/node/undrain >/dev/null
run 175 <<<"journalctl -u stemedb-api -f --output=json | jq 'select(.level==\"ERROR\")'"
prints '"level": "ERROR"'
find /var/lib/stemedb/wal -name 'segment.0*' -exec touch -d '40 days ago' {} +
old=$(ls /var/lib/stemedb/wal/segment.*.wal)
run 176 <<'C'
#!/bin/bash
cd /var/lib/stemedb/wal
# Keep 30 days of WAL
find . -name "segment.*.wal" -mtime +30 -exec gzip {} \;
find . -name "segment.*.wal.gz" -mtime +90 -exec rm {} \;
C
exits 0
# the daemon goes on in a new one, the open one having gone away
that "none of these is left plain" eval '[ -z "$(ls -d $old)" ]'
that "writes go on" eval 'curl -sf -d "{\"concept_path\":\"after\",\"predicate\":\"p\",\"object\":1}" $U/v1/assert'
that "reads go on" eval 'curl -sf "$U/v1/query?concept_path=after" | jq -e ".results | length == 1"'
that "a restart keeps all" eval 'systemctl restart stemedb-api && curl -sf "$U/v1/query?concept_path=after" | jq -e ".results | length == 1"'
that "nothing is amiss" steme verify
run 177 <<'C'
curl -s http://localhost:18180/v1/admin/storage/stats | jq '{
sst_files: .sst_file_count,
total_size_mb: (.total_bytes / 1e6),
pending_compaction_mb: (.pending_compaction_bytes / 1e6)
}'
C
json '.sst_files > 0 and .total_size_mb > 0 and .pending_compaction_mb >= 0'
