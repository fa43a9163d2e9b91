-- Registration on the code surface (signup.c, confirm.c; BR-09, BR-10, R-20).

-- name: signup_release
-- $1 phone number, $2 mail address, $3 user name, $4 now. Accounts whose address nobody has confirmed in time keep none of these.
update users set username = null, email = null, phonenumber = null, is_deleted = true, is_active = false
 where id = any (array (
     select id from users
      where confirm_until < $4::timestamptz and not is_verified and not is_deleted
        and (phonenumber = $1::text or email_ci = lower($2::text) or username_ci = lower($3::text))
        for update skip locked))

-- name: signup_find
-- $1 phone number, $2 mail address, $3 user name, $4 now
select coalesce((select verified_until > $4::timestamptz from verification_codes where channel = 'sms' and recipient = $1::text),
                false) as verified,
       gh_name_used($1) as phone, gh_name_used($2::text) as email, gh_name_used($3::text) as username

-- name: signup_use_window
-- $1 phone number, $2 now. A window that closed meanwhile makes the job start over.
with used as (
    update verification_codes set verified_until = null
     where channel = 'sms' and recipient = $1::text and verified_until > $2::timestamptz
    returning 1
)
select gh_unless_stale(exists (select 1 from used))

-- name: signup_write
-- $1 user name, $2 mail address, $3 phone number, $4 password hash, $5 now, $6 end of the link, $7 job, $8 operation. The patient
-- row comes with the confirmation.
with account as (
    insert into users (username, email, phonenumber, user_type, hashed_password, password_changed_at, is_verified, confirm_until,
                       created_at, updated_at)
    values ($1::text, $2::text, $3::text, 'external', $4::text, $5::timestamptz, false, $6::timestamptz, $5, $5)
    returning id
), role as (
    insert into user_roles (user_id, role_code, granted_at) select id, 'PATIENT', $5 from account
)
insert into job_done (id, op, status, body) select $7::uuid, $8::text, 0, id::text from account

-- name: confirm_find
-- $1 mail address, $2 now
select id, is_verified from users
 where email_ci = lower($1::text) and confirm_until > $2::timestamptz and not is_deleted
   for no key update

-- name: confirm_write
-- $1 account, $2 now
with account as (
    update users set is_verified = true, version = version + 1, updated_at = $2::timestamptz where id = $1::bigint
    returning id, username, phonenumber
), patient as (
    insert into patients (user_id, name, patient_type, is_verified, phone, created_at, updated_at)
    select id, left(coalesce(username, phonenumber), 50), '校外', true, phonenumber, $2, $2 from account
        on conflict (user_id) do nothing
    returning id
)
insert into patient_relations (user_patient_id, related_patient_id, relation_type, is_default, created_at, updated_at)
select id, id, '本人', true, $2, $2 from patient
