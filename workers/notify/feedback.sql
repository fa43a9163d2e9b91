-- Feedback of users (api/11 section 11.1, BR-144).

-- name: feedback_create
-- $1 body, $2 who, $3 now, $4 zone. Text of nothing but white space is none; contact details that are empty are not given.
with asked as (
    select $1::jsonb->>'type' as type, gh_name($1::jsonb->>'content') as content,
           nullif(btrim($1::jsonb->>'contactPhone'), '') as phone, nullif(btrim($1::jsonb->>'contactEmail'), '') as email
), made as (
    insert into feedbacks (user_id, type, content, contact_phone, contact_email, created_at, updated_at)
    select $2::bigint, a.type, a.content, a.phone, a.email, $3::timestamptz, $3
      from asked a
     where a.content <> ''
 returning feedbacks.*
)
select gh_code_feedback(m, $4::text)::text as body,
       case when m.id is null then '{"field": "content", "text": "must not be blank"}' end as invalid
  from (select) x left join made m on true;

-- name: feedback_list
-- $1 whose, null: everybody's, $2 zone. No page has an end: the newest 10,000.
select coalesce(json_agg(json_build_object('feedback_id', f.id, 'type', f.type, 'content', left(f.content, 30),
                                           'submitDate', (f.created_at at time zone $2::text)::date, 'status', f.status)
                         order by f.id desc), '[]')::text as body
  from (select * from feedbacks f where f.user_id = $1::bigint
         union all
        select * from feedbacks f where $1::bigint is null
         order by id desc limit 10000) f;

-- name: feedback_get
-- $1 feedback, $2 whose, $3 zone
select case when f.id is null then 'FEEDBACK_NOT_FOUND_OR_FOREIGN' end as error,
       gh_with(gh_with(gh_code_feedback(f, $3::text), 'contactPhone', to_json(f.contact_phone)), 'contactEmail',
               to_json(f.contact_email))::text as body
  from (select) x left join feedbacks f on f.id = $1::bigint and f.user_id = $2::bigint;

-- name: feedback_status
-- $1 feedback, $2 status, $3 now
with was as materialized (
    select * from feedbacks where id = $1::bigint for update
), changed as (
    update feedbacks f set status = $2::text, version = f.version + 1, updated_at = $3::timestamptz
      from was where f.id = was.id and was.status <> $2
)
select case when w.id is null then 'FEEDBACK_NOT_FOUND' end as error,
       json_build_object('detail', '反馈状态已更新', 'feedback_id', w.id, 'status', $2)::text as body,
       case when w.status <> $2
            then json_build_object('action', 'feedback.update', 'entity', 'feedback', 'entity_id', w.id,
                                   'changes', json_build_object('status', json_build_array(w.status, $2))) end as audit
  from (select) x left join was w on true;
