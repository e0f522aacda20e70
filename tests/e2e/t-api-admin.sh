#!/usr/bin/env bash
# Drain, rebuild, compaction, storage numbers, and the cluster routes of a node by itself.
. "${srcdir:-.}/tests/e2e/lib.sh"
. "${srcdir:-.}/tests/e2e/http.sh"

up_bare || { echo "cannot start"; exit 1; }
claim () { printf '{"concept_path":"a/b","predicate":"p","object":%s}' "$1"; }
value () { get '/v1/query?concept_path=a/b' | jq -r '.results[0].object.value'; }

# --- drain: neither body, length nor type
answers "a write is taken" 201 -d "$(claim 1)" "$U/v1/assert"
answers "a POST without anything drains the node" 200 -X POST "$U/v1/admin/node/drain"
is "which it says" '{"status":"draining"}' body
answers "then writes are refused" 503 -d "$(claim 2)" "$U/v1/assert"
like "saying why" 'draining' body
answers "readiness is gone" 503 "$U/readyz"
answers "health is not" 200 "$U/healthz"
is "reads go on" 1 value
is "the member says so" DRAINING bash -c "curl -s $U/cluster/members | jq -r '.members[0].status'"
is "it counts as no healthy node" 'degraded 0 1' bash -c \
    "curl -s $U/cluster/health | jq -r '[.status, .healthy_nodes, .total_nodes] | @tsv' | xargs"
ok "it is a setting of the store" bash -c "curl -s '$U/v1/query?prefix=_steme/nodes' | jq -e '.results[0] |
    .predicate == \"drained\" and .object.value == true'"
answers "draining twice is no error" 200 -X POST "$U/v1/admin/node/drain"
"$STEME" restart --dir "$D" >/dev/null 2>&1
answers "a restart does not undrain it" 503 -d "$(claim 2)" "$U/v1/assert"
answers "undraining takes JSON, too" 200 -d '{}' "$U/v1/admin/node/undrain"
is "and says what it is then" '{"status":"active"}' body
answers "writes are taken again" 201 -d "$(claim 2)" "$U/v1/assert"
answers "readiness is back" 200 "$U/readyz"
answers "undraining twice is no error" 200 -X POST "$U/v1/admin/node/undrain"
answers "a member that is not known is refused" 400 -d '{"graceful":true}' "$U/v1/admin/node/drain"
like "by name" "graceful" body

# --- index
is "a ready index has two members" 'last_rebuild status' bash -c \
    "curl -s $U/v1/admin/indexes/status | jq -r 'keys | join(\" \")'"
get /v1/admin/indexes/status >"$T/before"
like "as operators' papers have it" \
    '^\{"status": "ready", "last_rebuild": "20[0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]Z"\}$' cat "$T/before"
while [[ $(date -u +%FT%TZ) == "$(jq -r .last_rebuild "$T/before")" ]]; do sleep 0.05; done
answers "a rebuild is answered at once" 202 -X POST "$U/v1/admin/indexes/rebuild"
is "with what happens" '{"status":"rebuilding"}' body
# the status may only be ready again with another time of the last rebuild
for _ in $(seq 600); do
	get /v1/admin/indexes/status >"$T/after"
	[ "$(jq -r .status "$T/after")" = rebuilding ] || break
	jq -e '.progress >= 0 and .progress <= 1' "$T/after" >/dev/null || fail "progress" "$(cat "$T/after")"
	sleep 0.05
done
is "it becomes ready" ready jq -r .status "$T/after"
ok "at a new time" [ "$(jq -r .last_rebuild "$T/before")" \< "$(jq -r .last_rebuild "$T/after")" ]
is "with the same content" 2 value
like "the log tells of it" 'Index rebuild complete in' cat "$D/log/stemefs.log" "$D/log/storage.log" "$D/log/stemedb-api.log"

# --- storage
answers "compaction is answered at once" 202 -H 'Content-Type: application/json' -d '{"force": true}' "$U/v1/admin/storage/compact"
is "with what happens, too" '{"status":"compacting"}' body
answers "without a body as well" 202 -X POST "$U/v1/admin/storage/compact"
answers "force is true or false" 400 -d '{"force": "yes"}' "$U/v1/admin/storage/compact"
answers "JSON that is none is refused" 400 -d '{"force"' "$U/v1/admin/storage/compact"
answers "so is what is no object" 400 -d '[true]' "$U/v1/admin/storage/compact"
answers "storage is told in numbers" 200 "$U/v1/admin/storage/stats"
ok "all of them" jq -e '[.sst_file_count, .total_bytes, .pending_compaction_bytes, .wal_bytes, .wal_segments,
    .disk_free_bytes, .disk_total_bytes, .write_amplification] | all(type == "number")' "$T/body"
like "the runbook's view of it works" '"total_size_mb": [0-9.e-]+' jq '{sst_files: .sst_file_count,
    total_size_mb: (.total_bytes / 1e6), pending_compaction_mb: (.pending_compaction_bytes / 1e6)}' "$T/body"

# --- a cluster of one
N=$(jq -r '.members[0].name' <(get /cluster/members))
I=$(jq -r '.members[0].id' <(get /cluster/members))
ok "the only member is up and not behind" bash -c "curl -s $U/cluster/members | jq -e '.members == [{id: \"$I\",
    name: \"$N\", status: \"UP\", role: \"primary\", replication_lag: 0, address: \"127.0.0.1:$P\"}]'"
is "nobody lags" '' bash -c "curl -s $U/cluster/members | jq '.members[] | select(.replication_lag > 5)'"
is "health counts it" '{"status":"ok","healthy_nodes":1,"total_nodes":1}' get /cluster/health
is "status has the same health" '{"status":"ok","healthy_nodes":1,"total_nodes":1}' bash -c \
    "curl -s $U/v1/admin/cluster/status | jq -c .health"
is "it is in step with nobody" 'in_sync []' bash -c "curl -s $U/cluster/sync_status | jq -r '\"\(.status) \(.peers)\"'"
unrated () { get "$1" | sed 's/"query_rate":[0-9.]*/"query_rate":0/g'; }	# a rate is of its moment
for p in members sync_status shards shards/7; do
	is "/v1/admin/cluster/$p says what /cluster/$p does" "$(unrated "/cluster/$p")" unrated "/v1/admin/cluster/$p"
done
answers "syncing it with itself is nothing to do" 200 -d "{\"target_node\": \"$N\", \"force\": true}" "$U/cluster/sync"
is "as it is in step" in_sync jq -r .status "$T/body"
answers "by id and the other name, too" 200 -d "{\"replica_id\": \"$I\"}" "$U/v1/admin/cluster/sync"
answers "a node that is not there cannot be synced" 404 -H 'Content-Type: application/json' \
    -d '{"target_node": "lagging-node-id", "force": true}' "$U/cluster/sync"
like "and those that are are named" "lagging-node-id.*$N.*$I" body
answers "nor by the other path" 404 -d '{"replica_id": "node2", "force": true}' "$U/v1/admin/cluster/sync"
answers "a target is needed" 400 -d '{"force": true}' "$U/cluster/sync"
answers "but not two" 400 -d '{"target_node": "a", "replica_id": "b"}' "$U/cluster/sync"
answers "a name is a string" 400 -d '{"target_node": 7}' "$U/cluster/sync"
like "the log has merkle sync and its error" 'Merkle sync error: .*lagging-node-id' cat "$D/log/stemedb-api.log"

is "there are 64 shards, all here" "64 $I" bash -c \
    "curl -s $U/cluster/shards | jq -r '[(.shards | length), (.shards | map(.primary) | unique[])] | @tsv' | xargs"
is "none is hot" '' bash -c "curl -s $U/cluster/shards | jq '.shards[] | select(.query_rate > 1000)'"
is "a shard without a name is all of them" COMPLETE bash -c "curl -s $U/cluster/shards/ | jq -r .rebalance_status"
is "with a name it is one" '63 COMPLETE' bash -c "curl -s $U/cluster/shards/63 | jq -r '\"\(.shard_id) \(.rebalance_status)\"'"
for s in abc123 64 007 -1; do
	answers "there is no shard $s" 404 "$U/cluster/shards/$s"
done
like "and those that are are named" '0 to 63' body
# the shard of a/b: the first byte of its hash, modulo 64
S=$((0x$(printf a/b | b2sum -l 256 | cut -c 1-2) % 64))
for _ in $(seq 50); do get '/v1/query?concept_path=a/b' >/dev/null; done
ok "queries show in the rate of their shard" bash -c "curl -s $U/cluster/shards/$S | jq -e '.query_rate > 0'"
ok "and in no other" bash -c "curl -s $U/cluster/shards | jq -e '[.shards[] | select(.shard_id != \"$S\") | .query_rate] | add == 0'"
for p in /admin/shards/rebalance /v1/admin/shards/rebalance; do
	answers "a shard is where $p wants it" 200 -d "{\"shard_id\": \"5\", \"target_node\": \"$N\", \"reason\": \"hotspot_mitigation\"}" "$U$p"
	is "at once" COMPLETE jq -r .rebalance_status "$T/body"
	answers "an unknown shard stays where it is" 404 -H 'Content-Type: application/json' \
	    -d '{ "shard_id": "abc123", "target_node": "node2-id", "reason": "hotspot_mitigation" }' "$U$p"
	answers "and goes to no unknown node" 404 -d '{"shard_id": "5", "target_node": "node2-id"}' "$U$p"
	answers "both are needed" 400 -d '{"shard_id": "5"}' "$U$p"
done

# --- metrics
get /metrics >"$T/metrics"
for m in "replication_lag_seconds{node=\"$N\"} 0" "stemedb_replication_lag_seconds{replica=\"$N\"} 0" \
    'stemedb_merkle_sync_progress_ratio 0' 'stemedb_merkle_sync_errors_total 0' 'stemedb_merkle_sync_duration_seconds_count 0' \
    'stemedb_network_bytes_sent_total 0' 'stemedb_cluster_members 1' 'stemedb_cluster_members_up 1' 'stemedb_cluster_shards 64'; do
	ok "/metrics has $m" grep -qxF "$m" "$T/metrics"
done

# --- who may
for p in node/drain node/undrain indexes/rebuild storage/compact cluster/sync shards/rebalance; do
	answers "POST $p is not for whom a proxy brings" 403 -X POST -H 'X-Forwarded-For: 10.0.0.1' "$U/v1/admin/$p"
	answers "nor is it read" 405 "$U/v1/admin/$p"
done
for p in indexes/status storage/stats cluster/status cluster/members cluster/shards; do
	answers "GET $p is not, either" 403 -H 'X-Forwarded-For: 10.0.0.1' "$U/v1/admin/$p"
done
for p in /cluster/sync /admin/shards/rebalance; do
	answers "POST $p is not, either" 403 -X POST -H 'Origin: http://evil.example' "$U$p"
done
answers "but members are anybody's to see" 200 -H 'X-Forwarded-For: 10.0.0.1' "$U/cluster/members"

# --- without the daemon
pid=$(jq -r .daemon.pid <("$STEME" status --dir "$D" --json))
kill -STOP "$pid" && kill -KILL "$pid"
for _ in $(seq 200); do
	[ "$(get /cluster/members | jq -r '.members[0].status')" = DOWN ] && break
	sleep 0.05
done
is "a member whose daemon is gone is down, under the same id" "$I DOWN" bash -c \
    "curl -s $U/cluster/members | jq -r '.members[0] | \"\(.id) \(.status)\"'"
is "whoever looks for laggards finds it" "$I" bash -c "curl -s $U/cluster/members | jq -r '.members[] | select(.replication_lag > 5) | .id'"
is "health says so" 'down 0' bash -c "curl -s $U/cluster/health | jq -r '\"\(.status) \(.healthy_nodes)\"'"
is "so does status" down bash -c "curl -s $U/v1/admin/cluster/status | jq -r .health.status"
answers "it cannot be synced" 503 -d "{\"target_node\": \"$N\"}" "$U/cluster/sync"
answers "nor drained" 503 -X POST "$U/v1/admin/node/drain"
answers "nor rebuilt" 503 -X POST "$U/v1/admin/indexes/rebuild"
answers "nor compacted" 503 -X POST "$U/v1/admin/storage/compact"
answers "its index says nothing" 503 "$U/v1/admin/indexes/status"
answers "nor does its storage" 503 "$U/v1/admin/storage/stats"
like "a member of the cluster is missing" 'stemedb_cluster_members_up 0' get /metrics
done_testing
