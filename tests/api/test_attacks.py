"""Attacks on tokens, bodies and connections, each tried on every surface: forged and stale tokens, text that is none, deep and
large bodies, requests that are slow, cut or contradict themselves."""

import base64
import hashlib
import hmac
import json
import subprocess
import time
import uuid

import pytest

from support.front import REFRESH, SECRET, Reply, body_of, read_all, status_of, token
from support.proc import wait_for

END = b"\r\n\r\n"

# one protected operation of each surface: path, operation, the word for a bad token
SURFACES = {
    "code": ("/patient/appointments/1", "booking.get_appointment", lambda r: r.json()["code"] == 105),
    "v1": ("/api/v1/appointments/1", "booking.v1_get_appointment", lambda r: r.json()["data"]["code"].startswith("TOKEN_")),
    "unversioned": ("/api/appointments/1", "booking.v1_get_appointment", lambda r: r.json()["data"]["code"].startswith("TOKEN_")),
    "heartbeat": ("/appointment/by_id/1", "booking.hb_get_appointment",
                  lambda r: r.json() == {"detail": "Could not validate credentials"}),
}


@pytest.fixture(params=SURFACES)
def surface(request):
    return SURFACES[request.param]


@pytest.fixture(autouse=True)
def still_serves(front, broker):
    pid = front.process.pid
    yield
    assert front.process.running() and front.process.pid == pid
    assert front.get("/healthz").status_code == 200


def b64(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).rstrip(b"=").decode()


def claims(**more):
    now = int(time.time())
    return {"iss": "guahao", "sub": "42", "jti": str(uuid.uuid4()), "sid": str(uuid.uuid4()), "typ": "access", "iat": now,
            "nbf": now, "exp": now + 1800, "roles": ["ADMIN"], **more}


def signed(header, body, key=SECRET, digest=hashlib.sha256):
    text = b64(header) + "." + b64(body)
    return text + "." + b64(hmac.new(key if isinstance(key, bytes) else key.encode(), text.encode(), digest).digest())


def without(name):
    body = claims()
    del body[name]
    return signed({"alg": "HS256", "typ": "JWT"}, body)


HS = {"alg": "HS256", "typ": "JWT"}
GOOD = token()
HEAD, BODY, SIGN = GOOD.split(".")
FORGED = {
    "alg none": b64({"alg": "none"}) + "." + b64(claims()) + ".",
    "alg None": b64({"alg": "None", "typ": "JWT"}) + "." + b64(claims()) + ".",
    "alg NONE, signed": signed({"alg": "NONE"}, claims()),
    "alg none, good signature kept": b64({"alg": "none"}) + "." + BODY + "." + SIGN,
    "alg none, empty key": signed({"alg": "none"}, claims(), key=""),
    "no alg": signed({"typ": "JWT"}, claims()),
    "alg of another size": signed({"alg": "HS512"}, claims(), digest=hashlib.sha512),
    "alg is a number": signed({"alg": 1}, claims()),
    "alg twice": b64(b'{"alg":"none","alg":"HS256"}') + "." + b64(claims()) + ".",
    "empty key": signed(HS, claims(), key=""),
    "key of refresh tokens": signed(HS, claims(), key=REFRESH),
    "kid is a path": signed({**HS, "kid": "../../../../dev/null"}, claims(), key=""),
    "kid is SQL": signed({**HS, "kid": "x' union select 'key"}, claims(), key="key"),
    "kid is empty, other key": signed({**HS, "kid": ""}, claims(), key="x"),
    "kid is an object": signed({**HS, "kid": {"a": 1}}, claims(), key="x"),
    "a key of one's own": signed({**HS, "jwk": {"kty": "oct", "k": b64(b"mine")}}, claims(), key="mine"),
    "a key from elsewhere": signed({**HS, "jku": "http://127.0.0.1:9/keys"}, claims(), key="mine"),
    "unsigned": HEAD + "." + BODY + ".",
    "two parts": HEAD + "." + BODY,
    "four parts": GOOD + ".x",
    "five parts": GOOD + ".x.y",
    "other claims, old signature": HEAD + "." + b64(claims(sub="1")) + "." + SIGN,
    "one bit": HEAD + "." + BODY + "." + b64(bytes([base64.urlsafe_b64decode(SIGN + "==")[0] ^ 1])
                                               + base64.urlsafe_b64decode(SIGN + "==")[1:]),
    "half a signature": HEAD + "." + BODY + "." + SIGN[:21],
    "signature and more": GOOD + "AAAA",
    "refresh token": token(typ="refresh", secret=REFRESH),
    "refresh typ, access key": token(typ="refresh"),
    "no typ": without("typ"),
    "mail link": signed(HS, {"sub": "a@example.org", "exp": int(time.time()) + 1800}),
    "another issuer": token(iss="https://evil.example"),
    "issuer as a list": token(iss=["guahao"]),
    "no issuer": without("iss"),
    "not yet valid": token(nbf=int(time.time()) + 3600),
    "issued tomorrow": token(iat=int(time.time()) + 86400, nbf=int(time.time())),
    "no end": without("exp"),
    "end as text": token(exp=str(int(time.time()) + 1800)),
    "end as a fraction": token(exp=time.time() + 1800.5),
    "end at zero": token(exp=0),
    "end below zero": token(exp=-1),
    "end of a large number": signed(HS, claims()).replace(b64(claims())[:1], b64(claims())[:1], 1)[:-1],
    "subject zero": token(user=0),
    "subject below zero": token(user=-5),
    "subject is a name": token(user="admin"),
    "subject is a list": token(user=None, sub=["1"]),
    "subject with SQL": token(user="1 or 1=1"),
    "subject too large": token(user="99999999999999999999"),
    "no subject": without("sub"),
    "no session": without("sid"),
    "session is no uuid": token(sid="1"),
    "no jti": without("jti"),
    "claims are a list": signed(HS, [1]),
    "claims are text": signed(HS, "x"),
    "claims are no JSON": HEAD + "." + b64(b"{") + "." + SIGN,
    "claims twice": signed(HS, claims()).split(".")[0] + "." + b64(b'{"sub":"1","sub":"2"}') + "." + SIGN,
    "nested deeply": HEAD + "." + b64(b'{"a":' * 2000 + b"1" + b"}" * 2000) + "." + SIGN,
    "base64 with padding": HEAD + "==." + BODY + "." + SIGN,
    "base64 of the other alphabet": HEAD + "." + BODY + "." + SIGN[:-1] + "+",
    "blanks within": HEAD + ". " + BODY + "." + SIGN,
    "NUL": HEAD + "." + b64(b'{"sub":"1\0"}') + "." + SIGN,
    "as long as a header may be": "a." + "b" * 12000 + ".c",
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_tokens_are_refused(front, broker, name):
    for path, operation, told in SURFACES.values():
        broker.on(operation, Reply({"id": 1}))
        r = front.get(path, token=FORGED[name])
        assert r.status_code == 401 and told(r), (path, r.status_code, r.text)
        assert r.headers["www-authenticate"].startswith("Bearer")
    r = front.post("/auth/introspect", token=FORGED[name], data={"token": "x"})
    assert r.status_code == 401 and r.json()["error"] in ("invalid_client", "invalid_token")      # RFC 6750, RFC 7662
    assert not broker.jobs, "a worker was asked"


def test_the_same_token_unforged_is_taken(front, broker, surface):
    path, operation, _ = surface
    broker.on(operation, Reply({"id": 1}))
    assert front.get(path, token=GOOD).status_code == 200
    for header in (HS, {"alg": "HS256"}, {**HS, "kid": "unknown-but-the-key-is-right"}):
        r = front.get(path, token=signed(header, claims()))
        assert r.status_code in (200, 401)      # an unknown kid may be refused; it never opens anything
    assert front.get(path, token=signed(HS, claims())).status_code == 200


def test_stale_tokens_are_refused(front, broker, surface):
    path, operation, told = surface
    broker.on(operation, Reply({"id": 1}))
    now = int(time.time())
    for text in (token(now=now - 4000), token(now=now - 1900, life=1800), token(exp=now - 60)):
        r = front.get(path, token=text)
        assert r.status_code == 401 and told(r)
    assert not broker.jobs
    assert front.get(path, token=token(now=now - 1802, life=1800)).status_code == 200      # 5 s of leeway


def test_revoked_tokens_are_refused(make_bench):
    b = make_bench()
    b.front.wait_ready()
    sid = str(uuid.uuid4())
    text = token(sid=sid)
    for path, operation, _ in SURFACES.values():
        b.broker.on(operation, Reply({"id": 1}))
        assert b.front.get(path, token=text).status_code == 200
    b.broker.seq += 1
    b.broker.publish("revoke", seq=b.broker.seq, sid=uuid.UUID(sid).bytes, until=int(time.time()) + 3600)
    for path, _, told in SURFACES.values():
        wait_for("the revocation", lambda: b.front.get(path, token=text).status_code == 401, 3)
        assert told(b.front.get(path, token=text))


def openssl(*args, stdin=None):
    return subprocess.run(["openssl", *args], input=stdin, capture_output=True, check=True).stdout


@pytest.mark.parametrize("algorithm, options", [("RS256", ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")),
                                                 ("ES256", ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"))])
def test_a_public_key_is_no_secret(make_bench, tmp_path, algorithm, options):
    """HS/RS confusion: the public key, in any writing, as the secret of an HS* signature."""
    key = tmp_path / "jwt.pem"
    key.write_bytes(openssl("genpkey", *options))
    key.chmod(0o600)
    public = openssl("pkey", "-in", str(key), "-pubout")
    b = make_bench({"token.algorithm": algorithm, "token.secret_file": key, "token.secret": ""})
    b.front.wait_ready()
    writings = (public, public.rstrip(b"\n"), key.read_bytes(), openssl("pkey", "-in", str(key), "-pubout", "-outform", "DER"), b"")
    for path, operation, told in SURFACES.values():
        b.broker.on(operation, Reply({"id": 1}))
        for secret in writings:
            for alg, digest in (("HS256", hashlib.sha256), ("HS384", hashlib.sha384), ("HS512", hashlib.sha512)):
                r = b.front.get(path, token=signed({"alg": alg, "typ": "JWT"}, claims(), key=secret, digest=digest))
                assert r.status_code == 401 and told(r)
            r = b.front.get(path, token=signed({"alg": algorithm, "typ": "JWT"}, claims(), key=secret))
            assert r.status_code == 401
        r = b.front.get(path, token=b64({"alg": "none"}) + "." + b64(claims()) + ".")
        assert r.status_code == 401
    assert not b.broker.jobs
    # a real signature of that key opens
    text = b64({"alg": algorithm, "typ": "JWT"}) + "." + b64(claims())
    raw = openssl("dgst", "-sha256", "-sign", str(key), stdin=text.encode())
    if algorithm == "ES256":
        raw = joined(raw)
    assert b.front.get(SURFACES["v1"][0], token=text + "." + b64(raw)).status_code == 200


def joined(der):
    """R || S of an ECDSA signature in DER."""
    at, parts = 2, []
    for _ in range(2):
        n = der[at + 1]
        parts.append(der[at + 2:at + 2 + n].lstrip(b"\0").rjust(32, b"\0"))
        at += 2 + n
    return b"".join(parts)


# ---- bodies: one operation of each surface with a body

BODIES = {
    "code": ("/patient/appointments", "booking.book_appointment", b'{"scheduleId":1,"hospitalId":1,"departmentId":1,"patientId":1,'
             b'"symptoms":"%s"}', lambda s, j: s == 200 and j["code"] == 99),
    "v1": ("/api/v1/appointments", "booking.v1_book_appointment", b'{"schedule_id":1,"reason":"%s"}',
           lambda s, j: s in (400, 422) and j["data"]["code"] in ("MALFORMED_JSON", "VALIDATION_FAILED")),
    "heartbeat": ("/appointment/", "booking.hb_create_appointment", b'{"doctor_id":1,"date_time":"2026-03-09T09:00:00",'
                  b'"description":"%s"}', lambda s, j: s == 422 and isinstance(j["detail"], list)),
}


@pytest.fixture(params=BODIES)
def body(request):
    return BODIES[request.param]


def post(front, path, raw, kind="application/json"):
    r = front.post(path, token=token(), data=raw, headers={"Content-Type": kind})
    return r.status_code, r.json()


NO_TEXT = {
    "overlong slash": b"\xc0\xaf", "overlong NUL": b"\xc0\x80", "overlong of three": b"\xe0\x80\xaf",
    "overlong of four": b"\xf0\x80\x80\xaf", "surrogate in UTF-8": b"\xed\xa0\x80", "pair in UTF-8": b"\xed\xa0\xbd\xed\xb8\x80",
    "beyond Unicode": b"\xf4\x90\x80\x80", "five bytes": b"\xf8\x88\x80\x80\x80", "cut": b"\xe5\x8c", "stray": b"\x80",
    "lone high surrogate": b"\\ud83d", "lone low surrogate": b"\\ude00", "surrogates in the wrong order": b"\\ude00\\ud83d",
    "high surrogate and text": b"\\ud83dabc", "escaped NUL": b"\\u0000", "raw NUL": b"a\0b", "raw line feed": b"a\nb",
    "latin-1": "é".encode("latin-1"), "UTF-16": "a".encode("utf-16-be"), "broken escape": b"\\u12", "unknown escape": b"\\x41",
}


@pytest.mark.parametrize("name", NO_TEXT)
def test_text_that_is_none_is_refused(front, broker, body, name):
    path, _, pattern, refused = body
    status, answer = post(front, path, pattern % NO_TEXT[name])
    assert refused(status, answer), (status, answer)
    assert not broker.jobs


def test_text_of_all_planes_passes(front, broker, body):
    path, operation, pattern, _ = body
    broker.on(operation, Reply({"id": 1}))
    post(front, path, pattern % "咳嗽 \\ud83c\\udfe5 🏥 e\u0301 \u202e".encode())
    (job,) = broker.jobs
    assert any(v == "咳嗽 🏥 🏥 e\u0301 \u202e" for v in job.args["body"].values())


def test_line_feeds_in_values_start_no_header(front, broker, body):
    """CR LF in a member, a path, a query, a header that is echoed: no line of their own in any answer."""
    path, operation, pattern, _ = body
    broker.on(operation, Reply(error="NOT_FOUND", params={"field": "x\r\nSet-Cookie: a=b"}, headers={
        "Location": "/x\r\nSet-Cookie: a=b", "X-Bad\r\nSet-Cookie": "a=b", "ETag": '"1"\nSet-Cookie: a=b'}))
    r = front.post(path, token=token(), data=pattern % b"a\\r\\nSet-Cookie: a=b", headers={"Content-Type": "application/json"})
    assert "set-cookie" not in r.headers and "location" not in r.headers
    for target in (path + "%0d%0aSet-Cookie:%20a=b", path + "?x=%0d%0aSet-Cookie:%20a=b"):
        r = front.get(target, token=token())
        assert "set-cookie" not in r.headers
    for line in (b"X-Request-Id: a\rSet-Cookie: a=b", b"X-Request-Id: a\x00b", b"traceparent: a\x0bb"):
        answer = front.raw(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + line + END)
        assert status_of(answer) == 400 and b"set-cookie" not in body_of(answer)[0].encode()


DEEP = [b'{"a":' * n + b"1" + b"}" * n for n in (10, 1000, 100000)] + [b"[" * n + b"]" * n for n in (10, 1000, 400000)] + [
    b'{"a":[' * 50000, b"[" + b"1," * 40000 + b"1]", b"{" + b",".join(b'"k%d":1' % i for i in range(33000)) + b"}",
    b'{"a":1,"a":2}', b"nul", b"tru", b"1e999999", b"-", b"0x10", b"NaN", b"Infinity", b"'a'", b'{"a":1}}', b'{"a":1}{"b":2}', b"//x\n{}"]


@pytest.mark.parametrize("index", range(len(DEEP)))
def test_deep_wide_and_odd_bodies_are_refused(front, broker, body, index):
    path, _, _, refused = body
    start = time.monotonic()
    status, answer = post(front, path, DEEP[index])
    assert refused(status, answer), (status, answer)
    assert time.monotonic() - start < 5 and not broker.jobs


def test_large_bodies_are_refused_unread(front, broker, body):
    path, _, pattern, _ = body
    head = b"POST " + path.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    for n in (2_000_000, 1 << 31, 1 << 40, (1 << 63) - 1):
        answer = front.raw(head % n)
        assert status_of(answer) == 413, answer[:200]
    status, answer = post(front, path, pattern % (b"a" * 100_000))        # within the limit of a body, not of the member
    assert status in (200, 422) and not broker.jobs


def test_forms_are_decoded_with_care(front, broker):
    for raw in (b"token=%ff", b"token=%c0%af", b"token=%00", b"token=%ed%a0%80", b"token=%zz", b"token=%", b"token=\xff", b"a&" * 2000):
        r = front.post("/auth/revoke", data=raw, headers={"Content-Type": "application/x-www-form-urlencoded"})
        assert r.status_code == 400 and r.json()["error"] == "invalid_request", (raw, r.text)
    assert not broker.jobs


# ---- connections

def request_of(body, payload=b"", lines=b""):
    path = body[0].encode()
    return (b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token().encode() + b"\r\n"
            b"Content-Type: application/json\r\n" + lines), payload


def ask(front, *parts, shut=False, timeout=5):
    return front.raw(b"".join(parts), shut=shut, timeout=timeout)


def test_a_body_shorter_than_told_is_waited_for_and_given_up(front, broker, body):
    _, _, pattern, _ = body
    payload = pattern % b"x"
    head, _ = request_of(body)
    answer = ask(front, head, b"Content-Length: %d\r\n\r\n" % (len(payload) + 10), payload, shut=True)
    assert answer == b"" or status_of(answer) in (400, 408)
    assert not broker.jobs


def test_a_body_longer_than_told_is_no_second_request(front, broker, body):
    path, operation, pattern, refused = body
    broker.on(operation, Reply({"id": 1}))
    payload = pattern % b"x"
    head, _ = request_of(body)
    smuggled = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = ask(front, head, b"Content-Length: %d\r\n\r\n" % len(payload), payload, smuggled)
    assert answer.count(b"HTTP/1.1 ") <= 2 and answer.startswith(b"HTTP/1.1 2")
    answer = ask(front, head, b"Content-Length: 5\r\n\r\n", payload)            # the rest is not a request
    status, text = status_of(answer), body_of(answer)[1]
    assert refused(status, json.loads(text[:text.rindex(b"}") + 1] if answer.count(b"HTTP/1.1 ") == 1 else
                                      text[:text.index(b"HTTP/1.1 ")]))
    assert broker.count(operation) == 1


LENGTHS = [b"Content-Length: 2\r\nContent-Length: 3\r\n", b"Content-Length: 2, 3\r\n", b"Content-Length: 2,2\r\n", b"Content-Length: 0x2\r\n",
           b"Content-Length:\r\n", b"Content-Length: 2 2\r\n", b"Content-Length: two\r\n", b"Content-Length: 1.5\r\n",
           b"Content-Length: -2\r\n", b"Content-Length: +2\r\n", b"Content-Length: 18446744073709551618\r\n",
           b"Content-Length : 2\r\n", b"Content-Length\x0b: 2\r\n"]


@pytest.mark.parametrize("index", range(len(LENGTHS)))
def test_lengths_that_are_none(front, broker, body, index):
    head, _ = request_of(body, lines=LENGTHS[index])
    answer = ask(front, head, b"\r\n", b"{}")
    assert status_of(answer) in (400, 413) and b"connection: close" in answer
    assert not broker.jobs


CODINGS = [b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
           b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: xchunked\r\n", b"transfer-encoding: CHUNKED\r\n",
           b"Transfer-Encoding: identity, chunked\r\n", b"Transfer-Encoding:\tchunked\r\n", b"Transfer-Encoding: gzip\r\n",
           b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"]


@pytest.mark.parametrize("index", range(len(CODINGS)))
def test_transfer_codings_are_not_guessed(front, broker, body, index):
    head, _ = request_of(body, lines=CODINGS[index])
    answer = ask(front, head, b"\r\n", b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert status_of(answer) in (400, 411, 501) and answer.count(b"HTTP/1.1 ") == 1
    assert not broker.jobs


def test_a_client_that_closed_its_half_gets_its_answer(front, broker, body):
    path, operation, pattern, _ = body
    broker.on(operation, Reply({"id": 1}))
    payload = pattern % b"x"
    head, _ = request_of(body)
    for late in (0, 0.3):
        def slow(job):
            time.sleep(late)
            return Reply({"id": 1})
        broker.on(operation, slow)
        answer = ask(front, head, b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(payload), payload, shut=True)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 20"), answer[:100]
    assert front.get("/healthz").status_code == 200


def test_a_body_that_comes_in_drops_is_taken(front, broker, body):
    path, operation, pattern, _ = body
    broker.on(operation, Reply({"id": 1}))
    payload = pattern % "咳".encode()
    head, _ = request_of(body)
    with front.connect() as s:
        s.sendall(head + b"Content-Length: %d\r\n\r\n" % len(payload))
        for i in range(len(payload)):
            s.sendall(payload[i:i + 1])
            time.sleep(0.002)
        assert status_of(read_all(s)) in (200, 201)
    assert broker.count(operation) == 1


def test_headers_that_come_in_drops_are_given_up(make_bench):
    """Slow loris: each surface tells 408 (headers after 10 s, a body after 30 s) although something keeps coming."""
    b = make_bench()
    b.front.wait_ready()
    start, sockets = time.monotonic(), []
    for path, *_ in BODIES.values():
        s = b.front.connect()
        s.sendall(b"POST " + path.encode() + b" HTTP/1.1\r\nHost: x\r\n")
        sockets.append([s, b"X-%d: y\r\n", b""])
        s = b.front.connect()
        s.sendall(b"POST " + path.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
        sockets.append([s, b" ", b""])
    n = 0
    while any(not got for _, _, got in sockets) and time.monotonic() - start < 50:
        time.sleep(0.5)
        n += 1
        for each in sockets:
            s, drop, got = each
            if got:
                continue
            s.settimeout(0.01)
            try:
                each[2] = s.recv(65536) or b"closed"
                continue
            except (TimeoutError, OSError):
                pass
            try:
                s.sendall(drop % n if b"%" in drop else drop)
            except OSError:
                each[2] = b"closed"
    for s, _, got in sockets:
        assert status_of(got) == 408 or got == b"closed", got
        s.close()
    assert b.front.get("/healthz").status_code == 200




def test_two_tokens_do_not_add_up(front, broker, body):
    """Of two Authorization lines none may be chosen by whoever stands in between."""
    path, operation, pattern, _ = body
    broker.on(operation, Reply({"id": 1}))
    payload = pattern % b"x"
    good = b"Authorization: Bearer " + token().encode() + b"\r\n"
    for first, second in ((good, b"Authorization: Bearer x.y.z\r\n"), (b"Authorization: Bearer x.y.z\r\n", good), (good, good),
                          (good, b"authorization: Basic YTpi\r\n")):
        answer = ask(front, b"POST " + path.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
                     + first + second + b"Content-Length: %d\r\n\r\n" % len(payload), payload)
        assert status_of(answer) == 400, answer[:200]
    for name in (b"Host: y\r\n", b"Content-Type: application/json\r\n", b"Idempotency-Key: a\r\nIdempotency-Key: b\r\n"):
        answer = ask(front, b"POST " + path.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
                     + good + name + b"Content-Length: %d\r\n\r\n" % len(payload), payload)
        assert status_of(answer) == 400, (name, answer[:200])
    assert not broker.jobs


def test_targets_on_every_surface(front, broker, surface):
    path, operation, _ = surface
    broker.on(operation, Reply({"id": 1}))
    auth = b"Authorization: Bearer " + token().encode() + b"\r\n"

    def get(target, host=b"x"):
        return ask(front, b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n" + auth + b"\r\n")
    raw = path.encode()
    assert status_of(get(b"http://evil.example" + raw)) == 200          # the absolute form names the same place
    assert status_of(get(b"HTTPS://x" + raw)) == 200
    for target in (raw + b"%00", raw + b"\0", raw + b"%2f..%2f1", raw.replace(b"1", b"%31%00"), raw + b";a=b", raw.upper(),
                   raw.replace(b"/", b"\\"), b"//evil.example" + raw, b"http://" + b"a" * 2100 + raw, b"ftp://x" + raw,
                   raw + b"\xc0\xaf", raw.replace(b"1", b"+1"), raw.replace(b"1", b"1e0"), raw.replace(b"1", b"\xef\xbc\x91")):
        answer = get(target)
        assert status_of(answer) in (400, 404, 405, 414, 422) or json.loads(body_of(answer)[1]).get("code") in (98, 99), (target, answer[:200])
    for host in (b"", b"a b", b"a\x00b", b"a,b", b"evil.example:99999999"):
        assert status_of(get(raw, host)) in (200, 400)
