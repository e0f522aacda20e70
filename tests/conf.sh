#!/bin/bash
# The configuration: every key that the programs know stands in etc/api.toml with its
# default, in .env.example if a variable of the environment sets it, in api.toml(5), and is
# used; every key and variable that stands there is known; and the examples are valid.
top=$(cd "${srcdir:-.}" && pwd)
build=${STEME_BUILD:-.}
. "$top/tests/result.sh"
t=$(mktemp -d "${TMPDIR:-/tmp}/steme-conf.XXXXXX") || exit 99
trap 'rm -rf -- "$t"' EXIT
unset $(env | grep -o '^STEMEDB_[A-Z_]*')

# "table.key value" of each line "key = value"; with "commented", of "# key = value", too
values () {
	sed -E "${1:+s/^# ([a-z_]+ = )/\\1/}" "$2" |
	    awk '/^\[/ { t = substr($0, 2, length($0) - 2) }
		/^[a-z_]+ = / { k = $1; sub(/^[a-z_]+ = /, ""); print t "." k " " $0 }' | sort
}
echo -n >"$t/none.toml"
"$build/stemefs" --config "$t/none.toml" --check-config >"$t/defaults.toml" 2>"$t/err"
result "--check-config prints the defaults" "$(cat "$t/err")$([ -s "$t/defaults.toml" ] || echo nothing)"
"$build/stemedb-api" --config "$t/none.toml" --check-config >"$t/of-api.toml" 2>&1
# the sidecar shows the second port that it takes
result "daemon and sidecar print the same" \
    "$(diff <(sed 's/^cluster_port = 0/cluster_port = 18181/' "$t/defaults.toml") "$t/of-api.toml")"
"$build/stemefs" --config "$t/defaults.toml" --check-config >"$t/again.toml" 2>&1
result "what is printed is a configuration that prints the same" "$(diff "$t/defaults.toml" "$t/again.toml")"

values '' "$t/defaults.toml" >"$t/known"
values commented "$top/etc/api.toml" >"$t/shipped"
values '' "$top/etc/api.toml" >"$t/set"
result "etc/api.toml has every key" \
    "$(comm -23 <(cut -d' ' -f1 "$t/known") <(cut -d' ' -f1 "$t/shipped"))"
result "and none that is not known" \
    "$(comm -13 <(cut -d' ' -f1 "$t/known") <(cut -d' ' -f1 "$t/shipped"))"
result "and each once" "$(cut -d' ' -f1 "$t/shipped" | uniq -d)"
wrong=
while read -r key value; do
	grep -q "^$key " "$t/set" && continue		# set on purpose, see below
	case $value in '""') continue ;; esac		# none: the file has an example
	[ "$key" = node.name ] && continue		# the host's
	grep -qxF "$key $value" "$t/shipped" ||
	    wrong+="$key: the default is $value, but $(grep "^$key " "$t/shipped")"$'\n'
done <"$t/known"
result "commented with its default" "$wrong"
result "two keys are set: a server of its own listens to others, administered from here" \
    "$(diff <(cat "$t/set") <(printf '%s\n' 'api.admin "loopback"' 'api.bind ["0.0.0.0"]'))"

# a key that nothing reads is a promise that nobody keeps
unread=
while read -r field; do
	case $field in
	# bounds and thresholds that others act upon: replication, the alerts
	rpc_timeout_ms|max_replication_lag_seconds|target_availability|burn_rate_alert) continue ;;
	esac
	grep -qE "conf(\.|->)$field\b|\bc->$field\b" "$top"/fs/*.c "$top"/api/*.c "$top"/cli/*.c \
	    "$top"/core/[a-bd-z]*.c "$top"/core/co[a-mo-z]*.c || unread+="$field "
done < <(grep -oE 'F\([a-z_]+\)' "$top/core/conf.c" | sed 's/F(\(.*\))/\1/' | grep -vx f)
result "every key is read somewhere" "$unread"

variables=$(grep -oE '"STEMEDB_[A-Z_]+"' "$top/core/conf.c" | tr -d '"' | sort)
result ".env.example has every variable, and no other" \
    "$(diff <(echo "$variables") <(grep -oE '^#? ?[A-Z_]+=' "$top/.env.example" | tr -d '# =' | sort))"
result "etc/api.toml names every variable" \
    "$(for v in $variables; do grep -q "$v\b" "$top/etc/api.toml" || echo "$v"; done)"
result "api.toml(5) has every key" "$(for k in $(cut -d' ' -f1 "$t/known"); do
	grep -qx "\.It Ic ${k#*.} Ns .*\|\.It Ic ${k#*.}" "$top/doc/man/api.toml.5" || echo "$k"; done)"
sed -E 's/^# ?([A-Z_]+=)/\1/' "$top/.env.example" >"$t/env"
result ".env.example is taken as it stands" "$(set -a; . "$t/env"
	STEMEDB_TLS_CERT= STEMEDB_TLS_KEY= "$build/stemefs" --config "$t/none.toml" --check-config 2>&1 >/dev/null)"
for f in "$top"/etc/examples/*/api*.toml; do
	result "${f#"$top"/etc/} is valid, without an unknown key" \
	    "$("$build/stemefs" --config "$f" --check-config 2>&1 >/dev/null)"
done

# what operators do to the file
printf '[storage]\nlock_timeout_ms = 1\n[api]\nport = 1\n[storage]\ncache_size_mb = 1\n' >"$t/twice.toml"
"$build/stemedb-api" --config "$t/twice.toml" --check-config >"$t/out" 2>&1 && result "a table given twice is refused" "it is not"
result "and said with both lines" "$(grep -q 'line 5.*storage.*began in line 1' "$t/out" || cat "$t/out")"
mkdir "$t/folder.toml"
result "a folder is no configuration, and is called one" \
    "$("$build/stemefs" --config "$t/folder.toml" --check-config 2>&1 | grep -q 'it is a folder' || echo "it is not")"
sed 's/^# lock_timeout_ms = 5000/lock_timeout_ms = 10000   # Increase from 5000/' "$top/etc/api.toml" >"$t/edited.toml"
result "a key is changed by editing its line" \
    "$("$build/stemefs" --config "$t/edited.toml" --check-config 2>&1 | grep -qx 'lock_timeout_ms = 10000' || echo "it is not")"
printf '[api]\n\nbindd = "x"\n' >"$t/unknown.toml"
result "an unknown key is told with its line, and the rest holds" \
    "$("$build/stemefs" --config "$t/unknown.toml" --check-config 2>&1 >/dev/null | grep -q 'line 3: unknown key api.bindd' || echo "it is not")"
result "the environment stands over the file" \
    "$(STEMEDB_CACHE_SIZE_MB=2048 "$build/stemefs" --config "$top/etc/api.toml" --check-config | grep -qx 'cache_size_mb = 2048' || echo "it does not")"
done_results 21
