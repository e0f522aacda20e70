#!/usr/bin/env bash
# The programs of doc/clients.md, as they stand there, against a live store: each block
# prints what the document says it prints.
. "${srcdir:-.}/tests/e2e/lib.sh"
. "${srcdir:-.}/tests/e2e/http.sh"

up_bare || { echo "cannot start"; exit 1; }
KEY=$("$STEME" apikey add clients --role writer 2>"$T/note") || { cat "$T/note"; exit 1; }
export U KEY
cat >"$T/blocks.py" <<'EOP'
# blocks.py split DOC LANGUAGE: prints the program, which says before each block which one it is.
# blocks.py check DOC LANGUAGE OUTPUT: a line "ok|no NAME: what" for each block that prints something.
import re, sys
what, doc, language = sys.argv[1:4]
text = open(doc, encoding="utf-8").read()
blocks = re.findall(r"^```(\w+) (\S+)(?: (\S+))?\n(.*?)^```$", text, re.M | re.S)
mark = {"sh": "echo '@@ %s'\n", "python": "print('@@ %s', flush=True)\n", "js": 'console.log("@@ %s");\n'}[language]
if what == "split":
    for lang, name, more, body in blocks:
        if lang == language and not more:
            print(mark % name + body)
    sys.exit()
want = {more: body for lang, of, more, body in blocks if lang == "prints" and of == language}
names = [name for lang, name, more, body in blocks if lang == language and not more]
parts = re.split(r"^@@ (\S+)\n", open(sys.argv[4], encoding="utf-8").read(), flags=re.M)
got = dict(zip(parts[1::2], parts[2::2]))
for name in names:
    pattern = ".*?".join(map(re.escape, want.pop(name, "").split("...")))
    good = name in got and re.fullmatch(pattern, got[name], re.S)
    print("ok" if good else "no", name if good else "%s printed %r" % (name, got.get(name)))
for name in want:
    print("no", "output without a program:", name)
EOP

program () {	# LANGUAGE COMMAND...
	local language=$1
	shift
	mkdir -p "$T/$language"
	python3 "$T/blocks.py" split "$TOP/doc/clients.md" "$language" >"$T/$language/program.mjs"
	(cd "$T/$language" && timeout 120 "$@" program.mjs) >"$T/$language/out" 2>"$T/$language/err" ||
	    fail "the $language program ends well" "$(tail -n 15 "$T/$language/err")"
	python3 "$T/blocks.py" check "$TOP/doc/clients.md" "$language" "$T/$language/out" >"$T/verdict" ||
	    fail "the $language blocks can be read"
	while read -r verdict text; do
		if [ "$verdict" = ok ]; then pass "$language: $text"; else fail "$language: $text"; fi
	done <"$T/verdict"
	ok "$language has blocks" test "$(grep -c . "$T/verdict")" -ge "${least[$language]}"
}

declare -A least=([sh]=11 [python]=8 [js]=7)
refused () { get /metrics | awk '/^stemedb_http_requests_total.*status="429"/ { s += $NF } END { print s + 0 }'; }
program sh sh -eu
# the second language meets a limit, and so shows that trying again helps
answers "few writes a second are allowed" 200 -d '{"max_writes_per_sec":2}' "$U/v1/admin/rate-limit"
before=$(refused)
program python python3
ok "the program was told to come again, and did" test "$(refused)" -gt "$before"
answers "the limit is off" 200 -X DELETE "$U/v1/admin/rate-limit"
if command -v node >/dev/null; then
	program js node
else
	echo "note: no node here: its programs are not tried"
fi
ok "what they wrote verifies as a whole" "$STEME" verify --dir "$D"
done_testing
