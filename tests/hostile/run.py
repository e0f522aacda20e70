#!/usr/bin/env python3
"""Sends hostile requests, and says of each "ok NAME" or "no NAME: what came".

usage: run.py PORT NODE-ID ROUTES-FILE

ROUTES-FILE has a line "METHOD PATTERN" a route.  The requests are

* the tables *.tsv beside this file: the statuses allowed (or "closed"), what the problem's detail must match (a regular
  expression; "-": anything; "bare": there need be no problem), method and target, body, headers with "|" between them.  \\xHH is a byte, <<TEXT*N>> is TEXT N
  times, SELF the node's id;
* raw.py: what no HTTP library would send;
* for every route what fits it: bodies that are no JSON object, odd parameters, other methods.
"""
import concurrent.futures, glob, json, os, re, socket, sys, zlib

import raw

PORT, NODE = int(sys.argv[1]), sys.argv[2]
HERE = os.path.dirname(os.path.abspath(__file__))

def request(line, body=b"", headers=b""):
    head = line + b" HTTP/1.1\r\n"
    given = headers.lower()
    if b"\r\nhost:" not in b"\r\n" + given:
        head += b"Host: localhost\r\n"
    if body or not line.startswith((b"GET ", b"HEAD ")):
        head += b"Content-Length: %d\r\n" % len(body)
    return head + headers + b"\r\n" + body

# ---- the tables

def octets(text):
    b = text.replace("SELF", NODE).encode()
    b = re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes.fromhex(m[1].decode()), b)
    return re.sub(rb"<<(.*?)\*(\d+)>>", lambda m: m[1] * int(m[2]), b, flags=re.S)

def table(path):
    for n, line in enumerate(open(path, encoding="utf-8").read().split("\n"), 1):
        if not line or line.startswith("#"):
            continue
        statuses, detail, target, body, headers = (line.split("\t") + ["", ""])[:5]
        fields = octets(headers)
        if fields and not fields.endswith(b"|"):
            fields += b"|"
        allowed = {s if s == "closed" else int(s) for s in statuses.split(",")}
        yield ("%s:%d %s" % (os.path.basename(path), n, line.split("\t", 2)[2].expandtabs(1)[:90]),
               request(octets(target), octets(body), fields.replace(b"|", b"\r\n")), allowed, detail)

# ---- every route

def bomb():
    c = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(c.compress(b"\0" * (1 << 20)) for _ in range(64)) + c.flush()

BODIES = [
    ("nothing but a bracket", b"["), ("half a string", b'{"a":"'), ("not UTF-8", b'{"a":"\xff\xfe\xc0\xaf"}'),
    ("a lone surrogate", b'{"a":"\\ud800"}'), ("NaN", b'{"a":NaN}'), ("a member twice", b'{"a":1,"a":1}'),
    ("a byte order mark", b"\xef\xbb\xbf{}"), ("UTF-16", "{}".encode("utf-16")), ("an array", b"[]"), ("null", b"null"),
    ("a number", b"1e9999"), ("too deep", b'{"a":' * 5000), ("an unknown member", b'{"no such member":1}'),
    ("a NUL behind", b"{}\0"), ("two values", b"{}{}"), ("a form", b"a=1&b=2"), ("a thousand members",
    b"{" + b",".join(b'"m%d":0' % i for i in range(1000)) + b"}"), ("a gzip bomb", bomb()),
]
ODD = [
    ("a thousand blanks", b"?" + b"%20" * 1000), ("a NUL", b"?%00=%00"), ("half a percent", b"?a=%"), ("bad UTF-8", b"?%ff=%fe"),
    ("a line end", b"?a=%0d%0aX-Injected:%20yes"), ("no name", b"?=&=&="), ("a fragment", b"#x"),
]

def every_route(path):
    routes = [line.split() for line in open(path)]
    methods = {}
    for method, pattern in routes:
        methods.setdefault(pattern.encode(), set()).add(method)
    for pattern, known in methods.items():
        # "*" itself names nothing there is
        for m in (b"BREW", b"PUT", b"TRACE"):
            yield "%s %s" % (m.decode(), pattern.decode()), request(m + b" " + pattern, b"{}"), {404, 405}, "-"
        if "GET" in known:
            for what, query in ODD:
                if not (pattern == b"/v1/feed" and what == "a fragment"):    # that is a feed
                    yield ("GET %s with %s" % (pattern.decode(), what), request(b"GET " + pattern + query),
                           {200, 400, 404, 415}, "-")
        for m in known & {"POST", "DELETE"}:
            for what, body in BODIES:
                if m == "DELETE" and b"*" not in pattern:
                    continue        # takes no body, and does what it says
                # /v1/assertions answers line by line; a body of no use to an id that is not there
                allowed = {200} if pattern == b"/v1/assertions" else {400, 404, 413}
                yield "%s %s: %s" % (m, pattern.decode(), what), request(m.encode() + b" " + pattern, body), allowed, "-"
    yield ("a gzip bomb of 64 MiB is a line too long", request(b"POST /v1/assertions", bomb(), b"Content-Encoding: gzip\r\n"),
           {200}, "-")

# ---- sending

def head_of(got):
    head, sep, body = got.partition(b"\r\n\r\n")
    lengths = [int(l.split(b":")[1]) for l in head.split(b"\r\n") if l.lower().startswith(b"content-length:")]
    return head, body, lengths[0] if sep and lengths else None

def ask(data):
    got = b""
    with socket.socket() as s:
        s.settimeout(60)
        s.connect(("127.0.0.1", PORT))
        try:
            s.sendall(data)
        except OSError:
            pass
        try:
            while True:
                head, body, length = head_of(got)
                if length is not None and (len(body) >= length or data.startswith(b"HEAD ")):
                    break
                b = s.recv(65536)
                if not b:
                    break
                got += b
        except ConnectionError:
            pass
        except socket.timeout:
            return "hang", got
    if not got:
        return "closed", got
    try:
        return int(got.split(b" ", 2)[1]), got
    except (ValueError, IndexError):
        return "noise", got

def fault(status, got, detail):
    """What is wrong with an answer of ours; libmicrohttpd's own, to what is no HTTP, have no problem document."""
    head, body, length = head_of(got)
    if b"\r\nx-injected" in head.lower():
        return "a header was injected"
    if not isinstance(status, int) or status < 400:
        return None
    if b"application/problem+json" not in head:
        return None if detail in (None, "bare") else "no problem document"
    try:
        problem = json.loads(body[:length].decode("utf-8"))
        if problem["status"] != status or not problem["title"] or not problem["type"].startswith("urn:stemedb:problem:"):
            return "an odd problem document"
        if not problem["detail"]:
            return "a problem without a detail"
        if re.match("malformed (?!JSON)|has |holds |must |is not ", problem["detail"]):
            return "a detail that does not say what it is about"
    except (ValueError, KeyError) as e:
        return "a broken problem document: %s" % e
    if detail not in (None, "-", "bare") and not re.search(detail, problem["detail"]):
        return "the detail does not say %r" % detail
    return None

def trial(t):
    name, data, allowed, detail = t
    status, got = ask(data)
    wrong = fault(status, got, detail)
    if status not in allowed:
        wrong = "%s instead of %s" % (status, "/".join(map(str, sorted(allowed, key=str))))
    name = name.encode("unicode_escape").decode()
    return "ok %s" % name if wrong is None else "no %s: %s: %s" % (name, wrong, got[:600])

def all_requests():
    for path in sorted(glob.glob(HERE + "/*.tsv")):
        yield from table(path)
    for name, data, allowed in raw.R:
        yield name, data, allowed, None
    yield from every_route(sys.argv[3])

with concurrent.futures.ThreadPoolExecutor(12) as pool:
    for line in pool.map(trial, all_requests()):
        print(line)
