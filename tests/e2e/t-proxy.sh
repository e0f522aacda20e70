#!/bin/bash
# The examples of proxies: nginx's in front of a sidecar, Envoy's as far as YAML tells.
. "${srcdir:-.}/tests/e2e/lib.sh" || exit 99

CONF=$TOP/etc/examples/nginx-upstream.conf
until_ok () { for _ in $(seq 400); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done; return 1; }
code () { curl -s -o "$T/body" -w "%{http_code}" "$@"; }
NGINX=$(PATH="$PATH:/usr/sbin" command -v nginx) || { fail "nginx is here (package nginx-light)"; done_testing; }

up || exit 1
"$STEME" assert a/b c d >/dev/null
N=$(STEME_TEST_PORT=$((P + 1)) free_port)
mkdir "$T/nginx"
# node1 is the sidecar, the others are away: what a passive check is for
sed -e "s/node1:18180/127.0.0.1:$P/; s/node[23]:18180/127.0.0.1:1/; s/listen 80;/listen 127.0.0.1:$N;/" "$CONF" >"$T/nginx/stemedb.conf"
cat >"$T/nginx/nginx.conf" <<END
daemon off;
pid $T/nginx/pid;
error_log $T/nginx/error.log;
events { }
http {
	access_log off;
	client_body_temp_path $T/nginx/b; proxy_temp_path $T/nginx/p; fastcgi_temp_path $T/nginx/f;
	uwsgi_temp_path $T/nginx/u; scgi_temp_path $T/nginx/s;
	include $T/nginx/stemedb.conf;
}
END
nginx () { "$NGINX" -p "$T/nginx" -e "$T/nginx/error.log" -c "$T/nginx/nginx.conf" "$@"; }
[ "$(id -u)" != 0 ] || sed -i '1i user root;' "$T/nginx/nginx.conf"
ok "nginx -t takes it" nginx -t
sed -i.was 's/weight=3/weight=many/' "$T/nginx/stemedb.conf"
not_ok "as it would not a mistake" nginx -t
mv "$T/nginx/stemedb.conf.was" "$T/nginx/stemedb.conf"

"$NGINX" -p "$T/nginx" -e "$T/nginx/error.log" -c "$T/nginx/nginx.conf" &
proxy=$!
X=http://127.0.0.1:$N
ok "it answers" until_ok curl -sf "$X/readyz"
is "reads find the node that is there, each time" "200 200 200 200 200 200 200 200 200" \
    sh -c "for i in 1 2 3 4 5 6 7 8 9; do curl -s -o /dev/null -w '%{http_code} ' '$X/v1/query?concept_path=a/b'; done | sed 's/ \$//'"
is "directly the caller is local" 201 code -d '{"concept_path":"a","predicate":"p","object":1}' "http://127.0.0.1:$P/v1/assert"
is "through it nobody is" 403 code -d '{"concept_path":"a","predicate":"p","object":2}' "$X/v1/assert"
is "nor an admin" 403 code "$X/v1/admin/api-keys"
key=$("$STEME" apikey add proxied --role writer 2>"$T/note") || cat "$T/note"
is "who has a key writes" 201 code -H "X-API-Key: $key" -d '{"concept_path":"a","predicate":"p","object":3}' "$X/v1/assert"
curl -sN "$X/v1/feed" >"$T/feed" 2>&1 &
feed=$!
ok "the feed is open" until_ok test -s "$T/feed"
"$STEME" assert a/live p now >/dev/null
ok "and has each claim at once" until_ok grep -q a/live "$T/feed"
kill "$feed"
wait "$feed" 2>/dev/null
kill "$proxy"
wait "$proxy" 2>/dev/null

is "Envoy asks /readyz, waits longer than a node, and never ends a feed" "/readyz 60s 0s 3 3 3" python3 - "$TOP/etc/examples/envoy.yaml" <<'END'
import sys, yaml
r = yaml.safe_load(open(sys.argv[1]))["static_resources"]
c = r["clusters"][0]
hcm = r["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
routes = hcm["route_config"]["virtual_hosts"][0]["routes"]
assert hcm["use_remote_address"] and all(x["route"]["cluster"] == c["name"] for x in routes)
by = {x["match"].get("path", "/"): x["route"]["timeout"] for x in routes}
weights = [e["load_balancing_weight"] for e in c["load_assignment"]["endpoints"][0]["lb_endpoints"]]
print(c["health_checks"][0]["http_health_check"]["path"], by["/"], by["/v1/feed"], *weights)
END
done_testing
