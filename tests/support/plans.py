"""Statements of the pools as their files have them, run on a hospital of many rows, and what of its tables they read."""

import functools
import glob
import os

from . import paths

# GUAHAO_PLAN_DAYS=100 makes a million sessions of them.
DOCTORS, CLINICS, PEOPLE, DAYS = 10000, 3400, 20000, int(os.environ.get("GUAHAO_PLAN_DAYS", 6))

# Rows are made with triggers and foreign keys off: what matters here is that there are many. Each doctor has one session a day, in a
# third of a day of one clinic; people are patients with accounts, doctors have accounts too.
ROWS = f"""
set session_replication_role = replica;
insert into hospital_areas (id, name) select i, '院区' || i from generate_series(1, 4) i;
insert into major_departments (id, name, sort_order) select i, '大科' || i, i from generate_series(1, 40) i;
insert into minor_departments (id, major_dept_id, name, sort_order)
    select 1000 + i, 1 + i % 40, '小科室' || i, i from generate_series(1, 400) i;
insert into clinics (id, area_id, minor_dept_id, name)
    select i, 1 + i % 4, 1001 + i % 400, '诊室' || i from generate_series(1, {CLINICS}) i;
insert into users (id, username, phonenumber, identifier, is_verified)
    select i, 'user' || i, (13000000000 + i * 7919)::text, case when i > {PEOPLE} then 'D' || i end, true
      from generate_series(1, {PEOPLE} + {DOCTORS}) i;
insert into doctors (id, user_id, dept_id, name, title, introduction)
    select i, {PEOPLE} + i, 1001 + i / 3 % 400, case when i % 1000 = 7 then '欧阳' else '医生姓名' end || i, '主任医师', '介绍' || i || repeat('。长于此道', 60) from generate_series(1, {DOCTORS}) i;
insert into blobs (digest, size, media_type, made_by, touched_at)
    select sha256(i::text::bytea), 4, 'image/jpeg', gen_random_uuid(), now() from generate_series(1, {DOCTORS}) i;
insert into blob_chunks (digest, seq, bytes) select digest, 0, 'abcd' from blobs;
insert into stored_files (path, kind, digest, name, doctor_id, created_at)
    select 'image/' || i || '.jpg', 'photo', sha256(i::text::bytea), 'x.jpg', i, now() from generate_series(1, {DOCTORS}) i;
update doctors set photo_path = '/static/image/' || id || '.jpg';
insert into patients (id, user_id, name, phone)
    select i, i, case when i % 1000 = 7 then '欧阳' else '患者姓名' end || i,
           case when i % 2 = 0 then (13000000000 + i * 7919)::text end
      from generate_series(1, {PEOPLE}) i;
insert into specialties (id, code, name) select i, 'S' || i, '专业' || i from generate_series(1, 200) i;
insert into doctor_specialties select i, 1 + i % 200 from generate_series(1, {DOCTORS}) i;
insert into schedules (id, doctor_id, clinic_id, date, time_section, total_slots, remaining_slots, price, starts_at, ends_at,
                       slot_minutes)
    select d * {DOCTORS} + i, i, 1 + i / 3, current_date + d, (array['上午', '下午', '晚上'])[1 + i % 3], 20, 20, 50,
           (current_date + d) + make_interval(hours => 8 + i % 3 * 4), (current_date + d) + make_interval(hours => 12 + i % 3 * 4), 12
      from generate_series(1, {DOCTORS}) i, generate_series(1, {DAYS}) d;
insert into leave_audits (doctor_id, leave_start_date, leave_end_date, shift, reason, submit_time)
    select d, current_date + 7 * n, current_date + 7 * n + 1, 'morning', '会议', now() + make_interval(mins => d)
      from generate_series(1, {DOCTORS}) d, generate_series(1, 3) n;
insert into schedule_audits (minor_dept_id, clinic_id, submitter_doctor_id, week_start_date, week_end_date, schedule_data, submit_time)
    select c.minor_dept_id, c.id, 1, w, w + 6, jsonb_build_array(jsonb_build_array(4711, null, 4712), null, null, null, null, null, null), now()
      from clinics c, (select date_trunc('week', current_date + 7 * n)::date from generate_series(1, 5) n) as x (w);
insert into system_config (config_key, scope_type, scope_id, config_value)
    select 'registration.price', 'DOCTOR', i, '{{"default_price_normal": 60}}' from generate_series(1, {DOCTORS}) i;
insert into user_access_log (user_id, ip, url, method, status_code, access_time, duration_ms)
    select nullif(i % 5000, 0), ('10.0.' || i % 200 || '.' || i % 250)::inet, '/patient/appointments?page=' || i, 'GET', 200,
           now() - i * interval '20 s', 3 from generate_series(1, 300000) i;
insert into statistics_sessions (schedule_id, slot_type, day, time_section, doctor_id, clinic_id, registrations, completed, revenue)
    select -(d * {DOCTORS} + i), '普通', current_date - d, '上午', i, 1 + i / 3, 5, 4, 250
      from generate_series(1, 30) d, generate_series(1, {DOCTORS}) i;
insert into statistics_days select current_date - d, now() from generate_series(1, 30) d;
reset session_replication_role;
"""

# Three visits of each patient, with their bills and records, and what the patients were told and said.
ORDERS = f"""
set session_replication_role = replica;
insert into registration_orders (id, order_no, patient_id, user_id, initiator_user_id, doctor_id, schedule_id, slot_no, slot_date, time_section,
                                 slot_type, starts_at, ends_at, list_price, price, status, payment_status, payment_method, payment_time, channel,
                                 created_at, updated_at)
    select n * {PEOPLE} + i, 'N' || n * {PEOPLE} + i, i, i, i, {DOCTORS // 2} + 1 + i % {DOCTORS // 2}, 6 * {DOCTORS} + {DOCTORS // 2} + 1 + i % {DOCTORS // 2}, n * 5 + i / {DOCTORS // 2}, current_date + 6,
           '上午', '普通', current_date + interval '152 hours', current_date + interval '153 hours', 50, 50, 'completed', 'paid', 'wechat', now(),
           'bjtu', now() - make_interval(mins => i), now() from generate_series(1, {PEOPLE}) i, generate_series(1, 3) n;
insert into bills (bill_no, patient_id, appointment_id, kind, subtotal, total, currency, status, created_at, updated_at)
    select 'B' || id, patient_id, id, 'REGISTRATION', 50, 50, 'CNY', 'PAID', created_at, now() from registration_orders;
insert into payments (payment_no, bill_id, amount, currency, method, status, created_by, created_at, updated_at)
    select 'P' || id, id, total, 'CNY', 'CASH', 'SUCCEEDED', patient_id, created_at, created_at from bills;
insert into refunds (refund_no, payment_id, amount, reason, status, created_at, completed_at)
    select 'R' || id, id, 1, 'x', 'SUCCEEDED', now(), now() from payments;
insert into medical_records (patient_id, doctor_id, appointment_id, visit_date, created_at, updated_at)
    select patient_id, doctor_id, id, starts_at, now(), now() from registration_orders;
insert into images (patient_id, appointment_id, format, file_name, size, sha256, released, created_at, updated_at)
    select patient_id, id, 'PNG', 'x.png', 9, sha256(id::text::bytea), true, now(), now() from registration_orders;
insert into message_outbox (channel, recipient, template, subject, body, user_id, order_id, listed, created_at, expires_at, sent_at)
    select 'sms', '13', 'visit_cancelled', '通知', '某事', user_id, id, true, created_at, now(), now() from registration_orders;
insert into feedbacks (user_id, type, content, created_at, updated_at)
    select user_id, 'bug', '某事', now(), now() from registration_orders;
insert into wechat_subscribe_auths (user_id, template_id, auth_status, created_at, updated_at)
    select user_id, 't' || id % 3, 'accept', now(), now() from registration_orders;
reset session_replication_role;
"""

LARGE = ("user_access_log", "schedules", "leave_audits", "schedule_audits", "doctors", "patients", "users", "registration_orders", "bills", "payments", "refunds", "system_config", "blobs", "blob_chunks",
         "stored_files", "statistics_sessions", "medical_records", "images", "message_outbox", "feedbacks", "wechat_subscribe_auths")


def fill(db, rows=ROWS):
    """The many rows, and statistics of them."""
    conn = db.connect()
    conn.autocommit = True
    with conn.cursor() as cur:
        cur.execute(rows)
        cur.execute("vacuum analyze")
    conn.close()


@functools.lru_cache(maxsize=None)
def statements(pool):
    """{name: text} of a pool, or of a folder of lib."""
    found = {}
    for file in glob.glob(os.path.join(paths.ROOT, "workers", pool, "*.sql")) + glob.glob(os.path.join(paths.ROOT, "lib", pool, "*.sql")):
        with open(file, encoding="utf-8") as f:
            for part in f.read().split("-- name: ")[1:]:
                name, _, text = part.partition("\n")
                found[name.strip()] = text
    return found


def literal(cur, value):
    return "null" if value is None else cur.mogrify("%s", (value,)).decode()


READ = f"""select relname, coalesce(seq_tup_read, 0), coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables
            where relname = any ('{{{','.join(LARGE)}}}') or relname like 'user_access_log_%'"""


def reads(conn, pool, name, *params):
    """{table: (rows read in sequence, rows fetched by an index)} of a statement as a worker that has run it before runs it, functions
    that it calls included; and its plan as text."""
    conn.rollback()                                          # what a failed one before left
    with conn.cursor() as cur:
        cur.execute("deallocate all")
        cur.execute("set jit = off; set enable_seqscan = off")       # as lib/db/pg.c does
        cur.execute(f"prepare asked as {statements(pool)[name]}")
        call = f"execute asked ({', '.join(literal(cur, p) for p in params)})" if params else "execute asked"
        for _ in range(6):                                   # from the sixth on a plan for all values is weighed
            cur.execute(call)
        cur.execute(READ)
        before = {t: (s, i) for t, s, i in cur.fetchall()}
        cur.execute(call)
        if cur.description:
            cur.fetchall()
        cur.execute(READ)
        after = {t: (s, i) for t, s, i in cur.fetchall()}
        cur.execute("explain " + call)
        plan = "\n".join(r[0] for r in cur.fetchall())
    return {t: tuple(a - b for a, b in zip(after[t], before.get(t, (0, 0)))) for t in after}, plan

