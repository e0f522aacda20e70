#!/usr/bin/env bash
# Every endpoint of the sidecar, and every status that doc/api.md names.
. "${srcdir:-.}/tests/e2e/lib.sh"
. "${srcdir:-.}/tests/e2e/http.sh"

up || { echo "cannot start"; exit 1; }
make_key
J='Content-Type: application/json'

# --- one assertion, made with b2sum and openssl alone
object drug/semaglutide max_weekly_dose '2.4 mg' 2026-01-01T00:00:00.000000Z >"$T/o1"
enveloped "$T/o1" >"$T/o1.json"
ID=$(id_of "$T/o1")
answers "a signed object is taken" 201 -H "$J" -d @"$T/o1.json" "$U/v1/assert"
is "and its id is what b2sum says" "{\"id\":\"$ID\",\"status\":\"created\"}" body
answers "sent again it exists" 200 -H "$J" -d @"$T/o1.json" "$U/v1/assert"
is "and nothing changes" "{\"id\":\"$ID\",\"status\":\"exists\"}" body
answers "Content-Type does not matter" 200 -d @"$T/o1.json" "$U/v1/assert"
answers "fields with a signature are the same object" 200 -d "$(jq -nc --arg a "$AGENT" \
    --arg s "$(sign_object "$T/o1")" '{concept_path: "drug/semaglutide",
    predicate: "max_weekly_dose", object: "2.4 mg", confidence: 0.9,
    source_class: "expert", time: "2026-01-01T00:00:00.000000Z", agent_id: $a,
    signature: $s}')" "$U/v1/assert"

object drug/semaglutide max_weekly_dose '2.0 mg' 2026-02-01T00:00:00.000000Z >"$T/o2"
answers "a signature moved to another object is refused" 422 -d "$(jq -nc --rawfile t "$T/o2" \
    --arg s "$(sign_object "$T/o1")" '{text: $t, signature: $s}')" "$U/v1/assert"
like "as a bad signature" 'urn:stemedb:problem:bad-signature' body
answers "a signature with a flipped bit is refused" 422 -d "$(jq -nc --rawfile t "$T/o2" \
    --arg s "$(sign_object "$T/o2" | tr 0-9a-f 1-9a-f0)" '{text: $t, signature: $s}')" "$U/v1/assert"
future=$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%S.000000Z)
object drug/semaglutide max_weekly_dose '9 mg' "$future" >"$T/o3"
answers "a time an hour ahead is refused" 422 -d "$(enveloped "$T/o3")" "$U/v1/assert"
like "and the skew is stated" '"detail":".*(3[56][0-9][0-9]|3600|59|60 min|1 h)' body
like "under a type of its own" 'urn:stemedb:problem:clock-skew' body
is "none of them was stored" 1 bash -c "curl -s '$U/v1/history?concept_path=drug/semaglutide' | jq '.results | length'"
answers "an upper-case signature is refused" 400 -d "$(enveloped "$T/o2" | sed 's/"signature":"\(.*\)"/"signature":"\U\1"/')" "$U/v1/assert"
answers "an unsigned claim of a local caller is signed here" 201 \
    -d '{"concept_path":"drug/semaglutide","predicate":"color","object":{"type":"text","value":"white"}}' "$U/v1/assert"
answers "a number keeps its spelling" 201 -d '{"concept_path":"drug/semaglutide","predicate":"atoms","object":1.50E+2}' "$U/v1/assert"
like "to the byte" '"value":1.50E\+2[,}]' get '/v1/query?concept_path=drug/semaglutide&predicate=atoms'
answers "a broken claim is refused" 400 -d '{"concept_path":"a","predicate":"p"}' "$U/v1/assert"
like "naming the member" 'object is missing' body
answers "so is an empty body" 400 -X POST "$U/v1/assert"
answers "a vote is not an assertion" 400 -d "{\"kind\":\"vote\",\"concept_path\":\"a\",\"assertion\":\"$ID\",\"weight\":1}" "$U/v1/assert"
answers "a body that is encoded is refused" 415 -H 'Content-Encoding: gzip' -d x "$U/v1/assert"
head -c 5000000 /dev/zero | tr '\0' 'x' >"$T/big"
answers "a body over the limit is refused" 413 -H 'Expect:' --data-binary @"$T/big" "$U/v1/assert"
answers "with Expect before it is sent" 413 -H 'Expect: 100-continue' --data-binary @"$T/big" "$U/v1/assert"

# --- queries
EMPTY='{"concept_path":null,"lens":"recency","results":[],"next_cursor":null,"stale":false}'
is "a query without parameters is empty" "$EMPTY" get /v1/query
is "an unknown concept is no error" '{"concept_path":"no/such","lens":"recency","results":[],"next_cursor":null,"stale":false}' \
    get '/v1/query?concept_path=no/such'
answers "a POST without concept or prefix is refused" 400 -H "$J" -d '{}' "$U/v1/query"
answers "a POST asks the same" 200 -H "$J" -d '{"concept_path":"test/performance","lens":"recency"}' "$U/v1/query"
answers "with a form's Content-Type, too" 200 -d '{"concept_path":"drug/semaglutide","lens":"recency"}' "$U/v1/query"
is "as a GET does" "$(body)" get '/v1/query?concept_path=drug/semaglutide&lens=recency'
answers "an unknown lens is refused" 400 "$U/v1/query?concept_path=a&lens=nope"
for l in recency confidence consensus votes authority layered skeptic constraints; do
	like "naming $l" "$l" cat "$T/body"
	answers "lens $l answers" 200 "$U/v1/query?concept_path=drug/semaglutide&lens=$l"
	is "lens $l says on the mount what it says here" "$(cat "$M/drug/semaglutide/@$l.json")" \
	    get "/v1/query?concept_path=drug/semaglutide&lens=$l"
	answers "(unknown again)" 400 "$U/v1/query?concept_path=a&lens=nope"
done
answers "an unknown parameter is refused" 400 "$U/v1/query?concept_path=a&colour=red"
like "with those there are" 'colour.*concept_path.*cursor' body
answers "a parameter given twice is refused" 400 "$U/v1/query?concept_path=a&concept_path=b"
answers "as_of takes a date" 200 "$U/v1/query?concept_path=drug/semaglutide&as_of=2026-01-15"
is "and cuts by time" 1 jq '.results | length' "$T/body"
answers "and a time" 200 "$U/v1/query?concept_path=drug/semaglutide&as_of=2025-12-31T23:59:59.999999Z"
is "inclusively" 0 jq '.results | length' "$T/body"
answers "as_of takes nothing else" 400 "$U/v1/query?concept_path=a&as_of=yesterday"
answers "known_at takes a time" 200 "$U/v1/query?concept_path=drug/semaglutide&known_at=2026-01-15"
is "by which nothing was known" 0 jq '.results | length' "$T/body"
answers "since takes an hlc" 200 "$U/v1/query?concept_path=drug/semaglutide&since=1"
answers "and nothing else" 400 "$U/v1/query?concept_path=a&since=-1"
answers "lifecycle narrows" 200 "$U/v1/query?concept_path=drug/semaglutide&lifecycle=proposed"
is "to none here" 0 jq '.results | length' "$T/body"
answers "an unknown lifecycle is refused" 400 "$U/v1/query?concept_path=a&lifecycle=x"
answers "epoch narrows" 200 "$U/v1/query?concept_path=drug/semaglutide&epoch=e1"
answers "include takes a list" 200 "$U/v1/query?concept_path=a&include=retracted,superseded,deprecated,rejected,old_epochs"
answers "and nothing else" 400 "$U/v1/query?concept_path=a&include=all"
answers "in JSON as an array, too" 200 -d '{"concept_path":"a","include":["retracted","superseded"],"limit":5,"decay":true}' "$U/v1/query"
answers "decay is on or off" 200 "$U/v1/query?concept_path=drug/semaglutide&decay=on"
answers "and nothing else" 400 "$U/v1/query?concept_path=a&decay=maybe"
answers "predicate narrows to one" 200 "$U/v1/query?concept_path=drug/semaglutide&predicate=color"
is "which it is" color jq -r '.results[].predicate' "$T/body"
for bad in 0 -1 10001 1.5 x ''; do
	answers "limit '$bad' is refused" 400 "$U/v1/query?concept_path=a&limit=$bad"
done
answers "limit 10000 is not" 200 "$U/v1/query?concept_path=a&limit=10000"
answers "an unknown cursor is refused" 400 "$U/v1/query?concept_path=a&cursor=zzz"
answers "a concept that is none is refused" 400 "$U/v1/query?concept_path=a//b"
answers "wrong JSON types are refused" 400 -d '{"concept_path":{"a":1}}' "$U/v1/query"
answers "HEAD answers without a body" 200 -I "$U/v1/query?concept_path=drug/semaglutide"
ok "but with its length" has_header 'Content-Length: [1-9]'

# --- history
answers "history needs a concept" 400 "$U/v1/history"
answers "history answers" 200 "$U/v1/history?concept_path=drug/semaglutide"
is "with every assertion" 3 jq '.results | length' "$T/body"
is "a line of @history is an item of it" "$(jq -c '.results[] | select(.predicate == "color")' "$T/body")" \
    cat "$M/drug/semaglutide/@history/color"

# --- pages are those of the first page's moment
for i in 1 2 3 4 5 6 7; do
	echo "{\"concept_path\":\"pages\",\"predicate\":\"p$i\",\"object\":$i}"
done | curl -sS --data-binary @- "$U/v1/assertions" >/dev/null
p1=$(get '/v1/query?concept_path=pages&limit=3')
cursor=$(jq -r .next_cursor <<<"$p1")
curl -sS -d '{"concept_path":"pages","predicate":"p35","object":1}' "$U/v1/assert" >/dev/null
curl -sS -d '{"concept_path":"pages","predicate":"p5","object":99}' "$U/v1/assert" >/dev/null
p2=$(get "/v1/query?concept_path=pages&limit=3&cursor=$cursor")
p3=$(get "/v1/query?concept_path=pages&limit=3&cursor=$(jq -r .next_cursor <<<"$p2")")
is "pages fit together whatever is written meanwhile" 'p1=1 p2=2 p3=3 p4=4 p5=5 p6=6 p7=7' \
    bash -c "printf '%s\n%s\n%s\n' '$p1' '$p2' '$p3' | jq -r '.results[] | \"\(.predicate)=\(.object.value)\"' | xargs"
is "and end" null jq -r .next_cursor <<<"$p3"
is "a new question sees what is new" '8 99' bash -c \
    "curl -s '$U/v1/query?concept_path=pages' | jq -r '[(.results|length), (.results[]|select(.predicate==\"p5\").object.value)] | @tsv' | xargs"

# --- objects
answers "an object is its signed bytes" 200 "$U/v1/objects/$ID"
ok "to the byte" cmp "$T/o1" "$T/body"
ok "immutable" has_header 'Cache-Control: .*immutable'
ok "with an ETag" has_header "ETag: \"$ID\""
answers "which saves the second time" 304 -H "If-None-Match: \"$ID\"" "$U/v1/objects/$ID"
ok "still with its ETag" has_header "ETag: \"$ID\""
answers "among others" 304 -H "If-None-Match: \"x\", W/\"$ID\"" "$U/v1/objects/$ID"
answers "but another does not match" 200 -H 'If-None-Match: "x"' "$U/v1/objects/$ID"
answers "HEAD of an object" 200 -I "$U/v1/objects/$ID"
answers "its signature" 200 "$U/v1/objects/$ID.sig"
cp "$T/body" "$T/sig"
openssl pkey -in "$T/key.pem" -pubout -out "$T/pub.pem"
ok "is one that openssl verifies" openssl pkeyutl -verify -rawin -pubin -inkey "$T/pub.pem" -in "$T/o1" -sigfile "$T/sig"
answers "a singly signed object has no proof" 404 "$U/v1/objects/$ID.proof"
answers "what is known of it" 200 "$U/v1/objects/$ID.json"
is "names it" "$ID" jq -r .id "$T/body"
etag=$(grep -i '^etag:' "$T/head" | tr -d '\r' | cut -d' ' -f2)
answers "has an ETag, too" 304 -H "If-None-Match: $etag" "$U/v1/objects/$ID.json"
answers "an unknown object is 404" 404 "$U/v1/objects/${ID/?/0}0"
answers "so is one that was never stored" 404 "$U/v1/objects/$(printf '%064d' 1)"
answers "even if the client says it has it" 404 -H "If-None-Match: \"$(printf '%064d' 1)\"" "$U/v1/objects/$(printf '%064d' 1)"
answers "and another extension" 404 "$U/v1/objects/$ID.txt"
answers "upper-case is not an id" 404 "$U/v1/objects/${ID^^}x"

jq -nc '{concept_path:"batch/a",predicate:"p",object:"1"},{concept_path:"batch/b",predicate:"p",object:"2"}' >"$T/batch.ndjson"
"$STEME" keygen >"$T/keygen" 2>&1
if "$STEME" import --batch "$T/batch.ndjson" >"$T/import" 2>&1; then
	member=$(get '/v1/query?concept_path=batch/a' | jq -r '.results[0].assertion_id')
	answers "a member of a batch has a proof" 200 "$U/v1/objects/$member.proof"
	is "which names its batch" 2 jq .count "$T/body"
	answers "and no signature of its own" 404 "$U/v1/objects/$member.sig"
else
	fail "a batch is imported" "$(cat "$T/import")"
fi

# --- health and what is not there
answers "healthz" 200 "$U/healthz"
answers "readyz" 200 "$U/readyz"
answers "health" 200 "$U/v1/health"
ok "counts" jq -e '.status == "ok" and .assertions_count >= 10 and .lsn > 0 and .uptime_seconds >= 0 and (.node|length > 0) and (.version|length > 0)' "$T/body"
answers "the page is at /" 200 "$U/"
answers "there is nothing at /nothing" 404 "$U/nothing"
answers "nor at a path with more behind it" 404 "$U/v1/query/"
answers "nor by an escaped name" 404 "$U/v1/%71uery"
answers "a wrong method is told" 405 -X DELETE "$U/v1/query"
ok "with those there are" has_header 'Allow: GET, HEAD, POST'
answers "also where only POST goes" 405 "$U/v1/assert"
ok "which it says" has_header 'Allow: POST'
answers "OPTIONS is no way around" 405 -X OPTIONS -H 'Origin: http://evil' "$U/v1/assert"
not_ok "and there are no CORS headers" has_header 'Access-Control'
answers "IPv6 loopback answers, too" 200 "http://[::1]:$P/healthz"
done_testing
