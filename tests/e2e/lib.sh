# shellcheck shell=bash
# lib.sh - for end-to-end tests: a private folder, a private mount, free ports, and a
# clean-up that ends only what the test started.  A test sources this first:
#
#   . "${srcdir:-.}/tests/e2e/lib.sh"      (Automake sets srcdir)
#   up                                     starts daemon and sidecar
#   ok "a sentence" COMMAND...             passes if the command succeeds
#   is "a sentence" EXPECTED COMMAND...    passes if it prints EXPECTED
#   done_testing                           prints the totals, exit status
#
# Variables: T private folder, D data, M mount point, P port, STEME the command.
set -u

STEME_BUILD=${STEME_BUILD:-$(pwd)}
STEME=$STEME_BUILD/steme
# shellcheck disable=SC2034
TOP=$(cd "${srcdir:-.}" && pwd)
T=$(mktemp -d "${TMPDIR:-/tmp}/steme-e2e.XXXXXX") || exit 99
D=$T/d
M=${STEME_TEST_MOUNTS:-$T}/m.$$
passed=0 failed=0
export HOME="$T/home" STEME_DIR="$D"
unset XDG_CONFIG_HOME
mkdir -p "$HOME" "$M"

# A port nobody listens on, from STEME_TEST_PORT on or anywhere above 10000, but below
# those that the kernel gives to connections.
free_port () {
	local p
	for p in $(seq "${STEME_TEST_PORT:-$((10000 + RANDOM % 20000))}" 32767); do
		if ! (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null; then
			echo "$p"
			return
		fi
	done
}
P=$(free_port)

# Our programs where every user may run them, whatever holds the build: $T/bin/steme and those it starts.
programs_for_all () {
	chmod 755 "$T"
	install -D -m 755 -t "$T/bin" "$STEME_BUILD"/{steme,steme-offline,stemefs,stemedb-api}
}

cleanup () {
	local status=$?
	"$STEME" down --dir "$D" >/dev/null 2>&1
	mountpoint -q "$M" && fusermount3 -uz "$M"
	if [ "$failed" != 0 ] || [ "$status" != 0 ]; then
		for f in "$D"/log/*.log; do
			[ -s "$f" ] && { echo "--- ${f##*/}"; tail -n 20 "$f"; }
		done
	fi
	rmdir "$M" 2>/dev/null
	[ -n "${KEEP:-}" ] || rm -rf -- "$T"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

[ -c /dev/fuse ] || { echo "/dev/fuse is missing: the mount cannot be tested here"; exit 1; }

up () { "$STEME" up --dir "$D" --mount "$M" --port "$P" "$@" >"$T/up.out" 2>&1 || { cat "$T/up.out"; return 1; }; }
down () { "$STEME" down --dir "$D"; }

pass () { passed=$((passed + 1)); echo "ok   $1"; }
fail () { failed=$((failed + 1)); echo "FAIL $1"; shift; [ $# = 0 ] || printf '     %s\n' "$@"; }

ok () {
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then pass "$name"; else fail "$name" "command: $*" "$out"; fi
}

not_ok () {
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then fail "$name" "succeeded: $*" "$out"; else pass "$name"; fi
}

is () {
	local name=$1 want=$2 got
	shift 2
	got=$("$@" 2>&1)
	if [ "$got" = "$want" ]; then pass "$name"; else fail "$name" "command: $*" "wanted: $want" "got:    $got"; fi
}

like () {	# the output matches an extended regular expression
	local name=$1 want=$2 got
	shift 2
	got=$("$@" 2>&1)
	if grep -Eq -- "$want" <<<"$got"; then pass "$name"; else fail "$name" "command: $*" "wanted: $want" "got:    $got"; fi
}

done_testing () {
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
	exit
}
