#!/bin/bash
# What operators look for in the journal and in the metrics of the storage.
. "${srcdir:-.}/tests/e2e/lib.sh" || exit 99

wire () { python3 "$TOP/tests/e2e/wire.py" "$D" "$@"; }
log=$D/log/stemefs.log
message () { jq -r .message "$1" | grep -c -- "$2"; }
has () { [ "$(message "$1" "$2")" -ge 1 ]; }
index () { wire 26 | jq -r "$1"; }
sample () { cat "$M/@metrics" | awk -v m="$1" '$1 == m { print $2 }'; }

up || { fail "up"; done_testing; }
seq 1 500 | sed 's|.*|{"concept_path":"st/c&","predicate":"n","object":&,"agent":"anna","time":"2026-01-01"}|' >"$T/i.ndjson"
"$STEME" import "$T/i.ndjson" >/dev/null 2>&1

# every start
for f in "$log" "$D/log/storage.log"; do
	n=${f##*/}
	ok "$n: Starting index rebuild from WAL" has "$f" '^Starting index rebuild from WAL'
	ok "$n: the predicate index" has "$f" 'Rebuilt predicate index: [0-9]* entries'
	ok "$n: the concept index" has "$f" 'Rebuilt concept index: [0-9]* entries'
	ok "$n: complete, with its time" has "$f" '^Index rebuild complete in [0-9]*ms'
done
"$STEME" restart --dir "$D" >/dev/null || fail "restart"
predicates=$(index .entries.predicate)
is "true counts after a restart" 1 message "$log" "^Index rebuild: Rebuilt predicate index: $predicates entries"
is "which was no full rebuild" false index .full_rebuild
is "all lines say index rebuild" 0 sh -c "jq -r .message '$log' | grep -i rebuilt | grep -vic 'index rebuild'"

# the index's state
is "ready" ready index .status
like "last_rebuild in whole seconds" '^20[0-9-]{8}T[0-9:]{8}Z$' index .last_rebuild
is "no error" null index .error
is "progress" 1 index .progress
before=$(sample stemedb_assertions_indexed_total)
sleep 1.1
last=$(index .last_rebuild)
ok "an online rebuild" "$STEME" rebuild --dir "$D"
is "moves last_rebuild" yes sh -c "[ '$(index .last_rebuild)' '>' '$last' ] && echo yes"
is "it was a full one" true index .full_rebuild
is "and holds what it held" "$before" sample stemedb_assertions_indexed_total

# an offline rebuild is told by the next start
down >/dev/null
mv "$D/kv" "$D/kv.old"
ok "an offline rebuild" "$STEME" rebuild --dir "$D"
: >"$log"
up || fail "up after the rebuild"
is "the next start tells it" 1 message "$log" "^WAL rebuild complete: $before assertions in [0-9]*ms"
is "counted as before" "$before" sample stemedb_assertions_indexed_total
"$STEME" restart --dir "$D" >/dev/null
is "once" 1 message "$log" '^WAL rebuild complete'

# compaction
wire 18 >/dev/null
ok "COMPACT with nothing pending says so" has "$log" 'compaction: nothing is pending'
wire 18 01 >/dev/null
ok "forced: it begins" has "$log" 'compaction started (forced)'
ok "and ends, with its time" has "$log" 'compaction complete in [0-9]* ms: [0-9]* files'
sleep 1.5
ok "what LevelDB did in it is told, too" has "$log" 'compaction: Compacted .* bytes, [0-9]* ms'
ok "and timed" test "$(sample stemedb_lsm_compaction_duration_seconds_count)" -gt 0
is "STORAGE: numbers" number sh -c "python3 '$TOP/tests/e2e/wire.py' '$D' 25 | jq -r '.pending_compaction_bytes / 1e6 | type'"

# names and labels, at 0 from the start
cat "$M/@metrics" >"$T/m"
while read -r name; do
	ok "$name" grep -qF -- "$name " "$T/m"
done <<'END'
stemedb_wal_fsync_duration_seconds{quantile="0.5"}
stemedb_wal_fsync_duration_seconds{quantile="0.9"}
stemedb_wal_fsync_duration_seconds{quantile="0.99"}
stemedb_wal_fsync_total
stemedb_wal_fsync_errors_total
stemedb_assertions_indexed_total
stemedb_index_entries{index="predicates"}
stemedb_storage_operation_errors_total{operation="put"}
stemedb_storage_operation_errors_total{operation="get"}
stemedb_storage_operations_total{operation="put"}
stemedb_storage_operations_total{operation="get"}
stemedb_storage_put_duration_seconds_count
stemedb_storage_write_amplification
stemedb_lock_wait_duration_seconds_count
stemedb_lsm_pending_compaction_bytes
stemedb_lsm_compaction_duration_seconds_count
stemedb_cache_size_bytes
END
is "no errors" 0 sample 'stemedb_storage_operation_errors_total{operation="put"}'
ok "reads are counted" test "$(sample 'stemedb_storage_operations_total{operation="get"}')" -gt 0
is "no blank in a label, no timestamp" "" awk '!/^#/ && NF != 2' "$T/m"
if command -v promtool >/dev/null; then
	is "promtool finds nothing" "" promtool check metrics <"$T/m"
fi
down >/dev/null
STEMEDB_CACHE_SIZE_MB=7 up || fail "up with a cache of 7 MB"
is "the cache's limit follows the environment" 7340032 sample stemedb_cache_size_bytes
ok "verify" "$STEME" verify
done_testing
