#!/usr/bin/env bash
# What operators search the journal for, word for word, out of a store and a sidecar that run and
# meet every trouble there is a phrase for.
. "${srcdir:-.}/tests/e2e/lib.sh"
. "${srcdir:-.}/tests/e2e/http.sh"

export BADSYNC=$T/badsync SLOWSYNC=$T/slowsync BADWRITE=$T/badwrite BADOPEN=$T/badopen
${CC:-cc} -shared -fPIC -o "$T/bad.so" "$TOP/tests/faults/badsync.c" -ldl || exit 1
mkdir -p "$D"
start () { LD_PRELOAD=$T/bad.so up_bare || fail "it starts" "$(cat "$T/up.out")"; }
again () { "$STEME" down --dir "$D" >/dev/null; start; }
j () { "$STEME" journal -u stemedb-api "$@"; }
messages () { j -o cat | jq -rR 'fromjson? | .message'; }
in_time () { for _ in $(seq 100); do "$@" && return; sleep 0.1; done; return 1; }
# found SENTENCE [GREP-OPTION] PHRASE: in a line of the journal, which may come after the answer
found () {
	local name=$1
	shift
	finds () { j | grep "$@" >/dev/null; }
	ok "$name: $*" in_time finds "$@"
}
# said SENTENCE PHRASE: to the letter, in the message of a line (where quotes need no escape)
said () {
	finds () { messages | grep -F -- "$1" >/dev/null; }
	ok "$1: $2" in_time finds "$2"
}
claim () { curl -sS -m 20 -o "$T/body" -D "$T/head" -d "{\"concept_path\":\"l/$1\",\"predicate\":\"p\",\"object\":\"$2\"}" "$U/v1/assert"; }
pid_of () { cut -d' ' -f1 "$D/run/$1.pid"; }
make_key

# --- every start
start
found "a start" 'Starting index rebuild from WAL'
found "with a count" 'Rebuilt predicate index: [0-9][0-9]* entries'
found "and the other" 'Rebuilt concept index: [0-9][0-9]* entries'
found "its time" 'Index rebuild complete in [0-9][0-9]*ms'
found "both counts are told" -i 'index rebuild.*rebuilt.*entries'
found "as is the end" -i 'rebuild complete'
ok "all that within the last hundred lines" bash -c "'$STEME' journal -u stemedb-api -n 100 | grep -qi index"

# --- compaction: of enough for several tables, so that some are not opened before they are asked for
python3 -c 'import base64, json, os
for i in range(1500):
    print(json.dumps({"concept_path": "l/c%d" % i, "predicate": "p", "object": base64.b64encode(os.urandom(45000)).decode()}))' |
	curl -sS --data-binary @- "$U/v1/assertions" >"$T/lines"
is "ninety megabytes are stored" 1500 grep -c created "$T/lines"
answers "a compaction" 202 -H 'Content-Type: application/json' -d '{"force": true}' "$U/v1/admin/storage/compact"
found "begins" 'compaction started'
found "and ends" 'compaction complete'
cat >"$D/api.toml" <<'EOC'
[storage]
lock_timeout_ms = 100
[api]
request_timeout_seconds = 3
[resilience]
enable_circuit_breaker = false
EOC
again

# --- who is not who they say
object l/forged p v 2026-01-01T00:00:00.000000Z >"$T/o"
answers "a forged claim" 422 -d "$(jq -nc --rawfile t "$T/o" --arg s "$(printf '0%.0s' {1..128})" '{text: $t, signature: $s}')" "$U/v1/assert"
found "a signature" 'signature verification failed'
answers "an API key that is none" 401 -H 'X-API-Key: none' "$U/v1/query"
found "a key" 'Error: AuthenticationError: the API key'

# --- a slow disk
echo 600 >"$SLOWSYNC"
for i in 1 2 3 4 5 6; do claim slow "$i" & done
wait
rm "$SLOWSYNC"
found "a slow disk" 'slow fsync'
found "who waits too long" 'Error: Failed to acquire write lock within timeout'
found "by the operators' pattern" -i 'lock.*timeout'
found "with its type" 'Error: TimeoutError: storage error'
found "and the writer is told which limit it was" 'HTTP 504 POST /v1/assert .*lock_timeout_ms'

# --- a disk that takes longer: neither the watchdog nor kept answers wait for it
beat () { od -An -tu8 -j16 -N8 "$D/run/changes"; }
echo 5000 >"$SLOWSYNC"
claim slow 7 &
sleep 2
at=$(beat)
sleep 1
ok "the daemon shows that it lives while it waits for the disk" [ "$(beat)" != "$at" ]
rm "$SLOWSYNC"
wait

# --- a daemon that does not answer, and none
kill -STOP "$(pid_of stemefs)"
answers "a query that takes too long" 504 "$U/v1/agents"
ok "has the status line that is looked for" has_header 'HTTP/1.1 504 Gateway Timeout'
kill -CONT "$(pid_of stemefs)"
found "it is told" 'HTTP 504 GET /v1/agents agent_id=127.0.0.1 '
found "with its type" 'Error: TimeoutError: the daemon did not answer in time'
kill -9 "$(pid_of stemefs)"
for _ in $(seq 100); do
	[ "$(curl -sS -o /dev/null -w '%{http_code}' "$U/v1/health")" = 503 ] && break
	sleep 0.1
done
answers "a query without a daemon" 503 "$U/v1/agents"
found "no daemon" 'Error: NetworkError: '
start

# --- an index that takes no writes
claim full 1
echo 28 >"$BADWRITE"
claim full 2
said "no room for the index" 'Error: Custom { kind: Other, error: "IO error: No space left on device" }'
rm "$BADWRITE"
again
claim compact 1
echo 5 >"$BADWRITE"
answers "a compaction on a disk that fails" 202 -d '{"force": true}' "$U/v1/admin/storage/compact"
found "is told" 'LSM tree compaction failed'
counted () {
	for _ in $(seq 100); do
		get /metrics | grep -q '^stemedb_lsm_compaction_errors_total [1-9]' && return
		sleep 0.1
	done
	return 1
}
ok "and counted, for the alert" counted
claim lost 1
found "a write that fails" 'Failed to write to KV store'
found "as operators know it" 'Index update failed'
found "by the operators' pattern" -i 'storage.*error'
found "with its type" 'Error: StorageError: '
said "as the storage layer says it" 'Error: Custom { kind: Other, error: "Input/output error" }'
rm "$BADWRITE"
again

# --- a log that cannot be synced
: >"$BADSYNC"
answers "a write that does not reach the disk" 500 -d '{"concept_path":"l/sync","predicate":"p","object":1}' "$U/v1/assert"
ok "has the status line that is looked for" has_header 'HTTP/1.1 500 Internal Server Error'
rm "$BADSYNC"
found "it is told" 'HTTP.*500'
is "and whose it was" "uid-$(id -u)" bash -c "'$STEME' journal -u stemedb-api | grep 'HTTP.*500' | grep -oP 'agent_id=\K[^ ]+' | tail -n 1"
again

# --- an index that cannot be read
ask () { for i in $(seq 1 37 1500); do get "/v1/query?concept_path=l/c$i" >/dev/null; done; }
echo 5 >"$BADOPEN"
ask
found "a table that cannot be opened" 'predicate index lookup failed'
found "is an index error" 'index error'
like "which the status tells" 'warning +the index cannot be read' "$STEME" status
like "and the doctor, with the cure" 'index cannot be read in full.*steme rebuild' bash -c "'$STEME' doctor | tr -d '\n'"
rm "$BADOPEN"
again
for f in "$D"/kv/*.ldb; do printf 'no magic' | dd of="$f" bs=1 seek=$(($(stat -c %s "$f") - 8)) conv=notrunc status=none; done
ask
said "a table that is none" 'Error: Corruption: invalid SST file header'
again
found "is made anew" 'Starting index rebuild from WAL (full: it was marked by an index error)'
answers "and answers" 200 "$U/v1/query?concept_path=l/c7"
again
for f in "$D"/kv/*.ldb; do
	for at in $(seq 100 700 $(($(stat -c %s "$f") - 2000))); do echo "$at"; done |
		python3 -c 'import sys
with open(sys.argv[1], "r+b") as f:
    for at in sys.stdin:
        f.seek(int(at))
        f.write(b"damage!")' "$f"
done
ask
found "damage" 'index checksum mismatch'
said "as the storage layer says it" 'Error: Corruption: block checksum mismatch'
found "with the type of what is answered" 'Error: SerializationError: '

# --- rebuilt with the daemon down, and told by the next start
"$STEME" down --dir "$D" >/dev/null
n=$(j | grep -ci 'rebuild complete')
mv "$D/kv" "$T/kv.corrupted"
ok "the offline rebuild" "$STEME_BUILD/stemedb-api" --rebuild-from-wal --wal-path "$D/wal" --kv-path "$D/kv"
start
found "what is searched for after it" -i 'rebuild complete'
ok "is there once more" test "$(j | grep -ci 'rebuild complete')" -gt "$n"
answers "and the index answers" 200 "$U/v1/query?concept_path=l/c7"

# --- synchronisation, of a node by itself
answers "a sync with nobody" 404 -d '{"target_node": "none"}' "$U/cluster/sync"
found "a sync" -i 'merkle sync'
found "that failed" -i 'sync error'

# --- the operators' pipelines over all of it
is "every type of error is there" "AuthenticationError NetworkError SerializationError StorageError TimeoutError" \
    bash -c "'$STEME' journal -u stemedb-api --since '1 hour ago' | grep -i error | grep -oP 'Error: \K[A-Za-z]+Error(?=:)' | sort -u | xargs"
ok "a line has a level, a time and a message" bash -c "'$STEME' journal -u stemedb-api --output=json |
  jq -e -s 'map(select(.level == \"ERROR\")) | length > 10 and all(.[]; (.timestamp | test(\"^20[0-9-]+T[0-9:.]+Z$\")) and (.message | length > 0))'"
for phrase in 'slow fsync' 'Failed to write to KV store' 'LSM tree compaction failed' 'index error' 'Error: Corruption: ' \
    'No space left on device' 'Failed to acquire write lock within timeout' compaction 'rebuild complete'; do
	ok "storage.log has it, too: $phrase" grep -q "$phrase" "$D/log/storage.log"
done
done_testing
