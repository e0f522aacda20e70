#!/usr/bin/env bash
# POST of every kind of object: its own route takes it, others refuse it by name.
. "${srcdir:-.}/tests/e2e/lib.sh"
. "${srcdir:-.}/tests/e2e/http.sh"

up_bare || { echo "cannot start"; exit 1; }
make_key
NOW=$(date -u +%Y-%m-%dT%H:%M:%S.000000Z)
X=$(curl -sS -d '{"concept_path":"a/b","predicate":"p","object":"1"}' "$U/v1/assert" | jq -r .id)

# --- fields, signed here for a local caller
declare -A body=(
	[vote]="{\"concept_path\":\"a/b\",\"assertion\":\"$X\",\"weight\":0.5}"
	[retract]="{\"concept_path\":\"a/b\",\"assertion\":\"$X\",\"reason\":\"wrong\"}"
	[epoch]='{"name":"v2","supersedes":"v1"}'
	[alias]='{"from":"a/b","to":"a/c"}'
	[trust]="{\"of\":\"$AGENT\",\"weight\":0.7}"
	[revoke]="{\"of\":\"$AGENT\",\"since\":\"$NOW\"}"
)
declare -A kind=([vote]=vote [retract]=retraction [epoch]=epoch [alias]=alias [trust]=trust [revoke]=revocation)
for r in vote retract epoch alias trust revoke; do
	answers "/v1/$r takes its fields" 201 -d "${body[$r]}" "$U/v1/$r"
	id=$(jq -r .id "$T/body")
	is "and what is stored is a ${kind[$r]}" "${kind[$r]}" bash -c "curl -s $U/v1/objects/$id.json | jq -r .kind"
	answers "sent again under its text and signature it exists" 200 \
	    -d "$(jq -nc --arg t "$(get "/v1/objects/$id"; printf x)" --arg s "$(curl -s "$U/v1/objects/$id.sig" | hex)" '{text: ($t | rtrimstr("x")), signature: $s}')" "$U/v1/$r"
	other=vote
	[ "$r" = vote ] && other=epoch
	answers "/v1/$other does not take it" 400 \
	    -d "$(jq -nc --arg t "$(get "/v1/objects/$id"; printf x)" --arg s "$(curl -s "$U/v1/objects/$id.sig" | hex)" '{text: ($t | rtrimstr("x")), signature: $s}')" "$U/v1/$other"
	like "and names both kinds" "${kind[$other]}.*${kind[$r]}" body
	answers "an empty body is refused" 400 -X POST "$U/v1/$r"
	answers "GET is not for it" 405 "$U/v1/$r"
done
answers "a batch is no vote" 400 -d '{"kind":"batch","count":1}' "$U/v1/vote"

# --- batches: b2sum and openssl alone
for i in 1 2 3; do object batch/$i p "$i" "$NOW" >"$T/m$i"; id_of "$T/m$i" >"$T/i$i"; done
sort "$T"/i[123] >"$T/ids"
leaf () { printf '\x00%b' "$(sed 's/../\\x&/g' <<<"$1")" | b2sum -l 256 | cut -d' ' -f1; }
node () { printf '\x01%b%b' "$(sed 's/../\\x&/g' <<<"$1")" "$(sed 's/../\\x&/g' <<<"$2")" | b2sum -l 256 | cut -d' ' -f1; }
mapfile -t I <"$T/ids"
ROOT=$(node "$(node "$(leaf "${I[0]}")" "$(leaf "${I[1]}")")" "$(leaf "${I[2]}")")
printf 'steme batch 1\ncount 3\nroot %s\ntime %s\nagent %s\n\n' "$ROOT" "$NOW" "$AGENT" >"$T/b"
batch () { # FILTER: the body, changed
	jq -nc --rawfile t "$T/b" --arg s "$(sign_object "$T/b")" --rawfile i "$T/ids" \
	    --rawfile a "$T/m1" --rawfile b "$T/m2" --rawfile c "$T/m3" \
	    "{text: \$t, signature: \$s, ids: (\$i | split(\"\n\") | map(select(. != \"\"))), members: [\$a,\$b,\$c]} | $1"
}
answers "an id that the batch does not sign is refused" 422 -d "$(batch ".ids[0] = \"$X\"")" "$U/v1/batch"
answers "a signature of something else, too" 422 -d "$(batch '.signature |= (explode | reverse | implode)')" "$U/v1/batch"
answers "and a vote in a batch's place" 400 -d "$(batch ".text = \"steme vote 1\nconcept a\"")" "$U/v1/batch"
answers "unknown members are refused" 400 -d "$(batch '.what = 1')" "$U/v1/batch"
answers "a batch with two of its members is taken" 201 -d "$(batch '.members |= .[:2]')" "$U/v1/batch"
is "each is answered" '["created","created"]' jq -c '[.members[].status]' "$T/body"
is "the batch by its id" "$(id_of "$T/b")" jq -r .id "$T/body"
answers "the third follows" 200 -d "$(batch '.members |= .[2:]')" "$U/v1/batch"
is "as new, in a batch that exists" '["exists","created"]' jq -c '[.status, .members[0].status]' "$T/body"
answers "ids may be left out when all members are there" 200 -d "$(batch 'del(.ids)')" "$U/v1/batch"
is "then all exist" '["exists","exists","exists"]' jq -c '[.members[].status]' "$T/body"
is "a member's origin has the proof, checked" '[null,true,3]' \
    bash -c "curl -s $U/v1/proof/$(cat "$T/i2") | jq -c '[.signature,.signature_valid,.batch.count]'"
object batch/9 p 9 "$NOW" >"$T/m3"
auth_errors () { get /metrics | awk '$1 == "stemedb_error_count_by_type{error_type=\"AuthenticationError\"}" { print $2 }'; }
before=$(auth_errors)
answers "a member of another batch is refused by itself" 200 -d "$(batch .)" "$U/v1/batch"
is "with the reason in its place" '[false,false,true]' jq -c '[.members[] | has("error")]' "$T/body"
is "and is counted, as a refused request is" $((before + 1)) auth_errors
is "and logged" 1 grep -c '"level":"WARN","message":"Error: AuthenticationError: signature verification failed: the batch does not list this id' "$D/log/stemedb-api.log"

# --- a batch that fills several frames
python3 - "$T" "$NOW" "$AGENT" <<'P'
import hashlib, json, sys
t, now, agent = sys.argv[1:]
h = lambda b: hashlib.blake2b(b, digest_size=32).digest()
m = ["steme assertion 1\nconcept big/%d\npredicate p\ntype text\nconfidence 0.9\nclass expert\ntime %s\nagent %s\n\n%s"
     % (i, now, agent, "x" * 60000) for i in range(40)]
ids = sorted(h(x.encode()) for x in m)
def root(v):
    if len(v) == 1:
        return h(b"\0" + v[0])
    k = 1
    while k * 2 < len(v):
        k *= 2
    return h(b"\1" + root(v[:k]) + root(v[k:]))
open(t + "/b", "w").write("steme batch 1\ncount %d\nroot %s\ntime %s\nagent %s\n\n" % (len(m), root(ids).hex(), now, agent))
open(t + "/members", "w").write(json.dumps(m))
P
jq -nc --rawfile t "$T/b" --arg s "$(sign_object "$T/b")" --slurpfile m "$T/members" '{text: $t, signature: $s, members: $m[0]}' >"$T/big"
answers "forty members of 60 KB are taken" 201 -H 'Expect:' -d @"$T/big" "$U/v1/batch"
is "all of them" 40 jq '[.members[] | select(.status == "created")] | length' "$T/body"
done_testing
