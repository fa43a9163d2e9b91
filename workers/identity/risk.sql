-- Risk of accounts: what bookings add to it, what visits and time take away (risk.c; BR-128, BR-129, BR-131 to BR-134). Scores, levels and
-- bans themselves are gh_risk_add() of migration 0026.

-- name: risk_orders_fast
-- BR-128: three bookings of account $1, for himself or a relative, within 10 minutes, since the last time that they were too many.
-- $2 now. The kind of ban that this brought, else null, and the account. A day is looked back, in case that the job came late.
with o as (
    select x.created_at, lag(x.created_at, 2) over (order by x.created_at, x.id) as third_last
      from registration_orders x
      join patients own on own.user_id = $1::bigint
     where x.initiator_user_id = $1 and x.status <> 'waitlist' and x.source_type <> 'add_slot'
       and x.created_at > greatest($2::timestamptz - interval '1 day', (select max(r.alert_time) from risk_logs r
                                     where r.user_id = $1 and r.behavior_type = 'short_time_batch_register'))
       and (x.patient_id = own.id or exists (select from patient_relations r
                                              where r.user_patient_id = own.id and r.related_patient_id = x.patient_id))
)
select gh_risk_add($1, 15, 'short_time_batch_register', format('10 分钟内挂号 %s 次', f.n), $2), $1
  from (select max((select count(*) from o y where y.created_at > o.created_at - interval '10 minutes' and y.created_at <= o.created_at)) as n
          from o where o.third_last > o.created_at - interval '10 minutes') f
 where f.n >= 3

-- name: risk_orders_wide
-- BR-129: bookings in three departments within an hour; as above.
with o as (
    select x.created_at, d.dept_id
      from registration_orders x
      join doctors d on d.id = x.doctor_id
      join patients own on own.user_id = $1::bigint
     where x.initiator_user_id = $1 and x.status <> 'waitlist' and x.source_type <> 'add_slot'
       and x.created_at > greatest($2::timestamptz - interval '1 day', (select max(r.alert_time) from risk_logs r
                                     where r.user_id = $1 and r.behavior_type = 'cross_department_batch'))
       and (x.patient_id = own.id or exists (select from patient_relations r
                                              where r.user_patient_id = own.id and r.related_patient_id = x.patient_id))
)
select gh_risk_add($1, 20, 'cross_department_batch', format('1 小时内在 %s 个科室挂号', w.n), $2), $1
  from (select max((select count(distinct y.dept_id) from o y
                     where y.created_at > o.created_at - interval '1 hour' and y.created_at <= o.created_at)) as n
          from o) w
 where w.n >= 3

-- name: risk_visit
-- BR-134: the visit of order $1 took place; $2 now. As above.
select gh_risk_add(u.id, -10, 'complete_visit', '就诊完成 ' || o.order_no, $2::timestamptz), u.id
  from registration_orders o
  join patients p on p.id = o.patient_id
  join users u on u.id = coalesce(p.user_id, o.initiator_user_id)
  join user_risk_summaries s on s.user_id = u.id and s.current_score > 0
 where o.id = $1::bigint and o.status = 'completed'

-- name: risk_sessions
-- Living sessions of the accounts $1, the accounts locked first: no new session appears meanwhile.
with who as materialized (
    select id from users where id = any ($1::bigint[]) order by id for no key update
)
select s.id, extract(epoch from s.access_expires_at)::bigint as until
  from sessions s
 where s.user_id in (select id from who) and s.revoked_at is null
 order by s.id
   for update of s

-- name: risk_bans_end
-- BR-133: bans whose end has passed. $1 now
update user_bans set is_active = false, unban_time = $1::timestamptz, updated_at = $1
 where is_active and ban_until <= $1

-- name: risk_decay
-- BR-131: a tenth less for every whole week since the last incident, each week once. $1 now
with due as materialized (
    select s.user_id, s.current_score, w.since, floor(extract(epoch from $1::timestamptz - w.since) / 604800)::int as weeks
      from user_risk_summaries s
     cross join lateral (select greatest(s.last_incident_time, s.last_decay_time) as since) w
     where s.current_score > 0 and w.since <= $1 - interval '7 days'
     order by s.user_id
       for update of s
), fallen as (
    update user_risk_summaries s
       set current_score = trunc(d.current_score * 0.9 ^ d.weeks)::int,
           current_level = gh_risk_level(trunc(d.current_score * 0.9 ^ d.weeks)::int),
           last_decay_time = d.since + d.weeks * interval '7 days', version = s.version + 1, updated_at = $1
      from due d
     where s.user_id = d.user_id
 returning s.user_id, s.current_score - d.current_score as change, s.current_level, d.weeks
), logged as (
    insert into risk_logs (user_id, risk_score, risk_level, behavior_type, description, alert_time)
    select user_id, change, current_level, 'natural_decay', format('%s 周无异常', weeks), $1 from fallen
)
select count(*) from fallen

-- name: risk_stable
-- BR-132: 30 days without incident, once in 30 days. $1 now. Accounts that were banned all the same, their score still being high (BR-135).
select x.kind, x.user_id
  from (select s.user_id, gh_risk_add(s.user_id, -15, 'monthly_stable', '30 天无异常', $1::timestamptz) as kind
          from user_risk_summaries s
         where s.current_score > 0 and s.last_incident_time <= $1 - interval '30 days'
           and not exists (select from risk_logs r where r.user_id = s.user_id and r.behavior_type = 'monthly_stable'
                              and r.alert_time > $1 - interval '30 days')
         order by s.user_id offset 0) x
 where x.kind is not null
