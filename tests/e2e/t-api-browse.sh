#!/usr/bin/env bash
# What there is: concepts, agents, sources, what a retraction would change, origins, diffs.
. "${srcdir:-.}/tests/e2e/lib.sh"
. "${srcdir:-.}/tests/e2e/http.sh"

up_bare || { echo "cannot start"; exit 1; }
S1=https://fda.example/label
S2=https://blog.example/post
put () { # CONCEPT PREDICATE VALUE SOURCE CONFIDENCE TIME
	curl -sS --max-time 30 -d "$(jq -nc --arg c "$1" --arg p "$2" --arg v "$3" --arg s "$4" --argjson f "$5" --arg t "$6" \
	    '{concept_path: $c, predicate: $p, object: $v, source: $s, confidence: $f, time: $t}')" "$U/v1/assert" | jq -r .id
}
A=$(put drug/a dose 1 $S1 0.9 2026-01-01T00:00:00Z)
B=$(put drug/a dose 2 $S2 0.5 2026-02-01T00:00:00Z)
put drug/a color white $S1 0.9 2026-01-01T00:00:00Z >/dev/null
put drug/a/deep dose 3 $S2 0.9 2026-01-01T00:00:00Z >/dev/null
put food/b taste good $S2 0.9 2026-01-01T00:00:00Z >/dev/null

# --- concepts
is "the root's children" '["_steme","drug","food"]' bash -c "curl -s '$U/v1/concepts' | jq -c '[.concepts[].name] | sort'"
is "a folder says what its concepts hold" '{"parent":"drug","concepts":[{"concept_path":"drug/a","name":"a","assertions":3,"children":true}],"next_cursor":null}' get '/v1/concepts?parent=drug'
is "a prefix goes to all levels" '["drug/a:3:true","drug/a/deep:1:false"]' \
    bash -c "curl -s '$U/v1/concepts?prefix=drug' | jq -c '[.concepts[] | \"\(.concept_path):\(.assertions):\(.children)\"]'"
found () { get "/v1/concepts?prefix=$1" | jq -c '[.concepts[].concept_path]'; }
is "and may stop within a segment" '["drug/a","drug/a/deep"]' found dru
is "also below one" '["drug/a/deep"]' found drug/a/d
is "or behind a slash" '["drug/a","drug/a/deep"]' found drug/
is "but does not begin within one" '[]' found rug
is "and case counts" '[]' found Dru
is "an empty one is all" '["drug/a","drug/a/deep","food/b"]' bash -c "curl -s '$U/v1/concepts?prefix=' | jq -c '[.concepts[].concept_path | select(startswith(\"_\") | not)]'"
is "a scheme stands for its path" '{"prefix":"fda/","concepts":[]}' bash -c "curl -s '$U/v1/concepts?prefix=fda://' | jq -c '{prefix, concepts}'"
put fda/labels/x dose 1 $S1 0.9 2026-01-01T00:00:00Z >/dev/null
is "whole or in part" '["fda/labels/x"]' found fda://lab
is "what is not a scheme is told" 400 bash -c "curl -s -o '$T/body' -w '%{http_code}' '$U/v1/concepts?prefix=xyz://a'"
pages () { # PATH MEMBER NAME: all items in pages of one
	local c='' out
	while :; do
		out=$(curl -sSG --max-time 30 --data-urlencode "limit=1" ${c:+--data-urlencode "cursor=$c"} "$U$1") || return 1
		jq -r ".$2[].$3" <<<"$out"
		c=$(jq -r '.next_cursor // empty' <<<"$out")
		[ -n "$c" ] || break
	done
}
export -f pages 2>/dev/null
is "pages of one are the whole: children" "$(get /v1/concepts | jq -r '.concepts[].name')" pages /v1/concepts concepts name
is "below a prefix" "$(get '/v1/concepts?prefix=drug' | jq -r '.concepts[].concept_path')" pages '/v1/concepts?prefix=drug' concepts concept_path
is "below half a segment" "$(get '/v1/concepts?prefix=drug/a' | jq -r '.concepts[].concept_path')" pages '/v1/concepts?prefix=drug/a' concepts concept_path
is "agents" "$(get /v1/agents | jq -r '.agents[].agent_id')" pages /v1/agents agents agent_id
is "sources" "$(get /v1/sources | jq -r '.sources[].source')" pages /v1/sources sources source
is "an unknown parent has nothing, as an array" '{"parent":"no/such","concepts":[],"next_cursor":null}' get '/v1/concepts?parent=no/such'
for bad in 'parent=a&prefix=b' 'limit=0' 'limit=10001' 'limit=x' 'cursor=x' 'parent=a//b' 'prefix=a//b' 'prefix=/a' 'prefix=@' 'prefix=a%ff' 'what=1' 'limit=1&limit=2'; do
	answers "concepts?$bad is refused" 400 "$U/v1/concepts?$bad"
done
answers "an agent's cursor that was none" 400 "$U/v1/agents?cursor=zz"

# --- agents, sources
is "agents have their local names" '["operator"]' bash -c "curl -s $U/v1/agents | jq -c '[.agents[] | select(.steward) | .name]'"
is "and their assertions alone are counted" 6 bash -c "curl -s $U/v1/agents | jq '.agents[] | select(.name != \"operator\") | .assertions'"
is "sources come with what cites them" "[[\"$S2\",3,\"active\"],[\"$S1\",3,\"active\"]]" \
    bash -c "curl -s $U/v1/sources | jq -c '[.sources[] | [.source,.assertions,.state]]'"
is "by prefix" "[\"$S1\"]" bash -c "curl -s '$U/v1/sources?prefix=https://fda' | jq -c '[.sources[].source]'"

# --- lenses with a route of their own, diffs
for l in skeptic layered constraints; do
	is "/v1/$l is /v1/query by that lens" "$(get "/v1/query?concept_path=drug/a&lens=$l")" get "/v1/$l?concept_path=drug/a"
	is "asked again, too" "$(get "/v1/query?concept_path=drug/a&lens=$l")" get "/v1/$l?concept_path=drug/a"
done
answers "and by no other" 400 "$U/v1/skeptic?concept_path=drug/a&lens=recency"
is "two lenses differ where they choose another" '[["dose","2","1"]]' \
    bash -c "curl -s '$U/v1/diff?concept_path=drug/a&lens=recency&lens2=confidence' | jq -c '[.differences[] | [.predicate,.a.object.value,.b.object.value]]'"
is "two times, too" '[["dose","1","2"]]' \
    bash -c "curl -s '$U/v1/diff?concept_path=drug/a&as_of=2026-01-15T00:00:00Z&as_of2=2026-03-01T00:00:00Z' | jq -c '[.differences[] | [.predicate,.a.object.value,.b.object.value]]'"
answers "a diff with nothing to compare is refused" 400 "$U/v1/diff?concept_path=drug/a"
answers "so is one without concept" 400 "$U/v1/diff?lens=recency&lens2=votes"

# --- what a retraction would change is what it changes
winners () { get '/v1/query?prefix=drug&limit=1000' | jq -c '.results[] | {k: "\(.concept_path) \(.predicate)", v: .object.value, i: .assertion_id}'; get '/v1/query?prefix=food&limit=1000' | jq -c '.results[] | {k: "\(.concept_path) \(.predicate)", v: .object.value, i: .assertion_id}'; }
before=$(winners)
told=$(get "/v1/sources/impact?source=$S2")
is "nothing is changed by asking" "$before" winners
is "the sums" "[\"active\",3,3,false]" jq -c '[.state,.assertions,.concepts,.truncated]' <<<"$told"
OPKEY="$D/keys/operator.pem"
AGENT=$(openssl pkey -in "$OPKEY" -pubout -outform DER | tail -c 32 | hex)
printf 'steme retraction 1\nsource %s\nstate retracted\ntime %s\nagent %s\n\nwithdrawn' "$S2" \
    "$(date -u +%Y-%m-%dT%H:%M:%S.000000Z)" "$AGENT" >"$T/r"
cp "$OPKEY" "$T/key.pem"
answers "a steward retracts the source" 201 -d "$(enveloped "$T/r")" "$U/v1/retract"
after=$(winners)
really=$(jq -nc --argjson b "$(jq -sc . <<<"$before")" --argjson a "$(jq -sc . <<<"$after")" '
    ($b | map({(.k): .}) | add // {}) as $B | ($a | map({(.k): .}) | add // {}) as $A |
    [(($B + $A) | keys[]) as $k | select($B[$k].i != $A[$k].i) | {k: $k,
	before: (if $B[$k] then {value: $B[$k].v, assertion_id: $B[$k].i} else null end),
	after: (if $A[$k] then {value: $A[$k].v, assertion_id: $A[$k].i} else null end)}]')
is "and exactly that changed" "$really" jq -c '[.changes[] | {k: "\(.concept_path) \(.predicate)", before, after}]' <<<"$told"
is "three winners" 3 jq length <<<"$really"
is "now it is told as retracted, and would change no more" '["retracted",0]' bash -c "curl -s '$U/v1/sources/impact?source=$S2' | jq -c '[.state,(.changes|length)]'"
is "in the list, too" retracted bash -c "curl -s '$U/v1/sources?prefix=$S2' | jq -r '.sources[0].state'"
answers "an impact needs a source" 400 "$U/v1/sources/impact"
answers "and a lens that chooses" 400 "$U/v1/sources/impact?source=$S1&lens=skeptic"

# --- origins
answers "where an object comes from" 200 "$U/v1/proof/$A"
is "is checked" '[true,true,null,[],"current"]' jq -c '[.hash_valid,.signature_valid,.batch,.parents,.state]' "$T/body"
etag=$(sed -n 's/^[Ee][Tt]ag: \(.*\)\r$/\1/p' "$T/head")
answers "it has an ETag" 304 -H "If-None-Match: $etag" "$U/v1/proof/$A"
C=$(curl -sS -d "{\"concept_path\":\"drug/a\",\"predicate\":\"dose\",\"object\":\"4\",\"parent\":\"$B\",\"supersedes\":[\"$A\"]}" "$U/v1/assert" | jq -r .id)
answers "which goes with what was said of it since" 200 -H "If-None-Match: $etag" "$U/v1/proof/$A"
is "what supersedes it" "[\"$C\"]" jq -c .superseded_by "$T/body"
is "and the chain of parents is told" "[[\"$B\",true]]" bash -c "curl -s $U/v1/proof/$C | jq -c '[.parents[] | [.id,.found]]'"
answers "nothing is known of others" 404 "$U/v1/proof/$(printf '0%.0s' $(seq 64))"
answers "an id has 64 digits" 404 "$U/v1/proof/abc"
done_testing
