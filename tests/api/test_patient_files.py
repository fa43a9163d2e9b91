"""What a patient may read as one file (PA-17), and images of patients (PA-16)."""

import contextlib
import json

import pytest

from support import booking_cases as bc, contract
from support.http import data, problem
from support.people import card, open_people
from support.proc import wait_for

EXPORT = "/api/v1/patients/me/export"
SECTIONS = {"format", "exported_at", "account", "patient", "relatives", "assignments", "appointments", "records", "bills", "payments",
            "refunds", "images", "notices", "feedback", "sessions"}


@pytest.fixture(scope="module")
def people(empty_db, make_system):
    p = open_people(empty_db, make_system, {"database.lock_timeout_ms": 200})
    p.db = empty_db
    yield p
    p.h.close()


def ended(api, job):
    wait_for("the job", lambda: data(api.get(f"/api/v1/jobs/{job}"))["finished_at"])
    return data(api.get(f"/api/v1/jobs/{job}"))


@contextlib.contextmanager
def held(people):
    """No export gets on meanwhile: it waits for the table, or is tried again."""
    with people.db.connect() as conn:
        conn.autocommit = False
        with conn.cursor() as cur:
            cur.execute("lock table images in access exclusive mode")
            yield
        conn.rollback()
    conn.close()


def exported(api, **kw):
    job = data(api.post(EXPORT, **kw), 202)
    assert job["kind"] == "export"
    return job["id"], ended(api, job["id"])


def image(people, patient, name="a.png", status="READY", **columns):
    people.h.serial += 1
    columns = {"format": "PNG", "size": people.h.serial, "modality": "OT", "created_at": "2026-03-09 00:00+00", **columns}
    return people.h.one(
        f"insert into images (patient_id, file_name, status, sha256, updated_at, {', '.join(columns)}) "
        f"values (%s, %s, %s, sha256(%s), now(), {', '.join(['%s'] * len(columns))}) returning id",
        patient, name, status, str(people.h.serial).encode(), *columns.values())


# ---- the export

@pytest.fixture(scope="module")
def full(people):
    """A patient of whom there is something of every kind, and a stranger of whom there is too."""
    h = people.h
    ask, other = bc._free(h), bc._free(h)
    api = people.api(ask.user)
    data(api.patch("/api/v1/patients/me", {"national_id": card(), "occupation": "教师"}))
    data(api.patch("/api/v1/patients/me/medical-profile", {"notes": "对花粉过敏", "blood_type": "O+"}))
    for a in (ask, other):
        data(people.api(a.user).post("/api/v1/appointments", {"schedule_id": a.session}), 201)
    mine = h.one("select id from patients where user_id = %s", ask.user)
    theirs = h.one("select id from patients where user_id = %s", other.user)
    child = h.patient("孩子", account=False)[0]
    h.relate(mine, child)
    h.run("insert into medical_records (patient_id, doctor_id, visit_date, status, created_at, updated_at) "
          "select %s, %s, now(), s, now(), now() from unnest('{FINAL,DRAFT}'::text[]) s", mine, h.doctor)
    seen, hidden, foreign = image(people, mine, released=True), image(people, mine), image(people, theirs, released=True)
    h.run("insert into feedbacks (user_id, type, content, created_at, updated_at) values (%s, 'praise', '很好', now(), now())", ask.user)
    return {"user": ask.user, "api": api, "patient": mine, "child": child, "seen": seen, "hidden": hidden, "foreign": foreign,
            "theirs": theirs}


def test_everything_that_the_patient_may_read(people, full):                             # PA-17
    api = full["api"]
    job, end = exported(api)
    assert (end["status"], end["result"], end["result_location"]) == ("DONE", None, f"/api/v1/jobs/{job}/result")
    r = api.get(f"/api/v1/jobs/{job}/result")
    assert r.status_code == 200 and r.headers["Content-Type"] == "application/vnd.guahao.export+json"
    me = data(api.get("/api/v1/patients/me", params={"include": "medical_profile"}))
    assert r.headers["Content-Disposition"].startswith(f'attachment; filename="patient-{me["mrn"]}-')
    got = json.loads(r.content)
    assert set(got) == SECTIONS and got["format"] == "guahao-patient-1"
    assert got["patient"] == me and got["patient"]["medical_profile"]["notes"] == "对花粉过敏"
    assert got["account"]["id"] == full["user"]
    (booked,) = got["appointments"]
    (listed,) = data(api.get("/api/v1/appointments"))["items"]
    assert booked.pop("patient")["id"] == full["patient"] and booked == listed
    assert [x["patient"]["patient_id"] for x in got["relatives"]] == [full["patient"], full["child"]]
    assert len(got["records"]) == 1 and [i["id"] for i in got["images"]] == [full["seen"]]
    assert {b["patient_id"] for b in got["bills"]} == {full["patient"]}
    assert [f["content"] for f in got["feedback"]] == ["很好"] and got["sessions"]
    assert f'"id": {full["theirs"]},' not in r.text and "\\u0001" not in r.text


def test_what_is_kept_of_it_is_sealed(people, full):
    job, _ = exported(full["api"])
    whole = b"".join(bytes(row[0]) for row in people.h.run(
        "select c.bytes from job_files f join blob_chunks c on c.digest = f.digest where f.job_id = %s order by c.seq", job))
    assert whole and b"guahao-patient" not in whole and "对花粉过敏".encode() not in whole
    assert people.h.one("select response is null from jobs where id = %s", job)
    # a piece of another job does not open here, nor a changed one
    first, second = job, exported(full["api"])[0]
    people.h.run("update job_files set digest = (select digest from job_files where job_id = %s) where job_id = %s", first, second)
    problem(full["api"].get(f"/api/v1/jobs/{second}/result"), "INTERNAL", 500)
    assert full["api"].get(f"/api/v1/jobs/{first}/result").status_code == 200


def test_a_long_file_comes_back_whole(people, full):
    """Several megabytes: many pieces, more than one round trip."""
    h = people.h
    ask = bc._free(h)
    h.run("insert into feedbacks (user_id, type, content, created_at, updated_at) "
          "select %s, 'bug', i || repeat('字', 400), now(), now() from generate_series(1, 3000) i", ask.user)
    api = people.api(ask.user)
    job, end = exported(api)
    assert end["status"] == "DONE"
    r = api.get(f"/api/v1/jobs/{job}/result")
    feedback = json.loads(r.content)["feedback"]
    assert len(r.content) > 2 << 20 and [f["content"] for f in feedback] == [f"{i}{'字' * 400}" for i in range(1, 3001)]
    assert people.h.one("select count(*) from job_files f join blob_chunks c on c.digest = f.digest where f.job_id = %s", job) > 8


def test_it_is_the_owners(people, full):
    job, _ = exported(full["api"])
    other = people.api(people.h.patient()[1])
    problem(other.get(f"/api/v1/jobs/{job}/result"), "NOT_FOUND", 404)
    problem(people.system.api().get(f"/api/v1/jobs/{job}/result"), "TOKEN_MISSING", 401)
    assert people.api(people.h.admin).get(f"/api/v1/jobs/{job}/result").status_code == 200
    assert people.h.run("select action, outcome, patient_id from audit_log where action = 'patient.export' and actor_id = %s limit 1",
                        full["user"]) == [("patient.export", "success", full["patient"])]


def test_one_at_a_time_and_always_a_job(people, full):
    api = full["api"]
    with held(people):
        first = api.post(EXPORT)
        again = api.post(EXPORT, {"format": "json"}, headers={"Prefer": "respond-async"})
    job = data(first, 202)
    assert data(again, 202)["id"] == job["id"] and again.headers["Location"] == f"/api/v1/jobs/{job['id']}"
    assert "Preference-Applied" not in first.headers and again.headers["Preference-Applied"] == "respond-async"
    assert ended(api, job["id"])["status"] == "DONE"
    assert data(api.post(EXPORT), 202)["id"] != job["id"]


def test_what_is_refused(people, full):
    problem(people.api(people.h.admin).post(EXPORT), "PROFILE_NOT_FOUND", 404)
    problem(full["api"].post(EXPORT, {"format": "xml"}), "VALIDATION_FAILED", 422)
    problem(people.system.api().post(EXPORT), "TOKEN_MISSING", 401)


def test_rights_are_those_of_the_moment_it_runs(people):
    h = people.h
    ask = bc._free(h)
    api = people.api(ask.user)
    scopes = h.run("select scope from role_permissions where role_code = 'PATIENT' and permission_code = 'billing:read'")
    h.run("delete from role_permissions where role_code = 'PATIENT' and permission_code = 'billing:read'")
    try:
        job, _ = exported(api)
        got = json.loads(api.get(f"/api/v1/jobs/{job}/result").content)
    finally:
        for (scope,) in scopes:
            h.run("insert into role_permissions (role_code, permission_code, scope) values ('PATIENT', 'billing:read', %s)", scope)
    assert got["bills"] is None and got["payments"] is None and got["appointments"] == []


def test_who_was_deleted_meanwhile_gets_nothing(people):
    h = people.h
    ask = bc._free(h)
    api, boss = people.api(ask.user), people.api(h.admin)
    with held(people):
        job = data(api.post(EXPORT), 202)["id"]
        h.run("update patients set deleted_at = now() where user_id = %s", ask.user)
    end = ended(boss, job)
    assert (end["status"], end["error"]["code"]) == ("FAILED", "PROFILE_NOT_FOUND")
    problem(boss.get(f"/api/v1/jobs/{job}/result"), "PROFILE_NOT_FOUND", 404)


def test_it_goes_with_its_job(people, full):
    job, _ = exported(full["api"])
    h = people.h
    digest = h.one("select digest from job_files where job_id = %s", job)
    h.run("delete from job_files where job_id = %s", job)
    assert h.one("select count(*) from unused_blobs where digest = %s", digest) == 1
    assert h.one("select gh_blob_used(%s)", digest) is False
    problem(full["api"].delete(f"/api/v1/jobs/{job}"), "JOB_NOT_CANCELLABLE", 409)


# ---- images

def ids(response):
    return [i["id"] for i in contract.check("identity.v1_list_patient_images", data(response))["items"]]


@pytest.fixture(scope="module")
def pictures(people):
    h = people.h
    patient, user = h.patient()
    h.run("update patients set primary_doctor_id = %s where id = %s", h.doctor, patient)
    made = [image(people, patient, "chest.dcm", released=True, format="DICOM", modality="CR", body_part="CHEST", study_uid="1.2.3",
                  series_uid="1.2.3.1", sop_uid=f"1.2.3.1.{patient}", description="直立位", size=3000, acquired_at="2026-03-08 00:00+00"),
            image(people, patient, "hand.png", modality="DX", body_part="HAND", tags=["fracture", "left"], size=1000,
                  created_at="2026-03-10 00:00+00"),
            image(people, patient, "skin.jpg", status="FAILED", format="JPEG", released=True, failure="unreadable", size=2000,
                  created_at="2026-03-12 00:00+00"),
            image(people, patient, "gone.png", deleted_at="2026-03-12 00:00+00", size=4000)]
    image(people, h.patient()[0], "foreign.png", released=True)
    return {"patient": patient, "user": user, "ids": made, "at": f"/api/v1/patients/{patient}/images"}


def test_an_image_whole(people, pictures):                                              # PA-16
    first = data(people.api(people.h.doctor_user).get(pictures["at"]))["items"][0]
    at = f"/api/v1/images/{first['id']}"
    assert first["id"] == pictures["ids"][0] and first["patient_id"] == pictures["patient"] and len(first["sha256"]) == 64
    assert (first["modality"], first["format"], first["body_part"], first["study_uid"], first["description"], first["status"]) == (
        "CR", "DICOM", "CHEST", "1.2.3", "直立位", "READY")
    assert first["links"] == {"file": at + "/file", "thumbnail": at + "/thumbnail", "preview": at + "/preview", "metadata": at + "/metadata"}
    assert first["created_at"] == "2026-03-09T08:00:00+08:00" and first["released"] is True and first["tags"] == []


def test_the_patient_sees_what_was_released(people, pictures):
    a, b, c, gone = pictures["ids"]
    assert ids(people.api(pictures["user"]).get(pictures["at"])) == [a, c]
    assert ids(people.api(people.h.doctor_user).get(pictures["at"])) == [a, b, c]
    boss = people.api(people.h.admin)
    assert ids(boss.get(pictures["at"])) == [a, b, c]
    assert ids(boss.get(pictures["at"], params={"include_deleted": "true"})) == [a, b, c, gone]


def test_whose_images_are_nobodys_business(people, pictures):
    h = people.h
    problem(people.api(h.patient()[1]).get(pictures["at"]), "NOT_OWNER", 403)
    problem(people.api(h.staff).get(pictures["at"]), "FORBIDDEN", 403)
    problem(people.api(h.doctor_user).get(f"/api/v1/patients/{h.patient()[0]}/images"), "NOT_ASSIGNED", 403)
    problem(people.api(h.doctor_user).get(pictures["at"], params={"include_deleted": "true"}), "FORBIDDEN", 403)
    problem(people.api(h.admin).get("/api/v1/patients/999999999/images"), "NOT_FOUND", 404)


@pytest.mark.parametrize("asked, found", [
    ({"modality": "CR,DX"}, "ab"), ({"modality": "MR"}, ""), ({"body_part": "HAND"}, "b"), ({"status": "FAILED"}, "c"),
    ({"study_uid": "1.2.3"}, "a"), ({"series_uid": "1.2.3.1"}, "a"), ({"series_uid": "9"}, ""), ({"record_id": 1}, ""),
    ({"created_at_from": "2026-03-10"}, "bc"), ({"created_at_to": "2026-03-10"}, "ab"), ({"q": "FRACT"}, "b"), ({"q": "直立"}, "a"),
    ({"q": "skin.j"}, "c"), ({"q": "hest"}, "a"), ({"sort": "-size"}, "acb"), ({"sort": "size"}, "bca"), ({"sort": "-acquired_at,-id"}, "acb"),
    ({"sort": "modality"}, "abc"), ({"sort": "-created_at"}, "cba"), ({"page_size": 2, "page": 2}, "c"), ({"page": 9}, "")])
def test_filters_and_order(people, pictures, asked, found):
    names = dict(zip(pictures["ids"], "abcd"))
    assert "".join(names[i] for i in ids(people.api(people.h.admin).get(pictures["at"], params=asked))) == found


def test_pages_fields_and_bad_filters(people, pictures):
    boss = people.api(people.h.admin)
    r = boss.get(pictures["at"], params={"page_size": 1, "fields": "file_name"})
    assert data(r)["items"] == [{"id": pictures["ids"][0], "file_name": "chest.dcm"}] and r.headers["X-Total-Count"] == "3"
    assert 'rel="next"' in r.headers["Link"]
    problem(boss.get(pictures["at"], params={"modality": "ZZ"}), "VALIDATION_FAILED", 422)
    problem(boss.get(pictures["at"], params={"study_uid": "x"}), "VALIDATION_FAILED", 422)
    problem(boss.get(pictures["at"], params={"sort": "file_name"}), "UNKNOWN_SORT", 422)
    problem(boss.get(pictures["at"], params={"fields": "nothing"}), "UNKNOWN_FIELD", 422)


def test_impossible_images_are_refused(people, pictures):
    """The second line: constraints by name."""
    import psycopg2
    h = people.h

    def refused(constraint, **columns):
        with pytest.raises(psycopg2.Error) as e:
            image(people, pictures["patient"], **columns)
        assert e.value.diag.constraint_name == constraint
    refused("images_modality_ck", modality="XX")
    refused("images_format_ck", format="GIF")
    refused("images_sop_uq", sop_uid=f"1.2.3.1.{pictures['patient']}")
    refused("images_pixels_ck", width=0)
    refused("images_failure_ck", failure="x")
    with pytest.raises(psycopg2.Error) as e:
        h.run("insert into images (patient_id, file_name, format, size, sha256, created_at, updated_at) "
              "select patient_id, 'b', format, size, sha256, now(), now() from images where id = %s", pictures["ids"][0])
    assert e.value.diag.constraint_name == "images_content_uq"
