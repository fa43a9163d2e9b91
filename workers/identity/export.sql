-- What a patient may read, as one file (api/22 PA-17), and the images of a patient (PA-16).

-- name: v1_export
-- $1 own patient row, $2 caller, $3 now, $4 today, $5 zone, $6 currency. Rights are those of the moment it runs: what a permission no
-- longer gives is null. Appointments and bills are those that the lists of api/24 and api/26 show him, with his relatives'.
with who as (
    select p, gh_scopes_of($2::bigint, 'appointment:read') & 9 <> 0 as visits,
           gh_scopes_of($2, 'record:read') & 9 <> 0 as records, gh_scopes_of($2, 'billing:read') & 9 <> 0 as bills,
           gh_scopes_of($2, 'image:read') & 9 <> 0 as images
      from (select) one
      left join patients p on p.id = $1::bigint and p.deleted_at is null
), orders as (
    select o.id from registration_orders o where o.patient_id = $1
     union
    select o.id from patient_relations r join registration_orders o on o.patient_id = r.related_patient_id
     where r.user_patient_id = $1
), own_bills as (
    select b.id from bills b where b.patient_id = $1
     union
    select b.id from registration_orders o join bills b on b.appointment_id = o.id
     where o.initiator_user_id = $2
), file as (
    select json_build_object(
        'format', 'guahao-patient-1', 'exported_at', gh_ts_text($3::timestamptz, $5::text),
        'account', (select gh_v1_user(u, $3, $5) from users u where u.id = $2),
        'patient', gh_v1_patient(w.p, true, case when w.records then true end, $5, $4::date),
        'relatives', (select coalesce(json_agg(json_build_object(
                                 'patient', gh_code_relative(q, $4), 'relation', r.relation_type,
                                 'is_default', r.is_default, 'remark', r.remark, 'created_at', gh_ts_text(r.created_at, $5))
                                 order by r.id), '[]')
                        from patient_relations r join patients q on q.id = r.related_patient_id and q.deleted_at is null
                       where r.user_patient_id = $1),
        'assignments', (select coalesce(json_agg(gh_v1_assignment(a) order by a.id), '[]')
                          from care_assignments a where a.patient_id = $1),
        'appointments', case when w.visits then
            (select coalesce(json_agg(gh_v1_appointment(b, $5, $6::text) order by b.starts_at, b.id), '[]')
               from orders o
              cross join lateral (select v.* from v_bookings v where v.id = o.id and v.status <> 'waitlist' offset 0) b) end,
        'records', case when w.records then
            (select coalesce(json_agg(gh_code_visit(r, $5, $4) order by r.visit_date, r.id), '[]')
               from medical_records r where r.patient_id = $1 and r.status in ('FINAL', 'AMENDED')) end,
        'bills', case when w.bills then
            (select coalesce(json_agg(gh_v1_bill(b, $4, $5) order by b.id), '[]')
               from bills b where b.id in (select id from own_bills)) end,
        'payments', case when w.bills then
            (select coalesce(json_agg(gh_v1_payment(y, $5) order by y.id), '[]')
               from payments y where y.bill_id in (select id from own_bills)) end,
        'refunds', case when w.bills then
            (select coalesce(json_agg(gh_v1_refund(r, $5) order by r.id), '[]')
               from payments y join refunds r on r.payment_id = y.id where y.bill_id in (select id from own_bills)) end,
        'images', case when w.images then
            (select coalesce(json_agg(gh_v1_image(i, $5) order by i.id), '[]')
               from images i where i.patient_id = $1 and i.released and i.deleted_at is null) end,
        'notices', (select coalesce(json_agg(json_build_object(
                               'id', m.id, 'title', m.subject, 'content', m.body, 'type', gh_notice_type(m.template),
                               'read_at', gh_ts_text(m.read_at, $5), 'created_at', gh_ts_text(m.created_at, $5)) order by m.id), '[]')
                      from message_outbox m where m.user_id = $2 and m.listed),
        'feedback', (select coalesce(json_agg(gh_code_feedback(f, $5) order by f.id), '[]')
                       from feedbacks f where f.user_id = $2),
        'sessions', (select coalesce(json_agg(json_build_object(
                                'id', s.id, 'created_at', gh_ts_text(s.created_at, $5), 'last_seen_at', gh_ts_text(s.last_seen_at, $5),
                                'expires_at', gh_ts_text(s.expires_at, $5), 'ip', host(s.ip), 'user_agent', s.user_agent,
                                'surface', s.surface) order by s.created_at, s.id), '[]')
                       from sessions s where s.user_id = $2 and s.revoked_at is null and s.expires_at > $3))::text as body
      from who w
     where (w.p).id is not null
)
select case when f.body is null then 'PROFILE_NOT_FOUND' end as error, f.body, 'application/vnd.guahao.export+json' as type,
       json_build_object('Content-Disposition', format('attachment; filename="patient-%s-%s.json"', (w.p).mrn, to_char($4, 'YYYYMMDD')))
           as headers,
       case when f.body is not null then json_build_object('action', 'patient.export', 'entity', 'patient', 'entity_id', $1,
                                                           'patient_id', $1) end as audit
  from who w left join file f on true

-- name: v1_patient_images
-- PA-16. $1 patient, $2 the query as an object, $3 scopes, $4 own patient row, $5 doctor row, $6 department, $7 role bits, $8 zone,
-- $9 today. Who reaches the patient as himself alone sees what was released (R-189); deleted images are for ADMIN and superusers.
with asked as (
    select coalesce($2::jsonb, '{}') as query, coalesce(($2::jsonb->>'page')::int, 1) as page,
           coalesce(($2::jsonb->>'per_page')::int, ($2::jsonb->>'limit')::int, ($2::jsonb->>'page_size')::int, 20) as size,
           string_to_array(replace($2::jsonb->>'sort', ' ', ''), ',') as sort,
           string_to_array(replace($2::jsonb->>'fields', ' ', ''), ',') as fields, lower($2::jsonb->>'q') as words,
           coalesce(($2::jsonb->>'include_deleted')::boolean, false) as deleted,
           gh_json_texts($2::jsonb->'modality') as modalities, gh_json_texts($2::jsonb->'body_part') as parts,
           gh_json_texts($2::jsonb->'status') as states, gh_json_texts($2::jsonb->'record_id')::bigint[] as records,
           gh_moment($2::jsonb->>'created_at_from', $8::text, false) as since,
           gh_moment($2::jsonb->>'created_at_to', $8, true) as until, gh_acts_for($5::bigint, $6::bigint, $7::int) as doctors
), who as (
    select p.id, coalesce(case when a.deleted and $7 & 33 = 0 then 'FORBIDDEN' end,
                          gh_patient_reach(p, $3::int, $4::bigint, a.doctors, $9::date)) as error,
           $3 & 1 = 1 or ($3 & 4 = 4 and gh_assigned(p, a.doctors, $9)) as whole
      from asked a
      left join patients p on p.id = $1::bigint and p.deleted_at is null
), found as materialized (
    select i
      from asked a
     cross join who w
      join images i on i.patient_id = w.id
     where w.error is null and (w.whole or i.released) and (a.deleted or i.deleted_at is null)
       and (a.modalities is null or i.modality = any (a.modalities)) and (a.parts is null or i.body_part = any (a.parts))
       and (a.states is null or i.status = any (a.states)) and (a.records is null or i.record_id = any (a.records))
       and ($2::jsonb->>'study_uid' is null or i.study_uid = $2::jsonb->>'study_uid')
       and ($2::jsonb->>'series_uid' is null or i.series_uid = $2::jsonb->>'series_uid')
       and (a.since is null or i.created_at >= a.since) and (a.until is null or i.created_at <= a.until)
       and (a.words is null
            or strpos(lower(concat_ws(E'\n', i.description, i.body_part, i.file_name, array_to_string(i.tags, E'\n'))), a.words) > 0)
), page as (
    select x.id, row_number() over () as place
      from (select (f.i).id
              from asked a
              join found f on true
             order by case when a.sort[1] not like '-%' then gh_image_order(a.sort[1], f.i) end,
                      case when a.sort[1] like '-%' then gh_image_order(substr(a.sort[1], 2), f.i) end desc nulls last,
                      case when a.sort[2] not like '-%' then gh_image_order(a.sort[2], f.i) end,
                      case when a.sort[2] like '-%' then gh_image_order(substr(a.sort[2], 2), f.i) end desc nulls last,
                      case when a.sort[3] not like '-%' then gh_image_order(a.sort[3], f.i) end,
                      case when a.sort[3] like '-%' then gh_image_order(substr(a.sort[3], 2), f.i) end desc nulls last,
                      case when a.sort[4] not like '-%' then gh_image_order(a.sort[4], f.i) end,
                      case when a.sort[4] like '-%' then gh_image_order(substr(a.sort[4], 2), f.i) end desc nulls last,
                      case when a.sort[5] not like '-%' then gh_image_order(a.sort[5], f.i) end,
                      case when a.sort[5] like '-%' then gh_image_order(substr(a.sort[5], 2), f.i) end desc nulls last,
                      (f.i).id
             limit (select size from asked) offset (select (page - 1)::bigint * size from asked)) x
)
select w.error,
       json_build_object(
           'items', coalesce((select json_agg(gh_pick(gh_v1_image(i, $8), a.fields) order by g.place)
                                from page g join images i on i.id = g.id), '[]'),
           'page', a.page, 'page_size', a.size, 'total', t.total, 'pages', (t.total + a.size - 1) / a.size)::text as body,
       gh_page_headers(a.query, a.page, a.size, t.total) as headers
  from asked a
 cross join who w
 cross join (select count(*) as total from found) t
