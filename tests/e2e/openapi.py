#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Walks api/openapi.json against a live sidecar.

usage: openapi.py URL DOCUMENT PROGRAM DAEMON-PID FOLDER BADSYNC

Every documented operation is asked, every documented status is provoked (also those that
any operation may answer), every answer is held against its schema (members that are not
documented are mistakes, too), and the program's table of routes has exactly what is
documented.  At the end the daemon is stopped, made to fail by the file BADSYNC, and gone,
to see what is said without it.
"""
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

URL, DOCUMENT, PROGRAM, PID, FOLDER, BADSYNC = sys.argv[1:]
HOST = URL.split("//")[1]
DOC = json.load(open(DOCUMENT))
METHODS = ("get", "post", "delete")
TIMEOUT = 30
passed = 0
failures = []
seen = set()
seen_default = set()        # statuses that an operation's `default` stands for


def check(good, sentence, *more):
    global passed
    if good:
        passed += 1
    else:
        failures.append(sentence)
        print("FAIL", sentence, *more)


# ---- schemas: the part of JSON Schema that the document uses

def resolve(s):
    while "$ref" in s:
        at = DOC
        for part in s["$ref"][2:].split("/"):
            at = at[part]
        s = at
    return s


TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool,
         "object": dict, "array": list, "null": type(None)}
KEYWORDS = {"type", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "items",
            "properties", "required", "anyOf", "additionalProperties", "description", "default"}


def is_type(v, t):
    if isinstance(v, bool) and t in ("integer", "number"):
        return False
    return isinstance(v, TYPES[t])


def object_faults(v, s, where):
    known = s.get("properties", {})
    for name in s.get("required", []):
        if name not in v:
            yield f"{where}: {name} is missing"
    extra = s.get("additionalProperties", not known)
    for name, x in v.items():
        if name in known:
            yield from faults(x, known[name], f"{where}.{name}")
        elif isinstance(extra, dict):
            yield from faults(x, extra, f"{where}.{name}")
        elif not extra:
            yield f"{where}: {name} is not documented"


def faults(v, s, where="$"):
    s = resolve(s)
    if set(s) - KEYWORDS:
        yield f"{where}: the walk does not know {set(s) - KEYWORDS}"
    if "anyOf" in s:
        tried = [list(faults(v, x, where)) for x in s["anyOf"]]
        if all(tried):
            yield min(tried, key=len)[0]
    types = s.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(is_type(v, t) for t in types):
        yield f"{where}: {v!r} is no {types}"
        return
    if "enum" in s and v not in s["enum"]:
        yield f"{where}: {v!r} is none of {s['enum']}"
    if isinstance(v, str) and not re.search(s.get("pattern", ""), v):
        yield f"{where}: {v!r} is not as {s['pattern']}"
    if isinstance(v, str) and not s.get("minLength", 0) <= len(v) <= s.get("maxLength", len(v)):
        yield f"{where}: {v!r} has a wrong length"
    if is_type(v, "number") and not s.get("minimum", v) <= v <= s.get("maximum", v):
        yield f"{where}: {v} is out of range"
    if isinstance(v, list):
        for i, x in enumerate(v):
            yield from faults(x, s.get("items", {}), f"{where}[{i}]")
    if isinstance(v, dict) and (types or "properties" in s):
        yield from object_faults(v, s, where)


# ---- the document's paths

def pattern_of(template):
    parts = re.split(r"(\{[a-z]+\})", template)
    return re.compile("".join("[^/.]+" if p.startswith("{id") else "[^/]+" if p.startswith("{")
                              else re.escape(p) for p in parts) + r"\Z")


# literal paths before templates, as a router has it
TEMPLATES = sorted(((t, pattern_of(t)) for t in DOC["paths"]), key=lambda x: ("{" in x[0], -len(x[0])))


def template_of(path):
    return next((t for t, p in TEMPLATES if p.match(path)), None)


def operations():
    for template, item in DOC["paths"].items():
        for method in METHODS:
            if method in item:
                yield template, method, item[method]


# ---- asking

class Answer:
    def __init__(self, status, headers, data):
        self.status, self.headers, self.data = status, headers, data
        self.type = headers.get("Content-Type", "")

    def json(self):
        return json.loads(self.data)


def ask(method, path, body=None, headers=None):
    c = http.client.HTTPConnection(HOST, timeout=TIMEOUT)
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
    c.request(method.upper(), path, body, headers or {})
    r = c.getresponse()
    if r.headers.get("Content-Type") == "text/event-stream" and method == "get":
        data = r.read1(4096)        # it has no end
    else:
        data = r.read()
    c.close()
    return Answer(r.status, r.headers, data)


def check_error(a, what):
    check(a.type == "application/problem+json", f"{what}: {a.status} is a problem document", a.type)
    try:
        found = list(faults(a.json(), DOC["components"]["schemas"]["Problem"]))
    except ValueError as e:
        found = [str(e)]
    check(not found, f"{what}: the problem of {a.status} is as documented", *found)
    check(not found and a.json()["status"] == a.status, f"{what}: it names its status")


def check_content(a, content, what):
    check(a.type in content, f"{what}: {a.type} is documented", list(content))
    schema = content.get(a.type, {}).get("schema", {})
    texts = [a.data]
    if a.type == "application/x-ndjson":
        texts = a.data.splitlines()
    elif "json" not in a.type:
        check(a.data, f"{what}: there is something")
        return
    for t in texts:
        found = list(faults(json.loads(t), schema))
        check(not found, f"{what}: the answer is as documented", *found, t[:300])


def call(method, path, body=None, want=None, headers=None):
    """Asks, and holds the answer against the document."""
    template = template_of(path.split("?")[0])
    what = f"{method.upper()} {path[:80]}"
    a = ask(method, path, body, headers)
    op = DOC["paths"].get(template, {}).get(method)
    if op is None:
        check(False, f"{what}: is documented")
        return a
    if want is not None:
        check(a.status == want, f"{what}: answers {want}", f"not {a.status}", a.data[:300])
    response = op["responses"].get(str(a.status))
    if response is None:
        check(a.status >= 400 and "default" in op["responses"], f"{what}: {a.status} is documented")
        check_error(a, what)
        seen_default.add(a.status)
        return a
    seen.add((template, method, a.status))
    if a.status >= 400:
        check_error(a, what)
    elif a.status == 304:
        check(a.data == b"", f"{what}: 304 has no body")
    else:
        check_content(a, resolve(response)["content"], what)
        if isinstance(body, dict):
            schema = op["requestBody"]["content"]["application/json"]["schema"]
            found = list(faults(body, schema))
            check(not found, f"{what}: what was taken is documented", *found)
    return a


# ---- objects

def openssl(*args, stdin=None):
    return subprocess.run(("openssl",) + args, input=stdin, stdout=subprocess.PIPE, check=True).stdout


def sign(text):
    file = os.path.join(FOLDER, "signed")
    with open(file, "wb") as f:
        f.write(text)
    return openssl("pkeyutl", "-sign", "-rawin", "-inkey", KEY, "-in", file).hex()


def blake(b):
    return hashlib.blake2b(b, digest_size=32).digest()


KEY = os.path.join(FOLDER, "walk.pem")
openssl("genpkey", "-algorithm", "ed25519", "-out", KEY)
AGENT = openssl("pkey", "-in", KEY, "-pubout", "-outform", "DER")[-32:].hex()
NOW = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())


def walk_kind(route, fields):
    """201 for fields, 200 for the very object, 422 for one with another's signature."""
    made = call("post", f"/v1/{route}", fields, 201).json()["id"]
    text = ask("get", f"/v1/objects/{made}").data.decode()
    sig = ask("get", f"/v1/objects/{made}.sig").data.hex()
    call("post", f"/v1/{route}", {"text": text, "signature": sig}, 200)
    other = re.sub(r"(?m)^agent .*", f"agent {AGENT}", text)
    call("post", f"/v1/{route}", {"text": other, "signature": sig}, 422)
    return made


def walk_batch():
    member = (f"steme assertion 1\nconcept in/batch\npredicate p\ntype text\nconfidence 0.9\nclass expert\n"
              f"time {NOW}\nagent {AGENT}\n\nx").encode()
    name = blake(member)
    batch = f"steme batch 1\ncount 1\nroot {blake(bytes(1) + name).hex()}\ntime {NOW}\nagent {AGENT}\n\n"
    body = {"text": batch, "signature": sign(batch.encode()), "ids": [name.hex()],
            "members": [member.decode()]}
    call("post", "/v1/batch", dict(body, ids=["0" * 64]), 422)
    call("post", "/v1/batch", body, 201)
    call("post", "/v1/batch", body, 200)
    return name.hex()


def walk_writes():
    a = walk_kind("assert", {"concept_path": "a/b", "predicate": "p", "object": "one",
                             "source": "https://example.org/x"})
    # somebody else's, older: so there is a conflict, and something to fall back to
    text = (f"steme assertion 1\nconcept a/b\npredicate p\ntype number\nconfidence 0.9\nclass expert\n"
            f"parent {a}\ntime 2026-01-01T00:00:00.000000Z\nagent {AGENT}\n\n2")
    call("post", "/v1/assert", {"text": text, "signature": sign(text.encode())}, 201)
    call("post", "/v1/assert", {"concept_path": "a", "predicate": "must_use", "object": "a/b"}, 201)
    walk_kind("vote", {"concept_path": "a/b", "assertion": a, "weight": 0.5})
    walk_kind("epoch", {"name": "e1"})
    walk_kind("alias", {"from": "a/b", "to": "a/c"})
    walk_kind("trust", {"of": AGENT, "weight": 0.7})
    walk_kind("revoke", {"of": "00" * 31 + "01", "since": NOW})
    b = call("post", "/v1/assert", {"concept_path": "x", "predicate": "p", "object": True}, 201).json()["id"]
    walk_kind("retract", {"concept_path": "x", "assertion": b, "reason": "wrong"})
    lines = [{"concept_path": "bulk", "predicate": "p", "object": 1}, {"concept_path": "bulk"}]
    a2 = call("post", "/v1/assertions", "\n".join(json.dumps(x) for x in lines), 200)
    check(len(a2.data.splitlines()) == 2, "each line of a bulk upload has its answer")
    call("post", "/v1/assertions", "x", 400, {"Content-Encoding": "gzip"})
    return a, walk_batch()


def walk_reads(one, member):
    for path in (f"/v1/objects/{one}", f"/v1/objects/{one}.sig", f"/v1/objects/{one}.json",
                 f"/v1/objects/{member}.proof", f"/v1/proof/{one}", f"/v1/proof/{member}",
                 "/openapi.json", "/", "/ui/app.js", "/ui/style.css", "/ui/icon.svg"):
        a = call("get", path, want=200)
        call("get", path, want=304, headers={"If-None-Match": a.headers["ETag"]})
    for ext in ("", ".sig", ".json", ".proof"):
        call("get", f"/v1/objects/{'0' * 64}{ext}", want=404)
    call("get", f"/v1/proof/{'0' * 64}", want=404)
    call("get", "/ui/none.js", want=404)
    for lens in ("recency", "skeptic", "layered", "constraints", "votes"):
        a = call("get", f"/v1/query?concept_path=a/b&lens={lens}", want=200)
        check(a.json()["results"], f"lens {lens} has an answer to look at")
        call("post", "/v1/query", {"concept_path": "a/b", "lens": lens}, 200)
    for lens in ("skeptic", "layered", "constraints"):
        check(call("get", f"/v1/{lens}?concept_path=a/b", want=200).json()["results"], f"so has /v1/{lens}")
    for path, list_ in (("/v1/history?concept_path=a/b", "results"), ("/v1/agents", "agents"),
                        ("/v1/diff?concept_path=a/b&lens=recency&lens2=skeptic", "differences"),
                        ("/v1/sources", "sources"), ("/v1/concepts", "concepts"),
                        ("/v1/concepts?prefix=a", "concepts"), ("/v1/audit", "entries"),
                        ("/v1/sources/impact?source=https://example.org/x", "changes")):
        check(call("get", path, want=200).json()[list_], f"{path} has an item to look at")
    for path in ("/v1/health", "/healthz", "/readyz", "/metrics"):
        call("get", path, want=200)


def walk_admin():
    admin = "/v1/admin/"
    call("post", admin + "rate-limit", {"max_writes_per_sec": 100000, "agent_id": "somebody",
                                        "max_requests_per_min": 100}, 200)
    check(call("get", admin + "rate-limit", want=200).json()["agents"], "a limit of an agent is told")
    call("delete", admin + "rate-limit", want=200)
    for spelling in ("circuit-breaker", "circuit-breakers"):
        call("post", admin + spelling + "/trip", {"agent_id": "somebody", "reason": "a test"}, 200)
        check(call("get", admin + spelling + "/tripped", want=200).json()["tripped"], "a tripped breaker is told")
        check(call("get", admin + spelling, want=200).json()["breakers"], "among all, too")
        call("post", admin + spelling + "/reset", {"agent_id": "somebody"}, 200)
    call("get", admin + "slow-queries", want=200)
    key = call("post", admin + "api-keys", {"name": "walk", "role": "reader"}, 201).json()["id"]
    check(call("get", admin + "api-keys", want=200).json()["keys"], "an API key is told")
    for change in ("disable", "enable"):
        call("post", f"{admin}api-keys/{key}/{change}", want=200)
        call("post", f"{admin}api-keys/none/{change}", want=404)
    call("delete", f"{admin}api-keys/{key}", want=200)
    call("delete", f"{admin}api-keys/{key}", want=404)
    call("post", admin + "node/drain", want=200)
    call("get", "/readyz", want=503)
    call("post", admin + "node/undrain", want=200)
    call("post", admin + "indexes/rebuild", want=202)
    call("get", admin + "indexes/status", want=200)
    call("post", admin + "storage/compact", {"force": True}, 202)
    call("get", admin + "storage/stats", want=200)


def walk_cluster():
    call("get", "/cluster/health", want=200)
    call("get", "/v1/admin/cluster/status", want=200)
    for base in ("/cluster/", "/v1/admin/cluster/"):
        name = call("get", base + "members", want=200).json()["members"][0]["name"]
        call("get", base + "sync_status", want=200)
        call("post", base + "sync", {"target_node": name, "force": True}, 200)
        call("post", base + "sync", {"replica_id": "no-such-node"}, 404)
        call("get", base + "shards", want=200)
        call("get", base + "shards/", want=200)
        call("get", base + "shards/7", want=200)
        call("get", base + "shards/abc123", want=404)
    for base in ("/admin/", "/v1/admin/"):
        call("post", base + "shards/rebalance", {"shard_id": "1", "target_node": name, "reason": "test"}, 200)
        call("post", base + "shards/rebalance", {"shard_id": "abc123", "target_node": name}, 404)


# ---- what every operation that documents it must do

NEEDS = {"/v1/query": {"concept_path": "a/b"}, "/v1/skeptic": {"concept_path": "a/b"},
         "/v1/layered": {"concept_path": "a/b"}, "/v1/constraints": {"concept_path": "a/b"},
         "/v1/diff": {"concept_path": "a/b", "lens2": "skeptic"}}


def concrete(template):
    return re.sub(r"\{[a-z]+\}", lambda m: {"{id}": "0" * 64, "{file}": "app.js"}.get(m[0], "7"), template)


def query(params):
    return "?" + "&".join(f"{k}={v}" for k, v in params.items()) if params else ""


def walk_parameters(template, op):
    known = [resolve(p) for p in op.get("parameters", [])]
    base = dict(NEEDS.get(template, {}))
    base.update({p["name"]: p["example"] for p in known if p.get("required") and p["in"] == "query"})
    for p in known:
        if p["in"] != "query" or "example" not in p:
            continue
        given = {**base, p["name"]: p["example"]}
        if p["name"] == "prefix":
            given.pop("concept_path", None)
        call("get", template + query(given), want=200)
    if "400" in op["responses"]:
        call("get", template + query({**base, "nonsense": 1}), want=400)


def too_large(template):
    """Announced, and not sent."""
    with socket.create_connection(HOST.rsplit(":", 1), timeout=TIMEOUT) as s:
        s.sendall((f"POST {template} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000000000\r\n"
                   "Expect: 100-continue\r\n\r\n").encode())
        got = s.recv(65536)
    check(got.startswith(b"HTTP/1.1 413 "), f"POST {template} of 1 GB: answers 413", got[:200])
    seen.add((template, "post", 413))


def walk_generic():
    for template, method, op in operations():
        path = concrete(template)
        if method == "get" and "{" not in template:
            walk_parameters(template, op)
        if method == "post" and "400" in op["responses"] and template != "/v1/assertions":
            call("post", path, "{", 400)
        if "401" in op["responses"]:
            call(method, path, want=401, headers={"X-API-Key": "steme_0000000000000000_wrong"})
        if "403" in op["responses"]:
            call(method, path, want=403, headers={"Host": "evil.example"})
        if "413" in op["responses"]:
            too_large(template)
        if method == "get" and template != "/v1/feed":
            a = ask("get", path)
            h = ask("head", path)
            check(h.data == b"" and h.status == a.status, f"HEAD {path}: as GET, without a body")


def walk_absent():
    """What is not documented is not there."""
    for template, item in DOC["paths"].items():
        path = concrete(template)
        known = {m.upper() for m in item if m in METHODS}
        # another template may fit the same path: its methods are there, too
        for other, p in TEMPLATES:
            if p.match(path):
                known |= {m.upper() for m in DOC["paths"][other] if m in METHODS}
        known |= {"HEAD"} if "GET" in known else set()
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH"} - known:
            a = ask(method, path)
            if "{" in template and a.status == 404:
                continue        # below a route that takes any rest
            check(a.status == 405, f"{method} {path}: answers 405", f"not {a.status}")
            check_error(a, f"{method} {path}")
            seen_default.add(a.status)
            allow = set(a.headers.get("Allow", "").replace(",", " ").split())
            check("{" in template or allow == known, f"{method} {path}: Allow has what is documented", allow, known)
        if template_of(path + "/") is None and "{" not in template and path != "/":
            a = ask("get", path + "/")
            check(a.status == 404, f"GET {path}/: answers 404", f"not {a.status}")
            check_error(a, f"GET {path}/")
    for path in ("/v1", "/v2/query", "/nothing", "/v1/querys", "/cluster", "/v1/admin"):
        a = ask("get", path)
        check(a.status == 404, f"GET {path}: answers 404", f"not {a.status}")
        check_error(a, f"GET {path}")


def walk_routes():
    """The program's routes are those of the document."""
    lines = subprocess.run((PROGRAM, "--routes"), stdout=subprocess.PIPE, check=True, text=True).stdout.split("\n")
    routes = [tuple(x.split(" ", 1)) for x in lines if x]
    used = set()
    check(len(routes) > 40, "the program tells its routes")
    for template, method, _ in operations():
        path = concrete(template)
        fits = [r for r in routes if r[0] == method.upper() and
                (r[1] == path or (r[1].endswith("*") and path.startswith(r[1][:-1]) and path != r[1][:-1]))]
        check(fits, f"{method.upper()} {template}: the program has a route for it")
        used.update(fits[:1])
    for r in routes:
        check(r in used, f"{r[0]} {r[1]}: the route is documented")


def walk_default():
    """Statuses that any operation may answer."""
    claim = {"concept_path": "a/b", "predicate": "p", "object": "never stored"}
    call("get", "/v1/query?concept_path=" + "a" * 9000, want=414)
    call("post", "/v1/assert", claim, 415, {"Content-Encoding": "gzip"})
    call("post", "/v1/query", {"concept_path": "a/b"}, 415, {"Content-Encoding": "br"})
    call("post", "/v1/assertions", json.dumps(claim), 415, {"Content-Encoding": "br"})
    call("get", "/v1/query?concept_path=a/b", want=431, headers={"X-Long": "a" * 9000})
    me = {"agent_id": f"uid-{os.getuid()}"}
    call("post", "/v1/admin/rate-limit", {**me, "max_requests_per_min": 0}, 200)
    a = call("post", "/v1/assert", claim, 429)
    for name in ("Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"):
        check(a.headers.get(name, "").isdigit(), f"429 has {name}", a.headers)
    call("delete", "/v1/admin/rate-limit", want=200)
    os.kill(int(PID), signal.SIGSTOP)
    call("get", "/v1/agents", want=504)
    call("post", "/v1/query", {"concept_path": "never/asked"}, 504)
    os.kill(int(PID), signal.SIGCONT)


def walk_alone():
    """The disk refuses a sync, and the daemon ends."""
    open(BADSYNC, "w").close()
    call("post", "/v1/assert", {"concept_path": "a/b", "predicate": "p", "object": "never on disk"}, 500)
    try:
        os.kill(int(PID), signal.SIGKILL)
    except ProcessLookupError:
        pass                    # it was quicker
    for _ in range(600):
        if ask("get", "/v1/health").status == 503:
            break
        time.sleep(0.05)
    call("get", "/v1/health", want=503)
    call("get", "/healthz", want=200)
    call("get", "/metrics", want=200)
    for path in ("/v1/query?concept_path=never/asked", "/v1/agents", "/v1/admin/storage/stats"):
        a = call("get", path, want=503)
        check("Retry-After" in a.headers, f"GET {path}: says when to try again")


walk_routes()
walk_reads(*walk_writes())
walk_admin()
walk_cluster()
walk_generic()
walk_absent()
walk_default()
walk_alone()
for template, method, op in operations():
    for status in op["responses"]:
        if status != "default" and (template, method, int(status)) not in seen:
            check(False, f"{method.upper()} {template}: {status} is documented, but nothing here makes it")
for status in re.findall(r"\b[45][0-9][0-9]\b", DOC["components"]["responses"]["Problem"]["description"]):
    check(int(status) in seen_default, f"any operation may answer {status}, but nothing here makes it")
print(f"{passed} passed, {len(failures)} failed")
sys.exit(1 if failures or passed == 0 else 0)
