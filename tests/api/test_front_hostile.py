"""Hostile HTTP on raw sockets: whatever comes, the front answers properly or closes, and goes on serving."""

import json
import random
import re
import time

import pytest

from support.front import Reply, body_of, read_all, status_of, token

END = b"\r\n\r\n"


@pytest.fixture(autouse=True)
def still_serves(front, broker):
    pid = front.process.pid
    yield
    assert front.process.running() and front.process.pid == pid
    broker.on("echo.echo", {"still": True})
    assert front.post("/bench/echo", json={}).json() == {"still": True}


def one(front, data, **more):
    answer = front.raw(data, **more)
    return status_of(answer), *body_of(answer)


@pytest.mark.parametrize("data", [
    b"\x00" * 100 + END, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 50 + END, b"GET\r\n\r\n", b"GET /\r\n\r\n",
    b"GET /x HTTP/1.1\r\n\r\n", b"GET /x HTTP/1.1 x\r\nHost: x\r\n\r\n", b"  \r\n\r\n\r\n", b"GET /x HTTP/1.1\r\nHost:\r\n\r\n",
    b"GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET /x HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
    b"GET /x HTTP/1.1\r\nHost: x\r\n: empty\r\n\r\n", b"GET /x HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n",
    b"GET /x HTTP/1.1\r\nHost: x\r\nA: b\r\n folded\r\n\r\n", b"GET /x HTTP/1.1\nHost: x\r\n\r\n",
    b"GET /x HTTP/1.1\r\nHost: x\rA: b\r\n\r\n", b"GET /x HTTP/1.1\r\nHost: x\r\nA: \x00b\r\n\r\n",
    b"GET /x HTTP/1.1\r\nHost: x\r\nA: \x07\r\n\r\n", b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1x\r\n\r\n",
    b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na",
    b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n"])
def test_malformed_requests_are_400_with_a_body(front, data):
    status, head, body = one(front, data)
    assert status == 400 and json.loads(body)["code"] == 99
    assert "connection: close" in head and "x-request-id" in head


def test_refusals_of_http_itself_keep_their_status_and_shape(front):
    status, head, body = one(front, b"BREW /api/v1/x HTTP/1.1\r\nHost: x\r\n\r\n")
    assert status == 405 and json.loads(body)["data"]["code"] == "METHOD_NOT_ALLOWED"
    status, head, body = one(front, b"GET /api/v1/x HTTP/3.0\r\nHost: x\r\n\r\n")
    assert status == 505 and json.loads(body)["data"]["status"] == 505
    status, head, body = one(front, b"GET /appointment/" + b"a" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert status == 414 and "detail" in json.loads(body)
    status, head, body = one(front, b"POST /patient/appointments HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                             b"5\r\nhello\r\n0\r\n\r\n")
    assert status == 411 and json.loads(body)["code"] == 99
    status, head, body = one(front, b"POST /api/v1/appointments HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n")
    assert status == 413 and json.loads(body)["data"]["code"] == "PAYLOAD_TOO_LARGE"


def test_header_blocks_have_limits(front, broker):
    broker.on("directory.browse_hospitals", {"areas": []})
    lines = b"".join(b"X-%d: y\r\n" % i for i in range(90))
    good = b"GET /patient/hospitals HTTP/1.1\r\nHost: x\r\n" + lines + b"X-Request-Id: last-one\r\nConnection: close\r\n\r\n"
    status, head, _ = one(front, good)
    assert status == 200 and "x-request-id: last-one" in head
    lines = b"".join(b"X-%d: y\r\n" % i for i in range(200))
    assert one(front, b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n")[0] == 431
    assert one(front, b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 30000 + END)[0] == 431
    assert one(front, b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 15000 + b"\r\nConnection: close" + END)[0] == 200


def test_values_that_rfc_9110_allows_pass(front):
    data = b"GET /healthz HTTP/1.1\r\nHost: x\r\nA:\r\nB: \xe5\x8c\xbb\r\nC:\ttab\tbed\t\r\nD:x\r\nConnection: close\r\n\r\n"
    assert one(front, data)[0] == 200


def test_slow_requests_are_served_while_they_come(front, broker):
    broker.on("echo.echo", lambda job: Reply(job.args["body"]))
    data = b'POST /bench/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\nConnection: close\r\n\r\n{"n":1}'
    with front.connect() as s:
        for i in range(len(data)):
            s.sendall(data[i:i + 1])
            time.sleep(0.002)
        answer = read_all(s)
    assert status_of(answer) == 200 and body_of(answer)[1] == b'{"n":1}'


def test_slowness_has_an_end(make_bench):
    b = make_bench()
    b.front.wait_up()
    s = b.front.connect()
    s.sendall(b"GET /healthz HTT")
    s.settimeout(20)
    answer = s.recv(65536)
    assert status_of(answer) == 408 and json.loads(body_of(answer)[1])["code"] == 99
    s.close()


def test_idle_connections_are_not_told_408(front):
    with front.connect() as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status_of(s.recv(65536)) == 200
        s.settimeout(12)
        with pytest.raises(TimeoutError):
            s.recv(1)
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status_of(s.recv(65536)) == 200


def test_parked_requests_are_not_told_408(make_bench):
    b = make_bench(conf={"front.timeout_ms": 13000})
    b.front.wait_ready()
    from support.front import SILENT
    b.broker.on("echo.echo", lambda job: SILENT)
    answers = []
    sockets = []
    for request in (b"POST /bench/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
                    b"POST /bench/echo HTTP/1.1\r\nHost: x\r\n\r\n",
                    b"POST /bench/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"):
        s = b.front.connect()
        s.sendall(request)
        sockets.append(s)
    for s in sockets:
        s.settimeout(20)
        answers.append(status_of(s.recv(65536)))
        s.close()
    assert answers == [504, 504, 504]


def test_keep_alive_serves_many(front, broker):
    broker.on("echo.echo", lambda job: Reply(job.args["body"]))
    with front.connect() as s:
        for i in range(50):
            body = b'{"i":%d}' % i
            s.sendall(b"POST /bench/echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            answer = s.recv(65536)
            assert status_of(answer) == 200 and body_of(answer)[1] == body


def test_http_1_0(front):
    answer = front.raw(b"GET /healthz HTTP/1.0\r\nHost: x\r\n\r\n")
    assert status_of(answer) == 200 and "connection: close" in body_of(answer)[0]


def test_pipelined_requests_are_not_mixed_up(front, broker):
    broker.on("echo.echo", lambda job: Reply(job.args["body"]))
    first = b'POST /bench/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n{"n":1}'
    second = b'POST /bench/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n{"n":2}'
    # in one packet: answered in order, on the same connection
    answer = front.raw(first + second)
    assert answer.count(b"HTTP/1.1 200") == 2 and answer.index(b'{"n":1}') < answer.index(b'{"n":2}')
    assert b"connection: close" not in answer
    answer = front.raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
    assert answer.count(b"HTTP/1.1 200") == 3
    # in packets of their own: answered in order
    with front.connect() as s:
        s.sendall(first)
        time.sleep(0.05)
        s.sendall(second)
        answer = read_all(s)
    assert answer.index(b'{"n":1}') < answer.index(b'{"n":2}')


def test_a_pipeline_is_cut_anywhere(front, broker):
    """Ten requests, cut into pieces of every odd size: ten answers, in order."""
    broker.on("echo.echo", lambda job: Reply(job.args["body"]))
    requests = b"".join(b"POST /bench/echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n{\"n\":%d}" % (6 + len(str(i)), i)
                        for i in range(10))
    for size in (1, 7, 50, 61, 62, 63, 133, 300, 700, 5000):
        with front.connect() as s:
            for at in range(0, len(requests), size):
                s.sendall(requests[at:at + size])
                if size > 40:
                    time.sleep(0.003)
            answer = read_all(s, 3)
        assert [int(n) for n in re.findall(rb'\{"n":(\d+)\}', answer)] == list(range(10)), size


def test_a_pipeline_ends_with_what_closes_it(front, broker):
    broker.on("echo.echo", lambda job: Reply(job.args["body"]))
    get = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    closing = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert front.raw(get + closing + get).count(b"HTTP/1.1 200") == 2
    answer = front.raw(get + b"nonsense\r\n\r\n" + get)
    assert answer.count(b"HTTP/1.1 200") == 1 and answer.count(b"HTTP/1.1 400") == 1
    half = front.raw(get + b"POST /bench/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n{\"n\"")
    assert half.count(b"HTTP/1.1 200") == 1
    # more than a header block in one go
    many = front.raw(get * 2000, timeout=10)
    assert many.count(b"HTTP/1.1 200") == 2000


def test_answers_keep_their_order_when_a_body_comes_late(front, broker):
    def slow(job):
        time.sleep(0.1)
        return Reply(job.args["body"])
    broker.on("echo.echo", slow)
    with front.connect() as s:
        s.sendall(b"POST /bench/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n")
        time.sleep(0.05)
        s.sendall(b'{"n":1}')
        time.sleep(0.02)
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = read_all(s, 3)
    assert answer.index(b'{"n":1}') < answer.index(b'"status":"up"')


def test_a_get_with_a_body_does_not_smuggle(front):
    inner = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
    with front.connect() as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(inner))
        time.sleep(0.05)
        s.sendall(inner)
        answer = read_all(s)
    assert answer.count(b"HTTP/1.1 ") == 1 and status_of(answer) == 200


def test_expect_100_continue(front, broker):
    broker.on("echo.echo", lambda job: Reply(job.args["body"]))
    with front.connect() as s:
        s.sendall(b"POST /bench/echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\n")
        assert s.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        s.sendall(b'{"n":1}')
        assert status_of(s.recv(65536)) == 200


@pytest.mark.parametrize("target", [b"/%00", b"/patient/doctors/%ff", b"/patient//doctors", b"/../etc/passwd", b"/%2e%2e/", b"*",
                                    b"?", b"//", b"/" + b"a/" * 500, b"/api/v1/appointments/9999999999999999999"])
def test_strange_targets_are_not_found(front, target):
    status, _, body = one(front, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert status in (404, 405) and json.loads(body)


def test_absolute_targets_are_served(front):
    assert one(front, b"GET http://x/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")[0] == 200


@pytest.mark.parametrize("body", [b'{"scheduleId":"\xff\xfe"}', b'{"a":"\xed\xa0\x80"}', b"[" * 100000, b'{"a":' * 50000,
                                  b'{"symptoms":"\\u0000"}', b"\x00", b"\xef\xbb\xbf{}", b"{" + b'"a":1,' * 40000 + b'"b":2}',
                                  b'{"scheduleId":1e400}', b'{"scheduleId":123456789012345678901234567890}'])
def test_hostile_json_is_refused(front, broker, body):
    r = front.post("/patient/appointments", token=token(), data=body, headers={"Content-Type": "application/json"})
    assert r.status_code == 200 and r.json()["code"] == 99
    r = front.post("/api/v1/appointments", token=token(), data=body, headers={"Content-Type": "application/json"})
    assert r.status_code in (400, 422)
    assert not broker.jobs


def test_query_strings_are_decoded_with_care(front, broker):
    broker.on("directory.browse_doctors", {"total": 0, "doctors": []})

    def ask(query):
        # raw: client libraries mend what is broken
        return json.loads(one(front, b"GET /patient/doctors?" + query + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")[2])

    for query in (b"name=%E5%8C%BB%E7%94%9F&name=%E5%8C%BB", b"&&&name=%E5%8C%BB&x=%zz&%zz=1", b"name=%e5%8c%bb&" + b"a=b&" * 200):
        assert ask(query)["code"] == 0, query
        assert broker.last().args["query"]["name"] == "医"
    n = len(broker.jobs)
    for query in (b"name=%ff", b"name=%00", b"name=%z", b"page=1e3", b"page=0x1", b"page=99999999999999999999", b"page=-1"):
        assert ask(query)["code"] == 99, query
    assert len(broker.jobs) == n


def test_random_bytes_do_not_hurt(front):
    rng = random.Random(20260309)
    good = (b"POST /patient/appointments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer "
            + token().encode() + b"\r\nContent-Length: 20\r\n\r\n" + b'{"scheduleId":"501"}')
    for _ in range(150):
        data = bytearray(good)
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(data))
            kind = rng.randrange(3)
            if kind == 0:
                data[at] = rng.randrange(256)
            elif kind == 1:
                del data[at:at + rng.randrange(1, 30)]
            else:
                data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 30)))
        answer = front.raw(bytes(data), timeout=0.3, shut=True)
        if answer:
            assert status_of(answer) in (200, 400, 401, 404, 405, 408, 411, 413, 414, 415, 431, 503, 505), answer[:200]


def test_a_crowd_of_connections_is_survived(make_bench):
    b = make_bench(conf={"front.max_connections": 64})
    b.front.wait_ready()
    sockets = []
    try:
        for _ in range(60):
            sockets.append(b.front.connect())
        sockets[0].sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status_of(sockets[0].recv(65536)) == 200
    finally:
        for s in sockets:
            s.close()
    assert b.front.get("/healthz").status_code == 200
