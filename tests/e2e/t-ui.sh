#!/usr/bin/env bash
# The page in headless Chromium: clicks, keyboard, 360 px, dark, hostile values, 10,000
# children, outages; no complaint on the console, nothing asked of anybody else.  With
# STEME_SHOTS=FOLDER it leaves the screenshots of doc/screenshots there.
. "${srcdir:-.}/tests/e2e/lib.sh"
. "${srcdir:-.}/tests/e2e/http.sh"

for p in chromium chromedriver python3; do
	command -v $p >/dev/null || { echo "$p is missing: apt-get install chromium chromium-driver python3"; exit 1; }
done
U=http://localhost:$P
up_bare || { echo "cannot start"; exit 1; }

ui () {	# ui PART: adds its checks to ours
	local out last
	out=$(python3 -B "$TOP/tests/e2e/ui.py" "$U" "$T" "$1" 2>&1)
	last=${out##*$'\n'}
	if [[ $last =~ ^([0-9]+)\ ([0-9]+)$ ]]; then
		echo "${out%$'\n'*}"
		passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
	else
		fail "the browser runs" "$out"
	fi
}

# --- what is served, before any browser
answers "the page is there" 200 "$U/"
ok "as HTML" has_header 'Content-Type: text/html; charset=utf-8'
ok "that may load nothing from elsewhere" has_header "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
ok "with no handle for who opened it" has_header 'Cross-Origin-Opener-Policy: same-origin'
ok "and is nothing else" has_header 'X-Content-Type-Options: nosniff'
etag=$(grep -i '^etag:' "$T/head" | tr -d '\r' | cut -d' ' -f2)
is "its ETag is strong" '"' echo "${etag:0:1}"
answers "and saves the second time" 304 -H "If-None-Match: $etag" "$U/"
answers "HEAD answers" 200 -I "$U/"
answers "its modules are there" 200 "$U/ui/app.js"
ok "as JavaScript" has_header 'Content-Type: text/javascript'
ok "to the byte" cmp "$T/body" "$TOP/api/ui/app.js"
answers "what it has not is not found" 404 "$U/ui/none.js"
answers "nor what lies beside it" 404 --path-as-is "$U/ui/../api.h"
answers "it takes no writes" 405 -X POST "$U/"
answers "nor another's Host from here" 403 -H 'Host: evil.example' "$U/"
is "no script, style or handler is inline" '' grep -nE '<script>|<style|style=| on[a-z]+=' "$TOP/api/ui/index.html"
is "nothing makes markup of text" '' grep -nE 'innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(' "$TOP"/api/ui/*.js
is "every file of it is built in" "$(cd "$TOP/api/ui" && for f in *; do echo "$f"; done)" \
    bash -c "sed -n '/^API_FILES/s/.*= *//p' '$TOP/api/local.mk' | tr ' ' '\n' | sed -n 's,.*/ui/,,p' | LC_ALL=C sort"

[ -n "${STEME_SHOTS:-}" ] || ui empty

# --- claims
ok "the sample is loaded" "$STEME" import --dir "$D" "$TOP/etc/sample/countries.ndjson"
{
	for i in 1 2 3; do
		echo "{\"concept_path\":\"batched\",\"predicate\":\"p$i\",\"object\":$i}"
	done
} >"$T/batched"
# agents that all say another thing, each with a key of its own
for ((i = 0; i < 100; i++)); do
	make_key
	object crowd says "value $i" "2024-01-01T00:00:00.$(printf %06d "$i")Z" >"$T/o"
	enveloped "$T/o"
done >"$T/crowd"
is "100 agents say 100 things" 100 bash -c "curl -sS --data-binary @'$T/crowd' '$U/v1/assertions' | grep -c created"
ok "and a batch" "$STEME" import --dir "$D" --batch --agent alice "$T/batched"
BATCHED=$(get '/v1/history?concept_path=batched' | jq -r '.results[1].assertion_id')
ALIAS=$("$STEME" alias --dir "$D" --as operator twin/one twin/other | cut -d' ' -f2)
export BATCHED ALIAS
python3 - >"$T/claims" <<'EOP'
import json
for i in range(1, 10001):
    print(json.dumps({"concept_path": f"many/c{i:05}", "predicate": "p", "object": i}))
for i in range(1001):
    print(json.dumps({"concept_path": "often", "predicate": "p", "object": i, "time": f"2024-05-01T10:00:00.{i:06}Z"}))
for i in range(201):
    print(json.dumps({"concept_path": "often/wide", "predicate": f"p{i:03}", "object": i}))
c = "hostile/<img src=x onerror=window.hacked=1>"
for predicate, value in (
        ("script", "<script>window.hacked=1</script>"), ("markup", "\"><img src=x onerror=window.hacked=1>"),
        ("<b onclick=alert(1)>x", "{{7*7}} ${7*7} javascript:alert(1)"), ("a%2Fb?c#d&e=1", "&lt;&amp;"),
        ("turned", "abc\u202edef\u2066ghi"), ("filled", "EUR\u3164"), ("right to left", "\u05e9\u05dc\u05d5\u05dd 123 abc"), ("nul", "a\x00b\x1b[31mc"),
        ("long", "x" * 65536), ("lines", "one\n\ttwo\r\nthree"), ("empty", ""), ("flag", True),
        ("link", {"type": "reference", "value": c}), ("emoji", "\U0001f469\u200d\U0001f52c" * 200)):
    print(json.dumps({"concept_path": c, "predicate": predicate, "object": value, "source": "javascript:window.hacked=1"}))
print('{"concept_path":"%s","predicate":"spelled","object":1.50E+2}' % c)
print('{"concept_path":"%s","predicate":"long number","object":123456789012345678901234567890}' % c)
EOP
is "10,000 children, 1,001 claims and hostile values are taken" 11218 bash -c \
    "curl -sS --data-binary @'$T/claims' '$U/v1/assertions' | grep -c created"

if [ -n "${STEME_SHOTS:-}" ]; then
	ui shots
	done_testing
fi
for part in browse history claim keyboard many hostile looks live store; do
	ui $part
done

# --- outages: ui.py asks for them by files
(
	when () {
		while [ ! -e "$T/$1" ]; do [ -e "$T/over" ] && exit; sleep 0.05; done
		shift 2
		"$@" >/dev/null 2>&1
	}
	when stop then kill -9 "$(cut -d' ' -f1 "$D/run/stemefs.pid")"; touch "$T/stop.done"
	when start then "$STEME" up --dir "$D" --no-mount --port "$P"; touch "$T/start.done"
	when daemonends then kill -9 "$(cut -d' ' -f1 "$D/run/stemefs.pid")"; touch "$T/daemonends.done"
	when startdaemon then "$STEME" up --dir "$D" --no-mount --port "$P"; touch "$T/startdaemon.done"
	when apialone then bash -c '"$0" down --dir "$1"; "$2/stemedb-api" --dir "$1" --port "$3" & echo $! >"$4/api.pid"' \
	    "$STEME" "$D" "$STEME_BUILD" "$P" "$T"; touch "$T/apialone.done"
	when again then "$STEME" up --dir "$D" --no-mount --port "$P"; touch "$T/again.done"
	when apiends then kill "$(cat "$T/api.pid")"; touch "$T/apiends.done"
	when startapi then "$STEME" up --dir "$D" --no-mount --port "$P"; touch "$T/startapi.done"
	when stopall then "$STEME" down --dir "$D"; touch "$T/stopall.done"
	when startall then "$STEME" up --dir "$D" --no-mount --port "$P"; touch "$T/startall.done"
) &
helper=$!
ui away
touch "$T/over"
wait "$helper"
done_testing
