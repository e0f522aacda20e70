#!/bin/sh
# Checks the sample data that is checked in (etc/sample) and the loaders of the
# large data sets (etc/data), without the network: sizes, the shape of every
# line, real disagreements, licences; and that these checks can fail.
# Needs python3; two checks more need node. Usage: tests/data.sh [FILE]: checks FILE instead of the sample.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
sample=${1:-$top/etc/sample/countries.ndjson}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

command -v python3 >/dev/null 2>&1 || {
	echo "tests/data.sh: python3 is missing; install it with: apt-get install python3" >&2
	exit 1
}

passed=0
failed=0
skipped=0

ok() {
	passed=$((passed + 1))
	echo "ok: $1"
}

bad() {
	failed=$((failed + 1))
	echo "FAILED: $1"
}

cat >"$tmp/check.py" <<'EOF'
import datetime, json, re, sys
from collections import defaultdict

path, table = sys.argv[1:3]
CLASSES = {'regulatory', 'clinical', 'observational', 'expert', 'community', 'anecdotal'}
FIELDS = {'concept_path', 'predicate', 'object', 'confidence', 'source_class', 'source', 'time', 'agent'}
CONTROL = re.compile('[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\u202a-\u202e\u2066-\u2069]')

raw = open(path, 'rb').read()
lines = raw.split(b'\n')


def refuse(why):
    sys.exit(why)


def segment(s, what):
    if not isinstance(s, str) or not 1 <= len(s.encode()) <= 255:
        refuse(f'{what}: {s!r} is not 1 to 255 bytes')
    if s in ('.', '..') or s[0] == '@' or s != s.strip() or '/' in s or CONTROL.search(s):
        refuse(f'{what}: {s!r} is no segment')


if len(raw) > 2_000_000:
    refuse(f'size: {len(raw)} bytes, more than 2 MB')
if lines[-1] != b'':
    refuse('last line: not ended')
if len(lines) - 1 < 5000:
    refuse(f'count: {len(lines) - 1} claims, fewer than 5000')

sources = {}
for row in open(table, encoding='utf-8'):
    if not row.startswith('#'):
        agent, cls, confidence, time, kind, package, version, _ = row.rstrip('\n').split('\t')
        name = ('debian' if kind == 'deb' else 'npm') + f':{package}@{version}'
        sources[name] = (agent, cls, float(confidence), time)

said, seen, order = defaultdict(dict), set(), []
for n, line in enumerate(lines[:-1], 1):
    try:
        c = json.loads(line.decode('utf-8'))
    except ValueError as e:
        refuse(f'line {n}: no JSON: {e}')
    where = f'line {n}'
    if not isinstance(c, dict) or set(c) != FIELDS:
        refuse(f'{where}: fields are not {sorted(FIELDS)}')
    parts = c['concept_path'].split('/')
    if len(parts) > 32 or len(c['concept_path'].encode()) > 1024:
        refuse(f'{where}: concept too long')
    for p in parts:
        segment(p, where)
    segment(c['predicate'], where)
    if not isinstance(c['object'], (str, int, float)) or c['object'] == '':
        refuse(f'{where}: object is no text, number or boolean')
    if isinstance(c['object'], str) and CONTROL.search(c['object']):
        refuse(f'{where}: control character in the object')
    k = c['confidence']
    if not isinstance(k, (int, float)) or not 0 <= k <= 1 or round(k, 4) != k:
        refuse(f'{where}: confidence {k!r} is not 0 to 1 with 4 digits')
    if c['source_class'] not in CLASSES:
        refuse(f'{where}: unknown class {c["source_class"]!r}')
    if CONTROL.search(c['source']) or not 1 <= len(c['source'].encode()) <= 1024:
        refuse(f'{where}: bad source')
    if not re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ', c['time']):
        refuse(f'{where}: bad time {c["time"]!r}')
    datetime.datetime.strptime(c['time'], '%Y-%m-%dT%H:%M:%SZ')
    if sources.get(c['source']) != (c['agent'], c['source_class'], k, c['time']):
        refuse(f'{where}: {c["source"]} is not in sources.tsv with that agent, class, confidence and time')
    key = (c['concept_path'], c['predicate'], c['time'], c['agent'])
    if key in seen:
        refuse(f'{where}: said twice')
    seen.add(key)
    order.append(key)
    said[c['concept_path'], c['predicate']][c['agent']] = c['object']

if order != sorted(order):
    refuse('order: the lines are not sorted')
agents = {a for v in said.values() for a in v}
if len(agents) < 4:
    refuse(f'agents: {len(agents)}, fewer than 4')
for p in ('capital', 'currency', 'calling_code', 'languages', 'area_km2', 'population', 'name'):
    if sum(q == p for _, q in said) < 240:
        refuse(f'predicate {p}: fewer than 240 countries')
differ = [k for k, v in said.items() if len({str(x) for x in v.values()}) > 1]
if len(differ) < 500:
    refuse(f'disagreements: {len(differ)}, fewer than 500')
for p in ('capital', 'currency', 'calling_code', 'languages', 'area_km2', 'population', 'name'):
    if sum(q == p for _, q in differ) < 20:
        refuse(f'disagreements about {p}: fewer than 20')
print(f'{len(order)} claims by {len(agents)} agents, {len(differ)} disagreements')
EOF

check() {
	python3 "$tmp/check.py" "$1" "$top/etc/sample/sources.tsv"
}

# refused NAME EXPECTED: the check must refuse $tmp/broken, with that reason.
refused() {
	if check "$tmp/broken" >"$tmp/out" 2>&1; then
		bad "$1 is noticed"
	elif grep -q -e "$2" "$tmp/out"; then
		ok "$1 is noticed"
	else
		bad "$1 is noticed: $(tail -n 1 "$tmp/out")"
	fi
}

if check "$sample" >"$tmp/out" 2>&1; then
	ok "sample: $(cat "$tmp/out")"
else
	bad "sample: $(tail -n 1 "$tmp/out")"
fi

head -n 4999 "$sample" >"$tmp/broken"
refused "a sample that is too small" "count:"
cat "$sample" "$sample" >"$tmp/broken"
refused "a sample that is too large" "size:"
sed '100s/}$//' "$sample" >"$tmp/broken"
refused "a broken line" "line 100: no JSON"
sed '7s,"world/,"world/../,' "$sample" >"$tmp/broken"
refused "a bad path" "line 7: '..' is no segment"
sed '7s,"concept_path":"world/,"concept_path":"world/@,' "$sample" >"$tmp/broken"
refused "a reserved name" "line 7: '@.*is no segment"
sed '9s/"object":/"value":/' "$sample" >"$tmp/broken"
refused "a wrong field" "line 9: fields"
sed '9s/"confidence":[0-9.]*/"confidence":0.12345/' "$sample" >"$tmp/broken"
refused "a wrong confidence" "line 9: confidence"
sed '9s/"source_class":"[a-z]*"/"source_class":"divine"/' "$sample" >"$tmp/broken"
refused "a wrong class" "line 9: unknown class"
sed '9s/"time":"2/"time":"3/' "$sample" >"$tmp/broken"
refused "a time that is not the source's" "line 9: .*sources.tsv"
sed '9p' "$sample" >"$tmp/broken"
refused "a claim that is there twice" "line 10: said twice"
sed '9{h;d};10{G}' "$sample" >"$tmp/broken"
refused "lines out of order" "order:"
sed 's/"object":"[^"]*"/"object":"same"/; s/"object":[0-9.]*,/"object":1,/' "$sample" >"$tmp/broken"
refused "a sample without disagreements" "disagreements:"

# Every package has its licence beside the sample.
missing=
grep -v '^#' "$top/etc/sample/sources.tsv" | cut -f6 | sort -u >"$tmp/packages"
while read -r package; do
	case $package in
	cldr-*) file=cldr.txt ;;
	*) file=$package.txt ;;
	esac
	[ -s "$top/etc/sample/licenses/$file" ] || missing="$missing $file"
done <"$tmp/packages"
if [ -z "$missing" ]; then
	ok "every source has its licence"
else
	bad "no licence:$missing in etc/sample/licenses"
fi

# The table that joins caniuse and MDN is one to one.
if python3 - "$top/etc/data/caniuse-mdn.tsv" >"$tmp/out" 2>&1 <<'EOF'; then
import sys
rows = [l.rstrip('\n').split('\t') for l in open(sys.argv[1]) if not l.startswith('#')]
assert len(rows) > 400, 'too few rows'
assert all(len(r) == 2 and all(r) for r in rows), 'a row has not two fields'
assert len({r[0] for r in rows}) == len(rows), 'a feature of caniuse is there twice'
assert len({r[1] for r in rows}) == len(rows), 'a feature of MDN is there twice'
assert rows == sorted(rows), 'not sorted'
EOF
	ok "caniuse-mdn.tsv is one to one"
else
	bad "caniuse-mdn.tsv: $(tail -n 1 "$tmp/out")"
fi

# The commands explain themselves and say what is wrong, without the network.
mkdir "$tmp/bin"
for tool in sh dirname mktemp rm cat; do
	ln -s "$(command -v $tool)" "$tmp/bin/$tool"
done
for command in data/load-mdn data/load-caniuse sample/regenerate; do
	if "$top/etc/$command" --help | grep -q '^Example:'; then
		ok "$command --help has an example"
	else
		bad "$command --help has an example"
	fi
	if PATH=$tmp/bin "$top/etc/$command" >"$tmp/out" 2>&1; then
		bad "$command without node fails"
	elif tail -n 1 "$tmp/out" | grep -q 'node is missing; install it with'; then
		ok "$command without node says so on its last line"
	else
		bad "$command without node: $(tail -n 1 "$tmp/out")"
	fi
	if "$top/etc/$command" --nonsense >"$tmp/out" 2>&1; then
		bad "$command refuses an unknown argument"
	elif tail -n 1 "$tmp/out" | grep -q 'see --help'; then
		ok "$command refuses an unknown argument"
	else
		bad "$command refuses an unknown argument: $(tail -n 1 "$tmp/out")"
	fi
done

# What the loaders make of small packages in the form of the large ones.
mkdir -p "$tmp/mdn" "$tmp/caniuse/fulldata-json"
cat >"$tmp/mdn/data.json" <<'EOF'
{"__meta": {"timestamp": "2026-01-02T03:04:05.678Z"}, "browsers": {}, "api": {"A": {
  "__compat": {"source_file": "api/A.json", "support": {
    "chrome": {"version_added": "5.0"}, "edge": {"version_added": "\u226412.1"},
    "firefox": [{"version_added": "20", "flags": []}, {"version_added": "10", "prefix": "moz"}],
    "ie": {"version_added": false}, "opera": {"version_added": "4", "version_removed": "41.0"},
    "safari": {"version_added": "preview"}}},
  "@@iterator": {"__compat": {"mdn_url": "https://example.org/i", "support": {
    "chrome": {"version_added": "7", "partial_implementation": true}}}}}}}
EOF
cat >"$tmp/mdn/expected" <<'EOF'
web/api/A chrome 5
web/api/A edge ≤12.1
web/api/A firefox prefix 10
web/api/A ie no
web/api/A opera 4 until 41
web/api/A safari preview
web/api/A/Symbol.iterator chrome partial 7
EOF
cat >"$tmp/caniuse/fulldata-json/data-2.0.json" <<'EOF'
{"updated": 1700000000, "agents": {
  "chrome": {"version_list": [{"version": "4"}, {"version": "5"}, {"version": "6"}]},
  "ios_saf": {"version_list": [{"version": "8"}, {"version": "9.0-9.2"}, {"version": "9.3"}]},
  "op_mob": {"version_list": [{"version": "12.1"}, {"version": "80"}, {"version": "81"}]},
  "and_chr": {"version_list": [{"version": "154"}]}},
 "data": {"fetch": {"stats": {
    "chrome": {"4": "n", "5": "a x #1", "6": "y"}, "ios_saf": {"8": "y", "9.0-9.2": "n", "9.3": "n d"},
    "op_mob": {"12.1": "n", "80": "y", "81": "y"}, "and_chr": {"154": "y"}}},
  "nowhere": {"stats": {"chrome": {"4": "y", "5": "y", "6": "n"}}}}}
EOF
cat >"$tmp/caniuse/expected" <<'EOF'
web/api/fetch/chrome 4 no
web/api/fetch/chrome 5 partial prefix
web/api/fetch/chrome 6 yes
web/api/fetch chrome 6
web/api/fetch/safari_ios 8 yes
web/api/fetch/safari_ios 9.0-9.2 no
web/api/fetch/safari_ios 9.3 no flag
web/api/fetch safari_ios flag 9.3
web/api/fetch/opera_android 12.1 no
web/api/fetch/opera_android 80 yes
web/api/fetch/opera_android 81 yes
web/api/fetch opera_android ≤80
web/api/fetch/chrome_android 154 yes
web/features/nowhere/chrome 4 yes
web/features/nowhere/chrome 5 yes
web/features/nowhere/chrome 6 no
web/features/nowhere chrome ≤4 until 6
EOF
short='import json, sys
for l in sys.stdin:
    c = json.loads(l)
    print(c["concept_path"], c["predicate"], c["object"])'

loader() {
	name=$1
	shift
	if node "$top/etc/data/$name.js" "$@" 2>"$tmp/err" |
		PYTHONIOENCODING=utf-8 python3 -c "$short" >"$tmp/$name/got" &&
		cmp -s "$tmp/$name/got" "$tmp/$name/expected"; then
		ok "$name.js says what the package says"
	else
		bad "$name.js: $(diff "$tmp/$name/expected" "$tmp/$name/got" | sed -n 2p) $(tail -n 1 "$tmp/err")"
	fi
}

if command -v node >/dev/null 2>&1; then
	loader mdn "$tmp/mdn" 1 ""
	loader caniuse "$tmp/caniuse" "$top/etc/data/caniuse-mdn.tsv" ""
else
	skipped=2
	echo "skipped: the loaders' own rules need node"
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
