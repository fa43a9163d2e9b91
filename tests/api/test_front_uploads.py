"""Multipart bodies as they should not be: whatever comes, the front answers or closes, keeps nothing, and goes on serving."""

import concurrent.futures
import os
import socket
import time

import pytest

from support import forms
from support.forms import BOUNDARY
from support.http import message
from support.proc import wait_for

HEAD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'.encode()
END = f"\r\n--{BOUNDARY}--\r\n".encode()


@pytest.fixture(scope="module")
def upload_system(demo_db, make_system):
    return make_system(demo_db, conf={"front.file_memory": 4 << 20, "front.workers": 1}).start()


@pytest.fixture(scope="module")
def patient(upload_system):
    return upload_system.api(user="13800000001")


@pytest.fixture(autouse=True)
def still_serves(upload_system, patient):
    pid = upload_system.processes["front"].pid
    yield
    assert upload_system.processes["front"].running() and upload_system.processes["front"].pid == pid
    wait_for("nothing to be kept", lambda: held(upload_system) == 0)
    message(patient.post("/common/upload", **forms.one("file", forms.png())))


def post(api, body, kind=None):
    kw = forms.sent(body)
    if kind:
        kw["headers"]["Content-Type"] = kind
    return api.post("/common/upload", **kw)


def is_malformed(response):
    assert message(response, code=99)["msg"] == "请求体不是有效的表单", response.text
    return True


@pytest.mark.parametrize("body", [
    b"\0", b"\r\n", b"--", HEAD, HEAD + forms.png(), HEAD + forms.png() + END[:-4], END, b"junk\r\n" + HEAD + forms.png() + END,
    HEAD + forms.png() + END + b"more", HEAD.replace(b"\r\n", b"\n") + forms.png() + END,
    HEAD.replace(b"a.png", b"a\0b.png") + forms.png() + END, HEAD.replace(b"a.png", b"\xff\xfe.png") + forms.png() + END,
    HEAD.replace(b"form-data", b"attachment") + forms.png() + END, HEAD.replace(b'name="file"; ', b"") + forms.png() + END,
    HEAD.replace(b'name="file"', b'name="file"; name="other"') + forms.png() + END,
    HEAD.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n") + forms.png() + END,
    HEAD.replace(b"\r\n\r\n", b"\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n") + b"--x\r\n\r\n1\r\n--x--" + END,
    HEAD.replace(b"\r\n\r\n", b"\r\nX: " + b"x" * 5000 + b"\r\n\r\n") + forms.png() + END,
    HEAD.replace(b"\r\n\r\n", b"\r\nX: x" * 50 + b"\r\n\r\n") + forms.png() + END,
    HEAD.replace(b"\r\n\r\n", b"\r\nX:" + b"x" * 900_000) + forms.png() + END,
    (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n').encode() * 10_000 + END,
], ids=range(21))
def test_broken_forms(patient, demo_db, body):
    before = demo_db.value("select count(*) from stored_files")
    assert is_malformed(post(patient, body))
    assert demo_db.value("select count(*) from stored_files") == before


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=", 'multipart/form-data; boundary="a',
                                  "multipart/form-data; boundary=" + "x" * 71, "multipart/form-data; boundary=a; boundary=b"])
def test_boundaries_that_are_none(patient, kind):
    assert is_malformed(post(patient, HEAD + forms.png() + END, kind))


def test_other_media_types(patient):
    for kind in ("multipart/mixed; boundary=" + BOUNDARY, "multipart/form-datax; boundary=" + BOUNDARY, "image/png"):
        assert post(patient, HEAD + forms.png() + END, kind).status_code == 415


def test_fields_nobody_asked_for_are_passed_over(patient):
    big = forms.part("rubbish", os.urandom(3 << 20), "r.bin") * 3
    got = message(patient.post("/common/upload", **forms.form(big, forms.part("file", forms.png(), "a.png"), forms.part("x", "y"))))
    assert got["name"] == "a.png"


def test_a_boundary_inside_a_picture_is_data_until_it_is_whole(patient):
    inside = forms.png() + f"\r\n--{BOUNDARY[:-1]}\r\n--\r\r\n\r\n--{BOUNDARY.lower()}--\r\n".encode() + b"\r"
    got = message(patient.post("/common/upload", **forms.one("file", inside)))
    assert patient.get("/" + got["url"]).content == inside


def test_a_body_without_an_end_in_sight_is_413(upload_system, patient):
    with socket.create_connection(("127.0.0.1", upload_system.port), 10) as s:
        s.sendall(request(patient, 65 << 20) + HEAD)
        assert s.recv(12) == b"HTTP/1.1 413"


def held(system):
    lines = system.api().get("/metrics").text.splitlines()
    return int([line.split()[-1] for line in lines if line.startswith("guahao_front_file_bytes")][0])


def request(api, length, more=""):
    return (f"POST /common/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.token}\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {length}\r\n{more}\r\n").encode()


def test_a_slow_upload_in_single_bytes(upload_system, patient):
    body = HEAD + forms.png() + END
    with socket.create_connection(("127.0.0.1", upload_system.port), 30) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.sendall(request(patient, len(body), "Expect: 100-continue\r\n"))
        assert s.recv(100).startswith(b"HTTP/1.1 100")
        for i in range(len(body)):
            s.sendall(body[i:i + 1])
            if i % 10 == 0:
                time.sleep(0.002)
        assert b'"code":0' in s.recv(4096)


def test_clients_that_leave_half_way_give_their_memory_back(upload_system, patient):
    """Each holds 3 of 4 MiB when it goes: the next one finds room again."""
    part = HEAD + forms.png() + os.urandom(3 << 20)
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", upload_system.port), 10) as s:
            s.sendall(request(patient, 5 << 20) + part)
            time.sleep(0.1)
    wait_for("room", lambda: held(upload_system) == 0)
    message(patient.post("/common/upload", **forms.one("file", forms.png(3 << 20))))


def test_beyond_its_memory_the_front_refuses_and_recovers(upload_system, patient):
    """One that waits holds 3 MiB of 4: another of 3 MiB is refused with 503, a small one is not."""
    waiting = HEAD + forms.png() + os.urandom(3 << 20)
    with socket.create_connection(("127.0.0.1", upload_system.port), 10) as s:
        s.sendall(request(patient, len(waiting) + len(END)) + waiting)

        def refused():
            r = patient.post("/common/upload", **forms.one("file", forms.png(3 << 20)))
            return r.status_code == 503 and r.headers["retry-after"] and r.json()["code"] == 97
        wait_for("refusal", refused)
        assert held(upload_system) >= 3 << 20
        message(patient.post("/common/upload", **forms.one("file", forms.png(100_000))))
        s.sendall(END)
        assert b'"code":0' in s.recv(4096)
    message(patient.post("/common/upload", **forms.one("file", forms.png(3 << 20))))


def test_readers_that_do_not_read_use_up_no_more_than_their_share(upload_system, patient):
    """A file that nobody takes lies in the front until its reader goes: the next ones are refused, then served."""
    url = "/" + message(patient.post("/common/upload", **forms.one("file", forms.png(3 << 20))))["url"]
    readers = []
    try:
        for _ in range(6):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(("127.0.0.1", upload_system.port))
            readers.append(s)
            s.sendall(f"GET {url} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        starts = sorted(s.recv(12) for s in readers)
        assert set(starts) == {b"HTTP/1.1 200", b"HTTP/1.1 503"}
        assert message(patient.get(url), code=97, status=503)
    finally:
        for s in readers:
            s.close()
    wait_for("room", lambda: patient.get(url).status_code == 200)


def test_strangers_hold_no_memory(upload_system, patient):
    """Ten without a token send 3 MiB each and wait: there is still room for who may."""
    stranger = upload_system.api(token="rubbish")
    sockets = []
    try:
        for _ in range(10):
            s = socket.create_connection(("127.0.0.1", upload_system.port), 10)
            sockets.append(s)
            s.sendall(request(stranger, 4 << 20) + HEAD + forms.png() + os.urandom(3 << 20))
        message(patient.post("/common/upload", **forms.one("file", forms.png(3 << 20))))
    finally:
        for s in sockets:
            s.close()


def test_many_at_once_end_one_way_or_the_other(patient):
    def one(i):
        r = patient.post("/common/upload", **forms.one("file", forms.png(1 << 20, seed=b"%d" % i)))
        return r.status_code, r.json()["code"]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(one, range(36)))
    assert set(answers) <= {(200, 0), (503, 97)} and (200, 0) in answers


def test_a_broker_that_restarts_costs_an_answer_and_no_front(upload_system, patient):
    upload_system.processes["broker"].kill9()
    r = patient.post("/common/upload", **forms.one("file", forms.png(2 << 20)))
    assert r.status_code in (503, 504)
    upload_system.start_broker()
    wait_for("uploads", lambda: patient.post("/common/upload", **forms.one("file", forms.png(3 << 20))).status_code == 200, timeout=30)
