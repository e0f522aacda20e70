#!/usr/bin/env bash
# The API is as openapi.json describes it, and has nothing beside.
. "${srcdir:-.}/tests/e2e/lib.sh"
. "${srcdir:-.}/tests/e2e/http.sh"

export BADSYNC=$T/badsync
${CC:-cc} -shared -fPIC -o "$T/badsync.so" "$TOP/tests/faults/badsync.c" -ldl || exit 1
mkdir -p "$D"
printf '[api]\nrequest_timeout_seconds = 5\n' >"$D/api.toml"
LD_PRELOAD=$T/badsync.so up_bare || { echo "cannot start"; exit 1; }
ok "the document that is served is the one of the sources" cmp <(get /openapi.json) "$TOP/api/openapi.json"
python3 "$TOP/tests/e2e/openapi.py" "$U" "$TOP/api/openapi.json" "$STEME_BUILD/stemedb-api" \
    "$("$STEME" status --dir "$D" --json | jq -r .daemon.pid)" "$T" "$BADSYNC" || fail "the walk found something" "above"
done_testing
