#!/usr/bin/env bash
# GET /v1/feed: every object once and in order, over every kind of interruption.
. "${srcdir:-.}/tests/e2e/lib.sh"
. "${srcdir:-.}/tests/e2e/http.sh"
F="$TOP/tests/e2e/feeds.py"

up_bare || { echo "cannot start"; exit 1; }
put () { curl -sS --max-time 30 -d "{\"concept_path\":\"$1\",\"predicate\":\"p\",\"object\":\"$2\"}" "$U/v1/assert" >/dev/null; }
lsn () { curl -sS "$U/v1/health" | jq .lsn; }
pid_of () { cut -d' ' -f1 "$D/run/$1.pid"; }

# --- from where
put feed/a 1
put feed/b/c 2
put other/x 3
L=$(lsn)
is "from the beginning everything is told, in order" "$L" bash -c "python3 '$F' take $P $((L - 1)) '/v1/feed?after=1' | jq -s 'map(.lsn) | if . == sort then last else 0 end'"
is "an event has these members" '["agent_id","concept_path","hlc","id","kind","lsn","predicate","time"]' \
    bash -c "python3 '$F' take $P 1 '/v1/feed?after=$((L - 1))' | jq -c keys"
is "of the object that was written" '["assertion","other/x","p"]' \
    bash -c "python3 '$F' take $P 1 '/v1/feed?after=$((L - 1))' | jq -c '[.kind,.concept_path,.predicate]'"
is "a prefix narrows it to a concept and those below" '["feed/a","feed/b/c"]' \
    bash -c "python3 '$F' take $P 2 '/v1/feed?after=1&prefix=feed' | jq -sc 'map(.concept_path)'"
is "Last-Event-ID goes before after" "$L" bash -c "python3 '$F' take $P 1 '/v1/feed?after=1' $((L - 1)) | jq .lsn"
answers "a feed cannot begin in the future" 400 "$U/v1/feed?after=$((L + 1))"
like "and says where the store stands" "stands at lsn $L" body
answers "after is a number" 400 "$U/v1/feed?after=x"
answers "unknown parameters are refused" 400 "$U/v1/feed?from=1"
answers "so is a prefix that is no path" 400 "$U/v1/feed?prefix=a//b"
answers "HEAD tells the type and ends" 200 -I "$U/v1/feed"
ok "which is that of events" has_header 'content-type: text/event-stream'

# --- live: what is written once the feed has begun is told without asking again
is "a new object is told as it comes" "live/1" bash -c "python3 '$F' live $P live/1 | jq -r .concept_path"
is "to each of a thousand feeds, in one process without a thread a feed" "1000 of 1000" python3 "$F" many "$P" 1000 many/1
T1=$(find /proc/"$(pid_of stemedb-api)"/task -maxdepth 1 | wc -l)
ok "of threads there are few" [ "$T1" -lt 20 ]

# --- interruptions: each lsn once
at=$(lsn)	# not in the background: the first claim may come before it
python3 "$F" steady "$P" "$at" 300 >"$T/steady" 2>"$T/steady.err" &
S=$!
for i in $(seq 300); do
	put "steady/$((i % 7))" "$i"
	[ "$i" = 120 ] && { kill -9 "$(pid_of stemefs)"; sleep 0.2; "$STEME" up --dir "$D" --no-mount --port "$P" >>"$T/up.out" 2>&1; }
	[ "$i" = 200 ] && { kill -TERM "$(pid_of stemedb-api)"; sleep 0.3; "$STEME" up --dir "$D" --no-mount --port "$P" >>"$T/up.out" 2>&1; }
done
N=$(curl -sS "$U/v1/query?prefix=steady&limit=100" | jq '[.results[].candidates] | add')
while [ "$(wc -l <"$T/steady")" -lt "$N" ] && kill -0 "$S" 2>/dev/null; do sleep 0.1; done
kill "$S" 2>/dev/null
wait "$S" 2>/dev/null
is "over a daemon killed and a sidecar restarted every object is told" "$N" bash -c "wc -l <'$T/steady'"
is "once" "$N" bash -c "sort -u '$T/steady' | wc -l"
ok "and in order" bash -c "sort -n '$T/steady' | cmp - '$T/steady'"

# --- a client that leaves: before the next sign of life, which comes after 15 s
for how in closed asking reset; do
	is "a client that left ($how) is forgotten" forgotten python3 "$F" leaving "$P" $how
done

# --- a client that does not read
is "who does not read is told so and where to go on" "slow" python3 "$F" slow "$P" 20000
# --- the end
is "at the end each feed has a last event" "closing" python3 "$F" closing "$P" "$(pid_of stemedb-api)"
"$STEME" up --dir "$D" --no-mount --port "$P" >>"$T/up.out" 2>&1
is "and the sidecar ended cleanly" 0 bash -c "grep -c 'ended by signal\|abort' '$D/log/stemedb-api.log'"

# --- no more than there may be
"$STEME" down --dir "$D" >/dev/null 2>&1
printf '[api]\nmax_feeds = 2\n' >"$D/api.toml"
up_bare
is "one feed too many is refused with 503" "200 200 503" python3 "$F" statuses "$P" 3
done_testing
