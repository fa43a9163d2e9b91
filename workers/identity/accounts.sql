-- Accounts of one's own: registration, new passwords (api/21 AU-01, AU-05, AU-06, AU-08; R-20 to R-24, R-35 to R-39).
-- These are TASKs (bcrypt runs between their transactions), so the runtime keeps no record of them, nor should their replies
-- be stored, which carry tokens: what is kept under the job's id is the account, for a job that is delivered a second time.

-- name: account_mark_find
-- $1 job, $2 operation: the account that this very job has written to already
select body::bigint as user_id from job_done where id = $1::uuid and op = $2::text

-- name: account_mark
-- $1 job, $2 operation, $3 account
insert into job_done (id, op, status, body) values ($1::uuid, $2::text, 0, $3::bigint::text)

-- name: account_show
-- $1 account, $2 now, $3 zone
select gh_v1_user(u, $2::timestamptz, $3::text)::text as shown, gh_user_brief(u)::text as brief,
       array_to_string(gh_user_roles(u.id), ',') as roles
  from users u where u.id = $1::bigint

-- name: register_find
-- $1 user name, $2 mail address, $3 phone number: which are names already
select gh_name_used($1::text) as username, gh_name_used($2::text) as email, gh_name_used($3::text) as phone

-- name: register_lock
-- $1 base of a user name: of accounts that are to be named after it, one at a time
select pg_advisory_xact_lock(hashtextextended('username ' || lower($1::text), 0))

-- name: register_write
-- $1 user name, $2 base of one when none is given, $3 mail address, $4 phone number, $5 full name, $6 first name, $7 last name,
-- $8 gender, $9 birth date, $10 password hash, $11 now, $12 job, $13 operation. All of R-22 in one statement.
with account as (
    insert into users (username, email, phonenumber, full_name, user_type, hashed_password, password_changed_at, is_verified,
                       created_at, updated_at)
    values (coalesce($1::text, gh_free_username($2::text)), $3::text, $4::text, $5::text, 'external', $10::text, $11::timestamptz,
            true, $11, $11)
    returning id, username, full_name, phonenumber
), role as (
    insert into user_roles (user_id, role_code, granted_at) select id, 'PATIENT', $11 from account
), patient as (
    insert into patients (user_id, name, first_name, last_name, gender, date_of_birth, patient_type, is_verified, phone, created_at,
                          updated_at)
    select id, left(coalesce(full_name, username, phonenumber), 50), $6::text, $7::text, $8::text, $9::date, '校外', true,
           phonenumber, $11, $11 from account
    returning id
), self as (
    insert into patient_relations (user_patient_id, related_patient_id, relation_type, is_default, created_at, updated_at)
    select id, id, '本人', true, $11, $11 from patient
), mark as (
    insert into job_done (id, op, status, body) select $12::uuid, $13::text, 0, id::text from account
)
select id from account
