#!/usr/bin/env bash
# TLS by [api] cert and key: versions, resumption, files that cannot work, and that the
# command finds its way.
. "${srcdir:-.}/tests/e2e/lib.sh"
. "${srcdir:-.}/tests/e2e/http.sh"

mkdir -p "$D"
cert () {	# NAME [OPENSSL-ARGUMENTS]
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/$1.key" -out "$T/$1.pem" \
	    -days 30 -subj "/CN=localhost" -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' "${@:2}" 2>/dev/null
	chmod 600 "$T/$1.key"
}
conf () { printf '[api]\ncert = "%s"\nkey = "%s"\n' "$T/$1" "$T/$2" >"$D/api.toml"; }
cert good
cert other
conf good.pem good.key
up_bare || { echo "cannot start"; exit 1; }
like "up finds the sidecar by https" "https://127.0.0.1:$P" cat "$T/up.out"
U=https://localhost:$P
export CURL_CA_BUNDLE=$T/good.pem
answers "it answers" 200 "$U/v1/health"
answers "by its address" 200 "https://127.0.0.1:$P/v1/query?concept_path=a"
answers "a local caller is local" 201 -d '{"concept_path":"a","predicate":"p","object":1}' "$U/v1/assert"
answers "and administers" 201 -d '{"name":"tls"}' "$U/v1/admin/api-keys"
answers "a page of this very site may" 201 -H "Origin: $U" -d '{"concept_path":"a","predicate":"q","object":1}' "$U/v1/assert"
seq 200 | sed 's/.*/{"concept_path":"bulk","predicate":"p&","object":&}/' >"$T/lines"
answers "bulk comes through" 200 --data-binary @"$T/lines" "$U/v1/assertions"
is "all of it" 200 grep -c created "$T/body"
not_ok "plain HTTP gets nothing" curl -s -m 5 "http://127.0.0.1:$P/healthz"
like "steme status sees it" 'ready|answers|ok' "$STEME" status
ok "the doctor is content" "$STEME" doctor
like "and knows of TLS" 'with TLS' "$STEME" doctor

is "the client of a feed that leaves is forgotten" forgotten python3 "$TOP/tests/e2e/feeds.py" leaving "$P" closed "$T/good.pem"

# --- versions: openssl is allowed everything, so it is the server who refuses
hello () { echo | openssl s_client -connect "127.0.0.1:$P" "-$1" -cipher 'ALL:@SECLEVEL=0' 2>&1 | grep -o 'Cipher is .*'; }
is "TLS 1.0 is refused" 'Cipher is (NONE)' hello tls1
is "TLS 1.1 is refused" 'Cipher is (NONE)' hello tls1_1
like "TLS 1.2 is taken" 'Cipher is ECDHE' hello tls1_2
is "TLS 1.3 is taken" 'Cipher is TLS_AES_256_GCM_SHA384' echo "$(echo | openssl s_client -connect "127.0.0.1:$P" -tls1_3 2>&1 | grep -o 'Cipher is .*' | head -1)"
offer () { echo | openssl s_client -connect "127.0.0.1:$P" -tls1_2 -cipher "$1:@SECLEVEL=0" 2>&1 | grep -o 'Cipher is .*'; }
is "a cipher that only encrypts (CBC) is refused" 'Cipher is (NONE)' offer ECDHE-ECDSA-AES128-SHA
for c in ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-CHACHA20-POLY1305; do
	is "$c is taken" "Cipher is $c" offer "$c"
done
ask () { (printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'; sleep 1) | openssl s_client -connect "127.0.0.1:$P" "$@" 2>&1; }
for v in tls1_2 tls1_3; do
	ask -$v -sess_out "$T/session" >/dev/null
	like "a session of $v is resumed" '^Reused' ask -$v -sess_in "$T/session"
done

# --- a key of RSA
"$STEME" down >/dev/null
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/rsa.key" -out "$T/rsa.pem" -days 30 -subj /CN=localhost 2>/dev/null
chmod 600 "$T/rsa.key"
conf rsa.pem rsa.key
up_bare || fail "it starts with a key of RSA" "$(cat "$T/up.out")"
is "a session that the certificate's key would open is refused" 'Cipher is (NONE)' offer AES256-GCM-SHA384
is "one that it would not is taken" 'Cipher is ECDHE-RSA-AES256-GCM-SHA384' offer ECDHE-RSA-AES256-GCM-SHA384

# --- the other things are as they were
"$STEME" down >/dev/null
answers_start () {	# SENTENCE EXPECTED
	not_ok "$1" "$STEME" up --no-mount --port "$P"
	like "and says why" "$2" tail -n 1 "$D/log/stemedb-api.log"
	like "as --check-config does" "$2" "$STEME_BUILD/stemedb-api" --dir "$D" --check-config
	like "and the doctor" "BAD +config" "$STEME" doctor
	"$STEME" down >/dev/null
}
conf missing.pem good.key
answers_start "without the certificate it does not start" 'cannot open .*missing.pem'
conf good.pem other.key
answers_start "nor with the key of another" 'is not the key of the certificate'
cp "$T/good.key" "$T/open.key"
chmod 644 "$T/open.key"
conf good.pem open.key
answers_start "nor with a key that others may read" 'mode 0644.*chmod 600'
conf good.key good.key
answers_start "nor with a key for a certificate" 'holds no certificate'
conf good.pem good.pem
chmod 600 "$T/good.pem"
answers_start "nor with a certificate for a key" 'holds no private key'
openssl pkey -in "$T/good.key" -aes128 -passout pass:x -out "$T/locked.key"
chmod 600 "$T/locked.key"
conf good.pem locked.key
answers_start "nor with a key behind a password" 'without a password'
head -c 1000 /dev/urandom >"$T/noise.pem"
conf noise.pem good.key
answers_start "nor with noise" 'holds no certificate'
openssl x509 -new -key "$T/good.key" -subj /CN=localhost -days -1 -out "$T/old.pem" 2>/dev/null ||
    openssl req -x509 -key "$T/good.key" -subj /CN=localhost -days -1 -out "$T/old.pem" 2>/dev/null
if [ -s "$T/old.pem" ]; then
	conf old.pem good.key
	answers_start "nor with a certificate that has ended" 'ended on'
else
	fail "an old certificate can be made"
fi
printf '[api]\ncert = "%s"\n' "$T/good.pem" >"$D/api.toml"
not_ok "nor with half of the settings" "$STEME_BUILD/stemedb-api" --dir "$D" --check-config
rm "$D/api.toml"
ok "without any it speaks HTTP" up_bare
answers "as before" 200 "http://127.0.0.1:$P/v1/health"
done_testing
