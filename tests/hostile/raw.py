"""Requests that no HTTP library would send: (name, bytes, statuses allowed).

"closed" is a connection that ends without an answer.
"""
import json

H = b"Host: localhost\r\n"

def req(method, target, headers=b"", body=None, host=H, version=b"HTTP/1.1"):
    if body is not None and b"ength" not in headers and b"ncoding: c" not in headers:
        headers += b"Content-Length: %d\r\n" % len(body)
    return method + b" " + target + b" " + version + b"\r\n" + host + headers + b"\r\n" + (body or b"")

def get(target, headers=b""):
    return req(b"GET", target, headers)

def post(path, body, headers=b""):
    return req(b"POST", path, headers, body)

A, Q, B = b"/v1/assert", b"/v1/query", b"/v1/assertions"
good = {"concept_path": "x/y", "predicate": "p", "object": 1}
def claim(**kw):
    c = dict(good)
    c.update(kw)
    return post(A, json.dumps(c).encode())

R = [
    ("JSON cut short", post(A, b'{"concept_path":"x"'), {400}),
    ("JSON with a comment", post(A, b'{"concept_path":"x/y","predicate":"p","object":1/*c*/}'), {400}),
    ("JSON with a trailing comma", post(A, b'{"concept_path":"x/y","predicate":"p","object":1,}'), {400}),
    ("two JSON values", post(A, b'{"concept_path":"x/y","predicate":"p","object":1} {}'), {400}),
    ("JSON, NUL, garbage", post(A, b'{"concept_path":"x/y","predicate":"p","object":1}\0x'), {400}),
    ("query JSON, NUL, garbage", post(Q, b'{"concept_path":"a/b"}\0x'), {400}),
    ("JSON with a NUL in a string", post(A, b'{"concept_path":"x/y","predicate":"p\\u0000","object":1}'), {400}),
    ("a member twice", post(A, b'{"concept_path":"x/y","predicate":"p","object":1,"object":2}'), {400}),
    ("a deep array", post(A, b"[" * 100000), {400}),
    ("a deep object", post(A, b'{"a":' * 50000), {400}),
    ("a deep query", post(Q, b'{"concept_path":' + b"[" * 50000), {400}),
    ("NaN", post(A, b'{"concept_path":"x/y","predicate":"p","object":NaN}'), {400}),
    ("Infinity", post(A, b'{"concept_path":"x/y","predicate":"p","object":-Infinity}'), {400}),
    ("a number of 100 digits", post(A, b'{"concept_path":"x/y","predicate":"p","object":' + b"9" * 100 + b"}"), {400}),
    ("an exponent of 9999", post(A, b'{"concept_path":"x/y","predicate":"p","object":1e9999}'), {400}),
    ("bad UTF-8", post(A, b'{"concept_path":"x/\xff\xfe","predicate":"p","object":1}'), {400}),
    ("an overlong form", post(A, b'{"concept_path":"x/\xc0\xaf","predicate":"p","object":1}'), {400}),
    ("a lone surrogate", post(A, b'{"concept_path":"x/\\ud800","predicate":"p","object":1}'), {400}),
    ("a byte order mark", post(A, b'\xef\xbb\xbf' + json.dumps(good).encode()), {400}),
    ("UTF-16", post(A, json.dumps(good).encode("utf-16")), {400}),
    ("a JSON string", post(A, b'"hello"'), {400}),
    ("JSON null", post(A, b"null"), {400}),
    ("only blanks", post(A, b" \n\t "), {400}),
    ("a concept that is a number", claim(concept_path=7), {400}),
    ("a concept that is null", claim(concept_path=None), {400}),
    ("a concept of ..", claim(concept_path="x/../y"), {400}),
    ("a concept with a leading @", claim(concept_path="@object/x"), {400}),
    ("an absolute concept", claim(concept_path="/etc/passwd"), {400}),
    ("a concept of 2,000 bytes", claim(concept_path="x/" * 1000), {400, 413}),
    ("a concept of 33 segments", claim(concept_path="/".join("x" * 33)), {400, 413}),
    ("a predicate with a slash", claim(predicate="p/q"), {400}),
    ("a bidirectional override", claim(predicate="p\u202eq"), {400}),
    ("a confidence of 2", claim(confidence=2), {400}),
    ("a confidence of -1", claim(confidence=-1), {400}),
    ("a confidence with 9 decimals", claim(confidence=0.123456789), {400}),
    ("a confidence in words", claim(confidence="high"), {400}),
    ("an unknown class", claim(source_class="king"), {400}),
    ("a bad time", claim(time="2026-02-30T00:00:00.000000Z"), {400}),
    ("second 60", claim(time="2026-01-01T00:00:60.000000Z"), {400}),
    ("the year 10000", claim(time="10000-01-01T00:00:00.000000Z"), {400}),
    ("another's agent, unsigned", claim(agent_id="0" * 64), {403}),
    ("a short signature", claim(signature="00"), {400}),
    ("17 supersedes", claim(supersedes=["%064x" % i for i in range(17)]), {400, 413}),
    ("an object as value", claim(object={"type": "text", "value": {"a": 1}}), {400}),
    ("an unknown type", claim(object={"type": "blob", "value": "x"}), {400}),
    ("a value over the limit", claim(object="v" * 100000), {400, 413}),
    ("an unknown member", claim(colour="red"), {400}),
    ("the operator's tree", claim(concept_path="_steme/config"), {403}),
    ("a limit of -1", get(Q + b"?concept_path=a&limit=-1"), {400}),
    ("a limit of 2^64", get(Q + b"?concept_path=a&limit=18446744073709551617"), {400}),
    ("a limit in JSON of 1e99", post(Q, b'{"concept_path":"a","limit":1e99}'), {400}),
    ("a bad as_of", get(Q + b"?concept_path=a&as_of=2026-13-01"), {400}),
    ("an as_of that injects", get(Q + b"?concept_path=a&as_of=2026-01-01%0d%0aX:%20y"), {400}),
    ("a cursor of 10,000 bytes", get(Q + b"?concept_path=a&cursor=" + b"A" * 8000), {400, 414}),
    ("a cursor of noise", get(Q + b"?concept_path=a&cursor=AAAA%00%ff"), {400}),
    ("a concept with %00", get(Q + b"?concept_path=a%00b"), {400}),
    ("bad UTF-8 by percent", get(Q + b"?concept_path=%ff%fe"), {400}),
    ("a percent sign alone", get(Q + b"?concept_path=a%"), {200, 400}),
    ("percent and no hex", get(Q + b"?concept_path=a%zz%1"), {200, 400}),
    ("an unknown parameter of bad UTF-8", get(Q + b"?%ff%fe%80=1"), {400}),
    ("a parameter cut in a character", get(Q + b"?" + b"x" * 63 + b"\xc3\xa9=1"), {400}),
    ("nothing but separators", get(Q + b"?&&&=&=="), {200, 400}),
    ("a thousand parameters", get(Q + b"?" + b"&".join(b"a=%d" % i for i in range(1000))), {400, 431, "closed"}),
    ("a query string of 20,000 bytes", get(Q + b"?concept_path=" + b"a" * 20000), {400, 414}),
    ("a URI of 100,000 bytes", get(b"/" + b"a" * 100000), {414, 431, "closed"}),
    ("a header of 20,000 bytes", get(Q, b"X-Long: " + b"a" * 20000 + b"\r\n"), {431}),
    ("a header of 1 MB", get(Q, b"X-Long: " + b"a" * 1000000 + b"\r\n"), {413, 431, "closed"}),
    ("5,000 headers", get(Q, b"".join(b"X-%d: y\r\n" % i for i in range(5000))), {413, 431, "closed"}),
    ("200 headers", get(Q, b"".join(b"X-%d: y\r\n" % i for i in range(200))), {431}),
    ("two Host headers", req(b"GET", Q, host=H + b"Host: evil\r\n"), {400}),
    ("no Host", req(b"GET", Q, host=b""), {400}),
    ("two lengths", post(A, b"{}", b"Content-Length: 2\r\nContent-Length: 200\r\n"), {400}),
    ("a length and chunks", post(A, b"0\r\n\r\n", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), {400}),
    ("a blank before a length's colon", get(Q, b"Content-Length : 2\r\n"), {400}),
    ("a tab before it", get(Q, b"Content-Length\t: 2\r\n"), {400}),
    ("a blank before an encoding's colon", get(Q, b"Transfer-Encoding : chunked\r\n"), {400}),
    ("a blank before the first header", req(b"GET", Q, host=b" Content-Length: 2\r\n" + H), {400}),
    ("a name with a slash", get(Q, b"X/Y: x\r\n"), {400}),
    ("a carriage return within a value", get(Q, b"X: a\rContent-Length: 2\r\n"), {400}),
    ("a negative length", post(A, b"", b"Content-Length: -1\r\n"), {400, "closed"}),
    ("a length of words", post(A, b"", b"Content-Length: ten\r\n"), {400, "closed"}),
    ("a length over 2^64", post(A, b"", b"Content-Length: 99999999999999999999999\r\n"), {400, 413, "closed"}),
    ("an unknown transfer encoding", post(A, b"", b"Transfer-Encoding: rot13\r\n"), {400, "closed"}),
    ("chunks with garbage behind", post(A, b"2\r\n{}\r\n0\r\n\r\nGARBAGE /x\r\n\r\n", b"Transfer-Encoding: chunked\r\n"), {400}),
    ("a chunk size that is none", post(A, b"zz\r\n{}\r\n0\r\n\r\n", b"Transfer-Encoding: chunked\r\n"), {400, "closed"}),
    ("a chunk of 2^64 bytes", post(A, b"ffffffffffffffffff\r\n{}", b"Transfer-Encoding: chunked\r\n"), {400, 413, "closed"}),
    ("an unknown method", req(b"BREW", Q), {405}),
    ("a method of 3,000 bytes", req(b"M" * 3000, Q), {405, 400, "closed"}),
    ("a method of odd bytes", req(b"G\xffT", Q), {405, 400, "closed"}),
    ("CONNECT", req(b"CONNECT", b"localhost:22"), {400, 404, 405}),
    ("TRACE", req(b"TRACE", Q), {405}),
    ("PUT", req(b"PUT", A, body=b"{}"), {405}),
    ("a target of another site", get(b"http://evil.example/v1/query"), {400, 403, 404}),
    ("path traversal", get(b"/v1/objects/../../../../etc/passwd"), {404}),
    ("path traversal, escaped", get(b"/v1/objects/%2e%2e%2f%2e%2e%2fetc%2fpasswd"), {404}),
    ("a path of bad UTF-8", get(b"/\xff\xfe\x80"), {404}),
    ("a path with a quote and a newline", get(b"/%22%0a\"x"), {404}),
    ("an object id of 63 digits", get(b"/v1/objects/" + b"a" * 63), {404}),
    ("an object id with NUL", get(b"/v1/objects/" + b"a" * 63 + b"%00"), {404}),
    ("HTTP/3.7", req(b"GET", Q, version=b"HTTP/3.7"), {200, 400, 505, "closed"}),
    ("HTTP/0.9", b"GET /v1/query\r\n\r\n", {200, 400, "closed"}),
    ("TLS", bytes.fromhex("16030100c8010000c40303") + b"\0" * 190, {400, "closed"}),
    ("an HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 404, 405, 505, "closed"}),
    ("noise", bytes(range(256)) * 8 + b"\r\n\r\n", {400, 404, 405, "closed"}),
    ("a smuggled request", post(A, b"{}GET /x HTTP/1.1\r\n\r\n", b"Content-Length: 2\r\n"), {400}),
    ("bulk of noise", post(B, bytes(range(256)) * 64), {200}),
    ("bulk of brackets", post(B, b"[\n" * 2000), {200}),
    ("bulk as gzip that is none", post(B, b"x" * 100, b"Content-Encoding: gzip\r\n"), {400}),
]
