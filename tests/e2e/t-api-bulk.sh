#!/usr/bin/env bash
# POST /v1/assertions: a line for a line, in order, whatever comes.
. "${srcdir:-.}/tests/e2e/lib.sh"
. "${srcdir:-.}/tests/e2e/http.sh"

up || { echo "cannot start"; exit 1; }
make_key
B=$U/v1/assertions

object bulk/signed p one 2026-01-01T00:00:00.000000Z >"$T/o1"
object bulk/signed p two 2026-01-02T00:00:00.000000Z >"$T/o2"
long=$(head -c 3000000 /dev/zero | tr '\0' 'x')
{
	enveloped "$T/o1"
	echo '{"concept_path":"bulk/a","predicate":"p","object":1}'
	echo 'not json'
	echo ''
	echo '{"concept_path":"bulk/a","predicate":"q","object":true}'
	jq -nc --rawfile t "$T/o2" --arg s "$(sign_object "$T/o1")" '{text: $t, signature: $s}'
	echo "$long"
	enveloped "$T/o2"
	printf '{"concept_path":"bulk/\377","predicate":"q","object":true}\n'
	echo "{\"kind\":\"vote\",\"concept_path\":\"bulk/signed\",\"assertion\":\"$(id_of "$T/o1")\",\"weight\":1}"
	printf '{"concept_path":"bulk/a","predicate":"r","object":"last, without a newline"}'
} >"$T/mixed"
answers "lines good and bad" 200 -H 'Content-Type: image/png' --data-binary @"$T/mixed" "$B"
is "one answer a line" 11 bash -c "wc -l <'$T/body'"
is "in order" 'created created error error created error error created error created created' \
    bash -c "jq -r '.status // \"error\"' '$T/body' | xargs"
is "never both" 0 bash -c "jq -c 'select(has(\"error\") and has(\"id\"))' '$T/body' | wc -l"
is "with the object's id" "$(id_of "$T/o1")" bash -c "head -1 '$T/body' | jq -r .id"
like "with a type" '"type":"bad-signature"' sed -n 6p "$T/body"
like "and a reason" 'over 2 MiB' sed -n 7p "$T/body"
ok "all of it UTF-8" iconv -f utf-8 -t utf-8 "$T/body" -o /dev/null
cp "$T/body" "$T/first"
answers "again" 200 --data-binary @"$T/mixed" "$B"
is "what was there and signed exists" 'exists exists' bash -c "sed -n '1p;8p' '$T/body' | jq -r .status | xargs"
answers "an empty body has no lines" 200 -X POST "$B"
is "and so no answers" 0 bash -c "wc -c <'$T/body'"

# --- gzip
for i in $(seq 300); do echo "{\"concept_path\":\"gz/c$((i % 7))\",\"predicate\":\"p$i\",\"object\":$i}"; done >"$T/lines"
gzip -k "$T/lines"
answers "gzip is taken" 200 -H 'Content-Encoding: gzip' --data-binary @"$T/lines.gz" "$B"
is "line for line" 300 bash -c "grep -c created '$T/body'"
{ gzip -c "$T/o1.x" 2>/dev/null; head -150 "$T/lines" | gzip; tail -150 "$T/lines" | gzip; } >"$T/two.gz"
answers "members behind each other are one stream" 200 -H 'Content-Encoding: gzip' --data-binary @"$T/two.gz" "$B"
is "of which nothing is lost" 300 bash -c "wc -l <'$T/body'"
head -c 900 "$T/lines.gz" >"$T/cut.gz"
answers "a gzip stream cut short is told" 400 -H 'Content-Encoding: gzip' --data-binary @"$T/cut.gz" "$B"
{ head -c 500 "$T/lines.gz"; head -c 300 /dev/urandom; } >"$T/bad.gz"
answers "so is a damaged one" 400 -H 'Content-Encoding: gzip' --data-binary @"$T/bad.gz" "$B"
{ cat "$T/lines.gz"; echo garbage; } >"$T/tail.gz"
answers "and one with garbage behind it" 400 -H 'Content-Encoding: gzip' --data-binary @"$T/tail.gz" "$B"
answers "plain text that says it is gzip" 400 -H 'Content-Encoding: gzip' --data-binary @"$T/lines" "$B"
answers "no other encoding is taken" 415 -H 'Content-Encoding: br' --data-binary @"$T/lines" "$B"
head -c 3000000 /dev/zero | tr '\0' '\n' | gzip >"$T/bomb.gz"
# its last bytes are kept back, so it cannot end before the others were served
mkfifo "$T/go"
{ head -c -8 "$T/bomb.gz"; read -r _ <"$T/go"; tail -c 8 "$T/bomb.gz"; } | curl -s -o "$T/bomb.out" \
    -w '%{http_code}' -X POST -H 'Content-Encoding: gzip' -T - "$B" >"$T/bomb.status" &
bomb=$!
sleep 0.3
answers "while three million empty lines come out of 3 kB" 200 "$U/v1/query?concept_path=gz/c1"
ok "others are served" kill -0 "$bomb"
is "and the upload has no answer yet" '' cat "$T/bomb.status"
echo >"$T/go"
wait "$bomb"
is "and each of them is answered" '200 3000000' bash -c "echo \$(cat '$T/bomb.status') \$(wc -l <'$T/bomb.out')"
rm -f "$T/bomb.out"
rss=$(awk '/VmRSS/ { print $2 }' "/proc/$(cut -d' ' -f1 "$D/run/stemedb-api.pid")/status")
[ -n "${STEME_SANITIZED:-}" ] ||
	ok "in little memory ($rss kB)" test "$rss" -lt 200000

# --- many
seq 50000 | sed 's|.*|{"concept_path":"many/c&","predicate":"p","object":&}|' >"$T/many"
answers "50,000 lines with Expect, chunked" 200 --max-time 120 -H 'Expect: 100-continue' -H 'Transfer-Encoding: chunked' \
    -T "$T/many" -X POST "$B"
is "a line for each" 50000 bash -c "grep -c '\"status\":\"created\"' '$T/body'"
is "in order" "$(get '/v1/query?concept_path=many/c31415' | jq -r '.results[0].assertion_id')" \
    bash -c "sed -n 31415p '$T/body' | jq -r .id"
is "and all are there" 50000 bash -c "curl -s '$U/v1/health' | jq '.assertions_count' | awk '{ print (\$1 >= 50300) ? 50000 : \$1 }'"

# --- too many at once
"$STEME" down >/dev/null
printf '[api]\nmax_bulk_uploads = 2\n' >"$D/api.toml"
up || fail "up with a limit"
# Uploads that stay open until told: enough lines for a group that is stored before the
# body has ended, then blank ones, lest they are taken for stuck.
for i in 1 2; do
	{
		seq 1 5000 | sed "s|.*|{\"concept_path\":\"held/c$i\",\"predicate\":\"p&\",\"object\":&}|"
		while [ ! -e "$T/release" ]; do
			head -c 8192 /dev/zero | tr '\0' '\n'
			sleep 0.2
		done
	} | curl -s -w '%{http_code}' -o "$T/held$i" -X POST -T - "$B" >"$T/held$i.status" &
	eval "held$i=$!"
	until curl -s "$U/v1/query?concept_path=held/c$i&limit=1" | grep -q assertion_id; do
		kill -0 "$!" 2>/dev/null || break
		sleep 0.1
	done
done
one='{"concept_path":"held/more","predicate":"p","object":1}'
answers "a third upload is refused" 503 -d "$one" "$B"
ok "with Retry-After" has_header 'retry-after: [0-9]+'
like "naming the limit" 'max_bulk_uploads' body
answers "a single claim is not" 201 -d "$one" "$U/v1/assert"
touch "$T/release"
# shellcheck disable=SC2154
wait "$held1" "$held2"
is "those under way are answered" '200 200' bash -c "echo \$(cat '$T/held1.status') \$(cat '$T/held2.status')"
for i in $(seq 100); do	# their places are free once they are done with
	[ "$(curl -s -o "$T/body" -w '%{http_code}' -d "$one" "$B")" = 200 ] && break
	sleep 0.1
done
answers "and then others are taken" 200 -d "$one" "$B"
"$STEME" down >/dev/null
rm "$D/api.toml"
up || fail "up without the limit"

# --- a line that waits for the daemon, and millions behind it that are refused at once
pid=$(cut -d' ' -f1 "$D/run/stemedb-api.pid")
daemon=$(cut -d' ' -f1 "$D/run/stemefs.pid")
anon () { awk '/^RssAnon/ { print $2 }' "/proc/$pid/status"; }
{ echo '{"concept_path":"flood/a","predicate":"p","object":1}'; head -c 3000000 /dev/zero | tr '\0' '\n'; } | gzip >"$T/flood.gz"
before=$(anon)
kill -STOP "$daemon"
curl -sS -m 120 -o "$T/flood" -H 'Content-Encoding: gzip' --data-binary @"$T/flood.gz" "$B" &
for i in $(seq 30); do	# until it is held, or has taken what it should not
	[ "$(anon)" -gt $((before + 65536)) ] && break
	sleep 0.1
done
ok "they wait outside: $(($(anon) - before)) KiB more" test "$(anon)" -le $((before + 65536))
kill -CONT "$daemon"
wait $!
is "and each has its line, the first its claim" '3000001 1' bash -c "echo \$(wc -l <'$T/flood') \$(head -n 1 '$T/flood' | grep -c created)"

# --- clients that go away
python3 - "$P" <<'EOP'
import socket, struct, sys, json
for round in range(40):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.sendall(b"POST /v1/assertions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n")
    n = 0
    while n < 600 * (1 + round % 5):
        s.sendall(b"".join(json.dumps({"concept_path": "gone/r%d" % round, "predicate": "p%d" % (n + i),
            "object": n}).encode() + b"\n" for i in range(200)))
        n += 200
    if round % 2:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
EOP
for i in $(seq 600); do	# what they left behind may keep the daemon busy
	[ "$(curl -sS -o /dev/null -w '%{http_code}' "$U/readyz")" = 200 ] && break
	sleep 0.1
done
answers "forty clients went away in the middle, and it goes on" 200 "$U/readyz"
is "the same process" "$pid" bash -c "cut -d' ' -f1 '$D/run/stemedb-api.pid'"
ok "which lives" kill -0 "$pid"
done_testing
