"""Stored files in the database: what constraints refuse, and what a path of a request becomes."""

import hashlib

import psycopg2
import pytest
from psycopg2 import errors

NOW = "2026-03-09 08:15:30+08"


@pytest.fixture
def cur(empty_db):
    conn = empty_db.connect()
    conn.autocommit = False
    with conn.cursor() as c:
        yield c
    conn.rollback()
    conn.close()


def one(cur, sql, *args):
    cur.execute(sql, args or None)
    return cur.fetchone()[0] if cur.description else None


def refused(cur, constraint, sql, *args):
    cur.execute("savepoint s")
    with pytest.raises(psycopg2.Error) as e:
        cur.execute(sql, args)
        cur.execute("set constraints all immediate")
    assert e.value.diag.constraint_name == constraint, e.value
    cur.execute("rollback to savepoint s")


def blob(cur, content=b"content", size=None, chunks=None):
    digest = hashlib.sha256(content).digest()
    one(cur, "insert into blobs values (%s, %s, 'image/png', gen_random_uuid(), %s)", digest, size or len(content), NOW)
    for i, chunk in enumerate([content] if chunks is None else chunks):
        one(cur, "insert into blob_chunks values (%s, %s, %s)", digest, i, chunk)
    return digest


NAME = "insert into stored_files (path, kind, digest, name, doctor_id, created_at) values (%s, %s, %s, 'n', %s, '" + NOW + "')"


def doctor(cur):
    major = one(cur, "insert into major_departments (name) values ('m') returning id")
    minor = one(cur, "insert into minor_departments (major_dept_id, name) values (%s, 'n') returning id", major)
    return one(cur, "insert into doctors (dept_id, name) values (%s, 'd') returning id", minor)


def test_content_is_whole_and_stays_while_it_has_a_name(cur):
    digest = blob(cur)
    cur.execute("set constraints all immediate")
    cur.execute("set constraints all deferred")
    one(cur, NAME, "images/a.png", "audit", digest, None)
    refused(cur, "stored_files_blob_fk", "delete from blobs where digest = %s", digest)
    refused(cur, "blobs_digest_ck", "insert into blobs values ('\\x00', 1, 'image/png', gen_random_uuid(), now())")
    refused(cur, "blobs_size_ck", "insert into blobs values (sha256('x'), 0, 'image/png', gen_random_uuid(), now())")
    refused(cur, "blobs_whole_ck", "insert into blobs values (sha256('x'), 1, 'image/png', gen_random_uuid(), now())")
    refused(cur, "blob_chunks_size_ck", "insert into blob_chunks values (%s, 1, '')", digest)
    refused(cur, "blob_chunks_size_ck", "insert into blob_chunks values (%s, 1, %s)", digest, bytes(262145))
    refused(cur, "blob_chunks_blob_fk", "insert into blob_chunks values (sha256('none'), 0, 'x')")
    blob(cur, b"short", size=6)
    with pytest.raises(errors.CheckViolation) as e:
        cur.execute("commit")
    assert e.value.diag.constraint_name == "blobs_whole_ck"


def test_a_name_is_a_path_and_a_photo_is_somebodys(cur):
    digest, who = blob(cur), doctor(cur)
    for path in ("", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a/."):
        refused(cur, "stored_files_path_ck", NAME, path, "audit", digest, None)
    refused(cur, "stored_files_kind_ck", NAME, "a", "other", digest, None)
    refused(cur, "stored_files_photo_ck", NAME, "a", "photo", digest, None)
    refused(cur, "stored_files_photo_ck", NAME, "a", "audit", digest, who)
    one(cur, NAME, "a..b/...", "photo", digest, who)
    refused(cur, "stored_files_pk", NAME, "a..b/...", "audit", digest, None)
    refused(cur, "stored_files_doctor_uq", NAME, "b", "photo", digest, who)


def test_content_that_loses_a_name_is_noted(cur):
    first, second, who = blob(cur, b"1"), blob(cur, b"2"), doctor(cur)

    def noted():
        cur.execute("select digest from unused_blobs order by digest")
        return {bytes(d) for (d,) in cur.fetchall()}
    one(cur, NAME, "a", "photo", first, who)
    one(cur, "update stored_files set name = 'other'")
    assert noted() == set()
    one(cur, "update stored_files set digest = %s", second)
    assert noted() == {first}
    one(cur, "delete from doctors where id = %s", who)                   # its photo goes with it
    assert noted() == {first, second}
    one(cur, "delete from blobs")
    assert noted() == set() and one(cur, "select count(*) from blob_chunks") == 0


@pytest.mark.parametrize("asked,key", [
    ("images/a.png", "images/a.png"), ("/static/images/a.png", "images/a.png"), ("static/images/a.png", "images/a.png"),
    ("app/static/image/x.jpg", "image/x.jpg"), ("//static//images/./a b.png/", "images/a b.png"), ("a/../b", "b"), ("静/态.png", "静/态.png"),
    ("static/../static/a", "a"), ("static", None), ("", None), ("/", None), ("..", None), ("a/../..", None), ("../static/a", None),
    ("a\\b", None), ("a\tb", None), ("a\x7fb", None), (None, None)])
def test_paths_of_requests(cur, asked, key):
    assert one(cur, "select gh_file_path(%s)", asked) == key
