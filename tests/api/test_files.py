"""Photos of doctors, uploads, and stored files (api/02 section 2.3, api/05 section 5.3, api/11 section 11.2)."""

import base64
import concurrent.futures
import hashlib
import re
import time
import zlib

import pytest

from support import forms
from support.http import message
from support.proc import wait_for

ONE = re.compile(r"/static/image/doctor_\d+_\d{14}_[0-9a-f]{8}\.(png|jpg|gif)")


@pytest.fixture(scope="module")
def admin(system):
    return system.api(user="A0001")


@pytest.fixture(scope="module")
def patient(system):
    return system.api(user="13800000001")


@pytest.fixture(scope="module")
def nobody(system):
    return system.api()


@pytest.fixture(scope="module")
def doctors(demo_db):
    return [r[0] for r in demo_db.query("select id from v_open_doctors order by id limit 12")]


def upload(api, doctor, content, root="/admin", name="photo", **kw):
    return api.post(f"{root}/doctors/{doctor}/photo", **forms.one(name, content, **kw))


def attach(api, content, filename="scan.jpg"):
    return api.post("/common/upload", **forms.one("file", content, filename))


def refused(response, code, text, status=200):
    assert message(response, code=code, status=status)["msg"] == text


def blobs(db):
    return db.value("select count(*) from blobs")


# ---- photos

def test_a_photo_is_stored_shown_everywhere_replaced_and_removed(admin, nobody, doctors, demo_db):
    doctor, first, second = doctors[0], forms.png(seed=b"first"), forms.jpeg(600_000)
    demo_db.query("update doctors set original_photo_url = 'https://old.example/x.jpg' where id = %s", doctor)
    got = message(upload(admin, doctor, first, root=""))
    path = got["photo_path"]
    assert ONE.fullmatch(path) and path.endswith(".png")
    assert got == {"detail": "医生照片上传成功", "doctor_id": doctor, "photo_path": path, "photo_url": path, "new_photo_path": path,
                   "old_photo_path": None, "original_photo_url": None}
    assert demo_db.row("select photo_path, original_photo_url from doctors where id = %s", doctor) == (path, None)
    for where, api in ((f"/admin/doctors/{doctor}/photo", admin), (f"/patient/doctors/{doctor}/photo", nobody), (path, nobody)):
        r = api.get(where)
        assert (r.status_code, r.content, r.headers["content-type"]) == (200, first, "image/png"), where
        assert r.headers["etag"] == f'"{hashlib.sha256(first).hexdigest()}"'
        assert r.headers["x-content-type-options"] == "nosniff"
    assert message(nobody.get(f"/patient/doctors/{doctor}"))["photo_path"] == path

    got = message(upload(admin, doctor, second, name="file"))
    assert got["old_photo_path"] == path and got["photo_path"].endswith(".jpg")
    assert nobody.get(path).status_code == 404
    assert nobody.get(got["photo_path"]).content == second

    gone = message(admin.delete(f"/doctors/{doctor}/photo"))
    assert gone == {"detail": "成功删除医生照片", "doctor_id": doctor, "old_photo_path": got["photo_path"]}
    refused(admin.delete(f"/admin/doctors/{doctor}/photo"), 99, "医生当前没有照片")
    refused(admin.get(f"/admin/doctors/{doctor}/photo"), 106, "该医生暂无本地照片", status=404)
    refused(nobody.get(got["photo_path"]), 106, "文件不存在", status=404)
    actions = demo_db.query("select action, changes -> 'photo_path' -> 1 from audit_log where entity = 'doctor' and entity_id = %s "
                            "order by id", str(doctor))
    assert actions == [("doctor.photo.update", path), ("doctor.photo.update", got["photo_path"]), ("doctor.photo.delete", None)]


def test_what_was_read_before_costs_no_bytes(admin, nobody, doctors):
    doctor, content = doctors[1], forms.png(300_000)
    path = message(upload(admin, doctor, content))["photo_path"]
    for api, where, keep in ((admin, f"/admin/doctors/{doctor}/photo", "private, no-cache"),
                             (nobody, f"/patient/doctors/{doctor}/photo", "public, max-age=300"),
                             (nobody, path, "public, max-age=86400, immutable")):
        first = api.get(where)
        assert first.headers["cache-control"] == keep
        again = api.get(where, headers={"If-None-Match": f'"x", {first.headers["etag"]}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        assert api.get(where, headers={"If-None-Match": '"other"'}).content == content
        head = api.request("HEAD", where)
        assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(content)), b"")


def test_the_content_decides_and_not_the_name(admin, doctors):
    doctor = doctors[2]
    assert message(upload(admin, doctor, forms.gif(), filename="x.php", kind="text/plain"))["photo_path"].endswith(".gif")
    for content, text in ((b"<html><script>1</script>", "只允许上传图片文件"), (b"%PDF-1.7 ...", "只允许上传图片文件"),
                          (forms.webp(), "不支持的图片格式"), (forms.bmp(), "不支持的图片格式"), (b"", "文件内容为空"),
                          (forms.png(5 * 2**20 + 1), "文件过大，最大支持 5.0MB"), (forms.png(40 * 2**20), "文件过大，最大支持 5.0MB")):
        refused(upload(admin, doctor, content, filename="me.png", kind="image/png"), 99, text)
    assert admin.get(f"/admin/doctors/{doctor}/photo").headers["content-type"] == "image/gif"


def test_limits_hold_to_the_byte(admin, patient, doctors):
    whole = forms.png(5 * 2**20)
    assert len(whole) == 5 * 2**20
    path = message(upload(admin, doctors[3], whole))["photo_path"]
    assert admin.get(path).content == whole
    got = message(attach(patient, whole))
    assert patient.get("/" + got["url"]).content == whole
    for n in (1, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1):
        content = (b"\xff\xd8\xff" + bytes(n))[:max(n, 3)]
        assert patient.get("/" + message(attach(patient, content))["url"]).content == content
    refused(attach(patient, whole + b"x"), 99, "文件过大，最大支持 5.0MB")


def test_who_may(nobody, patient, system, doctors, demo_db):
    doctor = system.api(user="D0001")
    for api in (patient, doctor):
        refused(upload(api, doctors[0], forms.png()), 102, "无权限，仅管理员可操作")
        refused(api.delete(f"/doctors/{doctors[0]}/photo"), 102, "无权限，仅管理员可操作")
        refused(api.get(f"/admin/doctors/{doctors[0]}/photo"), 102, "无权限，仅管理员可操作", status=403)
        refused(api.get("/audit/attachment/raw", params={"path": "x"}), 102, "无权限，仅管理员可操作", status=403)
    before = blobs(demo_db)
    for call in (upload(nobody, doctors[0], forms.png(2 * 2**20)), attach(nobody, forms.png(2 * 2**20))):
        assert message(call, code=105, status=401)
    assert blobs(demo_db) == before


def test_doctors_that_are_not_there(admin, nobody, doctors, demo_db):
    before = blobs(demo_db)
    refused(upload(admin, 999999, forms.png(seed=b"nobody's")), 106, "医生不存在")
    assert blobs(demo_db) == before
    refused(admin.delete("/admin/doctors/999999/photo"), 106, "医生不存在")
    refused(admin.get("/admin/doctors/999999/photo"), 106, "医生不存在", status=404)
    refused(nobody.get("/patient/doctors/999999/photo"), 106, "医生不存在", status=404)
    refused(nobody.get(f"/patient/doctors/{doctors[9]}/photo"), 106, "该医生暂无本地照片", status=404)
    demo_db.query("update doctors set photo_path = '/static/image/lost.jpg' where id = %s", doctors[9])
    refused(admin.get(f"/admin/doctors/{doctors[9]}/photo"), 106, "医生照片文件不存在", status=404)
    message(upload(admin, doctors[9], forms.png(seed=b"hidden")))
    demo_db.query("update doctors set status = 'INACTIVE' where id = %s", doctors[9])
    refused(nobody.get(f"/patient/doctors/{doctors[9]}/photo"), 106, "医生不存在", status=404)
    assert admin.get(f"/admin/doctors/{doctors[9]}/photo").status_code == 200


def test_a_doctor_sees_the_own_photo(admin, system, demo_db):
    me = system.api(user="D0001")
    doctor = message(me.get("/auth/user-info"))["doctor"]
    assert doctor["photo_mime"] is None and doctor["photo_base64"] is None
    for content in (forms.png(seed=b"me"), forms.jpeg(749_986)):                         # the second: 750,000 bytes in chunks
        message(upload(admin, doctor["id"], content))
        got = message(me.get("/auth/user-info"))["doctor"]
        assert base64.b64decode(got["photo_base64"], validate=True) == content and len(got["photo_base64"]) <= 1_000_000
        assert got["photo_mime"] == ("image/png" if content[:1] == b"\x89" else "image/jpeg")
    message(upload(admin, doctor["id"], forms.png(750_001)))                              # the client would skip it
    got = message(me.get("/auth/user-info"))["doctor"]
    assert (got["photo_mime"], got["photo_base64"]) == (None, None)
    message(admin.delete(f"/doctors/{doctor['id']}/photo"))


# ---- one content for many

def test_two_doctors_with_one_photo(admin, doctors, demo_db):
    a, b, content = doctors[4], doctors[5], forms.png(seed=b"twins")
    before = blobs(demo_db)
    first, second = (message(upload(admin, d, content))["photo_path"] for d in (a, b))
    assert first != second and blobs(demo_db) == before + 1
    message(admin.delete(f"/doctors/{a}/photo"))
    assert admin.get(second).content == content and admin.get(first).status_code == 404


def test_many_at_once(admin, doctors, demo_db):
    """The same content for all, and for one doctor a new one each time: nothing is lost, nothing doubled."""
    same, before = forms.png(700_000, seed=b"same"), blobs(demo_db)
    others = [forms.png(seed=b"%d" % i) for i in range(8)]
    prior = demo_db.value("select photo_path from doctors where id = %s", doctors[3])
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        shared = [pool.submit(upload, admin, d, same) for d in doctors[6:9]]
        turns = [pool.submit(upload, admin, doctors[3], c) for c in others]
        paths = [message(f.result())["photo_path"] for f in shared]
        told = [message(f.result()) for f in turns]
    assert all(admin.get(p).content == same for p in paths)
    assert blobs(demo_db) == before + 1 + len(others)
    last = demo_db.value("select photo_path from doctors where id = %s", doctors[3])
    alive = [c for c, t in zip(others, told) if admin.get(t["photo_path"]).status_code == 200]
    assert len(alive) == 1 and admin.get(last).content == alive[0]
    assert {t["old_photo_path"] for t in told} - {prior} == {t["photo_path"] for t in told} - {last}       # each took the place of one


def test_the_same_call_again_stores_once(admin, doctors, demo_db):
    kw = forms.one("photo", forms.png(seed=b"again"))
    kw["headers"]["Idempotency-Key"] = "photo-1"
    first = message(admin.post(f"/doctors/{doctors[8]}/photo", **kw))
    again = admin.post(f"/doctors/{doctors[8]}/photo", **kw)
    assert message(again) == first and again.headers["Idempotency-Replayed"] == "true"
    other = forms.one("photo", forms.png(seed=b"azain"))
    other["headers"]["Idempotency-Key"] = "photo-1"
    refused(admin.post(f"/doctors/{doctors[8]}/photo", **other), 99, "幂等键已用于不同的请求")


def test_content_without_a_name_is_collected_after_its_grace(system, admin, doctors, demo_db):
    kept, dropped = forms.png(seed=b"kept"), forms.png(seed=b"dropped")
    digest = hashlib.sha256(dropped).digest()
    message(upload(admin, doctors[10], dropped))
    path = message(upload(admin, doctors[10], kept))["photo_path"]
    message(upload(admin, doctors[11], kept))
    message(admin.delete(f"/doctors/{doctors[11]}/photo"))           # still used by the other
    assert demo_db.value("select count(*) from blobs where digest = %s", digest) == 1
    demo_db.query("update unused_blobs set since = since - interval '2 hours'")
    demo_db.query("update blobs set touched_at = touched_at - interval '2 hours'")
    pool = "identity,directory"
    name = [n for n in system.processes if "directory" in n][0]
    system.processes[name].stop()
    system.start_worker(pool, name=name)
    wait_for("collection", lambda: demo_db.value("select count(*) from blobs where digest = %s", digest) == 0)
    assert demo_db.value("select count(*) from unused_blobs") == 0
    assert demo_db.value("select count(*) from blob_chunks where digest = %s", digest) == 0
    assert admin.get(path).content == kept
    assert demo_db.value("select count(*) from blobs b where not exists (select 1 from stored_files f where f.digest = b.digest)") == 0


def test_a_worker_that_dies_with_an_upload_in_hand(system, admin, doctors, demo_db):
    """Frozen, then killed with uploads in hand: the broker gives them to the next, each is stored once."""
    name, pool = [(n, p) for n, p in system.processes.items() if "directory" in n][0]
    contents = [forms.png(2_000_000, seed=b"orphan %d" % i) for i in range(3)]
    before = blobs(demo_db)
    pool.freeze()
    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        calls = [threads.submit(upload, admin, d, c) for d, c in zip(doctors[4:7], contents)]
        time.sleep(0.5)
        pool.kill9()
        system.start_worker("identity,directory", name=name)
        paths = [message(f.result())["photo_path"] for f in calls]
    assert [admin.get(p).content for p in paths] == contents
    assert blobs(demo_db) == before + 3


# ---- uploads and attachments

def test_an_upload_is_read_where_it_was_said_to_lie(admin, patient, nobody):
    content = forms.jpeg()
    got = message(attach(patient, content, "检查 报告-1_(终).JPEG"))
    assert got["name"] == "检查 报告-1_(终).JPEG"
    assert re.fullmatch(r"static/images/audit/\d{4}/\d\d/\d\d/\d{14}_[0-9a-f]{8}_检查 报告-1_终\.jpeg", got["url"])
    assert nobody.get("/" + got["url"]).content == content
    for path in (got["url"], "/" + got["url"], "./static//" + got["url"][7:]):
        for root in ("", "/admin"):
            r = admin.get(f"{root}/audit/attachment/raw", params={"path": path})
            assert (r.status_code, r.content, r.headers["content-type"]) == (200, content, "image/jpeg")
            assert r.headers["cache-control"].startswith("private")
            assert r.headers["content-disposition"].startswith("inline; filename*=UTF-8''%E6%A3%80")


def test_names_of_all_kinds(patient):
    for name, stem in (("../../etc/passwd", "passwd.png"), ("..\\\\..\\\\evil.png", "evil.png"), ("a" * 80 + ".png", "a" * 30 + ".png"),
                       ("....", "file.png"), ("<b>.svg", "b.png"), ("noextension", "noextension.png"), ("😀.png", "file.png")):
        got = message(attach(patient, forms.png(seed=name.encode()), name))
        assert got["url"].split("_", 2)[2] == stem and ".." not in got["url"]
    got = message(attach(patient, forms.png(), "a,b: 'c'.png"))
    told = patient.get("/" + got["url"]).headers["content-disposition"]
    assert told == "inline; filename*=UTF-8''a%2Cb%3A%20%27c%27.png"
    refused(attach(patient, forms.png(), ""), 99, "文件名不能为空")
    refused(patient.post("/common/upload", **forms.form(forms.part("file", forms.png()))), 99, "文件名不能为空")


def test_uploads_that_are_refused(patient, demo_db):
    before = demo_db.value("select count(*) from stored_files")
    only = "不支持的文件格式，仅支持: .jpg, .jpeg, .png, .gif, .bmp, .webp"
    for content, text in ((b"text", only), (b"%PDF-1.4", only), (b"MZ" + bytes(200), only), (b"", "文件内容为空"),
                          (forms.png(5 * 2**20 + 1), "文件过大，最大支持 5.0MB")):
        refused(attach(patient, content), 99, text)
    refused(patient.post("/common/upload", **forms.form(forms.part("other", "1"))), 99, "参数 file 不正确")
    refused(patient.post("/common/upload", **forms.form(*[forms.part("file", forms.png(), "a.png")] * 2)), 99, "参数 file 不正确")
    refused(patient.post("/common/upload"), 99, "参数 file 不正确")
    assert patient.post("/common/upload", json={"file": "x"}).status_code == 415
    assert demo_db.value("select count(*) from stored_files") == before
    for content in (forms.png(), forms.jpeg(), forms.gif(), forms.bmp(), forms.webp()):
        message(attach(patient, content))


def test_paths_that_lead_elsewhere(admin, nobody, doctors, system):
    photo = message(upload(admin, doctors[0], forms.png(seed=b"no attachment")))["photo_path"]
    unsafe, missing = "提供的文件路径不安全或无效", "附件文件不存在或路径错误"
    for path in ("../etc/passwd", "/static/../../etc/passwd", "static/images/audit/../../../../x", "a\\..\\b", "static/\tx", "/", "."):
        refused(admin.get("/audit/attachment/raw", params={"path": path}), 106, unsafe, status=400)
    for path in ("/etc/passwd", "static/images/audit/2026/03/09/none.jpg", photo, "static/images/audit"):
        refused(admin.get("/audit/attachment/raw", params={"path": path}), 106, missing, status=404)
    assert admin.get("/audit/attachment/raw", params={"path": "x\0y"}).status_code in (200, 400, 422)
    for path in ("%2e%2e/%2e%2e/etc/passwd", "..%5cx"):
        refused(nobody.get("/static/" + path), 106, unsafe, status=400)
    for path in ("etc/passwd", "image/none.jpg"):
        refused(nobody.get("/static/" + path), 106, "文件不存在", status=404)


# ---- icons

ICONS = ("logo.png", "hospital-1.png", "hospital-default.png", "home-picture/1.png", "home-picture/2.png", "home-picture/3.png",
         "payment-icon/alipay.png", "payment-icon/wechat-payment.png", "payment-icon/wechat.png", "payment-icon/bankpay.png",
         "BJTU-images/BJTU-logo.png", "BJTU-images/hospital_logo.png")


def pixels(png):
    """Lines of a PNG as we write it: 8 bits a channel, with opacity, filter 2."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n" and png[12:16] == b"IHDR" and png[24:29] == b"\x08\x06\0\0\0"
    at, data, kinds = 8, b"", []
    while at < len(png):
        n, kind = int.from_bytes(png[at:at + 4], "big"), png[at + 4:at + 8]
        assert zlib.crc32(png[at + 4:at + 8 + n]) == int.from_bytes(png[at + 8 + n:at + 12 + n], "big")
        data += png[at + 8:at + 8 + n] if kind == b"IDAT" else b""
        kinds.append(kind)
        at += 12 + n
    assert kinds == [b"IHDR", b"IDAT", b"IEND"]
    width, height = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    raw, lines, above = zlib.decompress(data), [], bytes(width * 4)
    assert len(raw) == height * (1 + width * 4)
    for row in range(height):
        line = raw[row * (1 + width * 4):][:1 + width * 4]
        assert line[0] == 2
        above = bytes((a + b) & 255 for a, b in zip(line[1:], above))
        lines.append(above)
    return width, height, lines


def test_icons_are_pictures_of_their_own(nobody):
    seen = set()
    for name in ICONS:
        r = nobody.get("/common/icon", params={"path": name})
        assert r.status_code == 200 and r.headers["content-type"] == "image/png", name
        assert r.headers["cache-control"] == "public, max-age=86400"
        width, height, lines = pixels(r.content)
        colours = {line[i:i + 4] for line in lines[::4] for i in range(0, width * 4, 16)}
        assert width >= 96 and height >= 96 and len(colours) >= 4, name
        seen.add(r.content)
        assert nobody.get("/common/icon", params={"path": name}, headers={"If-None-Match": r.headers["etag"]}).status_code == 304
    assert len(seen) == len(ICONS) - 1                                                  # one logo stands under two names
    assert nobody.get("/common/icon", params={"path": "/logo.png"}).status_code == 200


def test_icons_that_are_none(nobody):
    for path in ("../logo.png", "home-picture/../../x", "..", "a\\b", "/"):
        refused(nobody.get("/common/icon", params={"path": path}), 106, "提供的文件路径不安全或无效", status=400)
    for path in ("none.png", "home-picture", "LOGO.png", '"><script>'):
        refused(nobody.get("/common/icon", params={"path": path}), 106, f"图标文件不存在: {path}", status=404)
    for params in ({}, {"path": ""}, {"path": "x" * 256}):
        assert message(nobody.get("/common/icon", params=params), code=99, status=422)["msg"] == "参数 path 不正确"


# ---- several fronts

def test_any_front_serves_what_another_took(make_system, demo_db, system, doctors):
    other = make_system(demo_db, var=system.var)
    other.start_front(name="front2")
    try:
        content = forms.jpeg(1_500_000)
        path = message(upload(other.api(token=system.token("A0001")), doctors[7], content))["photo_path"]
        assert system.api().get(path).content == content
    finally:
        other.processes["front2"].stop()
