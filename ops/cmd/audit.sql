-- Statements of `guahao audit` (ops/cmd/audit.c).

-- name: audit_verify
-- $1, $2 ids, or null: from the first, to the last
select checked, unsealed, first_bad_id, head from gh_audit_verify($1::bigint, $2::bigint);
