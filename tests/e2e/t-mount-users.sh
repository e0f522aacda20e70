#!/usr/bin/env bash
# Two users on one mount; a set-uid program with an inherited descriptor.
. "${srcdir:-.}/tests/e2e/lib.sh"

[ "$(id -u)" = 0 ] || { echo "needs root to be two users"; exit 1; }
chmod 755 "$T"
up || { echo "cannot start"; exit 1; }
mkdir -p "$M/team/topic"
as () { local uid=$1; shift; setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@"; }

ok "one user asserts" as 4001 bash -c "echo one > $M/team/topic/@assert/p"
ok "another user asserts the opposite" as 4002 bash -c "echo two > $M/team/topic/@assert/p"
is "both are kept" 2 bash -c "wc -l < $M/team/topic/@history/p"
is "each is signed with a key of its own" 2 bash -c "jq -r .agent_id $M/team/topic/@history/p | sort -u | wc -l"
ok "both keys are there" test -f "$D/keys/uid-4001.pem" -a -f "$D/keys/uid-4002.pem"
is "and private" '600 600' bash -c "stat -c %a $D/keys/uid-4001.pem $D/keys/uid-4002.pem | xargs"
not_ok "nobody can sign for others" as 65534 bash -c "echo x > $M/team/topic/@assert/p"
ok "a third user reads" as 4003 cat "$M/team/topic/@recency/p"
not_ok "but cannot make a concept" as 4003 mkdir "$M/team/new"

# the descriptor is opened by one uid and written by another
cat > "$T/inherit.py" <<'P'
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o644)
os.setuid(4002)
try:
    os.write(fd, b"forged\n")
    print("written")
except PermissionError as e:
    print("refused")
P
is "a write by another uid than the opener is refused" refused python3 "$T/inherit.py" "$M/team/topic/@assert/p"
is "and nothing was stored" 0 bash -c "grep -c forged $M/team/topic/@history/p"

# a store of a plain user, whose mount lets nobody else look, root neither
"$STEME" down >/dev/null
programs_for_all
mkdir "$T/own"
chown nobody "$T/own"
D=$T/own/d M=$T/own/m	# for the clean-up
export STEME_DIR=$D
nobody () { as "$(id -u nobody)" env HOME="$T/own" "$@"; }
nobody "$T/bin/steme" up --mount "$M" --port "$P" >"$T/up.out" 2>&1 || { fail "a plain user's store" "$(cat "$T/up.out")"; done_testing; }
not_ok "root cannot look into its mount" test -f "$M/@status"
is "but finds it running" "already running" sh -c "'$STEME' up --wait 2 2>&1 | cut -d: -f1"
is "and mounted" mounted sh -c "'$STEME' status --json | jq -r .mount.state"
ok "doctor finds nothing wrong" "$STEME" doctor
ok "its user ends it" nobody "$T/bin/steme" down
done_testing
