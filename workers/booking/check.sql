-- AP-12: what a booking would be told, without a lock and without a trace (check.c). Columns as book_people (booking.sql) and lock_sessions
-- (new_order.sql) give them.

-- name: peek_people
-- Also of who joins a waitlist. $1 users, $2 patients (null: the own row), $3 override asked for, $4 now, $5 doctors of bookings by time (null: by session),
-- $6 today.
select own.id, p.id, p.user_id, coalesce(p.full_name, p.name), coalesce(p.phone, u.phonenumber), p.patient_type,
       p.id <> own.id and exists (
           select from patient_relations r where r.user_patient_id = own.id and r.related_patient_id = p.id) as related,
       (p.id = own.id) is not true and exists (
           select from doctors d
            where d.user_id = t.user_id and d.deleted_at is null and gh_assigned(p, array[d.id], $6::date)) as assigned,
       exists (select from user_bans b
                where b.user_id = t.user_id and b.is_active and b.ban_type in ('register', 'all')
                  and (b.ban_until is null or b.ban_until > $4::timestamptz)) as banned,
       t.override and exists (
           select from user_roles ur join role_permissions rp on rp.role_code = ur.role_code
            where ur.user_id = t.user_id and rp.permission_code = 'appointment:override') as may_override,
       coalesce(t.doctor_id is null or (
           select true from doctors d where d.id = t.doctor_id and d.deleted_at is null), false) as doctor_exists
  from unnest($1::bigint[], $2::bigint[], $3::boolean[], $5::bigint[]) with ordinality as t (user_id, patient_id, override, doctor_id, n)
  left join patients own on own.user_id = t.user_id and own.deleted_at is null
  left join patients p on p.id = coalesce(t.patient_id, own.id) and p.deleted_at is null
  left join users u on u.id = p.user_id
 order by t.n;

-- name: peek_sessions
-- $1 session ids, $2 and $3 doctor and day of bookings by time.
select s.id, s.doctor_id, coalesce(s.clinic_id, 0), coalesce(c.area_id, 0), d.dept_id,
       (extract(epoch from s.starts_at) * 1000000)::bigint, (extract(epoch from s.ends_at) * 1000000)::bigint,
       s.date - date '1970-01-01', s.slot_minutes, s.total_slots, s.remaining_slots,
       s.is_latest and s.status = '正常' and d.deleted_at is null and d.status <> 'INACTIVE' as open, s.price, s.time_section, s.slot_type, 0 as writer, 0 as this_xid,
       coalesce(d.full_name, d.name), d.title, m.name, c.name, coalesce(c.minor_dept_id, d.dept_id)
  from (select unnest($1::bigint[]) as id
        union
        select n.id
          from unnest($2::bigint[], $3::date[]) as t (doctor_id, day)
          join schedules n on n.doctor_id = t.doctor_id and n.date = t.day and n.is_latest) w
  join schedules s on s.id = w.id
  join doctors d on d.id = s.doctor_id
  left join minor_departments m on m.id = d.dept_id
  left join clinics c on c.id = s.clinic_id
 order by s.id;
